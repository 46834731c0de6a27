/*
 * The eleven workloads that `make bench` times, and the empty one that is subtracted.
 *
 * A workload is a pure function of its scale: it computes, and returns a checksum of all it
 * computed. The same C is compiled for the host and for riscv64, with the same options, and needs
 * nothing: no libc, no memory but its own statics (within 256 KiB, except list and memcpy), no
 * floating-point contraction. So the checksum is one number for every machine, written down in
 * workload.def beside the scale at which it holds; a runner that gets another has a fault in it.
 */
#ifndef SKERRY_TEST_BENCH_WORKLOAD_H
#define SKERRY_TEST_BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORKLOAD(name, scale, checksum) uint64_t workload_##name(unsigned scale_);
#include "workload.def"
#undef WORKLOAD

/* Kept apart by the compiler, as functions of different files would be. */
#define APART __attribute__((noinline, noclone))

/* The next of a sequence of pseudo-random numbers (Marsaglia's xorshift, 64 bits). */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return x;
}

/* A checksum with one more number in it (the FNV prime). */
static inline uint64_t checksum_add(uint64_t checksum, uint64_t value)
{
	return (checksum ^ value) * UINT64_C(0x100000001b3);
}

#endif
