/* Domains, with four of them (skerry run --domains 4): the schedule, and who runs when. */
#include "conform.h"

#define SET seL4_CapDomain

static struct peer a, b;
static volatile seL4_Word count_a, count_b;

static void checks_of_methods(void)
{
	seL4_CPtr ep = sk_endpoint_new();

	section("DomainSet_Set", "invocations.md §8");
	CHECKS(REQUEST(SET, DomainSetSet, CAPS(a.thread.tcb), ARGS(0)),
	       {"label 0", OUT(IllegalOperation), {LABEL(0)}},
	       {"a TCB's label", OUT(IllegalOperation), {LABEL(TCBSuspend)}},
	       {"length 0", OUT(TruncatedMessage), {LENGTH(0)}},
	       {"domain 4", OUT(InvalidArgument, 0), {ARG(0, 4)}},
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"an endpoint", OUT(InvalidArgument, 1), {CAP(0, ep)}});
	TRY("domain 256", OUT(InvalidArgument, 0), SET, DomainSetSet, CAPS(a.thread.tcb), ARGS(256));
	TRY("good", OUT(NoError), SET, DomainSetSet, CAPS(a.thread.tcb), ARGS(3));
	section("DomainSet_ScheduleConfigure", "invocations.md §8");
	CHECKS(REQUEST(SET, DomainScheduleConfigure, CAPS(), ARGS(0, 0, 5)),
	       {"length 2", OUT(TruncatedMessage), {LENGTH(2)}},
	       {"index 99", OUT(RangeError, 0, 98), {ARG(0, 99)}},
	       {"domain 4", OUT(RangeError, 0, 3), {ARG(1, 4)}},
	       {"duration 2^56", OUT(InvalidArgument, 2), {ARG(2, 1ul << 56)}},
	       {"duration 0, domain 1", OUT(InvalidArgument, 1), {ARG(1, 1), ARG(2, 0)}},
	       {"the start, duration 0", OUT(InvalidArgument, 2), {ARG(1, 0), ARG(2, 0)}});
	TRY("index 98", OUT(NoError), SET, DomainScheduleConfigure, CAPS(), ARGS(98, 3, (1ul << 56) - 1));
	TRY("an end marker elsewhere", OUT(NoError), SET, DomainScheduleConfigure, CAPS(), ARGS(98, 0, 0));
	section("DomainSet_ScheduleSetStart", "invocations.md §8");
	CHECKS(REQUEST(SET, DomainScheduleSetStart, CAPS(), ARGS(0)),
	       {"length 0", OUT(TruncatedMessage), {LENGTH(0)}},
	       {"index 100", OUT(RangeError, 0, 99), {ARG(0, 100)}},
	       {"an end marker", OUT(InvalidArgument, 0), {ARG(0, 99)}});
	TRY("an end marker, 1", OUT(InvalidArgument, 0), SET, DomainScheduleSetStart, CAPS(), ARGS(1));
	TRY("good", OUT(NoError), SET, DomainScheduleSetStart, CAPS(), ARGS(0));
}

static void count(void *argument)
{
	volatile seL4_Word *counter = argument;

	for (;;)
		(*counter)++;
}

/* Computes for about `slots` slots of 5 ticks (10 ms each; 3 instructions or more per round). */
static void compute(unsigned slots)
{
	for (volatile seL4_Word i = 0; i < slots * 3000000ul; i++)
		;
}

