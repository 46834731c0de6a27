/*
 * Deletion and revocation: deep, wide, cyclic and self-containing spaces, with an interrupt at every
 * step and other calls in between; the state is verified after each entry. What a preempted call leaves
 * lies in memory only, so that calls "of other threads" in between are made by the same thread, which
 * then restarts its own.
 */
#include <stdlib.h>
#include <string.h>

#include "test/unit/harness.h"

#define RAM_SIZE  (64ull << 20)
#define ROOT_BITS 14
#define SEEDS     60

static uint64_t base;    /* the first free slot of the root CNode */
static uint64_t memory;  /* the slot of the untyped that everything is made of */
static unsigned memory_bits;
static uint64_t full_before; /* slots on the derivation list, with nothing made */
static struct random rng;

static uint64_t list_length(void)
{
	struct slot *head = &machine_kernel()->derivation;
	uint64_t length = 0;

	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot))
		length++;
	return length;
}

static void begin(void)
{
	world_check = CHECK_NOTHING;
	world_boot(&(struct world_config){.ram_size = RAM_SIZE, .root_bits = ROOT_BITS});
	memory = largest_untyped(&memory_bits);
	base = first_empty();
	full_before = list_length();
	rng.state = 1;
}

/* --- preempted calls ------------------------------------------------------------------------------ */

struct job {
	unsigned label; /* CNodeDelete or CNodeRevoke */
	uint64_t slot;
	void (*between)(void); /* after each preemption */
	unsigned check_every;  /* verify the state after each so many entries; 0: each */
	uint64_t entries, most_steps;
};

static void verify(enum check level)
{
	kref where;
	const char *why = kernel_check(machine_kernel(), &where);

	if (!why && level >= CHECK_AUDIT)
		why = audit(&where);
	if (!why && level >= CHECK_MEMORY)
		why = audit_memory(&where);
	if (why)
		test_fail("state: %s (at %#llx)", why, (unsigned long long)where);
}

static seL4_Error run(struct job *job)
{
	const struct args args = {ARGS(job->slot, ROOT_DEPTH)};
	seL4_Error error;
	bool done;

	stub.tick_every_step = true;
	do {
		uint64_t before = stub.preempt_steps;

		done = invoke_once(seL4_CapInitThreadCNode, job->label, &args, &error);
		if (stub.preempt_steps - before > job->most_steps)
			job->most_steps = stub.preempt_steps - before;
		if (job->check_every == 0 || job->entries % job->check_every == 0)
			verify(CHECK_AUDIT);
		job->entries++;
		if (!done && job->between)
			job->between();
		if (job->entries > 500000)
			test_fail("the call does not come to an end");
	} while (!done);
	stub.tick_every_step = false;
	verify(CHECK_MEMORY);
	return error;
}

static void delete_all(uint64_t slot)
{
	struct job job = {.label = CNodeDelete, .slot = slot};

	CHECK_OK(run(&job));
}

static void revoke_all(uint64_t slot)
{
	struct job job = {.label = CNodeRevoke, .slot = slot};

	CHECK_OK(run(&job));
}

/* Nothing is left of what was made, and all memory can be used again. */
static void check_nothing_left(void)
{
	CHECK_THAT(list_length() == full_before);
	CHECK_OK(retype(memory, seL4_UntypedObject, memory_bits - 1, base, 2));
	verify(CHECK_MEMORY);
	CHECK_OK(cnode_revoke(memory));
	CHECK_THAT(list_length() == full_before);
}

/* --- building ---------------------------------------------------------------------------------------- */

/* `count` CNodes of 2^radix slots in the root's slots from `first` on. */
static void make_cnodes(uint64_t first, unsigned count, unsigned radix)
{
	for (unsigned made = 0; made < count; made += 256)
		CHECK_OK(retype(memory, seL4_CapTableObject, radix, first + made,
				count - made < 256 ? count - made : 256));
}

/* CNode i+1's only capability lies in CNode i, in the slot that `where` says; the first in the root. */
static void make_chain(unsigned depth, unsigned radix, unsigned (*where)(unsigned index))
{
	make_cnodes(base, depth, radix);
	for (unsigned i = depth - 1; i > 0; i--)
		CHECK_OK(move_into(base + i - 1, radix, where(i), base + i));
}

