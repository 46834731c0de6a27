/* See symbols.h. */
#include "cmd/symbols.h"

#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

static void section_read(struct symbols *symbols, Elf_Data *data, size_t names)
{
	size_t room = symbols->count + data->d_size / sizeof(Elf64_Sym);
	struct symbol *longer = realloc(symbols->symbol, room * sizeof *longer);
	GElf_Sym symbol;

	if (!longer)
		return;
	symbols->symbol = longer;
	for (int i = 0; symbols->count < room && gelf_getsym(data, i, &symbol); i++) {
		const char *name = elf_strptr(symbols->elf, names, symbol.st_name);

		if (GELF_ST_TYPE(symbol.st_info) == STT_FUNC && name)
			symbols->symbol[symbols->count++] =
				(struct symbol){name, symbol.st_value, symbol.st_size};
	}
}

void symbols_read(struct symbols *symbols, struct span program)
{
	Elf_Scn *section = NULL;

	*symbols = (struct symbols){0};
	elf_version(EV_CURRENT);
	symbols->elf = elf_memory((char *)program.data, program.size);
	while (symbols->elf && (section = elf_nextscn(symbols->elf, section))) {
		Elf_Data *data = elf_getdata(section, NULL);
		GElf_Shdr header;

		if (data && gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
			section_read(symbols, data, header.sh_link);
	}
}

void symbols_free(struct symbols *symbols)
{
	free(symbols->symbol);
	elf_end(symbols->elf);
	*symbols = (struct symbols){0};
}

const struct symbol *symbols_at(const struct symbols *symbols, uint64_t address)
{
	const struct symbol *best = NULL;

	for (unsigned i = 0; i < symbols->count; i++) {
		const struct symbol *symbol = &symbols->symbol[i];

		if (symbol->value <= address && (!best || symbol->value >= best->value) &&
		    (symbol->size == 0 || address - symbol->value < symbol->size))
			best = symbol;
	}
	return best;
}

const struct symbol *symbols_find(const struct symbols *symbols, const char *name)
{
	for (unsigned i = 0; i < symbols->count; i++)
		if (strcmp(symbols->symbol[i].name, name) == 0)
			return &symbols->symbol[i];
	return NULL;
}
