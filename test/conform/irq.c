/* Interrupts: IRQControl and handlers, the clock's alarm, the serial port, masking until Ack. */
#include "conform.h"

#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/rtc.h>

static seL4_CPtr note, slot, full;
static volatile uint32_t *rtc;
static volatile uint8_t *uart;

enum { IER = 1, IIR = 2, IER_TX_EMPTY = 2, IIR_TX_EMPTY = 2 };

static uint64_t now(void)
{
	return sk_rtc_now(rtc);
}

static void alarm_in(uint64_t ns)
{
	sk_rtc_alarm(rtc, now() + ns);
}

/* The badge that arrives within 5 ms, or 0. */
static seL4_Word signalled(void)
{
	uint64_t end = now() + 5000000;
	seL4_Word badge = 0;

	while (!badge && now() < end)
		badge = trap(seL4_SysNBRecv, note, 0, 0, 0).cap_or_badge;
	return badge;
}

static void control(void)
{
	section("IRQControl_Get", "invocations.md §7");
	CHECKS(REQUEST(seL4_CapIRQControl, IRQIssueIRQHandler, CAPS(ROOT), ARGS(20, slot, 64)),
	       {"label 0", OUT(IllegalOperation), {LABEL(0)}},
	       {"a handler's label", OUT(IllegalOperation), {LABEL(IRQAckIRQ)}},
	       {"length 2", OUT(TruncatedMessage), {LENGTH(2)}},
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"interrupt 0", OUT(RangeError, 1, 96), {ARG(0, 0)}},
	       {"interrupt 97", OUT(RangeError, 1, 96), {ARG(0, 97)}},
	       {"interrupt 96: the kernel's timer", OUT(RevokeFirst), {ARG(0, 96)}}, ROOT_CHECKS(0, 0, 2),
	       {"destination not empty", OUT(DeleteFirst), {ARG(1, full)}});
	TRY("2^32 + 20", OUT(RangeError, 1, 96), seL4_CapIRQControl, IRQIssueIRQHandler, CAPS(ROOT),
	    ARGS((1ul << 32) + 20, slot, 64));
	TRY("good", OUT(NoError), seL4_CapIRQControl, IRQIssueIRQHandler, CAPS(ROOT), ARGS(20, slot, 64));
	is("a handler", slot, TYPE_IRQ_HANDLER);
	CHECKS(REQUEST(seL4_CapIRQControl, IRQIssueIRQHandler, CAPS(ROOT), ARGS(21, slot + 1, 64)),
	       {"already issued", OUT(RevokeFirst), {ARG(0, 20)}},
	       {"depth 0", OUT(RangeError, 1, 64), {ARG(2, 0)}});
	seL4_CPtr copy = sk_cap_copy(slot);
	sk_must(cap_delete(slot));
	TRY("a copy of the handler still there", OUT(RevokeFirst), seL4_CapIRQControl, IRQIssueIRQHandler,
	    CAPS(ROOT), ARGS(20, slot, 64));
	sk_must(cap_delete(copy));
	TRY("the last handler gone: again", OUT(NoError), seL4_CapIRQControl, IRQIssueIRQHandler, CAPS(ROOT),
	    ARGS(20, slot, 64));

	/* The reference has it as unsupported on this board; upstream's kernel, measured, does support it. */
	section("IRQControl_GetTrigger", "invocations.md §7, measured on upstream's kernel");
	CHECKS(REQUEST(seL4_CapIRQControl, RISCVIRQIssueIRQHandlerTrigger, CAPS(ROOT),
		       ARGS(22, 1, slot + 1, 64)),
	       {"length 3", OUT(TruncatedMessage), {LENGTH(3)}},
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"interrupt 0", OUT(RangeError, 1, 96), {ARG(0, 0)}},
	       {"interrupt 97", OUT(RangeError, 1, 96), {ARG(0, 97)}},
	       {"already issued", OUT(RevokeFirst), {ARG(0, 20)}}, ROOT_CHECKS(0, 0, 3),
	       {"destination not empty", OUT(DeleteFirst), {ARG(2, full)}});
	TRY("level", OUT(NoError), seL4_CapIRQControl, RISCVIRQIssueIRQHandlerTrigger, CAPS(ROOT),
	    ARGS(22, 0, slot + 1, 64));
	is("level: a handler", slot + 1, TYPE_IRQ_HANDLER);
	cap_delete(slot + 1);
	TRY("edge", OUT(NoError), seL4_CapIRQControl, RISCVIRQIssueIRQHandlerTrigger, CAPS(ROOT),
	    ARGS(22, 1, slot + 1, 64));
	cap_delete(slot + 1);

	section("IRQHandler", "invocations.md §7, 13");
	seL4_CPtr no_write = sk_cap_mint(note, seL4_CanRead, 0);
	CHECKS(REQUEST(slot, IRQSetIRQHandler, CAPS(note), ARGS()),
	       {"label 0", OUT(IllegalOperation), {LABEL(0)}},
	       {"IRQControl's label", OUT(IllegalOperation), {LABEL(IRQIssueIRQHandler)}},
	       {"no capability", OUT(TruncatedMessage), {NCAPS(0)}},
	       {"an endpoint", OUT(InvalidCapability, 0), {CAP(0, sk_endpoint_new())}});
	TRY("a notification without Write", OUT(InvalidCapability, 0), slot, IRQSetIRQHandler, CAPS(no_write),
	    ARGS());
	TRY("null", OUT(InvalidCapability, 0), slot, IRQSetIRQHandler, CAPS(0), ARGS());
	TRY("Set", OUT(NoError), slot, IRQSetIRQHandler, CAPS(note), ARGS());
	TRY("Set again", OUT(NoError), slot, IRQSetIRQHandler, CAPS(note), ARGS());
	TRY("Ack", OUT(NoError), slot, IRQAckIRQ, CAPS(), ARGS());
	TRY("Clear", OUT(NoError), slot, IRQClearIRQHandler, CAPS(), ARGS());
	TRY("Clear again", OUT(NoError), slot, IRQClearIRQHandler, CAPS(), ARGS());
	sk_must(cap_revoke(seL4_CapIRQControl));
	is("revoking IRQControl takes it", slot, TYPE_NULL);
}

