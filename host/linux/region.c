/*
 * Memory that several processes share: a file mapped by each. A file may be made shorter while it is mapped,
 * and a disk may be full, of which an access tells by SIGBUS: then the process ends with a sentence instead
 * of a core.
 */
#define _GNU_SOURCE
#include "host/host.h"
#include "host/linux/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	uint8_t *memory;
	uint64_t size;
	const char *lost;
} shared;

static void on_bus(int number, siginfo_t *info, void *context)
{
	const uint8_t *address = info->si_addr;
	ssize_t written;

	(void)context;
	if (address < shared.memory || address >= shared.memory + shared.size) {
		signal(number, SIG_DFL); /* happens again, and then ends the process */
		return;
	}
	host_console_restore();
	written = write(STDERR_FILENO, shared.lost, strlen(shared.lost));
	(void)written; /* there is nobody else to tell */
	_exit(128 + number);
}

static bool handler_install(void)
{
	struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};

	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) == 0;
}

static bool refuse(int error)
{
	errno = error;
	return false;
}

/* Locked, so that two who make it at the same time do not make it shorter. */
static bool is_of_size(int fd, uint64_t size)
{
	struct stat about;

	if (flock(fd, LOCK_EX) != 0 || fstat(fd, &about) != 0)
		return false;
	if (!S_ISREG(about.st_mode))
		return refuse(ENOTSUP);
	if (about.st_uid != geteuid() || (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return refuse(EPERM);
	if (about.st_size == 0 && ftruncate(fd, (off_t)size) != 0)
		return false;
	if (about.st_size != 0 && (uint64_t)about.st_size != size)
		return refuse(ERANGE);
	return flock(fd, LOCK_UN) == 0;
}

void *host_memory_share(const char *path, uint64_t size, const char *lost)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600), error;
	void *memory = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (is_of_size(fd, size) && handler_install())
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	error = errno;
	close(fd);
	errno = error;
	if (memory == MAP_FAILED)
		return NULL;
	shared.memory = memory;
	shared.size = size;
	shared.lost = lost;
	return memory;
}
