/*
 * Is a state that came from outside one that this machine could have come to? kernel_check() knows the
 * kernel's invariants; here is what it takes for granted, because the kernel itself never breaks it: the
 * fields of struct kernel, that no two objects share memory, that each capability is on the derivation list
 * and each reference leads to an object of its kind, and that page tables lead only to frames. With all of it
 * a guest can do no more than one that was booted.
 */
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "kernel/core/check.h"
#include "port/isa-riscv64/sv39.h"
#include "port/vm/internal.h"

#define RETURN_UNLESS(condition, why)                                                                        \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			return why;                                                                          \
	} while (0)

/* Ten years and more: no sum of two such times overflows. */
#define TIME_MAX (1ull << 60)

enum item_kind {
	ITEM_FREE,
	ITEM_FRAME,
	ITEM_TABLE,
	ITEM_POOL,
	ITEM_CNODE,
	ITEM_TCB,
	ITEM_TCB_GOING, /* a zombie */
	ITEM_ENDPOINT,
	ITEM_NOTIFICATION,
};

/* What lies somewhere in RAM: an object, or the part of an untyped from which nothing was made. */
struct item {
	uint64_t start, end; /* physical */
	enum item_kind kind;
	uint8_t level; /* of a table: the root's is 2; LEVEL_UNKNOWN until a walk has come to it */
};
#define LEVEL_UNKNOWN 0xff

struct check {
	struct node *node;
	struct kernel *kernel;
	struct item *item; /* sorted by start, no two overlap */
	uint64_t items, capacity;
	uint64_t slots; /* on the derivation list */
};

/* --- fields -------------------------------------------------------------------------------------------- */

/* A bool is read as a byte: another value than 0 and 1 would not be one. */
static bool is_bool(const bool *field)
{
	uint8_t byte;

	memcpy(&byte, field, 1);
	return byte <= 1;
}

static const char *check_words(const struct kernel *kernel, const uint64_t word[NODE_WORDS])
{
	kref current = kernel->core[0].current;
	bool runs = current != kernel->core[0].idle && !kernel->halted;

	RETURN_UNLESS(word[NODE_WORD_TIME] <= TIME_MAX && word[NODE_WORD_NEXT_TICK] <= TIME_MAX &&
			      word[NODE_WORD_INSTRET] <= TIME_MAX,
		      "time");
	RETURN_UNLESS(word[NODE_WORD_OFF] <= 1 && word[NODE_WORD_RESERVED] <= 1, "a flag of the machine");
	RETURN_UNLESS((int64_t)word[NODE_WORD_EXIT_STATUS] == (int)word[NODE_WORD_EXIT_STATUS],
		      "exit status");
	RETURN_UNLESS(word[NODE_WORD_RUNNING] == (runs ? current : 0), "the running thread");
	return NULL;
}

static const char *check_profile(const struct profile *profile)
{
	RETURN_UNLESS(memchr(profile->name, 0, sizeof profile->name), "name of the profile");
	RETURN_UNLESS(is_bool(&profile->printing) && is_bool(&profile->debug) && is_bool(&profile->benchmark),
		      "a flag of the profile");
	RETURN_UNLESS(profile->domains >= 1 && profile->domains <= MAX_DOMAINS, "number of domains");
	for (unsigned i = 0; i < PROFILE_LABELS; i++)
		RETURN_UNLESS(profile->label[i] < LABEL_COUNT, "a label of the profile");
	return NULL;
}

static const char *check_core(const struct kernel *kernel, const struct core *core)
{
	const struct tcb *idle = &core->idle_tcb;

	RETURN_UNLESS(core->idle == machine_ref(idle) && idle->state == THREAD_IDLE &&
			      is_bool(&idle->queued) && !idle->queued && !idle->bound_notification,
		      "the idle thread");
	for (unsigned i = 0; i < TCB_SLOTS; i++)
		RETURN_UNLESS(slot_is_empty(&idle->slot[i]), "a capability of the idle thread");
	RETURN_UNLESS(core->domain < kernel->profile.domains, "the current domain");
	RETURN_UNLESS(core->schedule_index <= kernel->schedule_length, "place in the domain schedule");
	return NULL;
}

