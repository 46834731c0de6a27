/*
 * The devices' state as a table of fields: what is saved, restored and digested is this table, so that the
 * three cannot drift apart. A field is written as it lies in the host's memory (little-endian: vm/internal.h
 * insists), one after the other, without padding.
 */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "vm/device/device.h"
#include "vm/device/virtio.h"

struct field {
	const char *name;
	uint32_t offset; /* in the group's struct */
	uint8_t size;    /* bytes of one element: 1, 2, 4 or 8 */
	uint8_t count;
	uint64_t max; /* of each element */
};

#define ARRAY(type, member, count, max)                                                                      \
	{                                                                                                    \
#member, offsetof(struct type, member), sizeof(((struct type *)0)->member) / (count), count, \
			max                                                                                  \
	}
#define FIELD(type, member, max) ARRAY(type, member, 1, max)

/* Interrupts 64 to 95 are bits 0 to 31 of the second word. */
#define LINES(member)            FIELD(board_state, member[0], UINT64_MAX), FIELD(board_state, member[1], UINT32_MAX)

static const struct field board_fields[] = {
	LINES(lines),
	LINES(pending),
	FIELD(board_state, halted, 1),
	FIELD(board_state, status, UINT32_MAX),
};

static const struct field uart_fields[] = {
	FIELD(uart, ier, 0x0f),
	FIELD(uart, iir, 0xcf),
	FIELD(uart, fcr, 0xc1),
	FIELD(uart, lcr, 0xff),
	FIELD(uart, mcr, 0x1f),
	FIELD(uart, lsr, 0x63),
	FIELD(uart, scratch, 0xff),
	FIELD(uart, thr_pending, 1),
	FIELD(uart, divisor, 0xffff),
	ARRAY(uart, received, UART_FIFO_SIZE, 0xff),
	FIELD(uart, head, UART_FIFO_SIZE - 1),
	FIELD(uart, count, UART_FIFO_SIZE),
};

static const struct field rtc_fields[] = {
	FIELD(rtc, offset, UINT64_MAX), FIELD(rtc, alarm, UINT64_MAX), FIELD(rtc, time_high, UINT32_MAX),
	FIELD(rtc, alarm_running, 1),   FIELD(rtc, irq_pending, 1),    FIELD(rtc, irq_enabled, 1),
};

static const struct field virtio_fields[] = {
	FIELD(virtio, status, UINT32_MAX),
	FIELD(virtio, interrupts, UINT32_MAX),
	FIELD(virtio, device_features_select, UINT32_MAX),
	FIELD(virtio, driver_features_select, UINT32_MAX),
	FIELD(virtio, queue_select, UINT32_MAX),
	FIELD(virtio, page_size, UINT32_MAX),
	FIELD(virtio, driver_features, UINT64_MAX),
};

static const struct field queue_fields[] = {
	FIELD(virtqueue, desc, UINT64_MAX),
	FIELD(virtqueue, avail, UINT64_MAX),
	FIELD(virtqueue, used, UINT64_MAX),
	FIELD(virtqueue, align, UINT32_MAX),
	FIELD(virtqueue, pfn, UINT32_MAX),
	FIELD(virtqueue, size, VIRTIO_QUEUE_MAX),
	FIELD(virtqueue, next_avail, UINT16_MAX),
	FIELD(virtqueue, next_used, UINT16_MAX),
	FIELD(virtqueue, ready, 1),
	FIELD(virtqueue, work, 1),
};

static const struct field link_fields[] = {
	FIELD(link, names, UINT64_MAX),     FIELD(link, known, UINT16_MAX),
	FIELD(link, host_open, UINT16_MAX), FIELD(link, guest_open, UINT16_MAX),
	FIELD(link, waiting, UINT16_MAX),   ARRAY(link, pending, BOARD_PORTS, 15),
};

/* A struct of these devices that grew wants its new field in the table above. */
_Static_assert(sizeof(struct uart) == 36 && sizeof(struct rtc) == 24 && sizeof(struct virtqueue) == 48 &&
		       sizeof(struct virtio) == 32 + 2 * 48 && sizeof(struct link) == 32 + 18 * 48 &&
		       sizeof(struct board_state) == 1128 + sizeof(struct link),
	       "the table of fields is that of these structs");

