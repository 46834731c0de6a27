/* A disk in memory for tests of the machine's devices. It aborts where a device asks for what no disk has. */
#ifndef SKERRY_TEST_MEMORY_DISK_H
#define SKERRY_TEST_MEMORY_DISK_H

#include <stdlib.h>
#include <string.h>

#include "vm/device/board.h"

struct memory_disk {
	struct board_disk board; /* what the board is given; its context is this */
	uint8_t *bytes;
	bool fails; /* every request does */
	unsigned flushes;
};

static inline void *memory_disk_at(const struct memory_disk *disk, uint64_t offset, size_t size)
{
	if (offset > disk->board.size || size > disk->board.size - offset)
		abort();
	return disk->bytes + offset;
}

static inline bool memory_disk_read(void *context, uint64_t offset, void *buffer, size_t size)
{
	const struct memory_disk *disk = context;

	memcpy(buffer, memory_disk_at(disk, offset, size), size);
	return !disk->fails;
}

static inline bool memory_disk_write(void *context, uint64_t offset, const void *bytes, size_t size)
{
	const struct memory_disk *disk = context;

	if (disk->board.read_only)
		abort();
	memcpy(memory_disk_at(disk, offset, size), bytes, size);
	return !disk->fails;
}

static inline bool memory_disk_flush(void *context)
{
	struct memory_disk *disk = context;

	disk->flushes++;
	return !disk->fails;
}

/* The initial value of `disk`, whose contents are the array `contents`. */
#define MEMORY_DISK(disk, contents)                                                                          \
	{                                                                                                    \
		.board = {.context = &(disk),                                                                \
			  .size = sizeof(contents),                                                          \
			  .read = memory_disk_read,                                                          \
			  .write = memory_disk_write,                                                        \
			  .flush = memory_disk_flush},                                                       \
		.bytes = (contents)                                                                          \
	}

#endif
