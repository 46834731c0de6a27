/* Calls and answers, and messages without an answer. */
#include "metal.h"

#include <skerry/check.h>
#include <skerry/object.h>

enum { RECEIVE_SLOT = 200 };

/*
 * Both loops are written once and made for each length, so that it is a constant and a message of no
 * words costs nothing but the call. Words from the fifth on stay in the IPC buffer as they are.
 */
#define MADE_FOR_EACH_LENGTH static inline __attribute__((always_inline))

MADE_FOR_EACH_LENGTH void serve(seL4_Word length)
{
	seL4_CPtr endpoint = shared->cap[0];
	seL4_Word a = 0, b = 0, c = 0, d = 0;
	bool words = length > 0;
	seL4_Word *const mr[4] = {words ? &a : 0, words ? &b : 0, words ? &c : 0, words ? &d : 0};

	seL4_RecvWithMRs(endpoint, 0, mr[0], mr[1], mr[2], mr[3]);
	for (;;)
		seL4_ReplyRecvWithMRs(endpoint, seL4_MessageInfo_new(0, 0, 0, length), 0, mr[0], mr[1], mr[2],
				      mr[3]);
}

static void serve_0(void *unused)
{
	(void)unused;
	serve(0);
}

static void serve_4(void *unused)
{
	(void)unused;
	serve(4);
}

static void serve_10(void *unused)
{
	(void)unused;
	serve(10);
}

MADE_FOR_EACH_LENGTH void call(const char *name, seL4_CPtr endpoint, seL4_Word length)
{
	seL4_MessageInfo_t info = seL4_MessageInfo_new(0, 0, 0, length);
	seL4_Word a = 1, b = 2, c = 3, d = 4;
	bool words = length > 0;
	seL4_Word *const mr[4] = {words ? &a : 0, words ? &b : 0, words ? &c : 0, words ? &d : 0};

	REPORT_LOOP(name, seL4_CallWithMRs(endpoint, info, mr[0], mr[1], mr[2], mr[3]));
}

static void fpu_touch(void)
{
	__asm__ volatile("fmv.d.x ft0, zero" ::: "ft0");
}

static void touch_and_serve_0(void *unused)
{
	(void)unused;
	fpu_touch();
	serve(0);
}

static seL4_CPtr server_new(struct peer *server, enum fpu fpu, void (*entry)(void *))
{
	seL4_CPtr endpoint = sk_endpoint_new();

	peer_new(server, OTHER_SPACE, fpu, MIDDLE, 0);
	peer_give(server, endpoint);
	peer_start(server, entry);
	return endpoint;
}

static void round_trips(void)
{
	static struct peer server;

	call("call-0", server_new(&server, FPU_DISABLED, serve_0), 0);
	peer_stop(&server);
	call("call-4", server_new(&server, FPU_DISABLED, serve_4), 4);
	peer_stop(&server);
	call("call-10", server_new(&server, FPU_DISABLED, serve_10), 10);
	peer_stop(&server);
}

/* Last of all: from now on somebody owns the unit. */
static void round_trips_fpu(void)
{
	static struct peer server;

	fpu_set(seL4_CapInitThreadTCB, FPU_OWNED);
	call("call-0-fpu", server_new(&server, FPU_OWNED, serve_0), 0);
	peer_stop(&server);
	fpu_touch();
	call("call-0-fpu-used", server_new(&server, FPU_OWNED, touch_and_serve_0), 0);
	peer_stop(&server);
	fpu_set(seL4_CapInitThreadTCB, FPU_DISABLED);
}

/* --- one way ------------------------------------------------------------------------------------ */

enum { BEFORE_CALL, AT_SERVER, BEFORE_REPLY, AT_CLIENT };

static void serve_stamped(void *unused)
{
	(void)unused;
	seL4_CPtr endpoint = shared->cap[0];

	seL4_RecvWithMRs(endpoint, 0, 0, 0, 0, 0);
	for (unsigned i = 0;; i++) {
		seL4_Word now = instret();

		shared->stamp[AT_SERVER][i] = now;
		now = instret();
		seL4_ReplyRecvWithMRs(endpoint, seL4_MessageInfo_new(0, 0, 0, 0), 0, 0, 0, 0, 0);
		shared->stamp[BEFORE_REPLY][i] = now;
	}
}

