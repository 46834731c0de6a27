/*
 * Snapshots and recordings by somebody who knows how they are made: edits of the state of a run before it is
 * written, of a file's stretches before they are packed and summed, of its header before that is summed, of
 * the file; then entries of a journal, or what is typed. What is accepted runs for a while, and has to keep
 * all rules until the end.
 *
 *   byte 0         bits 0 and 1: the world; then what becomes of it: restored, written and read, or replayed
 *   byte 1         number of edits
 *   12 bytes each  struct edit
 *   the rest       entries, or input
 */
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "port/vm/internal.h"
#include "port/vm/pack.h"
#include "test/fuzz/target/snapshot_world.h"

#define EDITS_MAX    16
#define HEADER_SIZE  64 /* of a snapshot's file; its digest is the last word */
#define PREFIX_SIZE  24 /* before it in a recording */
#define RAM_SIZE_MAX (256ull << 20)
#define SLICES       8
#define SLICE_NS     1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

struct edit {
	uint8_t what, how;
	uint16_t place, at, from;
	int32_t value;
};

enum what {
	EDIT_PLACE, /* up to PLACE_KINDS - 1: memory */
	EDIT_WORD = PLACE_KINDS,
	EDIT_BOARD,
	EDIT_MACHINE,
	EDIT_STRETCH,
	EDIT_HEADER,
	EDIT_FILE,
	EDIT_KINDS
};

static struct {
	struct edit edit[EDITS_MAX];
	unsigned edits, stretch; /* the next one to be written */
	const struct world *world;
	const uint8_t *rest;
	size_t rest_size;
} input;

/* --- edits of the state -------------------------------------------------------------------------------- */

static const struct place *place_of(unsigned kind, unsigned index)
{
	const struct places *places = &input.world->kind[kind % PLACE_KINDS];

	return &places->place[index % places->count];
}

static uint64_t word_at(const struct page_map *ram, uint64_t paddr)
{
	const uint8_t *page = page_map_get(ram, (paddr - MACHINE_RAM_BASE) / PAGE_COPY_SIZE);
	uint64_t word = 0;

	if (page)
		memcpy(&word, page + paddr % PAGE_COPY_SIZE, sizeof word);
	return word;
}

/* The address of a word in a place. */
static uint64_t paddr_in(const struct place *place, unsigned at)
{
	return place->paddr + at % (place->size / 8) * 8;
}

static uint64_t edited(const struct edit *edit, const struct page_map *ram, uint64_t before)
{
	static const uint64_t words[] = {0,
					 1,
					 2,
					 3,
					 0xff,
					 0x1000,
					 0x80300000,
					 0x80ffffff,
					 ~0ull,
					 1ull << 63,
					 1ull << 60,
					 0x7fffffffffffffff,
					 0x8000000000080400,
					 1ull << 32,
					 0xffffffc080300000};
	const struct place *other = place_of((unsigned)edit->value, edit->from);
	uint64_t low = (1ull << CAP_ADDRESS_SHIFT) - 1;

	switch (edit->how % 8) {
	case 0:
		return before ^ 1ull << (edit->value & 63);
	case 1:
		return before + (uint64_t)(int64_t)edit->value;
	case 2:
		return (uint64_t)(int64_t)edit->value;
	case 3:
		return words[(uint32_t)edit->value % (sizeof words / sizeof words[0])];
	case 4: /* what else is at an address: in a reference, a capability, a page table */
		return isa_kref(other->paddr) | (before & 3);
	case 5:
		return (before & low) | other->paddr << CAP_ADDRESS_SHIFT;
	case 6:
		return (before & 0x3ff) | other->paddr >> 12 << 10;
	default:
		return word_at(ram, paddr_in(other, (uint32_t)edit->value >> 8));
	}
}

static void edit_memory(struct page_map *ram, const struct edit *edit)
{
	uint64_t paddr = paddr_in(place_of(edit->what % EDIT_KINDS, edit->place), edit->at);
	uint64_t page = (paddr - MACHINE_RAM_BASE) / PAGE_COPY_SIZE, word;
	const uint8_t *before = page_map_get(ram, page);
	uint8_t bytes[PAGE_COPY_SIZE] = {0};

	if (before)
		memcpy(bytes, before, sizeof bytes);
	word = edited(edit, ram, word_at(ram, paddr));
	memcpy(bytes + paddr % PAGE_COPY_SIZE, &word, sizeof word);
	if (!page_map_set(ram, page, bytes))
		abort();
}

static void edit_machine(struct snapshot_machine *machine, int32_t value)
{
	machine->real_time = value & 1;
	machine->virtio_console = value & 2;
	machine->virtio_modern = value & 4;
}

