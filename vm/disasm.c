/*
 * The disassembler: the names and operand letters of insn.def, printed. For debuggers and fault
 * reports; nothing in the VM depends on it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "vm/internal.h"

/* clang-format off */
static const char *const x_names[] = {
	"zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
	"a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
	"zero", /* the sink */
};
/* clang-format on */

/* clang-format off */
static const char *const f_names[] = {
	"ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
	"fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
};
/* clang-format on */

static const char *const rounding[] = {"rne", "rtz", "rdn", "rup", "rmm", "?", "?", "dyn"};

static const struct {
	int number;
	const char *name;
} csrs[] = {
	{0x001, "fflags"}, {0x002, "frm"},  {0x003, "fcsr"},
	{0xc00, "cycle"},  {0xc01, "time"}, {0xc02, "instret"},
};

struct out {
	char *text;
	unsigned size, used;
};

static __attribute__((format(printf, 2, 3))) void print(struct out *out, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(out->text + out->used, out->size - out->used, format, arguments);
	va_end(arguments);
	if (n > 0)
		out->used = out->used + (unsigned)n < out->size ? out->used + (unsigned)n : out->size - 1;
}

static const char *reg_name(unsigned reg)
{
	return reg >= REG_F ? f_names[(reg - REG_F) & 31] : x_names[reg <= REG_SINK ? reg : 0];
}

static void print_csr(struct out *out, int number)
{
	for (unsigned i = 0; i < sizeof(csrs) / sizeof(csrs[0]); i++) {
		if (csrs[i].number == number) {
			print(out, "%s", csrs[i].name);
			return;
		}
	}
	print(out, "0x%x", (unsigned)number);
}

static void print_operand(struct out *out, char letter, const struct insn *insn, uint64_t pc)
{
	/* clang-format off */
	switch (letter) {
	case 'd': case 'D': print(out, "%s", reg_name(insn->rd)); break;
	case 's': case 'S': print(out, "%s", reg_name(insn->rs1)); break;
	case 't': case 'T': print(out, "%s", reg_name(insn->rs2)); break;
	case 'R': print(out, "%s", reg_name(insn->imm & 255)); break;
	case 'm': print(out, "%s", rounding[insn->imm >> 8 & 7]); break;
	case 'i': case 'q': case '>': case '<': print(out, "%" PRId32, insn->imm); break;
	case 'p': case 'a': print(out, "0x%" PRIx64, pc + (uint64_t)(int64_t)insn->imm); break;
	case 'u': print(out, "0x%" PRIx32, (uint32_t)insn->imm >> 12); break;
	case 'E': print_csr(out, insn->imm); break;
	case 'Z': print(out, "%u", insn->rs2); break;
	default: print(out, "%c", letter); break;
	}
	/* clang-format on */
}

unsigned vm_disassemble(uint64_t pc, uint32_t word, char *text, unsigned size)
{
	struct out out = {.text = text, .size = size};
	struct insn insn;
	const char *name, *operands;
	unsigned length = (word & 3) == 3 ? 4 : 2;

	if (size == 0)
		return length;
	*text = 0;
	vm_decode(NULL, word, &insn);
	name = vm_insn_name(&insn, &operands);
	if (insn.id == ID_illegal) {
		print(&out, length == 4 ? ".word 0x%08" PRIx32 : ".half 0x%04" PRIx32,
		      length == 4 ? word : word & 0xffff);
		return length;
	}
	for (; *name; name++)
		print(&out, "%c", *name == '_' ? '.' : *name);
	for (const char *letter = operands; *letter; letter++) {
		if (letter == operands)
			print(&out, " ");
		print_operand(&out, *letter, &insn, pc);
	}
	return length;
}
