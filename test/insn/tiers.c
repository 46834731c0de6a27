/*
 * Tiers against each other: random code (blocks.c) runs on three machines in step, one of which interprets,
 *one compiles all it executes, one changes over; budgets are random. Whenever they stop, everything that can
 *be seen of them must be the same: why, where, all registers, instret, what devices saw, memory. Then all of
 *them get the same answer, as a kernel or a debugger would give it: other registers, another page table
 *entry, another address space, other code, a breakpoint, ...
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

#include "test/insn/asm.h"
#include "test/insn/blocks.h"

#define CODE         UINT64_C(0x10000)
#define ALIAS        UINT64_C(0x18000) /* the same pages, and in space 1 others of them at CODE */
#define TABLE        UINT64_C(0x1f000)
#define DATA         UINT64_C(0x20000)
#define DATA_PAGES   12 /* of addresses; not all are mapped */
#define STACK        UINT64_C(0x38000)
#define STACK_PAGES  2
#define LAST         UINT64_C(0x3ffffff000) /* of the lower half */
#define TOP          UINT64_C(0xfffffffffffff000)
#define SPACES       3
#define FRAMES       8 /* pages that are mapped here and there */

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
	struct side {
		struct machine *m;
		uint64_t roots[SPACES];
		uint64_t code[BLOCKS_PAGES], frame[FRAMES]; /* physical */
		unsigned space;
		bool fpu;
	} side[MACHINES];
	uint64_t stops;
	enum vm_stop stop; /* the last */
};

/* What runs, for who reports a crash. */
static uint64_t running_seed, running_stop;
static unsigned running_tier;

static const enum vm_tier tier_of[MACHINES] = {VM_TIER_INTERP, VM_TIER_JIT, VM_TIER_AUTO};
static const char *const tier_name[MACHINES] = {"interp", "jit", "auto"};

/* --- making a world --- */

static uint16_t asid_of(unsigned space)
{
	return (uint16_t)(space + 1);
}

static void map_in(struct side *side, unsigned space, uint64_t va, uint64_t paddr, uint64_t bits)
{
	*pte_of(side->m, side->roots[space], va) = paddr >> 12 << 10 | bits;
}

/* What is mapped at first: the third space has the first one's table. */
static void map_all(struct side *side)
{
	for (unsigned space = 0; space < 2; space++) {
		for (unsigned i = 0; i < BLOCKS_PAGES; i++) {
			map_in(side, space, CODE + i * 4096, side->code[(i + space) % BLOCKS_PAGES], PTE_ALL);
			map_in(side, space, ALIAS + i * 4096, side->code[i], PTE_ALL);
		}
		for (unsigned i = 0; i < 4; i++)
			map_in(side, space, DATA + i * 4096, side->frame[(i * 3 + space) % 4], PTE_ALL);
		map_in(side, space, DATA + 5 * 4096, side->frame[0], PTE_ALL & ~PTE_W);
		map_in(side, space, DATA + 6 * 4096, side->frame[space], PTE_ALL);
		map_in(side, space, DATA + 7 * 4096, DEVICE, PTE_ALL);
		map_in(side, space, DATA + 8 * 4096, side->frame[3], PTE_ALL & ~PTE_X);
		for (unsigned i = 0; i < STACK_PAGES; i++)
			map_in(side, space, STACK + i * 4096, side->frame[4 + i], PTE_ALL);
		map_in(side, space, LAST, side->frame[6], PTE_ALL);
		map_in(side, space, TOP, side->frame[6], PTE_ALL);
		map_in(side, space, 0, side->frame[7], PTE_ALL);
		map_in(side, space, TABLE, side->frame[7], PTE_ALL);
	}
}

static void fill(struct side *side, const struct blocks *blocks, struct random random)
{
	for (unsigned i = 0; i < BLOCKS_PAGES; i++)
		memcpy(host_of(side->m, side->code[i]), blocks->code + i * 4096, 4096);
	for (unsigned i = 0; i < FRAMES; i++) {
		uint64_t *words = host_of(side->m, side->frame[i]);

		for (unsigned k = 0; k < 4096 / 8; k++)
			words[k] = random_below(&random, 2) ? random_freg(&random) : random_int(&random);
	}
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t at = blocks->start[random_below(&random, blocks->count)];

		((uint64_t *)host_of(side->m, side->frame[7]))[i] =
			(random_below(&random, 2) ? CODE : ALIAS) + at;
	}
}

