/* What the parts of the translator share. */
#ifndef SKERRY_VM_JIT_X86_64_TRANSLATE_H
#define SKERRY_VM_JIT_X86_64_TRANSLATE_H

#include "vm/jit/jit.h"
#include "vm/jit/x86_64/emit.h"

/*
 * Registers while code runs: the thread's registers at X, the space at SPACE, the budget in BUDGET, and what
 * place_of() says of the guest's. RAX, RCX and RDX are free within an instruction of the guest.
 */
#define X      RBP
#define SPACE  R14
#define BUDGET R15

/* A jump to code behind the block: for what is rare. */
struct detour {
	uint8_t *field, *back;
	uint8_t slot;
};

/* A block under translation. */
struct translation {
	struct emit emit;
	struct jit *jit;
	struct code *code;
	const struct op *op; /* which is translated */
	unsigned detours, links;
	struct detour detour[4 * BLOCK_SLOTS];
	struct {
		struct link_site *site;
		uint8_t *field;
	} link[LINKS_MAX];
};

/* Where a guest register is; x0 only as a destination. */
struct place place_of(unsigned guest);
/* The host register with a guest register's value, `scratch` if it is not in one. */
unsigned value_in(struct translation *t, unsigned guest, unsigned scratch);
/* The register to compute a guest register's new value in: its own, or `scratch`, which result() then stores.
 */
unsigned result_in(unsigned guest, unsigned scratch);
void result(struct translation *t, unsigned guest, unsigned reg);
/* The rest of the instruction if the condition holds: has vm_native_op() do all of it, and goes on behind it.
 */
void slow_if(struct translation *t, enum condition condition);
void slow(struct translation *t);

/* Integer and memory instructions, and floating point: false if the instruction is not among them. */
bool translate_alu(struct translation *t);
bool translate_memory(struct translation *t);
bool translate_fp(struct translation *t);

#endif
