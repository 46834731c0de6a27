/*
 * Snapshots as files. All numbers are little-endian.
 *
 *   header     64 bytes: magic, version of the format, of the law of virtual time and of the kernel's layout,
 *              size of the whole file, number of stretches of pages, digest of the header before it
 *   then packed stretches (pack.h), each with a checksum:
 *   state      the machine, struct node's words, the devices
 *   link       the link device, if the state says that there is one
 *   image      name, 0, bytes of the image that was booted, if any
 *   pages      up to 256 pages each: their numbers, rising, then their bytes; pages of zeros are left out
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "port/vm/internal.h"
#include "port/vm/pack.h"

#define FORMAT_VERSION 1
#define STRETCH_PAGES  256

static const char magic[8] = {'S', 'K', 'E', 'R', 'R', 'Y', 'S', '\n'};

struct header {
	char magic[8];
	uint32_t format, time_law;
	uint64_t layout; /* of what the kernel keeps in guest memory */
	uint64_t file_size;
	uint64_t stretches;
	uint64_t reserved[2];
	uint64_t digest;
};
_Static_assert(sizeof(struct header) == 64, "the file's header");

struct state {
	uint64_t ram_size;
	uint64_t disk_size, disk_digest;
	uint8_t real_time, virtio_console, virtio_modern, disk, disk_read_only, ports, reserved[2];
	uint64_t word[NODE_WORDS];
	uint8_t board[BOARD_STATE_SIZE];
	uint8_t end[2];
};
_Static_assert(sizeof(struct state) == 32 + 8 * NODE_WORDS + BOARD_STATE_SIZE + 2, "no padding");

struct stretch {
	uint64_t count;
	uint64_t page[STRETCH_PAGES];
	uint8_t bytes[STRETCH_PAGES][PAGE_COPY_SIZE];
};

/* A kernel that lays its state out differently cannot go on from it. */
static uint64_t kernel_layout(void)
{
	const uint64_t sizes[] = {
		sizeof(struct kernel),
		sizeof(struct tcb),
		offsetof(struct kernel, core),
		offsetof(struct kernel, irq_slot),
		offsetof(struct kernel, schedule),
		offsetof(struct kernel, profile),
		offsetof(struct kernel, cancel),
		offsetof(struct kernel, deletion),
		offsetof(struct kernel, stats),
		offsetof(struct kernel, ram_start),
		offsetof(struct tcb, context),
		offsetof(struct tcb, state),
		offsetof(struct tcb, fault),
		offsetof(struct tcb, blocked_on),
		offsetof(struct tcb, name),
		LABEL_COUNT,
		KERNEL_STATE_PADDR,
	};

	return pack_digest(sizes, sizeof sizes);
}

static struct header header_make(uint64_t file_size, uint64_t stretches)
{
	struct header header = {
		.format = FORMAT_VERSION,
		.time_law = NODE_TIME_LAW,
		.layout = kernel_layout(),
		.file_size = file_size,
		.stretches = stretches,
	};

	memcpy(header.magic, magic, sizeof magic);
	header.digest = pack_digest(&header, offsetof(struct header, digest));
	return header;
}

/* --- writing ------------------------------------------------------------------------------------------- */

struct writer {
	struct packer *packer;
	struct host_output *output;
	struct stretch *stretch;
	uint64_t size, stretches;
};

static struct state state_make(const struct snapshot *snapshot)
{
	const struct snapshot_machine *machine = &snapshot->machine;
	struct state state;

	memset(&state, 0, sizeof state);
	state.ram_size = machine->ram_size;
	state.disk_size = machine->disk_size;
	state.disk_digest = machine->disk_digest;
	state.real_time = machine->real_time;
	state.virtio_console = machine->virtio_console;
	state.virtio_modern = machine->virtio_modern;
	state.disk = machine->disk;
	state.disk_read_only = machine->disk_read_only;
	state.ports = (uint8_t)machine->ports;
	memcpy(state.word, snapshot->word, sizeof state.word);
	memcpy(state.board, snapshot->board, sizeof state.board);
	return state;
}

static bool write_link(struct writer *writer, const struct snapshot *snapshot)
{
	return snapshot->machine.ports == 0 ||
	       pack_write(writer->packer, writer->output, snapshot->board + BOARD_STATE_SIZE, BOARD_LINK_SIZE,
			  &writer->size);
}

static bool write_image(struct writer *writer, const struct snapshot_image *image)
{
	size_t name = strlen(image->name) + 1;
	uint8_t *bytes = malloc(name + image->size);
	bool good;

	if (!bytes)
		return false;
	memcpy(bytes, image->name, name);
	memcpy(bytes + name, image->bytes, image->size);
	good = pack_write(writer->packer, writer->output, bytes, name + image->size, &writer->size);
	free(bytes);
	return good;
}

