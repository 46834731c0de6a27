/*
 * Hand-written cases of the VM (cases.c): what the compiler reserves before it knows how much it needs. Code
 * that is longer than was reserved would be written over what lies behind the cache; return addresses, over
 * what lies behind the host's stack.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "test/insn/cases.h"
#include "vm/jit/jit.h"

/* --- the cache --- */

#define OPERANDS            12 /* choices of operands that each instruction is tried with */
#define ADDIW(rd, rs1, imm) I_TYPE(0x1b, rd, rs1, imm)

enum class { CLASS_ALU, CLASS_LOAD, CLASS_STORE, CLASS_BRANCH, CLASS_JUMP, CLASS_AMO, CLASS_FP, CLASS_SYS };

static const struct {
	uint32_t match, mask;
	uint8_t class;
} insns[] = {
#define INSN(name, class, operands, match, mask) {match, mask, CLASS_##class},
#include "vm/insn.def"
};

/* The guest's registers that are in the host's: a result of 32 bits leaves the upper half to be made. */
static const uint8_t in_host[] = {2, 8, 9, 10, 11, 12, 13, 14, 15};
#define IN_HOST (unsigned)sizeof(in_host)

/* The instruction with operands at random, often those whose place takes the longest instructions to reach.
 */
static uint32_t some_word(unsigned id, unsigned choice, struct random *random)
{
	uint32_t any = (uint32_t)random_next(random), far = 31u << 7 | 30u << 15 | 29u << 20 | 28u << 27,
		 all = 31u << 7 | 31u << 15 | 31u << 20 | 31u << 27;

	if (choice % 3 == 0)
		any = far | (any & ~all);
	if (choice % 2 == 0)
		any &= ~(7u << 12); /* rounds to nearest */
	return insns[id].match | (any & ~insns[id].mask);
}

/* A block that has as many halves as can be, and then one instruction over and over. */
static void block_put(struct machine *m, uint32_t word, unsigned count)
{
	uint32_t program[BLOCK_INSNS];

	for (unsigned i = 0; i < count; i++)
		program[i] = i < IN_HOST && i + 1 < count ? ADDIW(in_host[i], in_host[i], 1) : word;
	code_at(m, CODE, program, count);
}

static bool longest_blocks(struct machine *m)
{
	static struct vm_code code;
	struct random random = {1};

	for (unsigned id = 0; id < ID_COUNT; id++) {
		for (unsigned choice = 0; choice < OPERANDS && insns[id].mask; choice++) {
			uint32_t word = some_word(id, choice, &random);

			block_put(m, word, BLOCK_INSNS);
			if (!vm_code_at(m->hart, CODE, &code))
				return true; /* there is no compiler */
			if (code.host_bytes > TRANSLATED_MAX)
				printf("# %u bytes for blocks of %#x\n", code.host_bytes, word);
			EXPECT("too long", code.host_bytes > TRANSLATED_MAX, false);
		}
	}
	return true;
}

/* Runs the loop, whatever faults, for so long that it becomes a region; that region's bytes, or 0. */
static uint64_t region_bytes(struct machine *m)
{
	struct vm_stats before, after;

	before = stats_of(m);
	for (unsigned i = 0; i < 40; i++) {
		for (unsigned reg = 1; reg < 32; reg++)
			m->regs.x[reg] = DATA + 2048;
		go(m, CODE, 1000);
		after = stats_of(m);
		if (after.regions_compiled > before.regions_compiled)
			return after.code_bytes - before.code_bytes;
		before = after;
	}
	return 0;
}

/* Loops of which two turns make a trace as long as one can be. */
#define LOOP_INSNS (BLOCK_INSNS - BLOCK_INSNS / 5)

static bool longest_regions(struct machine *m)
{
	static const uint32_t back = BNE(6, 0, -4 * (LOOP_INSNS - 1));
	static struct vm_code code;
	struct random random = {2};
	unsigned made = 0;

	for (unsigned id = 0; id < ID_COUNT; id++) {
		bool jumps = insns[id].class == CLASS_BRANCH || insns[id].class == CLASS_JUMP ||
			     insns[id].class == CLASS_SYS;

		for (unsigned choice = 0; choice < OPERANDS && insns[id].mask && !jumps; choice++) {
			uint32_t word = some_word(id, choice, &random);
			uint64_t bytes;

			block_put(m, word, LOOP_INSNS - 1);
			poke(m, CODE + 4 * (LOOP_INSNS - 1), &back, 4);
			bytes = region_bytes(m);
			made += bytes > 0;
			if (bytes > TRACE_INSNS * INSN_MAX + 4096)
				printf("# %" PRIu64 " bytes for loops of %#x\n", bytes, word);
			EXPECT("too long", bytes > TRACE_INSNS * INSN_MAX + 4096, false);
		}
	}
	if (machine_tier == VM_TIER_JIT && vm_code_at(m->hart, CODE, &code))
		EXPECT("many regions", made > 100, true);
	return true;
}

/* --- time --- */

/* Runs the loop of two instructions in a page that has just been mapped. */
static bool run_mapped_anew(struct machine *m, uint64_t turns)
{
	m->regs.x[5] = turns;
	vm_flush_page(m->vm, 1, CODE);
	EXPECT("stop", go(m, CODE, MANY), VM_STOP_ECALL);
	return true;
}

