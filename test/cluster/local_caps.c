/* Capabilities that travel: there, home again, through a third node, and those that do not. See local.h. */
#include "local.h"

/* A client that calls with up to three capabilities, and receives one in `slot`. */
static struct caller {
	struct peer peer;
	seL4_CPtr target, caps[3], slot;
	unsigned count;
	volatile seL4_Word got; /* capabilities in the answer */
	volatile bool done;
} caller;

static void call_with_caps(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < caller.count; i++)
		seL4_SetCap((int)i, caller.caps[i]);
	seL4_SetCapReceivePath(ROOT, caller.slot, SK_DEPTH);
	seL4_SetMR(0, 0xabc);
	seL4_SetMR(5, 0xdef);
	seL4_MessageInfo_t info = seL4_Call(caller.target, INFO(1, caller.count, 6));
	caller.got = seL4_MessageInfo_get_extraCaps(info);
	caller.done = true;
}

static void call(seL4_CPtr target, unsigned count, seL4_CPtr cap0, seL4_CPtr cap1, seL4_CPtr cap2)
{
	caller.target = target;
	caller.count = count;
	caller.caps[0] = cap0;
	caller.caps[1] = cap1;
	caller.caps[2] = cap2;
	caller.slot = sk_slot_new();
	caller.done = false;
	peer_run(&caller.peer, call_with_caps, NULL);
}

static void answer_with_cap_to(seL4_CPtr client, seL4_CPtr cap)
{
	seL4_SetCap(0, cap);
	seL4_Send(client, INFO(2, 1, 0));
}

static void answer_with_cap(seL4_CPtr cap)
{
	answer_with_cap_to(caller_save(), cap);
}

static void there_and_home(void)
{
	seL4_CPtr own = sk_endpoint_new(), there, home;

	section("capabilities", "doc/CLUSTER.md");
	seL4_CPtr badged = sk_cap_mint(own, seL4_AllRights, 31);
	call(service_at_b, 1, badged, 0, 0);
	seL4_MessageInfo_t info = receive_cap(service, &there);
	check("with a call: one",
	      seL4_MessageInfo_get_extraCaps(info) == 1 && !seL4_MessageInfo_get_capsUnwrapped(info));
	check("the words come with it", seL4_GetMR(0) == 0xabc && seL4_GetMR(5) == 0xdef);
	seL4_CPtr client = caller_save();
	check("it leads home, where it has its badge", leads_to(there, own, 31));
	answer_with_cap_to(client, there);
	check("with the answer: one", caller.done && caller.got == 1);
	home = caller.slot;
	/* A proxy would be received from the bridge; what was sent home is the capability itself. */
	struct cluster_counts before = counts_at(B);
	check("it came home as the capability itself", leads_to(home, own, 31));
	equal("and no message left the node for it", counts_at(B).references, before.references);
	at(A);
	cluster_release(there);
	pipes_wait_ms(5);
	equal("released, its export is gone", counts_at(B).exports, 0);
	equal("and its import", counts_at(A).imports, 0);
}

static void home_with_a_call(void)
{
	seL4_CPtr slot;

	section("a proxy sent home", "doc/CLUSTER.md");
	call(service_at_b, 3, service_at_b, service_at_b, sk_endpoint_new());
	seL4_MessageInfo_t info = receive_cap(service, &slot);
	equal("is unwrapped, as any capability of that endpoint", seL4_MessageInfo_get_capsUnwrapped(info),
	      3);
	check("and seen by its badge", seL4_GetBadge(0) == 77 && seL4_GetBadge(1) == 77);
	equal("beside one that is received", seL4_MessageInfo_get_extraCaps(info), 3);
	answer(0, 0);
	at(A);
	cluster_release(slot);
	pipes_wait_ms(5);
}

