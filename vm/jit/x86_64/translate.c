/*
 * From blocks to x86-64: what surrounds the instructions. Nothing here depends on the C compiler's calling
 * convention but ARGUMENT_1 to 3, and on what is kept across calls.
 */
#include "vm/jit/x86_64/translate.h"

#define ARGUMENT_1 RDI
#define ARGUMENT_2 RSI
#define ARGUMENT_3 RDX

/* Those that a C function keeps; enough of them that the stack is aligned at code. */
static const uint8_t kept[] = {RBX, RBP, R12, R13, R14, R15};

/* Guest registers that live in host registers: the ones most used in what compilers make. */
static const struct {
	uint8_t guest, host;
} homes[] = {
	{2, RBX}, {8, R12}, {9, R13}, {10, RDI}, {11, RSI}, {12, R8}, {13, R9}, {14, R10}, {15, R11},
};

#define HOMES           (sizeof(homes) / sizeof(homes[0]))

#define IN_HART(field)  ((int32_t)offsetof(struct hart, field))
#define IN_SPACE(field) ((int32_t)offsetof(struct space, field))

bool vm_translator_usable(void)
{
	return true;
}

static struct place in_thread(unsigned guest)
{
	return in_memory(X, (int32_t)guest * 8);
}

struct place place_of(unsigned guest)
{
	for (unsigned i = 0; i < HOMES; i++)
		if (homes[i].guest == guest)
			return in_reg(homes[i].host);
	return in_thread(guest);
}

unsigned value_in(struct translation *t, unsigned guest, unsigned scratch)
{
	struct place place = place_of(guest);

	if (is_reg(place))
		return place.reg;
	if (guest == 0)
		emit_constant(&t->emit, scratch, 0);
	else
		emit_load(&t->emit, 64, scratch, place);
	return scratch;
}

unsigned result_in(unsigned guest, unsigned scratch)
{
	struct place place = place_of(guest);

	return is_reg(place) ? place.reg : scratch;
}

void result(struct translation *t, unsigned guest, unsigned reg)
{
	if (guest != REG_SINK)
		emit_store(&t->emit, 64, place_of(guest), reg);
}

/* --- the fixed part --- */

static void homes_load(struct emit *e)
{
	for (unsigned i = 0; i < HOMES; i++)
		emit_load(e, 64, homes[i].host, in_thread(homes[i].guest));
}

static void homes_store(struct emit *e)
{
	for (unsigned i = 0; i < HOMES; i++)
		emit_store(e, 64, in_thread(homes[i].guest), homes[i].host);
}

/* The entry: a C function of the hart and an address; what it returns is in eax when code leaves. */
static const uint8_t *fixed_enter(struct emit *e)
{
	const uint8_t *start = e->at + e->to_run;

	for (unsigned i = 0; i < sizeof(kept); i++)
		emit_push(e, kept[i]);
	emit_alu_imm(e, ALU_SUB, 64, in_reg(RSP), 8);
	emit_load(e, 64, RAX, in_reg(ARGUMENT_2));
	emit_load(e, 64, X, in_memory(ARGUMENT_1, IN_HART(regs)));
	emit_load(e, 64, SPACE, in_memory(ARGUMENT_1, IN_HART(space)));
	emit_load(e, 64, BUDGET, in_memory(ARGUMENT_1, IN_HART(budget)));
	homes_load(e);
	emit_jump_to_place(e, in_reg(RAX));
	return start;
}

/* The end: eax says why. Everything else has been stored. */
static uint8_t *fixed_leave(struct emit *e)
{
	uint8_t *start = e->at;

	emit_alu_imm(e, ALU_ADD, 64, in_reg(RSP), 8);
	for (unsigned i = sizeof(kept); i-- > 0;)
		emit_pop(e, kept[i]);
	emit_return(e);
	return start;
}

