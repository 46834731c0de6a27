/*
 * Hand-written cases of the VM (cases.c): the region, memory that it shares with others. Two machines with
 * one region run on two threads of the host.
 */
#include <pthread.h>
#include <string.h>

#include "test/insn/cases.h"

#define SHARED (DATA + DATA_PAGES * 4096) /* where the region is mapped: behind the data, whole */
#define OTHERS (SHARED + REGION_SIZE)

static void map_region(struct machine *m)
{
	for (uint64_t at = 0; at < REGION_SIZE; at += 4096)
		map(m, SHARED + at, REGION + at, PTE_ALL);
}

/* Loads and stores of all sizes, across its pages and out of RAM into it. */
static bool region_is_memory(struct machine *m)
{
	static const int64_t places[] = {0, 8, 4095, 4094, 4090, -1, -3, -7};

	map_region(m);
	PROGRAM(m, SD(7, 6, 0), LD(10, 6, 0), SW(8, 6, 0), LD(11, 6, 0), SH(9, 6, 0), LD(12, 6, 0),
		SB(5, 6, 0), LD(13, 6, 0), ECALL);
	for (unsigned n = 0; n < 100; n++) {
		uint64_t place = SHARED + (uint64_t)places[n % 8], value = 0, is;

		m->regs.x[6] = place;
		m->regs.x[7] = value = UINT64_C(0x0123456789abcdef) * (n + 1);
		m->regs.x[8] = ~value;
		m->regs.x[9] = value * 3;
		m->regs.x[5] = value * 5;
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("doubleword", m->regs.x[10], value);
		value = (value & ~UINT64_C(0xffffffff)) | (uint32_t)~value;
		EXPECT("word", m->regs.x[11], value);
		value = (value & ~UINT64_C(0xffff)) | (uint16_t)m->regs.x[9];
		EXPECT("half", m->regs.x[12], value);
		value = (value & ~UINT64_C(0xff)) | (uint8_t)m->regs.x[5];
		EXPECT("byte", m->regs.x[13], value);
		peek(m, place, &is, sizeof(is));
		EXPECT("memory", is, value);
	}
	return true;
}

/* Around it there is nothing, and what is mapped there reaches nothing. */
static bool region_has_ends(struct machine *m)
{
	map_region(m);
	map(m, OTHERS, REGION + REGION_SIZE, PTE_ALL);
	map(m, OTHERS + 4096, REGION - 4096, PTE_ALL);
	PROGRAM(m, LD(10, 6, 0), SD(10, 6, 0), ECALL);
	for (unsigned n = 0; n < 100; n++) {
		m->regs.x[6] = OTHERS - 8;
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		m->regs.x[6] = OTHERS - 4;
		EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_ACCESS, OTHERS, CODE, 0);
		EXPECT_FAULT(m, CODE + 4, VM_CAUSE_STORE_ACCESS, OTHERS, CODE + 4, 0);
		m->regs.x[6] = OTHERS + 4096 * (n & 1);
		EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_ACCESS, m->regs.x[6], CODE, 0);
		EXPECT_FAULT(m, CODE + 4, VM_CAUSE_STORE_ACCESS, m->regs.x[6], CODE + 4, 0);
	}
	return true;
}

/* What is mapped last counts, as soon as it is flushed. */
static bool region_is_unmapped(struct machine *m)
{
	uint64_t page = page_new(m), value;

	PROGRAM(m, SD(7, 6, 0), LD(10, 6, 0), ECALL);
	m->regs.x[6] = SHARED;
	for (unsigned n = 0; n < 100; n++) {
		m->regs.x[7] = n + 1;
		map(m, SHARED, REGION, PTE_ALL);
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("region", *(uint64_t *)(void *)m->region, n + 1);
		map(m, SHARED, page, PTE_ALL);
		m->regs.x[7] = ~(uint64_t)n;
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("region", *(uint64_t *)(void *)m->region, n + 1);
		memcpy(&value, host_of(m, page), sizeof(value));
		EXPECT("page", value, ~(uint64_t)n);
		map(m, SHARED, REGION, PTE_ALL & ~PTE_W & ~PTE_D);
		EXPECT_FAULT(m, CODE, VM_CAUSE_STORE_PAGE, SHARED, CODE, 0);
		map(m, SHARED, 0, 0);
		EXPECT_FAULT(m, CODE + 4, VM_CAUSE_LOAD_PAGE, SHARED, CODE + 4, 0);
	}
	return true;
}

