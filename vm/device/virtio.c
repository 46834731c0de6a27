/*
 * The virtio-mmio transport: eight slots at 0x10001000 + n * 0x1000, interrupts 1 + n, each a window of
 * 0x200 bytes. As QEMU does, devices fill the slots from the highest: block is slot 7, console slot 6,
 * links slot 5; a slot without a device says DeviceID 0. Both transports are spoken, one per board: legacy
 * (version 1, what QEMU 7.2 offers) and virtio 1.0 (version 2).
 *
 * Requests are served inside the notification, up to a bound; what is left of a long queue is served
 * by board_advance(), so that no register access takes unboundedly long.
 */
#include "vm/device/virtio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define SLOT_STRIDE  0x1000
#define SLOT_SIZE    0x200
#define MAGIC        0x74726976 /* "virt" */
#define VENDOR       0x554d4551 /* "QEMU", as drivers know the board */
#define STEPS        16         /* requests served in one go */
#define QUEUE_SIZE   256        /* of a queue whose driver does not say */
#define DESC_SIZE    16
#define USED_SIZE    8
#define RING_ENTRIES 4 /* offset of the entries in the available and used rings, after flags and idx */

static const struct virtio_device *device_of(const struct board *board, unsigned slot)
{
	if (slot == VIRTIO_SLOTS - 1 && board->config.disk)
		return &virtio_block;
	if (slot == VIRTIO_SLOTS - 2 && board->config.virtio_console)
		return &virtio_console;
	if (slot == LINK_SLOT && board->config.ports)
		return &virtio_link;
	return NULL;
}

unsigned virtio_queues(const struct board *board, unsigned slot)
{
	const struct virtio_device *device = device_of(board, slot);

	return device ? device->queues(board) : 0;
}

unsigned virtio_queues_max(unsigned slot)
{
	return slot == LINK_SLOT ? LINK_QUEUES : VIRTIO_QUEUES;
}

struct virtqueue *virtio_queue(struct board *board, unsigned slot, unsigned q)
{
	return q < VIRTIO_QUEUES ? &board->state.virtio[slot].queue[q]
				 : &board->state.link.queue[q - VIRTIO_QUEUES];
}

static const struct virtqueue *queue_of(const struct board *board, unsigned slot, unsigned q)
{
	return virtio_queue((struct board *)board, slot, q);
}

unsigned virtio_find(const struct board *board, const struct virtio_device *device)
{
	unsigned slot = 0;

	while (slot < VIRTIO_SLOTS && device_of(board, slot) != device)
		slot++;
	return slot;
}

static uint64_t features_of(const struct board *board, unsigned slot)
{
	uint64_t features = device_of(board, slot)->features(board);

	if (board->config.virtio_modern)
		return features | 1ull << VIRTIO_F_VERSION_1;
	return features | 1ull << VIRTIO_F_ANY_LAYOUT;
}

/* --- state of a slot --------------------------------------------------------------------------- */

static void interrupt(struct board *board, unsigned slot, uint32_t set, uint32_t clear)
{
	struct virtio *virtio = &board->state.virtio[slot];

	virtio->interrupts = (virtio->interrupts | set) & ~clear;
	board_set_irq(board, BOARD_IRQ_VIRTIO + slot, virtio->interrupts != 0);
}

static void slot_reset(struct board *board, unsigned slot)
{
	struct virtio *virtio = &board->state.virtio[slot];

	memset(virtio, 0, sizeof *virtio);
	for (unsigned q = 0; q < VIRTIO_QUEUES; q++)
		virtio->queue[q].size = QUEUE_SIZE;
	if (slot == LINK_SLOT && board->config.ports) {
		virtio_link_reset(board);
		for (unsigned q = VIRTIO_QUEUES; q < LINK_QUEUES; q++)
			virtio_queue(board, slot, q)->size = QUEUE_SIZE;
	}
	interrupt(board, slot, 0, ~0u);
}

