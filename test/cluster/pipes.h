/*
 * Several bridges in one node, joined by pipes in shared memory: a cluster whose links and time a test has in
 * its hands. What a frame's way is, is decided when it is sent: a cut link loses it.
 */
#pragma once

#include <stdbool.h>
#include <sel4/sel4.h>

enum { PIPES_NODES = 3 };

/* Starts as many bridges, named "a", "b" and so on, each with a link to each other. */
void pipes_start(unsigned nodes, unsigned workers);

/* The control capability of a node's bridge. */
extern seL4_CPtr pipes_control[PIPES_NODES];

/* Nothing goes from one to the other any more (or again); the links stay open. */
void pipes_cut(unsigned from, unsigned to, bool cut);

/* Both ways. */
void pipes_part(unsigned a, unsigned b, bool cut);

/* Lets so much time pass, for all who wait for it. */
void pipes_wait_ms(seL4_Word ms);

/* Puts bytes into the stream from one to the other, as a hostile node would. */
void pipes_inject(unsigned from, unsigned to, const void *bytes, seL4_Word size);
