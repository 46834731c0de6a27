/*
 * Unit tests of the link device (vm/device/virtio_link.c), as its driver sees it and as the host does, for
 * both transports: negotiation, names, opening and closing, bytes both ways, back pressure, the state saved
 * in the middle, drivers that break the rules. Linked with vm/device only.
 */
#include <linux/virtio_console.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/tests.h"
#include "vm/device/device.h"

#define LINK       0x10006000ull
#define IRQ        (BOARD_IRQ_VIRTIO + LINK_SLOT)
#define RAM_SIZE   0x100000ull
#define PORTS      3
#define QUEUES     (2 * (PORTS + 1))
#define RING_SIZE  8
#define BUFFER     256 /* bytes for each descriptor */
#define QUEUE_AREA 0x4000ull

enum { CONTROL_RECEIVE = 2, CONTROL_SEND = 3 };

static struct {
	_Alignas(4096) uint8_t ram[RAM_SIZE];
	char sent[BOARD_PORTS][BOARD_PORT_CHUNK + 16]; /* what the host got */
	size_t sent_size[BOARD_PORTS];
	unsigned chunks;
	bool full; /* the host takes nothing */
	bool echo; /* it gives it back at once */
} world;

static struct board *board;
static struct vring ring[QUEUES];
static uint16_t seen[QUEUES]; /* in the used rings */
static const char *const names[PORTS] = {"control.a", "link.b", "link.c"};

/* --- the machine around the board ---------------------------------------------------------------------- */

static uint64_t now_ns(void *machine)
{
	(void)machine;
	return 0;
}

static void changed(void *machine)
{
	(void)machine;
}

static void *dma(void *machine, uint64_t paddr, uint64_t size, bool write)
{
	(void)machine;
	(void)write;
	if (paddr < BOARD_RAM_BASE || size > RAM_SIZE || paddr - BOARD_RAM_BASE > RAM_SIZE - size)
		return NULL;
	return world.ram + (paddr - BOARD_RAM_BASE);
}

static bool port_send(void *context, unsigned port, const void *bytes, size_t size)
{
	(void)context;
	if (world.full)
		return false;
	CHECK(size > 0 && size <= BOARD_PORT_CHUNK);
	if (world.sent_size[port] + size > sizeof world.sent[port])
		world.sent_size[port] = 0;
	memcpy(world.sent[port] + world.sent_size[port], bytes, size);
	world.sent_size[port] += size;
	world.chunks++;
	if (world.echo)
		CHECK(board_port_input(board, port, bytes, size) == size);
	return true;
}

static void power_on(bool modern)
{
	struct board_config config = {
		.virtio_modern = modern,
		.ports = PORTS,
		.port_send = port_send,
		.ram_size = RAM_SIZE,
		.now_ns = now_ns,
		.dma = dma,
		.changed = changed,
	};

	for (unsigned port = 0; port < PORTS; port++)
		config.port_name[port] = names[port];
	board_destroy(board);
	memset(&world, 0, sizeof world);
	memset(seen, 0, sizeof seen);
	board = board_create(&config);
	if (!board)
		abort();
}

/* --- the driver ---------------------------------------------------------------------------------------- */

static uint32_t load(uint64_t offset)
{
	uint64_t value = 0;

	CHECK(board_load(board, LINK + offset, 4, &value));
	return (uint32_t)value;
}

static void store(uint64_t offset, uint64_t value)
{
	CHECK(board_store(board, LINK + offset, 4, value));
}

static unsigned queue_of(unsigned port, bool send)
{
	return (port == 0 ? 0 : 2 * port + 2) + send;
}

static uint8_t *buffer(unsigned q, unsigned index)
{
	return world.ram + q * QUEUE_AREA + 0x3000 + index * BUFFER;
}

