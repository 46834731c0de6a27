/* From capability addresses to slots, and from a thread to its IPC buffer. */
#include "kernel/core/kernel.h"

static uint64_t low_bits(uint64_t word, unsigned bits)
{
	return bits >= 64 ? word : word & ((1ull << bits) - 1);
}

struct slot *lookup_slot(struct cap root, uint64_t index, unsigned *bits, struct lookup_failure *failure)
{
	unsigned left = *bits;

	if (cap_type(root) != CAP_CNode) {
		*failure = (struct lookup_failure){.type = seL4_InvalidRoot};
		return NULL;
	}
	for (;;) {
		unsigned radix = cap_cnode_radix(root);
		unsigned guard_size = cap_cnode_guard_size(root);
		uint64_t guard = cap_cnode_guard(root);
		struct slot *slot;

		if (guard_size > left ||
		    (guard_size > 0 && low_bits(index >> (left - guard_size), guard_size) != guard)) {
			*failure = (struct lookup_failure){seL4_GuardMismatch, (uint8_t)left,
							   (uint8_t)guard_size, guard};
			return NULL;
		}
		if (guard_size + radix > left) {
			*failure = (struct lookup_failure){seL4_DepthMismatch, (uint8_t)left,
							   (uint8_t)(guard_size + radix), 0};
			return NULL;
		}
		left -= guard_size + radix;
		slot = slot_at(cap_object(root) + (low_bits(index >> left, radix) << seL4_SlotBits));
		if (left == 0 || cap_type(slot->cap) != CAP_CNode) {
			*bits = left;
			return slot;
		}
		root = slot->cap;
	}
}

struct slot *lookup_cptr(const struct tcb *tcb, uint64_t cptr, struct lookup_failure *failure)
{
	struct cap root = tcb->slot[TCB_CSPACE].cap;
	unsigned bits = seL4_WordBits;
	struct slot *slot;

	if (cap_is_flat_cnode(root) && lookup_flat(root, cptr, &slot))
		return slot;
	return lookup_slot(root, cptr, &bits, failure);
}

enum outcome lookup_target(struct call *call, bool source, struct cap root, uint64_t index, uint64_t depth,
			   struct slot **slot)
{
	struct lookup_failure failure;
	unsigned bits = (unsigned)depth;

	if (cap_type(root) != CAP_CNode)
		return call_fail_lookup(call, source, (struct lookup_failure){.type = seL4_InvalidRoot});
	if (depth < 1 || depth > seL4_WordBits)
		return call_fail_range(call, 1, seL4_WordBits);
	if (depth == seL4_WordBits && cap_is_flat_cnode(root) && lookup_flat(root, index, slot))
		return OUTCOME_DONE;
	*slot = lookup_slot(root, index, &bits, &failure);
	if (*slot && bits > 0) {
		failure = (struct lookup_failure){seL4_DepthMismatch, (uint8_t)bits, 0, 0};
		*slot = NULL;
	}
	return *slot ? OUTCOME_DONE : call_fail_lookup(call, source, failure);
}

uint64_t *lookup_buffer(const struct tcb *tcb, bool write)
{
	struct cap frame = tcb->slot[TCB_BUFFER].cap;
	uint64_t offset;

	if (!isa_frame_gives(frame, write))
		return NULL;
	offset = tcb->buffer & ((1ull << isa_frame_bits(frame)) - 1);
	return machine_pointer(isa_kref(cap_paddr(frame) + offset));
}
