/*
 * Capabilities of a third node: who sends one asks its home for an export to the receiver (GIVE) and names
 * that, with a ticket, in the message; the receiver asks home for it (CLAIM). Home and receiver may not hear
 * each other yet, when one of them has just started, or not any more: they are given some time for that, in
 * which the message waits, and with it what was sent through the same capability. If they do not, it goes
 * without the capability, and so do others at once, until they have heard each other.
 */
#include "srv/bridge/bridge.h"

/* Bits of a home: the receivers that it did not hear in time. */
enum { APART_FROM_US = TABLE_PEERS };
_Static_assert(APART_FROM_US < 8 * sizeof((struct peer *)0)->apart, "a bit for each peer and for us");

/* False: the time is over. */
static bool wait(struct bridge *b, struct operation *operation, unsigned receiver)
{
	struct peer *home = &b->peers[operation->peer];

	if (home->apart >> receiver & 1)
		return false;
	if (!operation->until)
		operation->until = b->now + BRIDGE_HEAR_NS;
	if (b->now >= operation->until) {
		home->apart |= (uint16_t)(1u << receiver);
		return false;
	}
	operation->state = OPERATION_WAITING;
	if (b->retry_at > b->now + BRIDGE_RETRY_NS)
		b->retry_at = b->now + BRIDGE_RETRY_NS;
	return true;
}

static void operation_ready(struct bridge *b, struct operation *operation, struct wire_cap cap)
{
	struct dependent dependent = operation->dependent;

	b->counters.absent += cap.kind == WIRE_ABSENT;
	operation_free(b, operation);
	cap_ready(b, dependent, cap);
}

struct wire_cap third_out(struct bridge *b, unsigned peer, const struct import *import,
			  struct dependent dependent)
{
	unsigned home = import->peer;
	struct operation *give = operation_new(b, home, TABLE_PLACES + home, PURPOSE_GIVE);

	if (!give)
		return (struct wire_cap){.kind = WIRE_ABSENT};
	give->dependent = dependent;
	give->message = (struct wire_message){
		.kind = WIRE_GIVE, .export = import->number, .name = b->peers[peer].session.config.peer};
	operation_submit(b, give, NULL);
	return (struct wire_cap){
		.kind = CAP_PENDING, .object = import->object, .node = b->peers[home].session.config.peer};
}

struct wire_cap third_in(struct bridge *b, unsigned peer, const struct wire_cap *cap,
			 struct dependent dependent)
{
	int home = peer_find(b, cap->node);
	struct operation *claim = NULL;

	if (home != NAMES_NOBODY && (unsigned)home != peer)
		claim = operation_new(b, (unsigned)home, TABLE_PLACES + (unsigned)home, PURPOSE_CLAIM);
	if (!claim) {
		b->counters.absent++;
		return (struct wire_cap){.kind = WIRE_ABSENT};
	}
	claim->dependent = dependent;
	claim->message =
		(struct wire_message){.kind = WIRE_CLAIM, .export = cap->number, .ticket = cap->ticket};
	if (peer_is_up(b, (unsigned)home)) {
		operation_submit(b, claim, NULL);
	} else if (!wait(b, claim, APART_FROM_US)) {
		operation_free(b, claim);
		b->counters.absent++;
		return (struct wire_cap){.kind = WIRE_ABSENT};
	}
	return (struct wire_cap){.kind = CAP_PENDING};
}

/* What comes of a GIVE, unless it is asked for again. */
static void given(struct bridge *b, struct operation *give, const struct wire_message *result)
{
	struct peer *home = &b->peers[give->peer];
	unsigned receiver = (unsigned)peer_find(b, give->message.name);
	struct wire_cap cap = {.kind = WIRE_ABSENT};

	if (result->outcome == OUTCOME_NOT_DELIVERED && wait(b, give, receiver))
		return;
	if (result->outcome == OUTCOME_DONE) {
		home->apart &= (uint16_t) ~(1u << receiver);
		cap = (struct wire_cap){.kind = WIRE_THIRD,
					.object = result->caps[0].object,
					.number = result->caps[0].number,
					.ticket = result->label,
					.node = home->session.config.peer};
	}
	operation_ready(b, give, cap);
}

bool third_result(struct bridge *b, struct operation *operation, const struct wire_message *result)
{
	struct wire_cap cap = {.kind = WIRE_ABSENT};
	bool done = result->outcome == OUTCOME_DONE;

	if (done && (result->cap_count != 1 || result->caps[0].kind != WIRE_MINE)) {
		peer_blame(b, operation->peer, WIRE_REASON_BAD_CAPABILITY);
		return false;
	}
	if (operation->purpose == PURPOSE_GIVE) {
		given(b, operation, result);
		return true;
	}
	if (done) {
		cap = result->caps[0];
		if (!cap_in(b, operation->peer, &cap, operation->dependent))
			return false;
	}
	operation_ready(b, operation, cap);
	return true;
}

void thirds_retry(struct bridge *b)
{
	b->retry_at = UINT64_MAX;
	for (unsigned i = 0; i < b->operations_begun; i++) {
		struct operation *operation = &b->operations[i];
		if (operation->state != OPERATION_WAITING)
			continue;
		if (peer_is_up(b, operation->peer)) {
			operation->next = TABLE_NONE;
			operation_submit(b, operation, NULL);
		} else if (!wait(b, operation, APART_FROM_US)) {
			operation_ready(b, operation, (struct wire_cap){.kind = WIRE_ABSENT});
		}
	}
}

void thirds_heard(struct bridge *b, unsigned peer)
{
	b->peers[peer].apart = 0;
	for (unsigned home = 0; home < b->peer_count; home++)
		b->peers[home].apart &= (uint16_t) ~(1u << peer);
	thirds_retry(b);
}
