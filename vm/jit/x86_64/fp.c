/*
 * Floating point on the host's unit, under the interpreter's conditions: the unit computes for the thread
 * (fp_ready), singles are boxed, and no result is a NaN. Else C does the instruction.
 */
#include "vm/interp/arith.h"
#include "vm/jit/x86_64/translate.h"

#define DYNAMIC 7 /* the mode is that in fcsr */

static unsigned rounding(const struct op *op)
{
	return (unsigned)op->imm >> 8 & 7;
}

static void need_unit(struct translation *t)
{
	struct emit *e = &t->emit;

	if (t->has_unit)
		return;
	emit_compare_byte(e, in_memory(SPACE, IN_SPACE(fp_ready)), 0);
	slow_if(t, CC_E);
}

/* The upper half of a register, all ones in a boxed single. */
static void need_box(struct translation *t, bool wide, unsigned guest)
{
	struct place high = place_of(t, guest);

	if (wide)
		return;
	high.offset += 4;
	emit_alu_imm(&t->emit, ALU_CMP, 32, high, -1);
	slow_if(t, CC_NE);
}

static void store(struct translation *t, bool wide, unsigned guest, unsigned xmm)
{
	struct place place = fp_place(t, guest);

	if (is_reg(place)) {
		emit_xmm_move(&t->emit, place.reg, xmm);
		return;
	}
	emit_sse_store(&t->emit, wide, place, xmm);
	if (!wide) {
		place.offset += 4;
		emit_store_imm(&t->emit, 32, place, -1);
	}
}

/* Stores a result, unless it is a NaN. */
static void finish(struct translation *t, bool wide)
{
	emit_ucomis(&t->emit, wide, XMM0, in_reg(XMM0));
	slow_if(t, CC_P);
	store(t, wide, t->op->rd, XMM0);
}

static void arithmetic(struct translation *t, enum sse sse, bool wide)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;

	need_unit(t);
	need_box(t, wide, op->rs1);
	if (sse != SSE_SQRT) {
		need_box(t, wide, op->rs2);
		emit_sse_load(e, wide, XMM0, fp_place(t, op->rs1));
		emit_sse(e, sse, wide, XMM0, fp_place(t, op->rs2));
	} else {
		emit_sse(e, sse, wide, XMM0, fp_place(t, op->rs1));
	}
	finish(t, wide);
}

static bool multiply_add(struct translation *t, enum fma fma, bool wide)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	unsigned rs3 = (uint8_t)op->imm;

	if (!__builtin_cpu_supports("fma"))
		return false;
	need_unit(t);
	need_box(t, wide, op->rs1);
	need_box(t, wide, op->rs2);
	need_box(t, wide, rs3);
	emit_sse_load(e, wide, XMM0, fp_place(t, op->rs1));
	emit_sse_load(e, wide, XMM1, fp_place(t, op->rs2));
	emit_fma(e, fma, wide, XMM0, XMM1, fp_place(t, rs3));
	finish(t, wide);
	return true;
}

/* a < b is b > a: ucomis says "above" only of ordered operands, and so P need only be looked at for NaNs. */
static void compare(struct translation *t, enum condition condition, bool swap, bool wide)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;

	need_unit(t);
	need_box(t, wide, op->rs1);
	need_box(t, wide, op->rs2);
	emit_sse_load(e, wide, XMM0, fp_place(t, swap ? op->rs2 : op->rs1));
	emit_ucomis(e, wide, XMM0, fp_place(t, swap ? op->rs1 : op->rs2));
	slow_if(t, CC_P);
	emit_set(e, condition);
	emit_extend(e, 8, false, RAX, in_reg(RAX));
	result(t, op->rd, RAX);
}

/*
 * -0 is less than 0 here, and what the host gives of two zeros is its second operand: so both orders are
 * taken, which differ in no other case, and their signs put together.
 */
