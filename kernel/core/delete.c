/*
 * Deleting capabilities, and with the last one of an object the object.
 *
 * Most deletions are one short step. A CNode or TCB holds further capabilities, which may again be the
 * last of CNodes, to any depth and in cycles; their deletion is a sequence of short steps with
 * preemption points in between, without recursion and without memory of its own.
 *
 * What is left of an object under deletion is a zombie: its slot says how many of the object's slots
 * are not yet emptied. Slots are emptied from the last to the first. When the last slot of A holds the
 * final capability of another CNode B, the zombies are turned round, so that B is worked on first and
 * A waits in B's first slot:
 *
 *        S: zombie A              S: zombie B
 *           └ A[last]: B    →        └ B[0]: zombie A
 *                └ B[0]: x                 └ A[last]: x
 *
 * B's other slots are emptied, and when only B[0] is left, its zombie moves up into S and B is gone.
 * A zombie may lie in its own object, or two in each other's (S in A or in B above): then the first slot
 * of an object is where a zombie stays until nothing else is left.
 *
 * An endpoint or notification in whose queue threads wait becomes a zombie without slots: each step sends
 * one of the threads on its way. Nobody can invoke it meanwhile, so nobody queues up anew.
 *
 * After every step each object has at most one zombie, and the slots that it no longer counts are empty:
 * so when a zombie goes, nothing in its object is lost. The system is consistent at any preemption, and
 * anybody may go on with the work, at any zombie.
 */
#include "kernel/core/kernel.h"

/* Is there nothing left to do but to take the zombie away? */
static bool zombie_is_done(struct cap zombie)
{
	switch (cap_zombie_kind(zombie)) {
	case ZOMBIE_ENDPOINT:
		return endpoint_state(endpoint_at(cap_object(zombie))) == ENDPOINT_IDLE;
	case ZOMBIE_NOTIFICATION:
		return notification_state(notification_at(cap_object(zombie))) != NOTIFICATION_WAITING;
	default:
		return cap_zombie_left(zombie) == 0;
	}
}

static struct cap zombie_unless_done(struct cap zombie)
{
	return zombie_is_done(zombie) ? cap_null() : zombie;
}

/* The last capability to a notification, which a driver or only an interrupt may have. */
static struct cap finalise_notification(struct cap cap)
{
	notification_unbind(notification_at(cap_object(cap)));
	return zombie_unless_done(cap_zombie(ZOMBIE_NOTIFICATION, cap_object(cap), 0, 0));
}

/* The last handler of an interrupt: what was told of it may be a notification's last capability. */
static struct cap finalise_irq_handler(struct kernel *kernel, struct slot *slot)
{
	unsigned irq = cap_irq(slot->cap);
	struct slot *told = &kernel->irq_slot[irq];
	struct cap rest = cap_null();

	irq_release(kernel, irq);
	if (cap_type(told->cap) == CAP_Zombie)
		rest = zombie_unless_done(told->cap);
	else if (cap_type(told->cap) == CAP_Notification && slot_is_final(told))
		rest = finalise_notification(told->cap);
	if (!cap_is_null(rest)) {
		/* Nobody can name the interrupt's slot any more: the zombie lies where the handler did. */
		slot_remove(slot);
		slot_move(slot, told, rest);
	} else if (!slot_is_empty(told)) {
		slot_remove(told);
	}
	return rest;
}

/* Undoes what the object means to others; returns the zombie of what is left to do, or null. */
static struct cap finalise(struct kernel *kernel, struct slot *slot)
{
	struct cap cap = slot->cap;
	bool final = slot_is_final(slot);
	struct tcb *tcb;

	if (cap_type(cap) == CAP_Zombie)
		return zombie_unless_done(cap);
	if (!final && cap_type(cap) != CAP_Frame)
		return cap_null();
	switch (cap_type(cap)) {
	case CAP_Endpoint:
		endpoint_finalise(kernel, endpoint_at(cap_object(cap)));
		return zombie_unless_done(cap_zombie(ZOMBIE_ENDPOINT, cap_object(cap), 0, 0));
	case CAP_Notification:
		return finalise_notification(cap);
	case CAP_CNode:
		return cap_zombie(ZOMBIE_CNODE, cap_object(cap), cap_cnode_radix(cap),
				  1ull << cap_cnode_radix(cap));
	case CAP_Thread:
		tcb = tcb_at(cap_object(cap));
		if (tcb->bound_notification)
			notification_unbind(notification_at(tcb->bound_notification));
		thread_suspend(kernel, tcb);
		machine_fpu_release(tcb);
		machine_trace_thread_deleted(tcb);
		return cap_zombie(ZOMBIE_TCB, cap_object(cap), 0, TCB_SLOTS);
	case CAP_IRQHandler:
		return finalise_irq_handler(kernel, slot);
	case CAP_Null:
	case CAP_Untyped:
	case CAP_Reply:
	case CAP_IRQControl:
	case CAP_Domain:
		return cap_null();
	default:
		isa_cap_finalise(cap, final);
		return cap_null();
	}
}

static struct cap zombie_with_left(struct cap zombie, uint64_t left)
{
	zombie.word[1] = left;
	return zombie;
}

static struct slot *zombie_slot(struct cap zombie, uint64_t index)
{
	return slot_at(cap_object(zombie) + (index << seL4_SlotBits));
}

