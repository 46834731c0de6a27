/*
 * Floating point in integers: exact in every rounding mode, with flags, for single and double. The
 * interpreter uses it where the host's unit does not do (other modes than to nearest, NaNs, hosts
 * without flags) and the tests compare the two.
 *
 * A number is unpacked into sign, exponent and a 64-bit significand whose top bit is set; a result
 * is computed with its significand exact or "jammed" (what was lost is ORed into bit 0), then
 * rounded once, by round_pack(). Tininess is detected after rounding, as RISC-V wants it.
 */
#include <stdbool.h>

#include "vm/interp/arith.h"

struct format {
	unsigned fraction; /* bits */
	int bias;
	uint64_t infinity; /* its encoding: all exponent bits */
	bool single;
};

static const struct format single = {23, 127, UINT64_C(0x7f800000), true};
static const struct format dbl = {52, 1023, UINT64_C(0x7ff0000000000000), false};

enum kind { ZERO, FINITE, INFINITE, QUIET, SIGNALING };

/* The value of a FINITE one is significand * 2^(exponent - 63). */
struct number {
	enum kind kind;
	bool sign;
	int exponent;
	uint64_t significand;
};

struct wide {
	uint64_t high, low;
};

static uint64_t sign_bit(const struct format *f)
{
	return f->single ? SIGN_S : SIGN_D;
}

/* From an encoding to a register's value. */
static uint64_t box(const struct format *f, uint64_t raw)
{
	return f->single ? BOX(raw) : raw;
}

static uint64_t raw_of(const struct format *f, uint64_t reg)
{
	return f->single ? UNBOX(reg) : reg;
}

static uint64_t canonical(const struct format *f)
{
	return box(f, f->single ? NAN_S : NAN_D);
}

static struct number unpack(const struct format *f, uint64_t reg)
{
	uint64_t raw = raw_of(f, reg);
	uint64_t fraction = raw & ((UINT64_C(1) << f->fraction) - 1);
	int exponent = (int)((raw & f->infinity) >> f->fraction);
	struct number n = {.sign = raw & sign_bit(f)};

	if ((raw & f->infinity) == f->infinity) {
		n.kind = !fraction ? INFINITE : fraction >> (f->fraction - 1) ? QUIET : SIGNALING;
	} else if (exponent) {
		n.kind = FINITE;
		n.exponent = exponent - f->bias;
		n.significand = (fraction | UINT64_C(1) << f->fraction) << (63 - f->fraction);
	} else if (fraction) {
		int zeros = __builtin_clzll(fraction);

		n.kind = FINITE;
		n.exponent = 1 - f->bias - (int)f->fraction + (63 - zeros);
		n.significand = fraction << zeros;
	}
	return n;
}

static bool is_nan(struct number n)
{
	return n.kind >= QUIET;
}

/* The canonical NaN; invalid if one of the operands signals. */
static uint64_t nan_result(const struct format *f, struct number a, struct number b, uint64_t *flags)
{
	if (a.kind == SIGNALING || b.kind == SIGNALING)
		*flags |= FLAG_NV;
	return canonical(f);
}

static uint64_t invalid(const struct format *f, uint64_t *flags)
{
	*flags |= FLAG_NV;
	return canonical(f);
}

static uint64_t signed_box(const struct format *f, bool sign, uint64_t raw)
{
	return box(f, raw | (sign ? sign_bit(f) : 0));
}

static uint64_t shift_jam(uint64_t value, unsigned by)
{
	if (by == 0)
		return value;
	if (by > 63)
		return value != 0;
	return value >> by | ((value << (64 - by)) != 0);
}

static struct wide wide_shift_jam(struct wide v, unsigned by)
{
	if (by == 0)
		return v;
	if (by >= 64)
		return (struct wide){0, shift_jam(v.high, by - 64) | (v.low != 0)};
	return (struct wide){v.high >> by, v.high << (64 - by) | shift_jam(v.low, by)};
}

