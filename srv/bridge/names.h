/*
 * Names, replicated to all nodes: who claims which. Each node tells its own claims to each peer when their
 * session begins and whenever they change; a peer's claims are forgotten with its session, so that what one
 * sees is what can be reached, on both sides of a partition.
 *
 * A claim has a Lamport stamp: one more than the highest that its node had seen. Of two claims to a name the
 * later (higher) stamp wins, of equal ones that of the node whose name comes first. Whoever sees that its own
 * claim has lost gives it up; the winner need not do anything.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "srv/bridge/table.h"

enum { NAMES_EACH = 64, NAMES_BYTES = 32, NAMES_SELF = TABLE_PEERS, NAMES_NOBODY = -1 };

/* More than any number of claims can have counted to while we looked elsewhere. A stamp further ahead counts
 * as it is, for who tells it may have believed a lie; but it moves our own stamps by so much only. */
#define NAMES_STRIDE (UINT64_C(1) << 32)

struct claim {
	uint64_t stamp; /* 0: the place is free */
	char name[NAMES_BYTES];
};

struct names {
	uint64_t clock; /* the highest stamp seen */
	uint64_t busy;  /* places of own claims that are not to be used now, by bits */
	char node[TABLE_PEERS + 1][NAMES_BYTES];
	struct claim claims[TABLE_PEERS + 1][NAMES_EACH]; /* by node; ours are the last */
};

enum names_result {
	NAMES_OK,
	NAMES_LOST,   /* and our own claim is given up */
	NAMES_EXISTS, /* claimed by somebody who is there */
	NAMES_FULL,
	NAMES_ABSURD, /* no stamp */
};

/* The place of a node's claim to the name, or NAMES_NOBODY. */
int names_place(const struct names *, unsigned node, const char *name);

/* We claim the name; *place is that of the claim. */
enum names_result names_publish(struct names *, const char *name, int *place);

void names_withdraw(struct names *, int place);

/* A peer claims the name; *place is that of our own claim, if that is given up. */
enum names_result names_heard(struct names *, unsigned peer, const char *name, uint64_t stamp, int *place);

/* It does so no longer. Was there something to forget? */
bool names_unheard(struct names *, unsigned peer, const char *name);

/* Its session has ended. */
void names_forget(struct names *, unsigned peer);

/* Whose claim wins: a peer, NAMES_SELF or NAMES_NOBODY. */
int names_winner(const struct names *, const char *name);
