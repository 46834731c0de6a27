/* The objects of a node and the capabilities to them, in order. */
#include "port/vm/graph.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "port/isa-riscv64/sv39.h"
#include "port/vm/graph_internal.h"

const char *const graph_tcb_slots[TCB_SLOTS] = {
	[TCB_CSPACE] = "cspace", [TCB_VSPACE] = "vspace",     [TCB_REPLY] = "master_reply",
	[TCB_CALLER] = "reply",  [TCB_BUFFER] = "ipc_buffer",
};

/* As many slots as there may be in what is left of a TCB, as a power of two. */
#define TCB_SLOTS_BITS 3
_Static_assert(TCB_SLOTS <= 1 << TCB_SLOTS_BITS, "a TCB's slots");

/* --- objects --------------------------------------------------------------------------------------- */

/* The object that a capability names. False: none. */
static bool object_of(struct cap cap, struct graph_object *object)
{
	*object = (struct graph_object){.type = cap_type(cap), .cap = cap};
	switch (cap_type(cap)) {
	case CAP_Null:
		return false;
	case CAP_Untyped:
		object->address = cap_paddr(cap);
		object->bits = cap_untyped_bits(cap);
		return true;
	case CAP_Frame:
		object->address = cap_paddr(cap);
		object->bits = isa_frame_bits(cap);
		return true;
	case CAP_CNode:
		object->bits = cap_cnode_radix(cap);
		break;
	case CAP_Zombie:
		object->bits = cap_zombie_kind(cap) == ZOMBIE_TCB ? TCB_SLOTS_BITS : cap_zombie_radix(cap);
		break;
	case CAP_Reply:
		object->type = CAP_Thread;
		object->cap = cap_make(CAP_Thread, cap_object(cap), 0);
		break;
	case CAP_IRQHandler:
		object->address = cap_irq(cap);
		return true;
	case CAP_IRQControl:
	case CAP_ASIDControl:
	case CAP_Domain:
		return true;
	default:
		break;
	}
	object->address = isa_paddr(cap_object(cap));
	return true;
}

static int compare_objects(const void *a, const void *b)
{
	const struct graph_object *one = a, *two = b;

	if (one->type != two->type)
		return one->type < two->type ? -1 : 1;
	if (one->address != two->address)
		return one->address < two->address ? -1 : 1;
	return one->bits < two->bits ? -1 : one->bits > two->bits;
}

static void keep_different(struct graph *graph)
{
	size_t kept = 0;

	qsort(graph->object, graph->objects, sizeof *graph->object, compare_objects);
	for (size_t i = 0; i < graph->objects; i++)
		if (kept == 0 || compare_objects(&graph->object[kept - 1], &graph->object[i]) != 0)
			graph->object[kept++] = graph->object[i];
	graph->objects = kept;
}

static const struct graph_object *find(const struct graph *graph, const struct graph_object *wanted)
{
	return bsearch(wanted, graph->object, graph->objects, sizeof *wanted, compare_objects);
}

/* The last object of this type that begins at or below the address. */
static const struct graph_object *find_below(const struct graph *graph, enum cap_type type, uint64_t address)
{
	size_t low = 0, high = graph->objects;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct graph_object *object = &graph->object[middle];

		if (object->type < type || (object->type == type && object->address <= address))
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && graph->object[low - 1].type == type ? &graph->object[low - 1] : NULL;
}

/* --- capabilities ----------------------------------------------------------------------------------- */

/* The CNode, or what is left of one under deletion, that has a slot at the address. */
static const struct graph_object *find_cnode(const struct graph *graph, uint64_t at)
{
	static const enum cap_type types[] = {CAP_CNode, CAP_Zombie};

	for (unsigned i = 0; i < 2; i++) {
		const struct graph_object *object = find_below(graph, types[i], at);

		if (object && (at - object->address) >> seL4_SlotBits >> object->bits == 0)
			return object;
	}
	return NULL;
}

static struct slot_home home_of(const struct graph *graph, const struct slot *slot)
{
	const struct slot *irq_slot = graph->node->kernel->irq_slot;
	uint64_t at = isa_paddr(machine_ref(slot));
	const struct graph_object *object = find_cnode(graph, at);

