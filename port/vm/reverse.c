/* See reverse.h. */
#include "port/vm/reverse.h"

#include "port/vm/internal.h"

/* How far back to look at first; each further look is as far as all before it together. */
#define LOOK_FOR_STEP 4096
#define LOOK_FOR_STOP 1000000
#define STEP          1000000ull

struct look {
	struct node *node;
	struct history *history;
	struct journal *journal;
	uint64_t tcb; /* of the thread that is stepped back, or 0 */
	uint64_t now; /* only what was before counts */
	bool found;
	uint64_t at;
	struct node_stopped what;
};

/* Puts the node to a moment without stopping on the way. */
static bool go_to(struct look *look, uint64_t position)
{
	bool good;

	look->node->debug.muted = true;
	good = history_go_to(look->history, position);
	look->node->debug.muted = false;
	return good;
}

/* The node stopped: is that what we look for? The last one counts. */
static void consider(struct look *look)
{
	const struct node_stopped *stopped = node_stopped(look->node);
	uint64_t at = node_position(look->node);

	if (stopped->why == NODE_STOP_BREAKPOINT)
		node_debug_pass(look->node, stopped->tcb);
	if (stopped->why == NODE_STOP_WATCHPOINT)
		at--; /* which an instruction adds */
	if (stopped->why == NODE_STOP_STEP)
		at = stopped->began;
	else if (look->tcb || stopped->why == NODE_STOP_FAULT || stopped->why == NODE_STOP_SPACE)
		return;
	if (at >= look->now)
		return;
	look->found = true;
	look->at = at;
	look->what = *stopped;
}

static bool look_between(struct look *look, uint64_t from, uint64_t to)
{
	uint64_t now, until;

	if (!go_to(look, from))
		return false;
	node_debug_step(look->node, look->tcb);
	while (journal_repeats(look->journal) && (now = node_position(look->node)) < to) {
		enum node_state state =
			journal_step(look->journal, to - now < STEP ? to - now : STEP, &until);

		if (journal_diverged(look->journal))
			return false;
		if (state == NODE_STOPPED)
			consider(look);
		else if (state == NODE_RAN)
			history_observe(look->history);
		else
			break;
	}
	node_debug_step(look->node, 0);
	return true;
}

static enum reverse look_back(struct look *look, uint64_t far)
{
	uint64_t start = history_start(look->history), to = look->now, from;

	for (; !look->found && to > start; to = from, far *= 2) {
		from = to - start > far ? to - far : start;
		if (!look_between(look, from, to))
			return REVERSE_LOST;
	}
	if (!go_to(look, look->found ? look->at : start))
		return REVERSE_LOST;
	if (!look->found)
		return REVERSE_BEGIN;
	look->node->debug.stopped = look->what;
	return REVERSE_STOPPED;
}

enum reverse reverse_continue(struct node *node, struct history *history, struct journal *journal)
{
	struct look look = {.node = node, .history = history, .journal = journal, .now = node_position(node)};

	return look_back(&look, LOOK_FOR_STOP);
}

enum reverse reverse_step(struct node *node, struct history *history, struct journal *journal, uint64_t tcb)
{
	struct look look = {
		.node = node, .history = history, .journal = journal, .tcb = tcb, .now = node_position(node)};

	return look_back(&look, LOOK_FOR_STEP);
}
