/*
 * Links to other nodes (cluster/link), with sockets, shared memory, TLS and time made here: who comes, who is
 * found, what they say before there is a link and after, what they write into shared memory. The input is a
 * row of acts.
 *
 * Whatever they do: a link comes up only with somebody who said what is to be said, with the name of a peer,
 * over TCP with that peer's key; links come up and go down in turn, and nothing comes from one that is down;
 * what is said to a person can be printed; nothing is left open at the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/link/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SOCKETS 48
#define HEARD   2048
#define MS      1000000ull

struct host_shared {
	unsigned users;
	struct ring_memory *memory;
};

struct host_socket {
	bool used, came, over, full, foreign;
	const struct link_url *url;
	bool ours;           /* we dialed */
	int dialed, secured; /* as host_socket_dialed() and tls_handshake() say it */
	uint8_t key;
	size_t heard, read; /* bytes that it sent; of these, read by us */
	uint8_t bytes[HEARD];
	struct host_shared *shared; /* comes along with the next bytes */
	bool has_shared;
};

struct tls {
	struct host_socket *socket;
};

static struct {
	const uint8_t *at;
	size_t left;
} input;

static struct links_config config;
static struct links *links;
static struct host_socket sockets[SOCKETS], listeners[LINK_URLS];
static struct host_shared shared[SOCKETS];
static uint64_t now;
static size_t appetite;
static bool is_open[LINK_PEERS];

static uint8_t byte(void)
{
	if (input.left == 0)
		return 0;
	input.left--;
	return *input.at++;
}

/* --- the host ---------------------------------------------------------------------------------------- */

uint64_t host_clock_ns(void)
{
	return now;
}

const char *host_error(void)
{
	return "it cannot be done";
}

int host_signal(void)
{
	return 0;
}

void host_relax(void)
{
	now += MS;
}

static struct host_socket *listener_of(const char *path)
{
	for (unsigned i = 0; i < config.listens; i++)
		if (strstr(config.listen[i].text, path)) {
			listeners[i].url = &config.listen[i];
			listeners[i].used = true;
			return &listeners[i];
		}
	abort();
}

struct host_socket *host_socket_listen_local(const char *path)
{
	return listener_of(path);
}

struct host_socket *host_socket_listen(const char *host, uint16_t port)
{
	(void)port;
	return listener_of(host);
}

uint16_t host_socket_port(const struct host_socket *socket)
{
	(void)socket;
	return 1;
}

static struct host_socket *socket_new(const struct link_url *url, bool ours)
{
	for (unsigned i = 0; i < SOCKETS; i++)
		if (!sockets[i].used) {
			memset(&sockets[i], 0, sizeof sockets[i]);
			sockets[i].used = true;
			sockets[i].url = url;
			sockets[i].ours = ours;
			return &sockets[i];
		}
	return NULL;
}

struct host_socket *host_socket_accept(struct host_socket *listener)
{
	struct host_socket *socket;

	if (!listener->came)
		return NULL;
	listener->came = false;
	socket = socket_new(listener->url, false);
	if (socket)
		socket->foreign = listener->foreign;
	return socket;
}

static struct host_socket *dial(const char *path)
{
	for (unsigned i = 0; i < config.joins; i++)
		if (strstr(config.join[i].text, path))
			return socket_new(&config.join[i], true);
	abort();
}

struct host_socket *host_socket_dial_local(const char *path)
{
	return dial(path);
}

struct host_socket *host_socket_dial(const char *host, uint16_t port)
{
	(void)port;
	return dial(host);
}

int host_socket_dialed(struct host_socket *socket)
{
	return socket->dialed;
}

void host_socket_close(struct host_socket *socket)
{
	if (!socket->used)
		abort();
	if (socket->shared)
		host_shared_release(socket->shared);
	socket->shared = NULL;
	socket->used = false;
}

