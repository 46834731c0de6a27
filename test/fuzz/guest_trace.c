/* The hash of what was seen, random numbers, and what is printed: see guest.h. */
#include "test/fuzz/guest.h"

#include <stdarg.h>
#include <stdio.h>

/* From the linker's command line: steps to print in full. */
extern char fuzz_print_from[], fuzz_print_to[];

static seL4_Word random_state, hash;
static char text[4000];
static size_t text_length;

/* --- random numbers (splitmix64) ------------------------------------------------------------------- */

void random_start(seL4_Word seed)
{
	random_state = seed * 0x9e3779b97f4a7c15ul;
}

seL4_Word random_word(void)
{
	seL4_Word z = random_state += 0x9e3779b97f4a7c15ul;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ul;
	z = (z ^ z >> 27) * 0x94d049bb133111ebul;
	return z ^ z >> 31;
}

seL4_Word below(seL4_Word limit)
{
	return limit ? (random_word() >> 11) % limit : 0;
}

bool chance(unsigned percent)
{
	return below(100) < percent;
}

seL4_Word data_word(void)
{
	return (random_word() & 0x1ffd1ffd1ffd1ffd) | 0x0001000100010001;
}

seL4_Word strange_word(void)
{
	static const seL4_Word words[] = {
		0, 1, 2, 3, 4, 5, 11, 12, 13, 16, 21, 30, 38, 63, 64, 65, 120, 121, 127, 128, 255, 256, 257,
		0x1000, 0x200000, 0x40000000, 0x3ffffff000, 0x4000000000, 1ul << 56, 1ul << 63, ~0ul, ~0ul - 1,
		0xffffffc080200000, 0xffffffc080000000, STUB_ADDRESS, LOG_ADDRESS};

	switch (below(4)) {
	case 0:
		return data_word();
	case 1:
		return below(64);
	default:
		return words[below(sizeof words / sizeof words[0])];
	}
}

/*
 * In the 2 MiB of the stub, where tables are always there; in the 4 MiB behind them, which lack the last
 * table; in another GiB, which lacks two.
 */
seL4_Word window_address(void)
{
	switch (below(4)) {
	case 0:
	case 1:
		return STUB_ADDRESS + ((16 + below(4)) << seL4_PageBits);
	case 2:
		return STUB_ADDRESS + ((1 + below(2)) << seL4_LargePageBits) + (below(2) << seL4_PageBits);
	default:
		return (1ul << seL4_HugePageBits) + (below(2) << seL4_LargePageBits) + (below(2) << seL4_PageBits);
	}
}

/* --- what was seen ------------------------------------------------------------------------------------ */

void trace_start(void)
{
	hash = 1;
}

void trace(seL4_Word word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ul;
	hash ^= hash >> 29;
}

seL4_Word trace_hash(void)
{
	return hash;
}

bool is_printed(void)
{
	return fuzz.step >= (seL4_Word)fuzz_print_from && fuzz.step < (seL4_Word)fuzz_print_to;
}

void say(const char *format, ...)
{
	va_list args;

	if (!is_printed())
		return;
	va_start(args, format);
	vsnprintf(text + text_length, sizeof text - text_length, format, args);
	va_end(args);
	while (text[text_length])
		text_length++;
}

void print_step(void)
{
	if (is_printed())
		printf("step %lu %lu %016lx %s\n", fuzz.seed, fuzz.step, hash, text);
	text_length = 0;
	text[0] = 0;
}
