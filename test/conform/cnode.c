/* CNode methods: the order of their checks, slot lookup, guards, rights, badges, moves, rotation. */
#include "conform.h"

#include <skerry/device.h>

static seL4_CPtr ep, badged, note, unused, full, unmapped_table, used_untyped, cnode;

static void setup(void)
{
	ep = sk_endpoint_new();
	badged = sk_cap_mint(ep, seL4_AllRights, 0x55);
	note = sk_notification_new();
	unused = sk_slots_new(8);
	full = sk_endpoint_new();
	unmapped_table = sk_object_new(seL4_RISCV_PageTableObject, 0);
	used_untyped = sk_untyped_new(12);
	sk_must(seL4_Untyped_Retype(used_untyped, 2, 0, ROOT, 0, 0, sk_slot_new(), 1));
	cnode = cnode_new(4);
}

/* Copy, Mint, Mutate and Move share the first checks. */
#define COPY_CHECKS(short_length)                                                                            \
	{"label 0", OUT(IllegalOperation), {LABEL(0)}},                                                      \
		{"an IRQ handler's label", OUT(IllegalOperation), {LABEL(IRQAckIRQ)}},                       \
		{"length 1", OUT(TruncatedMessage), {LENGTH(1)}}, SLOT_CHECKS(0, 1),                         \
		{"length 3", OUT(TruncatedMessage), {LENGTH(3)}},                                            \
		{"no source root", OUT(TruncatedMessage), {NCAPS(0)}},                                       \
		{"destination not empty", OUT(DeleteFirst), {ARG(0, full)}}, ROOT_CHECKS(1, 0, 3),           \
		{"source empty", FAILED(1, MissingCapability, 64), {ARG(2, unused + 7)}},                    \
	{                                                                                                    \
		"short of an argument", OUT(TruncatedMessage),                                               \
		{                                                                                            \
			LENGTH(short_length)                                                                 \
		}                                                                                            \
	}

