/* `--trace`: a node's events become a file that a timeline viewer shows. doc/TRACE.md says how to read it. */
#ifndef SKERRY_CMD_TRACE_H
#define SKERRY_CMD_TRACE_H

#include <stdbool.h>
#include <stdint.h>

struct node;

/*
 * Begins it: before the guest's first instruction. `buffer_size` 0: the default. `clock_ns` as of node_trace_start().
 * False: why has been said.
 */
bool trace_begin(struct node *node, const char *path, uint64_t buffer_size, uint64_t (*clock_ns)(void));
/* Writes the file. True if there is nothing to write, too. */
bool trace_end(struct node *node);

#endif
