/*
 * The trap of riscv64: number in a7, capability (back: badge) in a0, message info in a1, the first
 * four message registers in a2..a5. The kernel leaves alone what a call does not deliver, so one
 * shape serves all calls; what a caller does not look at costs nothing once this is inlined.
 */
#pragma once

#include <sel4/types.h>

#define SEL4_FAST_MRS 4

struct sel4_registers {
	seL4_Word cap_or_badge;
	seL4_Word info;
	seL4_Word mr[SEL4_FAST_MRS];
};

static inline __attribute__((always_inline)) void sel4_trap(seL4_Syscall_ID number, struct sel4_registers *r)
{
	register seL4_Word a0 __asm__("a0") = r->cap_or_badge;
	register seL4_Word a1 __asm__("a1") = r->info;
	register seL4_Word a2 __asm__("a2") = r->mr[0];
	register seL4_Word a3 __asm__("a3") = r->mr[1];
	register seL4_Word a4 __asm__("a4") = r->mr[2];
	register seL4_Word a5 __asm__("a5") = r->mr[3];
	register seL4_Word a7 __asm__("a7") = (seL4_Word)number;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5)
			 : "r"(a7)
			 : "memory");
	*r = (struct sel4_registers){a0, a1, {a2, a3, a4, a5}};
}

/* The thread pointer is an ordinary register here: no call to the kernel. */
static inline void seL4_SetTLSBase(seL4_Word base)
{
	__asm__ volatile("mv tp, %0" : : "r"(base));
}
