/* TCB methods: the order of their checks and what each does. */
#include "conform.h"

#include <skerry/device.h>

static struct sk_thread idle; /* never runs unless told so */
static seL4_CPtr ep, note, busy_untyped, unmapped_table, free_tcb, frame;

#define BUFFER 0x30000000ul

static void setup(void)
{
	sk_thread_new(&idle, NULL, LOW, 0);
	ep = sk_endpoint_new();
	note = sk_notification_new();
	busy_untyped = sk_untyped_new(12);
	sk_must(seL4_Untyped_Retype(busy_untyped, 2, 0, ROOT, 0, 0, sk_slot_new(), 1));
	unmapped_table = sk_object_new(seL4_RISCV_PageTableObject, 0);
	free_tcb = sk_object_new(seL4_TCBObject, 0);
	frame = sk_frame_new();
}

#define LABEL_CHECKS                                                                                         \
	{"label 0", OUT(IllegalOperation), {LABEL(0)}},                                                      \
		{"a CNode's label", OUT(IllegalOperation), {LABEL(CNodeCopy)}},                              \
	{                                                                                                    \
		"an unknown label", OUT(IllegalOperation),                                                   \
		{                                                                                            \
			LABEL(0xfffffffffffff)                                                               \
		}                                                                                            \
	}

static void registers_checks(void)
{
	section("TCB_ReadRegisters", "invocations.md §5.1");
	CHECKS(REQUEST(idle.tcb, TCBReadRegisters, CAPS(), ARGS(0, 32)), LABEL_CHECKS,
	       {"length 1", OUT(TruncatedMessage), {LENGTH(1)}},
	       {"count 0", OUT(RangeError, 1, 32), {ARG(1, 0)}},
	       {"count 33", OUT(RangeError, 1, 32), {ARG(1, 33)}},
	       {"own TCB", OUT(IllegalOperation), {OBJECT(SELF)}});
	section("TCB_WriteRegisters", "invocations.md §5.1");
	CHECKS(REQUEST(idle.tcb, TCBWriteRegisters, CAPS(), ARGS(0, 2, 0x1234, 0x5678)), LABEL_CHECKS,
	       {"length 1", OUT(TruncatedMessage), {LENGTH(1)}},
	       {"length 3, count 2", OUT(TruncatedMessage), {LENGTH(3)}},
	       {"own TCB", OUT(IllegalOperation), {OBJECT(SELF)}});
	TRY("good", OUT(NoError), idle.tcb, TCBWriteRegisters, CAPS(), ARGS(0, 2, 0x1234, 0x5678));
	TRY("read back", OUT(NoError, 0x1234, 0x5678), idle.tcb, TCBReadRegisters, CAPS(), ARGS(0, 2));
	TRY("count 0", OUT(NoError), idle.tcb, TCBWriteRegisters, CAPS(), ARGS(0, 0));
	section("TCB_CopyRegisters", "invocations.md §5.1");
	CHECKS(REQUEST(idle.tcb, TCBCopyRegisters, CAPS(free_tcb), ARGS(0)), LABEL_CHECKS,
	       {"length 0", OUT(TruncatedMessage), {LENGTH(0)}},
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"source is an endpoint", OUT(InvalidCapability, 1), {CAP(0, ep)}});
	TRY("source is null", OUT(InvalidCapability, 1), idle.tcb, TCBCopyRegisters, CAPS(0), ARGS(0));
	TRY("source is the caller", OUT(NoError), idle.tcb, TCBCopyRegisters, CAPS(SELF), ARGS(0));
}

/* Its CSpace is the last capability to a CNode: replacing it would be a long deletion. */
static seL4_CPtr last_holder(void)
{
	seL4_CPtr tcb = sk_object_new(seL4_TCBObject, 0), cnode = cnode_new(4);
	sk_must(seL4_TCB_SetSpace(tcb, 0, cnode, 0, VSPACE, 0));
	sk_must(cap_delete(cnode));
	return tcb;
}

