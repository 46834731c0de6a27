/* Worlds and steps: see guest.h. What is printed ends with "done" and the number of actions that ended. */
#include "test/fuzz/guest.h"

#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/console.h>

/* From the linker's command line: seeds first to first + worlds - 1, steps in each, steps between two lines.
 */
extern char fuzz_first[], fuzz_worlds[], fuzz_steps[], fuzz_every[];

extern char stub_page[], stub_record[], stub_syscall[], stub_load[], stub_store[], stub_remap[], stub_jump[],
	stub_modify[], stub_fp_set[], stub_fp_get[], stub_fp_compute[], stub_illegal[], stub_break[];

enum { LOOK_STEPS = 50 };

struct fuzz fuzz;

static seL4_Word stub_address(const char *entry)
{
	return STUB_ADDRESS + (seL4_Word)(entry - stub_page);
}

/* --- actions of a worker ---------------------------------------------------------------------------- */

/* Mostly where something is or was mapped; near the start of the page or at its end. */
static seL4_Word access_address(const struct worker *worker)
{
	seL4_Word address = window_address();

	for (unsigned i = 0; i < 4 && chance(90); i++) {
		unsigned frame = (unsigned)below(FRAMES);

		if (fuzz.frame[frame].address && fuzz.frame[frame].process == worker->process)
			address = fuzz.frame[frame].address;
	}
	return address + below(3) * 0x7f8;
}

/* A load or store. */
static void make_access(const struct worker *worker, seL4_UserContext *regs)
{
	bool store = chance(50);
	seL4_Word width = 1ul << below(4);

	regs->pc = stub_address(store ? stub_store : stub_load);
	regs->a1 = chance(97) ? access_address(worker) : strange_word() & ~(width - 1);
	regs->a2 = width;
	say("%s %lu at %#lx", store ? "store" : "load", width, regs->a1);
}

/* Label, capabilities and words of a message. */
static seL4_Word info(seL4_Word label, seL4_Word caps, seL4_Word words)
{
	return seL4_MessageInfo_new(label, 0, caps, words).words[0];
}

/*
 * Maps a frame in the worker's own address space, uses it, takes it away or changes its rights, uses it: all
 * in one action, for QEMU's translations are gone when another address space has run.
 */
static void make_remap(struct worker *worker, seL4_UserContext *regs)
{
	seL4_Word frame = pick(worker->cspace, TYPE_Frame), table = pick(worker->cspace, TYPE_PageTable);
	seL4_Word address = STUB_ADDRESS + ((16 + below(4)) << seL4_PageBits), last = below(4);

	regs->pc = stub_address(stub_remap);
	regs->a7 = (seL4_Word)seL4_SysCall;
	worker->page->buffer.caps_or_badges[0] = worker_cptr(worker, SLOT_VSPACE + worker->process);
	regs->a0 = regs->s2 = regs->s6 = worker_cptr(worker, frame);
	regs->a1 = regs->s7 = info(RISCVPageUnmap, 0, 0);
	regs->s3 = info(RISCVPageMap, 1, 3);
	regs->s5 = 3;
	regs->a4 = 0;
	if (last == 1) { /* other rights */
		regs->s7 = regs->s3;
		regs->s9 = below(4);
	} else if (last == 2) { /* the capability goes */
		regs->s6 = worker_cptr(worker, SLOT_SELF);
		regs->s7 = info(CNodeDelete, 0, 2);
		regs->s9 = seL4_WordBits;
	} else if (last == 3) { /* the table, which must be mapped first */
		address = STUB_ADDRESS + ((1 + below(2)) << seL4_LargePageBits) + (below(4) << seL4_PageBits);
		regs->a0 = regs->s6 = worker_cptr(worker, table);
		regs->a1 = info(RISCVPageTableMap, 1, 2);
		regs->a3 = 0;
		regs->s7 = info(RISCVPageTableUnmap, 0, 0);
	}
	regs->s1 = regs->a2 = regs->s4 = address;
	regs->s8 = last == 2 ? frame : address;
	say("remap frame %lu at %#lx, then %lu", frame, address, last);
}

