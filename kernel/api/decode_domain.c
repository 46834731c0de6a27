/* DomainSet: a thread's domain, and the schedule of domains (invocations.md §8). */
#include "kernel/core/kernel.h"

#define MAX_DURATION (1ull << 56)

static enum outcome decode_set(struct call *call)
{
	uint64_t domain;

	if (call->length == 0)
		return call_fail(call, seL4_TruncatedMessage);
	domain = call_word(call, 0);
	if (domain >= call->kernel->profile.domains)
		return call_fail_argument(call, 0);
	if (call->extra.count < 1)
		return call_fail(call, seL4_TruncatedMessage);
	if (cap_type(call->extra.slot[0]->cap) != CAP_Thread)
		return call_fail_argument(call, 1);
	thread_set_domain(call->kernel, tcb_at(cap_object(call->extra.slot[0]->cap)), (unsigned)domain);
	return OUTCOME_DONE;
}

static enum outcome decode_schedule_configure(struct call *call)
{
	struct kernel *kernel = call->kernel;
	uint64_t index, domain, duration;

	if (call->length < 3)
		return call_fail(call, seL4_TruncatedMessage);
	index = call_word(call, 0);
	domain = call_word(call, 1);
	duration = call_word(call, 2);
	if (index >= kernel->schedule_length - 1)
		return call_fail_range(call, 0, kernel->schedule_length - 2);
	if (domain >= kernel->profile.domains)
		return call_fail_range(call, 0, kernel->profile.domains - 1u);
	if (duration >= MAX_DURATION)
		return call_fail_argument(call, 2);
	if (duration == 0 && domain != 0)
		return call_fail_argument(call, 1);
	if (duration == 0 && index == kernel->schedule_start)
		return call_fail_argument(call, 2);
	kernel->schedule[index] = (struct domain_slot){domain, duration};
	return OUTCOME_DONE;
}

static enum outcome decode_schedule_set_start(struct call *call)
{
	struct kernel *kernel = call->kernel;
	struct core *core = this_core(kernel);
	uint64_t index;

	if (call->length < 1)
		return call_fail(call, seL4_TruncatedMessage);
	index = call_word(call, 0);
	if (index >= kernel->schedule_length)
		return call_fail_range(call, 0, kernel->schedule_length - 1);
	if (kernel->schedule[index].ticks == 0)
		return call_fail_argument(call, 0);
	/* The current slot ends now, and what follows the end of the schedule is its start. */
	kernel->schedule_start = index;
	core->schedule_index = kernel->schedule_length;
	core->domain_ticks = 0;
	reschedule(kernel);
	return OUTCOME_DONE;
}

enum outcome decode_domain(struct call *call)
{
	switch (call->label) {
	case LABEL_DomainSetSet:
		return decode_set(call);
	case LABEL_DomainScheduleConfigure:
		return decode_schedule_configure(call);
	case LABEL_DomainScheduleSetStart:
		return decode_schedule_set_start(call);
	default:
		return call_fail(call, seL4_IllegalOperation);
	}
}
