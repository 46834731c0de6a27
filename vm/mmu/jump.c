/*
 * The jump cache of an address space: the blocks that jumps between pages led to, by the place of the target.
 * The interpreter and compiled code look it up themselves; what is not in it comes to vm_block_find(), which
 * enters it. Each entry is in the list of its page number mod 64, so that when a page is unmapped only what
 * belongs to it is forgotten, and nothing of others.
 */
#include "vm/internal.h"

#define JUMP_EMPTY UINT64_MAX
#define JUMP_NONE  JUMP_SIZE

void vm_jumps_clear(struct space *space)
{
	memset(space->jump, 0xff, sizeof(space->jump));
	space->jump_pages = 0;
}

/* Takes an entry out of its list; the page's bit goes with the last. */
static void jump_remove(struct space *space, struct jump_entry *entry)
{
	unsigned page = entry->pc >> PAGE_BITS & 63;

	if (entry->next != JUMP_NONE)
		space->jump[entry->next].prev = entry->prev;
	if (entry->prev != JUMP_NONE)
		space->jump[entry->prev].next = entry->next;
	else if (entry->next != JUMP_NONE)
		space->jump_first[page] = entry->next;
	else
		space->jump_pages &= ~(UINT64_C(1) << page);
	entry->pc = JUMP_EMPTY;
}

void vm_jump_enter(struct space *space, uint64_t pc, struct block *block, const uint8_t *native)
{
	uint32_t place = (pc >> 1) % JUMP_SIZE;
	unsigned page = pc >> PAGE_BITS & 63;
	struct jump_entry *entry = &space->jump[place];

	if (entry->pc != JUMP_EMPTY)
		jump_remove(space, entry);
	entry->pc = pc;
	entry->block = block;
	entry->native = native;
	entry->prev = JUMP_NONE;
	entry->next = space->jump_pages >> page & 1 ? space->jump_first[page] : JUMP_NONE;
	if (entry->next != JUMP_NONE)
		space->jump[entry->next].prev = place;
	space->jump_first[page] = place;
	space->jump_pages |= UINT64_C(1) << page;
}

void vm_jumps_forget(struct space *space, uint64_t vaddr)
{
	uint32_t place = space->jump_first[vaddr >> PAGE_BITS & 63];

	while (place != JUMP_NONE) {
		struct jump_entry *entry = &space->jump[place];

		place = entry->next;
		if (((entry->pc ^ vaddr) & PAGE_MASK) == 0)
			jump_remove(space, entry);
	}
}

void vm_jumps_clear_all(struct vm *vm)
{
	for (unsigned n = 0; n < vm->config.harts; n++) {
		for (unsigned i = 0; i < SPACE_COUNT; i++) {
			struct space *space = &vm->harts[n].spaces[i];

			if (space->used && space->jump_pages)
				vm_jumps_clear(space);
		}
	}
}
