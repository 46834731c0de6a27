/* Who does not wait: capabilities that are taken back while they are under way, callers that are gone when
   the answer comes. Nothing is lost that was sent, and nothing left of what nobody has. See local.h. */
#include "local.h"

#define WAITERS 8 /* more than one export's share of the credit */

static struct peer sender;

/* When what has been released there has been told. */
static struct cluster_counts settled_at(unsigned node)
{
	pipes_wait_ms(5);
	return counts_at(node);
}

/* B calls A as often as it may, so that the next waits at B. */
static void revoked_while_held(void)
{
	static struct peer clients[WAITERS];
	seL4_CPtr slow = sk_endpoint_new(), object = sk_endpoint_new(), slot;
	seL4_CPtr offered = sk_cap_mint(object, seL4_AllRights, 4);
	bool came = false;

	section("a capability that is revoked before its message has left", "doc/CLUSTER.md");
	publish_at(A, "slow", slow);
	seL4_CPtr proxy = lookup_at(B, "slow");
	seL4_Word imports = settled_at(A).imports;
	for (unsigned i = 0; i < WAITERS; i++) {
		peer_new(&clients[i], HIGH, 0);
		peer_trap(&clients[i], seL4_SysCall, proxy, INFO(0, 0, 0), 0, 0);
	}
	send_caps(&sender, true, proxy, 1, offered, 0);
	equal("it waits", counts_at(B).exports, 1);
	cluster_revoke(offered);
	equal("revoked, it is no export any more", counts_at(B).exports, 0);
	for (unsigned i = 0; i <= WAITERS; i++) {
		came |= seL4_MessageInfo_get_extraCaps(receive_cap(slow, &slot)) != 0;
		answer(0, 0);
	}
	check("and does not arrive", !came);
	equal("nor is it kept", counts_at(A).imports, imports);
	at(B);
	cluster_release(proxy);
	at(A);
	cluster_withdraw("slow");
	for (unsigned i = 0; i < WAITERS; i++)
		sk_thread_delete(&clients[i].thread);
}

/* What a message that waits would go to is revoked: what it carries never leaves. */
static void target_revoked_while_held(void)
{
	static struct peer clients[WAITERS];
	seL4_CPtr slow = sk_endpoint_new(), offered = sk_cap_mint(slow, seL4_AllRights, 4);

	section("a capability in a message whose target is revoked", "doc/CLUSTER.md");
	seL4_Word exports = counts_at(B).exports;
	publish_at(A, "slow", offered);
	seL4_CPtr proxy = lookup_at(B, "slow");
	for (unsigned i = 0; i < WAITERS; i++) {
		peer_new(&clients[i], HIGH, 0);
		peer_trap(&clients[i], seL4_SysCall, proxy, INFO(0, 0, 0), 0, 0);
	}
	send_caps(&sender, true, proxy, 1, sk_endpoint_new(), 0);
	equal("it waits", counts_at(B).exports, exports + 1);
	at(A);
	cluster_revoke(offered);
	equal("is no export any more", counts_at(B).exports, exports);
	for (unsigned i = 0; i < WAITERS; i++)
		sk_thread_delete(&clients[i].thread);
}

/* A's window to B is full when it answers with a capability, which is then revoked. */
static void revoked_while_answered(void)
{
	seL4_CPtr object = sk_endpoint_new(), offered = sk_cap_mint(object, seL4_AllRights, 4), slot;
	seL4_Word imports = settled_at(B).imports;
	struct peer client;

	section("a capability that is revoked before its answer has left", "doc/CLUSTER.md");
	peer_new(&client, HIGH, 0);
	peer_trap(&client, seL4_SysCall, service_at_b, INFO(1, 0, 0), 0, 0);
	receive_cap(service, &slot);
	pipes_cut(A, B, true);
	at(A);
	for (unsigned i = 0; i < 400; i++) {
		cluster_publish("window", service);
		cluster_withdraw("window");
	}
	seL4_SetCap(0, offered);
	seL4_Reply(INFO(2, 1, 0));
	cluster_revoke(offered);
	pipes_cut(A, B, false);
	pipes_wait_ms(400);
	check("the answer comes", client.done && peer_label(&client) == 2);
	equal("nothing is kept of it", counts_at(B).imports, imports);
	sk_thread_delete(&client.thread);
}

