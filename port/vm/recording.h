/*
 * A recording: a snapshot of the beginning of a run, and its journal, in one file. The journal is written in
 * chunks with checksums, so that what is there is of use however the recording run ended.
 */
#pragma once

#include "port/vm/journal.h"

/* Begins one: the file is there from now on. NULL, with one line in `error`, on failure. */
struct host_output *recording_create(const char *path, const struct snapshot *snapshot,
				     const struct snapshot_image *image, char *error, size_t error_size);
bool recording_write_chunk(struct host_output *output, const uint8_t *entries, uint64_t size);

struct recording {
	struct snapshot *snapshot;
	struct snapshot_image image;
	struct journal *journal;
	const char *cut; /* why the journal has no end ("is cut off"); NULL: it has one */
};

/* False, with one line in `error`, on failure; recording_close() either way. */
bool recording_open(struct recording *recording, const char *path, char *error, size_t error_size);
void recording_close(struct recording *recording);
