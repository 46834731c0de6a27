/*
 * What the start code offers to lib/skerry, which starts further threads: the program's image and
 * the layout of its thread-local storage. A block of TLS begins at the thread pointer (riscv64 puts
 * nothing before it).
 */
#pragma once

#include <stddef.h>

/* From program.ld: the image is [start, end); nothing before the data is ever written. */
extern char crt_image_start[], crt_data_start[], crt_image_end[];

/* Bytes of a TLS block; its address must be a multiple of 16. */
size_t crt_tls_size(void);

/* Gives a block of zeros the program's initial values. */
void crt_tls_init(void *block);
