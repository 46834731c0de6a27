/*
 * Idles: as a node of a cluster with a bridge that has a session, or, run alone, without. Says when it has
 * come so far. What the bridge adds to a node's memory is the difference (test/bench/cluster.py).
 */
#include <stdio.h>
#include <skerry/check.h>
#include <skerry/cluster.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/rtc.h>

#define LONG_NS 3600000000000u

static void wait_for_peer(void)
{
	struct cluster_member members[CLUSTER_NODES];
	seL4_CPtr change = sk_notification_new();

	sk_must((seL4_Error)cluster_watch(change));
	while (cluster_members(members) < 2 || !members[1].up)
		seL4_Wait(change, NULL);
}

/* Somebody has to want to be woken some time, or the run is over. */
static void wait_for_alarm(seL4_CPtr idle)
{
	volatile uint32_t *clock = sk_device_map(SK_RTC_PADDR);

	sk_irq_new(SK_RTC_IRQ, idle);
	clock[SK_RTC_INTERRUPT_ENABLED] = 1;
	sk_rtc_alarm(clock, sk_rtc_now(clock) + LONG_NS);
}

int main(void)
{
	enum cluster_error error = cluster_start(NULL);
	seL4_CPtr idle = sk_notification_new();

	if (error == CLUSTER_ABSENT) {
		wait_for_alarm(idle);
	} else {
		sk_must((seL4_Error)error);
		wait_for_peer();
	}
	printf("idle\n");
	seL4_Wait(idle, NULL);
	return 0;
}
