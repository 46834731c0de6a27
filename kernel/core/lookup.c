/* From capability addresses to slots, and from a thread to its IPC buffer. */
#include "kernel/core/kernel.h"

static struct slot *mismatch(struct lookup_failure *failure, uint8_t type, unsigned left, unsigned found,
			     uint64_t guard)
{
	*failure = (struct lookup_failure){type, (uint16_t)left, found, guard};
	return NULL;
}

/* The next `bits` of the lowest `left` bits of an index; 0 < bits <= left <= 64. */
static inline uint64_t next_bits(uint64_t index, uint64_t left, uint64_t bits)
{
	return index << (64 - left) >> (64 - bits);
}

/* What is left of the index behind the CNode's guard, if that fits and radix bits remain; 0: it does not. */
static __attribute__((noinline)) unsigned pass_guard(const struct cap *cnode, uint64_t index, unsigned left,
						     struct lookup_failure *failure)
{
	unsigned size = cap_cnode_guard_size(*cnode), bits = size + cap_cnode_radix(*cnode);
	uint64_t guard = cap_cnode_guard(*cnode);

	if (size > left || next_bits(index, left, size) != guard)
		mismatch(failure, seL4_GuardMismatch, left, size, guard);
	else if (bits > left)
		mismatch(failure, seL4_DepthMismatch, left, bits, 0);
	else
		return left - size;
	return 0;
}

struct slot *lookup_slot(struct cap root, uint64_t index, unsigned *bits, struct lookup_failure *failure)
{
	const struct cap *cnode = &root;
	uint64_t left = *bits, radix;
	struct slot *slot = NULL;

	if (cap_type(root) != CAP_CNode)
		return mismatch(failure, seL4_InvalidRoot, 0, 0, 0);
	do {
		if (!cap_is_plain_cnode(*cnode)) {
			if (cap_type(*cnode) != CAP_CNode)
				break;
			left = pass_guard(cnode, index, (unsigned)left, failure);
			if (left == 0)
				return NULL;
		}
		radix = cap_cnode_radix(*cnode);
		if (radix > left)
			return mismatch(failure, seL4_DepthMismatch, (unsigned)left, (unsigned)radix, 0);
		slot = slot_at(cap_object(*cnode) + (next_bits(index, left, radix) << seL4_SlotBits));
		left -= radix;
		cnode = &slot->cap;
	} while (left > 0);
	*bits = (unsigned)left;
	return slot;
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

struct slot *lookup_exact(struct cap root, uint64_t index, unsigned depth, struct lookup_failure *failure)
{
	unsigned bits = depth;
	struct slot *slot;

	if (depth == seL4_WordBits && cap_is_flat_cnode(root) && lookup_flat(root, index, &slot))
		return slot;
	slot = lookup_slot(root, index, &bits, failure);
	return !slot || bits == 0 ? slot : mismatch(failure, seL4_DepthMismatch, bits, 0, 0);
}

enum outcome lookup_target(struct call *call, bool source, struct cap root, uint64_t index, uint64_t depth,
			   struct slot **slot)
{
	struct lookup_failure failure;

	if (cap_type(root) != CAP_CNode)
		return call_fail_lookup(call, source, (struct lookup_failure){.type = seL4_InvalidRoot});
	if (depth < 1 || depth > seL4_WordBits)
		return call_fail_range(call, 1, seL4_WordBits);
	*slot = lookup_exact(root, index, (unsigned)depth, &failure);
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
