/*
 * The link device's driver (lib/skerry/link_port.c) in a whole node: pieces of random length go to all ports
 * of a guest that gives them back, over a host that does not always take them, through a snapshot in the
 * middle.
 *
 *   node IMAGE        (made of test/link/guest/ports.c)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/image.h"
#include "port/vm/snapshot.h"

#define PORTS    4
#define RAM_SIZE (32ull << 20)
#define STEP_NS  100000
#define BYTES    300000 /* through each port */
#define ROUNDS   20000  /* steps before it must be done */

static struct {
	struct node *node;
	uint64_t random;
	size_t given[PORTS], back[PORTS];
	bool wrong, refused[PORTS];
	unsigned refusals;
	char text[4096];
	size_t length;
} world;

static const char *const names[PORTS] = {"control.a", "link.b", "link.c", "link.d"};

static uint64_t dice(uint64_t below)
{
	world.random = world.random * 6364136223846793005ull + 1442695040888963407ull;
	return (world.random >> 33) % below;
}

/* What goes through a port, and what comes back of it. */
static uint8_t byte_at(unsigned port, size_t at, bool back)
{
	return (uint8_t)((back ? 'A' : 'a') + (at * 7 + at / 256 + port) % 26);
}

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	(void)context;
	(void)console;
	if (size > sizeof world.text - 1 - world.length)
		size = sizeof world.text - 1 - world.length;
	memcpy(world.text + world.length, bytes, size);
	world.length += size;
}

static bool port_send(void *context, unsigned port, const void *bytes, size_t size)
{
	(void)context;
	world.refused[port] = dice(4) == 0;
	world.refusals += world.refused[port];
	for (size_t i = 0; i < size && !world.refused[port]; i++)
		if (((const uint8_t *)bytes)[i] != byte_at(port, world.back[port]++, true))
			world.wrong = true;
	return !world.refused[port];
}

static struct node_config config_of(const struct image *image, bool modern)
{
	struct node_config config = {
		.ram_size = RAM_SIZE,
		.entry = image->entry,
		.segment = image->segment,
		.segments = image->segments,
		.board = {.output = output, .virtio_modern = modern, .ports = PORTS, .port_send = port_send},
	};

	for (unsigned port = 0; port < PORTS; port++)
		config.board.port_name[port] = names[port];
	return config;
}

static enum node_state step(void)
{
	uint64_t until;
	enum node_state state = node_step(world.node, STEP_NS, &until);

	if (state == NODE_IDLE)
		node_skip_to(world.node, node_time(world.node) + STEP_NS);
	return state;
}

static void feed(unsigned port)
{
	struct board *board = node_board(world.node);
	uint8_t bytes[9000];
	size_t size = dice(sizeof bytes) + 1;

	if (size > BYTES - world.given[port])
		size = BYTES - world.given[port];
	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_at(port, world.given[port] + i, false);
	world.given[port] += board_port_input(board, port, bytes, size);
	if (world.refused[port] && dice(2) == 0) {
		world.refused[port] = false;
		board_port_ready(board, port);
	}
}

/* The node goes on as another one, made of its state. */
static const char *move(const struct node_config *config, char *error, size_t size)
{
	struct snapshot *snapshot = node_snapshot_take(world.node);
	uint64_t hash = node_state_hash(world.node);

	if (!snapshot)
		return "no snapshot";
	node_destroy(world.node);
	world.node = node_create_restored(config, snapshot, error, size);
	snapshot_release(snapshot);
	if (!world.node)
		return error;
	return node_state_hash(world.node) == hash ? NULL : "the state is another one after restoring";
}

static bool all_back(void)
{
	for (unsigned port = 0; port < PORTS; port++)
		if (world.back[port] < BYTES)
			return false;
	return true;
}

static const char *run(const struct node_config *config, char *error, size_t size)
{
	const char *why = NULL;
	unsigned rounds = 0;

	for (unsigned port = 0; port < PORTS; port++)
		board_port_set_open(node_board(world.node), port, true);
	for (; !all_back() && rounds < ROUNDS && !why; rounds++) {
		if (step() == NODE_HALTED)
			return "it ended before its time";
		for (unsigned port = 0; port < PORTS; port++)
			feed(port);
		if (rounds == 50)
			why = move(config, error, size);
	}
	if (why)
		return why;
	if (world.wrong || rounds == ROUNDS)
		return world.wrong ? "other bytes came back" : "not all came back";
	if (world.refusals < 10 || rounds < 60)
		return "nothing was tried";
	board_port_set_open(node_board(world.node), 2, false);
	board_port_set_open(node_board(world.node), 2, true);
	step();
	board_port_set_open(node_board(world.node), 1, false);
	step();
	board_port_input(node_board(world.node), 0, "quit", 4);
	for (rounds = 0; rounds < 10; rounds++)
		if (step() == NODE_HALTED)
			return NULL;
	return "it does not end";
}

static bool test(const char *name, const struct image *image, bool modern)
{
	static const char expected[] = "port control.a\ncontrol.a is open\nport link.b\nlink.b is open\n"
				       "port link.c\nlink.c is open\nport link.d\nlink.d is open\n"
				       "link.c is open\nlink.b is closed\n";
	struct node_config config = config_of(image, modern);
	char error[256];
	const char *why;

	memset(&world, 0, sizeof world);
	world.random = modern;
	world.node = node_create(&config, error, sizeof error);
	why = world.node ? run(&config, error, sizeof error) : error;
	if (!why && strcmp(world.text, expected) != 0)
		why = world.text;
	if (world.node)
		node_destroy(world.node);
	if (why)
		printf("not ok %s: %s\n", name, why);
	else
		printf("ok %s\n", name);
	return !why;
}

int main(int argc, char **argv)
{
	struct image image;
	char error[256];
	bool good;

	if (argc != 2 || !image_open(&image, argv[1], error, sizeof error)) {
		printf("not ok link-driver: %s\n", argc == 2 ? error : "which image?");
		return 1;
	}
	good = test("link-driver-legacy", &image, false);
	good &= test("link-driver-modern", &image, true);
	image_close(&image);
	return !good;
}
