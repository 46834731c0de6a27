/* Capabilities of a third node while sessions end, and messages behind one that waits for them. See local.h.
 */
#include "local.h"

static struct peer sender;

/* Does B see A, soon? */
static bool becomes(bool up)
{
	for (unsigned i = 0; i < 25; i++) {
		if (sees(B, A) == up)
			return true;
		pipes_wait_ms(20);
	}
	return false;
}

/* Messages through one proxy keep their order while home is asked for an export to the receiver. */
static void order_while_given(void)
{
	seL4_CPtr of_c = sk_endpoint_new(), slot;
	struct peer later;

	section("order while a capability is given", "doc/CLUSTER.md");
	publish_at(C, "third", of_c);
	seL4_CPtr at_b = lookup_at(B, "third");
	peer_new(&later, HIGH, 0);
	pipes_cut(C, B, true);
	send_caps(&sender, false, service_at_b, 1, at_b, 0);
	peer_trap(&later, seL4_SysSend, service_at_b, INFO(3, 0, 0), 0, 0);
	check("the second waits, too", !poll(service).came);
	pipes_cut(C, B, false);
	pipes_wait_ms(300);
	equal("the first is first", seL4_MessageInfo_get_label(receive_cap(service, &slot)), 1);
	equal("then the second", poll(service).label, 3);
	at(A);
	cluster_release(slot);
	at(B);
	cluster_release(at_b);
	sk_thread_delete(&later.thread);
	at(C);
	cluster_withdraw("third");
}

/*
 * B's session with A ends while C has not answered B (of a capability that is given to A) or A (of one that
 * it claims). The answer comes when another message has the place of the one that it was for.
 */
static void answered_late(const char *name, unsigned node)
{
	seL4_CPtr one = sk_endpoint_new(), two = sk_endpoint_new(), slot;

	section(name, "doc/CLUSTER.md");
	publish_at(C, "one", one);
	publish_at(C, "two", two);
	seL4_CPtr first = lookup_at(B, "one"), second = lookup_at(B, "two");
	pipes_cut(A, B, true);
	pipes_wait_ms(700);
	pipes_cut(C, node, true);
	send_caps(&sender, false, service_at_b, 1, first, 0);
	check("the session ends", becomes(false));
	pipes_cut(A, B, false);
	check("and another one begins", becomes(true));
	service_at_b = lookup_at(B, "service");
	send_caps(&sender, false, service_at_b, 1, second, 0);
	pipes_cut(C, node, false);
	pipes_wait_ms(300);
	equal("a message comes with a capability",
	      seL4_MessageInfo_get_extraCaps(receive_cap(service, &slot)), 1);
	check("with its own", leads_to(slot, two, 0));
	check("the other is lost", !poll(service).came);
	at(A);
	cluster_release(slot);
	at(B);
	cluster_release(first);
	cluster_release(second);
	at(C);
	cluster_withdraw("one");
	cluster_withdraw("two");
}

/* What waits for credit keeps the bridge closed; when its session ends, no more. */
static void closed_no_more(void)
{
	seL4_CPtr deaf = sk_endpoint_new(), open = sk_endpoint_new();
	struct peer client;

	section("messages that wait when a session ends", "doc/CLUSTER.md");
	publish_at(A, "deaf", deaf);
	publish_at(C, "open", open);
	seL4_CPtr to_deaf = lookup_at(B, "deaf"), to_open = lookup_at(B, "open");
	peer_new(&client, HIGH, 0);
	do
		peer_trap(&client, seL4_SysSend, to_deaf, INFO(0, 0, 0), 0, 0);
	while (client.done);
	pipes_part(A, B, true);
	pipes_wait_ms(1100);
	check("who sends more is held up no more", client.done);
	pipes_part(A, B, false);
	check("there is another session", becomes(true));
	peer_trap(&client, seL4_SysSend, to_open, INFO(0, 0, 0), 0, 0);
	check("other nodes are reached", poll(open).came);
	to_deaf = lookup_at(B, "deaf");
	for (unsigned i = 0; i < 40; i++)
		peer_trap(&client, seL4_SysSend, to_deaf, INFO(0, 0, 0), 0, 0);
	check("and as much may wait again", client.done);
	for (unsigned i = 0; i < 40; i++)
		poll(deaf);
	at(B);
	cluster_release(to_deaf);
	cluster_release(to_open);
	at(A);
	cluster_withdraw("deaf");
	at(C);
	cluster_withdraw("open");
	service_at_b = lookup_at(B, "service");
	sk_thread_delete(&client.thread);
}

void thirds(void)
{
	peer_new(&sender, HIGH, 0);
	order_while_given();
	answered_late("a capability that is given late", B);
	answered_late("a capability that is claimed late", A);
	closed_no_more();
	sk_thread_delete(&sender.thread);
}
