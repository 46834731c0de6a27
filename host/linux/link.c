/* A TCP port with one client. Nothing here blocks but a write to a slow client, for a bounded time. */
#define _GNU_SOURCE
#include "host/host.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/linux/internal.h"

#define PATIENCE_S 10 /* for a client that does not read */
#define WAITING    4

struct host_link {
	int listener, client; /* client: -1 if there is none */
	uint16_t port;
};

/* --- opening ----------------------------------------------------------------------------------------- */

int tcp_listen(const struct addrinfo *info, int waiting)
{
	int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, error;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, waiting) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

uint16_t tcp_port(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
	socklen_t size = sizeof address;

	memset(&address, 0, sizeof address);
	if (getsockname(fd, &address.any, &size) != 0)
		return 0;
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

struct host_link *host_link_open(const char *address, uint16_t port)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct host_link *link = calloc(1, sizeof *link);
	struct addrinfo *list = NULL;
	char service[8];
	int error;

	snprintf(service, sizeof service, "%u", port);
	error = getaddrinfo(address, service, &hints, &list);
	if (!link || error != 0) {
		free(link);
		errno = error == EAI_SYSTEM || error == 0 ? errno : EADDRNOTAVAIL;
		return NULL;
	}
	link->client = link->listener = -1;
	for (const struct addrinfo *info = list; info && link->listener < 0; info = info->ai_next)
		link->listener = tcp_listen(info, WAITING);
	error = errno;
	freeaddrinfo(list);
	if (link->listener >= 0) {
		link->port = tcp_port(link->listener);
		return link;
	}
	free(link);
	errno = error;
	return NULL;
}

void host_link_close(struct host_link *link)
{
	host_link_hang_up(link);
	close(link->listener);
	free(link);
}

uint16_t host_link_port(const struct host_link *link)
{
	return link->port;
}

/* --- the client ---------------------------------------------------------------------------------------- */

bool host_link_accept(struct host_link *link)
{
	int fd = accept4(link->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), on = 1;

	if (fd < 0)
		return false;
	if (link->client >= 0) {
		close(fd);
		return false;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	link->client = fd;
	return true;
}

void host_link_hang_up(struct host_link *link)
{
	if (link->client >= 0)
		close(link->client);
	link->client = -1;
}

int host_link_read(struct host_link *link, void *buffer, size_t size)
{
	ssize_t got;

	if (link->client < 0)
		return HOST_INPUT_END;
	got = recv(link->client, buffer, size < INT_MAX ? size : INT_MAX, 0);
	if (got > 0)
		return (int)got;
	return got < 0 && (errno == EAGAIN || errno == EINTR) ? HOST_INPUT_NONE : HOST_INPUT_END;
}

bool host_link_write(struct host_link *link, const void *bytes, size_t size)
{
	struct pollfd ready = {.fd = link->client, .events = POLLOUT};
	const struct timespec patience = {.tv_sec = PATIENCE_S};
	const char *cursor = bytes;

	while (size > 0) {
		ssize_t sent = link->client < 0 ? -1 : send(link->client, cursor, size, MSG_NOSIGNAL);

		if (sent > 0) {
			cursor += sent;
			size -= (size_t)sent;
		} else if (link->client < 0 || errno != EAGAIN || poll_to_write(&ready, 1, &patience) <= 0) {
			return false;
		}
	}
	return true;
}

unsigned link_poll(const struct host_link *link, struct pollfd fds[POLL_MAX])
{
	if (!link)
		return 0;
	fds[0] = (struct pollfd){.fd = link->listener, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = link->client, .events = POLLIN}; /* -1 is passed over */
	return 2;
}
