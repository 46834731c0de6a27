/*
 * Snapshots and recordings that somebody tampered with. First the files: bytes changed, cut out, cut off.
 * Then what only one who makes the checksums right again can do: any bit of memory, of the machine's words and
 * of the devices, and any entry of a journal. Each is refused with one line, or runs for a while without harm;
 * nothing crashes (the sanitized build looks closely) and nothing hangs.
 *
 *   fuzz FOLDER SEED ROUNDS IMAGE...      ROUNDS 0: until the time HUNT_SECONDS is over
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/image.h"
#include "host/host.h"
#include "port/vm/recording.h"
#include "test/memory_disk.h"

#define RAM_SIZE   (16ull << 20)
#define PAGES      (RAM_SIZE / PAGE_COPY_SIZE)
#define DISK_SIZE  65536
#define RUN_NS     3000000ull
#define ROUND_MAX  20 /* seconds: it hangs */

static struct image image;
static char path[512];
static uint64_t random_state, round_seed;
static unsigned refused, ran;

static uint64_t random_word(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t below(uint64_t bound)
{
	return random_word() % bound;
}

static void fail(const char *why)
{
	printf("not ok snapshot-fuzz: %s (round's seed %" PRIu64 ")\n", why, round_seed);
	exit(1);
}

/* A checking build says if a state that was accepted breaks a rule later. */
static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	static const char broken[] = "kernel_check:";
	static size_t matched;

	(void)context;
	(void)console;
	for (size_t i = 0; i < size; i++) {
		matched = ((const char *)bytes)[i] == broken[matched] ? matched + 1 : 0;
		if (!broken[matched])
			fail("an accepted state breaks a rule of the kernel later");
	}
}

static uint64_t clock_ns(void *context)
{
	(void)context;
	return host_clock_ns();
}

static uint8_t disk_bytes[DISK_SIZE];
static struct memory_disk disk = MEMORY_DISK(disk, disk_bytes);

static struct node_config config_of(void)
{
	return (struct node_config){
		.ram_size = RAM_SIZE,
		.entry = image.entry,
		.segment = image.segment,
		.segments = image.segments,
		.board = {.output = output, .host_clock_ns = clock_ns, .disk = &disk.board, .virtio_console = true},
	};
}

static void on_alarm(int number)
{
	static const char text[] = "\nnot ok snapshot-fuzz: a round hangs, see the seed above\n";

	(void)number;
	if (write(1, text, sizeof text - 1) < 0)
		_exit(2);
	_exit(1);
}

static void refuse(const char *error)
{
	refused++;
	if (!*error || strchr(error, '\n'))
		fail("a refusal is not one line");
}

/* Runs for a while, with input. */
static void run(struct node *node, uint64_t ns)
{
	uint64_t end = node_time(node) + ns, until;

	ran++;
	while (node_time(node) < end) {
		struct board *board = node_board(node);

		switch (node_step(node, 100000, &until)) {
		case NODE_RAN:
		case NODE_STOPPED:
			break;
		case NODE_IDLE:
			board_input(board, board_input_console(board), "x", 1);
			node_skip_to(node, node_time(node) + 200000 < until ? node_time(node) + 200000 : until);
			break;
		case NODE_HALTED:
			return;
		}
	}
	node_state_hash(node);
}

/* --- files --------------------------------------------------------------------------------------------- */

struct bytes {
	uint8_t *data;
	uint64_t size;
};

static void damage(struct bytes *file)
{
	uint64_t at = below(file->size), n;

	switch (below(4)) {
	case 0:
		file->size = at;
		break;
	case 1:
		n = 1 + below(16);
		for (uint64_t i = 0; i < n; i++)
			file->data[below(file->size)] ^= (uint8_t)(1u << below(8));
		break;
	case 2: /* the header is small: hit it more often */
		file->data[below(file->size < 128 ? file->size : 128)] = (uint8_t)random_word();
		break;
	default:
		n = below(file->size - at) / (1 + below(64));
		memmove(file->data + at, file->data + at + n, file->size - at - n);
		file->size -= n;
		break;
	}
}

static void write_file(const struct bytes *file)
{
	struct host_output *out = host_output_create(path, true);

	if (!out || !host_output_write(out, file->data, file->size) || !host_output_finish(out))
		fail("cannot write the file");
}

