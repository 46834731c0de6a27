/* `skerry cluster status` and `kill`: what one can do to a cluster that `skerry cluster up` started. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cluster_up.h"
#include "cmd/control.h"
#include "cmd/options.h"
#include "host/host.h"

#define PATH       4096
#define PATIENCE_S 5 /* a node answers within two, if it runs at all */

static int help_status(void)
{
	printf("Usage: skerry cluster status [--dir DIR]\n"
	       "Prints what each node of a cluster that skerry cluster up started has to say: its links, and "
	       "what its\n"
	       "programs answer. DIR is the one given to skerry cluster up.\n");
	return STATUS_OK;
}

static int help_kill(void)
{
	printf("Usage: skerry cluster kill NAME [--dir DIR]\n"
	       "Kills a node of a cluster that skerry cluster up started, without warning, as if its machine "
	       "had lost its\n"
	       "power. The cluster goes on without it, and that is no failure of the cluster. DIR is the one "
	       "given to\n"
	       "skerry cluster up.\n");
	return STATUS_OK;
}

/* Takes --dir, and a word if there may be one. */
static bool parse(int argc, char **argv, const char **folder, const char **word)
{
	*folder = cluster_up_folder();
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--dir") == 0 && i + 1 < argc)
			*folder = argv[++i];
		else if (strcmp(argv[i], "--dir") == 0)
			return mistake("option '--dir' needs a value");
		else if (argv[i][0] == '-' || !word || *word)
			return mistake("cluster %s does not take '%s'", argv[0], argv[i]);
		else
			*word = argv[i];
	}
	return true;
}

static int no_cluster(const char *folder)
{
	complain("no cluster has its sockets in %s", folder);
	return STATUS_FAIL;
}

/* Prints what a node says; false: nothing. */
static bool print_status(const char *path)
{
	size_t size = 0;
	char *answer = host_control_ask(path, "status", PATIENCE_S, &size);
	const char *text = control_good(answer, size);

	if (text)
		fwrite(text, 1, size - (size_t)(text - answer), stdout);
	free(answer);
	return text;
}

int command_cluster_status(int argc, char **argv)
{
	char path[PATH], silent[CLUSTER_UP_NODES + 1] = "";
	unsigned answers = 0, silences = 0;
	const char *folder;

	if (cluster_asks_for_help(argc, argv))
		return help_status();
	options_of("cluster status");
	if (!parse(argc, argv, &folder, NULL))
		return STATUS_USAGE;
	for (unsigned i = 0; i < CLUSTER_UP_NODES; i++) {
		snprintf(path, sizeof path, "%s/%c.control", folder, 'a' + i);
		if (!host_is_control(path))
			continue;
		if (print_status(path))
			answers++;
		else
			silent[silences++] = (char)('a' + i);
	}
	if (answers + silences == 0)
		return no_cluster(folder);
	if (answers == 0)
		complain("no node of the cluster in %s answers; it may have been killed", folder);
	for (unsigned i = 0; i < silences && answers > 0; i++)
		complain("node %c does not answer", silent[i]);
	return silences > 0 ? STATUS_FAIL : STATUS_OK;
}

int command_cluster_kill(int argc, char **argv)
{
	const char *folder, *node = NULL;
	char path[PATH], line[16], *answer;
	size_t size = 0;
	bool good;

	if (cluster_asks_for_help(argc, argv))
		return help_kill();
	options_of("cluster kill");
	if (!parse(argc, argv, &folder, &node) || (!node && !mistake("cluster kill: which node?")))
		return STATUS_USAGE;
	snprintf(path, sizeof path, "%s/" CLUSTER_UP_CONTROL, folder);
	if (!host_is_control(path))
		return no_cluster(folder);
	snprintf(line, sizeof line, "kill %.8s", node);
	answer = host_control_ask(path, line, PATIENCE_S, &size);
	good = control_good(answer, size);
	if (!answer)
		complain("the cluster in %s does not answer: %s", folder, host_error());
	else if (!good)
		complain("cannot kill node %s: %.*s", node, (int)strcspn(answer, "\n"), answer);
	free(answer);
	return good ? STATUS_OK : STATUS_FAIL;
}
