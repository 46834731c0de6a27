/*
 * The way in and out: every trap of a core ends up in kernel_enter(), every one of them ends with a
 * choice of who runs next.
 */
#include "kernel/core/check.h"
#include "kernel/core/kernel.h"

/* An interrupt that stopped a long operation, or that trapped by itself. */
static void handle_interrupt(struct kernel *kernel)
{
	unsigned irq = machine_irq_claim();

	if (irq != MACHINE_IRQ_NONE)
		irq_handle(kernel, irq);
}

static void handle_fault(struct kernel *kernel, struct tcb *current, const struct trap *trap)
{
	current->next_pc = current->context.pc;
	current->fault = (struct fault){
		.type = trap->kind == TRAP_VM_FAULT ? FAULT_VM : FAULT_USER_EXCEPTION,
		.address = trap->address,
		.code = trap->code,
		.instruction = trap->instruction,
	};
	if (trap->kind == TRAP_EXCEPTION)
		COUNT(kernel->stats.exceptions);
	fault_handle(kernel, current);
}

/* A debug call, or a fault. Apart from the eight system calls, which are not to pay for it. */
static __attribute__((noinline)) void handle_unknown_syscall(struct kernel *kernel, struct tcb *current,
							     int64_t number)
{
	COUNT(kernel->stats.unknown_syscalls);
	if (SKERRY_DEBUG && debug_syscall(kernel, current, number))
		return;
	current->fault = (struct fault){.type = FAULT_UNKNOWN_SYSCALL, .address = (uint64_t)number};
	fault_handle(kernel, current);
}

static void handle_syscall(struct kernel *kernel, struct tcb *current)
{
	int64_t number = isa_syscall(&current->context);

	if (number < seL4_SysNBRecv || number > seL4_SysCall) {
		handle_unknown_syscall(kernel, current, number);
		return;
	}
	COUNT(kernel->stats.syscalls[-number - 1]);
	if (syscall_slow(kernel, number) == OUTCOME_PREEMPTED)
		handle_interrupt(kernel);
}

/* A restarted thread executes its instruction again, any other goes on behind it. */
struct tcb *kernel_resume(struct kernel *kernel)
{
	struct core *core = this_core(kernel);
	struct tcb *tcb = tcb_at(core->current);

	if (core->current == core->idle || kernel->halted)
		return NULL;
	if (tcb->state == THREAD_RESTART) {
		tcb->next_pc = tcb->context.pc;
		tcb->state = THREAD_RUNNING;
	}
	return tcb;
}

struct tcb *enter_slow_syscall(struct kernel *kernel, struct tcb *current)
{
	if (kernel->halted)
		return NULL;
	current->next_pc = isa_advance(&current->context);
	handle_syscall(kernel, current);
	schedule(kernel);
	kernel_check_if_built(kernel);
	return kernel_resume(kernel);
}

struct tcb *kernel_enter(struct kernel *kernel, const struct trap *trap)
{
	struct tcb *current = tcb_at(this_core(kernel)->current);

	if (kernel->halted)
		return NULL;
	switch (trap->kind) {
	case TRAP_SYSCALL:
		return kernel_enter_syscall(kernel, current);
	case TRAP_VM_FAULT:
	case TRAP_EXCEPTION:
		handle_fault(kernel, current, trap);
		break;
	case TRAP_INTERRUPT:
		COUNT(kernel->stats.interrupts);
		if (current->state != THREAD_IDLE)
			current->next_pc = current->context.pc;
		handle_interrupt(kernel);
		break;
	}
	schedule(kernel);
	kernel_check_if_built(kernel);
	return kernel_resume(kernel);
}
