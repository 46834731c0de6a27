/*
 * Random system calls in a world of their own: a kernel freshly booted on the stub machine, with some
 * threads. What is done is decided by a seed or by bytes, and is a pure function of them.
 */
#ifndef SKERRY_TEST_FUZZ_CALLS_H
#define SKERRY_TEST_FUZZ_CALLS_H

#include "test/unit/harness.h"

/* Steps 1 to `calls` - 1 of the world with that seed. */
void calls_of_seed(uint64_t seed, uint64_t calls);
/* Steps until the bytes are used up. */
void calls_of_bytes(const uint8_t *bytes, size_t size);

/* Prints the step under way: for test_on_failure. */
void calls_report(void);
/* Names each step. */
extern bool calls_verbose;

/* Of all worlds so far. */
uint64_t calls_done(void);
void calls_print_statistics(void);

#endif
