/*
 * Hand-written tests of the VM: what random programs do not meet, or could not be compared with QEMU's
 * user mode: faults, page tables, code that changes, counters, budgets, devices, spaces.
 *
 * Each case gets a machine with one page of code at CODE and two of data at DATA, and fills its program
 * in with asm.h. Prints a line for each case; the status is 1 if one failed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/insn/cases.h"

static unsigned failures;
char why[400];

void code_at(struct machine *m, uint64_t va, const uint32_t *words, unsigned count)
{
	poke(m, va, words, count * 4);
}

enum vm_stop go(struct machine *m, uint64_t pc, uint64_t budget)
{
	m->regs.pc = pc;
	return vm_run(m->hart, &m->regs, budget);
}

/* --- traps --- */

static bool ecall_does_not_retire(struct machine *m)
{
	PROGRAM(m, LI(5, 1), LI(6, 2), ECALL);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	EXPECT("pc", m->regs.pc, CODE + 8);
	EXPECT("instret", m->hart->instret, 2);
	EXPECT("again", go(m, CODE + 8, MANY), VM_STOP_ECALL);
	EXPECT("instret", m->hart->instret, 2);
	return true;
}

static bool ebreak_is_a_breakpoint(struct machine *m)
{
	PROGRAM(m, NOP, EBREAK);
	EXPECT_FAULT(m, CODE, VM_CAUSE_BREAKPOINT, 0, CODE + 4, 1);
	return true;
}

static bool illegal_instructions(struct machine *m)
{
	static const uint32_t words[] = {
		0x10500073, /* wfi */
		0x10200073, /* sret */
		0x30200073, /* mret */
		0x12000073, /* sfence.vma */
		0x00200073, /* uret */
		0xffffffff,
		0x00007033 | 0x02000000 | 0x40000000, /* and with a wild funct7 */
		I_TYPE(0x2073, 5, 0, 0x300),          /* mstatus */
		I_TYPE(0x2073, 5, 0, 0x100),          /* sstatus */
		I_TYPE(0x2073, 5, 0, 0xc03),          /* hpmcounter3 */
		I_TYPE(0x2073, 5, 0, 0x000),
		I_TYPE(0x2073, 5, 1, 0xc00),           /* cycle is read-only */
		I_TYPE(0x1073, 0, 0, 0xc02),           /* instret, too */
		I_TYPE(0x6073, 0, 1, 0xc01),           /* time, too */
		R_TYPE(0x02000053, 1, 2, 3) | 5 << 12, /* fadd.d, reserved rounding */
		R_TYPE(0x02000053, 1, 2, 3) | 6 << 12,
		R_TYPE(0x04000053, 1, 2, 3),              /* half precision */
		R_TYPE(0x06000053, 1, 2, 3),              /* quad */
		I_TYPE(0x1013, 5, 6, 0x400 | 3),          /* slli with a wild funct6 */
		I_TYPE(0x501b, 5, 6, 32),                 /* srliw by 32 */
		R_TYPE(0x4000202f | 0x10000000, 1, 2, 3), /* no such amo */
		R_TYPE(0x1000202f, 1, 2, 3),              /* lr with rs2 */
		0x0000000b,                               /* custom-0 */
		0x00002067,                               /* jalr, wild funct3 */
		0x00002063,                               /* branch, wild funct3 */
		0x20000033 | 2 << 12,                     /* zba, sh1add */
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		PROGRAM(m, NOP, words[i]);
		EXPECT_FAULT(m, CODE, VM_CAUSE_ILLEGAL, words[i], CODE + 4, 1);
	}
	return true;
}

static bool illegal_compressed(struct machine *m)
{
	static const uint16_t halves[] = {
		0x0000, /* c.addi4spn without immediate */
		0x2001, /* c.addiw x0 */
		0x6101, /* c.addi16sp 0 */
		0x6281, /* c.lui x5, 0 */
		0x4002, /* c.lwsp x0 */
		0x6002, /* c.ldsp x0 */
		0x8002, /* c.jr x0 */
		0x8000, /* reserved */
		0x9c41, /* reserved */
		0x9c61,
	};

	for (unsigned i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
		PROGRAM(m, NOP, 0x00010000u | halves[i]);
		EXPECT_FAULT(m, CODE, VM_CAUSE_ILLEGAL, halves[i], CODE + 4, 1);
	}
	return true;
}

/* --- memory --- */

