/*
 * Snapshots of running nodes: restored from a file they have the same state, and so they have at every later
 * moment; kept in memory, one node goes back and forth between them. And what was tampered with, by whoever
 * can make checksums right again, is refused or runs without harm.
 *
 *   snapshot FOLDER IMAGE...        FOLDER: for the files
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/image.h"
#include "port/vm/snapshot.h"

#define RAM_SIZE (16ull << 20)
#define MOMENTS  10
#define STEP_NS  777777ull
#define STATES   60
#define IN_MEMORY 60

static char file[512];

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	(void)context;
	(void)console;
	(void)bytes;
	(void)size;
}

/* Each in another tier: nobody can tell. */
static struct node_config config_of(const struct image *image)
{
	static unsigned made;

	return (struct node_config){
		.ram_size = RAM_SIZE,
		.tier = (enum vm_tier)(made++ % 3),
		.entry = image->entry,
		.segment = image->segment,
		.segments = image->segments,
		.board = {.output = output, .virtio_console = true},
	};
}

/* Runs up to guest time `time`, or until nothing can happen any more. */
static void run_to(struct node *node, uint64_t time)
{
	while (node_time(node) < time) {
		uint64_t until;

		switch (node_step(node, time - node_time(node), &until)) {
		case NODE_RAN:
		case NODE_STOPPED:
			break;
		case NODE_IDLE:
			node_skip_to(node, until < time ? until : time);
			break;
		case NODE_HALTED:
			return;
		}
	}
}

static const char *through_file(struct node *node, struct node **copy, const struct image *image, char *error,
				size_t error_size)
{
	struct snapshot_image with = {"some.elf", image->file.data, image->file.size}, got;
	struct snapshot *snapshot = node_snapshot_take(node);
	struct node_config config = config_of(image);

	if (!snapshot)
		return "cannot be taken";
	if (!snapshot_write(snapshot, &with, file, error, error_size))
		return error;
	snapshot_release(snapshot);
	snapshot = snapshot_read(file, &got, error, error_size);
	if (!snapshot)
		return error;
	if (strcmp(got.name, with.name) != 0 || got.size != with.size ||
	    memcmp(got.bytes, with.bytes, got.size) != 0)
		return "the image is not what it was";
	*copy = node_create_restored(&config, snapshot, error, error_size);
	snapshot_release(snapshot);
	snapshot_image_free(&got);
	return *copy ? NULL : error;
}

static const char *test_file(const struct image *image, char *error, size_t error_size)
{
	struct node_config config = config_of(image);
	struct node *node = node_create(&config, error, error_size), *copy;
	const char *why = node ? NULL : error;

	for (unsigned moment = 1; moment <= MOMENTS && !why; moment++) {
		uint64_t time = moment == 1 ? 0 : STEP_NS << moment >> 2;

		run_to(node, time);
		why = through_file(node, &copy, image, error, error_size);
		if (why)
			break;
		if (node_state_hash(copy) != node_state_hash(node) || node_time(copy) != node_time(node))
			why = "the restored state is another";
		for (unsigned later = 1; later <= 3 && !why; later++) {
			struct snapshot *here = node_snapshot_take(node);

			run_to(copy, time + later * STEP_NS);
			run_to(node, time + later * STEP_NS);
			if (node_state_hash(copy) != node_state_hash(node) || node_time(copy) != node_time(node))
				why = "the run goes on differently";
			snapshot_release(here);
		}
		node_destroy(copy);
	}
	if (node)
		node_destroy(node);
	return why;
}

/* Whatever state a system comes to passes all the checks of what is restored. */
static const char *test_checks(const struct image *image, char *error, size_t error_size)
{
	struct node_config config = config_of(image);
	struct node *node = node_create(&config, error, error_size);
	const char *why = node ? NULL : error;
	uint64_t random = 1;

	for (unsigned moment = 0; moment < STATES && !why; moment++) {
		struct snapshot *snapshot = node_snapshot_take(node);
		struct node *copy = snapshot ? node_create_restored(&config, snapshot, error, error_size) : NULL;

		if (!copy)
			why = snapshot ? error : "cannot be taken";
		else if (node_state_hash(copy) != node_state_hash(node))
			why = "the restored state is another";
		if (copy)
			node_destroy(copy);
		snapshot_release(snapshot);
		random = random * 6364136223846793005ull + 1442695040888963407ull;
		run_to(node, node_time(node) + (random >> 33) % (1u << moment % 20));
	}
	if (node)
		node_destroy(node);
	return why;
}

/* The states at all moments, then back to each, in some order, and on to the next. */
static const char *test_memory(const struct image *image, bool tracked, char *error, size_t error_size)
{
	struct node_config config = config_of(image);
	struct node *node = node_create(&config, error, error_size);
	struct snapshot *snapshot[IN_MEMORY] = {NULL};
	uint64_t hash[IN_MEMORY], time[IN_MEMORY];
	const char *why = node ? NULL : error;

	if (node && tracked && !node_snapshot_track(node))
		why = "memory cannot be watched";
	for (unsigned i = 0; i < IN_MEMORY && !why; i++) {
		run_to(node, i * STEP_NS);
		time[i] = node_time(node);
		hash[i] = node_state_hash(node);
		snapshot[i] = node_snapshot_take(node);
		if (!snapshot[i])
			why = "cannot be taken";
	}
	for (unsigned i = 0; i < 3 * IN_MEMORY && !why; i++) {
		unsigned at = i * 23 % IN_MEMORY;

		if (!node_snapshot_restore(node, snapshot[at]))
			why = "cannot be restored";
		else if (node_time(node) != time[at] || node_state_hash(node) != hash[at])
			why = "the state is another";
		if (why || at + 1 == IN_MEMORY)
			continue;
		run_to(node, (at + 1) * STEP_NS);
		if (node_time(node) != time[at + 1] || node_state_hash(node) != hash[at + 1])
			why = "the run goes on differently";
	}
	for (unsigned i = 0; i < IN_MEMORY; i++)
		snapshot_release(snapshot[i]);
	if (node)
		node_destroy(node);
	return why;
}

static bool verdict(const char *kind, const char *name, const char *why)
{
	if (why)
		printf("not ok snapshot-%s-%s: %s\n", kind, name, why);
	else
		printf("ok snapshot-%s-%s\n", kind, name);
	fflush(stdout);
	return !why;
}

int main(int argc, char **argv)
{
	bool good = true;

	if (argc < 3)
		return 2;
	snprintf(file, sizeof file, "%s/test.snap", argv[1]);
	for (int i = 2; i < argc; i++) {
		const char *name = strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i];
		char error[512];
		struct image image;

		if (!image_open(&image, argv[i], error, sizeof error)) {
			good &= verdict("image", name, error);
		} else {
			good &= verdict("file", name, test_file(&image, error, sizeof error));
			good &= verdict("checks", name, test_checks(&image, error, sizeof error));
			good &= verdict("memory", name, test_memory(&image, false, error, sizeof error));
			good &= verdict("tracked", name, test_memory(&image, true, error, sizeof error));
		}
		image_close(&image);
	}
	return !good;
}
