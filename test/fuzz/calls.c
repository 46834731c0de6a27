/*
 * Random system calls: see calls.h. Each step lets the thread that runs do something: mostly a plausible
 * call (objects and arguments that fit, found by looking into the kernel's state), sometimes one that is
 * spoilt a little, sometimes nonsense; a fault, an interrupt, a write to its memory. All state is verified
 * after each step.
 */
#include "test/fuzz/calls.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/core/message.h"
#include "test/fuzz/calls_parts.h"

#define RAM_SIZE     (16ull << 20)
#define THREADS      5
#define MEMORY_EVERY 64 /* steps between two verifications of all memory */
#define TEXT_SIZE    256

static struct {
	uint64_t seed, step;
	char text[TEXT_SIZE]; /* the step under way */
	uint64_t result[64][seL4_NumErrors + 1], preempted, steps, worlds, dead_ends, ipc;
} fuzz;

bool calls_verbose;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	size_t length = strlen(fuzz.text);
	va_list args;

	va_start(args, format);
	vsnprintf(fuzz.text + length, sizeof fuzz.text - length, format, args);
	va_end(args);
}

void calls_report(void)
{
	printf("# step %" PRIu64 ": %s\n", fuzz.step, fuzz.text);
	if (!dice.bytes)
		printf("# replay: --seed %" PRIu64 " --calls %" PRIu64 " --verbose\n", fuzz.seed,
		       fuzz.step + 1);
}

/* --- steps ------------------------------------------------------------------------------------------------
 */

static void spoil(struct op *op)
{
	if (chance(4) && op->args.words)
		op->args.word[below(op->args.words)] = strange_word();
	if (chance(2))
		op->args.words = (unsigned)below(op->args.words + 2);
	if (chance(2))
		op->args.caps = (unsigned)below(4);
	if (chance(1))
		op->label = (unsigned)below(64);
	if (chance(1))
		op->cptr = pick_cptr(op->tcb, WANT_ANY);
	if (chance(3))
		op->args.cap[below(seL4_MsgMaxExtraCaps)] = pick_cptr(op->tcb, WANT_ANY);
}

/* What interrupts do while the step goes on. */
static void prepare_interrupts(void)
{
	stub.tick_every_step = chance(50);
	stub.tick_from = stub.preempt_steps + (chance(50) ? below(50) : 0);
	if (chance(3))
		stub_raise(1 + (unsigned)below(8));
}

static void do_invocation(struct tcb *tcb)
{
	struct op op = {.tcb = tcb};
	int64_t number = chance(92) ? seL4_SysCall : chance(50) ? seL4_SysSend : seL4_SysNBSend;
	uint64_t info, pc = tcb->context.pc;

	make_call(&op);
	spoil(&op);
	info = put_args(tcb, op.label, &op.args);
	say("syscall %d cptr %#" PRIx64 " label %u (%s) words", (int)number, op.cptr, op.label,
	    label_name(profile_label(&machine_kernel()->profile, op.label)));
	for (unsigned i = 0; i < op.args.words && i < 8; i++)
		say(" %#" PRIx64, op.args.word[i]);
	for (unsigned i = 0; i < op.args.caps; i++)
		say(" cap %#" PRIx64, op.args.cap[i]);
	world_syscall(number, op.cptr, info);
	if (tcb->context.pc == pc && tcb->state == THREAD_RUNNING && number == seL4_SysCall) {
		fuzz.preempted++;
	} else if (number == seL4_SysCall && tcb == world_current() && op.label < 64) {
		uint64_t error = info_label(isa_info(&tcb->context));

		fuzz.result[op.label][error < seL4_NumErrors ? error : seL4_NumErrors]++;
	}
}

