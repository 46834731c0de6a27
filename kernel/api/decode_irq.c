/* IRQControl and IRQHandler (invocations.md §7). */
#include "kernel/core/kernel.h"

enum outcome decode_irq_issue(struct call *call, unsigned place)
{
	uint64_t irq, max = machine_irq_max();
	struct slot *slot;
	enum outcome outcome;

	if (call->length < place + 2 || call->extra.count < 1)
		return call_fail(call, seL4_TruncatedMessage);
	irq = call_word(call, 0);
	if (irq < 1 || irq > max)
		return call_fail_range(call, 1, max);
	if (call->kernel->irq_state[irq] != IRQ_INACTIVE)
		return call_fail(call, seL4_RevokeFirst);
	outcome = lookup_target(call, false, call->extra.slot[0]->cap, call_word(call, place),
				call_word(call, place + 1), &slot);
	if (outcome != OUTCOME_DONE)
		return outcome;
	if (!slot_is_empty(slot))
		return call_fail(call, seL4_DeleteFirst);

	call->kernel->irq_state[irq] = IRQ_SIGNAL;
	slot_insert(slot, cap_irq_handler((unsigned)irq), call->slot);
	machine_irq_set_masked((unsigned)irq, false);
	return OUTCOME_DONE;
}

enum outcome decode_irq_control(struct call *call)
{
	if (call->label == LABEL_IRQIssueIRQHandler)
		return decode_irq_issue(call, 1);
	return isa_decode_irq_control(call);
}

static enum outcome decode_set_notification(struct call *call, unsigned irq)
{
	struct slot *slot = &call->kernel->irq_slot[irq];
	struct cap cap;
	enum outcome outcome;

	if (call->extra.count < 1)
		return call_fail(call, seL4_TruncatedMessage);
	cap = call->extra.slot[0]->cap;
	if (cap_type(cap) != CAP_Notification || !(cap_rights(cap) & RIGHT_WRITE))
		return call_fail_capability(call, 0);
	outcome = slot_delete(call->kernel, slot);
	if (outcome == OUTCOME_DONE)
		slot_insert(slot, cap, call->extra.slot[0]);
	return outcome;
}

enum outcome decode_irq_handler(struct call *call)
{
	unsigned irq = cap_irq(call->cap);

	switch (call->label) {
	case LABEL_IRQAckIRQ:
		machine_irq_set_masked(irq, false);
		return OUTCOME_DONE;
	case LABEL_IRQSetIRQHandler:
		return decode_set_notification(call, irq);
	case LABEL_IRQClearIRQHandler:
		return slot_delete(call->kernel, &call->kernel->irq_slot[irq]);
	default:
		return call_fail(call, seL4_IllegalOperation);
	}
}
