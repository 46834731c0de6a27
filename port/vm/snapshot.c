/* See snapshot.h: taking and restoring. What is restored from a file is checked in snapshot_check.c. */
#include "port/vm/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "isa_vspace.h"
#include "port/vm/internal.h"

/* --- the node's own fields ------------------------------------------------------------------------- */

void node_save_words(const struct node *node, uint64_t word[NODE_WORDS])
{
	struct vm_hart_state hart;

	vm_hart_save(node->hart, &hart);
	word[NODE_WORD_RUNNING] = node->running ? machine_ref(node->running) : 0;
	word[NODE_WORD_TIME] = node_time(node);
	word[NODE_WORD_NEXT_TICK] = node->next_tick;
	word[NODE_WORD_MASKED_0] = node->masked[0];
	word[NODE_WORD_MASKED_1] = node->masked[1];
	word[NODE_WORD_OFF] = node->off;
	word[NODE_WORD_EXIT_STATUS] = (uint64_t)(int64_t)node->exit_status;
	word[NODE_WORD_INSTRET] = hart.instret;
	word[NODE_WORD_RESERVED] = hart.reserved;
	word[NODE_WORD_RESERVED_VADDR] = hart.reserved_vaddr;
	word[NODE_WORD_RESERVED_VALUE] = hart.reserved_value;
}

static void restore_words(struct node *node, const uint64_t word[NODE_WORDS], bool stop)
{
	struct vm_hart_state hart = {
		.instret = word[NODE_WORD_INSTRET],
		.reserved = word[NODE_WORD_RESERVED],
		.reserved_vaddr = word[NODE_WORD_RESERVED_VADDR],
		.reserved_value = word[NODE_WORD_RESERVED_VALUE],
		.stop = stop,
	};

	vm_hart_restore(node->hart, &hart);
	node->running = word[NODE_WORD_RUNNING] ? machine_pointer(word[NODE_WORD_RUNNING]) : NULL;
	node->clock_offset = node->config.real_time ? 0 : word[NODE_WORD_TIME] - hart.instret;
	if (node->config.real_time)
		node->host_start =
			node->config.board.host_clock_ns(node->config.board.context) - word[NODE_WORD_TIME];
	node->next_tick = word[NODE_WORD_NEXT_TICK];
	node->masked[0] = word[NODE_WORD_MASKED_0];
	node->masked[1] = word[NODE_WORD_MASKED_1];
	node->off = word[NODE_WORD_OFF];
	node->exit_status = (int)word[NODE_WORD_EXIT_STATUS];
}

/* What follows from the state: address space, floating point, what has to be looked at. */
static void derive(struct node *node)
{
	struct tcb *tcb = node->running;

	vm_flush_all(node->vm);
	if (tcb) {
		isa_switch_vspace(node->kernel, tcb);
		machine_set_fpu(tcb, !(tcb->flags & seL4_TCBFlag_fpuDisabled));
	} else {
		machine_set_vspace(0);
	}
	node_forget_frames(node);
	node->interrupted = false;
	node->attention = true;
}

/* --- memory -------------------------------------------------------------------------------------------- */

static bool copy_pages(struct node *node, struct page_map *map, uint64_t page, uint64_t count)
{
	for (uint64_t end = page + count; page < end; page++)
		if (!page_map_set(map, page, node->ram + page * PAGE_COPY_SIZE))
			return false;
	return true;
}

/* All of memory. Reading what was never touched would cost memory, so that is not looked at. */
static struct page_map *copy_all(struct node *node)
{
	uint64_t pages = node->config.ram_size / PAGE_COPY_SIZE;
	struct page_map *map = page_map_create(pages);
	uint8_t *touched = malloc(pages);
	bool good = map && touched;

	if (good)
		host_memory_touched(node->ram, node->config.ram_size, touched);
	for (uint64_t page = 0; page < pages && good; page++)
		good = !touched[page] || copy_pages(node, map, page, 1);
	free(touched);
	if (good)
		return map;
	page_map_release(map);
	return NULL;
}

