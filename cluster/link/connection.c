/*
 * One connection, from the first byte to the last. Who dialed speaks second: it hears whom it has found, and
 * hangs up without a word if they are joined already.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/link/internal.h"

#define ROUNDS 16 /* reads in one turn, so that others have theirs */

/* --- bytes ------------------------------------------------------------------------------------------------
 */

bool connection_is_ring(const struct connection *connection)
{
	return connection->shared && connection->state == CONNECTION_UP;
}

static bool came(const struct host_event *event)
{
	return event && event->came;
}

/* The socket beside the rings tells when the other side has gone, and has nothing else to say. */
static void look_after_ring(struct connection *connection)
{
	char bytes[64];

	if (came(connection->bell))
		host_shared_woken(connection->shared);
	if (came(connection->event) &&
	    host_socket_read(connection->socket, bytes, sizeof bytes) == HOST_INPUT_END)
		connection->gone = true;
}

static int read_ring(struct connection *connection, void *buffer, size_t size)
{
	int got = ring_read(&connection->ring, buffer, size);

	if (got > 0 && ring_wake_writer(&connection->ring))
		host_shared_wake(connection->shared);
	return got == 0 && connection->gone ? HOST_INPUT_END : got;
}

static int write_ring(struct connection *connection, const void *bytes, size_t size)
{
	int sent = ring_write(&connection->ring, bytes, size);

	if (sent > 0 && ring_wake_reader(&connection->ring))
		host_shared_wake(connection->shared);
	return sent;
}

_Static_assert(HOST_INPUT_END == -1 && HOST_INPUT_NONE == 0, "as ring_read() and ring_write() have them");

static int read_some(struct connection *connection, void *buffer, size_t size)
{
	if (connection_is_ring(connection))
		return read_ring(connection, buffer, size);
	return connection->tls ? tls_read(connection->tls, buffer, size)
			       : host_socket_read(connection->socket, buffer, size);
}

/* TLS takes a record at a time. */
static int write_records(struct tls *tls, const uint8_t *bytes, size_t size)
{
	size_t done = 0;
	int sent = 0;

	while (done < size && (sent = tls_write(tls, bytes + done, size - done)) > 0)
		done += (size_t)sent;
	return sent == HOST_INPUT_END ? sent : (int)done;
}

int connection_write(struct connection *connection, const void *bytes, size_t size)
{
	if (connection_is_ring(connection))
		return write_ring(connection, bytes, size);
	return connection->tls ? write_records(connection->tls, bytes, size)
			       : host_socket_write(connection->socket, bytes, size);
}

bool connection_has_more(const struct connection *connection)
{
	if (connection->state != CONNECTION_UP || connection->input_end > 0)
		return false;
	return connection_is_ring(connection) ? ring_has_input(&connection->ring)
					      : connection->tls && tls_has_more(connection->tls);
}

/* Before there is a link little is sent, and it fits in what the system keeps. */
static bool say_to(struct connection *connection, const char *line, size_t size)
{
	return connection_write(connection, line, size) == (int)size;
}

/* --- the end -------------------------------------------------------------------------------------------- */

void connection_close(struct links *links, struct connection *connection)
{
	bool was_up = connection->state == CONNECTION_UP;

	if (connection->state == CONNECTION_CLOSED)
		return;
	if (connection->state >= CONNECTION_AGREEING && links->up[connection->peer] == connection)
		links->up[connection->peer] = NULL;
	connection->state = CONNECTION_CLOSED;
	if (connection->dial)
		dial_later(connection->dial);
	if (!was_up)
		return;
	links_tell(links, "link to %s is down", links->config.peer[connection->peer].name);
	links->moved = true;
	links->config.open(links->config.context, connection->peer, false);
}

/* We do not want it. */
static void refuse(struct links *links, struct connection *connection, const char *reason)
{
	char line[GREETING_LINE];
	int size = snprintf(line, sizeof line, "no %.200s\n", reason);

	say_to(connection, line, (size_t)size);
	links_complain(links, connection->url, connection->dial, true, "refused: %s", reason);
	connection_close(links, connection);
}