static unsigned first_slot(unsigned index)
{
	(void)index;
	return 0;
}

static unsigned last_slot(unsigned index)
{
	(void)index;
	return 1;
}

static unsigned any_slot(unsigned index)
{
	(void)index;
	return (unsigned)random_below(&rng, 4);
}

/* --- chains, trees, circles ------------------------------------------------------------------------------ */

static void test_chain_first(void)
{
	begin();
	make_chain(700, 1, first_slot);
	delete_all(base);
	check_nothing_left();
}

static void test_chain_last(void)
{
	begin();
	make_chain(700, 1, last_slot);
	delete_all(base);
	check_nothing_left();
}

static void test_chain_revoked(void)
{
	begin();
	make_chain(700, 2, any_slot);
	revoke_all(memory);
	check_nothing_left();
}

static void test_chain_deep(void)
{
	struct job shallow = {.label = CNodeDelete, .check_every = 20000};
	struct job deep = {.label = CNodeDelete, .check_every = 20000};
	uintptr_t shallow_stack;

	begin();
	make_chain(4, 2, any_slot);
	shallow.slot = base;
	stub.stack_low = 0;
	CHECK_OK(run(&shallow));
	shallow_stack = stub.stack_low;
	make_chain(8000, 2, any_slot);
	deep.slot = base;
	stub.stack_low = 0;
	CHECK_OK(run(&deep));
	CHECK_THAT(stub.stack_low == shallow_stack);
	CHECK_THAT(deep.most_steps <= 2);
	check_nothing_left();
}

static void test_tree(void)
{
	begin();
	make_cnodes(base, 511, 1);
	for (unsigned i = 510; i > 0; i--)
		CHECK_OK(move_into(base + (i - 1) / 2, 1, (i - 1) % 2, base + i));
	delete_all(base);
	check_nothing_left();
}

static void test_contains_itself(void)
{
	begin();
	/* A copy in itself. */
	make_cnodes(base, 1, 2);
	for (unsigned i = 0; i < 4; i++)
		CHECK_OK(copy_into(base, 2, i, base));
	delete_all(base);
	CHECK_THAT(list_length() == full_before + 4); /* out of reach, but there */
	revoke_all(memory);
	check_nothing_left();
	/* Its only capability in itself. */
	for (unsigned i = 0; i < 4; i++) {
		make_cnodes(base, 1, 2);
		CHECK_OK(move_into(base, 2, i, base));
		revoke_all(memory);
		check_nothing_left();
	}
}

/* Deletes, from a copy of its capability that is then gone too, a slot of the CNode with that CNode in it. */
static void test_deletes_itself(void)
{
	begin();
	for (unsigned i = 0; i < 4; i++) {
		make_cnodes(base, 2, 2);
		/* node 0 holds node 1 and itself; node 1 holds node 0: the root names node 0 only by a copy. */
		CHECK_OK(copy_into(base, 2, i, base));
		CHECK_OK(copy_into(base + 1, 2, i, base));
		CHECK_OK(move_into(base, 2, (i + 1) % 4, base + 1));
		CHECK_OK(INVOKE(base, CNodeDelete, ARGS((i + 1) % 4, 2)));
		verify(CHECK_MEMORY);
		CHECK_OK(INVOKE(base, CNodeDelete, ARGS(i, 2)));
		delete_all(base);
		CHECK_THAT(list_length() == full_before);
	}
	check_nothing_left();
}

static void test_circles(void)
{
	static const unsigned counts[] = {2, 3, 4, 5, 50};

	begin();
	for (unsigned c = 0; c < 5; c++) {
		for (unsigned where = 0; where < 3; where++) {
			unsigned count = counts[c];

			make_cnodes(base, count, 2);
			for (unsigned i = 0; i < count; i++) /* each in the one before, by copies */
				CHECK_OK(copy_into(base + i, 2, where, base + (i + 1) % count));
			for (unsigned i = 0; i < count; i++) /* the root's own go */
				CHECK_OK(cnode_delete(base + i));
			CHECK_THAT(list_length() == full_before + count);
			revoke_all(memory);
			check_nothing_left();
		}
	}
}

