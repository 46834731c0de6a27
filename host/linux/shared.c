/*
 * Memory that two processes share, each with a bell (an eventfd) by which the other one wakes it. All three
 * descriptors go through a Unix socket.
 */
#define _GNU_SOURCE
#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/linux/internal.h"

/* As they are sent: the bell of who made it all, and the other's. */
enum descriptor { MEMORY, MAKERS_BELL, OTHERS_BELL, DESCRIPTORS };

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

struct host_shared {
	int fd[DESCRIPTORS];
	int ours, theirs; /* of these, the bells */
	void *memory;
	size_t size;
};

static void close_all(const int *fd)
{
	int error = errno;

	for (unsigned i = 0; i < DESCRIPTORS; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	errno = error;
}

/* Takes the descriptors over. */
static struct host_shared *shared_map(const int *fd, uint64_t size, bool maker)
{
	struct host_shared *shared = malloc(sizeof *shared);

	if (shared) {
		memcpy(shared->fd, fd, sizeof shared->fd);
		shared->ours = fd[maker ? MAKERS_BELL : OTHERS_BELL];
		shared->theirs = fd[maker ? OTHERS_BELL : MAKERS_BELL];
		shared->size = size;
		shared->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd[MEMORY], 0);
		if (shared->memory != MAP_FAILED)
			return shared;
	}
	close_all(fd);
	free(shared);
	return NULL;
}

struct host_shared *host_shared_create(uint64_t size)
{
	int fd[DESCRIPTORS] = {
		[MEMORY] = memfd_create("skerry-link", MFD_CLOEXEC | MFD_ALLOW_SEALING),
		[MAKERS_BELL] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		[OTHERS_BELL] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};

	if (fd[MEMORY] >= 0 && fd[MAKERS_BELL] >= 0 && fd[OTHERS_BELL] >= 0 &&
	    ftruncate(fd[MEMORY], (off_t)size) == 0 &&
	    fcntl(fd[MEMORY], F_ADD_SEALS, SEALS | F_SEAL_SEAL) == 0)
		return shared_map(fd, size, true);
	close_all(fd);
	return NULL;
}

void *host_shared_memory(const struct host_shared *shared)
{
	return shared->memory;
}

void host_shared_release(struct host_shared *shared)
{
	munmap(shared->memory, shared->size);
	close_all(shared->fd);
	free(shared);
}

/* A bell that is ringing already rings. */
void host_shared_wake(struct host_shared *shared)
{
	eventfd_write(shared->theirs, 1);
}

void host_shared_woken(struct host_shared *shared)
{
	eventfd_t rings;

	eventfd_read(shared->ours, &rings);
}

unsigned shared_poll(const struct host_shared *shared, struct pollfd fds[POLL_MAX])
{
	fds[0] = (struct pollfd){.fd = shared->ours, .events = POLLIN};
	return 1;
}

/* --- through a socket ----------------------------------------------------------------------------------- */

/* A message with room for the descriptors. */
struct carrier {
	struct iovec bytes;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int[DESCRIPTORS]))];
	struct msghdr message;
};

static void carrier_begin(struct carrier *carrier, const void *bytes, size_t size)
{
	*carrier = (struct carrier){.bytes = {.iov_base = (void *)bytes, .iov_len = size}};
	carrier->message = (struct msghdr){.msg_iov = &carrier->bytes,
					   .msg_iovlen = 1,
					   .msg_control = carrier->control,
					   .msg_controllen = sizeof carrier->control};
}

bool host_socket_write_shared(struct host_socket *socket, const void *bytes, size_t size,
			      const struct host_shared *shared)
{
	struct carrier carrier;
	struct cmsghdr *header;

	carrier_begin(&carrier, bytes, size);
	header = CMSG_FIRSTHDR(&carrier.message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof shared->fd);
	memcpy(CMSG_DATA(header), shared->fd, sizeof shared->fd);
	return sendmsg(socket_descriptor(socket), &carrier.message, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)size;
}

static bool is_bell(int fd)
{
	static const char kind[] = "anon_inode:[eventfd]";
	char path[64], what[sizeof kind];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return readlink(path, what, sizeof what) == sizeof kind - 1 &&
	       memcmp(what, kind, sizeof kind - 1) == 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

/* Are they memory of that size, which stays so, and bells? Else they are closed. */
static struct host_shared *shared_take(const int *fd, uint64_t size)
{
	struct stat about;

	if (fstat(fd[MEMORY], &about) == 0 && (uint64_t)about.st_size == size &&
	    (fcntl(fd[MEMORY], F_GET_SEALS) & SEALS) == SEALS && is_bell(fd[MAKERS_BELL]) &&
	    is_bell(fd[OTHERS_BELL]))
		return shared_map(fd, size, false);
	close_all(fd);
	return NULL;
}

/* The descriptors that came along; fewer or others than there should be are closed. */
static struct host_shared *carrier_take(struct carrier *carrier, uint64_t size)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(&carrier->message);
	int fd[DESCRIPTORS], other;
	size_t bytes;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return NULL;
	bytes = header->cmsg_len - CMSG_LEN(0);
	if (bytes == sizeof fd) {
		memcpy(fd, CMSG_DATA(header), sizeof fd);
		return shared_take(fd, size);
	}
	/* There may be one more than was asked for: room is given in larger units. */
	for (size_t at = 0; at < bytes; at += sizeof other) {
		memcpy(&other, CMSG_DATA(header) + at, sizeof other);
		close(other);
	}
	return NULL;
}

int host_socket_read_shared(struct host_socket *socket, void *buffer, size_t size, uint64_t shared_size,
			    struct host_shared **shared)
{
	struct carrier carrier;
	ssize_t got;

	*shared = NULL;
	carrier_begin(&carrier, buffer, size);
	got = recvmsg(socket_descriptor(socket), &carrier.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got > 0)
		*shared = carrier_take(&carrier, shared_size);
	if (got > 0)
		return (int)got;
	return got < 0 && (errno == EAGAIN || errno == EINTR) ? HOST_INPUT_NONE : HOST_INPUT_END;
}
