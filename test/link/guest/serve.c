/* See serve.h. */
#include "serve.h"

#include <stdio.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/vspace.h>

#define SLOT 5

static struct link_memory memory_new(unsigned pages)
{
	static uint64_t paddr[LINK_PAGES(LINK_PORTS)];
	struct link_memory memory = {.paddr = paddr, .pages = pages};
	seL4_CPtr frames;

	memory.at = sk_pages_new(pages, &frames);
	for (unsigned i = 0; i < pages; i++) {
		seL4_RISCV_Page_GetAddress_t address = seL4_RISCV_Page_GetAddress(frames + i);

		sk_must(address.error);
		paddr[i] = address.paddr;
	}
	return memory;
}

int link_serve(struct link *link, bool (*turn)(unsigned port))
{
	struct link_memory memory = memory_new(LINK_PAGES(LINK_PORTS));
	seL4_CPtr signal = sk_notification_new(), irq = sk_irq_new(SK_VIRTIO_IRQ + SLOT, signal);

	if (!link_begin(link, sk_device_map(SK_VIRTIO_PADDR + SLOT * 0x1000), &memory)) {
		printf("no link device\n");
		return 1;
	}
	for (;;) {
		bool moved = true;

		link_interrupt(link);
		sk_must(seL4_IRQHandler_Ack(irq));
		while (moved) {
			moved = false;
			for (unsigned port = 0; port < link->ports; port++)
				moved |= turn(port);
		}
		seL4_Wait(signal, NULL);
	}
}
