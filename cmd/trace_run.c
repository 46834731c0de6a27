/* The trace of one node, which is a process (`--trace`, and the control command `trace`). */
#include "cmd/trace.h"

#include <inttypes.h>
#include <string.h>

#include "cmd/options.h"
#include "cmd/trace_file.h"
#include "cmd/trace_link.h"
#include "host/host.h"
#include "port/vm/node.h"
#include "port/vm/trace.h"

static struct {
	char path[4096];
	struct trace_file *file; /* NULL: nothing is traced */
	struct trace_link *link; /* NULL: the node is in no cluster */
} run;

/* 1 for the first of all nodes by name, and so on: each node knows all names. */
static unsigned rank(const struct node *node)
{
	const char *self = node_trace_port_name(node, 0), *peer;
	unsigned place = self ? 1 : 0;

	for (unsigned port = 1; (peer = node_trace_port_name(node, port)); port++)
		place += strcmp(strchr(peer, '.'), strchr(self, '.')) < 0;
	return place;
}

static bool begin(struct node *node, uint64_t buffer_size, uint64_t (*clock_ns)(void))
{
	const char *name = node_trace_port_name(node, 0);

	if (name) {
		trace_file_source(run.file, strchr(name, '.') + 1);
		run.link = trace_link_create(node, node_position(node) == 0);
	}
	return (run.link || !name) && node_trace_start(node, buffer_size, clock_ns);
}

/* False: not all could be written. */
static bool release(void)
{
	bool good = trace_file_close(run.file);

	trace_link_destroy(run.link);
	run.file = NULL;
	run.link = NULL;
	return good;
}

bool trace_begin(struct node *node, const char *path, uint64_t buffer_size, uint64_t (*clock_ns)(void))
{
	if (buffer_size == 0)
		buffer_size = TRACE_BUFFER_DEFAULT;
	run.file = strlen(path) < sizeof run.path ? trace_file_create(path, rank(node)) : NULL;
	if (!run.file) {
		complain("cannot write trace %s: %s", path, host_error());
		return false;
	}
	memcpy(run.path, path, strlen(path) + 1);
	if (begin(node, buffer_size, clock_ns))
		return true;
	complain("the host has not enough memory for a trace buffer of %" PRIu64 " bytes", buffer_size);
	release();
	return false;
}

bool trace_is_on(void)
{
	return run.file;
}

void trace_link(unsigned port, bool sent, uint64_t time, const void *bytes, size_t size)
{
	if (run.link)
		trace_link_pass(run.link, port, sent, time, bytes, size);
}

bool trace_end(struct node *node)
{
	uint64_t count, kept;
	bool good;

	if (!run.file)
		return true;
	count = node_trace_count(node, &kept);
	good = trace_write(run.file, node, run.link ? node_trace_origin(node) : 0);
	node_trace_stop(node);
	if (!good)
		complain("the host has not enough memory to write the trace");
	if (!release() && good) {
		complain("cannot write trace %s: %s", run.path, host_error());
		good = false;
	}
	if (good && count > kept)
		complain("the trace has the newest %" PRIu64 " of %" PRIu64
			 " events (more with a larger --trace-buffer)",
			 kept, count);
	return good;
}
