/*
 * The cluster: endpoints and notifications of other nodes as if they were local. A node's bridge (srv/bridge,
 * started by cluster_start() in the root server) stands in for them: what is published under a name on one
 * node and looked up on another is an ordinary endpoint capability there, a proxy. Call, Send, Signal and
 * capability transfer through it are seL4's own. doc/CLUSTER.md says what each does when nodes cannot hear
 * each other.
 *
 *	static void server(void)                            static void client(void)
 *	{                                                   {
 *		cluster_publish("counter", endpoint);               while (cluster_lookup("counter", COUNTER))
 *		...                                                         wait_for(change);
 *			info = seL4_ReplyRecv(endpoint, ...);       info = seL4_Call(COUNTER, ...);
 *	}                                                           if (cluster_outcome(info) != CLUSTER_DONE)
 *...
 *	                                                    }
 *
 * These functions talk to the bridge by a control capability: the root server has one as soon as
 * cluster_start() returned, a process says with cluster_use() in which slot it was given one. Slots are those
 * of the caller's own CNode (seL4_CapInitThreadCNode), which must not be that of somebody else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sel4/sel4.h>

#define CLUSTER_NAME_BYTES 32 /* of a name or a node's name, with its end */
#define CLUSTER_NODES      9  /* at most, this one included */

enum cluster_error {
	CLUSTER_OK,
	CLUSTER_EXISTS,    /* somebody has published that name, as far as is known here */
	CLUSTER_NOT_FOUND, /* nobody has, or nobody who can be reached */
	CLUSTER_INVALID,   /* no such name, slot or kind of capability */
	CLUSTER_FULL,      /* a table of this node's bridge, or of the other's */
	CLUSTER_LOST,      /* the other node was not to be reached any more before it answered */
	CLUSTER_ABSENT,    /* no bridge: cluster_start() has not been called, or this process has no control
			      capability */
};

/* --- calls: what became of one ------------------------------------------------------------------ */

/* The label of a reply that comes from the bridge instead of the server; its one word is a cluster_outcome.
 */
#define CLUSTER_LABEL 0xc1057e4ul

enum cluster_outcome {
	CLUSTER_DONE,          /* the reply is the server's */
	CLUSTER_NOT_DELIVERED, /* surely not executed */
	CLUSTER_UNKNOWN,       /* sent, but no answer came: executed once or not at all */
	CLUSTER_REVOKED,       /* refused: the capability has been revoked at home */
};

/*
 * What became of a Call, by the info of its reply. A proxy that is gone already is an empty slot, for which
 * the kernel itself answers seL4_InvalidCapability: not delivered. Reads the first message register.
 */
enum cluster_outcome cluster_outcome(seL4_MessageInfo_t info);

/* --- names -------------------------------------------------------------------------------------- */

/* Offers our endpoint or notification to all nodes under a name (1 to 31 bytes). */
enum cluster_error cluster_publish(const char *name, seL4_CPtr cap);

/* Takes back a name published on this node. What others have got by it stays with them. */
enum cluster_error cluster_withdraw(const char *name);

/* The capability of that name in the empty slot: a proxy, or what was published if that was on this node. */
enum cluster_error cluster_lookup(const char *name, seL4_CPtr slot);

/* --- capabilities ------------------------------------------------------------------------------- */

/*
 * Takes back everything that was derived from the capability in our slot, on all nodes: CNode_Revoke, then
 * the bridge looks at once at what it has exported, ends calls in progress and tells those who imported it.
 */
enum cluster_error cluster_revoke(seL4_CPtr slot);

/*
 * Deletes the proxy in our slot and tells the bridge that one of those it gave out is not needed any more.
 * When all that it gave out of one import are released, every copy of the proxy on this node ends. Never do
 * it twice for one.
 */
enum cluster_error cluster_release(seL4_CPtr slot);

/* --- members ------------------------------------------------------------------------------------ */

struct cluster_member {
	char name[CLUSTER_NAME_BYTES];
	uint64_t epoch; /* another one after each start of that node; 0: never heard of */
	bool here;      /* we are it */
	bool up;        /* it can be reached */
};

/* All nodes that this one has a link to, and itself first; their number. */
unsigned cluster_members(struct cluster_member members[CLUSTER_NODES]);

/* The notification is signalled whenever members come or go and whenever a name changes hands. */
enum cluster_error cluster_watch(seL4_CPtr notification);

/*
 * Waits. The clock's interrupt is the bridge's, so that this is how its node's programs wait for a time.
 * CLUSTER_FULL: 32 threads do already.
 */
enum cluster_error cluster_sleep(uint64_t ns);

/* What the bridge holds at this moment, for tests that count. */
struct cluster_counts {
	uint64_t exports, imports, references; /* references: of both, as told to other nodes */
	uint64_t calls_held,
		messages_held; /* from here: outstanding calls, and messages that wait for credit */
	uint64_t workers_busy;
	uint64_t replies; /* slots with the capability to reply to a caller */
	uint64_t slots;   /* all slots in use for the sake of others */
};

enum cluster_error cluster_count(struct cluster_counts *counts);

/* --- starting ----------------------------------------------------------------------------------- */

struct cluster_options {
	seL4_Word priority; /* of the bridge; its workers have one more. 0: 200 */
	unsigned workers;   /* calls from other nodes that can be in progress here, 16 to 48. 0: 32 */
};

/*
 * Starts the bridge in a process of its own; in the root server only, once. Takes over the clock's interrupt
 * (RTC). options may be null. CLUSTER_ABSENT: this machine has no links.
 */
enum cluster_error cluster_start(const struct cluster_options *options);

/* A control capability in a new slot of the root server, to be given to a process by sk_process_copy(). */
seL4_CPtr cluster_control_new(void);

/* This process has been given a control capability in that slot. */
void cluster_use(seL4_CPtr control);
