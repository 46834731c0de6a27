/* See report.h. */
#include "cmd/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/console.h"
#include "cmd/place.h"
#include "vm/vm.h"

#include <sel4/syscall.h>

#define REPORTS_MAX   20 /* faults told in full: a guest may produce any number */
#define THREADS_MAX   100
#define EXPLAINED_MAX 20 /* of them in full */

/* --- faults ------------------------------------------------------------------------------------- */

static void print_place(const struct report_context *context, const struct node_thread *thread,
			const char *what, uint64_t address)
{
	char place[512];

	if (place_describe(context->image, context->node, thread, address, place, sizeof place))
		fprintf(stderr, "    %s %s\n", what, place);
}

static void print_instruction(struct node *node, const struct node_thread *thread)
{
	char text[128];
	uint32_t word = 0;

	/* An instruction at the end of a page may have only two bytes. */
	if (node_read_memory(node, thread, thread->pc, &word, sizeof word) < 2)
		return;
	vm_disassemble(thread->pc, word, text, sizeof text);
	fprintf(stderr, "    at 0x%" PRIx64 ": %s\n", thread->pc, text);
}

static void print_registers(const struct node_thread *thread)
{
	static const char *const names[32] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
					      "s0",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
					      "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
					      "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

	for (unsigned i = 0; i < 32; i++)
		fprintf(stderr, "%s%-4s %016" PRIx64 "%s", i % 4 == 0 ? "    " : "  ",
			i == 0 ? "pc" : names[i], i == 0 ? thread->pc : thread->x[i], i % 4 == 3 ? "\n" : "");
}

static void print_replay(const struct report_context *report)
{
	if (report->recording)
		fprintf(stderr, "    just before: skerry replay %s --to %" PRIu64 "%s\n", report->recording,
			node_trap_position(report->node), report->real_time ? "i" : "ns");
}

/* --- what there is to know of a thread -------------------------------------------------------------- */

#define HISTORY 10 /* kernel events shown */

static void print_line(void *context, const char *text)
{
	bool *heading = context;

	if (*heading)
		fprintf(stderr, "      its last kernel events:\n");
	*heading = false;
	fprintf(stderr, "        %s\n", text);
}

static void print_sentence(void *context, const char *text)
{
	(void)context;
	fprintf(stderr, "      %s\n", text);
}

static void print_more(struct node *node, const struct node_thread *thread)
{
	bool heading = true;

	node_explain(node, thread->tcb, print_sentence, NULL);
	node_last_events(node, thread->tcb, HISTORY, print_line, &heading);
}

void report_fault(void *context, const struct node_thread *thread, const char *line)
{
	struct report_context *report = context;
	const char *name = report->name ? report->name : "", *colon = report->name ? ": " : "";

	if (report->reports++ == REPORTS_MAX)
		complain("%s%sfurther reports are not shown", name, colon);
	if (report->reports > REPORTS_MAX)
		return;
	if (!thread) {
		complain("%s%s%s", name, colon, line);
		return;
	}
	complain("%s%sthread \"%s\" (priority %u) %s", name, colon, thread->name, thread->priority, line);
	print_instruction(report->node, thread);
	print_place(report, thread, "in", thread->pc);
	print_place(report, thread, "called from", thread->x[1] - 1); /* the call, not what follows it */
	print_registers(thread);
	print_more(report->node, thread);
	print_replay(report);
}

/* --- waiting threads ---------------------------------------------------------------------------- */

void report_threads(const struct report_context *report)
{
	struct node *node = report->node;
	struct node_thread thread;
	char place[512];
	unsigned count = 0;

	for (; node_thread(node, count, &thread); count++) {
		if (count >= THREADS_MAX)
			continue;
		fprintf(stderr, "    thread \"%s\" (priority %u) %s", thread.name, thread.priority,
			thread.wait[0] ? thread.wait : thread.state);
		if (place_describe(report->image, node, &thread, thread.pc, place, sizeof place))
			fprintf(stderr, ", in %s", place);
		fputc('\n', stderr);
		if (count < EXPLAINED_MAX)
			print_more(node, &thread);
	}
	if (count > THREADS_MAX)
		fprintf(stderr, "    and %u more\n", count - THREADS_MAX);
	print_replay(report);
}

