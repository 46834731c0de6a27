/*
 * A node: memory, processor, board and kernel put together. What drives them is in step.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "kernel/core/boot.h"
#include "kernel/core/check.h"
#include "port/vm/internal.h"

_Static_assert(MACHINE_RAM_BASE == BOARD_RAM_BASE, "the window begins where the board's RAM does");
_Static_assert(KERNEL_STATE_PADDR - MACHINE_RAM_BASE == 0x300000, "where machine_kernel() looks");
_Static_assert(offsetof(struct context, x) == offsetof(struct vm_regs, x), "the VM works on TCB contexts");
_Static_assert(offsetof(struct context, pc) == offsetof(struct vm_regs, pc), "the VM works on TCB contexts");
_Static_assert(offsetof(struct context, f) == offsetof(struct vm_regs, f), "the VM works on TCB contexts");
_Static_assert(offsetof(struct context, fcsr) == offsetof(struct vm_regs, fcsr),
	       "the VM works on TCB contexts");

#define PAGE_SIZE NODE_PAGE_SIZE

/* --- what the VM and the board ask for -------------------------------------------------------- */

uint64_t node_counter(const struct node *node, enum vm_counter which)
{
	if (which == VM_COUNTER_TIME)
		return node_time(node) / 100; /* 10 MHz */
	return node->config.real_time ? node->hart->instret : node_time(node);
}

static uint64_t read_counter(void *context, enum vm_counter which)
{
	return node_counter(context, which);
}

static bool bus_load(void *context, uint64_t paddr, unsigned size, uint64_t *value)
{
	struct node *node = context;

	return board_load(node->board, paddr, size, value);
}

static bool bus_store(void *context, uint64_t paddr, unsigned size, uint64_t value)
{
	struct node *node = context;

	return board_store(node->board, paddr, size, value);
}

static uint64_t board_now(void *machine)
{
	return node_time(machine);
}

static void board_changed(void *machine)
{
	struct node *node = machine;

	node->attention = true;
	vm_hart_stop(node->hart);
}

void node_forget_frames(struct node *node)
{
	if (node->frames_found)
		memset(node->frame, 0, sizeof node->frame);
	node->frames_found = false;
}

/* Devices reach only pages that are frames at this moment: no driver can make one write kernel objects. */
static bool page_is_frame(struct node *node, uint64_t paddr)
{
	struct found_frame *found = &node->frame[paddr / PAGE_SIZE % FRAME_CACHE];
	struct slot *head = &node->kernel->derivation;
	uint64_t start, size;

	if (found->slot && paddr >= found->start && paddr - found->start < found->size &&
	    found->slot->cap.word[0] == found->cap.word[0] && found->slot->cap.word[1] == found->cap.word[1])
		return true;
	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot)) {
		if (!isa_cap_may_be_buffer(slot->cap) || !cap_memory(slot->cap, &start, &size) ||
		    paddr < start || paddr - start >= size)
			continue;
		*found = (struct found_frame){slot, slot->cap, start, size};
		node->frames_found = true;
		return true;
	}
	return false;
}

static void *board_dma(void *machine, uint64_t paddr, uint64_t size, bool write)
{
	struct node *node = machine;
	uint64_t end = paddr + size;

	if (size == 0 || end < paddr || paddr < MACHINE_RAM_BASE || end > node->kernel->ram_end)
		return NULL;
	for (uint64_t page = paddr & ~(PAGE_SIZE - 1); page < end; page += PAGE_SIZE)
		if (!page_is_frame(node, page))
			return NULL;
	if (write) {
		vm_written(node->vm, paddr, size);
		if (node->watch)
			host_watch_touch(node->watch, paddr - MACHINE_RAM_BASE, size);
	}
	return machine_pointer(isa_kref(paddr));
}

void node_board_advance(struct node *node)
{
	board_advance(node->board, node_time(node));
}

/* --- making a node ---------------------------------------------------------------------------- */

