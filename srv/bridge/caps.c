/*
 * Capabilities to and fro. Only endpoints and notifications travel; what else a program sends arrives absent.
 * A proxy that is sent to the node of its object goes as that node's own export and collapses to the
 * capability there; sent to a third node, the object's node is first asked for an export to that node (GIVE),
 * which the receiver claims (CLAIM).
 */
#include "srv/bridge/bridge.h"

#include <string.h>
#include <skerry/object.h>

#define ROOT          seL4_CapInitThreadCNode
#define PROXY_RIGHTS  seL4_CapRights_new(1, 1, 0, 1) /* all but receiving */
#define NO_RIGHTS     seL4_CapRights_new(0, 0, 0, 0)
#define UNKNOWN_LABEL 0xfffff

/* --- slots -------------------------------------------------------------------------------------- */

/* Moving nothing there fails for another reason if there is something. */
bool slot_is_used(unsigned slot)
{
	return seL4_CNode_Move(ROOT, slot, SK_DEPTH, ROOT, SLOT_EMPTY, SK_DEPTH) == seL4_DeleteFirst;
}

void slot_delete(unsigned slot)
{
	seL4_CNode_Delete(ROOT, slot, SK_DEPTH);
}

void slot_move(unsigned to, unsigned from)
{
	seL4_CNode_Move(ROOT, to, SK_DEPTH, ROOT, from, SK_DEPTH);
}

bool slot_copy(unsigned to, unsigned from)
{
	return seL4_CNode_Copy(ROOT, to, SK_DEPTH, ROOT, from, SK_DEPTH, seL4_AllRights) == seL4_NoError;
}

/*
 * A copy without rights is asked for something that no object knows: endpoints and notifications say that the
 * capability is not good for that, all others that the method does not exist. An interrupt takes only a
 * notification.
 */
unsigned object_of(unsigned slot)
{
	unsigned object = 0;

	if (seL4_CNode_Copy(ROOT, SLOT_PROBE, SK_DEPTH, ROOT, slot, SK_DEPTH, NO_RIGHTS) != seL4_NoError)
		return 0;
	seL4_MessageInfo_t answer = seL4_Call(SLOT_PROBE, seL4_MessageInfo_new(UNKNOWN_LABEL, 0, 0, 0));
	if (seL4_MessageInfo_get_label(answer) == seL4_InvalidCapability) {
		object = WIRE_ENDPOINT;
		if (seL4_IRQHandler_SetNotification(SLOT_SPARE_IRQ, slot) == seL4_NoError) {
			object = WIRE_NOTIFICATION;
			seL4_IRQHandler_Clear(SLOT_SPARE_IRQ);
		}
	}
	slot_delete(SLOT_PROBE);
	return object;
}

/* --- imports ------------------------------------------------------------------------------------ */

struct import *import_of_badge(struct bridge *b, seL4_Word badge, unsigned *peer)
{
	struct import *import = import_by_name(&b->imports, (uint32_t)badge);

	if (!import || b->peers[import->peer].number != badge >> 32)
		return NULL;
	*peer = import->peer;
	return import;
}

void import_drop(struct bridge *b, struct import *import)
{
	unsigned slot = SLOT_IMPORT + import_place(&b->imports, import);
	struct peer *peer = &b->peers[import->peer];

	seL4_CNode_Revoke(ROOT, slot, SK_DEPTH);
	slot_delete(slot);
	import_end(&b->imports, import);
	import->next = peer->ended;
	peer->ended = (uint16_t)import_place(&b->imports, import);
	if (b->imports.count[import->peer] > b->export_share / 2)
		peer->untold = true; /* the peer may soon have none left to send */
	else if (peer->release_at == UINT64_MAX)
		peer->release_at = b->now + BRIDGE_RELEASE_NS;
}

void import_settle(struct bridge *b, struct import *import)
{
	const struct queue *queue = &b->queues[import_place(&b->imports, import)];

	if (import->number && import->released && !import->ended && queue->first == TABLE_NONE &&
	    !queue->outstanding && !import->signalled && !import->carried)
		import_drop(b, import);
}

