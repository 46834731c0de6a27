/* A plausible call of each method: objects and arguments that fit. */
#include "test/fuzz/calls_parts.h"

struct vital vital;

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
	static const uint64_t sizes[] = {0,  0,  1,  2,  4, 64 - CSPACE_BITS, 64 - ROOT_BITS, 58,
					 59, 60, 61, 62, 63};
	uint64_t size = sizes[below(sizeof sizes / sizeof sizes[0])];

	return (chance(70) ? 0 : below(8)) << seL4_GuardSizeBits | size;
}

uint64_t rights_word(void)
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
	static const uint8_t types[] = {seL4_UntypedObject,         seL4_UntypedObject,
					seL4_UntypedObject,         seL4_TCBObject,
					seL4_EndpointObject,        seL4_EndpointObject,
					seL4_NotificationObject,    seL4_CapTableObject,
					seL4_CapTableObject,        seL4_CapTableObject,
					seL4_RISCV_4K_Page,         seL4_RISCV_4K_Page,
					seL4_RISCV_PageTableObject, seL4_RISCV_PageTableObject,
					seL4_RISCV_Mega_Page,       seL4_RISCV_Giga_Page};
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

	return (slot >= vital.root && slot < vital.root + 80) || type == CAP_Domain ||
	       type == CAP_IRQControl || type == CAP_ASIDControl ||
	       (type == CAP_Untyped && cap_untyped_bits(slot->cap) > 16) ||
	       (type == CAP_Thread && tcb_at(cap_object(slot->cap)) == vital.tcb) ||
	       (type == CAP_CNode && slot_at(cap_object(slot->cap)) == vital.root);
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
			put_place(op, pick_in(source, chance(15)   ? CAP_CNode
						      : chance(15) ? CAP_Thread
								   : WANT_FULL));
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
	for (unsigned i = 0; i < 8 && tcb_at(cap_object(target)) == vital.tcb &&
			     (label == TCBSuspend || label == TCBConfigure || label == TCBSetSpace);
	     i++)
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

void make_call(struct op *op)
{
	static void (*const makers[])(struct op *) = {make_retype, make_retype, make_retype, make_cnode,
						      make_cnode,  make_cnode,  make_cnode,  make_cnode,
						      make_tcb,    make_tcb,    make_tcb,    make_tcb,
						      make_paging, make_paging, make_irq,    make_domain};

	makers[below(sizeof makers / sizeof makers[0])](op);
}
