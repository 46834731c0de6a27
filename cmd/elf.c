/*
 * The root server's ELF: which parts go where, and whether that can work. Accepted is what upstream's
 * loader accepts: any PT_LOAD alignment, segments that share a page, and segment types we do not know.
 * Everything is read by value and checked against the file's size first: the file is not trusted.
 */
#define _GNU_SOURCE
#include "cmd/elf.h"

#include <elf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/metal-riscv64/config.h"

#define PAGE_SIZE      4096ull
#define USER_TOP       0x3ffffff000ull /* types.md §10: the first address not allowed */
#define FLOAT_ABI_QUAD 0x0006u
#define EMBEDDED_ABI   0x0008u

static bool refuse(char *error, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool refuse(char *error, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, size, format, args);
	va_end(args);
	return false;
}

bool elf_is(struct span bytes)
{
	return bytes.size >= SELFMAG && memcmp(bytes.data, ELFMAG, SELFMAG) == 0;
}

const char *elf_machine(struct span bytes)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} names[] = {
		{EM_X86_64, "x86-64"},       {EM_386, "32-bit x86"}, {EM_AARCH64, "AArch64 (64-bit Arm)"},
		{EM_ARM, "32-bit Arm"},      {EM_PPC, "PowerPC"},    {EM_PPC64, "64-bit PowerPC"},
		{EM_MIPS, "MIPS"},           {EM_S390, "s390"},      {EM_SPARCV9, "64-bit SPARC"},
		{EM_LOONGARCH, "LoongArch"},
	};
	uint16_t machine;

	if (bytes.size < sizeof(Elf32_Ehdr))
		return "unknown";
	machine = bytes.data[EI_DATA] == ELFDATA2MSB ? (uint16_t)(bytes.data[18] << 8 | bytes.data[19])
						     : (uint16_t)(bytes.data[19] << 8 | bytes.data[18]);
	if (machine == EM_RISCV)
		return bytes.data[EI_CLASS] == ELFCLASS32 ? "32-bit RISC-V" : "64-bit RISC-V";
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].machine == machine)
			return names[i].name;
	return "an unknown machine";
}

static bool header_check(struct span file, Elf64_Ehdr *header, char *error, size_t size)
{
	if (file.size < sizeof(Elf32_Ehdr))
		return refuse(error, size, "it is truncated: %" PRIu64 " bytes are no ELF file", file.size);
	if (file.data[EI_CLASS] != ELFCLASS64 || strcmp(elf_machine(file), "64-bit RISC-V") != 0)
		return refuse(error, size, "it is for %s; Skerry runs 64-bit RISC-V (riscv64) programs",
			      elf_machine(file));
	if (file.data[EI_DATA] != ELFDATA2LSB)
		return refuse(error, size, "it is big-endian; Skerry runs little-endian programs");
	if (file.size < sizeof *header)
		return refuse(error, size, "it is truncated: %" PRIu64 " bytes are no ELF file", file.size);
	memcpy(header, file.data, sizeof *header);
	if (header->e_type == ET_REL)
		return refuse(error, size, "it is an object file, not a linked program");
	if (header->e_type == ET_CORE)
		return refuse(error, size, "it is a core dump, not a program");
	if (header->e_type == ET_DYN)
		return refuse(error, size,
			      "it is position-independent or a shared library; link it with -static -no-pie");
	if (header->e_type != ET_EXEC)
		return refuse(error, size, "its ELF type %u is not that of a program", header->e_type);
	if (header->e_flags & EMBEDDED_ABI)
		return refuse(error, size, "it is for RV64E; Skerry's processor is RV64GC");
	if ((header->e_flags & FLOAT_ABI_QUAD) == FLOAT_ABI_QUAD)
		return refuse(error, size, "it uses quad floating point; Skerry's processor is RV64GC");
	return true;
}

static bool table_check(struct span file, const Elf64_Ehdr *header, char *error, size_t size)
{
	if (header->e_phnum > 0 && header->e_phentsize != sizeof(Elf64_Phdr))
		return refuse(error, size, "its program headers are %u bytes each, not %zu",
			      header->e_phentsize, sizeof(Elf64_Phdr));
	if (header->e_phoff > file.size ||
	    (uint64_t)header->e_phnum * sizeof(Elf64_Phdr) > file.size - header->e_phoff)
		return refuse(error, size, "it is truncated: the program headers lie behind its end");
	return true;
}

static bool segment_add(struct image *image, const Elf64_Phdr *header, char *error, size_t size)
{
	struct span file = image->user;

	if (header->p_memsz == 0)
		return true;
	if (header->p_filesz > header->p_memsz)
		return refuse(error, size,
			      "its segment at 0x%" PRIx64 " has more bytes in the file than in memory",
			      header->p_vaddr);
	if (header->p_offset > file.size || header->p_filesz > file.size - header->p_offset)
		return refuse(error, size,
			      "it is truncated: the segment at 0x%" PRIx64 " needs bytes up to %" PRIu64
			      ", the file has %" PRIu64,
			      header->p_vaddr, header->p_offset + header->p_filesz, file.size);
	if (header->p_vaddr >= USER_TOP || header->p_memsz > USER_TOP - header->p_vaddr) {
		image->is_metal = memmem(file.data, file.size, METAL_CONFIG_MAGIC, sizeof METAL_CONFIG_MAGIC);
		if (image->is_metal)
			return refuse(error, size,
				      "it is a bare-metal system made by skerry image; give it to QEMU with "
				      "-kernel, or give skerry run the original image");
		return refuse(error, size,
			      "its segment at 0x%" PRIx64 " (0x%" PRIx64
			      " bytes) lies outside user addresses, which end at 0x%llx",
			      header->p_vaddr, header->p_memsz, USER_TOP);
	}
	image->segment[image->segments++] = (struct node_segment){
		.vaddr = header->p_vaddr,
		.data = file.data + header->p_offset,
		.file_size = header->p_filesz,
		.memory_size = header->p_memsz,
	};
	return true;
}

