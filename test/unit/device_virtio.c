/* The board's tests of virtio: the transports, disk and console. Run by device.c. */
#include <linux/virtio_blk.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "test/unit/device.h"

#define QUEUE      0x10000ull /* offsets in RAM */
#define HEADER     0x20000ull
#define DATA       0x21000ull
#define STATUS     0x30000ull
#define QUEUE_SIZE 8

static struct vring ring;

static void desc(unsigned i, uint64_t offset, uint32_t size, uint16_t flags, uint16_t next)
{
	ring.desc[i].addr = BOARD_RAM_BASE + offset;
	ring.desc[i].len = size;
	ring.desc[i].flags = flags;
	ring.desc[i].next = next;
}

static void submit(uint64_t base, unsigned queue, uint16_t head)
{
	ring.avail->ring[ring.avail->idx % QUEUE_SIZE] = head;
	ring.avail->idx++;
	store(base + VIRTIO_MMIO_QUEUE_NOTIFY, 4, queue);
}

static void queue_start(uint64_t base, bool modern, unsigned queue, uint64_t offset)
{
	uint64_t desc_address = BOARD_RAM_BASE + offset;

	vring_init(&ring, QUEUE_SIZE, world.ram + offset, 4096);
	store(base + VIRTIO_MMIO_QUEUE_SEL, 4, queue);
	CHECK(load(base + VIRTIO_MMIO_QUEUE_NUM_MAX, 4) == 1024);
	store(base + VIRTIO_MMIO_QUEUE_NUM, 4, QUEUE_SIZE);
	if (modern) {
		uint64_t avail = BOARD_RAM_BASE + (uint64_t)((uint8_t *)ring.avail - world.ram);
		uint64_t used = BOARD_RAM_BASE + (uint64_t)((uint8_t *)ring.used - world.ram);

		store(base + VIRTIO_MMIO_QUEUE_DESC_LOW, 4, (uint32_t)desc_address);
		store(base + VIRTIO_MMIO_QUEUE_DESC_HIGH, 4, 0);
		store(base + VIRTIO_MMIO_QUEUE_AVAIL_LOW, 4, (uint32_t)avail);
		store(base + VIRTIO_MMIO_QUEUE_USED_LOW, 4, (uint32_t)used);
		store(base + VIRTIO_MMIO_QUEUE_READY, 4, 1);
		CHECK(load(base + VIRTIO_MMIO_QUEUE_READY, 4) == 1);
	} else {
		store(base + VIRTIO_MMIO_QUEUE_ALIGN, 4, 4096);
		store(base + VIRTIO_MMIO_QUEUE_PFN, 4, desc_address >> 12);
		CHECK(load(base + VIRTIO_MMIO_QUEUE_PFN, 4) == desc_address >> 12);
	}
}

static void driver_start(uint64_t base, bool modern)
{
	store(base + VIRTIO_MMIO_STATUS, 4, 0);
	store(base + VIRTIO_MMIO_STATUS, 4, 3);
	if (modern) {
		store(base + VIRTIO_MMIO_DEVICE_FEATURES_SEL, 4, 1);
		CHECK(load(base + VIRTIO_MMIO_DEVICE_FEATURES, 4) & 1); /* VERSION_1 */
		store(base + VIRTIO_MMIO_DRIVER_FEATURES_SEL, 4, 1);
		store(base + VIRTIO_MMIO_DRIVER_FEATURES, 4, 1);
		store(base + VIRTIO_MMIO_STATUS, 4, 11);
		CHECK(load(base + VIRTIO_MMIO_STATUS, 4) == 11);
	} else {
		store(base + VIRTIO_MMIO_GUEST_PAGE_SIZE, 4, 4096);
	}
}

void block_start(bool modern)
{
	power_on(modern);
	driver_start(BLOCK, modern);
	queue_start(BLOCK, modern, 0, QUEUE);
	store(BLOCK + VIRTIO_MMIO_STATUS, 4, modern ? 15 : 7);
}

/* Header, data, status: what every driver sends. Returns the status byte. */
static uint8_t block_request(uint32_t type, uint64_t sector, uint32_t size)
{
	struct virtio_blk_outhdr header = {.type = type, .sector = sector};
	bool writes = type != VIRTIO_BLK_T_OUT;

	memcpy(world.ram + HEADER, &header, sizeof header);
	world.ram[STATUS] = 0xee;
	desc(0, HEADER, sizeof header, VRING_DESC_F_NEXT, 1);
	desc(1, DATA, size, (uint16_t)(VRING_DESC_F_NEXT | (writes ? VRING_DESC_F_WRITE : 0)), 2);
	desc(2, STATUS, 1, VRING_DESC_F_WRITE, 0);
	submit(BLOCK, 0, 0);
	return world.ram[STATUS];
}

