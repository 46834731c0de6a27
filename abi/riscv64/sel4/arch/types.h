/* riscv64's capability types and the register set of TCB_ReadRegisters and TCB_WriteRegisters. */
#pragma once

#include <sel4/arch/constants.h>
#include <sel4/macros.h>
#include <sel4/simple_types.h>

typedef seL4_CPtr seL4_RISCV_Page;
typedef seL4_CPtr seL4_RISCV_PageTable;
typedef seL4_CPtr seL4_RISCV_ASIDControl;
typedef seL4_CPtr seL4_RISCV_ASIDPool;

/* One word per register, in the order of the message. */
typedef struct seL4_UserContext_ {
	seL4_Word pc, ra, sp, gp;
	seL4_Word s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11;
	seL4_Word a0, a1, a2, a3, a4, a5, a6, a7;
	seL4_Word t0, t1, t2, t3, t4, t5, t6, tp;
} seL4_UserContext;

SEL4_COMPILE_ASSERT(context_is_32_words,
		    sizeof(seL4_UserContext) == seL4_UserContextWords * sizeof(seL4_Word))
