/*
 * What the parts of the VM know of one another; nobody outside vm/ includes this.
 *
 * Guest code is decoded into blocks: straight runs of 16-byte operations that end where control
 * always leaves, at the end of a page, or when they are long enough. Blocks are known by physical
 * address and so shared by all address spaces; nothing in a block depends on where it is mapped.
 * Within one page blocks are linked directly; every other jump looks its target up in the jump
 * cache of the address space.
 *
 * Coherence: each page has a bitmap of the 64-byte lines from which something was decoded. A page
 * with such lines is never in a store TLB under its plain tag, so that stores to it take the slow
 * way, which kills the page's blocks if the store touches one. A killed block stays where it is,
 * its first operation replaced by `dead`, until the arena is full and everything is dropped at
 * once: whatever still points to it finds valid memory there.
 *
 * A breakpoint is known to the decoder by its place within a page, which is the same in virtual and
 * physical memory: blocks end before such a place, and one that begins there begins with an operation
 * that asks whether the address space and the page are those of a breakpoint (debug.c).
 *
 * The harts of one VM run one at a time (the owner holds a lock or has one thread); only
 * vm_hart_stop() may come from elsewhere.
 */
#ifndef SKERRY_VM_INTERNAL_H
#define SKERRY_VM_INTERNAL_H

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "host/host.h"
#include "vm/vm.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the VM copies guest values as they are: little-endian hosts only"
#endif

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#define PAGE_BITS           12
#define PAGE_SIZE           (UINT64_C(1) << PAGE_BITS)
#define PAGE_MASK           (~(PAGE_SIZE - 1))
#define LINE_BITS           6 /* 64 lines in a page: one bit each of a word */

/*
 * Sizes. For tests that shall meet every rare path, VM_SMALL makes all of them tiny, and VM_TIGHT all but
 * that of blocks, which the compiler has more to do with when they are long. SAMPLES_HOT budgets must have
 * ended at a block that a region is to begin with; SAMPLES_WAIT are let pass after a try in vain. A call is
 * made a region only after TRIES_CALL such, when it is clearer which way it takes, and a loop is judged when
 * it was entered ENTRIES_MIN times.
 */
#ifdef VM_SMALL
#define TLB_SIZE     2
#define JUMP_SIZE    1
#define SPACE_COUNT  2
#define BLOCK_INSNS  2
#define ARENA_SIZE   (4096)
#define HASH_SIZE    4
#define SLICE        3
#define CODE_SIZE    (64u << 10)
#define HEAT         2
#define SAMPLES_HOT  1
#define SAMPLES_WAIT 2
#define TRIES_CALL   0
#define ENTRIES_MIN  20
#elif defined(VM_TIGHT)
#define TLB_SIZE     4
#define JUMP_SIZE    2
#define SPACE_COUNT  4
#define BLOCK_INSNS  60
#define ARENA_SIZE   (64u << 10)
#define HASH_SIZE    16
#define SLICE        100
#define CODE_SIZE    (512u << 10)
#define HEAT         3
#define SAMPLES_HOT  1
#define SAMPLES_WAIT 4
#define TRIES_CALL   0
#define ENTRIES_MIN  20
#else
#define TLB_SIZE     256
#define JUMP_SIZE    1024
#define SPACE_COUNT  64
#define BLOCK_INSNS  60
#define ARENA_SIZE   (8u << 20)
#define HASH_SIZE    16384
#define SLICE        16384
#define CODE_SIZE    (32u << 20)
#define HEAT         50
#define SAMPLES_HOT  2
#define SAMPLES_WAIT 60
#define TRIES_CALL   1
#define ENTRIES_MIN  1000
#endif

/* Two at least: see struct tlb_entry. */
_Static_assert(TLB_SIZE >= 2, "TLB_SIZE");

/* Places in struct vm_regs, counted in registers: operations name registers by these. */
#define REG_SINK 32
#define REG_PC   (offsetof(struct vm_regs, pc) / 8)
#define REG_F    (offsetof(struct vm_regs, f) / 8)
#define REG_FCSR (offsetof(struct vm_regs, fcsr) / 8)

