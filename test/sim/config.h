/* The clusters that tests simulate. */
#pragma once

#include "cluster/sim/sim.h"
#include "cmd/image.h"

/* Nodes that run the image, each with 32 MiB, until `end`, with these faults; nothing is told of them yet. */
static inline struct sim_config sim_test_config(const struct image *image, unsigned nodes, uint64_t seed,
						uint64_t end, const struct sim_fault *fault, unsigned faults)
{
	return (struct sim_config){
		.node = {.ram_size = 32ull << 20,
			 .entry = image->entry,
			 .segment = image->segment,
			 .segments = image->segments},
		.nodes = nodes,
		.seed = seed,
		.end = end,
		.fault = fault,
		.faults = faults,
	};
}
