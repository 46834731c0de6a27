/*
 * Messages and frames: what is encoded is decoded as it was; what is not exactly a message or a frame is not
 * taken. All bytes that are read lie at the end of a page with nothing behind it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cluster/wire/wire.h"

#define PAGE 4096

static uint8_t *page;
static bool all_good = true;
static uint64_t state = 1;

static void check(const char *name, bool good, const char *why)
{
	printf(good ? "ok wire-%s\n" : "not ok wire-%s: %s\n", name, why);
	all_good = all_good && good;
}

static uint64_t dice(uint64_t below)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (state >> 33) % below;
}

/* --- messages ---------------------------------------------------------------------------------------- */

static const unsigned parts[] = {
	0,
#define WIRE_KIND(name, text, parts) parts,
#include "cluster/wire/wire.def"
};

static uint64_t words[WIRE_WORDS];
static char names[WIRE_CAPS + 1][WIRE_NAME_SIZE];

static const char *some_name(unsigned which)
{
	unsigned length = 1 + (unsigned)dice(WIRE_NAME_SIZE - 1);

	memset(names[which], 0, WIRE_NAME_SIZE);
	for (unsigned i = 0; i < length; i++)
		names[which][i] = (char)('!' + dice(94));
	return names[which];
}

static struct wire_cap some_cap(unsigned which)
{
	struct wire_cap cap = {.kind = (uint8_t)dice(WIRE_CAP_KINDS)};

	if (cap.kind == WIRE_ABSENT)
		return cap;
	cap.object = (uint8_t)(1 + dice(WIRE_OBJECTS - 1));
	cap.number = (uint32_t)(1 + dice(UINT32_MAX));
	if (cap.kind == WIRE_THIRD) {
		cap.ticket = dice(1ull << 31) << 32 | 5;
		cap.node = some_name(1 + which);
	}
	return cap;
}

static void fill_body(struct wire_message *message)
{
	message->label = dice(1ull << 31) << 20;
	message->word_count = (uint8_t)(dice(4) ? dice(5) : dice(WIRE_WORDS + 1));
	message->cap_count = (uint8_t)dice(WIRE_CAPS + 1);
	message->words = words;
	for (unsigned i = 0; i < message->word_count; i++)
		words[i] = dice(1ull << 31) << 33 | i;
	for (unsigned i = 0; i < message->cap_count; i++)
		message->caps[i] = some_cap(i);
}

static struct wire_message some_message(unsigned kind)
{
	struct wire_message message = {.kind = (uint8_t)kind};

	if (parts[kind] & WIRE_NUMBER)
		message.number = (uint32_t)(1 + dice(UINT32_MAX));
	if (parts[kind] & WIRE_EXPORT)
		message.export = (uint32_t)(1 + dice(UINT32_MAX));
	if (parts[kind] & WIRE_OUTCOME)
		message.outcome = (uint8_t)(1 + dice(OUTCOMES - 1));
	if (parts[kind] & WIRE_BODY && message.outcome <= OUTCOME_DONE)
		fill_body(&message);
	if (parts[kind] & WIRE_STAMP)
		message.stamp = dice(1ull << 31) << 33;
	if (parts[kind] & WIRE_TICKET)
		message.ticket = dice(1ull << 31) << 32 | 1;
	if (parts[kind] & WIRE_NAME)
		message.name = some_name(0);
	return message;
}

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same(const struct wire_message *a, const struct wire_message *b)
{
	if (a->kind != b->kind || a->outcome != b->outcome || a->number != b->number ||
	    a->export != b->export || a->label != b->label || a->stamp != b->stamp ||
	    a->ticket != b->ticket || a->word_count != b->word_count || a->cap_count != b->cap_count ||
	    !same_name(a->name, b->name))
		return false;
	for (unsigned i = 0; i < a->word_count; i++)
		if (a->words[i] != b->words[i])
			return false;
	for (unsigned i = 0; i < a->cap_count; i++)
		if (a->caps[i].kind != b->caps[i].kind || a->caps[i].object != b->caps[i].object ||
		    a->caps[i].number != b->caps[i].number || a->caps[i].ticket != b->caps[i].ticket ||
		    !same_name(a->caps[i].node, b->caps[i].node))
			return false;
	return true;
}

/* The bytes of a message, which end where the page ends. */
static uint8_t *encode(const struct wire_message *message, size_t *size)
{
	uint8_t *at;

	*size = wire_message_size(message);
	at = page + PAGE - *size;
	memset(at, 0xee, *size);
	wire_encode(message, at);
	return at;
}

