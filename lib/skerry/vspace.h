/* Mapping memory. */
#pragma once

#include <stddef.h>
#include <sel4/sel4.h>

#define SK_PAGE_BYTES LIBSEL4_BIT(seL4_PageBits)

/*
 * Maps a frame of any size, making page tables as the kernel asks for them (FailedLookup says that
 * one is missing). Other errors are returned.
 */
seL4_Error sk_map(seL4_CPtr vspace, seL4_CPtr frame, seL4_Word vaddr, seL4_CapRights_t rights,
		  seL4_RISCV_VMAttributes attributes);

/* Addresses in our own space that nothing else uses, with an unmapped page before and after. */
void *sk_address_new(seL4_Word pages);

/* New memory, mapped readable and writable in our own space; `frames`, if not null: the first slot. */
void *sk_pages_new(seL4_Word count, seL4_CPtr *frames);

/* An address space of its own (a page table with an ASID), empty. */
seL4_CPtr sk_vspace_new(void);
