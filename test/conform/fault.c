/* Faults: each type's message, what a reply does, handlers that are none, resuming. */
#include "conform.h"

#include <skerry/device.h>
#include <skerry/machine.h>

static seL4_CPtr fault_ep, handler;
static struct peer peer;
static seL4_UserContext start, now;

extern const char at_illegal[], at_load[], at_store[], at_jump[], at_ebreak[], at_fp[], at_csr[], at_lr[],
	at_amo[], at_ecall[], at_compressed_load[];
__asm__(".text\n.option push\n.option norvc\n.balign 4\n"
	"at_illegal: .word 0\n	j stop\n"
	"at_load: ld a0, 0(a1)\n	j stop\n"
	"at_store: sd a0, 0(a1)\n	j stop\n"
	"at_jump: jr a1\n	j stop\n"
	"at_ebreak: ebreak\n	j stop\n"
	"at_fp: fadd.d fa0, fa0, fa0\n	j stop\n"
	"at_csr: csrr a0, sstatus\n	j stop\n"
	"at_lr: lr.d a0, (a1)\n	j stop\n"
	"at_amo: amoadd.d a0, a0, (a1)\n	j stop\n"
	"at_ecall: ecall\n	j stop\n"
	".option rvc\nat_compressed_load: c.ld a0, 0(a1)\n .option norvc\n .balign 4\n"
	"stop: li a7, -3\n	mv a0, s11\n	li a1, 0\n	ecall\n	.word 0\n"
	".option pop\n");

enum { STOPPED = 0x5707 }; /* the badge of the message that says: the thread went on to its end */

/* Runs the instruction at pc, with a0 and a1 as given; what the handler receives. */
static struct received fault_at(const char *pc, seL4_Word a0, seL4_Word a1)
{
	for (unsigned i = 0; i < 32; i++)
		((seL4_Word *)&start)[i] = 0xcafe000000000000 + i;
	start.pc = (seL4_Word)pc;
	start.a0 = a0;
	start.a1 = a1;
	start.s11 = fault_ep;
	sk_must(seL4_TCB_WriteRegisters(peer.thread.tcb, 1, 0, 32, &start));
	return poll(fault_ep);
}

static void reply(seL4_Word label, seL4_Word length, seL4_Word mr0, seL4_Word mr1)
{
	trap(seL4_SysReply, 0, INFO(label, 0, length).words[0], mr0, mr1);
}

/* The thread has sent its closing message (unbadged), with nothing wrong before. */
static bool went_on(void)
{
	struct received r = poll(fault_ep);
	return r.came && r.badge == 0;
}

static bool read_now(void)
{
	return seL4_TCB_ReadRegisters(peer.thread.tcb, 0, 0, 32, &now) == seL4_NoError;
}

static void memory_fault(const char *name, const char *pc, seL4_Word address, seL4_Word fetch, seL4_Word fsr)
{
	char text[100];
	struct received f = fault_at(pc, 5, address);

	snprintf(text, sizeof text, "%s: VMFault of 4 words, the handler's badge", name);
	check(text, f.came && f.label == 5 && f.length == 4 && f.badge == 0xf);
	snprintf(text, sizeof text, "%s: ip", name);
	equal(text, f.mr[0], fetch ? address : (seL4_Word)pc);
	snprintf(text, sizeof text, "%s: address", name);
	equal(text, f.mr[1], address);
	snprintf(text, sizeof text, "%s: fetch or data, FSR", name);
	check(text, f.mr[2] == fetch && f.mr[3] == fsr);
}

