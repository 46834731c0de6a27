/*
 * Runs of programs to go on from, as snapshots, and what the kernel has where in their memory; and files that
 * are only in memory.
 */
#ifndef SKERRY_TEST_FUZZ_TARGET_SNAPSHOT_WORLD_H
#define SKERRY_TEST_FUZZ_TARGET_SNAPSHOT_WORLD_H

#include "cmd/image.h"
#include "port/vm/recording.h"

#define DISK_SIZE 8192

/* A piece of guest memory with a meaning. */
struct place {
	uint64_t paddr, size;
};

enum place_kind {
	PLACE_SLOT, /* with a capability in it */
	PLACE_TCB,
	PLACE_OBJECT, /* CNodes, endpoints, notifications, page tables, ASID pools */
	PLACE_KERNEL, /* its own state */
	PLACE_RAM,    /* any page in use */
	PLACE_KINDS
};

struct places {
	struct place *place;
	unsigned count;
};

struct world {
	struct image image; /* the program's */
	struct snapshot *snapshot;
	struct places kind[PLACE_KINDS];
};

#define WORLDS 4
/* World 0 has processes that are at work. Each is made when it is first asked for. */
const struct world *world_of(unsigned index);

/* Consoles, a disk, and a clock that goes on by itself; all as at the beginning after outside_reset(). */
struct node_config outside_config(void);
void outside_reset(void);

/* What was written by host_output_*() last, and what host_file_load() gives. */
extern uint8_t *file_bytes;
extern uint64_t file_size;

#endif
