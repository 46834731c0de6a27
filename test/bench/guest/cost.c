/*
 * What a call to another node costs: node a answers, node b calls, without and with a capability as argument,
 * and prints for each batch how long a call took. The capability is always the same endpoint. The server
 * gives back each that it gets (cluster_release), which is in the figure, and in the end nothing may be left
 * of them.
 *
 * How many batches, and in each how many calls of both kinds, is said at the link by the symbols
 * `cost_batches`, `cost_calls` and `cost_caps`, whose addresses are the numbers, 1 or more: the instructions
 * of one are the difference of two programs' in virtual time, `skerry cluster sim --nodes 2 --stats`.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/cluster.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/rtc.h>

extern char cost_batches[], cost_calls[], cost_caps[];

#define SETTLED_NS 20000000ul /* for what is released to be told */
enum { WARM = 1000 };         /* calls of each kind before the first batch */
enum { ECHO, END };           /* labels */

static void serve(void)
{
	seL4_CPtr endpoint = sk_endpoint_new(), slot = sk_slot_new();

	seL4_SetCapReceivePath(seL4_CapInitThreadCNode, slot, SK_DEPTH);
	sk_must((seL4_Error)cluster_publish("echo", endpoint));
	seL4_MessageInfo_t info = seL4_Recv(endpoint, NULL);
	while (seL4_MessageInfo_get_label(info) != END) {
		if (seL4_MessageInfo_get_extraCaps(info))
			sk_must((seL4_Error)cluster_release(slot));
		info = seL4_ReplyRecv(endpoint, seL4_MessageInfo_new(ECHO, 0, 0, 4), NULL);
	}
	seL4_Reply(info);
}

static seL4_CPtr echo;

static void call(seL4_Word times, seL4_CPtr cap)
{
	while (times-- > 0) {
		seL4_SetCap(0, cap);
		seL4_MessageInfo_t answer = seL4_Call(echo, seL4_MessageInfo_new(ECHO, 0, cap != 0, 4));
		sk_must((seL4_Error)cluster_outcome(answer));
	}
}

static void measure(seL4_Word times, seL4_CPtr cap, const char *what)
{
	volatile uint32_t *clock = sk_device_map(SK_RTC_PADDR);
	uint64_t began = sk_rtc_now(clock);

	call(times, cap);
	printf("%lu ns for each %s\n", (sk_rtc_now(clock) - began) / times, what);
}

static void call_in_batches(void)
{
	seL4_CPtr change = sk_notification_new(), cap = sk_endpoint_new();
	struct cluster_counts before, after;

	echo = sk_slot_new();
	cluster_watch(change);
	while (cluster_lookup("echo", echo))
		seL4_Wait(change, NULL);
	call(WARM, 0);
	cluster_count(&before);
	call(WARM, cap);
	for (seL4_Word i = 0; i < (seL4_Word)cost_batches; i++) {
		measure((seL4_Word)cost_calls, 0, "call");
		measure((seL4_Word)cost_caps, cap, "call with a capability");
	}
	cluster_sleep(SETTLED_NS);
	cluster_count(&after);
	if (memcmp(&before, &after, sizeof before))
		sk_panic("something is left of the capabilities");
	seL4_Call(echo, seL4_MessageInfo_new(END, 0, 0, 0));
}

int main(void)
{
	struct cluster_member members[CLUSTER_NODES];

	sk_must((seL4_Error)cluster_start(NULL));
	cluster_members(members);
	if (members[0].name[0] == 'a')
		serve();
	else
		call_in_batches();
	return 0;
}
