/* The board (QEMU's riscv64 `virt`, which the soft machine equals) and how a program ends on it. */
#pragma once

#define SK_FINISHER_PADDR 0x100000ul
#define SK_RTC_PADDR      0x101000ul
#define SK_UART_PADDR     0x10000000ul
#define SK_VIRTIO_PADDR   0x10001000ul /* eight slots, one page each; interrupts 1..8 */

#define SK_VIRTIO_IRQ     1
#define SK_UART_IRQ       10
#define SK_RTC_IRQ        11

#define SK_TIMEBASE_HZ    10000000ul /* of rdtime */

/* The device tree that came with the boot information, or null. */
const void *sk_device_tree(void);

/*
 * Ends the machine; `skerry run` and QEMU exit with this status (its low 8 bits). exit() and
 * returning from main() come here. Whoever has no right to the test finisher (a process that is not
 * the root server) stops its own thread instead.
 */
__attribute__((noreturn)) void sk_finish(int status);
