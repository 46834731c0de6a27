/*
 * Which parts of a memory are written: they are write-protected, the first write to each is a SIGSEGV, and
 * its handler notes the part and lets the write go on. Any other SIGSEGV goes where it would have gone.
 */
#define _GNU_SOURCE
#include "host/host.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define WATCHES_MAX 8
/* Linux allows a process 65530 mappings; parts with different protection are mappings of their own. */
#define PARTS_MAX   16384
#define PART_MIN    (64u << 10)

struct host_watch {
	uint8_t *memory;
	uint64_t size, part; /* bytes */
	uint64_t parts;
	uint8_t written[]; /* by part; those are not protected */
};

static struct host_watch *_Atomic watches[WATCHES_MAX];
static struct sigaction action_before;
static bool handler_installed;

static bool unprotect(struct host_watch *watch, uint64_t part)
{
	uint64_t offset = part * watch->part;
	uint64_t size = watch->size - offset < watch->part ? watch->size - offset : watch->part;

	watch->written[part] = 1;
	return mprotect(watch->memory + offset, size, PROT_READ | PROT_WRITE) == 0;
}

static bool write_noticed(const uint8_t *address)
{
	for (unsigned i = 0; i < WATCHES_MAX; i++) {
		struct host_watch *watch = atomic_load(&watches[i]);

		if (!watch || address < watch->memory || address >= watch->memory + watch->size)
			continue;
		return unprotect(watch, (uint64_t)(address - watch->memory) / watch->part);
	}
	return false;
}

static void on_segv(int number, siginfo_t *info, void *context)
{
	int error = errno;

	if (info->si_code == SEGV_ACCERR && write_noticed(info->si_addr)) {
		errno = error;
		return;
	}
	if ((action_before.sa_flags & SA_SIGINFO) && action_before.sa_sigaction)
		action_before.sa_sigaction(number, info, context);
	else
		sigaction(SIGSEGV, &action_before, NULL); /* happens again, and then ends the process */
}

static bool handler_install(void)
{
	struct sigaction action;

	if (handler_installed)
		return true;
	memset(&action, 0, sizeof action);
	action.sa_sigaction = on_segv;
	action.sa_flags = SA_SIGINFO | SA_NODEFER;
	handler_installed = sigaction(SIGSEGV, &action, &action_before) == 0;
	return handler_installed;
}

struct host_watch *host_watch_create(void *memory, uint64_t size)
{
	uint64_t part = PART_MIN, parts;
	struct host_watch *watch;
	unsigned place = 0;

	while (size / part >= PARTS_MAX)
		part *= 2;
	parts = (size + part - 1) / part;
	while (place < WATCHES_MAX && atomic_load(&watches[place]))
		place++;
	if (place == WATCHES_MAX || !handler_install())
		return NULL;
	watch = calloc(1, sizeof *watch + parts);
	if (!watch)
		return NULL;
	watch->memory = memory;
	watch->size = size;
	watch->part = part;
	watch->parts = parts;
	atomic_store(&watches[place], watch);
	if (mprotect(memory, size, PROT_READ) != 0) {
		host_watch_destroy(watch);
		return NULL;
	}
	return watch;
}

void host_watch_destroy(struct host_watch *watch)
{
	if (!watch)
		return;
	mprotect(watch->memory, watch->size, PROT_READ | PROT_WRITE);
	for (unsigned i = 0; i < WATCHES_MAX; i++)
		if (atomic_load(&watches[i]) == watch)
			atomic_store(&watches[i], NULL);
	free(watch);
}

void host_watch_touch(struct host_watch *watch, uint64_t offset, uint64_t size)
{
	for (uint64_t part = offset / watch->part; part <= (offset + size - 1) / watch->part; part++)
		if (!watch->written[part])
			unprotect(watch, part);
}

void host_watch_collect(struct host_watch *watch,
			void (*visit)(void *context, uint64_t offset, uint64_t size), void *context)
{
	for (uint64_t part = 0, end; part < watch->parts; part = end + 1) {
		uint64_t offset = part * watch->part, size;

		for (end = part; end < watch->parts && watch->written[end]; end++)
			watch->written[end] = 0;
		if (end == part)
			continue;
		size = (end * watch->part < watch->size ? end * watch->part : watch->size) - offset;
		mprotect(watch->memory + offset, size, PROT_READ);
		visit(context, offset, size);
	}
}
