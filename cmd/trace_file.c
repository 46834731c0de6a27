/* See trace_file.h, and doc/TRACE.md for the field numbers and their source. */
#include "cmd/trace_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fields of perfetto's protos that are written. */
enum {
	TRACE_PACKET = 1,

	PACKET_TIMESTAMP = 8,
	PACKET_SEQUENCE = 10,
	PACKET_EVENT = 11,
	PACKET_FLAGS = 13,
	PACKET_DESCRIPTOR = 60,

	DESCRIPTOR_UUID = 1,
	DESCRIPTOR_NAME = 2,
	DESCRIPTOR_PROCESS = 3,
	DESCRIPTOR_THREAD = 4,
	DESCRIPTOR_PARENT = 5,

	PROCESS_PID = 1,
	PROCESS_NAME = 6,

	THREAD_PID = 1,
	THREAD_TID = 2,
	THREAD_NAME = 5,

	EVENT_ANNOTATION = 4,
	EVENT_TYPE = 9,
	EVENT_TRACK = 11,
	EVENT_CATEGORY = 22,
	EVENT_NAME = 23,
	EVENT_FLOW = 47,
	EVENT_FLOW_END = 48,

	ANNOTATION_NUMBER = 3,
	ANNOTATION_TEXT = 6,
	ANNOTATION_POINTER = 7,
	ANNOTATION_NAME = 10,
};

enum event_type { EVENT_BEGIN = 1, EVENT_END = 2, EVENT_INSTANT = 3 };

#define STATE_CLEARED 1 /* sequence flag: nothing earlier is referred to */

/* Chrome's JSON has no tracks outside of processes: the machine is one. */
#define MACHINE_PID   1

#define JSON_BEGIN    "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
#define JSON_BETWEEN  ",\n"
#define JSON_END      "\n]}\n"

/* Each part has so many numbers. */
#define NUMBER_BITS   24
#define FLOW_BITS     40

struct trace_file {
	FILE *stream;
	bool json;
	bool started;      /* something was written */
	unsigned sequence; /* of packets: one for each source */
	bool cleared;      /* it has begun */
	char source[64];   /* before names of processes */
	uint32_t number;
	uint64_t flow;
};

/* More than a double can say, as which viewers read numbers, is shown as an address is. */
#define SAFE_BITS 53

void trace_arg_number(struct trace_args *args, const char *name, uint64_t number)
{
	enum trace_arg_kind kind = number >> SAFE_BITS ? TRACE_ARG_ADDRESS : TRACE_ARG_NUMBER;

	if (args->count < TRACE_ARGS_MAX)
		args->arg[args->count++] = (struct trace_arg){name, kind, number, NULL};
}

void trace_arg_address(struct trace_args *args, const char *name, uint64_t number)
{
	if (args->count < TRACE_ARGS_MAX)
		args->arg[args->count++] = (struct trace_arg){name, TRACE_ARG_ADDRESS, number, NULL};
}

void trace_arg_text(struct trace_args *args, const char *name, const char *text)
{
	if (args->count < TRACE_ARGS_MAX)
		args->arg[args->count++] = (struct trace_arg){name, TRACE_ARG_TEXT, 0, text};
}

/* --- protobuf: a message is put together in memory, for its length comes first -------------------- */

#define MESSAGE_MAX 2048

struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t length;
};

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

static void put_varint(struct message *message, uint64_t value)
{
	do {
		if (message->length == MESSAGE_MAX)
			return;
		message->bytes[message->length++] = (uint8_t)((value & 127) | (value > 127 ? 128 : 0));
		value >>= 7;
	} while (value);
}

static void put_number(struct message *message, unsigned field, uint64_t value)
{
	put_varint(message, field << 3 | WIRE_VARINT);
	put_varint(message, value);
}

static void put_fixed(struct message *message, unsigned field, uint64_t value)
{
	put_varint(message, field << 3 | WIRE_FIXED64);
	for (unsigned i = 0; i < 8 && message->length < MESSAGE_MAX; i++)
		message->bytes[message->length++] = (uint8_t)(value >> 8 * i);
}

