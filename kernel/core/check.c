/*
 * kernel_check(): every invariant of the kernel's state, in one walk over the derivation list and one
 * over the queues. Everything hangs on the list: each object has a capability, each capability is on
 * it.
 */
#include "kernel/core/check.h"

/* A walk in progress; `why` is NULL as long as all is well. */
struct checker {
	struct kernel *kernel;
	const char *why;
	kref where;
	uint64_t slots;                /* met so far */
	uint64_t slot_limit;           /* as many as memory can hold */
	bool cancel_met;               /* the endpoint of the CancelBadgedSends under way */
	uint64_t queued;               /* threads that say they are in a ready queue */
	uint64_t root_start, root_end; /* the outermost untyped (or boot object) of the current subtree */
};

static void fail(struct checker *checker, kref where, const char *why)
{
	if (checker->why)
		return;
	checker->why = why;
	checker->where = where;
}

#define EXPECT(checker, where, condition)                                                                    \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			fail(checker, where, #condition);                                                    \
	} while (0)

static bool in_ram(const struct checker *checker, uint64_t start, uint64_t size)
{
	return start >= checker->kernel->ram_start &&
	       size <= checker->kernel->ram_end - checker->kernel->ram_start &&
	       start <= checker->kernel->ram_end - size;
}

/* May a TCB lie here at all? (Whether it does is what the capabilities say.) */
static bool is_tcb_ref(const struct checker *checker, kref ref)
{
	return ref % (1u << seL4_TCBBits) == 0 && in_ram(checker, isa_paddr(ref), 1u << seL4_TCBBits);
}

/* May an endpoint or a notification lie here? */
static bool is_queue_ref(const struct checker *checker, kref ref, unsigned bits)
{
	return ref % (1u << bits) == 0 && in_ram(checker, isa_paddr(ref), 1u << bits);
}

static bool is_slot_ref(const struct checker *checker, kref ref)
{
	return ref % (1u << seL4_SlotBits) == 0 && in_ram(checker, isa_paddr(ref), 1u << seL4_SlotBits);
}

/* A byte of a state that may be anything is not to be read as a bool before this is known. */
static bool is_flag(const bool *flag)
{
	return *(const uint8_t *)flag <= 1;
}

/* --- objects ------------------------------------------------------------------------------------- */

/* Walks a queue of blocked threads and checks each one's links and state. */
static void check_queue(struct checker *checker, kref object, kref head, kref tail, uint8_t state)
{
	uint64_t count = 0;
	kref prev = 0;

	while (head && !checker->why) {
		const struct tcb *tcb = tcb_at(head);

		EXPECT(checker, object, is_tcb_ref(checker, head));
		if (checker->why)
			return;
		EXPECT(checker, head, tcb->state == state);
		EXPECT(checker, head, tcb->blocked_on == object);
		EXPECT(checker, head, tcb->queue_prev == prev);
		EXPECT(checker, object, ++count <= checker->slot_limit);
		prev = head;
		head = tcb->queue_next;
	}
	EXPECT(checker, object, prev == tail);
}

/* The CancelBadgedSends that is under way at this endpoint: from one queued sender to a later one. */
static void check_cancel(struct checker *checker)
{
	const struct cancel *cancel = &checker->kernel->cancel;
	uint64_t count = 0;

	checker->cancel_met = true;
	EXPECT(checker, cancel->endpoint, endpoint_state(endpoint_at(cancel->endpoint)) == ENDPOINT_SEND);
	for (kref ref = cancel->next; !checker->why; ref = tcb_at(ref)->queue_next) {
		EXPECT(checker, cancel->endpoint, is_tcb_ref(checker, ref));
		if (checker->why)
			return;
		EXPECT(checker, cancel->endpoint,
		       tcb_at(ref)->state == THREAD_BLOCKED_ON_SEND &&
			       tcb_at(ref)->blocked_on == cancel->endpoint);
		EXPECT(checker, cancel->endpoint, ++count <= checker->slot_limit);
		if (ref == cancel->last)
			break;
	}
}

