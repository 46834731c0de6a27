/*
 * A trace file: tracks, slices, instants and arrows, as Perfetto's TrackEvent packets or as Chrome's JSON.
 * doc/TRACE.md has the fields. It can have several sources, one after the other: nodes of a cluster.
 */
#ifndef SKERRY_CMD_TRACE_FILE_H
#define SKERRY_CMD_TRACE_FILE_H

#include <stdbool.h>
#include <stdint.h>

enum trace_arg_kind { TRACE_ARG_NUMBER, TRACE_ARG_ADDRESS, TRACE_ARG_TEXT };

struct trace_arg {
	const char *name;
	enum trace_arg_kind kind;
	uint64_t number;
	const char *text;
};

#define TRACE_ARGS_MAX 12

/* What a slice's end or an instant can say beside its time. */
struct trace_args {
	unsigned count;
	struct trace_arg arg[TRACE_ARGS_MAX];
};

void trace_arg_number(struct trace_args *args, const char *name, uint64_t number);
void trace_arg_address(struct trace_args *args, const char *name, uint64_t number);
void trace_arg_text(struct trace_args *args, const char *name, const char *text);

struct trace_file;

bool trace_file_is_json(const char *path); /* it ends in .json */

#define TRACE_FILE_PARTS 64

/*
 * NULL: host_error() says why. Files of different `part`, below TRACE_FILE_PARTS,
 * have different numbers in them, and so can be appended to one another.
 */
struct trace_file *trace_file_create(const char *path, unsigned part);
/* False: not all could be written. */
bool trace_file_close(struct trace_file *file);
/* All that is in another file of the same format, written before. False: that is nothing. */
bool trace_file_append(struct trace_file *file, const char *path);

/* What follows is of this source; the names of its processes begin with it. */
void trace_file_source(struct trace_file *file, const char *name);

/* Numbers that nothing in the file has yet: of a track or process, of an arrow. */
uint32_t trace_file_number(struct trace_file *file);
uint64_t trace_file_flow(struct trace_file *file);

/*
 * Tracks are named before anything of their source. `process` 0: of the machine, not of a program; only in a
 * file with one source.
 */
void trace_file_process(struct trace_file *file, uint32_t process, const char *name);
void trace_file_track(struct trace_file *file, uint32_t track, uint32_t process, const char *name);

/* Times, in ns, never go back in a source. Slices of a track nest. */
struct trace_point {
	uint64_t time;
	uint32_t track, process; /* as trace_file_track() had them */
};
void trace_file_begin(struct trace_file *file, struct trace_point at, const char *category, const char *name,
		      const struct trace_args *args);
void trace_file_end(struct trace_file *file, struct trace_point at, const struct trace_args *args);

enum trace_flow { TRACE_FLOW_NONE, TRACE_FLOW_BEGINS, TRACE_FLOW_ENDS };
void trace_file_instant(struct trace_file *file, struct trace_point at, const char *category,
			const char *name, const struct trace_args *args, enum trace_flow flow,
			uint64_t flow_number);
/* So many older events had no room. */
void trace_file_dropped(struct trace_file *file, struct trace_point at, uint64_t events);

#endif
