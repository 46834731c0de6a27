/*
 * A root server that sends numbered records by all its links and counts those that come: what the network
 * between simulated nodes does is seen from inside. Each millisecond of its own wall clock it sends one by
 * each link, each eighth time two, one right behind the other. A line by the control port that begins with
 * "report" makes it print what it has. Run by test/sim/sim.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/link_port.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/rtc.h>
#include <skerry/vspace.h>

#define SLOT      5
#define TICK_NS   1000000ul
#define JUMP_NS   (20 * TICK_NS) /* a tick that is so late was not one */
#define BADGE_RTC 1
#define MAGIC     0x45524b53u

struct record {
	uint32_t magic, check;
	uint64_t number;
};

static struct link link;
static uint64_t paddr[LINK_PAGES(LINK_PORTS)];
static volatile uint32_t *rtc;

static struct peer {
	uint64_t sent, came, highest, late, twice, damaged;
	uint64_t seen[1024]; /* a bit for each number */
} peers[LINK_PORTS];

static void memory_begin(struct link_memory *memory)
{
	seL4_CPtr frames;

	memory->pages = LINK_PAGES(LINK_PORTS);
	memory->at = sk_pages_new(memory->pages, &frames);
	memory->paddr = paddr;
	for (unsigned i = 0; i < memory->pages; i++) {
		seL4_RISCV_Page_GetAddress_t address = seL4_RISCV_Page_GetAddress(frames + i);

		sk_must(address.error);
		paddr[i] = address.paddr;
	}
}

static bool is_control(unsigned port)
{
	return strncmp(link.port[port].name, "control.", 8) == 0;
}

static uint32_t check_of(uint64_t number)
{
	return (uint32_t)(number * 0x9e3779b97f4a7c15ull >> 32);
}

/* The least number of a peer that crashed is 1 again. */
static void count(struct peer *peer, const struct record *record, size_t size)
{
	uint64_t number = record->number % 65536;

	if (size != sizeof *record || record->magic != MAGIC || record->check != check_of(record->number)) {
		peer->damaged++;
		return;
	}
	peer->came++;
	peer->late += record->number < peer->highest;
	peer->twice += peer->seen[number / 64] >> number % 64 & 1;
	peer->seen[number / 64] |= 1ull << number % 64;
	peer->highest = record->number > peer->highest ? record->number : peer->highest;
}

static void report(void)
{
	for (unsigned port = 0; port < link.ports; port++) {
		const struct peer *peer = &peers[port];

		if (!is_control(port))
			printf("%s sent %" PRIu64 " came %" PRIu64 " highest %" PRIu64 " late %" PRIu64
			       " twice %" PRIu64 " damaged %" PRIu64 "\n",
			       link.port[port].name, peer->sent, peer->came, peer->highest, peer->late,
			       peer->twice, peer->damaged);
	}
}

static void read_ports(void)
{
	for (unsigned port = 0; port < link.ports; port++) {
		struct record record;
		char line[64];
		size_t size;

		if (is_control(port)) {
			size = link_read(&link, port, line, sizeof line - 1);
			line[size] = 0;
			if (strncmp(line, "report", 6) == 0)
				report();
			else if (size > 0)
				printf("%s", line);
			continue;
		}
		while ((size = link_read(&link, port, &record, sizeof record)) > 0)
			count(&peers[port], &record, size);
	}
}

static void send_records(void)
{
	for (unsigned port = 0; port < link.ports; port++) {
		struct record record = {.magic = MAGIC, .number = peers[port].sent + 1};

		record.check = check_of(record.number);
		if (!is_control(port) && link.port[port].open &&
		    link_write(&link, port, &record, sizeof record))
			peers[port].sent++;
	}
}

/* Returns when the next tick is. */
static uint64_t tick(uint64_t due)
{
	static unsigned ticks;
	uint64_t now = sk_rtc_now(rtc);

	if (now >= due) {
		if (now - due > JUMP_NS)
			printf("the clock jumped by %" PRIu64 " ms\n", (now - due) / 1000000);
		send_records();
		if (++ticks % 8 == 0)
			send_records();
		due = now + TICK_NS;
	} else if (due - now > 2 * TICK_NS) {
		printf("the clock jumped back by %" PRIu64 " ms\n", (due - now) / 1000000);
		due = now + TICK_NS;
	}
	sk_rtc_alarm(rtc, due);
	return due;
}

int main(void)
{
	seL4_CPtr signal = sk_notification_new(), clock_signal, irq, clock_irq;
	struct link_memory memory;
	uint64_t due;

	memory_begin(&memory);
	rtc = sk_device_map(SK_RTC_PADDR);
	clock_signal = sk_cap_mint(signal, seL4_AllRights, BADGE_RTC);
	clock_irq = sk_irq_new(SK_RTC_IRQ, clock_signal);
	irq = sk_irq_new(SK_VIRTIO_IRQ + SLOT, signal);
	if (!link_begin(&link, sk_device_map(SK_VIRTIO_PADDR + SLOT * 0x1000), &memory))
		return 1;
	rtc[SK_RTC_INTERRUPT_ENABLED] = 1;
	due = sk_rtc_now(rtc) + TICK_NS;
	sk_rtc_alarm(rtc, due);
	for (;;) {
		link_interrupt(&link);
		sk_must(seL4_IRQHandler_Ack(irq));
		read_ports();
		rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
		sk_must(seL4_IRQHandler_Ack(clock_irq));
		due = tick(due);
		seL4_Wait(signal, NULL);
	}
}
