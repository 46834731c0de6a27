/* See pipes.h. The world is a piece of memory that all bridges and the root server have at the same address.
 */
#include "pipes.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/rtc.h>
#include <skerry/thread.h>
#include <skerry/vspace.h>
#include "srv/bridge/bridge.h"
#include "srv/bridge/start.h"

#define WORLD_ADDRESS 0x60000000ul
#define CLOCK_ADDRESS 0x5ff00000ul
#define PIPE_BYTES    65536u
#define TICK_NS       1000000ul
#define SLOT_NODE     (SLOT_END + 1) /* notifications of the nodes, in each bridge */

struct pipe {
	volatile uint32_t head, tail; /* bytes that went in and out, ever */
	volatile bool cut, refused;
	_Alignas(8) uint8_t bytes[PIPE_BYTES];
};

static struct world {
	volatile uint64_t alarm[PIPES_NODES];
	volatile uint64_t back[PIPES_NODES]; /* so far was its clock set back */
	volatile bool booted[PIPES_NODES];
	struct pipe pipe[PIPES_NODES][PIPES_NODES]; /* from, to */
} *const world = (struct world *)WORLD_ADDRESS;

static volatile uint32_t *const rtc = (volatile uint32_t *)CLOCK_ADDRESS;

static unsigned node_count, bridge_count;
seL4_CPtr pipes_control[PIPES_NODES];

/* --- in the bridges ------------------------------------------------------------------------------- */

/* A node's context is its number; its port 0 is the control port, the others go to the nodes in order. */
static unsigned self_of(void *context)
{
	return (unsigned)(uintptr_t)context;
}

static unsigned peer_of(void *context, unsigned port)
{
	return port - 1 < self_of(context) ? port - 1 : port;
}

static void pipe_start(void *context)
{
	world->alarm[self_of(context)] = UINT64_MAX;
}

static unsigned pipe_count(void *context)
{
	(void)context;
	return node_count;
}

static const char *pipe_name(void *context, unsigned port)
{
	static const char *const control[] = {"control.a", "control.b", "control.c"};
	static const char *const link[] = {"link.a", "link.b", "link.c"};

	return port == 0 ? control[self_of(context)] : link[peer_of(context, port)];
}

static unsigned pipe_opened(void *context, unsigned port)
{
	(void)context;
	(void)port;
	return 1;
}

static bool put(struct pipe *pipe, const void *bytes, size_t size)
{
	if (pipe->head - pipe->tail + size > PIPE_BYTES) {
		pipe->refused = true;
		return false;
	}
	size_t start = pipe->head % PIPE_BYTES, part = size < PIPE_BYTES - start ? size : PIPE_BYTES - start;
	memcpy(pipe->bytes + start, bytes, part);
	memcpy(pipe->bytes, (const uint8_t *)bytes + part, size - part);
	pipe->head += (uint32_t)size;
	return true;
}

static bool pipe_send(void *context, unsigned port, const void *bytes, size_t size)
{
	unsigned self = self_of(context);

	if (port == 0) {
		printf("%.*s", (int)size, (const char *)bytes);
		return true;
	}
	struct pipe *pipe = &world->pipe[self][peer_of(context, port)];
	if (pipe->cut)
		return true;
	if (!put(pipe, bytes, size))
		return false;
	seL4_Signal(SLOT_NODE + peer_of(context, port));
	return true;
}

static size_t take(struct pipe *pipe, void *bytes, size_t size)
{
	size_t start = pipe->tail % PIPE_BYTES, taken = pipe->head - pipe->tail;

	taken = taken < size ? taken : size;
	size_t part = taken < PIPE_BYTES - start ? taken : PIPE_BYTES - start;
	memcpy(bytes, pipe->bytes + start, part);
	memcpy((uint8_t *)bytes + part, pipe->bytes, taken - part);
	pipe->tail += (uint32_t)taken;
	return taken;
}

static size_t pipe_receive(void *context, unsigned port, void *bytes, size_t size)
{
	unsigned self = self_of(context);

	if (port == 0) {
		if (world->booted[self])
			return 0;
		world->booted[self] = true;
		return (size_t)snprintf(bytes, size, "boot %x\n", 0x1000 + self);
	}
	struct pipe *pipe = &world->pipe[peer_of(context, port)][self];
	size_t taken = take(pipe, bytes, size);
	if (taken && pipe->refused) {
		pipe->refused = false;
		seL4_Signal(SLOT_NODE + peer_of(context, port));
	}
	return taken;
}

static void pipe_interrupt(void *context, uint64_t badges)
{
	(void)context;
	(void)badges;
}

static uint64_t pipe_now(void *context)
{
	return sk_rtc_now(rtc) - world->back[self_of(context)];
}

static void pipe_alarm(void *context, uint64_t at)
{
	world->alarm[self_of(context)] = at;
}

/* --- in the root server ------------------------------------------------------------------------- */

