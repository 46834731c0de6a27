/*
 * The board driven by bytes, as a hostile driver would: registers of all devices, rings and buffers in
 * memory, time and input between. Each record of eight bytes is one act.
 *
 * The memory that a device asks for is given to it as a copy of exactly that size, which ends with the next
 * request: an access outside of it, or kept for later, is seen.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "test/memory_disk.h"
#include "vm/device/board.h"

#define RAM_SIZE  0x10000ull
#define PAGE      4096ull
#define DISK_SIZE 8192
#define SECTOR    512
#define UART      0x10000000ull
#define RTC       0x00101000ull
#define FINISHER  0x00100000ull
#define VIRTIO    0x10001000ull
#define BLOCK     0x10008000ull
#define CONSOLE   0x10007000ull
#define LINK      0x10006000ull
#define PORTS     4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	uint64_t now;
	uint8_t ram[RAM_SIZE];
	uint64_t forbidden; /* a page that no device may touch; 0: none */
	uint8_t *lent;      /* what a device has of `ram` */
	uint64_t lent_at, lent_size;
	bool lent_write;
	uint64_t printed;
	uint64_t console; /* the one that is driven: CONSOLE, or LINK */
	bool full;        /* a port takes nothing */
} world;

static uint8_t disk_bytes[DISK_SIZE];
static struct memory_disk disk = MEMORY_DISK(disk, disk_bytes);

static struct board *board;

/* --- the machine around the board ---------------------------------------------------------------------- */

static void take_back(void)
{
	if (world.lent && world.lent_write)
		memcpy(world.ram + world.lent_at, world.lent, world.lent_size);
	free(world.lent);
	world.lent = NULL;
}

static void *dma(void *machine, uint64_t paddr, uint64_t size, bool write)
{
	uint64_t at = paddr - BOARD_RAM_BASE;

	(void)machine;
	take_back();
	if (size == 0)
		abort();
	if (paddr < BOARD_RAM_BASE || size > RAM_SIZE || at > RAM_SIZE - size)
		return NULL;
	if (world.forbidden && at < world.forbidden + PAGE && at + size > world.forbidden)
		return NULL;
	world.lent = malloc(size);
	if (!world.lent)
		abort();
	memcpy(world.lent, world.ram + at, size);
	world.lent_at = at;
	world.lent_size = size;
	world.lent_write = write;
	return world.lent;
}

static uint64_t now_ns(void *machine)
{
	(void)machine;
	return world.now;
}

static void changed(void *machine)
{
	(void)machine;
}

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	(void)context;
	if (console > 1)
		abort();
	for (size_t i = 0; i < size; i++)
		world.printed += ((const uint8_t *)bytes)[i];
}

static bool port_send(void *context, unsigned port, const void *bytes, size_t size)
{
	(void)context;
	if (port >= PORTS || size == 0 || size > BOARD_PORT_CHUNK)
		abort();
	for (size_t i = 0; i < size; i++)
		world.printed += ((const uint8_t *)bytes)[i];
	return !world.full && (port == 0 || board_port_input(board, port, bytes, size % 16) <= size % 16);
}

/* --- acts -------------------------------------------------------------------------------------------------
 */

struct act {
	uint8_t what, where;
	uint16_t at;
	uint32_t value;
};

static const unsigned sizes[] = {4, 1, 2, 8};

static uint64_t address(const struct act *act)
{
	const uint64_t bases[] = {BLOCK, world.console, UART, RTC, FINISHER, VIRTIO};
	uint64_t base = bases[act->where / 4 % 6];

	return base == VIRTIO ? base + act->at : base + act->at % (base == UART ? 16 : 0x300);
}

static void load(uint64_t paddr, unsigned size)
{
	uint64_t value = 0;

	(void)board_load(board, paddr, size, &value);
	if (size < 8 && value >> 8 * size)
		abort();
	take_back();
}

static void store(uint64_t paddr, unsigned size, uint64_t value)
{
	(void)board_store(board, paddr, size, value);
	take_back();
}

/* The link device has more than two queues: those of control messages or of port `more`. */
static unsigned queue_of(const struct act *act, unsigned odd, unsigned more)
{
	return world.console == LINK && act->where & 1 ? more % (PORTS + 1) * 2 + odd : odd;
}

