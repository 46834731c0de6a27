/* From capability addresses to slots, and from a thread to its IPC buffer. */
#include "kernel/core/kernel.h"

static uint64_t low_bits(uint64_t word, unsigned bits)
{
	return bits >= 64 ? word : word & ((1ull << bits) - 1);
}

struct lookup lookup_slot(struct cap root, uint64_t index, unsigned bits)
{
	struct lookup result = {.bits_left = bits};

	if (cap_type(root) != CAP_CNode) {
		result.failure.type = seL4_InvalidRoot;
		return result;
	}
	for (;;) {
		unsigned radix = cap_cnode_radix(root);
		unsigned guard_size = cap_cnode_guard_size(root);
		uint64_t guard = cap_cnode_guard(root);
		unsigned left = result.bits_left;
		struct slot *slot;

		if (guard_size > left ||
		    (guard_size > 0 && low_bits(index >> (left - guard_size), guard_size) != guard)) {
			result.failure = (struct lookup_failure){seL4_GuardMismatch, (uint8_t)left,
								 (uint8_t)guard_size, guard};
			return result;
		}
		if (guard_size + radix > left) {
			result.failure = (struct lookup_failure){seL4_DepthMismatch, (uint8_t)left,
								 (uint8_t)(guard_size + radix), 0};
			return result;
		}
		left -= guard_size + radix;
		slot = slot_at(cap_object(root) + (low_bits(index >> left, radix) << seL4_SlotBits));
		result.bits_left = left;
		if (left == 0 || cap_type(slot->cap) != CAP_CNode) {
			result.slot = slot;
			return result;
		}
		root = slot->cap;
	}
}

struct lookup lookup_cptr(struct tcb *tcb, uint64_t cptr)
{
	return lookup_slot(tcb->slot[TCB_CSPACE].cap, cptr, 64);
}

enum outcome lookup_target(struct call *call, bool source, struct cap root, uint64_t index, uint64_t depth,
			   struct slot **slot)
{
	struct lookup lookup;

	if (cap_type(root) != CAP_CNode)
		return call_fail_lookup(call, source, (struct lookup_failure){.type = seL4_InvalidRoot});
	if (depth < 1 || depth > seL4_WordBits)
		return call_fail_range(call, 1, seL4_WordBits);
	lookup = lookup_slot(root, index, (unsigned)depth);
	if (lookup.slot && lookup.bits_left > 0) {
		lookup.failure = (struct lookup_failure){seL4_DepthMismatch, (uint8_t)lookup.bits_left, 0, 0};
		lookup.slot = NULL;
	}
	if (!lookup.slot)
		return call_fail_lookup(call, source, lookup.failure);
	*slot = lookup.slot;
	return OUTCOME_DONE;
}

uint64_t *lookup_buffer(struct tcb *tcb, bool write)
{
	struct cap frame = tcb->slot[TCB_BUFFER].cap;
	uint64_t offset;

	if (!isa_frame_gives(frame, write))
		return NULL;
	offset = tcb->buffer & ((1ull << isa_frame_bits(frame)) - 1);
	return machine_pointer(isa_kref(cap_paddr(frame) + offset));
}
