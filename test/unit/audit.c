/* The thorough verification of the kernel's state: see test/unit/harness.h. */
#include <stdlib.h>
#include <string.h>

#include "port/isa-riscv64/sv39.h"
#include "test/unit/harness.h"

/* One object, met as the first of a run of capabilities to it on the derivation list. */
struct object {
	uint64_t start, size;
	enum cap_type type;
	struct cap cap;
};

struct audit {
	const char *why;
	uint64_t where;
	struct object *object;
	size_t objects, capacity;
	uint64_t on_list, in_containers; /* full slots */
	uint64_t blocked, in_queues;     /* threads */
};

static struct object *table; /* kept from one audit to the next */
static size_t table_capacity;

static void fail(struct audit *audit, uint64_t where, const char *why)
{
	if (audit->why)
		return;
	audit->why = why;
	audit->where = where;
}

static int compare(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static const struct object *find(const struct audit *audit, uint64_t start, enum cap_type type)
{
	struct object key = {.start = start};
	const struct object *object = bsearch(&key, audit->object, audit->objects, sizeof key, compare);

	return object && object->type == type ? object : NULL;
}

/* Same object, in spite of what the kernel's own function says about zombies. */
static bool same(struct cap a, struct cap b)
{
	return cap_same_object(a, b);
}

static void collect(struct audit *audit)
{
	struct slot *head = &machine_kernel()->derivation, *prev = head;

	for (struct slot *slot = slot_next(head); slot != head; prev = slot, slot = slot_next(slot)) {
		struct object object = {.type = cap_type(slot->cap), .cap = slot->cap};

		audit->on_list++;
		if (object.type == CAP_Untyped || object.type == CAP_Reply || same(prev->cap, slot->cap) ||
		    !cap_memory(slot->cap, &object.start, &object.size))
			continue;
		if (audit->objects == table_capacity) {
			table_capacity = table_capacity ? 2 * table_capacity : 1024;
			table = realloc(table, table_capacity * sizeof *table);
			if (!table)
				abort();
		}
		audit->object = table;
		table[audit->objects++] = object;
	}
	qsort(audit->object, audit->objects, sizeof *audit->object, compare);
	for (size_t i = 1; i < audit->objects; i++) {
		const struct object *a = &audit->object[i - 1], *b = &audit->object[i];

		if (a->start == b->start && a->type == b->type)
			fail(audit, isa_kref(b->start), "capabilities to one object are not neighbours");
		else if (b->start - a->start < a->size)
			fail(audit, isa_kref(b->start), "two objects overlap");
	}
}

static void check_slot(struct audit *audit, const struct slot *slot)
{
	kref ref = machine_ref(slot);

	if (slot_is_empty(slot)) {
		if (slot->cap.word[0] || slot->cap.word[1] || slot->prev || slot->next_flags)
			fail(audit, ref, "an empty slot is not zero");
		return;
	}
	audit->in_containers++;
	if (slot->prev == 0 || (slot_at(slot->prev)->next_flags & ~SLOT_FLAGS) != ref)
		fail(audit, ref, "a full slot is not on the derivation list");
}

static void check_container(struct audit *audit, const struct object *object)
{
	uint64_t slots = object->size >> seL4_SlotBits;
	const struct slot *slot = slot_at(isa_kref(object->start));

	if (object->type == CAP_Thread || (object->type == CAP_Zombie && cap_zombie_kind(object->cap) == ZOMBIE_TCB))
		slots = TCB_SLOTS;
	for (uint64_t i = 0; i < slots; i++) {
		check_slot(audit, &slot[i]);
		if (object->type == CAP_Zombie && i >= cap_zombie_left(object->cap) && !slot_is_empty(&slot[i]) &&
		    cap_type(slot[i].cap) != CAP_Zombie)
			fail(audit, machine_ref(&slot[i]), "a slot that its zombie has done with is full");
	}
}

static void check_queue(struct audit *audit, kref head)
{
	for (; head && !audit->why; head = tcb_at(head)->queue_next) {
		audit->in_queues++;
		if (!find(audit, isa_paddr(head), CAP_Thread))
			fail(audit, head, "a thread in a queue does not exist");
		if (audit->in_queues > audit->objects)
			fail(audit, head, "a queue is a circle");
	}
}

static void check_thread(struct audit *audit, const struct object *object)
{
	struct tcb *tcb = tcb_at(isa_kref(object->start));
	const struct slot *reply;
	struct slot *head = &machine_kernel()->derivation;

	if (tcb->bound_notification && !find(audit, isa_paddr(tcb->bound_notification), CAP_Notification))
		fail(audit, isa_kref(object->start), "a thread is bound to a notification that does not exist");
	audit->blocked += tcb->state == THREAD_BLOCKED_ON_RECEIVE || tcb->state == THREAD_BLOCKED_ON_SEND ||
			  tcb->state == THREAD_BLOCKED_ON_NOTIFICATION;
	if (tcb->state != THREAD_BLOCKED_ON_REPLY && tcb->state != THREAD_BLOCKED_ON_SEND &&
	    tcb->state != THREAD_INACTIVE && tcb->fault.type != FAULT_NONE)
		fail(audit, isa_kref(object->start), "a thread that does not wait for it has a fault");
	if (slot_is_empty(&tcb->slot[TCB_REPLY]))
		return;
	/* At most one reply capability, and just behind the master. */
	reply = slot_next(&tcb->slot[TCB_REPLY]);
	if (reply == head || cap_type(reply->cap) != CAP_Reply ||
	    cap_object(reply->cap) != isa_kref(object->start))
		return;
	reply = slot_next(reply);
	if (reply != head && cap_type(reply->cap) == CAP_Reply &&
	    cap_object(reply->cap) == isa_kref(object->start))
		fail(audit, isa_kref(object->start), "a caller has two reply capabilities");
}

static void check_named(struct audit *audit)
{
	struct kernel *kernel = machine_kernel();
	struct slot *head = &kernel->derivation, *prev = head;
	bool handled[MAX_IRQS] = {false};
	bool pool[ASID_POOLS] = {false};

	for (struct slot *slot = slot_next(head); slot != head; prev = slot, slot = slot_next(slot)) {
		struct cap cap = slot->cap;

		if (cap_type(cap) == CAP_IRQHandler)
			handled[cap_irq(cap)] = true;
		else if (cap_type(cap) == CAP_ASIDPool)
			pool[cap_pool_index(cap)] = true;
		else if (cap_type(cap) == CAP_Reply &&
			 !find(audit, isa_paddr(cap_object(cap)), CAP_Thread) &&
			 !find(audit, isa_paddr(cap_object(cap)), CAP_Zombie))
			fail(audit, machine_ref(slot), "a reply capability names no thread");
		else if (cap_type(cap) == CAP_Reply && !cap_reply_master(cap) &&
			 prev != &tcb_at(cap_object(cap))->slot[TCB_REPLY])
			fail(audit, machine_ref(slot), "a reply capability is not behind its master");
	}
	for (unsigned irq = 0; irq < MAX_IRQS; irq++) {
		if (handled[irq] != (kernel->irq_state[irq] == IRQ_SIGNAL))
			fail(audit, irq, "an interrupt's state is not what its capabilities say");
		if (!slot_is_empty(&kernel->irq_slot[irq]))
			check_slot(audit, &kernel->irq_slot[irq]);
	}
	for (unsigned i = 0; i < ASID_POOLS; i++)
		if (pool[i] != (kernel->asid_pool[i] != 0))
			fail(audit, i, "an ASID pool is registered without a capability, or not registered");
}

/*
 * The machine translates through the table of the current thread. A thread whose own capability to it
 * was revoked keeps it until something else runs, but never longer than the table exists.
 */
static void check_runner(struct audit *audit)
{
	struct core *core = this_core(machine_kernel());
	uint64_t root = 0;
	uint16_t asid;

	if (core->current == core->idle)
		return;
	if (!find(audit, isa_paddr(core->current), CAP_Thread))
		fail(audit, core->current, "the current thread does not exist");
	else if (!isa_vspace(tcb_at(core->current)->slot[TCB_VSPACE].cap, &root, &asid))
		root = stub.root_paddr && sv39_root(stub.asid) == isa_kref(stub.root_paddr) ? stub.root_paddr : 0;
	if (!audit->why && stub.root_paddr != root)
		fail(audit, core->current, "the machine translates through another table than the thread's");
}

/* The first slot on the list that lies in no CNode or thread. */
static uint64_t homeless_slot(const struct audit *audit)
{
	struct kernel *kernel = machine_kernel();
	struct slot *head = &kernel->derivation;

	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot)) {
		uint64_t at = isa_paddr(machine_ref(slot));
		bool home = slot >= kernel->irq_slot && slot < kernel->irq_slot + MAX_IRQS;

		for (size_t i = 0; i < audit->objects && !home; i++) {
			const struct object *object = &audit->object[i];

			home = (object->type == CAP_CNode || object->type == CAP_Thread ||
				(object->type == CAP_Zombie && cap_zombie_has_slots(object->cap))) &&
			       at >= object->start && at - object->start < object->size;
		}
		if (!home)
			return machine_ref(slot);
	}
	return 0;
}

