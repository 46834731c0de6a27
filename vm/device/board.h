/*
 * The board around the soft processor: QEMU's riscv64 `virt` machine as user programs see it. Device
 * addresses and interrupt numbers are that board's, so a driver written for QEMU works.
 *
 *   0x00100000  test finisher          0x00101000  goldfish RTC, interrupt 11
 *   0x10000000  ns16550 UART, int. 10  0x10001000 + n * 0x1000  virtio-mmio slot n (0..7), int. 1 + n
 *   0x40000000  region                 0x80000000  RAM
 *
 * All device state is inside struct board and holds no host pointer except those of the
 * configuration, so that it can be hashed, saved and moved. The processor-side interrupt controller is
 * the kernel's; here are only the lines.
 */
#ifndef SKERRY_VM_DEVICE_BOARD_H
#define SKERRY_VM_DEVICE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOARD_RAM_BASE    0x80000000ull
#define BOARD_REGION_BASE 0x40000000ull /* on the other board, PCIe devices are there */
#define BOARD_REGION_MAX  0x40000000ull
#define BOARD_IRQ_MAX     95
#define BOARD_IRQ_UART    10
#define BOARD_IRQ_RTC     11
#define BOARD_IRQ_VIRTIO  1
#define BOARD_PORTS       9     /* at most, of the link device */
#define BOARD_PORT_CHUNK  65536 /* bytes of one chain that a port carries; more are cut off */

struct board_disk {
	void *context;
	uint64_t size; /* bytes; multiple of 512 */
	bool read_only;
	/* Both return false on a host error. */
	bool (*read)(void *context, uint64_t offset, void *buffer, size_t size);
	bool (*write)(void *context, uint64_t offset, const void *buffer, size_t size);
	bool (*flush)(void *context);
};

struct board_config {
	void *context;
	/* Bytes the guest prints: the UART and the kernel's debug console are `console` 0; virtio console 1.
	 */
	void (*output)(void *context, unsigned console, const void *bytes, size_t size);
	/* A clock of the host in ns that never goes back; only with real time (the node's, no device reads
	 * it). */
	uint64_t (*host_clock_ns)(void *context);
	uint64_t rtc_base_ns;          /* what the RTC shows at guest time 0, ns since 1970 */
	const struct board_disk *disk; /* the block device in slot 7; NULL: an empty slot */
	bool virtio_console;           /* a console in slot 6 */
	bool virtio_modern;            /* the slots speak virtio 1.0 (version 2) instead of legacy (1) */

	/* The link device, a console with several named ports in slot 5: */
	unsigned ports; /* at most BOARD_PORTS; 0: an empty slot */
	/* At most 31 characters each; they must stay where they are. All NULL: a board that is only looked
	 * at. */
	const char *port_name[BOARD_PORTS];
	/*
	 * What the guest sends on an open port, one buffer chain at a time. Takes all of it, or nothing
	 * (false): then the chain waits for board_port_ready(). May call board_port_input().
	 */
	bool (*port_send)(void *context, unsigned port, const void *bytes, size_t size);

	/*
	 * Memory that is shared with other machines, at BOARD_REGION_BASE; no device reaches it. NULL: none.
	 * Its contents are no part of the machine's state. The share is what this one gives parts of to its
	 * programs.
	 */
	void *region;
	uint64_t region_size;                     /* bytes, a multiple of 4 KiB; at most BOARD_REGION_MAX */
	uint64_t region_share, region_share_size; /* from where on, and how much; the same of them */

	/* Filled in by the node: */
	void *machine;
	uint64_t ram_size;
	uint64_t (*now_ns)(void *machine); /* guest time */
	/*
	 * Host address of guest RAM for a device access of `size` > 0 bytes, or NULL where DMA is not
	 * allowed. Used at once and not kept; with `write`, the bytes may change until the caller returns.
	 */
	void *(*dma)(void *machine, uint64_t paddr, uint64_t size, bool write);
	/* A line changed, an event moved, or the machine was switched off: come back to the outer loop. */
	void (*changed)(void *machine);
};

struct board;

struct board *board_create(const struct board_config *config);
void board_destroy(struct board *board);

/* MMIO: as struct vm_bus has them (`context` is the board). */
bool board_load(void *board, uint64_t paddr, unsigned size, uint64_t *value);
bool board_store(void *board, uint64_t paddr, unsigned size, uint64_t value);

/* The level of interrupt line `irq` (1..95). */
bool board_irq(const struct board *board, unsigned irq);
/* Bit i of word i / 64: line i was raised, is high, and was not claimed since. */
const uint64_t *board_irq_pending(const struct board *board);
/* The interrupt is being delivered: it is pending again when its device next says that the line is high. */
void board_irq_claim(struct board *board, unsigned irq);

/*
 * Guest time of the next thing a device does by itself (an RTC alarm, the rest of a long queue: times
 * not after now are due at once); UINT64_MAX: none.
 */
uint64_t board_next_event(const struct board *board);
/* Does what is due at guest time `now`. */
void board_advance(struct board *board, uint64_t now);

/* The clock that the RTC shows jumps, as if somebody had set it. */
void board_shift_clock(struct board *board, int64_t ns);

/* Input for a console; takes what fits and returns how much. */
size_t board_input(struct board *board, unsigned console, const void *bytes, size_t size);
/* The console that keyboard input belongs to: 1 once the guest drives the virtio console, else 0. */
unsigned board_input_console(const struct board *board);
/* Could input still wake the guest: is a receive interrupt enabled on some console? */
bool board_wants_input(const struct board *board);

/*
 * The ports of the link device. The host's end of each is closed at power on, and what the guest sends into a
 * closed port is gone; closing and opening again is seen by the guest even if it looks later.
 */
void board_port_set_open(struct board *board, unsigned port, bool open);
/* The host can take more: chains that wait are sent. */
void board_port_ready(struct board *board, unsigned port);
/* Input for a port; takes what fits and returns how much, 0 while the guest has not opened its end. */
size_t board_port_input(struct board *board, unsigned port, const void *bytes, size_t size);
/* Would some fit? */
bool board_port_wants_input(const struct board *board, unsigned port);
bool board_port_is_open(const struct board *board, unsigned port); /* the guest's end */

/*
 * Set by the test finisher: 0 for pass (0x5555) and reset (0x7777), the upper half of the word, 0 to
 * 65535, for fail (0x3333).
 */
bool board_halted(const struct board *board, int *status);

/*
 * The state of the devices as bytes (vm/device/state.c): the same for the same state, wherever it is. What
 * is restored may come from anywhere: every field is checked against what the devices rely on and against
 * which devices this board has. NULL, or the field that cannot be; the board is then as after power on.
 */
#define BOARD_STATE_SIZE 1022 /* without link device */
#define BOARD_LINK_SIZE  781  /* what it adds */
#define BOARD_STATE_MAX  (BOARD_STATE_SIZE + BOARD_LINK_SIZE)
size_t board_state_size(const struct board *board); /* the bytes that follow are not touched */
void board_save(const struct board *board, uint8_t bytes[BOARD_STATE_MAX]);
const char *board_restore(struct board *board, const uint8_t bytes[BOARD_STATE_MAX]);
/* Adds a digest of these bytes to `hash`. */
uint64_t board_state_hash(const struct board *board, uint64_t hash);

/* Writes the board's device tree; returns its size, 0 if `capacity` is too small. */
size_t board_make_fdt(const struct board_config *config, void *buffer, size_t capacity);

#endif
