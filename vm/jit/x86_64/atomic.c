/*
 * Atomic instructions: with harts that run one at a time they are a load and a store. What is not aligned,
 * what misses the TLB, what changes the region, which others may access, and sc that fails take the detour.
 */
#include "vm/jit/x86_64/translate.h"

static const uint8_t bytes[ID_COUNT] = {
#define AMO(name, operands, match, mask, type, value) [ID_##name] = sizeof(type),
#include "vm/insn.def"
	[ID_lr_w] = 4,
	[ID_sc_w] = 4,
	[ID_lr_d] = 8,
	[ID_sc_d] = 8,
};

/* How the new value is made: it is rs2; computed; or the old one, if that compares so with rs2. */
enum how { CHANGE_SWAP, CHANGE_COMPUTE, CHANGE_CHOOSE };

static const struct change {
	uint8_t how, what;
} changes[ID_COUNT] = {
#define BOTH(name, how, what) [ID_##name##_w] = {how, what}, [ID_##name##_d] = {how, what}
	BOTH(amoadd, CHANGE_COMPUTE, ALU_ADD), BOTH(amoxor, CHANGE_COMPUTE, ALU_XOR),
	BOTH(amoand, CHANGE_COMPUTE, ALU_AND), BOTH(amoor, CHANGE_COMPUTE, ALU_OR),
	BOTH(amomin, CHANGE_CHOOSE, CC_L),     BOTH(amomax, CHANGE_CHOOSE, CC_G),
	BOTH(amominu, CHANGE_CHOOSE, CC_B),    BOTH(amomaxu, CHANGE_CHOOSE, CC_A),
};

/* rcx = the host's address of what rs1 points to; the register with the guest's. */
static unsigned aligned_place(struct translation *t, enum vm_access access)
{
	struct emit *e = &t->emit;
	unsigned size = bytes[t->op->id], vaddr = value_in(t, t->op->rs1, RDX);

	look_up(t, vaddr, access, (int32_t)size);
	slow_if(t, CC_A);
	emit_test_low(e, RCX, size - 1);
	slow_if(t, CC_NE);
	look_up_end(t, access);
	emit_alu(e, ALU_ADD, 64, RCX, in_reg(vaddr));
	return vaddr;
}

/* The same of what is to be changed, and is nobody else's. */
static unsigned own_place(struct translation *t)
{
	struct emit *e = &t->emit;
	unsigned vaddr = aligned_place(t, ACCESS_STORE);

	emit_load(e, 64, RAX, in_reg(RCX));
	emit_alu(e, ALU_SUB, 64, RAX, in_memory(SPACE, IN_SPACE(region)));
	emit_alu(e, ALU_CMP, 64, RAX, in_memory(SPACE, IN_SPACE(region_size)));
	slow_if(t, CC_B);
	return vaddr;
}

/* rdx = what is to be stored, of rax, the old value. */
static void change(struct translation *t, unsigned bits)
{
	const struct change *change = &changes[t->op->id];
	struct emit *e = &t->emit;

	if (bits == 32)
		take_low(t, RDX, t->op->rs2);
	else
		take(t, RDX, t->op->rs2);
	if (change->how == CHANGE_COMPUTE) {
		emit_alu(e, change->what, bits, RDX, in_reg(RAX));
	} else if (change->how == CHANGE_CHOOSE) {
		emit_alu(e, ALU_CMP, bits, RAX, in_reg(RDX));
		emit_move_if(e, change->what, bits, RDX, RAX);
	}
}

/* rd = a value of `bits`, extended. */
static void result_of(struct translation *t, unsigned bits)
{
	if (bits == 32)
		result_narrow(t, t->op->rd, RAX);
	else
		result(t, t->op->rd, RAX);
}

static void amo(struct translation *t, unsigned bits)
{
	struct emit *e = &t->emit;

	own_place(t);
	emit_extend(e, bits, true, RAX, in_memory(RCX, 0));
	change(t, bits);
	emit_store(e, bits, in_memory(RCX, 0), RDX);
	result_of(t, bits);
}

static void load_reserved(struct translation *t, unsigned bits)
{
	struct emit *e = &t->emit;
	unsigned vaddr = aligned_place(t, ACCESS_LOAD);

	emit_extend(e, bits, true, RAX, in_memory(RCX, 0));
	emit_load(e, 64, RCX, in_memory(SPACE, IN_SPACE(hart)));
	emit_store_imm(e, 8, in_memory(RCX, IN_HART(reserved)), 1);
	emit_store(e, 64, in_memory(RCX, IN_HART(reserved_vaddr)), vaddr);
	emit_store(e, 64, in_memory(RCX, IN_HART(reserved_value)), RAX);
	result_of(t, bits);
}

static void store_conditional(struct translation *t, unsigned bits)
{
	struct emit *e = &t->emit;
	unsigned vaddr = own_place(t);

	emit_load(e, 64, RAX, in_memory(SPACE, IN_SPACE(hart)));
	emit_compare_byte(e, in_memory(RAX, IN_HART(reserved)), 0);
	slow_if(t, CC_E);
	emit_alu(e, ALU_CMP, 64, vaddr, in_memory(RAX, IN_HART(reserved_vaddr)));
	slow_if(t, CC_NE);
	emit_load(e, bits, RDX, in_memory(RAX, IN_HART(reserved_value)));
	emit_alu(e, ALU_CMP, bits, RDX, in_memory(RCX, 0));
	slow_if(t, CC_NE);
	emit_store_imm(e, 8, in_memory(RAX, IN_HART(reserved)), 0);
	if (bits == 32)
		take_low(t, RAX, t->op->rs2);
	else
		take(t, RAX, t->op->rs2);
	emit_store(e, bits, in_memory(RCX, 0), RAX);
	emit_constant(e, RAX, 0);
	result_narrow(t, t->op->rd, RAX);
}

bool translate_atomic(struct translation *t)
{
	unsigned bits = bytes[t->op->id] * 8u;

	switch (t->op->id) {
	case ID_lr_w:
	case ID_lr_d:
		load_reserved(t, bits);
		return true;
	case ID_sc_w:
	case ID_sc_d:
		store_conditional(t, bits);
		return true;
	}
	if (bits)
		amo(t, bits);
	return bits;
}
