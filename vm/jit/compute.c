/* Instructions that look at nothing but registers, in C: while code runs, and, if these are known, before. */
#include <ctype.h>

#include "vm/interp/arith.h"
#include "vm/jit/jit.h"

#define A    x[op->rs1]
#define B    x[op->rs2]
#define IMM  ((uint64_t)(int64_t)op->imm)
#define PC   pc
#define FCSR (&x[REG_FCSR])

bool vm_jit_compute(uint64_t *x, const struct op *op, uint64_t pc)
{
	switch (op->id) {
#define ALU(name, operands, match, mask, value)                                                              \
	case ID_##name:                                                                                      \
		x[op->rd] = (uint64_t)(value);                                                               \
		return true;
#include "vm/insn.def"
	}
	return false;
}

static const char *const operands_of[ID_COUNT] = {
#define ALU(name, operands, match, mask, value) [ID_##name] = operands,
#include "vm/insn.def"
};

bool vm_jit_fold(uint64_t *x, uint32_t known, const struct op *op, uint64_t pc)
{
	const char *letter = operands_of[op->id];

	if (!letter || *letter != 'd')
		return false;
	for (; *letter; letter++)
		if (isupper(*letter) || (*letter == 's' && !(known >> op->rs1 & 1)) ||
		    (*letter == 't' && !(known >> op->rs2 & 1)))
			return false;
	return vm_jit_compute(x, op, pc);
}
