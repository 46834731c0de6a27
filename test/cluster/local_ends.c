/* Revocation, release, and what a partition does to each kind of object. See local.h. */
#include "local.h"

static enum cluster_outcome call_now(struct peer *client, seL4_CPtr cap)
{
	peer_trap(client, seL4_SysCall, cap, INFO(1, 0, 1), 7, 0);
	return client->done ? outcome_of(client) : CLUSTER_DONE;
}

/* Is there still something in the slot? */
static bool is_gone(seL4_CPtr slot)
{
	return seL4_DebugCapIdentify(slot) == TYPE_NULL;
}

static bool signalled(seL4_CPtr note)
{
	seL4_Word badge = 0;

	seL4_Poll(note, &badge);
	return badge != 0;
}

/* --- revocation ----------------------------------------------------------------------------------- */

static void revoked_by_lib(void)
{
	static struct peer clients[4];
	seL4_CPtr object = sk_endpoint_new(), offered = sk_cap_mint(object, seL4_AllRights, 4);

	section("revocation by the library", "doc/CLUSTER.md");
	publish_at(A, "offered", offered);
	seL4_CPtr proxy = lookup_at(B, "offered"), copy = sk_cap_copy(proxy);
	for (unsigned i = 0; i < 4; i++) {
		peer_new(&clients[i], HIGH, 0);
		peer_trap(&clients[i], seL4_SysCall, proxy, INFO(0, 0, 0), 0, 0);
	}
	at(A);
	equal("revoke", cluster_revoke(offered), CLUSTER_OK);
	check("calls that were under way are unknown",
	      outcome_of(&clients[0]) == CLUSTER_UNKNOWN && outcome_of(&clients[1]) == CLUSTER_UNKNOWN);
	check("those that had not left, revoked",
	      clients[3].done && outcome_of(&clients[3]) == CLUSTER_REVOKED);
	check("every proxy is gone at once", is_gone(proxy) && is_gone(copy));
	check("nobody receives anything", !poll(object).came);
	at(B);
	equal("the name, too", cluster_lookup("offered", sk_slot_new()), CLUSTER_NOT_FOUND);
	equal("nothing left there", counts_at(B).calls_held, 0);
	equal("nor at home", counts_at(A).workers_busy, 0);
	for (unsigned i = 0; i < 4; i++)
		sk_thread_delete(&clients[i].thread);
}

static void revoked_by_the_kernel(void)
{
	struct peer client;
	seL4_CPtr object = sk_endpoint_new(), offered = sk_cap_mint(object, seL4_AllRights, 4);

	section("a bare CNode_Revoke", "doc/CLUSTER.md");
	peer_new(&client, HIGH, 0);
	publish_at(A, "offered", offered);
	seL4_CPtr proxy = lookup_at(B, "offered");
	sk_must(cap_revoke(offered));
	check("the kernel tells nobody", !is_gone(proxy));
	equal("the next use is refused", call_now(&client, proxy), CLUSTER_REVOKED);
	check("which tells the importer", is_gone(proxy));
	equal("after that, it is an empty slot", call_now(&client, proxy), CLUSTER_NOT_DELIVERED);
	pipes_wait_ms(600);
	publish_at(A, "offered", offered);
	proxy = lookup_at(B, "offered");
	sk_must(cap_revoke(offered));
	pipes_wait_ms(600);
	check("not used, it is gone within half a second", is_gone(proxy));
	check("nobody receives anything", !poll(object).came);
	sk_thread_delete(&client.thread);
}

static void revoked_in_flight(void)
{
	struct peer client;
	seL4_CPtr object = sk_endpoint_new(), offered = sk_cap_mint(object, seL4_AllRights, 4);

	section("revocation while nodes do not hear each other", "doc/CLUSTER.md");
	peer_new(&client, HIGH, 0);
	publish_at(A, "offered", offered);
	seL4_CPtr proxy = lookup_at(B, "offered");
	pipes_part(A, B, true);
	peer_trap(&client, seL4_SysCall, proxy, INFO(0, 0, 0), 0, 0);
	at(A);
	cluster_revoke(offered);
	check("the importer does not know", !is_gone(proxy) && !client.done);
	pipes_part(A, B, false);
	pipes_wait_ms(400);
	check("a call that was in flight is refused", client.done && outcome_of(&client) == CLUSTER_REVOKED);
	check("and the proxy is gone", is_gone(proxy));
	check("nobody receives anything", !poll(object).came);
	sk_thread_delete(&client.thread);
}

