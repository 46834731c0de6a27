/*
 * Operations that come in. Each has a worker, of which its peer has as many as it was granted operations; the
 * thread of the worker takes part only in what may wait: calls and messages to endpoints.
 */
#include "srv/bridge/bridge.h"

#include <string.h>
#include <skerry/object.h>

/* --- threads ------------------------------------------------------------------------------------ */

/* Waiting leaves the IPC buffer alone, in which the message lies when it is over. */
static void start_wait(seL4_Word index)
{
	struct sel4_registers registers = {SLOT_WORKER_START + index, 0, {0}};

	sel4_trap(seL4_SysRecv, &registers);
}

/*
 * A thread that waits for its start, sends, notes what came back and says so. A capability in the answer goes
 * to the main thread's endpoint, where it is unwrapped if it is a proxy of ours.
 */
static void worker_main(struct worker *worker, seL4_Word index)
{
	seL4_SetIPCBuffer(worker->buffer);
	for (;;) {
		start_wait(index);
		if (worker->call) {
			worker->info = seL4_Call(worker->target, worker->info);
			if (seL4_MessageInfo_get_extraCaps(worker->info)) {
				worker->returning = true;
				seL4_SetCap(0, SLOT_WORKER_RECEIVE + index);
				seL4_Send(SLOT_WORKER_RETURN + index, seL4_MessageInfo_new(0, 0, 1, 0));
			}
		} else {
			seL4_Send(worker->target, worker->info);
		}
		worker->done = true;
		seL4_Signal(SLOT_WORKER_DONE + index);
	}
}

static unsigned worker_index(const struct bridge *b, const struct worker *worker)
{
	return (unsigned)(worker - b->workers);
}

/* Begins at the beginning, whatever the thread was doing; who was to answer it cannot any more. */
static void thread_restart(struct bridge *b, struct worker *worker)
{
	unsigned index = worker_index(b, worker);
	seL4_UserContext regs = {.pc = (seL4_Word)worker_main,
				 .sp = worker->stack_top,
				 .tp = worker->tls,
				 .a0 = (seL4_Word)worker,
				 .a1 = index};

	__asm__("mv %0, gp" : "=r"(regs.gp));
	seL4_TCB_Suspend(SLOT_WORKER_TCB + index);
	slot_delete(SLOT_WORKER_RECEIVE + index);
	worker->buffer->receiveCNode = seL4_CapInitThreadCNode;
	worker->buffer->receiveIndex = SLOT_WORKER_RECEIVE + index;
	worker->buffer->receiveDepth = SK_DEPTH;
	seL4_TCB_WriteRegisters(SLOT_WORKER_TCB + index, true, 0, seL4_UserContextWords, &regs);
}

/* At its first use: what a thread touches first is memory that a node without calls does not need. */
RARE static void thread_begin(struct bridge *b, struct worker *worker)
{
	worker->begun = true;
	thread_restart(b, worker);
}

/* --- results ------------------------------------------------------------------------------------ */

static struct dependent worker_dependent(const struct bridge *b, const struct worker *worker, unsigned cap)
{
	return (struct dependent){worker->serial, (uint16_t)(BRIDGE_OPERATIONS + worker_index(b, worker)),
				  (uint8_t)cap};
}

static void worker_free(struct bridge *b, struct worker *worker)
{
	worker->state = WORKER_FREE;
	worker->pending = 0;
	b->peers[worker->peer].serving--;
}

static bool worker_tell(struct bridge *b, struct worker *worker)
{
	struct wire_message result;

	wire_message_init(&result, WIRE_RESULT);
	result.number = worker->number;
	result.outcome = worker->outcome;
	if (worker->outcome == OUTCOME_DONE) {
		result.label = worker->label;
		result.words = worker->buffer->msg;
		result.word_count = (uint8_t)worker->word_count;
		result.cap_count = (uint8_t)worker->cap_count;
		memcpy(result.caps, worker->caps, worker->cap_count * sizeof *result.caps);
	}
	if (!peer_send(b, worker->peer, &result))
		return false;
	worker_free(b, worker);
	return true;
}

