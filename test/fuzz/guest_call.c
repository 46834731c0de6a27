/*
 * One random system call of a worker: see guest.h. Mostly a plausible one, with capabilities of the right
 * types as far as the director knows; sometimes spoilt in one place.
 */
#include "test/fuzz/guest.h"

#define GUARD(bits) (seL4_CNode_CapData_new(0, bits).words[0])

static void word(struct call *call, seL4_Word value)
{
	call->word[call->words++] = value;
}

static seL4_Word pick_for(const struct call *call, unsigned type)
{
	return chance(98) ? pick(call->worker->cspace, type) : strange_word();
}

static seL4_Word extra(struct call *call, unsigned type)
{
	return call->cap[call->caps++] = pick_for(call, type);
}

static void invoked(struct call *call, seL4_Word label, unsigned type)
{
	call->label = label;
	call->cptr = pick_for(call, type);
}

/* A CNode, mostly one's own. */
static seL4_Word node(const struct call *call)
{
	if (chance(10))
		return chance(50) ? SLOT_DEEP : SLOT_GUARDED;
	return chance(75) ? SLOT_SELF : pick_for(call, TYPE_CNode);
}

/* Index and depth of a slot in that CNode: of a whole CSpace, or of a small CNode, also of one in a CSpace.
 */
static void place(struct call *call, seL4_Word of, unsigned type)
{
	if (of == SLOT_DEEP && chance(40)) {
		word(call, pick_for(call, TYPE_CNode) << NODE_BITS | below(1 << NODE_BITS));
		word(call, DEEP_DEPTH + NODE_BITS);
	} else if (of == SLOT_DEEP) {
		word(call, pick_for(call, type));
		word(call, chance(95) ? DEEP_DEPTH : below(seL4_WordBits + 2));
	} else if (of == SLOT_GUARDED) {
		word(call, (chance(95) ? GUARDED_GUARD << CSPACE_BITS : 0) | pick_for(call, type));
		word(call, GUARDED_DEPTH);
	} else if (of == SLOT_SELF || chance(30)) {
		word(call, pick_for(call, type));
		word(call, chance(98) ? seL4_WordBits : strange_word());
	} else {
		word(call, below(1 << NODE_BITS));
		word(call, chance(90) ? NODE_BITS : below(seL4_WordBits + 2));
	}
}

static seL4_Word guard_word(void)
{
	static const unsigned char size[] = {0, 0, 1, 4, 53, 57, 57, 57, 60, 60, 63};

	return (chance(70) ? 0 : below(8)) << seL4_GuardSizeBits | size[below(sizeof size)];
}

static seL4_Word rights_word(void)
{
	return chance(60) ? 15 : below(16);
}

static seL4_Word any_window(void)
{
	return chance(95) ? window_address() : strange_word();
}

/* What a slot of the worker's own CSpace holds may be deleted, but not often what the workers stand on. */
static seL4_Word victim(const struct call *call)
{
	seL4_Word at = pick_for(call, chance(25) ? TYPE_CNode : TYPE_FULL);

	for (unsigned i = 0; i < 8 && at < SLOT_FREE; i++)
		at = pick_for(call, TYPE_FULL);
	return at;
}

/* --- methods, by object ----------------------------------------------------------------------------------
 */

static void make_retype(struct call *call)
{
	static const unsigned char types[] = {
		seL4_UntypedObject,   seL4_UntypedObject,         seL4_TCBObject,
		seL4_EndpointObject,  seL4_NotificationObject,    seL4_CapTableObject,
		seL4_CapTableObject,  seL4_RISCV_4K_Page,         seL4_RISCV_4K_Page,
		seL4_RISCV_4K_Page,   seL4_RISCV_PageTableObject, seL4_RISCV_PageTableObject,
		seL4_RISCV_Mega_Page, seL4_RISCV_Giga_Page};
	seL4_Word type = types[below(sizeof types)], root;

	invoked(call, UntypedRetype, TYPE_Untyped);
	root = extra(call, TYPE_CNode);
	if (chance(75))
		root = call->cap[0] = SLOT_SELF;
	word(call, chance(99) ? type : strange_word());
	if (type == seL4_UntypedObject)
		word(call, 10 + below(4));
	else if (type == seL4_CapTableObject)
		word(call, NODE_BITS);
	else
		word(call, chance(90) ? 0 : strange_word());
	if (root == SLOT_SELF && chance(15)) {
		word(call, pick_for(call, TYPE_CNode));
		word(call, seL4_WordBits);
	} else {
		word(call, 0);
		word(call, chance(95) ? 0 : strange_word());
	}
	word(call, root == SLOT_SELF ? pick_for(call, TYPE_Null) : below(1 << NODE_BITS));
	word(call, chance(80) ? 1 : below(8));
}

