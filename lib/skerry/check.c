/* Giving up in a readable way: see check.h. */
#include <skerry/check.h>

#include <stdarg.h>
#include <stdio.h>
#include <skerry/machine.h>

void sk_panic(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	sk_finish(1);
}

const char *sk_error_name(seL4_Error error)
{
	static const char *const names[] = {
#define NAME(name, number) [number] = #name,
		SEL4_ERRORS(NAME)
#undef NAME
	};

	return error < seL4_NumErrors ? names[error] : "an unknown error";
}
