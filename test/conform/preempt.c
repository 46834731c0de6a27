/* Long operations are preempted: who is woken by an interrupt in the middle runs before they are over. */
#include "conform.h"

#include <skerry/device.h>
#include <skerry/machine.h>

enum { TIME_LOW, TIME_HIGH, ALARM_LOW, ALARM_HIGH, IRQ_ENABLED, CLEAR_ALARM, ALARM_STATUS, CLEAR_INTERRUPT };
enum { COPIES = 20000, CNODE_BITS = 15 };

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

/*
 * Runs the operation twice, each time after prepare(): once to see how long it takes, and once with an
 * alarm in its middle.
 */
static void interrupted(const char *name, void (*prepare)(void), struct request operation,
			seL4_Word (*look_)(void))
{
	char text[100];

	look = look_;
	woken_time = 0;
	prepare();
	uint64_t start = now();
	invoke(operation);
	uint64_t took = now() - start;
	prepare();
	peer_run(&waker, wait_for_alarm, NULL);
	alarm_time = now() + took / 2;
	rtc[ALARM_HIGH] = (uint32_t)(alarm_time >> 32);
	rtc[ALARM_LOW] = (uint32_t)alarm_time;
	struct outcome outcome = invoke(operation);
	uint64_t end = now();
	snprintf(text, sizeof text, "%s succeeds", name);
	equal(text, outcome.label, seL4_NoError);
	snprintf(text, sizeof text, "%s: the woken thread ran before it was over", name);
	if (!check(text, woken_time && woken_time < end - (look ? 0 : took / 8)))
		printf("took %ld ns; alarm at 0, woken at %ld ns, over at %ld ns\n", (long)took,
		       (long)(woken_time - alarm_time), (long)(end - alarm_time));
	while (!woken_time) /* let it ring */
		;
}

static seL4_CPtr store, original, endpoint_memory;

static void store_clear(void)
{
	for (seL4_Word i = 0; i < COPIES; i++)
		sk_must(seL4_CNode_Delete(store, i, CNODE_BITS));
	if (seL4_DebugCapIdentify(original) == TYPE_NULL)
		sk_must(seL4_Untyped_Retype(endpoint_memory, seL4_EndpointObject, 0, ROOT, 0, 0, original,
					    1));
}

static void store_copies(void)
{
	store_clear();
	for (seL4_Word i = 0; i < COPIES; i++)
		sk_must(seL4_CNode_Copy(store, i, CNODE_BITS, ROOT, original, 64, seL4_AllRights));
}

static void store_badged(void)
{
	store_clear();
	for (seL4_Word i = 0; i < COPIES; i++)
		sk_must(seL4_CNode_Mint(store, i, CNODE_BITS, ROOT, original, 64, seL4_AllRights, i + 1));
}

/* A lookup of the slot's content, without changing it: what a Move to an occupied slot finds. */
static bool store_empty(seL4_Word i)
{
	struct outcome o =
		invoke(REQUEST(ROOT, CNodeMove, CAPS(store), ARGS(sk_slot_new(), 64, i, CNODE_BITS)));
	return o.label == seL4_FailedLookup && o.mr[1] == seL4_MissingCapability;
}

static void revoking(void)
{
	struct request revoke = REQUEST(ROOT, CNodeRevoke, CAPS(), ARGS(original, 64));

	section("revoke of 20,000", "capabilities.md §6");
	interrupted("copies", store_copies, revoke, NULL);
	check("all are gone", store_empty(0) && store_empty(COPIES / 2) && store_empty(COPIES - 1));
	is("the original is there", original, TYPE_ENDPOINT);
	interrupted("badged ones", store_badged, revoke, NULL);
	check("all badged ones are gone",
	      store_empty(0) && store_empty(COPIES / 2) && store_empty(COPIES - 1));
}

/* While the waker runs, the original is deleted under the revoke's feet. */
static seL4_Word delete_original(void)
{
	return cap_delete(original);
}