/* Does what is dropped (`rest` of at most 2 * half) round the magnitude up? */
static bool rounds_up(unsigned rm, bool sign, bool odd, uint64_t rest, uint64_t half)
{
	switch (rm) {
	case VM_RNE:
		return rest > half || (rest == half && odd);
	case VM_RDN:
		return sign && rest;
	case VM_RUP:
		return !sign && rest;
	case VM_RMM:
		return rest >= half;
	default:
		return false;
	}
}

static uint64_t overflow(const struct format *f, bool sign, unsigned rm, uint64_t *flags)
{
	bool infinite = rm == VM_RNE || rm == VM_RMM || rm == (sign ? VM_RDN : VM_RUP);

	*flags |= FLAG_OF | FLAG_NX;
	return signed_box(f, sign, infinite ? f->infinity : f->infinity - 1);
}

/* Rounds significand * 2^(exponent - 63), the top bit set and bit 0 jammed, to a register's value. */
static uint64_t round_pack(const struct format *f, bool sign, int exponent, uint64_t significand, unsigned rm,
			   uint64_t *flags)
{
	unsigned drop = 63 - f->fraction;
	uint64_t half = UINT64_C(1) << (drop - 1), below = half * 2 - 1, rest, raw;
	int least = 1 - f->bias;
	bool tiny = false;

	if (exponent > f->bias)
		return overflow(f, sign, rm, flags);
	if (exponent < least) {
		/* Not tiny if rounding as if the exponent had no bound reaches the least normal. */
		bool carries = (significand | below) == ~UINT64_C(0) &&
			       rounds_up(rm, sign, true, significand & below, half);

		tiny = exponent < least - 1 || !carries;
		significand = shift_jam(significand, (unsigned)(least - exponent));
		exponent = least;
	}
	rest = significand & below;
	raw = significand >> drop;
	if (rest) {
		*flags |= FLAG_NX | (tiny ? FLAG_UF : 0);
		raw += rounds_up(rm, sign, raw & 1, rest, half);
	}
	/* The hidden bit, where there is one, adds 1 to the exponent, and so does a carry. */
	raw += (uint64_t)(exponent - least) << f->fraction;
	if (raw >= f->infinity)
		return overflow(f, sign, rm, flags);
	return signed_box(f, sign, raw);
}

/* Normalizes a 128-bit significand (bit 127 stands for 2^exponent) and rounds it. Not zero. */
static uint64_t round_wide(const struct format *f, bool sign, int exponent, struct wide v, unsigned rm,
			   uint64_t *flags)
{
	unsigned zeros;

	if (v.high == 0) {
		v.high = v.low;
		v.low = 0;
		exponent -= 64;
	}
	zeros = (unsigned)__builtin_clzll(v.high);
	if (zeros) {
		v.high = v.high << zeros | v.low >> (64 - zeros);
		v.low <<= zeros;
	}
	return round_pack(f, sign, exponent - (int)zeros, v.high | (v.low != 0), rm, flags);
}

/* A sum that is exactly zero, of operands with these signs. */
static uint64_t zero_sum(const struct format *f, bool sign_a, bool sign_b, unsigned rm)
{
	return signed_box(f, sign_a == sign_b ? sign_a : rm == VM_RDN, 0);
}

/* a + b of finite numbers with 128-bit significands, bits 127 set, the low bits of each zero enough to spare
 * two. */
static uint64_t add_wide(const struct format *f, bool sign_a, int exp_a, struct wide a, bool sign_b,
			 int exp_b, struct wide b, unsigned rm, uint64_t *flags)
{
	struct wide sum;

	if (exp_a < exp_b || (exp_a == exp_b && (a.high < b.high || (a.high == b.high && a.low < b.low)))) {
		bool sign = sign_a;
		int exponent = exp_a;
		struct wide v = a;

		sign_a = sign_b, exp_a = exp_b, a = b;
		sign_b = sign, exp_b = exponent, b = v;
	}
	a = wide_shift_jam(a, 2);
	b = wide_shift_jam(b, 2);
	b = wide_shift_jam(b, exp_a - exp_b > 200 ? 200 : (unsigned)(exp_a - exp_b));
	if (sign_a == sign_b) {
		sum.low = a.low + b.low;
		sum.high = a.high + b.high + (sum.low < a.low);
	} else {
		sum.low = a.low - b.low;
		sum.high = a.high - b.high - (a.low < b.low);
	}
	if (!(sum.high | sum.low))
		return zero_sum(f, sign_a, sign_b, rm);
	return round_wide(f, sign_a, exp_a + 2, sum, rm, flags);
}