/* It came to nothing, and not because somebody said no: of interest if it was we who wanted it. */
static void fail(struct links *links, struct connection *connection, const char *reason)
{
	if (connection->dial)
		links_complain(links, connection->url, connection->dial, false, "%s", reason);
	connection_close(links, connection);
}

/* --- a link ------------------------------------------------------------------------------------------------
 */

static void up(struct links *links, struct connection *connection)
{
	struct dial *dial = connection->dial;
	size_t early = connection->line_size;

	connection->state = CONNECTION_UP;
	if (dial) {
		dial->wait = RETRY_NS;
		dial->failing = 0;
		dial->said = false;
	}
	if (connection->shared)
		ring_begin(&connection->ring, host_shared_memory(connection->shared), dial);
	/* What came behind the last line. */
	connection->input_end = connection->shared ? 0 : early;
	memcpy(connection->input, connection->line, connection->input_end);
	links_tell(links, "link to %s is up", links->config.peer[connection->peer].name);
	links->moved = true;
	links->config.open(links->config.context, connection->peer, true);
}

bool connection_offer(struct links *links, struct connection *connection)
{
	size_t waits = connection->input_end - connection->input_begin, taken;

	if (waits == 0)
		return false;
	taken = links->config.input(links->config.context, connection->peer,
				    connection->input + connection->input_begin, waits);
	connection->input_begin += taken;
	if (connection->input_begin == connection->input_end)
		connection->input_begin = connection->input_end = 0;
	return taken > 0;
}

/* After reading so much. A stream that gave less than fits has no more now; when it has, its event comes. */
static bool may_have_more(const struct connection *connection, size_t got)
{
	if (connection_is_ring(connection))
		return ring_has_input(&connection->ring);
	return connection->tls ? tls_has_more(connection->tls) : got == sizeof connection->input;
}

static void receive(struct links *links, struct connection *connection)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		int got;

		links->moved |= connection_offer(links, connection);
		if (connection->input_end > 0)
			return; /* it is not taken: the other side has to wait */
		got = read_some(connection, connection->input, sizeof connection->input);
		if (got == HOST_INPUT_END) {
			if (connection_is_ring(connection) && !connection->gone)
				links_complain(links, connection->url, connection->dial, true,
					       "what it writes into shared memory makes no sense");
			connection_close(links, connection);
			return;
		}
		if (got == HOST_INPUT_NONE)
			return;
		connection->input_end = (size_t)got;
		if (!may_have_more(connection, (size_t)got))
			break;
	}
	links->moved |= connection_offer(links, connection);
}

/* Sends what waits to be sent. */
static void flush(struct links *links, struct connection *connection)
{
	size_t waits = connection->output_end - connection->output_begin;
	int sent = 0;

	if (waits > 0)
		sent = connection_write(connection, connection->output + connection->output_begin, waits);
	if (sent == HOST_INPUT_END) {
		connection_close(links, connection);
		return;
	}
	connection->output_begin += (size_t)sent;
	if (connection->output_begin < connection->output_end)
		return;
	connection->output_begin = connection->output_end = 0;
	if (connection->refused) {
		connection->refused = false;
		links->config.ready(links->config.context, connection->peer);
	}
}

/* --- becoming one ------------------------------------------------------------------------------------------
 */

/* Who dialed brings the memory. */
static int read_words(struct connection *connection, void *buffer, size_t size)
{
	struct host_shared *shared;
	int got;

	if (connection->url->kind != LINK_SHM || connection->dial)
		return read_some(connection, buffer, size);
	got = host_socket_read_shared(connection->socket, buffer, size, sizeof(struct ring_memory), &shared);
	if (shared && connection->shared)
		host_shared_release(shared);
	else if (shared)
		connection->shared = shared;
	return got;
}

/*
 * Takes the next line off what came: its length, without the end; -1: there is none yet, or the connection
 * has been closed. It stays in connection->line up to line_drop().
 */
