/*
 * Images for the tests of the command line, made in memory: small riscv64 programs written as machine
 * code, in ELF files that are good or bad in one stated way, and archives as upstream's loader has them.
 */
#ifndef SKERRY_TEST_CLI_GUEST_H
#define SKERRY_TEST_CLI_GUEST_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

struct code {
	uint32_t word[4096];
	size_t words;
};

void code_print(struct code *code, const char *text); /* by seL4_DebugPutChar */
void code_loop(struct code *code);                    /* runs for ever */
void code_suspend(struct code *code);                 /* suspends itself: nothing runs any more */
void code_read(struct code *code, unsigned address);  /* a load, address below 2048 */
void code_syscall(struct code *code, int number);

#define GUEST_SEGMENTS 8
#define GUEST_BASE     0x10000ull

struct guest {
	Elf64_Ehdr header;
	Elf64_Phdr segment[GUEST_SEGMENTS]; /* the first is the code; their bytes follow each other */
	unsigned segments;
	size_t file_size; /* where to cut the file off; 0: whole */
};

/* A good image of this code, to be spoilt by the caller. */
struct guest guest_create(const struct code *code);
/* Adds a segment; `size` bytes of it are in the file (zeros). */
Elf64_Phdr *guest_segment(struct guest *guest, uint32_t type, uint64_t vaddr, uint64_t size, uint64_t memory);
void guest_write(const char *path, const struct guest *guest, const struct code *code);

/* A loader image: an x86 or riscv ELF header, some bytes, and an archive with these members. */
void loader_write(const char *path, const char *const *names, const char *const *files, unsigned count);

#endif