/* What a driver does to a queue before it uses it; its rings lie in page `where`. */
static void start_queue(const struct act *act)
{
	uint64_t base = act->where & 1 ? world.console : BLOCK,
		 rings = BOARD_RAM_BASE + (act->where >> 4) * PAGE;
	const struct {
		unsigned offset;
		uint64_t value;
	} steps[] = {{VIRTIO_MMIO_STATUS, 3},
		     {VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1},
		     {VIRTIO_MMIO_DRIVER_FEATURES, 1},
		     {VIRTIO_MMIO_STATUS, 11},
		     {VIRTIO_MMIO_GUEST_PAGE_SIZE, PAGE},
		     {VIRTIO_MMIO_QUEUE_SEL, queue_of(act, act->where >> 1 & 1, act->value)},
		     {VIRTIO_MMIO_QUEUE_NUM, act->at},
		     {VIRTIO_MMIO_QUEUE_ALIGN, 16},
		     {VIRTIO_MMIO_QUEUE_DESC_LOW, rings},
		     {VIRTIO_MMIO_QUEUE_AVAIL_LOW, rings + 1024},
		     {VIRTIO_MMIO_QUEUE_USED_LOW, rings + 2048},
		     {VIRTIO_MMIO_QUEUE_READY, 1},
		     {VIRTIO_MMIO_QUEUE_PFN, rings / PAGE},
		     {VIRTIO_MMIO_STATUS, 15}};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		store(base + steps[i].offset, 4, steps[i].value);
}

/* Descriptor `value` >> 24 of the rings in page `where`: piece of memory, size and flags. */
static void write_desc(const struct act *act)
{
	unsigned index = act->value >> 24 & 63;
	struct vring_desc desc = {.addr = BOARD_RAM_BASE + act->at,
				  .len = act->value & 0xfff,
				  .flags = act->value >> 12 & 7,
				  .next = (uint16_t)(act->value >> 16 & 63)};

	memcpy(world.ram + act->where % 16 * PAGE + index * sizeof desc, &desc, sizeof desc);
}

static void put(uint64_t at, const void *bytes, size_t size)
{
	memcpy(world.ram + at % (RAM_SIZE - size), bytes, size);
}

/*
 * A whole request for the disk, or a buffer for the console, in page `where`: the queue begins anew, or goes
 * on; a chain of head, data and status, which may lead back to its start; the notification.
 */
static void request(const struct act *act)
{
	static const uint32_t kinds[] = {VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_GET_ID,
					 VIRTIO_BLK_T_FLUSH};
	uint64_t base = act->where & 1 ? world.console : BLOCK, page = (act->where >> 4) * PAGE;
	unsigned more = act->value >> 16 & 7, q = queue_of(act, act->where >> 1 & 1, more);
	struct act begin = {.where = act->where, .at = act->value >> 20 & 1 ? 1024 : 8, .value = more};
	unsigned near = act->value >> 8 & 15; /* the disk's beginning, or around its end */
	struct virtio_blk_outhdr head = {.type = kinds[act->value >> 1 & 3],
					 .sector = near < 8 ? near : DISK_SIZE / SECTOR - 12 + near};
	struct vring_desc desc[] = {
		{BOARD_RAM_BASE + page + PAGE - 256, sizeof head, VRING_DESC_F_NEXT, 1},
		{BOARD_RAM_BASE + act->at, (act->value >> 13 & 7) * 256,
		 (uint16_t)(VRING_DESC_F_NEXT | (act->value & 1 ? VRING_DESC_F_WRITE : 0)), 2},
		{BOARD_RAM_BASE + act->at, 1, act->value & 8 ? VRING_DESC_F_NEXT : VRING_DESC_F_WRITE, 0},
	};
	uint16_t idx = (uint16_t)(act->value >> 21);

	if (act->value & 16) {
		idx = 1;
		store(base + VIRTIO_MMIO_QUEUE_SEL, 4, q);
		store(base + VIRTIO_MMIO_QUEUE_READY, 4, 0);
		store(base + VIRTIO_MMIO_QUEUE_PFN, 4, 0);
		start_queue(&begin);
	}
	put(page + PAGE - 256, &head, sizeof head);
	put(page, desc, sizeof desc);
	/* Where the modern queue has it, and where the legacy one with eight entries does. */
	put(page + 1024 + offsetof(struct vring_avail, idx), &idx, sizeof idx);
	put(page + 128 + offsetof(struct vring_avail, idx), &idx, sizeof idx);
	store(base + VIRTIO_MMIO_QUEUE_NOTIFY, 4, q);
}

