/*
 * Finding the root server in a file: the file itself, or a member of the archive that upstream's
 * loader carries. The archive is looked for by its magic number anywhere in the file, since loaders
 * are wrapped (in firmware, in a raw binary) in ways that leave no symbol or section to go by.
 */
#define _GNU_SOURCE
#include "cmd/image.h"

#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/elf.h"
#include "host/host.h"

/* --- the archive: cpio "newc" ------------------------------------------------------------------- */

#define CPIO_MAGIC     "070701"
#define CPIO_HEADER    110 /* the magic and 13 fields of 8 hexadecimal digits */
#define CPIO_FILE_SIZE 6   /* which field */
#define CPIO_NAME_SIZE 11
#define CPIO_NAME_MAX  4096
#define CPIO_END       "TRAILER!!!"

#define FDT_VERSION    17 /* of device trees, since 2006 */

static bool cpio_field(const uint8_t *header, unsigned field, uint64_t *value)
{
	const uint8_t *digits = header + strlen(CPIO_MAGIC) + 8 * (size_t)field;

	*value = 0;
	for (unsigned i = 0; i < 8; i++) {
		unsigned digit = digits[i], lower = digit | 0x20;

		if (digit >= '0' && digit <= '9')
			*value = *value << 4 | (digit - '0');
		else if (lower >= 'a' && lower <= 'f')
			*value = *value << 4 | (lower - 'a' + 10);
		else
			return false;
	}
	return true;
}

static uint64_t align4(uint64_t value)
{
	return (value + 3) & ~3ull;
}

/* Reads the member at `at` (relative to the archive's start); moves `at` to the next. */
static bool cpio_member(struct span archive, uint64_t *at, struct image_member *member)
{
	const uint8_t *header = archive.data + *at;
	uint64_t name_size, file_size, data;

	if (*at > archive.size || archive.size - *at < CPIO_HEADER ||
	    memcmp(header, CPIO_MAGIC, strlen(CPIO_MAGIC)) != 0 ||
	    !cpio_field(header, CPIO_FILE_SIZE, &file_size) ||
	    !cpio_field(header, CPIO_NAME_SIZE, &name_size))
		return false;
	data = align4(*at + CPIO_HEADER + name_size);
	if (name_size == 0 || name_size > CPIO_NAME_MAX || data > archive.size ||
	    file_size > archive.size - data || header[CPIO_HEADER + name_size - 1] != 0)
		return false;
	member->name = (const char *)header + CPIO_HEADER;
	member->bytes = (struct span){archive.data + data, file_size};
	*at = align4(data + file_size);
	return true;
}

bool archive_find(struct span bytes, uint64_t *offset, struct image_archive *archive)
{
	while (*offset < bytes.size) {
		const uint8_t *start =
			memmem(bytes.data + *offset, bytes.size - *offset, CPIO_MAGIC, strlen(CPIO_MAGIC));
		struct image_member member;
		struct span rest;
		uint64_t at = 0;

		if (!start)
			break;
		rest = (struct span){start, bytes.size - (uint64_t)(start - bytes.data)};
		archive->count = 0;
		while (cpio_member(rest, &at, &member) && strcmp(member.name, CPIO_END) != 0)
			if (archive->count < IMAGE_MEMBERS)
				archive->member[archive->count++] = member;
		*offset = (uint64_t)(start - bytes.data) + (at > 0 ? at : strlen(CPIO_MAGIC));
		if (archive->count > 0)
			return true;
	}
	*offset = bytes.size;
	return false;
}

/* --- the loader's archive ----------------------------------------------------------------------- */

static const struct image_member *member_named(const struct image_archive *archive, const char *name)
{
	for (unsigned i = 0; i < archive->count; i++)
		if (strcmp(archive->member[i].name, name) == 0)
			return &archive->member[i];
	return NULL;
}

