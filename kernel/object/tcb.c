/* Threads: their states, and what changes them from outside of IPC. */
#include "kernel/core/kernel.h"

void threads_init(struct kernel *kernel, struct tcb *first, unsigned count)
{
	uint8_t domain = this_core(kernel)->domain;
	char *tcb = (char *)first;

	machine_trace_threads_created(first, count);
	if (domain == 0)
		return;
#pragma GCC unroll 4
	for (unsigned i = 0; i < count; i++)
		((struct tcb *)(tcb + ((uint64_t)i << seL4_TCBBits)))->domain = domain;
}

void thread_block(struct kernel *kernel, struct tcb *tcb, enum thread_state state)
{
	struct core *core = this_core(kernel);

	tcb->state = (uint8_t)state;
	if (core->action == SCHEDULE_SWITCH && core->candidate == machine_ref(tcb)) {
		core->action = SCHEDULE_CHOOSE;
		core->candidate = 0;
	}
	ready_remove(kernel, tcb);
	if (core->current == machine_ref(tcb) && core->action == SCHEDULE_RESUME)
		core->action = SCHEDULE_CHOOSE;
}

void thread_suspend(struct kernel *kernel, struct tcb *tcb)
{
	ipc_cancel(kernel, tcb);
	if (tcb->state == THREAD_RUNNING)
		tcb->context.pc = tcb->next_pc;
	thread_block(kernel, tcb, THREAD_INACTIVE);
}

/*
 * What a thread needs before it runs for the first time. The master reply capability, made once, is the
 * parent of the reply capabilities for this caller.
 */
static void ensure_can_run(struct kernel *kernel, struct tcb *tcb)
{
	struct slot *master = &tcb->slot[TCB_REPLY];

	if (!slot_is_empty(master))
		return;
	slot_insert_new(master, cap_reply(machine_ref(tcb), true, true), &kernel->derivation);
	tcb->time_slice = TIME_SLICE_TICKS;
}

void thread_resume(struct kernel *kernel, struct tcb *tcb)
{
	if (thread_is_runnable(tcb))
		return;
	ipc_cancel(kernel, tcb);
	tcb->fault.type = FAULT_NONE;
	ensure_can_run(kernel, tcb);
	tcb->state = THREAD_RESTART;
	ready_add_head(kernel, tcb);
	possible_switch(kernel, tcb);
}

void thread_set_priority(struct kernel *kernel, struct tcb *tcb, unsigned priority)
{
	bool current = this_core(kernel)->current == machine_ref(tcb);

	ready_remove(kernel, tcb);
	tcb->priority = (uint8_t)priority;
	if (!thread_is_runnable(tcb))
		return;
	if (current) {
		reschedule(kernel);
	} else {
		ready_add_head(kernel, tcb);
		possible_switch(kernel, tcb);
	}
}

void thread_set_domain(struct kernel *kernel, struct tcb *tcb, unsigned domain)
{
	bool current = this_core(kernel)->current == machine_ref(tcb);

	ready_remove(kernel, tcb);
	tcb->domain = (uint8_t)domain;
	if (!thread_is_runnable(tcb))
		return;
	if (current)
		reschedule(kernel);
	else
		ready_add_head(kernel, tcb);
}
