/*
 * Makes random code for comparing tiers (tiers.c): blocks of random instructions that end in branches, loops,
 * jumps, calls, returns and jumps through a table to others of them, now and then to the middle of an
 * instruction. Blocks lie across pages; some of their instructions write to code. Nothing is done to avoid
 * faults: whoever runs it goes on somewhere after each, with fresh registers.
 */
#include <string.h>

#include "test/insn/asm.h"
#include "test/insn/blocks.h"
#include "vm/internal.h"

enum class { CLASS_ALU, CLASS_LOAD, CLASS_STORE, CLASS_BRANCH, CLASS_JUMP, CLASS_AMO, CLASS_FP, CLASS_SYS };

static const struct {
	uint32_t match, mask;
	const char *operands;
	uint8_t class;
} insns[] = {
#define INSN(name, class, operands, match, mask) {match, mask, operands, CLASS_##class},
#include "vm/insn.def"
};

static const struct {
	uint16_t match, mask;
} rvcs[] = {
#define RVC(name, form, match, mask, base) {match, mask},
#include "vm/rvc.def"
};

#define COUNT(array)    (sizeof(array) / sizeof(array[0]))
#define AUIPC(rd, high) ((uint32_t)0x17 | (uint32_t)(rd) << 7 | (uint32_t)(high))

static const uint16_t branches[] = {0x63, 0x1063, 0x4063, 0x5063, 0x6063, 0x7063};

/* Words of eight bytes in a frame, beside the return address. */
#define FRAME_WORDS 7

enum jump { JUMP_BRANCH, JUMP_SHORT_BRANCH, JUMP_JAL, JUMP_SHORT_JUMP, JUMP_FAR };

static const int32_t reach[] = {
	[JUMP_BRANCH] = 4094,     [JUMP_SHORT_BRANCH] = 254, [JUMP_JAL] = 1 << 19,
	[JUMP_SHORT_JUMP] = 2046, [JUMP_FAR] = 1 << 30,
};

struct generator {
	struct blocks *blocks;
	struct random *random;
	uint32_t at, end;
	unsigned jumps;
	struct {
		uint32_t place;
		enum jump kind;
		bool call;
	} jump[8 * BLOCKS_MAX];
	bool in_function;
};

static uint64_t below(struct generator *g, uint64_t bound)
{
	return random_below(g->random, bound);
}

static void put16(struct generator *g, uint32_t half)
{
	memcpy(g->blocks->code + g->at, &half, 2);
	g->at += 2;
}

static void put32(struct generator *g, uint32_t word)
{
	memcpy(g->blocks->code + g->at, &word, 4);
	g->at += 4;
}

static void or_into(uint8_t *code, uint32_t bits)
{
	uint32_t word;

	memcpy(&word, code, 4);
	word |= bits;
	memcpy(code, &word, 4);
}

/* --- operands --- */

static bool has_role(unsigned reg)
{
	return (reg >= ROLE_RETURN && reg <= ROLE_COUNT) || reg == ROLE_DATA_1 || reg == ROLE_DATA_2 ||
	       reg == ROLE_DATA_3 || reg == ROLE_DATA_4 || reg == ROLE_COUNT_INNER;
}

static unsigned random_rd(struct random *r)
{
	unsigned reg;

	do
		reg = (unsigned)random_below(r, 32);
	while (has_role(reg) && random_below(r, 60));
	return reg;
}

/* Few registers more often than others, so that results are used again. */
static unsigned random_rs(struct random *r)
{
	return (unsigned)(random_below(r, 2) ? random_below(r, 32) : 10 + random_below(r, 8));
}

static unsigned random_base(struct random *r)
{
	static const uint8_t bases[] = {ROLE_STACK,  ROLE_STACK,  ROLE_DATA_1,
					ROLE_DATA_2, ROLE_DATA_3, ROLE_DATA_4};

	return random_below(r, 60) ? bases[random_below(r, COUNT(bases))] : random_rs(r);
}

