/*
 * The objects that users make out of untyped memory, as they lie in it. Their sizes are the ABI's
 * (types.md §8). Objects name each other by kref; a C pointer to one lives only within a kernel entry.
 */
#pragma once

#include <sel4/constants.h>

#include "kernel/core/types.h"
#include "kernel/object/cap.h"
#include "port/isa.h"
#include "port/machine.h"

/*
 * A capability slot: a CNode is an array of these. All full slots of the system are on one circular
 * list, in pre-order of the derivation tree (capabilities.md §5); its head is in struct kernel.
 */
struct slot {
	struct cap cap;
	kref prev;
	uint64_t next_flags; /* kref of the next slot, and SLOT_… in its low bits */
} __attribute__((aligned(1 << seL4_SlotBits)));
_Static_assert(sizeof(struct slot) == 1 << seL4_SlotBits, "the ABI's slot size");

#define SLOT_REVOCABLE    1ull
#define SLOT_FIRST_BADGED 2ull
#define SLOT_FLAGS        3ull

/* An endpoint's queue is of senders or of receivers, never both. */
enum endpoint_state {
	ENDPOINT_IDLE,
	ENDPOINT_SEND,
	ENDPOINT_RECV,
};

struct endpoint {
	kref head;     /* of the queue of TCBs */
	uint64_t tail; /* kref; enum endpoint_state in the low bits */
};
_Static_assert(sizeof(struct endpoint) == 1 << seL4_EndpointBits, "the ABI's endpoint size");

enum notification_state {
	NOTIFICATION_IDLE,
	NOTIFICATION_WAITING,
	NOTIFICATION_ACTIVE,
};

struct notification {
	kref head;     /* of the queue of TCBs; 0 unless Waiting */
	uint64_t tail; /* kref; enum notification_state in the low bits */
	uint64_t word; /* what has been signalled, while Active */
	kref bound;    /* TCB or 0 */
};
_Static_assert(sizeof(struct notification) == 1 << seL4_NotificationBits, "the ABI's notification size");

enum thread_state {
	THREAD_INACTIVE, /* zeroed memory is an inactive thread */
	THREAD_RUNNING,
	THREAD_RESTART,
	THREAD_BLOCKED_ON_RECEIVE,
	THREAD_BLOCKED_ON_SEND,
	THREAD_BLOCKED_ON_REPLY,
	THREAD_BLOCKED_ON_NOTIFICATION,
	THREAD_IDLE,
};

/* The capability slots inside a TCB. */
enum tcb_slot {
	TCB_CSPACE,
	TCB_VSPACE,
	TCB_REPLY,  /* the master reply capability */
	TCB_CALLER, /* the reply capability for the call this thread last received */
	TCB_BUFFER, /* the frame of the IPC buffer */
	TCB_SLOTS,
};

enum fault_type {
	FAULT_NONE = 0,
	FAULT_CAP = 1,
	FAULT_UNKNOWN_SYSCALL = 2,
	FAULT_USER_EXCEPTION = 3,
	FAULT_VM = 5,
};

/* A fault that was not yet answered. Without padding, as its lookup failure. */
struct fault {
	uint8_t type; /* enum fault_type */
	bool in_receive;
	bool instruction; /* VM fault: a fetch */
	uint8_t zero[5];
	struct lookup_failure lookup;
	uint64_t address; /* cptr, system call number, exception number or fault address */
	uint64_t code;    /* exception code, or the VM fault's FSR */
};
_Static_assert(sizeof(struct fault) == 40, "no padding");

#define TCB_NAME_SIZE 64

struct tcb {
	struct slot slot[TCB_SLOTS];
	struct context context;
	uint64_t next_pc; /* NextIP */

	/* What the fast path looks at. */
	uint8_t state; /* enum thread_state */
	uint8_t priority;
	uint8_t mcp;
	uint8_t domain;
	bool queued;   /* is in a ready queue */
	uint8_t flags; /* seL4_TCBFlag */
	uint8_t time_slice;
	struct fault fault;

	/* What it is blocked on, and how the capability used for it was. */
	kref blocked_on; /* endpoint or notification */
	uint64_t sender_badge;
	bool sender_can_grant;
	bool sender_can_grant_reply;
	bool sender_is_call;
	bool receiver_can_grant;
	bool cancelling; /* its CancelBadgedSends was preempted: see decode_cnode.c */

	kref bound_notification;
	uint64_t buffer;        /* user address of the IPC buffer */
	uint64_t fault_handler; /* a cptr */

	kref ready_prev, ready_next;
	kref queue_prev, queue_next; /* of an endpoint or notification */

	char name[TCB_NAME_SIZE];
};
_Static_assert(sizeof(struct tcb) <= 1 << seL4_TCBBits, "a TCB fits into the ABI's TCB size");

/* --- between addresses and pointers ------------------------------------------------------------ */

static inline struct slot *slot_at(kref ref)
{
	return machine_pointer(ref);
}

static inline struct tcb *tcb_at(kref ref)
{
	return machine_pointer(ref);
}

static inline struct endpoint *endpoint_at(kref ref)
{
	return machine_pointer(ref);
}

static inline struct notification *notification_at(kref ref)
{
	return machine_pointer(ref);
}

static inline struct slot *slot_next(const struct slot *slot)
{
	return slot_at(slot->next_flags & ~SLOT_FLAGS);
}

static inline bool slot_is_empty(const struct slot *slot)
{
	return cap_is_null(slot->cap);
}

static inline enum endpoint_state endpoint_state(const struct endpoint *endpoint)
{
	return (enum endpoint_state)(endpoint->tail & 3);
}

static inline enum notification_state notification_state(const struct notification *notification)
{
	return (enum notification_state)(notification->tail & 3);
}