static const char *check_kernel(const struct node *node, const struct kernel *kernel)
{
	const char *why = check_profile(&kernel->profile);

	if (why)
		return why;
	RETURN_UNLESS(is_bool(&kernel->halted), "a flag of the kernel");
	RETURN_UNLESS(kernel->ram_start == KERNEL_PADDR &&
			      kernel->ram_end == MACHINE_RAM_BASE + node->config.ram_size,
		      "size of memory");
	RETURN_UNLESS(kernel->schedule_length >= 2 && kernel->schedule_length <= MAX_SCHEDULE &&
			      kernel->schedule_start < kernel->schedule_length,
		      "domain schedule");
	for (uint64_t i = 0; i < kernel->schedule_length; i++)
		RETURN_UNLESS(kernel->schedule[i].domain < kernel->profile.domains,
			      "a domain of the schedule");
	for (unsigned irq = 0; irq < MAX_IRQS; irq++)
		RETURN_UNLESS(kernel->irq_state[irq] <= IRQ_TIMER, "state of an interrupt");
	return check_core(kernel, &kernel->core[0]);
}

/* --- objects ------------------------------------------------------------------------------------------- */

static bool item_add(struct check *check, uint64_t start, uint64_t size, enum item_kind kind)
{
	if (size == 0)
		return true;
	if (check->items == check->capacity) {
		uint64_t capacity = check->capacity ? 2 * check->capacity : 1024;
		struct item *more = realloc(check->item, capacity * sizeof *more);

		if (!more)
			return false;
		check->item = more;
		check->capacity = capacity;
	}
	check->item[check->items++] = (struct item){start, start + size, kind, LEVEL_UNKNOWN};
	return true;
}

static enum item_kind kind_of_zombie(struct cap cap)
{
	switch (cap_zombie_kind(cap)) {
	case ZOMBIE_CNODE:
		return ITEM_CNODE;
	case ZOMBIE_TCB:
		return ITEM_TCB_GOING;
	case ZOMBIE_ENDPOINT:
		return ITEM_ENDPOINT;
	default:
		return ITEM_NOTIFICATION;
	}
}

static enum item_kind kind_of(struct cap cap)
{
	switch (cap_type(cap)) {
	case CAP_Frame:
		return ITEM_FRAME;
	case CAP_PageTable:
		return ITEM_TABLE;
	case CAP_ASIDPool:
		return ITEM_POOL;
	case CAP_CNode:
		return ITEM_CNODE;
	case CAP_Thread:
		return ITEM_TCB;
	case CAP_Endpoint:
		return ITEM_ENDPOINT;
	case CAP_Notification:
		return ITEM_NOTIFICATION;
	default:
		return kind_of_zombie(cap);
	}
}

static bool is_device(struct cap cap)
{
	return (cap_type(cap) == CAP_Untyped && cap_untyped_device(cap)) ||
	       (cap_type(cap) == CAP_Frame && cap_frame_device(cap));
}

static const char *add_cap(struct check *check, struct cap cap)
{
	uint64_t start, size, ram_end = check->kernel->ram_end;

	RETURN_UNLESS(cap_type(cap) != CAP_IRQHandler || cap_irq(cap) <= IRQ_MAX, "an interrupt's number");
	RETURN_UNLESS(cap_type(cap) != CAP_Frame || cap_frame_level(cap) <= ROOT_LEVEL, "size of a frame");
	if (!cap_memory(cap, &start, &size))
		return NULL;
	RETURN_UNLESS(size > 0 && start + size > start, "size of an object");
	if (is_device(cap)) {
		RETURN_UNLESS(start + size <= KERNEL_PADDR || start >= ram_end, "a device's memory");
		return NULL;
	}
	RETURN_UNLESS(start >= KERNEL_WINDOW_END && start + size <= ram_end, "place of an object");
	if (cap_type(cap) == CAP_Untyped) {
		start += cap_untyped_free(cap);
		size -= cap_untyped_free(cap);
		return item_add(check, start, size, ITEM_FREE) ? NULL : "out of memory";
	}
	return item_add(check, start, size, kind_of(cap)) ? NULL : "out of memory";
}

