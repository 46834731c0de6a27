/* Files as `skerry run` and `skerry inspect` are given them: ELF, loader's image, CPIO archive. */
#include <stdlib.h>
#include <string.h>

#include "cmd/image.h"

#define RAM_SIZE (64ull << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything that is read from the image later has to be there. */
static uint64_t touch(const void *memory, uint64_t size)
{
	const uint8_t *bytes = memory;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < size; i++)
		sum += bytes[i];
	return sum;
}

static void check_bootable(const struct image *image)
{
	bool entry_inside = false;

	if (image->segments == 0 || image->start >= image->end || (image->start | image->end) % 4096)
		abort();
	for (unsigned i = 0; i < image->segments; i++) {
		const struct node_segment *segment = &image->segment[i];

		touch(segment->data, segment->file_size);
		if (segment->file_size > segment->memory_size || segment->vaddr < image->start ||
		    segment->vaddr + segment->memory_size > image->end)
			abort();
		if (i > 0 && segment[-1].vaddr + segment[-1].memory_size > segment->vaddr)
			abort();
		entry_inside |= image->entry - segment->vaddr < segment->memory_size;
	}
	if (!entry_inside)
		abort();
}

static void read_image(const uint8_t *data, size_t size)
{
	struct image image;
	char error[256] = "";
	uint8_t *bytes = malloc(size + !size);

	if (!bytes)
		abort();
	memcpy(bytes, data, size);
	if (image_open_bytes(&image, "folder/image", (struct span){bytes, size}, error, sizeof error)) {
		check_bootable(&image);
		if (!image_fits(&image, RAM_SIZE, error, sizeof error) && !error[0])
			abort();
	} else if (!error[0] || strlen(error) >= sizeof error || strchr(error, '\n')) {
		abort(); /* a refusal is one line */
	}
	(void)image_ram_size(&image);
	if (image.file.size > 0)
		(void)elf_machine(image.file);
	for (unsigned i = 0; i < image.archive.count; i++) {
		(void)strlen(image.archive.member[i].name);
		touch(image.archive.member[i].bytes.data, image.archive.member[i].bytes.size);
	}
	image_close(&image);
}

/* As `skerry inspect` lists them: all archives, one behind the other. */
static void list_archives(const uint8_t *data, size_t size)
{
	struct image_archive archive;
	uint64_t offset = 0, before = 0;

	while (archive_find((struct span){data, size}, &offset, &archive)) {
		if (offset <= before || archive.count == 0 || archive.count > IMAGE_MEMBERS)
			abort();
		before = offset;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_image(data, size);
	list_archives(data, size);
	return 0;
}