static void endpoint_deleted(void)
{
	struct peer client;
	seL4_CPtr object = sk_endpoint_new();

	section("an endpoint that is deleted", "doc/CLUSTER.md");
	peer_new(&client, HIGH, 0);
	publish_at(A, "offered", object);
	seL4_CPtr proxy = lookup_at(B, "offered");
	peer_trap(&client, seL4_SysCall, proxy, INFO(0, 0, 0), 0, 0);
	sk_must(cap_revoke(object));
	check("waits, for the endpoint is there", !client.done);
	sk_must(cap_delete(object));
	check("then the call is over, and was never executed",
	      client.done && outcome_of(&client) == CLUSTER_REVOKED);
	pipes_wait_ms(600);
	check("and the proxy gone", is_gone(proxy));
	sk_thread_delete(&client.thread);
}

void revocation(void)
{
	revoked_by_lib();
	revoked_by_the_kernel();
	revoked_in_flight();
	endpoint_deleted();
}

/* --- partitions ------------------------------------------------------------------------------------ */

void part(bool cut)
{
	pipes_part(A, B, cut);
	pipes_part(A, C, cut);
}

bool sees(unsigned node, unsigned other)
{
	struct cluster_member members[CLUSTER_NODES];
	const char name[2] = {(char)('a' + other), '\0'};
	unsigned count;

	at(node);
	count = cluster_members(members);
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(members[i].name, name) == 0)
			return members[i].up;
	}
	return false;
}

static void short_partition(void)
{
	struct peer client;

	section("a partition shorter than the lease", "doc/CLUSTER.md");
	peer_new(&client, HIGH, 0);
	part(true);
	peer_trap(&client, seL4_SysCall, service_at_b, INFO(1, 0, 1), 5, 0);
	pipes_wait_ms(600);
	check("a call waits", !client.done && sees(B, A));
	part(false);
	pipes_wait_ms(300);
	check("and arrives", poll(service).came);
	answer(3, 3);
	check("is answered", client.done && outcome_of(&client) == CLUSTER_DONE);
	check("once", !poll(service).came);
	sk_thread_delete(&client.thread);
}

static void partition(void)
{
	static struct peer clients[6];
	seL4_CPtr watch = sk_notification_new(), home_watch = sk_notification_new(),
		  taken = sk_endpoint_new();
	seL4_CPtr note = sk_notification_new();

	section("a partition", "doc/CLUSTER.md");
	publish_at(A, "note", sk_cap_mint(note, seL4_AllRights, 1));
	seL4_CPtr note_at_b = lookup_at(B, "note");
	at(B);
	cluster_watch(sk_cap_mint(watch, seL4_AllRights, 1));
	at(A);
	cluster_watch(sk_cap_mint(home_watch, seL4_AllRights, 1));
	for (unsigned i = 0; i < 6; i++) {
		peer_new(&clients[i], HIGH, 0);
		peer_trap(&clients[i], seL4_SysCall, service_at_b, INFO(0, 0, 1), i, 0);
	}
	poll(service);
	seL4_CPtr caller = caller_save();
	struct peer sender;
	peer_new(&sender, HIGH, 0);
	peer_trap(&sender, seL4_SysSend, service_at_c, INFO(0, 0, 0), 0, 0);
	part(true);
	seL4_Signal(note_at_b);
	pipes_wait_ms(1100);
	check("calls that were sent are unknown",
	      outcome_of(&clients[0]) == CLUSTER_UNKNOWN && outcome_of(&clients[1]) == CLUSTER_UNKNOWN);
	check("calls that were not are not delivered",
	      clients[5].done && outcome_of(&clients[5]) == CLUSTER_NOT_DELIVERED);
	check("proxies are gone", is_gone(service_at_b) && is_gone(service_at_c) && is_gone(note_at_b));
	check("at home, so is the caller", is_gone(caller));
	check("and what had not been received: calls and messages", !poll(service).came);
	sk_thread_delete(&sender.thread);
	check("members see it on both sides", !sees(B, A) && !sees(A, B) && sees(B, C) && sees(C, B));
	check("watchers are told on both sides", signalled(watch) && signalled(home_watch));
	check("signals are lost", !signalled(note));
	equal("no exports are left", counts_at(A).exports, 0);
	equal("nor references to them", counts_at(B).references, 0);
	equal("nor calls", counts_at(B).calls_held + counts_at(B).replies, 0);
	for (unsigned i = 0; i < 6; i++)
		sk_thread_delete(&clients[i].thread);

	section("names in a partition", "doc/CLUSTER.md");
	at(B);
	equal("those of the other side are not found", cluster_lookup("service", sk_slot_new()),
	      CLUSTER_NOT_FOUND);
	equal("and can be taken over", cluster_publish("service", taken), CLUSTER_OK);
	check("are then known on this side", lookup_at(C, "service") != 0);
	check("while the other side has its own", lookup_at(A, "service") != 0);
	signalled(home_watch);
	part(false);
	pipes_wait_ms(1500);
	check("when it heals, the later claim wins", sees(A, B));
	struct peer client;
	peer_new(&client, HIGH, 0);
	peer_trap(&client, seL4_SysSend, lookup_at(A, "service"), INFO(2, 0, 0), 0, 0);
	check("on the side of the earlier, too", poll(taken).came && !poll(service).came);
	check("whose watchers are told", signalled(home_watch));
	at(A);
	equal("the earlier is given up", cluster_withdraw("service"), CLUSTER_NOT_FOUND);
	sk_thread_delete(&client.thread);
	at(B);
	cluster_withdraw("service");
	at(A);
	cluster_withdraw("note");
}

