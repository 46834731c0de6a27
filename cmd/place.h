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

#endif
