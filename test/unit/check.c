/* Does kernel_check() see damage? One fault of the state at a time, in a world that is in order before. */
#include <string.h>

#include "test/unit/harness.h"

#define UNKNOWN_TYPE 31 /* of a capability */

static uint64_t memory, base;
static struct slot *table, *frame, *endpoint, *thread, *cnode;

static void begin(void)
{
	unsigned bits;
	kref where;

	world_check = CHECK_KERNEL;
	world_boot(&(struct world_config){.ram_size = 16ull << 20, .root_bits = 9, .domains = 1});
	memory = largest_untyped(&bits);
	base = first_empty();
	table = root_slot(base);
	frame = root_slot(base + 1);
	endpoint = root_slot(base + 2);
	thread = root_slot(base + 3);
	cnode = root_slot(base + 4);
	CHECK_OK(retype(memory, seL4_RISCV_PageTableObject, 0, base, 1));
	CHECK_OK(retype(memory, seL4_RISCV_4K_Page, 0, base + 1, 1));
	CHECK_OK(retype(memory, seL4_EndpointObject, 0, base + 2, 1));
	CHECK_OK(retype(memory, seL4_TCBObject, 0, base + 3, 1));
	CHECK_OK(retype(memory, seL4_EndpointObject, 0, base + 5, 1)); /* and behind it some bytes stay free */
	CHECK_OK(retype(memory, seL4_CapTableObject, 2, base + 4, 1));
	CHECK_THAT(!kernel_check(machine_kernel(), &where));
}

static void move_object(struct slot *slot, int64_t bytes)
{
	slot->cap.word[0] += (uint64_t)bytes << CAP_ADDRESS_SHIFT;
}

static void set_type(struct slot *slot, uint64_t type)
{
	slot->cap.word[0] = cap_with_bits(slot->cap.word[0], 0, 5, type);
}

static void table_not_aligned(void)
{
	move_object(table, 16);
}

static void frame_not_aligned(void)
{
	move_object(frame, 16);
}

static void cnode_not_aligned(void)
{
	cnode->cap = cap_cnode(cap_object(cnode->cap) - 16, 2, 0, 0);
}

static void pool_not_aligned(void)
{
	move_object(root_slot(seL4_CapInitThreadASIDPool), 16);
}

static void pool_not_registered(void)
{
	machine_kernel()->asid_pool[0] = 0;
}

static void unknown_type(void)
{
	set_type(endpoint, UNKNOWN_TYPE);
}

static void empty_on_the_list(void)
{
	set_type(endpoint, CAP_Null);
	endpoint->cap.word[0] = 0;
}

static void link_to_nowhere(void)
{
	endpoint->next_flags = SLOT_FLAGS;
}

static void back_link_lost(void)
{
	endpoint->prev = frame->prev;
}

static void object_over_another(void)
{
	cnode->cap = cap_cnode(cap_object(thread->cap), 2, 0, 0);
}

static void more_used_than_there_is(void)
{
	root_slot(memory)->cap.word[1] = ~0ull;
}

static void queued_in_no_queue(void)
{
	tcb_at(cap_object(thread->cap))->queued = true;
}

static void bit_of_an_empty_queue(void)
{
	machine_kernel()->core[0].ready_bits[0][0] |= ready_bit(200);
}

static void endpoint_without_queue(void)
{
	endpoint_at(cap_object(endpoint->cap))->tail = ENDPOINT_SEND;
}

static void cancel_at_idle_endpoint(void)
{
	machine_kernel()->cancel.endpoint = cap_object(endpoint->cap);
}

static void no_domain(void)
{
	machine_kernel()->profile.domains = 0;
}

static void too_many_domains(void)
{
	machine_kernel()->profile.domains = MAX_DOMAINS + 1;
}

static void test_sees_damage(void)
{
	static const struct {
		const char *name;
		void (*do_damage)(void);
	} damage[] = {
		{"table-not-aligned", table_not_aligned},
		{"frame-not-aligned", frame_not_aligned},
		{"cnode-not-aligned", cnode_not_aligned},
		{"pool-not-aligned", pool_not_aligned},
		{"pool-not-registered", pool_not_registered},
		{"unknown-type", unknown_type},
		{"empty-on-the-list", empty_on_the_list},
		{"link-to-nowhere", link_to_nowhere},
		{"back-link-lost", back_link_lost},
		{"object-over-another", object_over_another},
		{"more-used-than-there-is", more_used_than_there_is},
		{"queued-in-no-queue", queued_in_no_queue},
		{"bit-of-an-empty-queue", bit_of_an_empty_queue},
		{"endpoint-without-queue", endpoint_without_queue},
		{"cancel-at-idle-endpoint", cancel_at_idle_endpoint},
		{"no-domain", no_domain},
		{"too-many-domains", too_many_domains},
	};
	kref where;

	for (unsigned i = 0; i < sizeof damage / sizeof damage[0]; i++) {
		begin();
		damage[i].do_damage();
		if (!kernel_check(machine_kernel(), &where))
			test_fail("%s is not seen", damage[i].name);
	}
}

/* What a checking build does after each entry: says what is wrong, and the machine stops for good. */
static void test_damage_halts(void)
{
	struct trap interrupt = {.kind = TRAP_INTERRUPT};

	begin();
	kernel_check_or_halt(machine_kernel());
	CHECK_THAT(!stub.halted && !machine_kernel()->halted);
	table_not_aligned();
	kernel_check_or_halt(machine_kernel());
	CHECK_THAT(stub.halted && machine_kernel()->halted);
	CHECK_THAT(strstr(stub.console, "kernel_check: page table is not page aligned at 0xffffff"));
	CHECK_THAT(!kernel_enter(machine_kernel(), &interrupt));
	CHECK_THAT(!enter_slow_syscall(machine_kernel(), tcb_at(machine_kernel()->core[0].current)));
}

int main(int argc, char **argv)
{
	test_only = argc > 1 ? argv[1] : NULL;
	test_run("check-sees-damage", test_sees_damage);
	test_run("check-halts-at-damage", test_damage_halts);
	return test_end();
}
