/*
 * Peers: the session with each, what is told to it beside operations and results, and what happens when a
 * session begins and ends. What cannot be told for want of room is told when there is some: `untold`.
 */
#include "srv/bridge/bridge.h"

#include <string.h>
#include <skerry/object.h>

#define LINK_PREFIX    "link."
#define CONTROL_PREFIX "control."

int peer_find(const struct bridge *b, const char *name)
{
	for (unsigned i = 0; i < b->peer_count; i++) {
		if (strncmp(b->names.node[i], name, WIRE_NAME_SIZE) == 0)
			return (int)i;
	}
	return NAMES_NOBODY;
}

/* --- sending ------------------------------------------------------------------------------------ */

static bool frame_write(void *context, const void *frame, size_t size)
{
	const struct peer *peer = context;
	const struct bridge_ports *ports = &peer->bridge->ports;

	return ports->send(ports->context, peer->port, frame, size);
}

bool peer_send(struct bridge *b, unsigned index, const struct wire_message *message)
{
	struct session *session = &b->peers[index].session;
	size_t size = wire_message_size(message);
	void *payload = session_reserve(session, size);

	if (!payload)
		return false;
	wire_encode(message, payload);
	session_commit(session, b->now, size);
	return true;
}

void peer_blame(struct bridge *b, unsigned index, enum wire_reason reason)
{
	session_end(&b->peers[index].session, b->now, reason);
}

/* --- announcements ------------------------------------------------------------------------------ */

static bool exports_tell(struct bridge *b, struct peer *peer)
{
	while (peer->revoked != TABLE_NONE) {
		struct export *export = &b->exports.places[peer->revoked];
		uint16_t next = export->next;
		struct wire_message message = {.kind = WIRE_REVOKED,
					       .export = export_number(&b->exports, export)};
		if (!peer_send(b, peer_index(b, peer), &message))
			return false;
		export_remove(&b->exports, export);
		peer->revoked = next;
	}
	return true;
}

/* Many by one message. The place of an ended import is kept until all that was sent through it has its
 * result. */
RARE static bool imports_tell(struct bridge *b, struct peer *peer)
{
	uint64_t words[WIRE_WORDS];
	struct wire_message message;
	uint16_t *link = &peer->ended;

	peer->release_at = UINT64_MAX;
	wire_message_init(&message, WIRE_RELEASE);
	message.words = words;
	while (*link != TABLE_NONE) {
		message.word_count = WIRE_WORDS;
		if (!session_reserve(&peer->session, wire_message_size(&message)))
			return false;
		message.word_count = 0;
		while (*link != TABLE_NONE && message.word_count < WIRE_WORDS) {
			struct import *import = &b->imports.places[*link];
			if (b->queues[*link].outstanding) {
				link = &import->next;
				continue;
			}
			if (import->references)
				words[message.word_count++] =
					(uint64_t)import->number << 32 | import->references;
			*link = import->next;
			import_remove(&b->imports, import);
		}
		if (message.word_count)
			peer_send(b, peer_index(b, peer), &message); /* there is room for a longer one */
	}
	return true;
}

/* Those of the untold that are claimed, or that are not any more. */
static bool names_part_tell(struct bridge *b, struct peer *peer, bool claimed)
{
	for (uint64_t left = peer->untold_names; left; left &= left - 1) {
		unsigned place = (unsigned)__builtin_ctzll(left);
		const struct claim *claim = &b->names.claims[NAMES_SELF][place];
		if ((claim->stamp != 0) != claimed)
			continue;
		struct wire_message message = {.kind = claim->stamp ? WIRE_NAMED : WIRE_UNNAMED,
					       .stamp = claim->stamp,
					       .name = claim->name};
		if (!peer_send(b, peer_index(b, peer), &message))
			return false;
		peer->untold_names &= ~(UINT64_C(1) << place);
	}
	return true;
}

/* A name may have gone from one place to another, and all places may be in use: the ends come first. */
RARE static bool own_names_tell(struct bridge *b, struct peer *peer)
{
	return names_part_tell(b, peer, false) && names_part_tell(b, peer, true);
}

/* A place whose name somebody has not heard the last of is not used for another. */
static void names_settle(struct bridge *b)
{
	b->names.busy = 0;
	for (unsigned i = 0; i < b->peer_count; i++)
		b->names.busy |= b->peers[i].untold_names;
}

void names_tell(struct bridge *b, int place)
{
	for (unsigned i = 0; i < b->peer_count; i++) {
		struct peer *peer = &b->peers[i];
		if (!peer->number)
			continue;
		peer->untold_names |= UINT64_C(1) << place;
		peer->untold = true;
	}
	names_settle(b);
}

/* --- what peers announce -------------------------------------------------------------------------- */

