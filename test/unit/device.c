/*
 * Unit tests of the board: a driver's view of the UART, the clock and the test finisher, the state that is
 * kept, the device tree; in device_virtio.c both virtio transports, and what hostile drivers do. Linked with
 * vm/device only.
 */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/device.h"

/* --- the machine around the board -------------------------------------------------------------- */

struct device_world world;

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

uint8_t disk_bytes[DISK_SIZE];
struct memory_disk disk = MEMORY_DISK(disk, disk_bytes);

struct board *board;

void power_on(bool modern)
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

uint64_t load(uint64_t paddr, unsigned size)
{
	uint64_t value = 0;

	CHECK(board_load(board, paddr, size, &value));
	return value;
}

void store(uint64_t paddr, unsigned size, uint64_t value)
{
	CHECK(board_store(board, paddr, size, value));
}

bool answers(uint64_t paddr, unsigned size)
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
			board_store(board, base + (random >> 12 & (base == UART ? 7 : 0xfc)),
				    base == UART ? 1 : 4, random & 0x40 ? random >> 28 : random);
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
	static const struct test tests[] = {
		{"uart-output", test_uart_output},
		{"uart-registers", test_uart_registers},
		{"uart-receive", test_uart_receive},
		{"uart-transmit-interrupt", test_uart_transmit_interrupt},
		{"uart-loopback", test_uart_loopback},
		{"rtc-time", test_rtc_time},
		{"rtc-alarm", test_rtc_alarm},
		{"rtc-clear-and-wrap", test_rtc_clear_and_wrap},
		{"rtc-shift", test_rtc_shift},
		{"finisher", test_finisher},
		{"board-state-hash", test_state_hash},
		{"board-save-restore", test_save_restore},
		{"board-restore-refuses", test_restore_refuses},
		{"board-device-tree", test_device_tree},
	};
	unsigned failures = tests_run(tests, sizeof tests / sizeof *tests);

	failures += virtio_tests();
	board_destroy(board);
	return failures != 0;
}
