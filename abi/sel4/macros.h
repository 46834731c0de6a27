/* Attributes and small macros under the names that programs written for seL4 use. */
#pragma once

#ifndef CONST
#define CONST __attribute__((__const__))
#endif
#ifndef PURE
#define PURE __attribute__((__pure__))
#endif

#define SEL4_PACKED          __attribute__((packed))
#define SEL4_DEPRECATED(why) __attribute__((deprecated(why)))
#define LIBSEL4_UNUSED       __attribute__((unused))
#define LIBSEL4_WEAK         __attribute__((weak))
#define LIBSEL4_NOINLINE     __attribute__((noinline))
#define LIBSEL4_INLINE       static inline
#define LIBSEL4_INLINE_FUNC  static inline
#define LIBSEL4_THREAD_LOCAL __thread
#define LIBSEL4_BIT(n)       (1ul << (n))

#ifdef __cplusplus
#define SEL4_COMPILE_ASSERT(name, expression) static_assert(expression, #name);
#else
#define SEL4_COMPILE_ASSERT(name, expression) _Static_assert(expression, #name);
#endif

/* printf conversions of words and 64-bit numbers, without the percent sign. */
#define SEL4_PRId64    "ld"
#define SEL4_PRIi64    "li"
#define SEL4_PRIu64    "lu"
#define SEL4_PRIx64    "lx"
#define SEL4_PRId_word "ld"
#define SEL4_PRIi_word "li"
#define SEL4_PRIu_word "lu"
#define SEL4_PRIx_word "lx"
#define SEL4_PRI_word  "lu"
