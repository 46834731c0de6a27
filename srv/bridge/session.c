/*
 * A peer's sessions: how they begin and end, and what arrives (session.h). What is sent is in session_send.c.
 *
 * A session is a pair of tags, one of each side, that no other session has. Each side that has none says
 * HELLO with a tag that it never used before, and with the peer's as last heard. Who hears its own tag said
 * back knows that the HELLO is fresh, and begins. A side that has a session answers a HELLO of another tag by
 * one with a fresh tag of its own, and goes on; only that tag, said back, makes it change. So what is old or
 * invented moves nothing.
 */
#include <string.h>

#include "srv/bridge/session_send.h"

/* --- tags -------------------------------------------------------------------------------------------- */

/* Never 0, and another one each of 2^32 - 1 times: all steps can be undone. */
static uint32_t fresh_tag(struct session *s)
{
	uint32_t tag;

	do {
		tag = ++s->tag_count + (uint32_t)(s->config.secret >> 32);
		tag ^= tag >> 16;
		tag *= 0x85ebca6b;
		tag ^= tag >> 13;
		tag *= 0xc2b2ae35;
		tag ^= tag >> 16;
		tag ^= (uint32_t)s->config.secret;
	} while (tag == 0);
	return tag;
}

/* --- beginning and ending ---------------------------------------------------------------------------- */

static void want_hello_soon(struct session *s)
{
	s->hello_wait = SESSION_RTO_NS;
	s->hello_at = s->clock;
}

/* Ends the session. What the owner never heard of begins and ends without an event. */
static void end(struct session *s, uint32_t reason, bool by_peer)
{
	if (!s->up_untold) {
		s->ended =
			(struct session_event){.kind = SESSION_ENDED, .reason = reason, .by_peer = by_peer};
		s->ended_untold = true;
	}
	s->up_untold = false;
	s->last_reason = reason;
	s->live = false;
	if (s->candidate == 0)
		s->candidate = fresh_tag(s);
	session_send_reset(s);
	want_hello_soon(s);
}

static void say_bye(struct session *s, uint32_t to, uint32_t from, enum wire_reason reason)
{
	s->bye_wanted = true;
	s->bye_to = to;
	s->bye_from = from;
	s->bye = (struct wire_bye){.reason = reason};
}

static void end_and_tell(struct session *s, enum wire_reason reason)
{
	say_bye(s, s->theirs, s->mine, reason);
	end(s, reason, false);
}

/* The peer broke the protocol. */
RARE static void breach(struct session *s, enum wire_reason reason)
{
	end_and_tell(s, reason);
	s->hello_at = s->hold_until = s->clock + SESSION_HOLD_NS;
}

static void begin(struct session *s, const struct wire_header *frame, const struct wire_hello *hello)
{
	if (s->live)
		end(s, WIRE_REASON_RESTARTED, false);
	s->live = s->up_untold = true;
	s->begun_at = s->clock;
	s->mine = s->candidate;
	s->candidate = 0;
	s->theirs = s->heard = frame->from;
	s->peer_epoch = hello->epoch;
	s->peer_credits = hello->credits;
	s->received = 0;
	s->gap_told = NO_GAP;
	s->stashed = 0;
	s->stash_used = 0;
	s->unacked = 0;
	s->ack_at = NEVER;
	s->ack_wanted = s->challenge_wanted = false;
	s->heard_at = s->clock;
	s->hello_wanted = true;
	s->counters.sessions++;
	session_send_reset(s);
}

void session_end(struct session *s, uint64_t now_ns, enum wire_reason reason)
{
	session_tell_time(s, now_ns);
	if (!s->live)
		return;
	if (reason > WIRE_REASON_RESTARTED)
		breach(s, reason);
	else
		end_and_tell(s, reason);
	session_send(s);
}

bool session_is_up(const struct session *s)
{
	return s->live && !s->up_untold;
}

/* --- frames that arrive ------------------------------------------------------------------------------ */

/* A HELLO that cannot begin a session. */
static void refuse(struct session *s, const struct wire_header *frame, enum wire_reason reason)
{
	s->counters.refused++;
	if (s->live)
		return;
	s->last_reason = reason;
	say_bye(s, frame->from, s->candidate, reason);
}

