/*
 * The transport of one peer: sessions over a port that may lose, repeat, reorder and spoil what it carries
 * (doc/CLUSTER.md). Within a session each message arrives exactly once and in order; none arrives in another.
 *
 * Bytes go in, frames come out by a callback, events are taken one at a time; time is told, never asked for.
 * Nothing is allocated. The owner
 *
 *	- calls session_link() when the port opens and closes, session_ready() when it has room again,
 *	- gives what arrives to session_next() until that returns false, and does what the events say,
 *	- calls session_tick() at session_deadline() or later and then takes events (session_next() with no
 * input).
 */
#ifndef SRV_BRIDGE_SESSION_H
#define SRV_BRIDGE_SESSION_H

#include "cluster/wire/wire.h"

#define SESSION_MS       1000000ull
#define SESSION_LEASE_NS (1000 * SESSION_MS) /* unheard for so long, the peer is gone */
#define SESSION_PING_NS  (250 * SESSION_MS)  /* a sign of life after so much own silence */
#define SESSION_ACK_NS   (2 * SESSION_MS)    /* an acknowledgement waits so long for a frame to go with */
#define SESSION_RTO_NS                                                                                       \
	(30 *                                                                                                \
	 SESSION_MS) /* sent again after so long without one, or two round trips; then twice as long, … */
#define SESSION_RTO_MAX  (250 * SESSION_MS)
#define SESSION_REST_NS  (30 * SESSION_MS)   /* nor so long after a BYE, or after one began */
#define SESSION_HOLD_NS  (1000 * SESSION_MS) /* no new session so long after a peer broke the protocol */
#define SESSION_STALE_NS (50 * SESSION_MS)   /* the rest of a frame does not come so late any more */
#define SESSION_STASH    64                  /* messages that came too early, at most */
#define SESSION_WINDOW   32768               /* bytes of frames that wait for an acknowledgement */

struct session_config {
	/* Sends a frame whole (true) or, for want of room, not at all: session_ready() tells when to try
	 * again. */
	bool (*write)(void *context, const void *frame, size_t size);
	void *context;
	char self[WIRE_NAME_SIZE], peer[WIRE_NAME_SIZE]; /* wire_is_name() */
	uint64_t epoch;                                  /* different at each start of this node */
	/* Tags follow from it. A program that knew them could send words that look like frames. */
	uint64_t secret;
	struct wire_credits credits; /* what is granted to the peer */
};

struct session_counters {
	uint64_t sessions; /* begun */
	uint64_t frames_in, frames_out, bytes_in, bytes_out;
	uint64_t messages_in, messages_out;
	uint64_t skipped;          /* bytes in that belong to no frame */
	uint64_t strays;           /* frames of no session, or of another one */
	uint64_t duplicates, gaps; /* DATA frames that came again; that came too early */
	uint64_t resent, blocked;  /* frames sent again; writes refused */
	uint64_t refused;          /* HELLOs that cannot begin a session */
};

enum session_event_kind {
	SESSION_UP,    /* messages may be sent */
	SESSION_ENDED, /* told once for each SESSION_UP; what was not delivered never will be */
	SESSION_MESSAGE,
};

struct session_event {
	enum session_event_kind kind;
	uint32_t reason;     /* ENDED: enum wire_reason; if by the peer, any number */
	bool by_peer;        /* ENDED: it was the peer who said so */
	const void *message; /* MESSAGE: valid until the next call; aligned to 8 */
	size_t size;
};

/* Bytes that arrived; session_next() moves it on. */
struct session_input {
	const uint8_t *at;
	size_t left;
};

/* Times are of `clock`, which goes as what the owner tells but never back. */
struct session {
	struct session_config config;
	struct session_counters counters;
	uint64_t clock, told_ns;
	uint32_t tag_count;
	bool linked, blocked;

