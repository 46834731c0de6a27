/* Derivation and deletion: who is whose child, what revoking takes, what goes with the last capability. */
#include "conform.h"

#include <skerry/device.h>

static seL4_CPtr ep, fault_ep;

static bool gone(seL4_CPtr cap)
{
	return seL4_DebugCapIdentify(cap) == TYPE_NULL;
}

static seL4_CPtr mint(seL4_CPtr cap, seL4_Word badge)
{
	return sk_cap_mint(cap, seL4_AllRights, badge);
}

static void parents(void)
{
	section("revoke", "capabilities.md §5");
	seL4_CPtr e = sk_endpoint_new(), copy = sk_cap_copy(e), b1 = mint(e, 1), b1copy = sk_cap_copy(b1);
	seL4_CPtr b2 = mint(e, 2), of_copy = mint(copy, 3), b1copycopy = sk_cap_copy(b1copy);

	sk_must(cap_revoke(copy));
	check("of a plain copy takes nothing", !gone(e) && !gone(b1) && !gone(of_copy) && !gone(b1copy));
	sk_must(cap_revoke(b1copy));
	check("of a copy of a badged one takes nothing", !gone(b1) && !gone(b1copycopy));
	sk_must(cap_revoke(b1));
	check("of a badged one takes its copies", !gone(b1) && gone(b1copy) && gone(b1copycopy));
	check("of a badged one leaves all others", !gone(b2) && !gone(of_copy) && !gone(copy) && !gone(e));
	b1copy = sk_cap_copy(b1);
	sk_must(cap_revoke(b2));
	check("of another badge: not this one's", !gone(b1copy));
	sk_must(cap_revoke(e));
	check("of the original takes all",
	      !gone(e) && gone(copy) && gone(b1) && gone(b2) && gone(of_copy) && gone(b1copy));

	/* The same badge minted twice: two firstBadged entries, neither the other's child. */
	seL4_CPtr x = mint(e, 7), y = mint(e, 7), yc = sk_cap_copy(y), xc = sk_cap_copy(x);
	sk_must(cap_revoke(y));
	check("the same badge minted twice: not each other's", gone(yc) && !gone(x) && !gone(xc));
	sk_must(cap_revoke(x));
	check("nor the other way round", gone(xc) && !gone(y));
	/* An emptied firstBadged slot leaves the flag to the next in the list. */
	xc = sk_cap_copy(x);
	cap_delete(x);
	sk_must(cap_revoke(e));
	check("a copy whose badged parent is gone is the original's", gone(xc) && gone(y));

	section("moved capabilities", "capabilities.md §5.1");
	seL4_CPtr place = sk_slot_new();
	copy = sk_cap_copy(e);
	cap_move(place, e);
	sk_must(cap_revoke(place));
	check("a moved original is still the parent", gone(copy) && !gone(place));
	copy = mint(place, 9);
	cap_move(e, copy);
	sk_must(cap_revoke(place));
	check("a moved child is still the child", gone(e));

	section("revoke by type", "capabilities.md §5.2-5.3");
	seL4_CPtr n = sk_notification_new(), nb = mint(n, 4), nbc = sk_cap_copy(nb);
	sk_must(cap_revoke(nb));
	check("badged notification", gone(nbc) && !gone(nb) && !gone(n));
	sk_must(cap_revoke(n));
	check("notification", gone(nb));
	seL4_CPtr t = sk_object_new(seL4_TCBObject, 0), tc = sk_cap_copy(t), tcc = sk_cap_copy(tc);
	sk_must(cap_revoke(tc));
	check("a TCB's copy", !gone(tcc) && !gone(t));
	sk_must(cap_revoke(t));
	check("a TCB", gone(tc) && gone(tcc) && !gone(t));
	seL4_CPtr c = cnode_new(3), cc = mint(c, seL4_CNode_CapData_new(0, 20).words[0]);
	sk_must(cap_revoke(cc));
	check("a CNode's copy with another guard", !gone(c));
	sk_must(cap_revoke(c));
	check("a CNode", gone(cc) && !gone(c));
	seL4_CPtr f = sk_frame_new(), fc = sk_cap_copy(f);
	sk_must(cap_revoke(fc));
	check("a frame's copy", !gone(f));
	sk_must(cap_revoke(f));
	check("a frame", gone(fc) && !gone(f));
	seL4_CPtr irq = sk_irq_new(5, n), irqc = sk_cap_copy(irq);
	sk_must(cap_revoke(irqc));
	check("an IRQ handler's copy", !gone(irq));
	sk_must(cap_revoke(irq));
	check("an IRQ handler", gone(irqc) && !gone(irq));
	irqc = sk_cap_copy(irq);
	sk_must(cap_revoke(seL4_CapIRQControl));
	check("IRQControl: all handlers", gone(irq) && gone(irqc) && !gone(seL4_CapIRQControl));
	seL4_CPtr u = sk_untyped_new(13), uc = sk_cap_copy(u), ucc = sk_slot_new();
	sk_must(seL4_Untyped_Retype(uc, 0, 12, ROOT, 0, 0, ucc, 1));
	sk_must(cap_revoke(uc));
	check("an untyped's copy: what came from it", gone(ucc) && !gone(uc));
	sk_must(cap_revoke(u));
	check("an untyped: its copy", gone(uc) && !gone(u));
	seL4_CPtr vs = sk_vspace_new(), vsc = sk_cap_copy(vs);
	sk_must(cap_revoke(vs));
	check("an address space: its copy", gone(vsc) && !gone(vs));
	seL4_CPtr control = sk_cap_copy(seL4_CapASIDControl);
	sk_must(cap_revoke(seL4_CapASIDControl));
	check("the first ASIDControl is the parent of its copies", gone(control));
	/* A TCB holds its CSpace as a hidden copy: revoking takes it. */
	struct peer p;
	peer_new(&p, HIGH, 0);
	c = cnode_new(3);
	sk_must(seL4_TCB_SetSpace(p.thread.tcb, 0, c, 0, VSPACE, 0));
	sk_must(cap_revoke(c));
	peer_trap(&p, seL4_SysSend, 0, INFO(0, 0, 0), 0, 0);
	check("a thread whose CSpace was revoked cannot look anything up", p.done == 0);
	sk_must(seL4_TCB_SetSpace(p.thread.tcb, 0, ROOT, 0, VSPACE, 0));
	peer_trap(&p, seL4_SysSend, 0, INFO(0, 0, 0), 0, 0);
	check("given another, it can", p.done == 1);
	sk_thread_delete(&p.thread);
}

