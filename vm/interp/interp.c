/*
 * The threaded interpreter: vm_run() enters it, and it returns when the budget is used up, at an
 * exception, or when asked to. Everything rare is elsewhere (slow.c, block.c, tlb.c).
 *
 * Each instruction becomes, from insn.def, an inline function fast_NAME() that does its quick case
 * and says how it went (a constant, once inlined), and a handler around it; pair.def asks for
 * handlers that do two. handlers.def has the handlers, places.def what they go to when the quick
 * way ends. Dispatch is five macros in two variants:
 *	- with gcc on x86-64, each handler is a function that ends in a jump to the next (a call in
 *	  tail position, at -O2), and the machine's state lies in registers kept for it in this file.
 *	  One function with labels as values is as quick, but gcc takes minutes for as many handlers;
 *	- with VM_SWITCH, and for everyone else, one function with a switch.
 *
 * A block's instructions are taken from the budget when it is entered; what leaves it early gives
 * the rest back. `pc` is the address at which the running block starts.
 */
#if !defined(__OPTIMIZE__) || defined(__clang__) || !defined(__x86_64__) || defined(__SANITIZE_ADDRESS__)
#undef VM_SWITCH
#define VM_SWITCH
#endif

#ifndef VM_SWITCH
#pragma GCC optimize("O2") /* also where the rest is built with less: calls in tail position must be jumps   \
			    */
#endif

#include "vm/internal.h"
#include "vm/interp/arith.h"
#include "vm/interp/host_fp.h"
#include "vm/jit/jit.h"

#define A    a_value
#define B    b_value
#define C    x[(uint8_t)op->imm]
#define IMM  ((uint64_t)(int64_t)op->imm)
#define PC   pc
#define FCSR (&x[REG_FCSR])

#ifndef VM_SWITCH
/* Registers that calls preserve; vm_interpret() does so for its caller. */
register const struct op *op __asm__("rbx");
register uint64_t *x __asm__("r12");
register struct space *space __asm__("r13");
register uint64_t pc __asm__("r14");
register int64_t budget __asm__("r15");
#endif

/* --- the quick case of every instruction --- */

/* The source registers' values come as arguments: in a pair they may be there already. */
#define FAST(name)                                                                                           \
	static inline __attribute__((always_inline)) enum vm_flow fast_##name(                               \
		STATE uint64_t a_value, uint64_t b_value, uint64_t *result)

#define UNUSED (void)space, (void)x, (void)op, (void)pc, (void)a_value, (void)b_value, (void)result

#ifdef VM_SWITCH
#define STATE struct space *space, uint64_t *x, const struct op *op, uint64_t pc,
#define PASS  space, x, op, pc,
#else
#define STATE
#define PASS
#endif
#define RESULT(value) x[op->rd] = *result = (uint64_t)(value)

#define ALU(name, operands, match, mask, value)                                                              \
	FAST(name)                                                                                           \
	{                                                                                                    \
		UNUSED;                                                                                      \
		RESULT(value);                                                                               \
		return FLOW_NEXT;                                                                            \
	}

/* Where the TLB may have the address. */
#define ENTRY(access, vaddr) (&space->tlb[access][((vaddr) >> PAGE_BITS) % TLB_SIZE])
#define ENTRY_LOAD(vaddr)    ENTRY(ACCESS_LOAD, vaddr)
#define ENTRY_STORE(vaddr)   ENTRY(ACCESS_STORE, vaddr)

/*
 * Finds the host address. Where `entry` is the page's, tag ^ vaddr is the offset in it (see struct
 * tlb_entry); an access that crosses into the next page is left to vm_load() and vm_store(), as all
 * misses are.
 */
#define TRANSLATE(size)                                                                                      \
	if (unlikely((entry->tag ^ vaddr) > PAGE_SIZE - (size)))                                             \
		return FLOW_SLOW;                                                                            \
	void *host = (void *)((uintptr_t)vaddr + entry->add)

