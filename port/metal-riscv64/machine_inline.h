/* Bare metal: kernel addresses are C pointers. See port/machine.h. */
#pragma once

#include "isa_inline.h"
#include "kernel/core/types.h"
#include "port/untraced.h"
#include "port/metal-riscv64/csr.h"

static inline void *machine_pointer(kref ref)
{
	return (void *)ref;
}

static inline kref machine_ref(const void *pointer)
{
	return (kref)pointer;
}

/* What a hart has loaded; SMP will have one of each per core. */
extern uint64_t metal_kernel_satp;        /* of the root table without any user mapping */
extern const struct tcb *metal_fpu_owner; /* whose values the floating-point registers hold, or NULL */
extern bool metal_fpu_on;                 /* sstatus.FS is not Off */

#define MACHINE_COUNTS false

static inline struct kernel *machine_kernel(void)
{
	/* isa_kref(KERNEL_STATE_PADDR) */
	return (struct kernel *)(ISA_WINDOW + 0x80300000ull);
}

static inline void machine_set_vspace(uint64_t space)
{
	if (__builtin_expect(!space, 0))
		space = metal_kernel_satp;
	if (CSR_READ(satp) != space)
		CSR_WRITE(satp, space);
}

static inline void metal_fpu_set(bool on)
{
	metal_fpu_on = on;
	CSR_CLEAR(sstatus, SSTATUS_FS);
	if (on)
		CSR_SET(sstatus, SSTATUS_FS_ON);
}

/* Only the owner runs with the unit on: anybody else's first use of it traps. */
static inline void machine_set_fpu(struct tcb *tcb, bool enabled)
{
	bool on;

	if (__builtin_expect(!metal_fpu_owner, 1))
		return;
	on = enabled && metal_fpu_owner == tcb;
	if (on != metal_fpu_on)
		metal_fpu_set(on);
}
