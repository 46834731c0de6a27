/* The recording half of trace.h: the kernel's hooks, and the entries and returns that the node sees. */
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "kernel/core/message.h"
#include "port/vm/internal.h"
#include "port/vm/trace.h"

/* Events for reports, when nobody asked for a trace. */
#define SMALL_EVENTS 1024

/* --- the ring ------------------------------------------------------------------------------------ */

static struct trace_event *ring_make(uint64_t events)
{
	return host_memory_reserve(events * sizeof(struct trace_event));
}

bool trace_create(struct trace *trace)
{
	trace->events = SMALL_EVENTS;
	trace->ring = ring_make(SMALL_EVENTS);
	return trace->ring;
}

void trace_destroy(struct trace *trace)
{
	if (trace->ring)
		host_memory_release(trace->ring, trace->events * sizeof(struct trace_event));
}

/* Who did it, and where, as an event has them. The idle thread is nobody. */
static uint32_t thread_number(const struct tcb *tcb)
{
	return tcb->state != THREAD_IDLE ? (uint32_t)(isa_paddr(machine_ref(tcb)) >> seL4_TCBBits) : 0;
}

static uint32_t space_number(const struct tcb *tcb)
{
	uint64_t root;
	uint16_t asid;

	return isa_vspace(tcb->slot[TCB_VSPACE].cap, &root, &asid) ? (uint32_t)(root >> seL4_PageBits) : 0;
}

uint64_t node_trace_time(const struct node *node)
{
	if (!node->config.real_time)
		return node->clock_offset + node->hart->instret;
	return node->trace.clock_ns ? node->trace.clock_ns() - node->host_start : node->trace.seen;
}

/* The next place, with everything set that each event has. Its words are as they were. */
static struct trace_event *add(struct node *node, enum trace_kind kind, int number, uint32_t thread)
{
	struct trace *trace = &node->trace;
	struct trace_event *event = &trace->ring[trace->next];

	if (trace->known > 0) {
		event = &trace->again[kind > TRACE_INTERRUPT];
		trace->known--;
	} else {
		trace->count++;
		if (++trace->next == trace->events)
			trace->next = 0;
	}
	event->time = node_trace_time(node);
	event->thread = thread;
	event->other = 0;
	event->lasted = 0;
	event->space = 0;
	event->number = (int8_t)number;
	event->kind = (uint8_t)kind;
	return event;
}

static uint32_t current_number(const struct node *node)
{
	return node->running ? thread_number(node->running) : 0;
}

/* A system call's number as an event has it; 0: one that no interface has. */
static int call_number(const struct context *context)
{
	int64_t number = isa_syscall(context);

	return number >= INT8_MIN && number < 0 ? (int)number : 0;
}

/* --- entries and returns ------------------------------------------------------------------------- */

static struct trace_event *enter(struct node *node, enum trace_kind kind, int number)
{
	struct trace_event *event = add(node, kind, number, current_number(node));

	if (event->thread)
		event->space = space_number(node->running);
	memset(event->word, 0, sizeof event->word);
	node->trace.entry = event;
	node->trace.entry_count = node->trace.count;
	return event;
}

void trace_enter_syscall(struct node *node)
{
	const struct context *context = &node->running->context;
	struct trace_event *event = enter(node, TRACE_SYSCALL, call_number(context));

	event->word[0] = isa_cptr(context);
	event->word[1] = isa_info(context);
}

void trace_enter_trap(struct node *node, const struct trap *trap)
{
	struct trace_event *event;

	if (trap->kind == TRAP_INTERRUPT) {
		enter(node, TRACE_INTERRUPT, 0);
		return;
	}
	event = enter(node, TRACE_EXCEPTION, trap->kind == TRAP_VM_FAULT ? FAULT_VM : FAULT_USER_EXCEPTION);
	event->word[0] = trap->address;
	event->word[1] = trap->code;
	event->word[2] = node->running->context.pc;
}

void trace_leave(struct node *node)
{
	struct trace *trace = &node->trace;
	struct trace_event *event = trace->entry;
	uint64_t lasted;

	trace->entry = NULL;
	/* Has so much happened in the entry that its own event is gone? */
	if (trace->count - trace->entry_count >= trace->events)
		return;
	lasted = node_trace_time(node) - event->time;
	event->lasted = lasted < UINT32_MAX ? (uint32_t)lasted : UINT32_MAX;
	event->other = current_number(node);
	if (event->other)
		event->word[TRACE_SYSCALL_RETURNED] = isa_info(&node->running->context);
}

/* --- what the kernel and the machine tell ---------------------------------------------------------- */

void trace_claimed(struct node *node, unsigned irq)
{
	node->trace.interrupt = true;
	if (!node->trace.on)
		return;
	if (node->trace.entry && node->trace.entry->kind == TRACE_INTERRUPT)
		node->trace.entry->number = (int8_t)irq;
	else
		add(node, TRACE_CLAIMED, (int)irq, 0);
}

void machine_trace_invoke(const struct tcb *tcb, const struct slot *slot)
{
	struct node *node = current_node;
	struct trace_event *event = node->trace.entry;

	if (!event) {
		event = add(node, TRACE_SYSCALL, call_number(&tcb->context), thread_number(tcb));
		event->word[0] = isa_cptr(&tcb->context);
		event->word[1] = isa_info(&tcb->context);
	}
	event->word[2] = slot->cap.word[0];
}

void machine_trace_fault(const struct tcb *tcb)
{
	const struct fault *fault = &tcb->fault;
	struct node *node = current_node;
	struct trace_event *event;

	/* An exception is the entry itself, if entries are recorded. */
	if (node->trace.entry && node->trace.entry->kind == TRACE_EXCEPTION)
		return;
	event = add(node, TRACE_RAISED, fault->type, thread_number(tcb));
	event->word[0] = fault->address;
	event->word[1] = fault->type == FAULT_CAP ? fault->in_receive : fault->code;
	event->word[2] = fault->type == FAULT_CAP ? fault->lookup.type : 0;
}

