/*
 * The contents of a memory at a moment, as copies of its pages. Maps share what is equal: copying a map
 * copies no page, and setting a page of the copy leaves the original as it was. Pages of zeros take no
 * memory. Not for several threads at once, except that any number may read a map that nobody changes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PAGE_COPY_SIZE 4096ull

struct page_map;

/* A memory of `pages` pages of zeros; NULL: out of memory. */
struct page_map *page_map_create(uint64_t pages);
struct page_map *page_map_copy(const struct page_map *map);
void page_map_release(struct page_map *map); /* NULL: does nothing */

/* Makes `bytes` the contents of a page; false: out of memory, nothing has changed. */
bool page_map_set(struct page_map *map, uint64_t page, const uint8_t *bytes);
/* The contents of a page; NULL: zeros. */
const uint8_t *page_map_get(const struct page_map *map, uint64_t page);
/* The first page at or after `page` that is not zeros; the number of pages if there is none. */
uint64_t page_map_next(const struct page_map *map, uint64_t page);
/* The first page at or after `page` in which they may differ; the number of pages if there is none. */
uint64_t page_map_next_difference(const struct page_map *a, const struct page_map *b, uint64_t page);

uint64_t page_map_pages(const struct page_map *map);
/* Host memory that this map and all that share with it take, in bytes. */
uint64_t page_map_memory(const struct page_map *map);
