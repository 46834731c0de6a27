/* `skerry inspect`: what is in an image, and why it would not boot. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/image.h"
#include "cmd/options.h"

void help_inspect(void)
{
	printf("Usage: skerry inspect IMAGE\n"
	       "Says what is in IMAGE: its kind, the root server's segments and entry point, the members of\n"
	       "archives, whether there is debug information; and whether `skerry run` would boot it.\n"
	       "\n"
	       "Exit status: 0 if it would boot, 126 if not, 2 for a wrong command line.\n");
}

static void print_archive(const char *title, const struct image_archive *archive)
{
	printf("%s\n", title);
	for (unsigned i = 0; i < archive->count; i++)
		printf("    %-28s %10" PRIu64 " bytes%s%s\n", archive->member[i].name,
		       archive->member[i].bytes.size, elf_is(archive->member[i].bytes) ? ", ELF for " : "",
		       elf_is(archive->member[i].bytes) ? elf_machine(archive->member[i].bytes) : "");
}

static void print_segments(const struct image *image)
{
	printf("segments:\n");
	for (unsigned i = 0; i < image->segments; i++)
		printf("    0x%010" PRIx64 "..0x%010" PRIx64 "  %" PRIu64 " bytes in the file, %" PRIu64
		       " in memory\n",
		       image->segment[i].vaddr, image->segment[i].vaddr + image->segment[i].memory_size,
		       image->segment[i].file_size, image->segment[i].memory_size);
}

/* Something to boot, good or not; otherwise some program or other. */
static bool is_root_server(const struct image *image)
{
	return !image->is_metal && strcmp(elf_machine(image->user), "64-bit RISC-V") == 0;
}

static void print_user(const struct image *image)
{
	struct image_archive archive;
	uint64_t offset = 0;

	printf("%-13s %s, %" PRIu64 " bytes, ELF for %s\n",
	       is_root_server(image) ? "root server:" : "program:", image->user_name, image->user.size,
	       elf_machine(image->user));
	if (image->segments == 0 || image->is_metal)
		return;
	printf("entry:        0x%" PRIx64 "\n", image->entry);
	print_segments(image);
	if (image->end > 0)
		printf("virtual:      0x%" PRIx64 "..0x%" PRIx64 " (%" PRIu64 " pages)\n", image->start,
		       image->end, (image->end - image->start) / 4096);
	if (image->tls_size > 0)
		printf("TLS:          %" PRIu64 " bytes\n", image->tls_size);
	else
		printf("TLS:          none\n");
	printf("debug info:   %s\n", image->has_debug_info ? "yes"
				     : image->has_symbols  ? "no, but symbols"
							   : "no");
	if (image->wrong_profile)
		printf("built for:    %s (its names say so)\n", image->wrong_profile);
	while (archive_find(image->user, &offset, &archive))
		print_archive("archive inside the root server:", &archive);
}

static void print_image(const struct image *image)
{
	printf("file:         %s, %" PRIu64 " bytes\n", image->path, image->file.size);
	if (image->is_loader) {
		printf("kind:         seL4 image with a loader (%s); its kernel is not used\n",
		       elf_is(image->file) ? elf_machine(image->file) : "raw binary");
		print_archive("archive:", &image->archive);
	} else if (elf_is(image->file)) {
		printf("kind:         %s\n", image->is_metal         ? "bare-metal system"
					     : is_root_server(image) ? "root-server ELF"
								     : "ELF program");
	} else {
		printf("kind:         unknown\n");
	}
	if (image->user.data && elf_is(image->user))
		print_user(image);
}

int command_inspect(int argc, char **argv)
{
	struct image image;
	char error[256];
	int status = STATUS_OK;
	bool good;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		help_inspect();
		return STATUS_OK;
	}
	if (argc > 1 && argv[1][0] == '-') {
		complain("unknown option '%s' (see: skerry inspect --help)", argv[1]);
		return STATUS_USAGE;
	}
	if (argc != 2) {
		complain("%s (see: skerry inspect --help)",
			 argc < 2 ? "no image given" : "one image at a time");
		return STATUS_USAGE;
	}
	good = image_open(&image, argv[1], error, sizeof error);
	if (image.file.data)
		print_image(&image);
	if (good && image.wrong_profile) {
		snprintf(error, sizeof error, IMAGE_PROFILE_FORMAT, image.wrong_profile);
		good = false;
	}
	if (good) {
		printf("boots:        yes\n");
	} else {
		if (image.file.data)
			printf("boots:        no\n");
		fflush(stdout);
		complain("cannot boot %s: %s", argv[1], error);
		status = STATUS_NO_BOOT;
	}
	image_close(&image);
	return status;
}
