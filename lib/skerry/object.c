/*
 * Slots and objects: see object.h. What is left of each untyped is counted here by the kernel's own
 * rule (align up, then advance), so that the smallest one with room can be chosen without asking.
 * If a program has retyped from one behind our back, the kernel says so and the next is tried.
 */
#include <skerry/object.h>

#include <skerry/check.h>

#define MAX_SLOTS (1 << 14)

/* Who holds a slot: 0 nobody, 1 the program, 2 and more an arena of depth 1 and more. */
static unsigned char slot_owner[MAX_SLOTS];
static seL4_CPtr slot_hint;

static struct sk_untyped boot_memory[CONFIG_MAX_NUM_BOOTINFO_UNTYPED_CAPS];
static unsigned boot_memory_count;

static struct sk_arena *arena_now;

static unsigned owner_now(void)
{
	return arena_now ? 1 + arena_now->depth : 1;
}

/* --- slots ------------------------------------------------------------------------------------- */

static seL4_CPtr slots_end(void)
{
	seL4_CPtr end = seL4_GetBootInfo()->empty.end;
	return end < MAX_SLOTS ? end : MAX_SLOTS;
}

/* The first run of `count` free slots at or after `from`, or 0. */
static seL4_CPtr slots_find(seL4_CPtr from, seL4_Word count)
{
	seL4_Word run = 0;

	for (seL4_CPtr slot = from; slot < slots_end(); slot++) {
		run = slot_owner[slot] ? 0 : run + 1;
		if (run == count)
			return slot + 1 - count;
	}
	return 0;
}

seL4_CPtr sk_slots_new(seL4_Word count)
{
	seL4_CPtr first = slots_find(slot_hint ? slot_hint : seL4_GetBootInfo()->empty.start, count);

	if (!first)
		first = slots_find(seL4_GetBootInfo()->empty.start, count);
	if (!first)
		sk_panic("no %lu free slots in the root CNode", count);
	for (seL4_Word i = 0; i < count; i++)
		slot_owner[first + i] = (unsigned char)owner_now();
	slot_hint = first + count;
	return first;
}

seL4_CPtr sk_slot_new(void)
{
	return sk_slots_new(1);
}

void sk_cap_delete(seL4_CPtr cap)
{
	sk_must(seL4_CNode_Delete(seL4_CapInitThreadCNode, cap, SK_DEPTH));
	if (cap < seL4_GetBootInfo()->empty.start || cap >= slots_end())
		return; /* not one of ours to give out again */
	slot_owner[cap] = 0;
	if (cap < slot_hint)
		slot_hint = cap;
}

seL4_CPtr sk_cap_mint(seL4_CPtr cap, seL4_CapRights_t rights, seL4_Word badge)
{
	seL4_CPtr slot = sk_slot_new();
	sk_must(seL4_CNode_Mint(seL4_CapInitThreadCNode, slot, SK_DEPTH, seL4_CapInitThreadCNode, cap,
				SK_DEPTH, rights, badge));
	return slot;
}

seL4_CPtr sk_cap_copy(seL4_CPtr cap)
{
	seL4_CPtr slot = sk_slot_new();
	sk_must(seL4_CNode_Copy(seL4_CapInitThreadCNode, slot, SK_DEPTH, seL4_CapInitThreadCNode, cap,
				SK_DEPTH, seL4_AllRights));
	return slot;
}

/* --- objects ----------------------------------------------------------------------------------- */

seL4_Word sk_object_bits(seL4_Word type, seL4_Word size_bits)
{
	static const unsigned char fixed[seL4_ObjectTypeCount] = {
		[seL4_TCBObject] = seL4_TCBBits,
		[seL4_EndpointObject] = seL4_EndpointBits,
		[seL4_NotificationObject] = seL4_NotificationBits,
		[seL4_RISCV_4K_Page] = seL4_PageBits,
		[seL4_RISCV_Mega_Page] = seL4_LargePageBits,
		[seL4_RISCV_Giga_Page] = seL4_HugePageBits,
		[seL4_RISCV_PageTableObject] = seL4_PageTableBits,
	};

	if (type == seL4_UntypedObject)
		return size_bits;
	if (type == seL4_CapTableObject)
		return size_bits + seL4_SlotBits;
	return fixed[type];
}

