/*
 * A root server whose virtio console prints one character from a page: as long as there is a capability to
 * that page, and not when it is something else. Run by test/link/build.mk, which knows what must be printed.
 */
#include <stdint.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/vspace.h>

#define SLOT    6
#define ENTRIES 8
#define SEND    1 /* the queue */
#define BITS    seL4_PageBits
#define ROOT    seL4_CapInitThreadCNode

/* A queue in the legacy transport, with its used ring at 512. */
struct queue {
	struct {
		uint64_t address;
		uint32_t size;
		uint16_t flags, next;
	} desc[ENTRIES];
	uint16_t flags, index, entry[ENTRIES];
};

static volatile uint32_t *console;
static volatile struct queue *queue;
static seL4_CPtr untyped, frame, copy, node;

static uint64_t paddr_of(seL4_CPtr cap)
{
	seL4_RISCV_Page_GetAddress_t address = seL4_RISCV_Page_GetAddress(cap);

	sk_must(address.error);
	return address.paddr;
}

static void console_begin(void)
{
	seL4_CPtr page;

	console = sk_device_map(SK_VIRTIO_PADDR + SLOT * 0x1000);
	queue = sk_pages_new(1, &page);
	console[0x70 / 4] = 3;
	console[0x28 / 4] = 4096;
	console[0x30 / 4] = SEND;
	console[0x38 / 4] = ENTRIES;
	console[0x3c / 4] = 512;
	console[0x40 / 4] = (uint32_t)(paddr_of(page) >> 12);
	console[0x70 / 4] = 7;
}

static void print_from(uint64_t paddr)
{
	queue->desc[0].address = paddr;
	queue->desc[0].size = 1;
	queue->index++;
	console[0x50 / 4] = SEND;
}

/* Makes the page a frame with this text. */
static uint64_t frame_make(char text)
{
	char *at = sk_address_new(1);

	sk_must(seL4_Untyped_Retype(untyped, seL4_RISCV_4K_Page, 0, ROOT, 0, 0, frame, 1));
	sk_must(sk_map(seL4_CapInitThreadVSpace, frame, (seL4_Word)at, seL4_ReadWrite,
		       seL4_RISCV_ExecuteNever));
	*at = text;
	return paddr_of(frame);
}

int main(void)
{
	uint64_t paddr;

	console_begin();
	untyped = sk_untyped_new(BITS);
	frame = sk_slot_new();
	copy = sk_slot_new();
	node = sk_slot_new();
	paddr = frame_make('1');
	sk_must(seL4_CNode_Copy(ROOT, copy, SK_DEPTH, ROOT, frame, SK_DEPTH, seL4_AllRights));
	print_from(paddr);
	sk_cap_delete(frame);
	print_from(paddr); /* there is the copy */
	sk_must(seL4_CNode_Delete(ROOT, copy, SK_DEPTH));
	print_from(paddr);
	sk_must(seL4_Untyped_Retype(untyped, seL4_CapTableObject, BITS - seL4_SlotBits, ROOT, 0, 0, node, 1));
	print_from(paddr);
	sk_must(seL4_CNode_Delete(ROOT, node, SK_DEPTH));
	paddr = frame_make('2');
	print_from(paddr);
	return 0;
}
