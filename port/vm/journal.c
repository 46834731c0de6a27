/* See journal.h. */
#include "port/vm/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "port/vm/disk_memory.h"
#include "port/vm/internal.h"
#include "port/vm/journal_entry.h"
#include "port/vm/recording.h"

#define FLUSH_SIZE 65536
#define FLUSH_NS   20000000ull /* of the host's time */

struct journal {
	struct node *node;
	bool records; /* at the end of the entries */
	bool keeps;   /* entries that were written out, to go back to */
	bool inside;  /* the node is at work: what the clock says is an entry */

	/* What the node's configuration led to before we were put between. */
	struct board_config outside;
	struct board_disk disk_outside, disk;
	node_report_fn *report;
	void *report_context;

	uint8_t *entries;
	uint64_t size, capacity;
	struct host_output *output; /* NULL: none, or it failed */
	bool output_failed;
	bool urgent; /* something is not written out without which the run cannot be repeated */
	uint64_t flushed, flushed_ns, host_clock;
	uint64_t marked; /* guest time of the last mark */

	/* What is put back together with the node: struct journal_place. */
	uint64_t at;         /* the next entry; `size`: none is ahead */
	uint64_t clock;      /* real time: the last reading, ns since the node was made */
	uint64_t operations; /* of the disk */
	uint64_t printed, reports;
	struct disk_memory disk_memory;

	uint64_t printed_most, reports_most; /* what has come out once */
	const char *diverged;
};

bool journal_repeats(const struct journal *journal)
{
	return !journal->records || journal->at < journal->size;
}

const char *journal_diverged(const struct journal *journal)
{
	return journal->diverged;
}

/* --- entries ------------------------------------------------------------------------------------------- */

static struct entry entry_ahead(const struct journal *journal)
{
	return entry_parse(journal->entries, journal->size, journal->at);
}

static void diverge(struct journal *journal, const char *why)
{
	if (!journal->diverged)
		journal->diverged = why;
	node_interrupt(journal->node);
}

/* Without memory for an entry the run goes on, but is no longer recorded. */
static void record(struct journal *journal, const struct entry *entry)
{
	uint64_t needed = journal->size + ENTRY_ROOM + entry->size;

	if (needed > journal->capacity) {
		uint64_t capacity = 2 * needed;
		uint8_t *more = realloc(journal->entries, capacity);

		if (!more) {
			journal->output_failed = true;
			return;
		}
		journal->entries = more;
		journal->capacity = capacity;
	}
	journal->size += entry_write(journal->entries + journal->size, entry);
	journal->at = journal->size;
	journal->urgent |= entry->kind != ENTRY_CLOCK;
}

/* How long the node runs before this entry is due; in real time it is as soon as it is the next. */
static uint64_t time_ahead(const struct journal *journal, const struct entry *entry)
{
	uint64_t now = node_time(journal->node);

	if (journal->node->config.real_time)
		return 0;
	if (entry->kind == ENTRY_NONE || entry->kind == ENTRY_CLOCK || entry->kind == ENTRY_DISK_READ ||
	    entry->kind == ENTRY_DISK_FAIL)
		return UINT64_MAX;
	return entry->number[0] > now ? entry->number[0] - now : 0;
}

static bool write_out(struct journal *journal)
{
	uint64_t size = journal->size - journal->flushed;

	if (journal->output && !journal->output_failed && size > 0 &&
	    !recording_write_chunk(journal->output, journal->entries + journal->flushed, size))
		journal->output_failed = true;
	journal->urgent = false;
	if (!journal->keeps)
		journal->size = journal->at = 0;
	journal->flushed = journal->size;
	journal->flushed_ns = host_clock_ns();
	return !journal->output_failed;
}

bool journal_flush(struct journal *journal, bool waits)
{
	struct entry mark = {.kind = ENTRY_MARK,
			     .number = {node_time(journal->node), journal->node->hart->instret}};

	if (!journal->output || journal_repeats(journal))
		return true;
	if (!journal->urgent && !(waits && mark.number[0] > journal->marked) &&
	    journal->size - journal->flushed < FLUSH_SIZE && host_clock_ns() - journal->flushed_ns < FLUSH_NS)
		return !journal->output_failed;
	record(journal, &mark);
	journal->marked = mark.number[0];
	return write_out(journal);
}

bool journal_end(struct journal *journal, int status, const char *reason)
{
	struct entry end = {
		.kind = ENTRY_END,
		.number = {node_time(journal->node), journal->node->hart->instret,
			   node_state_hash(journal->node), (uint64_t)status},
		.bytes = (const uint8_t *)reason,
		.size = strlen(reason),
	};

	if (!journal_repeats(journal))
		record(journal, &end);
	return write_out(journal);
}

