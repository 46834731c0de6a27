/* The debugger's connection of a run on our own machine: the port, and who comes there. */
#ifndef SKERRY_CMD_GDB_SERVER_H
#define SKERRY_CMD_GDB_SERVER_H

#include "cmd/run.h"

/* Opens the port that the options name, and says so; false: why has been said, and run->status is set. */
bool gdb_server_open(struct run *run, struct node *node);
/* The run is over, with run->status. */
void gdb_server_close(struct run *run);

/*
 * Serves the client, if there is one. RUN_IDLE: the machine is to run. RUN_GOES_ON: it must stand still, and
 * something may have happened; this waits for that. RUN_BROKEN: the client ended the run.
 */
enum run_state gdb_server_turn(struct run *run);
/* Between two steps. */
void gdb_server_observe(void);
/* What was recorded is at its end: true if a client looks into that. */
bool gdb_server_at_end(void);
/* What was repeated after going back is. */
void gdb_server_at_present(void);
/* node_step() returned NODE_STOPPED. */
void gdb_server_stopped(void);
/* Nothing can ever run again, or the guest switched the machine off: true if a client looks into that. */
bool gdb_server_stuck(struct run *run);
bool gdb_server_halted(int status);

/* For host_wait(); NULL: there is no debugger. */
const struct host_link *gdb_server_link(void);

#endif
