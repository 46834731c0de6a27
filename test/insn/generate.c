/*
 * Makes random programs out of insn.def and rvc.def: every instruction that is there is generated.
 *
 * A program is a number of sequences. Each loads all registers and fcsr from a random state,
 * executes some dozens of random instructions, and stores all registers and fcsr. x3 points to the
 * state, x2, x8 and x9 into a data area (so that compressed loads and stores have it, too), x4
 * counts loops; these are never written, everything else is. The data area is shared by all
 * sequences and stored at the end.
 *
 * Instructions are random bits where insn.def leaves them free, then corrected: destinations that
 * are spared, bases and alignment of memory accesses, branches that go forward inside the sequence.
 * What must agree with something else (jumps through registers, lr with sc, loops, rounding modes)
 * is made by templates.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/insn/generate.h"
#include "test/insn/machine.h"
#include "vm/internal.h"

#define DATA_MIDDLE (DATA_SIZE / 2)

enum class { CLASS_ALU, CLASS_LOAD, CLASS_STORE, CLASS_BRANCH, CLASS_JUMP, CLASS_AMO, CLASS_FP, CLASS_SYS };

static const struct {
	uint32_t match, mask;
	const char *name, *operands;
	uint8_t class;
} insns[] = {
#define INSN(name, class, operands, match, mask) {match, mask, #name, operands, CLASS_##class},
#include "vm/insn.def"
};

static const struct {
	uint16_t match, mask;
	const char *name;
	uint8_t id;
} rvcs[] = {
#define RVC(name, form, match, mask, base) {match, mask, #name, ID_##base},
#include "vm/rvc.def"
};

/* What the interpreter does two at a time. */
static const struct {
	uint8_t first, second;
	char form;
} pairs[] = {
#define PAIR(form, first, second) {ID_##first, ID_##second, #form[0]},
#include "vm/pair.def"
};

#define RVC_COUNT (sizeof(rvcs) / sizeof(rvcs[0]))

static bool seen_insn[ID_COUNT], seen_rvc[RVC_COUNT];

struct generator {
	struct program *program;
	struct random random;
	uint64_t at;   /* offset in the image */
	uint64_t data; /* offset of the data area */
	unsigned fix_count;
	struct {
		uint64_t place; /* offset of a branch or jump */
		unsigned after; /* goes behind this many further instructions */
	} fixes[64];
};

static uint64_t below(struct generator *g, uint64_t bound)
{
	return random_below(&g->random, bound);
}

static void put16(struct generator *g, uint16_t half)
{
	memcpy(g->program->image + g->at, &half, 2);
	g->at += 2;
}

static void put32(struct generator *g, uint32_t word)
{
	memcpy(g->program->image + g->at, &word, 4);
	g->at += 4;
}

/* --- encoding --- */

static uint32_t enc_i(uint32_t match, unsigned rd, unsigned rs1, int imm)
{
	return match | rd << 7 | rs1 << 15 | (uint32_t)imm << 20;
}

static uint32_t enc_s(uint32_t match, unsigned rs1, unsigned rs2, int imm)
{
	return match | rs1 << 15 | rs2 << 20 | ((uint32_t)imm & 31) << 7 | ((uint32_t)imm >> 5 & 127) << 25;
}

static uint32_t branch_bits(int64_t offset)
{
	uint32_t o = (uint32_t)offset;

	return (o >> 12 & 1) << 31 | (o >> 5 & 63) << 25 | (o >> 1 & 15) << 8 | (o >> 11 & 1) << 7;
}

static uint32_t jump_bits(int64_t offset)
{
	uint32_t o = (uint32_t)offset;

	return (o >> 20 & 1) << 31 | (o >> 1 & 1023) << 21 | (o >> 11 & 1) << 20 | (o >> 12 & 255) << 12;
}

static uint16_t short_branch_bits(int64_t offset)
{
	unsigned o = (unsigned)offset;

	return (uint16_t)((o >> 8 & 1) << 12 | (o >> 3 & 3) << 10 | (o >> 6 & 3) << 5 | (o >> 1 & 3) << 3 |
			  (o >> 5 & 1) << 2);
}