static int by_start(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->end > y->end) - (x->end < y->end);
}

/*
 * One item for each object; kernel_check() has been through the list, so it ends. Several capabilities may be
 * to one object, but memory from which nothing was made has one untyped that it can be made of: a copy takes
 * all.
 */
static const char *collect(struct check *check)
{
	struct slot *head = &check->kernel->derivation;
	uint64_t kept = 0;
	const char *why;

	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot)) {
		check->slots++;
		why = add_cap(check, slot->cap);
		if (why)
			return why;
	}
	RETURN_UNLESS(check->items > 0, "a system without objects");
	qsort(check->item, check->items, sizeof *check->item, by_start);
	for (uint64_t i = 0; i < check->items; i++) {
		struct item *item = &check->item[i], *last = kept ? &check->item[kept - 1] : NULL;

		if (last && item->start < last->end) {
			RETURN_UNLESS(item->start == last->start && item->end == last->end &&
					      item->kind == last->kind && item->kind != ITEM_FREE,
				      "two objects in one place");
			continue;
		}
		check->item[kept++] = *item;
	}
	check->items = kept;
	return NULL;
}

/* The item that holds this physical address, or NULL. */
static struct item *item_at(const struct check *check, uint64_t paddr)
{
	uint64_t low = 0, high = check->items;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (check->item[middle].end <= paddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < check->items && check->item[low].start <= paddr ? &check->item[low] : NULL;
}

/* Is there such an object at this address? */
static bool is_a(const struct check *check, kref ref, enum item_kind kind)
{
	const struct item *item = item_at(check, isa_paddr(ref));

	return item && item->kind == kind && item->start == isa_paddr(ref);
}

static bool is_slot(const struct check *check, const struct slot *slot)
{
	const struct slot *irq = check->kernel->irq_slot;
	const struct item *item = item_at(check, isa_paddr(machine_ref(slot)));

	return (slot >= irq && slot < irq + MAX_IRQS) ||
	       (item && (item->kind == ITEM_CNODE || item->kind == ITEM_TCB || item->kind == ITEM_TCB_GOING));
}

static bool is_clear(const uint8_t *bytes, uint64_t size)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* New objects are made of memory as it is. What was never touched is clear, and is not to be touched now. */
static const char *check_free(const struct check *check)
{
	const struct node *node = check->node;
	uint8_t *touched = malloc(node->config.ram_size / NODE_PAGE_SIZE);
	const char *why = touched ? NULL : "out of memory";

	if (touched)
		host_memory_touched(node->ram, node->config.ram_size, touched);
	for (uint64_t i = 0; i < check->items && !why; i++) {
		const struct item *item = &check->item[i];

		if (item->kind != ITEM_FREE)
			continue;
		for (uint64_t at = item->start, next; at < item->end && !why; at = next) {
			uint64_t offset = at - MACHINE_RAM_BASE;

			next = (at / NODE_PAGE_SIZE + 1) * NODE_PAGE_SIZE;
			next = next < item->end ? next : item->end;
			if (touched[offset / NODE_PAGE_SIZE] && !is_clear(node->ram + offset, next - at))
				why = "memory that is free and not clear";
		}
	}
	free(touched);
	return why;
}

/* --- threads, and capabilities that are not on the list -------------------------------------------- */

static const char *check_tcb(const struct tcb *tcb)
{
	struct cap cspace = tcb->slot[TCB_CSPACE].cap, vspace = tcb->slot[TCB_VSPACE].cap;
	struct cap caller = tcb->slot[TCB_CALLER].cap, buffer = tcb->slot[TCB_BUFFER].cap;

	RETURN_UNLESS(is_bool(&tcb->queued) && is_bool(&tcb->sender_can_grant) &&
			      is_bool(&tcb->sender_can_grant_reply) && is_bool(&tcb->sender_is_call) &&
			      is_bool(&tcb->receiver_can_grant) && is_bool(&tcb->cancelling) &&
			      is_bool(&tcb->fault.in_receive) && is_bool(&tcb->fault.instruction),
		      "a flag of a thread");
	RETURN_UNLESS(cap_is_null(cspace) || cap_type(cspace) == CAP_CNode || cap_type(cspace) == CAP_Zombie,
		      "a thread's CSpace");
	RETURN_UNLESS(cap_is_null(vspace) || cap_type(vspace) == CAP_PageTable, "a thread's address space");
	RETURN_UNLESS(cap_is_null(caller) || (cap_type(caller) == CAP_Reply && !cap_reply_master(caller)),
		      "a thread's caller");
	RETURN_UNLESS(cap_is_null(buffer) || isa_cap_may_be_buffer(buffer), "a thread's IPC buffer");
	RETURN_UNLESS(tcb->context.fcsr <= 0xff, "a thread's floating-point state");
	RETURN_UNLESS(tcb->buffer % (1u << seL4_IPCBufferSizeBits) == 0, "address of a thread's IPC buffer");
	return NULL;
}

static uint64_t count_full(const struct slot *slot, uint64_t slots)
{
	uint64_t full = 0;

	for (uint64_t i = 0; i < slots; i++)
		full += !slot_is_empty(&slot[i]);
	return full;
}

/* As many slots are full as are on the list, and those on the list are among them. */
static const char *check_slots(const struct check *check)
{
	struct slot *head = &check->kernel->derivation;
	uint64_t full = count_full(check->kernel->irq_slot, MAX_IRQS);

	for (uint64_t i = 0; i < check->items; i++) {
		const struct item *item = &check->item[i];
		const struct slot *slots = machine_pointer(isa_kref(item->start));
		const char *why = NULL;

		if (item->kind == ITEM_CNODE)
			full += count_full(slots, (item->end - item->start) >> seL4_SlotBits);
		if (item->kind == ITEM_TCB || item->kind == ITEM_TCB_GOING)
			full += count_full(slots, TCB_SLOTS);
		if (item->kind == ITEM_TCB)
			why = check_tcb((const struct tcb *)slots);
		if (why)
			return why;
	}
	RETURN_UNLESS(full == check->slots, "capabilities outside of the derivation tree");
	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot)) {
		RETURN_UNLESS(is_slot(check, slot), "a capability that is in no slot");
		RETURN_UNLESS(cap_type(slot->cap) != CAP_Reply ||
				      is_a(check, cap_object(slot->cap), ITEM_TCB),
			      "a reply capability");
	}
	return NULL;
}

