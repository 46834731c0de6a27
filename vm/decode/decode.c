/*
 * From an instruction word to a struct insn: which of insn.def it is, and its operands. Called by
 * block.c for every instruction of a block, and by the disassembler.
 *
 * The instructions are hashed by opcode and funct3; those whose mask leaves funct3 free (lui, jal,
 * rounding floating point) are entered under all eight. What matches nothing is `illegal`.
 */
#include <string.h>

#include "vm/internal.h"

static const struct {
	uint32_t match, mask;
	const char *name, *operands;
} insns[] = {
#define INSN(name, class, operands, match, mask) {match, mask, #name, operands},
#include "vm/insn.def"
};

static const char *const rvc_names[] = {
	"",
#define RVC(name, form, match, mask, base) #name,
#include "vm/rvc.def"
};

/* How the operands of compressed instructions lie: the formats of the manual, finer where needed. */
/* clang-format off */
enum rvc_form {
	CIW, CL4, CL8, CL8F, CS4, CS8, CS8F, CI, CIW0, CLI, CSP, CLUI, CBSH, CBI, CA, CJ, CB,
	CISH, CI4, CI8, CI8F, CJR, CJALR, CMV, CADD, CNONE, CSS4, CSS8, CSS8F,
};
/* clang-format on */

#define CHAIN_END 255
_Static_assert(ID_COUNT < CHAIN_END, "instruction numbers are bytes");

/* Enters every instruction in its chains' heads; where chains differ, a chain may hold strangers. */
void vm_decode_init(struct vm *vm)
{
	/*
	 * chain[id] is one successor for all buckets the instruction is in, so instructions that
	 * share a bucket form one list: a list per opcode, entered at different points.
	 */
	uint8_t tail[32];

	memset(vm->first, CHAIN_END, sizeof(vm->first));
	memset(vm->chain, CHAIN_END, sizeof(vm->chain));
	memset(tail, CHAIN_END, sizeof(tail));
	for (unsigned id = 0; id < ID_COUNT; id++) {
		unsigned opcode = insns[id].match >> 2 & 31;
		bool any = (insns[id].mask & 0x7000) == 0;

		if (insns[id].mask == 0)
			continue;
		if (tail[opcode] != CHAIN_END)
			vm->chain[tail[opcode]] = (uint8_t)id;
		tail[opcode] = (uint8_t)id;
		for (unsigned f3 = 0; f3 < 8; f3++) {
			uint8_t *first = &vm->first[opcode << 3 | f3];

			if (*first == CHAIN_END && (any || f3 == (insns[id].match >> 12 & 7)))
				*first = (uint8_t)id;
		}
	}
}

static int32_t bits(uint32_t word, unsigned low, unsigned count)
{
	return (int32_t)(word >> low & ((UINT32_C(1) << count) - 1));
}

static int32_t sign(uint32_t value, unsigned width)
{
	uint32_t top = UINT32_C(1) << (width - 1);

	return (int32_t)((value ^ top) - top);
}

/* Takes one operand letter of insn.def from the word. */
static void operand(struct insn *insn, char letter, uint32_t w)
{
	uint8_t rd = (uint8_t)bits(w, 7, 5), rs1 = (uint8_t)bits(w, 15, 5), rs2 = (uint8_t)bits(w, 20, 5);

	/* clang-format off */
	switch (letter) {
	case 'd': insn->rd = rd ? rd : REG_SINK; break;
	case 'D': insn->rd = (uint8_t)(REG_F + rd); break;
	case 's': insn->rs1 = rs1; break;
	case 'S': insn->rs1 = (uint8_t)(REG_F + rs1); break;
	case 't': insn->rs2 = rs2; break;
	case 'T': insn->rs2 = (uint8_t)(REG_F + rs2); break;
	case 'R': insn->imm |= (int32_t)REG_F + bits(w, 27, 5); break;
	case 'm': insn->imm |= bits(w, 12, 3) << 8; break;
	case 'i': insn->imm = (int32_t)w >> 20; break;
	case 'q': insn->imm = ((int32_t)w >> 25) * 32 + bits(w, 7, 5); break;
	case 'p':
		insn->imm = sign((uint32_t)(bits(w, 31, 1) << 12 | bits(w, 7, 1) << 11 | bits(w, 25, 6) << 5 |
		                            bits(w, 8, 4) << 1), 13);
		break;
	case 'a':
		insn->imm = sign((uint32_t)(bits(w, 31, 1) << 20 | bits(w, 12, 8) << 12 | bits(w, 20, 1) << 11 |
		                            bits(w, 21, 10) << 1), 21);
		break;
	case 'u': insn->imm = (int32_t)(w & 0xfffff000); break;
	case '>': insn->imm = bits(w, 20, 6); break;
	case '<': insn->imm = bits(w, 20, 5); break;
	case 'E': insn->imm = bits(w, 20, 12); break;
	case 'Z': insn->rs2 = rs1; break;
	}
	/* clang-format on */
}

