/* The eight system calls, the general way (syscalls.md §3). */
#include "kernel/core/kernel.h"
#include "kernel/core/message.h"

static void cap_fault(struct kernel *kernel, struct tcb *tcb, uint64_t cptr, bool in_receive,
		      struct lookup_failure failure)
{
	tcb->fault = (struct fault){
		.type = FAULT_CAP, .address = cptr, .in_receive = in_receive, .lookup = failure};
	fault_handle(kernel, tcb);
}

/* --- answering a Call on a kernel object ---------------------------------------------------------- */

static void set_result(struct call *call, unsigned index, uint64_t value)
{
	uint64_t *buffer;

	if (index < ISA_MESSAGE_REGISTERS) {
		isa_set_message(&call->caller->context, index, value);
	} else {
		buffer = lookup_buffer(call->caller, true);
		if (!buffer)
			return;
		buffer[seL4_IPCBufferMsgWord + index] = value;
		machine_memory_written(isa_paddr(machine_ref(&buffer[seL4_IPCBufferMsgWord + index])),
				       sizeof value);
	}
	if (call->result_length <= index)
		call->result_length = index + 1;
}

void call_result(struct call *call, unsigned index, uint64_t value)
{
	if (call->is_call)
		set_result(call, index, value);
}

static void answer(struct call *call, seL4_Error code)
{
	isa_set_badge(&call->caller->context, 0);
	isa_set_info(&call->caller->context, info_make(code, 0, 0, call->result_length));
}

static void answer_error(struct call *call)
{
	const struct error *error = &call->error;
	uint64_t words[4];
	unsigned count = 0;

	call->result_length = 0;
	switch (error->code) {
	case seL4_InvalidArgument:
	case seL4_InvalidCapability:
		set_result(call, 0, error->argument);
		break;
	case seL4_RangeError:
		set_result(call, 0, error->min);
		set_result(call, 1, error->max);
		break;
	case seL4_NotEnoughMemory:
		set_result(call, 0, error->min);
		break;
	case seL4_FailedLookup:
		set_result(call, 0, error->source);
		lookup_failure_words(error->lookup, words, &count);
		for (unsigned i = 0; i < count; i++)
			set_result(call, 1 + i, words[i]);
		break;
	default:
		break;
	}
	answer(call, error->code);
}

enum outcome call_fail(struct call *call, seL4_Error code)
{
	call->error.code = (uint8_t)code;
	return OUTCOME_FAILED;
}

enum outcome call_fail_argument(struct call *call, unsigned index)
{
	call->error.argument = (uint8_t)index;
	return call_fail(call, seL4_InvalidArgument);
}

enum outcome call_fail_capability(struct call *call, unsigned index)
{
	call->error.argument = (uint8_t)index;
	return call_fail(call, seL4_InvalidCapability);
}

enum outcome call_fail_range(struct call *call, uint64_t min, uint64_t max)
{
	call->error.min = min;
	call->error.max = max;
	return call_fail(call, seL4_RangeError);
}

enum outcome call_fail_lookup(struct call *call, bool source, struct lookup_failure failure)
{
	call->error.source = source;
	call->error.lookup = failure;
	return call_fail(call, seL4_FailedLookup);
}

enum outcome call_fail_missing(struct call *call, bool source, unsigned bits_left)
{
	return call_fail_lookup(
		call, source,
		(struct lookup_failure){.type = seL4_MissingCapability, .bits_left = (uint16_t)bits_left});
}

/* --- Send, NBSend, Call ----------------------------------------------------------------------- */

/* What an invocation of each type of capability does, beside kernel objects' methods. */
static enum outcome invoke(struct call *call, bool blocking)
{
	struct kernel *kernel = call->kernel;
	struct cap cap = call->cap;
	struct send send = {.blocking = blocking,
			    .is_call = call->is_call,
			    .badge = cap_badge(cap),
			    .can_grant = cap_rights(cap) & RIGHT_GRANT,
			    .can_grant_reply = cap_rights(cap) & RIGHT_GRANT_REPLY,
			    .extra = &call->extra};

	switch (cap_type(cap)) {
	case CAP_Null:
	case CAP_Zombie:
		return call_fail_capability(call, 0);
	case CAP_Notification:
		if (!(cap_rights(cap) & RIGHT_WRITE))
			return call_fail_capability(call, 0);
		notification_signal(kernel, notification_at(cap_object(cap)), cap_badge(cap));
		return OUTCOME_DONE;
	case CAP_Reply:
		if (cap_reply_master(cap))
			return call_fail_capability(call, 0);
		return reply_send(kernel, call->caller, tcb_at(cap_object(cap)), call->slot,
				  cap_reply_grant(cap), &call->extra);
	case CAP_Endpoint:
		if (!(cap_rights(cap) & RIGHT_WRITE))
			return call_fail_capability(call, 0);
		/* The thread goes on, or is answered, by what the other side does. */
		call->caller->state = THREAD_RUNNING;
		endpoint_send(kernel, call->caller, endpoint_at(cap_object(cap)), send);
		return OUTCOME_DONE;
	default:
		return decode_invocation(call);
	}
}

/* The thread is to execute its system call again. */
static enum outcome preempted(struct tcb *tcb)
{
	tcb->state = THREAD_RESTART;
	return OUTCOME_PREEMPTED;
}

static enum outcome send_family(struct kernel *kernel, struct tcb *caller, bool blocking, bool is_call)
{
	uint64_t cptr = isa_cptr(&caller->context), info = isa_info(&caller->context);
	struct lookup_failure failure;
	struct slot *slot = lookup_cptr(caller, cptr, &failure);
	struct call call; /* not cleared as a whole: error is set before it is looked at */
	enum outcome outcome;

