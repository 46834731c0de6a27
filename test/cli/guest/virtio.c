/*
 * A root server that drives both virtio devices, each in the transport its slot speaks, as a driver for
 * QEMU would: it reads a sector and prints it, writes another, tries to make the disk overwrite the
 * kernel, says something on the virtio console, and echoes one line typed there. With QEMU:
 *
 *	-drive file=F,format=raw,if=none,id=d -device virtio-blk-device,drive=d -device virtio-serial-device
 *
 * The same binary speaks both versions. Run by test/cli/cli.c.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/virtio.h>
#include <skerry/vspace.h>

enum { SLOT_CONSOLE = 6, SLOT_BLOCK = 7, ID_BLOCK = 2, ID_CONSOLE = 3 };
enum { DESC_NEXT = 1, DESC_WRITE = 2 };
enum { BLOCK_READ = 0, BLOCK_WRITE = 1, BLOCK_FLUSH = 4, BLOCK_GET_ID = 8 };

#define ENTRIES      8
#define AVAIL_OFFSET (16 * ENTRIES)
#define USED_OFFSET  512
#define KERNEL_PADDR 0x80200000ul

/* All of a queue is in one page: this is what the alignment in the legacy transport is for. */
struct queue {
	struct {
		uint64_t address;
		uint32_t size;
		uint16_t flags, next;
	} desc[ENTRIES];
	struct {
		uint16_t flags, index, ring[ENTRIES];
	} avail;
	uint8_t gap[USED_OFFSET - AVAIL_OFFSET - 4 - 2 * ENTRIES];
	struct {
		uint16_t flags, index;
		struct {
			uint32_t id, size;
		} ring[ENTRIES];
	} used;
};

struct device {
	volatile uint8_t *base;
	seL4_CPtr irq, signal;
};

/* A page for the device and us. */
struct page {
	void *at;
	seL4_CPtr frame;
	uint64_t paddr;
};

static uint32_t get(const struct device *device, unsigned reg)
{
	return *(volatile uint32_t *)(device->base + reg);
}

static void set(const struct device *device, unsigned reg, uint32_t value)
{
	*(volatile uint32_t *)(device->base + reg) = value;
}

static struct page page_new(void)
{
	struct page page;

	page.at = sk_pages_new(1, &page.frame);
	seL4_RISCV_Page_GetAddress_t address = seL4_RISCV_Page_GetAddress(page.frame);

	sk_must(address.error);
	page.paddr = address.paddr;
	return page;
}

static struct device device_open(unsigned slot, uint32_t id)
{
	struct device device = {.base = sk_device_map(SK_VIRTIO_PADDR + slot * 0x1000),
				.signal = sk_notification_new()};

	device.irq = sk_irq_new(SK_VIRTIO_IRQ + slot, device.signal);
	printf("slot %u: version %u, device %u\n", slot, get(&device, SK_VIRTIO_REG_VERSION),
	       get(&device, SK_VIRTIO_REG_DEVICE));
	if (get(&device, SK_VIRTIO_REG_MAGIC) != 0x74726976 || get(&device, SK_VIRTIO_REG_DEVICE) != id)
		sk_finish(2);
	set(&device, SK_VIRTIO_REG_STATUS, 0);
	set(&device, SK_VIRTIO_REG_STATUS, 3);
	if (get(&device, SK_VIRTIO_REG_VERSION) == 2) {
		set(&device, SK_VIRTIO_REG_DRIVER_FEATURES_SELECT, 1);
		set(&device, SK_VIRTIO_REG_DRIVER_FEATURES, 1);
		set(&device, SK_VIRTIO_REG_STATUS, 11);
	} else {
		set(&device, SK_VIRTIO_REG_PAGE_SIZE, 4096);
	}
	return device;
}

static volatile struct queue *queue_open(const struct device *device, unsigned index)
{
	struct page page = page_new();

	set(device, SK_VIRTIO_REG_QUEUE, index);
	set(device, SK_VIRTIO_REG_QUEUE_SIZE, ENTRIES);
	if (get(device, SK_VIRTIO_REG_VERSION) == 2) {
		set(device, SK_VIRTIO_REG_DESC, (uint32_t)page.paddr);
		set(device, SK_VIRTIO_REG_DESC + 4, (uint32_t)(page.paddr >> 32));
		set(device, SK_VIRTIO_REG_AVAIL, (uint32_t)page.paddr + AVAIL_OFFSET);
		set(device, SK_VIRTIO_REG_AVAIL + 4, (uint32_t)(page.paddr >> 32));
		set(device, SK_VIRTIO_REG_USED, (uint32_t)page.paddr + USED_OFFSET);
		set(device, SK_VIRTIO_REG_USED + 4, (uint32_t)(page.paddr >> 32));
		set(device, SK_VIRTIO_REG_QUEUE_READY, 1);
	} else {
		set(device, SK_VIRTIO_REG_QUEUE_ALIGN, USED_OFFSET);
		set(device, SK_VIRTIO_REG_QUEUE_PAGE, (uint32_t)(page.paddr >> 12));
	}
	return page.at;
}

