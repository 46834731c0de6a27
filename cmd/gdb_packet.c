/* GDB packets: $contents#sum, acknowledged by + or - until both sides trust the line. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/gdb_internal.h"

/* --- text ------------------------------------------------------------------------------------------ */

void gdb_text_clear(struct gdb_text *text)
{
	text->size = 0;
	text->data[0] = 0;
}

void gdb_text_add(struct gdb_text *text, const char *format, ...)
{
	size_t left = text->room - text->size;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text->data + text->size, left, format, args);
	va_end(args);
	if (length > 0)
		text->size += (size_t)length < left ? (size_t)length : left - 1;
}

void gdb_text_add_hex(struct gdb_text *text, const void *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < size && text->size + 2 < text->room; i++) {
		text->data[text->size++] = digits[byte[i] >> 4];
		text->data[text->size++] = digits[byte[i] & 15];
	}
	text->data[text->size] = 0;
}

void gdb_text_add_binary(struct gdb_text *text, const void *bytes, size_t size)
{
	static const char special[] = {'#', '$', '}', '*'};
	const char *byte = bytes;

	for (size_t i = 0; i < size && text->size + 2 < text->room; i++) {
		bool escaped = memchr(special, byte[i], sizeof special);

		if (escaped)
			text->data[text->size++] = '}';
		text->data[text->size++] = escaped ? byte[i] ^ 0x20 : byte[i];
	}
	text->data[text->size] = 0;
}

void gdb_reply_error(struct gdb *gdb, int number)
{
	gdb_text_clear(&gdb->reply);
	gdb_text_add(&gdb->reply, "E%02x", (unsigned)number);
}

void gdb_reply_ok(struct gdb *gdb)
{
	gdb_text_clear(&gdb->reply);
	gdb_text_add(&gdb->reply, "OK");
}

/* --- out ------------------------------------------------------------------------------------------- */

void gdb_send_packet(struct gdb *gdb, const struct gdb_text *contents)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < contents->size; i++)
		sum += (uint8_t)contents->data[i];
	gdb->out[0] = '$';
	memcpy(gdb->out + 1, contents->data, contents->size);
	gdb->out_size = contents->size + 1;
	gdb->out_size += (size_t)snprintf(gdb->out + gdb->out_size, 4, "#%02x", sum);
	gdb->send(gdb->context, gdb->out, gdb->out_size);
}

/* --- parsing --------------------------------------------------------------------------------------- */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool gdb_parse_hex(const char **cursor, uint64_t *value)
{
	unsigned count = 0;

	*value = 0;
	for (; digit(**cursor) >= 0; ++*cursor, count++) {
		if (*value >> 60)
			return false;
		*value = *value << 4 | (unsigned)digit(**cursor);
	}
	return count > 0;
}

bool gdb_parse_bytes(const char **cursor, void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++, *cursor += 2) {
		int high = digit((*cursor)[0]), low = high < 0 ? -1 : digit((*cursor)[1]);

		if (low < 0)
			return false;
		((uint8_t *)bytes)[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool gdb_skip(const char **cursor, const char *text)
{
	size_t length = strlen(text);

	if (strncmp(*cursor, text, length) != 0)
		return false;
	*cursor += length;
	return true;
}

static bool parse_id(const char **cursor, int64_t *id)
{
	uint64_t value;

	*id = -1;
	if (gdb_skip(cursor, "-1"))
		return true;
	if (!gdb_parse_hex(cursor, &value) || value > INT64_MAX)
		return false;
	*id = (int64_t)value;
	return true;
}

/* TID, pPID or pPID.TID; a process alone means all its threads, a thread alone is of any process. */
bool gdb_parse_thread(const char **cursor, struct gdb_thread_id *id)
{
	id->pid = 0;
	id->tid = -1;
	if (!gdb_skip(cursor, "p"))
		return parse_id(cursor, &id->tid);
	return parse_id(cursor, &id->pid) && (!gdb_skip(cursor, ".") || parse_id(cursor, &id->tid));
}
