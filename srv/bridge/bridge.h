/*
 * The bridge: a process on each node that stands in for the endpoints and notifications of other nodes.
 *
 * All proxies are badged copies of one endpoint, at which the main thread receives; that is how a proxy which
 * is sent somewhere comes back unwrapped and is recognised. A message to a proxy becomes an operation of the
 * peer whose object it stands for (call.c). What peers ask for is done by workers (serve.c): threads of one
 * priority more than the main thread, so that in the order in which it starts them their messages arrive at
 * the servers. The main thread never waits for anything but its endpoint and its notification, and changes
 *all tables alone; a worker only touches its own struct worker and IPC buffer, and only while it is
 * WORKER_RUNNING.
 *
 *	main.c    start, the loop, time          peer.c    sessions, what is told to peers, their ends
 *	call.c    operations that go out         serve.c   operations that come in, workers
 *	caps.c    capabilities to and fro        third.c   those of third nodes
 *	control.c requests of this node's programs
 *	table.c   exports and imports            names.c   who claims which name
 *	status.c  the control port               start.c   in the root server: cluster_start()
 *
 * All memory is one struct bridge, made at the start.
 */
#pragma once

#include <sel4/sel4.h>
#include <skerry/process.h>
#include "cluster/wire/wire.h"
#include "srv/bridge/names.h"
#include "srv/bridge/ports.h"
#include "srv/bridge/session.h"
#include "srv/bridge/table.h"

enum {
	BRIDGE_WORKERS = 48, /* at most */
	BRIDGE_REPLIES = 256,
	BRIDGE_WATCHERS = 16,
	BRIDGE_SLEEPERS = 32,
	BRIDGE_OPERATIONS = 1 << TABLE_PLACE_BITS,
	BRIDGE_HELD =
		64, /* messages without an answer that wait, for each peer: beyond, nobody is received from */
	BRIDGE_SESSIONS = 1 << 29, /* numbers of sessions that fit a badge */
	BRIDGE_RESERVE = 128,      /* operations kept free for other things than these */
	BRIDGE_CNODE_BITS = 12,
	BRIDGE_QUEUES = TABLE_PLACES + TABLE_PEERS, /* one for each import, and for what belongs to none */
};

#define BRIDGE_PROBE_NS   (500 * SESSION_MS)  /* how often exports are looked at */
#define BRIDGE_CLAIM_NS   (5000 * SESSION_MS) /* how long an export for a third node waits to be claimed */
#define BRIDGE_HEAR_NS    (1000 * SESSION_MS) /* … and a capability for home and receiver to hear each other */
#define BRIDGE_RETRY_NS   (20 * SESSION_MS)   /* how often it is looked whether they do */
#define BRIDGE_ANSWER_NS  (5000 * SESSION_MS) /* what a peer's bridge answers itself, it answers sooner */

/* What needs no credit takes so much of a peer's time, which may be so far ahead. */
#define BRIDGE_FRAME_NS   UINT64_C(8000) /* an announcement, a frame without a message */
#define BRIDGE_BYTE_NS    UINT64_C(1000) /* a byte of no frame: at worst one looks for a frame behind each */
#define BRIDGE_AHEAD_NS   SESSION_MS
#define BRIDGE_RELEASE_NS (2 * SESSION_MS)   /* how long ended imports are gathered for one message */
#define BRIDGE_RETURN_NS  (100 * SESSION_MS) /* how long a worker may wait to return a capability */

