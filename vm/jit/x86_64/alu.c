/* Integer instructions: what looks at nothing but registers. */
#include "vm/jit/x86_64/translate.h"

static bool is_own(const struct translation *t, unsigned guest, unsigned reg)
{
	struct place place = place_of(t, guest);

	return is_reg(place) && place.reg == reg;
}

/* rd = rs1 alu rs2, of 64 bits */
static void binary(struct translation *t, enum alu alu)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	unsigned reg = result_in(t, op->rd, RAX);

	if (op->rs1 == op->rd && !is_reg(place_of(t, op->rd)) && op->rs2 != 0) {
		emit_alu_to(e, alu, 64, place_of(t, op->rd), value_in(t, op->rs2, RAX));
		return;
	}
	if (is_own(t, op->rs2, reg) && op->rs1 != op->rd) {
		if (alu != ALU_SUB) { /* the others commute */
			emit_alu(e, alu, 64, reg, in_reg(value_in(t, op->rs1, RCX)));
			return;
		}
		reg = RAX;
	}
	take(t, reg, op->rs1);
	if (op->rs2 == 0)
		emit_alu_imm(e, alu, 64, in_reg(reg), 0);
	else
		emit_alu(e, alu, 64, reg, place_of(t, op->rs2));
	result(t, op->rd, reg);
}

/* rd = rs1 + rs2: one instruction where all three lie in registers */
static void add(struct translation *t)
{
	const struct op *op = t->op;
	struct place a = place_of(t, op->rs1), b = place_of(t, op->rs2), d = place_of(t, op->rd);

	if (is_reg(a) && is_reg(b) && is_reg(d) && op->rd != op->rs1 && op->rd != op->rs2)
		emit_lea(&t->emit, d.reg, in_table(a.reg, b.reg, 0));
	else
		binary(t, ALU_ADD);
}

static void binary_imm(struct translation *t, enum alu alu, int32_t imm)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	struct place a = place_of(t, op->rs1), d = place_of(t, op->rd);
	unsigned reg = result_in(t, op->rd, RAX), bits = alu == ALU_AND && imm >= 0 ? 32 : 64;

	if (alu == ALU_AND && imm == 0xff && op->rs1 != 0) {
		emit_extend(e, 8, false, reg, a);
		result(t, op->rd, reg);
	} else if (op->rs1 == op->rd && is_reg(d)) {
		emit_alu_imm(e, alu, bits, d, imm);
	} else if (op->rs1 == op->rd) {
		emit_alu_imm(e, alu, 64, d, imm);
	} else if (alu == ALU_ADD && is_reg(a)) {
		emit_lea(e, reg, in_memory(a.reg, imm));
		result(t, op->rd, reg);
	} else {
		take(t, reg, op->rs1);
		emit_alu_imm(e, alu, bits, in_reg(reg), imm);
		result(t, op->rd, reg);
	}
}

/* Of 32 bits, extended to 64. */
static void word(struct translation *t, enum alu alu, bool imm)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	unsigned reg = result_in(t, op->rd, RAX), half = reg; /* where the sum of 32 bits is made */

	if (imm && op->imm == 0 && op->rs1 != 0) {
		emit_extend(e, 32, true, reg, place_of(t, op->rs1));
		result(t, op->rd, reg);
		return;
	}
	if (!imm && op->rs2 == op->rd && op->rs1 != op->rd)
		half = RAX;
	if (op->rs1 == 0)
		emit_constant(e, half, 0);
	else if (!is_own(t, op->rs1, half))
		emit_load(e, 32, half, place_of(t, op->rs1));
	if (imm)
		emit_alu_imm(e, alu, 32, in_reg(half), op->imm);
	else if (op->rs2 != 0)
		emit_alu(e, alu, 32, half, place_of(t, op->rs2));
	emit_extend(e, 32, true, reg, in_reg(half));
	result(t, op->rd, reg);
}

static void shift_imm(struct translation *t, enum shift shift, unsigned bits)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	unsigned reg = result_in(t, op->rd, RAX), count = (unsigned)op->imm & (bits - 1);

	if (bits == 64) {
		if (op->rd == op->rs1) {
			emit_shift_imm(e, shift, 64, place_of(t, op->rd), count);
			return;
		}
		take(t, reg, op->rs1);
		emit_shift_imm(e, shift, 64, in_reg(reg), count);
	} else {
		if (op->rs1 == 0)
			emit_constant(e, reg, 0);
		else
			emit_load(e, 32, reg, place_of(t, op->rs1));
		emit_shift_imm(e, shift, 32, in_reg(reg), count);
		if (shift != SHIFT_SHR || count == 0) /* else bit 31 is 0 */
			emit_extend(e, 32, true, reg, in_reg(reg));
	}
	result(t, op->rd, reg);
}

