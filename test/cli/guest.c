/* See guest.h. */
#include "test/cli/guest.h"

#include <sel4/invocation.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { A0 = 10, A1 = 11, A7 = 17 };

#define ECALL         0x00000073
#define SYS_CALL      (-1)
#define SYS_PUT_CHAR  (-9)
#define CAP_INIT_TCB  1
#define FIRST_SEGMENT 0x1000 /* its offset in the file */

static void emit(struct code *code, uint32_t word)
{
	if (code->words == sizeof code->word / sizeof code->word[0])
		abort();
	code->word[code->words++] = word;
}

/* addi rd, zero, value */
static void load_immediate(struct code *code, unsigned rd, int value)
{
	emit(code, (uint32_t)value << 20 | rd << 7 | 0x13);
}

void code_syscall(struct code *code, int number)
{
	load_immediate(code, A7, number);
	emit(code, ECALL);
}

void code_print(struct code *code, const char *text)
{
	for (; *text; text++) {
		load_immediate(code, A0, (uint8_t)*text);
		code_syscall(code, SYS_PUT_CHAR);
	}
}

void code_loop(struct code *code)
{
	emit(code, 0x0000006f);
}

void code_suspend(struct code *code)
{
	load_immediate(code, A0, CAP_INIT_TCB);
	emit(code, (uint32_t)TCBSuspend << 12 | A1 << 7 | 0x37); /* lui: the label is above bit 12 */
	code_syscall(code, SYS_CALL);
	code_loop(code);
}

void code_read(struct code *code, unsigned address)
{
	emit(code, address << 20 | 3 << 12 | A0 << 7 | 0x03);
}

struct guest guest_create(const struct code *code)
{
	struct guest guest;
	uint64_t size = code->words * sizeof code->word[0];

	memset(&guest, 0, sizeof guest);
	memcpy(guest.header.e_ident, ELFMAG, SELFMAG);
	guest.header.e_ident[EI_CLASS] = ELFCLASS64;
	guest.header.e_ident[EI_DATA] = ELFDATA2LSB;
	guest.header.e_ident[EI_VERSION] = EV_CURRENT;
	guest.header.e_type = ET_EXEC;
	guest.header.e_machine = EM_RISCV;
	guest.header.e_version = EV_CURRENT;
	guest.header.e_entry = GUEST_BASE;
	guest.header.e_phoff = sizeof guest.header;
	guest.header.e_ehsize = sizeof guest.header;
	guest.header.e_phentsize = sizeof guest.segment[0];
	guest_segment(&guest, PT_LOAD, GUEST_BASE, size, size);
	return guest;
}

Elf64_Phdr *guest_segment(struct guest *guest, uint32_t type, uint64_t vaddr, uint64_t size, uint64_t memory)
{
	Elf64_Phdr *segment = &guest->segment[guest->segments], *before = segment - 1;

	if (guest->segments == GUEST_SEGMENTS)
		abort();
	*segment = (Elf64_Phdr){
		.p_type = type,
		.p_flags = PF_R | PF_W | PF_X,
		.p_offset = guest->segments > 0 ? before->p_offset + before->p_filesz : FIRST_SEGMENT,
		.p_vaddr = vaddr,
		.p_paddr = vaddr,
		.p_filesz = size,
		.p_memsz = memory,
		.p_align = 4096,
	};
	guest->header.e_phnum = (Elf64_Half)++guest->segments;
	return segment;
}

static void file_write(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

void guest_write(const char *path, const struct guest *guest, const struct code *code)
{
	static uint8_t bytes[1 << 17];
	size_t size = FIRST_SEGMENT + code->words * sizeof code->word[0] + 8192;

	memset(bytes, 0, sizeof bytes);
	memcpy(bytes, &guest->header, sizeof guest->header);
	memcpy(bytes + sizeof guest->header, guest->segment, guest->segments * sizeof guest->segment[0]);
	memcpy(bytes + FIRST_SEGMENT, code->word, code->words * sizeof code->word[0]);
	file_write(path, bytes, guest->file_size ? guest->file_size : size);
}

/* --- loader images ------------------------------------------------------------------------------ */

struct buffer {
	uint8_t bytes[1 << 20];
	size_t size;
};

static void append(struct buffer *buffer, const void *bytes, size_t size)
{
	if (size > sizeof buffer->bytes - buffer->size)
		abort();
	memcpy(buffer->bytes + buffer->size, bytes, size);
	buffer->size += size;
}

static void pad(struct buffer *buffer)
{
	while (buffer->size % 4)
		append(buffer, "", 1);
}

static void append_member(struct buffer *buffer, const char *name, const void *bytes, size_t size)
{
	char header[128];

	snprintf(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 0,
		 0100755, 0, 0, 1, 0, size, 0, 0, 0, 0, strlen(name) + 1, 0);
	append(buffer, header, strlen(header));
	append(buffer, name, strlen(name) + 1);
	pad(buffer);
	append(buffer, bytes, size);
	pad(buffer);
}

static size_t file_read(const char *path, uint8_t *bytes, size_t capacity)
{
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file) {
		perror(path);
		exit(1);
	}
	size = fread(bytes, 1, capacity, file);
	fclose(file);
	return size;
}

void loader_write(const char *path, const char *const *names, const char *const *files, unsigned count)
{
	static struct buffer image;
	static uint8_t member[1 << 17];
	struct code nothing = {.words = 1};
	struct guest loader = guest_create(&nothing);

	image.size = 0;
	append(&image, &loader.header, sizeof loader.header);
	append(&image, "the magic of an archive is 070701, but this is none", 52);
	for (unsigned i = 0; i < count; i++)
		append_member(&image, names[i], member, file_read(files[i], member, sizeof member));
	append_member(&image, "TRAILER!!!", "", 0);
	append(&image, "what follows", 12);
	file_write(path, image.bytes, image.size);
}
