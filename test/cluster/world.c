#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "test/cluster/world.h"

/* What every message begins with; the rest is made of `number`. */
struct letter {
	uint64_t id, number;
	uint32_t mine, theirs;
	uint64_t epoch;
};

/* --- dice and complaints ----------------------------------------------------------------------------- */

uint64_t world_random(struct world *w, uint64_t below)
{
	uint64_t x = w->random += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return (x ^ x >> 31) % below;
}

bool world_chance(struct world *w, unsigned out_of_1000)
{
	return out_of_1000 != 0 && world_random(w, 1000) < out_of_1000;
}

void world_fail(struct world *w, const char *format, ...)
{
	va_list list;
	int length;

	if (w->why[0])
		return;
	length = snprintf(w->why, sizeof w->why, "at %.3f ms: ", (double)w->now / MS);
	va_start(list, format);
	vsnprintf(w->why + length, sizeof w->why - (size_t)length, format, list);
	va_end(list);
}

static uint64_t local_time(const struct world *w, unsigned side)
{
	return w->now + w->peer[side].offset;
}

/* --- messages ---------------------------------------------------------------------------------------- */

static uint64_t pattern(uint64_t number, size_t word)
{
	return (number * 0x9e3779b97f4a7c15 + word) * 0xbf58476d1ce4e5b9;
}

bool world_send(struct world *w, unsigned side, size_t size)
{
	struct peer *peer = &w->peer[side];
	struct letter *letter = session_reserve(&peer->session, size);
	uint64_t *words = (uint64_t *)letter;

	if (!letter)
		return false;
	if (!peer->up)
		world_fail(w, "%u may send without a session", side);
	*letter = (struct letter){peer->id, ++peer->sent, peer->session.mine, peer->session.theirs,
				  peer->session.config.epoch};
	for (size_t i = sizeof *letter / 8; i < size / 8; i++)
		words[i] = pattern(letter->number, i);
	peer->all_sent++;
	session_commit(&peer->session, local_time(w, side), size);
	return true;
}

static void take_letter(struct world *w, unsigned side, const struct session_event *event)
{
	struct peer *peer = &w->peer[side];
	const struct letter *letter = event->message;
	const uint64_t *words = event->message;

	if (!peer->up || event->size < sizeof *letter || (uintptr_t)words % 8 != 0)
		return world_fail(w, "%u got a message of %zu bytes out of place", side, event->size);
	for (size_t i = sizeof *letter / 8; i < event->size / 8; i++)
		if (words[i] != pattern(letter->number, i))
			return world_fail(w, "%u got a spoiled message", side);
	if (letter->id >= w->ids || letter->mine != peer->session.theirs ||
	    letter->theirs != peer->session.mine || letter->epoch != peer->session.peer_epoch)
		return world_fail(w, "%u got a message of another session", side);
	if (w->partner[peer->id] == 0 && w->partner[letter->id] == 0) {
		w->partner[peer->id] = (unsigned)letter->id;
		w->partner[letter->id] = peer->id;
	}
	if (w->partner[peer->id] != letter->id || w->partner[letter->id] != peer->id)
		return world_fail(w, "%u got a message of session %lu in %u", side, letter->id, peer->id);
	if (letter->number != ++peer->got)
		return world_fail(w, "%u got message %lu as its %lu", side, letter->number, peer->got);
	peer->all_got++;
}

static void take_event(struct world *w, unsigned side, const struct session_event *event)
{
	struct peer *peer = &w->peer[side];

	if (w->verbose && event->kind != SESSION_MESSAGE)
		printf("# %10.3f ms: %u %s (%s)\n", (double)w->now / MS, side,
		       event->kind == SESSION_UP ? "up" : "ended",
		       event->kind == SESSION_UP ? "" : wire_reason_text(event->reason));
	switch (event->kind) {
	case SESSION_UP:
		if (peer->up || ++w->ids >= SESSIONS)
			return world_fail(w, "%u has another session", side);
		peer->up = true;
		peer->ups++;
		peer->id = w->ids - 1;
		peer->sent = peer->got = 0;
		break;
	case SESSION_ENDED:
		if (!peer->up)
			return world_fail(w, "the end of no session is told to %u", side);
		peer->up = false;
		peer->ends++;
		peer->reason = event->reason;
		peer->by_peer = event->by_peer;
		break;
	case SESSION_MESSAGE:
		take_letter(w, side, event);
		break;
	}
}