static uint64_t add(const struct format *f, uint64_t ra, uint64_t rb, unsigned subtract, unsigned rm,
		    uint64_t *flags)
{
	struct number a = unpack(f, ra), b = unpack(f, rb);

	if (is_nan(a) || is_nan(b))
		return nan_result(f, a, b, flags);
	b.sign ^= (bool)subtract;
	if (a.kind == INFINITE && b.kind == INFINITE && a.sign != b.sign)
		return invalid(f, flags);
	if (a.kind == INFINITE || b.kind == INFINITE)
		return signed_box(f, a.kind == INFINITE ? a.sign : b.sign, f->infinity);
	if (a.kind == ZERO && b.kind == ZERO)
		return zero_sum(f, a.sign, b.sign, rm);
	if (b.kind == ZERO)
		return round_pack(f, a.sign, a.exponent, a.significand, rm, flags);
	if (a.kind == ZERO)
		return round_pack(f, b.sign, b.exponent, b.significand, rm, flags);
	return add_wide(f, a.sign, a.exponent, (struct wide){a.significand, 0}, b.sign, b.exponent,
			(struct wide){b.significand, 0}, rm, flags);
}

/* The exact product of two finite numbers, normalized. */
static struct wide product(struct number a, struct number b, int *exponent)
{
	struct wide v = {mulhu(a.significand, b.significand), a.significand * b.significand};

	*exponent = a.exponent + b.exponent + 1;
	if (!(v.high >> 63)) {
		v.high = v.high << 1 | v.low >> 63;
		v.low <<= 1;
		--*exponent;
	}
	return v;
}

static uint64_t mul(const struct format *f, uint64_t ra, uint64_t rb, unsigned rm, uint64_t *flags)
{
	struct number a = unpack(f, ra), b = unpack(f, rb);
	bool sign = a.sign != b.sign;
	int exponent;
	struct wide v;

	if (is_nan(a) || is_nan(b))
		return nan_result(f, a, b, flags);
	if (a.kind == INFINITE || b.kind == INFINITE) {
		if (a.kind == ZERO || b.kind == ZERO)
			return invalid(f, flags);
		return signed_box(f, sign, f->infinity);
	}
	if (a.kind == ZERO || b.kind == ZERO)
		return signed_box(f, sign, 0);
	v = product(a, b, &exponent);
	return round_pack(f, sign, exponent, v.high | (v.low != 0), rm, flags);
}

static uint64_t quotient(const struct format *f, uint64_t ra, uint64_t rb, unsigned rm, uint64_t *flags)
{
	struct number a = unpack(f, ra), b = unpack(f, rb);
	bool sign = a.sign != b.sign;
	int exponent = a.exponent - b.exponent;
	uint64_t rest = a.significand >> 2, by = b.significand >> 2, bits = 0;

	if (is_nan(a) || is_nan(b))
		return nan_result(f, a, b, flags);
	if (a.kind == b.kind && a.kind != FINITE)
		return invalid(f, flags); /* 0 / 0, infinity / infinity */
	if (b.kind == ZERO && a.kind == FINITE)
		*flags |= FLAG_DZ;
	if (a.kind == INFINITE || b.kind == ZERO)
		return signed_box(f, sign, f->infinity);
	if (a.kind == ZERO || b.kind == INFINITE)
		return signed_box(f, sign, 0);
	if (rest < by) {
		rest <<= 1;
		exponent--;
	}
	for (unsigned i = 0; i < 64; i++) {
		bits <<= 1;
		if (rest >= by) {
			rest -= by;
			bits |= 1;
		}
		rest <<= 1;
	}
	return round_pack(f, sign, exponent, bits | (rest != 0), rm, flags);
}

