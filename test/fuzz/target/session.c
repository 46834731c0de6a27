/*
 * A session driven by a peer that says anything, by its port, its clock and its owner. The input is a row of
 * acts; a frame among them may have the tags and numbers that the session expects, and has the right checksum
 * unless it is given as raw bytes.
 *
 * Whatever happens: beginnings and ends are told in turn, messages only between them and only the ones that
 * come next, only whole frames are written and only to a port that takes them, and time does not stand still.
 */
#include <stdlib.h>
#include <string.h>

#include "srv/bridge/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};

static struct session s;
static struct {
	uint64_t now;
	bool up, full, open;
	uint64_t messages; /* in this session */
	uint64_t sum;      /* of all bytes of messages: they can be read */
} world;

static bool port_write(void *context, const void *frame, size_t size)
{
	(void)context;
	if (!world.open || wire_look(frame, size) != WIRE_WHOLE ||
	    size != WIRE_HEADER + ((const struct wire_header *)frame)->length)
		abort();
	return !world.full;
}

static void take_event(const struct session_event *event)
{
	const uint64_t *words = event->message;

	if ((event->kind == SESSION_UP) == world.up)
		abort();
	if (event->kind == SESSION_MESSAGE) {
		world.messages++;
		if (event->size == 0 || event->size % 8 != 0 || event->size > WIRE_PAYLOAD_MAX ||
		    (uint32_t)world.messages != s.received)
			abort();
		for (size_t i = 0; i < event->size / 8; i++)
			world.sum += words[i];
	} else {
		world.up = event->kind == SESSION_UP;
		world.messages = 0;
	}
}

static void take_events(struct session_input *input)
{
	struct session_event event;

	while (session_next(&s, world.now, input, &event))
		take_event(&event);
	if ((input && input->left != 0) || session_is_up(&s) != world.up)
		abort();
}

/* The bytes arrive at an address `shift` beyond an aligned one, with nothing behind them. */
static void arrive(const void *bytes, size_t size, unsigned shift)
{
	uint8_t *copy = malloc(size + shift + 1);
	struct session_input input = {copy + shift, size};

	if (!copy)
		abort();
	memcpy(copy + shift, bytes, size);
	take_events(&input);
	free(copy);
}

static uint8_t byte(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

static uint32_t number(struct input *input)
{
	uint32_t value = byte(input);

	value |= (uint32_t)byte(input) << 8;
	value |= (uint32_t)byte(input) << 16;
	return value | (uint32_t)byte(input) << 24;
}

static size_t bytes(struct input *input, void *to, size_t size)
{
	if (size > input->left)
		size = input->left;
	memcpy(to, input->at, size);
	input->at += size;
	input->left -= size;
	return size;
}

static uint32_t tag(struct input *input, unsigned which)
{
	const uint32_t tags[] = {s.mine, s.theirs, s.candidate, 0};

	return which < 4 ? tags[which] : number(input);
}

static void arrive_raw(struct input *input)
{
	uint8_t raw[256];

	arrive(raw, bytes(input, raw, byte(input)), byte(input) % 8);
}

static void arrive_frame(struct input *input)
{
	static struct {
		struct wire_header header;
		union {
			struct wire_hello hello;
			uint8_t payload[WIRE_PAYLOAD_MAX];
		};
	} frame;
	uint8_t how = byte(input), tags = byte(input);
	size_t length;

	memset(&frame, 0, sizeof frame);
	frame.header = (struct wire_header){.magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = how % 8};
	frame.header.to = tag(input, tags % 8);
	frame.header.from = tag(input, tags / 8 % 8);
	frame.header.seq = s.received + 1 + (how & 8 ? number(input) : 0);
	frame.header.ack = how & 16 ? s.sent + (uint32_t)(int8_t)byte(input) : s.acked;
	frame.header.flags = tags / 64;
	if (how % 8 == WIRE_HELLO && how & 32) {
		length = sizeof frame.hello;
		frame.hello = (struct wire_hello){.epoch = byte(input),
						  .credits = {1, WIRE_FRAME_MAX + byte(input) * 64u, 1}};
		memcpy(frame.hello.name, s.config.peer, WIRE_NAME_SIZE);
	} else {
		length = bytes(input, frame.payload, byte(input) * 8u) / 8 * 8;
	}
	frame.header.length = how & 64 ? number(input) : (uint32_t)length;
	if (frame.header.length <= length)
		wire_seal(&frame.header);
	arrive(&frame, WIRE_HEADER + length, how & 128 ? 3 : 0);
}

static void tick(struct input *input)
{
	static const uint64_t units[] = {SESSION_MS / 10, SESSION_MS, 100 * SESSION_MS, 1ull << 44};
	uint8_t how = byte(input);
	uint64_t by = how / 8 * units[how % 4];

	if (how & 4)
		by = -(by < world.now ? by : world.now);
	world.now += by;
	session_tick(&s, world.now);
	take_events(NULL);
	if (session_deadline(&s) <= world.now)
		abort();
}

static void send(struct input *input)
{
	size_t size = 8 + 8 * (number(input) % (WIRE_PAYLOAD_MAX / 8));
	void *message = session_reserve(&s, size);

	if (!message)
		return;
	if (!world.up)
		abort();
	memset(message, 0xa5, size);
	session_commit(&s, world.now, size);
}

static void act(struct input *input)
{
	switch (byte(input) % 8) {
	case 0:
		arrive_raw(input);
		break;
	case 1:
	case 2:
		arrive_frame(input);
		break;
	case 3:
		tick(input);
		break;
	case 4:
		send(input);
		break;
	case 5:
		world.open = byte(input) % 4 != 0;
		session_link(&s, world.now, world.open);
		break;
	case 6:
		world.full = byte(input) % 2;
		if (!world.full)
			session_ready(&s, world.now);
		break;
	case 7:
		session_end(&s, world.now, byte(input) % (WIRE_REASONS + 1));
		break;
	}
	take_events(NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct session_config config = {.write = port_write,
						     .self = "a",
						     .peer = "b",
						     .epoch = 0x123456789abcdef,
						     .credits = {4, SESSION_WINDOW, 4}};
	struct input input = {data, size};

	memset(&world, 0, sizeof world);
	world.now = 1ull << 40;
	session_init(&s, &config, world.now);
	world.open = true;
	session_link(&s, world.now, true);
	while (input.left > 0)
		act(&input);
	return 0;
}
