/*
 * Sessions, one situation at a time: how they begin and end, and what goes through them. Peers that lie are
 * in session_lies.c; what a storm of faults does to sessions is in storm.c.
 */
#include <stdio.h>
#include <string.h>

#include "test/cluster/situation.h"

static struct world world;
struct world *const w = &world;
struct peer *const a = &world.peer[0], *const b = &world.peer[1];

void expect(bool good, const char *what)
{
	if (!good)
		world_fail(w, "%s", what);
}

uint64_t frames(void)
{
	return a->session.counters.frames_out + b->session.counters.frames_out;
}

/* --- frames of a liar -------------------------------------------------------------------------------- */

static struct frame made;

struct frame *own_frame(const struct peer *from, enum wire_type type, size_t length)
{
	memset(&made, 0, sizeof made);
	made.header = (struct wire_header){.magic = WIRE_MAGIC,
					   .version = WIRE_VERSION,
					   .type = (uint8_t)type,
					   .length = (uint32_t)length,
					   .to = from->session.theirs,
					   .from = from->session.mine,
					   .seq = from->session.next_seq,
					   .ack = from->session.received};
	return &made;
}

struct frame *own_hello(const struct peer *from, uint32_t to, uint32_t tag)
{
	struct frame *frame = own_frame(from, WIRE_HELLO, sizeof(struct wire_hello));

	frame->header.to = to;
	frame->header.from = tag;
	frame->hello.epoch = from->session.config.epoch;
	frame->hello.credits = from->session.config.credits;
	memcpy(frame->hello.name, from->session.config.self, WIRE_NAME_SIZE);
	return frame;
}

void arrive(const struct peer *to, struct frame *frame)
{
	wire_seal(&frame->header);
	world_arrive(w, to == b, frame, WIRE_HEADER + frame->header.length);
}

void join(void)
{
	world_run(w, 50 * MS);
	expect(world_joined(w), "there is no session");
}

/* --- beginnings and ends ----------------------------------------------------------------------------- */

static void test_handshake(void)
{
	world_run(w, MS);
	expect(world_joined(w), "no session after a millisecond");
	expect(a->session.peer_epoch == b->session.config.epoch &&
		       b->session.peer_epoch == a->session.config.epoch,
	       "the epochs are not each other's");
	expect(a->session.peer_credits.exports == 64 && a->session.peer_credits.operations == 8,
	       "credits got lost");
	expect(frames() <= 8, "more than eight frames");
}

/* One call and its answer are two frames, but for the last acknowledgement. */
static void test_piggyback(void)
{
	uint64_t before;

	join();
	before = frames();
	for (unsigned i = 0; i < 10; i++) {
		expect(world_send(w, 0, 64), "cannot send");
		world_run(w, MS / 10);
		expect(world_send(w, 1, 64), "cannot answer");
		world_run(w, MS / 10);
	}
	expect(a->got == 10 && b->got == 10, "not everything arrived");
	expect(frames() == before + 20, "there were other frames");
	world_run(w, 5 * MS);
	expect(frames() == before + 21 && a->session.waiting == 0 && b->session.waiting == 0,
	       "not one acknowledgement");
}

static void test_restart(void)
{
	join();
	world_crash(w, 1);
	world_run(w, MS);
	expect(world_joined(w) && a->ups == 2, "no new session after a millisecond");
	expect(a->ends == 1 && a->reason == WIRE_REASON_RESTARTED && !a->by_peer, "not ended for a restart");
}

static void test_silence(void)
{
	join();
	w->faults.cut[0] = true;
	world_run(w, 1000 * MS - 250 * MS - 1);
	expect(a->up && b->up, "ended before the lease is over");
	world_run(w, 260 * MS);
	expect(a->ends == 1 && a->reason == WIRE_REASON_SILENCE && !a->by_peer, "not ended for silence");
	world_run(w, MS);
	expect(b->ends == 1 && b->reason == WIRE_REASON_SILENCE && b->by_peer, "the peer was not told");
	world_run(w, 3000 * MS);
	expect(!a->up && !b->up && a->ups == 1, "a session by one way only");
	w->faults.cut[0] = false;
	world_run(w, 300 * MS);
	expect(world_joined(w), "no session when both ways are open");
}

