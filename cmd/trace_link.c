/* See trace_link.h. */
#include "cmd/trace_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/wire/wire.h"
#include "port/vm/node.h"
#include "port/vm/trace.h"
#include "srv/bridge/session.h"

#define SESSIONS 4 /* of a port and direction: what comes late may be of one that is over */

#define AHEAD    1024 /* frames that can have no acknowledgement: SESSION_WINDOW / WIRE_HEADER */
_Static_assert(AHEAD *WIRE_HEADER >= SESSION_WINDOW, "all that are under way have room");

/* A session, and which frames of it were seen: all up to `seq`, and those that have a bit, by their number %
 * AHEAD. */
struct session_seen {
	uint32_t to, from, seq;
	uint64_t later[AHEAD / 64];
};

/* One direction of a port. */
struct stream {
	_Alignas(8) uint8_t bytes[WIRE_FRAME_MAX]; /* what may be the beginning of a frame */
	size_t size;
	uint64_t since; /* when they came; what is not whole for SESSION_STALE_NS is none, as for a session */
	struct session_seen session[SESSIONS];
	unsigned newest;
	bool begun; /* a session that is new has its first frame before it */
};

struct trace_link {
	trace_link_seen *seen;
	void *context;
	bool whole; /* seen since its boot */
	struct port {
		struct stream stream[2]; /* what comes, what is sent */
		uint32_t tag[SESSIONS],
			tags; /* the node's own, as it said last in HELLO, and how many there were */
	} port[BOARD_PORTS];
};

void trace_link_to_node(void *node, unsigned port, bool sent, uint64_t time, const struct trace_frame *frame)
{
	uint64_t word[4] = {0};

	memcpy(word, frame, sizeof *frame);
	node_trace_frame(node, sent ? TRACE_FRAME_SENT : TRACE_FRAME_CAME, port, time, word);
}

struct trace_link *trace_link_create(trace_link_seen *seen, void *context, bool begins)
{
	struct trace_link *link = calloc(1, sizeof *link);

	if (!link)
		return NULL;
	link->seen = seen;
	link->context = context;
	link->whole = begins;
	for (unsigned port = 0; port < BOARD_PORTS; port++)
		link->port[port].stream[0].begun = link->port[port].stream[1].begun = begins;
	return link;
}

void trace_link_destroy(struct trace_link *link)
{
	free(link);
}

/* The entry of the frame's session, maybe a new one. */
static struct session_seen *session_of(struct stream *stream, const struct wire_header *frame)
{
	struct session_seen *session;

	for (unsigned i = 0; i < SESSIONS; i++)
		if (stream->session[i].to == frame->to && stream->session[i].from == frame->from)
			return &stream->session[i];
	stream->newest = (stream->newest + 1) % SESSIONS;
	session = &stream->session[stream->newest];
	*session = (struct session_seen){
		.to = frame->to, .from = frame->from, .seq = stream->begun ? 0 : frame->seq - 1};
	stream->begun = true;
	return session;
}

/* The next one is seen, or will never be. */
static void go_on(struct session_seen *session)
{
	session->seq++;
	session->later[session->seq % AHEAD / 64] &= ~(1ull << session->seq % 64);
}

/*
 * What was acknowledged before the trace began is not sent again, and so is missing for ever; one that is
 * AHEAD frames later says so.
 */
static bool is_first(struct session_seen *session, uint32_t seq)
{
	uint32_t ahead = seq - session->seq - 1, next;
	uint64_t *later = &session->later[seq % AHEAD / 64], bit = 1ull << seq % 64;

	if (ahead > UINT32_MAX / 2)
		return false;
	if (ahead >= 2 * AHEAD)
		*session = (struct session_seen){.to = session->to, .from = session->from, .seq = seq - 1};
	while (seq - session->seq - 1 >= AHEAD)
		go_on(session);
	if (*later & bit)
		return false;
	*later |= bit;
	while (next = session->seq + 1, session->later[next % AHEAD / 64] >> next % 64 & 1)
		go_on(session);
	return true;
}

/* Another number for each frame of each session: the finisher of MurmurHash3 mixes it. */
static uint64_t flow_of(const struct wire_header *frame)
{
	uint64_t flow = (uint64_t)frame->to << 32 | frame->from;

	for (unsigned i = 0; i < 2; i++) {
		flow ^= flow >> 33;
		flow *= 0xff51afd7ed558ccdull;
		flow ^= flow >> 33;
		flow *= 0xc4ceb9fe1a85ec53ull;
		flow ^= flow >> 33;
		flow += i == 0 ? frame->seq : 0;
	}
	return (flow & (TRACE_FLOW_LINK - 1)) | TRACE_FLOW_LINK;
}

static bool is_own_tag(const struct port *port, uint32_t tag)
{
	for (unsigned i = 0; i < SESSIONS; i++)
		if (port->tag[i] == tag)
			return true;
	return false;
}

