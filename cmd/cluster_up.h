/* `skerry cluster up` and `skerry cluster status`. */
#ifndef SKERRY_CMD_CLUSTER_UP_H
#define SKERRY_CMD_CLUSTER_UP_H

int command_cluster_up(int argc, char **argv);
int command_cluster_status(int argc, char **argv);

#endif
