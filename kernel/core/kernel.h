/*
 * The kernel's own state, and what its files offer each other. Everything mutable is in struct kernel
 * or in objects; both lie in the node's memory.
 */
#pragma once

#include <sel4/errors.h>
#include <sel4/syscall.h>

#include "kernel/core/message.h"
#include "kernel/core/profile.h"
#include "kernel/object/objects.h"

#define MAX_CORES          1
#define MAX_DOMAINS        16
#define PRIORITIES         (seL4_MaxPrio + 1)
#define READY_WORDS        (PRIORITIES / 64)
#define MAX_IRQS           128
#define ASID_POOLS         (1 << seL4_NumASIDPoolsBits)
#define MAX_SCHEDULE       100

#define TIME_SLICE_TICKS   5
#define TICK_NS            2000000ull

/*
 * The layout of the node's memory, the same on the metal and hosted: the kernel's window (its image, if
 * it has one there, then struct kernel), room for the device tree, the root server's image.
 */
#define KERNEL_PADDR       0x80200000ull
#define KERNEL_STATE_PADDR 0x80300000ull
#define KERNEL_WINDOW_END  0x80400000ull
#define FDT_PADDR          KERNEL_WINDOW_END
#define FDT_CAPACITY       0x10000ull
#define IMAGE_PADDR        (FDT_PADDR + FDT_CAPACITY)

struct queue {
	kref head, tail;
};

struct domain_slot {
	uint64_t domain;
	uint64_t ticks; /* 0 in an end marker */
};

/* What schedule() is to do at the end of the entry. */
enum schedule_action {
	SCHEDULE_RESUME, /* go on with the current thread */
	SCHEDULE_SWITCH, /* consider core->candidate */
	SCHEDULE_CHOOSE, /* choose the best of all */
};

struct core {
	kref current;   /* TCB */
	kref idle;      /* TCB of the idle thread; never runs user code */
	uint8_t action; /* enum schedule_action */
	kref candidate;

	uint8_t domain;
	uint64_t domain_ticks; /* left in the current schedule entry */
	uint64_t schedule_index;

	/* One bit for each priority that has a ready thread: see ready_bit(). */
	uint64_t ready_bits[MAX_DOMAINS][READY_WORDS];
	struct queue ready[MAX_DOMAINS][PRIORITIES];

	struct tcb idle_tcb;
};

enum irq_state {
	IRQ_INACTIVE,
	IRQ_SIGNAL, /* a handler capability was issued */
	IRQ_TIMER,  /* the kernel's own */
};

/*
 * The CancelBadgedSends that is under way, at most one in the system. It looks at the senders from `next` to
 * `last`, the queue's last one when it began, both included; none of those before it has the badge.
 */
struct cancel {
	kref endpoint; /* 0: none is under way */
	uint64_t badge;
	kref next, last; /* TCBs in the endpoint's queue */
};

/* Counted for `--stats`, where anybody looks at them: see COUNT(). */
struct kernel_stats {
	uint64_t syscalls[8];
	uint64_t unknown_syscalls, faults, exceptions, interrupts, ticks;
	uint64_t fastpath_call, fastpath_reply_recv;
	uint64_t put_char, cap_identify; /* the debug calls that tell a classic image from an MCS one */
};

#define COUNT(counter)                                                                                       \
	do {                                                                                                 \
		if (MACHINE_COUNTS)                                                                          \
			(counter)++;                                                                         \
	} while (0)

struct kernel {
	/* What the fast path looks at comes first, within reach of short offsets. */
	struct slot derivation; /* head of the list of all full slots; holds no capability */
	bool halted;
	kref asid_pool[ASID_POOLS]; /* 0, or the page-sized object of an ASID pool */
	struct core core[MAX_CORES];

	struct slot irq_slot[MAX_IRQS]; /* the notification of each interrupt */
	uint8_t irq_state[MAX_IRQS];

	struct domain_slot schedule[MAX_SCHEDULE];
	uint64_t schedule_length;
	uint64_t schedule_start;