static void test_idle(void)
{
	uint64_t before;

	join();
	before = frames();
	world_run(w, 100000 * MS);
	expect(world_joined(w) && a->ups == 1, "an idle session did not last");
	expect(frames() - before <= 2 * 401, "more than a sign of life in 250 ms");
}

static void test_bye(void)
{
	join();
	world_end(w, 0, WIRE_REASON_CLOSED);
	expect(a->ends == 1 && a->reason == WIRE_REASON_CLOSED && !a->by_peer, "its end was not told");
	expect(!world_send(w, 0, 64), "can send after the end");
	world_run(w, MS);
	expect(b->ends == 1 && b->reason == WIRE_REASON_CLOSED && b->by_peer, "the peer was not told");
}

/* The port closes for less than the lease: what was sent meanwhile arrives. */
static void test_reopened(void)
{
	join();
	world_port(w, 0, false);
	for (unsigned i = 0; i < 10; i++)
		expect(world_send(w, 0, 64) && world_send(w, 1, 64), "cannot send");
	world_run(w, 600 * MS);
	world_port(w, 0, true);
	world_run(w, 300 * MS);
	expect(world_joined(w) && a->ups == 1 && a->got == 10 && b->got == 10,
	       "the session was not the same after");
}

/* What the port lost is said again as soon as it opens. */
static void test_reopened_at_once(void)
{
	join();
	w->faults.cut[1] = true;
	for (unsigned i = 0; i < 10; i++)
		expect(world_send(w, 0, 64), "cannot send");
	world_run(w, MS);
	world_port(w, 0, false);
	w->faults.cut[1] = false;
	world_port(w, 0, true);
	world_run(w, 2 * MS);
	expect(b->got == 10, "it was not said at once");
}

static void test_closed_for_long(void)
{
	join();
	world_port(w, 0, false);
	world_run(w, 1100 * MS);
	expect(a->ends == 1 && b->ends == 1, "not ended on both sides");
	world_port(w, 0, true);
	world_run(w, 300 * MS);
	expect(world_joined(w), "no new session");
}

static void test_full_port(void)
{
	join();
	w->faults.full = 1000;
	expect(world_send(w, 0, 64), "cannot send while the port is full");
	expect(a->full, "it was not tried");
	world_run(w, 500 * MS); /* both ports become ready and full again */
	w->faults.full = 0;
	world_ready(w, 0);
	world_ready(w, 1);
	world_run(w, 300 * MS);
	expect(b->got == 1 && a->ups == 1, "what the port refused did not arrive");
}

/* What the port has not taken yet is not lost. */
static void test_slow_port(void)
{
	join();
	w->faults.delay_ns = 200 * MS;
	for (unsigned i = 0; i < 5; i++)
		expect(world_send(w, 0, 64), "cannot send");
	w->faults.full = 1000;
	expect(world_send(w, 0, 64) && a->full, "the port is not full");
	world_run(w, 150 * MS);
	w->faults.full = 0;
	world_ready(w, 0);
	expect(a->session.counters.resent == 0, "it was sent again");
	world_ready(w, 1);
	world_run(w, 1000 * MS);
	expect(b->got == 6, "not everything arrived");
}

/* A peer that is far away is not told everything twice for ever. */
static void test_far_away(void)
{
	w->faults.delay_ns = 60 * MS;
	world_run(w, 500 * MS);
	for (unsigned i = 0; i < 100; i++) {
		expect(world_send(w, 0, 64), "cannot send");
		world_run(w, 150 * MS);
	}
	expect(b->got >= 99 && a->ups == 1, "not everything arrived");
	expect(a->session.counters.resent <= 20, "too much was sent again");
	w->faults.delay_ns = MS / 20;
	world_run(w, 200 * MS);
	for (unsigned i = 0; i < 50; i++) {
		expect(world_send(w, 0, 64), "cannot send");
		world_run(w, 10 * MS);
	}
	w->faults.loss = 1000;
	expect(world_send(w, 0, 64), "cannot send");
	w->faults.loss = 0;
	world_run(w, 35 * MS);
	expect(b->got == 151, "near again, it is not told again soon");
}

