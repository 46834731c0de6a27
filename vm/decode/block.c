/*
 * Making, finding and killing decoded blocks: see internal.h for what they are and how they stay
 * coherent with memory. The interpreter comes here when a jump's target is in no cache.
 */
#include <stdlib.h>

#include "vm/internal.h"

enum insn_class {
	CLASS_ALU,
	CLASS_LOAD,
	CLASS_STORE,
	CLASS_BRANCH,
	CLASS_JUMP,
	CLASS_AMO,
	CLASS_FP,
	CLASS_SYS
};

static const uint8_t classes[] = {
#define INSN(name, class, operands, match, mask) CLASS_##class,
#include "vm/insn.def"
};

static struct block **bucket(struct vm *vm, uint64_t paddr)
{
	return &vm->hash[(paddr >> 1 ^ paddr >> 13) % HASH_SIZE];
}

/* --- killing --- */

static bool overlaps(const struct block *block, uint64_t paddr, uint64_t size)
{
	return block->paddr < paddr + size && paddr < block->paddr + block->bytes;
}

/* Takes every block of the page out of use. They are not reused: pointers to them may be anywhere. */
static void kill_page(struct vm *vm, struct page *page)
{
	for (struct block *block = page->blocks; block; block = block->page_next) {
		struct block **place = bucket(vm, block->paddr);

		while (*place != block)
			place = &(*place)->hash_next;
		*place = block->hash_next;
		block->count = 0;
		block->ops[0].handler.label = vm_handler(INTERNAL_DEAD);
		vm_jit_kill_block(vm, block);
		vm->stats.blocks_invalidated++;
	}
	page->blocks = NULL;
	page->lines = 0;
	vm->epoch++;
}

/* Bits of the lines that [offset, offset + size) of a page touches; size is not 0. */
static uint64_t line_mask(uint64_t offset, uint64_t size)
{
	uint64_t first = offset >> LINE_BITS, last = (offset + size - 1) >> LINE_BITS;

	return (~UINT64_C(0) << first) & (~UINT64_C(0) >> (63 - last));
}

static void code_store_page(struct vm *vm, uint64_t paddr, uint64_t size)
{
	struct page *page = vm_page(vm, paddr);
	bool hit = false;

	if (!(page->lines & line_mask(paddr & ~PAGE_MASK, size)))
		return;
	for (struct block *block = page->blocks; block && !hit; block = block->page_next)
		hit = overlaps(block, paddr, size);
	for (unsigned n = 0; n < vm->config.harts && !hit; n++)
		hit = overlaps(&vm->harts[n].scratch.block, paddr, size);
	if (hit)
		kill_page(vm, page);
}

/* RAM changed: blocks decoded from it die. The line bitmap makes this cheap where there are none. */
void vm_code_store(struct vm *vm, uint64_t paddr, uint64_t size)
{
	while (size) {
		uint64_t room = PAGE_SIZE - (paddr & ~PAGE_MASK);
		uint64_t part = size < room ? size : room;

		if (vm_page(vm, paddr)->lines)
			code_store_page(vm, paddr, part);
		paddr += part;
		size -= part;
	}
}

void vm_written(struct vm *vm, uint64_t paddr, uint64_t size)
{
	uint64_t end = vm->config.ram_base + vm->config.ram_size;

	if (!vm_in_ram(vm, paddr))
		return;
	vm_code_store(vm, paddr, size < end - paddr ? size : end - paddr);
}

/* Drops all blocks at once, and whatever points to them. */
void vm_blocks_flush(struct vm *vm)
{
	for (unsigned i = 0; i < HASH_SIZE; i++) {
		for (struct block *block = vm->hash[i]; block; block = block->hash_next) {
			vm_page(vm, block->paddr)->blocks = NULL;
			vm_page(vm, block->paddr)->lines = 0;
		}
		vm->hash[i] = NULL;
	}
	vm->arena_used = 0;
	vm->epoch++;
	vm->flushes++;
	vm_jit_flush(vm);
	vm_jumps_clear_all(vm);
}

/* --- making --- */

