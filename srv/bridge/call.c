/*
 * Operations that go out. Each belongs to a queue, one for each import and one for each peer: within a queue
 * they are sent in the order in which they came, and of one queue's only so many are outstanding that others
 * have their turn. A peer's credit is a bound of all of them; the last two are kept for what the peer answers
 * at once.
 */
#include "srv/bridge/bridge.h"

#include <string.h>
#include <skerry/cluster.h>
#include <skerry/object.h>

void calls_init(struct bridge *b)
{
	b->first_free = TABLE_NONE;
	b->operations_free = BRIDGE_OPERATIONS;
	for (unsigned i = 0; i < BRIDGE_REPLIES; i++)
		b->next_reply[i] = (uint16_t)(i + 1);
	b->next_reply[BRIDGE_REPLIES - 1] = TABLE_NONE;
	for (unsigned i = 0; i < BRIDGE_QUEUES; i++)
		b->queues[i].first = TABLE_NONE;
}

/* --- callers -------------------------------------------------------------------------------------- */

/*
 * The caller of the message that was just received, if it was a Call: then there is something in the place,
 * where nothing can be saved again. One place is always free, so that one can see this; if it is the last
 * one, the caller is told that it was in vain.
 */
uint16_t reply_save(struct bridge *b)
{
	uint16_t reply = b->first_reply;

	seL4_CNode_SaveCaller(seL4_CapInitThreadCNode, SLOT_REPLY + reply, SK_DEPTH);
	if (seL4_CNode_SaveCaller(seL4_CapInitThreadCNode, SLOT_REPLY + reply, SK_DEPTH) != seL4_DeleteFirst)
		return TABLE_NONE;
	b->first_reply = b->next_reply[reply];
	b->replies_used++;
	return reply;
}

void reply_free(struct bridge *b, uint16_t reply)
{
	b->next_reply[reply] = b->first_reply;
	b->first_reply = reply;
	b->replies_used--;
}

static void reply_send(struct bridge *b, uint16_t reply, seL4_MessageInfo_t info)
{
	if (reply == TABLE_NONE)
		return;
	seL4_Send(SLOT_REPLY + reply, info);
	reply_free(b, reply);
}

void reply_label(struct bridge *b, uint16_t reply, seL4_Word label)
{
	reply_send(b, reply, seL4_MessageInfo_new(label, 0, 0, 0));
}

void reply_error(struct bridge *b, uint16_t reply, enum wire_outcome outcome)
{
	static const uint8_t told[OUTCOMES] = {[OUTCOME_NOT_DELIVERED] = CLUSTER_NOT_DELIVERED,
					       [OUTCOME_UNKNOWN] = CLUSTER_UNKNOWN,
					       [OUTCOME_REVOKED] = CLUSTER_REVOKED};

	if (reply == TABLE_NONE)
		return;
	b->counters.not_delivered += outcome == OUTCOME_NOT_DELIVERED;
	b->counters.unknown += outcome == OUTCOME_UNKNOWN;
	b->counters.revoked += outcome == OUTCOME_REVOKED;
	seL4_SetMR(0, told[outcome]);
	reply_send(b, reply, seL4_MessageInfo_new(CLUSTER_LABEL, 0, 0, 1));
}

/* --- operations ----------------------------------------------------------------------------------- */

struct operation *operation_new(struct bridge *b, unsigned peer, unsigned queue, unsigned purpose)
{
	struct operation *operation;

	if (!b->operations_free)
		return NULL;
	b->operations_free--;
	if (b->first_free == TABLE_NONE) {
		operation = &b->operations[b->operations_begun++];
	} else {
		operation = &b->operations[b->first_free];
		b->first_free = operation->next;
	}
	operation->serial = operation->serial == TABLE_LAST_USE ? 1 : operation->serial + 1;
	operation->next = TABLE_NONE;
	operation->queue = (uint16_t)queue;
	operation->reply = TABLE_NONE;
	operation->purpose = (uint8_t)purpose;
	operation->peer = (uint8_t)peer;
	operation->pending = operation->carries = 0;
	operation->until = 0;
	operation->dependent.index = TABLE_NONE;
	return operation;
}

