/*
 * An assembler for x86-64: each function appends one instruction. Names and encodings are those of the
 * Intel SDM, volume 2, without AT&T's order: destination first.
 *
 * A place is a register or eight bytes of memory at a base register. Sizes are in bits: 32 writes
 * the whole register, with zeros above.
 */
#ifndef SKERRY_VM_JIT_X86_64_EMIT_H
#define SKERRY_VM_JIT_X86_64_EMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum reg { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, NO_REG = 255 };

enum condition {
	CC_O = 0,
	CC_B = 2,
	CC_AE = 3,
	CC_E = 4,
	CC_NE = 5,
	CC_A = 7,
	CC_S = 8,
	CC_NS = 9,
	CC_P = 10,
	CC_L = 12,
	CC_GE = 13,
	CC_G = 15,
};

/* Two-operand arithmetic, by the number that the SDM's opcode group 1 gives it. */
enum alu { ALU_ADD, ALU_OR, ALU_SBB = 3, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

/* Shifts, by their number in opcode group 2. */
enum shift { SHIFT_SHL = 4, SHIFT_SHR, SHIFT_SAR = 7 };

/* reg, or memory at base + index + offset; an index is not scaled. */
struct place {
	uint8_t reg, base, index;
	int32_t offset;
};

/* Where code is put: `at` in the view that can be written, which lies `to_run` before the one that runs. */
struct emit {
	uint8_t *at;
	intptr_t to_run;
};

static inline struct place in_reg(unsigned reg)
{
	return (struct place){.reg = (uint8_t)reg, .base = NO_REG, .index = NO_REG};
}

static inline struct place in_memory(unsigned base, int32_t offset)
{
	return (struct place){.reg = NO_REG, .base = (uint8_t)base, .index = NO_REG, .offset = offset};
}

static inline struct place in_table(unsigned base, unsigned index, int32_t offset)
{
	return (struct place){
		.reg = NO_REG, .base = (uint8_t)base, .index = (uint8_t)index, .offset = offset};
}

static inline bool is_reg(struct place place)
{
	return place.reg != NO_REG;
}

static inline void emit_8(struct emit *e, unsigned byte)
{
	*e->at++ = (uint8_t)byte;
}

static inline void emit_32(struct emit *e, uint32_t value)
{
	memcpy(e->at, &value, sizeof(value));
	e->at += sizeof(value);
}

static inline void emit_64(struct emit *e, uint64_t value)
{
	memcpy(e->at, &value, sizeof(value));
	e->at += sizeof(value);
}

/* ModRM, SIB and displacement for `reg` (or an opcode's extension) and a place. */
static inline void emit_modrm(struct emit *e, unsigned reg, struct place place)
{
	unsigned mod = place.offset == 0 && (place.base & 7) != RBP  ? 0
		       : place.offset >= -128 && place.offset <= 127 ? 1
								     : 2;

	reg = (reg & 7) << 3;
	if (is_reg(place)) {
		emit_8(e, 0xc0 | reg | (place.reg & 7));
		return;
	}
	if (place.index != NO_REG || (place.base & 7) == RSP) {
		unsigned index = place.index == NO_REG ? RSP : place.index & 7;

		emit_8(e, mod << 6 | reg | 4);
		emit_8(e, index << 3 | (place.base & 7));
	} else {
		emit_8(e, mod << 6 | reg | (place.base & 7));
	}
	if (mod == 1)
		emit_8(e, (uint8_t)place.offset);
	else if (mod == 2)
		emit_32(e, (uint32_t)place.offset);
}

/*
 * A whole instruction: mandatory prefix (0: none), REX, opcode (one byte, or 0x0fXX, 0x0f38XX), operands.
 * `byte` says that the register operands are of 8 bits, for which REX chooses sil and dil.
 */
static inline void emit_insn(struct emit *e, unsigned prefix, unsigned opcode, bool wide, bool byte,
			     unsigned reg, struct place place)
{
	unsigned base = is_reg(place) ? place.reg : place.base;
	unsigned index = is_reg(place) || place.index == NO_REG ? 0 : place.index;
	unsigned rex = (unsigned)wide << 3 | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 | (base >> 3 & 1);

	if (prefix)
		emit_8(e, prefix);
	if (rex || byte)
		emit_8(e, 0x40 | rex);
	if (opcode > 0xffff)
		emit_8(e, opcode >> 16);
	if (opcode > 0xff)
		emit_8(e, opcode >> 8 & 0xff);
	emit_8(e, opcode & 0xff);
	emit_modrm(e, reg, place);
}

/* --- moves --- */

static inline void emit_load(struct emit *e, unsigned bits, unsigned reg, struct place from)
{
	if (!(is_reg(from) && from.reg == reg && bits == 64))
		emit_insn(e, 0, 0x8b, bits == 64, false, reg, from);
}

static inline void emit_store(struct emit *e, unsigned bits, struct place to, unsigned reg)
{
	if (is_reg(to) && to.reg == reg && bits == 64)
		return;
	emit_insn(e, bits == 16 ? 0x66 : 0, bits == 8 ? 0x88 : 0x89, bits == 64, bits == 8, reg, to);
}

/* reg = from, of `bits` extended to 64 by sign or zero. */
static inline void emit_extend(struct emit *e, unsigned bits, bool is_signed, unsigned reg, struct place from)
{
	bool byte = bits == 8 && is_reg(from);

	if (bits == 64 || (bits == 32 && !is_signed))
		emit_load(e, bits, reg, from);
	else if (bits == 32)
		emit_insn(e, 0, 0x63, true, false, reg, from); /* movsxd */
	else
		emit_insn(e, 0, (is_signed ? 0x0fbe : 0x0fb6) + (bits == 16), is_signed, byte, reg, from);
}

static inline void emit_constant(struct emit *e, unsigned reg, uint64_t value)
{
	if (value == 0) {
		emit_insn(e, 0, 0x33, false, false, reg, in_reg(reg)); /* xor: changes the flags */
	} else if (value <= UINT32_MAX) {
		if (reg >= R8)
			emit_8(e, 0x41);
		emit_8(e, 0xb8 | (reg & 7));
		emit_32(e, (uint32_t)value);
	} else if ((int64_t)value == (int32_t)value) {
		emit_insn(e, 0, 0xc7, true, false, 0, in_reg(reg));
		emit_32(e, (uint32_t)value);
	} else {
		emit_8(e, 0x48 | (reg >= R8));
		emit_8(e, 0xb8 | (reg & 7));
		emit_64(e, value);
	}
}

/* reg = an address, in an instruction that has room for any; returns its place there. */
static inline uint8_t *emit_address(struct emit *e, unsigned reg, uintptr_t address)
{
	emit_8(e, 0x48 | (reg >= R8));
	emit_8(e, 0xb8 | (reg & 7));
	emit_64(e, address);
	return e->at - 8;
}

/* A place in memory = value, sign-extended from 32 bits. */
static inline void emit_store_imm(struct emit *e, unsigned bits, struct place to, int32_t value)
{
	emit_insn(e, 0, bits == 8 ? 0xc6 : 0xc7, bits == 64, false, 0, to);
	if (bits == 8)
		emit_8(e, (uint8_t)value);
	else
		emit_32(e, (uint32_t)value);
}

static inline void emit_lea(struct emit *e, unsigned reg, struct place from)
{
	emit_insn(e, 0, 0x8d, true, false, reg, from);
}

static inline void emit_lea_32(struct emit *e, unsigned reg, struct place from)
{
	emit_insn(e, 0, 0x8d, false, false, reg, from);
}

/* --- arithmetic --- */

static inline void emit_alu(struct emit *e, enum alu alu, unsigned bits, unsigned reg, struct place from)
{
	emit_insn(e, 0, alu << 3 | 3, bits == 64, false, reg, from);
}

static inline void emit_alu_to(struct emit *e, enum alu alu, unsigned bits, struct place to, unsigned reg)
{
	emit_insn(e, 0, alu << 3 | 1, bits == 64, false, reg, to);
}

static inline void emit_alu_imm(struct emit *e, enum alu alu, unsigned bits, struct place to, int32_t value)
{
	bool small = value >= -128 && value <= 127;

	emit_insn(e, 0, small ? 0x83 : 0x81, bits == 64, false, alu, to);
	if (small)
		emit_8(e, (uint8_t)value);
	else
		emit_32(e, (uint32_t)value);
}

static inline void emit_shift_imm(struct emit *e, enum shift shift, unsigned bits, struct place to,
				  unsigned count)
{
	emit_insn(e, 0, 0xc1, bits == 64, false, shift, to);
	emit_8(e, count);
}

/* By cl. */
static inline void emit_shift(struct emit *e, enum shift shift, unsigned bits, struct place to)
{
	emit_insn(e, 0, 0xd3, bits == 64, false, shift, to);
}

/* BMI2: reg = place shifted by another register, flags untouched. */
static inline void emit_shift_by(struct emit *e, enum shift shift, unsigned bits, unsigned reg,
				 struct place place, unsigned by)
{
	unsigned base = is_reg(place) ? place.reg : place.base;
	unsigned prefix = shift == SHIFT_SHL ? 1 : shift == SHIFT_SAR ? 2 : 3;

