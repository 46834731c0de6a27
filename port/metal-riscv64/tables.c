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

extern char _text_end[], _rodata_end[], _stack_guard[], _start[];

uint64_t metal_tables(uint64_t to_physical)
{
	uint64_t text = (uint64_t)_start + to_physical, rodata = (uint64_t)_text_end + to_physical;
	uint64_t data = (uint64_t)_rodata_end + to_physical, guard = (uint64_t)_stack_guard + to_physical;
	uint64_t slot = (text % GIGA) / MEGA;

#define TABLE(table) pte_make((uint64_t)(table) + to_physical, PTE_V)
	for (uint64_t i = 0; i < ENTRIES / 2 - 2; i++)
		metal_root[WINDOW_SLOT + i] = pte_make(i * GIGA, RW);
	metal_root[WINDOW_SLOT + text / GIGA] = TABLE(window_l1);
	metal_root[(LINK_BASE / GIGA) % ENTRIES] = TABLE(link_l1);
	link_l1[slot] = TABLE(link_l0);
	/* What lies below the kernel is the firmware's. */
	for (uint64_t i = slot; i < ENTRIES; i++)
		window_l1[i] = pte_make(text / GIGA * GIGA + i * MEGA, RW);
	window_l1[slot] = TABLE(window_l0);
	for (uint64_t i = 0; i < ENTRIES; i++) {
		uint64_t paddr = text / MEGA * MEGA + i * PAGE;

		link_l0[i] = pte_make(paddr, paddr < rodata ? RX : paddr < data ? RO : RW);
		window_l0[i] = pte_make(paddr, paddr < data ? RO : RW);
		if (paddr == guard)
			link_l0[i] = 0;
	}
	return SATP_SV39 | ((uint64_t)metal_root + to_physical) >> seL4_PageBits;
#undef TABLE
}

void machine_vspace_init(uint64_t root_paddr)
{
	uint64_t *root = machine_pointer(isa_kref(root_paddr));

	for (unsigned i = WINDOW_SLOT; i < ENTRIES; i++)
		root[i] = metal_root[i];
}
