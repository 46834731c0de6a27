/* A root server that calls a function of two instructions for ever, and rewrites it every millisecond or so. */
#include <stdint.h>
#include <stdio.h>

#define LI_A0(number) (0x00000513u | (uint32_t)(number) << 20)
#define RET           0x00008067u

static volatile uint32_t code[2] __attribute__((aligned(4096)));
static volatile uint64_t sum;

int main(void)
{
	uint64_t (*function)(void) = (uint64_t (*)(void))(uintptr_t)code;

	puts("patching");
	for (unsigned round = 0;; round++) {
		code[0] = LI_A0(round % 1000);
		code[1] = RET;
		__asm__ volatile("fence.i" ::: "memory");
		for (unsigned i = 0; i < 100000; i++)
			sum += function();
	}
}
