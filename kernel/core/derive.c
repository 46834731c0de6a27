/*
 * The derivation tree: which capability was made from which.
 *
 * All full slots of the system are on one circular list, in pre-order of the tree: a slot is followed
 * by its descendants. Two flags of each slot say where the subtrees end (capabilities.md §5): only a
 * "revocable" slot has children, and "first badged" marks the first of a run of equally badged
 * capabilities. So insertion, removal and the questions "is it final?" and "has it children?" look at
 * neighbours only.
 */
#include "kernel/core/kernel.h"

static struct slot *slot_prev(const struct slot *slot)
{
	return slot_at(slot->prev);
}

static uint64_t slot_flags(const struct slot *slot)
{
	return slot->next_flags & SLOT_FLAGS;
}

/* Puts `slot` into the list after `before`, with `flags`. */
static void link_after(struct slot *slot, struct slot *before, uint64_t flags)
{
	struct slot *next = slot_next(before);
	kref ref = machine_ref(slot);

	slot->prev = machine_ref(before);
	slot->next_flags = machine_ref(next) | flags;
	before->next_flags = ref | slot_flags(before);
	next->prev = ref;
}

static void unlink(struct slot *slot)
{
	struct slot *prev = slot_prev(slot), *next = slot_next(slot);

	prev->next_flags = machine_ref(next) | slot_flags(prev);
	next->prev = machine_ref(prev);
}

/* Is a copy with this capability a parent of what is derived from it later? (§5.2) */
static bool copy_is_revocable(struct cap cap, struct cap source)
{
	switch (cap_type(cap)) {
	case CAP_Endpoint:
	case CAP_Notification:
		return cap_badge(cap) != cap_badge(source);
	case CAP_Untyped:
		return true;
	case CAP_IRQHandler:
		return cap_type(source) == CAP_IRQControl;
	default:
		return false;
	}
}

/* No allocation from an untyped while a copy of it exists. */
static void mark_untyped_full(struct slot *source, struct cap copy)
{
	if (cap_type(source->cap) == CAP_Untyped && cap_type(copy) == CAP_Untyped &&
	    cap_paddr(source->cap) == cap_paddr(copy) &&
	    cap_untyped_bits(source->cap) == cap_untyped_bits(copy))
		source->cap.word[1] = 1ull << cap_untyped_bits(copy);
}

void slot_insert(struct slot *slot, struct cap cap, struct slot *source)
{
	bool revocable = copy_is_revocable(cap, source->cap);

	mark_untyped_full(source, cap);
	slot->cap = cap;
	link_after(slot, source, revocable ? SLOT_REVOCABLE | SLOT_FIRST_BADGED : 0);
}

void slot_insert_new(struct slot *slot, struct cap cap, struct slot *after)
{
	slot->cap = cap;
	link_after(slot, after, SLOT_REVOCABLE | SLOT_FIRST_BADGED);
}

void slot_insert_run(struct slot *slots, unsigned count, struct cap first, uint64_t step, struct slot *after)
{
	struct slot *next = slot_next(after), *end = slots + count;
	uint64_t next_flags = machine_ref(next) | SLOT_REVOCABLE | SLOT_FIRST_BADGED;
	kref ref = machine_ref(slots);

	/* Each comes before the one inserted before it. */
	next->prev = ref;
	after->next_flags = machine_ref(end - 1) | slot_flags(after);
#pragma GCC unroll 2
	for (struct slot *slot = slots; slot != end; slot++) {
		slot->cap = first;
		slot->next_flags = next_flags;
		next_flags = ref + (SLOT_REVOCABLE | SLOT_FIRST_BADGED);
		ref += sizeof *slot;
		slot->prev = ref;
		first.word[0] += step;
	}
	end[-1].prev = machine_ref(after);
}

void slot_move(struct slot *to, struct slot *from, struct cap cap)
{
	kref ref = machine_ref(to);

	to->cap = cap;
	to->prev = from->prev;
	to->next_flags = from->next_flags;
	slot_prev(to)->next_flags = ref | slot_flags(slot_prev(to));
	slot_next(to)->prev = ref;
	*from = (struct slot){0};
}

void slot_swap(struct slot *a, struct cap cap_for_b, struct slot *b, struct cap cap_for_a)
{
	struct slot passing = {0};
	struct slot *parked = slot_prev(a);
	bool a_empty = slot_is_empty(a), b_empty = slot_is_empty(b);

	if (a_empty || b_empty) {
		if (!a_empty)
			slot_move(b, a, cap_for_b);
		else if (!b_empty)
			slot_move(a, b, cap_for_a);
		return;
	}
	/* Take a out of the list, move b to a's slot, then put a's old place back where it was. */
	passing = *a;
	unlink(a);
	slot_move(a, b, cap_for_a);
	if (parked == b)
		parked = a;
	b->cap = cap_for_b;
	link_after(b, parked, slot_flags(&passing));
}

void slot_remove(struct slot *slot)
{
	struct slot *next = slot_next(slot);

	unlink(slot);
	if (slot_flags(slot) & SLOT_FIRST_BADGED)
		next->next_flags |= SLOT_FIRST_BADGED;
	*slot = (struct slot){0};
}

static unsigned zombie_bits(struct cap zombie)
{
	switch (cap_zombie_kind(zombie)) {
	case ZOMBIE_TCB:
		return seL4_TCBBits;
	case ZOMBIE_ENDPOINT:
		return seL4_EndpointBits;
	case ZOMBIE_NOTIFICATION:
		return seL4_NotificationBits;
	default: /* ZOMBIE_CNODE */
		return cap_zombie_radix(zombie) + seL4_SlotBits;
	}
}

