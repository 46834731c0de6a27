/*
 * Tiers against each other: random code (blocks.c) runs on three machines in step, one of which interprets,
 * one compiles all it executes, one changes over; budgets are random. Whenever they stop, everything that can
 * be seen of them must be the same: why, where, all registers, instret, what devices saw, memory. Then all of
 * them get the same answer, as a kernel or a debugger would give it: other registers, another page table
 * entry, another address space, other code, a breakpoint, ... Of ecalls some are answered so while the hart
 * runs, and it may go on with another thread's registers.
 *
 *	tiers [--seeds FIRST COUNT] [--seconds N] [--fresh] [--examine SEED STOP]
 *
 * Prints a line for each ten seeds, `--seconds` runs on until the time is over or something is found. A
 * difference is reported with what was executed before it; `--examine` shows that of any stop.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "test/insn/side.h"

#define MACHINES     3
#define INSNS        12000 /* of one seed */
#define INSNS_CALM   25000
#define STOPS        4000
#define SEEDS_A_LINE 10
#define SHOWN        30 /* instructions at the start and the end of what is examined */
#define PATIENCE_S   60 /* for one seed */

struct world {
	struct random random;
	struct blocks blocks;
	unsigned machines;
	struct side side[MACHINES];
	uint64_t stops;
	enum vm_stop stop; /* the last */
};

/* What runs, for who reports a crash. */
static uint64_t running_seed, running_stop;
static unsigned running_tier;

static const enum vm_tier tier_of[MACHINES] = {VM_TIER_INTERP, VM_TIER_JIT, VM_TIER_AUTO};
static const char *const tier_name[MACHINES] = {"interp", "jit", "auto"};

/* --- making a world --- */

static void world_make(struct world *w, uint64_t seed, unsigned machines)
{
	struct random dice;

	memset(w, 0, sizeof(*w));
	w->random.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 77;
	w->machines = machines;
	blocks_generate(&w->blocks, seed % 2, &w->random);
	dice.state = random_next(&w->random);
	for (unsigned i = 0; i < machines; i++)
		side_make(&w->side[i], tier_of[i], seed / 2 % 2, &w->blocks, dice);
}

static void world_destroy(struct world *w)
{
	for (unsigned i = 0; i < w->machines; i++)
		machine_destroy(w->side[i].m);
}

/* --- comparing --- */

/* The last machine runs in two pieces, which nobody may see. */
static enum vm_stop run(struct world *w, unsigned machine, uint64_t budget, struct random dice)
{
	struct side *side = &w->side[machine];
	struct vm_hart *hart = side->m->hart;
	enum vm_stop stop;

	running_tier = machine;
	running_stop = w->stops;
	side_begin(side, budget, dice);
	if (machine == MACHINES - 1)
		budget = random_below(&dice, budget + 1);
	stop = vm_run(hart, side->runs, budget);
	if (stop == VM_STOP_BUDGET && hart->instret < side->end)
		stop = vm_run(hart, side->runs, side->end - hart->instret);
	side_end(side);
	return stop;
}

/* Runs all machines; false, with the reason, if something differs. */
static bool step_by(struct world *w, uint64_t budget, struct random dice, bool memory, char *why)
{
	enum vm_stop stop = run(w, 0, budget, dice);
	const struct side *first = &w->side[0];
	int64_t left = (int64_t)(first->end - first->m->hart->instret);

	w->stop = stop;
	if (left < 0 || (stop == VM_STOP_BUDGET && left != 0)) {
		sprintf(why, "interpreted: stop %d with %" PRId64 " left", stop, left);
		return false;
	}
	for (unsigned i = 1; i < w->machines; i++) {
		enum vm_stop other = run(w, i, budget, dice);
		int length = sprintf(why, "%s, stop %" PRIu64 ": ", tier_name[i], w->stops);

		if (!machine_same(w->side[0].m, stop, w->side[i].m, other, why + length) ||
		    (memory && !machine_same_memory(w->side[0].m, w->side[i].m, why + length)))
			return false;
		if (memcmp(&first->other, &w->side[i].other, sizeof(first->other)) != 0) {
			sprintf(why + length, "registers of the thread that does not run");
			return false;
		}
	}
	return true;
}

/* Up to the next stop, and its answer; false, with the reason, if something differs. */
static bool step(struct world *w, char *why)
{
	uint64_t budget = random_budget(&w->random);
	struct random dice = {random_next(&w->random)};
	bool memory = random_below(&w->random, 16) == 0;

	if (!step_by(w, budget, dice, memory, why))
		return false;
	dice.state = random_next(&w->random);
	for (unsigned i = 0; i < w->machines; i++)
		side_answer(&w->side[i], w->stop, dice);
	w->stops++;
	return true;
}

static void world_begin(struct world *w)
{
	struct random dice = {random_next(&w->random)};

	for (unsigned i = 0; i < w->machines; i++)
		side_start(&w->side[i], dice);
}

/* Up to a stop once more, with fewer machines or all. */
static struct world *world_at(uint64_t seed, uint64_t stop, unsigned machines)
{
	struct world *w = malloc(sizeof(*w));
	char why[300];

	world_make(w, seed, machines);
	world_begin(w);
	while (w->stops < stop && step(w, why))
		;
	return w;
}

