/*
 * The fast path: Call and ReplyRecv between two threads of which the other side runs next. It does what the
 * slow path does in these cases, no more and no less (test/unit/fastpath.c compares the whole state after
 * both), without its generality: no scheduling pass, nothing copied but registers. Everything is checked
 * before anything is changed.
 */
#include "kernel/core/check.h"
#include "kernel/core/kernel.h"
#include "kernel/core/message.h"
#include "isa_vspace.h"

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#define FAST                static inline __attribute__((always_inline))

/* The capability at an address; a null one when the slow path must say why there is none. */
FAST struct cap resolve(const struct tcb *tcb, uint64_t cptr, bool plain)
{
	struct lookup_failure failure;
	struct slot *slot;

	if (plain)
		return LIKELY(lookup_flat(tcb->slot[TCB_CSPACE].cap, cptr, &slot)) ? slot->cap : cap_null();
	slot = lookup_cptr(tcb, cptr, &failure);
	return slot ? slot->cap : cap_null();
}

/* Is a thread of a higher priority ready? */
FAST bool ready_above(const struct core *core, unsigned priority)
{
	const uint64_t *bits = core->ready_bits[core->domain];

	for (unsigned word = READY_WORDS - 1; word > priority / 64; word--)
		if (bits[word])
			return true;
	return bits[priority / 64] & (ready_bit(priority) - 1);
}

/* Would the scheduler switch from the current thread, which blocks, directly to `next`? */
FAST bool runs_next(const struct core *core, const struct tcb *current, const struct tcb *next)
{
	return next->domain == core->domain &&
	       (next->priority >= current->priority || !ready_above(core, next->priority));
}

FAST void copy_message(const struct tcb *from, struct tcb *to, uint64_t info, uint64_t badge)
{
	unsigned length;

	isa_set_badge(&to->context, badge);
	isa_set_info(&to->context, info);
	if (LIKELY(info << (64 - INFO_LABEL_SHIFT) == 0))
		return;
	length = info_length(info);
	if (length == ISA_MESSAGE_REGISTERS) {
#pragma GCC unroll 8
		for (unsigned i = 0; i < ISA_MESSAGE_REGISTERS; i++)
			isa_set_message(&to->context, i, isa_message(&from->context, i));
		return;
	}
	for (unsigned i = 0; i < length; i++)
		isa_set_message(&to->context, i, isa_message(&from->context, i));
}

/* The receiver takes over: address space, floating point, and on it goes behind its system call. */
FAST struct tcb *run(struct kernel *kernel, struct tcb *tcb)
{
	tcb->state = THREAD_RUNNING;
	this_core(kernel)->current = machine_ref(tcb);
	machine_set_fpu(tcb, !(tcb->flags & seL4_TCBFlag_fpuDisabled));
	isa_switch_vspace(kernel, tcb);
	kernel_check_if_built(kernel);
	return tcb;
}

/*
 * A reply capability for the caller into the receiver's caller slot: the one child of the caller's master,
 * which follows it on the derivation list. A master has both flags (slot_insert_new), a child none.
 */
FAST void give_reply(struct tcb *caller, struct tcb *receiver)
{
	struct slot *master = &caller->slot[TCB_REPLY], *slot = &receiver->slot[TCB_CALLER];
	kref next = master->next_flags & ~SLOT_FLAGS, ref = machine_ref(slot);

	slot->cap = cap_reply(machine_ref(caller), false, receiver->receiver_can_grant);
	slot->prev = machine_ref(master);
	slot->next_flags = next;
	master->next_flags = ref | SLOT_FLAGS;
	slot_at(next)->prev = ref;
}

/* The reply capability is used up. */
FAST void take_reply(struct tcb *server, struct tcb *client)
{
	struct slot *master = &client->slot[TCB_REPLY], *slot = &server->slot[TCB_CALLER];
	kref next = slot->next_flags;

	master->next_flags = next | SLOT_FLAGS;
	slot_at(next)->prev = machine_ref(master);
	*slot = (struct slot){0};
}

/*
 * The extra capabilities that a message names. False if the slow path must look for them: because one of a
 * Call is not there, or because it can take long.
 */
static __attribute__((noinline)) bool look_up(const struct tcb *sender, bool is_call, struct extra *extra)
{
	const uint64_t *buffer = lookup_buffer(sender, false);

	extra->count = 0;
	if (!buffer || extra_look_up_flat(sender, buffer, info_extra_caps(isa_info(&sender->context)), extra))
		return true;
	return cap_is_flat_cnode(sender->slot[TCB_CSPACE].cap) && !is_call;
}

/* Finds all that is to be moved; false: the slow path must. */
FAST bool find(const struct tcb *sender, const struct tcb *receiver, bool is_call, bool grant,
	       struct delivery *delivery)
{
	struct extra extra = {.count = 0};

	if (info_extra_caps(isa_info(&sender->context)) > 0 && !look_up(sender, is_call, &extra))
		return false;
	return delivery_find(sender, &extra, receiver, grant, delivery);
}

