/* Hand-written cases of the VM (cases.c): page tables and address spaces. */
#include <stdlib.h>
#include <string.h>

#include "test/insn/cases.h"
#include "vm/internal.h"

/* What a load, a store and a fetch say of DATA mapped by `pte`: 0 is none. */
static bool rights(struct machine *m, uint64_t pte, unsigned load, unsigned store, unsigned fetch)
{
	unsigned causes[3] = {load, store, fetch};

	*pte_of(m, m->root, DATA) = pte;
	vm_flush_page(m->vm, 1, DATA);
	m->regs.x[6] = DATA;
	PROGRAM(m, LD(5, 6, 0), ECALL, SD(5, 6, 0), ECALL, JALR(0, 6, 0));
	for (unsigned i = 0; i < 3; i++) {
		if (causes[i]) {
			EXPECT_FAULT(m, CODE + i * 8, causes[i], DATA, i == 2 ? DATA : CODE + i * 8, i == 2);
		} else {
			EXPECT("stop", go(m, CODE + i * 8, MANY), VM_STOP_ECALL);
		}
	}
	return true;
}

static bool page_rights(struct machine *m)
{
	uint64_t paddr = page_new(m), page = paddr >> 12 << 10;

	memcpy(host_of(m, paddr), (const uint32_t[]){ECALL, ECALL}, 8);
	return rights(m, page | PTE_ALL, 0, 0, 0) && rights(m, page | (PTE_ALL & ~PTE_V), 13, 15, 12) &&
	       rights(m, page | (PTE_ALL & ~PTE_U), 13, 15, 12) &&
	       rights(m, page | (PTE_ALL & ~PTE_R), 13, 15, 12) && /* W without R is reserved */
	       rights(m, page | (PTE_ALL & ~PTE_R & ~PTE_W), 13, 15, 0) &&
	       rights(m, page | (PTE_ALL & ~PTE_W), 0, 15, 0) &&
	       rights(m, page | (PTE_ALL & ~PTE_X), 0, 0, 12) &&
	       rights(m, page | (PTE_ALL & ~PTE_A), 13, 15, 12) &&
	       rights(m, page | (PTE_ALL & ~PTE_D), 0, 15, 0) &&
	       rights(m, page | PTE_ALL | UINT64_C(1) << 63, 13, 15, 12) && /* Svnapot */
	       rights(m, page | PTE_ALL | UINT64_C(1) << 61, 13, 15, 12) && /* Svpbmt */
	       rights(m, page | PTE_ALL | UINT64_C(1) << 54, 13, 15, 12) &&
	       rights(m, page | PTE_ALL | 0x300, 0, 0, 0) && /* for software */
	       rights(m, page | PTE_ALL | 0x20, 0, 0, 0) &&  /* global */
	       rights(m, page | PTE_V, 13, 15, 12) &&        /* a table at the last level */
	       rights(m, (RAM_BASE + RAM_SIZE) >> 12 << 10 | PTE_ALL, 5, 7, 1) &&
	       rights(m, (RAM_BASE - 4096) >> 12 << 10 | PTE_ALL, 5, 7, 1) &&
	       rights(m, UINT64_C(0x3ffffffffffc00) | PTE_ALL, 5, 7, 1) && rights(m, PTE_ALL, 5, 7, 1);
}

