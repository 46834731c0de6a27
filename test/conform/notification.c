/* Notifications: signal words, waiters, binding. */
#include "conform.h"

static seL4_CPtr note, ep;
static struct peer a, b, c;

static seL4_CPtr badge(seL4_Word value)
{
	return sk_cap_mint(note, seL4_AllRights, value);
}

static void words(void)
{
	section("signal words", "ipc.md §3");
	seL4_CPtr b1 = badge(1), b6 = badge(6), top = badge(1ul << 63);
	seL4_Signal(b1);
	seL4_Signal(b6);
	seL4_Signal(b6);
	trap(seL4_SysNBSend, top, 0, 0, 0);
	struct sel4_registers r = trap(seL4_SysRecv, note, 0xdead, 0x11, 0x22);
	equal("they are ORed", r.cap_or_badge, 1ul << 63 | 7);
	check("only the badge register changes", r.info == 0xdead && r.mr[0] == 0x11 && r.mr[3] == 0x444);
	equal("taken, it is idle", trap(seL4_SysNBRecv, note, 0, 0, 0).cap_or_badge, 0);
	seL4_Signal(note);
	peer_trap(&a, seL4_SysRecv, note, INFO(5, 0, 0), 0, 0);
	check("badge 0 makes it active: a wait returns at once, badge 0", a.done && a.out.cap_or_badge == 0);
	check("info as it was", a.out.info == a.in.info);
	seL4_Signal(note);
	equal("a poll returns 0", trap(seL4_SysNBRecv, note, 0, 0, 0).cap_or_badge, 0);
	peer_trap(&a, seL4_SysRecv, note, INFO(5, 0, 0), 0, 0);
	check("but has taken it", !a.done);
	r = trap(seL4_SysCall, b6, INFO(9, 3, 20).words[0], 0x11, 0x22);
	check("Call: an empty success, registers kept",
	      r.info == 0 && r.cap_or_badge == 0 && r.mr[0] == 0x11 && r.mr[1] == 0x22);
	check("Call signals", a.done && a.out.cap_or_badge == 6);
}

static void waiters(void)
{
	section("waiters", "ipc.md §3");
	seL4_CPtr b3 = badge(3), b4 = badge(4);
	peer_trap(&a, seL4_SysRecv, note, INFO(0, 0, 0), 0, 0);
	peer_trap(&b, seL4_SysRecv, note, INFO(0, 0, 0), 0, 0);
	peer_trap(&c, seL4_SysRecv, note, INFO(0, 0, 0), 0, 0);
	trap(seL4_SysNBRecv, note, 0, 0, 0);
	seL4_Signal(b3);
	check("the first one has it, alone", a.done && !b.done && !c.done && a.out.cap_or_badge == 3);
	seL4_Signal(b4);
	check("then the second", b.done && !c.done && b.out.cap_or_badge == 4);
	equal("nothing is left for a poll", trap(seL4_SysNBRecv, note, 0, 0, 0).cap_or_badge, 0);
	sk_must(seL4_TCB_Suspend(c.thread.tcb));
	seL4_Signal(b3);
	check("a suspended waiter has left", !c.done);
	sk_must(seL4_TCB_Resume(c.thread.tcb));
	check("resumed, it waits again and takes the word", c.done && c.out.cap_or_badge == 3);
	peer_trap(&b, seL4_SysRecv, note, INFO(0, 0, 0), 0, 0);
	sk_must(seL4_TCB_Resume(b.thread.tcb));
	peer_trap(&a, seL4_SysNBRecv, note, INFO(0, 0, 0), 0, 0);
	check("a poll beside a waiter", a.done && a.out.cap_or_badge == 0 && !b.done);
	seL4_Signal(b3);
	check("a resumed waiter still waits", b.done);
}