/* Thread i's CSpace is CNode i, which holds the only capability to thread i+1. */
static void test_threads_in_spaces(void)
{
	enum { COUNT = 120 };

	begin();
	make_cnodes(base, COUNT, 2);
	CHECK_OK(retype(memory, seL4_TCBObject, 0, base + COUNT, COUNT));
	for (unsigned i = 0; i < COUNT; i++)
		CHECK_OK(INVOKE(base + COUNT + i, TCBSetSpace, ARGS(0, 0, 0),
				CAPS(base + i, seL4_CapInitThreadVSpace)));
	for (unsigned i = COUNT - 1; i > 0; i--)
		CHECK_OK(move_into(base + i - 1, 2, i % 4, base + COUNT + i));
	for (unsigned i = 0; i < COUNT; i++)
		CHECK_OK(cnode_delete(base + i));
	delete_all(base + COUNT);
	check_nothing_left();
}

/* A thread whose CSpace holds the thread. */
static void test_thread_in_itself(void)
{
	begin();
	for (unsigned i = 0; i < 4; i++) {
		make_cnodes(base, 1, 2);
		CHECK_OK(retype(memory, seL4_TCBObject, 0, base + 1, 1));
		CHECK_OK(INVOKE(base + 1, TCBSetSpace, ARGS(0, 0, 0), CAPS(base, seL4_CapInitThreadVSpace)));
		CHECK_OK(INVOKE(base + 1, TCBResume, ARGS()));
		CHECK_OK(copy_into(base, 2, i, base + 1));
		CHECK_OK(copy_into(base, 2, (i + 1) % 4, base));
		if (i % 2) {
			CHECK_OK(cnode_delete(base));
			delete_all(base + 1); /* the thread goes on with its own capability to itself */
		}
		revoke_all(memory);
		check_nothing_left();
	}
}

/* --- graphs, with others at work ----------------------------------------------------------------------------- */

#define NODES   24
#define THREADS 8

/* CNodes and threads that hold each other at random. */
static void make_graph(void)
{
	make_cnodes(base, NODES, 2);
	CHECK_OK(retype(memory, seL4_TCBObject, 0, base + NODES, THREADS));
	CHECK_OK(retype(memory, seL4_EndpointObject, 0, base + NODES + THREADS, 2));
	for (unsigned i = 0; i < THREADS; i++) {
		uint64_t cspace = base + random_below(&rng, NODES);

		(void)INVOKE(base + NODES + i, TCBSetSpace, ARGS(0, 0, 0), CAPS(cspace, seL4_CapInitThreadVSpace));
	}
	for (unsigned i = 0; i < 3 * NODES; i++) {
		uint64_t node = base + random_below(&rng, NODES);
		uint64_t from = base + random_below(&rng, NODES + THREADS + 2);

		(void)copy_into(node, 2, random_below(&rng, 4), from);
	}
	for (unsigned i = 0; i < NODES; i++) {
		uint64_t node = base + random_below(&rng, NODES);
		uint64_t from = base + random_below(&rng, NODES + THREADS);

		(void)move_into(node, 2, random_below(&rng, 4), from);
	}
}

static void random_call(void)
{
	uint64_t slot = base + random_below(&rng, NODES + THREADS + 6);
	uint64_t other = base + random_below(&rng, NODES + THREADS + 6);
	struct args args = {ARGS(slot, ROOT_DEPTH)};
	seL4_Error error;

	if (random_chance(&rng, 50))
		stub.tick_every_step = !stub.tick_every_step;
	switch (random_below(&rng, 8)) {
	case 0:
	case 1:
		(void)invoke_once(seL4_CapInitThreadCNode, CNodeDelete, &args, &error);
		break;
	case 2:
		(void)invoke_once(seL4_CapInitThreadCNode, CNodeRevoke, &args, &error);
		break;
	case 3: /* a zombie may be moved, too */
		(void)INVOKE(seL4_CapInitThreadCNode, CNodeMove, ARGS(slot, ROOT_DEPTH, other, ROOT_DEPTH),
			     CAPS(seL4_CapInitThreadCNode));
		break;
	case 4:
		(void)cnode_copy(slot, other, RIGHTS_ALL);
		break;
	case 5:
		if (cap_type(root_slot(slot)->cap) == CAP_Endpoint)
			break; /* it would wait there for ever */
		(void)move_into(slot, 2, random_below(&rng, 4), other);
		break;
	case 6:
		(void)INVOKE(seL4_CapInitThreadCNode, CNodeRotate,
			     ARGS(slot, ROOT_DEPTH, 0, other, ROOT_DEPTH, 0, base + random_below(&rng, NODES), ROOT_DEPTH),
			     CAPS(seL4_CapInitThreadCNode, seL4_CapInitThreadCNode));
		break;
	default: /* new objects into what is being revoked */
		(void)retype(memory, random_chance(&rng, 50) ? seL4_CapTableObject : seL4_TCBObject, 2, slot, 1);
		break;
	}
	verify(CHECK_AUDIT);
}

