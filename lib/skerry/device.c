/* Device memory and interrupts: see device.h. */
#include <skerry/device.h>

#include <stdbool.h>
#include <stddef.h>
#include <skerry/check.h>
#include <skerry/object.h>
#include <skerry/vspace.h>

struct piece {
	seL4_CPtr cap;
	seL4_Word paddr;
	seL4_Word bits;
};

#define MAX_PIECES 512
static struct piece pieces[MAX_PIECES];
static unsigned piece_count;

#define MAX_PAGES 32
static struct page {
	seL4_Word paddr;
	seL4_CPtr frame;
	void *address; /* null until mapped */
} pages[MAX_PAGES];
static unsigned page_count;

static void piece_add(seL4_CPtr cap, seL4_Word paddr, seL4_Word bits)
{
	if (piece_count == MAX_PIECES)
		sk_panic("too many pieces of device memory");
	pieces[piece_count++] = (struct piece){cap, paddr, bits};
}

static void pieces_init(void)
{
	const seL4_BootInfo *info = seL4_GetBootInfo();

	for (seL4_Word i = 0; i < info->untyped.end - info->untyped.start; i++) {
		const seL4_UntypedDesc *desc = &info->untypedList[i];
		if (desc->isDevice)
			piece_add(info->untyped.start + i, desc->paddr, desc->sizeBits);
	}
}

/* Takes the piece that contains [paddr, paddr + 2^bits) out of the list. */
static bool piece_take(seL4_Word paddr, seL4_Word bits, struct piece *found)
{
	for (unsigned i = 0; i < piece_count; i++) {
		struct piece *piece = &pieces[i];
		if (paddr >= piece->paddr && paddr - piece->paddr < LIBSEL4_BIT(piece->bits) &&
		    piece->bits >= bits) {
			*found = *piece;
			*piece = pieces[--piece_count];
			return true;
		}
	}
	return false;
}

/* Keeps in `piece` the half that contains paddr, and the other one in the list. */
static void piece_halve(struct piece *piece, seL4_Word paddr)
{
	seL4_Word bits = piece->bits - 1;
	seL4_Word upper = piece->paddr + LIBSEL4_BIT(bits);
	seL4_CPtr halves = sk_slots_new(2);

	sk_must(seL4_Untyped_Retype(piece->cap, seL4_UntypedObject, bits, seL4_CapInitThreadCNode, 0, 0,
				    halves, 2));
	if (paddr < upper) {
		piece_add(halves + 1, upper, bits);
		*piece = (struct piece){halves, piece->paddr, bits};
	} else {
		piece_add(halves, piece->paddr, bits);
		*piece = (struct piece){halves + 1, upper, bits};
	}
}

seL4_CPtr sk_device_untyped(seL4_Word paddr, seL4_Word bits)
{
	struct piece piece;
	struct sk_arena *arena = sk_arena_suspend();

	if (!piece_count)
		pieces_init();
	bool found = !(paddr & (LIBSEL4_BIT(bits) - 1)) && piece_take(paddr, bits, &piece);
	while (found && piece.bits > bits)
		piece_halve(&piece, paddr);
	sk_arena_restore(arena);
	return found ? piece.cap : 0;
}

static struct page *page_find(seL4_Word paddr)
{
	for (unsigned i = 0; i < page_count; i++) {
		if (pages[i].paddr == paddr)
			return &pages[i];
	}

	seL4_CPtr untyped = sk_device_untyped(paddr, seL4_PageBits);
	if (!untyped || page_count == MAX_PAGES)
		sk_panic("no device memory at %#lx", paddr);
	struct sk_arena *arena = sk_arena_suspend();
	seL4_CPtr frame = sk_slot_new();
	sk_must(seL4_Untyped_Retype(untyped, seL4_RISCV_4K_Page, 0, seL4_CapInitThreadCNode, 0, 0, frame, 1));
	sk_arena_restore(arena);
	pages[page_count] = (struct page){paddr, frame, NULL};
	return &pages[page_count++];
}

seL4_CPtr sk_device_frame(seL4_Word paddr)
{
	return page_find(paddr)->frame;
}

void *sk_device_map(seL4_Word paddr)
{
	struct page *page = page_find(paddr);
	struct sk_arena *arena = sk_arena_suspend();

	if (!page->address) {
		void *address = sk_address_new(1);
		sk_must(sk_map(seL4_CapInitThreadVSpace, page->frame, (seL4_Word)address, seL4_ReadWrite,
			       seL4_RISCV_ExecuteNever));
		page->address = address;
	}
	sk_arena_restore(arena);
	return page->address;
}

seL4_CPtr sk_irq_new(seL4_Word irq, seL4_CPtr notification)
{
	seL4_CPtr handler = sk_slot_new();

	sk_must(seL4_IRQControl_Get(seL4_CapIRQControl, irq, seL4_CapInitThreadCNode, handler, SK_DEPTH));
	sk_must(seL4_IRQHandler_SetNotification(handler, notification));
	return handler;
}
