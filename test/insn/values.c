/* Random values for registers and memory: edges often. */
#include "test/insn/machine.h"

uint64_t random_int(struct random *r)
{
	static const uint64_t edges[] = {
		0,
		1,
		2,
		UINT64_MAX,
		UINT64_MAX - 1,
		INT64_MAX,
		(uint64_t)INT64_MAX + 1,
		INT32_MAX,
		0x80000000,
		0xffffffff80000000,
		0xffffffff,
		0x100000000,
		0x7f,
		0x80,
		0xff,
		0x7fff,
		0x8000,
		0xffff,
		63,
		64,
		31,
		32,
	};
	uint64_t value = random_next(r);

	switch (random_below(r, 5)) {
	case 0:
		return edges[random_below(r, sizeof(edges) / sizeof(edges[0]))];
	case 1:
		return value >> random_below(r, 64);
	case 2:
		return (uint64_t)((int64_t)value >> random_below(r, 64));
	case 3:
		return (UINT64_C(1) << random_below(r, 64)) +
		       (uint64_t)(int64_t)((int)random_below(r, 5) - 2);
	default:
		return value;
	}
}

/* An encoding with this many fraction and exponent bits, edges often. */
static uint64_t random_float(struct random *r, unsigned fraction_bits, unsigned exponent_bits)
{
	uint64_t ones = (UINT64_C(1) << fraction_bits) - 1, top = (UINT64_C(1) << exponent_bits) - 1;
	uint64_t bias = top / 2, fraction = random_next(r) & ones;
	uint64_t exponent = bias - 2 + random_below(r, 5), sign = random_below(r, 2);

	if (random_below(r, 8) == 0) /* zero, the least number, infinity, NaNs */
		return sign << (fraction_bits + exponent_bits) |
		       (random_below(r, 2) ? top << fraction_bits : 0) |
		       (random_below(r, 2) ? 0 : UINT64_C(1) << random_below(r, 2) * (fraction_bits - 1));
	switch (random_below(r, 8)) {
	case 0:
		exponent = 0;
		break;
	case 1:
		exponent = top - random_below(r, 2);
		break;
	case 2:
		exponent = random_below(r, 4);
		break;
	case 3:
		exponent = random_below(r, top + 1);
		break;
	case 4:
		exponent = bias + random_below(r, 70);
		break;
	case 5:
		exponent = bias / 2 + random_below(r, 8);
		break;
	}
	switch (random_below(r, 7)) {
	case 0:
		fraction = 0;
		break;
	case 1:
		fraction = ones;
		break;
	case 2:
		fraction = UINT64_C(1) << random_below(r, fraction_bits);
		break;
	case 3:
		fraction &= fraction << random_below(r, fraction_bits);
		break;
	case 4:
		fraction = ones - random_below(r, 4);
		break;
	case 5: /* halves and quarters, if the number is small */
		fraction = random_below(r, 8) << (fraction_bits - 3);
		break;
	}
	return sign << (fraction_bits + exponent_bits) | exponent << fraction_bits | (fraction & ones);
}

uint64_t random_freg(struct random *r)
{
	switch (random_below(r, 8)) {
	case 0:
		return random_next(r);
	case 1:
	case 2:
	case 3:
		return UINT64_C(0xffffffff00000000) | random_float(r, 23, 8);
	default:
		return random_float(r, 52, 11);
	}
}
