/*
 * Random system calls by a guest: a root server that makes a random world and lets its threads do random
 * things in it, through the real system calls and real memory. What can be seen of it is folded into a hash,
 * so that two machines, or two ports of the kernel, can be compared: same seed, same hash.
 *
 * The *director* is the root server's own thread. It alone decides, from the seed and from what it has seen.
 * The *workers* are threads without a C program: the director writes a worker's registers and resumes it; it
 * does one thing in stub.S (a system call, an access, floating point), notes all its registers and stops.
 * Workers have priorities above the director's and all distinct (but for races, see guest_direct.c), so at
 * most one thread of each priority can run, and who runs never depends on time: what a worker started has
 * gone as far as it can when the director goes on. Fuzzed calls cannot give a thread a priority at or above
 * the director's.
 *
 * Upstream's kernel differs from ours in a few known ways (doc/ABI.md). A program that is to run on both
 * avoids what shows them, so that nothing seen need be left out of the comparison: see guest_avoid.c.
 *
 *   guest.c    worlds and steps          guest_world.c   what a world is made of
 *   guest_call.c  one random system call   guest_trace.c   the hash, random numbers, what is printed
 *   guest_direct.c  what the director does    guest_avoid.c  what is left out on upstream's kernel
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sel4/sel4.h>

#include "test/fuzz/guest_layout.h"

enum {
	WORKERS = 5,
	SPARES = 2, /* threads that never run, for methods */
	CSPACES = 3,
	CSPACE_BITS = 7,
	CSPACE_SLOTS = 1 << CSPACE_BITS,
	PROCESSES = 2,
	ENDPOINTS = 3,
	NOTIFICATIONS = 3,
	IRQS = 8,      /* lines on which nothing ever happens: the virtio slots' */
	NODE_BITS = 4, /* of the CNodes that are made while a world goes on */
	FRAMES = 6,    /* that the director maps here and there */
	DIRECTOR_PRIO = 60,
	RACE_PRIO = 200, /* the director's, while it starts several at once */
	WORKER_MCP = 7,  /* below the director: what fuzzed calls can set */
	WORKER_PRIO = 100,
};

/* Slots of every fuzzed CSpace; the first few are what its workers stand on, spoilt only by accident. */
enum {
	SLOT_SELF = 1,                       /* the CNode itself: all 64 bits of an index count */
	SLOT_TCB = 2,                        /* of each worker */
	SLOT_FAULT = SLOT_TCB + WORKERS,     /* where faults go that workers handle, if they do */
	SLOT_ANSWERED,                       /* where those go that the director takes at once */
	SLOT_VSPACE,                         /* of each process */
	SLOT_PARK = SLOT_VSPACE + PROCESSES, /* where workers stop in a program for upstream's kernel */
	SLOT_DEEP,                           /* the CNode itself, DEEP_DEPTH bits of an index count */
	SLOT_GUARDED,                        /* the same with a guard, see worker_cptr() */
	SLOT_CROWD,                          /* the endpoint or notification that a race is about */
	SLOT_FREE,
};

/* How a CNode is reached through SLOT_DEEP and SLOT_GUARDED: the bits of an index, and the guard in front of
 * it. */
enum {
	DEEP_DEPTH = seL4_WordBits - CSPACE_BITS,
	ROOT_GUARD = 5,
	ROOT_GUARD_BITS = 3,
	GUARDED_DEPTH = DEEP_DEPTH - ROOT_GUARD_BITS,
	GUARDED_GUARD = 0x2a5,
};

/* The guard of a worker's root CNode: all bits but the last, none, ROOT_GUARD. */
enum reach { REACH_FLAT, REACH_DEEP, REACH_GUARDED, REACHES };

/* A physical address in device memory where there is no device: an access is a fault. */
#define NO_DEVICE (1ul << 35)