static bool faults_of_loads_and_stores(struct machine *m)
{
	uint64_t nowhere = DATA + DATA_PAGES * 4096;

	m->regs.x[6] = nowhere;
	PROGRAM(m, LI(5, 1), LD(7, 6, 8), NOP);
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_PAGE, nowhere + 8, CODE + 4, 1);
	PROGRAM(m, LI(5, 1), LI(7, 1), SD(7, 6, -4), NOP); /* the second half */
	EXPECT_FAULT(m, CODE, VM_CAUSE_STORE_PAGE, nowhere, CODE + 8, 2);
	peek(m, nowhere - 4, &m->bus_write_value, 4);
	EXPECT("nothing stored", m->bus_write_value, 0);
	PROGRAM(m, LI(5, 1), LI(7, 1), LW(7, 6, -1), NOP);
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_PAGE, nowhere, CODE + 8, 2);
	map(m, nowhere + 4096, page_new(m), PTE_ALL);
	PROGRAM(m, LUI(8, 1), ADD(8, 8, 6), LH(7, 8, -1)); /* the first half */
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_PAGE, nowhere + 4095, CODE + 8, 2);
	m->regs.x[6] = UINT64_C(1) << 38;
	PROGRAM(m, LD(7, 6, 0));
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_PAGE, UINT64_C(1) << 38, CODE, 0);
	m->regs.x[6] = UINT64_MAX - 3;
	PROGRAM(m, LD(7, 6, 0));
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_PAGE, UINT64_MAX - 3, CODE, 0);
	return true;
}

static bool misaligned_accesses(struct machine *m)
{
	for (uint64_t offset = 4096 - 16; offset < 4096 + 16; offset++) {
		uint64_t value;

		m->regs.x[6] = DATA + offset;
		m->regs.x[7] = UINT64_C(0x0123456789abcdef) * (offset + 1);
		PROGRAM(m, SD(7, 6, 0), LD(8, 6, 0), LW(9, 6, 1), LH(10, 6, 3), SW(7, 6, 3), SH(9, 6, -1),
			ECALL);
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("ld", m->regs.x[8], m->regs.x[7]);
		EXPECT("lw", m->regs.x[9], (int64_t)(int32_t)(m->regs.x[7] >> 8));
		EXPECT("lh", m->regs.x[10], (int64_t)(int16_t)(m->regs.x[7] >> 24));
		peek(m, DATA + offset + 3, &value, 4);
		EXPECT("sw", value & 0xffffffff, m->regs.x[7] & 0xffffffff);
		peek(m, DATA + offset - 1, &value, 2);
		EXPECT("sh", value & 0xffff, m->regs.x[9] & 0xffff);
	}
	return true;
}

static bool atomics_fault(struct machine *m)
{
	m->regs.x[6] = DATA + 4;
	m->regs.x[7] = DATA + 2;
	PROGRAM(m, LR_W(5, 6), SC_W(5, 0, 6), LR_W(5, 7));
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_MISALIGNED, DATA + 2, CODE + 8, 2);
	PROGRAM(m, LR_D(5, 6));
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_MISALIGNED, DATA + 4, CODE, 0);
	PROGRAM(m, SC_D(5, 0, 6));
	EXPECT_FAULT(m, CODE, VM_CAUSE_STORE_MISALIGNED, DATA + 4, CODE, 0);
	PROGRAM(m, AMOADD_D(5, 0, 6));
	EXPECT_FAULT(m, CODE, VM_CAUSE_STORE_MISALIGNED, DATA + 4, CODE, 0);
	map(m, DATA, page_new(m), PTE_ALL & ~PTE_W & ~PTE_D); /* read only: amo is a store */
	PROGRAM(m, LW(5, 6, 0), AMOADD_W(5, 0, 6));
	EXPECT_FAULT(m, CODE, VM_CAUSE_STORE_PAGE, DATA + 4, CODE + 4, 1);
	map(m, DATA, DEVICE, PTE_ALL);
	EXPECT_FAULT(m, CODE + 4, VM_CAUSE_STORE_ACCESS, DATA + 4, CODE + 4, 0);
	PROGRAM(m, LR_W(5, 6));
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_ACCESS, DATA + 4, CODE, 0);
	EXPECT("device untouched", m->bus_count, 0);
	return true;
}

