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
#include "port/isa-riscv64/sv39.h"
#include "test/unit/harness.h"

#define RAM_SIZE       (16ull << 20)
#define ROOT_BITS      9
#define THREADS        5
#define CSPACE_BITS    6
#define MEMORY_EVERY   64 /* steps between two verifications of all memory */
#define SCAN_DEPTH     3
#define TEXT_SIZE      256

static struct {
	struct random random;
	const uint8_t *bytes; /* decide instead of the generator while there are any; NULL: none do */
	size_t size;
	uint64_t seed, step;
	char text[TEXT_SIZE]; /* the step under way */
	struct slot *root; /* the root CNode's */
	struct tcb *root_tcb;
	uint64_t result[64][seL4_NumErrors + 1], preempted, steps, worlds, dead_ends, ipc;
} fuzz;

bool calls_verbose;

/* So many bytes as it takes to say numbers up to `most`; behind the last byte are zeros. */
static uint64_t take(uint64_t most)
{
	uint64_t value = 0;

	for (; most > 0; most >>= 8) {
		value = value << 8 | (fuzz.size ? *fuzz.bytes : 0);
		fuzz.bytes += fuzz.size > 0;
		fuzz.size -= fuzz.size > 0;
	}
	return value;
}

static uint64_t below(uint64_t limit)
{
	return fuzz.bytes ? take(limit - 1) % limit : random_below(&fuzz.random, limit);
}

static bool chance(unsigned percent)
{
	return below(100) < percent;
}

static uint64_t strange_word(void)
{
	static const uint64_t words[] = {
		0, 1, 2, 3, 4, 5, 11, 12, 13, 16, 21, 30, 38, 63, 64, 65, 120, 121, 127, 128, 255, 256, 257,
		0x1000, 0x200000, 0x40000000, 0x3ffffff000, 0x4000000000, 1ull << 56, 1ull << 63, ~0ull, ~0ull - 1,
		0xffffffc080200000, 0xffffffc080000000};

	switch (below(4)) {
	case 0:
		return fuzz.bytes ? take(~0ull) : random_word(&fuzz.random);
	case 1:
		return below(64);
	default:
		return words[below(sizeof words / sizeof words[0])];
	}
}

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
	if (!fuzz.bytes)
		printf("# replay: --seed %" PRIu64 " --calls %" PRIu64 " --verbose\n", fuzz.seed, fuzz.step + 1);
}

/* --- finding slots ---------------------------------------------------------------------------------- */

enum {
	WANT_FULL = 100,
	WANT_EMPTY,
	WANT_ANY,
	WANT_ROOM,        /* an untyped with room left */
	WANT_VSPACE,      /* a root table with an ASID */
	WANT_LOOSE_TABLE, /* a table that is not mapped */
	WANT_POOL_MEMORY, /* an untyped that an ASID pool fits into just so */
};

struct place {
	uint64_t index;
	unsigned bits;
	struct slot *slot; /* NULL: there is none */
};

struct scan {
	unsigned want; /* a cap_type or WANT_… */
	bool cptr;     /* must be what a cptr can name */
	unsigned met;
	struct random random; /* of its own: a search asks often, and is to cost few bytes */
	struct place place;
};

static bool fits(struct scan *scan, const struct slot *slot, unsigned bits)
{
	uint64_t root;
	uint16_t asid;

	if (scan->cptr && bits < 64 && cap_type(slot->cap) == CAP_CNode)
		return false;
	switch (scan->want) {
	case WANT_FULL:
		return !slot_is_empty(slot);
	case WANT_EMPTY:
		return slot_is_empty(slot);
	case WANT_ANY:
		return true;
	case WANT_ROOM:
		return cap_type(slot->cap) == CAP_Untyped &&
		       (cap_untyped_free(slot->cap) < 1ull << cap_untyped_bits(slot->cap) ||
			!slot_has_children(slot)) &&
		       (!cap_untyped_device(slot->cap) || random_chance(&scan->random, 10));
	case WANT_POOL_MEMORY:
		return cap_type(slot->cap) == CAP_Untyped && !cap_untyped_device(slot->cap) &&
		       cap_untyped_bits(slot->cap) == seL4_ASIDPoolBits && !slot_has_children(slot);
	case WANT_VSPACE:
		return isa_vspace(slot->cap, &root, &asid);
	case WANT_LOOSE_TABLE:
		return cap_type(slot->cap) == CAP_PageTable && !cap_table_mapped(slot->cap);
	default:
		return cap_type(slot->cap) == (enum cap_type)scan->want;
	}
}

