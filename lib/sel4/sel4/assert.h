/* Assertions that end the program; __assert_fail is lib/c's. */
#pragma once

#include <sel4/macros.h>

void __assert_fail(const char *text, const char *file, int line, const char *function);

#define seL4_Fail(text)                    __assert_fail(text, __FILE__, __LINE__, __func__)
#define seL4_CompileTimeAssert(expression) SEL4_COMPILE_ASSERT(seL4_CompileTimeAssert, expression)

#define seL4_Assert(expression)                                                                              \
	do {                                                                                                 \
		if (!(expression))                                                                           \
			seL4_Fail(#expression);                                                              \
	} while (0)

#define seL4_DebugAssert(expression) seL4_Assert(expression)
