/*
 * A wait that a signal ends, at whatever instruction the signal comes. A process is led, instruction by
 * instruction, from before host_wait() towards the system call in which it sleeps; at each of them, in one
 * process after another, the signal comes, and the wait must end. Prints `ok NAME` or `not ok NAME: why`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/host.h"

#define PATIENCE_S 20   /* for one who should not sleep */
#define STEPS_MAX  5000 /* instructions of a wait before it sleeps */

struct signal_case {
	const char *name;
	int number;
};

static bool came(int number)
{
	if (number == SIGUSR1)
		return host_request_came();
	return number == SIGALRM ? host_alarm_rang() : host_signal() == number;
}

/* Stopped before it waits: for ever, or for a moment only. It ends well if the signal has been noticed. */
static pid_t waiter_start(int number, uint64_t timeout_ns)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	host_signals_catch(NULL);
	host_request_catch();
	host_alarm(3600000000000);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(2);
	host_wait(false, NULL, 1); /* so that all that it calls has been found and linked */
	raise(SIGSTOP);
	host_wait(false, NULL, timeout_ns);
	_exit(!came(number));
}

static bool is_stopped(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFSTOPPED(status);
}

static void waiter_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Where the stopped process is; `call` is what it asks the system for, if it does. */
static uint64_t place_of(pid_t pid, uint64_t *call)
{
	struct __ptrace_syscall_info info = {0};

	ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
	*call = info.op == PTRACE_SYSCALL_INFO_ENTRY ? info.entry.nr : UINT64_MAX;
	return info.instruction_pointer;
}

/* The address behind the instruction with which it goes to sleep; 0: it cannot be found. */
static uint64_t find_return(void)
{
	pid_t pid = waiter_start(0, 1);
	uint64_t place = 0, call = 0;

	for (unsigned i = 0; is_stopped(pid) && i < STEPS_MAX; i++) {
		ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD);
		place = place_of(pid, &call);
		if (call == SYS_ppoll || ptrace(PTRACE_SYSCALL, pid, NULL, NULL) != 0)
			break;
	}
	waiter_kill(pid);
	return call == SYS_ppoll ? place : 0;
}

/* The address of that instruction. */
static uint64_t find_call(uint64_t behind)
{
	pid_t pid = waiter_start(0, 1);
	uint64_t place = 0, before = 0, call;

	for (unsigned i = 0; is_stopped(pid) && i < STEPS_MAX && place != behind; i++) {
		before = place;
		place = place_of(pid, &call);
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0)
			break;
	}
	waiter_kill(pid);
	return place == behind ? before : 0;
}

/* Leads a new process so many instructions on, at most up to `last`, and has the signal come there. */
static bool is_ended(int number, unsigned steps, uint64_t last, bool *reached)
{
	const struct timespec patience = {.tv_sec = PATIENCE_S};
	pid_t pid = waiter_start(number, UINT64_MAX);
	sigset_t child;
	uint64_t call;
	int status;

	*reached = false;
	for (unsigned i = 0; is_stopped(pid); i++) {
		*reached = place_of(pid, &call) == last;
		if (i == steps || *reached)
			break;
		ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
	}
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (sigtimedwait(&child, NULL, &(struct timespec){0}) == SIGCHLD)
		; /* of its stops */
	ptrace(PTRACE_DETACH, pid, NULL, number);
	if (sigtimedwait(&child, NULL, &patience) != SIGCHLD)
		kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool check(const struct signal_case *signal, uint64_t last)
{
	bool reached = false, good = true;
	unsigned steps;

	for (steps = 0; good && !reached && steps < STEPS_MAX; steps++)
		good = is_ended(signal->number, steps, last, &reached);
	if (good && reached && steps > 1)
		printf("ok wait-ended-by-%s\n", signal->name);
	else
		printf("not ok wait-ended-by-%s: after %u instructions%s\n", signal->name, steps,
		       good ? " the sleep is not found" : " it is lost");
	return good && reached;
}

/* A process that is led by another on its own processor is led faster. */
static void stay_here(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	sched_setaffinity(0, sizeof here, &here);
}

int main(void)
{
	static const struct signal_case signals[] = {{"sigterm", SIGTERM},
						     {"sigint", SIGINT},
						     {"sighup", SIGHUP},
						     {"sigusr1", SIGUSR1},
						     {"sigalrm", SIGALRM}};
	uint64_t behind, last;
	sigset_t child;
	bool good = true;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	stay_here();
	signal(SIGHUP, SIG_DFL); /* nohup, for one, ignores it */
	behind = find_return();
	last = behind ? find_call(behind) : 0;
	if (!last)
		printf("skip wait-ended-by-signals: processes cannot be traced here\n");
	for (size_t i = 0; last && i < sizeof signals / sizeof signals[0]; i++)
		good &= check(&signals[i], last);
	return !good;
}
