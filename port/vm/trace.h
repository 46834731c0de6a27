/*
 * What happened in the kernel, as a ring of fixed-size events of which the newest are kept. Always there, but
 * small: it then has what the slow path does, for reports. node_trace_start() makes it larger and
 * complete: every entry of the kernel is in it, and no system call takes the fast path.
 *
 * The ring is no part of a node's state: a run is the same with and without it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node;

#define TRACE_EVENT_SIZE       64ull
#define TRACE_BUFFER_MIN       (64ull << 10)
#define TRACE_BUFFER_MAX       (4ull << 30)
#define TRACE_BUFFER_DEFAULT   (16ull << 20)
#define TRACE_SYSCALL_RETURNED 3 /* word[] in which an entry has the information word of who goes on */

/*
 * What an event is, and what its words are. `thread` is who did it, 0: nobody (an interrupt while idle);
 * `number` and `other` as said.
 */
enum trace_kind {
	/* Entries of the kernel; `other`: who runs afterwards (0: nobody), word 3: its information word. */
	TRACE_SYSCALL, /* the system call's number; cptr, information word, word 0 of the capability (if any)
			*/
	TRACE_EXCEPTION, /* enum fault_type; address or number, code, program counter */
	TRACE_INTERRUPT, /* the interrupt */

	/* What happens in an entry, following it. */
	TRACE_CLAIMED,   /* the interrupt, which stopped a system call */
	TRACE_RAISED,    /* a system call became this fault (enum fault_type); cptr or number, in a receive
			    phase?, why */
	TRACE_UNHANDLED, /* the thread's fault had no handler */
	TRACE_MESSAGE,   /* enum trace_message; to `other`: endpoint (physical) or 0, badge, information sent,
			    received */
	TRACE_SIGNAL,    /* to `other` (0: kept): notification (physical), badge; number: 1 if an interrupt
			    signals */
	TRACE_SIGNAL_TAKEN, /* notification, badge */

	/* Of `other`, whose name is in name[]. */
	TRACE_CREATED,
	TRACE_NAMED,
	TRACE_DELETED, /* `space` is where it was */

	TRACE_START, /* the trace begins here, with `other` running */

	/* What passed a port of the link device, recorded by node_trace_frame(); number: the port. */
	TRACE_FRAME_SENT,
	TRACE_FRAME_CAME,
};

enum trace_message {
	TRACE_SENT,
	TRACE_REPLIED,
	TRACE_FAULT_SENT,
	TRACE_FAULT_REPLIED,
};

/*
 *   8 time | 4 thread | 4 other | 4 lasted | 4 space | 32 word or name | 4 spare | 2 spare | 1 number | 1
 * kind
 *
 * A thread is the physical address of its TCB / 1 KiB, a space that of its root table / 4 KiB.
 */
struct trace_event {
	uint64_t time; /* guest time, ns */
	uint32_t thread, other;
	uint32_t lasted; /* of an entry, ns */
	uint32_t space;  /* of `thread`; 0: none */
	union {
		uint64_t word[4];
		char name[32]; /* ends with 0 */
	};
	uint32_t spare;
	uint16_t spare_too;
	int8_t number;
	uint8_t kind; /* enum trace_kind */
};
_Static_assert(sizeof(struct trace_event) == TRACE_EVENT_SIZE, "an event is a cache line");

/*
 * From here on all entries are recorded, in `bytes` of memory. False: the host has not enough. `clock_ns` is
 * what guest time in real time is measured with, read for each event; it is not the board's clock, for how
 * often that is read belongs to the run. NULL: events have the time at which the node last looked.
 */
bool node_trace_start(struct node *node, uint64_t bytes, uint64_t (*clock_ns)(void));
/* As before node_trace_start(); what was recorded is gone. */
void node_trace_stop(struct node *node);
bool node_trace_is_on(const struct node *node);
/* Guest time as an event that happened now would have it. */
uint64_t node_trace_time(const struct node *node);
/* In real time, the host's clock at guest time 0. */
uint64_t node_trace_origin(const struct node *node);

/* Something passed a port at `time`, which is not before the last event; the words are the caller's. */
void node_trace_frame(struct node *node, enum trace_kind kind, unsigned port, uint64_t time,
		      const uint64_t word[4]);
/* Of the link device, such as "link.b"; NULL: it has no such port. */
const char *node_trace_port_name(const struct node *node, unsigned port);

/* How many events there were so far, and how many of them (the newest) are kept. */
uint64_t node_trace_count(const struct node *node, uint64_t *kept);
/* The index-th of those kept, the oldest first. */
const struct trace_event *node_trace_event(const struct node *node, uint64_t index);

/* Of a thread or space as events have it: the address; of a living thread, its name and the space it is in.
 */
uint64_t trace_thread_paddr(uint32_t thread);
uint64_t trace_space_paddr(uint32_t space);
void node_trace_thread(struct node *node, uint32_t thread, char name[64], uint32_t *space);

/* Names from the interface's tables; "?" for what has none. */
const char *trace_syscall_name(int number);
const char *trace_capability_name(uint64_t word0);
const char *trace_message_name(int what); /* enum trace_message */
const char *trace_error_name(uint64_t number);
/* The method that an information word names, in this node's profile; "?" if it is none. */
const char *node_method_name(const struct node *node, uint64_t info);
/* Where a capability's object is in physical memory; 0: it has none. */
uint64_t trace_capability_object(uint64_t word0);
/* Is the capability invoked by a method (and not a message or a signal)? */
bool trace_capability_has_methods(uint64_t word0);