static void least(struct translation *t, bool greatest, bool wide)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	enum sse sse = greatest ? SSE_MAX : SSE_MIN;

	need_box(t, wide, op->rs1);
	need_box(t, wide, op->rs2);
	emit_sse_load(e, wide, XMM0, fp_place(t, op->rs1));
	emit_sse_load(e, wide, XMM1, fp_place(t, op->rs2));
	emit_ucomis(e, wide, XMM0, in_reg(XMM1));
	slow_if(t, CC_P);
	emit_xmm_move(e, XMM2, XMM0);
	emit_sse(e, sse, wide, XMM0, in_reg(XMM1));
	emit_sse(e, sse, wide, XMM1, in_reg(XMM2));
	emit_sse_logic(e, greatest ? SSE_AND : SSE_OR, XMM0, XMM1);
	store(t, wide, op->rd, XMM0);
}

/* Of 64 bits without sign: halved if need be, where the bit that falls out still counts in rounding. */
static void from_unsigned(struct emit *e, bool wide)
{
	uint8_t *small, *done;

	emit_test(e, 64, RAX, RAX);
	small = emit_jump_if(e, CC_NS);
	emit_load(e, 32, RDX, in_reg(RAX));
	emit_shift_imm(e, SHIFT_SHR, 64, in_reg(RAX), 1);
	emit_alu_imm(e, ALU_AND, 32, in_reg(RDX), 1);
	emit_alu(e, ALU_OR, 64, RAX, in_reg(RDX));
	emit_from_int(e, wide, 64, XMM0, in_reg(RAX));
	emit_sse(e, SSE_ADD, wide, XMM0, in_reg(XMM0));
	done = emit_jump(e);
	emit_fix(small, e->at);
	emit_from_int(e, wide, 64, XMM0, in_reg(RAX));
	emit_fix(done, e->at);
}

static void from_int(struct translation *t, unsigned bits, bool is_signed, bool wide)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;

	need_unit(t);
	if (op->rs1 == 0)
		emit_constant(e, RAX, 0);
	else
		emit_extend(e, bits, is_signed, RAX, bits == 64 ? place_of(t, op->rs1) : low_of(t, op->rs1));
	emit_sse_logic(e, SSE_XOR, XMM0, XMM0); /* cvtsi2sd keeps the rest */
	if (bits == 64 && !is_signed)
		from_unsigned(e, wide);
	else
		emit_from_int(e, wide, 64, XMM0, in_reg(RAX));
	store(t, wide, op->rd, XMM0);
}

/*
 * xmm1 = xmm0 as an integer, without flags. What the host has no mode for, to nearest and away from zero in a
 * tie: twice what is behind the point, towards zero, is what the integer goes up or down by.
 */
static void to_whole(struct emit *e, unsigned rm, bool wide)
{
	static const uint8_t rounds[] = {[VM_RNE] = ROUND_NEAREST,
					 [VM_RTZ] = ROUND_TO_ZERO,
					 [VM_RDN] = ROUND_DOWN,
					 [VM_RUP] = ROUND_UP,
					 [VM_RMM] = ROUND_TO_ZERO};

	emit_round(e, wide, XMM1, XMM0, rounds[rm]);
	if (rm != VM_RMM)
		return;
	emit_xmm_move(e, XMM2, XMM0);
	emit_sse(e, SSE_SUB, wide, XMM2, in_reg(XMM1));
	emit_sse(e, SSE_ADD, wide, XMM2, in_reg(XMM2));
	emit_round(e, wide, XMM2, XMM2, ROUND_TO_ZERO);
	emit_sse(e, SSE_ADD, wide, XMM1, in_reg(XMM2));
}

/* The host's answer to what does not fit may also be an honest one, and C knows. */
static void need_fit(struct translation *t, unsigned bits, bool is_signed)
{
	struct emit *e = &t->emit;

	if (is_signed) {
		emit_alu_imm(e, ALU_CMP, bits, in_reg(RAX), 1);
		slow_if(t, CC_O);
	} else if (bits == 64) {
		emit_test(e, 64, RAX, RAX);
		slow_if(t, CC_S);
	} else {
		emit_load(e, 32, RDX, in_reg(RAX));
		emit_alu(e, ALU_CMP, 64, RDX, in_reg(RAX));
		slow_if(t, CC_NE);
	}
}

