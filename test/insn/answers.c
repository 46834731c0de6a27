/* System calls that are answered while the hart runs: `ecall` in struct vm_config. */
#include <string.h>

#include "test/insn/cases.h"

#define OTHER_CODE  (CODE + 0x800)
#define OTHER_SPACE 7
#define NX          1 /* in fcsr: inexact */

/* How often the compiler's code is entered for a thousand calls: for some, all slices of a budget are tiny.
 */
#ifdef VM_SMALL
#define ENTRIES 1001
#else
#define ENTRIES 1
#endif

/* What the environment does at each ecall: the thread that called goes on behind it, later; now the other
 * does. */
static struct {
	struct vm_regs other;
	struct vm_regs *runs;
	unsigned answered, most; /* after so many vm_run() is to come back */
	uint64_t budget;
	uint64_t roots[2]; /* the threads' address spaces */
	uint64_t instret;  /* at the last one */
	uint64_t fcsr;     /* of the thread that called then */
	bool asks_to_stop, skips_break, destroys;
} env;

static struct vm_regs *answer(struct machine *m, uint64_t *budget)
{
	struct vm_regs *caller = env.runs;

	env.instret = m->hart->instret;
	env.fcsr = caller->fcsr;
	caller->pc += 4;
	if (env.destroys)
		memset(caller, 0xaa, sizeof(*caller));
	if (env.answered == env.most)
		return NULL;
	env.answered++;
	env.runs = caller == &m->regs ? &env.other : &m->regs;
	vm_hart_set_space(m->hart, env.roots[env.runs == &env.other],
			  env.runs == &env.other ? OTHER_SPACE : 1);
	if (env.asks_to_stop)
		vm_hart_stop(m->hart);
	if (env.skips_break)
		vm_break_skip(m->hart);
	*budget = env.budget;
	return env.runs;
}

/* The other thread begins at its own code, in the first one's address space. */
static void environment(struct machine *m, unsigned most)
{
	memset(&env, 0, sizeof(env));
	env.runs = &m->regs;
	env.other.pc = OTHER_CODE;
	env.most = most;
	env.budget = MANY;
	env.roots[0] = env.roots[1] = m->root;
	m->answer = answer;
}

#define OTHER_PROGRAM(m, ...)                                                                                \
	code_at(m, OTHER_CODE, (const uint32_t[]){__VA_ARGS__},                                              \
		sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* Calls from compiled code go on in compiled code: there is no loop to go back to. */
static bool goes_on_in_other_registers(struct machine *m)
{
	struct vm_stats before, after;

	environment(m, 1000);
	PROGRAM(m, ADDI(5, 5, 1), ADDI(0, 5, 1), ECALL, JAL(0, -12));
	OTHER_PROGRAM(m, ADDI(5, 5, 2), ADDI(10, 5, 0), ADDI(2, 5, 1), ECALL, JAL(0, -16));
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	EXPECT("answered", env.answered, 1000);
	EXPECT("instret", m->hart->instret, 501 * 2 + 500 * 3 + 500 + 499);
	EXPECT("instret seen", env.instret, m->hart->instret);
	EXPECT("x5", m->regs.x[5], 501);
	EXPECT("other's x5", env.other.x[5], 1000);
	EXPECT("other's x10", env.other.x[10], 1000);
	EXPECT("other's x2", env.other.x[2], 1001);
	EXPECT("pc", m->regs.pc, CODE + 12);
	EXPECT("other's pc", env.other.pc, OTHER_CODE + 16);
	EXPECT("sink", m->regs.x[32] | env.other.x[32], 0);

	environment(m, 1000);
	before = stats_of(m);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	after = stats_of(m);
	if (machine_tier == VM_TIER_JIT && before.native_insns > 0) {
		EXPECT("entries", after.native_entries - before.native_entries, ENTRIES);
		EXPECT("in code", after.native_insns - before.native_insns, 3501);
	}
	return true;
}

static bool budgets_of_answers_are_exact(struct machine *m)
{
	PROGRAM(m, ADDI(5, 5, 1), ECALL);
	OTHER_PROGRAM(m, ADDI(6, 6, 1), ADDI(7, 7, 1), ADDI(0, 7, 1), JAL(0, -12));
	for (uint64_t budget = 0; budget < 40; budget++) {
		uint64_t before = m->hart->instret;

		environment(m, 1);
		env.budget = budget;
		EXPECT("stop", go(m, CODE, 3), VM_STOP_BUDGET);
		EXPECT("instret", m->hart->instret - before, 1 + budget);
		EXPECT("x6", env.other.x[6], (budget + 3) / 4);
		EXPECT("pc", env.other.pc, OTHER_CODE + budget % 4 * 4);
		EXPECT("caller's pc", m->regs.pc, CODE + 8);
	}
	environment(m, 1);
	env.budget = 1234567;
	m->hart->instret = 0;
	EXPECT("stop", go(m, CODE, 3), VM_STOP_BUDGET);
	EXPECT("instret", m->hart->instret, 1234568);
	return true;
}

static bool answers_may_ask_to_stop(struct machine *m)
{
	PROGRAM(m, ADDI(5, 5, 1), ECALL);
	OTHER_PROGRAM(m, ADDI(6, 6, 1), ECALL);
	for (uint64_t i = 1; i < 4; i++) {
		environment(m, 1);
		env.asks_to_stop = true;
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_REQUEST);
		EXPECT("instret", m->hart->instret, i * 2 - 1);
		EXPECT("pc", env.other.pc, OTHER_CODE);
		EXPECT("x6", env.other.x[6], 0);
		EXPECT("goes on", vm_run(m->hart, &env.other, MANY), VM_STOP_ECALL);
		EXPECT("instret", m->hart->instret, i * 2);
	}
	return true;
}