/* False: the peer lies. */
static bool released(struct bridge *b, unsigned peer, uint32_t number, uint32_t count)
{
	struct export *export;
	enum table_look look = export_look(&b->exports, peer, number, &export);

	if (look == TABLE_NEVER || count == 0 ||
	    (look == TABLE_LIVE && !export->revoked && count > export->references)) {
		peer_blame(b, peer, look == TABLE_NEVER ? WIRE_REASON_BAD_EXPORT : WIRE_REASON_BAD_COUNT);
		return false;
	}
	if (look != TABLE_LIVE || export->revoked)
		return true;
	if (count == export->references)
		export_delete(b, export);
	else
		export->references -= count;
	return true;
}

RARE static void release_in(struct bridge *b, unsigned peer, const struct wire_message *message)
{
	if (message->label || message->cap_count || !message->word_count) {
		peer_blame(b, peer, WIRE_REASON_BAD_MESSAGE);
		return;
	}
	for (unsigned i = 0; i < message->word_count; i++)
		if (!released(b, peer, (uint32_t)(message->words[i] >> 32), (uint32_t)message->words[i]))
			return;
}

RARE static void revoked(struct bridge *b, unsigned peer, const struct wire_message *message)
{
	struct import *import = import_find(&b->imports, peer, message->export);

	if (!import)
		return; /* our release of it is under way */
	import_drop(b, import);
	import->references = 0;
	operations_revoke(b, import_place(&b->imports, import));
}

RARE static void named(struct bridge *b, unsigned peer, const struct wire_message *message)
{
	int place;

	switch (names_heard(&b->names, peer, message->name, message->stamp, &place)) {
	case NAMES_LOST:
		name_give_up(b, place);
		break;
	case NAMES_FULL:
	case NAMES_ABSURD:
		peer_blame(b, peer, WIRE_REASON_BAD_NAME);
		break;
	default:
		break;
	}
	b->news = true;
}

static void message_in(struct bridge *b, unsigned peer, const void *payload, size_t size)
{
	struct wire_message message;

	if (!wire_decode(payload, size, &message)) {
		peer_blame(b, peer, WIRE_REASON_BAD_MESSAGE);
		return;
	}
	b->peers[peer].announced += message.kind > WIRE_RESULT;
	switch (message.kind) {
	case WIRE_RESULT:
		result_in(b, peer, &message);
		break;
	case WIRE_RELEASE:
		release_in(b, peer, &message);
		break;
	case WIRE_REVOKED:
		revoked(b, peer, &message);
		break;
	case WIRE_NAMED:
		named(b, peer, &message);
		break;
	case WIRE_UNNAMED:
		b->news |= names_unheard(&b->names, peer, message.name);
		break;
	default:
		request_in(b, peer, &message);
	}
}

/* --- sessions --------------------------------------------------------------------------------------- */

RARE static void peer_up(struct bridge *b, unsigned index)
{
	struct peer *peer = &b->peers[index];
	const struct wire_credits *credits = &peer->session.peer_credits;

	if (credits->operations == 0 || b->sessions == BRIDGE_SESSIONS) {
		peer_blame(b, index, WIRE_REASON_CREDIT);
		return;
	}
	peer->number = ++b->sessions;
	peer->first = peer->ended = peer->revoked = TABLE_NONE;
	b->exports.limit[index] =
		(uint16_t)(credits->exports < b->export_share ? credits->exports : b->export_share);
	for (int place = 0; place < NAMES_EACH; place++) {
		if (b->names.claims[NAMES_SELF][place].stamp)
			peer->untold_names |= UINT64_C(1) << place;
	}
	names_settle(b);
	peer->untold = true;
	b->news = true;
	thirds_heard(b, index);
}

static void imports_end(struct bridge *b, unsigned peer)
{
	for (unsigned i = 0; i < TABLE_PLACES && b->imports.count[peer]; i++) {
		struct import *import = &b->imports.places[i];
		if (!import->number || import->peer != peer)
			continue;
		if (!import->ended)
			import_drop(b, import);
		import_remove(&b->imports, import);
	}
}

static void exports_end(struct bridge *b, unsigned peer)
{
	for (unsigned i = 0; i < TABLE_PLACES && b->exports.count[peer]; i++) {
		struct export *export = &b->exports.places[i];
		if (export->references && export->peer == peer)
			export_delete(b, export);
	}
	for (int place = 0; place < NAMES_EACH; place++)
		b->name_export[place][peer] = 0;
}

RARE static void peer_down(struct bridge *b, unsigned index)
{
	struct peer *peer = &b->peers[index];

	if (!peer->number)
		return;
	peer->number = 0;
	operations_end(b, index);
	workers_end(b, index);
	imports_end(b, index);
	exports_end(b, index);
	peer->ended = peer->revoked = TABLE_NONE;
	peer->release_at = UINT64_MAX;
	names_forget(&b->names, index);
	peer->untold_names = 0;
	names_settle(b);
	peer->untold = false;
	b->news = true;
}

void peer_events(struct bridge *b, unsigned index, struct session_input *input)
{
	struct session_event event;

	while (session_next(&b->peers[index].session, b->now, input, &event)) {
		if (event.kind == SESSION_UP)
			peer_up(b, index);
		else if (event.kind == SESSION_ENDED)
			peer_down(b, index);
		else
			message_in(b, index, event.message, event.size);
	}
}

