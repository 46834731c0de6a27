/*
 * Sessions, one situation at a time: how they begin and end, and peers that lie. What a storm of faults does
 * to them is in storm.c.
 */
#include <stdio.h>
#include <string.h>

#include "test/cluster/world.h"

static struct world world;
static struct world *const w = &world;
static struct peer *const a = &world.peer[0], *const b = &world.peer[1];

static void expect(bool good, const char *what)
{
	if (!good)
		world_fail(w, "%s", what);
}

static uint64_t frames(void)
{
	return a->session.counters.frames_out + b->session.counters.frames_out;
}

/* --- frames of a liar -------------------------------------------------------------------------------- */

struct frame {
	struct wire_header header;
	union {
		struct wire_hello hello;
		struct wire_bye bye;
		uint64_t words[WIRE_PAYLOAD_MAX / 8];
	};
};

static struct frame made;

/* A frame of the session that `from` has, as it might be the next one. */
static struct frame *own_frame(const struct peer *from, enum wire_type type, size_t length)
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

static struct frame *own_hello(const struct peer *from, uint32_t to, uint32_t tag)
{
	struct frame *frame = own_frame(from, WIRE_HELLO, sizeof(struct wire_hello));

	frame->header.to = to;
	frame->header.from = tag;
	frame->hello.epoch = from->session.config.epoch;
	frame->hello.credits = from->session.config.credits;
	memcpy(frame->hello.name, from->session.config.self, WIRE_NAME_SIZE);
	return frame;
}

static void arrive(const struct peer *to, struct frame *frame)
{
	wire_seal(&frame->header);
	world_arrive(w, to == b, frame, WIRE_HEADER + frame->header.length);
}

/* A session, and nothing on its way. */
static void join(void)
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

/* --- what is old or invented ------------------------------------------------------------------------- */

static void test_stale_hello(void)
{
	static struct packet old[16];
	unsigned count = 0;

	for (unsigned i = 0; i < 3; i++) {
		join();
		world_crash(w, i % 2);
	}
	join();
	for (unsigned i = 0; i < w->past[0] && i < 16; i++)
		old[count++] = w->history[0][i];
	for (unsigned round = 0; round < 50; round++) {
		world_arrive(w, 0, old[round % count].bytes, old[round % count].size);
		world_run(w, 10 * MS);
	}
	expect(world_joined(w) && a->ups == 4 && b->ups == 4, "old frames ended a session");
	expect(count >= 6 && a->session.counters.strays != 0, "there were no old frames");
}

static void test_forged_hello(void)
{
	join();
	for (uint32_t i = 0; i < 200; i++) {
		struct frame *frame =
			own_hello(b, i % 3 ? 0x1000 + i : 0, i % 2 ? 0x2000 + i : b->session.mine);

		frame->header.flags = i % 5 == 0 ? WIRE_LIVE : 0;
		frame->hello.epoch += i % 7 == 0;
		arrive(a, frame);
		world_run(w, 5 * MS);
	}
	expect(world_joined(w) && a->ups == 1 && b->ups == 1,
	       "a HELLO that nobody answered ended the session");
}

/* A frame with one tag wrong is not of the session, whatever it says. */
static void test_forged_tags(void)
{
	struct frame *frame;

	join();
	for (unsigned i = 0; i < 32; i++) {
		for (unsigned type = WIRE_DATA; type <= WIRE_BYE; type++) {
			frame = own_frame(b, type, type == WIRE_ACK ? 0 : 8);
			frame->header.ack = 77;
			*(i % 2 ? &frame->header.to : &frame->header.from) ^= 1u << i;
			arrive(a, frame);
		}
	}
	expect(a->up && a->got == 0 && a->session.counters.strays == 96,
	       "one of them was taken for the session's");
	world_run(w, 2000 * MS);
	expect(world_joined(w) && a->ups == 1, "the session ended");
}

static void test_old_bye(void)
{
	uint32_t mine, theirs;
	struct frame *frame;

	join();
	mine = b->session.mine;
	theirs = b->session.theirs;
	world_crash(w, 1);
	join();
	frame = own_frame(b, WIRE_BYE, 8);
	frame->header.to = theirs;
	frame->header.from = mine;
	arrive(a, frame);
	expect(a->up && a->ups == 2, "the end of one session ended the next");
}

/* --- a peer that lies -------------------------------------------------------------------------------- */

/* The session ended for this, both sides know it, and another one has to wait. */
static void expect_breach(enum wire_reason reason)
{
	uint64_t got = a->all_got;

	expect(a->ends == 1 && a->reason == reason && !a->by_peer, "it did not end for that");
	world_run(w, 900 * MS);
	expect(b->ends == 1 && b->reason == reason && b->by_peer, "the peer was not told why");
	expect(!a->up && !b->up && a->all_got == got, "another session came at once");
	world_run(w, 600 * MS);
	expect(world_joined(w), "no other session later");
}

