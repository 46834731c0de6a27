/* Says where in memory things are, for test/metal/boot/run. */
#include <stdio.h>
#include <sel4/sel4.h>

int main(void)
{
	const seL4_BootInfo *info = seL4_GetBootInfo();
	seL4_RISCV_Page_GetAddress_t image = seL4_RISCV_Page_GetAddress(info->userImageFrames.start);

	for (seL4_Word i = 0; i < info->untyped.end - info->untyped.start; i++) {
		const seL4_UntypedDesc *what = &info->untypedList[i];

		printf("%s %lx %lx\n", what->isDevice ? "device" : "free", what->paddr,
		       what->paddr + LIBSEL4_BIT(what->sizeBits));
	}
	printf("image %lx %lx\n", image.paddr,
	       image.paddr + ((info->userImageFrames.end - info->userImageFrames.start) << seL4_PageBits));
	printf("slots %lx\n", LIBSEL4_BIT(info->initThreadCNodeSizeBits));
	printf("extra %lx\n", info->extraLen);
	return 0;
}
