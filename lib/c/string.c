/*
 * Copying and filling, eight bytes at a time where they lie alike: picolibc's go byte by byte. The compiler
 * makes calls of these, and so must not make calls of what is in here (lib/build.mk).
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WORD       sizeof(uint64_t)
#define IS_WORD(p) ((uintptr_t)(p) % WORD == 0)

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (((uintptr_t)t - (uintptr_t)f) % WORD == 0) {
		for (; size && !IS_WORD(t); size--)
			*t++ = *f++;
		for (; size >= 4 * WORD; size -= 4 * WORD, t += 4 * WORD, f += 4 * WORD) {
			uint64_t a = *(const uint64_t *)f, b = *(const uint64_t *)(f + WORD);
			uint64_t c = *(const uint64_t *)(f + 2 * WORD), d = *(const uint64_t *)(f + 3 * WORD);
			*(uint64_t *)t = a;
			*(uint64_t *)(t + WORD) = b;
			*(uint64_t *)(t + 2 * WORD) = c;
			*(uint64_t *)(t + 3 * WORD) = d;
		}
		for (; size >= WORD; size -= WORD, t += WORD, f += WORD)
			*(uint64_t *)t = *(const uint64_t *)f;
	}
	for (; size; size--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int value, size_t size)
{
	uint8_t *t = to;
	uint64_t word = (uint8_t)value * UINT64_C(0x0101010101010101);

	for (; size && !IS_WORD(t); size--)
		*t++ = (uint8_t)value;
	for (; size >= WORD; size -= WORD, t += WORD)
		*(uint64_t *)t = word;
	for (; size; size--)
		*t++ = (uint8_t)value;
	return to;
}