static void audit_all(struct audit *audit)
{
	collect(audit);
	for (size_t i = 0; i < audit->objects && !audit->why; i++) {
		const struct object *object = &audit->object[i];
		kref ref = isa_kref(object->start);

		switch (object->type) {
		case CAP_CNode:
			check_container(audit, object);
			break;
		case CAP_Zombie:
			if (cap_zombie_has_slots(object->cap))
				check_container(audit, object);
			else /* an endpoint and a notification begin with the queue's head */
				check_queue(audit, endpoint_at(ref)->head);
			break;
		case CAP_Thread:
			check_container(audit, object);
			check_thread(audit, object);
			break;
		case CAP_Endpoint:
			check_queue(audit, endpoint_at(ref)->head);
			break;
		case CAP_Notification:
			check_queue(audit, notification_at(ref)->head);
			if (notification_at(ref)->bound &&
			    !find(audit, isa_paddr(notification_at(ref)->bound), CAP_Thread))
				fail(audit, ref, "a notification is bound to a thread that does not exist");
			break;
		default:
			break;
		}
	}
	if (audit->why)
		return;
	check_named(audit);
	check_runner(audit);
	if (audit->in_containers != audit->on_list)
		fail(audit, homeless_slot(audit), "a slot on the list lies in no live object");
	if (audit->blocked != audit->in_queues)
		fail(audit, 0, "blocked threads and threads in queues are not the same number");
}

