/*
 * Signals, the alarm and the end of the process. The handlers only set flags, call the owner's
 * `wake`, and, when the process is to end at once, restore the terminal (tcsetattr() is
 * async-signal-safe).
 */
#define _GNU_SOURCE
#include "host/host.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "host/linux/internal.h"

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
#define ENDING    (sizeof ending / sizeof ending[0])
#define NAP_MAX_S 1000000000 /* for ever */

static volatile sig_atomic_t came, rang, requested;
static void (*volatile wake_owner)(void);
/* How long poll_interruptible() sleeps: nothing, if a signal comes between its look and its sleep. */
static volatile struct timespec nap;
_Static_assert(sizeof(time_t) == sizeof(long), "SYS_ppoll has the C library's struct timespec");

static void no_nap(void)
{
	nap.tv_sec = 0;
	nap.tv_nsec = 0;
}

static void on_ending(int number)
{
	no_nap();
	if (came) {
		host_console_restore();
		_exit(128 + number);
	}
	came = number;
	if (wake_owner)
		wake_owner();
}

static void on_alarm(int number)
{
	(void)number;
	no_nap();
	rang = 1;
	if (wake_owner)
		wake_owner();
}

static void on_request(int number)
{
	(void)number;
	no_nap();
	requested = 1;
}

static void caught(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGALRM);
	sigaddset(set, SIGUSR1);
	for (unsigned i = 0; i < ENDING; i++)
		sigaddset(set, ending[i]);
}

/* No SA_RESTART: a blocked system call returns so that the owner sees the flag. */
static void catch_one(int number, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};

	caught(&action.sa_mask);
	sigaction(number, &action, NULL);
}

void host_signals_catch(void (*wake)(void))
{
	struct sigaction old;

	wake_owner = wake;
	signal(SIGPIPE, SIG_IGN); /* a closed pipe shows as a failed write */
	for (unsigned i = 0; i < ENDING; i++) {
		sigaction(ending[i], NULL, &old);
		if (ending[i] != SIGHUP || old.sa_handler != SIG_IGN) /* nohup stays in force */
			catch_one(ending[i], on_ending);
	}
}

int host_signal(void)
{
	return came;
}

const char *host_signal_name(int number)
{
	switch (number) {
	case SIGINT:
		return "SIGINT";
	case SIGTERM:
		return "SIGTERM";
	case SIGHUP:
		return "SIGHUP";
	default:
		return "a signal";
	}
}

void host_alarm(uint64_t timeout_ns)
{
	uint64_t us = timeout_ns / 1000 + 1;
	struct itimerval timer = {
		.it_value = {.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)},
	};

	catch_one(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &timer, NULL);
}

void host_request_catch(void)
{
	catch_one(SIGUSR1, on_request);
}

bool host_request_came(void)
{
	bool was = requested;

	requested = 0;
	return was;
}

bool host_alarm_rang(void)
{
	return rang;
}

/* The system call itself: the C library's ppoll() would read the time first, and then enter the system. */
int poll_interruptible(struct pollfd *fds, unsigned count, const struct timespec *timeout)
{
	nap.tv_sec = timeout ? timeout->tv_sec : NAP_MAX_S;
	nap.tv_nsec = timeout ? timeout->tv_nsec : 0;
	if (!came && !rang && !requested)
		return (int)syscall(SYS_ppoll, fds, count, &nap, NULL, 0);
	errno = EINTR;
	return -1;
}

/* A request is no reason to write less. */
int poll_to_write(struct pollfd *fds, unsigned count, const struct timespec *timeout)
{
	sigset_t block, old, meanwhile;
	int result = -1, error = EINTR;

	caught(&block);
	sigprocmask(SIG_BLOCK, &block, &old);
	meanwhile = old;
	sigaddset(&meanwhile, SIGUSR1);
	if (!came && !rang) {
		result = ppoll(fds, count, timeout, &meanwhile);
		error = errno;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = error;
	return result;
}

const char *host_error(void)
{
	switch (errno) {
	case ENOTSUP: /* host/linux/file.c */
		return "it is not a regular file";
	case ERROR_UNKNOWN_HOST: /* host/linux/socket.c */
		return "no host is known by that name";
	case ERROR_NOT_PRIVATE: /* host/linux/file.c */
		return "others can read it (chmod 600 keeps it to its owner)";
	case ERROR_NOT_OURS: /* host/linux/folder.c */
		return "it is another user's, or others can write to it (chmod go-w)";
	case ERANGE: /* host/linux/region.c */
		return "it has another size";
	case EBUSY:
		return "another process uses it";
	default:
		return strerror(errno);
	}
}

void host_exit(int status)
{
	host_console_restore();
	exit(status);
}
