/* A hot loop of two blocks, of which the second does something that compiled code leaves to C. */
#include <stdio.h>

int main(void)
{
	unsigned long turns = 30000, sum = 0, counted = 0;

	__asm__ volatile(".balign 512\n"
			 "1:\n\t"
			 ".rept 70\n\t"
			 "addi %1, %1, 1\n\t"
			 ".endr\n\t"
			 "rdinstret t0\n\t"
			 "xor %2, %2, t0\n\t"
			 "addi %0, %0, -1\n\t"
			 "bnez %0, 1b"
			 : "+r"(turns), "+r"(sum), "+r"(counted)
			 :
			 : "t0");
	printf("%lu %lx\n", sum, counted);
	return 0;
}
