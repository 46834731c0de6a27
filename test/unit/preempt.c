/*
 * What upstream's kernel does at once and ours in steps: deleting what threads wait for. With an interrupt at
 * every step, with others at work in between, compared with the same without interrupts; the state is
 * verified after each entry.
 */
#include <string.h>

#include "kernel/core/message.h"
#include "test/unit/harness.h"

#define RAM_SIZE  (128ull << 20)
#define ROOT_BITS 14
#define WAITERS   24
#define BADGE     5

enum wait { WAIT_SEND, WAIT_RECEIVE, WAIT_NOTIFICATION };

static uint64_t memory, base;
static uint64_t object;      /* the slot of the endpoint or notification */
static uint64_t threads;     /* the first slot of the waiters */
static unsigned thread_count;
static struct random rng;

static struct tcb *thread(unsigned index)
{
	return tcb_at(cap_object(root_slot(threads + index)->cap));
}

static void verify(void)
{
	kref where;
	const char *why = kernel_check(machine_kernel(), &where);

	if (!why)
		why = audit(&where);
	if (why)
		test_fail("state: %s (at %#llx)", why, (unsigned long long)where);
}

/* The thread waits as if it had made the call itself. */
static void wait_for(struct tcb *tcb, enum wait wait, kref ref, uint64_t badge)
{
	struct kernel *kernel = machine_kernel();
	struct cap cap = cap_endpoint(ref, badge, RIGHTS_ALL);

	thread_resume(kernel, tcb);
	if (wait == WAIT_SEND)
		endpoint_send(kernel, tcb, endpoint_at(ref), (struct send){.blocking = true, .badge = badge});
	else if (wait == WAIT_RECEIVE)
		endpoint_receive(kernel, tcb, cap, true);
	else
		notification_receive(kernel, tcb, notification_at(ref), true);
	schedule(kernel);
}

/* An object in slot `object`, and `count` threads that wait for it; every third has a high priority. */
static void begin(enum wait wait, unsigned count)
{
	unsigned bits;
	kref ref;

	world_check = CHECK_NOTHING;
	world_boot(&(struct world_config){.ram_size = RAM_SIZE, .root_bits = ROOT_BITS});
	memory = largest_untyped(&bits);
	base = first_empty();
	object = base++;
	threads = base;
	thread_count = count;
	base += count;
	CHECK_OK(retype(memory, wait == WAIT_NOTIFICATION ? seL4_NotificationObject : seL4_EndpointObject, 0,
			object, 1));
	for (unsigned made = 0; made < count; made += 256)
		CHECK_OK(retype(memory, seL4_TCBObject, 0, threads + made,
				count - made < 256 ? count - made : 256));
	ref = cap_object(root_slot(object)->cap);
	for (unsigned i = 0; i < count; i++) {
		thread(i)->priority = i % 3 == 0 ? 200 : 7;
		wait_for(thread(i), wait, ref, i % 2 ? BADGE : BADGE + 1);
	}
	if (count <= WAITERS)
		verify();
}

/* The order in which threads are ready, as indices; returns how many. */
static unsigned ready_order(unsigned *order)
{
	const struct core *core = this_core(machine_kernel());
	unsigned count = 0;

	for (int priority = PRIORITIES - 1; priority >= 0; priority--)
		for (kref ref = core->ready[core->domain][priority].head; ref; ref = tcb_at(ref)->ready_next)
			for (unsigned i = 0; i < thread_count; i++)
				if (machine_ref(thread(i)) == ref)
					order[count++] = i;
	return count;
}

static unsigned restarted(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < thread_count; i++)
		count += thread(i)->state == THREAD_RESTART;
	return count;
}

/* --- preempted calls ---------------------------------------------------------------------------- */

struct call_job {
	uint64_t cptr;
	unsigned label;
	struct args args;
	void (*between)(void);
	unsigned entries;
};

/* The call is made again as its thread would: nobody has touched the registers. */
static bool restart_once(uint64_t pc, seL4_Error *error)
{
	struct tcb *tcb = world_current();

	world_enter(&(struct trap){.kind = TRAP_SYSCALL});
	return call_ended(tcb, pc, error);
}