bool workers_tell(struct bridge *b, unsigned peer)
{
	for (unsigned i = 0; i < b->worker_count; i++) {
		struct worker *worker = &b->workers[i];
		if (worker->state == WORKER_RESULT && worker->peer == peer && !worker_tell(b, worker))
			return false;
	}
	return true;
}

/* The result is complete: it goes now, or when there is room. */
static void worker_finish(struct bridge *b, struct worker *worker)
{
	worker->state = worker->pending ? WORKER_GIVING : WORKER_RESULT;
	if (!worker->pending && !worker_tell(b, worker))
		b->peers[worker->peer].untold = true;
}

static void worker_refuse(struct bridge *b, struct worker *worker, enum wire_outcome outcome)
{
	worker->outcome = (uint8_t)outcome;
	worker_finish(b, worker);
}

/* A result without words, perhaps with one capability, which is there. */
static void worker_answer(struct bridge *b, struct worker *worker, uint64_t label, unsigned object,
			  uint32_t number)
{
	worker->outcome = OUTCOME_DONE;
	worker->label = label;
	worker->word_count = 0;
	worker->cap_count = number != 0;
	worker->caps[0] = (struct wire_cap){.kind = WIRE_MINE, .object = (uint8_t)object, .number = number};
	worker_finish(b, worker);
}

/* --- calls and messages -------------------------------------------------------------------------- */

/* The export that it is for, or null: it is known to be gone. */
static struct export *worker_export(struct bridge *b, const struct worker *worker)
{
	struct export *export;

	return export_look(&b->exports, worker->peer, worker->export, &export) == TABLE_LIVE &&
			       !export->revoked
		       ? export
		       : NULL;
}

/* The same, but it has been looked whether the capability is there. */
static struct export *worker_target(struct bridge *b, const struct worker *worker)
{
	struct export *export = worker_export(b, worker);

	if (!export || slot_is_used(SLOT_EXPORT + export_place(&b->exports, export)))
		return export;
	export_revoke(b, export);
	return NULL;
}

/* Whether the capability is there still, the kernel says of a call (worker_done()). Capabilities that were
 * given to nobody could not be taken back then. */
static void worker_start(struct bridge *b, struct worker *worker)
{
	bool told = worker->kind == WIRE_CALL && worker->cap_count == 0;
	const struct export *export = told ? worker_export(b, worker) : worker_target(b, worker);
	seL4_IPCBuffer *buffer = worker->buffer;

	if (!export) {
		caps_forget(b, worker->caps, worker->cap_count);
		worker_refuse(b, worker, OUTCOME_REVOKED);
		return;
	}
	unsigned caps =
		caps_deliver(b, worker->peer, worker->caps, worker->cap_count, buffer->caps_or_badges);
	worker->cap_count = 0;
	worker->call = worker->kind == WIRE_CALL;
	worker->target = SLOT_EXPORT + export_place(&b->exports, export);
	worker->info = seL4_MessageInfo_new(worker->label, 0, caps, worker->word_count);
	worker->done = worker->returning = false;
	worker->since = 0;
	worker->state = WORKER_RUNNING;
	b->counters.served++;
	if (!worker->begun)
		thread_begin(b, worker);
	seL4_Signal(SLOT_WORKER_START + worker_index(b, worker));
}

/* The first of those for the export that have not been started, unless its capabilities are still being
 * claimed. */
