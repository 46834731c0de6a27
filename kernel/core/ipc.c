/*
 * Synchronous IPC: endpoints and reply capabilities (ipc.md §2).
 *
 * An endpoint's queue is first in, first out; priority does not matter. A queued sender's message stays
 * in its registers and buffer until a receiver takes it.
 */
#include "kernel/core/kernel.h"
#include "kernel/core/message.h"

void queue_append(struct queue *queue, struct tcb *tcb)
{
	kref ref = machine_ref(tcb);

	tcb->queue_prev = queue->tail;
	tcb->queue_next = 0;
	if (queue->tail)
		tcb_at(queue->tail)->queue_next = ref;
	else
		queue->head = ref;
	queue->tail = ref;
}

void queue_remove(struct queue *queue, struct tcb *tcb)
{
	if (tcb->queue_prev)
		tcb_at(tcb->queue_prev)->queue_next = tcb->queue_next;
	else
		queue->head = tcb->queue_next;
	if (tcb->queue_next)
		tcb_at(tcb->queue_next)->queue_prev = tcb->queue_prev;
	else
		queue->tail = tcb->queue_prev;
}

static struct queue endpoint_queue(const struct endpoint *endpoint)
{
	return (struct queue){endpoint->head, endpoint->tail & ~3ull};
}

static void endpoint_set_queue(struct endpoint *endpoint, struct queue queue, enum endpoint_state state)
{
	endpoint->head = queue.head;
	endpoint->tail = queue.head ? queue.tail | state : ENDPOINT_IDLE;
}

static void endpoint_enqueue(struct endpoint *endpoint, struct tcb *tcb, enum endpoint_state state)
{
	struct queue queue = endpoint_queue(endpoint);

	queue_append(&queue, tcb);
	endpoint_set_queue(endpoint, queue, state);
	tcb->blocked_on = machine_ref(endpoint);
}

/* The thread is no longer among those that a CancelBadgedSends under way still looks at. */
static void cancel_skip(struct cancel *cancel, const struct tcb *tcb)
{
	kref ref = machine_ref(tcb);

	if (cancel->next == ref && cancel->last == ref)
		*cancel = (struct cancel){0};
	else if (cancel->next == ref)
		cancel->next = tcb->queue_next;
	else if (cancel->last == ref)
		cancel->last = tcb->queue_prev;
}

static void endpoint_dequeue(struct endpoint *endpoint, struct tcb *tcb)
{
	struct queue queue = endpoint_queue(endpoint);
	struct cancel *cancel = &machine_kernel()->cancel;

	if (cancel->endpoint == machine_ref(endpoint))
		cancel_skip(cancel, tcb);
	queue_remove(&queue, tcb);
	endpoint_set_queue(endpoint, queue, endpoint_state(endpoint));
}

/* The message of a thread that sends: what it wants to say, or the fault it has. */
static void transfer(struct tcb *sender, struct tcb *receiver, const struct endpoint *endpoint,
		     uint64_t badge, const struct delivery *delivery)
{
	unsigned length;

	if (sender->fault.type == FAULT_NONE) {
		transfer_message(sender, receiver, endpoint, badge, delivery);
		machine_trace_message(sender, receiver, machine_ref(endpoint), badge);
		return;
	}
	length = fault_message(sender, receiver);
	isa_set_badge(&receiver->context, badge);
	isa_set_info(&receiver->context, info_make(sender->fault.type, 0, 0, length));
	machine_trace_message(sender, receiver, machine_ref(endpoint), badge);
}

/* A call was delivered: the caller waits for the reply, or for ever if it gave no way to reply. */
static void setup_reply(struct kernel *kernel, struct tcb *caller, struct tcb *receiver, struct send send)
{
	if (!send.can_grant && !send.can_grant_reply) {
		thread_block(kernel, caller, THREAD_INACTIVE);
		return;
	}
	thread_block(kernel, caller, THREAD_BLOCKED_ON_REPLY);
	slot_insert(&receiver->slot[TCB_CALLER],
		    cap_reply(machine_ref(caller), false, receiver->receiver_can_grant),
		    &caller->slot[TCB_REPLY]);
}