/* The root server's name varies: it is the first program that is not the kernel. */
static const struct image_member *user_member(const struct image_archive *archive)
{
	for (unsigned i = 0; i < archive->count; i++)
		if (strcmp(archive->member[i].name, "kernel.elf") != 0 && elf_is(archive->member[i].bytes))
			return &archive->member[i];
	return NULL;
}

/*
 * Is there an archive with a kernel in it? (One without is a root server's own business: upstream's
 * test suite carries its test programs so.) Archives inside that one are stepped over.
 */
static bool loader_find(struct image *image)
{
	uint64_t offset = 0;

	while (archive_find(image->file, &offset, &image->archive)) {
		const struct image_member *kernel = member_named(&image->archive, "kernel.elf");

		if (kernel && elf_is(kernel->bytes))
			return true;
	}
	image->archive.count = 0;
	return false;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Where the root server's bytes are; whether they are good is elf_read()'s to say. */
static bool user_find(struct image *image, char *error, size_t error_size)
{
	const struct image_member *user;

	image->is_loader = loader_find(image);
	if (!image->is_loader) {
		image->user = image->file;
		image->user_name = last_part(image->path);
		if (elf_is(image->file))
			return true;
		snprintf(error, error_size, "it is neither an ELF file nor contains a loader's archive");
		return false;
	}
	image->device_tree = member_named(&image->archive, "kernel.dtb");
	user = user_member(&image->archive);
	if (!user) {
		snprintf(error, error_size, "its archive holds a kernel but no root server");
		return false;
	}
	image->user = user->bytes;
	image->user_name = user->name;
	return true;
}

bool image_open(struct image *image, const char *path, char *error, size_t error_size)
{
	uint64_t size;
	void *data;

	memset(image, 0, sizeof *image);
	image->path = path;
	data = host_file_load(path, &size);
	if (!data) {
		snprintf(error, error_size, "it cannot be read: %s", host_error());
		return false;
	}
	return image_open_bytes(image, path, (struct span){data, size}, error, error_size);
}

bool image_open_bytes(struct image *image, const char *path, struct span file, char *error, size_t error_size)
{
	memset(image, 0, sizeof *image);
	image->path = path;
	image->file = file;
	if (file.size == 0) {
		snprintf(error, error_size, "the file is empty");
		return false;
	}
	return user_find(image, error, error_size) && elf_read(image, error, error_size);
}

void image_close(struct image *image)
{
	free(image->segment);
	free((void *)image->file.data);
	memset(image, 0, sizeof *image);
}

bool image_tree_valid(struct span tree)
{
	struct fdt_header header; /* by value: in an archive it may lie anywhere */

	if (tree.size < sizeof header)
		return false;
	memcpy(&header, tree.data, sizeof header);
	/* The library's check falls over trees of versions that nobody writes any more. */
	return fdt32_to_cpu(header.version) >= FDT_VERSION && fdt_check_full(tree.data, tree.size) == 0;
}

uint64_t image_ram_size(const struct image *image)
{
	const void *tree;
	const fdt64_t *reg;
	int node, length;

	if (!image->device_tree)
		return 0;
	tree = image->device_tree->bytes.data;
	if (!image_tree_valid(image->device_tree->bytes))
		return 0;
	node = fdt_node_offset_by_prop_value(tree, -1, "device_type", "memory", sizeof "memory");
	reg = node >= 0 ? fdt_getprop(tree, node, "reg", &length) : NULL;
	/* One region with two cells of address and two of size. */
	return reg && length == 2 * (int)sizeof *reg ? fdt64_ld(&reg[1]) : 0;
}

bool image_fits(const struct image *image, uint64_t ram_size, char *error, size_t error_size)
{
	uint64_t extent = image->end - image->start, mib = 1 << 20;

	if (extent <= ram_size - IMAGE_HEADROOM)
		return true;
	snprintf(error, error_size,
		 "it spans %" PRIu64 " MiB (0x%" PRIx64 "..0x%" PRIx64 "), too much for a machine of %" PRIu64
		 " MiB; give it more with -m",
		 (extent + mib - 1) / mib, image->start, image->end, ram_size / mib);
	return false;
}
