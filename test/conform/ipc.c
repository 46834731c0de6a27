/* Messages: lengths, badges, rights, capability transfer, reply capabilities, cancelling, queues. */
#include "conform.h"

static seL4_CPtr ep, fault_ep, ep_grant_reply, ep_no_grant, ep_read, place;
static struct peer a, b, c;

static void setup(void)
{
	ep = sk_endpoint_new();
	fault_ep = sk_endpoint_new();
	ep_grant_reply = sk_cap_mint(ep, (seL4_CapRights_t){{1 | 8}}, 0x71);
	ep_no_grant = sk_cap_mint(ep, seL4_ReadWrite, 0x72);
	ep_read = sk_cap_mint(ep, seL4_CanRead, 0);
	place = sk_slot_new();
	peer_new(&a, HIGH, fault_ep);
	peer_new(&b, HIGH, fault_ep);
	peer_new(&c, HIGH, fault_ep);
	a.letter = 'a', b.letter = 'b', c.letter = 'c';
	seL4_SetCapReceivePath(ROOT, place, 64);
}

/* --- lengths --------------------------------------------------------------------------------------- */

static void fill(seL4_IPCBuffer *buffer, seL4_Word first)
{
	for (unsigned i = 0; i < 120; i++)
		buffer->msg[i] = first + i;
}

/* Words 4.. of a message of this length arrived, and no more. */
static bool arrived(const seL4_IPCBuffer *buffer, seL4_Word length, seL4_Word first, seL4_Word rest)
{
	for (unsigned i = 4; i < 120; i++) {
		if (buffer->msg[i] != (i < length ? first : rest) + i)
			return false;
	}
	return true;
}

static void lengths(void)
{
	static const seL4_Word sizes[] = {0, 1, 2, 3, 4, 5, 6, 64, 119, 120, 121, 125, 127};
	char name[80];

	section("length", "ipc.md §2.4, types.md §1");
	for (unsigned i = 0; i < LENGTH_OF(sizes); i++) {
		seL4_Word want = sizes[i] > 120 ? 120 : sizes[i];
		/* We receive from a blocked sender. */
		fill(a.thread.ipc_buffer, 0x1000);
		peer_trap(&a, seL4_SysSend, ep, INFO(0xabc, 0, sizes[i]), 0x111, 0x222);
		fill(seL4_GetIPCBuffer(), 0x2000);
		struct sel4_registers r = trap(seL4_SysRecv, ep, 0, 7, 8);
		snprintf(name, sizeof name, "%lu sent to one who receives", sizes[i]);
		check(name, r.info == INFO(0xabc, 0, want).words[0] && r.mr[0] == (want > 0 ? 0x111 : 7) &&
				    r.mr[1] == (want > 1 ? 0x222 : 8) && r.mr[2] == 0x333 &&
				    arrived(seL4_GetIPCBuffer(), want, 0x1000, 0x2000));
		/* A blocked receiver, and a reply. */
		fill(a.thread.ipc_buffer, 0x3000);
		peer_trap(&a, seL4_SysRecv, ep, INFO(0, 0, 0), 7, 8);
		fill(seL4_GetIPCBuffer(), 0x4000);
		trap(seL4_SysSend, ep, INFO(0xfffffffffffff, 0, sizes[i]).words[0], 0x111, 0x222);
		snprintf(name, sizeof name, "%lu sent to one who waits", sizes[i]);
		check(name, a.done && a.out.info == INFO(0xfffffffffffff, 0, want).words[0] &&
				    a.out.mr[0] == (want > 0 ? 0x111 : 7) &&
				    arrived(a.thread.ipc_buffer, want, 0x4000, 0x3000));
		fill(a.thread.ipc_buffer, 0x5000);
		peer_trap(&a, seL4_SysCall, ep, INFO(0, 0, 0), 7, 8);
		fill(seL4_GetIPCBuffer(), 0x6000);
		trap(seL4_SysRecv, ep, 0, 0, 0);
		trap(seL4_SysReply, 0, INFO(1, 0, sizes[i]).words[0], 0x111, 0x222);
		snprintf(name, sizeof name, "%lu replied", sizes[i]);
		check(name, a.done && a.out.info == INFO(1, 0, want).words[0] && a.out.cap_or_badge == 0 &&
				    a.out.mr[1] == (want > 1 ? 0x222 : 8) &&
				    arrived(a.thread.ipc_buffer, want, 0x6000, 0x5000));
	}

	section("length without IPC buffer", "ipc.md §2.4");
	sk_must(seL4_TCB_SetIPCBuffer(b.thread.tcb, 0, 0));
	peer_trap(&b, seL4_SysSend, ep, INFO(1, 0, 9), 1, 2);
	equal("from one without", poll(ep).length, 4);
	peer_trap(&b, seL4_SysRecv, ep, INFO(1, 0, 9), 1, 2);
	trap(seL4_SysSend, ep, INFO(1, 1, 9).words[0], 0, 0);
	equal("to one without, nor caps", b.out.info, INFO(1, 0, 4).words[0]);
	sk_must(seL4_TCB_SetIPCBuffer(b.thread.tcb, (seL4_Word)b.thread.ipc_buffer, b.thread.ipc_frame));
	seL4_CPtr read_only = sk_cap_mint(b.thread.ipc_frame, seL4_CanRead, 0);
	sk_must(seL4_TCB_SetIPCBuffer(b.thread.tcb, (seL4_Word)b.thread.ipc_buffer, read_only));
	peer_trap(&b, seL4_SysSend, ep, INFO(1, 0, 9), 1, 2);
	equal("from one with a read-only buffer", poll(ep).length, 9);
	peer_trap(&b, seL4_SysRecv, ep, INFO(1, 0, 9), 1, 2);
	trap(seL4_SysSend, ep, INFO(1, 0, 9).words[0], 0, 0);
	equal("to one with a read-only buffer", peer_length(&b), 4);
	sk_must(seL4_TCB_SetIPCBuffer(b.thread.tcb, (seL4_Word)b.thread.ipc_buffer, b.thread.ipc_frame));
}

