/* What a run says about itself on standard error: faults, threads that wait for ever, statistics. */
#ifndef SKERRY_CMD_REPORT_H
#define SKERRY_CMD_REPORT_H

#include "cmd/image.h"
#include "cmd/options.h"

struct report_context {
	const struct image *image;
	struct node *node;
	const char *name;      /* of the node, among several; NULL: there is one */
	const char *recording; /* file from which the run can be repeated; NULL: none */
	bool real_time;
	unsigned reports;
};

/* As node_set_report() takes it; the context is a struct report_context. */
void report_fault(void *context, const struct node_thread *thread, const char *line);

/* Names each thread with what it waits for. */
void report_threads(const struct report_context *report);

void report_stats(struct node *node, enum stats_format format, uint64_t wall_ns, uint64_t boot_ns);

#endif
