/* Giving up in a readable way. */
#pragma once

#include <sel4/sel4.h>

/* Prints the message and a newline, and ends the program with status 1. */
__attribute__((noreturn, format(printf, 1, 2))) void sk_panic(const char *format, ...);

/* "InvalidArgument" and so on. */
const char *sk_error_name(seL4_Error error);

/* For a call that returns seL4_Error and cannot reasonably fail. */
#define sk_must(call)                                                                                        \
	do {                                                                                                 \
		seL4_Error sk_must_error = (call);                                                           \
		if (sk_must_error != seL4_NoError)                                                           \
			sk_panic("%s:%d: %s: %s", __FILE__, __LINE__, #call, sk_error_name(sk_must_error));  \
	} while (0)
