/*
 * A disk as far as its contents are known: pages, and a bit for each sector that says whether it is. Both
 * are page maps, so that a disk can be put back like memory.
 */
#pragma once

#include "port/vm/pages.h"

struct disk_memory {
	uint64_t size; /* bytes; 0: no disk */
	struct page_map *bytes, *known;
};

bool disk_memory_create(struct disk_memory *disk, uint64_t size);
void disk_memory_destroy(struct disk_memory *disk);
/* Reads if all of it is known. */
bool disk_memory_read(const struct disk_memory *disk, uint64_t offset, void *buffer, uint64_t size);
/* The disk holds these bytes from now on. False: out of memory. */
bool disk_memory_write(struct disk_memory *disk, uint64_t offset, const void *bytes, uint64_t size);
