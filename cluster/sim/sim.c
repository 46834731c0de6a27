/*
 * The simulated cluster's clock. Time goes in rounds that are no longer than the least delay of a link, so
 * what a node sends in a round arrives after it, and nodes can be run one after the other. A round begins
 * when something is to happen; nodes that are idle are not touched.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/sim/internal.h"
#include "host/host.h"

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
			member_set_open(&sim->member[node], member_port(&sim->member[node], peer), false);
}

static bool come_and_go(struct sim *sim)
{
	char error[256];

	for (unsigned node = 0; node < sim->config.nodes; node++) {
		struct member *member = &sim->member[node];

		if (is_down(sim, node) && member->node && !member->halted) {
			sim_event(sim, "%s crashes", sim_node_name(node));
			sim->network.stats.crashes++;
			member_shut_down(member);
		} else if (!is_down(sim, node) && !member->node) {
			sim_event(sim, "%s boots", sim_node_name(node));
			member_drop_past(member);
			close_to(sim, node);
			if (!member_boot(member, error, sizeof error))
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
			sim_event(sim, "%s: the clock jumps by %" PRId64 " ns", sim_node_name(node),
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
				member_set_open(&sim->member[node], member_port(&sim->member[node], peer),
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
	uint64_t before = member_time(member), budget = (time - before) / slowness, until;

	switch (node_step(member->node, budget ? budget : 1, &until)) {
	case NODE_RAN:
	case NODE_STOPPED:
		if (slowness > 1)
			node_skip_to(member->node,
				     before - member->begin + (member_time(member) - before) * slowness);
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
	member_feed(member);
}

/* Runs a node to the end of the round. */
static void advance(struct member *member, uint64_t end)
{
	const struct sim *sim = member->sim;
	const struct sim_fault *slow = sim_fault_on(&sim->config, SIM_SLOW, sim->now, member->index);

	/* It was stopped, or idle. */
	if (member_time(member) < sim->now) {
		node_skip_to(member->node, sim->now - member->begin);
		member->idle &= member->until > sim->now;
	}
	for (;;) {
		uint64_t time = member_time(member), comes = network_next(&sim->network, member->index);

		if (comes <= time) {
			member_deliver(member);
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

/* Does what comes next, if that is before `stop`. */
static enum sim_state do_round(struct sim *sim, uint64_t stop)
{
	uint64_t next = sim->fault > sim->now ? sim->fault : sim->now, end;
	bool halted = true, over = true; /* over: but for those that crashed */

	for (unsigned node = 0; node < sim->config.nodes; node++) {
		uint64_t of = next_of(&sim->member[node]);

		next = of < next ? of : next;
		halted &= sim->member[node].halted;
		over &= sim->member[node].halted || !sim->member[node].node;
	}
	if (halted)
		return SIM_HALTED;
	if (next == SIM_FOREVER)
		return over ? SIM_HALTED : SIM_STUCK;
	if (next >= sim->config.end && stop >= sim->config.end) {
		sim->now = sim->config.end;
		return SIM_END;
	}
	if (next >= stop) {
		sim->now = stop;
		return SIM_RAN;
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
		state = do_round(sim, stop);
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
	sim->region = config->region_size ? host_memory_reserve(config->region_size) : NULL;
	if (config->region_size && !sim->region) {
		snprintf(error, error_size, "the host has not enough memory");
		sim_destroy(sim);
		return NULL;
	}
	for (unsigned node = 0; node < config->nodes; node++) {
		struct member *member = &sim->member[node];

		member->sim = sim;
		member->index = node;
		for (unsigned port = 0; port < BOARD_PORTS; port++)
			member->held[port].last = &member->held[port].first;
		snprintf(member->name[0], sizeof member->name[0], "control.%s", sim_node_name(node));
		for (unsigned port = 1; port < config->nodes; port++)
			snprintf(member->name[port], sizeof member->name[port], "link.%s",
				 sim_node_name(member_peer(member, port)));
	}
	for (unsigned node = 0; node < config->nodes; node++) {
		if (member_boot(&sim->member[node], error, error_size))
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
			member_shut_down(&sim->member[node]);
	network_end(&sim->network);
	if (sim->region)
		host_memory_release(sim->region, sim->config.region_size);
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

static uint64_t mix_region(const struct sim *sim, uint64_t hash)
{
	uint64_t pages = sim->config.region_size / PAGE_BYTES;
	uint8_t *touched = calloc(pages + 1, 1);

	if (touched && sim->region)
		host_memory_touched(sim->region, sim->config.region_size, touched);
	for (uint64_t i = 0; i < pages * (PAGE_BYTES / 8); i++) {
		uint64_t word;

		if (touched && !touched[i / (PAGE_BYTES / 8)]) {
			i += PAGE_BYTES / 8 - 1;
			continue;
		}
		memcpy(&word, (const uint8_t *)sim->region + i * 8, sizeof word);
		hash = word ? mix(mix(hash, i), word) : hash;
	}
	free(touched);
	return hash;
}

uint64_t sim_state_hash(struct sim *sim)
{
	uint64_t hash = mix_region(sim, mix(sim->config.nodes, sim->now));

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
