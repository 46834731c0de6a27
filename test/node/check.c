/* See check.h. */
#include "test/node/check.h"

#include <stdarg.h>
#include <stdio.h>

static char failure[512];

void need(bool good, const char *format, ...)
{
	va_list args;

	if (good || *failure)
		return;
	va_start(args, format);
	vsnprintf(failure, sizeof failure, format, args);
	va_end(args);
}

bool check_failed(void)
{
	return *failure;
}

bool check_all(const char *prefix, const struct check *tests, size_t count, void (*begin)(void),
	       void (*end)(void))
{
	bool good = true;

	for (size_t i = 0; i < count; i++) {
		*failure = 0;
		if (begin)
			begin();
		tests[i].run();
		if (end)
			end();
		if (*failure)
			printf("not ok %s-%s: %s\n", prefix, tests[i].name, failure);
		else
			printf("ok %s-%s\n", prefix, tests[i].name);
		fflush(stdout);
		good = good && !*failure;
	}
	return good;
}
