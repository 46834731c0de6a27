/* See process.h. */
#define _GNU_SOURCE
#include "test/cli/process.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define KILLED 1000

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void make_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) != 0)
		die("pipe");
}

static void child_input(enum process_input input, const int ends[2])
{
	int fd = input == INPUT_NULL ? open("/dev/null", O_RDONLY) : ends[0];

	if (input != INPUT_TERMINAL && dup2(fd, STDIN_FILENO) < 0)
		die("dup2");
}

static void child_output(enum process_input input, enum process_output output, const int ends[2])
{
	int fd = ends[1];

	if (output == OUTPUT_CLOSED) {
		close(STDOUT_FILENO);
		return;
	}
	if (output == OUTPUT_FULL)
		fd = open("/dev/full", O_WRONLY);
	if ((input != INPUT_TERMINAL || output != OUTPUT_PIPE) && dup2(fd, STDOUT_FILENO) < 0)
		die("dup2");
}

void process_start(struct process *process, char *const *argv, enum process_input input,
		   enum process_output output)
{
	int in[2], out[2], error[2], master = -1;

	memset(process, 0, sizeof *process);
	make_pipe(in);
	make_pipe(out);
	make_pipe(error);
	fflush(stdout);
	process->pid = input == INPUT_TERMINAL ? forkpty(&master, NULL, NULL, NULL) : fork();
	if (process->pid < 0)
		die("fork");
	if (process->pid == 0) {
		if (output == OUTPUT_NO_READER)
			close(out[0]);
		child_input(input, in);
		child_output(input, output, out);
		if (dup2(error[1], STDERR_FILENO) < 0)
			_exit(99);
		signal(SIGPIPE, SIG_DFL);
		execv(argv[0], argv);
		_exit(99);
	}
	close(in[0]);
	close(out[1]);
	close(error[1]);
	if (output == OUTPUT_NO_READER) {
		close(out[0]);
		out[0] = open("/dev/null", O_RDONLY);
	}
	if (master >= 0) {
		close(in[1]);
		close(out[0]);
	}
	process->input = master >= 0 ? master : in[1];
	process->output = master >= 0 ? master : out[0];
	process->error = error[0];
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Takes what is there within 50 ms; false when both sides have ended. */
static bool take(struct process *process)
{
	struct pollfd ready[2] = {{.fd = process->output, .events = POLLIN},
				  {.fd = process->error, .events = POLLIN}};
	bool open = false;

	if (poll(ready, 2, 50) < 0)
		die("poll");
	for (unsigned i = 0; i < 2; i++) {
		size_t room = PROCESS_OUTPUT - 1 - process->size[i];
		char spill[4096];
		bool keep = room > 0;
		ssize_t got;

		if (!ready[i].revents) {
			open = true;
			continue;
		}
		got = keep ? read(ready[i].fd, process->text[i] + process->size[i], room)
			   : read(ready[i].fd, spill, sizeof spill);
		if (got <= 0)
			continue;
		open = true;
		if (keep)
			process->size[i] += (size_t)got;
	}
	return open;
}

bool process_wait_for(struct process *process, const char *text)
{
	double limit = now() + 10;

	while (!strstr(process->text[0], text) && !strstr(process->text[1], text))
		if (now() > limit || !take(process))
			return strstr(process->text[0], text) || strstr(process->text[1], text);
	return true;
}

void process_type(struct process *process, const char *keys)
{
	if (write(process->input, keys, strlen(keys)) < 0)
		perror("write");
}

void process_input_end(struct process *process)
{
	close(process->input);
	process->input = -1;
}

void process_end(struct process *process, unsigned seconds)
{
	double limit = now() + seconds;
	int status;
	pid_t ended;

	process->status = KILLED;
	while ((ended = waitpid(process->pid, &status, WNOHANG)) == 0 && now() < limit)
		take(process);
	if (ended == 0) {
		kill(process->pid, SIGKILL);
		waitpid(process->pid, &status, 0);
	} else {
		process->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	}
	for (unsigned i = 0; i < 100 && take(process) && now() < limit + 1; i++) {
		struct pollfd ready[2] = {{.fd = process->output, .events = POLLIN},
					  {.fd = process->error, .events = POLLIN}};

		if (poll(ready, 2, 0) == 0)
			break;
	}
	if (process->input >= 0 && process->input != process->output)
		close(process->input);
	close(process->output);
	close(process->error);
}

bool process_terminal_is_cooked(const struct process *process)
{
	struct termios state;

	return tcgetattr(process->input, &state) == 0 && (state.c_lflag & ICANON) && (state.c_lflag & ECHO);
}