static void space_checks(void)
{
	seL4_CPtr device = sk_device_frame(0x10009000), holder = last_holder();

#define SPACE_CHECKS                                                                                         \
	{"cspace is an untyped with children", OUT(RevokeFirst), {CAP(0, busy_untyped)}},                    \
		{"cspace is a TCB", OUT(IllegalOperation), {CAP(0, SELF)}},                                  \
		{"vspace is an untyped with children", OUT(RevokeFirst), {CAP(1, busy_untyped)}},            \
	{                                                                                                    \
		"vspace is an endpoint", OUT(IllegalOperation),                                              \
		{                                                                                            \
			CAP(1, ep)                                                                           \
		}                                                                                            \
	}
#define FRAME_CHECKS(frame_cap, address_arg)                                                                 \
	{"buffer frame is an untyped with children", OUT(RevokeFirst), {CAP(frame_cap, busy_untyped)}},      \
		{"buffer frame is an endpoint", OUT(IllegalOperation), {CAP(frame_cap, ep)}},                \
	{                                                                                                    \
		"buffer not aligned", OUT(AlignmentError),                                                   \
		{                                                                                            \
			ARG(address_arg, BUFFER + 512)                                                       \
		}                                                                                            \
	}

	section("TCB_Configure", "invocations.md §5.1");
	CHECKS(REQUEST(idle.tcb, TCBConfigure, CAPS(ROOT, VSPACE, frame), ARGS(0, 0, 0, BUFFER)),
	       LABEL_CHECKS, {"length 3", OUT(TruncatedMessage), {LENGTH(3)}},
	       {"two capabilities", OUT(TruncatedMessage), {NCAPS(2)}}, FRAME_CHECKS(2, 3),
	       {"CSpace is a last capability", OUT(IllegalOperation), {OBJECT(holder)}}, SPACE_CHECKS);
	TRY("device frame, not aligned", OUT(IllegalOperation), idle.tcb, TCBConfigure,
	    CAPS(ROOT, VSPACE, device), ARGS(0, 0, 0, BUFFER + 512));
	TRY("an unmapped table as vspace", OUT(IllegalOperation), idle.tcb, TCBConfigure,
	    CAPS(ROOT, unmapped_table, frame), ARGS(0, 0, 0, BUFFER));
	TRY("guard too big", OUT(IllegalOperation), idle.tcb, TCBConfigure, CAPS(ROOT, VSPACE, frame),
	    ARGS(0, 63, 0, BUFFER));
	TRY("guard too big, before the vspace", OUT(IllegalOperation), idle.tcb, TCBConfigure,
	    CAPS(ROOT, busy_untyped, frame), ARGS(0, 63, 0, BUFFER));
	TRY("no buffer: the frame is ignored", OUT(NoError), idle.tcb, TCBConfigure, CAPS(ROOT, VSPACE, 0),
	    ARGS(0, 0, 0, 0));
	TRY("an unmapped frame", OUT(NoError), idle.tcb, TCBConfigure, CAPS(ROOT, VSPACE, frame),
	    ARGS(0, 0, 0, BUFFER));
	TRY("a fault handler that is none", OUT(NoError), idle.tcb, TCBConfigure, CAPS(ROOT, VSPACE, frame),
	    ARGS(~0ul, 0, 0, BUFFER));

	section("TCB_SetSpace", "invocations.md §5.1");
	CHECKS(REQUEST(idle.tcb, TCBSetSpace, CAPS(ROOT, VSPACE), ARGS(0, 0, 0)), LABEL_CHECKS,
	       {"length 2", OUT(TruncatedMessage), {LENGTH(2)}},
	       {"one capability", OUT(TruncatedMessage), {NCAPS(1)}},
	       {"CSpace is a last capability", OUT(IllegalOperation), {OBJECT(holder)}}, SPACE_CHECKS);
	TRY("good", OUT(NoError), idle.tcb, TCBSetSpace, CAPS(ROOT, VSPACE), ARGS(0, 0, 0));
	TRY("vspace data has no effect", OUT(NoError), idle.tcb, TCBSetSpace, CAPS(ROOT, VSPACE),
	    ARGS(0, 0, 77));

	section("TCB_SetIPCBuffer", "invocations.md §5.1");
	CHECKS(REQUEST(idle.tcb, TCBSetIPCBuffer, CAPS(frame), ARGS(BUFFER)), LABEL_CHECKS,
	       {"length 0", OUT(TruncatedMessage), {LENGTH(0)}},
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}}, FRAME_CHECKS(0, 0));
	TRY("no buffer", OUT(NoError), idle.tcb, TCBSetIPCBuffer, CAPS(0), ARGS(0));
	TRY("aligned to 1024", OUT(NoError), idle.tcb, TCBSetIPCBuffer, CAPS(frame), ARGS(BUFFER + 1024));
	TRY("device frame", OUT(IllegalOperation), idle.tcb, TCBSetIPCBuffer, CAPS(device), ARGS(BUFFER));
}

