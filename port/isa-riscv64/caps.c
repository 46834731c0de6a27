/* riscv64: objects, and the rules for capabilities to them (capabilities.md §2 to §6). */
#include "port/isa-riscv64/sv39.h"

/* --- objects ------------------------------------------------------------------------------------ */

unsigned isa_object_bits(unsigned type)
{
	switch (type) {
	case seL4_RISCV_Giga_Page:
		return seL4_HugePageBits;
	case seL4_RISCV_Mega_Page:
		return seL4_LargePageBits;
	default: /* 4K pages and page tables */
		return seL4_PageBits;
	}
}

bool isa_object_is_frame(unsigned type)
{
	return type == seL4_RISCV_Giga_Page || type == seL4_RISCV_Mega_Page || type == seL4_RISCV_4K_Page;
}

struct cap isa_object_cap(unsigned type, uint64_t paddr, bool device)
{
	if (type == seL4_RISCV_PageTableObject)
		return cap_make(CAP_PageTable, isa_kref(paddr), 0);
	return cap_frame(paddr, (isa_object_bits(type) - seL4_PageBits) / seL4_PageTableIndexBits,
			 FRAME_READ_WRITE, device);
}

/* --- capabilities --------------------------------------------------------------------------------- */

struct cap isa_cap_mask_rights(struct cap cap, uint64_t rights)
{
	enum frame_access access;

	if (cap_type(cap) != CAP_Frame)
		return cap;
	access = cap_frame_access(cap);
	if (!(rights & RIGHT_READ))
		access = FRAME_KERNEL_ONLY;
	else if (!(rights & RIGHT_WRITE) && access == FRAME_READ_WRITE)
		access = FRAME_READ;
	cap.word[0] = cap_with_bits(cap.word[0], 7, 2, access);
	return cap;
}

bool isa_cap_derive(struct cap *cap)
{
	switch (cap_type(*cap)) {
	case CAP_Frame:
		*cap = cap_frame_with_mapping(*cap, 0, 0);
		return true;
	case CAP_PageTable:
		return cap_table_mapped(*cap);
	default:
		return true;
	}
}

bool isa_cap_memory(struct cap cap, uint64_t *start, uint64_t *size)
{
	switch (cap_type(cap)) {
	case CAP_Frame:
		*start = cap_paddr(cap);
		*size = 1ull << isa_frame_bits(cap);
		return true;
	case CAP_PageTable:
	case CAP_ASIDPool:
		*start = isa_paddr(cap_object(cap));
		*size = 1ull << seL4_PageBits;
		return true;
	default:
		return false;
	}
}

bool isa_cap_same_region(struct cap parent, struct cap child)
{
	uint64_t start, size, child_start, child_size;

	if (cap_type(parent) != cap_type(child))
		return false;
	if (cap_type(parent) == CAP_ASIDControl)
		return true;
	if (!isa_cap_memory(parent, &start, &size) || !isa_cap_memory(child, &child_start, &child_size))
		return false;
	return child_start >= start && child_start - start < size &&
	       child_size <= size - (child_start - start);
}

bool isa_cap_same_object(struct cap a, struct cap b)
{
	uint64_t start_a, size_a, start_b, size_b;

	if (cap_type(a) != cap_type(b))
		return false;
	if (cap_type(a) == CAP_ASIDControl)
		return true;
	return isa_cap_memory(a, &start_a, &size_a) && isa_cap_memory(b, &start_b, &size_b) &&
	       start_a == start_b && size_a == size_b;
}

void isa_cap_finalise(struct cap cap, bool final)
{
	switch (cap_type(cap)) {
	case CAP_Frame: /* each frame capability has a mapping of its own */
		sv39_unmap_frame(cap);
		break;
	case CAP_PageTable:
		if (final && cap_table_mapped(cap)) {
			sv39_delete_asid(cap);
			sv39_unmap_table(cap);
		}
		break;
	case CAP_ASIDPool:
		if (final && machine_kernel()->asid_pool[cap_pool_index(cap)] == cap_object(cap))
			sv39_delete_pool(cap_pool_index(cap));
		break;
	default:
		break;
	}
}

