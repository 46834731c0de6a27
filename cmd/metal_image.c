/*
 * `skerry image`: puts the bare-metal kernel and a root server into one ELF that firmware (or QEMU's
 * -kernel) boots. The root server's pages, and a device tree if one is given, become segments at the
 * physical addresses where the kernel expects them; a structure in the kernel's data says what is there.
 */
#include <elf.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/image.h"
#include "cmd/options.h"
#include "host/host.h"
#include "kernel/core/kernel.h"
#include "port/metal-riscv64/config.h"

#define SEGMENTS_MAX 8
#define PAGE_SIZE    4096u

extern const uint8_t metal_kernel[], metal_kernel_end[];

struct output {
	Elf64_Ehdr header;
	Elf64_Phdr segment[SEGMENTS_MAX];
	const void *data[SEGMENTS_MAX];
	unsigned segments;
};

struct image_options {
	const char *image, *output, *abi, *dtb;
	unsigned root_cnode_bits, domains;
};

void help_image(void)
{
	printf("Usage: skerry image IMAGE -o FILE [OPTION]...\n"
	       "Makes a system for bare metal: the kernel and the root server of IMAGE in one file, which\n"
	       "    qemu-system-riscv64 -machine virt -nographic -kernel FILE\n"
	       "boots, as does firmware that loads ELF files (OpenSBI, U-Boot).\n"
	       "\n"
	       "  -o, --output FILE      the file to write\n"
	       "      --abi PROFILE      as for skerry run [debug]\n"
	       "      --root-cnode-bits N  size of the root CNode, 5 to 24 [the profile's]\n"
	       "      --domains N        number of scheduling domains, 1 to 16 [1]\n"
	       "      --dtb FILE         device tree to use instead of the firmware's\n"
	       "  -h, --help             show this\n"
	       "\n"
	       "Exit status: 0 if it was written, 126 if IMAGE cannot boot, 2 for a wrong command line.\n");
}

/* --- the file ------------------------------------------------------------------------------------ */

static void add_segment(struct output *output, uint64_t paddr, const void *data, uint64_t size)
{
	output->data[output->segments] = data;
	output->segment[output->segments++] = (Elf64_Phdr){.p_type = PT_LOAD,
							   .p_flags = PF_R | PF_W | PF_X,
							   .p_vaddr = paddr,
							   .p_paddr = paddr,
							   .p_filesz = size,
							   .p_memsz = size,
							   .p_align = PAGE_SIZE};
}

/* The kernel's own segments, out of `kernel`, a copy of the file we carry. */
static void add_kernel(struct output *output, const uint8_t *kernel)
{
	Elf64_Phdr segment;

	memcpy(&output->header, kernel, sizeof output->header);
	for (unsigned i = 0; i < output->header.e_phnum; i++) {
		memcpy(&segment, kernel + output->header.e_phoff + i * sizeof segment, sizeof segment);
		if (segment.p_type != PT_LOAD)
			continue;
		output->data[output->segments] = kernel + segment.p_offset;
		output->segment[output->segments++] = segment;
	}
}

