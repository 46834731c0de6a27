/* Where in a program's source an address is, from the debug information of the image's programs. */
#ifndef SKERRY_CMD_PLACE_H
#define SKERRY_CMD_PLACE_H

#include "cmd/image.h"

/*
 * Describes `address` in the address space of `thread`, such as "main() at src/main.c:12" or
 * "memcpy+0x10"; false if nothing is known about it. Which of the image's programs the thread runs
 * (the root server, or one from an archive inside it) is told by comparing the code.
 */
bool place_describe(const struct image *image, struct node *node, const struct node_thread *thread,
		    uint64_t address, char *text, size_t size);

/* The ELF files inside an image: the root server, then what its archives hold; false past the last. */
bool place_program_at(const struct image *image, unsigned index, struct image_member *program);
/* The one that the thread has at `address`. */
bool place_program(const struct image *image, struct node *node, const struct node_thread *thread,
		   uint64_t address, struct image_member *program);

#endif
