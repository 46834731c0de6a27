/*
 * SHA-256 (FIPS 180-4) of a buffer of 64 KiB, whose beginning each pass replaces by the digest it
 * got. The round constants are computed as the standard defines them, from cube roots of primes,
 * and the digest of "abc" is compared with the standard's. The scale is the number of passes.
 */
#include "test/bench/workload.h"

enum { BLOCK = 64, BUFFER = 64 << 10 };

static uint32_t round_constant[64];
static uint32_t start_value[8];
static uint8_t buffer[BUFFER];

typedef unsigned __int128 wide;

/* The first 32 bits of the fraction of the square (or cube) root of `n`, by bisection. */
static uint32_t root_fraction(unsigned n, bool cube)
{
	uint64_t low = 0;
	uint64_t high = UINT64_C(32) << 32;

	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		wide square = (wide)middle * middle;

		if (cube ? square * middle >= (wide)n << 96 : square >= (wide)n << 64)
			high = middle;
		else
			low = middle;
	}
	return (uint32_t)low;
}

static void constants_make(void)
{
	unsigned found = 0;

	for (unsigned n = 2; found < 64; n++) {
		bool prime = true;

		for (unsigned d = 2; d * d <= n; d++)
			prime = prime && n % d != 0;
		if (!prime)
			continue;
		if (found < 8)
			start_value[found] = root_fraction(n, false);
		round_constant[found++] = root_fraction(n, true);
	}
}

static inline uint32_t rotate(uint32_t x, unsigned by)
{
	return x >> by | x << (32 - by);
}

static APART void compress(uint32_t state[8], const uint8_t *block)
{
	uint32_t w[64];

	for (unsigned i = 0; i < 16; i++, block += 4)
		w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 |
		       block[3];
	for (unsigned i = 16; i < 64; i++) {
		uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;

		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}

	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

	for (unsigned i = 0; i < 64; i++) {
		uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
		uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + round_constant[i] + w[i];
		uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
		uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));

		h = g;
		g = f;
		f = e;
		e = d + t1;
		d = c;
		c = b;
		b = a;
		a = t1 + t2;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

static void digest_make(uint32_t digest[8], const uint8_t *data, size_t size)
{
	uint8_t last[2 * BLOCK];
	size_t whole = size / BLOCK * BLOCK;
	size_t rest = size - whole;
	size_t end = rest < BLOCK - 8 ? BLOCK : 2 * BLOCK;

	for (unsigned i = 0; i < 8; i++)
		digest[i] = start_value[i];
	for (size_t at = 0; at < whole; at += BLOCK)
		compress(digest, data + at);

	for (size_t i = 0; i < end; i++)
		last[i] = i < rest ? data[whole + i] : i == rest ? 0x80 : 0;
	for (unsigned i = 0; i < 8; i++)
		last[end - 1 - i] = (uint8_t)((uint64_t)size * 8 >> 8 * i);
	for (size_t at = 0; at < end; at += BLOCK)
		compress(digest, last + at);
}

uint64_t workload_sha256(unsigned scale)
{
	uint32_t digest[8];
	uint64_t seed = 7;
	uint64_t checksum = 0;

	constants_make();
	digest_make(digest, (const uint8_t *)"abc", 3);
	if (digest[0] != 0xba7816bf || digest[7] != 0xf20015ad)
		return 0;

	for (unsigned i = 0; i < BUFFER; i++)
		buffer[i] = (uint8_t)random_next(&seed);
	for (unsigned pass = 0; pass < scale; pass++) {
		digest_make(digest, buffer, BUFFER - pass % 64);
		for (unsigned i = 0; i < 32; i++)
			buffer[i] = (uint8_t)(digest[i / 4] >> 8 * (i % 4));
	}
	for (unsigned i = 0; i < 8; i++)
		checksum = checksum_add(checksum, digest[i]);
	return checksum;
}