static bool decodes(const uint8_t *bytes, size_t size)
{
	struct wire_message message;
	uint8_t *at = page + PAGE - size;

	memmove(at, bytes, size);
	return wire_decode(at, size, &message);
}

static void test_round_trips(void)
{
	bool good = true;

	for (unsigned i = 0; i < 20000; i++) {
		struct wire_message message = some_message(1 + i % (WIRE_KINDS - 1)), again;
		size_t size;
		const uint8_t *at = encode(&message, &size);

		good = good && size % 8 == 0 && size <= WIRE_PAYLOAD_MAX && wire_decode(at, size, &again) &&
		       same(&message, &again);
	}
	check("round-trips", good, "a message did not come back as it was");
}

static void test_longest(void)
{
	struct wire_message message = {.kind = WIRE_CALL,
				       .number = 1,
				       .export = 1,
				       .word_count = WIRE_WORDS,
				       .cap_count = WIRE_CAPS,
				       .words = words};
	struct wire_message again;
	const uint8_t *at;
	size_t size;

	for (unsigned i = 0; i < WIRE_CAPS; i++)
		message.caps[i] =
			(struct wire_cap){WIRE_THIRD, WIRE_ENDPOINT, 7, 9, "a-name-of-thirty-one-characters"};
	at = encode(&message, &size);
	check("longest", size <= WIRE_PAYLOAD_MAX && wire_decode(at, size, &again) && same(&message, &again),
	      "it is too long or did not come back");
}

/* Only all of a message is one: not a part of it, nor with something behind it. */
static void test_lengths(void)
{
	bool good = true;

	for (unsigned i = 0; i < 500; i++) {
		struct wire_message message = some_message(1 + i % (WIRE_KINDS - 1));
		uint8_t bytes[PAGE] = {0};
		size_t size;
		const uint8_t *at = encode(&message, &size);

		memcpy(bytes, at, size);
		for (size_t part = 0; part < size; part += 8)
			good = good && !decodes(bytes, part);
		good = good && !decodes(bytes, size + 8) && decodes(bytes, size);
	}
	check("lengths", good, "a part of a message, or more than one, was taken");
}

/* Spoiled at one place, it is refused, or is another message that encodes to the very same bytes. */
static void test_spoiled(void)
{
	unsigned taken = 0, refused = 0;
	bool good = true;

	for (unsigned i = 0; i < 300000; i++) {
		struct wire_message message = some_message(1 + i % (WIRE_KINDS - 1)), again;
		uint8_t bytes[PAGE], copy[PAGE];
		size_t size;
		uint8_t *at = encode(&message, &size);

		at[dice(dice(2) ? 32 : size) % size] ^= (uint8_t)(1u << dice(8));
		memcpy(bytes, at, size);
		if (!wire_decode(at, size, &again)) {
			refused++;
			continue;
		}
		taken++;
		good = good && wire_message_size(&again) == size;
		if (good)
			wire_encode(&again, copy);
		good = good && memcmp(copy, bytes, size) == 0;
	}
	check("spoiled", good && taken > 10000 && refused > 10000, "it was taken for what it is not");
}

/* One word or capability more than there may be, all of them there. */
static void test_one_more(void)
{
	struct wire_message message = {.kind = WIRE_CALL, .number = 1, .export = 1, .words = words};
	uint8_t bytes[PAGE] = {0};
	const uint8_t *at;
	size_t size;

	message.word_count = WIRE_WORDS;
	at = encode(&message, &size);
	memcpy(bytes, at, size);
	bytes[1]++;
	check("one-more-word", !decodes(bytes, size + 8), "it was taken");
	message.word_count = 0;
	message.cap_count = WIRE_CAPS;
	memset(bytes, 0, sizeof bytes);
	at = encode(&message, &size);
	memcpy(bytes, at, size);
	bytes[2]++;
	check("one-more-capability", !decodes(bytes, size + 8), "it was taken");
}

/* What was not done has no answer. */
static void test_label_of_nothing(void)
{
	struct wire_message message = {.kind = WIRE_RESULT, .number = 1, .outcome = OUTCOME_REVOKED};
	size_t size;
	const uint8_t *at = encode(&message, &size);
	bool good = decodes(at, size);

	message.label = 1;
	at = encode(&message, &size);
	check("label-of-nothing", good && !decodes(at, size), "it was taken");
}