void endpoint_send(struct kernel *kernel, struct tcb *sender, struct endpoint *endpoint, struct send send)
{
	static const struct extra none;
	struct delivery delivery;
	struct tcb *receiver;

	if (endpoint_state(endpoint) != ENDPOINT_RECV) {
		if (!send.blocking)
			return;
		thread_block(kernel, sender, THREAD_BLOCKED_ON_SEND);
		sender->sender_badge = send.badge;
		sender->sender_can_grant = send.can_grant;
		sender->sender_can_grant_reply = send.can_grant_reply;
		sender->sender_is_call = send.is_call;
		endpoint_enqueue(endpoint, sender, ENDPOINT_SEND);
		return;
	}
	receiver = tcb_at(endpoint->head);
	/* With the capabilities known, nothing is left to take long. */
	(void)!delivery_find(sender, send.extra ? send.extra : &none, receiver, send.can_grant, &delivery);
	endpoint_dequeue(endpoint, receiver);
	transfer(sender, receiver, endpoint, send.badge, &delivery);
	receiver->state = THREAD_RUNNING;
	possible_switch(kernel, receiver);
	if (send.is_call)
		setup_reply(kernel, sender, receiver, send);
}

/* A waiting sender's message is taken. */
static enum outcome endpoint_take(struct kernel *kernel, struct tcb *receiver, struct endpoint *endpoint)
{
	struct tcb *sender = tcb_at(endpoint->head);
	struct send send = {.badge = sender->sender_badge,
			    .can_grant = sender->sender_can_grant,
			    .can_grant_reply = sender->sender_can_grant_reply,
			    .is_call = sender->sender_is_call};
	struct delivery delivery;

	if (!delivery_find(sender, NULL, receiver, send.can_grant, &delivery))
		return OUTCOME_PREEMPTED;
	endpoint_dequeue(endpoint, sender);
	transfer(sender, receiver, endpoint, send.badge, &delivery);
	if (send.is_call) {
		setup_reply(kernel, sender, receiver, send);
	} else {
		sender->state = THREAD_RUNNING;
		possible_switch(kernel, sender);
	}
	return OUTCOME_DONE;
}

enum outcome endpoint_receive(struct kernel *kernel, struct tcb *receiver, struct cap cap, bool blocking)
{
	struct endpoint *endpoint = endpoint_at(cap_object(cap));
	struct notification *bound;

	slot_delete_simple(&receiver->slot[TCB_CALLER]);
	if (receiver->bound_notification) {
		bound = notification_at(receiver->bound_notification);
		if (notification_state(bound) == NOTIFICATION_ACTIVE) {
			notification_receive(kernel, receiver, bound, blocking);
			return OUTCOME_DONE;
		}
	}
	receiver->receiver_can_grant = cap_rights(cap) & RIGHT_GRANT;
	if (endpoint_state(endpoint) == ENDPOINT_SEND)
		return endpoint_take(kernel, receiver, endpoint);
	if (blocking) {
		thread_block(kernel, receiver, THREAD_BLOCKED_ON_RECEIVE);
		endpoint_enqueue(endpoint, receiver, ENDPOINT_RECV);
	} else {
		isa_set_badge(&receiver->context, 0);
	}
	return OUTCOME_DONE;
}

enum outcome reply_send(struct kernel *kernel, struct tcb *sender, struct tcb *caller, struct slot *reply,
			bool grant, const struct extra *extra)
{
	struct delivery delivery;
	bool goes_on;

	if (caller->fault.type == FAULT_NONE) {
		if (!delivery_find(sender, extra, caller, grant, &delivery))
			return OUTCOME_PREEMPTED;
		transfer_message(sender, caller, NULL, 0, &delivery);
		machine_trace_message(sender, caller, 0, 0);
		slot_remove(reply);
		caller->state = THREAD_RUNNING;
		possible_switch(kernel, caller);
		return OUTCOME_DONE;
	}
	goes_on = fault_reply(sender, caller);
	machine_trace_message(sender, caller, 0, 0);
	slot_remove(reply);
	caller->fault.type = FAULT_NONE;
	if (goes_on) {
		caller->state = THREAD_RESTART;
		possible_switch(kernel, caller);
	} else {
		caller->state = THREAD_INACTIVE;
	}
	return OUTCOME_DONE;
}

