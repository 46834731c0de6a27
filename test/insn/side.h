/* A machine that runs random code in step with others, and the kernel that it seems to have: see tiers.c. */
#ifndef SKERRY_TEST_INSN_SIDE_H
#define SKERRY_TEST_INSN_SIDE_H

#include "test/insn/asm.h"
#include "test/insn/blocks.h"

#define SPACES 3
#define FRAMES 8 /* pages that are mapped here and there */

struct side {
	struct machine *m;
	uint64_t roots[SPACES];
	uint64_t code[BLOCKS_PAGES], frame[FRAMES]; /* physical */
	unsigned space;
	bool fpu;
	const struct blocks *blocks;
	struct vm_regs other; /* of the thread that does not run */
	struct vm_regs *runs; /* while the machine runs: those of the one that does */
	struct random calls;  /* for the answers while it runs */
	uint64_t end;         /* instret at which the budget is used up */
	bool stepped;         /* to be looked at after each instruction */
};

/* One with a region, or without. Machines that are made with the same dice, and given the same dice later,
 * are the same in all but the tier. */
void side_make(struct side *side, enum vm_tier tier, bool shares, const struct blocks *blocks,
	       struct random random);
void side_start(struct side *side, struct random dice);

/* A run begins, with so much budget and the first thread; and it has ended: the thread that ran is the first.
 */
void side_begin(struct side *side, uint64_t budget, struct random dice);
void side_end(struct side *side);

/* What the kernel does when vm_run() has come back. */
void side_answer(struct side *side, enum vm_stop stop, struct random dice);

uint64_t random_budget(struct random *r);

#endif
