/*
 * The compiler: decoded blocks to machine code of the host. Only vm/ includes this.
 *
 * Code is made for one block in one address space (struct space) at one virtual address, so that addresses
 * are constants in it and jumps to other code are direct, also across pages. Each such jump is a link: at
 * first it leaves to C, which finds the code at its target and makes the jump go there (jit.c). Whatever
 * changes what is in a page kills the code made of it: the links to it are taken back, and nobody finds it
 * any more. Its bytes stay as they are until the whole cache is dropped, which happens only while no code
 * runs. Where only the mapping changes, code waits until the page is as it was.
 *
 * Registers of the guest are in those of the host while code runs, all others where the thread has them; at
 * the start of every block all of them are where they always are. Whatever code does not do itself (misses of
 * the TLB, CSRs, what only software floating point knows, instructions that the translator does not
 * have) it has done by vm_native_op(), the interpreter's operation, and goes on. So code and interpreter take
 * turns at any block, and agree in everything else: budget, instret, fp_ready, traps.
 *
 * The translator of a host is in vm/jit/HOST/; `none` is for those without one.
 */
#ifndef SKERRY_VM_JIT_JIT_H
#define SKERRY_VM_JIT_JIT_H

#include "vm/internal.h"

struct code;

/* The guest's register that calls put it in, and returns take it from. */
#define RETURN_ADDRESS 1

/* Records are made one behind the other, rounded up to this. */
#define RECORD_ALIGN   16

/* A direct jump of compiled code to another block, or (`careful`) to another code for the rest of this one.
 */
struct link_site {
	uint64_t pc;             /* of the target */
	struct code *to;         /* the target, while linked */
	struct link_site *next;  /* in its target's code, while linked */
	uint8_t *field;          /* the distance in the jump, in the writable view */
	const uint8_t *unlinked; /* where it goes while it is not linked, in the writable view */
	bool careful;
	bool in_page; /* of a block's own code, to the page in which that is */
	bool outside; /* of a call or behind it: of no loop that can be compiled as one */
} __attribute__((aligned(RECORD_ALIGN)));

/* A block's code for one address space. */
struct code {
	struct block *block;
	struct space *space;
	uint64_t pc;
	struct code *block_next, *space_next;
	struct link_site *incoming;
	struct link_site *links; /* its own, an array */
	const uint8_t *entry;    /* to run; NULL: killed */
	uint32_t bytes;
	uint8_t link_count;
	bool careful;        /* each access looks at the TLB: see struct groups */
	int16_t samples;     /* how often budgets ended here, to find what is hot; negative: of no use yet */
	uint8_t tries;       /* to make it the first of a region */
	bool parted;         /* its page has been unmapped, and nobody has looked for it since */
	bool left_soon;      /* as a loop it did not go round often enough */
	uint64_t born, made; /* instret of its hart, and how many blocks had been compiled before it */
	struct region *region;   /* that begins here, or NULL */
	uint32_t entered, ended; /* if that is a loop: how often, and budgets within it */
	struct region_use *uses; /* regions that this is part of */
};

/*
 * Blocks that are compiled as if they were one, each following on the one before; in a region, a short loop
 * is repeated. The budget is asked for once, and given back where a branch leaves.
 */
#define TRACE_BLOCKS 16
#define TRACE_INSNS  (BLOCK_INSNS * 8 / 5)

/*
 * Accesses of a trace that are taken to go to one page, and so are looked up once, before the first of them.
 * If they do not, or the TLB does not have the page, the rest of the block is left to code that is careful.
 */
#define GROUPS_MAX   15

struct group {
	int32_t low, high; /* of the bytes accessed, from the group's base */
	uint8_t accesses;
	bool store; /* one is a store */
};

struct groups {
	bool returns; /* the trace's last return goes behind its last call */
	unsigned count;
	struct group group[GROUPS_MAX];
	/* By block of a trace and slot: the access's group, counted from 1, or 0; and its offset from the
	 * group's base. */
	uint8_t of[TRACE_BLOCKS][BLOCK_SLOTS + 2];
	int32_t offset[TRACE_BLOCKS][BLOCK_SLOTS + 2];
	/* By block, bit by slot: a load of what the trace has stored, which its register still holds. */
	uint64_t held[TRACE_BLOCKS];
};

