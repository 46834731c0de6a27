/*
 * The tests of a program that links what it tests: functions, one after the other. A test has failed if a
 * CHECK() in it did not hold; the first that did not is what is said.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct test {
	const char *name;
	void (*run)(void);
};

/* What is wrong with the test that runs; empty: nothing. */
extern char why[1024];

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition) && !why[0])                                                                 \
			snprintf(why, sizeof why, "line %d: %s", __LINE__, #condition);                      \
	} while (0)

/* Runs them, with a line for each: `ok NAME` or `not ok NAME: why`. How many failed. */
unsigned tests_run(const struct test *tests, size_t count);
