/* Each system call on each type of capability; registers; cap faults; unknown and debug calls. */
#include "conform.h"

#include <skerry/device.h>
#include <skerry/machine.h>

static struct peer peer;
static seL4_CPtr fault_ep;

enum result { NOTHING, BLOCK, EMPTY, INVALID, ILLEGAL, FAULT, TAKEN };

static const char *const result_names[] = {
	"nothing happens",  "blocks",     "an empty success", "InvalidCapability",
	"IllegalOperation", "a CapFault", "badge 0"};

static bool unchanged(const struct sel4_registers *a, const struct sel4_registers *b)
{
	return !memcmp(a, b, sizeof *a);
}

/* What became of the peer's call. */
static enum result result_of(seL4_CPtr cptr, bool receive)
{
	struct sel4_registers taken = peer.in;

	if (!peer.done) {
		struct received f = poll(fault_ep);
		if (!f.came)
			return BLOCK;
		if (f.label == 1 && f.length == 5 && f.mr[1] == cptr && f.mr[2] == receive &&
		    f.mr[3] == seL4_MissingCapability && seL4_GetMR(4) == 0)
			return FAULT;
		return (enum result)(100 + f.label);
	}
	if (unchanged(&peer.in, &peer.out))
		return NOTHING;
	taken.cap_or_badge = 0;
	if (unchanged(&taken, &peer.out))
		return TAKEN;
	if (peer.out.cap_or_badge == 0 && peer.out.info == INFO(2, 0, 1).words[0] && peer.out.mr[0] == 0)
		return INVALID;
	if (peer.out.cap_or_badge == 0 && peer.out.info == INFO(3, 0, 0).words[0])
		return ILLEGAL;
	if (peer.out.cap_or_badge == 0 && peer.out.info == 0 && peer.out.mr[0] == peer.in.mr[0])
		return EMPTY;
	return (enum result)99;
}

static void one(const char *type, const char *call, seL4_Word number, seL4_CPtr cap, enum result want)
{
	char name[120];
	bool receive = number == (seL4_Word)seL4_SysRecv || number == (seL4_Word)seL4_SysNBRecv;

	peer_trap(&peer, number, cap, INFO(0, 0, 2), 0x111, 0x222);
	enum result seen = result_of(cap, receive);
	snprintf(name, sizeof name, "%s on %s: %s", call, type, result_names[want]);
	equal(name, seen, want);
	seL4_TCB_Suspend(peer.thread.tcb);
}