/*
 * The second level: a loop, of one block or several that lead to one another by links, compiled as one, with
 * the host's registers given to the guest's that are used most in it. It is entered at its first block, whose
 * own code goes there, and dies with any of its blocks' code.
 *
 * Or a call: the first block calls, those that follow lead from there to a return, and the last is what comes
 * behind the call. They are one trace, with registers where they always are, and without a call: only a way
 * out in between makes it.
 */
#define REGION_BLOCKS 16
#define REGION_TRACES 6

struct region {
	struct code *code[REGION_BLOCKS]; /* of the blocks */
	unsigned count;
	bool call;
	/* Of a call: so many of each are in the trace; if that is not all, the last is a branch, which is
	 * taken. */
	uint8_t slots[REGION_BLOCKS];
	bool dead;
	const uint8_t *entry; /* to run */
	uint8_t saved[8];     /* bytes that the jump to it has replaced */
};

_Static_assert(REGION_BLOCKS <= TRACE_BLOCKS, "a call is one trace");

struct region_use {
	struct region *region;
	struct region_use *next;
};

struct jit {
	uint8_t *write;     /* the cache, to be written */
	const uint8_t *run; /* the same memory, to be run */
	uint64_t size, used;
	uint64_t fixed;   /* bytes at its start that serve all code */
	uint8_t *records; /* where struct code and struct link_site are taken from, in order */
	uint64_t records_size, records_used;
	const uint8_t *enter; /* of the fixed part, to run */
	const uint8_t *find;
	const uint8_t *slow;
	const uint8_t *exit;
	const uint8_t *leave;
	const uint8_t *linking;
	const uint8_t *ecall;
	void *translation;     /* the translator's own */
	struct vm_code *shown; /* what is compiled for people to look at; else NULL */
	struct keep *keep;     /* code for other runs; NULL: none is kept */
};

/* What in code depends on where it lies, or on what was made for it: see keep.c. */
enum moves {
	MOVES_FIXED,     /* a distance to the fixed part: where in it */
	MOVES_ENTRY,     /* a distance to a block's own code: MOVES_INTO() */
	MOVES_CODE,      /* an address: of the struct code of that number in the region, or 0 */
	MOVES_LINK,      /* an address: of the link of that number */
	MOVES_NATIVE_OP, /* an address: vm_native_op */
	MOVES_COUNT,
};
/* The block's number in the region, and how far behind its entry. */
#define MOVES_INTO(number, bytes) ((number) << 8 | (bytes))

/* Why code came back. */
enum native_exit {
	NATIVE_NEXT,    /* of vm_native_op() and vm_native_ecall() only: go on */
	NATIVE_FIND,    /* on to hart->native_pc, which is not known here */
	NATIVE_LINK,    /* the same by the link hart->native_link */
	NATIVE_SPENT,   /* the block at hart->native_pc is longer than the budget */
	NATIVE_DECLINE, /* of vm_native_run() only: there is no code; nothing has happened */
	NATIVE_STOP,    /* plus enum vm_stop: the run ends */
};

/* --- jit.c --- */

/* Runs code from hart->native_pc on, the hart's budget being hart->budget. */
int vm_native_run(struct hart *h);
/*
 * The operation `slot` of the block, for its code: see above. With NATIVE_NEEDS_UNIT code cannot go on if the
 * host's floating-point unit no longer computes for the thread.
 */
#define NATIVE_NEEDS_UNIT 0x100
int vm_native_op(struct hart *h, const struct code *code, unsigned slot);
/*
 * The thread is at the ecall at hart->native_pc, all of its registers are where the thread has them, and the
 * hart's budget is in hart->budget. NATIVE_NEXT: on with hart->regs in hart->space, for hart->budget, at
 * hart->native_entry.
 */