static void revoke_disturbed(void)
{
	section("revoke disturbed", "capabilities.md §6");
	interrupted("the capability deleted meanwhile", store_copies,
		    REQUEST(ROOT, CNodeRevoke, CAPS(), ARGS(original, 64)), delete_original);
	equal("the other's delete succeeds", seen, seL4_NoError);
	is("its slot is empty", original, TYPE_NULL);
	check("what had not been revoked is still there", !store_empty(0) || !store_empty(COPIES - 1));
	store_clear();
}

static seL4_CPtr victim, victim_tcb, victim_memory;
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
	sk_must(cap_revoke(victim_memory));
	sk_must(seL4_Untyped_Retype(victim_memory, seL4_CapTableObject, CNODE_BITS, ROOT, 0, 0, victim, 1));
	for (seL4_Word i = 0; i < LIBSEL4_BIT(CNODE_BITS); i++)
		sk_must(seL4_CNode_Copy(victim, i, CNODE_BITS, ROOT, original, 64, seL4_AllRights));
}

/* A thread holds the last capability to it. */
static void victim_held(void)
{
	victim_fill();
	sk_must(seL4_Untyped_Retype(victim_memory, seL4_TCBObject, 0, ROOT, 0, 0, victim_tcb, 1));
	sk_must(seL4_TCB_SetSpace(victim_tcb, 0, victim, 0, VSPACE, 0));
	sk_must(cap_delete(victim));
}

static void deleting(void)
{
	struct request delete = REQUEST(ROOT, CNodeDelete, CAPS(), ARGS(victim, 64));

	section("delete of a CNode of 32,768", "capabilities.md §6");
	interrupted("delete", victim_fill, delete, look_at_zombie);
	equal("meanwhile its slot held a zombie", seen, TYPE_ZOMBIE);
	check("invoked: InvalidCapability 0",
	      on_zombie.label == 2 && on_zombie.length == 1 && on_zombie.mr[0] == 0);
	is("then nothing", victim, TYPE_NULL);
	interrupted("delete that another finishes", victim_fill, delete, finish_zombie);
	equal("the other's delete succeeds", seen, seL4_NoError);
	is("the slot is empty", victim, TYPE_NULL);
	interrupted("delete of a thread that holds it last", victim_held,
		    REQUEST(ROOT, CNodeDelete, CAPS(), ARGS(victim_tcb, 64)), NULL);
	interrupted("revoke of the memory below it", victim_held,
		    REQUEST(ROOT, CNodeRevoke, CAPS(), ARGS(victim_memory, 64)), NULL);
	is("nothing is left", victim_tcb, TYPE_NULL);
}

static seL4_CPtr big, frames;
static volatile seL4_Word *page;

static void use_all(void)
{
	sk_must(cap_revoke(big));
	sk_must(seL4_Untyped_Retype(big, seL4_RISCV_4K_Page, 0, ROOT, 0, 0, frames, 1));
	sk_must(seL4_Untyped_Retype(big, seL4_RISCV_Mega_Page, 0, ROOT, 0, 0, frames + 1, 31));
	sk_must(sk_map(VSPACE, frames, (seL4_Word)page, seL4_ReadWrite, 0));
	page[5] = 77;
	sk_must(cap_revoke(big));
}

static void clearing(void)
{
	section("clearing 64 MiB", "invocations.md §4");
	big = sk_untyped_new(26);
	frames = sk_slots_new(32);
	page = sk_address_new(1);
	interrupted("retype", use_all, REQUEST(big, UntypedRetype, CAPS(ROOT), ARGS(6, 0, 0, 0, frames, 1)),
		    NULL);
	sk_must(sk_map(VSPACE, frames, (seL4_Word)page, seL4_ReadWrite, 0));
	equal("it is clear", page[5], 0);
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
	original = sk_slot_new();
	endpoint_memory = sk_untyped_new(6);
	victim = sk_slot_new();
	victim_tcb = sk_slot_new();
	victim_memory = sk_untyped_new(21);
	store_clear();
	revoking();
	revoke_disturbed();
	deleting();
	clearing();
	return conform_end();
}