/* A memory access in two: with the entry given, as a pair in one page can, and whole. */
#define MEMORY(name, ENTRY_OF)                                                                               \
	FAST(name)                                                                                           \
	{                                                                                                    \
		UNUSED;                                                                                      \
		return near_##name(PASS ENTRY_OF(A + IMM), a_value, b_value, result);                        \
	}
#define NEAR(name)                                                                                           \
	static inline __attribute__((always_inline)) enum vm_flow near_##name(                               \
		STATE const struct tlb_entry *entry, uint64_t a_value, uint64_t b_value, uint64_t *result)

#define LOAD(name, operands, match, mask, type, value)                                                       \
	NEAR(name)                                                                                           \
	{                                                                                                    \
		UNUSED;                                                                                      \
		uint64_t vaddr = A + IMM;                                                                    \
		TRANSLATE(sizeof(type));                                                                     \
		type v;                                                                                      \
		memcpy(&v, host, sizeof(v));                                                                 \
		RESULT(value);                                                                               \
		return FLOW_NEXT;                                                                            \
	}                                                                                                    \
	MEMORY(name, ENTRY_LOAD)

#define STORE(name, operands, match, mask, type)                                                             \
	NEAR(name)                                                                                           \
	{                                                                                                    \
		UNUSED;                                                                                      \
		uint64_t vaddr = A + IMM;                                                                    \
		TRANSLATE(sizeof(type));                                                                     \
		type v = (type)B;                                                                            \
		memcpy(host, &v, sizeof(v));                                                                 \
		return FLOW_NEXT;                                                                            \
	}                                                                                                    \
	MEMORY(name, ENTRY_STORE)

#define BRANCH(name, operands, match, mask, condition)                                                       \
	FAST(name)                                                                                           \
	{                                                                                                    \
		UNUSED;                                                                                      \
		return (condition) ? FLOW_TAKEN : FLOW_NEXT;                                                 \
	}

/*
 * Floating point on the host's unit. Whatever gives a NaN is computed again by slow.c, which knows
 * which NaN and which flags; those that the host has raised by then are raised there, too.
 */
#define FP(name, operands, match, mask, host, soft)                                                          \
	FAST(name)                                                                                           \
	{                                                                                                    \
		UNUSED;                                                                                      \
		if (unlikely(!space->fp_ready))                                                              \
			return FLOW_SLOW;                                                                    \
		host;                                                                                        \
		return FLOW_NEXT;                                                                            \
	}

#define IS_BOXED(value) ((value) >= BOXED)
#define SLOW_IF(condition)                                                                                   \
	if (unlikely(condition))                                                                             \
	return FLOW_SLOW

#define HOST_NONE return FLOW_SLOW
#define RESULT_D(value)                                                                                      \
	double r = (value);                                                                                  \
	SLOW_IF(r != r);                                                                                     \
	RESULT(double_bits(r))
#define RESULT_S(value)                                                                                      \
	float r = (value);                                                                                   \
	SLOW_IF(r != r);                                                                                     \
	RESULT(BOX(float_bits(r)))
#define HOST_D(value)                                                                                        \
	double a = double_of(A), b = double_of(B);                                                           \
	RESULT_D(value)
#define HOST_S(value)                                                                                        \
	SLOW_IF(!IS_BOXED(A & B));                                                                           \
	float a = float_of(A), b = float_of(B);                                                              \
	RESULT_S(value)
#define HOST_D1(value)                                                                                       \
	double a = double_of(A);                                                                             \
	RESULT_D(value)
#define HOST_S1(value)                                                                                       \
	SLOW_IF(!IS_BOXED(A));                                                                               \
	float a = float_of(A);                                                                               \
	RESULT_S(value)
#define HOST_FMA_D(...)                                                                                      \
	double a = double_of(A), b = double_of(B), c = double_of(C);                                         \
	RESULT_D(fma_d(__VA_ARGS__))
#define HOST_FMA_S(...)                                                                                      \
	SLOW_IF(!IS_BOXED(A & B & C));                                                                       \
	float a = float_of(A), b = float_of(B), c = float_of(C);                                             \
	RESULT_S(fma_s(__VA_ARGS__))