/* A number that has a 64th bit fits, but the host, which knows only signed ones, would call it invalid. */
static void need_half(struct translation *t, bool wide)
{
	emit_constant(&t->emit, RDX, wide ? UINT64_C(0x43e0000000000000) : 0x5f000000); /* 2^63 */
	emit_to_xmm(&t->emit, XMM2, RDX);
	emit_ucomis(&t->emit, wide, XMM1, in_reg(XMM2));
	slow_if(t, CC_AE);
}

/*
 * Where the host has no such conversion it is done in steps. The last is for the flag: that the operand was
 * no integer is to be said of those that fit, only.
 */
static bool to_int(struct translation *t, unsigned bits, bool is_signed, bool wide)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	unsigned rm = rounding(op) == DYNAMIC ? VM_RNE : rounding(op);
	bool at_once = is_signed && (rm == VM_RNE || rm == VM_RTZ);

	if (!at_once && !__builtin_cpu_supports("sse4.1"))
		return false;
	need_unit(t);
	need_box(t, wide, op->rs1);
	emit_sse_load(e, wide, XMM0, fp_place(t, op->rs1));
	if (at_once) {
		emit_to_int(e, wide, bits, rm == VM_RTZ, RAX, XMM0);
		need_fit(t, bits, is_signed);
	} else {
		to_whole(e, rm, wide);
		if (bits == 64 && !is_signed)
			need_half(t, wide);
		emit_to_int(e, wide, is_signed ? bits : 64, true, RAX, XMM1);
		need_fit(t, bits, is_signed);
		emit_to_int(e, wide, 64, true, RDX, XMM0);
	}
	if (bits == 32)
		result_low(t, op->rd, RAX);
	else
		result(t, op->rd, RAX);
	return true;
}

/* Between single and double: `wide` is the source's. */
static void resize(struct translation *t, bool wide)
{
	const struct op *op = t->op;

	need_unit(t);
	need_box(t, wide, op->rs1);
	emit_sse(&t->emit, 0x5a, wide, XMM0, fp_place(t, op->rs1));
	finish(t, !wide);
}

/* Stores a single that was made in a general register. */
static void store_single(struct translation *t, unsigned reg)
{
	struct place place = fp_place(t, t->op->rd);

	emit_store(&t->emit, 32, place, reg);
	place.offset += 4;
	emit_store_imm(&t->emit, 32, place, -1);
}

/* What the sign of rs2 does to that of rs1: takes its place, inverted, or multiplies it. */
enum sign { SIGN_OTHER, SIGN_INVERSE, SIGN_PRODUCT };

/* Of one register: a copy, negated, or without sign. */
static void own_sign_s(struct emit *e, enum sign sign)
{
	if (sign == SIGN_INVERSE)
		emit_alu_imm(e, ALU_XOR, 32, in_reg(RAX), INT32_MIN);
	else if (sign == SIGN_PRODUCT)
		emit_alu_imm(e, ALU_AND, 32, in_reg(RAX), INT32_MAX);
}

static void sign_s(struct translation *t, enum sign sign)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;

	need_box(t, false, op->rs1);
	take_low(t, RAX, op->rs1);
	if (op->rs1 == op->rs2) {
		own_sign_s(e, sign);
		store_single(t, RAX);
		return;
	}
	need_box(t, false, op->rs2);
	take_low(t, RDX, op->rs2);
	if (sign == SIGN_INVERSE)
		emit_group3(e, GROUP3_NOT, 32, in_reg(RDX));
	emit_alu_imm(e, ALU_AND, 32, in_reg(RDX), INT32_MIN);
	if (sign != SIGN_PRODUCT)
		emit_alu_imm(e, ALU_AND, 32, in_reg(RAX), INT32_MAX);
	emit_alu(e, ALU_XOR, 32, RAX, in_reg(RDX));
	store_single(t, RAX);
}

static void own_sign_d(struct translation *t, enum sign sign)
{
	const struct op *op = t->op;
	struct place from = low_of(t, op->rs1), to = low_of(t, op->rd);

	if (sign == SIGN_OTHER && is_xmm(from) && is_xmm(to)) {
		emit_xmm_move(&t->emit, to.reg - XMM_HOME, from.reg - XMM_HOME);
		return;
	}
	take(t, RAX, op->rs1);
	if (sign != SIGN_OTHER)
		emit_bit(&t->emit, sign == SIGN_INVERSE ? BIT_COMPLEMENT : BIT_RESET, RAX, 63);
	result(t, op->rd, RAX);
}