static void shift(struct translation *t, enum shift shift, unsigned bits)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;

	unsigned reg = result_in(t, op->rd, RAX);

	if (__builtin_cpu_supports("bmi2") && op->rs1 != 0) {
		emit_shift_by(e, shift, bits, reg, place_of(t, op->rs1), value_in(t, op->rs2, RCX));
	} else {
		take(t, RCX, op->rs2);
		take(t, RAX, op->rs1);
		emit_shift(e, shift, bits, in_reg(RAX));
		reg = RAX;
	}
	if (bits == 32)
		emit_extend(e, 32, true, reg, in_reg(reg));
	result(t, op->rd, reg);
}

/* rd = rs1 < rs2 (or imm): `condition` says in which order */
static void set_less(struct translation *t, enum condition condition, bool imm)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	unsigned a = value_in(t, op->rs1, RDX), reg = result_in(t, op->rd, RAX);

	if (imm)
		emit_alu_imm(e, ALU_CMP, 64, in_reg(a), op->imm);
	else
		emit_alu(e, ALU_CMP, 64, a, in_reg(value_in(t, op->rs2, RCX)));
	emit_set(e, condition);
	emit_extend(e, 8, false, reg, in_reg(RAX));
	result(t, op->rd, reg);
}

static void multiply(struct translation *t, unsigned bits)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;

	unsigned reg = result_in(t, op->rd, RAX);

	if (op->rs2 == op->rd && op->rs1 != op->rd)
		reg = RAX;
	take(t, reg, op->rs1);
	emit_imul(e, bits, reg, in_reg(value_in(t, op->rs2, RCX)));
	if (bits == 32)
		emit_extend(e, 32, true, reg, in_reg(reg));
	result(t, op->rd, reg);
}

/* The high half of the product; where the first is signed and the second is not, it is mended. */
static void multiply_high(struct translation *t, enum group3 what, bool mixed)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;

	take(t, RAX, op->rs1);
	take(t, RCX, op->rs2);
	emit_group3(e, what, 64, in_reg(RCX));
	if (mixed) {
		take(t, RAX, op->rs1);
		emit_shift_imm(e, SHIFT_SAR, 64, in_reg(RAX), 63);
		emit_alu(e, ALU_AND, 64, RAX, in_reg(RCX));
		emit_alu(e, ALU_SUB, 64, RDX, in_reg(RAX));
	}
	result(t, op->rd, RDX);
}

/* By zero, and by -1 if signed, C knows. */
static void divide(struct translation *t, unsigned bits, bool is_signed, bool remainder)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	unsigned reg = remainder ? RDX : RAX;

	take(t, RCX, op->rs2);
	emit_test(e, bits, RCX, RCX);
	slow_if(t, CC_E);
	if (is_signed) {
		emit_alu_imm(e, ALU_CMP, bits, in_reg(RCX), -1);
		slow_if(t, CC_E);
	}
	take(t, RAX, op->rs1);
	if (is_signed)
		emit_sign(e, bits);
	else
		emit_constant(e, RDX, 0);
	emit_group3(e, is_signed ? GROUP3_IDIV : GROUP3_DIV, bits, in_reg(RCX));
	if (bits == 32)
		emit_extend(e, 32, true, reg, in_reg(reg));
	result(t, op->rd, reg);
}

/* Sign of rs2 to the double of rs1: as it is, inverted, or both multiplied. */
static void sign_d(struct translation *t, bool invert, bool multiply)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;

	take(t, RAX, op->rs1);
	if (op->rs1 != op->rs2 || invert || multiply) {
		take(t, RCX, op->rs2);
		emit_shift_imm(e, SHIFT_SHR, 64, in_reg(RCX), 63);
		if (invert)
			emit_alu_imm(e, ALU_XOR, 32, in_reg(RCX), 1);
		emit_shift_imm(e, SHIFT_SHL, 64, in_reg(RCX), 63);
		if (!multiply) {
			emit_shift_imm(e, SHIFT_SHL, 64, in_reg(RAX), 1);
			emit_shift_imm(e, SHIFT_SHR, 64, in_reg(RAX), 1);
		}
		emit_alu(e, ALU_XOR, 64, RAX, in_reg(RCX));
	}
	result(t, op->rd, RAX);
}

