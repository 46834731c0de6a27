/*
 * Device trees: what the bare-metal kernel reads of the firmware's, and what the program reads of the one
 * in an image.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/image.h"
#include "port/metal-riscv64/metal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The kernel gets a tree that can be read up to its stated size, and not a byte further. */
static void read_as_kernel(const uint8_t *data, size_t size)
{
	struct boot boot = {.ram = {KERNEL_PADDR, 0}};
	uint64_t timer_hz = 1, stated;
	uint8_t *tree;

	if (size < 8)
		return;
	stated = fdt_size(data);
	if (stated == 0 || stated > size)
		return;
	tree = malloc(stated);
	if (!tree)
		abort();
	memcpy(tree, data, stated);
	(void)fdt_read(tree, &boot, &timer_hz);
	free(tree);
	if (boot.taken_count > sizeof boot.taken / sizeof *boot.taken)
		abort();
	for (unsigned i = 0; i < boot.taken_count; i++)
		if (boot.taken[i].start >= boot.taken[i].end || boot.taken[i].end <= KERNEL_PADDR)
			abort();
	if (timer_hz != 1 && timer_hz < 1000000000ull / TICK_NS)
		abort();
}

static void read_as_program(const uint8_t *data, size_t size)
{
	const struct image_member member = {"kernel.dtb", {data, size}};

	(void)image_ram_size(&(struct image){.device_tree = &member});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_as_kernel(data, size);
	read_as_program(data, size);
	return 0;
}
