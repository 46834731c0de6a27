/*
 * The mix of an embedded processor's daily work, of the kind that CoreMark measures: searching,
 * reversing and merge-sorting a short linked list, multiplying small integer matrices, a state
 * machine that recognises numbers in text, and a bitwise CRC over what came out. The scale is the
 * number of rounds.
 */
#include "test/bench/workload.h"

enum { ITEMS = 256, SIDE = 16, TEXT = 768 };

struct item {
	struct item *next;
	int16_t *value;
};

static struct item items[ITEMS];
static int16_t values[ITEMS];
static int16_t left[SIDE][SIDE];
static int16_t right[SIDE][SIDE];
static int32_t product[SIDE][SIDE];
static char text[TEXT + 1];

/* --- CRC ---------------------------------------------------------------------------------------- */

/* CRC-16 with the reflected polynomial 0xa001, a bit at a time. */
static APART uint16_t crc_add(uint16_t crc, uint32_t data, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++) {
		unsigned carry = (crc ^ data) & 1;

		crc >>= 1;
		data >>= 1;
		if (carry)
			crc ^= 0xa001;
	}
	return crc;
}

/* --- lists -------------------------------------------------------------------------------------- */

static APART struct item *list_find(struct item *list, int16_t value)
{
	while (list && *list->value != value)
		list = list->next;
	return list;
}

static APART struct item *list_reverse(struct item *list)
{
	struct item *reversed = NULL;

	while (list) {
		struct item *next = list->next;

		list->next = reversed;
		reversed = list;
		list = next;
	}
	return reversed;
}

static struct item *list_merge(struct item *a, struct item *b)
{
	struct item *first;
	struct item **end = &first;

	while (a && b) {
		struct item **least = *a->value <= *b->value ? &a : &b;

		*end = *least;
		end = &(*least)->next;
		*least = *end;
	}
	*end = a ? a : b;
	return first;
}

static APART struct item *list_sort(struct item *list)
{
	if (!list || !list->next)
		return list;

	struct item *middle = list;

	for (struct item *end = list->next; end && end->next; end = end->next->next)
		middle = middle->next;

	struct item *second = middle->next;

	middle->next = NULL;
	return list_merge(list_sort(list), list_sort(second));
}

static uint16_t list_round(unsigned round, uint16_t crc)
{
	struct item *list = &items[0];

	for (unsigned i = 0; i < ITEMS; i++) {
		items[i].next = i + 1 < ITEMS ? &items[i + 1] : NULL;
		items[i].value = &values[i];
		values[i] = (int16_t)((values[i] * 31 + (int)(round + i)) & 0x3ff);
	}
	for (unsigned i = 0; i < 16; i++) {
		struct item *found = list_find(list, (int16_t)((round * 16 + i) & 0x3ff));

		crc = crc_add(crc, found ? (uint32_t)(found - items) : 0, 16);
		list = list_reverse(list);
	}
	list = list_sort(list);
	for (struct item *item = list; item; item = item->next)
		crc = crc_add(crc, (uint16_t)*item->value, 16);
	return crc;
}

/* --- matrices ----------------------------------------------------------------------------------- */

static APART void matrix_multiply(void)
{
	for (unsigned i = 0; i < SIDE; i++)
		for (unsigned j = 0; j < SIDE; j++) {
			int32_t sum = 0;

			for (unsigned k = 0; k < SIDE; k++)
				sum += (int32_t)left[i][k] * right[k][j];
			product[i][j] = sum;
		}
}

/* Sums the middle bits of the elements, with a bonus wherever they do not fall. */
static APART int32_t matrix_sum(void)
{
	int32_t sum = 0;
	int32_t last = 0;

	for (unsigned i = 0; i < SIDE; i++)
		for (unsigned j = 0; j < SIDE; j++) {
			int32_t bits = (product[i][j] >> 2 & 15) * (product[i][j] >> 5 & 127);

			sum += bits >= last ? bits + 10 : 1;
			last = bits;
		}
	return sum;
}

