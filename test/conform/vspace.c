/* Address spaces: tables, frames, ASID pools; rights, remapping, what a deletion leaves. */
#include "conform.h"

#include <skerry/device.h>

static seL4_CPtr vs, table, frame, slots, ep, unassigned, lost;
static struct peer peer; /* tries addresses in our own space */
static seL4_CPtr fault_ep;

#define VA 0x40000000ul /* the start of a 1 GiB slot in which nothing is mapped */

/* An assigned root whose pool is gone. */
static seL4_CPtr lost_root(void)
{
	seL4_CPtr ut = sk_untyped_new(12), pool = sk_slot_new();
	seL4_CPtr root = sk_object_new(seL4_RISCV_PageTableObject, 0);
	sk_must(seL4_RISCV_ASIDControl_MakePool(seL4_CapASIDControl, ut, ROOT, pool, 64));
	sk_must(seL4_RISCV_ASIDPool_Assign(pool, root));
	sk_must(cap_delete(pool));
	return root;
}

static void table_checks(void)
{
	section("PageTable_Map", "invocations.md §9, 13");
	CHECKS(REQUEST(table, RISCVPageTableMap, CAPS(vs), ARGS(VA, 0)),
	       {"label 0", OUT(IllegalOperation), {LABEL(0)}},
	       {"a frame's label", OUT(IllegalOperation), {LABEL(RISCVPageMap)}},
	       {"length 1", OUT(TruncatedMessage), {LENGTH(1)}},
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"already a root", OUT(InvalidCapability, 0), {OBJECT(vs)}},
	       {"into an endpoint", OUT(InvalidCapability, 1), {CAP(0, ep)}},
	       {"address at the top", OUT(InvalidArgument, 0), {ARG(0, seL4_UserTop)}},
	       {"its pool is gone", FAILED(0, InvalidRoot), {CAP(0, lost)}});
	TRY("into an unassigned table", OUT(InvalidCapability, 1), table, RISCVPageTableMap, CAPS(unassigned),
	    ARGS(VA, 0));
	TRY("address 2^63", OUT(InvalidArgument, 0), table, RISCVPageTableMap, CAPS(vs), ARGS(1ul << 63, 0));
	TRY("level 2, low bits ignored", OUT(NoError), table, RISCVPageTableMap, CAPS(vs),
	    ARGS(VA + 0x123457, 7));
	TRY("again: already mapped", OUT(InvalidCapability, 0), table, RISCVPageTableMap, CAPS(vs),
	    ARGS(VA, 0));
	seL4_CPtr level1 = sk_object_new(seL4_RISCV_PageTableObject, 0),
		  more = sk_object_new(seL4_RISCV_PageTableObject, 0);
	TRY("an inner table as root", OUT(InvalidCapability, 1), level1, RISCVPageTableMap, CAPS(table),
	    ARGS(VA, 0));
	TRY("level 1", OUT(NoError), level1, RISCVPageTableMap, CAPS(vs), ARGS(VA, 0));
	TRY("no level left", OUT(DeleteFirst), more, RISCVPageTableMap, CAPS(vs), ARGS(VA, 0));
	TRY("another 2 MiB", OUT(NoError), more, RISCVPageTableMap, CAPS(vs), ARGS(VA + 0x200000, 0));
	section("PageTable_Unmap", "invocations.md §9");
	seL4_CPtr copy = sk_cap_copy(more);
	CHECKS(REQUEST(more, RISCVPageTableUnmap, CAPS(), ARGS()),
	       {"label 0", OUT(IllegalOperation), {LABEL(0)}},
	       {"two capabilities", OUT(RevokeFirst), {OBJECT(more)}},
	       {"a root", OUT(RevokeFirst), {OBJECT(vs)}});
	sk_must(cap_delete(copy));
	TRY("the only one", OUT(NoError), more, RISCVPageTableUnmap, CAPS(), ARGS());
	TRY("not mapped", OUT(NoError), more, RISCVPageTableUnmap, CAPS(), ARGS());
	TRY("then it can be mapped again", OUT(NoError), more, RISCVPageTableMap, CAPS(vs),
	    ARGS(VA + 0x400000, 0));
	TRY("unmapping frees the place", OUT(NoError), level1, RISCVPageTableUnmap, CAPS(), ARGS());
	TRY("for another", OUT(NoError), level1, RISCVPageTableMap, CAPS(vs), ARGS(VA + 0x200000, 0));
	sk_must(cap_delete(more));
	more = sk_object_new(seL4_RISCV_PageTableObject, 0);
	TRY("a deleted one frees its place, too", OUT(NoError), more, RISCVPageTableMap, CAPS(vs),
	    ARGS(VA + 0x400000, 0));
}

