/*
 * The simulator's nodes and its clock. Time goes in rounds that are no longer than the least delay of a link,
 * so what a node sends in a round arrives after it, and nodes can be run one after the other. A round begins
 * when something is to happen; nodes that are idle are not touched.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/sim/internal.h"

#define RTC_BASE_NS 1767225600000000000ull /* as `skerry run` has it in virtual time */
#define HELD_MAX    (1u << 18)             /* bytes that wait for the guest, for each port */

/* What has come by a port and does not fit into the guest's buffers yet. */
struct held {
	struct piece *first, **last;
	size_t bytes;
};

struct member {
	struct sim *sim;
	unsigned index;
	struct node *node; /* NULL: it has crashed */
	uint64_t begin;    /* cluster time at which its own is 0 */
	unsigned boots;
	bool idle; /* until: */
	uint64_t until;
	bool halted;
	int status;
	struct held held[BOARD_PORTS];
	bool open[BOARD_PORTS]; /* the ports' ends outside */
	char name[BOARD_PORTS][16];
};

struct sim {
	struct sim_config config;
	struct network network;
	uint64_t now;
	uint64_t fault; /* when the next one begins or ends */
	struct member member[SIM_NODES];
};

/* --- time and ports ------------------------------------------------------------------------------------ */

static uint64_t local_time(const struct member *member)
{
	return member->begin + node_time(member->node);
}

/* Port 0 is for control; the others are those of the other nodes, in order. */
static unsigned port_of(const struct member *member, unsigned peer)
{
	return peer < member->index ? peer + 1 : peer;
}

static unsigned peer_of(const struct member *member, unsigned port)
{
	return port <= member->index ? port - 1 : port;
}

