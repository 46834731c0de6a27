/* Memory shared with other nodes: see region.h. */
#include <skerry/region.h>

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/vspace.h>

/* --- the device tree: Devicetree Specification 0.4, chapter 5 ----------------------------------- */

enum { FDT_MAGIC = 0xd00dfeed, FDT_BEGIN_NODE = 1, FDT_END_NODE, FDT_PROP, FDT_NOP, FDT_END = 9 };

struct fdt_header {
	uint32_t magic, total, structs, strings;
};

static uint32_t big(const uint32_t *cell)
{
	return __builtin_bswap32(*cell);
}

static seL4_Word big_pair(const uint32_t *cells)
{
	return (seL4_Word)big(cells) << 32 | big(cells + 1);
}

struct node {
	const uint32_t *reg, *share;
	bool is_region;
};

static void property(struct node *node, const char *name, const uint32_t *value, uint32_t size)
{
	if (strcmp(name, "compatible") == 0)
		node->is_region = size == sizeof "skerry,region" && memcmp(value, "skerry,region", size) == 0;
	else if (strcmp(name, "reg") == 0 && size == 16)
		node->reg = value;
	else if (strcmp(name, "skerry,share") == 0 && size == 16)
		node->share = value;
}

/* A node's properties come before its children. */
static bool find(const struct fdt_header *tree, struct sk_region *region)
{
	const char *strings = (const char *)tree + big(&tree->strings);
	const uint32_t *at = (const uint32_t *)((const char *)tree + big(&tree->structs));
	const uint32_t *end = (const uint32_t *)((const char *)tree + big(&tree->total));
	struct node node = {0};

	while (at < end) {
		switch (big(at++)) {
		case FDT_BEGIN_NODE:
			at += strlen((const char *)at) / 4 + 1;
			node = (struct node){0};
			break;
		case FDT_PROP:
			property(&node, strings + big(at + 1), at + 2, big(at));
			at += 2 + (big(at) + 3) / 4;
			break;
		case FDT_NOP:
		case FDT_END_NODE:
			break;
		default:
			return false;
		}
		if (node.is_region && node.reg && node.share) {
			*region = (struct sk_region){big_pair(node.reg), big_pair(node.reg + 2),
						     big_pair(node.share), big_pair(node.share + 2)};
			return true;
		}
	}
	return false;
}

const struct sk_region *sk_region(void)
{
	static struct sk_region region;
	const struct fdt_header *tree = sk_device_tree();

	if (!region.size && (!tree || big(&tree->magic) != FDT_MAGIC || !find(tree, &region)))
		return NULL;
	return &region;
}

/* --- frames ----------------------------------------------------------------------------------------- */

/* Frames that lie one behind the other, and so do their slots: a piece of 2^bits pages, and as aligned. */
struct piece {
	seL4_Word page, bits;
	seL4_CPtr frames;
};

#define MAX_PIECES 256
static struct piece pieces[MAX_PIECES];
static unsigned piece_count;

static bool overlaps(const struct piece *piece, seL4_Word page, seL4_Word bits)
{
	seL4_Word more = piece->bits > bits ? piece->bits : bits;

	return piece->page >> more == page >> more;
}

/* The largest piece that begins at the page, ends at `end` at the latest, and has nothing that was made
 * before. */
static seL4_Word largest(seL4_Word page, seL4_Word end)
{
	seL4_Word bits = 0;

	for (;; bits++) {
		if (page & (LIBSEL4_BIT(bits + 1) - 1) || page + LIBSEL4_BIT(bits + 1) > end)
			return bits;
		for (unsigned i = 0; i < piece_count; i++)
			if (overlaps(&pieces[i], page, bits + 1))
				return bits;
	}
}

static const struct piece *piece_of(seL4_Word page)
{
	for (unsigned i = 0; i < piece_count; i++)
		if (overlaps(&pieces[i], page, 0))
			return &pieces[i];
	return NULL;
}

/* The piece with this page; a new one has no page from `end` on. Null: there is none. */
static const struct piece *piece_with(seL4_Word page, seL4_Word end)
{
	const struct piece *piece = piece_of(page);
	struct sk_arena *arena;
	seL4_Word bits;
	seL4_CPtr untyped;

	if (piece)
		return piece;
	bits = largest(page, end);
	untyped = sk_device_untyped(sk_region()->paddr + page * SK_PAGE_BYTES, seL4_PageBits + bits);
	if (!untyped || piece_count == MAX_PIECES)
		return NULL;
	arena = sk_arena_suspend();
	pieces[piece_count] = (struct piece){page, bits, sk_slots_new(LIBSEL4_BIT(bits))};
	sk_must(seL4_Untyped_Retype(untyped, seL4_RISCV_4K_Page, 0, seL4_CapInitThreadCNode, 0, 0,
				    pieces[piece_count].frames, LIBSEL4_BIT(bits)));
	sk_arena_restore(arena);
	return &pieces[piece_count++];
}

static bool is_in(seL4_Word offset, seL4_Word size)
{
	const struct sk_region *region = sk_region();

	return region && size && !((offset | size) & (SK_PAGE_BYTES - 1)) && offset < region->size &&
	       size <= region->size - offset;
}

