/* See serial.h. There is one node in a process, so its state is static. */
#include "cmd/serial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/link/identity.h"
#include "cmd/control.h"
#include "cmd/control_port.h"
#include "cmd/key.h"
#include "cmd/trace.h"

#define PATH_SIZE    4096
#define AGAIN_NS     20000000ull
#define MISSED_NS    5000000000ull /* how long QEMU may take to be there before something is said */
#define CONTROL_PORT 0

/* Our end of a port: QEMU tells the guest whether we are connected. */
struct end {
	struct host_socket *socket; /* NULL: not connected */
	bool wanted;                /* the link is up */
	bool blocked;               /* QEMU does not take what came by the link */
	uint8_t *sent;              /* by the guest, for the link, which does not take it now */
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
	if (end->socket && port == CONTROL_PORT) {
		control_port_boot();
		control_port_set_open(true);
	}
	if (end->socket)
		return;
	serial.again_ns = host_clock_ns() + AGAIN_NS;
	if (!serial.missed && host_clock_ns() - serial.began_ns > MISSED_NS) {
		serial.missed = true;
		complain("no port %s of QEMU's in %s: %s; trying again", name, serial.folder, host_error());
	}
}

static bool pass_on(unsigned port)
{
	struct end *end = &serial.end[port];
	uint64_t now = trace_is_on() ? host_clock_ns() : 0; /* before it can be received */

	if (port == CONTROL_PORT)
		control_port_hear((const char *)end->sent, end->sent_size);
	else if (!links_send(serial.links, port - 1, end->sent, end->sent_size))
		return false;
	if (port != CONTROL_PORT && trace_is_on())
		trace_link(port, true, now, end->sent, end->sent_size);
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
		if (got == HOST_INPUT_END) {
			disconnect(end);
			if (port == CONTROL_PORT)
				control_port_set_open(false);
		}
		if (got <= 0)
			return;
		end->sent_size = (size_t)got;
	}
}

static void tell_guest(void)
{
	struct end *end = &serial.end[CONTROL_PORT];
	const char *text;
	size_t size;
	int taken;

	if (!end->socket)
		return;
	text = control_port_text(&size);
	taken = size > 0 ? host_socket_write(end->socket, text, size) : 0;
	control_port_taken(taken > 0 ? (size_t)taken : 0);
	end->blocked = taken < 0 || (size_t)taken < size;
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
	if (taken > 0 && trace_is_on())
		trace_link(peer + 1, false, host_clock_ns(), bytes, (size_t)taken);
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
	if (options->key && !(config->identity = serial.identity = key_load(options->key)))
		return false;
	for (unsigned i = 0; i < serial.ports; i++)
		good = (serial.end[i].sent = malloc(LINK_SEND_MAX)) && good;
	serial.links = good ? links_create(config, error, sizeof error) : NULL;
	if (!serial.links) {
		complain("%s", error);
		return false;
	}
	control_port_begin(config, serial.links);
	if (options->trace && !serial_trace_begin(options->trace, options->trace_buffer, true))
		return false;
	if (options->trace)
		complain("%s", TRACE_LINKS_ONLY);
	return !options->control || control_begin(options->control);
}

bool serial_trace_begin(const char *path, uint64_t buffer_size, bool begins)
{
	return trace_begin_links(&serial.options->links, path, buffer_size, begins);
}

bool serial_end(void)
{
	bool good = trace_end(NULL);

	for (unsigned i = 0; i < serial.ports; i++) {
		disconnect(&serial.end[i]);
		free(serial.end[i].sent);
	}
	control_end(); /* whoever sees that the socket is gone finds the trace whole */
	control_port_end();
	if (serial.links)
		links_destroy(serial.links);
	serial.links = NULL;
	identity_free(serial.identity);
	return good;
}

static unsigned events(struct host_event *event, unsigned room)
{
	unsigned count = 0;

	for (unsigned i = 0; i < serial.ports && count < room; i++) {
		struct end *end = &serial.end[i];

		if (!end->socket)
			continue;
		event[count++] = (struct host_event){.source = HOST_SOURCE_SOCKET,
						     .of = end->socket,
						     .read = end->sent_size == 0,
						     .write = end->blocked};
	}
	return count + links_events(serial.links, event + count, room - count);
}

/* How long one may wait, ns. */
static uint64_t patience(void)
{
	uint64_t deadline = links_deadline(serial.links), now = host_clock_ns();

	for (unsigned i = 0; i < serial.ports; i++)
		if (serial.end[i].wanted && !serial.end[i].socket && serial.again_ns < deadline)
			deadline = serial.again_ns;
	return control_sleep(deadline == UINT64_MAX ? deadline : deadline > now ? deadline - now : 0);
}

static void turn(void)
{
	bool again = host_clock_ns() >= serial.again_ns;

	links_turn(serial.links);
	for (unsigned i = 0; i < serial.ports; i++) {
		if (serial.end[i].wanted && !serial.end[i].socket && again)
			connect_to(i);
		hear(i);
	}
	links_offer(serial.links);
	control_turn(NULL);
	tell_guest();
}

void serial_wait(struct host_event *event, unsigned count)
{
	count += events(event + count, HOST_EVENTS_MAX - count);
	host_wait_for(event, count, patience());
	turn();
}
