/* See serial.h. There is one node in a process, so its state is static. */
#include "cmd/serial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/link/identity.h"
#include "cmd/key.h"

#define PATH_SIZE    4096
#define AGAIN_NS     20000000ull
#define MISSED_NS    5000000000ull /* how long QEMU may take to be there before something is said */
#define CONTROL_PORT 0

/* Our end of a port: QEMU tells the guest whether we are connected. */
struct end {
	struct host_socket *socket; /* NULL: not connected */
	struct host_event *event;
	bool wanted;   /* the link is up */
	bool blocked;  /* QEMU does not take what came by the link */
	uint8_t *sent; /* by the guest, for the link, which does not take it now */
	size_t sent_size;
};

static struct {
	struct run_options *options;
	const char *folder;
	struct links *links; /* NULL: there is no such node */
	struct identity *identity;
	unsigned ports;
	struct end end[SERIAL_PORTS];
	uint64_t again_ns, began_ns;
	char boot[32];
	bool missed;
} serial;

const char *serial_port(const struct run_options *options, unsigned port, char name[SERIAL_NAME])
{
	const struct links_config *links = &options->links;

	if (port > links->peers)
		return NULL;
	snprintf(name, SERIAL_NAME, "%s.%s", port == CONTROL_PORT ? "control" : "link",
		 port == CONTROL_PORT ? links->name : links->peer[port - 1].name);
	return name;
}

/* --- QEMU's side ---------------------------------------------------------------------------------------- */

static void disconnect(struct end *end)
{
	if (end->socket)
		host_socket_close(end->socket);
	end->socket = NULL;
	end->event = NULL;
	end->blocked = false;
	end->sent_size = 0;
}

/* QEMU may not be there yet. */
static void connect_to(unsigned port)
{
	struct end *end = &serial.end[port];
	char name[SERIAL_NAME], path[PATH_SIZE];

	snprintf(path, sizeof path, "%s/%s", serial.folder, serial_port(serial.options, port, name));
	end->socket = host_socket_dial_local(path);
	if (end->socket && port == CONTROL_PORT)
		host_socket_write(end->socket, serial.boot, strlen(serial.boot));
	if (end->socket)
		return;
	serial.again_ns = host_clock_ns() + AGAIN_NS;
	if (!serial.missed && host_clock_ns() - serial.began_ns > MISSED_NS) {
		serial.missed = true;
		complain("no port %s of QEMU's in %s: %s; trying again", name, serial.folder, host_error());
	}
}

/* What the guest says at the control port is of no interest here. */
static bool pass_on(unsigned port)
{
	struct end *end = &serial.end[port];

	if (port != CONTROL_PORT && !links_send(serial.links, port - 1, end->sent, end->sent_size))
		return false;
	end->sent_size = 0;
	return true;
}

/* The guest sent something. */
static void hear(unsigned port)
{
	struct end *end = &serial.end[port];
	int got;

	while (end->socket && (end->sent_size == 0 || pass_on(port))) {
		got = host_socket_read(end->socket, end->sent, LINK_SEND_MAX);
		if (got == HOST_INPUT_END)
			disconnect(end);
		if (got <= 0)
			return;
		end->sent_size = (size_t)got;
	}
}

/* --- the links' side ------------------------------------------------------------------------------------ */

static void on_open(void *context, unsigned peer, bool open)
{
	(void)context;
	disconnect(&serial.end[peer + 1]);
	serial.end[peer + 1].wanted = open;
}

static size_t on_input(void *context, unsigned peer, const void *bytes, size_t size)
{
	struct end *end = &serial.end[peer + 1];
	int taken = end->socket ? host_socket_write(end->socket, bytes, size) : HOST_INPUT_NONE;

	(void)context;
	end->blocked = end->socket && (taken < 0 || (size_t)taken < size);
	return taken > 0 ? (size_t)taken : 0;
}

/* hear() goes on in any case. */
static void on_ready(void *context, unsigned peer)
{
	(void)context;
	(void)peer;
}

static void on_say(void *context, const char *line)
{
	(void)context;
	complain("%s", line);
}

/* --- both ----------------------------------------------------------------------------------------------- */

bool serial_begin(struct run_options *options, const char *folder)
{
	struct links_config *config = &options->links;
	char error[512] = "out of memory";
	uint64_t nonce;
	bool good = true;

	serial.options = options;
	serial.folder = folder;
	serial.ports = config->peers + 1;
	serial.began_ns = host_clock_ns();
	serial.end[CONTROL_PORT].wanted = true;
	config->open = on_open;
	config->input = on_input;
	config->ready = on_ready;
	config->say = on_say;
	config->tell = options->verbose ? on_say : NULL;
	host_random(&nonce, sizeof nonce);
	snprintf(serial.boot, sizeof serial.boot, "boot %016llx\n", (unsigned long long)nonce);
	if (options->key && !(config->identity = serial.identity = key_load(options->key)))
		return false;
	for (unsigned i = 0; i < serial.ports; i++)
		good = (serial.end[i].sent = malloc(LINK_SEND_MAX)) && good;
	serial.links = good ? links_create(config, error, sizeof error) : NULL;
	if (!serial.links)
		complain("%s", error);
	return serial.links;
}

void serial_end(void)
{
	for (unsigned i = 0; i < serial.ports; i++) {
		disconnect(&serial.end[i]);
		free(serial.end[i].sent);
	}
	if (serial.links)
		links_destroy(serial.links);
	serial.links = NULL;
	identity_free(serial.identity);
}

unsigned serial_events(struct host_event *event, unsigned room)
{
	unsigned count = 0;

	for (unsigned i = 0; i < serial.ports && count < room; i++) {
		struct end *end = &serial.end[i];

		end->event = NULL;
		if (!end->socket)
			continue;
		end->event = &event[count++];
		*end->event = (struct host_event){.source = HOST_SOURCE_SOCKET,
						  .of = end->socket,
						  .read = end->sent_size == 0,
						  .write = end->blocked};
	}
	return serial.links ? count + links_events(serial.links, event + count, room - count) : 0;
}

uint64_t serial_deadline(void)
{
	uint64_t deadline = serial.links ? links_deadline(serial.links) : UINT64_MAX;

	for (unsigned i = 0; i < serial.ports; i++)
		if (serial.end[i].wanted && !serial.end[i].socket && serial.again_ns < deadline)
			deadline = serial.again_ns;
	return deadline;
}

void serial_turn(void)
{
	bool again = host_clock_ns() >= serial.again_ns;

	links_turn(serial.links);
	for (unsigned i = 0; i < serial.ports; i++) {
		if (serial.end[i].wanted && !serial.end[i].socket && again)
			connect_to(i);
		hear(i);
	}
	links_offer(serial.links);
}
