/*
 * What the devices of one board share: their state, and the few functions by which they reach each
 * other and the world. Only the files of vm/device include this.
 *
 * Every device is a plain struct inside `struct board_state`, zero at power on but for what its
 * *_reset() sets. A device never waits and keeps no pointer: whatever it does, it does inside one
 * register access, one board_advance() or one board_input(). A new field goes into the table in state.c
 * too: what is not there is neither saved nor part of the state's digest.
 */
#ifndef SKERRY_VM_DEVICE_DEVICE_H
#define SKERRY_VM_DEVICE_DEVICE_H

#include "vm/device/board.h"

#define UART_FIFO_SIZE 16

struct uart {
	uint8_t ier, iir, fcr, lcr, mcr, lsr, scratch;
	bool thr_pending; /* the transmitter ran empty and nobody has looked since */
	uint16_t divisor;
	uint8_t received[UART_FIFO_SIZE];
	uint32_t head, count;
};

struct rtc {
	uint64_t offset;    /* the clock shows guest time + offset */
	uint64_t alarm;     /* in the clock's ns */
	uint32_t time_high; /* latched by a read of TIME_LOW */
	bool alarm_running, irq_pending, irq_enabled;
};

#define VIRTIO_SLOTS     8
#define VIRTIO_QUEUES    2
#define VIRTIO_QUEUE_MAX 1024
#define LINK_SLOT        5
#define LINK_QUEUES      (2 * (BOARD_PORTS + 1)) /* two for each port, two for control */

struct virtqueue {
	uint64_t desc, avail, used; /* guest-physical addresses of the three rings */
	uint32_t align, pfn;        /* legacy transport: how the driver stated them */
	uint32_t size;              /* entries; a power of two */
	uint16_t next_avail, next_used;
	bool ready;
	bool work; /* notified, not yet drained */
};

struct virtio {
	uint32_t status, interrupts;
	uint32_t device_features_select, driver_features_select, queue_select;
	uint32_t page_size; /* legacy transport */
	uint64_t driver_features;
	struct virtqueue queue[VIRTIO_QUEUES];
};

/* The link device: what it has beyond its slot. One bit for each port in what is a set of ports. */
struct link {
	uint64_t names; /* digest of the ports' names, which a saved state belongs to; 0: none */
	uint16_t known; /* the guest said that it is ready for them */
	uint16_t host_open, guest_open;
	uint16_t waiting;             /* the host did not take what the guest sent */
	uint8_t pending[BOARD_PORTS]; /* control messages that the guest has not got: LINK_TELL_… */
	struct virtqueue queue[LINK_QUEUES - VIRTIO_QUEUES]; /* behind those of the slot */
};

struct board_state {
	uint64_t lines[2];   /* interrupt levels; bit i of word i / 64 */
	uint64_t pending[2]; /* raised and not yet claimed */
	struct uart uart;
	struct rtc rtc;
	struct virtio virtio[VIRTIO_SLOTS];
	bool halted;
	int32_t status;
	struct link link; /* all zeros on a board without it */
};

struct board {
	struct board_config config;
	struct board_state state;
	uint8_t *chunk; /* what the link device has in its hands; NULL without it */
	bool working;   /* derived: there may be a virtqueue with work */
};

/* As after power on. */
void board_reset(struct board *board);
void board_set_irq(struct board *board, unsigned irq, bool level);
void board_output(struct board *board, unsigned console, const void *bytes, size_t size);

/* One per device: `offset` is inside its window; false is an access fault. */
void uart_reset(struct board *board);
bool uart_load(struct board *board, uint64_t offset, unsigned size, uint64_t *value);
bool uart_store(struct board *board, uint64_t offset, unsigned size, uint64_t value);
size_t uart_input(struct board *board, const uint8_t *bytes, size_t size);
bool uart_wants_input(const struct board *board);

void rtc_reset(struct board *board);
bool rtc_load(struct board *board, uint64_t offset, unsigned size, uint64_t *value);
bool rtc_store(struct board *board, uint64_t offset, unsigned size, uint64_t value);
uint64_t rtc_next_event(const struct board *board);
void rtc_advance(struct board *board, uint64_t now);

void virtio_reset(struct board *board);
bool virtio_load(struct board *board, uint64_t offset, unsigned size, uint64_t *value);
bool virtio_store(struct board *board, uint64_t offset, unsigned size, uint64_t value);
bool virtio_has_work(const struct board *board);
void virtio_advance(struct board *board);

#endif
