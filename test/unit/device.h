/* Tests of the board: what those of all its devices have in common. */
#pragma once

#include "test/memory_disk.h"
#include "test/tests.h"
#include "vm/device/device.h"

#define UART      0x10000000ull
#define RTC       0x00101000ull
#define FINISHER  0x00100000ull
#define BLOCK     0x10008000ull
#define CONSOLE   0x10007000ull
#define RAM_SIZE  0x100000ull
#define DISK_SIZE 8192

/* The machine around the board. */
extern struct device_world {
	uint64_t now;
	unsigned changed;
	char output[2][4096];
	size_t output_size[2];
	_Alignas(4096) uint8_t ram[RAM_SIZE]; /* vring_init() aligns host addresses */
	uint64_t dma_forbidden;               /* a page no device may touch; 0: none */
} world;

extern uint8_t disk_bytes[DISK_SIZE];
extern struct memory_disk disk;

extern struct board *board;

/* A board as it is at first, with a disk that has a pattern, and an empty world around it. */
void power_on(bool modern);

/* What a driver reads and writes; a CHECK that anything is there. */
uint64_t load(uint64_t paddr, unsigned size);
void store(uint64_t paddr, unsigned size, uint64_t value);
/* Is anything there? */
bool answers(uint64_t paddr, unsigned size);

/* --- device_virtio.c ------------------------------------------------------------------------------- */

/* A board whose disk is ready for requests. */
void block_start(bool modern);
unsigned virtio_tests(void);