int host_socket_read(struct host_socket *socket, void *buffer, size_t size)
{
	size_t waits = socket->heard - socket->read;

	if (!socket->used || size == 0)
		abort();
	if (waits == 0)
		return socket->over ? HOST_INPUT_END : HOST_INPUT_NONE;
	size = size < waits ? size : waits;
	memcpy(buffer, socket->bytes + socket->read, size);
	socket->read += size;
	return (int)size;
}

bool host_socket_waits(const struct host_socket *socket)
{
	if (!socket->used)
		abort();
	return socket->heard > socket->read || socket->over;
}

int host_socket_write(struct host_socket *socket, const void *bytes, size_t size)
{
	static volatile uint8_t sum;

	if (!socket->used)
		abort();
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)bytes)[i]);
	if (socket->over)
		return HOST_INPUT_END;
	return socket->full ? (int)(size / 2) : (int)size;
}

bool host_socket_is_ours(const struct host_socket *socket)
{
	return !socket->foreign;
}

const char *host_socket_name(struct host_socket *socket)
{
	return socket->url->text;
}

/* --- shared memory ------------------------------------------------------------------------------------- */

struct host_shared *host_shared_create(uint64_t size)
{
	for (unsigned i = 0; i < SOCKETS; i++)
		if (shared[i].users == 0) {
			shared[i].users = 1;
			shared[i].memory = aligned_alloc(64, size);
			if (!shared[i].memory)
				abort();
			memset(shared[i].memory, 0, size);
			return &shared[i];
		}
	return NULL;
}

void *host_shared_memory(const struct host_shared *it)
{
	return it->memory;
}

void host_shared_wake(struct host_shared *it)
{
	if (it->users == 0)
		abort();
}

void host_shared_woken(struct host_shared *it)
{
	host_shared_wake(it);
}

void host_shared_release(struct host_shared *it)
{
	if (it->users == 0)
		abort();
	it->users = 0;
	free(it->memory);
}

bool host_socket_write_shared(struct host_socket *socket, const void *bytes, size_t size,
			      const struct host_shared *it)
{
	return it->users != 0 && host_socket_write(socket, bytes, size) == (int)size;
}

int host_socket_read_shared(struct host_socket *socket, void *buffer, size_t size, uint64_t shared_size,
			    struct host_shared **it)
{
	int got = host_socket_read(socket, buffer, size);

	if (shared_size != sizeof(struct ring_memory))
		abort();
	*it = got > 0 ? socket->shared : NULL;
	if (*it) {
		socket->shared = NULL;
		socket->has_shared = true;
	}
	return got;
}

/* --- TLS, of which only the results matter ---------------------------------------------------------------
 */

struct tls_context *tls_context_create(const struct identity *identity)
{
	return (struct tls_context *)(uintptr_t)identity;
}

void tls_context_destroy(struct tls_context *context)
{
	(void)context;
}

struct tls *tls_create(struct tls_context *context, struct host_socket *socket, bool dialed)
{
	struct tls *tls = malloc(sizeof *tls);

	if (!tls || !context || dialed != socket->ours)
		abort();
	tls->socket = socket;
	return tls;
}

void tls_destroy(struct tls *tls)
{
	free(tls);
}

int tls_handshake(struct tls *tls)
{
	return tls->socket->secured;
}

const char *tls_error(const struct tls *tls)
{
	(void)tls;
	return "it is no TLS";
}

void tls_peer_key(const struct tls *tls, uint8_t key[LINK_KEY_SIZE])
{
	if (tls->socket->secured != 1)
		abort();
	memset(key, tls->socket->key, LINK_KEY_SIZE);
}

int tls_read(struct tls *tls, void *buffer, size_t size)
{
	if (tls->socket->secured != 1)
		abort();
	return host_socket_read(tls->socket, buffer, size);
}

int tls_write(struct tls *tls, const void *bytes, size_t size)
{
	return host_socket_write(tls->socket, bytes, size);
}

bool tls_has_more(const struct tls *tls)
{
	return tls->socket->heard > tls->socket->read;
}