/* --- references between objects -------------------------------------------------------------------- */

/* kernel_check() has been through all of these queues; but it takes whatever looks like a thread for one. */
static bool all_tcbs(const struct check *check, kref head)
{
	for (; head; head = tcb_at(head)->queue_next)
		if (!is_a(check, head, ITEM_TCB))
			return false;
	return true;
}

static const char *check_links(const struct check *check, const struct item *item)
{
	kref ref = isa_kref(item->start), bound;
	const struct tcb *tcb = tcb_at(ref);

	switch (item->kind) {
	case ITEM_ENDPOINT:
		RETURN_UNLESS(all_tcbs(check, endpoint_at(ref)->head), "an endpoint's queue");
		return NULL;
	case ITEM_NOTIFICATION:
		bound = notification_at(ref)->bound;
		RETURN_UNLESS(notification_at(ref)->head || notification_at(ref)->tail <= 3,
			      "a notification's queue");
		RETURN_UNLESS(!bound || is_a(check, bound, ITEM_TCB), "a notification's thread");
		RETURN_UNLESS(all_tcbs(check, notification_at(ref)->head), "a notification's queue");
		return NULL;
	case ITEM_TCB:
		bound = tcb->bound_notification;
		RETURN_UNLESS(!bound || is_a(check, bound, ITEM_NOTIFICATION), "a thread's notification");
		RETURN_UNLESS(tcb->state != THREAD_BLOCKED_ON_NOTIFICATION ||
				      is_a(check, tcb->blocked_on, ITEM_NOTIFICATION),
			      "what a thread waits for");
		RETURN_UNLESS(
			(tcb->state != THREAD_BLOCKED_ON_SEND && tcb->state != THREAD_BLOCKED_ON_RECEIVE) ||
				is_a(check, tcb->blocked_on, ITEM_ENDPOINT),
			"what a thread is blocked on");
		return NULL;
	default:
		return NULL;
	}
}

