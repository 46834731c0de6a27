/* Where things lie in a worker's address space and in its page; for C and assembler. */
#pragma once

#define STUB_ADDRESS   0x10000000 /* guest_stub.S */
#define LOG_ADDRESS    0x10001000
#define PAGE_ADDRESS   0x10002000 /* the workers' pages, one after the other */

#define PAGE_DONE      0x100
#define PAGE_NUMBER    0x108
#define PAGE_WORKER    0x110
#define PAGE_PARK_CAP  0x118
#define PAGE_PARK_INFO 0x120
#define PAGE_F_IN      0x200
#define PAGE_F_OUT     0x308
#define PAGE_BUFFER    0x800

#define LOG_ENTRIES    64 /* a power of two: the log goes round */