/* Of 12 bits. */
static int32_t random_offset(struct random *r)
{
	static const uint16_t spread[] = {4, 16, 64, 256};
	int32_t words = (int32_t)random_below(r, spread[random_below(r, COUNT(spread))]);
	int32_t offset = (words * 8 + (random_below(r, 6) ? 0 : (int32_t)random_below(r, 8))) & 2047;

	return random_below(r, 3) ? offset : -offset;
}

static uint32_t memory_operands(struct random *r, uint32_t word, bool store, unsigned base)
{
	int32_t offset = random_offset(r);

	if (store)
		return S_TYPE(word & 0x707f, base, random_rs(r), offset);
	return I_TYPE(word & 0x707f, random_below(r, 40) ? random_rd(r) : base, base, offset);
}

static uint32_t random_mode(struct random *r)
{
	static const uint8_t modes[] = {0, 0, 0, 7, 7, 7, 7, 1, 2, 3, 4};

	return (uint32_t)(random_below(r, 150) ? modes[random_below(r, COUNT(modes))] : random_below(r, 8));
}

/* Random bits where insn.def leaves them free, and likely ones in some places. */
static uint32_t operands(struct random *r, unsigned id)
{
	uint32_t word = insns[id].match | ((uint32_t)random_next(r) & ~insns[id].mask);

	if (insns[id].class == CLASS_LOAD || insns[id].class == CLASS_STORE)
		return memory_operands(r, word, insns[id].class == CLASS_STORE, random_base(r));
	for (const char *letter = insns[id].operands; *letter; letter++) {
		if (*letter == 'd')
			word = (word & ~(31u << 7)) | random_rd(r) << 7;
		else if (*letter == 's')
			word = (word & ~(31u << 15)) | random_rs(r) << 15;
		else if (*letter == 't')
			word = (word & ~(31u << 20)) | random_rs(r) << 20;
		else if (*letter == 'm')
			word = (word & ~(7u << 12)) | random_mode(r) << 12;
	}
	return word;
}

/* --- instructions --- */

static unsigned random_id(struct random *r, uint32_t classes)
{
	unsigned id;

	do
		id = (unsigned)random_below(r, ID_COUNT);
	while (!insns[id].mask || !(classes >> insns[id].class & 1));
	return id;
}

/* Counters are read; frm gets modes that there are. */
static uint32_t random_csr(struct random *r)
{
	static const uint16_t counters[] = {0xc00, 0xc01, 0xc02, 0xc02};
	static const uint16_t forms[] = {0x1073, 0x2073, 0x3073, 0x5073, 0x6073, 0x7073};

	switch (random_below(r, 12)) {
	case 0:
		return (uint32_t)I_TYPE(forms[random_below(r, 6)], random_rd(r), random_below(r, 32),
					random_below(r, 4));
	case 1:
	case 2:
		return (uint32_t)I_TYPE(0x5073, random_rd(r), random_below(r, 2) * random_below(r, 5),
					2); /* csrrwi frm */
	case 3:
	case 4:
		return (uint32_t)I_TYPE(forms[random_below(r, 6)], random_rd(r), random_below(r, 32), 1);
	case 5:
	case 6:
		return CSRRS(random_rd(r), 1 + random_below(r, 3), 0);
	default:
		return CSRRS(random_rd(r), counters[random_below(r, 4)], 0);
	}
}

static uint32_t random_atomic(struct random *r)
{
	static const uint8_t reserving[] = {ID_lr_w, ID_sc_w, ID_lr_d, ID_sc_d};
	unsigned id = random_below(r, 2) ? random_id(r, 1 << CLASS_AMO) : reserving[random_below(r, 4)];
	uint32_t word = operands(r, id);

	return random_below(r, 12) ? (word & ~(31u << 15)) | ROLE_DATA_2 << 15 : word;
}

uint32_t blocks_instruction(bool calm, struct random *r)
{
	uint64_t kind = random_below(r, calm ? 90 : 100);

	if (kind < 45)
		return operands(r, random_id(r, 1 << CLASS_ALU));
	if (kind < 65)
		return operands(r, random_id(r, 1 << CLASS_LOAD | 1 << CLASS_STORE));
	if (kind < 85)
		return operands(r, random_id(r, 1 << CLASS_FP));
	if (kind < 90)
		return random_atomic(r);
	if (kind < 96)
		return random_csr(r);
	if (kind < 99)
		return ADDI(0, 0, 0);
	return random_below(r, 2) ? ECALL : (uint32_t)random_next(r);
}

