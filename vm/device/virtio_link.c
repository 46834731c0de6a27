/*
 * The link device: a console with several ports (VIRTIO_CONSOLE_F_MULTIPORT) in slot 5, by which a node is
 * joined to others. Queues 0 and 1 are port 0's, 2 and 3 carry control messages, 4 and 5 are port 1's and so
 * on; the first of two receives. A driver says DEVICE_READY, is told of each port, says PORT_READY for it, is
 * told its name and whether the host's end is open, and opens its own end: as with QEMU's virtio-serial.
 *
 * What the host cannot take stays in the guest's queue, and what the guest has no buffer for stays with the
 * host. Control messages to the guest wait as one bit each, so there is room for all that can be pending.
 */
#include <linux/virtio_console.h>
#include <string.h>

#include "vm/device/virtio.h"

enum { CONTROL_RECEIVE = 2, CONTROL_SEND = 3 };

/* Bits of link.pending, in the order in which the guest gets them. */
enum { LINK_TELL_ADD = 1, LINK_TELL_NAME = 2, LINK_TELL_CLOSE = 4, LINK_TELL_OPEN = 8 };

#define NAME_MAX_SIZE 32 /* with its end */

static unsigned queue_receive(unsigned port)
{
	return port == 0 ? 0 : 2 * port + 2;
}

static unsigned queue_send(unsigned port)
{
	return queue_receive(port) + 1;
}

static unsigned port_of_queue(unsigned q)
{
	return q < CONTROL_RECEIVE ? 0 : q / 2 - 1;
}

static uint16_t bit(unsigned port)
{
	return (uint16_t)(1u << port);
}

static unsigned link_queues(const struct board *board)
{
	return 2 * (board->config.ports + 1);
}

static uint64_t link_features(const struct board *board)
{
	(void)board;
	return 1ull << VIRTIO_CONSOLE_F_MULTIPORT;
}

static size_t link_config(const struct board *board, uint8_t *bytes, size_t capacity)
{
	struct virtio_console_config config;
	size_t size = sizeof config < capacity ? sizeof config : capacity;

	memset(&config, 0, sizeof config);
	config.max_nr_ports = board->config.ports;
	memcpy(bytes, &config, size);
	return size;
}

/* --- control messages ------------------------------------------------------------------------------ */

/* Writes the next message for the guest; returns its size, 0 if there is none. */
static size_t next_message(const struct board *board, unsigned *port, uint8_t *tell,
			   uint8_t bytes[sizeof(struct virtio_console_control) + NAME_MAX_SIZE])
{
	static const uint16_t events[] = {
		[LINK_TELL_ADD] = VIRTIO_CONSOLE_PORT_ADD,
		[LINK_TELL_NAME] = VIRTIO_CONSOLE_PORT_NAME,
		[LINK_TELL_CLOSE] = VIRTIO_CONSOLE_PORT_OPEN,
		[LINK_TELL_OPEN] = VIRTIO_CONSOLE_PORT_OPEN,
	};
	struct virtio_console_control message;
	const char *text;
	size_t name;

	for (*port = 0; *port < board->config.ports; ++*port)
		if (board->state.link.pending[*port])
			break;
	if (*port == board->config.ports)
		return 0;
	*tell = board->state.link.pending[*port];
	*tell = (uint8_t)(*tell & -*tell);
	message = (struct virtio_console_control){
		.id = *port, .event = events[*tell], .value = *tell == LINK_TELL_CLOSE ? 0 : 1};
	memcpy(bytes, &message, sizeof message);
	if (*tell != LINK_TELL_NAME)
		return sizeof message;
	text = board->config.port_name[*port] ? board->config.port_name[*port] : "";
	name = strnlen(text, NAME_MAX_SIZE - 1);
	memcpy(bytes + sizeof message, text, name);
	bytes[sizeof message + name] = 0;
	return sizeof message + name + 1;
}

/* One message into one buffer; a buffer that is too small gets its beginning. */
static bool deliver_message(struct board *board)
{
	uint8_t bytes[sizeof(struct virtio_console_control) + NAME_MAX_SIZE], tell;
	struct virtio_chain chain;
	unsigned port;
	size_t size = next_message(board, &port, &tell, bytes);

	if (size == 0 || !virtio_pop(board, LINK_SLOT, CONTROL_RECEIVE, &chain))
		return false;
	board->state.link.pending[port] &= (uint8_t)~tell;
	size = chain.write_size < size ? (size_t)chain.write_size : size;
	if (!virtio_copy_in(board, &chain, 0, bytes, size))
		size = 0;
	virtio_push(board, LINK_SLOT, CONTROL_RECEIVE, &chain, (uint32_t)size);
	return true;
}

static void deliver_all(struct board *board)
{
	while (deliver_message(board))
		;
}

static void handle_message(struct board *board, const struct virtio_console_control *message)
{
	struct link *link = &board->state.link;

	if (message->event == VIRTIO_CONSOLE_DEVICE_READY) {
		for (unsigned port = 0; message->value == 1 && port < board->config.ports; port++)
			link->pending[port] |= LINK_TELL_ADD;
		return;
	}
	if (message->id >= board->config.ports)
		return;
	if (message->event == VIRTIO_CONSOLE_PORT_READY && message->value == 1) {
		link->known |= bit(message->id);
		link->pending[message->id] |= LINK_TELL_NAME;
		if (link->host_open & bit(message->id))
			link->pending[message->id] |= LINK_TELL_OPEN;
	} else if (message->event == VIRTIO_CONSOLE_PORT_OPEN) {
		link->guest_open &= (uint16_t)~bit(message->id);
		if (message->value)
			link->guest_open |= bit(message->id);
	}
}