static void scan_cnode(struct scan *scan, struct cap node, uint64_t index, unsigned bits, unsigned depth)
{
	unsigned radix, guard_size;
	uint64_t slots, first;

	if (cap_type(node) != CAP_CNode)
		return;
	radix = cap_cnode_radix(node);
	guard_size = cap_cnode_guard_size(node);
	if (bits + radix + guard_size > 64)
		return;
	if (guard_size)
		index = (guard_size == 64 ? 0 : index << guard_size) | cap_cnode_guard(node);
	bits += guard_size + radix;
	slots = 1ull << radix;
	first = random_below(&scan->random, slots);
	for (uint64_t i = 0; i < slots && i < 600; i++) {
		uint64_t at = (first + i) % slots;
		struct slot *slot = slot_at(cap_object(node) + (at << seL4_SlotBits));
		uint64_t path = index << radix | at;

		if (fits(scan, slot, bits) && random_below(&scan->random, ++scan->met) == 0)
			scan->place = (struct place){path, bits, slot};
		if (depth > 0 && cap_type(slot->cap) == CAP_CNode && bits < 64 && 
		    (scan->cptr || random_chance(&scan->random, 30)))
			scan_cnode(scan, slot->cap, path, bits, depth - 1);
	}
}

/* A slot that a CNode operation on `node` can name. */
static struct place pick_in(struct cap node, unsigned want)
{
	struct scan scan = {.want = want, .random = {below(1 << 16)}};

	scan_cnode(&scan, node, 0, 0, SCAN_DEPTH);
	return scan.place;
}

/* A capability address in the thread's CSpace. */
static struct place pick(const struct tcb *tcb, unsigned want)
{
	struct scan scan = {.want = want, .cptr = true, .random = {below(1 << 16)}};

	scan_cnode(&scan, tcb->slot[TCB_CSPACE].cap, 0, 0, 2);
	if (scan.place.slot && scan.place.bits < 64)
		scan.place.index = scan.place.index << (64 - scan.place.bits) |
				   random_word(&scan.random) >> scan.place.bits;
	return scan.place;
}

static uint64_t pick_cptr(const struct tcb *tcb, unsigned want)
{
	struct place place = pick(tcb, want);

	return place.slot && !chance(1) ? place.index : strange_word();
}

static struct cap cap_of(struct place place)
{
	return place.slot ? place.slot->cap : cap_null();
}

/* --- arguments of each method --------------------------------------------------------------------------- */

struct op {
	struct tcb *tcb;
	unsigned label;
	uint64_t cptr;
	struct args args;
};

static void word(struct op *op, uint64_t value)
{
	op->args.word[op->args.words++] = value;
}

static struct cap extra(struct op *op, unsigned want)
{
	struct place place = pick(op->tcb, want);

	op->args.cap[op->args.caps++] = place.slot ? place.index : strange_word();
	return cap_of(place);
}

static struct cap invoked(struct op *op, unsigned label, unsigned want)
{
	struct place place = pick(op->tcb, want);

	op->label = label;
	op->cptr = place.slot ? place.index : strange_word();
	return cap_of(place);
}

static void put_place(struct op *op, struct place place)
{
	word(op, place.slot ? place.index : strange_word());
	word(op, place.slot ? place.bits : below(66));
}

static uint64_t guard_word(void)
{
	static const uint64_t sizes[] = {0, 0, 1, 2, 4, 64 - CSPACE_BITS, 64 - ROOT_BITS, 58, 59, 60, 61, 62, 63};
	uint64_t size = sizes[below(sizeof sizes / sizeof sizes[0])];

	return (chance(70) ? 0 : below(8)) << seL4_GuardSizeBits | size;
}

static uint64_t rights_word(void)
{
	return chance(50) ? RIGHTS_ALL : below(16);
}

static uint64_t vaddr_word(void)
{
	uint64_t vaddr = (below(3) << 30) | (below(3) << 21) | (below(6) << 12);

	if (chance(30))
		vaddr &= ~((1ull << 21) - 1);
	return chance(90) ? vaddr : strange_word();
}