static uint64_t root(const struct format *f, uint64_t ra, unsigned rm, uint64_t *flags)
{
	struct number a = unpack(f, ra);
	uint64_t radicand = a.significand, rest = 0, bits = 0;
	int odd = a.exponent & 1;

	if (is_nan(a))
		return nan_result(f, a, a, flags);
	if (a.kind == ZERO)
		return signed_box(f, a.sign, 0);
	if (a.sign)
		return invalid(f, flags);
	if (a.kind == INFINITE)
		return signed_box(f, false, f->infinity);
	if (!odd)
		radicand >>= 1; /* two bits before the point in either case */
	for (unsigned i = 0; i < 60; i++) {
		uint64_t trial = bits << 2 | 1;

		rest = rest << 2 | radicand >> 62;
		radicand <<= 2;
		bits <<= 1;
		if (rest >= trial) {
			rest -= trial;
			bits |= 1;
		}
	}
	return round_pack(f, false, (a.exponent - odd) / 2, bits << 4 | (rest != 0), rm, flags);
}

static uint64_t fma_infinite(const struct format *f, struct number a, struct number b, struct number c,
			     bool sign, uint64_t *flags)
{
	if (a.kind == INFINITE || b.kind == INFINITE) {
		if (c.kind == INFINITE && c.sign != sign)
			return invalid(f, flags);
		return signed_box(f, sign, f->infinity);
	}
	return signed_box(f, c.sign, f->infinity);
}

static uint64_t fma_any(const struct format *f, uint64_t ra, uint64_t rb, uint64_t rc,
			unsigned negate_product, unsigned negate_c, unsigned rm, uint64_t *flags)
{
	struct number a = unpack(f, ra), b = unpack(f, rb), c = unpack(f, rc);
	bool sign = (a.sign != b.sign) != (bool)negate_product;
	int exponent;
	struct wide v;

	if ((a.kind == INFINITE && b.kind == ZERO) || (a.kind == ZERO && b.kind == INFINITE))
		return invalid(f, flags); /* even if c is a quiet NaN */
	if (is_nan(a) || is_nan(b) || is_nan(c)) {
		nan_result(f, a, b, flags);
		return nan_result(f, c, c, flags);
	}
	c.sign ^= (bool)negate_c;
	if (a.kind == INFINITE || b.kind == INFINITE || c.kind == INFINITE)
		return fma_infinite(f, a, b, c, sign, flags);
	if (a.kind == ZERO || b.kind == ZERO) {
		if (c.kind == ZERO)
			return zero_sum(f, sign, c.sign, rm);
		return round_pack(f, c.sign, c.exponent, c.significand, rm, flags);
	}
	v = product(a, b, &exponent);
	if (c.kind == ZERO)
		return round_pack(f, sign, exponent, v.high | (v.low != 0), rm, flags);
	return add_wide(f, sign, exponent, v, c.sign, c.exponent, (struct wide){c.significand, 0}, rm, flags);
}

/* --- comparisons --- */

/* -0 and +0 are equal here. Neither is a NaN. */
static bool less(const struct format *f, uint64_t a, uint64_t b, bool or_equal)
{
	bool sign_a = a & sign_bit(f), sign_b = b & sign_bit(f);
	uint64_t mag_a = a & ~sign_bit(f), mag_b = b & ~sign_bit(f);

	if (mag_a == mag_b && (sign_a == sign_b || mag_a == 0))
		return or_equal;
	if (sign_a != sign_b)
		return sign_a;
	return (mag_a < mag_b) != sign_a;
}

/* a < b, or a <= b; any NaN is invalid. */
static uint64_t ordered(const struct format *f, uint64_t ra, uint64_t rb, bool or_equal, uint64_t *flags)
{
	if (is_nan(unpack(f, ra)) || is_nan(unpack(f, rb))) {
		*flags |= FLAG_NV;
		return 0;
	}
	return less(f, raw_of(f, ra), raw_of(f, rb), or_equal);
}