static bool control_step(struct board *board)
{
	struct virtio_console_control message;
	struct virtio_chain chain;

	if (!virtio_pop(board, LINK_SLOT, CONTROL_SEND, &chain))
		return false;
	if (chain.read_size >= sizeof message && virtio_copy_out(board, &chain, 0, &message, sizeof message))
		handle_message(board, &message);
	virtio_push(board, LINK_SLOT, CONTROL_SEND, &chain, 0);
	deliver_all(board);
	return true;
}

/* --- ports ----------------------------------------------------------------------------------------- */

static bool send_step(struct board *board, unsigned port)
{
	struct link *link = &board->state.link;
	struct virtio_chain chain;
	size_t size;

	if (link->waiting & bit(port) || !virtio_pop(board, LINK_SLOT, queue_send(port), &chain))
		return false;
	size = chain.read_size < BOARD_PORT_CHUNK ? (size_t)chain.read_size : BOARD_PORT_CHUNK;
	if (link->host_open & bit(port) && size > 0 && board->config.port_send &&
	    virtio_copy_out(board, &chain, 0, board->chunk, size) &&
	    !board->config.port_send(board->config.context, port, board->chunk, size)) {
		virtio_unpop(board, LINK_SLOT, queue_send(port));
		link->waiting |= bit(port);
		return false;
	}
	virtio_push(board, LINK_SLOT, queue_send(port), &chain, 0);
	return true;
}

static bool link_step(struct board *board, unsigned slot, unsigned q)
{
	(void)slot;
	if (q == CONTROL_RECEIVE)
		return deliver_message(board);
	if (q == CONTROL_SEND)
		return control_step(board);
	return q % 2 && send_step(board, port_of_queue(q));
}

/* board_port_input() takes the buffers when there is some. */
static bool waits_for_input(unsigned q)
{
	return q % 2 == 0 && q != CONTROL_RECEIVE;
}

void board_port_set_open(struct board *board, unsigned port, bool open)
{
	struct link *link = &board->state.link;

	if (port >= board->config.ports || open == (link->host_open >> port & 1))
		return;
	link->host_open ^= bit(port);
	if (link->known & bit(port)) {
		if (!open)
			link->pending[port] &= (uint8_t)~LINK_TELL_OPEN;
		link->pending[port] |= open ? LINK_TELL_OPEN : LINK_TELL_CLOSE;
		deliver_all(board);
	}
	if (!open)
		board_port_ready(board, port); /* what waits is gone */
}

void board_port_ready(struct board *board, unsigned port)
{
	if (port >= board->config.ports || !(board->state.link.waiting & bit(port)))
		return;
	board->state.link.waiting &= (uint16_t)~bit(port);
	virtio_serve(board, LINK_SLOT, queue_send(port));
}

size_t board_port_input(struct board *board, unsigned port, const void *bytes, size_t size)
{
	struct virtio_chain chain;
	size_t taken = 0, part;

	while (taken < size && board_port_is_open(board, port) &&
	       virtio_pop(board, LINK_SLOT, queue_receive(port), &chain)) {
		part = size - taken < chain.write_size ? size - taken : (size_t)chain.write_size;
		if (!virtio_copy_in(board, &chain, 0, (const uint8_t *)bytes + taken, part))
			part = 0;
		taken += part;
		virtio_push(board, LINK_SLOT, queue_receive(port), &chain, (uint32_t)part);
	}
	return taken;
}

bool board_port_wants_input(const struct board *board, unsigned port)
{
	return board_port_is_open(board, port) && virtio_available(board, LINK_SLOT, queue_receive(port));
}

bool board_port_is_open(const struct board *board, unsigned port)
{
	return port < board->config.ports && board->state.link.guest_open >> port & 1;
}

/* --- state ------------------------------------------------------------------------------------------- */

/* FNV-1a over the names with their ends. */
static uint64_t names_digest(const struct board *board)
{
	uint64_t digest = 0xcbf29ce484222325ull;

	if (!board->config.port_name[0])
		return 0;
	for (unsigned port = 0; port < board->config.ports; port++)
		for (const char *at = board->config.port_name[port];; at++) {
			digest = (digest ^ (uint8_t)*at) * 0x100000001b3ull;
			if (!*at)
				break;
		}
	return digest;
}

/* The host's ends stay as they are. */
void virtio_link_reset(struct board *board)
{
	struct link *link = &board->state.link;
	uint16_t host_open = link->host_open;

	memset(link, 0, sizeof *link);
	link->host_open = host_open;
	link->names = names_digest(board);
}

const struct virtio_device virtio_link = {
	.id = VIRTIO_ID_CONSOLE,
	.queues = link_queues,
	.features = link_features,
	.step = link_step,
	.waits_for_input = waits_for_input,
	.config = link_config,
};
