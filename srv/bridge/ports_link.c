/* The bridge's ports on a node: the link device (lib/skerry/link_port.h) and the board's clock;
 * cluster_start(). */
#include <skerry/check.h>
#include <skerry/cluster.h>
#include <skerry/device.h>
#include <skerry/link_port.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/rtc.h>
#include <skerry/vspace.h>
#include "srv/bridge/bridge.h"
#include "srv/bridge/start.h"

#define LINK_SLOT        5
#define LINK_PADDR       (SK_VIRTIO_PADDR + LINK_SLOT * 0x1000)
#define LINK_PAGE_COUNT  LINK_PAGES(LINK_PORTS)
#define DEFAULT_PRIORITY 200
#define DEFAULT_WORKERS  32

/* Addresses in the bridge. */
#define LINK_REGISTERS   0x60000000ul
#define CLOCK_REGISTERS  0x60001000ul
#define LINK_MEMORY      0x60100000ul

static volatile uint32_t *const clock = (volatile uint32_t *)CLOCK_REGISTERS;

/* Set by the root server before it makes the bridge, which has a copy. */
static uint64_t paddr[LINK_PAGE_COUNT];

static struct link link;

/* --- in the bridge ------------------------------------------------------------------------------ */

static void ports_start(void *context)
{
	struct link_memory memory = {(void *)LINK_MEMORY, paddr, LINK_PAGE_COUNT};

	(void)context;
	clock[SK_RTC_INTERRUPT_ENABLED] = 1;
	if (!link_begin(&link, (volatile void *)LINK_REGISTERS, &memory))
		sk_panic("bridge: no link device");
}

static unsigned ports_count(void *context)
{
	(void)context;
	return link.ports;
}

static const char *ports_name(void *context, unsigned port)
{
	(void)context;
	return link.port[port].name[0] ? link.port[port].name : NULL;
}

static unsigned ports_opened(void *context, unsigned port)
{
	(void)context;
	return link.port[port].open ? link.port[port].opened : 0;
}

static bool ports_send(void *context, unsigned port, const void *bytes, size_t size)
{
	(void)context;
	return link_write(&link, port, bytes, size);
}

static size_t ports_receive(void *context, unsigned port, void *bytes, size_t size)
{
	(void)context;
	return link_read(&link, port, bytes, size);
}

static void ports_interrupt(void *context, uint64_t badges)
{
	(void)context;
	if (badges & BRIDGE_BADGE_PORTS) {
		link_interrupt(&link);
		seL4_IRQHandler_Ack(SLOT_PORTS_IRQ);
	}
	if (badges & BRIDGE_BADGE_CLOCK) {
		clock[SK_RTC_CLEAR_INTERRUPT] = 1;
		seL4_IRQHandler_Ack(SLOT_CLOCK_IRQ);
	}
}

/* By the processor's time, which costs less than to ask a device, and which nobody sets. */
static uint64_t ports_now(void *context)
{
	uint64_t time;

	(void)context;
	__asm__ volatile("rdtime %0" : "=r"(time));
	return time * (1000000000 / SK_TIMEBASE_HZ);
}

/* The clock has another beginning, and may be set. */
static void ports_alarm(void *context, uint64_t at)
{
	uint64_t now = ports_now(context);

	sk_rtc_alarm(clock, sk_rtc_now(clock) + (at > now ? at - now : 0));
}

static const struct bridge_ports link_ports = {.start = ports_start,
					       .count = ports_count,
					       .name = ports_name,
					       .opened = ports_opened,
					       .send = ports_send,
					       .receive = ports_receive,
					       .interrupt = ports_interrupt,
					       .now = ports_now,
					       .alarm = ports_alarm};

/* --- in the root server ------------------------------------------------------------------------- */

static struct bridge_handle node;

static bool has_links(void)
{
	const volatile uint32_t *registers = sk_device_map(LINK_PADDR);

	return registers[0] == 0x74726976 /* "virt" */ && registers[2] == 3; /* a console */
}

static seL4_CPtr link_memory_new(void)
{
	seL4_CPtr frames = sk_objects_new(seL4_RISCV_4K_Page, 0, LINK_PAGE_COUNT);

	for (unsigned i = 0; i < LINK_PAGE_COUNT; i++) {
		seL4_RISCV_Page_GetAddress_t address = seL4_RISCV_Page_GetAddress(frames + i);
		sk_must((seL4_Error)address.error);
		paddr[i] = address.paddr;
	}
	return frames;
}

static void irq_give(unsigned slot, seL4_Word irq, seL4_Word badge)
{
	sk_process_give(&node.process, slot, sk_irq_new(irq, bridge_event(&node, badge)), seL4_AllRights, 0);
}

enum cluster_error cluster_start(const struct cluster_options *options)
{
	seL4_Word priority = options && options->priority ? options->priority : DEFAULT_PRIORITY;
	unsigned workers = options && options->workers ? options->workers : DEFAULT_WORKERS;

	if (node.endpoint)
		return CLUSTER_EXISTS;
	if (!has_links())
		return CLUSTER_ABSENT;
	seL4_CPtr frames = link_memory_new();
	bridge_make(&node, &link_ports, priority, workers);
	for (unsigned i = 0; i < LINK_PAGE_COUNT; i++)
		sk_process_map(&node.process, frames + i, LINK_MEMORY + i * SK_PAGE_BYTES, seL4_ReadWrite);
	sk_process_map(&node.process, sk_device_frame(LINK_PADDR), LINK_REGISTERS, seL4_ReadWrite);
	sk_process_map(&node.process, sk_device_frame(SK_RTC_PADDR), CLOCK_REGISTERS, seL4_ReadWrite);
	irq_give(SLOT_PORTS_IRQ, SK_VIRTIO_IRQ + LINK_SLOT, BRIDGE_BADGE_PORTS);
	irq_give(SLOT_CLOCK_IRQ, SK_RTC_IRQ, BRIDGE_BADGE_CLOCK);
	bridge_begin(&node);
	cluster_use(cluster_control_new());
	return CLUSTER_OK;
}

seL4_CPtr cluster_control_new(void)
{
	return bridge_control(&node);
}