static void order_of_checks(void)
{
	section("CNode_Copy", "invocations.md §6");
	CHECKS(REQUEST(ROOT, CNodeCopy, CAPS(ROOT), ARGS(unused, 64, ep, 64, 15)), COPY_CHECKS(4),
	       {"an unmapped table", OUT(IllegalOperation), {ARG(2, unmapped_table)}});
	TRY("IRQControl", OUT(IllegalOperation), ROOT, CNodeCopy, CAPS(ROOT), ARGS(unused, 64, 4, 64, 15));
	TRY("untyped with children", OUT(RevokeFirst), ROOT, CNodeCopy, CAPS(ROOT),
	    ARGS(unused, 64, used_untyped, 64, 15));
	TRY("destination occupied and source empty", OUT(DeleteFirst), ROOT, CNodeCopy, CAPS(ROOT),
	    ARGS(full, 64, unused, 64, 15));
	TRY("good, no rights", OUT(NoError), ROOT, CNodeCopy, CAPS(ROOT), ARGS(unused, 64, ep, 64, 0));
	is("a copy without rights is still there", unused, TYPE_ENDPOINT);
	cap_delete(unused);

	section("CNode_Mint", "invocations.md §6");
	CHECKS(REQUEST(ROOT, CNodeMint, CAPS(ROOT), ARGS(unused, 64, ep, 64, 15, 7)), COPY_CHECKS(5),
	       {"badge on a badged cap", OUT(IllegalOperation), {ARG(2, badged)}});
	TRY("badge 0 on a badged cap", OUT(IllegalOperation), ROOT, CNodeMint, CAPS(ROOT),
	    ARGS(unused, 64, badged, 64, 15, 0));
	TRY("untyped with children", OUT(RevokeFirst), ROOT, CNodeMint, CAPS(ROOT),
	    ARGS(unused, 64, used_untyped, 64, 15, 0));
	TRY("CNode of radix 4, guard size 61", OUT(IllegalOperation), ROOT, CNodeMint, CAPS(ROOT),
	    ARGS(unused, 64, cnode, 64, 15, 61));
	TRY("CNode of radix 4, guard size 60", OUT(NoError), ROOT, CNodeMint, CAPS(ROOT),
	    ARGS(unused, 64, cnode, 64, 15, 60));
	cap_delete(unused);
	TRY("badge 0 on an unbadged cap", OUT(NoError), ROOT, CNodeMint, CAPS(ROOT),
	    ARGS(unused, 64, ep, 64, 15, 0));
	TRY("then it can still be badged", OUT(NoError), ROOT, CNodeMint, CAPS(ROOT),
	    ARGS(unused + 1, 64, unused, 64, 15, 9));
	cap_delete(unused);
	cap_delete(unused + 1);
	TRY("data for a TCB is ignored", OUT(NoError), ROOT, CNodeMint, CAPS(ROOT),
	    ARGS(unused, 64, SELF, 64, 0, 99));
	cap_delete(unused);

	section("CNode_Mutate", "invocations.md §6");
	CHECKS(REQUEST(ROOT, CNodeMutate, CAPS(ROOT), ARGS(unused, 64, cnode, 64, 0)), COPY_CHECKS(4),
	       {"an endpoint", OUT(IllegalOperation), {ARG(2, ep)}});
	TRY("a notification", OUT(IllegalOperation), ROOT, CNodeMutate, CAPS(ROOT),
	    ARGS(unused, 64, note, 64, 0));
	TRY("a guard too big", OUT(IllegalOperation), ROOT, CNodeMutate, CAPS(ROOT),
	    ARGS(unused, 64, cnode, 64, 61));
	TRY("an unmapped table", OUT(NoError), ROOT, CNodeMutate, CAPS(ROOT),
	    ARGS(unused, 64, unmapped_table, 64, 0));
	is("the source is empty", unmapped_table, TYPE_NULL);
	cap_move(unmapped_table, unused);

	section("CNode_Move", "invocations.md §6");
	CHECKS(REQUEST(ROOT, CNodeMove, CAPS(ROOT), ARGS(unused, 64, ep, 64)),
	       {"label 0", OUT(IllegalOperation), {LABEL(0)}},
	       {"length 1", OUT(TruncatedMessage), {LENGTH(1)}}, SLOT_CHECKS(0, 1),
	       {"length 3", OUT(TruncatedMessage), {LENGTH(3)}},
	       {"no source root", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"destination not empty", OUT(DeleteFirst), {ARG(0, full)}}, ROOT_CHECKS(1, 0, 3),
	       {"source empty", FAILED(1, MissingCapability, 64), {ARG(2, unused + 7)}});
	TRY("length 4 is enough", OUT(NoError), ROOT, CNodeMove, CAPS(ROOT), ARGS(unused, 64, badged, 64));
	is("moved to", unused, TYPE_ENDPOINT);
	is("moved from", badged, TYPE_NULL);
	cap_move(badged, unused);
	TRY("onto itself", OUT(DeleteFirst), ROOT, CNodeMove, CAPS(ROOT), ARGS(ep, 64, ep, 64));
	TRY("IRQControl moves", OUT(NoError), ROOT, CNodeMove, CAPS(ROOT), ARGS(unused, 64, 4, 64));
	is("IRQControl moved", unused, TYPE_IRQ_CONTROL);
	cap_move(4, unused);
}

#define PLAIN_CHECKS                                                                                         \
	{"label 0", OUT(IllegalOperation), {LABEL(0)}}, {"length 1", OUT(TruncatedMessage), {LENGTH(1)}},    \
		SLOT_CHECKS(0, 1)