static struct bridge_handle nodes[PIPES_NODES];
static seL4_CPtr clock_event[PIPES_NODES], ports_event[PIPES_NODES];
static seL4_CPtr tick_notification, tick_irq, wake;
static volatile uint64_t wake_at = UINT64_MAX; /* who waits in pipes_wait_ms() */

static void tick_next(void)
{
	sk_rtc_alarm(rtc, pipe_now(NULL) + TICK_NS);
}

/* Sees once a millisecond whose alarm has come. */
static void ticker(void *unused)
{
	(void)unused;
	rtc[SK_RTC_INTERRUPT_ENABLED] = 1;
	for (;;) {
		tick_next();
		seL4_Wait(tick_notification, NULL);
		rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
		seL4_IRQHandler_Ack(tick_irq);
		for (unsigned i = 0; i < bridge_count; i++) {
			if (world->alarm[i] > pipe_now((void *)(uintptr_t)i))
				continue;
			world->alarm[i] = UINT64_MAX;
			seL4_Signal(clock_event[i]);
		}
		if (pipe_now(NULL) >= wake_at)
			seL4_Signal(wake);
	}
}

static void world_map(void)
{
	seL4_Word pages = (sizeof *world + SK_PAGE_BYTES - 1) / SK_PAGE_BYTES;

	for (seL4_Word i = 0; i < pages; i++) {
		seL4_CPtr frame = sk_frame_new();
		for (unsigned n = 0; n < bridge_count; n++)
			sk_process_map(&nodes[n].process, frame, WORLD_ADDRESS + i * SK_PAGE_BYTES,
				       seL4_ReadWrite);
		sk_must(sk_map(seL4_CapInitThreadVSpace, frame, WORLD_ADDRESS + i * SK_PAGE_BYTES,
			       seL4_ReadWrite, seL4_RISCV_ExecuteNever));
	}
	for (unsigned n = 0; n < bridge_count; n++)
		sk_process_map(&nodes[n].process, sk_device_frame(SK_RTC_PADDR), CLOCK_ADDRESS,
			       seL4_ReadWrite);
	sk_must(sk_map(seL4_CapInitThreadVSpace, sk_cap_copy(sk_device_frame(SK_RTC_PADDR)), CLOCK_ADDRESS,
		       seL4_ReadWrite, seL4_RISCV_ExecuteNever));
}

void pipes_start(unsigned count, unsigned bridges, unsigned workers)
{
	static struct sk_thread thread;
	struct bridge_ports ports = {.start = pipe_start,
				     .count = pipe_count,
				     .name = pipe_name,
				     .opened = pipe_opened,
				     .send = pipe_send,
				     .receive = pipe_receive,
				     .interrupt = pipe_interrupt,
				     .now = pipe_now,
				     .alarm = pipe_alarm};

	node_count = count;
	bridge_count = bridges;
	for (unsigned n = 0; n < bridges; n++) {
		ports.context = (void *)(uintptr_t)n;
		bridge_make(&nodes[n], &ports, 200, workers);
		clock_event[n] = bridge_event(&nodes[n], BRIDGE_BADGE_CLOCK);
		ports_event[n] = bridge_event(&nodes[n], BRIDGE_BADGE_PORTS);
		pipes_control[n] = bridge_control(&nodes[n]);
	}
	world_map();
	for (unsigned n = 0; n < bridges; n++) {
		for (unsigned to = 0; to < bridges; to++)
			sk_process_give(&nodes[n].process, SLOT_NODE + to, nodes[to].notification,
					seL4_CanWrite, BRIDGE_BADGE_EVENT | BRIDGE_BADGE_PORTS);
		bridge_begin(&nodes[n]);
	}
	wake = sk_notification_new();
	tick_notification = sk_notification_new();
	tick_irq = sk_irq_new(SK_RTC_IRQ, tick_notification);
	sk_thread_new(&thread, "ticker", 250, 0);
	sk_thread_start(&thread, ticker, NULL);
	pipes_wait_ms(100);
}

seL4_CPtr pipes_control_new(unsigned node)
{
	return bridge_control(&nodes[node]);
}

void pipes_cut(unsigned from, unsigned to, bool cut)
{
	world->pipe[from][to].cut = cut;
}

void pipes_part(unsigned a, unsigned b, bool cut)
{
	pipes_cut(a, b, cut);
	pipes_cut(b, a, cut);
}

void pipes_wait_ms(seL4_Word ms)
{
	wake_at = pipe_now(NULL) + ms * 1000000;
	seL4_Wait(wake, NULL);
	wake_at = UINT64_MAX;
	seL4_Poll(wake, NULL);
}

void pipes_set_back(unsigned node, seL4_Word ms)
{
	world->back[node] += ms * 1000000;
}

void pipes_put(unsigned from, unsigned to, const void *bytes, seL4_Word size)
{
	put(&world->pipe[from][to], bytes, size);
	seL4_Signal(ports_event[to]);
}

seL4_Word pipes_take(unsigned from, unsigned to, void *bytes, seL4_Word size)
{
	return take(&world->pipe[from][to], bytes, size);
}

uint64_t pipes_now(void)
{
	return pipe_now(NULL);
}
