/* Requests of this node's programs, by control capabilities: see lib/skerry/cluster_control.h. */
#include "srv/bridge/bridge.h"

#include <string.h>
#include <skerry/cluster_control.h>
#include <skerry/object.h>

/* --- watchers ----------------------------------------------------------------------------------- */

void watchers_signal(struct bridge *b)
{
	for (uint64_t left = b->watchers; left; left &= left - 1)
		seL4_Signal(SLOT_WATCHER + (unsigned)__builtin_ctzll(left));
	b->news = false;
}

static enum cluster_error watch(struct bridge *b)
{
	for (unsigned i = 0; i < BRIDGE_WATCHERS; i++) {
		if (b->watchers >> i & 1 && slot_is_used(SLOT_WATCHER + i))
			continue;
		if (object_of(SLOT_RECEIVE) != WIRE_NOTIFICATION)
			return CLUSTER_INVALID;
		slot_move(SLOT_WATCHER + i, SLOT_RECEIVE);
		b->watchers |= UINT64_C(1) << i;
		return CLUSTER_OK;
	}
	return CLUSTER_FULL;
}

/* --- sleepers ----------------------------------------------------------------------------------- */

void sleepers_init(struct bridge *b)
{
	for (unsigned i = 0; i < BRIDGE_SLEEPERS; i++)
		b->sleepers[i].until = UINT64_MAX;
	b->sleep_at = UINT64_MAX;
}

/* Null: there are as many as there can be. */
static struct sleeper *sleeper_new(struct bridge *b)
{
	for (unsigned i = 0; i < BRIDGE_SLEEPERS; i++) {
		if (b->sleepers[i].until == UINT64_MAX)
			return &b->sleepers[i];
	}
	return NULL;
}

/* Of a thread that was deleted the kernel tells nobody; its reply capability is gone. */
static void sleepers_forget(struct bridge *b)
{
	for (unsigned i = 0; i < BRIDGE_SLEEPERS; i++) {
		struct sleeper *sleeper = &b->sleepers[i];
		if (sleeper->until == UINT64_MAX || slot_is_used(SLOT_REPLY + sleeper->reply))
			continue;
		sleeper->until = UINT64_MAX;
		reply_free(b, sleeper->reply);
	}
}

static void sleep(struct bridge *b, uint16_t reply, uint64_t ns)
{
	struct sleeper *sleeper = sleeper_new(b);

	if (!sleeper) {
		sleepers_forget(b);
		sleeper = sleeper_new(b);
	}
	if (!sleeper) {
		reply_label(b, reply, CLUSTER_FULL);
		return;
	}
	sleeper->until = ns < UINT64_MAX - 1 - b->now ? b->now + ns : UINT64_MAX - 1;
	sleeper->reply = reply;
	b->sleep_at = sleeper->until < b->sleep_at ? sleeper->until : b->sleep_at;
}

void sleepers_wake(struct bridge *b)
{
	b->sleep_at = UINT64_MAX;
	for (unsigned i = 0; i < BRIDGE_SLEEPERS; i++) {
		struct sleeper *sleeper = &b->sleepers[i];
		if (sleeper->until <= b->now) {
			sleeper->until = UINT64_MAX;
			reply_label(b, sleeper->reply, CLUSTER_OK);
		}
		b->sleep_at = sleeper->until < b->sleep_at ? sleeper->until : b->sleep_at;
	}
}

/* --- names -------------------------------------------------------------------------------------- */

void name_give_up(struct bridge *b, int place)
{
	names_withdraw(&b->names, place);
	b->name_count--;
	slot_delete(SLOT_NAME + (unsigned)place);
	memset(b->name_export[place], 0, sizeof b->name_export[place]);
	names_tell(b, place);
	b->news = true;
}

static enum cluster_error publish(struct bridge *b, const char *name)
{
	unsigned object = object_of(SLOT_RECEIVE);
	int place;

