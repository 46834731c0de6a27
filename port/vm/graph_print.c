/* The graph of capabilities in four formats, and the list of threads. */
#include <inttypes.h>
#include <string.h>

#include "port/isa-riscv64/sv39.h"
#include "port/vm/graph_internal.h"
#include "port/vm/trace.h"

static void print_holder(const struct graph *graph, const struct graph_cap *cap, FILE *out)
{
	const struct graph_object *holder = graph_holder(graph, cap);
	char name[GRAPH_NAME_SIZE];

	if (holder)
		fputs(graph_object_name(holder, name), out);
	else
		fprintf(out, cap->home.irq ? "irq_%" PRIu64 : "memory_%" PRIx64, cap->home.index);
}

static bool same_holder(const struct graph_cap *a, const struct graph_cap *b)
{
	return a->home.cnode == b->home.cnode && a->home.tcb == b->home.tcb &&
	       (a->home.cnode || a->home.tcb || a->home.index == b->home.index);
}

static const char *object_name(const struct graph *graph, const struct graph_cap *cap,
			       char name[GRAPH_NAME_SIZE])
{
	return graph_object_name(&graph->object[cap->object], name);
}

/* --- text ------------------------------------------------------------------------------------------ */

static void text_holder(const struct graph *graph, const struct graph_cap *cap, FILE *out)
{
	const struct graph_object *holder = graph_holder(graph, cap);
	char name[TCB_NAME_SIZE];

	print_holder(graph, cap, out);
	if (holder && holder->type != CAP_Thread)
		fprintf(out, "  %u slots", 1u << holder->bits);
	else if (holder)
		fprintf(out, "  \"%s\"", graph_thread_name(holder, name));
	fputc('\n', out);
}

static void text_cap(const struct graph *graph, const struct graph_cap *cap, FILE *out)
{
	struct graph_attribute attribute[GRAPH_ATTRIBUTES];
	const struct graph_object *object = &graph->object[cap->object];
	char name[GRAPH_NAME_SIZE], thread[TCB_NAME_SIZE];
	unsigned count = graph_attributes(cap->slot->cap, attribute);

	if (cap->home.tcb)
		fprintf(out, "  %-12s ", graph_tcb_slots[cap->home.index]);
	else
		fprintf(out, "  0x%-10" PRIx64 " ", cap->home.irq ? 0 : cap->home.index);
	fprintf(out, "%-12s  %s", trace_capability_name(cap->slot->cap.word[0]),
		object_name(graph, cap, name));
	if (object->type == CAP_Thread)
		fprintf(out, " \"%s\"", graph_thread_name(object, thread));
	for (unsigned i = 0; i < count; i++)
		if (attribute[i].text)
			fprintf(out, " %s=%s", attribute[i].name, attribute[i].text);
		else
			fprintf(out, attribute[i].address ? " %s=0x%" PRIx64 : " %s=%" PRIu64,
				attribute[i].name, attribute[i].number);
	fputc('\n', out);
}

static void print_text(const struct graph *graph, FILE *out)
{
	for (size_t i = 0; i < graph->caps; i++) {
		if (i == 0 || !same_holder(&graph->cap[i - 1], &graph->cap[i]))
			text_holder(graph, &graph->cap[i], out);
		text_cap(graph, &graph->cap[i], out);
	}
}

/* --- DOT --------------------------------------------------------------------------------------------- */

static void dot_edge(const struct graph *graph, const struct graph_cap *cap, FILE *out)
{
	struct cap value = cap->slot->cap;
	char name[GRAPH_NAME_SIZE];

	fputs("  ", out);
	print_holder(graph, cap, out);
	fprintf(out, " -> %s [label=\"", object_name(graph, cap, name));
	if (cap->home.tcb)
		fputs(graph_tcb_slots[cap->home.index], out);
	else if (!cap->home.irq)
		fprintf(out, "0x%" PRIx64, cap->home.index);
	if (cap_type(value) == CAP_Endpoint || cap_type(value) == CAP_Notification) {
		fprintf(out, " %s", graph_rights(cap_rights(value)));
		if (cap_badge(value))
			fprintf(out, " badge 0x%" PRIx64, cap_badge(value));
	}
	fprintf(out, "\"%s];\n", cap_type(value) == CAP_Reply ? " style=dashed" : "");
}

static void print_dot(const struct graph *graph, FILE *out)
{
	char name[GRAPH_NAME_SIZE], thread[TCB_NAME_SIZE];

	fputs("digraph capabilities {\n  rankdir=LR;\n  node [shape=box];\n", out);
	for (size_t i = 0; i < graph->objects; i++) {
		const struct graph_object *object = &graph->object[i];

		fprintf(out, "  %s", graph_object_name(object, name));
		if (object->type == CAP_Thread)
			fprintf(out, " [shape=ellipse label=\"%s\\n%s\"]", graph_thread_name(object, thread),
				name);
		fputs(";\n", out);
	}
	for (size_t i = 0; i < graph->caps; i++)
		dot_edge(graph, &graph->cap[i], out);
	fputs("}\n", out);
}

