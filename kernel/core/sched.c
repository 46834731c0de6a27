/*
 * Who runs next. Strict priorities with round robin, within the current domain (ipc.md §5).
 *
 * The ready queues hold every runnable thread but the current one. What happens during a kernel entry
 * only marks what schedule() has to look at when the entry ends: nothing, one candidate for a direct
 * switch, or everything.
 */
#include "kernel/core/kernel.h"

static struct queue *ready_queue(struct core *core, const struct tcb *tcb)
{
	return &core->ready[tcb->domain][tcb->priority];
}

static void mark_ready(struct core *core, const struct tcb *tcb)
{
	core->ready_bits[tcb->domain][tcb->priority / 64] |= ready_bit(tcb->priority);
}

static void unmark_ready(struct core *core, const struct tcb *tcb)
{
	core->ready_bits[tcb->domain][tcb->priority / 64] &= ~ready_bit(tcb->priority);
}

void ready_add_head(struct kernel *kernel, struct tcb *tcb)
{
	struct core *core = this_core(kernel);
	struct queue *queue = ready_queue(core, tcb);
	kref ref = machine_ref(tcb);

	if (tcb->queued)
		return;
	tcb->ready_prev = 0;
	tcb->ready_next = queue->head;
	if (queue->head)
		tcb_at(queue->head)->ready_prev = ref;
	else
		queue->tail = ref;
	queue->head = ref;
	tcb->queued = true;
	mark_ready(core, tcb);
}

void ready_add_tail(struct kernel *kernel, struct tcb *tcb)
{
	struct core *core = this_core(kernel);
	struct queue *queue = ready_queue(core, tcb);
	kref ref = machine_ref(tcb);

	if (tcb->queued)
		return;
	tcb->ready_next = 0;
	tcb->ready_prev = queue->tail;
	if (queue->tail)
		tcb_at(queue->tail)->ready_next = ref;
	else
		queue->head = ref;
	queue->tail = ref;
	tcb->queued = true;
	mark_ready(core, tcb);
}

void ready_remove(struct kernel *kernel, struct tcb *tcb)
{
	struct core *core = this_core(kernel);
	struct queue *queue = ready_queue(core, tcb);

	if (!tcb->queued)
		return;
	if (tcb->ready_prev)
		tcb_at(tcb->ready_prev)->ready_next = tcb->ready_next;
	else
		queue->head = tcb->ready_next;
	if (tcb->ready_next)
		tcb_at(tcb->ready_next)->ready_prev = tcb->ready_prev;
	else
		queue->tail = tcb->ready_prev;
	tcb->queued = false;
	if (!queue->head)
		unmark_ready(core, tcb);
}

/*
 * The number of the lowest bit that is set, in a few instructions also where the processor has none for it:
 * a de Bruijn sequence, shifted left by n, has n's place in this table in its six highest bits.
 */
static unsigned lowest_bit(uint64_t word)
{
	static const uint8_t number[64] = {
		0,  1,  2,  7,  3,  13, 8,  19, 4,  25, 14, 28, 9,  34, 20, 40, 5,  17, 26, 38, 15, 46,
		29, 48, 10, 31, 35, 54, 21, 50, 41, 57, 63, 6,  12, 18, 24, 27, 33, 39, 16, 37, 45, 47,
		30, 53, 49, 56, 62, 11, 23, 32, 36, 44, 52, 55, 61, 22, 43, 51, 60, 42, 59, 58,
	};

	return number[(word & -word) * 0x0218a392cd3d5dbfull >> 58];
}

int ready_highest(const struct core *core, unsigned domain)
{
	for (int word = READY_WORDS - 1; word >= 0; word--)
		if (core->ready_bits[domain][word])
			return word * 64 + 63 - (int)lowest_bit(core->ready_bits[domain][word]);
	return -1;
}

