/* The types that everything in the kernel shares. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A kernel address: the number by which kernel objects name each other, the same on every host. It is
 * an address in the kernel's half of an Sv39 address space, so 39 bits of it say everything.
 * 0 names nothing.
 */
typedef uint64_t kref;

/* A capability; kernel/object/cap.h says how each type uses the two words. */
struct cap {
	uint64_t word[2];
};

/*
 * Why looking up a capability failed (types.md §6.1). Threads keep copies: without padding, which a compiler
 * may leave as the stack had it, the node's memory is a function of what happened.
 */
struct lookup_failure {
	uint16_t type; /* seL4_LookupFailureType */
	uint16_t bits_left;
	uint32_t bits_found;
	uint64_t guard_found;
};
_Static_assert(sizeof(struct lookup_failure) == 16, "no padding");

/* How an operation ended. */
enum outcome {
	OUTCOME_DONE,
	OUTCOME_FAILED,    /* decoding found an error, now in call->error; nothing was changed */
	OUTCOME_PREEMPTED, /* an interrupt waits: all is consistent, the system call is to be restarted */
};

#define MUST_USE __attribute__((warn_unused_result))