static void priority_checks(void)
{
	seL4_CPtr authority = sk_object_new(seL4_TCBObject, 0);

	sk_must(seL4_TCB_SetMCPriority(authority, SELF, 80));
	section("TCB_SetPriority", "invocations.md §5.1, 13");
	CHECKS(REQUEST(idle.tcb, TCBSetPriority, CAPS(authority), ARGS(80)), LABEL_CHECKS,
	       {"length 0", OUT(TruncatedMessage), {LENGTH(0)}},
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"authority is an endpoint", OUT(InvalidCapability, 1), {CAP(0, ep)}},
	       {"above the authority's MCP", OUT(RangeError, 0, 80), {ARG(0, 81)}});
	TRY("256 with MCP 255", OUT(RangeError, 0, 255), idle.tcb, TCBSetPriority, CAPS(SELF), ARGS(256));
	TRY("2^32", OUT(RangeError, 0, 255), idle.tcb, TCBSetPriority, CAPS(SELF), ARGS(1ul << 32));
	TRY("the MCP itself", OUT(NoError), idle.tcb, TCBSetPriority, CAPS(authority), ARGS(80));
	section("TCB_SetMCPriority", "invocations.md §5.1");
	CHECKS(REQUEST(idle.tcb, TCBSetMCPriority, CAPS(authority), ARGS(80)), LABEL_CHECKS,
	       {"length 0", OUT(TruncatedMessage), {LENGTH(0)}},
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"authority is an endpoint", OUT(InvalidCapability, 1), {CAP(0, ep)}},
	       {"above the authority's MCP", OUT(RangeError, 0, 80), {ARG(0, 81)}});
	TRY("lower than the priority", OUT(NoError), idle.tcb, TCBSetMCPriority, CAPS(authority), ARGS(3));
	TRY("then it gives authority for no more", OUT(RangeError, 0, 3), authority, TCBSetPriority,
	    CAPS(idle.tcb), ARGS(4));
	section("TCB_SetSchedParams", "invocations.md §5.1");
	CHECKS(REQUEST(idle.tcb, TCBSetSchedParams, CAPS(authority), ARGS(80, 80)), LABEL_CHECKS,
	       {"length 1", OUT(TruncatedMessage), {LENGTH(1)}},
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"authority is an endpoint", OUT(InvalidCapability, 1), {CAP(0, ep)}},
	       {"MCP above the authority's", OUT(RangeError, 0, 80), {ARG(0, 81)}},
	       {"priority above the authority's MCP", OUT(RangeError, 0, 80), {ARG(1, 81)}});
	TRY("priority above its own new MCP", OUT(NoError), idle.tcb, TCBSetSchedParams, CAPS(authority),
	    ARGS(5, 70));
	sk_must(seL4_TCB_SetSchedParams(idle.tcb, SELF, LOW, LOW));
}

