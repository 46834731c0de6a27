/*
 * Connections between nodes: Unix sockets and TCP. Nothing here blocks. Names of hosts are looked up by a
 * thread of the C library's (getaddrinfo_a()); addresses that are written as numbers at once.
 */
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
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "host/linux/internal.h"

#define WAITING      16   /* connections that may wait to be accepted */
#define ALIVE_AFTER  1    /* s of silence, after which TCP asks the other side every so often */
#define GONE_MS      3000 /* without an acknowledgement from there: a cable was cut, the host is down */
#define DYING_MS     300  /* how long it may take a process that was killed to be gone */
#define NAME_MAX_TCP 64

struct lookup {
	struct gaicb request;
	struct addrinfo hints;
	char host[256], port[8];
};

struct host_socket {
	int fd;                                               /* -1: none yet */
	char path[sizeof((struct sockaddr_un *)0)->sun_path]; /* of a local one that listens; else empty */
	char name[NAME_MAX_TCP];
	struct lookup *lookup;       /* of a dialed one, until it is connected; NULL: local */
	const struct addrinfo *next; /* the addresses that have not been tried yet */
	bool found, connected;
};

static struct host_socket *socket_new(int fd)
{
	struct host_socket *made = fd >= 0 ? calloc(1, sizeof *made) : NULL;

	if (made)
		made->fd = fd;
	else if (fd >= 0)
		close(fd);
	return made;
}

/* Small messages go out at once, and a host that is gone is noticed. */
static void tcp_prepare(int fd)
{
	static const struct {
		int name, value;
	} options[] = {{TCP_NODELAY, 1},
		       {TCP_KEEPIDLE, ALIVE_AFTER},
		       {TCP_KEEPINTVL, ALIVE_AFTER},
		       {TCP_KEEPCNT, GONE_MS / 1000},
		       {TCP_USER_TIMEOUT, GONE_MS}};
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		setsockopt(fd, IPPROTO_TCP, options[i].name, &options[i].value, sizeof options[i].value);
}

/* --- on this machine ----------------------------------------------------------------------------------- */

bool local_address(const char *path, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!*path || strlen(path) >= sizeof address->sun_path) {
		errno = *path ? ENAMETOOLONG : ENOENT;
		return false;
	}
	memcpy(address->sun_path, path, strlen(path) + 1);
	return true;
}

/* A socket left behind by a process that was killed: nobody answers at it. */
static bool is_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool stale = fd >= 0 && host_is_control(address->sun_path) &&
		     connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
		     errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return stale;
}

/* The same, but that process may still be dying. */
static bool becomes_stale(const struct sockaddr_un *address)
{
	const struct timespec step = {.tv_nsec = DYING_MS * 1000000l / 10};

	for (unsigned i = 0; i < 10; i++) {
		if (is_stale(address))
			return true;
		nanosleep(&step, NULL);
	}
	return is_stale(address);
}

static bool bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t old = umask(0177);
	bool good = bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;
	int error = errno;

	if (!good && error == EADDRINUSE && becomes_stale(address)) {
		unlink(address->sun_path);
		good = bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;
		error = errno;
	}
	umask(old);
	errno = error;
	return good;
}

int local_listen(const char *path, int waiting)
{
	struct sockaddr_un address;
	int fd, error;

	if (!local_address(path, &address))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind_private(fd, &address) && listen(fd, waiting) == 0)
		return fd;
	error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

struct host_socket *host_socket_listen_local(const char *path)
{
	struct host_socket *made = socket_new(local_listen(path, WAITING));

	if (made)
		memcpy(made->path, path, strlen(path) + 1);
	return made;
}

struct host_socket *host_socket_dial_local(const char *path)
{
	struct sockaddr_un address;
	struct host_socket *made;
	int error;