static enum wire_reason hello_fault(const struct session *s, const struct wire_header *frame,
				    const struct wire_hello *hello)
{
	if (frame->length != sizeof *hello || frame->from == 0 || frame->flags & ~(uint32_t)WIRE_LIVE ||
	    hello->zero != 0 || !wire_is_name(hello->name) || hello->credits.bytes < WIRE_FRAME_MAX)
		return WIRE_REASON_BAD_HELLO;
	return memcmp(hello->name, s->config.peer, WIRE_NAME_SIZE) == 0 ? WIRE_REASON_NONE
									: WIRE_REASON_WRONG_NAME;
}

/* A HELLO to a side that has a session. */
static void hello_while_live(struct session *s, const struct wire_header *frame,
			     const struct wire_hello *hello)
{
	bool peer_live = (frame->flags & WIRE_LIVE) != 0;

	if (frame->from == s->theirs) {
		s->hello_wanted |= !peer_live;
		if (frame->to == s->mine && hello->epoch != s->peer_epoch)
			breach(s, WIRE_REASON_BAD_HELLO);
		else if (frame->to == s->mine)
			s->heard_at = s->clock;
	} else if (frame->to == s->candidate && s->candidate != 0) {
		begin(s, frame, hello);
	} else if (!peer_live && s->clock - s->begun_at >= SESSION_REST_NS) {
		s->counters.strays++;
		if (s->candidate == 0)
			s->candidate = fresh_tag(s);
		s->heard = frame->from;
		s->challenge_wanted = true;
	} else {
		s->counters.strays++;
	}
}

RARE static void take_hello(struct session *s, const struct wire_header *frame)
{
	const struct wire_hello *hello = (const void *)(frame + 1);
	enum wire_reason fault = hello_fault(s, frame, hello);

	if (fault != WIRE_REASON_NONE) {
		refuse(s, frame, fault);
	} else if (s->live) {
		hello_while_live(s, frame, hello);
	} else if (s->clock < s->hold_until) {
		s->counters.refused++;
	} else if (frame->to == s->candidate) {
		begin(s, frame, hello);
	} else {
		s->heard = frame->from;
		s->hello_wanted = true;
	}
}

RARE static void take_bye(struct session *s, const struct wire_header *frame)
{
	const struct wire_bye *bye = (const void *)(frame + 1);
	bool is_one = frame->length == sizeof *bye && frame->flags == 0 && bye->zero == 0;

	if (is_one && s->live && frame->to == s->mine && frame->from == s->theirs) {
		end(s, bye->reason, true);
		s->hello_at = s->hold_until = s->clock + SESSION_REST_NS;
	} else if (is_one && !s->live && frame->to == s->candidate) {
		s->last_reason = bye->reason;
		s->hello_wait = SESSION_RTO_MAX;
	} else {
		s->counters.strays++;
	}
}

/* A message that came too early, if there is room for it. */
static void stash_put(struct session *s, const struct wire_header *frame)
{
	for (unsigned i = 0; i < s->stashed; i++) {
		if (s->early[i].seq != frame->seq)
			continue;
		s->counters.duplicates++;
		return;
	}
	if (s->stashed == SESSION_STASH || frame->length > sizeof s->stash - s->stash_used)
		return;
	s->early[s->stashed].seq = frame->seq;
	s->early[s->stashed].at = (uint32_t)s->stash_used;
	s->early[s->stashed].size = frame->length;
	s->stashed++;
	memcpy(s->stash + s->stash_used, frame + 1, frame->length);
	s->stash_used += frame->length;
}

/* A DATA frame that is not the next one. */
RARE static void take_out_of_order(struct session *s, const struct wire_header *frame, int32_t ahead)
{
	s->ack_wanted = true;
	if (ahead < 0) {
		s->counters.duplicates++;
	} else if ((uint32_t)ahead > s->config.credits.bytes / WIRE_HEADER) {
		breach(s, WIRE_REASON_OVERRUN);
	} else {
		s->counters.gaps++;
		stash_put(s, frame);
	}
}

