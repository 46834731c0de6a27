/*
 * What `skerry run` and `skerry inspect` are given: a riscv64 root-server ELF, or an image made for
 * QEMU, in which a loader carries an archive of kernel, device tree and root server. Of the latter only
 * the root server is booted; the kernel in it is never run.
 */
#ifndef SKERRY_CMD_IMAGE_H
#define SKERRY_CMD_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/vm/node.h"

/* A stretch of the file's bytes. */
struct span {
	const uint8_t *data;
	uint64_t size;
};

struct image_member {
	const char *name; /* inside the file's bytes */
	struct span bytes;
};

#define IMAGE_MEMBERS 32

/* A cpio archive ("newc") somewhere in a file. */
struct image_archive {
	unsigned count;
	struct image_member member[IMAGE_MEMBERS];
};

struct image {
	const char *path;
	struct span file; /* from malloc() */

	bool is_metal; /* made by `skerry image`: for firmware, not for us */
	bool is_loader;
	struct image_archive archive; /* the loader's */
	const struct image_member *device_tree;

	const char *user_name; /* of the root server: the archive's name for it, or the path's last part */
	struct span user;
	uint64_t entry;
	struct node_segment *segment; /* in order of address */
	unsigned segments;
	uint64_t start, end; /* page-rounded virtual range */
	uint64_t tls_size;   /* of PT_TLS; 0: none */
	bool has_debug_info, has_symbols;
	const char *wrong_profile; /* what the image was built for, if it says so and we lack it */
};

/*
 * Reads and checks an image. False if it cannot boot, with one line in `error`; what could be found
 * out is in `image` all the same. image_close() either way.
 */
bool image_open(struct image *image, const char *path, char *error, size_t error_size);
/* The same of bytes from malloc(), which are the image's from then on; `path` must stay. */
bool image_open_bytes(struct image *image, const char *path, struct span file, char *error,
		      size_t error_size);
void image_close(struct image *image);

/* Does it fit into `ram_size` bytes? Otherwise says why not. */
bool image_fits(const struct image *image, uint64_t ram_size, char *error, size_t error_size);

/* Is that a device tree that libfdt can be asked about? */
bool image_tree_valid(struct span tree);

/* The memory an image made for QEMU expects, as its device tree says; 0: it does not say. */
uint64_t image_ram_size(const struct image *image);

/* Finds the next archive in `bytes` at or after *offset; moves *offset behind it. */
bool archive_find(struct span bytes, uint64_t *offset, struct image_archive *archive);

bool elf_is(struct span bytes);
/* The name of the architecture an ELF is for. */
const char *elf_machine(struct span bytes);

/* What to say of image.wrong_profile. */
#define IMAGE_PROFILE_FORMAT                                                                                 \
	"it was built for a kernel with %s, this machine's has the classic interface on one core "           \
	"(an explicit --abi boots it all the same)"

/* Room in ram for the kernel, the boot objects and the least of untyped memory. */
#define IMAGE_HEADROOM (8ull << 20)

#endif
