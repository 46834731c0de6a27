/* Bare metal: kernel addresses are C pointers. See port/machine.h. */
#pragma once

#include "isa_inline.h"
#include "kernel/core/types.h"

static inline void *machine_pointer(kref ref)
{
	return (void *)ref;
}

static inline kref machine_ref(const void *pointer)
{
	return (kref)pointer;
}

static inline struct kernel *machine_kernel(void)
{
	/* isa_kref(KERNEL_STATE_PADDR) */
	return (struct kernel *)(ISA_WINDOW + 0x80300000ull);
}