/* The buffer is found by its frame's capability and the low bits of its address, not by page tables. */
static void buffers(void)
{
	seL4_CPtr frame, other = sk_object_new(seL4_RISCV_Mega_Page, 0);
	char *window = sk_pages_new(1, &frame);
	seL4_CPtr copy = sk_cap_copy(frame);

	section("IPC buffer", "types.md §4");
	for (seL4_Word offset = 0; offset < 4096; offset += 1024) {
		fill((seL4_IPCBuffer *)(window + offset), offset);
		sk_must(seL4_TCB_SetIPCBuffer(b.thread.tcb, 0x123000 + offset, copy));
		peer_trap(&b, seL4_SysSend, ep, INFO(1, 0, 120), 1, 2);
		fill(seL4_GetIPCBuffer(), 0x2000);
		equal("each quarter of a page that is mapped nowhere there", poll(ep).length, 120);
		check("its words", arrived(seL4_GetIPCBuffer(), 120, offset, 0));
	}
	sk_must(seL4_TCB_SetIPCBuffer(b.thread.tcb, 0x155400, other));
	peer_trap(&b, seL4_SysSend, ep, INFO(1, 0, 120), 1, 2);
	fill(seL4_GetIPCBuffer(), 0x2000);
	equal("inside a 2 MiB page", poll(ep).length, 120);
	check("its words are 0", seL4_GetMR(4) == 0 && seL4_GetMR(119) == 0);
	sk_must(seL4_TCB_SetIPCBuffer(b.thread.tcb, 0x123000, copy));
	sk_must(cap_delete(copy));
	peer_trap(&b, seL4_SysSend, ep, INFO(1, 0, 120), 1, 2);
	equal("the given capability deleted: the thread has its own", poll(ep).length, 120);
	copy = sk_cap_copy(frame);
	sk_must(cap_revoke(frame));
	peer_trap(&b, seL4_SysSend, ep, INFO(1, 0, 120), 1, 2);
	equal("the original revoked: no buffer", poll(ep).length, 4);
	sk_must(seL4_TCB_SetIPCBuffer(b.thread.tcb, (seL4_Word)b.thread.ipc_buffer, b.thread.ipc_frame));
}

