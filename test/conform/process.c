/* Processes: address and capability spaces of their own, started, used and torn down many times. */
#include "conform.h"

#include <skerry/process.h>

static struct sk_arena arena;
static seL4_Word shared_number = 5; /* each process has its copy of this */

enum { EP = SK_PROCESS_FIRST_FREE, GIFT, SPARE, UNTYPED, RESULT_BASE = 0x100 };

static void child(void *argument)
{
	seL4_Word number = (seL4_Word)argument, tcb_type = seL4_DebugCapIdentify(1);

	shared_number += number;
	seL4_SetMR(0, shared_number);
	seL4_SetMR(1, tcb_type);
	seL4_SetMR(2, seL4_DebugCapIdentify(GIFT));
	seL4_SetMR(3, seL4_CNode_Copy(2, SPARE, 64, 2, EP, 64, seL4_AllRights));
	seL4_SetMR(4, 0x4444);
	seL4_SetCapReceivePath(2, GIFT, 64);
	seL4_Call(EP, INFO(1, 0, 5));
	seL4_SetMR(0, seL4_DebugCapIdentify(GIFT));
	seL4_Call(EP, INFO(2, 0, 1));
	volatile int *volatile nowhere = (volatile int *)0x10;
	*nowhere = 0; /* a fault, to its own handler */
}

static void start_and_teardown(void)
{
	section("process", "issue: process start and teardown; capabilities.md §3-7");
	for (unsigned round = 0; round < 20; round++) {
		struct sk_process p;
		seL4_Word badge;
		bool good = true;

		sk_arena_open(&arena, 23);
		seL4_CPtr ep = sk_endpoint_new(), gift = sk_notification_new();
		seL4_CPtr faults = sk_cap_mint(ep, seL4_AllRights, 0xfa);
		sk_process_new(&p, "child", HIGH, faults);
		sk_process_give(&p, EP, ep, seL4_AllRights, 0xb0 + round);
		sk_process_start(&p, child, (void *)(seL4_Word)round);
		seL4_MessageInfo_t message = seL4_Recv(ep, &badge);
		if (round == 0) {
			equal("first message: label and length", message.words[0], INFO(1, 0, 5).words[0]);
			equal("badge", badge, 0xb0);
			equal("its copy of the data", seL4_GetMR(0), 5);
			equal("slot 1 is its TCB", seL4_GetMR(1), TYPE_TCB);
			equal("a slot given nothing", seL4_GetMR(2), TYPE_NULL);
			equal("it copies in its own CSpace", seL4_GetMR(3), 0);
			equal("a word by buffer", seL4_GetMR(4), 0x4444);
		}
		good = good && badge == 0xb0 + round && seL4_GetMR(0) == 5 + round && shared_number == 5;
		seL4_SetCap(0, gift);
		message = seL4_ReplyRecv(ep, INFO(0, 1, 0), &badge);
		good = good && message.words[0] == INFO(2, 0, 1).words[0] &&
		       seL4_GetMR(0) == TYPE_NOTIFICATION;
		if (round == 0)
			equal("a capability in the reply", seL4_GetMR(0), TYPE_NOTIFICATION);
		message = seL4_ReplyRecv(ep, INFO(0, 0, 0), &badge);
		good = good && badge == 0xfa && seL4_MessageInfo_get_label(message) == 5 &&
		       seL4_GetMR(1) == 0x10;
		if (round == 0)
			check("its fault comes from its own CSpace's handler",
			      badge == 0xfa && seL4_GetMR(1) == 0x10);
		sk_arena_close(&arena);
		if (round == 0 || !good)
			check("twenty rounds of it", good);
		if (!good)
			return;
	}
}

static void echo(void *argument)
{
	seL4_Word badge;
	(void)argument;
	seL4_MessageInfo_t message = seL4_Recv(EP, &badge);

	for (;;)
		message = seL4_ReplyRecv(EP, message, &badge);
}

static void between_processes(void)
{
	struct sk_process server;
	bool good = true;

	section("messages between address spaces", "ipc.md §2.4");
	sk_arena_open(&arena, 23);
	seL4_CPtr ep = sk_endpoint_new();
	sk_process_new(&server, "echo", HIGH, 0);
	sk_process_give(&server, EP, ep, seL4_AllRights, 0);
	sk_process_start(&server, echo, NULL);
	for (seL4_Word length = 0; length <= 120; length++) {
		for (int i = 0; i < 120; i++)
			seL4_SetMR(i, length * 1000 + (seL4_Word)i);
		seL4_MessageInfo_t message = seL4_Call(ep, INFO(length, 0, length));
		good = good && message.words[0] == INFO(length, 0, length).words[0];
		for (int i = 0; i < (int)length; i++)
			good = good && seL4_GetMR(i) == length * 1000 + (seL4_Word)i;
	}
	check("0 to 120 words there and back", good);

	/* A server that dies with a client waiting. */
	struct peer client;
	peer_new(&client, HIGH, 0);
	sk_must(seL4_TCB_SetPriority(server.thread.tcb, SELF, LOW));
	peer_trap(&client, seL4_SysCall, ep, INFO(1, 0, 0), 0, 0);
	check("a client is served when the server runs", client.done == 0);
	sk_must(cap_revoke(server.vspace));
	sk_must(cap_delete(server.vspace));
	sk_must(seL4_TCB_SetPriority(server.thread.tcb, SELF, HIGH));
	check("a server whose address space is gone serves nobody", client.done == 0);
	sk_must(seL4_TCB_Suspend(client.thread.tcb));
	sk_arena_close(&arena);
	check("all torn down", true);
}

static void suspicious(void *argument)
{
	(void)argument;
	/* Nothing of ours can be named from here. (An error's details are in the message words: set them
	 * last.) */
	seL4_Word slots = seL4_DebugCapIdentify(0) | seL4_DebugCapIdentify(9) | seL4_DebugCapIdentify(200) |
			  seL4_DebugCapIdentify(300);
	seL4_Error higher = seL4_TCB_SetPriority(1, 1, HIGH + 1), same = seL4_TCB_SetPriority(1, 1, HIGH);
	seL4_Error retype = seL4_Untyped_Retype(UNTYPED, seL4_EndpointObject, 0, 2, 0, 0, SPARE, 2);
	seL4_SetMR(0, slots);
	seL4_SetMR(1, higher);
	seL4_SetMR(2, same);
	seL4_SetMR(3, retype);
	seL4_Send(EP, INFO(3, 0, 4));
}

static void confined(void)
{
	struct sk_process p;

	section("confinement", "capabilities.md §4, invocations.md §5.1");
	sk_arena_open(&arena, 23);
	seL4_CPtr ep = sk_endpoint_new();
	sk_process_new(&p, "confined", HIGH, 0);
	sk_process_give(&p, EP, ep, seL4_CanWrite, 1);
	sk_process_give(&p, UNTYPED, sk_untyped_new(8), seL4_AllRights, 0);
	sk_process_start(&p, suspicious, NULL);
	struct received r = poll(ep);
	check("it sends", r.came && r.length == 4 && r.badge == 1);
	equal("slots that it was not given are empty", r.mr[0], 0);
	equal("no priority above its MCP", r.mr[1], seL4_RangeError);
	equal("its MCP", r.mr[2], seL4_NoError);
	equal("objects from its own memory: slot 7 is taken by it", r.mr[3], seL4_DeleteFirst);
	sk_arena_close(&arena);
}

int main(void)
{
	conform_begin("process");
	start_and_teardown();
	between_processes();
	confined();
	return conform_end();
}
