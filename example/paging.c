/*
 * Mapping and demand paging. A thread uses memory that is not there; each first touch of a page is a
 * fault that goes to the root server, which maps a page and lets the thread go on. A page is first
 * given to be read only: a write to it is another fault, and shows which pages have been changed.
 */
#include <stdio.h>
#include <sel4/arch/mapping.h>
#include <skerry/check.h>
#include <skerry/object.h>
#include <skerry/thread.h>
#include <skerry/vspace.h>

#define REGION       0x30000000ul
#define REGION_PAGES 16
#define STORE_FAULT  7 /* the RISC-V cause of a store that may not be */

static seL4_CPtr finished;

static volatile int *page_at(int page)
{
	return (volatile int *)(REGION + page * SK_PAGE_BYTES);
}

static void reader(void *argument)
{
	int sum = 0;

	(void)argument;
	for (int page = 0; page < REGION_PAGES; page += 2)
		sum += *page_at(page);
	printf("thread: the sum of every second page is %d\n", sum);
	for (int page = 0; page < REGION_PAGES; page += 4)
		*page_at(page) = 100;
	sum = 0;
	for (int page = 0; page < REGION_PAGES; page += 2)
		sum += *page_at(page);
	printf("thread: after writing to every fourth, it is %d\n", sum);
	seL4_Send(finished, seL4_MessageInfo_new(seL4_Fault_NullFault, 0, 0, 0));
}

/* How far the tables reach: the first mapping in a new region finds two levels missing. */
static void show_tables(void)
{
	seL4_CPtr frame = sk_frame_new();
	seL4_Word far = 0x3000000000ul;

	while (seL4_RISCV_Page_Map(frame, seL4_CapInitThreadVSpace, far, seL4_ReadWrite, 0) ==
	       seL4_FailedLookup) {
		printf("pager: no table for the low %lu bits at %#lx\n", seL4_MappingFailedLookupLevel(),
		       far);
		sk_must(seL4_RISCV_PageTable_Map(sk_object_new(seL4_RISCV_PageTableObject, 0),
						 seL4_CapInitThreadVSpace, far, 0));
	}
	*(int *)far = 1;
	printf("pager: mapped\n");
}

int main(void)
{
	static struct sk_thread thread;
	static seL4_CPtr frames[REGION_PAGES];
	seL4_CPtr faults = sk_endpoint_new();
	int reads = 0, writes = 0;

	show_tables();
	finished = faults;
	sk_thread_new(&thread, "reader", 100, faults);
	sk_thread_start(&thread, reader, NULL);

	for (;;) {
		seL4_Fault_t fault = seL4_getFault(seL4_Recv(faults, NULL));
		if (seL4_Fault_get_seL4_FaultType(fault) != seL4_Fault_VMFault)
			break;
		seL4_Word address = seL4_Fault_VMFault_get_Addr(fault) & ~(SK_PAGE_BYTES - 1);
		seL4_Word page = (address - REGION) / SK_PAGE_BYTES;
		int write = seL4_Fault_VMFault_get_FSR(fault) == STORE_FAULT;
		if (page >= REGION_PAGES)
			sk_panic("a fault at %#lx", address);
		if (!frames[page]) {
			/* Filled before it is given: mapped here as well, through a second capability. */
			volatile int *here = sk_pages_new(1, &frames[page]);
			*here = (int)page;
			frames[page] = sk_cap_copy(frames[page]);
		}
		sk_must(sk_map(seL4_CapInitThreadVSpace, frames[page], address,
			       write ? seL4_ReadWrite : seL4_CanRead, seL4_RISCV_ExecuteNever));
		*(write ? &writes : &reads) += 1;
		seL4_Reply(seL4_MessageInfo_new(0, 0, 0, 0));
	}
	printf("pager: %d pages were read, %d of them written; %d were never needed\n", reads, writes,
	       REGION_PAGES - reads);
	return 0;
}
