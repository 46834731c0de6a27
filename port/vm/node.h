/*
 * A node: one soft machine running one Skerry kernel. This is what the `skerry` program (and later a
 * browser page, a simulator) drives. Everything that can block is the caller's: node_step() always
 * returns, after a bounded amount of guest work.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm/device/board.h"
#include "vm/vm.h"

struct node;

/* One piece of the user image: `file_size` bytes at `data`, then zeros up to `memory_size`. */
struct node_segment {
	uint64_t vaddr;
	const void *data;
	uint64_t file_size;
	uint64_t memory_size;
};

struct node_config {
	uint64_t ram_size;        /* bytes; a multiple of 2 MiB, 16 MiB to 64 GiB */
	const char *profile;      /* an ABI profile's name: see kernel/core/profile.c; NULL: "debug" */
	unsigned root_cnode_bits; /* 0: the profile's default */
	unsigned domains;         /* 0: the profile's default */
	bool real_time;           /* guest time is board.host_clock_ns; else it advances with instructions */

	uint64_t entry; /* virtual address of the first user instruction */
	const struct node_segment *segment;
	unsigned segments;

	const void *fdt; /* device tree for the boot information; NULL: the board's own */
	size_t fdt_size;

	enum vm_tier tier; /* who executes: what runs is the same */
	bool timed;        /* as in struct vm_config */
	/* As in struct vm_config. */
	void (*code_made)(void *context, uint64_t root_paddr, uint64_t pc, const void *host, uint64_t size);
	void *code_context;

	struct board_config board; /* consoles, disks; ram, DMA and interrupt fields are the node's */
};

enum node_state {
	NODE_RAN,     /* the budget is used up; more to do */
	NODE_IDLE,    /* nothing runnable before guest time *until, unless input arrives */
	NODE_HALTED,  /* the machine was switched off: node_exit_status() */
	NODE_STOPPED, /* for the debugger: see debug.h */
};

#define NODE_FOREVER UINT64_MAX /* of *until: no timer is armed, only input could wake the node */

/* Boots the image up to its first instruction. NULL on failure, with one line in `error`. */
struct node *node_create(const struct node_config *config, char *error, size_t error_size);
void node_destroy(struct node *node);

/*
 * Runs for at most `budget` ns of guest time (in virtual time, one instruction is 1 ns). While idle in
 * virtual time the clock stands still: node_skip_to() moves it.
 */
enum node_state node_step(struct node *node, uint64_t budget, uint64_t *until);

/* Virtual time only: idle until `time` (ns); earlier times are ignored. */
void node_skip_to(struct node *node, uint64_t time);
uint64_t node_time(const struct node *node); /* guest time, ns since power on */

/*
 * Where the run is: grows with each instruction and kernel entry. In virtual time it is the guest time; in
 * real time it grows as that does in virtual time, without idle time, and by one where a step ends.
 */
uint64_t node_position(const struct node *node);

/* Makes a node_step() under way return soon; callable from a signal handler. */
void node_interrupt(struct node *node);

int node_exit_status(const struct node *node);
/* Asked for anew by whoever turned another node in between: the board reaches into this one's memory. */
struct board *node_board(struct node *node);
const struct board_disk *node_disk(const struct node *node); /* NULL: none */

/*
 * A 64-bit digest of everything that determines the run from here on: memory, kernel, devices, time; but for
 * what comes from outside, and a region is outside.
 */
uint64_t node_state_hash(struct node *node);

struct node_stats {
	uint64_t instructions;
	uint64_t time_ns;
	uint64_t syscalls[8]; /* by number: Call is [0], NBRecv [7] */
	uint64_t unknown_syscalls, faults, exceptions, interrupts, timer_ticks;
	uint64_t fastpath_call, fastpath_reply_recv;
	struct vm_stats vm;
};
/* NULL, or why the image may have been built for another kernel configuration, judged by its calls. */
const char *node_profile_hint(const struct node *node);
void node_get_stats(const struct node *node, struct node_stats *stats);

/* One thread, for reports. `wait` is a sentence such as "receives on endpoint 0xffffffc0…". */
struct node_thread {
	char name[64];
	char state[32];
	char wait[128];
	uint64_t tcb; /* kernel address */
	uint64_t pc;
	uint64_t x[32];
	unsigned priority;
	uint64_t root_paddr; /* of its address space, for vm_translate(); 0: none */
	uint16_t asid;       /* of that */
	bool faulted;        /* and nobody has answered the fault yet */
};
/* The one on the hart; false while there is none. */
bool node_running_thread(struct node *node, struct node_thread *thread);
/* Position at which a thread entered the kernel last; interrupts while none ran do not count. */
uint64_t node_trap_position(const struct node *node);
/* Calls `each` with every thread. */
void node_threads(struct node *node, void (*each)(void *context, const struct node_thread *thread),
		  void *context);
/* Fills `thread` with the index-th TCB; false past the last. */
bool node_thread(struct node *node, unsigned index, struct node_thread *thread);

/* Prints a line, without its end. */
typedef void node_line_fn(void *context, const char *text);
/*
 * Says of a thread which capability it used, what object is behind it, who holds that, and who could bring
 * the thread on; a few lines, or none.
 */
void node_explain(struct node *node, uint64_t tcb, node_line_fn *print, void *context);
/*
 * The newest kernel events of a thread, oldest first. With --trace all of them, else those that took the slow
 * path; few or none of a thread that has been quiet for long.
 */
void node_last_events(struct node *node, uint64_t tcb, unsigned most, node_line_fn *print, void *context);

/*
 * Called when a thread faults and nobody handles it (or when the kernel reports something a person
 * should see). `line` is what the kernel says, one sentence; `thread` may be NULL.
 */
typedef void node_report_fn(void *context, const struct node_thread *thread, const char *line);
void node_set_report(struct node *node, node_report_fn *report, void *context);

/* Reads guest virtual memory of a thread (for symbols, reports); returns bytes read. */
size_t node_read_memory(struct node *node, const struct node_thread *thread, uint64_t vaddr, void *buffer,
			size_t size);

/* As vm_code_at() and vm_code_name(), in the address space of the thread on the hart. */
bool node_code_at(struct node *node, uint64_t pc, struct vm_code *code);
const char *node_code_name(const struct node *node, const uint8_t *host);

/* As vm_code_keep() and vm_code_kept(). */
bool node_code_keep(struct node *node, void *bytes, uint64_t size);
bool node_code_kept(const struct node *node, struct vm_kept_code *kept);
