/*
 * Hand-written cases of the VM (cases.c): what a guest does to get out of its memory, or to have something
 * run that is no longer there. Guest memory lies between pages that nobody may touch (machine.c), and what
 * lies beside mapped pages is looked at.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "test/insn/cases.h"
#include "vm/jit/jit.h"

#define LAST  UINT64_C(0xfffffffffffff000) /* the last page of all addresses */
#define FAR   UINT64_C(0x40000000)
#define FIRST 0 /* the first */

/* --- addresses --- */

enum { ACCESS_LOADS = 7, ACCESSES = 13 };

/* The n-th kind of access by x6; its size. */
static uint32_t access_word(unsigned n, int32_t offset, unsigned *size)
{
	static const uint16_t matches[] = {0x0003, 0x1003, 0x2003, 0x3003, 0x4003, 0x5003, 0x6003,
					   0x0023, 0x1023, 0x2023, 0x3023, 0x2027, 0x3027};
	static const uint8_t sizes[] = {1, 2, 4, 8, 1, 2, 4, 1, 2, 4, 8, 4, 8};

	*size = sizes[n];
	if (n < ACCESS_LOADS)
		return I_TYPE(matches[n], 7, 6, offset);
	return S_TYPE(matches[n], 6, 8, offset);
}

/* Every access near a page's end does what it should, again and again, and touches nothing beside. */
static bool page_edges(struct machine *m)
{
	static const int32_t offsets[] = {0, 8, 2047, -2048};
	uint64_t before = page_new(m), paddr = map_new(m, FAR, 2), behind = page_new(m);
	uint64_t *guards[] = {host_of(m, before), host_of(m, behind)};

	(void)paddr;
	for (unsigned n = 0; n < ACCESSES; n++) {
		for (int32_t at = -9; at <= 9; at++) {
			unsigned size, cause = n < ACCESS_LOADS ? VM_CAUSE_LOAD_PAGE : VM_CAUSE_STORE_PAGE;
			int32_t offset = offsets[(unsigned)(at + 9) % 4];
			uint32_t word = access_word(n, offset, &size);
			uint64_t low = FAR + (uint64_t)(int64_t)at, high = FAR + 8192 + (uint64_t)(int64_t)at;

			PROGRAM(m, NOP, word, NOP, ECALL);
			m->regs.x[6] = low - (uint64_t)(int64_t)offset;
			if (at < 0)
				EXPECT_FAULT(m, CODE, cause, low, CODE + 4, 1);
			else
				EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
			m->regs.x[6] = high - (uint64_t)(int64_t)offset;
			if (at + (int32_t)size > 0)
				EXPECT_FAULT(m, CODE, cause, at > 0 ? high : FAR + 8192, CODE + 4, 1);
			else
				EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		}
	}
	for (unsigned i = 0; i < 512; i++)
		EXPECT("beside", guards[0][i] | guards[1][i], 0);
	return true;
}

/* Addresses that share all but one bit with one that was just accessed. */
static bool distant_relatives(struct machine *m)
{
	for (unsigned n = 0; n < ACCESSES; n++) {
		unsigned size, cause = n < ACCESS_LOADS ? VM_CAUSE_LOAD_PAGE : VM_CAUSE_STORE_PAGE;
		uint32_t word = access_word(n, 16, &size);

		PROGRAM(m, word, ADD(6, 6, 10), word, ECALL);
		for (unsigned bit = 13; bit < 64; bit++) {
			uint64_t distance = UINT64_C(1) << bit, minus = -distance;

			m->regs.x[6] = DATA;
			m->regs.x[10] = distance;
			if (DATA + distance != CODE)
				EXPECT_FAULT(m, CODE, cause, DATA + distance + 16, CODE + 8, 2);
			m->regs.x[6] = DATA;
			m->regs.x[10] = minus;
			if (DATA + minus != CODE)
				EXPECT_FAULT(m, CODE, cause, DATA + minus + 16, CODE + 8, 2);
		}
	}
	return true;
}

