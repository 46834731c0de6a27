/* Hand-written cases of the VM (cases.c): code that is kept for another run, and what else may be in its
 * place. */
#include <stdlib.h>
#include <string.h>

#include "test/insn/cases.h"
#include "vm/jit/jit.h"

/* Bytes at the beginning: what all code depends on, and also what is said of the first block. */
#define DEPENDS (8 * TRANSLATOR_FEATURES + 8)
#define HEADS   96

/* A machine like the one that each case gets, with a loop and a function that it calls. */
static struct machine *another_machine(void)
{
	struct machine *m = machine_create();

	map_new(m, CODE, 1);
	map_new(m, DATA, DATA_PAGES);
	PROGRAM(m, LI(5, 300), LI(6, 0), JAL(1, 20), ADDI(5, 5, -1), BNE(5, 0, -8), LD(7, 8, 0), ECALL,
		ADD(6, 6, 5), SD(6, 8, 0), JALR(0, 1, 0));
	m->regs.x[8] = DATA;
	return m;
}

/* Runs it in pieces, so that what is hot is found; it must do what it always does. */
static bool runs_as_always(struct machine *m)
{
	enum vm_stop stop = go(m, CODE, 100);

	while (stop == VM_STOP_BUDGET)
		stop = vm_run(m->hart, &m->regs, 100);
	EXPECT("stop", stop, VM_STOP_ECALL);
	EXPECT("sum", m->regs.x[7], 300 * 301 / 2);
	EXPECT("instret", m->hart->instret, 3 + 300 * 6);
	return true;
}

/* What is kept of a run: nothing if there is no compiler. False: that went wrong. */
static bool keep(uint8_t **bytes, uint64_t *size)
{
	struct machine *m = another_machine();
	bool good = vm_code_keep(m->vm, NULL, 0) && runs_as_always(m);
	struct vm_kept_code kept = {.size = {0}};

	if (!vm_code_kept(m->vm, &kept))
		good = good && stats_of(m).blocks_compiled == 0;
	*size = kept.size[1];
	*bytes = malloc(*size + 1);
	if (*size)
		memcpy(*bytes, kept.part[1], *size);
	machine_destroy(m);
	return good;
}

/* Runs with these bytes; whether they were taken, and how much was compiled. */
static bool run_with(uint8_t *bytes, uint64_t size, bool *taken, struct vm_stats *stats)
{
	struct machine *m = another_machine();
	bool good;

	*taken = vm_code_keep(m->vm, bytes, size);
	good = runs_as_always(m);
	*stats = stats_of(m);
	machine_destroy(m);
	return good;
}

static bool kept_code_is_found_again(struct machine *m)
{
	struct vm_stats stats;
	uint64_t size;
	uint8_t *bytes;
	bool taken;

	(void)m;
	if (!keep(&bytes, &size) || !run_with(size ? bytes : NULL, size, &taken, &stats))
		return false;
	free(bytes);
	EXPECT("taken", taken, true);
	EXPECT("compiled", stats.blocks_compiled + stats.regions_compiled, 0);
	EXPECT("recalled", stats.code_recalled > 1, size > 0);
	return true;
}

/* Cut off anywhere it is of no use, unless between two blocks. */
static bool kept_code_is_cut_off(struct machine *m)
{
	unsigned taken_of = 0, tried = 0;
	uint64_t size;
	uint8_t *bytes;

	(void)m;
	if (!keep(&bytes, &size))
		return false;
	for (uint64_t left = 0; left < size; left += left < 2 * HEADS ? 1 : 40, tried++) {
		uint8_t *part = malloc(left + 1);
		struct vm_stats stats;
		bool taken, good;

		memcpy(part, bytes, left);
		good = run_with(part, left, &taken, &stats);
		free(part);
		if (!good)
			return false;
		taken_of += taken;
	}
	EXPECT("often taken", taken_of > tried / 8, false);
	free(bytes);
	return true;
}

/*
 * Bits of what is said of the code, rather than of the code itself: that of another processor is refused,
 * numbers that are not right are not used.
 */
static bool kept_code_has_other_numbers(struct machine *m)
{
	uint64_t size;
	uint8_t *bytes;

	(void)m;
	if (!keep(&bytes, &size))
		return false;
	for (unsigned bit = 0; size && bit < 8 * HEADS; bit += 3) {
		struct vm_stats stats;
		bool taken;

		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!run_with(bytes, size, &taken, &stats))
			return false;
		if (bit < 8 * DEPENDS)
			EXPECT("of another processor, but taken", taken, false);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(bytes);
	return true;
}

const struct vm_case kept_cases[] = {
	CASE(kept_code_is_found_again),
	CASE(kept_code_is_cut_off),
	CASE(kept_code_has_other_numbers),
	{0},
};
