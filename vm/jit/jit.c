/*
 * The code cache: what code there is, how it is found, linked and taken out of use, and how it is run. See
 * jit.h. Nothing here knows the host's instructions.
 */
#include <stdlib.h>

#include "vm/jit/jit.h"

/* A link takes twice as much here as its jump and its way back take there: either may be full first. */
#define RECORDS_SIZE CODE_SIZE

typedef int native_enter(struct hart *h, const uint8_t *entry);

/* --- life --- */

/* Where the host has no translator or gives no memory for code, all is interpreted. */
bool vm_jit_create(struct vm *vm)
{
	struct jit *jit;
	void *write, *run;

	if (vm->config.tier == VM_TIER_INTERP || !vm_translator_usable())
		return true;
	jit = calloc(1, sizeof(*jit));
	if (!jit)
		return false;
	jit->records = host_memory_reserve(RECORDS_SIZE);
	if (!jit->records || !host_code_reserve(CODE_SIZE, &write, &run)) {
		host_memory_release(jit->records, jit->records ? RECORDS_SIZE : 0);
		free(jit);
		return true;
	}
	jit->write = write;
	jit->run = run;
	jit->size = CODE_SIZE;
	jit->records_size = RECORDS_SIZE;
	vm->jit = jit;
	if (!vm_translator_begin(jit))
		return false;
	jit->fixed = jit->used;
	if (vm->config.code_made)
		vm->config.code_made(vm->config.code_context, 0, VM_CODE_FRAME, jit->run, jit->fixed);
	return true;
}

void vm_jit_destroy(struct vm *vm)
{
	struct jit *jit = vm->jit;

	if (!jit)
		return;
	vm_keep_end(jit);
	vm_translator_end(jit);
	host_code_release(jit->size, jit->write, (void *)(uintptr_t)jit->run);
	host_memory_release(jit->records, jit->records_size);
	free(jit);
}

