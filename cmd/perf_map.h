/*
 * `--perf-map`: tells perf(1) which of the guest's functions compiled code belongs to. Code is noted when it
 * is made, and looked up in the guest's programs a moment later, between two steps of the run.
 */
#ifndef SKERRY_CMD_PERF_MAP_H
#define SKERRY_CMD_PERF_MAP_H

#include "cmd/image.h"

/* Before the node is made. False: why has been said. */
bool perf_map_begin(void);
/* As struct vm_config has it. */
void perf_map_code(void *context, uint64_t root_paddr, uint64_t pc, const void *host, uint64_t size);
/* Writes what was noted. */
void perf_map_turn(struct node *node, const struct image *image);
void perf_map_end(void);

#endif