static void binding(void)
{
	section("bound notification", "ipc.md §3, 8, syscalls.md §3.2");
	seL4_CPtr b5500 = badge(0x5500), b1 = badge(1), ep_badged = sk_cap_mint(ep, seL4_AllRights, 0x77);
	struct peer sender;
	peer_new(&sender, HIGH, 0);
	sk_must(seL4_TCB_BindNotification(a.thread.tcb, note));
	peer_trap(&a, seL4_SysRecv, ep, INFO(5, 0, 2), 0x11, 0x22);
	seL4_Signal(b5500);
	check("a thread in Recv: the signal's badge", a.done && a.out.cap_or_badge == 0x5500);
	check("info and registers unchanged", a.out.info == a.in.info && a.out.mr[0] == 0x11);
	seL4_Signal(b1);
	peer_trap(&sender, seL4_SysSend, ep_badged, INFO(3, 0, 0), 0, 0);
	peer_trap(&a, seL4_SysRecv, ep, INFO(5, 0, 2), 0x11, 0x22);
	check("active before Recv: it comes before a queued sender",
	      a.done && a.out.cap_or_badge == 1 && !sender.done);
	peer_trap(&a, seL4_SysRecv, ep, INFO(5, 0, 2), 0x11, 0x22);
	check("then the sender", a.done && a.out.cap_or_badge == 0x77 && sender.done);
	seL4_Signal(b1);
	peer_trap(&a, seL4_SysNBRecv, ep, INFO(5, 0, 2), 0x11, 0x22);
	check("NBRecv of an endpoint takes it, too", a.done && a.out.cap_or_badge == 1);
	peer_trap(&a, seL4_SysNBRecv, ep, INFO(5, 0, 2), 0x11, 0x22);
	check("once", a.done && a.out.cap_or_badge == 0);
	seL4_Signal(b1);
	peer_trap(&a, seL4_SysReplyRecv, ep, INFO(5, 0, 2), 0x11, 0x22);
	check("ReplyRecv takes it, too", a.done && a.out.cap_or_badge == 1);
	seL4_Signal(b1);
	peer_trap(&a, seL4_SysRecv, note, INFO(5, 0, 2), 0x11, 0x22);
	check("it may wait on it directly", a.done && a.out.cap_or_badge == 1);
	peer_trap(&a, seL4_SysRecv, note, INFO(5, 0, 2), 0x11, 0x22);
	seL4_Signal(b5500);
	check("and is woken there", a.done && a.out.cap_or_badge == 0x5500);

	peer_trap(&a, seL4_SysSend, ep, INFO(5, 0, 0), 0, 0);
	seL4_Signal(b1);
	check("a thread in Send is not woken", !a.done);
	check("its message comes", poll(ep).label == 5 && a.done);
	peer_trap(&a, seL4_SysCall, ep, INFO(5, 0, 0), 0, 0);
	trap(seL4_SysRecv, ep, 0, 0, 0);
	seL4_Signal(b5500);
	check("a thread in Call is not woken", !a.done);
	trap(seL4_SysReply, 0, INFO(6, 0, 0).words[0], 0, 0);
	check("it has its reply", a.done && peer_label(&a) == 6);
	seL4_CPtr other = sk_notification_new();
	peer_trap(&a, seL4_SysRecv, other, INFO(5, 0, 0), 0, 0);
	check("nor one that waits on another notification", !a.done);
	seL4_Signal(b1);
	seL4_Signal(other);
	check("that one's signal wakes it", a.done && a.out.cap_or_badge == 0);
	peer_trap(&a, seL4_SysRecv, ep, INFO(5, 0, 0), 0, 0);
	check("the words have been collected", a.done && a.out.cap_or_badge == 0x5501);

	seL4_Signal(note);
	peer_trap(&a, seL4_SysRecv, ep, INFO(5, 0, 0), 0, 0);
	check("badge 0 arrives, too", a.done && a.out.cap_or_badge == 0);
	peer_trap(&a, seL4_SysRecv, ep, INFO(5, 0, 0), 0, 0);
	sk_must(seL4_TCB_UnbindNotification(a.thread.tcb));
	seL4_Signal(b1);
	check("unbound while it waits: it goes on waiting", !a.done);
	trap(seL4_SysNBSend, ep, INFO(4, 0, 0).words[0], 0, 0);
	check("for messages", a.done && peer_label(&a) == 4);
	sk_must(seL4_TCB_BindNotification(a.thread.tcb, note));
	peer_trap(&a, seL4_SysRecv, ep, INFO(5, 0, 0), 0, 0);
	check("bound while active: the next Recv has it", a.done && a.out.cap_or_badge == 1);
	/* A bound thread leaves the endpoint's queue when it is signalled; the one behind moves up. */
	peer_trap(&a, seL4_SysRecv, ep, INFO(0, 0, 0), 0, 0);
	peer_trap(&b, seL4_SysRecv, ep, INFO(0, 0, 0), 0, 0);
	seL4_Signal(b1);
	trap(seL4_SysNBSend, ep, INFO(4, 0, 0).words[0], 0, 0);
	check("signalled, it leaves the endpoint's queue",
	      a.out.cap_or_badge == 1 && b.done && peer_label(&b) == 4);

	/* A caller's pending reply is dropped by a Recv that ends with a signal. */
	peer_trap(&sender, seL4_SysCall, ep, INFO(5, 0, 0), 0, 0);
	sk_must(seL4_TCB_UnbindNotification(a.thread.tcb));
	sk_must(seL4_TCB_BindNotification(SELF, note));
	trap(seL4_SysRecv, ep, 0, 0, 0);
	seL4_Signal(b1);
	trap(seL4_SysRecv, ep, 0, 0, 0);
	trap(seL4_SysReply, 0, 0, 0, 0);
	check("a Recv that ends with a signal has dropped the reply", !sender.done);
	sk_must(seL4_TCB_UnbindNotification(SELF));
}

int main(void)
{
	conform_begin("notification");
	note = sk_notification_new();
	ep = sk_endpoint_new();
	peer_new(&a, HIGH, 0);
	peer_new(&b, HIGH, 0);
	peer_new(&c, HIGH, 0);
	words();
	waiters();
	binding();
	return conform_end();
}