	emit_8(e, 0xc4);
	emit_8(e, (reg < 8) << 7 | 1 << 6 | (base < 8) << 5 | 2);
	emit_8(e, (unsigned)(bits == 64) << 7 | (~by & 15) << 3 | prefix);
	emit_8(e, 0xf7);
	emit_modrm(e, reg, place);
}

static inline void emit_test(struct emit *e, unsigned bits, unsigned a, unsigned b)
{
	emit_insn(e, 0, 0x85, bits == 64, false, a, in_reg(b));
}

/* A byte in memory. */
static inline void emit_compare_byte(struct emit *e, struct place place, unsigned value)
{
	emit_insn(e, 0, 0x80, false, false, ALU_CMP, place);
	emit_8(e, value);
}

/* Of al, cl or dl. */
static inline void emit_test_low(struct emit *e, unsigned reg, unsigned bits)
{
	emit_insn(e, 0, 0xf6, false, false, 0, in_reg(reg));
	emit_8(e, bits);
}

/* to = from if the condition holds */
static inline void emit_move_if(struct emit *e, enum condition condition, unsigned bits, unsigned to,
				unsigned from)
{
	emit_insn(e, 0, 0x0f40 | condition, bits == 64, false, to, in_reg(from));
}

/* Sets the bit of this number. */
static inline void emit_set_bit(struct emit *e, unsigned reg, unsigned number)
{
	emit_insn(e, 0, 0x0fab, false, false, number, in_reg(reg));
}

/* The same of 64 and with the number in the instruction. */
enum bit { BIT_RESET = 6, BIT_COMPLEMENT };

static inline void emit_bit(struct emit *e, enum bit what, unsigned reg, unsigned number)
{
	emit_insn(e, 0, 0x0fba, true, false, what, in_reg(reg));
	emit_8(e, number);
}

static inline void emit_imul(struct emit *e, unsigned bits, unsigned reg, struct place from)
{
	emit_insn(e, 0, 0x0faf, bits == 64, false, reg, from);
}

/* Opcode group 3, on rdx:rax. */
enum group3 { GROUP3_NOT = 2, GROUP3_NEG, GROUP3_MUL, GROUP3_IMUL, GROUP3_DIV, GROUP3_IDIV };

static inline void emit_group3(struct emit *e, enum group3 what, unsigned bits, struct place place)
{
	emit_insn(e, 0, 0xf7, bits == 64, false, what, place);
}

/* rdx = the sign of rax, of `bits`. */
static inline void emit_sign(struct emit *e, unsigned bits)
{
	if (bits == 64)
		emit_8(e, 0x48);
	emit_8(e, 0x99);
}

/* al = condition */
static inline void emit_set(struct emit *e, enum condition condition)
{
	emit_insn(e, 0, 0x0f90 | condition, false, false, 0, in_reg(RAX));
}

/* --- control --- */

/* Sets the 32-bit distance at `field` so that the instruction that it ends goes to `target`. */
static inline void emit_fix(uint8_t *field, const uint8_t *target)
{
	int32_t distance = (int32_t)(target - (field + 4));

	memcpy(field, &distance, sizeof(distance));
}

/* These return the distance's place, for emit_fix(). */
static inline uint8_t *emit_jump(struct emit *e)
{
	emit_8(e, 0xe9);
	emit_32(e, 0);
	return e->at - 4;
}

static inline uint8_t *emit_jump_if(struct emit *e, enum condition condition)
{
	emit_8(e, 0x0f);
	emit_8(e, 0x80 | condition);
	emit_32(e, 0);
	return e->at - 4;
}

static inline uint8_t *emit_call(struct emit *e)
{
	emit_8(e, 0xe8);
	emit_32(e, 0);
	return e->at - 4;
}

static inline void emit_jump_to_place(struct emit *e, struct place place)
{
	emit_insn(e, 0, 0xff, false, false, 4, place);
}

static inline void emit_call_place(struct emit *e, struct place place)
{
	emit_insn(e, 0, 0xff, false, false, 2, place);
}

static inline void emit_push(struct emit *e, unsigned reg)
{
	if (reg >= R8)
		emit_8(e, 0x41);
	emit_8(e, 0x50 | (reg & 7));
}

static inline void emit_push_imm(struct emit *e, int32_t value)
{
	emit_8(e, 0x68);
	emit_32(e, (uint32_t)value);
}

static inline void emit_pop(struct emit *e, unsigned reg)
{
	if (reg >= R8)
		emit_8(e, 0x41);
	emit_8(e, 0x58 | (reg & 7));
}

/* No access behind it is done before all those in front of it: quicker than mfence, which does more. */
static inline void emit_fence(struct emit *e)
{
	emit_8(e, 0xf0); /* lock */
	emit_alu_imm(e, ALU_OR, 32, in_memory(RSP, 0), 0);
}

static inline void emit_return(struct emit *e)
{
	emit_8(e, 0xc3);
}

/* --- floating point: scalars in xmm registers, `wide` for doubles --- */

enum sse {
	SSE_SQRT = 0x51,
	SSE_ADD = 0x58,
	SSE_MUL = 0x59,
	SSE_SUB = 0x5c,
	SSE_MIN = 0x5d,
	SSE_DIV = 0x5e,
	SSE_MAX = 0x5f,
};

static inline void emit_sse(struct emit *e, unsigned opcode, bool wide, unsigned xmm, struct place from)
{
	emit_insn(e, wide ? 0xf2 : 0xf3, 0x0f00 | opcode, false, false, xmm, from);
}

/* All bits of xmm registers. */
enum sse_logic { SSE_AND = 0x54, SSE_OR = 0x56, SSE_XOR };

static inline void emit_sse_logic(struct emit *e, enum sse_logic logic, unsigned to, unsigned from)
{
	emit_insn(e, 0, 0x0f00 | logic, false, false, to, in_reg(from));
}

/* A whole xmm register to another. */
static inline void emit_xmm_move(struct emit *e, unsigned to, unsigned from)
{
	if (to != from)
		emit_insn(e, 0, 0x0f28, false, false, to, in_reg(from)); /* movaps */
}

/* movsd between registers would wait for the upper half: a whole one is moved. */
static inline void emit_sse_load(struct emit *e, bool wide, unsigned xmm, struct place from)
{
	if (is_reg(from))
		emit_xmm_move(e, xmm, from.reg);
	else
		emit_sse(e, 0x10, wide, xmm, from);
}

static inline void emit_sse_store(struct emit *e, bool wide, struct place to, unsigned xmm)
{
	emit_sse(e, 0x11, wide, xmm, to);
}

/* The 64 bits of a double as they are. */
static inline void emit_from_xmm(struct emit *e, unsigned reg, unsigned xmm)
{
	emit_insn(e, 0x66, 0x0f7e, true, false, xmm, in_reg(reg));
}

static inline void emit_to_xmm(struct emit *e, unsigned xmm, unsigned reg)
{
	emit_insn(e, 0x66, 0x0f6e, true, false, xmm, in_reg(reg));
}

/* Compares; P is set if one is a NaN. */
static inline void emit_ucomis(struct emit *e, bool wide, unsigned xmm, struct place with)
{
	emit_insn(e, wide ? 0x66 : 0, 0x0f2e, false, false, xmm, with);
}

/* xmm = an integer of `bits` */
static inline void emit_from_int(struct emit *e, bool wide, unsigned bits, unsigned xmm, struct place from)
{
	emit_insn(e, wide ? 0xf2 : 0xf3, 0x0f2a, bits == 64, false, xmm, from);
}

/* reg = xmm, towards zero or as the unit rounds; the highest bit alone if that cannot be */
static inline void emit_to_int(struct emit *e, bool wide, unsigned bits, bool to_zero, unsigned reg,
			       unsigned xmm)
{
	emit_insn(e, wide ? 0xf2 : 0xf3, to_zero ? 0x0f2c : 0x0f2d, bits == 64, false, reg, in_reg(xmm));
}

/* SSE4.1: to = from as an integer; does not say if it was none. */
enum round { ROUND_NEAREST = 8, ROUND_DOWN, ROUND_UP, ROUND_TO_ZERO };

static inline void emit_round(struct emit *e, bool wide, unsigned to, unsigned from, enum round round)
{
	emit_insn(e, 0x66, wide ? 0x0f3a0b : 0x0f3a0a, false, false, to, in_reg(from));
	emit_8(e, round);
}

/* FMA3, form 213: xmm = ±(xmm * by) ± place. */
enum fma { FMA_ADD = 0xa9, FMA_SUB = 0xab, FMA_NEGATED_ADD = 0xad, FMA_NEGATED_SUB = 0xaf };

static inline void emit_fma(struct emit *e, enum fma fma, bool wide, unsigned xmm, unsigned by,
			    struct place place)
{
	unsigned base = is_reg(place) ? place.reg : place.base;

	emit_8(e, 0xc4);
	emit_8(e, (xmm < 8) << 7 | 1 << 6 | (base < 8) << 5 | 2);
	emit_8(e, (unsigned)wide << 7 | (~by & 15) << 3 | 1);
	emit_8(e, fma);
	emit_modrm(e, xmm, place);
}

#endif
