/* The methods of TCBs (invocations.md §5). */
#include "kernel/core/kernel.h"

static struct tcb *target(const struct call *call)
{
	return tcb_at(cap_object(call->cap));
}

/* --- registers ------------------------------------------------------------------------------------ */

static enum outcome decode_read_registers(struct call *call)
{
	struct tcb *tcb = target(call);
	uint64_t count;

	if (call->length < 2)
		return call_fail(call, seL4_TruncatedMessage);
	count = call_word(call, 1);
	if (count < 1 || count > seL4_UserContextWords)
		return call_fail_range(call, 1, seL4_UserContextWords);
	if (tcb == call->caller)
		return call_fail(call, seL4_IllegalOperation);

	if (call_word(call, 0) & 1)
		thread_suspend(call->kernel, tcb);
	for (unsigned i = 0; i < count; i++)
		call_result(call, i, isa_register(&tcb->context, i));
	return OUTCOME_DONE;
}

static enum outcome decode_write_registers(struct call *call)
{
	struct tcb *tcb = target(call);
	uint64_t count;
	bool resume;

	if (call->length < 2)
		return call_fail(call, seL4_TruncatedMessage);
	count = call_word(call, 1);
	if (call->length - 2 < count)
		return call_fail(call, seL4_TruncatedMessage);
	if (tcb == call->caller)
		return call_fail(call, seL4_IllegalOperation);

	resume = call_word(call, 0) & 1;
	if (count > seL4_UserContextWords)
		count = seL4_UserContextWords;
	for (unsigned i = 0; i < count; i++)
		isa_set_register(&tcb->context, i, call_word(call, 2 + i));
	tcb->next_pc = tcb->context.pc;
	if (resume)
		thread_resume(call->kernel, tcb);
	return OUTCOME_DONE;
}

static void copy_registers(struct tcb *to, const struct tcb *from, unsigned start, unsigned end)
{
	for (unsigned i = start; i < end; i++)
		isa_set_register(&to->context, i, isa_register(&from->context, i));
}

static enum outcome decode_copy_registers(struct call *call)
{
	struct tcb *to = target(call), *from;
	uint64_t flags;

	if (call->length < 1 || call->extra.count < 1)
		return call_fail(call, seL4_TruncatedMessage);
	if (cap_type(call->extra.slot[0]->cap) != CAP_Thread)
		return call_fail_capability(call, 1);

	from = tcb_at(cap_object(call->extra.slot[0]->cap));
	flags = call_word(call, 0);
	if (flags & 1)
		thread_suspend(call->kernel, from);
	if (flags & 2)
		thread_resume(call->kernel, to);
	if (flags & 4) {
		copy_registers(to, from, 0, seL4_FrameRegisterWords);
		to->next_pc = to->context.pc;
	}
	if (flags & 8)
		copy_registers(to, from, seL4_FrameRegisterWords, seL4_UserContextWords);
	return OUTCOME_DONE;
}

/* --- spaces and buffer ------------------------------------------------------------------------ */

/* What Configure, SetSpace and SetIPCBuffer will put into the TCB. */
struct new_space {
	uint64_t fault_handler;
	struct slot *cspace_source, *vspace_source;
	struct cap cspace, vspace;
};

struct new_buffer {
	uint64_t address;
	struct slot *source; /* NULL: no buffer */
	struct cap frame;
};

/* Would deleting the capability in this slot take long? Then it is not replaced in passing. */
static bool deletion_is_long(const struct slot *slot)
{
	enum cap_type type = cap_type(slot->cap);

	return type == CAP_Zombie || ((type == CAP_CNode || type == CAP_Thread) && slot_is_final(slot));
}

static enum outcome check_buffer(struct call *call, uint64_t address, unsigned extra,
				 struct new_buffer *buffer)
{
	struct slot *source = call->extra.slot[extra];
	seL4_Error error;

	*buffer = (struct new_buffer){.address = address};
	if (address == 0)
		return OUTCOME_DONE;
	error = cap_derive(source, source->cap, &buffer->frame);
	if (error != seL4_NoError)
		return call_fail(call, error);
	if (!isa_cap_may_be_buffer(buffer->frame))
		return call_fail(call, seL4_IllegalOperation);
	if (address & ((1u << seL4_IPCBufferSizeBits) - 1))
		return call_fail(call, seL4_AlignmentError);
	buffer->source = source;
	return OUTCOME_DONE;
}