static void plain_methods(void)
{
	section("CNode_Revoke", "invocations.md §6");
	CHECKS(REQUEST(ROOT, CNodeRevoke, CAPS(), ARGS(unused, 64)), PLAIN_CHECKS);
	TRY("empty slot", OUT(NoError), ROOT, CNodeRevoke, CAPS(), ARGS(unused, 64));
	section("CNode_Delete", "invocations.md §6");
	CHECKS(REQUEST(ROOT, CNodeDelete, CAPS(), ARGS(unused, 64)), PLAIN_CHECKS);
	TRY("empty slot", OUT(NoError), ROOT, CNodeDelete, CAPS(), ARGS(unused, 64));
	section("CNode_SaveCaller", "invocations.md §6");
	CHECKS(REQUEST(ROOT, CNodeSaveCaller, CAPS(), ARGS(full, 64)), PLAIN_CHECKS,
	       {"destination not empty", OUT(DeleteFirst), {ARG(0, full)}});
	TRY("no reply pending", OUT(NoError), ROOT, CNodeSaveCaller, CAPS(), ARGS(unused, 64));
	is("no reply pending: still empty", unused, TYPE_NULL);

	section("CNode_CancelBadgedSends", "invocations.md §6");
	CHECKS(REQUEST(ROOT, CNodeCancelBadgedSends, CAPS(), ARGS(badged, 64)), PLAIN_CHECKS,
	       {"empty slot", OUT(IllegalOperation), {ARG(0, unused)}});
	TRY("a notification", OUT(IllegalOperation), ROOT, CNodeCancelBadgedSends, CAPS(), ARGS(note, 64));
	for (seL4_Word missing = 1; missing < 16; missing <<= 1) {
		char name[40];
		seL4_CPtr weak = sk_cap_mint(ep, (seL4_CapRights_t){{15 & ~missing}}, 5);
		snprintf(name, sizeof name, "rights %#lx", 15 & ~missing);
		TRY(name, OUT(IllegalOperation), ROOT, CNodeCancelBadgedSends, CAPS(), ARGS(weak, 64));
		sk_cap_delete(weak);
	}
	TRY("unbadged", OUT(NoError), ROOT, CNodeCancelBadgedSends, CAPS(), ARGS(ep, 64));
	TRY("badged", OUT(NoError), ROOT, CNodeCancelBadgedSends, CAPS(), ARGS(badged, 64));
}

static void rotation(void)
{
	section("CNode_Rotate", "invocations.md §6");
	seL4_CPtr a = cnode_new(1), b = cnode_new(2);
	/* dest index, depth, data for the pivot cap, pivot index, depth, data, source index, depth */
	struct request good =
		REQUEST(ROOT, CNodeRotate, CAPS(ROOT, ROOT), ARGS(unused, 64, 0, a, 64, 0, b, 64));
	CHECKS(good, {"label 0", OUT(IllegalOperation), {LABEL(0)}},
	       {"length 1", OUT(TruncatedMessage), {LENGTH(1)}}, SLOT_CHECKS(0, 1),
	       {"length 7", OUT(TruncatedMessage), {LENGTH(7)}},
	       {"one capability", OUT(TruncatedMessage), {NCAPS(1)}}, ROOT_CHECKS(1, 1, 7),
	       ROOT_CHECKS(1, 0, 4), {"pivot is source", OUT(IllegalOperation), {ARG(3, b)}},
	       {"pivot is destination", OUT(IllegalOperation), {ARG(0, unused), ARG(3, unused)}},
	       {"destination not empty", OUT(DeleteFirst), {ARG(0, full)}},
	       {"source empty", FAILED(1, MissingCapability, 64), {ARG(6, unused + 1)}},
	       {"pivot empty", FAILED(0, MissingCapability, 64), {ARG(3, unused + 2)}},
	       {"source is an endpoint", OUT(IllegalOperation), {ARG(6, ep)}},
	       {"pivot is an endpoint", OUT(IllegalOperation), {ARG(3, ep)}});
	TRY("pivot is a notification", OUT(IllegalOperation), ROOT, CNodeRotate, CAPS(ROOT, ROOT),
	    ARGS(unused, 64, 0, note, 64, 0, b, 64));
	TRY("guard data too big for the source", OUT(IllegalOperation), ROOT, CNodeRotate, CAPS(ROOT, ROOT),
	    ARGS(unused, 64, 0, a, 64, 63, b, 64));
	TRY("good", OUT(NoError), good.object, good.label, CAPS(ROOT, ROOT),
	    ARGS(unused, 64, 0, a, 64, 0, b, 64));
	is("pivot to destination", unused, TYPE_CNODE);
	is("source's slot is empty", b, TYPE_NULL);
	TRY("source to pivot (radix 2: slot 3 of 2 bits)", OUT(NoError), a, CNodeDelete, CAPS(), ARGS(3, 2));
	TRY("pivot's at the destination (radix 1)", FAILED(0, DepthMismatch, 2, 0), unused, CNodeDelete,
	    CAPS(), ARGS(3, 3));
	TRY("swap: source is destination", OUT(NoError), ROOT, CNodeRotate, CAPS(ROOT, ROOT),
	    ARGS(unused, 64, 0, a, 64, 0, unused, 64));
	TRY("swapped", OUT(NoError), unused, CNodeDelete, CAPS(), ARGS(3, 2));
	cap_delete(unused);
}