static void sign_d(struct translation *t, enum sign sign)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;

	if (op->rs1 == op->rs2) {
		own_sign_d(t, sign);
		return;
	}
	take(t, RAX, op->rs1);
	take(t, RDX, op->rs2);
	if (sign == SIGN_INVERSE)
		emit_group3(e, GROUP3_NOT, 64, in_reg(RDX));
	emit_shift_imm(e, SHIFT_SHR, 64, in_reg(RDX), 63);
	emit_shift_imm(e, SHIFT_SHL, 64, in_reg(RDX), 63);
	if (sign != SIGN_PRODUCT)
		emit_bit(e, BIT_RESET, RAX, 63);
	emit_alu(e, ALU_XOR, 64, RAX, in_reg(RDX));
	result(t, op->rd, RAX);
}

/*
 * One bit of ten, from negative infinity to NaNs, which C knows. A number without its sign is in none of the
 * ranges that begin with the least subnormal, the least normal number and infinity, or in up to three: so
 * far is its bit from the middle.
 */
static void classify(struct translation *t, bool wide)
{
	unsigned bits = wide ? 64 : 32, rs1 = t->op->rs1;
	uint64_t normal = wide ? UINT64_C(1) << 53 : UINT64_C(1) << 24;
	struct emit *e = &t->emit;

	need_box(t, wide, rs1);
	take(t, RAX, rs1);
	emit_shift_imm(e, SHIFT_SHL, bits, in_reg(RAX), 1);
	emit_constant(e, RDX, 0);
	emit_alu_imm(e, ALU_CMP, bits, in_reg(RAX), 1);
	emit_alu_imm(e, ALU_SBB, 32, in_reg(RDX), -1);
	rcx_free(t);
	emit_constant(e, RCX, normal);
	emit_alu(e, ALU_CMP, bits, RAX, in_reg(RCX));
	emit_alu_imm(e, ALU_SBB, 32, in_reg(RDX), -1);
	emit_constant(e, RCX, wide ? -normal : (uint32_t)-normal);
	emit_alu(e, ALU_CMP, bits, RAX, in_reg(RCX));
	slow_if(t, CC_A);
	emit_alu_imm(e, ALU_SBB, 32, in_reg(RDX), -1);
	take(t, RCX, rs1);
	emit_shift_imm(e, SHIFT_SAR, bits, in_reg(RCX), bits - 1);
	emit_alu(e, ALU_XOR, 32, RDX, in_reg(RCX));
	emit_alu_imm(e, ALU_ADD, 32, in_reg(RDX), 4);
	emit_constant(e, RAX, 0);
	emit_set_bit(e, RAX, RDX);
	result_narrow(t, t->op->rd, RAX);
}

/* Conversions and what moves bits: any mode, or none. */
static bool translate_bits(struct translation *t)
{
	/* clang-format off */
	switch (t->op->id) {
	case ID_fcvt_d_w: from_int(t, 32, true, true); break;
	case ID_fcvt_d_wu: from_int(t, 32, false, true); break;
	case ID_fcvt_w_s:
	case ID_fcvt_w_s_rtz: return to_int(t, 32, true, false);
	case ID_fcvt_wu_s: return to_int(t, 32, false, false);
	case ID_fcvt_l_s:
	case ID_fcvt_l_s_rtz: return to_int(t, 64, true, false);
	case ID_fcvt_lu_s: return to_int(t, 64, false, false);
	case ID_fcvt_w_d:
	case ID_fcvt_w_d_rtz: return to_int(t, 32, true, true);
	case ID_fcvt_wu_d: return to_int(t, 32, false, true);
	case ID_fcvt_l_d:
	case ID_fcvt_l_d_rtz: return to_int(t, 64, true, true);
	case ID_fcvt_lu_d: return to_int(t, 64, false, true);
	case ID_fcvt_d_s: resize(t, false); break;
	case ID_fmin_s:	least(t, false, false); break;
	case ID_fmax_s:	least(t, true, false); break;
	case ID_fmin_d:	least(t, false, true); break;
	case ID_fmax_d:	least(t, true, true); break;
	case ID_fsgnj_s: sign_s(t, SIGN_OTHER); break;
	case ID_fsgnjn_s: sign_s(t, SIGN_INVERSE); break;
	case ID_fsgnjx_s: sign_s(t, SIGN_PRODUCT); break;
	case ID_fsgnj_d: sign_d(t, SIGN_OTHER); break;
	case ID_fsgnjn_d: sign_d(t, SIGN_INVERSE); break;
	case ID_fsgnjx_d: sign_d(t, SIGN_PRODUCT); break;
	case ID_fclass_s: classify(t, false); break;
	case ID_fclass_d: classify(t, true); break;
	case ID_fmv_w_x:
		take_low(t, RAX, t->op->rs1);
		store_single(t, RAX);
		break;
	default: return false;
	}
	/* clang-format on */
	return true;
}

