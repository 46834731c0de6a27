/*
 * From a thread to its address space, inline: part of every IPC between processes. See port/isa.h.
 */
#pragma once

#include "kernel/core/kernel.h"

/* --- the mapping that a Frame or PageTable capability stands for: word[1] --- */

static inline uint16_t cap_asid(struct cap cap)
{
	return (uint16_t)(cap.word[1] >> 48);
}

static inline uint64_t cap_vaddr(struct cap cap)
{
	return cap.word[1] & CAP_ADDRESS_MASK;
}

static inline bool cap_table_mapped(struct cap cap)
{
	return cap_bits(cap.word[0], 5, 1);
}

struct asid_pool {
	kref root[1 << seL4_ASIDPoolIndexBits]; /* the root table of each ASID, or 0 */
};
_Static_assert(sizeof(struct asid_pool) == 1 << seL4_ASIDPoolBits, "the ABI's pool size");

/* Where the root of an address space is noted; NULL: its pool does not exist. */
static inline kref *asid_entry(struct kernel *kernel, uint16_t asid)
{
	kref pool = kernel->asid_pool[asid >> seL4_ASIDPoolIndexBits];

	if (!pool)
		return NULL;
	return &((struct asid_pool *)machine_pointer(pool))
			->root[asid & ((1u << seL4_ASIDPoolIndexBits) - 1)];
}

/* Is this the root that its ASID stands for? */
static inline bool vspace_is_valid(struct kernel *kernel, struct cap vspace)
{
	const kref *entry;

	if (cap_bits(vspace.word[0], 0, 6) != (CAP_PageTable | 1u << 5)) /* a mapped one */
		return false;
	entry = asid_entry(kernel, cap_asid(vspace));
	return entry && *entry == cap_object(vspace);
}

/* As isa_set_vspace(). */
static inline void isa_switch_vspace(struct kernel *kernel, const struct tcb *tcb)
{
	struct cap vspace = tcb->slot[TCB_VSPACE].cap;

	if (__builtin_expect(vspace_is_valid(kernel, vspace), 1))
		machine_set_vspace(isa_paddr(cap_object(vspace)), cap_asid(vspace));
	else
		machine_set_vspace(0, 0);
}
