/*
 * The helpers that the meanings in insn.def are written with: integer arithmetic that C leaves
 * undefined or has no word for, NaN boxes, and the names of the software floating point (fp.c).
 */
#ifndef SKERRY_VM_ARITH_H
#define SKERRY_VM_ARITH_H

#include <stdint.h>

#define SEXT32(value) ((uint64_t)(int64_t)(int32_t)(value))

#define SIGN_S        UINT32_C(0x80000000)
#define SIGN_D        UINT64_C(0x8000000000000000)
#define NAN_S         UINT32_C(0x7fc00000)
#define NAN_D         UINT64_C(0x7ff8000000000000)

/* A single lies in a register with all ones above it; what has not counts as the canonical NaN. */
#define BOXED         UINT64_C(0xffffffff00000000)
#define BOX(value)    (BOXED | (uint32_t)(value))
#define UNBOX(value)  ((value) >= BOXED ? (uint32_t)(value) : NAN_S)

static inline uint64_t mulhu(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	return (uint64_t)((unsigned __int128)a * b >> 64);
#else
	uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
	uint64_t middle = ah * bl + (al * bl >> 32);
	uint64_t other = al * bh + (uint32_t)middle;

	return ah * bh + (middle >> 32) + (other >> 32);
#endif
}

static inline uint64_t mulh(uint64_t a, uint64_t b)
{
	return mulhu(a, b) - ((int64_t)a < 0 ? b : 0) - ((int64_t)b < 0 ? a : 0);
}

static inline uint64_t mulhsu(uint64_t a, uint64_t b)
{
	return mulhu(a, b) - ((int64_t)a < 0 ? b : 0);
}

/* Division by zero and the one overflow have results, no traps. */
static inline uint64_t div64(uint64_t a, uint64_t b)
{
	if (b == 0)
		return ~UINT64_C(0);
	return b == ~UINT64_C(0) ? -a : (uint64_t)((int64_t)a / (int64_t)b);
}

static inline uint64_t rem64(uint64_t a, uint64_t b)
{
	if (b == 0)
		return a;
	return b == ~UINT64_C(0) ? 0 : (uint64_t)((int64_t)a % (int64_t)b);
}

static inline uint64_t div32(uint64_t a, uint64_t b)
{
	if ((uint32_t)b == 0)
		return ~UINT64_C(0);
	return (uint32_t)b == ~UINT32_C(0) ? SEXT32(-(uint32_t)a) : SEXT32((int32_t)a / (int32_t)b);
}

static inline uint64_t rem32(uint64_t a, uint64_t b)
{
	if ((uint32_t)b == 0)
		return SEXT32(a);
	return (uint32_t)b == ~UINT32_C(0) ? 0 : SEXT32((int32_t)a % (int32_t)b);
}

/* Rounding modes and flags, as in fcsr. */
enum vm_rounding { VM_RNE, VM_RTZ, VM_RDN, VM_RUP, VM_RMM };
#define FLAG_NX 1
#define FLAG_UF 2
#define FLAG_OF 4
#define FLAG_DZ 8
#define FLAG_NV 16

/* Software floating point: register values in and out; flags are added to *flags. */
#define SOFT_BOTH(S)                                                                                         \
	uint64_t soft_add_##S(uint64_t a, uint64_t b, unsigned subtract, unsigned rm, uint64_t *flags);      \
	uint64_t soft_mul_##S(uint64_t a, uint64_t b, unsigned rm, uint64_t *flags);                         \
	uint64_t soft_div_##S(uint64_t a, uint64_t b, unsigned rm, uint64_t *flags);                         \
	uint64_t soft_sqrt_##S(uint64_t a, unsigned rm, uint64_t *flags);                                    \
	uint64_t soft_fma_##S(uint64_t a, uint64_t b, uint64_t c, unsigned negate_product,                   \
			      unsigned negate_c, unsigned rm, uint64_t *flags);                              \
	uint64_t soft_min_##S(uint64_t a, uint64_t b, unsigned maximum, uint64_t *flags);                    \
	uint64_t soft_eq_##S(uint64_t a, uint64_t b, uint64_t *flags);                                       \
	uint64_t soft_lt_##S(uint64_t a, uint64_t b, uint64_t *flags);                                       \
	uint64_t soft_le_##S(uint64_t a, uint64_t b, uint64_t *flags);                                       \
	uint64_t soft_class_##S(uint64_t a);                                                                 \
	uint64_t soft_to_w_##S(uint64_t a, unsigned rm, uint64_t *flags);                                    \
	uint64_t soft_to_wu_##S(uint64_t a, unsigned rm, uint64_t *flags);                                   \
	uint64_t soft_to_l_##S(uint64_t a, unsigned rm, uint64_t *flags);                                    \
	uint64_t soft_to_lu_##S(uint64_t a, unsigned rm, uint64_t *flags);                                   \
	uint64_t soft_from_i_##S(uint64_t a, unsigned rm, uint64_t *flags);                                  \
	uint64_t soft_from_u_##S(uint64_t a, unsigned rm, uint64_t *flags);
SOFT_BOTH(s)
SOFT_BOTH(d)
#undef SOFT_BOTH
uint64_t soft_narrow(uint64_t a, unsigned rm, uint64_t *flags);
uint64_t soft_widen(uint64_t a, uint64_t *flags);

#endif
