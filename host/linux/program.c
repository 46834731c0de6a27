/*
 * A program beside us. Its standard streams are pipes, its control stream is a socket pair. The system kills
 * it when we die (PR_SET_PDEATHSIG), whatever we die of.
 */
#define _GNU_SOURCE
#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/linux/internal.h"

#define CONTROL_FD       3
#define PATIENCE_MS      1000 /* between asking it to end and forcing it */
#define PATIENCE_STEP_MS 5

/* The connections between us and it, each by the descriptor it becomes there. */
enum link { LINK_INPUT, LINK_OUTPUT, LINK_ERROR, LINK_CONTROL, LINKS };

struct host_program {
	pid_t pid; /* 0: it has ended, and `status` is known */
	int status;
	int fd[LINKS];
	char said[2048], line[2048]; /* on standard error: not handed out yet; handed out last */
	size_t said_size;
	bool said_all;
};

_Static_assert((int)LINK_INPUT == STDIN_FILENO && (int)LINK_OUTPUT == STDOUT_FILENO, "become()");
_Static_assert((int)LINK_ERROR == STDERR_FILENO && (int)LINK_CONTROL == CONTROL_FD, "become()");

/* --- starting -------------------------------------------------------------------------------------- */

/* The new process, up to the program; if it cannot become that, errno goes into `failure`. */
static _Noreturn void become(const char *const *argv, const int *theirs, int failure, pid_t parent)
{
	int fd[LINKS], report = fcntl(failure, F_DUPFD_CLOEXEC, LINKS);
	bool good = true;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) /* it died before we said so */
		_exit(127);
	for (int i = 0; i < LINKS; i++)
		fd[i] = fcntl(theirs[i], F_DUPFD_CLOEXEC, LINKS); /* out of each other's way */
	for (int i = 0; i < LINKS; i++)
		good = good && dup2(fd[i], i) == i;
	if (good)
		execvp(argv[0], (char *const *)argv);
	if (write(report, &errno, sizeof errno) < 0)
		_exit(126);
	_exit(127);
}

static void close_all(int (*pair)[2], unsigned side, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (pair[i][side] >= 0)
			close(pair[i][side]);
}

/* A pipe with its ends exchanged where we are the writer, so that pair[i][0] is ours. */
static bool pipe_open(int pair[2], bool we_write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	pair[0] = ends[we_write];
	pair[1] = ends[!we_write];
	return true;
}

/* The last is for the new process to report a failed start; a good one closes it. */
static bool pairs_open(int pair[LINKS + 1][2])
{
	memset(pair, -1, sizeof(int[LINKS + 1][2]));
	return pipe_open(pair[LINK_INPUT], true) && pipe_open(pair[LINK_OUTPUT], false) &&
	       pipe_open(pair[LINK_ERROR], false) && pipe_open(pair[LINKS], false) &&
	       socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[LINK_CONTROL]) == 0;
}

/* Waits until the program runs, or why it does not. */
static bool program_runs(int failure)
{
	int error = 0;
	ssize_t got;

	do
		got = read(failure, &error, sizeof error);
	while (got < 0 && errno == EINTR);
	if (got == (ssize_t)sizeof error)
		errno = error;
	return got == 0;
}

const char *host_program_self(void)
{
	static char path[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);

	path[size > 0 ? size : 0] = 0;
	return path;
}

struct host_program *host_program_start(const char *const *argv)
{
	struct host_program *program = calloc(1, sizeof *program);
	int pair[LINKS + 1][2], theirs[LINKS], error;
	pid_t parent = getpid();
	bool runs;

	if (!program || !pairs_open(pair) || (program->pid = fork()) < 0) {
		error = errno;
		close_all(pair, 0, program ? LINKS + 1 : 0);
		close_all(pair, 1, program ? LINKS + 1 : 0);
		free(program);
		errno = error;
		return NULL;
	}
	for (unsigned i = 0; i < LINKS; i++) {
		program->fd[i] = pair[i][0];
		theirs[i] = pair[i][1];
	}
	if (program->pid == 0)
		become(argv, theirs, pair[LINKS][1], parent);
	close_all(pair, 1, LINKS + 1);
	for (unsigned i = 0; i < LINKS; i++)
		fcntl(program->fd[i], F_SETFL, O_NONBLOCK);
	runs = program_runs(pair[LINKS][0]);
	error = errno;
	close(pair[LINKS][0]);
	if (runs)
		return program;
	host_program_close(program);
	errno = error;
	return NULL;
}

