/* A program that does a little of this and that and is soon over: some 5 ms when it is interpreted. */
#include "test/bench/workload.h"

int main(void)
{
	uint64_t sum = 0;

	sum += workload_mixed(4);
	sum += workload_records(300);
	sum += workload_aes(1);
	sum += workload_nbody(200);
	sum += workload_fib(10);
	sum += workload_bytecode(20);
	return sum == 0;
}
