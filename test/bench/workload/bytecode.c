/*
 * A bytecode interpreter: a stack machine with a switch in a loop, running a program that counts
 * the steps of the Collatz sequence of each number and keeps a histogram of them. The scale is the
 * number up to which it goes.
 */
#include "test/bench/workload.h"

enum opcode {
	OP_PUSH,    /* n: push n */
	OP_LOAD,    /* n: push variable n */
	OP_STORE,   /* n: pop into variable n */
	OP_ADD,     /* pop b, a; push a + b */
	OP_MUL,     /* pop b, a; push a * b */
	OP_AND,     /* pop b, a; push a & b */
	OP_SHIFT,   /* n: shift the top right by n */
	OP_LESS,    /* pop b, a; push a < b */
	OP_JUMP,    /* d: go d bytes on from the next instruction */
	OP_JUMP_IF, /* d: pop a; if it is not 0, go d bytes on */
	OP_COUNT,   /* pop a; add one to the histogram's entry a */
	OP_HALT,
};

enum { STACK = 32, VARIABLES = 4, HISTOGRAM = 512 };

/* Variables: 0 the number, 1 the sequence's value, 2 its steps, 3 the limit. */
static const int8_t program[] = {
	/*  0 */ OP_PUSH,
	1,
	OP_STORE,
	0,
	/*  4 next number */ OP_LOAD,
	0,
	OP_LOAD,
	3,
	OP_LESS,
	OP_JUMP_IF,
	1,
	/* 11 */ OP_HALT,
	/* 12 */ OP_LOAD,
	0,
	OP_STORE,
	1,
	OP_PUSH,
	0,
	OP_STORE,
	2,
	/* 20 next step */ OP_PUSH,
	1,
	OP_LOAD,
	1,
	OP_LESS,
	OP_JUMP_IF,
	12,
	/* 27 the sequence is at 1 */ OP_LOAD,
	2,
	OP_COUNT,
	/* 30 */ OP_LOAD,
	0,
	OP_PUSH,
	1,
	OP_ADD,
	OP_STORE,
	0,
	OP_JUMP,
	-35,
	/* 39 a step */ OP_LOAD,
	2,
	OP_PUSH,
	1,
	OP_ADD,
	OP_STORE,
	2,
	/* 46 */ OP_LOAD,
	1,
	OP_PUSH,
	1,
	OP_AND,
	OP_JUMP_IF,
	8,
	/* 53 even: halve */ OP_LOAD,
	1,
	OP_SHIFT,
	1,
	OP_STORE,
	1,
	OP_JUMP,
	-41,
	/* 61 odd: 3 v + 1 */ OP_LOAD,
	1,
	OP_PUSH,
	3,
	OP_MUL,
	OP_PUSH,
	1,
	OP_ADD,
	OP_STORE,
	1,
	OP_JUMP,
	-53,
};

static uint64_t histogram[HISTOGRAM];

static APART uint64_t run(const int8_t *code, int64_t limit)
{
	int64_t stack[STACK];
	int64_t variable[VARIABLES] = {0, 0, 0, limit};
	int64_t *top = stack;
	const int8_t *at = code;
	uint64_t steps = 0;

	for (;; steps++) {
		switch ((enum opcode) * at++) {
		case OP_PUSH:
			*top++ = *at++;
			break;
		case OP_LOAD:
			*top++ = variable[*at++];
			break;
		case OP_STORE:
			variable[*at++] = *--top;
			break;
		case OP_ADD:
			top--;
			top[-1] += top[0];
			break;
		case OP_MUL:
			top--;
			top[-1] *= top[0];
			break;
		case OP_AND:
			top--;
			top[-1] &= top[0];
			break;
		case OP_SHIFT:
			top[-1] >>= *at++;
			break;
		case OP_LESS:
			top--;
			top[-1] = top[-1] < top[0];
			break;
		case OP_JUMP:
			at += *at + 1;
			break;
		case OP_JUMP_IF:
			at += *--top ? *at + 1 : 1;
			break;
		case OP_COUNT:
			histogram[*--top & (HISTOGRAM - 1)]++;
			break;
		case OP_HALT:
			return steps;
		}
	}
}

uint64_t workload_bytecode(unsigned scale)
{
	uint64_t checksum = run(program, scale);

	for (unsigned i = 0; i < HISTOGRAM; i++)
		checksum = checksum_add(checksum, histogram[i]);
	return checksum;
}