	struct profile profile;
	struct cancel cancel;
	kref deletion;        /* the slot whose deletion or revocation was preempted last, */
	kref deletion_head;   /* and the one with the zombie that it is to go on with, or 0 */
	uint64_t check_pause; /* checking builds: entries that go unchecked until the next is */
	struct kernel_stats stats;

	/* What boot gave out, for kernel_check() and reports. */
	uint64_t ram_start, ram_end; /* physical; memory that objects may lie in */
};
_Static_assert(sizeof(struct kernel) <= KERNEL_WINDOW_END - KERNEL_STATE_PADDR, "it lies in the window");

/* --- entry ------------------------------------------------------------------------------------ */

enum trap_kind {
	TRAP_SYSCALL,
	TRAP_VM_FAULT,  /* address, code = FSR, instruction */
	TRAP_EXCEPTION, /* address = number, code */
	TRAP_INTERRUPT,
};

struct trap {
	enum trap_kind kind;
	uint64_t address;
	uint64_t code;
	bool instruction;
};

/*
 * The kernel is this function: called with what happened on the core, returns the thread whose context
 * is to be resumed at its next_pc, or NULL if there is none (idle, or halted). It never blocks.
 */
struct tcb *kernel_enter(struct kernel *kernel, const struct trap *trap);
/* The same for a system call of the current thread: the hottest of the traps. */
struct tcb *kernel_enter_syscall(struct kernel *kernel, struct tcb *current);
/* The thread to resume as things stand: how a core starts after kernel_boot(). */
struct tcb *kernel_resume(struct kernel *kernel);

/* --- a system call being worked on -------------------------------------------------------------- */

struct error {
	uint8_t code;      /* seL4_Error */
	uint8_t argument;  /* index for InvalidArgument and InvalidCapability */
	bool source;       /* FailedLookup: for the source */
	uint64_t min, max; /* RangeError; min is also NotEnoughMemory's free bytes */
	struct lookup_failure lookup;
};

/* The extra capabilities of a message, looked up. */
struct extra {
	unsigned count;
	bool preempted; /* looking them up stopped at an interrupt */
	struct slot *slot[seL4_MsgMaxExtraCaps];
};

/* One invocation: what decoding sees. Arguments are read where they lie, for the call may be restarted. */
struct call {
	struct kernel *kernel;
	struct tcb *caller;
	struct slot *slot; /* of the invoked capability */
	struct cap cap;
	enum label label;
	unsigned length;
	bool is_call;           /* wants an answer */
	const uint64_t *buffer; /* the caller's IPC buffer if the message has part in it and it is readable,
				   or NULL */
	struct extra extra;
	struct error error;
	unsigned result_length;
};

/* Message word `index`; the caller has checked that index < call->length. */
static inline uint64_t call_word(const struct call *call, unsigned index)
{
	if (index < ISA_MESSAGE_REGISTERS)
		return isa_message(&call->caller->context, index);
	return call->buffer ? call->buffer[seL4_IPCBufferMsgWord + index] : 0;
}

/* Sets result word `index` (dropped when the caller used Send). */
void call_result(struct call *call, unsigned index, uint64_t value);

/* Decoding ends with one of these when it finds an error: the outcome is OUTCOME_FAILED. */
MUST_USE enum outcome call_fail(struct call *call, seL4_Error code);
MUST_USE enum outcome call_fail_argument(struct call *call, unsigned index);
MUST_USE enum outcome call_fail_capability(struct call *call, unsigned index);
MUST_USE enum outcome call_fail_range(struct call *call, uint64_t min, uint64_t max);
MUST_USE enum outcome call_fail_lookup(struct call *call, bool source, struct lookup_failure failure);
MUST_USE enum outcome call_fail_missing(struct call *call, bool source, unsigned bits_left);

