/*
 * From blocks to x86-64: control flow, and what surrounds instructions. What code there is for one
 * block or for a region, in this order: the entry, the blocks, the detours, the ways out.
 */
#include <stdlib.h>

#include "vm/jit/x86_64/translate.h"

/* --- leaving the straight way --- */

static void detour(struct translation *t, uint8_t *field)
{
	struct detour *detour = &t->detour[t->detours++];

	detour->field = field;
	detour->code = t->code;
	detour->slot = (uint8_t)(t->op - t->code->block->ops);
	detour->halves = halves(t);
	detour->after = t->after;
}

void slow_if(struct translation *t, enum condition condition)
{
	rcx_free(t);
	detour(t, emit_jump_if(&t->emit, condition));
}

void slow(struct translation *t)
{
	rcx_free(t);
	detour(t, emit_jump(&t->emit));
}

/* Has C do it in any case. */
static void slow_whole(struct translation *t)
{
	slow(t);
	note(t, t->op->rd, KNOWN_WHOLE);
}

static uint64_t target_of(const struct translation *t, int32_t offset)
{
	return t->code->pc + (uint64_t)(int64_t)offset;
}

/* If the host has still to make a call, the way is that call, and the next one goes on behind it. */
static struct way_out *leads_out(struct translation *t, uint8_t *field, uint64_t pc)
{
	struct way_out *way = &t->way_out[t->ways_out++];

	*way = (struct way_out){.site = vm_jit_link(t->jit, pc), .field = field, .frame = t->frame};
	if (t->frame)
		t->way_out[t->ways_out++] =
			(struct way_out){.site = vm_jit_link(t->jit, t->frame), .plain = true};
	return way;
}

/*
 * The distance at `field` leads to the block that lies `offset` bytes from this one's start, with so much of
 * the budget given back.
 */
static void leads(struct translation *t, uint8_t *field, int32_t offset, int32_t back)
{
	uint64_t pc = target_of(t, offset);
	unsigned target = t->frame ? REGION_TRACES : trace_of(t, pc);
	struct way_out *way;

	if (target < REGION_TRACES) {
		t->way_in[t->ways_in++] =
			(struct way_in){.target = target, .field = field, .back = back, .halves = halves(t)};
		return;
	}
	way = leads_out(t, field, pc);
	way->back = back;
	way->halves = halves(t);
}

void careful_if(struct translation *t, enum condition condition)
{
	const struct block *block = t->code->block;
	struct way_out *way =
		leads_out(t, emit_jump_if(&t->emit, condition), t->code->pc + vm_block_offset(block, t->op));

	way->site->careful = true;
	way->halves = halves(t);
	way->back = (int32_t)vm_block_rest(block, t->op) + t->after;
}

/* What follows belongs to the guest's instruction t->op; without one, to none. */
static void show(const struct translation *t)
{
	const struct code *code = t->code;
	uint64_t pc = VM_CODE_FRAME;

	if (likely(!t->jit->shown))
		return;
	if (t->op && vm_is_insn(code->block, t->op))
		pc = code->pc + vm_block_offset(code->block, t->op);
	vm_jit_show(t->jit, pc, t->emit.at);
}

bool has_homes(const struct translation *t)
{
	return t->region && !t->region->call;
}

unsigned number_of(const struct translation *t, const struct code *code)
{
	unsigned i = 0;

	while (t->region && i < t->region->count && t->region->code[i] != code)
		i++;
	return i;
}

static void put_detours(struct translation *t)
{
	struct emit *e = &t->emit;
	const uint8_t *slow_here = NULL;

	if (t->detours == 0)
		return;
	if (has_homes(t))
		slow_here = put_slow(t->jit, e, t->home, fixed(t, t->jit->leave));
	for (unsigned i = 0; i < t->detours; i++) {
		struct detour *detour = &t->detour[i];
		uint8_t *field;

		t->op = &detour->code->block->ops[detour->slot];
		show(t);
		emit_fix(detour->field, e->at);
		put_halves(t, detour->halves);
		emit_constant(e, RAX, detour->slot | (t->has_unit ? NATIVE_NEEDS_UNIT : 0));
		field = emit_address(e, RDX, (uintptr_t)detour->code);
		vm_keep_moves(t->jit, MOVES_CODE, field, number_of(t, detour->code));
		if (detour->after)
			emit_alu_imm(e, ALU_ADD, 64, in_reg(BUDGET), detour->after);
		field = emit_call(e);
		if (slow_here)
			emit_fix(field, slow_here);
		else
			leads_fixed(t, field, t->jit->slow);
		if (detour->after)
			emit_alu_imm(e, ALU_SUB, 64, in_reg(BUDGET), detour->after);
		emit_fix(emit_jump(e), detour->back);
	}
}

