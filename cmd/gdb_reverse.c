/* Keeping what is needed to go back in time, and what the client may change meanwhile. */
#include "cmd/gdb_internal.h"

#define HISTORY_MEMORY (256ull << 20) /* for its snapshots */

void gdb_keep_history(struct gdb *gdb, struct journal *journal)
{
	gdb->journal = journal;
	gdb->history = history_create(gdb->node, journal, HISTORY_MEMORY);
}

void gdb_observe(struct gdb *gdb)
{
	if (gdb->history)
		history_observe(gdb->history);
}

void gdb_at_present(struct gdb *gdb)
{
	/* If this is where the client resumed, it knows. */
	if (node_position(gdb->node) != gdb->resumed_at)
		gdb_at_end(gdb);
}

void gdb_return(struct gdb *gdb)
{
	node_debug(gdb->node, false);
	if (gdb->history)
		history_return(gdb->history);
}

bool gdb_may_write(struct gdb *gdb)
{
	if (!gdb->history || !journal_repeats(gdb->journal))
		return true;
	/* GDB shows this for registers; for memory it says only that there is none. */
	gdb_text_add(&gdb->reply, "E.the past cannot be changed");
	gdb->refused = true;
	return false;
}

bool gdb_was_refused(struct gdb *gdb)
{
	bool news = gdb->refused && !gdb->refused_told;

	gdb->refused_told |= gdb->refused;
	return news;
}

/* What the client writes is in no journal: history begins anew. */
void gdb_wrote(struct gdb *gdb)
{
	gdb_reply_ok(gdb);
	if (!gdb->history)
		return;
	history_destroy(gdb->history);
	gdb_keep_history(gdb, gdb->journal);
}