/* What does not fit is left out whole. */
static void put_bytes(struct message *message, unsigned field, const void *bytes, size_t length)
{
	if (length + 12 > MESSAGE_MAX - message->length)
		return;
	put_varint(message, field << 3 | WIRE_BYTES);
	put_varint(message, length);
	memcpy(message->bytes + message->length, bytes, length);
	message->length += length;
}

static void put_message(struct message *message, unsigned field, const struct message *part)
{
	put_bytes(message, field, part->bytes, part->length);
}

/* Names come from guests: what is not plain text becomes a question mark. */
static char plain(char c)
{
	return c >= ' ' && c <= '~' ? c : '?';
}

static void put_text(struct message *message, unsigned field, const char *text)
{
	char clean[256];
	size_t length = strlen(text);

	if (length > sizeof clean)
		length = sizeof clean;
	for (size_t i = 0; i < length; i++)
		clean[i] = plain(text[i]);
	put_bytes(message, field, clean, length);
}

static void write_packet(struct trace_file *file, struct message *packet)
{
	struct message head;

	head.length = 0;
	put_number(packet, PACKET_SEQUENCE, file->sequence);
	if (!file->cleared)
		put_number(packet, PACKET_FLAGS, STATE_CLEARED);
	file->cleared = true;
	put_varint(&head, TRACE_PACKET << 3 | WIRE_BYTES);
	put_varint(&head, packet->length);
	fwrite(head.bytes, 1, head.length, file->stream);
	fwrite(packet->bytes, 1, packet->length, file->stream);
}

static void write_descriptor(struct trace_file *file, const struct message *descriptor)
{
	struct message packet;

	packet.length = 0;
	put_message(&packet, PACKET_DESCRIPTOR, descriptor);
	write_packet(file, &packet);
}

static void put_annotations(struct message *event, const struct trace_args *args)
{
	for (unsigned i = 0; args && i < args->count; i++) {
		const struct trace_arg *arg = &args->arg[i];
		struct message annotation;

		annotation.length = 0;
		put_text(&annotation, ANNOTATION_NAME, arg->name);
		if (arg->kind == TRACE_ARG_TEXT)
			put_text(&annotation, ANNOTATION_TEXT, arg->text);
		else
			put_number(&annotation,
				   arg->kind == TRACE_ARG_ADDRESS ? ANNOTATION_POINTER : ANNOTATION_NUMBER,
				   arg->number);
		put_message(event, EVENT_ANNOTATION, &annotation);
	}
}

static void write_event(struct trace_file *file, struct trace_point at, enum event_type type,
			struct message *event)
{
	struct message packet;

	packet.length = 0;
	put_number(event, EVENT_TYPE, type);
	put_number(event, EVENT_TRACK, at.track);
	put_number(&packet, PACKET_TIMESTAMP, at.time);
	put_message(&packet, PACKET_EVENT, event);
	write_packet(file, &packet);
}

/* --- JSON ----------------------------------------------------------------------------------------- */

static void json_text(FILE *stream, const char *text)
{
	putc('"', stream);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', stream);
		putc(plain(*text), stream);
	}
	putc('"', stream);
}

/* What every event begins with; times are in microseconds. */
static void json_begin(struct trace_file *file, const char *phase, uint32_t process, uint32_t track)
{
	fputs(file->started ? JSON_BETWEEN : JSON_BEGIN, file->stream);
	file->started = true;
	fprintf(file->stream, "{\"ph\":\"%s\",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32, phase,
		process ? process : MACHINE_PID, track);
}

static void json_time(struct trace_file *file, uint64_t time)
{
	fprintf(file->stream, ",\"ts\":%" PRIu64 ".%03u", time / 1000, (unsigned)(time % 1000));
}

static void json_name(struct trace_file *file, const char *category, const char *name)
{
	fputs(",\"name\":", file->stream);
	json_text(file->stream, name);
	fprintf(file->stream, ",\"cat\":\"%s\"", category);
}