bool journal_at_end(const struct journal *journal, struct journal_end *end)
{
	struct entry entry = entry_ahead(journal);
	static char reason[512];

	if (journal->records || entry.kind != ENTRY_END || time_ahead(journal, &entry) > 0)
		return false;
	snprintf(reason, sizeof reason, "%.*s",
		 (int)(entry.size < sizeof reason ? entry.size : sizeof reason - 1),
		 (const char *)entry.bytes);
	*end = (struct journal_end){
		.time_ns = entry.number[0],
		.instructions = entry.number[1],
		.hash = entry.number[2],
		.status = (int)entry.number[3],
		.reason = reason,
	};
	return true;
}

uint64_t journal_extent(const struct journal *journal)
{
	uint64_t extent = 0;

	for (struct entry entry = entry_parse(journal->entries, journal->size, 0); entry.kind != ENTRY_NONE;
	     entry = entry_parse(journal->entries, journal->size, entry.next)) {
		if ((entry.kind == ENTRY_INPUT || entry.kind == ENTRY_MARK || entry.kind == ENTRY_END) &&
		    entry.number[0] > extent)
			extent = entry.number[0];
		if (entry.kind == ENTRY_SKIP && entry.number[1] > extent)
			extent = entry.number[1];
	}
	return extent;
}

/* --- what the node asks for ---------------------------------------------------------------------------- */

static uint64_t clock_ns(void *context)
{
	struct journal *journal = context;
	struct entry entry = {.kind = ENTRY_CLOCK};
	uint64_t now;

	if (!journal->inside)
		return journal->clock;
	if (journal_repeats(journal)) {
		entry = entry_ahead(journal);
		if (entry.kind == ENTRY_CLOCK) {
			journal->at = entry.next;
			journal->clock += entry.number[0];
		} else {
			node_interrupt(journal->node);
		}
		return journal->clock;
	}
	now = journal->outside.host_clock_ns(journal->outside.context);
	entry.number[0] = now - journal->host_clock;
	journal->host_clock = now;
	journal->clock += entry.number[0];
	record(journal, &entry);
	return journal->clock;
}

uint64_t journal_clock_now(const struct journal *journal)
{
	return journal->clock + journal->outside.host_clock_ns(journal->outside.context) -
	       journal->host_clock;
}

/* While something is repeated that has been printed before, it is not printed again. */
static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	struct journal *journal = context;
	uint64_t known = journal->printed_most - journal->printed;
	size_t skipped = known < size ? (size_t)known : size;

	journal->printed += size;
	if (skipped == size)
		return;
	journal->printed_most = journal->printed;
	if (journal->outside.output)
		journal->outside.output(journal->outside.context, console, (const char *)bytes + skipped,
					size - skipped);
}

static void report(void *context, const struct node_thread *thread, const char *line)
{
	struct journal *journal = context;

	if (++journal->reports <= journal->reports_most)
		return;
	journal->reports_most = journal->reports;
	if (journal->report)
		journal->report(journal->report_context, thread, line);
}

/* --- the disk ------------------------------------------------------------------------------------------ */

/* The entry of this disk operation, if it has one. */
static bool operation_ahead(struct journal *journal, enum entry_kind kind, struct entry *entry)
{
	*entry = entry_ahead(journal);
	if (!journal_repeats(journal) || entry->kind != kind || entry->number[0] != journal->operations)
		return false;
	journal->at = entry->next;
	return true;
}

/* Whether an operation without data went well: outside, or in the recording. */
static bool operation_failed(struct journal *journal, bool well)
{
	struct entry entry = {.kind = ENTRY_DISK_FAIL, .number = {journal->operations}};

	if (!well)
		record(journal, &entry);
	return !well;
}

static bool disk_read_repeat(struct journal *journal, uint64_t offset, void *buffer, size_t size)
{
	struct entry entry;

	if (operation_ahead(journal, ENTRY_DISK_FAIL, &entry))
		return false;
	if (!operation_ahead(journal, ENTRY_DISK_READ, &entry) || entry.size != size) {
		diverge(journal, "it reads something else from the disk");
		return false;
	}
	memcpy(buffer, entry.bytes, size);
	return disk_memory_write(&journal->disk_memory, offset, buffer, size);
}

static bool disk_read(void *context, uint64_t offset, void *buffer, size_t size)
{
	struct journal *journal = context;
	struct entry entry = {.kind = ENTRY_DISK_READ, .bytes = buffer, .size = size};

	entry.number[0] = ++journal->operations;
	if (disk_memory_read(&journal->disk_memory, offset, buffer, size))
		return true;
	if (journal_repeats(journal))
		return disk_read_repeat(journal, offset, buffer, size);
	if (operation_failed(journal, journal->disk_outside.read(journal->disk_outside.context, offset,
								 buffer, size) &&
					      disk_memory_write(&journal->disk_memory, offset, buffer, size)))
		return false;
	record(journal, &entry);
	return true;
}

