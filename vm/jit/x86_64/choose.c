/* Which guest registers get the host's in a region: those that its instructions name most often. */
#include "vm/jit/x86_64/translate.h"

/* The instructions that take registers for doubles, or move all 64 bits; others see singles, or ask C. */
static bool is_of_doubles(unsigned id)
{
	switch (id) {
	case ID_fld:
	case ID_fsd:
	case ID_fadd_d:
	case ID_fsub_d:
	case ID_fmul_d:
	case ID_fdiv_d:
	case ID_fsqrt_d:
	case ID_fmadd_d:
	case ID_fmsub_d:
	case ID_fnmsub_d:
	case ID_fnmadd_d:
	case ID_feq_d:
	case ID_flt_d:
	case ID_fle_d:
	case ID_fcvt_d_w:
	case ID_fcvt_d_wu:
	case ID_fcvt_d_l:
	case ID_fcvt_d_lu:
	case ID_fcvt_w_d:
	case ID_fcvt_w_d_rtz:
	case ID_fcvt_wu_d:
	case ID_fcvt_l_d:
	case ID_fcvt_l_d_rtz:
	case ID_fcvt_lu_d:
	case ID_fmin_d:
	case ID_fmax_d:
	case ID_fclass_d:
	case ID_fsgnj_d:
	case ID_fsgnjn_d:
	case ID_fsgnjx_d:
	case ID_fmv_x_d:
	case ID_fmv_d_x:
		return true;
	}
	return false;
}

/* Those that compute on the unit. */
static const bool computes[ID_COUNT] = {
#define FP(name, operands, match, mask, host, soft) [ID_##name] = true,
#include "vm/insn.def"
};

static bool is_fma(unsigned id)
{
	return id == ID_fmadd_d || id == ID_fmsub_d || id == ID_fnmsub_d || id == ID_fnmadd_d;
}

static bool is_fp(unsigned guest)
{
	return guest >= REG_F && guest < REG_F + 32;
}

struct tally {
	unsigned uses[GUESTS];
	bool single[GUESTS];
};

static void name(struct tally *tally, unsigned guest, bool doubles)
{
	if (guest >= GUESTS)
		return;
	tally->uses[guest]++;
	if (is_fp(guest) && !doubles)
		tally->single[guest] = true;
}

/* Some instructions keep something else where others name a register: that does no harm here. */
static void count(struct translation *t, struct tally *tally, const struct block *block)
{
	for (unsigned slot = 0; slot < block->slots; slot++) {
		const struct op *op = &block->ops[slot];
		bool doubles = is_of_doubles(op->id);

		if (!vm_is_insn(block, op))
			continue;
		name(tally, op->rd, doubles);
		name(tally, op->rs1, doubles);
		name(tally, op->rs2, doubles);
		if (is_fma(op->id))
			name(tally, (uint8_t)op->imm, doubles);
		if (op->rd < GUESTS)
			t->written[op->rd] = true;
		t->has_unit = t->has_unit || (doubles && computes[op->id]);
	}
}

/* The register of a kind that is used most and has no home yet; 0: none. */
static unsigned most_used(const struct translation *t, const struct tally *tally, bool fp)
{
	unsigned best = 0;

	for (unsigned guest = 1; guest < GUESTS; guest++) {
		bool of_kind = fp ? is_fp(guest) && !tally->single[guest] : guest < REG_SINK;

		if (of_kind && t->home[guest] == IN_MEMORY && tally->uses[guest] > 0 &&
		    (best == 0 || tally->uses[guest] > tally->uses[best]))
			best = guest;
	}
	return best;
}

static void homes_of_loop(struct translation *t)
{
	struct tally tally = {{0}, {0}};
	bool taken[16] = {false};
	unsigned count_homes = 0, chosen[16], count_chosen = 0, guest;

	memset(t->home, IN_MEMORY, sizeof(t->home));
	memset(t->written, 0, sizeof(t->written));
	t->has_unit = false;
	for (unsigned i = 0; i < t->region->count; i++)
		count(t, &tally, t->region->code[i]->block);
	for (guest = 0; guest < GUESTS; guest++)
		count_homes += standard_homes[guest] != IN_MEMORY;

	/* Those with a standard home keep it; the others get what is left. */
	for (; count_homes && (guest = most_used(t, &tally, false)); count_homes--) {
		t->home[guest] = standard_homes[guest] ? standard_homes[guest] : XMM_HOME;
		if (standard_homes[guest])
			taken[standard_homes[guest]] = true;
		else
			chosen[count_chosen++] = guest;
	}
	for (guest = 0; guest < GUESTS && count_chosen; guest++)
		if (standard_homes[guest] && !taken[standard_homes[guest]])
			t->home[chosen[--count_chosen]] = standard_homes[guest];
	for (unsigned xmm = XMM_FIRST; xmm < XMM_COUNT && (guest = most_used(t, &tally, true)); xmm++)
		t->home[guest] = (uint8_t)(XMM_HOME + xmm);
}

void homes_choose(struct translation *t)
{
	if (has_homes(t))
		homes_of_loop(t);
	else
		memcpy(t->home, standard_homes, sizeof(t->home));
}