seL4_CPtr sk_region_frame(seL4_Word offset)
{
	seL4_Word page = offset / SK_PAGE_BYTES;
	const struct piece *piece = is_in(offset, SK_PAGE_BYTES) ? piece_with(page, page + 1) : NULL;

	return piece ? piece->frames + (page - piece->page) : 0;
}

seL4_Error sk_region_map_at(seL4_CPtr vspace, seL4_Word vaddr, seL4_Word offset, seL4_Word size,
			    seL4_CapRights_t rights)
{
	seL4_Word page = offset / SK_PAGE_BYTES, end = page + size / SK_PAGE_BYTES;

	if (!is_in(offset, size))
		return seL4_RangeError;
	for (; page < end; page++, vaddr += SK_PAGE_BYTES) {
		const struct piece *piece = piece_with(page, end);
		seL4_Error error = seL4_NotEnoughMemory;

		if (piece)
			error = sk_map(vspace, sk_cap_copy(piece->frames + (page - piece->page)), vaddr,
				       rights, seL4_RISCV_ExecuteNever);
		if (error)
			return error;
	}
	return seL4_NoError;
}

void *sk_region_map(seL4_Word offset, seL4_Word size)
{
	struct sk_arena *arena = sk_arena_suspend();
	void *at = is_in(offset, size) ? sk_address_new(size / SK_PAGE_BYTES) : NULL;

	if (at && sk_region_map_at(seL4_CapInitThreadVSpace, (seL4_Word)at, offset, size, seL4_ReadWrite))
		at = NULL;
	sk_arena_restore(arena);
	return at;
}

/* --- parts that have names -------------------------------------------------------------------------- */

/*
 * A table in the region's first page: a name is claimed at the first place that is free, from the one that
 * its hash says on, and all who claim the same look at the places in the same order. No place becomes free
 * again.
 */
#define PLACES 63

struct part {
	_Atomic uint64_t hash; /* 0: the place is free */
	_Atomic uint64_t size; /* bytes; 0: it is being made */
	uint64_t offset;
	char name[SK_REGION_NAME];
	uint64_t unused;
};

struct directory {
	struct part part[PLACES];
};
_Static_assert(sizeof(struct directory) <= SK_PAGE_BYTES, "one page");

static struct directory *directory(void)
{
	static struct directory *mapped;

	if (!mapped)
		mapped = sk_region_map(0, SK_PAGE_BYTES);
	return mapped;
}

/* FNV-1a */
static uint64_t hash_of(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return hash ? hash : 1;
}

/* The name's place; else the one that it would get, or null. */
static struct part *place_of(uint64_t hash)
{
	for (unsigned i = 0; i < PLACES; i++) {
		struct part *part = &directory()->part[(hash + i) % PLACES];
		uint64_t there = atomic_load(&part->hash);

		if (there == hash || there == 0)
			return part;
	}
	return NULL;
}

/* What of our share is free, up to its end: what lies behind all parts that are in it. */
static seL4_Word free_from(void)
{
	const struct sk_region *region = sk_region();
	seL4_Word from = region->share ? region->share : SK_PAGE_BYTES;

	for (unsigned i = 0; i < PLACES; i++) {
		const struct part *part = &directory()->part[i];
		seL4_Word size = part->size, offset = part->offset;

		if (is_in(offset, size) && offset + size > from &&
		    offset + size <= region->share + region->share_size)
			from = offset + size;
	}
	return from;
}

enum sk_region_result sk_region_create(const char *name, seL4_Word size, seL4_Word *offset)
{
	const struct sk_region *region = sk_region();
	seL4_Word pages = (size + SK_PAGE_BYTES - 1) & ~(SK_PAGE_BYTES - 1);
	uint64_t hash = hash_of(name), nobody, end = region ? region->share + region->share_size : 0;
	struct part *part;
	seL4_Word from;

	if (!region || !directory())
		return SK_REGION_ABSENT;
	from = free_from();
	do {
		nobody = 0;
		part = strlen(name) < SK_REGION_NAME ? place_of(hash) : NULL;
		if (part && atomic_load(&part->hash) == hash)
			return SK_REGION_EXISTS;
		if (!part || pages == 0 || pages < size || end < from || end - from < pages)
			return SK_REGION_FULL;
	} while (!atomic_compare_exchange_strong(&part->hash, &nobody, hash));
	*offset = part->offset = from;
	strcpy(part->name, name);
	atomic_store(&part->size, pages);
	return SK_REGION_OK;
}

enum sk_region_result sk_region_lookup(const char *name, seL4_Word *offset, seL4_Word *size)
{
	const struct part *part;

	if (!sk_region() || !directory())
		return SK_REGION_ABSENT;
	part = place_of(hash_of(name));
	if (!part)
		return SK_REGION_NONE;
	*size = atomic_load(&part->size);
	*offset = part->offset;
	return is_in(*offset, *size) && strncmp(part->name, name, SK_REGION_NAME) == 0 ? SK_REGION_OK
										       : SK_REGION_NONE;
}