/* Jumps somewhere, faults often, or writes to what has a role. */
static bool is_odd(const struct insn *insn)
{
	unsigned class = insns[insn->id].class;

	if (class == CLASS_BRANCH || class == CLASS_JUMP || class == CLASS_SYS || has_role(insn->rd))
		return true;
	return (class == CLASS_LOAD || class == CLASS_STORE) && !has_role(insn->rs1);
}

static void put_short(struct generator *g)
{
	unsigned i = (unsigned)below(g, COUNT(rvcs));
	uint16_t half = (uint16_t)(rvcs[i].match | ((uint16_t)random_next(g->random) & ~rvcs[i].mask));
	struct insn insn;

	vm_decode(NULL, half, &insn);
	if (is_odd(&insn) && (g->blocks->calm || below(g, 40)))
		return;
	put16(g, half);
}

/* Several accesses by one base, which now and then moves. */
static void put_group(struct generator *g)
{
	unsigned base = random_base(g->random), count = 2 + (unsigned)below(g, 8);

	while (count--) {
		unsigned id = random_id(g->random, 1 << CLASS_LOAD | 1 << CLASS_STORE);
		bool store = insns[id].class == CLASS_STORE;

		put32(g, memory_operands(g->random, insns[id].match, store, base));
		if (below(g, 8) == 0)
			put32(g, ADDI(base, base, (int)below(g, 64) - 32));
		if (below(g, 6) == 0)
			put32(g, operands(g->random, random_id(g->random, 1 << CLASS_ALU)));
	}
}

/* A register's use of what it holds: computing on, as an operand, as an address. */
static uint32_t random_use(struct generator *g, unsigned reg)
{
	unsigned kind = (unsigned)below(g, 4), id;

	if (kind == 0)
		return ADDI(reg, reg, (int)below(g, 4096) - 2048);
	if (kind == 1) {
		id = random_id(g->random, 1 << CLASS_LOAD | 1 << CLASS_STORE);
		return memory_operands(g->random, insns[id].match, insns[id].class == CLASS_STORE, reg);
	}
	do
		id = random_id(g->random, 1 << CLASS_ALU);
	while (strncmp(insns[id].operands, "d,s", 3));
	if (kind == 2)
		return (operands(g->random, id) & ~(31u << 7 | 31u << 15)) | reg << 7 | reg << 15;
	return insns[id].operands[4] == 't' ? (operands(g->random, id) & ~(31u << 20)) | reg << 20
					    : operands(g->random, id);
}

/* Constants and addresses of several instructions. */
static void put_constant(struct generator *g)
{
	unsigned rd = random_rd(g->random), count = 1 + (unsigned)below(g, 4);
	uint32_t high = (uint32_t)random_next(g->random) & 0xfffff000;

	switch (below(g, 4)) {
	case 0:
		put32(g, LUI(rd, high >> 12));
		break;
	case 1:
		put32(g, AUIPC(rd, below(g, 2) ? high : 0));
		break;
	default:
		put32(g, LUI(rd, (DATA >> 12) + below(g, g->blocks->calm ? DATA_MAPPED : DATA_PAGES)));
	}
	if (below(g, 6) == 0) /* what is accessed there lies on two pages */
		put32(g, ADDI(rd, rd, -1 - (int)below(g, 7)));
	while (count--)
		put32(g, random_use(g, rd));
}

/* Writes an instruction, or half of one, to code: soon to be executed, or anywhere. */
static void put_change(struct generator *g)
{
	unsigned address = 5 + (unsigned)below(g, 3), value = 10 + (unsigned)below(g, 4);
	uint32_t word = blocks_instruction(g->blocks->calm, g->random), target, high;
	int32_t distance;

	put32(g, LUI(value, (word + 0x800) >> 12));
	put32(g, ADDI(value, value, (int32_t)(word << 20) >> 20));
	target = (uint32_t)(below(g, 3) ? g->at + below(g, 32) * 2 : below(g, BLOCKS_BYTES / 2) * 2) %
		 BLOCKS_BYTES;
	distance = (int32_t)(target - g->at);
	high = ((uint32_t)distance + 0x800) & 0xfffff000;
	put32(g, AUIPC(address, high));
	distance -= (int32_t)high;
	put32(g, below(g, 4)   ? SW(value, address, distance)
		 : below(g, 2) ? SH(value, address, distance)
			       : SD(value, address, distance));
	if (below(g, 2))
		put32(g, FENCE_I);
}