/* Before a call: the guest's return address, on a stack that has room. */
static void call_begin(struct translation *t, uint64_t back)
{
	struct emit *e = &t->emit;
	uint8_t *room;

	emit_alu(e, ALU_CMP, 64, RSP, in_memory(SPACE, IN_SPACE(native_sp_limit)));
	room = emit_jump_if(e, CC_AE);
	emit_load(e, 64, RSP, in_memory(SPACE, IN_SPACE(native_sp)));
	emit_fix(room, e->at);
	emit_push_imm(e, (int32_t)back);
}

/* From the trace to the link's jump. */
static void put_way_out(struct translation *t, struct way_out *way)
{
	struct emit *e = &t->emit;

	if (way->plain || !(has_homes(t) || way->back || way->halves || way->frame))
		return;
	emit_fix(way->field, e->at);
	put_halves(t, way->halves);
	if (way->back)
		emit_alu_imm(e, ALU_ADD, 64, in_reg(BUDGET), way->back);
	if (t->region)
		homes_leave(t);
	if (way->frame) {
		call_begin(t, way->frame);
		way->field = emit_call(e);
		emit_lea(e, RSP, in_memory(RSP, 8));
		way[1].field = emit_jump(e);
	} else {
		way->field = emit_jump(e);
	}
}

static void put_ways_out(struct translation *t)
{
	struct emit *e = &t->emit;

	t->op = NULL;
	show(t);
	vm_keep_links(t->jit, t->ways_out ? t->way_out[0].site : NULL, t->ways_out);
	for (unsigned i = 0; i < t->ways_out; i++) {
		struct link_site *site = t->way_out[i].site;

		put_way_out(t, &t->way_out[i]);
		site->field = t->way_out[i].field;
		site->outside = t->way_out[i].plain;
		site->unlinked = e->at;
		emit_fix(site->field, e->at);
		vm_keep_moves(t->jit, MOVES_LINK, emit_address(e, RDX, (uintptr_t)site), i);
		leads_fixed(t, emit_jump(e), t->jit->linking);
	}
}

void vm_translator_aim(struct link_site *link, const uint8_t *target)
{
	emit_fix(link->field, target);
}

/* --- control flow --- */

static enum condition inverse(enum condition condition)
{
	return condition ^ 1;
}

/* Sets the flags of a comparison of two guest registers. */
static void compare(struct translation *t, unsigned a, unsigned b)
{
	struct emit *e = &t->emit;
	unsigned bits = is_narrow(t, a) && is_narrow(t, b) ? 32 : 64;
	struct place at_a = bits == 32 ? low_of(t, a) : place_of(t, a);
	struct place at_b = bits == 32 ? low_of(t, b) : place_of(t, b);
	int32_t value;

	if (b == 0 && is_reg(at_a))
		emit_test(e, bits, at_a.reg, at_a.reg);
	else if (a == 0 && b == 0)
		emit_alu(e, ALU_CMP, 32, RAX, in_reg(RAX));
	else if (a != 0 && !is_reg(at_b) && is_immediate(t, b, &value))
		emit_alu_imm(e, ALU_CMP, bits, at_a, value);
	else if (is_reg(at_b) && a != 0)
		emit_alu_to(e, ALU_CMP, bits, at_a, at_b.reg);
	else if (is_reg(at_a))
		emit_alu(e, ALU_CMP, bits, at_a.reg, at_b);
	else
		emit_alu(e, ALU_CMP, bits, value_in(t, a, RAX), at_b);
}

static bool branch_condition(unsigned id, enum condition *condition)
{
	switch (id) {
	case ID_beq:
	case ID_beqz:
		*condition = CC_E;
		return true;
	case ID_bne:
	case ID_bnez:
		*condition = CC_NE;
		return true;
	case ID_blt:
		*condition = CC_L;
		return true;
	case ID_bge:
		*condition = CC_GE;
		return true;
	case ID_bltu:
		*condition = CC_B;
		return true;
	case ID_bgeu:
		*condition = CC_AE;
		return true;
	}
	return false;
}

