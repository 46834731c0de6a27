/*
 * The threaded interpreter: vm_run() enters it, and it returns when the budget is used up, at an
 * exception, or when asked to. Everything rare is elsewhere (slow.c, block.c, tlb.c).
 *
 * Each instruction becomes, from insn.def, an inline function fast_NAME() that does its quick case
 * and says how it went (a constant, once inlined), and a handler around it; pair.def asks for
 * handlers that do two. Dispatch is five macros in two variants: labels as values, and, with
 * VM_SWITCH, a switch (for compilers without, and for WebAssembly).
 *
 * A block's instructions are taken from the budget when it is entered; what leaves it early gives
 * the rest back. `pc` is the address at which the running block starts.
 */
#include "vm/internal.h"
#include "vm/interp/arith.h"
#include "vm/interp/host_fp.h"

#define A x[op->rs1]
#define B x[op->rs2]
#define C x[(uint8_t)op->imm]
#define IMM ((uint64_t)(int64_t)op->imm)
#define PC pc
#define FCSR (&x[REG_FCSR])

/* --- the quick case of every instruction --- */

#define FAST(name)                                                                                            \
	static inline __attribute__((always_inline)) enum vm_flow fast_##name(                                \
		struct hart *h, struct space *space, uint64_t *x, const struct op *op, uint64_t pc)

#define UNUSED (void)h, (void)space, (void)x, (void)op, (void)pc

#define ALU(name, operands, match, mask, value)                                                               \
	FAST(name)                                                                                            \
	{                                                                                                     \
		UNUSED;                                                                                       \
		x[op->rd] = (uint64_t)(value);                                                                \
		return FLOW_NEXT;                                                                             \
	}

/* Finds the host address: the entry must be that of the last byte, so accesses across pages miss. */
#define TRANSLATE(access, size)                                                                               \
	uint64_t vaddr = A + IMM;                                                                             \
	const struct tlb_entry *entry = &space->tlb[access][(vaddr >> PAGE_BITS) % TLB_SIZE];                 \
	if (unlikely(entry->tag != ((vaddr + (size) - 1) & PAGE_MASK)))                                       \
		return FLOW_SLOW;                                                                             \
	void *host = (void *)((uintptr_t)vaddr + entry->add)

#define LOAD(name, operands, match, mask, type, value)                                                        \
	FAST(name)                                                                                            \
	{                                                                                                     \
		UNUSED;                                                                                       \
		TRANSLATE(ACCESS_LOAD, sizeof(type));                                                         \
		type v;                                                                                       \
		memcpy(&v, host, sizeof(v));                                                                  \
		x[op->rd] = (value);                                                                          \
		return FLOW_NEXT;                                                                             \
	}

#define STORE(name, operands, match, mask, type)                                                              \
	FAST(name)                                                                                            \
	{                                                                                                     \
		UNUSED;                                                                                       \
		TRANSLATE(ACCESS_STORE, sizeof(type));                                                        \
		type v = (type)B;                                                                             \
		memcpy(host, &v, sizeof(v));                                                                  \
		return FLOW_NEXT;                                                                             \
	}

#define BRANCH(name, operands, match, mask, condition)                                                        \
	FAST(name)                                                                                            \
	{                                                                                                     \
		UNUSED;                                                                                       \
		return (condition) ? FLOW_TAKEN : FLOW_NEXT;                                                  \
	}

/*
 * Floating point on the host's unit. Whatever gives a NaN is computed again by slow.c, which knows
 * which NaN and which flags; those that the host has raised by then are raised there, too.
 */
#define FP(name, operands, match, mask, host, soft)                                                           \
	FAST(name)                                                                                            \
	{                                                                                                     \
		UNUSED;                                                                                       \
		if (unlikely(!h->fp_ready))                                                                   \
			return FLOW_SLOW;                                                                     \
		host;                                                                                         \
		return FLOW_NEXT;                                                                             \
	}

#define IS_BOXED(value) ((value) >= BOXED)
#define SLOW_IF(condition)                                                                                    \
	if (unlikely(condition))                                                                              \
	return FLOW_SLOW

