/*
 * Frames and messages: what two nodes' bridges say to each other over a link (doc/CLUSTER.md).
 *
 * A frame is a header and a payload; it is how sessions (srv/bridge/session.h) talk. The payload of a DATA
 * frame is one message. All is little-endian and in units of eight bytes, so that numbers lie aligned and are
 * read where they are. Nothing here allocates, waits or keeps state, and what decodes believes nothing: each
 * length and number is checked against the bytes that there are.
 */
#ifndef CLUSTER_WIRE_H
#define CLUSTER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are read where they lie");

/* A function that is called seldom is not made part of one that each message goes through, which would have
   to keep registers for it. */
#define RARE             __attribute__((noinline))

#define WIRE_VERSION     1
#define WIRE_MAGIC       0x6b53 /* "Sk" */
#define WIRE_PAYLOAD_MAX 2048
#define WIRE_HEADER      sizeof(struct wire_header)
#define WIRE_FRAME_MAX   (WIRE_HEADER + WIRE_PAYLOAD_MAX)
#define WIRE_NAME_SIZE   32 /* with at least one zero at the end */

/* --- frames ------------------------------------------------------------------------------------------ */

enum wire_type {
	WIRE_HELLO = 1, /* payload: struct wire_hello; `to` is the receiver's tag as the sender last heard it,
			   or 0 */
	WIRE_DATA,      /* the only sequenced one; payload: one message */
	WIRE_ACK,       /* no payload; also what says that its sender lives */
	WIRE_BYE,       /* payload: struct wire_bye */
};

enum wire_flag {
	WIRE_LIVE = 1, /* HELLO: the sender has a session, maybe another one */
	WIRE_GAP = 2,  /* the frame after `ack` is missing although a later one came */
};

struct wire_header {
	uint16_t magic;
	uint8_t version, type;
	uint32_t sum;      /* checksum of the whole frame with this field 0 */
	uint32_t length;   /* of the payload, a multiple of 8 */
	uint32_t flags;    /* enum wire_flag */
	uint32_t to, from; /* tags of the receiver and of the sender: a session is a pair of them */
	uint32_t seq, ack; /* of this DATA frame; of the last one received in order */
};
_Static_assert(sizeof(struct wire_header) == 32, "as in doc/CLUSTER.md");

struct wire_credits {
	uint32_t operations; /* so many without a result at once */
	uint32_t bytes;      /* so many in frames without an acknowledgement; at least WIRE_FRAME_MAX */
	uint32_t exports;    /* so many capabilities at once that the sender takes from the receiver */
};

struct wire_hello {
	uint64_t epoch;              /* a number of this start of the node */
	struct wire_credits credits; /* what the sender grants */
	uint32_t zero;
	char name[WIRE_NAME_SIZE]; /* of the sender */
};
_Static_assert(sizeof(struct wire_hello) == 56, "as in doc/CLUSTER.md");

struct wire_bye {
	uint32_t reason, zero;
};

/* Makes the checksum of a frame whose other fields and payload are there. */
void wire_seal(struct wire_header *frame);

enum wire_look {
	WIRE_BAD,   /* no frame begins here: go on one byte later */
	WIRE_SHORT, /* what there is may be the beginning of one */
	WIRE_WHOLE, /* one begins here: header, length and checksum are right */
};

/* Does a frame begin at `bytes` (aligned to 8)? */
enum wire_look wire_look(const void *bytes, size_t size);

/* Is this a name: 1 to 31 visible characters of ASCII, and then zeros only? */
bool wire_is_name(const char name[WIRE_NAME_SIZE]);

enum wire_reason {
#define WIRE_REASON(name, text) WIRE_REASON_##name,
#include "cluster/wire/wire.def"
	WIRE_REASONS
};

/* "silence"; of a number that is none of enum wire_reason: "unknown reason". */
const char *wire_reason_text(uint32_t reason);

/* --- messages ---------------------------------------------------------------------------------------- */

#define WIRE_WORDS 120
#define WIRE_CAPS  3

enum wire_kind {
	WIRE_NO_KIND,
#define WIRE_KIND(name, text, parts) WIRE_##name,
#include "cluster/wire/wire.def"
	WIRE_KINDS
};

enum wire_part {
	WIRE_NUMBER = 1, /* of an operation, not 0 */
	WIRE_EXPORT = 2, /* number of an export, not 0 */
	WIRE_OUTCOME = 4,
	WIRE_BODY = 8, /* label, words, capabilities; empty with an outcome other than DONE */
	WIRE_STAMP = 16,
	WIRE_TICKET = 32,
	WIRE_NAME = 64,
};

enum wire_outcome {
	OUTCOME_DONE = 1,
	OUTCOME_NOT_DELIVERED, /* surely not executed */
	OUTCOME_UNKNOWN,       /* nobody can say */
	OUTCOME_REVOKED,       /* what it was for is revoked */
	OUTCOMES
};

enum wire_cap_kind {
	WIRE_ABSENT, /* one was sent that does not travel; all else of it is zero */
	WIRE_MINE,   /* an export of the sender */
	WIRE_YOURS,  /* an export of the receiver, which comes home */
	WIRE_THIRD,  /* an export of node `node`, to be had by CLAIM(number, ticket) */
	WIRE_CAP_KINDS
};

enum wire_object { WIRE_ENDPOINT = 1, WIRE_NOTIFICATION, WIRE_OBJECTS };

struct wire_cap {
	uint8_t kind, object; /* enum wire_cap_kind, enum wire_object */
	uint32_t number;      /* of the export, not 0 */
	uint64_t ticket;      /* of a THIRD one */
	const char *node;     /* of a THIRD one, a name */
};

/* What is not a part of its kind is zero. Decoded, `words` and names point into the payload. Of `caps`, only
   the first `cap_count` mean something. */
struct wire_message {
	uint8_t kind, outcome;
	uint8_t word_count, cap_count;
	uint32_t number, export;
	uint64_t label, stamp, ticket;
	const uint64_t *words;
	const char *name;
	struct wire_cap caps[WIRE_CAPS];
};

/* Makes it one of that kind with nothing in it, and no capability. */
static inline void wire_message_init(struct wire_message *message, enum wire_kind kind)
{
	message->kind = (uint8_t)kind;
	message->outcome = message->word_count = message->cap_count = 0;
	message->number = message->export = 0;
	message->label = message->stamp = message->ticket = 0;
	message->words = NULL;
	message->name = NULL;
}

/* The bytes that it takes; always a multiple of 8, at most WIRE_PAYLOAD_MAX. */
size_t wire_message_size(const struct wire_message *);

/* Writes it to `payload` (aligned to 8), wire_message_size() bytes. It must be one that wire_decode() takes.
 */
void wire_encode(const struct wire_message *, void *payload);

/* Reads what takes exactly `size` bytes at `payload` (aligned to 8). False: it is no message, and `*message`
   is undefined. */
bool wire_decode(const void *payload, size_t size, struct wire_message *message);

/* "call"; "?" of what is no kind. */
const char *wire_kind_text(unsigned kind);

#endif