enum insn_id {
#define INSN(name, class, operands, match, mask) ID_##name,
#include "vm/insn.def"
	ID_COUNT
};

/* What becomes of the interpreter after an operation. */
enum vm_flow {
	FLOW_NEXT,  /* on to the next operation */
	FLOW_SLOW,  /* could not be done the quick way: nothing has happened yet */
	FLOW_TAKEN, /* a branch is taken */
	FLOW_LEAVE, /* done, but the block may be no more, or a stop is asked for: leave it */
	FLOW_TRAP,  /* exception, in hart->cause and hart->tval; nothing has happened */
};

struct block;
struct code;
struct jit;
struct link_site;
struct op;
struct space;

/* A direct jump within a page: `next` is NULL until it was taken once. Follows branches, jumps and ends. */
struct link {
	struct block *next;
	uintptr_t in_page; /* may be linked: target and source lie in one page */
};

/*
 * One operation. `rd`, `rs1`, `rs2` count registers in struct vm_regs. By kind:
 *	branch	imm: target, from the block's start; rd: instructions of the block after this one
 *	jal	imm: target; rs1: return address, both from the block's start
 *	jalr	rs2: return address, from the block's start
 *	auipc	imm: from the block's start
 *	ecall	imm: own address, from the block's start
 *	fp	imm: rs3, rounding mode in bits 8..10
 */
struct op {
	union {
		struct {
			union {
				const void *label;
				uintptr_t number;
			} handler;
			uint8_t rd, rs1, rs2, id;
			int32_t imm;
		};
		struct link link;
	};
};

/* Slots of the longest block: each instruction a branch with its link, one end with its link. */
#define BLOCK_SLOTS 62

struct block {
	uint64_t starts;         /* bit n: slot n is an instruction */
	uint64_t wide;           /* and is 4 bytes long */
	uint64_t paddr;          /* of the first byte */
	struct block *hash_next; /* in vm->hash */
	struct block *page_next; /* in its code page */
	struct code *codes;      /* compiled */
	uint16_t slots;
	uint16_t bytes;         /* in its page */
	bool fp_off;            /* made for a thread without floating point */
	uint8_t chilled;        /* how often its code was lost before it had paid: see jit/jit.c */
	uint32_t straddle_word; /* of the one instruction that crosses into the next page, or 0 */
	int64_t count;          /* instructions */
	struct op ops[];
};

/* One block under construction, or one made to measure for the end of a budget. */
union block_buffer {
	struct block block;
	uint8_t bytes[sizeof(struct block) + (BLOCK_SLOTS + 4) * sizeof(struct op)];
};

/* What is known of one page of RAM. */
struct page {
	uint64_t lines; /* bit n: something was decoded from line n */
	struct block *blocks;
	uintptr_t stored; /* may be in a store TLB under its plain tag */
};

/*
 * One page's translation. The interpreter takes an entry to be the page's if tag ^ vaddr is less than
 * a page, so a tag that shall never match, whatever the address, must be that of a page which belongs
 * in another place: bit 12 is inverted in those. Their low bits say what they are.
 */
struct tlb_entry {
	uint64_t tag;
	uintptr_t add; /* host address - virtual address */
};

#define TAG_UNMATCHED PAGE_SIZE /* this bit inverted */
#define TAG_EMPTY     2
#define TAG_SLOWLY    1 /* the page holds decoded code (stores), or a watchpoint */

/*
 * A jump's target. Those of one page number mod 64 are a list, so that it costs little to forget a page;
 * compiled code likes powers of two for the size.
 */
struct jump_entry {
	uint64_t pc; /* all ones (odd): empty, and in no list */
	struct block *block;
	const uint8_t *native; /* its code, or where code goes that has none */
	uint32_t next, prev;   /* places in the cache; JUMP_SIZE: none */
};
_Static_assert((sizeof(struct jump_entry) & (sizeof(struct jump_entry) - 1)) == 0, "a power of two");

enum vm_access { ACCESS_LOAD, ACCESS_STORE, ACCESS_FETCH };