#define HOST_NONE return FLOW_SLOW
#define RESULT_D(value)                                                                                       \
	double r = (value);                                                                                   \
	SLOW_IF(r != r);                                                                                      \
	x[op->rd] = double_bits(r)
#define RESULT_S(value)                                                                                       \
	float r = (value);                                                                                    \
	SLOW_IF(r != r);                                                                                      \
	x[op->rd] = BOX(float_bits(r))
#define HOST_D(value)                                                                                         \
	double a = double_of(A), b = double_of(B);                                                            \
	RESULT_D(value)
#define HOST_S(value)                                                                                         \
	SLOW_IF(!IS_BOXED(A & B));                                                                            \
	float a = float_of(A), b = float_of(B);                                                               \
	RESULT_S(value)
#define HOST_D1(value)                                                                                        \
	double a = double_of(A);                                                                              \
	RESULT_D(value)
#define HOST_S1(value)                                                                                        \
	SLOW_IF(!IS_BOXED(A));                                                                                \
	float a = float_of(A);                                                                                \
	RESULT_S(value)
#define HOST_FMA_D(...)                                                                                       \
	double a = double_of(A), b = double_of(B), c = double_of(C);                                          \
	RESULT_D(fma_d(__VA_ARGS__))
#define HOST_FMA_S(...)                                                                                       \
	SLOW_IF(!IS_BOXED(A & B & C));                                                                        \
	float a = float_of(A), b = float_of(B), c = float_of(C);                                              \
	RESULT_S(fma_s(__VA_ARGS__))
#define HOST_COMPARE_D(condition)                                                                             \
	double a = double_of(A), b = double_of(B);                                                            \
	SLOW_IF(__builtin_isunordered(a, b));                                                                 \
	x[op->rd] = (condition)
#define HOST_COMPARE_S(condition)                                                                             \
	SLOW_IF(!IS_BOXED(A & B));                                                                            \
	float a = float_of(A), b = float_of(B);                                                               \
	SLOW_IF(__builtin_isunordered(a, b));                                                                 \
	x[op->rd] = (condition)
#define HOST_FROM_D(value) x[op->rd] = double_bits((double)(value))
#define HOST_FROM_S(value) x[op->rd] = BOX(float_bits((float)(value)))
#define HOST_S_TO_D                                                                                           \
	SLOW_IF(!IS_BOXED(A));                                                                                \
	RESULT_D((double)float_of(A))
#define HOST_D_TO_S RESULT_S((float)double_of(A))
#define HOST_TO_W_D                                                                                           \
	double a = double_of(A);                                                                              \
	SLOW_IF(!(a > -2147483649.0 && a < 2147483648.0));                                                    \
	x[op->rd] = SEXT32(a)
#define HOST_TO_L_D                                                                                           \
	double a = double_of(A);                                                                              \
	SLOW_IF(!(a >= -0x1p63 && a < 0x1p63));                                                               \
	x[op->rd] = (uint64_t)(int64_t)a
#define HOST_TO_W_S                                                                                           \
	SLOW_IF(!IS_BOXED(A));                                                                                \
	float a = float_of(A);                                                                                \
	SLOW_IF(!(a >= -0x1p31f && a < 0x1p31f));                                                             \
	x[op->rd] = SEXT32(a)
#define HOST_TO_L_S                                                                                           \
	SLOW_IF(!IS_BOXED(A));                                                                                \
	float a = float_of(A);                                                                                \
	SLOW_IF(!(a >= -0x1p63f && a < 0x1p63f));                                                             \
	x[op->rd] = (uint64_t)(int64_t)a

#include "vm/insn.def"

/* --- dispatch --- */

#ifdef VM_SWITCH
#define BEGIN                                                                                                 \
	again:                                                                                                \
	switch (op->handler.number) {
#define END                                                                                                   \
	default:                                                                                              \
		__builtin_unreachable();                                                                      \
	}
#define TARGET(number) case number:
#define DISPATCH() goto again
#define HANDLER(number) (const void *)(uintptr_t)(number)
#else
#define BEGIN DISPATCH();
#define END
#define TARGET(number) L_##number:
#define DISPATCH() goto *op->handler.label
#define HANDLER(number) &&L_##number
#endif