static void page_checks(void)
{
	seL4_CPtr mega = sk_object_new(seL4_RISCV_Mega_Page, 0), other = sk_vspace_new(),
		  mapped = sk_frame_new();
	seL4_Word va = VA + 0x200000;

	section("Page_Map", "invocations.md §9, 13");
	sk_must(seL4_RISCV_Page_Map(mapped, vs, va + 0x5000, seL4_ReadWrite, 0));
	CHECKS(REQUEST(frame, RISCVPageMap, CAPS(vs), ARGS(va, 3, 0)),
	       {"label 0", OUT(IllegalOperation), {LABEL(0)}},
	       {"a table's label", OUT(IllegalOperation), {LABEL(RISCVPageTableMap)}},
	       {"length 2", OUT(TruncatedMessage), {LENGTH(2)}},
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"into an endpoint", OUT(InvalidCapability, 1), {CAP(0, ep)}},
	       {"its pool is gone", FAILED(0, InvalidRoot), {CAP(0, lost)}},
	       {"an inner table as root", OUT(InvalidCapability, 1), {CAP(0, table)}},
	       {"address at the top", OUT(InvalidArgument, 0), {ARG(0, seL4_UserTop)}},
	       {"not aligned", OUT(AlignmentError), {ARG(0, va + 0x1008)}},
	       {"no level 1", FAILED(0, MissingCapability, 21), {ARG(0, VA)}});
	TRY("mapped: in another space without tables", FAILED(0, MissingCapability, 30), mapped, RISCVPageMap,
	    CAPS(other), ARGS(va, 3, 0));
	TRY("into an unassigned table", OUT(InvalidCapability, 1), frame, RISCVPageMap, CAPS(unassigned),
	    ARGS(va, 3, 0));
	TRY("at the top and not aligned", OUT(InvalidArgument, 0), frame, RISCVPageMap, CAPS(vs),
	    ARGS(seL4_UserTop + 8, 3, 0));
	TRY("the end is past 2^64: modulo", OUT(AlignmentError), frame, RISCVPageMap, CAPS(vs),
	    ARGS(~0ul - 0xff, 3, 0));
	TRY("the last page", FAILED(0, MissingCapability, 30), frame, RISCVPageMap, CAPS(vs),
	    ARGS(seL4_UserTop - 4096, 3, 0));
	TRY("fresh vspace", FAILED(0, MissingCapability, 30), frame, RISCVPageMap, CAPS(other),
	    ARGS(va, 3, 0));
	TRY("a frame over another", OUT(DeleteFirst), frame, RISCVPageMap, CAPS(vs), ARGS(va + 0x5000, 3, 0));
	TRY("mapped: at another address", OUT(InvalidArgument, 0), mapped, RISCVPageMap, CAPS(vs),
	    ARGS(va, 3, 0));
	TRY("mapped: at another address without table", FAILED(0, MissingCapability, 21), mapped,
	    RISCVPageMap, CAPS(vs), ARGS(VA, 3, 0));
	TRY("mapped: the same again", OUT(NoError), mapped, RISCVPageMap, CAPS(vs), ARGS(va + 0x5000, 2, 1));
	seL4_CPtr t2 = sk_object_new(8, 0), t1 = sk_object_new(8, 0);
	sk_must(seL4_RISCV_PageTable_Map(t2, other, va, 0));
	sk_must(seL4_RISCV_PageTable_Map(t1, other, va, 0));
	TRY("mapped: in another space that has tables", OUT(InvalidCapability, 1), mapped, RISCVPageMap,
	    CAPS(other), ARGS(va + 0x5000, 3, 0));
	seL4_CPtr copy = sk_cap_copy(mapped);
	TRY("a copy of it can be mapped there", OUT(NoError), copy, RISCVPageMap, CAPS(other),
	    ARGS(va + 0x5000, 3, 0));
	TRY("2 MiB where a table is", FAILED(0, MissingCapability, 12), mega, RISCVPageMap, CAPS(vs),
	    ARGS(va, 3, 0));
	TRY("2 MiB, not aligned", OUT(AlignmentError), mega, RISCVPageMap, CAPS(vs), ARGS(VA + 0x1000, 3, 0));
	TRY("2 MiB", OUT(NoError), mega, RISCVPageMap, CAPS(vs), ARGS(VA, 3, 0));
	TRY("4 KiB under a 2 MiB page", FAILED(0, MissingCapability, 21), frame, RISCVPageMap, CAPS(vs),
	    ARGS(VA, 3, 0));
	TRY("a table under a 2 MiB page", OUT(DeleteFirst), unassigned, RISCVPageTableMap, CAPS(vs),
	    ARGS(VA, 0));
	TRY("2 MiB, no level 2", FAILED(0, MissingCapability, 30), sk_object_new(seL4_RISCV_Mega_Page, 0),
	    RISCVPageMap, CAPS(vs), ARGS(VA + 0x40000000, 3, 0));
	seL4_CPtr device = sk_device_untyped(0x4000000000, 30), giga = sk_slot_new();
	if (check("device memory of 1 GiB",
		  device && !seL4_Untyped_Retype(device, seL4_RISCV_Giga_Page, 0, ROOT, 0, 0, giga, 1))) {
		TRY("1 GiB where a table is", FAILED(0, MissingCapability, 21), giga, RISCVPageMap, CAPS(vs),
		    ARGS(VA, 3, 0));
		TRY("1 GiB", OUT(NoError), giga, RISCVPageMap, CAPS(vs), ARGS(VA * 4, 3, 0));
		TRY("its address", OUT(NoError, 0x4000000000), giga, RISCVPageGetAddress, CAPS(), ARGS());
		TRY("1 GiB unmapped", OUT(NoError), giga, RISCVPageUnmap, CAPS(), ARGS());
	}

	section("Page_Unmap, Page_GetAddress", "invocations.md §9");
	TRY("Unmap", OUT(NoError), mapped, RISCVPageUnmap, CAPS(), ARGS());
	TRY("Unmap again", OUT(NoError), mapped, RISCVPageUnmap, CAPS(), ARGS());
	TRY("then anywhere", OUT(NoError), mapped, RISCVPageMap, CAPS(vs), ARGS(va + 0x6000, 3, 0));
	struct outcome o = invoke(REQUEST(mapped, RISCVPageGetAddress, CAPS(), ARGS()));
	check("GetAddress: one word, aligned", o.label == 0 && o.length == 1 && o.mr[0] && !(o.mr[0] & 4095));
	/* A stale mapping: the table under it is gone. */
	sk_must(cap_delete(vs));
	TRY("its space is gone: Unmap succeeds", OUT(NoError), mapped, RISCVPageUnmap, CAPS(), ARGS());
	TRY("and of a 2 MiB page", OUT(NoError), mega, RISCVPageUnmap, CAPS(), ARGS());
	vs = sk_vspace_new();
	TRY("a table whose space is gone", OUT(NoError), table, RISCVPageTableUnmap, CAPS(), ARGS());
	TRY("it maps again", OUT(NoError), table, RISCVPageTableMap, CAPS(vs), ARGS(VA, 0));
}

