/* Hand-written cases of floating point: modes, flags, and operands at the edges of what a conversion can do.
 */
#include "test/insn/cases.h"

static bool illegal_dynamic_rounding(struct machine *m)
{
	PROGRAM(m, FADD_D(1, 2, 3, 7), FCVT_W_D(5, 2, 7), ECALL);
	for (unsigned frm = 0; frm < 8; frm++) {
		m->regs.fcsr = frm << 5;
		if (frm < 5) {
			EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		} else {
			EXPECT_FAULT(m, CODE, VM_CAUSE_ILLEGAL, FADD_D(1, 2, 3, 7), CODE, 0);
			EXPECT_FAULT(m, CODE + 4, VM_CAUSE_ILLEGAL, FCVT_W_D(5, 2, 7), CODE + 4, 0);
		}
	}
	return true;
}

static bool flags_are_exact_on_return(struct machine *m)
{
	m->regs.f[2] = UINT64_C(0x3ff0000000000000); /* 1 */
	m->regs.f[3] = UINT64_C(0x3c00000000000000); /* tiny */
	PROGRAM(m, NOP, FADD_D(1, 2, 3, 0), FADD_D(4, 2, 2, 0), LD(5, 0, 0));
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_PAGE, 0, CODE + 12, 3);
	EXPECT("fcsr", m->regs.fcsr, 1);
	m->regs.fcsr = 0;
	EXPECT("stop", go(m, CODE, 1), VM_STOP_BUDGET);
	EXPECT("fcsr", m->regs.fcsr, 0);
	EXPECT("stop", go(m, CODE + 4, 1), VM_STOP_BUDGET);
	EXPECT("fcsr", m->regs.fcsr, 1);
	m->regs.fcsr = 0;
	EXPECT("stop", go(m, CODE + 8, 1), VM_STOP_BUDGET);
	EXPECT("fcsr", m->regs.fcsr, 0);
	return true;
}

#define NX            1
#define NV            16
#define FMIN_D        R_TYPE(0x2a000053, 1, 2, 3)
#define FMAX_D        R_TYPE(0x2a001053, 1, 2, 3)
#define FCVT_WU_D(rm) FCVT(0xc2100053, 1, 2, rm)
#define FCVT_L_D(rm)  FCVT(0xc2200053, 1, 2, rm)
#define FCVT_LU_D(rm) FCVT(0xc2300053, 1, 2, rm)
#define FCVT_LU_S(rm) FCVT(0xc0300053, 1, 2, rm)
#define FCVT_S_LU(rm) FCVT(0xd0300053, 1, 2, rm)
#define FCVT_D_LU(rm) FCVT(0xd2300053, 1, 2, rm)
#define S(bits)       (UINT64_C(0xffffffff00000000) | (bits))
#define D(bits)       UINT64_C(bits)

enum { RNE, RTZ, RDN, RUP, RMM };