static void edit_state(struct snapshot *snapshot)
{
	for (unsigned i = 0; i < input.edits; i++) {
		const struct edit *edit = &input.edit[i];
		uint64_t *word = &snapshot->word[edit->place % NODE_WORDS];

		switch (edit->what % EDIT_KINDS) {
		case EDIT_WORD:
			*word = edited(edit, snapshot->ram, *word);
			break;
		case EDIT_BOARD:
			snapshot->board[edit->at % BOARD_STATE_SIZE] = (uint8_t)edit->value;
			break;
		case EDIT_MACHINE:
			edit_machine(&snapshot->machine, edit->value);
			break;
		case EDIT_STRETCH:
		case EDIT_HEADER:
		case EDIT_FILE:
			break;
		default:
			edit_memory(snapshot->ram, edit);
			break;
		}
	}
}

/* --- edits of the file -----------------------------------------------------------------------------------
 */

/* Changes `size` bytes, or their number, which can become `room` at most. */
static size_t edit_bytes(const struct edit *edit, uint8_t *bytes, size_t size, size_t room)
{
	/* From the beginning, or from the end. */
	size_t from = ((size_t)(edit->from & 0xff) << 16 | edit->at) % (size + !size);
	size_t at = edit->from & 0x100 && size > 0 ? size - 1 - edit->at % 64 % size : from;
	uint64_t word;

	switch (edit->how % 4) {
	case 0:
		if (size - at < sizeof word)
			return size;
		memcpy(&word, bytes + at, sizeof word);
		word = edited(&(struct edit){.how = edit->how / 4 % 4, .value = edit->value}, NULL, word);
		memcpy(bytes + at, &word, sizeof word);
		return size;
	case 1:
		if (size > 0)
			bytes[at] = (uint8_t)edit->value;
		return size;
	case 2:
		return at;
	default:
		return size + ((uint32_t)edit->value % (room - size));
	}
}

/* Packed and summed is what the edits have made of a stretch. */
bool __real_pack_write(struct packer *packer, struct host_output *output, const void *bytes, size_t size,
		       uint64_t *written);
bool __wrap_pack_write(struct packer *packer, struct host_output *output, const void *bytes, size_t size,
		       uint64_t *written);
bool __wrap_pack_write(struct packer *packer, struct host_output *output, const void *bytes, size_t size,
		       uint64_t *written)
{
	size_t room = size + 2 * PAGE_COPY_SIZE;
	uint8_t *copy = calloc(1, room);
	bool good;

	if (!copy)
		abort();
	memcpy(copy, bytes, size);
	for (unsigned i = 0; i < input.edits; i++)
		if (input.edit[i].what % EDIT_KINDS == EDIT_STRETCH &&
		    input.edit[i].place % 3 == input.stretch)
			size = edit_bytes(&input.edit[i], copy, size, room);
	input.stretch++;
	good = __real_pack_write(packer, output, copy, size, written);
	free(copy);
	return good;
}

/* The file, with the snapshot's header at `at`; longer it does not become. */
static void edit_file(uint64_t at)
{
	uint64_t digest;

	for (unsigned i = 0; i < input.edits; i++)
		if (input.edit[i].what % EDIT_KINDS == EDIT_HEADER && input.edit[i].how % 4 < 2)
			edit_bytes(&input.edit[i], file_bytes + at, HEADER_SIZE, HEADER_SIZE + 1);
	digest = pack_digest(file_bytes + at, HEADER_SIZE - sizeof digest);
	memcpy(file_bytes + at + HEADER_SIZE - sizeof digest, &digest, sizeof digest);
	for (unsigned i = 0; i < input.edits; i++)
		if (input.edit[i].what % EDIT_KINDS == EDIT_FILE)
			file_size = edit_bytes(&input.edit[i], file_bytes, file_size, file_size + 1);
}

/* --- what is accepted ------------------------------------------------------------------------------------
 */

static void check_refusal(const char *error)
{
	if (!*error || strchr(error, '\n'))
		abort(); /* a refusal is one line */
}

/* No run leads from a state that keeps the rules to one that does not, but that time goes on. */
static void check_node(struct node *node)
{
	uint64_t word[NODE_WORDS];
	const char *why;

	node_select(node);
	node_save_words(node, word);
	why = node_check_restored(node, word);
	if (why && strcmp(why, "time") != 0)
		abort();
}

static void run(struct node *node)
{
	uint64_t until;

	for (unsigned i = 0; i < SLICES; i++) {
		struct board *board = node_board(node);
		size_t part = input.rest_size < 4 ? input.rest_size : 4;

		part = board_input(board, i & 1, input.rest, part);
		input.rest += part;
		input.rest_size -= part;
		switch (node_step(node, SLICE_NS, &until)) {
		case NODE_IDLE:
			node_skip_to(node, until);
			break;
		case NODE_HALTED:
			i = SLICES;
			break;
		default:
			break;
		}
	}
	check_node(node);
	node_destroy(node);
}

static void restore(const struct snapshot *snapshot)
{
	struct node_config config = outside_config();
	char error[256] = "";
	struct node *node;

	if (snapshot->machine.ram_size > RAM_SIZE_MAX)
		return; /* is permitted, and takes its time */
	node = node_create_restored(&config, snapshot, error, sizeof error);
	if (node)
		run(node);
	else
		check_refusal(error);
}

