/* See region.h. */
#include "cmd/region.h"

static void *memory;
static uint64_t size;

bool region_begin(struct run *run, struct board_config *board)
{
	const struct run_options *options = &run->options;
	uint64_t share = options->region_size / REGION_STEP / options->region_shares * REGION_STEP;

	size = options->region_size;
	memory = host_memory_share(
		options->region, size,
		"skerry: the region is gone: its file was made shorter, or its disk is full\n");
	if (!memory) {
		complain("cannot share region %s: %s", options->region, host_error());
		run->status = STATUS_NO_BOOT;
		return false;
	}
	board->region = memory;
	board->region_size = size;
	board->region_share = share * options->region_share;
	board->region_share_size = share;
	return true;
}

void region_end(void)
{
	if (memory)
		host_memory_release(memory, size);
	memory = NULL;
}
