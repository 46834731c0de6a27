/*
 * States that somebody made up, each with one thing in it that would let the guest, or the kernel, reach what it
 * must not: each is refused, and says why. Made out of the state of a program that runs.
 *
 *   hostile IMAGE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/image.h"
#include "port/isa-riscv64/sv39.h"
#include "port/vm/internal.h"

#define RAM_SIZE (16ull << 20)
#define RUN_NS   2000000ull

static struct image image;
static struct snapshot *good; /* what all begin with */
static struct node *node;     /* in that state, to find things in */
static struct snapshot bad;   /* what is made of it */

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	(void)context;
	(void)console;
	(void)bytes;
	(void)size;
}

static struct node_config config_of(void)
{
	return (struct node_config){.ram_size = RAM_SIZE,
				    .entry = image.entry,
				    .segment = image.segment,
				    .segments = image.segments,
				    .board = {.output = output, .virtio_console = true}};
}

/* --- finding and changing --------------------------------------------------------------------------- */

static uint64_t paddr_of(const void *pointer)
{
	return isa_paddr(machine_ref(pointer));
}

static void change(const void *pointer, const void *bytes, size_t size)
{
	uint64_t offset = paddr_of(pointer) - MACHINE_RAM_BASE;
	uint8_t page[PAGE_COPY_SIZE] = {0};
	const uint8_t *before = page_map_get(bad.ram, offset / PAGE_COPY_SIZE);

	if (before)
		memcpy(page, before, sizeof page);
	memcpy(page + offset % PAGE_COPY_SIZE, bytes, size);
	if (!page_map_set(bad.ram, offset / PAGE_COPY_SIZE, page))
		exit(2);
}

static void change_word(const void *pointer, uint64_t word)
{
	change(pointer, &word, sizeof word);
}

static struct slot *slot_of(enum cap_type type)
{
	struct slot *head = &node->kernel->derivation;

	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot))
		if (cap_type(slot->cap) == type)
			return slot;
	fprintf(stderr, "the program has no capability of type %d\n", type);
	exit(2);
}

static struct tcb *some_tcb(void)
{
	return tcb_at(cap_object(slot_of(CAP_Thread)->cap));
}

/* A slot of the root CNode that is empty. */
static struct slot *empty_slot(void)
{
	struct slot *slot = slot_at(cap_object(slot_of(CAP_CNode)->cap));

	while (!slot_is_empty(slot))
		slot++;
	return slot;
}

/* The root server's address space. */
static uint64_t *root_space(void)
{
	return asid_entry(node->kernel, 1);
}

/* A last-level entry in it. */
static uint64_t *leaf_entry(void)
{
	return sv39_walk(isa_kref(satp_root(*root_space())), image.start).pte;
}

/* --- what is made up --------------------------------------------------------------------------------- */

static void page_table_to_kernel(void)
{
	change_word(leaf_entry(), sv39_leaf(KERNEL_STATE_PADDR, FRAME_READ_WRITE, false));
}

static void page_table_to_cnode(void)
{
	struct cap cnode = slot_of(CAP_CNode)->cap;

	change_word(leaf_entry(), sv39_leaf(isa_paddr(cap_object(cnode)), FRAME_READ_WRITE, false));
}

static void page_table_in_frame(void)
{
	uint64_t frame = cap_paddr(slot_of(CAP_Frame)->cap);

	change_word(root_space(), (*root_space() & ~SATP_PPN_MASK) | frame >> seL4_PageBits);
}

static void hidden_capability(void)
{
	change(empty_slot(), slot_of(CAP_Frame), sizeof(struct slot));
}

static void frame_of_kernel(void)
{
	struct cap cap = slot_of(CAP_Frame)->cap;

	change_word(&slot_of(CAP_Frame)->cap, (cap.word[0] & ((1u << CAP_ADDRESS_SHIFT) - 1)) |
						      KERNEL_STATE_PADDR << CAP_ADDRESS_SHIFT);
}

static void frame_of_tcb(void)
{
	struct cap cap = slot_of(CAP_Frame)->cap;
	uint64_t paddr = paddr_of(some_tcb()) & ~(PAGE_COPY_SIZE - 1);

	change_word(&slot_of(CAP_Frame)->cap,
		    (cap.word[0] & ((1u << CAP_ADDRESS_SHIFT) - 1)) | paddr << CAP_ADDRESS_SHIFT);
}

static void device_frame_in_ram(void)
{
	struct cap cap = slot_of(CAP_Frame)->cap;

	change_word(&slot_of(CAP_Frame)->cap, cap.word[0] | 1u << 9);
}

static void untyped_over_objects(void)
{
	struct slot *head = &node->kernel->derivation, *slot = head;

	do
		slot = slot_next(slot);
	while (cap_type(slot->cap) != CAP_Untyped || cap_untyped_device(slot->cap) || cap_untyped_free(slot->cap) == 0);
	change_word(&slot->cap.word[1], 0);
}

