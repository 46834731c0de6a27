/* What the files of the bare-metal half share. */
#pragma once

#include "kernel/core/boot.h"
#include "port/metal-riscv64/config.h"

/* Registers as _start found them, and who called. */
struct hand_over {
	uint64_t a[6];
	uint64_t from_loader; /* upstream's loader; else the firmware */
};

/* Where the physical memory ends that is in the window: behind it, the root table has the kernel's image. */
#define WINDOW_PADDR_END (254ull << 30)

/* Physical memory in the window: for devices. */
static inline volatile uint32_t *device_word(uint64_t paddr)
{
	return (volatile uint32_t *)isa_kref(paddr);
}

/* --- devices.c --- */
void metal_interrupts_init(uint64_t hart, uint64_t timer_hz);
/* Is an interrupt of some device let through? */
bool metal_interrupts_possible(void);
void metal_print(const char *text);
void metal_print_hex(uint64_t value);
_Noreturn void metal_power_off(unsigned status);
/* A thread without the floating-point unit executed something that needs it: true if it has it now. */
bool metal_fpu_claim(struct tcb *tcb, uint32_t instruction);

/* --- tables.c --- */
/* The field of satp with every ASID bit set that the hart has. */
uint64_t metal_asids(void);
/* From now on the kernel flushes the translations of an address space when it is left for another. */
void metal_flush_at_exit(void);

/* --- fdt.c --- */
/* The tree's size in bytes; 0: that is no tree, or it is larger than FDT_CAPACITY. */
uint64_t fdt_size(const void *fdt);
/*
 * Fills in from the tree: boot->ram.end, unless it is set; boot->taken, with what is reserved; and how often
 * `time` counts in a second. False: more is reserved than there is room to note.
 */
bool fdt_read(const void *fdt, struct boot *boot, uint64_t *timer_hz);