struct update {
	struct node *node;
	bool good;
};

static void update_part(void *context, uint64_t offset, uint64_t size)
{
	struct update *update = context;
	struct node *node = update->node;

	if (offset >= node->config.ram_size)
		return;
	if (size > node->config.ram_size - offset)
		size = node->config.ram_size - offset;
	if (!copy_pages(node, node->last, offset / PAGE_COPY_SIZE, size / PAGE_COPY_SIZE))
		update->good = false;
}

/* Brings node->last up to date. */
static bool update_last(struct node *node)
{
	struct update update = {node, true};

	host_watch_collect(node->watch, update_part, &update);
	/* Pages that could not be copied are marked as unchanged now: from here on all is looked at. */
	if (!update.good)
		node_snapshot_untrack(node);
	return update.good;
}

bool node_snapshot_track(struct node *node)
{
	if (node->watch)
		return true;
	node->watch = host_watch_create(node->ram, node->config.ram_size);
	node->last = node->watch ? copy_all(node) : NULL;
	if (node->last)
		return true;
	node_snapshot_untrack(node);
	return false;
}

void node_snapshot_untrack(struct node *node)
{
	host_watch_destroy(node->watch);
	page_map_release(node->last);
	node->watch = NULL;
	node->last = NULL;
}

static void put_page(struct node *node, const struct page_map *map, uint64_t page)
{
	const uint8_t *bytes = page_map_get(map, page);
	uint8_t *at = node->ram + page * PAGE_COPY_SIZE;

	if (bytes)
		memcpy(at, bytes, PAGE_COPY_SIZE);
	else
		memset(at, 0, PAGE_COPY_SIZE);
	vm_written(node->vm, MACHINE_RAM_BASE + page * PAGE_COPY_SIZE, PAGE_COPY_SIZE);
}

static bool put_all(struct node *node, const struct page_map *map)
{
	uint64_t pages = node->config.ram_size / PAGE_COPY_SIZE;
	uint8_t *touched = malloc(pages);

	if (!touched)
		return false;
	host_memory_touched(node->ram, node->config.ram_size, touched);
	for (uint64_t page = 0; page < pages; page++)
		if (touched[page] || page_map_get(map, page))
			put_page(node, map, page);
	free(touched);
	return true;
}

static void ignore_part(void *context, uint64_t offset, uint64_t size)
{
	(void)context;
	(void)offset;
	(void)size;
}

static bool put_changed(struct node *node, const struct page_map *map)
{
	struct page_map *last = page_map_copy(map);

	if (!last)
		return false;
	for (uint64_t page = page_map_next_difference(node->last, map, 0); page < page_map_pages(map);
	     page = page_map_next_difference(node->last, map, page + 1))
		put_page(node, map, page);
	host_watch_collect(node->watch, ignore_part, NULL);
	page_map_release(node->last);
	node->last = last;
	return true;
}

static bool put_memory(struct node *node, const struct page_map *map)
{
	if (node->watch && update_last(node))
		return put_changed(node, map);
	return put_all(node, map);
}

/* --- snapshots ------------------------------------------------------------------------------------- */

static struct snapshot_machine machine_of(const struct node_config *config)
{
	const struct board_disk *disk = config->board.disk;

	return (struct snapshot_machine){
		.ram_size = config->ram_size,
		.real_time = config->real_time,
		.virtio_console = config->board.virtio_console,
		.virtio_modern = config->board.virtio_modern,
		.ports = config->board.ports,
		.disk = disk,
		.disk_read_only = disk && disk->read_only,
		.disk_size = disk ? disk->size : 0,
	};
}

struct snapshot *node_snapshot_take(struct node *node)
{
	struct snapshot *snapshot = node->config.board.region ? NULL : calloc(1, sizeof *snapshot);
	struct vm_hart_state hart;