/* A device's untyped becomes one of memory that another untyped is for. */
static void memory_of_two_untypeds(void)
{
	struct slot *head = &node->kernel->derivation, *device = NULL, *memory = NULL;

	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot)) {
		if (cap_type(slot->cap) != CAP_Untyped || cap_untyped_free(slot->cap) > 0)
			continue;
		if (cap_untyped_device(slot->cap))
			device = slot;
		else
			memory = slot;
	}
	if (!device || !memory) {
		fprintf(stderr, "the program has used all untypeds\n");
		exit(2);
	}
	change(&device->cap, &memory->cap, sizeof memory->cap);
}

/* What is made of it next would begin with this. */
static void free_memory_not_clear(void)
{
	struct slot *head = &node->kernel->derivation, *slot = head;
	uint64_t size;

	do {
		slot = slot_next(slot);
		size = cap_type(slot->cap) == CAP_Untyped ? 1ull << cap_untyped_bits(slot->cap) : 0;
	} while (size == 0 || cap_untyped_device(slot->cap) || cap_untyped_free(slot->cap) == size);
	change_word(machine_pointer(isa_kref(cap_paddr(slot->cap) + size - 8)), 1);
}

/* The thread that a notification is bound to is one that the guest can write. */
static void thread_in_frame(void)
{
	kref notification = cap_object(slot_of(CAP_Notification)->cap), ref;
	struct tcb fake = {.bound_notification = notification};

	ref = isa_kref(cap_paddr(slot_of(CAP_Frame)->cap));
	change(tcb_at(ref), &fake, sizeof fake);
	change_word(&notification_at(notification)->bound, ref);
}

static void other_thread_runs(void)
{
	bad.word[NODE_WORD_RUNNING] = machine_ref(&node->kernel->core[0].idle_tcb);
}

static void idle_thread_runs(void)
{
	static const uint8_t state = THREAD_RESTART;

	change(&node->kernel->core[0].idle_tcb.state, &state, 1);
}

static void buffer_across_pages(void)
{
	change_word(&some_tcb()->buffer, some_tcb()->buffer + 512);
}

static void schedule_out_of_range(void)
{
	change_word(&node->kernel->core[0].schedule_index, 1u << 30);
}

static void domain_out_of_range(void)
{
	static const uint8_t domain = 200;

	change(&node->kernel->core[0].domain, &domain, 1);
}

static void label_out_of_range(void)
{
	static const uint8_t label = 255;

	change(&node->kernel->profile.label[3], &label, 1);
}

static void more_memory(void)
{
	change_word(&node->kernel->ram_end, node->kernel->ram_end + (1ull << 30));
}

static void deletion_in_frame(void)
{
	uint64_t ref = isa_kref(cap_paddr(slot_of(CAP_Frame)->cap));
	struct slot fake = {.cap = {{CAP_Zombie, 1}}, .prev = ref + sizeof fake, .next_flags = ref + sizeof fake};

	change(slot_at(ref), &fake, sizeof fake);
	fake.next_flags = ref;
	change(slot_at(ref + sizeof fake), &fake, sizeof fake);
	change_word(&node->kernel->deletion_head, ref);
}

static void time_overflows(void)
{
	bad.word[NODE_WORD_TIME] = ~0ull;
}

static const struct {
	const char *name;
	void (*make_up)(void);
} cases[] = {
#define CASE(function) {#function, function}
	CASE(page_table_to_kernel), CASE(page_table_to_cnode), CASE(page_table_in_frame), CASE(hidden_capability),
	CASE(frame_of_kernel),      CASE(frame_of_tcb),        CASE(device_frame_in_ram), CASE(untyped_over_objects),
	CASE(memory_of_two_untypeds), CASE(free_memory_not_clear),
	CASE(thread_in_frame),      CASE(other_thread_runs),   CASE(idle_thread_runs),   CASE(buffer_across_pages), CASE(schedule_out_of_range),
	CASE(domain_out_of_range),  CASE(label_out_of_range),  CASE(more_memory),         CASE(deletion_in_frame),
	CASE(time_overflows),
};

static bool test(unsigned index)
{
	struct node_config config = config_of();
	char error[512] = "";
	struct node *made;

	bad = *good;
	bad.ram = page_map_copy(good->ram);
	node_select(node);
	cases[index].make_up();
	made = node_create_restored(&config, &bad, error, sizeof error);
	page_map_release(bad.ram);
	if (made) {
		node_destroy(made);
		printf("not ok hostile-%s: it runs\n", cases[index].name);
		return false;
	}
	printf("ok hostile-%s: %s\n", cases[index].name, error);
	return true;
}

int main(int argc, char **argv)
{
	struct node_config config;
	char error[512];
	bool all = true;
	uint64_t until;

	if (argc != 2 || !image_open(&image, argv[1], error, sizeof error))
		return 2;
	config = config_of();
	node = node_create(&config, error, sizeof error);
	if (!node || node_step(node, RUN_NS, &until) == NODE_HALTED)
		return 2;
	good = node_snapshot_take(node);
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
		all &= test(i);
	snapshot_release(good);
	node_destroy(node);
	image_close(&image);
	return !all;
}