/* addi a0, a0, x; lui t0, stub; jr t0: written where data may have been, or other code. */
static void make_modify(const struct worker *worker, seL4_UserContext *regs)
{
	seL4_Word offset = stub_address(stub_record) - STUB_ADDRESS;

	if (offset >= 0x800)
		sk_panic("stub_record is out of reach of a jump's offset");
	regs->pc = stub_address(stub_modify);
	regs->a1 = access_address(worker);
	regs->a2 = 0x00050513 | below(0x800) << 20;
	regs->a3 = 0x000002b7 | STUB_ADDRESS;
	regs->a4 = 0x00028067 | offset << 20;
	say("write code at %#lx and run it", regs->a1);
}

static void make_float(struct worker *worker, seL4_UserContext *regs)
{
	static const char *const entry[] = {stub_fp_set, stub_fp_set, stub_fp_get, stub_fp_get,
					    stub_fp_compute};
	unsigned i = (unsigned)below(sizeof entry / sizeof entry[0]);

	regs->pc = stub_address(entry[i]);
	for (unsigned j = 0; j < 32; j++)
		worker->page->f_in[j] = random_word();
	worker->page->fcsr_in = below(5) << 5 | below(32);
	say("floating point %u", i);
}

static void make_odd(const struct worker *worker, seL4_UserContext *regs)
{
	static const signed char numbers[] = {
		0, 1, seL4_SysDebugCapIdentify, seL4_SysDebugCapIdentify, -15, -30, -100};

	switch (below(4)) {
	case 0:
		regs->pc = stub_address(stub_illegal);
		break;
	case 1:
		regs->pc = stub_address(stub_break);
		break;
	case 2:
		regs->pc = stub_address(stub_jump);
		regs->a1 = chance(70) ? access_address(worker) : strange_word();
		break;
	default:
		regs->a7 = (seL4_Word)numbers[below(sizeof numbers)];
		regs->a0 = strange_word();
		break;
	}
	say("odd: pc %#lx a7 %ld a1 %#lx", regs->pc, (long)regs->a7, regs->a1);
}

/* What was done with the whole file of registers is seen: none is left as it was. */
static void random_registers(seL4_UserContext *regs, const struct worker *worker)
{
	seL4_Word *words = (seL4_Word *)regs;

	for (unsigned i = 0; i < seL4_UserContextWords; i++)
		words[i] = data_word();
	regs->pc = stub_address(stub_syscall);
	regs->sp = stack_word(regs->sp);
	regs->tp = worker->address;
}

void act(unsigned index)
{
	struct worker *worker = &fuzz.worker[index];
	seL4_UserContext regs;
	unsigned dice = (unsigned)below(100);
	bool lent;

	random_registers(&regs, worker);
	worker->is_get_address = false;
	worker->lent = 0;
	avoid_before_act(index);
	worker->page->number = ++fuzz.actions;
	say("worker %u: ", index);
	if (fuzz.is_race && chance(70))
		dice = 40; /* IPC */
	if (dice < 40)
		make_method(worker, &regs);
	else if (dice < 63)
		make_ipc(worker, &regs);
	else if (dice < 68)
		make_remap(worker, &regs);
	else if (dice < 82)
		make_access(worker, &regs);
	else if (dice < 86)
		make_modify(worker, &regs);
	else if (dice < 95)
		make_float(worker, &regs);
	else
		make_odd(worker, &regs);
	lent = worker->lent && lend_irq_control(worker);
	trace(seL4_TCB_WriteRegisters(worker_tcb(index), 1, 0, seL4_UserContextWords, &regs));
	if (lent)
		take_irq_control(worker);
}

/* --- what came of it ---------------------------------------------------------------------------------- */

static void trace_words(const void *from, size_t size)
{
	const seL4_Word *words = from;

	for (size_t i = 0; i < size / sizeof *words; i++)
		trace(words[i]);
}

