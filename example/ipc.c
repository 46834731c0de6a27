/*
 * Messages and capability transfer. Two clients, each a process of its own, know one server by the
 * same capability. To a first call (badge 0) the server replies with a capability to itself that
 * carries a badge; from then on the badge tells it who is speaking. The server answers once with
 * Reply and Recv, and once with ReplyRecv, which is both in one kernel entry.
 */
#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/object.h>
#include <skerry/process.h>

enum { CLIENTS = 2, LINES = 2 };               /* each client sends LINES lines, twice */
enum { SERVER = SK_PROCESS_FIRST_FREE, MINE }; /* slots of a client: what all know, what it gets */

/* --- client ------------------------------------------------------------------------------------ */

static void say(const char *text)
{
	seL4_Word words = strlen(text) / sizeof(seL4_Word) + 1;

	strcpy((char *)seL4_GetIPCBuffer()->msg, text);
	seL4_Call(MINE, seL4_MessageInfo_new(0, 0, 0, words));
	seL4_Yield(); /* let the others have their turn */
}

static void client(void *name)
{
	char line[64];

	seL4_SetCapReceivePath(seL4_CapInitThreadCNode, MINE, seL4_WordBits);
	seL4_Call(SERVER, seL4_MessageInfo_new(0, 0, 0, 0));
	for (int i = 1; i <= 2 * LINES; i++) {
		snprintf(line, sizeof line, "%s speaking, line %d", (char *)name, i);
		say(line);
	}
}

/* --- server ------------------------------------------------------------------------------------ */

static seL4_CPtr endpoint;

/* Deals with one message; what it returns is the reply. */
static seL4_MessageInfo_t serve(seL4_Word badge)
{
	static seL4_Word last_badge;

	if (badge == 0) {
		last_badge++;
		printf("server: someone new, to be known as %lu\n", last_badge);
		seL4_SetCap(0, sk_cap_mint(endpoint, seL4_CapRights_new(1, 0, 0, 1), last_badge));
		return seL4_MessageInfo_new(0, 0, 1, 0);
	}
	printf("server: %lu says \"%s\"\n", badge, (char *)seL4_GetIPCBuffer()->msg);
	return seL4_MessageInfo_new(0, 0, 0, 0);
}

int main(void)
{
	static struct sk_process clients[CLIENTS];
	static char *const names[CLIENTS] = {"Ann", "Bob"};
	seL4_Word badge;

	endpoint = sk_endpoint_new();
	for (int i = 0; i < CLIENTS; i++) {
		sk_process_new(&clients[i], names[i], 100, 0);
		sk_process_give(&clients[i], SERVER, endpoint, seL4_CapRights_new(1, 0, 0, 1), 0);
		sk_process_start(&clients[i], client, names[i]);
	}

	printf("Reply, then Recv:\n");
	for (int i = 0; i < CLIENTS * (1 + LINES); i++) {
		seL4_Recv(endpoint, &badge);
		seL4_Reply(serve(badge));
	}

	printf("ReplyRecv:\n");
	seL4_Recv(endpoint, &badge);
	for (int i = 1; i < CLIENTS * LINES; i++)
		seL4_ReplyRecv(endpoint, serve(badge), &badge);
	seL4_Reply(serve(badge));
	printf("server: all said\n");
	return 0;
}
