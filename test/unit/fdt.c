/* What the bare-metal kernel reads of a device tree, with trees that are cut off or lie about themselves. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "port/metal-riscv64/metal.h"

#define PAGE 4096

/* The tree ends where its page does; what is before and behind it cannot be read. */
static uint8_t *page;
static bool all_good = true;

static void put32(uint8_t *tree, unsigned at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		tree[at + i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put64(uint8_t *tree, unsigned at, uint64_t value)
{
	put32(tree, at, (uint32_t)(value >> 32));
	put32(tree, at + 4, (uint32_t)value);
}

/* A tree of `size` bytes: nodes at 40, strings at 40 as well, reservations as given. */
static uint8_t *tree_make(uint32_t size, uint32_t nodes, uint32_t reservations)
{
	uint8_t *tree = page + PAGE - size;

	memset(page, 0, PAGE);
	put32(tree, 0, 0xd00dfeed);
	put32(tree, 4, size);
	put32(tree, 8, nodes);
	put32(tree, 12, 40);
	put32(tree, 16, reservations);
	return tree;
}

static void check(const char *name, bool good, const char *why)
{
	printf(good ? "ok fdt-%s\n" : "not ok fdt-%s: %s\n", name, why);
	all_good = all_good && good;
}

static bool reads_nothing(const uint8_t *tree)
{
	struct boot boot = {.ram = {KERNEL_PADDR, 0}};
	uint64_t timer_hz = 1;

	return fdt_read(tree, &boot, &timer_hz) && timer_hz == 1 && boot.ram.end == 0 && boot.taken_count == 0;
}

/* Offsets of which the sum with a record's size is small again, in 32 bits. */
static void test_offsets(void)
{
	static const uint32_t offsets[] = {44, 48, 0x7ffffffc, 0xfffffff0, 0xfffffff4, 0xfffffff8, 0xfffffffc};
	bool good = true;

	for (unsigned i = 0; i < sizeof offsets / sizeof *offsets; i++)
		good = good && reads_nothing(tree_make(48, offsets[i], 48)) &&
		       reads_nothing(tree_make(48, 48, offsets[i]));
	check("offsets", good, "something was read from an empty tree");
}

/* A reservation that reaches to the end of the address space, and beyond. */
static void test_reservation_without_end(void)
{
	struct boot boot = {.ram = {KERNEL_PADDR, 0}};
	uint64_t timer_hz = 1;
	uint8_t *tree = tree_make(72, 72, 40);

	put64(tree, 40, 0x90000000);
	put64(tree, 48, UINT64_MAX);
	check("reservation-without-end",
	      fdt_read(tree, &boot, &timer_hz) && boot.taken_count == 1 && boot.taken[0].start == 0x90000000 &&
		      boot.taken[0].end == UINT64_MAX,
	      "it was not noted");
}

int main(void)
{
	uint8_t *pages = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE) != 0)
		return 1;
	page = pages + PAGE;
	test_offsets();
	test_reservation_without_end();
	return !all_good;
}
