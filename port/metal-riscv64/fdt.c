/*
 * The little that the kernel itself needs of a flattened device tree (Devicetree Specification,
 * chapter 5): where memory ends, and what of it is reserved. The tree comes from the firmware or a loader;
 * nothing in it is taken on trust beyond its being readable up to its stated size, at most FDT_CAPACITY.
 * Addresses and sizes have two cells each, as on every 64-bit board.
 */
#include <string.h>

#include "port/metal-riscv64/metal.h"

#define FDT_MAGIC      0xd00dfeedu
#define FDT_BEGIN_NODE 1
#define FDT_END_NODE   2
#define FDT_PROP       3
#define FDT_NOP        4

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

	return be32(fdt) == FDT_MAGIC && size <= FDT_CAPACITY ? size : 0;
}

struct walk_fdt {
	const uint8_t *base;
	uint32_t size, at, strings;
	unsigned depth;      /* of the node whose properties come now; the root's is 1 */
	const char *node[4]; /* the names of it and those above it */
	const char *name;    /* the property */
	const uint8_t *value;
	uint32_t length;
};

static bool walk_start(struct walk_fdt *walk, const void *fdt)
{
	const uint8_t *base = fdt;

	*walk = (struct walk_fdt){.base = base, .size = (uint32_t)fdt_size(fdt)};
	if (walk->size < 40)
		return false;
	walk->at = be32(base + 8);
	walk->strings = be32(base + 12);
	return walk->strings < walk->size;
}

static bool enter_node(struct walk_fdt *walk)
{
	const char *name = (const char *)walk->base + walk->at;
	uint32_t length = (uint32_t)strnlen(name, walk->size - walk->at);

	if (length >= walk->size - walk->at)
		return false;
	if (walk->depth < 4)
		walk->node[walk->depth] = name;
	walk->depth++;
	walk->at = (walk->at + length + 4) & ~3u;
	return true;
}

/* The next property; false at the end, or where the tree is broken. */
static bool walk_next(struct walk_fdt *walk)
{
	while (walk->at + 12 <= walk->size) {
		const uint8_t *here = walk->base + walk->at;
		uint32_t token = be32(here), name;

		walk->at += 4;
		switch (token) {
		case FDT_BEGIN_NODE:
			if (!enter_node(walk))
				return false;
			break;
		case FDT_END_NODE:
			if (walk->depth-- == 0)
				return false;
			break;
		case FDT_NOP:
			break;
		case FDT_PROP:
			walk->length = be32(here + 4);
			name = be32(here + 8);
			walk->value = here + 12;
			walk->at += 8;
			if (walk->length > walk->size - walk->at || name >= walk->size - walk->strings)
				return false;
			walk->name = (const char *)walk->base + walk->strings + name;
			walk->at = (walk->at + walk->length + 3) & ~3u;
			return true;
		default:
			return false;
		}
	}
	return false;
}

static bool is_property(const struct walk_fdt *walk, const char *name)
{
	uint32_t room = walk->size - (uint32_t)((const uint8_t *)walk->name - walk->base);

	return strnlen(walk->name, room) < room && strcmp(walk->name, name) == 0;
}

/* Is the node at that depth NAME or NAME@ADDRESS? */
static bool is_node(const struct walk_fdt *walk, unsigned depth, const char *name)
{
	size_t length = strlen(name);
	const char *node = walk->node[depth - 1];

	return strncmp(node, name, length) == 0 && (node[length] == 0 || node[length] == '@');
}

/* Pair `index` of a `reg` property. */
static bool pair(const struct walk_fdt *walk, uint32_t index, struct region *region)
{
	uint32_t at = 16 * index;

	if (at + 16 > walk->length)
		return false;
	region->start = be64(walk->value + at);
	region->end = region->start + be64(walk->value + at + 8);
	return true;
}

uint64_t fdt_memory_end(const void *fdt, uint64_t inside)
{
	struct walk_fdt walk;
	struct region region;

	if (!walk_start(&walk, fdt))
		return 0;
	while (walk_next(&walk)) {
		if (walk.depth != 2 || !is_node(&walk, 2, "memory") || !is_property(&walk, "reg"))
			continue;
		for (uint32_t i = 0; pair(&walk, i, &region); i++)
			if (inside >= region.start && inside < region.end)
				return region.end;
	}
	return 0;
}

/* Notes a region if it is about RAM; false: there are more than can be noted. */
static bool take(struct boot *boot, struct region region)
{
	if (region.start >= region.end || region.end <= boot->ram.start || region.start >= boot->ram.end)
		return true;
	if (boot->taken_count == sizeof boot->taken / sizeof *boot->taken)
		return false;
	boot->taken[boot->taken_count++] = region;
	return true;
}

/* The children of /reserved-memory. */
static bool take_nodes(const void *fdt, struct boot *boot)
{
	struct walk_fdt walk;
	struct region region;

	if (!walk_start(&walk, fdt))
		return true;
	while (walk_next(&walk)) {
		if (walk.depth != 3 || !is_node(&walk, 2, "reserved-memory") || !is_property(&walk, "reg"))
			continue;
		for (uint32_t i = 0; pair(&walk, i, &region); i++)
			if (!take(boot, region))
				return false;
	}
	return true;
}

bool fdt_take_reserved(const void *fdt, struct boot *boot)
{
	const uint8_t *base = fdt;
	uint64_t size = fdt_size(fdt);

	if (size < 40)
		return true;
	/* The memory reservation block: pairs of address and size, until both are 0. */
	for (uint32_t at = be32(base + 16); at + 16 <= size; at += 16) {
		uint64_t start = be64(base + at), length = be64(base + at + 8);

		if (start == 0 && length == 0)
			break;
		if (!take(boot, (struct region){start, start + length}))
			return false;
	}
	return take_nodes(fdt, boot);
}