/*
 * Credit bounds how much a peer has us do, but for announcements, frames without a message, and what is no
 * frame: these take of the peer's time, so that others have theirs, and programs of this node run.
 */
static bool is_ahead(const struct bridge *b, struct peer *peer)
{
	const struct session_counters *counters = &peer->session.counters;
	uint64_t frames = counters->frames_in - counters->messages_in + peer->announced;

	if (frames != peer->frames || counters->skipped != peer->skipped) {
		if (peer->busy_until < b->now)
			peer->busy_until = b->now;
		peer->busy_until += (frames - peer->frames) * BRIDGE_FRAME_NS +
				    (counters->skipped - peer->skipped) * BRIDGE_BYTE_NS;
		peer->frames = frames;
		peer->skipped = counters->skipped;
	}
	return peer->busy_until > b->now + BRIDGE_AHEAD_NS;
}

void peers_rested(struct bridge *b)
{
	for (unsigned i = 0; i < b->peer_count; i++) {
		if (b->peers[i].resting)
			peer_input(b, i);
	}
}

RARE static void peer_opened(struct bridge *b, struct peer *peer, unsigned opened)
{
	if (peer->opened)
		session_link(&peer->session, b->now, false);
	if (opened)
		session_link(&peer->session, b->now, true);
	peer->opened = opened;
}

void peer_input(struct bridge *b, unsigned index)
{
	struct peer *peer = &b->peers[index];
	unsigned opened = b->ports.opened(b->ports.context, peer->port);
	struct session_input input;
	size_t got;

	if (opened != peer->opened)
		peer_opened(b, peer, opened);
	if (peer->session.blocked)
		session_ready(&peer->session, b->now);
	do {
		peer->resting = is_ahead(b, peer);
		if (peer->resting)
			return;
		got = b->ports.receive(b->ports.context, peer->port, b->input, sizeof b->input);
		input = (struct session_input){b->input, got};
		if (got)
			peer_events(b, index, &input);
	} while (got == sizeof b->input);
}

void peer_settle(struct bridge *b, unsigned index)
{
	struct peer *peer = &b->peers[index];

	if (peer->session.up_untold || peer->session.ended_untold)
		peer_events(b, index, NULL);
	if (!peer->number)
		return;
	if (peer->first != TABLE_NONE)
		queues_run(b, index);
	if (!peer->untold)
		return;
	/* Results may tell of exports that have been revoked since. */
	peer->untold = !(own_names_tell(b, peer) && workers_tell(b, index) && exports_tell(b, peer) &&
			 imports_tell(b, peer));
	names_settle(b);
}

/* --- the beginning ------------------------------------------------------------------------------------ */

static void peer_add(struct bridge *b, unsigned port, const char *self, const char *name)
{
	struct peer *peer = &b->peers[b->peer_count];
	/* One that ended here is counted until its peer has heard of it, even if that sends it once more. */
	uint32_t exports = b->export_share - b->export_share / 16;
	struct session_config config = {
		.write = frame_write,
		.context = peer,
		.epoch = b->epoch,
		.secret = bridge_random(b),
		.credits = {.operations = b->worker_share, .bytes = SESSION_WINDOW, .exports = exports}};

	strncpy(config.self, self, sizeof config.self - 1);
	strncpy(config.peer, name, sizeof config.peer - 1);
	strncpy(b->names.node[b->peer_count], name, NAMES_BYTES - 1);
	peer->bridge = b;
	peer->port = port;
	peer->first = peer->ended = peer->revoked = TABLE_NONE;
	peer->release_at = UINT64_MAX;
	session_init(&peer->session, &config, b->now);
	b->peer_count++;
}

/* The name of the port behind the prefix, or null. */
static const char *port_name(struct bridge *b, unsigned port, const char *prefix)
{
	const char *name = b->ports.name(b->ports.context, port);

	return name && strncmp(name, prefix, strlen(prefix)) == 0 ? name + strlen(prefix) : NULL;
}

void peers_boot(struct bridge *b)
{
	unsigned ports = b->ports.count(b->ports.context), links = 0;
	const char *self = "", *name;

	for (unsigned port = 0; port < ports; port++) {
		links += port_name(b, port, LINK_PREFIX) != NULL;
		if ((name = port_name(b, port, CONTROL_PREFIX)))
			self = name;
	}
	links = links < TABLE_PEERS ? links : TABLE_PEERS;
	strncpy(b->names.node[NAMES_SELF], self, NAMES_BYTES - 1);
	if (!links)
		return;
	b->worker_share = b->worker_count / links;
	b->export_share = TABLE_PLACES / links;
	for (unsigned port = 0; port < ports && b->peer_count < links; port++) {
		if ((name = port_name(b, port, LINK_PREFIX)))
			peer_add(b, port, self, name);
	}
	for (unsigned i = 0; i < b->peer_count; i++)
		peer_input(b, i);
}
