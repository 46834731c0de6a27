/*
 * A service that is taken over: nodes a and b can give it, a does as long as it is there; every other node
 * calls it without pause, and prints a line when an answer comes from another node than the last, or none.
 * Run by test/node/run and test/bench/cluster.py.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/cluster.h>
#include <skerry/object.h>

#define NAME "service"

static seL4_CPtr change;
static char self;

static void serve(void)
{
	seL4_CPtr endpoint = sk_endpoint_new(), other = sk_slot_new();

	if (self != 'a') {
		while (cluster_lookup(NAME, other) != CLUSTER_OK)
			seL4_Wait(change, NULL);
		printf("I stand by\n");
	}
	while (cluster_publish(NAME, endpoint) != CLUSTER_OK)
		seL4_Wait(change, NULL); /* somebody else has it */
	printf("I give the service\n");
	for (seL4_MessageInfo_t info = seL4_Recv(endpoint, NULL);;
	     info = seL4_ReplyRecv(endpoint, info, NULL)) {
		seL4_SetMR(0, (seL4_Word)self);
		info = seL4_MessageInfo_new(0, 0, 0, 1);
	}
}

/* Calls until that fails: true if there was an answer at all. */
static void call_all(seL4_CPtr slot)
{
	bool said = false;

	for (;;) {
		seL4_MessageInfo_t info = seL4_Call(slot, seL4_MessageInfo_new(0, 0, 0, 1));
		enum cluster_outcome outcome = cluster_outcome(info);

		if (outcome != CLUSTER_DONE) {
			printf("no answer: %d\n", (int)outcome);
			return;
		}
		if (!said)
			printf("%c answers\n", (char)seL4_GetMR(0));
		said = true;
	}
}

static void call(void)
{
	for (;;) {
		seL4_CPtr slot = sk_slot_new();

		while (cluster_lookup(NAME, slot) != CLUSTER_OK)
			seL4_Wait(change, NULL);
		call_all(slot);
	}
}

int main(void)
{
	struct cluster_member members[CLUSTER_NODES];

	sk_must((seL4_Error)cluster_start(NULL));
	change = sk_notification_new();
	sk_must((seL4_Error)cluster_watch(change));
	cluster_members(members);
	self = members[0].name[0];
	if (self == 'a' || self == 'b')
		serve();
	else
		call();
	return 0;
}