static void jump_later(struct generator *g, enum jump kind, bool call)
{
	if (g->jumps == COUNT(g->jump))
		return;
	g->jump[g->jumps].place = g->at;
	g->jump[g->jumps].kind = kind;
	g->jump[g->jumps++].call = call;
}

static void put_call(struct generator *g)
{
	if (below(g, 3)) {
		jump_later(g, JUMP_JAL, true);
		put32(g, JAL(ROLE_RETURN, 0));
	} else {
		unsigned reg = below(g, 2) ? (unsigned)ROLE_RETURN : 6;

		jump_later(g, JUMP_FAR, true);
		put32(g, AUIPC(reg, 0));
		put32(g, JALR(ROLE_RETURN, reg, 0));
	}
}

/* A branch over a few instructions, or a call. */
static void put_skip(struct generator *g)
{
	uint32_t at = g->at, bits;
	unsigned count = 1 + (unsigned)below(g, 3);

	put32(g, R_TYPE(branches[below(g, COUNT(branches))], 0, random_rs(g->random),
			below(g, 3) ? random_rs(g->random) : 0));
	if (!g->in_function && below(g, 3) == 0)
		put_call(g);
	while (count--)
		put32(g, blocks_instruction(g->blocks->calm, g->random));
	bits = B_TYPE(0, 0, 0, (int32_t)(g->at - at));
	or_into(g->blocks->code + at, bits);
}

static void put_one(struct generator *g)
{
	uint64_t kind =
		below(g, g->blocks->calm ? 97 : 100) + (g->blocks->calm ? 3 * (below(g, 40) == 0) : 0);

	if (kind < 27)
		put_short(g);
	else if (kind < 30)
		put_skip(g);
	else if (kind < 40)
		put_group(g);
	else if (kind < 44)
		put_constant(g);
	else if (kind >= 99)
		put_change(g);
	else
		put32(g, blocks_instruction(g->blocks->calm, g->random));
}

/* --- jumps --- */

static uint32_t short_branch(int32_t offset)
{
	uint32_t o = (uint32_t)offset;

	return (o >> 8 & 1) << 12 | (o >> 3 & 3) << 10 | (o >> 6 & 3) << 5 | (o >> 1 & 3) << 3 |
	       (o >> 5 & 1) << 2;
}

static uint32_t short_jump(int32_t offset)
{
	uint32_t o = (uint32_t)offset;

	return (o >> 11 & 1) << 12 | (o >> 4 & 1) << 11 | (o >> 8 & 3) << 9 | (o >> 10 & 1) << 8 |
	       (o >> 6 & 1) << 7 | (o >> 7 & 1) << 6 | (o >> 1 & 7) << 3 | (o >> 5 & 1) << 2;
}

/* Every third block begins as a function does, and calls go there. */
static bool is_function(unsigned block)
{
	return block % 3 == 2;
}

/* The distance to some block within reach; else to what comes next. */
static int32_t random_target(struct generator *g, uint32_t place, enum jump kind, bool call)
{
	for (unsigned i = 0; i < 20; i++) {
		unsigned block = (unsigned)below(g, g->blocks->count);
		int32_t offset = (int32_t)(g->blocks->start[block] - place);

		if (call && !is_function(block) && i < 10)
			continue;
		if (below(g, 40) == 0)
			offset += 2;
		if (offset <= reach[kind] && offset >= -reach[kind] && offset)
			return offset;
	}
	return kind == JUMP_SHORT_BRANCH || kind == JUMP_SHORT_JUMP ? 2 : 4;
}

