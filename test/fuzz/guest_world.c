/*
 * What a world is made of: see guest.h. Everything comes from one untyped; revoking that ends a world.
 * What must outlive worlds is the memory that the director shares with the workers.
 */
#include "test/fuzz/guest.h"

#include <string.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/vspace.h>

#define ROOT         seL4_CapInitThreadCNode
#define MEMORY_BITS  24
#define PROCESS_BITS 15 /* of a process's own tables */
#define GUARD(bits)  (seL4_CNode_CapData_new(0, bits).words[0])

/* Slots of the root CNode. Of a process: its memory, tables, copies of frames. */
enum {
	PROCESS_TABLES = 3,
	PROCESS_FRAMES = 2 + WORKERS,
	PROCESS_SLOTS = 1 + PROCESS_TABLES + PROCESS_FRAMES
};
static struct {
	seL4_CPtr memory;          /* worlds */
	seL4_CPtr device;          /* the device memory at NO_DEVICE */
	seL4_CPtr thread;          /* memory of each worker's TCB, and of each spare one */
	seL4_CPtr stub, log, page; /* frames; the workers' pages follow each other */
	seL4_CPtr spaces;          /* the director's CSpace; see director_cspace() */
	seL4_CPtr cspace, tcb, endpoint, notification, frame, process;
	seL4_CPtr irq; /* handler of the UART; made when avoiding */
	seL4_CPtr crowd, crowd_memory;
	seL4_CPtr got; /* where the director receives a capability */
} slot;

static volatile unsigned char *uart;

extern char crt_image_start[], stub_page[];

seL4_CPtr worker_tcb(unsigned worker)
{
	return slot.tcb + worker;
}

seL4_CPtr worker_cptr(const struct worker *worker, seL4_Word at)
{
	if (worker->reach == REACH_FLAT || at >= CSPACE_SLOTS)
		return at;
	if (worker->reach == REACH_DEEP)
		return (seL4_Word)SLOT_DEEP << DEEP_DEPTH | at;
	return (seL4_Word)ROOT_GUARD << (seL4_WordBits - ROOT_GUARD_BITS) |
	       (seL4_Word)SLOT_GUARDED << GUARDED_DEPTH | GUARDED_GUARD << CSPACE_BITS | at;
}

seL4_CPtr director_endpoint(unsigned endpoint)
{
	return slot.endpoint + endpoint;
}

seL4_CPtr park_endpoint(void)
{
	return slot.endpoint + ENDPOINTS;
}

seL4_CPtr fault_endpoint(void)
{
	return slot.endpoint + ENDPOINTS + 1;
}

/* --- once --------------------------------------------------------------------------------------------- */

static seL4_Word root_bits(void)
{
	return seL4_GetBootInfo()->initThreadCNodeSizeBits;
}

/*
 * The director sees everything: its own slots under their numbers, those of fuzzed CSpace k from (k + 1) <<
 * root_bits() on. Slot 2 is still the root CNode with all bits of an index counting.
 */
static void director_cspace(void)
{
	seL4_Word bits = 2, guard = seL4_WordBits - bits - root_bits();

	slot.spaces = sk_object_new(seL4_CapTableObject, bits);
	sk_must(seL4_CNode_Mint(slot.spaces, 0, (seL4_Uint8)bits, ROOT, ROOT, SK_DEPTH, seL4_AllRights,
				GUARD(0)));
	sk_must(seL4_TCB_SetSpace(seL4_CapInitThreadTCB, 0, slot.spaces, GUARD(guard),
				  seL4_CapInitThreadVSpace, 0));
}

seL4_CPtr director_cptr(unsigned cspace, seL4_Word at)
{
	return (cspace + 1ul) << root_bits() | at;
}

void director_receive_path(void)
{
	seL4_SetCapReceivePath(ROOT, slot.got, SK_DEPTH);
}

unsigned director_received(void)
{
	unsigned type = (unsigned)seL4_DebugCapIdentify(slot.got);

	sk_must(seL4_CNode_Delete(ROOT, slot.got, SK_DEPTH));
	return type;
}

seL4_Error save_caller(unsigned cspace, seL4_Word at)
{
	return seL4_CNode_SaveCaller(slot.cspace + cspace, at, CSPACE_BITS);
}

