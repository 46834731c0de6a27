/*
 * Operations that the threaded loop does not do, or not always: misses of the TLB, atomics, CSRs,
 * floating point in software, traps. vm_op_slow() does one such operation whole, or raises a trap
 * and leaves everything as it was.
 */
#include "vm/internal.h"
#include "vm/interp/arith.h"
#include "vm/interp/host_fp.h"

enum csr_change { CSR_WRITE, CSR_SET, CSR_CLEAR };

#define CSR_FFLAGS  0x001
#define CSR_FRM     0x002
#define CSR_FCSR    0x003
#define CSR_CYCLE   0xc00
#define CSR_TIME    0xc01
#define CSR_INSTRET 0xc02

enum vm_flow vm_raise(struct hart *h, uint64_t cause, uint64_t tval)
{
	h->pub.cause = cause;
	h->pub.tval = tval;
	return FLOW_TRAP;
}

/* Makes hart->instret exact: what was retired before `op`. */
void vm_instret_sync(struct hart *h, const struct op *op)
{
	h->pub.instret = h->slice_end - (uint64_t)(h->budget + vm_block_rest(h->space->block, op));
}

/* fcsr in memory becomes exact; the host's unit is the host's again. */
void vm_fp_leave(struct hart *h, uint64_t *x)
{
	if (h->fp_live)
		x[REG_FCSR] |= host_fp_end();
	h->fp_live = h->space->fp_ready = false;
}

/*
 * The host's unit may compute for the thread from now on, if it rounds to nearest: true if this is
 * news, and the operation should be tried again.
 */
static bool fp_arm(struct hart *h, const uint64_t *x)
{
	if (!HOST_FP || h->space->fp_ready || x[REG_FCSR] >> 5 != VM_RNE)
		return false;
	host_fp_begin();
	h->fp_live = h->space->fp_ready = true;
	return true;
}

static enum vm_flow illegal(struct hart *h, const struct op *op, uint64_t pc)
{
	uint64_t place = pc + vm_block_offset(h->space->block, op), paddr;
	uint8_t *host;
	uint16_t halves[2] = {0, 0};

	/* The word was fetchable when it was decoded, and the first half still is. */
	for (unsigned i = 0; i < 2; i++)
		if ((i == 0 || (halves[0] & 3) == 3) &&
		    vm_access(h, place + 2 * i, ACCESS_FETCH, &host, &paddr))
			memcpy(&halves[i], host, 2);
	return vm_raise(h, VM_CAUSE_ILLEGAL, (uint32_t)halves[1] << 16 | halves[0]);
}

/* --- CSRs --- */

static bool csr_read(struct hart *h, uint64_t *x, const struct op *op, uint64_t *value)
{
	const struct vm_bus *bus = &h->vm->config.bus;

	vm_fp_leave(h, x);
	switch (op->imm) {
	case CSR_FFLAGS:
		*value = x[REG_FCSR] & 31;
		return true;
	case CSR_FRM:
		*value = x[REG_FCSR] >> 5;
		return true;
	case CSR_FCSR:
		*value = x[REG_FCSR];
		return true;
	case CSR_CYCLE:
	case CSR_TIME:
	case CSR_INSTRET:
		vm_instret_sync(h, op);
		*value = bus->counter ? bus->counter(bus->context, (enum vm_counter)(op->imm - CSR_CYCLE))
				      : h->pub.instret;
		return true;
	}
	return false;
}

static void csr_write(uint64_t *x, int32_t csr, uint64_t value)
{
	if (csr == CSR_FFLAGS)
		x[REG_FCSR] = (x[REG_FCSR] & 0xe0) | (value & 31);
	else if (csr == CSR_FRM)
		x[REG_FCSR] = (x[REG_FCSR] & 31) | (value & 7) << 5;
	else
		x[REG_FCSR] = value & 0xff;
}

static enum vm_flow vm_csr(struct hart *h, uint64_t *x, const struct op *op, uint64_t pc,
			   enum csr_change change, uint64_t operand, bool writes)
{
	uint64_t old, value = operand;