bool isa_cap_is_vspace(struct cap cap)
{
	return cap_type(cap) == CAP_PageTable && cap_table_mapped(cap);
}

unsigned isa_frame_bits(struct cap cap)
{
	return level_bits(cap_frame_level(cap));
}

bool isa_frame_gives(struct cap cap, bool write)
{
	return cap_is_memory_frame(cap) && cap_frame_access(cap) >= (write ? FRAME_READ_WRITE : FRAME_READ);
}

bool isa_cap_may_be_buffer(struct cap cap)
{
	return cap_is_memory_frame(cap);
}

/* --- boot ------------------------------------------------------------------------------------- */

static unsigned regions(uint64_t start, uint64_t end, unsigned bits)
{
	return (unsigned)(((end - 1) >> bits) - (start >> bits) + 1);
}

unsigned isa_boot_tables(uint64_t start, uint64_t end)
{
	return regions(start, end, level_bits(2)) + regions(start, end, level_bits(1));
}

struct cap isa_boot_asid_pool(uint64_t paddr)
{
	machine_kernel()->asid_pool[0] = isa_kref(paddr);
	return cap_make(CAP_ASIDPool, isa_kref(paddr), 0);
}

struct cap isa_boot_vspace(uint64_t root_paddr, uint16_t asid)
{
	struct cap cap = cap_table_as_root(cap_make(CAP_PageTable, isa_kref(root_paddr), 0), asid);

	*asid_entry(machine_kernel(), asid) = cap.word[1];
	machine_vspace_init(root_paddr);
	return cap;
}

struct cap isa_boot_map_table(struct cap vspace, uint64_t start, uint64_t end, unsigned index, uint64_t paddr)
{
	unsigned upper = regions(start, end, level_bits(2));
	unsigned bits = index < upper ? level_bits(2) : level_bits(1);
	uint64_t vaddr = ((start >> bits) + (index < upper ? index : index - upper)) << bits;
	struct walk walk = sv39_walk(cap_object(vspace), vaddr);
	struct cap cap = cap_make(CAP_PageTable, isa_kref(paddr), 0);

	*walk.pte = pte_make(paddr, PTE_V);
	return cap_table_at(cap, cap_table_asid(vspace), vaddr);
}

struct cap isa_boot_map_frame(struct cap vspace, uint64_t vaddr, uint64_t paddr, bool executable)
{
	struct walk walk = sv39_walk(cap_object(vspace), vaddr);

	*walk.pte = sv39_leaf(paddr, FRAME_READ_WRITE, executable);
	return cap_frame_with_mapping(cap_frame(paddr, 0, FRAME_READ_WRITE, false), cap_table_asid(vspace),
				      vaddr);
}

/* --- checking --------------------------------------------------------------------------------- */

const char *isa_check_cap(const struct slot *slot)
{
	struct cap cap = slot->cap;

	switch (cap_type(cap)) {
	case CAP_PageTable:
		if (cap_object(cap) & ((1u << seL4_PageTableBits) - 1))
			return "page table is not page aligned";
		return NULL;
	case CAP_ASIDPool:
		if (cap_object(cap) & ((1u << seL4_ASIDPoolBits) - 1))
			return "ASID pool is not page aligned";
		if (machine_kernel()->asid_pool[cap_pool_index(cap)] != cap_object(cap))
			return "ASID pool is not the registered one";
		return NULL;
	case CAP_Frame:
		if (cap_paddr(cap) & ((1ull << isa_frame_bits(cap)) - 1))
			return "frame is not aligned to its size";
		return NULL;
	case CAP_ASIDControl:
		return NULL;
	default:
		return "unknown capability type";
	}
}