/* From the last address to the first, by a base and by none. */
static bool around_the_end(struct machine *m)
{
	uint64_t last = page_new(m), first = page_new(m), value = UINT64_C(0x1122334455667788);

	for (unsigned i = 0; i < 3; i++) {
		map(m, LAST, last, PTE_ALL);
		map(m, FIRST, first, PTE_ALL);
		memcpy((uint8_t *)host_of(m, last) + 4092, &value, 4);
		memcpy(host_of(m, first), (uint8_t *)&value + 4, 4);
		m->regs.x[6] = 0;
		PROGRAM(m, LD(5, 6, -4), LD(7, 0, -4), SD(8, 6, -4), LD(9, 0, -4), SD(5, 0, -4), LW(10, 6, 0),
			ECALL);
		m->regs.x[8] = i;
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("by a base", m->regs.x[5], value);
		EXPECT("by none", m->regs.x[7], value);
		EXPECT("stored", m->regs.x[9], i);
		EXPECT("the first", m->regs.x[10], value >> 32);
		map(m, FIRST, 0, 0);
		EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_PAGE, 0, CODE, 0);
		EXPECT_FAULT(m, CODE + 8, VM_CAUSE_STORE_PAGE, 0, CODE + 8, 0);
		map(m, FIRST, first, PTE_ALL);
		map(m, LAST, 0, 0);
		EXPECT_FAULT(m, CODE + 4, VM_CAUSE_LOAD_PAGE, -UINT64_C(4), CODE + 4, 0);
		EXPECT_FAULT(m, CODE + 16, VM_CAUSE_STORE_PAGE, -UINT64_C(4), CODE + 16, 0);
	}
	return true;
}

/* The first and the last page of memory; then mapped pages that are no memory. */
static bool ends_of_memory(struct machine *m)
{
	map(m, FAR, RAM_BASE - 4096, PTE_ALL);
	map(m, FAR + 4096, RAM_BASE, PTE_ALL & ~PTE_W);
	map(m, FAR + 8192, RAM_BASE + RAM_SIZE - 4096, PTE_ALL);
	map(m, FAR + 12288, RAM_BASE + RAM_SIZE, PTE_ALL);
	m->regs.x[6] = FAR + 4096;
	PROGRAM(m, LD(5, 6, 0), LD(5, 6, -4), ECALL);
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_ACCESS, FAR + 4092, CODE + 4, 1);
	m->regs.x[6] = FAR + 12288;
	for (int32_t at = -16; at < 16; at++) {
		PROGRAM(m, SD(5, 6, at), LD(5, 6, at), ECALL);
		if (at <= -8) {
			EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
			continue;
		}
		EXPECT_FAULT(m, CODE, VM_CAUSE_STORE_ACCESS, FAR + 12288 + (at > 0 ? (uint64_t)at : 0), CODE,
			     0);
		EXPECT_FAULT(m, CODE + 4, VM_CAUSE_LOAD_ACCESS, FAR + 12288 + (at > 0 ? (uint64_t)at : 0),
			     CODE + 4, 0);
	}
	return true;
}

/* --- what was there before a flush --- */

static void flush(struct machine *m, unsigned kind, uint64_t va)
{
	if (kind == 0)
		vm_flush_page(m->vm, 1, va);
	else if (kind == 1)
		vm_flush_asid(m->vm, 1);
	else
		vm_flush_all(m->vm);
}

/* A loop of loads and stores whose page becomes another, read-only, or goes. */
static bool data_moves_under_a_loop(struct machine *m)
{
	uint64_t one = page_new(m), two = page_new(m), *pte = pte_of(m, m->root, DATA);

	PROGRAM(m, LD(5, 6, 8), ADDI(5, 5, 1), SD(5, 6, 8), JAL(0, -12));
	for (unsigned i = 0; i < 30; i++) {
		uint64_t here = i & 1 ? two : one, *word = (uint64_t *)host_of(m, here) + 1;

		m->regs.x[6] = DATA;
		*word = 0;
		*pte = here >> 12 << 10 | PTE_ALL;
		flush(m, i % 3, DATA);
		EXPECT("stop", go(m, CODE, 400), VM_STOP_BUDGET);
		EXPECT("stored", *word, 100);
		*pte &= ~(uint64_t)PTE_W;
		flush(m, (i + 1) % 3, DATA);
		EXPECT_FAULT(m, CODE, VM_CAUSE_STORE_PAGE, DATA + 8, CODE + 8, 2);
		*pte = 0;
		flush(m, (i + 2) % 3, DATA);
		EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_PAGE, DATA + 8, CODE, 0);
		EXPECT("stored no more", *word, 100);
	}
	return true;
}

