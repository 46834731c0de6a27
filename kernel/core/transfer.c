/* Moving a message from one thread to another: words, then capabilities. */
#include "kernel/core/kernel.h"
#include "kernel/core/message.h"

static unsigned transfer_words(struct tcb *sender, const uint64_t *from, struct tcb *receiver, uint64_t *to,
			       unsigned length)
{
	unsigned registers = length < ISA_MESSAGE_REGISTERS ? length : ISA_MESSAGE_REGISTERS;

	for (unsigned i = 0; i < registers; i++)
		isa_set_message(&receiver->context, i, isa_message(&sender->context, i));
	if (!from || !to || length <= ISA_MESSAGE_REGISTERS)
		return registers;
	for (unsigned i = ISA_MESSAGE_REGISTERS; i < length; i++)
		to[seL4_IPCBufferMsgWord + i] = from[seL4_IPCBufferMsgWord + i];
	return length;
}

/* The slot in which the receiver wants a capability; NULL if there is none, or it is full. */
static struct slot *receive_slot(struct tcb *receiver, const uint64_t *buffer)
{
	struct lookup_failure failure;
	struct slot *root = lookup_cptr(receiver, buffer[seL4_IPCBufferReceiveCNodeWord], &failure), *slot;
	uint64_t depth = buffer[seL4_IPCBufferReceiveDepthWord];
	unsigned bits = (unsigned)depth;

	if (!root || depth < 1 || depth > seL4_WordBits)
		return NULL;
	slot = lookup_slot(root->cap, buffer[seL4_IPCBufferReceiveIndexWord], &bits, &failure);
	return slot && bits == 0 && slot_is_empty(slot) ? slot : NULL;
}

/*
 * Transfers up to three capabilities (capabilities.md §7). Returns the extraCaps and capsUnwrapped
 * fields of the receiver's information word.
 */
static uint64_t transfer_caps(struct tcb *sender, const uint64_t *from, unsigned count, struct tcb *receiver,
			      uint64_t *to, const struct endpoint *endpoint)
{
	struct slot *source[seL4_MsgMaxExtraCaps], *destination;
	struct lookup_failure failure;
	unsigned done, unwrapped = 0;

	for (unsigned i = 0; i < count; i++) {
		source[i] = lookup_cptr(sender, from[seL4_IPCBufferCapsWord + i], &failure);
		if (!source[i])
			return 0;
	}
	destination = receive_slot(receiver, to);
	for (done = 0; done < count; done++) {
		struct cap cap = source[done]->cap;
		struct cap copy;

		if (endpoint && cap_type(cap) == CAP_Endpoint && endpoint_at(cap_object(cap)) == endpoint) {
			to[seL4_IPCBufferCapsWord + done] = cap_badge(cap);
			unwrapped |= 1u << done;
			continue;
		}
		if (!destination || cap_derive(source[done], cap, &copy) != seL4_NoError || cap_is_null(copy))
			break;
		slot_insert(destination, copy, source[done]);
		destination = NULL;
	}
	return info_make(0, unwrapped, done, 0);
}

void transfer_message(struct tcb *sender, struct tcb *receiver, const struct endpoint *endpoint,
		      uint64_t badge, bool grant)
{
	uint64_t info = isa_info(&sender->context);
	unsigned length = info_length(info), extra = info_extra_caps(info);
	uint64_t caps = 0;

	if (length <= ISA_MESSAGE_REGISTERS && (extra == 0 || !grant)) {
		length = transfer_words(sender, NULL, receiver, NULL, length);
	} else {
		const uint64_t *from = lookup_buffer(sender, false);
		uint64_t *to = lookup_buffer(receiver, true);

		length = transfer_words(sender, from, receiver, to, length);
		if (from && to && extra > 0 && grant)
			caps = transfer_caps(sender, from, extra, receiver, to, endpoint);
		if (to)
			machine_memory_written(isa_paddr(machine_ref(to)), 1ull << seL4_IPCBufferSizeBits);
	}
	isa_set_badge(&receiver->context, badge);
	isa_set_info(&receiver->context, info_make(info_label(info), 0, 0, length) | caps);
}
