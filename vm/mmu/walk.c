/*
 * The Sv39 walk, as the privileged ISA has it with A and D bits never written: an entry that would
 * have to be changed faults instead (tlb.c looks at A and D, and at the rights). Called on TLB
 * misses and by debuggers. Tables are guest memory and hostile: every entry is checked.
 */
#include "vm/internal.h"
#include "vm/mmu/pte.h"

#define LEVELS     3
#define INDEX_BITS 9

/* Finds the leaf entry of `vaddr` in the table at `root`, whatever rights it gives. */
enum vm_walk_result vm_walk(const struct vm *vm, uint64_t root, uint64_t vaddr, struct vm_mapping *mapping)
{
	uint64_t table = root & PAGE_MASK;

	if (root == 0 || (uint64_t)((int64_t)(vaddr << 25) >> 25) != vaddr)
		return WALK_PAGE_FAULT;
	for (int level = LEVELS - 1; level >= 0; level--) {
		unsigned shift = PAGE_BITS + (unsigned)level * INDEX_BITS;
		uint64_t pte, offset;

		if (!vm_in_ram(vm, table))
			return WALK_ACCESS_FAULT;
		memcpy(&pte, vm_host(vm, table) + (vaddr >> shift & 511) * sizeof(pte), sizeof(pte));
		if (!(pte & PTE_V) || (pte & PTE_RESERVED) || (pte & (PTE_R | PTE_W)) == PTE_W)
			return WALK_PAGE_FAULT;
		if (!(pte & (PTE_R | PTE_X))) {
			if (pte & (PTE_U | PTE_A | PTE_D))
				return WALK_PAGE_FAULT;
			table = PTE_PADDR(pte);
			continue;
		}
		offset = (UINT64_C(1) << shift) - 1;
		if (PTE_PADDR(pte) & offset)
			return WALK_PAGE_FAULT; /* a misaligned superpage */
		mapping->paddr = PTE_PADDR(pte) | (vaddr & offset);
		mapping->pte = pte;
		return WALK_OK;
	}
	return WALK_PAGE_FAULT;
}

bool vm_translate(const struct vm *vm, uint64_t root_paddr, uint64_t vaddr, uint64_t *paddr)
{
	struct vm_mapping mapping;

	if (vm_walk(vm, root_paddr, vaddr, &mapping) != WALK_OK)
		return false;
	*paddr = mapping.paddr;
	return true;
}
