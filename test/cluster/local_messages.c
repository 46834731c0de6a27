/* Messages without an answer, signals, order, credit: see local.h. */
#include "local.h"

#define SENDERS 8

static void sends(void)
{
	struct peer client;

	section("messages", "doc/CLUSTER.md");
	peer_new(&client, HIGH, 0);
	peer_trap(&client, seL4_SysSend, service_at_b, INFO(8, 0, 2), 1, 2);
	check("the sender goes on", client.done);
	struct received r = poll(service);
	check("the message", r.came && r.label == 8 && r.length == 2 && r.mr[1] == 2 && r.badge == 77);
	is("nobody waits for an answer", caller_save(), TYPE_NULL);
	for (seL4_Word i = 1; i <= 3; i++)
		peer_trap(&client, seL4_SysSend, service_at_b, INFO(0, 0, 1), i, 0);
	bool fifo = true;
	for (seL4_Word i = 1; i <= 3; i++)
		fifo = fifo && poll(service).mr[0] == i;
	check("in their order", fifo);
	sk_thread_delete(&client.thread);
}

static void signals(void)
{
	seL4_CPtr note = sk_notification_new();
	seL4_Word badge;

	section("signals", "doc/CLUSTER.md");
	publish_at(A, "note", sk_cap_mint(note, seL4_AllRights, 0x30));
	publish_at(A, "note2", sk_cap_mint(note, seL4_AllRights, 0x05));
	seL4_CPtr at_b = lookup_at(B, "note"), at_c = lookup_at(C, "note2");
	seL4_Signal(at_b);
	seL4_Poll(note, &badge);
	equal("the badge at home", badge, 0x30);
	seL4_Signal(at_b);
	seL4_Signal(at_c);
	seL4_Signal(at_b);
	seL4_Poll(note, &badge);
	equal("of several, the OR", badge, 0x35);
	seL4_MessageInfo_t info = seL4_Call(at_b, INFO(1, 0, 0));
	check("a call succeeds", info.words[0] == 0);
	seL4_Poll(note, &badge);
	equal("and signals", badge, 0x30);
	pipes_cut(A, B, true);
	for (int i = 0; i < 1000; i++)
		seL4_Signal(at_b);
	seL4_Poll(note, &badge);
	equal("a thousand while nothing comes back: the first", badge, 0x30);
	pipes_cut(A, B, false);
	pipes_wait_ms(300);
	seL4_Poll(note, &badge);
	equal("then all others as one", badge, 0x30);
	equal("and nothing is kept of it", counts_at(B).calls_held, 0);
	at(A);
	cluster_withdraw("note");
	cluster_withdraw("note2");
}

static void several_calls(void)
{
	struct peer clients[3];
	seL4_CPtr callers[3];

	section("several calls at once", "doc/CLUSTER.md");
	for (unsigned i = 0; i < 3; i++) {
		peer_new(&clients[i], HIGH, 0);
		peer_trap(&clients[i], seL4_SysCall, i == 2 ? service_at_c : service_at_b, INFO(0, 0, 1),
			  100 + i, 0);
	}
	bool fifo = true;
	for (unsigned i = 0; i < 3; i++) {
		fifo = poll(service).mr[0] == 100 + i && fifo;
		callers[i] = caller_save();
	}
	check("all are under way, in their order", fifo);
	bool own = true;
	for (unsigned i = 3; i-- > 0;) {
		answer_to(callers[i], 0, 200 + i);
		own = own && clients[i].done && clients[i].out.mr[0] == 200 + i;
	}
	check("each has its own answer, in any order", own);
	equal("nothing left of them", counts_at(B).calls_held + counts_at(A).workers_busy, 0);
	for (unsigned i = 0; i < 3; i++)
		sk_thread_delete(&clients[i].thread);
}