/* What of a measured call is not the call: sel4_trap() without its ecall. */
static seL4_Word overhead(seL4_CPtr endpoint, seL4_Syscall_ID number)
{
	seL4_Word start = instret();
	register seL4_Word a0 __asm__("a0") = endpoint;
	register seL4_Word a1 __asm__("a1") = 0;
	register seL4_Word a2 __asm__("a2") = 0;
	register seL4_Word a3 __asm__("a3") = 0;
	register seL4_Word a4 __asm__("a4") = 0;
	register seL4_Word a5 __asm__("a5") = 0;
	register seL4_Word a7 __asm__("a7") = (seL4_Word)number;

	__asm__ volatile("" : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5) : "r"(a7) : "memory");
	return between(start, instret());
}

static void one_way(void)
{
	static struct peer server;
	seL4_CPtr endpoint = server_new(&server, FPU_DISABLED, serve_stamped);
	seL4_Word there[SAMPLES], back[SAMPLES];

	for (unsigned i = 0; i <= SAMPLES; i++) {
		seL4_Word before = instret();

		seL4_CallWithMRs(endpoint, seL4_MessageInfo_new(0, 0, 0, 0), 0, 0, 0, 0);
		seL4_Word after = instret();
		if (i == SAMPLES)
			break; /* the server has noted when it answered the one before */
		shared->stamp[BEFORE_CALL][i] = before;
		shared->stamp[AT_CLIENT][i] = after;
	}
	seL4_Word call = overhead(endpoint, seL4_SysCall), reply = overhead(endpoint, seL4_SysReplyRecv);
	for (unsigned i = 0; i < SAMPLES; i++) {
		there[i] = between(shared->stamp[BEFORE_CALL][i], shared->stamp[AT_SERVER][i]) - call;
		back[i] = between(shared->stamp[BEFORE_REPLY][i], shared->stamp[AT_CLIENT][i]) - reply;
	}
	report("call-oneway", there);
	report("replyrecv-oneway", back);
	peer_stop(&server);
}

/* --- with a capability --------------------------------------------------------------------------- */

static void serve_capability(void *unused)
{
	(void)unused;
	seL4_SetCapReceivePath(seL4_CapInitThreadCNode, RECEIVE_SLOT, SK_DEPTH);
	serve(0);
}

static void capability(void)
{
	static struct peer server;
	seL4_CPtr endpoint = server_new(&server, FPU_DISABLED, serve_capability);
	seL4_CPtr gift = sk_notification_new();
	seL4_Word samples[SAMPLES];

	for (unsigned i = 0; i < SAMPLES; i++) {
		seL4_Word before = instret();

		seL4_SetCap(0, gift);
		seL4_CallWithMRs(endpoint, seL4_MessageInfo_new(0, 0, 1, 0), 0, 0, 0, 0);
		samples[i] = between(before, instret());
		/* That there is something to delete shows that it arrived. */
		sk_must(seL4_CNode_Move(server.process.cnode, RECEIVE_SLOT + 1, SK_PROCESS_CNODE_BITS,
					server.process.cnode, RECEIVE_SLOT, SK_PROCESS_CNODE_BITS));
		sk_must(seL4_CNode_Delete(server.process.cnode, RECEIVE_SLOT + 1, SK_PROCESS_CNODE_BITS));
	}
	report("call-cap", samples);
	peer_stop(&server);
}

/* --- Send ------------------------------------------------------------------------------------------ */

static void receive(void *unused)
{
	(void)unused;
	seL4_CPtr endpoint = shared->cap[0];

	for (;;)
		seL4_RecvWithMRs(endpoint, 0, 0, 0, 0, 0);
}

static void sending(void)
{
	static struct peer receiver;
	seL4_CPtr endpoint = sk_endpoint_new();

	peer_new(&receiver, SAME_SPACE, FPU_DISABLED, HIGH, 0);
	peer_give(&receiver, endpoint);
	peer_start(&receiver, receive);
	REPORT_LOOP("send", seL4_SendWithMRs(endpoint, seL4_MessageInfo_new(0, 0, 0, 0), 0, 0, 0, 0));
	peer_stop(&receiver);
}

void metal_ipc(void)
{
	round_trips();
	one_way();
	capability();
	sending();
	round_trips_fpu();
}
