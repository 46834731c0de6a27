/* A root server that prints a line, waits for a moment, and then writes where nothing is. */
#include <stdint.h>
#include <stdio.h>

int main(void)
{
	volatile uint64_t *nowhere = (volatile uint64_t *)0x18;

	puts("all is well");
	for (volatile unsigned i = 0; i < 100000; i++)
		;
	*nowhere = 1;
	return 0;
}