static uint16_t short_jump_bits(int64_t offset)
{
	unsigned o = (unsigned)offset;

	return (uint16_t)((o >> 11 & 1) << 12 | (o >> 4 & 1) << 11 | (o >> 8 & 3) << 9 | (o >> 10 & 1) << 8 |
			  (o >> 6 & 1) << 7 | (o >> 7 & 1) << 6 | (o >> 1 & 7) << 3 | (o >> 5 & 1) << 2);
}

#define R_ADD(rd, rs1, rs2) (0x33u | (uint32_t)(rd) << 7 | (uint32_t)(rs1) << 15 | (uint32_t)(rs2) << 20)
#define ADDI                0x13u
#define LD                  0x3003u
#define SD                  0x3023u
#define FLD                 0x3007u
#define FSD                 0x3027u
#define AUIPC               0x17u
#define LUI                 0x37u
#define ECALL               0x73u

/* rd = the image's offset `target`: auipc and addi. */
static void put_address(struct generator *g, unsigned rd, uint64_t target)
{
	int64_t distance = (int64_t)(target - g->at);
	uint32_t high = (uint32_t)(distance + 0x800) & 0xfffff000;

	put32(g, AUIPC | rd << 7 | high);
	put32(g, enc_i(ADDI, rd, rd, (int)(distance - (int32_t)high)));
}

/* --- registers --- */

static bool spared(unsigned reg)
{
	return reg == 2 || reg == 3 || reg == 4 || reg == 8 || reg == 9;
}

static unsigned random_rd(struct generator *g)
{
	unsigned reg;

	do
		reg = (unsigned)below(g, 32);
	while (spared(reg));
	return reg;
}

/* A source: few registers more often than others, so that results are used again. */
static unsigned random_rs(struct generator *g)
{
	return (unsigned)(below(g, 2) ? below(g, 32) : 10 + below(g, 8));
}

static unsigned random_base(struct generator *g)
{
	static const uint8_t bases[] = {2, 8, 9};

	return bases[below(g, 3)];
}

/* --- instructions --- */

/* The branch or jump at `place` goes behind `after` further instructions; set right when they are there. */
static void fix_later(struct generator *g, uint64_t place)
{
	g->fixes[g->fix_count].place = place;
	g->fixes[g->fix_count++].after = (unsigned)below(g, 6);
}

static void fix(struct generator *g, uint64_t place)
{
	int64_t offset = (int64_t)(g->at - place);
	uint8_t *code = g->program->image + place;
	uint32_t word;
	uint16_t half;

	memcpy(&half, code, 2);
	if ((half & 3) != 3) {
		half |= (half & 0xe003) == 0xa001 ? short_jump_bits(offset) : short_branch_bits(offset);
		memcpy(code, &half, 2);
		return;
	}
	memcpy(&word, code, 4);
	word |= (word & 0x7f) == 0x6f ? jump_bits(offset) : branch_bits(offset);
	memcpy(code, &word, 4);
}

/* One more instruction is there: corrects what wanted to come just before this place. */
static void fix_due(struct generator *g, bool all)
{
	for (unsigned i = 0; i < g->fix_count;) {
		if (!all && g->fixes[i].after) {
			g->fixes[i++].after--;
			continue;
		}
		fix(g, g->fixes[i].place);
		g->fixes[i] = g->fixes[--g->fix_count];
	}
}

static uint32_t random_rm(struct generator *g)
{
	static const uint8_t modes[] = {0, 0, 0, 0, 1, 2, 3, 4, 7, 7};

	return modes[below(g, sizeof(modes))];
}

