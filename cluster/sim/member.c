/* A node of a simulated cluster: its ports, what has come for it, how it comes and goes. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/sim/internal.h"

#define RTC_BASE_NS 1767225600000000000ull /* as `skerry run` has it in virtual time */
#define HELD_MAX    (1u << 18)             /* bytes that wait for the guest, for each port */

/* --- time and ports ------------------------------------------------------------------------------------ */

uint64_t member_time(const struct member *member)
{
	return member->begin + node_time(member->node);
}

unsigned member_port(const struct member *member, unsigned peer)
{
	return peer < member->index ? peer + 1 : peer;
}

unsigned member_peer(const struct member *member, unsigned port)
{
	return port <= member->index ? port - 1 : port;
}

void sim_event(struct sim *sim, const char *format, ...)
{
	char line[128];
	va_list args;

	if (!sim->config.event)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	sim->config.event(sim->config.context, sim->now, line);
}

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	struct member *member = context;
	const struct sim_config *config = &member->sim->config;

	(void)console;
	if (config->output)
		config->output(config->context, member->index, bytes, size);
}

static void report(void *context, const struct node_thread *thread, const char *line)
{
	struct member *member = context;
	const struct sim_config *config = &member->sim->config;

	if (config->report)
		config->report(config->context, member->index, thread, line);
}

static bool port_send(void *context, unsigned port, const void *bytes, size_t size)
{
	struct member *member = context;
	struct sim *sim = member->sim;

	if (port == 0) {
		if (sim->config.control)
			sim->config.control(sim->config.context, member->index, bytes, size);
		return true;
	}
	if (sim->config.sent)
		sim->config.sent(sim->config.context, member->index, member_peer(member, port), bytes, size);
	network_send(&sim->network, member_time(member), member->index, member_peer(member, port), bytes,
		     size);
	return true;
}

/* --- what has come ------------------------------------------------------------------------------------- */

static void held_drop(struct held *held)
{
	while (held->first) {
		struct piece *piece = held->first;

		held->first = piece->next;
		free(piece);
	}
	held->last = &held->first;
	held->bytes = 0;
}

static void hold(struct member *member, unsigned port, struct piece *piece)
{
	struct held *held = &member->held[port];

	if (held->bytes + piece->size > HELD_MAX) {
		member->sim->network.stats.overflow++;
		free(piece);
		return;
	}
	piece->next = NULL;
	*held->last = piece;
	held->last = &piece->next;
	held->bytes += piece->size;
}

/* Gives the guest what it takes. */
static void feed(struct member *member, unsigned port)
{
	const struct sim_config *config = &member->sim->config;
	struct held *held = &member->held[port];
	struct board *board = node_board(member->node);

	while (held->first) {
		struct piece *piece = held->first;
		size_t part = board_port_input(board, port, piece->bytes + piece->taken,
					       piece->size - piece->taken);

		if (part > 0 && port > 0 && config->taken)
			config->taken(config->context, piece->from, member->index,
				      piece->bytes + piece->taken, part);
		member->idle &= part == 0;
		piece->taken += part;
		held->bytes -= part;
		if (piece->taken < piece->size)
			return;
		held->first = piece->next;
		if (!held->first)
			held->last = &held->first;
		free(piece);
	}
}

void member_feed(struct member *member)
{
	for (unsigned port = 0; port < member->sim->config.nodes; port++)
		if (member->held[port].first)
			feed(member, port);
}

/* One piece that is due. */
void member_deliver(struct member *member)
{
	struct sim *sim = member->sim;
	struct piece *piece = network_take(&sim->network, member->index);
	unsigned port = member_port(member, piece->from);

	if (!member->open[port] || network_blocked(&sim->network, piece->time, piece->from, member->index)) {
		sim->network.stats.blocked++;
		free(piece);
		return;
	}
	if (sim->config.passed)
		sim->config.passed(sim->config.context, piece->time, piece->from, member->index);
	sim->network.stats.delivered++;
	sim->network.stats.bytes += piece->size;
	hold(member, port, piece);
	feed(member, port);
}

