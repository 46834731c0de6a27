/*
 * Two whole nodes in one process that share a region, in virtual time and in turn: what share.c does, the
 * same to the last bit each time and in each tier; and what a node with a region refuses.
 *
 *   node IMAGE        (made of test/region/guest/share.c)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/image.h"
#include "host/host.h"
#include "port/vm/internal.h"

#define RAM_SIZE    (32ull << 20)
#define REGION_SIZE (4ull << 20)
#define STEP_NS     50000
#define STEPS       200000 /* of each, within which they must be done */

struct end {
	bool done;
	uint64_t hash[2];
	char text[2][1024];
};

static unsigned failures;
static struct end *writing;

static void result(const char *name, const char *why)
{
	if (why)
		printf("not ok region node %s: %s\n", name, why);
	else
		printf("ok region node %s\n", name);
	failures += why != NULL;
}

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	char *text = writing->text[(uintptr_t)context];
	size_t length = strlen(text), room = sizeof writing->text[0] - 1 - length;

	(void)console;
	memcpy(text + length, bytes, size < room ? size : room);
}

static struct node_config config_of(const struct image *image, void *region, unsigned share,
				    enum vm_tier tier)
{
	return (struct node_config){
		.ram_size = RAM_SIZE,
		.entry = image->entry,
		.segment = image->segment,
		.segments = image->segments,
		.tier = tier,
		.board = {.context = (void *)(uintptr_t)share,
			  .output = output,
			  .region = region,
			  .region_size = REGION_SIZE,
			  .region_share = share * REGION_SIZE / 2,
			  .region_share_size = REGION_SIZE / 2},
	};
}

static bool turn(struct node *node)
{
	uint64_t until;
	enum node_state state = node_step(node, STEP_NS, &until);

	if (state == NODE_IDLE)
		node_skip_to(node, node_time(node) + STEP_NS);
	return state == NODE_HALTED;
}

/* Both, until both have switched themselves off. */
static void run(const struct image *image, enum vm_tier first, enum vm_tier second, struct end *end)
{
	void *region = host_memory_reserve(REGION_SIZE);
	enum vm_tier tiers[2] = {first, second};
	struct node *node[2];
	bool off[2] = {false, false};
	char error[256];

	memset(end, 0, sizeof *end);
	writing = end;
	for (unsigned i = 0; i < 2; i++) {
		struct node_config config = config_of(image, region, i, tiers[i]);

		node[i] = node_create(&config, error, sizeof error);
		if (!node[i])
			printf("# %s\n", error), exit(1);
	}
	for (unsigned n = 0; n < STEPS && !(off[0] && off[1]); n++)
		for (unsigned i = 0; i < 2; i++)
			off[i] = off[i] || turn(node[i]);
	for (unsigned i = 0; i < 2; i++) {
		end->hash[i] = node_state_hash(node[i]);
		off[i] &= node_exit_status(node[i]) == 0;
		node_destroy(node[i]);
	}
	end->done = off[0] && off[1];
	host_memory_release(region, REGION_SIZE);
}

static void pairs(const struct image *image)
{
	static const struct {
		const char *name;
		enum vm_tier first, second;
	} tries[] = {
		{"interpreted", VM_TIER_INTERP, VM_TIER_INTERP},
		{"compiled", VM_TIER_JIT, VM_TIER_JIT},
		{"in both tiers", VM_TIER_AUTO, VM_TIER_INTERP},
	};
	static struct end ends[3];

	for (unsigned i = 0; i < 3; i++) {
		struct end *end = &ends[i];

		run(image, tries[i].first, tries[i].second, end);
		result(tries[i].name, !end->done ? "they did not end, or not well"
				      : !strstr(end->text[0], "counted 200000 and 200000\n") ||
						      !strstr(end->text[1], "counted 200000 and 200000\n")
					      ? "they did not count to 200000"
				      : !strstr(end->text[1], "read 20000 blocks, 0 wrong")
					      ? "not all blocks were read"
				      : memcmp(end->hash, ends[0].hash, sizeof end->hash) ||
						      memcmp(end->text, ends[0].text, sizeof end->text)
					      ? "it is another run than that of the interpreter"
					      : NULL);
	}
}

/* --- what is refused ------------------------------------------------------------------------------- */

static void bounds(const struct image *image, void *region)
{
	static const struct {
		const char *what;
		uint64_t size, share, share_size;
	} wrong[] = {
		{"nothing", 0, 0, 0},
		{"half a page", 2048, 0, 2048},
		{"more than there is room for", BOARD_REGION_MAX + 4096, 0, 4096},
		{"a share behind it", 8192, 12288, 4096},
		{"a share that is longer", 8192, 4096, 8192},
		{"a share around the end of all numbers", 8192, 4096, UINT64_MAX - 4095},
		{"a share of half a page", 8192, 0, 2048},
	};
	const char *why = NULL;
	char error[256];

	for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct node_config config = config_of(image, region, 0, VM_TIER_AUTO);
		struct node *node;

		config.board.region_size = wrong[i].size;
		config.board.region_share = wrong[i].share;
		config.board.region_share_size = wrong[i].share_size;
		node = node_create(&config, error, sizeof error);
		if (node) {
			why = wrong[i].what;
			node_destroy(node);
		} else if (!strstr(error, "a region has 4 KiB to 1 GiB")) {
			why = error;
		}
	}
	result("sizes", why);
}

/* Devices, snapshots and histories have to do with RAM only; a debugger sees the region. */
static void strangers(const struct image *image, void *region)
{
	struct node_config config = config_of(image, region, 0, VM_TIER_AUTO);
	struct node *node = node_create(&config, (char[256]){0}, 256);
	struct board_config *board = &node->config.board;

	result("devices",
	       board->dma(node, BOARD_REGION_BASE, 8, false) || board->dma(node, BOARD_REGION_BASE, 8, true)
		       ? "one may access it"
		       : NULL);
	result("snapshot", node_snapshot_take(node) ? "there is one" : NULL);
	node_destroy(node);
	config.board.region = NULL;
	node = node_create(&config, (char[256]){0}, 256);
	struct snapshot *snapshot = node_snapshot_take(node);
	result("snapshot without", snapshot ? NULL : "there is none");
	snapshot_release(snapshot);
	node_destroy(node);
}

int main(int argc, char **argv)
{
	void *region = host_memory_reserve(REGION_SIZE);
	static struct end ignored;
	struct image image;
	char error[512];

	if (argc != 2 || !image_open(&image, argv[1], error, sizeof error)) {
		fprintf(stderr, "usage: node IMAGE\n");
		return 2;
	}
	pairs(&image);
	writing = &ignored;
	bounds(&image, region);
	strangers(&image, region);
	host_memory_release(region, REGION_SIZE);
	image_close(&image);
	return failures != 0;
}