static void each_call_each_type(void)
{
	seL4_CPtr ep = sk_endpoint_new(), note = sk_notification_new(), note2 = sk_notification_new();
	seL4_CPtr other_tcb = sk_object_new(seL4_TCBObject, 0), bound = sk_notification_new();
	sk_must(seL4_TCB_BindNotification(other_tcb, bound));
	const struct {
		const char *type;
		seL4_CPtr cap;
		enum result send, nbsend, call, recv, nbrecv;
	} rows[] = {
		{"an empty slot", sk_slot_new(), NOTHING, NOTHING, INVALID, FAULT, FAULT},
		{"slot 0", 0, NOTHING, NOTHING, INVALID, FAULT, FAULT},
		{"an endpoint", ep, BLOCK, NOTHING, BLOCK, BLOCK, TAKEN},
		{"an endpoint without Write", sk_cap_mint(ep, seL4_NoWrite, 0), NOTHING, NOTHING, INVALID,
		 BLOCK, TAKEN},
		{"an endpoint without Read", sk_cap_mint(ep, seL4_NoRead, 0), BLOCK, NOTHING, BLOCK, FAULT,
		 FAULT},
		{"an endpoint without rights", sk_cap_mint(ep, seL4_NoRights, 0), NOTHING, NOTHING, INVALID,
		 FAULT, FAULT},
		{"an endpoint, only Grant", sk_cap_mint(ep, seL4_CanGrant, 0), NOTHING, NOTHING, INVALID,
		 FAULT, FAULT},
		{"a notification without Write", sk_cap_mint(note, seL4_NoWrite, 0), NOTHING, NOTHING,
		 INVALID, BLOCK, TAKEN},
		{"a notification without Read", sk_cap_mint(note2, seL4_NoRead, 0), NOTHING, NOTHING, EMPTY,
		 FAULT, FAULT},
		{"another's bound notification", bound, NOTHING, NOTHING, EMPTY, FAULT, FAULT},
		{"a TCB", other_tcb, NOTHING, NOTHING, ILLEGAL, FAULT, FAULT},
		{"a CNode", ROOT, NOTHING, NOTHING, ILLEGAL, FAULT, FAULT},
		{"an address space", VSPACE, NOTHING, NOTHING, ILLEGAL, FAULT, FAULT},
		{"IRQControl", seL4_CapIRQControl, NOTHING, NOTHING, ILLEGAL, FAULT, FAULT},
		{"ASIDControl", seL4_CapASIDControl, NOTHING, NOTHING, ILLEGAL, FAULT, FAULT},
		{"an ASID pool", seL4_CapInitThreadASIDPool, NOTHING, NOTHING, ILLEGAL, FAULT, FAULT},
		{"a frame", seL4_CapBootInfoFrame, NOTHING, NOTHING, ILLEGAL, FAULT, FAULT},
		{"DomainSet", seL4_CapDomain, NOTHING, NOTHING, ILLEGAL, FAULT, FAULT},
		{"an untyped", sk_untyped_new(4), NOTHING, NOTHING, ILLEGAL, FAULT, FAULT},
		{"an IRQ handler", sk_irq_new(3, note), NOTHING, NOTHING, ILLEGAL, FAULT, FAULT},
	};

	section("calls", "syscalls.md §3.1-3.2");
	for (unsigned i = 0; i < LENGTH_OF(rows); i++) {
		one(rows[i].type, "Send", seL4_SysSend, rows[i].cap, rows[i].send);
		one(rows[i].type, "NBSend", seL4_SysNBSend, rows[i].cap, rows[i].nbsend);
		one(rows[i].type, "Call", seL4_SysCall, rows[i].cap, rows[i].call);
		one(rows[i].type, "Recv", seL4_SysRecv, rows[i].cap, rows[i].recv);
		one(rows[i].type, "NBRecv", seL4_SysNBRecv, rows[i].cap, rows[i].nbrecv);
	}
	one("a notification", "Send", seL4_SysSend, note, NOTHING);
	one("an active notification", "NBRecv", seL4_SysNBRecv, note, TAKEN);
	one("a notification", "NBSend", seL4_SysNBSend, note, NOTHING);
	one("an active notification", "Recv", seL4_SysRecv, note, TAKEN);
	one("a notification", "Call", seL4_SysCall, note, EMPTY);
	poll(note);
	one("nothing", "Reply", seL4_SysReply, 0, NOTHING);
	one("an endpoint", "ReplyRecv", seL4_SysReplyRecv, ep, BLOCK);
	one("nothing", "Yield", seL4_SysYield, 0, NOTHING);
	one("an empty slot", "Yield", seL4_SysYield, rows[0].cap, NOTHING);

	/* A method that succeeds without results leaves the message registers; one by Send is made, too. */
	section("methods", "syscalls.md §3.1");
	peer_trap(&peer, seL4_SysCall, other_tcb, INFO(TCBSuspend, 0, 2), 0x111, 0x222);
	check("success: badge 0, info 0, registers as they were",
	      peer.out.cap_or_badge == 0 && peer.out.info == 0 && peer.out.mr[0] == 0x111 &&
		      peer.out.mr[3] == 0x444);
	peer_trap(&peer, seL4_SysSend, other_tcb, INFO(TCBWriteRegisters, 0, 3), 0, 1);
	check("by Send: registers as they were", unchanged(&peer.in, &peer.out));
	TRY("by Send: it is made", OUT(NoError, 0x333), other_tcb, TCBReadRegisters, CAPS(), ARGS(0, 1));
	peer_trap(&peer, seL4_SysNBSend, ROOT, INFO(CNodeDelete, 0, 2), rows[3].cap, 64);
	is("by NBSend: it is made", rows[3].cap, TYPE_NULL);
	peer_trap(&peer, seL4_SysNBSend, other_tcb, INFO(0, 0, 0), 0, 1);
	check("a bad one by NBSend: nothing", peer.done && unchanged(&peer.in, &peer.out));
}