/* Not if there is something in that slot. */
bool lend_irq_control(const struct worker *worker)
{
	return worker->lent < CSPACE_SLOTS &&
	       seL4_CNode_Move(slot.cspace + worker->cspace, worker->lent, CSPACE_BITS, ROOT,
			       seL4_CapIRQControl, SK_DEPTH) == seL4_NoError;
}

void take_irq_control(const struct worker *worker)
{
	sk_must(seL4_CNode_Move(ROOT, seL4_CapIRQControl, SK_DEPTH, slot.cspace + worker->cspace,
				worker->lent, CSPACE_BITS));
}

static seL4_Error make(seL4_Word type, seL4_Word bits, seL4_CNode node, seL4_Word offset, seL4_Word count)
{
	return seL4_Untyped_Retype(slot.memory, type, bits, node, 0, 0, offset, count);
}

/* Where it lies depends on the size of the device tree: addresses are seen relative to it. */
static void memory_find(void)
{
	sk_must(make(seL4_RISCV_4K_Page, 0, ROOT, slot.frame, 1));
	fuzz.memory_paddr = seL4_RISCV_Page_GetAddress(slot.frame).paddr;
	sk_must(seL4_CNode_Revoke(ROOT, slot.memory, SK_DEPTH));
}

static seL4_CPtr device_memory(const seL4_BootInfo *info)
{
	for (seL4_CPtr i = info->untyped.start; i < info->untyped.end; i++)
		if (info->untypedList[i - info->untyped.start].paddr == NO_DEVICE)
			return i;
	sk_panic("there is no device memory at %#lx", NO_DEVICE);
}

void world_prepare(void)
{
	const seL4_BootInfo *info = seL4_GetBootInfo();
	char *pages;

	slot.memory = sk_untyped_new(MEMORY_BITS);
	slot.device = device_memory(info);
	slot.thread = sk_objects_new(seL4_UntypedObject, seL4_TCBBits, WORKERS + SPARES);
	slot.stub = info->userImageFrames.start + (seL4_Word)(stub_page - crt_image_start) / SK_PAGE_BYTES;
	fuzz.log = sk_pages_new(1, &slot.log);
	pages = sk_pages_new(WORKERS, &slot.page);
	for (unsigned i = 0; i < WORKERS; i++) {
		fuzz.worker[i].page = (struct worker_page *)(pages + i * SK_PAGE_BYTES);
		fuzz.worker[i].address = PAGE_ADDRESS + i * SK_PAGE_BYTES;
	}
	slot.cspace = sk_slots_new(CSPACES);
	slot.tcb = sk_slots_new(WORKERS + SPARES);
	slot.got = sk_slot_new();
	slot.crowd = sk_slot_new();
	slot.crowd_memory = sk_object_new(seL4_UntypedObject, seL4_NotificationBits);
	slot.endpoint = sk_slots_new(ENDPOINTS + 2);
	slot.notification = sk_slots_new(NOTIFICATIONS);
	slot.frame = sk_slots_new(FRAMES);
	slot.process = sk_slots_new(PROCESSES * PROCESS_SLOTS);
	slot.irq = sk_slot_new();
	for (unsigned i = 0; i < PROCESSES; i++)
		sk_must(seL4_CNode_Move(ROOT, slot.process + i * PROCESS_SLOTS, SK_DEPTH, ROOT,
					sk_untyped_new(PROCESS_BITS), SK_DEPTH));
	director_cspace();
	memory_find();
	uart = sk_device_map(SK_UART_PADDR);
	if (is_avoiding())
		sk_must(seL4_IRQControl_Get(seL4_CapIRQControl, SK_UART_IRQ, ROOT, slot.irq, SK_DEPTH));
	sk_must(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, DIRECTOR_PRIO));
}

/* --- making things ------------------------------------------------------------------------------------ */

static seL4_Error give(unsigned cspace, seL4_Word to, seL4_CPtr cap, seL4_Word rights, seL4_Word badge)
{
	return seL4_CNode_Mint(slot.cspace + cspace, to, CSPACE_BITS, ROOT, cap, SK_DEPTH,
			       (seL4_CapRights_t){{rights}}, badge);
}

