/*
 * The board: which device answers at which address, the interrupt lines, and the test finisher, which
 * is too small for a file of its own. The node (port/vm) calls this; board.h is the contract.
 */
#include "vm/device/device.h"

#include <stdlib.h>
#include <string.h>

#include "vm/device/virtio.h"

/* --- the test finisher: a store of pass, fail or reset switches the machine off ---------------- */

enum { FINISHER_FAIL = 0x3333, FINISHER_PASS = 0x5555, FINISHER_RESET = 0x7777 };

static bool finisher_load(struct board *board, uint64_t offset, unsigned size, uint64_t *value)
{
	(void)board;
	(void)offset;
	*value = 0;
	return size == 2 || size == 4;
}

/* The board has no firmware to restart: a reset ends the run, as with QEMU's -no-reboot. */
static bool finisher_store(struct board *board, uint64_t offset, unsigned size, uint64_t value)
{
	struct board_state *state = &board->state;
	uint32_t what = value & 0xffff;

	if (size != 2 && size != 4)
		return false;
	if (offset != 0 || (what != FINISHER_FAIL && what != FINISHER_PASS && what != FINISHER_RESET))
		return true;
	if (!state->halted) {
		state->halted = true;
		state->status = what == FINISHER_FAIL ? (int32_t)(value >> 16 & 0xffff) : 0;
	}
	board->config.changed(board->config.machine);
	return true;
}

/* --- the address map --------------------------------------------------------------------------- */

static const struct window {
	uint64_t base, size;
	bool (*load)(struct board *board, uint64_t offset, unsigned size, uint64_t *value);
	bool (*store)(struct board *board, uint64_t offset, unsigned size, uint64_t value);
} windows[] = {
	{0x10000000, 0x8, uart_load, uart_store},
	{0x00100000, 0x1000, finisher_load, finisher_store},
	{0x00101000, 0x24, rtc_load, rtc_store},
	{0x10001000, 0x8000, virtio_load, virtio_store},
};

static const struct window *window_find(uint64_t paddr, unsigned size)
{
	for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
		const struct window *window = &windows[i];

		if (paddr >= window->base && paddr - window->base + size <= window->size)
			return window;
	}
	return NULL;
}

bool board_load(void *context, uint64_t paddr, unsigned size, uint64_t *value)
{
	const struct window *window = window_find(paddr, size);

	return window && window->load(context, paddr - window->base, size, value);
}

bool board_store(void *context, uint64_t paddr, unsigned size, uint64_t value)
{
	const struct window *window = window_find(paddr, size);

	return window && window->store(context, paddr - window->base, size, value);
}

/* --- lines, events, consoles ------------------------------------------------------------------- */

static void set_bit(uint64_t *words, unsigned bit, bool value)
{
	uint64_t mask = 1ull << bit % 64;

	words[bit / 64] = value ? words[bit / 64] | mask : words[bit / 64] & ~mask;
}

/* As QEMU's interrupt controller: each time a device says that its line is high, it is one interrupt more. */
void board_set_irq(struct board *board, unsigned irq, bool level)
{
	set_bit(board->state.lines, irq, level);
	if (level == (board->state.pending[irq / 64] >> irq % 64 & 1))
		return;
	set_bit(board->state.pending, irq, level);
	board->config.changed(board->config.machine);
}

bool board_irq(const struct board *board, unsigned irq)
{
	return irq <= BOARD_IRQ_MAX && (board->state.lines[irq / 64] >> irq % 64 & 1);
}

const uint64_t *board_irq_pending(const struct board *board)
{
	return board->state.pending;
}

void board_irq_claim(struct board *board, unsigned irq)
{
	set_bit(board->state.pending, irq, false);
}

uint64_t board_next_event(const struct board *board)
{
	return virtio_has_work(board) ? 0 : rtc_next_event(board);
}

void board_advance(struct board *board, uint64_t now)
{
	rtc_advance(board, now);
	virtio_advance(board);
}

void board_output(struct board *board, unsigned console, const void *bytes, size_t size)
{
	if (board->config.output)
		board->config.output(board->config.context, console, bytes, size);
}

size_t board_input(struct board *board, unsigned console, const void *bytes, size_t size)
{
	return console == 0 ? uart_input(board, bytes, size) : virtio_console_input(board, bytes, size);
}

bool board_wants_input(const struct board *board)
{
	return uart_wants_input(board) || virtio_console_wants_input(board);
}

unsigned board_input_console(const struct board *board)
{
	return virtio_console_open(board) ? 1 : 0;
}

bool board_halted(const struct board *board, int *status)
{
	if (board->state.halted)
		*status = board->state.status;
	return board->state.halted;
}

void board_reset(struct board *board)
{
	memset(&board->state, 0, sizeof board->state);
	uart_reset(board);
	rtc_reset(board);
	virtio_reset(board);
}

struct board *board_create(const struct board_config *config)
{
	struct board *board = calloc(1, sizeof *board);

	if (!board)
		return NULL;
	board->config = *config;
	board->chunk = config->ports ? malloc(BOARD_PORT_CHUNK) : NULL;
	if (config->ports && !board->chunk) {
		free(board);
		return NULL;
	}
	board_reset(board);
	return board;
}

void board_destroy(struct board *board)
{
	if (board)
		free(board->chunk);
	free(board);
}
