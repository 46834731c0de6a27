/* Moving a message from one thread to another: words, then capabilities. */
#include "kernel/core/kernel.h"
#include "kernel/core/message.h"

static unsigned transfer_words(const struct tcb *sender, const uint64_t *from, struct tcb *receiver,
			       uint64_t *to, unsigned length)
{
	if (length < ISA_MESSAGE_REGISTERS) {
		for (unsigned i = 0; i < length; i++)
			isa_set_message(&receiver->context, i, isa_message(&sender->context, i));
		return length;
	}
#pragma GCC unroll 8
	for (unsigned i = 0; i < ISA_MESSAGE_REGISTERS; i++)
		isa_set_message(&receiver->context, i, isa_message(&sender->context, i));
	if (!from || !to)
		return ISA_MESSAGE_REGISTERS;
	for (unsigned i = ISA_MESSAGE_REGISTERS; i < length; i++)
		to[seL4_IPCBufferMsgWord + i] = from[seL4_IPCBufferMsgWord + i];
	return length;
}

/* The slot in which the receiver wants a capability; NULL if there is none, or it is full. */
static struct slot *receive_slot(const struct tcb *receiver, const uint64_t *buffer)
{
	struct lookup_failure failure;
	struct slot *root = lookup_cptr(receiver, buffer[seL4_IPCBufferReceiveCNodeWord], &failure), *slot;
	uint64_t depth = buffer[seL4_IPCBufferReceiveDepthWord];

	if (!root || depth < 1 || depth > seL4_WordBits)
		return NULL;
	slot = lookup_exact(root->cap, buffer[seL4_IPCBufferReceiveIndexWord], (unsigned)depth, &failure);
	return slot && slot_is_empty(slot) ? slot : NULL;
}

bool extra_look_up(const struct tcb *tcb, const uint64_t *buffer, unsigned count, struct extra *extra,
		   uint64_t *missing, struct lookup_failure *failure)
{
	bool flat = cap_is_flat_cnode(tcb->slot[TCB_CSPACE].cap);

	extra->preempted = false;
	for (extra->count = 0; extra->count < count; extra->count++) {
		*missing = buffer[seL4_IPCBufferCapsWord + extra->count];
		extra->slot[extra->count] = lookup_cptr(tcb, *missing, failure);
		if (!extra->slot[extra->count])
			return false;
		if (!flat && machine_preempt_step()) {
			extra->preempted = true;
			return false;
		}
	}
	return true;
}

bool delivery_find_caps(const struct tcb *sender, const struct extra *extra, const struct tcb *receiver,
			struct delivery *delivery)
{
	uint64_t missing;
	struct lookup_failure failure;

	if (extra) {
		delivery->extra = *extra;
	} else if (!extra_look_up(sender, delivery->from, info_extra_caps(isa_info(&sender->context)),
				  &delivery->extra, &missing, &failure)) {
		delivery->extra.count = 0;
		return !delivery->extra.preempted;
	}
	delivery->destination = receive_slot(receiver, delivery->to);
	return true;
}

/*
 * Transfers up to three capabilities (capabilities.md §7). Returns the extraCaps and capsUnwrapped
 * fields of the receiver's information word.
 */
static __attribute__((noinline)) uint64_t transfer_caps(const struct delivery *delivery,
							const struct endpoint *endpoint)
{
	struct slot *destination = delivery->destination;
	unsigned done, unwrapped = 0;

	for (done = 0; done < delivery->extra.count; done++) {
		struct slot *source = delivery->extra.slot[done];
		struct cap cap = source->cap;
		struct cap copy;

		if (endpoint && cap_type(cap) == CAP_Endpoint && endpoint_at(cap_object(cap)) == endpoint) {
			delivery->to[seL4_IPCBufferCapsWord + done] = cap_badge(cap);
			unwrapped |= 1u << done;
			continue;
		}
		if (!destination || cap_derive(source, cap, &copy) != seL4_NoError || cap_is_null(copy))
			break;
		slot_insert(destination, copy, source);
		destination = NULL;
	}
	return info_make(0, unwrapped, done, 0);
}

void transfer_message(struct tcb *sender, struct tcb *receiver, const struct endpoint *endpoint,
		      uint64_t badge, const struct delivery *delivery)
{
	uint64_t info = isa_info(&sender->context);
	unsigned length = info_length(info);
	uint64_t caps = 0;

	length = transfer_words(sender, delivery->from, receiver, delivery->to, length);
	if (delivery->extra.count > 0)
		caps = transfer_caps(delivery, endpoint);
	if (delivery->to)
		machine_memory_written(isa_paddr(machine_ref(delivery->to)), 1ull << seL4_IPCBufferSizeBits);
	isa_set_badge(&receiver->context, badge);
	isa_set_info(&receiver->context, info_make(info_label(info), 0, 0, length) | caps);
}