static void block_round(bool modern)
{
	block_start(modern);
	CHECK(load(BLOCK + VIRTIO_MMIO_MAGIC_VALUE, 4) == 0x74726976);
	CHECK(load(BLOCK + VIRTIO_MMIO_VERSION, 4) == (modern ? 2 : 1));
	CHECK(load(BLOCK + VIRTIO_MMIO_DEVICE_ID, 4) == 2);
	CHECK(load(BLOCK + VIRTIO_MMIO_CONFIG, 8) == DISK_SIZE / 512);
	CHECK(load(BLOCK + VIRTIO_MMIO_CONFIG, 4) == DISK_SIZE / 512);
	CHECK(load(BLOCK + VIRTIO_MMIO_CONFIG + 1, 1) == 0);

	CHECK(block_request(VIRTIO_BLK_T_IN, 2, 1024) == VIRTIO_BLK_S_OK);
	CHECK(memcmp(world.ram + DATA, disk_bytes + 1024, 1024) == 0);
	CHECK(ring.used->idx == 1 && ring.used->ring[0].id == 0 && ring.used->ring[0].len == 1025);
	CHECK(board_irq(board, BOARD_IRQ_VIRTIO + 7));
	CHECK(load(BLOCK + VIRTIO_MMIO_INTERRUPT_STATUS, 4) == 1);
	store(BLOCK + VIRTIO_MMIO_INTERRUPT_ACK, 4, 1);
	CHECK(!board_irq(board, BOARD_IRQ_VIRTIO + 7));

	memset(world.ram + DATA, 0x42, 512);
	ring.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	CHECK(block_request(VIRTIO_BLK_T_OUT, 15, 512) == VIRTIO_BLK_S_OK);
	CHECK(disk_bytes[15 * 512] == 0x42 && disk_bytes[15 * 512 + 511] == 0x42);
	CHECK(disk_bytes[15 * 512 - 1] != 0x42 && !board_irq(board, BOARD_IRQ_VIRTIO + 7));
	CHECK(block_request(VIRTIO_BLK_T_GET_ID, 0, 20) == VIRTIO_BLK_S_OK);
	CHECK(memcmp(world.ram + DATA, "skerry-disk", 12) == 0);
	CHECK(block_request(VIRTIO_BLK_T_FLUSH, 0, 0) == VIRTIO_BLK_S_OK && disk.flushes == 1);
	CHECK(block_request(99, 0, 512) == VIRTIO_BLK_S_UNSUPP);
}

static void test_block_legacy(void)
{
	block_round(false);
}

static void test_block_modern(void)
{
	block_round(true);
}

static void test_block_bad_requests(void)
{
	block_start(false);
	CHECK(block_request(VIRTIO_BLK_T_IN, 16, 512) == VIRTIO_BLK_S_IOERR);
	CHECK(block_request(VIRTIO_BLK_T_IN, UINT64_MAX, 512) == VIRTIO_BLK_S_IOERR);
	CHECK(block_request(VIRTIO_BLK_T_IN, UINT64_MAX / 512 + 1, 512) == VIRTIO_BLK_S_IOERR);
	CHECK(block_request(VIRTIO_BLK_T_IN, 0, 513) == VIRTIO_BLK_S_IOERR);
	CHECK(block_request(VIRTIO_BLK_T_IN, 0, 0xffffffff) == VIRTIO_BLK_S_IOERR);
	CHECK(block_request(VIRTIO_BLK_T_OUT, 15, 1024) == VIRTIO_BLK_S_IOERR);
	world.dma_forbidden = BOARD_RAM_BASE + DATA;
	CHECK(block_request(VIRTIO_BLK_T_IN, 0, 512) == VIRTIO_BLK_S_IOERR);
	world.dma_forbidden = 0;
	disk.fails = true;
	CHECK(block_request(VIRTIO_BLK_T_IN, 0, 512) == VIRTIO_BLK_S_IOERR);
	CHECK(block_request(VIRTIO_BLK_T_FLUSH, 0, 0) == VIRTIO_BLK_S_IOERR);
	disk.fails = false;
	CHECK(block_request(VIRTIO_BLK_T_IN, 0, 512) == VIRTIO_BLK_S_OK);
	CHECK(ring.used->idx == 10);
}

static void test_block_read_only(void)
{
	power_on(false);
	disk.board.read_only = true;
	CHECK(load(BLOCK + VIRTIO_MMIO_DEVICE_FEATURES, 4) & 1 << VIRTIO_BLK_F_RO);
	driver_start(BLOCK, false);
	queue_start(BLOCK, false, 0, QUEUE);
	CHECK(block_request(VIRTIO_BLK_T_OUT, 0, 512) == VIRTIO_BLK_S_IOERR);
	CHECK(disk_bytes[0] == 0);
}