/* What goes home is given back, by all who had it, before its message was received. */
static void released_while_sent(void)
{
	seL4_CPtr slow = sk_endpoint_new(), object = sk_endpoint_new(), slot;

	section("a capability that is released after it was sent home", "doc/CLUSTER.md");
	publish_at(A, "slow", slow);
	publish_at(A, "lent", object);
	seL4_CPtr proxy = lookup_at(B, "slow"), lent = lookup_at(B, "lent");
	send_caps(&sender, false, proxy, 1, lent, 0);
	at(B);
	equal("released", cluster_release(lent), CLUSTER_OK);
	pipes_wait_ms(5);
	equal("it comes with its message", seL4_MessageInfo_get_extraCaps(receive_cap(slow, &slot)), 1);
	check("and is what it was", leads_to(slot, object, 0));
	pipes_wait_ms(5);
	equal("then its export is gone", counts_at(A).exports, 3); /* of B, "slow"; and "service", twice */
	at(B);
	cluster_release(proxy);
	at(A);
	cluster_withdraw("slow");
	cluster_withdraw("lent");
}

static void released_while_given(void)
{
	seL4_CPtr object = sk_endpoint_new(), slot;

	section("a capability that is released after it was sent to a third node", "doc/CLUSTER.md");
	publish_at(C, "lent", object);
	seL4_CPtr lent = lookup_at(B, "lent");
	pipes_cut(C, B, true); /* that it is given is heard later */
	send_caps(&sender, false, service_at_b, 1, lent, 0);
	at(B);
	equal("released", cluster_release(lent), CLUSTER_OK);
	pipes_cut(C, B, false);
	pipes_wait_ms(300);
	equal("it comes with its message", seL4_MessageInfo_get_extraCaps(receive_cap(service, &slot)), 1);
	check("and is what it was", leads_to(slot, object, 0));
	at(A);
	cluster_release(slot);
	pipes_wait_ms(5);
	equal("then its exports are gone", counts_at(C).exports, 0);
	cluster_withdraw("lent");
}

/* B gives A more than one message tells of. */
static void released_together(void)
{
	static seL4_CPtr slots[130];
	seL4_CPtr object = sk_endpoint_new();
	seL4_Word exports = settled_at(B).exports, refused = 0;

	section("capabilities that are released together", "doc/CLUSTER.md");
	for (unsigned i = 0; i < LENGTH_OF(slots); i++) {
		send_caps(&sender, false, service_at_b, 1, object, 0);
		receive_cap(service, &slots[i]);
	}
	equal("all are exports", counts_at(B).exports, exports + LENGTH_OF(slots));
	at(A);
	for (unsigned i = 0; i < LENGTH_OF(slots); i++)
		refused += cluster_release(slots[i]) != CLUSTER_OK;
	equal("all are released", refused, 0);
	equal("which their home has not been told yet", counts_at(B).exports, exports + LENGTH_OF(slots));
	equal("soon it is, of all", settled_at(B).exports, exports);
}

