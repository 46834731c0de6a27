/*
 * A node's root server that greets each peer whenever its link opens, and prints what it hears: a line when a
 * link opens or closes, each line that comes, but of those that are numbers, upon "count", how many came in
 * their order. To "status" from its host it answers with two lines. Run by test/node/run and test/node/metal.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <skerry/thread.h>
#include "../../link/guest/serve.h"

#define LINE 200

static struct link link;
static char self[LINK_NAME];

static struct {
	uint32_t opened;
	bool open;
	char line[LINE];
	size_t size;
	unsigned numbered; /* lines that came with the number that was due */
} heard[LINK_PORTS];

static bool is_control(unsigned port)
{
	return strncmp(link.port[port].name, "control.", 8) == 0;
}

static const char *peer_of(unsigned port)
{
	return strchr(link.port[port].name, '.') + 1;
}

static void compute(void *argument)
{
	(void)argument;
	for (;;)
		__asm__ volatile("");
}

static void work(void)
{
	static struct sk_thread thread;

	sk_thread_new(&thread, "work", 1, 0);
	sk_thread_start(&thread, compute, NULL);
}

static void hear(unsigned port, const char *line)
{
	static const char answer[] = "talks\nand listens\n\n";

	if (!is_control(port) && strcmp(line, "echo") == 0)
		link_write(&link, port, "echo\n", 5);
	else if (!is_control(port) && strcmp(line, "work") == 0)
		work();
	else if (!is_control(port) && isdigit((unsigned char)*line))
		heard[port].numbered += strtoul(line, NULL, 10) == heard[port].numbered;
	else if (!is_control(port) && strcmp(line, "count") == 0)
		printf("%s says: %u lines in order\n", peer_of(port), heard[port].numbered);
	else if (!is_control(port))
		printf("%s says: %s\n", peer_of(port), line);
	else if (strcmp(line, "status") == 0)
		link_write(&link, port, answer, sizeof answer - 1);
	else
		printf("%s\n", line);
}

static bool listen(unsigned port)
{
	char bytes[512];
	size_t size = link_read(&link, port, bytes, sizeof bytes);

	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\n' || heard[port].size == LINE - 1) {
			heard[port].line[heard[port].size] = 0;
			hear(port, heard[port].line);
			heard[port].size = 0;
		} else {
			heard[port].line[heard[port].size++] = bytes[i];
		}
	}
	return size > 0;
}

static void see(unsigned port)
{
	const struct link_port *now = &link.port[port];
	char line[LINE];

	if (!now->name[0] || (heard[port].opened == now->opened && heard[port].open == now->open))
		return;
	if (heard[port].opened != now->opened)
		heard[port].size = 0;
	heard[port].opened = now->opened;
	heard[port].open = now->open;
	if (is_control(port)) {
		snprintf(self, sizeof self, "%s", peer_of(port));
		return;
	}
	printf("%s is %s\n", peer_of(port), now->open ? "here" : "gone");
	if (now->open) {
		snprintf(line, sizeof line, "greetings to %s\n", peer_of(port));
		link_write(&link, port, line, strlen(line));
	}
}

static bool turn(unsigned port)
{
	see(port);
	return listen(port);
}

int main(void)
{
	return link_serve(&link, turn);
}
