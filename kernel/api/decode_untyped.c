/* Untyped_Retype: turning memory into objects (invocations.md §4). */
#include "kernel/core/kernel.h"

/* Memory is cleared in pieces of this size, from the high end down, with a preemption point after each. */
#define CLEAR_CHUNK 4096ull

struct retype {
	unsigned type;
	unsigned user_bits;   /* the size_bits argument */
	unsigned object_bits; /* log2 of an object's size in bytes */
	unsigned count;
	kref first_slot;
	uint64_t start; /* offset of the first object in the untyped */
	bool reset;     /* nothing is left of earlier objects: begin anew with clean memory */
};

static unsigned object_bits(unsigned type, unsigned user_bits)
{
	switch (type) {
	case seL4_UntypedObject:
		return user_bits;
	case seL4_TCBObject:
		return seL4_TCBBits;
	case seL4_EndpointObject:
		return seL4_EndpointBits;
	case seL4_NotificationObject:
		return seL4_NotificationBits;
	case seL4_CapTableObject:
		return user_bits + seL4_SlotBits;
	default:
		return isa_object_bits(type);
	}
}

/* The capability to the first of the new objects. */
static struct cap object_cap(const struct retype *retype, uint64_t paddr, bool device)
{
	kref ref = isa_kref(paddr);

	switch (retype->type) {
	case seL4_UntypedObject:
		return cap_untyped(paddr, retype->user_bits, device, 0);
	case seL4_TCBObject:
		return cap_make(CAP_Thread, ref, 0);
	case seL4_EndpointObject:
		return cap_endpoint(ref, 0, RIGHTS_ALL);
	case seL4_NotificationObject:
		return cap_notification(ref, 0, RIGHT_WRITE | RIGHT_READ);
	case seL4_CapTableObject:
		return cap_cnode(ref, retype->user_bits, 0, 0);
	default:
		return isa_object_cap(retype->type, paddr, device);
	}
}

/* Clears what earlier objects used; the capability's free offset says how much that still is. */
static enum outcome reset_untyped(struct slot *slot)
{
	struct cap cap = slot->cap;

	if (cap_untyped_device(cap)) {
		slot->cap.word[1] = 0;
		return OUTCOME_DONE;
	}
	while (cap_untyped_free(slot->cap) > 0) {
		uint64_t end = cap_untyped_free(slot->cap);
		uint64_t start = (end - 1) & ~(CLEAR_CHUNK - 1);

		machine_memory_clear(cap_paddr(cap) + start, end - start);
		slot->cap.word[1] = start;
		if (machine_preempt_step())
			return OUTCOME_PREEMPTED;
	}
	return OUTCOME_DONE;
}

static enum outcome invoke_retype(struct call *call, const struct retype *retype)
{
	struct slot *untyped = call->slot;
	struct cap cap = call->cap;
	uint64_t size = 1ull << retype->object_bits, paddr = cap_paddr(cap) + retype->start;

	if (retype->reset && reset_untyped(untyped) == OUTCOME_PREEMPTED)
		return OUTCOME_PREEMPTED;
	untyped->cap.word[1] = retype->start + retype->count * size;
	if (retype->type == seL4_TCBObject)
		threads_init(call->kernel, tcb_at(isa_kref(paddr)), retype->count);
	/* All other objects are made of zeros. Their addresses differ by their size. */
	slot_insert_run(slot_at(retype->first_slot), retype->count,
			object_cap(retype, paddr, cap_untyped_device(cap)), size << CAP_ADDRESS_SHIFT,
			untyped);
	return OUTCOME_DONE;
}

/* The CNode that receives the new capabilities. */
static enum outcome destination_cnode(struct call *call, uint64_t index, uint64_t depth, struct cap *node)
{
	struct slot *slot = call->extra.slot[0];
	enum outcome outcome = OUTCOME_DONE;