/* Those that have left and those that wait for credit. */
static void released_with_messages(void)
{
	seL4_CPtr slow = sk_endpoint_new();
	struct peer client;
	bool fifo = true;

	section("a proxy that is released after messages were sent through it", "doc/CLUSTER.md");
	seL4_Word exports = counts_at(A).exports;
	publish_at(A, "slow", slow);
	seL4_CPtr proxy = lookup_at(B, "slow");
	peer_new(&client, HIGH, 0);
	for (seL4_Word i = 0; i < WAITERS; i++)
		peer_trap(&client, seL4_SysSend, proxy, INFO(0, 0, 1), i, 0);
	check("some wait", counts_at(B).messages_held != 0);
	equal("released", cluster_release(proxy), CLUSTER_OK);
	pipes_cut(A, B, true); /* that the first are received, B hears at one time */
	for (seL4_Word i = 0; i < WAITERS; i++) {
		struct received r = poll(slow);
		if (!r.came) {
			pipes_cut(A, B, false);
			pipes_wait_ms(300);
			r = poll(slow);
		}
		fifo = fifo && r.came && r.mr[0] == i;
	}
	check("they come, in their order", fifo);
	pipes_wait_ms(5);
	equal("then its export is gone", counts_at(A).exports, exports);
	cluster_withdraw("slow");
	sk_thread_delete(&client.thread);
}

static void looked_up_twice(void)
{
	seL4_CPtr object = sk_endpoint_new();

	section("a name that is looked up twice", "doc/CLUSTER.md");
	seL4_Word exports = counts_at(A).exports, references = counts_at(A).references;
	publish_at(A, "twice", object);
	seL4_CPtr first = lookup_at(B, "twice"), second = lookup_at(B, "twice");
	equal("is one export", counts_at(A).exports, exports + 1);
	equal("told twice", counts_at(A).references, references + 2);
	at(B);
	cluster_release(first);
	pipes_wait_ms(5);
	check("released once, it is there", leads_to(second, object, 0));
	at(B);
	cluster_release(second);
	pipes_wait_ms(5);
	equal("twice, it is gone", counts_at(A).exports, exports);
	cluster_withdraw("twice");
}

/* B gives A nearly as many as A takes, and A gives back only what comes then. */
static void released_one_by_one(void)
{
	static seL4_CPtr slots[460];
	seL4_CPtr object = sk_endpoint_new(), slot;
	seL4_Word exports = settled_at(B).exports, imports = settled_at(A).imports, absent = 0;

	section("capabilities that are released while many are held", "doc/CLUSTER.md");
	for (unsigned i = 0; i < LENGTH_OF(slots); i++) {
		send_caps(&sender, false, service_at_b, 1, object, 0);
		receive_cap(service, &slots[i]);
	}
	equal("so many are held", counts_at(A).imports, imports + LENGTH_OF(slots));
	for (unsigned i = 0; i < 100; i++) {
		send_caps(&sender, false, service_at_b, 1, object, 0);
		absent += seL4_MessageInfo_get_extraCaps(receive_cap(service, &slot)) == 0;
		at(A);
		cluster_release(slot);
	}
	equal("what comes then, and is released, makes room at once", absent, 0);
	for (unsigned i = 0; i < LENGTH_OF(slots); i++)
		cluster_release(slots[i]);
	equal("nothing is left", settled_at(B).exports, exports);
}

/* The capability that B calls is revoked, of which the kernel tells nobody. */
static void carried_to_revoked(void)
{
	seL4_CPtr object = sk_endpoint_new(), offered = sk_cap_mint(object, seL4_AllRights, 4);

	section("a capability that is sent to one that is revoked", "doc/CLUSTER.md");
	publish_at(A, "offered", offered);
	seL4_CPtr proxy = lookup_at(B, "offered");
	seL4_Word imports = settled_at(A).imports, exports = settled_at(B).exports;
	sk_must(cap_revoke(offered));
	send_caps(&sender, true, proxy, 1, object, 0);
	equal("nothing is kept of it", settled_at(A).imports, imports);
	equal("nor at its home", counts_at(B).exports, exports);
	at(A);
	cluster_withdraw("offered");
}

/* While a call by it is under way, a proxy that was released stays; looked up meanwhile, it stays after that.
 */