/* Fills the operands of an instruction of insn.def with random ones. */
static uint32_t random_operands(struct generator *g, unsigned id)
{
	uint32_t word = insns[id].match | ((uint32_t)random_next(&g->random) & ~insns[id].mask);
	bool memory = insns[id].class == CLASS_LOAD || insns[id].class == CLASS_STORE;

	if (!*insns[id].operands)
		return insns[id].match;
	for (const char *letter = insns[id].operands; *letter; letter++) {
		switch (*letter) {
		case 'd':
			word = (word & ~(31u << 7)) | random_rd(g) << 7;
			break;
		case 's':
			word = (word & ~(31u << 15)) | (memory ? random_base(g) : random_rs(g)) << 15;
			if (insns[id].class == CLASS_AMO)
				word = (word & ~(31u << 15)) | 9u << 15;
			break;
		case 't':
			word = (word & ~(31u << 20)) | random_rs(g) << 20;
			break;
		case 'm':
			word = (word & ~(7u << 12)) | random_rm(g) << 12;
			break;
		case 'p':
			word &= ~0xfe000f80u;
			break;
		}
	}
	return word;
}

static void put_insn(struct generator *g, unsigned id)
{
	if (insns[id].class == CLASS_BRANCH)
		fix_later(g, g->at);
	seen_insn[id] = true;
	put32(g, random_operands(g, id));
}

/* A compressed instruction that does not write spared registers or leave the sequence; else nothing. */
static void put_short(struct generator *g)
{
	unsigned i = (unsigned)below(g, RVC_COUNT);
	uint16_t half = (uint16_t)(rvcs[i].match | ((uint16_t)random_next(&g->random) & ~rvcs[i].mask));
	struct insn insn;

	if (rvcs[i].id == ID_jal || insns[rvcs[i].id].class == CLASS_BRANCH)
		half &= rvcs[i].id == ID_jal ? 0xe003 : 0xe383;
	vm_decode(NULL, half, &insn);
	if (insn.rvc != i + 1 || insn.id == ID_jalr || insn.id == ID_ebreak)
		return;
	if (insn.rd < 32 && spared(insn.rd))
		return;
	if ((insns[insn.id].class == CLASS_LOAD || insns[insn.id].class == CLASS_STORE) && insn.rs1 != 2 &&
	    insn.rs1 != 8 && insn.rs1 != 9)
		return;
	if (insn.id == ID_jal || insns[insn.id].class == CLASS_BRANCH)
		fix_later(g, g->at);
	seen_rvc[i] = true;
	put16(g, half);
}

/* --- templates --- */

static unsigned random_temporary(struct generator *g)
{
	unsigned reg;

	do
		reg = random_rd(g);
	while (reg == 0);
	return reg;
}

/* A jump through a register, to just behind it and some bytes that are not executed. */
static void put_indirect(struct generator *g)
{
	unsigned reg = random_temporary(g), form = (unsigned)below(g, 3), skip = (unsigned)below(g, 3) * 2;
	unsigned length = form ? 2 : 4;
	int32_t odd = (int32_t)below(g, 2); /* the lowest bit of the target is ignored */

	put32(g, AUIPC | reg << 7);
	put32(g, enc_i(ADDI, reg, reg, (int)(8 + length + skip) + (form ? odd : 0)));
	if (form == 0)
		put32(g, enc_i(insns[ID_jalr].match, random_rd(g), reg, odd));
	else
		put16(g, (uint16_t)((form == 1 ? 0x8002 : 0x9002) | reg << 7)); /* c.jr, c.jalr */
	seen_insn[ID_jalr] = true;
	for (unsigned i = 0; i < RVC_COUNT; i++)
		if (!strcmp(rvcs[i].name, form == 1 ? "c_jr" : "c_jalr") && form)
			seen_rvc[i] = true;
	for (; skip; skip -= 2)
		put16(g, 0); /* illegal */
}

static void put_jal(struct generator *g)
{
	fix_later(g, g->at);
	seen_insn[ID_jal] = true;
	put32(g, insns[ID_jal].match | random_rd(g) << 7);
}

static void put_amo(struct generator *g, unsigned id)
{
	unsigned reg = random_temporary(g);

	seen_insn[id] = true;
	if (below(g, 2)) {
		put32(g, random_operands(g, id));
		return;
	}
	/* another address; rd, rs1 and rs2 may be the same */
	put32(g, enc_i(ADDI, reg, 8 + (unsigned)below(g, 2), ((int)below(g, 256) - 128) * 8));
	put32(g, (random_operands(g, id) & ~(31u << 15)) | reg << 15);
}

