/*
 * What programs for upstream's kernel avoid, because it is known to differ there (doc/ABI.md) or to hang:
 *
 * - Nobody resumes or suspends a thread that may have a fault which its handler has not received. The
 *   director receives those of some workers at once. So that it knows about the others, a worker does not
 *   suspend itself when an action has ended, but calls an endpoint, and the director takes the message. Who
 *   has not called may have faulted, and a new thread takes its place before it is resumed; once registers have
 *   been copied, none is believed until all are new. Faults go to endpoints that are never deleted, through
 *   capabilities with which CancelBadgedSends is refused.
 * - No worker changes its own address space, nor has one without anybody noticing: a debug kernel
 *   stops with a failed assertion when a message goes to a thread whose address space is gone.
 * - No CNode or TCB that is deleted has the last capability for a CNode or TCB: those that workers make are
 *   only in whole CSpaces, which last as long as a world.
 * - No stack pointer lies in the kernel's half, of which 39 bits decide. When a fault cannot be delivered,
 *   the debug kernel prints what lies on the thread's stack, and hangs if that is where there is no memory.
 * - The one interrupt that comes always has a notification (guest_world.c), and nobody else runs as long as
 *   it may come: it is that of the UART, and when the debug kernel prints, it comes again.
 */
#include "test/fuzz/guest.h"

/* From the linker's command line. */
extern char fuzz_avoid[];

#define PARK_LABEL 0x5eed /* of no other message */

bool is_avoiding(void)
{
	return (seL4_Word)fuzz_avoid == 1; /* a compiler thinks that no address is 0 */
}

seL4_Word park_info(void)
{
	return (is_avoiding() ? seL4_MessageInfo_new(PARK_LABEL, 0, 0, 1)
			      : seL4_MessageInfo_new(TCBSuspend, 0, 0, 0))
		.words[0];
}

seL4_Word stack_word(seL4_Word word)
{
	return is_avoiding() ? word & ~(1ul << 38) : word;
}

/* The worker whose number is in the message has surely sent it: nobody else can have it for its own. */
static bool is_parked(unsigned index, seL4_MessageInfo_t info)
{
	return seL4_MessageInfo_get_label(info) == PARK_LABEL &&
	       seL4_GetMR(0) == fuzz.worker[index].page->number && !(fuzz.suspects & ~(1u << index));
}

/* Every capability for the endpoint that workers can have is badged: 0 is nobody. */
void avoid_collect(void)
{
	seL4_MessageInfo_t info;
	seL4_Word badge;

	while (is_avoiding()) {
		info = seL4_NBRecv(park_endpoint(), &badge);
		trace(badge);
		if (!badge)
			break;
		trace(info.words[0]);
		say(" (%#lx: %#lx, %#lx %#lx)", badge, info.words[0], seL4_GetMR(0), seL4_GetMR(1));
		for (unsigned i = 0; i < seL4_MessageInfo_get_length(info); i++)
			trace(seL4_GetMR((int)i));
		for (unsigned i = 0; i < WORKERS; i++)
			if (is_parked(i, info))
				fuzz.worker[i].is_parked = true;
	}
}

bool avoid_unanswered(unsigned index)
{
	return is_avoiding() && !fuzz.worker[index].is_parked && !fuzz.worker[index].is_answered;
}

void avoid_before_act(unsigned index)
{
	if (avoid_unanswered(index))
		worker_renew(index);
	fuzz.worker[index].is_parked = false;
}

void avoid_before_resuming(unsigned index)
{
	for (unsigned i = 0; i < WORKERS; i++)
		if (i != index)
			avoid_before_act(i);
}

/* --- calls -------------------------------------------------------------------------------------------- */

/* Might the call let another thread run? */
static bool resumes(const struct call *call)
{
	return call->label == TCBResume || (call->label == TCBWriteRegisters && call->word[0] & 1) ||
	       (call->label == TCBCopyRegisters && call->word[0] & 2);
}

/* Is that surely a slot of a whole CSpace, never of a small CNode? */
static bool is_plain(seL4_Word root, seL4_Word depth)
{
	return root == SLOT_SELF || root == SLOT_GUARDED || (root == SLOT_DEEP && depth <= DEEP_DEPTH);
}

