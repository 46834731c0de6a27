/*
 * Capabilities and untyped memory: every object is made from untyped memory, every right is a
 * capability in a slot, copies can only lose rights, and revoking an original takes back all that
 * was made from it, memory included.
 */
#include <stdio.h>
#include <skerry/check.h>
#include <skerry/object.h>

#define ROOT seL4_CapInitThreadCNode

static seL4_Error copy(seL4_CPtr to, seL4_CPtr from, seL4_CapRights_t rights)
{
	return seL4_CNode_Copy(ROOT, to, SK_DEPTH, ROOT, from, SK_DEPTH, rights);
}

static seL4_Error mint(seL4_CPtr to, seL4_CPtr from, seL4_Word badge)
{
	return seL4_CNode_Mint(ROOT, to, SK_DEPTH, ROOT, from, SK_DEPTH, seL4_AllRights, badge);
}

static seL4_Error retype(seL4_CPtr untyped, seL4_Word type, seL4_CPtr to)
{
	return seL4_Untyped_Retype(untyped, type, 0, ROOT, 0, 0, to, 1);
}

/* An empty slot is one that nothing can be moved from. */
static const char *state(seL4_CPtr slot)
{
	seL4_CPtr target = sk_slot_new();
	seL4_Error error = seL4_CNode_Move(ROOT, target, SK_DEPTH, ROOT, slot, SK_DEPTH);

	if (error == seL4_NoError)
		sk_must(seL4_CNode_Move(ROOT, slot, SK_DEPTH, ROOT, target, SK_DEPTH));
	return error == seL4_NoError ? "full" : "empty";
}

int main(void)
{
	seL4_CPtr untyped = sk_untyped_new(seL4_PageBits);
	seL4_CPtr slot = sk_slots_new(6);
	seL4_CPtr endpoint = slot + 2, reader = slot + 3, badged = slot + 4, again = slot + 5;
	seL4_Error error;

	printf("4096 bytes of untyped memory:\n");
	printf("  a thread:       %s\n", sk_error_name(retype(untyped, seL4_TCBObject, slot)));
	printf("  an endpoint:    %s\n", sk_error_name(retype(untyped, seL4_EndpointObject, endpoint)));
	error = retype(untyped, seL4_TCBObject, slot + 1);
	printf("  another thread: %s, %lu bytes are left\n", sk_error_name(error), seL4_GetMR(0));

	printf("The endpoint's capability:\n");
	printf("  a copy that may only receive: %s\n", sk_error_name(copy(reader, endpoint, seL4_CanRead)));
	error = seL4_MessageInfo_get_label(seL4_Call(reader, seL4_MessageInfo_new(0, 0, 0, 0)));
	printf("  to send through it:           %s\n", sk_error_name(error));
	printf("  a copy with badge 7:          %s\n", sk_error_name(mint(badged, endpoint, 7)));
	printf("  to badge that one again:      %s\n", sk_error_name(mint(again, badged, 8)));
	printf("  a copy onto a full slot:      %s\n", sk_error_name(copy(badged, endpoint, seL4_AllRights)));

	printf("Revoke the endpoint's capability:\n");
	sk_must(seL4_CNode_Revoke(ROOT, endpoint, SK_DEPTH));
	printf("  original %s, receiver's copy %s, badged copy %s\n", state(endpoint), state(reader),
	       state(badged));

	printf("Revoke the untyped memory:\n");
	sk_must(seL4_CNode_Revoke(ROOT, untyped, SK_DEPTH));
	printf("  thread %s, endpoint %s\n", state(slot), state(endpoint));
	printf("  a whole page of it:   %s\n", sk_error_name(retype(untyped, seL4_RISCV_4K_Page, slot)));
	return 0;
}