/* --- badges and grant -------------------------------------------------------------------------------- */

static void badges_and_grants(void)
{
	section("badges", "syscalls.md §3.2");
	static const seL4_Word badges[] = {1, 0x8000000000000000, 0xffffffffffffffff, 0x123456789abcdef0};
	for (unsigned i = 0; i < LENGTH_OF(badges); i++) {
		seL4_CPtr cap = sk_cap_mint(ep, seL4_AllRights, badges[i]);
		peer_trap(&a, seL4_SysSend, cap, INFO(0, 0, 0), 0, 0);
		equal("64 bits of badge", poll(ep).badge, badges[i]);
		sk_cap_delete(cap);
	}
	peer_trap(&a, seL4_SysSend, ep, INFO(7, 0, 0), 0, 0);
	struct received r = poll(ep);
	check("none: 0", r.came && r.badge == 0 && r.label == 7);

	section("grant", "ipc.md §2.3, 8, capabilities.md §8");
	peer_trap(&a, seL4_SysCall, ep_no_grant, INFO(1, 0, 0), 0, 0);
	r = poll(ep);
	check("Call with neither right: delivered", r.came && r.badge == 0x72);
	trap(seL4_SysReply, 0, 0, 0, 0);
	check("Call with neither right: never replied to", !a.done);
	sk_must(seL4_CNode_SaveCaller(ROOT, place, 64));
	is("Call with neither right: no reply capability", place, TYPE_NULL);
	sk_must(seL4_TCB_Resume(a.thread.tcb));
	check("Call with neither right: resumed, it calls again", poll(ep).badge == 0x72);
	peer_trap(&a, seL4_SysCall, ep_grant_reply, INFO(1, 0, 0), 0, 0);
	check("Call with GrantReply: delivered", poll(ep).badge == 0x71);
	trap(seL4_SysReply, 0, INFO(3, 0, 0).words[0], 0, 0);
	check("Call with GrantReply: replied to", a.done && peer_label(&a) == 3 && a.out.cap_or_badge == 0);
	trap(seL4_SysReply, 0, INFO(4, 0, 0).words[0], 0, 0);
	check("the reply capability is used up", a.done == 1 && peer_label(&a) == 3);
}

/* --- capability transfer ------------------------------------------------------------------------------- */

/* a sends three words of capabilities to us; what our info and words say. */
static void transfer(const char *what, seL4_CPtr through, seL4_CPtr c0, seL4_CPtr c1, seL4_CPtr c2,
		     seL4_Word count, seL4_Word extra, seL4_Word unwrapped, seL4_Word inserted, bool blocked)
{
	char name[120];
	struct sel4_registers r;
	seL4_IPCBuffer *buffer = seL4_GetIPCBuffer();

	cap_delete(place);
	a.thread.ipc_buffer->caps_or_badges[0] = c0;
	a.thread.ipc_buffer->caps_or_badges[1] = c1;
	a.thread.ipc_buffer->caps_or_badges[2] = c2;
	/* Blocked, it waits; else it is lower than we and sends when we wait. */
	sk_must(seL4_TCB_SetPriority(a.thread.tcb, SELF, blocked ? HIGH : LOW));
	peer_trap(&a, seL4_SysSend, through, (seL4_MessageInfo_t){{count << 7 | 7 << 9}}, 0, 0);
	for (unsigned i = 0; i < 3; i++)
		buffer->caps_or_badges[i] = 0xe0 + i;
	r = trap(seL4_SysRecv, ep, 0, 0, 0);
	bool words = true;
	for (unsigned i = 0; i < 3; i++)
		words = words && buffer->caps_or_badges[i] == (unwrapped >> i & 1 ? 0x55 : 0xe0 + i);
	sk_must(seL4_TCB_SetPriority(a.thread.tcb, SELF, HIGH));
	snprintf(name, sizeof name, "%s, %s: info", what, blocked ? "sender waits" : "receiver waits");
	equal(name, r.info, unwrapped << 9 | extra << 7);
	snprintf(name, sizeof name, "%s, %s: inserted", what, blocked ? "sender waits" : "receiver waits");
	is(name, place, inserted);
	snprintf(name, sizeof name, "%s, %s: badges", what, blocked ? "sender waits" : "receiver waits");
	check(name, words);
}