static bool disk_write(void *context, uint64_t offset, const void *bytes, size_t size)
{
	struct journal *journal = context;
	struct entry entry;

	journal->operations++;
	if (journal_repeats(journal))
		return !operation_ahead(journal, ENTRY_DISK_FAIL, &entry) &&
		       disk_memory_write(&journal->disk_memory, offset, bytes, size);
	return !operation_failed(
		journal, journal->disk_outside.write(journal->disk_outside.context, offset, bytes, size) &&
				 disk_memory_write(&journal->disk_memory, offset, bytes, size));
}

static bool disk_flush(void *context)
{
	struct journal *journal = context;
	struct entry entry;

	journal->operations++;
	if (journal_repeats(journal))
		return !operation_ahead(journal, ENTRY_DISK_FAIL, &entry);
	return !operation_failed(journal, journal->disk_outside.flush(journal->disk_outside.context));
}

/* --- driving ------------------------------------------------------------------------------------------- */

/* Gives the guest the input that is due; false: none is. */
static bool repeat_input(struct journal *journal, const struct entry *entry)
{
	struct node *node = journal->node;
	size_t taken;

	if (entry->kind != ENTRY_INPUT || (!node->config.real_time && entry->number[0] > node_time(node)))
		return false;
	journal->at = entry->next;
	journal->inside = true;
	taken = entry->number[1] > 1
			? 0
			: board_input(node->board, (unsigned)entry->number[1], entry->bytes, entry->size);
	journal->inside = false;
	if (taken != entry->size || (!node->config.real_time && entry->number[0] != node_time(node)))
		diverge(journal, "its input comes at another moment");
	return true;
}

static bool repeat_mark(struct journal *journal, const struct entry *entry)
{
	const struct node *node = journal->node;

	if (entry->kind != ENTRY_MARK || (!node->config.real_time && entry->number[0] > node_time(node)))
		return false;
	journal->at = entry->next;
	return true;
}

/* The node idles: what did the recorded run do then? */
static enum node_state repeat_idle(struct journal *journal, const struct entry *entry, uint64_t until)
{
	struct node *node = journal->node;
	uint64_t now = node_time(node);

	if (node->config.real_time)
		return NODE_RAN; /* the next readings of the clock say when it wakes */
	if (entry->kind == ENTRY_SKIP && entry->number[0] == now) {
		journal->at = entry->next;
		node_skip_to(node, entry->number[1]);
		return NODE_RAN;
	}
	if ((entry->kind == ENTRY_INPUT || entry->kind == ENTRY_MARK || entry->kind == ENTRY_END) &&
	    entry->number[0] == now)
		return NODE_RAN;
	if (until == NODE_FOREVER) {
		if (entry->kind != ENTRY_NONE)
			diverge(journal, "it has nothing to do where the recorded run had");
		return NODE_IDLE;
	}
	node_skip_to(node, until);
	return NODE_RAN;
}

void journal_deliver(struct journal *journal)
{
	struct entry entry = entry_ahead(journal);

	if (journal->node->debug.end)
		return;
	while (journal_repeats(journal) && (repeat_mark(journal, &entry) || repeat_input(journal, &entry)))
		entry = entry_ahead(journal);
}

static enum node_state repeat_step(struct journal *journal, uint64_t budget, uint64_t *until)
{
	struct node *node = journal->node;
	struct entry entry;
	enum node_state state;

	*until = NODE_FOREVER;
	journal_deliver(journal);
	entry = entry_ahead(journal);
	if (!journal_repeats(journal)) /* the last entry was a mark: this is where it was recorded from */
		return NODE_RAN;
	if (journal->diverged || entry.kind == ENTRY_NONE ||
	    (!node->debug.end && entry.kind == ENTRY_END && time_ahead(journal, &entry) == 0))
		return NODE_IDLE;
	if (node->config.real_time && !node->debug.end && entry.kind != ENTRY_CLOCK)
		return NODE_IDLE;
	if (!node->config.real_time && budget > time_ahead(journal, &entry))
		budget = time_ahead(journal, &entry);
	journal->inside = true;
	if (node->config.real_time)
		node->pause = budget < UINT64_MAX - node_position(node) ? node_position(node) + budget : 0;
	state = node_step(node, node->config.real_time ? JOURNAL_STEP_NS : budget, until);
	node->pause = 0;
	journal->inside = false;
	entry = entry_ahead(journal);
	return state == NODE_IDLE ? repeat_idle(journal, &entry, *until) : state;
}

enum node_state journal_step(struct journal *journal, uint64_t budget, uint64_t *until)
{
	enum node_state state;

