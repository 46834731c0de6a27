/* The stub machine: kernel addresses as pointers into one piece of memory. See port/machine.h. */
#pragma once

#include "isa_inline.h"
#include "kernel/core/types.h"
#include "port/untraced.h"

#define STUB_RAM_BASE 0x80000000ull

/* As in port/vm: `mask` + 1 is a power of two, and 64 KiB more lie behind it. */
struct stub_window {
	uint8_t *ram;
	uint64_t mask;
};
extern struct stub_window stub_window;

static inline void *machine_pointer(kref ref)
{
	return stub_window.ram + ((ref - (ISA_WINDOW + STUB_RAM_BASE)) & stub_window.mask);
}

static inline kref machine_ref(const void *pointer)
{
	return (uint64_t)((const uint8_t *)pointer - stub_window.ram) + ISA_WINDOW + STUB_RAM_BASE;
}

#define MACHINE_COUNTS true

static inline struct kernel *machine_kernel(void)
{
	/* KERNEL_STATE_PADDR - STUB_RAM_BASE */
	return (struct kernel *)(stub_window.ram + 0x300000);
}

void machine_set_vspace(uint64_t space);
void machine_set_fpu(struct tcb *tcb, bool enabled);
