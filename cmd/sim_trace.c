/* See sim_trace.h: a node's events are written when it goes, by a crash or at the end. */
#include "cmd/sim_trace.h"

#include <inttypes.h>
#include <stdio.h>

#include "cmd/options.h"
#include "cmd/trace.h"
#include "cmd/trace_file.h"
#include "cmd/trace_link.h"
#include "host/host.h"
#include "port/vm/trace.h"

static struct {
	const char *path;
	struct trace_file *file; /* NULL: nothing is traced */
	uint64_t buffer_size;
	bool short_of_memory;
	struct {
		struct node *node;
		struct trace_link *link;
		uint64_t begin; /* the cluster's time at which its own is 0 */
		unsigned boots;
	} of[SIM_NODES];
} trace;

static void comes(void *context, unsigned node, struct node *made, uint64_t time)
{
	(void)context;
	trace.of[node].node = made;
	trace.of[node].begin = time;
	trace.of[node].boots++;
	trace.of[node].link = trace_link_create(trace_link_to_node, made, true);
	if (!trace.of[node].link || !node_trace_start(made, trace.buffer_size, NULL))
		trace.short_of_memory = true;
}

static void goes(void *context, unsigned node)
{
	unsigned boots = trace.of[node].boots;
	uint64_t count, kept;
	char name[32];

	(void)context;
	snprintf(name, sizeof name, boots > 1 ? "%s (boot %u)" : "%s", sim_node_name(node), boots);
	trace_file_source(trace.file, name);
	if (!trace_write(trace.file, trace.of[node].node, trace.of[node].begin))
		trace.short_of_memory = true;
	count = node_trace_count(trace.of[node].node, &kept);
	if (count > kept)
		complain("the trace of %s has the newest %" PRIu64 " of %" PRIu64
			 " events (more with a larger --trace-buffer)",
			 name, kept, count);
	trace_link_destroy(trace.of[node].link);
	trace.of[node].link = NULL;
}

/* Of a node's ports for others, in their order. */
static void pass(unsigned node, unsigned peer, bool sent, const void *bytes, size_t size)
{
	unsigned port = peer < node ? peer + 1 : peer;

	if (trace.of[node].link)
		trace_link_pass(trace.of[node].link, port, sent, node_trace_time(trace.of[node].node), bytes,
				size);
}

static void sent(void *context, unsigned from, unsigned to, const void *bytes, size_t size)
{
	(void)context;
	pass(from, to, true, bytes, size);
}

static void taken(void *context, unsigned from, unsigned to, const void *bytes, size_t size)
{
	(void)context;
	pass(to, from, false, bytes, size);
}

bool sim_trace_begin(struct sim_config *config, const char *path, uint64_t buffer_size)
{
	trace.buffer_size = buffer_size ? buffer_size : TRACE_BUFFER_DEFAULT;
	trace.path = path;
	trace.file = trace_file_create(path, 0);
	if (!trace.file) {
		complain("cannot write trace %s: %s", path, host_error());
		return false;
	}
	config->comes = comes;
	config->goes = goes;
	config->sent = sent;
	config->taken = taken;
	return true;
}

bool sim_trace_end(void)
{
	bool written;

	if (!trace.file)
		return true;
	written = trace_file_close(trace.file);
	if (!written)
		complain("cannot write trace %s: %s", trace.path, host_error());
	if (trace.short_of_memory)
		complain("the host has not enough memory for the whole trace");
	return written && !trace.short_of_memory;
}
