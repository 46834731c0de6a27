/*
 * Sv39 page tables and the capabilities to frames and tables (privileged ISA, chapter 4.4; the
 * capabilities' fields are drawn in kernel/object/cap.h).
 *
 * Levels count as the ISA does: 2 is the root, an entry of level L translates 2^(12 + 9 L) bytes.
 */
#pragma once

#include "kernel/core/kernel.h"
#include "isa_vspace.h"

#define PTE_V         0x01ull
#define PTE_R         0x02ull
#define PTE_W         0x04ull
#define PTE_X         0x08ull
#define PTE_U         0x10ull
#define PTE_A         0x40ull
#define PTE_D         0x80ull

#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK  ((1ull << 44) - 1)

#define ROOT_LEVEL    2

enum frame_access {
	FRAME_KERNEL_ONLY,
	FRAME_READ,
	FRAME_READ_WRITE,
};

static inline unsigned level_bits(unsigned level)
{
	return seL4_PageBits + seL4_PageTableIndexBits * level;
}

static inline uint64_t pte_paddr(uint64_t pte)
{
	return ((pte >> PTE_PPN_SHIFT) & PTE_PPN_MASK) << seL4_PageBits;
}

static inline uint64_t pte_make(uint64_t paddr, uint64_t flags)
{
	return paddr >> seL4_PageBits << PTE_PPN_SHIFT | flags;
}

static inline bool pte_is_table(uint64_t pte)
{
	return (pte & PTE_V) && !(pte & (PTE_R | PTE_W | PTE_X));
}

/* --- Frame; unmapped while its ASID is 0 --- */

static inline uint16_t cap_frame_asid(struct cap cap)
{
	return (uint16_t)(cap.word[1] >> 48);
}

static inline uint64_t cap_frame_vaddr(struct cap cap)
{
	return cap.word[1] & CAP_ADDRESS_MASK;
}

static inline struct cap cap_frame_with_mapping(struct cap cap, uint16_t asid, uint64_t vaddr)
{
	cap.word[1] = (uint64_t)asid << 48 | (vaddr & CAP_ADDRESS_MASK);
	return cap;
}

static inline struct cap cap_frame(uint64_t paddr, unsigned level, enum frame_access access, bool device)
{
	struct cap cap = cap_make(CAP_Frame, paddr, 0);

	cap.word[0] |= (uint64_t)level << 5 | (uint64_t)access << 7 | (uint64_t)device << 9;
	return cap;
}

static inline unsigned cap_frame_level(struct cap cap)
{
	return (unsigned)cap_bits(cap.word[0], 5, 2);
}

static inline enum frame_access cap_frame_access(struct cap cap)
{
	return (enum frame_access)cap_bits(cap.word[0], 7, 2);
}

static inline bool cap_frame_device(struct cap cap)
{
	return cap_bits(cap.word[0], 9, 1);
}

/* Is it a frame, and not of a device? */
static inline bool cap_is_memory_frame(struct cap cap)
{
	return (cap.word[0] & (1u << 9 | 31)) == CAP_Frame;
}

/* --- PageTable; a root is "mapped" as soon as it has an ASID --- */

static inline bool cap_table_mapped(struct cap cap)
{
	return cap_bits(cap.word[0], 5, 1);
}

static inline bool cap_table_is_root(struct cap cap)
{
	return cap.word[1] & SATP_SV39;
}

static inline uint16_t cap_table_asid(struct cap cap)
{
	return satp_asid(cap.word[1]);
}

static inline uint64_t cap_table_vaddr(struct cap cap)
{
	return (cap.word[1] & SATP_PPN_MASK) << seL4_PageBits;
}

static inline struct cap cap_table_unmapped(struct cap cap)
{
	return cap_make(CAP_PageTable, cap_object(cap), 0);
}

static inline struct cap cap_table_at(struct cap cap, uint16_t asid, uint64_t vaddr)
{
	cap.word[0] |= 1u << 5;
	cap.word[1] = (uint64_t)asid << SATP_ASID_SHIFT | (vaddr & CAP_ADDRESS_MASK) >> seL4_PageBits;
	return cap;
}

static inline struct cap cap_table_as_root(struct cap cap, uint16_t asid)
{
	cap.word[0] |= 1u << 5;
	cap.word[1] =
		SATP_SV39 | (uint64_t)asid << SATP_ASID_SHIFT | isa_paddr(cap_object(cap)) >> seL4_PageBits;
	return cap;
}

/* --- ASIDPool --- */

static inline unsigned cap_pool_index(struct cap cap)
{
	return (unsigned)cap_bits(cap.word[0], 5, seL4_NumASIDPoolsBits);
}

/* --- walking (sv39.c) --- */

struct walk {
	uint64_t *pte;  /* the deepest entry that exists for the address */
	unsigned level; /* of that entry */
};
struct walk sv39_walk(kref root, uint64_t vaddr);
/* The root table of an ASID; 0 if there is none. */
kref sv39_root(uint16_t asid);
uint64_t sv39_leaf(uint64_t paddr, enum frame_access access, bool executable);
void sv39_unmap_frame(struct cap cap);
void sv39_unmap_table(struct cap cap);
void sv39_delete_asid(struct cap root);
void sv39_delete_pool(unsigned index);