/* Its result says what has become of it: so long nobody takes back what it carries. */
static void operation_carry(struct bridge *b, struct operation *operation, struct import *import)
{
	operation->carried[operation->carries++] = import_name(&b->imports, import);
	import->carried++;
}

void operation_free(struct bridge *b, struct operation *operation)
{
	for (; operation->carries; operation->carries--) {
		struct import *import =
			import_by_name(&b->imports, operation->carried[operation->carries - 1]);
		if (!import)
			continue;
		import->carried--;
		import_settle(b, import);
	}
	operation->state = OPERATION_FREE;
	operation->pending = 0;
	operation->next = b->first_free;
	b->first_free = (uint16_t)(operation - b->operations);
	b->operations_free++;
}

struct operation *operation_find(struct bridge *b, uint32_t number)
{
	struct operation *operation = &b->operations[table_place(number)];

	return operation->state != OPERATION_FREE && operation->serial == number >> TABLE_PLACE_BITS
		       ? operation
		       : NULL;
}

/* Programs' calls leave two of the credit to what is answered at once, and three quarters to other objects.
 */
static bool has_credit(const struct bridge *b, const struct operation *operation)
{
	const struct peer *peer = &b->peers[operation->peer];
	uint32_t credit = peer->session.peer_credits.operations;

	if (credit > BRIDGE_WORKERS)
		credit = BRIDGE_WORKERS; /* no bridge has more: this one wants to hold all our operations */
	if (operation->purpose > PURPOSE_SEND)
		return peer->outstanding < credit;
	return peer->outstanding < (credit > 3 ? credit - 2 : 1) &&
	       b->queues[operation->queue].outstanding < (credit > 7 ? credit / 4 : 1);
}

static bool operation_start(struct bridge *b, struct operation *operation)
{
	struct peer *peer = &b->peers[operation->peer];

	if (!has_credit(b, operation))
		return false;
	operation->message.number = operation_number(b, operation);
	if (!peer_send(b, operation->peer, &operation->message))
		return false;
	operation->state = OPERATION_SENT;
	operation->since = b->now;
	peer->outstanding++;
	b->queues[operation->queue].outstanding++;
	return true;
}

static void queue_wait(struct bridge *b, unsigned index)
{
	struct peer *peer;
	struct queue *queue = &b->queues[index];

	if (queue->waiting)
		return;
	peer = &b->peers[b->operations[queue->first].peer];
	queue->waiting = true;
	queue->next = TABLE_NONE;
	if (peer->first == TABLE_NONE)
		peer->first = (uint16_t)index;
	else
		b->queues[peer->last].next = (uint16_t)index;
	peer->last = (uint16_t)index;
}

/* Keeps what cannot be sent yet; the words lie in somebody's buffer. */
RARE static void operation_hold(struct bridge *b, struct operation *operation, const uint64_t *words)
{
	struct queue *queue = &b->queues[operation->queue];
	uint16_t index = (uint16_t)(operation - b->operations);

	if (words)
		memcpy(operation->words, words, operation->message.word_count * sizeof *words);
	operation->message.words = operation->words;
	if (operation->message.name) {
		strncpy(operation->name, operation->message.name, sizeof operation->name - 1);
		operation->message.name = operation->name;
	}
	operation->state = operation->pending ? OPERATION_PENDING : OPERATION_HELD;
	b->peers[operation->peer].held += operation->purpose == PURPOSE_SEND;
	if (queue->first == TABLE_NONE)
		queue->first = index;
	else
		b->operations[queue->last].next = index;
	queue->last = index;
	queue_wait(b, operation->queue);
}

void operation_submit(struct bridge *b, struct operation *operation, const uint64_t *words)
{
	operation->message.words = words;
	if (operation->pending || b->queues[operation->queue].first != TABLE_NONE ||
	    !operation_start(b, operation))
		operation_hold(b, operation, words);
}

