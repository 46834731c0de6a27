/* See ring.h. */
#include "cluster/link/ring.h"

#include <string.h>

_Static_assert((RING_SIZE & (RING_SIZE - 1)) == 0, "positions wrap with it");

void ring_begin(struct ring *ring, struct ring_memory *memory, bool first)
{
	*ring = (struct ring){.in = &memory->half[first], .out = &memory->half[!first]};
}

/* Bytes that wait for us; more than RING_SIZE is a lie. */
static uint32_t input_size(const struct ring *ring)
{
	return atomic_load_explicit(&ring->in->written, memory_order_acquire) - ring->read;
}

static uint32_t room(const struct ring *ring)
{
	return RING_SIZE - (ring->written - atomic_load_explicit(&ring->out->read, memory_order_acquire));
}

bool ring_has_input(const struct ring *ring)
{
	return input_size(ring) != 0;
}

int ring_read(struct ring *ring, void *bytes, size_t size)
{
	uint32_t waits = input_size(ring), at = ring->read % RING_SIZE, part;

	if (waits > RING_SIZE)
		return -1;
	if (size > waits)
		size = waits;
	part = RING_SIZE - at < size ? RING_SIZE - at : (uint32_t)size;
	memcpy(bytes, ring->in->bytes + at, part);
	memcpy((uint8_t *)bytes + part, ring->in->bytes, size - part);
	ring->read += (uint32_t)size;
	atomic_store_explicit(&ring->in->read, ring->read, memory_order_release);
	return (int)size;
}

int ring_write(struct ring *ring, const void *bytes, size_t size)
{
	uint32_t fits = room(ring), at = ring->written % RING_SIZE, part;

	if (fits > RING_SIZE)
		return -1;
	if (size > fits)
		size = fits;
	part = RING_SIZE - at < size ? RING_SIZE - at : (uint32_t)size;
	memcpy(ring->out->bytes + at, bytes, part);
	memcpy(ring->out->bytes, (const uint8_t *)bytes + part, size - part);
	ring->written += (uint32_t)size;
	atomic_store_explicit(&ring->out->written, ring->written, memory_order_release);
	return (int)size;
}

/*
 * Whoever sleeps says so and then looks once more; whoever writes (or reads) does that and then looks whether
 * the other one sleeps. With a fence in between on both sides one of the two sees the other.
 */
bool ring_sleep(struct ring *ring, bool for_input, bool for_room)
{
	if (for_input)
		atomic_store_explicit(&ring->in->reader_sleeps, 1, memory_order_relaxed);
	if (for_room)
		atomic_store_explicit(&ring->out->writer_sleeps, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	return !(for_input && ring_has_input(ring)) && !(for_room && room(ring) > 0);
}

void ring_awake(struct ring *ring)
{
	atomic_store_explicit(&ring->in->reader_sleeps, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->out->writer_sleeps, 0, memory_order_relaxed);
}

/* Takes a flag back; true if it was set. */
static bool take(_Atomic uint32_t *sleeps)
{
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(sleeps, memory_order_relaxed) && atomic_exchange(sleeps, 0) != 0;
}

bool ring_wake_reader(struct ring *ring)
{
	return take(&ring->out->reader_sleeps);
}

bool ring_wake_writer(struct ring *ring)
{
	return take(&ring->in->writer_sleeps);
}
