/* See trace_frames.h. */
#include "cmd/trace_frames.h"

#include <stdlib.h>

#include "host/host.h"

struct entry {
	uint64_t time; /* host_clock_ns() */
	struct trace_frame frame;
	unsigned port;
	bool sent;
};

static struct {
	const struct links_config *links;
	struct entry *ring;
	uint64_t room, count, began_ns;
} frames;

bool trace_frames_begin(const struct links_config *links, uint64_t bytes)
{
	frames.links = links;
	frames.room = bytes / sizeof *frames.ring;
	frames.count = 0;
	frames.began_ns = host_clock_ns();
	frames.ring = malloc(frames.room * sizeof *frames.ring);
	return frames.ring;
}

void trace_frames_end(void)
{
	free(frames.ring);
	frames.ring = NULL;
}

void trace_frames_add(void *context, unsigned port, bool sent, uint64_t time, const struct trace_frame *frame)
{
	(void)context;
	frames.ring[frames.count++ % frames.room] =
		(struct entry){.time = time, .frame = *frame, .port = port, .sent = sent};
}

uint64_t trace_frames_count(uint64_t *kept)
{
	*kept = frames.count < frames.room ? frames.count : frames.room;
	return frames.count;
}

void trace_frames_write(struct trace_file *file)
{
	uint32_t process = trace_file_number(file), track = trace_file_number(file);
	uint64_t kept, count = trace_frames_count(&kept);
	struct trace_point at = {frames.began_ns, track, process};

	trace_file_process(file, process, "machine");
	trace_file_track(file, track, process, "links");
	trace_file_instant(file, at, "trace", "programs on bare metal are not traced", NULL, TRACE_FLOW_NONE,
			   0);
	if (count > kept)
		trace_file_dropped(file, at, count - kept);
	for (uint64_t i = count - kept; i < count; i++) {
		const struct entry *entry = &frames.ring[i % frames.room];

		at.time = entry->time;
		trace_frame_write(file, at, &entry->frame, entry->sent,
				  frames.links->peer[entry->port - 1].name);
	}
}
