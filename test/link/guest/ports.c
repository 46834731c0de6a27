/*
 * A root server that gives back what comes by the link device's ports, in capital letters, as long as the
 * control port does not say "quit": it says which ports there are, and when the other end opens or closes.
 * Run by test/link/node.c, and under QEMU by test/link/qemu.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <skerry/machine.h>
#include "serve.h"

static struct link link;

/* What is on its way back. */
static struct {
	uint8_t bytes[LINK_CHUNK];
	size_t size;
	bool named, open;
	uint32_t opened;
} back[LINK_PORTS];

static void say_changes(unsigned port)
{
	const struct link_port *now = &link.port[port];

	if (!now->name[0])
		return;
	if (!back[port].named)
		printf("port %s\n", now->name);
	back[port].named = true;
	if (back[port].opened != now->opened || back[port].open != now->open)
		printf("%s is %s\n", now->name, now->open ? "open" : "closed");
	back[port].opened = now->opened;
	back[port].open = now->open;
}

/* Returns true if something moved. */
static bool give_back(unsigned port)
{
	bool moved = false;

	if (back[port].size == 0) {
		back[port].size = link_read(&link, port, back[port].bytes, sizeof back[port].bytes);
		if (strncmp(link.port[port].name, "control.", 8) == 0 && back[port].size == 4 &&
		    memcmp(back[port].bytes, "quit", 4) == 0)
			sk_finish(0);
		for (size_t i = 0; i < back[port].size; i++)
			back[port].bytes[i] = (uint8_t)toupper(back[port].bytes[i]);
		moved = back[port].size > 0;
	}
	if (back[port].size > 0 && link_write(&link, port, back[port].bytes, back[port].size)) {
		back[port].size = 0;
		moved = true;
	}
	return moved;
}

static bool turn(unsigned port)
{
	say_changes(port);
	return give_back(port);
}

int main(void)
{
	return link_serve(&link, turn);
}
