/* See place.h. Called only when something is reported, so nothing is kept between two calls. */
#include "cmd/place.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <inttypes.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/symbols.h"

#define CODE_COMPARED 32 /* bytes around an address that must agree */

/* Does the thread have this program's code at `address`? */
static bool program_matches(Elf *elf, struct span program, struct node *node,
			    const struct node_thread *thread, uint64_t address)
{
	uint8_t code[CODE_COMPARED];
	size_t headers;

	if (elf_getphdrnum(elf, &headers) != 0)
		return false;
	for (size_t i = 0; i < headers; i++) {
		GElf_Phdr header;
		uint64_t size, offset;

		if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_LOAD ||
		    address - header.p_vaddr >= header.p_filesz)
			continue;
		offset = address - header.p_vaddr;
		size = header.p_filesz - offset < sizeof code ? header.p_filesz - offset : sizeof code;
		size = node_read_memory(node, thread, address, code, size);
		if (header.p_offset > program.size || header.p_filesz > program.size - header.p_offset)
			return false;
		return size > 0 && memcmp(code, program.data + header.p_offset + offset, size) == 0;
	}
	return false;
}

/* The compilation unit of an address: by the index where there is one, else by asking each. */
static bool unit_find(Dwarf *dwarf, uint64_t address, Dwarf_Die *unit)
{
	Dwarf_Off offset = 0, next;
	size_t header;

	if (dwarf_addrdie(dwarf, address, unit))
		return true;
	while (dwarf_nextcu(dwarf, offset, &next, &header, NULL, NULL, NULL) == 0) {
		if (dwarf_offdie(dwarf, offset + header, unit) && dwarf_haspc(unit, address) > 0)
			return true;
		offset = next;
	}
	return false;
}

/* The innermost function, also where it has been inlined. */
static const char *function_find(Dwarf_Die *unit, uint64_t address)
{
	Dwarf_Die *scopes = NULL;
	int count = dwarf_getscopes(unit, address, &scopes);
	const char *name = NULL;

	for (int i = 0; i < count && !name; i++) {
		int tag = dwarf_tag(&scopes[i]);

		if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine)
			name = dwarf_diename(&scopes[i]);
	}
	free(scopes);
	return name;
}

static bool describe_by_debug_info(Elf *elf, uint64_t address, char *text, size_t size)
{
	Dwarf *dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	const char *function, *file = NULL;
	Dwarf_Line *line;
	Dwarf_Die unit;
	int number = 0;
	bool found = false;

	if (dwarf && unit_find(dwarf, address, &unit)) {
		function = function_find(&unit, address);
		line = dwarf_getsrc_die(&unit, address);
		if (line && dwarf_lineno(line, &number) == 0)
			file = dwarf_linesrc(line, NULL, NULL);
		found = function || file;
		if (file)
			snprintf(text, size, "%s%s%s:%d", function ? function : "", function ? "() at " : "",
				 file, number);
		else if (function)
			snprintf(text, size, "%s()", function);
	}
	if (dwarf)
		dwarf_end(dwarf);
	return found;
}

static bool describe_by_symbol(struct span program, uint64_t address, char *text, size_t size)
{
	const struct symbol *symbol;
	struct symbols symbols;

	symbols_read(&symbols, program);
	symbol = symbols_at(&symbols, address);
	if (symbol)
		snprintf(text, size, "%s+0x%" PRIx64, symbol->name, address - symbol->value);
	symbols_free(&symbols);
	return symbol;
}

static bool describe_in(struct span program, struct node *node, const struct node_thread *thread,
			uint64_t address, char *text, size_t size)
{
	Elf *elf = elf_memory((char *)program.data, program.size);
	bool found = elf && program_matches(elf, program, node, thread, address) &&
		     (describe_by_debug_info(elf, address, text, size) ||
		      describe_by_symbol(program, address, text, size));

	elf_end(elf);
	return found;
}

bool place_program_at(const struct image *image, unsigned index, struct image_member *program)
{
	struct image_archive archive;
	uint64_t offset = 0;

	*program = (struct image_member){image->user_name, image->user};
	if (index == 0)
		return true;
	while (archive_find(image->user, &offset, &archive))
		for (unsigned i = 0; i < archive.count; i++) {
			*program = archive.member[i];
			if (elf_is(program->bytes) && --index == 0)
				return true;
		}
	return false;
}

bool place_program(const struct image *image, struct node *node, const struct node_thread *thread,
		   uint64_t address, struct image_member *program)
{
	bool found = false;

	elf_version(EV_CURRENT);
	for (unsigned index = 0; !found && place_program_at(image, index, program); index++) {
		Elf *elf = elf_memory((char *)program->bytes.data, program->bytes.size);

		found = elf && program_matches(elf, program->bytes, node, thread, address);
		elf_end(elf);
	}
	return found;
}

bool place_describe(const struct image *image, struct node *node, const struct node_thread *thread,
		    uint64_t address, char *text, size_t size)
{
	struct image_member program;

	elf_version(EV_CURRENT);
	for (unsigned index = 0; place_program_at(image, index, &program); index++)
		if (describe_in(program.bytes, node, thread, address, text, size))
			return true;
	return false;
}