	if (object)
		return (struct slot_home){.cnode = isa_kref(object->address),
					  .index = (at - object->address) >> seL4_SlotBits};
	object = find_below(graph, CAP_Thread, at);
	if (object && at - object->address < TCB_SLOTS << seL4_SlotBits)
		return (struct slot_home){.tcb = isa_kref(object->address),
					  .index = (at - object->address) >> seL4_SlotBits};
	if (slot >= irq_slot && slot < irq_slot + MAX_IRQS)
		return (struct slot_home){.irq = true, .index = (uint64_t)(slot - irq_slot)};
	return (struct slot_home){.index = at};
}

const struct graph_object *graph_holder(const struct graph *graph, const struct graph_cap *cap)
{
	uint64_t at = isa_paddr(machine_ref(cap->slot));

	if (cap->home.cnode)
		return find_cnode(graph, at);
	return cap->home.tcb ? find_below(graph, CAP_Thread, at) : NULL;
}

/* The list is in pre-order, so a parent is met before its children, and is open while they are. */
static bool find_parents(struct graph *graph)
{
	const struct slot *head = &graph->node->kernel->derivation;
	const struct slot **open = malloc((graph->caps + 1) * sizeof(struct slot *));
	size_t *number = malloc((graph->caps + 1) * sizeof *number), depth = 0, i = 0;
	bool good = open && number;

	for (const struct slot *slot = slot_next(head); good && slot != head; slot = slot_next(slot)) {
		while (depth > 0 && !slot_is_parent_of(open[depth - 1], slot))
			depth--;
		graph->cap[i].parent = depth > 0 ? (int64_t)number[depth - 1] : -1;
		open[depth] = slot;
		number[depth++] = i++;
	}
	free(open);
	free(number);
	return good;
}

static int compare_slots(const void *a, const void *b)
{
	const struct graph_cap *one = a, *two = b;

	return one->slot < two->slot ? -1 : one->slot > two->slot;
}

/* From the order of derivation to that of slots, with the parents' new numbers. */
static bool sort_by_slot(struct graph *graph)
{
	struct graph_cap *sorted = malloc((graph->caps + 1) * sizeof *sorted);

	if (!sorted)
		return false;
	memcpy(sorted, graph->cap, graph->caps * sizeof *sorted);
	qsort(sorted, graph->caps, sizeof *sorted, compare_slots);
	for (size_t i = 0; i < graph->caps; i++) {
		const struct graph_cap *found;

		if (sorted[i].parent < 0)
			continue;
		found = bsearch(&graph->cap[sorted[i].parent], sorted, graph->caps, sizeof *sorted,
				compare_slots);
		sorted[i].parent = found - sorted;
	}
	free(graph->cap);
	graph->cap = sorted;
	return true;
}

static size_t count_slots(const struct kernel *kernel)
{
	const struct slot *head = &kernel->derivation;
	size_t count = 0;

	for (const struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot))
		count++;
	return count;
}

static void collect(struct graph *graph)
{
	const struct slot *head = &graph->node->kernel->derivation;
	struct graph_object object;

	for (const struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot))
		if (object_of(slot->cap, &object))
			graph->object[graph->objects++] = object;
	keep_different(graph);
	for (const struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot))
		if (object_of(slot->cap, &object))
			graph->cap[graph->caps++] = (struct graph_cap){
				.slot = slot,
				.home = home_of(graph, slot),
				.object = (uint64_t)(find(graph, &object) - graph->object),
			};
}

bool graph_make(struct graph *graph, struct node *node)
{
	size_t room;

	node_select(node);
	room = count_slots(node->kernel) + 1;
	*graph = (struct graph){.node = node};
	graph->object = malloc(room * sizeof *graph->object);
	graph->cap = malloc(room * sizeof *graph->cap);
	if (graph->object && graph->cap) {
		collect(graph);
		if (find_parents(graph) && sort_by_slot(graph))
			return true;
	}
	graph_free(graph);
	return false;
}

void graph_free(struct graph *graph)
{
	free(graph->object);
	free(graph->cap);
}

/* --- what they say ----------------------------------------------------------------------------------- */

const char *graph_rights(unsigned rights)
{
	static const char *const names[] = {"none", "W",  "R",  "RW",  "G",  "WG",  "RG",  "RWG",
					    "P",    "WP", "RP", "RWP", "GP", "WGP", "RGP", "RWGP"};

	return names[rights & RIGHTS_ALL];
}