static void check_endpoint(struct checker *checker, kref ref)
{
	const struct endpoint *endpoint = endpoint_at(ref);
	enum endpoint_state state = endpoint_state(endpoint);

	if (state == ENDPOINT_IDLE) {
		EXPECT(checker, ref, endpoint->head == 0 && endpoint->tail == 0);
		return;
	}
	if (ref == checker->kernel->cancel.endpoint)
		check_cancel(checker);
	EXPECT(checker, ref, endpoint->head != 0);
	check_queue(checker, ref, endpoint->head, endpoint->tail & ~3ull,
		    state == ENDPOINT_SEND ? THREAD_BLOCKED_ON_SEND : THREAD_BLOCKED_ON_RECEIVE);
}

static void check_notification(struct checker *checker, kref ref)
{
	const struct notification *notification = notification_at(ref);

	if (notification->bound) {
		EXPECT(checker, ref, is_tcb_ref(checker, notification->bound));
		if (checker->why)
			return;
		EXPECT(checker, ref, tcb_at(notification->bound)->bound_notification == ref);
	}
	if (notification_state(notification) == NOTIFICATION_WAITING) {
		EXPECT(checker, ref, notification->head != 0);
		check_queue(checker, ref, notification->head, notification->tail & ~3ull,
			    THREAD_BLOCKED_ON_NOTIFICATION);
	} else {
		EXPECT(checker, ref, notification->head == 0);
	}
}

/* Is the blocked thread in the queue of what it says it is blocked on? */
static void check_blocked(struct checker *checker, kref ref, const struct tcb *tcb)
{
	kref head, next;
	uint64_t count = 0;

	EXPECT(checker, ref,
	       is_queue_ref(checker, tcb->blocked_on,
			    tcb->state == THREAD_BLOCKED_ON_NOTIFICATION ? seL4_NotificationBits
									 : seL4_EndpointBits));
	if (checker->why)
		return;
	head = tcb->state == THREAD_BLOCKED_ON_NOTIFICATION ? notification_at(tcb->blocked_on)->head
							    : endpoint_at(tcb->blocked_on)->head;
	for (next = head; next && next != ref && count <= checker->slot_limit && is_tcb_ref(checker, next);
	     count++)
		next = tcb_at(next)->queue_next;
	EXPECT(checker, ref, next == ref);
}

static void check_tcb(struct checker *checker, kref ref)
{
	const struct core *core = this_core(checker->kernel);
	const struct tcb *tcb = tcb_at(ref);

	EXPECT(checker, ref, is_flag(&tcb->queued));
	if (checker->why)
		return;
	EXPECT(checker, ref, tcb->state < THREAD_IDLE);
	EXPECT(checker, ref, tcb->domain < checker->kernel->profile.domains);
	EXPECT(checker, ref, tcb->context.x[0] == 0);
	if (tcb->bound_notification) {
		EXPECT(checker, ref, is_queue_ref(checker, tcb->bound_notification, seL4_NotificationBits));
		if (checker->why)
			return;
		EXPECT(checker, ref, notification_at(tcb->bound_notification)->bound == ref);
	}
	if (thread_is_runnable(tcb))
		EXPECT(checker, ref, tcb->queued != (core->current == ref));
	else
		EXPECT(checker, ref, !tcb->queued);
	checker->queued += tcb->queued;
	if (tcb->state == THREAD_BLOCKED_ON_SEND || tcb->state == THREAD_BLOCKED_ON_RECEIVE ||
	    tcb->state == THREAD_BLOCKED_ON_NOTIFICATION)
		check_blocked(checker, ref, tcb);
	if (tcb->state != THREAD_INACTIVE)
		EXPECT(checker, ref, cap_type(tcb->slot[TCB_REPLY].cap) == CAP_Reply);
}

