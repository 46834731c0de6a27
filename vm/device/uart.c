/*
 * The ns16550A UART, as QEMU's virt board has it: eight byte registers at 0x10000000, interrupt 10.
 *
 * Sending takes no time: a byte written to THR is printed at once, so LSR always says "empty", and each
 * write makes the transmitter-empty interrupt pending anew. Received bytes below the FIFO's trigger
 * level are reported as a character timeout without waiting for one: the line counts as idle between
 * two bursts of input. Nothing here depends on time.
 */
#include "vm/device/device.h"

#include <string.h>

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCRATCH, REG_COUNT };

enum {
	IER_RECEIVE = 0x01,
	IER_TRANSMIT = 0x02,
	IER_LINE = 0x04,
	IER_MODEM = 0x08,

	IIR_NONE = 0x01,
	IIR_TRANSMIT = 0x02,
	IIR_RECEIVE = 0x04,
	IIR_LINE = 0x06,
	IIR_TIMEOUT = 0x0c,
	IIR_ID = 0x0f,
	IIR_FIFO = 0xc0,

	FCR_ENABLE = 0x01,
	FCR_CLEAR_RECEIVE = 0x02,
	FCR_TRIGGER = 0xc0,

	LCR_DIVISOR = 0x80,
	MCR_DTR = 0x01,
	MCR_RTS = 0x02,
	MCR_OUT1 = 0x04,
	MCR_OUT2 = 0x08,
	MCR_LOOPBACK = 0x10,
	MCR_ALL = 0x1f,

	LSR_DATA = 0x01,
	LSR_OVERRUN = 0x02,
	LSR_EMPTY = 0x60, /* holding register and shifter */

	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RI = 0x40,
	MSR_DCD = 0x80,
};

static uint32_t fifo_capacity(const struct uart *uart)
{
	return uart->fcr & FCR_ENABLE ? UART_FIFO_SIZE : 1;
}

static uint32_t fifo_trigger(const struct uart *uart)
{
	static const uint8_t level[4] = {1, 4, 8, 14};

	return uart->fcr & FCR_ENABLE ? level[uart->fcr >> 6] : 1;
}

/* Recomputes the identification register and the line; the order is the chip's priority. */
static void uart_update(struct board *board)
{
	struct uart *uart = &board->state.uart;
	uint8_t id = IIR_NONE;

	if ((uart->ier & IER_LINE) && (uart->lsr & LSR_OVERRUN)) {
		id = IIR_LINE;
	} else if ((uart->ier & IER_RECEIVE) && uart->count > 0) {
		id = uart->count >= fifo_trigger(uart) ? IIR_RECEIVE : IIR_TIMEOUT;
	} else if ((uart->ier & IER_TRANSMIT) && uart->thr_pending) {
		id = IIR_TRANSMIT;
	}
	uart->iir = id | (uart->fcr & FCR_ENABLE ? IIR_FIFO : 0);
	board_set_irq(board, BOARD_IRQ_UART, id != IIR_NONE);
}

void uart_reset(struct board *board)
{
	struct uart *uart = &board->state.uart;

	memset(uart, 0, sizeof *uart); /* padding too: the state is hashed by its bytes */
	uart->iir = IIR_NONE;
	uart->mcr = MCR_OUT2;
	uart->lsr = LSR_EMPTY;
	uart->divisor = 12;
}

static void receive_clear(struct uart *uart)
{
	uart->head = 0;
	uart->count = 0;
	uart->lsr &= (uint8_t)~LSR_DATA;
}

static void receive(struct uart *uart, uint8_t byte)
{
	if (uart->count == fifo_capacity(uart)) {
		uart->lsr |= LSR_OVERRUN;
		return;
	}
	uart->received[(uart->head + uart->count++) % UART_FIFO_SIZE] = byte;
	uart->lsr |= LSR_DATA;
}

static uint8_t data_load(struct uart *uart)
{
	uint8_t byte = uart->received[uart->head];

	if (uart->count == 0)
		return byte; /* the last byte once more, as the chip's latch */
	uart->count--;
	if (uart->count > 0)
		uart->head = (uart->head + 1) % UART_FIFO_SIZE;
	else
		uart->lsr &= (uint8_t)~LSR_DATA;
	return byte;
}

