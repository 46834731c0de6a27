/*
 * The console on Linux: standard input and output, and the terminal's raw mode. Output processing stays
 * on in raw mode, so that a guest's bare line feed starts a new line at the left.
 */
#define _GNU_SOURCE
#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "host/linux/internal.h"

static struct termios cooked;
static volatile sig_atomic_t is_raw;

/* A descriptor that we were not given is taken by something that can be neither read nor written. */
void host_begin(void)
{
	int fd;

	do
		fd = open("/", O_PATH);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

bool host_console_is_terminal(void)
{
	return isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

bool host_console_is_stderr(void)
{
	struct stat output, error;

	return fstat(STDOUT_FILENO, &output) == 0 && fstat(STDERR_FILENO, &error) == 0 &&
	       output.st_dev == error.st_dev && output.st_ino == error.st_ino;
}

/* The process is about to die of its own fault: leave a usable terminal behind. */
static void on_crash(int number)
{
	host_console_restore();
	signal(number, SIG_DFL);
	raise(number);
}

bool host_console_raw(void)
{
	static const int crashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGQUIT};
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &cooked) != 0)
		return false;
	raw = cooked;
	cfmakeraw(&raw);
	raw.c_oflag = cooked.c_oflag;
	is_raw = 1;
	for (unsigned i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
		signal(crashes[i], on_crash);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0)
		return true;
	is_raw = 0;
	return false;
}

void host_console_restore(void)
{
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
	is_raw = 0;
}

/* One write of at most PIPE_BUF bytes after the descriptor is ready: such a write does not block. */
static ssize_t write_some(const char *bytes, size_t size)
{
	struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};

	if (poll_to_write(&ready, 1, NULL) < 0)
		return -1;
	return write(STDOUT_FILENO, bytes, size < PIPE_BUF ? size : PIPE_BUF);
}

bool host_console_write(const void *bytes, size_t size)
{
	const char *cursor = bytes;

	while (size > 0) {
		ssize_t written = write_some(cursor, size);
		bool later = errno == EAGAIN || (errno == EINTR && !host_signal() && !host_alarm_rang());

		if (written < 0 && !later)
			return false;
		if (written > 0) {
			cursor += written;
			size -= (size_t)written;
		}
	}
	return true;
}

int host_console_read(void *buffer, size_t size)
{
	struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
	ssize_t got;

	if (poll(&ready, 1, 0) <= 0)
		return HOST_INPUT_NONE;
	if (ready.revents & POLLNVAL)
		return HOST_INPUT_END;
	got = read(STDIN_FILENO, buffer, size < INT_MAX ? size : INT_MAX);
	if (got > 0)
		return (int)got;
	return got < 0 && (errno == EAGAIN || errno == EINTR) ? HOST_INPUT_NONE : HOST_INPUT_END;
}

/* Adds what the event is about to the list; returns how many. */
static unsigned event_poll(const struct host_event *event, struct pollfd fds[POLL_MAX])
{
	switch (event->source) {
	case HOST_SOURCE_INPUT:
		fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
		return 1;
	case HOST_SOURCE_LINK:
		return link_poll(event->of, fds);
	case HOST_SOURCE_SOCKET:
		return socket_poll(event->of, event->read, event->write, fds);
	case HOST_SOURCE_SHARED:
		return shared_poll(event->of, fds);
	default:
		return program_poll(event->of, event->write, fds);
	}
}

void host_wait_for(struct host_event *event, unsigned count, uint64_t timeout_ns)
{
	struct pollfd ready[HOST_EVENTS_MAX * POLL_MAX];
	unsigned used[HOST_EVENTS_MAX], all = 0;
	struct timespec timeout = {
		.tv_sec = (time_t)(timeout_ns / 1000000000),
		.tv_nsec = (long)(timeout_ns % 1000000000),
	};
	int result;

	for (unsigned i = 0; i < count; i++) {
		used[i] = event_poll(&event[i], ready + all);
		all += used[i];
	}
	if (timeout_ns == 0)
		result = poll(ready, all, 0);
	else
		result = poll_interruptible(ready, all, timeout_ns == UINT64_MAX ? NULL : &timeout);
	all = 0;
	for (unsigned i = 0; i < count; i++) {
		event[i].came = false;
		for (unsigned k = 0; result > 0 && k < used[i]; k++)
			event[i].came |= ready[all + k].revents != 0;
		all += used[i];
	}
}

void host_wait(bool input, const struct host_link *link, uint64_t timeout_ns)
{
	struct host_event event[2];
	unsigned count = 0;

	if (input)
		event[count++] = (struct host_event){.source = HOST_SOURCE_INPUT};
	if (link)
		event[count++] = (struct host_event){.source = HOST_SOURCE_LINK, .of = link};
	host_wait_for(event, count, timeout_ns > 0 ? timeout_ns : 1);
}
