/* `skerry cluster sim --trace`: a trace of all its nodes, in the cluster's time. */
#ifndef SKERRY_CMD_SIM_TRACE_H
#define SKERRY_CMD_SIM_TRACE_H

#include "cluster/sim/sim.h"

/* To be called before sim_create(); `buffer_size`, of each node, 0: the default. False: why has been said. */
bool sim_trace_begin(struct sim_config *config, const char *path, uint64_t buffer_size);
/* After sim_destroy(). False: not all could be written, and that has been said. */
bool sim_trace_end(void);

#endif