/* What is lost among others is missed, and told again at once, and the others are not told again. */
static void test_missed(void)
{
	join();
	for (unsigned i = 1; i <= 12; i++) {
		w->faults.loss = i % 4 == 2 ? 1000 : 0;
		expect(world_send(w, 0, 64), "cannot send");
	}
	w->faults.loss = 0;
	world_run(w, 10 * MS);
	expect(b->got == 12, "not everything arrived soon");
	expect(a->session.counters.resent == 3, "another number of frames than was lost was sent again");
	expect(b->session.stashed == 0 && b->session.stash_used == 0, "something is kept");
}

/* The frame that is missed is the first one behind the end of the ring, and then the ring is filled. */
static void test_missed_at_the_end(void)
{
	join();
	for (unsigned i = 0; i < 15; i++)
		expect(world_send(w, 0, WIRE_PAYLOAD_MAX), "cannot send");
	world_run(w, MS / 5);
	expect(a->session.waiting == 3 * WIRE_FRAME_MAX, "not all but three are acknowledged");
	w->faults.loss = 1000;
	expect(world_send(w, 0, WIRE_PAYLOAD_MAX), "cannot send behind the end");
	w->faults.loss = 0;
	expect(world_send(w, 0, WIRE_PAYLOAD_MAX), "cannot send after that");
	world_run(w, MS / 9);
	expect(a->session.counters.resent == 1, "it was not missed");
	w->faults.cut[0] = true;
	for (unsigned i = 0; i < 13; i++)
		expect(world_send(w, 0, WIRE_PAYLOAD_MAX), "cannot send with room");
	expect(world_send(w, 0, 1024), "cannot send the last");
	w->faults.cut[0] = false;
	world_run(w, 300 * MS);
	expect(b->got == 31 && a->ups == 1, "not everything arrived");
}

/* Much in one direction is acknowledged before a deadline. */
static void test_stream(void)
{
	join();
	for (unsigned i = 0; i < 1000; i++) {
		for (unsigned n = 0; n < 4; n++)
			expect(world_send(w, 0, 2000), "the window is full");
		world_run(w, MS / 10);
	}
	world_run(w, MS);
	expect(b->got == 4000 && a->session.counters.resent == 0, "not everything arrived at once");
	expect(b->session.counters.frames_out < 1100, "more acknowledgements than one for 8 KiB");
}

/* Numbers of frames begin at 0 again. */
static void test_wrap(void)
{
	join();
	for (unsigned side = 0; side < 2; side++) {
		struct session *s = &w->peer[side].session;

		s->next_seq = s->cursor_seq = 0xfffffff0;
		s->acked = s->sent = s->received = 0xffffffef;
	}
	w->faults.loss = 200;
	w->faults.jitter_ns = MS;
	for (unsigned i = 0; i < 100; i++) {
		expect(world_send(w, 0, 64) && world_send(w, 1, 128), "cannot send");
		world_run(w, 20 * MS);
	}
	w->faults.loss = 0;
	world_run(w, 600 * MS);
	expect(a->ups == 1 && a->got == 100 && b->got == 100, "not everything arrived");
	expect(a->session.next_seq < 100 && a->session.waiting == 0, "the numbers did not begin again");
}

