/*
 * Two sessions with a channel between them that does what it is told: loses, repeats, reorders, spoils. All
 * of it follows from a seed. What arrives is compared with what was sent; the first thing that is wrong is in
 * `why`.
 */
#ifndef TEST_CLUSTER_WORLD_H
#define TEST_CLUSTER_WORLD_H

#include "srv/bridge/session.h"

#define MS       SESSION_MS
#define SESSIONS 4096 /* of both sides in one world */
#define PACKETS  256
#define HISTORY  64

struct packet {
	uint64_t at, order; /* when it arrives; of packets of one moment the one sent first */
	unsigned to;
	size_t size;
	_Alignas(8) uint8_t bytes[WIRE_FRAME_MAX];
};

/* Chances out of 1,000 for each frame, and what else is wrong. */
struct faults {
	unsigned loss, twice, spoiled, shortened, split, replay, forged, full;
	uint64_t delay_ns, jitter_ns; /* with jitter they overtake each other */
	bool cut[2];                  /* nothing arrives there */
};

struct peer {
	struct session session;
	uint64_t offset; /* its clock is that of the world and this */
	bool open;       /* its port */
	bool full;       /* said so; it must not write */
	bool up;
	unsigned id;        /* of its session, as it knows it */
	uint64_t sent, got; /* messages in this session */
	uint64_t all_sent, all_got, ups, ends;
	uint32_t reason;
	bool by_peer;
};

struct world {
	uint64_t now, random, order;
	struct faults faults;
	struct peer peer[2];
	unsigned starts; /* of nodes, so far */
	unsigned ids;
	unsigned partner[SESSIONS]; /* of a session here: the one that its messages came from */
	struct packet packet[PACKETS];
	unsigned packets;
	struct packet history[2][HISTORY];
	unsigned past[2];
	bool verbose;
	char why[160];
};

/* Both nodes start and their ports open. */
void world_init(struct world *, uint64_t seed);
uint64_t world_random(struct world *, uint64_t below);
bool world_chance(struct world *, unsigned out_of_1000);
void world_fail(struct world *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Lets time pass. */
void world_run(struct world *, uint64_t ns);

/* The node stops in the middle of everything and starts anew. */
void world_crash(struct world *, unsigned side);
void world_port(struct world *, unsigned side, bool open);
void world_tick(struct world *, unsigned side);
void world_ready(struct world *, unsigned side);
void world_end(struct world *, unsigned side, enum wire_reason);

/* Sends the next message, with so many bytes. False: not now. */
bool world_send(struct world *, unsigned side, size_t size);

/* Something arrives at `to` now: as it is, or cut at random places. */
void world_arrive(struct world *, unsigned to, const void *bytes, size_t size);

/* Both have the same session. */
bool world_joined(const struct world *);

#endif