static void understand(struct stream *stream, const struct wire_header *frame, struct trace_frame *seen)
{
	const struct wire_bye *bye = (const void *)(frame + 1);
	struct wire_message message;

	if (frame->type == WIRE_BYE && frame->length == sizeof *bye)
		seen->export = bye->reason;
	if (frame->type != WIRE_DATA)
		return;
	if (!seen->stray && is_first(session_of(stream, frame), frame->seq))
		seen->flow = flow_of(frame);
	if (!wire_decode(frame + 1, frame->length, &message))
		return;
	seen->kind = message.kind;
	seen->outcome = message.outcome;
	seen->words = message.word_count;
	seen->capabilities = message.cap_count;
	seen->number = message.number;
	seen->export = message.export;
	seen->label = message.label;
}

/* Acknowledgements alone are not shown. */
static void record(struct trace_link *link, unsigned number, bool sent, uint64_t time,
		   const struct wire_header *frame)
{
	struct port *port = &link->port[number];
	struct trace_frame seen = {.type = frame->type};

	if (frame->type == WIRE_ACK)
		return;
	if (sent && frame->type == WIRE_HELLO && !is_own_tag(port, frame->from))
		port->tag[port->tags++ % SESSIONS] = frame->from;
	seen.stray = !sent && link->whole && !is_own_tag(port, frame->to);
	understand(&port->stream[sent], frame, &seen);
	link->seen(link->context, number, sent, time, &seen);
}

/* No frame begins here: goes on where one may. */
static size_t skip(const struct stream *stream)
{
	const uint8_t *next = memchr(stream->bytes + 1, WIRE_MAGIC & 0xff, stream->size - 1);

	return next ? (size_t)(next - stream->bytes) : stream->size;
}

/* Adds as much as has room; how much that was. */
static size_t add(struct stream *stream, uint64_t time, const uint8_t *bytes, size_t size)
{
	size_t room = sizeof stream->bytes - stream->size;

	size = size < room ? size : room;
	if (stream->size == 0)
		stream->since = time;
	memcpy(stream->bytes + stream->size, bytes, size);
	stream->size += size;
	return size;
}

static void drop(struct stream *stream, uint64_t time, size_t size)
{
	stream->size -= size;
	stream->since = time;
	memmove(stream->bytes, stream->bytes + size, stream->size);
}

void trace_link_pass(struct trace_link *link, unsigned port, bool sent, uint64_t time, const void *bytes,
		     size_t size)
{
	struct stream *stream = &link->port[port].stream[sent];
	const struct wire_header *frame = (const void *)stream->bytes;
	const uint8_t *at = bytes, *end = at + size;
	enum wire_look look;

	while ((look = wire_look(stream->bytes, stream->size)) != WIRE_SHORT || at < end) {
		if (look == WIRE_WHOLE) {
			record(link, port, sent, time, frame);
			drop(stream, time, WIRE_HEADER + frame->length);
		} else if (look == WIRE_BAD ||
			   (stream->size > 0 && time - stream->since > SESSION_STALE_NS)) {
			drop(stream, time, skip(stream));
		} else {
			at += add(stream, time, at, (size_t)(end - at));
		}
	}
}

/* --- for the reader ---------------------------------------------------------------------------------- */

static void name_of(const struct trace_frame *frame, bool sent, const char *peer, char *name, size_t size)
{
	const char *what = wire_kind_text(frame->kind), *again = "";

	if (frame->type == WIRE_HELLO || frame->type == WIRE_BYE)
		what = frame->type == WIRE_HELLO ? "hello" : "bye";
	else if (!frame->flow)
		again = frame->stray ? ", too late" : ", again";
	snprintf(name, size, "%s %s %s%s", what, sent ? "to" : "from", peer, again);
}

static void args_of(const struct trace_frame *frame, struct trace_args *args)
{
	static const char *const outcomes[OUTCOMES] = {[OUTCOME_DONE] = "done",
						       [OUTCOME_NOT_DELIVERED] = "not delivered",
						       [OUTCOME_UNKNOWN] = "unknown",
						       [OUTCOME_REVOKED] = "revoked"};

	if (frame->number)
		trace_arg_number(args, "operation", frame->number);
	if (frame->type == WIRE_BYE)
		trace_arg_text(args, "reason", wire_reason_text(frame->export));
	else if (frame->export)
		trace_arg_number(args, "export", frame->export);
	if (frame->outcome && frame->outcome < OUTCOMES)
		trace_arg_text(args, "outcome", outcomes[frame->outcome]);
	if (frame->kind == WIRE_CALL || frame->kind == WIRE_SEND || frame->outcome == OUTCOME_DONE) {
		trace_arg_number(args, "label", frame->label);
		trace_arg_number(args, "length", frame->words);
		trace_arg_number(args, "capabilities", frame->capabilities);
	}
}

/* The other end of the arrow is in another node's trace. */
void trace_frame_write(struct trace_file *file, struct trace_point at, const struct trace_frame *frame,
		       bool sent, const char *peer)
{
	enum trace_flow flow = sent ? TRACE_FLOW_BEGINS : TRACE_FLOW_ENDS;
	struct trace_args args = {.count = 0};
	char name[64];

	name_of(frame, sent, peer, name, sizeof name);
	args_of(frame, &args);
	trace_file_instant(file, at, "link", name, &args, frame->flow ? flow : TRACE_FLOW_NONE, frame->flow);
}