	if (depth != 0)
		outcome = lookup_target(call, false, call->extra.slot[0]->cap, index, depth, &slot);
	if (outcome != OUTCOME_DONE)
		return outcome;
	if (cap_type(slot->cap) != CAP_CNode)
		return call_fail_missing(call, false, (unsigned)depth);
	*node = slot->cap;
	return OUTCOME_DONE;
}

/* Checks 10 to 13: the run of destination slots. */
static enum outcome check_slots(struct call *call, struct cap node, uint64_t offset, uint64_t count)
{
	uint64_t slots = 1ull << cap_cnode_radix(node);
	const struct slot *slot;
	uint64_t used = 0;

	if (offset > slots - 1)
		return call_fail_range(call, 0, slots - 1);
	if (count < 1 || count > seL4_UntypedRetypeMaxObjects)
		return call_fail_range(call, 1, seL4_UntypedRetypeMaxObjects);
	if (count > slots - offset)
		return call_fail_range(call, 1, slots - offset);
	/* Up to 256 without a preemption point, so it is unrolled. An empty slot is zero. */
	slot = slot_at(cap_object(node) + (offset << seL4_SlotBits));
#pragma GCC unroll 2
	for (const struct slot *end = slot + count; slot != end; slot++)
		used |= slot->cap.word[0];
	return used ? call_fail(call, seL4_DeleteFirst) : OUTCOME_DONE;
}

/* Checks 14 and 15: is there room, and may device memory become this? */
static enum outcome check_room(struct call *call, struct retype *retype, uint64_t count)
{
	uint64_t free_offset, free_bytes;
	uint64_t size = 1ull << retype->object_bits;

	retype->reset = !slot_has_children(call->slot);
	free_offset = retype->reset ? 0 : cap_untyped_free(call->cap);
	free_bytes = (1ull << cap_untyped_bits(call->cap)) - free_offset;
	if (free_bytes >> retype->object_bits < count) {
		call->error.min = free_bytes;
		return call_fail(call, seL4_NotEnoughMemory);
	}
	if (cap_untyped_device(call->cap) && retype->type != seL4_UntypedObject &&
	    !isa_object_is_frame(retype->type))
		return call_fail_argument(call, 1);
	retype->start = (free_offset + size - 1) & ~(size - 1);
	retype->count = (unsigned)count;
	return OUTCOME_DONE;
}

enum outcome decode_untyped(struct call *call)
{
	uint64_t type, user_bits, offset, count;
	struct retype retype = {0};
	enum outcome outcome;
	struct cap node = cap_null();

	if (call->label != LABEL_UntypedRetype)
		return call_fail(call, seL4_IllegalOperation);
	if (call->length < 6 || call->extra.count < 1)
		return call_fail(call, seL4_TruncatedMessage);
	type = call_word(call, 0);
	user_bits = call_word(call, 1);
	offset = call_word(call, 4);
	count = call_word(call, 5);
	if (type >= seL4_ObjectTypeCount)
		return call_fail_argument(call, 0);
	if (user_bits >= seL4_WordBits ||
	    object_bits((unsigned)type, (unsigned)user_bits) > seL4_MaxUntypedBits)
		return call_fail_range(call, 0, seL4_MaxUntypedBits);
	if (type == seL4_CapTableObject && user_bits < 1)
		return call_fail_argument(call, 1);
	if (type == seL4_UntypedObject && user_bits < seL4_MinUntypedBits)
		return call_fail_argument(call, 1);
	outcome = destination_cnode(call, call_word(call, 2), call_word(call, 3), &node);
	if (outcome != OUTCOME_DONE)
		return outcome;
	outcome = check_slots(call, node, offset, count);
	if (outcome != OUTCOME_DONE)
		return outcome;
	retype.type = (unsigned)type;
	retype.user_bits = (unsigned)user_bits;
	retype.object_bits = object_bits(retype.type, retype.user_bits);
	retype.first_slot = cap_object(node) + (offset << seL4_SlotBits);
	outcome = check_room(call, &retype, count);
	if (outcome != OUTCOME_DONE)
		return outcome;
	return invoke_retype(call, &retype);
}