/* The same address, other code. */
static bool answers_may_change_the_space(struct machine *m)
{
	uint64_t page = page_new(m), other = page_new(m);
	uint32_t code[] = {ADDI(5, 5, 7), ECALL, JAL(0, -8)};

	*pte_of(m, other, CODE) = page >> 12 << 10 | PTE_ALL;
	memcpy(host_of(m, page), code, sizeof(code));
	PROGRAM(m, ADDI(5, 5, 1), ECALL, JAL(0, -8));
	for (unsigned i = 0; i < 3; i++) {
		environment(m, 300);
		env.roots[1] = other;
		env.other.pc = CODE;
		m->regs.x[5] = 0;
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("x5", m->regs.x[5], 151);
		EXPECT("other's x5", env.other.x[5], 7 * 150);
	}
	return true;
}

/* Flags belong to who computed, and are there when the call is answered; then the caller may be no more. */
static bool callers_are_let_go(struct machine *m)
{
	static const struct vm_regs gone;
	struct vm_regs destroyed;

	memset(&destroyed, 0xaa, sizeof(destroyed));
	PROGRAM(m, FADD_D(3, 1, 2, 0), ADDI(0, 5, 1), ECALL);
	OTHER_PROGRAM(m, ADDI(5, 5, 1), ECALL);
	for (unsigned i = 0; i < 4; i++) {
		environment(m, i % 2);
		env.destroys = true;
		m->regs = gone;
		m->regs.f[1] = UINT64_C(0x3ff0000000000000);
		m->regs.f[2] = 1;
		EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
		EXPECT("flags", env.fcsr, i % 2 ? 0 : NX);
		EXPECT("untouched", memcmp(&m->regs, &destroyed, sizeof(destroyed)), 0);
		if (i % 2)
			EXPECT("untouched", memcmp(&env.other, &destroyed, sizeof(destroyed)), 0);
	}
	return true;
}

static bool breakpoints_of_who_goes_on(struct machine *m)
{
	PROGRAM(m, ADDI(5, 5, 1), ECALL);
	OTHER_PROGRAM(m, ADDI(6, 6, 1), ADDI(6, 6, 1), EBREAK);
	vm_break_set(m->vm, 1, OTHER_CODE);
	for (unsigned i = 0; i < 4; i++) {
		environment(m, 1);
		vm_break_set(m->vm, OTHER_SPACE, OTHER_CODE);
		env.skips_break = i % 2;
		EXPECT("stop", go(m, CODE, MANY), i % 2 ? VM_STOP_EXCEPTION : VM_STOP_BREAK);
		EXPECT("pc", env.other.pc, OTHER_CODE + (i % 2 ? 8 : 0));
		EXPECT("x6", env.other.x[6], i % 2 ? 2 : 0);
	}
	return true;
}

const struct vm_case answer_cases[] = {
	CASE(goes_on_in_other_registers),
	CASE(budgets_of_answers_are_exact),
	CASE(answers_may_ask_to_stop),
	CASE(answers_may_change_the_space),
	CASE(callers_are_let_go),
	CASE(breakpoints_of_who_goes_on),
	{0},
};
