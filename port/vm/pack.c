/* See pack.h: frames of zstd with its own checksum (XXH64, 32 bits of it). */
#include "port/vm/pack.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "host/host.h"

/* Above this our own writers never go; a size that says more is a lie. */
#define STRETCH_MAX (1ull << 30)

struct packer {
	ZSTD_CCtx *context;
	uint8_t *buffer;
	size_t capacity;
};

struct packer *packer_create(void)
{
	struct packer *packer = calloc(1, sizeof *packer);

	if (!packer)
		return NULL;
	packer->context = ZSTD_createCCtx();
	if (!packer->context) {
		free(packer);
		return NULL;
	}
	ZSTD_CCtx_setParameter(packer->context, ZSTD_c_checksumFlag, 1);
	ZSTD_CCtx_setParameter(packer->context, ZSTD_c_compressionLevel, 1);
	return packer;
}

void packer_destroy(struct packer *packer)
{
	if (!packer)
		return;
	ZSTD_freeCCtx(packer->context);
	free(packer->buffer);
	free(packer);
}

bool pack_write(struct packer *packer, struct host_output *output, const void *bytes, size_t size,
		uint64_t *written)
{
	size_t bound = ZSTD_compressBound(size), packed;
	uint32_t head;

	if (packer->capacity < bound + sizeof head) {
		free(packer->buffer);
		packer->buffer = malloc(bound + sizeof head);
		packer->capacity = packer->buffer ? bound + sizeof head : 0;
	}
	if (!packer->buffer)
		return false;
	packed = ZSTD_compress2(packer->context, packer->buffer + sizeof head, bound, bytes, size);
	if (ZSTD_isError(packed) || packed > UINT32_MAX)
		return false;
	head = (uint32_t)packed;
	memcpy(packer->buffer, &head, sizeof head);
	*written += packed + sizeof head;
	return host_output_write(output, packer->buffer, packed + sizeof head);
}

bool unpack_plain(struct unpack *unpack, void *bytes, size_t size)
{
	if (size > unpack->size - unpack->at)
		return false;
	memcpy(bytes, unpack->bytes + unpack->at, size);
	unpack->at += size;
	return true;
}

/* The frame at the place; false: it is cut off. */
static bool frame_at(const struct unpack *unpack, const uint8_t **frame, size_t *size)
{
	uint32_t head;

	if (unpack->size - unpack->at < sizeof head)
		return false;
	memcpy(&head, unpack->bytes + unpack->at, sizeof head);
	*frame = unpack->bytes + unpack->at + sizeof head;
	*size = head;
	return head <= unpack->size - unpack->at - sizeof head;
}

uint64_t unpack_peek(const struct unpack *unpack)
{
	unsigned long long content;
	const uint8_t *frame;
	size_t size;

	if (!frame_at(unpack, &frame, &size))
		return UINT64_MAX;
	content = ZSTD_getFrameContentSize(frame, size);
	return content <= STRETCH_MAX ? content : UINT64_MAX;
}

const char *unpack_next(struct unpack *unpack, void *bytes, size_t size, size_t *actual)
{
	const uint8_t *frame;
	size_t packed, got;

	if (!frame_at(unpack, &frame, &packed))
		return "is cut off";
	got = ZSTD_decompress(bytes, size, frame, packed);
	if (ZSTD_isError(got) || (!actual && got != size))
		return "is damaged";
	if (actual)
		*actual = got;
	unpack->at += sizeof(uint32_t) + packed;
	return NULL;
}

uint64_t pack_digest(const void *bytes, size_t size)
{
	const uint8_t *cursor = bytes;
	uint64_t digest = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < size; i++)
		digest = (digest ^ cursor[i]) * 0x100000001b3ull;
	return digest;
}