/* The same with registers and budget still to be stored, and rdx for hart->native_pc. */
static uint8_t *fixed_exit(struct emit *e, const uint8_t *leave)
{
	uint8_t *start = e->at;

	homes_store(e);
	emit_load(e, 64, RCX, in_memory(SPACE, IN_SPACE(hart)));
	emit_store(e, 64, in_memory(RCX, IN_HART(budget)), BUDGET);
	emit_store(e, 64, in_memory(RCX, IN_HART(native_pc)), RDX);
	emit_fix(emit_jump(e), leave);
	return start;
}

/* Called with the operation's slot in eax and its code in rdx: has C do it; comes back only if all is well.
 */
static uint8_t *fixed_slow(struct emit *e, const uint8_t *leave)
{
	uint8_t *start = e->at, *gone;

	homes_store(e);
	emit_load(e, 64, RCX, in_memory(SPACE, IN_SPACE(hart)));
	emit_store(e, 64, in_memory(RCX, IN_HART(budget)), BUDGET);
	emit_load(e, 64, ARGUMENT_1, in_reg(RCX));
	emit_load(e, 64, ARGUMENT_2, in_reg(RDX));
	emit_load(e, 32, ARGUMENT_3, in_reg(RAX));
	emit_alu_imm(e, ALU_SUB, 64, in_reg(RSP), 8);
	emit_constant(e, RAX, (uintptr_t)vm_native_op);
	emit_call_place(e, in_reg(RAX));
	emit_alu_imm(e, ALU_ADD, 64, in_reg(RSP), 8);
	emit_test(e, 32, RAX, RAX);
	gone = emit_jump_if(e, CC_NE);
	homes_load(e);
	emit_return(e);
	emit_fix(gone, e->at);
	emit_alu_imm(e, ALU_ADD, 64, in_reg(RSP), 8);
	emit_fix(emit_jump(e), leave);
	return start;
}

static struct emit emit_begin(struct jit *jit)
{
	return (struct emit){.at = jit->write + jit->used, .to_run = jit->run - jit->write};
}

static void emit_end(struct jit *jit, const struct emit *e)
{
	jit->used = (uint64_t)(e->at - jit->write);
}

void vm_translator_begin(struct jit *jit)
{
	struct emit e = emit_begin(jit);
	uint8_t *leave, *exit;

	jit->enter = fixed_enter(&e);
	leave = fixed_leave(&e);
	exit = fixed_exit(&e, leave);
	jit->exit = exit + e.to_run;
	jit->slow = fixed_slow(&e, leave) + e.to_run;
	jit->find = e.at + e.to_run;
	emit_constant(&e, RAX, NATIVE_FIND);
	emit_fix(emit_jump(&e), exit);
	jit->linking = e.at + e.to_run;
	emit_load(&e, 64, RCX, in_memory(SPACE, IN_SPACE(hart)));
	emit_store(&e, 64, in_memory(RCX, IN_HART(native_link)), RDX);
	emit_constant(&e, RAX, NATIVE_LINK);
	emit_fix(emit_jump(&e), exit);
	emit_end(jit, &e);
}

/* The fixed part's address as code that is being written sees it. */
static const uint8_t *fixed(const struct translation *t, const uint8_t *run)
{
	return run - t->emit.to_run;
}

/* --- ways out of a block --- */

static void detour(struct translation *t, uint8_t *field)
{
	struct detour *detour = &t->detour[t->detours++];

	detour->field = field;
	detour->slot = (uint8_t)(t->op - t->code->block->ops);
}

void slow_if(struct translation *t, enum condition condition)
{
	detour(t, emit_jump_if(&t->emit, condition));
}

void slow(struct translation *t)
{
	detour(t, emit_jump(&t->emit));
}

