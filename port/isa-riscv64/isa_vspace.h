/*
 * From a thread to its address space, inline: part of every IPC between processes. See port/isa.h.
 */
#pragma once

#include "kernel/core/kernel.h"

/*
 * satp (privileged ISA, chapter 4.1.11), and word[1] of a PageTable capability: a root has there what satp
 * is to hold, any other table that is mapped has mode 0, its ASID, and its page number in virtual memory.
 */
#define SATP_SV39       (8ull << 60)
#define SATP_ASID_SHIFT 44
#define SATP_PPN_MASK   ((1ull << SATP_ASID_SHIFT) - 1)

static inline uint16_t satp_asid(uint64_t satp)
{
	return (uint16_t)(satp >> SATP_ASID_SHIFT);
}

static inline uint64_t satp_root(uint64_t satp)
{
	return (satp & SATP_PPN_MASK) << seL4_PageBits;
}

struct asid_pool {
	uint64_t satp[1 << seL4_ASIDPoolIndexBits]; /* the address space of each ASID, or 0 */
};
_Static_assert(sizeof(struct asid_pool) == 1 << seL4_ASIDPoolBits, "the ABI's pool size");

/* Where the address space of an ASID is noted; NULL: its pool does not exist. */
static inline uint64_t *asid_entry(struct kernel *kernel, uint64_t asid)
{
	kref pool = kernel->asid_pool[asid >> seL4_ASIDPoolIndexBits & (ASID_POOLS - 1)];

	if (!pool)
		return NULL;
	return &((struct asid_pool *)machine_pointer(pool))
			->satp[asid & ((1u << seL4_ASIDPoolIndexBits) - 1)];
}

/* Does the capability of a page table, or none, name an address space that still exists? */
static inline bool vspace_is_valid(struct kernel *kernel, struct cap vspace)
{
	uint64_t satp = vspace.word[1];
	const uint64_t *entry = asid_entry(kernel, satp >> SATP_ASID_SHIFT);

	return satp & SATP_SV39 && entry && *entry == satp;
}

/* As isa_set_vspace(). */
static inline void isa_switch_vspace(struct kernel *kernel, const struct tcb *tcb)
{
	struct cap vspace = tcb->slot[TCB_VSPACE].cap;

	machine_set_vspace(__builtin_expect(vspace_is_valid(kernel, vspace), 1) ? vspace.word[1] : 0);
}