static const char *check_references(const struct check *check)
{
	const struct kernel *kernel = check->kernel;
	const struct core *core = &kernel->core[0];
	const struct cancel *cancel = &kernel->cancel;
	const char *why = NULL;

	for (uint64_t i = 0; i < check->items && !why; i++)
		why = check_links(check, &check->item[i]);
	if (why)
		return why;
	for (unsigned domain = 0; domain < kernel->profile.domains; domain++)
		for (unsigned priority = 0; priority < PRIORITIES; priority++)
			for (kref ref = core->ready[domain][priority].head; ref;
			     ref = tcb_at(ref)->ready_next)
				RETURN_UNLESS(is_a(check, ref, ITEM_TCB), "a ready queue");
	RETURN_UNLESS(core->current == core->idle || is_a(check, core->current, ITEM_TCB),
		      "the current thread");
	if (cancel->endpoint) {
		RETURN_UNLESS(is_a(check, cancel->endpoint, ITEM_ENDPOINT), "the endpoint of a cancellation");
		for (kref ref = cancel->next; ref != cancel->last; ref = tcb_at(ref)->queue_next)
			RETURN_UNLESS(is_a(check, ref, ITEM_TCB), "a thread of a cancellation");
		RETURN_UNLESS(is_a(check, cancel->last, ITEM_TCB), "a thread of a cancellation");
	}
	RETURN_UNLESS(!kernel->deletion_head || is_slot(check, slot_at(kernel->deletion_head)),
		      "what a deletion goes on with");
	return NULL;
}

/* --- address spaces -------------------------------------------------------------------------------- */

static const char *check_leaf(const struct check *check, uint64_t start, uint64_t size)
{
	const struct item *frame;

	if (start + size <= KERNEL_PADDR || start >= check->kernel->ram_end)
		return NULL; /* a device's, or what the board has below the kernel */
	frame = item_at(check, start);
	RETURN_UNLESS(frame && frame->kind == ITEM_FRAME && start + size <= frame->end,
		      "a page table that leads to no frame");
	return NULL;
}

/* Something leads to this table at this level: to each it must be the same. */
static const char *meet_table(struct check *check, uint64_t paddr, unsigned level)
{
	struct item *table = item_at(check, paddr);

	RETURN_UNLESS(table && table->kind == ITEM_TABLE && table->start == paddr,
		      "a page table that is none");
	RETURN_UNLESS(table->level == LEVEL_UNKNOWN || table->level == level, "a page table at two levels");
	table->level = (uint8_t)level;
	return NULL;
}