static void transfers(void)
{
	seL4_CPtr own = sk_cap_mint(ep, seL4_NoRights, 0x55), cnode = cnode_new(2), other = sk_endpoint_new();
	seL4_CPtr empty = sk_slot_new(), table = sk_object_new(seL4_RISCV_PageTableObject, 0);
	seL4_CPtr frame = sk_frame_new();

	for (int blocked = 0; blocked < 2; blocked++) {
		section("capability transfer", "capabilities.md §7, ipc.md §8");
		transfer("none", ep, own, cnode, own, 0, 0, 0, TYPE_NULL, blocked);
		transfer("no grant", ep_no_grant, own, cnode, own, 3, 0, 0, TYPE_NULL, blocked);
		transfer("only GrantReply", ep_grant_reply, own, cnode, own, 3, 0, 0, TYPE_NULL, blocked);
		transfer("one", ep, cnode, own, own, 1, 1, 0, TYPE_CNODE, blocked);
		transfer("unwrapped one", ep, own, cnode, own, 1, 1, 1, TYPE_NULL, blocked);
		transfer("measured: own, CNode, own", ep, own, cnode, own, 3, 3, 5, TYPE_CNODE, blocked);
		transfer("measured: CNode, CNode, own", ep, cnode, cnode, own, 3, 1, 0, TYPE_CNODE, blocked);
		transfer("measured: empty, endpoint, CNode", ep, empty, own, cnode, 3, 0, 0, TYPE_NULL,
			 blocked);
		transfer("three unwrapped", ep, own, own, own, 3, 3, 7, TYPE_NULL, blocked);
		transfer("another endpoint", ep, other, own, own, 2, 2, 2, TYPE_ENDPOINT, blocked);
		transfer("unmapped table", ep, table, own, own, 3, 0, 0, TYPE_NULL, blocked);
		transfer("IRQControl after own", ep, own, seL4_CapIRQControl, own, 3, 1, 1, TYPE_NULL,
			 blocked);
		transfer("a frame", ep, frame, own, cnode, 2, 2, 2, TYPE_FRAME, blocked);
		seL4_SetCapReceivePath(0, 0, 0);
		section("capability transfer, no receive slot", "capabilities.md §7, ipc.md §8");
		transfer("measured: own, CNode", ep, own, cnode, own, 2, 1, 1, TYPE_NULL, blocked);
		transfer("CNode first", ep, cnode, own, own, 3, 0, 0, TYPE_NULL, blocked);
		seL4_SetCapReceivePath(ROOT, ep, 64);
		transfer("slot not empty", ep, own, cnode, own, 2, 1, 1, TYPE_NULL, blocked);
		seL4_SetCapReceivePath(ROOT, place, 0);
		transfer("depth 0", ep, cnode, own, own, 1, 0, 0, TYPE_NULL, blocked);
		seL4_SetCapReceivePath(ROOT, place, 10);
		transfer("depth 10", ep, cnode, own, own, 1, 0, 0, TYPE_NULL, blocked);
		seL4_SetCapReceivePath(SELF, place, 64);
		transfer("in a TCB", ep, cnode, own, own, 1, 0, 0, TYPE_NULL, blocked);
		seL4_SetCapReceivePath(ROOT, place, 64);
	}
	/* Rights and parentage of what was inserted. */
	section("inserted capability", "capabilities.md §7");
	seL4_CPtr mine = sk_cap_mint(other, seL4_CanWrite, 0x99);
	transfer("rights", ep, mine, 0, 0, 1, 1, 0, TYPE_ENDPOINT, true);
	peer_trap(&b, seL4_SysNBRecv, place, INFO(0, 0, 0), 0, 0);
	check("it has no right that the sender's had not", !b.done && poll(fault_ep).label == 1);
	peer_trap(&b, seL4_SysSend, place, INFO(0, 0, 0), 0, 0);
	equal("it has its badge", poll(other).badge, 0x99);
	sk_must(cap_revoke(other));
	is("it is a child of the sender's original", place, TYPE_NULL);

	section("capabilities in replies", "capabilities.md §7-8, ipc.md §8");
	a.thread.ipc_buffer->receiveCNode = ROOT;
	a.thread.ipc_buffer->receiveIndex = place;
	a.thread.ipc_buffer->receiveDepth = 64;
	for (int grant = 0; grant < 2; grant++) {
		peer_trap(&a, seL4_SysCall, ep, INFO(0, 0, 0), 0, 0);
		trap(seL4_SysRecv, grant ? ep : ep_read, 0, 0, 0);
		seL4_SetCap(0, cnode);
		trap(seL4_SysReply, 0, INFO(0, 1, 0).words[0], 0, 0);
		equal(grant ? "received with Grant: info" : "received without Grant: info", a.out.info,
		      grant ? 1 << 7 : 0);
		is(grant ? "received with Grant: inserted" : "received without Grant: not inserted", place,
		   grant ? TYPE_CNODE : TYPE_NULL);
		cap_delete(place);
	}
	peer_trap(&a, seL4_SysCall, ep, INFO(0, 0, 0), 0, 0);
	trap(seL4_SysRecv, ep, 0, 0, 0);
	seL4_SetCap(0, own);
	trap(seL4_SysReply, 0, INFO(0, 1, 0).words[0], 0, 0);
	equal("the endpoint's own capability is not unwrapped: info", a.out.info, 1 << 7);
	is("the endpoint's own capability is inserted", place, TYPE_ENDPOINT);
	cap_delete(place);
}