static void seldom_random_call(void)
{
	stub.tick_every_step = random_chance(&rng, 50);
	if (random_chance(&rng, 30))
		random_call();
	stub.tick_every_step = true;
}

static void test_graphs(void)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		begin();
		rng.state = seed;
		make_graph();
		verify(CHECK_MEMORY);
		for (unsigned i = 0; i < NODES; i++)
			delete_all(base + random_below(&rng, NODES + THREADS));
		revoke_all(memory);
		check_nothing_left();
	}
}

static void test_graphs_with_others(void)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct job job = {.label = CNodeDelete, .between = seldom_random_call};

		begin();
		rng.state = seed;
		make_graph();
		for (unsigned i = 0; i < NODES; i++) {
			job.slot = base + random_below(&rng, NODES + THREADS);
			CHECK_OK(run(&job));
		}
		/* Others that go on making objects would keep this from ending: they do for a while. */
		for (unsigned i = 0; i < 200; i++) {
			struct args args = {ARGS(memory, ROOT_DEPTH)};
			seL4_Error error;

			stub.tick_every_step = true;
			if (!invoke_once(seL4_CapInitThreadCNode, CNodeRevoke, &args, &error))
				random_call();
		}
		revoke_all(memory);
		check_nothing_left();
	}
}

/* --- many ------------------------------------------------------------------------------------------------------ */

#define MANY       100000u
#define MANY_RADIX 17

static void make_many(bool badged)
{
	CHECK_OK(retype(memory, seL4_CapTableObject, MANY_RADIX, base, 1));
	CHECK_OK(retype(memory, seL4_EndpointObject, 0, base + 1, 1));
	for (unsigned i = 0; i < MANY; i++) {
		if (badged)
			CHECK_OK(INVOKE(base, CNodeMint,
					ARGS(i, MANY_RADIX, base + 1, ROOT_DEPTH, RIGHTS_ALL, 1 + i % 7),
					CAPS(seL4_CapInitThreadCNode)));
		else
			CHECK_OK(copy_into(base, MANY_RADIX, i, base + 1));
	}
}

static void test_revoke_many(void)
{
	struct job job = {.label = CNodeRevoke, .check_every = 20000};

	begin();
	make_many(true);
	job.slot = base + 1;
	CHECK_OK(run(&job));
	CHECK_THAT(job.most_steps <= 2);
	CHECK_THAT(job.entries >= MANY);
	CHECK_THAT(list_length() == full_before + 2);
	CHECK_OK(cnode_revoke(memory));
	check_nothing_left();
}

static void test_delete_many(void)
{
	struct job job = {.label = CNodeDelete, .check_every = 20000};

	begin();
	make_many(false);
	job.slot = base;
	CHECK_OK(run(&job));
	CHECK_THAT(job.most_steps <= 2);
	CHECK_THAT(list_length() == full_before + 1);
	CHECK_OK(cnode_revoke(memory));
	check_nothing_left();
}

/* --- who is whose child ------------------------------------------------------------------------------------------- */

/*
 * Two capabilities minted with one badge are brothers. When the first of a run of copies goes, the next
 * one takes its place, so that the copies do not become the other brother's children.
 */