/* The quicker form of a common special case, where insn.def has one. */
static void simplify(struct insn *insn)
{
	switch (insn->id) {
	case ID_lui:
		insn->id = ID_li;
		break;
	case ID_addi:
		if (insn->rs1 == 0)
			insn->id = ID_li;
		else if (insn->imm == 0)
			insn->id = ID_mv;
		break;
	case ID_add:
		if (insn->rs1 == 0) {
			insn->rs1 = insn->rs2;
			insn->id = ID_mv;
		}
		break;
	case ID_beq:
	case ID_bne:
		if (insn->rs2 == 0)
			insn->id = insn->id == ID_beq ? ID_beqz : ID_bnez;
		break;
	case ID_jal:
		if (insn->rd == 0 || insn->rd == REG_SINK)
			insn->id = ID_j;
		break;
	case ID_jalr:
		if ((insn->rd == 0 || insn->rd == REG_SINK) && insn->imm == 0)
			insn->id = ID_jr;
		break;
	case ID_fcvt_w_s:
	case ID_fcvt_l_s:
	case ID_fcvt_w_d:
	case ID_fcvt_l_d:
		if (insn->imm >> 8 == 1)
			insn->id = insn->id == ID_fcvt_w_s   ? ID_fcvt_w_s_rtz
				   : insn->id == ID_fcvt_l_s ? ID_fcvt_l_s_rtz
				   : insn->id == ID_fcvt_w_d ? ID_fcvt_w_d_rtz
							     : ID_fcvt_l_d_rtz;
		break;
	}
}

/* Is this done by vm_op_slow() alone? */
static bool only_slow(const struct insn *insn)
{
	unsigned rm = (unsigned)insn->imm >> 8 & 7;

	switch (classes[insn->id]) {
	case CLASS_AMO:
		return true;
	case CLASS_SYS:
		return insn->id != ID_ecall;
	case CLASS_FP:
		return rm != 0 && rm != 7 && insn->id < ID_li;
	default:
		return false;
	}
}

static void end_put(struct block *block, int32_t imm)
{
	struct op *op = &block->ops[block->slots];

	*op = (struct op){.imm = imm};
	op->handler.label = vm_handler(INTERNAL_END);
	block->slots++;
}

static void first_put(struct block *block, unsigned handler, int32_t heat)
{
	block->ops[block->slots] = (struct op){.imm = heat};
	block->ops[block->slots++].handler.label = vm_handler(handler);
}

static void link_put(struct block *block, int32_t target)
{
	uint64_t place = (block->paddr & ~PAGE_MASK) + (uint64_t)(int64_t)target;

	block->ops[block->slots++].link = (struct link){.in_page = place < PAGE_SIZE};
}

/* What an instruction does to the block that is being made. */
enum goes { GOES_ON, GOES_BACK, GOES_AWAY };

/* Appends one instruction that lies `at` bytes from the block's start. */
static enum goes insn_put(struct block *block, struct insn *insn, int32_t at)
{
	struct op *op = &block->ops[block->slots];

	simplify(insn);
	*op = (struct op){
		.rd = insn->rd, .rs1 = insn->rs1, .rs2 = insn->rs2, .id = insn->id, .imm = insn->imm};
	op->handler.label = vm_handler(only_slow(insn) ? (unsigned)INTERNAL_SLOW : insn->id);
	block->starts |= UINT64_C(1) << block->slots;
	if (insn->length == 4)
		block->wide |= UINT64_C(1) << block->slots;
	block->slots++;
	block->count++;
	if (classes[insn->id] == CLASS_BRANCH) {
		op->imm += at;
		link_put(block, op->imm);
		return insn->imm < 0 ? GOES_BACK : GOES_ON;
	}
	switch (insn->id) {
	case ID_auipc:
		op->imm += at;
		return GOES_ON;
	case ID_jal:
	case ID_j:
		op->imm += at;
		op->rs1 = (uint8_t)(at + insn->length);
		link_put(block, op->imm);
		return GOES_AWAY;
	case ID_jalr:
	case ID_jr:
		op->rs2 = (uint8_t)(at + insn->length);
		return GOES_AWAY;
	case ID_ecall:
		op->imm = at;
		return GOES_AWAY;
	case ID_ebreak:
	case ID_illegal:
		return GOES_AWAY;
	}
	return GOES_ON;
}

/* --- pairs --- */

enum pair_form { FORM_N, FORM_S, FORM_T, FORM_M };

static const struct {
	uint8_t first, second, form;
	uint16_t handler;
} pairs[] = {
#define PAIR(form, first, second) {ID_##first, ID_##second, FORM_##form, PAIR_##form##_##first##_##second},
#include "vm/pair.def"
	{0, 0, 0, 0},
};

#define PAIR_COUNT (sizeof(pairs) / sizeof(pairs[0]) - 1)

/* Chains the pairs of each first instruction. */
static bool pairs_init(struct vm *vm)
{
	vm->pair_next = calloc(PAIR_COUNT + 1, sizeof(*vm->pair_next));
	for (unsigned i = 0; i < PAIR_COUNT && vm->pair_next; i++) {
		vm->pair_next[i] = vm->pair_first[pairs[i].first];
		vm->pair_first[pairs[i].first] = (uint16_t)(i + 1);
	}
	return vm->pair_next;
}