static void desc_set(volatile struct queue *queue, unsigned i, uint64_t address, uint32_t size,
		     uint16_t flags)
{
	queue->desc[i].address = address;
	queue->desc[i].size = size;
	queue->desc[i].flags = flags;
	queue->desc[i].next = (uint16_t)(i + 1);
}

/* Queues the chain that begins at descriptor 0 and waits for its interrupt; returns bytes written. */
static uint32_t exchange(const struct device *device, volatile struct queue *queue, unsigned index)
{
	uint16_t before = queue->used.index;

	queue->avail.ring[queue->avail.index % ENTRIES] = 0;
	queue->avail.index++;
	set(device, SK_VIRTIO_REG_NOTIFY, index);
	while (queue->used.index == before) {
		seL4_Wait(device->signal, NULL);
		set(device, SK_VIRTIO_REG_INTERRUPT_ACK, get(device, SK_VIRTIO_REG_INTERRUPT));
		sk_must(seL4_IRQHandler_Ack(device->irq));
	}
	return queue->used.ring[before % ENTRIES].size;
}

/* --- the disk ----------------------------------------------------------------------------------- */

static struct page request;

#define REQUEST_STATUS 2048

static unsigned block_request(const struct device *device, volatile struct queue *queue, uint32_t type,
			      uint64_t sector, uint64_t data, uint32_t size)
{
	uint32_t *header = request.at;
	uint8_t *status = (uint8_t *)request.at + REQUEST_STATUS;

	header[0] = type;
	header[1] = 0;
	memcpy(&header[2], &sector, sizeof sector);
	*status = 0xee;
	desc_set(queue, 0, request.paddr, 16, DESC_NEXT);
	if (size > 0)
		desc_set(queue, 1, data, size,
			 (uint16_t)(DESC_NEXT | (type == BLOCK_WRITE ? 0 : DESC_WRITE)));
	desc_set(queue, size > 0 ? 2 : 1, request.paddr + REQUEST_STATUS, 1, DESC_WRITE);
	exchange(device, queue, 0);
	return *(volatile uint8_t *)status;
}

/* Does something stand between devices and memory? Not on QEMU's board, whose tree has QEMU's own device. */
static bool devices_are_confined(void)
{
	const uint8_t *tree = sk_device_tree();
	size_t size = (size_t)tree[4] << 24 | (size_t)tree[5] << 16 | (size_t)tree[6] << 8 | tree[7];

	return !memmem(tree, size, "qemu,fw-cfg", 11);
}

static void use_disk(void)
{
	struct device disk = device_open(SLOT_BLOCK, ID_BLOCK);
	volatile struct queue *queue = queue_open(&disk, 0);
	struct page data = page_new();

	request = page_new();
	set(&disk, SK_VIRTIO_REG_STATUS, 15);
	printf("read: status %u", block_request(&disk, queue, BLOCK_READ, 0, data.paddr, 512));
	printf(", \"%.20s\"\n", (const char *)data.at);
	printf("id: status %u", block_request(&disk, queue, BLOCK_GET_ID, 0, data.paddr, 20));
	printf(", \"%.20s\"\n", (const char *)data.at);
	memset(data.at, 0, 4096);
	strcpy(data.at, "written by the guest");
	printf("write: status %u\n", block_request(&disk, queue, BLOCK_WRITE, 1, data.paddr, 512));
	printf("flush: status %u\n", block_request(&disk, queue, BLOCK_FLUSH, 0, data.paddr, 0));
	printf("behind the end: status %u\n",
	       block_request(&disk, queue, BLOCK_READ, 1ul << 40, data.paddr, 512));
	if (!devices_are_confined())
		return;
	printf("into the kernel: status %u\n", block_request(&disk, queue, BLOCK_READ, 0, KERNEL_PADDR, 512));
	sk_cap_delete(data.frame);
	printf("into a frame that is gone: status %u\n",
	       block_request(&disk, queue, BLOCK_READ, 0, data.paddr, 512));
	printf("into a device: status %u\n", block_request(&disk, queue, BLOCK_READ, 0, SK_UART_PADDR, 512));
}

/* --- the console -------------------------------------------------------------------------------- */

static void use_console(void)
{
	static const char hello[] = "hello from the virtio console\n";
	struct device console = device_open(SLOT_CONSOLE, ID_CONSOLE);
	volatile struct queue *receive = queue_open(&console, 0), *send = queue_open(&console, 1);
	struct page text = page_new();
	uint32_t size = 0;

	set(&console, SK_VIRTIO_REG_STATUS, 15);
	memcpy(text.at, hello, sizeof hello);
	desc_set(send, 0, text.paddr, sizeof hello - 1, 0);
	exchange(&console, send, 1);

	/* One byte at a time up to the end of the line. */
	do {
		desc_set(receive, 0, text.paddr + size, 1, DESC_WRITE);
		size += exchange(&console, receive, 0);
	} while (((char *)text.at)[size - 1] != '\n');
	printf("typed: %.*s", (int)size, (char *)text.at);
}

int main(void)
{
	use_disk();
	use_console();
	return 0;
}
