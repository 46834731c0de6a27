/*
 * What a call to another node costs: node a answers, node b calls as often as fits the figures. Each prints
 * the guest instructions that it retired meanwhile, those of bridge, kernel (none, hosted) and program
 * together.
 */
#include <stdio.h>
#include <stdint.h>
#include <skerry/check.h>
#include <skerry/cluster.h>
#include <skerry/object.h>

enum { CALLS = 1000 };

static uint64_t instructions(void)
{
	uint64_t count;

	__asm__ volatile("rdinstret %0" : "=r"(count));
	return count;
}

static void serve(void)
{
	seL4_CPtr endpoint = sk_endpoint_new();
	uint64_t before = 0;

	sk_must((seL4_Error)cluster_publish("echo", endpoint));
	seL4_MessageInfo_t info = seL4_Recv(endpoint, NULL);
	for (int i = 0; i < CALLS + 100; i++) {
		if (i == 100)
			before = instructions();
		info = seL4_ReplyRecv(endpoint, info, NULL);
	}
	printf("%lu instructions for each call\n", (instructions() - before) / CALLS);
}

static void call(void)
{
	seL4_CPtr echo = sk_slot_new(), change = sk_notification_new();
	uint64_t before = 0;

	cluster_watch(change);
	while (cluster_lookup("echo", echo))
		seL4_Wait(change, NULL);
	for (int i = 0; i < CALLS + 100; i++) {
		if (i == 100)
			before = instructions();
		seL4_Call(echo, seL4_MessageInfo_new(16, 0, 0, 4));
	}
	printf("%lu instructions for each call\n", (instructions() - before) / CALLS);
	seL4_Call(echo, seL4_MessageInfo_new(16, 0, 0, 4));
}

int main(void)
{
	struct cluster_member members[CLUSTER_NODES];

	sk_must((seL4_Error)cluster_start(NULL));
	cluster_members(members);
	if (members[0].name[0] == 'a')
		serve();
	else
		call();
	return 0;
}
