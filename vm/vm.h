/*
 * The soft machine's processor: RV64GC user mode with Sv39 translation.
 *
 * A `struct vm` is the part that the harts of one machine share (memory, decoded code); a
 * `struct vm_hart` is one processor. The VM knows nothing of seL4 or of any kernel: whoever owns
 * it (port/vm) hands it registers and an address space, runs it for a number of instructions, and
 * is told why it stopped. No guest state lies on the C stack between two calls of vm_run().
 *
 * One thread at a time may be inside this interface for one machine; only vm_hart_stop() may come from
 * anywhere. Harts therefore run in turns, and memory is sequentially consistent. Only the region is memory
 * that other processors may access meanwhile: there the guest sees what RVWMO promises, as far as the others
 * are the guests of such machines. Aligned accesses to it are whole, atomics are atomic, and a fence is the
 * host's.
 *
 * The guest is hostile: nothing it executes reads or writes outside the memory described in
 * `struct vm_config`, or what the MMIO functions do.
 */
#ifndef SKERRY_VM_VM_H
#define SKERRY_VM_VM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A thread's registers. They lie wherever the owner keeps them (a TCB in guest memory): the VM
 * works on them in place, so that switching threads copies nothing. x[0] is 0 before and after
 * vm_run(); x[32] is the sink of writes to x0, and 0 outside. `f` holds NaN-boxed values. `fcsr` holds frm in
 * bits 5..7 and fflags in bits 0..4, exact whenever vm_run() has returned.
 */
struct vm_regs {
	uint64_t x[33];
	uint64_t pc;
	uint64_t f[32];
	uint64_t fcsr;
};

/* Why vm_run() came back. */
enum vm_stop {
	VM_STOP_BUDGET, /* the budget is used up, exactly */
	VM_STOP_ECALL,  /* an ecall; pc is that of the ecall, which does not count as retired. See `ecall` in
			   struct vm_config */
	VM_STOP_EXCEPTION, /* hart->cause and hart->tval say which; pc is the faulting instruction's */
	VM_STOP_REQUEST,   /* somebody called vm_hart_stop() */
	VM_STOP_BREAK,     /* a breakpoint is at pc: the instruction there has not been executed */
	VM_STOP_WATCH,     /* the last instruction accessed watched memory: hart->watched */
};

/* Exception causes: the scause numbers of the privileged ISA, table 4.2. */
enum vm_cause {
	VM_CAUSE_FETCH_MISALIGNED = 0,
	VM_CAUSE_FETCH_ACCESS = 1,
	VM_CAUSE_ILLEGAL = 2, /* tval is the instruction word */
	VM_CAUSE_BREAKPOINT = 3,
	VM_CAUSE_LOAD_MISALIGNED = 4, /* lr only: plain misaligned accesses work */
	VM_CAUSE_LOAD_ACCESS = 5,
	VM_CAUSE_STORE_MISALIGNED = 6, /* sc and amo only */
	VM_CAUSE_STORE_ACCESS = 7,
	VM_CAUSE_FETCH_PAGE = 12,
	VM_CAUSE_LOAD_PAGE = 13,
	VM_CAUSE_STORE_PAGE = 15,
};

enum vm_counter { VM_COUNTER_CYCLE, VM_COUNTER_TIME, VM_COUNTER_INSTRET };

/*
 * What the machine around the processor provides. MMIO functions are called for naturally aligned
 * accesses of 1, 2, 4 or 8 bytes outside RAM; they return false where no device answers (an access
 * fault; so are misaligned accesses and atomics there). hart->instret is exact while they and
 * `counter` run. Of this interface they may call vm_hart_stop(), vm_written() and vm_translate().
 */
struct vm_bus {
	void *context;
	bool (*load)(void *context, uint64_t paddr, unsigned size, uint64_t *value);
	bool (*store)(void *context, uint64_t paddr, unsigned size, uint64_t value);
	uint64_t (*counter)(void *context, enum vm_counter which); /* csrr of cycle, time, instret */
};

/* Who executes: the compiler what is executed often and the interpreter the rest, or one of them all. */
enum vm_tier { VM_TIER_AUTO, VM_TIER_INTERP, VM_TIER_JIT };

