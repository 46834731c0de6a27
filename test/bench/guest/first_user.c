/*
 * How many instructions has the machine executed when the root server's first one is reached? That one
 * reads the counter, before lib/'s start code. The image is as large in memory as upstream's hello, 314
 * pages: the kernel maps, and makes a capability for, each of them.
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

enum { IMAGE_PAGES = 314, OWN_PAGES = 96 };
static char filling[(IMAGE_PAGES - OWN_PAGES) * SK_PAGE_BYTES];

int main(void)
{
	__asm__ volatile("" ::"r"(filling)); /* the linker leaves out what nothing refers to */
	sk_console_detect();
	printf("image-pages %lu\n", (crt_image_end - crt_image_start) / SK_PAGE_BYTES);
	printf("first-user %lu\n", first_user_count);
	return 0;
}
