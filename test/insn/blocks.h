/* Random code that loops, calls, changes itself and faults: see blocks.c. */
#ifndef SKERRY_TEST_INSN_BLOCKS_H
#define SKERRY_TEST_INSN_BLOCKS_H

#include "test/insn/machine.h"

#define BLOCKS_PAGES 5
#define BLOCKS_BYTES (BLOCKS_PAGES * 4096u)
#define BLOCKS_MAX   160

/* Where the code takes data to be. */
#define DATA         UINT64_C(0x20000)
#define DATA_PAGES   12 /* of addresses; not all are mapped */
#define DATA_MAPPED  4  /* the first ones, at first */

/* Registers that the code takes for what they are named; it seldom writes others to them. */
enum role {
	ROLE_RETURN = 1,
	ROLE_STACK = 2,
	ROLE_TABLE = 3, /* points to addresses of blocks: TABLE_ENTRIES of them */
	ROLE_COUNT = 4, /* of a loop */
	ROLE_COUNT_INNER = 31,
	ROLE_DATA_1 = 8,
	ROLE_DATA_2 = 9, /* aligned */
	ROLE_DATA_3 = 15,
	ROLE_DATA_4 = 28,
};

#define TABLE_ENTRIES 16

/*
 * Code at any address (it is all relative), to be entered at any block. Where it is calm it loops for long
 * and seldom faults.
 */
struct blocks {
	bool calm;
	uint8_t code[BLOCKS_BYTES];
	unsigned count;
	uint32_t start[BLOCKS_MAX]; /* offsets in the code */
};

void blocks_generate(struct blocks *blocks, bool calm, struct random *random);
/* Any instruction, often a sensible one that does not jump. */
uint32_t blocks_instruction(bool calm, struct random *random);

#endif
