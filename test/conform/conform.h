/*
 * What the conformance programs share. Each is a root server that checks one area of the interface
 * against the ABI reference and prints a line per case: `ok NAME`, or `not ok NAME: what was seen, what
 * the reference says`. Sections name the place in the reference that the cases after them come from.
 *
 * main() begins with conform_begin() and returns conform_end(). It runs at priority MAIN_PRIO, so
 * that a peer (a thread that makes one system call and notes what came back) of a higher priority has
 * run until it blocked when the call that started it returns. Nothing here waits: what does not come,
 * is a failed case and not a program that hangs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sel4/sel4.h>
#include <skerry/check.h>
#include <skerry/object.h>
#include <skerry/thread.h>
#include <skerry/vspace.h>

enum { MAIN_PRIO = 100, HIGH = 150, LOW = 50 };

#define ROOT                      seL4_CapInitThreadCNode
#define VSPACE                    seL4_CapInitThreadVSpace
#define SELF                      seL4_CapInitThreadTCB
#define ROOT_BITS                 (seL4_GetBootInfo()->initThreadCNodeSizeBits)
#define ROOT_GUARD                (64 - ROOT_BITS)
#define LENGTH_OF(a)              (sizeof(a) / sizeof *(a))
#define INFO(label, caps, length) (seL4_MessageInfo_new(label, 0, caps, length))

void conform_begin(const char *area);
int conform_end(void);

/* The following cases' names begin with `title`; `reference` is where they come from. */
void section(const char *title, const char *reference);

/* --- single facts ------------------------------------------------------------------------------- */

bool check(const char *name, bool holds);
bool equal(const char *name, seL4_Word seen, seL4_Word want);

/* Runs of small numbers, such as the order in which threads ran. */
bool equal_text(const char *name, const char *seen, const char *want);

/* --- methods ------------------------------------------------------------------------------------ */

/* What a call returned: label, message length, as many message registers. */
struct outcome {
	seL4_Word label, length, mr[8];
};