/* --- replies --------------------------------------------------------------------------------------- */

static void replies(void)
{
	section("saved reply", "ipc.md §8, capabilities.md §8");
	seL4_CPtr moved = sk_slot_new();
	peer_trap(&a, seL4_SysCall, ep, INFO(1, 0, 0), 0, 0);
	trap(seL4_SysRecv, ep, 0, 0, 0);
	sk_must(seL4_CNode_SaveCaller(ROOT, place, 64));
	sk_must(cap_move(moved, place));
	struct sel4_registers r = trap(seL4_SysCall, moved, INFO(77, 0, 0).words[0], 0, 0);
	check("Call on it: the client has the label, badge 0",
	      a.done && peer_label(&a) == 77 && !a.out.cap_or_badge);
	check("Call on it: an empty success", r.info == 0 && r.cap_or_badge == 0);
	is("used up", moved, TYPE_NULL);
	peer_trap(&a, seL4_SysCall, ep, INFO(1, 0, 0), 0, 0);
	trap(seL4_SysRecv, ep, 0, 0, 0);
	sk_must(seL4_CNode_SaveCaller(ROOT, place, 64));
	trap(seL4_SysReply, 0, INFO(1, 0, 0).words[0], 0, 0);
	check("saved, the caller slot is empty", !a.done);
	peer_trap(&b, seL4_SysCall, ep, INFO(2, 0, 0), 0, 0);
	trap(seL4_SysRecv, ep, 0, 0, 0);
	check("the saved one survives another Recv", seL4_DebugCapIdentify(place) == TYPE_REPLY);
	trap(seL4_SysNBSend, place, INFO(78, 0, 0).words[0], 0, 0);
	check("NBSend on it replies", a.done && peer_label(&a) == 78 && !b.done);
	trap(seL4_SysReply, 0, INFO(79, 0, 0).words[0], 0, 0);
	check("the other is replied to", b.done && peer_label(&b) == 79);

	section("dropped reply", "syscalls.md §3.2, ipc.md §8");
	peer_trap(&a, seL4_SysCall, ep, INFO(1, 0, 0), 0, 0);
	trap(seL4_SysRecv, ep, 0, 0, 0);
	trap(seL4_SysNBRecv, ep, 0, 0, 0);
	trap(seL4_SysReply, 0, 0, 0, 0);
	check("Recv, NBRecv, Reply: never resumed", !a.done);
	seL4_CPtr note = sk_notification_new();
	peer_trap(&a, seL4_SysCall, ep, INFO(1, 0, 0), 0, 0);
	trap(seL4_SysRecv, ep, 0, 0, 0);
	trap(seL4_SysNBRecv, note, 0, 0, 0);
	trap(seL4_SysReply, 0, 0, 0, 0);
	check("NBRecv of a notification keeps it", a.done);

	section("ReplyRecv", "syscalls.md §3.3");
	peer_trap(&a, seL4_SysCall, ep, INFO(1, 0, 0), 0, 0);
	trap(seL4_SysRecv, ep, 0, 0, 0);
	peer_trap(&b, seL4_SysCall, ep_grant_reply, INFO(2, 0, 1), 0x42, 0);
	r = trap(seL4_SysReplyRecv, ep, INFO(5, 0, 2).words[0], 0x11, 0x12);
	check("replies", a.done && a.out.info == INFO(5, 0, 2).words[0] && a.out.mr[1] == 0x12);
	check("and receives", r.cap_or_badge == 0x71 && r.info == INFO(2, 0, 1).words[0] && r.mr[0] == 0x42);
	trap(seL4_SysReply, 0, 0, 0, 0);
	peer_trap(&a, seL4_SysSend, ep, INFO(3, 0, 0), 0, 0);
	r = trap(seL4_SysReplyRecv, ep, INFO(5, 0, 2).words[0], 0, 0);
	check("nobody to reply to: receives", a.done && r.info == INFO(3, 0, 0).words[0]);
	peer_trap(&a, seL4_SysReplyRecv, ep, INFO(0, 0, 0), 0, 0);
	check("blocks", !a.done);
}

