/* A program that has the terminal while we work for it in the background; and what this system has. */
#define _GNU_SOURCE
#include "host/host.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the program in the foreground --------------------------------------------------------------------- */

static pid_t foreground; /* 0: none, or it has ended */
static int foreground_status;

bool host_foreground_start(const char *const *argv)
{
	sigset_t none;

	if (!host_program_exists(argv[0])) {
		errno = ENOENT;
		return false;
	}
	foreground = fork();
	if (foreground < 0) {
		foreground = 0;
		return false;
	}
	if (foreground == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	return true;
}

static bool ended(int options)
{
	int status;

	if (foreground == 0 || waitpid(foreground, &status, options) != foreground)
		return foreground == 0;
	foreground = 0;
	foreground_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return true;
}

bool host_foreground_runs(void)
{
	return !ended(WNOHANG);
}

int host_foreground_end(void)
{
	while (!ended(0))
		;
	return foreground_status;
}

/* --- what there is ----------------------------------------------------------------------------------------
 */

bool host_file_exists(const char *path)
{
	return access(path, R_OK) == 0;
}

bool host_program_exists(const char *name)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];

	if (strchr(name, '/'))
		return access(name, X_OK) == 0;
	while (path && *path) {
		size_t length = strcspn(path, ":");

		snprintf(file, sizeof file, "%.*s/%s", (int)length, path, name);
		if (length > 0 && access(file, X_OK) == 0)
			return true;
		path += length + (path[length] == ':');
	}
	return false;
}

uint64_t host_memory_available(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	unsigned long long kib = 0;
	char line[128];

	while (file && kib == 0 && fgets(line, sizeof line, file))
		sscanf(line, "MemAvailable: %llu", &kib);
	if (file)
		fclose(file);
	return kib * 1024;
}

const char *host_processor(void)
{
	static struct utsname name;

	return uname(&name) == 0 ? name.machine : "unknown";
}

bool host_is_administrator(void)
{
	return geteuid() == 0;
}