static void test_bad_ack(void)
{
	struct frame *frame;

	join();
	expect(world_send(w, 0, 64), "cannot send");
	frame = own_frame(b, WIRE_ACK, 0);
	frame->header.ack = 2;
	arrive(a, frame);
	expect_breach(WIRE_REASON_BAD_ACK);
}

/* What waits for the port cannot have arrived. */
static void test_ack_too_early(void)
{
	struct frame *frame;

	join();
	w->faults.full = 1000;
	expect(world_send(w, 0, 64) && a->full, "the port is not full");
	frame = own_frame(b, WIRE_ACK, 0);
	frame->header.ack = 1;
	arrive(a, frame);
	w->faults.full = 0;
	world_ready(w, 0);
	expect_breach(WIRE_REASON_BAD_ACK);
}

/* A gap that is reported again and again costs one frame. */
static void test_gaps_without_end(void)
{
	struct frame *frame;

	uint64_t before;

	join();
	before = frames();
	frame = own_frame(b, WIRE_ACK, 0);
	frame->header.flags = WIRE_GAP;
	arrive(a, frame);
	expect(frames() == before, "something was sent for a gap behind nothing");
	w->faults.cut[1] = true;
	for (unsigned i = 0; i < 10; i++)
		expect(world_send(w, 0, 64), "cannot send");
	for (unsigned i = 0; i < 100; i++) {
		frame = own_frame(b, WIRE_ACK, 0);
		frame->header.flags = WIRE_GAP;
		arrive(a, frame);
	}
	expect(a->session.counters.resent == 1, "not only the one that is missing was sent again");
}

static void test_other_epoch(void)
{
	struct frame *frame;

	join();
	frame = own_hello(b, a->session.mine, b->session.mine);
	frame->hello.epoch++;
	arrive(a, frame);
	expect_breach(WIRE_REASON_BAD_HELLO);
}

/* A BYE that is none. */
static void test_bad_bye(void)
{
	struct frame *frame;

	join();
	for (unsigned i = 0; i < 3; i++) {
		frame = own_frame(b, WIRE_BYE, i == 0 ? 16 : 8);
		frame->header.flags = i == 1;
		frame->bye.zero = i == 2;
		arrive(a, frame);
	}
	expect(a->up && a->session.counters.strays == 3, "it was taken for one");
}

static void test_overrun(void)
{
	struct frame *frame;

	join();
	frame = own_frame(b, WIRE_DATA, 32);
	frame->header.seq += SESSION_WINDOW / WIRE_HEADER + 1;
	arrive(a, frame);
	expect_breach(WIRE_REASON_OVERRUN);
}

static void test_unknown_type(void)
{
	join();
	arrive(a, own_frame(b, (enum wire_type)9, 0));
	expect_breach(WIRE_REASON_BAD_MESSAGE);
}

static void test_unknown_flag(void)
{
	struct frame *frame;

	join();
	frame = own_frame(b, WIRE_DATA, 8);
	frame->header.flags = 4;
	arrive(a, frame);
	expect_breach(WIRE_REASON_BAD_MESSAGE);
}

static void test_empty_data(void)
{
	join();
	arrive(a, own_frame(b, WIRE_DATA, 0));
	expect_breach(WIRE_REASON_BAD_MESSAGE);
}

static void test_acknowledged_more(void)
{
	join();
	arrive(a, own_frame(b, WIRE_ACK, 8));
	expect_breach(WIRE_REASON_BAD_MESSAGE);
}

/* One session after the other, as fast as can be, is not what this side spends its time with. */
static void test_restless(void)
{
	uint64_t sessions;

	join();
	sessions = a->session.counters.sessions;
	for (uint32_t i = 1; i <= 1000; i++) {
		const struct session *s = &a->session;

		if (s->live && i % 2) {
			struct frame *frame = own_frame(b, WIRE_BYE, 8);

			frame->header.to = s->mine;
			frame->header.from = s->theirs;
			arrive(a, frame);
		}
		arrive(a, own_hello(b, 0, i));
		arrive(a, own_hello(b, s->candidate, i));
		w->packets = 0; /* the true b says nothing */
		world_run(w, MS / 10);
	}
	expect(a->session.counters.sessions - sessions <= 5, "more than one in 30 ms");
	expect(a->session.counters.sessions - sessions >= 2, "there were none");
}

/* Of what the owner finds it is the owner who says so. */
static void test_owner_ends(void)
{
	join();
	world_end(w, 0, WIRE_REASON_BAD_EXPORT);
	expect_breach(WIRE_REASON_BAD_EXPORT);
}

