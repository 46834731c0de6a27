/* Untyped memory: Retype's checks, what new objects are, watermark, reset, devices. */
#include "conform.h"

#include <skerry/device.h>

static seL4_CPtr ut, slots;

static seL4_Error retype(seL4_CPtr untyped, seL4_Word type, seL4_Word bits, seL4_CPtr first, seL4_Word count)
{
	return seL4_Untyped_Retype(untyped, type, bits, ROOT, 0, 0, first, count);
}

static void order_of_checks(void)
{
	section("Untyped_Retype", "invocations.md §4");
	seL4_CPtr full = sk_slot_new(), device = sk_device_untyped(0x10008000, 12);
	seL4_CPtr used = sk_untyped_new(12), child = sk_slot_new();
	seL4_Word root_slots = LIBSEL4_BIT(ROOT_BITS);
	struct request good =
		REQUEST(ut, UntypedRetype, CAPS(ROOT), ARGS(seL4_EndpointObject, 0, ROOT, 64, slots, 1));

	sk_must(retype(ut, seL4_EndpointObject, 0, full, 1));
	sk_must(retype(used, seL4_UntypedObject, 11, child, 1));
	CHECKS(good, {"label 0", OUT(IllegalOperation), {LABEL(0)}},
	       {"a TCB's label", OUT(IllegalOperation), {LABEL(TCBSuspend)}},
	       {"length 5", OUT(TruncatedMessage), {LENGTH(5)}},
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"type out of range", OUT(InvalidArgument, 0), {ARG(0, 9)}},
	       {"size_bits 64", OUT(RangeError, 0, 38), {ARG(1, 64)}},
	       {"size_bits 39, untyped", OUT(RangeError, 0, 38), {ARG(0, 0), ARG(1, 39)}},
	       {"root is not a CNode", FAILED(0, InvalidRoot), {CAP(0, SELF)}}, WALK_CHECKS(0, 3),
	       {"node is not a CNode", FAILED(0, MissingCapability, 64), {ARG(2, SELF)}},
	       {"node_offset", OUT(RangeError, 0, root_slots - 1), {ARG(4, root_slots)}},
	       {"no objects", OUT(RangeError, 1, 256), {ARG(5, 0)}},
	       {"257 objects", OUT(RangeError, 1, 256), {ARG(5, 257)}},
	       {"more than slots", OUT(RangeError, 1, 2), {ARG(4, root_slots - 2), ARG(5, 3)}},
	       {"destination not empty", OUT(DeleteFirst), {ARG(4, full)}},
	       {"no room", OUT(NotEnoughMemory, 2048), {OBJECT(used), ARG(0, seL4_RISCV_4K_Page), ARG(5, 1)}},
	       {"endpoint from a device", OUT(InvalidArgument, 1), {OBJECT(device)}});
	section("Untyped_Retype", "invocations.md §4, 13");
	TRY("CNode of 0 bits", OUT(InvalidArgument, 1), ut, UntypedRetype, CAPS(ROOT),
	    ARGS(4, 0, 0, 0, slots, 1));
	TRY("untyped of 3 bits", OUT(InvalidArgument, 1), ut, UntypedRetype, CAPS(ROOT),
	    ARGS(0, 3, 0, 0, slots, 1));
	TRY("CNode of 0 bits, root not a CNode", OUT(InvalidArgument, 1), ut, UntypedRetype, CAPS(SELF),
	    ARGS(4, 0, 0, 0, slots, 1));
	TRY("TCB with size_bits 100", OUT(RangeError, 0, 38), ut, UntypedRetype, CAPS(ROOT),
	    ARGS(1, 100, 0, 0, slots, 1));
	TRY("TCB with size_bits 63", OUT(NoError), ut, UntypedRetype, CAPS(ROOT),
	    ARGS(1, 63, 0, 0, slots, 1));
	TRY("CNode with size_bits 34", OUT(RangeError, 0, 38), ut, UntypedRetype, CAPS(ROOT),
	    ARGS(4, 34, 0, 0, slots, 1));
	TRY("CNode with size_bits 33", OUT(NotEnoughMemory, LIBSEL4_BIT(20) - 4096), ut, UntypedRetype,
	    CAPS(ROOT), ARGS(4, 33, 0, 0, slots + 1, 1));
	TRY("root is null, depth 0", FAILED(0, MissingCapability, 0), ut, UntypedRetype, CAPS(0),
	    ARGS(2, 0, 0, 0, slots + 1, 1));
	TRY("type 8 is the last one", OUT(NoError), ut, UntypedRetype, CAPS(ROOT),
	    ARGS(8, 0, 0, 0, slots + 1, 1));
	TRY("an empty slot as node", FAILED(0, MissingCapability, 64), ut, UntypedRetype, CAPS(ROOT),
	    ARGS(2, 0, slots + 9, 64, slots + 2, 1));
	TRY("the last of three slots is taken", OUT(DeleteFirst), ut, UntypedRetype, CAPS(ROOT),
	    ARGS(2, 0, 0, 0, full - 2, 3));
	is("a failed retype has made nothing", full - 1, TYPE_NULL);
	TRY("TCB from a device", OUT(InvalidArgument, 1), device, UntypedRetype, CAPS(ROOT),
	    ARGS(1, 0, 0, 0, slots + 2, 1));
	TRY("page table from a device", OUT(InvalidArgument, 1), device, UntypedRetype, CAPS(ROOT),
	    ARGS(8, 0, 0, 0, slots + 2, 1));
	TRY("frame from a device", OUT(NoError), device, UntypedRetype, CAPS(ROOT),
	    ARGS(6, 0, 0, 0, slots + 2, 1));
	TRY("a full device: no room, before its type", OUT(NotEnoughMemory, 0), device, UntypedRetype,
	    CAPS(ROOT), ARGS(2, 0, 0, 0, slots + 3, 1));
	for (seL4_CPtr slot = slots; slot < slots + 3; slot++)
		cap_delete(slot);
	sk_must(cap_revoke(ut));
}