FAST struct tcb *call(struct kernel *kernel, struct tcb *caller, bool plain)
{
	struct core *core = this_core(kernel);
	uint64_t info = isa_info(&caller->context);
	struct cap cap = resolve(caller, isa_cptr(&caller->context), plain);
	unsigned rights = cap_rights(cap);
	struct delivery delivery;
	struct endpoint *endpoint;
	struct tcb *receiver;

	if (UNLIKELY(cap_type(cap) != CAP_Endpoint || !(rights & RIGHT_WRITE) ||
		     !(rights & (RIGHT_GRANT | RIGHT_GRANT_REPLY))))
		return enter_slow_syscall(kernel, caller);
	endpoint = endpoint_at(cap_object(cap));
	if (UNLIKELY(endpoint_state(endpoint) != ENDPOINT_RECV))
		return enter_slow_syscall(kernel, caller);
	receiver = tcb_at(endpoint->head);
	if (UNLIKELY(!runs_next(core, caller, receiver)))
		return enter_slow_syscall(kernel, caller);
	if (!plain && !find(caller, receiver, true, rights & RIGHT_GRANT, &delivery))
		return enter_slow_syscall(kernel, caller);

	endpoint->head = receiver->queue_next;
	if (UNLIKELY(receiver->queue_next))
		tcb_at(receiver->queue_next)->queue_prev = 0;
	else
		endpoint->tail = ENDPOINT_IDLE;
	if (plain)
		copy_message(caller, receiver, info, cap_badge(cap));
	else
		transfer_message(caller, receiver, endpoint, cap_badge(cap), &delivery);
	caller->state = THREAD_BLOCKED_ON_REPLY;
	caller->next_pc = isa_advance(&caller->context);
	give_reply(caller, receiver);
	COUNT(kernel->stats.syscalls[-seL4_SysCall - 1]);
	COUNT(kernel->stats.fastpath_call);
	return run(kernel, receiver);
}

FAST void append_receiver(struct endpoint *endpoint, struct tcb *tcb)
{
	kref ref = machine_ref(tcb), tail = endpoint->tail & ~3ull;

	tcb->blocked_on = machine_ref(endpoint);
	tcb->queue_prev = tail;
	tcb->queue_next = 0;
	if (UNLIKELY(tail))
		tcb_at(tail)->queue_next = ref;
	else
		endpoint->head = ref;
	endpoint->tail = ref | ENDPOINT_RECV;
}

FAST struct tcb *reply_recv(struct kernel *kernel, struct tcb *server, bool plain)
{
	struct core *core = this_core(kernel);
	struct cap reply = server->slot[TCB_CALLER].cap, cap;
	struct delivery delivery;
	struct endpoint *endpoint;
	struct tcb *client;

	if (UNLIKELY(cap_type(reply) != CAP_Reply))
		return enter_slow_syscall(kernel, server);
	client = tcb_at(cap_object(reply));
	if (UNLIKELY(client->fault.type != FAULT_NONE || !runs_next(core, server, client)))
		return enter_slow_syscall(kernel, server);
	cap = resolve(server, isa_cptr(&server->context), plain);
	if (UNLIKELY(cap_type(cap) != CAP_Endpoint || !(cap_rights(cap) & RIGHT_READ)))
		return enter_slow_syscall(kernel, server);
	endpoint = endpoint_at(cap_object(cap));
	if (UNLIKELY(endpoint_state(endpoint) == ENDPOINT_SEND))
		return enter_slow_syscall(kernel, server);
	if (UNLIKELY(server->bound_notification) &&
	    notification_state(notification_at(server->bound_notification)) == NOTIFICATION_ACTIVE)
		return enter_slow_syscall(kernel, server);

	if (!plain && !find(server, client, false, cap_reply_grant(reply), &delivery))
		return enter_slow_syscall(kernel, server);

	if (plain)
		copy_message(server, client, isa_info(&server->context), 0);
	else
		transfer_message(server, client, NULL, 0, &delivery);
	take_reply(server, client);
	server->state = THREAD_BLOCKED_ON_RECEIVE;
	server->next_pc = isa_advance(&server->context);
	server->receiver_can_grant = cap_rights(cap) & RIGHT_GRANT;
	append_receiver(endpoint, server);
	COUNT(kernel->stats.syscalls[-seL4_SysReplyRecv - 1]);
	COUNT(kernel->stats.fastpath_reply_recv);
	return run(kernel, client);
}

/*
 * Made twice. `plain`: a flat CSpace and a short message, which needs no register but those that a call may
 * destroy. Else any CSpace and any message, by the functions that the slow path has for them.
 */
FAST struct tcb *enter(struct kernel *kernel, struct tcb *current, bool plain)
{
	int64_t number = isa_syscall(&current->context);

	if (number == seL4_SysCall)
		return call(kernel, current, plain);
	if (number == seL4_SysReplyRecv)
		return reply_recv(kernel, current, plain);
	return enter_slow_syscall(kernel, current);
}

static __attribute__((noinline)) struct tcb *enter_any(struct kernel *kernel, struct tcb *current)
{
	return enter(kernel, current, false);
}

struct tcb *kernel_enter_syscall(struct kernel *kernel, struct tcb *current)
{
	bool flat = cap_is_flat_cnode(current->slot[TCB_CSPACE].cap);

	if (LIKELY(flat && message_is_short(isa_info(&current->context))))
		return enter(kernel, current, true);
	/* Most long messages are invocations: these are not to try the fast path in vain. */
	if (flat && cap_type(resolve(current, isa_cptr(&current->context), true)) != CAP_Endpoint)
		return enter_slow_syscall(kernel, current);
	return enter_any(kernel, current);
}
