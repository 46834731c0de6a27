/*
 * A root server that shares a region with another one: each finds it by the device tree, both count in it at
 * the same time, and then the first streams blocks to the second, through a ring, which looks at every word.
 * Which of them it is the share says. Run by test/region/run, and by `make bench`, which links it with more
 * blocks.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/object.h>
#include <skerry/process.h>
#include <skerry/region.h>
#include <skerry/vspace.h>

#define BLOCK  4096
#define BLOCKS 256 /* of the ring */
#define COUNTS 100000

/* What both begin with; zeros at first. Where it is said what another processor writes, that is on a line of
 * its own. */
struct shared {
	_Alignas(64) _Atomic uint64_t magic, arrived;
	_Alignas(64) _Atomic uint64_t counted;
	_Alignas(64) _Atomic uint32_t counted_32;
	_Alignas(64) _Atomic uint64_t written; /* blocks */
	_Alignas(64) _Atomic uint64_t read;
	_Alignas(64) _Atomic uint64_t done;
};

extern char stream_blocks[]; /* the linker's --defsym: how many */

static struct shared *shared;
static uint8_t *ring;

static uint64_t ticks(void)
{
	uint64_t value;

	__asm__ volatile("rdtime %0" : "=r"(value));
	return value;
}

static void arrive(uint64_t expected)
{
	atomic_fetch_add(&shared->arrived, 1);
	while (atomic_load(&shared->arrived) < expected)
		;
}

/* Half of the counting is done by compare and exchange, which is lr and sc. */
static void count(void)
{
	arrive(2);
	for (unsigned i = 0; i < COUNTS; i++) {
		uint64_t old = atomic_load(&shared->counted);

		atomic_fetch_add(&shared->counted_32, 1);
		while (!atomic_compare_exchange_weak(&shared->counted, &old, old + 1))
			;
	}
	arrive(4);
	printf("counted %" PRIu64 " and %" PRIu32 "\n", shared->counted, shared->counted_32);
}

static void write_blocks(uint64_t blocks)
{
	static _Alignas(BLOCK) uint64_t block[BLOCK / 8];

	for (unsigned i = 0; i < BLOCK / 8; i++)
		block[i] = i * UINT64_C(0x9e3779b97f4a7c15);
	for (uint64_t n = 0; n < blocks; n++) {
		while (n - atomic_load_explicit(&shared->read, memory_order_acquire) >= BLOCKS)
			;
		block[n % (BLOCK / 8)]++;
		memcpy(ring + n % BLOCKS * BLOCK, block, BLOCK);
		atomic_store_explicit(&shared->written, n + 1, memory_order_release);
	}
	while (atomic_load(&shared->done) == 0)
		;
	printf("written\n");
}

static uint64_t sum_of(const uint64_t *word)
{
	uint64_t a = 0, b = 0;

	for (unsigned i = 0; i < BLOCK / 8; i += 4) {
		a += word[i] + word[i + 1];
		b += word[i + 2] + word[i + 3];
	}
	return a + b;
}

/* How many were wrong. */
static uint64_t read_blocks(uint64_t blocks)
{
	uint64_t expected = 0, wrong = 0, began;

	for (unsigned i = 0; i < BLOCK / 8; i++)
		expected += i * UINT64_C(0x9e3779b97f4a7c15);
	while (atomic_load(&shared->written) == 0)
		;
	began = ticks();
	for (uint64_t n = 0; n < blocks; n++) {
		while (atomic_load_explicit(&shared->written, memory_order_acquire) <= n)
			;
		wrong += sum_of((const uint64_t *)(ring + n % BLOCKS * BLOCK)) != ++expected;
		atomic_store_explicit(&shared->read, n + 1, memory_order_release);
	}
	printf("read %" PRIu64 " blocks, %" PRIu64 " wrong, in %" PRIu64 " us\n", blocks, wrong,
	       (ticks() - began) / 10);
	atomic_store(&shared->done, 1);
	return wrong;
}

/* --- a process that sees two pages of it ------------------------------------------------------------ */

#define CHILD_READS  0x30000000ul
#define CHILD_WRITES 0x30001000ul

static void child(void *unused)
{
	(void)unused;
	*(_Atomic uint64_t *)CHILD_WRITES = *(_Atomic uint64_t *)CHILD_READS + 1;
	seL4_Signal(SK_PROCESS_FIRST_FREE);
}

static void process(void)
{
	static struct sk_process process;
	seL4_CPtr done = sk_notification_new();
	seL4_Word offset;
	_Atomic uint64_t *page;

	if (sk_region_create("process", 2 * SK_PAGE_BYTES, &offset) != SK_REGION_OK)
		return;
	page = sk_region_map(offset, 2 * SK_PAGE_BYTES);
	*page = 41;
	sk_process_new(&process, "child", 100, 0);
	sk_process_give(&process, SK_PROCESS_FIRST_FREE, done, seL4_AllRights, 0);
	sk_process_map(&process, sk_region_frame(offset), CHILD_READS, seL4_CanRead);
	sk_process_map(&process, sk_region_frame(offset + SK_PAGE_BYTES), CHILD_WRITES, seL4_ReadWrite);
	sk_process_start(&process, child, NULL);
	seL4_Wait(done, NULL);
	printf("a process wrote %" PRIu64 "\n", page[SK_PAGE_BYTES / sizeof *page]);
}

/* What the kernel lets nobody do with it: a device's frame is no IPC buffer, and becomes no other object. */
static void refusals(void)
{
	seL4_CPtr untyped = sk_device_untyped(sk_region()->paddr + sk_region()->size, seL4_PageBits);

	printf("as an IPC buffer: %s\n", sk_error_name(seL4_TCB_SetIPCBuffer(sk_object_new(seL4_TCBObject, 0),
									     0x1000, sk_region_frame(0))));
	printf("behind it: %s\n", untyped ? "device memory" : "nothing");
}

/* Whoever comes first makes it. */
static void *part_of(const char *name, seL4_Word size)
{
	seL4_Word offset, there;
	enum sk_region_result result = sk_region_create(name, size, &offset);

	if (result != SK_REGION_OK && result != SK_REGION_EXISTS)
		return NULL;
	while (sk_region_lookup(name, &there, &size) == SK_REGION_NONE)
		;
	if (result == SK_REGION_OK && there != offset)
		sk_panic("%s is at %lu, not at %lu", name, there, offset);
	if (sk_region_create(name, size, &there) != SK_REGION_EXISTS)
		sk_panic("%s can be made twice", name);
	return sk_region_map(there, size);
}

int main(void)
{
	const struct sk_region *region = sk_region();

	if (!region) {
		printf("no region\n");
		return 0;
	}
	printf("region of %lu, share of %lu at %lu\n", region->size, region->share_size, region->share);
	shared = part_of("shared", BLOCK);
	ring = part_of("ring", BLOCKS * BLOCK);
	if (!shared || !ring) {
		printf("too small\n");
		return 0;
	}
	if (region->share_size == region->size) {
		printf("found %#" PRIx64 "\n", shared->magic);
		shared->magic++;
		process();
		refusals();
		return 0;
	}
	count();
	if (region->share != 0)
		return read_blocks((uint64_t)stream_blocks) != 0;
	write_blocks((uint64_t)stream_blocks);
	return 0;
}
