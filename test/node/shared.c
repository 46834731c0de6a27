/*
 * Shared memory as it comes from a process that may be hostile: only memory of the right size that stays so,
 * and bells at which nobody waits, are taken. Prints `ok NAME` or `not ok NAME: why`.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/host.h"
#include "test/node/check.h"

#define SIZE 8192

static int memory_new(size_t size, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	need(fd >= 0 && ftruncate(fd, (off_t)size) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0, "no memory");
	return fd;
}

static int bell_new(int flags)
{
	return eventfd(0, EFD_CLOEXEC | flags);
}

static void send_with(int to, const int *fd, unsigned count)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int[4]))] = {0};
	struct iovec bytes = {.iov_base = "ok\n", .iov_len = 3};
	struct msghdr message = {.msg_iov = &bytes,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = CMSG_SPACE(count * sizeof *fd)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(count * sizeof *fd);
	memcpy(CMSG_DATA(header), fd, count * sizeof *fd);
	need(sendmsg(to, &message, 0) == 3, "cannot send");
}

/* Is it taken? All descriptors are closed then. */
static bool is_taken(const int *fd, unsigned count)
{
	char folder[] = "/tmp/skerry-shared-XXXXXX", bytes[8];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct host_shared *shared = NULL;
	int to = socket(AF_UNIX, SOCK_STREAM, 0);

	need(mkdtemp(folder) != NULL, "no folder");
	snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
	struct host_socket *listener = host_socket_listen_local(address.sun_path);
	need(listener && connect(to, (struct sockaddr *)&address, sizeof address) == 0, "cannot connect");
	struct host_socket *socket = host_socket_accept(listener);
	send_with(to, fd, count);
	need(host_socket_read_shared(socket, bytes, sizeof bytes, SIZE, &shared) == 3, "the words are lost");
	if (shared)
		host_shared_release(shared);
	host_socket_close(socket);
	host_socket_close(listener);
	close(to);
	for (unsigned i = 0; i < count; i++)
		close(fd[i]);
	rmdir(folder);
	return shared;
}

static bool three(int memory, int one, int other)
{
	const int fd[] = {memory, one, other};

	return is_taken(fd, 3);
}

static void right(void)
{
	need(three(memory_new(SIZE, F_SEAL_SHRINK | F_SEAL_GROW), bell_new(EFD_NONBLOCK),
		   bell_new(EFD_NONBLOCK)),
	     "it is not taken");
}

static void memory(void)
{
	need(!three(memory_new(SIZE, F_SEAL_GROW), bell_new(EFD_NONBLOCK), bell_new(EFD_NONBLOCK)),
	     "what may shrink is taken");
	need(!three(memory_new(SIZE / 2, F_SEAL_SHRINK | F_SEAL_GROW), bell_new(EFD_NONBLOCK),
		    bell_new(EFD_NONBLOCK)),
	     "less than it should be is taken");
	need(!three(bell_new(EFD_NONBLOCK), bell_new(EFD_NONBLOCK), bell_new(EFD_NONBLOCK)),
	     "what is no memory is taken");
}

static void bells(void)
{
	need(!three(memory_new(SIZE, F_SEAL_SHRINK | F_SEAL_GROW), bell_new(0), bell_new(EFD_NONBLOCK)),
	     "a bell at which one waits is taken");
	need(!three(memory_new(SIZE, F_SEAL_SHRINK | F_SEAL_GROW), bell_new(EFD_NONBLOCK), bell_new(0)),
	     "another one is");
	need(!three(memory_new(SIZE, F_SEAL_SHRINK | F_SEAL_GROW), bell_new(EFD_NONBLOCK),
		    memory_new(SIZE, F_SEAL_SHRINK)),
	     "what is no bell is taken");
}

static void number(void)
{
	const int fd[] = {memory_new(SIZE, F_SEAL_SHRINK | F_SEAL_GROW), bell_new(EFD_NONBLOCK),
			  bell_new(EFD_NONBLOCK), bell_new(EFD_NONBLOCK)};
	const int two[] = {memory_new(SIZE, F_SEAL_SHRINK | F_SEAL_GROW), bell_new(EFD_NONBLOCK)};

	need(!is_taken(two, 2), "two are taken");
	need(!is_taken(fd, 4), "four are taken");
}

static unsigned open_count(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Of all that was sent nothing is left open. */
static void closed(void)
{
	unsigned before = open_count();

	memory();
	bells();
	number();
	right();
	need(open_count() == before, "descriptors are left open");
}

int main(void)
{
	static const struct check tests[] = {
		{"right", right},   {"memory", memory}, {"bells", bells},
		{"number", number}, {"closed", closed},
	};

	return !check_all("link-shared", tests, sizeof tests / sizeof tests[0], NULL, NULL);
}
