/*
 * A machine for the tests of the VM: RAM, maybe a region, one hart, page tables in RAM made by map(), and a
 * device page that records what is done to it. Owned by one test at a time.
 */
#ifndef SKERRY_TEST_INSN_MACHINE_H
#define SKERRY_TEST_INSN_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/vm.h"

#define RAM_BASE    UINT64_C(0x80000000)
#define RAM_SIZE    UINT64_C(0x2000000)
#define DEVICE      UINT64_C(0x10000000) /* a page of device registers */
#define REGION      UINT64_C(0x40000000)
#define REGION_SIZE UINT64_C(0x4000)

#define PTE_V       0x01
#define PTE_R       0x02
#define PTE_W       0x04
#define PTE_X       0x08
#define PTE_U       0x10
#define PTE_A       0x40
#define PTE_D       0x80
#define PTE_ALL     (PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D)

struct machine {
	struct vm *vm;
	struct vm_hart *hart;
	uint8_t *around; /* memory, and what is on both sides of it */
	uint8_t *ram, *region;
	uint64_t next; /* free physical page */
	uint64_t root;
	struct vm_regs regs;
	/* Answers ecalls, as `ecall` in struct vm_config; NULL: vm_run() comes back. */
	struct vm_regs *(*answer)(struct machine *m, uint64_t *budget);
	void *answer_context; /* the answer's own */

	/* what the bus saw */
	uint64_t bus_instret, bus_paddr, bus_value;
	unsigned bus_size, bus_count;
	bool bus_stop;            /* the device asks for a stop */
	uint64_t bus_write_paddr; /* the device writes bus_write_value there, if not 0 */
	uint32_t bus_write_value;
};

extern enum vm_tier machine_tier; /* of the machines that are made */
/* Takes "--tier auto|interp|jit" from the arguments; false if there is something wrong with it. */
bool machine_tier_take(int *argc, char **argv);
const char *machine_tier_name(void);

/* One without a region, one with, and one whose region is another machine's, which must stay as long. */
struct machine *machine_create(void);
struct machine *machine_create_sharing(void);
struct machine *machine_create_beside(struct machine *other);
void machine_destroy(struct machine *m);

uint64_t page_new(struct machine *m);
void *host_of(struct machine *m, uint64_t paddr);

/* The entry for va in the table at root; tables are made as needed. */
uint64_t *pte_of(struct machine *m, uint64_t root, uint64_t va);
void map(struct machine *m, uint64_t va, uint64_t paddr, uint64_t bits);
uint64_t map_new(struct machine *m, uint64_t va, unsigned pages);

/* Copies to and from mapped memory. */
void poke(struct machine *m, uint64_t va, const void *from, uint64_t size);
void peek(struct machine *m, uint64_t va, void *to, uint64_t size);

/* A generator that gives the same numbers everywhere. */
struct random {
	uint64_t state;
};
uint64_t random_next(struct random *r);
uint64_t random_below(struct random *r, uint64_t bound);
/* An integer, and what may lie in a floating-point register; edges often (values.c). */
uint64_t random_int(struct random *r);
uint64_t random_freg(struct random *r);

/*
 * Are two machines the same in what can be seen when they have stopped: why, registers, instret, what the
 * device saw; and in memory? False, with the first difference in `why` (200 bytes), if not; the first is the
 * one that interprets.
 */
bool machine_same(const struct machine *a, enum vm_stop stop, const struct machine *b, enum vm_stop other,
		  char *why);
bool machine_same_memory(const struct machine *a, const struct machine *b, char *why);

/* Hash of registers and RAM. */
uint64_t machine_hash(struct machine *m);

#endif