void virtio_reset(struct board *board)
{
	for (unsigned slot = 0; slot < VIRTIO_SLOTS; slot++)
		slot_reset(board, slot);
}

/* The driver broke the rules: nothing more happens here until it resets the device. */
static bool slot_break(struct board *board, unsigned slot)
{
	struct virtio *virtio = &board->state.virtio[slot];

	virtio->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	for (unsigned q = 0; q < virtio_queues_max(slot); q++)
		virtio_queue(board, slot, q)->work = false;
	interrupt(board, slot, VIRTIO_MMIO_INT_CONFIG, 0);
	return false;
}

/* May the device touch this queue? A legacy driver need not have said DRIVER_OK. */
static bool queue_live(const struct board *board, unsigned slot, unsigned q)
{
	const struct virtio *virtio = &board->state.virtio[slot];

	if (virtio->status & VIRTIO_CONFIG_S_NEEDS_RESET || !queue_of(board, slot, q)->ready)
		return false;
	return !board->config.virtio_modern || virtio->status & VIRTIO_CONFIG_S_DRIVER_OK;
}

/* --- queues in guest memory -------------------------------------------------------------------- */

static bool guest_read(const struct board *board, uint64_t paddr, void *buffer, size_t size)
{
	const void *memory = board->config.dma(board->config.machine, paddr, size, false);

	if (memory)
		memcpy(buffer, memory, size);
	return memory;
}

static bool guest_write(const struct board *board, uint64_t paddr, const void *buffer, size_t size)
{
	void *memory = board->config.dma(board->config.machine, paddr, size, true);

	if (memory)
		memcpy(memory, buffer, size);
	return memory;
}

/* Adds descriptor `index` to the chain; false if it breaks a rule. *next < 0: it was the last. */
static bool chain_add(struct board *board, const struct virtqueue *queue, uint32_t index,
		      struct virtio_chain *chain, int32_t *next)
{
	struct vring_desc desc;
	struct virtio_piece *piece;

	/* A chain longer than the queue has a loop. */
	if (index >= queue->size || chain->pieces == queue->size)
		return false;
	if (!guest_read(board, queue->desc + (uint64_t)index * DESC_SIZE, &desc, sizeof desc))
		return false;
	if (desc.flags & VRING_DESC_F_INDIRECT) /* not offered */
		return false;
	if (desc.flags & VRING_DESC_F_WRITE) {
		chain->write_size += desc.len;
	} else {
		if (chain->readable != chain->pieces)
			return false; /* a readable piece after a writable one */
		chain->readable++;
		chain->read_size += desc.len;
	}
	piece = &chain->piece[chain->pieces++];
	piece->paddr = desc.addr;
	piece->size = desc.len;
	*next = desc.flags & VRING_DESC_F_NEXT ? desc.next : -1;
	return true;
}

/* How many chains wait; negative if the ring is broken. */
static int32_t queue_waiting(const struct board *board, const struct virtqueue *queue)
{
	uint16_t avail;

	if (!guest_read(board, queue->avail + offsetof(struct vring_avail, idx), &avail, sizeof avail))
		return -1;
	avail = (uint16_t)(avail - queue->next_avail);
	return avail <= queue->size ? avail : -1;
}

bool virtio_available(const struct board *board, unsigned slot, unsigned q)
{
	return queue_live(board, slot, q) && queue_waiting(board, queue_of(board, slot, q)) > 0;
}

bool virtio_pop(struct board *board, unsigned slot, unsigned q, struct virtio_chain *chain)
{
	struct virtqueue *queue = virtio_queue(board, slot, q);
	int32_t waiting, next;
	uint64_t entry = queue->avail + RING_ENTRIES + 2ull * (queue->next_avail % queue->size);

	if (!queue_live(board, slot, q))
		return false;
	waiting = queue_waiting(board, queue);
	if (waiting == 0)
		return false;
	if (waiting < 0 || !guest_read(board, entry, &chain->head, sizeof chain->head))
		return slot_break(board, slot);

	chain->pieces = chain->readable = 0;
	chain->read_size = chain->write_size = 0;
	for (next = chain->head; next >= 0;)
		if (!chain_add(board, queue, (uint32_t)next, chain, &next))
			return slot_break(board, slot);
	queue->next_avail++;
	return true;
}