/* While nothing can be said, for a full window, a name goes to a place that is told before its old one. */
static void names_that_move(void)
{
	seL4_CPtr slot = sk_slot_new();
	char low[] = "low-a";

	section("names that change while nobody listens", "doc/CLUSTER.md");
	at(A);
	for (low[4] = 'a'; low[4] <= 't'; low[4]++)
		cluster_publish(low, service);
	cluster_publish("moving", service);
	for (low[4] = 'a'; low[4] <= 't'; low[4]++)
		cluster_withdraw(low);
	pipes_cut(A, B, true);
	for (unsigned i = 0; i < 190; i++) {
		cluster_publish("window", service);
		cluster_withdraw("window");
	}
	cluster_withdraw("moving");
	equal("published again", cluster_publish("moving", service), CLUSTER_OK);
	pipes_cut(A, B, false);
	pipes_wait_ms(300);
	at(B);
	equal("it is there", cluster_lookup("moving", slot), CLUSTER_OK);
	cluster_release(slot);
	equal("what is no more is not", cluster_lookup("window", sk_slot_new()), CLUSTER_NOT_FOUND);
	at(A);
	cluster_withdraw("moving");
}

/* A node's clock is set back: its sessions last, and what it does from time to time goes on. */
static void set_back(void)
{
	seL4_CPtr object = sk_endpoint_new(), offered = sk_cap_mint(object, seL4_AllRights, 4);
	struct peer client;

	section("a clock that is set back", "doc/CLUSTER.md");
	publish_at(B, "offered", offered);
	seL4_CPtr proxy = lookup_at(A, "offered");
	peer_new(&client, HIGH, 0);
	peer_trap(&client, seL4_SysCall, proxy, INFO(1, 0, 1), 5, 0);
	check("a call is under way", poll(object).came);
	pipes_set_back(B, 3600000);
	pipes_wait_ms(2000);
	check("the sessions last", sees(A, B) && sees(B, A) && sees(C, B) && !client.done);
	answer(3, 3);
	check("the call is answered", client.done && outcome_of(&client) == CLUSTER_DONE);
	sk_must(cap_revoke(offered));
	pipes_wait_ms(600);
	check("a revoked capability is gone within half a second", is_gone(proxy));
	sk_thread_delete(&client.thread);
}

/* Two nodes that claim a name without having heard of each other: equal stamps, the first node's wins. */
static void equal_claims(void)
{
	seL4_CPtr a = sk_endpoint_new(), b = sk_endpoint_new();
	struct peer client;

	section("two claims at once", "doc/CLUSTER.md");
	pipes_wait_ms(10);
	pipes_part(A, B, true);
	publish_at(B, "both", b);
	publish_at(A, "both", a);
	pipes_part(A, B, false);
	pipes_wait_ms(400);
	peer_new(&client, HIGH, 0);
	peer_trap(&client, seL4_SysSend, lookup_at(B, "both"), INFO(2, 0, 0), 0, 0);
	check("the one whose node's name comes first wins", poll(a).came && !poll(b).came);
	at(B);
	equal("the other is given up", cluster_withdraw("both"), CLUSTER_NOT_FOUND);
	at(A);
	equal("the winner stays", cluster_withdraw("both"), CLUSTER_OK);
	sk_thread_delete(&client.thread);
}

static void nothing_left(void)
{
	static const char *const names[] = {"a", "b", "c"};

	section("at the end", "doc/CLUSTER.md");
	part(true);
	pipes_part(B, C, true);
	pipes_wait_ms(1500);
	for (unsigned node = A; node <= C; node++) {
		struct cluster_counts counts = counts_at(node);
		printf("# %s: exports %lu, imports %lu, references %lu, calls %lu, messages %lu, workers "
		       "%lu, "
		       "replies %lu, slots %lu\n",
		       names[node], counts.exports, counts.imports, counts.references, counts.calls_held,
		       counts.messages_held, counts.workers_busy, counts.replies, counts.slots);
		equal(names[node],
		      counts.exports + counts.imports + counts.references + counts.calls_held +
			      counts.messages_held + counts.workers_busy + counts.replies + counts.slots,
		      0);
	}
	part(false);
	pipes_part(B, C, false);
	pipes_wait_ms(1500);
}

void partitions(void)
{
	short_partition();
	partition();
	equal_claims();
	names_that_move();
	set_back();
	nothing_left();
}