/* --- statistics --------------------------------------------------------------------------------- */

struct figure {
	const char *name;
	uint64_t value;
};

#define FIGURES_MAX 40

static unsigned collect(struct node *node, uint64_t wall_ns, uint64_t boot_ns, struct figure *figure)
{
#define SYSCALL_NAME(name, number) #name,
	static const char *const syscalls[] = {SEL4_SYSCALLS(SYSCALL_NAME)};
#undef SYSCALL_NAME
	struct node_stats stats;
	unsigned n = 0;

	memset(&stats, 0, sizeof stats);
	node_get_stats(node, &stats);
	figure[n++] = (struct figure){"instructions", stats.instructions};
	figure[n++] = (struct figure){"guest_time_ns", stats.time_ns};
	figure[n++] = (struct figure){"wall_time_ns", wall_ns};
	figure[n++] = (struct figure){"boot_time_ns", boot_ns};
	for (unsigned i = 0; i < sizeof syscalls / sizeof syscalls[0]; i++)
		figure[n++] = (struct figure){syscalls[i], stats.syscalls[i]};
	figure[n++] = (struct figure){"other_syscalls", stats.unknown_syscalls};
	figure[n++] = (struct figure){"faults", stats.faults};
	figure[n++] = (struct figure){"exceptions", stats.exceptions};
	figure[n++] = (struct figure){"interrupts", stats.interrupts};
	figure[n++] = (struct figure){"timer_ticks", stats.timer_ticks};
	figure[n++] = (struct figure){"fastpath_Call", stats.fastpath_call};
	figure[n++] = (struct figure){"fastpath_ReplyRecv", stats.fastpath_reply_recv};
	figure[n++] = (struct figure){"tlb_misses_load", stats.vm.tlb_misses[0]};
	figure[n++] = (struct figure){"tlb_misses_store", stats.vm.tlb_misses[1]};
	figure[n++] = (struct figure){"tlb_misses_fetch", stats.vm.tlb_misses[2]};
	figure[n++] = (struct figure){"blocks_decoded", stats.vm.blocks_decoded};
	figure[n++] = (struct figure){"blocks_invalidated", stats.vm.blocks_invalidated};
	figure[n++] = (struct figure){"blocks_compiled", stats.vm.blocks_compiled};
	figure[n++] = (struct figure){"regions_compiled", stats.vm.regions_compiled};
	figure[n++] = (struct figure){"instructions_compiled", stats.vm.insns_compiled};
	figure[n++] = (struct figure){"code_bytes", stats.vm.code_bytes};
	figure[n++] = (struct figure){"compile_time_ns", stats.vm.compile_ns};
	figure[n++] = (struct figure){"code_flushes", stats.vm.code_flushes};
	figure[n++] = (struct figure){"code_recalled", stats.vm.code_recalled};
	figure[n++] = (struct figure){"code_entries", stats.vm.native_entries};
	figure[n++] = (struct figure){"instructions_in_code", stats.vm.native_insns};
	figure[n++] = (struct figure){"instructions_interpreted", stats.vm.interpreted_insns};
	figure[n++] = (struct figure){"time_in_code_ns", stats.vm.native_ns};
	figure[n++] = (struct figure){"time_interpreting_ns", stats.vm.interpreted_ns};
	return n;
}

void report_stats(struct node *node, enum stats_format format, uint64_t wall_ns, uint64_t boot_ns)
{
	struct figure figure[FIGURES_MAX];
	unsigned count = collect(node, wall_ns, boot_ns, figure);

	console_line_end();
	for (unsigned i = 0; i < count; i++) {
		if (format == STATS_JSON)
			fprintf(stderr, "%s\"%s\": %" PRIu64, i == 0 ? "{" : ", ", figure[i].name,
				figure[i].value);
		else
			fprintf(stderr, "%-24s %20" PRIu64 "\n", figure[i].name, figure[i].value);
	}
	if (format == STATS_JSON)
		fprintf(stderr, "}\n");
}