	if (!slot) {
		if (blocking)
			cap_fault(kernel, caller, cptr, false, failure);
		return OUTCOME_DONE;
	}
	machine_trace_invoke(caller, slot);
	call.kernel = kernel;
	call.caller = caller;
	call.is_call = is_call;
	call.extra.count = 0;
	call.result_length = 0;
	call.slot = slot;
	call.cap = slot->cap;
	call.length = info_length(info);
	call.label = profile_label(&kernel->profile, info_label(info));
	call.buffer = NULL;
	if (!message_is_short(info)) {
		call.buffer = lookup_buffer(caller, false);
		if (call.buffer &&
		    !extra_look_up_flat(caller, call.buffer, info_extra_caps(info), &call.extra) &&
		    !extra_look_up(caller, call.buffer, info_extra_caps(info), &call.extra, &cptr,
				   &failure)) {
			if (call.extra.preempted)
				return preempted(caller);
			if (blocking)
				cap_fault(kernel, caller, cptr, false, failure);
			return OUTCOME_DONE;
		}
		if (!call.buffer && call.length > ISA_MESSAGE_REGISTERS)
			call.length = ISA_MESSAGE_REGISTERS;
	}

	/* While the operation is under way, being stopped means to do it again. */
	caller->state = THREAD_RESTART;
	outcome = invoke(&call, blocking);
	if (outcome == OUTCOME_PREEMPTED || caller->state != THREAD_RESTART)
		return outcome;
	caller->state = THREAD_RUNNING;
	if (is_call && outcome == OUTCOME_FAILED)
		answer_error(&call);
	else if (is_call)
		answer(&call, seL4_NoError);
	return OUTCOME_DONE;
}

/* --- Recv, NBRecv, Reply ---------------------------------------------------------------------- */

static bool may_wait_on(struct tcb *tcb, struct cap cap)
{
	kref bound;

	if (!(cap_rights(cap) & RIGHT_READ))
		return false;
	bound = notification_at(cap_object(cap))->bound;
	return bound == 0 || bound == machine_ref(tcb);
}

static enum outcome receive(struct kernel *kernel, struct tcb *tcb, bool blocking)
{
	uint64_t cptr = isa_cptr(&tcb->context);
	struct lookup_failure failure;
	struct slot *slot = lookup_cptr(tcb, cptr, &failure);
	struct cap cap;

	if (!slot) {
		cap_fault(kernel, tcb, cptr, true, failure);
		return OUTCOME_DONE;
	}
	machine_trace_invoke(tcb, slot);
	cap = slot->cap;
	if (cap_type(cap) == CAP_Endpoint && (cap_rights(cap) & RIGHT_READ))
		return endpoint_receive(kernel, tcb, cap, blocking) == OUTCOME_PREEMPTED ? preempted(tcb)
											 : OUTCOME_DONE;
	if (cap_type(cap) == CAP_Notification && may_wait_on(tcb, cap))
		notification_receive(kernel, tcb, notification_at(cap_object(cap)), blocking);
	else
		cap_fault(kernel, tcb, cptr, true, (struct lookup_failure){.type = seL4_MissingCapability});
	return OUTCOME_DONE;
}

static enum outcome reply(struct kernel *kernel, struct tcb *tcb)
{
	struct slot *slot = &tcb->slot[TCB_CALLER];
	struct cap cap = slot->cap;

	if (cap_type(cap) == CAP_Reply && reply_send(kernel, tcb, tcb_at(cap_object(cap)), slot,
						     cap_reply_grant(cap), NULL) == OUTCOME_PREEMPTED)
		return preempted(tcb);
	return OUTCOME_DONE;
}

/* The reply is done when it is preempted in between: done again, there is nothing to reply to. */
static enum outcome reply_receive(struct kernel *kernel, struct tcb *tcb)
{
	bool took_long =
		info_extra_caps(isa_info(&tcb->context)) > 0 && !cap_is_flat_cnode(tcb->slot[TCB_CSPACE].cap);

	if (reply(kernel, tcb) == OUTCOME_PREEMPTED)
		return OUTCOME_PREEMPTED;
	if (took_long && machine_preempt_step())
		return preempted(tcb);
	return receive(kernel, tcb, true);
}

/*
 * To the end of its priority's queue, unless nobody else would run: then it is as if that had been done. A
 * thread of a higher priority may have come into the domain without being looked at (DomainSet_Set).
 */
static void yield(struct kernel *kernel, struct tcb *tcb)
{
	const struct core *core = this_core(kernel);

	if (!core->ready[tcb->domain][tcb->priority].head &&
	    ready_highest(core, tcb->domain) < (int)tcb->priority)
		return;
	ready_add_tail(kernel, tcb);
	reschedule(kernel);
}

enum outcome syscall_slow(struct kernel *kernel, int64_t number)
{
	struct tcb *caller = tcb_at(this_core(kernel)->current);

	switch (number) {
	case seL4_SysCall:
		return send_family(kernel, caller, true, true);
	case seL4_SysSend:
		return send_family(kernel, caller, true, false);
	case seL4_SysNBSend:
		return send_family(kernel, caller, false, false);
	case seL4_SysReplyRecv:
		return reply_receive(kernel, caller);
	case seL4_SysRecv:
		return receive(kernel, caller, true);
	case seL4_SysNBRecv:
		return receive(kernel, caller, false);
	case seL4_SysReply:
		return reply(kernel, caller);
	default: /* seL4_SysYield */
		yield(kernel, caller);
		return OUTCOME_DONE;
	}
}
