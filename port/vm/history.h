/*
 * Going back in time, for debuggers: snapshots in memory at intervals, and a journal that repeats what
 * happened after each. Made for a node with a journal, whether that records a run or repeats a recording.
 *
 * The intervals adapt: where snapshots would take more than the memory they may, every second one is dropped
 * and they become half as frequent.
 */
#pragma once

#include "port/vm/journal.h"

struct history;

/* Of the node as it is now, between two steps; `memory` bounds what the snapshots take beside the first, in
 * bytes. NULL: the host has not enough memory, or cannot watch it. */
struct history *history_create(struct node *node, struct journal *journal, uint64_t memory);
void history_destroy(struct history *history); /* NULL: does nothing */

/* To be called between steps, often (every millisecond of guest time is fine): takes a snapshot if one is
 * due. */
void history_observe(struct history *history);

/*
 * Puts node and journal to a position (node_position()): from the nearest snapshot before it, then forward.
 * The node then stands at the first moment at or after it at which it could be stopped (a kernel entry or
 * idle time is not divided), and has got the input of that moment. Going forward past what has happened so
 * far stops there. False: the position is before the history, or the repetition diverges (journal_diverged())
 * or the host has not enough memory: in these two cases the node is of no more use.
 */
bool history_go_to(struct history *history, uint64_t position);

/* Forward again to the latest moment at which the node was. False: as above. */
bool history_return(struct history *history);

/* The earliest moment there is to go back to, and how many snapshots there are. */
uint64_t history_start(const struct history *history);
unsigned history_snapshots(const struct history *history);