static void side_make(struct side *side, enum vm_tier tier, const struct blocks *blocks, struct random random)
{
	struct machine *m;

	machine_tier = tier;
	m = side->m = machine_create();
	side->roots[0] = side->roots[2] = m->root;
	side->roots[1] = page_new(m);
	for (unsigned i = 0; i < BLOCKS_PAGES; i++)
		side->code[i] = page_new(m);
	for (unsigned i = 0; i < FRAMES; i++)
		side->frame[i] = page_new(m);
	side->fpu = true;
	map_all(side);
	fill(side, blocks, random);
}

static void world_make(struct world *w, uint64_t seed, unsigned machines)
{
	struct random dice;

	memset(w, 0, sizeof(*w));
	w->random.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 77;
	w->machines = machines;
	blocks_generate(&w->blocks, seed % 2, &w->random);
	dice.state = random_next(&w->random);
	for (unsigned i = 0; i < machines; i++)
		side_make(&w->side[i], tier_of[i], &w->blocks, dice);
}

static void world_destroy(struct world *w)
{
	for (unsigned i = 0; i < w->machines; i++)
		machine_destroy(w->side[i].m);
}

/* --- answers: each is given to all machines with the same dice --- */

static uint64_t some_block(const struct blocks *blocks, struct random *r)
{
	uint64_t base = random_below(r, 4) ? CODE : ALIAS;

	return base + blocks->start[random_below(r, blocks->count)] + (random_below(r, 60) ? 0 : 2);
}

/* Where data may be: often near a page's end, at times where nothing is. */
static uint64_t some_place(struct random *r)
{
	static const uint64_t others[] = {LAST + 4096,
					  TOP + 4096,
					  STACK,
					  CODE,
					  ALIAS,
					  TABLE,
					  0,
					  UINT64_C(1) << 38,
					  UINT64_C(1) << 63,
					  DATA,
					  DATA + 4 * 4096,
					  DATA + 5 * 4096,
					  DATA + 6 * 4096,
					  DATA + 7 * 4096,
					  DATA + 8 * 4096,
					  DATA + 9 * 4096};
	uint64_t place = DATA + 4096 + random_below(r, 3) * 4096;

	if (random_below(r, 6) == 0)
		place = others[random_below(r, sizeof(others) / sizeof(others[0]))];
	else if (random_below(r, 3))
		place -= 2048;
	place += random_below(r, 32) * 8 - 128;
	return random_below(r, 8) ? place : place + random_below(r, 8);
}

static void set_roles(struct vm_regs *regs, struct random *r)
{
	regs->x[ROLE_STACK] = STACK + 256 + random_below(r, STACK_PAGES * 4096 - 256) / 8 * 8;
	regs->x[ROLE_TABLE] = TABLE;
	regs->x[ROLE_DATA_1] = some_place(r);
	regs->x[ROLE_DATA_2] = some_place(r) & ~UINT64_C(7);
	regs->x[ROLE_DATA_3] = some_place(r);
	regs->x[ROLE_DATA_4] = some_place(r);
}

static void set_some(struct vm_regs *regs, struct random *r)
{
	for (unsigned n = (unsigned)random_below(r, 6); n--;) {
		regs->x[5 + random_below(r, 27)] = random_int(r);
		regs->f[random_below(r, 32)] = random_freg(r);
	}
	if (random_below(r, 4) == 0)
		regs->fcsr = (random_below(r, 3) ? 0 : random_below(r, 5) << 5) | random_below(r, 32);
}

/* Another mapping of a page, then the flush that makes it so; often back to what it was. */
static void remap(struct side *side, struct random *r)
{
	static const uint64_t rights[] = {PTE_ALL,          PTE_ALL,          PTE_ALL & ~PTE_W,
					  PTE_ALL & ~PTE_X, PTE_ALL & ~PTE_V, PTE_ALL & ~PTE_D};
	unsigned space = (unsigned)random_below(r, 2);
	uint64_t va = random_below(r, 2) ? DATA + random_below(r, DATA_PAGES) * 4096
					 : CODE + random_below(r, 13) * 4096;
	uint64_t paddr = random_below(r, 3) ? side->code[random_below(r, BLOCKS_PAGES)]
					    : side->frame[random_below(r, FRAMES)];

	if (random_below(r, 2))
		map_all(side);
	else
		map_in(side, space, va, paddr, rights[random_below(r, sizeof(rights) / sizeof(rights[0]))]);
	if (random_below(r, 2)) {
		vm_flush_all(side->m->vm);
		return;
	}
	for (unsigned i = 0; i < SPACES; i++)
		vm_flush_asid(side->m->vm, asid_of(i));
}

