/*
 * Messages: a head of 16 bytes, then the parts that its kind has, in the order of enum wire_part from BODY
 * on.
 */
#include <string.h>

#include "cluster/wire/wire.h"

struct head {
	uint8_t kind, word_count, cap_count, outcome;
	uint32_t number, export, zero;
};
_Static_assert(sizeof(struct head) == 16, "as in doc/CLUSTER.md");

struct cap_head {
	uint8_t kind, object;
	uint16_t zero;
	uint32_t number;
};
_Static_assert(sizeof(struct cap_head) == 8, "as in doc/CLUSTER.md");

/* What a THIRD capability has more. */
struct cap_third {
	uint64_t ticket;
	char node[WIRE_NAME_SIZE];
};
_Static_assert(sizeof(struct head) + 8 + WIRE_WORDS * 8 +
			       WIRE_CAPS * (sizeof(struct cap_head) + sizeof(struct cap_third)) <=
		       WIRE_PAYLOAD_MAX,
	       "the longest message fits a frame");

static const struct {
	const char *text;
	unsigned parts;
} kinds[] = {
	{"?", 0},
#define WIRE_KIND(name, text, parts) {text, parts},
#include "cluster/wire/wire.def"
};

const char *wire_kind_text(unsigned kind)
{
	return kinds[kind < WIRE_KINDS ? kind : 0].text;
}

/* --- encoding ---------------------------------------------------------------------------------------- */

size_t wire_message_size(const struct wire_message *message)
{
	unsigned parts = kinds[message->kind].parts;
	size_t size = sizeof(struct head);

	if (parts & WIRE_BODY) {
		size += 8 + message->word_count * 8u + message->cap_count * sizeof(struct cap_head);
		for (unsigned i = 0; i < message->cap_count; i++)
			if (message->caps[i].kind == WIRE_THIRD)
				size += sizeof(struct cap_third);
	}
	if (parts & WIRE_STAMP)
		size += 8;
	if (parts & WIRE_TICKET)
		size += 8;
	if (parts & WIRE_NAME)
		size += WIRE_NAME_SIZE;
	return size;
}

RARE static uint64_t *put_name(uint64_t *at, const char *name)
{
	size_t length = strlen(name);

	memset(at, 0, WIRE_NAME_SIZE);
	memcpy(at, name, length < WIRE_NAME_SIZE ? length : WIRE_NAME_SIZE - 1);
	return at + WIRE_NAME_SIZE / 8;
}

RARE static uint64_t *put_cap(uint64_t *at, const struct wire_cap *cap)
{
	*(struct cap_head *)at++ =
		(struct cap_head){.kind = cap->kind, .object = cap->object, .number = cap->number};
	if (cap->kind != WIRE_THIRD)
		return at;
	*at++ = cap->ticket;
	return put_name(at, cap->node);
}

void wire_encode(const struct wire_message *message, void *payload)
{
	unsigned parts = kinds[message->kind].parts;
	struct head *head = payload;
	uint64_t *at = (uint64_t *)(head + 1);

	*head = (struct head){.kind = message->kind,
			      .word_count = message->word_count,
			      .cap_count = message->cap_count,
			      .outcome = message->outcome,
			      .number = message->number,
			      .export = message->export};
	if (parts & WIRE_BODY) {
		const uint64_t *words = message->words;
		unsigned count = message->word_count;
		*at++ = message->label;
		for (unsigned i = 0; i < count; i++)
			*at++ = words[i];
		for (unsigned i = 0; i < message->cap_count; i++)
			at = put_cap(at, &message->caps[i]);
	}
	if (parts & WIRE_STAMP)
		*at++ = message->stamp;
	if (parts & WIRE_TICKET)
		*at++ = message->ticket;
	if (parts & WIRE_NAME)
		put_name(at, message->name);
}

/* --- decoding ---------------------------------------------------------------------------------------- */

/* What is left of a payload. */
struct reader {
	const uint64_t *at;
	size_t words;
};

/* The next `count` words, or NULL. */
static const void *take(struct reader *reader, size_t count)
{
	const uint64_t *at = reader->at;

	if (count > reader->words)
		return NULL;
	reader->at += count;
	reader->words -= count;
	return at;
}

static bool take_word(struct reader *reader, uint64_t *word)
{
	const uint64_t *at = take(reader, 1);

	if (!at)
		return false;
	*word = *at;
	return true;
}

static bool take_name(struct reader *reader, const char **name)
{
	*name = take(reader, WIRE_NAME_SIZE / 8);
	return *name && wire_is_name(*name);
}

static bool take_cap(struct reader *reader, struct wire_cap *cap)
{
	const struct cap_head *head = take(reader, 1);

	if (!head || head->kind >= WIRE_CAP_KINDS || head->zero != 0)
		return false;
	*cap = (struct wire_cap){.kind = head->kind, .object = head->object, .number = head->number};
	if (head->kind == WIRE_ABSENT)
		return head->object == 0 && head->number == 0;
	if (head->object == 0 || head->object >= WIRE_OBJECTS || head->number == 0)
		return false;
	return head->kind != WIRE_THIRD || (take_word(reader, &cap->ticket) && take_name(reader, &cap->node));
}

static bool take_body(struct reader *reader, struct wire_message *message)
{
	if (message->word_count > WIRE_WORDS || message->cap_count > WIRE_CAPS ||
	    !take_word(reader, &message->label))
		return false;
	message->words = take(reader, message->word_count);
	if (!message->words)
		return false;
	for (unsigned i = 0; i < message->cap_count; i++)
		if (!take_cap(reader, &message->caps[i]))
			return false;
	return true;
}

/* A number is there exactly if it is a part. */
static bool fits(uint32_t number, unsigned parts, enum wire_part part)
{
	return (number != 0) == ((parts & part) != 0);
}

static bool head_fits(const struct head *head, unsigned parts)
{
	if (!fits(head->number, parts, WIRE_NUMBER) || !fits(head->export, parts, WIRE_EXPORT) ||
	    !fits(head->outcome, parts, WIRE_OUTCOME) || head->outcome >= OUTCOMES || head->zero != 0)
		return false;
	if ((parts & WIRE_BODY) == 0 || head->outcome > OUTCOME_DONE)
		return head->word_count == 0 && head->cap_count == 0;
	return true;
}

bool wire_decode(const void *payload, size_t size, struct wire_message *message)
{
	struct reader reader = {payload, size / 8};
	const struct head *head = take(&reader, sizeof *head / 8);
	unsigned parts;

	if (size % 8 != 0 || !head || head->kind == WIRE_NO_KIND || head->kind >= WIRE_KINDS)
		return false;
	parts = kinds[head->kind].parts;
	if (!head_fits(head, parts))
		return false;
	wire_message_init(message, head->kind);
	message->outcome = head->outcome;
	message->word_count = head->word_count;
	message->cap_count = head->cap_count;
	message->number = head->number;
	message->export = head->export;
	if (parts & WIRE_BODY && !take_body(&reader, message))
		return false;
	if (head->outcome > OUTCOME_DONE && message->label != 0)
		return false;
	if (parts & WIRE_STAMP && !take_word(&reader, &message->stamp))
		return false;
	if (parts & WIRE_TICKET && !take_word(&reader, &message->ticket))
		return false;
	if (parts & WIRE_NAME && !take_name(&reader, &message->name))
		return false;
	return reader.words == 0;
}
