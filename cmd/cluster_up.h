/*
 * `skerry cluster up`, and `status` and `kill`, which look at what it started (cluster_look.c). In the cluster's
 * folder each node has a socket NAME.control, and `up` one of its own, at which it takes "kill NAME".
 */
#ifndef SKERRY_CMD_CLUSTER_UP_H
#define SKERRY_CMD_CLUSTER_UP_H

#include <stdbool.h>

#define CLUSTER_UP_NODES   9 /* at most: a to i */
#define CLUSTER_UP_CONTROL "cluster.control"

/* Where the sockets are if nobody says otherwise. */
const char *cluster_up_folder(void);

/* Is --help among the words? */
bool cluster_asks_for_help(int argc, char **argv);

int command_cluster_up(int argc, char **argv);
int command_cluster_status(int argc, char **argv);
int command_cluster_kill(int argc, char **argv);

#endif
