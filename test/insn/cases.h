/* What the hand-written cases share: see cases.c. */
#ifndef SKERRY_TEST_INSN_CASES_H
#define SKERRY_TEST_INSN_CASES_H

#include <inttypes.h>
#include <stdio.h>

#include "test/insn/asm.h"
#include "test/insn/machine.h"

#define CODE       UINT64_C(0x10000)
#define DATA       UINT64_C(0x20000) /* two pages, then nothing */
#define DATA_PAGES 2
#define MANY       1000000

extern char why[400];

/* Fails the case if they differ, and says so. */
#define EXPECT(what, is, should)                                                                             \
	do {                                                                                                 \
		uint64_t is_ = (uint64_t)(is), should_ = (uint64_t)(should);                                 \
		if (is_ != should_) {                                                                        \
			snprintf(why, sizeof(why), "line %d: %s is %#" PRIx64 ", not %#" PRIx64, __LINE__,   \
				 what, is_, should_);                                                        \
			return false;                                                                        \
		}                                                                                            \
	} while (0)

void code_at(struct machine *m, uint64_t va, const uint32_t *words, unsigned count);

#define PROGRAM(m, ...)                                                                                      \
	code_at(m, CODE, (const uint32_t[]){__VA_ARGS__},                                                    \
		sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

enum vm_stop go(struct machine *m, uint64_t pc, uint64_t budget);

/* Runs from pc, and expects an exception there with this much retired. */
#define EXPECT_FAULT(m, from, expected_cause, expected_tval, at, retired)                                    \
	do {                                                                                                 \
		uint64_t before_ = (m)->hart->instret;                                                       \
		EXPECT("stop", go(m, from, MANY), VM_STOP_EXCEPTION);                                        \
		EXPECT("cause", (m)->hart->cause, expected_cause);                                           \
		EXPECT("tval", (m)->hart->tval, expected_tval);                                              \
		EXPECT("pc", (m)->regs.pc, at);                                                              \
		EXPECT("retired", (m)->hart->instret - before_, retired);                                    \
	} while (0)

static inline struct vm_stats stats_of(const struct machine *m)
{
	struct vm_stats stats;

	vm_get_stats(m->vm, &stats);
	return stats;
}

struct vm_case {
	const char *name;
	bool (*run)(struct machine *m);
};

#define CASE(function) {#function, function}

/* The last of each has no name. */
extern const struct vm_case float_cases[], page_cases[], hostile_cases[], answer_cases[], bounds_cases[],
	kept_cases[], region_cases[];

#endif