static void fill_buffer(struct tcb *tcb)
{
	uint64_t *buffer = lookup_buffer(tcb, true);
	struct place node, place;

	for (unsigned i = 0; i < ISA_MESSAGE_REGISTERS; i++)
		isa_set_message(&tcb->context, i, strange_word());
	if (!buffer)
		return;
	for (unsigned i = 0; i < 3; i++)
		buffer[seL4_IPCBufferCapsWord + i] = pick_cptr(tcb, chance(30) ? CAP_Endpoint : WANT_ANY);
	if (chance(20))
		for (unsigned i = ISA_MESSAGE_REGISTERS; i < seL4_MsgMaxLength; i++)
			buffer[seL4_IPCBufferMsgWord + i] = strange_word();
	node = pick(tcb, CAP_CNode);
	place = pick_in(cap_of(node), WANT_EMPTY);
	buffer[seL4_IPCBufferReceiveCNodeWord] = node.slot ? node.index : strange_word();
	buffer[seL4_IPCBufferReceiveIndexWord] = place.slot ? place.index : strange_word();
	buffer[seL4_IPCBufferReceiveDepthWord] = place.slot ? place.bits : strange_word();
}

static void do_ipc(struct tcb *tcb)
{
	static const int8_t numbers[] = {
		seL4_SysCall,      seL4_SysCall,  seL4_SysCall,   seL4_SysReplyRecv, seL4_SysReplyRecv,
		seL4_SysReplyRecv, seL4_SysSend,  seL4_SysNBSend, seL4_SysRecv,      seL4_SysRecv,
		seL4_SysReply,     seL4_SysYield, seL4_SysNBRecv};
	int64_t number = numbers[below(sizeof numbers)];
	uint64_t cptr = pick_cptr(tcb, chance(75) ? CAP_Endpoint : chance(80) ? CAP_Notification : WANT_ANY);
	uint64_t label = chance(70) ? 0 : below(4);
	unsigned length = (unsigned)(chance(70) ? below(5) : below(128));
	unsigned caps = (unsigned)(chance(60) ? 0 : below(4));

	if (chance(5))
		cptr = pick_cptr(tcb, CAP_Reply);
	fill_buffer(tcb);
	fuzz.ipc++;
	say("syscall %d cptr %#" PRIx64 " length %u caps %u", (int)number, cptr, length, caps);
	world_syscall(number, cptr, info_make(label, (unsigned)below(8), caps, length));
}

static void do_fault(struct tcb *tcb)
{
	struct trap trap = {.kind = chance(50) ? TRAP_VM_FAULT : TRAP_EXCEPTION,
			    .address = strange_word(),
			    .code = below(8),
			    .instruction = chance(50)};
	static const int8_t numbers[] = {0, 1, -9, -10, -12, -12, -13, -14, -14, -15, -20, -100};

	if (chance(60)) {
		say("fault %d", trap.kind);
		world_enter(&trap);
		return;
	}
	if (lookup_buffer(tcb, true))
		strcpy((char *)(lookup_buffer(tcb, true) + seL4_IPCBufferMsgWord), "somebody");
	stub.console_length = 0;
	say("debug or unknown call");
	world_syscall(numbers[below(sizeof numbers)], pick_cptr(tcb, chance(50) ? CAP_Thread : WANT_ANY),
		      strange_word());
}

/* A user writes to memory that it has a frame of. */
static void do_write(void)
{
	struct slot *head = &machine_kernel()->derivation;
	struct cap frame = cap_null();
	uint64_t start, size, offset;
	unsigned met = 0;

	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot))
		if (isa_cap_may_be_buffer(slot->cap) && below(++met) == 0)
			frame = slot->cap;
	if (!met || !cap_memory(frame, &start, &size))
		return;
	say("write to frame %#" PRIx64, start);
	for (unsigned i = 0; i < 64; i++) {
		offset = below(size / 8) * 8;
		*(uint64_t *)machine_pointer(isa_kref(start + offset)) = strange_word();
	}
	if (chance(20))
		memset(machine_pointer(isa_kref(start)), 0x5a, size);
}