static void memory(void)
{
	seL4_CPtr read_only = sk_frame_new();
	seL4_Word ro = (seL4_Word)sk_address_new(1), rw = (seL4_Word)sk_pages_new(1, NULL);

	section("VMFault", "types.md §7.4");
	sk_must(sk_map(VSPACE, read_only, ro, seL4_CanRead, seL4_RISCV_ExecuteNever));
	memory_fault("load, nothing there", at_load, 0x10, 0, 5);
	memory_fault("compressed load", at_compressed_load, 0x18, 0, 5);
	memory_fault("store, nothing there", at_store, 0x3000000000, 0, 7);
	memory_fault("store, read-only", at_store, ro + 8, 0, 7);
	memory_fault("jump, nothing there", at_jump, 0x2000, 1, 1);
	memory_fault("jump, not executable", at_jump, rw + 16, 1, 1);
	memory_fault("load beyond users' addresses", at_load, 0xffffffc000000000, 0, 5);
	memory_fault("load, not canonical", at_load, 0x0100000000000000, 0, 5);
	memory_fault("jump beyond users' addresses", at_jump, 0xffffffff80000000, 1, 1);
	memory_fault("AMO, read-only", at_amo, ro, 0, 7);
	memory_fault("AMO, nothing there", at_amo, 0x40, 0, 7);
	memory_fault("LR, nothing there", at_lr, 0x40, 0, 5);

	section("VMFault, reply", "types.md §7.4, ipc.md §4");
	struct received f = fault_at(at_load, 5, rw + 0x2000);
	reply(0, 0, 0, 0);
	f = poll(fault_ep);
	check("the cause still there: it faults again",
	      f.came && f.label == 5 && f.mr[0] == (seL4_Word)at_load);
	reply(77, 4, 0x1234, 0x5678);
	f = poll(fault_ep);
	check("label and content do not count", f.came && f.label == 5 && f.mr[0] == (seL4_Word)at_load);
	sk_must(seL4_TCB_ReadRegisters(peer.thread.tcb, 0, 0, 32, &now));
	now.a1 = rw;
	sk_must(seL4_TCB_WriteRegisters(peer.thread.tcb, 0, 0, 32, &now));
	reply(0, 0, 0, 0);
	check("the cause removed: it goes on", went_on());
	f = fault_at(at_load, 5, rw + 0x2000);
	now.pc = (seL4_Word)at_load + 4;
	sk_must(seL4_TCB_WriteRegisters(peer.thread.tcb, 1, 0, 32, &now));
	check("restarted by WriteRegisters: it goes on there", went_on());
	f = fault_at(at_load, 5, rw + 0x2000);
	sk_must(seL4_TCB_Resume(peer.thread.tcb));
	check("restarted by Resume: it faults again", poll(fault_ep).label == 5);
	f = fault_at(at_load, 5, rw + 0x2000);
	seL4_CPtr saved = sk_slot_new();
	sk_must(seL4_CNode_SaveCaller(ROOT, saved, 64));
	is("its reply can be saved", saved, TYPE_REPLY);
	trap(seL4_SysSend, saved, 0, 0, 0);
	check("and used by Send", poll(fault_ep).label == 5);
	(void)f;
}

static void exception(const char *name, const char *pc, seL4_Word a1, seL4_Word number)
{
	char text[100];
	struct received f = fault_at(pc, 5, a1);

	snprintf(text, sizeof text, "%s: UserException of 4 words", name);
	check(text, f.came && f.label == 3 && f.length == 4 && f.badge == 0xf);
	snprintf(text, sizeof text, "%s: ip, sp, number, code", name);
	check(text, f.mr[0] == (seL4_Word)pc && f.mr[1] == start.sp && f.mr[2] == number && f.mr[3] == 0);
}

static void exceptions(void)
{
	seL4_Word rw = (seL4_Word)sk_pages_new(1, NULL);

	section("UserException", "types.md §7.3");
	exception("illegal instruction", at_illegal, 0, 2);
	exception("supervisor's register", at_csr, 0, 2);
	exception("ebreak", at_ebreak, 0, 3);
	exception("misaligned LR", at_lr, rw + 1, 4);
	exception("misaligned AMO", at_amo, rw + 4, 6);
	sk_must(seL4_TCB_SetFlags(peer.thread.tcb, 0, 1).error);
	exception("floating point, disabled", at_fp, 0, 2);
	sk_must(seL4_TCB_SetFlags(peer.thread.tcb, 1, 0).error);
	reply(0, 0, 0, 0);
	check("floating point, enabled again: it goes on", went_on());

	section("UserException, reply", "types.md §7.3");
	fault_at(at_illegal, 0, 0);
	reply(0, 0, 0, 0);
	check("length 0: again", poll(fault_ep).label == 3);
	reply(0, 1, (seL4_Word)at_illegal + 4, 0x99);
	check("ip moved on: it goes on", went_on());
	fault_at(at_illegal, 0, 0);
	reply(0, 2, (seL4_Word)at_illegal + 4, 0x5550);
	check("length 2: goes on", went_on());
	check("with another sp", read_now() && now.sp == 0x5550);
	fault_at(at_illegal, 0, 0);
	reply(1, 2, (seL4_Word)at_illegal + 4, 0x5560);
	check("label 1: it stops", !poll(fault_ep).came);
	check("its registers are set all the same",
	      read_now() && now.pc == (seL4_Word)at_illegal + 4 && now.sp == 0x5560);
	sk_must(seL4_TCB_Resume(peer.thread.tcb));
	check("resumed, it goes on", went_on());
}

