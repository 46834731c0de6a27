/* See perf_map.h. A line is "ADDRESS SIZE NAME"; the format is that of perf's
 * tools/perf/Documentation/jit-interface.txt. */
#include "cmd/perf_map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/options.h"
#include "cmd/place.h"
#include "cmd/symbols.h"
#include "host/host.h"

/* Code that was made and has not been written yet. */
struct made {
	uint64_t root, pc, size;
	const void *host;
};

/* A program whose symbols were read. */
struct program {
	const void *bytes;
	struct symbols symbols;
};

static struct {
	struct host_output *output;
	struct made *made;
	unsigned count, room;
	struct program program[IMAGE_MEMBERS];
	unsigned programs;
} map;

bool perf_map_begin(void)
{
	map.output = host_profile_create();
	if (!map.output)
		complain("cannot write what --perf-map asks for: %s", host_error());
	return map.output;
}

void perf_map_code(void *context, uint64_t root_paddr, uint64_t pc, const void *host, uint64_t size)
{
	(void)context;
	if (map.count == map.room) {
		unsigned room = map.room ? 2 * map.room : 256;
		struct made *longer = realloc(map.made, room * sizeof *longer);

		if (!longer)
			return; /* a name less */
		map.made = longer;
		map.room = room;
	}
	map.made[map.count++] = (struct made){root_paddr, pc, size, host};
}

static const struct symbols *symbols_of(struct span bytes)
{
	unsigned i = 0;

	while (i < map.programs && map.program[i].bytes != bytes.data)
		i++;
	if (i == IMAGE_MEMBERS)
		return NULL;
	if (i == map.programs) {
		map.program[map.programs++].bytes = bytes.data;
		symbols_read(&map.program[i].symbols, bytes);
	}
	return &map.program[i].symbols;
}

/* Function and offset, with the program if that is not the root server; else the address. */
static void name(const struct made *made, struct node *node, const struct image *image, char *text,
		 size_t size)
{
	struct node_thread thread = {.root_paddr = made->root};
	const struct symbol *symbol = NULL;
	const struct symbols *symbols;
	struct image_member program;

	snprintf(text, size, "guest 0x%" PRIx64, made->pc);
	if (made->pc == VM_CODE_FRAME)
		snprintf(text, size, "skerry: between code and C");
	else if (place_program(image, node, &thread, made->pc, &program) &&
		 (symbols = symbols_of(program.bytes)) && (symbol = symbols_at(symbols, made->pc)))
		snprintf(text, size,
			 program.bytes.data == image->user.data ? "%s+0x%" PRIx64 : "%s+0x%" PRIx64 " [%s]",
			 symbol->name, made->pc - symbol->value, program.name);
}

void perf_map_turn(struct node *node, const struct image *image)
{
	for (unsigned i = 0; i < map.count; i++) {
		const struct made *made = &map.made[i];
		char text[256], line[320];
		int length;

		name(made, node, image, text, sizeof text);
		length = snprintf(line, sizeof line, "%" PRIxPTR " %" PRIx64 " %s\n", (uintptr_t)made->host,
				  made->size, text);
		host_output_write(map.output, line, (size_t)length);
	}
	map.count = 0;
}

void perf_map_end(void)
{
	for (unsigned i = 0; i < map.programs; i++)
		symbols_free(&map.program[i].symbols);
	free(map.made);
	if (map.output && !host_output_finish(map.output))
		complain("what --perf-map asks for was not written to its end: %s", host_error());
	map.output = NULL;
	map.made = NULL;
	map.count = map.room = map.programs = 0;
}