void trace_unhandled(struct node *node, const struct tcb *tcb)
{
	add(node, TRACE_UNHANDLED, tcb->fault.type, thread_number(tcb));
}

void machine_trace_message(const struct tcb *sender, const struct tcb *receiver, kref endpoint,
			   uint64_t badge)
{
	enum trace_message what = TRACE_SENT;
	struct trace_event *event;

	if (!endpoint)
		what = receiver->fault.type == FAULT_NONE ? TRACE_REPLIED : TRACE_FAULT_REPLIED;
	else if (sender->fault.type != FAULT_NONE)
		what = TRACE_FAULT_SENT;
	event = add(current_node, TRACE_MESSAGE, (int)what, thread_number(sender));
	event->other = thread_number(receiver);
	event->word[0] = endpoint ? isa_paddr(endpoint) : 0;
	event->word[1] = badge;
	event->word[2] = isa_info(what == TRACE_FAULT_SENT ? &receiver->context : &sender->context);
	event->word[3] = isa_info(what == TRACE_FAULT_REPLIED ? &sender->context : &receiver->context);
}

void machine_trace_signal(kref notification, kref woken, uint64_t badge)
{
	struct node *node = current_node;
	bool interrupt = node->trace.interrupt;
	struct trace_event *event = add(node, TRACE_SIGNAL, interrupt, interrupt ? 0 : current_number(node));

	event->other = woken ? thread_number(tcb_at(woken)) : 0;
	event->word[0] = isa_paddr(notification);
	event->word[1] = badge;
}

void machine_trace_signal_taken(const struct tcb *tcb, kref notification, uint64_t badge)
{
	struct trace_event *event = add(current_node, TRACE_SIGNAL_TAKEN, 0, thread_number(tcb));

	event->word[0] = isa_paddr(notification);
	event->word[1] = badge;
}

/* An event of a thread's life, with its name. */
static struct trace_event *add_life(enum trace_kind kind, const struct tcb *tcb)
{
	struct node *node = current_node;
	struct trace_event *event = add(node, kind, 0, current_number(node));

	event->other = thread_number(tcb);
	memcpy(event->name, tcb->name, sizeof event->name);
	event->name[sizeof event->name - 1] = 0;
	return event;
}

void machine_trace_threads_created(const struct tcb *first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		add_life(TRACE_CREATED, tcb_at(machine_ref(first) + ((uint64_t)i << seL4_TCBBits)));
}

void machine_trace_thread_named(const struct tcb *tcb)
{
	add_life(TRACE_NAMED, tcb);
}

void machine_trace_thread_deleted(const struct tcb *tcb)
{
	add_life(TRACE_DELETED, tcb)->space = space_number(tcb);
}

uint64_t trace_place(const struct node *node)
{
	return node->trace.count - node->trace.known;
}

void trace_go_back(struct node *node, uint64_t place)
{
	node->trace.known = node->trace.count - place;
}

/* --- for the owner ------------------------------------------------------------------------------- */

bool node_trace_start(struct node *node, uint64_t bytes, uint64_t (*clock_ns)(void))
{
	uint64_t events = bytes / sizeof(struct trace_event);
	struct trace_event *ring = ring_make(events);

	if (!ring)
		return false;
	node_select(node);
	trace_destroy(&node->trace);
	node->trace = (struct trace){.ring = ring, .events = events, .on = true, .clock_ns = clock_ns};
	add(node, TRACE_START, 0, 0)->other = current_number(node);
	return true;
}

void node_trace_stop(struct node *node)
{
	struct trace small = {.seen = node->trace.seen};

	if (!trace_create(&small))
		return; /* the host has no memory to do with less */
	trace_destroy(&node->trace);
	node->trace = small;
}

bool node_trace_is_on(const struct node *node)
{
	return node->trace.on;
}

uint64_t node_trace_origin(const struct node *node)
{
	return node->host_start;
}

void node_trace_frame(struct node *node, enum trace_kind kind, unsigned port, uint64_t time,
		      const uint64_t word[4])
{
	bool sent = kind == TRACE_FRAME_SENT;
	struct trace_event *event = add(node, kind, (int)port, sent ? current_number(node) : 0);

	event->time = time;
	memcpy(event->word, word, sizeof event->word);
}

const char *node_trace_port_name(const struct node *node, unsigned port)
{
	return port < node->config.board.ports ? node->config.board.port_name[port] : NULL;
}

uint64_t node_trace_count(const struct node *node, uint64_t *kept)
{
	const struct trace *trace = &node->trace;

	*kept = trace->count < trace->events ? trace->count : trace->events;
	return trace->count;
}

const struct trace_event *node_trace_event(const struct node *node, uint64_t index)
{
	const struct trace *trace = &node->trace;
	uint64_t oldest = trace->count < trace->events ? 0 : trace->next;

	return &trace->ring[(oldest + index) % trace->events];
}

uint64_t trace_thread_paddr(uint32_t thread)
{
	return (uint64_t)thread << seL4_TCBBits;
}

uint64_t trace_space_paddr(uint32_t space)
{
	return (uint64_t)space << seL4_PageBits;
}

void node_trace_thread(struct node *node, uint32_t thread, char name[64], uint32_t *space)
{
	const struct tcb *tcb;

	node_select(node);
	tcb = tcb_at(isa_kref(trace_thread_paddr(thread)));
	memcpy(name, tcb->name, TCB_NAME_SIZE);
	name[TCB_NAME_SIZE - 1] = 0;
	*space = space_number(tcb);
}
