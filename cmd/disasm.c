/*
 * `skerry disasm`: blocks of an image, each with the host's code that the compiler makes of it. The image is
 * booted up to its first instruction, so that blocks lie where they would in a run; nothing is executed.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <capstone/capstone.h>

#include "cmd/image.h"
#include "cmd/options.h"
#include "cmd/symbols.h"
#include "host/host.h"

#define GUEST_WIDTH 40 /* of the left column */

struct disasm {
	struct image image;
	struct symbols symbols;
	struct node *node;
	struct node_thread thread;
	csh capstone;
	int status;
};

void help_disasm(void)
{
	printf("Usage: skerry disasm IMAGE [ADDRESS|FUNCTION[+OFFSET]]...\n"
	       "Prints blocks of IMAGE's root server with the code that the compiler makes of them, side by "
	       "side: the\n"
	       "block at an ADDRESS (such as 0x400000) or at FUNCTION+OFFSET; of a FUNCTION, all blocks; "
	       "without any,\n"
	       "the block at the entry point. doc/COMPILER.md says how to read it.\n"
	       "\n"
	       "Exit status: 0; 1 if one of them is not there; 2 wrong command line; 126 the image cannot "
	       "boot, or\n"
	       "there is no compiler for this system's processor.\n");
}

/* --- one block ------------------------------------------------------------------------------------ */

/* "ADDRESS: instruction" of the guest; returns its length. */
static unsigned guest_text(struct disasm *d, uint64_t pc, char *text, size_t size)
{
	char insn[96];
	uint32_t word = 0;
	unsigned length;

	node_read_memory(d->node, &d->thread, pc, &word, sizeof word);
	length = vm_disassemble(pc, word, insn, sizeof insn);
	snprintf(text, size, "%8" PRIx64 "  %s", pc, insn);
	return length;
}

/* Where a jump or call goes that leaves the block: to one of the places that serve all. */
static void operands_text(struct disasm *d, const struct vm_code *code, const cs_insn *insn, char *text,
			  size_t size)
{
	const char *name = NULL;
	uint64_t target;
	char *end;

	snprintf(text, size, "%s", insn->op_str);
	if (insn->mnemonic[0] != 'j' && strcmp(insn->mnemonic, "call") != 0)
		return;
	target = strtoull(insn->op_str, &end, 0);
	if (*end || end == insn->op_str)
		return;
	name = node_code_name(d->node, code->host + (int64_t)target);
	if (target < code->host_bytes)
		snprintf(text, size, "+%" PRIx64, target);
	else if (name)
		snprintf(text, size, "%s", name);
}

/* The host's code from `from` to `to`, beside `left` in its first line. */
static void part_print(struct disasm *d, const struct vm_code *code, unsigned from, unsigned to,
		       const char *left)
{
	const uint8_t *bytes = code->host + from;
	uint64_t address = from;
	size_t size = to - from;
	cs_insn *insn = cs_malloc(d->capstone);

	if (size == 0 && *left)
		printf("%s\n", left);
	while (insn && size > 0) {
		char operands[192];

		if (!cs_disasm_iter(d->capstone, &bytes, &size, &address, insn)) {
			printf("%-*s  +%-4" PRIx64 " ?\n", GUEST_WIDTH, left, address);
			break;
		}
		operands_text(d, code, insn, operands, sizeof operands);
		printf("%-*s  +%-4" PRIx64 " %s%s%s\n", GUEST_WIDTH, left, insn->address, insn->mnemonic,
		       *operands ? " " : "", operands);
		left = "";
	}
	cs_free(insn, 1);
}

static void block_print(struct disasm *d, const struct vm_code *code)
{
	const struct symbol *symbol = symbols_at(&d->symbols, code->pc);
	uint64_t reached = code->pc;

	printf("\n");
	if (symbol && symbol->value == code->pc)
		printf("%s, ", symbol->name);
	else if (symbol)
		printf("%s+0x%" PRIx64 ", ", symbol->name, code->pc - symbol->value);
	printf("0x%" PRIx64 ": %u instruction%s in %u bytes; code of %u bytes\n", code->pc, code->insns,
	       code->insns == 1 ? "" : "s", code->bytes, code->host_bytes);
	for (unsigned i = 0; i < code->parts; i++) {
		const struct vm_code_part *part = &code->part[i];
		unsigned to = i + 1 < code->parts ? part[1].from : code->host_bytes;
		char left[160] = "";

		if (part->pc != VM_CODE_FRAME)
			guest_text(d, part->pc, left, sizeof left);
		if (part->pc < reached) {
			printf("%-*s  -- not in line\n", GUEST_WIDTH, "");
			reached = 0;
		} else if (part->pc != VM_CODE_FRAME && reached) {
			reached = part->pc;
		}
		part_print(d, code, part->from, to, left);
	}
}

