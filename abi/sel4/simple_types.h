/* The integer types of the interface: every word has 64 bits. */
#pragma once

#include <stdint.h>

typedef int8_t seL4_Int8;
typedef int16_t seL4_Int16;
typedef int32_t seL4_Int32;
typedef int64_t seL4_Int64;
typedef uint8_t seL4_Uint8;
typedef uint16_t seL4_Uint16;
typedef uint32_t seL4_Uint32;
typedef uint64_t seL4_Uint64;
typedef seL4_Int8 seL4_Bool;
#define seL4_True  1
#define seL4_False 0
#define seL4_Null  ((void *)0)

/* A machine word of the guest: `unsigned long` for its programs, as printf's %lu expects. */
#if __SIZEOF_LONG__ == 8
typedef unsigned long seL4_Word;
#else
typedef seL4_Uint64 seL4_Word;
#endif
typedef seL4_Word seL4_CPtr;
typedef seL4_Uint64 seL4_Time;