RARE static void parked_start(struct bridge *b, uint32_t export)
{
	for (;;) {
		struct worker *first = NULL;
		for (unsigned i = 0; i < b->worker_count; i++) {
			struct worker *worker = &b->workers[i];
			if ((worker->state == WORKER_CLAIMING || worker->state == WORKER_PARKED) &&
			    worker->export == export &&
			    (!first || (int32_t)(worker->order - first->order) < 0))
				first = worker;
		}
		if (!first || first->pending)
			return;
		b->claiming--;
		first->state = WORKER_RESULT;
		worker_start(b, first);
	}
}

static bool is_parked(const struct bridge *b, uint32_t export)
{
	for (unsigned i = 0; b->claiming && i < b->worker_count; i++) {
		const struct worker *worker = &b->workers[i];
		if ((worker->state == WORKER_CLAIMING || worker->state == WORKER_PARKED) &&
		    worker->export == export)
			return true;
	}
	return false;
}

/* False: the peer lies. */
static bool message_in(struct bridge *b, struct worker *worker, const struct wire_message *message)
{
	worker->label = message->label;
	worker->word_count = message->word_count;
	worker->cap_count = message->cap_count;
	memcpy(worker->buffer->msg, message->words, message->word_count * sizeof *message->words);
	for (unsigned i = 0; i < message->cap_count; i++) {
		worker->caps[i] = message->caps[i];
		if (!cap_in(b, worker->peer, &worker->caps[i], worker_dependent(b, worker, i)))
			return false;
		worker->pending += worker->caps[i].kind == CAP_PENDING;
	}
	if (worker->pending || is_parked(b, worker->export)) {
		worker->state = worker->pending ? WORKER_CLAIMING : WORKER_PARKED;
		b->claiming++;
	} else {
		worker_start(b, worker);
	}
	return true;
}

/* --- what is answered at once ---------------------------------------------------------------------- */

RARE static void signal_in(struct bridge *b, struct worker *worker)
{
	const struct export *export = worker_target(b, worker);

	if (!export) {
		worker_refuse(b, worker, OUTCOME_REVOKED);
		return;
	}
	seL4_Signal(SLOT_EXPORT + export_place(&b->exports, export));
	worker_answer(b, worker, 0, 0, 0);
}

/* A name: each peer has one export of it, with as many references as it asked for. */
RARE static void open_in(struct bridge *b, struct worker *worker, const char *name)
{
	int place = names_place(&b->names, NAMES_SELF, name);
	struct export *export;

	if (place == NAMES_NOBODY) {
		worker_refuse(b, worker, OUTCOME_NOT_DELIVERED);
		return;
	}
	uint32_t *number = &b->name_export[place][worker->peer];
	if (*number && export_look(&b->exports, worker->peer, *number, &export) == TABLE_LIVE &&
	    !export->revoked && export->references < UINT32_MAX) {
		export->references++;
	} else {
		*number = export_add(&b->exports, worker->peer, b->name_object[place]);
		if (*number && !slot_copy(SLOT_EXPORT + table_place(*number), SLOT_NAME + (unsigned)place)) {
			export_remove(&b->exports, &b->exports.places[table_place(*number)]);
			*number = 0;
		}
	}
	if (*number)
		worker_answer(b, worker, 0, b->name_object[place], *number);
	else
		worker_refuse(b, worker, OUTCOME_NOT_DELIVERED);
}

/* An export to a third node, which that will claim by its ticket. */
RARE static void give_in(struct bridge *b, struct worker *worker, const char *node)
{
	const struct export *export = worker_target(b, worker);
	int third = peer_find(b, node);
	uint32_t number = 0;

	if (!export) {
		worker_refuse(b, worker, OUTCOME_REVOKED);
		return;
	}
	uint64_t ticket = bridge_random(b) | 1;
	if (third != NAMES_NOBODY && peer_is_up(b, (unsigned)third))
		number = export_give(&b->exports, (unsigned)third, export->object, ticket,
				     b->now + BRIDGE_CLAIM_NS);
	if (!number) {
		worker_refuse(b, worker, OUTCOME_NOT_DELIVERED);
		return;
	}
	slot_copy(SLOT_EXPORT + table_place(number), SLOT_EXPORT + export_place(&b->exports, export));
	worker_answer(b, worker, ticket, export->object, number);
}