void *vm_jit_record(struct jit *jit, size_t size)
{
	void *made = jit->records + jit->records_used;

	jit->records_used += (size + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
	memset(made, 0, size);
	return made;
}

struct link_site *vm_jit_link(struct jit *jit, uint64_t pc)
{
	struct link_site *link = vm_jit_record(jit, sizeof(*link));

	link->pc = pc;
	return link;
}

unsigned vm_jit_first(const struct vm *vm, int32_t *heat)
{
	*heat = HEAT;
	if (!vm->jit)
		return 0;
	return vm->config.tier == VM_TIER_JIT ? INTERNAL_NATIVE : INTERNAL_WARM;
}

/* --- out of use --- */

static bool in_one_page(uint64_t a, uint64_t b)
{
	return ((a ^ b) & PAGE_MASK) == 0;
}

static struct jump_entry *jump_entry(struct space *space, uint64_t pc)
{
	return &space->jump[(pc >> 1) % JUMP_SIZE];
}

/* Nobody goes there by a link any more, but maybe those from its own page. */
static void unlink_all(struct jit *jit, struct code *code, bool but_in_page)
{
	struct link_site **place = &code->incoming;

	vm_jit_kill_regions(jit, code);
	while (*place) {
		struct link_site *link = *place;

		if (but_in_page && link->in_page) {
			place = &link->next;
			continue;
		}
		vm_translator_aim(link, link->unlinked);
		link->to = NULL;
		*place = link->next;
	}
}

static void kill(struct jit *jit, struct code *code)
{
	struct jump_entry *entry = jump_entry(code->space, code->pc);

	if (!code->entry)
		return;
	unlink_all(jit, code, false);
	code->entry = NULL;
	if (entry->pc == code->pc && !code->careful)
		entry->native = jit->find;
}

void vm_jit_kill_block(struct vm *vm, struct block *block)
{
	for (struct code *code = block->codes; code; code = code->block_next)
		kill(vm->jit, code);
	block->codes = NULL;
}

/* The list that has the space's code at this address, and that of some other pages. */
static struct code **codes_of(struct space *space, uint64_t pc)
{
	unsigned list = pc >> PAGE_BITS & 63;

	if (!(space->code_pages >> list & 1))
		space->codes[list] = NULL;
	space->code_pages |= UINT64_C(1) << list;
	return &space->codes[list];
}

static uint64_t made_so_far(const struct vm *vm)
{
	return vm->stats.blocks_compiled + vm->stats.code_recalled;
}

/*
 * The space loses code. Where pages with code come and go, making it anew each time costs more than it gives:
 * if few instructions were executed for each block that was compiled in its life, its block is interpreted
 * for longer before it is compiled again.
 */
#define PAYS        3000
#define CHILLED_MAX 5

static void lose(struct code *code)
{
	const struct hart *h = code->space->hart;
	struct block *block = code->block;
	bool paid = h->pub.instret - code->born >= PAYS * (made_so_far(h->vm) - code->made);

	if (!code->entry)
		return;
	kill(h->vm->jit, code);
	if (h->vm->config.tier != VM_TIER_AUTO || block->ops[0].handler.label != vm_handler(INTERNAL_NATIVE))
		return;
	if (paid)
		block->chilled -= block->chilled > 0;
	else
		block->chilled += block->chilled < CHILLED_MAX;
	if (block->chilled == 0)
		return;
	block->ops[0].imm = HEAT << 2 * block->chilled;
	block->ops[0].handler.label = vm_handler(INTERNAL_WARM);
}

void vm_jit_kill_space(struct space *space)
{
	for (; space->code_pages; space->code_pages &= space->code_pages - 1)
		for (struct code *code = space->codes[__builtin_ctzll(space->code_pages)]; code;
		     code = code->space_next)
			lose(code);
}

/* The code stays: it may be found again when the page is mapped as it was. */
void vm_jit_part_page(struct space *space, uint64_t vaddr)
{
	struct code **place = codes_of(space, vaddr);

	while (*place) {
		struct code *code = *place;

		if (code->entry && in_one_page(code->pc, vaddr)) {
			unlink_all(space->hart->vm->jit, code, true);
			code->parted = true;
		}
		if (code->entry)
			place = &code->space_next;
		else
			*place = code->space_next;
	}
}

/*
 * Code that waits for its page is given up when the frame is mapped elsewhere, or the page to another frame:
 * so links that were kept are within one frame.
 */
static void lose_waiting(struct space *space, struct block *block, uint64_t pc)
{
	for (struct code *code = block->codes; code; code = code->block_next)
		if (code->space == space && code->parted && code->pc != pc)
			lose(code);
	for (struct code *code = *codes_of(space, pc); code; code = code->space_next) {
		if (!code->entry || !in_one_page(code->pc, pc))
			continue;
		if (in_one_page(code->block->paddr, block->paddr))
			return;
		lose(code);
	}
}

void vm_jit_flush(struct vm *vm)
{
	if (!vm->jit)
		return;
	for (unsigned i = 0; i < HASH_SIZE; i++)
		for (struct block *block = vm->hash[i]; block; block = block->hash_next)
			block->codes = NULL;
	for (unsigned n = 0; n < vm->config.harts; n++)
		for (unsigned i = 0; i < SPACE_COUNT; i++)
			vm->harts[n].spaces[i].code_pages = 0;
	vm_jumps_clear_all(vm);
	vm->jit->used = vm->jit->fixed;
	vm->jit->records_used = 0;
	vm->stats.code_flushes++;
}

/* --- finding, making, linking --- */

/* The block's code at `pc` in the space; forgets what was killed. */
static struct code *find(struct block *block, const struct space *space, uint64_t pc, bool careful)
{
	struct code **place = &block->codes;

	while (*place) {
		struct code *code = *place;

		if (!code->entry)
			*place = code->block_next;
		else if (code->space == space && code->pc == pc && code->careful == careful)
			break;
		else
			place = &code->block_next;
	}
	if (*place)
		(*place)->parted = false;
	return *place;
}

const uint8_t *vm_jit_entry(const struct hart *h, struct block *block, uint64_t pc)
{
	const struct code *code = h->vm->jit ? find(block, h->space, pc, false) : NULL;

	return code ? code->entry : h->vm->jit ? h->vm->jit->find : NULL;
}

bool vm_jit_room(struct vm *vm, uint64_t bytes, uint64_t records)
{
	const struct jit *jit = vm->jit;

	if (jit->size - jit->used >= bytes && jit->records_size - jit->records_used >= records)
		return true;
	vm_jit_flush(vm);
	return false;
}

void vm_jit_appended(struct vm *vm, const struct code *code, const uint8_t *entry, uint64_t from)
{
	uint64_t bytes = vm->jit->used - from;

	if (vm->config.code_made)
		vm->config.code_made(vm->config.code_context, code->space->root, code->pc, entry, bytes);
	vm->stats.code_bytes += bytes;
}

static struct code *make(struct hart *h, struct block *block, uint64_t pc, bool careful)
{
	struct vm *vm = h->vm;
	struct jit *jit = vm->jit;
	struct space *space = h->space;
	uint64_t before, start = host_clock_ns();
	struct code *code, **place;
	bool recalled;

	vm_jit_room(vm, TRANSLATED_MAX,
		    sizeof(*code) + RECORD_ALIGN + TRACE_LINKS * sizeof(struct link_site));
	before = jit->used;
	code = vm_jit_record(jit, sizeof(*code));
	code->block = block;
	code->space = space;
	code->pc = pc;
	lose_waiting(space, block, pc);
	code->careful = careful;
	code->born = h->slice_end - (uint64_t)h->budget;
	code->made = made_so_far(vm);
	recalled = vm_keep_recall(jit, code);
	if (!recalled) {
		vm_compile(jit, code);
		vm_keep_store(jit, 1, before);
	}
	for (unsigned i = 0; i < code->link_count; i++)
		code->links[i].in_page = in_one_page(code->links[i].pc, pc);
	code->bytes = (uint32_t)(jit->used - before);
	code->block_next = block->codes;
	block->codes = code;
	place = codes_of(space, pc);
	code->space_next = *place;
	*place = code;
	if (jump_entry(space, pc)->pc == pc && !careful)
		jump_entry(space, pc)->native = code->entry;
	vm_jit_appended(vm, code, code->entry, before);
	if (recalled)
		return code;
	vm->stats.blocks_compiled++;
	vm->stats.insns_compiled += (uint64_t)block->count;
	vm->stats.compile_ns += host_clock_ns() - start;
	return code;
}

struct code *vm_jit_make(struct hart *h, uint64_t pc)
{
	struct block *block = vm_block_find(h, pc);
	struct code *old = block ? find(block, h->space, pc, false) : NULL;

	if (old)
		kill(h->vm->jit, old);
	return block ? make(h, block, pc, false) : NULL;
}

static void link(struct jit *jit, struct link_site *link, struct code *code)
{
	link->to = code;
	link->next = code->incoming;
	code->incoming = link;
	vm_translator_aim(link, jit->write + (code->entry - jit->run));
}

/* --- running --- */

/* The budget ended before the block at hart->native_pc, which has code. */
static void sample(struct hart *h)
{
	const struct jump_entry *entry = jump_entry(h->space, h->native_pc);
	struct code *code = entry->pc == h->native_pc ? find(entry->block, h->space, entry->pc, false) : NULL;

	if (code)
		vm_jit_sample(h->vm, code);
}

/* Finds the code at hart->native_pc, or makes it, and links it if we came by a link. NULL: *came says why. */
static const uint8_t *entry_find(struct hart *h, int *came)
{
	struct vm *vm = h->vm;
	uint64_t flushes = vm->stats.code_flushes;
	bool careful = *came == NATIVE_LINK && h->native_link->careful;
	struct block *block = vm_block_find(h, h->native_pc);
	struct code *code;

	if (!block) {
		*came = NATIVE_STOP + VM_STOP_EXCEPTION;
		return NULL;
	}
	code = find(block, h->space, h->native_pc, careful);
	if (!code && block->ops[0].handler.label != vm_handler(INTERNAL_NATIVE))
		return NULL;
	if (!code)
		code = make(h, block, h->native_pc, careful);
	if (*came == NATIVE_LINK && flushes == vm->stats.code_flushes)
		link(vm->jit, h->native_link, code);
	return code->entry;
}

/* The same where the jump cache knows it: after each system call, say. */
static const uint8_t *entry_known(const struct hart *h)
{
	const struct jump_entry *entry = jump_entry(h->space, h->native_pc);

	return entry->pc == h->native_pc && entry->native != h->vm->jit->find ? entry->native : NULL;
}

/*
 * After code that came to a block without, as many blocks are interpreted: to go back and forth between a
 * loop that is compiled and a function that is not would take longer than to interpret both.
 */
#define SHY 30

static int run(struct hart *h)
{
	const struct jit *jit = h->vm->jit;
	int came = NATIVE_DECLINE;

	for (;;) {
		const uint8_t *entry = came == NATIVE_LINK ? NULL : entry_known(h);

		if (h->budget == 0)
			return NATIVE_SPENT;
		if (!entry)
			entry = entry_find(h, &came);
		if (!entry) {
			h->native_shy = SHY;
			return came;
		}
		came = ((native_enter *)(uintptr_t)jit->enter)(h, entry);
		if (came == NATIVE_LINK) {
			h->native_pc = h->native_link->pc;
		} else if (came == NATIVE_SPENT) {
			sample(h);
			return came;
		} else if (came != NATIVE_FIND) {
			return came;
		}
	}
}

int vm_native_run(struct hart *h)
{
	struct vm_stats *stats = &h->vm->stats;
	uint64_t before = h->slice_end - (uint64_t)h->budget, start = vm_now(h->vm);
	int came = run(h);

	stats->native_ns += vm_now(h->vm) - start;
	stats->native_entries++;
	stats->native_insns += h->slice_end - (uint64_t)h->budget - before;
	return came;
}

int vm_native_ecall(struct hart *h)
{
	struct vm_stats *stats = &h->vm->stats;
	uint64_t outside = stats->interpreted_ns;
	int stop = vm_ecall(h, h->native_pc, h->budget);

	stats->native_ns -= outside - stats->interpreted_ns;
	if (stop == VM_STOP_ECALL)
		return NATIVE_STOP + VM_STOP_ECALL;
	h->native_pc = h->regs->pc;
	if (stop != VM_GOES_ON)
		return NATIVE_STOP + stop;
	h->native_entry = entry_known(h);
	return h->native_entry ? NATIVE_NEXT : NATIVE_FIND;
}

/* --- what code has done here --- */

/* The check of an instruction that crosses pages. */
static int straddle(struct hart *h, const struct code *code)
{
	enum vm_straddle found = vm_block_straddle(h, code->block, code->pc);

	if (found == STRADDLE_VALID)
		return NATIVE_NEXT;
	h->native_pc = code->pc;
	h->budget++;
	return found == STRADDLE_FAULT ? NATIVE_STOP + VM_STOP_EXCEPTION : NATIVE_FIND;
}

static int finished(struct hart *h, const struct code *code, const struct op *op)
{
	h->budget += vm_block_rest(code->block, op) - 1;
	h->native_pc = code->pc + vm_block_after(code->block, op);
	if (h->watch_hit)
		return NATIVE_STOP + VM_STOP_WATCH;
	if (!atomic_load_explicit(&h->stop, memory_order_relaxed))
		return NATIVE_FIND;
	atomic_store_explicit(&h->stop, false, memory_order_relaxed);
	return NATIVE_STOP + VM_STOP_REQUEST;
}

int vm_native_op(struct hart *h, const struct code *code, unsigned slot)
{
	const struct op *op = &code->block->ops[slot & ~NATIVE_NEEDS_UNIT];
	uint64_t *x = (uint64_t *)h->regs;
	enum vm_flow flow;

	h->space->block = code->block;
	if (!vm_is_insn(code->block, op))
		return straddle(h, code);
	if (vm_jit_compute(x, op, code->pc))
		return NATIVE_NEXT;
	do
		flow = vm_op_slow(h, x, op, code->pc);
	while (flow == FLOW_SLOW);
	if (flow == FLOW_NEXT && (slot & NATIVE_NEEDS_UNIT) && !h->space->fp_ready)
		flow = FLOW_LEAVE;
	if (flow == FLOW_NEXT)
		return NATIVE_NEXT;
	if (flow == FLOW_LEAVE)
		return finished(h, code, op);
	h->budget += vm_block_rest(code->block, op);
	h->native_pc = code->pc + vm_block_offset(code->block, op);
	return NATIVE_STOP + VM_STOP_EXCEPTION;
}
