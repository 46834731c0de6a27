/*
 * A root server that gives back what comes by the link device's ports, in capital letters, as long as the
 * control port does not say "quit": it says which ports there are, and when the other end opens or closes.
 * Run by test/link/node.c, and under QEMU by test/link/qemu.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/link_port.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/vspace.h>

#define SLOT 5

static struct link link;
static uint64_t paddr[LINK_PAGES(LINK_PORTS)];

/* What is on its way back. */
static struct {
	uint8_t bytes[LINK_CHUNK];
	size_t size;
	bool named, open;
	uint32_t opened;
} back[LINK_PORTS];

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

static void say_changes(unsigned port)
{
	const struct link_port *now = &link.port[port];

	if (!now->name[0])
		return;
	if (!back[port].named)
		printf("port %s\n", now->name);
	back[port].named = true;
	if (back[port].opened != now->opened || back[port].open != now->open)
		printf("%s is %s\n", now->name, now->open ? "open" : "closed");
	back[port].opened = now->opened;
	back[port].open = now->open;
}

/* Returns true if something moved. */
static bool give_back(unsigned port)
{
	bool moved = false;

	if (back[port].size == 0) {
		back[port].size = link_read(&link, port, back[port].bytes, sizeof back[port].bytes);
		if (strncmp(link.port[port].name, "control.", 8) == 0 && back[port].size == 4 &&
		    memcmp(back[port].bytes, "quit", 4) == 0)
			sk_finish(0);
		for (size_t i = 0; i < back[port].size; i++)
			back[port].bytes[i] = (uint8_t)toupper(back[port].bytes[i]);
		moved = back[port].size > 0;
	}
	if (back[port].size > 0 && link_write(&link, port, back[port].bytes, back[port].size)) {
		back[port].size = 0;
		moved = true;
	}
	return moved;
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
				say_changes(port);
				moved |= give_back(port);
			}
		}
		seL4_Wait(signal, NULL);
	}
}
