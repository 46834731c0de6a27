/*
 * Slots of the root CNode and objects made from untyped memory, for the root server. Nothing here
 * returns an error: what fails, panics. A program that wants to see an error invokes the kernel
 * itself, on objects made here.
 *
 * An arena is untyped memory of which everything made in it can be taken back at once:
 *
 *	static struct sk_arena arena;
 *	sk_arena_open(&arena, 20);  // 1 MiB, taken at the first opening
 *	...                         // slots and objects come from the arena
 *	sk_arena_close(&arena);     // all of them are gone
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sel4/sel4.h>

/* For CNode operations on the root CNode, whose capability has a guard: all bits count. */
#define SK_DEPTH seL4_WordBits

/* Free slots; several are consecutive. */
seL4_CPtr sk_slot_new(void);
seL4_CPtr sk_slots_new(seL4_Word count);

/* New objects in new slots. size_bits counts only for untyped memory and CNodes (slots, as a power). */
seL4_CPtr sk_object_new(seL4_Word type, seL4_Word size_bits);
seL4_CPtr sk_objects_new(seL4_Word type, seL4_Word size_bits, seL4_Word count);

/* log2 of the bytes an object takes. */
seL4_Word sk_object_bits(seL4_Word type, seL4_Word size_bits);

static inline seL4_CPtr sk_untyped_new(seL4_Word bits)
{
	return sk_object_new(seL4_UntypedObject, bits);
}

static inline seL4_CPtr sk_endpoint_new(void)
{
	return sk_object_new(seL4_EndpointObject, 0);
}

static inline seL4_CPtr sk_notification_new(void)
{
	return sk_object_new(seL4_NotificationObject, 0);
}

static inline seL4_CPtr sk_frame_new(void)
{
	return sk_object_new(seL4_RISCV_4K_Page, 0);
}

/* Copies in new slots. */
seL4_CPtr sk_cap_copy(seL4_CPtr cap);
seL4_CPtr sk_cap_mint(seL4_CPtr cap, seL4_CapRights_t rights, seL4_Word badge);

/* Deletes the capability, if there is one, and frees the slot. */
void sk_cap_delete(seL4_CPtr cap);

struct sk_untyped {
	seL4_CPtr cap;
	seL4_Word bits;
	seL4_Word used; /* bytes; allocation goes upwards, as in the kernel */
};

struct sk_arena {
	struct sk_untyped memory;
	struct sk_arena *outer;
	unsigned depth;
};

/*
 * Arenas nest; what an inner one took is free again when the outer one closes. Memory mapped in our
 * own address space goes with its arena, too.
 */
void sk_arena_open(struct sk_arena *arena, seL4_Word bits);
void sk_arena_close(struct sk_arena *arena);

/* What shall outlive every arena is made between these two. */
struct sk_arena *sk_arena_suspend(void);
void sk_arena_restore(struct sk_arena *arena);
