/*
 * Capabilities: two words.
 *
 *   word[0]  63                            25 24              5 4     0
 *            +-------------------------------+-----------------+-------+
 *            | address (39 bits)             | fields          | type  |
 *            +-------------------------------+-----------------+-------+
 *
 * The address is the kernel address of the object, sign-extended when read, or for Untyped and Frame
 * the physical address. The types are those that DebugCapIdentify names (abi/sel4/objecttype.h).
 *
 *   type          fields (bit: width)                               word[1]
 *   Untyped       5:6 size bits, 11 device                          free offset in bytes
 *   Endpoint      5:4 rights as in the ABI                          badge
 *   Notification  5:4 rights (write, read)                          badge
 *   Reply         5 master, 6 grant                                 -
 *   CNode         5 flat (guard and radix take all 64 bits),
 *                 6:6 radix, 12:6 guard size                        guard
 *   Thread        -                                                 -
 *   IRQHandler    5:8 interrupt                                     -
 *   Zombie        5:6 radix, 11:2 what it was (enum zombie_kind)    slots not yet emptied
 *   Frame         5:2 size, 7:2 access, 9 device                    0:39 vaddr, 48:16 ASID
 *   PageTable     5 mapped                                          root: satp; else 0:27 vaddr / 4 KiB,
 * 44:16 ASID ASIDPool      5:7 index of the pool                             - IRQControl, ASIDControl,
 * Domain: nothing else
 */
#pragma once

#include <sel4/objecttype.h>

#include "kernel/core/types.h"

enum cap_type {
#define CAP_ENUM(name, number) CAP_##name = number,
	SEL4_CAP_TYPES(CAP_ENUM)
#undef CAP_ENUM
};

enum {
	RIGHT_WRITE = 1,
	RIGHT_READ = 2,
	RIGHT_GRANT = 4,
	RIGHT_GRANT_REPLY = 8,
	RIGHTS_ALL = 15,
};

#define CAP_ADDRESS_SHIFT 25
#define CAP_ADDRESS_MASK  ((1ull << 39) - 1)

static inline uint64_t cap_bits(uint64_t word, unsigned shift, unsigned width)
{
	return (word >> shift) & ((1ull << width) - 1);
}

static inline uint64_t cap_with_bits(uint64_t word, unsigned shift, unsigned width, uint64_t value)
{
	uint64_t mask = ((1ull << width) - 1) << shift;

	return (word & ~mask) | ((value << shift) & mask);
}

static inline enum cap_type cap_type(struct cap cap)
{
	return (enum cap_type)(cap.word[0] & 31);
}

static inline bool cap_is_null(struct cap cap)
{
	return cap_type(cap) == CAP_Null;
}

static inline struct cap cap_make(enum cap_type type, uint64_t address, uint64_t word1)
{
	return (struct cap){{(address << CAP_ADDRESS_SHIFT) | type, word1}};
}

static inline struct cap cap_null(void)
{
	return (struct cap){{0, 0}};
}

/* The object's kernel address (not for Untyped and Frame). */
static inline kref cap_object(struct cap cap)
{
	return (kref)((int64_t)cap.word[0] >> CAP_ADDRESS_SHIFT);
}

/* The physical address, of Untyped and Frame only. */
static inline uint64_t cap_paddr(struct cap cap)
{
	return cap.word[0] >> CAP_ADDRESS_SHIFT;
}

/* --- Untyped --- */

static inline struct cap cap_untyped(uint64_t paddr, unsigned size_bits, bool device, uint64_t free_offset)
{
	struct cap cap = cap_make(CAP_Untyped, paddr, free_offset);

	cap.word[0] |= (uint64_t)size_bits << 5 | (uint64_t)device << 11;
	return cap;
}

static inline unsigned cap_untyped_bits(struct cap cap)
{
	return (unsigned)cap_bits(cap.word[0], 5, 6);
}

static inline bool cap_untyped_device(struct cap cap)
{
	return cap_bits(cap.word[0], 11, 1);
}

static inline uint64_t cap_untyped_free(struct cap cap)
{
	return cap.word[1];
}

/* --- Endpoint, Notification --- */

