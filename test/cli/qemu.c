/* `skerry run --on qemu`: ends as on Skerry's own machine, and what only QEMU has. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/cli/check.h"
#include "test/cli/guest.h"

void test_qemu(void)
{
	if (system("command -v qemu-system-riscv64 >/dev/null") != 0) {
		printf("skip skerry run --on qemu: there is no qemu-system-riscv64 here\n");
		return;
	}
	on_qemu = true;
	test_ends();
}
