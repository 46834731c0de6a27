/* riscv64: the methods of page tables, frames and address space identifiers (invocations.md §9). */
#include "port/isa-riscv64/sv39.h"

/* The address space that a mapping goes into: extra capability 0. */
struct space {
	kref root;
	uint16_t asid;
};

/* Is extra capability 0 the root of an address space? `space` is filled in; else an error is set. */
static enum outcome check_is_table(struct call *call)
{
	struct cap cap = call->extra.slot[0]->cap;

	if (cap_type(cap) != CAP_PageTable || !cap_table_mapped(cap))
		return call_fail_capability(call, 1);
	return OUTCOME_DONE;
}

static enum outcome check_is_root(struct call *call, struct space *space)
{
	struct cap cap = call->extra.slot[0]->cap;

	space->asid = cap_table_asid(cap);
	space->root = sv39_root(space->asid);
	if (space->root == 0)
		return call_fail_lookup(call, false, (struct lookup_failure){.type = seL4_InvalidRoot});
	if (space->root != cap_object(cap))
		return call_fail_capability(call, 1);
	return OUTCOME_DONE;
}

/* --- page tables ---------------------------------------------------------------------------------- */

static enum outcome decode_table_map(struct call *call)
{
	struct space space;
	struct walk walk;
	uint64_t vaddr;
	enum outcome outcome;

	if (call->length < 2 || call->extra.count < 1)
		return call_fail(call, seL4_TruncatedMessage);
	if (cap_table_mapped(call->cap))
		return call_fail_capability(call, 0);
	outcome = check_is_table(call);
	if (outcome != OUTCOME_DONE)
		return outcome;
	vaddr = call_word(call, 0);
	if (vaddr >= seL4_UserTop)
		return call_fail_argument(call, 0);
	outcome = check_is_root(call, &space);
	if (outcome != OUTCOME_DONE)
		return outcome;
	walk = sv39_walk(space.root, vaddr);
	if (walk.level == 0 || (*walk.pte & PTE_V))
		return call_fail(call, seL4_DeleteFirst);

	*walk.pte = pte_make(isa_paddr(cap_object(call->cap)), PTE_V);
	vaddr &= ~((1ull << level_bits(walk.level)) - 1);
	call->slot->cap = cap_table_at(call->cap, space.asid, vaddr);
	machine_flush_asid(space.asid);
	return OUTCOME_DONE;
}

static enum outcome decode_table_unmap(struct call *call)
{
	struct cap cap = call->cap;

	if (!slot_is_final(call->slot))
		return call_fail(call, seL4_RevokeFirst);
	if (cap_table_mapped(cap) && sv39_root(cap_table_asid(cap)) == cap_object(cap))
		return call_fail(call, seL4_RevokeFirst);
	if (cap_table_mapped(cap)) {
		sv39_unmap_table(cap);
		machine_memory_clear(isa_paddr(cap_object(cap)), 1ull << seL4_PageTableBits);
	}
	call->slot->cap = cap_table_unmapped(cap);
	return OUTCOME_DONE;
}

static enum outcome decode_table(struct call *call)
{
	switch (call->label) {
	case LABEL_RISCVPageTableMap:
		return decode_table_map(call);
	case LABEL_RISCVPageTableUnmap:
		return decode_table_unmap(call);
	default:
		return call_fail(call, seL4_IllegalOperation);
	}
}

/* --- frames --------------------------------------------------------------------------------------- */

/* The access that both the frame capability and the rights in the message permit. */
static enum frame_access mapping_access(struct cap frame, uint64_t rights)
{
	return cap_frame_access(isa_cap_mask_rights(frame, rights));
}

/* Is the frame capability free for a mapping at vaddr, or mapped just there already? */
static enum outcome check_remap(struct call *call, const struct space *space, uint64_t vaddr, uint64_t pte)
{
	if (cap_frame_asid(call->cap) == 0)
		return pte & PTE_V ? call_fail(call, seL4_DeleteFirst) : OUTCOME_DONE;
	if (cap_frame_asid(call->cap) != space->asid)
		return call_fail_capability(call, 1);
	if (cap_frame_vaddr(call->cap) != vaddr)
		return call_fail_argument(call, 0);
	return OUTCOME_DONE;
}

static enum outcome decode_page_map(struct call *call)
{
	uint64_t vaddr, size = 1ull << isa_frame_bits(call->cap);
	struct space space;
	struct walk walk;
	enum outcome outcome;

	if (call->length < 3 || call->extra.count < 1)
		return call_fail(call, seL4_TruncatedMessage);
	outcome = check_is_table(call);
	if (outcome == OUTCOME_DONE)
		outcome = check_is_root(call, &space);
	if (outcome != OUTCOME_DONE)
		return outcome;
	vaddr = call_word(call, 0);
	if (vaddr + size - 1 >= seL4_UserTop)
		return call_fail_argument(call, 0);
	if (vaddr & (size - 1))
		return call_fail(call, seL4_AlignmentError);
	walk = sv39_walk(space.root, vaddr);
	if (walk.level != cap_frame_level(call->cap))
		return call_fail_missing(call, false, level_bits(walk.level));
	outcome = check_remap(call, &space, vaddr, *walk.pte);
	if (outcome != OUTCOME_DONE)
		return outcome;

