/*
 * Which accesses of a trace likely go to one page: those by one base register, or by registers that differ
 * from it by a constant. The first of them looks the page up for all, and the others need no look at the TLB.
 * And what of a trace need not be loaded, since it has been stored there.
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

const bool vm_jit_branches[ID_COUNT] = {
#define BRANCH(name, operands, match, mask, condition) [ID_##name] = true,
#include "vm/insn.def"
};

/* Values are numbered: those of two registers with one number differ by their offsets' difference. */
struct value {
	unsigned number;
	int32_t offset;
};

#define OFFSET_MAX  (1 << 29)

/* That of x0, and so of all constants. */
#define NUMBER_ZERO 0

/* After these, what has been stored may be something else. */
static const bool forgets[ID_COUNT] = {
	[ID_fence] = true,
	[ID_fence_i] = true,
#define AMO(name, operands, match, mask, type, value) [ID_##name] = true,
#define SYS(name, operands, match, mask, call)        [ID_##name] = true,
#include "vm/insn.def"
};

/* What has been stored, eight bytes each. */
#define STORED_MAX 32

struct stored {
	struct value at, value;
	unsigned group;
};

struct search {
	struct groups *groups;
	struct value value[REG_SINK];
	struct stored stored[STORED_MAX];
	unsigned stored_count;
	bool alone;                       /* nobody else stores to this machine's memory */
	unsigned numbers, branches, back; /* `back`: the number of the last call's return address */
	unsigned begun[GROUPS_MAX];       /* how many branches were before the group */
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

static bool in_one_page(int32_t a, int32_t b)
{
	return (a ^ b) >> PAGE_BITS == 0;
}

/* Does the access belong to the group? One that stores after a branch shall not make a mere reader fail. */
static bool belongs(const struct search *search, unsigned i, struct value at, unsigned size, bool store)
{
	const struct group *group = &search->groups->group[i];

	if (at.number == NUMBER_ZERO && !in_one_page(at.offset, group->low))
		return false;
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

	if (at.number == NUMBER_ZERO && !in_one_page(at.offset, at.offset + (int32_t)size - 1))
		return;
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

static bool is_equal(struct value a, struct value b)
{
	return a.number == b.number && a.offset == b.offset;
}

/* A store outside of the group may have changed anything: its page may be the same memory. */
static void note_store(struct search *search, struct value at, const struct op *op, unsigned group)
{
	unsigned bytes = vm_jit_accesses[op->id].bytes, left = 0;

	for (unsigned i = 0; i < search->stored_count; i++) {
		int32_t distance = at.offset - search->stored[i].at.offset;

		if (search->stored[i].group == group && (distance >= 8 || distance <= -(int32_t)bytes))
			search->stored[left++] = search->stored[i];
	}
	if (search->alone && op->id == ID_sd && group && op->rs2 < REG_SINK && left < STORED_MAX)
		search->stored[left++] = (struct stored){at, search->value[op->rs2], group};
	search->stored_count = left;
}

/* What a load gets. Both must be of one group: only then it is memory. */
static struct value loaded(struct search *search, unsigned block, unsigned slot, const struct op *op,
			   struct value at)
{
	for (unsigned i = 0; op->id == ID_ld && i < search->stored_count; i++) {
		const struct stored *stored = &search->stored[i];

		if (!is_equal(stored->at, at) || stored->group != search->groups->of[block][slot])
			continue;
		if (op->rd < REG_SINK && is_equal(search->value[op->rd], stored->value))
			search->groups->held[block] |= UINT64_C(1) << slot;
		return stored->value;
	}
	return (struct value){.number = search->numbers++};
}

static struct value constant(struct search *search, uint64_t base, int32_t offset)
{
	int64_t value = (int64_t)(base + (uint64_t)(int64_t)offset);

	if (value > OFFSET_MAX || value < -OFFSET_MAX)
		return (struct value){.number = search->numbers++};
	return (struct value){.number = NUMBER_ZERO, .offset = (int32_t)value};
}

static void look_at(struct search *search, unsigned block, unsigned slot, const struct op *op, uint64_t pc)
{
	const struct access *access = &vm_jit_accesses[op->id];
	struct value value = {.number = search->numbers};

	if (op->rs1 < REG_SINK) {
		value = search->value[op->rs1];
		value.offset += op->imm;
	}
	if (op->id == ID_li || op->id == ID_auipc) {
		value = constant(search, op->id == ID_li ? 0 : pc, op->imm);
	} else if (access->bytes) {
		note_access(search, block, slot, value, access->bytes, access->store);
		if (access->store)
			note_store(search, value, op, search->groups->of[block][slot]);
		else
			value = loaded(search, block, slot, op, value);
	} else if (op->id == ID_mv) {
		value.offset -= op->imm;
	} else if (op->id != ID_addi) {
		value = (struct value){.number = search->numbers++};
	}
	if (vm_jit_branches[op->id])
		search->branches++;
	else if (!access->store)
		define(search, op->rd, value);
	if (forgets[op->id])
		search->stored_count = 0;
	if (op->id == ID_jal && op->rd == RETURN_ADDRESS)
		search->back = search->value[RETURN_ADDRESS].number;
	if (op->id == ID_jr)
		search->groups->returns =
			op->rs1 == RETURN_ADDRESS &&
			is_equal(search->value[RETURN_ADDRESS], (struct value){search->back, 0});
}

void vm_jit_group(struct code *const *trace, const uint8_t *slots, unsigned blocks, struct groups *groups)
{
	struct search search = {.groups = groups,
				.alone = trace[0]->space->hart->vm->config.region_size == 0,
				.numbers = REG_SINK + 1,
				.back = REG_SINK};

	groups->count = 0;
	groups->returns = false;
	memset(groups->held, 0, sizeof(groups->held));
	memset(groups->of, 0, blocks * sizeof(groups->of[0]));
	for (unsigned guest = 0; guest < REG_SINK; guest++)
		search.value[guest].number = guest;
	for (unsigned i = 0; i < blocks; i++) {
		const struct block *block = trace[i]->block;

		if (trace[i]->careful)
			continue;
		for (unsigned slot = 0; slot < slots[i]; slot++)
			if (vm_is_insn(block, &block->ops[slot]))
				look_at(&search, i, slot, &block->ops[slot], trace[i]->pc);
	}
}
