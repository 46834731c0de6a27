/*
 * The statements of ordinary application code, of the kind that Dhrystone measures: small
 * procedures with parameters, records reached through pointers, enumerations, strings of 30
 * characters copied and compared, elements of small arrays. The scale is the number of rounds.
 */
#include "test/bench/workload.h"

enum { LENGTH = 31, SIDE = 50 };

enum colour { RED, GREEN, BLUE, WHITE, BLACK };

struct record {
	struct record *next;
	enum colour colour;
	enum colour other;
	int number;
	char name[LENGTH];
};

static struct record first;
static struct record second;
static int row[SIDE];
static int grid[SIDE][SIDE];
static int number_shared;
static bool flag_shared;
static char letter_shared;

static APART void string_copy(char *to, const char *from)
{
	while ((*to++ = *from++))
		;
}

static APART int string_compare(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

static APART void sum_to(int a, int b, int *result)
{
	*result = a + 2 + b;
}

static APART enum colour colour_after(enum colour colour)
{
	switch (colour) {
	case RED:
		return number_shared > 100 ? RED : WHITE;
	case GREEN:
		return BLUE;
	case BLUE:
		return GREEN;
	case WHITE:
		return BLACK;
	default:
		return RED;
	}
}

static APART bool letters_equal(char a, char b)
{
	char copy = a;

	if (copy != b)
		return false;
	letter_shared = copy;
	return true;
}

/* Follows a record to its successor and fills that from it. */
static APART void record_pass(struct record *record)
{
	struct record *next = record->next;

	next->next = record->next;
	next->number = 5;
	record->number = next->number;
	sum_to(number_shared, 10, &next->number);
	if (next->colour == RED) {
		next->number += 6;
		next->other = colour_after(record->other);
		next->next = record->next;
		sum_to(next->number, 10, &next->number);
	} else {
		next->colour = record->colour;
		next->other = colour_after(next->other);
		next->number = record->number + 1;
	}
}

static APART void array_fill(int *line, int table[SIDE][SIDE], int index, int value)
{
	int at = index + 5;

	line[at] = value;
	line[at + 1] = line[at];
	line[at + 30] = at;
	for (int i = at; i <= at + 1; i++)
		table[at][i] = at;
	table[at][at - 1]++;
	table[at + 20][at] = line[at];
	number_shared = 5;
}

static APART bool names_ordered(const char *a, const char *b)
{
	int at = 2;
	char letter = 0;

	while (at <= 2)
		if (!letters_equal(a[at], b[at + 1])) {
			letter = 'A';
			at++;
		} else {
			at += 2;
		}
	if (letter >= 'W' && letter < 'Z')
		at = 7;
	if (letter == 'R')
		return true;
	if (string_compare(a, b) > 0) {
		at += 7;
		number_shared = at;
		return true;
	}
	return false;
}

static APART void flag_set(void)
{
	flag_shared |= letter_shared == 'A';
	letter_shared = 'B';
}

static uint64_t round_do(int round, uint64_t checksum)
{
	char mine[LENGTH];
	char theirs[LENGTH];
	int a = 2;
	int b = 3;
	int c = 0;
	enum colour colour;

	flag_set();
	string_copy(mine, "a record's name, the second of");
	string_copy(theirs, "a record's name, the third one");
	colour = names_ordered(mine, theirs) ? WHITE : GREEN;
	while (a < b) {
		c = 5 * a - b;
		sum_to(a, b, &c);
		a++;
	}
	array_fill(row, grid, round % 8, c);
	second.colour = round & 1 ? RED : colour;
	record_pass(&first);
	for (char letter = 'A'; letter <= 'C'; letter++)
		if (letters_equal(letter, (char)('A' + round % 3))) {
			colour = colour_after(RED);
			string_copy(theirs, "a record's name, the fourth is");
			b = round;
		}
	b = b * a;
	a = b / (c | 1);
	b = 7 * (b - c) - a;
	string_copy(first.name, theirs);
	return checksum_add(checksum, (uint64_t)(a + b + c) + second.number + colour + row[round % SIDE]);
}

uint64_t workload_records(unsigned scale)
{
	uint64_t checksum = 0;

	first.next = &second;
	first.colour = RED;
	first.other = BLUE;
	first.number = 40;
	string_copy(first.name, "a record's name, the first one");
	second.next = NULL;
	for (unsigned round = 0; round < scale; round++)
		checksum = round_do((int)(round & 0xffff), checksum);
	for (unsigned i = 0; i < SIDE; i++)
		for (unsigned j = 0; j < SIDE; j++)
			checksum = checksum_add(checksum, (uint64_t)grid[i][j]);
	return checksum_add(checksum, flag_shared);
}
