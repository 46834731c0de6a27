/*
 * Where printf goes: to the kernel's debug console, or, for kernels built without debug calls, to the
 * board's UART. A program that may meet either calls sk_console_detect() before it prints.
 */
#pragma once

#include <stdbool.h>

void sk_console_put(char c);

/* Uses the UART if the kernel has no debug calls. */
void sk_console_detect(void);

/* Maps the UART; from now on everything is written there and no debug call is made. */
void sk_console_use_uart(void);

/* Are debug system calls made? True until sk_console_use_uart(). */
bool sk_console_is_debug(void);
