/*
 * A thread's user registers on riscv64. The soft machine works on them in place (port/vm asserts that
 * the layout is its struct vm_regs), the metal half's assembler uses the same offsets.
 */
#pragma once

#include <stdint.h>

struct context {
	uint64_t x[33]; /* x[0] is 0; x[32] is where the soft machine drops writes to x0 */
	uint64_t pc;    /* FaultIP while in the kernel: the instruction that trapped */
	uint64_t f[32];
	uint64_t fcsr;
};

enum {
	REG_RA = 1,
	REG_SP = 2,
	REG_TP = 4,
	REG_A0 = 10,
	REG_A1 = 11,
	REG_A2 = 12,
	REG_A7 = 17,
};