/* The next message. */
static struct session_event message_event(struct session *s, const void *message, size_t size)
{
	s->received++;
	s->counters.messages_in++;
	s->unacked += size;
	if (s->unacked >= SESSION_WINDOW / 4)
		s->ack_wanted = true;
	else if (s->ack_at == NEVER)
		s->ack_at = s->clock + SESSION_ACK_NS;
	return (struct session_event){.kind = SESSION_MESSAGE, .message = message, .size = size};
}

/* Is the next message one of those that came too early? Room is made when none is left. */
RARE static bool stash_take(struct session *s, struct session_event *event)
{
	for (unsigned i = 0; i < s->stashed; i++) {
		if (s->early[i].seq != s->received + 1)
			continue;
		*event = message_event(s, s->stash + s->early[i].at, s->early[i].size);
		s->early[i] = s->early[--s->stashed];
		if (s->stashed == 0)
			s->stash_used = 0;
		return true;
	}
	return false;
}

/* A frame of this session. True: a message, in `*event`. */
static bool take_own(struct session *s, const struct wire_header *frame, struct session_event *event)
{
	int32_t ahead = (int32_t)(frame->seq - s->received - 1);

	s->heard_at = s->clock;
	if (frame->flags & ~(uint32_t)WIRE_GAP || (frame->type == WIRE_ACK) != (frame->length == 0)) {
		breach(s, WIRE_REASON_BAD_MESSAGE);
		return false;
	}
	if (!session_take_ack(s, frame->ack, frame->flags & WIRE_GAP)) {
		breach(s, WIRE_REASON_BAD_ACK);
		return false;
	}
	if (frame->type == WIRE_ACK)
		return false;
	if (ahead != 0) {
		take_out_of_order(s, frame, ahead);
		return false;
	}
	*event = message_event(s, frame + 1, frame->length);
	return true;
}

static bool take_frame(struct session *s, const struct wire_header *frame, struct session_event *event)
{
	s->counters.frames_in++;
	if (frame->type == WIRE_HELLO)
		take_hello(s, frame);
	else if (frame->type == WIRE_BYE)
		take_bye(s, frame);
	else if (s->live && frame->to == s->mine && frame->from == s->theirs)
		return frame->type == WIRE_DATA || frame->type == WIRE_ACK
			       ? take_own(s, frame, event)
			       : (breach(s, WIRE_REASON_BAD_MESSAGE), false);
	else
		s->counters.strays++;
	return false;
}

/* --- bytes that arrive ------------------------------------------------------------------------------- */

/* Drops the first `count` bytes of `partial`. */
static void partial_drop(struct session *s, size_t count)
{
	s->partial_size -= count;
	memmove(s->partial, s->partial + count, s->partial_size);
	s->partial_at = s->clock;
}

/* Drops the first byte and all up to the next that a frame may begin with. */
static void partial_skip(struct session *s)
{
	const uint8_t *next = memchr(s->partial + 1, WIRE_MAGIC & 0xff, s->partial_size - 1);
	size_t count = next ? (size_t)(next - s->partial) : s->partial_size;

	s->counters.skipped += count;
	partial_drop(s, count);
}

/* Moves up to `count` bytes of the input to `partial`. */
static void partial_add(struct session *s, struct session_input *input, size_t count)
{
	if (count > input->left)
		count = input->left;
	if (s->partial_size == 0)
		s->partial_at = s->clock;
	memcpy(s->partial + s->partial_size, input->at, count);
	s->partial_size += count;
	input->at += count;
	input->left -= count;
}

static size_t frame_size(const struct wire_header *frame)
{
	return WIRE_HEADER + frame->length;
}

/* The next frame of what `partial` and then the input hold. */
RARE static const struct wire_header *partial_frame(struct session *s, struct session_input *input)
{
	const struct wire_header *frame = (const void *)s->partial;

	for (;;) {
		enum wire_look look = wire_look(s->partial, s->partial_size);

		if (look == WIRE_WHOLE) {
			s->partial_taken = frame_size(frame);
			return frame;
		}
		if (look == WIRE_SHORT && input->left == 0)
			return NULL;
		if (look == WIRE_BAD || (s->partial_size > 0 && s->clock - s->partial_at > SESSION_STALE_NS))
			partial_skip(s);
		else if (s->partial_size < WIRE_HEADER)
			partial_add(s, input, WIRE_HEADER - s->partial_size);
		else
			partial_add(s, input, frame_size(frame) - s->partial_size);
	}
}

