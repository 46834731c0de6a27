/* The network between the nodes of a simulated cluster. */
#include <stdlib.h>
#include <string.h>

#include "cluster/sim/internal.h"

#define LATE_NS     3000000000ull /* a duplicate can be this late, to meet a session that is not its own */
#define DISORDER_NS 2000000ull    /* how far order is disturbed, at most */
#define COMING_MAX  (1u << 20)    /* bytes under way to one node */

void network_begin(struct network *network, const struct sim_config *config)
{
	memset(network, 0, sizeof *network);
	network->config = config;
	for (unsigned from = 0; from < config->nodes; from++)
		for (unsigned to = 0; to < config->nodes; to++)
			network->stream[from][to] = sim_stream(config->seed, 1000 + from * SIM_NODES + to);
}

void network_end(struct network *network)
{
	for (unsigned node = 0; node < SIM_NODES; node++)
		while (network->coming[node])
			free(network_take(network, node));
}

struct piece *network_take(struct network *network, unsigned to)
{
	struct piece *piece = network->coming[to];

	network->coming[to] = piece->next;
	network->coming_bytes[to] -= piece->size;
	return piece;
}

/* --- faults that are on ------------------------------------------------------------------------------ */

static bool is_on(const struct sim_fault *fault, enum sim_kind kind, uint64_t time)
{
	return fault->kind == kind && time >= fault->from && time < fault->to;
}

const struct sim_fault *sim_fault_on(const struct sim_config *config, enum sim_kind kind, uint64_t time,
				     unsigned node)
{
	for (unsigned i = 0; i < config->faults; i++)
		if (is_on(&config->fault[i], kind, time) && config->fault[i].a >> node & 1)
			return &config->fault[i];
	return NULL;
}

bool sim_pair_fault_on(const struct sim_config *config, enum sim_kind kind, uint64_t time, unsigned from,
		       unsigned to)
{
	for (unsigned i = 0; i < config->faults; i++) {
		const struct sim_fault *fault = &config->fault[i];

		if (!is_on(fault, kind, time))
			continue;
		if ((fault->a >> from & 1 && fault->b >> to & 1) ||
		    (kind != SIM_ONE_WAY && fault->b >> from & 1 && fault->a >> to & 1))
			return true;
	}
	return false;
}

bool network_blocked(const struct network *network, uint64_t time, unsigned from, unsigned to)
{
	return sim_pair_fault_on(network->config, SIM_PARTITION, time, from, to) ||
	       sim_pair_fault_on(network->config, SIM_ONE_WAY, time, from, to) ||
	       sim_pair_fault_on(network->config, SIM_CUT, time, from, to);
}

/* The highest probability of those that are on. */
static uint32_t rate(const struct network *network, enum sim_kind kind, uint64_t time)
{
	uint32_t highest = 0;

	for (unsigned i = 0; i < network->config->faults; i++) {
		const struct sim_fault *fault = &network->config->fault[i];

		if (is_on(fault, kind, time) && fault->value > highest)
			highest = fault->value;
	}
	return highest;
}

/* --- sending ----------------------------------------------------------------------------------------- */

static void enqueue(struct network *network, unsigned to, struct piece *piece)
{
	struct piece **at = &network->coming[to];

	while (*at && (*at)->time <= piece->time)
		at = &(*at)->next;
	piece->next = *at;
	*at = piece;
	network->coming_bytes[to] += piece->size;
}

static struct piece *piece_make(struct network *network, unsigned from, unsigned to, const void *bytes,
				size_t size)
{
	struct piece *piece;

	if (network->coming_bytes[to] + size > COMING_MAX) {
		network->stats.overflow++;
		return NULL;
	}
	piece = malloc(sizeof *piece + size);
	if (!piece) {
		network->failed = true;
		return NULL;
	}
	*piece = (struct piece){.serial = network->serial++, .from = from, .size = size};
	memcpy(piece->bytes, bytes, size);
	return piece;
}

/* Bits turn over, or the end is missing, or the beginning. */
static void damage(struct piece *piece, uint64_t random)
{
	size_t at = (random >> 8) % piece->size, rest = piece->size - at;

	switch (random % 8) {
	case 0:
		piece->size = at;
		break;
	case 1:
		memmove(piece->bytes, piece->bytes + at, rest);
		piece->size = rest;
		break;
	default:
		for (unsigned i = 0; i <= random % 8; i++) {
			piece->bytes[at] ^= (uint8_t)(1u << (random >> (40 + i) & 7));
			at = (at * 7 + 1) % piece->size;
		}
		break;
	}
}

/* What happens to one that is sent: drawn all at once, so that one fault more or less does not shift the
 * rest. */
struct fate {
	uint64_t jitter, lost, doubled, late, disordered, disorder, damaged, damage;
};

static struct fate fate_draw(uint64_t *stream)
{
	struct fate fate;

	fate.jitter = sim_random(stream);
	fate.lost = sim_random(stream) % SIM_WHOLE;
	fate.doubled = sim_random(stream) % SIM_WHOLE;
	fate.late = sim_random(stream);
	fate.disordered = sim_random(stream) % SIM_WHOLE;
	fate.disorder = sim_random(stream);
	fate.damaged = sim_random(stream) % SIM_WHOLE;
	fate.damage = sim_random(stream);
	return fate;
}

static void send_copy(struct network *network, const struct fate *fate, uint64_t time, unsigned from,
		      unsigned to, const void *bytes, size_t size)
{
	struct piece *piece = piece_make(network, from, to, bytes, size);

	if (!piece)
		return;
	piece->time = time + 1 + (fate->late % 8 ? fate->late % DISORDER_NS : fate->late % LATE_NS);
	network->stats.duplicated++;
	enqueue(network, to, piece);
}

void network_send(struct network *network, uint64_t now, unsigned from, unsigned to, const void *bytes,
		  size_t size)
{
	const struct sim_config *config = network->config;
	struct fate fate = fate_draw(&network->stream[from][to]);
	uint64_t time = now + config->delay + fate.jitter % (config->jitter + 1);
	struct piece *piece;

	network->stats.sent++;
	if (network_blocked(network, now, from, to)) {
		network->stats.blocked++;
		return;
	}
	if (fate.doubled < rate(network, SIM_DUPLICATE, now))
		send_copy(network, &fate, time, from, to, bytes, size);
	if (fate.lost < rate(network, SIM_LOSS, now)) {
		network->stats.lost++;
		return;
	}
	piece = piece_make(network, from, to, bytes, size);
	if (!piece)
		return;
	if (fate.disordered < rate(network, SIM_REORDER, now)) {
		network->stats.reordered++;
		piece->time = time + fate.disorder % DISORDER_NS;
	} else {
		piece->time = time < network->last[from][to] ? network->last[from][to] : time;
		network->last[from][to] = piece->time;
	}
	if (fate.damaged < rate(network, SIM_CORRUPT, now)) {
		network->stats.corrupted++;
		damage(piece, fate.damage);
	}
	enqueue(network, to, piece);
}
