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

/* The longest lookup failure has four words, the longest fault message is the architecture's. */
#define CAP_FAULT_FIXED 3

static unsigned cap_fault_words(const struct tcb *tcb, uint64_t *words)
{
	unsigned count;

	words[0] = tcb->context.pc;
	words[1] = tcb->fault.address;
	words[2] = tcb->fault.in_receive;
	lookup_failure_words(tcb->fault.lookup, words + CAP_FAULT_FIXED, &count);
	return CAP_FAULT_FIXED + count;
}

unsigned fault_message(struct tcb *faulted, struct tcb *receiver, uint64_t *buffer)
{
	uint64_t cap_words[CAP_FAULT_FIXED + 4];
	bool is_cap_fault = faulted->fault.type == FAULT_CAP;
	unsigned length = is_cap_fault ? cap_fault_words(faulted, cap_words) : isa_fault_length(faulted);

	if (!buffer && length > ISA_MESSAGE_REGISTERS)
		length = ISA_MESSAGE_REGISTERS;
	for (unsigned i = 0; i < length; i++) {
		uint64_t word = is_cap_fault ? cap_words[i] : isa_fault_word(faulted, i);

		if (i < ISA_MESSAGE_REGISTERS)
			isa_set_message(&receiver->context, i, word);
		else
			buffer[seL4_IPCBufferMsgWord + i] = word;
	}
	if (buffer && length > ISA_MESSAGE_REGISTERS)
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

	kernel->stats.faults++;
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
