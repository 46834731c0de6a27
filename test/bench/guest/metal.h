/*
 * What the parts of the bare-metal benchmark share: counting instructions, reporting them, and the other
 * thread of an operation that takes two. Everything is counted in user mode, around the plain stubs of lib/.
 */
#pragma once

#include <stdbool.h>
#include <skerry/process.h>

/* A loop's operations are counted BATCH at once, single ones one by one; either is done SAMPLES times. */
enum { BATCH = 100, SAMPLES = 33 };

/* The measuring thread has priority MIDDLE. */
enum { LOW = 50, MIDDLE = 100, HIGH = 150 };

static inline seL4_Word instret(void)
{
	seL4_Word value;

	__asm__ volatile("rdinstret %0" : "=r"(value)::"memory");
	return value;
}

/* Instructions between two readings: the second reading is not one of them. */
static inline seL4_Word between(seL4_Word before, seL4_Word after)
{
	return after - before - 1;
}

/* Prints "name value": the median of the samples, each of which counted `operations`. Sorts them. */
void report_batches(const char *name, seL4_Word samples[SAMPLES], seL4_Word operations);

static inline void report(const char *name, seL4_Word samples[SAMPLES])
{
	report_batches(name, samples, 1);
}

/* The median of SAMPLES batches of a statement. */
#define REPORT_LOOP(name, statement)                                                                         \
	do {                                                                                                 \
		seL4_Word samples_[SAMPLES];                                                                 \
		for (unsigned sample_ = 0; sample_ < SAMPLES; sample_++) {                                   \
			seL4_Word before_ = instret();                                                       \
			for (unsigned i_ = 0; i_ < BATCH; i_++)                                              \
				statement;                                                                   \
			samples_[sample_] = between(before_, instret());                                     \
		}                                                                                            \
		report_batches(name, samples_, BATCH);                                                       \
	} while (0)

/* One page that is mapped in all address spaces, at the same address. */
struct shared {
	seL4_CPtr cap[4]; /* what the other thread works with, as it names them */
	seL4_Word address;
	volatile seL4_Word stamp[4][SAMPLES];
};
extern struct shared *shared;

enum space { SAME_SPACE, OTHER_SPACE };
enum fpu { FPU_DISABLED, FPU_OWNED };

struct peer {
	struct sk_process process;
	enum space space;
	seL4_CPtr tcb, vspace;
	seL4_Word given;
};

/* A thread that does not run yet; `entry` finds what it is given in shared->cap, in that order. */
void peer_new(struct peer *peer, enum space space, enum fpu fpu, seL4_Word priority, seL4_CPtr fault_ep);
void peer_give(struct peer *peer, seL4_CPtr cap);
void peer_start(struct peer *peer, void (*entry)(void *));
void peer_stop(struct peer *peer);

void fpu_set(seL4_CPtr tcb, enum fpu fpu);

/* The parts: each reports the rows that it is named for. */
void metal_ipc(void);
void metal_signals(void);
void metal_faults(void);
void metal_objects(void);
void metal_interrupts(void);
