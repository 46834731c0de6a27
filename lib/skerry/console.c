/* The console: see console.h. The UART is an ns16550, polled. */
#include <skerry/console.h>

#include <stdint.h>
#include <sel4/sel4.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/process.h>

enum uart_register { UART_TRANSMIT = 0, UART_LINE_STATUS = 5 };
#define UART_TRANSMITTER_EMPTY 0x20

static volatile uint8_t *uart;

bool sk_console_is_debug(void)
{
	return !uart;
}

void sk_console_use_uart(void)
{
	uart = sk_device_map(SK_UART_PADDR);
}

/* DebugCapIdentify is the one debug call that leaves no trace. */
void sk_console_detect(void)
{
	static bool done;

	if (!done && !sk_syscall_exists((seL4_Word)seL4_SysDebugCapIdentify))
		sk_console_use_uart();
	done = true;
}

/* The UART is mapped in the root server only: without debug calls, other processes are mute. */
void sk_console_put(char c)
{
	if (!uart) {
		seL4_DebugPutChar(c);
	} else if (!sk_process_is_child()) {
		while (!(uart[UART_LINE_STATUS] & UART_TRANSMITTER_EMPTY))
			;
		uart[UART_TRANSMIT] = (uint8_t)c;
	}
}
