/*
 * A linked list of 4 MiB. Its order in memory is random within stretches of 256 KiB, as a program's
 * allocations leave it: each step is a load that depends on the one before and misses the near
 * caches, but not the TLB's 64 latest pages. The scale is the number of laps.
 */
#include "test/bench/workload.h"

enum { NODES = 65536, STRETCH = 4096 };

struct node {
	struct node *next;
	uint64_t key;
	uint64_t visits;
	uint64_t padding[5];
};
_Static_assert(sizeof(struct node) == 64, "a node is a cache line");

static struct node nodes[NODES];
static uint32_t order[NODES];

/* Makes one cycle through all nodes, stretch after stretch. */
static void list_make(void)
{
	uint64_t seed = 88172645463325252u;

	for (uint32_t i = 0; i < NODES; i++)
		order[i] = i;
	for (uint32_t i = 0; i < NODES; i++) {
		uint32_t left = STRETCH - i % STRETCH;
		uint32_t j = i + (uint32_t)((random_next(&seed) >> 32) * left >> 32);
		uint32_t swap = order[i];

		order[i] = order[j];
		order[j] = swap;
	}
	for (uint32_t i = 0; i < NODES; i++) {
		nodes[order[i]].next = &nodes[order[i + 1 < NODES ? i + 1 : 0]];
		nodes[order[i]].key = i * UINT64_C(0x9e3779b97f4a7c15);
		nodes[order[i]].visits = 0;
	}
}

static APART uint64_t list_walk(struct node *node, uint64_t threshold)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < NODES; i++) {
		if (node->key > threshold)
			sum += node->key ^ i;
		node->visits++;
		node = node->next;
	}
	return sum;
}

uint64_t workload_list(unsigned scale)
{
	uint64_t checksum = 0;

	list_make();
	for (unsigned lap = 0; lap < scale; lap++)
		checksum = checksum_add(checksum, list_walk(&nodes[lap], checksum >> 8));
	return checksum_add(checksum, nodes[scale].visits);
}
