/*
 * What a debugger sends: packets of GDB's protocol, one for each line of the input, framed here so that they
 * pass the sum; a line that begins with ! goes out as it is. Between them the node, a system of several
 * processes at work, runs when it may.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/gdb.h"
#include "test/fuzz/target/snapshot_world.h"

#define STEP_NS 500
#define FRAME   4 /* bytes around the contents */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sent;

static void send_bytes(void *context, const void *bytes, size_t size)
{
	(void)context;
	for (size_t i = 0; i < size; i++)
		sent += ((const uint8_t *)bytes)[i];
}

static void send_line(struct gdb *gdb, const uint8_t *line, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *packet, sum = 0;

	if (size > 0 && *line == '!') {
		gdb_receive(gdb, line + 1, size - 1);
		return;
	}
	packet = malloc(size + FRAME);
	if (!packet)
		abort();
	packet[0] = '$';
	memcpy(packet + 1, line, size);
	for (size_t i = 0; i < size; i++)
		sum += line[i];
	packet[size + 1] = '#';
	packet[size + 2] = (uint8_t)digits[sum >> 4];
	packet[size + 3] = (uint8_t)digits[sum & 15];
	gdb_receive(gdb, packet, size + FRAME);
	free(packet);
}

static void run(struct node *node, struct gdb *gdb)
{
	uint64_t until;

	if (gdb_holds(gdb))
		return;
	switch (node_step(node, STEP_NS, &until)) {
	case NODE_STOPPED:
		gdb_stopped(gdb);
		break;
	case NODE_IDLE:
		if (until == NODE_FOREVER)
			gdb_stuck(gdb);
		else
			node_skip_to(node, until);
		break;
	case NODE_HALTED:
		gdb_ended(gdb, node_exit_status(node));
		break;
	default:
		break;
	}
	gdb_observe(gdb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct world *world = world_of(0);
	struct node_config config = outside_config();
	char error[256];
	struct node *node;
	struct gdb *gdb;

	outside_reset();
	node = node_create_restored(&config, world->snapshot, error, sizeof error);
	gdb = node ? gdb_create(node, &world->image, send_bytes, NULL) : NULL;
	if (!gdb)
		abort();
	gdb_connected(gdb);
	while (size > 0 && !gdb_is_done(gdb) && !gdb_is_killed(gdb)) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t length = end ? (size_t)(end - data) : size;

		send_line(gdb, data, length);
		run(node, gdb);
		length += end != NULL;
		data += length;
		size -= length;
	}
	gdb_disconnected(gdb);
	gdb_destroy(gdb);
	node_destroy(node);
	return 0;
}