/* Somebody resumes a thread, so that the world does not fall asleep. False: there is none. */
static bool do_rescue(void)
{
	struct slot *head = &machine_kernel()->derivation;
	struct tcb *tcb = NULL;
	bool root = false;
	unsigned met = 0;

	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot))
		root |= cap_type(slot->cap) == CAP_Thread && tcb_at(cap_object(slot->cap)) == vital.tcb;
	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot))
		if (cap_type(slot->cap) == CAP_Thread &&
		    cap_type(tcb_at(cap_object(slot->cap))->slot[TCB_CSPACE].cap) == CAP_CNode &&
		    below(++met) == 0)
			tcb = tcb_at(cap_object(slot->cap));
	if (root && chance(70))
		tcb = vital.tcb;
	if (!tcb)
		return false;
	say("rescue of %#" PRIx64, machine_ref(tcb));
	if (tcb->domain != this_core(machine_kernel())->domain)
		thread_set_domain(machine_kernel(), tcb, this_core(machine_kernel())->domain);
	thread_resume(machine_kernel(), tcb);
	schedule(machine_kernel());
	kernel_resume(machine_kernel());
	world_interrupt(0);
	return true;
}

static bool do_step(void)
{
	struct tcb *tcb = world_current();
	unsigned dice = (unsigned)below(100);

	fuzz.text[0] = 0;
	world_check = fuzz.step % MEMORY_EVERY == 0 ? CHECK_MEMORY : CHECK_AUDIT;
	prepare_interrupts();
	if (!tcb || fuzz.step % 16 == 0) {
		if (chance(70) && !do_rescue())
			return false;
		say(", timer");
		world_interrupt(STUB_IRQ_MAX);
		return true;
	}
	say("%s%#" PRIx64 " priority %u: ", tcb == vital.tcb ? "root " : "", machine_ref(tcb), tcb->priority);
	if (dice < 60)
		do_invocation(tcb);
	else if (dice < 90)
		do_ipc(tcb);
	else if (dice < 93)
		do_fault(tcb);
	else if (dice < 95)
		do_write();
	else
		world_interrupt(chance(50) ? STUB_IRQ_MAX : 1 + (unsigned)below(8));
	/* DebugNameThread halts at a bad argument; nothing else is changed, so one can go on. */
	machine_kernel()->halted = false;
	return true;
}

/* --- a world
 * ------------------------------------------------------------------------------------------------ */

/* The CSpace of thread `i` gets copies of the root's; root slots 80 and up hold what was made. */
static void make_threads(void)
{
	unsigned bits;
	uint64_t base = 80, large = largest_untyped(&bits);

	CHECK_OK(retype(large, seL4_UntypedObject, 18, base, 6));
	CHECK_OK(retype(base, seL4_TCBObject, 0, base + 6, THREADS));
	CHECK_OK(retype(base, seL4_CapTableObject, CSPACE_BITS, base + 12, THREADS));
	CHECK_OK(retype(base, seL4_EndpointObject, 0, base + 18, 4));
	CHECK_OK(retype(base, seL4_NotificationObject, 0, base + 22, 3));
	CHECK_OK(retype(base, seL4_RISCV_4K_Page, 0, base + 26, 6));
	CHECK_OK(retype(base + 1, seL4_UntypedObject, 14, base + 34, 10));
	CHECK_OK(retype(base + 2, seL4_UntypedObject, 12, base + 44, 8));
	CHECK_OK(INVOKE(seL4_CapIRQControl, IRQIssueIRQHandler, ARGS(3, base + 52, ROOT_DEPTH),
			CAPS(seL4_CapInitThreadCNode)));
	CHECK_OK(INVOKE(base + 52, IRQSetIRQHandler, ARGS(), CAPS(base + 22)));
	for (unsigned i = 0; i < THREADS; i++) {
		uint64_t tcb = base + 6 + i, cspace = base + 12 + i;
		/* Some CSpaces take their first bits from the top of an address, the others their last. */
		uint64_t guard = i % 2 ? 0 : 64 - CSPACE_BITS;

		CHECK_OK(INVOKE(tcb, TCBConfigure, ARGS(i % 2 ? 1ull << 58 : 1, guard, 0, i << 10),
				CAPS(cspace, seL4_CapInitThreadVSpace, base + 26 + i)));
		CHECK_OK(INVOKE(tcb, TCBSetSchedParams, ARGS(254, 100 + i / 2), CAPS(seL4_CapInitThreadTCB)));
		for (unsigned j = 0; j < 40; j++) {
			static const uint8_t common[] = {2, 3, 4, 5, 6, 11};
			uint64_t from = j < 6 ? common[j] : j < 12 ? base + 18 + j - 6 : base + below(56);
			uint64_t badge = j >= 6 && j < 12 && chance(50) ? j : 0;

			(void)INVOKE(cspace, CNodeMint,
				     ARGS(1 + (j + 5) % 62, CSPACE_BITS, from, ROOT_DEPTH, rights_word() | 11,
					  badge),
				     CAPS(seL4_CapInitThreadCNode));
		}
		/* Its own CNode, with the guard that makes it invocable. */
		(void)INVOKE(cspace, CNodeMint,
			     ARGS(50, CSPACE_BITS, cspace, ROOT_DEPTH, 15,
				  i % 2 ? 64 - 2 * CSPACE_BITS : 64 - CSPACE_BITS),
			     CAPS(seL4_CapInitThreadCNode));
		CHECK_OK(INVOKE(tcb, TCBResume, ARGS()));
	}
}

