/*
 * In virtual time a run is a function of its image: two nodes run the same program, one in long steps and
 * interpreted, one in short ones of random length, or traced, or compiled, and have the same state at the
 * same guest time, and have printed the same.
 *
 *   determinism IMAGE...
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/image.h"
#include "port/vm/node.h"
#include "port/vm/trace.h"

#define RAM_SIZE    (16ull << 20)
#define END_NS      60000000ull /* guest time that is compared */
#define CHECKPOINTS 12
#define TEXT_SIZE   65536
#define TRACED_STEP 700       /* the node that makes steps of this length is traced */
#define TRACE_SIZE  (1 << 20) /* bytes: the ring wraps */

struct side {
	struct node *node;
	uint64_t longest; /* step, ns; 0: up to the checkpoint */
	uint64_t random;
	bool over;
	char text[TEXT_SIZE];
	size_t length;
};

static struct side sides[2];

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	struct side *side = context;

	(void)console;
	if (size > TEXT_SIZE - side->length)
		size = TEXT_SIZE - side->length;
	memcpy(side->text + side->length, bytes, size);
	side->length += size;
}

static uint64_t next_budget(struct side *side, uint64_t most)
{
	uint64_t budget;

	if (side->longest == 0)
		return most;
	side->random = side->random * 6364136223846793005ull + 1442695040888963407ull;
	budget = 1 + (side->random >> 33) % side->longest;
	return budget < most ? budget : most;
}

/* Runs up to guest time `time`, or to the end. */
static void run_to(struct side *side, uint64_t time)
{
	while (!side->over && node_time(side->node) < time) {
		uint64_t until;

		switch (node_step(side->node, next_budget(side, time - node_time(side->node)), &until)) {
		case NODE_RAN:
		case NODE_STOPPED:
			break;
		case NODE_IDLE:
			/* In virtual time nothing can change before. */
			node_skip_to(side->node, until < time ? until : time);
			side->over = until == NODE_FOREVER;
			break;
		case NODE_HALTED:
			side->over = true;
			break;
		}
	}
}

static bool create(struct side *side, const struct image *image, enum vm_tier tier, uint64_t longest,
		   char *error, size_t error_size)
{
	struct node_config config = {
		.ram_size = RAM_SIZE,
		.entry = image->entry,
		.segment = image->segment,
		.segments = image->segments,
		.tier = tier,
		.board = {.context = side, .output = output},
	};

	memset(side, 0, sizeof *side);
	side->longest = longest;
	side->random = longest;
	side->node = node_create(&config, error, error_size);
	return side->node && (longest != TRACED_STEP || node_trace_start(side->node, TRACE_SIZE, NULL));
}

/* NULL, or what is different. */
static const char *compare(uint64_t longest, enum vm_tier tier, const struct image *image, char *error,
			   size_t error_size)
{
	if (!create(&sides[0], image, VM_TIER_INTERP, 0, error, error_size) ||
	    !create(&sides[1], image, tier, longest, error, error_size))
		return error;
	for (unsigned i = 1; i <= CHECKPOINTS; i++) {
		/* Closer together at the beginning. */
		uint64_t time = END_NS >> (CHECKPOINTS - i);
		uint64_t hash[2];

		for (unsigned side = 0; side < 2; side++) {
			run_to(&sides[side], time);
			hash[side] = node_state_hash(sides[side].node);
		}
		if (node_time(sides[0].node) != node_time(sides[1].node) || hash[0] != hash[1]) {
			snprintf(error, error_size,
				 "tier %d, steps of up to %" PRIu64 " ns: at %" PRIu64
				 " ns of guest time the states are %" PRIx64 " (at %" PRIu64 ") and %" PRIx64
				 " (at %" PRIu64 ")",
				 tier, longest, time, hash[0], node_time(sides[0].node), hash[1],
				 node_time(sides[1].node));
			return error;
		}
	}
	if (sides[0].length != sides[1].length || memcmp(sides[0].text, sides[1].text, sides[0].length) != 0)
		return "the outputs differ";
	if (sides[0].length == 0)
		return "nothing was printed";
	return NULL;
}

static bool test(const char *path)
{
	static const struct {
		uint64_t longest;
		enum vm_tier tier;
	} runs[] = {{0, VM_TIER_JIT},   {0, VM_TIER_AUTO},    {20000, VM_TIER_INTERP}, {20000, VM_TIER_AUTO},
		    {700, VM_TIER_JIT}, {30, VM_TIER_INTERP}, {30, VM_TIER_JIT}};
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path, *why = NULL;
	char error[512];
	struct image image;

	if (!image_open(&image, path, error, sizeof error))
		why = error;
	for (unsigned i = 0; i < sizeof runs / sizeof runs[0] && !why; i++) {
		why = compare(runs[i].longest, runs[i].tier, &image, error, sizeof error);
		for (unsigned side = 0; side < 2; side++) {
			if (sides[side].node)
				node_destroy(sides[side].node);
			sides[side].node = NULL;
		}
	}
	image_close(&image);
	if (why)
		printf("not ok determinism-%s: %s\n", name, why);
	else
		printf("ok determinism-%s\n", name);
	return !why;
}

int main(int argc, char **argv)
{
	bool good = true;

	for (int i = 1; i < argc; i++)
		good &= test(argv[i]);
	return !good;
}
