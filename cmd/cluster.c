/* `skerry cluster`: finds the subcommand. */
#include <stdio.h>
#include <string.h>

#include "cmd/cluster_sim.h"
#include "cmd/cluster_trace.h"
#include "cmd/cluster_up.h"
#include "cmd/options.h"

static const struct command {
	const char *name, *summary;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"up", "nodes on this machine, a process each", command_cluster_up},
	{"status", "what the nodes of such a cluster have to say", command_cluster_status},
	{"kill", "kill one of them", command_cluster_kill},
	{"trace", "one timeline of what happens in all of them", command_cluster_trace},
	{"sim", "a cluster in one process and in virtual time, with faults", command_cluster_sim},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

void help_cluster(void)
{
	printf("Usage: skerry cluster COMMAND [ARGUMENT]...\n"
	       "Clusters of nodes.\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-10s%s\n", commands[i].name, commands[i].summary);
	printf("\nskerry cluster COMMAND --help tells more.\n");
}

int command_cluster(int argc, char **argv)
{
	for (size_t i = 0; i < COMMANDS && argc > 1; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		help_cluster();
		return STATUS_OK;
	}
	complain(argc > 1 ? "no command 'cluster %s' (see: skerry cluster --help)"
			  : "which command%s? (see: skerry cluster --help)",
		 argc > 1 ? argv[1] : "");
	return STATUS_USAGE;
}
