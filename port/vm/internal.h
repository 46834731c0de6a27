/* What the files of the soft machine half share: the node behind the kernel that is running. */
#pragma once

#include "kernel/core/kernel.h"
#include "port/vm/debug.h"
#include "port/vm/node.h"
#include "port/vm/snapshot.h"
#include "port/vm/trace.h"
#include "vm/vm.h"

/* Bytes reserved behind the window, so that an object at its very end can be read whole. */
#define WINDOW_SLACK   0x10000ull

#define NODE_RAM_MIN   (16ull << 20)
#define NODE_RAM_MAX   (64ull << 30)

#define NODE_PAGE_SIZE 4096ull

#define IRQ_MAX        (BOARD_IRQ_MAX + 1) /* the kernel's timer, as on the board with its PLIC */

/*
 * The law of virtual time, version 1: an instruction is 1 ns, a preemption step is 1 ns, and a kernel
 * entry costs what its kind says, on the fast path and on the slow one. The figures are the order of
 * what such an entry costs on the metal.
 */
#define NODE_TIME_LAW  1
enum {
	CHARGE_SYSCALL = 250,
	CHARGE_FAULT = 700,
	CHARGE_INTERRUPT = 400,
	CHARGE_PREEMPT_STEP = 1,
};

/* Events of the kernel: see trace.h. */
struct trace {
	struct trace_event *ring;
	uint64_t events; /* that have room in it */
	uint64_t next;   /* where the next one goes */
	uint64_t count;  /* how many there were */
	uint64_t known;  /* so many of them are still to come, for the node was put back */
	struct trace_event
		again[2]; /* such as come now, not to be recorded again: of an entry, of what is in it */
	bool on;          /* everything is recorded, not only what the slow path does */
	uint64_t (*clock_ns)(void); /* real time: see node_trace_start() */
	uint64_t seen;              /* real time: guest time when the node last looked at its clock */
	bool interrupt;             /* one was claimed, and what happens now is its doing */
	struct trace_event *entry;  /* under way, to be completed; NULL: none, or not recorded */
	uint64_t entry_count;       /* `count` behind it */
};

/*
 * Frames that devices may access: where a page's was found last. It holds as long as the slot has the same
 * capability, and as no memory was made free for other objects, which could be made to look like that slot.
 */
#define FRAME_CACHE 256

struct found_frame {
	const struct slot *slot; /* NULL: none */
	struct cap cap;
	uint64_t start, size;
};

/* The node_step() under way. */
struct node_progress {
	uint64_t end;     /* guest time at which it is over */
	uint64_t left;    /* for how many instructions the thread may run before something is looked at */
	uint64_t look_at; /* real time: the position from which on a system call looks at the clock */
	uint64_t run_to;  /* and hart->instret at which the thread's time is up, as of the last look */
	bool debugged;    /* somebody may want to stop the node at any instruction */
	bool over;        /* it has been found that it ends, with: */
	enum node_state state;
};

struct node {
	struct node_config config;
	uint8_t *ram;
	uint64_t reserved; /* bytes at ram */
	struct kernel *kernel;
	struct vm *vm;
	struct vm_hart *hart;
	struct board *board;

	/* State of the machine, beside memory and board: what node_save_words() saves. */
	struct tcb *running; /* the thread on the hart, NULL while idle */
	uint64_t
		clock_offset; /* node_position() is this plus hart->instret: charges, and idle time skipped */
	uint64_t next_tick;   /* when the kernel's timer interrupts, ns */
	uint64_t masked[2];   /* bit: the interrupt is masked */
	bool off;             /* the machine was switched off */
	int exit_status;

	/* Derived, never saved. */
	volatile bool interrupted; /* node_interrupt() was called */
	uint64_t trap_position;    /* where a thread entered the kernel last */
	uint64_t slice_end;        /* hart->instret up to which no clock has to be looked at */
	uint64_t pause;            /* position at which a node_step() is to be cut short; 0: at none */
	uint64_t next_event;       /* the earliest time at which something other than instructions happens */
	bool attention;            /* next_event or the interrupt lines may have changed */
	uint64_t host_start;       /* real time: the host's clock at guest time 0 */
	uint64_t held; /* real time: the time while devices and clock are attended to; 0: it goes on */
	struct node_progress step;
	bool frames_found;                     /* some of these are in use */
	struct found_frame frame[FRAME_CACHE]; /* by page number */
	struct trace trace;
	node_report_fn *report;
	void *report_context;

