/* One small test for each fault of the kernel that the random tests found, or that planted ones did not see. */
#include <string.h>

#include "test/unit/harness.h"

static uint64_t base, memory;
static unsigned memory_bits;

static void begin_world(unsigned domains)
{
	world_check = CHECK_MEMORY;
	world_boot(&(struct world_config){.ram_size = 16ull << 20, .root_bits = 9, .domains = domains});
	memory = largest_untyped(&memory_bits);
	base = first_empty();
}

static void begin(void)
{
	begin_world(1);
}

/*
 * A preempted deletion can leave a zombie that has nothing left to do. When the CNode that it lies in is
 * deleted, that one's zombie must not wait in the first slot of the finished object: it would be lost.
 */
static void test_finished_zombie_inside_another(void)
{
	const struct args inner = {ARGS(2, 2)};
	struct slot *slot;
	seL4_Error error;

	begin();
	CHECK_OK(retype(memory, seL4_CapTableObject, 2, base, 2));
	CHECK_OK(move_into(base, 2, 2, base + 1));
	slot = slot_at(cap_object(root_slot(base)->cap) + (2 << seL4_SlotBits));
	stub.tick_every_step = true;
	do {
		CHECK_THAT(!invoke_once(base, CNodeDelete, &inner, &error));
	} while (cap_type(slot->cap) != CAP_Zombie || cap_zombie_left(slot->cap) > 0);
	stub.tick_every_step = false;
	CHECK_OK(cnode_delete(base));
	CHECK_THAT(!slot_has_children(root_slot(memory)));
}

/*
 * A zombie in a slot of its own object passed over that slot. Another zombie that came to lie there was
 * lost when the first one was done.
 */
static void test_zombie_in_its_own_object(void)
{
	struct args args = {ARGS(0, ROOT_DEPTH)};
	seL4_Error error;

	for (unsigned slot = 0; slot < 4; slot++) {
		begin();
		args.word[0] = memory;
		CHECK_OK(retype(memory, seL4_CapTableObject, 8, base + 1, 1));
		CHECK_OK(retype(memory, seL4_CapTableObject, 2, base, 1)); /* before the other on the list */
		CHECK_OK(move_into(base, 2, (slot + 2) % 4, base + 1));
		CHECK_OK(move_into(base, 2, slot, base));
		stub.tick_every_step = true;
		do {
		} while (!invoke_once(seL4_CapInitThreadCNode, CNodeRevoke, &args, &error));
		CHECK_OK(error);
		CHECK_THAT(!slot_has_children(root_slot(memory)));
	}
}

/* A revocation that was given up does not stand for the deletion of the capability whose children it revoked. */
static void test_delete_after_revoke(void)
{
	struct args args = {ARGS(0, ROOT_DEPTH)};
	seL4_Error error;

	begin();
	args.word[0] = base;
	CHECK_OK(retype(memory, seL4_UntypedObject, 16, base, 1));
	CHECK_OK(retype(base, seL4_CapTableObject, 4, base + 1, 1));
	stub.tick_every_step = true;
	CHECK_THAT(!invoke_once(seL4_CapInitThreadCNode, CNodeRevoke, &args, &error));
	CHECK_THAT(cap_type(root_slot(base + 1)->cap) == CAP_Zombie);
	CHECK_OK(cnode_delete(base));
	CHECK_THAT(slot_is_empty(root_slot(base)));
	CHECK_OK(cnode_revoke(memory));
	CHECK_THAT(!slot_has_children(root_slot(memory)));
}

static struct slot *slot_in(struct slot *node, unsigned index)
{
	return slot_at(cap_object(node->cap) + ((uint64_t)index << seL4_SlotBits));
}

/* A deletion that is preempted after its first step, and given up. */
static void give_up(struct slot *slot)
{
	stub.tick_every_step = true;
	CHECK_THAT(slot_delete(machine_kernel(), slot) == OUTCOME_PREEMPTED);
	stub.tick_every_step = false;
}

/* CNodes in root slots base to base + count: each but the base is full and holds the next in its first slot. */
static void make_ring(unsigned count)
{
	CHECK_OK(retype(memory, seL4_EndpointObject, 0, base + count + 1, 1));
	CHECK_OK(retype(memory, seL4_CapTableObject, 2, base + 1, count));
	CHECK_OK(retype(memory, seL4_CapTableObject, 2, base, 1)); /* made last, it is first on the list */
	for (unsigned i = 0; i <= count; i++)
		for (unsigned j = i ? 1 : 2; j < 4; j++)
			CHECK_OK(copy_into(base + i, 2, j, base + count + 1));
	for (unsigned i = count; i > 1; i--)
		CHECK_OK(move_into(base + i - 1, 2, 0, base + i));
}

/*
 * Zombies that given up deletions have left, each in the first slot of the one before, and the one that
 * a revocation meets first with the next in its last slot: it went round and round through all of them
 * if the revocation began with it again after each interrupt.
 */
static void test_circle_of_zombies(void)
{
	enum { COUNT = 150 };
	struct args args = {ARGS(0, ROOT_DEPTH)};
	unsigned entries = 0;
	struct slot *first, *last;
	seL4_Error error;

	begin();
	world_check = CHECK_AUDIT;
	make_ring(COUNT);
	CHECK_OK(move_into(base, 2, 1, base + 1));
	first = slot_in(root_slot(base), 1);
	for (last = first; slot_in(last, 0)->cap.word[0]; last = slot_in(last, 0))
		;
	slot_move(slot_in(last, 0), root_slot(base), root_slot(base)->cap);
	last = slot_in(last, 0);
	give_up(last);
	give_up(last);
	CHECK_THAT(cap_zombie_left(last->cap) == 2);
	for (struct slot *slot = first; slot != last; slot = slot_in(slot, 0))
		give_up(slot);
	args.word[0] = memory;
	stub.tick_every_step = true;
	while (!invoke_once(seL4_CapInitThreadCNode, CNodeRevoke, &args, &error))
		CHECK_THAT(++entries < 10 * COUNT);
	CHECK_OK(error);
	CHECK_THAT(!slot_has_children(root_slot(memory)));
}

