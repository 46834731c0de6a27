/*
 * Regions: from the blocks of a loop to traces, each with one look at the budget. Guest registers are where
 * homes_choose() has put them from the entry to every exit.
 */
#include "vm/jit/x86_64/translate.h"

/* Bytes of put_count()'s subtraction and jump in a block's own code. */
#define COUNT_BYTES 10

static unsigned place_in_region(const struct translation *t, uint64_t pc)
{
	unsigned i = 0;

	while (i < t->region->count && t->region->code[i]->pc != pc)
		i++;
	return i;
}

unsigned trace_of(struct translation *t, uint64_t pc)
{
	unsigned place = t->region ? place_in_region(t, pc) : 0;

	if (!t->region || place == t->region->count || (t->region->call && place != 0))
		return REGION_TRACES;
	for (unsigned i = 0; i < t->heads; i++)
		if (t->head[i] == place)
			return i;
	if (t->heads == REGION_TRACES)
		return REGION_TRACES;
	t->head[t->heads] = place;
	return t->heads++;
}

/* Is it the first of a trace that there will be anyway, other than this one? */
static bool is_other_head(const struct translation *t, unsigned place, unsigned own)
{
	for (unsigned i = 0; i < t->heads; i++)
		if (t->head[i] == place && i != own)
			return true;
	return false;
}

/*
 * Lines up the trace: from its first block on to the likelier successor, as long as it is in the region, and
 * round again if that makes it not too long; only whole turns, if it comes round.
 */
static void line_up(struct translation *t, unsigned trace)
{
	unsigned first = t->head[trace], place = first, whole = 0;
	int32_t whole_insns = 0;

	t->blocks = 0;
	t->insns = 0;
	while (t->blocks < TRACE_BLOCKS) {
		struct code *code = t->region->code[place];
		uint64_t pc = 0;
		enum follow follow = successor(code, &pc);

		if (t->blocks && t->insns + code->block->count > TRACE_INSNS)
			break;
		trace_add(t, code, code->block->slots, follow);
		place = follow == FOLLOW_NONE ? t->region->count : place_in_region(t, pc);
		if (place == t->region->count || is_other_head(t, place, trace))
			break;
		if (place == first) {
			whole = t->blocks;
			whole_insns = t->insns;
		}
	}
	if (whole) {
		t->blocks = whole;
		t->insns = whole_insns;
	}
	t->follow[t->blocks - 1] = FOLLOW_NONE;
}

/* How a call's trace goes on behind a block. */
static enum follow follow_call(const struct region *region, unsigned place)
{
	const struct block *block = region->code[place]->block;

	if (region->slots[place] < block->slots)
		return FOLLOW_TAKEN;
	for (unsigned slot = 0; slot < block->slots; slot++) {
		if (!vm_is_insn(block, &block->ops[slot]))
			continue;
		if (block->ops[slot].id == ID_jal)
			return FOLLOW_CALL;
		if (block->ops[slot].id == ID_jr)
			return FOLLOW_RETURN;
		if (block->ops[slot].id == ID_j)
			return FOLLOW_JUMP;
	}
	return FOLLOW_END;
}

static void line_up_call(struct translation *t)
{
	const struct region *region = t->region;

	t->blocks = 0;
	t->insns = 0;
	for (unsigned i = 0; i < region->count; i++)
		trace_add(t, region->code[i], region->slots[i],
			  i + 1 < region->count ? follow_call(region, i) : FOLLOW_NONE);
}

/* Goes on with a block's own code, which does not come back here at once. */
static void go_plain(struct translation *t, const struct code *code)
{
	struct emit *e = &t->emit;
	uint8_t *spent = put_count(e, code->block->count), *field = emit_jump(e);

	emit_fix(field, fixed(t, code->entry) + COUNT_BYTES);
	vm_keep_moves(t->jit, MOVES_ENTRY, field, MOVES_INTO(number_of(t, code), COUNT_BYTES));
	put_spent(t, code, spent);
}

/* If the unit does not compute for the thread, the first block's own code has to see to it. */
static void need_unit(struct translation *t)
{
	struct emit *e = &t->emit;
	uint8_t *with;

	if (!t->has_unit)
		return;
	emit_compare_byte(e, in_memory(SPACE, IN_SPACE(fp_ready)), 0);
	with = emit_jump_if(e, CC_NE);
	go_plain(t, t->region->code[0]);
	emit_fix(with, e->at);
}

/* One more, in a field of the first block's code. */
static void put_tally(struct translation *t, size_t field)
{
	uint8_t *address = emit_address(&t->emit, RAX, (uintptr_t)t->region->code[0]);

	vm_keep_moves(t->jit, MOVES_CODE, address, 0);
	emit_alu_imm(&t->emit, ALU_ADD, 32, in_memory(RAX, (int32_t)field), 1);
}

void vm_compile_region(struct jit *jit, struct region *region)
{
	struct translation *t = translation_begin(jit, region);
	struct emit *e = &t->emit;
	uint8_t *spent[REGION_TRACES];
	int32_t insns[REGION_TRACES];

	homes_choose(t);
	region->entry = e->at + e->to_run;
	need_unit(t);
	if (has_homes(t))
		put_tally(t, offsetof(struct code, entered));
	homes_enter(t);
	trace_of(t, region->code[0]->pc);
	for (unsigned i = 0; i < t->heads; i++) {
		if (region->call)
			line_up_call(t);
		else
			line_up(t, i);
		insns[i] = t->insns;
		t->label[i] = e->at;
		spent[i] = put_count(e, t->insns);
		put_trace(t);
	}
	put_rest(t);
	for (unsigned i = 0; i < t->heads; i++) {
		emit_fix(spent[i], e->at);
		emit_alu_imm(e, ALU_ADD, 64, in_reg(BUDGET), insns[i]);
		if (has_homes(t))
			put_tally(t, offsetof(struct code, ended));
		homes_leave(t);
		go_plain(t, region->code[t->head[i]]);
	}
	translation_end(t);
}

/* The entry of the first block's code, as it is written. */
static uint8_t *replaced(struct jit *jit, const struct region *region)
{
	return jit->write + (region->code[0]->entry - jit->run);
}

void vm_translator_replace(struct jit *jit, struct region *region)
{
	struct emit e = {.at = replaced(jit, region)};

	memcpy(region->saved, e.at, sizeof(region->saved));
	emit_fix(emit_jump(&e), jit->write + (region->entry - jit->run));
}

void vm_translator_restore(struct jit *jit, struct region *region)
{
	memcpy(replaced(jit, region), region->saved, sizeof(region->saved));
}
