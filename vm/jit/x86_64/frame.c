/*
 * Where guest registers are, how code is entered and left, and how it has C do something. Nothing here
 * depends on the C compiler's calling convention but ARGUMENT_1 to 3, and on what is kept across calls.
 */
#include <cpuid.h>
#include <stdlib.h>

#include "vm/jit/x86_64/translate.h"

#define ARGUMENT_1 RDI
#define ARGUMENT_2 RSI
#define ARGUMENT_3 RDX

/* Those that a C function keeps; with FRAME they align the stack. */
static const uint8_t kept[] = {RBX, RBP, R12, R13, R14, R15};

/* The registers most used in what compilers make. */
const homes standard_homes = {
	[2] = RBX, [8] = R12, [9] = R13, [10] = RDI, [11] = RSI, [12] = R8, [13] = R9, [14] = R10, [15] = R11,
};

bool vm_translator_usable(void)
{
	return true;
}

/* All that CPUID says of instructions: more than is used, so that nothing is forgotten. */
void vm_translator_features(uint64_t features[TRANSLATOR_FEATURES])
{
	unsigned a, b, c, d;

	memset(features, 0, TRANSLATOR_FEATURES * sizeof(features[0]));
	if (__get_cpuid(1, &a, &b, &c, &d)) {
		features[0] = c;
		features[1] = d;
	}
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
		features[2] = b;
		features[3] = c;
	}
}

/* --- places --- */

static struct place in_thread(unsigned guest)
{
	return in_memory(X, (int32_t)guest * 8);
}

struct place low_of(const struct translation *t, unsigned guest)
{
	return t->home[guest] == IN_MEMORY ? in_thread(guest) : in_reg(t->home[guest]);
}

struct place place_of(struct translation *t, unsigned guest)
{
	if (is_half(t, guest)) {
		put_halves(t, UINT32_C(1) << guest);
		t->known[guest] = KNOWN_FITS;
	}
	return low_of(t, guest);
}

bool is_narrow(const struct translation *t, unsigned guest)
{
	return guest == 0 || (guest < 32 && t->known[guest] != KNOWN_WHOLE);
}

bool is_half(const struct translation *t, unsigned guest)
{
	return guest < 32 && t->known[guest] == KNOWN_HALF;
}

void note(struct translation *t, unsigned guest, enum known known)
{
	if (guest >= 32)
		return;
	t->known[guest] = (uint8_t)known;
	t->constants &= ~(UINT32_C(1) << guest);
}

uint32_t halves(const struct translation *t)
{
	uint32_t mask = 0;

	for (unsigned guest = 1; guest < 32; guest++)
		mask |= (uint32_t)(t->known[guest] == KNOWN_HALF) << guest;
	return mask;
}

void put_halves(struct translation *t, uint32_t mask)
{
	for (; mask; mask &= mask - 1) {
		unsigned home = t->home[__builtin_ctz(mask)];

		emit_extend(&t->emit, 32, true, home, in_reg(home));
	}
}

void make_whole(struct translation *t)
{
	put_halves(t, halves(t));
	for (unsigned guest = 1; guest < 32; guest++)
		if (t->known[guest] == KNOWN_HALF)
			t->known[guest] = KNOWN_FITS;
}

bool is_xmm(struct place place)
{
	return is_reg(place) && place.reg >= XMM_HOME;
}

struct place fp_place(const struct translation *t, unsigned guest)
{
	return t->home[guest] == IN_MEMORY ? in_thread(guest) : in_reg(t->home[guest] - XMM_HOME);
}

void rcx_free(struct translation *t)
{
	unsigned group = t->rcx_group;

	t->rcx_group = 0;
	if (group == 0 || t->slot_set[group - 1] ||
	    t->accessed[group - 1] == t->groups.group[group - 1].accesses)
		return;
	emit_store(&t->emit, 64, GROUP_SLOT(group), RCX);
	t->slot_set[group - 1] = true;
}