bool tls_wants_write(const struct tls *tls)
{
	return tls->socket->full;
}

/* --- what is seen ------------------------------------------------------------------------------------------
 */

/* Has it said all that is to be said, as that peer? */
static bool is_proven(const struct host_socket *socket, const struct link_peer *peer)
{
	static const char *const kinds[] = {[LINK_TCP] = "tcp", [LINK_UNIX] = "unix", [LINK_SHM] = "shm"};
	char line[64];
	int size;

	/* Over TCP it is the key that says who somebody is. */
	if (!socket->used || (socket->foreign && socket->url->kind != LINK_TCP))
		return false;
	size = snprintf(line, sizeof line, "skerry 1 %s %s\nok\n", kinds[socket->url->kind], peer->name);
	if (socket->heard < (size_t)size || memcmp(socket->bytes, line, (size_t)size) != 0)
		return false;
	if (socket->url->kind == LINK_SHM && !socket->ours && !socket->has_shared)
		return false;
	return socket->url->kind != LINK_TCP ||
	       (socket->secured == 1 && peer->has_key && peer->key[0] == socket->key);
}

static void on_open(void *context, unsigned peer, bool open)
{
	bool proven = false;

	(void)context;
	if (peer >= config.peers || is_open[peer] == open)
		abort();
	for (unsigned i = 0; i < SOCKETS; i++)
		proven = proven || is_proven(&sockets[i], &config.peer[peer]);
	if (open && !proven)
		abort();
	is_open[peer] = open;
}

static size_t on_input(void *context, unsigned peer, const void *bytes, size_t size)
{
	static volatile uint8_t sum;

	(void)context;
	if (!is_open[peer] || size == 0)
		abort();
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)bytes)[i]);
	return size < appetite ? size : appetite;
}

static void on_ready(void *context, unsigned peer)
{
	(void)context;
	if (!is_open[peer])
		abort();
}

static void on_say(void *context, const char *line)
{
	(void)context;
	for (; *line; line++)
		if (*line < ' ' || *line > '~')
			abort();
}

/* --- acts
 * ---------------------------------------------------------------------------------------------------- */

static struct host_socket *some_socket(void)
{
	unsigned first = byte();

	for (unsigned i = 0; i < SOCKETS; i++)
		if (sockets[(first + i) % SOCKETS].used)
			return &sockets[(first + i) % SOCKETS];
	return NULL;
}

static void hear(struct host_socket *socket, const void *bytes, size_t size)
{
	if (size > HEARD - socket->heard)
		size = HEARD - socket->heard;
	memcpy(socket->bytes + socket->heard, bytes, size);
	socket->heard += size;
}

static void hear_phrase(struct host_socket *socket)
{
	static const char *const phrases[] = {"skerry 1 ",
					      "unix ",
					      "shm ",
					      "tcp ",
					      "b",
					      "c",
					      "dd-1",
					      "a",
					      "\n",
					      "ok\n",
					      "no ",
					      "no it is \033[31mred\n",
					      "skerry 1 unix b\nok\n",
					      "skerry 1 shm c\nok\n",
					      "skerry 1 tcp dd-1\nok\n",
					      "skerry 1 tcp c\nok\n",
					      "skerry 1 tcp b\n",
					      "skerry 2 unix b\n"};
	const char *phrase = phrases[byte() % (sizeof phrases / sizeof *phrases)];

	hear(socket, phrase, strlen(phrase));
}

static void hear_bytes(struct host_socket *socket)
{
	uint8_t bytes[256];
	size_t size = byte();

	for (size_t i = 0; i < size; i++)
		bytes[i] = byte();
	hear(socket, bytes, size);
}

