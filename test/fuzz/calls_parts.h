/*
 * What the parts of the random calls (calls.h) share: the dice, the slots of the kernel's state that a call
 * can name, and calls that fit them.
 */
#ifndef SKERRY_TEST_FUZZ_CALLS_PARTS_H
#define SKERRY_TEST_FUZZ_CALLS_PARTS_H

#include "test/unit/harness.h"

#define ROOT_BITS   9
#define CSPACE_BITS 6

/* --- calls_pick.c ----------------------------------------------------------------------------------- */

extern struct dice {
	struct random random;
	const uint8_t *bytes; /* decide instead of the generator while there are any; NULL: none do */
	size_t size;
} dice;

uint64_t below(uint64_t limit);
bool chance(unsigned percent);
uint64_t strange_word(void);

enum {
	WANT_FULL = 100,
	WANT_EMPTY,
	WANT_ANY,
	WANT_ROOM,        /* an untyped with room left */
	WANT_VSPACE,      /* a root table with an ASID */
	WANT_LOOSE_TABLE, /* a table that is not mapped */
	WANT_POOL_MEMORY, /* an untyped that an ASID pool fits into just so */
};

struct place {
	uint64_t index;
	unsigned bits;
	struct slot *slot; /* NULL: there is none */
};

/* A slot that a CNode operation on `node` can name. */
struct place pick_in(struct cap node, unsigned want);
/* A capability address in the thread's CSpace. */
struct place pick(const struct tcb *tcb, unsigned want);
uint64_t pick_cptr(const struct tcb *tcb, unsigned want);
struct cap cap_of(struct place place);

/* --- calls_method.c --------------------------------------------------------------------------------- */

/* What the root server stands on, and is seldom taken away: its root CNode's slots, its thread. */
extern struct vital {
	struct slot *root;
	struct tcb *tcb;
} vital;

struct op {
	struct tcb *tcb;
	unsigned label;
	uint64_t cptr;
	struct args args;
};

/* A call of some method by op->tcb. */
void make_call(struct op *op);
uint64_t rights_word(void);

#endif