/* The handler of a pair in a form, or 0. */
static unsigned pair_find(const struct vm *vm, const struct op *op, enum pair_form form)
{
	for (unsigned i = vm->pair_first[op[0].id]; i; i = vm->pair_next[i - 1])
		if (pairs[i - 1].second == op[1].id && pairs[i - 1].form == form)
			return pairs[i - 1].handler;
	return 0;
}

/* The handler of op and its successor together, or 0. */
static unsigned pair_handler(const struct vm *vm, const struct op *op)
{
	unsigned handler = 0;

	if (op[0].handler.label == vm_handler(INTERNAL_SLOW) ||
	    op[1].handler.label == vm_handler(INTERNAL_SLOW))
		return 0;
	if (op[1].rs1 == op[0].rd)
		handler = pair_find(vm, op, FORM_S);
	else if (op[1].rs2 == op[0].rd)
		handler = pair_find(vm, op, FORM_T);
	else if (op[1].rs1 == op[0].rs1)
		handler = pair_find(vm, op, FORM_M);
	return handler ? handler : pair_find(vm, op, FORM_N);
}

/* Gives pairs one handler, so that the fewest dispatches are left from each operation to the end. */
static void fuse(const struct vm *vm, struct block *block)
{
	uint8_t left[BLOCK_SLOTS + 5] = {0};

	for (int i = block->slots - 1; i >= 0; i--) {
		unsigned handler;

		left[i] = left[i + 1] + (block->starts >> i & 1);
		if ((block->starts >> i & 3) != 3 || left[i + 2] >= left[i + 1])
			continue;
		handler = pair_handler(vm, &block->ops[i]);
		if (handler) {
			block->ops[i].handler.label = vm_handler(handler);
			left[i] = left[i + 2] + 1;
		}
	}
}

/* Fuses what can be; branches learn how many instructions they skip. */
static void finish(const struct vm *vm, struct block *block)
{
	fuse(vm, block);
	for (unsigned i = 0; i < block->slots; i++) {
		struct op *op = &block->ops[i];

		if (block->starts >> i & 1 && classes[op->id] == CLASS_BRANCH)
			op->rd = (uint8_t)(vm_block_rest(block, op) - 1);
	}
}

/* Decoded code must be noticed by stores from now on. */
static void mark(struct vm *vm, const struct block *block)
{
	struct page *page = vm_page(vm, block->paddr);

	page->lines |= line_mask(block->paddr & ~PAGE_MASK, block->bytes);
	if (page->stored) {
		vm_tlb_unstore(vm, block->paddr & PAGE_MASK);
		page->stored = 0;
	}
}

/* The check goes before the one for a breakpoint: where there is no block yet, the fault comes first, too. */
static void straddle_put(struct block *block)
{
	struct op *last = &block->ops[block->slots++], *first = block->ops;

	if (first->handler.label == vm_handler(INTERNAL_BREAK)) {
		*last = *first;
		last = first;
	}
	last->handler.label = vm_handler(INTERNAL_STRADDLE);
}

/*
 * The block of the one instruction whose second half lies in the next page: a check that this half
 * is still what it was, then the instruction. False: that page cannot be fetched.
 */
static bool build_straddle(struct hart *h, struct block *block, uint64_t pc, uint16_t low)
{
	uint8_t *host;
	uint64_t paddr;
	uint16_t high;
	struct insn insn;

	if (!vm_access(h, pc + 2, ACCESS_FETCH, &host, &paddr))
		return false;
	memcpy(&high, host, sizeof(high));
	block->straddle_word = (uint32_t)high << 16 | low;
	block->bytes = 2;
	vm_decode(h->vm, block->straddle_word, &insn);
	if (block->fp_off && vm_insn_is_fp(&insn))
		vm_insn_make_illegal(&insn, block->straddle_word);
	straddle_put(block);
	if (insn_put(block, &insn, 0) != GOES_AWAY) {
		end_put(block, 4);
		link_put(block, 4);
	}
	return true;
}

/*
 * Decodes at most `limit` instructions at pc, which lies at `paddr`. A branch forwards stays inside
 * the block; after a branch backwards, likely a loop's, it ends. It also ends before a place where a
 * breakpoint may be, and asks for one if it begins at such a place; else with what `first` says, if anything.
 */
