/* Reading and checking a user ELF: cmd/elf.c, used by cmd/image.c only. */
#ifndef SKERRY_CMD_ELF_H
#define SKERRY_CMD_ELF_H

#include "cmd/image.h"

/* Fills in what `image` says about image->user; false with one line in `error` if it cannot boot. */
bool elf_read(struct image *image, char *error, size_t error_size);

#endif