/* The next frame, where it lies: in the input if it is there whole and aligned, else in `partial`; valid
   until the next call. NULL: the input is used up. */
static const struct wire_header *next_frame(struct session *s, struct session_input *input)
{
	if (s->partial_taken != 0) {
		partial_drop(s, s->partial_taken);
		s->partial_taken = 0;
	}
	if (s->partial_size == 0 && (uintptr_t)input->at % 8 == 0 &&
	    wire_look(input->at, input->left) == WIRE_WHOLE) {
		const struct wire_header *frame = (const void *)input->at;

		input->at += frame_size(frame);
		input->left -= frame_size(frame);
		return frame;
	}
	return partial_frame(s, input);
}

/* An event of what happened before: false, there is none. */
RARE static bool next_untold(struct session *s, struct session_event *event)
{
	if (s->ended_untold) {
		s->ended_untold = false;
		*event = s->ended;
	} else if (s->up_untold) {
		s->up_untold = false;
		*event = (struct session_event){.kind = SESSION_UP};
	} else {
		return s->live && stash_take(s, event);
	}
	return true;
}

static bool has_untold(const struct session *s)
{
	return s->ended_untold || s->up_untold || s->stashed > 0;
}

/* Of what happened before, then of the frames that have come. */
static __attribute__((noinline)) bool next_event(struct session *s, struct session_input *input,
						 struct session_event *event)
{
	const struct wire_header *frame;

	do {
		if (has_untold(s) && next_untold(s, event))
			return true;
		frame = input ? next_frame(s, input) : NULL;
		if (!frame)
			return false;
	} while (!take_frame(s, frame, event));
	return true;
}

bool session_next(struct session *s, uint64_t now_ns, struct session_input *input,
		  struct session_event *event)
{
	bool over = (!input || (input->left == 0 && s->partial_size == 0)) && !has_untold(s);

	session_tell_time(s, now_ns);
	if (!over && next_event(s, input, event))
		return true;
	session_send(s);
	return false;
}

/* --- the port and the clock -------------------------------------------------------------------------- */

void session_init(struct session *s, const struct session_config *config, uint64_t now_ns)
{
	memset(s, 0, offsetof(struct session, partial));
	s->config = *config;
	s->told_ns = now_ns;
	s->candidate = fresh_tag(s);
	session_send_reset(s);
	want_hello_soon(s);
}

void session_link(struct session *s, uint64_t now_ns, bool open)
{
	session_tell_time(s, now_ns);
	s->linked = open;
	s->blocked = false;
	s->partial_size = s->partial_taken = 0;
	if (!open)
		return;
	if (s->live) {
		session_send_again(s);
		s->ack_wanted = true;
	} else if (s->clock >= s->hold_until) {
		want_hello_soon(s);
	}
	session_tick(s, now_ns);
}

void session_ready(struct session *s, uint64_t now_ns)
{
	session_tick(s, now_ns);
	s->blocked = false;
	session_send(s);
}

void session_tick(struct session *s, uint64_t now_ns)
{
	session_tell_time(s, now_ns);
	if (s->live && s->clock - s->heard_at >= SESSION_LEASE_NS)
		end_and_tell(s, WIRE_REASON_SILENCE);
	if (s->live) {
		session_send_late(s);
	} else if (s->linked && s->clock >= s->hello_at) {
		s->hello_wanted = true;
		s->hello_at = s->clock + s->hello_wait;
		s->hello_wait = 2 * s->hello_wait < SESSION_RTO_MAX ? 2 * s->hello_wait : SESSION_RTO_MAX;
	}
	session_send(s);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t session_deadline(const struct session *s)
{
	uint64_t at = s->live ? s->heard_at + SESSION_LEASE_NS : NEVER;

	if (s->linked && !s->blocked && s->live)
		at = earlier(at, earlier(s->sent_at + SESSION_PING_NS, earlier(s->ack_at, s->resend_at)));
	else if (s->linked && !s->blocked)
		at = earlier(at, s->hello_at);
	if (at == NEVER)
		return NEVER;
	return s->told_ns + (at > s->clock ? at - s->clock : 0);
}