/* --- cancelling and queues ----------------------------------------------------------------------------- */

static void cancelling(void)
{
	seL4_CPtr badged[4];

	section("CancelBadgedSends", "ipc.md §2.5, 8");
	for (unsigned i = 0; i < 4; i++)
		badged[i] = sk_cap_mint(ep, seL4_AllRights, 10 + i);
	peer_trap(&a, seL4_SysCall, badged[0], INFO(0, 0, 0), 0, 0);
	peer_trap(&b, seL4_SysCall, badged[1], INFO(0, 0, 0), 0, 0);
	peer_trap(&c, seL4_SysCall, badged[2], INFO(0, 0, 0), 0, 0);
	sk_must(seL4_CNode_CancelBadgedSends(ROOT, badged[1], 64));
	seL4_Word order[3] = {poll(ep).badge, poll(ep).badge, poll(ep).badge};
	check("the middle one of three calls again and is last",
	      order[0] == 10 && order[1] == 12 && order[2] == 11);
	peer_trap(&a, seL4_SysCall, badged[0], INFO(0, 0, 0), 0, 0);
	sk_must(cap_delete(badged[0]));
	seL4_CPtr again = sk_cap_mint(ep, seL4_AllRights, 10);
	sk_must(seL4_CNode_CancelBadgedSends(ROOT, again, 64));
	check("its capability gone, the call fails", a.done && peer_label(&a) == 2);
	peer_trap(&a, seL4_SysRecv, ep, INFO(0, 0, 0), 0, 0);
	sk_must(seL4_CNode_CancelBadgedSends(ROOT, again, 64));
	check("receivers are left alone", !a.done);
	trap(seL4_SysNBSend, ep, INFO(5, 0, 0).words[0], 0, 0);
	check("and still there", a.done && peer_label(&a) == 5);

	section("suspend and resume", "ipc.md §2.5");
	peer_trap(&a, seL4_SysSend, badged[1], INFO(0, 0, 1), 1, 0);
	sk_must(seL4_TCB_Suspend(a.thread.tcb));
	check("a suspended sender has left the queue", !poll(ep).came);
	sk_must(seL4_TCB_Resume(a.thread.tcb));
	check("resumed, it sends again", poll(ep).badge == 11);
	peer_trap(&a, seL4_SysRecv, ep, INFO(0, 0, 0), 1, 0);
	sk_must(seL4_TCB_Suspend(a.thread.tcb));
	trap(seL4_SysNBSend, ep, INFO(5, 0, 0).words[0], 0, 0);
	check("a suspended receiver has left the queue", !a.done);
	sk_must(seL4_TCB_Resume(a.thread.tcb));
	trap(seL4_SysNBSend, ep, INFO(6, 0, 0).words[0], 0, 0);
	check("resumed, it receives again", a.done && peer_label(&a) == 6);
	peer_trap(&a, seL4_SysCall, badged[1], INFO(0, 0, 1), 1, 0);
	peer_trap(&b, seL4_SysCall, badged[2], INFO(0, 0, 1), 1, 0);
	sk_must(seL4_TCB_Resume(a.thread.tcb));
	check("a resumed sender goes to the end", poll(ep).badge == 12 && poll(ep).badge == 11);
	seL4_UserContext regs;
	peer_trap(&a, seL4_SysSend, badged[1], INFO(0, 0, 1), 1, 0);
	sk_must(seL4_TCB_ReadRegisters(a.thread.tcb, 0, 0, 32, &regs));
	regs.a2 = 0x77;
	sk_must(seL4_TCB_WriteRegisters(a.thread.tcb, 0, 0, 32, &regs));
	struct received r = poll(ep);
	check("registers written while queued are what is sent", r.came && r.mr[0] == 0x77);
	sk_must(seL4_TCB_Suspend(a.thread.tcb));

	section("queues", "ipc.md §2, 8");
	static struct peer four[4];
	for (unsigned i = 0; i < 4; i++) {
		peer_new(&four[i], MAIN_PRIO + 10 + 10 * i, 0);
		peer_trap(&four[i], seL4_SysSend, badged[1], INFO(0, 0, 1), i, 0);
	}
	bool fifo = true;
	for (unsigned i = 0; i < 4; i++)
		fifo = fifo && poll(ep).mr[0] == i;
	check("senders of rising priority are received in order of arrival", fifo);
	for (unsigned i = 0; i < 4; i++)
		peer_trap(&four[i], seL4_SysRecv, ep, INFO(0, 0, 1), 0, 0);
	for (unsigned i = 0; i < 4; i++)
		trap(seL4_SysNBSend, ep, INFO(0, 0, 1).words[0], i, 0);
	for (unsigned i = 0; i < 4; i++)
		fifo = fifo && four[i].done && four[i].out.mr[0] == i;
	check("receivers, too", fifo);
	for (unsigned i = 0; i < 4; i++)
		sk_thread_delete(&four[i].thread);
}

int main(void)
{
	conform_begin("ipc");
	setup();
	lengths();
	buffers();
	badges_and_grants();
	transfers();
	replies();
	cancelling();
	return conform_end();
}