static void queue_start(unsigned q, bool modern)
{
	uint64_t base = BOARD_RAM_BASE + q * QUEUE_AREA;

	vring_init(&ring[q], RING_SIZE, world.ram + q * QUEUE_AREA, 4096);
	store(VIRTIO_MMIO_QUEUE_SEL, q);
	CHECK(load(VIRTIO_MMIO_QUEUE_NUM_MAX) >= RING_SIZE);
	store(VIRTIO_MMIO_QUEUE_NUM, RING_SIZE);
	if (modern) {
		store(VIRTIO_MMIO_QUEUE_DESC_LOW, base);
		store(VIRTIO_MMIO_QUEUE_AVAIL_LOW,
		      base + (uint64_t)((uint8_t *)ring[q].avail - (uint8_t *)ring[q].desc));
		store(VIRTIO_MMIO_QUEUE_USED_LOW,
		      base + (uint64_t)((uint8_t *)ring[q].used - (uint8_t *)ring[q].desc));
		store(VIRTIO_MMIO_QUEUE_READY, 1);
	} else {
		store(VIRTIO_MMIO_QUEUE_ALIGN, 4096);
		store(VIRTIO_MMIO_QUEUE_PFN, base >> 12);
	}
	for (unsigned i = 0; i < RING_SIZE; i++)
		ring[q].desc[i] = (struct vring_desc){
			.addr = BOARD_RAM_BASE + (uint64_t)(buffer(q, i) - world.ram),
			.len = BUFFER,
			.flags = q % 2 ? 0 : VRING_DESC_F_WRITE,
		};
}

