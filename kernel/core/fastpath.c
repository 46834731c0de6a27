/*
 * The fast path: Call and ReplyRecv with a short message, between two threads of which the other side
 * runs next. It does what the slow path does in these cases, no more and no less (test/unit/fastpath.c
 * compares the whole state after both), without its generality: no scheduling pass, nothing copied
 * but registers.
 */
#include "kernel/core/kernel.h"
#include "kernel/core/message.h"

#define INFO_EXTRA_MASK (3ull << INFO_EXTRA_SHIFT)

static bool message_is_short(uint64_t info)
{
	return !(info & INFO_EXTRA_MASK) && (info & INFO_LENGTH_MASK) <= ISA_MESSAGE_REGISTERS;
}

/* Would the scheduler switch from the current thread, which blocks, directly to `next`? */
static bool runs_next(struct core *core, const struct tcb *current, const struct tcb *next)
{
	return next->domain == core->domain && core->action == SCHEDULE_RESUME &&
	       (next->priority >= current->priority || (int)next->priority >= ready_highest(core));
}

static void copy_message(const struct tcb *from, struct tcb *to, uint64_t info, uint64_t badge)
{
	unsigned length = (unsigned)(info & INFO_LENGTH_MASK);

	for (unsigned i = 0; i < length; i++)
		isa_set_message(&to->context, i, isa_message(&from->context, i));
	isa_set_badge(&to->context, badge);
	isa_set_info(&to->context, info_make(info_label(info), 0, 0, length));
}

/* The endpoint's only or first thread leaves its queue. */
static void pop_receiver(struct endpoint *endpoint, struct tcb *receiver)
{
	endpoint->head = receiver->queue_next;
	if (receiver->queue_next)
		tcb_at(receiver->queue_next)->queue_prev = 0;
	else
		endpoint->tail = ENDPOINT_IDLE;
}

static bool fastpath_call(struct kernel *kernel, struct tcb *caller)
{
	struct core *core = this_core(kernel);
	uint64_t info = isa_info(&caller->context);
	struct lookup lookup;
	struct cap cap;
	struct endpoint *endpoint;
	struct tcb *receiver;

	if (!message_is_short(info))
		return false;
	lookup = lookup_cptr(caller, isa_cptr(&caller->context));
	if (!lookup.slot)
		return false;
	cap = lookup.slot->cap;
	if (cap_type(cap) != CAP_Endpoint || !(cap_rights(cap) & RIGHT_WRITE) ||
	    !(cap_rights(cap) & (RIGHT_GRANT | RIGHT_GRANT_REPLY)))
		return false;
	endpoint = endpoint_at(cap_object(cap));
	if (endpoint_state(endpoint) != ENDPOINT_RECV)
		return false;
	receiver = tcb_at(endpoint->head);
	if (!runs_next(core, caller, receiver))
		return false;

	pop_receiver(endpoint, receiver);
	copy_message(caller, receiver, info, cap_badge(cap));
	caller->state = THREAD_BLOCKED_ON_REPLY;
	slot_insert(&receiver->slot[TCB_CALLER],
		    cap_reply(machine_ref(caller), false, receiver->receiver_can_grant),
		    &caller->slot[TCB_REPLY]);
	receiver->state = THREAD_RUNNING;
	switch_to(kernel, receiver);
	kernel->stats.syscalls[-seL4_SysCall - 1]++;
	kernel->stats.fastpath_call++;
	return true;
}

static bool fastpath_reply_recv(struct kernel *kernel, struct tcb *server)
{
	struct core *core = this_core(kernel);
	uint64_t info = isa_info(&server->context);
	struct cap reply = server->slot[TCB_CALLER].cap, cap;
	struct lookup lookup;
	struct endpoint *endpoint;
	struct queue queue;
	struct tcb *client;

	if (!message_is_short(info) || cap_type(reply) != CAP_Reply)
		return false;
	client = tcb_at(cap_object(reply));
	if (client->fault.type != FAULT_NONE || !runs_next(core, server, client))
		return false;
	lookup = lookup_cptr(server, isa_cptr(&server->context));
	if (!lookup.slot)
		return false;
	cap = lookup.slot->cap;
	if (cap_type(cap) != CAP_Endpoint || !(cap_rights(cap) & RIGHT_READ))
		return false;
	endpoint = endpoint_at(cap_object(cap));
	if (endpoint_state(endpoint) == ENDPOINT_SEND)
		return false;
	if (server->bound_notification &&
	    notification_state(notification_at(server->bound_notification)) == NOTIFICATION_ACTIVE)
		return false;

	slot_remove(&server->slot[TCB_CALLER]);
	copy_message(server, client, info, 0);
	server->state = THREAD_BLOCKED_ON_RECEIVE;
	server->blocked_on = machine_ref(endpoint);
	server->receiver_can_grant = cap_rights(cap) & RIGHT_GRANT;
	queue = (struct queue){endpoint->head, endpoint->tail & ~3ull};
	queue_append(&queue, server);
	endpoint->head = queue.head;
	endpoint->tail = queue.tail | ENDPOINT_RECV;
	client->state = THREAD_RUNNING;
	switch_to(kernel, client);
	kernel->stats.syscalls[-seL4_SysReplyRecv - 1]++;
	kernel->stats.fastpath_reply_recv++;
	return true;
}

bool fastpath(struct kernel *kernel, struct tcb *current)
{
	int64_t number = isa_syscall(&current->context);

	if (kernel->slow_only)
		return false;
	if (number == seL4_SysCall)
		return fastpath_call(kernel, current);
	if (number == seL4_SysReplyRecv)
		return fastpath_reply_recv(kernel, current);
	return false;
}
