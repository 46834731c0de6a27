/*
 * See pages.h. A map is a table of leaves of 512 pages; leaves and pages count who has them. Page copies
 * lie in slabs of 2 MiB, which are asked for as huge pages: filling them is what a snapshot costs.
 */
#include "port/vm/pages.h"

#include <stdlib.h>
#include <string.h>

#include "host/host.h"

#define LEAF_PAGES 512
#define SLAB_SIZE  (2ull << 20)
#define SLAB_PAGES (SLAB_SIZE / PAGE_COPY_SIZE - 1)

/* The first page of a slab; the others are copies. */
struct slab {
	struct slab *next; /* with room */
	struct page_pool *pool;
	uint16_t room;
	uint16_t free[SLAB_PAGES]; /* the first `room` are numbers of free pages */
	uint32_t refs[SLAB_PAGES];
};
_Static_assert(sizeof(struct slab) <= PAGE_COPY_SIZE, "the slab's own page");

struct page_pool {
	unsigned maps; /* that use it */
	struct slab *with_room;
	uint64_t slabs;
};

struct leaf {
	uint32_t refs;
	uint8_t *page[LEAF_PAGES];
};

struct page_map {
	struct page_pool *pool;
	uint64_t pages, leaves;
	struct leaf *leaf[];
};

/* --- pages --------------------------------------------------------------------------------------- */

static struct slab *slab_of(const uint8_t *page)
{
	return (struct slab *)((uintptr_t)page & ~(SLAB_SIZE - 1));
}

static unsigned slab_index(const uint8_t *page)
{
	return (unsigned)(((uintptr_t)page & (SLAB_SIZE - 1)) / PAGE_COPY_SIZE) - 1;
}

static struct slab *slab_create(struct page_pool *pool)
{
	struct slab *slab = host_memory_reserve_huge(SLAB_SIZE);

	if (!slab)
		return NULL;
	slab->pool = pool;
	for (unsigned i = SLAB_PAGES; i-- > 0;)
		slab->free[slab->room++] = (uint16_t)i;
	slab->next = pool->with_room;
	pool->with_room = slab;
	pool->slabs++;
	return slab;
}

static uint8_t *page_create(struct page_pool *pool, const uint8_t *bytes)
{
	struct slab *slab = pool->with_room ? pool->with_room : slab_create(pool);
	unsigned index;
	uint8_t *page;

	if (!slab)
		return NULL;
	index = slab->free[--slab->room];
	if (slab->room == 0)
		pool->with_room = slab->next;
	slab->refs[index] = 1;
	page = (uint8_t *)slab + (index + 1) * PAGE_COPY_SIZE;
	memcpy(page, bytes, PAGE_COPY_SIZE);
	return page;
}

static void slab_release(struct slab *slab)
{
	struct slab **place = &slab->pool->with_room;

	while (*place != slab)
		place = &(*place)->next;
	*place = slab->next;
	slab->pool->slabs--;
	host_memory_release(slab, SLAB_SIZE);
}

static void page_release(uint8_t *page)
{
	struct slab *slab = slab_of(page);
	unsigned index = slab_index(page);

	if (--slab->refs[index] > 0)
		return;
	if (slab->room == 0) {
		slab->next = slab->pool->with_room;
		slab->pool->with_room = slab;
	}
	slab->free[slab->room++] = (uint16_t)index;
	if (slab->room == SLAB_PAGES)
		slab_release(slab);
}

/* --- leaves -------------------------------------------------------------------------------------- */

static void leaf_release(struct leaf *leaf)
{
	if (!leaf || --leaf->refs > 0)
		return;
	for (unsigned i = 0; i < LEAF_PAGES; i++)
		if (leaf->page[i])
			page_release(leaf->page[i]);
	free(leaf);
}

/* The leaf of a page, as one that only this map has. */
static struct leaf *leaf_own(struct page_map *map, uint64_t page)
{
	struct leaf **place = &map->leaf[page / LEAF_PAGES], *own;

