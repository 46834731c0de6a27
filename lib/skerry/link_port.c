/* The link device's driver: see link_port.h. */
#include <skerry/link_port.h>

#include <string.h>
#include <skerry/virtio.h>

#define REG_CONFIG_PORTS  0x104      /* of a console */
#define MAGIC             0x74726976 /* "virt" */
#define ID_CONSOLE        3
#define FEATURE_MULTIPORT 2 /* bit 1 */
#define FEATURE_VERSION_1 1 /* bit 32 */

enum { STATUS_DRIVER = 3, STATUS_FEATURES_OK = 8, STATUS_DRIVER_OK = 4 };
enum { DESC_WRITE = 2, AVAIL_NO_INTERRUPT = 1, USED_NO_NOTIFY = 1 };
enum { INTERRUPT_RING = 1, INTERRUPT_CONFIG = 2 };
enum { QUEUE_CONTROL_RECEIVE = 2, QUEUE_CONTROL_SEND = 3 };

/* Control messages. */
enum { DEVICE_READY = 0, PORT_ADD = 1, PORT_READY = 3, PORT_OPEN = 6, PORT_NAME = 7 };
#define NO_PORT UINT32_MAX

struct message {
	uint32_t id;
	uint16_t event, value;
};

#define MESSAGE_SIZE 64 /* bytes of a buffer for one, with a name */

/* All of a queue, in LINK_RING bytes: this is what the alignment in the legacy transport is for. */
#define AVAIL_OFFSET (16 * LINK_ENTRIES)
#define USED_OFFSET  512
struct link_ring {
	struct {
		uint64_t address;
		uint32_t size;
		uint16_t flags, next;
	} desc[LINK_ENTRIES];
	struct {
		uint16_t flags, index, entry[LINK_ENTRIES];
	} avail;
	uint8_t gap[USED_OFFSET - AVAIL_OFFSET - 4 - 2 * LINK_ENTRIES];
	struct {
		uint16_t flags, index;
		struct {
			uint32_t id, size;
		} entry[LINK_ENTRIES];
	} used;
};
_Static_assert(sizeof(struct link_ring) <= LINK_RING && LINK_ENTRIES >= LINK_BUFFERS, "a ring's place");

static uint32_t get(const struct link *link, unsigned reg)
{
	return *(volatile uint32_t *)(link->registers + reg);
}

static void set(const struct link *link, unsigned reg, uint32_t value)
{
	*(volatile uint32_t *)(link->registers + reg) = value;
}

/* What is in memory before is seen by the device before what comes after, and the other way round. */
static void barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static uint8_t *address_of(const struct link *link, unsigned page)
{
	return (uint8_t *)link->memory.at + (size_t)page * 4096;
}

/* --- queues -------------------------------------------------------------------------------------------- */

static unsigned queue_receive(uint32_t id)
{
	return id == 0 ? 0 : 2 * id + 2;
}

static void set_address(const struct link *link, unsigned reg, uint64_t paddr)
{
	set(link, reg, (uint32_t)paddr);
	set(link, reg + 4, (uint32_t)(paddr >> 32));
}

static volatile struct link_ring *ring_of(const struct link *link, unsigned q)
{
	return (volatile struct link_ring *)((uint8_t *)link->memory.at + (size_t)q * LINK_RING);
}

static void place_ring(const struct link *link, unsigned q)
{
	unsigned at = q * LINK_RING;
	uint64_t paddr = link->memory.paddr[at / 4096] + at % 4096;

	set(link, SK_VIRTIO_REG_QUEUE, q);
	set(link, SK_VIRTIO_REG_QUEUE_SIZE, LINK_ENTRIES);
	if (link->modern) {
		set_address(link, SK_VIRTIO_REG_DESC, paddr);
		set_address(link, SK_VIRTIO_REG_AVAIL, paddr + AVAIL_OFFSET);
		set_address(link, SK_VIRTIO_REG_USED, paddr + USED_OFFSET);
		set(link, SK_VIRTIO_REG_QUEUE_READY, 1);
	} else {
		set(link, SK_VIRTIO_REG_QUEUE_ALIGN, USED_OFFSET);
		set(link, SK_VIRTIO_REG_QUEUE_PAGE, (uint32_t)(paddr / LINK_RING));
	}
}

/* Gives buffer `index` to the device. */
static void offer(struct link_queue *queue, unsigned index)
{
	volatile struct link_ring *ring = queue->ring;

	ring->avail.entry[ring->avail.index % LINK_ENTRIES] = (uint16_t)index;
	barrier();
	ring->avail.index++;
	queue->free &= (uint16_t) ~(1u << index);
}

static void notify(const struct link *link, const struct link_queue *queue)
{
	barrier();
	if (!(queue->ring->used.flags & USED_NO_NOTIFY))
		set(link, SK_VIRTIO_REG_NOTIFY,
		    (uint32_t)(((uintptr_t)queue->ring - (uintptr_t)link->memory.at) / LINK_RING));
}

/* Has the device given one back? */
static bool has_more(const struct link_queue *queue)
{
	return queue->ring->used.index != queue->seen;
}