static void looked_up_again(void)
{
	seL4_CPtr object = sk_endpoint_new();
	struct peer client;

	section("a name that is looked up again while a call is under way", "doc/CLUSTER.md");
	publish_at(A, "again", object);
	seL4_CPtr first = lookup_at(B, "again");
	peer_new(&client, HIGH, 0);
	peer_trap(&client, seL4_SysCall, first, INFO(0, 0, 0), 0, 0);
	check("a call", poll(object).came);
	seL4_CPtr caller = caller_save();
	at(B);
	cluster_release(first);
	pipes_wait_ms(5);
	seL4_CPtr second = lookup_at(B, "again");
	answer_to(caller, 6, 0);
	check("is answered", client.done && peer_label(&client) == 6);
	pipes_wait_ms(5);
	check("the proxy of the second lookup is good", leads_to(second, object, 0));
	at(B);
	equal("and is given back", cluster_release(second), CLUSTER_OK);
	at(A);
	cluster_withdraw("again");
	sk_thread_delete(&client.thread);
}

static void lookup_late(void *slot)
{
	cluster_lookup("late", (seL4_CPtr)slot);
}

static void caller_gone(void)
{
	seL4_CPtr fresh = sk_endpoint_new(), slot;
	struct peer client;

	section("a caller that is gone", "doc/CLUSTER.md");
	seL4_Word imports = settled_at(B).imports, exports = counts_at(A).exports;
	peer_new(&client, HIGH, 0);
	peer_trap(&client, seL4_SysCall, service_at_b, INFO(1, 0, 0), 0, 0);
	receive_cap(service, &slot);
	sk_thread_delete(&client.thread);
	seL4_SetCap(0, fresh);
	seL4_Reply(INFO(2, 1, 0));
	pipes_wait_ms(5);
	equal("nothing is kept of an answer that nobody gets", counts_at(B).imports, imports);
	equal("nor at home", counts_at(A).exports, exports);
	publish_at(A, "late", fresh);
	peer_new(&client, HIGH, 0);
	pipes_cut(A, B, true);
	at(B);
	peer_run(&client, lookup_late, (void *)sk_slot_new());
	sk_thread_delete(&client.thread);
	pipes_cut(A, B, false);
	pipes_wait_ms(300);
	equal("nor of a lookup", counts_at(B).imports, imports);
	equal("nor at its home", counts_at(A).exports, exports);
	cluster_withdraw("late");
}

/* What they have asked for and has not left is not asked any more; their places are others'. */
static void callers_gone(void)
{
	static struct peer clients[WAITERS];
	seL4_CPtr dead = sk_endpoint_new();
	struct peer client, later;

	section("callers that are gone before an answer", "doc/CLUSTER.md");
	publish_at(A, "dead", dead);
	seL4_CPtr proxy = lookup_at(B, "dead");
	seL4_Word replies = counts_at(B).replies;
	for (seL4_Word i = 0; i < WAITERS; i++) {
		peer_new(&clients[i], HIGH, 0);
		peer_trap(&clients[i], seL4_SysCall, proxy, INFO(0, 0, 1), i, 0);
		if (i != WAITERS - 2)
			continue;
		peer_new(&client, HIGH, 0); /* the last but one, who stays */
		peer_trap(&client, seL4_SysCall, proxy, INFO(0, 0, 1), WAITERS, 0);
	}
	unsigned sent = (unsigned)counts_at(A).workers_busy;
	check("some wait at home", sent > 0 && sent < WAITERS);
	for (unsigned i = 0; i < WAITERS; i++)
		sk_thread_delete(&clients[i].thread);
	pipes_wait_ms(1100);
	equal("who is there has a place", counts_at(B).replies, replies + 1);
	equal("and those that were sent", counts_at(B).calls_held, sent + 1);
	peer_new(&later, HIGH, 0);
	peer_trap(&later, seL4_SysCall, proxy, INFO(0, 0, 1), WAITERS + 1, 0);
	for (unsigned i = 0; i < sent; i++) {
		check("they arrive", poll(dead).mr[0] == i);
		answer(0, 0);
	}
	equal("then that of who is there", poll(dead).mr[0], WAITERS);
	answer(6, 0);
	equal("which is answered", peer_label(&client), 6);
	equal("and of who came later", poll(dead).mr[0], WAITERS + 1);
	answer(6, 0);
	equal("nothing is left", counts_at(B).calls_held + counts_at(B).replies, replies);
	at(B);
	cluster_release(proxy);
	at(A);
	cluster_withdraw("dead");
	sk_thread_delete(&client.thread);
	sk_thread_delete(&later.thread);
}