/* The second node may have lied about number or ticket: that is not held against the third. */
RARE static void claim_in(struct bridge *b, struct worker *worker, uint64_t ticket)
{
	const struct export *export = export_claim(&b->exports, worker->peer, worker->export, ticket);

	if (export)
		worker_answer(b, worker, 0, export->object, worker->export);
	else
		worker_refuse(b, worker, OUTCOME_REVOKED);
}

/* --- requests --------------------------------------------------------------------------------------- */

/* May the peer say this of that export, gone or not? */
static bool export_fits(struct bridge *b, unsigned peer, const struct wire_message *message)
{
	struct export *export;
	enum table_look look;

	if (message->kind == WIRE_OPEN || message->kind == WIRE_CLAIM)
		return true;
	look = export_look(&b->exports, peer, message->export, &export);
	if (look == TABLE_NEVER) {
		peer_blame(b, peer, WIRE_REASON_BAD_EXPORT);
		return false;
	}
	if (look == TABLE_LIVE && message->kind != WIRE_GIVE &&
	    (message->kind == WIRE_SIGNAL) != (export->object == WIRE_NOTIFICATION)) {
		peer_blame(b, peer, WIRE_REASON_BAD_CAPABILITY);
		return false;
	}
	return true;
}

static struct worker *worker_new(struct bridge *b, unsigned peer, const struct wire_message *message)
{
	struct worker *worker = b->workers;

	while (worker->state != WORKER_FREE)
		worker++;
	worker->serial++;
	worker->order = b->arrivals++;
	worker->peer = (uint8_t)peer;
	worker->kind = message->kind;
	worker->number = message->number;
	worker->export = message->export;
	worker->pending = 0;
	worker->cap_count = 0;
	worker->state = WORKER_RESULT; /* until it is known to be something else */
	b->peers[peer].serving++;
	return worker;
}

void request_in(struct bridge *b, unsigned peer, const struct wire_message *message)
{
	if (b->peers[peer].serving >= b->worker_share) {
		peer_blame(b, peer, WIRE_REASON_CREDIT);
		return;
	}
	if (!export_fits(b, peer, message))
		return;
	struct worker *worker = worker_new(b, peer, message);
	switch (message->kind) {
	case WIRE_SIGNAL:
		signal_in(b, worker);
		break;
	case WIRE_OPEN:
		open_in(b, worker, message->name);
		break;
	case WIRE_GIVE:
		give_in(b, worker, message->name);
		break;
	case WIRE_CLAIM:
		claim_in(b, worker, message->ticket);
		break;
	default:
		message_in(b, worker, message);
	}
}

/* --- what threads and third nodes have to say -------------------------------------------------------- */

void worker_returned(struct bridge *b, struct arrival *a)
{
	struct worker *worker = &b->workers[(uint32_t)a->badge];
	bool unwrapped = seL4_MessageInfo_get_capsUnwrapped(a->info) & 1;

	if (worker->state == WORKER_RUNNING && worker->returning && seL4_MessageInfo_get_extraCaps(a->info)) {
		worker->caps[0] = cap_out(b, worker->peer, unwrapped, a->caps.badge[0], SLOT_RECEIVE,
					  worker_dependent(b, worker, 0));
		worker->cap_count = 1;
		worker->pending = worker->caps[0].kind == CAP_PENDING;
	} else if (has_received(a)) {
		slot_delete(SLOT_RECEIVE);
	}
	slot_delete(SLOT_WORKER_RECEIVE + worker_index(b, worker));
}

/* The kernel's answer for an empty slot: nobody has received the call, since it would not answer then any
 * more. */
RARE static void worker_refused(struct bridge *b, struct worker *worker)
{
	struct export *export = worker_export(b, worker);

	worker->outcome = OUTCOME_REVOKED;
	if (export)
		export_revoke(b, export);
}

