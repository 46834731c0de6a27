/*
 * A node's root server that greets each peer whenever its link opens, and prints what it hears: a line when a
 * link opens or closes, each line that comes. To "status" from its host it answers with two lines. Run by
 * test/node/run.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/link_port.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/thread.h>
#include <skerry/vspace.h>

#define SLOT 5
#define LINE 200

static struct link link;
static uint64_t paddr[LINK_PAGES(LINK_PORTS)];
static char self[LINK_NAME];

static struct {
	uint32_t opened;
	bool open;
	char line[LINE];
	size_t size;
} heard[LINK_PORTS];

static struct link_memory memory_new(unsigned pages)
{
	struct link_memory memory = {.paddr = paddr, .pages = pages};
	seL4_CPtr frames;

	memory.at = sk_pages_new(pages, &frames);
	for (unsigned i = 0; i < pages; i++) {
		seL4_RISCV_Page_GetAddress_t address = seL4_RISCV_Page_GetAddress(frames + i);

		sk_must(address.error);
		paddr[i] = address.paddr;
	}
	return memory;
}

static bool is_control(unsigned port)
{
	return strncmp(link.port[port].name, "control.", 8) == 0;
}

static const char *peer_of(unsigned port)
{
	return strchr(link.port[port].name, '.') + 1;
}

static void compute(void *argument)
{
	(void)argument;
	for (;;)
		__asm__ volatile("");
}

static void work(void)
{
	static struct sk_thread thread;

	sk_thread_new(&thread, "work", 1, 0);
	sk_thread_start(&thread, compute, NULL);
}

static void hear(unsigned port, const char *line)
{
	static const char answer[] = "talks\nand listens\n\n";

	if (!is_control(port) && strcmp(line, "echo") == 0)
		link_write(&link, port, "echo\n", 5);
	else if (!is_control(port) && strcmp(line, "work") == 0)
		work();
	else if (!is_control(port))
		printf("%s says: %s\n", peer_of(port), line);
	else if (strcmp(line, "status") == 0)
		link_write(&link, port, answer, sizeof answer - 1);
	else
		printf("%s\n", line);
}

static bool listen(unsigned port)
{
	char bytes[512];
	size_t size = link_read(&link, port, bytes, sizeof bytes);

	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\n' || heard[port].size == LINE - 1) {
			heard[port].line[heard[port].size] = 0;
			hear(port, heard[port].line);
			heard[port].size = 0;
		} else {
			heard[port].line[heard[port].size++] = bytes[i];
		}
	}
	return size > 0;
}

static void see(unsigned port)
{
	const struct link_port *now = &link.port[port];
	char line[LINE];

	if (!now->name[0] || (heard[port].opened == now->opened && heard[port].open == now->open))
		return;
	if (heard[port].opened != now->opened)
		heard[port].size = 0;
	heard[port].opened = now->opened;
	heard[port].open = now->open;
	if (is_control(port)) {
		snprintf(self, sizeof self, "%s", peer_of(port));
		return;
	}
	printf("%s is %s\n", peer_of(port), now->open ? "here" : "gone");
	if (now->open) {
		snprintf(line, sizeof line, "greetings to %s\n", peer_of(port));
		link_write(&link, port, line, strlen(line));
	}
}

int main(void)
{
	struct link_memory memory = memory_new(LINK_PAGES(LINK_PORTS));
	seL4_CPtr signal = sk_notification_new(), irq = sk_irq_new(SK_VIRTIO_IRQ + SLOT, signal);

	if (!link_begin(&link, sk_device_map(SK_VIRTIO_PADDR + SLOT * 0x1000), &memory)) {
		printf("no link device\n");
		return 1;
	}
	for (;;) {
		bool moved = true;

		link_interrupt(&link);
		sk_must(seL4_IRQHandler_Ack(irq));
		while (moved) {
			moved = false;
			for (unsigned port = 0; port < link.ports; port++) {
				see(port);
				moved |= listen(port);
			}
		}
		seL4_Wait(signal, NULL);
	}
}
