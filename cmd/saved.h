/* Snapshots and recordings of `skerry run` and `skerry replay`. See saved.c. */
#ifndef SKERRY_CMD_SAVED_H
#define SKERRY_CMD_SAVED_H

#include "port/vm/recording.h"

struct run;

struct saved {
	struct snapshot *start;      /* what the run starts from; NULL: an image */
	struct snapshot_image image; /* that came with it */
	struct recording recording;  /* of a replay */
	struct journal *journal;     /* of a replay or a run that is recorded; NULL: neither */
	struct host_output *output;  /* of a run that is recorded */
	bool taken, failed;          /* the snapshot of --snapshot FILE@TIME; a file could not be written */
};

/* Reads what --restore or `replay` names; false: why not has been said, and run->status is set. */
bool saved_prepare(struct run *run);

/*
 * Before the node is made: completes its configuration, and puts the journal between. False as above. Which
 * function makes the node follows: node_create(), or, if there is a run->saved.start, node_create_restored().
 */
bool saved_attach(struct run *run, struct node_config *config);
/* After it was made. */
bool saved_begin(struct run *run, struct node *node, node_report_fn *report, void *context);

/* Guest time at which the run is to stop for a snapshot, or because of --to; TIME_END: none. */
uint64_t saved_next_stop(const struct run *run);
/* Between two steps: takes the snapshot that is due. */
void saved_observe(struct run *run, struct node *node);
/* After the guest got its input, before the next step: writes to the recording what is due. `waits`: the run
 * waits. */
void saved_flush(struct run *run, bool waits);
/* The replay has come to its end, or to --to: says so, and sets run->status. */
void saved_replay_ended(struct run *run, struct node *node, bool at_stop);
/* The run has ended: the last snapshot, the end of the recording. */
void saved_end(struct run *run, struct node *node);
void saved_close(struct run *run);

#endif
