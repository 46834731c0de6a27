/* Long operations are preempted: who is woken by an interrupt in the middle runs before they are over. */
#include "conform.h"

#include <skerry/device.h>
#include <skerry/machine.h>

enum { TIME_LOW, TIME_HIGH, ALARM_LOW, ALARM_HIGH, IRQ_ENABLED, CLEAR_ALARM, ALARM_STATUS, CLEAR_INTERRUPT };
enum { COPIES = 20000, CNODE_BITS = 15, DELAY = 5000 };

static volatile uint32_t *rtc;
static seL4_CPtr alarm_note, alarm_irq;
static struct peer waker; /* of high priority; waits for the alarm, then looks at the state of things */
static volatile uint64_t alarm_time, woken_time;
static volatile seL4_Word seen;
static seL4_Word (*look)(void);

static uint64_t now(void)
{
	uint64_t low = rtc[TIME_LOW];
	return (uint64_t)rtc[TIME_HIGH] << 32 | low;
}

static void wait_for_alarm(void *argument)
{
	(void)argument;
	seL4_Wait(alarm_note, NULL);
	woken_time = now();
	rtc[CLEAR_INTERRUPT] = 1;
	seL4_IRQHandler_Ack(alarm_irq);
	if (look)
		seen = look();
}

/* Runs `operation`; the alarm rings `delay` ns after its start. */
static void interrupted(const char *name, struct request operation, uint64_t delay, seL4_Word (*look_)(void))
{
	char text[100];

	look = look_;
	woken_time = 0;
	peer_run(&waker, wait_for_alarm, NULL);
	alarm_time = now() + delay;
	rtc[ALARM_HIGH] = (uint32_t)(alarm_time >> 32);
	rtc[ALARM_LOW] = (uint32_t)alarm_time;
	struct outcome outcome = invoke(operation);
	uint64_t end = now();
	snprintf(text, sizeof text, "%s succeeds", name);
	equal(text, outcome.label, seL4_NoError);
	snprintf(text, sizeof text, "%s: the woken thread ran before it was over", name);
	if (!check(text, woken_time && woken_time < end))
		printf("alarm at 0, woken at %ld ns, over at %ld ns\n", (long)(woken_time - alarm_time),
		       (long)(end - alarm_time));
	snprintf(text, sizeof text, "%s: within 1 ms of the alarm", name);
	check(text, woken_time >= alarm_time && woken_time - alarm_time < 1000000);
	while (!woken_time) /* let it ring */
		;
}

static seL4_CPtr store, original;

static void store_fill(seL4_CPtr cap, bool badged)
{
	for (seL4_Word i = 0; i < COPIES; i++) {
		if (badged)
			sk_must(seL4_CNode_Mint(store, i, CNODE_BITS, ROOT, cap, 64, seL4_AllRights, i + 1));
		else
			sk_must(seL4_CNode_Copy(store, i, CNODE_BITS, ROOT, cap, 64, seL4_AllRights));
	}
}

/* A lookup of the slot's content, without changing it: what a Move to an occupied slot finds. */
static bool store_empty(seL4_Word i)
{
	struct outcome o = invoke(REQUEST(ROOT, CNodeMove, CAPS(store), ARGS(sk_slot_new(), 64, i, CNODE_BITS)));
	return o.label == seL4_FailedLookup && o.mr[1] == seL4_MissingCapability;
}

static void revoking(void)
{
	section("revoke of 20,000", "capabilities.md §6");
	store_fill(original, false);
	interrupted("copies", REQUEST(ROOT, CNodeRevoke, CAPS(), ARGS(original, 64)), DELAY, NULL);
	check("all are gone", store_empty(0) && store_empty(COPIES / 2) && store_empty(COPIES - 1));
	is("the original is there", original, TYPE_ENDPOINT);
	store_fill(original, true);
	interrupted("badged ones", REQUEST(ROOT, CNodeRevoke, CAPS(), ARGS(original, 64)), DELAY, NULL);
	check("all badged ones are gone", store_empty(0) && store_empty(COPIES / 2) && store_empty(COPIES - 1));
}

/* While the waker runs, the original is deleted under the revoke's feet. */
static seL4_Word delete_original(void)
{
	return cap_delete(original);
}

static void revoke_disturbed(void)
{
	section("revoke disturbed", "capabilities.md §6");
	store_fill(original, false);
	interrupted("the capability deleted meanwhile", REQUEST(ROOT, CNodeRevoke, CAPS(), ARGS(original, 64)), DELAY,
		    delete_original);
	equal("the other's delete succeeds", seen, seL4_NoError);
	is("its slot is empty", original, TYPE_NULL);
	check("what had not been revoked is still there", !store_empty(0) || !store_empty(COPIES - 1));
	for (seL4_Word i = 0; i < COPIES; i++)
		sk_must(seL4_CNode_Delete(store, i, CNODE_BITS));
	original = sk_endpoint_new();
}

