/* What a root server finds: registers, layout, CNode, boot information, untyped memory; one domain. */
#include "conform.h"

#include <crt/crt.h>
#include <skerry/device.h>
#include <skerry/machine.h>

static const seL4_BootInfo *info;

static seL4_Word page_up(seL4_Word address)
{
	return (address + 4095) & ~4095ul;
}

static void layout(void)
{
	seL4_Word end = page_up((seL4_Word)crt_image_end);

	section("layout", "boot.md §2, 4");
	equal("IPC buffer: after the image", (seL4_Word)info->ipcBuffer, end);
	equal("boot information: the page after", (seL4_Word)info, end + 0x1000);
	equal("nodeID", info->nodeID, 0);
	equal("numNodes", info->numNodes, 1);
	equal("numIOPTLevels", info->numIOPTLevels, 0);
	equal("initThreadDomain", info->initThreadDomain, 0);
	equal("initThreadCNodeSizeBits", info->initThreadCNodeSizeBits, 13);
	check("no shared frames, no I/O spaces", info->sharedFrames.start == info->sharedFrames.end &&
							 info->ioSpaceCaps.start == info->ioSpaceCaps.end);
	const seL4_BootInfoHeader *header = (const seL4_BootInfoHeader *)(end + 0x2000);
	check("one chunk: the device tree",
	      info->extraLen > 16 && header->id == 6 && header->len == info->extraLen);
	equal("its magic number", *(const uint32_t *)(header + 1), 0xedfe0dd0);
	equal("its size", header->len, 16 + __builtin_bswap32(((const uint32_t *)(header + 1))[1]));
	/* The image: a copy of the IPC buffer's frame shows which frame is where. */
	seL4_Word pages = (end - (seL4_Word)crt_image_start) / 4096;
	equal("a frame per image page", info->userImageFrames.end - info->userImageFrames.start, pages);
	seL4_RISCV_Page_GetAddress_t first = seL4_RISCV_Page_GetAddress(info->userImageFrames.start);
	seL4_RISCV_Page_GetAddress_t last = seL4_RISCV_Page_GetAddress(info->userImageFrames.end - 1);
	equal("ascending, contiguous", last.paddr - first.paddr, (pages - 1) * 4096);
	/* All of it may be written and executed. */
	volatile uint32_t *in_code = (volatile uint32_t *)(void *)page_up;
	uint32_t word = *in_code;
	*in_code = word;
	check("code can be written", *in_code == word);
	static uint32_t code[] = {0x02a00513, 0x00008067}; /* li a0, 42; ret */
	__asm__ volatile("fence.i" ::: "memory");
	equal("data can be executed", ((seL4_Word(*)(void))code)(), 42);
}

static void cnode(void)
{
	static const struct {
		const char *name;
		seL4_CPtr slot;
		seL4_Word type;
	} slots[] = {
		{"0", 0, TYPE_NULL},
		{"1: TCB", 1, TYPE_TCB},
		{"2: CNode", 2, TYPE_CNODE},
		{"3: vspace", 3, TYPE_TABLE},
		{"4: IRQControl", 4, TYPE_IRQ_CONTROL},
		{"5: ASIDControl", 5, TYPE_ASID_CONTROL},
		{"6: ASID pool", 6, TYPE_ASID_POOL},
		{"7", 7, TYPE_NULL},
		{"8", 8, TYPE_NULL},
		{"9: boot information", 9, TYPE_FRAME},
		{"10: IPC buffer", 10, TYPE_FRAME},
		{"11: DomainSet", 11, TYPE_DOMAIN},
		{"12", 12, TYPE_NULL},
		{"13", 13, TYPE_NULL},
		{"14", 14, TYPE_NULL},
		{"15", 15, TYPE_NULL},
	};

	section("root CNode, slot", "boot.md §3");
	for (unsigned i = 0; i < LENGTH_OF(slots); i++)
		is(slots[i].name, slots[i].slot, slots[i].type);
	section("root CNode", "boot.md §3");
	equal("first: the image's tables", info->userImagePaging.start, 16);
	equal("two of them", info->userImagePaging.end, 18);
	equal("then extra boot information", info->extraBIPages.start, 18);
	equal("its pages", info->extraBIPages.end, 18 + page_up(info->extraLen) / 4096);
	equal("then image frames", info->userImageFrames.start, info->extraBIPages.end);
	equal("then untyped memory", info->untyped.start, info->userImageFrames.end);
	equal("then empty slots", info->empty.start, info->untyped.end);
	equal("to the end", info->empty.end, LIBSEL4_BIT(info->initThreadCNodeSizeBits));
	is("a table", 16, TYPE_TABLE);
	is("a page of extra boot information", info->extraBIPages.start, TYPE_FRAME);
	is("a frame of the image", info->userImageFrames.start, TYPE_FRAME);
	is("the last untyped", info->untyped.end - 1, TYPE_UNTYPED);
	is("the last slot", info->empty.end - 1, TYPE_NULL);
	TRY("the ASID pool is registered, the vspace assigned", OUT(InvalidCapability, 1), 6,
	    RISCVASIDPoolAssign, CAPS(3), ARGS());
}

/* Between the firmware's first 2 MiB of RAM and the end of what is free. */
static seL4_Word ram_end;

static bool is_ram(seL4_Word paddr)
{
	return paddr >= 0x80200000 && paddr < ram_end;
}