void take(struct translation *t, unsigned reg, unsigned guest)
{
	struct place place = place_of(t, guest);

	if (reg == RCX)
		rcx_free(t);
	if (guest == 0)
		emit_constant(&t->emit, reg, 0);
	else if (is_xmm(place))
		emit_from_xmm(&t->emit, reg, place.reg - XMM_HOME);
	else
		emit_load(&t->emit, 64, reg, place);
}

void take_low(struct translation *t, unsigned reg, unsigned guest)
{
	if (reg == RCX)
		rcx_free(t);
	if (guest == 0)
		emit_constant(&t->emit, reg, 0);
	else if (!is_reg(low_of(t, guest)) || low_of(t, guest).reg != reg)
		emit_load(&t->emit, 32, reg, low_of(t, guest));
}

unsigned value_in(struct translation *t, unsigned guest, unsigned scratch)
{
	struct place place = place_of(t, guest);

	if (is_reg(place) && !is_xmm(place))
		return place.reg;
	take(t, scratch, guest);
	return scratch;
}

unsigned result_in(const struct translation *t, unsigned guest, unsigned scratch)
{
	struct place place = low_of(t, guest);

	return is_reg(place) && !is_xmm(place) ? place.reg : scratch;
}

void result(struct translation *t, unsigned guest, unsigned reg)
{
	struct place place = low_of(t, guest);

	note(t, guest, KNOWN_WHOLE);
	if (is_xmm(place))
		emit_to_xmm(&t->emit, place.reg - XMM_HOME, reg);
	else if (guest != REG_SINK)
		emit_store(&t->emit, 64, place, reg);
}

void result_narrow(struct translation *t, unsigned guest, unsigned reg)
{
	result(t, guest, reg);
	note(t, guest, KNOWN_FITS);
}

void result_low(struct translation *t, unsigned guest, unsigned reg)
{
	struct place place = low_of(t, guest);

	if (is_reg(place)) {
		if (place.reg != reg)
			emit_load(&t->emit, 32, place.reg, in_reg(reg));
		note(t, guest, KNOWN_HALF);
	} else if (guest != REG_SINK) {
		emit_extend(&t->emit, 32, true, reg, in_reg(reg));
		result_narrow(t, guest, reg);
	}
}

void result_constant(struct translation *t, unsigned guest, uint64_t value)
{
	struct place place = low_of(t, guest);
	bool small = (int64_t)value == (int32_t)value;

	if (guest == REG_SINK)
		return;
	note(t, guest, small ? KNOWN_FITS : KNOWN_WHOLE);
	t->constants |= UINT32_C(1) << guest;
	t->constant[guest] = value;
	if (is_reg(place)) {
		emit_constant(&t->emit, place.reg, value);
	} else if (small) {
		emit_store_imm(&t->emit, 64, place, (int32_t)value);
	} else {
		emit_constant(&t->emit, RAX, value);
		emit_store(&t->emit, 64, place, RAX);
	}
}

bool is_constant(const struct translation *t, unsigned guest, uint64_t *value)
{
	*value = guest < 32 ? t->constant[guest] : 0;
	return guest == 0 || (guest < 32 && t->constants >> guest & 1);
}

bool is_immediate(const struct translation *t, unsigned guest, int32_t *value)
{
	uint64_t constant;
	bool known = is_constant(t, guest, &constant);

	*value = (int32_t)constant;
	return known && (int64_t)constant == *value;
}

/* --- homes --- */

static void home_load(struct emit *e, const homes home, unsigned guest)
{
	if (home[guest] >= XMM_HOME)
		emit_sse_load(e, true, home[guest] - XMM_HOME, in_thread(guest));
	else
		emit_load(e, 64, home[guest], in_thread(guest));
}

static void home_store(struct emit *e, const homes home, unsigned guest)
{
	if (home[guest] >= XMM_HOME)
		emit_sse_store(e, true, in_thread(guest), home[guest] - XMM_HOME);
	else
		emit_store(e, 64, in_thread(guest), home[guest]);
}

static void homes_load(struct emit *e, const homes home)
{
	for (unsigned guest = 0; guest < GUESTS; guest++)
		if (home[guest] != IN_MEMORY)
			home_load(e, home, guest);
}

