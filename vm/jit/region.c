/*
 * Choosing regions: which blocks make a loop, or a call and what it calls. What is hot is found without
 * counting: where budgets end is where the time goes. See jit.h.
 */
#include "vm/jit/jit.h"

/* With each try in vain there is twice as long a wait, up to this one. */
#define TRIES_MAX  5

/* Instructions that a loop should execute each time that it is entered. */
#define LOOP_INSNS 100

/* Blocks that are looked at. */
#define LOOK_MAX   64

struct search {
	struct code *code[LOOK_MAX];
	bool leads_back[LOOK_MAX];
	unsigned count;
};

static unsigned place(struct search *search, struct code *code)
{
	unsigned i = 0;

	while (i < search->count && search->code[i] != code)
		i++;
	if (i == search->count && i < LOOK_MAX)
		search->code[search->count++] = code;
	return i;
}

/* An instruction across pages is nothing but a call of C, and what is careful is rarely needed. */
static bool is_plain(const struct code *code)
{
	return code->block->straddle_word == 0 && !code->careful;
}

static void look_forward(struct search *search)
{
	for (unsigned i = 0; i < search->count; i++)
		for (unsigned k = 0; k < search->code[i]->link_count; k++) {
			const struct link_site *link = &search->code[i]->links[k];

			if (link->to && !link->outside && is_plain(link->to))
				place(search, link->to);
		}
}

/* Does a link of this block lead to one from which the way goes back to the first? */
static bool leads_back(struct search *search, const struct code *code)
{
	for (unsigned k = 0; k < code->link_count; k++)
		for (unsigned i = 0; i < search->count; i++)
			if (search->code[i] == code->links[k].to && !code->links[k].outside &&
			    (i == 0 || search->leads_back[i]))
				return true;
	return false;
}

/* The blocks of the loop that the first is part of; false if there is none. */
static bool find_loop(struct search *search, struct region *region)
{
	bool changed;

	look_forward(search);
	do {
		changed = false;
		for (unsigned i = 0; i < search->count; i++) {
			if (search->leads_back[i] || !leads_back(search, search->code[i]))
				continue;
			search->leads_back[i] = changed = true;
		}
	} while (changed);
	*region = (struct region){.count = 0};
	for (unsigned i = 0; i < search->count && region->count < REGION_BLOCKS; i++)
		if (search->leads_back[i])
			region->code[region->count++] = search->code[i];
	return search->leads_back[0];
}

/* --- calls --- */

/* Instructions between a call and its return. */
#define CALLED_INSNS (BLOCK_INSNS * 4 / 5)

/* The code that this one goes on with at an address, if it ever did. */
static struct code *linked(const struct code *code, uint64_t pc)
{
	for (unsigned k = 0; k < code->link_count; k++)
		if (code->links[k].pc == pc && code->links[k].to && is_plain(code->links[k].to))
			return code->links[k].to;
	return NULL;
}

static const struct op *last_insn(const struct block *block)
{
	unsigned slot = block->slots - 1;

	while (slot > 0 && !vm_is_insn(block, &block->ops[slot]))
		slot--;
	return &block->ops[slot];
}

static bool goes_on(const struct block *block)
{
	return block->ops[block->slots - 1].handler.label == vm_handler(INTERNAL_END);
}

static uint64_t after(const struct code *code, const struct op *op)
{
	return code->pc + vm_block_after(code->block, op);
}

static uint64_t target(const struct code *code, const struct op *op)
{
	return code->pc + (uint64_t)(int64_t)op->imm;
}

/* The way from a call to a return: the shortest so far, and the one that is being tried. */
struct way {
	struct region best, now;
	int64_t best_insns; /* so many at most */
	unsigned looks;
};

/* Goes on with this code, to which there are so many instructions. */
static void find_return(struct way *way, struct code *code, int64_t insns)
{
	const struct block *block = code ? code->block : NULL;
	const struct op *last = block ? last_insn(block) : NULL;
	unsigned place = way->now.count;
	int64_t all = block ? insns + block->count : 0;

	if (!code || place + 1 == REGION_BLOCKS || ++way->looks > LOOK_MAX)
		return;
	for (unsigned i = 0; i < place; i++)
		if (way->now.code[i] == code)
			return;
	way->now.code[way->now.count++] = code;
	way->now.slots[place] = block->slots;
	if (all <= way->best_insns && last->id == ID_jr && last->rs1 == RETURN_ADDRESS) {
		way->best = way->now;
		way->best_insns = all - 1;
	}
	if (all <= way->best_insns && (last->id == ID_j || goes_on(block)))
		find_return(way, linked(code, last->id == ID_j ? target(code, last) : after(code, last)),
			    all);
	for (unsigned slot = 0; slot < block->slots; slot++) {
		const struct op *op = &block->ops[slot];

		if (!vm_is_insn(block, op) || !vm_jit_branches[op->id] || all - op->rd > way->best_insns)
			continue;
		way->now.slots[place] = (uint8_t)(slot + 1);
		find_return(way, linked(code, target(code, op)), all - op->rd);
	}
	way->now.count = place;
}