	if (!snapshot)
		return NULL;
	node_select(node);
	snapshot->machine = machine_of(&node->config);
	node_save_words(node, snapshot->word);
	board_save(node->board, snapshot->board);
	vm_hart_save(node->hart, &hart);
	snapshot->stop = hart.stop;
	snapshot->attention = node->attention;
	snapshot->next_event = node->next_event;
	if (node->watch && update_last(node))
		snapshot->ram = page_map_copy(node->last);
	else
		snapshot->ram = copy_all(node);
	if (snapshot->ram)
		return snapshot;
	free(snapshot);
	return NULL;
}

void snapshot_release(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	page_map_release(snapshot->ram);
	free(snapshot);
}

bool node_snapshot_restore(struct node *node, const struct snapshot *snapshot)
{
	node_select(node);
	if (!put_memory(node, snapshot->ram))
		return false;
	board_restore(node->board, snapshot->board);
	restore_words(node, snapshot->word, snapshot->stop);
	derive(node);
	node->attention = snapshot->attention;
	node->next_event = snapshot->next_event;
	node->debug.stop = false;
	node->debug.end = node->debug.pass = 0;
	return true;
}

bool node_snapshot_restore_as_read(struct node *node, const struct snapshot *snapshot)
{
	struct snapshot read = *snapshot;

	read.stop = false;
	read.attention = true;
	return node_snapshot_restore(node, &read);
}

/* The state as it came, then all checks, then what follows from it. */
static bool restore_checked(struct node *node, const struct snapshot *snapshot, char *error,
			    size_t error_size)
{
	const char *why;

	node_select(node);
	if (!put_memory(node, snapshot->ram)) {
		snprintf(error, error_size, "the host has not enough memory");
		return false;
	}
	why = board_restore(node->board, snapshot->board);
	if (why) {
		snprintf(error, error_size, "its devices are in a state that cannot be (%s)", why);
		return false;
	}
	why = node_check_restored(node, snapshot->word);
	if (why) {
		snprintf(error, error_size, "its state breaks a rule of the kernel (%s)", why);
		return false;
	}
	restore_words(node, snapshot->word, false);
	derive(node);
	return true;
}

struct node *node_create_restored(const struct node_config *config, const struct snapshot *snapshot,
				  char *error, size_t error_size)
{
	struct node_config complete = *config;
	struct node *node;

	if (config->board.ports && config->board.ports != snapshot->machine.ports) {
		snprintf(error, error_size, "its machine has another number of ports to other nodes");
		return NULL;
	}
	complete.board.ports = snapshot->machine.ports;
	complete.ram_size = snapshot->machine.ram_size;
	complete.real_time = snapshot->machine.real_time;
	complete.board.virtio_console = snapshot->machine.virtio_console;
	complete.board.virtio_modern = snapshot->machine.virtio_modern;
	node = node_create_empty(&complete, error, error_size);
	if (!node || restore_checked(node, snapshot, error, error_size))
		return node;
	node_destroy(node);
	return NULL;
}

uint64_t snapshot_disk_digest(const struct board_disk *disk)
{
	static const size_t size = 1u << 18;
	uint64_t digest = disk->size | 1;
	uint8_t *buffer = malloc(size);

	for (uint64_t offset = 0; buffer && offset < disk->size; offset += size) {
		size_t part = disk->size - offset < size ? (size_t)(disk->size - offset) : size;

		memset(buffer, 0, size);
		if (!disk->read(disk->context, offset, buffer, part)) {
			free(buffer);
			return 0;
		}
		for (size_t page = 0; page * PAGE_COPY_SIZE < part; page++)
			digest = node_hash_page(digest, offset / PAGE_COPY_SIZE + page,
						buffer + page * PAGE_COPY_SIZE);
	}
	free(buffer);
	return buffer ? digest : 0;
}