/* --- capDL ------------------------------------------------------------------------------------------- */

static void capdl_object(const struct graph_object *object, FILE *out)
{
	const struct tcb *tcb;
	char name[GRAPH_NAME_SIZE];

	fprintf(out, "%s = ", graph_object_name(object, name));
	switch (object->type) {
	case CAP_Untyped:
		fprintf(out, "ut (%u bits, paddr: 0x%" PRIx64 ")", object->bits, object->address);
		break;
	case CAP_Endpoint:
		fputs("ep", out);
		break;
	case CAP_Notification:
		fputs("notification", out);
		break;
	case CAP_CNode:
		fprintf(out, "cnode (%u bits)", object->bits);
		break;
	case CAP_Frame:
		fprintf(out, "frame (%s, paddr: 0x%" PRIx64 ")",
			object->bits == seL4_PageBits        ? "4k"
			: object->bits == seL4_LargePageBits ? "2M"
							     : "1G",
			object->address);
		break;
	case CAP_PageTable:
		fputs("pt", out);
		break;
	case CAP_Thread:
		tcb = tcb_at(isa_kref(object->address));
		fprintf(out,
			"tcb (addr: 0x%" PRIx64 ", ip: 0x%" PRIx64 ", sp: 0x%" PRIx64 ", prio: %u, "
			"max_prio: %u, fault_ep: 0x%" PRIx64 ")",
			tcb->buffer, tcb->context.pc, tcb->context.x[REG_SP], tcb->priority, tcb->mcp,
			tcb->fault_handler);
		break;
	case CAP_ASIDPool:
		fputs("asid_pool", out);
		break;
	case CAP_IRQHandler:
		fputs("irq", out);
		break;
	default: /* what there is one of is not made */
		fputs(object->type == CAP_IRQControl    ? "irq_control"
		      : object->type == CAP_ASIDControl ? "asid_control"
							: "domain",
		      out);
		break;
	}
	fputc('\n', out);
}

static void capdl_cap(const struct graph *graph, const struct graph_cap *cap, FILE *out)
{
	struct cap value = cap->slot->cap;
	char name[GRAPH_NAME_SIZE];

	if (cap->home.tcb)
		fprintf(out, "%s: ", graph_tcb_slots[cap->home.index]);
	else
		fprintf(out, "0x%" PRIx64 ": ", cap->home.irq ? 0 : cap->home.index);
	fputs(object_name(graph, cap, name), out);
	switch (cap_type(value)) {
	case CAP_Endpoint:
	case CAP_Notification:
		fprintf(out, " (%s", graph_rights(cap_rights(value)));
		if (cap_badge(value))
			fprintf(out, ", badge: 0x%" PRIx64, cap_badge(value));
		fputc(')', out);
		break;
	case CAP_CNode:
		fprintf(out, " (guard: 0x%" PRIx64 ", guard_size: %u)", cap_cnode_guard(value),
			cap_cnode_guard_size(value));
		break;
	case CAP_Frame:
		fprintf(out, " (%s)",
			graph_rights(cap_frame_access(value) == FRAME_READ_WRITE ? RIGHT_READ | RIGHT_WRITE
										 : RIGHT_READ));
		break;
	case CAP_Reply:
		fputs(cap_reply_master(value) ? " (master_reply)" : " (reply)", out);
		break;
	default:
		break;
	}
	fputc('\n', out);
}

/* A page table's entries: tables and frames that are mapped in it. */
static void capdl_table(const struct graph_object *table, FILE *out)
{
	const uint64_t *pte = machine_pointer(isa_kref(table->address));
	char name[GRAPH_NAME_SIZE];

	fprintf(out, "%s {\n", graph_object_name(table, name));
	for (unsigned i = 0; i < 1u << seL4_PageTableIndexBits; i++) {
		if (!(pte[i] & PTE_V))
			continue;
		fprintf(out, "  0x%x: %s_%" PRIx64, i, pte_is_table(pte[i]) ? "pt" : "frame",
			pte_paddr(pte[i]));
		if (!pte_is_table(pte[i]))
			fprintf(out, " (%s%s%s)", pte[i] & PTE_R ? "R" : "", pte[i] & PTE_W ? "W" : "",
				pte[i] & PTE_X ? "X" : "");
		fputc('\n', out);
	}
	fputs("}\n", out);
}

/* Zombies are no objects of capDL: what is left of one has a comment. */
static void print_capdl(const struct graph *graph, FILE *out)
{
	bool open = false;

	fputs("arch riscv\n\nobjects {\n", out);
	for (size_t i = 0; i < graph->objects; i++)
		if (graph->object[i].type != CAP_Zombie)
			capdl_object(&graph->object[i], out);
	fputs("}\n\ncaps {\n", out);
	for (size_t i = 0; i < graph->caps; i++) {
		const struct graph_cap *cap = &graph->cap[i];

		if (i == 0 || !same_holder(cap - 1, cap)) {
			fputs(open ? "}\n" : "", out);
			print_holder(graph, cap, out);
			fputs(" {\n", out);
			open = true;
		}
		fputs(cap_type(cap->slot->cap) == CAP_Zombie ? "  -- " : "  ", out);
		capdl_cap(graph, cap, out);
	}
	fputs(open ? "}\n" : "", out);
	for (size_t i = 0; i < graph->objects; i++)
		if (graph->object[i].type == CAP_PageTable)
			capdl_table(&graph->object[i], out);
	fputs("}\n", out);
}

