/*
 * Frames: the checksum, and whether bytes are one. The table is 8 × 256 numbers and made at the first use:
 * eight bytes go through it at a time.
 */
#include "cluster/wire/wire.h"

#define CRC_POLYNOMIAL 0xedb88320u

static uint32_t crc_table[8][256]; /* [k][b]: what byte b does that has k zero bytes after it */

static void crc_prepare(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC_POLYNOMIAL : 0);
		crc_table[0][byte] = crc;
	}
	for (unsigned k = 1; k < 8; k++)
		for (unsigned byte = 0; byte < 256; byte++) {
			uint32_t before = crc_table[k - 1][byte];

			crc_table[k][byte] = before >> 8 ^ crc_table[0][before & 0xff];
		}
}

static inline uint32_t crc_step(uint32_t crc, uint64_t word)
{
	uint32_t low = (uint32_t)word ^ crc, high = (uint32_t)(word >> 32);

	return crc_table[7][low & 0xff] ^ crc_table[6][low >> 8 & 0xff] ^ crc_table[5][low >> 16 & 0xff] ^
	       crc_table[4][low >> 24] ^ crc_table[3][high & 0xff] ^ crc_table[2][high >> 8 & 0xff] ^
	       crc_table[1][high >> 16 & 0xff] ^ crc_table[0][high >> 24];
}

/* Of a frame; its first word is magic, version, type and the checksum itself, which counts as 0. */
static uint32_t frame_crc(const struct wire_header *frame)
{
	const uint64_t *words = (const void *)frame;
	size_t count = (WIRE_HEADER + frame->length) / 8;
	uint32_t crc;

	if (crc_table[0][1] == 0)
		crc_prepare();
	crc = crc_step(~0u, (uint32_t)words[0]);
	for (size_t i = 1; i < count; i++)
		crc = crc_step(crc, words[i]);
	return ~crc;
}

void wire_seal(struct wire_header *frame)
{
	frame->crc = frame_crc(frame);
}

enum wire_look wire_look(const void *bytes, size_t size)
{
	const struct wire_header *frame = bytes;
	const uint8_t *byte = bytes;

	if (size < WIRE_HEADER) {
		bool may_be = (size < 1 || byte[0] == (WIRE_MAGIC & 0xff)) &&
			      (size < 2 || byte[1] == WIRE_MAGIC >> 8);

		return may_be ? WIRE_SHORT : WIRE_BAD;
	}
	if (frame->magic != WIRE_MAGIC || frame->version != WIRE_VERSION ||
	    frame->length > WIRE_PAYLOAD_MAX || frame->length % 8 != 0)
		return WIRE_BAD;
	if (size - WIRE_HEADER < frame->length)
		return WIRE_SHORT;
	return frame->crc == frame_crc(frame) ? WIRE_WHOLE : WIRE_BAD;
}

bool wire_is_name(const char name[WIRE_NAME_SIZE])
{
	size_t length = 0;

	while (length < WIRE_NAME_SIZE && name[length] != 0) {
		unsigned char c = (unsigned char)name[length++];

		if (c <= ' ' || c == 0x7f)
			return false;
	}
	if (length == 0 || length == WIRE_NAME_SIZE)
		return false;
	for (size_t i = length; i < WIRE_NAME_SIZE; i++)
		if (name[i] != 0)
			return false;
	return true;
}

const char *wire_reason_text(uint32_t reason)
{
	static const char *const texts[] = {
#define WIRE_REASON(name, text) text,
#include "cluster/wire/wire.def"
	};

	return reason < WIRE_REASONS ? texts[reason] : "unknown reason";
}