static bool build(struct hart *h, struct block *block, uint64_t pc, uint64_t paddr, uint64_t limit,
		  unsigned first, int32_t heat)
{
	const uint8_t *host = vm_host(h->vm, paddr);
	int32_t room = (int32_t)(PAGE_SIZE - (paddr & ~PAGE_MASK)), at = 0;
	enum goes goes = GOES_ON;

	memset(block, 0, sizeof(*block));
	block->paddr = paddr;
	block->fp_off = h->space->fp_off;
	if (vm_break_offset(h->vm, paddr))
		block->ops[block->slots++].handler.label = vm_handler(INTERNAL_BREAK);
	else if (first)
		first_put(block, first, heat);
	while (goes == GOES_ON && at < room && (uint64_t)block->count < limit &&
	       block->slots <= BLOCK_SLOTS - 2 && !(at > 0 && vm_break_offset(h->vm, paddr + (uint64_t)at))) {
		uint16_t low, high = 0;
		struct insn insn;

		memcpy(&low, host + at, sizeof(low));
		if ((low & 3) == 3) {
			if (at + 2 == room) {
				if (at == 0)
					return build_straddle(h, block, pc, low);
				break;
			}
			memcpy(&high, host + at + 2, sizeof(high));
		}
		vm_decode(h->vm, (uint32_t)high << 16 | low, &insn);
		if (block->fp_off && vm_insn_is_fp(&insn))
			vm_insn_make_illegal(&insn, (uint32_t)high << 16 | low);
		goes = insn_put(block, &insn, at);
		at += insn.length;
	}
	block->bytes = (uint16_t)at;
	if (goes != GOES_AWAY) {
		end_put(block, at);
		link_put(block, at);
	}
	return true;
}

/* Is the second half of a straddling instruction still what was decoded? If not, the block is dead. */
enum vm_straddle vm_block_straddle(struct hart *h, const struct block *block, uint64_t pc)
{
	uint8_t *host;
	uint64_t paddr;
	uint16_t high;

	if (!vm_access(h, pc + 2, ACCESS_FETCH, &host, &paddr))
		return STRADDLE_FAULT;
	memcpy(&high, host, sizeof(high));
	if (high == block->straddle_word >> 16)
		return STRADDLE_VALID;
	kill_page(h->vm, vm_page(h->vm, block->paddr));
	return STRADDLE_CHANGED;
}

/* --- finding --- */

/* Copies a finished block into the arena and enters it. */
static struct block *keep(struct vm *vm, const struct block *made)
{
	size_t size = sizeof(*made) + made->slots * sizeof(struct op);
	struct block *block, **place;
	struct page *page = vm_page(vm, made->paddr);

	size = (size + 15) & ~(size_t)15;
	if (vm->arena_used + size > ARENA_SIZE)
		vm_blocks_flush(vm);
	block = (struct block *)(vm->arena + vm->arena_used);
	vm->arena_used += size;
	memcpy(block, made, sizeof(*made) + made->slots * sizeof(struct op));
	place = bucket(vm, block->paddr);
	block->hash_next = *place;
	*place = block;
	block->page_next = page->blocks;
	page->blocks = block;
	mark(vm, block);
	vm->stats.blocks_decoded++;
	return block;
}

/* The block at pc, decoded if need be; enters it in the jump cache. NULL: fetch fault raised. */
struct block *vm_block_find(struct hart *h, uint64_t pc)
{
	struct vm *vm = h->vm;
	struct block *block;
	uint8_t *host;
	uint64_t paddr;

	if (!vm_access(h, pc, ACCESS_FETCH, &host, &paddr))
		return NULL;
	block = *bucket(vm, paddr);
	while (block && (block->paddr != paddr || block->fp_off != h->space->fp_off))
		block = block->hash_next;
	if (!block) {
		int32_t heat = 0;
		unsigned first = vm_jit_first(vm, &heat);

		if (!build(h, &h->scratch.block, pc, paddr, BLOCK_INSNS, first, heat))
			return NULL;
		finish(vm, &h->scratch.block);
		block = keep(vm, &h->scratch.block);
	}
	vm_jump_enter(h->space, pc, block, vm_jit_entry(h, block, pc));
	return block;
}

/* A block of at most `count` instructions, for the end of a budget; valid until the next one. */
struct block *vm_block_measured(struct hart *h, uint64_t pc, uint64_t count)
{
	struct block *block = &h->scratch.block;
	uint8_t *host;
	uint64_t paddr;

	if (!vm_access(h, pc, ACCESS_FETCH, &host, &paddr) ||
	    !build(h, block, pc, paddr, count < BLOCK_INSNS ? count : BLOCK_INSNS, 0, 0))
		return NULL;
	finish(h->vm, block);
	mark(h->vm, block);
	return block;
}

/* --- the cache --- */

bool vm_blocks_create(struct vm *vm)
{
	vm->pages = calloc((size_t)(vm->config.ram_size >> PAGE_BITS), sizeof(*vm->pages));
	vm->hash = calloc(HASH_SIZE, sizeof(struct block *));
	vm->arena = malloc(ARENA_SIZE);
	return pairs_init(vm) && vm->pages && vm->hash && vm->arena;
}

void vm_blocks_destroy(struct vm *vm)
{
	free(vm->pair_next);
	free(vm->pages);
	free(vm->hash);
	free(vm->arena);
}