static inline struct cap cap_endpoint(kref endpoint, uint64_t badge, unsigned rights)
{
	struct cap cap = cap_make(CAP_Endpoint, endpoint, badge);

	cap.word[0] |= (uint64_t)rights << 5;
	return cap;
}

static inline struct cap cap_notification(kref notification, uint64_t badge, unsigned rights)
{
	struct cap cap = cap_make(CAP_Notification, notification, badge);

	cap.word[0] |= (uint64_t)rights << 5;
	return cap;
}

static inline unsigned cap_rights(struct cap cap)
{
	return (unsigned)cap_bits(cap.word[0], 5, 4);
}

static inline struct cap cap_with_rights(struct cap cap, unsigned rights)
{
	cap.word[0] = cap_with_bits(cap.word[0], 5, 4, rights);
	return cap;
}

static inline uint64_t cap_badge(struct cap cap)
{
	return cap.word[1];
}

/* --- Reply --- */

static inline struct cap cap_reply(kref caller, bool master, bool grant)
{
	struct cap cap = cap_make(CAP_Reply, caller, 0);

	cap.word[0] |= (uint64_t)master << 5 | (uint64_t)grant << 6;
	return cap;
}

static inline bool cap_reply_master(struct cap cap)
{
	return cap_bits(cap.word[0], 5, 1);
}

static inline bool cap_reply_grant(struct cap cap)
{
	return cap_bits(cap.word[0], 6, 1);
}

/* --- CNode --- */

static inline struct cap cap_cnode(kref slots, unsigned radix, uint64_t guard, unsigned guard_size)
{
	struct cap cap = cap_make(CAP_CNode, slots, guard);

	cap.word[0] |=
		(uint64_t)(guard_size + radix == 64) << 5 | (uint64_t)radix << 6 | (uint64_t)guard_size << 12;
	return cap;
}

/* Is it a CNode that resolves whole addresses by itself? */
static inline bool cap_is_flat_cnode(struct cap cap)
{
	return cap_bits(cap.word[0], 0, 6) == (CAP_CNode | 1u << 5);
}

/* Is it a CNode without a guard? */
static inline bool cap_is_plain_cnode(struct cap cap)
{
	return (cap.word[0] & (63ull << 12 | 31)) == CAP_CNode;
}

static inline unsigned cap_cnode_radix(struct cap cap)
{
	return (unsigned)cap_bits(cap.word[0], 6, 6);
}

static inline unsigned cap_cnode_guard_size(struct cap cap)
{
	return (unsigned)cap_bits(cap.word[0], 12, 6);
}

static inline uint64_t cap_cnode_guard(struct cap cap)
{
	return cap.word[1];
}

/* --- Zombie: what is left of an object under deletion (kernel/core/delete.c) --- */

enum zombie_kind {
	ZOMBIE_CNODE,
	ZOMBIE_TCB,
	/* These have no slots, but threads may still wait in their queues. */
	ZOMBIE_ENDPOINT,
	ZOMBIE_NOTIFICATION,
};

static inline struct cap cap_zombie(enum zombie_kind kind, kref object, unsigned radix, uint64_t left)
{
	struct cap cap = cap_make(CAP_Zombie, object, left);

	cap.word[0] |= (uint64_t)radix << 5 | (uint64_t)kind << 11;
	return cap;
}

static inline unsigned cap_zombie_radix(struct cap cap)
{
	return (unsigned)cap_bits(cap.word[0], 5, 6);
}

static inline enum zombie_kind cap_zombie_kind(struct cap cap)
{
	return (enum zombie_kind)cap_bits(cap.word[0], 11, 2);
}

static inline bool cap_zombie_has_slots(struct cap cap)
{
	return cap_zombie_kind(cap) <= ZOMBIE_TCB;
}

static inline uint64_t cap_zombie_left(struct cap cap)
{
	return cap.word[1];
}

/* --- IRQHandler --- */

static inline struct cap cap_irq_handler(unsigned irq)
{
	struct cap cap = cap_make(CAP_IRQHandler, 0, 0);

	cap.word[0] |= (uint64_t)irq << 5;
	return cap;
}

static inline unsigned cap_irq(struct cap cap)
{
	return (unsigned)cap_bits(cap.word[0], 5, 8);
}
