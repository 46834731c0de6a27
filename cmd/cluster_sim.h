/* `skerry cluster sim`. */
#ifndef SKERRY_CMD_CLUSTER_SIM_H
#define SKERRY_CMD_CLUSTER_SIM_H

int command_cluster_sim(int argc, char **argv);
void help_cluster_sim(void);

#endif