static void untyped(void)
{
	seL4_Word count = info->untyped.end - info->untyped.start, next = 0, free_bytes = 0;
	bool natural = true, in_order = true, padding = true, outside = true, inside = true;
	unsigned phase = 0;

	section("untyped memory", "boot.md §4-5");
	for (unsigned i = 0; i < count; i++) {
		if (!info->untypedList[i].isDevice)
			ram_end = info->untypedList[i].paddr + LIBSEL4_BIT(info->untypedList[i].sizeBits);
	}
	check("at most 230", count > 0 && count <= 230);
	for (unsigned i = 0; i < count; i++) {
		const seL4_UntypedDesc *d = &info->untypedList[i];
		seL4_Word size = LIBSEL4_BIT(d->sizeBits);
		natural = natural && !(d->paddr & (size - 1)) && d->sizeBits >= 4 && d->sizeBits <= 38;
		if (phase == 0 && !d->isDevice) {
			phase = 1;
			next = 0;
		}
		in_order = in_order && (phase == 1) == !d->isDevice && d->paddr >= next;
		next = d->paddr + size;
		for (unsigned j = 10; j < 16; j++)
			padding = padding && ((const char *)d)[j] == 0;
		if (d->isDevice)
			outside = outside && !is_ram(d->paddr) && !is_ram(d->paddr + size - 1);
		else
			inside = inside && is_ram(d->paddr) && is_ram(d->paddr + size - 1);
		free_bytes += d->isDevice ? 0 : size;
	}
	check("aligned to their size", natural);
	check("device memory first, both ascending", in_order);
	check("padding is zero", padding);
	check("devices outside RAM", outside);
	check("free memory in RAM", inside);
	check("most of it", free_bytes > 64ul << 20);
	const seL4_UntypedDesc *first = &info->untypedList[0], *device_last = NULL;
	for (unsigned i = 0; i < count; i++)
		device_last = info->untypedList[i].isDevice ? &info->untypedList[i] : device_last;
	check("worked example: entry 0 is paddr 0, 2^25, device",
	      first->paddr == 0 && first->sizeBits == 25 && first->isDevice);
	equal("device memory reaches up to 2^39", device_last->paddr + LIBSEL4_BIT(device_last->sizeBits),
	      1ul << 39);
	bool rest_zero = true;
	for (unsigned i = count; i < 230; i++)
		rest_zero =
			rest_zero && info->untypedList[i].paddr == 0 && info->untypedList[i].sizeBits == 0;
	check("the rest of the list is zero", rest_zero);
	/* The interrupt controllers are the kernel's. */
	bool plic = false;
	for (unsigned i = 0; i < count; i++) {
		const seL4_UntypedDesc *d = &info->untypedList[i];
		plic = plic || (d->paddr <= 0xc000000 && 0xc000000 < d->paddr + LIBSEL4_BIT(d->sizeBits));
	}
	check("the PLIC is in none", !plic);
	check("the serial port is in one", sk_device_frame(SK_UART_PADDR) != 0);
}

static void thread(void)
{
	section("first thread", "boot.md §1");
	TRY("MCP 255", OUT(NoError), SELF, TCBSetMCPriority, CAPS(SELF), ARGS(255));
	TRY("no notification bound", OUT(IllegalOperation), SELF, TCBUnbindNotification, CAPS(), ARGS());
	TRY("flags 0", OUT(NoError, 0), SELF, TCBSetFlags, CAPS(), ARGS(0, 0));
	seL4_Word counter;
	__asm__ volatile("rdtime %0" : "=r"(counter));
	check("time can be read", counter != 0);
	__asm__ volatile("rdcycle %0" : "=r"(counter));
	check("cycle can be read", counter != 0);
	section("one domain", "invocations.md §8");
	TRY("Set domain 0", OUT(NoError), seL4_CapDomain, DomainSetSet, CAPS(SELF), ARGS(0));
	TRY("Set domain 1", OUT(InvalidArgument, 0), seL4_CapDomain, DomainSetSet, CAPS(SELF), ARGS(1));
	TRY("ScheduleConfigure 1", OUT(RangeError, 0, 0), seL4_CapDomain, DomainScheduleConfigure, CAPS(),
	    ARGS(1, 0, 5));
	TRY("ScheduleConfigure domain 1", OUT(RangeError, 0, 0), seL4_CapDomain, DomainScheduleConfigure,
	    CAPS(), ARGS(0, 1, 5));
	TRY("ScheduleConfigure 0", OUT(NoError), seL4_CapDomain, DomainScheduleConfigure, CAPS(),
	    ARGS(0, 0, (1ul << 56) - 1));
	TRY("SetStart 2", OUT(RangeError, 0, 1), seL4_CapDomain, DomainScheduleSetStart, CAPS(), ARGS(2));
	TRY("SetStart 1: the end marker", OUT(InvalidArgument, 0), seL4_CapDomain, DomainScheduleSetStart,
	    CAPS(), ARGS(1));
	TRY("SetStart 0", OUT(NoError), seL4_CapDomain, DomainScheduleSetStart, CAPS(), ARGS(0));
}

int main(void)
{
	conform_begin("boot");
	info = seL4_GetBootInfo();
	layout();
	cnode();
	untyped();
	thread();
	return conform_end();
}
