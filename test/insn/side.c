/* See side.h. */
#include <string.h>

#include "test/insn/side.h"

#define CODE        UINT64_C(0x10000)
#define ALIAS       UINT64_C(0x18000) /* the same pages, and in space 1 others of them at CODE */
#define TABLE       UINT64_C(0x1f000)
#define STACK       UINT64_C(0x38000)
#define STACK_PAGES 2
#define LAST        UINT64_C(0x3ffffff000) /* of the lower half */
#define TOP         UINT64_C(0xfffffffffffff000)

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
		for (unsigned i = 0; i < DATA_MAPPED; i++)
			map_in(side, space, DATA + i * 4096, side->frame[(i * 3 + space) % DATA_MAPPED],
			       PTE_ALL);
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

/* What a kernel does now and then; not all of it while the hart runs. */
static void do_something(struct side *side, struct random *r, bool runs)
{
	const struct blocks *blocks = side->blocks;
	struct vm_hart_state state;

	switch (random_below(r, runs ? 13 : 14)) {
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

/* Whatever stopped a thread, it may go on in other circumstances. */
static void disturb(struct side *side, struct vm_regs *regs, struct random *r, bool runs)
{
	bool calm = side->blocks->calm;

	if (random_below(r, calm ? 12 : 6) == 0)
		set_roles(regs, r);
	if (random_below(r, calm ? 12 : 4) == 0)
		set_some(regs, r);
	if (random_below(r, calm ? 24 : 3) == 0)
		do_something(side, r, runs);
}

void side_answer(struct side *side, enum vm_stop stop, struct random dice)
{
	const struct blocks *blocks = side->blocks;
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
	disturb(side, regs, r, false);
}

uint64_t random_budget(struct random *r)
{
	static const uint16_t most[] = {1, 4, 16, 64, 256, 1024, 4096, 8192};

	return random_below(r, most[random_below(r, sizeof(most) / sizeof(most[0]))] + 1);
}

/* While the hart runs: it stops, or goes on with one thread or the other. */
static struct vm_regs *answer_call(struct machine *m, uint64_t *budget)
{
	struct side *side = m->answer_context;
	struct random *r = &side->calls;

	if (random_below(r, 4) == 0)
		return NULL;
	side->runs->pc += 4;
	if (random_below(r, 3))
		side->runs = side->runs == &m->regs ? &side->other : &m->regs;
	disturb(side, side->runs, r, true);
	*budget = random_budget(r);
	side->end = m->hart->instret + *budget;
	if (side->stepped)
		*budget = 0;
	return side->runs;
}

static void begin_thread(struct vm_regs *regs, const struct blocks *blocks, struct random *r)
{
	for (unsigned i = 1; i < 32; i++)
		regs->x[i] = random_int(r);
	for (unsigned i = 0; i < 32; i++)
		regs->f[i] = random_freg(r);
	set_roles(regs, r);
	regs->pc = some_block(blocks, r);
}

void side_start(struct side *side, struct random dice)
{
	begin_thread(&side->m->regs, side->blocks, &dice);
	begin_thread(&side->other, side->blocks, &dice);
	set_space(side, 0);
}

/* --- making and running --- */

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

void side_make(struct side *side, enum vm_tier tier, bool shares, const struct blocks *blocks,
	       struct random random)
{
	struct machine *m;

	machine_tier = tier;
	m = side->m = shares ? machine_create_sharing() : machine_create();
	m->answer = answer_call;
	m->answer_context = side;
	side->blocks = blocks;
	side->roots[0] = side->roots[2] = m->root;
	side->roots[1] = page_new(m);
	for (unsigned i = 0; i < BLOCKS_PAGES; i++)
		side->code[i] = page_new(m);
	for (unsigned i = 0; i < FRAMES; i++)
		side->frame[i] = shares && (i == 1 || i == 2) ? REGION + i * 4096 : page_new(m);
	side->fpu = true;
	map_all(side);
	fill(side, blocks, random);
}

void side_begin(struct side *side, uint64_t budget, struct random dice)
{
	side->calls = dice;
	side->runs = &side->m->regs;
	side->end = side->m->hart->instret + budget;
}

/* The thread that ran last is the one that is looked at. */
void side_end(struct side *side)
{
	struct vm_regs regs = side->m->regs;

	if (side->runs == &side->m->regs)
		return;
	side->m->regs = side->other;
	side->other = regs;
}