static const char *check_table(struct check *check, const struct item *table)
{
	const uint64_t *entry = machine_pointer(isa_kref(table->start));
	unsigned level = table->level;
	const char *why = NULL;

	for (unsigned i = 0; i < 1u << seL4_PageTableIndexBits && !why; i++) {
		if (!(entry[i] & PTE_V))
			continue;
		RETURN_UNLESS(level > 0 || !pte_is_table(entry[i]), "a page table below the last level");
		why = pte_is_table(entry[i])
			      ? meet_table(check, pte_paddr(entry[i]), level - 1)
			      : check_leaf(check, pte_paddr(entry[i]), 1ull << level_bits(level));
	}
	return why;
}

/* From the roots, which have been met, downwards. */
static const char *check_tables(struct check *check)
{
	const char *why = NULL;

	for (unsigned level = ROOT_LEVEL + 1; level-- > 0;)
		for (uint64_t i = 0; i < check->items && !why; i++)
			if (check->item[i].kind == ITEM_TABLE && check->item[i].level == level)
				why = check_table(check, &check->item[i]);
	return why;
}

static const char *check_pool(struct check *check, const struct asid_pool *pool)
{
	for (unsigned i = 0; i < 1u << seL4_ASIDPoolIndexBits; i++) {
		const char *why;

		if (pool->satp[i] == 0)
			continue;
		RETURN_UNLESS(pool->satp[i] & SATP_SV39, "an ASID");
		why = meet_table(check, satp_root(pool->satp[i]), ROOT_LEVEL);
		if (why)
			return why;
	}
	return NULL;
}

static const char *meet_root(struct check *check, struct cap cap)
{
	if (!cap_table_mapped(cap) || !cap_table_is_root(cap))
		return NULL;
	RETURN_UNLESS(satp_root(cap.word[1]) == isa_paddr(cap_object(cap)), "a root page table");
	return meet_table(check, isa_paddr(cap_object(cap)), ROOT_LEVEL);
}

/* Tables that are not in use yet are clear; those no longer in use are cleared before they are again. */
static const char *check_unused(struct check *check, struct cap cap)
{
	static const uint64_t clear[1u << seL4_PageTableIndexBits];

	RETURN_UNLESS(cap_table_mapped(cap) ||
			      item_at(check, isa_paddr(cap_object(cap)))->level != LEVEL_UNKNOWN ||
			      memcmp(machine_pointer(cap_object(cap)), clear, sizeof clear) == 0,
		      "a page table that is not mapped and not clear");
	return NULL;
}

static const char *each_table(struct check *check, const char *(*visit)(struct check *check, struct cap cap))
{
	struct slot *head = &check->kernel->derivation;
	const char *why = NULL;

	for (struct slot *slot = slot_next(head); slot != head && !why; slot = slot_next(slot))
		if (cap_type(slot->cap) == CAP_PageTable)
			why = visit(check, slot->cap);
	return why;
}

static const char *check_spaces(struct check *check)
{
	const char *why = NULL;

	for (unsigned i = 0; i < ASID_POOLS && !why; i++) {
		kref pool = check->kernel->asid_pool[i];

		if (!pool)
			continue;
		RETURN_UNLESS(is_a(check, pool, ITEM_POOL), "an ASID pool");
		why = check_pool(check, machine_pointer(pool));
	}
	if (!why)
		why = each_table(check, meet_root);
	if (!why)
		why = check_tables(check);
	return why ? why : each_table(check, check_unused);
}

const char *node_check_restored(struct node *node, const uint64_t word[NODE_WORDS])
{
	struct check check = {.node = node, .kernel = node->kernel};
	kref where;
	const char *why = check_kernel(node, node->kernel);

	if (!why)
		why = check_words(node->kernel, word);
	if (!why)
		why = kernel_check(node->kernel, &where);
	if (!why)
		why = collect(&check);
	if (!why)
		why = check_free(&check);
	if (!why)
		why = check_slots(&check);
	if (!why)
		why = check_references(&check);
	if (!why)
		why = check_spaces(&check);
	free(check.item);
	return why;
}