#define OUT(error, ...)                                                                                      \
	{                                                                                                    \
		seL4_##error, sizeof((seL4_Word[]){0, ##__VA_ARGS__}) / sizeof(seL4_Word) - 1,               \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}
#define FAILED(source, type, ...) OUT(FailedLookup, source, seL4_##type, ##__VA_ARGS__)

struct request {
	seL4_CPtr object;
	seL4_Word label;
	seL4_Word cap_count, caps[3];
	seL4_Word length, args[12];
};

/* An expression for a request: REQUEST(object, label, CAPS(...), ARGS(...)). */
#define CAPS(...)  __VA_ARGS__
#define ARGS(...)  __VA_ARGS__
#define COUNT(...) (sizeof((seL4_Word[]){0, ##__VA_ARGS__}) / sizeof(seL4_Word) - 1)
#define REQUEST(object_, label_, caps_, args_)                                                               \
	((struct request){object_, label_, COUNT(caps_), {caps_}, COUNT(args_), {args_}})

struct outcome invoke(struct request request);

/* One call, what it must return. */
#define TRY(name, want, object, label, caps, args)                                                           \
	try(name, (struct outcome)want, REQUEST(object, label, CAPS(caps), ARGS(args)))
bool try(const char *name, struct outcome want, struct request request);

/*
 * A method's checks in their order. Each entry spoils a good request in one way and says what must be
 * reported. checks() tries every entry alone, then every two neighbours at once, when the earlier one
 * must be reported. Changes of an earlier entry win over those of a later one.
 */
enum change_kind {
	CHANGE_NONE,
	CHANGE_ARG,
	CHANGE_CAP,
	CHANGE_LENGTH,
	CHANGE_CAPS,
	CHANGE_LABEL,
	CHANGE_OBJECT
};

struct change {
	enum change_kind kind;
	unsigned index;
	seL4_Word value;
};

#define ARG(index, value)                                                                                    \
	{                                                                                                    \
		CHANGE_ARG, index, value                                                                     \
	}
#define CAP(index, value)                                                                                    \
	{                                                                                                    \
		CHANGE_CAP, index, value                                                                     \
	}
#define LENGTH(value)                                                                                        \
	{                                                                                                    \
		CHANGE_LENGTH, 0, value                                                                      \
	}
#define NCAPS(value)                                                                                         \
	{                                                                                                    \
		CHANGE_CAPS, 0, value                                                                        \
	}
#define LABEL(value)                                                                                         \
	{                                                                                                    \
		CHANGE_LABEL, 0, value                                                                       \
	}
#define OBJECT(value)                                                                                        \
	{                                                                                                    \
		CHANGE_OBJECT, 0, value                                                                      \
	}

struct fault_of_call {
	const char *name;
	struct outcome want;
	struct change change[4];
};

void checks_list(struct request good, const struct fault_of_call *list, unsigned count);
#define CHECKS(good, ...)                                                                                    \
	do {                                                                                                 \
		const struct fault_of_call list_[] = {__VA_ARGS__};                                          \
		checks_list(good, list_, LENGTH_OF(list_));                                                  \
	} while (0)

/* The errors of looking up a slot in the root CNode or, given as `root`, something that is none. */
#define SLOT_CHECKS(source, depth_arg)                                                                       \
	{"depth 0", OUT(RangeError, 1, 64), {ARG(depth_arg, 0)}}, WALK_CHECKS(source, depth_arg)
#define WALK_CHECKS(source, depth_arg)                                                                       \
	{"depth 65", OUT(RangeError, 1, 64), {ARG(depth_arg, 65)}},                                          \
		{"depth inside the guard",                                                                   \
		 FAILED(source, GuardMismatch, 10, 0, ROOT_GUARD),                                           \
		 {ARG(depth_arg, 10)}},                                                                      \
	{                                                                                                    \
		"depth too small", FAILED(source, DepthMismatch, 55, 64),                                    \
		{                                                                                            \
			ARG((depth_arg)-1, 3), ARG(depth_arg, 55)                                            \
		}                                                                                            \
	}
#define ROOT_CHECKS(source, cap_index, depth_arg)                                                            \
	{"root is not a CNode", FAILED(source, InvalidRoot), {CAP(cap_index, SELF)}},                        \
		{"root is null", FAILED(source, InvalidRoot), {CAP(cap_index, 0)}},                          \
		SLOT_CHECKS(source, depth_arg)

/* --- capabilities -------------------------------------------------------------------------------- */

enum {
	TYPE_NULL = 0,
	TYPE_FRAME = 1,
	TYPE_UNTYPED = 2,
	TYPE_TABLE = 3,
	TYPE_ENDPOINT = 4,
	TYPE_NOTIFICATION = 6,
	TYPE_REPLY = 8,
	TYPE_CNODE = 10,
	TYPE_ASID_CONTROL = 11,
	TYPE_TCB = 12,
	TYPE_ASID_POOL = 13,
	TYPE_IRQ_CONTROL = 14,
	TYPE_IRQ_HANDLER = 16,
	TYPE_ZOMBIE = 18,
	TYPE_DOMAIN = 20,
};
bool is(const char *name, seL4_CPtr cap, seL4_Word type);

/* Of the root CNode; the results are errors. */
seL4_Error cap_delete(seL4_CPtr cap);
seL4_Error cap_revoke(seL4_CPtr cap);
seL4_Error cap_move(seL4_CPtr to, seL4_CPtr from);
seL4_CPtr cnode_new(seL4_Word bits);

/* --- threads that make one call ------------------------------------------------------------------ */

struct peer {
	struct sk_thread thread;
	seL4_Word number;
	struct sel4_registers in, out;
	volatile unsigned done; /* calls that came back */
	char letter;            /* appended to the log when one does */
	seL4_CPtr own_tcb;      /* how it names itself, to stop: set this if it has a CSpace of its own */
};

void peer_new(struct peer *peer, seL4_Word priority, seL4_CPtr fault_ep);

/* Starts the call; an earlier one that has not returned is given up. */
void peer_trap(struct peer *peer, seL4_Word number, seL4_CPtr cap, seL4_MessageInfo_t info, seL4_Word mr0,
	       seL4_Word mr1);
void peer_run(struct peer *peer, void (*entry)(void *), void *argument);

static inline seL4_Word peer_length(const struct peer *peer)
{
	return seL4_MessageInfo_get_length((seL4_MessageInfo_t){{peer->out.info}});
}

static inline seL4_Word peer_label(const struct peer *peer)
{
	return seL4_MessageInfo_get_label((seL4_MessageInfo_t){{peer->out.info}});
}

/* What ran in which order: letters. */
extern char run_log[64];
void log_clear(void);
void log_letter(char letter);

/* A call by ourselves, registers as they come back. */
struct sel4_registers trap(seL4_Word number, seL4_CPtr cap, seL4_Word info, seL4_Word mr0, seL4_Word mr1);

/* Whether a message waits; it is received. */
struct received {
	seL4_Word badge, label, length, mr[4];
	bool came;
};
struct received poll(seL4_CPtr endpoint);