/* One more reference to the peer's export. Null: the peer lies. */
static struct import *import_take(struct bridge *b, unsigned peer, uint32_t number, unsigned object)
{
	struct import *import = import_find(&b->imports, peer, number);

	if (import && import->object != object) {
		peer_blame(b, peer, WIRE_REASON_BAD_CAPABILITY);
		return NULL;
	}
	if (!import) {
		if (b->imports.count[peer] < b->export_share)
			import = import_add(&b->imports, peer, number, object);
		if (!import) {
			peer_blame(b, peer, WIRE_REASON_EXPORTS);
			return NULL;
		}
		seL4_Word badge = badge_of_proxy(b->peers[peer].number, import_name(&b->imports, import));
		seL4_CNode_Mint(ROOT, SLOT_IMPORT + import_place(&b->imports, import), SK_DEPTH, ROOT,
				SLOT_ENDPOINT, SK_DEPTH, PROXY_RIGHTS, badge);
	}
	import->references++;
	return import;
}

/* --- exports ------------------------------------------------------------------------------------ */

void export_delete(struct bridge *b, struct export *export)
{
	slot_delete(SLOT_EXPORT + export_place(&b->exports, export));
	export_remove(&b->exports, export);
}

void export_revoke(struct bridge *b, struct export *export)
{
	struct peer *peer = &b->peers[export->peer];

	workers_revoke(b, export->peer, export_number(&b->exports, export));
	slot_delete(SLOT_EXPORT + export_place(&b->exports, export));
	export->revoked = true;
	export->next = peer->revoked;
	peer->revoked = (uint16_t)export_place(&b->exports, export);
	peer->untold = true;
}

void exports_probe(struct bridge *b)
{
	for (unsigned i = 0; i < TABLE_PLACES; i++) {
		struct export *export = &b->exports.places[i];
		if (!export->references || export->revoked)
			continue;
		if (export->ticket && b->now > export->ticket_until)
			export_delete(b, export);
		else if (!slot_is_used(SLOT_EXPORT + i))
			export_revoke(b, export);
	}
	for (int place = 0; place < NAMES_EACH; place++) {
		if (b->names.claims[NAMES_SELF][place].stamp && !slot_is_used(SLOT_NAME + (unsigned)place))
			name_give_up(b, place);
	}
}

/* --- out ---------------------------------------------------------------------------------------- */

static struct wire_cap proxy_out(struct bridge *b, unsigned peer, seL4_Word badge, struct dependent dependent)
{
	unsigned home;
	const struct import *import = import_of_badge(b, badge, &home);

	if (!import)
		return (struct wire_cap){.kind = WIRE_ABSENT};
	if (home == peer)
		return (struct wire_cap){
			.kind = WIRE_YOURS, .object = import->object, .number = import->number};
	return third_out(b, peer, import, dependent);
}

static struct wire_cap own_out(struct bridge *b, unsigned peer, unsigned slot)
{
	unsigned object = object_of(slot);
	uint32_t number = object ? export_add(&b->exports, peer, object) : 0;

	if (!number) {
		slot_delete(slot);
		return (struct wire_cap){.kind = WIRE_ABSENT};
	}
	slot_move(SLOT_EXPORT + table_place(number), slot);
	return (struct wire_cap){.kind = WIRE_MINE, .object = (uint8_t)object, .number = number};
}

struct wire_cap cap_out(struct bridge *b, unsigned peer, bool unwrapped, seL4_Word badge, unsigned slot,
			struct dependent dependent)
{
	struct wire_cap cap = unwrapped ? proxy_out(b, peer, badge, dependent) : own_out(b, peer, slot);

	if (cap.kind == WIRE_ABSENT)
		b->counters.absent++;
	return cap;
}