static void last_capability(void)
{
	struct peer a, b, c;
	seL4_CPtr copy = sk_cap_copy(ep);

	section("endpoint deleted", "capabilities.md §6, ipc.md §8");
	peer_new(&a, HIGH, fault_ep);
	peer_new(&b, HIGH, fault_ep);
	peer_new(&c, HIGH, fault_ep);
	a.letter = 'a', b.letter = 'b', c.letter = 'c';
	peer_trap(&a, seL4_SysCall, ep, INFO(5, 0, 0), 0, 0);
	sk_must(cap_delete(copy));
	check("not the last capability: nothing happens", !a.done);
	peer_trap(&b, seL4_SysCall, ep, INFO(5, 0, 0), 0, 0);
	peer_trap(&c, seL4_SysCall, ep, INFO(5, 0, 0), 0, 0);
	log_clear();
	sk_must(cap_delete(ep));
	check("callers get InvalidCapability 0",
	      a.done && peer_label(&a) == 2 && peer_length(&a) == 1 && a.out.mr[0] == 0 && c.done);
	equal_text("callers of one priority run in reverse order", run_log, "cba");
	ep = sk_endpoint_new();
	peer_trap(&a, seL4_SysSend, ep, INFO(5, 0, 0), 0x111, 0x222);
	sk_must(cap_delete(ep));
	check("a sender: its call has no effect", a.done && !memcmp(&a.in, &a.out, sizeof a.in));
	ep = sk_endpoint_new();
	peer_trap(&a, seL4_SysRecv, ep, INFO(5, 0, 0), 0, 0);
	sk_must(cap_delete(ep));
	struct received f = poll(fault_ep);
	check("a receiver: CapFault, receive phase, MissingCapability 0",
	      f.came && f.label == 1 && f.mr[2] == 1 && f.mr[3] == 2 && seL4_GetMR(4) == 0);
	ep = sk_endpoint_new();

	section("notification deleted", "capabilities.md §6");
	seL4_CPtr note = sk_notification_new();
	peer_trap(&a, seL4_SysRecv, note, INFO(0, 0, 0), 0, 0);
	sk_must(cap_delete(note));
	f = poll(fault_ep);
	check("a waiter: CapFault, receive phase", f.came && f.label == 1 && f.mr[1] == note && f.mr[2] == 1);
	note = sk_notification_new();
	sk_must(seL4_TCB_BindNotification(b.thread.tcb, note));
	peer_trap(&b, seL4_SysRecv, ep, INFO(0, 0, 0), 0, 0);
	sk_must(cap_delete(note));
	trap(seL4_SysNBSend, ep, INFO(3, 0, 0).words[0], 0, 0);
	check("one bound to it goes on waiting on its endpoint", b.done == 1 && peer_label(&b) == 3);

	section("TCB deleted", "capabilities.md §6, ipc.md §2.5");
	peer_trap(&a, seL4_SysSend, ep, INFO(1, 0, 0), 0, 0);
	peer_trap(&b, seL4_SysSend, ep, INFO(2, 0, 0), 0, 0);
	sk_thread_delete(&a.thread);
	f = poll(ep);
	check("a queued sender leaves the queue", f.came && f.label == 2 && b.done);
	peer_new(&a, HIGH, fault_ep);
	peer_trap(&b, seL4_SysRecv, ep, INFO(0, 0, 0), 0, 0);
	peer_trap(&a, seL4_SysCall, ep, INFO(2, 0, 0), 0, 0);
	check("b has a's reply", b.done && !a.done);
	sk_thread_delete(&a.thread);
	peer_trap(&b, seL4_SysReply, 0, INFO(2, 0, 0), 0, 0);
	check("caller deleted: the reply goes nowhere", b.done);
	peer_trap(&b, seL4_SysRecv, ep, INFO(0, 0, 0), 0, 0);
	peer_trap(&c, seL4_SysCall, ep, INFO(2, 0, 0), 0, 0);
	sk_thread_delete(&b.thread);
	check("server deleted: the client stays blocked", !c.done);
	sk_must(seL4_TCB_Resume(c.thread.tcb));
	f = poll(ep);
	check("resumed, it calls again", f.came && f.label == 2);
	sk_thread_delete(&c.thread);
}

