/*
 * The stub machine half: what port/machine.h asks for, over plain memory and without a processor. Tests
 * link the kernel with it: they raise interrupts, look at what the kernel asked its machine to do, and
 * call kernel_enter() themselves.
 */
#ifndef SKERRY_PORT_STUB_H
#define SKERRY_PORT_STUB_H

#include "kernel/core/kernel.h"

#define STUB_IRQ_MAX      96 /* the kernel's timer, as on the board with its PLIC */
#define STUB_CONSOLE_SIZE 4096

struct stub {
	uint64_t ram_size;

	/* Set by tests. */
	uint64_t pending[2];  /* interrupt lines that are high */
	bool tick_every_step; /* the timer's line goes high at each preemption step, */
	uint64_t tick_from;   /* but only after so many of preempt_steps */

	/* What the kernel did. */
	uint64_t masked[2];
	uint64_t root_paddr;    /* of the address space it switched to; 0: none */
	uint64_t root_at_flush; /* the same at the last flush of one or all ASIDs */
	uint16_t asid;
	bool fpu;
	bool halted;
	uintptr_t stack_low; /* the lowest stack address at a preemption step; 0: none yet */
	uint64_t preempt_steps, cleared_bytes, written_bytes;
	uint64_t page_flushes, asid_flushes, vspace_switches;
	uint64_t unhandled_faults;
	char console[STUB_CONSOLE_SIZE]; /* the last of it is dropped when it is full */
	unsigned console_length;
};
extern struct stub stub;

/* Begins anew with cleared memory of `ram_size` bytes, a power of two. False: the host has not enough. */
bool stub_create(uint64_t ram_size);
void stub_destroy(void);

/*
 * All there is, to go back to any number of times; what that costs is what was touched in between. The memory
 * lies elsewhere then, with nothing behind it that can be accessed, and is never given back. False: the host
 * has not enough.
 */
struct stub_saved {
	uint8_t *ram;
	uint64_t size, mask;
	struct stub stub;
};
bool stub_save(struct stub_saved *saved);
void stub_restore(const struct stub_saved *saved);

void stub_raise(unsigned irq);

#endif
