/*
 * Runs a workload as an ordinary program of the host: what every other figure is divided by.
 *
 *   native NAME          its checksum, and the processor time it took in ns; status 1 if it is wrong
 *   native NAME SCALE    the same at another scale
 *   native --list        the table of workload.def
 *   native --tsc         the frequency of the host's time-stamp counter in Hz
 *
 * bench.py takes the time from outside, in the same way for all runners; the time printed here is
 * for people.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "test/bench/workload.h"

static const struct workload {
	const char *name;
	uint64_t (*run)(unsigned scale);
	unsigned scale;
	uint64_t checksum;
} workloads[] = {
#define WORKLOAD(name, scale, checksum) {#name, workload_##name, scale, checksum},
#include "test/bench/workload.def"
#undef WORKLOAD
};

enum { WORKLOADS = sizeof workloads / sizeof workloads[0] };

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static double tsc_hz(void)
{
	uint64_t ns = clock_ns(CLOCK_MONOTONIC);
	uint64_t ticks = __rdtsc();

	while (clock_ns(CLOCK_MONOTONIC) - ns < 100000000)
		;
	ticks = __rdtsc() - ticks;
	ns = clock_ns(CLOCK_MONOTONIC) - ns;
	return (double)ticks * 1e9 / (double)ns;
}

static int workload_run(const struct workload *workload, const char *scale)
{
	uint64_t ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t checksum = workload->run(scale ? (unsigned)strtoul(scale, NULL, 0) : workload->scale);

	ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - ns;
	printf("%-8s 0x%016" PRIx64 " %" PRIu64 " ns\n", workload->name, checksum, ns);
	return scale || checksum == workload->checksum ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (unsigned i = 0; i < WORKLOADS; i++)
			printf("%s %u 0x%016" PRIx64 "\n", workloads[i].name, workloads[i].scale,
			       workloads[i].checksum);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--tsc") == 0) {
		printf("%.0f\n", tsc_hz());
		return 0;
	}
	for (unsigned i = 0; argc >= 2 && i < WORKLOADS; i++)
		if (strcmp(argv[1], workloads[i].name) == 0)
			return workload_run(&workloads[i], argv[2]);
	fprintf(stderr, "usage: native NAME [SCALE] | --list | --tsc\n");
	return 2;
}