static void cap_fault(const char *call, seL4_Word number, seL4_CPtr cptr, seL4_MessageInfo_t info,
		      seL4_CPtr address, bool receive, bool faults)
{
	char name[100];

	peer.thread.ipc_buffer->caps_or_badges[0] = SELF;
	peer.thread.ipc_buffer->caps_or_badges[1] = address;
	peer_trap(&peer, number, cptr, info, 0x111, 0x222);
	if (!faults) {
		snprintf(name, sizeof name, "%s: nothing happens", call);
		check(name, peer.done && unchanged(&peer.in, &peer.out));
		return;
	}
	struct received f = poll(fault_ep);
	snprintf(name, sizeof name, "%s: a CapFault of 7 words", call);
	check(name, f.came && f.label == 1 && f.length == 7);
	snprintf(name, sizeof name, "%s: address and phase", call);
	check(name, f.mr[1] == address && f.mr[2] == receive);
	snprintf(name, sizeof name, "%s: guard mismatch, 64 bits left, guard 0 of its size", call);
	check(name, f.mr[3] == 4 && seL4_GetMR(4) == 64 && seL4_GetMR(5) == 0 && seL4_GetMR(6) == ROOT_GUARD);
	snprintf(name, sizeof name, "%s: at the trap instruction", call);
	check(name, f.came && *(uint32_t *)f.mr[0] == 0x73);
}

static void cap_faults(void)
{
	seL4_CPtr bad = 1ul << 40, ep = sk_endpoint_new();

	section("unresolvable", "syscalls.md §3.1-3.2, types.md §7.1");
	cap_fault("Send", seL4_SysSend, bad, INFO(0, 0, 0), bad, false, true);
	cap_fault("Call", seL4_SysCall, bad, INFO(0, 0, 0), bad, false, true);
	cap_fault("NBSend", seL4_SysNBSend, bad, INFO(0, 0, 0), bad, false, false);
	cap_fault("Recv", seL4_SysRecv, bad, INFO(0, 0, 0), bad, true, true);
	cap_fault("NBRecv", seL4_SysNBRecv, bad, INFO(0, 0, 0), bad, true, true);
	cap_fault("ReplyRecv", seL4_SysReplyRecv, bad, INFO(0, 0, 0), bad, true, true);
	cap_fault("Reply ignores it", seL4_SysReply, bad, INFO(0, 0, 0), bad, false, false);
	section("unresolvable extra capability", "syscalls.md §3.1");
	cap_fault("Send", seL4_SysSend, ep, INFO(0, 2, 0), bad, false, true);
	cap_fault("Call", seL4_SysCall, ep, INFO(0, 2, 0), bad, false, true);
	cap_fault("Call of a method", seL4_SysCall, SELF, INFO(TCBSuspend, 2, 0), bad, false, true);
	cap_fault("NBSend", seL4_SysNBSend, ep, INFO(0, 2, 0), bad, false, false);
	peer_trap(&peer, seL4_SysCall, SELF, INFO(0, 1, 0), 0, 0);
	equal("one beyond the count is not looked up", peer_label(&peer), seL4_IllegalOperation);
}

extern const char trap_then_stop[];
__asm__(".text\n.option push\n.option norvc\ntrap_then_stop: ecall\n.word 0\n.option pop\n");

/* All registers before and after a call that stops at the next instruction; `serve` lets it return. */
static void registers_kept_serving(const char *name, seL4_Word number, seL4_CPtr cap, seL4_Word info,
				   bool *changed, void (*serve)(void))
{
	seL4_UserContext in, out;
	seL4_Word *before = (seL4_Word *)&in, *after = (seL4_Word *)&out;

	for (unsigned i = 0; i < 32; i++)
		before[i] = 0xabcd000000000000 + i;
	in.pc = (seL4_Word)trap_then_stop;
	in.a0 = cap;
	in.a1 = info;
	in.a7 = number;
	sk_must(seL4_TCB_WriteRegisters(peer.thread.tcb, 1, 0, 32, &in));
	if (serve)
		serve();
	struct received f = poll(fault_ep);
	sk_must(seL4_TCB_ReadRegisters(peer.thread.tcb, 0, 0, 32, &out));
	bool same = f.came && f.label == seL4_Fault_UserException && out.pc == in.pc + 4;
	for (unsigned i = 1; i < 32; i++) {
		if (before[i] != after[i] && !changed[i]) {
			same = false;
			printf("register %u: %#lx became %#lx\n", i, before[i], after[i]);
		}
	}
	check(name, same);
}

