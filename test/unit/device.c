/*
 * Unit tests of the board: a driver's view of the UART, the clock, the test finisher, both virtio
 * transports and the device tree, and what hostile drivers do. Prints `ok NAME` or `not ok NAME: why`.
 * Linked with vm/device only.
 */
#include <libfdt.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/memory_disk.h"
#include "vm/device/device.h"

#define UART      0x10000000ull
#define RTC       0x00101000ull
#define FINISHER  0x00100000ull
#define BLOCK     0x10008000ull
#define CONSOLE   0x10007000ull
#define RAM_SIZE  0x100000ull
#define DISK_SIZE 8192

/* --- the machine around the board -------------------------------------------------------------- */

static struct {
	uint64_t now;
	unsigned changed;
	char output[2][4096];
	size_t output_size[2];
	_Alignas(4096) uint8_t ram[RAM_SIZE]; /* vring_init() aligns host addresses */
	uint64_t dma_forbidden;               /* a page no device may touch; 0: none */
} world;

static uint64_t now_ns(void *machine)
{
	(void)machine;
	return world.now;
}

static void changed(void *machine)
{
	(void)machine;
	world.changed++;
}

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	(void)context;
	if (world.output_size[console] + size > sizeof world.output[console])
		size = sizeof world.output[console] - world.output_size[console];
	memcpy(world.output[console] + world.output_size[console], bytes, size);
	world.output_size[console] += size;
}

static void *dma(void *machine, uint64_t paddr, uint64_t size, bool write)
{
	(void)machine;
	(void)write;
	if (size == 0)
		abort();
	if (paddr < BOARD_RAM_BASE || size > RAM_SIZE || paddr - BOARD_RAM_BASE > RAM_SIZE - size)
		return NULL;
	if (world.dma_forbidden && paddr < world.dma_forbidden + 4096 && paddr + size > world.dma_forbidden)
		return NULL;
	return world.ram + (paddr - BOARD_RAM_BASE);
}

static uint8_t disk_bytes[DISK_SIZE];
static struct memory_disk disk = MEMORY_DISK(disk, disk_bytes);

static struct board *board;

static void power_on(bool modern)
{
	struct board_config config = {
		.output = output,
		.rtc_base_ns = 1000000000,
		.disk = &disk.board,
		.virtio_console = true,
		.virtio_modern = modern,
		.ram_size = RAM_SIZE,
		.now_ns = now_ns,
		.dma = dma,
		.changed = changed,
	};

	board_destroy(board);
	memset(&world, 0, sizeof world);
	disk.board.read_only = disk.fails = false;
	disk.flushes = 0;
	for (unsigned i = 0; i < DISK_SIZE; i++)
		disk_bytes[i] = (uint8_t)(i / 512 * 7 + i);
	board = board_create(&config);
	if (!board)
		abort();
}

/* --- checks ------------------------------------------------------------------------------------ */

static unsigned failures;
static char why[256];

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition) && !why[0])                                                                 \
			snprintf(why, sizeof why, "line %d: %s", __LINE__, #condition);                      \
	} while (0)

static void run(const char *name, void (*test)(void))
{
	why[0] = 0;
	test();
	if (why[0]) {
		printf("not ok %s: %s\n", name, why);
		failures++;
	} else {
		printf("ok %s\n", name);
	}
}

static uint64_t load(uint64_t paddr, unsigned size)
{
	uint64_t value = 0;

	CHECK(board_load(board, paddr, size, &value));
	return value;
}

static void store(uint64_t paddr, unsigned size, uint64_t value)
{
	CHECK(board_store(board, paddr, size, value));
}

static bool answers(uint64_t paddr, unsigned size)
{
	uint64_t value;

	return board_load(board, paddr, size, &value);
}

/* --- UART -------------------------------------------------------------------------------------- */

static void test_uart_output(void)
{
	power_on(false);
	CHECK(load(UART + 5, 1) == 0x60);
	for (const char *text = "hello"; *text; text++)
		store(UART, 1, (uint8_t)*text);
	store(UART, 4, '!');
	CHECK(world.output_size[0] == 6 && memcmp(world.output[0], "hello!", 6) == 0);
	CHECK(load(UART + 5, 1) == 0x60);
}

