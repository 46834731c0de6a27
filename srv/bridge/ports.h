/*
 * What the bridge asks of the machine: ports and a clock. There are two: ports_link.c drives the link device
 * and the board's clock, tests put bridges of one node together (test/cluster). All functions run in the
 * bridge's main thread and none waits; what the device and the clock have to say comes as the notification's
 * badges below.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BRIDGE_BADGE_EVENT (UINT64_C(1) << 63) /* in each badge of the notification */
#define BRIDGE_BADGE_PORTS (UINT64_C(1) << 62)
#define BRIDGE_BADGE_CLOCK (UINT64_C(1) << 61)

struct bridge_ports {
	void *context;

	void (*start)(void *context);

	/* Ports are 0 to count - 1; names are "control.SELF" and "link.PEER", null for one that is not there.
	 */
	unsigned (*count)(void *context);
	const char *(*name)(void *context, unsigned port);

	/* How often the port was opened by the other side; 0: it is closed now. */
	unsigned (*opened)(void *context, unsigned port);

	/* Takes all of it, or nothing and says BRIDGE_BADGE_PORTS when it is worth trying again. */
	bool (*send)(void *context, unsigned port, const void *bytes, size_t size);

	/* What has arrived, at most `size` bytes; fewer than that: it was all. */
	size_t (*receive)(void *context, unsigned port, void *bytes, size_t size);

	/* After BRIDGE_BADGE_PORTS or BRIDGE_BADGE_CLOCK, before any of the above. */
	void (*interrupt)(void *context, uint64_t badges);

	uint64_t (*now)(void *context); /* ns */

	/* Says BRIDGE_BADGE_CLOCK at that time, once; each call replaces the time of the one before. */
	void (*alarm)(void *context, uint64_t at_ns);
};