void virtio_unpop(struct board *board, unsigned slot, unsigned q)
{
	virtio_queue(board, slot, q)->next_avail--;
}

void virtio_push(struct board *board, unsigned slot, unsigned q, const struct virtio_chain *chain,
		 uint32_t written)
{
	struct virtqueue *queue = virtio_queue(board, slot, q);
	struct vring_used_elem element = {.id = chain->head, .len = written};
	uint64_t entry = queue->used + RING_ENTRIES + USED_SIZE * (uint64_t)(queue->next_used % queue->size);
	bool (*waits)(unsigned) = device_of(board, slot)->waits_for_input;
	struct {
		uint16_t flags, index; /* as in struct vring_used */
	} head = {.flags = waits && waits(q) ? VRING_USED_F_NO_NOTIFY : 0,
		  .index = (uint16_t)(queue->next_used + 1)};
	uint16_t flags;

	if (!guest_write(board, entry, &element, sizeof element) ||
	    !guest_write(board, queue->used, &head, sizeof head) ||
	    !guest_read(board, queue->avail, &flags, sizeof flags)) {
		slot_break(board, slot);
		return;
	}
	queue->next_used = head.index;
	if (!(flags & VRING_AVAIL_F_NO_INTERRUPT))
		interrupt(board, slot, VIRTIO_MMIO_INT_VRING, 0);
}

/* --- the bytes of a chain ---------------------------------------------------------------------- */

bool virtio_walk(struct board *board, const struct virtio_chain *chain, bool writable, uint64_t offset,
		 uint64_t size, virtio_visit_fn *visit, void *context)
{
	uint32_t end = writable ? chain->pieces : chain->readable;

	for (uint32_t i = writable ? chain->readable : 0; i < end && size > 0; i++) {
		const struct virtio_piece *piece = &chain->piece[i];
		uint64_t stretch;
		void *memory;

		if (offset >= piece->size) {
			offset -= piece->size;
			continue;
		}
		stretch = piece->size - offset < size ? piece->size - offset : size;
		memory = board->config.dma(board->config.machine, piece->paddr + offset, stretch, writable);
		if (!memory || !visit(context, memory, stretch))
			return false;
		size -= stretch;
		offset = 0;
	}
	return size == 0;
}

static bool copy_out(void *context, void *memory, size_t size)
{
	uint8_t **cursor = context;

	memcpy(*cursor, memory, size);
	*cursor += size;
	return true;
}

bool virtio_copy_out(struct board *board, const struct virtio_chain *chain, uint64_t offset, void *buffer,
		     size_t size)
{
	return virtio_walk(board, chain, false, offset, size, copy_out, &buffer);
}

static bool copy_in(void *context, void *memory, size_t size)
{
	const uint8_t **cursor = context;

	memcpy(memory, *cursor, size);
	*cursor += size;
	return true;
}

bool virtio_copy_in(struct board *board, const struct virtio_chain *chain, uint64_t offset,
		    const void *buffer, size_t size)
{
	return virtio_walk(board, chain, true, offset, size, copy_in, &buffer);
}

/* --- serving ----------------------------------------------------------------------------------- */

void virtio_serve(struct board *board, unsigned slot, unsigned q)
{
	struct virtqueue *queue = virtio_queue(board, slot, q);
	const struct virtio_device *device = device_of(board, slot);
	unsigned steps = 0;

	if (!queue_live(board, slot, q)) {
		queue->work = false;
		return;
	}
	while (steps < STEPS && device->step(board, slot, q))
		steps++;
	queue->work = steps == STEPS;
	if (!queue->work)
		return;
	board->working = true;
	board->config.changed(board->config.machine);
}

