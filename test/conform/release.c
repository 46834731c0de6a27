/* A kernel without debug calls (skerry run --abi release): each of them is an UnknownSyscall fault. */
#include "conform.h"

#include <skerry/console.h>

static struct peer peer;
static seL4_CPtr fault_ep;

int main(void)
{
	char name[60];

	sk_console_detect();
	conform_begin("release");
	section("no debug calls", "syscalls.md §1.2-1.3, debug-and-benchmark.md");
	check("the console is the UART", !sk_console_is_debug());
	fault_ep = sk_endpoint_new();
	peer_new(&peer, HIGH, fault_ep);
	for (long number = -9; number >= -32; number--) {
		peer_trap(&peer, (seL4_Word)number, '!', INFO(0, 0, 0), 0, 0);
		struct received f = poll(fault_ep);
		snprintf(name, sizeof name, "%ld is a fault with its number", number);
		check(name, f.came && f.label == 2 && f.length == 11 && seL4_GetMR(10) == (seL4_Word)number);
	}
	section("other calls", "syscalls.md §1.3, invocations.md §2.1");
	seL4_CPtr ep = sk_endpoint_new();
	peer_trap(&peer, seL4_SysSend, ep, INFO(7, 0, 1), 1, 2);
	check("Send and NBRecv", poll(ep).label == 7 && peer.done);
	TRY("labels are numbered as in the debug build", OUT(NoError), ROOT, CNodeDelete, CAPS(),
	    ARGS(sk_slot_new(), 64));
	TRY("the last label: a handler with a trigger", OUT(NoError), seL4_CapIRQControl,
	    RISCVIRQIssueIRQHandlerTrigger, CAPS(ROOT), ARGS(22, 1, sk_slot_new(), 64));
	section("root CNode", "boot.md §3");
	equal("12 bits", seL4_GetBootInfo()->initThreadCNodeSizeBits, 12);
	equal("slots up to its end", seL4_GetBootInfo()->empty.end, 1 << 12);
	section("worked example", "capabilities.md §4, invocations.md §13");
	TRY("cptr 0x5000 in a root of 12 bits", FAILED(0, GuardMismatch, 64, 0, 52), ROOT, CNodeDelete,
	    CAPS(), ARGS(0x5000, 64));
	TRY("depth 10", FAILED(1, GuardMismatch, 10, 0, 52), ROOT, CNodeCopy, CAPS(ROOT),
	    ARGS(sk_slot_new(), 64, 5, 10, 15));
	return conform_end();
}
