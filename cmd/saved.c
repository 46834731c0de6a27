/*
 * Snapshots and recordings of a run: reading what it starts from, writing what it leaves. A snapshot is
 * copied between two steps and written by a thread while the run goes on.
 */
#include "cmd/saved.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/console.h"
#include "cmd/report.h"
#include "cmd/run.h"
#include "host/host.h"

/* --- what a run starts from ------------------------------------------------------------------------ */

static bool refuse(struct run *run, const char *reason)
{
	complain("cannot %s %s: %s", run->options.replay ? "replay" : "restore", run->options.image, reason);
	run->status = STATUS_NO_BOOT;
	return false;
}

/* For reports; the guest itself is in the snapshot's memory. */
static bool image_prepare(struct run *run, const struct snapshot_image *image)
{
	void *bytes = malloc(image->size + 1);
	char error[512], reason[600];

	if (!bytes)
		return refuse(run, "the host has not enough memory");
	memcpy(bytes, image->bytes, image->size);
	if (image_open_bytes(&run->image, image->name, (struct span){bytes, image->size}, error,
			     sizeof error))
		return true;
	snprintf(reason, sizeof reason, "the image in it: %s", error);
	return refuse(run, reason);
}

bool saved_prepare(struct run *run)
{
	struct run_options *options = &run->options;
	struct saved *saved = &run->saved;
	char error[512];

	if (options->replay) {
		if (!recording_open(&saved->recording, options->replay, error, sizeof error))
			return refuse(run, error);
		saved->start = saved->recording.snapshot;
		saved->image = saved->recording.image;
		saved->journal = saved->recording.journal;
	} else {
		saved->start = snapshot_read(options->restore, &saved->image, error, sizeof error);
		if (!saved->start)
			return refuse(run, error);
	}
	options->ram_size = saved->start->machine.ram_size;
	options->real_time = saved->start->machine.real_time;
	return image_prepare(run, &saved->image);
}

/* A replay knows of the disk what was read of it. */
static struct board_disk *disk_of_replay(const struct snapshot_machine *machine)
{
	static struct board_disk disk;

	disk = (struct board_disk){.size = machine->disk_size, .read_only = machine->disk_read_only};
	return machine->disk ? &disk : NULL;
}

static bool disk_is_the_one(struct run *run, const struct board_disk *disk)
{
	const struct snapshot_machine *machine = &run->saved.start->machine;
	char why[160];

	if (!machine->disk && !disk)
		return true;
	if (!machine->disk)
		return refuse(run, "its machine has no disk; leave out --disk");
	if (!disk) {
		snprintf(why, sizeof why,
			 "its machine has a disk of %" PRIu64 " bytes; give it with --disk FILE",
			 machine->disk_size);
		return refuse(run, why);
	}
	if (disk->size != machine->disk_size) {
		snprintf(why, sizeof why, "its disk has %" PRIu64 " bytes, this one has %" PRIu64,
			 machine->disk_size, disk->size);
		return refuse(run, why);
	}
	if (disk->read_only != machine->disk_read_only)
		return refuse(run, disk->read_only ? "its disk could be written, this one cannot"
						   : "its disk could not be written, this one can");
	if (machine->disk_digest != snapshot_disk_digest(disk))
		return refuse(run,
			      "the disk holds something else than when the snapshot was taken (keep a copy "
			      "of the disk with it)");
	return true;
}

