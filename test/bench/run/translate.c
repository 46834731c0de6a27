/*
 * How fast code is made: all of a root server's text, block by block, decoded and compiled, again and again.
 *
 *   translate IMAGE
 *
 * Prints guest instructions a second of processor time, decoding included.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/image.h"
#include "port/vm/internal.h"
#include "vm/jit/jit.h"

#define RAM_SIZE (64ull << 20)
#define ROUNDS   30

static double processor_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	(void)context;
	(void)console;
	(void)bytes;
	(void)size;
}

/* The segment with the entry point. */
static struct node_segment text_of(const struct image *image)
{
	unsigned i = 0;

	while (image->entry - image->segment[i].vaddr >= image->segment[i].memory_size)
		i++;
	return image->segment[i];
}

static void compile(struct hart *h, const struct node_segment *text)
{
	uint64_t pc = text->vaddr;

	vm_blocks_flush(h->vm);
	while (pc < text->vaddr + text->file_size) {
		const struct code *code = vm_jit_make(h, pc);

		if (!code)
			exit(1);
		pc += code->block->straddle_word ? 4 : code->block->bytes;
	}
}

int main(int argc, char **argv)
{
	struct image image;
	char error[512] = "translate IMAGE";
	struct node_config config = {.ram_size = RAM_SIZE, .tier = VM_TIER_JIT, .board = {.output = output}};
	struct vm_stats before, after;
	struct node_segment text;
	struct node *node = NULL;
	uint64_t until;
	double start;

	if (argc == 2 && image_open(&image, argv[1], error, sizeof error)) {
		config.entry = image.entry;
		config.segment = image.segment;
		config.segments = image.segments;
		node = node_create(&config, error, sizeof error);
	}
	if (!node || !node->vm->jit || node_step(node, 1, &until) != NODE_RAN) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	text = text_of(&image);
	compile((struct hart *)node->hart, &text); /* memory is used for the first time */
	vm_get_stats(node->vm, &before);
	start = processor_s();
	for (unsigned i = 0; i < ROUNDS; i++)
		compile((struct hart *)node->hart, &text);
	start = processor_s() - start;
	vm_get_stats(node->vm, &after);
	printf("%.0f\n", (double)(after.insns_compiled - before.insns_compiled) / start);
	node_destroy(node);
	image_close(&image);
	return 0;
}
