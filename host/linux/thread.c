/* Threads of Linux. Signals are for the main thread. */
#include "host/host.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct host_thread {
	pthread_t id;
	void (*run)(void *context);
	void *context;
};

static void *enter(void *argument)
{
	struct host_thread *thread = argument;

	thread->run(thread->context);
	return NULL;
}

struct host_thread *host_thread_start(void (*run)(void *context), void *context)
{
	struct host_thread *thread = malloc(sizeof *thread);
	sigset_t all, before;
	int error;

	if (!thread)
		return NULL;
	thread->run = run;
	thread->context = context;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread->id, NULL, enter, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		return thread;
	free(thread);
	return NULL;
}

void host_thread_join(struct host_thread *thread)
{
	if (!thread)
		return;
	pthread_join(thread->id, NULL);
	free(thread);
}

void host_relax(void)
{
#ifdef __x86_64__
	__builtin_ia32_pause();
#endif
}

unsigned host_processors(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	return count > 0 ? (unsigned)count : 1;
}