/* A loop over two pages, of which the second becomes another, not executable, or goes. */
static bool code_moves_under_a_loop(struct machine *m)
{
	uint64_t second = CODE + 4096, page[2] = {page_new(m), page_new(m)},
		 *pte = pte_of(m, m->root, second);

	for (unsigned i = 0; i < 2; i++)
		memcpy(host_of(m, page[i]), (const uint32_t[]){ADDI(5, 5, i + 1), JAL(0, -4100)}, 8);
	PROGRAM(m, ADDI(7, 7, 1), JAL(0, 4092));
	for (unsigned i = 0; i < 30; i++) {
		m->regs.x[5] = m->regs.x[7] = 0;
		*pte = page[i & 1] >> 12 << 10 | PTE_ALL;
		flush(m, i % 3, second);
		EXPECT("stop", go(m, CODE, 400), VM_STOP_BUDGET);
		EXPECT("x7", m->regs.x[7], 100);
		EXPECT("x5", m->regs.x[5], 100 * (1 + (i & 1)));
		*pte &= ~(uint64_t)(i & 2 ? PTE_X : PTE_V);
		flush(m, (i + 1) % 3, second);
		EXPECT_FAULT(m, CODE, VM_CAUSE_FETCH_PAGE, second, second, 2);
	}
	return true;
}

/* One page of code at two addresses and in two spaces: each knows its own address, all see what is written.
 */
static bool code_at_several_addresses(struct machine *m)
{
	uint64_t root = page_new(m), code;

	vm_translate(m->vm, m->root, CODE, &code);
	map(m, FAR, code, PTE_ALL);
	*pte_of(m, root, CODE + 4096) = code >> 12 << 10 | PTE_ALL;
	PROGRAM(m, 0x297 /* auipc x5, 0 */, ADDI(7, 7, 0), BEQ(0, 0, 8), EBREAK, ECALL);
	for (unsigned i = 0; i < 300; i++) {
		static const uint64_t places[] = {CODE, FAR, CODE + 4096};
		uint64_t at = places[i % 3];
		uint32_t word = ADDI(7, 7, i & 15);

		m->regs.x[7] = 0;
		if (i % 5 == 0)
			poke(m, CODE + 4, &word, 4);
		if (i % 7 == 0) { /* by the program, through the other address */
			vm_hart_set_space(m->hart, m->root, 1);
			m->regs.x[6] = FAR;
			m->regs.x[8] = word;
			poke(m, CODE + 64, (const uint32_t[]){SW(8, 6, 4), ECALL}, 8);
			EXPECT("stop", go(m, CODE + 64, MANY), VM_STOP_ECALL);
		}
		memcpy(&word, (uint8_t *)host_of(m, code) + 4, 4);
		vm_hart_set_space(m->hart, i % 3 == 2 ? root : m->root, i % 3 == 2 ? 2 : 1);
		EXPECT("stop", go(m, at, MANY), VM_STOP_ECALL);
		EXPECT("its address", m->regs.x[5], at);
		EXPECT("what is there", m->regs.x[7], word >> 20);
		EXPECT("pc", m->regs.pc, at + 16);
	}
	return true;
}

/* --- ways into and out of code --- */

/* A loop that enters lui at its start and in its middle, where there is c.addi; which is then overwritten. */
static bool middle_of_instructions(struct machine *m)
{
	uint64_t middle = CODE + 2;

	PROGRAM(m, LUI(7, 0x02850), I_TYPE(0x4013, 9, 9, 2), ADDI(6, 6, -1), BEQ(6, 0, 8), JALR(0, 9, 0),
		ECALL);
	for (uint16_t i = 1; i < 8; i++) {
		uint16_t addi = (uint16_t)(0x0281 | i << 2); /* c.addi x5, i */

		poke(m, middle, &addi, 2);
		m->regs.x[5] = m->regs.x[7] = 0;
		m->regs.x[6] = 1000;
		m->regs.x[9] = CODE;
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("x5", m->regs.x[5], 500 * i);
		EXPECT("x7", m->regs.x[7], (uint64_t)addi << 16 | (LUI(7, 0x02850) & 0xf000));
	}
	return true;
}

