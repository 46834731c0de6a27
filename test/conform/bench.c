/* The benchmark build (skerry run --abi bench): which calls it has, and a root CNode of 15 bits. */
#include "conform.h"

#include <skerry/console.h>

static struct peer peer;
static seL4_CPtr fault_ep;

/* Calls of this build that are safe to make with zero arguments; all others from -9 to -32 are faults. */
static bool exists(long number)
{
	switch (number) {
	case seL4_SysDebugPutChar:
	case seL4_SysDebugDumpScheduler:
	case seL4_SysBenchmarkFlushCaches:
	case seL4_SysBenchmarkResetLog:
	case seL4_SysBenchmarkFinalizeLog:
	case seL4_SysBenchmarkNullSyscall:
		return true;
	default:
		return false;
	}
}

int main(void)
{
	char name[60];

	sk_console_detect();
	conform_begin("bench");
	section("calls", "syscalls.md §1.2, debug-and-benchmark.md §2");
	fault_ep = sk_endpoint_new();
	peer_new(&peer, HIGH, fault_ep);
	for (long number = -9; number >= -32; number--) {
		peer_trap(&peer, (seL4_Word)number, '\n', INFO(0, 0, 0), 0x111, 0x222);
		struct received f = poll(fault_ep);
		if (exists(number)) {
			snprintf(name, sizeof name, "%ld exists", number);
			check(name, peer.done == 1 && !f.came);
		} else {
			snprintf(name, sizeof name, "%ld is a fault with its number", number);
			check(name, f.came && f.label == 2 && f.length == 11 &&
					    seL4_GetMR(10) == (seL4_Word)number);
		}
	}
	peer_trap(&peer, (seL4_Word)seL4_SysBenchmarkNullSyscall, 0x1234, INFO(0, 0, 0), 0x111, 0x222);
	check("the null call changes no register", peer.done && !memcmp(&peer.in, &peer.out, sizeof peer.in));
	peer_trap(&peer, (seL4_Word)seL4_SysBenchmarkResetLog, 0x1234, INFO(0, 0, 0), 0x111, 0x222);
	check("ResetLog: 0", peer.done && peer.out.cap_or_badge == 0 && peer.out.mr[0] == 0x111);
	section("root CNode", "boot.md §3");
	equal("15 bits", seL4_GetBootInfo()->initThreadCNodeSizeBits, 15);
	equal("slots up to its end", seL4_GetBootInfo()->empty.end, 1 << 15);
	TRY("a slot near its end", OUT(NoError), ROOT, CNodeCopy, CAPS(ROOT),
	    ARGS((1 << 15) - 1, 64, SELF, 64, 15));
	TRY("one behind", FAILED(0, GuardMismatch, 64, 0, 49), ROOT, CNodeDelete, CAPS(), ARGS(1 << 15, 64));
	return conform_end();
}