/* The same, and which: it is looked at, not taken. */
static bool look(const struct link_queue *queue, unsigned *index, uint32_t *size)
{
	volatile struct link_ring *ring = queue->ring;

	if (!has_more(queue))
		return false;
	barrier();
	*index = ring->used.entry[queue->seen % LINK_ENTRIES].id % LINK_ENTRIES;
	*size = ring->used.entry[queue->seen % LINK_ENTRIES].size;
	return true;
}

/* The first buffer that is ours; there is one. */
static unsigned first_free(const struct link_queue *queue)
{
	unsigned index = 0;

	while (!(queue->free >> index & 1))
		index++;
	return index;
}

static void take(struct link_queue *queue, unsigned index)
{
	queue->seen++;
	queue->free |= (uint16_t)(1u << index);
}

/* Takes back what was sent. */
static void reclaim(struct link_queue *queue)
{
	unsigned index;
	uint32_t size;

	while (look(queue, &index, &size))
		take(queue, index);
}

/* So many buffers of `size` bytes from there on, one behind the other. */
static void queue_open(struct link *link, struct link_queue *queue, unsigned q, unsigned page,
		       unsigned offset, unsigned size, unsigned buffers)
{
	bool receives = q % 2 == 0;

	queue->ring = ring_of(link, q);
	queue->free = (uint16_t)((1u << buffers) - 1);
	queue->seen = 0;
	for (unsigned i = 0; i < buffers; i++) {
		unsigned at = page * 4096 + offset + i * size;

		queue->ring->desc[i].address = link->memory.paddr[at / 4096] + at % 4096;
		queue->ring->desc[i].size = size;
		queue->ring->desc[i].flags = receives ? DESC_WRITE : 0;
		if (receives)
			offer(queue, i);
	}
	if (receives)
		notify(link, queue);
	else
		queue->ring->avail.flags = AVAIL_NO_INTERRUPT;
}

/* --- control messages ------------------------------------------------------------------------------- */

/* The control queues' buffers share the page behind the rings. */
static uint8_t *message_buffer(const struct link *link, bool send, unsigned index)
{
	return address_of(link, LINK_OVERHEAD - 1) + (send ? 2048 : 0) + (size_t)index * MESSAGE_SIZE;
}

/* The device takes control messages at once: if there is no buffer, it soon comes back. */
static void tell(struct link *link, uint32_t id, uint16_t event, uint16_t value)
{
	struct message message = {id, event, value};
	unsigned index;

	do
		reclaim(&link->send);
	while (!link->send.free);
	index = first_free(&link->send);
	memcpy(message_buffer(link, true, index), &message, sizeof message);
	link->send.ring->desc[index].size = sizeof message;
	offer(&link->send, index);
	notify(link, &link->send);
}

static struct link_port *port_find(struct link *link, uint32_t id)
{
	for (unsigned i = 0; i < link->ports; i++)
		if (link->port[i].id == id)
			return &link->port[i];
	return NULL;
}

static void port_add(struct link *link, uint32_t id)
{
	struct link_port *port = &link->port[link->ports];
	unsigned q = queue_receive(id);

	if (port_find(link, id))
		return;
	if (link->ports == LINK_PORTS || id >= LINK_IDS ||
	    link->pages + 2 * LINK_BUFFERS > link->memory.pages) {
		link->too_many = true;
		return;
	}
	*port = (struct link_port){.id = id, .first = link->pages};
	link->pages += 2 * LINK_BUFFERS;
	link->ports++;
	queue_open(link, &port->receive, q, port->first, 0, LINK_CHUNK, LINK_BUFFERS);
	queue_open(link, &port->send, q + 1, port->first + LINK_BUFFERS, 0, LINK_CHUNK, LINK_BUFFERS);
}

/* One port after the other: QEMU answers at once, and what it has no buffer for is lost. */
static bool port_ready(struct link *link)
{
	if (link->ready == link->ports)
		return false;
	tell(link, link->port[link->ready].id, PORT_READY, 1);
	tell(link, link->port[link->ready].id, PORT_OPEN, 1);
	link->ready++;
	return true;
}

/* The name ends with the message, or before. */
static void handle(struct link *link, const uint8_t *bytes, uint32_t size)
{
	struct link_port *port;
	struct message message;

	if (size < sizeof message)
		return;
	memcpy(&message, bytes, sizeof message);
	if (message.event == PORT_ADD) {
		port_add(link, message.id);
		return;
	}
	port = port_find(link, message.id);
	if (!port)
		return;
	if (message.event == PORT_OPEN) {
		port->open = message.value;
		port->opened += message.value != 0;
	} else if (message.event == PORT_NAME) {
		size -= sizeof message;
		size = size < LINK_NAME ? size : LINK_NAME - 1;
		memcpy(port->name, bytes + sizeof message, size);
		port->name[size] = 0;
	}
}

static void handle_all(struct link *link)
{
	uint8_t bytes[MESSAGE_SIZE];
	unsigned index;
	uint32_t size;

	do {
		while (look(&link->receive, &index, &size)) {
			size = size < sizeof bytes ? size : sizeof bytes;
			memcpy(bytes, message_buffer(link, false, index), size);
			take(&link->receive, index);
			offer(&link->receive, index);
			notify(link, &link->receive);
			handle(link, bytes, size);
		}
	} while (port_ready(link));
}