static void saved_reply(void)
{
	struct peer a;
	seL4_CPtr slot = sk_slot_new();

	section("reply capability", "capabilities.md §6, 8");
	peer_new(&a, HIGH, 0);
	peer_trap(&a, seL4_SysCall, ep, INFO(5, 0, 0), 0, 0);
	seL4_Recv(ep, NULL);
	sk_must(seL4_CNode_SaveCaller(ROOT, slot, 64));
	is("saved", slot, TYPE_REPLY);
	TRY("cannot be copied", OUT(IllegalOperation), ROOT, CNodeCopy, CAPS(ROOT),
	    ARGS(sk_slot_new(), 64, slot, 64, 15));
	TRY("cannot be copied without Grant", OUT(IllegalOperation), ROOT, CNodeCopy, CAPS(ROOT),
	    ARGS(sk_slot_new(), 64, slot, 64, 0));
	sk_must(cap_delete(slot));
	check("deleted: the caller stays blocked", !a.done);
	peer_trap(&a, seL4_SysCall, ep, INFO(5, 0, 0), 0, 0);
	seL4_Recv(ep, NULL);
	sk_must(seL4_CNode_SaveCaller(ROOT, slot, 64));
	sk_must(seL4_TCB_Suspend(a.thread.tcb));
	check("caller suspended: it disappears", gone(slot));
	peer_trap(&a, seL4_SysCall, ep, INFO(5, 0, 0), 0, 0);
	seL4_Recv(ep, NULL);
	sk_must(seL4_CNode_SaveCaller(ROOT, slot, 64));
	sk_must(seL4_TCB_Resume(a.thread.tcb));
	check("caller resumed: it disappears", gone(slot));
	seL4_Recv(ep, NULL);
	sk_must(seL4_CNode_SaveCaller(ROOT, slot, 64));
	sk_thread_delete(&a.thread);
	check("caller deleted: it disappears", gone(slot));
}