/* The bridge's slots. */
enum {
	SLOT_ENDPOINT = SK_PROCESS_FIRST_FREE,
	SLOT_NOTIFICATION,
	SLOT_CLOCK_IRQ,
	SLOT_PORTS_IRQ,
	SLOT_SPARE_IRQ, /* of an interrupt that never comes */
	SLOT_RECEIVE,
	SLOT_PROBE,
	SLOT_EMPTY, /* always */
	SLOT_WORKER_TCB = 16,
	SLOT_WORKER_START = SLOT_WORKER_TCB + BRIDGE_WORKERS,   /* notifications that they wait for */
	SLOT_WORKER_DONE = SLOT_WORKER_START + BRIDGE_WORKERS,  /* badged copies of our notification … */
	SLOT_WORKER_RETURN = SLOT_WORKER_DONE + BRIDGE_WORKERS, /* … and of our endpoint */
	SLOT_WORKER_RECEIVE = SLOT_WORKER_RETURN + BRIDGE_WORKERS,
	SLOT_WATCHER = SLOT_WORKER_RECEIVE + BRIDGE_WORKERS,
	SLOT_NAME = SLOT_WATCHER + BRIDGE_WATCHERS,
	SLOT_REPLY = 512,
	SLOT_IMPORT = 1024,
	SLOT_EXPORT = SLOT_IMPORT + TABLE_PLACES,
	SLOT_END = SLOT_EXPORT + TABLE_PLACES,
};
_Static_assert(SLOT_NAME + NAMES_EACH <= SLOT_REPLY && SLOT_REPLY + BRIDGE_REPLIES <= SLOT_IMPORT &&
		       SLOT_END < 1 << BRIDGE_CNODE_BITS,
	       "slots do not overlap");

/*
 * Badges of the endpoint: a proxy's is its session's number above, the import's name below. 0 above are
 * control capabilities. Those of the notification: ports.h, and a bit for each worker in the low word.
 */
#define BADGE_RETURN (UINT64_C(1) << 62) /* a worker's */

static inline seL4_Word badge_of_proxy(uint32_t session, uint32_t name)
{
	return (seL4_Word)session << 32 | name;
}

/* --- what goes out ------------------------------------------------------------------------------ */

/* A capability in a message, beyond what wire.h knows: one that is being sent to or claimed from a third
 * node. */
enum { CAP_PENDING = WIRE_CAP_KINDS, CAP_IMPORTED };

/* Which of our messages some operation is for; its serial says whether it is still that one. */
struct dependent {
	uint32_t serial;
	uint16_t index; /* of an operation, or BRIDGE_OPERATIONS + of a worker; TABLE_NONE: of none */
	uint8_t cap;
};

enum operation_state {
	OPERATION_FREE,
	OPERATION_PENDING,  /* waits in its queue for capabilities that go to a third node */
	OPERATION_HELD,     /* waits in its queue for credit */
	OPERATION_SENT,     /* waits for its result */
	OPERATION_WAITING,  /* GIVE or CLAIM: for home and receiver to hear each other (third.c) */
	OPERATION_CLAIMING, /* has its result, whose capabilities are being claimed from a third node */
};

/* What is to be done with the result. */
enum operation_purpose {
	PURPOSE_CALL, /* a client waits for the answer */
	PURPOSE_SEND,
	PURPOSE_SIGNAL,
	PURPOSE_LOOKUP, /* a client waits for the capability */
	PURPOSE_GIVE,
	PURPOSE_CLAIM,
};

/* An operation's number is its serial above, its place below. */
struct operation {
	uint32_t serial;
	uint16_t next;  /* of its queue, or free */
	uint16_t queue; /* an import's place, or TABLE_PLACES + the peer */
	uint16_t reply; /* TABLE_NONE: nobody waits */
	uint8_t state, purpose, peer;
	uint8_t pending;             /* capabilities with a third node */
	uint8_t carries;             /* proxies, which stay until the result comes: */
	uint32_t carried[WIRE_CAPS]; /* their imports' names */
	struct dependent dependent;
	uint64_t since;              /* SENT */
	uint64_t until;              /* GIVE or CLAIM: so long it may wait; 0: it has not yet */
	struct wire_message message; /* words and name point into this operation if it is not SENT */
	char name[WIRE_NAME_SIZE];
	uint64_t words[WIRE_WORDS];
};

struct queue {
	uint16_t first, last; /* operations */
	uint16_t next;        /* of the peer's queues with some that wait */
	uint16_t outstanding; /* sent and without a result */
	bool waiting;         /* is among those */
};

/* --- what comes in ------------------------------------------------------------------------------ */

enum worker_state {
	WORKER_FREE,
	WORKER_CLAIMING, /* capabilities of its message are being claimed from a third node */
	WORKER_PARKED,   /* behind a CLAIMING one for the same export */
	WORKER_RUNNING,
	WORKER_GIVING, /* capabilities of its result go to a third node */
	WORKER_RESULT, /* the result waits for room */
};