static void offer(unsigned q, unsigned index)
{
	ring[q].avail->ring[ring[q].avail->idx++ % RING_SIZE] = (uint16_t)index;
	store(VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

static void start(bool modern)
{
	power_on(modern);
	store(VIRTIO_MMIO_STATUS, 3);
	CHECK(load(VIRTIO_MMIO_DEVICE_ID) == 3);
	CHECK(load(VIRTIO_MMIO_DEVICE_FEATURES) & 1u << VIRTIO_CONSOLE_F_MULTIPORT);
	CHECK(load(VIRTIO_MMIO_CONFIG + 4) == PORTS);
	store(VIRTIO_MMIO_DRIVER_FEATURES, 1u << VIRTIO_CONSOLE_F_MULTIPORT);
	if (modern) {
		store(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
		store(VIRTIO_MMIO_DRIVER_FEATURES, 1);
		store(VIRTIO_MMIO_STATUS, 11);
		CHECK(load(VIRTIO_MMIO_STATUS) == 11);
	} else {
		store(VIRTIO_MMIO_GUEST_PAGE_SIZE, 4096);
	}
	for (unsigned q = 0; q < QUEUES; q++)
		queue_start(q, modern);
	store(VIRTIO_MMIO_QUEUE_SEL, QUEUES);
	CHECK(load(VIRTIO_MMIO_QUEUE_NUM_MAX) == 0);
	store(VIRTIO_MMIO_STATUS, modern ? 15 : 7);
}

static void tell(uint32_t id, uint16_t event, uint16_t value)
{
	struct virtio_console_control message = {.id = id, .event = event, .value = value};
	unsigned index = ring[CONTROL_SEND].avail->idx % RING_SIZE;

	memcpy(buffer(CONTROL_SEND, index), &message, sizeof message);
	ring[CONTROL_SEND].desc[index].len = sizeof message;
	offer(CONTROL_SEND, index);
}

/* The next chain the device gave back: its buffer, and how much is in it; NULL: none. */
static const uint8_t *received(unsigned q, uint32_t *size)
{
	struct vring_used_elem *element = &ring[q].used->ring[seen[q] % RING_SIZE];

	if (ring[q].used->idx == seen[q])
		return NULL;
	seen[q]++;
	*size = element->len;
	return buffer(q, element->id);
}

/* The next control message is this one; its buffer is offered again. */
static bool told(uint32_t id, uint16_t event, uint16_t value, const char *name)
{
	struct virtio_console_control message;
	uint32_t size;
	const uint8_t *bytes = received(CONTROL_RECEIVE, &size);

	if (!bytes || size != sizeof message + (name ? strlen(name) + 1 : 0))
		return false;
	memcpy(&message, bytes, sizeof message);
	if (name && strcmp((const char *)bytes + sizeof message, name) != 0)
		return false;
	offer(CONTROL_RECEIVE, (unsigned)(bytes - buffer(CONTROL_RECEIVE, 0)) / BUFFER);
	return message.id == id && message.event == event && message.value == value;
}

static bool told_nothing(void)
{
	return ring[CONTROL_RECEIVE].used->idx == seen[CONTROL_RECEIVE];
}

/* Everything up to ports that both ends have opened. */
static void open_all(bool modern)
{
	start(modern);
	for (unsigned i = 0; i < RING_SIZE; i++)
		offer(CONTROL_RECEIVE, i);
	for (unsigned port = 0; port < PORTS; port++)
		board_port_set_open(board, port, true);
	CHECK(told_nothing());
	tell(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (unsigned port = 0; port < PORTS; port++)
		CHECK(told(port, VIRTIO_CONSOLE_PORT_ADD, 1, NULL));
	for (unsigned port = 0; port < PORTS; port++) {
		tell(port, VIRTIO_CONSOLE_PORT_READY, 1);
		CHECK(told(port, VIRTIO_CONSOLE_PORT_NAME, 1, names[port]));
		CHECK(told(port, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL));
		CHECK(!board_port_is_open(board, port));
		tell(port, VIRTIO_CONSOLE_PORT_OPEN, 1);
		CHECK(board_port_is_open(board, port));
	}
	CHECK(told_nothing());
}

static void write_port(unsigned port, const char *text)
{
	unsigned q = queue_of(port, true), index = ring[q].avail->idx % RING_SIZE;

	memcpy(buffer(q, index), text, strlen(text));
	ring[q].desc[index].len = (uint32_t)strlen(text);
	offer(q, index);
}

static bool sent(unsigned port, const char *text)
{
	bool same = world.sent_size[port] == strlen(text) &&
		    memcmp(world.sent[port], text, world.sent_size[port]) == 0;

	world.sent_size[port] = 0;
	return same;
}

/* --- tests --------------------------------------------------------------------------------------------- */

static void check_round(bool modern)
{
	const uint8_t *bytes;
	char many[3 * BUFFER];
	uint32_t size;

	open_all(modern);
	CHECK(board_irq(board, IRQ));
	store(VIRTIO_MMIO_INTERRUPT_ACK, 1);
	CHECK(!board_irq(board, IRQ));
	write_port(1, "to b");
	write_port(2, "to c");
	write_port(0, "answer");
	CHECK(sent(1, "to b") && sent(2, "to c") && sent(0, "answer") && world.chunks == 3);
	CHECK(board_irq(board, IRQ));

	CHECK(!board_port_wants_input(board, 2) && board_port_input(board, 2, "x", 1) == 0);
	offer(queue_of(2, false), 0);
	offer(queue_of(2, false), 1);
	CHECK(board_port_wants_input(board, 2) && !board_port_wants_input(board, 1));
	memset(many, 'm', sizeof many);
	CHECK(board_port_input(board, 2, many, sizeof many) == 2 * BUFFER);
	/* More buffers are found without a notification. */
	CHECK(ring[queue_of(2, false)].used->flags == VRING_USED_F_NO_NOTIFY);
	CHECK(ring[CONTROL_SEND].used->flags == 0 && ring[CONTROL_RECEIVE].used->flags == 0);
	for (unsigned i = 0; i < 2; i++) {
		bytes = received(queue_of(2, false), &size);
		CHECK(bytes && size == BUFFER && bytes[0] == 'm' && bytes[BUFFER - 1] == 'm');
	}
	CHECK(!received(queue_of(2, false), &size) && !board_port_wants_input(board, 2));
	CHECK(board_port_input(board, PORTS, "x", 1) == 0 && !board_port_is_open(board, PORTS));
}

static void test_legacy(void)
{
	check_round(false);
}

static void test_modern(void)
{
	check_round(true);
}

/* The host answers while it takes what is sent. */
static void test_echo(void)
{
	const uint8_t *bytes;
	uint32_t size;

	open_all(true);
	world.echo = true;
	offer(queue_of(1, false), 3);
	write_port(1, "ping");
	bytes = received(queue_of(1, false), &size);
	CHECK(bytes && size == 4 && memcmp(bytes, "ping", 4) == 0);
}

static void test_open_close(void)
{
	open_all(true);
	board_port_set_open(board, 1, true); /* it is */
	CHECK(told_nothing());
	board_port_set_open(board, 1, false);
	CHECK(told(1, VIRTIO_CONSOLE_PORT_OPEN, 0, NULL) && told_nothing());
	write_port(1, "lost");
	CHECK(ring[queue_of(1, true)].used->idx == 1 && world.chunks == 0);
	board_port_set_open(board, 1, true);
	CHECK(told(1, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL) && told_nothing());
	write_port(1, "there");
	CHECK(sent(1, "there"));
	tell(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	CHECK(!board_port_is_open(board, 1) && board_port_is_open(board, 2));
	board_port_set_open(board, PORTS, true);
	CHECK(told_nothing());
}

/* A driver without buffers for control messages misses no change for good, least of all that there was one.
 */
static void test_open_close_unread(void)
{
	open_all(false);
	for (unsigned i = 0; i < RING_SIZE; i++) /* uses up all buffers */
		board_port_set_open(board, 1, i % 2);
	CHECK(ring[CONTROL_RECEIVE].used->idx == (uint16_t)(seen[CONTROL_RECEIVE] + RING_SIZE));
	board_port_set_open(board, 2, false);
	board_port_set_open(board, 2, true);
	board_port_set_open(board, 0, false);
	board_port_set_open(board, 1, false);
	board_port_set_open(board, 1, true);
	board_port_set_open(board, 1, false);
	for (unsigned i = 0; i < RING_SIZE; i++)
		CHECK(told(1, VIRTIO_CONSOLE_PORT_OPEN, i % 2, NULL));
	CHECK(told(0, VIRTIO_CONSOLE_PORT_OPEN, 0, NULL));
	CHECK(told(1, VIRTIO_CONSOLE_PORT_OPEN, 0, NULL));
	CHECK(told(2, VIRTIO_CONSOLE_PORT_OPEN, 0, NULL));
	CHECK(told(2, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL) && told_nothing());
}

static void test_back_pressure(void)
{
	open_all(true);
	world.full = true;
	write_port(1, "one");
	write_port(1, "two");
	CHECK(world.chunks == 0 && ring[queue_of(1, true)].used->idx == 0);
	write_port(2, "c");
	world.full = false;
	board_port_ready(board, 2);
	CHECK(sent(2, "c") && world.chunks == 1); /* the other one still waits, also for notifications */
	store(VIRTIO_MMIO_QUEUE_NOTIFY, queue_of(1, true));
	CHECK(world.chunks == 1);
	board_port_ready(board, 1);
	CHECK(sent(1, "onetwo") && ring[queue_of(1, true)].used->idx == 2);
	board_port_ready(board, 1);
	board_port_ready(board, PORTS);
	CHECK(world.chunks == 3);

	world.full = true;
	write_port(1, "gone");
	board_port_set_open(board, 1, false);
	CHECK(world.chunks == 3 && ring[queue_of(1, true)].used->idx == 3);
	world.full = false;
	board_port_ready(board, 1);
	CHECK(world.chunks == 3);
}

/* Chains of several pieces are one chunk; of one that is too long the beginning is sent. */
static void test_chunks(void)
{
	unsigned q = queue_of(1, true);

	open_all(true);
	memcpy(buffer(q, 0), "left", 4);
	memcpy(buffer(q, 5), "right", 5);
	ring[q].desc[0].len = 4;
	ring[q].desc[0].flags = VRING_DESC_F_NEXT;
	ring[q].desc[0].next = 5;
	ring[q].desc[5].len = 5;
	offer(q, 0);
	CHECK(sent(1, "leftright") && world.chunks == 1);
	ring[q].desc[0].len = BOARD_PORT_CHUNK - 2;
	offer(q, 0);
	CHECK(world.sent_size[1] == BOARD_PORT_CHUNK && world.chunks == 2);
	CHECK(memcmp(world.sent[1] + BOARD_PORT_CHUNK - 2, "ri", 2) == 0);
	ring[q].desc[1].len = 0;
	offer(q, 1);
	ring[q].desc[2].addr = 0; /* no memory */
	offer(q, 2);
	CHECK(world.chunks == 2 && ring[q].used->idx == 4);
}

/* The state goes to another board in the middle of all: unread messages, waiting chains. */
static void test_save_restore(void)
{
	uint8_t bytes[BOARD_STATE_MAX], again[BOARD_STATE_MAX];
	uint64_t hash;

	open_all(true);
	world.full = true;
	write_port(1, "kept");
	for (unsigned i = 0; i <= RING_SIZE; i++)
		board_port_set_open(board, 2, i % 2);
	CHECK(board_state_size(board) == sizeof bytes);
	board_save(board, bytes);
	hash = board_state_hash(board, 7);
	board_reset(board);
	CHECK(board_state_hash(board, 7) != hash);
	CHECK(!board_restore(board, bytes));
	board_save(board, again);
	CHECK(memcmp(bytes, again, sizeof bytes) == 0 && board_state_hash(board, 7) == hash);
	world.full = false;
	board_port_ready(board, 1);
	CHECK(sent(1, "kept") && board_port_is_open(board, 1));
	for (unsigned i = 0; i <= RING_SIZE; i++)
		CHECK(told(2, VIRTIO_CONSOLE_PORT_OPEN, i % 2, NULL));
	CHECK(told_nothing());
}

static void test_restore_refuses(void)
{
	uint8_t bytes[BOARD_STATE_MAX];
	struct board_state *state;

	power_on(true);
	state = &board->state;
	state->link.guest_open = 1u << PORTS;
	board_save(board, bytes);
	CHECK(board_restore(board, bytes) && state->link.guest_open == 0);
	state->link.pending[PORTS] = 1;
	board_save(board, bytes);
	CHECK(board_restore(board, bytes));
	state->link.names++;
	board_save(board, bytes);
	state->link.names--;
	CHECK(board_restore(board, bytes));
	state->link.queue[0].size = 3;
	board_save(board, bytes);
	CHECK(board_restore(board, bytes));
	state->link.queue[QUEUES - VIRTIO_QUEUES].ready = true;
	board_save(board, bytes);
	CHECK(board_restore(board, bytes));
	board_save(board, bytes);
	CHECK(!board_restore(board, bytes));
}

static void test_driver_reset(void)
{
	open_all(false);
	store(VIRTIO_MMIO_STATUS, 0);
	CHECK(!board_port_is_open(board, 1) && board_port_input(board, 1, "x", 1) == 0);
	board_port_set_open(board, 1, false);
	board_port_set_open(board, 1, true);
	CHECK(told_nothing() && load(VIRTIO_MMIO_INTERRUPT_STATUS) == 0);
}

static void test_bad_control(void)
{
	open_all(true);
	tell(PORTS, VIRTIO_CONSOLE_PORT_READY, 1);
	tell(77777, VIRTIO_CONSOLE_PORT_OPEN, 1);
	tell(1, VIRTIO_CONSOLE_PORT_READY, 0);
	tell(1, 999, 1);
	tell(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 0);
	ring[CONTROL_SEND].desc[0].len = 7; /* shorter than a message */
	offer(CONTROL_SEND, 0);
	CHECK(told_nothing() && (load(VIRTIO_MMIO_STATUS) & 0x40) == 0);
	ring[CONTROL_RECEIVE].desc[0].len = 3; /* no room */
	for (unsigned i = 1; i < RING_SIZE; i++)
		ring[CONTROL_RECEIVE].desc[i].len = 0;
	for (unsigned i = 0; i < 3 * RING_SIZE; i++)
		board_port_set_open(board, 1, i % 2);
	CHECK((load(VIRTIO_MMIO_STATUS) & 0x40) == 0);
}

/* A used ring on top of the available one: chains without room, of which more and more seem to come. */
static void test_overlapping_rings(void)
{
	unsigned q = queue_of(1, false);
	uint64_t at = BOARD_RAM_BASE + q * QUEUE_AREA;

	open_all(true);
	store(VIRTIO_MMIO_QUEUE_SEL, q);
	store(VIRTIO_MMIO_QUEUE_READY, 0);
	store(VIRTIO_MMIO_QUEUE_DESC_LOW, at);
	store(VIRTIO_MMIO_QUEUE_AVAIL_LOW, at + 0x1000);
	store(VIRTIO_MMIO_QUEUE_USED_LOW, at + 0x1000);
	store(VIRTIO_MMIO_QUEUE_READY, 1);
	for (unsigned i = 0; i < RING_SIZE; i++)
		ring[q].desc[i].len = 0;
	memset(world.ram + q * QUEUE_AREA + 0x1000, 0, 256);
	world.ram[q * QUEUE_AREA + 0x1002] = 4;
	CHECK(board_port_input(board, 1, "x", 1) == 0);
}

/* Any store to any register, anything in the rings (the sanitizers watch). */
static void test_random(void)
{
	uint32_t random = 4711;

	for (unsigned round = 0; round < 200; round++) {
		open_all(round & 1);
		for (unsigned i = 0; i < 300; i++) {
			random = random * 1664525 + 1013904223;
			world.ram[(random >> 8) % (QUEUES * QUEUE_AREA)] = (uint8_t)(random >> 26);
			random = random * 1664525 + 1013904223;
			if (i % 16 == 0)
				board_store(board, LINK + (random >> 12 & 0xfc), 4, random >> 28);
			store(VIRTIO_MMIO_QUEUE_NOTIFY, random >> 20 & 15);
			world.full = random >> 17 & 1;
			board_port_set_open(board, random >> 9 & 3, random >> 18 & 1);
			board_port_ready(board, random >> 11 & 3);
			board_port_input(board, random >> 13 & 3, "input", 5);
			board_advance(board, i);
		}
		why[0] = 0; /* what a random driver sees is of no interest */
	}
}

/* A board without the device is what it was. */
static void test_absent(void)
{
	struct board_config config = {.ram_size = RAM_SIZE, .now_ns = now_ns, .dma = dma, .changed = changed};

	board_destroy(board);
	board = board_create(&config);
	CHECK(board && board_state_size(board) == BOARD_STATE_SIZE && load(VIRTIO_MMIO_DEVICE_ID) == 0);
	board_port_set_open(board, 0, true);
	CHECK(!board_port_is_open(board, 0) && board_port_input(board, 0, "x", 1) == 0);
	board_port_ready(board, 0);
	store(VIRTIO_MMIO_QUEUE_NOTIFY, 3);
}

int main(void)
{
	static const struct test tests[] = {
		{"link-legacy", test_legacy},
		{"link-modern", test_modern},
		{"link-echo", test_echo},
		{"link-open-close", test_open_close},
		{"link-open-close-unread", test_open_close_unread},
		{"link-back-pressure", test_back_pressure},
		{"link-chunks", test_chunks},
		{"link-save-restore", test_save_restore},
		{"link-restore-refuses", test_restore_refuses},
		{"link-driver-reset", test_driver_reset},
		{"link-bad-control", test_bad_control},
		{"link-overlapping-rings", test_overlapping_rings},
		{"link-random", test_random},
		{"link-absent", test_absent},
	};
	unsigned failures = tests_run(tests, sizeof tests / sizeof *tests);

	board_destroy(board);
	return failures != 0;
}
