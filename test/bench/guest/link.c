/* See link.h. */
#include <stdio.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/vspace.h>

#include "link.h"

#define SLOT 5

struct link *bench_link_begin(seL4_CPtr *signal, seL4_CPtr *irq)
{
	static uint64_t paddr[LINK_PAGES(LINK_PORTS)];
	static struct link link;
	struct link_memory memory = {.paddr = paddr, .pages = LINK_PAGES(LINK_PORTS)};
	seL4_CPtr frames;

	memory.at = sk_pages_new(memory.pages, &frames);
	for (unsigned i = 0; i < memory.pages; i++) {
		seL4_RISCV_Page_GetAddress_t address = seL4_RISCV_Page_GetAddress(frames + i);

		sk_must(address.error);
		paddr[i] = address.paddr;
	}
	*signal = sk_notification_new();
	*irq = sk_irq_new(SK_VIRTIO_IRQ + SLOT, *signal);
	if (!link_begin(&link, sk_device_map(SK_VIRTIO_PADDR + SLOT * 0x1000), &memory))
		sk_panic("no link device");
	return &link;
}