static void pools(void)
{
	seL4_CPtr ut = sk_untyped_new(12), big = sk_untyped_new(13), used = sk_untyped_new(12);
	seL4_CPtr device = sk_device_untyped(0x1000e000, 12), full = sk_endpoint_new();

	section("ASIDControl_MakePool", "invocations.md §9");
	sk_must(seL4_Untyped_Retype(used, 2, 0, ROOT, 0, 0, slots + 5, 1));
	CHECKS(REQUEST(seL4_CapASIDControl, RISCVASIDControlMakePool, CAPS(ut, ROOT), ARGS(slots, 64)),
	       {"label 0", OUT(IllegalOperation), {LABEL(0)}},
	       {"a pool's label", OUT(IllegalOperation), {LABEL(RISCVASIDPoolAssign)}},
	       {"length 1", OUT(TruncatedMessage), {LENGTH(1)}},
	       {"one capability", OUT(TruncatedMessage), {NCAPS(1)}},
	       {"from an endpoint", OUT(InvalidCapability, 1), {CAP(0, ep)}},
	       {"from a device", OUT(InvalidCapability, 1), {CAP(0, device)}},
	       {"from 2^13 bytes", OUT(InvalidCapability, 1), {CAP(0, big)}},
	       {"untyped with children", OUT(RevokeFirst), {CAP(0, used)}}, ROOT_CHECKS(0, 1, 1),
	       {"destination not empty", OUT(DeleteFirst), {ARG(0, full)}});
	TRY("good", OUT(NoError), seL4_CapASIDControl, RISCVASIDControlMakePool, CAPS(ut, ROOT),
	    ARGS(slots, 64));
	is("a pool", slots, TYPE_ASID_POOL);
	TRY("the untyped is used up", OUT(NotEnoughMemory, 0), ut, UntypedRetype, CAPS(ROOT),
	    ARGS(2, 0, 0, 0, slots + 1, 1));

	section("ASIDPool_Assign", "invocations.md §9");
	seL4_CPtr stale = sk_slot_new();
	sk_must(seL4_CNode_Copy(ROOT, stale, 64, ROOT, slots, 64, seL4_AllRights));
	CHECKS(REQUEST(slots, RISCVASIDPoolAssign, CAPS(unassigned), ARGS()),
	       {"label 0", OUT(IllegalOperation), {LABEL(0)}},
	       {"ASIDControl's label", OUT(IllegalOperation), {LABEL(RISCVASIDControlMakePool)}},
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"an endpoint", OUT(InvalidCapability, 1), {CAP(0, ep)}});
	TRY("a root", OUT(InvalidCapability, 1), slots, RISCVASIDPoolAssign, CAPS(vs), ARGS());
	TRY("an inner table", OUT(InvalidCapability, 1), slots, RISCVASIDPoolAssign, CAPS(table), ARGS());
	seL4_CPtr ut2 = sk_untyped_new(22), roots = sk_slots_new(513);
	sk_must(seL4_Untyped_Retype(ut2, 8, 0, ROOT, 0, 0, roots, 256));
	sk_must(seL4_Untyped_Retype(ut2, 8, 0, ROOT, 0, 0, roots + 256, 256));
	sk_must(seL4_Untyped_Retype(ut2, 8, 0, ROOT, 0, 0, roots + 512, 1));
	bool all = true;
	for (unsigned i = 0; i < 512; i++)
		all = all && !seL4_RISCV_ASIDPool_Assign(slots, roots + i);
	check("512 of them", all);
	TRY("the pool is full", OUT(DeleteFirst), slots, RISCVASIDPoolAssign, CAPS(roots + 512), ARGS());
	sk_must(cap_delete(roots + 100));
	TRY("one deleted: one free", OUT(NoError), slots, RISCVASIDPoolAssign, CAPS(roots + 512), ARGS());
	sk_must(cap_revoke(ut2));
	TRY("all deleted", OUT(NoError), slots, RISCVASIDPoolAssign, CAPS(unassigned), ARGS());

	section("ASID pools", "invocations.md §9, capabilities.md §6");
	/* All pools: 128, of which the first is the root server's; two more were made above. */
	seL4_CPtr memory = sk_untyped_new(20), uts = sk_slots_new(128), made = sk_slots_new(128);
	unsigned count = 0;
	sk_must(seL4_Untyped_Retype(memory, 0, 12, ROOT, 0, 0, uts, 128));
	while (count < 128 &&
	       !seL4_RISCV_ASIDControl_MakePool(seL4_CapASIDControl, uts + count, ROOT, made + count, 64))
		count++;
	equal("128 in all", count, 126);
	TRY("no more: DeleteFirst, before the untyped", OUT(DeleteFirst), seL4_CapASIDControl,
	    RISCVASIDControlMakePool, CAPS(ep, ROOT), ARGS(made + 127, 64));
	sk_must(cap_revoke(memory));
	sk_must(cap_delete(slots));
	sk_must(cap_delete(stale));
	TRY("the pool of a space deleted: maps no more", FAILED(0, InvalidRoot), frame, RISCVPageMap,
	    CAPS(unassigned), ARGS(VA, 3, 0));
}