void caps_check(struct bridge *b, unsigned peer, struct wire_cap *caps, unsigned count)
{
	struct export *export;

	for (unsigned i = 0; i < count; i++) {
		if (caps[i].kind == WIRE_MINE &&
		    (export_look(&b->exports, peer, caps[i].number, &export) != TABLE_LIVE ||
		     export->revoked))
			caps[i] = (struct wire_cap){.kind = WIRE_ABSENT};
	}
}

void caps_drop(struct bridge *b, unsigned peer, struct wire_cap *caps, unsigned count)
{
	struct export *export;

	for (unsigned i = 0; i < count; i++) {
		if (caps[i].kind != WIRE_MINE ||
		    export_look(&b->exports, peer, caps[i].number, &export) != TABLE_LIVE || export->revoked)
			continue;
		if (export->references > 1)
			export->references--;
		else
			export_delete(b, export);
	}
}

/* --- in ----------------------------------------------------------------------------------------- */

bool cap_in(struct bridge *b, unsigned peer, struct wire_cap *cap, struct dependent dependent)
{
	struct export *export;
	struct import *import;

	switch (cap->kind) {
	case WIRE_MINE:
		import = import_take(b, peer, cap->number, cap->object);
		if (!import)
			return false;
		*cap = (struct wire_cap){.kind = CAP_IMPORTED, .number = import_name(&b->imports, import)};
		return true;
	case WIRE_YOURS:
		if (export_look(&b->exports, peer, cap->number, &export) != TABLE_NEVER)
			return true;
		peer_blame(b, peer, WIRE_REASON_BAD_EXPORT);
		return false;
	case WIRE_THIRD:
		*cap = third_in(b, peer, cap, dependent);
		return true;
	default:
		return true;
	}
}

/* The slot of what came in, or 0: it is gone again, or was absent. */
static unsigned slot_of(struct bridge *b, unsigned peer, const struct wire_cap *cap)
{
	struct export *export;

	if (cap->kind == WIRE_YOURS && export_look(&b->exports, peer, cap->number, &export) == TABLE_LIVE &&
	    !export->revoked)
		return SLOT_EXPORT + export_place(&b->exports, export);
	if (cap->kind != CAP_IMPORTED)
		return 0;
	struct import *import = import_by_name(&b->imports, cap->number);
	if (!import)
		return 0;
	import->given++;
	import->released = false;
	return SLOT_IMPORT + import_place(&b->imports, import);
}

/* Of proxies the kernel gives a receiver one. */
unsigned caps_deliver(struct bridge *b, unsigned peer, const struct wire_cap *caps, unsigned count,
		      seL4_Word slots[WIRE_CAPS])
{
	unsigned delivered = 0;
	bool imported = false;

	for (unsigned i = 0; i < count; i++) {
		if (caps[i].kind == CAP_IMPORTED && imported) {
			caps_forget(b, &caps[i], 1);
			continue;
		}
		unsigned slot = slot_of(b, peer, &caps[i]);
		if (slot)
			slots[delivered++] = slot;
		imported |= slot && caps[i].kind == CAP_IMPORTED;
	}
	return delivered;
}

unsigned caps_answer(struct bridge *b, unsigned peer, uint16_t reply, const struct wire_cap *caps,
		     unsigned count, seL4_Word slots[WIRE_CAPS])
{
	if (count == 0 || (reply != TABLE_NONE && slot_is_used(SLOT_REPLY + reply)))
		return caps_deliver(b, peer, caps, count, slots);
	caps_forget(b, caps, count);
	return 0;
}

void caps_forget(struct bridge *b, const struct wire_cap *caps, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct import *import =
			caps[i].kind == CAP_IMPORTED ? import_by_name(&b->imports, caps[i].number) : NULL;
		if (import && !import->given) {
			import->released = true;
			import_settle(b, import);
		}
	}
}

void cap_ready(struct bridge *b, struct dependent dependent, struct wire_cap cap)
{
	if (dependent.index >= BRIDGE_OPERATIONS)
		worker_cap_ready(b, dependent, cap);
	else
		operation_cap_ready(b, dependent, cap);
}