static void make_cnode(struct call *call)
{
	static const unsigned char labels[] = {
		CNodeRevoke, CNodeRevoke, CNodeDelete,    CNodeDelete, CNodeCancelBadgedSends,
		CNodeCopy,   CNodeCopy,   CNodeMint,      CNodeMint,   CNodeMove,
		CNodeMutate, CNodeRotate, CNodeSaveCaller};
	seL4_Word label = labels[below(sizeof labels)], of;

	invoked(call, label, TYPE_CNode);
	of = call->cptr = node(call);
	switch (label) {
	case CNodeRevoke:
	case CNodeDelete:
		place(call, of, TYPE_FULL);
		if (of == SLOT_SELF)
			call->word[0] = victim(call);
		return;
	case CNodeCancelBadgedSends:
		place(call, of, TYPE_Endpoint);
		return;
	case CNodeSaveCaller:
		place(call, of, TYPE_Null);
		return;
	case CNodeRotate:
		place(call, of, chance(80) ? TYPE_Null : TYPE_FULL);
		word(call, guard_word());
		place(call, call->cap[call->caps++] = node(call), TYPE_FULL);
		word(call, guard_word());
		place(call, call->cap[call->caps++] = node(call), TYPE_FULL);
		return;
	default:
		place(call, of, TYPE_Null);
		of = call->cap[call->caps++] = node(call);
		place(call, of, TYPE_FULL);
		if (of == SLOT_SELF && (label == CNodeMove || label == CNodeMutate))
			call->word[2] = victim(call);
		if (label == CNodeMutate)
			word(call, guard_word());
		if (label == CNodeCopy || label == CNodeMint)
			word(call, rights_word());
		if (label == CNodeMint)
			word(call, chance(50) ? below(16) : guard_word());
	}
}

/* A priority that cannot reach the director's: see guest.h. */
static seL4_Word priority_word(void)
{
	return chance(80) ? below(WORKER_MCP + 2) : 1ul << (8 + below(56));
}

static seL4_Word buffer_word(void)
{
	return chance(90) ? window_address() + (below(4) << seL4_IPCBufferSizeBits) : strange_word();
}

static void make_tcb(struct call *call)
{
	seL4_Word label = TCBReadRegisters + below(TCBSetFlags - TCBReadRegisters + 1);

	invoked(call, label, TYPE_Thread);
	switch (label) {
	case TCBReadRegisters:
		word(call, chance(80) ? 0 : 1);
		word(call, chance(50) ? seL4_UserContextWords : below(34));
		break;
	case TCBWriteRegisters:
		word(call, below(2));
		word(call, chance(50) ? seL4_UserContextWords : below(34));
		for (unsigned i = 0; i < seL4_UserContextWords; i++)
			word(call, strange_word());
		break;
	case TCBCopyRegisters:
		if (chance(50))
			call->cptr = SLOT_TCB + below(WORKERS);
		word(call, below(16));
		call->cap[call->caps++] =
			chance(70) ? SLOT_TCB + below(WORKERS) : pick_for(call, TYPE_Thread);
		break;
	case TCBConfigure:
	case TCBSetSpace:
		word(call, chance(40)   ? SLOT_FAULT
			   : chance(60) ? SLOT_ANSWERED
					: pick_for(call, TYPE_Endpoint));
		word(call, chance(80) ? 0 : guard_word());
		word(call, chance(90) ? 0 : strange_word());
		if (label == TCBConfigure)
			word(call, buffer_word());
		call->cap[call->caps++] = node(call);
		call->cap[call->caps++] =
			chance(80) ? SLOT_VSPACE + below(PROCESSES)
				   : pick_for(call, is_avoiding() ? TYPE_Frame : TYPE_PageTable);
		if (label == TCBConfigure)
			extra(call, TYPE_Frame);
		break;
	case TCBSetSchedParams:
		word(call, priority_word());
		/* fall through */
	case TCBSetPriority:
	case TCBSetMCPriority:
		word(call, priority_word());
		extra(call, TYPE_Thread);
		break;
	case TCBSetIPCBuffer:
		word(call, buffer_word());
		extra(call, TYPE_Frame);
		break;
	case TCBBindNotification:
		extra(call, TYPE_Notification);
		break;
	case TCBSetTLSBase:
		word(call, strange_word());
		break;
	case TCBSetFlags: /* often one's own: who gives up the floating-point unit may have it at that moment
			   */
		if (chance(60))
			call->cptr = SLOT_TCB + (seL4_Word)(call->worker - fuzz.worker);
		word(call, below(4));
		word(call, chance(50) ? 0 : below(4));
		break;
	default:
		break;
	}
}

