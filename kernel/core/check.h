/* Verifying the kernel's whole state. */
#pragma once

#include "kernel/core/kernel.h"

/*
 * Walks all of the kernel's state. NULL if every invariant holds, else what does not; `*where` is then
 * the kernel address of the slot or object concerned. Never loops or reads outside the node's memory,
 * whatever the state is.
 */
const char *kernel_check(struct kernel *kernel, kref *where);

/* Debug builds (make CHECK=1) verify after every entry (of a huge system, after every so many) and stop the
 * machine at the first violation. */
void kernel_check_or_halt(struct kernel *kernel);

static inline void kernel_check_if_built(struct kernel *kernel)
{
	if (SKERRY_CHECK)
		kernel_check_or_halt(kernel);
}
