/* Loads and stores. The TLB is looked up in line, as the interpreter does; what misses takes the detour. */
#include "vm/interp/arith.h"
#include "vm/jit/x86_64/translate.h"

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

/* Where the space has an address's entry. */
static int32_t entry_of(uint64_t vaddr, enum vm_access access)
{
	return (int32_t)(offsetof(struct space, tlb) + access * sizeof(struct tlb_entry[TLB_SIZE]) +
			 (vaddr >> PAGE_BITS) % TLB_SIZE * sizeof(struct tlb_entry));
}

void look_up(struct translation *t, unsigned vaddr, enum vm_access access, int32_t size)
{
	struct emit *e = &t->emit;
	int32_t table = (int32_t)(offsetof(struct space, tlb) + access * sizeof(struct tlb_entry[TLB_SIZE]));

	_Static_assert(sizeof(struct tlb_entry) == 16, "shift");
	rcx_free(t);
	emit_load(e, 32, RAX, in_reg(vaddr));
	emit_shift_imm(e, SHIFT_SHR, 32, in_reg(RAX), PAGE_BITS - 4);
	emit_alu_imm(e, ALU_AND, 32, in_reg(RAX), (TLB_SIZE - 1) * 16);
	emit_load(e, 64, RCX, in_table(SPACE, RAX, table + (int32_t)offsetof(struct tlb_entry, tag)));
	emit_alu(e, ALU_XOR, 64, RCX, in_reg(vaddr));
	emit_alu_imm(e, ALU_CMP, 64, in_reg(RCX), (int32_t)PAGE_SIZE - size);
}

void look_up_end(struct translation *t, enum vm_access access)
{
	int32_t table = (int32_t)(offsetof(struct space, tlb) + access * sizeof(struct tlb_entry[TLB_SIZE]));

	emit_load(&t->emit, 64, RCX, in_table(SPACE, RAX, table + (int32_t)offsetof(struct tlb_entry, add)));
}

/* Is the address known? */
static bool is_known(const struct translation *t, uint64_t *vaddr)
{
	bool known = is_constant(t, t->op->rs1, vaddr);

	*vaddr += (uint64_t)(int64_t)t->op->imm;
	return known;
}

static bool in_one_page(uint64_t vaddr, int32_t size)
{
	return (vaddr & ~PAGE_MASK) + (uint64_t)size <= PAGE_SIZE;
}

/* The look at the TLB for a known address, with all bytes in its page: else CC_NE. */
static void look_up_known(struct translation *t, uint64_t vaddr, enum vm_access access)
{
	struct emit *e = &t->emit;
	struct place tag =
		in_memory(SPACE, entry_of(vaddr, access) + (int32_t)offsetof(struct tlb_entry, tag));
	uint64_t page = vaddr & PAGE_MASK;

	rcx_free(t);
	if ((int64_t)page == (int32_t)page) {
		emit_alu_imm(e, ALU_CMP, 64, tag, (int32_t)page);
	} else {
		emit_constant(e, RAX, page);
		emit_alu(e, ALU_CMP, 64, RAX, tag);
	}
}

static void look_up_known_end(struct translation *t, uint64_t vaddr, enum vm_access access)
{
	emit_load(&t->emit, 64, RCX,
		  in_memory(SPACE, entry_of(vaddr, access) + (int32_t)offsetof(struct tlb_entry, add)));
}

/* A known address, rcx being part of where it goes. */
static struct place known_place(struct translation *t, uint64_t vaddr)
{
	if ((int64_t)vaddr == (int32_t)vaddr)
		return in_memory(RCX, (int32_t)vaddr);
	emit_constant(&t->emit, RDX, vaddr);
	return in_table(RDX, RCX, 0);
}

/* An access of its own: where it goes, rcx being part of it. */
static struct place one_place(struct translation *t, const struct access *access)
{
	enum vm_access kind = access->store ? ACCESS_STORE : ACCESS_LOAD;
	struct place place;
	uint64_t vaddr;

	if (is_known(t, &vaddr) && in_one_page(vaddr, access->bytes)) {
		look_up_known(t, vaddr, kind);
		slow_if(t, CC_NE);
		look_up_known_end(t, vaddr, kind);
		return known_place(t, vaddr);
	}
	place = address(t, t->op->imm);
	if (place.offset) {
		emit_lea(&t->emit, RDX, place);
		place = in_memory(RDX, 0);
	}
	look_up(t, place.base, kind, access->bytes);
	slow_if(t, CC_A);
	look_up_end(t, kind);
	return in_table(place.base, RCX, 0);
}

