/*
 * Device memory by physical address, for the root server. Device untypeds are halved until the piece
 * that begins at the wanted address has the wanted size; the halves are kept, so that any address can
 * be asked for, in any order. What is made here outlives arenas.
 */
#pragma once

#include <sel4/sel4.h>

/* An untyped of 2^bits bytes at paddr, or 0 if there is none (or it has been given out already). */
seL4_CPtr sk_device_untyped(seL4_Word paddr, seL4_Word bits);

/* The 4 KiB frame at paddr; asked again, the same one. */
seL4_CPtr sk_device_frame(seL4_Word paddr);

/* The page at paddr mapped in our address space, not executable; asked again, the same address. */
void *sk_device_map(seL4_Word paddr);

/* An interrupt's handler capability, which signals the notification. */
seL4_CPtr sk_irq_new(seL4_Word irq, seL4_CPtr notification);
