/*
 * A loader that hands over as upstream's does (boot.md §7): paging on in tables of its own, the kernel where its
 * ELF says, image and device tree where no other test puts them, so that memory is free before and
 * behind each. Supervisor mode, started by the firmware.
 */
#include <elf.h>
#include <stdint.h>
#include <string.h>

#define FDT_AT        0x86003000ul
#define IMAGE_AT      0x88042000ul
#define MEMORY_GIGA   0x80000000ul /* holds kernel, loader and image */
#define KERNEL_WINDOW 0xffffffff80000000ul

#define PAGE          4096ul
#define RWX           0xcful /* valid, accessed, dirty */
#define SATP_SV39     (8ul << 60)
#define ENTRIES       512

extern const char kernel[], root_server[];
__asm__(".section .rodata\n"
	".balign 8\n"
	".globl kernel\n"
	"kernel: .incbin \"" KERNEL "\"\n"
	".balign 8\n"
	".globl root_server\n"
	"root_server: .incbin \"" ROOT "\"\n"
	".section .text.start, \"ax\"\n"
	".globl _start\n"
	"_start: la sp, loader_stack + 8192\n\t"
	"j load\n"
	".text\n");

char loader_stack[8192] __attribute__((aligned(16)));
static uint64_t root[ENTRIES] __attribute__((aligned(4096)));
static uint64_t window[ENTRIES] __attribute__((aligned(4096)));

struct extent {
	uint64_t low, high; /* virtual, whole pages */
};

static struct extent extent_of(const char *elf)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)elf;
	const Elf64_Phdr *segment = (const Elf64_Phdr *)(elf + header->e_phoff);
	struct extent extent = {~0ul, 0};

	for (unsigned i = 0; i < header->e_phnum; i++, segment++) {
		uint64_t low = segment->p_vaddr & -PAGE;
		uint64_t high = (segment->p_vaddr + segment->p_memsz + PAGE - 1) & -PAGE;

		if (segment->p_type != PT_LOAD)
			continue;
		extent.low = low < extent.low ? low : extent.low;
		extent.high = high > extent.high ? high : extent.high;
	}
	return extent;
}

/* Puts an ELF's segments in memory; what is virtually at extent.low goes to `at`. Returns its entry. */
static uint64_t load_elf(const char *elf, struct extent extent, uint64_t at)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)elf;
	const Elf64_Phdr *segment = (const Elf64_Phdr *)(elf + header->e_phoff);

	memset((void *)at, 0, extent.high - extent.low);
	for (unsigned i = 0; i < header->e_phnum; i++, segment++)
		if (segment->p_type == PT_LOAD)
			memcpy((void *)(at + segment->p_vaddr - extent.low), elf + segment->p_offset,
			       segment->p_filesz);
	return header->e_entry;
}

static uint64_t big_endian(const void *word)
{
	return __builtin_bswap32(*(const uint32_t *)word);
}

_Noreturn void load(uint64_t hart, const char *fdt)
{
	struct extent image = extent_of(root_server), kernel_extent = extent_of(kernel);
	uint64_t fdt_size = big_endian(fdt + 4);
	uint64_t entry = load_elf(root_server, image, IMAGE_AT);
	uint64_t kernel_entry =
		load_elf(kernel, kernel_extent, kernel_extent.low - KERNEL_WINDOW + MEMORY_GIGA);

	(void)hart;
	memcpy((void *)FDT_AT, fdt, fdt_size);
	root[MEMORY_GIGA >> 30] = MEMORY_GIGA >> 2 | RWX;
	root[(KERNEL_WINDOW >> 30) % ENTRIES] = (uint64_t)window >> 2 | 1;
	for (uint64_t i = 0; i < ENTRIES; i++)
		window[i] = (MEMORY_GIGA + (i << 21)) >> 2 | RWX;

	register uint64_t a0 __asm__("a0") = IMAGE_AT;
	register uint64_t a1 __asm__("a1") = IMAGE_AT + (image.high - image.low);
	register uint64_t a2 __asm__("a2") = IMAGE_AT - image.low;
	register uint64_t a3 __asm__("a3") = entry;
	register uint64_t a4 __asm__("a4") = FDT_AT;
	register uint64_t a5 __asm__("a5") = fdt_size;
	__asm__ volatile("sfence.vma\n\t"
			 "csrw satp, %0\n\t"
			 "sfence.vma\n\t"
			 "fence.i\n\t"
			 "jr %1" ::"r"(SATP_SV39 | (uint64_t)root >> 12),
			 "r"(kernel_entry), "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
			 : "memory");
	__builtin_unreachable();
}