/* The distance at `field` leads to the block that lies `offset` bytes from this one's start. */
static void leads(struct translation *t, uint8_t *field, int32_t offset)
{
	uint64_t pc = t->code->pc + (uint64_t)(int64_t)offset;

	t->link[t->links].site = vm_jit_link(t->jit, pc);
	t->link[t->links++].field = field;
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

/* Puts all that instructions jump to when the usual does not happen. */
static void put_detours(struct translation *t, uint8_t *slow_here)
{
	for (unsigned i = 0; i < t->detours; i++) {
		struct detour *detour = &t->detour[i];

		t->op = &t->code->block->ops[detour->slot];
		show(t);
		emit_fix(detour->field, t->emit.at);
		emit_constant(&t->emit, RAX, detour->slot);
		emit_fix(emit_call(&t->emit), slow_here);
		emit_fix(emit_jump(&t->emit), detour->back);
	}
}

static void put_links(struct translation *t)
{
	t->op = NULL;
	show(t);
	for (unsigned i = 0; i < t->links; i++) {
		struct link_site *site = t->link[i].site;

		site->field = t->link[i].field;
		site->unlinked = t->emit.at;
		emit_fix(site->field, t->emit.at);
		emit_constant(&t->emit, RDX, (uintptr_t)site);
		emit_fix(emit_jump(&t->emit), fixed(t, t->jit->linking));
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

	if (b == 0 && is_reg(place_of(a)))
		emit_test(e, 64, place_of(a).reg, place_of(a).reg);
	else if (b == 0 && a != 0)
		emit_alu_imm(e, ALU_CMP, 64, place_of(a), 0);
	else if (b == 0)
		emit_alu(e, ALU_CMP, 32, RAX, in_reg(RAX));
	else if (is_reg(place_of(b)) && a != 0)
		emit_alu_to(e, ALU_CMP, 64, place_of(a), place_of(b).reg);
	else
		emit_alu(e, ALU_CMP, 64, value_in(t, a, RAX), place_of(b));
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

/* A branch: what is left of the block is given back if it is taken. */
static bool translate_branch(struct translation *t)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	enum condition condition;
	uint8_t *over;

	if (!branch_condition(op->id, &condition))
		return false;
	compare(t, op->rs1, op->id == ID_beqz || op->id == ID_bnez ? 0 : op->rs2);
	if (op->rd == 0) {
		leads(t, emit_jump_if(e, condition), op->imm);
		return true;
	}
	over = emit_jump_if(e, inverse(condition));
	emit_alu_imm(e, ALU_ADD, 64, in_reg(BUDGET), op->rd);
	leads(t, emit_jump(e), op->imm);
	emit_fix(over, e->at);
	return true;
}

/* Goes to the address in rdx, through the jump cache. */
static void indirect(struct translation *t)
{
	struct emit *e = &t->emit;
	int32_t jump = IN_SPACE(jump);
	uint8_t *unknown;

	emit_load(e, 32, RAX, in_reg(RDX));
	emit_shift_imm(e, SHIFT_SHL, 32, in_reg(RAX), 4);
	emit_alu_imm(e, ALU_AND, 32, in_reg(RAX), (JUMP_SIZE - 1) * (int32_t)sizeof(struct jump_entry));
	emit_alu(e, ALU_CMP, 64, RDX, in_table(SPACE, RAX, jump + (int32_t)offsetof(struct jump_entry, pc)));
	unknown = emit_jump_if(e, CC_NE);
	emit_fix(unknown, fixed(t, t->jit->find));
	emit_jump_to_place(e, in_table(SPACE, RAX, jump + (int32_t)offsetof(struct jump_entry, native)));
}

static void put_constant(struct translation *t, unsigned guest, uint64_t value)
{
	struct place place = place_of(guest);

	if (guest == REG_SINK)
		return;
	if (is_reg(place)) {
		emit_constant(&t->emit, place.reg, value);
	} else if ((int64_t)value == (int32_t)value) {
		emit_store_imm(&t->emit, 64, place, (int32_t)value);
	} else {
		emit_constant(&t->emit, RAX, value);
		emit_store(&t->emit, 64, place, RAX);
	}
}

static bool translate_jump(struct translation *t)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	uint64_t pc = t->code->pc;

	switch (op->id) {
	case ID_jal:
		put_constant(t, op->rd, pc + op->rs1);
		leads(t, emit_jump(e), op->imm);
		return true;
	case ID_j:
		leads(t, emit_jump(e), op->imm);
		return true;
	case ID_jalr:
	case ID_jr:
		emit_load(e, 64, RDX, in_reg(value_in(t, op->rs1, RDX)));
		if (op->id == ID_jalr && op->imm)
			emit_alu_imm(e, ALU_ADD, 64, in_reg(RDX), op->imm);
		emit_alu_imm(e, ALU_AND, 64, in_reg(RDX), -2);
		if (op->id == ID_jalr)
			put_constant(t, op->rd, pc + op->rs2);
		indirect(t);
		return true;
	case ID_ecall:
		emit_alu_imm(e, ALU_ADD, 64, in_reg(BUDGET), 1);
		emit_constant(e, RDX, pc + (uint64_t)(int64_t)op->imm);
		emit_constant(e, RAX, NATIVE_STOP + VM_STOP_ECALL);
		emit_fix(emit_jump(e), fixed(t, t->jit->exit));
		return true;
	case ID_auipc:
		put_constant(t, op->rd, pc + (uint64_t)(int64_t)op->imm);
		return true;
	case ID_li:
		put_constant(t, op->rd, (uint64_t)(int64_t)op->imm);
		return true;
	}
	return false;
}

/* --- blocks --- */

static bool is_end(const struct op *op)
{
	return op->handler.label == vm_handler(INTERNAL_END);
}

/* Is the slot behind it that of its link? */
static bool has_link(const struct op *op)
{
	enum condition condition;

	return branch_condition(op->id, &condition) || op->id == ID_jal || op->id == ID_j;
}

static bool is_plain_start(const struct op *op)
{
	return op->handler.label == vm_handler(INTERNAL_NATIVE);
}

static void translate_op(struct translation *t)
{
	bool only_slow =
		t->op->handler.label == vm_handler(INTERNAL_SLOW) || !vm_is_insn(t->code->block, t->op);

	if (!only_slow && (translate_alu(t) || translate_memory(t) || translate_branch(t) ||
			   translate_jump(t) || translate_fp(t)))
		return;
	slow(t);
}

void vm_compile(struct jit *jit, struct code *code)
{
	struct translation t = {.emit = emit_begin(jit), .jit = jit, .code = code};
	const struct block *block = code->block;
	struct emit *e = &t.emit;
	uint8_t *spent, *slow_here;

	code->entry = e->at + e->to_run;
	emit_alu_imm(e, ALU_SUB, 64, in_reg(BUDGET), (int32_t)block->count);
	spent = emit_jump_if(e, CC_S);
	for (unsigned slot = 0; slot < block->slots; slot++) {
		unsigned detours = t.detours;

		t.op = &block->ops[slot];
		if (is_plain_start(t.op))
			continue;
		show(&t);
		if (is_end(t.op)) {
			leads(&t, emit_jump(e), t.op->imm);
			slot++;
			continue;
		}
		translate_op(&t);
		while (detours < t.detours)
			t.detour[detours++].back = e->at;
		slot += vm_is_insn(block, t.op) && has_link(t.op);
	}
	t.op = NULL;
	show(&t);
	slow_here = e->at;
	emit_constant(e, RDX, (uintptr_t)code);
	emit_fix(emit_jump(e), fixed(&t, jit->slow));
	put_detours(&t, slow_here);
	put_links(&t);
	emit_fix(spent, e->at);
	emit_alu_imm(e, ALU_ADD, 64, in_reg(BUDGET), (int32_t)block->count);
	emit_constant(e, RDX, code->pc);
	emit_constant(e, RAX, NATIVE_SPENT);
	emit_fix(emit_jump(e), fixed(&t, jit->exit));
	emit_end(jit, e);
}
