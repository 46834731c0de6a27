/* The methods of CNodes (invocations.md §6). The invoked CNode is the root of the destination. */
#include "kernel/core/kernel.h"
#include "kernel/core/message.h"

/* Copy, Mint, Mutate and Move after the source was found: what ends up in the destination. */
static enum outcome insert_copy(struct call *call, struct slot *destination, struct slot *source,
				struct cap wanted)
{
	struct cap copy = wanted;
	seL4_Error error = cap_is_null(wanted) ? seL4_NoError : cap_derive(source, wanted, &copy);

	if (error != seL4_NoError)
		return call_fail(call, error);
	if (cap_is_null(copy))
		return call_fail(call, seL4_IllegalOperation);
	slot_insert(destination, copy, source);
	return OUTCOME_DONE;
}

static enum outcome move_cap(struct call *call, struct slot *destination, struct slot *source, struct cap cap)
{
	if (cap_is_null(cap))
		return call_fail(call, seL4_IllegalOperation);
	call->kernel->deletion_head = 0; /* it may be what is moved */
	slot_move(destination, source, cap);
	return OUTCOME_DONE;
}

static enum outcome decode_transfer(struct call *call, struct slot *destination)
{
	struct slot *source;
	struct cap cap;
	enum outcome outcome;

	if (call->length < 4 || call->extra.count < 1)
		return call_fail(call, seL4_TruncatedMessage);
	if (!slot_is_empty(destination))
		return call_fail(call, seL4_DeleteFirst);
	outcome = lookup_target(call, true, call->extra.slot[0]->cap, call_word(call, 2), call_word(call, 3),
				&source);
	if (outcome != OUTCOME_DONE)
		return outcome;
	if (slot_is_empty(source))
		return call_fail_missing(call, true, (unsigned)call_word(call, 3));
	cap = source->cap;
	switch (call->label) {
	case LABEL_CNodeCopy:
		if (call->length < 5)
			return call_fail(call, seL4_TruncatedMessage);
		return insert_copy(call, destination, source, cap_mask_rights(cap, call_word(call, 4)));
	case LABEL_CNodeMint:
		if (call->length < 6)
			return call_fail(call, seL4_TruncatedMessage);
		cap = cap_mask_rights(cap, call_word(call, 4));
		return insert_copy(call, destination, source,
				   cap_update_data(cap, false, call_word(call, 5)));
	case LABEL_CNodeMutate:
		if (call->length < 5)
			return call_fail(call, seL4_TruncatedMessage);
		return move_cap(call, destination, source, cap_update_data(cap, true, call_word(call, 4)));
	default: /* LABEL_CNodeMove */
		return move_cap(call, destination, source, cap);
	}
}

static enum outcome decode_rotate(struct call *call, struct slot *destination)
{
	struct slot *source, *pivot;
	struct cap source_cap, pivot_cap;
	enum outcome outcome;

	if (call->length < 8 || call->extra.count < 2)
		return call_fail(call, seL4_TruncatedMessage);
	outcome = lookup_target(call, true, call->extra.slot[1]->cap, call_word(call, 6), call_word(call, 7),
				&source);
	if (outcome == OUTCOME_DONE)
		outcome = lookup_target(call, true, call->extra.slot[0]->cap, call_word(call, 3),
					call_word(call, 4), &pivot);
	if (outcome != OUTCOME_DONE)
		return outcome;
	if (pivot == source || pivot == destination)
		return call_fail(call, seL4_IllegalOperation);
	if (source != destination && !slot_is_empty(destination))
		return call_fail(call, seL4_DeleteFirst);
	if (slot_is_empty(source))
		return call_fail_missing(call, true, (unsigned)call_word(call, 7));
	if (slot_is_empty(pivot))
		return call_fail_missing(call, false, (unsigned)call_word(call, 4));
	source_cap = cap_update_data(source->cap, true, call_word(call, 5));
	pivot_cap = cap_update_data(pivot->cap, true, call_word(call, 2));
	if (cap_is_null(source_cap) || cap_is_null(pivot_cap))
		return call_fail(call, seL4_IllegalOperation);

	call->kernel->deletion_head = 0; /* it may be what is moved */
	if (source == destination) {
		slot_swap(source, source_cap, pivot, pivot_cap);
	} else {
		slot_move(destination, pivot, pivot_cap);
		slot_move(pivot, source, source_cap);
	}
	return OUTCOME_DONE;
}

/*
 * CancelBadgedSends is about the senders that are queued when it begins: a restarted call must not count
 * those that have queued up since, or it might never end; a new call must. So a preempted call is marked, in
 * its message information, where it reads as nothing: whoever gives the thread other registers takes the mark
 * away.
 */
#define INFO_BEGUN (4ull << INFO_UNWRAP_SHIFT)

static bool take_mark(struct tcb *caller)
{
	uint64_t info = isa_info(&caller->context);
	bool begun = caller->cancelling && (info & INFO_BEGUN);

	caller->cancelling = false;
	if (begun)
		isa_set_info(&caller->context, info & ~INFO_BEGUN);
	return begun;
}

static void set_mark(struct tcb *caller)
{
	caller->cancelling = true;
	isa_set_info(&caller->context, isa_info(&caller->context) | INFO_BEGUN);
}

static enum outcome decode_cancel_badged_sends(struct call *call, const struct slot *slot, bool begun)
{
	struct cap cap = slot->cap;
	enum outcome outcome;

	if (cap_type(cap) != CAP_Endpoint || cap_rights(cap) != RIGHTS_ALL)
		return call_fail(call, seL4_IllegalOperation);
	if (cap_badge(cap) == 0)
		return OUTCOME_DONE;
	outcome = endpoint_cancel_badged(call->kernel, endpoint_at(cap_object(cap)), cap_badge(cap), &begun);
	if (outcome == OUTCOME_PREEMPTED && begun)
		set_mark(call->caller);
	return outcome;
}

static enum outcome decode_save_caller(struct call *call, struct slot *destination)
{
	struct slot *caller = &call->caller->slot[TCB_CALLER];

	if (!slot_is_empty(destination))
		return call_fail(call, seL4_DeleteFirst);
	if (!slot_is_empty(caller))
		slot_move(destination, caller, caller->cap);
	return OUTCOME_DONE;
}

enum outcome decode_cnode(struct call *call)
{
	struct slot *slot;
	enum outcome outcome;
	bool begun = call->label == LABEL_CNodeCancelBadgedSends && take_mark(call->caller);

	if (call->label < LABEL_CNodeRevoke || call->label > LABEL_CNodeSaveCaller)
		return call_fail(call, seL4_IllegalOperation);
	if (call->length < 2)
		return call_fail(call, seL4_TruncatedMessage);
	outcome = lookup_target(call, false, call->cap, call_word(call, 0), call_word(call, 1), &slot);
	if (outcome != OUTCOME_DONE)
		return outcome;
	switch (call->label) {
	case LABEL_CNodeRevoke:
		return slot_revoke(call->kernel, slot);
	case LABEL_CNodeDelete:
		return slot_delete(call->kernel, slot);
	case LABEL_CNodeCancelBadgedSends:
		return decode_cancel_badged_sends(call, slot, begun);
	case LABEL_CNodeRotate:
		return decode_rotate(call, slot);
	case LABEL_CNodeSaveCaller:
		return decode_save_caller(call, slot);
	default:
		return decode_transfer(call, slot);
	}
}
