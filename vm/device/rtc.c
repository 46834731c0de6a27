/*
 * The goldfish real-time clock at 0x00101000, interrupt 11: nanoseconds since 1970 in two halves, and
 * one alarm. Reading TIME_LOW latches the high half; writing ALARM_LOW arms the alarm. An alarm that is
 * not in the future fires at once. Registers are 32 bits wide and answer no other width.
 */
#include "vm/device/device.h"

#include <string.h>

enum {
	REG_TIME_LOW = 0x00,
	REG_TIME_HIGH = 0x04,
	REG_ALARM_LOW = 0x08,
	REG_ALARM_HIGH = 0x0c,
	REG_IRQ_ENABLED = 0x10,
	REG_CLEAR_ALARM = 0x14,
	REG_ALARM_STATUS = 0x18,
	REG_CLEAR_INTERRUPT = 0x1c,
	REG_END = 0x24,
};

static uint64_t with_low(uint64_t old, uint64_t value)
{
	return (old & 0xffffffff00000000u) | (uint32_t)value;
}

static uint64_t with_high(uint64_t old, uint64_t value)
{
	return (uint32_t)old | value << 32;
}

static uint64_t clock_at(const struct rtc *rtc, uint64_t now)
{
	return now + rtc->offset;
}

static uint64_t clock_now(const struct board *board)
{
	return clock_at(&board->state.rtc, board->config.now_ns(board->config.machine));
}

static void rtc_update(struct board *board)
{
	const struct rtc *rtc = &board->state.rtc;

	board_set_irq(board, BOARD_IRQ_RTC, rtc->irq_pending && rtc->irq_enabled);
}

/* Fires the alarm if the clock has reached it. */
static void alarm_check(struct board *board, uint64_t clock)
{
	struct rtc *rtc = &board->state.rtc;

	if (rtc->alarm_running && clock >= rtc->alarm) {
		rtc->alarm_running = false;
		rtc->irq_pending = true;
		rtc_update(board);
	}
}

void rtc_reset(struct board *board)
{
	memset(&board->state.rtc, 0, sizeof board->state.rtc);
	board->state.rtc.offset = board->config.rtc_base_ns;
}

bool rtc_load(struct board *board, uint64_t offset, unsigned size, uint64_t *value)
{
	struct rtc *rtc = &board->state.rtc;
	uint64_t clock;

	if (size != 4 || offset >= REG_END)
		return false;
	switch (offset) {
	case REG_TIME_LOW:
		clock = clock_now(board);
		rtc->time_high = (uint32_t)(clock >> 32);
		*value = (uint32_t)clock;
		break;
	case REG_TIME_HIGH:
		*value = rtc->time_high;
		break;
	case REG_ALARM_LOW:
		*value = (uint32_t)rtc->alarm;
		break;
	case REG_ALARM_HIGH:
		*value = rtc->alarm >> 32;
		break;
	case REG_IRQ_ENABLED:
		*value = rtc->irq_enabled;
		break;
	case REG_ALARM_STATUS:
		*value = rtc->alarm_running;
		break;
	default:
		*value = 0;
		break;
	}
	return true;
}

/* Setting the clock changes what is added to guest time. */
static void clock_set(struct board *board, uint64_t clock)
{
	board->state.rtc.offset += clock - clock_now(board);
	alarm_check(board, clock);
}

void board_shift_clock(struct board *board, int64_t ns)
{
	clock_set(board, clock_now(board) + (uint64_t)ns);
	board->config.changed(board->config.machine);
}

bool rtc_store(struct board *board, uint64_t offset, unsigned size, uint64_t value)
{
	struct rtc *rtc = &board->state.rtc;

	if (size != 4 || offset >= REG_END)
		return false;
	switch (offset) {
	case REG_TIME_LOW:
		clock_set(board, with_low(clock_now(board), value));
		break;
	case REG_TIME_HIGH:
		clock_set(board, with_high(clock_now(board), value));
		break;
	case REG_ALARM_LOW:
		rtc->alarm = with_low(rtc->alarm, value);
		rtc->alarm_running = true;
		alarm_check(board, clock_now(board));
		break;
	case REG_ALARM_HIGH:
		rtc->alarm = with_high(rtc->alarm, value);
		break;
	case REG_IRQ_ENABLED:
		rtc->irq_enabled = value & 1;
		break;
	case REG_CLEAR_ALARM:
		rtc->alarm_running = false;
		break;
	case REG_CLEAR_INTERRUPT:
		rtc->irq_pending = false;
		break;
	default:
		break;
	}
	rtc_update(board);
	board->config.changed(board->config.machine); /* the alarm may have moved */
	return true;
}

uint64_t rtc_next_event(const struct board *board)
{
	const struct rtc *rtc = &board->state.rtc;

	uint64_t now = board->config.now_ns(board->config.machine), clock = clock_at(rtc, now), wait;

	if (!rtc->alarm_running)
		return UINT64_MAX;
	wait = rtc->alarm > clock ? rtc->alarm - clock : 0;
	return wait < UINT64_MAX - now ? now + wait : UINT64_MAX;
}

void rtc_advance(struct board *board, uint64_t now)
{
	alarm_check(board, clock_at(&board->state.rtc, now));
}