/* An operation of a peer. Its thread takes part in calls and messages only. */
struct worker {
	/* Of the thread. */
	seL4_IPCBuffer *buffer;
	seL4_Word stack_top, tls;
	bool begun;
	volatile bool call; /* else a message without an answer */
	seL4_CPtr target;
	seL4_MessageInfo_t info; /* of the message, then of the answer */
	volatile bool returning; /* gives the main thread the capability of the answer */
	volatile bool done;

	uint8_t state, peer, kind; /* kind: enum wire_kind */
	uint8_t outcome;
	uint8_t pending;
	uint32_t serial; /* counts uses */
	uint32_t order;  /* among all that came in */
	uint32_t number, export;
	uint64_t label, since; /* since: seen returning, with nobody to receive */
	unsigned word_count, cap_count;
	struct wire_cap caps[WIRE_CAPS];
};

/* --- peers -------------------------------------------------------------------------------------- */

struct peer {
	struct bridge *bridge;
	unsigned port;
	uint32_t number;      /* of the session, never used again; 0: there is none */
	uint16_t first, last; /* queues in which operations wait */
	uint16_t outstanding; /* operations sent and without a result */
	uint16_t apart;       /* who does not hear it: third.c */
	uint16_t held;        /* messages without an answer that wait */
	uint16_t serving;     /* workers */
	unsigned opened;      /* as the port last said */
	uint64_t announced;   /* messages that need no credit */
	uint64_t frames,
		skipped;     /* without a message, or announcing; of no frame: for which time was taken */
	uint64_t busy_until; /* … up to then */
	bool resting;        /* it is too far ahead: what more has come waits in the port */
	bool untold;         /* there is something to tell: results, exports revoked, imports ended, … */
	uint16_t ended, revoked; /* … imports that ended, exports that were revoked: lists */
	uint64_t release_at;     /* when the imports are to be told; UINT64_MAX: there are none */
	uint64_t untold_names;   /* … own claims, by place */
	struct session session;  /* large, and so the last */
};

/* A program that waits for a time. */
struct sleeper {
	uint64_t until; /* UINT64_MAX: the place is free */
	uint16_t reply;
};

struct counters {
	uint64_t calls, messages, signals;        /* of this node's programs to others */
	uint64_t served;                          /* of others, by workers */
	uint64_t not_delivered, unknown, revoked; /* outcomes told */
	uint64_t absent;                          /* capabilities that did not travel */
	uint64_t closed;                          /* times that the endpoint was closed for want of credit */
};

struct bridge {
	struct bridge_ports ports;
	seL4_IPCBuffer *ipc;
	unsigned worker_count, peer_count;
	unsigned worker_share; /* operations that each peer may have here */
	unsigned export_share; /* exports that are taken of each */
	uint64_t epoch;        /* 0: not told yet */
	unsigned control_port;
	uint64_t key, drawn; /* of the secret numbers; how many there were */
	char line[64];       /* of the control port: one that is not complete */
	unsigned line_size;

	uint64_t now;  /* of this round of the loop */
	uint64_t told; /* … by the clock, which may be set */
	uint64_t alarm_at, probe_at;
	uint32_t sessions; /* numbers given */
	uint32_t arrivals; /* order of workers */
	unsigned claiming; /* workers that are CLAIMING or PARKED */
	bool open;         /* is the endpoint received from */
	bool answering; /* the caller of the request at hand gets this when the next message is received: */
	seL4_MessageInfo_t answer;
	uint64_t watchers; /* bits */
	bool news;         /* for them */

	struct peer peers[TABLE_PEERS];
	struct exports exports;
	struct imports imports;
	struct names names;
	unsigned name_count;             /* own */
	uint8_t name_object[NAMES_EACH]; /* enum wire_object */
	uint32_t name_export[NAMES_EACH]
			    [TABLE_PEERS]; /* the export that a peer got by OPEN, if it is still there */

