/* See machine.h. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "test/insn/machine.h"

#define AROUND (UINT64_C(1) << 30) /* bytes on both sides of memory that nobody may touch */

static void bus_note(struct machine *m, uint64_t paddr, unsigned size)
{
	m->bus_instret = m->hart->instret;
	m->bus_paddr = paddr;
	m->bus_size = size;
	m->bus_count++;
	if (m->bus_stop)
		vm_hart_stop(m->hart);
	if (m->bus_write_paddr) {
		memcpy(host_of(m, m->bus_write_paddr), &m->bus_write_value, sizeof(m->bus_write_value));
		vm_written(m->vm, m->bus_write_paddr, sizeof(m->bus_write_value));
	}
}

static bool bus_load(void *context, uint64_t paddr, unsigned size, uint64_t *value)
{
	struct machine *m = context;

	if (paddr - DEVICE >= 4096)
		return false;
	bus_note(m, paddr, size);
	*value = m->bus_value;
	return true;
}

static bool bus_store(void *context, uint64_t paddr, unsigned size, uint64_t value)
{
	struct machine *m = context;

	if (paddr - DEVICE >= 4096)
		return false;
	bus_note(m, paddr, size);
	m->bus_value = size == 8 ? value : value & ((UINT64_C(1) << size * 8) - 1);
	return true;
}

static uint64_t bus_counter(void *context, enum vm_counter which)
{
	struct machine *m = context;

	return which == VM_COUNTER_TIME ? m->hart->instret / 100 : m->hart->instret;
}

static struct vm_regs *answer(void *context, uint64_t *budget)
{
	struct machine *m = context;

	return m->answer ? m->answer(m, budget) : NULL;
}

enum vm_tier machine_tier;

static const char *const tiers[] = {"auto", "interp", "jit"};

bool machine_tier_take(int *argc, char **argv)
{
	if (*argc < 3 || strcmp(argv[1], "--tier") != 0)
		return true;
	while (machine_tier < 3 && strcmp(argv[2], tiers[machine_tier]) != 0)
		machine_tier++;
	*argc -= 2;
	for (int i = 1; i <= *argc; i++)
		argv[i] = argv[i + 2];
	return machine_tier < 3;
}

const char *machine_tier_name(void)
{
	return tiers[machine_tier];
}

static struct machine *create(bool shares, struct machine *other)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct vm_config config = {
		.ram_base = RAM_BASE, .ram_size = RAM_SIZE, .harts = 1, .tier = machine_tier};

	if (!m)
		abort();
	m->around = mmap(NULL, AROUND + RAM_SIZE + AROUND, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->around == MAP_FAILED)
		abort();
	m->ram = m->around + AROUND;
	m->region = other ? other->region : m->around + AROUND / 2;
	if (mprotect(m->ram, RAM_SIZE, PROT_READ | PROT_WRITE) ||
	    mprotect(m->region, REGION_SIZE, PROT_READ | PROT_WRITE))
		abort();
	config.ram = m->ram;
	if (shares) {
		config.region = m->region;
		config.region_base = REGION;
		config.region_size = REGION_SIZE;
	}
	config.ecall = answer;
	config.ecall_context = m;
	config.bus = (struct vm_bus){m, bus_load, bus_store, bus_counter};
	m->vm = vm_create(&config);
	if (!m->vm)
		abort();
	m->hart = vm_hart(m->vm, 0);
	m->next = RAM_BASE;
	m->root = page_new(m);
	vm_hart_set_space(m->hart, m->root, 1);
	return m;
}

struct machine *machine_create(void)
{
	return create(false, NULL);
}

struct machine *machine_create_sharing(void)
{
	return create(true, NULL);
}

struct machine *machine_create_beside(struct machine *other)
{
	return create(true, other);
}

void machine_destroy(struct machine *m)
{
	vm_destroy(m->vm);
	munmap(m->around, AROUND + RAM_SIZE + AROUND);
	free(m);
}

uint64_t page_new(struct machine *m)
{
	uint64_t page = m->next;

	m->next += 4096;
	if (m->next > RAM_BASE + RAM_SIZE)
		abort();
	return page;
}

void *host_of(struct machine *m, uint64_t paddr)
{
	return paddr - REGION < REGION_SIZE ? m->region + (paddr - REGION) : m->ram + (paddr - RAM_BASE);
}

uint64_t *pte_of(struct machine *m, uint64_t root, uint64_t va)
{
	uint64_t table = root;

	for (int level = 2; level > 0; level--) {
		uint64_t *entry = (uint64_t *)host_of(m, table) + (va >> (12 + 9 * level) & 511);

		if (!*entry)
			*entry = page_new(m) >> 12 << 10 | PTE_V;
		table = *entry >> 10 << 12;
	}
	return (uint64_t *)host_of(m, table) + (va >> 12 & 511);
}

void map(struct machine *m, uint64_t va, uint64_t paddr, uint64_t bits)
{
	*pte_of(m, m->root, va) = paddr >> 12 << 10 | bits;
	vm_flush_page(m->vm, 1, va);
}

uint64_t map_new(struct machine *m, uint64_t va, unsigned pages)
{
	uint64_t first = m->next;

	for (unsigned i = 0; i < pages; i++)
		first = i ? (map(m, va + i * 4096, page_new(m), PTE_ALL), first)
			  : (first = page_new(m), map(m, va, first, PTE_ALL), first);
	return first;
}

void poke(struct machine *m, uint64_t va, const void *from, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++) {
		uint64_t paddr = (*pte_of(m, m->root, va + i) >> 10 << 12) + ((va + i) & 4095);

		*(uint8_t *)host_of(m, paddr) = ((const uint8_t *)from)[i];
		vm_written(m->vm, paddr, 1);
	}
}

void peek(struct machine *m, uint64_t va, void *to, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++) {
		uint64_t paddr = (*pte_of(m, m->root, va + i) >> 10 << 12) + ((va + i) & 4095);

		((uint8_t *)to)[i] = *(uint8_t *)host_of(m, paddr);
	}
}

/* A linear congruential generator, its high bits mixed. */
uint64_t random_next(struct random *r)
{
	uint64_t z;

	r->state = r->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	z = r->state ^ r->state >> 29;
	return z ^ z << 32;
}

uint64_t random_below(struct random *r, uint64_t bound)
{
	return (random_next(r) >> 32) % bound;
}

static uint64_t hash_bytes(uint64_t hash, const void *data, uint64_t size)
{
	for (uint64_t i = 0; i < size; i += 8) {
		uint64_t word;

		memcpy(&word, (const uint8_t *)data + i, 8);
		hash = (hash ^ word) * UINT64_C(0x100000001b3);
		hash ^= hash >> 31;
	}
	return hash;
}

uint64_t machine_hash(struct machine *m)
{
	uint64_t hash = hash_bytes(1, m->regs.x, 32 * 8);

	hash = hash_bytes(hash, m->regs.f, 32 * 8);
	hash = hash_bytes(hash, &m->regs.fcsr, 8);
	hash = hash_bytes(hash, &m->regs.pc, 8);
	return hash_bytes(hash, m->ram, m->next - RAM_BASE);
}
