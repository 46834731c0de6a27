/* The memory that a node shares with others on this machine: --region. */
#ifndef SKERRY_CMD_REGION_H
#define SKERRY_CMD_REGION_H

#include "cmd/run.h"
#include "vm/device/board.h"

/* Gives it to the board; false: why has been said, and run->status is set. */
bool region_begin(struct run *run, struct board_config *board);
void region_end(void); /* after the node has gone */

#endif
