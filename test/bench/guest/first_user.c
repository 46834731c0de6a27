/*
 * How many instructions has the machine executed when the root server's first one is reached? That one
 * reads the counter, before lib/'s start code. Each page of the image costs the kernel something, so the
 * heap is made as small as fits upstream's figure (build.mk, doc/BENCH.md), and the pages are printed.
 */
#include <stdio.h>
#include <crt/crt.h>
#include <skerry/console.h>
#include <skerry/vspace.h>

__asm__(".section .text.first_user, \"ax\"\n"
	".globl first_user\n"
	"first_user:\n\t"
	"rdinstret t0\n\t"
	"la t1, first_user_count\n\t"
	"sd t0, 0(t1)\n\t"
	"j _start\n");

unsigned long first_user_count = 1; /* not 0: in .data */

int main(void)
{
	sk_console_detect();
	printf("image-pages %lu\n", (crt_image_end - crt_image_start) / SK_PAGE_BYTES);
	printf("first-user %lu\n", first_user_count);
	return 0;
}