const char *audit(uint64_t *where)
{
	struct audit audit = {0};

	audit_all(&audit);
	*where = audit.where;
	return audit.why;
}

/* --- memory ------------------------------------------------------------------------------------------ */

static bool is_mapped_frame(uint64_t paddr, unsigned level, uint16_t asid, uint64_t vaddr)
{
	struct slot *head = &machine_kernel()->derivation;

	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot))
		if (cap_type(slot->cap) == CAP_Frame && cap_paddr(slot->cap) == paddr &&
		    cap_frame_level(slot->cap) == level && cap_frame_asid(slot->cap) == asid &&
		    cap_frame_vaddr(slot->cap) == vaddr)
			return true;
	return false;
}

static void check_table(struct audit *audit, uint64_t paddr, unsigned level, uint16_t asid, uint64_t base)
{
	const uint64_t *table = machine_pointer(isa_kref(paddr));

	if (!find(audit, paddr, CAP_PageTable)) {
		fail(audit, paddr, "a table in use does not exist");
		return;
	}
	for (uint64_t i = 0; i < 1u << seL4_PageTableIndexBits && !audit->why; i++) {
		uint64_t vaddr = base + (i << level_bits(level));

		if (!(table[i] & PTE_V)) {
			if (table[i])
				fail(audit, isa_kref(paddr) + 8 * i, "an invalid entry is not zero");
		} else if (pte_is_table(table[i])) {
			if (level == 0)
				fail(audit, isa_kref(paddr) + 8 * i, "a table below the last level");
			else
				check_table(audit, pte_paddr(table[i]), level - 1, asid, vaddr);
		} else if (!is_mapped_frame(pte_paddr(table[i]), level, asid, vaddr)) {
			fail(audit, isa_kref(paddr) + 8 * i, "a mapping without a frame capability");
		}
	}
}

static void check_mappings(struct audit *audit)
{
	struct kernel *kernel = machine_kernel();

	for (unsigned i = 0; i < ASID_POOLS; i++) {
		const struct asid_pool *pool = machine_pointer(kernel->asid_pool[i]);

		if (!kernel->asid_pool[i])
			continue;
		for (unsigned j = 0; j < 1u << seL4_ASIDPoolIndexBits; j++)
			if (pool->satp[j])
				check_table(audit, satp_root(pool->satp[j]), ROOT_LEVEL,
					    (uint16_t)(i << seL4_ASIDPoolIndexBits | j), 0);
	}
}

static void check_clean(struct audit *audit)
{
	struct slot *head = &machine_kernel()->derivation;

	for (struct slot *slot = slot_next(head); slot != head && !audit->why; slot = slot_next(slot)) {
		const uint8_t *memory;
		uint64_t used, size;

		if (cap_type(slot->cap) != CAP_Untyped || cap_untyped_device(slot->cap))
			continue;
		used = cap_untyped_free(slot->cap);
		size = 1ull << cap_untyped_bits(slot->cap);
		memory = machine_pointer(isa_kref(cap_paddr(slot->cap)));
		if (used < size && (memory[used] || memcmp(memory + used, memory + used + 1, size - used - 1)))
			fail(audit, machine_ref(slot), "memory that was not given out is not zero");
	}
}

const char *audit_memory(uint64_t *where)
{
	struct audit audit = {0};

	collect(&audit);
	if (!audit.why)
		check_mappings(&audit);
	if (!audit.why)
		check_clean(&audit);
	*where = audit.where;
	return audit.why;
}
