/* What the simulator's files share. */
#pragma once

#include "cluster/sim/sim.h"

/* Random numbers: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). */
static inline uint64_t sim_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* A stream of its own for each purpose. */
static inline uint64_t sim_stream(uint64_t seed, uint64_t purpose)
{
	uint64_t state = seed ^ purpose * 0xd6e8feb86659fd93ull;

	return sim_random(&state);
}

/* --- the network (network.c) -------------------------------------------------------------------------- */

/* What a node sent with one chain of buffers. */
struct piece {
	uint64_t time;   /* of delivery */
	uint64_t serial; /* of two for the same time the lower comes first */
	struct piece *next;
	unsigned from;
	size_t size, taken; /* so much of it the guest has already */
	uint8_t bytes[];
};

struct network {
	const struct sim_config *config;
	uint64_t stream[SIM_NODES][SIM_NODES]; /* random numbers of each direction */
	uint64_t last[SIM_NODES][SIM_NODES];   /* delivery of what was sent last: order is kept */
	struct piece *coming[SIM_NODES];       /* to each node, the earliest first */
	size_t coming_bytes[SIM_NODES];
	uint64_t serial;
	struct sim_stats stats;
	bool failed; /* out of memory */
};

void network_begin(struct network *network, const struct sim_config *config);
void network_end(struct network *network);
void network_send(struct network *network, uint64_t now, unsigned from, unsigned to, const void *bytes,
		  size_t size);
/* Can anything pass at that time? */
bool network_blocked(const struct network *network, uint64_t time, unsigned from, unsigned to);

static inline uint64_t network_next(const struct network *network, unsigned to)
{
	return network->coming[to] ? network->coming[to]->time : SIM_FOREVER;
}

/* Takes what comes next, which is the caller's then. */
struct piece *network_take(struct network *network, unsigned to);

/* Is a fault of this kind on at that time, with node `node` among its nodes? */
const struct sim_fault *sim_fault_on(const struct sim_config *config, enum sim_kind kind, uint64_t time,
				     unsigned node);
/* Between these two nodes, in this direction. */
bool sim_pair_fault_on(const struct sim_config *config, enum sim_kind kind, uint64_t time, unsigned from,
		       unsigned to);

/* --- nodes (member.c) -------------------------------------------------------------------------------- */

#define PAGE_BYTES 4096

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
	void *region;
	uint64_t now;
	uint64_t fault; /* when the next one begins or ends */
	struct member member[SIM_NODES];
};

/* Tells of something, if anybody listens. */
void sim_event(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

uint64_t member_time(const struct member *member); /* in the cluster's time; it may be behind that */
/* Port 0 is for control; the others are those of the other nodes, in order. */
unsigned member_port(const struct member *member, unsigned peer);
unsigned member_peer(const struct member *member, unsigned port);

bool member_boot(struct member *member, char *error, size_t error_size);
void member_shut_down(struct member *member);
/* What was under way when nobody was there to take it is gone. */
void member_drop_past(struct member *member);
/* The outer end of a port. */
void member_set_open(struct member *member, unsigned port, bool open);
/* Takes the piece that comes next. */
void member_deliver(struct member *member);
/* Gives the guest what it takes of what has come. */
void member_feed(struct member *member);