static bool reservations(struct machine *m)
{
	m->regs.x[6] = DATA;
	m->regs.x[7] = DATA + 8;
	PROGRAM(m, LR_D(5, 6), SC_D(8, 6, 7), SC_D(9, 6, 6), LR_D(5, 6), ECALL, SC_D(10, 6, 6),
		SC_D(11, 6, 6), ECALL);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	EXPECT("other address", m->regs.x[8], 1);
	EXPECT("once only", m->regs.x[9], 1);
	EXPECT("stop", go(m, CODE + 20, MANY), VM_STOP_ECALL);
	EXPECT("kept over a stop", m->regs.x[10], 0);
	EXPECT("used up", m->regs.x[11], 1);
	EXPECT("stop", go(m, CODE + 12, MANY), VM_STOP_ECALL);
	vm_hart_clear_reservation(m->hart);
	EXPECT("stop", go(m, CODE + 20, MANY), VM_STOP_ECALL);
	EXPECT("cleared", m->regs.x[10], 1);
	return true;
}

static bool x0_stays_zero(struct machine *m)
{
	m->regs.x[0] = 77;
	m->regs.x[6] = DATA;
	PROGRAM(m, ADDI(0, 6, 1), LD(0, 6, 0), ADD(5, 0, 0), JAL(0, 4), JALR(0, 0, 0));
	m->regs.pc = CODE;
	vm_run(m->hart, &m->regs, 4);
	EXPECT("x5", m->regs.x[5], 0);
	EXPECT("x0", m->regs.x[0], 0);
	m->regs.x[6] = DATA + DATA_PAGES * 4096; /* a load to x0 faults all the same */
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_PAGE, m->regs.x[6], CODE + 4, 1);
	return true;
}

/* --- fetching --- */

static bool fetch_faults(struct machine *m)
{
	uint64_t end = CODE + 4096;
	uint32_t word = LI(5, 1);
	uint16_t first = (uint16_t)word;

	PROGRAM(m, JAL(0, 4094)); /* to the first half of a word whose second half is nowhere */
	poke(m, end - 2, &first, 2);
	EXPECT_FAULT(m, CODE, VM_CAUSE_FETCH_PAGE, end, end - 2, 1);
	EXPECT_FAULT(m, end - 2, VM_CAUSE_FETCH_PAGE, end, end - 2, 0);
	PROGRAM(m, JAL(0, 8192));
	EXPECT_FAULT(m, CODE, VM_CAUSE_FETCH_PAGE, CODE + 8192, CODE + 8192, 1);
	code_at(m, end - 8, (const uint32_t[]){NOP, NOP}, 2); /* running over the end */
	EXPECT_FAULT(m, end - 8, VM_CAUSE_FETCH_PAGE, end, end, 2);
	map(m, end, DEVICE, PTE_ALL);
	EXPECT_FAULT(m, end - 8, VM_CAUSE_FETCH_ACCESS, end, end, 2);
	map(m, end, page_new(m), PTE_ALL & ~PTE_X);
	EXPECT_FAULT(m, end - 8, VM_CAUSE_FETCH_PAGE, end, end, 2);
	m->regs.x[6] = UINT64_C(1) << 40;
	PROGRAM(m, JALR(1, 6, 0));
	EXPECT_FAULT(m, CODE, VM_CAUSE_FETCH_PAGE, UINT64_C(1) << 40, UINT64_C(1) << 40, 1);
	EXPECT("link", m->regs.x[1], CODE + 4);
	m->regs.x[6] = CODE + 9;
	PROGRAM(m, JALR(1, 6, 0), ECALL, EBREAK);
	EXPECT_FAULT(m, CODE, VM_CAUSE_BREAKPOINT, 0, CODE + 8, 1);
	return true;
}

