/* What the parts of the translator share. */
#ifndef SKERRY_VM_JIT_X86_64_TRANSLATE_H
#define SKERRY_VM_JIT_X86_64_TRANSLATE_H

#include "vm/jit/jit.h"
#include "vm/jit/x86_64/emit.h"

/*
 * Registers while code runs: the thread's registers at X, the space at SPACE, the budget in BUDGET, and what
 * `home` says of the guest's. RAX, RCX, RDX and XMM0 to XMM2 are free within an instruction of the guest.
 */
#define X               RBP
#define SPACE           R14
#define BUDGET          R15

#define IN_HART(field)  ((int32_t)offsetof(struct hart, field))
#define IN_SPACE(field) ((int32_t)offsetof(struct space, field))

enum { XMM0, XMM1, XMM2, XMM_FIRST, XMM_COUNT = 16 };

/*
 * Where guest registers live: a host register's number, XMM_HOME more for an xmm register, or IN_MEMORY, in
 * the thread. RAX is nobody's home.
 */
#define GUESTS    (sizeof(struct vm_regs) / 8)
#define IN_MEMORY 0
#define XMM_HOME  16
typedef uint8_t homes[GUESTS];

/* Those at the start of every block that is not within a region. */
extern const homes standard_homes;

/* Where a group's difference of addresses is kept. */
#define GROUP_SLOT(group) in_memory(SPACE, IN_SPACE(native_group) + (int32_t)((group)-1) * 8)
_Static_assert(sizeof(((struct space *)0)->native_group) == GROUPS_MAX * 8, "native_group");

/*
 * The processor foresees returns that match calls, so the guest's calls are calls: before each, the guest's
 * return address is pushed, and a return that finds it behind the host's is one. Any other goes through the
 * jump cache, and leaves the stack as it is. The stack begins at native_sp, with an address that no return
 * can have, and is forgotten whenever code is left; a call beyond native_sp_limit begins anew, too.
 */
#define RETURN_STACK (16 << 10)
#define FRAME        24 /* bytes below what is kept; aligned to 16 then */

/*
 * What is known of a general guest register within a block. Of a half one the home holds only the lower 32
 * bits: the others are to be those that extend its sign, and are made so when somebody looks. Only host
 * registers are halves.
 */
enum known { KNOWN_WHOLE, KNOWN_FITS /* whole, and a signed number of 32 bits */, KNOWN_HALF };

/* A jump to code behind the block: for what is rare. `halves`: bit by guest register. */
struct detour {
	uint8_t *field, *back;
	struct code *code;
	uint32_t halves;
	int32_t after; /* instructions of the trace after the block */
	uint8_t slot;
};

/* A way out of what is translated, by a link; so much of the budget is given back. */
struct way_out {
	struct link_site *site;
	uint8_t *field;
	int32_t back;
	uint32_t halves;
	bool plain;     /* homes are the standard ones already */
	uint64_t frame; /* a call that the next way out comes back from, to this address of the guest; or 0 */
};

/* A jump within a region, to be aimed when its target is there; so much of the budget is given back. */
struct way_in {
	unsigned target;
	uint8_t *field;
	int32_t back;
	uint32_t halves;
};

#define DETOURS_MAX (REGION_TRACES * TRACE_INSNS * 5)
#define WAYS_MAX    (REGION_TRACES * TRACE_LINKS)

/* How a trace goes on behind a block. */
enum follow {
	FOLLOW_NONE,
	FOLLOW_END,
	FOLLOW_BRANCH, /* by the block's last branch */
	FOLLOW_JUMP,
	FOLLOW_TAKEN, /* by the branch in the last slot that the trace has of it */
	FOLLOW_CALL,
	FOLLOW_RETURN,
};

/* A block, or a region, under translation. */
struct translation {
	struct emit emit;
	struct jit *jit;
	struct region *region; /* NULL: one block */
	struct code *trace[TRACE_BLOCKS];
	enum follow follow[TRACE_BLOCKS];
	uint8_t slots[TRACE_BLOCKS]; /* that the trace has of the block */
	unsigned blocks;             /* in the trace */
	int32_t insns;               /* in the trace */
	unsigned block;              /* which of them */
	int32_t after;        /* instructions after that block, less what the trace does not have of it */
	uint64_t frame;       /* the guest's return address of a call that the host has not made; or 0 */
	struct code *code;    /* the block's */
	const struct op *op;  /* the instruction */
	unsigned skip;        /* so many behind it have been done with it */
	struct groups groups; /* of the trace's accesses; none in careful code */
	/* Of each group: accesses that have been translated; is its slot set? */
	uint8_t accessed[GROUPS_MAX];
	bool slot_set[GROUPS_MAX];
	unsigned rcx_group; /* RCX holds host address - guest address of this group's page; 0: of none */
	homes home;
	uint8_t known[32];
	/* General registers whose value is known, by bit; x0 always, whatever its bit. */
	uint32_t constants;
	uint64_t constant[REG_SINK + 1];
	bool written[GUESTS]; /* in a region: its home may hold what the thread does not */
	bool has_unit;        /* in a region: the host's unit computes for the thread, all the time */
	unsigned detours, ways_out, ways_in;
	struct detour detour[DETOURS_MAX];
	struct way_out way_out[WAYS_MAX];
	struct way_in way_in[WAYS_MAX];
	/* The region's traces: their first blocks' places in it, and where they begin. */
	unsigned heads;
	unsigned head[REGION_TRACES];
	uint8_t *label[REGION_TRACES];
};

