/*
 * How many instructions do the bench's workloads take, counted by the guest? The soft machine's answer
 * must be that of QEMU's system mode under -icount, instruction for instruction (test/metal/icount).
 * Each is run several times and the least is printed: an interrupt in between costs more, so each must take
 * less than a tick of the kernel (2 ms).
 */
#include <stdio.h>

#include "test/bench/workload.h"

#define TRIES 8

static unsigned long instret(void)
{
	unsigned long value;

	__asm__ volatile("rdinstret %0" : "=r"(value)::"memory");
	return value;
}

static void count(const char *name, uint64_t (*workload)(unsigned), unsigned scale)
{
	unsigned long least = ~0ul;
	uint64_t checksum = 0;

	for (int i = 0; i < TRIES; i++) {
		unsigned long before = instret(), spent;

		checksum = workload(scale);
		spent = instret() - before;
		least = spent < least ? spent : least;
	}
	printf("%s %u: %lu instructions, checksum %lx\n", name, scale, least, (unsigned long)checksum);
}

int main(void)
{
	count("mixed", workload_mixed, 1);
	count("records", workload_records, 200);
	count("records", workload_records, 777);
	count("aes", workload_aes, 1);
	count("nbody", workload_nbody, 100);
	count("nbody", workload_nbody, 333);
	count("fib", workload_fib, 12);
	count("fib", workload_fib, 17);
	count("bytecode", workload_bytecode, 10);
	count("bytecode", workload_bytecode, 33);
	count("empty", workload_empty, 0);
	return 0;
}
