/*
 * A root server that prints what is typed at the UART, byte for byte, until Ctrl-D; then it switches the
 * machine off with status 7. Run by test/cli/ends.c.
 */
#include <stdint.h>
#include <stdio.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>

enum { DATA = 0, INTERRUPT_ENABLE = 1, FIFO_CONTROL = 2, LINE_STATUS = 5 };

#define CTRL_D 4
#define STATUS 7

int main(void)
{
	volatile uint8_t *uart = sk_device_map(SK_UART_PADDR);
	seL4_CPtr signal = sk_notification_new(), irq = sk_irq_new(SK_UART_IRQ, signal);

	uart[FIFO_CONTROL] = 1;
	uart[INTERRUPT_ENABLE] = 1;
	puts("ready");
	for (;;) {
		seL4_Wait(signal, NULL);
		while (uart[LINE_STATUS] & 1) {
			uint8_t byte = uart[DATA];

			if (byte == CTRL_D)
				sk_finish(STATUS);
			seL4_DebugPutChar((char)byte);
		}
		sk_must(seL4_IRQHandler_Ack(irq));
	}
}