/* Of a message's capabilities a receiver gets one, but for those of its own endpoint. */
static void two_of_a_third(void)
{
	seL4_CPtr one = sk_endpoint_new(), two = sk_endpoint_new(), slot;

	section("two capabilities of a third node", "doc/CLUSTER.md");
	publish_at(C, "one", one);
	publish_at(C, "two", two);
	seL4_CPtr first = lookup_at(B, "one"), second = lookup_at(B, "two");
	seL4_Word imports = settled_at(A).imports;
	send_caps(&sender, true, service_at_b, 2, first, second);
	equal("one arrives", seL4_MessageInfo_get_extraCaps(receive_cap(service, &slot)), 1);
	answer(0, 0);
	check("the first", leads_to(slot, one, 0));
	at(A);
	equal("which is given back", cluster_release(slot), CLUSTER_OK);
	at(B);
	cluster_release(first);
	cluster_release(second);
	pipes_wait_ms(5);
	equal("nothing is kept of the other", counts_at(A).imports, imports);
	equal("nor at its home", counts_at(C).exports, 0);
	cluster_withdraw("one");
	cluster_withdraw("two");
}

/* What comes with a message that goes nowhere does not keep others from coming. */
static void with_nothing_to_send(void)
{
	seL4_CPtr note = sk_notification_new(), slot;

	section("a capability with a signal", "doc/CLUSTER.md");
	publish_at(A, "note", note);
	seL4_CPtr proxy = lookup_at(B, "note");
	send_caps(&sender, true, proxy, 1, sk_endpoint_new(), 0);
	send_caps(&sender, false, service_at_b, 1, sk_endpoint_new(), 0);
	equal("that of the next message comes", seL4_MessageInfo_get_extraCaps(receive_cap(service, &slot)),
	      1);
	at(A);
	cluster_release(slot);
	cluster_withdraw("note");
	at(B);
	cluster_release(proxy);
}

static void sleep_long(void *unused)
{
	(void)unused;
	cluster_sleep(UINT64_MAX);
}

static void sleepers_gone(void)
{
	static struct peer clients[32];

	section("threads that are deleted in their sleep", "lib/skerry/cluster.h");
	at(B);
	for (unsigned i = 0; i < LENGTH_OF(clients); i++) {
		peer_new(&clients[i], HIGH, 0);
		peer_run(&clients[i], sleep_long, NULL);
	}
	equal("there is no place for more", cluster_sleep(1000000), CLUSTER_FULL);
	for (unsigned i = 0; i < LENGTH_OF(clients); i++) {
		sk_thread_delete(&clients[i].thread);
	}
	equal("when they are gone, others may", cluster_sleep(1000000), CLUSTER_OK);
	equal("nothing is left", counts_at(B).replies, 0);
}

void leftovers(void)
{
	peer_new(&sender, HIGH, 0);
	revoked_while_held();
	target_revoked_while_held();
	revoked_while_answered();
	released_while_sent();
	released_while_given();
	released_together();
	released_one_by_one();
	carried_to_revoked();
	released_with_messages();
	looked_up_twice();
	looked_up_again();
	caller_gone();
	callers_gone();
	two_of_a_third();
	with_nothing_to_send();
	sleepers_gone();
	sk_thread_delete(&sender.thread);
}