	if (*place && (*place)->refs == 1)
		return *place;
	own = calloc(1, sizeof *own);
	if (!own)
		return NULL;
	own->refs = 1;
	if (*place) {
		memcpy(own->page, (*place)->page, sizeof own->page);
		for (unsigned i = 0; i < LEAF_PAGES; i++)
			if (own->page[i])
				slab_of(own->page[i])->refs[slab_index(own->page[i])]++;
		(*place)->refs--;
	}
	*place = own;
	return own;
}

/* --- maps ------------------------------------------------------------------------------------------ */

static struct page_map *map_create(struct page_pool *pool, uint64_t pages)
{
	uint64_t leaves = (pages + LEAF_PAGES - 1) / LEAF_PAGES;
	struct page_map *map = calloc(1, sizeof *map + leaves * sizeof(struct leaf *));

	if (!map)
		return NULL;
	map->pool = pool;
	map->pages = pages;
	map->leaves = leaves;
	pool->maps++;
	return map;
}

struct page_map *page_map_create(uint64_t pages)
{
	struct page_pool *pool = calloc(1, sizeof *pool);
	struct page_map *map = pool ? map_create(pool, pages) : NULL;

	if (!map)
		free(pool);
	return map;
}

struct page_map *page_map_copy(const struct page_map *map)
{
	struct page_map *copy = map_create(map->pool, map->pages);

	for (uint64_t i = 0; copy && i < map->leaves; i++) {
		copy->leaf[i] = map->leaf[i];
		if (map->leaf[i])
			map->leaf[i]->refs++;
	}
	return copy;
}

void page_map_release(struct page_map *map)
{
	if (!map)
		return;
	for (uint64_t i = 0; i < map->leaves; i++)
		leaf_release(map->leaf[i]);
	if (--map->pool->maps == 0)
		free(map->pool);
	free(map);
}

static bool is_zero(const uint8_t *bytes)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_COPY_SIZE - 1) == 0;
}

bool page_map_set(struct page_map *map, uint64_t page, const uint8_t *bytes)
{
	const uint8_t *before = page_map_get(map, page);
	uint8_t *copy = NULL;
	struct leaf *leaf;

	if (is_zero(bytes)) {
		if (!before)
			return true;
	} else {
		if (before && memcmp(before, bytes, PAGE_COPY_SIZE) == 0)
			return true;
		copy = page_create(map->pool, bytes);
		if (!copy)
			return false;
	}
	leaf = leaf_own(map, page);
	if (!leaf) {
		if (copy)
			page_release(copy);
		return false;
	}
	if (leaf->page[page % LEAF_PAGES])
		page_release(leaf->page[page % LEAF_PAGES]);
	leaf->page[page % LEAF_PAGES] = copy;
	return true;
}

const uint8_t *page_map_get(const struct page_map *map, uint64_t page)
{
	const struct leaf *leaf = map->leaf[page / LEAF_PAGES];

	return leaf ? leaf->page[page % LEAF_PAGES] : NULL;
}

uint64_t page_map_next(const struct page_map *map, uint64_t page)
{
	while (page < map->pages) {
		const struct leaf *leaf = map->leaf[page / LEAF_PAGES];

		if (!leaf)
			page = (page / LEAF_PAGES + 1) * LEAF_PAGES;
		else if (leaf->page[page % LEAF_PAGES])
			return page;
		else
			page++;
	}
	return map->pages;
}

uint64_t page_map_next_difference(const struct page_map *a, const struct page_map *b, uint64_t page)
{
	while (page < a->pages) {
		if (a->leaf[page / LEAF_PAGES] == b->leaf[page / LEAF_PAGES])
			page = (page / LEAF_PAGES + 1) * LEAF_PAGES;
		else if (page_map_get(a, page) != page_map_get(b, page))
			return page;
		else
			page++;
	}
	return a->pages;
}

uint64_t page_map_pages(const struct page_map *map)
{
	return map->pages;
}

uint64_t page_map_memory(const struct page_map *map)
{
	return map->pool->slabs * SLAB_SIZE;
}
