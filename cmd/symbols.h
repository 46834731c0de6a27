/* The functions of a program, as its symbol table has them. */
#ifndef SKERRY_CMD_SYMBOLS_H
#define SKERRY_CMD_SYMBOLS_H

#include "cmd/image.h"

struct symbol {
	const char *name; /* as long as the symbols are there */
	uint64_t value, size;
};

struct symbols {
	struct symbol *symbol;
	unsigned count;
	void *elf;
};

/* Reads them; there are none in what is no ELF file. symbols_free() in any case. */
void symbols_read(struct symbols *symbols, struct span program);
void symbols_free(struct symbols *symbols);

/* The function that covers an address, or the last one before it that has no size; NULL: none. */
const struct symbol *symbols_at(const struct symbols *symbols, uint64_t address);
/* The function of a name; NULL: none. */
const struct symbol *symbols_find(const struct symbols *symbols, const char *name);

#endif