/* Nothing is executed from there, nor is the half of an instruction; no page table is found there. */
static bool region_is_data(struct machine *m)
{
	const uint32_t program[] = {LI(10, 1), ECALL};

	map_region(m);
	memcpy(m->region, program, sizeof(program));
	EXPECT_FAULT(m, SHARED, VM_CAUSE_FETCH_ACCESS, SHARED, SHARED, 0);
	poke(m, SHARED - 2, &program[0], 4);
	EXPECT_FAULT(m, SHARED - 2, VM_CAUSE_FETCH_ACCESS, SHARED, SHARED - 2, 0);
	PROGRAM(m, JALR(0, 6, 0));
	m->regs.x[6] = SHARED;
	EXPECT_FAULT(m, CODE, VM_CAUSE_FETCH_ACCESS, SHARED, SHARED, 1);
	vm_hart_set_space(m->hart, REGION, 9);
	EXPECT_FAULT(m, CODE, VM_CAUSE_FETCH_ACCESS, CODE, CODE, 0);
	return true;
}

/* A watched place in it is told of, whatever accesses it. */
static bool region_is_watched(struct machine *m)
{
	map_region(m);
	PROGRAM(m, SD(7, 6, 0), AMOADD_D(8, 7, 6), NOP, ECALL);
	EXPECT("set", vm_watch_set(m->vm, 1, SHARED + 8, 8, VM_WATCH_STORE), true);
	m->regs.x[6] = SHARED + 8;
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_WATCH);
	EXPECT("stop", go(m, CODE + 4, MANY), VM_STOP_WATCH);
	EXPECT("watched", m->hart->watched.vaddr, SHARED + 8);
	m->regs.x[6] = SHARED;
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	return true;
}

/* --- two machines --- */

static struct vm_regs *somebody_stores(struct machine *m, uint64_t *budget)
{
	uint64_t value = m->answer_context ? 77 : 5;

	memcpy(m->region, &value, sizeof(value));
	m->regs.pc += 4;
	*budget = MANY;
	return &m->regs;
}

/* sc fails if somebody else has stored something else. */
static bool region_reservations(struct machine *m)
{
	map_region(m);
	PROGRAM(m, LR_D(8, 6), ECALL, SC_D(9, 7, 6), EBREAK);
	m->answer = somebody_stores;
	m->regs.x[6] = SHARED;
	m->regs.x[7] = 1234;
	for (unsigned n = 0; n < 100; n++) {
		uint64_t other = n & 1, value = 5;

		m->answer_context = other ? m : NULL;
		memcpy(m->region, &value, sizeof(value));
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_EXCEPTION);
		EXPECT("read", m->regs.x[8], 5);
		EXPECT("sc", m->regs.x[9], other);
		memcpy(&value, m->region, sizeof(value));
		EXPECT("memory", value, other ? 77 : 1234);
	}
	return true;
}

static void *run_thread(void *context)
{
	struct machine *m = context;

	return (void *)(uintptr_t)go(m, CODE, UINT64_C(1) << 40);
}

/* Runs both at the same time, up to their ecalls. */
static bool run_both(struct machine *m, struct machine *other)
{
	pthread_t thread;
	void *stop;

	if (pthread_create(&thread, NULL, run_thread, other) != 0)
		return false;
	EXPECT("stop", run_thread(m), VM_STOP_ECALL);
	pthread_join(thread, &stop);
	EXPECT("the other's stop", stop, VM_STOP_ECALL);
	return true;
}

static struct machine *machine_beside(struct machine *m)
{
	struct machine *other = machine_create_beside(m);

	map_new(other, CODE, 1);
	map_region(m);
	map_region(other);
	m->regs.x[6] = other->regs.x[6] = SHARED;
	return other;
}

#define ROUNDS   200000
#define MEETINGS 20

/*
 * Each adds one to three counters: by amoadd of both widths, and by lr and sc until it succeeds. They begin
 * when both are there, so that they do it at the same time.
 */