	if (!local_address(path, &address))
		return NULL;
	made = socket_new(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (!made)
		return NULL;
	if (connect(made->fd, (struct sockaddr *)&address, sizeof address) == 0) {
		made->connected = true;
		return made;
	}
	error = errno;
	host_socket_close(made);
	errno = error;
	return NULL;
}

bool host_socket_is_ours(const struct host_socket *socket)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	return getsockopt(socket->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

/* --- TCP: addresses ---------------------------------------------------------------------------------------
 */

/* As errno what getaddrinfo() says. */
static int lookup_error(int error)
{
	return error == EAI_SYSTEM && errno != 0 ? errno : error == EAI_MEMORY ? ENOMEM : ERROR_UNKNOWN_HOST;
}

static void lookup_free(struct lookup *lookup)
{
	if (!lookup)
		return;
	/* One that is under way cannot be taken back: its memory is the library's thread's, and lost. */
	if (gai_cancel(&lookup->request) == EAI_NOTCANCELED)
		return;
	if (lookup->request.ar_result)
		freeaddrinfo(lookup->request.ar_result);
	free(lookup);
}

/* Begins to look up; a number is found at once. */
static struct lookup *lookup_begin(const char *host, uint16_t port, bool *found)
{
	struct lookup *lookup = calloc(1, sizeof *lookup);
	struct gaicb *list[1];
	int error;

	if (!lookup)
		return NULL;
	snprintf(lookup->host, sizeof lookup->host, "%s", host);
	snprintf(lookup->port, sizeof lookup->port, "%u", port);
	lookup->hints =
		(struct addrinfo){.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	error = getaddrinfo(lookup->host, lookup->port, &lookup->hints, &lookup->request.ar_result);
	*found = error == 0;
	if (*found)
		return lookup;
	lookup->hints.ai_flags = AI_NUMERICSERV;
	lookup->request = (struct gaicb){
		.ar_name = lookup->host, .ar_service = lookup->port, .ar_request = &lookup->hints};
	list[0] = &lookup->request;
	error = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
	if (error == 0)
		return lookup;
	free(lookup);
	errno = lookup_error(error);
	return NULL;
}

static void name_make(struct host_socket *made, const struct sockaddr *address, socklen_t size)
{
	char host[NAME_MAX_TCP - 16], port[8];

	if (getnameinfo(address, size, host, sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(made->name, sizeof made->name, "%s:%s", host, port);
}

const char *host_socket_name(struct host_socket *socket)
{
	return socket->name;
}

/* --- TCP: listening ------------------------------------------------------------------------------------- */

struct host_socket *host_socket_listen(const char *host, uint16_t port)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *list = NULL;
	char service[8];
	int error, fd = -1;

	snprintf(service, sizeof service, "%u", port);
	error = getaddrinfo(host, service, &hints, &list);
	if (error != 0) {
		errno = lookup_error(error);
		return NULL;
	}
	for (const struct addrinfo *info = list; info && fd < 0; info = info->ai_next)
		fd = tcp_listen(info, WAITING);
	error = errno;
	freeaddrinfo(list);
	errno = error;
	return socket_new(fd);
}

uint16_t host_socket_port(const struct host_socket *socket)
{
	return tcp_port(socket->fd);
}

struct host_socket *host_socket_accept(struct host_socket *listener)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address;
	struct host_socket *made;

	made = socket_new(
		accept4(listener->fd, (struct sockaddr *)&address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
	if (!made)
		return NULL;
	made->connected = true;
	if (!*listener->path) {
		tcp_prepare(made->fd);
		name_make(made, (struct sockaddr *)&address, size);
	}
	return made;
}

/* --- TCP: dialing --------------------------------------------------------------------------------------- */

struct host_socket *host_socket_dial(const char *host, uint16_t port)
{
	struct host_socket *made = calloc(1, sizeof *made);

	if (!made)
		return NULL;
	made->fd = -1;
	made->lookup = lookup_begin(host, port, &made->found);
	if (made->lookup) {
		made->next = made->found ? made->lookup->request.ar_result : NULL;
		return made;
	}
	free(made);
	return NULL;
}

/* Begins to connect to the next address; false: there is none left, with the last one's error. */
static bool dial_next(struct host_socket *dialed, int error)
{
	while (dialed->next) {
		const struct addrinfo *info = dialed->next;

		dialed->next = info->ai_next;
		if (dialed->fd >= 0)
			close(dialed->fd);
		dialed->fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (dialed->fd < 0) {
			error = errno;
			continue;
		}
		tcp_prepare(dialed->fd);
		name_make(dialed, info->ai_addr, info->ai_addrlen);
		if (connect(dialed->fd, info->ai_addr, info->ai_addrlen) == 0 || errno == EINPROGRESS)
			return true;
		error = errno;
	}
	errno = error;
	return false;
}

/* Is the host's name known now? As host_socket_dialed(). */
static int looked_up(struct host_socket *socket)
{
	int error;

	if (socket->found)
		return 1;
	error = gai_error(&socket->lookup->request);
	if (error == EAI_INPROGRESS)
		return 0;
	if (error != 0) {
		errno = lookup_error(error);
		return -1;
	}
	socket->found = true;
	socket->next = socket->lookup->request.ar_result;
	return 1;
}

int host_socket_dialed(struct host_socket *socket)
{
	struct pollfd ready = {.fd = socket->fd, .events = POLLOUT};
	int error = ERROR_UNKNOWN_HOST, found;
	socklen_t size = sizeof error;

	if (socket->connected)
		return 1;
	found = looked_up(socket);
	if (found <= 0)
		return found;
	if (socket->fd < 0 && !dial_next(socket, error))
		return -1;
	ready.fd = socket->fd;
	if (poll(&ready, 1, 0) <= 0)
		return 0;
	if (getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		error = errno;
	if (error != 0)
		return dial_next(socket, error) ? 0 : -1;
	socket->connected = true;
	lookup_free(socket->lookup);
	socket->lookup = NULL;
	return 1;
}

/* --- all -------------------------------------------------------------------------------------------------
 */

void host_socket_close(struct host_socket *socket)
{
	lookup_free(socket->lookup);
	if (socket->fd >= 0)
		close(socket->fd);
	if (*socket->path)
		unlink(socket->path);
	free(socket);
}

int host_socket_read(struct host_socket *socket, void *buffer, size_t size)
{
	ssize_t got = recv(socket->fd, buffer, size < INT_MAX ? size : INT_MAX, MSG_DONTWAIT);

	if (got > 0)
		return (int)got;
	return got < 0 && (errno == EAGAIN || errno == EINTR) ? HOST_INPUT_NONE : HOST_INPUT_END;
}

bool host_socket_waits(const struct host_socket *socket)
{
	char byte;

	return recv(socket->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	       (errno != EAGAIN && errno != EINTR);
}

int host_socket_write(struct host_socket *socket, const void *bytes, size_t size)
{
	ssize_t sent = send(socket->fd, bytes, size < INT_MAX ? size : INT_MAX, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent >= 0)
		return (int)sent;
	return errno == EAGAIN || errno == EINTR ? HOST_INPUT_NONE : HOST_INPUT_END;
}

unsigned socket_poll(const struct host_socket *socket, bool read, bool write, struct pollfd fds[POLL_MAX])
{
	if (socket->fd < 0 || (!read && !write))
		return 0;
	fds[0] = (struct pollfd){.fd = socket->fd,
				 .events = (short)((read ? POLLIN : 0) | (write ? POLLOUT : 0))};
	return 1;
}

int socket_descriptor(const struct host_socket *socket)
{
	return socket->fd;
}