/* Is there surely no capability for a CNode or TCB? */
static bool is_other(const struct call *call, seL4_Word root, const seL4_Word *place)
{
	unsigned type;

	if (fuzz.is_race || call->worker->is_moved || !is_plain(root, place[1]))
		return false;
	type = type_now(call->worker->cspace, place[0] % CSPACE_SLOTS);
	return type != TYPE_CNode && type != TYPE_Thread;
}

/* The capabilities by which whole CSpaces are reached, and for the director's endpoint, stay where they are.
 */
static void keep(seL4_Word *place)
{
	seL4_Word at = place[0] % CSPACE_SLOTS;

	if (place[1] != NODE_BITS &&
	    (at == SLOT_SELF || at == SLOT_DEEP || at == SLOT_GUARDED || at == SLOT_ANSWERED))
		place[0] += SLOT_FREE;
}

/* In a CSpace with another guard than a fault handler's address has, that leads to slot 0: no endpoint comes
 * there. */
static void keep_empty(seL4_Word *place)
{
	if (place[1] != NODE_BITS && place[0] % CSPACE_SLOTS == 0)
		place[0] += SLOT_FREE;
}

/* No small CNode comes to hold a capability for a small CNode, and nothing goes or comes that should stay or
 * not. */
static void avoid_places(struct call *call)
{
	seL4_Word *word = call->word;

	switch (call->label) {
	case UntypedRetype:
		if ((word[0] == seL4_CapTableObject || word[0] == seL4_TCBObject) &&
		    (!is_plain(call->cap[0], 0) || word[3]))
			word[0] = seL4_NotificationObject;
		if (!word[4]) /* of a CNode that may be a whole CSpace: as keep_empty() */
			word[4] = SLOT_SELF;
		break;
	case CNodeDelete:
		keep(word);
		break;
	case CNodeMove:
	case CNodeMutate:
		keep(word + 2);
		/* fall through */
	case CNodeCopy:
	case CNodeMint:
		keep_empty(word);
		if (!is_plain(call->cptr, word[1]) && !is_other(call, call->cap[0], word + 2))
			call->cptr = SLOT_SELF;
		break;
	case CNodeRotate:
		keep_empty(word);
		keep_empty(word + 3);
		keep(word + 3);
		keep(word + 6);
		if ((is_plain(call->cptr, word[1]) && is_plain(call->cap[0], word[4])) ||
		    (is_other(call, call->cap[0], word + 3) && is_other(call, call->cap[1], word + 6)))
			break;
		call->cptr = call->cap[0] = SLOT_SELF;
		break;
	default:
		break;
	}
}

/* In a race, a thread may have faulted since the director looked. */
static void avoid_stopping(struct call *call)
{
	switch (call->label) {
	case TCBSuspend:
	case TCBResume:
		call->label = TCBUnbindNotification;
		break;
	case TCBCopyRegisters:
		call->word[0] &= ~3ul;
		break;
	case TCBReadRegisters:
	case TCBWriteRegisters:
		call->word[0] &= ~1ul;
		break;
	default:
		break;
	}
}

/* What a thread is given to stand on, by another: no small CNode, and no fault handler but the director. */
static void avoid_configuring(struct call *call)
{
	unsigned self = (unsigned)(call->worker - fuzz.worker);
	unsigned other = (self + 1 + (unsigned)below(WORKERS - 1)) % WORKERS;

	call->cptr = SLOT_TCB + other;
	fuzz.worker[other].is_moved = true;
	if (!is_plain(call->cap[0], 0))
		call->cap[0] = SLOT_SELF;
	if (call->word[0] != SLOT_ANSWERED)
		call->word[0] = SLOT_SELF;
}

void avoid_call(struct call *call)
{
	avoid_places(call);
	if (fuzz.is_race)
		avoid_stopping(call);
	if (call->label == TCBCopyRegisters && call->word[0] & 8)
		fuzz.suspects =
			(1u << WORKERS) - 1; /* thread pointers, by which actions end in another's name */
	if (resumes(call)) {
		if (call->label != TCBCopyRegisters) /* then it is one already: copy_once() */
			call->cptr = SLOT_TCB + below(WORKERS);
		avoid_before_resuming((unsigned)(call->worker - fuzz.worker));
	}
	if (call->label == TCBConfigure || call->label == TCBSetSpace)
		avoid_configuring(call);
}