/* A branch: what is left of the trace is given back if it leaves it. */
static bool translate_branch(struct translation *t)
{
	const struct op *op = t->op;
	enum follow follow = t->follow[t->block];
	bool taken = follow == FOLLOW_TAKEN && op - t->code->block->ops + 1 == t->slots[t->block];
	bool followed = taken || (follow == FOLLOW_BRANCH && op->rd == 0);
	int32_t back = op->rd + t->after;
	enum condition condition;

	if (!branch_condition(op->id, &condition))
		return false;
	if (back == 0)
		make_whole(t);
	compare(t, op->rs1, op->id == ID_beqz || op->id == ID_bnez ? 0 : op->rs2);
	leads(t, emit_jump_if(&t->emit, followed ? inverse(condition) : condition),
	      followed ? (int32_t)vm_block_after(t->code->block, op) : op->imm, back);
	return true;
}

/* Finds the address in rdx in the jump cache, or leaves; where its code is noted. */
static struct place known_code(struct translation *t)
{
	struct emit *e = &t->emit;
	int32_t jump = IN_SPACE(jump);
	uint8_t *unknown;

	emit_load(e, 32, RAX, in_reg(RDX));
	emit_shift_imm(e, SHIFT_SHL, 32, in_reg(RAX), 4);
	emit_alu_imm(e, ALU_AND, 32, in_reg(RAX), (JUMP_SIZE - 1) * (int32_t)sizeof(struct jump_entry));
	emit_alu(e, ALU_CMP, 64, RDX, in_table(SPACE, RAX, jump + (int32_t)offsetof(struct jump_entry, pc)));
	unknown = emit_jump_if(e, CC_NE);
	leads_fixed(t, unknown, t->jit->find);
	return in_table(SPACE, RAX, jump + (int32_t)offsetof(struct jump_entry, native));
}

/* May the address be pushed, of which 32 bits are extended? */
static bool is_call(const struct translation *t, uint64_t back)
{
	return t->op->rd == RETURN_ADDRESS && back <= INT32_MAX;
}

/* Behind a call: what comes back goes on there. */
static void call_end(struct translation *t, uint64_t back)
{
	emit_lea(&t->emit, RSP, in_memory(RSP, 8));
	leads_out(t, emit_jump(&t->emit), back)->plain = true;
}

/* The jump is a return: goes where the call was, if it is the one. */
static void maybe_return(struct translation *t)
{
	struct emit *e = &t->emit;
	uint8_t *other;

	emit_alu(e, ALU_CMP, 64, RDX, in_memory(RSP, 8));
	other = emit_jump_if(e, CC_NE);
	emit_return(e);
	emit_fix(other, e->at);
}

/* A direct call: out of the region, if any. */
static void call(struct translation *t, uint64_t back)
{
	if (t->region)
		homes_leave(t);
	call_begin(t, back);
	leads_out(t, emit_call(&t->emit), target_of(t, t->op->imm))->plain = true;
	call_end(t, back);
}

static bool translate_jump(struct translation *t)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;

	enum follow follow = t->follow[t->block];
	bool followed = follow == FOLLOW_JUMP || follow == FOLLOW_CALL;
	struct place target;
	uint64_t back;

	if (follow == FOLLOW_RETURN && op->id == ID_jr) {
		t->frame = 0;
		return true;
	}
	if (op->id == ID_jalr || op->id == ID_jr || op->id == ID_ecall ||
	    ((op->id == ID_jal || op->id == ID_j) && !followed))
		make_whole(t);
	switch (op->id) {
	case ID_jal:
		back = t->code->pc + op->rs1;
		result_constant(t, op->rd, back);
		if (follow == FOLLOW_CALL)
			t->frame = is_call(t, back) ? back : 0;
		else if (is_call(t, back))
			call(t, back);
		else if (!followed)
			leads(t, emit_jump(e), op->imm, 0);
		return true;
	case ID_j:
		if (!followed)
			leads(t, emit_jump(e), op->imm, 0);
		return true;
	case ID_jalr:
	case ID_jr:
		take(t, RDX, op->rs1);
		if (op->id == ID_jalr && op->imm)
			emit_alu_imm(e, ALU_ADD, 64, in_reg(RDX), op->imm);
		emit_alu_imm(e, ALU_AND, 64, in_reg(RDX), -2);
		back = t->code->pc + op->rs2;
		if (op->id == ID_jalr)
			result_constant(t, op->rd, back);
		if (t->region)
			homes_leave(t);
		if (op->id == ID_jr && op->rs1 == RETURN_ADDRESS)
			maybe_return(t);
		target = known_code(t);
		if (is_call(t, back)) {
			call_begin(t, back);
			emit_call_place(e, target);
			call_end(t, back);
		} else {
			emit_jump_to_place(e, target);
		}
		return true;
	case ID_ecall:
		if (t->region)
			homes_leave(t);
		emit_alu_imm(e, ALU_ADD, 64, in_reg(BUDGET), 1);
		emit_constant(e, RDX, target_of(t, op->imm));
		leads_fixed(t, emit_jump(e), t->jit->ecall);
		return true;
	}
	return false;
}