	if ((writes && op->imm >= CSR_CYCLE) || !csr_read(h, x, op, &old))
		return illegal(h, op, pc);
	if (change == CSR_SET)
		value = old | operand;
	else if (change == CSR_CLEAR)
		value = old & ~operand;
	if (writes)
		csr_write(x, op->imm, value);
	x[op->rd] = old;
	return FLOW_NEXT;
}

/* --- atomics --- */

static bool amo_aligned(struct hart *h, uint64_t vaddr, unsigned size, uint64_t cause)
{
	if ((vaddr & (size - 1)) == 0)
		return true;
	vm_raise(h, cause, vaddr);
	return false;
}

/* Where an aligned atomic access goes; devices do not take part. NULL: trap raised. */
static uint8_t *amo_place(struct hart *h, uint64_t vaddr, enum vm_access access, uint64_t *paddr)
{
	uint8_t *host;

	if (!vm_access(h, vaddr, access, &host, paddr))
		return NULL;
	if (!host)
		vm_raise(h, access == ACCESS_LOAD ? VM_CAUSE_LOAD_ACCESS : VM_CAUSE_STORE_ACCESS, vaddr);
	return host;
}

typedef uint32_t __attribute__((may_alias)) word_of_guest;
typedef uint64_t __attribute__((may_alias)) double_of_guest;

static uint64_t amo_read(const uint8_t *host, unsigned size)
{
	if (size == 4)
		return SEXT32(__atomic_load_n((const word_of_guest *)(const void *)host, __ATOMIC_SEQ_CST));
	return __atomic_load_n((const double_of_guest *)(const void *)host, __ATOMIC_SEQ_CST);
}

/* Stores `value` if *old is there; else *old becomes what is. Others may access the region at the same time.
 */
static bool amo_exchange(uint8_t *host, unsigned size, uint64_t *old, uint64_t value)
{
	uint32_t low = (uint32_t)*old;
	bool done;

	if (size == 8)
		return __atomic_compare_exchange_n((double_of_guest *)(void *)host, old, value, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	done = __atomic_compare_exchange_n((word_of_guest *)(void *)host, &low, (uint32_t)value, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	*old = SEXT32(low);
	return done;
}

static enum vm_flow vm_lr(struct hart *h, uint64_t *x, const struct op *op, unsigned size)
{
	uint64_t vaddr = x[op->rs1], paddr;
	uint8_t *host;

	if (!amo_aligned(h, vaddr, size, VM_CAUSE_LOAD_MISALIGNED))
		return FLOW_TRAP;
	host = amo_place(h, vaddr, ACCESS_LOAD, &paddr);
	if (!host)
		return FLOW_TRAP;
	h->reserved = true;
	h->reserved_vaddr = vaddr;
	x[op->rd] = h->reserved_value = amo_read(host, size);
	vm_watch(h, vaddr, size, ACCESS_LOAD);
	return FLOW_NEXT;
}

/*
 * Succeeds if the address is the reserved one and still holds what lr read, as far as sc writes.
 * The comparison stands for all stores that came between.
 */
static enum vm_flow vm_sc(struct hart *h, uint64_t *x, const struct op *op, unsigned size)
{
	uint64_t vaddr = x[op->rs1], paddr, expected = h->reserved_value;
	uint8_t *host;

	if (!amo_aligned(h, vaddr, size, VM_CAUSE_STORE_MISALIGNED))
		return FLOW_TRAP;
	if (!h->reserved || h->reserved_vaddr != vaddr) {
		h->reserved = false;
		x[op->rd] = 1;
		return FLOW_NEXT;
	}
	host = amo_place(h, vaddr, ACCESS_STORE, &paddr);
	if (!host)
		return FLOW_TRAP;
	h->reserved = false;
	if (!amo_exchange(host, size, &expected, x[op->rs2])) {
		x[op->rd] = 1;
		return FLOW_NEXT;
	}
	vm_stored(h, vaddr, paddr, size);
	x[op->rd] = 0;
	return FLOW_NEXT;
}

/* --- one operation --- */

#define A                     x[op->rs1]
#define B                     x[op->rs2]
#define C                     x[(uint8_t)op->imm]
#define IMM                   ((uint64_t)(int64_t)op->imm)
#define RM                    rm
#define FLAGS                 (&x[REG_FCSR])
#define vm_csr(h, x, op, ...) vm_csr(h, x, op, pc, __VA_ARGS__)

static enum vm_flow memory_op(struct hart *h, uint64_t *x, const struct op *op)
{
	uint64_t raw;

	switch (op->id) {
#define LOAD(name, operands, match, mask, type, value)                                                       \
	case ID_##name: {                                                                                    \
		type v;                                                                                      \
		if (!vm_load(h, op, A + IMM, sizeof(type), &raw))                                            \
			return FLOW_TRAP;                                                                    \
		v = (type)raw;                                                                               \
		x[op->rd] = (value);                                                                         \
		return FLOW_NEXT;                                                                            \
	}
#define STORE(name, operands, match, mask, type)                                                             \
	case ID_##name:                                                                                      \
		return vm_store(h, op, A + IMM, sizeof(type), B) ? FLOW_NEXT : FLOW_TRAP;
#define AMO(name, operands, match, mask, type, value)                                                        \
	case ID_##name: {                                                                                    \
		uint64_t vaddr = A, paddr;                                                                   \
		uint8_t *host;                                                                               \
		type old, src = (type)B;                                                                     \
		if (!amo_aligned(h, vaddr, sizeof(type), VM_CAUSE_STORE_MISALIGNED))                         \
			return FLOW_TRAP;                                                                    \
		host = amo_place(h, vaddr, ACCESS_STORE, &paddr);                                            \
		if (!host)                                                                                   \
			return FLOW_TRAP;                                                                    \
		raw = amo_read(host, sizeof(type));                                                          \
		do                                                                                           \
			old = (type)raw, (void)old;                                                          \
		while (!amo_exchange(host, sizeof(type), &raw, (uint64_t)(value)));                          \
		vm_stored(h, vaddr, paddr, sizeof(type));                                                    \
		vm_watch(h, vaddr, sizeof(type), ACCESS_LOAD);                                               \
		x[op->rd] = raw;                                                                             \
		return FLOW_NEXT;                                                                            \
	}
#include "vm/insn.def"
	}
	return FLOW_SLOW;
}

