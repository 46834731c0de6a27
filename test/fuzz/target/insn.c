/*
 * The processor: bytes as page table entries, registers and code. Each program runs three times, interpreted
 * in one go, interpreted in small pieces without caches, and compiled, and all have to end alike; what lies
 * beside guest memory cannot be touched.
 *
 *	byte 0 to 3	first pc and where the code is; size of a piece, and has it no region?; the other
 *			address space's root; number of table entries
 *	31 bytes	registers, each one of a few kinds of value
 *	4 bytes each	table entries: which, which page, rights
 *	the rest	code
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vm/vm.h"

#define RAM_BASE    UINT64_C(0x80000000)
#define PAGE        UINT64_C(4096)
#define PAGES       16
#define RAM_SIZE    (PAGES * PAGE)
#define REGION      UINT64_C(0x40000000)
#define REGION_SIZE (2 * PAGE)
#define TABLES      3 /* pages 0 to 2, one of each level */
#define CODE_PAGE   4
#define CODE_MAX    (3 * PAGE)
#define USER        UINT64_C(0x10000) /* page 0 of memory is mapped here */
#define DEVICE      UINT64_C(0x10000000)
#define USER_REGION (USER + RAM_SIZE) /* behind memory */
#define USER_DEV    UINT64_C(0x30000)
#define BUDGET      600
#define STOPS       64
#define TABLES_MAX  16
#define HEADER      35 /* bytes before the table entries */

#define PTE_ALL     UINT64_C(0xdf)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

struct program {
	uint8_t pc, piece, root, entries;
	bool alone; /* memory is shared with nobody: there is no region */
	uint8_t reg[31];
	uint64_t place; /* of the code in memory: at the start of a page, or across its end */
	const uint8_t *entry, *code;
	size_t code_size;
};

struct machine {
	struct vm *vm;
	struct vm_hart *hart;
	struct vm_regs regs;
	uint64_t seen; /* a digest of why it stopped, and of what the bus saw */
	bool fpu, alone;
};

/* Memory of the guest, and the region, each with as much as memory on both sides that nobody may touch. */
static uint8_t *ram, *region;

