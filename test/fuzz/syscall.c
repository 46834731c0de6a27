/*
 * Random system calls from seeds (calls.h):
 *
 *   --seed S --worlds N --calls M    worlds with the seeds S … S+N-1, M steps each
 *   --seconds T                      no new world after that time
 *   --verbose                        names each step
 *
 * A run is a pure function of its seed: `--seed S --calls N+1 --verbose` shows what led to a failure in
 * step N of world S.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/fuzz/calls.h"

static struct {
	uint64_t seed, worlds, calls, seconds;
	bool statistics;
} options = {.seed = 1, .worlds = 1, .calls = 3000, .seconds = UINT64_MAX};

static uint64_t seed; /* of the world at hand */

static void run_world(void)
{
	calls_of_seed(seed, options.calls);
}

static bool parse(int argc, char **argv)
{
	const struct {
		const char *name;
		uint64_t *value;
	} numbers[] = {{"--seed", &options.seed},
		       {"--worlds", &options.worlds},
		       {"--calls", &options.calls},
		       {"--seconds", &options.seconds}};

	for (int i = 1; i < argc; i++) {
		bool known = true;

		if (!strcmp(argv[i], "--verbose"))
			calls_verbose = true;
		else if (!strcmp(argv[i], "--stats"))
			options.statistics = true;
		else
			known = false;
		for (size_t j = 0; !known && i + 1 < argc && j < sizeof numbers / sizeof *numbers; j++) {
			if (!strcmp(argv[i], numbers[j].name)) {
				*numbers[j].value = strtoull(argv[++i], NULL, 0);
				known = true;
			}
		}
		if (!known)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	time_t start = time(NULL);
	uint64_t end;

	if (!parse(argc, argv)) {
		fprintf(stderr, "usage: syscall [--seed S] [--worlds N] [--calls M] [--seconds T] [--verbose] "
				"[--stats]\n");
		return 2;
	}
	test_on_failure = calls_report;
	end = options.seed + options.worlds;
	printf("# seeds %" PRIu64 " to %" PRIu64 ", %" PRIu64 " steps each\n", options.seed, end - 1, options.calls);
	for (seed = options.seed; seed < end && (uint64_t)(time(NULL) - start) < options.seconds; seed++) {
		char name[64];

		snprintf(name, sizeof name, "syscalls-seed-%" PRIu64, seed);
		test_run_quiet(name, run_world);
	}
	printf("# %" PRIu64 " steps, the next seed is %" PRIu64 "\n", calls_done(), seed);
	if (options.statistics)
		calls_print_statistics();
	if (test_end())
		return 1;
	printf("ok random-system-calls\n");
	return 0;
}