/* One page by its own flush, in all spaces that have the table. */
static void remap_page(struct side *side, struct random *r)
{
	unsigned space = (unsigned)random_below(r, 2);
	uint64_t va = random_below(r, 2) ? DATA + random_below(r, DATA_PAGES) * 4096
					 : CODE + random_below(r, 5) * 4096;

	map_in(side, space, va, side->code[random_below(r, BLOCKS_PAGES)],
	       random_below(r, 4) ? PTE_ALL : PTE_ALL & ~PTE_V);
	vm_flush_page(side->m->vm, asid_of(space), va);
	if (space == 0)
		vm_flush_page(side->m->vm, asid_of(2), va);
}

static void write_code(struct side *side, const struct blocks *blocks, struct random *r)
{
	uint64_t at = (blocks->start[random_below(r, blocks->count)] + random_below(r, 32) * 2) %
		      (BLOCKS_BYTES - 4);
	uint64_t paddr = side->code[at / 4096] + (at & 4095 & ~UINT64_C(3));
	uint32_t word = blocks_instruction(false, r);

	memcpy(host_of(side->m, paddr), &word, 4);
	vm_written(side->m->vm, paddr, 4);
}

static void debug(struct side *side, const struct blocks *blocks, struct random *r)
{
	struct vm *vm = side->m->vm;
	uint16_t asid = asid_of((unsigned)random_below(r, SPACES));
	uint64_t pc = some_block(blocks, r) + random_below(r, 8) * 2;

	switch (random_below(r, 4)) {
	case 0:
		vm_break_set(vm, asid, pc);
		break;
	case 1:
		vm_break_set(vm, asid_of(side->space), side->m->regs.pc);
		break;
	case 2:
		vm_watch_set(vm, asid, some_place(r), 1 + random_below(r, 16),
			     (enum vm_watch)(1 + random_below(r, 3)));
		break;
	default:
		vm_debug_clear(vm);
	}
}

static void set_space(struct side *side, unsigned space)
{
	side->space = space;
	vm_hart_set_space(side->m->hart, side->roots[space], asid_of(space));
}

/* What a kernel does now and then. */
static void do_something(struct side *side, const struct blocks *blocks, struct random *r)
{
	struct vm_hart_state state;

	switch (random_below(r, 14)) {
	case 0:
		vm_flush_all(side->m->vm);
		break;
	case 1:
		vm_flush_asid(side->m->vm, asid_of((unsigned)random_below(r, SPACES)));
		break;
	case 2:
		vm_flush_page(side->m->vm, asid_of((unsigned)random_below(r, SPACES)), some_place(r));
		break;
	case 3:
	case 4:
		set_space(side, (unsigned)random_below(r, SPACES));
		break;
	case 5:
		side->fpu = random_below(r, 8) != 0;
		vm_hart_set_fpu(side->m->hart, side->fpu);
		break;
	case 6:
		vm_hart_clear_reservation(side->m->hart);
		break;
	case 7:
		write_code(side, blocks, r);
		break;
	case 8:
		remap(side, r);
		break;
	case 9:
		remap_page(side, r);
		break;
	case 10:
		debug(side, blocks, r);
		break;
	case 11:
		vm_hart_stop(side->m->hart);
		break;
	case 12:
		side->m->bus_stop = random_below(r, 2);
		break;
	default:
		vm_hart_save(side->m->hart, &state);
		vm_hart_restore(side->m->hart, &state);
	}
}

static void after_exception(struct side *side, const struct blocks *blocks, struct random *r)
{
	const struct vm_hart *hart = side->m->hart;
	struct vm_regs *regs = &side->m->regs;
	bool lost = hart->cause == VM_CAUSE_FETCH_PAGE || hart->cause == VM_CAUSE_FETCH_ACCESS ||
		    (hart->cause == VM_CAUSE_ILLEGAL && hart->tval == 0);

	if (lost || random_below(r, 3) == 0)
		regs->pc = some_block(blocks, r);
	else
		regs->pc += hart->cause == VM_CAUSE_ILLEGAL && (hart->tval & 3) != 3 ? 2 : 4;
	if (random_below(r, 4))
		set_roles(regs, r);
	if (hart->cause == VM_CAUSE_ILLEGAL && random_below(r, 4)) {
		vm_hart_set_fpu(side->m->hart, side->fpu = true);
		regs->fcsr &= 31;
	}
}

