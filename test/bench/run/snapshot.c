/*
 * What snapshots take, of a guest with a working set of 64 MiB:   snapshot IMAGE FILE
 *
 * Prints `NAME FIGURE` lines: how long the guest stands still for one, for each MiB copied, the first and
 * later ones; how long it takes to start from a file; and to go back in memory.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/image.h"
#include "host/host.h"
#include "port/vm/snapshot.h"

#define MIB     (1ull << 20)
#define ROUNDS  5
#define STEP_NS 40000000ull /* the guest writes all that it writes over and over, and more */

static bool full;

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	(void)context;
	(void)console;
	full |= memchr(bytes, '\n', size) != NULL;
}

static void run(struct node *node, uint64_t ns)
{
	uint64_t end = node_time(node) + ns, until;

	while (node_time(node) < end)
		if (node_step(node, end - node_time(node), &until) != NODE_RAN)
			return;
}

static double ms_since(uint64_t start)
{
	return (double)(host_clock_ns() - start) / 1e6;
}

static void least(double *best, double value)
{
	if (*best == 0 || value < *best)
		*best = value;
}

/* MiB that are not zeros, or differ between two. */
static double size_of(const struct page_map *a, const struct page_map *b)
{
	uint64_t pages = 0, page = b ? page_map_next_difference(a, b, 0) : page_map_next(a, 0);

	while (page < page_map_pages(a)) {
		pages++;
		page = b ? page_map_next_difference(a, b, page + 1) : page_map_next(a, page + 1);
	}
	return (double)(pages * PAGE_COPY_SIZE) / (double)MIB;
}

static bool from_file(const struct node_config *config, struct node *node, const char *path, double *best)
{
	struct snapshot_image none = {"", "", 0}, with;
	struct snapshot *snapshot = node_snapshot_take(node);
	char error[512];
	bool good = snapshot_write(snapshot, &none, path, error, sizeof error);

	snapshot_release(snapshot);
	for (unsigned i = 0; i < ROUNDS && good; i++) {
		uint64_t start = host_clock_ns();
		struct node *copy;

		snapshot = snapshot_read(path, &with, error, sizeof error);
		copy = snapshot ? node_create_restored(config, snapshot, error, sizeof error) : NULL;
		least(best, ms_since(start));
		good = copy && node_state_hash(copy) == node_state_hash(node);
		snapshot_release(snapshot);
		snapshot_image_free(&with);
		if (copy)
			node_destroy(copy);
	}
	return good;
}

int main(int argc, char **argv)
{
	double first = 0, later = 0, restore = 0, back = 0;
	struct snapshot *before, *after;
	struct node_config config;
	struct image image;
	struct node *node;
	char error[512];
	uint64_t start;

	if (argc != 3 || !image_open(&image, argv[1], error, sizeof error))
		return 1;
	config = (struct node_config){.ram_size = 512 * MIB,
				      .root_cnode_bits = 16, /* a capability for each page */
				      .entry = image.entry,
				      .segment = image.segment,
				      .segments = image.segments,
				      .board = {.output = output}};
	node = node_create(&config, error, sizeof error);
	while (node && !full)
		run(node, STEP_NS);
	if (!node || !from_file(&config, node, argv[2], &restore))
		return 1;
	for (unsigned i = 0; i < ROUNDS; i++) {
		start = host_clock_ns();
		before = node_snapshot_take(node);
		least(&first, ms_since(start) / size_of(before->ram, NULL));
		snapshot_release(before);
	}
	if (!node_snapshot_track(node))
		return 1;
	before = node_snapshot_take(node);
	for (unsigned i = 0; i < ROUNDS; i++) {
		run(node, STEP_NS);
		start = host_clock_ns();
		after = node_snapshot_take(node);
		least(&later, ms_since(start) / size_of(after->ram, before->ram));
		start = host_clock_ns();
		if (!node_snapshot_restore(node, before))
			return 1;
		least(&back, ms_since(start));
		snapshot_release(after);
	}
	printf("snapshot-pause-first %.4f\nsnapshot-pause-later %.4f\nsnapshot-restore %.3f\nsnapshot-back %.3f\n",
	       first, later, restore, back);
	snapshot_release(before);
	node_destroy(node);
	image_close(&image);
	return 0;
}