static uint8_t modem_status(const struct uart *uart)
{
	uint8_t mcr = uart->mcr;

	if (!(mcr & MCR_LOOPBACK))
		return MSR_DCD | MSR_DSR | MSR_CTS;
	return (mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) | (mcr & MCR_OUT1 ? MSR_RI : 0) |
	       (mcr & MCR_OUT2 ? MSR_DCD : 0);
}

bool uart_load(struct board *board, uint64_t offset, unsigned size, uint64_t *value)
{
	struct uart *uart = &board->state.uart;
	bool divisor = uart->lcr & LCR_DIVISOR;

	(void)size; /* registers are bytes: a wider load reads one, zero-extended */
	switch (offset) {
	case REG_DATA:
		*value = divisor ? uart->divisor & 0xff : data_load(uart);
		break;
	case REG_IER:
		*value = divisor ? uart->divisor >> 8 : uart->ier;
		break;
	case REG_IIR_FCR:
		*value = uart->iir;
		if ((uart->iir & IIR_ID) == IIR_TRANSMIT)
			uart->thr_pending = false;
		break;
	case REG_LCR:
		*value = uart->lcr;
		break;
	case REG_MCR:
		*value = uart->mcr;
		break;
	case REG_LSR:
		*value = uart->lsr;
		uart->lsr &= (uint8_t)~LSR_OVERRUN;
		break;
	case REG_MSR:
		*value = modem_status(uart);
		break;
	case REG_SCRATCH:
		*value = uart->scratch;
		break;
	default:
		return false;
	}
	uart_update(board);
	return true;
}

static void data_store(struct board *board, uint8_t byte)
{
	struct uart *uart = &board->state.uart;

	if (uart->mcr & MCR_LOOPBACK)
		receive(uart, byte);
	else
		board_output(board, 0, &byte, 1);
	uart->thr_pending = true;
}

static void ier_store(struct uart *uart, uint8_t byte)
{
	uint8_t changed = uart->ier ^ byte;

	/* The transmitter is always empty: enabling its interrupt raises it. */
	if (changed & IER_TRANSMIT)
		uart->thr_pending = byte & IER_TRANSMIT;
	uart->ier = byte;
}

static void fcr_store(struct uart *uart, uint8_t byte)
{
	if (((uart->fcr ^ byte) & FCR_ENABLE) || (byte & FCR_CLEAR_RECEIVE))
		receive_clear(uart);
	uart->fcr = byte & FCR_ENABLE ? byte & (FCR_ENABLE | FCR_TRIGGER) : 0;
}

bool uart_store(struct board *board, uint64_t offset, unsigned size, uint64_t value)
{
	struct uart *uart = &board->state.uart;
	bool divisor = uart->lcr & LCR_DIVISOR;
	uint8_t byte = (uint8_t)value;

	(void)size;
	switch (offset) {
	case REG_DATA:
		if (divisor)
			uart->divisor = (uint16_t)((uart->divisor & 0xff00) | byte);
		else
			data_store(board, byte);
		break;
	case REG_IER:
		if (divisor)
			uart->divisor = (uint16_t)((uart->divisor & 0x00ff) | byte << 8);
		else
			ier_store(uart, byte & (IER_RECEIVE | IER_TRANSMIT | IER_LINE | IER_MODEM));
		break;
	case REG_IIR_FCR:
		fcr_store(uart, byte);
		break;
	case REG_LCR:
		uart->lcr = byte;
		break;
	case REG_MCR:
		uart->mcr = byte & MCR_ALL;
		break;
	case REG_LSR:
	case REG_MSR:
		break; /* read only */
	case REG_SCRATCH:
		uart->scratch = byte;
		break;
	default:
		return false;
	}
	uart_update(board);
	return true;
}

/* Takes no more than fits: the line never overruns, input waits outside. */
size_t uart_input(struct board *board, const uint8_t *bytes, size_t size)
{
	struct uart *uart = &board->state.uart;
	size_t taken = 0;

	if (uart->mcr & MCR_LOOPBACK)
		return 0;
	while (taken < size && uart->count < fifo_capacity(uart))
		receive(uart, bytes[taken++]);
	if (taken > 0)
		uart_update(board);
	return taken;
}

bool uart_wants_input(const struct board *board)
{
	return (board->state.uart.ier & IER_RECEIVE) && !(board->state.uart.mcr & MCR_LOOPBACK);
}