#define HOST_COMPARE_D(condition)                                                                            \
	double a = double_of(A), b = double_of(B);                                                           \
	SLOW_IF(__builtin_isunordered(a, b));                                                                \
	RESULT(condition)
#define HOST_COMPARE_S(condition)                                                                            \
	SLOW_IF(!IS_BOXED(A & B));                                                                           \
	float a = float_of(A), b = float_of(B);                                                              \
	SLOW_IF(__builtin_isunordered(a, b));                                                                \
	RESULT(condition)
#define HOST_FROM_D(value) RESULT(double_bits((double)(value)))
#define HOST_FROM_S(value) RESULT(BOX(float_bits((float)(value))))
#define HOST_S_TO_D                                                                                          \
	SLOW_IF(!IS_BOXED(A));                                                                               \
	RESULT_D((double)float_of(A))
#define HOST_D_TO_S RESULT_S((float)double_of(A))
#define HOST_TO_W_D                                                                                          \
	double a = double_of(A);                                                                             \
	SLOW_IF(!(a > -2147483649.0 && a < 2147483648.0));                                                   \
	RESULT(SEXT32(a))
#define HOST_TO_L_D                                                                                          \
	double a = double_of(A);                                                                             \
	SLOW_IF(!(a >= -0x1p63 && a < 0x1p63));                                                              \
	RESULT((int64_t)a)
#define HOST_TO_W_S                                                                                          \
	SLOW_IF(!IS_BOXED(A));                                                                               \
	float a = float_of(A);                                                                               \
	SLOW_IF(!(a >= -0x1p31f && a < 0x1p31f));                                                            \
	RESULT(SEXT32(a))
#define HOST_TO_L_S                                                                                          \
	SLOW_IF(!IS_BOXED(A));                                                                               \
	float a = float_of(A);                                                                               \
	SLOW_IF(!(a >= -0x1p63f && a < 0x1p63f));                                                            \
	RESULT((int64_t)a)

#include "vm/insn.def"

/* --- dispatch --- */

static bool stop_asked(struct hart *h)
{
	return atomic_load_explicit(&h->stop, memory_order_relaxed);
}

/* More budget for the loop, from what the whole run has left: 0 if that is nothing. */
static int64_t slice_refill(struct hart *h)
{
	uint64_t more = h->reserve < SLICE ? h->reserve : SLICE;

	h->reserve -= more;
	h->slice_end += more;
	return (int64_t)more;
}

/* Hands the thread back to the owner, as it is before the instruction at `at`. */
static enum vm_stop leave(struct hart *h, uint64_t at, int64_t left, enum vm_stop stop)
{
	h->regs->pc = at;
	h->pub.instret = h->slice_end - (uint64_t)left;
	return stop;
}

/*
 * The budget is used up, and the block at `at` is not known. It is not looked for: if it cannot be fetched,
 * that is for the next run to find, as it would be if the block were known.
 */
static bool is_spent(const struct hart *h, int64_t left)
{
	return left == 0 && h->reserve == 0;
}

static enum vm_stop leave_spent(struct hart *h, uint64_t at)
{
	bool asked = atomic_exchange_explicit(&h->stop, false, memory_order_relaxed);

	return leave(h, at, 0, asked ? VM_STOP_REQUEST : VM_STOP_BUDGET);
}

#define NEXT(slots)                                                                                          \
	do {                                                                                                 \
		op += (slots);                                                                               \
		DISPATCH();                                                                                  \
	} while (0)

/* Enters a block, at whose start `pc` is. */
#define ENTER(target)                                                                                        \
	do {                                                                                                 \
		const struct block *entered = (target);                                                      \
		space->block = entered;                                                                      \
		op = entered->ops;                                                                           \
		budget -= entered->count;                                                                    \
		if (unlikely(budget < 0))                                                                    \
			GO(exhausted);                                                                       \
		DISPATCH();                                                                                  \
	} while (0)

