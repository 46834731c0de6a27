/*
 * What the firmware starts in the kernel's place, to see how many instructions it took until there:
 * the first one reads the counter. Supervisor mode, no paging, no stack.
 */
#include <stdint.h>

#define UART_THR      (*(volatile uint8_t *)0x10000000)
#define UART_LSR      (*(volatile uint8_t *)0x10000005)
#define LSR_THRE      0x20
#define FINISHER      (*(volatile uint32_t *)0x100000)
#define FINISHER_PASS 0x5555

__asm__(".section .text.start, \"ax\"\n"
	".globl _start\n"
	"_start:\n\t"
	"rdinstret a0\n\t"
	"la sp, first_kernel_stack + 4096\n\t"
	"j first_kernel\n");

char first_kernel_stack[4096] __attribute__((aligned(16)));

static void put(char c)
{
	while (!(UART_LSR & LSR_THRE))
		;
	UART_THR = (uint8_t)c;
}

_Noreturn void first_kernel(uint64_t count)
{
	const char *name = "first-kernel ";
	uint64_t unit = 1;

	while (*name)
		put(*name++);
	while (count / unit >= 10)
		unit *= 10;
	for (; unit; unit /= 10)
		put((char)('0' + count / unit % 10));
	put('\n');
	FINISHER = FINISHER_PASS;
	for (;;)
		;
}
