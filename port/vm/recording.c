/*
 * See recording.h. The file: magic, version of the format, the snapshot's file (snapshot_file.c) with its
 * size before it, then chunks: size of the entries, digest of the entries and of the chunk's number.
 */
#include "port/vm/recording.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "port/vm/internal.h"
#include "port/vm/journal_entry.h"
#include "port/vm/pack.h"

#define FORMAT_VERSION 2 /* 1: in real time the clock was read at each system call */

struct header {
	char magic[8];
	uint32_t format, reserved;
	uint64_t snapshot_size;
};

struct chunk {
	uint32_t size, digest;
};

static const char magic[8] = {'S', 'K', 'E', 'R', 'R', 'Y', 'R', '\n'};

/* --- writing ------------------------------------------------------------------------------------------- */

struct host_output *recording_create(const char *path, const struct snapshot *snapshot,
				     const struct snapshot_image *image, char *error, size_t error_size)
{
	struct host_output *output = host_output_create(path, true);
	struct header header = {.format = FORMAT_VERSION};

	memcpy(header.magic, magic, sizeof magic);
	if (output && host_output_write(output, &header, sizeof header) &&
	    snapshot_write_to(snapshot, image, output, sizeof header, &header.snapshot_size) &&
	    host_output_write_at(output, 0, &header, sizeof header))
		return output;
	snprintf(error, error_size, "%s", host_error());
	if (output)
		host_output_abandon(output);
	return NULL;
}

static uint32_t chunk_digest(const uint8_t *entries, uint64_t size)
{
	uint64_t digest = pack_digest(entries, size);

	return (uint32_t)(digest ^ digest >> 32);
}

bool recording_write_chunk(struct host_output *output, const uint8_t *entries, uint64_t size)
{
	/* A chunk's size has 32 bits; entries are small, and so a piece of them is read as well as whole. */
	while (size > 0) {
		uint32_t part = size < (1u << 30) ? (uint32_t)size : 1u << 30;
		struct chunk chunk = {part, chunk_digest(entries, part)};

		if (!host_output_write(output, &chunk, sizeof chunk) ||
		    !host_output_write(output, entries, part))
			return false;
		entries += part;
		size -= part;
	}
	return true;
}

/* --- reading ------------------------------------------------------------------------------------------- */

/* The entries of all good chunks, one after the other, where the file's bytes are. */
static uint64_t gather(struct recording *recording, struct unpack *file, uint8_t *entries)
{
	uint64_t size = 0;
	struct chunk chunk;

	while (file->at < file->size) {
		if (!unpack_plain(file, &chunk, sizeof chunk) || chunk.size > file->size - file->at) {
			recording->cut = "is cut off";
			return size;
		}
		if (chunk.digest != chunk_digest(file->bytes + file->at, chunk.size)) {
			recording->cut = "is damaged";
			return size;
		}
		memmove(entries + size, file->bytes + file->at, chunk.size);
		file->at += chunk.size;
		size += chunk.size;
	}
	return size;
}

/* Only whole entries, and none behind the end. */
static uint64_t check_entries(struct recording *recording, const uint8_t *entries, uint64_t size)
{
	uint64_t at = 0;
	struct entry entry = entry_parse(entries, size, at);

	for (; entry.kind != ENTRY_NONE; entry = entry_parse(entries, size, at)) {
		at = entry.next;
		if (entry.kind == ENTRY_END)
			return at;
	}
	if (!recording->cut)
		recording->cut = at < size ? "is damaged" : "stops without an end";
	return at;
}

static bool read_header(struct unpack *file, struct header *header, char *error, size_t error_size)
{
	if (!unpack_plain(file, header, sizeof *header) || memcmp(header->magic, magic, sizeof magic) != 0) {
		snprintf(error, error_size,
			 "it is not a recording (make one with: skerry run IMAGE --record FILE)");
		return false;
	}
	if (header->format != FORMAT_VERSION) {
		snprintf(error, error_size, "it has version %" PRIu32 " of the format, this skerry has %d",
			 header->format, FORMAT_VERSION);
		return false;
	}
	if (header->snapshot_size > file->size - file->at || header->snapshot_size == 0) {
		snprintf(error, error_size, "it is cut off");
		return false;
	}
	return true;
}

bool recording_open(struct recording *recording, const char *path, char *error, size_t error_size)
{
	struct unpack file = {0};
	struct header header;
	uint8_t *bytes = host_file_load(path, &file.size);
	uint64_t size;

	memset(recording, 0, sizeof *recording);
	file.bytes = bytes;
	if (!bytes) {
		snprintf(error, error_size, "it cannot be read: %s", host_error());
		return false;
	}
	if (read_header(&file, &header, error, error_size))
		recording->snapshot = snapshot_parse(bytes + file.at, header.snapshot_size, &recording->image,
						     error, error_size);
	if (recording->snapshot) {
		file.at += header.snapshot_size;
		size = gather(recording, &file, bytes);
		size = check_entries(recording, bytes, size);
		recording->journal = journal_repeat(bytes, size);
		if (recording->journal)
			return true;
		snprintf(error, error_size, "the host has not enough memory");
	}
	free(bytes);
	return false;
}

void recording_close(struct recording *recording)
{
	snapshot_release(recording->snapshot);
	snapshot_image_free(&recording->image);
	journal_destroy(recording->journal);
	memset(recording, 0, sizeof *recording);
}
