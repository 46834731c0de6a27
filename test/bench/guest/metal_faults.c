/* Page faults: to the handler, back, and the whole with a page mapped in between. */
#include "metal.h"

#include <skerry/check.h>
#include <skerry/object.h>
#include <skerry/vspace.h>

enum { BEFORE_FAULT, AT_HANDLER, BEFORE_REPLY, AFTER_FAULT };

/* Touches one page after the other; each is missing. */
static void touch_pages(void *unused)
{
	(void)unused;
	const char *page = (const char *)shared->address;

	for (unsigned i = 0; i < SAMPLES; i++, page += SK_PAGE_BYTES) {
		seL4_Word before, after;

		__asm__ volatile("rdinstret %0\n\t"
				 "ld zero, 0(%2)\n\t"
				 "rdinstret %1"
				 : "=&r"(before), "=&r"(after)
				 : "r"(page)
				 : "memory");
		shared->stamp[BEFORE_FAULT][i] = before;
		shared->stamp[AFTER_FAULT][i] = after;
	}
}

/* Maps the next page at each fault; with stamps, or as quickly as it can. */
static inline __attribute__((always_inline)) void handle(bool stamped)
{
	static struct peer peer;
	seL4_CPtr endpoint = sk_endpoint_new();
	seL4_Word address = (seL4_Word)sk_address_new(SAMPLES + 1), error = 0;
	seL4_CPtr frame = sk_objects_new(seL4_RISCV_4K_Page, 0, SAMPLES + 1);

	peer_new(&peer, SAME_SPACE, FPU_DISABLED, MIDDLE, endpoint);
	/* The last page is there from the beginning, so that the page tables are. */
	sk_must(sk_map(peer.vspace, frame + SAMPLES, address + SAMPLES * SK_PAGE_BYTES, seL4_ReadWrite,
		       seL4_RISCV_Default_VMAttributes));
	shared->address = address;
	peer_start(&peer, touch_pages);

	seL4_RecvWithMRs(endpoint, 0, 0, 0, 0, 0);
	for (unsigned i = 0; i < SAMPLES; i++) {
		seL4_Word now = instret();

		if (stamped)
			shared->stamp[AT_HANDLER][i] = now;
		error |= seL4_RISCV_Page_Map(frame + i, peer.vspace, address + i * SK_PAGE_BYTES,
					     seL4_ReadWrite, seL4_RISCV_Default_VMAttributes);
		now = instret();
		if (stamped)
			shared->stamp[BEFORE_REPLY][i] = now;
		if (i < SAMPLES - 1)
			seL4_ReplyRecvWithMRs(endpoint, seL4_MessageInfo_new(0, 0, 0, 0), 0, 0, 0, 0, 0);
	}
	sk_must((seL4_Error)error);
	/* The peer goes on while we wait for somebody of our own priority, us. */
	seL4_Reply(seL4_MessageInfo_new(0, 0, 0, 0));
	seL4_Yield();
	peer_stop(&peer);
}

static void report_interval(const char *name, unsigned from, unsigned to)
{
	seL4_Word samples[SAMPLES];

	for (unsigned i = 0; i < SAMPLES; i++)
		samples[i] = between(shared->stamp[from][i], shared->stamp[to][i]);
	report(name, samples);
}

void metal_faults(void)
{
	handle(true);
	report_interval("fault", BEFORE_FAULT, AT_HANDLER);
	report_interval("fault-reply", BEFORE_REPLY, AFTER_FAULT);
	handle(false);
	report_interval("fault-map", BEFORE_FAULT, AFTER_FAULT);
}