/* A field of a CALL or of what it carries, and a value that it must not have. */
static void test_fields(void)
{
	static const struct {
		const char *name;
		unsigned kind, at, size;
		uint64_t value;
	} cases[] = {
		{"kind-0", WIRE_CALL, 0, 1, 0},
		{"kind-unknown", WIRE_CALL, 0, 1, WIRE_KINDS},
		{"121-words", WIRE_CALL, 1, 1, 121},
		{"255-words", WIRE_CALL, 1, 1, 255},
		{"4-capabilities", WIRE_CALL, 2, 1, 4},
		{"call-with-outcome", WIRE_CALL, 3, 1, 1},
		{"no-number", WIRE_CALL, 4, 4, 0},
		{"no-export", WIRE_CALL, 8, 4, 0},
		{"padding", WIRE_CALL, 12, 4, 1},
		{"capability-kind", WIRE_CALL, 32, 1, WIRE_CAP_KINDS},
		{"capability-of-nothing", WIRE_CALL, 33, 1, 0},
		{"capability-object", WIRE_CALL, 33, 1, WIRE_OBJECTS},
		{"capability-padding", WIRE_CALL, 34, 2, 1},
		{"capability-number-0", WIRE_CALL, 36, 4, 0},
		{"absent-with-number", WIRE_CALL, 32, 2, 0},
		{"result-without-outcome", WIRE_RESULT, 3, 1, 0},
		{"result-unknown-outcome", WIRE_RESULT, 3, 1, OUTCOMES},
		{"revoked-with-words", WIRE_RESULT, 3, 1, OUTCOME_REVOKED},
		{"signal-with-words", WIRE_SIGNAL, 1, 1, 1},
		{"open-without-name", WIRE_OPEN, 16, 1, 0},
		{"open-name-without-end", WIRE_OPEN, 47, 1, 'x'},
		{"open-name-with-blank", WIRE_OPEN, 17, 1, ' '},
		{"open-name-with-escape", WIRE_OPEN, 17, 1, 27},
		{"open-name-not-ascii", WIRE_OPEN, 17, 1, 0xc2},
		{"release-with-export", WIRE_RELEASE, 8, 4, 1},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct wire_message message = some_message(cases[i].kind);
		char name[64];
		size_t size;
		uint8_t *at;

		if (parts[cases[i].kind] & WIRE_BODY) {
			message.outcome = parts[cases[i].kind] & WIRE_OUTCOME ? OUTCOME_DONE : 0;
			message.word_count = message.cap_count = 1;
			message.words = words;
			message.caps[0] =
				(struct wire_cap){.kind = WIRE_MINE, .object = WIRE_ENDPOINT, .number = 77};
		}
		if (message.name)
			message.name = "x.y";
		at = encode(&message, &size);
		snprintf(name, sizeof name, "field-%s", cases[i].name);
		if (!decodes(at, size))
			check(name, false, "refused before anything was wrong");
		memcpy(at + cases[i].at, &cases[i].value, cases[i].size);
		check(name, !decodes(at, size), "it was taken");
	}
}

/* --- frames ------------------------------------------------------------------------------------------ */

static uint8_t *frame_make(size_t length)
{
	uint8_t *at = page + PAGE - WIRE_HEADER - length;
	struct wire_header *frame = (void *)at;

	*frame = (struct wire_header){.magic = WIRE_MAGIC,
				      .version = WIRE_VERSION,
				      .type = WIRE_DATA,
				      .length = (uint32_t)length,
				      .to = 0x12345678,
				      .from = 0x9abcdef0,
				      .seq = (uint32_t)dice(1000),
				      .ack = (uint32_t)dice(1000)};
	for (size_t i = 0; i < length; i++)
		at[WIRE_HEADER + i] = (uint8_t)dice(256);
	wire_seal(frame);
	return at;
}

/* The checksum as doc/CLUSTER.md has it, the field itself counted as 0. */
static uint32_t plain_sum(const uint8_t *bytes, size_t size)
{
	uint64_t sum = 0, word = 0;

	for (size_t i = 0; i < size; i++) {
		word |= (uint64_t)(i >= 4 && i < 8 ? 0 : bytes[i]) << i % 8 * 8;
		if (i % 8 != 7)
			continue;
		sum ^= word;
		word = 0;
		if (i == 7)
			continue;
		sum *= 0x9e3779b97f4a7c15;
		sum ^= sum >> 32;
	}
	sum = (sum ^ sum >> 29) * 0x9e3779b97f4a7c15;
	return (uint32_t)(sum ^ sum >> 32);
}