/* Calls to great depth; then returns that go elsewhere than where the call was. */
static bool returns_elsewhere(struct machine *m)
{
	static const struct {
		uint32_t leave[3]; /* how the function returns */
		unsigned x5, x7;   /* 1: the instruction behind the call was executed, the one after it */
	} ways[] = {
		{{JALR(0, 1, 0), NOP, NOP}, 100, 100},
		{{ADDI(1, 1, 4), JALR(0, 1, 0), NOP}, 0, 100},
		{{JALR(0, 1, 4), NOP, NOP}, 0, 100},
		{{ADDI(28, 1, 0), JALR(0, 28, 0), NOP}, 100, 100},
		{{JALR(1, 1, 0), NOP, NOP}, 100, 100},
		{{ADDI(28, 1, 0), JALR(5, 28, 4), NOP}, 0, 100},
		{{JAL(1, 4), ADDI(1, 28, 0), JALR(0, 1, 0)}, 100, 100}, /* a call that never returns */
	};

	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		/* x10 times: call the function at 32, and count behind it. */
		PROGRAM(m, JAL(1, 32), ADDI(6, 6, 1), ADDI(7, 7, 1), ADDI(10, 10, -1), BNE(10, 0, -16), ECALL,
			NOP, NOP, ADDI(28, 1, 0), ways[i].leave[0], ways[i].leave[1], ways[i].leave[2]);
		m->regs.x[6] = m->regs.x[7] = 0;
		m->regs.x[10] = 100;
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("behind the call", m->regs.x[6], ways[i].x5);
		EXPECT("one further on", m->regs.x[7], ways[i].x7);
	}
	/* f: if (x10--) f(); x7++ */
	PROGRAM(m, JAL(1, 8), ECALL, ADDI(2, 2, -8), SD(1, 2, 0), BEQ(10, 0, 12), ADDI(10, 10, -1),
		JAL(1, -16), ADDI(7, 7, 1), LD(1, 2, 0), ADDI(2, 2, 8), JALR(0, 1, 0));
	for (unsigned depth = 1; depth < 1000; depth *= 3) {
		uint64_t before = m->hart->instret;

		m->regs.x[2] = DATA + 8192;
		m->regs.x[7] = 0;
		m->regs.x[10] = depth;
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("returned from", m->regs.x[7], depth + 1);
		EXPECT("instret", m->hart->instret - before, 1 + depth * 9 + 7);
	}
	return true;
}

/* Calls whose return addresses are about 2^31 and 2^32, where 32 bits with and without sign end, and far up.
 */
static bool calls_at_high_addresses(struct machine *m)
{
	static const uint64_t ends[] = {UINT64_C(1) << 31,
					UINT64_C(1) << 32,
					UINT64_C(0x3fffffe000),
					UINT64_C(0xffffffff80000000),
					UINT64_C(0xffffffff00000000),
					LAST};

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		uint64_t start = ends[i] - 12;

		map_new(m, ends[i] - 4096, 2);
		/* x10 times: call the function at 28, first from below the border; count behind it. */
		poke(m, start,
		     (const uint32_t[]){NOP, NOP, JAL(1, 20), ADDI(6, 6, 1), ADDI(10, 10, -1),
					BNE(10, 0, -12), ECALL, ADDI(7, 7, 1), JALR(0, 1, 0)},
		     36);
		m->regs.x[6] = m->regs.x[7] = 0;
		m->regs.x[10] = 1000;
		EXPECT("stop", go(m, start, MANY), VM_STOP_ECALL);
		EXPECT("behind the call", m->regs.x[6], 1000);
		EXPECT("in the function", m->regs.x[7], 1000);
		EXPECT("return address", m->regs.x[1], ends[i]);
	}
	return true;
}