static void copy(struct translation *t, unsigned bits, bool is_signed)
{
	const struct op *op = t->op;
	unsigned reg = result_in(t, op->rd, RAX);

	if (bits == 64)
		take(t, reg, op->rs1);
	else
		emit_extend(&t->emit, bits, is_signed, reg, place_of(t, op->rs1));
	result(t, op->rd, reg);
}

/* Instructions for x0 compute into RAX, in vain: the sink is in memory, and not worth a test in each. */
bool translate_alu(struct translation *t)
{
	int32_t imm = t->op->imm;

	/* clang-format off */
	switch (t->op->id) {
	case ID_addi:	binary_imm(t, ALU_ADD, imm); break;
	case ID_xori:	binary_imm(t, ALU_XOR, imm); break;
	case ID_ori:	binary_imm(t, ALU_OR, imm); break;
	case ID_andi:	binary_imm(t, ALU_AND, imm); break;
	case ID_slti:	set_less(t, CC_L, true); break;
	case ID_sltiu:	set_less(t, CC_B, true); break;
	case ID_slli:	shift_imm(t, SHIFT_SHL, 64); break;
	case ID_srli:	shift_imm(t, SHIFT_SHR, 64); break;
	case ID_srai:	shift_imm(t, SHIFT_SAR, 64); break;
	case ID_add:	add(t); break;
	case ID_sub:	binary(t, ALU_SUB); break;
	case ID_xor:	binary(t, ALU_XOR); break;
	case ID_or:	binary(t, ALU_OR); break;
	case ID_and:	binary(t, ALU_AND); break;
	case ID_slt:	set_less(t, CC_L, false); break;
	case ID_sltu:	set_less(t, CC_B, false); break;
	case ID_sll:	shift(t, SHIFT_SHL, 64); break;
	case ID_srl:	shift(t, SHIFT_SHR, 64); break;
	case ID_sra:	shift(t, SHIFT_SAR, 64); break;
	case ID_addiw:	word(t, ALU_ADD, true); break;
	case ID_addw:	word(t, ALU_ADD, false); break;
	case ID_subw:	word(t, ALU_SUB, false); break;
	case ID_slliw:	shift_imm(t, SHIFT_SHL, 32); break;
	case ID_srliw:	shift_imm(t, SHIFT_SHR, 32); break;
	case ID_sraiw:	shift_imm(t, SHIFT_SAR, 32); break;
	case ID_sllw:	shift(t, SHIFT_SHL, 32); break;
	case ID_srlw:	shift(t, SHIFT_SHR, 32); break;
	case ID_sraw:	shift(t, SHIFT_SAR, 32); break;
	case ID_mul:	multiply(t, 64); break;
	case ID_mulw:	multiply(t, 32); break;
	case ID_mulh:	multiply_high(t, GROUP3_IMUL, false); break;
	case ID_mulhu:	multiply_high(t, GROUP3_MUL, false); break;
	case ID_mulhsu:	multiply_high(t, GROUP3_MUL, true); break;
	case ID_div:	divide(t, 64, true, false); break;
	case ID_divu:	divide(t, 64, false, false); break;
	case ID_rem:	divide(t, 64, true, true); break;
	case ID_remu:	divide(t, 64, false, true); break;
	case ID_divw:	divide(t, 32, true, false); break;
	case ID_divuw:	divide(t, 32, false, false); break;
	case ID_remw:	divide(t, 32, true, true); break;
	case ID_remuw:	divide(t, 32, false, true); break;
	case ID_mv:	copy(t, 64, false); break;
	case ID_fmv_x_d:
	case ID_fmv_d_x: copy(t, 64, false); break;
	case ID_fmv_x_w: copy(t, 32, true); break;
	case ID_fsgnj_d: sign_d(t, false, false); break;
	case ID_fsgnjn_d: sign_d(t, true, false); break;
	case ID_fsgnjx_d: sign_d(t, false, true); break;
	case ID_fence:
	case ID_fence_i: break;
	default: return false;
	}
	/* clang-format on */
	return true;
}