static void json_args(struct trace_file *file, const struct trace_args *args)
{
	if (!args || args->count == 0)
		return;
	fputs(",\"args\":{", file->stream);
	for (unsigned i = 0; i < args->count; i++) {
		const struct trace_arg *arg = &args->arg[i];

		fprintf(file->stream, "%s\"%s\":", i ? "," : "", arg->name);
		if (arg->kind == TRACE_ARG_TEXT)
			json_text(file->stream, arg->text);
		else if (arg->kind == TRACE_ARG_ADDRESS)
			fprintf(file->stream, "\"0x%" PRIx64 "\"", arg->number);
		else
			fprintf(file->stream, "%" PRIu64, arg->number);
	}
	putc('}', file->stream);
}

static void json_metadata(struct trace_file *file, const char *what, uint32_t process, uint32_t track,
			  const char *name)
{
	json_begin(file, "M", process, track);
	fprintf(file->stream, ",\"name\":\"%s\",\"args\":{\"name\":", what);
	json_text(file->stream, name);
	fputs("}}", file->stream);
}

/* An arrow's end is at the slice around it. */
static void json_flow(struct trace_file *file, struct trace_point at, bool begins, uint64_t number)
{
	json_begin(file, begins ? "s" : "f", at.process, at.track);
	json_time(file, at.time);
	json_name(file, "message", "message");
	fprintf(file->stream, ",\"id\":%" PRIu64 "%s}", number, begins ? "" : ",\"bp\":\"e\"");
}

/* --- both ------------------------------------------------------------------------------------------ */

bool trace_file_is_json(const char *path)
{
	size_t length = strlen(path);

	return length >= 5 && strcmp(path + length - 5, ".json") == 0;
}

struct trace_file *trace_file_create(const char *path, unsigned part)
{
	struct trace_file *file = calloc(1, sizeof *file);

	if (!file)
		return NULL;
	file->json = trace_file_is_json(path);
	file->sequence = part + 1;
	file->number = part << NUMBER_BITS;
	file->flow = (uint64_t)part << FLOW_BITS;
	file->stream = fopen(path, "wb");
	if (file->stream)
		return file;
	free(file);
	return NULL;
}

bool trace_file_close(struct trace_file *file)
{
	bool good;

	if (file->json)
		fputs(file->started ? JSON_END : "{\"traceEvents\":[]}\n", file->stream);
	good = !ferror(file->stream);
	good = fclose(file->stream) == 0 && good;
	free(file);
	return good;
}

/* The bytes of a file from `from` on, without the last `less`. */
static void copy(FILE *to, FILE *from, long at, long less)
{
	char bytes[65536];
	size_t left, got;

	fseek(from, 0, SEEK_END);
	left = (size_t)(ftell(from) - at - less);
	fseek(from, at, SEEK_SET);
	for (; left > 0; left -= got) {
		got = fread(bytes, 1, left < sizeof bytes ? left : sizeof bytes, from);
		if (got == 0)
			return;
		fwrite(bytes, 1, got, to);
	}
}

bool trace_file_append(struct trace_file *file, const char *path)
{
	size_t head = file->json ? strlen(JSON_BEGIN) : 0, tail = file->json ? strlen(JSON_END) : 0;
	FILE *part = fopen(path, "rb");
	bool good;

	if (!part)
		return false;
	good = fseek(part, 0, SEEK_END) == 0 && ftell(part) > (long)(head + tail);
	if (good && file->json)
		fputs(file->started ? JSON_BETWEEN : JSON_BEGIN, file->stream);
	if (good)
		copy(file->stream, part, (long)head, (long)tail);
	file->started |= good;
	fclose(part);
	return good;
}

void trace_file_source(struct trace_file *file, const char *name)
{
	snprintf(file->source, sizeof file->source, "%s: ", name);
	if (file->cleared)
		file->sequence++;
	file->cleared = false;
}

