/* The console of the tour: a driver of the ns16550 UART that prints lines, each with its sender. */
#include "tour.h"

#include <stdint.h>

enum { TRANSMIT = 0, LINE_STATUS = 5, TRANSMITTER_EMPTY = 0x20 };

static void put(char c)
{
	volatile uint8_t *uart = (volatile uint8_t *)CONSOLE_UART;

	while (!(uart[LINE_STATUS] & TRANSMITTER_EMPTY))
		;
	uart[TRANSMIT] = (uint8_t)c;
}

static void put_string(const char *text)
{
	while (*text)
		put(*text++);
}

/* The sender's name cannot be forged: it follows from the capability that was used. */
void console_main(void *unused)
{
	seL4_IPCBuffer *buffer = seL4_GetIPCBuffer();
	seL4_Word sender;

	(void)unused;
	seL4_MessageInfo_t info = seL4_Recv(CONSOLE_ENDPOINT, &sender);
	for (;;) {
		((char *)&buffer->msg[seL4_MessageInfo_get_length(info)])[-1] = '\0';
		put_string(client_names[sender]);
		put_string(": ");
		put_string((const char *)buffer->msg);
		put('\n');
		info = seL4_ReplyRecv(CONSOLE_ENDPOINT, seL4_MessageInfo_new(0, 0, 0, 0), &sender);
	}
}