void member_set_open(struct member *member, unsigned port, bool open)
{
	if (!member->node || member->open[port] == open)
		return;
	member->open[port] = open;
	if (!open)
		held_drop(&member->held[port]);
	node_skip_to(member->node, member->sim->now - member->begin);
	board_port_set_open(node_board(member->node), port, open);
	member->idle = false;
	if (port > 0 && member->sim->now > 0)
		sim_event(member->sim, "%s: the link to %s is %s", sim_node_name(member->index),
			  sim_node_name(member_peer(member, port)), open ? "open" : "closed");
}

/* --- nodes that come and go ------------------------------------------------------------------------------
 */

void sim_tell(struct sim *sim, unsigned node, const char *text)
{
	struct member *member = &sim->member[node];
	size_t size = strlen(text); /* without its end */
	struct piece *piece = malloc(sizeof *piece + size);

	if (!piece)
		sim->network.failed = true;
	if (!piece || !member->node || member->halted) {
		free(piece);
		return;
	}
	*piece = (struct piece){.size = size};
	memcpy(piece->bytes, text, size);
	hold(member, 0, piece);
	node_skip_to(member->node, sim->now - member->begin);
	feed(member, 0);
}

bool sim_type(struct sim *sim, unsigned node, char letter)
{
	struct member *member = &sim->member[node];

	if (!member->node || member->halted)
		return false;
	node_skip_to(member->node, sim->now - member->begin);
	member->idle = false;
	return board_input(node_board(member->node), 0, &letter, 1) == 1;
}

/* A node that crashes leaves there what it had written. */
static void give_region(const struct member *member, struct board_config *board)
{
	const struct sim_config *config = &member->sim->config;
	uint64_t share = config->region_size / PAGE_BYTES / config->nodes * PAGE_BYTES;

	if (!member->sim->region)
		return;
	board->region = member->sim->region;
	board->region_size = config->region_size;
	board->region_share = share * member->index;
	board->region_share_size = share;
}

bool member_boot(struct member *member, char *error, size_t error_size)
{
	struct sim *sim = member->sim;
	struct node_config config = sim->config.node;
	char line[64];

	config.real_time = false;
	config.board = (struct board_config){
		.context = member,
		.output = output,
		.rtc_base_ns = RTC_BASE_NS + sim->now,
		.virtio_console = true,
		.virtio_modern = sim->config.node.board.virtio_modern,
		.ports = sim->config.nodes,
		.port_send = port_send,
	};
	give_region(member, &config.board);
	for (unsigned port = 0; port < sim->config.nodes; port++)
		config.board.port_name[port] = member->name[port];
	member->node = node_create(&config, error, error_size);
	if (!member->node)
		return false;
	node_set_report(member->node, report, member);
	if (sim->config.comes)
		sim->config.comes(sim->config.context, member->index, member->node, sim->now);
	member->begin = sim->now;
	member->boots++;
	member->idle = member->halted = false;
	member_set_open(member, 0, true);
	snprintf(line, sizeof line, "boot %016" PRIx64 "\n",
		 sim_stream(sim->config.seed, 2000 + member->index + member->boots * SIM_NODES));
	sim_tell(sim, member->index, line);
	return true;
}

void member_shut_down(struct member *member)
{
	const struct sim_config *config = &member->sim->config;

	if (config->goes)
		config->goes(config->context, member->index);
	node_destroy(member->node);
	member->node = NULL;
	memset(member->open, 0, sizeof member->open);
	for (unsigned port = 0; port < BOARD_PORTS; port++)
		held_drop(&member->held[port]);
}

/* What was under way when nobody was there to take it. */
void member_drop_past(struct member *member)
{
	struct network *network = &member->sim->network;

	while (network_next(network, member->index) <= member->sim->now) {
		free(network_take(network, member->index));
		network->stats.blocked++;
	}
}