static bool count_together(struct machine *m, struct machine *other)
{
	struct machine *both[] = {m, other};
	uint64_t counter[3];

	for (unsigned n = 1; n <= MEETINGS; n++) {
		for (unsigned i = 0; i < 2; i++) {
			PROGRAM(both[i], AMOADD_D(0, 7, 12), LD(8, 12, 0), BNE(8, 13, -4), AMOADD_D(0, 7, 6),
				AMOADD_W(0, 7, 10), LR_D(8, 11), ADDI(8, 8, 1), SC_D(9, 8, 11),
				BNE(9, 0, -12), ADDI(5, 5, -1), BNE(5, 0, -28), ECALL);
			both[i]->regs.x[7] = 1;
			both[i]->regs.x[10] = SHARED + 8;
			both[i]->regs.x[11] = SHARED + 16;
			both[i]->regs.x[12] = SHARED + 4096;
			both[i]->regs.x[13] = n * 2;
			both[i]->regs.x[5] = ROUNDS / MEETINGS;
		}
		if (!run_both(m, other))
			return false;
	}
	memcpy(counter, m->region, sizeof(counter));
	EXPECT("amoadd.d", counter[0], 2 * ROUNDS);
	EXPECT("amoadd.w", counter[1], 2 * ROUNDS);
	EXPECT("lr and sc", counter[2], 2 * ROUNDS);
	return true;
}

static bool region_atomics(struct machine *m)
{
	struct machine *other = machine_beside(m);
	bool good = count_together(m, other);

	machine_destroy(other);
	return good;
}

/*
 * Each says that it is there, and then looks for the other: with a fence in between, one at least sees the
 * other. They meet before every round by counting up.
 */
static bool meet(struct machine *m, struct machine *other)
{
	struct machine *both[] = {m, other};

	for (unsigned i = 0; i < 2; i++) {
		PROGRAM(both[i], ADDI(7, 7, 1), SD(7, 6, 128), LD(8, 10, 128), BNE(8, 7, -4), /* the round */
			SD(7, 6, 0), FENCE, LD(8, 10, 0), SD(8, 6, 256), FENCE,               /* say, look */
			SD(7, 6, 384), LD(9, 10, 384), BNE(9, 7, -4),                         /* both have */
			LD(9, 10, 256), BEQ(8, 7, 12), BEQ(9, 7, 8), ADDI(11, 11, 1), /* neither saw */
			SD(7, 6, 512), LD(9, 10, 512), BNE(9, 7, -4),                 /* both know */
			ADDI(5, 5, -1), BNE(5, 0, -80), ECALL);
		both[i]->regs.x[6] = SHARED + 4096 * i;
		both[i]->regs.x[10] = SHARED + 4096 * (1 - i);
		both[i]->regs.x[5] = ROUNDS / 4;
		both[i]->regs.x[7] = 0;
		both[i]->regs.x[11] = 0;
	}
	if (!run_both(m, other))
		return false;
	EXPECT("rounds in which neither saw the other", m->regs.x[11] + other->regs.x[11], 0);
	return true;
}

static bool region_fences(struct machine *m)
{
	struct machine *other = machine_beside(m);
	bool good = meet(m, other);

	machine_destroy(other);
	return good;
}

/*
 * One stores numbers, the other zeros to the same place. Who has seen the other's zero by one address does not
 * find its own number by the other address afterwards, although it has just stored it there.
 */
static bool store_together(struct machine *m, struct machine *other)
{
	PROGRAM(m, ADDI(12, 12, 1), ADDI(7, 12, 0), SD(7, 6, 0), DIV(10, 10, 13), DIV(10, 10, 13), LD(8, 10, 0),
		LD(7, 6, 0), BEQ(8, 12, 12), BNE(7, 12, 8), ADDI(11, 11, 1), ADDI(5, 5, -1), BNE(5, 0, -44), ECALL);
	m->regs.x[10] = SHARED;
	m->regs.x[11] = m->regs.x[12] = 0;
	m->regs.x[13] = 1;
	m->regs.x[5] = ROUNDS * 4;
	PROGRAM(other, SD(0, 6, 0), ADDI(5, 5, -1), BNE(5, 0, -8), ECALL);
	other->regs.x[5] = ROUNDS * 40;
	if (!run_both(m, other))
		return false;
	EXPECT("rounds in which something older was found", m->regs.x[11], 0);
	return true;
}

static bool region_stores(struct machine *m)
{
	struct machine *other = machine_beside(m);
	bool good = store_together(m, other);

	machine_destroy(other);
	return good;
}

const struct vm_case region_cases[] = {
	CASE(region_is_memory), CASE(region_has_ends),   CASE(region_is_unmapped),
	CASE(region_is_data),   CASE(region_is_watched), CASE(region_reservations),
	CASE(region_atomics),   CASE(region_fences),     CASE(region_stores), {0},
};
