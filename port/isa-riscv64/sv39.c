/* Page tables: walking, mapping, unmapping; address spaces and their identifiers. */
#include "port/isa-riscv64/sv39.h"

struct walk sv39_walk(kref root, uint64_t vaddr)
{
	struct walk walk = {.level = ROOT_LEVEL};
	uint64_t *table = machine_pointer(root);

	for (;;) {
		uint64_t index = (vaddr >> level_bits(walk.level)) & ((1u << seL4_PageTableIndexBits) - 1);

		walk.pte = &table[index];
		if (walk.level == 0 || !pte_is_table(*walk.pte))
			return walk;
		table = machine_pointer(isa_kref(pte_paddr(*walk.pte)));
		walk.level--;
	}
}

kref sv39_root(uint16_t asid)
{
	const uint64_t *entry = asid_entry(machine_kernel(), asid);

	return entry && *entry ? isa_kref(satp_root(*entry)) : 0;
}

bool isa_vspace(struct cap vspace, uint64_t *root_paddr, uint16_t *asid)
{
	*root_paddr = satp_root(vspace.word[1]);
	*asid = satp_asid(vspace.word[1]);
	return cap_type(vspace) == CAP_PageTable && vspace_is_valid(machine_kernel(), vspace);
}

void isa_set_vspace(const struct tcb *tcb)
{
	isa_switch_vspace(machine_kernel(), tcb);
}

/*
 * A thread may be running in an address space that is just being taken away. It is left before its
 * translations are flushed: as long as it can be walked, the processor may remember more of them.
 */
static void refresh_current(void)
{
	struct core *core = this_core(machine_kernel());

	if (core->current != core->idle)
		isa_set_vspace(tcb_at(core->current));
}

uint64_t sv39_leaf(uint64_t paddr, enum frame_access access, bool executable)
{
	uint64_t flags = PTE_U | PTE_A | PTE_D;

	if (access != FRAME_KERNEL_ONLY)
		flags |= PTE_R;
	if (access == FRAME_READ_WRITE)
		flags |= PTE_W;
	if (executable)
		flags |= PTE_X;
	/* An entry that permits nothing would read as a table: it is stored as no entry at all. */
	return flags & (PTE_R | PTE_X) ? pte_make(paddr, flags | PTE_V) : 0;
}

void sv39_unmap_frame(struct cap cap)
{
	uint16_t asid = cap_frame_asid(cap);
	kref root = sv39_root(asid);
	struct walk walk;

	if (asid == 0 || root == 0)
		return;
	walk = sv39_walk(root, cap_frame_vaddr(cap));
	if (walk.level != cap_frame_level(cap) || !(*walk.pte & PTE_V) || pte_is_table(*walk.pte) ||
	    pte_paddr(*walk.pte) != cap_paddr(cap))
		return;
	*walk.pte = 0;
	machine_flush_page(asid, cap_frame_vaddr(cap), isa_frame_bits(cap));
}

/* Takes an inner table out of the table above it, if it is still there. */
void sv39_unmap_table(struct cap cap)
{
	uint16_t asid = cap_table_asid(cap);
	kref root = sv39_root(asid);
	uint64_t *table;

	if (root == 0 || cap_table_is_root(cap))
		return;
	table = machine_pointer(root);
	for (unsigned level = ROOT_LEVEL; level > 0; level--) {
		uint64_t *pte = &table[(cap_table_vaddr(cap) >> level_bits(level)) &
				       ((1u << seL4_PageTableIndexBits) - 1)];

		if (!pte_is_table(*pte))
			return;
		if (pte_paddr(*pte) == isa_paddr(cap_object(cap))) {
			*pte = 0;
			machine_flush_asid(asid);
			return;
		}
		table = machine_pointer(isa_kref(pte_paddr(*pte)));
	}
}

void sv39_delete_asid(struct cap root)
{
	uint16_t asid = cap_table_asid(root);

	if (!vspace_is_valid(machine_kernel(), root))
		return;
	*asid_entry(machine_kernel(), asid) = 0;
	refresh_current();
	machine_flush_asid(asid);
}

void sv39_delete_pool(unsigned index)
{
	machine_kernel()->asid_pool[index] = 0;
	refresh_current();
	machine_flush_all(); /* one step, where its 512 ASIDs would be as many */
}