static enum outcome check_space(struct call *call, uint64_t cspace_data, uint64_t vspace_data,
				struct new_space *space)
{
	const struct tcb *tcb = target(call);
	struct cap cap;
	seL4_Error error;

	if (deletion_is_long(&tcb->slot[TCB_CSPACE]) || deletion_is_long(&tcb->slot[TCB_VSPACE]))
		return call_fail(call, seL4_IllegalOperation);
	space->cspace_source = call->extra.slot[0];
	cap = space->cspace_source->cap;
	if (cspace_data != 0)
		cap = cap_update_data(cap, false, cspace_data);
	error = cap_derive(space->cspace_source, cap, &space->cspace);
	if (error != seL4_NoError)
		return call_fail(call, error);
	if (cap_type(space->cspace) != CAP_CNode)
		return call_fail(call, seL4_IllegalOperation);

	space->vspace_source = call->extra.slot[1];
	cap = space->vspace_source->cap;
	if (vspace_data != 0)
		cap = cap_update_data(cap, false, vspace_data);
	error = cap_derive(space->vspace_source, cap, &space->vspace);
	if (error != seL4_NoError)
		return call_fail(call, error);
	if (!isa_cap_is_vspace(space->vspace))
		return call_fail(call, seL4_IllegalOperation);
	return OUTCOME_DONE;
}

/*
 * The deletion is short (deletion_is_long() was false) and takes at most this one capability away, so the
 * source still holds what the new one was derived from, unless it was the very slot of a table that has gone.
 */
static void replace(struct call *call, enum tcb_slot which, struct cap cap, struct slot *source)
{
	struct slot *slot = &target(call)->slot[which];

	slot_delete_simple(slot);
	if (source && !slot_is_empty(source))
		slot_insert(slot, cap, source);
}

static void set_space(struct call *call, const struct new_space *space)
{
	target(call)->fault_handler = space->fault_handler;
	replace(call, TCB_CSPACE, space->cspace, space->cspace_source);
	replace(call, TCB_VSPACE, space->vspace, space->vspace_source);
	if (target(call) == call->caller)
		isa_set_vspace(call->caller);
}

static void set_buffer(struct call *call, const struct new_buffer *buffer)
{
	replace(call, TCB_BUFFER, buffer->frame, buffer->source);
	target(call)->buffer = buffer->address;
}

static enum outcome decode_configure(struct call *call)
{
	struct new_space space;
	struct new_buffer buffer;
	enum outcome outcome;

	if (call->length < 4 || call->extra.count < 3)
		return call_fail(call, seL4_TruncatedMessage);
	space.fault_handler = call_word(call, 0);
	outcome = check_buffer(call, call_word(call, 3), 2, &buffer);
	if (outcome == OUTCOME_DONE)
		outcome = check_space(call, call_word(call, 1), call_word(call, 2), &space);
	if (outcome != OUTCOME_DONE)
		return outcome;
	set_space(call, &space);
	set_buffer(call, &buffer);
	return OUTCOME_DONE;
}

static enum outcome decode_set_space(struct call *call)
{
	struct new_space space;
	enum outcome outcome;

	if (call->length < 3 || call->extra.count < 2)
		return call_fail(call, seL4_TruncatedMessage);
	space.fault_handler = call_word(call, 0);
	outcome = check_space(call, call_word(call, 1), call_word(call, 2), &space);
	if (outcome == OUTCOME_DONE)
		set_space(call, &space);
	return outcome;
}

static enum outcome decode_set_ipc_buffer(struct call *call)
{
	struct new_buffer buffer;
	enum outcome outcome;

	if (call->length < 1 || call->extra.count < 1)
		return call_fail(call, seL4_TruncatedMessage);
	outcome = check_buffer(call, call_word(call, 0), 0, &buffer);
	if (outcome == OUTCOME_DONE)
		set_buffer(call, &buffer);
	return outcome;
}

/* --- priorities ------------------------------------------------------------------------------- */

static enum outcome decode_priority(struct call *call, bool has_mcp, bool has_priority)
{
	struct tcb *tcb = target(call);
	unsigned words = (unsigned)has_mcp + has_priority;
	uint64_t mcp, priority, limit;