static void take_events(struct world *w, unsigned side, struct session_input *input)
{
	struct session_event event;

	while (session_next(&w->peer[side].session, local_time(w, side), input, &event))
		take_event(w, side, &event);
	if (input && input->left != 0)
		world_fail(w, "%u left %zu bytes", side, input->left);
	if (session_is_up(&w->peer[side].session) != w->peer[side].up)
		world_fail(w, "%u has events that it does not tell", side);
}

/* --- the channel ------------------------------------------------------------------------------------- */

static void put_packet(struct world *w, unsigned to, const void *bytes, size_t size)
{
	struct packet *packet = &w->packet[w->packets];
	uint64_t jitter = w->faults.jitter_ns ? world_random(w, w->faults.jitter_ns) : 0;

	if (w->packets == PACKETS || world_chance(w, w->faults.loss))
		return;
	w->packets++;
	packet->at = w->now + w->faults.delay_ns + jitter;
	packet->order = w->order++;
	packet->to = to;
	packet->size = size;
	memcpy(packet->bytes, bytes, size);
	if (world_chance(w, w->faults.spoiled))
		for (uint64_t i = world_random(w, 4); i < 4; i++)
			packet->bytes[world_random(w, size)] ^= (uint8_t)(1 + world_random(w, 255));
	if (world_chance(w, w->faults.shortened))
		packet->size = 1 + world_random(w, size);
}

/* Something that was sent there once. */
static struct packet *old_packet(struct world *w, unsigned to)
{
	unsigned count = w->past[to] < HISTORY ? w->past[to] : HISTORY;

	return count ? &w->history[to][world_random(w, count)] : NULL;
}

/* What no node would send, with tags that are not those of a session. */
static void put_forged(struct world *w, unsigned to)
{
	struct packet *old = old_packet(w, to), copy;
	struct wire_header *frame = (void *)copy.bytes;
	struct wire_hello *hello = (void *)(frame + 1);

	if (!old)
		return;
	copy = *old;
	frame->to = (uint32_t)world_random(w, UINT32_MAX) | 1u << 31;
	if (world_chance(w, 500))
		frame->from = (uint32_t)world_random(w, UINT32_MAX);
	if (frame->type == WIRE_HELLO) {
		hello->epoch += world_random(w, 2);
		hello->name[0] = (char)(hello->name[0] + (char)world_random(w, 2));
		frame->flags = (uint32_t)world_random(w, 2);
	}
	wire_seal(frame);
	if (world_chance(w, 100))
		frame->length = (uint32_t)world_random(w, UINT32_MAX);
	put_packet(w, to, copy.bytes, copy.size);
}

static void remember(struct world *w, unsigned to, const void *frame, size_t size)
{
	struct packet *packet = &w->history[to][w->past[to]++ % HISTORY];

	packet->size = size;
	memcpy(packet->bytes, frame, size);
}

static bool write_out(struct world *w, unsigned side, const void *frame, size_t size)
{
	struct peer *peer = &w->peer[side];
	const struct packet *old;

	if (!peer->open || peer->full)
		world_fail(w, "%u writes to a port that is %s", side, peer->open ? "full" : "closed");
	if (wire_look(frame, size) != WIRE_WHOLE ||
	    size != WIRE_HEADER + ((const struct wire_header *)frame)->length)
		world_fail(w, "%u writes what is no frame", side);
	if (world_chance(w, w->faults.full)) {
		peer->full = true;
		return false;
	}
	remember(w, !side, frame, size);
	put_packet(w, !side, frame, size);
	if (world_chance(w, w->faults.twice))
		put_packet(w, !side, frame, size);
	if (world_chance(w, w->faults.replay) && (old = old_packet(w, !side)))
		put_packet(w, !side, old->bytes, old->size);
	if (world_chance(w, w->faults.forged))
		put_forged(w, !side);
	return true;
}

/* Which side it is, its owner passes on as the address of one of these. */
static struct port {
	struct world *world;
	unsigned side;
} ports[2];

static bool port_write(void *context, const void *frame, size_t size)
{
	const struct port *port = context;

	return write_out(port->world, port->side, frame, size);
}

void world_arrive(struct world *w, unsigned to, const void *bytes, size_t size)
{
	_Alignas(8) uint8_t buffer[WIRE_FRAME_MAX + 8];
	const uint8_t *at = bytes;
	bool split = world_chance(w, w->faults.split);

	while (size > 0) {
		size_t piece = split                   ? 1 + world_random(w, size)
			       : size < WIRE_FRAME_MAX ? size
						       : WIRE_FRAME_MAX;
		size_t shift = split ? world_random(w, 8) : 0;
		struct session_input input = {buffer + shift, piece};

		memcpy(buffer + shift, at, piece);
		take_events(w, to, &input);
		at += piece;
		size -= piece;
	}
}

