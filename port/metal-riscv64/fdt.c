/*
 * The little that the kernel itself needs of a flattened device tree (Devicetree Specification,
 * chapter 5): where memory ends, what of it is reserved, how fast time runs. The tree comes from the
 * firmware or a loader; nothing in it is taken on trust beyond its being readable up to its stated size, at
 * most FDT_CAPACITY. Addresses and sizes have two cells each, as on 64-bit boards.
 */
#include <string.h>

#include "port/metal-riscv64/metal.h"

#define FDT_MAGIC       0xd00dfeedu
#define FDT_HEADER_SIZE 40
#define FDT_BEGIN_NODE  1
#define FDT_END_NODE    2
#define FDT_PROP        3
#define FDT_NOP         4
#define TOKEN(token)    ((uint32_t)(token) << 24) /* as it lies in memory */

/* Which node the properties are of. */
enum node { NODE_OTHER, NODE_MEMORY, NODE_CPUS, NODE_RESERVED_MEMORY, NODE_RESERVED };

struct tree {
	const uint8_t *base;
	uint32_t size;
	struct boot *boot;
};

static uint32_t be32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint64_t be64(const uint8_t *bytes)
{
	return (uint64_t)be32(bytes) << 32 | be32(bytes + 4);
}

uint64_t fdt_size(const void *fdt)
{
	uint32_t size = be32((const uint8_t *)fdt + 4);

	return be32(fdt) == FDT_MAGIC && size >= FDT_HEADER_SIZE && size <= FDT_CAPACITY ? size : 0;
}

/* Notes a region that is not free. What is below the kernel is the firmware's anyway. */
static bool take(struct boot *boot, uint64_t start, uint64_t size)
{
	if (size > UINT64_MAX - start)
		size = UINT64_MAX - start;
	if (size == 0 || start + size <= boot->ram.start)
		return true;
	if (boot->taken_count == sizeof boot->taken / sizeof *boot->taken)
		return false;
	boot->taken[boot->taken_count++] = (struct region){start, start + size};
	return true;
}

/* The memory reservation block: pairs of address and size, until both are 0. */
static bool read_reservations(const struct tree *tree)
{
	for (uint64_t at = be32(tree->base + 16); at + 16 <= tree->size; at += 16) {
		uint64_t start = be64(tree->base + at), size = be64(tree->base + at + 8);

		if (start == 0 && size == 0)
			break;
		if (!take(tree->boot, start, size))
			return false;
	}
	return true;
}

/* A `reg` property: pairs again. Memory is where the kernel lies. */
static bool read_regions(const struct tree *tree, enum node node, const uint8_t *reg, uint32_t length)
{
	struct region *ram = &tree->boot->ram;

	for (; length >= 16; reg += 16, length -= 16) {
		uint64_t start = be64(reg), size = be64(reg + 8);

		if (node == NODE_RESERVED && !take(tree->boot, start, size))
			return false;
		if (node == NODE_MEMORY && ram->end == 0 && ram->start >= start && ram->start - start < size)
			ram->end = start + size;
	}
	return true;
}

/* Is that string there? With its 0, so `size` is that of the array. */
static bool is_name(const struct tree *tree, uint64_t at, const char *name, uint32_t size)
{
	return at <= tree->size && size <= tree->size - at && memcmp(tree->base + at, name, size) == 0;
}

/* Is the node's name the given one, or that and an address? */
static bool is_node(const struct tree *tree, uint64_t at, const char *name, uint32_t length)
{
	return tree->base[at] == (uint8_t)*name && is_name(tree, at, name, length) &&
	       at + length < tree->size && (tree->base[at + length] == 0 || tree->base[at + length] == '@');
}

/* What node begins here, inside a node of that kind? */
static enum node node_of(const struct tree *tree, uint64_t at, unsigned depth, enum node outer)
{
	if (depth == 2)
		return outer == NODE_RESERVED_MEMORY ? NODE_RESERVED : NODE_OTHER;
	if (depth != 1)
		return NODE_OTHER;
	if (is_node(tree, at, "memory", 6))
		return NODE_MEMORY;
	if (is_node(tree, at, "cpus", 4))
		return NODE_CPUS;
	return is_node(tree, at, "reserved-memory", 15) ? NODE_RESERVED_MEMORY : NODE_OTHER;
}

/* Names end in one to four zeros, up to a whole word: the end of the one at `at`. */
static uint64_t behind_name(const struct tree *tree, uint64_t at)
{
	while (at + 4 <= tree->size && tree->base[at + 3] != 0)
		at += 4;
	return at + 4;
}

bool fdt_read(const void *fdt, struct boot *boot, uint64_t *timer_hz)
{
	struct tree tree = {fdt, (uint32_t)fdt_size(fdt), boot};
	uint32_t strings = be32(tree.base + 12), length, name;
	uint64_t at = be32(tree.base + 8); /* of 64 bits, for what is added must not wrap round */
	enum node node = NODE_OTHER,
		  outer = NODE_OTHER; /* the node at hand, the child of the root around it */
	unsigned depth = 0;

	/* Every node and property of the board is passed here: a tenth of booting. */
	while (at % 4 == 0 && at + 12 <= tree.size) {
		const uint8_t *here = tree.base + at;
		uint32_t token = *(const uint32_t *)here;

		at += 4;
		if (token == TOKEN(FDT_PROP)) {
			length = be32(here + 4);
			at += 8;
			if (length > tree.size - at)
				break;
			at = (at + length + 3) & ~3ull;
			if (node == NODE_OTHER)
				continue;
			name = strings + be32(here + 8);
			/* A clock that is slower than the tick is none. */
			if (node == NODE_CPUS && length == 4 &&
			    is_name(&tree, name, "timebase-frequency", 19) &&
			    be32(here + 12) >= 1000000000ull / TICK_NS)
				*timer_hz = be32(here + 12);
			if (is_name(&tree, name, "reg", 4) && !read_regions(&tree, node, here + 12, length))
				return false;
		} else if (token == TOKEN(FDT_BEGIN_NODE)) {
			node = node_of(&tree, at, depth, outer);
			outer = depth++ == 1 ? node : outer;
			at = behind_name(&tree, at);
		} else if (token == TOKEN(FDT_END_NODE)) {
			depth--;
		} else if (token != TOKEN(FDT_NOP)) {
			break;
		}
	}
	return read_reservations(&tree);
}
