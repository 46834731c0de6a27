/* `skerry cluster up`, `status` and `kill`. In the cluster's folder each node has a socket NAME.control. */
#ifndef SKERRY_CMD_CLUSTER_UP_H
#define SKERRY_CMD_CLUSTER_UP_H

#define CLUSTER_UP_NODES 9 /* at most: a to i */

/* Where the sockets are if nobody says otherwise. */
const char *cluster_up_folder(void);

int command_cluster_up(int argc, char **argv);
int command_cluster_status(int argc, char **argv);
int command_cluster_kill(int argc, char **argv);

#endif
