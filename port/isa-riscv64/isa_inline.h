/* riscv64: message registers and the kernel's window of physical memory. See port/isa.h. */
#pragma once

#include "kernel/core/types.h"
#include "context.h"

/* All physical memory appears here in the kernel's half of every Sv39 address space. */
#define ISA_WINDOW 0xffffffc000000000ull

static inline kref isa_kref(uint64_t paddr)
{
	return paddr + ISA_WINDOW;
}

static inline uint64_t isa_paddr(kref ref)
{
	return ref - ISA_WINDOW;
}

#define ISA_MESSAGE_REGISTERS 4
#define ISA_FAULT_WORDS       seL4_UnknownSyscall_Length

static inline int64_t isa_syscall(const struct context *context)
{
	return (int64_t)context->x[REG_A7];
}

static inline uint64_t isa_cptr(const struct context *context)
{
	return context->x[REG_A0];
}

static inline uint64_t isa_info(const struct context *context)
{
	return context->x[REG_A1];
}

static inline uint64_t isa_message(const struct context *context, unsigned index)
{
	return context->x[REG_A2 + index];
}

static inline void isa_set_badge(struct context *context, uint64_t badge)
{
	context->x[REG_A0] = badge;
}

static inline void isa_set_info(struct context *context, uint64_t info)
{
	context->x[REG_A1] = info;
}

static inline void isa_set_message(struct context *context, unsigned index, uint64_t word)
{
	context->x[REG_A2 + index] = word;
}

static inline uint64_t isa_advance(const struct context *context)
{
	return context->pc + 4;
}

static inline void isa_set_tls(struct context *context, uint64_t address)
{
	context->x[REG_TP] = address;
}
