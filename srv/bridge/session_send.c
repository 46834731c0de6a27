/*
 * What a session sends: frames in a ring, each from its making to its acknowledgement, so that they are
 * written to the port from where they lie, and again if need be. A frame's acknowledgement and checksum are
 * made when it is written.
 */
#include <string.h>

#include "srv/bridge/session_send.h"

static size_t frame_size(const struct wire_header *frame)
{
	return WIRE_HEADER + frame->length;
}

static struct wire_header *frame_at_cursor(struct session *s)
{
	if (s->wrapped && s->cursor == s->wrap)
		s->cursor = 0;
	return (struct wire_header *)(s->ring + s->cursor);
}

void session_send_reset(struct session *s)
{
	s->next_seq = s->cursor_seq = 1;
	s->acked = s->sent = 0;
	s->gap_seq = NO_GAP;
	s->oldest_wanted = false;
	s->waiting = 0;
	s->resend_at = NEVER;
	s->resend_wait = SESSION_RTO_NS;
	s->timing = false;
	s->round_trip = 0;
	s->sent_at = s->clock;
}

/* A frame that had to be sent again makes it longer, never shorter. */
static void round_trip_begin(struct session *s, uint32_t seq)
{
	if (s->timing)
		return;
	s->timing = true;
	s->timed_seq = seq;
	s->timed_at = s->clock;
}

static void round_trip_end(struct session *s, uint32_t ack)
{
	if (!s->timing || (int32_t)(ack - s->timed_seq) < 0)
		return;
	s->timing = false;
	s->round_trip += ((int64_t)(s->clock - s->timed_at) - (int64_t)s->round_trip) / 4;
}

static uint64_t first_resend_wait(const struct session *s)
{
	uint64_t wait = 2 * s->round_trip;

	if (wait < SESSION_RTO_NS)
		return SESSION_RTO_NS;
	return wait < SESSION_RTO_MAX ? wait : SESSION_RTO_MAX;
}

void session_send_again(struct session *s)
{
	s->cursor = s->head;
	s->cursor_seq = s->acked + 1;
}

/* --- writing ----------------------------------------------------------------------------------------- */

static bool write_frame(struct session *s, struct wire_header *frame)
{
	size_t size = frame_size(frame);

	wire_seal(frame);
	if (!s->config.write(s->config.context, frame, size)) {
		s->counters.blocked++;
		s->blocked = true;
		return false;
	}
	s->counters.frames_out++;
	s->counters.bytes_out += size;
	s->sent_at = s->clock;
	return true;
}

static struct wire_header header(enum wire_type type, size_t length, uint32_t to, uint32_t from)
{
	return (struct wire_header){.magic = WIRE_MAGIC,
				    .version = WIRE_VERSION,
				    .type = (uint8_t)type,
				    .length = (uint32_t)length,
				    .to = to,
				    .from = from};
}

static bool send_bye(struct session *s)
{
	struct {
		struct wire_header header;
		struct wire_bye bye;
	} frame = {header(WIRE_BYE, sizeof s->bye, s->bye_to, s->bye_from), s->bye};

	s->bye_wanted = !write_frame(s, &frame.header);
	return !s->bye_wanted;
}

static bool send_hello(struct session *s, uint32_t to, uint32_t from)
{
	struct {
		struct wire_header header;
		struct wire_hello hello;
	} frame = {header(WIRE_HELLO, sizeof frame.hello, to, from),
		   {.epoch = s->config.epoch, .credits = s->config.credits}};

	memcpy(frame.hello.name, s->config.self, WIRE_NAME_SIZE);
	frame.header.flags = s->live ? WIRE_LIVE : 0;
	return write_frame(s, &frame.header);
}

/* All that is received is acknowledged by this frame. */
static void put_ack(struct session *s, struct wire_header *frame)
{
	frame->ack = s->received;
	frame->flags = s->stashed > 0 && s->gap_told != s->received ? WIRE_GAP : 0;
}

static void ack_is_sent(struct session *s)
{
	if (s->stashed > 0)
		s->gap_told = s->received;
	s->ack_wanted = false;
	s->ack_at = NEVER;
	s->unacked = 0;
}

RARE static bool send_ack(struct session *s)
{
	struct wire_header frame = header(WIRE_ACK, 0, s->theirs, s->mine);

	put_ack(s, &frame);
	if (!write_frame(s, &frame))
		return false;
	ack_is_sent(s);
	return true;
}

/* The oldest frame, again. */
static bool send_oldest(struct session *s)
{
	struct wire_header *frame = (struct wire_header *)(s->ring + s->head);

	put_ack(s, frame);
	if (!write_frame(s, frame))
		return false;
	ack_is_sent(s);
	s->oldest_wanted = false;
	s->counters.resent++;
	return true;
}