/* Only the stub is executed: numbers in the other pages might be a loop. */
static void process_map(seL4_CPtr vspace, seL4_CPtr frame, seL4_CPtr copy, seL4_Word address)
{
	bool stub = frame == slot.stub;

	sk_must(seL4_CNode_Copy(ROOT, copy, SK_DEPTH, ROOT, frame, SK_DEPTH, seL4_AllRights));
	sk_must(seL4_RISCV_Page_Map(copy, vspace, address, stub ? seL4_CanRead : seL4_ReadWrite,
				    stub ? seL4_RISCV_Default_VMAttributes : seL4_RISCV_ExecuteNever));
}

/* Its root table, two more tables, and its view of stub, log and the workers' pages. */
void process_make(unsigned process)
{
	seL4_CPtr memory = slot.process + process * PROCESS_SLOTS, vspace = memory + 1,
		  copy = vspace + PROCESS_TABLES;

	sk_must(seL4_Untyped_Retype(memory, seL4_RISCV_PageTableObject, 0, ROOT, 0, 0, vspace,
				    PROCESS_TABLES));
	sk_must(seL4_RISCV_ASIDPool_Assign(seL4_CapInitThreadASIDPool, vspace));
	for (unsigned i = 1; i < PROCESS_TABLES; i++)
		sk_must(seL4_RISCV_PageTable_Map(vspace + i, vspace, STUB_ADDRESS,
						 seL4_RISCV_Default_VMAttributes));
	process_map(vspace, slot.stub, copy, STUB_ADDRESS);
	process_map(vspace, slot.log, copy + 1, LOG_ADDRESS);
	for (unsigned i = 0; i < WORKERS; i++)
		process_map(vspace, slot.page + i, copy + 2 + i, fuzz.worker[i].address);
}

/* Mappings first or address space first. */
void process_end(unsigned process)
{
	seL4_CPtr memory = slot.process + process * PROCESS_SLOTS, copy = memory + 1 + PROCESS_TABLES;
	bool frames_first = chance(50);

	if (!frames_first)
		sk_must(seL4_CNode_Revoke(ROOT, memory, SK_DEPTH));
	for (seL4_CPtr i = copy; i < copy + PROCESS_FRAMES; i++)
		sk_must(seL4_CNode_Delete(ROOT, i, SK_DEPTH));
	if (frames_first)
		sk_must(seL4_CNode_Revoke(ROOT, memory, SK_DEPTH));
}

void worker_set_priority(unsigned worker, unsigned step)
{
	seL4_Word priority = fuzz.is_race ? WORKER_PRIO : WORKER_PRIO + step * 8 + worker;

	sk_must(seL4_TCB_SetSchedParams(worker_tcb(worker), seL4_CapInitThreadTCB, WORKER_MCP, priority));
}

static void thread_make(unsigned index)
{
	sk_must(seL4_Untyped_Retype(slot.thread + index, seL4_TCBObject, 0, ROOT, 0, 0, worker_tcb(index),
				    1));
}

static void thread_replace(unsigned index)
{
	sk_must(seL4_CNode_Revoke(ROOT, slot.thread + index, SK_DEPTH));
	thread_make(index);
}

static seL4_Error configure(unsigned index)
{
	const struct worker *worker = &fuzz.worker[index];
	seL4_CPtr vspace = slot.process + worker->process * PROCESS_SLOTS + 1;
	const seL4_Word guard[REACHES] = {GUARD(seL4_WordBits - CSPACE_BITS), GUARD(0),
					  seL4_CNode_CapData_new(ROOT_GUARD, ROOT_GUARD_BITS).words[0]};

	seL4_CPtr handler = worker_cptr(worker, worker->is_answered ? SLOT_ANSWERED : SLOT_FAULT);

	return seL4_TCB_Configure(worker_tcb(index), handler, slot.cspace + worker->cspace,
				  guard[worker->reach], vspace, 0, worker->address + PAGE_BUFFER,
				  slot.page + index);
}

/*
 * A thread that holds the last capability of its CNode keeps it: configuring it is an error. It goes, and a
 * new one takes its place.
 */
