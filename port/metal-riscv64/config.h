/*
 * What `skerry image` writes into the bare-metal kernel's image: the root server's place, and the choices
 * that `skerry run` has as options. It finds the structure in the kernel's data by its magic.
 */
#pragma once

#include <stdint.h>

#define METAL_CONFIG_MAGIC "Skerry metal config 2"

/*
 * Printed for a program at the other end of the console, if config.attended: the kernel has booted, what came
 * before is the firmware's; and nothing can ever run again.
 */
#define METAL_START_MARK   "\x01Skerry starts\n"
#define METAL_STUCK_MARK   "\x01Skerry is stuck\n"

struct metal_config {
	char magic[24];
	char profile[16];         /* empty: debug, of a kernel that has no debug calls release */
	uint64_t root_cnode_bits; /* 0: the profile's */
	uint64_t domains;         /* 0: the profile's */
	uint64_t image_size;      /* bytes at IMAGE_PADDR, whole pages; 0: no root server in here */
	uint64_t image_vaddr;
	uint64_t entry;
	uint64_t fdt_size; /* bytes at FDT_PADDR; 0: the firmware's device tree is used */
	uint64_t ram_end;  /* 0: what the device tree says */
	uint64_t attended;
};