void reschedule(struct kernel *kernel)
{
	struct core *core = this_core(kernel);

	if (core->action == SCHEDULE_SWITCH)
		ready_add_head(kernel, tcb_at(core->candidate));
	core->action = SCHEDULE_CHOOSE;
	core->candidate = 0;
}

void possible_switch(struct kernel *kernel, struct tcb *tcb)
{
	struct core *core = this_core(kernel);

	if (tcb->domain != core->domain) {
		ready_add_head(kernel, tcb);
	} else if (core->action != SCHEDULE_RESUME) {
		/* A second candidate: both are ordinary ready threads, and all are looked at. */
		reschedule(kernel);
		ready_add_head(kernel, tcb);
	} else {
		core->action = SCHEDULE_SWITCH;
		core->candidate = machine_ref(tcb);
	}
}

void switch_to(struct kernel *kernel, struct tcb *tcb)
{
	struct core *core = this_core(kernel);

	if (tcb->queued)
		ready_remove(kernel, tcb);
	core->current = machine_ref(tcb);
	machine_set_fpu(tcb, !(tcb->flags & seL4_TCBFlag_fpuDisabled));
	isa_set_vspace(tcb);
}

static void switch_to_idle(struct kernel *kernel)
{
	struct core *core = this_core(kernel);

	core->current = core->idle;
	machine_set_vspace(0);
}

static void next_domain(struct kernel *kernel)
{
	struct core *core = this_core(kernel);

	core->schedule_index++;
	if (core->schedule_index >= kernel->schedule_length ||
	    kernel->schedule[core->schedule_index].ticks == 0)
		core->schedule_index = kernel->schedule_start;
	core->domain = (uint8_t)kernel->schedule[core->schedule_index].domain;
	core->domain_ticks = kernel->schedule[core->schedule_index].ticks;
}

static void choose_thread(struct kernel *kernel)
{
	struct core *core = this_core(kernel);
	int priority;

	if (core->domain_ticks == 0)
		next_domain(kernel);
	priority = ready_highest(core, core->domain);
	if (priority < 0)
		switch_to_idle(kernel);
	else
		switch_to(kernel, tcb_at(core->ready[core->domain][priority].head));
}

/* The candidate against the current thread: ipc.md §5, the table. */
static void schedule_candidate(struct kernel *kernel, struct tcb *current, bool current_runnable)
{
	struct core *core = this_core(kernel);
	struct tcb *candidate = tcb_at(core->candidate);
	bool lower = current->state == THREAD_IDLE || candidate->priority < current->priority;

	if (lower && (int)candidate->priority < ready_highest(core, core->domain)) {
		ready_add_head(kernel, candidate);
		choose_thread(kernel);
	} else if (current_runnable && candidate->priority == current->priority) {
		ready_add_tail(kernel, candidate);
		choose_thread(kernel);
	} else {
		switch_to(kernel, candidate);
	}
}

void schedule(struct kernel *kernel)
{
	struct core *core = this_core(kernel);
	struct tcb *current = tcb_at(core->current);
	bool runnable = thread_is_runnable(current);

	if (core->action == SCHEDULE_RESUME)
		return;
	if (runnable)
		ready_add_head(kernel, current);
	if (core->action == SCHEDULE_SWITCH)
		schedule_candidate(kernel, current, runnable);
	else
		choose_thread(kernel);
	core->action = SCHEDULE_RESUME;
	core->candidate = 0;
}

void timer_tick(struct kernel *kernel)
{
	struct core *core = this_core(kernel);
	struct tcb *current = tcb_at(core->current);

	if (thread_is_runnable(current)) {
		if (current->time_slice > 1) {
			current->time_slice--;
		} else {
			current->time_slice = TIME_SLICE_TICKS;
			ready_add_tail(kernel, current);
			reschedule(kernel);
		}
	}
	if (kernel->profile.domains > 1 && --core->domain_ticks == 0)
		reschedule(kernel);
}
