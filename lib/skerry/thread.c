/* Threads: see thread.h. Memory of one, from low to high: stack, a page of TLS, the IPC buffer. */
#include <skerry/thread.h>

#include <crt/crt.h>
#include <skerry/check.h>
#include <skerry/console.h>
#include <skerry/object.h>
#include <skerry/vspace.h>

void sk_thread_make(struct sk_thread *thread, const char *name, seL4_Word priority)
{
	char *memory = sk_pages_new(SK_THREAD_PAGES, &thread->frames);
	char *tls = memory + SK_THREAD_STACK_PAGES * SK_PAGE_BYTES;

	if (crt_tls_size() > SK_PAGE_BYTES)
		sk_panic("thread-local storage does not fit into a page");
	crt_tls_init(tls);
	thread->stack_top = (seL4_Word)tls;
	thread->tls = (seL4_Word)tls;
	thread->ipc_buffer = (seL4_IPCBuffer *)(tls + SK_PAGE_BYTES);
	thread->ipc_frame = thread->frames + SK_THREAD_PAGES - 1;
	thread->tcb = sk_object_new(seL4_TCBObject, 0);
	sk_must(seL4_TCB_SetSchedParams(thread->tcb, seL4_CapInitThreadTCB, priority, priority));
	if (name && sk_console_is_debug())
		seL4_DebugNameThread(thread->tcb, name);
}

void sk_thread_run(struct sk_thread *thread, sk_thread_main *main, void (*entry)(void *), void *argument,
		   seL4_CPtr tcb)
{
	seL4_UserContext regs = {
		.pc = (seL4_Word)main,
		.sp = thread->stack_top,
		.tp = thread->tls,
		.a0 = (seL4_Word)entry,
		.a1 = (seL4_Word)argument,
		.a2 = (seL4_Word)thread->ipc_buffer,
		.a3 = tcb,
	};

	__asm__("mv %0, gp" : "=r"(regs.gp));
	sk_must(seL4_TCB_WriteRegisters(thread->tcb, 1, 0, seL4_UserContextWords, &regs));
}

static void thread_main(void (*entry)(void *), void *argument, seL4_IPCBuffer *buffer, seL4_CPtr tcb)
{
	seL4_SetIPCBuffer(buffer);
	entry(argument);
	for (;;)
		seL4_TCB_Suspend(tcb);
}

void sk_thread_new(struct sk_thread *thread, const char *name, seL4_Word priority, seL4_CPtr fault_ep)
{
	sk_thread_make(thread, name, priority);
	sk_must(seL4_TCB_Configure(thread->tcb, fault_ep, seL4_CapInitThreadCNode, 0,
				   seL4_CapInitThreadVSpace, 0, (seL4_Word)thread->ipc_buffer,
				   thread->ipc_frame));
}

void sk_thread_start(struct sk_thread *thread, void (*entry)(void *), void *argument)
{
	sk_thread_run(thread, thread_main, entry, argument, thread->tcb);
}

/* --- does the kernel have a call? --------------------------------------------------------------- */

static seL4_CPtr probe_endpoint;

static void probe(void *number)
{
	struct sel4_registers r = {0};

	sel4_trap((seL4_Syscall_ID)(seL4_Word)number, &r);
	seL4_Send(probe_endpoint, seL4_MessageInfo_new(seL4_Fault_NullFault, 0, 0, 0));
}

/* A call that is not there is a fault of the thread that makes it. */
bool sk_syscall_exists(seL4_Word number)
{
	struct sk_thread thread;

	probe_endpoint = sk_endpoint_new();
	sk_thread_new(&thread, NULL, seL4_MaxPrio, probe_endpoint);
	sk_thread_start(&thread, probe, (void *)number);
	seL4_MessageInfo_t info = seL4_Recv(probe_endpoint, NULL);
	sk_thread_delete(&thread);
	sk_cap_delete(probe_endpoint);
	return !seL4_isUnknownSyscall_tag(info);
}

void sk_thread_delete(struct sk_thread *thread)
{
	sk_cap_delete(thread->tcb);
	for (seL4_CPtr frame = thread->frames; frame < thread->frames + SK_THREAD_PAGES; frame++)
		sk_cap_delete(frame);
}