bool saved_attach(struct run *run, struct node_config *config)
{
	struct saved *saved = &run->saved;

	if (run->options.snapshot && !host_output_possible(run->options.snapshot)) {
		complain("cannot write snapshot %s: %s", run->options.snapshot, host_error());
		run->status = STATUS_NO_BOOT;
		return false;
	}
	if (run->options.replay) {
		if (saved->start->machine.disk &&
		    (saved->start->machine.disk_size == 0 || saved->start->machine.disk_size % 512 != 0))
			return refuse(run, "its disk cannot be");
		config->board.disk = disk_of_replay(&saved->start->machine);
	} else if (saved->start && !disk_is_the_one(run, config->board.disk)) {
		return false;
	}
	if (run->options.record || options_go_back(&run->options))
		saved->journal =
			saved->journal ? saved->journal : journal_create(options_go_back(&run->options));
	if (run->options.record && !saved->journal)
		return run_no_boot(run, "the host has not enough memory");
	if (saved->journal) {
		config->real_time = run->options.real_time;
		journal_attach(saved->journal, config);
	}
	return true;
}

static struct snapshot_image image_along(const struct run *run)
{
	const char *name = strrchr(run->image.path, '/');

	return (struct snapshot_image){
		.name = name ? name + 1 : run->image.path,
		.bytes = run->image.file.data,
		.size = run->image.file.size,
	};
}

/* The file begins with the node as it is now; and as it is read from there, the node goes on. */
static bool record_begin(struct run *run, struct node *node)
{
	struct snapshot *snapshot = node_snapshot_take(node);
	struct snapshot_image image = image_along(run);
	char error[512] = "the host has not enough memory";

	if (snapshot)
		run->saved.output =
			recording_create(run->options.record, snapshot, &image, error, sizeof error);
	if (run->saved.output && node_snapshot_restore_as_read(node, snapshot))
		journal_output(run->saved.journal, run->saved.output);
	else
		complain("cannot write recording %s: %s", run->options.record, error);
	snapshot_release(snapshot);
	if (run->saved.output)
		return true;
	run->status = STATUS_NO_BOOT;
	return false;
}

bool saved_begin(struct run *run, struct node *node, node_report_fn *report, void *context)
{
	if (!run->saved.journal) {
		node_set_report(node, report, context);
		return true;
	}
	journal_begin(run->saved.journal, node, report, context);
	return !run->options.record || record_begin(run, node);
}

/* --- taking snapshots ------------------------------------------------------------------------------ */

/* The one that is being written; there is one run in a process. */
static struct {
	struct host_thread *thread;
	struct snapshot *snapshot;
	struct snapshot_image image;
	const char *path;
	char error[512]; /* empty: all is well */
} writing;

static void write_snapshot(void *context)
{
	(void)context;
	writing.error[0] = 0;
	snapshot_write(writing.snapshot, &writing.image, writing.path, writing.error, sizeof writing.error);
}

static void writing_end(struct run *run)
{
	if (!writing.snapshot)
		return;
	if (writing.thread)
		host_thread_join(writing.thread);
	snapshot_release(writing.snapshot);
	writing.snapshot = NULL;
	writing.thread = NULL;
	if (!writing.error[0])
		return;
	complain("cannot write snapshot %s: %s", writing.path, writing.error);
	run->saved.failed = true;
}

/* `more`: others will follow, which then copy only what changed. */
static void take(struct run *run, struct node *node, bool more)
{
	uint64_t before = host_clock_ns();
	char text[32];

	writing_end(run);
	if (more)
		node_snapshot_track(node); /* where it fails, all is copied */
	writing.snapshot = node_snapshot_take(node);
	if (!writing.snapshot) {
		complain("cannot take a snapshot: the host has not enough memory");
		run->saved.failed = true;
		return;
	}
	if (run->options.verbose)
		complain("snapshot %s at %s: the guest stood still for %.1f ms", run->options.snapshot,
			 time_text(node_time(node), text), (double)(host_clock_ns() - before) / 1e6);
	if (writing.snapshot->machine.disk)
		writing.snapshot->machine.disk_digest = snapshot_disk_digest(node_disk(node));
	writing.image = image_along(run);
	writing.path = run->options.snapshot;
	writing.thread = host_thread_start(write_snapshot, NULL);
	if (!writing.thread)
		write_snapshot(NULL);
}