/* --- JSON -------------------------------------------------------------------------------------------- */

static void json_object(const struct graph_object *object, FILE *out)
{
	char name[GRAPH_NAME_SIZE], thread[TCB_NAME_SIZE];

	fprintf(out, "{\"id\":\"%s\",\"type\":\"%s\"", graph_object_name(object, name),
		trace_capability_name(object->type));
	if (object->type == CAP_IRQHandler)
		fprintf(out, ",\"interrupt\":%" PRIu64, object->address);
	else if (object->address)
		fprintf(out, ",\"paddr\":\"0x%" PRIx64 "\"", object->address);
	if (object->bits)
		fprintf(out, ",\"bits\":%u", object->bits);
	if (object->type == CAP_Thread)
		fprintf(out, ",\"name\":\"%s\"", graph_thread_name(object, thread));
	fputc('}', out);
}

static void json_cap(const struct graph *graph, const struct graph_cap *cap, FILE *out)
{
	struct graph_attribute attribute[GRAPH_ATTRIBUTES];
	unsigned count = graph_attributes(cap->slot->cap, attribute);
	char name[GRAPH_NAME_SIZE];

	fputs("{\"holder\":\"", out);
	print_holder(graph, cap, out);
	if (cap->home.tcb)
		fprintf(out, "\",\"slot\":\"%s\"", graph_tcb_slots[cap->home.index]);
	else
		fprintf(out, "\",\"slot\":%" PRIu64, cap->home.irq ? 0 : cap->home.index);
	fprintf(out, ",\"type\":\"%s\",\"object\":\"%s\"", trace_capability_name(cap->slot->cap.word[0]),
		object_name(graph, cap, name));
	if (cap->parent >= 0)
		fprintf(out, ",\"parent\":%" PRId64, cap->parent);
	for (unsigned i = 0; i < count; i++)
		if (attribute[i].text)
			fprintf(out, ",\"%s\":\"%s\"", attribute[i].name, attribute[i].text);
		else
			fprintf(out, attribute[i].address ? ",\"%s\":\"0x%" PRIx64 "\"" : ",\"%s\":%" PRIu64,
				attribute[i].name, attribute[i].number);
	fputc('}', out);
}

static void print_json(const struct graph *graph, FILE *out)
{
	fputs("{\"objects\":[\n", out);
	for (size_t i = 0; i < graph->objects; i++) {
		fputs(i ? ",\n" : "", out);
		json_object(&graph->object[i], out);
	}
	fputs("\n],\"capabilities\":[\n", out);
	for (size_t i = 0; i < graph->caps; i++) {
		fputs(i ? ",\n" : "", out);
		json_cap(graph, &graph->cap[i], out);
	}
	fputs("\n]}\n", out);
}

bool node_print_capabilities(struct node *node, enum graph_format format, FILE *out)
{
	static void (*const print[])(const struct graph *graph, FILE *out) = {
		[GRAPH_TEXT] = print_text,
		[GRAPH_DOT] = print_dot,
		[GRAPH_CAPDL] = print_capdl,
		[GRAPH_JSON] = print_json,
	};
	struct graph graph;

	if (!graph_make(&graph, node))
		return false;
	print[format](&graph, out);
	graph_free(&graph);
	return true;
}

/* --- threads ------------------------------------------------------------------------------------------ */

void node_print_threads(struct node *node, enum graph_format format, FILE *out)
{
	struct node_thread thread;
	bool json = format == GRAPH_JSON;

	fputs(json ? "[\n"
		   : "NAME              TCB         STATE          PRIORITY  SPACE       PC                  "
		     "WAITS\n",
	      out);
	for (unsigned i = 0; node_thread(node, i, &thread); i++) {
		const struct graph_object tcb = {.address = isa_paddr(thread.tcb)};
		char name[TCB_NAME_SIZE];
		bool runs = node->running && machine_ref(node->running) == thread.tcb;

		graph_thread_name(&tcb, name);
		fprintf(out,
			json ? "%s{\"name\":\"%s\",\"tcb\":\"0x%" PRIx64
			       "\",\"state\":\"%s\",\"priority\":%u,"
			       "\"space\":\"0x%" PRIx64 "\",\"pc\":\"0x%" PRIx64 "\",\"waits\":\"%s\"}"
			     : "%s%-16s  0x%-8" PRIx64 "  %-14s %8u  0x%-8" PRIx64 "  0x%016" PRIx64 "  %s\n",
			json && i ? ",\n" : "", name, isa_paddr(thread.tcb), runs ? "running" : thread.state,
			thread.priority, thread.root_paddr, thread.pc, runs ? "runs" : thread.wait);
	}
	fputs(json ? "\n]\n" : "", out);
}