	if (journal_repeats(journal))
		return repeat_step(journal, budget, until);
	journal->inside = true;
	state = node_step(journal->node, journal->node->config.real_time ? JOURNAL_STEP_NS : budget, until);
	journal->inside = false;
	return state;
}

size_t journal_input(struct journal *journal, const void *bytes, size_t size)
{
	struct board *board = journal->node->board;
	struct entry entry = {.kind = ENTRY_INPUT, .bytes = bytes};

	if (journal_repeats(journal))
		return 0;
	entry.number[0] = node_time(journal->node);
	entry.number[1] = board_input_console(board);
	journal->inside = true;
	entry.size = board_input(board, (unsigned)entry.number[1], bytes, size);
	journal->inside = false;
	if (entry.size > 0)
		record(journal, &entry);
	return entry.size;
}

void journal_skip(struct journal *journal, uint64_t time, bool chosen)
{
	struct entry entry = {.kind = ENTRY_SKIP, .number = {node_time(journal->node), time}};

	if (chosen && !journal->node->config.real_time && time > entry.number[0])
		record(journal, &entry);
	node_skip_to(journal->node, time);
}

/* --- making -------------------------------------------------------------------------------------------- */

struct journal *journal_create(bool keep)
{
	struct journal *journal = calloc(1, sizeof *journal);

	if (!journal)
		return NULL;
	journal->records = true;
	journal->keeps = keep;
	return journal;
}

void journal_output(struct journal *journal, struct host_output *output)
{
	journal->output = output;
}

struct journal *journal_repeat(uint8_t *entries, uint64_t size)
{
	struct journal *journal = calloc(1, sizeof *journal);

	if (!journal)
		return NULL;
	journal->entries = entries;
	journal->size = size;
	return journal;
}

void journal_destroy(struct journal *journal)
{
	if (!journal)
		return;
	disk_memory_destroy(&journal->disk_memory);
	free(journal->entries);
	free(journal);
}

void journal_attach(struct journal *journal, struct node_config *config)
{
	struct board_config *board = &config->board;

	journal->outside = *board;
	board->context = journal;
	board->output = output;
	if (config->real_time)
		board->host_clock_ns = clock_ns;
	if (journal->records && config->real_time)
		journal->host_clock = journal->outside.host_clock_ns(journal->outside.context);
	if (!board->disk)
		return;
	journal->disk_outside = *board->disk;
	journal->disk = (struct board_disk){
		.context = journal,
		.size = board->disk->size,
		.read_only = board->disk->read_only,
		.read = disk_read,
		.write = disk_write,
		.flush = disk_flush,
	};
	board->disk = &journal->disk;
	if (!disk_memory_create(&journal->disk_memory, board->disk->size))
		board->disk = NULL;
}

void journal_begin(struct journal *journal, struct node *node, node_report_fn *report_fn, void *context)
{
	journal->node = node;
	journal->report = report_fn;
	journal->report_context = context;
	node_set_report(node, report, journal);
}

/* --- going back ---------------------------------------------------------------------------------------- */

bool journal_save(const struct journal *journal, struct journal_place *place)
{
	const struct disk_memory *disk = &journal->disk_memory;

	*place = (struct journal_place){
		.at = journal->at,
		.clock = journal->clock,
		.operations = journal->operations,
		.printed = journal->printed,
		.reports = journal->reports,
	};
	if (disk->size == 0)
		return true;
	place->disk = page_map_copy(disk->bytes);
	place->known = page_map_copy(disk->known);
	if (place->disk && place->known)
		return true;
	journal_place_release(place);
	return false;
}

bool journal_restore(struct journal *journal, const struct journal_place *place)
{
	struct entry mark = {.kind = ENTRY_MARK,
			     .number = {node_time(journal->node), journal->node->hart->instret}};
	struct journal_place copy = {.disk = NULL};

	if (place->disk) {
		copy.disk = page_map_copy(place->disk);
		copy.known = page_map_copy(place->known);
		if (!copy.disk || !copy.known) {
			journal_place_release(&copy);
			return false;
		}
		page_map_release(journal->disk_memory.bytes);
		page_map_release(journal->disk_memory.known);
		journal->disk_memory.bytes = copy.disk;
		journal->disk_memory.known = copy.known;
	}
	/* The repetition is to go on to where the run has come to. */
	if (!journal_repeats(journal))
		record(journal, &mark);
	journal->at = place->at;
	journal->clock = place->clock;
	journal->operations = place->operations;
	journal->printed = place->printed;
	journal->reports = place->reports;
	return true;
}

void journal_place_release(struct journal_place *place)
{
	page_map_release(place->disk);
	page_map_release(place->known);
	place->disk = place->known = NULL;
}