	/* A session, if `live`, is a pair of tags. */
	bool live;
	bool up_untold, ended_untold; /* events */
	struct session_event ended;
	uint32_t mine, theirs;
	uint64_t begun_at;
	uint64_t peer_epoch;
	struct wire_credits peer_credits;
	uint32_t last_reason; /* of the last end or refusal, enum wire_reason; 0: there was none */

	/* Beginning another one */
	uint32_t candidate;                  /* the tag that it would have here; 0: none yet (only if live) */
	uint32_t heard;                      /* the peer's; 0: none */
	bool hello_wanted, challenge_wanted; /* the answer to `heard` of a side that has a session */
	uint64_t hello_at, hello_wait, hold_until;

	/* A last word to the peer */
	bool bye_wanted;
	uint32_t bye_to, bye_from;
	struct wire_bye bye;

	/* Receiving */
	uint32_t received;         /* the last seq in order */
	uint32_t gap_told;         /* … when a gap was last reported */
	bool ack_wanted;           /* now */
	uint64_t ack_at, heard_at; /* UINT64_MAX: nothing is to be acknowledged */
	unsigned stashed; /* messages in `stash` that came too early, in any order, and are not due yet */
	size_t stash_used;
	struct {
		uint32_t seq, at, size;
	} early[SESSION_STASH];
	size_t unacked;                     /* bytes received since the last acknowledgement */
	size_t partial_size, partial_taken; /* in `partial`; of these, of a frame that was taken */
	uint64_t partial_at; /* since when it begins with what may be the beginning of a frame */

	/* Sending: frames not yet acknowledged, the oldest at `head`, in `ring`, where none wraps around */
	uint32_t next_seq, acked,
		sent;        /* of the next frame; of the last acknowledged; of the last ever written */
	uint32_t cursor_seq; /* of the frame to be written next, at `cursor` */
	uint32_t gap_seq;    /* the last acknowledgement with which a gap was reported */
	bool oldest_wanted;  /* again, for that */
	size_t head, tail, cursor;
	size_t wrap; /* where the ring goes on at 0, if `wrapped` */
	bool wrapped;
	size_t waiting; /* bytes of all these frames */
	uint64_t sent_at, resend_at, resend_wait;
	bool timing; /* how long frame `timed_seq`, first sent at `timed_at`, takes to be acknowledged */
	uint32_t timed_seq;
	uint64_t timed_at, round_trip; /* round_trip: smoothed */

	_Alignas(8) uint8_t partial[WIRE_FRAME_MAX]; /* the beginning of a frame */
	_Alignas(8) uint8_t ring[SESSION_WINDOW];
	_Alignas(8) uint8_t stash[SESSION_WINDOW];
};
_Static_assert(sizeof(struct session) <= 80 << 10, "memory of a session");

/* The port is closed at first. */
void session_init(struct session *, const struct session_config *, uint64_t now_ns);

void session_link(struct session *, uint64_t now_ns, bool open);
void session_ready(struct session *, uint64_t now_ns);
void session_tick(struct session *, uint64_t now_ns);

/* When session_tick() is to be called next; UINT64_MAX: not before something else happens. If the clock is
   set back, earlier: it is then to be called once, and this asked again. */
uint64_t session_deadline(const struct session *);

/* The next event, from `input` (NULL: there is none) or of what happened before. False: there is no more, and
   all input is taken. */
bool session_next(struct session *, uint64_t now_ns, struct session_input *input,
		  struct session_event *event);

/* May messages be sent? From the event SESSION_UP to the event SESSION_ENDED. */
bool session_is_up(const struct session *);

/* Where to write a message of `size` bytes (a multiple of 8, at most WIRE_PAYLOAD_MAX), or NULL: the session
   is not up or its window is full, until more is acknowledged. */
void *session_reserve(struct session *, size_t size);

/* Sends what was just reserved and then written; `size` as then. */
void session_commit(struct session *, uint64_t now_ns, size_t size);

/* Ends it, tells the peer why, and makes the event. Nothing happens if there is no session. */
void session_end(struct session *, uint64_t now_ns, enum wire_reason reason);

#endif
