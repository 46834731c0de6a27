/*
 * Sessions in bad weather: for each seed three seconds of faults, then calm.
 *
 *	storm FIRST COUNT [--verbose]     one line for all; a seed that fails has its own
 *
 * All the time (world.c): a message arrives in the session that it was sent in, exactly once, in order and
 * unspoiled; an end is told once. After the calm begins: both sides have the same session within four seconds
 * and keep it, everything that is sent arrives, nothing stays in a window, and then there is almost silence.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/cluster/world.h"

static struct world world;

/* Of each kind of fault none, some or much. */
static unsigned dose(struct world *w, unsigned most)
{
	return world_chance(w, 500)
		       ? 0
		       : (unsigned)world_random(w, world_chance(w, 500) ? most / 8 + 1 : most + 1);
}

/* Things that happen to nodes and cables, with chances for each moment. */
struct events {
	unsigned crash, cut, port, end, jump, send, large;
};

static void plan(struct world *w, struct events *events)
{
	w->faults = (struct faults){.loss = dose(w, 300),
				    .twice = dose(w, 300),
				    .spoiled = dose(w, 200),
				    .shortened = dose(w, 100),
				    .split = dose(w, 1000),
				    .replay = dose(w, 300),
				    .forged = dose(w, 300),
				    .full = dose(w, 300),
				    .delay_ns = world_random(w, 5 * MS),
				    .jitter_ns = dose(w, 100) * MS};
	*events = (struct events){.crash = dose(w, 20),
				  .cut = dose(w, 20),
				  .port = dose(w, 30),
				  .end = dose(w, 20),
				  .jump = dose(w, 20),
				  .send = 100 + (unsigned)world_random(w, 900),
				  .large = 20 + dose(w, 900)};
}

static void jump_clock(struct world *w, unsigned side)
{
	static const uint64_t far[] = {MS, 100 * MS, 2000 * MS, 3600000 * MS};
	uint64_t by = world_random(w, far[world_random(w, 4)]);

	if (world_chance(w, 500) && w->now + w->peer[side].offset > by)
		by = -by;
	w->peer[side].offset += by;
	world_tick(w, side);
}

static size_t some_size(struct world *w, unsigned large)
{
	return 32 + 8 * world_random(w, world_chance(w, large) ? (WIRE_PAYLOAD_MAX - 32) / 8 + 1 : 16);
}

static void happen(struct world *w, const struct events *events)
{
	unsigned side = (unsigned)world_random(w, 2);

	if (world_chance(w, events->crash))
		world_crash(w, side);
	if (world_chance(w, events->cut))
		w->faults.cut[side] = !w->faults.cut[side];
	if (world_chance(w, events->port))
		world_port(w, side, !w->peer[side].open);
	if (world_chance(w, events->end))
		world_end(w, side, world_chance(w, 500) ? WIRE_REASON_CLOSED : WIRE_REASON_BAD_EXPORT);
	if (world_chance(w, events->jump))
		jump_clock(w, side);
	if (world_chance(w, events->send))
		for (uint64_t i = world_random(w, world_chance(w, 900) ? 4 : 64); i > 0; i--)
			(void)world_send(w, side, some_size(w, events->large));
}

/* Nothing is wrong any more. */
static void calm(struct world *w)
{
	w->faults = (struct faults){.delay_ns = MS / 20};
	for (unsigned side = 0; side < 2; side++) {
		if (!w->peer[side].open)
			world_port(w, side, true);
		world_ready(w, side);
	}
	world_run(w, 4000 * MS);
	if (!world_joined(w))
		world_fail(w, "no session after four seconds of calm");
}

/* As much as a window takes at once, both ways. */
static void send_windows(struct world *w)
{
	const struct peer *peer = w->peer;
	uint64_t before[2] = {peer[0].got, peer[1].got}, sent[2] = {peer[0].sent, peer[1].sent};
	unsigned count = SESSION_WINDOW / 2048;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 2 * count; i++)
			if (!world_send(w, i % 2, 2048 - WIRE_HEADER))
				world_fail(w, "%u has no window for message %u", i % 2, i / 2);
		for (unsigned side = 0; side < 2; side++)
			if (world_send(w, side, 8))
				world_fail(w, "%u sends more than its window", side);
		world_run(w, 100 * MS);
	}
	for (unsigned side = 0; side < 2; side++)
		if (peer[side].got - before[side] != 3 * count || peer[!side].sent - sent[!side] != 3 * count)
			world_fail(w, "%u got %lu of %u", side, peer[side].got - before[side], 3 * count);
}

static void judge(struct world *w)
{
	uint64_t ups[2] = {w->peer[0].ups, w->peer[1].ups}, frames[2];

	for (unsigned side = 0; side < 2; side++) {
		const struct peer *peer = &w->peer[side];

		if (peer->got != w->peer[!side].sent)
			world_fail(w, "%u got %lu messages of %lu", side, peer->got, w->peer[!side].sent);
		if (peer->session.waiting != 0)
			world_fail(w, "%u has %zu bytes in its window", side, peer->session.waiting);
		if (peer->session.stashed != 0 || peer->session.stash_used != 0)
			world_fail(w, "%u keeps %u messages that came too early", side,
				   peer->session.stashed);
		if (peer->ups != peer->ends + 1)
			world_fail(w, "%u was told %lu beginnings, %lu ends", side, peer->ups, peer->ends);
	}
	send_windows(w);
	for (unsigned side = 0; side < 2; side++)
		frames[side] = w->peer[side].session.counters.frames_out;
	world_run(w, 2000 * MS);
	for (unsigned side = 0; side < 2; side++) {
		frames[side] = w->peer[side].session.counters.frames_out - frames[side];
		if (w->peer[side].ups != ups[side])
			world_fail(w, "%u changed its session in calm weather", side);
		if (frames[side] > 10)
			world_fail(w, "%u sent %lu frames in two idle seconds", side, frames[side]);
	}
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1,
		 count = argc > 2 ? strtoull(argv[2], NULL, 0) : 1000;
	bool verbose = argc > 3 && strcmp(argv[3], "--verbose") == 0;
	uint64_t messages = 0, sessions = 0, bad = 0;

	for (uint64_t seed = first; seed < first + count; seed++) {
		struct world *w = &world;
		struct events events;

		world_init(w, seed);
		w->verbose = verbose;
		plan(w, &events);
		while (w->now < 3000 * MS && !w->why[0]) {
			happen(w, &events);
			world_run(w, world_random(w, 20 * MS));
		}
		calm(w);
		judge(w);
		messages += w->peer[0].all_got + w->peer[1].all_got;
		sessions += w->ids;
		if (w->why[0]) {
			printf("not ok session-storm-%lu: %s\n", seed, w->why);
			bad++;
		}
	}
	printf("# storm: seeds %lu to %lu, %lu messages in %lu sessions\n", first, first + count - 1,
	       messages, sessions);
	if (bad == 0)
		printf("ok session-storm\n");
	return bad != 0;
}
