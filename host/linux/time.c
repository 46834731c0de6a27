/* The clocks of Linux, and its dice. */
#include "host/host.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static uint64_t read_clock(clockid_t which)
{
	struct timespec time;

	clock_gettime(which, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

uint64_t host_clock_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t host_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

void host_random(void *bytes, size_t size)
{
	uint8_t *cursor = bytes;

	while (size > 0) {
		ssize_t got = getrandom(cursor, size, 0);

		if (got < 0 && errno != EINTR)
			abort(); /* there is no kernel without it */
		if (got > 0) {
			cursor += got;
			size -= (size_t)got;
		}
	}
}
