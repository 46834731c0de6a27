/*
 * Choosing regions: which blocks make a loop. What is hot is found without counting: where budgets end is
 * where the time goes. See jit.h.
 */
#include "host/host.h"
#include "vm/jit/jit.h"

/* Blocks that are looked at. */
#define LOOK_MAX 64

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
static bool find_loop(struct search *search)
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
	return search->leads_back[0];
}

static void use(struct jit *jit, struct region *region, struct code *code)
{
	struct region_use *use = vm_jit_record(jit, sizeof(*use));

	use->region = region;
	use->next = code->uses;
	code->uses = use;
}

void vm_jit_sample(struct vm *vm, struct code *code)
{
	struct jit *jit = vm->jit;
	struct search search = {.code = {code}, .count = 1};
	struct region *region;
	bool recalled;
	uint64_t before, start,
		records = sizeof(*region) + REGION_TRACES * TRACE_LINKS * sizeof(struct link_site) +
			  REGION_BLOCKS * (sizeof(struct region_use) + RECORD_ALIGN) + RECORD_ALIGN;

	if (code->region || !is_plain(code) || ++code->samples < SAMPLES_HOT)
		return;
	code->samples = -SAMPLES_WAIT;
	if (!find_loop(&search) || !vm_jit_room(vm, REGION_MAX, records))
		return;
	region = vm_jit_record(jit, sizeof(*region));
	for (unsigned i = 0; i < search.count && region->count < REGION_BLOCKS; i++)
		if (search.leads_back[i])
			region->code[region->count++] = search.code[i];
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
	vm_translator_replace(jit, region);
	if (recalled)
		return;
	vm->stats.regions_compiled++;
	vm->stats.compile_ns += host_clock_ns() - start;
}

void vm_jit_kill_regions(struct jit *jit, struct code *code)
{
	for (struct region_use *use = code->uses; use; use = use->next) {
		struct region *region = use->region;

		if (region->dead)
			continue;
		region->dead = true;
		region->code[0]->region = NULL;
		vm_translator_restore(jit, region);
	}
	code->uses = NULL;
}