static void small_methods(void)
{
	struct outcome none = OUT(NoError);
	seL4_CPtr other = sk_notification_new(), waited = sk_notification_new();
	seL4_CPtr no_read = sk_cap_mint(note, seL4_CanWrite, 0), bound_tcb = sk_object_new(seL4_TCBObject, 0);
	struct peer waiter;

	section("TCB_Suspend, Resume", "invocations.md §5");
	CHECKS(REQUEST(idle.tcb, TCBSuspend, CAPS(), ARGS()), LABEL_CHECKS);
	try("suspend of one that never ran", none, REQUEST(idle.tcb, TCBSuspend, CAPS(), ARGS()));
	try("suspend again", none, REQUEST(idle.tcb, TCBSuspend, CAPS(), ARGS()));

	section("TCB_BindNotification", "invocations.md §5.1");
	peer_new(&waiter, HIGH, 0);
	peer_trap(&waiter, seL4_SysRecv, waited, INFO(0, 0, 0), 0, 0);
	sk_must(seL4_TCB_BindNotification(bound_tcb, other));
	CHECKS(REQUEST(idle.tcb, TCBBindNotification, CAPS(note), ARGS()), LABEL_CHECKS,
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"thread has one", OUT(IllegalOperation), {OBJECT(bound_tcb)}},
	       {"an endpoint", OUT(IllegalOperation), {CAP(0, ep)}},
	       {"no read right", OUT(IllegalOperation), {CAP(0, no_read)}},
	       {"someone waits there", OUT(IllegalOperation), {CAP(0, waited)}},
	       {"bound to another", OUT(IllegalOperation), {CAP(0, other)}});
	try("good", none, REQUEST(idle.tcb, TCBBindNotification, CAPS(note), ARGS()));
	TRY("again", OUT(IllegalOperation), idle.tcb, TCBBindNotification, CAPS(note), ARGS());
	section("TCB_UnbindNotification", "invocations.md §5.1");
	try("good", none, REQUEST(idle.tcb, TCBUnbindNotification, CAPS(), ARGS()));
	TRY("again", OUT(IllegalOperation), idle.tcb, TCBUnbindNotification, CAPS(), ARGS());
	sk_must(cap_delete(other));
	TRY("the notification was deleted", OUT(IllegalOperation), bound_tcb, TCBUnbindNotification, CAPS(),
	    ARGS());
	sk_must(seL4_TCB_BindNotification(bound_tcb, note));
	sk_must(cap_delete(bound_tcb));
	try("the thread was deleted: free again", none,
	    REQUEST(idle.tcb, TCBBindNotification, CAPS(note), ARGS()));
	sk_must(seL4_TCB_UnbindNotification(idle.tcb));
	sk_thread_delete(&waiter.thread);

	section("TCB_SetTLSBase", "invocations.md §5.1");
	CHECKS(REQUEST(idle.tcb, TCBSetTLSBase, CAPS(), ARGS(1)), LABEL_CHECKS,
	       {"length 0", OUT(TruncatedMessage), {LENGTH(0)}});
	try("any value", none, REQUEST(idle.tcb, TCBSetTLSBase, CAPS(), ARGS(0xdead00000000beef)));
	seL4_UserContext regs;
	sk_must(seL4_TCB_ReadRegisters(idle.tcb, 0, 0, 32, &regs));
	equal("it is tp", regs.tp, 0xdead00000000beef);

	section("TCB_SetFlags", "invocations.md §5.1");
	CHECKS(REQUEST(idle.tcb, TCBSetFlags, CAPS(), ARGS(0, 0)), LABEL_CHECKS,
	       {"length 1", OUT(TruncatedMessage), {LENGTH(1)}});
	TRY("0 at first", OUT(NoError, 0), idle.tcb, TCBSetFlags, CAPS(), ARGS(0, 0));
	TRY("set", OUT(NoError, 1), idle.tcb, TCBSetFlags, CAPS(), ARGS(0, 1));
	TRY("unknown flags are ignored", OUT(NoError, 1), idle.tcb, TCBSetFlags, CAPS(), ARGS(0, ~1ul));
	TRY("clear first, then set", OUT(NoError, 1), idle.tcb, TCBSetFlags, CAPS(), ARGS(1, 1));
	TRY("clear unknown ones", OUT(NoError, 1), idle.tcb, TCBSetFlags, CAPS(), ARGS(~1ul, 0));
	TRY("clear", OUT(NoError, 0), idle.tcb, TCBSetFlags, CAPS(), ARGS(~0ul, 0));

	section("labels of other configurations", "invocations.md §2.1");
	TRY("41: one after the last", OUT(IllegalOperation), idle.tcb, 41, CAPS(), ARGS(0, 0, 0, 0));
	TRY("2^32 + 11 is not Suspend", OUT(IllegalOperation), idle.tcb, (1ul << 32) + TCBSuspend, CAPS(),
	    ARGS());
}

