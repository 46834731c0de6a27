/* Loads and stores. The TLB is looked up in line, as the interpreter does; what misses takes the detour. */
#include "vm/interp/arith.h"
#include "vm/jit/x86_64/translate.h"

static const struct access {
	uint8_t kind, bits;
	bool is_signed, boxed;
} accesses[ID_COUNT] = {
	[ID_lb] = {1 + ACCESS_LOAD, 8, true, false},     [ID_lh] = {1 + ACCESS_LOAD, 16, true, false},
	[ID_lw] = {1 + ACCESS_LOAD, 32, true, false},    [ID_ld] = {1 + ACCESS_LOAD, 64, false, false},
	[ID_lbu] = {1 + ACCESS_LOAD, 8, false, false},   [ID_lhu] = {1 + ACCESS_LOAD, 16, false, false},
	[ID_lwu] = {1 + ACCESS_LOAD, 32, false, false},  [ID_fld] = {1 + ACCESS_LOAD, 64, false, false},
	[ID_flw] = {1 + ACCESS_LOAD, 32, false, true},   [ID_sb] = {1 + ACCESS_STORE, 8, false, false},
	[ID_sh] = {1 + ACCESS_STORE, 16, false, false},  [ID_sw] = {1 + ACCESS_STORE, 32, false, false},
	[ID_sd] = {1 + ACCESS_STORE, 64, false, false},  [ID_fsw] = {1 + ACCESS_STORE, 32, false, false},
	[ID_fsd] = {1 + ACCESS_STORE, 64, false, false},
};

/* The guest's address in a register: that of rs1 itself, or rdx. */
static unsigned address(struct translation *t)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	struct place base = place_of(op->rs1);

	if (op->rs1 == 0) {
		emit_constant(e, RDX, (uint64_t)(int64_t)op->imm);
		return RDX;
	}
	if (is_reg(base) && op->imm == 0)
		return base.reg;
	if (is_reg(base)) {
		emit_lea(e, RDX, in_memory(base.reg, op->imm));
	} else {
		emit_load(e, 64, RDX, base);
		if (op->imm)
			emit_alu_imm(e, ALU_ADD, 64, in_reg(RDX), op->imm);
	}
	return RDX;
}

/* rcx = host address - guest address of the page; see struct tlb_entry for the comparison. */
static void look_up(struct translation *t, unsigned vaddr, enum vm_access access, unsigned bits)
{
	struct emit *e = &t->emit;
	int32_t table = (int32_t)(offsetof(struct space, tlb) + access * sizeof(struct tlb_entry[TLB_SIZE]));

	_Static_assert(sizeof(struct tlb_entry) == 16, "shift");
	emit_load(e, 32, RAX, in_reg(vaddr));
	emit_shift_imm(e, SHIFT_SHR, 32, in_reg(RAX), PAGE_BITS - 4);
	emit_alu_imm(e, ALU_AND, 32, in_reg(RAX), (TLB_SIZE - 1) * 16);
	emit_load(e, 64, RCX, in_table(SPACE, RAX, table + (int32_t)offsetof(struct tlb_entry, tag)));
	emit_alu(e, ALU_XOR, 64, RCX, in_reg(vaddr));
	emit_alu_imm(e, ALU_CMP, 64, in_reg(RCX), (int32_t)PAGE_SIZE - (int32_t)bits / 8);
	slow_if(t, CC_A);
	emit_load(e, 64, RCX, in_table(SPACE, RAX, table + (int32_t)offsetof(struct tlb_entry, add)));
}

bool translate_memory(struct translation *t)
{
	const struct op *op = t->op;
	const struct access *access = &accesses[op->id];
	struct emit *e = &t->emit;
	unsigned vaddr, reg;
	struct place host;

	if (access->kind == 0)
		return false;
	vaddr = address(t);
	look_up(t, vaddr, access->kind - 1, access->bits);
	host = in_table(vaddr, RCX, 0);
	if (access->kind == 1 + ACCESS_STORE) {
		emit_store(e, access->bits, host, value_in(t, op->rs2, RAX));
		return true;
	}
	reg = result_in(op->rd, RAX);
	emit_extend(e, access->bits, access->is_signed, reg, host);
	if (access->boxed) {
		emit_constant(e, RCX, BOXED);
		emit_alu(e, ALU_OR, 64, reg, in_reg(RCX));
	}
	result(t, op->rd, reg);
	return true;
}