static void test_uart_registers(void)
{
	power_on(false);
	store(UART + 7, 1, 0x5a);
	CHECK(load(UART + 7, 1) == 0x5a);
	CHECK(load(UART + 2, 1) == 0x01);
	CHECK(load(UART + 6, 1) == 0xb0);
	store(UART + 3, 1, 0x83);
	store(UART, 1, 0x34);
	store(UART + 1, 1, 0x12);
	CHECK(load(UART, 1) == 0x34 && load(UART + 1, 1) == 0x12);
	store(UART + 3, 1, 0x03);
	CHECK(load(UART + 1, 1) == 0 && load(UART + 3, 1) == 0x03);
	CHECK(world.output_size[0] == 0);
	store(UART + 2, 1, 0x01);
	CHECK(load(UART + 2, 1) == 0xc1);
	CHECK(!answers(UART + 8, 1) && !answers(UART - 1, 1) && answers(UART, 8));
}

static void test_uart_receive(void)
{
	uint8_t many[40];

	power_on(false);
	CHECK(!board_wants_input(board));
	CHECK(board_input(board, 0, "ab", 2) == 1); /* without FIFO: one byte */
	CHECK(load(UART + 5, 1) == 0x61 && load(UART, 1) == 'a' && load(UART + 5, 1) == 0x60);
	CHECK(!board_irq(board, BOARD_IRQ_UART));

	memset(many, 'x', sizeof many);
	store(UART + 2, 1, 0x81); /* FIFO on, trigger at 8 */
	store(UART + 1, 1, 0x01);
	CHECK(board_wants_input(board));
	CHECK(board_input(board, 0, "1", 1) == 1);
	CHECK(board_irq(board, BOARD_IRQ_UART) && load(UART + 2, 1) == 0xcc);
	CHECK(board_input(board, 0, many, sizeof many) == 15);
	CHECK(load(UART + 2, 1) == 0xc4);
	CHECK(board_input(board, 0, many, 1) == 0);
	CHECK(load(UART, 1) == '1');
	for (unsigned i = 0; i < 15; i++)
		CHECK(load(UART, 1) == 'x');
	CHECK(!board_irq(board, BOARD_IRQ_UART) && load(UART + 2, 1) == 0xc1);
	CHECK(board_input(board, 0, many, 3) == 3);
	store(UART + 2, 1, 0x83); /* clears the FIFO */
	CHECK(load(UART + 5, 1) == 0x60 && !board_irq(board, BOARD_IRQ_UART));
}

static void test_uart_transmit_interrupt(void)
{
	power_on(false);
	store(UART + 1, 1, 0x02);
	CHECK(board_irq(board, BOARD_IRQ_UART) && world.changed > 0);
	CHECK(load(UART + 2, 1) == 0x02);
	CHECK(!board_irq(board, BOARD_IRQ_UART) && load(UART + 2, 1) == 0x01);
	store(UART, 1, 'x');
	CHECK(board_irq(board, BOARD_IRQ_UART));
	store(UART + 1, 1, 0);
	CHECK(!board_irq(board, BOARD_IRQ_UART));
}

static void test_uart_loopback(void)
{
	power_on(false);
	store(UART + 4, 1, 0x1f);
	CHECK(load(UART + 6, 1) == 0xf0);
	store(UART, 1, 'L');
	CHECK(world.output_size[0] == 0 && load(UART, 1) == 'L');
	store(UART, 1, '1');
	store(UART, 1, '2');
	CHECK(load(UART + 5, 1) == 0x63); /* overrun, told once */
	CHECK(load(UART + 5, 1) == 0x61);
	CHECK(board_input(board, 0, "z", 1) == 0);
	store(UART + 4, 1, 0x02);
	CHECK(load(UART + 4, 1) == 0x02);
}

/* --- RTC and finisher -------------------------------------------------------------------------- */

static void test_rtc_time(void)
{
	power_on(false);
	world.now = 5000000000;
	CHECK(load(RTC, 4) == (uint32_t)6000000000 && load(RTC + 4, 4) == 1);
	world.now = 50000000000;
	CHECK(load(RTC + 4, 4) == 1); /* latched */
	CHECK(!answers(RTC, 8) && !answers(RTC, 1) && !answers(RTC + 0x24, 4) && answers(RTC + 0x20, 4));
	store(RTC + 4, 4, 100);
	store(RTC, 4, 7);
	world.now++;
	CHECK(load(RTC, 4) == 8 && load(RTC + 4, 4) == 100);
}