static void boot_memory_init(void)
{
	const seL4_BootInfo *info = seL4_GetBootInfo();

	for (seL4_Word i = 0; i < info->untyped.end - info->untyped.start; i++) {
		if (!info->untypedList[i].isDevice)
			boot_memory[boot_memory_count++] = (struct sk_untyped){
				info->untyped.start + i, info->untypedList[i].sizeBits, 0};
	}
}

/* Where `bytes` would begin in it, all objects being aligned to their size; past its end: no room. */
static seL4_Word place(const struct sk_untyped *memory, seL4_Word object_bits)
{
	seL4_Word mask = LIBSEL4_BIT(object_bits) - 1;
	return (memory->used + mask) & ~mask;
}

static bool has_room(const struct sk_untyped *memory, seL4_Word object_bits, seL4_Word count)
{
	return place(memory, object_bits) + (count << object_bits) <= LIBSEL4_BIT(memory->bits);
}

/* The smallest memory with room. */
static struct sk_untyped *memory_choose(seL4_Word object_bits, seL4_Word count)
{
	struct sk_untyped *best = NULL;

	if (arena_now)
		return has_room(&arena_now->memory, object_bits, count) ? &arena_now->memory : NULL;
	if (!boot_memory_count)
		boot_memory_init();
	for (unsigned i = 0; i < boot_memory_count; i++) {
		struct sk_untyped *memory = &boot_memory[i];
		if (has_room(memory, object_bits, count) && (!best || memory->bits < best->bits))
			best = memory;
	}
	return best;
}

seL4_CPtr sk_objects_new(seL4_Word type, seL4_Word size_bits, seL4_Word count)
{
	seL4_Word bits = sk_object_bits(type, size_bits);
	seL4_CPtr first = sk_slots_new(count);
	struct sk_untyped *memory;

	while ((memory = memory_choose(bits, count))) {
		seL4_Error error = seL4_Untyped_Retype(memory->cap, type, size_bits, seL4_CapInitThreadCNode,
						       0, 0, first, count);
		if (error == seL4_NoError) {
			memory->used = place(memory, bits) + (count << bits);
			return first;
		}
		if (error != seL4_NotEnoughMemory)
			sk_panic("cannot make %lu objects of type %lu: %s", count, type,
				 sk_error_name(error));
		memory->used = LIBSEL4_BIT(memory->bits);
	}
	sk_panic("no memory for %lu objects of 2^%lu bytes", count, bits);
}

seL4_CPtr sk_object_new(seL4_Word type, seL4_Word size_bits)
{
	return sk_objects_new(type, size_bits, 1);
}

/* --- arenas ------------------------------------------------------------------------------------ */

void sk_arena_open(struct sk_arena *arena, seL4_Word bits)
{
	if (!arena->memory.cap)
		arena->memory = (struct sk_untyped){sk_untyped_new(bits), bits, 0};
	arena->outer = arena_now;
	arena->depth = arena_now ? arena_now->depth + 1 : 1;
	arena_now = arena;
}

/*
 * Slots first: they may hold capabilities that do not come from this memory. The memory of an inner
 * arena is given up, because the outer one may be closed next.
 */
void sk_arena_close(struct sk_arena *arena)
{
	unsigned owner = owner_now();

	for (seL4_CPtr slot = seL4_GetBootInfo()->empty.start; slot < slots_end(); slot++) {
		if (slot_owner[slot] >= owner)
			sk_cap_delete(slot);
	}
	sk_must(seL4_CNode_Revoke(seL4_CapInitThreadCNode, arena->memory.cap, SK_DEPTH));
	arena->memory.used = 0;
	arena_now = arena->outer;
	if (arena_now) {
		sk_cap_delete(arena->memory.cap);
		arena->memory.cap = 0;
	}
}

struct sk_arena *sk_arena_suspend(void)
{
	struct sk_arena *arena = arena_now;
	arena_now = NULL;
	return arena;
}

void sk_arena_restore(struct sk_arena *arena)
{
	arena_now = arena;
}
