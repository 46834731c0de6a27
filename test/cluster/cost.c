/*
 * What a call to another node costs: node a answers, node b calls and prints how long one took. The
 * instructions that it takes on both nodes are the difference of two runs in virtual time:  skerry cluster
 * sim --nodes 2 --stats
 */
#include <stdint.h>
#include <stdio.h>
#include <skerry/check.h>
#include <skerry/cluster.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/rtc.h>

enum { WARM = 1000, CALLS = 5000 };

static uint64_t now(void)
{
	return sk_rtc_now(sk_device_map(SK_RTC_PADDR));
}

static void serve(void)
{
	seL4_CPtr endpoint = sk_endpoint_new();

	sk_must((seL4_Error)cluster_publish("echo", endpoint));
	seL4_MessageInfo_t info = seL4_Recv(endpoint, NULL);
	for (int i = 0; i < WARM + CALLS; i++)
		info = seL4_ReplyRecv(endpoint, info, NULL);
}

static void call(void)
{
	seL4_CPtr echo = sk_slot_new(), change = sk_notification_new();
	uint64_t before = 0;

	cluster_watch(change);
	while (cluster_lookup("echo", echo))
		seL4_Wait(change, NULL);
	for (int i = 0; i < WARM + CALLS; i++) {
		if (i == WARM)
			before = now();
		seL4_Call(echo, seL4_MessageInfo_new(16, 0, 0, 4));
	}
	printf("%lu ns for each call\n", (now() - before) / CALLS);
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
