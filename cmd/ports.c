/* See ports.h. There is one node in a process, so its state is static. */
#include "cmd/ports.h"

#include <stdio.h>

#include "cluster/link/identity.h"
#include "cmd/control_port.h"
#include "cmd/key.h"
#include "cmd/trace.h"
#include "host/host.h"
#include "port/vm/trace.h"

#define CONTROL_PORT 0
#define PORT_NAME    32
#define LOOK_NS      1000000ull /* so often, whatever comes by shared memory */

static struct {
	struct links *links; /* NULL: the run is no node of a cluster */
	struct node *node;
	struct board *board;
	struct identity *identity;
	const struct links_config *config;
	char name[BOARD_PORTS][PORT_NAME];

	uint64_t looked_ns; /* host_clock_ns() of the last look at all that can come from outside */
} ports;

/* --- the control port ----------------------------------------------------------------------------------- */

static bool control_offer(void)
{
	const char *text;
	size_t size, taken;

	control_port_set_open(board_port_is_open(ports.board, CONTROL_PORT));
	text = control_port_text(&size);
	taken = size > 0 ? board_port_input(ports.board, CONTROL_PORT, text, size) : 0;
	control_port_taken(taken);
	return taken > 0;
}

/* --- between board and links ---------------------------------------------------------------------------- */

/* It is sent at the time before it can be received. */
static bool send_traced(unsigned port, const void *bytes, size_t size)
{
	uint64_t now = node_trace_time(ports.node);

	if (!links_send(ports.links, port - 1, bytes, size))
		return false;
	trace_link(port, true, now, bytes, size);
	return true;
}

static bool port_send(void *context, unsigned port, const void *bytes, size_t size)
{
	(void)context;
	if (port != CONTROL_PORT && trace_is_on())
		return send_traced(port, bytes, size);
	if (port != CONTROL_PORT)
		return links_send(ports.links, port - 1, bytes, size);
	control_port_hear(bytes, size);
	return true;
}

static void on_open(void *context, unsigned peer, bool open)
{
	(void)context;
	board_port_set_open(ports.board, peer + 1, open);
}

static size_t on_input(void *context, unsigned peer, const void *bytes, size_t size)
{
	size_t taken = board_port_input(ports.board, peer + 1, bytes, size);

	(void)context;
	if (trace_is_on())
		trace_link(peer + 1, false, node_trace_time(ports.node), bytes, taken);
	return taken;
}

static void on_ready(void *context, unsigned peer)
{
	(void)context;
	board_port_ready(ports.board, peer + 1);
}

static void on_say(void *context, const char *line)
{
	(void)context;
	complain("%s", line);
}

bool ports_are_there(void)
{
	return ports.links;
}

/* Over TCP a node has to show who it is. */
static bool key_prepare(struct links_config *config, const char *path)
{
	if (path)
		config->identity = ports.identity = key_load(path);
	return !path || ports.identity;
}

bool ports_begin(struct run *run, struct board_config *board)
{
	struct links_config *config = &run->options.links;
	char error[512];

	config->open = on_open;
	config->input = on_input;
	config->ready = on_ready;
	config->say = on_say;
	config->tell = run->options.verbose ? on_say : NULL;
	run->status = STATUS_NO_BOOT;
	if (!key_prepare(config, run->options.key))
		return false;
	if (host_processors() == 1)
		config->spin_ns = 0; /* nobody could write meanwhile */
	ports.config = config;
	ports.links = links_create(config, error, sizeof error);
	if (!ports.links) {
		complain("%s", error);
		return false;
	}
	control_port_begin(config, ports.links);
	control_port_boot();
	board->ports = config->peers + 1;
	board->port_send = port_send;
	for (unsigned i = 0; i < board->ports; i++) {
		snprintf(ports.name[i], PORT_NAME, "%s.%s", i ? "link" : "control",
			 i ? config->peer[i - 1].name : config->name);
		board->port_name[i] = ports.name[i];
	}
	return true;
}

void ports_attach(struct node *node)
{
	ports.node = node;
	ports.board = node_board(node);
	board_port_set_open(ports.board, CONTROL_PORT, true);
}

void ports_end(void)
{
	control_port_end();
	if (ports.links)
		links_destroy(ports.links);
	ports.links = NULL;
	identity_free(ports.identity);
}

bool ports_offer(void)
{
	bool took = control_offer();

	return links_offer(ports.links) || took;
}

/* How long to wait at most: up to the deadline, which may be past. */
static uint64_t until(uint64_t deadline, uint64_t timeout_ns)
{
	uint64_t now = deadline == UINT64_MAX ? 0 : host_clock_ns();

	return deadline <= now ? 0 : deadline - now < timeout_ns ? deadline - now : timeout_ns;
}

bool ports_look(bool with_input, const struct host_link *link, uint64_t timeout_ns, bool *input)
{
	struct host_event event[HOST_EVENTS_MAX];
	unsigned count = 0;
	bool moved;

	*input = false;
	if (timeout_ns > 0 && links_spin(ports.links, until(links_deadline(ports.links), timeout_ns))) {
		if (host_clock_ns() - ports.looked_ns < LOOK_NS)
			return links_turn(ports.links);
		timeout_ns = 0;
	}
	if (with_input)
		event[count++] = (struct host_event){.source = HOST_SOURCE_INPUT};
	if (link)
		event[count++] = (struct host_event){.source = HOST_SOURCE_LINK, .of = link};
	count += links_events(ports.links, event + count, HOST_EVENTS_MAX - count);
	host_wait_for(event, count, until(links_deadline(ports.links), timeout_ns));
	*input = with_input && event[0].came;
	ports.looked_ns = host_clock_ns();
	moved = links_turn(ports.links);
	return control_offer() || moved;
}

bool ports_wanted(void)
{
	for (unsigned i = 0; i <= ports.config->peers; i++)
		if (board_port_is_open(ports.board, i))
			return true;
	return false;
}