/* An instruction across two pages follows whichever pages are mapped, and what is stored to them. */
static bool straddling_instruction(struct machine *m)
{
	uint64_t end = CODE + 4096, one = page_new(m), two = page_new(m);
	uint32_t words[2] = {LI(5, 1), LI(5, 2)};

	memcpy(host_of(m, one), (const uint16_t *)&words[0] + 1, 2);
	memcpy(host_of(m, two), (const uint16_t *)&words[1] + 1, 2);
	memcpy((uint8_t *)host_of(m, one) + 2, (const uint32_t[]){ECALL}, 4);
	memcpy((uint8_t *)host_of(m, two) + 2, (const uint32_t[]){ECALL}, 4);
	poke(m, end - 2, words, 2);
	for (unsigned i = 0; i < 6; i++) {
		map(m, end, i & 1 ? two : one, PTE_ALL);
		EXPECT("stop", go(m, end - 2, MANY), VM_STOP_ECALL);
		EXPECT("x5", m->regs.x[5], i & 1 ? 2 : 1);
		EXPECT("instret", m->hart->instret, i + 1);
		EXPECT("pc", m->regs.pc, end + 2);
	}
	map(m, end, one, PTE_ALL); /* written by the program itself, then by the owner */
	m->regs.x[6] = end;
	m->regs.x[7] = words[1] >> 16;
	PROGRAM(m, SH(7, 6, 0), JAL(0, 4090));
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	EXPECT("x5 after a store", m->regs.x[5], 2);
	poke(m, end, (const uint16_t *)&words[0] + 1, 2);
	EXPECT("stop", go(m, end - 2, MANY), VM_STOP_ECALL);
	EXPECT("x5 after a write", m->regs.x[5], 1);
	map(m, end, 0, 0);
	EXPECT_FAULT(m, end - 2, VM_CAUSE_FETCH_PAGE, end, end - 2, 0);
	return true;
}

/* Decoded before or not: what cannot be fetched faults before a breakpoint there is met. */
static bool straddling_breakpoint(struct machine *m)
{
	uint64_t end = CODE + 4096, page = page_new(m);
	uint32_t word = LI(5, 1);

	map(m, end, page, PTE_ALL);
	poke(m, end - 2, &word, 4);
	vm_break_set(m->vm, 1, end - 2);
	EXPECT("stop", go(m, end - 2, MANY), VM_STOP_BREAK);
	map(m, end, 0, 0);
	EXPECT_FAULT(m, end - 2, VM_CAUSE_FETCH_PAGE, end, end - 2, 0);
	vm_debug_clear(m->vm);
	vm_break_set(m->vm, 1, end - 2);
	EXPECT_FAULT(m, end - 2, VM_CAUSE_FETCH_PAGE, end, end - 2, 0);
	map(m, end, page, PTE_ALL);
	EXPECT("mapped again", go(m, end - 2, MANY), VM_STOP_BREAK);
	return true;
}

/* A straddling branch goes back into its page and forward into the next. */
static bool straddling_branch(struct machine *m)
{
	uint64_t end = CODE + 4096;
	uint32_t back = BNE(5, 6, -(4096 - 2)), exit = ECALL;

	map(m, end, page_new(m), PTE_ALL);
	poke(m, end - 2, &back, 4);
	poke(m, end + 2, &exit, 4);
	m->regs.x[6] = MANY; /* many: a handler that grew the host's stack would be found */
	PROGRAM(m, ADDI(5, 5, 1), JAL(0, 4090));
	EXPECT("stop", go(m, CODE, 4 * MANY), VM_STOP_ECALL);
	EXPECT("x5", m->regs.x[5], MANY);
	EXPECT("instret", m->hart->instret, 3 * MANY);
	return true;
}

/* --- code that changes --- */

static bool overwrites_next_instruction(struct machine *m)
{
	m->regs.x[6] = CODE;
	m->regs.x[7] = LI(5, 2);
	PROGRAM(m, SW(7, 6, 4), LI(5, 1), ECALL);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	EXPECT("x5", m->regs.x[5], 2);
	EXPECT("instret", m->hart->instret, 2);
	return true;
}

/* A loop that counts up the immediate of the instruction behind the store. */
static bool overwrites_in_a_loop(struct machine *m)
{
	m->regs.x[6] = CODE;
	m->regs.x[7] = LI(5, 0);
	m->regs.x[8] = 1 << 20; /* one more in the immediate */
	m->regs.x[9] = 0;
	m->regs.x[11] = 1000;
	PROGRAM(m, ADD(7, 7, 8), SW(7, 6, 8), NOP, ADD(9, 9, 5), ADDI(10, 10, 1), BNE(10, 11, -20), ECALL);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	EXPECT("sum", m->regs.x[9], 500500);
	EXPECT("instret", m->hart->instret, 6000);
	return true;
}