static void running(void)
{
	section("who runs", "ipc.md §5, invocations.md §8");
	sk_must(seL4_TCB_SetPriority(a.thread.tcb, SELF, LOW));
	sk_must(seL4_TCB_SetPriority(b.thread.tcb, SELF, HIGH));
	sk_must(seL4_DomainSet_Set(SET, 1, a.thread.tcb));
	sk_must(seL4_DomainSet_Set(SET, 2, b.thread.tcb));
	peer_run(&a, count, (void *)&count_a);
	peer_run(&b, count, (void *)&count_b);
	compute(3);
	check("a domain without a slot does not run, whatever its priority", count_a == 0 && count_b == 0);
	sk_must(seL4_DomainSet_ScheduleConfigure(SET, 0, 0, 5));
	sk_must(seL4_DomainSet_ScheduleConfigure(SET, 1, 1, 5));
	sk_must(seL4_DomainSet_ScheduleConfigure(SET, 2, 0, 5));
	sk_must(seL4_DomainSet_ScheduleSetStart(SET, 1));
	check("SetStart ends the slot at once: that domain ran", count_a > 0);
	check("the other did not", count_b == 0);
	seL4_Word before = count_a;
	compute(4);
	check("a lower priority in its own slot runs", count_a > before);
	sk_must(seL4_DomainSet_ScheduleConfigure(SET, 2, 2, 5));
	sk_must(seL4_DomainSet_ScheduleConfigure(SET, 3, 0, 5));
	compute(6);
	check("three domains in turn", count_b > 0);
	/* Each has half of the rounds of a slot of its own: none starves. */
	before = count_a;
	seL4_Word before_b = count_b;
	compute(6);
	seL4_Word ran_a = count_a - before, ran_b = count_b - before_b;
	check("equal slots, equal shares", ran_a > 0 && ran_b > 0 && ran_a < 2 * ran_b && ran_b < 2 * ran_a);

	/* Moved to our domain, b is ready here and higher than we: it would never let go, so make it lower.
	 */
	sk_must(seL4_TCB_SetPriority(b.thread.tcb, SELF, LOW));
	before_b = count_b;
	sk_must(seL4_DomainSet_Set(SET, 0, b.thread.tcb));
	compute(6);
	equal("moved to our domain, it is a lower priority like others", count_b, before_b);
	sk_must(seL4_DomainSet_Set(SET, 2, b.thread.tcb));
	compute(6);
	check("moved back", count_b > before_b);
}

static seL4_CPtr memory, slot;
static volatile bool made;

static void make_tcb(void *argument)
{
	(void)argument;
	made = seL4_Untyped_Retype(memory, seL4_TCBObject, 0, ROOT, 0, 0, slot, 1) == seL4_NoError;
}

/* A new thread belongs to the domain of who makes it. */
static void new_threads(void)
{
	section("new threads", "invocations.md §4, ipc.md §5");
	struct peer c;
	memory = sk_untyped_new(12);
	slot = sk_slot_new();
	peer_new(&c, HIGH, 0);
	seL4_CPtr old = c.thread.tcb;
	seL4_TCB_Suspend(b.thread.tcb);
	sk_must(seL4_TCB_SetPriority(b.thread.tcb, SELF, HIGH));
	peer_run(&b, make_tcb, NULL);
	compute(6);
	check("made in domain 2", made);
	c.thread.tcb = slot;
	sk_must(seL4_TCB_Configure(slot, 0, ROOT, 0, VSPACE, 0, (seL4_Word)c.thread.ipc_buffer,
				   c.thread.ipc_frame));
	sk_must(seL4_TCB_SetSchedParams(slot, SELF, 200, 200));
	c.own_tcb = slot;
	/* It notes when it has run: not at once, though higher than we. */
	count_b = 0;
	sk_must(seL4_DomainSet_ScheduleConfigure(SET, 0, 0, 5));
	sk_must(seL4_DomainSet_ScheduleSetStart(SET, 0));
	peer_trap(&c, seL4_SysSend, 0, INFO(0, 0, 0), 0, 0);
	check("it does not run in ours", c.done == 0);
	compute(6);
	check("it does in that one", c.done == 1);
	(void)old;
	/* A message to a thread of another domain makes it ready there; our slot goes on. */
	section("messages across domains", "ipc.md §5");
	seL4_CPtr ep = sk_endpoint_new();
	peer_trap(&c, seL4_SysRecv, ep, INFO(0, 0, 0), 0, 0);
	compute(6);
	trap(seL4_SysNBSend, ep, INFO(5, 0, 0).words[0], 0, 0);
	check("a waiting higher one does not run at once", c.done == 0);
	compute(6);
	check("but in its slot", c.done == 1 && peer_label(&c) == 5);
}

/* The caller moves itself: it goes on in that domain's slot. */
static void moving_oneself(void)
{
	section("the caller moves itself", "ipc.md §5");
	TRY("to domain 2", OUT(NoError), SET, DomainSetSet, CAPS(SELF), ARGS(2));
	TRY("and back", OUT(NoError), SET, DomainSetSet, CAPS(SELF), ARGS(0));
	TRY("its own current slot made longer", OUT(NoError), SET, DomainScheduleConfigure, CAPS(),
	    ARGS(0, 0, 50));
}

int main(void)
{
	conform_begin("domain");
	peer_new(&a, LOW, 0);
	peer_new(&b, LOW, 0);
	checks_of_methods();
	running();
	new_threads();
	moving_oneself();
	return conform_end();
}
