/*
 * The root of the tour. It starts with everything and gives each program what it needs; then it is
 * the pager of one of them, and the one who hears when another breaks.
 */
#include "tour.h"

#include <stdio.h>
#include <skerry/check.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/vspace.h>

static seL4_CPtr console, timer, root; /* endpoints */

/* What a client may: call, but not receive, and not pass capabilities on. */
#define MAY_CALL seL4_CapRights_new(1, 0, 0, 1)

static void servers_start(void)
{
	static struct sk_process consoles, timers;
	seL4_CPtr alarm = sk_notification_new();

	console = sk_endpoint_new();
	sk_process_new(&consoles, "console", 200, 0);
	sk_process_map(&consoles, sk_device_frame(SK_UART_PADDR), CONSOLE_UART, seL4_ReadWrite);
	sk_process_give(&consoles, CONSOLE_ENDPOINT, console, seL4_CanRead, 0);
	sk_process_start(&consoles, console_main, NULL);

	timer = sk_endpoint_new();
	sk_process_new(&timers, "timer", 200, 0);
	sk_process_map(&timers, sk_device_frame(SK_RTC_PADDR), TIMER_RTC, seL4_ReadWrite);
	sk_process_give(&timers, TIMER_ENDPOINT, timer, seL4_CanRead, 0);
	sk_process_give(&timers, TIMER_IRQ,
			sk_irq_new(SK_RTC_IRQ, sk_cap_mint(alarm, seL4_AllRights, TIMER_IRQ_BADGE)),
			seL4_AllRights, 0);
	sk_must(seL4_TCB_BindNotification(timers.thread.tcb, alarm));
	sk_process_start(&timers, timer_main, NULL);
}

static struct sk_process clients[CLIENTS_END];

static void client_start(enum client c, void (*entry)(void *))
{
	sk_process_new(&clients[c], client_names[c], 100, sk_cap_mint(root, seL4_AllRights, c));
	sk_process_give(&clients[c], CLIENT_CONSOLE, console, MAY_CALL, c);
	sk_process_give(&clients[c], CLIENT_TIMER, timer, MAY_CALL, c);
	sk_process_give(&clients[c], CLIENT_ROOT, root, seL4_CanWrite, c);
	sk_process_start(&clients[c], entry, NULL);
}

/* Gives a page, if it is one that may be had. */
static bool page_in(enum client c, seL4_Fault_t fault)
{
	seL4_Word address = seL4_Fault_VMFault_get_Addr(fault);

	if (seL4_Fault_get_seL4_FaultType(fault) != seL4_Fault_VMFault || c != TIDE ||
	    address - TIDE_REGION >= TIDE_PAGES * SK_PAGE_BYTES)
		return false;
	sk_must(sk_map(clients[c].vspace, sk_frame_new(), address & ~(SK_PAGE_BYTES - 1), seL4_ReadWrite,
		       seL4_RISCV_ExecuteNever));
	return true;
}

int main(void)
{
	int running = CLIENTS_END - 1, pages = 0;
	seL4_Word sender;

	printf("root: I start two servers and three clients, each in an address space of its own\n");
	root = sk_endpoint_new();
	servers_start();
	client_start(CLOCK, clock_main);
	client_start(TIDE, tide_main);
	client_start(WRECK, wreck_main);

	while (running > 0) {
		seL4_MessageInfo_t info = seL4_Recv(root, &sender);
		seL4_Fault_t fault = seL4_getFault(info);
		if (page_in(sender, fault)) {
			pages++;
			seL4_Reply(seL4_MessageInfo_new(0, 0, 0, 0));
			continue;
		}
		running--;
		if (seL4_MessageInfo_get_label(info) != CLIENT_DONE)
			printf("root: %s broke (fault %lu at address %#lx); the others go on\n",
			       client_names[sender], seL4_MessageInfo_get_label(info),
			       seL4_Fault_VMFault_get_Addr(fault));
	}
	printf("root: all clients have ended; tide was given %d pages\n", pages);
	return 0;
}
