/* What the riscv64 runners call. */
#ifndef SKERRY_TEST_BENCH_RUN_GUEST_H
#define SKERRY_TEST_BENCH_RUN_GUEST_H

/* Runs the workload of this build; the exit status. */
int guest_run(void);

#endif