/* --- what a thread sees ----------------------------------------------------------------------------------
 */

extern char try_load[], try_store[], try_jump[], try_end[];
__asm__(".text\n.option push\n.option norvc\n.balign 4\n"
	"try_load: ld a0, 0(a1)\n	j try_end\n"
	"try_store: sd a0, 0(a1)\n	j try_end\n"
	"try_jump: la ra, try_end\n	jr a1\n"
	"try_end: .word 0\n.option pop\n");

/* Can it? A fault at its closing instruction says yes. */
static bool can(const char *what, seL4_Word address)
{
	seL4_UserContext regs = {.pc = (seL4_Word)what, .a1 = address};

	sk_must(seL4_TCB_WriteRegisters(peer.thread.tcb, 1, 0, 32, &regs));
	struct received f = poll(fault_ep);
	return f.came && f.label == seL4_Fault_UserException && f.mr[0] == (seL4_Word)try_end;
}

static void access(void)
{
	static const struct {
		const char *name;
		seL4_Word rights, attributes;
		bool load, store, jump;
	} rows[] = {
		{"read-write", 3, 0, true, true, true},
		{"read-write, never executed", 3, 1, true, true, false},
		{"read-only", 2, 0, true, false, true},
		{"read-only, never executed", 2, 1, true, false, false},
		{"write-only: execute only", 1, 0, false, false, true},
		{"no rights: execute only", 0, 0, false, false, true},
		{"no rights, never executed", 0, 1, false, false, false},
		{"unknown attributes", 3, 0xfffffffffffffffe, true, true, true},
		{"unknown rights", 0xfffffffffffffff3, 1, true, true, false},
	};
	char name[80];
	seL4_CPtr page = sk_frame_new();
	seL4_Word va = (seL4_Word)sk_address_new(1);
	volatile uint32_t *code = (uint32_t *)va;

	section("access", "types.md §8-9, capabilities.md §3.1");
	sk_must(sk_map(VSPACE, page, va, seL4_ReadWrite, 0));
	code[0] = 0x00008067; /* ret */
	__asm__ volatile("fence.i" ::: "memory");
	for (unsigned i = 0; i < LENGTH_OF(rows); i++) {
		TRY("remapped", OUT(NoError), page, RISCVPageMap, CAPS(VSPACE),
		    ARGS(va, rows[i].rights, rows[i].attributes));
		snprintf(name, sizeof name, "%s: load", rows[i].name);
		equal(name, can(try_load, va + 8), rows[i].load);
		snprintf(name, sizeof name, "%s: store", rows[i].name);
		equal(name, can(try_store, va + 8), rows[i].store);
		snprintf(name, sizeof name, "%s: jump", rows[i].name);
		equal(name, can(try_jump, va), rows[i].jump);
	}
	seL4_CPtr weak = sk_cap_mint(page, seL4_CanRead, 0);
	seL4_Word va2 = (seL4_Word)sk_address_new(1);
	sk_must(sk_map(VSPACE, weak, va2, seL4_ReadWrite, 0));
	check("a read-only capability maps read-only", can(try_load, va2) && !can(try_store, va2 + 8));
	seL4_CPtr again = sk_cap_mint(weak, seL4_AllRights, 0);
	sk_must(seL4_RISCV_Page_Unmap(weak));
	sk_must(sk_map(VSPACE, again, va2, seL4_ReadWrite, 0));
	check("rights are never raised", can(try_load, va2) && !can(try_store, va2 + 8));
	seL4_CPtr only_write = sk_cap_mint(page, seL4_CanWrite, 0);
	seL4_Word va3 = (seL4_Word)sk_address_new(1);
	sk_must(sk_map(VSPACE, only_write, va3, seL4_ReadWrite, 1));
	check("a write-only capability maps nothing for users",
	      !can(try_load, va3) && !can(try_store, va3 + 8));

	section("what goes with a capability", "capabilities.md §6, ipc.md §8");
	sk_must(cap_delete(again));
	check("deleting a copy removes its mapping", !can(try_load, va2));
	sk_must(seL4_RISCV_Page_Map(page, VSPACE, va, seL4_ReadWrite, 0));
	check("the original's mapping is unaffected", can(try_store, va + 8));
	sk_must(seL4_RISCV_Page_Unmap(page));
	check("unmapped", !can(try_load, va));
	sk_must(seL4_RISCV_Page_Map(page, VSPACE, va, seL4_ReadWrite, 0));
	check("mapped again, the content is there", can(try_load, va) && code[0] == 0x00008067);
	seL4_CPtr moved = sk_slot_new();
	sk_must(cap_move(moved, page));
	check("moving the capability keeps the mapping", can(try_load, va));
	sk_must(cap_delete(moved));
	check("deleting it does not", !can(try_load, va));
}