/* With an interrupt at every step; each entry does one step's work at least. */
static seL4_Error run(struct call_job *job)
{
	struct context saved;
	uint64_t pc = world_current()->context.pc;
	seL4_Error error;
	bool done;

	do {
		stub.tick_every_step = true;
		if (job->entries == 0) {
			done = invoke_once(job->cptr, job->label, &job->args, &error);
		} else {
			world_current()->context = saved;
			done = restart_once(pc, &error);
		}
		stub.tick_every_step = false;
		saved = world_current()->context;
		verify();
		if (++job->entries > 100000)
			test_fail("the call does not come to an end");
		if (!done && job->between)
			job->between();
	} while (!done);
	return error;
}

static struct call_job delete_job(uint64_t slot, void (*between)(void))
{
	return (struct call_job){seL4_CapInitThreadCNode, CNodeDelete, {ARGS(slot, ROOT_DEPTH)}, between, 0};
}

static unsigned seen_before;

/* Some have been sent on their way, the others wait; nobody can reach the object any more. */
static void look(void)
{
	struct cap cap = root_slot(object)->cap;
	struct args none = {ARGS()};
	unsigned count = restarted();
	uint64_t why = ~0ull;

	CHECK_THAT(count > seen_before && count <= thread_count);
	seen_before = count;
	CHECK_THAT(cap_type(cap) == CAP_Zombie);
	CHECK_THAT(invoke(object, 0, &none, &why) == seL4_InvalidCapability && why == 0);
	CHECK_THAT(cnode_copy(base, object, RIGHTS_ALL) == seL4_IllegalOperation);
	verify();
}

/* As many entries as threads, and in the end the same order as when nothing interrupts. */
static void test_in_steps(enum wait wait)
{
	unsigned at_once[WAITERS], in_steps[WAITERS];
	struct call_job job;

	begin(wait, WAITERS);
	CHECK_OK(cnode_delete(object));
	CHECK_THAT(slot_is_empty(root_slot(object)) && ready_order(at_once) == WAITERS);
	begin(wait, WAITERS);
	seen_before = 0;
	job = delete_job(object, look);
	CHECK_OK(run(&job));
	CHECK_THAT(job.entries >= WAITERS && restarted() == WAITERS);
	CHECK_THAT(slot_is_empty(root_slot(object)) && ready_order(in_steps) == WAITERS);
	CHECK_THAT(memcmp(at_once, in_steps, sizeof at_once) == 0);
}

static void test_senders(void)
{
	test_in_steps(WAIT_SEND);
}

static void test_receivers(void)
{
	test_in_steps(WAIT_RECEIVE);
}

static void test_notification(void)
{
	test_in_steps(WAIT_NOTIFICATION);
}

/* Waiters are suspended, resumed and deleted meanwhile. */
static void disturb(void)
{
	unsigned index = (unsigned)random_below(&rng, thread_count);
	uint64_t slot = threads + index;

	if (slot_is_empty(root_slot(slot)))
		return;
	switch (random_below(&rng, 3)) {
	case 0:
		CHECK_OK(INVOKE(slot, TCBSuspend, ARGS()));
		break;
	case 1:
		CHECK_OK(INVOKE(slot, TCBSuspend, ARGS()));
		thread(index)->priority = 1; /* not above the thread that deletes */
		CHECK_OK(INVOKE(slot, TCBResume, ARGS()));
		break;
	default:
		CHECK_OK(cnode_delete(slot));
		break;
	}
	verify();
}

static void test_disturbed(void)
{
	for (unsigned seed = 1; seed <= 30; seed++) {
		struct call_job job;

		begin((enum wait)(seed % 3), WAITERS);
		rng.state = seed;
		job = delete_job(object, disturb);
		CHECK_OK(run(&job));
		CHECK_THAT(slot_is_empty(root_slot(object)));
		for (unsigned i = 0; i < WAITERS; i++)
			CHECK_THAT(slot_is_empty(root_slot(threads + i)) ||
				   thread(i)->state == THREAD_RESTART || thread(i)->state == THREAD_INACTIVE);
		CHECK_OK(cnode_revoke(memory));
		CHECK_THAT(!slot_has_children(root_slot(memory)));
	}
}

