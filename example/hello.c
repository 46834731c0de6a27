/*
 * The first program: what a root server is given. It starts with one page of boot information and
 * capabilities in fixed slots; everything else in the system will be made from these.
 */
#include <stdio.h>
#include <sel4/sel4.h>

int main(void)
{
	const seL4_BootInfo *info = seL4_GetBootInfo();
	seL4_Word megabytes = 0;

	for (seL4_Word i = 0; i < info->untyped.end - info->untyped.start; i++) {
		if (!info->untypedList[i].isDevice)
			megabytes += LIBSEL4_BIT(info->untypedList[i].sizeBits) >> 20;
	}

	printf("Hello from a root server.\n");
	printf("Slot %d of my CNode is this thread, slot %d the CNode itself, slot %d my address space.\n",
	       seL4_CapInitThreadTCB, seL4_CapInitThreadCNode, seL4_CapInitThreadVSpace);
	printf("The CNode has %lu slots, most of them empty.\n", LIBSEL4_BIT(info->initThreadCNodeSizeBits));
	printf("All memory that is left, %s 100 MiB, is mine to make objects from.\n",
	       megabytes > 100 ? "more than" : "at most");
	return 0;
}
