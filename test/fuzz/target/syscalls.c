/*
 * Bytes as a program of system calls on the stub machine: the generator of test/fuzz/calls.c with the
 * fuzzer's bytes for its dice. All state is verified after each entry.
 */
#include <stdio.h>
#include <stdlib.h>

#include "test/fuzz/calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void report_and_stop(void)
{
	calls_report();
	fflush(stdout);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	test_on_failure = report_and_stop;
	calls_verbose = getenv("CALLS_VERBOSE");
	calls_of_bytes(data, size);
	return 0;
}