static void slow_server(void)
{
	static struct peer clients[SENDERS];
	seL4_CPtr slow = sk_endpoint_new();
	struct peer client;

	section("a slow server", "doc/CLUSTER.md");
	publish_at(A, "slow", slow);
	seL4_CPtr proxy = lookup_at(B, "slow");
	for (unsigned i = 0; i < SENDERS; i++) {
		peer_new(&clients[i], HIGH, 0);
		peer_trap(&clients[i], seL4_SysCall, proxy, INFO(0, 0, 1), i, 0);
	}
	check("some of its calls wait at home", counts_at(A).workers_busy < SENDERS);
	equal("all of them somewhere", counts_at(B).calls_held, SENDERS);
	peer_new(&client, HIGH, 0);
	peer_trap(&client, seL4_SysCall, service_at_b, INFO(0, 0, 0), 0, 0);
	check("another one of its node is reached", poll(service).came);
	answer(0, 0);
	check("and answers", client.done);
	bool fifo = true;
	for (unsigned i = 0; i < SENDERS; i++) {
		struct received r = poll(slow);
		fifo = fifo && r.came && r.mr[0] == i;
		answer(0, i);
		fifo = fifo && clients[i].done && clients[i].out.mr[0] == i;
	}
	check("when it answers, all have their turn in order", fifo);
	for (unsigned i = 0; i < SENDERS; i++)
		sk_thread_delete(&clients[i].thread);
	sk_thread_delete(&client.thread);
	at(A);
	cluster_withdraw("slow");
}

/* Sends until it blocks; returns how many went. */
static seL4_Word flood(struct peer *client, seL4_CPtr proxy)
{
	for (seL4_Word i = 0;; i++) {
		peer_trap(client, seL4_SysSend, proxy, INFO(0, 0, 1), i, 0);
		if (!client->done)
			return i;
	}
}

static void credit(void)
{
	seL4_CPtr deaf = sk_endpoint_new();
	struct peer client, other;

	section("without credit", "doc/CLUSTER.md");
	publish_at(A, "deaf", deaf);
	seL4_CPtr proxy = lookup_at(B, "deaf");
	peer_new(&client, HIGH, 0);
	peer_new(&other, HIGH, 0);
	seL4_Word sent = flood(&client, proxy);
	check("a sender blocks in the end", sent >= 64 && sent < 80);
	trap(seL4_SysNBSend, proxy, INFO(9, 0, 1).words[0], 999, 0);
	peer_trap(&other, seL4_SysCall, service_at_c, INFO(0, 0, 0), 0, 0);
	check("other nodes' programs do not mind", poll(service).came);
	answer(0, 0);
	bool fifo = true;
	for (seL4_Word i = 0; i <= sent; i++) {
		struct received r = poll(deaf);
		fifo = fifo && r.came && r.label == 0 && r.mr[0] == i;
	}
	check("received, all arrive in order, and the blocked one", fifo && client.done);
	check("but not what NBSend had tried", !poll(deaf).came);
	equal("nothing left",
	      counts_at(B).messages_held + counts_at(B).calls_held + counts_at(A).workers_busy, 0);
	sk_thread_delete(&client.thread);
	sk_thread_delete(&other.thread);
	at(A);
	cluster_withdraw("deaf");
}

/* As many callers as there are places for, and one more. */
static void callers(void)
{
	static struct peer clients[256];
	seL4_CPtr deaf = sk_endpoint_new(), offered = sk_cap_mint(deaf, seL4_AllRights, 1);
	unsigned waiting = 0, over = 0;

	section("callers", "doc/CLUSTER.md");
	publish_at(A, "deaf", offered);
	seL4_CPtr proxy = lookup_at(B, "deaf");
	for (unsigned i = 0; i < LENGTH_OF(clients); i++) {
		peer_new(&clients[i], HIGH, 0);
		peer_trap(&clients[i], seL4_SysCall, proxy, INFO(0, 0, 0), 0, 0);
		waiting += !clients[i].done;
	}
	equal("so many wait", waiting, 255);
	equal("for the next there is no place", outcome_of(&clients[255]), CLUSTER_NOT_DELIVERED);
	at(A);
	cluster_revoke(offered);
	for (unsigned i = 0; i < LENGTH_OF(clients); i++) {
		over += clients[i].done;
		sk_thread_delete(&clients[i].thread);
	}
	equal("all are told", over, 256);
	equal("nothing is left", counts_at(B).replies + counts_at(B).calls_held, 0);
}

void messages(void)
{
	sends();
	signals();
	several_calls();
	slow_server();
	credit();
	callers();
}