static void observe_worker(unsigned index)
{
	struct worker *worker = &fuzz.worker[index];
	struct worker_page *page = worker->page;

	if (worker->is_get_address && page->x[11] == 1 && page->x[12] < NO_DEVICE)
		page->x[12] -= fuzz.memory_paddr;
	say("\n  worker %u: a0 %#lx a1 %#lx a2 %#lx a3 %#lx a4 %#lx", index, page->x[10], page->x[11],
	    page->x[12], page->x[13], page->x[14]);
	trace(index);
	trace(page->done);
	trace_words(page->x, sizeof page->x);
	trace_words(page->f_out, sizeof page->f_out + sizeof page->fcsr_out);
	trace_words(&page->buffer, sizeof page->buffer);
}

/* Who ended something, in the order in which they did. */
void observe(void)
{
	seL4_Word count = fuzz.log->count;

	trace(count);
	if (count - fuzz.log_seen > LOG_ENTRIES)
		fuzz.log_seen = count; /* somebody has written to it; or more have ended than there are */
	take_faults();
	avoid_collect();
	for (; fuzz.log_seen != count; fuzz.log_seen++) {
		seL4_Word worker = fuzz.log->worker[fuzz.log_seen % LOG_ENTRIES];

		trace(worker);
		if (worker < WORKERS)
			observe_worker((unsigned)worker);
	}
}

/* Where everybody is, also those who wait. */
void observe_registers(void)
{
	seL4_UserContext regs;

	for (unsigned i = 0; i < WORKERS; i++) {
		trace(seL4_TCB_ReadRegisters(worker_tcb(i), 0, 0, seL4_UserContextWords, &regs));
		trace_words(&regs, sizeof regs);
		say(" pc %#lx", regs.pc);
	}
}

/* --- steps ------------------------------------------------------------------------------------------------
 */

/* One who waits for somebody is rather left alone: somebody may come. */
static unsigned choose_worker(void)
{
	unsigned index = (unsigned)below(WORKERS);

	for (unsigned i = 0; i < 2 && fuzz.worker[index].page->done != fuzz.worker[index].page->number; i++)
		index = (unsigned)below(WORKERS);
	return index;
}

/* Everybody's registers, and the types of all capabilities. */
static void look_at_all(void)
{
	observe_registers();
	for (unsigned i = 0; i < CSPACES; i++)
		scan(i);
}

static void step(void)
{
	unsigned dice = (unsigned)below(100);

	if (dice < 7)
		direct();
	else if (dice < 16)
		remap((unsigned)below(FRAMES));
	else if (dice < 24)
		talk();
	else if (dice < 26)
		race();
	else
		act(choose_worker());
	observe();
	if (fuzz.step % LOOK_STEPS == 0)
		look_at_all();
	print_step();
}

static void run_world(void)
{
	seL4_Word every = (seL4_Word)fuzz_every;

	random_start(fuzz.seed);
	trace_start();
	fuzz.step = 0;
	memset(fuzz.frame, 0, sizeof fuzz.frame);
	fuzz.suspects = 0;
	world_make();
	for (fuzz.step = 1; fuzz.step <= (seL4_Word)fuzz_steps; fuzz.step++) {
		step();
		if (fuzz.step % every == 0)
			printf("trace %lu %lu %016lx\n", fuzz.seed, fuzz.step, trace_hash());
	}
	world_end();
}

int main(void)
{
	seL4_Word ended = 0;

	sk_console_detect();
	if (!sk_console_is_debug())
		sk_panic("this program needs a kernel with debug calls");
	if (is_avoiding())
		sk_console_use_uart(); /* test/fuzz/compare says why */
	world_prepare();
	for (seL4_Word i = 0; i < (seL4_Word)fuzz_worlds; i++) {
		fuzz.seed = (seL4_Word)fuzz_first + i;
		run_world();
		ended += fuzz.log->count;
	}
	printf("trace done: %lu actions ended\n", ended);
	return 0;
}