static void registers_kept(const char *name, seL4_Word number, seL4_CPtr cap, seL4_Word info, bool *changed)
{
	registers_kept_serving(name, number, cap, info, changed, NULL);
}

static seL4_CPtr served;

static void answer_two_words(void)
{
	seL4_Recv(served, NULL);
	trap(seL4_SysReply, 0, INFO(1, 0, 2).words[0], 1, 2);
}

static void send_five_words(void)
{
	trap(seL4_SysSend, served, INFO(1, 0, 5).words[0], 1, 2);
}

/* Each of two threads sees its own floating-point registers. */
static volatile double peers_double;

static void compute_double(void *argument)
{
	register double value __asm__("fs3") = 0;
	(void)argument;
	__asm__ volatile("fcvt.d.w %0, %1" : "=f"(value) : "r"(7));
	seL4_Yield();
	__asm__ volatile("fadd.d %0, %0, %0" : "+f"(value));
	seL4_Send(served, INFO(2, 0, 0));
	__asm__ volatile("fadd.d %0, %0, %0" : "+f"(value));
	peers_double = value;
}

static void floating_point(void)
{
	register double value __asm__("fs3");

	section("floating-point registers kept", "syscalls.md §2.1");
	peer_run(&peer, compute_double, NULL);
	__asm__ volatile("fcvt.d.w %0, %1" : "=f"(value) : "r"(1000));
	seL4_Recv(served, NULL);
	__asm__ volatile("fadd.d %0, %0, %0" : "+f"(value));
	check("ours", value == 2000.0);
	check("the other's", peers_double == 28.0);
}

static void registers(void)
{
	bool none[32] = {0}, badge[32] = {[16] = true}, info[32] = {[16] = true, [17] = true};
	bool mr0[32] = {[16] = true, [17] = true, [18] = true};
	seL4_CPtr note = sk_notification_new(), ep = sk_endpoint_new();

	section("registers kept", "syscalls.md §2.1");
	registers_kept("Send to a notification: all", seL4_SysSend, note, 0, none);
	registers_kept("NBRecv from it: all but the badge", seL4_SysNBRecv, note, 0xdead, badge);
	registers_kept("failed NBRecv: all but the badge", seL4_SysNBRecv, ep, 0xdead, badge);
	registers_kept("NBSend to an endpoint: all", seL4_SysNBSend, ep, 0, none);
	registers_kept("Yield: all", seL4_SysYield, ep, 0, none);
	registers_kept("Reply: all", seL4_SysReply, ep, 0, none);
	registers_kept("Call of a method: badge and info", seL4_SysCall, SELF, 0, info);
	registers_kept("Call of null: badge, info, MR0", seL4_SysCall, 0, 0, mr0);
	registers_kept("DebugCapIdentify: a0", seL4_SysDebugCapIdentify, SELF, 0, badge);
	registers_kept("DebugPutChar: all", seL4_SysDebugPutChar, '\n', 0, none);
	bool two[32] = {[16] = true, [17] = true, [18] = true, [19] = true};
	bool four[32] = {[16] = true, [17] = true, [18] = true, [19] = true, [20] = true, [21] = true};
	served = sk_endpoint_new();
	registers_kept_serving("Call, answered by two words", seL4_SysCall, served, 0, two, answer_two_words);
	registers_kept_serving("Recv of five words", seL4_SysRecv, served, 0, four, send_five_words);
	registers_kept_serving("ReplyRecv of five words", seL4_SysReplyRecv, served, 0, four,
			       send_five_words);
	floating_point();
	section("worked examples", "syscalls.md §4");
	struct sel4_registers r = trap(seL4_SysCall, 0, INFO(1, 0, 0).words[0], 5, 6);
	check("1: Call on slot 0", r.info == INFO(2, 0, 1).words[0] && r.mr[0] == 0 && r.cap_or_badge == 0);
	r = trap(seL4_SysNBRecv, note, 0xdead, 0x11, 0);
	check("2: NBRecv, idle notification", r.cap_or_badge == 0 && r.info == 0xdead && r.mr[0] == 0x11);
	seL4_Signal(sk_cap_mint(note, seL4_AllRights, 0x5));
	seL4_Signal(sk_cap_mint(note, seL4_AllRights, 0x50));
	r = trap(seL4_SysNBRecv, note, 0xdead, 0x11, 0);
	equal("3: two signals", r.cap_or_badge, 0x55);
	r = trap(seL4_SysNBRecv, note, 0xdead, 0x11, 0);
	equal("3: polled again", r.cap_or_badge, 0);
}

