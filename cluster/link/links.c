/* All links of a node: who may connect, who is to be connected to, and when. See link.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/link/internal.h"

#define SPIN_LOOKS    16 /* between two looks at the clock */
#define SPIN_GAP_NS   30000ull
#define SPIN_SKIP_MAX 255
#define LINE_SIZE     sizeof((struct links *)0)->said

/* --- words --------------------------------------------------------------------------------------------- */

/* Of who dials us again and again the same is not said again and again. */
static bool is_new(struct links *links, const char *line)
{
	uint64_t now = host_clock_ns();

	if (strcmp(links->said, line) == 0 && now - links->said_ns < SAY_AGAIN_NS)
		return false;
	memcpy(links->said, line, strlen(line) + 1);
	links->said_ns = now;
	return true;
}

void links_complain(struct links *links, const struct link_url *url, struct dial *dial, bool refused,
		    const char *format, ...)
{
	uint64_t now = host_clock_ns();
	char text[300], line[LINE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (!dial) {
		snprintf(line, sizeof line, "link: who came to %s: %s", url->text, text);
		if (is_new(links, line))
			links->config.say(links->config.context, line);
		return;
	}
	if (refused)
		dial->wait = REFUSED_NS;
	if (dial->failing == 0)
		dial->failing = now;
	if (dial->said || (!refused && now - dial->failing < SAY_FAILED_NS))
		return;
	dial->said = true;
	snprintf(line, sizeof line, "link to %s: %s; trying again", url->text, text);
	links->config.say(links->config.context, line);
}

void links_tell(struct links *links, const char *format, ...)
{
	char line[400];
	va_list args;

	if (!links->config.tell)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	links->config.tell(links->config.context, line);
}

/* --- connections ------------------------------------------------------------------------------------------
 */

static void connection_free(struct connection *connection)
{
	tls_destroy(connection->tls);
	if (connection->shared)
		host_shared_release(connection->shared);
	host_socket_close(connection->socket);
	free(connection);
}

/* Of those who came and have not said yet who they are the one that has been there longest; NULL: none. */
static struct connection **oldest_stranger(struct links *links)
{
	struct connection **oldest = NULL;

	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct connection *each = links->connection[i];

		if (each && !each->dial && each->state < CONNECTION_AGREEING &&
		    (!oldest || each->until < (*oldest)->until))
			oldest = &links->connection[i];
	}
	return oldest;
}

/* Where there is room for another one; if need be a stranger has to go. */
static struct connection **place_for_one(struct links *links)
{
	struct connection **place;

	for (unsigned i = 0; i < CONNECTIONS; i++)
		if (!links->connection[i])
			return &links->connection[i];
	place = oldest_stranger(links);
	if (place) {
		connection_free(*place);
		*place = NULL;
	}
	return place;
}

/* NULL, and the socket is closed: there are too many. */
static struct connection *connection_new(struct links *links, const struct link_url *url,
					 struct host_socket *socket)
{
	struct connection **place = place_for_one(links), *made = place ? calloc(1, sizeof *made) : NULL;

	if (!made) {
		host_socket_close(socket);
		return NULL;
	}
	*place = made;
	if (place == &links->connection[links->used])
		links->used++;
	made->url = url;
	made->socket = socket;
	made->until = host_clock_ns() + PATIENCE_NS;
	return made;
}

static void accept_all(struct links *links, struct listener *listener)
{
	struct host_socket *socket;

	while ((socket = host_socket_accept(listener->socket))) {
		struct connection *made = connection_new(links, listener->url, socket);

		if (made)
			connection_begin(links, made);
	}
}

void dial_later(struct dial *dial)
{
	dial->connection = NULL;
	dial->next = host_clock_ns() + dial->wait;
	if (dial->wait < RETRY_MAX_NS)
		dial->wait *= 2;
}

static void dial_now(struct links *links, struct dial *dial)
{
	struct host_socket *socket = dial->url->kind == LINK_TCP
					     ? host_socket_dial(dial->url->host, dial->url->port)
					     : host_socket_dial_local(dial->url->path);

	if (!socket)
		links_complain(links, dial->url, dial, false, "%s", host_error());
	else
		dial->connection = connection_new(links, dial->url, socket);
	if (dial->connection)
		dial->connection->dial = dial;
	else
		dial_later(dial);
}

static bool is_due(const struct links *links, const struct dial *dial)
{
	return !dial->connection && (dial->peer < 0 || !links->up[dial->peer]);
}

/* --- the whole ------------------------------------------------------------------------------------------ */

static bool listen_to(struct listener *listener, const struct link_url *url, char *error, size_t error_size)
{
	listener->url = url;
	listener->socket = url->kind == LINK_TCP ? host_socket_listen(url->host, url->port)
						 : host_socket_listen_local(url->path);
	if (!listener->socket)
		snprintf(error, error_size, "cannot listen at %s: %s", url->text, host_error());
	return listener->socket;
}