/* A change to a large page is one to all of it, also where it was used before. */
static void large_pages(void)
{
	seL4_CPtr mega = sk_object_new(seL4_RISCV_Mega_Page, 0);
	const seL4_Word va = 0x3080000000, far = va + 0x3000, last = va + 0x1ff000;

	section("large pages", "invocations.md §9");
	sk_must(sk_map(VSPACE, mega, va, seL4_ReadWrite, 0));
	*(volatile uint32_t *)far = 0x00008067; /* ret */
	__asm__ volatile("fence.i" ::: "memory");
	check("used in three ways", can(try_store, va + 8) && can(try_store, last) && can(try_jump, far));
	sk_must(seL4_RISCV_Page_Map(mega, VSPACE, va, seL4_CanRead, 1));
	check("remapped read-only: no store", !can(try_store, va + 8) && !can(try_store, last));
	check("remapped never executed: no jump", !can(try_jump, far));
	check("it can still be read", can(try_load, far) && can(try_load, last));
	sk_must(seL4_RISCV_Page_Unmap(mega));
	check("unmapped: no load", !can(try_load, va) && !can(try_load, far) && !can(try_load, last));
	sk_must(sk_map(VSPACE, mega, va, seL4_ReadWrite, 0));
	check("mapped again", can(try_store, far + 8) && can(try_load, last));
	sk_must(cap_delete(mega));
	check("deleted: nothing", !can(try_load, va) && !can(try_store, far + 8) && !can(try_load, last));
}