/* Sends from the queue what may be sent. */
static void queue_run(struct bridge *b, struct queue *queue)
{
	while (queue->first != TABLE_NONE) {
		struct operation *operation = &b->operations[queue->first];
		uint16_t next = operation->next;
		if (operation->state != OPERATION_HELD)
			return;
		caps_check(b, operation->peer, operation->message.caps, operation->message.cap_count);
		if (!operation_start(b, operation))
			return;
		b->peers[operation->peer].held -= operation->purpose == PURPOSE_SEND;
		queue->first = next;
	}
}

/* Each waiting queue has its turn once; those that still wait keep their order. */
void queues_run(struct bridge *b, unsigned index)
{
	struct peer *peer = &b->peers[index];
	uint16_t queue = peer->first;

	peer->first = TABLE_NONE;
	while (queue != TABLE_NONE) {
		uint16_t next = b->queues[queue].next;
		b->queues[queue].waiting = false;
		queue_run(b, &b->queues[queue]);
		if (b->queues[queue].first != TABLE_NONE)
			queue_wait(b, queue);
		else if (queue < TABLE_PLACES)
			import_settle(b, &b->imports.places[queue]);
		queue = next;
	}
}

/* --- messages of programs ------------------------------------------------------------------------- */

/* One signal of an import is outstanding at a time: others meanwhile become one. */
RARE static void signal_out(struct bridge *b, unsigned peer, struct import *import)
{
	unsigned place = import_place(&b->imports, import);
	struct operation *operation = NULL;

	import->signalled = true;
	if (b->queues[place].outstanding == 0 && b->queues[place].first == TABLE_NONE)
		operation = operation_new(b, peer, place, PURPOSE_SIGNAL);
	if (!operation)
		return;
	import->signalled = false;
	b->counters.signals++;
	operation->message = (struct wire_message){.kind = WIRE_SIGNAL, .export = import->number};
	operation_submit(b, operation, NULL);
}

/* False: there is no place for it, and its capability is left. */
static bool message_out(struct bridge *b, unsigned peer, const struct import *import, struct arrival *a)
{
	bool call = a->reply != TABLE_NONE;
	unsigned caps = (unsigned)seL4_MessageInfo_get_extraCaps(a->info), home;
	struct operation *operation =
		operation_new(b, peer, import_place(&b->imports, import), call ? PURPOSE_CALL : PURPOSE_SEND);

	if (!operation) {
		reply_error(b, a->reply, OUTCOME_NOT_DELIVERED);
		return false;
	}
	operation->reply = a->reply;
	wire_message_init(&operation->message, call ? WIRE_CALL : WIRE_SEND);
	operation->message.export = import->number;
	operation->message.label = seL4_MessageInfo_get_label(a->info);
	operation->message.word_count = (uint8_t)seL4_MessageInfo_get_length(a->info);
	operation->message.cap_count = (uint8_t)caps;
	for (unsigned i = 0; i < caps; i++) {
		struct dependent dependent = operation_dependent(b, operation);
		dependent.cap = (uint8_t)i;
		bool unwrapped = seL4_MessageInfo_get_capsUnwrapped(a->info) >> i & 1;
		operation->message.caps[i] =
			cap_out(b, peer, unwrapped, a->caps.badge[i], SLOT_RECEIVE, dependent);
		if (unwrapped && operation->message.caps[i].kind != WIRE_ABSENT)
			operation_carry(b, operation, import_of_badge(b, a->caps.badge[i], &home));
		operation->pending += operation->message.caps[i].kind == CAP_PENDING;
	}
	*(struct arrival_words *)b->ipc->msg = a->words;
	if (call)
		b->counters.calls++;
	else
		b->counters.messages++;
	operation_submit(b, operation, b->ipc->msg);
	return true;
}

/* An import that is gone, of a session that is not, was revoked (or released: by all that had it). */
RARE static enum wire_outcome refusal(const struct bridge *b, seL4_Word badge)
{
	for (unsigned i = 0; i < b->peer_count; i++) {
		if (b->peers[i].number == badge >> 32)
			return OUTCOME_REVOKED;
	}
	return OUTCOME_NOT_DELIVERED;
}