static void befall(struct host_socket *socket)
{
	uint8_t how = byte();

	switch (how % 8) {
	case 0:
		socket->over = true;
		break;
	case 1:
	case 2:
		socket->dialed = how & 8 ? -1 : 1;
		break;
	case 3:
	case 4:
		if (socket->secured == 0) {
			socket->secured = how & 8 ? -1 : 1;
			socket->key = (uint8_t)(how >> 4);
		}
		break;
	case 5:
		socket->full = how & 8;
		break;
	case 6:
		if (!socket->shared)
			socket->shared = host_shared_create(sizeof(struct ring_memory));
		break;
	case 7:
		socket->foreign |= socket->ours && socket->dialed == 0 && how & 8;
		break;
	}
}

/* Somebody writes into memory that we share. */
static void meddle(void)
{
	struct host_shared *it = &shared[byte() % 8];
	struct ring_half *half;
	uint8_t how = byte();
	uint32_t value = byte() | (uint32_t)byte() << (how & 64 ? 24 : 8);

	if (it->users == 0)
		return;
	half = &it->memory->half[how & 1];
	if (how & 32)
		value += half->read;
	atomic_store(how & 2 ? &half->written : &half->read, value);
	atomic_store(&half->writer_sleeps, how >> 2 & 1);
	atomic_store(&half->reader_sleeps, how >> 3 & 1);
}

static void turn(void)
{
	struct host_event events[HOST_EVENTS_MAX];
	unsigned count = links_events(links, events, HOST_EVENTS_MAX), came = byte();

	(void)links_deadline(links);
	for (unsigned i = 0; i < count; i++)
		events[i].came = came == 0 || came >> i % 8 & 1;
	if (came & 1)
		(void)links_spin(links, UINT64_MAX);
	(void)links_turn(links);
}

static void act(void)
{
	static const uint8_t out[LINK_SEND_MAX];
	uint8_t what = byte(), how;
	struct host_socket *socket = what % 8 < 3 ? some_socket() : NULL;

	switch (what % 8) {
	case 0:
		if (socket)
			hear_bytes(socket);
		break;
	case 1:
		if (socket)
			hear_phrase(socket);
		break;
	case 2:
		if (socket)
			befall(socket);
		break;
	case 3:
		how = byte();
		listeners[how % config.listens].came = true;
		listeners[how % config.listens].foreign = how & 128;
		break;
	case 4:
		now += byte() * 20 * MS;
		break;
	case 5:
		meddle();
		break;
	case 6:
		(void)links_send(links, byte() % config.peers, out, byte() * 257u);
		break;
	case 7:
		appetite = byte() * 64u;
		(void)links_offer(links);
		break;
	}
	if (what & 8)
		turn();
}

static void configure(void)
{
	static const char *const listen[] = {"unix:one", "shm:two", "tcp://three:1"};
	static const char *const join[] = {"unix:four", "shm:five", "tcp://six:1"};

	config = (struct links_config){.name = "a",
				       .identity = (const struct identity *)&config,
				       .peer = {{"b", true, {0}}, {"c", false, {0}}, {"dd-1", true, {0}}},
				       .peers = 3,
				       .listens = 3,
				       .joins = 3,
				       .spin_ns = MS,
				       .open = on_open,
				       .input = on_input,
				       .ready = on_ready,
				       .say = on_say,
				       .tell = on_say};
	memset(config.peer[0].key, 1, LINK_KEY_SIZE);
	memset(config.peer[2].key, 2, LINK_KEY_SIZE);
	for (unsigned i = 0; i < 3; i++)
		if (link_url_parse(listen[i], &config.listen[i]) || link_url_parse(join[i], &config.join[i]))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[256];

	input.at = data;
	input.left = size;
	now = 1000 * MS;
	appetite = 65536;
	memset(is_open, 0, sizeof is_open);
	memset(listeners, 0, sizeof listeners);
	configure();
	links = links_create(&config, error, sizeof error);
	if (!links)
		abort();
	while (input.left > 0)
		act();
	turn();
	links_destroy(links);
	for (unsigned i = 0; i < SOCKETS; i++)
		if (sockets[i].used || shared[i].users != 0 || (i < LINK_URLS && listeners[i].used))
			abort();
	return 0;
}