/* The next pages from *page on; *page is moved behind them. */
static bool write_stretch(struct writer *writer, const struct page_map *ram, uint64_t *page)
{
	struct stretch *stretch = writer->stretch;
	size_t head = offsetof(struct stretch, page), numbers;

	stretch->count = 0;
	while (stretch->count < STRETCH_PAGES && *page < page_map_pages(ram)) {
		stretch->page[stretch->count++] = *page;
		*page = page_map_next(ram, *page + 1);
	}
	/* The numbers and the bytes, without room between them. */
	numbers = stretch->count * sizeof stretch->page[0];
	for (uint64_t i = 0; i < stretch->count; i++)
		memcpy((uint8_t *)stretch + head + numbers + i * PAGE_COPY_SIZE,
		       page_map_get(ram, stretch->page[i]), PAGE_COPY_SIZE);
	writer->stretches++;
	return pack_write(writer->packer, writer->output, stretch,
			  head + numbers + stretch->count * PAGE_COPY_SIZE, &writer->size);
}

static bool write_all(struct writer *writer, const struct snapshot *snapshot,
		      const struct snapshot_image *image, uint64_t offset)
{
	uint64_t pages = page_map_pages(snapshot->ram), first = page_map_next(snapshot->ram, 0);
	struct state state = state_make(snapshot);
	struct header header = header_make(0, 0);
	bool good;

	writer->size = sizeof header;
	good = host_output_write(writer->output, &header, sizeof header) &&
	       pack_write(writer->packer, writer->output, &state, sizeof state, &writer->size) &&
	       write_link(writer, snapshot) && write_image(writer, image);
	for (uint64_t page = first; page < pages && good;)
		good = write_stretch(writer, snapshot->ram, &page);
	if (!good)
		return false;
	header = header_make(writer->size, writer->stretches);
	return host_output_write_at(writer->output, offset, &header, sizeof header);
}

bool snapshot_write_to(const struct snapshot *snapshot, const struct snapshot_image *image,
		       struct host_output *output, uint64_t offset, uint64_t *size)
{
	struct writer writer = {
		.packer = packer_create(),
		.stretch = malloc(sizeof *writer.stretch),
		.output = output,
	};
	bool good = writer.packer && writer.stretch && write_all(&writer, snapshot, image, offset);

	packer_destroy(writer.packer);
	free(writer.stretch);
	*size = writer.size;
	return good;
}

bool snapshot_write(const struct snapshot *snapshot, const struct snapshot_image *image, const char *path,
		    char *error, size_t error_size)
{
	struct host_output *output = host_output_create(path, false);
	uint64_t size;

	if (output && snapshot_write_to(snapshot, image, output, 0, &size)) {
		if (host_output_finish(output))
			return true;
		output = NULL;
	}
	snprintf(error, error_size, "%s", host_error());
	if (output)
		host_output_abandon(output);
	return false;
}

/* --- reading ------------------------------------------------------------------------------------------- */

