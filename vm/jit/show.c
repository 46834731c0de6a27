/* Code for people: which part of it is for which instruction. See vm_code_at(). */
#include "vm/jit/jit.h"

void vm_jit_show(struct jit *jit, uint64_t pc, const uint8_t *at)
{
	struct vm_code *shown = jit->shown;
	struct vm_code_part *last = shown->parts ? &shown->part[shown->parts - 1] : NULL;
	unsigned from = (unsigned)(at - (jit->write + jit->used)); /* which grows when the code is whole */

	if (last && (last->pc == pc || shown->parts == VM_CODE_PARTS))
		return;
	shown->part[shown->parts++] = (struct vm_code_part){.pc = pc, .from = from};
}

bool vm_code_at(struct vm_hart *hart, uint64_t pc, struct vm_code *shown)
{
	struct hart *h = (struct hart *)hart;
	struct jit *jit = h->vm->jit;
	struct code *code;

	if (!jit)
		return false;
	*shown = (struct vm_code){.pc = pc, .parts = 1, .part[0].pc = VM_CODE_FRAME};
	jit->shown = shown;
	code = vm_jit_make(h, pc);
	jit->shown = NULL;
	if (!code)
		return false;
	shown->bytes = code->block->straddle_word ? 4 : code->block->bytes;
	shown->insns = (unsigned)code->block->count;
	shown->host = code->entry;
	shown->host_bytes = code->bytes;
	return true;
}

const char *vm_code_name(const struct vm *vm, const uint8_t *host)
{
	const struct jit *jit = vm->jit;
	const struct {
		const char *name;
		const uint8_t *host;
	} names[] = {
		{"find", jit->find},       {"slow", jit->slow},   {"exit", jit->exit},
		{"linking", jit->linking}, {"ecall", jit->ecall},
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].host == host)
			return names[i].name;
	return NULL;
}