static void write_and_read(const struct snapshot *snapshot, const struct snapshot_image *with)
{
	struct snapshot_image image;
	struct snapshot *read;
	char error[256] = "";
	uint64_t size;
	uint8_t *bytes;

	if (!snapshot_write(snapshot, with, "file", error, sizeof error))
		abort();
	edit_file(0);
	bytes = malloc(file_size + !file_size);
	if (!bytes)
		abort();
	memcpy(bytes, file_bytes, file_size);
	size = file_size;
	read = snapshot_parse(bytes, size, &image, error, sizeof error);
	free(bytes);
	if (read)
		restore(read);
	else
		check_refusal(error);
	snapshot_release(read);
	snapshot_image_free(&image);
}

static void repeat(struct recording *recording)
{
	struct node_config config = outside_config();
	struct board_disk disk = {.size = DISK_SIZE};
	struct journal_end end;
	char error[256] = "";
	struct node *node;
	uint64_t until;

	config.board.disk = &disk;
	config.real_time = recording->snapshot->machine.real_time;
	journal_attach(recording->journal, &config);
	node = node_create_restored(&config, recording->snapshot, error, sizeof error);
	if (!node) {
		check_refusal(error);
		return;
	}
	journal_begin(recording->journal, node, NULL, NULL);
	for (unsigned i = 0; i < SLICES; i++)
		if (journal_step(recording->journal, SLICE_NS, &until) != NODE_RAN)
			break;
	(void)journal_at_end(recording->journal, &end);
	(void)journal_extent(recording->journal);
	check_node(node);
	node_destroy(node);
}

static void replay(const struct snapshot *snapshot, const struct snapshot_image *with)
{
	struct recording recording;
	char error[256] = "";
	struct host_output *output = recording_create("file", snapshot, with, error, sizeof error);

	if (!output || !recording_write_chunk(output, input.rest, input.rest_size) ||
	    !host_output_finish(output))
		abort();
	edit_file(PREFIX_SIZE);
	if (!recording_open(&recording, "file", error, sizeof error))
		check_refusal(error);
	else if (recording.snapshot->machine.ram_size <= RAM_SIZE_MAX)
		repeat(&recording);
	recording_close(&recording);
}

/* --- an input --------------------------------------------------------------------------------------------
 */

static bool parse(const uint8_t *data, size_t size)
{
	if (size < 2)
		return false;
	input.world = world_of(data[0] % WORLDS);
	input.edits = data[1] % EDITS_MAX;
	input.stretch = 0;
	if (size - 2 < input.edits * sizeof input.edit[0])
		return false;
	memcpy(input.edit, data + 2, input.edits * sizeof input.edit[0]);
	input.rest = data + 2 + input.edits * sizeof input.edit[0];
	input.rest_size = size - 2 - input.edits * sizeof input.edit[0];
	return true;
}

/* Besides what is done to bytes: an edit more, one less, one changed. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t each = sizeof(struct edit), edits = size > 1 ? data[1] % EDITS_MAX : 0,
	       rest = size - 2 - edits * each;
	uint8_t *edit = data + 2 + (seed / 16 % (edits + 1)) * each, changed[sizeof(struct edit)] = {0};

	if (seed % 4 == 0 || size < 2 + edits * each)
		return LLVMFuzzerMutate(data, size, max_size);
	if (edits == 0 || (seed / 4 % 4 == 0 && edits + 1 < EDITS_MAX)) {
		if (size + each > max_size)
			return size;
		edit = data + 2 + edits * each;
		memmove(edit + each, edit, rest);
		for (size_t i = 0; i < each; i++, seed = seed * 1664525 + 1013904223)
			edit[i] = i > 2 && (seed & 0x300) == 0 ? 0 : (uint8_t)(seed >> 24);
		data[1] = (uint8_t)(edits + 1);
		return size + each;
	}
	if (edit == data + 2 + edits * each)
		edit -= each;
	if (seed / 4 % 4 == 1) {
		memmove(edit, edit + each, (size_t)(data + size - edit) - each);
		data[1] = (uint8_t)(edits - 1);
		return size - each;
	}
	memcpy(changed, edit, each);
	LLVMFuzzerMutate(changed, each, each);
	memcpy(edit, changed, each);
	return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct snapshot_image with = {"program", "bytes of it", 11};
	struct snapshot snapshot;

	if (!parse(data, size))
		return -1;
	outside_reset();
	snapshot = *input.world->snapshot;
	snapshot.ram = page_map_copy(snapshot.ram);
	if (!snapshot.ram)
		abort();
	edit_state(&snapshot);
	switch (data[0] / 4 % 3) {
	case 0:
		restore(&snapshot);
		break;
	case 1:
		write_and_read(&snapshot, &with);
		break;
	default:
		replay(&snapshot, &with);
		break;
	}
	page_map_release(snapshot.ram);
	return 0;
}