bool virtio_has_work(const struct board *board)
{
	if (!board->working)
		return false;
	for (unsigned slot = 0; slot < VIRTIO_SLOTS; slot++)
		for (unsigned q = 0; q < virtio_queues_max(slot); q++)
			if (queue_of(board, slot, q)->work)
				return true;
	return false;
}

void virtio_advance(struct board *board)
{
	if (!board->working)
		return;
	board->working = false;
	for (unsigned slot = 0; slot < VIRTIO_SLOTS; slot++)
		for (unsigned q = 0; q < virtio_queues_max(slot); q++)
			if (queue_of(board, slot, q)->work)
				virtio_serve(board, slot, q);
}

/* --- registers --------------------------------------------------------------------------------- */

static struct virtqueue *selected_queue(struct board *board, unsigned slot)
{
	uint32_t q = board->state.virtio[slot].queue_select;

	return q < virtio_queues(board, slot) ? virtio_queue(board, slot, q) : NULL;
}

static uint32_t feature_word(const struct board *board, unsigned slot, uint32_t select)
{
	uint64_t features = features_of(board, slot);

	if (select > 1 || (select == 1 && !board->config.virtio_modern))
		return 0;
	return (uint32_t)(features >> 32 * select);
}

/* Registers both transports have, then those of one; what is not there reads 0. */
static uint32_t register_load(struct board *board, unsigned slot, uint64_t offset)
{
	const struct virtio *virtio = &board->state.virtio[slot];
	const struct virtqueue *queue;
	bool modern = board->config.virtio_modern;

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return modern ? 2 : 1;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	default:
		break;
	}
	if (!device_of(board, slot))
		return 0;

	queue = selected_queue(board, slot);
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_ID:
		return device_of(board, slot)->id;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return feature_word(board, slot, virtio->device_features_select);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return queue ? VIRTIO_QUEUE_MAX : 0;
	case VIRTIO_MMIO_QUEUE_PFN:
		return queue && !modern ? queue->pfn : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return queue && modern && queue->ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return virtio->interrupts;
	case VIRTIO_MMIO_STATUS:
		return virtio->status;
	default:
		return 0;
	}
}

