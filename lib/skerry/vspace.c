/* Mapping memory: see vspace.h. */
#include <skerry/vspace.h>

#include <skerry/check.h>
#include <skerry/object.h>

/* Far above every program image; the space up to seL4_UserTop is never used up. */
#define WINDOW_START 0x20000000ul

seL4_Error sk_map(seL4_CPtr vspace, seL4_CPtr frame, seL4_Word vaddr, seL4_CapRights_t rights,
		  seL4_RISCV_VMAttributes attributes)
{
	for (;;) {
		seL4_Error error = seL4_RISCV_Page_Map(frame, vspace, vaddr, rights, attributes);
		if (error != seL4_FailedLookup)
			return error;
		seL4_CPtr table = sk_object_new(seL4_RISCV_PageTableObject, 0);
		error = seL4_RISCV_PageTable_Map(table, vspace, vaddr, seL4_RISCV_Default_VMAttributes);
		if (error != seL4_NoError)
			return error;
	}
}

void *sk_address_new(seL4_Word pages)
{
	static seL4_Word next = WINDOW_START + SK_PAGE_BYTES;
	seL4_Word address = next;

	next += (pages + 1) * SK_PAGE_BYTES;
	return (void *)address;
}

void *sk_pages_new(seL4_Word count, seL4_CPtr *frames)
{
	char *address = sk_address_new(count);
	seL4_CPtr first = sk_objects_new(seL4_RISCV_4K_Page, 0, count);

	for (seL4_Word i = 0; i < count; i++)
		sk_must(sk_map(seL4_CapInitThreadVSpace, first + i, (seL4_Word)address + i * SK_PAGE_BYTES,
			       seL4_ReadWrite, seL4_RISCV_ExecuteNever));
	if (frames)
		*frames = first;
	return address;
}

seL4_CPtr sk_vspace_new(void)
{
	seL4_CPtr vspace = sk_object_new(seL4_RISCV_PageTableObject, 0);
	sk_must(seL4_RISCV_ASIDPool_Assign(seL4_CapInitThreadASIDPool, vspace));
	return vspace;
}