static void find_root(void)
{
	vital.root = root_slot(0);
	vital.tcb = world_current();
}

static void boot(uint64_t seed)
{
	fuzz.seed = seed;
	dice.random.state = seed * 0x2545f4914f6cdd1dull + 1;
	dice.bytes = NULL;
	fuzz.step = 0;
	strcpy(fuzz.text, "boot");
	world_boot(&(struct world_config){
		.ram_size = RAM_SIZE, .root_bits = ROOT_BITS, .domains = seed % 2 ? 4 : 1});
	find_root();
	make_threads();
}

/* Booting is the same for all that begins with the same bit. */
static void boot_once(unsigned kind)
{
	static struct stub_saved saved[2];

	if (!saved[kind].ram) {
		world_check = CHECK_NOTHING;
		boot(kind);
		if (!stub_save(&saved[kind]))
			test_fail("the host has not enough memory");
	}
	stub_restore(&saved[kind]);
	find_root();
}

static bool next_step(void)
{
	bool on;

	fuzz.step++;
	on = do_step();
	if (calls_verbose)
		printf("%" PRIu64 " %s\n", fuzz.step, fuzz.text);
	fuzz.steps++;
	fuzz.dead_ends += !on;
	return on;
}

void calls_of_seed(uint64_t seed, uint64_t calls)
{
	world_check = CHECK_AUDIT;
	boot(seed);
	while (fuzz.step + 1 < calls && next_step())
		;
}

void calls_of_bytes(const uint8_t *bytes, size_t size)
{
	boot_once(size > 0 ? *bytes % 2 : 0);
	fuzz.step = 0;
	dice.bytes = bytes;
	dice.size = size;
	while (dice.size > 0 && next_step())
		;
}

uint64_t calls_done(void)
{
	return fuzz.steps;
}

void calls_print_statistics(void)
{
	printf("# %" PRIu64 " steps, %" PRIu64 " preempted, %" PRIu64 " IPC, %" PRIu64
	       " worlds ended early\n",
	       fuzz.steps, fuzz.preempted, fuzz.ipc, fuzz.dead_ends);
	printf("#   %-31s%9s and errors 1 to %d\n", "method", "done", seL4_NumErrors - 1);
	for (unsigned i = 1; i <= RISCVIRQIssueIRQHandlerTrigger; i++) {
		printf("#   %-31s", label_name(profile_label(&machine_kernel()->profile, i)));
		for (unsigned error = 0; error < seL4_NumErrors; error++)
			printf(error ? "%6" PRIu64 : "%9" PRIu64, fuzz.result[i][error]);
		printf("\n");
	}
}
