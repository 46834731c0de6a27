/*
 * The tour: a small system of five programs, each a process of its own that can do what it has
 * capabilities for and nothing else.
 *
 *	clock, tide, wreck   clients; they know the console and the timer, not the devices
 *	console              has the UART's registers; prints lines that come as messages
 *	timer                has the clock's registers and its interrupt; wakes those who asked
 *	root                 makes them all, gives memory on demand, hears of faults
 */
#pragma once

#include <sel4/sel4.h>
#include <skerry/process.h>

/* A client is known everywhere by its badge. */
enum client { CLOCK = 1, TIDE, WRECK, CLIENTS_END };
extern const char *const client_names[CLIENTS_END];

/* Where a client has what it was given. */
enum { CLIENT_CONSOLE = SK_PROCESS_FIRST_FREE, CLIENT_TIMER, CLIENT_ROOT };

/* What a client tells root, beside its faults: that it is done. */
#define CLIENT_DONE seL4_Fault_NullFault

void clock_main(void *unused);
void tide_main(void *unused);
void wreck_main(void *unused);

/* The console: a message is a string. */
enum { CONSOLE_ENDPOINT = SK_PROCESS_FIRST_FREE };
#define CONSOLE_UART 0x10000000ul
void console_main(void *unused);

/* The timer: a message is a time in ms since the start; the reply comes then, with the time. */
enum { TIMER_ENDPOINT = SK_PROCESS_FIRST_FREE, TIMER_IRQ, TIMER_FIRST_REPLY = 16 };
#define TIMER_RTC       0x10000000ul
#define TIMER_IRQ_BADGE 0x100
void timer_main(void *unused);

/* Memory that tide has only once it uses it. */
#define TIDE_REGION 0x30000000ul
#define TIDE_PAGES  32