/* What rounds to nearest. */
static bool translate_nearest(struct translation *t)
{
	/* clang-format off */
	switch (t->op->id) {
	case ID_fadd_s:	arithmetic(t, SSE_ADD, false); break;
	case ID_fsub_s:	arithmetic(t, SSE_SUB, false); break;
	case ID_fmul_s:	arithmetic(t, SSE_MUL, false); break;
	case ID_fdiv_s:	arithmetic(t, SSE_DIV, false); break;
	case ID_fsqrt_s: arithmetic(t, SSE_SQRT, false); break;
	case ID_fadd_d:	arithmetic(t, SSE_ADD, true); break;
	case ID_fsub_d:	arithmetic(t, SSE_SUB, true); break;
	case ID_fmul_d:	arithmetic(t, SSE_MUL, true); break;
	case ID_fdiv_d:	arithmetic(t, SSE_DIV, true); break;
	case ID_fsqrt_d: arithmetic(t, SSE_SQRT, true); break;
	case ID_fmadd_s: return multiply_add(t, FMA_ADD, false);
	case ID_fmsub_s: return multiply_add(t, FMA_SUB, false);
	case ID_fnmsub_s: return multiply_add(t, FMA_NEGATED_ADD, false);
	case ID_fnmadd_s: return multiply_add(t, FMA_NEGATED_SUB, false);
	case ID_fmadd_d: return multiply_add(t, FMA_ADD, true);
	case ID_fmsub_d: return multiply_add(t, FMA_SUB, true);
	case ID_fnmsub_d: return multiply_add(t, FMA_NEGATED_ADD, true);
	case ID_fnmadd_d: return multiply_add(t, FMA_NEGATED_SUB, true);
	case ID_feq_s:	compare(t, CC_E, false, false); break;
	case ID_flt_s:	compare(t, CC_A, true, false); break;
	case ID_fle_s:	compare(t, CC_AE, true, false); break;
	case ID_feq_d:	compare(t, CC_E, false, true); break;
	case ID_flt_d:	compare(t, CC_A, true, true); break;
	case ID_fle_d:	compare(t, CC_AE, true, true); break;
	case ID_fcvt_s_w: from_int(t, 32, true, false); break;
	case ID_fcvt_s_wu: from_int(t, 32, false, false); break;
	case ID_fcvt_s_l: from_int(t, 64, true, false); break;
	case ID_fcvt_s_lu: from_int(t, 64, false, false); break;
	case ID_fcvt_d_l: from_int(t, 64, true, true); break;
	case ID_fcvt_d_lu: from_int(t, 64, false, true); break;
	case ID_fcvt_s_d: resize(t, true); break;
	default: return false;
	}
	/* clang-format on */
	return true;
}

bool translate_fp(struct translation *t)
{
	switch (rounding(t->op)) {
	case VM_RNE:
	case DYNAMIC: /* which is to nearest while the unit computes for the thread */
		return translate_bits(t) || translate_nearest(t);
	case VM_RTZ:
	case VM_RDN:
	case VM_RUP:
	case VM_RMM:
		return translate_bits(t);
	}
	return false;
}
