/*
 * The kernel's own address space: its image page by page with the rights each part needs, and all
 * physical memory in the window, without the parts of the image that must not be written.
 *
 * metal_tables() runs before these tables do, wherever the loader put us: it uses no address but its
 * own and those relative to it.
 */
#include "port/isa-riscv64/sv39.h"
#include "port/metal-riscv64/metal.h"

#define ENTRIES     512
#define PAGE        4096ull
#define MEGA        (1ull << 21)
#define GIGA        (1ull << 30)
#define PTE_G       0x20ull
#define LINK_BASE   0xffffffff80000000ull
#define WINDOW_SLOT 256 /* of the root: where ISA_WINDOW begins */

#define RW          (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | PTE_G)
#define RX          (PTE_V | PTE_R | PTE_X | PTE_A | PTE_G)
#define RO          (PTE_V | PTE_R | PTE_A | PTE_G)

static uint64_t metal_root[ENTRIES] __attribute__((aligned(4096)));
static uint64_t link_l1[ENTRIES] __attribute__((aligned(4096))); /* the GiB where we are linked */
static uint64_t link_l0[ENTRIES] __attribute__((aligned(4096))); /* its 2 MiB with the image */
static uint64_t window_l1[ENTRIES]
	__attribute__((aligned(4096))); /* the GiB of the window with RAM's start */
static uint64_t window_l0[ENTRIES] __attribute__((aligned(4096))); /* its 2 MiB with the image */

extern char _text_end[], _rodata_end[], _stack_guard[], _start[], _fault_stack_top[];

/* Entries [first, end) of a table: `size` bytes each, one behind the other from paddr on. */
static void fill(uint64_t *table, uint64_t first, uint64_t end, uint64_t paddr, uint64_t size, uint64_t flags)
{
	uint64_t pte = pte_make(paddr, flags), step = pte_make(size, 0);

	for (uint64_t *entry = &table[first]; entry < &table[end]; entry++, pte += step)
		*entry = pte;
}

uint64_t metal_tables(uint64_t to_physical)
{
	uint64_t start = (uint64_t)_start + to_physical, giga = start / GIGA * GIGA,
		 mega = start / MEGA * MEGA;
	uint64_t slot = (start - giga) / MEGA;
	uint64_t text = (start - mega) / PAGE;
	uint64_t rodata = text + (uint64_t)(_text_end - _start) / PAGE;
	uint64_t data = text + (uint64_t)(_rodata_end - _start) / PAGE;
	uint64_t end = text + (uint64_t)(_fault_stack_top - _start + PAGE - 1) / PAGE;

#define TABLE(table) pte_make((uint64_t)(table) + to_physical, PTE_V)
	fill(metal_root, WINDOW_SLOT, WINDOW_SLOT + WINDOW_PADDR_END / GIGA, 0, GIGA, RW);
	metal_root[WINDOW_SLOT + start / GIGA] = TABLE(window_l1);
	metal_root[(LINK_BASE / GIGA) % ENTRIES] = TABLE(link_l1);
	link_l1[slot] = TABLE(link_l0);
	/* What lies below the kernel is the firmware's. */
	fill(window_l1, slot, ENTRIES, mega, MEGA, RW);
	window_l1[slot] = TABLE(window_l0);
	fill(window_l0, 0, ENTRIES, mega, PAGE, RW);
	fill(window_l0, text, data, start, PAGE, RO);
	fill(link_l0, text, rodata, start, PAGE, RX);
	fill(link_l0, rodata, data, mega + rodata * PAGE, PAGE, RO);
	fill(link_l0, data, end, mega + data * PAGE, PAGE, RW);
	link_l0[text + (uint64_t)(_stack_guard - _start) / PAGE] = 0;
	return SATP_SV39 | ((uint64_t)metal_root + to_physical) >> seL4_PageBits;
#undef TABLE
}

void machine_vspace_init(uint64_t root_paddr)
{
	uint64_t *root = machine_pointer(isa_kref(root_paddr));

#pragma GCC unroll 8
	for (unsigned i = WINDOW_SLOT; i < ENTRIES; i++)
		root[i] = metal_root[i];
	/* Without operands, for these entries are global. */
	__asm__ volatile("sfence.vma" ::: "memory");
}

/* The ASIDs that satp can hold: it keeps what it has of the bits that are written. */
__attribute__((noipa, cold)) uint64_t metal_asids(void)
{
	uint64_t old = CSR_READ(satp), asids;

	CSR_WRITE(satp, old | SATP_ASIDS);
	asids = CSR_READ(satp) & SATP_ASIDS;
	CSR_WRITE(satp, old);
	return asids;
}

/* The first instruction of the way out of the kernel becomes a jump (ISA manual, 2.5: JAL's immediate). */
__attribute__((cold)) void metal_flush_at_exit(void)
{
	extern char leave[], leave_flushing[];
	uint64_t *text = &link_l0[(uint64_t)leave / PAGE % ENTRIES], before = *text;
	uint32_t distance = (uint32_t)(leave_flushing - leave);

	*text = before | RW;
	__asm__ volatile("sfence.vma" ::: "memory");
	*(volatile uint32_t *)leave = 0x6f | (distance >> 20 & 1) << 31 | (distance >> 1 & 0x3ff) << 21 |
				      (distance >> 11 & 1) << 20 | (distance >> 12 & 0xff) << 12;
	*text = before;
	__asm__ volatile("sfence.vma\n\tfence.i" ::: "memory");
}
