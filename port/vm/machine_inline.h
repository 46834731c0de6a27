/* The soft machine: kernel addresses as host pointers. See port/machine.h. */
#pragma once

#include "isa_inline.h"
#include "kernel/core/types.h"

/* RAM begins here on QEMU's virt board (vm/device/board.h asserts nothing: port/vm/node.c does). */
#define MACHINE_RAM_BASE 0x80000000ull

/*
 * The memory of the node that this host thread runs: `mask` + 1 is a power of two, at least the size of
 * RAM, and 64 KiB more are reserved behind it; so whatever a kref says, the pointer lies in there.
 */
struct machine_window {
	uint8_t *ram;
	uint64_t mask;
};
extern _Thread_local struct machine_window machine_window;

static inline void *machine_pointer(kref ref)
{
	return machine_window.ram + ((ref - (ISA_WINDOW + MACHINE_RAM_BASE)) & machine_window.mask);
}

static inline kref machine_ref(const void *pointer)
{
	return (uint64_t)((const uint8_t *)pointer - machine_window.ram) + ISA_WINDOW + MACHINE_RAM_BASE;
}

/* The kernel counts its entries for `--stats`. */
#define MACHINE_COUNTS true

static inline struct kernel *machine_kernel(void)
{
	/* KERNEL_STATE_PADDR - MACHINE_RAM_BASE */
	return (struct kernel *)(machine_window.ram + 0x300000);
}

void machine_set_vspace(uint64_t space);
void machine_set_fpu(struct tcb *tcb, bool enabled);

/* trace.c */
void machine_trace_invoke(const struct tcb *tcb, const struct slot *slot);
void machine_trace_fault(const struct tcb *tcb);
void machine_trace_message(const struct tcb *sender, const struct tcb *receiver, kref endpoint,
			   uint64_t badge);
void machine_trace_signal(kref notification, kref woken, uint64_t badge);
void machine_trace_signal_taken(const struct tcb *tcb, kref notification, uint64_t badge);
void machine_trace_threads_created(const struct tcb *first, unsigned count);
void machine_trace_thread_named(const struct tcb *tcb);
void machine_trace_thread_deleted(const struct tcb *tcb);