void worker_configure(unsigned index)
{
	struct worker *worker = &fuzz.worker[index];
	struct worker_page *page = worker->page;
	seL4_Error error;

	worker->is_moved = false;
	worker->is_answered = chance(60) && !avoid_unanswered(index);
	worker->reach = chance(70) ? REACH_FLAT : chance(50) ? REACH_DEEP : REACH_GUARDED;
	error = configure(index);
	trace(error);
	if (error != seL4_NoError) {
		thread_replace(index);
		sk_must(configure(index));
	}
	seL4_TCB_SetFlags(worker_tcb(index), seL4_TCBFlag_MASK, 0);
	worker_set_priority(index, 0);
	page->worker = index;
	page->park_cap = worker_cptr(worker, is_avoiding() ? SLOT_PARK : SLOT_TCB + index);
	page->park_info = park_info();
}

/* A new thread in a worker's place. */
void worker_renew(unsigned index)
{
	thread_replace(index);
	fuzz.worker[index].is_parked = true; /* it has never run */
	fuzz.suspects &= ~(1u << index);
	worker_configure(index);
	for (unsigned i = 0; i < CSPACES; i++)
		restore(i);
}

/*
 * An interrupt of the UART, which has nothing to send and is asked to say so, for an instant: if it comes, it
 * comes at once. While its line is masked it goes unnoticed.
 */
void interrupt(void)
{
	enum { INTERRUPT_ENABLE = 1, TRANSMITTER_EMPTY = 2 };

	if (is_avoiding())
		sk_must(seL4_IRQHandler_SetNotification(slot.irq, slot.notification + below(NOTIFICATIONS)));
	uart[INTERRUPT_ENABLE] = TRANSMITTER_EMPTY;
	__asm__ volatile("fence" ::: "memory");
	uart[INTERRUPT_ENABLE] = 0;
}

/* --- what CSpaces hold -------------------------------------------------------------------------------- */

/* Without an unmap before, the frame moves or gets other rights; another may be in the way. */
void remap(unsigned frame)
{
	seL4_CPtr cap = slot.frame + frame;
	seL4_Word rights = chance(70) ? 3 : below(16), address;

	if (chance(60)) {
		trace(seL4_RISCV_Page_Unmap(cap));
		say("unmap frame %u", frame);
	}
	if (chance(70)) {
		address = chance(80) ? STUB_ADDRESS + ((16 + below(4)) << seL4_PageBits) : window_address();
		if (chance(60)) {
			fuzz.frame[frame].address = address;
			fuzz.frame[frame].process = (unsigned)below(PROCESSES);
		}
		say("map frame %u in process %u at %#lx with %#lx", frame, fuzz.frame[frame].process,
		    fuzz.frame[frame].address, rights);
		trace(seL4_RISCV_Page_Map(cap, slot.process + fuzz.frame[frame].process * PROCESS_SLOTS + 1,
					  fuzz.frame[frame].address, (seL4_CapRights_t){{rights}},
					  below(5) == 0));
	}
}

static seL4_Word random_rights(void)
{
	return chance(60) ? 15 : below(16);
}

static seL4_Error refill_object(unsigned cspace, seL4_Word to)
{
	static const struct {
		unsigned char type, bits;
	} object[] = {{seL4_UntypedObject, 12},
		      {seL4_UntypedObject, 12},
		      {seL4_UntypedObject, 13},
		      {seL4_UntypedObject, 14},
		      {seL4_UntypedObject, 14},
		      {seL4_UntypedObject, seL4_LargePageBits},
		      {seL4_CapTableObject, NODE_BITS},
		      {seL4_RISCV_PageTableObject, 0},
		      {seL4_RISCV_PageTableObject, 0},
		      {seL4_RISCV_4K_Page, 0},
		      {seL4_RISCV_4K_Page, 0},
		      {seL4_RISCV_4K_Page, 0},
		      {seL4_RISCV_Mega_Page, seL4_LargePageBits},
		      {seL4_TCBObject, 0}};
	unsigned i = (unsigned)below(sizeof object / sizeof object[0]);

	if (object[i].bits == seL4_LargePageBits && chance(80))
		i = 0;
	return make(object[i].type, object[i].bits, slot.cspace + cspace, to, 1);
}