static int line_read(struct links *links, struct connection *connection)
{
	char *end = memchr(connection->line, '\n', connection->line_size);
	int got = HOST_INPUT_NONE;

	if (!end && connection->line_size < sizeof connection->line) {
		got = read_words(connection, connection->line + connection->line_size,
				 sizeof connection->line - connection->line_size);
		connection->line_size += got > 0 ? (size_t)got : 0;
		end = memchr(connection->line, '\n', connection->line_size);
	}
	if (end)
		return (int)(end - connection->line);
	if (got == HOST_INPUT_END)
		fail(links, connection, "the other side hangs up");
	else if (connection->line_size == sizeof connection->line)
		refuse(links, connection, "it is no node of ours");
	return -1;
}

static void line_drop(struct connection *connection, int length)
{
	connection->line_size -= (size_t)length + 1;
	memmove(connection->line, connection->line + length + 1, connection->line_size);
}

static int peer_find(const struct links *links, const char *name)
{
	for (unsigned i = 0; i < links->config.peers; i++)
		if (strcmp(links->config.peer[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* Is it, over TCP, the one with that key? */
static bool has_key_of(const struct connection *connection, const struct link_peer *peer)
{
	uint8_t key[LINK_KEY_SIZE];

	if (!connection->tls)
		return true;
	tls_peer_key(connection->tls, key);
	return peer->has_key && memcmp(key, peer->key, sizeof key) == 0;
}

/*
 * There is another connection to the same peer. Of two that we dialed the first stays, of two that it dialed
 * the second (it must have lost the first), else the one that the node with the lesser name dialed: both
 * sides say the same.
 */
static bool is_better(const struct links *links, const struct connection *connection,
		      const struct connection *other)
{
	bool ours = connection->dial, other_ours = other->dial;
	bool we_are_less = strcmp(links->config.name, links->config.peer[connection->peer].name) < 0;

	return ours == other_ours ? !ours : ours == we_are_less;
}

static bool greet(const struct links *links, struct connection *connection)
{
	char line[GREETING_LINE];

	return say_to(connection, line, greeting_make(connection->url->kind, links->config.name, line));
}

/* It has said who it is. False: it is not wanted, and the connection is closed. */
static bool judge(struct links *links, struct connection *connection, const char *name)
{
	struct connection *other;
	char reason[128];
	int peer = peer_find(links, name);

	if (strcmp(name, links->config.name) == 0)
		snprintf(reason, sizeof reason, "both nodes are named %s", name);
	else
		snprintf(reason, sizeof reason, "%s knows no node %s", links->config.name, name);
	if (peer >= 0 && !has_key_of(connection, &links->config.peer[peer])) {
		peer = -1;
		snprintf(reason, sizeof reason, "that is not the key that %s has of %s", links->config.name,
			 name);
	}
	if (peer < 0) {
		refuse(links, connection, reason);
		return false;
	}
	connection->peer = (unsigned)peer;
	if (connection->dial)
		connection->dial->peer = peer;
	other = links->up[peer];
	if (other && !is_better(links, connection, other)) {
		connection_close(links, connection);
		return false;
	}
	if (other)
		connection_close(links, other);
	links->up[peer] = connection;
	connection->state = CONNECTION_AGREEING;
	return true;
}

/* Who dialed brings the memory of a link in shared memory. */
static bool agree(struct connection *connection)
{
	if (connection->url->kind != LINK_SHM || !connection->dial)
		return say_to(connection, "ok\n", 3);
	connection->shared = host_shared_create(sizeof(struct ring_memory));
	return connection->shared &&
	       host_socket_write_shared(connection->socket, "ok\n", 3, connection->shared);
}

static void hear_greeting(struct links *links, struct connection *connection)
{
	int length = line_read(links, connection);
	char name[LINK_NAME_SIZE], reason[GREETING_LINE];
	const char *wrong;

	if (length < 0)
		return;
	/* We may be unwanted even before we have said our name. */
	if (length >= 3 && memcmp(connection->line, "no ", 3) == 0) {
		greeting_answer(connection->line, (size_t)length, reason);
		links_complain(links, connection->url, connection->dial, true, "refused: %s", reason);
		connection_close(links, connection);
		return;
	}
	wrong = greeting_parse(connection->line, (size_t)length, connection->url->kind, name);
	line_drop(connection, length);
	if (wrong) {
		refuse(links, connection, wrong);
		return;
	}
	if (!judge(links, connection, name))
		return;
	if ((connection->dial && !greet(links, connection)) || !agree(connection))
		fail(links, connection, "the other side hangs up");
}

static void hear_answer(struct links *links, struct connection *connection)
{
	int length = line_read(links, connection);
	char reason[GREETING_LINE];

	if (length < 0)
		return;
	if (!greeting_answer(connection->line, (size_t)length, reason)) {
		links_complain(links, connection->url, connection->dial, true, "refused: %s", reason);
		connection_close(links, connection);
		return;
	}
	line_drop(connection, length);
	if (connection->url->kind == LINK_SHM && !connection->shared)
		refuse(links, connection, "it brings no memory to share");
	else
		up(links, connection);
}

/* Who came to us is greeted. */
static void begin_greeting(struct links *links, struct connection *connection)
{
	connection->state = CONNECTION_GREETING;
	if (!connection->dial && !greet(links, connection))
		fail(links, connection, "the other side hangs up");
}

/* A key that is nobody's is not told our name. */
static bool key_is_known(const struct links *links, const struct connection *connection)
{
	for (unsigned i = 0; i < links->config.peers; i++)
		if (has_key_of(connection, &links->config.peer[i]))
			return true;
	return false;
}

static void secure(struct links *links, struct connection *connection)
{
	int done = tls_handshake(connection->tls);
	char reason[GREETING_LINE], text[LINK_KEY_TEXT];
	uint8_t key[LINK_KEY_SIZE];

	if (done < 0)
		fail(links, connection, tls_error(connection->tls));
	if (done <= 0)
		return;
	if (key_is_known(links, connection)) {
		begin_greeting(links, connection);
		return;
	}
	tls_peer_key(connection->tls, key);
	link_key_text(key, text);
	snprintf(reason, sizeof reason, "%s is the key of no node that %s knows", text, links->config.name);
	refuse(links, connection, reason);
}

void connection_begin(struct links *links, struct connection *connection)
{
	if (connection->url->kind == LINK_TCP) {
		connection->state = CONNECTION_SECURING;
		connection->tls = tls_create(links->tls, connection->socket, connection->dial);
		if (!connection->tls)
			fail(links, connection, "out of memory");
	} else if (host_socket_is_ours(connection->socket)) {
		begin_greeting(links, connection);
	} else {
		refuse(links, connection, "it belongs to another user");
	}
}

static void hear_dialed(struct links *links, struct connection *connection)
{
	int dialed = host_socket_dialed(connection->socket);

	if (dialed < 0)
		fail(links, connection, host_error());
	else if (dialed > 0)
		connection_begin(links, connection);
}

void connection_advance(struct links *links, struct connection *connection)
{
	enum connection_state before;

	do {
		before = connection->state;
		switch (before) {
		case CONNECTION_DIALING:
			hear_dialed(links, connection);
			break;
		case CONNECTION_SECURING:
			secure(links, connection);
			break;
		case CONNECTION_GREETING:
			hear_greeting(links, connection);
			break;
		case CONNECTION_AGREEING:
			hear_answer(links, connection);
			break;
		case CONNECTION_UP:
			if (connection_is_ring(connection))
				look_after_ring(connection);
			receive(links, connection);
			if (connection->state == CONNECTION_UP)
				flush(links, connection);
			break;
		case CONNECTION_CLOSED:
			break;
		}
	} while (connection->state != before);
	if (connection->state < CONNECTION_UP && host_clock_ns() >= connection->until)
		fail(links, connection, "the other side does not answer");
}
