/*
 * Notifications and shared memory. Workers compute in processes of their own; each has one page in
 * common with the root server, and a capability to the same notification, with a badge of one bit.
 * Signals carry no data and never block: they add their badge to a word, which the next Wait takes
 * all at once. So the word says whose pages to look at.
 */
#include <stdio.h>
#include <skerry/check.h>
#include <skerry/object.h>
#include <skerry/process.h>
#include <skerry/vspace.h>

enum { WORKERS = 3, NUMBERS = 1000 };
enum { DONE = SK_PROCESS_FIRST_FREE, GO }; /* slots of a worker */

#define SHARED 0x10000000ul /* the worker's address of its page */

struct job {
	unsigned first;
	unsigned primes; /* the answer: how many of [first, first + NUMBERS) */
};

static int is_prime(unsigned n)
{
	for (unsigned d = 2; d * d <= n; d++) {
		if (n % d == 0)
			return 0;
	}
	return n > 1;
}

static void worker(void *argument)
{
	volatile struct job *job = argument;

	for (;;) {
		seL4_Wait(GO, NULL);
		job->primes = 0;
		for (unsigned n = job->first; n < job->first + NUMBERS; n++)
			job->primes += is_prime(n);
		seL4_Signal(DONE);
	}
}

int main(void)
{
	static struct sk_process workers[WORKERS];
	volatile struct job *jobs[WORKERS];
	seL4_CPtr go[WORKERS];
	seL4_CPtr done = sk_notification_new();
	seL4_Word who;

	for (int i = 0; i < WORKERS; i++) {
		seL4_CPtr frame;
		jobs[i] = sk_pages_new(1, &frame);
		go[i] = sk_notification_new();
		sk_process_new(&workers[i], "worker", 100, 0);
		sk_process_map(&workers[i], frame, SHARED, seL4_ReadWrite);
		sk_process_give(&workers[i], DONE, done, seL4_CanWrite, LIBSEL4_BIT(i));
		sk_process_give(&workers[i], GO, go[i], seL4_CanRead, 0);
		sk_process_start(&workers[i], worker, (void *)SHARED);
	}

	seL4_Poll(done, &who);
	printf("before any signal, Poll finds %lu\n", who);

	for (unsigned round = 0; round < 2; round++) {
		for (int i = 0; i < WORKERS; i++) {
			jobs[i]->first = (round * WORKERS + i) * NUMBERS;
			seL4_Signal(go[i]);
		}
		for (seL4_Word missing = LIBSEL4_BIT(WORKERS) - 1; missing; missing &= ~who)
			seL4_Wait(done, &who);
		for (int i = 0; i < WORKERS; i++)
			printf("worker %d: %u primes from %u to %u\n", i, jobs[i]->primes, jobs[i]->first,
			       jobs[i]->first + NUMBERS - 1);
	}

	for (int i = 0; i < WORKERS; i++)
		seL4_Signal(sk_cap_mint(done, seL4_CanWrite, 0x10ul << 4 * i));
	seL4_Poll(done, &who);
	printf("three signals at once arrive as one word: %#lx\n", who);
	return 0;
}
