/*
 * The bridge's main thread. One round of its loop: wait for a message or an event, do what follows from it,
 * let each session send what it can, set the alarm.
 */
#include "srv/bridge/bridge.h"

#include <string.h>
#include <skerry/object.h>

static inline uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32) + v[3];
	v[2] += v[1];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 of a counter, with the node's nonce as the key: who knows some of the numbers (an epoch,
   tickets) does not know others. */
uint64_t bridge_random(struct bridge *b)
{
	uint64_t words[2] = {b->drawn++, UINT64_C(8) << 56}; /* eight bytes, and how many they are */
	uint64_t v[4] = {b->key ^ 0x736f6d6570736575, 0x646f72616e646f6d, b->key ^ 0x6c7967656e657261,
			 0x7465646279746573};

	for (unsigned i = 0; i < 2; i++) {
		v[3] ^= words[i];
		sip_round(v);
		sip_round(v);
		v[0] ^= words[i];
	}
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* --- events ------------------------------------------------------------------------------------- */

/* Until it is known who this is, any port may turn out to be the control port. */
RARE static void control_find(struct bridge *b)
{
	unsigned ports = b->ports.count(b->ports.context);

	for (unsigned port = 0; port < ports && !b->epoch; port++) {
		const char *name = b->ports.name(b->ports.context, port);
		if (name && strncmp(name, "control.", 8) == 0) {
			b->control_port = port;
			status_input(b, port);
		}
	}
}

static void ports_input(struct bridge *b)
{
	if (b->epoch)
		status_input(b, b->control_port);
	else
		control_find(b);
	for (unsigned i = 0; i < b->peer_count; i++)
		peer_input(b, i);
}

/* Is there something that a CNode_Revoke might end, or that a peer has to answer? */
static bool is_probing(const struct bridge *b)
{
	unsigned count = b->name_count;

	for (unsigned i = 0; i < b->peer_count; i++)
		count += b->exports.count[i] + b->peers[i].outstanding;
	return count != 0;
}

/* What is done from time to time. */
RARE static void clock_tick(struct bridge *b)
{
	b->alarm_at = UINT64_MAX;
	for (unsigned i = 0; i < b->peer_count; i++) {
		if (b->peers[i].release_at <= b->now)
			b->peers[i].untold = true;
		if (session_deadline(&b->peers[i].session) <= b->now) {
			session_tick(&b->peers[i].session, b->now);
			peer_events(b, i, NULL);
		}
	}
	if (b->probe_at <= b->now) {
		exports_probe(b);
		operations_probe(b);
	}
	peers_rested(b);
	if (b->retry_at <= b->now)
		thirds_retry(b);
	if (b->sleep_at <= b->now)
		sleepers_wake(b);
	if (!b->open)
		workers_expire(b);
}

#define WORKERS_DONE ((UINT64_C(1) << BRIDGE_WORKERS) - 1)

static void event(struct bridge *b, seL4_Word badge)
{
	if (badge & (BRIDGE_BADGE_PORTS | BRIDGE_BADGE_CLOCK))
		b->ports.interrupt(b->ports.context, badge);
	if (badge & WORKERS_DONE)
		workers_done(b, badge & WORKERS_DONE);
	if (badge & BRIDGE_BADGE_PORTS)
		ports_input(b);
	if (badge & BRIDGE_BADGE_CLOCK)
		clock_tick(b);
}

/* --- the loop ----------------------------------------------------------------------------------- */

static void alarm_set(struct bridge *b)
{
	uint64_t at = b->open ? b->sleep_at : b->now + BRIDGE_RETURN_NS;

	for (unsigned i = 0; i < b->peer_count; i++) {
		const struct peer *peer = &b->peers[i];
		uint64_t deadline = session_deadline(&peer->session);
		at = deadline < at ? deadline : at;
		at = peer->release_at < at ? peer->release_at : at;
		if (peer->resting && peer->busy_until - BRIDGE_AHEAD_NS < at)
			at = peer->busy_until - BRIDGE_AHEAD_NS;
	}
	if (b->probe_at <= b->now)
		b->probe_at = is_probing(b) ? b->now + BRIDGE_PROBE_NS : UINT64_MAX;
	else if (b->probe_at == UINT64_MAX && is_probing(b))
		b->probe_at = b->now + BRIDGE_PROBE_NS;
	at = b->probe_at < at ? b->probe_at : at;
	at = b->retry_at < at ? b->retry_at : at;
	if (at >= b->alarm_at && b->alarm_at > b->now)
		return; /* what comes early is seen to have come early; what is late, for its clock was set,
			   does not count */
	b->alarm_at = at;
	b->ports.alarm(b->ports.context, b->told + (at > b->now ? at - b->now : 0));
}

/* May more be received from programs without a place to keep it? */
static bool calls_are_open(const struct bridge *b)
{
	if (b->operations_free < BRIDGE_RESERVE)
		return false;
	for (unsigned i = 0; i < b->peer_count; i++) {
		if (b->peers[i].held >= BRIDGE_HELD)
			return false;
	}
	return true;
}

static void settle(struct bridge *b)
{
	for (unsigned i = 0; i < b->peer_count; i++) {
		if (!peer_is_settled(&b->peers[i]))
			peer_settle(b, i);
	}
	if (b->news)
		watchers_signal(b);
	bool open = b->epoch && calls_are_open(b);
	b->counters.closed += b->open && !open; /* not that before the host has said which node this is */
	b->open = open;
	alarm_set(b);
}

/* The first registers and the capabilities of a message are spoiled by the next system call. */
static void arrival_keep(const struct bridge *b, struct arrival *a)
{
	a->words = *(const struct arrival_words *)b->ipc->msg;
	if (seL4_MessageInfo_get_extraCaps(a->info))
		a->caps = *(const struct arrival_caps *)b->ipc->caps_or_badges;
}

/* `now` stands still while the clock is set back; the alarm was for the clock as it was. */
static void clock_read(struct bridge *b)
{
	uint64_t told = b->ports.now(b->ports.context);

	if (told >= b->told)
		b->now += told - b->told;
	else
		b->alarm_at = UINT64_MAX;
	b->told = told;
}

static void next(struct bridge *b)
{
	struct arrival a;

	if (b->answering && b->open) {
		a.info = seL4_ReplyRecv(SLOT_ENDPOINT, b->answer, &a.badge);
	} else {
		if (b->answering)
			seL4_Reply(b->answer);
		a.info = seL4_Recv(b->open ? SLOT_ENDPOINT : SLOT_NOTIFICATION, &a.badge);
	}
	b->answering = false;
	clock_read(b);
	if (a.badge & BRIDGE_BADGE_EVENT) {
		event(b, a.badge);
		return;
	}
	arrival_keep(b, &a);
	if (a.badge & BADGE_RETURN)
		worker_returned(b, &a);
	else if (a.badge >> 32)
		client_message(b, &a);
	else
		control_request(b, &a);
}

void bridge_main(void *bridge)
{
	struct bridge *b = bridge;

	b->ipc = seL4_GetIPCBuffer();
	seL4_SetCapReceivePath(seL4_CapInitThreadCNode, SLOT_RECEIVE, SK_DEPTH);
	exports_init(&b->exports);
	imports_init(&b->imports);
	calls_init(b);
	sleepers_init(b);
	b->alarm_at = b->probe_at = b->retry_at = UINT64_MAX;
	b->ports.start(b->ports.context);
	clock_read(b);
	event(b, BRIDGE_BADGE_EVENT | BRIDGE_BADGE_PORTS);
	for (;;) {
		settle(b);
		next(b);
	}
}