/* What DebugCapIdentify says, and what else one may look for. */
enum {
#define CAP_TYPE_ENUM(name, number) TYPE_##name = number,
	SEL4_CAP_TYPES(CAP_TYPE_ENUM)
#undef CAP_TYPE_ENUM
		TYPE_ANY = 100,
	TYPE_FULL,
};

/* The page that director and worker share, and the worker's IPC buffer in it. stub.S knows the offsets. */
struct worker_page {
	seL4_Word x[32]; /* registers after the action */
	seL4_Word done;  /* the number of the last action that ended */
	seL4_Word number, worker, park_cap, park_info;
	seL4_Word unused[27];
	seL4_Word f_in[32], fcsr_in;
	seL4_Word f_out[32], fcsr_out;
	seL4_Word unused2[126];
	seL4_IPCBuffer buffer;
};
_Static_assert(offsetof(struct worker_page, done) == PAGE_DONE, "guest_stub.S");
_Static_assert(offsetof(struct worker_page, number) == PAGE_NUMBER, "guest_stub.S");
_Static_assert(offsetof(struct worker_page, worker) == PAGE_WORKER, "guest_stub.S");
_Static_assert(offsetof(struct worker_page, park_cap) == PAGE_PARK_CAP, "guest_stub.S");
_Static_assert(offsetof(struct worker_page, park_info) == PAGE_PARK_INFO, "guest_stub.S");
_Static_assert(offsetof(struct worker_page, f_in) == PAGE_F_IN, "guest_stub.S");
_Static_assert(offsetof(struct worker_page, f_out) == PAGE_F_OUT, "guest_stub.S");
_Static_assert(offsetof(struct worker_page, buffer) == PAGE_BUFFER, "guest_stub.S");

/* Who ended an action, in order. */
struct log_page {
	seL4_Word count;
	seL4_Word worker[LOG_ENTRIES];
};

struct worker {
	struct worker_page *page;
	seL4_Word address; /* of the page, for the worker */
	unsigned cspace, process;
	enum reach reach;
	bool is_get_address; /* its action is Page_GetAddress */
	bool is_answered;    /* the director handles its faults */
	bool is_moved;       /* perhaps to another CSpace; only when avoiding */
	bool is_parked;      /* surely: the director has its message; only when avoiding */
	seL4_Word lent;      /* the slot in which its action expects the IRQControl capability, or 0 */
};

struct fuzz {
	struct worker worker[WORKERS];
	struct log_page *log;
	seL4_Word log_seen;
	bool is_race;      /* all workers have the same priority */
	unsigned suspects; /* bits of workers that may have another's thread pointer; only when avoiding */
	seL4_Word seed, step, actions;
	unsigned char type[CSPACES][CSPACE_SLOTS]; /* as last seen */
	struct {
		seL4_Word address;
		unsigned process;
	} frame[FRAMES];        /* where the director has mapped it last */
	seL4_Word memory_paddr; /* of the untyped memory that worlds are made of */
};
extern struct fuzz fuzz;

/* --- guest_trace.c ------------------------------------------------------------------------------- */

void random_start(seL4_Word seed);
seL4_Word random_word(void);
seL4_Word below(seL4_Word limit);
bool chance(unsigned percent);

/* Random, but harmless where it is executed: four times c.addi, so that nothing ever jumps backwards. */
seL4_Word data_word(void);

/* A number that is likely to matter to somebody. */
seL4_Word strange_word(void);

/* An address in one of the windows that random mappings go to. */
seL4_Word window_address(void);

void trace_start(void);
void trace(seL4_Word word);
seL4_Word trace_hash(void);

/* The text of the step under way, kept only if it will be printed. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
bool is_printed(void);
void print_step(void);

/* --- guest.c ------------------------------------------------------------------------------------ */

/* Lets a worker do something random. */
void act(unsigned worker);

/* What has come of it: who has ended an action, in which order, with which registers. */
void observe(void);
void observe_registers(void);

/* --- guest_direct.c ------------------------------------------------------------------------------ */

/* Changes something, or looks. */
void direct(void);