/* A CNode of radix 4 behind a guard of 4 bits 0xA: the measured table. */
static void lookup(void)
{
	section("lookup", "invocations.md §13, capabilities.md §4");
	seL4_CPtr guarded = sk_cap_mint(cnode, seL4_AllRights, seL4_CNode_CapData_new(0xa, 4).words[0]);
	TRY("an endpoint into slot 4", OUT(NoError), cnode, CNodeCopy, CAPS(ROOT), ARGS(4, 4, ep, 64, 15));
	TRY("depth 8, index 0xA4", OUT(NoError), ROOT, CNodeCopy, CAPS(guarded),
	    ARGS(unused, 64, 0xa4, 8, 15));
	cap_delete(unused);
	TRY("index bits above the depth are ignored", OUT(NoError), ROOT, CNodeCopy, CAPS(guarded),
	    ARGS(unused, 64, 0xfffa4, 8, 15));
	cap_delete(unused);
	TRY("source: depth 8, index 0xB4", FAILED(1, GuardMismatch, 8, 0xa, 4), ROOT, CNodeCopy,
	    CAPS(guarded), ARGS(unused, 64, 0xb4, 8, 15));
	TRY("depth 8, index 0xB4", FAILED(0, GuardMismatch, 8, 0xa, 4), guarded, CNodeDelete, CAPS(),
	    ARGS(0xb4, 8));
	TRY("depth 6, index 0x2A", FAILED(0, DepthMismatch, 6, 8), guarded, CNodeDelete, CAPS(),
	    ARGS(0x2a, 6));
	TRY("depth 12, index 0xA47", FAILED(0, DepthMismatch, 4, 0), guarded, CNodeDelete, CAPS(),
	    ARGS(0xa47, 12));
	TRY("depth 12, at an empty slot", FAILED(0, DepthMismatch, 4, 0), guarded, CNodeDelete, CAPS(),
	    ARGS(0xa57, 12));
	TRY("depth 2", FAILED(0, GuardMismatch, 2, 0xa, 4), guarded, CNodeDelete, CAPS(), ARGS(2, 2));
	TRY("root: depth 10", FAILED(0, GuardMismatch, 10, 0, ROOT_GUARD), ROOT, CNodeDelete, CAPS(),
	    ARGS(unused, 10));
	TRY("root: wrong guard bits", FAILED(0, GuardMismatch, 64, 0, ROOT_GUARD), ROOT, CNodeDelete, CAPS(),
	    ARGS(LIBSEL4_BIT(ROOT_BITS), 64));
	TRY("root: depth is all of the word, not 8 bits", OUT(RangeError, 1, 64), ROOT, CNodeDelete, CAPS(),
	    ARGS(unused, 0x140));

	seL4_CPtr far = sk_cap_mint(cnode, seL4_AllRights, seL4_CNode_CapData_new(5, 60).words[0]);
	TRY("worked example: guard (5, 60), index 0x53", OUT(NoError), far, CNodeCopy, CAPS(ROOT),
	    ARGS(0x53, 64, note, 64, 15));
	TRY("it is slot 3", OUT(DeleteFirst), cnode, CNodeCopy, CAPS(ROOT), ARGS(3, 4, note, 64, 15));
	TRY("other index", FAILED(0, GuardMismatch, 64, 5, 60), far, CNodeDelete, CAPS(), ARGS(0x63, 64));

	/* Two levels: root slot `outer` of radix 4, its slot 2 a CNode of radix 4 with guard 0b1 of 1 bit. */
	seL4_CPtr outer = cnode_new(4), inner = cnode_new(4);
	sk_must(seL4_CNode_Mint(outer, 2, 4, ROOT, inner, 64, seL4_AllRights,
				seL4_CNode_CapData_new(1, 1).words[0]));
	TRY("two levels", OUT(NoError), outer, CNodeCopy, CAPS(ROOT),
	    ARGS(2 << 5 | 1 << 4 | 7, 9, ep, 64, 15));
	TRY("is the inner one's slot", OUT(DeleteFirst), inner, CNodeCopy, CAPS(ROOT),
	    ARGS(7, 4, ep, 64, 15));
	TRY("second level's guard", FAILED(0, GuardMismatch, 5, 1, 1), outer, CNodeDelete, CAPS(),
	    ARGS(2 << 5 | 7, 9));
	TRY("second level's depth", FAILED(0, DepthMismatch, 3, 5), outer, CNodeDelete, CAPS(),
	    ARGS(2 << 3 | 7, 7));
	TRY("ends at the first level", OUT(DeleteFirst), outer, CNodeCopy, CAPS(ROOT),
	    ARGS(2, 4, ep, 64, 15));
	TRY("third level is an endpoint", FAILED(0, DepthMismatch, 6, 0), outer, CNodeDelete, CAPS(),
	    ARGS((2 << 5 | 1 << 4 | 7) << 6, 15));
	TRY("mutated guard", OUT(NoError), ROOT, CNodeMutate, CAPS(ROOT),
	    ARGS(unused, 64, guarded, 64, seL4_CNode_CapData_new(3, 2).words[0]));
	TRY("new guard counts", OUT(NoError), unused, CNodeDelete, CAPS(), ARGS(0x34, 6));
	TRY("old guard does not", FAILED(0, GuardMismatch, 8, 3, 2), unused, CNodeDelete, CAPS(),
	    ARGS(0xa4, 8));
	cap_delete(unused);
	TRY("a guard with bits above its size", OUT(NoError), ROOT, CNodeMint, CAPS(ROOT),
	    ARGS(unused, 64, cnode, 64, 15, 0xfaul << 6 | 4));
	TRY("those bits do not count", OUT(NoError), unused, CNodeDelete, CAPS(), ARGS(0xa4, 8));
}