static void round_file(const struct bytes *snapshot)
{
	struct bytes file = {malloc(snapshot->size), snapshot->size};
	struct snapshot_image with;
	struct snapshot *read;
	char error[512] = "";

	memcpy(file.data, snapshot->data, file.size);
	damage(&file);
	read = snapshot_parse(file.data, file.size, &with, error, sizeof error);
	if (!read)
		refuse(error);
	snapshot_release(read);
	snapshot_image_free(&with);
	free(file.data);
}

/* Repeats what the file holds, for a while. */
static void replay(void)
{
	struct node_config config = config_of();
	struct board_disk no_disk = {.size = DISK_SIZE};
	struct recording recording;
	char error[512] = "";
	struct node *node = NULL;
	struct journal_end end;
	uint64_t until;

	if (!recording_open(&recording, path, error, sizeof error)) {
		refuse(error);
		recording_close(&recording);
		return;
	}
	config.board.disk = &no_disk;
	config.real_time = recording.snapshot->machine.real_time;
	journal_attach(recording.journal, &config);
	node = node_create_restored(&config, recording.snapshot, error, sizeof error);
	if (!node)
		refuse(error);
	if (node) {
		ran++;
		journal_begin(recording.journal, node, NULL, NULL);
		for (unsigned i = 0; i < 200; i++)
			if (journal_step(recording.journal, 100000, &until) != NODE_RAN)
				break;
		journal_at_end(recording.journal, &end);
		journal_extent(recording.journal);
		node_destroy(node);
	}
	recording_close(&recording);
}

static void round_recording(const struct bytes *recording)
{
	struct bytes file = {malloc(recording->size), recording->size};

	memcpy(file.data, recording->data, file.size);
	damage(&file);
	write_file(&file);
	replay();
	free(file.data);
}

/* Entries of a journal that are right by their checksums. */
static void round_entries(const struct snapshot *start)
{
	struct snapshot_image with = {"x", "", 0};
	char error[512] = "";
	struct host_output *out = recording_create(path, start, &with, error, sizeof error);
	uint8_t entries[512];
	size_t size = below(sizeof entries);

	if (!out)
		fail(error);
	for (size_t i = 0; i < size; i++)
		entries[i] = (uint8_t)(below(3) ? below(9) : random_word());
	if (!recording_write_chunk(out, entries, size) || !host_output_finish(out))
		fail("cannot write the recording");
	replay();
}

/* --- the state ----------------------------------------------------------------------------------------- */

static const uint64_t words[] = {0,  1, 2, 3, 0x80, 0xff, 0x1000, 0x80300000, 0x80400000, 0x80ffffff, 0xffffffc080300000,
				 0xffffffc080400000, ~0ull, 1ull << 63, 0x7fffffffffffffff, 0x8000000000080400};

static uint64_t interesting(uint64_t before)
{
	switch (below(5)) {
	case 0:
		return words[below(sizeof words / sizeof words[0])];
	case 1:
		return before + (uint64_t)(int64_t)(below(65) - 32) * (1ull << below(12));
	case 2:
		return random_word();
	default:
		return before ^ 1ull << below(64);
	}
}

/* A page with something in it; the kernel's own more often than others. */
static uint64_t some_page(const struct page_map *ram)
{
	uint64_t page = below(3) ? page_map_next(ram, below(PAGES)) : 0x300 + below(32);

	return page < PAGES ? page : 0x300;
}

static void tamper_memory(struct page_map *ram)
{
	uint64_t page = some_page(ram), other = some_page(ram), word;
	const uint8_t *before = page_map_get(ram, page), *from = page_map_get(ram, other);
	uint8_t bytes[PAGE_COPY_SIZE];
	uint64_t at = below(PAGE_COPY_SIZE / 8);

	if (before)
		memcpy(bytes, before, sizeof bytes);
	else
		memset(bytes, 0, sizeof bytes);
	/* Where something is already, if possible: empty memory is less interesting. */
	memcpy(&word, bytes + 8 * at, 8);
	for (unsigned i = 0; i < 500 && word == 0; i++) {
		at = (at + 1) % (PAGE_COPY_SIZE / 8);
		memcpy(&word, bytes + 8 * at, 8);
	}
	if (from && below(4) == 0)
		memcpy(&word, from + 8 * below(PAGE_COPY_SIZE / 8), 8); /* another's word: valid in another place */
	else
		word = interesting(word);
	memcpy(bytes + 8 * at, &word, 8);
	page_map_set(ram, page, bytes);
}