/* Who invokes the one capability for that gets it for the time of the call. */
static void make_irq_issue(struct call *call, seL4_Word label)
{
	invoked(call, label, chance(90) ? TYPE_Null : TYPE_ANY);
	call->worker->lent = call->cptr;
	word(call, chance(90) ? 1 + below(IRQS) : strange_word());
	if (label == RISCVIRQIssueIRQHandlerTrigger)
		word(call, below(3));
	place(call, call->cap[call->caps++] = node(call), TYPE_Null);
}

static void make_irq(struct call *call)
{
	seL4_Word label = IRQIssueIRQHandler + below(IRQClearIRQHandler - IRQIssueIRQHandler + 1);

	if (label == IRQIssueIRQHandler) {
		make_irq_issue(call, chance(60) ? label : RISCVIRQIssueIRQHandlerTrigger);
		return;
	}
	invoked(call, label, TYPE_IRQHandler);
	if (label == IRQSetIRQHandler)
		extra(call, TYPE_Notification);
}

static void make_domain(struct call *call)
{
	invoked(call, DomainSetSet + below(3), TYPE_Domain);
	word(call, chance(80) ? 0 : strange_word());
	if (call->label == DomainSetSet) {
		extra(call, TYPE_Thread);
	} else if (call->label == DomainScheduleConfigure) {
		word(call, chance(80) ? 0 : below(3));
		word(call, below(1000));
	}
}

static seL4_Word vspace(const struct call *call)
{
	return chance(80) ? SLOT_VSPACE + below(PROCESSES) : pick_for(call, TYPE_PageTable);
}

static void make_paging(struct call *call)
{
	switch (below(10)) {
	case 0:
	case 1:
		invoked(call, RISCVPageTableMap, TYPE_PageTable);
		call->cap[call->caps++] = vspace(call);
		word(call, any_window());
		word(call, below(2));
		break;
	case 2:
		invoked(call, RISCVPageTableUnmap, TYPE_PageTable);
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		invoked(call, RISCVPageMap, TYPE_Frame);
		call->cap[call->caps++] = vspace(call);
		word(call, any_window());
		word(call, rights_word());
		word(call, chance(80) ? 0 : below(4));
		break;
	case 7:
		invoked(call, RISCVPageUnmap, TYPE_Frame);
		break;
	case 8:
		invoked(call, RISCVPageGetAddress, TYPE_Frame);
		break;
	default:
		if (chance(30)) {
			invoked(call, RISCVASIDControlMakePool, TYPE_ASIDControl);
			extra(call, TYPE_Untyped);
			place(call, call->cap[call->caps++] = node(call), TYPE_Null);
		} else {
			invoked(call, RISCVASIDPoolAssign, TYPE_ASIDPool);
			extra(call, TYPE_PageTable);
		}
		break;
	}
}

/* --- into registers and buffer ----------------------------------------------------------------------------
 */

static bool is_other_worker(const struct call *call, seL4_CPtr cptr)
{
	return cptr >= SLOT_TCB && cptr < SLOT_TCB + WORKERS && &fuzz.worker[cptr - SLOT_TCB] != call->worker;
}

/*
 * Who resumes itself with the registers of a system call, or takes another's, makes that call for ever; so
 * does who gets the registers of the call that gives them, program counter and all.
 */
