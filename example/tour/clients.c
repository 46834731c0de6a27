/* The clients of the tour. */
#include "tour.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <skerry/vspace.h>

const char *const client_names[CLIENTS_END] = {[CLOCK] = "clock", [TIDE] = "tide", [WRECK] = "wreck"};

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char *text = (char *)seL4_GetIPCBuffer()->msg;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof seL4_GetIPCBuffer()->msg, format, arguments);
	va_end(arguments);
	seL4_Call(CLIENT_CONSOLE, seL4_MessageInfo_new(0, 0, 0, strlen(text) / sizeof(seL4_Word) + 1));
}

static seL4_Word sleep_until(seL4_Word ms)
{
	seL4_SetMR(0, ms);
	seL4_Call(CLIENT_TIMER, seL4_MessageInfo_new(0, 0, 0, 1));
	return seL4_GetMR(0);
}

static void done(void)
{
	seL4_Send(CLIENT_ROOT, seL4_MessageInfo_new(CLIENT_DONE, 0, 0, 0));
}

/* Time: each line is asked for by a message and caused by an interrupt. */
void clock_main(void *unused)
{
	(void)unused;
	for (int i = 1; i <= 4; i++)
		say("%lu ms have passed", sleep_until(i * 100));
	done();
}

/* Memory: every page comes at its first use. */
void tide_main(void *unused)
{
	unsigned long sum = 0;

	(void)unused;
	sleep_until(50);
	say("coming in over %d pages that are not there", TIDE_PAGES);
	for (seL4_Word page = 0; page < TIDE_PAGES; page++)
		*(volatile seL4_Word *)(TIDE_REGION + page * SK_PAGE_BYTES) = page;
	for (seL4_Word page = 0; page < TIDE_PAGES; page++)
		sum += *(volatile seL4_Word *)(TIDE_REGION + page * SK_PAGE_BYTES);
	say("all is covered, the pages' numbers add up to %lu", sum);
	done();
}

/* Isolation: what happens to one program is no matter of the others. */
void wreck_main(void *unused)
{
	volatile int *volatile nowhere = (volatile int *)0x10;

	(void)unused;
	sleep_until(250);
	say("heading for address %p, where nothing is", (void *)nowhere);
	say("which holds %d", *nowhere);
	done();
}