/* HELLOs that say something impossible begin nothing, and what there is goes on. */
static void test_bad_hello(void)
{
	struct frame *frame;

	for (unsigned i = 0; i < 7; i++) {
		uint64_t refused = a->session.counters.refused;

		if (i == 0)
			world_end(w, 0, WIRE_REASON_CLOSED);
		frame = own_hello(b, a->session.candidate, 77);
		switch (i) {
		case 0:
			frame->hello.name[0] = 'c';
			break;
		case 1:
			memset(frame->hello.name, 'b', WIRE_NAME_SIZE);
			break;
		case 2:
			frame->hello.credits.bytes = WIRE_FRAME_MAX - 1;
			break;
		case 3:
			frame->hello.zero = 1;
			break;
		case 4:
			frame->header.from = 0;
			break;
		case 5:
			frame->header.length = 48;
			break;
		case 6:
			frame->header.flags = 2;
			break;
		}
		arrive(a, frame);
		expect(!a->up && a->session.counters.refused == refused + 1, "a false HELLO began a session");
		expect(a->session.last_reason == (i == 0 ? WIRE_REASON_WRONG_NAME : WIRE_REASON_BAD_HELLO),
		       "it was refused for something else");
	}
}

/* … and are not answered by a side that has a session. */
static void test_bad_hello_while_live(void)
{
	struct frame *frame;
	uint64_t before;

	join();
	before = frames();
	frame = own_hello(b, 0, 77);
	frame->hello.name[0] = 'c';
	arrive(a, frame);
	expect(a->up && a->session.counters.refused == 1 && frames() == before && a->session.last_reason == 0,
	       "something came of it");
}

/* The wrong node at the other end: neither side begins, both know why. */
static void test_wrong_name(void)
{
	strcpy(b->session.config.self, "c");
	w->packets = 0; /* what it said before */
	world_run(w, 2000 * MS);
	expect(a->ups == 0 && b->ups == 0, "a session with a node of another name");
	expect(a->session.last_reason == WIRE_REASON_WRONG_NAME &&
		       b->session.last_reason == WIRE_REASON_WRONG_NAME,
	       "it is not known why");
	expect(frames() < 60, "too many frames about it");
	strcpy(b->session.config.self, "b");
	world_run(w, 500 * MS);
	expect(world_joined(w), "no session with the right name");
}

/* The peer takes less than a window. */
static void test_small_credit(void)
{
	unsigned count = 0;

	b->session.config.credits.bytes = WIRE_FRAME_MAX;
	world_crash(w, 0);
	join();
	while (count < 100 && world_send(w, 0, 32))
		count++;
	expect(count == WIRE_FRAME_MAX / 64, "it was sent another number of bytes than it takes");
	world_run(w, 10 * MS);
	expect(world_send(w, 0, WIRE_PAYLOAD_MAX), "no room for the longest message");
	expect(b->got == count, "not everything arrived");
}

/* Memory's worth of nonsense: skipped, and then the session goes on. */
static void test_nonsense(void)
{
	uint8_t bytes[1000];

	join();
	for (unsigned round = 0; round < 300; round++) {
		for (unsigned i = 0; i < sizeof bytes; i++)
			bytes[i] = (uint8_t)(world_chance(w, 500) ? world_random(w, 256)
								  : (i % 2 ? 0x6b : 0x53));
		world_arrive(w, 0, bytes, sizeof bytes);
		world_run(w, MS);
	}
	expect(world_send(w, 1, 64), "cannot send");
	world_run(w, 200 * MS);
	expect(world_joined(w) && a->ups == 1 && a->got == 1, "the session did not go on");
	expect(a->session.counters.skipped >= 299 * sizeof bytes, "not all of it was skipped");
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
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
	{"stale-hello", test_stale_hello},
	{"forged-hello", test_forged_hello},
	{"forged-tags", test_forged_tags},
	{"old-bye", test_old_bye},
	{"bad-ack", test_bad_ack},
	{"ack-too-early", test_ack_too_early},
	{"gaps-without-end", test_gaps_without_end},
	{"other-epoch", test_other_epoch},
	{"bad-bye", test_bad_bye},
	{"overrun", test_overrun},
	{"unknown-type", test_unknown_type},
	{"unknown-flag", test_unknown_flag},
	{"empty-data", test_empty_data},
	{"acknowledged-more", test_acknowledged_more},
	{"restless", test_restless},
	{"owner-ends", test_owner_ends},
	{"bad-hello", test_bad_hello},
	{"bad-hello-while-live", test_bad_hello_while_live},
	{"wrong-name", test_wrong_name},
	{"small-credit", test_small_credit},
	{"nonsense", test_nonsense},
};

int main(void)
{
	bool all_good = true;

	for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++) {
		world_init(w, i);
		tests[i].run();
		printf(w->why[0] ? "not ok session-%s: %s\n" : "ok session-%s\n", tests[i].name, w->why);
		all_good = all_good && !w->why[0];
	}
	return !all_good;
}