static void unknown_calls(void)
{
	static const long numbers[] = {0,   1,   5,   -15, -16, -17, -18, -19, -20, -21, -22,
				       -23, -24, -25, -26, -27, -28, -29, -30, -31, -77};
	char name[60];

	section("unknown calls", "syscalls.md §1.3, 3.6, types.md §7.2");
	for (unsigned i = 0; i < LENGTH_OF(numbers); i++) {
		peer_trap(&peer, (seL4_Word)numbers[i], 0x1000, INFO(9, 0, 2), 0x111, 0x222);
		struct received f = poll(fault_ep);
		snprintf(name, sizeof name, "%ld is a fault with its number", numbers[i]);
		check(name,
		      f.came && f.label == 2 && f.length == 11 && seL4_GetMR(10) == (seL4_Word)numbers[i]);
	}
	seL4_UserContext regs = {.pc = (seL4_Word)trap_then_stop,
				 .ra = 1,
				 .sp = 2,
				 .a0 = 3,
				 .a1 = 4,
				 .a2 = 5,
				 .a3 = 6,
				 .a4 = 7,
				 .a5 = 8,
				 .a6 = 9,
				 .a7 = 0xfffffffffffffff7 + 0x100000000};
	sk_must(seL4_TCB_WriteRegisters(peer.thread.tcb, 1, 0, 32, &regs));
	struct received f = poll(fault_ep);
	check("the whole register counts; pc, sp, ra, a0 in the message",
	      f.label == 2 && f.mr[0] == regs.pc && f.mr[1] == 2 && f.mr[2] == 1 && f.mr[3] == 3);
	bool rest = true;
	for (int i = 4; i < 10; i++)
		rest = rest && seL4_GetMR(i) == (seL4_Word)i;
	check("a1 to a6", rest && seL4_GetMR(10) == regs.a7);
}

static void debug_calls(void)
{
	seL4_CPtr ep = sk_endpoint_new();

	section("debug calls", "debug-and-benchmark.md §1, capabilities.md §1");
	is("identify a frame", seL4_CapBootInfoFrame, 1);
	is("identify an untyped", sk_untyped_new(4), 2);
	is("identify a page table", VSPACE, 3);
	is("identify an endpoint", ep, 4);
	is("identify a notification", sk_notification_new(), 6);
	is("identify a CNode", ROOT, 10);
	is("identify ASIDControl", seL4_CapASIDControl, 11);
	is("identify a TCB", SELF, 12);
	is("identify an ASID pool", seL4_CapInitThreadASIDPool, 13);
	is("identify IRQControl", seL4_CapIRQControl, 14);
	is("identify an IRQ handler", sk_irq_new(4, sk_notification_new()), 16);
	is("identify DomainSet", seL4_CapDomain, 20);
	peer_trap(&peer, seL4_SysCall, ep, INFO(0, 0, 0), 0, 0);
	seL4_Recv(ep, NULL);
	seL4_CPtr reply = sk_slot_new();
	sk_must(seL4_CNode_SaveCaller(ROOT, reply, SK_DEPTH));
	is("identify a reply capability", reply, 8);
	seL4_DebugDumpScheduler();
	printf("\n");
	check("DumpScheduler returns", true);
	seL4_DebugSnapshot();
	printf("\n");
	check("Snapshot returns", true);
	seL4_DebugNameThread(peer.thread.tcb,
			     "a name that is quite a bit longer than any that the kernel keeps");
	check("NameThread returns", true);
}

int main(void)
{
	conform_begin("syscall");
	fault_ep = sk_endpoint_new();
	peer_new(&peer, HIGH, fault_ep);
	each_call_each_type();
	cap_faults();
	registers();
	unknown_calls();
	debug_calls();
	return conform_end();
}