static void clock(void)
{
	section("the clock's alarm", "invocations.md §7, ipc.md §3");
	rtc = sk_device_map(SK_RTC_PADDR);
	seL4_CPtr b8 = sk_cap_mint(note, seL4_AllRights, 8), b16 = sk_cap_mint(note, seL4_AllRights, 16);
	seL4_CPtr handler = sk_irq_new(SK_RTC_IRQ, b8);
	rtc[SK_RTC_INTERRUPT_ENABLED] = 1;
	uint64_t before = now();
	alarm_in(1000000);
	equal("it signals with the badge", signalled(), 8);
	check("not before its time", now() >= before + 1000000);
	rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
	alarm_in(100000);
	equal("completed when delivered: without Ack there is another", signalled(), 8);
	rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
	sk_must(seL4_IRQHandler_Ack(handler));
	equal("cleared: not again", signalled(), 0);
	sk_must(seL4_IRQHandler_SetNotification(handler, b16));
	alarm_in(100000);
	equal("another capability, its badge", signalled(), 16);
	rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
	sk_must(seL4_IRQHandler_Ack(handler));
	sk_must(seL4_IRQHandler_Clear(handler));
	alarm_in(100000);
	equal("cleared: nowhere", signalled(), 0);
	rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
	sk_must(seL4_IRQHandler_SetNotification(handler, b8));
	sk_must(seL4_IRQHandler_Ack(handler));
	sk_must(cap_delete(b8));
	alarm_in(100000);
	equal("the given capability deleted: the kernel's copy counts", signalled(), 8);
	rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
	sk_must(seL4_IRQHandler_Ack(handler));
	sk_must(cap_revoke(note));
	alarm_in(100000);
	equal("revoked: the kernel's copy is gone", signalled(), 0);
	rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
	sk_must(seL4_IRQHandler_Ack(handler));

	/* A bound thread, and one that is blocked in Recv on the notification with a higher priority. */
	struct peer waiter;
	peer_new(&waiter, HIGH, 0);
	b8 = sk_cap_mint(note, seL4_AllRights, 8);
	sk_must(seL4_IRQHandler_SetNotification(handler, b8));
	peer_trap(&waiter, seL4_SysRecv, note, INFO(0, 0, 0), 0, 0);
	alarm_in(100000);
	for (uint64_t end = now() + 5000000; !waiter.done && now() < end;)
		;
	check("it preempts us for a higher waiter", waiter.done && waiter.out.cap_or_badge == 8);
	rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
	sk_must(seL4_IRQHandler_Ack(handler));
	sk_must(cap_delete(handler));
	alarm_in(100000);
	equal("no handler: nothing", signalled(), 0);
	rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
	handler = sk_irq_new(SK_RTC_IRQ, b8);
	alarm_in(100000);
	equal("a new handler", signalled(), 8);
	rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
	sk_must(seL4_IRQHandler_Ack(handler));
	alarm_in(1000000);
	seL4_Word badge = 0;
	seL4_Wait(note, &badge);
	equal("it ends idleness", badge, 8);
	rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
	rtc[SK_RTC_INTERRUPT_ENABLED] = 0;
	sk_must(cap_delete(handler));
}

static void serial(void)
{
	section("serial port", "invocations.md §7");
	uart = sk_device_map(SK_UART_PADDR);
	seL4_CPtr b32 = sk_cap_mint(note, seL4_AllRights, 32);
	seL4_CPtr handler = sk_irq_new(SK_UART_IRQ, b32);
	rtc = sk_device_map(SK_RTC_PADDR);
	/* Nothing is printed meanwhile: the console may be the same port. */
	seL4_Word quiet = signalled();
	uart[IER] = IER_TX_EMPTY;
	seL4_Word first = signalled();
	unsigned cause = uart[IIR] & 0xf;
	seL4_Word ack = seL4_IRQHandler_Ack(handler), after = signalled();
	uart[IER] = 0;
	uart[IER] = IER_TX_EMPTY;
	seL4_Word again = signalled();
	uart[IER] = 0;
	seL4_IRQHandler_Ack(handler);
	seL4_Word off = signalled();
	equal("quiet at first", quiet, 0);
	equal("transmitter empty: an interrupt", first, 32);
	equal("its cause", cause, IIR_TX_EMPTY);
	equal("Ack", ack, 0);
	equal("reading the cause has cleared it", after, 0);
	equal("enabled anew: again", again, 32);
	equal("disabled in the device: no more", off, 0);
	sk_must(cap_delete(handler));
}

int main(void)
{
	conform_begin("irq");
	note = sk_notification_new();
	slot = sk_slots_new(2);
	full = sk_endpoint_new();
	control();
	clock();
	serial();
	return conform_end();
}
