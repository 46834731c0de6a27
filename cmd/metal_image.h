/* A root server and the kernel for bare metal in one ELF file. */
#ifndef SKERRY_CMD_METAL_IMAGE_H
#define SKERRY_CMD_METAL_IMAGE_H

#include "cmd/image.h"

struct metal_choices {
	const char *abi;                   /* NULL: the default profile */
	unsigned root_cnode_bits, domains; /* 0: the profile's */
	const void *fdt;                   /* NULL: the firmware's device tree; at most FDT_CAPACITY bytes */
	uint64_t fdt_size;
	uint64_t ram_end; /* 0: as the device tree says */
	bool attended;    /* the kernel prints METAL_START_MARK and METAL_STUCK_MARK */
};

/*
 * The file's bytes, from malloc(); NULL if it cannot be made, which has then been complained about. Without
 * an image it is the kernel, for a loader.
 */
uint8_t *metal_image_make(const struct image *image, const struct metal_choices *choices, uint64_t *size);

#endif
