/* Sessions with peers that lie, and with frames that are old or invented. Run by session.c. */
#include <string.h>

#include "test/cluster/situation.h"

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

const struct situation session_lies[] = {
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
	{NULL, NULL},
};