/*
 * lr, perhaps something between, sc; sometimes of different addresses. Not of different sizes: QEMU 7.2
 * stores, and says that it has not.
 */
static void put_reserved(struct generator *g)
{
	bool wide = below(g, 2);
	unsigned lr = wide ? ID_lr_d : ID_lr_w, sc = wide ? ID_sc_d : ID_sc_w;

	seen_insn[lr] = seen_insn[sc] = true;
	if (below(g, 8))
		put32(g, insns[lr].match | random_rd(g) << 7 | (below(g, 8) ? 9u : 8u) << 15 |
				 (uint32_t)below(g, 4) << 25);
	if (below(g, 4) == 0)
		put32(g, enc_s(insns[ID_sw].match, 9, random_rs(g), 0));
	put32(g, insns[sc].match | random_rd(g) << 7 | 9u << 15 | random_rs(g) << 20 |
			 (uint32_t)below(g, 4) << 25);
}

static void put_csr(struct generator *g)
{
	static const uint16_t numbers[] = {1, 2, 3};
	uint32_t number = numbers[below(g, 3)];
	unsigned kind = (unsigned)below(g, 8);

	if (kind == 0) { /* frm */
		seen_insn[ID_csrrwi] = true;
		put32(g, insns[ID_csrrwi].match | random_rd(g) << 7 | (uint32_t)below(g, 5) << 15 | 2u << 20);
	} else if (kind == 1) { /* read */
		unsigned id = below(g, 2) ? ID_csrrs : ID_csrrc;

		seen_insn[id] = true;
		put32(g, insns[id].match | random_rd(g) << 7 | number << 20);
	} else { /* flags by any form: x0 and 0 included */
		unsigned id = ID_csrrw + (unsigned)below(g, 6);

		seen_insn[id] = true;
		put32(g, insns[id].match | random_rd(g) << 7 | random_rs(g) << 15 | 1u << 20);
	}
}

static void put_one(struct generator *g);

/* --- pairs --- */

#define RD(reg)  ((uint32_t)(reg) << 7)
#define RS1(reg) ((uint32_t)(reg) << 15)
#define RS2(reg) ((uint32_t)(reg) << 20)

/* An instruction that the decoder makes `id` of, special cases included; jumps and branches without target.
 */
static uint32_t encode(struct generator *g, unsigned id)
{
	switch (id) {
	case ID_li:
		return below(g, 2) ? random_operands(g, ID_lui) : random_operands(g, ID_addi) & ~RS1(31);
	case ID_mv:
		return random_operands(g, ID_addi) & 0xfffff;
	case ID_beqz:
		return random_operands(g, ID_beq) & ~RS2(31);
	case ID_bnez:
		return random_operands(g, ID_bne) & ~RS2(31);
	case ID_j:
		return insns[ID_jal].match;
	case ID_jal:
		return insns[ID_jal].match | RD(random_rd(g));
	default:
		return random_operands(g, id);
	}
}

static bool is_memory(unsigned id)
{
	return insns[id].class == CLASS_LOAD || insns[id].class == CLASS_STORE;
}

/*
 * Two instructions that have a handler together, with the operands that its form asks for. Where
 * the second's address is what the first computes, only those that can compute one are made.
 */