/* Deleted as one of a CNode's slots, or through a deletion that was given up, by a revocation. */
static void test_inside(void)
{
	for (unsigned slot = 0; slot < 4; slot++) {
		for (unsigned wait = WAIT_SEND; wait <= WAIT_NOTIFICATION; wait++) {
			struct call_job job;

			begin((enum wait)wait, WAITERS);
			CHECK_OK(retype(memory, seL4_CapTableObject, 2, base, 1));
			CHECK_OK(move_into(base, 2, slot, object));
			CHECK_OK(copy_into(base, 2, (slot + 1) % 4, base));
			CHECK_OK(move_into(base, 2, (slot + 2) % 4, threads));
			job = delete_job(base, NULL);
			CHECK_OK(run(&job));
			CHECK_OK(cnode_revoke(memory));
			CHECK_THAT(!slot_has_children(root_slot(memory)));
		}
	}
}

static void test_given_up(void)
{
	struct call_job job = {seL4_CapInitThreadCNode, CNodeRevoke, {ARGS(0, ROOT_DEPTH)}, NULL, 0};
	struct args args = {ARGS(0, ROOT_DEPTH)};
	seL4_Error error;

	begin(WAIT_SEND, WAITERS);
	args.word[0] = object;
	job.args.word[0] = memory;
	stub.tick_every_step = true;
	CHECK_THAT(!invoke_once(seL4_CapInitThreadCNode, CNodeDelete, &args, &error));
	stub.tick_every_step = false;
	CHECK_OK(move_into(seL4_CapInitThreadCNode, ROOT_DEPTH, base, object)); /* what is left can be moved */
	verify();
	CHECK_OK(run(&job));
	CHECK_THAT(!slot_has_children(root_slot(memory)));
}

/* --- CancelBadgedSends ------------------------------------------------------------------------------ */

static uint64_t badged; /* the slot of a capability with BADGE; with the other badge in the next one */

static void begin_badged(void)
{
	begin(WAIT_SEND, WAITERS);
	badged = base;
	base += 2;
	CHECK_OK(cnode_mint(badged, object, RIGHTS_ALL, BADGE));
	CHECK_OK(cnode_mint(badged + 1, object, RIGHTS_ALL, BADGE + 1));
}

static struct call_job cancel_job(uint64_t slot, void (*between)(void))
{
	return (struct call_job){seL4_CapInitThreadCNode, CNodeCancelBadgedSends, {ARGS(slot, ROOT_DEPTH)},
				 between, 0};
}

/* The order in which threads wait, as indices; returns how many. */
static unsigned queue_order(unsigned *order)
{
	unsigned count = 0;

	for (kref ref = endpoint_at(cap_object(root_slot(object)->cap))->head; ref; ref = tcb_at(ref)->queue_next)
		for (unsigned i = 0; i < thread_count; i++)
			if (machine_ref(thread(i)) == ref)
				order[count++] = i;
	return count;
}

static void test_badged(void)
{
	unsigned at_once[WAITERS], in_steps[WAITERS], left[WAITERS];
	struct call_job job;

	begin_badged();
	CHECK_OK(INVOKE(seL4_CapInitThreadCNode, CNodeCancelBadgedSends, ARGS(badged, ROOT_DEPTH)));
	CHECK_THAT(ready_order(at_once) == WAITERS / 2);
	begin_badged();
	job = cancel_job(badged, NULL);
	CHECK_OK(run(&job));
	CHECK_THAT(job.entries == WAITERS); /* a step for each, and the last one is the end */
	CHECK_THAT(ready_order(in_steps) == WAITERS / 2 && queue_order(left) == WAITERS / 2);
	CHECK_THAT(memcmp(at_once, in_steps, WAITERS / 2 * sizeof *at_once) == 0);
	for (unsigned i = 0; i < WAITERS / 2; i++)
		CHECK_THAT(left[i] == 2 * i);
}