static void event(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void event(struct sim *sim, const char *format, ...)
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
	network_send(&sim->network, local_time(member), member->index, peer_of(member, port), bytes, size);
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
	struct held *held = &member->held[port];
	struct board *board = node_board(member->node);

	while (held->first) {
		struct piece *piece = held->first;
		size_t part = board_port_input(board, port, piece->bytes + piece->taken,
					       piece->size - piece->taken);

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

static void feed_all(struct member *member)
{
	for (unsigned port = 0; port < member->sim->config.nodes; port++)
		if (member->held[port].first)
			feed(member, port);
}

/* One piece that is due. */
static void deliver(struct member *member)
{
	struct sim *sim = member->sim;
	struct piece *piece = network_take(&sim->network, member->index);
	unsigned port = port_of(member, piece->from);

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

static void set_open(struct member *member, unsigned port, bool open)
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
		event(member->sim, "%s: the link to %s is %s", sim_node_name(member->index),
		      sim_node_name(peer_of(member, port)), open ? "open" : "closed");
}

/* --- nodes that come and go ------------------------------------------------------------------------------
 */

void sim_tell(struct sim *sim, unsigned node, const char *text)
{
	struct member *member = &sim->member[node];
	size_t size = strlen(text);
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

static bool boot(struct member *member, char *error, size_t error_size)
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
	for (unsigned port = 0; port < sim->config.nodes; port++)
		config.board.port_name[port] = member->name[port];
	member->node = node_create(&config, error, error_size);
	if (!member->node)
		return false;
	node_set_report(member->node, report, member);
	member->begin = sim->now;
	member->boots++;
	member->idle = member->halted = false;
	set_open(member, 0, true);
	snprintf(line, sizeof line, "boot %016" PRIx64 "\n",
		 sim_stream(sim->config.seed, 2000 + member->index + member->boots * SIM_NODES));
	sim_tell(sim, member->index, line);
	return true;
}

static void shut_down(struct member *member)
{
	node_destroy(member->node);
	member->node = NULL;
	memset(member->open, 0, sizeof member->open);
	for (unsigned port = 0; port < BOARD_PORTS; port++)
		held_drop(&member->held[port]);
}

/* What was under way when nobody was there to take it. */
static void drop_past(struct member *member)
{
	struct network *network = &member->sim->network;

	while (network_next(network, member->index) <= member->sim->now) {
		free(network_take(network, member->index));
		network->stats.blocked++;
	}
}

/* --- faults ----------------------------------------------------------------------------------------------
 */

static bool is_down(const struct sim *sim, unsigned node)
{
	return sim_fault_on(&sim->config, SIM_CRASH, sim->now, node);
}

/*
 * Does the host of `node` notice that `peer` is down? The same always for one crash: half of the time nobody
 * says so, as with a cable that was pulled.
 */
static bool notices(const struct sim *sim, unsigned node, unsigned peer)
{
	const struct sim_fault *crash = sim_fault_on(&sim->config, SIM_CRASH, sim->now, peer);

	return crash && sim_stream(sim->config.seed, crash->from + node) % 2;
}

static bool wants_open(const struct sim *sim, unsigned node, unsigned peer)
{
	return !sim_pair_fault_on(&sim->config, SIM_CUT, sim->now, node, peer) && !notices(sim, node, peer);
}

/* A node that is new is a new connection to all others. */
static void close_to(struct sim *sim, unsigned peer)
{
	for (unsigned node = 0; node < sim->config.nodes; node++)
		if (node != peer)
			set_open(&sim->member[node], port_of(&sim->member[node], peer), false);
}

static bool come_and_go(struct sim *sim)
{
	char error[256];

	for (unsigned node = 0; node < sim->config.nodes; node++) {
		struct member *member = &sim->member[node];

		if (is_down(sim, node) && member->node && !member->halted) {
			event(sim, "%s crashes", sim_node_name(node));
			sim->network.stats.crashes++;
			shut_down(member);
		} else if (!is_down(sim, node) && !member->node) {
			event(sim, "%s boots", sim_node_name(node));
			drop_past(member);
			close_to(sim, node);
			if (!boot(member, error, sizeof error))
				return false;
		}
	}
	return true;
}

static void jump_clocks(struct sim *sim)
{
	for (unsigned i = 0; i < sim->config.faults; i++) {
		const struct sim_fault *fault = &sim->config.fault[i];

		if (fault->kind != SIM_CLOCK || fault->from != sim->now)
			continue;
		for (unsigned node = 0; node < sim->config.nodes; node++) {
			struct member *member = &sim->member[node];

			if (!(fault->a >> node & 1) || !member->node)
				continue;
			event(sim, "%s: the clock jumps by %" PRId64 " ns", sim_node_name(node),
			      fault->shift);
			node_skip_to(member->node, sim->now - member->begin);
			board_shift_clock(node_board(member->node), fault->shift);
			member->idle = false;
		}
	}
}

/* Makes everything as the faults of this moment want it. */
static bool apply_faults(struct sim *sim)
{
	if (!come_and_go(sim))
		return false;
	for (unsigned node = 0; node < sim->config.nodes; node++)
		for (unsigned peer = 0; peer < sim->config.nodes; peer++)
			if (peer != node)
				set_open(&sim->member[node], port_of(&sim->member[node], peer),
					 wants_open(sim, node, peer));
	jump_clocks(sim);
	return true;
}

/* The next beginning or end of a fault after `time`. */
static uint64_t next_fault(const struct sim *sim, uint64_t time)
{
	uint64_t next = SIM_FOREVER;

	for (unsigned i = 0; i < sim->config.faults; i++) {
		const struct sim_fault *fault = &sim->config.fault[i];

		if (fault->from > time && fault->from < next)
			next = fault->from;
		if (fault->to > time && fault->to < next)
			next = fault->to;
	}
	return next;
}

/* --- rounds ----------------------------------------------------------------------------------------------
 */

static bool is_stopped(const struct member *member)
{
	return !member->node || member->halted ||
	       sim_fault_on(&member->sim->config, SIM_STOP, member->sim->now, member->index);
}

/* When something happens at a node; not before `now`. */
static uint64_t next_of(const struct member *member)
{
	uint64_t now = member->sim->now, next;

	if (is_stopped(member))
		return SIM_FOREVER;
	if (!member->idle)
		return now;
	next = network_next(&member->sim->network, member->index);
	next = member->until < next ? member->until : next;
	return next > now ? next : now;
}

/* Executes up to `time`, one of `slowness` instructions. */
static void step(struct member *member, uint64_t time, uint32_t slowness)
{
	uint64_t before = local_time(member), budget = (time - before) / slowness, until;

	switch (node_step(member->node, budget ? budget : 1, &until)) {
	case NODE_RAN:
	case NODE_STOPPED:
		if (slowness > 1)
			node_skip_to(member->node,
				     before - member->begin + (local_time(member) - before) * slowness);
		break;
	case NODE_IDLE:
		member->idle = true;
		member->until = until == NODE_FOREVER ? SIM_FOREVER : member->begin + until;
		break;
	case NODE_HALTED:
		member->halted = true;
		member->status = node_exit_status(member->node);
		break;
	}
	feed_all(member);
}

/* Runs a node to the end of the round. */
static void advance(struct member *member, uint64_t end)
{
	const struct sim *sim = member->sim;
	const struct sim_fault *slow = sim_fault_on(&sim->config, SIM_SLOW, sim->now, member->index);

	/* It was stopped, or idle. */
	if (local_time(member) < sim->now) {
		node_skip_to(member->node, sim->now - member->begin);
		member->idle &= member->until > sim->now;
	}
	for (;;) {
		uint64_t time = local_time(member), comes = network_next(&sim->network, member->index);

		if (comes <= time) {
			deliver(member);
			continue;
		}
		comes = comes < end ? comes : end;
		if (member->halted || time >= end)
			return;
		if (member->idle && member->until > time) {
			time = member->until < comes ? member->until : comes;
			if (time >= end)
				return;
			node_skip_to(member->node, time - member->begin);
			member->idle = member->until > time;
			continue;
		}
		step(member, comes, slow ? slow->value : 1);
	}
}

static enum sim_state do_round(struct sim *sim)
{
	uint64_t next = sim->fault > sim->now ? sim->fault : sim->now, end;
	bool halted = true;

	for (unsigned node = 0; node < sim->config.nodes; node++) {
		uint64_t of = next_of(&sim->member[node]);

		next = of < next ? of : next;
		halted &= sim->member[node].halted;
	}
	if (halted)
		return SIM_HALTED;
	if (next == SIM_FOREVER)
		return SIM_STUCK;
	if (next >= sim->config.end) {
		sim->now = sim->config.end;
		return SIM_END;
	}
	sim->now = next;
	if (sim->fault <= sim->now) {
		sim->fault = next_fault(sim, sim->now);
		if (!apply_faults(sim))
			return SIM_FAILED;
	}
	end = sim->now + sim->config.delay;
	end = sim->fault < end ? sim->fault : end;
	end = sim->config.end < end ? sim->config.end : end;
	for (unsigned node = 0; node < sim->config.nodes; node++)
		if (next_of(&sim->member[node]) < end)
			advance(&sim->member[node], end);
	sim->now = end;
	sim->network.stats.rounds++;
	return sim->network.failed ? SIM_FAILED : SIM_RAN;
}

enum sim_state sim_run(struct sim *sim, uint64_t time)
{
	uint64_t stop = sim->now + time < sim->now ? SIM_FOREVER : sim->now + time;
	enum sim_state state;

	do
		state = do_round(sim);
	while (state == SIM_RAN && sim->now < stop);
	return state;
}

/* --- the rest of sim.h -------------------------------------------------------------------------------------
 */

struct sim *sim_create(const struct sim_config *config, char *error, size_t error_size)
{
	struct sim *sim = calloc(1, sizeof *sim);

	if (!sim) {
		snprintf(error, error_size, "the host has not enough memory");
		return NULL;
	}
	sim->config = *config;
	network_begin(&sim->network, &sim->config);
	for (unsigned node = 0; node < config->nodes; node++) {
		struct member *member = &sim->member[node];

		member->sim = sim;
		member->index = node;
		for (unsigned port = 0; port < BOARD_PORTS; port++)
			member->held[port].last = &member->held[port].first;
		snprintf(member->name[0], sizeof member->name[0], "control.%s", sim_node_name(node));
		for (unsigned port = 1; port < config->nodes; port++)
			snprintf(member->name[port], sizeof member->name[port], "link.%s",
				 sim_node_name(peer_of(member, port)));
	}
	for (unsigned node = 0; node < config->nodes; node++) {
		if (boot(&sim->member[node], error, error_size))
			continue;
		sim_destroy(sim);
		return NULL;
	}
	return sim;
}

void sim_destroy(struct sim *sim)
{
	for (unsigned node = 0; node < sim->config.nodes; node++)
		if (sim->member[node].node)
			shut_down(&sim->member[node]);
	network_end(&sim->network);
	free(sim);
}

uint64_t sim_time(const struct sim *sim)
{
	return sim->now;
}

void sim_set_end(struct sim *sim, uint64_t end)
{
	sim->config.end = end;
}

struct node *sim_node(struct sim *sim, unsigned node)
{
	return sim->member[node].node;
}

bool sim_halted(const struct sim *sim, unsigned node, int *status)
{
	*status = sim->member[node].status;
	return sim->member[node].halted;
}

void sim_get_stats(const struct sim *sim, struct sim_stats *stats)
{
	*stats = sim->network.stats;
	for (unsigned node = 0; node < sim->config.nodes; node++) {
		struct node_stats one;

		if (!sim->member[node].node)
			continue;
		node_get_stats(sim->member[node].node, &one);
		stats->instructions += one.instructions;
	}
}

/* --- digest ----------------------------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t hash, uint64_t word)
{
	return sim_stream(hash, word);
}

static uint64_t mix_pieces(uint64_t hash, const struct piece *piece)
{
	for (; piece; piece = piece->next) {
		hash = mix(mix(hash, piece->time), piece->from);
		for (size_t i = piece->taken; i < piece->size; i++)
			hash = (hash ^ piece->bytes[i]) * 0x100000001b3ull;
	}
	return mix(hash, 0);
}

uint64_t sim_state_hash(struct sim *sim)
{
	uint64_t hash = mix(sim->config.nodes, sim->now);

	for (unsigned node = 0; node < sim->config.nodes; node++) {
		struct member *member = &sim->member[node];

		hash = mix(mix(hash, member->boots), member->begin);
		if (member->node)
			hash = mix(hash, node_state_hash(member->node));
		for (unsigned port = 0; port < sim->config.nodes; port++) {
			hash = mix_pieces(hash, member->held[port].first);
			hash = mix(hash, sim->network.stream[node][port]);
		}
		hash = mix_pieces(hash, sim->network.coming[node]);
	}
	return hash;
}
