/* `--trace`: a node's events become a file that a timeline viewer shows. doc/TRACE.md says how to read it. */
#ifndef SKERRY_CMD_TRACE_H
#define SKERRY_CMD_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct links_config;
struct node;
struct trace_file;

/*
 * Begins it: before the guest's first instruction, or, of a node in a cluster, at any moment. `buffer_size`
 * 0: the default. `clock_ns` as of node_trace_start(). False: why has been said.
 */
bool trace_begin(struct node *node, const char *path, uint64_t buffer_size, uint64_t (*clock_ns)(void));
/*
 * Of a node under QEMU: what passes its links from now on, and nothing else. `begins`: it has not run yet,
 * and so all is seen.
 */
bool trace_begin_links(const struct links_config *links, const char *path, uint64_t buffer_size, bool begins);
#define TRACE_LINKS_ONLY "programs on bare metal are not traced, only what passes their links"
bool trace_is_on(void);
/* What passes the node's links, as of trace_link_pass(). */
void trace_link(unsigned port, bool sent, uint64_t time, const void *bytes, size_t size);
/* Writes the file, and ends it; `node` NULL: that under QEMU. True if there is nothing to write, too. */
bool trace_end(struct node *node);

/*
 * Writes a node's events, of a trace that goes on, to a file that has maybe those of others already; `offset`
 * is added to their times. False: the host has not enough memory.
 */
bool trace_write(struct trace_file *file, struct node *node, uint64_t offset);

#endif