static unsigned requeued;

/* Whoever was sent on its way sends again. */
static void send_again(void)
{
	kref ref = cap_object(root_slot(object)->cap);

	for (unsigned i = 0; i < thread_count; i++) {
		if (thread(i)->state != THREAD_RESTART)
			continue;
		CHECK_THAT(i % 2 == 1);
		wait_for(thread(i), WAIT_SEND, ref, BADGE);
		requeued++;
	}
	verify();
}

/* Each is sent on its way once, and then waits behind those who were there. */
static void test_badged_again(void)
{
	unsigned order[WAITERS];
	struct call_job job;

	begin_badged();
	requeued = 0;
	job = cancel_job(badged, send_again);
	CHECK_OK(run(&job));
	send_again();
	CHECK_THAT(requeued == WAITERS / 2 && queue_order(order) == WAITERS);
	for (unsigned i = 0; i < WAITERS; i++)
		CHECK_THAT(order[i] == (i < WAITERS / 2 ? 2 * i : 2 * (i - WAITERS / 2) + 1));
	/* A new call is about all who wait now. */
	job = cancel_job(badged, NULL);
	CHECK_OK(run(&job));
	CHECK_THAT(restarted() == WAITERS / 2);
}

/* Senders leave the queue in every way: suspended, deleted, received from. */
static void disturb_or_receive(void)
{
	struct kernel *kernel = machine_kernel();
	struct tcb *root = world_current();

	if (random_chance(&rng, 60)) {
		disturb();
	} else {
		endpoint_receive(kernel, root, root_slot(object)->cap, false);
		schedule(kernel);
	}
	verify();
}

static void test_badged_disturbed(void)
{
	for (unsigned seed = 1; seed <= 100; seed++) {
		struct call_job job;
		unsigned order[WAITERS], count;

		begin_badged();
		rng.state = seed;
		job = cancel_job(badged, disturb_or_receive);
		CHECK_OK(run(&job));
		count = queue_order(order);
		for (unsigned i = 0; i < count; i++)
			CHECK_THAT(order[i] % 2 == 0);
		CHECK_THAT(machine_kernel()->cancel.endpoint == 0);
		CHECK_OK(cnode_revoke(memory));
		CHECK_THAT(!slot_has_children(root_slot(memory)));
	}
}

/* Another thread cancels another badge meanwhile, again and again: each call ends. */
static void cancel_the_other(void)
{
	static const struct args other = {ARGS(0, ROOT_DEPTH)};
	struct args args = other;
	seL4_Error error;

	args.word[0] = badged + 1;
	stub.tick_every_step = true;
	(void)invoke_once(seL4_CapInitThreadCNode, CNodeCancelBadgedSends, &args, &error);
	stub.tick_every_step = false;
	world_current()->cancelling = true; /* they are two threads */
	verify();
}

static void test_badged_both(void)
{
	struct call_job job;

	begin_badged();
	job = cancel_job(badged, cancel_the_other);
	CHECK_OK(run(&job));
	for (unsigned i = 1; i < WAITERS; i += 2)
		CHECK_THAT(thread(i)->state == THREAD_RESTART);
	job = cancel_job(badged + 1, NULL);
	CHECK_OK(run(&job));
	CHECK_THAT(restarted() == WAITERS);
}