/* Translations of one (root, asid, with or without floating point) on one hart. */
struct space {
	struct tlb_entry tlb[3][TLB_SIZE]; /* by enum vm_access, kept apart: stack and code do not fight */
	struct jump_entry jump[JUMP_SIZE];
	struct hart *hart;
	struct space *next;        /* the hart went there from here the last time, or still is here */
	const struct block *block; /* while it runs: the block */
	bool fp_ready;       /* while it runs: the host's unit computes, flags collect there, frm is RNE */
	uint64_t jump_pages; /* bit by page number mod 64: the jump cache holds such a page */
	uint64_t code_pages; /* the same of compiled code */
	/* Of compiled code: see jit/x86_64/translate.h. */
	uint64_t native_sp, native_sp_limit, native_sp_saved, native_group[15];
	uintptr_t region, region_size; /* where the machine's region is on the host */
	struct code *codes[64];  /* by page number mod 64; those without a bit in code_pages are not set */
	uint32_t jump_first[64]; /* the same of jump_pages: the first of the list */
	uint64_t root;
	uint16_t asid;
	bool fp_off; /* jumps lead to blocks without floating point */
	bool used;
};

struct hart {
	struct vm_hart pub;

	struct vm *vm;
	struct space *space;
	struct space *spaces; /* SPACE_COUNT */
	unsigned victim;      /* next space to be given up */

	/* Host floating point: see interp/host_fp.h */
	bool fp_live; /* flags collect there */

	atomic_bool stop; /* anyone may set it */
	bool watch_hit;   /* a watched place was accessed: vm_run() comes back behind it */
	bool break_skip;  /* the breakpoint at the first instruction does not count */

	/* lr: the address and what was read; sc compares. */
	bool reserved;
	uint64_t reserved_vaddr, reserved_value;

	/* The budget: what the running slice does not hold yet, and instret at the slice's end. */
	uint64_t reserve;
	uint64_t slice_end;

	/* The running thread, and what is left of its slice when vm_op_slow() is called. */
	struct vm_regs *regs;
	int64_t budget;

	/* Between compiled code and C: see jit/jit.h. */
	uint64_t native_pc;
	struct link_site *native_link;
	const uint8_t *native_entry;
	unsigned native_shy; /* how often the interpreter does not go over to code yet */

	union block_buffer scratch; /* block made to measure */
};

#define BREAKS_MAX  1024
#define WATCHES_MAX 64

struct vm_debug {
	unsigned breaks, watches;
	struct {
		uint64_t vaddr;
		uint16_t asid;
	} at[BREAKS_MAX];
	struct {
		uint64_t vaddr, size;
		uint16_t asid;
		enum vm_watch kind;
	} watch[WATCHES_MAX];
	/* Bit n: blocks may not run over offset 2n of any page. Never cleared but by vm_debug_clear(). */
	uint64_t offsets[PAGE_SIZE / 2 / 64];
};

struct vm {
	struct vm_config config;
	struct vm_stats stats;
	struct vm_debug debug;
	struct page *pages;
	struct block **hash;
	uint8_t *arena;
	size_t arena_used;
	/* Counts kills, and loads from devices, which may write to memory: whoever was in a block must leave
	 * it.
	 */
	uint64_t epoch;
	uint64_t flushes;                    /* counts losses of the whole arena: pointers into it are void */
	uint8_t first[256], chain[ID_COUNT]; /* decoder: by opcode and funct3 */
	uint16_t pair_first[ID_COUNT], *pair_next; /* pairs by first instruction */
	struct hart *harts;
	struct jit *jit; /* NULL: only the interpreter */
};

#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
#undef VM_FEW_PAIRS
#define VM_FEW_PAIRS
#endif

/* Handlers that are no instruction. */
enum vm_internal {
	INTERNAL_END = ID_COUNT, /* on to the address imm from the block's start */
	INTERNAL_DEAD,
	INTERNAL_SLOW,     /* what only vm_op_slow() knows */
	INTERNAL_STRADDLE, /* checks the second half of an instruction that crosses pages */
	INTERNAL_BREAK,    /* leaves if there is a breakpoint at the block's start */
	INTERNAL_WARM,     /* counts in imm how often the block is still to be interpreted */
	INTERNAL_NATIVE,   /* goes over to compiled code */
	INTERNAL_COUNT,
	PAIR_FIRST = INTERNAL_COUNT - 1,
#define PAIR(form, first, second) PAIR_##form##_##first##_##second,
#include "vm/pair.def"
	HANDLER_COUNT
};

