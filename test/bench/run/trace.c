/*
 * What tracing costs: processor time, in ns, of one event into the ring, and of a round trip of ipc.c with all
 * entries recorded and without.
 *
 *   trace IMAGE ROUNDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/image.h"
#include "port/vm/internal.h"
#include "port/vm/trace.h"

#define RAM_SIZE    (16ull << 20)
#define BUFFER_SIZE (16ull << 20)
#define PAIRS       2000000 /* an entry with its return, and a message */
#define STEP_NS     1000000

static struct image image;

static double processor_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	(void)context;
	(void)console;
	(void)bytes;
	(void)size;
}

static struct node *make(bool traced)
{
	struct node_config config = {
		.ram_size = RAM_SIZE,
		.entry = image.entry,
		.segment = image.segment,
		.segments = image.segments,
		.board = {.output = output},
	};
	char error[512];
	struct node *node = node_create(&config, error, sizeof error);

	if (node && (!traced || node_trace_start(node, BUFFER_SIZE, NULL)))
		return node;
	fprintf(stderr, "no node: %s\n", error);
	exit(1);
}

/* One event, after the ring's memory has been used for the first time. */
static double event_ns(void)
{
	struct node *node = make(true);
	struct tcb *tcb = node->running;
	double start = 0;

	for (unsigned i = 0; i < 2 * PAIRS; i++) {
		if (i == PAIRS)
			start = processor_ns();
		trace_enter_syscall(node);
		machine_trace_invoke(tcb, &tcb->slot[TCB_CSPACE]);
		machine_trace_message(tcb, tcb, machine_ref(tcb), i);
		trace_leave(node);
	}
	start = processor_ns() - start;
	node_destroy(node);
	return start / PAIRS / 2;
}

static double roundtrip_ns(bool traced, unsigned rounds)
{
	struct node *node = make(traced);
	double start = processor_ns();
	uint64_t until;

	while (node_step(node, STEP_NS, &until) == NODE_RAN)
		;
	start = processor_ns() - start;
	if (node_exit_status(node) != 0)
		exit(1);
	node_destroy(node);
	return start / rounds;
}

int main(int argc, char **argv)
{
	char error[512];

	if (argc != 3 || !image_open(&image, argv[1], error, sizeof error))
		return 1;
	printf("event %.3f\n", event_ns());
	printf("roundtrip %.3f\n", roundtrip_ns(true, (unsigned)atoi(argv[2])));
	printf("untraced %.3f\n", roundtrip_ns(false, (unsigned)atoi(argv[2])));
	image_close(&image);
	return 0;
}
