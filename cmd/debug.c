/*
 * `skerry debug`: the run is ours, with GDB in the foreground, connected and set up. The terminal is GDB's:
 * the guest's output appears in between, and it gets no input.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/run.h"

#define PROGRAM "gdb-multiarch"
#define HINT                                                                                                 \
	"echo \\nThe machine waits before its first instruction. "                                           \
	"break FUNCTION and continue; info threads; Ctrl-C stops; quit ends.\\n"

void help_debug(void)
{
	printf("Usage: skerry debug IMAGE [OPTION]... [-- ARGUMENT...]\n"
	       "Runs IMAGE as skerry run does, with its options, under gdb-multiarch, to which the terminal\n"
	       "belongs. Symbols are loaded from the image; each address space is an inferior. The run ends "
	       "when\n"
	       "GDB does. ARGUMENTs are GDB's, for example: -- -ex 'break main' -ex continue\n");
}

/*
 * Our own settings come first, so that the user's can change them. The architecture is said for processes
 * of which the program is not known.
 */
bool debug_start(const struct run *run, uint16_t port)
{
	static const char *const settings[] = {"set pagination off", "set confirm off",
					       "set schedule-multiple on", "set architecture riscv:rv64"};
	static char target[64];
	const char *argv[DEBUG_ARGUMENTS + 24] = {PROGRAM, "-q"};
	unsigned count = 2;

	for (unsigned i = 0; i < sizeof settings / sizeof settings[0]; i++) {
		argv[count++] = "-ex";
		argv[count++] = settings[i];
	}
	if (!run->image.is_loader)
		argv[count++] = run->options.image;
	snprintf(target, sizeof target, "target extended-remote 127.0.0.1:%u", port);
	argv[count++] = "-ex";
	argv[count++] = target;
	argv[count++] = "-ex";
	argv[count++] = HINT;
	for (unsigned i = 0; i < DEBUG_ARGUMENTS && run->options.debug[i]; i++)
		argv[count++] = run->options.debug[i];
	if (host_foreground_start(argv))
		return true;
	complain("cannot start " PROGRAM ": %s", host_error());
	return false;
}

int command_debug(int argc, char **argv)
{
	static char *none[] = {NULL};
	char **arguments = none;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--") == 0) {
			arguments = argv + i + 1;
			argc = i;
		}
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		help_debug();
		return STATUS_OK;
	}
	for (unsigned i = 0; arguments[i]; i++)
		if (i == DEBUG_ARGUMENTS) {
			complain("too many arguments for " PROGRAM ": there is room for %u", DEBUG_ARGUMENTS);
			return STATUS_USAGE;
		}
	if (!host_program_exists(PROGRAM)) {
		complain(PROGRAM " is not installed; Debian has it in the package of that name: "
				 "apt-get install " PROGRAM);
		return STATUS_NO_BOOT;
	}
	return run_debugged(argc, argv, arguments);
}