static uint64_t equal(const struct format *f, uint64_t ra, uint64_t rb, uint64_t *flags)
{
	uint64_t a = raw_of(f, ra), b = raw_of(f, rb);

	if (is_nan(unpack(f, ra)) || is_nan(unpack(f, rb))) {
		nan_result(f, unpack(f, ra), unpack(f, rb), flags);
		return 0;
	}
	return a == b || ((a | b) & ~sign_bit(f)) == 0;
}

/* A NaN loses against a number; -0 is less than +0. */
static uint64_t minimum(const struct format *f, uint64_t ra, uint64_t rb, bool maximum, uint64_t *flags)
{
	struct number a = unpack(f, ra), b = unpack(f, rb);
	uint64_t x = raw_of(f, ra), y = raw_of(f, rb);
	bool first;

	if (is_nan(a) || is_nan(b)) {
		nan_result(f, a, b, flags);
		return is_nan(a) && is_nan(b) ? canonical(f) : box(f, is_nan(a) ? y : x);
	}
	if (a.kind == ZERO && b.kind == ZERO)
		first = a.sign;
	else
		first = less(f, x, y, false);
	return box(f, first != maximum ? x : y);
}

static uint64_t classify(const struct format *f, uint64_t reg)
{
	struct number n = unpack(f, reg);
	bool subnormal = n.kind == FINITE && n.exponent < 1 - f->bias;

	switch (n.kind) {
	case ZERO:
		return n.sign ? 1 << 3 : 1 << 4;
	case INFINITE:
		return n.sign ? 1 << 0 : 1 << 7;
	case SIGNALING:
		return 1 << 8;
	case QUIET:
		return 1 << 9;
	default:
		break;
	}
	if (subnormal)
		return n.sign ? 1 << 2 : 1 << 5;
	return n.sign ? 1 << 1 : 1 << 6;
}

/* --- conversions --- */

/* To an integer between -`below` and `above`; what does not fit is invalid and saturates. */
static uint64_t to_int(const struct format *f, uint64_t reg, uint64_t below, uint64_t above, unsigned rm,
		       uint64_t *flags)
{
	struct number n = unpack(f, reg);
	uint64_t limit, value = 0, rest = 0, half = UINT64_C(1) << 63;

	if (is_nan(n))
		n.sign = false;
	limit = n.sign ? below : above;
	if (n.kind == ZERO)
		return 0;
	if (n.kind == FINITE && n.exponent < 64) {
		if (n.exponent < 0) {
			rest = shift_jam(n.significand, (unsigned)(-n.exponent - 1));
		} else {
			value = n.significand >> (63 - n.exponent);
			rest = n.exponent == 63 ? 0 : n.significand << (n.exponent + 1);
		}
		value += rounds_up(rm, n.sign, value & 1, rest, half);
	}
	if (n.kind != FINITE || n.exponent > 63 || value > limit) {
		*flags |= FLAG_NV;
		value = limit;
	} else if (rest) {
		*flags |= FLAG_NX;
	}
	return n.sign ? -value : value;
}

static uint64_t from_int(const struct format *f, bool sign, uint64_t magnitude, unsigned rm, uint64_t *flags)
{
	int zeros;

	if (magnitude == 0)
		return box(f, 0);
	zeros = __builtin_clzll(magnitude);
	return round_pack(f, sign, 63 - zeros, magnitude << zeros, rm, flags);
}

static uint64_t convert(const struct format *from, const struct format *to, uint64_t reg, unsigned rm,
			uint64_t *flags)
{
	struct number n = unpack(from, reg);

	if (is_nan(n))
		return nan_result(to, n, n, flags);
	if (n.kind != FINITE)
		return signed_box(to, n.sign, n.kind == ZERO ? 0 : to->infinity);
	return round_pack(to, n.sign, n.exponent, n.significand, rm, flags);
}

uint64_t soft_narrow(uint64_t a, unsigned rm, uint64_t *flags)
{
	return convert(&dbl, &single, a, rm, flags);
}

uint64_t soft_widen(uint64_t a, uint64_t *flags)
{
	return convert(&single, &dbl, a, VM_RNE, flags);
}