static void see(struct machine *m, uint64_t value)
{
	m->seen = (m->seen ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	m->seen ^= m->seen >> 29;
}

static bool bus_load(void *context, uint64_t paddr, unsigned size, uint64_t *value)
{
	struct machine *m = context;

	if (paddr - RAM_BASE < RAM_SIZE || (!m->alone && paddr - REGION < REGION_SIZE) || paddr % size)
		abort();
	if (paddr - DEVICE >= PAGE)
		return false;
	see(m, paddr ^ m->hart->instret);
	*value = size == 8 ? paddr * 0x0101010101010101 : paddr & ((UINT64_C(1) << 8 * size) - 1);
	return true;
}

static bool bus_store(void *context, uint64_t paddr, unsigned size, uint64_t value)
{
	struct machine *m = context;

	if (paddr - RAM_BASE < RAM_SIZE || (!m->alone && paddr - REGION < REGION_SIZE) || paddr % size)
		abort();
	if (paddr - DEVICE >= PAGE)
		return false;
	see(m, value ^ m->hart->instret);
	if (paddr == DEVICE)
		vm_hart_stop(m->hart);
	return true;
}

static uint64_t bus_counter(void *context, enum vm_counter which)
{
	struct machine *m = context;

	return m->hart->instret * (which + 1);
}

/* --- making a machine ----------------------------------------------------------------------------------- */

static uint64_t *table_entry(unsigned table, unsigned index)
{
	return (uint64_t *)(void *)(ram + table * PAGE) + index;
}

static uint64_t pte(uint64_t paddr, uint64_t bits)
{
	return paddr >> 12 << 10 | bits;
}

static void tables_make(const struct program *program)
{
	*table_entry(0, 0) = pte(RAM_BASE + PAGE, 1);
	*table_entry(1, 0) = pte(RAM_BASE + 2 * PAGE, 1);
	for (unsigned i = TABLES; i < PAGES; i++)
		*table_entry(2, USER / PAGE + i) = pte(RAM_BASE + i * PAGE, PTE_ALL);
	for (uint64_t at = 0; at < REGION_SIZE; at += PAGE)
		*table_entry(2, (unsigned)((USER_REGION + at) / PAGE)) = pte(REGION + at, PTE_ALL);
	*table_entry(2, USER_DEV / PAGE) = pte(DEVICE, PTE_ALL);
	for (unsigned i = 0; i < program->entries; i++) {
		const uint8_t *bytes = program->entry + 4 * i;
		unsigned table = bytes[0] % 4 < 2 ? 2 : bytes[0] % 4 - 2, index = bytes[0] / 4;
		/* Pages of memory, the two on each side of it, the device, the region's; far away. */
		uint64_t page = bytes[1] < 128   ? RAM_BASE / PAGE + bytes[1] % (PAGES + 4) - 2
				: bytes[1] < 160 ? DEVICE / PAGE
				: bytes[1] < 192 ? REGION / PAGE + bytes[1] % 4 - 1
						 : (uint64_t)bytes[1] << 36;

		*table_entry(table, table == 2 ? index : index % 4) = page << 10 | bytes[2] |
								      (uint64_t)(bytes[3] & 3) << 8 |
								      (uint64_t)(bytes[3] >> 6) << 53;
	}
}

static uint64_t register_value(const struct program *program, uint8_t byte)
{
	static const uint64_t words[] = {0,
					 1,
					 ~UINT64_C(0),
					 UINT64_C(1) << 63,
					 INT64_MAX,
					 0xffffffff,
					 0x80000000,
					 UINT64_C(0x3fffffffff),
					 UINT64_C(0x4000000000),
					 UINT64_C(0x7ff8000000000000),
					 UINT64_C(0xffffffff7f800001),
					 USER_DEV,
					 USER_DEV + 8,
					 0x200000,
					 0x1ffff8,
					 UINT64_C(0x40000000)};
	uint64_t page = USER + byte % (PAGES + REGION_SIZE / PAGE) * PAGE;

	switch (byte / 32) {
	case 0:
		return words[byte % (sizeof words / sizeof *words)];
	case 1:
		return page + PAGE - 1 - (byte >> 4 & 1) * 4; /* crosses into the next page */
	case 2:
		return USER + program->place + byte % 32 * 4; /* in the code */
	case 3:
		return (uint64_t)(int64_t)(int8_t)(byte * 8);
	default:
		return page + byte % 3 * 1000;
	}
}

/* The vm keeps what it decoded; each run begins with a new one. */
static void machine_make(struct machine *m, const struct program *program, enum vm_tier tier)
{
	struct vm_config config = {.ram = ram,
				   .ram_base = RAM_BASE,
				   .ram_size = RAM_SIZE,
				   .harts = 1,
				   .tier = tier,
				   .bus = {m, bus_load, bus_store, bus_counter}};

	if (!program->alone) {
		config.region = region;
		config.region_base = REGION;
		config.region_size = REGION_SIZE;
	}
	memset(m, 0, sizeof *m);
	m->alone = program->alone;
	memset(ram, 0, RAM_SIZE);
	memset(region, 0, REGION_SIZE);
	tables_make(program);
	memcpy(ram + program->place, program->code, program->code_size);
	m->vm = vm_create(&config);
	if (!m->vm)
		abort();
	m->hart = vm_hart(m->vm, 0);
	m->fpu = true;
	m->regs.pc = USER + program->place + program->pc * 2;
	for (unsigned i = 0; i < 31; i++) {
		m->regs.x[i + 1] = register_value(program, program->reg[i]);
		m->regs.f[i] = m->regs.x[i + 1] ^ (uint64_t)program->reg[30 - i] << 52;
	}
	vm_hart_set_space(m->hart, RAM_BASE, 1);
}

/* --- running it -------------------------------------------------------------------------------------------
 */

/* What a kernel does between two runs of user code. */
static void do_call(struct machine *m, const struct program *program)
{
	uint64_t *x = m->regs.x, paddr = RAM_BASE + (x[10] & (RAM_SIZE - 1) & ~UINT64_C(3));
	uint32_t word = (uint32_t)x[11];

	switch (x[17] % 8) {
	case 0:
		vm_flush_all(m->vm);
		break;
	case 1:
		vm_flush_asid(m->vm, x[10] & 1);
		break;
	case 2:
		vm_flush_page(m->vm, 1, x[10]);
		break;
	case 3:
		vm_hart_set_space(m->hart,
				  x[10] & 1 ? RAM_BASE : program->root % (PAGES + 1) * PAGE + RAM_BASE,
				  x[11] & 1);
		break;
	case 4:
		m->fpu = !m->fpu;
		vm_hart_set_fpu(m->hart, m->fpu);
		break;
	case 5:
		vm_hart_clear_reservation(m->hart);
		break;
	case 6:
		/* Not into tables: without a flush, what is seen of them then is not defined. */
		if (paddr < RAM_BASE + TABLES * PAGE)
			break;
		memcpy(ram + (paddr - RAM_BASE), &word, sizeof word);
		vm_written(m->vm, paddr, sizeof word);
		break;
	default:
		if (vm_translate(m->vm, RAM_BASE, x[10], &paddr))
			see(m, paddr);
		break;
	}
	m->regs.pc += 4;
}

static void after_exception(struct machine *m, const struct program *program)
{
	see(m, m->hart->cause);
	see(m, m->hart->tval);
	see(m, m->regs.pc);
	switch (m->hart->cause) {
	case VM_CAUSE_FETCH_PAGE:
	case VM_CAUSE_FETCH_ACCESS:
		m->regs.pc = USER + program->place;
		break;
	default:
		m->regs.pc += m->hart->cause == VM_CAUSE_ILLEGAL && (m->hart->tval & 3) != 3 ? 2 : 4;
		break;
	}
}

static void see_memory(struct machine *m, const uint8_t *memory, uint64_t size)
{
	for (uint64_t i = 0; i < size; i += 8) {
		uint64_t value;

		memcpy(&value, memory + i, 8);
		if (value)
			see(m, value + i);
	}
}

/* In pieces of so many instructions; `anew`: nothing that was decoded or translated is kept from one to the
 * next. */
static void run(struct machine *m, const struct program *program, uint64_t piece, bool anew)
{
	unsigned stops = 0;

	while (m->hart->instret < BUDGET && stops < STOPS) {
		uint64_t left = BUDGET - m->hart->instret, budget = piece < left ? piece : left;
		uint64_t before = m->hart->instret, done;
		enum vm_stop stop = vm_run(m->hart, &m->regs, budget);

		done = m->hart->instret - before;
		if (done > budget || (stop == VM_STOP_BUDGET && done != budget) || m->regs.x[0] ||
		    m->regs.x[32])
			abort();
		if (stop == VM_STOP_ECALL)
			do_call(m, program);
		else if (stop == VM_STOP_EXCEPTION)
			after_exception(m, program);
		stops += stop == VM_STOP_ECALL || stop == VM_STOP_EXCEPTION;
		if (anew) {
			vm_written(m->vm, RAM_BASE, RAM_SIZE);
			vm_flush_all(m->vm);
		}
	}
	for (unsigned i = 0; i < sizeof m->regs / 8; i++)
		see(m, ((const uint64_t *)&m->regs)[i]);
	see(m, m->hart->instret);
	see_memory(m, ram, RAM_SIZE);
	see_memory(m, region, REGION_SIZE);
}

static bool tables_changed(const struct program *program)
{
	static uint8_t now[TABLES * PAGE];

	memcpy(now, ram, sizeof now);
	memset(ram, 0, sizeof now);
	tables_make(program);
	return memcmp(now, ram, sizeof now) != 0;
}

static void disassemble(const struct program *program)
{
	char text[24];

	for (size_t i = 0; i + 4 <= program->code_size && i < 64; i += 2) {
		uint32_t word;
		unsigned length;

		memcpy(&word, program->code + i, 4);
		length = vm_disassemble(USER + i, word, text, sizeof text);
		if ((length != 2 && length != 4) || !memchr(text, 0, sizeof text))
			abort();
	}
}

static bool parse(const uint8_t *data, size_t size, struct program *program)
{
	if (size < HEADER)
		return false;
	program->pc = data[0] % 8;
	program->place = CODE_PAGE * PAGE + (data[0] / 8 ? PAGE - data[0] / 8 * 8 : 0);
	program->piece = data[1] % 16;
	program->alone = data[1] & 0x80;
	program->root = data[2];
	program->entries = data[3] % (TABLES_MAX + 1);
	memcpy(program->reg, data + 4, sizeof program->reg);
	size -= HEADER;
	if (size < 4u * program->entries)
		return false;
	program->entry = data + HEADER;
	program->code = program->entry + 4 * program->entries;
	program->code_size = size - 4u * program->entries;
	if (program->code_size > CODE_MAX)
		program->code_size = CODE_MAX;
	return true;
}

/* --- inputs -----------------------------------------------------------------------------------------------
 */

static uint64_t dice_roll(uint64_t *dice)
{
	uint64_t word = (*dice += UINT64_C(0x9e3779b97f4a7c15));

	word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
	return word ^ word >> 31;
}

/* An instruction with random operands, its jumps short; most random words are none. */
static uint32_t instruction(uint64_t word)
{
	static const uint8_t opcodes[] = {0x03, 0x23, 0x23, 0x63, 0x63, 0x6f, 0x67, 0x17,
					  0x13, 0x1b, 0x33, 0x3b, 0x2f, 0x07, 0x27, 0x53};
	uint32_t opcode = opcodes[word >> 60], operands = (uint32_t)word & 0x01ffff80,
		 high = word >> 32 & 0x7f;

	switch (opcode) {
	case 0x63: /* branches: to the four instructions before, or behind */
		return opcode | (operands & 0x01fff000) | (word & 1 ? 0xfe000080 : 0) |
		       (uint32_t)(word >> 40 & 6) << 9;
	case 0x6f:
		return opcode | (operands & 0xf80) | (word & 1 ? 0xff9ff000 : 0x01000000);
	case 0x33: /* also multiplications, and subtraction */
	case 0x3b:
		return opcode | operands | (word & 1 ? high & 1 : (high & 1) << 5) << 25;
	case 0x2f: /* words and doublewords */
		return opcode | (operands & ~0x7000u) | 0x2000 | (uint32_t)(word & 1) << 12 | high << 25;
	case 0x03: /* small offsets */
	case 0x23:
	case 0x07:
	case 0x27:
	case 0x67:
		return opcode | operands | (word & 1 ? 0 : high >> 6 ? 0xfe000000 : 0);
	default:
		return opcode | operands | high << 25;
	}
}

/* Besides what is done to bytes: instructions more or in another's place; a register that leads into the
 * code. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	uint64_t dice = seed, word;
	struct program program;
	unsigned count = 1 + seed / 8 % 4;
	size_t at, insert;

	if (seed % 3 == 0 || !parse(data, size, &program))
		return LLVMFuzzerMutate(data, size, max_size);
	at = (size_t)(program.code - data) + dice_roll(&dice) % (program.code_size + 1) / 4 * 4;
	for (; count > 0; count--, at += 4) {
		word = dice_roll(&dice);
		insert = word >> 59 & 1 || at + 4 > size ? 4 : 0;
		if (size + insert > max_size)
			break;
		memmove(data + at + insert, data + at, size - at);
		memcpy(data + at, &(uint32_t){instruction(word)}, 4);
		size += insert;
		if ((word >> 52 & 7) == 0)
			data[4 + (word >> 15 & 31) % 31] =
				word & 2 ? 64 | (word >> 56 & 15) : 51 - (word & 1) * 16;
	}
	return size;
}

/* What came of it. */
static uint64_t outcome(const struct program *program, enum vm_tier tier, uint64_t piece, bool anew)
{
	struct machine m;

	machine_make(&m, program, tier);
	run(&m, program, piece, anew);
	vm_destroy(m.vm);
	return m.seen;
}

static void make_memory(void)
{
	uint8_t *memory = mmap(NULL, 5 * RAM_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	region = memory + 3 * RAM_SIZE;
	if (memory == MAP_FAILED || mprotect(memory + RAM_SIZE, RAM_SIZE, PROT_READ | PROT_WRITE) ||
	    mprotect(region, REGION_SIZE, PROT_READ | PROT_WRITE))
		abort();
	ram = memory + RAM_SIZE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct program program;
	uint64_t seen, piece;

	if (!ram)
		make_memory();
	if (!parse(data, size, &program))
		return -1;
	disassemble(&program);
	piece = program.piece + 1;
	seen = outcome(&program, VM_TIER_INTERP, BUDGET, false);
	if (tables_changed(&program)) { /* when a change is seen is not defined */
		outcome(&program, VM_TIER_INTERP, piece, true);
		outcome(&program, VM_TIER_JIT, BUDGET, false);
		return 0;
	}
	if (outcome(&program, VM_TIER_INTERP, piece, true) != seen ||
	    outcome(&program, piece & 2 ? VM_TIER_AUTO : VM_TIER_JIT, piece & 1 ? BUDGET : piece, false) !=
		    seen)
		abort();
	return 0;
}