/* What the lookup of an address reports; the handler is a slot that can be found. */
static void cap_fault_of(const char *name, struct peer *peer, seL4_CPtr fault_ep, seL4_CPtr address,
			 seL4_Word length, seL4_Word type, seL4_Word left, seL4_Word second, seL4_Word third)
{
	peer_trap(peer, seL4_SysSend, address, INFO(0, 0, 0), 0, 0);
	struct received f = poll(fault_ep);
	check(name, f.came && f.label == 1 && f.length == length && f.mr[1] == address && f.mr[3] == type &&
			    seL4_GetMR(4) == left && seL4_GetMR(5) == second &&
			    (length < 7 || seL4_GetMR(6) == third));
}

static void cap_faults(void)
{
	seL4_CPtr fault_ep = sk_endpoint_new(), level0 = cnode_new(4), level1 = cnode_new(4);
	struct peer peer;

	section("CapFault", "capabilities.md §4, types.md §6.1, 7.1");
	sk_must(seL4_CNode_Copy(level0, 1, 4, ROOT, fault_ep, 64, seL4_AllRights));
	sk_must(seL4_CNode_Mint(level0, 2, 4, ROOT, level1, 64, seL4_AllRights, 0));
	sk_must(seL4_CNode_Mint(level0, 3, 4, ROOT, level1, 64, seL4_AllRights,
				seL4_CNode_CapData_new(1, 2).words[0]));
	peer_new(&peer, HIGH, 0);
	/* guard 58 bits of 0, radix 4: 2 bits are left */
	sk_must(seL4_TCB_SetSpace(peer.thread.tcb, 1 << 2, level0, 58, VSPACE, 0));
	sk_must(seL4_CNode_Copy(level0, 5, 4, ROOT, peer.thread.tcb, 64, seL4_AllRights));
	peer.own_tcb = 5 << 2;
	cap_fault_of("depth mismatch at the second level", &peer, fault_ep, 2 << 2, 6, 3, 2, 4, 0);
	cap_fault_of("depth mismatch after a guard that matches", &peer, fault_ep, 3 << 2 | 1, 6, 3, 2, 6, 0);
	cap_fault_of("guard mismatch at the second level", &peer, fault_ep, 3 << 2 | 2, 7, 4, 2, 1, 2);
	cap_fault_of("guard mismatch at the first level", &peer, fault_ep, 1ul << 63 | 1 << 2, 7, 4, 64, 0,
		     58);
	peer_trap(&peer, seL4_SysRecv, 4 << 2, INFO(0, 0, 0), 0, 0);
	struct received f = poll(fault_ep);
	check("an empty slot, received from: 0 bits left",
	      f.length == 5 && f.mr[2] == 1 && f.mr[3] == 2 && seL4_GetMR(4) == 0);
	peer_trap(&peer, seL4_SysNBSend, 1 << 2 | 3, INFO(5, 0, 0), 0, 0);
	check("two bits left at an endpoint: found (nobody waits)", !poll(fault_ep).came);
	sk_thread_delete(&peer.thread);
}