static void test_badged_brothers(void)
{
	begin();
	CHECK_OK(retype(memory, seL4_EndpointObject, 0, base, 1));
	CHECK_OK(cnode_mint(base + 1, base, RIGHTS_ALL, 5));
	CHECK_OK(cnode_mint(base + 2, base, RIGHTS_ALL, 5));
	CHECK_OK(cnode_copy(base + 3, base + 1, RIGHTS_ALL));
	CHECK_OK(cnode_copy(base + 4, base + 1, RIGHTS_ALL));
	CHECK_OK(cnode_revoke(base + 2));
	CHECK_THAT(!slot_is_empty(root_slot(base + 1)) && !slot_is_empty(root_slot(base + 3)));
	CHECK_OK(cnode_delete(base + 1));
	CHECK_OK(cnode_revoke(base + 2));
	CHECK_THAT(!slot_is_empty(root_slot(base + 3)) && !slot_is_empty(root_slot(base + 4)));
	CHECK_OK(cnode_revoke(base));
	CHECK_THAT(list_length() == full_before + 1);
	CHECK_OK(cnode_revoke(memory));
	check_nothing_left();
}

/* A revoked badge takes its own copies along and nobody else's. */
static void test_badged_copies(void)
{
	begin();
	CHECK_OK(retype(memory, seL4_EndpointObject, 0, base, 1));
	CHECK_OK(cnode_mint(base + 1, base, RIGHTS_ALL, 5));
	CHECK_OK(cnode_copy(base + 2, base + 1, RIGHTS_ALL));
	CHECK_OK(cnode_mint(base + 3, base, RIGHTS_ALL, 6));
	CHECK_OK(cnode_copy(base + 4, base, RIGHTS_ALL));
	CHECK_OK(cnode_mint(base + 5, base + 4, RIGHTS_ALL, 5)); /* of a copy: the original's child */
	CHECK_OK(cnode_revoke(base + 4));
	CHECK_THAT(!slot_is_empty(root_slot(base + 5)));
	CHECK_OK(cnode_revoke(base + 1));
	CHECK_THAT(slot_is_empty(root_slot(base + 2)) && !slot_is_empty(root_slot(base + 3)) &&
		   !slot_is_empty(root_slot(base + 4)) && !slot_is_empty(root_slot(base + 5)));
	CHECK_OK(cnode_revoke(base));
	CHECK_THAT(list_length() == full_before + 1);
	CHECK_OK(cnode_revoke(memory));
	check_nothing_left();
}

/* A thread that deletes the address space it runs in runs without one from then on. */
static void test_own_vspace(void)
{
	begin();
	CHECK_OK(retype(memory, seL4_RISCV_PageTableObject, 0, base, 1));
	CHECK_OK(INVOKE(seL4_CapInitThreadASIDPool, RISCVASIDPoolAssign, CAPS(base)));
	CHECK_OK(INVOKE(seL4_CapInitThreadTCB, TCBSetSpace, ARGS(0, 0, 0), CAPS(seL4_CapInitThreadCNode, base)));
	verify(CHECK_MEMORY);
	CHECK_THAT(stub.root_paddr == isa_paddr(cap_object(root_slot(base)->cap)));
	CHECK_OK(cnode_revoke(memory));
	verify(CHECK_MEMORY);
	CHECK_THAT(stub.root_paddr == 0);
	/* The same when its ASID pool goes. */
	CHECK_OK(INVOKE(seL4_CapInitThreadTCB, TCBSetSpace, ARGS(0, 0, 0),
			CAPS(seL4_CapInitThreadCNode, seL4_CapInitThreadVSpace)));
	CHECK_THAT(stub.root_paddr != 0);
	CHECK_OK(cnode_delete(seL4_CapInitThreadASIDPool));
	CHECK_THAT(stub.root_paddr == 0);
	verify(CHECK_MEMORY);
}

/* --- memory ------------------------------------------------------------------------------------------------------ */

/* Clearing a large untyped stops at interrupts, and goes on where it stopped. */
static void test_retype_preempted(void)
{
	struct args args = {ARGS(seL4_UntypedObject, 0, 0, 0, base, 1), CAPS(seL4_CapInitThreadCNode)};
	uint64_t entries = 0, most = 0;
	uint64_t paddr;
	seL4_Error error;
	bool done;

	begin();
	args.word[1] = memory_bits - 1;
	args.word[4] = base;
	paddr = cap_paddr(root_slot(memory)->cap);
	CHECK_OK(retype(memory, seL4_RISCV_4K_Page, 0, base, 256));
	CHECK_OK(retype(memory, seL4_RISCV_Mega_Page, 0, base + 256, 2));
	memset(machine_pointer(isa_kref(paddr)), 0x5a, 256 << seL4_PageBits);
	memset(machine_pointer(isa_kref(paddr + (1 << seL4_LargePageBits))), 0xa5, 2 << seL4_LargePageBits);
	CHECK_OK(cnode_revoke(memory));
	stub.tick_every_step = true;
	do {
		uint64_t before = stub.cleared_bytes;

		done = invoke_once(memory, UntypedRetype, &args, &error);
		verify(CHECK_MEMORY);
		entries++;
		if (stub.cleared_bytes - before > most)
			most = stub.cleared_bytes - before;
	} while (!done);
	CHECK_OK(error);
	CHECK_THAT(entries > 50);
	CHECK_THAT(most <= 32 << 10);
	CHECK_OK(cnode_revoke(memory));
	check_nothing_left();
}

