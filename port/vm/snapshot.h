/*
 * A snapshot: all that determines a run from a moment on, as an object in memory. It is exactly what
 * node_state_hash() digests. The disk's contents are not in it, only what tells whether a disk is the one.
 *
 * The file (snapshot_file.c) is another's as far as we know: whatever is in it, reading and restoring it
 * gives either a node whose whole state keeps the kernel's and the machine's rules, or one line that says why
 * not.
 */
#pragma once

#include "port/vm/node.h"
#include "port/vm/pages.h"

struct host_output;

/* Of struct node and its hart: by number, the same order in file and digest. */
enum node_word {
	NODE_WORD_RUNNING,   /* kernel address of the thread on the hart; 0: idle */
	NODE_WORD_TIME,      /* guest time, ns */
	NODE_WORD_NEXT_TICK, /* ns */
	NODE_WORD_MASKED_0,
	NODE_WORD_MASKED_1,
	NODE_WORD_OFF,
	NODE_WORD_EXIT_STATUS,
	NODE_WORD_INSTRET,
	NODE_WORD_RESERVED, /* by lr */
	NODE_WORD_RESERVED_VADDR,
	NODE_WORD_RESERVED_VALUE,
	NODE_WORDS
};

/* The machine that the state belongs to. */
struct snapshot_machine {
	uint64_t ram_size;
	bool real_time, virtio_console, virtio_modern;
	bool disk, disk_read_only;
	unsigned ports; /* of the link device */
	uint64_t disk_size;
	uint64_t disk_digest; /* of its contents; 0: was not computed */
};

struct snapshot {
	struct snapshot_machine machine;
	uint64_t word[NODE_WORDS];
	uint8_t board[BOARD_STATE_MAX];
	struct page_map *ram;

	/*
	 * Not in files, for it follows from the state. But how often the clock is read in real time depends
	 * on when it was last looked at.
	 */
	bool attention, stop;
	uint64_t next_event;
};

/* The node's state now, between two node_step(). NULL: out of memory, or it has a region, which is not in
 * there. */
struct snapshot *node_snapshot_take(struct node *node);
void snapshot_release(struct snapshot *snapshot); /* NULL: does nothing */

/*
 * From here on the node notes which pages change, so that taking and restoring cost what changed since the
 * last one. False: the host cannot.
 */
bool node_snapshot_track(struct node *node);

/* Puts the node back into the state of a snapshot that was taken of it. False: out of memory. */
bool node_snapshot_restore(struct node *node, const struct snapshot *snapshot);

/* The same, as if it had been read from a file: what is not in files is as it is after reading. */
bool node_snapshot_restore_as_read(struct node *node, const struct snapshot *snapshot);

/*
 * Makes a node in the state of a snapshot, and checks all of it. `config` gives consoles, clock and disk; the
 * machine's size and kind are the snapshot's. NULL on failure, with one line in `error`.
 */
struct node *node_create_restored(const struct node_config *config, const struct snapshot *snapshot,
				  char *error, size_t error_size);

/* A digest of a disk's contents (reads all of it); 0: it cannot be read. */
uint64_t snapshot_disk_digest(const struct board_disk *disk);

/* --- as a file (snapshot_file.c) --------------------------------------------------------------------- */

/* What comes along, for reports: the image that was booted, as its file has it. */
struct snapshot_image {
	const char *name;
	const void *bytes;
	uint64_t size;
};

/*
 * Writes it; what was at `path` is replaced when all is written. Callable beside a running node. False, with
 * one line in `error`, on failure.
 */
bool snapshot_write(const struct snapshot *snapshot, const struct snapshot_image *image, const char *path,
		    char *error, size_t error_size);
/* NULL, with one line in `error`, on failure. Otherwise snapshot_image_free() what came along. */
struct snapshot *snapshot_read(const char *path, struct snapshot_image *image, char *error,
			       size_t error_size);
void snapshot_image_free(struct snapshot_image *image);

/* The same as a part of a file: written from where `output` is, which is at `offset`; read from memory. */
bool snapshot_write_to(const struct snapshot *snapshot, const struct snapshot_image *image,
		       struct host_output *output, uint64_t offset, uint64_t *size);
struct snapshot *snapshot_parse(const uint8_t *bytes, uint64_t size, struct snapshot_image *image,
				char *error, size_t error_size);
