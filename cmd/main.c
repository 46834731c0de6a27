/* The `skerry` program: finds the command and hands over. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/console.h"
#include "cmd/options.h"
#include "host/host.h"

void complain(const char *format, ...)
{
	char line[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	console_line_end();
	fprintf(stderr, "skerry: %s\n", line);
}

static int command_help(int argc, char **argv);

static int command_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("skerry " SKERRY_VERSION "\n");
	return STATUS_OK;
}

static const struct command {
	const char *name, *summary;
	int (*run)(int argc, char **argv);
	void (*help)(void);
} commands[] = {
	{"run", "boot an image", command_run, help_run},
	{"replay", "repeat a recorded run", command_run, help_replay},
	{"node", "boot an image as a node of a cluster", command_run, help_node},
	{"cluster", "run several nodes together", command_cluster, help_cluster},
	{"link", "join a node under QEMU to a cluster", command_link, help_link},
	{"key", "make a node's key", command_key, help_key},
	{"inspect", "say what is in an image, and why it would not boot", command_inspect, help_inspect},
	{"disasm", "show the code that the compiler makes of an image's", command_disasm, help_disasm},
	{"image", "make a bootable file for bare metal", command_image, help_image},
	{"debug", "run an image under GDB, set up", command_debug, help_debug},
	{"doctor", "say what this system has and lacks", command_doctor, help_doctor},
	{"ps", "list the threads of a run or snapshot", command_ps, help_ps},
	{"caps", "print the capabilities of a run or snapshot", command_caps, help_caps},
	{"help", "show this, or help on one command", command_help, NULL},
	{"version", "show the version", command_version, NULL},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static const struct command *command_find(const char *name)
{
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		name = "version";
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int command_help(int argc, char **argv)
{
	const struct command *command = argc > 1 ? command_find(argv[1]) : NULL;

	if (command && command->help) {
		command->help();
		return STATUS_OK;
	}
	if (argc > 1 && !command) {
		complain("no command '%s' (see: skerry --help)", argv[1]);
		return STATUS_USAGE;
	}
	printf("Usage: skerry COMMAND [ARGUMENT]...\n"
	       "Runs seL4 systems on a machine made of software.\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-10s%s\n", commands[i].name, commands[i].summary);
	printf("\nskerry COMMAND --help tells more; so does the manual page skerry(1).\n");
	return STATUS_OK;
}

int main(int argc, char **argv)
{
	const struct command *command = argc > 1 ? command_find(argv[1]) : NULL;
	int status;

	host_begin();
	if (!command) {
		complain(argc > 1 ? "no command '%s' (see: skerry --help)"
				  : "no command given%s (see: skerry --help)",
			 argc > 1 ? argv[1] : "");
		host_exit(STATUS_USAGE);
	}
	status = command->run(argc - 1, argv + 1);
	if (fflush(stdout) != 0 && status == STATUS_OK) {
		complain("cannot write to standard output: %s", host_error());
		status = STATUS_STUCK;
	}
	host_exit(status);
}