	if (!object)
		return CLUSTER_INVALID;
	switch (names_publish(&b->names, name, &place)) {
	case NAMES_OK:
		break;
	case NAMES_EXISTS:
		return CLUSTER_EXISTS;
	default:
		return CLUSTER_FULL;
	}
	slot_move(SLOT_NAME + (unsigned)place, SLOT_RECEIVE);
	b->name_object[place] = (uint8_t)object;
	b->name_count++;
	names_tell(b, place);
	b->news = true;
	return CLUSTER_OK;
}

static enum cluster_error withdraw(struct bridge *b, const char *name)
{
	int place = names_place(&b->names, NAMES_SELF, name);

	if (place == NAMES_NOBODY)
		return CLUSTER_NOT_FOUND;
	name_give_up(b, place);
	return CLUSTER_OK;
}

static void give(struct bridge *b, uint16_t reply, unsigned slot)
{
	seL4_SetCap(0, slot);
	seL4_Send(SLOT_REPLY + reply, seL4_MessageInfo_new(CLUSTER_OK, 0, 1, 0));
	reply_free(b, reply);
}

/* Of a name on another node, the answer comes with that node's. */
static void lookup(struct bridge *b, uint16_t reply, const char *name)
{
	int node = names_winner(&b->names, name);
	struct operation *open;

	if (node == NAMES_NOBODY) {
		reply_label(b, reply, CLUSTER_NOT_FOUND);
		return;
	}
	if (node == NAMES_SELF) {
		give(b, reply, SLOT_NAME + (unsigned)names_place(&b->names, NAMES_SELF, name));
		return;
	}
	open = operation_new(b, (unsigned)node, TABLE_PLACES + (unsigned)node, PURPOSE_LOOKUP);
	if (!open) {
		reply_label(b, reply, CLUSTER_FULL);
		return;
	}
	open->reply = reply;
	open->message = (struct wire_message){.kind = WIRE_OPEN, .name = name};
	operation_submit(b, open, NULL);
}

bool lookup_result(struct bridge *b, struct operation *operation, const struct wire_message *result)
{
	struct dependent nobody = {.index = TABLE_NONE};
	seL4_Word slots[WIRE_CAPS];

	if (result->outcome != OUTCOME_DONE) {
		reply_label(b, operation->reply, CLUSTER_NOT_FOUND);
		return true;
	}
	struct wire_cap cap = result->caps[0];
	if (result->cap_count != 1 || cap.kind != WIRE_MINE) {
		peer_blame(b, operation->peer, WIRE_REASON_BAD_CAPABILITY);
		return false;
	}
	if (!cap_in(b, operation->peer, &cap, nobody))
		return false;
	if (caps_answer(b, operation->peer, operation->reply, &cap, 1, slots))
		give(b, operation->reply, (unsigned)slots[0]);
	else if (operation->reply != TABLE_NONE)
		reply_free(b, operation->reply);
	return true;
}

/* --- capabilities ------------------------------------------------------------------------------- */

static seL4_Word release(struct bridge *b, const struct arrival *a)
{
	unsigned peer;
	struct import *import = seL4_MessageInfo_get_capsUnwrapped(a->info) & 1
					? import_of_badge(b, a->caps.badge[0], &peer)
					: NULL;

	if (!import || !import->given)
		return CLUSTER_INVALID;
	if (--import->given == 0) {
		import->released = true;
		import_settle(b, import);
	}
	return import->ended ? CLUSTER_ALL_GONE : CLUSTER_OK;
}

/* --- answers with words --------------------------------------------------------------------------- */

static seL4_Word *put_member(seL4_Word *words, const char *name, uint64_t epoch, seL4_Word flags)
{
	memcpy(words, name, CLUSTER_NAME_BYTES);
	words[CLUSTER_NAME_WORDS] = epoch;
	words[CLUSTER_NAME_WORDS + 1] = flags;
	return words + CLUSTER_MEMBER_WORDS;
}