/* Superpages, and hostile entries above the last level. */
static bool table_entries(struct machine *m)
{
	uint64_t va = UINT64_C(5) << 30, root_entry = RAM_BASE >> 12 << 10;
	uint64_t *entry = (uint64_t *)host_of(m, m->root) + 5;
	static const struct {
		uint64_t pte;
		unsigned cause;
	} bad[] = {
		{0, 13},
		{PTE_V | PTE_A, 13},
		{PTE_V | PTE_D, 13},
		{PTE_V | PTE_U, 13},
		{PTE_V | UINT64_C(1) << 60, 13},
		{PTE_V | PTE_W, 13},
		{PTE_V, 5},
		{UINT64_C(0x3ffffffffffc00) | PTE_V, 5},
		{(RAM_BASE + RAM_SIZE) >> 12 << 10 | PTE_V, 5},
		{(RAM_BASE + 4096) >> 12 << 10 | PTE_ALL, 13}, /* misaligned superpage */
	};

	m->regs.x[6] = va + 0x123450;
	PROGRAM(m, LD(5, 6, 0), ECALL);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		*entry = bad[i].pte;
		vm_flush_all(m->vm);
		EXPECT_FAULT(m, CODE, bad[i].cause, va + 0x123450, CODE, 0);
	}
	memset(host_of(m, RAM_BASE + 0x123450), 0x5a, 8);
	*entry = root_entry | PTE_ALL; /* 1 GiB */
	vm_flush_asid(m->vm, 1);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	EXPECT("gigapage", m->regs.x[5], UINT64_C(0x5a5a5a5a5a5a5a5a));
	*pte_of(m, m->root, UINT64_C(6) << 30) = 0; /* makes tables */
	entry = (uint64_t *)host_of(m, m->root) + 6;
	entry = (uint64_t *)host_of(m, *entry >> 10 << 12) + 0;
	m->regs.x[6] = (UINT64_C(6) << 30) + 0x123450;
	*entry = root_entry | PTE_ALL; /* 2 MiB */
	vm_flush_all(m->vm);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	EXPECT("megapage", m->regs.x[5], UINT64_C(0x5a5a5a5a5a5a5a5a));
	*entry = root_entry | 1 << 10 | PTE_ALL;
	vm_flush_all(m->vm);
	EXPECT_FAULT(m, CODE, 13, m->regs.x[6], CODE, 0);
	return true;
}

static bool root_nowhere(struct machine *m)
{
	PROGRAM(m, ECALL);
	vm_hart_set_space(m->hart, 0, 1);
	EXPECT_FAULT(m, CODE, VM_CAUSE_FETCH_PAGE, CODE, CODE, 0);
	vm_hart_set_space(m->hart, RAM_BASE + RAM_SIZE, 1);
	EXPECT_FAULT(m, CODE, VM_CAUSE_FETCH_ACCESS, CODE, CODE, 0);
	vm_hart_set_space(m->hart, UINT64_MAX, 1);
	EXPECT_FAULT(m, CODE, VM_CAUSE_FETCH_ACCESS, CODE, CODE, 0);
	vm_hart_set_space(m->hart, m->root, 1);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	return true;
}

static bool flushes(struct machine *m)
{
	uint64_t one = page_new(m), two = page_new(m);
	uint64_t value = 1;

	memcpy(host_of(m, one), &value, 8);
	value = 2;
	memcpy(host_of(m, two), &value, 8);
	m->regs.x[6] = DATA;
	PROGRAM(m, LD(5, 6, 0), ECALL);
	for (unsigned i = 0; i < 9; i++) {
		*pte_of(m, m->root, DATA) = (i & 1 ? two : one) >> 12 << 10 | PTE_ALL;
		if (i % 3 == 0)
			vm_flush_page(m->vm, 1, DATA);
		else if (i % 3 == 1)
			vm_flush_asid(m->vm, 1);
		else
			vm_flush_all(m->vm);
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("value", m->regs.x[5], i & 1 ? 2 : 1);
	}
	*pte_of(m, m->root, DATA) = 0; /* code that is no longer mapped does not run */
	memcpy(host_of(m, one), (const uint32_t[]){LI(5, 7), ECALL}, 8);
	vm_written(m->vm, one, 8);
	map(m, DATA, one, PTE_ALL);
	EXPECT("stop", go(m, DATA, MANY), VM_STOP_ECALL);
	map(m, DATA, 0, 0);
	EXPECT_FAULT(m, DATA, VM_CAUSE_FETCH_PAGE, DATA, DATA, 0);
	return true;
}

/* Many spaces with the same addresses: none sees what belongs to another. */
static bool many_spaces(struct machine *m)
{
	uint64_t roots[200], code;

	vm_translate(m->vm, m->root, CODE, &code);
	PROGRAM(m, LD(5, 6, 0), SD(5, 6, 8), ECALL);
	m->regs.x[6] = DATA;
	for (unsigned i = 0; i < 200; i++) {
		uint64_t page = page_new(m), value = i + 1000;

		roots[i] = page_new(m);
		*pte_of(m, roots[i], CODE) = code >> 12 << 10 | PTE_ALL;
		*pte_of(m, roots[i], DATA) = page >> 12 << 10 | PTE_ALL;
		memcpy(host_of(m, page), &value, 8);
	}
	for (unsigned n = 0; n < 2000; n++) {
		unsigned i = n < 400 ? n % 200 : n * 7919 % 200;

		vm_hart_set_space(m->hart, roots[i], (uint16_t)(i % 3 ? i : 7));
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("value", m->regs.x[5], i + 1000);
	}
	return true;
}