/* The last slot of head's object holds a zombie too: `head` gets that one, to be worked on first. */
static void zombie_descend(struct slot *head, struct slot *last)
{
	struct cap outer = head->cap, inner = last->cap;
	struct slot *first = zombie_slot(inner, 0);

	slot_swap(head, outer, last, inner);
	if (first != head)
		slot_swap(last, outer, first, first->cap);
}

/* The zombie to work on for `head`: its own, unless that waits in the first slot of the next one's object. */
static struct slot *zombie_next(struct slot *head)
{
	uint64_t left = cap_zombie_left(head->cap);
	struct slot *last = left > 0 ? zombie_slot(head->cap, left - 1) : head;

	if (cap_type(last->cap) == CAP_Zombie && cap_zombie_left(last->cap) > 0 && last != head &&
	    zombie_slot(last->cap, 0) == head)
		return last;
	return head;
}

/* A thread that waits for the endpoint or notification is sent on its way. */
static void zombie_cancel_first(struct kernel *kernel, struct cap zombie)
{
	if (cap_zombie_kind(zombie) == ZOMBIE_ENDPOINT)
		endpoint_cancel_first(kernel, endpoint_at(cap_object(zombie)));
	else
		notification_cancel_first(kernel, notification_at(cap_object(zombie)));
}

/* One short step towards emptying `head`, which holds a zombie. Returns where to go on, or NULL: done. */
static struct slot *zombie_step(struct kernel *kernel, struct slot *head)
{
	struct cap zombie = head->cap, rest;
	uint64_t left = cap_zombie_left(zombie);
	struct slot *last, *first = zombie_slot(zombie, 0);

	if (!cap_zombie_has_slots(zombie) && !zombie_is_done(zombie)) {
		zombie_cancel_first(kernel, zombie);
		return head;
	}
	if (left == 0 || (left == 1 && head == first)) {
		slot_remove(head);
		return NULL;
	}
	last = zombie_slot(zombie, left - 1);
	if (last == head) {
		/* A zombie in its own object goes to the first slot, the last one to be emptied. */
		slot_swap(head, zombie, first, first->cap);
		return first;
	}
	rest = slot_is_empty(last) ? cap_null() : finalise(kernel, last);
	if (cap_is_null(rest)) {
		if (!slot_is_empty(last))
			slot_remove(last);
		head->cap = zombie_with_left(zombie, left - 1);
		return head;
	}
	last->cap = rest;
	if (!cap_zombie_has_slots(rest)) {
		zombie_cancel_first(kernel, rest);
	} else if (left > 1) {
		if (zombie_next(head) == head)
			zombie_descend(head, last);
	} else {
		/* The object holds nothing but this zombie, which can as well lie in its place. */
		slot_remove(head);
		slot_move(head, last, last->cap);
	}
	return head;
}

/*
 * Deletes the capability in `slot`, of which a part may have been done. NULL: it is gone; else an interrupt
 * waits, and this is the zombie to go on with.
 */
static struct slot *delete_some(struct kernel *kernel, struct slot *slot)
{
	struct cap rest;

	kernel->deletion_head = 0;
	if (slot_is_empty(slot))
		return NULL;
	rest = finalise(kernel, slot);
	if (cap_is_null(rest)) {
		slot_remove(slot);
		return NULL;
	}
	slot->cap = rest;
	while (slot) {
		slot = zombie_step(kernel, zombie_next(slot));
		if (machine_preempt_step() && slot)
			break;
	}
	return slot;
}

/*
 * The deletion of `slot`, or of what was derived from it, stops here and is to go on at `head`. It could go
 * on anywhere; but zombies in a circle, taken up at another one each time, would only be turned round.
 */
static enum outcome preempted(struct kernel *kernel, const struct slot *slot, const struct slot *head)
{
	kernel->deletion = machine_ref(slot);
	kernel->deletion_head = machine_ref(head);
	return OUTCOME_PREEMPTED;
}

/* Goes on where it stopped, if nobody has deleted or moved anything since. As delete_some(). */
static struct slot *restart(struct kernel *kernel, const struct slot *slot)
{
	if (!kernel->deletion_head || kernel->deletion != machine_ref(slot))
		return NULL;
	return delete_some(kernel, slot_at(kernel->deletion_head));
}

enum outcome slot_delete(struct kernel *kernel, struct slot *slot)
{
	struct slot *rest = restart(kernel, slot);

	if (!rest)
		rest = delete_some(kernel, slot);
	return rest ? preempted(kernel, slot, rest) : OUTCOME_DONE;
}

void slot_delete_simple(struct slot *slot)
{
	if (slot_is_empty(slot))
		return;
	isa_cap_finalise(slot->cap, slot_is_final(slot));
	slot_remove(slot);
}

enum outcome slot_revoke(struct kernel *kernel, struct slot *slot)
{
	struct slot *rest = restart(kernel, slot);

	while (!rest && slot_has_children(slot)) {
		rest = delete_some(kernel, slot_next(slot));
		if (!rest && machine_preempt_step() && slot_has_children(slot))
			return OUTCOME_PREEMPTED;
	}
	return rest ? preempted(kernel, slot, rest) : OUTCOME_DONE;
}