/* One copy of a struct in board_state, and its fields. */
struct group {
	const struct field *field;
	unsigned fields;
	uint32_t offset, stride;
	unsigned copies;
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define QUEUES(slot)                                                                                         \
	{                                                                                                    \
		queue_fields, COUNT(queue_fields), offsetof(struct board_state, virtio[slot].queue),         \
			sizeof(struct virtqueue), VIRTIO_QUEUES                                              \
	}

static const struct group groups[] = {
	{board_fields, COUNT(board_fields), 0, 0, 1},
	{uart_fields, COUNT(uart_fields), offsetof(struct board_state, uart), 0, 1},
	{rtc_fields, COUNT(rtc_fields), offsetof(struct board_state, rtc), 0, 1},
	{virtio_fields, COUNT(virtio_fields), offsetof(struct board_state, virtio), sizeof(struct virtio),
	 VIRTIO_SLOTS},
	QUEUES(0),
	QUEUES(1),
	QUEUES(2),
	QUEUES(3),
	QUEUES(4),
	QUEUES(5),
	QUEUES(6),
	QUEUES(7),
	/* From here on: only of a board with link device. */
	{link_fields, COUNT(link_fields), offsetof(struct board_state, link), 0, 1},
	{queue_fields, COUNT(queue_fields), offsetof(struct board_state, link.queue),
	 sizeof(struct virtqueue), LINK_QUEUES - VIRTIO_QUEUES},
};
#define LINK_GROUPS 2

/* Calls `visit` with each field of each struct; stops at, and returns, what is not NULL. */
typedef const char *visit_fn(void *context, const struct field *field, uint8_t *memory);

static const char *each_field(const struct board *board, struct board_state *state, visit_fn *visit,
			      void *context)
{
	unsigned count = board->config.ports ? COUNT(groups) : COUNT(groups) - LINK_GROUPS;

	for (unsigned g = 0; g < count; g++) {
		const struct group *group = &groups[g];

		for (unsigned copy = 0; copy < group->copies; copy++) {
			uint8_t *base = (uint8_t *)state + group->offset + copy * group->stride;

			for (unsigned f = 0; f < group->fields; f++) {
				const struct field *field = &group->field[f];
				const char *why = visit(context, field, base + field->offset);

				if (why)
					return why;
			}
		}
	}
	return NULL;
}

static const char *save_field(void *context, const struct field *field, uint8_t *memory)
{
	uint8_t **cursor = context;

	memcpy(*cursor, memory, (size_t)field->size * field->count);
	*cursor += (size_t)field->size * field->count;
	return NULL;
}

size_t board_state_size(const struct board *board)
{
	return board->config.ports ? BOARD_STATE_MAX : BOARD_STATE_SIZE;
}

void board_save(const struct board *board, uint8_t bytes[BOARD_STATE_MAX])
{
	struct board_state state = board->state;
	uint8_t *cursor = bytes;

	each_field(board, &state, save_field, &cursor);
	assert(cursor == bytes + board_state_size(board));
}

static const char *restore_field(void *context, const struct field *field, uint8_t *memory)
{
	const uint8_t **cursor = context;

	for (unsigned i = 0; i < field->count; i++) {
		uint64_t value = 0;

		memcpy(&value, *cursor, field->size);
		if (value > field->max)
			return field->name;
		memcpy(memory + (size_t)i * field->size, *cursor, field->size);
		*cursor += field->size;
	}
	return NULL;
}

static bool is_power_of_two(uint32_t value)
{
	return value && !(value & (value - 1));
}

/* What the devices rely on beyond the range of single fields. */
static const char *check_slot(struct board *board, unsigned slot)
{
	unsigned queues = slot == LINK_SLOT && board->config.ports ? LINK_QUEUES : VIRTIO_QUEUES;

	for (unsigned q = 0; q < queues; q++) {
		const struct virtqueue *queue = virtio_queue(board, slot, q);

		if (!is_power_of_two(queue->size))
			return "size of a virtio queue";
		if (queue->align && !is_power_of_two(queue->align))
			return "alignment of a virtio queue";
		if ((queue->work || queue->ready) && q >= virtio_queues(board, slot))
			return "virtio queue of a device that is not there";
	}
	return NULL;
}

static const char *check_link(const struct board *board)
{
	const struct link *link = &board->state.link;
	unsigned used = link->known | link->host_open | link->guest_open | link->waiting;

	for (unsigned port = board->config.ports; port < BOARD_PORTS; port++)
		if (link->pending[port])
			return "port of the link device that is not there";
	return used >> board->config.ports ? "port of the link device that is not there" : NULL;
}

static const char *check_state(struct board *board)
{
	const struct uart *uart = &board->state.uart;
	const char *why =
		uart->count > (uart->fcr & 1 ? UART_FIFO_SIZE : 1) ? "count of the UART's FIFO" : NULL;

	for (unsigned slot = 0; slot < VIRTIO_SLOTS && !why; slot++)
		why = check_slot(board, slot);
	if (!why && board->config.ports)
		why = check_link(board);
	return why;
}

const char *board_restore(struct board *board, const uint8_t bytes[BOARD_STATE_MAX])
{
	uint64_t names = board->state.link.names;
	const uint8_t *cursor = bytes;
	const char *why;

	memset(&board->state, 0, sizeof board->state);
	board->working = true;
	why = each_field(board, &board->state, restore_field, &cursor);
	if (!why && names && board->state.link.names != names)
		why = "names of the link device's ports";
	if (!why)
		why = check_state(board);
	if (why)
		board_reset(board);
	return why;
}

/* FNV-1a. */
uint64_t board_state_hash(const struct board *board, uint64_t hash)
{
	uint8_t bytes[BOARD_STATE_MAX];
	size_t size = board_state_size(board);

	board_save(board, bytes);
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ull;
	return hash;
}
