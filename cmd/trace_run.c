/* The trace of one node, which is a process (`--trace`, and the control command `trace`). */
#include "cmd/trace.h"

#include <inttypes.h>
#include <string.h>

#include "cmd/options.h"
#include "cmd/trace_file.h"
#include "cmd/trace_frames.h"
#include "cmd/trace_link.h"
#include "host/host.h"
#include "port/vm/node.h"
#include "port/vm/trace.h"

static struct {
	char path[4096];
	struct trace_file *file;          /* NULL: nothing is traced */
	struct trace_link *link;          /* NULL: the node is in no cluster */
	const struct links_config *links; /* of a node under QEMU; NULL: it is ours */
} run;

/* Of the nodes of a cluster, this one being 0; NULL: there are no more, or no cluster. */
static const char *name_of(const struct node *node, unsigned which)
{
	const char *port = node ? node_trace_port_name(node, which) : NULL;

	if (node)
		return port ? strchr(port, '.') + 1 : NULL;
	if (which == 0)
		return run.links->name;
	return which <= run.links->peers ? run.links->peer[which - 1].name : NULL;
}

/* 1 for the first of all nodes by name, and so on: each node knows all names. */
static unsigned rank(const struct node *node)
{
	const char *self = name_of(node, 0), *peer;
	unsigned place = self ? 1 : 0;

	for (unsigned which = 1; (peer = name_of(node, which)); which++)
		place += strcmp(peer, self) < 0;
	return place;
}

static bool begin(struct node *node, uint64_t buffer_size, uint64_t (*clock_ns)(void))
{
	const char *name = name_of(node, 0);

	if (name) {
		trace_file_source(run.file, name);
		run.link = trace_link_create(trace_link_to_node, node, node_position(node) == 0);
	}
	return (run.link || !name) && node_trace_start(node, buffer_size, clock_ns);
}

static bool begin_links(uint64_t buffer_size, bool begins)
{
	trace_file_source(run.file, run.links->name);
	run.link = trace_link_create(trace_frames_add, NULL, begins);
	return run.link && trace_frames_begin(run.links, buffer_size);
}

static bool create(const char *path, const struct node *node)
{
	run.file = strlen(path) < sizeof run.path ? trace_file_create(path, rank(node)) : NULL;
	if (run.file)
		memcpy(run.path, path, strlen(path) + 1);
	else
		complain("cannot write trace %s: %s", path, host_error());
	return run.file;
}

/* False: not all could be written. */
static bool release(void)
{
	bool good = trace_file_close(run.file);

	trace_link_destroy(run.link);
	if (run.links)
		trace_frames_end();
	run.file = NULL;
	run.link = NULL;
	return good;
}

static bool begun(bool good, uint64_t buffer_size)
{
	if (good)
		return true;
	complain("the host has not enough memory for a trace buffer of %" PRIu64 " bytes", buffer_size);
	release();
	return false;
}

bool trace_begin(struct node *node, const char *path, uint64_t buffer_size, uint64_t (*clock_ns)(void))
{
	if (buffer_size == 0)
		buffer_size = TRACE_BUFFER_DEFAULT;
	run.links = NULL;
	return create(path, node) && begun(begin(node, buffer_size, clock_ns), buffer_size);
}

bool trace_begin_links(const struct links_config *links, const char *path, uint64_t buffer_size, bool begins)
{
	if (buffer_size == 0)
		buffer_size = TRACE_BUFFER_DEFAULT;
	run.links = links;
	return create(path, NULL) && begun(begin_links(buffer_size, begins), buffer_size);
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

/* False: the host has not enough memory. */
static bool write_node(struct node *node)
{
	bool good = trace_write(run.file, node, run.link ? node_trace_origin(node) : 0);

	node_trace_stop(node);
	return good;
}

bool trace_end(struct node *node)
{
	uint64_t count, kept;
	bool good = true;

	if (!run.file)
		return true;
	count = run.links ? trace_frames_count(&kept) : node_trace_count(node, &kept);
	if (run.links)
		trace_frames_write(run.file);
	else
		good = write_node(node);
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