struct links *links_create(const struct links_config *config, char *error, size_t error_size)
{
	struct links *links = calloc(1, sizeof *links);

	if (!links) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	links->config = *config;
	links->tls = config->identity ? tls_context_create(config->identity) : NULL;
	if (config->identity && !links->tls) {
		snprintf(error, error_size, "cannot prepare TLS: out of memory");
		links_destroy(links);
		return NULL;
	}
	for (unsigned i = 0; i < config->joins; i++)
		links->dial[i] = (struct dial){.url = &links->config.join[i], .peer = -1, .wait = RETRY_NS};
	for (unsigned i = 0; i < config->listens; i++)
		if (!listen_to(&links->listener[i], &links->config.listen[i], error, error_size)) {
			links_destroy(links);
			return NULL;
		}
	return links;
}

void links_destroy(struct links *links)
{
	for (unsigned i = 0; i < CONNECTIONS; i++)
		if (links->connection[i])
			connection_free(links->connection[i]);
	for (unsigned i = 0; i < links->config.listens; i++)
		if (links->listener[i].socket)
			host_socket_close(links->listener[i].socket);
	tls_context_destroy(links->tls);
	free(links);
}

bool links_send(struct links *links, unsigned peer, const void *bytes, size_t size)
{
	struct connection *connection = links->up[peer];
	int sent;

	if (!connection || connection->state != CONNECTION_UP || connection->lost)
		return true;
	if (connection->output_end > 0) {
		connection->refused = true;
		return false;
	}
	sent = connection_write(connection, bytes, size);
	connection->lost = sent == HOST_INPUT_END;
	if (connection->lost)
		return true;
	connection->output_end = size - (size_t)sent;
	memcpy(connection->output, (const uint8_t *)bytes + sent, connection->output_end);
	return true;
}

/* Of a link that is up; NULL: it is down. */
static struct connection *link_of(const struct links *links, unsigned peer)
{
	struct connection *connection = links->up[peer];

	return connection && connection->state == CONNECTION_UP ? connection : NULL;
}

bool links_offer(struct links *links)
{
	bool taken = false;

	for (unsigned i = 0; i < links->config.peers; i++)
		if (link_of(links, i))
			taken |= connection_offer(links, links->up[i]);
	return taken;
}

const struct link_url *links_url(const struct links *links, unsigned peer)
{
	return link_of(links, peer) ? links->up[peer]->url : NULL;
}

struct event_list {
	struct host_event *event;
	unsigned count, room;
};

static struct host_event *add_event(struct event_list *list, enum host_source source, const void *of,
				    bool read, bool write)
{
	if (list->count == list->room)
		return NULL;
	list->event[list->count] =
		(struct host_event){.source = source, .of = of, .read = read, .write = write};
	return &list->event[list->count++];
}

/* False: there is something to do already. */
static bool sleep_on(struct connection *connection)
{
	if (!connection_is_ring(connection))
		return !connection_has_more(connection);
	return ring_sleep(&connection->ring, connection->input_end == 0, connection->output_end > 0);
}

/* What of a connection to wait for. */
static void choose_events(const struct connection *connection, bool *read, bool *write)
{
	if (connection_is_ring(connection)) {
		*read = true;
		*write = false;
		return;
	}
	*read = connection->state != CONNECTION_DIALING && connection->input_end == 0;
	*write = connection->state == CONNECTION_DIALING || connection->output_end > 0 ||
		 (connection->state == CONNECTION_SECURING && tls_wants_write(connection->tls));
}

unsigned links_events(struct links *links, struct host_event *event, unsigned room)
{
	struct event_list list = {.event = event, .room = room};
	bool read, write;

	for (unsigned i = 0; i < links->config.listens; i++)
		links->listener[i].event =
			add_event(&list, HOST_SOURCE_SOCKET, links->listener[i].socket, true, false);
	links->more = false;
	for (unsigned i = 0; i < links->used; i++) {
		struct connection *connection = links->connection[i];

		if (!connection)
			continue;
		choose_events(connection, &read, &write);
		connection->event = add_event(&list, HOST_SOURCE_SOCKET, connection->socket, read, write);
		connection->bell = NULL;
		if (connection_is_ring(connection))
			connection->bell =
				add_event(&list, HOST_SOURCE_SHARED, connection->shared, true, false);
		links->more |= !sleep_on(connection);
	}
	return list.count;
}

static bool has_links(const struct links *links, bool rings)
{
	for (unsigned i = 0; i < links->config.peers; i++)
		if (link_of(links, i) && connection_is_ring(links->up[i]) == rings)
			return true;
	return false;
}

static bool ring_has_come(const struct links *links)
{
	for (unsigned i = 0; i < links->config.peers; i++)
		if (link_of(links, i) && connection_is_ring(links->up[i]) &&
		    connection_has_more(links->up[i]))
			return true;
	return false;
}

