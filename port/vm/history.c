/* See history.h. */
#include "port/vm/history.h"

#include <stdlib.h>
#include <string.h>

#include "port/vm/internal.h"

#define PERIOD_FIRST_NS 1000000ull
#define PERIOD_MAX_NS   (1ull << 50)
/* A snapshot of little more than nothing still has tables: this many bound those. */
#define MOMENTS_MAX     2000

struct moment {
	uint64_t position, events; /* node_position(), trace_place() */
	struct snapshot *snapshot;
	struct journal_place place;
};

struct history {
	struct node *node;
	struct journal *journal;
	uint64_t memory;                       /* that snapshots may take beside the first */
	uint64_t base;                         /* what the first takes */
	uint64_t period;                       /* of position */
	uint64_t latest;                       /* position from which it was last gone back */
	struct moment moment[MOMENTS_MAX + 1]; /* by position; the first is the history's beginning */
	unsigned moments;
};

static void moment_release(struct moment *moment)
{
	snapshot_release(moment->snapshot);
	journal_place_release(&moment->place);
}

static bool moment_take(struct history *history, struct moment *moment)
{
	moment->position = node_position(history->node);
	moment->events = trace_place(history->node);
	if (!journal_save(history->journal, &moment->place))
		return false;
	moment->snapshot = node_snapshot_take(history->node);
	if (moment->snapshot)
		return true;
	journal_place_release(&moment->place);
	return false;
}

/* Keeps the first and every second one. */
static void thin_out(struct history *history)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < history->moments; i++) {
		if (i % 2 == 0)
			history->moment[kept++] = history->moment[i];
		else
			moment_release(&history->moment[i]);
	}
	history->moments = kept;
	if (history->period < PERIOD_MAX_NS)
		history->period *= 2;
}

static bool is_full(const struct history *history)
{
	return history->moments > 1 &&
	       (history->moments >= MOMENTS_MAX ||
		page_map_memory(history->moment[0].snapshot->ram) > history->base + history->memory);
}

/* The last moment at or before `position`. */
static struct moment *moment_before(struct history *history, uint64_t position)
{
	unsigned i = history->moments;

	while (i > 0 && history->moment[i - 1].position > position)
		i--;
	return i > 0 ? &history->moment[i - 1] : NULL;
}

void history_observe(struct history *history)
{
	uint64_t now = node_position(history->node);
	struct moment *last = moment_before(history, now), *next = last + 1, taken;
	struct moment *end = history->moment + history->moments;

	/* Also while something is repeated: the intervals that were once thinned out are made smaller again.
	 */
	if (now - last->position < history->period ||
	    (next < end && next->position - now < history->period) || history->node->debug.end)
		return;
	if (!moment_take(history, &taken))
		return;
	memmove(next + 1, next, (size_t)(end - next) * sizeof *next);
	*next = taken;
	history->moments++;
	while (is_full(history))
		thin_out(history);
}

struct history *history_create(struct node *node, struct journal *journal, uint64_t memory)
{
	struct history *history = calloc(1, sizeof *history);

	if (!history)
		return NULL;
	history->node = node;
	history->journal = journal;
	history->memory = memory;
	history->period = PERIOD_FIRST_NS;
	if (node_snapshot_track(node) && moment_take(history, &history->moment[0])) {
		history->moments = 1;
		history->base = page_map_memory(history->moment[0].snapshot->ram);
		return history;
	}
	free(history);
	return NULL;
}

void history_destroy(struct history *history)
{
	if (!history)
		return;
	for (unsigned i = 0; i < history->moments; i++)
		moment_release(&history->moment[i]);
	free(history);
}

/* Repeats up to `position`, or to the end of what has happened. */
static bool run_to(struct history *history, uint64_t position)
{
	struct journal *journal = history->journal;
	uint64_t now, until;

	while (journal_repeats(journal) && (now = node_position(history->node)) < position) {
		uint64_t budget = position - now < history->period ? position - now : history->period;
		enum node_state state = journal_step(journal, budget, &until);

		if (journal_diverged(journal))
			return false;
		if (state != NODE_RAN)
			break;
		history_observe(history);
	}
	journal_deliver(journal);
	return !journal_diverged(journal);
}

static bool restore(struct history *history, const struct moment *moment)
{
	struct node *node = history->node;

	if (!journal_restore(history->journal, &moment->place) ||
	    !node_snapshot_restore(node, moment->snapshot))
		return false;
	node->clock_offset = moment->position - node->hart->instret;
	trace_go_back(node, moment->events);
	return true;
}

bool history_go_to(struct history *history, uint64_t position)
{
	struct moment *moment = moment_before(history, position);
	uint64_t now = node_position(history->node);

	if (!moment)
		return false;
	if (now > history->latest)
		history->latest = now;
	/* Where the node is may be nearer. */
	if ((position < now || moment->position > now) && !restore(history, moment))
		return false;
	return run_to(history, position);
}

bool history_return(struct history *history)
{
	return node_position(history->node) >= history->latest || run_to(history, history->latest);
}

uint64_t history_start(const struct history *history)
{
	return history->moment[0].position;
}

unsigned history_snapshots(const struct history *history)
{
	return history->moments;
}
