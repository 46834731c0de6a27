/*
 * Which accesses of a trace likely go to one page: those by one base register, or by registers that differ
 * from it by a constant. The first of them looks the page up for all, and the others need no look at the TLB.
 */
#include "vm/jit/jit.h"

/* Bytes from the first to the last of a group: most of a page, and the check would often fail. */
#define SPAN_MAX 1024

const struct access vm_jit_accesses[ID_COUNT] = {
#define LOAD(name, operands, match, mask, type, value)                                                       \
	[ID_##name] = {.bytes = sizeof(type), .is_signed = (type)-1 < (type)1},
#define STORE(name, operands, match, mask, type) [ID_##name] = {.bytes = sizeof(type), .store = true},
#include "vm/insn.def"
};

static const bool branches[ID_COUNT] = {
#define BRANCH(name, operands, match, mask, condition) [ID_##name] = true,
#include "vm/insn.def"
};

/* Values are numbered: those of two registers with one number differ by their offsets' difference. */
struct value {
	unsigned number;
	int32_t offset;
};

#define OFFSET_MAX (1 << 24)

struct search {
	struct groups *groups;
	struct value value[REG_SINK];
	unsigned numbers, branches;
	unsigned begun[GROUPS_MAX]; /* how many branches were before the group */
	unsigned number[GROUPS_MAX];
};

static void define(struct search *search, unsigned guest, struct value value)
{
	if (guest == 0 || guest >= REG_SINK)
		return;
	if (value.offset > OFFSET_MAX || value.offset < -OFFSET_MAX)
		value = (struct value){.number = search->numbers++};
	search->value[guest] = value;
}

/* Does the access belong to the group? One that stores after a branch shall not make a mere reader fail. */
static bool belongs(const struct search *search, unsigned i, struct value at, unsigned size, bool store)
{
	const struct group *group = &search->groups->group[i];

	return search->number[i] == at.number && at.offset + (int32_t)size - group->low <= SPAN_MAX &&
	       group->high - at.offset <= SPAN_MAX &&
	       (!store || group->store || search->begun[i] == search->branches);
}

static void note_access(struct search *search, unsigned block, unsigned slot, struct value at, unsigned size,
			bool store)
{
	struct groups *groups = search->groups;
	struct group *group;
	unsigned i = groups->count;

	while (i > 0 && !belongs(search, i - 1, at, size, store))
		i--;
	if (i == 0 && groups->count == GROUPS_MAX)
		return;
	if (i == 0) {
		i = ++groups->count;
		groups->group[i - 1] = (struct group){.low = at.offset, .high = at.offset};
		search->number[i - 1] = at.number;
		search->begun[i - 1] = search->branches;
	}
	group = &groups->group[i - 1];
	if (at.offset < group->low)
		group->low = at.offset;
	if (at.offset + (int32_t)size > group->high)
		group->high = at.offset + (int32_t)size;
	group->store = group->store || store;
	group->accesses++;
	groups->of[block][slot] = (uint8_t)i;
	groups->offset[block][slot] = at.offset;
}

static void look_at(struct search *search, unsigned block, unsigned slot, const struct op *op)
{
	const struct access *access = &vm_jit_accesses[op->id];
	struct value value = {.number = search->numbers};

	if (op->rs1 < REG_SINK) {
		value = search->value[op->rs1];
		value.offset += op->imm;
	}
	if (access->bytes) {
		note_access(search, block, slot, value, access->bytes, access->store);
		value = (struct value){.number = search->numbers++};
	} else if (op->id == ID_mv) {
		value.offset -= op->imm;
	} else if (op->id != ID_addi) {
		value = (struct value){.number = search->numbers++};
	}
	if (branches[op->id])
		search->branches++;
	else if (!access->store)
		define(search, op->rd, value);
}

void vm_jit_group(struct code *const *trace, unsigned blocks, struct groups *groups)
{
	struct search search = {.groups = groups, .numbers = REG_SINK};

	groups->count = 0;
	memset(groups->of, 0, blocks * sizeof(groups->of[0]));
	for (unsigned guest = 0; guest < REG_SINK; guest++)
		search.value[guest].number = guest;
	for (unsigned i = 0; i < blocks; i++) {
		const struct block *block = trace[i]->block;

		if (trace[i]->careful)
			continue;
		for (unsigned slot = 0; slot < block->slots; slot++)
			if (vm_is_insn(block, &block->ops[slot]))
				look_at(&search, i, slot, &block->ops[slot]);
	}
}