uint64_t saved_next_stop(const struct run *run)
{
	uint64_t stop =
		run->options.to_ns < run->options.to_position ? run->options.to_ns : run->options.to_position;

	if (run->options.snapshot && !run->saved.taken && run->options.snapshot_ns < stop)
		stop = run->options.snapshot_ns;
	return stop;
}

void saved_flush(struct run *run, bool waits)
{
	struct saved *saved = &run->saved;

	if (saved->output && !journal_flush(saved->journal, waits) && !saved->failed) {
		complain("cannot write recording %s: %s", run->options.record, host_error());
		saved->failed = true;
	}
}

void saved_observe(struct run *run, struct node *node)
{
	struct saved *saved = &run->saved;

	if (!run->options.snapshot)
		return;
	if (!saved->taken && node_time(node) >= run->options.snapshot_ns) {
		saved->taken = true;
		take(run, node, false);
	}
	if (host_request_came())
		take(run, node, true);
}

/* --- the end --------------------------------------------------------------------------------------- */

static void stopped_at(struct run *run, struct node *node)
{
	struct report_context report = {.image = &run->image, .node = node};
	struct node_thread thread;
	char line[96], text[32];

	snprintf(line, sizeof line, "runs at %s", time_text(node_time(node), text));
	if (node_running_thread(node, &thread))
		report_fault(&report, &thread, line);
	else
		complain("idle at %s", text);
	run->status = STATUS_OK;
}

static void compare_end(struct run *run, struct node *node, const struct journal_end *end)
{
	char text[32];

	time_text(node_time(node), text);
	run->status = end->status;
	if (node_state_hash(node) == end->hash) {
		complain("replayed to the end at %s, where the recorded run ended: %s", text, end->reason);
		return;
	}
	complain("the replay differs from the recording: the state at the end, %s, is another", text);
	run->status = STATUS_FAIL;
}

void saved_replay_ended(struct run *run, struct node *node, bool at_stop)
{
	const struct saved *saved = &run->saved;
	struct journal_end end;
	char text[32];

	time_text(node_time(node), text);
	if (journal_diverged(saved->journal)) {
		complain("the replay differs from the recording at %s: %s", text,
			 journal_diverged(saved->journal));
		run->status = STATUS_FAIL;
	} else if (journal_at_end(saved->journal, &end)) {
		compare_end(run, node, &end);
	} else if (at_stop) {
		stopped_at(run, node);
	} else if (!saved->recording.cut) {
		complain("the replay differs from the recording at %s: it does not come to its end", text);
		run->status = STATUS_FAIL;
	} else {
		complain("the recording %s: replayed to %s", saved->recording.cut, text);
		run->status = STATUS_OK;
	}
}

static void record_end(struct run *run)
{
	struct saved *saved = &run->saved;
	bool good = journal_end(saved->journal, run->status, run->ending);

	good = host_output_finish(saved->output) && good;
	saved->output = NULL;
	if (!good && !saved->failed) {
		complain("cannot write recording %s: %s", run->options.record, host_error());
		saved->failed = true;
	}
}

void saved_end(struct run *run, struct node *node)
{
	struct saved *saved = &run->saved;
	char text[32];

	if (run->options.snapshot && run->options.snapshot_ns == TIME_END)
		take(run, node, false);
	else if (run->options.snapshot && !saved->taken) {
		complain("no snapshot was taken: the run ended before, at %s",
			 time_text(node_time(node), text));
		saved->failed = true;
	}
	if (saved->output)
		record_end(run);
	writing_end(run);
	if (saved->failed && run->status == STATUS_OK)
		run->status = STATUS_STUCK;
}

void saved_close(struct run *run)
{
	struct saved *saved = &run->saved;

	if (run->options.replay) {
		recording_close(&saved->recording);
	} else {
		snapshot_release(saved->start);
		snapshot_image_free(&saved->image);
		journal_destroy(saved->journal);
	}
	if (saved->output)
		host_output_abandon(saved->output);
}