static void homes_store(struct emit *e, const homes home)
{
	for (unsigned guest = 0; guest < GUESTS; guest++)
		if (home[guest] != IN_MEMORY)
			home_store(e, home, guest);
}

void homes_enter(struct translation *t)
{
	for (unsigned guest = 0; guest < GUESTS; guest++)
		if (standard_homes[guest] != IN_MEMORY && t->home[guest] != standard_homes[guest])
			home_store(&t->emit, standard_homes, guest);
	for (unsigned guest = 0; guest < GUESTS; guest++)
		if (t->home[guest] != IN_MEMORY && t->home[guest] != standard_homes[guest])
			home_load(&t->emit, t->home, guest);
}

void homes_leave(struct translation *t)
{
	for (unsigned guest = 0; guest < GUESTS; guest++)
		if (t->home[guest] != IN_MEMORY && t->home[guest] != standard_homes[guest] &&
		    t->written[guest])
			home_store(&t->emit, t->home, guest);
	for (unsigned guest = 0; guest < GUESTS; guest++)
		if (standard_homes[guest] != IN_MEMORY && t->home[guest] != standard_homes[guest])
			home_load(&t->emit, standard_homes, guest);
}

/* --- the fixed part --- */

/* On with what the hart says, the hart being in `hart`, and at the address in rax. */
static void put_begin(struct emit *e, unsigned hart)
{
	emit_load(e, 64, X, in_memory(hart, IN_HART(regs)));
	emit_load(e, 64, SPACE, in_memory(hart, IN_HART(space)));
	emit_load(e, 64, BUDGET, in_memory(hart, IN_HART(budget)));
	emit_store(e, 64, in_memory(SPACE, IN_SPACE(native_sp)), RSP);
	emit_lea(e, RCX, in_memory(RSP, -RETURN_STACK));
	emit_store(e, 64, in_memory(SPACE, IN_SPACE(native_sp_limit)), RCX);
	homes_load(e, standard_homes);
	emit_jump_to_place(e, in_reg(RAX));
}

/* The entry: a C function of the hart and an address; what it returns is in eax when code leaves. */
static const uint8_t *fixed_enter(struct emit *e)
{
	const uint8_t *start = e->at + e->to_run;

	for (unsigned i = 0; i < sizeof(kept); i++)
		emit_push(e, kept[i]);
	emit_alu_imm(e, ALU_SUB, 64, in_reg(RSP), FRAME);
	emit_store_imm(e, 64, in_memory(RSP, 8), 1);
	emit_load(e, 64, RAX, in_reg(ARGUMENT_2));
	put_begin(e, ARGUMENT_1);
	return start;
}

/* The end: eax says why. Everything else has been stored. */
static uint8_t *fixed_leave(struct emit *e)
{
	uint8_t *start = e->at;

	emit_load(e, 64, RSP, in_memory(SPACE, IN_SPACE(native_sp)));
	emit_alu_imm(e, ALU_ADD, 64, in_reg(RSP), FRAME);
	for (unsigned i = sizeof(kept); i-- > 0;)
		emit_pop(e, kept[i]);
	emit_return(e);
	return start;
}

/* The same with registers and budget still to be stored, and rdx for hart->native_pc. */
static uint8_t *fixed_exit(struct emit *e, const uint8_t *leave)
{
	uint8_t *start = e->at;

	homes_store(e, standard_homes);
	emit_load(e, 64, RCX, in_memory(SPACE, IN_SPACE(hart)));
	emit_store(e, 64, in_memory(RCX, IN_HART(budget)), BUDGET);
	emit_store(e, 64, in_memory(RCX, IN_HART(native_pc)), RDX);
	emit_fix(emit_jump(e), leave);
	return start;
}

/*
 * An ecall, its address in rdx: on in the code of whoever runs next. Registers of the host that a C function
 * keeps are free for this, as for the first entry.
 */
