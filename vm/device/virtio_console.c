/*
 * The virtio console: one port. Queue 0 receives, queue 1 sends. What the guest sends is printed at
 * once; input goes straight into the buffers the guest has queued and waits outside while there are none.
 */
#include "vm/device/virtio.h"

#include <linux/virtio_console.h>
#include <string.h>

enum { QUEUE_RECEIVE, QUEUE_SEND };

#define SEND_MAX (1u << 20) /* bytes of one chain that are printed: bounds the time of one request */

static unsigned console_queues(const struct board *board)
{
	(void)board;
	return 2;
}

static uint64_t console_features(const struct board *board)
{
	(void)board;
	return 0;
}

static size_t console_config(const struct board *board, uint8_t *bytes, size_t capacity)
{
	struct virtio_console_config config;
	size_t size = sizeof config < capacity ? sizeof config : capacity;

	(void)board;
	memset(&config, 0, sizeof config);
	config.max_nr_ports = 1;
	memcpy(bytes, &config, size);
	return size;
}

static bool print_stretch(void *context, void *memory, size_t size)
{
	board_output(context, 1, memory, size);
	return true;
}

static bool console_step(struct board *board, unsigned slot, unsigned q)
{
	struct virtio_chain chain;
	uint64_t size;

	/* Receive buffers wait for input: virtio_console_input() takes them. */
	if (q != QUEUE_SEND || !virtio_pop(board, slot, q, &chain))
		return false;
	size = chain.read_size < SEND_MAX ? chain.read_size : SEND_MAX;
	virtio_walk(board, &chain, false, 0, size, print_stretch, board);
	virtio_push(board, slot, q, &chain, 0);
	return true;
}

bool virtio_console_open(const struct board *board)
{
	unsigned slot = virtio_find(board, &virtio_console);

	return slot < VIRTIO_SLOTS && board->state.virtio[slot].queue[QUEUE_RECEIVE].ready;
}

bool virtio_console_wants_input(const struct board *board)
{
	unsigned slot = virtio_find(board, &virtio_console);

	return slot < VIRTIO_SLOTS && virtio_available(board, slot, QUEUE_RECEIVE);
}

size_t virtio_console_input(struct board *board, const uint8_t *bytes, size_t size)
{
	unsigned slot = virtio_find(board, &virtio_console);
	struct virtio_chain chain;
	size_t taken = 0, part;

	if (slot == VIRTIO_SLOTS)
		return 0;
	while (taken < size && virtio_pop(board, slot, QUEUE_RECEIVE, &chain)) {
		part = size - taken < chain.write_size ? size - taken : (size_t)chain.write_size;
		if (!virtio_copy_in(board, &chain, 0, bytes + taken, part))
			part = 0;
		taken += part;
		virtio_push(board, slot, QUEUE_RECEIVE, &chain, (uint32_t)part);
	}
	return taken;
}

const struct virtio_device virtio_console = {
	.id = VIRTIO_ID_CONSOLE,
	.queues = console_queues,
	.features = console_features,
	.step = console_step,
	.config = console_config,
};
