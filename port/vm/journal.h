/*
 * The journal of a run: all that entered the node from outside, in order, so that from a snapshot of its
 * beginning the run can be repeated to the instruction. In virtual time that is input, idle time that was
 * slept through, and what the disk's sectors held when they were first read; in real time each reading of the
 * host's clock too.
 *
 * A journal stands between node and outside: it is attached to the node's configuration before the node is
 * made, and whoever drives the node then does it with journal_step(), journal_input() and journal_skip().
 * While there are entries ahead it repeats them, and asks nobody outside; at the end of the entries it
 * records, or, if it was read from a file, has ended. It can be put back together with its node: see
 * history.h.
 *
 * The disk is then kept in memory as far as its contents are known; only a run that records writes to the
 * disk outside, and never twice.
 */
#pragma once

#include "port/vm/snapshot.h"

/* In real time a step is always this long: when the clock is read must not depend on who drives. */
#define JOURNAL_STEP_NS 1000000ull

struct journal;
struct host_output;

/* One that records; what was written out stays in memory if `keep`, to go back to. NULL: out of memory. */
struct journal *journal_create(bool keep);
/* From here on to there, too. */
void journal_output(struct journal *journal, struct host_output *output);
/* One that repeats these entries, from malloc(), which it takes over; it never goes on to record. */
struct journal *journal_repeat(uint8_t *entries, uint64_t size);
void journal_destroy(struct journal *journal); /* not before its node; NULL: does nothing */

/* Puts the journal between this configuration and the outside. */
void journal_attach(struct journal *journal, struct node_config *config);
/* The node that was made with it; reports go to `report`, each once, however often they are repeated. */
void journal_begin(struct journal *journal, struct node *node, node_report_fn *report, void *context);

/*
 * As node_step(). While the journal repeats, idle time passes by itself, so NODE_IDLE means that the entries
 * are at an end; it stops early where something enters. `budget` is then of position, in real time, too; a
 * step that it cuts short there is to be continued before anything can enter, or a snapshot be taken.
 */
enum node_state journal_step(struct journal *journal, uint64_t budget, uint64_t *until);
/* While it repeats: what entered at just this moment, without a step. Nothing does in a step that was cut
 * short. */
void journal_deliver(struct journal *journal);
/* As board_input() to the console of the moment; only while it records. */
size_t journal_input(struct journal *journal, const void *bytes, size_t size);
/* As node_skip_to(). `chosen`: the moment is not `until` of an idle node, but depends on the outside. */
void journal_skip(struct journal *journal, uint64_t time, bool chosen);

/* In real time, while it records: what the node's clock would say now. That is no reading. */
uint64_t journal_clock_now(const struct journal *journal);

bool journal_repeats(const struct journal *journal);
/* Why what is repeated is not what was recorded; NULL: it is. */
const char *journal_diverged(const struct journal *journal);

/* The end of a run that was recorded. */
struct journal_end {
	uint64_t time_ns, instructions, hash;
	int status; /* exit status of the program */
	const char *reason;
};
/* Notes the end, and hands all that is still here to the output. False: it could not be written. */
bool journal_end(struct journal *journal, int status, const char *reason);
/* Has the repetition come to the end? `end` is then filled in; false too if the entries just stop. */
bool journal_at_end(const struct journal *journal, struct journal_end *end);
/* Guest time of the last thing that is known of the recorded run. */
uint64_t journal_extent(const struct journal *journal);

/*
 * Hands what was recorded to the output, if it is due: input at once, that the run goes on now and then, and
 * before it `waits` for the outside. False: writing failed, and it is recorded no more.
 */
bool journal_flush(struct journal *journal, bool waits);

/* Where the journal is, to go back to; for history.c. */
struct journal_place {
	uint64_t at, clock, operations, printed, reports;
	struct page_map *disk, *known;
};
bool journal_save(const struct journal *journal, struct journal_place *place);
/* To be called before the node is put back. False: out of memory, nothing has changed. */
bool journal_restore(struct journal *journal, const struct journal_place *place);
void journal_place_release(struct journal_place *place);
