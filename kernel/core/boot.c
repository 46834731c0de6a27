/*
 * Booting: the root server's objects and capabilities, and the boot information that describes them
 * (boot.md). The objects lie at the top of the highest free memory that has room for them, and everything
 * else becomes untyped.
 */
#include "kernel/core/boot.h"

#include <string.h>

#include <sel4/bootinfo_types.h>

#define PAGE_SIZE        (1ull << seL4_PageBits)
#define ROOT_SERVER_ASID 1

/* Boot under way: where the next object and the next capability go. */
struct builder {
	struct kernel *kernel;
	const struct boot *boot;
	seL4_BootInfo *info;
	uint64_t top;  /* objects are taken from here downwards */
	uint64_t home; /* where the free memory that they are taken from begins */
	struct slot *root;
	uint64_t next_slot, slots;
	struct cap vspace;
	uint64_t vaddr_start, vaddr_end; /* of all that is mapped */
	uint64_t buffer_vaddr, info_vaddr, extra_vaddr;
	uint64_t extra_size;
	uint64_t image_size;
	uint64_t buffer_paddr, info_paddr, extra_paddr;
};

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

/* Memory for an object: cleared, aligned to its size. */
static uint64_t take(struct builder *builder, unsigned bits)
{
	uint64_t size = 1ull << bits;

	builder->top = (builder->top - size) & ~(size - 1);
	machine_memory_clear(builder->top, size);
	return builder->top;
}

static uint64_t take_pages(struct builder *builder, uint64_t bytes)
{
	uint64_t size = round_up(bytes, PAGE_SIZE);

	builder->top -= size;
	machine_memory_clear(builder->top, size);
	return builder->top;
}

static struct slot *root_slot(struct builder *builder, uint64_t index)
{
	return &builder->root[index];
}

static struct slot *provide(struct builder *builder, uint64_t index, struct cap cap)
{
	slot_insert_new(root_slot(builder, index), cap, &builder->kernel->derivation);
	return root_slot(builder, index);
}

/* The next dynamic slot; what does not fit is dropped. */
static bool provide_next(struct builder *builder, struct cap cap)
{
	if (builder->next_slot >= builder->slots)
		return false;
	provide(builder, builder->next_slot++, cap);
	return true;
}

/* The regions of RAM that are not free, in no order; a null pointer behind the last. */
static const struct region *taken_region(const struct boot *boot, unsigned index)
{
	static const struct region window = {KERNEL_PADDR, IMAGE_PADDR};

	if (index == 0)
		return &window;
	if (index == 1)
		return &boot->image;
	return index - 2 < boot->taken_count ? &boot->taken[index - 2] : NULL;
}

/* The first free memory at or above `start`, as far as it reaches; where there is none, it is empty. */
static struct region next_free(const struct boot *boot, uint64_t start)
{
	struct region found = {start, boot->ram.end};
	const struct region *taken;
	unsigned i = 0;

	while ((taken = taken_region(boot, i++))) {
		if (found.start >= taken->start && found.start < taken->end) {
			found = (struct region){taken->end, boot->ram.end};
			i = 0;
		} else if (found.start < taken->start && found.end > taken->start) {
			found.end = taken->start;
		}
	}
	return found;
}

/* --- layout -------------------------------------------------------------------------------------- */

static const char *plan(struct builder *builder)
{
	const struct boot *boot = builder->boot;
	unsigned bits = boot->profile.root_cnode_bits;
	uint64_t needed;

	builder->image_size = boot->image.end - boot->image.start;
	builder->vaddr_start = boot->image_vaddr;
	builder->buffer_vaddr = boot->image_vaddr + builder->image_size;
	builder->info_vaddr = builder->buffer_vaddr + PAGE_SIZE;
	builder->extra_vaddr = builder->info_vaddr + PAGE_SIZE;
	builder->extra_size = boot->fdt_size ? sizeof(seL4_BootInfoHeader) + boot->fdt_size : 0;
	builder->vaddr_end = builder->extra_vaddr + round_up(builder->extra_size, PAGE_SIZE);
	if (builder->vaddr_end > seL4_UserTop || builder->vaddr_end < builder->vaddr_start)
		return "the image ends above the highest user address";
	/* A slot for each capability that must be there, and at least one untyped. */
	needed = seL4_NumInitialCaps + isa_boot_tables(builder->vaddr_start, builder->vaddr_end) +
		 builder->image_size / PAGE_SIZE + round_up(builder->extra_size, PAGE_SIZE) / PAGE_SIZE + 1;
	if (needed > 1ull << bits)
		return "the root CNode has too few slots for the image's frames";
	needed = (1ull << (bits + seL4_SlotBits)) + (needed + 8) * PAGE_SIZE + builder->extra_size;
	for (struct region free = next_free(boot, boot->ram.start); free.start < free.end;
	     free = next_free(boot, free.end)) {
		if (needed > free.end - free.start)
			continue;
		builder->home = free.start;
		builder->top = free.end;
	}
	return builder->top ? NULL : "the image does not fit into memory";
}

