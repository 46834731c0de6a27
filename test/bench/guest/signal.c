/*
 * Signals to a thread of higher priority that waits for them, and waits again at once.
 *
 * Prints "signal-waiter N": thousandths of a tick of the machine's timer from before the signal to after the
 * waiter's Wait, less what the two readings of the timer take. A tick is longer than that, so it is the mean
 * of a batch; of the batches it is the median, for the host may do something else meanwhile. Of use only in
 * real time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <skerry/check.h>
#include <skerry/object.h>
#include <skerry/thread.h>

enum { LOW = 100, HIGH = 150, BATCH = 1000, BATCHES = 201 };

static seL4_CPtr notification;
static volatile seL4_Word before, after, signals; /* sums of readings */

static inline seL4_Word ticks(void)
{
	seL4_Word value;

	__asm__ volatile("rdtime %0" : "=r"(value)::"memory");
	return value;
}

static void wait(void *unused)
{
	(void)unused;
	for (;;) {
		seL4_Wait(notification, NULL);
		after += ticks();
		signals++;
	}
}

static void signal(void)
{
	before += ticks();
	seL4_Signal(notification);
}

static void nothing(void)
{
	before += ticks();
	after += ticks();
}

static int ascending(const void *a, const void *b)
{
	long left = *(const long *)a, right = *(const long *)b;

	return (left > right) - (left < right);
}

/* Thousandths of a tick between the two readings. */
static long measure(void (*once)(void))
{
	static long taken[BATCHES];

	for (unsigned batch = 0; batch < BATCHES; batch++) {
		before = after = 0;
		for (unsigned i = 0; i < BATCH; i++)
			once();
		taken[batch] = (long)(after - before) * 1000 / BATCH;
	}
	qsort(taken, BATCHES, sizeof taken[0], ascending);
	return taken[BATCHES / 2];
}

int main(void)
{
	static struct sk_thread waiter;
	long both;

	notification = sk_notification_new();
	sk_must(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, LOW));
	sk_thread_new(&waiter, "waiter", HIGH, 0);
	sk_thread_start(&waiter, wait, NULL);
	both = measure(signal);
	printf("signal-waiter %ld\n", both - measure(nothing));
	return signals == BATCH * BATCHES ? 0 : 1;
}