static enum vm_flow system_op(struct hart *h, uint64_t *x, const struct op *op, uint64_t pc)
{
	switch (op->id) {
#define SYS(name, operands, match, mask, call)                                                               \
	case ID_##name:                                                                                      \
		return call;
#include "vm/insn.def"
	}
	return FLOW_SLOW;
}

static enum vm_flow fp_op(struct hart *h, uint64_t *x, const struct op *op, uint64_t pc)
{
	uint64_t rm = (uint64_t)op->imm >> 8 & 7;
	uint64_t value = 0;

	if (rm == 7)
		rm = x[REG_FCSR] >> 5;
	if (rm > VM_RMM)
		return illegal(h, op, pc);
	if (fp_arm(h, x))
		return FLOW_SLOW;
	switch (op->id) {
#define FP(name, operands, match, mask, host, soft)                                                          \
	case ID_##name:                                                                                      \
		value = soft;                                                                                \
		break;
#include "vm/insn.def"
	}
	x[op->rd] = value;
	return FLOW_NEXT;
}

static const uint8_t is_fp[ID_COUNT] = {
#define FP(name, ...) [ID_##name] = 1,
#include "vm/insn.def"
};

/*
 * Does the operation `op` of hart->block, which starts at virtual address `pc`. FLOW_SLOW asks for
 * another try the quick way.
 */
enum vm_flow vm_op_slow(struct hart *h, uint64_t *x, const struct op *op, uint64_t pc)
{
	uint64_t epoch = h->vm->epoch;
	enum vm_flow flow;

	if (is_fp[op->id])
		return fp_op(h, x, op, pc);
	flow = memory_op(h, x, op);
	if (flow == FLOW_SLOW)
		flow = system_op(h, x, op, pc);
	if (flow == FLOW_NEXT &&
	    (h->vm->epoch != epoch || h->watch_hit || atomic_load_explicit(&h->stop, memory_order_relaxed)))
		return FLOW_LEAVE;
	return flow;
}