static bool is_snapshot(const void *bytes, uint64_t size)
{
	return size >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

static bool refuse(char *error, size_t error_size, const char *why)
{
	snprintf(error, error_size, "%s", why);
	return false;
}

static bool read_header(struct unpack *unpack, struct header *header, char *error, size_t error_size)
{
	if (!is_snapshot(unpack->bytes, unpack->size))
		return refuse(error, error_size,
			      "it is not a snapshot (make one with: skerry run IMAGE --snapshot FILE)");
	if (!unpack_plain(unpack, header, sizeof *header))
		return refuse(error, error_size, "it is cut off");
	if (header->format != FORMAT_VERSION) {
		snprintf(error, error_size, "it has version %" PRIu32 " of the format, this skerry has %d",
			 header->format, FORMAT_VERSION);
		return false;
	}
	if (header->digest != pack_digest(header, offsetof(struct header, digest)))
		return refuse(error, error_size, "it is damaged");
	if (header->time_law != NODE_TIME_LAW || header->layout != kernel_layout())
		return refuse(error, error_size,
			      "another version of skerry made it, which alone can go on from it");
	if (header->file_size > unpack->size)
		return refuse(error, error_size, "it is cut off");
	if (header->file_size != unpack->size)
		return refuse(error, error_size, "it is damaged");
	return true;
}

static const char *read_state(struct unpack *unpack, struct snapshot *snapshot)
{
	struct snapshot_machine *machine = &snapshot->machine;
	struct state state;
	const char *why = unpack_next(unpack, &state, sizeof state, NULL);

	if (why)
		return why;
	if (state.real_time > 1 || state.virtio_console > 1 || state.virtio_modern > 1 || state.disk > 1 ||
	    state.disk_read_only > 1 || state.ports > BOARD_PORTS || state.ram_size % PAGE_COPY_SIZE ||
	    state.ram_size > NODE_RAM_MAX || state.ram_size < NODE_RAM_MIN)
		return "describes a machine that cannot be";
	machine->ram_size = state.ram_size;
	machine->disk_size = state.disk_size;
	machine->disk_digest = state.disk_digest;
	machine->real_time = state.real_time;
	machine->virtio_console = state.virtio_console;
	machine->virtio_modern = state.virtio_modern;
	machine->disk = state.disk;
	machine->disk_read_only = state.disk_read_only;
	machine->ports = state.ports;
	memcpy(snapshot->word, state.word, sizeof snapshot->word);
	memcpy(snapshot->board, state.board, sizeof state.board);
	if (state.ports)
		why = unpack_next(unpack, snapshot->board + BOARD_STATE_SIZE, BOARD_LINK_SIZE, NULL);
	if (why)
		return why;
	snapshot->ram = page_map_create(state.ram_size / PAGE_COPY_SIZE);
	return snapshot->ram ? NULL : "needs more memory than the host has";
}

static const char *read_image(struct unpack *unpack, struct snapshot_image *image)
{
	uint64_t size = unpack_peek(unpack);
	const char *why;
	char *bytes, *end;

	if (size == UINT64_MAX || size == 0)
		return "is damaged";
	bytes = malloc(size);
	if (!bytes)
		return "needs more memory than the host has";
	why = unpack_next(unpack, bytes, size, NULL);
	end = why ? NULL : memchr(bytes, 0, size);
	if (end) {
		image->name = bytes;
		image->bytes = end + 1;
		image->size = size - (uint64_t)(end + 1 - bytes);
		return NULL;
	}
	free(bytes);
	return why ? why : "is damaged";
}

static const char *read_stretch(struct unpack *unpack, struct stretch *stretch, struct page_map *ram,
				uint64_t *next)
{
	size_t head = offsetof(struct stretch, page), size;
	const char *why = unpack_next(unpack, stretch, sizeof *stretch, &size);
	const uint8_t *bytes;

	if (why)
		return why;
	if (size < head || stretch->count == 0 || stretch->count > STRETCH_PAGES ||
	    size != head + stretch->count * (sizeof stretch->page[0] + PAGE_COPY_SIZE))
		return "is damaged";
	bytes = (const uint8_t *)stretch + head + stretch->count * sizeof stretch->page[0];
	for (uint64_t i = 0; i < stretch->count; i++) {
		if (stretch->page[i] < *next || stretch->page[i] >= page_map_pages(ram))
			return "is damaged";
		*next = stretch->page[i] + 1;
		if (!page_map_set(ram, stretch->page[i], bytes + i * PAGE_COPY_SIZE))
			return "needs more memory than the host has";
	}
	return NULL;
}

static const char *read_body(struct unpack *unpack, const struct header *header, struct snapshot *snapshot,
			     struct snapshot_image *image)
{
	struct stretch *stretch = malloc(sizeof *stretch);
	const char *why = stretch ? read_state(unpack, snapshot) : "needs more memory than the host has";
	uint64_t next = 0;

	if (!why)
		why = read_image(unpack, image);
	for (uint64_t i = 0; i < header->stretches && !why; i++)
		why = read_stretch(unpack, stretch, snapshot->ram, &next);
	free(stretch);
	if (!why && unpack->at != unpack->size)
		why = "is damaged";
	return why;
}

struct snapshot *snapshot_parse(const uint8_t *bytes, uint64_t size, struct snapshot_image *image,
				char *error, size_t error_size)
{
	struct unpack unpack = {.bytes = bytes, .size = size};
	struct snapshot *snapshot;
	struct header header;
	const char *why;

	memset(image, 0, sizeof *image);
	if (!read_header(&unpack, &header, error, error_size))
		return NULL;
	snapshot = calloc(1, sizeof *snapshot);
	why = snapshot ? read_body(&unpack, &header, snapshot, image) : "needs more memory than the host has";
	if (!why)
		return snapshot;
	snprintf(error, error_size, "it %s", why);
	snapshot_release(snapshot);
	snapshot_image_free(image);
	return NULL;
}

struct snapshot *snapshot_read(const char *path, struct snapshot_image *image, char *error, size_t error_size)
{
	struct snapshot *snapshot;
	uint64_t size;
	void *bytes = host_file_load(path, &size);

	if (!bytes) {
		snprintf(error, error_size, "it cannot be read: %s", host_error());
		return NULL;
	}
	snapshot = snapshot_parse(bytes, size, image, error, error_size);
	free(bytes);
	return snapshot;
}

void snapshot_image_free(struct snapshot_image *image)
{
	free((void *)image->name); /* the bytes lie behind it */
	memset(image, 0, sizeof *image);
}