/* --- objects --------------------------------------------------------------------------------------- */

static void make_cnode(struct builder *builder)
{
	unsigned bits = builder->boot->profile.root_cnode_bits;
	uint64_t paddr = take(builder, bits + seL4_SlotBits);

	builder->root = machine_pointer(isa_kref(paddr));
	builder->slots = 1ull << bits;
	builder->next_slot = seL4_NumInitialCaps;
	provide(builder, seL4_CapInitThreadCNode, cap_cnode(isa_kref(paddr), bits, 0, seL4_WordBits - bits));
}

static void make_vspace(struct builder *builder)
{
	uint64_t pool = take(builder, seL4_ASIDPoolBits);
	uint64_t root = take(builder, seL4_VSpaceBits);
	unsigned tables = isa_boot_tables(builder->vaddr_start, builder->vaddr_end);

	provide(builder, seL4_CapInitThreadASIDPool, isa_boot_asid_pool(pool));
	builder->vspace = isa_boot_vspace(root, ROOT_SERVER_ASID);
	provide(builder, seL4_CapInitThreadVSpace, builder->vspace);
	builder->info->userImagePaging.start = builder->next_slot;
	for (unsigned i = 0; i < tables; i++)
		provide_next(builder,
			     isa_boot_map_table(builder->vspace, builder->vaddr_start, builder->vaddr_end, i,
						take(builder, seL4_PageTableBits)));
	builder->info->userImagePaging.end = builder->next_slot;
}

/* The boot information is written to as boot goes on, so its memory comes first. */
static void make_boot_info(struct builder *builder)
{
	builder->info_paddr = take(builder, seL4_BootInfoFrameBits);
	builder->buffer_paddr = take(builder, seL4_PageBits);
	builder->info = machine_pointer(isa_kref(builder->info_paddr));
	builder->info->extraLen = builder->extra_size;
	builder->info->numNodes = 1;
	builder->info->ipcBufferAddress = builder->buffer_vaddr;
	builder->info->initThreadCNodeSizeBits = builder->boot->profile.root_cnode_bits;
}

static void map_boot_info(struct builder *builder)
{
	uint64_t pages = round_up(builder->extra_size, PAGE_SIZE) / PAGE_SIZE;

	provide(builder, seL4_CapInitThreadIPCBuffer,
		isa_boot_map_frame(builder->vspace, builder->buffer_vaddr, builder->buffer_paddr, false));
	provide(builder, seL4_CapBootInfoFrame,
		isa_boot_map_frame(builder->vspace, builder->info_vaddr, builder->info_paddr, false));
	if (pages == 0)
		return;
	builder->extra_paddr = take_pages(builder, builder->extra_size);
	builder->info->extraBIPages.start = builder->next_slot;
	for (uint64_t i = 0; i < pages; i++)
		provide_next(builder,
			     isa_boot_map_frame(builder->vspace, builder->extra_vaddr + i * PAGE_SIZE,
						builder->extra_paddr + i * PAGE_SIZE, true));
	builder->info->extraBIPages.end = builder->next_slot;
}

static void write_extra(struct builder *builder)
{
	seL4_BootInfoHeader *header;

	if (builder->extra_size == 0)
		return;
	header = machine_pointer(isa_kref(builder->extra_paddr));
	header->id = SEL4_BOOTINFO_HEADER_FDT;
	header->len = builder->extra_size;
	memcpy(header + 1, machine_pointer(isa_kref(builder->boot->fdt)), builder->boot->fdt_size);
}

static void map_image(struct builder *builder)
{
	builder->info->userImageFrames.start = builder->next_slot;
	for (uint64_t offset = 0; offset < builder->image_size; offset += PAGE_SIZE)
		provide_next(builder, isa_boot_map_frame(builder->vspace, builder->boot->image_vaddr + offset,
							 builder->boot->image.start + offset, true));
	builder->info->userImageFrames.end = builder->next_slot;
}

static void make_thread(struct builder *builder)
{
	struct kernel *kernel = builder->kernel;
	uint64_t paddr = take(builder, seL4_TCBBits);
	struct tcb *tcb = tcb_at(isa_kref(paddr));
	struct slot *source;
	struct cap copy;

	provide(builder, seL4_CapInitThreadTCB, cap_make(CAP_Thread, isa_kref(paddr), 0));
	source = root_slot(builder, seL4_CapInitThreadCNode);
	slot_insert(&tcb->slot[TCB_CSPACE], source->cap, source);
	source = root_slot(builder, seL4_CapInitThreadVSpace);
	slot_insert(&tcb->slot[TCB_VSPACE], source->cap, source);
	source = root_slot(builder, seL4_CapInitThreadIPCBuffer);
	if (cap_derive(source, source->cap, &copy) == seL4_NoError)
		slot_insert(&tcb->slot[TCB_BUFFER], copy, source);
	tcb->buffer = builder->buffer_vaddr;
	tcb->priority = seL4_MaxPrio;
	tcb->mcp = seL4_MaxPrio;
	strcpy(tcb->name, "rootserver");
	tcb->context.pc = builder->boot->entry;
	isa_set_badge(&tcb->context, builder->info_vaddr);
	thread_resume(kernel, tcb);
}