static void status_store(struct board *board, unsigned slot, uint32_t value)
{
	struct virtio *virtio = &board->state.virtio[slot];
	uint64_t wanted = 1ull << VIRTIO_F_VERSION_1;
	uint32_t old = virtio->status;

	if ((value & 0xff) == 0) {
		slot_reset(board, slot);
		return;
	}
	virtio->status = (value & 0xff) | (old & VIRTIO_CONFIG_S_NEEDS_RESET);
	/* A modern driver reads back whether its choice of features is accepted. */
	if (board->config.virtio_modern && (value & ~old & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    ((virtio->driver_features & ~features_of(board, slot)) || !(virtio->driver_features & wanted)))
		virtio->status &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
}

static void queue_reset(struct virtqueue *queue)
{
	uint32_t size = queue->size, align = queue->align;

	memset(queue, 0, sizeof *queue);
	queue->size = size;
	queue->align = align;
}

/* Legacy: one page number places all three rings; 0 takes them away. */
static void pfn_store(const struct virtio *virtio, struct virtqueue *queue, uint32_t pfn)
{
	uint64_t align = queue->align ? queue->align : virtio->page_size;

	queue_reset(queue);
	if (pfn == 0)
		return;
	queue->pfn = pfn;
	queue->desc = (uint64_t)pfn * virtio->page_size;
	queue->avail = queue->desc + (uint64_t)DESC_SIZE * queue->size;
	queue->used = queue->avail + RING_ENTRIES + 2ull * queue->size + sizeof(uint16_t);
	if (align > 0)
		queue->used = (queue->used + align - 1) / align * align;
	queue->ready = true;
}

static uint64_t with_half(uint64_t old, uint64_t offset, uint32_t value)
{
	return offset & 4 ? (uint32_t)old | (uint64_t)value << 32 : (old & ~0xffffffffull) | value;
}

static void queue_store(const struct board *board, const struct virtio *virtio, struct virtqueue *queue,
			uint64_t offset, uint32_t value)
{
	bool modern = board->config.virtio_modern;

	if (offset == VIRTIO_MMIO_QUEUE_READY && modern) {
		if (value & 1)
			queue->ready = true;
		else
			queue_reset(queue);
	}
	if (queue->ready && !(offset == VIRTIO_MMIO_QUEUE_PFN && !modern))
		return; /* a live queue does not move */

	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		if (value > 0 && value <= VIRTIO_QUEUE_MAX && (value & (value - 1)) == 0)
			queue->size = value;
		break;
	case VIRTIO_MMIO_QUEUE_ALIGN:
		if (!modern && (value & (value - 1)) == 0)
			queue->align = value;
		break;
	case VIRTIO_MMIO_QUEUE_PFN:
		if (!modern)
			pfn_store(virtio, queue, value);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		queue->desc = with_half(queue->desc, offset, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		queue->avail = with_half(queue->avail, offset, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		queue->used = with_half(queue->used, offset, value);
		break;
	default:
		break;
	}
}

static void register_store(struct board *board, unsigned slot, uint64_t offset, uint32_t value)
{
	struct virtio *virtio = &board->state.virtio[slot];
	bool modern = board->config.virtio_modern;
	struct virtqueue *queue;

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		virtio->device_features_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if (virtio->driver_features_select <= (modern ? 1u : 0u))
			virtio->driver_features =
				with_half(virtio->driver_features, 4 * virtio->driver_features_select, value);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		virtio->driver_features_select = value;
		break;
	case VIRTIO_MMIO_GUEST_PAGE_SIZE:
		virtio->page_size = value;
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		virtio->queue_select = value;
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		if (value < virtio_queues(board, slot))
			virtio_serve(board, slot, value);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		interrupt(board, slot, 0, value);
		break;
	case VIRTIO_MMIO_STATUS:
		status_store(board, slot, value);
		break;
	default:
		queue = selected_queue(board, slot);
		if (queue)
			queue_store(board, virtio, queue, offset, value);
		break;
	}
}

bool virtio_load(struct board *board, uint64_t offset, unsigned size, uint64_t *value)
{
	unsigned slot = (unsigned)(offset / SLOT_STRIDE);
	uint8_t config[64];
	size_t config_size, at;

	offset %= SLOT_STRIDE;
	if (offset >= SLOT_SIZE)
		return false;
	*value = 0;
	if (offset < VIRTIO_MMIO_CONFIG) {
		if (size >= 4)
			*value = register_load(board, slot, offset);
		if (size == 8)
			*value |= (uint64_t)register_load(board, slot, offset + 4) << 32;
	} else if (device_of(board, slot)) {
		at = offset - VIRTIO_MMIO_CONFIG;
		config_size = device_of(board, slot)->config(board, config, sizeof config);
		if (at + size <= config_size)
			memcpy(value, config + at, size);
	}
	return true;
}

bool virtio_store(struct board *board, uint64_t offset, unsigned size, uint64_t value)
{
	unsigned slot = (unsigned)(offset / SLOT_STRIDE);

	offset %= SLOT_STRIDE;
	if (offset >= SLOT_SIZE)
		return false;
	if (offset < VIRTIO_MMIO_CONFIG && size >= 4 && device_of(board, slot)) {
		register_store(board, slot, offset, (uint32_t)value);
		if (size == 8)
			register_store(board, slot, offset + 4, (uint32_t)(value >> 32));
	}
	return true;
}
