/*
 * A root server of 1 MiB whose first instructions say that it has begun: a character and a line
 * end to the debug console. Then it halts the machine. bench.py takes the time from the start of
 * the process to the first byte of its output. It runs without a stack: the kernel gives it none.
 */
#include <stdint.h>

#include "sel4/syscall.h"

enum { FILLING = 1 << 20 };

static const uint64_t filling[FILLING / 8] __attribute__((used)) = {
	[0 ... FILLING / 8 - 1] = 0x5af0c0de5af0c0de,
};

static inline __attribute__((always_inline)) void call(long number, long argument)
{
	register long a0 __asm__("a0") = argument;
	register long a7 __asm__("a7") = number;

	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7) : "memory");
}

__attribute__((noreturn)) void _start(void)
{
	call(seL4_SysDebugPutChar, '*');
	call(seL4_SysDebugPutChar, '\n');
	call(seL4_SysDebugHalt, 0);
	for (;;)
		;
}