uint32_t trace_file_number(struct trace_file *file)
{
	return ++file->number;
}

uint64_t trace_file_flow(struct trace_file *file)
{
	return ++file->flow;
}

void trace_file_process(struct trace_file *file, uint32_t process, const char *of)
{
	struct message descriptor, part;
	char name[256];

	snprintf(name, sizeof name, "%s%s", file->source, of);
	descriptor.length = part.length = 0;
	if (file->json) {
		json_metadata(file, "process_name", process, 0, name);
		return;
	}
	put_number(&part, PROCESS_PID, process);
	put_text(&part, PROCESS_NAME, name);
	put_number(&descriptor, DESCRIPTOR_UUID, process);
	put_message(&descriptor, DESCRIPTOR_PROCESS, &part);
	write_descriptor(file, &descriptor);
}

void trace_file_track(struct trace_file *file, uint32_t track, uint32_t process, const char *name)
{
	struct message descriptor, part;

	descriptor.length = part.length = 0;
	if (file->json) {
		if (!process)
			json_metadata(file, "process_name", 0, 0, "machine");
		json_metadata(file, "thread_name", process, track, name);
		return;
	}
	put_number(&descriptor, DESCRIPTOR_UUID, track);
	if (process) {
		put_number(&part, THREAD_PID, process);
		put_number(&part, THREAD_TID, track);
		put_text(&part, THREAD_NAME, name);
		put_number(&descriptor, DESCRIPTOR_PARENT, process);
		put_message(&descriptor, DESCRIPTOR_THREAD, &part);
	} else {
		put_text(&descriptor, DESCRIPTOR_NAME, name);
	}
	write_descriptor(file, &descriptor);
}

void trace_file_begin(struct trace_file *file, struct trace_point at, const char *category, const char *name,
		      const struct trace_args *args)
{
	struct message event;

	event.length = 0;
	if (file->json) {
		json_begin(file, "B", at.process, at.track);
		json_time(file, at.time);
		json_name(file, category, name);
		json_args(file, args);
		putc('}', file->stream);
		return;
	}
	put_text(&event, EVENT_CATEGORY, category);
	put_text(&event, EVENT_NAME, name);
	put_annotations(&event, args);
	write_event(file, at, EVENT_BEGIN, &event);
}

void trace_file_end(struct trace_file *file, struct trace_point at, const struct trace_args *args)
{
	struct message event;

	event.length = 0;
	if (file->json) {
		json_begin(file, "E", at.process, at.track);
		json_time(file, at.time);
		json_args(file, args);
		putc('}', file->stream);
		return;
	}
	put_annotations(&event, args);
	write_event(file, at, EVENT_END, &event);
}

void trace_file_instant(struct trace_file *file, struct trace_point at, const char *category,
			const char *name, const struct trace_args *args, enum trace_flow flow,
			uint64_t flow_number)
{
	struct message event;

	event.length = 0;
	if (file->json) {
		json_begin(file, "i", at.process, at.track);
		json_time(file, at.time);
		json_name(file, category, name);
		fputs(",\"s\":\"t\"", file->stream);
		json_args(file, args);
		putc('}', file->stream);
		if (flow != TRACE_FLOW_NONE)
			json_flow(file, at, flow == TRACE_FLOW_BEGINS, flow_number);
		return;
	}
	put_text(&event, EVENT_CATEGORY, category);
	put_text(&event, EVENT_NAME, name);
	put_annotations(&event, args);
	if (flow != TRACE_FLOW_NONE)
		put_fixed(&event, flow == TRACE_FLOW_BEGINS ? EVENT_FLOW : EVENT_FLOW_END, flow_number);
	write_event(file, at, EVENT_INSTANT, &event);
}

void trace_file_dropped(struct trace_file *file, struct trace_point at, uint64_t events)
{
	struct trace_args args = {.count = 0};

	trace_arg_number(&args, "events", events);
	trace_file_instant(file, at, "trace", "older events were not kept", &args, TRACE_FLOW_NONE, 0);
}
