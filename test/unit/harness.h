/*
 * The kernel on the stub machine, for tests: boots it with a root server of one page, performs system
 * calls as its current thread, and verifies all of its state after each entry.
 */
#ifndef SKERRY_TEST_HARNESS_H
#define SKERRY_TEST_HARNESS_H

#include <sel4/bootinfo_types.h>

#include "kernel/core/boot.h"
#include "kernel/core/check.h"
#include "port/stub/stub.h"

#define IMAGE_VADDR 0x400000ull
#define WORDS_MAX   (seL4_MsgMaxLength + 8)

struct world_config {
	uint64_t ram_size; /* a power of two, at least 8 MiB */
	unsigned root_bits;
	unsigned domains;
};

/* Boots. The root server is the current thread. */
void world_boot(const struct world_config *config);
struct kernel *world_kernel(void);
/* The thread that runs, or NULL. */
struct tcb *world_current(void);
/* Enters the kernel and verifies its state; how thoroughly: see world_check. */
void world_enter(const struct trap *trap);
/* System calls go the slow way. */
extern bool world_slow_path;
void world_syscall(int64_t number, uint64_t cptr, uint64_t info);
void world_interrupt(unsigned irq);

enum check {
	CHECK_NOTHING,
	CHECK_KERNEL, /* kernel_check() */
	CHECK_AUDIT,  /* and audit() */
	CHECK_MEMORY, /* and audit_memory() */
};
extern enum check world_check;

/*
 * What kernel_check() leaves out because it needs memory of its own: that every full slot lies in a live
 * object, that no two objects overlap, that capabilities to one object are neighbours, that queues hold
 * live threads only. NULL, or what is wrong.
 */
const char *audit(uint64_t *where);
/* That mappings lead to frames and tables that exist, and that memory not given out is zero. */
const char *audit_memory(uint64_t *where);

/* --- invocations: a Call by the current thread, done again until it is through ------------------- */

struct args {
	unsigned words, caps;
	uint64_t word[WORDS_MAX];
	uint64_t cap[seL4_MsgMaxExtraCaps];
};
/* The error; MR0 is in *result if that is not NULL. */
seL4_Error invoke(uint64_t cptr, unsigned label, const struct args *args, uint64_t *result);
/* After the caller's entry: false if its call was preempted; else it is back at `pc`, with the answer's error. */
bool call_ended(struct tcb *tcb, uint64_t pc, seL4_Error *error);
/* As invoke(), but one entry only: false if it was preempted and is to be done again. */
bool invoke_once(uint64_t cptr, unsigned label, const struct args *args, seL4_Error *error);
/* Puts the arguments where the kernel will look for them; returns the information word. */
uint64_t put_args(struct tcb *tcb, unsigned label, const struct args *args);

#define ARGS(...)       .words = sizeof((uint64_t[]){__VA_ARGS__}) / 8, .word = {__VA_ARGS__}
#define CAPS(...)       .caps = sizeof((uint64_t[]){__VA_ARGS__}) / 8, .cap = {__VA_ARGS__}
#define INVOKE(cptr, label, ...) invoke(cptr, label, &(struct args){__VA_ARGS__}, NULL)

/* The common ones, with the root CNode (slot numbers are capability addresses). */
#define ROOT_DEPTH 64
seL4_Error retype(uint64_t untyped, unsigned type, unsigned bits, uint64_t first_slot, unsigned count);
seL4_Error cnode_delete(uint64_t slot);
seL4_Error cnode_revoke(uint64_t slot);
seL4_Error cnode_copy(uint64_t to, uint64_t from, uint64_t rights);
seL4_Error cnode_mint(uint64_t to, uint64_t from, uint64_t rights, uint64_t data);
/* The same with another CNode of `radix` bits (guard 0) in root slot `node`. */
seL4_Error copy_into(uint64_t node, unsigned radix, uint64_t to, uint64_t from);
seL4_Error move_into(uint64_t node, unsigned radix, uint64_t to, uint64_t from);
/* The untyped in the root CNode with the most memory; *bits is its size. */
uint64_t largest_untyped(unsigned *bits);
/* The slot of the root CNode. */
struct slot *root_slot(uint64_t index);
/* The first empty slot, at and behind which all are empty. */
uint64_t first_empty(void);

/* --- tests ---------------------------------------------------------------------------------------- */

/* Runs the test and prints its line; a failure in it (see below) ends it. */
void test_run(const char *name, void (*test)(void));
/* The same, with a line only if it fails. */
void test_run_quiet(const char *name, void (*test)(void));
int test_end(void);
/* Only tests whose name contains this run. */
extern const char *test_only;
__attribute__((noreturn, format(printf, 1, 2))) void test_fail(const char *format, ...);
/* Called before a failure is reported. */
extern void (*test_on_failure)(void);

#define CHECK_THAT(condition)                                                    \
	do {                                                                     \
		if (!(condition))                                                \
			test_fail("%s:%d: %s", __FILE__, __LINE__, #condition);  \
	} while (0)
#define CHECK_OK(call)                                                                         \
	do {                                                                                   \
		seL4_Error error_ = (call);                                                    \
		if (error_ != seL4_NoError)                                                    \
			test_fail("%s:%d: %s gave error %d", __FILE__, __LINE__, #call, error_); \
	} while (0)

/* --- random numbers: splitmix64 --------------------------------------------------------------------- */

struct random {
	uint64_t state;
};

static inline uint64_t random_word(struct random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline uint64_t random_below(struct random *random, uint64_t limit)
{
	return random_word(random) % limit;
}

static inline bool random_chance(struct random *random, unsigned percent)
{
	return random_below(random, 100) < percent;
}

#endif
