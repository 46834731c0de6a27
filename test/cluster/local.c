/*
 * The bridge, several times in one node (pipes.h): what programs see of it, and what a partition does to each
 * kind of object. Names of cases are the sentences of doc/CLUSTER.md.
 */
#include <skerry/cluster.h>
#include "pipes.h"
#include "test/conform/conform.h"

enum { A, B, C };

static void at(unsigned node)
{
	cluster_use(pipes_control[node]);
}

/* --- a server ------------------------------------------------------------------------------------- */

/* Answers with the sum of the words, their number, the badge and how many it has answered. */
static seL4_CPtr service;
static volatile seL4_Word served;

static void server(void *unused)
{
	seL4_Word badge;

	(void)unused;
	seL4_MessageInfo_t info = seL4_Recv(service, &badge);
	for (;;) {
		seL4_Word sum = 0, length = seL4_MessageInfo_get_length(info);
		for (seL4_Word i = 0; i < length; i++)
			sum += seL4_GetMR((int)i);
		served++;
		seL4_SetMR(0, sum);
		seL4_SetMR(1, length);
		seL4_SetMR(2, badge);
		seL4_SetMR(3, served);
		info = seL4_ReplyRecv(service, INFO(seL4_MessageInfo_get_label(info) + 1, 0, 4), &badge);
	}
}

static void names_and_calls(void)
{
	static struct sk_thread thread;
	seL4_CPtr proxy = sk_slot_new();

	section("names and calls", "doc/CLUSTER.md");
	service = sk_endpoint_new();
	sk_thread_new(&thread, "server", 120, 0);
	sk_thread_start(&thread, server, NULL);
	at(A);
	equal("publish", cluster_publish("sum", sk_cap_mint(service, seL4_AllRights, 77)), CLUSTER_OK);
	equal("again", cluster_publish("sum", service), CLUSTER_EXISTS);
	pipes_wait_ms(5);
	at(B);
	equal("what another node has published", cluster_publish("sum", service), CLUSTER_EXISTS);
	equal("lookup of nothing", cluster_lookup("nothing", proxy), CLUSTER_NOT_FOUND);
	equal("lookup", cluster_lookup("sum", proxy), CLUSTER_OK);
	for (int i = 0; i < 4; i++)
		seL4_SetMR(i, 10 + (seL4_Word)i);
	seL4_MessageInfo_t info = seL4_Call(proxy, INFO(5, 0, 4));
	equal("a call is answered", cluster_outcome(info), CLUSTER_DONE);
	equal("its label", seL4_MessageInfo_get_label(info), 6);
	equal("its words", seL4_GetMR(0), 46);
	equal("their number", seL4_GetMR(1), 4);
	equal("the badge of the capability at home", seL4_GetMR(2), 77);
	for (int i = 0; i < 120; i++)
		seL4_SetMR(i, (seL4_Word)i * i);
	info = seL4_Call(proxy, INFO(9, 0, 120));
	equal("120 words", seL4_GetMR(0), 119 * 120 * 239 / 6);
}

int main(void)
{
	conform_begin("cluster");
	pipes_start(2, 16);
	names_and_calls();
	return conform_end();
}
