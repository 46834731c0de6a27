/*
 * The virtio block device: sectors of board_config.disk. One queue; read, write, flush and get-id.
 * Requests complete at once. A request whose buffers or sectors are wrong fails by its status byte; one
 * without room for the status byte is given back with nothing written.
 */
#include "vm/device/virtio.h"

#include <linux/virtio_blk.h>
#include <string.h>

#define SECTOR       512
#define SEGMENTS_MAX 126         /* data pieces a driver should use in one request */
#define REQUEST_MAX  (16u << 20) /* bytes; bounds the time of one request */

static const char disk_id[VIRTIO_BLK_ID_BYTES] = "skerry-disk";

static unsigned block_queues(const struct board *board)
{
	(void)board;
	return 1;
}

static uint64_t block_features(const struct board *board)
{
	return 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_BLK_SIZE | 1ull << VIRTIO_BLK_F_FLUSH |
	       (board->config.disk->read_only ? 1ull << VIRTIO_BLK_F_RO : 0);
}

static size_t block_config(const struct board *board, uint8_t *bytes, size_t capacity)
{
	struct virtio_blk_config config;
	size_t size = sizeof config < capacity ? sizeof config : capacity;

	memset(&config, 0, sizeof config);
	config.capacity = board->config.disk->size / SECTOR;
	config.seg_max = SEGMENTS_MAX;
	config.blk_size = SECTOR;
	memcpy(bytes, &config, size);
	return size;
}

struct transfer {
	const struct board_disk *disk;
	uint64_t offset;
};

static bool read_stretch(void *context, void *memory, size_t size)
{
	struct transfer *transfer = context;
	bool ok = transfer->disk->read(transfer->disk->context, transfer->offset, memory, size);

	transfer->offset += size;
	return ok;
}

static bool write_stretch(void *context, void *memory, size_t size)
{
	struct transfer *transfer = context;
	bool ok = transfer->disk->write(transfer->disk->context, transfer->offset, memory, size);

	transfer->offset += size;
	return ok;
}

static bool in_range(const struct board_disk *disk, uint64_t sector, uint64_t size)
{
	return size % SECTOR == 0 && size <= disk->size && sector <= (disk->size - size) / SECTOR;
}

/* Reads `size` bytes into the chain; the status byte lies behind them. */
static uint8_t block_read(struct board *board, const struct virtio_chain *chain, uint64_t sector,
			  uint64_t size)
{
	struct transfer transfer = {board->config.disk, sector * SECTOR};

	if (!in_range(transfer.disk, sector, size))
		return VIRTIO_BLK_S_IOERR;
	return virtio_walk(board, chain, true, 0, size, read_stretch, &transfer) ? VIRTIO_BLK_S_OK
										 : VIRTIO_BLK_S_IOERR;
}

static uint8_t block_write(struct board *board, const struct virtio_chain *chain, uint64_t sector,
			   uint64_t size)
{
	struct transfer transfer = {board->config.disk, sector * SECTOR};

	if (transfer.disk->read_only || !in_range(transfer.disk, sector, size))
		return VIRTIO_BLK_S_IOERR;
	return virtio_walk(board, chain, false, sizeof(struct virtio_blk_outhdr), size, write_stretch,
			   &transfer)
		       ? VIRTIO_BLK_S_OK
		       : VIRTIO_BLK_S_IOERR;
}

/* Carries one request out; *written is what it put into the chain before the status byte. */
static uint8_t request(struct board *board, const struct virtio_chain *chain, uint64_t *written)
{
	struct virtio_blk_outhdr header;
	uint64_t room = chain->write_size - 1;
	uint8_t status;

	*written = 0;
	if (chain->read_size + chain->write_size > REQUEST_MAX ||
	    !virtio_copy_out(board, chain, 0, &header, sizeof header))
		return VIRTIO_BLK_S_IOERR;
	switch (header.type) {
	case VIRTIO_BLK_T_IN:
		status = block_read(board, chain, header.sector, room);
		*written = status == VIRTIO_BLK_S_OK ? room : 0;
		return status;
	case VIRTIO_BLK_T_OUT:
		return block_write(board, chain, header.sector, chain->read_size - sizeof header);
	case VIRTIO_BLK_T_FLUSH:
		return board->config.disk->flush(board->config.disk->context) ? VIRTIO_BLK_S_OK
									      : VIRTIO_BLK_S_IOERR;
	case VIRTIO_BLK_T_GET_ID:
		*written = room < sizeof disk_id ? room : sizeof disk_id;
		if (virtio_copy_in(board, chain, 0, disk_id, *written))
			return VIRTIO_BLK_S_OK;
		*written = 0;
		return VIRTIO_BLK_S_IOERR;
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

static bool block_step(struct board *board, unsigned slot, unsigned q)
{
	struct virtio_chain chain;
	uint64_t written = 0;
	uint8_t status;

	if (!virtio_pop(board, slot, q, &chain))
		return false;
	if (chain.write_size > 0) {
		status = request(board, &chain, &written);
		written += virtio_copy_in(board, &chain, chain.write_size - 1, &status, 1);
	}
	virtio_push(board, slot, q, &chain, (uint32_t)written);
	return true;
}

const struct virtio_device virtio_block = {
	.id = VIRTIO_ID_BLOCK,
	.queues = block_queues,
	.features = block_features,
	.step = block_step,
	.config = block_config,
};
