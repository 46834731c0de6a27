/* A root server that waits for ever, while an interrupt comes that nobody waits for. */
#include <stdio.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/rtc.h>

#define SOON_NS 1000000

int main(void)
{
	volatile uint32_t *rtc = sk_device_map(SK_RTC_PADDR);
	seL4_CPtr signal = sk_notification_new(), irq = sk_irq_new(SK_RTC_IRQ, signal);

	sk_must(seL4_IRQHandler_Clear(irq));
	sk_must(seL4_IRQHandler_Ack(irq));
	puts("ready");
	sk_rtc_alarm(rtc, sk_rtc_now(rtc) + SOON_NS);
	rtc[SK_RTC_INTERRUPT_ENABLED] = 1;
	seL4_Wait(signal, NULL);
	return 0;
}
