/*
 * What two bridges say to each other: bytes taken for a message, and for a frame, also with the checksum made
 * right. What is taken for a message encodes to the very bytes that it was decoded from.
 */
#include <stdlib.h>
#include <string.h>

#include "cluster/wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes, with nothing behind them. */
static void *copy_of(const uint8_t *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	return copy;
}

static void as_message(const uint8_t *data, size_t size)
{
	void *payload = copy_of(data, size), *again = malloc(size ? size : 1);
	struct wire_message message;

	if (!again)
		abort();
	if (wire_decode(payload, size, &message)) {
		if (wire_message_size(&message) != size || size > WIRE_PAYLOAD_MAX)
			abort();
		wire_encode(&message, again);
		if (memcmp(again, payload, size) != 0)
			abort();
	}
	free(again);
	free(payload);
}

static void as_frame(const uint8_t *data, size_t size)
{
	struct wire_header *frame = copy_of(data, size);

	(void)wire_look(frame, size);
	if (size >= WIRE_HEADER && frame->length % 8 == 0 && frame->length <= size - WIRE_HEADER) {
		wire_seal(frame);
		if (wire_look(frame, size) == WIRE_SHORT)
			abort();
	}
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_message(data, size);
	as_frame(data, size);
	return 0;
}