static void fix_jumps(struct generator *g)
{
	for (unsigned i = 0; i < g->jumps; i++) {
		uint8_t *code = g->blocks->code + g->jump[i].place;
		int32_t offset = random_target(g, g->jump[i].place, g->jump[i].kind, g->jump[i].call);
		uint32_t high = ((uint32_t)offset + 0x800) & 0xfffff000;

		switch (g->jump[i].kind) {
		case JUMP_BRANCH:
			or_into(code, B_TYPE(0, 0, 0, offset));
			break;
		case JUMP_SHORT_BRANCH:
			or_into(code, short_branch(offset));
			break;
		case JUMP_JAL:
			or_into(code, J_TYPE(0, 0, offset));
			break;
		case JUMP_SHORT_JUMP:
			or_into(code, short_jump(offset));
			break;
		case JUMP_FAR:
			or_into(code, high);
			or_into(code + 4, ((uint32_t)offset - high) << 20);
			break;
		}
	}
}

static void put_branch(struct generator *g)
{
	if (below(g, 4) == 0) {
		jump_later(g, JUMP_SHORT_BRANCH, false);
		put16(g, (below(g, 2) ? 0xc001 : 0xe001) | (uint32_t)below(g, 8) << 7);
		return;
	}
	jump_later(g, JUMP_BRANCH, false);
	put32(g, R_TYPE(branches[below(g, COUNT(branches))], 0, random_rs(g->random),
			below(g, 3) ? random_rs(g->random) : 0));
}

static void put_through_table(struct generator *g)
{
	put32(g, LD(5, ROLE_TABLE, (int)below(g, TABLE_ENTRIES) * 8));
	if (below(g, 2))
		put32(g, JALR(below(g, 3) ? 0 : ROLE_RETURN, 5, 0));
	else
		put16(g, (below(g, 2) ? 0x8002u : 0x9002u) | 5 << 7); /* c.jr, c.jalr */
}

static void put_return(struct generator *g)
{
	put32(g, LD(ROLE_RETURN, ROLE_STACK, 24));
	put32(g, ADDI(ROLE_STACK, ROLE_STACK, 32));
	if (below(g, 2))
		put32(g, JALR(0, ROLE_RETURN, 0));
	else
		put16(g, 0x8082);
}

static void put_end(struct generator *g, bool function)
{
	if (function && (g->blocks->calm || below(g, 4))) {
		put_return(g);
		return;
	}
	switch (below(g, 12)) {
	case 0:
	case 1:
	case 2:
	case 3:
		put_branch(g);
		break;
	case 4:
	case 5:
		put_call(g);
		break;
	case 6:
		put_through_table(g);
		break;
	case 7:
		jump_later(g, JUMP_JAL, false);
		put32(g, JAL(0, 0));
		break;
	case 8:
		jump_later(g, JUMP_SHORT_JUMP, false);
		put16(g, 0xa001);
		break;
	}
}

/* --- blocks --- */

static void put_body(struct generator *g)
{
	unsigned count = (unsigned)(below(g, 4) ? below(g, 12) : below(g, 40));

	while (count--) {
		if (!g->in_function && below(g, 20) == 0)
			put_call(g);
		else
			put_one(g);
	}
}

static unsigned random_turns(struct generator *g)
{
	return (unsigned)(1 + (below(g, 4) ? below(g, 8) : below(g, g->blocks->calm ? 2000 : 300)));
}

/* A loop by one register; in it, now and then, another one, or a call. */
static void put_loop(struct generator *g, unsigned counter)
{
	uint32_t start;

	put32(g, LI(counter, (int32_t)random_turns(g)));
	start = g->at;
	put_body(g);
	if (counter == ROLE_COUNT && below(g, 3) == 0)
		put_loop(g, ROLE_COUNT_INNER);
	if (!g->in_function && below(g, 2))
		put_call(g);
	put32(g, ADDI(counter, counter, -1));
	put32(g, BNE(counter, 0, (int32_t)(start - g->at)));
}