static void check_zombie(struct checker *checker, struct cap cap)
{
	kref ref = cap_object(cap);

	switch (cap_zombie_kind(cap)) {
	case ZOMBIE_ENDPOINT:
		check_endpoint(checker, ref);
		break;
	case ZOMBIE_NOTIFICATION:
		check_notification(checker, ref);
		EXPECT(checker, ref, notification_at(ref)->bound == 0);
		break;
	default:
		break;
	}
}

static void check_object(struct checker *checker, const struct slot *slot)
{
	struct cap cap = slot->cap;
	const struct tcb *caller;

	switch (cap_type(cap)) {
	case CAP_Endpoint:
		check_endpoint(checker, cap_object(cap));
		break;
	case CAP_Notification:
		check_notification(checker, cap_object(cap));
		break;
	case CAP_Thread:
		check_tcb(checker, cap_object(cap));
		break;
	case CAP_Reply:
		EXPECT(checker, machine_ref(slot), is_tcb_ref(checker, cap_object(cap)));
		if (checker->why)
			return;
		caller = tcb_at(cap_object(cap));
		if (cap_reply_master(cap))
			EXPECT(checker, machine_ref(slot), slot == &caller->slot[TCB_REPLY]);
		else
			EXPECT(checker, machine_ref(slot), caller->state == THREAD_BLOCKED_ON_REPLY);
		break;
	case CAP_Zombie:
		check_zombie(checker, cap);
		break;
	case CAP_IRQHandler:
		EXPECT(checker, machine_ref(slot),
		       checker->kernel->irq_state[cap_irq(cap) % MAX_IRQS] == IRQ_SIGNAL);
		break;
	default:
		break;
	}
}

/* --- capabilities ---------------------------------------------------------------------------------- */

static uint64_t zombie_slots(struct cap zombie)
{
	switch (cap_zombie_kind(zombie)) {
	case ZOMBIE_CNODE:
		return 1ull << cap_zombie_radix(zombie);
	case ZOMBIE_TCB:
		return TCB_SLOTS;
	default:
		return 0;
	}
}

static void check_cap(struct checker *checker, const struct slot *slot)
{
	struct cap cap = slot->cap;
	kref ref = machine_ref(slot);
	uint64_t start, size;
	bool device;

	switch (cap_type(cap)) {
	case CAP_Untyped:
		EXPECT(checker, ref, cap_untyped_bits(cap) >= seL4_MinUntypedBits);
		EXPECT(checker, ref, cap_untyped_bits(cap) <= seL4_MaxUntypedBits);
		EXPECT(checker, ref, cap_untyped_free(cap) <= 1ull << cap_untyped_bits(cap));
		break;
	case CAP_CNode:
		EXPECT(checker, ref,
		       cap_cnode_radix(cap) >= 1 && cap_cnode_radix(cap) <= seL4_MaxUntypedBits);
		EXPECT(checker, ref, cap_cnode_radix(cap) + cap_cnode_guard_size(cap) <= seL4_WordBits);
		break;
	case CAP_Zombie:
		EXPECT(checker, ref, cap_zombie_radix(cap) <= seL4_MaxUntypedBits);
		EXPECT(checker, ref, cap_zombie_left(cap) <= zombie_slots(cap));
		break;
	case CAP_Endpoint:
	case CAP_Notification:
	case CAP_Thread:
	case CAP_Reply:
	case CAP_IRQControl:
	case CAP_IRQHandler:
	case CAP_Domain:
		break;
	default:
		if (isa_check_cap(slot))
			fail(checker, ref, isa_check_cap(slot));
	}
	if (checker->why || !cap_memory(cap, &start, &size))
		return;
	device = (cap_type(cap) == CAP_Untyped && cap_untyped_device(cap)) ||
		 (cap_type(cap) == CAP_Frame && !isa_cap_may_be_buffer(cap));
	EXPECT(checker, ref, start % size == 0);
	EXPECT(checker, ref, device || in_ram(checker, start, size));
}