#define NEXT(slots)                                                                                           \
	do {                                                                                                  \
		op += (slots);                                                                                \
		DISPATCH();                                                                                   \
	} while (0)

/* Enters a block, at whose start `pc` is. */
#define ENTER(target)                                                                                         \
	do {                                                                                                  \
		block = (target);                                                                             \
		op = block->ops;                                                                              \
		budget -= block->count;                                                                       \
		if (unlikely(budget < 0))                                                                     \
			goto exhausted;                                                                       \
		DISPATCH();                                                                                   \
	} while (0)

/* Goes where the direct jump `op` goes. */
#define FOLLOW()                                                                                              \
	do {                                                                                                  \
		struct block *next = op[1].link.next;                                                         \
		pc += IMM;                                                                                    \
		if (unlikely(!next))                                                                          \
			goto unlinked;                                                                        \
		ENTER(next);                                                                                  \
	} while (0)

/* Goes to `pc`, wherever that is. */
#define LOOK_UP()                                                                                             \
	do {                                                                                                  \
		struct jump_entry *entry = &space->jump[(pc >> 1) % JUMP_SIZE];                               \
		if (unlikely(entry->pc != pc))                                                                \
			goto find;                                                                            \
		ENTER(entry->block);                                                                          \
	} while (0)

#define RUN(name) fast_##name(h, space, x, op, pc)

static bool stop_asked(struct hart *h)
{
	return atomic_load_explicit(&h->stop, memory_order_relaxed);
}

/* More budget for the loop, from what the whole run has left: false if that is nothing. */
static bool slice_refill(struct hart *h, int64_t *budget)
{
	uint64_t more = h->reserve < SLICE ? h->reserve : SLICE;

	h->reserve -= more;
	h->slice_end += more;
	*budget += (int64_t)more;
	return more != 0;
}

/* The address after a finished operation. */
static uint64_t after(const struct block *block, const struct op *op, uint64_t pc)
{
	return pc + vm_block_offset(block, op) + (block->wide >> (op - block->ops) & 1 ? 4 : 2);
}

/*
 * Runs the hart from regs->pc. Called with h NULL it only tells the handlers' addresses. Longer
 * than a screen because the loop must be one function.
 */
enum vm_stop vm_interpret(struct hart *h, struct vm_regs *regs, const void *const **handlers)
{
	static const void *const table[] = {
#define INSN(name, class, operands, match, mask) [ID_##name] = HANDLER(ID_##name),
#define AMO(name, operands, match, mask, type, value)
#define SYS(name, operands, match, mask, call)
#include "vm/insn.def"
		[ID_ecall] = HANDLER(ID_ecall),
		[INTERNAL_END] = HANDLER(INTERNAL_END),
		[INTERNAL_DEAD] = HANDLER(INTERNAL_DEAD),
		[INTERNAL_SLOW] = HANDLER(INTERNAL_SLOW),
		[INTERNAL_STRADDLE] = HANDLER(INTERNAL_STRADDLE),
#define PAIR(first, second) [PAIR_##first##_##second] = HANDLER(PAIR_##first##_##second),
#include "vm/pair.def"
	};
	struct space *space;
	uint64_t *x = (uint64_t *)regs;
	const struct op *op;
	struct block *block;
	uint64_t pc, target;
	int64_t budget;
	enum vm_stop stop;
	bool fault;

	if (!h) {
		*handlers = table;
		return VM_STOP_BUDGET;
	}
	space = h->space;
	pc = regs->pc;
	budget = h->budget;
	LOOK_UP();

