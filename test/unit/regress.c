/* One small test for each fault of the kernel that the random tests found. */
#include <string.h>

#include "test/unit/harness.h"

static uint64_t base, memory;
static unsigned memory_bits;

static void begin(void)
{
	world_check = CHECK_MEMORY;
	world_boot(&(struct world_config){.ram_size = 16ull << 20, .root_bits = 9});
	memory = largest_untyped(&memory_bits);
	base = first_empty();
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

int main(int argc, char **argv)
{
	test_only = argc > 1 ? argv[1] : NULL;
	test_run("finished-zombie-inside-another", test_finished_zombie_inside_another);
	test_run("zombie-in-its-own-object", test_zombie_in_its_own_object);
	return test_end();
}