static void rights(void)
{
	static const seL4_Word masks[] = {15, 14, 13, 11, 7, 3, 0};
	seL4_CPtr from, to;
	char name[60];

	/* CancelBadgedSends wants all four rights: whether any was lost. */
	section("rights", "capabilities.md §3.1");
	for (unsigned i = 0; i < LENGTH_OF(masks); i++) {
		from = sk_cap_mint(ep, (seL4_CapRights_t){{masks[i]}}, 0);
		to = sk_cap_mint(from, seL4_AllRights, 5);
		snprintf(name, sizeof name, "%#lx is never raised by a copy", masks[i]);
		try(name,
		    masks[i] == 15 ? (struct outcome)OUT(NoError) : (struct outcome)OUT(IllegalOperation),
		    REQUEST(ROOT, CNodeCancelBadgedSends, CAPS(), ARGS(to, 64)));
		sk_cap_delete(from);
		sk_cap_delete(to);
	}
	to = sk_cap_mint(ep, (seL4_CapRights_t){{~0ul}}, 5);
	TRY("bits above the fourth are ignored", OUT(NoError), ROOT, CNodeCancelBadgedSends, CAPS(),
	    ARGS(to, 64));
	sk_cap_delete(to);
	to = sk_cap_mint(SELF, seL4_NoRights, 0);
	TRY("a TCB has no rights to lose", OUT(NoError), to, TCBSetMCPriority, CAPS(to), ARGS(255));
	sk_cap_delete(to);
}

/* cptr lookups: leftover bits are ignored, and the failure is a CapFault's (syscall.c). */
static void identify(void)
{
	section("cptr lookup", "capabilities.md §4, debug-and-benchmark.md §1");
	seL4_CPtr root4 = cnode_new(4);
	struct peer peer;
	sk_must(seL4_CNode_Copy(root4, 5, 4, ROOT, note, 64, seL4_AllRights));
	peer_new(&peer, HIGH, 0);
	sk_must(seL4_CNode_Copy(root4, 6, 4, ROOT, peer.thread.tcb, 64, seL4_AllRights));
	peer.own_tcb = 6ul << 60;
	sk_must(seL4_TCB_SetSpace(peer.thread.tcb, 0, root4, 0, VSPACE, 0));
	peer_trap(&peer, seL4_SysDebugCapIdentify, 0x5ful << 56, INFO(0, 0, 0), 0, 0);
	equal("56 bits left over after slot 5", peer.out.cap_or_badge, TYPE_NOTIFICATION);
	peer_trap(&peer, seL4_SysSend, 5ul << 60, INFO(0, 0, 0), 0, 0);
	check("signal through it", peer.done == 1);
	struct received r = poll(note);
	equal("signal arrived, badge 0", r.badge, 0);
	peer_trap(&peer, seL4_SysDebugCapIdentify, 5, INFO(0, 0, 0), 0, 0);
	equal("cptr 5 is slot 0 there", peer.out.cap_or_badge, TYPE_NULL);
	is("a failed lookup", LIBSEL4_BIT(ROOT_BITS) | ep, TYPE_NULL);
	sk_thread_delete(&peer.thread);
}

int main(void)
{
	conform_begin("cnode");
	setup();
	order_of_checks();
	plain_methods();
	rotation();
	lookup();
	identify();
	cap_faults();
	rights();
	return conform_end();
}