/* What the thread got. */
static void worker_done(struct bridge *b, struct worker *worker)
{
	seL4_MessageInfo_t info = worker->info;

	worker->outcome = OUTCOME_DONE;
	worker->label = 0;
	worker->word_count = 0;
	if (worker->call) {
		worker->label = seL4_MessageInfo_get_label(info);
		worker->word_count = (unsigned)seL4_MessageInfo_get_length(info);
		if (worker->label == seL4_InvalidCapability && !slot_is_used((unsigned)worker->target))
			worker_refused(b, worker);
	}
	worker_finish(b, worker);
}

void workers_done(struct bridge *b, uint64_t bits)
{
	for (struct worker *worker = b->workers; bits; worker++, bits >>= 1) {
		if (bits & 1 && worker->state == WORKER_RUNNING && worker->done)
			worker_done(b, worker);
	}
}

void worker_cap_ready(struct bridge *b, struct dependent dependent, struct wire_cap cap)
{
	struct worker *worker = &b->workers[dependent.index - BRIDGE_OPERATIONS];

	if (worker->serial != dependent.serial || !worker->pending ||
	    worker->caps[dependent.cap].kind != CAP_PENDING) {
		caps_forget(b, &cap, 1);
		return;
	}
	worker->caps[dependent.cap] = cap;
	if (--worker->pending)
		return;
	if (worker->state == WORKER_CLAIMING)
		parked_start(b, worker->export);
	else if (worker->state == WORKER_GIVING)
		worker_finish(b, worker);
}

/* --- ends --------------------------------------------------------------------------------------------- */

/* What it was doing is not done any more. */
static void worker_stop(struct bridge *b, struct worker *worker)
{
	if (worker->state == WORKER_RUNNING) {
		thread_restart(b, worker);
		caps_drop(b, worker->peer, worker->caps, worker->cap_count);
	} else if (worker->state == WORKER_CLAIMING || worker->state == WORKER_PARKED) {
		b->claiming--;
		caps_forget(b, worker->caps, worker->cap_count);
	}
	worker->pending = 0;
	worker->cap_count = 0;
}

void workers_end(struct bridge *b, unsigned peer)
{
	for (unsigned i = 0; i < b->worker_count; i++) {
		struct worker *worker = &b->workers[i];
		if (worker->state == WORKER_FREE || worker->peer != peer)
			continue;
		worker_stop(b, worker);
		worker_free(b, worker);
	}
}

void workers_revoke(struct bridge *b, unsigned peer, uint32_t export)
{
	for (unsigned i = 0; i < b->worker_count; i++) {
		struct worker *worker = &b->workers[i];
		bool begun = worker->state == WORKER_RUNNING;
		if (worker->peer != peer || worker->export != export ||
		    (!begun && worker->state != WORKER_CLAIMING && worker->state != WORKER_PARKED))
			continue;
		if (begun && worker->done)
			continue; /* has its answer */
		worker_stop(b, worker);
		worker_refuse(b, worker, begun ? OUTCOME_UNKNOWN : OUTCOME_REVOKED);
	}
}

/*
 * While nobody is received from, a worker cannot return the capability of an answer; but what keeps the
 * endpoint closed may be waiting for that very answer on another node. After a while it goes without.
 */
void workers_expire(struct bridge *b)
{
	for (unsigned i = 0; i < b->worker_count; i++) {
		struct worker *worker = &b->workers[i];
		if (worker->state != WORKER_RUNNING || !worker->returning || worker->done)
			continue;
		if (!worker->since) {
			worker->since = b->now;
		} else if (b->now - worker->since > BRIDGE_RETURN_NS) {
			thread_restart(b, worker);
			b->counters.absent++;
			worker->cap_count = 0;
			worker_done(b, worker);
		}
	}
}
