/*
 * Address spaces with their TLBs, and every memory access that the interpreter's inlined look-up
 * does not settle: misses, pages that hold decoded code, accesses across pages, devices.
 *
 * Entries are made for RAM and for the region. Superpages are entered page by page.
 */
#include <stdlib.h>

#include "vm/internal.h"
#include "vm/mmu/pte.h"

static void entry_clear(struct tlb_entry *e, uint64_t place)
{
	e->tag = (place << PAGE_BITS ^ TAG_UNMATCHED) | TAG_EMPTY;
	e->add = 0;
}

/* The tag of a page that accesses must reach the slow way. */
static uint64_t slow_tag(uint64_t page)
{
	return (page ^ TAG_UNMATCHED) | TAG_SLOWLY;
}

void vm_space_clear(struct space *space)
{
	for (unsigned access = 0; access < 3; access++)
		for (unsigned i = 0; i < TLB_SIZE; i++)
			entry_clear(&space->tlb[access][i], i);
	vm_jumps_clear(space);
	vm_jit_kill_space(space);
}

static void space_belongs(struct space *space, struct hart *h)
{
	space->hart = h;
	space->next = space;
	space->region = (uintptr_t)h->vm->config.region;
	space->region_size = h->vm->config.region_size;
}

bool vm_spaces_create(struct hart *h)
{
	h->spaces = calloc(SPACE_COUNT, sizeof(*h->spaces));
	if (!h->spaces)
		return false;
	h->space = &h->spaces[0];
	space_belongs(h->space, h);
	h->space->used = true; /* root 0, asid 0 */
	vm_space_clear(h->space);
	return true;
}

/* Where (root, asid) may lie: WAYS places from here on. */
#define WAYS (SPACE_COUNT < 4 ? SPACE_COUNT : 4)

static unsigned space_home(uint64_t root, uint16_t asid)
{
	return (unsigned)(root >> PAGE_BITS ^ asid) % (SPACE_COUNT / WAYS) * WAYS;
}

/* Gives a place to a space that has none; the space being left keeps its own. */
static struct space *space_replace(struct hart *h, struct space *set)
{
	struct space *space = NULL;

	for (unsigned i = 0; i < WAYS && !space; i++)
		if (!set[i].used)
			space = &set[i];
	if (!space) {
		space = &set[h->victim++ % WAYS];
		if (space == h->space)
			space = &set[h->victim++ % WAYS];
	}
	vm_space_clear(space);
	space->used = true;
	return space;
}

static inline bool is_space(const struct space *space, uint64_t root_paddr, uint16_t asid, bool fp_off)
{
	return space->root == root_paddr && space->asid == asid && space->fp_off == fp_off && space->used;
}

static __attribute__((noinline)) struct space *space_find(struct hart *h, uint64_t root_paddr, uint16_t asid,
							  bool fp_off)
{
	struct space *set = &h->spaces[space_home(root_paddr, asid)], *space;

	for (unsigned i = 0; i < WAYS; i++)
		if (is_space(&set[i], root_paddr, asid, fp_off))
			return &set[i];
	space = space_replace(h, set);
	space_belongs(space, h);
	space->root = root_paddr;
	space->asid = asid;
	space->fp_off = fp_off;
	return space;
}

/* Who is called by one caller over and over is where it was the last time. */
static void space_select(struct hart *h, uint64_t root_paddr, uint16_t asid, bool fp_off)
{
	struct space *left = h->space;

	if (is_space(left, root_paddr, asid, fp_off))
		return;
	if (unlikely(!is_space(left->next, root_paddr, asid, fp_off)))
		left->next = space_find(h, root_paddr, asid, fp_off);
	h->space = left->next;
}

void vm_hart_set_space(struct vm_hart *hart, uint64_t root_paddr, uint16_t asid)
{
	struct hart *h = (struct hart *)hart;

	space_select(h, root_paddr, asid, h->space->fp_off);
}

void vm_hart_set_fpu(struct vm_hart *hart, bool enabled)
{
	struct hart *h = (struct hart *)hart;

	if (h->space->fp_off == enabled)
		space_select(h, h->space->root, h->space->asid, !enabled);
}

static void space_flush_page(struct space *space, uint64_t vaddr)
{
	uint64_t page = vaddr >> PAGE_BITS;
	uint64_t bit = UINT64_C(1) << (page & 63);

	for (unsigned access = 0; access < 3; access++)
		entry_clear(&space->tlb[access][page % TLB_SIZE], page % TLB_SIZE);
	if (space->code_pages & bit)
		vm_jit_part_page(space, vaddr);
	if (space->jump_pages & bit)
		vm_jumps_forget(space, vaddr);
}

void vm_flush_page(struct vm *vm, uint16_t asid, uint64_t vaddr)
{
	for (unsigned n = 0; n < vm->config.harts; n++) {
		for (unsigned i = 0; i < SPACE_COUNT; i++) {
			struct space *space = &vm->harts[n].spaces[i];

			if (space->used && space->asid == asid)
				space_flush_page(space, vaddr);
		}
	}
}