struct vm_config {
	uint8_t *ram;      /* host address of guest-physical ram_base; page aligned */
	uint64_t ram_base; /* physical, page aligned */
	uint64_t ram_size; /* bytes, page multiple */
	/*
	 * Memory that is shared with others, loaded from and stored to as quickly as RAM. Nothing is fetched
	 * from there (an access fault), and no page table lies there. Same rules as for RAM; the two do not
	 * overlap. NULL: there is none.
	 */
	uint8_t *region;
	uint64_t region_base, region_size;
	unsigned harts;
	struct vm_bus bus;
	enum vm_tier tier; /* VM_TIER_INTERP where the host has no compiler: what runs is the same */
	bool timed;        /* the time in each tier is measured, at each way from one to the other */
	/*
	 * Called at each ecall, when everything is as if vm_run() had come back with VM_STOP_ECALL. It
	 * answers the call and returns the registers to go on with, maybe another thread's, for at most
	 * *budget instructions: the hart does, as vm_run() would with these, without having come back. NULL:
	 * vm_run() does come back, with VM_STOP_ECALL. Until then the VM does not touch the registers that
	 * ran, which may be no more. It may call anything in here but vm_run(), vm_destroy() and
	 * vm_hart_restore().
	 */
	struct vm_regs *(*ecall)(void *context, uint64_t *budget);
	void *ecall_context;
	/*
	 * Told of code that the compiler made, for profilers; NULL: nobody asks. `pc` is the guest's,
	 * VM_CODE_FRAME for what serves all code; at an address that was told of before, that is no more.
	 */
	void (*code_made)(void *context, uint64_t root_paddr, uint64_t pc, const void *host, uint64_t size);
	void *code_context;
};

/* Accesses of user code that a watchpoint waits for. */
enum vm_watch {
	VM_WATCH_STORE = 1,
	VM_WATCH_LOAD = 2,
	VM_WATCH_ACCESS = VM_WATCH_STORE | VM_WATCH_LOAD,
};

struct vm;
/* Further fields are the VM's own: see vm/internal.h. */
struct vm_hart {
	uint64_t instret; /* instructions retired since creation */
	uint64_t cause;   /* of the last VM_STOP_EXCEPTION */
	uint64_t tval;
	struct {
		uint64_t vaddr;     /* the first watched byte of the access */
		enum vm_watch kind; /* of the watchpoint */
	} watched;                  /* of the last VM_STOP_WATCH */
};

/* Statistics since creation; reading them costs nothing while they are not asked for. */
struct vm_stats {
	uint64_t tlb_misses[3]; /* load, store, fetch */
	uint64_t blocks_decoded, blocks_invalidated;
	uint64_t blocks_compiled, regions_compiled, insns_compiled, code_bytes,
		compile_ns;         /* what the compiler did */
	uint64_t code_flushes;      /* how often all code was dropped: some memory for it was full */
	uint64_t code_recalled;     /* blocks and regions whose code came from another run */
	uint64_t native_entries;    /* how often the interpreter went over to code */
	uint64_t native_insns;      /* retired there, those included that code has the interpreter do */
	uint64_t interpreted_insns; /* all others */
	/* Time for these, without compiling and `ecall`; 0 if not `timed`. */
	uint64_t native_ns, interpreted_ns;
};

/* Makes a machine; NULL when the host has no memory for it. */
struct vm *vm_create(const struct vm_config *config);
void vm_destroy(struct vm *vm);
struct vm_hart *vm_hart(struct vm *vm, unsigned index);

/*
 * Runs at most `budget` instructions of the thread whose registers are `regs`, in the hart's
 * current address space. hart->instret grows by exactly the instructions retired. Other threads may run in
 * there, too, and more instructions: those that `ecall` in struct vm_config says. Whatever the guest does, it
 * takes at most VM_STACK_MAX bytes of the host's stack, and what the functions in struct vm_config take.
 */
#define VM_STACK_MAX (32u << 10)
enum vm_stop vm_run(struct vm_hart *hart, struct vm_regs *regs, uint64_t budget);

/*
 * Asks vm_run() to return: from a bus function, after the instruction under way; from another thread
 * or a signal handler, soon (some ten thousand instructions). If the hart is not running, the next
 * vm_run() returns at once, having done nothing.
 */
void vm_hart_stop(struct vm_hart *hart);

/*
 * Selects an address space: the physical address of its Sv39 root table and its ASID. Cheap (this
 * is the address-space switch of every IPC): translations of other spaces are kept, bounded, and
 * found again when the hart comes back to (root, asid). root = 0: no user mapping at all.
 */
void vm_hart_set_space(struct vm_hart *hart, uint64_t root_paddr, uint16_t asid);

/*
 * Whether floating-point instructions (and fcsr) work in what runs next, as mstatus.FS would have it:
 * off, they are illegal instructions. On after vm_create(). Cheap, like an address-space switch.
 */
void vm_hart_set_fpu(struct vm_hart *hart, bool enabled);

/* The kernel's exit to user mode clears the reservation of lr. */
void vm_hart_clear_reservation(struct vm_hart *hart);

