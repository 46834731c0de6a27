/* Just enough of an assembler to write test programs in C: each macro is an instruction word. */
#ifndef SKERRY_TEST_INSN_ASM_H
#define SKERRY_TEST_INSN_ASM_H

#include <stdint.h>

#define R_TYPE(match, rd, rs1, rs2)                                                                           \
	((uint32_t)(match) | (uint32_t)(rd) << 7 | (uint32_t)(rs1) << 15 | (uint32_t)(rs2) << 20)
#define I_TYPE(match, rd, rs1, imm)                                                                           \
	((uint32_t)(match) | (uint32_t)(rd) << 7 | (uint32_t)(rs1) << 15 | (uint32_t)(imm) << 20)
#define S_TYPE(match, rs1, rs2, imm)                                                                          \
	((uint32_t)(match) | (uint32_t)(rs1) << 15 | (uint32_t)(rs2) << 20 | ((uint32_t)(imm) & 31) << 7 |    \
	 ((uint32_t)(imm) >> 5 & 127) << 25)
#define B_TYPE(match, rs1, rs2, imm)                                                                          \
	((uint32_t)(match) | (uint32_t)(rs1) << 15 | (uint32_t)(rs2) << 20 |                                  \
	 ((uint32_t)(imm) >> 12 & 1) << 31 | ((uint32_t)(imm) >> 5 & 63) << 25 |                              \
	 ((uint32_t)(imm) >> 1 & 15) << 8 | ((uint32_t)(imm) >> 11 & 1) << 7)
#define J_TYPE(match, rd, imm)                                                                                \
	((uint32_t)(match) | (uint32_t)(rd) << 7 | ((uint32_t)(imm) >> 20 & 1) << 31 |                        \
	 ((uint32_t)(imm) >> 1 & 1023) << 21 | ((uint32_t)(imm) >> 11 & 1) << 20 |                            \
	 ((uint32_t)(imm) >> 12 & 255) << 12)

#define ADDI(rd, rs1, imm) I_TYPE(0x13, rd, rs1, imm)
#define XORI(rd, rs1, imm) I_TYPE(0x4013, rd, rs1, imm)
#define ANDI(rd, rs1, imm) I_TYPE(0x7013, rd, rs1, imm)
#define LI(rd, imm) ADDI(rd, 0, imm)
#define NOP ADDI(0, 0, 0)
#define ADD(rd, rs1, rs2) R_TYPE(0x33, rd, rs1, rs2)
#define DIV(rd, rs1, rs2) (R_TYPE(0x33, rd, rs1, rs2) | 0x02004000)
#define ADDW(rd, rs1, rs2) R_TYPE(0x3b, rd, rs1, rs2)
#define LUI(rd, imm) ((uint32_t)0x37 | (uint32_t)(rd) << 7 | (uint32_t)(imm) << 12)
#define LB(rd, rs1, imm) I_TYPE(0x0003, rd, rs1, imm)
#define LH(rd, rs1, imm) I_TYPE(0x1003, rd, rs1, imm)
#define LW(rd, rs1, imm) I_TYPE(0x2003, rd, rs1, imm)
#define LD(rd, rs1, imm) I_TYPE(0x3003, rd, rs1, imm)
#define SB(rs2, rs1, imm) S_TYPE(0x0023, rs1, rs2, imm)
#define SH(rs2, rs1, imm) S_TYPE(0x1023, rs1, rs2, imm)
#define SW(rs2, rs1, imm) S_TYPE(0x2023, rs1, rs2, imm)
#define SD(rs2, rs1, imm) S_TYPE(0x3023, rs1, rs2, imm)
#define BNE(rs1, rs2, imm) B_TYPE(0x1063, rs1, rs2, imm)
#define BEQ(rs1, rs2, imm) B_TYPE(0x0063, rs1, rs2, imm)
#define JAL(rd, imm) J_TYPE(0x6f, rd, imm)
#define JALR(rd, rs1, imm) I_TYPE(0x67, rd, rs1, imm)
#define CSRRW(rd, csr, rs1) I_TYPE(0x1073, rd, rs1, csr)
#define CSRRS(rd, csr, rs1) I_TYPE(0x2073, rd, rs1, csr)
#define LR_W(rd, rs1) R_TYPE(0x1000202f, rd, rs1, 0)
#define LR_D(rd, rs1) R_TYPE(0x1000302f, rd, rs1, 0)
#define SC_W(rd, rs2, rs1) R_TYPE(0x1800202f, rd, rs1, rs2)
#define SC_D(rd, rs2, rs1) R_TYPE(0x1800302f, rd, rs1, rs2)
#define AMOADD_W(rd, rs2, rs1) R_TYPE(0x0000202f, rd, rs1, rs2)
#define AMOADD_D(rd, rs2, rs1) R_TYPE(0x0000302f, rd, rs1, rs2)
#define FADD_D(rd, rs1, rs2, rm) (R_TYPE(0x02000053, rd, rs1, rs2) | (uint32_t)(rm) << 12)
#define FMADD_S(rd, rs1, rs2, rs3) (R_TYPE(0x00000043, rd, rs1, rs2) | (uint32_t)(rs3) << 27)
#define FCVT(match, rd, rs1, rm) (R_TYPE(match, rd, rs1, 0) | (uint32_t)(rm) << 12)
#define FCVT_W_D(rd, rs1, rm) FCVT(0xc2000053, rd, rs1, rm)
#define FENCE 0x0ff0000fu
#define FENCE_I 0x0000100fu
#define ECALL 0x00000073u
#define EBREAK 0x00100073u

#endif
