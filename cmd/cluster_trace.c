/* `skerry cluster trace`, and what it shares with `skerry cluster up --trace`: see cluster_trace.h. */
#include "cmd/cluster_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cluster_up.h"
#include "cmd/control.h"
#include "cmd/options.h"
#include "cmd/trace_file.h"
#include "host/host.h"
#include "port/vm/trace.h"

#define PATH_SIZE  4096
#define PATIENCE_S 30                  /* a large trace takes long to write */
#define AGREE_NS   UINT64_C(100000000) /* until then all know when to end */
#define LOOK_NS    50000000ull         /* between two looks at whether nodes are there */

static struct {
	const char *path, *dir;
	uint64_t buffer_size;
	struct trace_file *file;
} trace;

void cluster_trace_at(const char *path, const char *dir)
{
	trace.path = path;
	trace.dir = dir;
}

bool cluster_trace_open(void)
{
	trace.file = trace_file_create(trace.path, 0);
	if (!trace.file)
		complain("cannot write trace %s: %s", trace.path, host_error());
	return trace.file;
}

static const char *format(void)
{
	return trace_file_is_json(trace.path) ? "json" : "trace";
}

static const char *control_path(char node)
{
	static char path[PATH_SIZE];

	snprintf(path, sizeof path, "%s/%c.control", trace.dir, node);
	return path;
}

const char *cluster_trace_part(char node)
{
	static char path[PATH_SIZE + 8];

	snprintf(path, sizeof path, "%s.%s", control_path(node), format());
	return path;
}

/* False: the node says why not, or is not there (then *gone). */
static bool ask(char node, const char *what, bool *gone)
{
	char line[96], *answer;
	const char *text;
	size_t size = 0;

	snprintf(line, sizeof line, "trace %s", what);
	answer = host_control_ask(control_path(node), line, PATIENCE_S, &size);
	*gone = !answer || size == 0;
	text = control_good(answer, size);
	if (!text && !*gone)
		complain("node %c: %.*s", node, (int)strcspn(answer, "\n"), answer);
	else if (text && *text)
		complain("node %c: %.*s", node, (int)strcspn(text, "\n"), text);
	free(answer);
	return text;
}

void cluster_trace_stop(const char *nodes)
{
	uint64_t end_at = host_clock_ns() + AGREE_NS;
	char what[64];
	bool gone;

	snprintf(what, sizeof what, "end %" PRIu64, end_at);
	for (const char *node = nodes; *node; node++)
		if (host_is_control(control_path(*node)))
			ask(*node, what, &gone);
	for (const char *node = nodes; *node; node++)
		if (host_is_control(control_path(*node)))
			ask(*node, "stop", &gone);
}

bool cluster_trace_add(char node)
{
	const char *part = cluster_trace_part(node);
	bool good = trace_file_append(trace.file, part);

	if (!good)
		complain("node %c is gone, and is not in the trace", node);
	remove(part);
	return good;
}

bool cluster_trace_close(void)
{
	bool good = trace_file_close(trace.file);

	if (!good)
		complain("cannot write trace %s: %s", trace.path, host_error());
	return good;
}

/* --- the command ------------------------------------------------------------------------------------ */

static int help(void)
{
	printf("Usage: skerry cluster trace FILE [--dir DIR] [--for TIME] [--trace-buffer SIZE]\n"
	       "Writes what happens in a cluster that skerry cluster up started, as one timeline: what "
	       "skerry run --trace\n"
	       "shows of each node, and arrows from node to node for what passes between them. It begins now "
	       "and ends\n"
	       "after TIME, with Ctrl-C, or with the cluster. For https://ui.perfetto.dev; Chrome's JSON if "
	       "FILE ends in\n"
	       ".json. DIR is the one given to skerry cluster up. skerry cluster up --trace FILE traces from "
	       "the first\n"
	       "instruction on. SIZE is as of skerry run, for each node.\n");
	return STATUS_OK;
}

static int wrong(const char *why, const char *word)
{
	mistake("cluster trace: %s%s", why, word);
	return STATUS_USAGE;
}

/* The names of those that have a control socket. */
static const char *nodes_there(void)
{
	static char names[CLUSTER_UP_NODES + 1];
	unsigned count = 0;

	for (unsigned i = 0; i < CLUSTER_UP_NODES; i++)
		if (host_is_control(control_path((char)('a' + i))))
			names[count++] = (char)('a' + i);
	names[count] = 0;
	return names;
}

/* The names of those that are traced now. */
static const char *start(const char *nodes)
{
	static char names[CLUSTER_UP_NODES + 1];
	unsigned count = 0;
	char what[64];
	bool gone;

	snprintf(what, sizeof what, "start %s %" PRIu64, format(), trace.buffer_size);
	for (; *nodes && !host_signal(); nodes++) {
		if (ask(*nodes, what, &gone))
			names[count++] = *nodes;
		else if (gone)
			complain("node %c does not answer", *nodes);
	}
	names[count] = 0;
	return names;
}

static void wait_for(const char *nodes, uint64_t duration)
{
	uint64_t begin = host_clock_ns(), passed = 0;
	bool there = true;

	while (there && passed < duration && !host_signal()) {
		host_wait(false, NULL, duration - passed < LOOK_NS ? duration - passed : LOOK_NS);
		passed = host_clock_ns() - begin;
		there = false;
		for (const char *node = nodes; *node; node++)
			there |= host_is_control(control_path(*node));
	}
}

static int run(const char *path, uint64_t duration)
{
	const char *there = nodes_there(), *traced;
	bool good;

	if (!*there) {
		complain("no cluster has its sockets in %s", trace.dir);
		return STATUS_FAIL;
	}
	trace.path = path;
	if (!cluster_trace_open())
		return STATUS_FAIL;
	host_signals_catch(NULL);
	traced = start(there);
	good = strlen(traced) == strlen(there);
	wait_for(traced, duration > AGREE_NS ? duration - AGREE_NS : 0);
	cluster_trace_stop(traced);
	for (const char *node = traced; *node; node++)
		good &= cluster_trace_add(*node);
	good &= cluster_trace_close();
	return good ? STATUS_OK : STATUS_FAIL;
}

int command_cluster_trace(int argc, char **argv)
{
	uint64_t duration = UINT64_MAX;
	const char *path = NULL;

	trace.dir = cluster_up_folder();
	trace.buffer_size = TRACE_BUFFER_DEFAULT;
	options_of("cluster trace");
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
			return help();
		i += word[0] == '-';
		if (strcmp(word, "--dir") == 0 && *value)
			trace.dir = value;
		else if (strcmp(word, "--for") == 0 && time_parse(value, &duration))
			continue;
		else if (strcmp(word, "--trace-buffer") == 0 && *value) {
			if (!trace_buffer_parse(value, &trace.buffer_size))
				return STATUS_USAGE;
		} else if (word[0] == '-')
			return wrong("unknown option, or not its value: ", word);
		else if (path)
			return wrong("there is one FILE, not also ", word);
		else
			path = word;
	}
	return path ? run(path, duration) : wrong("which FILE?", "");
}