static void of_an_answer(void)
{
	seL4_CPtr fresh = sk_endpoint_new(), slot, note = sk_notification_new();
	seL4_Word badge, before = counts_at(A).exports;

	section("capabilities in answers", "doc/CLUSTER.md");
	call(service_at_b, 0, 0, 0, 0);
	receive_cap(service, &slot);
	answer_with_cap(sk_cap_mint(fresh, seL4_AllRights, 5));
	check("arrive", caller.done && caller.got == 1);
	check("lead home", leads_to(caller.slot, fresh, 5));
	at(B);
	cluster_release(caller.slot);
	call(service_at_b, 0, 0, 0, 0);
	receive_cap(service, &slot);
	answer_with_cap(sk_cap_mint(note, seL4_AllRights, 0x80));
	seL4_Signal(caller.slot);
	seL4_Poll(note, &badge);
	equal("notifications, too", badge, 0x80);
	at(B);
	cluster_release(caller.slot);
	pipes_wait_ms(5);
	equal("released, gone", counts_at(A).exports, before);
}

static void that_do_not_travel(void)
{
	const seL4_CPtr stays[] = {ROOT,
				   VSPACE,
				   SELF,
				   sk_untyped_new(12),
				   sk_frame_new(),
				   seL4_CapIRQControl,
				   sk_object_new(seL4_CapTableObject, 4)};
	seL4_CPtr slot;
	bool absent = true;

	section("what does not travel", "doc/CLUSTER.md");
	for (unsigned i = 0; i < LENGTH_OF(stays); i++) {
		call(service_at_b, 1, stays[i], 0, 0);
		absent = seL4_MessageInfo_get_extraCaps(receive_cap(service, &slot)) == 0 && absent;
		answer(0, 0);
		absent = absent && caller.done;
	}
	check("arrives absent, in messages that arrive", absent);
	call(service_at_b, 0, 0, 0, 0);
	receive_cap(service, &slot);
	answer_with_cap(ROOT);
	check("or in answers", caller.done && caller.got == 0);
	call(service_at_b, 1, pipes_control[B], 0, 0);
	equal("a control capability stays", seL4_MessageInfo_get_extraCaps(receive_cap(service, &slot)), 0);
	answer(0, 0);
	equal("nothing is left of them", counts_at(B).exports, 0);
}

/* B has a capability of C's and gives it to A; then b is cut off. */
static void third_node(void)
{
	seL4_CPtr of_c = sk_endpoint_new(), at_a, slot;

	section("a third node", "doc/CLUSTER.md");
	publish_at(C, "third", sk_cap_mint(of_c, seL4_AllRights, 9));
	seL4_CPtr at_b = lookup_at(B, "third");
	call(service_at_b, 2, at_b, service_at_b, 0);
	seL4_MessageInfo_t info = receive_cap(service, &at_a);
	equal("given on with a call", seL4_MessageInfo_get_extraCaps(info), 2);
	equal("and another one, that comes home", seL4_MessageInfo_get_capsUnwrapped(info), 2);
	answer(0, 0);
	check("it leads to its home", leads_to(at_a, of_c, 9));
	check("which has an export for each", counts_at(C).exports == 2 && counts_at(B).exports == 0);
	call(service_at_c, 0, 0, 0, 0);
	receive_cap(service, &slot);
	answer_with_cap(at_a);
	check("sent home from there, it is the capability itself", caller.got == 1);
	check("with its badge", leads_to(caller.slot, of_c, 9));
	call(service_at_b, 0, 0, 0, 0);
	receive_cap(service, &slot);
	answer_with_cap(at_a);
	check("given on with an answer", caller.done && caller.got == 1);
	check("to one that has it already", leads_to(caller.slot, of_c, 9) && counts_at(C).exports == 3);
	pipes_part(A, B, true);
	pipes_part(B, C, true);
	pipes_wait_ms(1100);
	check("it stays when who gave it is gone", leads_to(at_a, of_c, 9));
	equal("who has nothing any more", counts_at(C).exports, 1);
	pipes_part(A, B, false);
	pipes_part(B, C, false);
	pipes_wait_ms(1500);
	service_at_b = lookup_at(B, "service");
	at(A);
	cluster_release(at_a);
	pipes_wait_ms(5);
	equal("all released", counts_at(C).exports, 0);
	at(C);
	cluster_withdraw("third");
}

