/*
 * `skerry image`, and what `skerry run --on qemu` boots: puts the bare-metal kernel and a root server into
 * one ELF that firmware (or QEMU's -kernel) boots. The root server's pages, and a device tree if one is
 * given, become segments at the physical addresses where the kernel expects them; a structure in the kernel's
 * data says what is there.
 */
#include <elf.h>
#include <getopt.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/image.h"
#include "cmd/metal_image.h"
#include "cmd/options.h"
#include "host/host.h"
#include "kernel/core/kernel.h"
#include "port/metal-riscv64/config.h"

#define SEGMENTS_MAX 8
#define PAGE_SIZE    4096u

extern const uint8_t metal_kernel[], metal_kernel_end[];
extern const uint8_t metal_release_kernel[], metal_release_kernel_end[];

struct output {
	Elf64_Ehdr header;
	Elf64_Phdr segment[SEGMENTS_MAX];
	const void *data[SEGMENTS_MAX];
	unsigned segments;
};

struct image_options {
	const char *image, *output, *dtb;
	bool kernel_only;
	struct metal_choices choices;
};

void help_image(void)
{
	printf("Usage: skerry image IMAGE -o FILE [OPTION]...\n"
	       "       skerry image --kernel-only -o FILE [OPTION]...\n"
	       "Makes a system for bare metal: the kernel and the root server of IMAGE in one file, which\n"
	       "    qemu-system-riscv64 -machine virt -nographic -kernel FILE\n"
	       "boots, as does firmware that loads ELF files (OpenSBI, U-Boot).\n"
	       "\n"
	       "  -o, --output FILE      the file to write\n"
	       "      --abi PROFILE      as for skerry run [debug]\n"
	       "      --root-cnode-bits N  size of the root CNode, 5 to 24 [the profile's]\n"
	       "      --domains N        number of scheduling domains, 1 to 16 [1]\n"
	       "      --dtb FILE         device tree to use instead of the firmware's\n"
	       "      --kernel-only      no root server, which is then upstream's loader's to bring\n"
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

static uint64_t whole_pages(uint64_t size)
{
	return (size + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

/* The file's bytes, from malloc(); NULL if there is no memory. */
static uint8_t *file_make(struct output *output, uint64_t *size)
{
	uint64_t offset = PAGE_SIZE;
	uint8_t *file;

	output->header.e_phoff = sizeof output->header;
	output->header.e_phnum = (uint16_t)output->segments;
	output->header.e_shoff = 0;
	output->header.e_shnum = output->header.e_shstrndx = 0;
	for (unsigned i = 0; i < output->segments; i++) {
		output->segment[i].p_offset = offset;
		offset += whole_pages(output->segment[i].p_filesz);
	}
	*size = offset;
	file = calloc(1, offset);
	if (!file)
		return NULL;
	memcpy(file, &output->header, sizeof output->header);
	memcpy(file + sizeof output->header, output->segment, output->segments * sizeof(Elf64_Phdr));
	for (unsigned i = 0; i < output->segments; i++)
		memcpy(file + output->segment[i].p_offset, output->data[i], output->segment[i].p_filesz);
	return file;
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

static void fill_config(struct metal_config *config, const struct metal_choices *choices,
			const struct image *image)
{
	if (choices->abi)
		snprintf(config->profile, sizeof config->profile, "%s", choices->abi);
	config->root_cnode_bits = choices->root_cnode_bits;
	config->domains = choices->domains;
	if (image) {
		config->image_size = image->end - image->start;
		config->image_vaddr = image->start;
		config->entry = image->entry;
	}
	config->fdt_size = choices->fdt_size;
	config->ram_end = choices->ram_end;
	config->attended = choices->attended;
}

uint8_t *metal_image_make(const struct image *image, const struct metal_choices *choices, uint64_t *size)
{
	struct profile profile;
	bool release = choices->abi && profile_find(choices->abi, &profile) && !profile_needs_debug(&profile);
	const uint8_t *source = release ? metal_release_kernel : metal_kernel;
	size_t kernel_size = (size_t)((release ? metal_release_kernel_end : metal_kernel_end) - source);
	uint8_t *kernel = malloc(kernel_size), *pages = image ? flatten(image) : NULL, *file = NULL;
	bool good = kernel && (pages || !image);
	struct metal_config *config = NULL;
	struct output output = {0};

	if (good) {
		memcpy(kernel, source, kernel_size);
		config = find_config(kernel, kernel_size);
	}
	if (config)
		fill_config(config, choices, image);
	if (config && !image) {
		*size = kernel_size;
		return kernel;
	}
	if (config) {
		add_kernel(&output, kernel);
		if (choices->fdt)
			add_segment(&output, FDT_PADDR, choices->fdt, choices->fdt_size);
		add_segment(&output, IMAGE_PADDR, pages, image->end - image->start);
		file = file_make(&output, size);
	}
	if (!file)
		complain(good && !config ? "the kernel in this program has no configuration structure"
					 : "out of memory");
	free(pages);
	free(kernel);
	return file;
}

static bool file_write(const char *path, const uint8_t *bytes, uint64_t size)
{
	if (host_file_save(path, bytes, size))
		return true;
	complain("cannot write %s: %s", path, host_error());
	return false;
}

/* Reads --dtb; false: it cannot be had, which was said. */
static bool dtb_load(const char *path, struct metal_choices *choices, void **fdt)
{
	*fdt = host_file_load(path, &choices->fdt_size);
	choices->fdt = *fdt;
	if (!*fdt)
		complain("cannot read device tree %s: %s", path, host_error());
	else if (fdt_check_full(*fdt, choices->fdt_size) != 0)
		complain("%s is not a device tree blob (make one with: dtc -O dtb)", path);
	else if (choices->fdt_size > FDT_CAPACITY)
		complain("%s: larger than 64 KiB", path);
	else
		return true;
	return false;
}

static int make(struct image_options *options, const struct image *image)
{
	uint8_t *file = NULL;
	uint64_t size;
	void *fdt = NULL;
	bool good;

	if (!options->dtb || dtb_load(options->dtb, &options->choices, &fdt))
		file = metal_image_make(image, &options->choices, &size);
	good = file && file_write(options->output, file, size);
	free(file);
	free(fdt);
	return good ? STATUS_OK : STATUS_NO_BOOT;
}

/* --- the command line ----------------------------------------------------------------------------- */

enum { OPTION_ABI = 256, OPTION_CNODE, OPTION_DOMAINS, OPTION_DTB, OPTION_KERNEL_ONLY };

/* False after --help or an error that was printed; *status is then what to end with. */
static bool parse(int argc, char **argv, struct image_options *options, int *status)
{
	static const struct option longs[] = {{"output", required_argument, NULL, 'o'},
					      {"abi", required_argument, NULL, OPTION_ABI},
					      {"root-cnode-bits", required_argument, NULL, OPTION_CNODE},
					      {"domains", required_argument, NULL, OPTION_DOMAINS},
					      {"dtb", required_argument, NULL, OPTION_DTB},
					      {"kernel-only", no_argument, NULL, OPTION_KERNEL_ONLY},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
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
			good = abi_parse(optarg, &options->choices.abi);
			break;
		case OPTION_CNODE:
			good = unsigned_parse("--root-cnode-bits", optarg, 5, 24,
					      &options->choices.root_cnode_bits);
			break;
		case OPTION_DOMAINS:
			good = unsigned_parse("--domains", optarg, 1, MAX_DOMAINS, &options->choices.domains);
			break;
		case OPTION_DTB:
			options->dtb = optarg;
			break;
		case OPTION_KERNEL_ONLY:
			options->kernel_only = true;
			break;
		case 'h':
			help_image();
			*status = STATUS_OK;
			return false;
		default:
			good = mistake("%s '%s'", option == ':' ? "a value is missing after" : "no option",
				       argv[optind - 1]);
		}
	}
	if (!good)
		return false;
	if (options->kernel_only && (optind != argc || options->dtb))
		return mistake("with --kernel-only, image and device tree are the loader's");
	if (optind != argc - !options->kernel_only || !options->output)
		return mistake("%s", optind == argc && !options->kernel_only ? "no image given"
				     : optind < argc - 1                     ? "one image at a time"
									     : "no output given: -o FILE");
	options->image = argv[optind];
	return true;
}

int command_image(int argc, char **argv)
{
	struct image_options options = {0};
	struct image image;
	char error[512];
	int status;

	options_of("image");
	if (!parse(argc, argv, &options, &status))
		return status;
	if (options.kernel_only)
		return make(&options, NULL);
	if (image_open(&image, options.image, error, sizeof error)) {
		status = make(&options, &image);
	} else {
		complain("cannot boot %s: %s", options.image, error);
		status = STATUS_NO_BOOT;
	}
	image_close(&image);
	return status;
}