static void make_retype(struct op *op)
{
	static const uint8_t types[] = {
		seL4_UntypedObject,	 seL4_UntypedObject,  seL4_UntypedObject,	 seL4_TCBObject,
		seL4_EndpointObject,	 seL4_EndpointObject, seL4_NotificationObject, seL4_CapTableObject,
		seL4_CapTableObject,	 seL4_CapTableObject, seL4_RISCV_4K_Page,	 seL4_RISCV_4K_Page,
		seL4_RISCV_PageTableObject, seL4_RISCV_PageTableObject, seL4_RISCV_Mega_Page, seL4_RISCV_Giga_Page};
	struct cap untyped = invoked(op, UntypedRetype, chance(90) ? WANT_ROOM : CAP_Untyped);
	unsigned type = types[below(sizeof types)], bits = 0;
	struct cap node = extra(op, CAP_CNode);
	struct place inner = {0};
	uint64_t slots, offset;

	if (type == seL4_UntypedObject) {
		bits = cap_untyped_bits(untyped);
		bits = bits > 4 && chance(80) ? bits - 1 - (unsigned)below(bits > 8 ? 4 : 1) : 12;
	} else if (type == seL4_CapTableObject) {
		bits = 1 + (unsigned)below(CSPACE_BITS);
	}
	if (chance(20))
		inner = pick_in(node, CAP_CNode);
	if (inner.slot)
		node = inner.slot->cap;
	slots = cap_type(node) == CAP_CNode ? 1ull << cap_cnode_radix(node) : 64;
	offset = below(slots);
	for (uint64_t i = 0; i < slots && cap_type(node) == CAP_CNode; i++, offset = (offset + 1) % slots)
		if (slot_is_empty(slot_at(cap_object(node) + (offset << seL4_SlotBits))))
			break;
	word(op, type);
	word(op, bits);
	word(op, inner.slot ? inner.index : 0);
	word(op, inner.slot ? inner.bits : 0);
	word(op, offset);
	word(op, chance(70) ? 1 : 1 + below(8));
}

/* What the root server stands on: with this deleted, little goes on. */
static bool is_vital(const struct slot *slot)
{
	enum cap_type type = cap_type(slot->cap);

	return (slot >= fuzz.root && slot < fuzz.root + 80) || type == CAP_Domain || type == CAP_IRQControl ||
	       type == CAP_ASIDControl || (type == CAP_Untyped && cap_untyped_bits(slot->cap) > 16) ||
	       (type == CAP_Thread && tcb_at(cap_object(slot->cap)) == fuzz.root_tcb) ||
	       (type == CAP_CNode && slot_at(cap_object(slot->cap)) == fuzz.root);
}

/* A slot to delete, revoke or move. */
static struct place pick_victim(struct cap node)
{
	struct place place = pick_in(node, chance(20) ? CAP_CNode : chance(5) ? CAP_PageTable : WANT_FULL);

	for (unsigned i = 0; i < 8 && place.slot && is_vital(place.slot) && !chance(1); i++)
		place = pick_in(node, WANT_FULL);
	return place;
}

static void make_cnode(struct op *op)
{
	unsigned label = CNodeRevoke + (unsigned)below(CNodeSaveCaller - CNodeRevoke + 1);
	struct cap node = invoked(op, label, CAP_CNode), source;

	switch (label) {
	case CNodeRevoke:
	case CNodeDelete:
		put_place(op, pick_victim(node));
		return;
	case CNodeCancelBadgedSends:
		put_place(op, pick_in(node, CAP_Endpoint));
		return;
	case CNodeSaveCaller:
		put_place(op, pick_in(node, WANT_EMPTY));
		return;
	case CNodeRotate:
		put_place(op, pick_in(node, chance(80) ? WANT_EMPTY : WANT_FULL));
		word(op, guard_word());
		put_place(op, pick_in(extra(op, CAP_CNode), WANT_FULL));
		word(op, guard_word());
		put_place(op, pick_in(extra(op, CAP_CNode), WANT_FULL));
		return;
	default:
		put_place(op, pick_in(node, WANT_EMPTY));
		source = extra(op, CAP_CNode);
		if (label == CNodeMove || label == CNodeMutate)
			put_place(op, pick_victim(source));
		else
			put_place(op, pick_in(source, chance(15) ? CAP_CNode : chance(15) ? CAP_Thread : WANT_FULL));
		if (label == CNodeMutate) {
			word(op, guard_word());
			return;
		}
		word(op, rights_word());
		word(op, chance(50) ? below(4) : guard_word());
	}
}

static uint64_t priority_word(void)
{
	return chance(80) ? 100 + below(4) : chance(50) ? below(256) : strange_word();
}