/* Do the tiers differ if they run that long from this stop on? */
static bool differ_after(uint64_t seed, uint64_t stop, uint64_t budget)
{
	struct world *w = world_at(seed, stop, MACHINES);
	struct random dice = {random_next(&w->random)};
	char why[300];
	bool good = step_by(w, budget, dice, true, why);

	world_destroy(w);
	free(w);
	return !good;
}

/* The shortest budget with which they differ, if a shorter one is not better by chance; not over `most`. */
static uint64_t shortest_difference(uint64_t seed, uint64_t stop, uint64_t most)
{
	uint64_t good = 0;

	while (most - good > 1) {
		uint64_t middle = good + (most - good) / 2;

		if (differ_after(seed, stop, middle))
			most = middle;
		else
			good = middle;
	}
	return most;
}

/* Shows what is executed after a stop, up to the first difference. */
static void examine(uint64_t seed, uint64_t stop)
{
	struct world *w = world_at(seed, stop, 1);
	struct side *side = &w->side[0];
	struct machine *m = side->m;
	uint64_t budget = shortest_difference(seed, stop, random_budget(&w->random));
	struct random dice = {random_next(&w->random)};

	printf("# seed %" PRIu64 ", stop %" PRIu64 ", space %u, budget %" PRIu64 ", fcsr %#" PRIx64 ":\n",
	       seed, stop, side->space, budget, m->regs.fcsr);
	side_begin(side, budget, dice);
	side->stepped = true;
	for (uint64_t i = 0; m->hart->instret < side->end; i++) {
		uint64_t pc = side->runs->pc, paddr;
		uint32_t word = 0;
		char text[64];

		if (vm_translate(m->vm, side->roots[side->space], pc, &paddr))
			memcpy(&word, host_of(m, paddr), 4);
		vm_disassemble(pc, word, text, sizeof(text));
		if (i < SHOWN || side->end - m->hart->instret < SHOWN)
			printf("#   %6" PRIx64 "  %s\n", pc, text);
		if (vm_run(m->hart, side->runs, 1) != VM_STOP_BUDGET)
			break;
	}
	world_destroy(w);
	free(w);
}

/* Runs one seed; false, having said why, if the tiers differ. */
static bool seed_run(uint64_t seed)
{
	struct world *w = malloc(sizeof(*w));
	char why[300];
	uint64_t insns;
	bool good = true;

	running_seed = seed;
	alarm(PATIENCE_S);
	world_make(w, seed, MACHINES);
	insns = w->blocks.calm ? INSNS_CALM : INSNS;
	world_begin(w);
	while (good && w->stops < STOPS && w->side[0].m->hart->instret < insns)
		good = step(w, why);
	for (unsigned i = 1; i < MACHINES && good; i++)
		good = machine_same_memory(w->side[0].m, w->side[i].m, why);
	if (!good) {
		printf("not ok tiers seed %" PRIu64 ": %s\n", seed, why);
		examine(seed, w->stops);
	}
	fflush(stdout);
	world_destroy(w);
	free(w);
	return good;
}

/* Code did something to the test itself, or does not come back. */
static void on_signal(int signal)
{
	char text[100];
	int length = sprintf(text, "not ok tiers seed %" PRIu64 ": %s, stop %" PRIu64 ": signal %d\n",
			     running_seed, tier_name[running_tier], running_stop, signal);

	if (write(1, text, (size_t)length) != length)
		_exit(2);
	_exit(1);
}

static void catch_signals(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGALRM};

	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], on_signal);
}

/* Seeds one after another; the number of those that failed. */
static unsigned seeds_run(uint64_t first, uint64_t count)
{
	unsigned failures = 0;

	for (uint64_t i = 0; i < count; i += SEEDS_A_LINE) {
		uint64_t end = i + SEEDS_A_LINE < count ? i + SEEDS_A_LINE : count;
		unsigned bad = 0;

		for (uint64_t k = i; k < end; k++)
			bad += !seed_run(first + k);
		failures += bad;
		if (!bad)
			printf("ok tiers seeds %" PRIu64 " to %" PRIu64 "\n", first + i, first + end - 1);
	}
	return failures;
}

static int usage(void)
{
	fprintf(stderr, "usage: tiers [--seeds FIRST COUNT] [--seconds N] [--fresh] [--examine SEED STOP]\n");
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t first = 1, count = 10, seconds = 0;
	time_t start = time(NULL);
	bool fresh = false;
	unsigned failures;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--seeds") && i + 2 < argc) {
			first = strtoull(argv[++i], NULL, 0);
			count = strtoull(argv[++i], NULL, 0);
		} else if (!strcmp(argv[i], "--seconds") && i + 1 < argc) {
			seconds = strtoull(argv[++i], NULL, 0);
		} else if (!strcmp(argv[i], "--fresh")) {
			fresh = true;
		} else if (!strcmp(argv[i], "--examine") && i + 2 < argc) {
			examine(strtoull(argv[i + 1], NULL, 0), strtoull(argv[i + 2], NULL, 0));
			return 0;
		} else {
			return usage();
		}
	}
	catch_signals();
	failures = seeds_run(first, count);
	while (!failures && (uint64_t)(time(NULL) - start) < seconds)
		failures = seeds_run(first += count, count);
	if (fresh)
		failures += seeds_run((uint64_t)time(NULL), SEEDS_A_LINE);
	return failures != 0;
}