	BEGIN

#define INSN(name, class, operands, match, mask)
#define ALU(name, ...)                                                                                        \
	TARGET(ID_##name)                                                                                     \
		RUN(name);                                                                                    \
		NEXT(1);
#define TRY(name, ...)                                                                                        \
	TARGET(ID_##name)                                                                                     \
		if (RUN(name) == FLOW_SLOW)                                                                   \
			goto slow;                                                                            \
		NEXT(1);
#define LOAD TRY
#define STORE TRY
#define FP TRY
#define BRANCH(name, ...)                                                                                     \
	TARGET(ID_##name)                                                                                     \
		if (RUN(name) == FLOW_TAKEN) {                                                                \
			budget += op->rd;                                                                     \
			FOLLOW();                                                                             \
		}                                                                                             \
		NEXT(2);
#include "vm/insn.def"

#define PAIR(first, second)                                                                                   \
	TARGET(PAIR_##first##_##second)                                                                       \
		if (RUN(first) == FLOW_SLOW)                                                                  \
			goto slow;                                                                            \
		op++;                                                                                         \
		if (RUN(second) == FLOW_SLOW)                                                                 \
			goto slow;                                                                            \
		NEXT(1);
#define PAIR_BRANCH(first, second)                                                                            \
	TARGET(PAIR_##first##_##second)                                                                       \
		if (RUN(first) == FLOW_SLOW)                                                                  \
			goto slow;                                                                            \
		op++;                                                                                         \
		if (RUN(second) == FLOW_TAKEN) {                                                              \
			budget += op->rd;                                                                     \
			FOLLOW();                                                                             \
		}                                                                                             \
		NEXT(2);
#include "vm/pair.def"

	TARGET(ID_jal)
		x[op->rd] = pc + op->rs1;
		FOLLOW();
	TARGET(ID_j)
	TARGET(INTERNAL_END)
		FOLLOW();
	TARGET(ID_jalr)
		target = (A + IMM) & ~UINT64_C(1);
		x[op->rd] = pc + op->rs2;
		pc = target;
		LOOK_UP();
	TARGET(ID_jr)
		pc = A & ~UINT64_C(1);
		LOOK_UP();
	TARGET(ID_ecall)
		budget++;
		pc += IMM;
		stop = VM_STOP_ECALL;
		goto out;
	TARGET(INTERNAL_STRADDLE)
		if (likely(vm_block_straddle_valid(h, block, pc, &fault)))
			NEXT(1);
		budget++;
		if (fault)
			goto exception;
		goto find;
	TARGET(INTERNAL_SLOW)
		goto slow;
	TARGET(INTERNAL_DEAD)
		goto find;

	END

slow: /* op, whole, the slow way */
	h->block = block;
	h->budget = budget;
	switch (vm_op_slow(h, x, op, pc)) {
	case FLOW_SLOW:
		DISPATCH();
	case FLOW_LEAVE:
		budget += vm_block_rest(block, op) - 1;
		pc = after(block, op, pc);
		if (stop_asked(h))
			goto request;
		goto find;
	case FLOW_TRAP:
		budget += vm_block_rest(block, op);
		pc += vm_block_offset(block, op);
		goto exception;
	default:
		NEXT(1);
	}

unlinked: { /* the direct jump `op` was not taken before, or leads out of the page */
	struct link *link = (struct link *)&op[1].link;
	struct jump_entry *entry = &space->jump[(pc >> 1) % JUMP_SIZE];
	uint64_t flushes = h->vm->flushes;

	if (likely(entry->pc == pc && entry->block->count)) {
		block = entry->block;
	} else {
		block = vm_block_find(h, pc);
		if (!block)
			goto exception;
	}
	if (link->in_page && flushes == h->vm->flushes)
		link->next = block;
	ENTER(block);
}

find: /* no cache knows pc */
	block = vm_block_find(h, pc);
	if (!block)
		goto exception;
	ENTER(block);

exhausted: /* the block is longer than what is left: a new slice, or a block made to measure */
	budget += block->count;
	if (stop_asked(h))
		goto request;
	if (slice_refill(h, &budget))
		ENTER(block);
	stop = VM_STOP_BUDGET;
	if (budget == 0)
		goto out;
	block = vm_block_measured(h, pc, (uint64_t)budget);
	if (block)
		ENTER(block);
	goto exception;

request:
	atomic_store_explicit(&h->stop, false, memory_order_relaxed);
	stop = VM_STOP_REQUEST;
	goto out;

exception:
	stop = VM_STOP_EXCEPTION;
out:
	regs->pc = pc;
	h->pub.instret = h->slice_end - (uint64_t)budget;
	return stop;
}