	call->slot->cap = cap_frame_with_mapping(call->cap, space.asid, vaddr);
	*walk.pte = sv39_leaf(cap_paddr(call->cap), mapping_access(call->cap, call_word(call, 1)),
			      !(call_word(call, 2) & seL4_RISCV_ExecuteNever));
	machine_flush_page(space.asid, vaddr, isa_frame_bits(call->cap));
	return OUTCOME_DONE;
}

static enum outcome decode_page(struct call *call)
{
	switch (call->label) {
	case LABEL_RISCVPageMap:
		return decode_page_map(call);
	case LABEL_RISCVPageUnmap:
		sv39_unmap_frame(call->cap);
		call->slot->cap = cap_frame_with_mapping(call->cap, 0, 0);
		return OUTCOME_DONE;
	case LABEL_RISCVPageGetAddress:
		call_result(call, 0, cap_paddr(call->cap));
		return OUTCOME_DONE;
	default:
		return call_fail(call, seL4_IllegalOperation);
	}
}

/* --- address space identifiers ---------------------------------------------------------------- */

static enum outcome decode_make_pool(struct call *call)
{
	struct kernel *kernel = call->kernel;
	struct slot *untyped, *destination;
	struct cap cap;
	unsigned index = 0;
	enum outcome outcome;

	if (call->label != LABEL_RISCVASIDControlMakePool)
		return call_fail(call, seL4_IllegalOperation);
	if (call->length < 2 || call->extra.count < 2)
		return call_fail(call, seL4_TruncatedMessage);
	while (index < ASID_POOLS && kernel->asid_pool[index])
		index++;
	if (index == ASID_POOLS)
		return call_fail(call, seL4_DeleteFirst);
	untyped = call->extra.slot[0];
	if (cap_type(untyped->cap) != CAP_Untyped || cap_untyped_bits(untyped->cap) != seL4_ASIDPoolBits ||
	    cap_untyped_device(untyped->cap))
		return call_fail_capability(call, 1);
	if (slot_has_children(untyped))
		return call_fail(call, seL4_RevokeFirst);
	outcome = lookup_target(call, false, call->extra.slot[1]->cap, call_word(call, 0), call_word(call, 1),
				&destination);
	if (outcome != OUTCOME_DONE)
		return outcome;
	if (!slot_is_empty(destination))
		return call_fail(call, seL4_DeleteFirst);

	machine_memory_clear(cap_paddr(untyped->cap), 1ull << seL4_ASIDPoolBits);
	untyped->cap.word[1] = 1ull << seL4_ASIDPoolBits;
	cap = cap_make(CAP_ASIDPool, isa_kref(cap_paddr(untyped->cap)), 0);
	cap.word[0] |= (uint64_t)index << 5;
	kernel->asid_pool[index] = cap_object(cap);
	slot_insert(destination, cap, untyped);
	return OUTCOME_DONE;
}

static enum outcome decode_assign(struct call *call)
{
	unsigned index = cap_pool_index(call->cap);
	kref registered = call->kernel->asid_pool[index];
	struct asid_pool *pool;
	uint64_t *satp, *end;
	struct slot *vspace;
	uint16_t asid;

	if (call->label != LABEL_RISCVASIDPoolAssign)
		return call_fail(call, seL4_IllegalOperation);
	if (call->extra.count < 1)
		return call_fail(call, seL4_TruncatedMessage);
	vspace = call->extra.slot[0];
	if (cap_type(vspace->cap) != CAP_PageTable || cap_table_mapped(vspace->cap))
		return call_fail_capability(call, 1);
	if (registered == 0)
		return call_fail_lookup(call, false, (struct lookup_failure){.type = seL4_InvalidRoot});
	if (registered != cap_object(call->cap))
		return call_fail_capability(call, 0);
	pool = machine_pointer(registered);
	satp = pool->satp + (index == 0); /* ASID 0 means "not mapped": it is never given out */
	end = pool->satp + (1u << seL4_ASIDPoolIndexBits);
	while (satp != end && *satp)
		satp++;
	if (satp == end)
		return call_fail(call, seL4_DeleteFirst);

	asid = (uint16_t)(index << seL4_ASIDPoolIndexBits | (unsigned)(satp - pool->satp));
	machine_vspace_init(isa_paddr(cap_object(vspace->cap)));
	vspace->cap = cap_table_as_root(vspace->cap, asid);
	*satp = vspace->cap.word[1];
	return OUTCOME_DONE;
}

enum outcome isa_decode(struct call *call)
{
	switch (cap_type(call->cap)) {
	case CAP_PageTable:
		return decode_table(call);
	case CAP_Frame:
		return decode_page(call);
	case CAP_ASIDControl:
		return decode_make_pool(call);
	case CAP_ASIDPool:
		return decode_assign(call);
	default:
		return call_fail(call, seL4_IllegalOperation);
	}
}

/*
 * A handler with a trigger: word 1 says level or edge, which the PLIC cannot be told and need not be. The
 * reference (invocations.md §7) has IllegalOperation here; upstream's kernel on this platform does this.
 */
enum outcome isa_decode_irq_control(struct call *call)
{
	if (call->label == LABEL_RISCVIRQIssueIRQHandlerTrigger)
		return decode_irq_issue(call, 2);
	return call_fail(call, seL4_IllegalOperation);
}
