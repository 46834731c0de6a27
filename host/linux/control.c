/* The control socket: a Unix socket that only its owner can open. */
#define _GNU_SOURCE
#include "host/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/linux/internal.h"

#define PATIENCE_NS 3000000000ull /* for a client, from its coming to its going */
#define LOOK_NS     2000000 /* between two looks for a client: each is a call, and nodes have many turns */
#define LINE_SIZE   128
#define WAITING     4 /* clients that may wait for their turn */

struct host_control {
	int fd, client; /* client: -1 while there is none */
	char path[sizeof((struct sockaddr_un *)0)->sun_path];
	uint64_t until;     /* host_clock_ns() at which the client is sent away */
	uint64_t looked_at; /* … at which there was none */
	char line[LINE_SIZE];
	size_t length;
	char *answer; /* NULL: was not asked, or has not been answered */
	size_t size, sent;
	bool asked;
};

struct host_control *host_control_open(const char *path)
{
	struct host_control *control = calloc(1, sizeof *control);

	if (!control)
		return NULL;
	control->client = -1;
	control->fd = local_listen(path, WAITING);
	if (control->fd >= 0) {
		memcpy(control->path, path, strlen(path) + 1);
		return control;
	}
	free(control);
	return NULL;
}

static void hang_up(struct host_control *control)
{
	close(control->client);
	free(control->answer);
	control->client = -1;
	control->answer = NULL;
	control->length = 0;
	control->asked = false;
}

void host_control_close(struct host_control *control)
{
	if (control->client >= 0)
		hang_up(control);
	close(control->fd);
	unlink(control->path);
	free(control);
}

/* The whole line, once it is there. A client that says too much, or nothing more, is sent away. */
static const char *listen_to(struct host_control *control)
{
	ssize_t got = recv(control->client, control->line + control->length, LINE_SIZE - control->length, 0);
	char *end;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return NULL;
	if (got > 0)
		control->length += (size_t)got;
	end = memchr(control->line, '\n', control->length);
	if (end) {
		*end = 0;
		control->asked = true;
		return control->line;
	}
	if (got <= 0 || control->length == LINE_SIZE)
		hang_up(control);
	return NULL;
}

static void send_more(struct host_control *control)
{
	ssize_t sent = send(control->client, control->answer + control->sent, control->size - control->sent,
			    MSG_NOSIGNAL);

	if (sent > 0)
		control->sent += (size_t)sent;
	if (control->sent == control->size || (sent < 0 && errno != EAGAIN && errno != EINTR))
		hang_up(control);
}

const char *host_control_request(struct host_control *control)
{
	uint64_t now = host_clock_ns();

	if (control->client < 0) {
		if (now - control->looked_at < LOOK_NS)
			return NULL;
		control->client = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		control->looked_at = now;
		if (control->client < 0)
			return NULL;
		control->until = now + PATIENCE_NS;
	}
	if (now > control->until)
		hang_up(control);
	else if (control->answer)
		send_more(control);
	else if (!control->asked)
		return listen_to(control);
	return NULL;
}

void host_control_answer(struct host_control *control, char *bytes, size_t size)
{
	if (!control->asked) { /* who asked has gone */
		free(bytes);
		return;
	}
	control->answer = bytes;
	control->size = size;
	control->sent = 0;
	send_more(control);
}

/* --- the other side -------------------------------------------------------------------------------- */

bool host_is_control(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* All that comes until the other side hangs up. */
static char *receive_all(int fd, size_t *size)
{
	size_t room = 65536;
	char *bytes = malloc(room);
	ssize_t got;

	for (*size = 0; bytes; *size += (size_t)got) {
		char *longer = *size + 1 == room ? realloc(bytes, room *= 2) : bytes;

		if (!longer)
			break;
		bytes = longer;
		got = recv(fd, bytes + *size, room - *size - 1, 0);
		if (got == 0) {
			bytes[*size] = 0;
			return bytes;
		}
		if (got < 0 && errno == EINTR)
			got = 0;
		if (got < 0)
			break;
	}
	free(bytes);
	return NULL;
}

char *host_control_ask(const char *path, const char *line, unsigned patience_s, size_t *size)
{
	struct timeval patience = {.tv_sec = patience_s};
	struct sockaddr_un address;
	char *answer = NULL;
	int fd, error;

	if (!local_address(path, &address))
		return NULL;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
	    send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line) &&
	    send(fd, "\n", 1, MSG_NOSIGNAL) == 1)
		answer = receive_all(fd, size);
	error = errno == EAGAIN ? ETIMEDOUT : errno;
	close(fd);
	errno = error;
	return answer;
}