static void copy_once(struct call *call)
{
	if (!is_other_worker(call, call->cptr))
		call->word[0] &= ~14ul;
	if (!is_other_worker(call, call->cap[0]))
		call->word[0] &= ~4ul;
}

/* Several mistakes at once: which of them is seen depends on the order of the checks. */
static void spoil_much(struct call *call)
{
	for (unsigned i = 0; i < call->words; i++)
		if (chance(25))
			call->word[i] = strange_word();
	for (unsigned i = 0; i < call->caps; i++)
		if (chance(25))
			call->cap[i] = pick_for(call, chance(50) ? TYPE_ANY : TYPE_Null);
	if (chance(15))
		call->words = (unsigned)below(call->words + 1);
	if (chance(15))
		call->caps = (unsigned)below(call->caps + 1);
}

static void spoil(struct call *call)
{
	if (chance(8))
		spoil_much(call);
	if (chance(4) && call->words)
		call->word[below(call->words)] = strange_word();
	if (chance(2))
		call->words = (unsigned)below(call->words + 2);
	if (chance(2))
		call->caps = (unsigned)below(4);
	if (chance(1))
		call->label = below(nArchInvocationLabels + 2);
	if (chance(1))
		call->cptr = pick_for(call, TYPE_ANY);
	if (chance(3))
		call->cap[below(seL4_MsgMaxExtraCaps)] = pick_for(call, TYPE_ANY);
	if (call->label == TCBCopyRegisters)
		copy_once(call);
	/* Priorities and the director: see guest.h. */
	if (call->label >= TCBSetPriority && call->label <= TCBSetSchedParams)
		for (unsigned i = 0; i < call->words; i++)
			call->word[i] =
				call->word[i] < 256 ? call->word[i] % (WORKER_MCP + 2) : call->word[i];
}

/*
 * What message register i of a reply may be: 0 becomes the program counter of a thread that had a user
 * exception, 1 its stack pointer, 8 that of one that made an unknown system call. No odd program counters:
 * QEMU 7.2 executes at odd addresses, where the ISA says that bit 0 of sepc is 0.
 */
seL4_Word reply_word(unsigned i, seL4_Word value)
{
	return !i ? value & ~1ul : i == 1 || i == 8 ? stack_word(value) : value;
}

/* The same for a method's message, which may turn out to be a reply. */
static void keep_registers(struct call *call)
{
	if (call->label == TCBWriteRegisters) { /* two words, then pc, ra, sp */
		call->word[2] &= ~1ul;
		call->word[4] = stack_word(call->word[4]);
	}
	if (call->cptr >= CSPACE_SLOTS || fuzz.type[call->worker->cspace][call->cptr] == TYPE_Reply)
		for (unsigned i = 0; i < call->words; i++)
			call->word[i] = reply_word(i, call->word[i]);
}

/*
 * How the worker addresses a slot. Bits behind an object that is no CNode count for nothing, so a slot of the
 * first level has many addresses.
 */
static seL4_CPtr address(const struct worker *worker, seL4_Word slot)
{
	if (worker->reach == REACH_DEEP && slot < CSPACE_SLOTS && chance(15))
		return slot << DEEP_DEPTH | (random_word() & ((1ul << DEEP_DEPTH) - 1));
	return worker_cptr(worker, slot);
}

/* Number, capability, message info. */
static void put(const struct worker *worker, seL4_UserContext *regs, seL4_Word number, seL4_Word cptr,
		seL4_MessageInfo_t info)
{
	regs->a7 = number;
	regs->a0 = address(worker, cptr);
	regs->a1 = info.words[0];
}

static void put_cap(struct worker *worker, unsigned index, seL4_Word cptr)
{
	worker->page->buffer.caps_or_badges[index] = address(worker, cptr);
}

static void put_word(struct worker *worker, seL4_UserContext *regs, unsigned index, seL4_Word value)
{
	if (index < 4)
		(&regs->a2)[index] = value;
	else
		worker->page->buffer.msg[index] = value;
}

