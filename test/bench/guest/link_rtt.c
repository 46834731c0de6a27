/*
 * Round trips through a link, without sessions: node a sends a message of the size that a call of four words
 * has, node b sends it back. a prints how long each of ROUNDS took on average, in ns, of several batches.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/rtc.h>

#include "link.h"

#define MESSAGE 80
#define BATCHES 7
#define ROUNDS  2000

static struct link *link_;
static seL4_CPtr signal, irq;
static volatile uint32_t *rtc;

static int port_of(const char *kind)
{
	for (unsigned i = 0; i < link_->ports; i++)
		if (strncmp(link_->port[i].name, kind, strlen(kind)) == 0)
			return (int)i;
	return -1;
}

static void wait(void)
{
	seL4_Wait(signal, NULL);
	link_interrupt(link_);
	sk_must(seL4_IRQHandler_Ack(irq));
}

static void receive(unsigned port)
{
	static uint8_t bytes[MESSAGE];
	size_t got = 0;

	while (got < MESSAGE) {
		size_t more = link_read(link_, port, bytes, MESSAGE - got);

		got += more;
		if (more == 0)
			wait();
	}
}

static void send(unsigned port)
{
	static uint8_t bytes[MESSAGE];

	while (!link_write(link_, port, bytes, MESSAGE))
		wait();
}

int main(void)
{
	bool first;
	int port;

	rtc = sk_device_map(SK_RTC_PADDR);
	link_ = bench_link_begin(&signal, &irq);
	link_interrupt(link_);
	sk_must(seL4_IRQHandler_Ack(irq));
	while ((port = port_of("link.")) < 0 || port_of("control.") < 0 || !link_->port[port].open)
		wait();
	first = strcmp(link_->port[port_of("control.")].name, "control.a") == 0;
	if (!first) /* until somebody ends it */
		for (;;) {
			receive((unsigned)port);
			send((unsigned)port);
		}
	for (unsigned batch = 0; batch < BATCHES; batch++) {
		uint64_t start = sk_rtc_now(rtc);

		for (unsigned i = 0; i < ROUNDS; i++) {
			send((unsigned)port);
			receive((unsigned)port);
		}
		printf("%llu\n", (unsigned long long)(sk_rtc_now(rtc) - start) / ROUNDS);
	}
	return 0;
}