/* Code whose page goes after a few instructions is not compiled again and again; what lives longer is. */
static bool code_that_comes_and_goes(struct machine *m)
{
	enum { ROUNDS = 2000 };
	struct vm_stats before = stats_of(m), after;

	if (machine_tier != VM_TIER_AUTO)
		return true;
	PROGRAM(m, ADDI(5, 5, -1), BNE(5, 0, -4), ECALL);
	for (unsigned i = 0; i < ROUNDS; i++)
		if (!run_mapped_anew(m, 2))
			return false;
	after = stats_of(m);
	EXPECT("compiled too often", after.blocks_compiled - before.blocks_compiled > ROUNDS / 10, false);
	for (unsigned i = 0; i < 20; i++)
		if (!run_mapped_anew(m, 50000))
			return false;
	before = after;
	after = stats_of(m);
	if (before.blocks_compiled)
		EXPECT("interpreted too often",
		       after.interpreted_insns - before.interpreted_insns >
			       after.native_insns - before.native_insns,
		       false);
	return true;
}

/* Code that is mapped at one address after the other is not compiled for each. */
static bool code_that_moves(struct machine *m)
{
	enum { ROUNDS = 1000 };
	uint64_t page = page_new(m);
	struct vm_stats before = stats_of(m);

	if (machine_tier != VM_TIER_AUTO)
		return true;
	memcpy(host_of(m, page), (const uint32_t[]){ADDI(5, 5, 1), ECALL}, 8);
	for (uint64_t va = DATA; va < DATA + ROUNDS * 4096; va += 4096) {
		map(m, va, page, PTE_ALL);
		EXPECT("stop", go(m, va, MANY), VM_STOP_ECALL);
		map(m, va, 0, 0);
	}
	EXPECT("compiled too often", stats_of(m).blocks_compiled - before.blocks_compiled > ROUNDS / 10,
	       false);
	return true;
}

/* A loop of two blocks, of which the second waits to be compiled because another space has lost it. */
static bool blocks_that_wait_in_one_space(struct machine *m)
{
	uint64_t other = page_new(m), second = map_new(m, CODE + 4096, 1), first = CODE + 64, before;
	enum vm_stop stop = VM_STOP_BUDGET;

	*pte_of(m, other, CODE + 4096) = second >> 12 << 10 | PTE_ALL;
	poke(m, first, (const uint32_t[]){ADDI(7, 7, 1), JAL(0, 4028)}, 8);
	poke(m, CODE + 4096, (const uint32_t[]){ADDI(5, 5, -1), BNE(5, 0, -4036), ECALL}, 12);
	m->regs.x[5] = 1000;
	EXPECT("stop", go(m, first, MANY), VM_STOP_ECALL);
	vm_hart_set_space(m->hart, other, 2);
	for (unsigned i = 0; i < 40; i++) {
		m->regs.x[5] = 1;
		EXPECT("stop", go(m, CODE + 4096, MANY), VM_STOP_ECALL);
	}
	vm_flush_asid(m->vm, 2);
	vm_hart_set_space(m->hart, m->root, 1);
	before = m->hart->instret;
	m->regs.x[5] = 10000;
	m->regs.pc = first;
	while (stop == VM_STOP_BUDGET)
		stop = vm_run(m->hart, &m->regs, 100);
	EXPECT("stop", stop, VM_STOP_ECALL);
	EXPECT("instret", m->hart->instret - before, 40000);
	return true;
}

/* --- the host's stack --- */

#define STACK_SIZE (UINT64_C(256) << 10)
#define UNTOUCHED  0xa5

struct stacked {
	struct machine *m;
	uint64_t pc;
	enum vm_stop stop;
};

static void *run_stacked(void *argument)
{
	struct stacked *stacked = argument;

	stacked->stop = go(stacked->m, stacked->pc, 200000);
	return NULL;
}

/* Runs on a thread with a stack of its own; how many bytes of it that takes. */
static uint64_t stack_taken(struct stacked *stacked)
{
	uint8_t *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attributes;
	pthread_t thread;
	uint64_t left = 0;

	memset(stack, UNTOUCHED, STACK_SIZE);
	if (pthread_attr_init(&attributes) || pthread_attr_setstack(&attributes, stack, STACK_SIZE) ||
	    pthread_create(&thread, &attributes, run_stacked, stacked) || pthread_join(thread, NULL))
		abort();
	while (stack[left] == UNTOUCHED)
		left++;
	munmap(stack, STACK_SIZE);
	return STACK_SIZE - left;
}

/* Calls, and detours to C, at any depth. */
static bool calls_without_end_take_little_stack(struct machine *m)
{
	struct stacked stacked = {.m = m, .pc = CODE};

	PROGRAM(m, CSRRS(5, 0xc02, 0), JAL(1, -4));
	EXPECT("too deep", stack_taken(&stacked) > VM_STACK_MAX, false);
	EXPECT("stop", stacked.stop, VM_STOP_BUDGET);
	return true;
}

const struct vm_case bounds_cases[] = {
	CASE(calls_without_end_take_little_stack),
	CASE(longest_blocks),
	CASE(longest_regions),
	CASE(code_that_comes_and_goes),
	CASE(code_that_moves),
	CASE(blocks_that_wait_in_one_space),
	{0},
};