static const uint8_t *fixed_ecall(struct emit *e, const uint8_t *leave)
{
	const uint8_t *start = e->at + e->to_run;
	uint8_t *gone;

	homes_store(e, standard_homes);
	emit_load(e, 64, RBX, in_memory(SPACE, IN_SPACE(hart)));
	emit_load(e, 64, RSP, in_memory(SPACE, IN_SPACE(native_sp)));
	emit_store(e, 64, in_memory(RBX, IN_HART(budget)), BUDGET);
	emit_store(e, 64, in_memory(RBX, IN_HART(native_pc)), RDX);
	emit_load(e, 64, ARGUMENT_1, in_reg(RBX));
	emit_address(e, RAX, (uintptr_t)vm_native_ecall);
	emit_call_place(e, in_reg(RAX));
	emit_test(e, 32, RAX, RAX);
	gone = emit_jump_if(e, CC_NE);
	emit_fix(gone, leave);
	emit_load(e, 64, RAX, in_memory(RBX, IN_HART(native_entry)));
	put_begin(e, RBX);
	return start;
}

/* It is called with the operation's slot in eax and its code in rdx, and comes back only if all is well. */
uint8_t *put_slow(struct jit *jit, struct emit *e, const homes home, const uint8_t *leave)
{
	uint8_t *start = e->at, *gone, *field;

	homes_store(e, home);
	emit_load(e, 64, RCX, in_memory(SPACE, IN_SPACE(hart)));
	emit_store(e, 64, in_memory(RCX, IN_HART(budget)), BUDGET);
	emit_load(e, 64, ARGUMENT_1, in_reg(RCX));
	emit_load(e, 64, ARGUMENT_2, in_reg(RDX));
	emit_load(e, 32, ARGUMENT_3, in_reg(RAX));
	emit_store(e, 64, in_memory(SPACE, IN_SPACE(native_sp_saved)), RSP);
	emit_alu_imm(e, ALU_AND, 64, in_reg(RSP), -16);
	field = emit_address(e, RAX, (uintptr_t)vm_native_op);
	vm_keep_moves(jit, MOVES_NATIVE_OP, field, 0);
	emit_call_place(e, in_reg(RAX));
	emit_load(e, 64, RSP, in_memory(SPACE, IN_SPACE(native_sp_saved)));
	emit_test(e, 32, RAX, RAX);
	gone = emit_jump_if(e, CC_NE);
	homes_load(e, home);
	emit_return(e);
	emit_fix(gone, leave);
	vm_keep_moves(jit, MOVES_FIXED, gone, (uint64_t)(leave - jit->write));
	return start;
}

bool vm_translator_begin(struct jit *jit)
{
	struct emit e = {.at = jit->write, .to_run = jit->run - jit->write};
	uint8_t *leave, *exit;

	jit->translation = calloc(1, sizeof(struct translation));
	if (!jit->translation)
		return false;
	jit->enter = fixed_enter(&e);
	leave = fixed_leave(&e);
	jit->leave = leave + e.to_run;
	jit->ecall = fixed_ecall(&e, leave);
	exit = fixed_exit(&e, leave);
	jit->exit = exit + e.to_run;
	jit->slow = put_slow(jit, &e, standard_homes, leave) + e.to_run;
	jit->find = e.at + e.to_run;
	emit_constant(&e, RAX, NATIVE_FIND);
	emit_fix(emit_jump(&e), exit);
	jit->linking = e.at + e.to_run;
	emit_load(&e, 64, RCX, in_memory(SPACE, IN_SPACE(hart)));
	emit_store(&e, 64, in_memory(RCX, IN_HART(native_link)), RDX);
	emit_constant(&e, RAX, NATIVE_LINK);
	emit_fix(emit_jump(&e), exit);
	jit->used = (uint64_t)(e.at - jit->write);
	return true;
}

void vm_translator_end(struct jit *jit)
{
	free(jit->translation);
}

const uint8_t *fixed(const struct translation *t, const uint8_t *run)
{
	return run - t->emit.to_run;
}

void leads_fixed(struct translation *t, uint8_t *field, const uint8_t *run)
{
	emit_fix(field, fixed(t, run));
	vm_keep_moves(t->jit, MOVES_FIXED, field, (uint64_t)(run - t->jit->run));
}