void client_message(struct bridge *b, struct arrival *a)
{
	unsigned peer;
	struct import *import = import_of_badge(b, a->badge, &peer);

	a->reply = reply_save(b);
	if (a->reply != TABLE_NONE && b->first_reply == TABLE_NONE)
		reply_error(b, a->reply, OUTCOME_NOT_DELIVERED);
	else if (!import)
		reply_error(b, a->reply, refusal(b, a->badge));
	else if (import->object == WIRE_NOTIFICATION) {
		signal_out(b, peer, import);
		reply_label(b, a->reply, 0);
	} else if (message_out(b, peer, import, a))
		return;
	if (has_received(a))
		slot_delete(SLOT_RECEIVE);
}

/* --- capabilities with a third node ---------------------------------------------------------------- */

static void reply_deliver(struct bridge *b, struct operation *operation, const struct wire_message *result)
{
	seL4_Word slots[WIRE_CAPS];
	unsigned caps =
		caps_answer(b, operation->peer, operation->reply, result->caps, result->cap_count, slots);

	memcpy(b->ipc->msg, result->words, result->word_count * sizeof *result->words);
	for (unsigned i = 0; i < caps; i++)
		seL4_SetCap((int)i, slots[i]);
	reply_send(b, operation->reply, seL4_MessageInfo_new(result->label, 0, caps, result->word_count));
	operation_free(b, operation);
}

void operation_cap_ready(struct bridge *b, struct dependent dependent, struct wire_cap cap)
{
	struct operation *operation = &b->operations[dependent.index];

	if (operation->serial != dependent.serial || !operation->pending ||
	    operation->message.caps[dependent.cap].kind != CAP_PENDING) {
		caps_forget(b, &cap, 1);
		return;
	}
	operation->message.caps[dependent.cap] = cap;
	if (--operation->pending)
		return;
	if (operation->state == OPERATION_PENDING)
		operation->state = OPERATION_HELD;
	else if (operation->state == OPERATION_CLAIMING)
		reply_deliver(b, operation, &operation->message);
}

/* --- results --------------------------------------------------------------------------------------- */

/* False: the peer lies about a capability; the operation is ended with its session. */
static bool call_result(struct bridge *b, struct operation *operation, const struct wire_message *result)
{
	struct wire_message *message = &operation->message;

	if (result->outcome != OUTCOME_DONE) {
		reply_error(b, operation->reply, result->outcome);
		operation_free(b, operation);
		return true;
	}
	if (result->cap_count == 0) {
		reply_deliver(b, operation, result);
		return true;
	}
	*message = *result;
	for (unsigned i = 0; i < result->cap_count; i++) {
		struct dependent dependent = operation_dependent(b, operation);
		dependent.cap = (uint8_t)i;
		if (!cap_in(b, operation->peer, &message->caps[i], dependent))
			return false;
		operation->pending += message->caps[i].kind == CAP_PENDING;
	}
	if (!operation->pending) {
		reply_deliver(b, operation, message);
		return true;
	}
	memcpy(operation->words, result->words, result->word_count * sizeof *result->words);
	message->words = operation->words;
	operation->state = OPERATION_CLAIMING;
	return true;
}

/* The queue has one less outstanding. */
static void queue_settle(struct bridge *b, unsigned peer, unsigned index)
{
	b->queues[index].outstanding--;
	if (index >= TABLE_PLACES)
		return;
	struct import *import = &b->imports.places[index];
	if (import->ended)
		b->peers[peer].untold = true;
	else if (import->signalled)
		signal_out(b, peer, import);
	else
		import_settle(b, import);
}

void result_in(struct bridge *b, unsigned index, const struct wire_message *result)
{
	struct peer *peer = &b->peers[index];
	struct operation *operation = operation_find(b, result->number);
	bool honest = true;

	if (!operation || operation->state != OPERATION_SENT || operation->peer != index) {
		peer_blame(b, index, WIRE_REASON_BAD_NUMBER);
		return;
	}
	unsigned queue = operation->queue;
	switch (operation->purpose) {
	case PURPOSE_CALL:
		honest = call_result(b, operation, result);
		break;
	case PURPOSE_LOOKUP:
		honest = lookup_result(b, operation, result);
		if (honest)
			operation_free(b, operation);
		break;
	case PURPOSE_SIGNAL:
	case PURPOSE_SEND:
		operation_free(b, operation);
		break;
	default:
		honest = third_result(b, operation, result);
	}
	if (!honest)
		return;
	peer->outstanding--;
	queue_settle(b, index, queue);
}

