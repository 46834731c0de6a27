/*
 * Going back in time: a run with input at odd moments, idle time that is slept through and a disk is
 * recorded; then one goes to moments here and there, and finds the states that were; and goes on recording
 * from where it was. A recording in a file repeats the run in another node, also when it was cut off.
 *
 *   history FOLDER GUEST.elf BUSY.elf      the first guest reads the console, and prints; the second computes
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/image.h"
#include "host/host.h"
#include "port/vm/history.h"
#include "port/vm/recording.h"

#define RAM_SIZE (16ull << 20)
#define STEPS    150

static char path[512];
static struct image image;
static size_t printed;
static char text[65536];

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	(void)context;
	(void)console;
	if (printed + size <= sizeof text)
		memcpy(text + printed, bytes, size);
	printed += size;
}

static uint64_t clock_ns(void *context)
{
	(void)context;
	return host_clock_ns();
}

/* Each in another tier: nobody can tell. */
static struct node_config config_of(bool real_time)
{
	static unsigned made;

	return (struct node_config){
		.ram_size = RAM_SIZE,
		.tier = (enum vm_tier)(made++ % 3),
		.real_time = real_time,
		.entry = image.entry,
		.segment = image.segment,
		.segments = image.segments,
		.board = {.output = output, .virtio_console = true, .host_clock_ns = clock_ns},
	};
}

struct moment {
	uint64_t position, time, hash;
};

static uint64_t random_state;
static uint64_t random_below(uint64_t bound)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (random_state >> 33) % bound;
}

/* One step of a run with a user at the console. */
static void live_step(struct journal *journal, struct node *node, bool real_time)
{
	static const char keys[] = "abc\ndefgh\n";
	uint64_t until, now;

	if (journal_step(journal, 1 + random_below(1000000), &until) == NODE_IDLE) {
		now = node_time(node);
		if (real_time)
			host_wait(false, NULL, 100000);
		else if (until == NODE_FOREVER || random_below(2))
			journal_skip(journal, now + 1 + random_below(until - now < 900000 ? until - now : 900000), true);
		else
			journal_skip(journal, until, false);
	}
	if (random_below(4) == 0)
		journal_input(journal, keys + random_below(5), 1 + random_below(5));
}

static const char *visit(struct history *history, struct journal *journal, struct node *node,
			 const struct moment *moment)
{
	if (!history_go_to(history, moment->position))
		return journal_diverged(journal) ? journal_diverged(journal) : "cannot go there";
	if (node_time(node) != moment->time)
		return "it stops at another time";
	return node_state_hash(node) == moment->hash ? NULL : "the state is another";
}

/* Anywhere, also in the middle of a step, the state is the same, whichever way one comes there. */
static const char *visit_between(struct history *history, struct journal *journal, struct node *node, uint64_t last)
{
	uint64_t position = history_start(history) + random_below(last - history_start(history));
	struct moment there;

	if (!history_go_to(history, position))
		return "cannot go to a moment between";
	there = (struct moment){node_position(node), node_time(node), node_state_hash(node)};
	for (uint64_t way = position - history_start(history); way > 0; way = random_below(way))
		if (!history_go_to(history, position - random_below(way)))
			return "cannot come nearer";
	return visit(history, journal, node, &there);
}

static const char *test_back(bool real_time, bool busy, uint64_t memory, char *error, size_t error_size)
{
	struct journal *journal = journal_create(true);
	struct node_config config = config_of(real_time);
	struct moment moment[STEPS];
	struct history *history;
	struct node *node;
	const char *why = NULL;
	size_t before;

	printed = 0;
	journal_attach(journal, &config);
	node = node_create(&config, error, error_size);
	if (!node)
		return error;
	journal_begin(journal, node, NULL, NULL);
	history = history_create(node, journal, memory);
	if (!history)
		why = "no history";
	for (unsigned i = 0; i < STEPS && !why; i++) {
		moment[i] = (struct moment){node_position(node), node_time(node), node_state_hash(node)};
		history_observe(history);
		live_step(journal, node, real_time);
		/* Now and then back, and to the present again. */
		if (i % 50 == 49) {
			uint64_t now = node_time(node), hash = node_state_hash(node), position = node_position(node);

			before = printed;
			for (unsigned k = 0; k < 8 && !why; k++)
				why = visit(history, journal, node, &moment[random_below(i)]);
			for (unsigned k = 0; k < 8 && !why; k++)
				why = visit_between(history, journal, node, position);
			if (!why && (!history_go_to(history, position + (1ull << 40)) || node_time(node) != now ||
				     node_state_hash(node) != hash))
				why = "the present is another";
			if (!why && printed != before)
				why = "something is printed twice";
		}
	}
	if (!why && printed == 0)
		why = "nothing was printed";
	if (!why && history_start(history) != moment[0].position)
		why = "it begins later than the run";
	/* In real time, idle time is no reason for one. */
	if (!why && history_snapshots(history) < 3 && (busy || !real_time))
		why = "there are no snapshots";
	history_destroy(history);
	node_destroy(node);
	journal_destroy(journal);
	return why;
}