/* Each has its event then, which says whether something came. */
static bool stream_has_come(struct links *links)
{
	static struct host_event something = {.came = true};
	bool some = false;

	for (unsigned i = 0; i < links->config.peers; i++) {
		struct connection *connection = link_of(links, i);

		if (!connection || connection_is_ring(connection) || connection->input_end > 0)
			continue;
		connection->event = connection_has_more(connection) || host_socket_waits(connection->socket)
					    ? &something
					    : NULL;
		some |= connection->event != NULL;
	}
	return some;
}

/* False: nothing has come, or, which is the same to us, somebody else had our processor meanwhile. */
static bool look_for(struct links *links, uint64_t limit)
{
	uint64_t began = host_clock_ns(), now = began, looked;
	bool rings = has_links(links, true), streams = has_links(links, false);

	do {
		for (unsigned i = 0; rings && i < SPIN_LOOKS; i++) {
			if (ring_has_come(links))
				return true;
			host_relax();
		}
		if (streams && stream_has_come(links))
			return true;
		host_relax();
		looked = now;
		now = host_clock_ns();
	} while (now - began < limit && now - looked < SPIN_GAP_NS && !host_signal());
	return false;
}

/* Nothing but links has been looked at: so there is nothing to ask the system for. */
static void only_links(struct links *links)
{
	static struct host_event nothing;

	for (unsigned i = 0; i < links->config.listens; i++)
		links->listener[i].event = &nothing;
	for (unsigned i = 0; i < links->used; i++) {
		struct connection *connection = links->connection[i];

		if (!connection)
			continue;
		connection->event = connection->event ? connection->event : &nothing;
		connection->bell = &nothing;
	}
}

/* Looking in vain takes the processor from others, perhaps from the one we wait for: it is done the less the
 * more often. */
bool links_spin(struct links *links, uint64_t timeout_ns)
{
	if (timeout_ns < links->config.spin_ns || links->config.spin_ns == 0 ||
	    !(has_links(links, true) || has_links(links, false)))
		return false;
	if (links->spin_skip > 0) {
		links->spin_skip--;
		return false;
	}
	if (look_for(links, links->config.spin_ns)) {
		links->spin_last /= 2;
		only_links(links);
		return true;
	}
	links->spin_last = links->spin_last < SPIN_SKIP_MAX ? 2 * links->spin_last + 1 : SPIN_SKIP_MAX;
	links->spin_skip = links->spin_last;
	return false;
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

uint64_t links_deadline(const struct links *links)
{
	uint64_t deadline = links->more ? 0 : UINT64_MAX;

	for (unsigned i = 0; i < links->config.joins; i++)
		if (is_due(links, &links->dial[i]))
			deadline = earlier(deadline, links->dial[i].next);
	for (unsigned i = 0; i < links->used; i++) {
		const struct connection *connection = links->connection[i];

		if (connection && connection->state == CONNECTION_DIALING)
			deadline = earlier(deadline, host_clock_ns() + HOST_DIAL_AGAIN_NS);
		if (connection && connection->state < CONNECTION_UP)
			deadline = earlier(deadline, connection->until);
	}
	return deadline;
}

/* Did something come, as far as we know? */
static bool came(const struct host_event *event)
{
	return !event || event->came;
}

static void turn_connection(struct links *links, struct connection *connection)
{
	bool more = connection_has_more(connection), is_ring = connection_is_ring(connection);

	if (is_ring)
		ring_awake(&connection->ring);
	if (connection->lost)
		connection_close(links, connection);
	else if (connection->state != CONNECTION_UP || came(connection->event) || more ||
		 connection->input_end > 0 ||
		 (is_ring && (connection->output_end > 0 || came(connection->bell))))
		connection_advance(links, connection);
	connection->event = connection->bell = NULL;
}

bool links_turn(struct links *links)
{
	links->moved = links->more = false;
	for (unsigned i = 0; i < links->config.listens; i++) {
		if (came(links->listener[i].event))
			accept_all(links, &links->listener[i]);
		links->listener[i].event = NULL;
	}
	for (unsigned i = 0; i < links->config.joins; i++)
		if (is_due(links, &links->dial[i]) && host_clock_ns() >= links->dial[i].next)
			dial_now(links, &links->dial[i]);
	for (unsigned i = 0; i < links->used; i++)
		if (links->connection[i])
			turn_connection(links, links->connection[i]);
	for (unsigned i = 0; i < links->used; i++)
		if (links->connection[i] && links->connection[i]->state == CONNECTION_CLOSED) {
			connection_free(links->connection[i]);
			links->connection[i] = NULL;
		}
	while (links->used > 0 && !links->connection[links->used - 1])
		links->used--;
	return links->moved;
}

uint16_t links_port(const struct links *links, unsigned listen)
{
	return host_socket_port(links->listener[listen].socket);
}