/* Mostly what can be made of device memory. */
static seL4_Error refill_device(unsigned cspace, seL4_Word to)
{
	static const unsigned char type[] = {seL4_UntypedObject, seL4_UntypedObject,  seL4_RISCV_4K_Page,
					     seL4_RISCV_4K_Page, seL4_CapTableObject, seL4_RISCV_Mega_Page};

	return seL4_Untyped_Retype(slot.device, type[below(sizeof type)], 12 + below(3), slot.cspace + cspace,
				   0, 0, to, 1);
}

static seL4_Error refill_copy(unsigned cspace, seL4_Word to)
{
	seL4_CPtr from;

	switch (below(8)) {
	case 0:
	case 1:
		from = slot.endpoint + below(ENDPOINTS);
		return give(cspace, to, from, random_rights(), chance(50) ? 0 : below(16));
	case 2:
		from = slot.notification + below(NOTIFICATIONS);
		return give(cspace, to, from, random_rights(), chance(20) ? 0 : 1ul << below(16));
	case 3:
		return give(cspace, to, worker_tcb((unsigned)below(WORKERS + SPARES)), 15, 0);
	case 4:
		from = slot.cspace + below(CSPACES);
		return give(cspace, to, from, random_rights(), GUARD(seL4_WordBits - CSPACE_BITS));
	case 5:
		return give(cspace, to, slot.process + below(PROCESSES) * PROCESS_SLOTS + 1, 15, 0);
	case 6:
		if (is_avoiding() && chance(60))
			return give(cspace, to, slot.irq, 15, 0);
		return seL4_IRQControl_Get(seL4_CapIRQControl, chance(60) ? SK_UART_IRQ : 1 + below(IRQS),
					   slot.cspace + cspace, to, CSPACE_BITS);
	default:
		from = (seL4_CPtr[]){seL4_CapASIDControl, seL4_CapInitThreadASIDPool,
				     seL4_CapDomain}[below(3)];
		return give(cspace, to, from, 15, 0);
	}
}

void refill(unsigned cspace, seL4_Word to)
{
	if (chance(8))
		trace(refill_device(cspace, to));
	else
		trace(chance(50) ? refill_object(cspace, to) : refill_copy(cspace, to));
}

unsigned type_now(unsigned cspace, seL4_Word at)
{
	return (unsigned)seL4_DebugCapIdentify(director_cptr(cspace, at));
}

static void look(unsigned cspace, seL4_Word at)
{
	fuzz.type[cspace][at] = (unsigned char)type_now(cspace, at);
	trace(fuzz.type[cspace][at]);
}

void scan(unsigned cspace)
{
	for (unsigned i = 0; i < CSPACE_SLOTS; i++)
		look(cspace, i);
}

/*
 * Something that the workers of a CSpace stand on, if it is missing. Upstream's debug kernel prints each
 * refused call, which takes longer than all else, so a program for it looks first.
 */
static void restore_one(unsigned cspace, seL4_Word to, seL4_CPtr cap, seL4_Word rights, seL4_Word badge)
{
	if (is_avoiding() && type_now(cspace, to) != TYPE_Null)
		return;
	trace(give(cspace, to, cap, rights, badge));
}

void restore(unsigned cspace)
{
	restore_one(cspace, SLOT_SELF, slot.cspace + cspace, 15, GUARD(seL4_WordBits - CSPACE_BITS));
	restore_one(cspace, SLOT_DEEP, slot.cspace + cspace, 15, GUARD(DEEP_DEPTH - CSPACE_BITS));
	restore_one(cspace, SLOT_GUARDED, slot.cspace + cspace, 15,
		    seL4_CNode_CapData_new(GUARDED_GUARD, GUARDED_DEPTH - CSPACE_BITS).words[0]);
	for (unsigned i = 0; i < WORKERS; i++)
		restore_one(cspace, SLOT_TCB + i, worker_tcb(i), 15, 0);
	restore_one(cspace, SLOT_FAULT, slot.endpoint, is_avoiding() ? 13 : 15, 0x70 + cspace); /* no Read */
	restore_one(cspace, SLOT_ANSWERED, fault_endpoint(), 13, 0x78 + cspace);
	restore_one(cspace, SLOT_PARK, park_endpoint(), 9, 0x60 + cspace); /* Write, GrantReply */
	for (unsigned i = 0; i < PROCESSES; i++)
		restore_one(cspace, SLOT_VSPACE + i, slot.process + i * PROCESS_SLOTS + 1, 15, 0);
}