static const char *record_file(bool real_time, uint64_t *hash, char *error, size_t error_size)
{
	struct node_config config = config_of(real_time), boot = config;
	struct snapshot_image with = {"guest.elf", image.file.data, image.file.size};
	struct node *node = node_create(&boot, error, error_size);
	struct snapshot *snapshot;
	struct host_output *file;
	struct journal *journal;

	if (!node)
		return error;
	snapshot = node_snapshot_take(node);
	node_destroy(node);
	file = recording_create(path, snapshot, &with, error, error_size);
	if (!file)
		return error;
	journal = journal_create(false);
	journal_output(journal, file);
	journal_attach(journal, &config);
	node = node_create_restored(&config, snapshot, error, error_size);
	snapshot_release(snapshot);
	if (!node)
		return error;
	journal_begin(journal, node, NULL, NULL);
	printed = 0;
	for (unsigned i = 0; i < STEPS; i++) {
		live_step(journal, node, real_time);
		journal_flush(journal, false);
	}
	*hash = node_state_hash(node);
	if (!journal_end(journal, 7, "the test is over") || !host_output_finish(file))
		return "it could not be written";
	node_destroy(node);
	journal_destroy(journal);
	return NULL;
}

/* Repeats a recording to its end; `cut`: it has none. */
static const char *repeat_file(uint64_t hash, bool cut, char *error, size_t error_size)
{
	struct node_config config = config_of(false);
	struct recording recording;
	struct journal_end end;
	struct node *node = NULL;
	enum node_state state = NODE_RAN;
	const char *why = NULL;
	uint64_t until;

	if (!recording_open(&recording, path, error, error_size))
		return error;
	if (!recording.cut != !cut)
		why = "is not seen to be cut off";
	config.real_time = recording.snapshot->machine.real_time;
	journal_attach(recording.journal, &config);
	if (!why)
		node = node_create_restored(&config, recording.snapshot, error, error_size);
	if (!why && !node)
		why = error;
	if (node) {
		journal_begin(recording.journal, node, NULL, NULL);
		printed = 0;
		while (state == NODE_RAN)
			state = journal_step(recording.journal, 1 + random_below(500000), &until);
		why = journal_diverged(recording.journal);
	}
	if (!why && cut && journal_at_end(recording.journal, &end))
		why = "has an end";
	if (!why && !cut && (!journal_at_end(recording.journal, &end) || end.status != 7 ||
			     strcmp(end.reason, "the test is over") != 0 || end.time_ns != node_time(node)))
		why = "ends otherwise";
	if (!why && !cut && (end.hash != hash || node_state_hash(node) != hash))
		why = "the state at the end is another";
	if (node)
		node_destroy(node);
	recording_close(&recording);
	return why;
}

static const char *test_file(bool real_time, char *error, size_t error_size)
{
	static char recorded[sizeof text];
	size_t recorded_size, size;
	uint64_t hash = 0;
	const char *why = record_file(real_time, &hash, error, error_size);
	void *bytes;

	memcpy(recorded, text, sizeof text);
	recorded_size = printed;
	if (!why)
		why = repeat_file(hash, false, error, error_size);
	if (!why && (printed != recorded_size || memcmp(text, recorded, printed) != 0))
		why = "it prints something else";
	if (why)
		return why;
	bytes = host_file_load(path, &size);
	for (unsigned i = 1; i <= 5 && !why; i++) {
		if (truncate(path, (off_t)(size - i * 30)) != 0)
			why = "the file cannot be cut";
		else
			why = repeat_file(0, true, error, error_size);
		if (!why && memcmp(text, recorded, printed) != 0)
			why = "cut off, it prints something else";
	}
	free(bytes);
	return why;
}

static bool verdict(const char *name, const char *why)
{
	if (why)
		printf("not ok history-%s: %s\n", name, why);
	else
		printf("ok history-%s\n", name);
	fflush(stdout);
	return !why;
}

int main(int argc, char **argv)
{
	char error[512];
	bool good = true;

	if (argc != 4)
		return 2;
	snprintf(path, sizeof path, "%s/test.rec", argv[1]);
	if (!image_open(&image, argv[2], error, sizeof error))
		return !verdict("image", error);
	random_state = 1;
	good &= verdict("back", test_back(false, false, 64 << 20, error, sizeof error));
	good &= verdict("back-little-memory", test_back(false, false, 4 << 20, error, sizeof error));
	good &= verdict("back-real-time", test_back(true, false, 64 << 20, error, sizeof error));
	good &= verdict("recording", test_file(false, error, sizeof error));
	good &= verdict("recording-real-time", test_file(true, error, sizeof error));
	image_close(&image);
	if (!image_open(&image, argv[3], error, sizeof error))
		return !verdict("image", error);
	good &= verdict("back-busy", test_back(false, true, 64 << 20, error, sizeof error));
	good &= verdict("back-busy-real-time", test_back(true, true, 64 << 20, error, sizeof error));
	good &= verdict("recording-busy-real-time", test_file(true, error, sizeof error));
	image_close(&image);
	return !good;
}
