/* Frames: the checksum, and whether bytes are one. */
#include "cluster/wire/wire.h"

#define SUM_FACTOR UINT64_C(0x9e3779b97f4a7c15) /* odd, and otherwise any */

/*
 * Of a frame, eight bytes at a time; its first word is magic, version, type and the checksum itself, which
 * counts as 0. Each step can be undone, so that a wrong word makes another sum. A step moves differences
 * upwards only, and from the upper half to the lower: the last one sees to it that those of the last words
 * reach all bits of what is returned.
 */
static uint32_t frame_sum(const struct wire_header *frame)
{
	const uint64_t *words = (const void *)frame;
	size_t count = (WIRE_HEADER + frame->length) / 8;
	uint64_t sum = (uint32_t)words[0];

	for (size_t i = 1; i < count; i++) {
		sum = (sum ^ words[i]) * SUM_FACTOR;
		sum ^= sum >> 32;
	}
	sum = (sum ^ sum >> 29) * SUM_FACTOR;
	return (uint32_t)(sum ^ sum >> 32);
}

void wire_seal(struct wire_header *frame)
{
	frame->sum = frame_sum(frame);
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
	return frame->sum == frame_sum(frame) ? WIRE_WHOLE : WIRE_BAD;
}

bool wire_is_name(const char name[WIRE_NAME_SIZE])
{
	size_t length = 0;

	while (length < WIRE_NAME_SIZE && name[length] != 0) {
		unsigned char c = (unsigned char)name[length++];

		if (c <= ' ' || c >= 0x7f)
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
