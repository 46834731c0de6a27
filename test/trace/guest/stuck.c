/*
 * A system that gets stuck in every way there is: who waits for a message, to get rid of one, for a reply that
 * is owed, for a signal, and who faulted with nobody to tell.
 */
#include <skerry/object.h>
#include <skerry/thread.h>

/* Said at the link, as an address: 1 if the root server shall go round and round, so that the run goes on. */
extern char stuck_spins[];

static struct sk_thread server, client, sender, wild;
static seL4_CPtr service, badged, unheard, signals;

static void serve(void *unused)
{
	(void)unused;
	seL4_Recv(service, 0);
	seL4_Wait(signals, 0);
	seL4_Wait(signals, 0); /* and never replies */
}

static void call(void *unused)
{
	(void)unused;
	seL4_SetMR(0, 1);
	seL4_SetMR(1, 2);
	seL4_Call(badged, seL4_MessageInfo_new(0x33, 0, 0, 2));
}

static void send(void *unused)
{
	(void)unused;
	seL4_Yield();
	seL4_Send(unheard, seL4_MessageInfo_new(0, 0, 0, 0));
}

static void fault(void *unused)
{
	(void)unused;
	seL4_Send(0x7fffffffff, seL4_MessageInfo_new(0, 0, 0, 0));
}

int main(void)
{
	service = sk_endpoint_new();
	badged = sk_cap_mint(service, seL4_NoRead, 0x77);
	unheard = sk_endpoint_new();
	signals = sk_notification_new();
	sk_thread_new(&server, "server", 20, 0);
	sk_thread_new(&client, "client", 19, 0);
	sk_thread_new(&sender, "sender", 18, 0);
	sk_thread_new(&wild, "wild", 17, 0);
	sk_thread_start(&server, serve, 0);
	sk_thread_start(&client, call, 0);
	sk_thread_start(&sender, send, 0);
	sk_thread_start(&wild, fault, 0);
	seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, 5);
	seL4_Signal(signals); /* taken by the server, which then waits for the next */
	while ((seL4_Word)stuck_spins == 1)
		seL4_Yield();
	seL4_Recv(sk_endpoint_new(), 0);
	return 0;
}