/* What is behind a call is another instruction, elsewhere, or gone when the function returns. */
static bool returns_to_what_changed(struct machine *m)
{
	uint64_t function = CODE + 4096, page = page_new(m), code, one = page_new(m);

	vm_translate(m->vm, m->root, CODE, &code);
	map(m, function, page, PTE_ALL);
	poke(m, function, (const uint32_t[]){SW(8, 1, 0), ECALL, JALR(0, 1, 0)}, 12);
	PROGRAM(m, JAL(1, 4096), ADDI(5, 5, 1), JAL(0, -8));
	for (unsigned i = 1; i < 50; i++) {
		m->regs.x[5] = 0;
		m->regs.x[8] = ADDI(5, 5, i);
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("again", go(m, function + 8, MANY), VM_STOP_ECALL);
		EXPECT("what the function wrote", m->regs.x[5], i);
		memcpy((uint8_t *)host_of(m, one) + 4, (const uint32_t[]){ADDI(5, 5, 100 + i), ECALL}, 8);
		vm_written(m->vm, one, 12);
		map(m, CODE, one, PTE_ALL);
		m->regs.x[5] = 0;
		EXPECT("elsewhere", go(m, function + 8, MANY), VM_STOP_ECALL);
		EXPECT("what is there", m->regs.x[5], 100 + i);
		map(m, CODE, 0, 0);
		EXPECT_FAULT(m, function + 8, VM_CAUSE_FETCH_PAGE, CODE + 4, CODE + 4, 1);
		map(m, CODE, code, PTE_ALL);
	}
	return true;
}

/* --- the code cache --- */

#define FUNCTIONS 3000
#define SPACING   32 /* bytes */

/* Many small functions, each of which jumps to another; some become others between rounds. */
static bool ring_of_functions(struct machine *m)
{
	static uint32_t added[FUNCTIONS], next[FUNCTIONS];
	struct random random = {1};

	for (unsigned i = 0; i * SPACING < FUNCTIONS * SPACING; i += 4096 / SPACING)
		map_new(m, FAR + i * SPACING, 1);
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		unsigned to = (i + 1237) % FUNCTIONS; /* comes to all of them */
		uint64_t at = FAR + i * SPACING;

		added[i] = i % 100;
		next[i] = to;
		poke(m, at, (const uint32_t[]){ADDI(5, 5, added[i]), JAL(0, (int32_t)(to - i) * SPACING - 4)},
		     8);
	}
	poke(m, FAR + 4, (const uint32_t[]){BEQ(5, 0, 8), ECALL, JAL(0, (int32_t)next[0] * SPACING - 12)},
	     12);
	for (unsigned round = 0; round < 20; round++) {
		uint64_t sum = 0, before = m->hart->instret;

		for (unsigned i = 0; i < 20; i++) {
			uint64_t which = 1 + random_below(&random, FUNCTIONS - 1);
			uint32_t word = ADDI(5, 5, added[which] = (uint32_t)random_below(&random, 2000));

			poke(m, FAR + which * SPACING, &word, 4);
		}
		for (unsigned i = 0; i < FUNCTIONS; i++)
			sum += added[i];
		m->regs.x[5] = 0;
		EXPECT("stop", go(m, FAR, MANY), VM_STOP_ECALL);
		EXPECT("sum", m->regs.x[5], sum);
		EXPECT("instret", m->hart->instret - before, 2 * FUNCTIONS + 3);
	}
	return true;
}

/* --- loops without end --- */

static struct vm_hart *to_stop;
static volatile sig_atomic_t asked;

static void ask(int signal)
{
	static const char text[] = "not ok a loop without end cannot be stopped\n";

	(void)signal;
	vm_hart_stop(to_stop);
	if (++asked > 200 && write(1, text, sizeof(text) - 1))
		_exit(1);
}

/* Runs with no end to its budget; somebody else asks for a stop. */
static bool stopped_by_another(struct machine *m, uint64_t pc)
{
	static const struct itimerval soon = {.it_value.tv_usec = 5000, .it_interval.tv_usec = 50000}, never;
	enum vm_stop stop;
	uint64_t before = m->hart->instret;

	asked = 0;
	to_stop = m->hart;
	signal(SIGALRM, ask);
	setitimer(ITIMER_REAL, &soon, NULL);
	stop = go(m, pc, UINT64_MAX);
	setitimer(ITIMER_REAL, &never, NULL);
	EXPECT("stop", stop, VM_STOP_REQUEST);
	EXPECT("has run", m->hart->instret > before, true);
	if (asked > 1)
		vm_run(m->hart, &m->regs, 1); /* which says that a stop was asked for once more */
	return true;
}

