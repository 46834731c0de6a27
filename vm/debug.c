/*
 * Breakpoints and watchpoints. Both are kept in short lists that are searched only where one may be: at
 * the start of a block that the decoder began there for that reason, and at accesses to a page whose
 * translation was kept off the quick way. See internal.h, and vm.h for what is promised.
 */
#include "vm/internal.h"

/* --- breakpoints --- */

static unsigned break_find(const struct vm_debug *debug, uint16_t asid, uint64_t vaddr)
{
	unsigned i = 0;

	while (i < debug->breaks && (debug->at[i].vaddr != vaddr || debug->at[i].asid != asid))
		i++;
	return i;
}

bool vm_break_set(struct vm *vm, uint16_t asid, uint64_t vaddr)
{
	struct vm_debug *debug = &vm->debug;

	if (break_find(debug, asid, vaddr) < debug->breaks)
		return true;
	if (debug->breaks == BREAKS_MAX)
		return false;
	debug->at[debug->breaks].vaddr = vaddr;
	debug->at[debug->breaks++].asid = asid;
	if (!vm_break_offset(vm, vaddr)) {
		debug->offsets[(vaddr & ~PAGE_MASK) / 128] |= UINT64_C(1) << (vaddr / 2 % 64);
		vm_blocks_flush(vm);
	}
	return true;
}

void vm_break_clear(struct vm *vm, uint16_t asid, uint64_t vaddr)
{
	struct vm_debug *debug = &vm->debug;
	unsigned i = break_find(debug, asid, vaddr);

	if (i < debug->breaks)
		debug->at[i] = debug->at[--debug->breaks];
}

bool vm_break_at(const struct hart *h, uint64_t pc)
{
	const struct vm_debug *debug = &h->vm->debug;

	return break_find(debug, h->space->asid, pc) < debug->breaks;
}

bool vm_break_hit(struct hart *h, uint64_t pc)
{
	bool skip = h->break_skip;

	h->break_skip = false;
	return !skip && vm_break_at(h, pc);
}

/* --- watchpoints --- */

static bool waits_for(enum vm_watch kind, enum vm_access access)
{
	return access == ACCESS_STORE ? kind & VM_WATCH_STORE : access == ACCESS_LOAD && kind & VM_WATCH_LOAD;
}

/* The first watchpoint for this access to [vaddr, vaddr + size), or debug->watches. */
static unsigned watch_find(const struct hart *h, uint64_t vaddr, uint64_t size, enum vm_access access)
{
	const struct vm_debug *debug = &h->vm->debug;
	unsigned i = 0;

	while (i < debug->watches &&
	       (debug->watch[i].asid != h->space->asid || !waits_for(debug->watch[i].kind, access) ||
		(vaddr - debug->watch[i].vaddr >= debug->watch[i].size &&
		 debug->watch[i].vaddr - vaddr >= size)))
		i++;
	return i;
}

bool vm_watch_page(const struct hart *h, uint64_t vaddr)
{
	return watch_find(h, vaddr & PAGE_MASK, PAGE_SIZE, ACCESS_LOAD) < h->vm->debug.watches ||
	       watch_find(h, vaddr & PAGE_MASK, PAGE_SIZE, ACCESS_STORE) < h->vm->debug.watches;
}

void vm_watch_note(struct hart *h, uint64_t vaddr, unsigned size, enum vm_access access)
{
	const struct vm_debug *debug = &h->vm->debug;
	unsigned i = watch_find(h, vaddr, size, access);

	if (i == debug->watches || h->watch_hit)
		return;
	h->pub.watched.kind = debug->watch[i].kind;
	h->pub.watched.vaddr = debug->watch[i].vaddr - vaddr < size ? debug->watch[i].vaddr : vaddr;
	h->watch_hit = true;
}

bool vm_watch_set(struct vm *vm, uint16_t asid, uint64_t vaddr, uint64_t size, enum vm_watch kind)
{
	struct vm_debug *debug = &vm->debug;

	if (debug->watches == WATCHES_MAX || size == 0)
		return false;
	debug->watch[debug->watches].vaddr = vaddr;
	debug->watch[debug->watches].size = size;
	debug->watch[debug->watches].asid = asid;
	debug->watch[debug->watches++].kind = kind;
	vm_flush_all(vm);
	return true;
}

void vm_watch_clear(struct vm *vm, uint16_t asid, uint64_t vaddr, uint64_t size, enum vm_watch kind)
{
	struct vm_debug *debug = &vm->debug;

	for (unsigned i = 0; i < debug->watches; i++) {
		if (debug->watch[i].vaddr != vaddr || debug->watch[i].size != size ||
		    debug->watch[i].asid != asid || debug->watch[i].kind != kind)
			continue;
		debug->watch[i] = debug->watch[--debug->watches];
		vm_flush_all(vm);
		return;
	}
}

void vm_debug_clear(struct vm *vm)
{
	memset(&vm->debug, 0, sizeof vm->debug);
	vm_blocks_flush(vm);
	vm_flush_all(vm);
}