	/* Those from `operations_begun` on were never used, and nor was their memory. */
	uint16_t first_free, operations_free, operations_begun;
	uint16_t first_reply, replies_used;
	uint16_t next_reply[BRIDGE_REPLIES];
	struct sleeper sleepers[BRIDGE_SLEEPERS];
	uint64_t sleep_at; /* the first of them */
	uint64_t retry_at; /* what waits in third.c */
	struct counters counters;
	struct worker workers[BRIDGE_WORKERS];
	struct queue queues[BRIDGE_QUEUES];
	struct operation operations[BRIDGE_OPERATIONS];
	_Alignas(8) uint8_t input[4096];
};

#define BRIDGE_ADDRESS 0x70000000ul /* of struct bridge in the process */

static inline unsigned peer_index(const struct bridge *b, const struct peer *peer)
{
	return (unsigned)(peer - b->peers);
}

/* A message that arrived, out of the way of the system calls that follow. */
struct arrival {
	seL4_Word badge;
	seL4_MessageInfo_t info;
	struct arrival_words {
		seL4_Word first[6]; /* the message registers that system calls spoil */
	} words;
	struct arrival_caps {
		seL4_Word badge[WIRE_CAPS];
	} caps;
	uint16_t reply; /* a place of SLOT_REPLY, or TABLE_NONE: nobody waits for an answer */
};

/* Did a capability come that lies in SLOT_RECEIVE? Unwrapped ones do not. */
static inline bool has_received(const struct arrival *a)
{
	seL4_Word all = (UINT64_C(1) << seL4_MessageInfo_get_extraCaps(a->info)) - 1;

	return seL4_MessageInfo_get_capsUnwrapped(a->info) != all;
}

void bridge_main(void *bridge);

/* --- caps.c ------------------------------------------------------------------------------------- */

/* Is there a capability in the slot? */
bool slot_is_used(unsigned slot);
void slot_delete(unsigned slot);
void slot_move(unsigned to, unsigned from);
bool slot_copy(unsigned to, unsigned from);

/* enum wire_object of what is in the slot; 0: something else, which does not travel. */
unsigned object_of(unsigned slot);

/* The proxy with that badge, or null; *peer is whose. */
struct import *import_of_badge(struct bridge *, seL4_Word badge, unsigned *peer);

/*
 * Describes to the peer a capability that came with a message: unwrapped (its badge), or in the slot, which
 * is empty afterwards. CAP_PENDING: another operation has been started for `dependent`, which says when it is
 * ready.
 */
struct wire_cap cap_out(struct bridge *, unsigned peer, bool unwrapped, seL4_Word badge, unsigned slot,
			struct dependent dependent);

/* Finds or makes what the peer describes; false: it lies, and its session has been ended. CAP_PENDING as
 * above. */
bool cap_in(struct bridge *, unsigned peer, struct wire_cap *cap, struct dependent dependent);

/* The slots of what came in, for a message of ours; their number. */
unsigned caps_deliver(struct bridge *, unsigned peer, const struct wire_cap *caps, unsigned count,
		      seL4_Word slots[WIRE_CAPS]);

/* The same for an answer to that caller, who may be gone. */
unsigned caps_answer(struct bridge *, unsigned peer, uint16_t reply, const struct wire_cap *caps,
		     unsigned count, seL4_Word slots[WIRE_CAPS]);

/* What was revoked before it could be sent goes absent: the peer has been told already that it is gone. */
void caps_check(struct bridge *, unsigned peer, struct wire_cap *caps, unsigned count);

/* Gives up what was described to the peer but never sent. */
void caps_drop(struct bridge *, unsigned peer, struct wire_cap *caps, unsigned count);

/* Gives up what came in but was not delivered. */
void caps_forget(struct bridge *, const struct wire_cap *caps, unsigned count);

/* What became of a CAP_PENDING one. */
void cap_ready(struct bridge *, struct dependent dependent, struct wire_cap cap);

/* Looks at all exports and published names for what has been revoked meanwhile. */
void exports_probe(struct bridge *);
void export_delete(struct bridge *, struct export *);
void export_revoke(struct bridge *, struct export *);

/* All copies of the proxy die; the peer will be told to count us out. */
void import_drop(struct bridge *, struct import *);

/* … if no program needs it any more and nothing waits that was sent through it. */
void import_settle(struct bridge *, struct import *);

/* --- third.c ------------------------------------------------------------------------------------ */

/* A proxy of another peer's object that is sent to the peer: its home is asked for an export to that. */
struct wire_cap third_out(struct bridge *, unsigned peer, const struct import *, struct dependent);