static void cnodes(void)
{
	section("CNodes deleted", "capabilities.md §6");
	seL4_CPtr e = sk_endpoint_new(), c = cnode_new(3), inner, last = sk_slot_new();
	struct peer a;

	peer_new(&a, HIGH, 0);
	peer_trap(&a, seL4_SysSend, e, INFO(0, 0, 0), 0, 0);
	sk_must(seL4_CNode_Move(c, 5, 3, ROOT, e, 64));
	sk_must(cap_delete(c));
	check("its content goes with it: the endpoint's sender fails", a.done == 1);
	is("the slot is empty", c, TYPE_NULL);

	/* A chain of 2,000 CNodes, each in slot 1 of the one before; the first holds itself, too. */
	seL4_CPtr first = cnode_new(1), now = first;
	sk_must(seL4_CNode_Copy(first, 0, 1, ROOT, first, 64, seL4_AllRights));
	seL4_CPtr holder = sk_slot_new();
	for (unsigned i = 0; i < 2000; i++) {
		inner = cnode_new(1);
		sk_must(seL4_CNode_Move(now, 1, 1, ROOT, inner, 64));
		sk_must(seL4_CNode_Copy(ROOT, last, 64, now, 1, 1, seL4_AllRights));
		if (now != first)
			sk_must(cap_delete(holder));
		sk_must(cap_move(holder, last));
		now = holder;
	}
	sk_must(cap_delete(holder));
	sk_must(cap_delete(first));
	is("a copy of itself inside keeps it: the slot empties", first, TYPE_NULL);

	/* Two CNodes that hold each other, no other capability to either. */
	seL4_CPtr x = cnode_new(2), y = cnode_new(2);
	sk_must(seL4_CNode_Copy(x, 1, 2, ROOT, y, 64, seL4_AllRights));
	sk_must(seL4_CNode_Copy(y, 2, 2, ROOT, x, 64, seL4_AllRights));
	sk_must(cap_delete(x));
	sk_must(cap_delete(y));
	check("two that hold each other", gone(x) && gone(y));
	/* One that only itself holds; its memory comes back by revoking the untyped. */
	seL4_CPtr u = sk_untyped_new(12), z = sk_slot_new();
	sk_must(seL4_Untyped_Retype(u, 4, 3, ROOT, 0, 0, z, 1));
	sk_must(seL4_CNode_Move(z, 1, 3, ROOT, z, 64));
	check("one moved into itself", gone(z));
	sk_must(cap_revoke(u));
	sk_must(seL4_Untyped_Retype(u, 4, 7, ROOT, 0, 0, z, 1));
	is("revoking its untyped takes it all the same", z, TYPE_CNODE);
	/* A cycle of three below an untyped, with a thread whose CSpace it is. */
	sk_must(cap_revoke(u));
	sk_must(seL4_Untyped_Retype(u, 4, 2, ROOT, 0, 0, z, 1));
	seL4_CPtr z2 = sk_slot_new(), tcb = sk_slot_new();
	sk_must(seL4_Untyped_Retype(u, 4, 2, ROOT, 0, 0, z2, 1));
	sk_must(seL4_Untyped_Retype(u, 1, 0, ROOT, 0, 0, tcb, 1));
	sk_must(seL4_TCB_SetSpace(tcb, 0, z, 0, VSPACE, 0));
	sk_must(seL4_CNode_Copy(z, 0, 2, ROOT, z2, 64, seL4_AllRights));
	sk_must(seL4_CNode_Move(z, 1, 2, ROOT, tcb, 64));
	sk_must(seL4_CNode_Move(z2, 0, 2, ROOT, z, 64));
	sk_must(cap_delete(z2));
	check("the last outer capability deleted", gone(z2) && gone(z) && gone(tcb));
	sk_must(cap_revoke(u));
	TRY("all memory is free again", OUT(NoError), u, UntypedRetype, CAPS(ROOT), ARGS(6, 0, 0, 0, z, 1));

	/* One in another one, last capabilities both. */
	seL4_CPtr outer = cnode_new(2);
	sk_must(cap_revoke(u));
	sk_must(seL4_Untyped_Retype(u, 4, 2, ROOT, 0, 0, z, 1));
	sk_must(seL4_CNode_Move(outer, 1, 2, ROOT, z, 64));
	sk_must(cap_delete(outer));
	TRY("the inner one's memory has no child any more", OUT(NoError), ROOT, CNodeCopy, CAPS(ROOT),
	    ARGS(z, 64, u, 64, 15));
	sk_thread_delete(&a.thread);
	(void)e;
}

static void own_parts(void)
{
	struct peer a;

	section("a thread's own parts", "capabilities.md §6");
	peer_new(&a, HIGH, fault_ep);
	peer_trap(&a, seL4_SysCall, ROOT, INFO(CNodeDelete, 0, 2), a.thread.tcb, 64);
	check("it deletes its own TCB and ceases", !a.done && gone(a.thread.tcb) && !poll(fault_ep).came);

	peer_new(&a, HIGH, fault_ep);
	seL4_CPtr own = cnode_new(4);
	sk_must(seL4_CNode_Mint(own, 1, 4, ROOT, own, 64, seL4_AllRights, 60));
	sk_must(seL4_TCB_SetSpace(a.thread.tcb, 0, own, 60, VSPACE, 0));
	peer_trap(&a, seL4_SysCall, 1, INFO(CNodeDelete, 0, 2), 1, 64);
	check("it deletes a copy of its CNode", a.done == 1 && peer_label(&a) == 0);
	sk_must(cap_delete(own));
	sk_must(cap_delete(a.thread.tcb));
	check("TCB as the last holder of a CNode", gone(own) && gone(a.thread.tcb));
}

int main(void)
{
	conform_begin("delete");
	ep = sk_endpoint_new();
	fault_ep = sk_endpoint_new();
	parents();
	last_capability();
	saved_reply();
	cnodes();
	own_parts();
	return conform_end();
}
