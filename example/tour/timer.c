/*
 * The timer of the tour: a driver of the goldfish clock. Many can wait at once: the capability to
 * reply to each is kept in a slot of its own until its time has come. The interrupt's notification
 * is bound to this thread, so that one Recv hears of both clients and interrupts.
 */
#include "tour.h"

#include <stdbool.h>
#include <stdint.h>
#include <skerry/rtc.h>

#define MILLISECOND 1000000ul

static volatile uint32_t *const rtc = (volatile uint32_t *)TIMER_RTC;
static uint64_t wake_at[CLIENTS_END]; /* 0: does not wait */

static uint64_t now(void)
{
	return sk_rtc_now(rtc);
}

/* Wakes those whose time has come and sets the alarm for the next. */
static void wake(uint64_t start)
{
	uint64_t next = UINT64_MAX;

	for (enum client c = 1; c < CLIENTS_END; c++) {
		if (wake_at[c] && wake_at[c] <= now()) {
			wake_at[c] = 0;
			seL4_SetMR(0, (now() - start) / MILLISECOND);
			seL4_Send(TIMER_FIRST_REPLY + c, seL4_MessageInfo_new(0, 0, 0, 1));
		} else if (wake_at[c] && wake_at[c] < next) {
			next = wake_at[c];
		}
	}
	if (next != UINT64_MAX)
		sk_rtc_alarm(rtc, next);
}

void timer_main(void *unused)
{
	uint64_t start = now();
	seL4_Word badge;

	(void)unused;
	rtc[SK_RTC_INTERRUPT_ENABLED] = 1;
	for (;;) {
		seL4_Recv(TIMER_ENDPOINT, &badge);
		if (badge == TIMER_IRQ_BADGE) {
			rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
			seL4_IRQHandler_Ack(TIMER_IRQ);
		} else {
			wake_at[badge] = start + seL4_GetMR(0) * MILLISECOND;
			seL4_CNode_SaveCaller(seL4_CapInitThreadCNode, TIMER_FIRST_REPLY + badge,
					      seL4_WordBits);
		}
		wake(start);
	}
}
