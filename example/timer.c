/*
 * A device driver: the goldfish real-time clock of QEMU's `virt` board. A driver is a program like
 * any other; what makes it one is two capabilities: the frame in which the device's registers are,
 * and the handler of its interrupt, which arrives as a signal.
 */
#include <stdint.h>
#include <stdio.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>

/* The registers: 32-bit words. The clock counts nanoseconds. */
struct rtc {
	uint32_t time_low; /* reading it also catches time_high */
	uint32_t time_high;
	uint32_t alarm_low; /* writing it sets the alarm */
	uint32_t alarm_high;
	uint32_t interrupt_enabled;
	uint32_t clear_alarm;
	uint32_t alarm_status;
	uint32_t clear_interrupt;
};

#define MILLISECOND 1000000ul

static volatile struct rtc *rtc;
static seL4_CPtr alarm_signal;
static seL4_CPtr alarm_irq;

static uint64_t now(void)
{
	uint64_t low = rtc->time_low;
	return (uint64_t)rtc->time_high << 32 | low;
}

static void sleep_until(uint64_t time)
{
	rtc->alarm_high = (uint32_t)(time >> 32);
	rtc->alarm_low = (uint32_t)time;
	seL4_Wait(alarm_signal, NULL);
	rtc->clear_interrupt = 1;
	sk_must(seL4_IRQHandler_Ack(alarm_irq));
}

int main(void)
{
	rtc = sk_device_map(SK_RTC_PADDR);
	alarm_signal = sk_notification_new();
	alarm_irq = sk_irq_new(SK_RTC_IRQ, alarm_signal);
	rtc->interrupt_enabled = 1;

	uint64_t start = now();
	for (int i = 1; i <= 5; i++) {
		sleep_until(start + i * 20 * MILLISECOND);
		uint64_t late = now() - (start + i * 20 * MILLISECOND);
		printf("alarm %d, after %d ms%s\n", i, i * 20,
		       late > 1000 * MILLISECOND ? ", much too late" : "");
	}

	seL4_Error error = seL4_IRQControl_Get(seL4_CapIRQControl, SK_RTC_IRQ, seL4_CapInitThreadCNode,
					       sk_slot_new(), SK_DEPTH);
	printf("the interrupt has one handler; to ask for another is an error: %s\n", sk_error_name(error));
	return 0;
}