/* clang-format off */
/* The public names, for both formats. */
#define SOFT_BOTH(S, format)                                                                                  \
	uint64_t soft_add_##S(uint64_t a, uint64_t b, unsigned subtract, unsigned rm, uint64_t *flags)          \
	{                                                                                                       \
		return add(format, a, b, subtract, rm, flags);                                                  \
	}                                                                                                       \
	uint64_t soft_mul_##S(uint64_t a, uint64_t b, unsigned rm, uint64_t *flags)                             \
	{                                                                                                       \
		return mul(format, a, b, rm, flags);                                                            \
	}                                                                                                       \
	uint64_t soft_div_##S(uint64_t a, uint64_t b, unsigned rm, uint64_t *flags)                             \
	{                                                                                                       \
		return quotient(format, a, b, rm, flags);                                                       \
	}                                                                                                       \
	uint64_t soft_sqrt_##S(uint64_t a, unsigned rm, uint64_t *flags)                                        \
	{                                                                                                       \
		return root(format, a, rm, flags);                                                              \
	}                                                                                                       \
	uint64_t soft_fma_##S(uint64_t a, uint64_t b, uint64_t c, unsigned negate_product, unsigned negate_c,   \
	                      unsigned rm, uint64_t *flags)                                                     \
	{                                                                                                       \
		return fma_any(format, a, b, c, negate_product, negate_c, rm, flags);                           \
	}                                                                                                       \
	uint64_t soft_min_##S(uint64_t a, uint64_t b, unsigned maximum, uint64_t *flags)                        \
	{                                                                                                       \
		return minimum(format, a, b, maximum, flags);                                                   \
	}                                                                                                       \
	uint64_t soft_eq_##S(uint64_t a, uint64_t b, uint64_t *flags)                                           \
	{                                                                                                       \
		return equal(format, a, b, flags);                                                              \
	}                                                                                                       \
	uint64_t soft_lt_##S(uint64_t a, uint64_t b, uint64_t *flags)                                           \
	{                                                                                                       \
		return ordered(format, a, b, false, flags);                                                     \
	}                                                                                                       \
	uint64_t soft_le_##S(uint64_t a, uint64_t b, uint64_t *flags)                                           \
	{                                                                                                       \
		return ordered(format, a, b, true, flags);                                                      \
	}                                                                                                       \
	uint64_t soft_class_##S(uint64_t a)                                                                     \
	{                                                                                                       \
		return classify(format, a);                                                                     \
	}                                                                                                       \
	uint64_t soft_to_w_##S(uint64_t a, unsigned rm, uint64_t *flags)                                        \
	{                                                                                                       \
		return SEXT32(to_int(format, a, UINT64_C(1) << 31, INT32_MAX, rm, flags));                      \
	}                                                                                                       \
	uint64_t soft_to_wu_##S(uint64_t a, unsigned rm, uint64_t *flags)                                       \
	{                                                                                                       \
		return SEXT32(to_int(format, a, 0, UINT32_MAX, rm, flags));                                     \
	}                                                                                                       \
	uint64_t soft_to_l_##S(uint64_t a, unsigned rm, uint64_t *flags)                                        \
	{                                                                                                       \
		return to_int(format, a, UINT64_C(1) << 63, INT64_MAX, rm, flags);                              \
	}                                                                                                       \
	uint64_t soft_to_lu_##S(uint64_t a, unsigned rm, uint64_t *flags)                                       \
	{                                                                                                       \
		return to_int(format, a, 0, UINT64_MAX, rm, flags);                                             \
	}                                                                                                       \
	uint64_t soft_from_i_##S(uint64_t a, unsigned rm, uint64_t *flags)                                      \
	{                                                                                                       \
		return from_int(format, (int64_t)a < 0, (int64_t)a < 0 ? -a : a, rm, flags);                    \
	}                                                                                                       \
	uint64_t soft_from_u_##S(uint64_t a, unsigned rm, uint64_t *flags)                                      \
	{                                                                                                       \
		return from_int(format, false, a, rm, flags);                                                   \
	}

SOFT_BOTH(s, &single)
SOFT_BOTH(d, &dbl)
