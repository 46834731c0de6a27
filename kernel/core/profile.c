/*
 * The table of ABI profiles. A profile says which calls exist and which labels take a number; from
 * the conditions in abi/sel4/invocation.h follows which number each label has.
 */
#include "kernel/core/profile.h"

#include <string.h>

struct profile_entry {
	const char *name;
	const char *summary;
	bool printing, debug, benchmark;
	bool smp;
	uint8_t root_cnode_bits;
};

static const struct profile_entry profiles[] = {
	{"debug", "debug build with printing, as upstream's test suite uses it", true, true, false, false,
	 13},
	{"release", "neither printing nor debug calls", false, false, false, false, 12},
	{"bench", "release with the benchmark calls, as upstream's benchmarks use it", true, false, true,
	 false, 15},
};
#define PROFILES                         (sizeof profiles / sizeof profiles[0])

#define CONDITION_ENTRY(name, condition) SEL4_LABEL_##condition,
static const uint8_t label_condition[LABEL_COUNT] = {SEL4_LABELS(CONDITION_ENTRY)
							     SEL4_LABELS_RISCV64(CONDITION_ENTRY)};

#define NAME_ENTRY(name, condition) #name,
static const char *const label_names[LABEL_COUNT] = {SEL4_LABELS(NAME_ENTRY) SEL4_LABELS_RISCV64(NAME_ENTRY)};

static bool condition_holds(const struct profile_entry *entry, unsigned condition)
{
	switch (condition) {
	case SEL4_LABEL_ALWAYS:
	case SEL4_LABEL_CLASSIC:
		return true;
	case SEL4_LABEL_SMP:
		return entry->smp;
	default:
		return false;
	}
}

static void number_labels(const struct profile_entry *entry, struct profile *profile)
{
	unsigned number = 0;

	memset(profile->label, LABEL_InvalidInvocation, sizeof profile->label);
	for (unsigned label = 0; label < LABEL_COUNT; label++)
		if (condition_holds(entry, label_condition[label]))
			profile->label[number++] = (uint8_t)label;
}

bool profile_find(const char *name, struct profile *profile)
{
	for (unsigned i = 0; i < PROFILES; i++) {
		const struct profile_entry *entry = &profiles[i];

		if (strcmp(entry->name, name) != 0)
			continue;
		memset(profile, 0, sizeof *profile);
		strncpy(profile->name, entry->name, sizeof profile->name - 1);
		profile->printing = entry->printing;
		profile->debug = entry->debug;
		profile->benchmark = entry->benchmark;
		profile->root_cnode_bits = entry->root_cnode_bits;
		profile->domains = 1;
		number_labels(entry, profile);
		return SKERRY_DEBUG || !profile_needs_debug(profile);
	}
	return false;
}

const char *profile_name(unsigned index)
{
	return index < PROFILES ? profiles[index].name : NULL;
}

const char *profile_summary(unsigned index)
{
	return index < PROFILES ? profiles[index].summary : NULL;
}

const char *label_name(enum label label)
{
	return (unsigned)label < LABEL_COUNT ? label_names[label] : "?";
}
