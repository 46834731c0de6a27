/*
 * What the parts of the program local share. The bridges and their workers have higher priorities than main
 * and the threads of the tests: whatever a call starts on any node has been done when it is main's turn
 * again, but for what takes time. So main can be the server of all nodes, by polling.
 */
#pragma once

#include <skerry/cluster.h>
#include "pipes.h"
#include "test/conform/conform.h"

enum { A, B, C };

/* From now on this is a program of that node. */
void at(unsigned node);

/* The endpoint `service`, published by A as "service" with the badge 77; looked up by B and C. */
extern seL4_CPtr service, service_at_b, service_at_c;

/* Looks up as a program of that node, in a new slot. */
seL4_CPtr lookup_at(unsigned node, const char *name);

/* Publishes as a program of that node; all nodes have heard of it. */
void publish_at(unsigned node, const char *name, seL4_CPtr cap);

/* Saves the caller of the message that was just received. */
seL4_CPtr caller_save(void);

/* Answers with a label and one word. */
void answer(seL4_Word label, seL4_Word word);
void answer_to(seL4_CPtr caller, seL4_Word label, seL4_Word word);

/* What became of a peer's call. */
enum cluster_outcome outcome_of(const struct peer *peer);

struct cluster_counts counts_at(unsigned node);

/* Receives a message if there is one; a capability that comes with it is in *slot. */
seL4_MessageInfo_t receive_cap(seL4_CPtr endpoint, seL4_CPtr *slot);

/* Does a message to `cap` arrive at the endpoint with that badge? */
bool leads_to(seL4_CPtr cap, seL4_CPtr endpoint, seL4_Word badge);

/* The peer calls, or sends, with up to two capabilities. */
void send_caps(struct peer *sender, bool call, seL4_CPtr target, unsigned count, seL4_CPtr cap0,
	       seL4_CPtr cap1);

/* A hears neither B nor C (or does again). */
void part(bool cut);

/* Has the node a session with the other? */
bool sees(unsigned node, unsigned other);

void messages(void);
void capabilities(void);
void leftovers(void);
void misuse(void);
void thirds(void);
void revocation(void);
void partitions(void);