static bool write_output(struct output *output, const char *path)
{
	uint64_t offset = PAGE_SIZE;
	FILE *file = fopen(path, "wb");
	bool good = file;

	output->header.e_phoff = sizeof output->header;
	output->header.e_phnum = (uint16_t)output->segments;
	output->header.e_shoff = 0;
	output->header.e_shnum = output->header.e_shstrndx = 0;
	for (unsigned i = 0; i < output->segments; i++) {
		output->segment[i].p_offset = offset;
		offset += (output->segment[i].p_filesz + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	}
	good = good && fwrite(&output->header, sizeof output->header, 1, file) == 1 &&
	       fwrite(output->segment, sizeof(Elf64_Phdr), output->segments, file) == output->segments;
	for (unsigned i = 0; good && i < output->segments; i++)
		good = fseek(file, (long)output->segment[i].p_offset, SEEK_SET) == 0 &&
		       fwrite(output->data[i], 1, output->segment[i].p_filesz, file) ==
			       output->segment[i].p_filesz;
	if (file && fclose(file) != 0)
		good = false;
	if (!good) {
		complain("cannot write %s: %s", path, strerror(errno));
		if (file)
			remove(path);
	}
	return good;
}

/* --- what goes into it --------------------------------------------------------------------------------- */

static uint8_t *flatten(const struct image *image)
{
	uint8_t *pages = calloc(1, image->end - image->start);

	for (unsigned i = 0; pages && i < image->segments; i++)
		memcpy(pages + (image->segment[i].vaddr - image->start), image->segment[i].data,
		       image->segment[i].file_size);
	return pages;
}

static struct metal_config *find_config(uint8_t *kernel, size_t size)
{
	static const char magic[] = METAL_CONFIG_MAGIC;

	for (size_t i = 0; i + sizeof(struct metal_config) <= size; i += 8)
		if (memcmp(kernel + i, magic, sizeof magic) == 0)
			return (struct metal_config *)(kernel + i);
	return NULL;
}

static void fill_config(struct metal_config *config, const struct image_options *options,
			const struct image *image, uint64_t fdt_bytes)
{
	if (options->abi)
		snprintf(config->profile, sizeof config->profile, "%s", options->abi);
	config->root_cnode_bits = options->root_cnode_bits;
	config->domains = options->domains;
	config->image_size = image->end - image->start;
	config->image_vaddr = image->start;
	config->entry = image->entry;
	config->fdt_size = fdt_bytes;
}

static int make(const struct image_options *options, const struct image *image)
{
	size_t kernel_size = (size_t)(metal_kernel_end - metal_kernel);
	uint8_t *kernel = malloc(kernel_size), *pages = flatten(image);
	struct metal_config *config;
	struct output output = {0};
	uint64_t fdt_bytes = 0;
	void *fdt = NULL;
	bool good = false;

	if (!kernel || !pages) {
		complain("out of memory");
		goto done;
	}
	if (options->dtb) {
		fdt = host_file_load(options->dtb, &fdt_bytes);
		if (!fdt || fdt_bytes > FDT_CAPACITY) {
			complain("%s: %s", options->dtb, fdt ? "larger than 64 KiB" : host_error());
			goto done;
		}
	}
	memcpy(kernel, metal_kernel, kernel_size);
	config = find_config(kernel, kernel_size);
	if (!config) {
		complain("the kernel in this program has no configuration structure");
		goto done;
	}
	fill_config(config, options, image, fdt_bytes);
	add_kernel(&output, kernel);
	if (fdt)
		add_segment(&output, FDT_PADDR, fdt, fdt_bytes);
	add_segment(&output, IMAGE_PADDR, pages, image->end - image->start);
	good = write_output(&output, options->output);
done:
	free(fdt);
	free(pages);
	free(kernel);
	return good ? STATUS_OK : STATUS_NO_BOOT;
}

/* --- the command line --------------------------------------------------------------------------------------
 */

enum { OPTION_ABI = 256, OPTION_CNODE, OPTION_DOMAINS, OPTION_DTB };

static bool number(const char *name, const char *text, unsigned low, unsigned high, unsigned *value)
{
	char *end;
	unsigned long parsed = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || parsed < low || parsed > high) {
		complain("%s '%s' is not a number from %u to %u", name, text, low, high);
		return false;
	}
	*value = (unsigned)parsed;
	return true;
}

/* False after --help or an error that was printed; *status is then what to end with. */
static bool parse(int argc, char **argv, struct image_options *options, int *status)
{
	static const struct option longs[] = {{"output", required_argument, NULL, 'o'},
					      {"abi", required_argument, NULL, OPTION_ABI},
					      {"root-cnode-bits", required_argument, NULL, OPTION_CNODE},
					      {"domains", required_argument, NULL, OPTION_DOMAINS},
					      {"dtb", required_argument, NULL, OPTION_DTB},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	struct profile profile;
	bool good = true;
	int option;

	*status = STATUS_USAGE;
	opterr = 0;
	while (good && (option = getopt_long(argc, argv, ":o:h", longs, NULL)) != -1) {
		switch (option) {
		case 'o':
			options->output = optarg;
			break;
		case OPTION_ABI:
			options->abi = optarg;
			good = profile_find(optarg, &profile);
			if (!good)
				complain("there is no ABI profile '%s' (see: skerry run --help)", optarg);
			break;
		case OPTION_CNODE:
			good = number("--root-cnode-bits", optarg, 5, 24, &options->root_cnode_bits);
			break;
		case OPTION_DOMAINS:
			good = number("--domains", optarg, 1, MAX_DOMAINS, &options->domains);
			break;
		case OPTION_DTB:
			options->dtb = optarg;
			break;
		case 'h':
			help_image();
			*status = STATUS_OK;
			return false;
		default:
			complain("%s '%s' (see: skerry image --help)",
				 option == ':' ? "a value is missing after" : "no option", argv[optind - 1]);
			good = false;
		}
	}
	if (!good)
		return false;
	if (optind != argc - 1 || !options->output) {
		complain("%s (see: skerry image --help)", optind == argc      ? "no image given"
							  : optind < argc - 1 ? "one image at a time"
									      : "no output given: -o FILE");
		return false;
	}
	options->image = argv[optind];
	return true;
}

int command_image(int argc, char **argv)
{
	struct image_options options = {0};
	struct image image;
	char error[512];
	int status;

	if (!parse(argc, argv, &options, &status))
		return status;
	if (image_open(&image, options.image, error, sizeof error)) {
		status = make(&options, &image);
	} else {
		complain("cannot boot %s: %s", options.image, error);
		status = STATUS_NO_BOOT;
	}
	image_close(&image);
	return status;
}