/* --- its streams ------------------------------------------------------------------------------------ */

int host_program_read(struct host_program *program, enum host_stream stream, void *buffer, size_t size,
		      unsigned timeout_ms)
{
	struct pollfd ready = {.fd = program->fd[stream == HOST_STREAM_CONSOLE ? LINK_OUTPUT : LINK_CONTROL],
			       .events = POLLIN};
	const struct timespec timeout = {.tv_sec = timeout_ms / 1000,
					 .tv_nsec = timeout_ms % 1000 * 1000000l};
	ssize_t got;

	if (timeout_ms > 0)
		poll_interruptible(&ready, 1, &timeout);
	got = read(ready.fd, buffer, size < INT_MAX ? size : INT_MAX);
	if (got > 0)
		return (int)got;
	return got < 0 && (errno == EAGAIN || errno == EINTR) ? HOST_INPUT_NONE : HOST_INPUT_END;
}

size_t host_program_write(struct host_program *program, enum host_stream stream, const void *bytes,
			  size_t size)
{
	ssize_t sent =
		write(program->fd[stream == HOST_STREAM_CONSOLE ? LINK_INPUT : LINK_CONTROL], bytes, size);

	return sent > 0 ? (size_t)sent : 0;
}

void host_program_wait(struct host_program *program, bool input, bool room)
{
	struct host_event event[] = {{.source = HOST_SOURCE_PROGRAM, .of = program, .write = room},
				     {.source = HOST_SOURCE_INPUT}};

	host_wait_for(event, input ? 2 : 1, UINT64_MAX);
}

unsigned program_poll(const struct host_program *program, bool room, struct pollfd fds[POLL_MAX])
{
	fds[0] = (struct pollfd){.fd = program->fd[LINK_OUTPUT], .events = POLLIN};
	fds[1] = (struct pollfd){.fd = program->said_all ? -1 : program->fd[LINK_ERROR], .events = POLLIN};
	fds[2] = (struct pollfd){.fd = room ? program->fd[LINK_INPUT] : -1, .events = POLLOUT};
	return 3;
}

const char *host_program_complaint(struct host_program *program)
{
	ssize_t got = read(program->fd[LINK_ERROR], program->said + program->said_size,
			   sizeof program->said - 1 - program->said_size);
	size_t length;
	char *end;

	program->said_all = got == 0 && program->said_size < sizeof program->said - 1;
	if (got > 0)
		program->said_size += (size_t)got;
	end = memchr(program->said, '\n', program->said_size);
	if (!end && !program->said_all && program->said_size < sizeof program->said - 1)
		return NULL; /* the line is not whole yet */
	if (program->said_size == 0)
		return NULL;
	length = end ? (size_t)(end - program->said) : program->said_size;
	memcpy(program->line, program->said, length);
	program->line[length] = 0;
	length += end ? 1 : 0;
	program->said_size -= length;
	memmove(program->said, program->said + length, program->said_size);
	return program->line;
}

/* --- its end ---------------------------------------------------------------------------------------- */

static bool ended(struct host_program *program, int options)
{
	int status;

	if (program->pid == 0)
		return true;
	if (waitpid(program->pid, &status, options) != program->pid)
		return false;
	program->pid = 0;
	program->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	return true;
}

int host_program_status(struct host_program *program)
{
	while (!ended(program, 0))
		;
	return program->status;
}

void host_program_kill(struct host_program *program)
{
	if (program->pid > 0)
		kill(-program->pid, SIGKILL);
}

void host_program_close(struct host_program *program)
{
	const struct timespec step = {.tv_nsec = PATIENCE_STEP_MS * 1000000l};

	if (program->pid > 0)
		kill(-program->pid, SIGTERM); /* its session, should it be a script that started others */
	for (unsigned ms = 0; ms < PATIENCE_MS && !ended(program, WNOHANG); ms += PATIENCE_STEP_MS)
		nanosleep(&step, NULL);
	host_program_kill(program);
	host_program_status(program);
	for (unsigned i = 0; i < LINKS; i++)
		close(program->fd[i]);
	free(program);
}