static void make_tcb(struct op *op)
{
	unsigned label = TCBReadRegisters + (unsigned)below(TCBSetFlags - TCBReadRegisters + 1);
	struct cap target;

	if (chance(30))
		label = TCBResume;
	target = invoked(op, label, CAP_Thread);
	/* Little goes on when the root server has no CSpace, or stops itself. */
	for (unsigned i = 0; i < 8 && tcb_at(cap_object(target)) == fuzz.root_tcb &&
			     (label == TCBSuspend || label == TCBConfigure || label == TCBSetSpace); i++)
		target = invoked(op, label, CAP_Thread);
	switch (label) {
	case TCBReadRegisters:
		word(op, chance(80) ? 0 : 1);
		word(op, below(34));
		break;
	case TCBWriteRegisters:
		word(op, below(2));
		word(op, below(33));
		for (unsigned i = 0; i < seL4_UserContextWords; i++)
			word(op, strange_word());
		break;
	case TCBCopyRegisters:
		word(op, chance(70) ? below(16) & ~1ull : below(16));
		extra(op, CAP_Thread);
		break;
	case TCBConfigure:
	case TCBSetSpace:
		word(op, pick_cptr(op->tcb, chance(80) ? CAP_Endpoint : WANT_ANY));
		word(op, chance(60) ? 0 : guard_word());
		word(op, chance(90) ? 0 : strange_word());
		if (label == TCBConfigure)
			word(op, chance(90) ? below(4) << 10 : strange_word());
		extra(op, chance(95) ? CAP_CNode : WANT_ANY);
		extra(op, chance(60) ? WANT_VSPACE : chance(90) ? CAP_PageTable : WANT_ANY);
		if (label == TCBConfigure)
			extra(op, chance(95) ? CAP_Frame : WANT_ANY);
		break;
	case TCBSetSchedParams:
		word(op, priority_word());
		/* fall through */
	case TCBSetPriority:
	case TCBSetMCPriority:
		word(op, priority_word());
		extra(op, CAP_Thread);
		break;
	case TCBSetIPCBuffer:
		word(op, chance(90) ? below(4) << 10 : strange_word());
		extra(op, chance(95) ? CAP_Frame : WANT_ANY);
		break;
	case TCBBindNotification:
		extra(op, CAP_Notification);
		break;
	case TCBSetTLSBase:
		word(op, strange_word());
		break;
	case TCBSetFlags:
		word(op, below(4));
		word(op, below(4));
		break;
	default:
		break;
	}
}

static void make_irq(struct op *op)
{
	switch (below(4)) {
	case 0:
		invoked(op, chance(90) ? IRQIssueIRQHandler : RISCVIRQIssueIRQHandlerTrigger, CAP_IRQControl);
		word(op, chance(90) ? 1 + below(8) : strange_word());
		put_place(op, pick_in(extra(op, CAP_CNode), WANT_EMPTY));
		break;
	case 1:
		invoked(op, IRQAckIRQ, CAP_IRQHandler);
		break;
	case 2:
		invoked(op, IRQSetIRQHandler, CAP_IRQHandler);
		extra(op, CAP_Notification);
		break;
	default:
		invoked(op, IRQClearIRQHandler, CAP_IRQHandler);
		break;
	}
}

static void make_domain(struct op *op)
{
	invoked(op, DomainSetSet + (unsigned)below(3), CAP_Domain);
	switch (op->label) {
	case DomainSetSet:
		word(op, chance(90) ? below(4) : strange_word());
		extra(op, CAP_Thread);
		break;
	case DomainScheduleConfigure:
		word(op, chance(90) ? below(5) : strange_word());
		word(op, chance(90) ? below(4) : strange_word());
		word(op, chance(90) ? below(4) : strange_word());
		break;
	default:
		word(op, chance(90) ? below(5) : strange_word());
		break;
	}
}

static void make_paging(struct op *op)
{
	switch (below(7)) {
	case 0:
	case 1:
		invoked(op, RISCVPageTableMap, chance(80) ? WANT_LOOSE_TABLE : CAP_PageTable);
		word(op, vaddr_word());
		word(op, below(2));
		extra(op, chance(90) ? WANT_VSPACE : CAP_PageTable);
		break;
	case 2:
		invoked(op, RISCVPageTableUnmap, CAP_PageTable);
		break;
	case 3:
	case 4:
		invoked(op, RISCVPageMap, CAP_Frame);
		word(op, vaddr_word());
		word(op, rights_word());
		word(op, below(2));
		extra(op, chance(90) ? WANT_VSPACE : CAP_PageTable);
		break;
	case 5:
		invoked(op, RISCVPageUnmap + (unsigned)below(2), CAP_Frame);
		break;
	default:
		if (chance(30)) {
			invoked(op, RISCVASIDControlMakePool, CAP_ASIDControl);
			extra(op, chance(90) ? WANT_POOL_MEMORY : WANT_ROOM);
			put_place(op, pick_in(extra(op, CAP_CNode), WANT_EMPTY));
		} else {
			invoked(op, RISCVASIDPoolAssign, CAP_ASIDPool);
			extra(op, chance(80) ? WANT_LOOSE_TABLE : CAP_PageTable);
		}
		break;
	}
}

