/* Notifications, yielding, interrupts. */
#include "metal.h"

#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>

static void wait_stamped(void *unused)
{
	(void)unused;
	seL4_CPtr notification = shared->cap[0];

	for (unsigned i = 0;; i++) {
		seL4_Wait(notification, NULL);
		seL4_Word now = instret();
		shared->stamp[0][i] = now;
	}
}

static void to_waiter(void)
{
	static struct peer waiter;
	seL4_CPtr notification = sk_notification_new();
	seL4_Word samples[SAMPLES];

	peer_new(&waiter, SAME_SPACE, FPU_DISABLED, HIGH, 0);
	peer_give(&waiter, notification);
	peer_start(&waiter, wait_stamped);
	for (unsigned i = 0; i < SAMPLES; i++) {
		seL4_Word before = instret();

		seL4_Signal(notification);
		samples[i] = between(before, shared->stamp[0][i]);
	}
	report("signal-waiter", samples);
	peer_stop(&waiter);
}

static void pong(void *unused)
{
	(void)unused;
	seL4_CPtr mine = shared->cap[0], other = shared->cap[1];

	for (;;) {
		seL4_Wait(mine, NULL);
		seL4_Signal(other);
	}
}

static void ping_pong(void)
{
	static struct peer peer;
	seL4_CPtr mine = sk_notification_new(), other = sk_notification_new();

	peer_new(&peer, SAME_SPACE, FPU_DISABLED, MIDDLE, 0);
	peer_give(&peer, other);
	peer_give(&peer, mine);
	peer_start(&peer, pong);
	REPORT_LOOP("signal-wait", (seL4_Signal(other), seL4_Wait(mine, NULL)));
	peer_stop(&peer);
}

void metal_signals(void)
{
	seL4_CPtr notification = sk_notification_new();

	REPORT_LOOP("signal", seL4_Signal(notification));
	to_waiter();
	ping_pong();
	REPORT_LOOP("yield", seL4_Yield());
}

/* --- interrupts ------------------------------------------------------------------------------------ */

/*
 * The serial port, with nothing to send, asks for an interrupt in the very store that enables it. Its
 * interrupt is what the handler's Wait returns for, before the instruction after that store.
 */
enum { IER = 1, IER_TX_EMPTY = 2 };
enum { BEFORE_STORE, AT_HANDLER, BEFORE_ACK, BACK };

static void handle(void *unused)
{
	(void)unused;
	seL4_CPtr notification = shared->cap[0], handler = shared->cap[1];
	volatile uint8_t *uart = (volatile uint8_t *)shared->address;

	seL4_Wait(notification, NULL);
	for (unsigned i = 0;; i++) {
		seL4_Word now = instret();

		shared->stamp[AT_HANDLER][i] = now;
		uart[IER] = 0;
		now = instret();
		seL4_IRQHandler_Ack(handler);
		seL4_Wait(notification, NULL);
		shared->stamp[BEFORE_ACK][i] = now;
	}
}

void metal_interrupts(void)
{
	static struct peer handler;
	volatile uint8_t *uart = sk_device_map(SK_UART_PADDR);
	seL4_CPtr notification = sk_notification_new(), irq = sk_irq_new(SK_UART_IRQ, notification);
	seL4_Word in[SAMPLES], out[SAMPLES];

	shared->address = (seL4_Word)uart;
	peer_new(&handler, SAME_SPACE, FPU_DISABLED, HIGH, 0);
	peer_give(&handler, notification);
	peer_give(&handler, irq);
	peer_start(&handler, handle);
	for (unsigned i = 0; i <= SAMPLES; i++) {
		seL4_Word before = instret();

		uart[IER] = IER_TX_EMPTY;
		seL4_Word after = instret();
		if (i == SAMPLES)
			break; /* the handler has noted what it did before */
		shared->stamp[BEFORE_STORE][i] = before;
		shared->stamp[BACK][i] = after;
	}
	for (unsigned i = 0; i < SAMPLES; i++) {
		in[i] = between(shared->stamp[BEFORE_STORE][i], shared->stamp[AT_HANDLER][i]);
		out[i] = between(shared->stamp[BEFORE_ACK][i], shared->stamp[BACK][i]);
	}
	report("irq", in);
	report("irq-ack-wait", out);
	peer_stop(&handler);
}