/* Goes where the direct jump `op` goes. */
#define FOLLOW()                                                                                             \
	do {                                                                                                 \
		const struct block *next = op[1].link.next;                                                  \
		pc += IMM;                                                                                   \
		if (unlikely(!next))                                                                         \
			GO(unlinked);                                                                        \
		ENTER(next);                                                                                 \
	} while (0)

/* Goes to `pc`, wherever that is. */
#define LOOK_UP()                                                                                            \
	do {                                                                                                 \
		struct jump_entry *entry = &space->jump[(pc >> 1) % JUMP_SIZE];                              \
		if (unlikely(entry->pc != pc))                                                               \
			GO(find);                                                                            \
		ENTER(entry->block);                                                                         \
	} while (0)

/* The jumps; `a` is the value of rs1. */
#define DO_j(a) FOLLOW()
#define DO_jal(a)                                                                                            \
	do {                                                                                                 \
		x[op->rd] = pc + op->rs1;                                                                    \
		FOLLOW();                                                                                    \
	} while (0)
#define DO_jr(a)                                                                                             \
	do {                                                                                                 \
		pc = (a) & ~UINT64_C(1);                                                                     \
		LOOK_UP();                                                                                   \
	} while (0)
#define DO_jalr(a)                                                                                           \
	do {                                                                                                 \
		uint64_t target = ((a) + IMM) & ~UINT64_C(1);                                                \
		x[op->rd] = pc + op->rs2;                                                                    \
		pc = target;                                                                                 \
		LOOK_UP();                                                                                   \
	} while (0)

/* The quick case of op, with these values of its source registers. */
#define RUN(name, a, b) fast_##name(PASS a, b, &result)
#define RS1             x[op->rs1]
#define RS2             x[op->rs2]

/*
 * The two variants. HANDLER(id) begins a handler, LABEL(name) a place that handlers go to by
 * GO(name), DISPATCH() does the operation `op`.
 */
#ifdef VM_SWITCH

#define HANDLER(id) case id:
#define LABEL(name)                                                                                          \
	name:
#define GO(name)    goto name
#define DISPATCH()  goto again
#define ADDRESS(id) (const void *)(uintptr_t)(id)

static const void *const table[] = {
#include "vm/interp/table.def"
};

/* Runs hart->regs for hart->budget instructions and what hart->reserve adds to them. */
enum vm_stop vm_interpret(struct hart *h)
{
	const struct op *op = NULL;
	uint64_t *x = (uint64_t *)h->regs;
	struct space *space = h->space;
	uint64_t pc = h->regs->pc;
	int64_t budget = h->budget;

	LOOK_UP();
again:
	switch (op->handler.number) {
#include "vm/interp/handlers.def"
	default:
		__builtin_unreachable();
	}
#include "vm/interp/places.def"
}

#else

typedef enum vm_stop handler(void);

#define HANDLER(id) static enum vm_stop handle_##id(void)
#define LABEL(name) static __attribute__((noinline)) enum vm_stop go_##name(void)
#define GO(name)    return go_##name()
#define DISPATCH()  return ((handler *)op->handler.label)()
#define ADDRESS(id) (const void *)handle_##id

static handler go_slow, go_resumed, go_unlinked, go_find, go_exhausted;

static __attribute__((noinline)) enum vm_stop go_start(void)
{
	LOOK_UP();
}

#include "vm/interp/handlers.def"
#include "vm/interp/places.def"

static const void *const table[] = {
#include "vm/interp/table.def"
};

enum vm_stop vm_interpret(struct hart *h)
{
	const struct op *callers_op = op;
	uint64_t *callers_x = x, callers_pc = pc;
	struct space *callers_space = space;
	int64_t callers_budget = budget;
	enum vm_stop stop;

	x = (uint64_t *)h->regs;
	space = h->space;
	pc = h->regs->pc;
	budget = h->budget;
	stop = go_start();
	op = callers_op;
	x = callers_x;
	space = callers_space;
	pc = callers_pc;
	budget = callers_budget;
	return stop;
}

#endif

/* The handler of an instruction or of an enum vm_internal; NULL where only vm_op_slow() has it. */
const void *vm_handler(unsigned id)
{
	return table[id];
}