/* --- decode/decode.c --- */
struct insn {
	uint8_t id, rd, rs1, rs2;
	uint8_t length; /* 2 or 4 */
	uint8_t rvc;    /* index in rvc.def + 1 */
	int32_t imm;
};
void vm_decode_init(struct vm *vm);
void vm_decode(const struct vm *vm, uint32_t word, struct insn *insn);
/* Does it need the floating-point unit to be on? */
bool vm_insn_is_fp(const struct insn *insn);
void vm_insn_make_illegal(struct insn *insn, uint32_t word);
const char *vm_insn_name(const struct insn *insn, const char **operands);

/* --- decode/block.c --- */
bool vm_blocks_create(struct vm *vm);
void vm_blocks_destroy(struct vm *vm);
struct block *vm_block_find(struct hart *h, uint64_t pc);
struct block *vm_block_measured(struct hart *h, uint64_t pc, uint64_t count);
enum vm_straddle { STRADDLE_VALID, STRADDLE_CHANGED, STRADDLE_FAULT };
enum vm_straddle vm_block_straddle(struct hart *h, const struct block *block, uint64_t pc);
void vm_code_store(struct vm *vm, uint64_t paddr, uint64_t size);
void vm_blocks_flush(struct vm *vm);

/* --- mmu/walk.c --- */
struct vm_mapping {
	uint64_t paddr, pte;
};
enum vm_walk_result { WALK_OK, WALK_PAGE_FAULT, WALK_ACCESS_FAULT };
enum vm_walk_result vm_walk(const struct vm *vm, uint64_t root, uint64_t vaddr, struct vm_mapping *mapping);

/* --- mmu/tlb.c --- */
bool vm_spaces_create(struct hart *h);
/* Where an access may go: `host` is NULL for a device, not for the region. False: trap raised. */
bool vm_access(struct hart *h, uint64_t vaddr, enum vm_access access, uint8_t **host, uint64_t *paddr);
bool vm_load(struct hart *h, const struct op *op, uint64_t vaddr, unsigned size, uint64_t *value);
bool vm_store(struct hart *h, const struct op *op, uint64_t vaddr, unsigned size, uint64_t value);
/* `size` bytes within a page, where vm_access() said, have been stored to. */
void vm_stored(struct hart *h, uint64_t vaddr, uint64_t paddr, unsigned size);
void vm_tlb_unstore(struct vm *vm, uint64_t page_paddr);
void vm_space_clear(struct space *space);

/* --- mmu/jump.c --- */
/* The block is the one at pc. */
void vm_jump_enter(struct space *space, uint64_t pc, struct block *block, const uint8_t *native);
/* Forgets jumps to a page whose number mod 64 has its bit in space->jump_pages; all; those of all spaces. */
void vm_jumps_forget(struct space *space, uint64_t vaddr);
void vm_jumps_clear(struct space *space);
void vm_jumps_clear_all(struct vm *vm);

/* --- vm.c --- */
#define VM_GOES_ON (-1)
/*
 * The thread is at the ecall at `pc`, with `left` of its slice. VM_GOES_ON: the environment has answered, and
 * it goes on with h->regs at their pc in h->space, for h->budget. Else the enum vm_stop with which the run
 * ends; after VM_STOP_ECALL h->regs are no longer ours.
 */
int vm_ecall(struct hart *h, uint64_t pc, int64_t left);

/* --- debug.c --- */
/* Is there a breakpoint at pc in the hart's address space? */
bool vm_break_at(const struct hart *h, uint64_t pc);
/* The same for the running hart, and is it not the one to be skipped? */
bool vm_break_hit(struct hart *h, uint64_t pc);
/* Has the page of `vaddr` in the hart's address space a watchpoint? */
bool vm_watch_page(const struct hart *h, uint64_t vaddr);
/* The running operation did an access: notes if it is watched, and has the hart stop after it. */
void vm_watch_note(struct hart *h, uint64_t vaddr, unsigned size, enum vm_access access);

