#include "test/tests.h"

char why[1024];

unsigned tests_run(const struct test *tests, size_t count)
{
	unsigned failures = 0;

	for (size_t i = 0; i < count; i++) {
		why[0] = 0;
		tests[i].run();
		printf(why[0] ? "not ok %s: %s\n" : "ok %s\n", tests[i].name, why);
		failures += why[0] != 0;
	}
	return failures;
}