/* Sends, signals, receives and replies, never waiting. */
void talk(void);

/* Takes the faults that are for the director, and answers some. */
void take_faults(void);

/* Some workers with the same priority at once. */
void race(void);

/* --- guest_world.c ------------------------------------------------------------------------------- */

void world_prepare(void);
void world_make(void);
void world_end(void);

seL4_CPtr worker_tcb(unsigned worker);

/* A slot of its CSpace as the worker addresses it: straight, or through a second CNode and guards. */
seL4_CPtr worker_cptr(const struct worker *worker, seL4_Word slot);

/* The director's capabilities: for endpoints, and that in a slot of a CSpace. */
seL4_CPtr director_endpoint(unsigned endpoint);
seL4_CPtr fault_endpoint(void);
seL4_CPtr director_cptr(unsigned cspace, seL4_Word slot);

/* Where it gets capabilities; it says of which type the one is that has come, and deletes it. */
void director_receive_path(void);
unsigned director_received(void);

/* Takes the thread that has sent a message away from the director: a slot of a CSpace gets the reply
 * capability. */
seL4_Error save_caller(unsigned cspace, seL4_Word slot);

/* A new endpoint or notification, with capabilities in SLOT_CROWD; the director's; what can be done to it. */
void crowd_make(bool is_endpoint);
seL4_CPtr crowd_cptr(void);
void crowd_end(void);
seL4_Error crowd_cancel(unsigned cspace);

/* Moves the only capability of its kind to a slot of a worker's CSpace, and back. */
bool lend_irq_control(const struct worker *worker);
void take_irq_control(const struct worker *worker);
void worker_configure(unsigned worker);
void worker_renew(unsigned worker);
void worker_set_priority(unsigned worker, unsigned step);
void process_make(unsigned process);
void process_end(unsigned process);

/* Maps or unmaps one of the director's frames; the errors are part of the trace. */
void remap(unsigned frame);

/* The one device that ever interrupts does. */
void interrupt(void);

/* Puts something new into a slot of a CSpace, if it is empty. */
void refill(unsigned cspace, seL4_Word slot);

/* Puts back what the workers of a CSpace stand on, where it is gone. */
void restore(unsigned cspace);

/* Looks at the types of all capabilities in a CSpace, and traces them. */
void scan(unsigned cspace);

/* The type of what is in a slot. */
unsigned type_now(unsigned cspace, seL4_Word slot);

/* A slot of that type, 0 if there is none that we know of. */
seL4_Word pick(unsigned cspace, unsigned type);

/* A call in the making: words beyond the fourth and capabilities go into the IPC buffer. */
struct call {
	struct worker *worker;
	seL4_Word label, cptr, word[40], cap[seL4_MsgMaxExtraCaps];
	unsigned words, caps;
};

/* --- guest_avoid.c ------------------------------------------------------------------------------- */

/* Is this a program for upstream's kernel? */
bool is_avoiding(void);

/* Changes a call so that it shows no known difference. */
void avoid_call(struct call *call);

/* Where a worker goes when an action has ended: label and words of its message, if it sends one. */
seL4_CPtr park_endpoint(void);
seL4_Word park_info(void);

/* The same, or something else that can be a stack pointer. */
seL4_Word stack_word(seL4_Word word);

/* May the worker have a fault whose message the director has not got? */
bool avoid_unanswered(unsigned worker);

/* Takes the messages of those who have ended an action. */
void avoid_collect(void);

/* Before the director resumes a worker, and before a worker may resume others. */
void avoid_before_act(unsigned worker);
void avoid_before_resuming(unsigned worker);

/* --- guest_call.c -------------------------------------------------------------------------------- */

/* Fills registers and IPC buffer for a random system call of the worker. */
void make_method(struct worker *worker, seL4_UserContext *regs);
void make_ipc(struct worker *worker, seL4_UserContext *regs);

/* The same, or what may be word i of a message that may turn out to be a reply. */
seL4_Word reply_word(unsigned i, seL4_Word value);
