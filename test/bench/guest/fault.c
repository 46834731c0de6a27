/*
 * Page faults of a process, each answered by its handler, the root server, without mapping anything: the
 * process executes the same load for ever. How many is said at the link, by the address of the symbol
 * `fault_rounds`. Ends with status 0 if the last message was what it should be.
 */
#include <skerry/object.h>
#include <skerry/process.h>

enum { PRIORITY = 100 };
#define NOWHERE 0x3000000000ul

extern char fault_rounds[];

static void touch(void *unused)
{
	(void)unused;
	__asm__ volatile("ld zero, 0(%0)" : : "r"(NOWHERE) : "memory");
}

int main(void)
{
	static struct sk_process process;
	seL4_CPtr endpoint = sk_endpoint_new();
	seL4_Word rounds = (seL4_Word)fault_rounds, address = 0;
	seL4_MessageInfo_t info;

	seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, PRIORITY);
	sk_process_new(&process, "faulty", PRIORITY, endpoint);
	sk_process_start(&process, touch, 0);
	info = seL4_RecvWithMRs(endpoint, 0, 0, &address, 0, 0);
	for (seL4_Word i = 0; i < rounds; i++)
		info = seL4_ReplyRecvWithMRs(endpoint, seL4_MessageInfo_new(0, 0, 0, 0), 0, 0, &address, 0,
					     0);
	return seL4_MessageInfo_get_label(info) == seL4_Fault_VMFault && address == NOWHERE ? 0 : 1;
}