	/* Between two snapshots: the memory at the last one, and what was written since. NULL: not tracked.
	 */
	struct page_map *last;
	struct host_watch *watch;
	struct {
		bool on;   /* stop for faults that nobody handles, and new address spaces */
		bool stop; /* node_step() is to return NODE_STOPPED, why: */
		struct node_stopped stopped;
		uint64_t step; /* kref of the TCB that is single-stepped, or 0 */
		uint64_t end;  /* of the node_step() that was cut short, or 0 */
		uint64_t pass; /* kref of a TCB that goes on over the breakpoint at which it is, or 0 */
		bool muted;    /* nothing stops the node */
		uint64_t known[1024]; /* bit: a thread has run in the ASID's address space */
	} debug;
};

/* The node that this host thread is running. */
extern _Thread_local struct node *current_node;

/* Makes `node` the current one: its memory is what krefs mean from now on. */
void node_select(struct node *node);

static inline bool irq_is_masked(const struct node *node, unsigned irq)
{
	return node->masked[irq / 64] >> (irq % 64) & 1;
}

/* The interrupt to be delivered now, or MACHINE_IRQ_NONE. */
unsigned node_pending_irq(const struct node *node);

/* Nothing is known of where frames are. */
void node_forget_frames(struct node *node);

/* Devices do what is due. */
void node_board_advance(struct node *node);

/* trace.c: the ring, and what the node tells it. Entries only while trace.on. */
bool trace_create(struct trace *trace);
void trace_destroy(struct trace *trace);
void trace_enter_syscall(struct node *node);
void trace_enter_trap(struct node *node, const struct trap *trap);
void trace_leave(struct node *node);
void trace_claimed(struct node *node, unsigned irq);
/* How many events there were before this moment; and: the node was put back to one with so many before it. */
uint64_t trace_place(const struct node *node);
void trace_go_back(struct node *node, uint64_t place);
void trace_unhandled(struct node *node, const struct tcb *tcb);

/* Where a slot is: in a CNode, a TCB, or the kernel's table of interrupts. */
struct slot_home {
	kref cnode, tcb; /* one of them, or 0 */
	bool irq;
	uint64_t index; /* of the slot in there */
};
bool node_slot_home(struct node *node, const struct slot *slot, struct slot_home *home);

void node_describe_thread(const struct tcb *tcb, struct node_thread *thread);

/* A node with empty memory, whose kernel has not been booted. */
struct node *node_create_empty(const struct node_config *config, char *error, size_t error_size);

/* step.c: what the VM does at an ecall. */
struct vm_regs *node_ecall(void *context, uint64_t *budget);

/* --- snapshots ------------------------------------------------------------------------------------- */

void node_save_words(const struct node *node, uint64_t word[NODE_WORDS]);
void node_snapshot_untrack(struct node *node);
/*
 * Does everything in the node's memory keep the rules that kernel and machine rely on, with these fields?
 * NULL, or which does not. Reads only the node's memory, and ends, whatever is in there.
 */
const char *node_check_restored(struct node *node, const uint64_t word[NODE_WORDS]);
/* Adds a page to a digest; pages of zeros leave it as it is. */
uint64_t node_hash_page(uint64_t hash, uint64_t index, const uint8_t *page);

/* --- debugging ------------------------------------------------------------------------------------- */

/* What a user reads from a counter now. */
uint64_t node_counter(const struct node *node, enum vm_counter which);

/* Is this the thread that is single-stepped? */
static inline bool node_debug_steps(const struct node *node, const struct tcb *tcb)
{
	return __builtin_expect(node->debug.step != 0, 0) && node->debug.step == machine_ref(tcb);
}

/* The thread is about to run for `budget` instructions: for how many may it? */
uint64_t node_debug_budget(struct node *node, const struct tcb *tcb, uint64_t budget);
/* The thread ran from position `began`, and vm_run() returned for `why`: is that a stop? */
void node_debug_ran(struct node *node, const struct tcb *tcb, enum vm_stop why, uint64_t began);
/* The thread is about to run: is it the first in its address space? Then this is a stop. */
bool node_debug_begins(struct node *node, const struct tcb *tcb);
/* The thread faulted, and nobody handles it. */
void node_debug_fault(struct node *node, const struct tcb *tcb);