static void registers(void)
{
	seL4_UserContext in, out;
	seL4_Word *words = (seL4_Word *)&in;
	seL4_CPtr tcb = sk_object_new(seL4_TCBObject, 0), copy = sk_object_new(seL4_TCBObject, 0);

	section("registers", "types.md §5, invocations.md §5.1");
	for (unsigned i = 0; i < 32; i++)
		words[i] = 0x1111000000000000 + i;
	sk_must(seL4_TCB_WriteRegisters(tcb, 0, 0xff, 32, &in));
	sk_must(seL4_TCB_ReadRegisters(tcb, 0, 0xff, 32, &out));
	check("32 words come back as they were", !memcmp(&in, &out, sizeof in));
	struct request read = REQUEST(tcb, TCBReadRegisters, CAPS(), ARGS(0, 7));
	equal("7 asked for, 7 in the message", invoke(read).length, 7);
	sk_must(seL4_TCB_CopyRegisters(copy, tcb, 0, 0, 1, 0, 0));
	sk_must(seL4_TCB_ReadRegisters(copy, 0, 0, 32, &out));
	check("frame registers: the first 16",
	      !memcmp(&in, &out, 16 * 8) && out.a0 == 0 && out.t0 == 0 && out.tp == 0);
	memset(&in, 0x77, sizeof in);
	sk_must(seL4_TCB_WriteRegisters(tcb, 0, 0, 32, &in));
	sk_must(seL4_TCB_CopyRegisters(copy, tcb, 0, 0, 0, 1, 0));
	sk_must(seL4_TCB_ReadRegisters(copy, 0, 0, 32, &out));
	check("integer registers: the other 16",
	      !memcmp((char *)&in + 128, (char *)&out + 128, 128) && out.pc == 0x1111000000000000);
	/* 35 words, count 33: clamped to 32 */
	seL4_SetMR(4, 0x4444);
	struct outcome o = invoke((struct request){tcb, TCBWriteRegisters, 0, {0}, 35, {0, 33, 5, 6, 7, 8}});
	equal("a count above 32 is clamped", o.label, seL4_NoError);
	TRY("the rest is written", OUT(NoError, 5, 6, 7, 8), tcb, TCBReadRegisters, CAPS(), ARGS(0, 4));
	TRY("count 2^63, length 2", OUT(TruncatedMessage), tcb, TCBWriteRegisters, CAPS(),
	    ARGS(0, 1ul << 63));
}

static volatile seL4_Word counter;

static void count_forever(void *argument)
{
	(void)argument;
	for (;;)
		counter++;
}

static void suspend_itself(void *argument)
{
	struct peer *peer = argument;

	counter++;
	seL4_TCB_Suspend(peer->thread.tcb);
	counter++;
	seL4_TCB_Suspend(peer->thread.tcb);
}