/* The same page at another address, writable there only; then through another address space. */
static bool overwrites_through_an_alias(struct machine *m)
{
	uint64_t paddr, other = page_new(m), *entry;

	vm_translate(m->vm, m->root, CODE, &paddr);
	map(m, CODE, paddr, PTE_V | PTE_R | PTE_X | PTE_U | PTE_A);
	map(m, DATA, paddr, PTE_ALL & ~PTE_X);
	m->regs.x[6] = DATA;
	m->regs.x[7] = LI(5, 2);
	for (unsigned i = 0; i < 4; i++) {
		PROGRAM(m, SW(7, 6, 8), NOP, LI(5, 1), ECALL);
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("x5", m->regs.x[5], 2);
	}
	m->regs.x[6] = CODE;
	EXPECT_FAULT(m, CODE, VM_CAUSE_STORE_PAGE, CODE + 8, CODE, 0);

	PROGRAM(m, LI(5, 1), ECALL, SW(7, 6, 0), ECALL);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	entry = pte_of(m, other, CODE);
	*entry = paddr >> 12 << 10 | PTE_ALL;
	vm_hart_set_space(m->hart, other, 2);
	m->regs.x[7] = LI(5, 3);
	EXPECT("stop", go(m, CODE + 8, MANY), VM_STOP_ECALL);
	vm_hart_set_space(m->hart, m->root, 1);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	EXPECT("x5", m->regs.x[5], 3);
	return true;
}

/* Data and code on one page, even on one line. */
static bool data_beside_code(struct machine *m)
{
	struct vm_stats before, after;

	m->regs.x[6] = CODE;
	m->regs.x[11] = 1000;
	PROGRAM(m, SD(10, 6, 32), ADDI(10, 10, 1), SD(10, 6, 1024), BNE(10, 11, -12), ECALL);
	EXPECT("stop", go(m, CODE, 8), VM_STOP_BUDGET);
	vm_get_stats(m->vm, &before);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	vm_get_stats(m->vm, &after);
	EXPECT("instret", m->hart->instret, 4000);
	EXPECT("blocks killed", after.blocks_invalidated, before.blocks_invalidated);
	return true;
}

/* The owner writes code: vm_written(), from outside and from a device while the block runs. */
static bool owner_writes_code(struct machine *m)
{
	uint64_t paddr;

	vm_translate(m->vm, m->root, CODE, &paddr);
	map(m, DATA, DEVICE, PTE_ALL);
	m->regs.x[6] = DATA;
	m->bus_write_paddr = paddr + 8;
	for (unsigned i = 2; i < 8; i++) {
		PROGRAM(m, LI(5, 0), SW(0, 6, 0), LI(5, 1), ECALL);
		m->bus_write_value = LI(5, i);
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("x5", m->regs.x[5], i);
		EXPECT("instret", m->hart->instret, (i - 1) * 3);
	}
	return true;
}

/* --- devices, counters, stops --- */

static bool device_accesses(struct machine *m)
{
	map(m, DATA, DEVICE, PTE_ALL);
	map(m, DATA + 4096, DEVICE + 4096, PTE_ALL); /* no device there */
	m->regs.x[6] = DATA;
	m->regs.x[7] = UINT64_C(0x1122334455667788);
	PROGRAM(m, NOP, SW(7, 6, 16), NOP, LB(8, 6, 3), LD(9, 6, 8), LW(10, 6, 2));
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_ACCESS, DATA + 2, CODE + 20, 5);
	EXPECT("count", m->bus_count, 3);
	EXPECT("instret seen", m->bus_instret, 4);
	EXPECT("paddr", m->bus_paddr, DEVICE + 8);
	EXPECT("size", m->bus_size, 8);
	EXPECT("lb", m->regs.x[8], (int64_t)(int8_t)0x88);
	EXPECT("ld", m->regs.x[9], 0x55667788);
	PROGRAM(m, SD(7, 6, 4));
	EXPECT_FAULT(m, CODE, VM_CAUSE_STORE_ACCESS, DATA + 4, CODE, 0);
	m->regs.x[6] = DATA + 4096;
	PROGRAM(m, LW(7, 6, 0));
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_ACCESS, DATA + 4096, CODE, 0);
	PROGRAM(m, SW(7, 6, 0));
	EXPECT_FAULT(m, CODE, VM_CAUSE_STORE_ACCESS, DATA + 4096, CODE, 0);
	PROGRAM(m, LD(7, 6, -4)); /* across, device first */
	EXPECT_FAULT(m, CODE, VM_CAUSE_LOAD_ACCESS, DATA + 4092, CODE, 0);
	return true;
}