static void unknown(void)
{
	section("UnknownSyscall, reply", "types.md §7.2, syscalls.md §4");
	struct received f = fault_at(at_ecall, 5, 6);
	check("number",
	      f.label == 2 && f.length == 11 && seL4_GetMR(10) == start.a7 && f.mr[0] == (seL4_Word)at_ecall);
	reply(0, 0, 0, 0);
	check("length 0: again", poll(fault_ep).label == 2);
	for (int i = 4; i < 11; i++)
		seL4_SetMR(i, 0x700 + i);
	trap(seL4_SysReply, 0, INFO(0, 0, 11).words[0], (seL4_Word)at_ecall + 4, 0x701);
	check("goes on", went_on());
	read_now();
	check("sp, ra are written", now.sp == 0x701 && now.ra == 0x333);
	check("a2 to a6 are written",
	      now.a2 == 0x705 && now.a3 == 0x706 && now.a4 == 0x707 && now.a5 == 0x708 && now.a6 == 0x709);
	fault_at(at_ecall, 5, 6);
	trap(seL4_SysReply, 0, INFO(1, 0, 11).words[0], (seL4_Word)at_illegal, 0x801);
	check("label 1: it stops", !poll(fault_ep).came);
	check("registers are written; the number never is", read_now() && now.pc == (seL4_Word)at_illegal &&
								    now.sp == 0x801 && now.a0 == 0x444 &&
								    now.a7 == start.a7);
	fault_at(at_ecall, 5, 6);
	reply(0, 1, (seL4_Word)at_ecall + 4, 0x801);
	check("worked example: ip + 4, length 1", went_on());
	check("only ip was written", read_now() && now.sp == start.sp && now.ra == start.ra);
	fault_at(at_ecall, 5, 6);
	reply(1, 0, 0, 0);
	sk_must(seL4_TCB_Resume(peer.thread.tcb));
	check("label 1, then Resume: faults again", poll(fault_ep).label == 2);

	section("CapFault, reply", "types.md §7.1");
	peer_trap(&peer, seL4_SysSend, 1ul << 60, INFO(0, 0, 0), 0, 0);
	check("CapFault", poll(fault_ep).label == 1);
	reply(9, 4, 1, 2);
	f = poll(fault_ep);
	check("any reply restarts the call", f.label == 1 && f.mr[1] == 1ul << 60);
}

/* A handler that is none: the thread becomes Inactive, nothing is sent. */
static void double_fault(const char *name, seL4_CPtr cap)
{
	char text[100];

	sk_must(seL4_TCB_SetSpace(peer.thread.tcb, cap, ROOT, 0, VSPACE, 0));
	struct received f = fault_at(at_illegal, 0, 0);
	snprintf(text, sizeof text, "%s: nothing is sent", name);
	check(text, !f.came);
	sk_must(seL4_TCB_SetSpace(peer.thread.tcb, handler, ROOT, 0, VSPACE, 0));
	sk_must(seL4_TCB_Resume(peer.thread.tcb));
	snprintf(text, sizeof text, "%s: given a handler and resumed, it faults again", name);
	check(text, poll(fault_ep).label == 3);
}