/* Forgets the spaces; those that harts are in stay, empty. */
static void flush_spaces(struct vm *vm, bool all, uint16_t asid)
{
	for (unsigned n = 0; n < vm->config.harts; n++) {
		for (unsigned i = 0; i < SPACE_COUNT; i++) {
			struct space *space = &vm->harts[n].spaces[i];

			if (!space->used || !(all || space->asid == asid))
				continue;
			if (space == vm->harts[n].space)
				vm_space_clear(space);
			else
				space->used = false, vm_jit_kill_space(space);
		}
	}
}

void vm_flush_asid(struct vm *vm, uint16_t asid)
{
	flush_spaces(vm, false, asid);
}

void vm_flush_all(struct vm *vm)
{
	flush_spaces(vm, true, 0);
}

/* The page got its first decoded code: stores to it must come to us from now on. */
void vm_tlb_unstore(struct vm *vm, uint64_t page_paddr)
{
	uintptr_t host = (uintptr_t)vm_host(vm, page_paddr);

	for (unsigned n = 0; n < vm->config.harts; n++) {
		for (unsigned i = 0; i < SPACE_COUNT; i++) {
			struct space *space = &vm->harts[n].spaces[i];

			for (unsigned t = 0; t < TLB_SIZE && space->used; t++) {
				struct tlb_entry *e = &space->tlb[ACCESS_STORE][t];

				if (!(e->tag & ~PAGE_MASK) && (uintptr_t)e->tag + e->add == host)
					e->tag = slow_tag(e->tag);
			}
		}
	}
}

static bool fault(struct hart *h, enum vm_access access, bool page, uint64_t vaddr)
{
	static const uint8_t causes[3][2] = {
		{VM_CAUSE_LOAD_ACCESS, VM_CAUSE_LOAD_PAGE},
		{VM_CAUSE_STORE_ACCESS, VM_CAUSE_STORE_PAGE},
		{VM_CAUSE_FETCH_ACCESS, VM_CAUSE_FETCH_PAGE},
	};

	vm_raise(h, causes[access][page], vaddr);
	return false;
}

/* NULL: no memory is there. */
static uint8_t *host_of(const struct vm *vm, uint64_t paddr)
{
	if (vm_in_ram(vm, paddr))
		return vm_host(vm, paddr);
	return vm_in_region(vm, paddr) ? vm->config.region + (paddr - vm->config.region_base) : NULL;
}

/* The other way round. */
static uint64_t paddr_of(const struct vm *vm, const uint8_t *host)
{
	uintptr_t offset = (uintptr_t)host - (uintptr_t)vm->config.region;

	if (offset < vm->config.region_size)
		return vm->config.region_base + offset;
	return vm->config.ram_base + (uint64_t)(host - vm->config.ram);
}

/* Walks; the rights a user access needs, A, and D for stores, must all be there. */
static bool refill(struct hart *h, uint64_t vaddr, enum vm_access access, struct tlb_entry *e,
		   uint64_t *paddr)
{
	static const uint64_t needed[3] = {
		PTE_U | PTE_A | PTE_R,
		PTE_U | PTE_A | PTE_D | PTE_W,
		PTE_U | PTE_A | PTE_X,
	};
	struct vm *vm = h->vm;
	struct vm_mapping mapping;
	enum vm_walk_result result = vm_walk(vm, h->space->root, vaddr, &mapping);
	const uint8_t *host;

	vm->stats.tlb_misses[access]++;
	if (result != WALK_OK)
		return fault(h, access, result == WALK_PAGE_FAULT, vaddr);
	if ((mapping.pte & needed[access]) != needed[access])
		return fault(h, access, true, vaddr);
	*paddr = mapping.paddr;
	host = host_of(vm, mapping.paddr);
	if (access == ACCESS_FETCH && !vm_in_ram(vm, mapping.paddr))
		return fault(h, access, false, vaddr);
	if (!host)
		return true;
	e->tag = vaddr & PAGE_MASK;
	e->add = (uintptr_t)host - (uintptr_t)vaddr;
	if (unlikely(vm->debug.watches) && vm_watch_page(h, vaddr)) {
		e->tag = slow_tag(e->tag);
	} else if (access == ACCESS_STORE && vm_in_ram(vm, mapping.paddr)) {
		if (vm_page(vm, mapping.paddr)->lines)
			e->tag = slow_tag(e->tag);
		else
			vm_page(vm, mapping.paddr)->stored = 1;
	}
	return true;
}

bool vm_access(struct hart *h, uint64_t vaddr, enum vm_access access, uint8_t **host, uint64_t *paddr)
{
	struct tlb_entry *e = &h->space->tlb[access][(vaddr >> PAGE_BITS) % TLB_SIZE];
	uint64_t page = vaddr & PAGE_MASK;

	if (e->tag == page || e->tag == slow_tag(page)) {
		*host = (uint8_t *)((uintptr_t)vaddr + e->add);
		*paddr = paddr_of(h->vm, *host);
		return true;
	}
	if (!refill(h, vaddr, access, e, paddr))
		return false;
	*host = host_of(h->vm, *paddr);
	return true;
}