int vm_native_ecall(struct hart *h);
/* A link that leads to `pc`, to be given its place by the translator. */
struct link_site *vm_jit_link(struct jit *jit, uint64_t pc);
void *vm_jit_record(struct jit *jit, size_t size);
/* Is there room for so much? If not, there is now, and all code is gone. */
bool vm_jit_room(struct vm *vm, uint64_t bytes, uint64_t records);
/* The block's code at `pc` in the hart's address space, made anew; NULL: nothing can be fetched there. */
struct code *vm_jit_make(struct hart *h, uint64_t pc);

/* Code of this block, or of the region that begins with it, has been put into the cache, from there on. */
void vm_jit_appended(struct vm *vm, const struct code *code, const uint8_t *entry, uint64_t from);

/* --- compute.c --- */

/* Does the instruction, at an address as in struct op, if it is of the class ALU. */
bool vm_jit_compute(uint64_t *x, const struct op *op, uint64_t pc);
/* The same of general registers only, if its operands are among those whose bits are set; x[REG_SINK] counts.
 */
bool vm_jit_fold(uint64_t *x, uint32_t known, const struct op *op, uint64_t pc);

/* --- group.c --- */

/* What loads and stores do, by instruction; others have 0 bytes. */
struct access {
	uint8_t bytes;
	bool store, is_signed;
};
extern const bool vm_jit_branches[ID_COUNT];
extern const struct access vm_jit_accesses[ID_COUNT];
/* Finds the groups of a trace, which has so many slots of each block. */
void vm_jit_group(struct code *const *trace, const uint8_t *slots, unsigned blocks, struct groups *groups);

/* --- region.c --- */

/* A budget ended at this code: compiles the loop that it begins, if that is hot. */
void vm_jit_sample(struct vm *vm, struct code *code);
/* This code dies: what it is part of does, too. */
void vm_jit_kill_regions(struct jit *jit, struct code *code);

/* --- keep.c --- */

/* The translator says this of each place in code of that kind. */
void vm_keep_note(struct jit *jit, enum moves moves, const uint8_t *at, uint64_t value);
static inline void vm_keep_moves(struct jit *jit, enum moves moves, const uint8_t *at, uint64_t value)
{
	if (unlikely(jit->keep))
		vm_keep_note(jit, moves, at, value);
}
/* And which links there are: an array. */
void vm_keep_links(struct jit *jit, const struct link_site *links, unsigned count);
/* Appends the code of another run to the cache; false: there is none. */
bool vm_keep_recall(struct jit *jit, struct code *code);
bool vm_keep_recall_region(struct jit *jit, struct region *region);
/* Keeps what has been compiled instead, of so many blocks, from that place in the cache on. */
void vm_keep_store(struct jit *jit, unsigned blocks, uint64_t from);
void vm_keep_end(struct jit *jit);

/* --- show.c --- */

/* The translator says this before each part, if jit->shown: what follows at `at` is for the guest's `pc`. */
void vm_jit_show(struct jit *jit, uint64_t pc, const uint8_t *at);

/* --- the translator --- */

/* Can it be used on this processor? */
bool vm_translator_usable(void);
/* What its code depends on in the processor. */
#define TRANSLATOR_FEATURES 4
void vm_translator_features(uint64_t features[TRANSLATOR_FEATURES]);
/* Makes the part that serves all code, at the start of the cache; false if the host has no memory. */
bool vm_translator_begin(struct jit *jit);
void vm_translator_end(struct jit *jit);
/* The most bytes that one instruction, one block and a region can take, and the most links of a trace. */
#define INSN_MAX       600u
#define TRANSLATED_MAX (BLOCK_INSNS * INSN_MAX + 1024)
#define REGION_MAX     (REGION_TRACES * TRACE_INSNS * INSN_MAX + 4096)
#define TRACE_LINKS    (TRACE_INSNS + GROUPS_MAX + 1)
/* Appends the block's code to the cache, or a region's. */
void vm_compile(struct jit *jit, struct code *code);
void vm_compile_region(struct jit *jit, struct region *region);
/* Has the first block's code go to the region, and takes that back. */
void vm_translator_replace(struct jit *jit, struct region *region);
void vm_translator_restore(struct jit *jit, struct region *region);
/* Makes the jump go to `target`, an address in the writable view. */
void vm_translator_aim(struct link_site *link, const uint8_t *target);

#endif