/* A thread that came into the domain is more important than one that yields to nobody of its own priority. */
static void test_yield_to_newcomer_in_domain(void)
{
	struct tcb *newcomer;

	begin_world(2);
	CHECK_OK(retype(memory, seL4_TCBObject, 0, base, 1));
	newcomer = tcb_at(cap_object(root_slot(base)->cap));
	CHECK_OK(INVOKE(seL4_CapInitThreadTCB, TCBSetPriority, ARGS(100), CAPS(seL4_CapInitThreadTCB)));
	CHECK_OK(INVOKE(base, TCBSetPriority, ARGS(200), CAPS(seL4_CapInitThreadTCB)));
	CHECK_OK(INVOKE(seL4_CapDomain, DomainSetSet, ARGS(1), CAPS(base)));
	CHECK_OK(INVOKE(base, TCBResume, ARGS()));
	CHECK_OK(INVOKE(seL4_CapDomain, DomainSetSet, ARGS(0), CAPS(base)));
	CHECK_THAT(world_current() != newcomer);
	world_syscall(seL4_SysYield, 0, 0);
	CHECK_THAT(world_current() == newcomer);
}

/*
 * The address space of the thread that runs, or its ASID pool, goes: its translations were flushed while the
 * processor could still walk its tables and remember them again, for whoever gets the ASID next.
 */
static void test_running_vspace_is_left_before_flush(void)
{
	uint64_t table;

	begin();
	table = base;
	CHECK_OK(retype(memory, seL4_RISCV_PageTableObject, 0, table, 1));
	CHECK_OK(INVOKE(seL4_CapInitThreadASIDPool, RISCVASIDPoolAssign, ARGS(), CAPS(table)));
	CHECK_OK(INVOKE(seL4_CapInitThreadTCB, TCBSetSpace, ARGS(0, 0, 0), CAPS(seL4_CapInitThreadCNode, table)));
	CHECK_OK(cnode_delete(table));
	CHECK_THAT(stub.root_paddr != 0);
	CHECK_OK(INVOKE(seL4_CapInitThreadTCB, TCBSetSpace, ARGS(0, 0, 0),
			CAPS(seL4_CapInitThreadCNode, seL4_CapInitThreadVSpace)));
	CHECK_THAT(stub.asid_flushes == 1 && stub.root_at_flush == 0);
	CHECK_THAT(stub.root_paddr != 0);
	CHECK_OK(cnode_delete(seL4_CapInitThreadASIDPool));
	CHECK_THAT(stub.asid_flushes == 2 && stub.root_at_flush == 0);
}

/* An interrupt that nobody is told of stays masked until a driver acknowledges it: its line may stay high. */
static void test_interrupt_without_driver_is_masked(void)
{
	const unsigned irq = 5;

	begin();
	CHECK_OK(INVOKE(seL4_CapIRQControl, IRQIssueIRQHandler, ARGS(irq, base, ROOT_DEPTH),
			CAPS(seL4_CapInitThreadCNode)));
	CHECK_THAT(!(stub.masked[0] & 1ull << irq));
	world_interrupt(irq);
	CHECK_THAT(stub.masked[0] & 1ull << irq);
	CHECK_OK(INVOKE(base, IRQAckIRQ, ARGS()));
	CHECK_THAT(!(stub.masked[0] & 1ull << irq));
}

/* Of two threads of one priority each runs five ticks at a time, not only the first time. */
static void test_time_slices_are_renewed(void)
{
	struct tcb *running;

	begin();
	CHECK_OK(retype(memory, seL4_TCBObject, 0, base, 1));
	CHECK_OK(INVOKE(base, TCBSetPriority, ARGS(seL4_MaxPrio), CAPS(seL4_CapInitThreadTCB)));
	CHECK_OK(INVOKE(base, TCBResume, ARGS()));
	for (unsigned round = 0; round < 6; round++) {
		running = world_current();
		for (unsigned tick = 1; tick < TIME_SLICE_TICKS; tick++) {
			world_interrupt(STUB_IRQ_MAX);
			CHECK_THAT(world_current() == running);
		}
		world_interrupt(STUB_IRQ_MAX);
		CHECK_THAT(world_current() != running);
	}
}

int main(int argc, char **argv)
{
	test_only = argc > 1 ? argv[1] : NULL;
	test_run("finished-zombie-inside-another", test_finished_zombie_inside_another);
	test_run("zombie-in-its-own-object", test_zombie_in_its_own_object);
	test_run("delete-after-revoke", test_delete_after_revoke);
	test_run("circle-of-zombies", test_circle_of_zombies);
	test_run("yield-to-newcomer-in-domain", test_yield_to_newcomer_in_domain);
	test_run("running-vspace-is-left-before-flush", test_running_vspace_is_left_before_flush);
	test_run("interrupt-without-driver-is-masked", test_interrupt_without_driver_is_masked);
	test_run("time-slices-are-renewed", test_time_slices_are_renewed);
	return test_end();
}