/* --- blocks --- */

/* Is the slot behind it that of its link? */
static bool has_link(const struct op *op)
{
	enum condition condition;

	return branch_condition(op->id, &condition) || op->id == ID_jal || op->id == ID_j;
}

/* Is it an instruction, and the next one too? */
static bool is_followed(const struct block *block, const struct op *op)
{
	return op - block->ops + 1 < block->slots && vm_is_insn(block, op) && vm_is_insn(block, op + 1);
}

/* What is known by now is one constant, and so are several instructions that make it in one register. */
static bool translate_constant(struct translation *t)
{
	const struct block *block = t->code->block;
	const struct op *op = t->op;
	unsigned rd = op->rd;

	if (!vm_jit_fold(t->constant, t->constants | 1, op, t->code->pc))
		return false;
	if (rd < 32)
		t->constants |= UINT32_C(1) << rd;
	while (is_followed(block, op) && op[1].rd == rd &&
	       vm_jit_fold(t->constant, t->constants | 1, op + 1, t->code->pc)) {
		op++;
		t->skip++;
	}
	result_constant(t, rd, t->constant[rd]);
	return true;
}

static void translate_insn(struct translation *t)
{
	unsigned detours = t->detours;

	if (!vm_is_insn(t->code->block, t->op) ||
	    !(translate_constant(t) || translate_alu(t) || translate_memory(t) || translate_branch(t) ||
	      translate_jump(t) || translate_fp(t) || translate_atomic(t)))
		slow_whole(t);
	while (detours < t->detours)
		t->detour[detours++].back = t->emit.at;
}

uint8_t *put_count(struct emit *e, int64_t insns)
{
	emit_alu_imm(e, ALU_SUB, 64, in_reg(BUDGET), (int32_t)insns);
	return emit_jump_if(e, CC_S);
}

void put_spent(struct translation *t, const struct code *code, uint8_t *field)
{
	struct emit *e = &t->emit;

	emit_fix(field, e->at);
	emit_alu_imm(e, ALU_ADD, 64, in_reg(BUDGET), (int32_t)code->block->count);
	emit_constant(e, RDX, code->pc);
	emit_constant(e, RAX, NATIVE_SPENT);
	leads_fixed(t, emit_jump(e), t->jit->exit);
}

static bool is_end(const struct op *op)
{
	return op->handler.label == vm_handler(INTERNAL_END);
}

/* A branch at the end of a block leads backwards: to the next turn of a loop, more likely than not. */
enum follow successor(const struct code *code, uint64_t *pc)
{
	const struct block *block = code->block;
	const struct op *last = NULL;
	enum condition condition;

	for (unsigned slot = 0; slot < block->slots; slot++) {
		const struct op *op = &block->ops[slot];

		if (is_end(op)) {
			bool back = last && last->rd == 0 && branch_condition(last->id, &condition) &&
				    last->imm <= (int32_t)vm_block_offset(block, last);

			*pc = code->pc + (uint64_t)(int64_t)(back ? last : op)->imm;
			return back ? FOLLOW_BRANCH : FOLLOW_END;
		}
		if (!vm_is_insn(block, op))
			continue;
		last = op;
		slot += has_link(op);
	}
	if (!last || !(last->id == ID_j || (last->id == ID_jal && last->rd != RETURN_ADDRESS)))
		return FOLLOW_NONE;
	*pc = code->pc + (uint64_t)(int64_t)last->imm;
	return FOLLOW_JUMP;
}

