/* Long operations are preempted: who is woken by an interrupt in the middle runs before they are over. */
#include "conform.h"

#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/rtc.h>

enum { COPIES = 20000, CNODE_BITS = 15 };

static volatile uint32_t *rtc;
static seL4_CPtr alarm_note, alarm_irq;
static struct peer waker; /* of high priority; waits for the alarm, then looks at the state of things */
static volatile uint64_t alarm_time, woken_time;
static volatile seL4_Word seen;
static seL4_Word (*look)(void);

static uint64_t now(void)
{
	return sk_rtc_now(rtc);
}

static void wait_for_alarm(void *argument)
{
	(void)argument;
	seL4_Wait(alarm_note, NULL);
	woken_time = now();
	rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
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
	sk_rtc_alarm(rtc, alarm_time);
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

/* --- what upstream's kernel does at once: many threads that wait for one object ------------------- */

enum { CROWD = 1000, BADGE_A = 5, BADGE_B = 6 };

static seL4_CPtr crowd, crowd_memory, meeting, badge_a, badge_a_copy, badge_b, park;
static struct peer latecomer;
static volatile seL4_Word passed; /* times that a thread's call came back */
static struct outcome on_meeting;

/* A thread of the crowd: that its call came back is counted, and then it waits for ever. */
static __attribute__((naked)) void crowd_code(void)
{
	__asm__ volatile("ecall\n\t"
			 "li	t0, 1\n\t"
			 "amoadd.d zero, t0, (s1)\n\t"
			 "mv	a0, s0\n\t"
			 "ecall\n\t"
			 "1: j	1b");
}

/* The crowd has a low priority; the calling thread, whose TCB this is, lets all of them run that can. */
static void let_crowd_run(seL4_CPtr tcb, seL4_Word priority)
{
	sk_must(seL4_TCB_SetPriority(tcb, SELF, tcb == SELF ? LOW - 2 : LOW - 1));
	sk_must(seL4_TCB_SetPriority(tcb, SELF, priority));
}

/* From the alarm's thread: the one that was interrupted must not go on meanwhile. */
static seL4_Word passed_by_now(void)
{
	seL4_Word now;

	sk_must(seL4_TCB_SetPriority(SELF, SELF, LOW - 2));
	let_crowd_run(waker.thread.tcb, HIGH);
	now = passed;
	sk_must(seL4_TCB_SetPriority(SELF, SELF, MAIN_PRIO));
	return now;
}

/* All of them send, to `even` and `odd` in turn, and wait. */
static void crowd_waits(seL4_CPtr even, seL4_CPtr odd)
{
	sk_must(cap_revoke(crowd_memory));
	sk_must(seL4_Untyped_Retype(crowd_memory, seL4_EndpointObject, 0, ROOT, 0, 0, meeting, 1));
	sk_must(seL4_CNode_Mint(ROOT, badge_a, 64, ROOT, meeting, 64, seL4_AllRights, BADGE_A));
	sk_must(seL4_CNode_Copy(ROOT, badge_a_copy, 64, ROOT, badge_a, 64, seL4_AllRights));
	sk_must(seL4_CNode_Mint(ROOT, badge_b, 64, ROOT, meeting, 64, seL4_AllRights, BADGE_B));
	for (seL4_Word made = 0; made < CROWD; made += 250)
		sk_must(seL4_Untyped_Retype(crowd_memory, seL4_TCBObject, 0, ROOT, 0, 0, crowd + made, 250));
	passed = 0;
	for (seL4_Word i = 0; i < CROWD; i++) {
		seL4_UserContext regs = {.pc = (seL4_Word)crowd_code,
					 .a0 = i % 2 ? odd : even,
					 .a7 = (seL4_Word)seL4_SysSend,
					 .s0 = park,
					 .s1 = (seL4_Word)&passed};

		sk_must(seL4_TCB_SetSpace(crowd + i, 0, ROOT, 0, VSPACE, 0));
		sk_must(seL4_TCB_SetSchedParams(crowd + i, SELF, 0, LOW));
		sk_must(seL4_TCB_WriteRegisters(crowd + i, 1, 0, seL4_UserContextWords, &regs));
	}
	let_crowd_run(SELF, MAIN_PRIO);
}

static void crowd_sends(void)
{
	crowd_waits(meeting, meeting);
	sk_must(cap_revoke(meeting));
}

static seL4_Word look_at_meeting(void)
{
	seL4_Word now_passed = passed_by_now();

	on_meeting = invoke(REQUEST(meeting, 0, CAPS(), ARGS()));
	return now_passed;
}

static void crowd_deleted(void)
{
	section("delete of an endpoint with 1,000 senders", "ipc.md §2.5");
	interrupted("delete", crowd_sends, REQUEST(ROOT, CNodeDelete, CAPS(), ARGS(meeting, 64)),
		    look_at_meeting);
	check("meanwhile some ran again, and some waited", seen > 0 && seen < CROWD);
	check("invoked: InvalidCapability 0, as if there were nothing",
	      on_meeting.label == seL4_InvalidCapability && on_meeting.length == 1 && on_meeting.mr[0] == 0);
	let_crowd_run(SELF, MAIN_PRIO);
	equal("in the end each ran again, once", passed, CROWD);
	is("then nothing", meeting, TYPE_NULL);
}

/* The capability that those with badge A used is taken away: they cannot send again. */
static void crowd_sends_badged(void)
{
	crowd_waits(badge_a_copy, badge_b);
	sk_must(cap_delete(badge_a_copy));
}

/* The next `count` messages that wait are all there and have the badge. */
static bool all_have_badge(seL4_Word count, seL4_Word badge)
{
	bool all = true;

	for (seL4_Word i = 0; i < count; i++) {
		struct received r = poll(meeting);

		all = all && r.came && r.badge == badge;
	}
	return all;
}

/* The alarm's thread has somebody send with the badge that is being cancelled. */
static seL4_Word look_and_send(void)
{
	seL4_Word now_passed = passed_by_now();

	if (!latecomer.thread.tcb)
		peer_new(&latecomer, HIGH + 1, 0);
	peer_trap(&latecomer, (seL4_Word)seL4_SysSend, badge_a, INFO(0x77, 0, 0), 0, 0);
	return now_passed;
}

static void crowd_cancelled(void)
{
	struct received r;

	section("CancelBadgedSends of 1,000 senders", "invocations.md §6");
	interrupted("cancel", crowd_sends_badged,
		    REQUEST(ROOT, CNodeCancelBadgedSends, CAPS(), ARGS(badge_a, 64)), look_and_send);
	check("meanwhile some ran again, and some waited", seen > 0 && seen < CROWD / 2);
	let_crowd_run(SELF, MAIN_PRIO);
	equal("in the end each of them ran again, once", passed, CROWD / 2);
	check("the others kept their places", all_have_badge(CROWD / 2, BADGE_B));
	r = poll(meeting);
	check("who came meanwhile still waits", r.came && r.badge == BADGE_A && r.label == 0x77);
	r = poll(meeting);
	check("and nobody else", !r.came);
}

static void crowd_insists(void)
{
	crowd_waits(badge_a, badge_b);
}

/* Who is sent on its way sends again at once: the operation ends, and they wait. */
static void crowd_cancelled_again(void)
{
	section("CancelBadgedSends of senders that send again", "invocations.md §6");
	interrupted("cancel", crowd_insists, REQUEST(ROOT, CNodeCancelBadgedSends, CAPS(), ARGS(badge_a, 64)),
		    passed_by_now);
	let_crowd_run(SELF, MAIN_PRIO);
	equal("nobody's call has come back", passed, 0);
	check("those with the other badge wait", all_have_badge(CROWD / 2, BADGE_B));
	check("and behind them those who sent again", all_have_badge(CROWD / 2, BADGE_A));
	check("each once", !poll(meeting).came);
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
	rtc[SK_RTC_INTERRUPT_ENABLED] = 1;
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
	crowd = sk_slots_new(CROWD);
	crowd_memory = sk_untyped_new(23);
	meeting = sk_slot_new();
	badge_a = sk_slot_new();
	badge_a_copy = sk_slot_new();
	badge_b = sk_slot_new();
	park = sk_endpoint_new();
	crowd_deleted();
	crowd_cancelled();
	crowd_cancelled_again();
	return conform_end();
}
