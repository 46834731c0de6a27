/* No work: what a process costs before and after it, subtracted from every other figure. */
#include "test/bench/workload.h"

uint64_t workload_empty(unsigned scale)
{
	return scale;
}
