/* Random programs for the differential test: see generate.c. */
#ifndef SKERRY_TEST_INSN_GENERATE_H
#define SKERRY_TEST_INSN_GENERATE_H

#include <stdint.h>

/*
 * One image at PROGRAM_BASE, read, written and executed; it ends by writing its results to file 1 with
 * Linux's write() and by exit(0).
 */
#define PROGRAM_BASE UINT64_C(0x100000)
#define PROGRAM_MAX  (4u << 20)
#define STATE_WORDS  65 /* x0..x31, f0..f31, fcsr */
#define DATA_SIZE    16384

struct program {
	uint8_t *image;
	uint64_t size;
	uint64_t entry;
	unsigned sequences;
	uint64_t *starts; /* code offset of each sequence, and the end of the last */
	uint64_t results; /* offset of the results: states, then the data */
	uint64_t results_size;
};

void program_generate(struct program *program, uint64_t seed, unsigned sequences);
void program_free(struct program *program);

/* Which instructions of insn.def and rvc.def were generated since the start: their names that were not. */
unsigned program_missing(const char **names, unsigned max);

#endif