static bool loops_without_end(struct machine *m)
{
	uint64_t end = CODE + 4096;

	map_new(m, end, 1);
	m->regs.x[2] = DATA + 64;
	m->regs.x[6] = CODE;
	m->regs.x[9] = UINT64_C(1) << 63;
	poke(m, end, (const uint32_t[]){JAL(0, -4096)}, 4);
#define ENDLESS(...)                                                                                         \
	PROGRAM(m, __VA_ARGS__);                                                                             \
	if (!stopped_by_another(m, CODE))                                                                    \
	return false
	ENDLESS(JAL(0, 0));
	ENDLESS(BEQ(0, 0, 0));
	ENDLESS(0xa001a001); /* c.j 0 */
	ENDLESS(NOP, JAL(0, -4));
	ENDLESS(ADDI(9, 9, -1), BNE(9, 0, -4), ECALL); /* 2^63 times */
	ENDLESS(BNE(0, 0, 8), BEQ(0, 0, -4));
	ENDLESS(JALR(0, 6, 0));
	ENDLESS(JAL(1, 8), JAL(0, -4), JALR(0, 1, 0));
	ENDLESS(JAL(1, 0)); /* calls without returns */
	ENDLESS(JAL(1, 4), JAL(1, -4));
	ENDLESS(JALR(1, 6, 0));
	m->regs.x[1] = CODE;
	ENDLESS(JALR(0, 1, 0)); /* returns without calls */
	ENDLESS(JALR(0, 1, 0), NOP);
	ENDLESS(JALR(1, 1, 0));
	ENDLESS(JAL(0, 4096)); /* across pages */
	ENDLESS(LD(5, 2, 0), SD(5, 2, 8), JAL(0, -8));
	ENDLESS(AMOADD_D(5, 9, 2), JAL(0, -4));
	ENDLESS(CSRRS(5, 0xc02, 0), FENCE_I, JAL(0, -8));
	ENDLESS(FADD_D(1, 1, 1, 7), JAL(0, -4));
	return true;
}

/* No budget is too large to be counted. */
static bool budgets_without_end(struct machine *m)
{
	static const uint64_t budgets[] = {UINT64_MAX, UINT64_MAX - 1, (uint64_t)INT64_MAX + 1, INT64_MAX};

	for (unsigned i = 0; i < 4; i++) {
		uint64_t before = m->hart->instret;

		m->regs.x[9] = 100000;
		PROGRAM(m, ADDI(9, 9, -1), BNE(9, 0, -4), ECALL);
		EXPECT("stop", go(m, CODE, budgets[i]), VM_STOP_ECALL);
		EXPECT("instret", m->hart->instret - before, 200000);
	}
	return true;
}

/* Code has the room that is made for it: nine registers whose upper halves are missing at every detour. */
static bool longest_code(struct machine *m)
{
	static const uint8_t homes[] = {2, 8, 9, 10, 11, 12, 13, 14, 15};
	static const uint32_t longest[] = {SC_W(16, 17, 18), SC_D(16, 17, 18), FMADD_S(1, 2, 3, 4)};
	uint32_t words[BLOCK_INSNS];
	struct vm_stats before, after;

	for (unsigned i = 0; i < sizeof(longest) / sizeof(longest[0]); i++) {
		for (unsigned k = 0; k < BLOCK_INSNS; k++)
			words[k] = k < sizeof(homes) ? ADDW(homes[k], homes[k], 19) : longest[i];
		words[BLOCK_INSNS - 1] = ECALL;
		m->regs.x[18] = DATA;
		code_at(m, CODE, words, BLOCK_INSNS);
		before = stats_of(m);
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		after = stats_of(m);
		EXPECT("fits", after.code_bytes - before.code_bytes <= TRANSLATED_MAX, true);
	}
	return true;
}

const struct vm_case hostile_cases[] = {
	CASE(page_edges),
	CASE(distant_relatives),
	CASE(around_the_end),
	CASE(ends_of_memory),
	CASE(data_moves_under_a_loop),
	CASE(code_moves_under_a_loop),
	CASE(code_at_several_addresses),
	CASE(middle_of_instructions),
	CASE(returns_elsewhere),
	CASE(calls_at_high_addresses),
	CASE(returns_to_what_changed),
	CASE(ring_of_functions),
	CASE(loops_without_end),
	CASE(budgets_without_end),
	CASE(longest_code),
	{0},
};