/* --- jit/jit.c --- */
bool vm_jit_create(struct vm *vm);
void vm_jit_destroy(struct vm *vm);
/* What a new block begins with: INTERNAL_WARM, INTERNAL_NATIVE, or 0 for neither; *heat is for its imm. */
unsigned vm_jit_first(const struct vm *vm, int32_t *heat);
/* The code at `pc`, or what leads back to C; for jump_entry.native. */
const uint8_t *vm_jit_entry(const struct hart *h, struct block *block, uint64_t pc);
/* Takes code out of use: of a block, of a space, all; and of one page of a space, until it is mapped as
 * before. */
void vm_jit_kill_block(struct vm *vm, struct block *block);
void vm_jit_kill_space(struct space *space);
void vm_jit_part_page(struct space *space, uint64_t vaddr);
void vm_jit_flush(struct vm *vm);

/* --- interp/interp.c --- */
enum vm_stop vm_interpret(struct hart *h);
const void *vm_handler(unsigned id);

/* --- interp/slow.c --- */
enum vm_flow vm_op_slow(struct hart *h, uint64_t *x, const struct op *op, uint64_t pc);
enum vm_flow vm_raise(struct hart *h, uint64_t cause, uint64_t tval);
void vm_fp_leave(struct hart *h, uint64_t *x);
void vm_instret_sync(struct hart *h, const struct op *op);

static inline bool vm_in_ram(const struct vm *vm, uint64_t paddr)
{
	return paddr - vm->config.ram_base < vm->config.ram_size;
}

/* For the statistics: the host's time, 0 if nobody asks for it. */
static inline uint64_t vm_now(const struct vm *vm)
{
	return unlikely(vm->config.timed) ? host_clock_ns() : 0;
}

static inline bool vm_in_region(const struct vm *vm, uint64_t paddr)
{
	return paddr - vm->config.region_base < vm->config.region_size;
}

/* Of RAM. */
static inline uint8_t *vm_host(const struct vm *vm, uint64_t paddr)
{
	return vm->config.ram + (paddr - vm->config.ram_base);
}

static inline struct page *vm_page(const struct vm *vm, uint64_t paddr)
{
	return &vm->pages[(paddr - vm->config.ram_base) >> PAGE_BITS];
}

/* Might there be a breakpoint at this place of a page? */
static inline bool vm_break_offset(const struct vm *vm, uint64_t paddr)
{
	return vm->debug.offsets[(paddr & ~PAGE_MASK) / 128] >> (paddr / 2 % 64) & 1;
}

/* An access has been done. */
static inline void vm_watch(struct hart *h, uint64_t vaddr, unsigned size, enum vm_access access)
{
	if (unlikely(h->vm->debug.watches))
		vm_watch_note(h, vaddr, size, access);
}

static inline unsigned vm_popcount(uint64_t word)
{
	return (unsigned)__builtin_popcountll(word);
}

/* Instructions of the block from this operation's on, itself included. */
static inline int64_t vm_block_rest(const struct block *block, const struct op *op)
{
	return vm_popcount(block->starts >> (op - block->ops));
}

/* Is the operation an instruction? */
static inline bool vm_is_insn(const struct block *block, const struct op *op)
{
	return block->starts >> (op - block->ops) & 1;
}

/* The operation's address, from the block's start. */
static inline uint64_t vm_block_offset(const struct block *block, const struct op *op)
{
	uint64_t before = (UINT64_C(1) << (op - block->ops)) - 1;

	return 2 * (vm_popcount(block->starts & before) + vm_popcount(block->wide & before));
}

/* The address after it. */
static inline uint64_t vm_block_after(const struct block *block, const struct op *op)
{
	return vm_block_offset(block, op) + (block->wide >> (op - block->ops) & 1 ? 4 : 2);
}

#endif