/* A capability that the peer got from its home for us. */
struct wire_cap third_in(struct bridge *, unsigned peer, const struct wire_cap *, struct dependent);

/* Of GIVE or CLAIM; false: the peer lies. */
bool third_result(struct bridge *, struct operation *, const struct wire_message *);
void thirds_retry(struct bridge *);
void thirds_heard(struct bridge *, unsigned peer); /* it is up */

/* --- call.c ------------------------------------------------------------------------------------- */

void calls_init(struct bridge *);

/* A message of a program to a proxy. */
void client_message(struct bridge *, struct arrival *);

/* A new operation, or null; its message is to be filled in. */
struct operation *operation_new(struct bridge *, unsigned peer, unsigned queue, unsigned purpose);
void operation_free(struct bridge *, struct operation *);
void operation_submit(struct bridge *, struct operation *, const uint64_t *words);
void operation_cap_ready(struct bridge *, struct dependent, struct wire_cap);
void operations_end(struct bridge *, unsigned peer);

/* Who does not answer what it could answer at once is not worth a session; callers may be gone. */
void operations_probe(struct bridge *);
void operations_revoke(struct bridge *, unsigned queue); /* that wait in it */
void queues_run(struct bridge *, unsigned peer);
void result_in(struct bridge *, unsigned peer, const struct wire_message *);
struct operation *operation_find(struct bridge *, uint32_t number);

static inline uint32_t operation_number(const struct bridge *b, const struct operation *operation)
{
	return operation->serial << TABLE_PLACE_BITS | (unsigned)(operation - b->operations);
}

static inline struct dependent operation_dependent(const struct bridge *b, const struct operation *operation)
{
	return (struct dependent){operation->serial, (uint16_t)(operation - b->operations), 0};
}

uint16_t reply_save(struct bridge *);
void reply_free(struct bridge *, uint16_t reply);
void reply_error(struct bridge *, uint16_t reply, enum wire_outcome outcome);
void reply_label(struct bridge *, uint16_t reply, seL4_Word label);

/* --- serve.c ------------------------------------------------------------------------------------ */

void request_in(struct bridge *, unsigned peer, const struct wire_message *);
void workers_done(struct bridge *, uint64_t bits);
void worker_returned(struct bridge *, struct arrival *);
void worker_cap_ready(struct bridge *, struct dependent, struct wire_cap);
bool workers_tell(struct bridge *, unsigned peer); /* false: there is no room for some result */
void workers_end(struct bridge *, unsigned peer);
void workers_revoke(struct bridge *, unsigned peer, uint32_t export);
void workers_expire(struct bridge *);

/* --- peer.c ------------------------------------------------------------------------------------- */

void peers_boot(struct bridge *); /* the epoch is known */
void peer_input(struct bridge *, unsigned peer);
void peers_rested(struct bridge *); /* those that were resting long enough */
void peer_events(struct bridge *, unsigned peer, struct session_input *);
bool peer_send(struct bridge *, unsigned peer, const struct wire_message *);
void peer_blame(struct bridge *, unsigned peer, enum wire_reason);
void peer_settle(struct bridge *, unsigned peer); /* unless: */
void names_tell(struct bridge *, int place);
int peer_find(const struct bridge *, const char *name);

static inline bool peer_is_settled(const struct peer *peer)
{
	return !peer->session.up_untold && !peer->session.ended_untold && peer->first == TABLE_NONE &&
	       !peer->untold;
}

static inline bool peer_is_up(const struct bridge *b, unsigned peer)
{
	return b->peers[peer].number != 0;
}

/* --- control.c, status.c ------------------------------------------------------------------------ */

void control_request(struct bridge *, struct arrival *);
/* False: the peer lies. */
bool lookup_result(struct bridge *, struct operation *, const struct wire_message *);
void watchers_signal(struct bridge *);
void sleepers_init(struct bridge *);
void sleepers_wake(struct bridge *);
void name_give_up(struct bridge *, int place);
void status_input(struct bridge *, unsigned port);
uint64_t bridge_random(struct bridge *);
struct cluster_counts;
void counts_get(const struct bridge *, struct cluster_counts *);
