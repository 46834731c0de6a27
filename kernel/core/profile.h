/*
 * ABI profiles: what depends on how upstream's kernel is configured is data, chosen when a system is
 * booted and independent of how our own kernel was built.
 */
#pragma once

#include <sel4/invocation.h>

#include "kernel/core/types.h"

/* Every label there is under any profile; kernel/core/profile.c turns numbers into these. */
enum label {
#define LABEL_ENUM(name, condition) LABEL_##name,
	SEL4_LABELS(LABEL_ENUM) SEL4_LABELS_RISCV64(LABEL_ENUM)
#undef LABEL_ENUM
		LABEL_COUNT
};

#define PROFILE_LABELS 64

struct profile {
	char name[16];
	bool printing;  /* DebugPutChar, DebugDumpScheduler */
	bool debug;     /* DebugHalt, CapIdentify, Snapshot, NameThread */
	bool benchmark; /* the benchmark calls that need no log */
	uint8_t root_cnode_bits;
	uint8_t domains;
	uint8_t label[PROFILE_LABELS]; /* number in a message -> enum label */
};

/* Fills in the named profile; false if there is none of that name in this kernel. (SKERRY_DEBUG, from the
 * Makefile: are the calls for debugging and benchmarks in it? Without them it has the one profile that has
 * none.) */
bool profile_find(const char *name, struct profile *profile);
/* Does it have calls that a kernel without the debug calls lacks? */
static inline bool profile_needs_debug(const struct profile *profile)
{
	return profile->printing || profile->debug || profile->benchmark;
}
/* The names, for help texts; NULL past the last. */
const char *profile_name(unsigned index);
const char *profile_summary(unsigned index);
/* The name of a label, as libsel4 has it. */
const char *label_name(enum label label);

static inline enum label profile_label(const struct profile *profile, uint64_t number)
{
	return number < PROFILE_LABELS ? (enum label)profile->label[number] : LABEL_InvalidInvocation;
}
