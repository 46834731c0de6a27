/* Loads and stores. The TLB is looked up in line, as the interpreter does; what misses takes the detour. */
#include "vm/interp/arith.h"
#include "vm/jit/x86_64/translate.h"

static const struct access {
	uint8_t kind, bits;
	bool is_signed, boxed;
} accesses[ID_COUNT] = {
	[ID_lb] = {1 + ACCESS_LOAD, 8, true, false},     [ID_lh] = {1 + ACCESS_LOAD, 16, true, false},
	[ID_lw] = {1 + ACCESS_LOAD, 32, true, false},    [ID_ld] = {1 + ACCESS_LOAD, 64, false, false},
	[ID_lbu] = {1 + ACCESS_LOAD, 8, false, false},   [ID_lhu] = {1 + ACCESS_LOAD, 16, false, false},
	[ID_lwu] = {1 + ACCESS_LOAD, 32, false, false},  [ID_fld] = {1 + ACCESS_LOAD, 64, false, false},
	[ID_flw] = {1 + ACCESS_LOAD, 32, false, true},   [ID_sb] = {1 + ACCESS_STORE, 8, false, false},
	[ID_sh] = {1 + ACCESS_STORE, 16, false, false},  [ID_sw] = {1 + ACCESS_STORE, 32, false, false},
	[ID_sd] = {1 + ACCESS_STORE, 64, false, false},  [ID_fsw] = {1 + ACCESS_STORE, 32, false, false},
	[ID_fsd] = {1 + ACCESS_STORE, 64, false, false},
};

/* The guest's address in a register, less what is to be added: that of rs1 itself, or rdx. */
static struct place address(struct translation *t, int32_t imm)
{
	unsigned base;

	if (t->op->rs1 == 0) {
		emit_constant(&t->emit, RDX, (uint64_t)(int64_t)imm);
		return in_memory(RDX, 0);
	}
	base = value_in(t, t->op->rs1, RDX);
	return in_memory(base, imm);
}

/* rcx = host address - guest address of the page, if it holds `size` bytes at `vaddr`; else CC_A. */
static void look_up(struct translation *t, unsigned vaddr, enum vm_access access, int32_t size)
{
	struct emit *e = &t->emit;
	int32_t table = (int32_t)(offsetof(struct space, tlb) + access * sizeof(struct tlb_entry[TLB_SIZE]));

	_Static_assert(sizeof(struct tlb_entry) == 16, "shift");
	emit_load(e, 32, RAX, in_reg(vaddr));
	emit_shift_imm(e, SHIFT_SHR, 32, in_reg(RAX), PAGE_BITS - 4);
	emit_alu_imm(e, ALU_AND, 32, in_reg(RAX), (TLB_SIZE - 1) * 16);
	emit_load(e, 64, RCX, in_table(SPACE, RAX, table + (int32_t)offsetof(struct tlb_entry, tag)));
	emit_alu(e, ALU_XOR, 64, RCX, in_reg(vaddr));
	emit_alu_imm(e, ALU_CMP, 64, in_reg(RCX), (int32_t)PAGE_SIZE - size);
}

static void look_up_end(struct translation *t, enum vm_access access)
{
	int32_t table = (int32_t)(offsetof(struct space, tlb) + access * sizeof(struct tlb_entry[TLB_SIZE]));

	emit_load(&t->emit, 64, RCX, in_table(SPACE, RAX, table + (int32_t)offsetof(struct tlb_entry, add)));
	t->rcx_group = 0;
}

/* An access of its own: where it goes, rcx being part of it. */
static struct place one_place(struct translation *t, const struct access *access)
{
	struct place place = address(t, t->op->imm);

	if (place.offset) {
		emit_lea(&t->emit, RDX, place);
		place = in_memory(RDX, 0);
	}
	look_up(t, place.base, access->kind - 1, access->bits / 8);
	slow_if(t, CC_A);
	look_up_end(t, access->kind - 1);
	return in_table(place.base, RCX, 0);
}

/* One of a group: the first looks up for all. What may be stored to may be loaded from. */
static struct place group_place(struct translation *t, unsigned number)
{
	const struct group *group = &t->groups.group[number - 1];
	unsigned slot = (unsigned)(t->op - t->code->block->ops);
	struct place place = address(t, t->op->imm);
	enum vm_access kind = group->store ? ACCESS_STORE : ACCESS_LOAD;

	if (!t->looked_up[number - 1]) {
		unsigned first = place.base;
		int32_t low = place.offset + group->low - t->groups.offset[t->block][slot];

		t->looked_up[number - 1] = true;
		if (low && place.base == RDX) {
			emit_alu_imm(&t->emit, ALU_ADD, 64, in_reg(RDX), low);
			place.offset -= low;
		} else if (low) {
			emit_lea(&t->emit, first = RDX, in_memory(place.base, low));
		}
		look_up(t, first, kind, group->high - group->low);
		careful_if(t, CC_A);
		look_up_end(t, kind);
		emit_store(&t->emit, 64, GROUP_SLOT(number), RCX);
	} else if (t->rcx_group != number) {
		emit_load(&t->emit, 64, RCX, GROUP_SLOT(number));
	}
	t->rcx_group = number;
	return in_table(place.base, RCX, place.offset);
}

bool translate_memory(struct translation *t)
{
	const struct op *op = t->op;
	const struct access *access = &accesses[op->id];
	unsigned number, reg;
	struct emit *e = &t->emit;
	struct place host;

	if (access->kind == 0)
		return false;
	number = t->groups.of[t->block][op - t->code->block->ops];
	if (number && t->groups.group[number - 1].accesses > 1)
		host = group_place(t, number);
	else
		host = one_place(t, access);
	if (access->bits == 64 && is_xmm(place_of(t, access->kind == 1 + ACCESS_STORE ? op->rs2 : op->rd))) {
		if (access->kind == 1 + ACCESS_STORE)
			emit_sse_store(e, true, host, fp_place(t, op->rs2).reg);
		else
			emit_sse_load(e, true, fp_place(t, op->rd).reg, host);
		return true;
	}
	if (access->kind == 1 + ACCESS_STORE) {
		reg = result_in(t, op->rs2, RAX);
		if (access->bits == 64)
			reg = value_in(t, op->rs2, RAX);
		else if (reg == RAX)
			take_low(t, RAX, op->rs2);
		emit_store(e, access->bits, host, reg);
		return true;
	}
	reg = result_in(t, op->rd, RAX);
	emit_extend(e, access->bits, access->is_signed, reg, host);
	if (access->boxed) {
		emit_constant(e, RDX, BOXED);
		emit_alu(e, ALU_OR, 64, reg, in_reg(RDX));
	}
	if (access->bits < 32 || access->is_signed)
		result_narrow(t, op->rd, reg);
	else
		result(t, op->rd, reg);
	return true;
}
