/* riscv64: the order of registers in messages, and the architecture's faults (types.md §5, §7). */
#include "kernel/core/kernel.h"

#define PC 255

/* Exception causes as scause has them (privileged ISA, table 4.2): those that are faults of memory. */
enum {
	CAUSE_FETCH_ACCESS = 1,
	CAUSE_LOAD_ACCESS = 5,
	CAUSE_STORE_ACCESS = 7,
	CAUSE_FETCH_PAGE = 12,
	CAUSE_LOAD_PAGE = 13,
	CAUSE_STORE_PAGE = 15,
};

static const uint8_t user_context_order[seL4_UserContextWords] = {
	PC, 1,  2,  3,  8,  9,  18, 19, 20, 21, 22, 23, 24, 25, 26, 27, /* ra sp gp s0..s11 */
	10, 11, 12, 13, 14, 15, 16, 17, 5,  6,  7,  28, 29, 30, 31, 4,  /* a0..a7 t0..t6 tp */
};

static const uint8_t unknown_syscall_order[seL4_UnknownSyscall_Syscall] = {
	PC, REG_SP, REG_RA, 10, 11, 12, 13, 14, 15, 16,
};

static const uint8_t user_exception_order[] = {PC, REG_SP};
#define USER_EXCEPTION_SETTABLE 2

static uint64_t get(const struct context *context, uint8_t which)
{
	return which == PC ? context->pc : context->x[which];
}

static void set(struct context *context, uint8_t which, uint64_t value)
{
	if (which == PC)
		context->pc = value;
	else
		context->x[which] = value;
}

uint64_t isa_register(const struct context *context, unsigned index)
{
	return get(context, user_context_order[index]);
}

void isa_set_register(struct context *context, unsigned index, uint64_t value)
{
	set(context, user_context_order[index], value);
}

struct trap isa_exception_trap(uint64_t cause, uint64_t address)
{
	struct trap trap = {.kind = TRAP_VM_FAULT, .address = address};

	switch (cause) {
	case CAUSE_FETCH_ACCESS:
	case CAUSE_FETCH_PAGE:
		trap.instruction = true;
		trap.code = CAUSE_FETCH_ACCESS;
		break;
	case CAUSE_LOAD_ACCESS:
	case CAUSE_LOAD_PAGE:
		trap.code = CAUSE_LOAD_ACCESS;
		break;
	case CAUSE_STORE_ACCESS:
	case CAUSE_STORE_PAGE:
		trap.code = CAUSE_STORE_ACCESS;
		break;
	default:
		trap.kind = TRAP_EXCEPTION;
		trap.address = cause;
		break;
	}
	return trap;
}

unsigned isa_fault_words(const struct tcb *tcb, uint64_t words[ISA_FAULT_WORDS])
{
	const struct fault *fault = &tcb->fault;

	switch (fault->type) {
	case FAULT_VM:
		words[seL4_VMFault_IP] = tcb->context.pc;
		words[seL4_VMFault_Addr] = fault->address;
		words[seL4_VMFault_PrefetchFault] = fault->instruction;
		words[seL4_VMFault_FSR] = fault->code;
		return seL4_VMFault_Length;
	case FAULT_USER_EXCEPTION:
		for (unsigned i = 0; i < USER_EXCEPTION_SETTABLE; i++)
			words[i] = get(&tcb->context, user_exception_order[i]);
		words[seL4_UserException_Number] = fault->address;
		words[seL4_UserException_Code] = fault->code;
		return seL4_UserException_Length;
	default: /* FAULT_UNKNOWN_SYSCALL */
		for (unsigned i = 0; i < seL4_UnknownSyscall_Syscall; i++)
			words[i] = get(&tcb->context, unknown_syscall_order[i]);
		words[seL4_UnknownSyscall_Syscall] = fault->address;
		return seL4_UnknownSyscall_Length;
	}
}

unsigned isa_fault_reply_length(const struct tcb *tcb)
{
	switch (tcb->fault.type) {
	case FAULT_UNKNOWN_SYSCALL:
		return seL4_UnknownSyscall_Syscall;
	case FAULT_USER_EXCEPTION:
		return USER_EXCEPTION_SETTABLE;
	default:
		return 0;
	}
}

void isa_fault_reply_word(struct tcb *tcb, unsigned index, uint64_t value)
{
	if (tcb->fault.type == FAULT_UNKNOWN_SYSCALL)
		set(&tcb->context, unknown_syscall_order[index], value);
	else
		set(&tcb->context, user_exception_order[index], value);
}