/* The thread executes its system call (or faulting instruction) again. */
static void restart(struct kernel *kernel, struct tcb *tcb)
{
	tcb->fault.type = FAULT_NONE;
	tcb->state = THREAD_RESTART;
	ready_add_head(kernel, tcb);
}

void endpoint_cancel_first(struct kernel *kernel, struct endpoint *endpoint)
{
	struct tcb *tcb = tcb_at(endpoint->head);

	endpoint_dequeue(endpoint, tcb);
	restart(kernel, tcb);
	reschedule(kernel);
}

void endpoint_finalise(struct kernel *kernel, struct endpoint *endpoint)
{
	if (kernel->cancel.endpoint == machine_ref(endpoint))
		kernel->cancel = (struct cancel){0};
}

/* Goes on with the CancelBadgedSends that is under way, whoever called it, if there is one. */
static enum outcome cancel_continue(struct kernel *kernel)
{
	struct cancel *cancel = &kernel->cancel;
	bool stop = false;

	if (!cancel->endpoint)
		return OUTCOME_DONE;
	while (cancel->endpoint && !stop) {
		struct tcb *tcb = tcb_at(cancel->next);

		if (tcb->sender_badge == cancel->badge) {
			endpoint_dequeue(endpoint_at(cancel->endpoint), tcb);
			restart(kernel, tcb);
		} else {
			cancel_skip(cancel, tcb);
		}
		stop = machine_preempt_step();
	}
	reschedule(kernel);
	return cancel->endpoint ? OUTCOME_PREEMPTED : OUTCOME_DONE;
}

enum outcome endpoint_cancel_badged(struct kernel *kernel, struct endpoint *endpoint, uint64_t badge,
				    bool *begun)
{
	/* If it is ours, this ends it; if it is another's, that one will find that it has ended. */
	if (cancel_continue(kernel) == OUTCOME_PREEMPTED)
		return OUTCOME_PREEMPTED;
	if (*begun || endpoint_state(endpoint) != ENDPOINT_SEND)
		return OUTCOME_DONE;
	*begun = true;
	kernel->cancel = (struct cancel){.endpoint = machine_ref(endpoint),
					 .badge = badge,
					 .next = endpoint->head,
					 .last = endpoint->tail & ~3ull};
	return cancel_continue(kernel);
}

/* The reply capability that names this blocked caller: it follows the master in the derivation list. */
static void delete_reply_cap(struct tcb *caller)
{
	struct slot *reply = slot_next(&caller->slot[TCB_REPLY]);

	if (cap_type(reply->cap) == CAP_Reply && cap_object(reply->cap) == machine_ref(caller) &&
	    !cap_reply_master(reply->cap))
		slot_remove(reply);
}

void ipc_cancel(struct kernel *kernel, struct tcb *tcb)
{
	switch (tcb->state) {
	case THREAD_BLOCKED_ON_SEND:
	case THREAD_BLOCKED_ON_RECEIVE:
		endpoint_dequeue(endpoint_at(tcb->blocked_on), tcb);
		break;
	case THREAD_BLOCKED_ON_NOTIFICATION:
		notification_cancel(notification_at(tcb->blocked_on), tcb);
		break;
	case THREAD_BLOCKED_ON_REPLY:
		delete_reply_cap(tcb);
		break;
	default:
		return;
	}
	tcb->fault.type = FAULT_NONE;
	thread_block(kernel, tcb, THREAD_INACTIVE);
}