static seL4_CPtr victim;
static struct outcome on_zombie;

static seL4_Word look_at_zombie(void)
{
	on_zombie = invoke(REQUEST(victim, CNodeDelete, CAPS(), ARGS(0, 1)));
	return seL4_DebugCapIdentify(victim);
}

static seL4_Word finish_zombie(void)
{
	return cap_delete(victim);
}

static void victim_fill(void)
{
	victim = cnode_new(CNODE_BITS);
	for (seL4_Word i = 0; i < LIBSEL4_BIT(CNODE_BITS); i++)
		sk_must(seL4_CNode_Copy(victim, i, CNODE_BITS, ROOT, original, 64, seL4_AllRights));
}

static void deleting(void)
{
	section("delete of a CNode of 32,768", "capabilities.md §6");
	victim_fill();
	interrupted("delete", REQUEST(ROOT, CNodeDelete, CAPS(), ARGS(victim, 64)), DELAY, look_at_zombie);
	equal("meanwhile its slot held a zombie", seen, TYPE_ZOMBIE);
	check("invoked: InvalidCapability 0", on_zombie.label == 2 && on_zombie.length == 1 && on_zombie.mr[0] == 0);
	is("then nothing", victim, TYPE_NULL);
	victim_fill();
	interrupted("delete that another finishes", REQUEST(ROOT, CNodeDelete, CAPS(), ARGS(victim, 64)), DELAY,
		    finish_zombie);
	equal("the other's delete succeeds", seen, seL4_NoError);
	is("the slot is empty", victim, TYPE_NULL);
	/* As a thread's CSpace: Configure refuses while the thread's is a zombie; see tcb.c for the final one. */
	victim_fill();
	seL4_CPtr tcb = sk_object_new(seL4_TCBObject, 0);
	sk_must(seL4_TCB_SetSpace(tcb, 0, victim, 0, VSPACE, 0));
	sk_must(cap_delete(victim));
	interrupted("delete of a thread that holds it last", REQUEST(ROOT, CNodeDelete, CAPS(), ARGS(tcb, 64)), DELAY,
		    NULL);
}

static void clearing(void)
{
	section("clearing 64 MiB", "invocations.md §4");
	seL4_CPtr big = sk_untyped_new(26), frame = sk_slots_new(32);
	volatile seL4_Word *page = sk_address_new(1);
	sk_must(seL4_Untyped_Retype(big, 6, 0, ROOT, 0, 0, frame, 1));
	sk_must(seL4_Untyped_Retype(big, 7, 0, ROOT, 0, 0, frame + 1, 31));
	sk_must(sk_map(VSPACE, frame, (seL4_Word)page, seL4_ReadWrite, 0));
	page[5] = 77;
	sk_must(cap_revoke(big));
	interrupted("retype", REQUEST(big, UntypedRetype, CAPS(ROOT), ARGS(6, 0, 0, 0, frame, 1)), DELAY, NULL);
	sk_must(sk_map(VSPACE, frame, (seL4_Word)page, seL4_ReadWrite, 0));
	equal("it is clear", page[5], 0);
}

static volatile seL4_Word turns;

static void count(void *argument)
{
	(void)argument;
	for (;;)
		turns++;
}

/* The kernel's own timer, too: an equal thread has its turns while we revoke. */
static void time_slices(void)
{
	struct peer other;

	section("time slices go on", "capabilities.md §6, ipc.md §5");
	peer_new(&other, MAIN_PRIO, 0);
	seL4_CPtr big = sk_untyped_new(27), frame = sk_slots_new(64);
	sk_must(seL4_Untyped_Retype(big, 7, 0, ROOT, 0, 0, frame, 64));
	sk_must(cap_revoke(big));
	peer_run(&other, count, NULL);
	seL4_Word before = turns;
	uint64_t start = now();
	sk_must(seL4_Untyped_Retype(big, 6, 0, ROOT, 0, 0, frame, 1));
	uint64_t took = now() - start;
	check("an equal thread ran during a retype, if that took more than 20 ms", turns > before || took < 20000000);
	sk_thread_delete(&other.thread);
}

int main(void)
{
	conform_begin("preempt");
	rtc = sk_device_map(SK_RTC_PADDR);
	alarm_note = sk_notification_new();
	alarm_irq = sk_irq_new(SK_RTC_IRQ, alarm_note);
	rtc[IRQ_ENABLED] = 1;
	peer_new(&waker, HIGH, 0);
	store = cnode_new(CNODE_BITS);
	original = sk_endpoint_new();
	revoking();
	revoke_disturbed();
	deleting();
	clearing();
	time_slices();
	return conform_end();
}