/* Something with the frame, by its own base or by one that is not known to be the same, or with no memory. */
static void put_in_frame(struct generator *g)
{
	struct random *r = g->random;
	int at = 8 * (int)below(g, FRAME_WORDS);

	switch (below(g, 8)) {
	case 0:
		put32(g, SD(random_rs(r), ROLE_STACK, at));
		return;
	case 1:
		put32(g, SW(random_rs(r), ROLE_STACK, at + 4 * (int)below(g, 2)));
		return;
	case 2:
		put32(g, LD(random_rd(r), ROLE_STACK, at));
		return;
	case 3:
		put32(g, XORI(6, ROLE_STACK, 0));
		put32(g, SD(random_rs(r), 6, at));
		return;
	case 4:
		put32(g, ADDI(6, ROLE_STACK, at));
		put32(g, (random_atomic(r) & ~(31u << 15)) | 6u << 15);
		return;
	}
	put32(g, operands(r, random_id(r, 1 << CLASS_ALU)));
}

/* A function that saves registers, may return early, and restores them; now and then it returns elsewhere. */
static void put_saving_function(struct generator *g)
{
	unsigned saved[FRAME_WORDS], count = (unsigned)below(g, FRAME_WORDS), body = (unsigned)below(g, 12);
	uint32_t at;

	put32(g, ADDI(ROLE_STACK, ROLE_STACK, -8 * (FRAME_WORDS + 1)));
	put32(g, SD(ROLE_RETURN, ROLE_STACK, 8 * FRAME_WORDS));
	for (unsigned i = 0; i < count; i++) {
		saved[i] = random_rd(g->random);
		put32(g, SD(saved[i], ROLE_STACK, 8 * (int)i));
	}
	for (unsigned i = (unsigned)below(g, 4); i > 0; i--)
		put_in_frame(g);
	at = g->at;
	put32(g, R_TYPE(branches[below(g, COUNT(branches))], 0, random_rs(g->random), random_rs(g->random)));
	while (body--)
		put32(g, blocks_instruction(g->blocks->calm, g->random));
	or_into(g->blocks->code + at, B_TYPE(0, 0, 0, (int32_t)(g->at - at)));
	for (unsigned i = 0; i < count; i++)
		put32(g, LD(below(g, 20) ? saved[i] : random_rd(g->random), ROLE_STACK, 8 * (int)i));
	put32(g, LD(ROLE_RETURN, ROLE_STACK, 8 * FRAME_WORDS));
	put32(g, ADDI(ROLE_STACK, ROLE_STACK, 8 * (FRAME_WORDS + 1)));
	if (below(g, 8) == 0) {
		put32(g, ANDI(6, ROLE_COUNT, 4));
		put32(g, ADD(ROLE_RETURN, ROLE_RETURN, 6));
	}
	put32(g, JALR(0, ROLE_RETURN, 0));
}

static void put_block(struct generator *g, bool function)
{
	g->in_function = function;
	if (function && below(g, 2)) {
		put_saving_function(g);
		return;
	}
	if (function) {
		put32(g, ADDI(ROLE_STACK, ROLE_STACK, -32));
		put32(g, SD(ROLE_RETURN, ROLE_STACK, 24));
	}
	if (below(g, g->blocks->calm && !function ? 2 : 4) == 0)
		put_loop(g, ROLE_COUNT);
	else
		put_body(g);
	put_end(g, function);
}

void blocks_generate(struct blocks *blocks, bool calm, struct random *random)
{
	struct generator g = {.blocks = blocks, .random = random};
	/* The longest block: two loops, each of 40 groups of 9 accesses, each of these with two more
	 * instructions. */
	uint32_t room = 2 * (40 * 9 * 12 + 16) + 64;
	uint32_t size = (uint32_t)(64u << below(&g, 7));

	memset(blocks, 0, sizeof(*blocks));
	blocks->calm = calm;
	/* Small programs across a page's end, and large ones. */
	g.at = (uint32_t)(4096 - below(&g, size / 2 + 32) * 2) & 0x1fff;
	g.end = g.at + size > BLOCKS_BYTES - room ? BLOCKS_BYTES - room : g.at + size;
	while (blocks->count < BLOCKS_MAX && g.at < g.end) {
		blocks->start[blocks->count] = g.at;
		put_block(&g, is_function(blocks->count++));
	}
	jump_later(&g, JUMP_JAL, false);
	put32(&g, JAL(0, 0));
	fix_jumps(&g);
}