/*
 * Where a capability stands in memory, compared with the one before it. The list is in pre-order and a
 * retype puts each new object before the older ones, so within a tree it is the same object, inside
 * the one before, or wholly below it; and what lies in an untyped lies below its free offset.
 */
static void check_place(struct checker *checker, const struct slot *before, const struct slot *slot)
{
	uint64_t start, size, before_start, before_size;
	kref ref = machine_ref(slot);

	if (!cap_memory(slot->cap, &start, &size))
		return;
	if (start < checker->root_start || start + size > checker->root_end) {
		EXPECT(checker, ref, start + size <= checker->root_start || start >= checker->root_end);
		checker->root_start = start;
		checker->root_end = start + size;
		return;
	}
	if (!before || !cap_memory(before->cap, &before_start, &before_size))
		return;
	if (cap_type(before->cap) == CAP_Untyped && slot_is_parent_of(before, slot)) {
		EXPECT(checker, ref, start + size <= before_start + cap_untyped_free(before->cap));
		return;
	}
	EXPECT(checker, ref,
	       (start == before_start && size == before_size) || start + size <= before_start ||
		       (cap_type(before->cap) == CAP_Untyped && start >= before_start &&
			start + size <= before_start + before_size));
}

static void check_derivation(struct checker *checker)
{
	struct slot *head = &checker->kernel->derivation, *prev = head, *before = NULL, *slot;
	uint64_t start, size;

	for (slot = slot_next(head); slot != head && !checker->why; slot = slot_next(slot)) {
		kref ref = machine_ref(slot);

		EXPECT(checker, machine_ref(prev), is_slot_ref(checker, prev->next_flags & ~SLOT_FLAGS));
		if (checker->why)
			return;
		EXPECT(checker, ref, slot->prev == machine_ref(prev));
		EXPECT(checker, ref, ++checker->slots <= checker->slot_limit);
		EXPECT(checker, ref, !slot_is_empty(slot));
		if (checker->why)
			return;
		check_cap(checker, slot);
		if (checker->why)
			return;
		check_place(checker, before, slot);
		if (checker->why)
			return;
		if (!cap_same_object(prev->cap, slot->cap) || cap_type(slot->cap) == CAP_Reply)
			check_object(checker, slot);
		if (cap_memory(slot->cap, &start, &size))
			before = slot;
		prev = slot;
	}
	EXPECT(checker, machine_ref(head), checker->why || head->prev == machine_ref(prev));
}

/* --- ready queues, interrupts ----------------------------------------------------------------- */

static uint64_t check_ready_queue(struct checker *checker, unsigned domain, unsigned priority)
{
	struct core *core = this_core(checker->kernel);
	const struct queue *queue = &core->ready[domain][priority];
	bool marked = core->ready_bits[domain][priority / 64] & ready_bit(priority);
	kref where = machine_ref(queue), prev = 0;
	uint64_t count = 0;

	EXPECT(checker, where, marked == (queue->head != 0));
	for (kref ref = queue->head; ref && !checker->why; ref = tcb_at(ref)->ready_next) {
		const struct tcb *tcb = tcb_at(ref);

		EXPECT(checker, where, is_tcb_ref(checker, ref) && is_flag(&tcb->queued));
		if (checker->why)
			return count;
		EXPECT(checker, ref, tcb->queued && tcb->domain == domain && tcb->priority == priority);
		EXPECT(checker, ref, tcb->ready_prev == prev);
		EXPECT(checker, where, ++count <= checker->slot_limit);
		prev = ref;
	}
	EXPECT(checker, where, checker->why || queue->tail == prev);
	return count;
}

