/*
 * The first program: what a root server is given. It starts with one page of boot information and
 * capabilities in fixed slots; everything else in the system will be made from these.
 */
#include <stdio.h>
#include <sel4/sel4.h>

int main(void)
{
	const seL4_BootInfo *info = seL4_GetBootInfo();
	seL4_Word untypeds = info->untyped.end - info->untyped.start;
	seL4_Word memory = 0;

	printf("Hello from a root server.\n");
	printf("I run on one of %lu cores, and my root CNode has 2^%lu slots.\n", info->numNodes,
	       info->initThreadCNodeSizeBits);

	for (seL4_Word i = 0; i < untypeds; i++) {
		if (!info->untypedList[i].isDevice)
			memory += 1ul << info->untypedList[i].sizeBits;
	}
	printf("There are %s megabytes of untyped memory to make objects from.\n",
	       memory >= 64 << 20 ? "at least 64" : "fewer than 64");
	printf("Slot %d is this thread, slot %d its capabilities, slot %d its address space.\n",
	       seL4_CapInitThreadTCB, seL4_CapInitThreadCNode, seL4_CapInitThreadVSpace);
	return 0;
}
