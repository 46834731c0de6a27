/*
 * Copies of some 4 MiB, to and fro. The copy is our own: bytes up to an aligned address, words of
 * 64 bits, bytes for the rest, so that host and guest run the same code and no libc's. The scale
 * is the number of copies. The two buffers are not a power of two apart, which would make every
 * pair of pages compete for one place in a direct-mapped TLB: QEMU then takes 13 times as long.
 */
#include "test/bench/workload.h"

enum { SIZE = (4 << 20) + 5 * 4096 };

static uint64_t here[SIZE / 8];
static uint64_t there[SIZE / 8];

/* Both at the same offset from a word boundary. */
static APART void copy(uint8_t *restrict to, const uint8_t *restrict from, size_t size)
{
	while (size > 0 && ((uintptr_t)to & 7) != 0) {
		*to++ = *from++;
		size--;
	}

	uint64_t *restrict to_word = (uint64_t *)to;
	const uint64_t *restrict from_word = (const uint64_t *)from;
	size_t words = size / 8;

	for (size_t i = 0; i < words; i++)
		to_word[i] = from_word[i];
	for (size_t i = words * 8; i < size; i++)
		to[i] = from[i];
}

uint64_t workload_memcpy(unsigned scale)
{
	uint64_t seed = 1;
	uint64_t checksum = 0;

	for (unsigned i = 0; i < SIZE / 8; i++)
		here[i] = random_next(&seed);
	for (unsigned pass = 0; pass < scale; pass++) {
		unsigned skip = pass % 61;
		uint8_t *a = (uint8_t *)here + skip;
		uint8_t *b = (uint8_t *)there + skip;

		/* One word changes between copies, so that none of them repeats another. */
		here[pass]++;
		copy(pass & 1 ? a : b, pass & 1 ? b : a, SIZE - 2 * skip);
		checksum = checksum_add(checksum, there[pass]);
	}
	for (unsigned i = 0; i < SIZE / 8; i += 509)
		checksum = checksum_add(checksum, here[i] + there[i]);
	return checksum;
}