static bool fits(unsigned have, unsigned want)
{
	return want == TYPE_ANY || (want == TYPE_FULL ? have != TYPE_Null : have == want);
}

seL4_Word pick(unsigned cspace, unsigned type)
{
	seL4_Word first = below(CSPACE_SLOTS);

	for (unsigned i = 0; i < CSPACE_SLOTS; i++) {
		seL4_Word at = (first + i) % CSPACE_SLOTS;

		if (!at || !fits(fuzz.type[cspace][at], type) || (at < SLOT_FREE && chance(70)))
			continue;
		if (chance(50))
			look(cspace, at);
		if (fits(fuzz.type[cspace][at], type))
			return at;
	}
	return 0;
}

void crowd_make(bool is_endpoint)
{
	seL4_Word type = is_endpoint ? seL4_EndpointObject : seL4_NotificationObject;

	sk_must(seL4_Untyped_Retype(slot.crowd_memory, type, 0, ROOT, 0, 0, slot.crowd, 1));
	for (unsigned i = 0; i < CSPACES; i++) {
		look(i, SLOT_CROWD);
		trace(give(i, SLOT_CROWD, slot.crowd, chance(80) ? 15 : random_rights(), below(3)));
	}
}

seL4_CPtr crowd_cptr(void)
{
	return slot.crowd;
}

void crowd_end(void)
{
	sk_must(seL4_CNode_Revoke(ROOT, slot.crowd_memory, SK_DEPTH));
}

/* Badge 1 or 2, mostly. */
seL4_Error crowd_cancel(unsigned cspace)
{
	return seL4_CNode_CancelBadgedSends(slot.cspace + cspace, SLOT_CROWD, CSPACE_BITS);
}

/* --- a world ------------------------------------------------------------------------------------------ */

static void make_cspace(unsigned cspace)
{
	sk_must(seL4_CNode_Mint(slot.spaces, cspace + 1, 2, ROOT, slot.cspace + cspace, SK_DEPTH,
				seL4_AllRights, GUARD(root_bits() - CSPACE_BITS)));
	restore(cspace);
	for (unsigned i = SLOT_FREE; i < CSPACE_SLOTS * 3 / 4; i++)
		refill(cspace, i);
	scan(cspace);
}

void world_make(void)
{
	sk_must(make(seL4_CapTableObject, CSPACE_BITS, ROOT, slot.cspace, CSPACES));
	for (unsigned i = 0; i < WORKERS + SPARES; i++)
		thread_make(i);
	sk_must(make(seL4_EndpointObject, 0, ROOT, slot.endpoint, ENDPOINTS + 2));
	sk_must(make(seL4_NotificationObject, 0, ROOT, slot.notification, NOTIFICATIONS));
	sk_must(make(seL4_RISCV_4K_Page, 0, ROOT, slot.frame, FRAMES));
	for (unsigned i = 0; i < PROCESSES; i++)
		process_make(i);
	for (unsigned i = 0; i < CSPACES; i++)
		make_cspace(i);
	memset(fuzz.log, 0, sizeof *fuzz.log);
	fuzz.log_seen = 0;
	for (unsigned i = 0; i < WORKERS; i++) {
		memset(fuzz.worker[i].page, 0, sizeof *fuzz.worker[i].page);
		fuzz.worker[i].cspace = i % CSPACES;
		fuzz.worker[i].process = i % PROCESSES;
		fuzz.worker[i].is_parked = true; /* it has never run */
		worker_configure(i);
	}
}

void world_end(void)
{
	for (unsigned i = 0; i < PROCESSES; i++)
		process_end(i);
	for (unsigned i = 0; i < WORKERS + SPARES; i++)
		sk_must(seL4_CNode_Revoke(ROOT, slot.thread + i, SK_DEPTH));
	sk_must(seL4_CNode_Revoke(ROOT, slot.device, SK_DEPTH));
	sk_must(seL4_CNode_Revoke(ROOT, slot.memory, SK_DEPTH));
}
