/*
 * Threads and fault handlers. A thread that does something it cannot sends a message instead: to its
 * fault endpoint, with what happened. Whoever receives it may repair the cause and reply, which lets
 * the thread go on; or not reply. Here the handler skips a bad instruction, answers a system call
 * that the kernel does not know (as an operating system's emulation would), and stops a thread that
 * reads from nowhere.
 */
#include <stdio.h>
#include <skerry/check.h>
#include <skerry/object.h>
#include <skerry/thread.h>

enum { TWICE = 42 }; /* our own system call: returns its argument, doubled */

static seL4_Word call_twice(seL4_Word argument)
{
	register seL4_Word a0 __asm__("a0") = argument;
	register seL4_Word a7 __asm__("a7") = TWICE;

	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7) : "memory");
	return a0;
}

static void faulty(void *argument)
{
	volatile int *volatile nowhere = (volatile int *)0x10;

	printf("thread: a bad instruction\n");
	__asm__ volatile(".word 0");
	printf("thread: went on; a system call of nobody's\n");
	printf("thread: twice %lu is %lu\n", (seL4_Word)argument, call_twice((seL4_Word)argument));
	printf("thread: a read from address 0x10\n");
	printf("thread: %d\n", *nowhere);
}

/* Replies with the first registers of the fault message, changed; false if the thread shall stop. */
static int handle(seL4_MessageInfo_t info)
{
	seL4_Fault_t fault = seL4_getFault(info);

	switch (seL4_Fault_get_seL4_FaultType(fault)) {
	case seL4_Fault_UserException:
		printf("handler: exception %lu, skipped\n", seL4_Fault_UserException_get_Number(fault));
		seL4_SetMR(seL4_UserException_FaultIP, seL4_Fault_UserException_get_FaultIP(fault) + 4);
		seL4_Reply(seL4_MessageInfo_new(0, 0, 0, seL4_UserException_FaultIP + 1));
		return 1;
	case seL4_Fault_UnknownSyscall:
		printf("handler: system call %lu, answered\n", seL4_Fault_UnknownSyscall_get_Syscall(fault));
		seL4_SetMR(seL4_UnknownSyscall_FaultIP, seL4_Fault_UnknownSyscall_get_FaultIP(fault) + 4);
		seL4_SetMR(seL4_UnknownSyscall_A0, 2 * seL4_Fault_UnknownSyscall_get_A0(fault));
		seL4_Reply(seL4_MessageInfo_new(0, 0, 0, seL4_UnknownSyscall_A0 + 1));
		return 1;
	case seL4_Fault_VMFault:
		printf("handler: no memory at %#lx, no reply\n", seL4_Fault_VMFault_get_Addr(fault));
		return 0;
	default:
		sk_panic("an unexpected fault");
	}
}

static void counter(void *argument)
{
	static int turn; /* threads share all memory */

	for (int i = 0; i < 2; i++) {
		printf("%s takes turn %d\n", (char *)argument, ++turn);
		seL4_Yield();
	}
}

int main(void)
{
	static struct sk_thread low, high, equal, wild;
	seL4_CPtr handler = sk_endpoint_new();
	seL4_Word badge;

	sk_thread_new(&low, "low", 10, 0);
	sk_thread_new(&high, "high", 20, 0);
	sk_thread_new(&equal, "equal", 20, 0);
	sk_thread_start(&low, counter, "low");
	sk_thread_start(&high, counter, "high");
	sk_thread_start(&equal, counter, "equal");
	/* They run when we step below them; we come back when all three have stopped. */
	sk_must(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, 5));

	sk_thread_new(&wild, "wild", 10, sk_cap_mint(handler, seL4_AllRights, 1));
	sk_thread_start(&wild, faulty, (void *)21);
	while (handle(seL4_Recv(handler, &badge)))
		;
	return 0;
}