/* Prints the block at `pc`, and returns its length; 0 if there is none. */
static uint64_t block_at(struct disasm *d, uint64_t pc)
{
	static struct vm_code code;

	if (!node_code_at(d->node, pc, &code))
		return 0;
	block_print(d, &code);
	return code.bytes;
}

/* --- what is asked for ---------------------------------------------------------------------------- */

static void refuse(struct disasm *d, const char *asked, const char *why)
{
	complain("%s: %s", asked, why);
	d->status = STATUS_FAIL;
}

static void print_at(struct disasm *d, const char *asked, uint64_t pc)
{
	if (pc & 1)
		refuse(d, asked, "an odd address; instructions lie at even ones");
	else if (block_at(d, pc) == 0)
		refuse(d, asked, "nothing that could be executed is mapped there at the start");
}

/* ADDRESS, FUNCTION or FUNCTION+OFFSET */
static void print_asked(struct disasm *d, const char *asked)
{
	const char *plus = strchr(asked, '+');
	size_t length = plus ? (size_t)(plus - asked) : strlen(asked);
	char *name = strndup(asked, length), *end = NULL;
	const struct symbol *symbol = name ? symbols_find(&d->symbols, name) : NULL;
	uint64_t number = strtoull(plus ? plus + 1 : asked, &end, 0);
	bool is_number = end && *end == 0 && isdigit((unsigned char)(plus ? plus[1] : asked[0]));

	free(name);
	if (!plus && is_number)
		print_at(d, asked, number);
	else if (!symbol)
		refuse(d, asked, "neither an address, such as 0x400000, nor a function of the root server");
	else if (plus && !is_number)
		refuse(d, asked, "what follows the + is no number");
	else if (plus)
		print_at(d, asked, symbol->value + number);
	else if (symbol->size == 0)
		print_at(d, asked, symbol->value);
	else
		for (uint64_t at = 0, size = 1; at < symbol->size && size; at += size)
			size = block_at(d, symbol->value + at);
}

static void output_nowhere(void *context, unsigned console, const void *bytes, size_t size)
{
	(void)context;
	(void)console;
	(void)bytes;
	(void)size;
}

static bool boot(struct disasm *d, char *error, size_t size)
{
	struct node_config config = {
		.ram_size = DEFAULT_RAM,
		.tier = VM_TIER_JIT,
		.entry = d->image.entry,
		.segment = d->image.segment,
		.segments = d->image.segments,
		.board.output = output_nowhere,
	};

	while (config.ram_size < RAM_MAX && !image_fits(&d->image, config.ram_size, error, size))
		config.ram_size *= 2;
	if (!image_fits(&d->image, config.ram_size, error, size))
		return false;
	d->node = node_create(&config, error, size);
	return d->node && node_running_thread(d->node, &d->thread);
}

static bool open_all(struct disasm *d, const char *path)
{
	static struct vm_code code;
	char error[512];

	d->status = STATUS_NO_BOOT;
	if (!image_open(&d->image, path, error, sizeof error) || !boot(d, error, sizeof error)) {
		complain("cannot boot %s: %s", path, error);
		return false;
	}
	if (!node_code_at(d->node, d->image.entry, &code)) {
		complain("there is no compiler for this system's processor (%s)", host_processor());
		return false;
	}
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &d->capstone) != CS_ERR_OK) {
		complain("libcapstone does not know x86-64");
		return false;
	}
	symbols_read(&d->symbols, d->image.user);
	d->status = STATUS_OK;
	return true;
}

int command_disasm(int argc, char **argv)
{
	struct disasm d = {0};

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		help_disasm();
		return STATUS_OK;
	}
	if (argc < 2 || argv[1][0] == '-') {
		complain(argc < 2 ? "no image given%s (see: skerry disasm --help)"
				  : "unknown option '%s' (see: skerry disasm --help)",
			 argc < 2 ? "" : argv[1]);
		return STATUS_USAGE;
	}
	if (open_all(&d, argv[1])) {
		for (int i = 2; i < argc; i++)
			print_asked(&d, argv[i]);
		if (argc == 2)
			print_at(&d, argv[1], d.image.entry);
		cs_close(&d.capstone);
		symbols_free(&d.symbols);
	}
	if (d.node)
		node_destroy(d.node);
	image_close(&d.image);
	return d.status;
}