/* A call that was given up is no excuse for the next one, whose thread never made the first. */
static void test_badged_given_up(void)
{
	struct args args = {ARGS(0, ROOT_DEPTH)};
	struct call_job job;
	seL4_Error error;

	begin_badged();
	CHECK_OK(INVOKE(threads + WAITERS - 1, TCBSuspend, ARGS()));
	args.word[0] = badged;
	stub.tick_every_step = true;
	CHECK_THAT(!invoke_once(seL4_CapInitThreadCNode, CNodeCancelBadgedSends, &args, &error));
	stub.tick_every_step = false;
	CHECK_THAT(machine_kernel()->cancel.endpoint != 0);
	wait_for(thread(WAITERS - 1), WAIT_SEND, cap_object(root_slot(object)->cap), BADGE);
	job = cancel_job(badged, NULL);
	CHECK_OK(run(&job));
	CHECK_THAT(restarted() == WAITERS / 2);
	/* What is not done when the endpoint goes need not be done. */
	CHECK_OK(INVOKE(threads, TCBSuspend, ARGS()));
	stub.tick_every_step = true;
	args.word[0] = badged + 1;
	CHECK_THAT(!invoke_once(seL4_CapInitThreadCNode, CNodeCancelBadgedSends, &args, &error));
	stub.tick_every_step = false;
	CHECK_THAT(machine_kernel()->cancel.endpoint != 0);
	CHECK_OK(cnode_revoke(memory));
	CHECK_THAT(machine_kernel()->cancel.endpoint == 0);
	verify();
}

/* The endpoint goes before all that the call was about have been looked at. */
static void test_badged_endpoint_goes(void)
{
	struct args args = {ARGS(0, ROOT_DEPTH)};
	seL4_Error error;

	begin_badged();
	args.word[0] = badged;
	stub.tick_every_step = true;
	CHECK_THAT(!invoke_once(seL4_CapInitThreadCNode, CNodeCancelBadgedSends, &args, &error));
	stub.tick_every_step = false;
	CHECK_OK(cnode_revoke(object));
	CHECK_THAT(machine_kernel()->cancel.endpoint != 0);
	CHECK_OK(cnode_delete(object));
	CHECK_THAT(machine_kernel()->cancel.endpoint == 0);
	verify();
}

/* The message information is what it was: a Send may rely on it. Its unused bits mean nothing. */
static void test_badged_by_send(void)
{
	struct tcb *root;
	uint64_t pc, info, odd = 7ull << INFO_UNWRAP_SHIFT;
	struct args args = {ARGS(0, ROOT_DEPTH)};

	begin_badged();
	root = world_current();
	pc = root->context.pc;
	args.word[0] = badged;
	info = put_args(root, CNodeCancelBadgedSends, &args);
	stub.tick_every_step = true;
	world_syscall(seL4_SysSend, seL4_CapInitThreadCNode, info);
	CHECK_THAT(root->context.pc == pc && isa_info(&root->context) != info);
	while (root->context.pc == pc)
		world_enter(&(struct trap){.kind = TRAP_SYSCALL});
	CHECK_THAT(isa_info(&root->context) == info && restarted() == WAITERS / 2);
	stub.tick_every_step = false;
	world_interrupt(STUB_IRQ_MAX); /* that of the last step */
	args.word[0] = badged + 1;
	info = put_args(root, CNodeCancelBadgedSends, &args) | odd;
	world_syscall(seL4_SysSend, seL4_CapInitThreadCNode, info);
	CHECK_THAT(isa_info(&root->context) == info && restarted() == WAITERS);
	root->context.pc = pc;
	verify();
}

/* --- a notification whose last capability an interrupt has ------------------------------------------ */

#define IRQ 10

static void begin_irq(void)
{
	begin(WAIT_NOTIFICATION, WAITERS);
	CHECK_OK(INVOKE(seL4_CapIRQControl, IRQIssueIRQHandler, ARGS(IRQ, base, ROOT_DEPTH),
			CAPS(seL4_CapInitThreadCNode)));
	CHECK_OK(INVOKE(base, IRQSetIRQHandler, ARGS(), CAPS(object)));
	CHECK_OK(cnode_delete(object));
	CHECK_THAT(restarted() == 0);
}

static void interrupt(void)
{
	stub_raise(IRQ);
	world_interrupt(IRQ);
	verify();
}

static void test_irq_clear(void)
{
	struct call_job job = {0};

	begin_irq();
	job = (struct call_job){base, IRQClearIRQHandler, {ARGS()}, interrupt, 0};
	CHECK_OK(run(&job));
	CHECK_THAT(job.entries >= WAITERS && restarted() == WAITERS);
	CHECK_THAT(slot_is_empty(&machine_kernel()->irq_slot[IRQ]));
}