void make_method(struct worker *worker, seL4_UserContext *regs)
{
	static void (*const makers[])(struct call *) = {make_retype, make_retype, make_cnode,  make_cnode,
							make_cnode,  make_cnode,  make_tcb,    make_tcb,
							make_tcb,    make_paging, make_paging, make_paging,
							make_paging, make_irq,    make_domain};
	struct call call = {.worker = worker};
	seL4_Word number = chance(92) ? (seL4_Word)seL4_SysCall
				      : (seL4_Word)(chance(50) ? seL4_SysSend : seL4_SysNBSend);

	makers[below(sizeof makers / sizeof makers[0])](&call);
	spoil(&call);
	keep_registers(&call);
	if (is_avoiding())
		avoid_call(&call);
	for (unsigned i = 0; i < call.words; i++)
		put_word(worker, regs, i, call.word[i]);
	for (unsigned i = 0; i < call.caps; i++)
		put_cap(worker, i, call.cap[i]);
	put(worker, regs, number, call.cptr, seL4_MessageInfo_new(call.label, 0, call.caps, call.words));
	worker->is_get_address = call.label == RISCVPageGetAddress;
	say("syscall %ld cap %#lx label %lu words", (long)number, call.cptr, call.label);
	for (unsigned i = 0; i < call.words && i < 8; i++)
		say(" %#lx", call.word[i]);
	for (unsigned i = 0; i < call.caps; i++)
		say(" cap %#lx", call.cap[i]);
}

/* A reply to a fault that lets the thread go on behind the instruction, if the last message was one. */
static void make_fault_reply(struct worker *worker, seL4_UserContext *regs, seL4_Word label)
{
	seL4_Word pc = worker->page->x[12]; /* message register 0: where a fault was */

	if (label == 0 && pc >= STUB_ADDRESS && pc < STUB_ADDRESS + (1 << seL4_PageBits))
		put_word(worker, regs, 0, pc + 4);
}

static void make_receive_path(struct worker *worker)
{
	bool deep = chance(20);

	worker->page->buffer.receiveCNode = address(worker, deep ? SLOT_DEEP : SLOT_SELF);
	worker->page->buffer.receiveIndex = pick(worker->cspace, TYPE_Null);
	worker->page->buffer.receiveDepth = chance(95) ? (deep ? DEEP_DEPTH : seL4_WordBits) : below(66);
}

void make_ipc(struct worker *worker, seL4_UserContext *regs)
{
	static const signed char numbers[] = {
		seL4_SysCall,      seL4_SysCall,      seL4_SysCall,      seL4_SysReplyRecv,
		seL4_SysReplyRecv, seL4_SysReplyRecv, seL4_SysReplyRecv, seL4_SysSend,
		seL4_SysSend,      seL4_SysNBSend,    seL4_SysRecv,      seL4_SysRecv,
		seL4_SysRecv,      seL4_SysReply,     seL4_SysYield,     seL4_SysNBRecv};
	seL4_Word number = (seL4_Word)numbers[below(sizeof numbers)];
	seL4_Word cptr = pick(worker->cspace, chance(75)   ? TYPE_Endpoint
					      : chance(80) ? TYPE_Notification
							   : TYPE_ANY);
	seL4_Word label = chance(70) ? 0 : below(4), length = chance(70) ? below(5) : below(128);
	seL4_Word caps = chance(60) ? 0 : below(4);

	if (fuzz.is_race && chance(80))
		cptr = SLOT_CROWD;
	else if (chance(3))
		cptr = chance(50) ? pick(worker->cspace, TYPE_Reply) : strange_word();
	for (unsigned i = 0; i < 4; i++)
		put_word(worker, regs, i, reply_word(i, strange_word()));
	if (number == (seL4_Word)seL4_SysReply || number == (seL4_Word)seL4_SysReplyRecv)
		make_fault_reply(worker, regs, label);
	for (seL4_Word i = 4; i < length && i < seL4_MsgMaxLength; i++)
		put_word(worker, regs, (unsigned)i, reply_word((unsigned)i, data_word()));
	for (unsigned i = 0; i < caps; i++)
		put_cap(worker, i,
			pick(worker->cspace, chance(30)   ? TYPE_Endpoint
					     : chance(90) ? TYPE_FULL
							  : TYPE_ANY));
	if (chance(60))
		make_receive_path(worker);
	put(worker, regs, number, cptr, seL4_MessageInfo_new(label, below(8), caps, length));
	say("syscall %ld cap %#lx label %lu length %lu caps %lu", (long)number, cptr, label, length, caps);
}