/* Messages through one capability keep their order while one waits for a capability to be claimed. */
static void order_with_third(void)
{
	struct peer later;
	seL4_CPtr of_c = sk_endpoint_new(), slot;

	section("order while a capability is claimed", "doc/CLUSTER.md");
	publish_at(C, "third", of_c);
	seL4_CPtr at_b = lookup_at(B, "third");
	peer_new(&later, HIGH, 0);
	pipes_cut(C, A, true); /* A's claim is not answered for now */
	call(service_at_b, 1, at_b, 0, 0);
	peer_trap(&later, seL4_SysSend, service_at_b, INFO(3, 0, 0), 0, 0);
	check("the second waits, too", !poll(service).came);
	pipes_cut(C, A, false);
	pipes_wait_ms(300);
	seL4_MessageInfo_t info = receive_cap(service, &slot);
	equal("the first is first", seL4_MessageInfo_get_label(info), 1);
	answer(0, 0);
	equal("then the second", poll(service).label, 3);
	at(A);
	cluster_release(slot);
	at(B);
	cluster_release(at_b);
	sk_thread_delete(&later.thread);
	at(C);
	cluster_withdraw("third");
	pipes_wait_ms(5);
	equal("all released", counts_at(C).exports + counts_at(A).imports, 0);
}

/* The call that B has made comes, with a capability or without, and is answered. */
static bool comes(seL4_CPtr *slot, seL4_Word caps)
{
	seL4_MessageInfo_t info = receive_cap(service, slot);
	bool good = seL4_MessageInfo_get_label(info) == 1 && seL4_MessageInfo_get_extraCaps(info) == caps;

	answer(0, 0);
	return good && caller.done;
}

static void released_at_a(seL4_CPtr slot)
{
	at(A);
	cluster_release(slot);
	pipes_wait_ms(5);
}

/* A capability of C's that B gives to A before A and C hear each other. */
static void third_not_yet_heard(void)
{
	seL4_CPtr of_c = sk_endpoint_new(), other = sk_endpoint_new(), slot;

	section("a third node that is not heard yet", "doc/CLUSTER.md");
	publish_at(C, "third", of_c);
	publish_at(A, "other", other);
	seL4_CPtr at_b = lookup_at(B, "third"), other_at_b = lookup_at(B, "other");
	pipes_part(A, C, true);
	pipes_wait_ms(1100);
	call(service_at_b, 1, at_b, 0, 0);
	check("home does not hear the receiver: the message waits", !poll(service).came);
	check("others do not", leads_to(other_at_b, other, 0));
	pipes_part(A, C, false);
	pipes_wait_ms(500);
	check("until it does", comes(&slot, 1) && leads_to(slot, of_c, 0));
	released_at_a(slot);
	/* C hears that A has heard it, A does not. */
	pipes_part(A, C, true);
	pipes_wait_ms(1100);
	pipes_cut(C, A, false);
	pipes_wait_ms(300);
	pipes_cut(C, A, true);
	pipes_cut(A, C, false);
	pipes_wait_ms(300);
	call(service_at_b, 1, at_b, 0, 0);
	equal("the receiver does not hear home, which has made an export for it", counts_at(C).exports, 2);
	check("then the message waits, too", !poll(service).came);
	check("and others do not", leads_to(other_at_b, other, 0));
	pipes_cut(C, A, false);
	pipes_wait_ms(500);
	check("until it does", comes(&slot, 1) && leads_to(slot, of_c, 0));
	released_at_a(slot);
	at(B);
	cluster_release(at_b);
	cluster_release(other_at_b);
	at(A);
	cluster_withdraw("other");
	at(C);
	cluster_withdraw("third");
	service_at_c = lookup_at(C, "service");
	pipes_wait_ms(5);
	equal("all released", counts_at(C).exports + counts_at(A).imports, 0);
}