static void put_pair(struct generator *g)
{
	unsigned i = (unsigned)below(g, sizeof(pairs) / sizeof(pairs[0]));
	unsigned a = pairs[i].first, b = pairs[i].second;
	bool ends = insns[b].class == CLASS_BRANCH || insns[b].class == CLASS_JUMP;
	uint32_t first, second, rd;

	if (b == ID_jr || b == ID_jalr)
		return;
	first = encode(g, a);
	second = encode(g, b);
	rd = first >> 7 & 31;
	if (pairs[i].form == 'S' && is_memory(b)) {
		if (a != ID_addi && a != ID_mv && a != ID_add)
			return;
		rd = random_temporary(g);
		first = a == ID_add
				? R_ADD(rd, random_base(g), 0)
				: enc_i(ADDI, rd, random_base(g), a == ID_mv ? 0 : (int)below(g, 64) - 32);
	}
	if (pairs[i].form == 'S')
		second = (second & ~RS1(31)) | RS1(rd);
	else if (pairs[i].form == 'T')
		second = (second & ~RS2(31)) | RS2(rd);
	else if (pairs[i].form == 'M')
		second = (second & ~RS1(31)) | (first & RS1(31));
	put32(g, first);
	if (ends)
		fix_later(g, g->at);
	put32(g, second);
}

/* A loop of a few instructions. */
static void put_loop(struct generator *g)
{
	uint64_t start;
	unsigned count = 1 + (unsigned)below(g, 6);

	fix_due(g, true);
	put32(g, enc_i(ADDI, 4, 0, 2 + (int)below(g, 4)));
	start = g->at;
	while (count--) {
		put_one(g);
		fix_due(g, false);
	}
	fix_due(g, true);
	put32(g, enc_i(ADDI, 4, 4, -1));
	put32(g, insns[ID_bne].match | 4u << 15 | branch_bits((int64_t)(start - g->at)));
}

static void put_special(struct generator *g)
{
	static const uint8_t atomics[] = {
#define AMO(name, ...) ID_##name,
#include "vm/insn.def"
	};

	switch (below(g, 5)) {
	case 0:
		put_indirect(g);
		break;
	case 1:
		put_jal(g);
		break;
	case 2:
		put_amo(g, atomics[below(g, sizeof(atomics))]);
		break;
	case 3:
		put_reserved(g);
		break;
	case 4:
		put_csr(g);
		break;
	}
}

/* One instruction, or one template without a loop. */
static void put_one(struct generator *g)
{
	uint64_t kind = below(g, 16);
	unsigned id;

	if (kind < 5) {
		put_short(g);
		return;
	}
	if (kind < 7) {
		put_special(g);
		return;
	}
	if (kind < 10) {
		put_pair(g);
		return;
	}
	do
		id = (unsigned)below(g, ID_COUNT);
	while (insns[id].mask == 0 || insns[id].class == CLASS_JUMP || insns[id].class == CLASS_SYS ||
	       insns[id].class == CLASS_AMO);
	put_insn(g, id);
}

/* --- sequences --- */

static void put_state_load(struct generator *g, uint64_t state)
{
	put_address(g, 3, state);
	put32(g, enc_i(LD, 5, 3, 64 * 8));
	put32(g, insns[ID_csrrw].match | 5u << 15 | 3u << 20); /* fcsr */
	for (unsigned i = 0; i < 32; i++)
		put32(g, enc_i(FLD, i, 3, (int)(32 + i) * 8));
	for (unsigned i = 1; i < 32; i++)
		if (i != 3)
			put32(g, enc_i(LD, i, 3, (int)i * 8));
}

static void put_state_store(struct generator *g, uint64_t result)
{
	put32(g, enc_s(SD, 3, 5, 5 * 8)); /* x5 to its initial place, to have one register */
	put_address(g, 5, result);
	for (unsigned i = 0; i < 32; i++)
		if (i != 5)
			put32(g, enc_s(SD, 5, i, (int)i * 8));
	for (unsigned i = 0; i < 32; i++)
		put32(g, enc_s(FSD, 5, i, (int)(32 + i) * 8));
	put32(g, insns[ID_csrrs].match | 6u << 7 | 3u << 20);
	put32(g, enc_s(SD, 5, 6, 64 * 8));
	put32(g, enc_i(LD, 6, 3, 5 * 8));
	put32(g, enc_s(SD, 5, 6, 5 * 8));
}

