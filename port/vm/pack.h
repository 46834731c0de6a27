/*
 * Stretches of bytes in files: compressed, with a checksum of their own, each readable for itself. What is
 * read may be anything.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host_output;

struct packer;
struct packer *packer_create(void); /* NULL: out of memory */
void packer_destroy(struct packer *packer);
/* Writes one packed stretch: 4 bytes of packed size, then that. Adds to *written. False: see host_error(). */
bool pack_write(struct packer *packer, struct host_output *output, const void *bytes, size_t size,
		uint64_t *written);

/* What is read from: all bytes of a file. */
struct unpack {
	const uint8_t *bytes;
	uint64_t size, at;
};
/* Plain bytes; false: the file ends before. */
bool unpack_plain(struct unpack *unpack, void *bytes, size_t size);
/*
 * The next stretch into `bytes`, of exactly `size` bytes or, with `actual`, of at most so many. NULL, or what
 * is wrong ("is cut off", "is damaged").
 */
const char *unpack_next(struct unpack *unpack, void *bytes, size_t size, size_t *actual);
/* The unpacked size of the next stretch, as it says itself; UINT64_MAX: there is none. */
uint64_t unpack_peek(const struct unpack *unpack);

/* A digest that tells a file's fixed part from one that was damaged; not a cryptographic one. */
uint64_t pack_digest(const void *bytes, size_t size);