/* From register 2 (and 3) of both kinds to register 1 of one. */
static const struct {
	uint32_t word;
	uint64_t a, result, flags, b;
} edges[] = {
	/* A tie, and the last of 64 bits decides one. */
	{FCVT_D_LU(RNE), 0x8000000000000400, D(0x43e0000000000000), NX, 0},
	{FCVT_D_LU(RNE), 0x8000000000000401, D(0x43e0000000000001), NX, 0},
	{FCVT_D_LU(RNE), 0x8000000000000800, D(0x43e0000000000001), 0, 0},
	{FCVT_S_LU(RNE), 0x8000008000000000, S(0x5f000000), NX, 0},
	{FCVT_S_LU(RNE), 0x8000008000000001, S(0x5f000001), NX, 0},
	{FCVT_S_LU(RNE), UINT64_MAX, S(0x5f800000), NX, 0},
	/* To 64 bits without sign: 2^63, the largest, 2^64; -0.5; -1. */
	{FCVT_LU_D(RTZ), D(0x43e0000000000000), UINT64_C(1) << 63, 0, 0},
	{FCVT_LU_D(RTZ), D(0x43efffffffffffff), 0xfffffffffffff800, 0, 0},
	{FCVT_LU_D(RTZ), D(0x43f0000000000000), UINT64_MAX, NV, 0},
	{FCVT_LU_D(RTZ), D(0xbfe0000000000000), 0, NX, 0},
	{FCVT_LU_D(RDN), D(0xbfe0000000000000), 0, NV, 0},
	{FCVT_LU_D(RTZ), D(0xbff0000000000000), 0, NV, 0},
	{FCVT_LU_S(RTZ), S(0x5f000000), UINT64_C(1) << 63, 0, 0},
	/* To 32 bits: 2^31 - 0.5, 2^32 - 0.5, -2^31 - 0.5, each into reach and out of it. */
	{FCVT_W_D(1, 2, RDN), D(0x41dfffffffe00000), INT32_MAX, NX, 0},
	{FCVT_W_D(1, 2, RUP), D(0x41dfffffffe00000), INT32_MAX, NV, 0},
	{FCVT_W_D(1, 2, RNE), D(0x41dfffffffe00000), INT32_MAX, NV, 0},
	{FCVT_WU_D(RTZ), D(0x41effffffff00000), UINT64_MAX, NX, 0},
	{FCVT_WU_D(RUP), D(0x41effffffff00000), UINT64_MAX, NV, 0},
	{FCVT_W_D(1, 2, RUP), D(0xc1e0000000100000), (uint64_t)INT32_MIN, NX, 0},
	{FCVT_W_D(1, 2, RDN), D(0xc1e0000000100000), (uint64_t)INT32_MIN, NV, 0},
	/* Ties: 0.5, 1.5, 2.5, -2.5; and the largest number below 0.5. */
	{FCVT_L_D(RMM), D(0x3fe0000000000000), 1, NX, 0},
	{FCVT_L_D(RMM), D(0x3ff8000000000000), 2, NX, 0},
	{FCVT_L_D(RMM), D(0x4004000000000000), 3, NX, 0},
	{FCVT_L_D(RMM), D(0xc004000000000000), (uint64_t)-3, NX, 0},
	{FCVT_L_D(RMM), D(0x3fdfffffffffffff), 0, NX, 0},
	{FCVT_L_D(RNE), D(0x4004000000000000), 2, NX, 0},
	/* Of two zeros, and of a number and a NaN, quiet or not. */
	{FMIN_D, D(0), D(0x8000000000000000), 0, D(0x8000000000000000)},
	{FMIN_D, D(0x8000000000000000), D(0x8000000000000000), 0, D(0)},
	{FMAX_D, D(0), D(0), 0, D(0x8000000000000000)},
	{FMAX_D, D(0x8000000000000000), D(0), 0, D(0)},
	{FMIN_D, D(0x7ff8000000000000), D(1), 0, D(1)},
	{FMAX_D, D(1), D(1), NV, D(0x7ff0000000000001)},
};

static bool edges_of_numbers(struct machine *m)
{
	const uint64_t untouched = 0x1234;
	char name[40];

	for (unsigned i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		uint64_t *x = m->regs.x, *f = m->regs.f;

		x[1] = f[1] = untouched;
		x[2] = f[2] = edges[i].a;
		x[3] = f[3] = edges[i].b;
		f[5] = m->regs.fcsr = 0;
		PROGRAM(m, FADD_D(4, 5, 5, RNE), edges[i].word, ECALL); /* the first gets the unit ready */
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		snprintf(name, sizeof(name), "result %u", i);
		EXPECT(name, x[1] == untouched ? f[1] : x[1], edges[i].result);
		snprintf(name, sizeof(name), "fcsr %u", i);
		EXPECT(name, m->regs.fcsr, edges[i].flags);
	}
	return true;
}

const struct vm_case float_cases[] = {
	CASE(illegal_dynamic_rounding),
	CASE(flags_are_exact_on_return),
	CASE(edges_of_numbers),
	{0},
};