static uint16_t matrix_round(unsigned round, uint16_t crc)
{
	for (unsigned i = 0; i < SIDE; i++)
		for (unsigned j = 0; j < SIDE; j++) {
			left[i][j] = (int16_t)(round + i * 3 + j);
			right[i][j] = (int16_t)((round ^ i) * 5 + j * 7);
		}
	for (unsigned i = 0; i < 4; i++) {
		matrix_multiply();
		crc = crc_add(crc, (uint32_t)matrix_sum(), 32);
		for (unsigned j = 0; j < SIDE; j++)
			left[i][j] = (int16_t)product[j][i];
	}
	return crc;
}

/* --- the state machine -------------------------------------------------------------------------- */

enum state { START, SIGN, WHOLE, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, POWER, INVALID, STATES };

static unsigned finals[STATES];
static unsigned visits[STATES];

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static enum state state_next(enum state state, char c)
{
	switch (state) {
	case START:
		return is_digit(c) ? WHOLE : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : INVALID;
	case SIGN:
		return is_digit(c) ? WHOLE : c == '.' ? POINT : INVALID;
	case WHOLE:
		return is_digit(c) ? WHOLE : c == '.' ? FRACTION : c == 'e' ? EXPONENT : INVALID;
	case POINT:
	case FRACTION:
		return is_digit(c) ? FRACTION : c == 'e' ? EXPONENT : INVALID;
	case EXPONENT:
		return is_digit(c) ? POWER : c == '+' || c == '-' ? EXPONENT_SIGN : INVALID;
	case EXPONENT_SIGN:
	case POWER:
		return is_digit(c) ? POWER : INVALID;
	default:
		return INVALID;
	}
}

/* Reads one word up to its comma; returns what follows it. */
static APART const char *word_read(const char *at)
{
	enum state state = START;

	for (; *at && *at != ','; at++) {
		state = state_next(state, *at);
		visits[state]++;
		if (state == INVALID)
			break;
	}
	while (*at && *at != ',')
		at++;
	finals[state]++;
	return *at ? at + 1 : at;
}

static void text_make(void)
{
	static const char *const words[] = {
		"5012",   "1234",    "-874",   "+122",    "35.54400", ".1234500", "-110.700", "+0.6440",
		"5.5e+3", "-.12e-2", "-87e+8", "+0.6e-1", "T0.3e-1F", "-T.T++Tq", "1T3.4e4z", "34.0e-T^"};
	unsigned at = 0;

	for (unsigned i = 0;; i = (i * 5 + 3) % 16) {
		unsigned length = 0;

		while (words[i][length])
			length++;
		if (at + length + 1 > TEXT)
			break;
		for (unsigned j = 0; j < length; j++)
			text[at++] = words[i][j];
		text[at++] = ',';
	}
	text[at] = 0;
}

static uint16_t text_round(unsigned round, uint16_t crc)
{
	/* One character is spoilt on the way, and mended afterwards. */
	char *spoilt = &text[round * 7 % 512];
	char kept = *spoilt;

	*spoilt = *spoilt == ',' ? ',' : '0' + (char)(round % 10);
	for (unsigned i = 0; i < STATES; i++)
		finals[i] = visits[i] = 0;
	for (const char *at = text; *at;)
		at = word_read(at);
	*spoilt = kept;
	for (unsigned i = 0; i < STATES; i++) {
		crc = crc_add(crc, finals[i], 32);
		crc = crc_add(crc, visits[i], 32);
	}
	return crc;
}

uint64_t workload_mixed(unsigned scale)
{
	uint64_t checksum = 0;
	uint16_t crc = 0;

	text_make();
	for (unsigned i = 0; i < ITEMS; i++)
		values[i] = 0;
	for (unsigned round = 0; round < scale; round++) {
		crc = list_round(round, crc);
		crc = matrix_round(round, crc);
		crc = text_round(round, crc);
		checksum = checksum_add(checksum, crc);
	}
	return checksum;
}
