/* Recursive Fibonacci numbers: calls, returns and the stack. The scale is the index. */
#include "test/bench/workload.h"

static uint64_t fib(unsigned n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

uint64_t workload_fib(unsigned scale)
{
	return fib(scale);
}