/*
 * Both parts of an access that crosses into the next page, the first of *first bytes. Both pages are
 * looked at before anything is read or written. Devices take no such access.
 */
static bool access_pair(struct hart *h, uint64_t vaddr, enum vm_access access, uint8_t *host[2],
			uint64_t paddr[2], unsigned *first)
{
	uint64_t next = (vaddr & PAGE_MASK) + PAGE_SIZE;

	*first = (unsigned)(next - vaddr);
	if (!vm_access(h, vaddr, access, &host[0], &paddr[0]))
		return false;
	if (!host[0])
		return fault(h, access, false, vaddr);
	if (!vm_access(h, next, access, &host[1], &paddr[1]))
		return false;
	if (!host[1])
		return fault(h, access, false, next);
	return true;
}

static bool crosses(uint64_t vaddr, unsigned size)
{
	return (vaddr & ~PAGE_MASK) + size > PAGE_SIZE;
}

/* By one access of the host: others may access the region at the same time. */
static void copy_whole(void *to, const void *from, unsigned size)
{
	switch (size) {
	case 1:
		memcpy(to, from, 1);
		return;
	case 2:
		memcpy(to, from, 2);
		return;
	case 4:
		memcpy(to, from, 4);
		return;
	case 8:
		memcpy(to, from, 8);
		return;
	}
}

/* Reads `size` bytes as a user load would; false: trap raised. `op` is what runs. */
bool vm_load(struct hart *h, const struct op *op, uint64_t vaddr, unsigned size, uint64_t *value)
{
	const struct vm_bus *bus = &h->vm->config.bus;
	uint8_t *host[2];
	uint64_t paddr[2];
	unsigned first;

	*value = 0;
	if (crosses(vaddr, size)) {
		if (!access_pair(h, vaddr, ACCESS_LOAD, host, paddr, &first))
			return false;
		memcpy(value, host[0], first);
		memcpy((uint8_t *)value + first, host[1], size - first);
		vm_watch(h, vaddr, size, ACCESS_LOAD);
		return true;
	}
	if (!vm_access(h, vaddr, ACCESS_LOAD, &host[0], &paddr[0]))
		return false;
	if (host[0]) {
		copy_whole(value, host[0], size);
		vm_watch(h, vaddr, size, ACCESS_LOAD);
		return true;
	}
	h->vm->epoch++;
	vm_fp_leave(h, (uint64_t *)h->regs);
	vm_instret_sync(h, op);
	if ((vaddr & (size - 1)) || !bus->load || !bus->load(bus->context, paddr[0], size, value))
		return fault(h, ACCESS_LOAD, false, vaddr);
	vm_watch(h, vaddr, size, ACCESS_LOAD);
	return true;
}

/* Settles a store to memory: decoded code it touches dies; a page that holds none becomes quick again. */
static void stored(struct hart *h, uint64_t vaddr, uint64_t paddr, unsigned size)
{
	struct tlb_entry *e = &h->space->tlb[ACCESS_STORE][(vaddr >> PAGE_BITS) % TLB_SIZE];
	struct page *page;

	if (!vm_in_ram(h->vm, paddr))
		return;
	page = vm_page(h->vm, paddr);
	if (page->lines)
		vm_code_store(h->vm, paddr, size);
	if (!page->lines && e->tag == slow_tag(vaddr & PAGE_MASK) &&
	    !(h->vm->debug.watches && vm_watch_page(h, vaddr))) {
		e->tag = vaddr & PAGE_MASK;
		page->stored = 1;
	}
}

void vm_stored(struct hart *h, uint64_t vaddr, uint64_t paddr, unsigned size)
{
	stored(h, vaddr, paddr, size);
	vm_watch(h, vaddr, size, ACCESS_STORE);
}

bool vm_store(struct hart *h, const struct op *op, uint64_t vaddr, unsigned size, uint64_t value)
{
	const struct vm_bus *bus = &h->vm->config.bus;
	uint8_t *host[2];
	uint64_t paddr[2];
	unsigned first;

	if (crosses(vaddr, size)) {
		if (!access_pair(h, vaddr, ACCESS_STORE, host, paddr, &first))
			return false;
		memcpy(host[0], &value, first);
		memcpy(host[1], (uint8_t *)&value + first, size - first);
		stored(h, vaddr, paddr[0], first);
		stored(h, vaddr + first, paddr[1], size - first);
		vm_watch(h, vaddr, size, ACCESS_STORE);
		return true;
	}
	if (!vm_access(h, vaddr, ACCESS_STORE, &host[0], &paddr[0]))
		return false;
	if (host[0]) {
		copy_whole(host[0], &value, size);
		vm_stored(h, vaddr, paddr[0], size);
		return true;
	}
	vm_fp_leave(h, (uint64_t *)h->regs);
	vm_instret_sync(h, op);
	if ((vaddr & (size - 1)) || !bus->store || !bus->store(bus->context, paddr[0], size, value))
		return fault(h, ACCESS_STORE, false, vaddr);
	vm_watch(h, vaddr, size, ACCESS_STORE);
	return true;
}