/* Threads in spaces that are none. */
static void broken_spaces(void)
{
	section("spaces that are none", "invocations.md §5.1, capabilities.md §6");
	seL4_CPtr space = sk_vspace_new(), inner = sk_object_new(8, 0);
	sk_must(seL4_TCB_SetSpace(peer.thread.tcb, fault_ep, ROOT, 0, space, 0));
	check("an empty one: nothing to run", !can(try_load, 0));
	sk_must(seL4_RISCV_PageTable_Map(inner, VSPACE, 0x3000000000, 0));
	TRY("an inner table as thread's space", OUT(NoError), peer.thread.tcb, TCBSetSpace, CAPS(ROOT, inner),
	    ARGS(fault_ep, 0, 0));
	check("it has no user mappings", !can(try_load, 0));
	sk_must(seL4_TCB_SetSpace(peer.thread.tcb, fault_ep, ROOT, 0, space, 0));
	sk_must(cap_delete(space));
	check("deleted: no user mappings", !can(try_load, 0));
	sk_must(seL4_TCB_SetSpace(peer.thread.tcb, fault_ep, ROOT, 0, VSPACE, 0));
	check("ours again", can(try_load, (seL4_Word)&peer));
}

int main(void)
{
	conform_begin("vspace");
	ep = sk_endpoint_new();
	fault_ep = sk_endpoint_new();
	peer_new(&peer, HIGH, fault_ep);
	vs = sk_vspace_new();
	lost = lost_root();
	table = sk_object_new(seL4_RISCV_PageTableObject, 0);
	unassigned = sk_object_new(seL4_RISCV_PageTableObject, 0);
	frame = sk_frame_new();
	slots = sk_slots_new(8);
	table_checks();
	page_checks();
	pools();
	access();
	large_pages();
	broken_spaces();
	return conform_end();
}