static size_t members(const struct bridge *b)
{
	seL4_Word *words = put_member(b->ipc->msg, b->names.node[NAMES_SELF], b->epoch,
				      CLUSTER_MEMBER_HERE | CLUSTER_MEMBER_UP);

	for (unsigned i = 0; i < b->peer_count; i++)
		words = put_member(words, b->names.node[i], b->peers[i].session.peer_epoch,
				   peer_is_up(b, i) ? CLUSTER_MEMBER_UP : 0);
	return (size_t)(words - b->ipc->msg);
}

void counts_get(const struct bridge *b, struct cluster_counts *counts)
{
	*counts = (struct cluster_counts){.replies = b->replies_used};
	for (unsigned i = 0; i < b->peer_count; i++) {
		counts->exports += b->exports.count[i];
		counts->imports += b->imports.count[i];
		counts->messages_held += b->peers[i].held;
		counts->workers_busy += b->peers[i].serving;
	}
	for (unsigned i = 0; i < TABLE_PLACES; i++)
		counts->references += b->exports.places[i].references +
				      (b->imports.places[i].number ? b->imports.places[i].references : 0);
	counts->calls_held = BRIDGE_OPERATIONS - b->operations_free;
	counts->slots = counts->exports + counts->imports + counts->replies + b->name_count;
}

static size_t count(const struct bridge *b)
{
	struct cluster_counts counts;

	counts_get(b, &counts);
	memcpy(b->ipc->msg, &counts, sizeof counts);
	return sizeof counts / sizeof(seL4_Word);
}

/* --- requests ----------------------------------------------------------------------------------- */

/* What can be answered by a number. */
static seL4_Word simple_request(struct bridge *b, const struct arrival *a, const char *name)
{
	switch (seL4_MessageInfo_get_label(a->info)) {
	case CLUSTER_PUBLISH:
		return wire_is_name(name) ? publish(b, name) : CLUSTER_INVALID;
	case CLUSTER_WITHDRAW:
		return withdraw(b, name);
	case CLUSTER_RELEASE:
		return release(b, a);
	case CLUSTER_PROBE:
		exports_probe(b);
		return CLUSTER_OK;
	case CLUSTER_WATCH:
		return watch(b);
	default:
		return CLUSTER_INVALID;
	}
}

/* What has words would be spoiled by the system calls until the next message is received. */
static void reply_words(size_t words)
{
	seL4_Reply(seL4_MessageInfo_new(CLUSTER_OK, 0, 0, words));
}

/* What may take a while. */
static void answer_later(struct bridge *b, const struct arrival *a, const char *name)
{
	uint16_t reply = reply_save(b);

	if (reply == TABLE_NONE)
		return;
	if (b->first_reply == TABLE_NONE)
		reply_label(b, reply, CLUSTER_FULL);
	else if (seL4_MessageInfo_get_label(a->info) == CLUSTER_LOOKUP)
		lookup(b, reply, name);
	else
		sleep(b, reply, a->words.first[0]);
}

void control_request(struct bridge *b, struct arrival *a)
{
	char name[CLUSTER_NAME_BYTES] = "";

	if (seL4_MessageInfo_get_length(a->info) >= CLUSTER_NAME_WORDS)
		memcpy(name, a->words.first, sizeof name - 1);
	switch (seL4_MessageInfo_get_label(a->info)) {
	case CLUSTER_LOOKUP:
	case CLUSTER_SLEEP:
		answer_later(b, a, name);
		break;
	case CLUSTER_MEMBERS:
		reply_words(members(b));
		break;
	case CLUSTER_COUNT:
		reply_words(count(b));
		break;
	default:
		b->answer = seL4_MessageInfo_new(simple_request(b, a, name), 0, 0, 0);
		b->answering = true;
	}
	if (has_received(a))
		slot_delete(SLOT_RECEIVE);
}