static void running(void)
{
	struct peer peer;
	seL4_UserContext regs;

	section("suspend and resume", "invocations.md §5.1");
	peer_new(&peer, HIGH, 0);
	counter = 0;
	peer_run(&peer, suspend_itself, &peer);
	equal("ran until it suspended itself", counter, 1);
	sk_must(seL4_TCB_Resume(peer.thread.tcb));
	equal("resumed, it suspends itself again", counter, 1);
	sk_must(seL4_TCB_ReadRegisters(peer.thread.tcb, 0, 0, 32, &regs));
	equal("it stands at the trap", *(uint32_t *)regs.pc, 0x73);
	equal("its call number is in a7", regs.a7, (seL4_Word)seL4_SysCall);
	regs.pc += 4;
	sk_must(seL4_TCB_WriteRegisters(peer.thread.tcb, 1, 0, 32, &regs));
	equal("its pc moved on, it goes on", counter, 2);

	/* A lower one that computes runs when we wait for an alarm that never rings: not at all. */
	sk_must(seL4_TCB_SetPriority(peer.thread.tcb, SELF, MAIN_PRIO));
	counter = 0;
	peer_run(&peer, count_forever, NULL);
	while (counter == 0)
		seL4_Yield();
	seL4_Word before = counter;
	sk_must(seL4_TCB_ReadRegisters(peer.thread.tcb, 1, 0, 32, &regs));
	seL4_Yield();
	equal("ReadRegisters suspends, if asked", counter, before);
	check("its pc is in its loop",
	      regs.pc >= (seL4_Word)count_forever && regs.pc < (seL4_Word)count_forever + 64);
	sk_must(seL4_TCB_Resume(peer.thread.tcb));
	while (counter == before)
		seL4_Yield();
	check("it goes on", counter > before);
	sk_must(seL4_TCB_CopyRegisters(free_tcb, peer.thread.tcb, 1, 0, 1, 1, 0));
	before = counter;
	seL4_Yield();
	equal("CopyRegisters suspends the source, if asked", counter, before);
	sk_must(seL4_TCB_CopyRegisters(peer.thread.tcb, free_tcb, 0, 1, 1, 1, 0));
	while (counter == before)
		seL4_Yield();
	check("and resumes the destination, if asked", counter > before);
	sk_thread_delete(&peer.thread);
}

/* What a thread without an IPC buffer can say and hear. */
static void without_buffer(void)
{
	struct peer peer;

	section("no IPC buffer", "syscalls.md §3.1, invocations.md §5.1");
	peer_new(&peer, HIGH, 0);
	sk_must(seL4_TCB_SetIPCBuffer(peer.thread.tcb, 0, 0));
	peer_trap(&peer, seL4_SysCall, idle.tcb, INFO(TCBReadRegisters, 0, 2), 0, 32);
	equal("32 registers read: length 4", peer_length(&peer), 4);
	equal("without error", peer_label(&peer), 0);
	peer_trap(&peer, seL4_SysCall, idle.tcb, INFO(TCBWriteRegisters, 0, 34), 0, 32);
	equal("WriteRegisters of all", peer_label(&peer), seL4_TruncatedMessage);
	peer_trap(&peer, seL4_SysCall, idle.tcb, INFO(TCBWriteRegisters, 0, 4), 0, 2);
	equal("WriteRegisters of two", peer_label(&peer), seL4_NoError);
	peer_trap(&peer, seL4_SysCall, idle.tcb, INFO(TCBSetPriority, 1, 1), 10, 0);
	equal("a method with capabilities", peer_label(&peer), seL4_TruncatedMessage);
	sk_thread_delete(&peer.thread);
}

#define RETURNS(number) (0x0000806700000513 | (seL4_Word)(number) << 20) /* li a0, number; ret */

/* What the kernel writes into an IPC buffer is what is executed from there. */
static void results_as_code(void)
{
	seL4_IPCBuffer *buffer = seL4_GetIPCBuffer();
	int (*code)(void) = (int (*)(void))&buffer->msg[10]; /* where the result that is s6 lies */
	seL4_UserContext regs = {.s6 = RETURNS(2)}, read;

	section("results as code", "types.md §4");
	sk_must(seL4_TCB_WriteRegisters(idle.tcb, 0, 0, 32, &regs));
	sk_must(seL4_RISCV_Page_Map(seL4_CapInitThreadIPCBuffer, seL4_CapInitThreadVSpace,
				    (seL4_Word)buffer & ~4095ul, seL4_ReadWrite, 0));
	buffer->msg[10] = RETURNS(1);
	__asm__ volatile("fence.i" ::: "memory");
	equal("what we wrote", code(), 1);
	sk_must(seL4_TCB_ReadRegisters(idle.tcb, 0, 0, 32, &read));
	__asm__ volatile("fence.i" ::: "memory");
	equal("what the kernel wrote", code(), 2);
}

int main(void)
{
	conform_begin("tcb");
	setup();
	registers_checks();
	space_checks();
	priority_checks();
	small_methods();
	registers();
	running();
	without_buffer();
	results_as_code();
	return conform_end();
}
