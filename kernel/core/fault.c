/* Faults as messages: to the handler and back (ipc.md §4, types.md §7). */
#include "kernel/core/kernel.h"
#include "kernel/core/message.h"

void lookup_failure_words(struct lookup_failure failure, uint64_t *words, unsigned *count)
{
	unsigned n = 0;

	words[n++] = failure.type;
	switch (failure.type) {
	case seL4_MissingCapability:
		words[n++] = failure.bits_left;
		break;
	case seL4_DepthMismatch:
		words[n++] = failure.bits_left;
		words[n++] = failure.bits_found;
		break;
	case seL4_GuardMismatch:
		words[n++] = failure.bits_left;
		words[n++] = failure.guard_found;
		words[n++] = failure.bits_found;
		break;
	default:
		break;
	}
	*count = n;
}

#define CAP_FAULT_FIXED    3
#define LOOKUP_FAULT_WORDS 4 /* of the longest lookup failure */
_Static_assert(CAP_FAULT_FIXED + LOOKUP_FAULT_WORDS <= ISA_FAULT_WORDS, "the longest message");

static unsigned cap_fault_words(const struct tcb *tcb, uint64_t *words)
{
	unsigned count;

	words[0] = tcb->context.pc;
	words[1] = tcb->fault.address;
	words[2] = tcb->fault.in_receive;
	lookup_failure_words(tcb->fault.lookup, words + CAP_FAULT_FIXED, &count);
	return CAP_FAULT_FIXED + count;
}

unsigned fault_message(const struct tcb *faulted, struct tcb *receiver)
{
	uint64_t words[ISA_FAULT_WORDS], *buffer;
	unsigned length = faulted->fault.type == FAULT_CAP ? cap_fault_words(faulted, words)
							   : isa_fault_words(faulted, words);

	for (unsigned i = 0; i < ISA_MESSAGE_REGISTERS && i < length; i++)
		isa_set_message(&receiver->context, i, words[i]);
	if (length <= ISA_MESSAGE_REGISTERS)
		return length;
	buffer = lookup_buffer(receiver, true);
	if (!buffer)
		return ISA_MESSAGE_REGISTERS;
	for (unsigned i = ISA_MESSAGE_REGISTERS; i < length; i++)
		buffer[seL4_IPCBufferMsgWord + i] = words[i];
	machine_memory_written(isa_paddr(machine_ref(buffer)), 1ull << seL4_IPCBufferSizeBits);
	return length;
}

bool fault_reply(struct tcb *replier, struct tcb *faulted)
{
	uint64_t info = isa_info(&replier->context);
	unsigned length = info_length(info), settable;
	const uint64_t *buffer;

	if (faulted->fault.type == FAULT_CAP || faulted->fault.type == FAULT_VM)
		return true;
	buffer = lookup_buffer(replier, false);
	settable = isa_fault_reply_length(faulted);
	if (length > settable)
		length = settable;
	if (!buffer && length > ISA_MESSAGE_REGISTERS)
		length = ISA_MESSAGE_REGISTERS;
	for (unsigned i = 0; i < length; i++)
		isa_fault_reply_word(faulted, i,
				     i < ISA_MESSAGE_REGISTERS ? isa_message(&replier->context, i)
							       : buffer[seL4_IPCBufferMsgWord + i]);
	return info_label(info) == 0;
}

void fault_handle(struct kernel *kernel, struct tcb *tcb)
{
	struct lookup_failure failure = {.type = seL4_NoFailure};
	struct slot *slot = lookup_cptr(tcb, tcb->fault_handler, &failure);
	struct cap cap = slot ? slot->cap : cap_null();
	unsigned rights = cap_type(cap) == CAP_Endpoint ? cap_rights(cap) : 0;

	COUNT(kernel->stats.faults);
	machine_trace_fault(tcb);
	if ((rights & RIGHT_WRITE) && (rights & (RIGHT_GRANT | RIGHT_GRANT_REPLY))) {
		struct send send = {.blocking = true,
				    .is_call = true,
				    .badge = cap_badge(cap),
				    .can_grant = rights & RIGHT_GRANT,
				    .can_grant_reply = rights & RIGHT_GRANT_REPLY};

		endpoint_send(kernel, tcb, endpoint_at(cap_object(cap)), send);
		return;
	}
	machine_unhandled_fault(tcb, failure);
	thread_block(kernel, tcb, THREAD_INACTIVE);
}
