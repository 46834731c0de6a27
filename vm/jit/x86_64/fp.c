/*
 * Floating point on the host's unit, under the interpreter's conditions: the unit computes for the thread
 * (fp_ready), singles are boxed, and no result is a NaN. Else C does the instruction. Registers lie in
 * memory.
 */
#include "vm/jit/x86_64/translate.h"

static void need_unit(struct translation *t)
{
	struct emit *e = &t->emit;

	if (t->has_unit)
		return;

	emit_insn(e, 0, 0x80, false, false, ALU_CMP,
		  in_memory(SPACE, (int32_t)offsetof(struct space, fp_ready)));
	emit_8(e, 0);
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

static void from_int(struct translation *t, unsigned bits, bool is_signed, bool wide)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;

	need_unit(t);
	if (op->rs1 == 0)
		emit_constant(e, RAX, 0);
	else
		emit_extend(e, bits, is_signed, RAX, place_of(t, op->rs1));
	emit_insn(e, 0, 0x0f57, false, false, XMM0, in_reg(XMM0)); /* xorps: cvtsi2sd keeps the rest */
	emit_from_int(e, wide, 64, XMM0, in_reg(RAX));
	store(t, wide, op->rd, XMM0);
}

/* Towards zero; the host's answer to what does not fit may also be an honest one, and C knows. */
static void to_int(struct translation *t, unsigned bits, bool wide)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;

	need_unit(t);
	need_box(t, wide, op->rs1);
	emit_sse_load(e, wide, XMM0, fp_place(t, op->rs1));
	emit_to_int(e, wide, bits, RAX, XMM0);
	emit_constant(e, RDX, bits == 64 ? UINT64_C(1) << 63 : UINT64_C(1) << 31);
	emit_alu(e, ALU_CMP, bits, RAX, in_reg(RDX));
	slow_if(t, CC_E);
	if (bits == 32)
		emit_extend(e, 32, true, RAX, in_reg(RAX));
	result(t, op->rd, RAX);
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

bool translate_fp(struct translation *t)
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
	case ID_fcvt_d_w: from_int(t, 32, true, true); break;
	case ID_fcvt_d_wu: from_int(t, 32, false, true); break;
	case ID_fcvt_d_l: from_int(t, 64, true, true); break;
	case ID_fcvt_w_s_rtz: to_int(t, 32, false); break;
	case ID_fcvt_l_s_rtz: to_int(t, 64, false); break;
	case ID_fcvt_w_d_rtz: to_int(t, 32, true); break;
	case ID_fcvt_l_d_rtz: to_int(t, 64, true); break;
	case ID_fcvt_s_d: resize(t, true); break;
	case ID_fcvt_d_s: resize(t, false); break;
	default: return false;
	}
	/* clang-format on */
	return true;
}
