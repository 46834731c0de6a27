/* Integer instructions: what looks at nothing but registers. */
#include "vm/jit/x86_64/translate.h"

static bool is_own(const struct translation *t, unsigned guest, unsigned reg)
{
	struct place place = low_of(t, guest);

	return is_reg(place) && place.reg == reg;
}

/* Its place, or that of its lower half. */
static struct place source(struct translation *t, unsigned guest, unsigned bits)
{
	return bits == 32 ? low_of(t, guest) : place_of(t, guest);
}

static void take_bits(struct translation *t, unsigned bits, unsigned reg, unsigned guest)
{
	if (bits == 32)
		take_low(t, reg, guest);
	else
		take(t, reg, guest);
}

/* rd = rs1 alu rs2; what is logical keeps to 32 bits if both do. */
static void binary(struct translation *t, enum alu alu)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	bool narrow = alu != ALU_ADD && alu != ALU_SUB && is_narrow(t, op->rs1) && is_narrow(t, op->rs2);
	unsigned reg = result_in(t, op->rd, RAX), bits = narrow ? 32 : 64, a = op->rs1, b = op->rs2;
	int32_t imm;

	if (op->rs1 == op->rd && !is_reg(low_of(t, op->rd)) && !narrow) {
		if (is_immediate(t, b, &imm))
			emit_alu_imm(e, alu, 64, low_of(t, op->rd), imm);
		else
			emit_alu_to(e, alu, 64, low_of(t, op->rd), value_in(t, b, RAX));
		note(t, op->rd, KNOWN_WHOLE);
		return;
	}
	if (is_own(t, op->rs2, reg) && op->rs1 != op->rd && alu != ALU_SUB) { /* the others commute */
		a = op->rs2;
		b = op->rs1;
	} else if (is_own(t, op->rs2, reg) && op->rs1 != op->rd) {
		reg = RAX;
	}
	take_bits(t, bits, reg, a);
	if (!is_reg(low_of(t, b)) && is_immediate(t, b, &imm))
		emit_alu_imm(e, alu, bits, in_reg(reg), imm);
	else
		emit_alu(e, alu, bits, reg, source(t, b, bits));
	if (narrow)
		result_low(t, op->rd, reg);
	else
		result(t, op->rd, reg);
}

/* rd = rs1 + rs2: one instruction where all three lie in registers */
static void add(struct translation *t)
{
	const struct op *op = t->op;
	struct place d = low_of(t, op->rd);

	if (is_reg(low_of(t, op->rs1)) && is_reg(low_of(t, op->rs2)) && is_reg(d) && op->rd != op->rs1 &&
	    op->rd != op->rs2) {
		struct place a = place_of(t, op->rs1), b = place_of(t, op->rs2);

		emit_lea(&t->emit, d.reg, in_table(a.reg, b.reg, 0));
		note(t, op->rd, KNOWN_WHOLE);
	} else {
		binary(t, ALU_ADD);
	}
}

static void binary_imm(struct translation *t, enum alu alu, int32_t imm)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	unsigned reg = result_in(t, op->rd, RAX);
	bool low = alu == ALU_AND && imm >= 0; /* the upper half is gone */

	if (low && imm == 0xff && op->rs1 != 0) {
		emit_extend(e, 8, false, reg, low_of(t, op->rs1));
	} else if (low || (alu != ALU_ADD && is_narrow(t, op->rs1))) {
		take_low(t, reg, op->rs1);
		emit_alu_imm(e, alu, 32, in_reg(reg), imm);
	} else if (op->rs1 == op->rd) {
		emit_alu_imm(e, alu, 64, place_of(t, op->rd), imm);
		note(t, op->rd, KNOWN_WHOLE);
		return;
	} else if (alu == ALU_ADD && is_reg(low_of(t, op->rs1))) {
		emit_lea(e, reg, in_memory(place_of(t, op->rs1).reg, imm));
	} else {
		take(t, reg, op->rs1);
		emit_alu_imm(e, alu, 64, in_reg(reg), imm);
	}
	if (low)
		result_narrow(t, op->rd, reg);
	else if (alu != ALU_ADD && is_narrow(t, op->rs1))
		result_low(t, op->rd, reg);
	else
		result(t, op->rd, reg);
}

/* rd = rs1, or its lower half extended. */
static void copy(struct translation *t, unsigned bits)
{
	const struct op *op = t->op;
	unsigned reg = result_in(t, op->rd, RAX);
	bool narrow = is_narrow(t, op->rs1);

	if (bits == 32 || is_half(t, op->rs1)) {
		emit_extend(&t->emit, 32, true, reg, low_of(t, op->rs1));
		result_narrow(t, op->rd, reg);
	} else {
		take(t, reg, op->rs1);
		result(t, op->rd, reg);
		note(t, op->rd, narrow ? KNOWN_FITS : KNOWN_WHOLE);
	}
}

