/* See snapshot_world.h. */
#include "test/fuzz/target/snapshot_world.h"

#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "port/vm/internal.h"
#include "test/memory_disk.h"

#define PAGE     PAGE_COPY_SIZE
#define PIECE    256 /* of the kernel's state */
#define STEP_NS  10000
#define CLOCK_NS 700 /* between two looks at it */

extern const uint8_t tour_program[], tour_program_end[], virtio_program[], virtio_program_end[],
	random_program[], random_program_end[];

/* --- outside ------------------------------------------------------------------------------------------- */

static uint8_t disk_bytes[DISK_SIZE];
static struct memory_disk disk = MEMORY_DISK(disk, disk_bytes);
static uint64_t clock_now, printed;

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	(void)context;
	if (console > 1)
		abort();
	for (size_t i = 0; i < size; i++)
		printed += ((const uint8_t *)bytes)[i];
}

static uint64_t clock_ns(void *context)
{
	(void)context;
	return clock_now += CLOCK_NS;
}

void outside_reset(void)
{
	memset(disk_bytes, 0, sizeof disk_bytes);
	clock_now = 0;
}

struct node_config outside_config(void)
{
	return (struct node_config){
		.board = {
			.output = output, .host_clock_ns = clock_ns, .disk = &disk.board, .virtio_console = true}};
}

/* --- files --------------------------------------------------------------------------------------------- */

struct host_output {
	uint8_t *bytes;
	uint64_t size, capacity;
};

uint8_t *file_bytes;
uint64_t file_size;

struct host_output *host_output_create(const char *path, bool visible)
{
	(void)path;
	(void)visible;
	return calloc(1, sizeof(struct host_output));
}

bool host_output_write(struct host_output *file, const void *bytes, size_t size)
{
	if (file->size + size > file->capacity) {
		file->capacity = 2 * (file->size + size);
		file->bytes = realloc(file->bytes, file->capacity);
		if (!file->bytes)
			abort();
	}
	memcpy(file->bytes + file->size, bytes, size);
	file->size += size;
	return true;
}

bool host_output_write_at(struct host_output *file, uint64_t offset, const void *bytes, size_t size)
{
	if (offset + size > file->size)
		abort();
	memcpy(file->bytes + offset, bytes, size);
	return true;
}

bool host_output_finish(struct host_output *file)
{
	free(file_bytes);
	file_bytes = file->bytes;
	file_size = file->size;
	free(file);
	return true;
}

void host_output_abandon(struct host_output *file)
{
	free(file->bytes);
	free(file);
}

/* Exactly as many bytes as there are: an access behind them is seen. */
void *__wrap_host_file_load(const char *path, uint64_t *size);
void *__wrap_host_file_load(const char *path, uint64_t *size)
{
	uint8_t *bytes = malloc(file_size + !file_size);

	(void)path;
	if (!bytes)
		abort();
	memcpy(bytes, file_bytes, file_size);
	*size = file_size;
	return bytes;
}

/* --- worlds -------------------------------------------------------------------------------------------- */

static void add_place(struct world *w, enum place_kind kind, uint64_t paddr, uint64_t size)
{
	struct places *places = &w->kind[kind];

	if ((places->count & (places->count + 1)) == 0) { /* one less than a power of two */
		places->place = realloc(places->place, 2 * (places->count + 1) * sizeof *places->place);
		if (!places->place)
			abort();
	}
	places->place[places->count++] = (struct place){paddr, size};
}

static void find_places(struct world *w, const struct node *node)
{
	struct slot *head = &node->kernel->derivation, *prev = head;
	const struct page_map *ram = w->snapshot->ram;

	for (struct slot *slot = slot_next(head); slot != head; prev = slot, slot = slot_next(slot)) {
		uint64_t start, size;

		add_place(w, PLACE_SLOT, isa_paddr(machine_ref(slot)), sizeof *slot);
		if (cap_same_object(prev->cap, slot->cap) || !cap_memory(slot->cap, &start, &size) ||
		    cap_type(slot->cap) == CAP_Untyped || cap_type(slot->cap) == CAP_Frame)
			continue;
		add_place(w, cap_type(slot->cap) == CAP_Thread ? PLACE_TCB : PLACE_OBJECT, start, size);
	}
	for (uint64_t at = 0; at < sizeof(struct kernel); at += PIECE)
		add_place(w, PLACE_KERNEL, KERNEL_STATE_PADDR + at, PIECE);
	for (uint64_t page = page_map_next(ram, 0); page < page_map_pages(ram);
	     page = page_map_next(ram, page + 1))
		add_place(w, PLACE_RAM, MACHINE_RAM_BASE + page * PAGE, PAGE);
}

struct source {
	const uint8_t *program, *end;
	uint64_t ram_size, time;
};

static void make_world(struct world *w, const struct source *source)
{
	uint64_t size = (uint64_t)(source->end - source->program), until;
	struct node_config config = outside_config();
	uint8_t *bytes = malloc(size);
	char error[256];
	struct node *node;

	if (!bytes)
		abort();
	memcpy(bytes, source->program, size);
	if (!image_open_bytes(&w->image, "program", (struct span){bytes, size}, error, sizeof error))
		abort();
	config.ram_size = source->ram_size;
	config.entry = w->image.entry;
	config.segment = w->image.segment;
	config.segments = w->image.segments;
	node = node_create(&config, error, sizeof error);
	if (!node)
		abort();
	while (node_time(node) < source->time)
		if (node_step(node, STEP_NS, &until) == NODE_IDLE)
			node_skip_to(node, until < source->time ? until : source->time);
	w->snapshot = node_snapshot_take(node);
	if (!w->snapshot)
		abort();
	find_places(w, node);
	node_destroy(node);
}

const struct world *world_of(unsigned index)
{
	static const struct source sources[WORLDS] = {
		{tour_program, tour_program_end, 16ull << 20, 600000},
		{tour_program, tour_program_end, 16ull << 20, 2000000},
		{virtio_program, virtio_program_end, 16ull << 20, 100000},
		{random_program, random_program_end, 64ull << 20, 1500000},
	};
	static struct world world[WORLDS];

	if (!world[index].snapshot) {
		outside_reset();
		make_world(&world[index], &sources[index]);
	}
	return &world[index];
}