/* More code than the block cache holds, all of it changing while it runs. */
static bool much_code(struct machine *m)
{
	uint64_t va = UINT64_C(0x1000000);
	unsigned pages = 256, words = pages * 1024;
	uint32_t *code = malloc(words * 4);

	map_new(m, va, pages);
	for (unsigned i = 0; i < words; i++)
		code[i] = i % 5 == 4 ? JAL(0, 4) : ADDI(5, 5, 1);
	code[words - 1] = ECALL;
	poke(m, va, code, words * 4);
	free(code);
	for (unsigned i = 0; i < 5; i++) {
		uint64_t before = m->hart->instret;

		m->regs.x[5] = 0;
		EXPECT("stop", go(m, va + i * 4, MANY), VM_STOP_ECALL);
		EXPECT("instret", m->hart->instret - before, words - 1 - i);
	}
	return true;
}

/* --- code whose page goes and comes back --- */

/* Two blocks, of which each adds so much to x5. */
static uint64_t two_blocks(struct machine *m, uint32_t adds)
{
	uint64_t page = page_new(m);

	memcpy(host_of(m, page), (const uint32_t[]){ADDI(5, 5, adds), JAL(0, 8), 0, ADDI(5, 5, adds), ECALL},
	       20);
	return page;
}

static bool adds(struct machine *m, uint64_t value)
{
	m->regs.x[5] = 0;
	EXPECT("stop", go(m, DATA, MANY), VM_STOP_ECALL);
	EXPECT("x5", m->regs.x[5], value);
	return true;
}

static bool code_waits_for_its_page(struct machine *m)
{
	uint64_t page = two_blocks(m, 1);
	struct vm_stats before, after;

	before = stats_of(m);
	for (unsigned i = 0; i < 200; i++) {
		map(m, DATA, page, PTE_ALL);
		if (!adds(m, 2))
			return false;
		map(m, DATA, 0, 0);
		EXPECT_FAULT(m, DATA, VM_CAUSE_FETCH_PAGE, DATA, DATA, 0);
	}
	after = stats_of(m);
	EXPECT("compiled again", after.blocks_compiled - before.blocks_compiled > 2, false);
	memcpy(host_of(m, page), (const uint32_t[]){LI(5, 7)}, 4);
	vm_written(m->vm, page, 4);
	map(m, DATA, page, PTE_ALL);
	return adds(m, 8);
}

/* The second block comes from another frame, since nothing was flushed: with the next flush that is over. */
static bool code_waits_for_its_frame(struct machine *m)
{
	uint64_t page[2] = {two_blocks(m, 1), two_blocks(m, 2)};
	const uint64_t beside = DATA + (TLB_SIZE << 12); /* in the same place of the TLB */
	const uint32_t ecall = ECALL;

	map_new(m, beside, 1);
	poke(m, beside + 64, &ecall, 4);
	for (unsigned i = 0; i < 200; i++) {
		map(m, DATA, page[i & 1], PTE_ALL);
		EXPECT("stop", go(m, DATA, 2), VM_STOP_BUDGET);
		*pte_of(m, m->root, DATA) = page[~i & 1] >> 12 << 10 | PTE_ALL;
		EXPECT("stop", go(m, beside + 64, MANY), VM_STOP_ECALL);
		EXPECT("stop", go(m, DATA, MANY), VM_STOP_ECALL);
		for (unsigned k = 0; k < 4; k++) {
			map(m, DATA, page[k & 1], PTE_ALL);
			if (!adds(m, k & 1 ? 4 : 2))
				return false;
		}
	}
	return true;
}

/* One frame at two addresses: what was stored by the one is not there any more when the other has stored. */
static bool stores_through_an_alias(struct machine *m)
{
	uint64_t page = page_new(m), alias = DATA + (1 << PAGE_BITS);

	map(m, DATA, page, PTE_ALL);
	map(m, alias, page, PTE_ALL);
	m->regs.x[6] = DATA;
	m->regs.x[9] = alias;
	m->regs.x[5] = MANY / 10;
	PROGRAM(m, ADDI(8, 8, 1), SD(7, 6, 0), SD(8, 9, 0), LD(7, 6, 0), BNE(7, 8, 12), ADDI(5, 5, -1),
		BNE(5, 0, -24), ECALL);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	EXPECT("turns left", m->regs.x[5], 0);
	return true;
}