/*
 * What a hart has between two vm_run() beside registers, address space and whether floating point is on.
 * Whoever restores it selects those too, and says which memory changed.
 */
struct vm_hart_state {
	uint64_t instret;
	uint64_t reserved_vaddr, reserved_value; /* of lr, if `reserved` */
	bool reserved;
	bool stop; /* vm_hart_stop() was called, and vm_run() has not come back for it */
};
void vm_hart_save(const struct vm_hart *hart, struct vm_hart_state *state);
void vm_hart_restore(struct vm_hart *hart, const struct vm_hart_state *state);

/* sfence.vma of all harts: one page of one ASID; one ASID; all. */
void vm_flush_page(struct vm *vm, uint16_t asid, uint64_t vaddr);
void vm_flush_asid(struct vm *vm, uint16_t asid);
void vm_flush_all(struct vm *vm);

/*
 * The owner wrote [paddr, paddr + size) of RAM behind the VM's back (kernel, DMA): code decoded
 * from it is dropped. Cheap when there is none. Stores by guests are noticed by the VM itself:
 * decoded code is a cache that no guest can tell from memory.
 */
void vm_written(struct vm *vm, uint64_t paddr, uint64_t size);

/*
 * Breakpoints and watchpoints, for a debugger: in the address space of an ASID, by virtual address, whether
 * or not anything is mapped there. Guests cannot tell: memory, instret and budgets are as without them.
 * They cost nothing where there are none; accesses to a page with a watchpoint take the slow way. Only user
 * code is watched, not what the owner does to memory. Not while the hart runs; false: there are too many.
 */
bool vm_break_set(struct vm *vm, uint16_t asid, uint64_t vaddr);
void vm_break_clear(struct vm *vm, uint16_t asid, uint64_t vaddr);
bool vm_watch_set(struct vm *vm, uint16_t asid, uint64_t vaddr, uint64_t size, enum vm_watch kind);
void vm_watch_clear(struct vm *vm, uint16_t asid, uint64_t vaddr, uint64_t size, enum vm_watch kind);
/* Takes all of them away, and what they may still cost. */
void vm_debug_clear(struct vm *vm);
/* The next vm_run() does not stop at a breakpoint before its first instruction. */
void vm_break_skip(struct vm_hart *hart);

void vm_get_stats(const struct vm *vm, struct vm_stats *stats);

/*
 * The host's code of the block at `pc` in the hart's address space, made anew, for people to look at: what it
 * was made of, and which part of it does what. Nothing runs. Valid until the machine runs or code is made
 * again. False: nothing can be fetched there, or there is no compiler.
 */
#define VM_CODE_PARTS 320
#define VM_CODE_FRAME UINT64_MAX
struct vm_code {
	uint64_t pc;
	unsigned bytes, insns; /* of the guest */
	const uint8_t *host;
	unsigned host_bytes;
	unsigned parts;
	struct vm_code_part {
		uint64_t pc;   /* of the instruction; VM_CODE_FRAME: what surrounds all of them */
		unsigned from; /* where it begins: byte of the host's code */
	} part[VM_CODE_PARTS]; /* in the order of the host's code; the rest, if they are more, is in the last
				*/
};
bool vm_code_at(struct vm_hart *hart, uint64_t pc, struct vm_code *code);
/*
 * Keeps the code that is compiled for another run, before anything has run. `bytes`, aligned to eight and
 * there as long as the machine, are what vm_code_kept() has given in an earlier one, one part behind the
 * other, or NULL. They are machine code: only of this very program, and from where nobody else can write.
 * False: they are of no use, from another kind of processor or damaged; what is compiled is kept all the
 * same.
 */
bool vm_code_keep(struct vm *vm, void *bytes, uint64_t size);
/* All that is kept, in two parts, as long as the machine is there and does not run; false: nothing that is
 * new. */
struct vm_kept_code {
	const uint8_t *part[2];
	uint64_t size[2];
};
bool vm_code_kept(const struct vm *vm, struct vm_kept_code *kept);

/* What begins at an address that code goes to and that serves all code; NULL: nothing. */
const char *vm_code_name(const struct vm *vm, const uint8_t *host);

/* Translates for a debugger or a fault report; false if unmapped. Access rights are not checked. */
bool vm_translate(const struct vm *vm, uint64_t root_paddr, uint64_t vaddr, uint64_t *paddr);

/* Disassembles one instruction at `pc` into `text` (always terminated); returns its length in bytes, 2 or 4.
 */
unsigned vm_disassemble(uint64_t pc, uint32_t word, char *text, unsigned size);

#endif
