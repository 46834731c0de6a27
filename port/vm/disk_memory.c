/* See disk_memory.h. */
#include "port/vm/disk_memory.h"

#include <string.h>

#define SECTOR           512
#define SECTORS_PER_PAGE (PAGE_COPY_SIZE * 8) /* of the map of known sectors */

static uint64_t pages_of(uint64_t bytes)
{
	return (bytes + PAGE_COPY_SIZE - 1) / PAGE_COPY_SIZE;
}

bool disk_memory_create(struct disk_memory *disk, uint64_t size)
{
	disk->size = size;
	disk->bytes = page_map_create(pages_of(size));
	disk->known = page_map_create(pages_of(size / SECTOR / 8 + 1));
	if (disk->bytes && disk->known)
		return true;
	disk_memory_destroy(disk);
	return false;
}

void disk_memory_destroy(struct disk_memory *disk)
{
	page_map_release(disk->bytes);
	page_map_release(disk->known);
	memset(disk, 0, sizeof *disk);
}

static bool is_known(const struct disk_memory *disk, uint64_t sector)
{
	const uint8_t *page = page_map_get(disk->known, sector / SECTORS_PER_PAGE);

	return page && (page[sector % SECTORS_PER_PAGE / 8] >> sector % 8 & 1);
}

static bool make_known(struct disk_memory *disk, uint64_t first, uint64_t end)
{
	uint8_t page[PAGE_COPY_SIZE];

	while (first < end) {
		uint64_t index = first / SECTORS_PER_PAGE;
		const uint8_t *before = page_map_get(disk->known, index);

		if (before)
			memcpy(page, before, sizeof page);
		else
			memset(page, 0, sizeof page);
		for (; first < end && first / SECTORS_PER_PAGE == index; first++)
			page[first % SECTORS_PER_PAGE / 8] |= (uint8_t)(1u << first % 8);
		if (!page_map_set(disk->known, index, page))
			return false;
	}
	return true;
}

bool disk_memory_read(const struct disk_memory *disk, uint64_t offset, void *buffer, uint64_t size)
{
	uint8_t *to = buffer;

	for (uint64_t sector = offset / SECTOR; sector * SECTOR < offset + size; sector++)
		if (!is_known(disk, sector))
			return false;
	while (size > 0) {
		uint64_t within = offset % PAGE_COPY_SIZE, part = PAGE_COPY_SIZE - within;
		const uint8_t *page = page_map_get(disk->bytes, offset / PAGE_COPY_SIZE);

		part = part < size ? part : size;
		if (page)
			memcpy(to, page + within, part);
		else
			memset(to, 0, part);
		to += part;
		offset += part;
		size -= part;
	}
	return true;
}

bool disk_memory_write(struct disk_memory *disk, uint64_t offset, const void *bytes, uint64_t size)
{
	/* A sector of which only a part is written is as known as it was. */
	uint64_t first = (offset + SECTOR - 1) / SECTOR, end = (offset + size) / SECTOR;
	uint8_t copy[PAGE_COPY_SIZE];
	const uint8_t *from = bytes;

	while (size > 0) {
		uint64_t within = offset % PAGE_COPY_SIZE, part = PAGE_COPY_SIZE - within;
		const uint8_t *page = page_map_get(disk->bytes, offset / PAGE_COPY_SIZE);

		part = part < size ? part : size;
		if (page)
			memcpy(copy, page, sizeof copy);
		else
			memset(copy, 0, sizeof copy);
		memcpy(copy + within, from, part);
		if (!page_map_set(disk->bytes, offset / PAGE_COPY_SIZE, copy))
			return false;
		from += part;
		offset += part;
		size -= part;
	}
	return make_known(disk, first, end);
}