/* Reading a register makes the device write to memory: what was stored there before is not what is there. */
static bool devices_write_memory(struct machine *m)
{
	uint64_t device = DATA + UINT64_C(0x100000);

	map(m, device, DEVICE, PTE_ALL);
	vm_translate(m->vm, m->root, DATA + 64, &m->bus_write_paddr);
	m->bus_write_value = 1234;
	PROGRAM(m, SD(5, 8, 64), LW(6, 9, 0), LD(5, 8, 64), ECALL);
	for (unsigned i = 0; i < 3; i++) {
		m->regs.x[5] = i;
		m->regs.x[8] = DATA;
		m->regs.x[9] = device;
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("what the device wrote", m->regs.x[5], 1234);
	}
	return true;
}

static bool counters_count(struct machine *m)
{
	PROGRAM(m, CSRRS(5, 0xc02, 0), NOP, BEQ(0, 0, 8), EBREAK, CSRRS(6, 0xc00, 0), CSRRS(7, 0xc02, 0),
		ECALL);
	for (uint64_t i = 0; i < 3; i++) {
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("first", m->regs.x[5], i * 5);
		EXPECT("second", m->regs.x[6], i * 5 + 3);
		EXPECT("third", m->regs.x[7], i * 5 + 4);
	}
	return true;
}

static bool stops_when_asked(struct machine *m)
{
	map(m, DATA, DEVICE, PTE_ALL);
	m->regs.x[6] = DATA;
	m->bus_stop = true;
	PROGRAM(m, LI(5, 1), LW(7, 6, 0), LI(5, 2), LI(5, 3), ECALL);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_REQUEST);
	EXPECT("pc", m->regs.pc, CODE + 8);
	EXPECT("instret", m->hart->instret, 2);
	EXPECT("x5", m->regs.x[5], 1);
	EXPECT("goes on", vm_run(m->hart, &m->regs, MANY), VM_STOP_ECALL);
	vm_hart_stop(m->hart);
	EXPECT("asked before", go(m, CODE, MANY), VM_STOP_REQUEST);
	EXPECT("instret", m->hart->instret, 4);
	EXPECT("nothing to do", go(m, CODE, 0), VM_STOP_BUDGET);
	return true;
}

/* A skipped breakpoint is the one before the first instruction, and no other. */
static bool skips_one_breakpoint(struct machine *m)
{
	PROGRAM(m, ADDI(5, 5, 1), NOP, NOP, JAL(0, -12));
	vm_break_set(m->vm, 1, CODE + 8);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_BREAK);
	EXPECT("pc", m->regs.pc, CODE + 8);
	vm_break_skip(m->hart);
	EXPECT("the same again", vm_run(m->hart, &m->regs, MANY), VM_STOP_BREAK);
	EXPECT("instret", m->hart->instret, 6);
	vm_break_skip(m->hart);
	EXPECT("not one further on", go(m, CODE, MANY), VM_STOP_BREAK);
	EXPECT("instret", m->hart->instret, 8);
	return true;
}

/* Budgets that end everywhere in a loop with a taken branch in the middle of a block. */
static bool budgets_are_exact(struct machine *m)
{
	PROGRAM(m, ADDI(5, 5, 1), BEQ(5, 0, 8), NOP, ADDI(6, 6, 1), BNE(6, 0, 8), EBREAK, NOP, JAL(0, -28));
	for (uint64_t budget = 1; budget < 60; budget++) {
		uint64_t before = m->hart->instret;

		m->regs.x[5] = m->regs.x[6] = 0;
		EXPECT("stop", go(m, CODE, budget), VM_STOP_BUDGET);
		EXPECT("instret", m->hart->instret - before, budget);
		EXPECT("x5", m->regs.x[5], (budget + 6) / 7);
		EXPECT("x6", m->regs.x[6], (budget + 3) / 7);
	}
	return true;
}

/* With nothing left it is not looked whether what comes next can be fetched, decoded before or not. */
static bool budgets_end_before_faults(struct machine *m)
{
	uint64_t end = CODE + 4096, page = page_new(m);
	uint32_t nop = NOP;

	m->regs.x[6] = end;
	PROGRAM(m, NOP, JALR(0, 6, 0));
	poke(m, end - 4, &nop, 4);
	for (unsigned i = 0; i < 4; i++) {
		EXPECT("runs into it", go(m, end - 4, 1), VM_STOP_BUDGET);
		EXPECT("jumps to it", go(m, CODE, 2), VM_STOP_BUDGET);
		EXPECT("pc", m->regs.pc, end);
		map(m, end, page, i & 1 ? PTE_V : PTE_ALL);
		if (i & 1)
			EXPECT_FAULT(m, end - 4, VM_CAUSE_FETCH_PAGE, end, end, 1);
		else
			EXPECT_FAULT(m, CODE, VM_CAUSE_ILLEGAL, 0, end, 2);
	}
	return true;
}