/* kernel/api: one decoder for each object. */
MUST_USE enum outcome decode_invocation(struct call *call);
MUST_USE enum outcome decode_untyped(struct call *call);
MUST_USE enum outcome decode_cnode(struct call *call);
MUST_USE enum outcome decode_tcb(struct call *call);
MUST_USE enum outcome decode_irq_control(struct call *call);
MUST_USE enum outcome decode_irq_handler(struct call *call);
MUST_USE enum outcome decode_domain(struct call *call);
/* Issues a handler for the interrupt in word 0 into the slot that words `place` and `place` + 1 name. */
MUST_USE enum outcome decode_irq_issue(struct call *call, unsigned place);

/* --- lookup (kernel/core/lookup.c) -------------------------------------------------------------- */

/*
 * Resolves the low `*bits` bits of `index` in the CNode capability `root` (capabilities.md §4); `*bits` is
 * then what is left over. NULL: `*failure`, otherwise not touched, says why.
 */
struct slot *lookup_slot(struct cap root, uint64_t index, unsigned *bits, struct lookup_failure *failure);
/* The slot that all `depth` (1 to 64) bits name. */
struct slot *lookup_exact(struct cap root, uint64_t index, unsigned depth, struct lookup_failure *failure);
/* A cptr in a thread's CSpace: left-over bits are ignored. */
struct slot *lookup_cptr(const struct tcb *tcb, uint64_t cptr, struct lookup_failure *failure);
/* The usual CSpace: one CNode, whose guard and radix take all 64 bits. False: the address is outside of it.
 */
static inline bool lookup_flat(struct cap cnode, uint64_t cptr, struct slot **slot)
{
	uint64_t index = cptr - (cap_cnode_guard(cnode) << cap_cnode_radix(cnode));

	if (__builtin_expect(index >> cap_cnode_radix(cnode) != 0, 0))
		return false;
	*slot = slot_at(cap_object(cnode) + (index << seL4_SlotBits));
	return true;
}
/* A slot for a CNode operation, in `*slot` (invocations.md §3). */
MUST_USE enum outcome lookup_target(struct call *call, bool source, struct cap root, uint64_t index,
				    uint64_t depth, struct slot **slot);
/* The IPC buffer through its frame capability; NULL if there is none or it lacks the access. */
uint64_t *lookup_buffer(const struct tcb *tcb, bool write);

/* --- derivation (kernel/core/derive.c) ------------------------------------------------------------ */

void slot_insert(struct slot *slot, struct cap cap, struct slot *parent);
/* For capabilities made by Retype and at boot: always revocable. */
void slot_insert_new(struct slot *slot, struct cap cap, struct slot *after);
/* The same for each of a run of empty slots in turn: word[0] of their capabilities differs by `step`. */
void slot_insert_run(struct slot *slots, unsigned count, struct cap first, uint64_t step, struct slot *after);
void slot_move(struct slot *to, struct slot *from, struct cap cap);
void slot_swap(struct slot *a, struct cap cap_for_b, struct slot *b, struct cap cap_for_a);
void slot_remove(struct slot *slot); /* empties it; the object is not looked at */
bool slot_is_final(const struct slot *slot);
bool slot_has_children(const struct slot *slot);
bool slot_is_parent_of(const struct slot *parent, const struct slot *child);
bool cap_same_object(struct cap a, struct cap b);
bool cap_same_region(struct cap parent, struct cap child);
/* Physical memory that the capability's object occupies; false: none. */
bool cap_memory(struct cap cap, uint64_t *start, uint64_t *size);
struct cap cap_mask_rights(struct cap cap, uint64_t rights);
/* Applies a badge or guard; null if not allowed. `preserve`: Mutate's and Rotate's rule. */
struct cap cap_update_data(struct cap cap, bool preserve, uint64_t data);
/* What a copy of the capability in `slot` is. seL4_NoError with a null capability: it cannot be copied. */
seL4_Error cap_derive(const struct slot *slot, struct cap cap, struct cap *copy);

/* --- deletion (kernel/core/delete.c) -------------------------------------------------------------- */

