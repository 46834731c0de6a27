/* The board's clock, a goldfish RTC (SK_RTC_PADDR), for whoever has its page mapped. */
#pragma once

#include <stdint.h>

/* Its registers, of 32 bits each. */
enum {
	SK_RTC_TIME_LOW, /* latches the upper half */
	SK_RTC_TIME_HIGH,
	SK_RTC_ALARM_LOW, /* arms the alarm */
	SK_RTC_ALARM_HIGH,
	SK_RTC_INTERRUPT_ENABLED,
	SK_RTC_CLEAR_ALARM,
	SK_RTC_ALARM_STATUS,
	SK_RTC_CLEAR_INTERRUPT
};

/* What it shows, in ns. */
static inline uint64_t sk_rtc_now(volatile uint32_t *rtc)
{
	uint64_t low = rtc[SK_RTC_TIME_LOW];

	return (uint64_t)rtc[SK_RTC_TIME_HIGH] << 32 | low;
}

/* Its interrupt comes when it shows this time, or at once if that is past. */
static inline void sk_rtc_alarm(volatile uint32_t *rtc, uint64_t time)
{
	rtc[SK_RTC_ALARM_HIGH] = (uint32_t)(time >> 32);
	rtc[SK_RTC_ALARM_LOW] = (uint32_t)time;
}