static void put_block(struct translation *t)
{
	const struct block *block = t->code->block;

	for (unsigned slot = 0; slot < t->slots[t->block]; slot++) {
		t->op = &block->ops[slot];
		if (t->op->handler.label == vm_handler(INTERNAL_NATIVE) ||
		    t->op->handler.label == vm_handler(INTERNAL_WARM))
			continue;
		show(t);
		if (is_end(t->op)) {
			if (t->follow[t->block] == FOLLOW_NONE) {
				make_whole(t);
				leads(t, emit_jump(&t->emit), t->op->imm, 0);
			}
			return;
		}
		t->skip = 0;
		translate_insn(t);
		slot += t->skip;
		slot += vm_is_insn(block, t->op) && has_link(t->op);
	}
}

/* The block's instructions behind a branch with which the trace leaves it. */
static int32_t missing(const struct block *block, unsigned slots)
{
	return slots < block->slots ? block->ops[slots - 1].rd : 0;
}

void trace_add(struct translation *t, struct code *code, unsigned slots, enum follow follow)
{
	t->trace[t->blocks] = code;
	t->slots[t->blocks] = (uint8_t)slots;
	t->follow[t->blocks++] = follow;
	t->insns += (int32_t)code->block->count - missing(code->block, slots);
}

void put_trace(struct translation *t)
{
	t->rcx_group = 0;
	memset(t->known, KNOWN_WHOLE, sizeof(t->known));
	t->constants = 0;
	memset(t->accessed, 0, sizeof(t->accessed));
	memset(t->slot_set, 0, sizeof(t->slot_set));
	vm_jit_group(t->trace, t->slots, t->blocks, &t->groups);
	t->after = t->insns;
	t->frame = 0;
	for (t->block = 0; t->block < t->blocks; t->block++) {
		t->code = t->trace[t->block];
		t->after -= (int32_t)t->code->block->count;
		put_block(t);
		t->after += missing(t->code->block, t->slots[t->block]);
	}
}

/* Once all traces have their places. */
static void put_ways_in(struct translation *t)
{
	struct emit *e = &t->emit;

	for (unsigned i = 0; i < t->ways_in; i++) {
		struct way_in *way = &t->way_in[i];

		if (way->back || way->halves) {
			emit_fix(way->field, e->at);
			put_halves(t, way->halves);
			emit_alu_imm(e, ALU_ADD, 64, in_reg(BUDGET), way->back);
			way->field = emit_jump(e);
		}
		emit_fix(way->field, t->label[way->target]);
	}
}

void put_rest(struct translation *t)
{
	put_ways_in(t);
	put_detours(t);
	put_ways_out(t);
}

struct translation *translation_begin(struct jit *jit, struct region *region)
{
	struct translation *t = jit->translation;

	t->emit = (struct emit){.at = jit->write + jit->used, .to_run = jit->run - jit->write};
	t->jit = jit;
	t->region = region;
	t->has_unit = false;
	t->blocks = 0;
	t->insns = 0;
	t->detours = t->ways_out = t->ways_in = t->heads = 0;
	return t;
}

/* What is longer than there was room for may lie over something else: then nothing goes on. */
void translation_end(struct translation *t)
{
	uint64_t used = (uint64_t)(t->emit.at - t->jit->write);

	if (used - t->jit->used > (t->region ? REGION_MAX : TRANSLATED_MAX))
		abort();
	t->jit->used = used;
}

void vm_compile(struct jit *jit, struct code *code)
{
	struct translation *t = translation_begin(jit, NULL);
	uint8_t *spent;

	memcpy(t->home, standard_homes, sizeof(t->home));
	trace_add(t, code, code->block->slots, FOLLOW_NONE);
	code->entry = t->emit.at + t->emit.to_run;
	spent = put_count(&t->emit, t->insns);
	put_trace(t);
	put_rest(t);
	put_spent(t, code, spent);
	code->links = t->ways_out ? t->way_out[0].site : NULL;
	code->link_count = (uint8_t)t->ways_out;
	translation_end(t);
}