static void new_objects(void)
{
	static const struct {
		const char *name;
		seL4_Word type, bits, identity;
	} types[] = {
		{"untyped", 0, 4, TYPE_UNTYPED},   {"TCB", 1, 0, TYPE_TCB},
		{"endpoint", 2, 0, TYPE_ENDPOINT}, {"notification", 3, 0, TYPE_NOTIFICATION},
		{"CNode", 4, 1, TYPE_CNODE},       {"4K page", 6, 0, TYPE_FRAME},
		{"page table", 8, 0, TYPE_TABLE},
	};

	section("new objects", "capabilities.md §1-2");
	for (unsigned i = 0; i < LENGTH_OF(types); i++) {
		sk_must(retype(ut, types[i].type, types[i].bits, slots, 1));
		is(types[i].name, slots, types[i].identity);
		sk_must(cap_delete(slots));
	}
	section("new objects", "invocations.md §4, types.md §5");
	sk_must(retype(ut, 1, 0, slots, 1));
	seL4_UserContext regs;
	memset(&regs, 0xff, sizeof regs);
	sk_must(seL4_TCB_ReadRegisters(slots, 0, 0, 32, &regs));
	bool zero = true;
	for (unsigned i = 0; i < 32; i++)
		zero = zero && ((seL4_Word *)&regs)[i] == 0;
	check("a new TCB's registers are 0", zero);
	TRY("a new TCB's MCP is 0", OUT(RangeError, 0, 0), SELF, TCBSetPriority, CAPS(slots), ARGS(1));
	sk_must(retype(ut, 4, 4, slots + 1, 1));
	TRY("a new CNode has no guard", OUT(NoError), slots + 1, CNodeDelete, CAPS(), ARGS(15, 4));
	sk_must(retype(ut, 6, 0, slots + 2, 1));
	volatile seL4_Word *page = sk_address_new(1);
	sk_must(sk_map(VSPACE, slots + 2, (seL4_Word)page, seL4_ReadWrite, 0));
	equal("a new frame is read-write and zero", *page, 0);
	*page = 77;
	sk_must(cap_revoke(ut));
	sk_must(retype(ut, 6, 0, slots, 4));
	bool clean = true;
	for (unsigned i = 0; i < 4; i++) {
		sk_must(sk_map(VSPACE, slots + i, (seL4_Word)page, seL4_ReadWrite, 0));
		clean = clean && *page == 0;
		sk_must(seL4_RISCV_Page_Unmap(slots + i));
	}
	check("memory used before is cleared", clean);
	sk_must(cap_revoke(ut));
}

static seL4_Word paddr(seL4_CPtr frame)
{
	return seL4_RISCV_Page_GetAddress(frame).paddr;
}

static void watermark(void)
{
	section("watermark", "invocations.md §4");
	seL4_CPtr small = sk_untyped_new(12);
	sk_must(retype(small, 2, 0, slots, 1));
	TRY("worked example: TCB after an endpoint", OUT(NoError), small, UntypedRetype, CAPS(ROOT),
	    ARGS(1, 0, 0, 0, slots + 1, 1));
	TRY("worked example: another TCB", OUT(NotEnoughMemory, 0), small, UntypedRetype, CAPS(ROOT),
	    ARGS(1, 0, 0, 0, slots + 2, 1));
	cap_delete(slots);
	TRY("one of two children gone: still full", OUT(NotEnoughMemory, 0), small, UntypedRetype, CAPS(ROOT),
	    ARGS(2, 0, 0, 0, slots + 2, 1));
	cap_delete(slots + 1);
	TRY("the last child gone: all again", OUT(NoError), small, UntypedRetype, CAPS(ROOT),
	    ARGS(1, 0, 0, 0, slots, 2));
	TRY("in the middle of a run", OUT(NotEnoughMemory, 0), small, UntypedRetype, CAPS(ROOT),
	    ARGS(2, 0, 0, 0, slots + 2, 1));
	sk_must(cap_revoke(small));
	TRY("256 endpoints", OUT(NoError), small, UntypedRetype, CAPS(ROOT), ARGS(2, 0, 0, 0, slots, 256));
	is("the last of 256", slots + 255, TYPE_ENDPOINT);
	sk_must(cap_revoke(small));
	is("revoked: none left", slots + 255, TYPE_NULL);
	TRY("257th byte range", OUT(NotEnoughMemory, 4096), small, UntypedRetype, CAPS(ROOT),
	    ARGS(1, 0, 0, 0, slots, 3));

	sk_must(retype(ut, 6, 0, slots, 3));
	seL4_Word base = paddr(slots);
	equal("objects ascend", paddr(slots + 1), base + 4096);
	equal("objects ascend, third", paddr(slots + 2), base + 8192);
	sk_must(retype(ut, 2, 0, slots + 3, 1));
	sk_must(retype(ut, 6, 0, slots + 4, 1));
	equal("aligned up after an endpoint", paddr(slots + 4), base + 4 * 4096);
	sk_must(cap_revoke(ut));
	sk_must(retype(ut, 6, 0, slots, 1));
	equal("starts again at offset 0", paddr(slots), base);
	sk_must(cap_revoke(ut));
}