static void answer(struct side *side, enum vm_stop stop, const struct blocks *blocks, struct random dice)
{
	struct random *r = &dice;
	struct vm_regs *regs = &side->m->regs;

	switch (stop) {
	case VM_STOP_ECALL:
		regs->pc += 4;
		break;
	case VM_STOP_EXCEPTION:
		after_exception(side, blocks, r);
		break;
	case VM_STOP_BREAK:
		if (random_below(r, 8))
			vm_break_skip(side->m->hart);
		break;
	default:
		if (random_below(r, blocks->calm ? 12 : 6) == 0)
			regs->pc = some_block(blocks, r);
	}
	if (random_below(r, blocks->calm ? 12 : 6) == 0)
		set_roles(regs, r);
	if (random_below(r, blocks->calm ? 12 : 4) == 0)
		set_some(regs, r);
	if (random_below(r, blocks->calm ? 24 : 3) == 0)
		do_something(side, blocks, r);
}

static void begin(struct side *side, const struct blocks *blocks, struct random dice)
{
	for (unsigned i = 1; i < 32; i++)
		side->m->regs.x[i] = random_int(&dice);
	for (unsigned i = 0; i < 32; i++)
		side->m->regs.f[i] = random_freg(&dice);
	set_roles(&side->m->regs, &dice);
	side->m->regs.pc = some_block(blocks, &dice);
	set_space(side, 0);
}

/* --- comparing --- */

static uint64_t next_budget(struct random *r)
{
	static const uint16_t most[] = {1, 4, 16, 64, 256, 1024, 4096, 8192};

	return random_below(r, most[random_below(r, sizeof(most) / sizeof(most[0]))] + 1);
}

/* The last machine runs in two pieces, which nobody may see. */
static enum vm_stop run(struct world *w, unsigned machine, uint64_t budget, struct random dice)
{
	struct machine *m = w->side[machine].m;
	uint64_t piece = machine == MACHINES - 1 ? random_below(&dice, budget + 1) : 0;

	running_tier = machine;
	running_stop = w->stops;
	if (piece) {
		enum vm_stop stop = vm_run(m->hart, &m->regs, piece);

		if (stop != VM_STOP_BUDGET || piece == budget)
			return stop;
		budget -= piece;
	}
	return vm_run(m->hart, &m->regs, budget);
}

/* Runs all machines; false, with the reason, if something differs. */
static bool step_by(struct world *w, uint64_t budget, struct random dice, bool memory, char *why)
{
	uint64_t before = w->side[0].m->hart->instret;
	enum vm_stop stop = run(w, 0, budget, dice);
	uint64_t done = w->side[0].m->hart->instret - before;

	w->stop = stop;
	if (done > budget || (stop == VM_STOP_BUDGET && done != budget)) {
		sprintf(why, "interpreted: stop %d after %" PRIu64 " of %" PRIu64, stop, done, budget);
		return false;
	}
	for (unsigned i = 1; i < w->machines; i++) {
		enum vm_stop other = run(w, i, budget, dice);
		int length = sprintf(why, "%s, stop %" PRIu64 ": ", tier_name[i], w->stops);

		if (!machine_same(w->side[0].m, stop, w->side[i].m, other, why + length) ||
		    (memory && !machine_same_memory(w->side[0].m, w->side[i].m, why + length)))
			return false;
	}
	return true;
}

/* Up to the next stop, and its answer; false, with the reason, if something differs. */
static bool step(struct world *w, char *why)
{
	uint64_t budget = next_budget(&w->random);
	struct random dice = {random_next(&w->random)};
	bool memory = random_below(&w->random, 16) == 0;

	if (!step_by(w, budget, dice, memory, why))
		return false;
	dice.state = random_next(&w->random);
	for (unsigned i = 0; i < w->machines; i++)
		answer(&w->side[i], w->stop, &w->blocks, dice);
	w->stops++;
	return true;
}

static void world_begin(struct world *w)
{
	struct random dice = {random_next(&w->random)};

	for (unsigned i = 0; i < w->machines; i++)
		begin(&w->side[i], &w->blocks, dice);
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
	uint64_t budget = shortest_difference(seed, stop, next_budget(&w->random));

	printf("# seed %" PRIu64 ", stop %" PRIu64 ", space %u, budget %" PRIu64 ", fcsr %#" PRIx64 ":\n",
	       seed, stop, side->space, budget, m->regs.fcsr);
	for (uint64_t i = 0; i < budget; i++) {
		uint64_t pc = m->regs.pc, paddr;
		uint32_t word = 0;
		char text[64];

		if (vm_translate(m->vm, side->roots[side->space], pc, &paddr))
			memcpy(&word, host_of(m, paddr), 4);
		vm_disassemble(pc, word, text, sizeof(text));
		if (i < SHOWN || i + SHOWN > budget)
			printf("#   %6" PRIx64 "  %s\n", pc, text);
		if (vm_run(m->hart, &m->regs, 1) != VM_STOP_BUDGET)
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
