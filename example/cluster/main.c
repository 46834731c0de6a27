/*
 * Three nodes, one system: this program runs on nodes a, b and c, joined by `skerry cluster up 3`.
 *
 *	a   has a counter, which b and c use, each with a capability of its own
 *	b   gives its capability to c, and takes the counter over when a is gone
 *	c   uses what b gave it, reads what b writes into memory that both see, and waits for an answer of a
 *
 * a never gives that answer, and waits to be killed: `skerry cluster kill a`.
 *
 * All calls are plain seL4: a capability for another node's endpoint is an endpoint capability.
 */
#include "cluster.h"

#include <stdio.h>
#include <skerry/check.h>
#include <skerry/object.h>
#include <skerry/region.h>
#include <skerry/vspace.h>

static seL4_CPtr change; /* signalled when members or names change */

/* The capability of that name, as soon as there is one. */
static seL4_CPtr lookup(const char *name)
{
	seL4_CPtr slot = sk_slot_new();

	while (cluster_lookup(name, slot) != CLUSTER_OK)
		seL4_Wait(change, NULL);
	return slot;
}

static bool is_up(const char *name)
{
	struct cluster_member members[CLUSTER_NODES];
	unsigned count = cluster_members(members);

	for (unsigned i = 0; i < count; i++) {
		if (strcmp(members[i].name, name) == 0)
			return members[i].up;
	}
	return false;
}

/* b can give c what is a's only when each of them hears the others. */
static void wait_for_all(void)
{
	struct cluster_member members[CLUSTER_NODES];
	unsigned count = cluster_members(members), up = 0;

	while (up < count) {
		up = 0;
		for (unsigned i = 0; i < count; i++)
			up += is_up(members[i].name);
		if (up < count)
			seL4_Wait(change, NULL);
	}
}

/* A client's own capability for the counter: it comes with the answer. */
static seL4_CPtr counter_open(seL4_CPtr counter)
{
	seL4_CPtr slot = sk_slot_new();

	seL4_SetCapReceivePath(seL4_CapInitThreadCNode, slot, SK_DEPTH);
	seL4_MessageInfo_t info = seL4_Call(counter, seL4_MessageInfo_new(COUNTER_OPEN, 0, 0, 0));
	if (cluster_outcome(info) != CLUSTER_DONE || seL4_MessageInfo_get_extraCaps(info) != 1)
		sk_panic("the counter did not open");
	return slot;
}

static void count_with(seL4_CPtr client)
{
	seL4_MessageInfo_t info = seL4_Call(client, seL4_MessageInfo_new(COUNTER_ADD, 0, 0, 0));

	if (cluster_outcome(info) == CLUSTER_DONE)
		printf("I am client %lu, the count is %lu\n", seL4_GetMR(1), seL4_GetMR(0));
	else
		printf("the call: %s\n", outcome_names[cluster_outcome(info)]);
}

/* --- memory that b and c see ------------------------------------------------------------------------ */

/* On different hosts they see none, or each its own: then there is no such part for the other. */
static char *page(void)
{
	seL4_Word offset, size;

	return sk_region_lookup("greeting", &offset, &size) == SK_REGION_OK ? sk_region_map(offset, size)
									    : NULL;
}

/* A signal says that the page has been written. */
static void page_write(const char *text, seL4_CPtr bell)
{
	seL4_Word offset;

	if (sk_region_create("greeting", SK_PAGE_BYTES, &offset) == SK_REGION_OK)
		strcpy(page(), text);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	seL4_Signal(bell);
}

static void page_read(seL4_CPtr bell)
{
	const char *text;

	seL4_Wait(bell, NULL);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	text = page();
	if (text)
		printf("in our common memory b wrote \"%s\"\n", text);
	else
		printf("b rang, but we have no memory in common\n");
}

/* --- the nodes ------------------------------------------------------------------------------------ */

static void node_a(void)
{
	printf("I have a counter\n");
	counter_serve();
}

static void node_b(void)
{
	seL4_CPtr client = counter_open(lookup("counter"));

	count_with(client);
	count_with(client);
	printf("I give my capability to c\n");
	seL4_CPtr mailbox = lookup("mailbox");
	seL4_SetCap(0, client);
	seL4_Call(mailbox, seL4_MessageInfo_new(0, 0, 1, 0));
	page_write("Hello from b", lookup("bell"));
	while (is_up("a"))
		seL4_Wait(change, NULL);
	count_with(client);
	printf("a is gone: now I have a counter\n");
	counter_serve();
}

static void node_c(void)
{
	seL4_CPtr mailbox = sk_endpoint_new(), bell = sk_notification_new(), gift = sk_slot_new();

	sk_must((seL4_Error)cluster_publish("bell", bell));
	sk_must((seL4_Error)cluster_publish("mailbox", mailbox));
	seL4_SetCapReceivePath(seL4_CapInitThreadCNode, gift, SK_DEPTH);
	seL4_MessageInfo_t info = seL4_Recv(mailbox, NULL);
	printf("somebody gave me %lu capability\n", seL4_MessageInfo_get_extraCaps(info));
	seL4_Reply(seL4_MessageInfo_new(0, 0, 0, 0));
	count_with(gift);
	page_read(bell);

	seL4_CPtr counter = lookup("counter");
	count_with(counter_open(counter));
	info = seL4_Call(counter, seL4_MessageInfo_new(COUNTER_KEEP, 0, 0, 0));
	printf("the call that a kept: %s\n", outcome_names[cluster_outcome(info)]);
	counter = lookup("counter");
	printf("there is another counter\n");
	count_with(counter_open(counter));
	seL4_Call(counter, seL4_MessageInfo_new(COUNTER_STOP, 0, 0, 0));
}

int main(void)
{
	struct cluster_member members[CLUSTER_NODES];

	if (cluster_start(NULL) != CLUSTER_OK || cluster_members(members) < 3) {
		printf("This wants three nodes: skerry cluster up 3 IMAGE\n");
		return 1;
	}
	change = sk_notification_new();
	sk_must((seL4_Error)cluster_watch(change));
	wait_for_all();
	cluster_members(members);
	switch (members[0].name[0]) {
	case 'a':
		node_a();
		break;
	case 'b':
		node_b();
		break;
	case 'c':
		node_c();
		break;
	}
	return 0;
}