static void copies(void)
{
	section("copies of untyped", "capabilities.md §3.3, ipc.md §8");
	seL4_CPtr small = sk_untyped_new(12), copy = sk_cap_copy(small);
	TRY("from a source that was copied", OUT(NotEnoughMemory, 0), small, UntypedRetype, CAPS(ROOT),
	    ARGS(2, 0, 0, 0, slots, 1));
	TRY("from the copy", OUT(NoError), copy, UntypedRetype, CAPS(ROOT), ARGS(2, 0, 0, 0, slots, 1));
	TRY("copy of an untyped with children", OUT(RevokeFirst), ROOT, CNodeCopy, CAPS(ROOT),
	    ARGS(slots + 1, 64, small, 64, 15));
	sk_must(cap_delete(slots));
	sk_must(cap_delete(copy));
	TRY("after the copy is gone", OUT(NoError), small, UntypedRetype, CAPS(ROOT),
	    ARGS(2, 0, 0, 0, slots, 1));
	cap_delete(slots);
	sk_must(retype(small, 0, 11, slots, 2));
	sk_must(retype(slots, 2, 0, slots + 2, 4));
	sk_must(cap_revoke(small));
	is("grandchildren are revoked with their parent", slots + 5, TYPE_NULL);
	sk_must(retype(small, 0, 11, slots, 2));
	sk_must(retype(slots, 2, 0, slots + 2, 1));
	sk_must(cap_delete(slots));
	is("deleting an untyped leaves its objects", slots + 2, TYPE_ENDPOINT);
	sk_must(cap_delete(slots + 1));
	TRY("memory is not free while a grandchild lives", OUT(NotEnoughMemory, 0), small, UntypedRetype,
	    CAPS(ROOT), ARGS(2, 0, 0, 0, slots, 1));
	sk_must(cap_revoke(small));
	is("such a grandchild is revoked", slots + 2, TYPE_NULL);
}

static void devices(void)
{
	section("device memory", "invocations.md §4");
	seL4_CPtr device = sk_device_untyped(0x1000c000, 13);
	sk_must(retype(device, 0, 12, slots, 2));
	TRY("an untyped child is a device, too", OUT(InvalidArgument, 1), slots, UntypedRetype, CAPS(ROOT),
	    ARGS(2, 0, 0, 0, slots + 2, 1));
	sk_must(retype(slots + 1, 6, 0, slots + 2, 1));
	equal("a frame has the device's address", paddr(slots + 2), 0x1000d000);
	TRY("an IPC buffer cannot be there", OUT(IllegalOperation), SELF, TCBSetIPCBuffer, CAPS(slots + 2),
	    ARGS(0x30000000));
	sk_must(cap_revoke(device));
	TRY("a CNode elsewhere as node, by depth", OUT(NoError), ut, UntypedRetype, CAPS(ROOT),
	    ARGS(4, 4, 0, 0, slots, 1));
	TRY("objects into it", OUT(NoError), ut, UntypedRetype, CAPS(ROOT), ARGS(2, 0, slots, 64, 13, 3));
	TRY("one more than it holds", OUT(RangeError, 1, 3), ut, UntypedRetype, CAPS(ROOT),
	    ARGS(2, 0, slots, 64, 13, 4));
	TRY("behind it", OUT(RangeError, 0, 15), ut, UntypedRetype, CAPS(ROOT), ARGS(2, 0, slots, 64, 16, 1));
	TRY("it as the root itself", OUT(NoError), ut, UntypedRetype, CAPS(slots), ARGS(2, 0, 0, 0, 0, 13));
	sk_must(cap_revoke(ut));
}

int main(void)
{
	conform_begin("untyped");
	ut = sk_untyped_new(20);
	slots = sk_slots_new(300);
	order_of_checks();
	new_objects();
	watermark();
	copies();
	devices();
	return conform_end();
}