/* While clearing is under way, somebody else takes a small object from the same memory. */
static void test_retype_overtaken(void)
{
	struct args args = {ARGS(seL4_RISCV_Mega_Page, 0, 0, 0, base, 1), CAPS(seL4_CapInitThreadCNode)};
	seL4_Error error;
	bool overtaken = false;

	begin();
	CHECK_OK(retype(memory, seL4_RISCV_Mega_Page, 0, base, 1));
	memset(machine_pointer(isa_kref(cap_paddr(root_slot(base)->cap))), 0x5a, 1 << seL4_LargePageBits);
	CHECK_OK(cnode_revoke(memory));
	stub.tick_every_step = true;
	while (!invoke_once(memory, UntypedRetype, &args, &error)) {
		verify(CHECK_MEMORY);
		if (!overtaken) {
			CHECK_OK(retype(memory, seL4_EndpointObject, 0, base + 1, 3));
			overtaken = true;
		}
	}
	CHECK_THAT(overtaken);
	CHECK_OK(error);
	verify(CHECK_MEMORY);
	CHECK_OK(cnode_revoke(memory));
	check_nothing_left();
}

/* At each interruption of a revoke, the freed memory is asked for. */
static uint64_t wanted_slot;

static void ask_for_memory(void)
{
	seL4_Error error;

	stub.tick_every_step = false;
	error = retype(memory, seL4_CapTableObject, 4, wanted_slot, 1);
	if (error == seL4_NoError)
		CHECK_OK(cnode_delete(wanted_slot));
	else
		CHECK_THAT(error == seL4_NotEnoughMemory);
	stub.tick_every_step = true;
}

static void test_revoke_then_retype(void)
{
	struct job job = {.label = CNodeRevoke, .between = ask_for_memory};

	begin();
	wanted_slot = base + 2000;
	/* Use up all memory, with chains in it. */
	make_chain(200, 2, any_slot);
	for (uint64_t i = 1000; retype(memory, seL4_RISCV_Mega_Page, 0, base + i, 1) == seL4_NoError; i++)
		;
	job.slot = memory;
	CHECK_OK(run(&job));
	CHECK_OK(retype(memory, seL4_RISCV_Mega_Page, 0, base, 2));
	verify(CHECK_MEMORY);
	CHECK_OK(cnode_revoke(memory));
	check_nothing_left();
}

int main(int argc, char **argv)
{
	test_only = argc > 1 ? argv[1] : NULL;
	test_run("delete-chain-first-slots", test_chain_first);
	test_run("delete-chain-last-slots", test_chain_last);
	test_run("delete-chain-revoked", test_chain_revoked);
	test_run("delete-chain-8000-deep", test_chain_deep);
	test_run("delete-tree", test_tree);
	test_run("delete-contains-itself", test_contains_itself);
	test_run("delete-names-itself", test_deletes_itself);
	test_run("delete-circles", test_circles);
	test_run("delete-threads-in-spaces", test_threads_in_spaces);
	test_run("delete-thread-in-itself", test_thread_in_itself);
	test_run("delete-random-graphs", test_graphs);
	test_run("delete-random-graphs-with-others", test_graphs_with_others);
	test_run("revoke-100000", test_revoke_many);
	test_run("delete-100000", test_delete_many);
	test_run("revoke-badged-brothers", test_badged_brothers);
	test_run("revoke-badged-copies", test_badged_copies);
	test_run("delete-own-vspace", test_own_vspace);
	test_run("retype-preempted", test_retype_preempted);
	test_run("retype-overtaken", test_retype_overtaken);
	test_run("revoke-then-retype", test_revoke_then_retype);
	return test_end();
}