/* What the host does with a port. */
static void port(const struct act *act)
{
	unsigned which = act->value >> 1 & 7;
	uint8_t bytes[32];

	memset(bytes, act->where, sizeof bytes);
	world.full = act->value & 16;
	if (act->value & 32)
		board_port_set_open(board, which, act->value & 64);
	else if (act->value & 64)
		board_port_ready(board, which);
	else if (board_port_input(board, which, bytes, act->at % 32) > act->at % 32)
		abort();
	(void)board_port_wants_input(board, which);
}

/* The state as it is can be taken for one. */
static void save_and_restore(void)
{
	uint8_t bytes[BOARD_STATE_MAX];

	board_save(board, bytes);
	if (board_restore(board, bytes))
		abort();
}

static void do_act(const struct act *act)
{
	uint8_t bytes[32];
	int status;

	switch (act->what % 13) {
	case 0:
	case 1:
		store(address(act), sizes[act->where % 4], act->value);
		break;
	case 2:
		store(address(act), 8, (uint64_t)act->value << 32 | act->at);
		break;
	case 3:
		load(address(act), sizes[act->where % 4]);
		break;
	case 4: /* memory, a word; */
		memcpy(world.ram + (act->at & ~3u), &act->value, 4);
		break;
	case 5: /* or half of one: an entry or the index of a ring */
		memcpy(world.ram + (act->at & ~1u), &act->value, 2);
		break;
	case 6:
		write_desc(act);
		break;
	case 7:
		start_queue(act);
		break;
	case 8:
		store((act->where & 1 ? world.console : BLOCK) + VIRTIO_MMIO_QUEUE_NOTIFY, 4,
		      queue_of(act, act->value & 1, act->value >> 1));
		break;
	case 9:
		if (world.console == LINK) {
			port(act);
			break;
		}
		memset(bytes, act->where, sizeof bytes);
		if (board_input(board, act->value & 1, bytes, act->at % 32) > act->at % 32)
			abort();
		take_back();
		break;
	case 10:
		if (act->where & 1) {
			world.now += act->value;
			board_advance(board, world.now);
			take_back();
		} else {
			board_irq_claim(board, act->at % (BOARD_IRQ_MAX + 1));
		}
		break;
	case 11:
		request(act);
		break;
	default:
		world.forbidden = act->at / PAGE * PAGE;
		disk.fails = act->where & 1;
		break;
	}
	(void)board_next_event(board);
	(void)board_wants_input(board);
	take_back();
	(void)board_halted(board, &status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct board_config config = {
		.output = output,
		.rtc_base_ns = 1000000000,
		.disk = &disk.board,
		.virtio_console = true,
		.port_name = {"control.fuzz", "link.b", "link.c", ""},
		.port_send = port_send,
		.ram_size = RAM_SIZE,
		.now_ns = now_ns,
		.dma = dma,
		.changed = changed,
	};

	if (size == 0)
		return 0;
	disk.board.read_only = *data & 2;
	disk.fails = false;
	memset(disk_bytes, 0, sizeof disk_bytes);
	memset(&world, 0, sizeof world);
	config.virtio_modern = *data & 1;
	config.ports = *data & 4 ? PORTS : 0;
	world.console = config.ports ? LINK : CONSOLE;
	board = board_create(&config);
	if (!board)
		abort();
	for (data++, size--; size >= sizeof(struct act);
	     data += sizeof(struct act), size -= sizeof(struct act)) {
		struct act act;

		memcpy(&act, data, sizeof act);
		do_act(&act);
	}
	save_and_restore();
	board_destroy(board);
	return 0;
}