static void handlers(void)
{
	section("handlers that are none", "ipc.md §4");
	double_fault("slot 0", 0);
	double_fault("unresolvable", 1ul << 60);
	double_fault("an empty slot", sk_slot_new());
	double_fault("a notification", sk_notification_new());
	double_fault("a TCB", SELF);
	double_fault("only Write", sk_cap_mint(fault_ep, seL4_CanWrite, 1));
	double_fault("Write and Read", sk_cap_mint(fault_ep, seL4_ReadWrite, 1));
	double_fault("no Write", sk_cap_mint(fault_ep, seL4_NoWrite, 1));

	section("handlers", "ipc.md §4");
	seL4_CPtr weak = sk_cap_mint(fault_ep, (seL4_CapRights_t){{1 | 8}}, 0x22);
	sk_must(seL4_TCB_SetSpace(peer.thread.tcb, weak, ROOT, 0, VSPACE, 0));
	check("Write and GrantReply suffice", fault_at(at_illegal, 0, 0).badge == 0x22);
	reply(0, 1, (seL4_Word)at_illegal + 4, 0);
	check("and the reply works", went_on());
	seL4_CPtr grant = sk_cap_mint(fault_ep, (seL4_CapRights_t){{1 | 4}}, 0x23);
	sk_must(seL4_TCB_SetSpace(peer.thread.tcb, grant, ROOT, 0, VSPACE, 0));
	check("Write and Grant suffice", fault_at(at_illegal, 0, 0).badge == 0x23);
	sk_must(cap_delete(grant));
	reply(0, 0, 0, 0);
	check("it is looked up when the fault happens: now it is gone", !poll(fault_ep).came);
	sk_must(seL4_TCB_SetSpace(peer.thread.tcb, handler, ROOT, 0, VSPACE, 0));

	/* Nobody receives: the faulted thread is queued like a sender, its message built on delivery. */
	fault_at(at_illegal, 0, 0);
	struct peer other;
	peer_new(&other, HIGH, 0);
	sk_must(seL4_TCB_SetIPCBuffer(other.thread.tcb, 0, 0));
	sk_must(seL4_TCB_SetPriority(peer.thread.tcb, SELF, LOW));
	peer_trap(&other, seL4_SysRecv, fault_ep, INFO(0, 0, 0), 0, 0);
	sk_must(seL4_TCB_Resume(peer.thread.tcb));
	seL4_CPtr sleep_on = sk_notification_new();
	struct peer waker; /* runs when the faulting thread is blocked, being lower */
	peer_new(&waker, LOW - 10, 0);
	peer_trap(&waker, seL4_SysSend, sleep_on, INFO(0, 0, 0), 0, 0);
	seL4_Wait(sleep_on, NULL);
	check("a receiver without IPC buffer: 4 words",
	      other.done && peer_length(&other) == 4 && peer_label(&other) == 3);
	sk_must(seL4_TCB_SetPriority(peer.thread.tcb, SELF, HIGH));
	sk_thread_delete(&other.thread);

	/* Ten words of an UnknownSyscall need a buffer, both ways. */
	peer_new(&other, HIGH, 0);
	sk_must(seL4_TCB_SetIPCBuffer(other.thread.tcb, 0, 0));
	peer_trap(&other, seL4_SysRecv, fault_ep, INFO(0, 0, 0), 0, 0);
	for (unsigned i = 0; i < 32; i++)
		((seL4_Word *)&start)[i] = i;
	start.pc = (seL4_Word)at_ecall;
	start.s11 = fault_ep;
	sk_must(seL4_TCB_WriteRegisters(peer.thread.tcb, 1, 0, 32, &start));
	check("UnknownSyscall to one without: 4 words",
	      other.done && peer_length(&other) == 4 && peer_label(&other) == 2);
	peer_trap(&other, seL4_SysReply, 0, INFO(0, 0, 11), (seL4_Word)at_ecall + 4, 0x66);
	check("reply by one without: goes on", went_on());
	check("four registers are written",
	      read_now() && now.sp == 0x66 && now.a2 == start.a2 && now.a6 == start.a6);
	sk_thread_delete(&other.thread);

	/* The endpoint's last capability goes while a faulted thread is queued. */
	seL4_CPtr own = sk_endpoint_new();
	sk_must(seL4_TCB_SetSpace(peer.thread.tcb, own, ROOT, 0, VSPACE, 0));
	sk_must(seL4_TCB_WriteRegisters(peer.thread.tcb, 1, 0, 32, &start));
	sk_must(cap_delete(own));
	sk_must(seL4_TCB_SetSpace(peer.thread.tcb, handler, ROOT, 0, VSPACE, 0));
	check("a queued one whose endpoint goes faults without handler", !poll(fault_ep).came);
	sk_must(seL4_TCB_Resume(peer.thread.tcb));
	check("and again when resumed", poll(fault_ep).label == 2);

	/* It does something else before its handler has received the message. */
	own = sk_endpoint_new();
	sk_must(seL4_TCB_WriteRegisters(peer.thread.tcb, 1, 0, 32, &start));
	peer_trap(&peer, seL4_SysSend, own, INFO(0x77, 0, 0), 0, 0);
	check("one resumed before its fault is received sends its own message", poll(own).label == 0x77);
	check("and has no fault any more", !poll(fault_ep).came);
}

int main(void)
{
	conform_begin("fault");
	fault_ep = sk_endpoint_new();
	handler = sk_cap_mint(fault_ep, seL4_AllRights, 0xf);
	peer_new(&peer, HIGH, handler);
	memory();
	exceptions();
	unknown();
	handlers();
	return conform_end();
}