/* --- steps ------------------------------------------------------------------------------------------------ */

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
	static void (*const makers[])(struct op *) = {make_retype, make_retype, make_retype, make_cnode,
						      make_cnode,  make_cnode,	make_cnode,  make_cnode,
						      make_tcb,	   make_tcb,	make_tcb,    make_tcb,
						      make_paging, make_paging, make_irq,    make_domain};
	struct op op = {.tcb = tcb};
	int64_t number = chance(92) ? seL4_SysCall : chance(50) ? seL4_SysSend : seL4_SysNBSend;
	uint64_t info, pc = tcb->context.pc;

	makers[below(sizeof makers / sizeof makers[0])](&op);
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
	static const int8_t numbers[] = {seL4_SysCall, seL4_SysCall, seL4_SysCall, seL4_SysReplyRecv, seL4_SysReplyRecv,
					 seL4_SysReplyRecv, seL4_SysSend, seL4_SysNBSend, seL4_SysRecv, seL4_SysRecv,
					 seL4_SysReply, seL4_SysYield, seL4_SysNBRecv};
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
		root |= cap_type(slot->cap) == CAP_Thread && tcb_at(cap_object(slot->cap)) == fuzz.root_tcb;
	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot))
		if (cap_type(slot->cap) == CAP_Thread &&
		    cap_type(tcb_at(cap_object(slot->cap))->slot[TCB_CSPACE].cap) == CAP_CNode && below(++met) == 0)
			tcb = tcb_at(cap_object(slot->cap));
	if (root && chance(70))
		tcb = fuzz.root_tcb;
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
	say("%s%#" PRIx64 " priority %u: ", tcb == fuzz.root_tcb ? "root " : "",
	    machine_ref(tcb), tcb->priority);
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

/* --- a world ------------------------------------------------------------------------------------------------ */

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
				     ARGS(1 + (j + 5) % 62, CSPACE_BITS, from, ROOT_DEPTH, rights_word() | 11, badge),
				     CAPS(seL4_CapInitThreadCNode));
		}
		/* Its own CNode, with the guard that makes it invocable. */
		(void)INVOKE(cspace, CNodeMint,
			     ARGS(50, CSPACE_BITS, cspace, ROOT_DEPTH, 15, i % 2 ? 64 - 2 * CSPACE_BITS : 64 - CSPACE_BITS),
			     CAPS(seL4_CapInitThreadCNode));
		CHECK_OK(INVOKE(tcb, TCBResume, ARGS()));
	}
}

static void find_root(void)
{
	fuzz.root = root_slot(0);
	fuzz.root_tcb = world_current();
}

static void boot(uint64_t seed)
{
	fuzz.seed = seed;
	fuzz.random.state = seed * 0x2545f4914f6cdd1dull + 1;
	fuzz.bytes = NULL;
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
	fuzz.bytes = bytes;
	fuzz.size = size;
	while (fuzz.size > 0 && next_step())
		;
}

uint64_t calls_done(void)
{
	return fuzz.steps;
}

void calls_print_statistics(void)
{
	printf("# %" PRIu64 " steps, %" PRIu64 " preempted, %" PRIu64 " IPC, %" PRIu64 " worlds ended early\n",
	       fuzz.steps, fuzz.preempted, fuzz.ipc, fuzz.dead_ends);
	printf("#   %-31s%9s and errors 1 to %d\n", "method", "done", seL4_NumErrors - 1);
	for (unsigned i = 1; i <= RISCVIRQIssueIRQHandlerTrigger; i++) {
		printf("#   %-31s", label_name(profile_label(&machine_kernel()->profile, i)));
		for (unsigned error = 0; error < seL4_NumErrors; error++)
			printf(error ? "%6" PRIu64 : "%9" PRIu64, fuzz.result[i][error]);
		printf("\n");
	}
}