/* Does the block call something that soon returns? */
static bool find_call(struct region *region, struct code *code)
{
	const struct op *last = last_insn(code->block);
	struct code *behind = linked(code, after(code, last));
	struct way way = {.now = {.code = {code}, .count = 1, .call = true, .slots = {code->block->slots}},
			  .best_insns = CALLED_INSNS};
	struct groups groups;

	if (last->id != ID_jal || last->rd != RETURN_ADDRESS || !behind)
		return false;
	find_return(&way, linked(code, target(code, last)), 0);
	*region = way.best;
	for (unsigned i = 0; i < region->count; i++)
		if (region->code[i] == behind)
			return false;
	if (region->count == 0)
		return false;
	region->slots[region->count] = behind->block->slots;
	region->code[region->count++] = behind;
	vm_jit_group(region->code, region->slots, region->count, &groups);
	return groups.returns;
}

/* --- both --- */

static void drop(struct jit *jit, struct region *region)
{
	region->dead = true;
	region->code[0]->region = NULL;
	vm_translator_restore(jit, region);
}

/* Drops the loops with this code that are left so soon that coming and going costs more than they give. */
static void judge(struct jit *jit, struct code *code)
{
	for (struct region_use *use = code->uses; use; use = use->next) {
		struct region *region = use->region;
		struct code *first = region->code[0];

		if (region->dead || region->call || first->entered < ENTRIES_MIN ||
		    (uint64_t)first->ended * SLICE >= (uint64_t)first->entered * LOOP_INSNS)
			continue;
		first->left_soon = true;
		drop(jit, region);
	}
}

static void use(struct jit *jit, struct region *region, struct code *code)
{
	struct region_use *use = vm_jit_record(jit, sizeof(*use));

	use->region = region;
	use->next = code->uses;
	code->uses = use;
}

/* What region may begin with this code? */
static bool choose(struct code *code, struct region *region)
{
	struct search search = {.code = {code}, .count = 1};

	return (!code->left_soon && find_loop(&search, region)) ||
	       (code->tries > TRIES_CALL && find_call(region, code));
}

void vm_jit_sample(struct vm *vm, struct code *code)
{
	struct jit *jit = vm->jit;
	struct region *region, found;
	bool recalled;
	uint64_t before, start,
		records = sizeof(*region) + REGION_TRACES * TRACE_LINKS * sizeof(struct link_site) +
			  REGION_BLOCKS * (sizeof(struct region_use) + RECORD_ALIGN) + RECORD_ALIGN;

	if (!is_plain(code) || ++code->samples < SAMPLES_HOT)
		return;
	code->samples = (int16_t)(0 - (SAMPLES_WAIT << code->tries));
	code->tries += code->tries < TRIES_MAX;
	judge(jit, code);
	if (code->region || !choose(code, &found) || !vm_jit_room(vm, REGION_MAX, records))
		return;
	region = vm_jit_record(jit, sizeof(*region));
	*region = found;
	for (unsigned i = 0; i < region->count; i++)
		use(jit, region, region->code[i]);
	before = jit->used;
	start = host_clock_ns();
	recalled = vm_keep_recall_region(jit, region);
	if (!recalled) {
		vm_compile_region(jit, region);
		vm_keep_store(jit, region->count, before);
	}
	vm_jit_appended(vm, code, region->entry, before);
	code->region = region;
	code->entered = code->ended = 0;
	vm_translator_replace(jit, region);
	if (recalled)
		return;
	vm->stats.regions_compiled++;
	vm->stats.compile_ns += host_clock_ns() - start;
}

void vm_jit_kill_regions(struct jit *jit, struct code *code)
{
	for (struct region_use *use = code->uses; use; use = use->next)
		if (!use->region->dead)
			drop(jit, use->region);
	code->uses = NULL;
}