static void round_state(const struct snapshot *start)
{
	struct snapshot tampered = *start;
	struct node_config config = config_of();
	unsigned changes = 1 + (unsigned)below(3);
	char error[512] = "";
	struct node *node;

	tampered.ram = page_map_copy(start->ram);
	for (unsigned i = 0; i < changes; i++) {
		uint64_t *word = &tampered.word[below(NODE_WORDS)];

		switch (below(8)) {
		case 0:
			*word = interesting(*word);
			break;
		case 1:
			tampered.board[below(BOARD_STATE_SIZE)] ^= (uint8_t)(1u << below(8));
			break;
		default:
			tamper_memory(tampered.ram);
			break;
		}
	}
	node = node_create_restored(&config, &tampered, error, sizeof error);
	if (node)
		run(node, RUN_NS);
	else
		refuse(error);
	if (node)
		node_destroy(node);
	page_map_release(tampered.ram);
}

/* --- material ------------------------------------------------------------------------------------------ */

/* A snapshot in the middle of a run of the image. */
static struct snapshot *material_snapshot(uint64_t time)
{
	struct node_config config = config_of();
	char error[512];
	struct node *node = node_create(&config, error, sizeof error);
	struct snapshot *snapshot;

	if (!node)
		fail(error);
	run(node, time);
	snapshot = node_snapshot_take(node);
	node_destroy(node);
	return snapshot;
}

static struct bytes file_of(void)
{
	struct bytes bytes;

	bytes.data = host_file_load(path, &bytes.size);
	if (!bytes.data)
		fail("cannot read the file");
	return bytes;
}

static struct bytes material_recording(const struct snapshot *start)
{
	static const uint8_t entries[] = "\x02\x80\x80\x80\x01\x00\x03yes\x06\x80\x80\x90\x01\x00";
	struct snapshot_image with = {"some.elf", image.file.data, 1000};
	char error[512];
	struct host_output *out = recording_create(path, start, &with, error, sizeof error);

	if (!out || !recording_write_chunk(out, entries, sizeof entries - 1) ||
	    !recording_write_chunk(out, entries, sizeof entries - 1) || !host_output_finish(out))
		fail("cannot write the recording");
	return file_of();
}

static void fuzz(uint64_t seed, uint64_t rounds, uint64_t end_ns)
{
	struct snapshot_image with = {"some.elf", image.file.data, 5000};
	struct snapshot *start = material_snapshot(seed % 7 * 1500000);
	struct bytes snapshot, recording;
	char error[512];

	if (!snapshot_write(start, &with, path, error, sizeof error))
		fail(error);
	snapshot = file_of();
	recording = material_recording(start);
	for (uint64_t i = 0; rounds ? i < rounds : host_clock_ns() < end_ns; i++) {
		round_seed = seed + i;
		random_state = (round_seed + 1) * 0x9e3779b97f4a7c15ull;
		random_word();
		alarm(ROUND_MAX);
		switch (below(8)) {
		case 0:
			round_file(&snapshot);
			break;
		case 1:
			round_recording(&recording);
			break;
		case 2:
			round_entries(start);
			break;
		default:
			round_state(start);
			break;
		}
	}
	alarm(0);
	free(snapshot.data);
	free(recording.data);
	snapshot_release(start);
}

int main(int argc, char **argv)
{
	uint64_t seed, rounds, end_ns;
	char error[512];

	if (argc < 5)
		return 2;
	snprintf(path, sizeof path, "%s/fuzz.file", argv[1]);
	seed = strtoull(argv[2], NULL, 0);
	rounds = strtoull(argv[3], NULL, 0);
	end_ns = host_clock_ns() + (getenv("HUNT_SECONDS") ? strtoull(getenv("HUNT_SECONDS"), NULL, 0) : 60) * 1000000000ull;
	signal(SIGALRM, on_alarm);
	for (int i = 4; i < argc; i++) {
		refused = ran = 0;
		if (!image_open(&image, argv[i], error, sizeof error))
			fail(error);
		fuzz(seed, rounds, end_ns);
		image_close(&image);
		printf("ok snapshot-fuzz-%s: seed %" PRIu64 ", %u refused, %u ran\n",
		       strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i], seed, refused, ran);
		fflush(stdout);
	}
	return 0;
}