/* Of 32 bits, extended to 64. */
static void word(struct translation *t, enum alu alu, bool imm)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	unsigned reg = result_in(t, op->rd, RAX);

	if (imm && op->imm == 0 && op->rs1 != 0 && !is_own(t, op->rs1, reg)) {
		copy(t, 32);
		return;
	}
	if (alu == ALU_ADD && imm && is_reg(low_of(t, op->rs1)) && !is_own(t, op->rs1, reg)) {
		emit_lea_32(e, reg, in_memory(low_of(t, op->rs1).reg, op->imm));
		result_low(t, op->rd, reg);
		return;
	}
	if (!imm && is_own(t, op->rs2, reg) && op->rs1 != op->rd)
		reg = RAX;
	take_low(t, reg, op->rs1);
	if (imm && op->imm != 0)
		emit_alu_imm(e, alu, 32, in_reg(reg), op->imm);
	else if (!imm && op->rs2 != 0)
		emit_alu(e, alu, 32, reg, low_of(t, op->rs2));
	result_low(t, op->rd, reg);
}

/*
 * slli by 32 and srli of its result by 32 or less: what compilers make of an unsigned number of 32 bits, and
 * of one that is scaled. Done as one, if both have the same destination.
 */
static bool zero_extend(struct translation *t)
{
	const struct op *op = t->op, *next = op + 1;
	struct emit *e = &t->emit;
	unsigned reg = result_in(t, op->rd, RAX), left = 32 - ((unsigned)next->imm & 63);

	if (op->id != ID_slli || op->imm != 32 || op - t->code->block->ops + 1 >= t->code->block->slots ||
	    !vm_is_insn(t->code->block, next) || next->id != ID_srli || next->rd != op->rd ||
	    next->rs1 != op->rd || next->imm > 32 || op->rd == REG_SINK)
		return false;
	take_low(t, reg, op->rs1);
	if (is_own(t, op->rs1, reg))
		emit_load(e, 32, reg, in_reg(reg));
	if (left)
		emit_shift_imm(e, SHIFT_SHL, 64, in_reg(reg), left);
	result(t, op->rd, reg);
	t->skip = 1;
	return true;
}

static void shift_imm(struct translation *t, enum shift shift, unsigned bits)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	unsigned reg = result_in(t, op->rd, RAX), count = (unsigned)op->imm & (bits - 1);

	if (zero_extend(t))
		return;

	if (bits == 64 && op->rd == op->rs1) {
		emit_shift_imm(e, shift, 64, place_of(t, op->rd), count);
		note(t, op->rd, KNOWN_WHOLE);
		return;
	}
	take_bits(t, bits, reg, op->rs1);
	emit_shift_imm(e, shift, bits, in_reg(reg), count);
	if (bits == 64)
		result(t, op->rd, reg);
	else if (shift == SHIFT_SHR && count > 0)
		result_narrow(t, op->rd, reg); /* bit 31 is 0 */
	else
		result_low(t, op->rd, reg);
}

static void shift(struct translation *t, enum shift shift, unsigned bits)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	unsigned reg = result_in(t, op->rd, RAX);

	if (__builtin_cpu_supports("bmi2") && op->rs1 != 0) {
		struct place value = source(t, op->rs1, bits);

		emit_shift_by(e, shift, bits, reg, value, value_in(t, op->rs2, RCX));
	} else {
		take(t, RCX, op->rs2);
		take(t, RAX, op->rs1);
		emit_shift(e, shift, bits, in_reg(RAX));
		reg = RAX;
	}
	if (bits == 32)
		result_low(t, op->rd, reg);
	else
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
	result_narrow(t, op->rd, reg);
}

static void multiply(struct translation *t, unsigned bits)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	unsigned reg = result_in(t, op->rd, RAX);

	if (is_own(t, op->rs2, reg) && op->rs1 != op->rd)
		reg = RAX;
	take_bits(t, bits, reg, op->rs1);
	if (op->rs2 == 0)
		emit_constant(e, reg, 0);
	else
		emit_imul(e, bits, reg, source(t, op->rs2, bits));
	if (bits == 32)
		result_low(t, op->rd, reg);
	else
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
		result_low(t, op->rd, reg);
	else
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
	case ID_mv:	copy(t, 64); break;
	case ID_fmv_x_d:
	case ID_fmv_d_x: copy(t, 64); break;
	case ID_fmv_x_w: copy(t, 32); break;
	case ID_fence:	emit_fence(&t->emit); break;
	case ID_fence_i: break;
	default: return false;
	}
	/* clang-format on */
	return true;
}
