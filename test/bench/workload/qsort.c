/*
 * Quicksort of 16,384 records of 8 bytes, compared through a function pointer as libc's qsort
 * does; the middle of three as the pivot, insertion sort for short runs. The scale is the number
 * of sorts, each of other records.
 */
#include "test/bench/workload.h"

enum { RECORDS = 16384, SHORT_RUN = 8 };

struct record {
	uint32_t key;
	uint32_t value;
};

typedef int (*compare_fn)(const struct record *a, const struct record *b);

static struct record records[RECORDS];

static int by_key(const struct record *a, const struct record *b)
{
	return (a->key > b->key) - (a->key < b->key);
}

static int by_value_down(const struct record *a, const struct record *b)
{
	return (a->value < b->value) - (a->value > b->value);
}

/* Reached through memory, so that the compiler cannot know which it is. */
static compare_fn volatile comparisons[] = {by_key, by_value_down};

static void swap(struct record *a, struct record *b)
{
	struct record c = *a;

	*a = *b;
	*b = c;
}

static void insertion_sort(struct record *base, size_t count, compare_fn compare)
{
	for (size_t i = 1; i < count; i++)
		for (size_t j = i; j > 0 && compare(&base[j - 1], &base[j]) > 0; j--)
			swap(&base[j - 1], &base[j]);
}

static APART void sort(struct record *base, size_t count, compare_fn compare)
{
	while (count > SHORT_RUN) {
		struct record *low = base;
		struct record *middle = base + count / 2;
		struct record *high = base + count - 1;

		if (compare(low, middle) > 0)
			swap(low, middle);
		if (compare(middle, high) > 0)
			swap(middle, high);
		if (compare(low, middle) > 0)
			swap(low, middle);

		struct record pivot = *middle;

		while (low <= high) {
			while (compare(low, &pivot) < 0)
				low++;
			while (compare(high, &pivot) > 0)
				high--;
			if (low <= high)
				swap(low++, high--);
		}

		/* The shorter part by recursion, the longer one by going round again. */
		size_t left = (size_t)(high + 1 - base);
		size_t right = (size_t)(base + count - low);

		if (left < right) {
			sort(base, left, compare);
			base = low;
			count = right;
		} else {
			sort(low, right, compare);
			count = left;
		}
	}
	insertion_sort(base, count, compare);
}

uint64_t workload_qsort(unsigned scale)
{
	uint64_t seed = 20250801;
	uint64_t checksum = 0;

	for (unsigned pass = 0; pass < scale; pass++) {
		for (unsigned i = 0; i < RECORDS; i++) {
			uint64_t random = random_next(&seed);

			records[i].key = (uint32_t)random;
			records[i].value = (uint32_t)(random >> 32);
		}
		sort(records, RECORDS, comparisons[pass & 1]);
		for (unsigned i = 0; i < RECORDS; i++)
			checksum = checksum_add(checksum, records[i].key);
	}
	return checksum;
}