MUST_USE enum outcome slot_delete(struct kernel *kernel, struct slot *slot);
MUST_USE enum outcome slot_revoke(struct kernel *kernel, struct slot *slot);
/*
 * Deletes a capability whose deletion is one short step (reply, frame, page table …): not the last one of
 * a CNode, a thread, an endpoint, a notification or an interrupt handler.
 */
void slot_delete_simple(struct slot *slot);

/* --- threads and scheduling (kernel/core/sched.c, kernel/object/tcb.c) ------------------------ */

static inline struct core *this_core(struct kernel *kernel)
{
	return &kernel->core[0];
}

static inline bool thread_is_runnable(const struct tcb *tcb)
{
	return tcb->state == THREAD_RUNNING || tcb->state == THREAD_RESTART;
}

void ready_add_head(struct kernel *kernel, struct tcb *tcb);
void ready_add_tail(struct kernel *kernel, struct tcb *tcb);
void ready_remove(struct kernel *kernel, struct tcb *tcb);
/* In word priority / 64 of ready_bits: the higher the priority, the lower the bit. */
static inline uint64_t ready_bit(unsigned priority)
{
	return 1ull << (63 - priority % 64);
}
/* The highest priority with a ready thread in the domain; -1: none. */
int ready_highest(const struct core *core, unsigned domain);
/* The thread has become runnable (or more important): consider it at the end of the entry. */
void possible_switch(struct kernel *kernel, struct tcb *tcb);
void reschedule(struct kernel *kernel);
void schedule(struct kernel *kernel);
void switch_to(struct kernel *kernel, struct tcb *tcb);
void timer_tick(struct kernel *kernel);
/* The thread stops being runnable: `state` is one that does not run. */
void thread_block(struct kernel *kernel, struct tcb *tcb, enum thread_state state);
void thread_suspend(struct kernel *kernel, struct tcb *tcb);
void thread_resume(struct kernel *kernel, struct tcb *tcb);
void thread_set_priority(struct kernel *kernel, struct tcb *tcb, unsigned priority);
void thread_set_domain(struct kernel *kernel, struct tcb *tcb, unsigned domain);
/* New threads, whose memory is zero, lie one behind the other. */
void threads_init(struct kernel *kernel, struct tcb *first, unsigned count);

/* --- IPC (kernel/core/ipc.c, transfer.c), notifications, faults ------------------------------- */

struct send {
	bool blocking, is_call;
	uint64_t badge;
	bool can_grant, can_grant_reply;
	const struct extra *extra; /* if they were looked up already, or NULL */
};
void endpoint_send(struct kernel *kernel, struct tcb *sender, struct endpoint *endpoint, struct send send);
enum outcome endpoint_receive(struct kernel *kernel, struct tcb *receiver, struct cap cap, bool blocking);
/* The first thread in the queue executes its call again. */
void endpoint_cancel_first(struct kernel *kernel, struct endpoint *endpoint);
/* The endpoint's last capability goes. */
void endpoint_finalise(struct kernel *kernel, struct endpoint *endpoint);
/*
 * The threads that send with this badge now execute their calls again; who queues up later does not count.
 * `*begun`: an earlier call, preempted since, has begun it; set as soon as this one has.
 */
MUST_USE enum outcome endpoint_cancel_badged(struct kernel *kernel, struct endpoint *endpoint, uint64_t badge,
					     bool *begun);
/* Takes the thread out of whatever IPC it is blocked in; it is then inactive. */
void ipc_cancel(struct kernel *kernel, struct tcb *tcb);
MUST_USE enum outcome reply_send(struct kernel *kernel, struct tcb *sender, struct tcb *caller,
				 struct slot *reply, bool grant, const struct extra *extra);

/*
 * Looks up the capabilities that the buffer names. False: the one at `*missing` is not there, or, in a CSpace
 * where that can take long, an interrupt waits (extra->preempted). Nothing is changed.
 */
bool extra_look_up(const struct tcb *tcb, const uint64_t *buffer, unsigned count, struct extra *extra,
		   uint64_t *missing, struct lookup_failure *failure);
