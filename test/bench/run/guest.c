/*
 * The part of every riscv64 runner that is the same: runs the workload that the build names by
 * WORKLOAD_NAME, at its size, and says with which status to end: 0 if the checksum is right, 1 if
 * not. A root server calls it from root.c, a Linux process from linux.S, a bare machine from metal.S.
 */
#include "test/bench/run/guest.h"
#include "test/bench/workload.h"

#define WORKLOAD(name, scale, checksum)                                                                      \
	enum { scale_##name = scale };                                                                       \
	static const uint64_t checksum_##name __attribute__((unused)) = checksum;
#include "test/bench/workload.def"
#undef WORKLOAD

#define JOIN(a, b)      a##b
#define JOIN_NAME(a, b) JOIN(a, b)
#define SELECTED(what)  JOIN_NAME(what, WORKLOAD_NAME)

int guest_run(void)
{
	return SELECTED(workload_)(SELECTED(scale_)) == SELECTED(checksum_) ? 0 : 1;
}