/* The frame at the cursor. */
static bool send_data(struct session *s)
{
	struct wire_header *frame = frame_at_cursor(s);

	put_ack(s, frame);
	if (!write_frame(s, frame))
		return false;
	ack_is_sent(s);
	if ((int32_t)(s->cursor_seq - s->sent) > 0) {
		s->sent = s->cursor_seq;
		round_trip_begin(s, s->sent);
	} else {
		s->counters.resent++;
	}
	s->cursor += frame_size(frame);
	s->cursor_seq++;
	if (s->resend_at == NEVER)
		s->resend_at = s->clock + s->resend_wait;
	return true;
}

/* One frame of those that are seldom wanted, the most urgent. False: there is none, or no room. */
RARE static bool send_special(struct session *s)
{
	if (s->bye_wanted)
		return send_bye(s);
	if (s->hello_wanted) {
		s->hello_wanted = !(s->live ? send_hello(s, s->theirs, s->mine)
					    : send_hello(s, s->heard, s->candidate));
		return !s->hello_wanted;
	}
	if (s->challenge_wanted) {
		s->challenge_wanted = !send_hello(s, s->heard, s->candidate);
		return !s->challenge_wanted;
	}
	return s->live && send_oldest(s);
}

/* One frame, the most urgent. False: there is none, or no room. */
static bool send_one(struct session *s)
{
	if (s->bye_wanted || s->hello_wanted || s->challenge_wanted || s->oldest_wanted)
		return send_special(s);
	if (s->live && s->cursor_seq != s->next_seq)
		return send_data(s);
	return s->live && s->ack_wanted && send_ack(s);
}

void session_send(struct session *s)
{
	while (s->linked && !s->blocked && send_one(s))
		;
}

void session_send_late(struct session *s)
{
	if (s->clock >= s->ack_at || s->clock - s->sent_at >= SESSION_PING_NS)
		s->ack_wanted = true;
	if (s->clock < s->resend_at)
		return;
	s->resend_wait = 2 * s->resend_wait < SESSION_RTO_MAX ? 2 * s->resend_wait : SESSION_RTO_MAX;
	s->resend_at = s->clock + s->resend_wait;
	if (!s->blocked) /* what the port has not yet taken is not lost */
		session_send_again(s);
}

/* --- the ring ---------------------------------------------------------------------------------------- */

/* The oldest frame is acknowledged. */
static void drop_oldest(struct session *s)
{
	size_t size = frame_size((struct wire_header *)(s->ring + s->head));

	s->waiting -= size;
	s->head += size;
	s->acked++;
	if (s->wrapped && s->head == s->wrap) {
		s->wrapped = false;
		s->cursor = s->cursor == s->wrap ? 0 : s->cursor;
		s->head = 0;
	}
}

bool session_take_ack(struct session *s, uint32_t ack, bool gap)
{
	int32_t more = (int32_t)(ack - s->acked);

	if (more > (int32_t)(s->sent - s->acked))
		return false;
	if (more < 0)
		return true;
	while (s->acked != ack)
		drop_oldest(s);
	if ((int32_t)(s->cursor_seq - s->acked) <= 0)
		session_send_again(s);
	if (more > 0) {
		s->oldest_wanted = false;
		round_trip_end(s, ack);
		s->resend_wait = first_resend_wait(s);
		s->resend_at = s->acked == s->sent ? NEVER : s->clock + s->resend_wait;
	}
	if (gap && s->gap_seq != ack && s->acked != s->sent) {
		s->gap_seq = ack;
		s->oldest_wanted = true;
	}
	return true;
}

/* Is there room for `size` bytes in one piece? Moves `tail` there. */
static bool make_room(struct session *s, size_t size)
{
	if (s->waiting == 0) {
		s->head = s->tail = s->cursor = 0;
		s->wrapped = false;
	}
	if (s->wrapped)
		return s->head - s->tail >= size;
	if (SESSION_WINDOW - s->tail >= size)
		return true;
	if (s->head < size)
		return false;
	s->wrapped = true;
	s->wrap = s->tail;
	s->tail = 0;
	return true;
}

void *session_reserve(struct session *s, size_t size)
{
	size_t whole = WIRE_HEADER + size;

	if (!session_is_up(s) || s->waiting + whole > s->peer_credits.bytes || !make_room(s, whole))
		return NULL;
	return s->ring + s->tail + WIRE_HEADER;
}

void session_commit(struct session *s, uint64_t now_ns, size_t size)
{
	struct wire_header *frame = (struct wire_header *)(s->ring + s->tail);

	session_tell_time(s, now_ns);
	*frame = header(WIRE_DATA, size, s->theirs, s->mine);
	frame->seq = s->next_seq++;
	s->tail += WIRE_HEADER + size;
	s->waiting += WIRE_HEADER + size;
	s->counters.messages_out++;
	session_send(s);
}