	if (call->length < words || call->extra.count < 1)
		return call_fail(call, seL4_TruncatedMessage);
	if (cap_type(call->extra.slot[0]->cap) != CAP_Thread)
		return call_fail_capability(call, 1);
	limit = tcb_at(cap_object(call->extra.slot[0]->cap))->mcp;
	mcp = has_mcp ? call_word(call, 0) : 0;
	priority = has_priority ? call_word(call, words - 1) : 0;
	if (mcp > limit || priority > limit)
		return call_fail_range(call, seL4_MinPrio, limit);

	if (has_mcp)
		tcb->mcp = (uint8_t)mcp;
	if (has_priority)
		thread_set_priority(call->kernel, tcb, (unsigned)priority);
	return OUTCOME_DONE;
}

/* --- notification, TLS, flags ----------------------------------------------------------------- */

static enum outcome decode_bind_notification(struct call *call)
{
	struct tcb *tcb = target(call);
	struct notification *notification;
	struct cap cap;

	if (call->extra.count < 1)
		return call_fail(call, seL4_TruncatedMessage);
	cap = call->extra.slot[0]->cap;
	if (tcb->bound_notification || cap_type(cap) != CAP_Notification || !(cap_rights(cap) & RIGHT_READ))
		return call_fail(call, seL4_IllegalOperation);
	notification = notification_at(cap_object(cap));
	if (notification_state(notification) == NOTIFICATION_WAITING || notification->bound)
		return call_fail(call, seL4_IllegalOperation);
	notification_bind(notification, tcb);
	return OUTCOME_DONE;
}

static enum outcome decode_unbind_notification(struct call *call)
{
	struct tcb *tcb = target(call);

	if (!tcb->bound_notification)
		return call_fail(call, seL4_IllegalOperation);
	notification_unbind(notification_at(tcb->bound_notification));
	return OUTCOME_DONE;
}

static enum outcome decode_set_tls_base(struct call *call)
{
	if (call->length < 1)
		return call_fail(call, seL4_TruncatedMessage);
	isa_set_tls(&target(call)->context, call_word(call, 0));
	return OUTCOME_DONE;
}

static enum outcome decode_set_flags(struct call *call)
{
	struct tcb *tcb = target(call);

	if (call->length < 2)
		return call_fail(call, seL4_TruncatedMessage);
	tcb->flags &= (uint8_t)~call_word(call, 0);
	tcb->flags |= (uint8_t)(call_word(call, 1) & seL4_TCBFlag_MASK);
	if (tcb == call->caller)
		machine_set_fpu(tcb, !(tcb->flags & seL4_TCBFlag_fpuDisabled));
	call_result(call, 0, tcb->flags);
	return OUTCOME_DONE;
}

enum outcome decode_tcb(struct call *call)
{
	switch (call->label) {
	case LABEL_TCBReadRegisters:
		return decode_read_registers(call);
	case LABEL_TCBWriteRegisters:
		return decode_write_registers(call);
	case LABEL_TCBCopyRegisters:
		return decode_copy_registers(call);
	case LABEL_TCBConfigure:
		return decode_configure(call);
	case LABEL_TCBSetPriority:
		return decode_priority(call, false, true);
	case LABEL_TCBSetMCPriority:
		return decode_priority(call, true, false);
	case LABEL_TCBSetSchedParams:
		return decode_priority(call, true, true);
	case LABEL_TCBSetIPCBuffer:
		return decode_set_ipc_buffer(call);
	case LABEL_TCBSetSpace:
		return decode_set_space(call);
	case LABEL_TCBSuspend:
		thread_suspend(call->kernel, target(call));
		return OUTCOME_DONE;
	case LABEL_TCBResume:
		thread_resume(call->kernel, target(call));
		return OUTCOME_DONE;
	case LABEL_TCBBindNotification:
		return decode_bind_notification(call);
	case LABEL_TCBUnbindNotification:
		return decode_unbind_notification(call);
	case LABEL_TCBSetTLSBase:
		return decode_set_tls_base(call);
	case LABEL_TCBSetFlags:
		return decode_set_flags(call);
	default:
		return call_fail(call, seL4_IllegalOperation);
	}
}
