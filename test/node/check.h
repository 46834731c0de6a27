/* What the tests here are made of. */
#ifndef SKERRY_TEST_NODE_CHECK_H
#define SKERRY_TEST_NODE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

struct check {
	const char *name;
	void (*run)(void);
};

/* The first thing in a test that is wrong is told. */
void need(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool check_failed(void);

/* Prints a line for each test, named PREFIX-NAME; `begin` and `end`, which may be NULL, are around each.
 * True: all are right. */
bool check_all(const char *prefix, const struct check *tests, size_t count, void (*begin)(void),
	       void (*end)(void));

#endif