/* --- what the header has -------------------------------------------------------------------------------- */

static bool negotiate(struct link *link)
{
	set(link, SK_VIRTIO_REG_STATUS, 0);
	set(link, SK_VIRTIO_REG_STATUS, STATUS_DRIVER);
	set(link, SK_VIRTIO_REG_FEATURES_SELECT, 0);
	if (!(get(link, SK_VIRTIO_REG_FEATURES) & FEATURE_MULTIPORT))
		return false;
	set(link, SK_VIRTIO_REG_DRIVER_FEATURES_SELECT, 0);
	set(link, SK_VIRTIO_REG_DRIVER_FEATURES, FEATURE_MULTIPORT);
	if (!link->modern) {
		set(link, SK_VIRTIO_REG_PAGE_SIZE, LINK_RING);
		return true;
	}
	set(link, SK_VIRTIO_REG_DRIVER_FEATURES_SELECT, 1);
	set(link, SK_VIRTIO_REG_DRIVER_FEATURES, FEATURE_VERSION_1);
	set(link, SK_VIRTIO_REG_STATUS, STATUS_DRIVER | STATUS_FEATURES_OK);
	return get(link, SK_VIRTIO_REG_STATUS) & STATUS_FEATURES_OK;
}

bool link_begin(struct link *link, volatile void *registers, const struct link_memory *memory)
{
	unsigned queues;

	*link = (struct link){.registers = registers, .memory = *memory, .pages = LINK_OVERHEAD};
	if (memory->pages < LINK_OVERHEAD || get(link, SK_VIRTIO_REG_MAGIC) != MAGIC ||
	    get(link, SK_VIRTIO_REG_DEVICE) != ID_CONSOLE)
		return false;
	link->modern = get(link, SK_VIRTIO_REG_VERSION) == 2;
	memset(memory->at, 0, (size_t)LINK_OVERHEAD * 4096);
	if (!negotiate(link))
		return false;
	queues = 2 * (get(link, REG_CONFIG_PORTS) + 1);
	queues = queues < LINK_QUEUES ? queues : LINK_QUEUES;
	for (unsigned q = 0; q < queues; q++)
		place_ring(link, q);
	set(link, SK_VIRTIO_REG_STATUS,
	    STATUS_DRIVER | STATUS_DRIVER_OK | (link->modern ? (uint32_t)STATUS_FEATURES_OK : 0));
	queue_open(link, &link->receive, QUEUE_CONTROL_RECEIVE, LINK_OVERHEAD - 1, 0, MESSAGE_SIZE,
		   LINK_ENTRIES);
	queue_open(link, &link->send, QUEUE_CONTROL_SEND, LINK_OVERHEAD - 1, 2048, MESSAGE_SIZE,
		   LINK_ENTRIES);
	tell(link, NO_PORT, DEVICE_READY, 1);
	handle_all(link);
	return true;
}

void link_interrupt(struct link *link)
{
	/* All that it may mean, without asking what: the rings tell. */
	set(link, SK_VIRTIO_REG_INTERRUPT_ACK, INTERRUPT_RING | INTERRUPT_CONFIG);
	handle_all(link);
}

bool link_write(struct link *link, unsigned which, const void *bytes, size_t size)
{
	struct link_port *port = &link->port[which];
	struct link_queue *queue = &port->send;
	unsigned index;

	reclaim(queue);
	if (!queue->free) {
		queue->ring->avail.flags = 0;
		barrier();
		reclaim(queue);
	}
	if (!queue->free || size > LINK_CHUNK)
		return false;
	queue->ring->avail.flags = AVAIL_NO_INTERRUPT;
	index = first_free(queue);
	memcpy(address_of(link, port->first + LINK_BUFFERS + index), bytes, size);
	queue->ring->desc[index].size = (uint32_t)size;
	offer(queue, index);
	notify(link, queue);
	return true;
}

/* Apart from link_read(), which is asked more often than something has come. */
static __attribute__((noinline)) size_t read_some(struct link *link, struct link_port *port, void *bytes,
						  size_t size)
{
	struct link_queue *queue = &port->receive;
	size_t taken = 0, part;
	bool offered = false;
	unsigned index;
	uint32_t filled;

	while (taken < size && look(queue, &index, &filled)) {
		filled = filled < LINK_CHUNK ? filled : LINK_CHUNK;
		part = filled - port->read < size - taken ? filled - port->read : size - taken;
		memcpy((uint8_t *)bytes + taken, address_of(link, port->first + index) + port->read, part);
		taken += part;
		port->read += (uint32_t)part;
		if (port->read < filled)
			break;
		port->read = 0;
		take(queue, index);
		offer(queue, index);
		offered = true;
	}
	if (offered)
		notify(link, queue);
	return taken;
}

size_t link_read(struct link *link, unsigned which, void *bytes, size_t size)
{
	struct link_port *port = &link->port[which];

	return has_more(&port->receive) ? read_some(link, port, bytes, size) : 0;
}
