/*
 * The trace of a node whose kernel nobody watches, for it runs under QEMU: what passes its links, on a track
 * of their own. The newest are kept. There is one such node in a process.
 */
#ifndef SKERRY_CMD_TRACE_FRAMES_H
#define SKERRY_CMD_TRACE_FRAMES_H

#include "cluster/link/link.h"
#include "cmd/trace_file.h"
#include "cmd/trace_link.h"

/* `bytes` of memory for what is kept. False: the host has not enough. */
bool trace_frames_begin(const struct links_config *links, uint64_t bytes);
void trace_frames_end(void);

trace_link_seen trace_frames_add;
/* As node_trace_count(). */
uint64_t trace_frames_count(uint64_t *kept);
void trace_frames_write(struct trace_file *file);

#endif
