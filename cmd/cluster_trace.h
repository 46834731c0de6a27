/*
 * Traces of whole clusters. Each node writes its own part, beside its control socket; all parts have the same
 * time, that of the host's clock, and numbers of their own, so the whole is one after the other.
 */
#ifndef SKERRY_CMD_CLUSTER_TRACE_H
#define SKERRY_CMD_CLUSTER_TRACE_H

#include <stdbool.h>

/* `dir` has the nodes' control sockets. Before all else. */
void cluster_trace_at(const char *path, const char *dir);
/* False: why has been said. */
bool cluster_trace_open(void);
/* Where a node writes its part; valid until the next call. */
const char *cluster_trace_part(char node);
/* Has nodes, of one letter each, that have not ended write their parts, up to a moment that is the same for
   all: what is kept may be less than the time that it takes to tell one after the other. */
void cluster_trace_stop(const char *nodes);
/* Takes in a node's part. False: there is none, and that has been said. */
bool cluster_trace_add(char node);
/* False: not all could be written, and that has been said. */
bool cluster_trace_close(void);

int command_cluster_trace(int argc, char **argv);

#endif
