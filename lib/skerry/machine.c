/* The device tree, and ending the machine: see machine.h. */
#include <skerry/machine.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sel4/sel4.h>
#include <skerry/device.h>
#include <skerry/process.h>

#define FINISHER_PASS 0x5555u
#define FINISHER_FAIL 0x3333u

/* Chunks of extra boot information follow each other from the next page on, each with its length. */
const void *sk_device_tree(void)
{
	const char *chunk = (const char *)seL4_GetBootInfo() + seL4_BootInfoFrameSize;
	const char *end = chunk + seL4_GetBootInfo()->extraLen;

	while (chunk < end) {
		const seL4_BootInfoHeader *header = (const seL4_BootInfoHeader *)chunk;
		if (header->id == SEL4_BOOTINFO_HEADER_FDT)
			return header + 1;
		chunk += header->len;
	}
	return NULL;
}

void sk_finish(int status)
{
	static bool begun; /* mapping the finisher may itself fail and come back here */

	if (!begun && !sk_process_is_child()) {
		begun = true;
		volatile uint32_t *finisher = sk_device_map(SK_FINISHER_PADDR);
		*finisher = status == 0 ? FINISHER_PASS : FINISHER_FAIL | (uint32_t)(status & 0xff) << 16;
	}
	for (;;)
		seL4_TCB_Suspend(seL4_CapInitThreadTCB);
}