/* --- frame.c: registers, entry, exits --- */

/* Where a guest register is, whole; x0 only as a destination. Of floating point: see fp_place(). */
struct place place_of(struct translation *t, unsigned guest);
/* The same if only its lower 32 bits are wanted, or it is to be overwritten. */
struct place low_of(const struct translation *t, unsigned guest);
/* Is it known to be a signed number of 32 bits? */
bool is_narrow(const struct translation *t, unsigned guest);
/* Is its upper half missing? */
bool is_half(const struct translation *t, unsigned guest);
/* Bit by guest register: those of which only half is there; and what makes them whole. */
uint32_t halves(const struct translation *t);
void put_halves(struct translation *t, uint32_t halves);
void make_whole(struct translation *t);
/* The same of a floating-point register: memory, or an xmm register's number. */
struct place fp_place(const struct translation *t, unsigned guest);
bool is_xmm(struct place place);
/* RCX is about to hold something else: sets the slot of the group that will miss it. Leaves the flags alone.
 */
void rcx_free(struct translation *t);
/* A general register with a guest register's value, `scratch` if it is not in one. */
unsigned value_in(struct translation *t, unsigned guest, unsigned scratch);
/* reg = the guest register's value, or its lower half */
void take(struct translation *t, unsigned reg, unsigned guest);
void take_low(struct translation *t, unsigned reg, unsigned guest);
/* The register to compute a guest register's new value in: its own, or `scratch`, which result() then stores.
 */
unsigned result_in(const struct translation *t, unsigned guest, unsigned scratch);
void result(struct translation *t, unsigned guest, unsigned reg);
/* The same of a signed number of 32 bits, and of one whose upper half is still missing in `reg`; both go to a
 * general register. */
void result_narrow(struct translation *t, unsigned guest, unsigned reg);
void result_low(struct translation *t, unsigned guest, unsigned reg);
void note(struct translation *t, unsigned guest, enum known known);
void result_constant(struct translation *t, unsigned guest, uint64_t value);
/* Is a general register's value known? And is it one that fits into an instruction? */
bool is_constant(const struct translation *t, unsigned guest, uint64_t *value);
bool is_immediate(const struct translation *t, unsigned guest, int32_t *value);
/* From standard homes to the region's, and back. */
void homes_enter(struct translation *t);
void homes_leave(struct translation *t);
/* Appends what has vm_native_op() do an operation, with these homes: see jit->slow. */
uint8_t *put_slow(struct jit *jit, struct emit *e, const homes home, const uint8_t *leave);
/* The fixed part's address as code that is being written sees it. */
const uint8_t *fixed(const struct translation *t, const uint8_t *run);
/* The distance at `field` leads there. */
void leads_fixed(struct translation *t, uint8_t *field, const uint8_t *run);

/* --- translate.c --- */

/* The rest of the instruction if the condition holds: has vm_native_op() do all of it, and goes on behind it.
 */
void slow_if(struct translation *t, enum condition condition);
void slow(struct translation *t);
/* Leaves the rest of the trace, from this instruction on, to careful code if the condition holds. */
void careful_if(struct translation *t, enum condition condition);

struct translation *translation_begin(struct jit *jit, struct region *region);
void translation_end(struct translation *t);
/* Appends a block to the trace, or so many slots of it. */
void trace_add(struct translation *t, struct code *code, unsigned slots, enum follow follow);
/* Takes so many instructions from the budget; where it goes if they are not in it. */
uint8_t *put_count(struct emit *e, int64_t insns);
/* What is done then for one block with standard homes. */
void put_spent(struct translation *t, const struct code *code, uint8_t *field);
/* Translates t->trace, all of it. */
void put_trace(struct translation *t);
/* Puts what is behind it. */
void put_rest(struct translation *t);
/* Which block the trace may go on with, and how; 0: none. */
enum follow successor(const struct code *code, uint64_t *pc);

/* --- region.c --- */

/* The trace that begins with the region's block at `pc`, which it may get by this; REGION_TRACES: it will
 * not. */
unsigned trace_of(struct translation *t, uint64_t pc);

/* Is it a region with homes of its own? */
bool has_homes(const struct translation *t);

/* The block's place in the region, or 0. */
unsigned number_of(const struct translation *t, const struct code *code);

/* --- memory.c --- */

/*
 * rcx = the offset in its page of the address in a register other than rax, if the TLB has that page and
 * `size` bytes are in it; else CC_A.
 */
void look_up(struct translation *t, unsigned vaddr, enum vm_access access, int32_t size);
/* Then rcx = host address - guest address of the page. */
void look_up_end(struct translation *t, enum vm_access access);

/* --- choose.c --- */

/* Gives homes to the registers that the region uses most. */
void homes_choose(struct translation *t);

/* Integer, memory and atomic instructions, and floating point: false if the instruction is not among them. */
bool translate_alu(struct translation *t);
bool translate_memory(struct translation *t);
bool translate_atomic(struct translation *t);
bool translate_fp(struct translation *t);

#endif