/* --- what the jump cache keeps --- */

#define JUMP_PAGES  6
#define FUNCTIONS   8
#define JUMP_FRAMES 2

/* Every other page has the same number mod 64. */
static uint64_t jump_page(unsigned page)
{
	return DATA + (page % 2 ? (uint64_t)page << PAGE_BITS : (uint64_t)page * 64 << PAGE_BITS);
}

/* Half of them share a place in the cache with one of another page. */
static uint64_t jump_function(unsigned page, unsigned i)
{
	return (i % 2 ? 64 + i : i * JUMP_PAGES + page) * 32;
}

/* How many jumps to the page are kept; of what is kept, all is in its list, and nothing else. */
static bool jumps_kept(struct machine *m, uint64_t page, unsigned *kept)
{
	const struct space *space = ((const struct hart *)m->hart)->space;
	unsigned listed = 0, all = 0;

	*kept = 0;
	for (unsigned i = 0; i < JUMP_SIZE; i++) {
		all += space->jump[i].pc != UINT64_MAX;
		*kept += (space->jump[i].pc & PAGE_MASK) == page;
	}
	for (unsigned number = 0; number < 64; number++) {
		uint32_t before = JUMP_SIZE, place = space->jump_first[number];

		if (!(space->jump_pages >> number & 1))
			continue;
		EXPECT("an empty list", place == JUMP_SIZE, false);
		for (; place != JUMP_SIZE; before = place, place = space->jump[place].next) {
			EXPECT("number", space->jump[place].pc >> PAGE_BITS & 63, number);
			EXPECT("before", space->jump[place].prev, before);
			EXPECT("too long", listed++ > JUMP_SIZE, false);
		}
	}
	EXPECT("listed", listed, all);
	return true;
}

/* A page that is mapped to another frame takes its own jumps with it, and no others. */
static bool jumps_go_with_their_page(struct machine *m)
{
	uint64_t frames[JUMP_PAGES][JUMP_FRAMES];
	unsigned now[JUMP_PAGES] = {0}, kept[JUMP_PAGES], after;
	struct random r = {77};

	for (unsigned page = 0; page < JUMP_PAGES; page++) {
		for (unsigned k = 0; k < JUMP_FRAMES; k++) {
			frames[page][k] = page_new(m);
			for (unsigned i = 0; i < FUNCTIONS; i++)
				memcpy(host_of(m, frames[page][k] + jump_function(page, i)),
				       (const uint32_t[]){LI(5, 100 * k + 10 * page + i), ECALL}, 8);
		}
		map(m, jump_page(page), frames[page][0], PTE_ALL);
	}
	for (unsigned round = 0; round < 300; round++) {
		unsigned changed = (unsigned)random_below(&r, JUMP_PAGES);

		for (unsigned n = 0; n < 30; n++) {
			unsigned page = (unsigned)random_below(&r, JUMP_PAGES),
				 i = (unsigned)random_below(&r, FUNCTIONS);

			EXPECT("stop", go(m, jump_page(page) + jump_function(page, i), MANY), VM_STOP_ECALL);
			EXPECT("value", m->regs.x[5], 100 * now[page] + 10 * page + i);
		}
		for (unsigned page = 0; page < JUMP_PAGES; page++)
			if (!jumps_kept(m, jump_page(page), &kept[page]))
				return false;
		now[changed] ^= 1;
		map(m, jump_page(changed), frames[changed][now[changed]], PTE_ALL);
		for (unsigned page = 0; page < JUMP_PAGES; page++) {
			if (!jumps_kept(m, jump_page(page), &after))
				return false;
			EXPECT("kept", after, page == changed ? 0 : kept[page]);
		}
	}
	return true;
}

const struct vm_case page_cases[] = {
	CASE(page_rights),
	CASE(table_entries),
	CASE(root_nowhere),
	CASE(flushes),
	CASE(many_spaces),
	CASE(much_code),
	CASE(code_waits_for_its_page),
	CASE(code_waits_for_its_frame),
	CASE(stores_through_an_alias),
	CASE(jumps_go_with_their_page),
	{0},
};