/* --- the end of a session ---------------------------------------------------------------------------- */

static void operation_end(struct bridge *b, struct operation *operation, enum wire_outcome outcome)
{
	struct dependent dependent = operation->dependent;
	unsigned purpose = operation->purpose;

	if (operation->state != OPERATION_SENT)
		caps_drop(b, operation->peer, operation->message.caps, operation->message.cap_count);
	if (purpose == PURPOSE_LOOKUP)
		reply_label(b, operation->reply, CLUSTER_LOST);
	else
		reply_error(b, operation->reply, outcome);
	operation_free(b, operation);
	if (purpose == PURPOSE_GIVE || purpose == PURPOSE_CLAIM)
		cap_ready(b, dependent, (struct wire_cap){.kind = WIRE_ABSENT});
}

static void queue_clear(struct queue *queue)
{
	*queue = (struct queue){.first = TABLE_NONE};
}

void operations_revoke(struct bridge *b, unsigned index)
{
	struct queue *queue = &b->queues[index];

	while (queue->first != TABLE_NONE) {
		struct operation *operation = &b->operations[queue->first];
		queue->first = operation->next;
		b->peers[operation->peer].held -= operation->purpose == PURPOSE_SEND;
		operation_end(b, operation, OUTCOME_REVOKED);
	}
}

/* What waits for capabilities of a third node has its result already. */
void operations_end(struct bridge *b, unsigned index)
{
	struct peer *peer = &b->peers[index];

	for (unsigned queue = peer->first; queue != TABLE_NONE; queue = b->queues[queue].next)
		b->queues[queue].waiting = false;
	for (unsigned i = 0; i < b->operations_begun; i++) {
		struct operation *operation = &b->operations[i];
		if (operation->state == OPERATION_FREE || operation->state == OPERATION_CLAIMING ||
		    operation->peer != index)
			continue;
		queue_clear(&b->queues[operation->queue]);
		operation_end(b, operation,
			      operation->state == OPERATION_SENT ? OUTCOME_UNKNOWN : OUTCOME_NOT_DELIVERED);
	}
	peer->first = TABLE_NONE;
	peer->outstanding = peer->held = 0;
}

static void queue_remove(struct bridge *b, struct operation *operation)
{
	struct queue *queue = &b->queues[operation->queue];
	uint16_t index = (uint16_t)(operation - b->operations), last = TABLE_NONE, *link = &queue->first;

	while (*link != index) {
		last = *link;
		link = &b->operations[last].next;
	}
	*link = operation->next;
	if (queue->last == index)
		queue->last = last;
}

/* A thread was deleted that waits for this, of which the kernel tells nobody: what it asked for is not asked
 * any more, if it has not been. */
static void caller_look(struct bridge *b, struct operation *operation)
{
	if (operation->reply == TABLE_NONE || slot_is_used(SLOT_REPLY + operation->reply))
		return;
	reply_free(b, operation->reply);
	operation->reply = TABLE_NONE;
	if (operation->state != OPERATION_PENDING && operation->state != OPERATION_HELD)
		return;
	queue_remove(b, operation);
	operation_end(b, operation, OUTCOME_NOT_DELIVERED);
}

void operations_probe(struct bridge *b)
{
	for (unsigned i = 0; i < b->operations_begun; i++) {
		struct operation *operation = &b->operations[i];
		if (operation->state != OPERATION_FREE)
			caller_look(b, operation);
		if (operation->state == OPERATION_SENT && operation->purpose > PURPOSE_SEND &&
		    b->now - operation->since > BRIDGE_ANSWER_NS)
			peer_blame(b, operation->peer, WIRE_REASON_UNANSWERED);
	}
}
