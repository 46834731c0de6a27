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

bool gdb_may_write(struct gdb *gdb)
{
	if (!gdb->history || !journal_repeats(gdb->journal))
		return true;
	gdb_reply_error(gdb, GDB_ERROR_PAST);
	return false;
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
