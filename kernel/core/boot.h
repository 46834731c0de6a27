/* What a machine half tells the kernel when it boots (boot.md §7 has the loader's side of it). */
#pragma once

#include "kernel/core/kernel.h"

/* Physical memory [start, end). */
struct region {
	uint64_t start, end;
};

struct boot {
	struct profile profile;
	struct region ram;         /* all that the kernel may use, its own window included */
	struct region reserved[8]; /* devices of the kernel's own, ascending, below ram */
	unsigned reserved_count;
	struct region
		taken[16]; /* what else in ram is not free, besides the places in kernel.h and the image */
	unsigned taken_count;
	struct region image; /* the user image, pages; the first of them is mapped at image_vaddr */
	uint64_t image_vaddr;
	uint64_t entry;         /* virtual */
	uint64_t fdt, fdt_size; /* physical; size 0: none */
	bool memory_is_clear;   /* free memory is known to be zero */
};

/* Sets up everything and makes the root server the current thread. NULL, or why it cannot be done. */
const char *kernel_boot(struct kernel *kernel, const struct boot *boot);