/* A capability of C's that B gives to A, which C cannot reach, or to whom B's message never comes. */
static void third_out_of_reach(void)
{
	seL4_CPtr of_c = sk_endpoint_new(), slot;

	section("a third node out of reach", "doc/CLUSTER.md");
	publish_at(C, "third", of_c);
	seL4_CPtr at_b = lookup_at(B, "third");
	pipes_part(A, C, true);
	pipes_wait_ms(1100);
	call(service_at_b, 1, at_b, 0, 0);
	pipes_wait_ms(900);
	check("the message waits", !poll(service).came);
	pipes_wait_ms(200);
	check("it comes, the capability is absent", comes(&slot, 0));
	equal("nothing is left", counts_at(C).exports, 1); /* B's */
	call(service_at_b, 1, at_b, 0, 0);
	check("the next one does not wait", comes(&slot, 0));
	pipes_part(A, C, false);
	pipes_wait_ms(1500);
	call(service_at_b, 1, at_b, 0, 0);
	check("when they hear each other it arrives", comes(&slot, 1));
	released_at_a(slot);
	pipes_part(A, C, true);
	pipes_wait_ms(1100);
	call(service_at_b, 1, at_b, 0, 0);
	check("when they do not any more, a message waits again", !poll(service).came);
	pipes_part(A, C, false);
	pipes_wait_ms(500);
	check("until they do", comes(&slot, 1));
	released_at_a(slot);
	service_at_c = lookup_at(C, "service");
	pipes_part(A, B, true);
	call(service_at_b, 1, at_b, 0, 0);
	equal("given, but the message does not come: kept for who may claim it", counts_at(C).exports, 2);
	pipes_wait_ms(1100);
	check("the call is over", caller.done);
	pipes_part(A, B, false);
	pipes_wait_ms(5500);
	equal("and forgotten after a while", counts_at(C).exports, 1);
	service_at_b = lookup_at(B, "service");
	at(B);
	cluster_release(at_b);
	at(C);
	cluster_withdraw("third");
	pipes_wait_ms(5);
}

/*
 * B's bridge receives from nobody, and a server of B answers A with a capability, which the bridge would have
 * to receive: what keeps it closed could be waiting for this very answer.
 */
static void answer_while_closed(void)
{
	struct peer flooder;
	seL4_CPtr deaf = sk_endpoint_new(), of_b = sk_endpoint_new();
	unsigned sent = 0;

	section("an answer with a capability while the bridge receives from nobody", "doc/CLUSTER.md");
	publish_at(A, "deaf", deaf);
	publish_at(B, "of-b", of_b);
	seL4_CPtr to_deaf = lookup_at(B, "deaf"), at_a = lookup_at(A, "of-b");
	peer_new(&flooder, HIGH, 0);
	do
		peer_trap(&flooder, seL4_SysSend, to_deaf, INFO(0, 0, 0), 0, 0);
	while (flooder.done && ++sent < 1000);
	call(at_a, 0, 0, 0, 0);
	check("a call gets through", poll(of_b).came);
	answer_with_cap(deaf);
	check("its answer waits", !caller.done);
	pipes_wait_ms(400);
	check("and then goes without the capability", caller.done && caller.got == 0);
	for (unsigned i = 0; i <= sent; i++)
		poll(deaf);
	check("all else goes on", flooder.done && counts_at(B).messages_held == 0);
	at(B);
	cluster_release(to_deaf);
	cluster_withdraw("of-b");
	at(A);
	cluster_release(at_a);
	cluster_withdraw("deaf");
	sk_thread_delete(&flooder.thread);
}

void capabilities(void)
{
	peer_new(&caller.peer, HIGH, 0);
	there_and_home();
	home_with_a_call();
	of_an_answer();
	that_do_not_travel();
	third_node();
	order_with_third();
	third_not_yet_heard();
	third_out_of_reach();
	answer_while_closed();
	sk_thread_delete(&caller.peer.thread);
}
