/*
 * What passes a node's links, for its trace: the streams of bytes, as its host sees them, cut into frames and
 * understood. A message is the same event at both nodes: `flow`, made of its session and its place in that,
 * is nobody else's, and so the two nodes need not know of each other.
 */
#ifndef SKERRY_CMD_TRACE_LINK_H
#define SKERRY_CMD_TRACE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/trace_file.h"

/* The words of an event TRACE_FRAME_SENT or TRACE_FRAME_CAME. */
struct trace_frame {
	uint64_t flow;         /* 0: no message, or one that is sent, or has come, again */
	uint64_t label;        /* of a message */
	uint32_t number;       /* its operation */
	uint32_t export;       /* what it is for; of a BYE, the reason */
	uint8_t type;          /* enum wire_type */
	uint8_t kind, outcome; /* enum wire_kind, enum wire_outcome */
	uint8_t words, capabilities;
	bool stray; /* to nobody that is or was at this node since its boot */
};
_Static_assert(sizeof(struct trace_frame) <= 32, "the words of an event");

#define TRACE_FLOW_BITS 53 /* in all: what viewers that read JSON can tell apart */
#define TRACE_FLOW_LINK (1ull << (TRACE_FLOW_BITS - 1)) /* a bit that arrows inside of a node do not have */

/* Gets what was understood. */
typedef void trace_link_seen(void *context, unsigned port, bool sent, uint64_t time,
			     const struct trace_frame *frame);
trace_link_seen trace_link_to_node; /* makes it an event of a node, `context` */

struct trace_link;

/* `begins`: the node has not run yet, so its sessions are seen whole. NULL: no memory. */
struct trace_link *trace_link_create(trace_link_seen *seen, void *context, bool begins);
void trace_link_destroy(struct trace_link *link);
/* These bytes were sent by the node, or given to it, at `time`. */
void trace_link_pass(struct trace_link *link, unsigned port, bool sent, uint64_t time, const void *bytes,
		     size_t size);

/* What a reader is told of it: "call to b", and where its arrow goes. */
void trace_frame_write(struct trace_file *file, struct trace_point at, const struct trace_frame *frame,
		       bool sent, const char *peer);

#endif