static void check_ready(struct checker *checker)
{
	const struct core *core = this_core(checker->kernel);
	uint64_t in_queues = 0;

	for (unsigned domain = 0; domain < checker->kernel->profile.domains; domain++) {
		for (unsigned priority = 0; priority < PRIORITIES && !checker->why; priority++)
			in_queues += check_ready_queue(checker, domain, priority);
	}
	/* A queued thread without a capability would be a leak. */
	EXPECT(checker, 0, checker->why || in_queues == checker->queued);
	EXPECT(checker, core->current, core->current == core->idle || is_tcb_ref(checker, core->current));
	if (checker->why)
		return;
	EXPECT(checker, core->current,
	       core->current == core->idle || thread_is_runnable(tcb_at(core->current)));
	EXPECT(checker, 0, core->action == SCHEDULE_RESUME);
}

static void check_irqs(struct checker *checker)
{
	struct kernel *kernel = checker->kernel;

	for (unsigned irq = 0; irq < MAX_IRQS; irq++) {
		const struct slot *slot = &kernel->irq_slot[irq];

		EXPECT(checker, machine_ref(slot),
		       slot_is_empty(slot) || cap_type(slot->cap) == CAP_Notification ||
			       (cap_type(slot->cap) == CAP_Zombie &&
				cap_zombie_kind(slot->cap) == ZOMBIE_NOTIFICATION));
		EXPECT(checker, machine_ref(slot),
		       slot_is_empty(slot) || kernel->irq_state[irq] == IRQ_SIGNAL);
	}
}

/* The zombie that a preempted deletion is to go on with is one. */
static void check_deletion(struct checker *checker)
{
	kref ref = checker->kernel->deletion_head;
	const struct slot *slot = slot_at(ref);

	if (!ref)
		return;
	EXPECT(checker, ref, is_slot_ref(checker, ref));
	if (checker->why)
		return;
	EXPECT(checker, ref, cap_type(slot->cap) == CAP_Zombie);
	EXPECT(checker, ref,
	       is_slot_ref(checker, slot->prev) && (slot_at(slot->prev)->next_flags & ~SLOT_FLAGS) == ref);
}

static const char *check(struct kernel *kernel, kref *where, uint64_t *slots)
{
	struct checker checker = {.kernel = kernel,
				  .slot_limit = (kernel->ram_end - kernel->ram_start) >> seL4_SlotBits};

	if (kernel->profile.domains == 0 || kernel->profile.domains > MAX_DOMAINS)
		fail(&checker, 0, "number of domains");
	if (!checker.why)
		check_derivation(&checker);
	if (!checker.why)
		check_ready(&checker);
	if (!checker.why)
		check_irqs(&checker);
	if (!checker.why)
		check_deletion(&checker);
	if (!checker.why && kernel->cancel.endpoint && !checker.cancel_met)
		fail(&checker, kernel->cancel.endpoint, "a cancelled endpoint does not exist, or is idle");
	*where = checker.where;
	*slots = checker.slots;
	return checker.why;
}

const char *kernel_check(struct kernel *kernel, kref *where)
{
	uint64_t slots;

	return check(kernel, where, &slots);
}

/* Up to so many capabilities every entry is followed by a check; more make the checks rarer in proportion. */
#define SLOTS_EACH_TIME 4096

void kernel_check_or_halt(struct kernel *kernel)
{
	uint64_t slots;
	kref where;
	const char *why;

	if (kernel->halted || kernel->check_pause-- > 0)
		return;
	why = check(kernel, &where, &slots);
	kernel->check_pause = slots / SLOTS_EACH_TIME * 8;
	if (!why)
		return;
	for (const char *text = "kernel_check: "; *text; text++)
		machine_console_putc(*text);
	while (*why)
		machine_console_putc(*why++);
	for (const char *text = " at 0x"; *text; text++)
		machine_console_putc(*text);
	for (int shift = 60; shift >= 0; shift -= 4)
		machine_console_putc("0123456789abcdef"[where >> shift & 15]);
	machine_console_putc('\n');
	kernel->halted = true;
	machine_halt();
}