static bool segments_read(struct image *image, const Elf64_Ehdr *elf, char *error, size_t size)
{
	if (elf->e_phnum == 0)
		return refuse(error, size, "it has no program headers: nothing to load");
	image->segment = calloc(elf->e_phnum, sizeof *image->segment);
	if (!image->segment)
		return refuse(error, size, "out of memory");
	for (unsigned i = 0; i < elf->e_phnum; i++) {
		Elf64_Phdr header;

		memcpy(&header, image->user.data + elf->e_phoff + i * sizeof header, sizeof header);
		if (header.p_type == PT_INTERP)
			return refuse(error, size,
				      "it is dynamically linked; there is no loader for that: link it with "
				      "-static");
		if (header.p_type == PT_TLS)
			image->tls_size = header.p_memsz;
		if (header.p_type == PT_LOAD && !segment_add(image, &header, error, size))
			return false;
	}
	if (image->segments == 0)
		return refuse(error, size, "it has no segment to load: it is empty");
	return true;
}

static int by_address(const void *left, const void *right)
{
	const struct node_segment *a = left, *b = right;

	return a->vaddr < b->vaddr ? -1 : a->vaddr > b->vaddr;
}

static bool layout_check(struct image *image, char *error, size_t size)
{
	const struct node_segment *segment = image->segment;
	bool entry_inside = false;

	qsort(image->segment, image->segments, sizeof *segment, by_address);
	for (unsigned i = 0; i < image->segments; i++) {
		uint64_t end = segment[i].vaddr + segment[i].memory_size;

		if (i + 1 < image->segments && end > segment[i + 1].vaddr)
			return refuse(error, size,
				      "its segments overlap: 0x%" PRIx64 "..0x%" PRIx64 " and 0x%" PRIx64
				      "..0x%" PRIx64,
				      segment[i].vaddr, end, segment[i + 1].vaddr,
				      segment[i + 1].vaddr + segment[i + 1].memory_size);
		if (image->entry - segment[i].vaddr < segment[i].memory_size)
			entry_inside = true;
		image->end = (end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	}
	image->start = segment[0].vaddr & ~(PAGE_SIZE - 1);
	if (!entry_inside)
		return refuse(error, size, "its entry point 0x%" PRIx64 " lies outside of what it loads",
			      image->entry);
	if (image->entry & 1)
		return refuse(error, size, "its entry point 0x%" PRIx64 " is odd", image->entry);
	return true;
}

static bool section_read(struct span file, const Elf64_Ehdr *elf, unsigned index, Elf64_Shdr *section)
{
	uint64_t at = elf->e_shoff + (uint64_t)index * sizeof *section;

	if (elf->e_shentsize != sizeof *section || index >= elf->e_shnum || elf->e_shoff > file.size ||
	    at > file.size || sizeof *section > file.size - at)
		return false;
	memcpy(section, file.data + at, sizeof *section);
	return section->sh_type == SHT_NOBITS ||
	       (section->sh_offset <= file.size && section->sh_size <= file.size - section->sh_offset);
}

/* Sections are a convenience: whatever is wrong with them only hides the debug information. */
static void sections_read(struct image *image, const Elf64_Ehdr *elf)
{
	static const char debug[] = ".debug_info";
	Elf64_Shdr names, section;

	/* Names that take no bytes of the file are not in it. */
	if (!section_read(image->user, elf, elf->e_shstrndx, &names) || names.sh_type == SHT_NOBITS)
		return;
	for (unsigned i = 0; i < elf->e_shnum; i++) {
		if (!section_read(image->user, elf, i, &section))
			continue;
		image->has_symbols |= section.sh_type == SHT_SYMTAB;
		if (section.sh_name <= names.sh_size && sizeof debug <= names.sh_size - section.sh_name &&
		    memcmp(image->user.data + names.sh_offset + section.sh_name, debug, sizeof debug) == 0)
			image->has_debug_info = true;
	}
}

/*
 * The interface an image was compiled against shows in the names its debug information or symbols
 * carry: a field of the boot information, or a label, that only exists in one configuration.
 */
static void profile_guess(struct image *image)
{
	static const struct {
		const char name[20]; /* between two zero bytes: a whole string of a string table */
		const char *profile;
	} hints[] = {
		{"\0schedcontrol", "MCS"},
		{"\0TCBSetAffinity", "SMP"},
		{"\0TCBSetBreakpoint", "hardware debugging"},
	};

	for (size_t i = 0; i < sizeof hints / sizeof hints[0] && !image->wrong_profile; i++)
		if (memmem(image->user.data, image->user.size, hints[i].name, strlen(hints[i].name + 1) + 2))
			image->wrong_profile = hints[i].profile;
}

bool elf_read(struct image *image, char *error, size_t error_size)
{
	Elf64_Ehdr header = {0};

	if (!header_check(image->user, &header, error, error_size) ||
	    !table_check(image->user, &header, error, error_size))
		return false;
	image->entry = header.e_entry;
	sections_read(image, &header);
	profile_guess(image);
	return segments_read(image, &header, error, error_size) && layout_check(image, error, error_size);
}
