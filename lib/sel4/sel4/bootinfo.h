/* Where the boot information is: the root server finds it in its first register. */
#pragma once

#include <sel4/bootinfo_types.h>
#include <sel4/types.h>

void seL4_InitBootInfo(seL4_BootInfo *info);
seL4_BootInfo *seL4_GetBootInfo(void);