/* A byte at a time, at any address. */
static void test_bytes(void)
{
	struct session_input input;
	struct session_event event;
	_Alignas(8) uint8_t place[16];
	unsigned got = 0;

	join();
	for (unsigned i = 0; i < 20; i++) {
		struct frame *frame = own_frame(b, WIRE_DATA, 8 * (1 + i));

		frame->header.seq = i + 1;
		wire_seal(&frame->header);
		for (size_t at = 0; at < WIRE_HEADER + frame->header.length; at++) {
			place[at % 8] = ((const uint8_t *)frame)[at];
			input = (struct session_input){place + at % 8, 1};
			while (session_next(&a->session, w->now + a->offset, &input, &event))
				got += event.kind == SESSION_MESSAGE && event.size == 8 * (1 + i);
		}
	}
	expect(got == 20, "not every message was seen");
}

/* What is left of a frame that was cut off does not hold up the next ones. */
static void test_cut_off(void)
{
	struct frame *frame;

	join();
	frame = own_frame(b, WIRE_DATA, 2048);
	wire_seal(&frame->header);
	world_arrive(w, 0, frame, 40);
	world_run(w, 2000 * MS);
	expect(world_joined(w) && a->ups == 1, "the session ended");
	expect(world_send(w, 1, 64), "cannot send");
	world_run(w, 100 * MS);
	expect(a->got == 1, "the next message did not arrive");
}

/* … nor what was left of one when the port closed. */
static void test_cut_by_port(void)
{
	struct frame *frame;

	join();
	frame = own_frame(b, WIRE_DATA, 2048);
	wire_seal(&frame->header);
	world_arrive(w, 0, frame, 40);
	world_port(w, 0, false);
	world_port(w, 0, true);
	expect(world_send(w, 1, 64), "cannot send");
	world_run(w, MS);
	expect(a->got == 1, "the next message did not arrive");
}

/* One end and one beginning in one frame: the owner hears of them one by one, and cannot send between them.
   What it never heard of needs no end. */
static void test_untold(void)
{
	struct session *s = &a->session;
	struct session_event event;
	struct session_input input;
	struct frame *frame;

	join();
	arrive(a, own_hello(b, 0, 77));
	frame = own_hello(b, s->candidate, 77);
	wire_seal(&frame->header);
	input = (struct session_input){(void *)frame, WIRE_HEADER + frame->header.length};
	expect(session_next(s, w->now + a->offset, &input, &event) && event.kind == SESSION_ENDED,
	       "no end was told");
	expect(!session_is_up(s) && !session_reserve(s, 64), "can send in a session that nobody knows of");
	session_end(s, w->now + a->offset, WIRE_REASON_CLOSED);
	expect(!session_next(s, w->now + a->offset, &input, &event), "something was told that nobody needs");
	a->up = false;
}

static const struct situation situations[] = {
	{"handshake", test_handshake},
	{"piggyback", test_piggyback},
	{"restart", test_restart},
	{"silence", test_silence},
	{"idle", test_idle},
	{"bye", test_bye},
	{"reopened", test_reopened},
	{"reopened-at-once", test_reopened_at_once},
	{"closed-for-long", test_closed_for_long},
	{"full-port", test_full_port},
	{"slow-port", test_slow_port},
	{"far-away", test_far_away},
	{"missed", test_missed},
	{"missed-at-the-end", test_missed_at_the_end},
	{"stream", test_stream},
	{"wrap", test_wrap},
	{"bytes", test_bytes},
	{"cut-off", test_cut_off},
	{"cut-by-port", test_cut_by_port},
	{"untold", test_untold},
	{NULL, NULL},
};

/* Of the `first`th situation of all on. */
static bool all_good(const struct situation *situation, unsigned first)
{
	bool good = true;

	for (unsigned i = 0; situation[i].name; i++) {
		world_init(w, first + i);
		situation[i].run();
		printf(w->why[0] ? "not ok session-%s: %s\n" : "ok session-%s\n", situation[i].name, w->why);
		good = good && !w->why[0];
	}
	return good;
}

int main(void)
{
	bool good = all_good(situations, 0);

	return !(all_good(session_lies, sizeof situations / sizeof *situations - 1) && good);
}