/* The access that a frame's capability gives, as rights. */
static unsigned frame_rights(struct cap cap)
{
	return cap_frame_access(cap) == FRAME_READ_WRITE ? RIGHT_READ | RIGHT_WRITE
	       : cap_frame_access(cap) == FRAME_READ     ? RIGHT_READ
							 : 0;
}

unsigned graph_attributes(struct cap cap, struct graph_attribute attribute[GRAPH_ATTRIBUTES])
{
	unsigned n = 0;

#define NUMBER(label, value)                                                                                 \
	attribute[n++] = (struct graph_attribute)                                                            \
	{                                                                                                    \
		.name = label, .number = value                                                               \
	}
#define ADDRESS(label, value)                                                                                \
	attribute[n++] = (struct graph_attribute)                                                            \
	{                                                                                                    \
		label, true, value, NULL                                                                     \
	}
#define TEXT(label, value)                                                                                   \
	attribute[n++] = (struct graph_attribute)                                                            \
	{                                                                                                    \
		.name = label, .text = value                                                                 \
	}
	switch (cap_type(cap)) {
	case CAP_Untyped:
		NUMBER("bits", cap_untyped_bits(cap));
		ADDRESS("used", cap_untyped_free(cap));
		if (cap_untyped_device(cap))
			TEXT("memory", "device");
		break;
	case CAP_Endpoint:
	case CAP_Notification:
		TEXT("rights", graph_rights(cap_rights(cap)));
		if (cap_badge(cap))
			ADDRESS("badge", cap_badge(cap));
		break;
	case CAP_Reply:
		TEXT("kind", cap_reply_master(cap) ? "master" : "reply");
		break;
	case CAP_CNode:
		NUMBER("bits", cap_cnode_radix(cap));
		ADDRESS("guard", cap_cnode_guard(cap));
		NUMBER("guard_bits", cap_cnode_guard_size(cap));
		break;
	case CAP_Frame:
		NUMBER("bits", isa_frame_bits(cap));
		TEXT("rights", graph_rights(frame_rights(cap)));
		if (cap_frame_device(cap))
			TEXT("memory", "device");
		if (cap_frame_asid(cap)) {
			NUMBER("asid", cap_frame_asid(cap));
			ADDRESS("vaddr", cap_frame_vaddr(cap));
		}
		break;
	case CAP_PageTable:
		if (!cap_table_mapped(cap))
			break;
		NUMBER("asid", cap_table_asid(cap));
		if (!cap_table_is_root(cap))
			ADDRESS("vaddr", cap_table_vaddr(cap));
		break;
	case CAP_Zombie:
		NUMBER("left", cap_zombie_left(cap));
		break;
	default:
		break;
	}
#undef NUMBER
#undef ADDRESS
#undef TEXT
	return n;
}

const char *graph_object_name(const struct graph_object *object, char name[GRAPH_NAME_SIZE])
{
	static const char *const prefixes[] = {
		[CAP_Frame] = "frame",   [CAP_PageTable] = "pt",          [CAP_Endpoint] = "ep",
		[CAP_CNode] = "cnode",   [CAP_Notification] = "ntfn",     [CAP_ASIDControl] = "asid_control",
		[CAP_Thread] = "tcb",    [CAP_ASIDPool] = "asid_pool",    [CAP_IRQControl] = "irq_control",
		[CAP_Zombie] = "zombie", [CAP_Domain] = "domain_control", [CAP_IRQHandler] = "irq",
	};

	switch (object->type) {
	case CAP_Untyped:
		snprintf(name, GRAPH_NAME_SIZE, "untyped_%" PRIx64 "_%u", object->address, object->bits);
		break;
	case CAP_IRQHandler:
		snprintf(name, GRAPH_NAME_SIZE, "irq_%" PRIu64, object->address);
		break;
	case CAP_IRQControl:
	case CAP_ASIDControl:
	case CAP_Domain:
		snprintf(name, GRAPH_NAME_SIZE, "%s", prefixes[object->type]);
		break;
	default:
		snprintf(name, GRAPH_NAME_SIZE, "%s_%" PRIx64, prefixes[object->type], object->address);
		break;
	}
	return name;
}

const char *graph_thread_name(const struct graph_object *tcb, char name[TCB_NAME_SIZE])
{
	memcpy(name, tcb_at(isa_kref(tcb->address))->name, TCB_NAME_SIZE);
	name[TCB_NAME_SIZE - 1] = 0;
	for (char *c = name; *c; c++)
		if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
			*c = '?';
	return name;
}
