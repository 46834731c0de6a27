/*
 * Two rings of bytes in memory that two processes share, one each way. The other side is hostile: what it
 * writes there is never believed beyond what it may say.
 *
 * One that has nothing to do says so in the shared memory before it sleeps (ring_sleep()), and the other one
 * wakes it (ring_wake_reader(), ring_wake_writer()) by whatever means they have.
 */
#ifndef SKERRY_CLUSTER_LINK_RING_H
#define SKERRY_CLUSTER_LINK_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_SIZE 262144u /* bytes each way; a power of two */

/* Positions count all bytes that ever went through, modulo 2^32. */
struct ring_half {
	_Alignas(64) _Atomic uint32_t written; /* by the writer */
	_Atomic uint32_t writer_sleeps;        /* it waits for room; the reader takes that back */
	_Alignas(64) _Atomic uint32_t read;    /* by the reader */
	_Atomic uint32_t reader_sleeps;
	_Alignas(64) uint8_t bytes[RING_SIZE];
};

struct ring_memory { /* zeros at first */
	struct ring_half half[2];
};

/* One side's view. */
struct ring {
	struct ring_half *in, *out;
	uint32_t read, written; /* ours: what is in the memory may have been changed */
};

void ring_begin(struct ring *ring, struct ring_memory *memory, bool first);
bool ring_has_input(const struct ring *ring);
/* Bytes read or written; 0: none now; -1: the other side broke the rules. */
int ring_read(struct ring *ring, void *bytes, size_t size);
int ring_write(struct ring *ring, const void *bytes, size_t size);
/* We are going to sleep until there is input (if `input`) or room to write (if `room`). False: there is. */
bool ring_sleep(struct ring *ring, bool input, bool room);
void ring_awake(struct ring *ring);
/* After writing, after reading: does the other side sleep until that? Then it has to be woken, now. */
bool ring_wake_reader(struct ring *ring);
bool ring_wake_writer(struct ring *ring);

#endif