/* --- untyped memory --------------------------------------------------------------------------- */

/* Cuts [start, end) from its low end into naturally aligned powers of two. */
static void add_untyped(struct builder *builder, uint64_t start, uint64_t end, bool device)
{
	seL4_BootInfo *info = builder->info;

	while (start < end) {
		unsigned bits = 63u - (unsigned)__builtin_clzll(end - start);
		uint64_t index = builder->next_slot - info->untyped.start;
		bool clear = device || builder->boot->memory_is_clear;

		if (start != 0 && (unsigned)__builtin_ctzll(start) < bits)
			bits = (unsigned)__builtin_ctzll(start);
		if (bits > seL4_MaxUntypedBits)
			bits = seL4_MaxUntypedBits;
		if (bits >= seL4_MinUntypedBits) {
			if (index >= CONFIG_MAX_NUM_BOOTINFO_UNTYPED_CAPS ||
			    !provide_next(builder,
					  cap_untyped(start, bits, device, clear ? 0 : 1ull << bits)))
				return;
			info->untypedList[index] = (seL4_UntypedDesc){
				.paddr = start, .sizeBits = (uint8_t)bits, .isDevice = device};
		}
		start += 1ull << bits;
	}
}

static void make_untypeds(struct builder *builder)
{
	const struct boot *boot = builder->boot;
	uint64_t hole = 0;

	builder->info->untyped.start = builder->next_slot;
	for (unsigned i = 0; i < boot->reserved_count; i++) {
		add_untyped(builder, hole, boot->reserved[i].start, true);
		hole = boot->reserved[i].end;
	}
	add_untyped(builder, hole, boot->ram.start, true);
	add_untyped(builder, boot->ram.end, seL4_PhysicalTop, true);
	for (struct region free = next_free(boot, boot->ram.start); free.start < free.end;
	     free = next_free(boot, free.end))
		add_untyped(builder, free.start, free.start == builder->home ? builder->top : free.end,
			    false);
	builder->info->untyped.end = builder->next_slot;
	builder->info->empty.start = builder->next_slot;
	builder->info->empty.end = builder->slots;
}

/* --- the kernel's own state ------------------------------------------------------------------- */

static void init_kernel(struct kernel *kernel, const struct boot *boot)
{
	struct core *core = this_core(kernel);

	memset(kernel, 0, sizeof *kernel);
	kernel->profile = boot->profile;
	kernel->ram_start = boot->ram.start;
	kernel->ram_end = boot->ram.end;
	kernel->derivation.prev = machine_ref(&kernel->derivation);
	kernel->derivation.next_flags = machine_ref(&kernel->derivation);

	core->idle = machine_ref(&core->idle_tcb);
	core->idle_tcb.state = THREAD_IDLE;
	strcpy(core->idle_tcb.name, "idle");
	core->current = core->idle;

	kernel->schedule_length = boot->profile.domains > 1 ? MAX_SCHEDULE : 2;
	kernel->schedule[0] = (struct domain_slot){0, (1ull << 56) - 1};
	core->domain_ticks = kernel->schedule[0].ticks;

	for (unsigned irq = 1; irq < machine_irq_max(); irq++)
		machine_irq_set_masked(irq, true);
	kernel->irq_state[machine_irq_max()] = IRQ_TIMER;
}

__attribute__((cold)) const char *kernel_boot(struct kernel *kernel, const struct boot *boot)
{
	struct builder builder = {.kernel = kernel, .boot = boot};
	const char *error;

	init_kernel(kernel, boot);
	error = plan(&builder);
	if (error)
		return error;
	make_cnode(&builder);
	make_boot_info(&builder);
	provide(&builder, seL4_CapIRQControl, cap_make(CAP_IRQControl, 0, 0));
	provide(&builder, seL4_CapASIDControl, cap_make(CAP_ASIDControl, 0, 0));
	provide(&builder, seL4_CapDomain, cap_make(CAP_Domain, 0, 0));
	make_vspace(&builder);
	map_boot_info(&builder);
	write_extra(&builder);
	map_image(&builder);
	make_thread(&builder);
	make_untypeds(&builder);
	schedule(kernel);
	return NULL;
}