void node_select(struct node *node)
{
	current_node = node;
	machine_window.ram = node->ram;
	machine_window.mask = node->reserved - WINDOW_SLACK - 1;
}

static bool fail(char *error, size_t error_size, const char *why)
{
	snprintf(error, error_size, "%s", why);
	return false;
}

static bool make_memory(struct node *node, char *error, size_t error_size)
{
	uint64_t size = node->config.ram_size, window = NODE_RAM_MIN;

	if (size < NODE_RAM_MIN || size > NODE_RAM_MAX || size % (2ull << 20))
		return fail(error, error_size, "memory must be a multiple of 2 MiB from 16 MiB to 64 GiB");
	while (window < size)
		window *= 2;
	node->reserved = window + WINDOW_SLACK;
	node->ram = host_memory_reserve(node->reserved);
	if (!node->ram)
		return fail(error, error_size, "the host has not enough memory");
	node->kernel = (struct kernel *)(node->ram + (KERNEL_STATE_PADDR - MACHINE_RAM_BASE));
	return true;
}

static bool region_is_valid(const struct board_config *board)
{
	if (!board->region)
		return true;
	return board->region_size && board->region_size <= BOARD_REGION_MAX &&
	       (board->region_size | board->region_share | board->region_share_size) % PAGE_SIZE == 0 &&
	       board->region_share <= board->region_size &&
	       board->region_share_size <= board->region_size - board->region_share;
}

static bool make_machine(struct node *node, char *error, size_t error_size)
{
	struct board_config *board = &node->config.board;
	struct vm_config vm = {
		.ram = node->ram,
		.ram_base = MACHINE_RAM_BASE,
		.ram_size = node->config.ram_size,
		.region = board->region,
		.region_base = board->region ? BOARD_REGION_BASE : 0,
		.region_size = board->region ? board->region_size : 0,
		.harts = 1,
		.tier = node->config.tier,
		.timed = node->config.timed,
		.code_made = node->config.code_made,
		.code_context = node->config.code_context,
		.ecall = node_ecall,
		.ecall_context = node,
		.bus = {.context = node, .load = bus_load, .store = bus_store, .counter = read_counter},
	};

	if (!region_is_valid(board))
		return fail(error, error_size, "a region has 4 KiB to 1 GiB, and the share is a part of it");
	board->machine = node;
	board->ram_size = node->config.ram_size;
	board->now_ns = board_now;
	board->dma = board_dma;
	board->changed = board_changed;
	node->board = board_create(board);
	node->vm = node->board ? vm_create(&vm) : NULL;
	if (!node->vm)
		return fail(error, error_size, "the host has not enough memory");
	node->hart = vm_hart(node->vm, 0);
	if (node->config.real_time)
		node->host_start = board->host_clock_ns(board->context);
	node->next_tick = TICK_NS;
	return true;
}

/* Puts the device tree where the kernel expects it; the image follows. */
static bool place_fdt(struct node *node, struct boot *boot, char *error, size_t error_size)
{
	uint8_t *at = node->ram + (FDT_PADDR - MACHINE_RAM_BASE);

	boot->fdt = FDT_PADDR;
	if (node->config.fdt) {
		if (node->config.fdt_size > FDT_CAPACITY)
			return fail(error, error_size, "the device tree is larger than 64 KiB");
		boot->fdt_size = node->config.fdt_size;
		memcpy(at, node->config.fdt, boot->fdt_size);
	} else {
		boot->fdt_size = board_make_fdt(&node->config.board, at, FDT_CAPACITY);
		if (boot->fdt_size == 0)
			return fail(error, error_size, "the board's device tree could not be made");
	}
	boot->image.start = IMAGE_PADDR;
	return true;
}

