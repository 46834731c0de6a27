/*
 * Between the virtio-mmio transport (virtio.c) and the devices that speak through it
 * (virtio_block.c, virtio_console.c, virtio_link.c): queues of buffers in guest memory.
 *
 * The driver is hostile. Every address it states goes through board_config.dma at the moment of use;
 * a queue that breaks the rules (an index out of range, a loop, an address that is no memory) puts
 * the device into "needs reset", where it does nothing until the driver resets it.
 */
#ifndef SKERRY_VM_DEVICE_VIRTIO_H
#define SKERRY_VM_DEVICE_VIRTIO_H

#include "vm/device/device.h"

#define VIRTIO_ID_BLOCK   2
#define VIRTIO_ID_CONSOLE 3

/* One buffer chain: what the driver queued as one request. Readable pieces precede writable ones. */
struct virtio_piece {
	uint64_t paddr;
	uint32_t size;
};

struct virtio_chain {
	uint16_t head;
	uint32_t pieces;
	uint32_t readable;              /* the first `readable` pieces are for the device to read */
	uint64_t read_size, write_size; /* bytes in the readable and in the writable ones */
	struct virtio_piece piece[VIRTIO_QUEUE_MAX];
};

struct virtio_device {
	uint32_t id;
	unsigned (*queues)(const struct board *board);
	uint64_t (*features)(const struct board *board);
	/* One step of queue `q`; returns false when the queue is drained or broken. */
	bool (*step)(struct board *board, unsigned slot, unsigned q);
	size_t (*config)(const struct board *board, uint8_t *bytes, size_t capacity);
	/* Does the queue only keep buffers for what comes? Then no driver need notify it. NULL: none does. */
	bool (*waits_for_input)(unsigned q);
};

extern const struct virtio_device virtio_block, virtio_console, virtio_link;

/* How many queues the slot's device has; 0 if there is none. */
unsigned virtio_queues(const struct board *board, unsigned slot);
/* The slot that holds this device, or VIRTIO_SLOTS. */
unsigned virtio_find(const struct board *board, const struct virtio_device *device);
/* Queue `q` of those that the slot's device has or could have. */
struct virtqueue *virtio_queue(struct board *board, unsigned slot, unsigned q);
unsigned virtio_queues_max(unsigned slot);

/* Takes the next chain from a queue; false when there is none. */
bool virtio_pop(struct board *board, unsigned slot, unsigned q, struct virtio_chain *chain);
/* The chain that was taken last waits again. */
void virtio_unpop(struct board *board, unsigned slot, unsigned q);
/* Gives a chain back with `written` bytes in its writable part. */
void virtio_push(struct board *board, unsigned slot, unsigned q, const struct virtio_chain *chain,
		 uint32_t written);
/* Is a chain waiting? */
bool virtio_available(const struct board *board, unsigned slot, unsigned q);
/* As if the driver had notified the queue. */
void virtio_serve(struct board *board, unsigned slot, unsigned q);

/*
 * Walks the readable (or writable) bytes [offset, offset + size) of a chain: calls `visit` with each
 * contiguous stretch of host memory. False as soon as a stretch is no memory or `visit` says so.
 */
typedef bool virtio_visit_fn(void *context, void *memory, size_t size);
bool virtio_walk(struct board *board, const struct virtio_chain *chain, bool writable, uint64_t offset,
		 uint64_t size, virtio_visit_fn *visit, void *context);
bool virtio_copy_out(struct board *board, const struct virtio_chain *chain, uint64_t offset, void *buffer,
		     size_t size);
bool virtio_copy_in(struct board *board, const struct virtio_chain *chain, uint64_t offset,
		    const void *buffer, size_t size);

/* The link device's own part of the state, after the driver's reset and at power on. */
void virtio_link_reset(struct board *board);

size_t virtio_console_input(struct board *board, const uint8_t *bytes, size_t size);
bool virtio_console_open(const struct board *board);
bool virtio_console_wants_input(const struct board *board);

#endif
