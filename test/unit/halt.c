/* Boots at the limits, and what ends the system: images that cannot be booted, debug calls that stop the machine. */
#include <string.h>

#include "test/unit/harness.h"

#define RAM_SIZE (16ull << 20)

/* --- boot ------------------------------------------------------------------------------------- */

static struct boot a_boot(unsigned root_bits)
{
	struct boot boot = {
		.ram = {KERNEL_PADDR, STUB_RAM_BASE + RAM_SIZE},
		.image = {IMAGE_PADDR, IMAGE_PADDR + 0x100000},
		.image_vaddr = IMAGE_VADDR,
		.entry = IMAGE_VADDR,
		.memory_is_clear = true,
	};

	CHECK_THAT(profile_find("debug", &boot.profile));
	boot.profile.root_cnode_bits = (uint8_t)root_bits;
	boot.profile.domains = 1;
	CHECK_THAT(stub_create(RAM_SIZE));
	return boot;
}

static void expect_no_boot(const struct boot *boot, const char *why)
{
	const char *error = kernel_boot(machine_kernel(), boot);

	if (!error || !strstr(error, why))
		test_fail("boot says \"%s\", not \"%s\"", error ? error : "nothing", why);
}

static void test_image_above_user_memory(void)
{
	struct boot boot = a_boot(9);

	boot.image_vaddr = seL4_UserTop - 0x100000; /* nothing is left for the IPC buffer */
	expect_no_boot(&boot, "above the highest user address");
	boot.image_vaddr = ~0ull << 12;
	expect_no_boot(&boot, "above the highest user address");
}

static void test_too_few_slots(void)
{
	struct boot boot = a_boot(8); /* for 256 frames */

	expect_no_boot(&boot, "too few slots");
	boot = a_boot(9);
	CHECK_THAT(!kernel_boot(machine_kernel(), &boot));
}

static void test_no_room(void)
{
	struct boot boot = a_boot(20);

	expect_no_boot(&boot, "memory");
}

/* More pieces of memory than slots: what has none is not given out. */
static void test_memory_without_slots(void)
{
	struct boot boot = a_boot(9);
	kref where;

	boot.image.end = IMAGE_PADDR + (512 - seL4_NumInitialCaps - 4) * 0x1000;
	CHECK_THAT(!kernel_boot(machine_kernel(), &boot));
	CHECK_THAT(!kernel_check(machine_kernel(), &where));
	CHECK_THAT(!slot_is_empty(root_slot(511)));
}

/* Memory that somebody has in the middle of RAM (upstream's loader: the device tree) is in no untyped. */
static void test_taken_memory(void)
{
	struct boot boot = a_boot(9);
	struct region taken = {STUB_RAM_BASE + (9ull << 20), STUB_RAM_BASE + (9ull << 20) + 0x3000};
	uint64_t start, size;
	unsigned pieces = 0;

	boot.taken[boot.taken_count++] = taken;
	CHECK_THAT(!kernel_boot(machine_kernel(), &boot));
	for (unsigned i = 0; i < 512; i++) {
		struct cap cap = root_slot(i)->cap;

		if (cap_type(cap) != CAP_Untyped || cap_untyped_device(cap))
			continue;
		CHECK_THAT(cap_memory(cap, &start, &size));
		CHECK_THAT(start + size <= taken.start || start >= taken.end);
		pieces++;
	}
	CHECK_THAT(pieces > 1);
}

static void test_unknown_profile(void)
{
	struct profile profile;

	CHECK_THAT(!profile_find("no such", &profile));
}

/* --- debug calls ------------------------------------------------------------------------------ */

static void begin(void)
{
	world_check = CHECK_KERNEL;
	world_boot(&(struct world_config){.ram_size = RAM_SIZE, .root_bits = 9});
}

static void expect_halt(int64_t number, uint64_t cptr, const char *says)
{
	world_syscall(number, cptr, 0);
	CHECK_THAT(stub.halted && machine_kernel()->halted);
	if (!strstr(stub.console, says))
		test_fail("the console says \"%s\", not \"%s\"", stub.console, says);
}

static void test_debug_halt(void)
{
	begin();
	expect_halt(seL4_SysDebugHalt, 0, "DebugHalt by rootserver\r\n");
}

static void test_name_of_no_thread(void)
{
	begin();
	expect_halt(seL4_SysDebugNameThread, seL4_CapInitThreadCNode, "not of a TCB, halting\r\n");
}

static void test_name_without_buffer(void)
{
	begin();
	CHECK_OK(INVOKE(seL4_CapInitThreadTCB, TCBSetIPCBuffer, ARGS(0), CAPS(seL4_CapInitThreadIPCBuffer)));
	expect_halt(seL4_SysDebugNameThread, seL4_CapInitThreadTCB, "no IPC buffer, halting\r\n");
}

static void test_name_without_end(void)
{
	begin();
	memset(lookup_buffer(world_current(), true) + seL4_IPCBufferMsgWord, 'x', seL4_MsgMaxLength * 8);
	expect_halt(seL4_SysDebugNameThread, seL4_CapInitThreadTCB, "no end, halting\r\n");
}

int main(int argc, char **argv)
{
	test_only = argc > 1 ? argv[1] : NULL;
	test_run("boot-image-above-user-memory", test_image_above_user_memory);
	test_run("boot-too-few-slots", test_too_few_slots);
	test_run("boot-no-room", test_no_room);
	test_run("boot-memory-without-slots", test_memory_without_slots);
	test_run("boot-taken-memory", test_taken_memory);
	test_run("boot-unknown-profile", test_unknown_profile);
	test_run("debug-halt", test_debug_halt);
	test_run("debug-name-of-no-thread", test_name_of_no_thread);
	test_run("debug-name-without-buffer", test_name_without_buffer);
	test_run("debug-name-without-end", test_name_without_end);
	return test_end();
}