static void look_up_group(struct translation *t, const struct group *group, struct place *place, int32_t low)
{
	enum vm_access kind = group->store ? ACCESS_STORE : ACCESS_LOAD;
	unsigned first = place->base;

	if (low && place->base == RDX) {
		emit_alu_imm(&t->emit, ALU_ADD, 64, in_reg(RDX), low);
		place->offset -= low;
	} else if (low) {
		emit_lea(&t->emit, first = RDX, in_memory(place->base, low));
	}
	look_up(t, first, kind, group->high - group->low);
	careful_if(t, CC_A);
	look_up_end(t, kind);
}

static void look_up_known_group(struct translation *t, const struct group *group, uint64_t vaddr)
{
	enum vm_access kind = group->store ? ACCESS_STORE : ACCESS_LOAD;

	look_up_known(t, vaddr, kind);
	careful_if(t, CC_NE);
	look_up_known_end(t, vaddr, kind);
}

/* One of a group: the first looks up for all. What may be stored to may be loaded from. */
static struct place group_place(struct translation *t, unsigned number)
{
	const struct group *group = &t->groups.group[number - 1];
	unsigned slot = (unsigned)(t->op - t->code->block->ops);
	int32_t low = group->low - t->groups.offset[t->block][slot]; /* where it begins, from this access */
	bool first = t->accessed[number - 1]++ == 0, known;
	struct place place;
	uint64_t vaddr;

	known = is_known(t, &vaddr) && in_one_page(vaddr + (uint64_t)(int64_t)low, group->high - group->low);
	if (!known)
		place = address(t, t->op->imm);
	if (first && known)
		look_up_known_group(t, group, vaddr);
	else if (first)
		look_up_group(t, group, &place, place.offset + low);
	if (!first && t->rcx_group != number) {
		rcx_free(t);
		emit_load(&t->emit, 64, RCX, GROUP_SLOT(number));
	}
	t->rcx_group = number;
	return known ? known_place(t, vaddr) : in_table(place.base, RCX, place.offset);
}

static void load(struct translation *t, const struct access *access, struct place host)
{
	const struct op *op = t->op;
	struct emit *e = &t->emit;
	unsigned reg = result_in(t, op->rd, RAX);

	emit_extend(e, access->bytes * 8, access->is_signed, reg, host);
	if (op->id == ID_flw) {
		emit_constant(e, RDX, BOXED);
		emit_alu(e, ALU_OR, 64, reg, in_reg(RDX));
	}
	if (access->bytes < 4 || access->is_signed)
		result_narrow(t, op->rd, reg);
	else
		result(t, op->rd, reg);
}

static void store(struct translation *t, const struct access *access, struct place host)
{
	const struct op *op = t->op;
	unsigned reg = result_in(t, op->rs2, RAX);

	if (access->bytes == 8)
		reg = value_in(t, op->rs2, RAX);
	else if (reg == RAX)
		take_low(t, RAX, op->rs2);
	emit_store(&t->emit, access->bytes * 8, host, reg);
}

bool translate_memory(struct translation *t)
{
	const struct op *op = t->op;
	const struct access *access = &vm_jit_accesses[op->id];
	unsigned slot = (unsigned)(op - t->code->block->ops), number,
		 guest = access->store ? op->rs2 : op->rd;
	struct place host;

	if (access->bytes == 0)
		return false;
	number = t->groups.of[t->block][slot];
	if (t->groups.held[t->block] >> slot & 1) {
		t->accessed[number - 1]++;
		return true;
	}
	if (number && t->groups.group[number - 1].accesses > 1)
		host = group_place(t, number);
	else
		host = one_place(t, access);
	if (access->bytes == 8 && is_xmm(low_of(t, guest))) {
		if (access->store)
			emit_sse_store(&t->emit, true, host, fp_place(t, guest).reg);
		else
			emit_sse_load(&t->emit, true, fp_place(t, guest).reg, host);
	} else if (access->store) {
		store(t, access, host);
	} else {
		load(t, access, host);
	}
	return true;
}