bool cap_memory(struct cap cap, uint64_t *start, uint64_t *size)
{
	unsigned bits;

	switch (cap_type(cap)) {
	case CAP_Untyped:
		*start = cap_paddr(cap);
		*size = 1ull << cap_untyped_bits(cap);
		return true;
	case CAP_Endpoint:
		bits = seL4_EndpointBits;
		break;
	case CAP_Notification:
		bits = seL4_NotificationBits;
		break;
	case CAP_CNode:
		bits = cap_cnode_radix(cap) + seL4_SlotBits;
		break;
	case CAP_Thread:
		bits = seL4_TCBBits;
		break;
	case CAP_Zombie:
		bits = zombie_bits(cap);
		break;
	default:
		return isa_cap_memory(cap, start, size);
	}
	*start = isa_paddr(cap_object(cap));
	*size = 1ull << bits;
	return true;
}

bool cap_same_region(struct cap parent, struct cap child)
{
	uint64_t start, size, child_start, child_size;

	switch (cap_type(parent)) {
	case CAP_Untyped:
		if (!cap_memory(child, &child_start, &child_size))
			return false;
		start = cap_paddr(parent);
		size = 1ull << cap_untyped_bits(parent);
		return child_start >= start && child_start - start <= size - child_size && child_size <= size;
	case CAP_Endpoint:
	case CAP_Notification:
	case CAP_Thread:
	case CAP_Reply:
		return cap_type(child) == cap_type(parent) && cap_object(child) == cap_object(parent);
	case CAP_CNode:
		return cap_type(child) == CAP_CNode && cap_object(child) == cap_object(parent) &&
		       cap_cnode_radix(child) == cap_cnode_radix(parent);
	case CAP_IRQControl:
		return cap_type(child) == CAP_IRQControl || cap_type(child) == CAP_IRQHandler;
	case CAP_IRQHandler:
		return cap_type(child) == CAP_IRQHandler && cap_irq(child) == cap_irq(parent);
	case CAP_Domain:
		return cap_type(child) == CAP_Domain;
	case CAP_Null:
	case CAP_Zombie:
		return false;
	default:
		return isa_cap_same_region(parent, child);
	}
}

bool cap_same_object(struct cap a, struct cap b)
{
	enum cap_type type = cap_type(a);

	/* Two untypeds are never the same object, and an IRQControl is not what its handlers are. */
	if (type == CAP_Untyped || type == CAP_IRQControl || type == CAP_Null)
		return false;
	if (type == CAP_Zombie || cap_type(b) == CAP_Zombie)
		return false;
	if (type == CAP_Frame || type == CAP_PageTable || type == CAP_ASIDPool || type == CAP_ASIDControl)
		return isa_cap_same_object(a, b);
	return cap_same_region(a, b);
}

bool slot_is_final(const struct slot *slot)
{
	return !cap_same_object(slot_prev(slot)->cap, slot->cap) &&
	       !cap_same_object(slot->cap, slot_next(slot)->cap);
}

bool slot_is_parent_of(const struct slot *parent, const struct slot *child)
{
	if (!(slot_flags(parent) & SLOT_REVOCABLE) || !cap_same_region(parent->cap, child->cap))
		return false;
	switch (cap_type(parent->cap)) {
	case CAP_Endpoint:
	case CAP_Notification:
		return cap_badge(parent->cap) == 0 || (cap_badge(parent->cap) == cap_badge(child->cap) &&
						       !(slot_flags(child) & SLOT_FIRST_BADGED));
	default:
		return true;
	}
}

bool slot_has_children(const struct slot *slot)
{
	return slot_is_parent_of(slot, slot_next(slot));
}

struct cap cap_mask_rights(struct cap cap, uint64_t rights)
{
	switch (cap_type(cap)) {
	case CAP_Endpoint:
		return cap_with_rights(cap, cap_rights(cap) & (unsigned)(rights & RIGHTS_ALL));
	case CAP_Notification:
		return cap_with_rights(cap,
				       cap_rights(cap) & (unsigned)(rights & (RIGHT_WRITE | RIGHT_READ)));
	case CAP_Reply:
		return (rights & RIGHT_GRANT) || !cap_reply_grant(cap)
			       ? cap
			       : cap_reply(cap_object(cap), cap_reply_master(cap), false);
	default:
		return isa_cap_mask_rights(cap, rights);
	}
}

struct cap cap_update_data(struct cap cap, bool preserve, uint64_t data)
{
	unsigned guard_size;

	switch (cap_type(cap)) {
	case CAP_Endpoint:
	case CAP_Notification:
		if (preserve || cap_badge(cap) != 0)
			return cap_null();
		cap.word[1] = data;
		return cap;
	case CAP_CNode:
		guard_size = (unsigned)cap_bits(data, 0, seL4_GuardSizeBits);
		if (guard_size + cap_cnode_radix(cap) > seL4_WordBits)
			return cap_null();
		return cap_cnode(cap_object(cap), cap_cnode_radix(cap),
				 (data >> seL4_GuardSizeBits) & ((1ull << guard_size) - 1), guard_size);
	default:
		return cap;
	}
}

seL4_Error cap_derive(const struct slot *slot, struct cap cap, struct cap *copy)
{
	*copy = cap;
	switch (cap_type(cap)) {
	case CAP_Untyped:
		if (slot_has_children(slot))
			return seL4_RevokeFirst;
		return seL4_NoError;
	case CAP_IRQControl:
	case CAP_Zombie:
	case CAP_Reply:
		*copy = cap_null();
		return seL4_NoError;
	default:
		return isa_cap_derive(copy) ? seL4_NoError : seL4_IllegalOperation;
	}
}