static void test_rtc_alarm(void)
{
	power_on(false);
	CHECK(board_next_event(board) == UINT64_MAX);
	store(RTC + 0x10, 4, 1);
	store(RTC + 0x0c, 4, 0);
	world.changed = 0;
	store(RTC + 0x08, 4, 1000005000);
	CHECK(world.changed > 0 && board_next_event(board) == 5000 && load(RTC + 0x18, 4) == 1);
	world.now = 4999;
	board_advance(board, world.now);
	CHECK(!board_irq(board, BOARD_IRQ_RTC));
	world.now = 5000;
	board_advance(board, world.now);
	CHECK(board_irq(board, BOARD_IRQ_RTC) && load(RTC + 0x18, 4) == 0);
	CHECK(board_next_event(board) == UINT64_MAX);
	store(RTC + 0x10, 4, 0);
	CHECK(!board_irq(board, BOARD_IRQ_RTC));
	store(RTC + 0x10, 4, 1);
	CHECK(board_irq(board, BOARD_IRQ_RTC));
	store(RTC + 0x1c, 4, 1);
	CHECK(!board_irq(board, BOARD_IRQ_RTC));
	store(RTC + 0x08, 4, 1); /* in the past: at once */
	CHECK(board_irq(board, BOARD_IRQ_RTC));
}

static void test_rtc_clear_and_wrap(void)
{
	power_on(false);
	store(RTC + 0x0c, 4, 0xffffffff);
	store(RTC + 0x08, 4, 0xffffffff);
	CHECK(board_next_event(board) == UINT64_MAX - 1000000000);
	store(RTC + 0x14, 4, 1);
	CHECK(board_next_event(board) == UINT64_MAX && load(RTC + 0x18, 4) == 0);
	/* The clock set back to 1970: the offset is negative now. */
	store(RTC, 4, 0);
	store(RTC + 0x0c, 4, 0);
	store(RTC + 0x08, 4, 300);
	CHECK(board_next_event(board) == 300);
}

/* The clock set from outside: forward over an alarm, and back. */
static void test_rtc_shift(void)
{
	power_on(false);
	store(RTC + 0x10, 4, 1);
	store(RTC + 0x0c, 4, 0);
	store(RTC + 0x08, 4, 1000005000);
	world.changed = 0;
	board_shift_clock(board, -1000);
	CHECK(world.changed > 0 && board_next_event(board) == 6000 && load(RTC, 4) == 999999000);
	CHECK(!board_irq(board, BOARD_IRQ_RTC));
	board_shift_clock(board, 6000);
	CHECK(load(RTC, 4) == 1000005000 && board_irq(board, BOARD_IRQ_RTC));
}

static void test_finisher(void)
{
	static const struct {
		uint32_t word;
		bool halts;
		int status;
	} cases[] = {{0x5555, true, 0},  {0x7777, true, 0},         {0x73333, true, 7},
		     {0x1234, false, 0}, {0xffff3333, true, 65535}, {0, false, 0}};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int status = 0;

		power_on(false);
		CHECK(!board_halted(board, &status));
		store(FINISHER, 4, cases[i].word);
		CHECK(board_halted(board, &status) == cases[i].halts && status == cases[i].status);
	}
	CHECK(load(FINISHER, 4) == 0 && !answers(FINISHER, 1) && !answers(FINISHER, 8));
}

/* --- virtio ------------------------------------------------------------------------------------ */

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

static void block_start(bool modern)
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

/* --- the rest ---------------------------------------------------------------------------------- */

static void test_state_hash(void)
{
	uint64_t first;

	power_on(false);
	first = board_state_hash(board, 1);
	power_on(false);
	CHECK(board_state_hash(board, 1) == first && board_state_hash(board, 2) != first);
	store(UART + 7, 1, 1);
	CHECK(board_state_hash(board, 1) != first);
}

/* Registers of all devices stored at random; then the whole struct is compared: no field may be forgotten. */
static void test_save_restore(void)
{
	static const uint64_t bases[] = {UART, RTC, BLOCK, CONSOLE};
	uint8_t bytes[BOARD_STATE_MAX], again[BOARD_STATE_MAX];
	struct board_state before;
	uint32_t random = 99;

	for (unsigned round = 0; round < 300; round++) {
		block_start(round & 1);
		for (unsigned i = 0; i < 60; i++) {
			uint64_t base = bases[random >> 9 & 3];

			random = random * 1664525 + 1013904223;
			board_store(board, base + (random >> 12 & (base == UART ? 7 : 0xfc)), base == UART ? 1 : 4,
				    random & 0x40 ? random >> 28 : random);
			board_input(board, i & 1, "input", 5);
		}
		why[0] = 0;
		before = board->state;
		board_save(board, bytes);
		board_reset(board);
		CHECK(!board_restore(board, bytes));
		CHECK(memcmp(&board->state, &before, sizeof before) == 0);
		board_save(board, again);
		CHECK(memcmp(bytes, again, BOARD_STATE_SIZE) == 0);
	}
}