static bool long_budgets(struct machine *m)
{
	PROGRAM(m, ADDI(5, 5, 1), JAL(0, -4));
	EXPECT("stop", go(m, CODE, 1234567), VM_STOP_BUDGET);
	EXPECT("instret", m->hart->instret, 1234567);
	EXPECT("x5", m->regs.x[5], 617284);
	EXPECT("pc", m->regs.pc, CODE + 4);
	return true;
}

static bool disassembles(struct machine *m)
{
	static const struct {
		uint32_t word;
		const char *text;
	} expected[] = {
		{ADDI(10, 11, -5), "addi a0,a1,-5"},
		{LD(5, 2, 16), "ld t0,16(sp)"},
		{SD(5, 2, -8), "sd t0,-8(sp)"},
		{BNE(5, 0, -16), "bne t0,zero,0xfff0"},
		{JAL(1, 2048), "jal ra,0x10800"},
		{LUI(7, 0xfffff), "lui t2,0xfffff"},
		{FADD_D(1, 2, 3, 7), "fadd.d ft1,ft2,ft3,dyn"},
		{CSRRS(5, 0xc02, 0), "csrrs t0,instret,zero"},
		{AMOADD_W(5, 6, 7), "amoadd.w t0,t1,(t2)"},
		{0x4501, "c.li a0,zero,0"},
		{0, ".half 0x0000"},
		{0xffffffff, ".word 0xffffffff"},
	};
	char text[64];

	(void)m;
	for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		unsigned length = vm_disassemble(CODE, expected[i].word, text, sizeof(text));

		EXPECT("length", length, (expected[i].word & 3) == 3 ? 4 : 2);
		if (strcmp(text, expected[i].text)) {
			snprintf(why, sizeof(why), "'%s' is not '%s'", text, expected[i].text);
			return false;
		}
	}
	EXPECT("short buffer", vm_disassemble(CODE, NOP, text, 3), 4);
	EXPECT("terminated", strlen(text), 2);
	return true;
}

static const struct vm_case cases[] = {
	CASE(ecall_does_not_retire),
	CASE(ebreak_is_a_breakpoint),
	CASE(illegal_instructions),
	CASE(illegal_compressed),
	CASE(faults_of_loads_and_stores),
	CASE(misaligned_accesses),
	CASE(atomics_fault),
	CASE(reservations),
	CASE(x0_stays_zero),
	CASE(fetch_faults),
	CASE(straddling_instruction),
	CASE(straddling_breakpoint),
	CASE(straddling_branch),
	CASE(overwrites_next_instruction),
	CASE(overwrites_in_a_loop),
	CASE(overwrites_through_an_alias),
	CASE(data_beside_code),
	CASE(owner_writes_code),
	CASE(device_accesses),
	CASE(devices_write_memory),
	CASE(counters_count),
	CASE(stops_when_asked),
	CASE(skips_one_breakpoint),
	CASE(budgets_are_exact),
	CASE(budgets_end_before_faults),
	CASE(long_budgets),
	CASE(disassembles),
	{0},
};

static void case_run(const struct vm_case *c, bool shares)
{
	struct machine *m = shares ? machine_create_sharing() : machine_create();

	map_new(m, CODE, 1);
	map_new(m, DATA, DATA_PAGES);
	why[0] = 0;
	if (c->run(m)) {
		printf("ok %s %s\n", machine_tier_name(), c->name);
	} else {
		printf("not ok %s %s: %s\n", machine_tier_name(), c->name, why);
		failures++;
	}
	fflush(stdout);
	machine_destroy(m);
}

int main(int argc, char **argv)
{
	static const struct vm_case *const all[] = {cases,        float_cases,  page_cases, hostile_cases,
						    answer_cases, bounds_cases, kept_cases, region_cases};

	if (!machine_tier_take(&argc, argv) || argc > 1) {
		fprintf(stderr, "usage: cases [--tier TIER]\n");
		return 2;
	}
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (const struct vm_case *c = all[i]; c->name; c++)
			case_run(c, all[i] == region_cases);
	return failures != 0;
}
