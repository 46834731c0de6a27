/*
 * The configuration that programs written for seL4 ask about: the build of upstream's test suite
 * on QEMU's riscv64 `virt` board (classic, one core, debug with printing). Facts about the interface
 * are no options here; what a kernel was booted with is in its boot information.
 */
#pragma once

#define CONFIG_ARCH_RISCV                    1
#define CONFIG_ARCH_RISCV64                  1
#define CONFIG_PLAT_QEMU_RISCV_VIRT          1
#define CONFIG_WORD_SIZE                     64
#define CONFIG_PT_LEVELS                     3
#define CONFIG_RISCV_EXT_F                   1
#define CONFIG_RISCV_EXT_D                   1
#define CONFIG_HAVE_FPU                      1
#define CONFIG_TIMER_FREQUENCY               10000000
#define CONFIG_TIMER_TICK_MS                 2
#define CONFIG_TIME_SLICE                    5
#define CONFIG_ROOT_CNODE_SIZE_BITS          13
#define CONFIG_NUM_PRIORITIES                256
#define CONFIG_NUM_DOMAINS                   1
#define CONFIG_NUM_DOMAIN_SCHEDULES          2
#define CONFIG_MAX_NUM_NODES                 1
#define CONFIG_MAX_NUM_BOOTINFO_UNTYPED_CAPS 230
#define CONFIG_RETYPE_FAN_OUT_LIMIT          256
#define CONFIG_DEBUG_BUILD                   1
#define CONFIG_PRINTING                      1
#define CONFIG_NO_BENCHMARKS                 1
#define CONFIG_LIB_SEL4_INLINE_INVOCATIONS   1
#define CONFIG_LIB_SEL4_USE_THREAD_LOCALS    1