void vm_insn_make_illegal(struct insn *insn, uint32_t word)
{
	insn->id = ID_illegal;
	insn->rd = REG_SINK;
	insn->rs1 = insn->rs2 = 0;
	insn->imm = (int32_t)word;
}

/* Puts operands into an instruction found through its compressed form. */
static void put(struct insn *insn, unsigned rd, unsigned rs1, unsigned rs2, int32_t imm)
{
	insn->rd = (uint8_t)(rd ? rd : REG_SINK);
	insn->rs1 = (uint8_t)rs1;
	insn->rs2 = (uint8_t)rs2;
	insn->imm = imm;
}

/* Operands of a compressed instruction; false where the encoding is reserved. */
static bool rvc_operands(struct insn *insn, enum rvc_form form, uint32_t w)
{
	unsigned r = (unsigned)bits(w, 7, 5), s = (unsigned)bits(w, 2, 5);
	unsigned rp = (unsigned)bits(w, 7, 3) + 8, sp = (unsigned)bits(w, 2, 3) + 8;
	uint32_t six = (uint32_t)(bits(w, 12, 1) << 5 | bits(w, 2, 5));
	int32_t by4 = bits(w, 10, 3) << 3 | bits(w, 6, 1) << 2 | bits(w, 5, 1) << 6;
	int32_t by8 = bits(w, 10, 3) << 3 | bits(w, 5, 2) << 6;
	int32_t sp4 = bits(w, 12, 1) << 5 | bits(w, 4, 3) << 2 | bits(w, 2, 2) << 6;
	int32_t sp8 = bits(w, 12, 1) << 5 | bits(w, 5, 2) << 3 | bits(w, 2, 3) << 6;
	int32_t to4 = bits(w, 9, 4) << 2 | bits(w, 7, 2) << 6;
	int32_t to8 = bits(w, 10, 3) << 3 | bits(w, 7, 3) << 6;
	int32_t imm;

	/* clang-format off */
	switch (form) {
	case CIW:
		imm = bits(w, 11, 2) << 4 | bits(w, 7, 4) << 6 | bits(w, 6, 1) << 2 | bits(w, 5, 1) << 3;
		put(insn, sp, 2, 0, imm);
		return imm != 0;
	case CL4: put(insn, sp, rp, 0, by4); return true;
	case CL8: put(insn, sp, rp, 0, by8); return true;
	case CL8F: put(insn, REG_F + sp, rp, 0, by8); return true;
	case CS4: put(insn, 0, rp, sp, by4); return true;
	case CS8: put(insn, 0, rp, sp, by8); return true;
	case CS8F: put(insn, 0, rp, REG_F + sp, by8); return true;
	case CI: put(insn, r, r, 0, sign(six, 6)); return true;
	case CIW0: put(insn, r, r, 0, sign(six, 6)); return r != 0;
	case CLI: put(insn, r, 0, 0, sign(six, 6)); return true;
	case CSP:
		imm = bits(w, 12, 1) << 9 | bits(w, 6, 1) << 4 | bits(w, 5, 1) << 6 | bits(w, 3, 2) << 7 |
		      bits(w, 2, 1) << 5;
		put(insn, 2, 2, 0, sign((uint32_t)imm, 10));
		return imm != 0;
	case CLUI: put(insn, r, 0, 0, sign(six, 6) * 4096); return six != 0;
	case CBSH: put(insn, rp, rp, 0, (int32_t)six); return true;
	case CBI: put(insn, rp, rp, 0, sign(six, 6)); return true;
	case CA: put(insn, rp, rp, sp, 0); return true;
	case CJ:
		imm = bits(w, 12, 1) << 11 | bits(w, 11, 1) << 4 | bits(w, 9, 2) << 8 | bits(w, 8, 1) << 10 |
		      bits(w, 7, 1) << 6 | bits(w, 6, 1) << 7 | bits(w, 3, 3) << 1 | bits(w, 2, 1) << 5;
		put(insn, 0, 0, 0, sign((uint32_t)imm, 12));
		return true;
	case CB:
		imm = bits(w, 12, 1) << 8 | bits(w, 10, 2) << 3 | bits(w, 5, 2) << 6 | bits(w, 3, 2) << 1 |
		      bits(w, 2, 1) << 5;
		put(insn, 0, rp, 0, sign((uint32_t)imm, 9));
		return true;
	case CISH: put(insn, r, r, 0, (int32_t)six); return true;
	case CI4: put(insn, r, 2, 0, sp4); return r != 0;
	case CI8: put(insn, r, 2, 0, sp8); return r != 0;
	case CI8F: put(insn, REG_F + r, 2, 0, sp8); return true;
	case CJR: put(insn, 0, r, 0, 0); return r != 0;
	case CJALR: put(insn, 1, r, 0, 0); return true;
	case CMV: put(insn, r, 0, s, 0); return true;
	case CADD: put(insn, r, r, s, 0); return true;
	case CNONE: put(insn, 0, 0, 0, 0); return true;
	case CSS4: put(insn, 0, 2, s, to4); return true;
	case CSS8: put(insn, 0, 2, s, to8); return true;
	case CSS8F: put(insn, 0, 2, REG_F + s, to8); return true;
	}
	/* clang-format on */
	return false;
}

