/*
 * Several bridges in one node, joined by pipes in shared memory: a cluster whose links and time a test has in
 * its hands. What a frame's way is, is decided when it is sent: a cut link loses it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sel4/sel4.h>

enum { PIPES_NODES = 3 };

/* Nodes "a", "b" and so on, each with a link to each other; so many of them have a bridge. */
void pipes_start(unsigned nodes, unsigned bridges, unsigned workers);

/* The control capability of a node's bridge. */
extern seL4_CPtr pipes_control[PIPES_NODES];
seL4_CPtr pipes_control_new(unsigned node);

/* Nothing goes from one to the other any more (or again); the links stay open. */
void pipes_cut(unsigned from, unsigned to, bool cut);

/* Both ways. */
void pipes_part(unsigned a, unsigned b, bool cut);

/* Lets so much time pass, for all who wait for it. */
void pipes_wait_ms(seL4_Word ms);

/* The node's clock (not of the first, which is the tests', too). */
void pipes_set_back(unsigned node, seL4_Word ms);

/* For a node without a bridge: sends and receives bytes as that node. */
void pipes_put(unsigned from, unsigned to, const void *bytes, seL4_Word size);
seL4_Word pipes_take(unsigned from, unsigned to, void *bytes, seL4_Word size);

uint64_t pipes_now(void);