static void deliver(struct world *w, unsigned which)
{
	static struct packet packet;

	packet = w->packet[which];
	w->packet[which] = w->packet[--w->packets];
	if (w->peer[packet.to].open && !w->faults.cut[packet.to])
		world_arrive(w, packet.to, packet.bytes, packet.size);
}

/* --- time -------------------------------------------------------------------------------------------- */

/* The packet that arrives next, or -1. */
static int next_packet(const struct world *w)
{
	int best = -1;

	for (unsigned i = 0; i < w->packets; i++) {
		const struct packet *p = &w->packet[i], *b = best < 0 ? NULL : &w->packet[best];

		if (!b || p->at < b->at || (p->at == b->at && p->order < b->order))
			best = (int)i;
	}
	return best;
}

/* When a node wants to be called, in the world's time. */
static uint64_t deadline(const struct world *w, unsigned side)
{
	uint64_t at = session_deadline(&w->peer[side].session), local = local_time(w, side);

	if (at == UINT64_MAX)
		return at;
	return w->now + (at > local ? at - local : 0);
}

void world_tick(struct world *w, unsigned side)
{
	struct session *s = &w->peer[side].session;

	session_tick(s, local_time(w, side));
	take_events(w, side, NULL);
	if (session_deadline(s) <= local_time(w, side))
		world_fail(w, "%u wants to be called again at once", side);
}

void world_run(struct world *w, uint64_t ns)
{
	uint64_t until = w->now + ns;

	while (!w->why[0]) {
		int packet = next_packet(w);
		uint64_t at = packet < 0 ? UINT64_MAX : w->packet[packet].at;
		unsigned side = deadline(w, 1) < deadline(w, 0);

		if (at > until && deadline(w, side) > until)
			break;
		if (at <= deadline(w, side)) {
			w->now = at > w->now ? at : w->now;
			deliver(w, (unsigned)packet);
		} else {
			w->now = deadline(w, side);
			world_tick(w, side);
		}
		for (unsigned i = 0; i < 2; i++)
			if (world_chance(w, 300))
				world_ready(w, i);
	}
	w->now = until;
}

void world_ready(struct world *w, unsigned side)
{
	if (!w->peer[side].full)
		return;
	w->peer[side].full = false;
	session_ready(&w->peer[side].session, local_time(w, side));
	take_events(w, side, NULL);
}

/* --- nodes -------------------------------------------------------------------------------------------- */

static void start(struct world *w, unsigned side)
{
	static const char *const names[] = {"a", "b"};
	struct peer *peer = &w->peer[side];
	struct session_config config = {.write = port_write,
					.context = &ports[side],
					.epoch = ++w->starts,
					.secret = w->starts * 0x9e3779b97f4a7c15,
					.credits = {8, SESSION_WINDOW, 64}};

	strcpy(config.self, names[side]);
	strcpy(config.peer, names[!side]);
	session_init(&peer->session, &config, local_time(w, side));
	peer->up = peer->open = peer->full = false;
	world_port(w, side, true);
}

void world_init(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	w->random = seed;
	w->ids = 1;
	w->faults.delay_ns = MS / 20;
	for (unsigned side = 0; side < 2; side++) {
		ports[side] = (struct port){w, side};
		w->peer[side].offset = world_random(w, 1ull << 40);
		start(w, side);
	}
}

void world_crash(struct world *w, unsigned side)
{
	if (w->peer[side].up)
		w->peer[side].ends++;
	start(w, side);
}

void world_port(struct world *w, unsigned side, bool open)
{
	w->peer[side].open = open;
	w->peer[side].full = false;
	session_link(&w->peer[side].session, local_time(w, side), open);
	take_events(w, side, NULL);
}

void world_end(struct world *w, unsigned side, enum wire_reason reason)
{
	session_end(&w->peer[side].session, local_time(w, side), reason);
	take_events(w, side, NULL);
}

bool world_joined(const struct world *w)
{
	const struct session *a = &w->peer[0].session, *b = &w->peer[1].session;

	return w->peer[0].up && w->peer[1].up && a->mine == b->theirs && a->theirs == b->mine;
}
