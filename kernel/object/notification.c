/* Notifications: a word of signals, a queue of waiters, perhaps a bound thread (ipc.md §3). */
#include "kernel/core/kernel.h"

static struct queue waiters(const struct notification *notification)
{
	return (struct queue){notification->head, notification->tail & ~3ull};
}

static void set_waiters(struct notification *notification, struct queue queue)
{
	notification->head = queue.head;
	notification->tail = queue.head ? queue.tail | NOTIFICATION_WAITING : NOTIFICATION_IDLE;
}

static void wake(struct kernel *kernel, struct tcb *tcb, uint64_t badge)
{
	isa_set_badge(&tcb->context, badge);
	tcb->state = THREAD_RUNNING;
	possible_switch(kernel, tcb);
}

void notification_signal(struct kernel *kernel, struct notification *notification, uint64_t badge)
{
	struct tcb *tcb;

	switch (notification_state(notification)) {
	case NOTIFICATION_IDLE:
		tcb = notification->bound ? tcb_at(notification->bound) : NULL;
		if (tcb && tcb->state == THREAD_BLOCKED_ON_RECEIVE) {
			ipc_cancel(kernel, tcb);
			wake(kernel, tcb, badge);
			machine_trace_signal(machine_ref(notification), machine_ref(tcb), badge);
		} else {
			notification->word = badge;
			notification->tail = NOTIFICATION_ACTIVE;
			machine_trace_signal(machine_ref(notification), 0, badge);
		}
		break;
	case NOTIFICATION_WAITING:
		tcb = tcb_at(notification->head);
		notification_cancel(notification, tcb);
		wake(kernel, tcb, badge);
		machine_trace_signal(machine_ref(notification), machine_ref(tcb), badge);
		break;
	case NOTIFICATION_ACTIVE:
		notification->word |= badge;
		machine_trace_signal(machine_ref(notification), 0, badge);
		break;
	}
}

void notification_receive(struct kernel *kernel, struct tcb *tcb, struct notification *notification,
			  bool blocking)
{
	struct queue queue;

	if (notification_state(notification) == NOTIFICATION_ACTIVE) {
		machine_trace_signal_taken(tcb, machine_ref(notification), notification->word);
		isa_set_badge(&tcb->context, notification->word);
		notification->word = 0;
		notification->tail = NOTIFICATION_IDLE;
	} else if (blocking) {
		thread_block(kernel, tcb, THREAD_BLOCKED_ON_NOTIFICATION);
		tcb->blocked_on = machine_ref(notification);
		queue = waiters(notification);
		queue_append(&queue, tcb);
		set_waiters(notification, queue);
	} else {
		isa_set_badge(&tcb->context, 0);
	}
}

void notification_cancel(struct notification *notification, struct tcb *tcb)
{
	struct queue queue = waiters(notification);

	queue_remove(&queue, tcb);
	set_waiters(notification, queue);
}

void notification_cancel_first(struct kernel *kernel, struct notification *notification)
{
	struct tcb *tcb = tcb_at(notification->head);

	notification_cancel(notification, tcb);
	tcb->state = THREAD_RESTART;
	ready_add_head(kernel, tcb);
	reschedule(kernel);
}

void notification_bind(struct notification *notification, struct tcb *tcb)
{
	notification->bound = machine_ref(tcb);
	tcb->bound_notification = machine_ref(notification);
}

void notification_unbind(struct notification *notification)
{
	if (!notification->bound)
		return;
	tcb_at(notification->bound)->bound_notification = 0;
	notification->bound = 0;
}
