/*
 * Threads in the root server's own address and capability space. A thread has a stack of 16 KiB with
 * an unmapped page below it, thread-local storage and an IPC buffer; it may use the C library. When
 * its function returns, it stops.
 */
#pragma once

#include <stdbool.h>
#include <sel4/sel4.h>

struct sk_thread {
	seL4_CPtr tcb;
	seL4_CPtr frames;           /* first of the slots of its memory */
	seL4_CPtr ipc_frame;        /* the last of them */
	seL4_IPCBuffer *ipc_buffer; /* ours to see, too */
	seL4_Word stack_top;
	seL4_Word tls;
};

/*
 * Makes a thread that does not run yet. The name (may be null) is for the kernel's messages; fault_ep
 * is where its faults go, 0 for nowhere.
 */
void sk_thread_new(struct sk_thread *thread, const char *name, seL4_Word priority, seL4_CPtr fault_ep);

/* Runs entry(argument) in it. */
void sk_thread_start(struct sk_thread *thread, void (*entry)(void *), void *argument);

/* Ends the thread and gives back its slots; its memory comes back with its arena. */
void sk_thread_delete(struct sk_thread *thread);

/* Is there a system call of this number? It is made, in a thread of its own, with zero arguments. */
bool sk_syscall_exists(seL4_Word number);

/* --- what processes share with threads ---------------------------------------------------------- */

enum { SK_THREAD_STACK_PAGES = 4, SK_THREAD_PAGES = SK_THREAD_STACK_PAGES + 2 };

/* TCB, stack, TLS and IPC buffer, mapped for us, but the TCB not configured. */
void sk_thread_make(struct sk_thread *thread, const char *name, seL4_Word priority);

/* Sets the registers so that main(entry, argument, ipc_buffer) runs on its stack, and resumes it. */
typedef void sk_thread_main(void (*entry)(void *), void *argument, seL4_IPCBuffer *buffer, seL4_CPtr tcb);
void sk_thread_run(struct sk_thread *thread, sk_thread_main *main, void (*entry)(void *), void *argument,
		   seL4_CPtr tcb);