static bool needs_reset(void)
{
	return load(BLOCK + VIRTIO_MMIO_STATUS, 4) & 0x40 && ring.used->idx == 0;
}

static void test_block_hostile_queues(void)
{
	block_start(false); /* a descriptor outside the table */
	submit(BLOCK, 0, QUEUE_SIZE);
	CHECK(needs_reset());
	CHECK(load(BLOCK + VIRTIO_MMIO_INTERRUPT_STATUS, 4) == 2);

	block_start(false); /* a chain that goes outside */
	desc(0, HEADER, 16, VRING_DESC_F_NEXT, 0xffff);
	submit(BLOCK, 0, 0);
	CHECK(needs_reset());

	block_start(false); /* a loop */
	desc(0, HEADER, 16, VRING_DESC_F_NEXT, 0);
	submit(BLOCK, 0, 0);
	CHECK(needs_reset());

	block_start(false); /* readable after writable */
	desc(0, HEADER, 16, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	desc(1, HEADER, 16, 0, 0);
	submit(BLOCK, 0, 0);
	CHECK(needs_reset());

	block_start(false); /* more chains than the queue holds */
	ring.avail->idx = 5000;
	store(BLOCK + VIRTIO_MMIO_QUEUE_NOTIFY, 4, 0);
	CHECK(needs_reset());

	block_start(false); /* rings where no memory is */
	store(BLOCK + VIRTIO_MMIO_QUEUE_PFN, 4, 0xffffffff);
	store(BLOCK + VIRTIO_MMIO_QUEUE_NOTIFY, 4, 0);
	CHECK(needs_reset());
	store(BLOCK + VIRTIO_MMIO_STATUS, 4, 0);
	CHECK(load(BLOCK + VIRTIO_MMIO_STATUS, 4) == 0);

	block_start(false); /* no room for a status byte: given back, nothing written */
	desc(0, HEADER, 16, 0, 0);
	submit(BLOCK, 0, 0);
	CHECK(ring.used->idx == 1 && ring.used->ring[0].len == 0);

	block_start(false); /* no header */
	desc(0, STATUS, 1, VRING_DESC_F_WRITE, 0);
	submit(BLOCK, 0, 0);
	CHECK(world.ram[STATUS] == VIRTIO_BLK_S_IOERR);
}

/* Any store to any register, any rings: nothing outside RAM is touched (the sanitizers watch). */
static void test_virtio_random(void)
{
	uint32_t random = 12345;

	for (unsigned round = 0; round < 400; round++) {
		block_start(round & 1);
		for (unsigned i = 0; i < 200; i++) {
			uint64_t base = random & 0x100 ? BLOCK : CONSOLE;

			random = random * 1664525 + 1013904223;
			world.ram[QUEUE + (random >> 8) % 0x2000] = (uint8_t)(random >> 24 & 0x0f);
			random = random * 1664525 + 1013904223;
			board_store(board, base + (random >> 12 & 0xfc), 4,
				    random & 0x40 ? random >> 28 : random);
			if (i % 8 == 0)
				store(base + VIRTIO_MMIO_QUEUE_NOTIFY, 4, random >> 20 & 1);
			board_input(board, 1, "input", 5);
			board_advance(board, i);
		}
		why[0] = 0; /* what a random driver reads back is of no interest */
	}
}

static void test_long_queue_is_bounded(void)
{
	unsigned visits = 0;

	power_on(false);
	driver_start(BLOCK, false);
	store(BLOCK + VIRTIO_MMIO_QUEUE_SEL, 4, 0);
	store(BLOCK + VIRTIO_MMIO_QUEUE_NUM, 4, 1024);
	store(BLOCK + VIRTIO_MMIO_QUEUE_ALIGN, 4, 4096);
	store(BLOCK + VIRTIO_MMIO_QUEUE_PFN, 4, (BOARD_RAM_BASE + QUEUE) >> 12);
	vring_init(&ring, 1024, world.ram + QUEUE, 4096);
	desc(0, HEADER, 16, VRING_DESC_F_NEXT, 1);
	desc(1, STATUS, 1, VRING_DESC_F_WRITE, 0);
	ring.avail->idx = 1000;
	store(BLOCK + VIRTIO_MMIO_QUEUE_NOTIFY, 4, 0);
	CHECK(ring.used->idx > 0 && ring.used->idx < 1000);
	while (board_next_event(board) == 0 && visits < 1000) {
		board_advance(board, 0);
		visits++;
	}
	CHECK(ring.used->idx == 1000 && visits > 1);
}

static void test_empty_slots(void)
{
	power_on(false);
	for (unsigned slot = 0; slot < 6; slot++) {
		uint64_t base = 0x10001000ull + slot * 0x1000;

		CHECK(load(base, 4) == 0x74726976 && load(base + 4, 4) == 1 && load(base + 8, 4) == 0);
		CHECK(load(base + 12, 4) == 0x554d4551 && load(base + VIRTIO_MMIO_QUEUE_NUM_MAX, 4) == 0);
		store(base + VIRTIO_MMIO_QUEUE_NOTIFY, 4, 0);
		store(base + VIRTIO_MMIO_STATUS, 4, 0);
	}
	CHECK(load(CONSOLE + 8, 4) == 3);
	CHECK(!answers(BLOCK + 0x200, 4) && !answers(0x10009000, 4) && answers(BLOCK + 0x1fc, 4));
	CHECK(!answers(0x0c000000, 4) && !answers(0x02000000, 8) && !answers(0, 8));
	CHECK(!answers(UINT64_MAX, 1) && !answers(UINT64_MAX - 7, 8));
}

static void test_modern_refuses_unknown_features(void)
{
	power_on(true);
	store(BLOCK + VIRTIO_MMIO_STATUS, 4, 3);
	store(BLOCK + VIRTIO_MMIO_DRIVER_FEATURES_SEL, 4, 1);
	store(BLOCK + VIRTIO_MMIO_DRIVER_FEATURES, 4, 0x80000001);
	store(BLOCK + VIRTIO_MMIO_STATUS, 4, 11);
	CHECK(load(BLOCK + VIRTIO_MMIO_STATUS, 4) == 3);
	store(BLOCK + VIRTIO_MMIO_DRIVER_FEATURES, 4, 0); /* without VERSION_1 */
	store(BLOCK + VIRTIO_MMIO_STATUS, 4, 11);
	CHECK(load(BLOCK + VIRTIO_MMIO_STATUS, 4) == 3);
}

static void console_round(bool modern)
{
	power_on(modern);
	driver_start(CONSOLE, modern);
	CHECK(board_input_console(board) == 0 && board_input(board, 1, "x", 1) == 0);
	queue_start(CONSOLE, modern, 1, QUEUE);
	store(CONSOLE + VIRTIO_MMIO_STATUS, 4, modern ? 15 : 7);
	memcpy(world.ram + DATA, "to the host\n", 12);
	desc(0, DATA, 7, VRING_DESC_F_NEXT, 1);
	desc(1, DATA + 7, 5, 0, 0);
	submit(CONSOLE, 1, 0);
	CHECK(world.output_size[1] == 12 && memcmp(world.output[1], "to the host\n", 12) == 0);
	CHECK(board_irq(board, BOARD_IRQ_VIRTIO + 6) && ring.used->idx == 1);

	queue_start(CONSOLE, modern, 0, QUEUE + 0x4000);
	CHECK(board_input_console(board) == 1 && !board_wants_input(board));
	desc(0, DATA, 4, VRING_DESC_F_WRITE, 0);
	desc(1, DATA + 64, 4, VRING_DESC_F_WRITE, 0);
	submit(CONSOLE, 0, 0);
	submit(CONSOLE, 0, 1);
	CHECK(board_wants_input(board) && ring.used->idx == 0);
	CHECK(board_input(board, 1, "abcdefghij", 10) == 8);
	CHECK(memcmp(world.ram + DATA, "abcd", 4) == 0 && memcmp(world.ram + DATA + 64, "efgh", 4) == 0);
	CHECK(ring.used->idx == 2 && ring.used->ring[1].len == 4 && !board_wants_input(board));
}

static void test_console_legacy(void)
{
	console_round(false);
}

static void test_console_modern(void)
{
	console_round(true);
}

unsigned virtio_tests(void)
{
	static const struct test tests[] = {
		{"virtio-block-legacy", test_block_legacy},
		{"virtio-block-modern", test_block_modern},
		{"virtio-block-bad-requests", test_block_bad_requests},
		{"virtio-block-read-only", test_block_read_only},
		{"virtio-block-hostile-queues", test_block_hostile_queues},
		{"virtio-random", test_virtio_random},
		{"virtio-long-queue-is-bounded", test_long_queue_is_bounded},
		{"virtio-empty-slots", test_empty_slots},
		{"virtio-modern-refuses-unknown-features", test_modern_refuses_unknown_features},
		{"virtio-console-legacy", test_console_legacy},
		{"virtio-console-modern", test_console_modern},
	};

	return tests_run(tests, sizeof tests / sizeof *tests);
}