/* What no device could come to is refused, and leaves the board as after power on. */
static void test_restore_refuses(void)
{
	uint8_t bytes[BOARD_STATE_MAX], fresh[BOARD_STATE_MAX], now[BOARD_STATE_MAX];
	unsigned refused = 0;

	power_on(false);
	board_save(board, fresh);
	for (size_t i = 0; i < BOARD_STATE_SIZE; i++) {
		memcpy(bytes, fresh, sizeof bytes);
		bytes[i] = 0xff;
		if (!board_restore(board, bytes))
			continue;
		refused++;
		board_save(board, now);
		CHECK(memcmp(now, fresh, BOARD_STATE_SIZE) == 0);
	}
	/* The flags, the sizes of sixteen queues in all their bytes, and some of the UART's registers. */
	CHECK(refused > 16 * (4 + 2) && refused < BOARD_STATE_SIZE / 2);
	board->state.virtio[0].queue[0].work = true; /* an empty slot */
	board_save(board, bytes);
	CHECK(board_restore(board, bytes));
}

static void test_device_tree(void)
{
	static const char *const paths[] = {"/soc/serial@10000000",      "/soc/rtc@101000",
					    "/soc/test@100000",          "/soc/plic@c000000",
					    "/soc/clint@2000000",        "/memory@80000000",
					    "/soc/virtio_mmio@10001000", "/soc/virtio_mmio@10008000"};
	struct board_config config = {.ram_size = 512ull << 20};
	static uint8_t fdt[8192];
	size_t size = board_make_fdt(&config, fdt, sizeof fdt);
	const fdt32_t *cells;
	int node, length;

	CHECK(size > 0 && size < 4096 && fdt_check_full(fdt, size) == 0);
	for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++)
		CHECK(fdt_path_offset(fdt, paths[i]) >= 0);
	node = fdt_path_offset(fdt, "/memory@80000000");
	cells = fdt_getprop(fdt, node, "reg", &length);
	CHECK(cells && length == 16 && fdt32_to_cpu(cells[1]) == 0x80000000 &&
	      fdt32_to_cpu(cells[3]) == 512u << 20);
	node = fdt_path_offset(fdt, "/cpus/cpu@0");
	CHECK(strcmp(fdt_getprop(fdt, node, "riscv,isa", NULL), "rv64imafdc") == 0);
	CHECK(board_make_fdt(&config, fdt, 100) == 0 && board_make_fdt(&config, fdt, 0) == 0);
}

int main(void)
{
	run("uart-output", test_uart_output);
	run("uart-registers", test_uart_registers);
	run("uart-receive", test_uart_receive);
	run("uart-transmit-interrupt", test_uart_transmit_interrupt);
	run("uart-loopback", test_uart_loopback);
	run("rtc-time", test_rtc_time);
	run("rtc-alarm", test_rtc_alarm);
	run("rtc-clear-and-wrap", test_rtc_clear_and_wrap);
	run("rtc-shift", test_rtc_shift);
	run("finisher", test_finisher);
	run("virtio-block-legacy", test_block_legacy);
	run("virtio-block-modern", test_block_modern);
	run("virtio-block-bad-requests", test_block_bad_requests);
	run("virtio-block-read-only", test_block_read_only);
	run("virtio-block-hostile-queues", test_block_hostile_queues);
	run("virtio-random", test_virtio_random);
	run("virtio-long-queue-is-bounded", test_long_queue_is_bounded);
	run("virtio-empty-slots", test_empty_slots);
	run("virtio-modern-refuses-unknown-features", test_modern_refuses_unknown_features);
	run("virtio-console-legacy", test_console_legacy);
	run("virtio-console-modern", test_console_modern);
	run("board-state-hash", test_state_hash);
	run("board-save-restore", test_save_restore);
	run("board-restore-refuses", test_restore_refuses);
	run("board-device-tree", test_device_tree);
	board_destroy(board);
	return failures != 0;
}