static bool place_image(struct node *node, struct boot *boot, char *error, size_t error_size)
{
	uint64_t low = UINT64_MAX, high = 0, room = boot->ram.end - boot->image.start;

	for (unsigned i = 0; i < node->config.segments; i++) {
		const struct node_segment *segment = &node->config.segment[i];
		uint64_t end = segment->vaddr + segment->memory_size;

		if (end < segment->vaddr || segment->file_size > segment->memory_size)
			return fail(error, error_size,
				    "a segment of the image is longer than the address space");
		low = segment->vaddr < low ? segment->vaddr : low;
		high = end > high ? end : high;
	}
	if (node->config.segments == 0 || low >= high)
		return fail(error, error_size, "the image has nothing to load");
	low &= ~(PAGE_SIZE - 1);
	if (high > seL4_UserTop)
		return fail(error, error_size,
			    "the image reaches above the highest user address, 0x3ffffff000");
	if (high - low > room)
		return fail(error, error_size, "the image does not fit into memory");
	boot->image_vaddr = low;
	boot->image.end = (boot->image.start + (high - low) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	for (unsigned i = 0; i < node->config.segments; i++) {
		const struct node_segment *segment = &node->config.segment[i];

		memcpy(node->ram + (boot->image.start - MACHINE_RAM_BASE) + (segment->vaddr - low),
		       segment->data, segment->file_size);
	}
	return true;
}

static bool choose_profile(const struct node_config *config, struct profile *profile, char *error,
			   size_t error_size)
{
	const char *name = config->profile ? config->profile : "debug";

	if (!profile_find(name, profile)) {
		snprintf(error, error_size, "there is no ABI profile \"%s\"", name);
		return false;
	}
	if (config->root_cnode_bits)
		profile->root_cnode_bits = (uint8_t)config->root_cnode_bits;
	if (config->domains)
		profile->domains = (uint8_t)config->domains;
	if (config->domains > MAX_DOMAINS)
		return fail(error, error_size, "there can be at most 16 domains");
	if (config->root_cnode_bits > 24 || profile->root_cnode_bits < 5)
		return fail(error, error_size, "the root CNode can have 5 to 24 bits");
	return true;
}

static bool boot_kernel(struct node *node, char *error, size_t error_size)
{
	struct boot boot = {
		.ram = {KERNEL_PADDR, MACHINE_RAM_BASE + node->config.ram_size},
		.reserved = {{0x2000000, 0x2200000}, {0xc000000, 0xc600000}}, /* CLINT, PLIC */
		.reserved_count = 2,
		.entry = node->config.entry,
		.memory_is_clear = true,
	};
	const char *why;

	if (!choose_profile(&node->config, &boot.profile, error, error_size) ||
	    !place_fdt(node, &boot, error, error_size) || !place_image(node, &boot, error, error_size))
		return false;
	node_select(node);
	why = kernel_boot(node->kernel, &boot);
	if (why)
		return fail(error, error_size, why);
	node->running = kernel_resume(node->kernel);
	node->attention = true;
	return true;
}

struct node *node_create_empty(const struct node_config *config, char *error, size_t error_size)
{
	struct node *node = calloc(1, sizeof *node);

	if (!node) {
		fail(error, error_size, "the host has not enough memory");
		return NULL;
	}
	node->config = *config;
	if (!trace_create(&node->trace))
		fail(error, error_size, "the host has not enough memory");
	else if (make_memory(node, error, error_size) && make_machine(node, error, error_size))
		return node;
	node_destroy(node);
	return NULL;
}

struct node *node_create(const struct node_config *config, char *error, size_t error_size)
{
	struct node *node = node_create_empty(config, error, error_size);

	if (!node || boot_kernel(node, error, error_size))
		return node;
	node_destroy(node);
	return NULL;
}

void node_destroy(struct node *node)
{
	node_snapshot_untrack(node);
	if (node->vm)
		vm_destroy(node->vm);
	if (node->board)
		board_destroy(node->board);
	if (node->ram)
		host_memory_release(node->ram, node->reserved);
	trace_destroy(&node->trace);
	if (current_node == node) {
		current_node = NULL;
		machine_window.ram = NULL;
	}
	free(node);
}

void node_interrupt(struct node *node)
{
	node->interrupted = true;
	vm_hart_stop(node->hart);
}

int node_exit_status(const struct node *node)
{
	return node->exit_status;
}

struct board *node_board(struct node *node)
{
	node_select(node);
	return node->board;
}

const struct board_disk *node_disk(const struct node *node)
{
	return node->config.board.disk;
}

uint64_t node_trap_position(const struct node *node)
{
	return node->trap_position;
}

bool node_running_thread(struct node *node, struct node_thread *thread)
{
	node_select(node);
	if (node->running)
		node_describe_thread(node->running, thread);
	return node->running;
}

void node_set_report(struct node *node, node_report_fn *report, void *context)
{
	node->report = report;
	node->report_context = context;
}

/* --- digest and statistics -------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

uint64_t node_hash_page(uint64_t hash, uint64_t index, const uint8_t *page)
{
	uint64_t word, any = 0;

	for (size_t i = 0; i < PAGE_SIZE; i += sizeof word) {
		memcpy(&word, page + i, sizeof word);
		any |= word;
	}
	if (!any)
		return hash;
	hash = mix(hash, index);
	for (size_t i = 0; i < PAGE_SIZE; i += sizeof word) {
		memcpy(&word, page + i, sizeof word);
		hash = mix(hash, word);
	}
	return hash;
}

/* Two of the kernel's counters say which way was taken; all ways lead to the same state. */
static uint64_t hash_page(const struct node *node, uint64_t hash, uint64_t index)
{
	const uint64_t *skipped[] = {&node->kernel->stats.fastpath_call,
				     &node->kernel->stats.fastpath_reply_recv};
	const uint8_t *page = node->ram + index * PAGE_SIZE;
	uint8_t copy[PAGE_SIZE];

	for (unsigned i = 0; i < 2; i++) {
		uint64_t offset = (uint64_t)((const uint8_t *)skipped[i] - node->ram);

		if (offset / PAGE_SIZE != index)
			continue;
		if (page != copy)
			page = memcpy(copy, page, PAGE_SIZE);
		memset(copy + offset % PAGE_SIZE, 0, sizeof *skipped[i]);
	}
	return node_hash_page(hash, index, page);
}

static uint64_t hash_memory(const struct node *node)
{
	uint64_t hash = 1, pages = node->config.ram_size / PAGE_SIZE;
	uint8_t *touched = malloc(pages);

	if (touched)
		host_memory_touched(node->ram, node->config.ram_size, touched);
	for (uint64_t page = 0; page < pages; page++)
		if (!touched || touched[page])
			hash = hash_page(node, hash, page);
	free(touched);
	return hash;
}

uint64_t node_state_hash(struct node *node)
{
	uint64_t hash, word[NODE_WORDS];

	node_select(node);
	hash = hash_memory(node);
	node_save_words(node, word);
	if (node->config.real_time)
		word[NODE_WORD_TIME] = 0;
	for (unsigned i = 0; i < NODE_WORDS; i++)
		hash = mix(hash, word[i]);
	return board_state_hash(node->board, hash);
}

void node_get_stats(const struct node *node, struct node_stats *stats)
{
	const struct kernel_stats *kernel = &node->kernel->stats;

	*stats = (struct node_stats){
		.instructions = node->hart->instret,
		.time_ns = node_time(node),
		.unknown_syscalls = kernel->unknown_syscalls,
		.faults = kernel->faults,
		.exceptions = kernel->exceptions,
		.interrupts = kernel->interrupts,
		.timer_ticks = kernel->ticks,
		.fastpath_call = kernel->fastpath_call,
		.fastpath_reply_recv = kernel->fastpath_reply_recv,
	};
	memcpy(stats->syscalls, kernel->syscalls, sizeof stats->syscalls);
	vm_get_stats(node->vm, &stats->vm);
}