static void random_state(struct generator *g, uint64_t *state)
{
	uint64_t middle = PROGRAM_BASE + g->data + DATA_MIDDLE;

	for (unsigned i = 0; i < 32; i++) {
		state[i] = random_int(&g->random);
		state[32 + i] = random_freg(&g->random);
	}
	/* Bases: around a page's end, and two that are aligned for atomics. */
	state[2] = middle + 4096 - 16 + below(g, 32) * below(g, 2);
	state[8] = middle - 2048 + below(g, 2) * 8;
	state[9] = middle + below(g, 8) * 8;
	state[64] = (below(g, 2) ? below(g, 5) << 5 : 0) | below(g, 32); /* to nearest more often */
}

static void put_sequence(struct generator *g, uint64_t state, uint64_t result)
{
	unsigned count = 8 + (unsigned)below(g, 48);

	put_state_load(g, state);
	while (count--) {
		if (below(g, 24) == 0)
			put_loop(g);
		else
			put_one(g);
		fix_due(g, false);
	}
	fix_due(g, true);
	put_state_store(g, result);
}

static void put_number(struct generator *g, unsigned rd, uint32_t number)
{
	uint32_t high = (number + 0x800) & 0xfffff000;

	put32(g, LUI | rd << 7 | high);
	put32(g, enc_i(ADDI, rd, rd, (int32_t)(number - high)));
}

static void put_end(struct generator *g)
{
	put32(g, enc_i(ADDI, 10, 0, 1));
	put_address(g, 11, g->program->results);
	put_number(g, 12, (uint32_t)g->program->results_size);
	put32(g, enc_i(ADDI, 17, 0, 64));
	put32(g, ECALL);
	put32(g, enc_i(ADDI, 10, 0, 0));
	put32(g, enc_i(ADDI, 17, 0, 93));
	put32(g, ECALL);
}

/* Layout: results, data (the results' last part), states, code. */
void program_generate(struct program *program, uint64_t seed, unsigned sequences)
{
	struct generator g = {.program = program, .random.state = seed * 2654435761u + 12345};
	uint64_t states;

	*program = (struct program){.image = calloc(1, PROGRAM_MAX), .sequences = sequences};
	program->starts = calloc(sequences + 1, sizeof(uint64_t));
	if (!program->image || !program->starts)
		abort();
	program->results = 4096; /* the ELF header has a page */
	g.data = (program->results + sequences * STATE_WORDS * 8 + 4095) & ~(uint64_t)4095;
	program->results_size = g.data + DATA_SIZE - program->results;
	states = g.data + DATA_SIZE;
	for (unsigned i = 0; i < DATA_SIZE; i += 8) {
		uint64_t value = below(&g, 2) ? random_freg(&g.random) : random_int(&g.random);

		memcpy(program->image + g.data + i, &value, 8);
	}
	g.at = states + sequences * STATE_WORDS * 8;
	program->entry = g.at;
	for (unsigned i = 0; i < sequences; i++) {
		uint64_t state[STATE_WORDS];

		random_state(&g, state);
		memcpy(program->image + states + i * sizeof(state), state, sizeof(state));
		program->starts[i] = g.at;
		if (g.at + 4096 * 4 > PROGRAM_MAX)
			abort();
		put_sequence(&g, states + i * sizeof(state), program->results + i * sizeof(state));
		if (below(&g, 2))
			put16(&g, 0x0001); /* c.nop: shifts what follows */
	}
	program->starts[sequences] = g.at;
	put_end(&g);
	program->size = g.at;
}

void program_free(struct program *program)
{
	free(program->image);
	free(program->starts);
}

unsigned program_missing(const char **names, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ID_COUNT && n < max; i++)
		if (!seen_insn[i] && insns[i].mask && strcmp(insns[i].name, "ecall") &&
		    strcmp(insns[i].name, "ebreak"))
			names[n++] = insns[i].name;
	for (unsigned i = 0; i < RVC_COUNT && n < max; i++)
		if (!seen_rvc[i] && strcmp(rvcs[i].name, "c_ebreak") && strcmp(rvcs[i].name, "c_addi16sp"))
			names[n++] = rvcs[i].name;
	return n;
}
