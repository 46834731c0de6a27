/* The clocks of Linux. */
#include "host/host.h"

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