static void test_checksum(void)
{
	bool good = true;

	for (size_t length = 0; length <= WIRE_PAYLOAD_MAX; length += 8) {
		const uint8_t *at = frame_make(length);

		good = good && ((const struct wire_header *)at)->sum == plain_sum(at, WIRE_HEADER + length) &&
		       wire_look(at, WIRE_HEADER + length) == WIRE_WHOLE;
	}
	check("checksum", good, "it is another");
}

/* The beginning of a frame may become one; no frame with a wrong bit is one. */
static void test_frame_parts(void)
{
	const size_t length = 40, size = WIRE_HEADER + length;
	bool parts_good = true, bits_good = true;
	uint8_t bytes[PAGE];

	memcpy(bytes, frame_make(length), size);
	for (size_t part = 0; part < size; part++) {
		uint8_t *at = page + PAGE - (part + 7) / 8 * 8;

		memcpy(at, bytes, part);
		parts_good = parts_good && wire_look(at, part) == WIRE_SHORT;
	}
	for (size_t bit = 0; bit < 8 * size; bit++) {
		uint8_t *at = page + PAGE - size;

		memcpy(at, bytes, size);
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		bits_good = bits_good && wire_look(at, size) != WIRE_WHOLE;
	}
	check("frame-parts", parts_good, "the beginning of a frame was refused or taken for one");
	check("frame-bits", bits_good, "a wrong bit was not seen");
}

/* One wrong byte makes a checksum that differs in more than one byte: with another wrong byte, in the
   checksum, it is still not right. */
static void test_frame_bytes(void)
{
	const size_t size = WIRE_HEADER + 40;
	struct wire_header *frame = (void *)frame_make(40);
	uint8_t *at = (void *)frame;
	uint32_t sum = frame->sum;
	unsigned weak = 0;

	for (size_t place = 16; place < size; place++)
		for (unsigned wrong = 1; wrong < 256; wrong++) {
			uint32_t difference;

			at[place] ^= (uint8_t)wrong;
			wire_seal(frame);
			at[place] ^= (uint8_t)wrong;
			difference = frame->sum ^ sum;
			for (unsigned i = 0; i < 4; i++)
				weak += (difference & ~(0xffu << 8 * i)) == 0;
		}
	check("frame-bytes", weak == 0, "two wrong bytes would not be seen");
}

/* Lengths that cannot be, with a checksum that would be right. */
static void test_frame_lengths(void)
{
	static const uint32_t lengths[] = {1,          4,          12,        WIRE_PAYLOAD_MAX + 8,
					   0x80000000, 0xfffffff8, 0xffffffe0};
	bool good = true;

	for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		uint8_t *at = frame_make(16);
		struct wire_header *frame = (void *)at;

		frame->length = lengths[i];
		if (lengths[i] < 16)
			wire_seal(frame);
		else
			frame->sum = plain_sum(at, WIRE_HEADER + 16);
		good = good && wire_look(at, WIRE_HEADER + 16) == WIRE_BAD;
	}
	check("frame-lengths", good, "one of them was believed");
}

static void test_frame_version(void)
{
	uint8_t *at = frame_make(16);
	struct wire_header *frame = (void *)at;

	frame->version++;
	wire_seal(frame);
	check("frame-version", wire_look(at, WIRE_HEADER + 16) == WIRE_BAD, "another one was taken");
}

static void test_texts(void)
{
	bool good = strcmp(wire_reason_text(WIRE_REASON_SILENCE), "silence") == 0 &&
		    strcmp(wire_reason_text(WIRE_REASONS), "unknown reason") == 0 &&
		    strcmp(wire_reason_text(UINT32_MAX), "unknown reason") == 0 &&
		    strcmp(wire_kind_text(WIRE_CALL), "call") == 0 &&
		    strcmp(wire_kind_text(WIRE_KINDS), "?") == 0;

	check("texts", good, "a number has another's name");
}

int main(void)
{
	page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || mprotect(page + PAGE, PAGE, PROT_NONE) != 0)
		return 1;
	test_round_trips();
	test_longest();
	test_lengths();
	test_spoiled();
	test_one_more();
	test_label_of_nothing();
	test_fields();
	test_checksum();
	test_frame_parts();
	test_frame_bytes();
	test_frame_lengths();
	test_frame_version();
	test_texts();
	return !all_good;
}