static void test_irq_set(void)
{
	struct call_job job = {0};

	begin_irq();
	CHECK_OK(retype(memory, seL4_NotificationObject, 0, object, 1));
	job = (struct call_job){base, IRQSetIRQHandler, {ARGS(), CAPS(object)}, interrupt, 0};
	CHECK_OK(run(&job));
	CHECK_THAT(job.entries >= WAITERS && restarted() == WAITERS);
	CHECK_THAT(cap_object(machine_kernel()->irq_slot[IRQ].cap) == cap_object(root_slot(object)->cap));
}

/* The handler goes too, at once or after a Clear that was given up, alone or in a CNode. */
static void test_irq_handler(void)
{
	for (unsigned variant = 0; variant < 4; variant++) {
		struct args none = {ARGS()};
		struct call_job job;
		seL4_Error error;

		begin_irq();
		if (variant & 1) {
			stub.tick_every_step = true;
			CHECK_THAT(!invoke_once(base, IRQClearIRQHandler, &none, &error));
			stub.tick_every_step = false;
			verify();
		}
		job = delete_job(base, NULL);
		if (variant & 2) {
			CHECK_OK(retype(memory, seL4_CapTableObject, 2, base + 1, 1));
			CHECK_OK(move_into(base + 1, 2, variant, base));
			job = delete_job(base + 1, NULL);
		}
		CHECK_OK(run(&job));
		CHECK_THAT(restarted() == WAITERS);
		CHECK_THAT(slot_is_empty(&machine_kernel()->irq_slot[IRQ]));
		CHECK_THAT(machine_kernel()->irq_state[IRQ] == IRQ_INACTIVE);
		CHECK_OK(cnode_revoke(memory));
		CHECK_THAT(!slot_has_children(root_slot(memory)));
	}
}

/* --- many ---------------------------------------------------------------------------------------- */

#define MANY 10000u

/* The steps between two looks for an interrupt do not depend on how many wait. */
static void test_many(enum wait wait)
{
	struct args args = {ARGS(0, ROOT_DEPTH)};
	uint64_t most = 0;
	seL4_Error error;
	bool done;

	begin(wait, MANY);
	args.word[0] = object;
	stub.tick_every_step = true;
	do {
		uint64_t before = stub.preempt_steps;

		done = invoke_once(seL4_CapInitThreadCNode, CNodeDelete, &args, &error);
		if (stub.preempt_steps - before > most)
			most = stub.preempt_steps - before;
	} while (!done);
	stub.tick_every_step = false;
	CHECK_OK(error);
	CHECK_THAT(most <= 2 && restarted() == MANY);
	verify();
}

static void test_many_senders(void)
{
	test_many(WAIT_SEND);
}

static void test_many_waiters(void)
{
	test_many(WAIT_NOTIFICATION);
}

int main(int argc, char **argv)
{
	test_only = argc > 1 ? argv[1] : NULL;
	test_run("cancel-senders-in-steps", test_senders);
	test_run("cancel-receivers-in-steps", test_receivers);
	test_run("cancel-waiters-in-steps", test_notification);
	test_run("cancel-disturbed", test_disturbed);
	test_run("cancel-inside-a-cnode", test_inside);
	test_run("cancel-given-up", test_given_up);
	test_run("cancel-badged-in-steps", test_badged);
	test_run("cancel-badged-who-send-again", test_badged_again);
	test_run("cancel-badged-disturbed", test_badged_disturbed);
	test_run("cancel-badged-two-at-once", test_badged_both);
	test_run("cancel-badged-given-up", test_badged_given_up);
	test_run("cancel-badged-endpoint-goes", test_badged_endpoint_goes);
	test_run("cancel-badged-by-send", test_badged_by_send);
	test_run("cancel-irq-clear", test_irq_clear);
	test_run("cancel-irq-set", test_irq_set);
	test_run("cancel-irq-handler", test_irq_handler);
	test_run("cancel-10000-senders", test_many_senders);
	test_run("cancel-10000-waiters", test_many_waiters);
	return test_end();
}