static const struct {
	uint16_t match, mask;
	uint8_t form, id;
} rvcs[] = {
#define RVC(name, form, match, mask, base) {match, mask, form, ID_##base},
#include "vm/rvc.def"
};

static void decode_short(uint32_t word, struct insn *insn)
{
	insn->length = 2;
	for (unsigned i = 0; i < sizeof(rvcs) / sizeof(rvcs[0]); i++) {
		if ((word & rvcs[i].mask) != rvcs[i].match)
			continue;
		insn->id = rvcs[i].id;
		insn->rvc = (uint8_t)(i + 1);
		if (!rvc_operands(insn, (enum rvc_form)rvcs[i].form, word))
			break;
		return;
	}
	insn->rvc = 0;
	vm_insn_make_illegal(insn, word);
}

/*
 * Decodes the instruction in the low bits of `word`; insn->length says how many of them it took.
 * Without a VM, and so without its tables, it tries every instruction.
 */
void vm_decode(const struct vm *vm, uint32_t word, struct insn *insn)
{
	*insn = (struct insn){.rd = REG_SINK, .length = 4};
	if ((word & 3) != 3) {
		decode_short(word & 0xffff, insn);
		return;
	}
	for (unsigned id = vm ? vm->first[(word >> 2 & 31) << 3 | (word >> 12 & 7)] : 0;
	     id != CHAIN_END && id < ID_COUNT; id = vm ? vm->chain[id] : id + 1) {
		if ((word & insns[id].mask) != insns[id].match)
			continue;
		insn->id = (uint8_t)id;
		for (const char *letter = insns[id].operands; *letter; letter++)
			operand(insn, *letter, word);
		return;
	}
	vm_insn_make_illegal(insn, word);
}

/* The instruction's name in insn.def or rvc.def, and its operand letters. */
bool vm_insn_is_fp(const struct insn *insn)
{
	for (const char *letter = insns[insn->id].operands; *letter; letter++)
		if (strchr("DSTR", *letter) || (*letter == 'E' && insn->imm >= 1 && insn->imm <= 3))
			return true;
	return false;
}

const char *vm_insn_name(const struct insn *insn, const char **operands)
{
	*operands = insns[insn->id].operands;
	return insn->rvc ? rvc_names[insn->rvc] : insns[insn->id].name;
}