/* The same in a flat CSpace, where each look-up is one step. False: it is none, or something is not there. */
static inline bool extra_look_up_flat(const struct tcb *tcb, const uint64_t *buffer, unsigned count,
				      struct extra *extra)
{
	struct cap cspace = tcb->slot[TCB_CSPACE].cap;

	if (!cap_is_flat_cnode(cspace))
		return false;
	for (unsigned i = 0; i < count; i++)
		if (!lookup_flat(cspace, buffer[seL4_IPCBufferCapsWord + i], &extra->slot[i]))
			return false;
	extra->count = count;
	extra->preempted = false;
	return true;
}
/* Between which buffers a message moves, and what besides words: found before anything is changed. */
struct delivery {
	const uint64_t *from; /* NULL, both: none is needed, or there is none */
	uint64_t *to;
	struct extra extra;
	struct slot *destination; /* for the first that is copied; NULL: there is none */
};
/* delivery_find() for a message with capabilities. */
MUST_USE bool delivery_find_caps(const struct tcb *sender, const struct extra *extra,
				 const struct tcb *receiver, struct delivery *delivery);
/* False: preempted. `extra`: the sender's, if known already. */
MUST_USE static inline bool delivery_find(const struct tcb *sender, const struct extra *extra,
					  const struct tcb *receiver, bool grant, struct delivery *delivery)
{
	uint64_t info = isa_info(&sender->context);

	delivery->extra.count = 0;
	delivery->from = NULL;
	delivery->to = NULL;
	if (message_is_short(info) || sender->fault.type != FAULT_NONE)
		return true;
	delivery->from = lookup_buffer(sender, false);
	delivery->to = lookup_buffer(receiver, true);
	if (info_extra_caps(info) == 0 || !grant || !delivery->from || !delivery->to)
		return true;
	return delivery_find_caps(sender, extra, receiver, delivery);
}
void transfer_message(struct tcb *sender, struct tcb *receiver, const struct endpoint *endpoint,
		      uint64_t badge, const struct delivery *delivery);
void queue_append(struct queue *queue, struct tcb *tcb);
void queue_remove(struct queue *queue, struct tcb *tcb);

void notification_signal(struct kernel *kernel, struct notification *notification, uint64_t badge);
void notification_receive(struct kernel *kernel, struct tcb *tcb, struct notification *notification,
			  bool blocking);
void notification_cancel_first(struct kernel *kernel, struct notification *notification);
void notification_cancel(struct notification *notification, struct tcb *tcb);
void notification_bind(struct notification *notification, struct tcb *tcb);
void notification_unbind(struct notification *notification);

/* The current thread faulted (tcb->fault says how): sends the message to its handler, or stops it. */
void fault_handle(struct kernel *kernel, struct tcb *tcb);
/* Answers a faulted thread with the replier's message; true: it goes on, false: it stays inactive. */
bool fault_reply(struct tcb *replier, struct tcb *faulted);
/* Writes the fault as a message to the receiver; its length. */
unsigned fault_message(const struct tcb *faulted, struct tcb *receiver);
void lookup_failure_words(struct lookup_failure failure, uint64_t *words, unsigned *count);

/* --- interrupts ------------------------------------------------------------------------------- */

void irq_handle(struct kernel *kernel, unsigned irq);
/* The interrupt has no handler capability any more. */
void irq_release(struct kernel *kernel, unsigned irq);

/* --- the paths through kernel_enter ----------------------------------------------------------- */

/* Any system call, the general way. Never inlined: the fast path saves no registers on its account. */
__attribute__((noinline)) struct tcb *enter_slow_syscall(struct kernel *kernel, struct tcb *current);
/* One of the eight system calls; FAILED does not come out. */
MUST_USE enum outcome syscall_slow(struct kernel *kernel, int64_t number);
/* The name of a type, as the interface has it. */
const char *cap_type_name(enum cap_type type);
/* The unknown-syscall path: debug calls. False: it is to be a fault. */
bool debug_syscall(struct kernel *kernel, struct tcb *caller, int64_t number);
