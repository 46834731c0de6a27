/*
 * The little that the kernel itself needs of a flattened device tree (Devicetree Specification,
 * chapter 5): where memory ends. The tree comes from the firmware or a loader; nothing in it is taken
 * on trust beyond its being readable up to its stated size, at most FDT_CAPACITY.
 */
#include <string.h>

#include "port/metal-riscv64/metal.h"

#define FDT_MAGIC      0xd00dfeedu
#define FDT_BEGIN_NODE 1
#define FDT_END_NODE   2
#define FDT_PROP       3
#define FDT_NOP        4

static uint32_t be32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint64_t be64(const uint8_t *bytes)
{
	return (uint64_t)be32(bytes) << 32 | be32(bytes + 4);
}

uint64_t fdt_size(const void *fdt)
{
	uint32_t size = be32((const uint8_t *)fdt + 4);

	return be32(fdt) == FDT_MAGIC && size <= FDT_CAPACITY ? size : 0;
}

/* The end of the region in a `reg` property of 64-bit pairs that holds `inside`; 0: none does. */
static uint64_t region_end(const uint8_t *reg, uint32_t length, uint64_t inside)
{
	for (uint32_t at = 0; at + 16 <= length; at += 16) {
		uint64_t start = be64(reg + at), size = be64(reg + at + 8);

		if (inside >= start && inside - start < size)
			return start + size;
	}
	return 0;
}

uint64_t fdt_memory_end(const void *fdt, uint64_t inside)
{
	const uint8_t *base = fdt;
	uint32_t size = (uint32_t)fdt_size(fdt), at, strings;
	bool memory = false;

	if (size < 40)
		return 0;
	at = be32(base + 8);
	strings = be32(base + 12);
	while (at + 4 <= size) {
		uint32_t token = be32(base + at), length, name;
		uint64_t end;

		at += 4;
		if (token == FDT_BEGIN_NODE) {
			length = (uint32_t)strnlen((const char *)base + at, size - at);
			memory = length >= 6 && memcmp(base + at, "memory", 6) == 0;
			at = (at + length + 4) & ~3u;
		} else if (token == FDT_PROP && at + 8 <= size) {
			length = be32(base + at);
			name = strings + be32(base + at + 4);
			at += 8;
			if (length > size - at || name + 4 > size)
				return 0;
			if (memory && memcmp(base + name, "reg", 4) == 0) {
				end = region_end(base + at, length, inside);
				if (end)
					return end;
			}
			at = (at + length + 3) & ~3u;
		} else if (token != FDT_END_NODE && token != FDT_NOP) {
			return 0;
		}
	}
	return 0;
}
