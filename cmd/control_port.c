/* See control_port.h. */
#define _GNU_SOURCE
#include "cmd/control_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/control.h"
#include "host/host.h"

#define TEXT_SIZE   256
#define ANSWER_MAX  65536
#define PATIENCE_NS 2000000000ull /* with programs that may not answer */

static struct {
	const struct links_config *config;
	const struct links *links; /* NULL: the run is no node of a cluster */
	uint64_t boot;
	bool open;
	char text[TEXT_SIZE]; /* for the guest */
	size_t text_size;
	bool asked, answered;
	uint64_t asked_until; /* host_clock_ns() */
	char answer[ANSWER_MAX];
	size_t answer_size;
} port;

static const char *kind_names[] = {[LINK_TCP] = "tcp", [LINK_UNIX] = "unix", [LINK_SHM] = "shm"};

void control_port_begin(const struct links_config *config, const struct links *links)
{
	port.config = config;
	port.links = links;
}

void control_port_end(void)
{
	port.links = NULL;
}

bool control_port_is_there(void)
{
	return port.links;
}

void control_port_boot(void)
{
	host_random(&port.boot, sizeof port.boot);
}

static void tell(const char *line)
{
	size_t size = strlen(line);

	if (port.text_size + size > sizeof port.text)
		return; /* the guest does not read; it has been told as much as fits */
	memcpy(port.text + port.text_size, line, size);
	port.text_size += size;
}

void control_port_set_open(bool open)
{
	char line[32];

	if (open == port.open)
		return;
	port.open = open;
	port.text_size = 0;
	snprintf(line, sizeof line, "boot %016llx\n", (unsigned long long)port.boot);
	if (open)
		tell(line);
}

const char *control_port_text(size_t *size)
{
	*size = port.text_size;
	return port.text;
}

void control_port_taken(size_t size)
{
	port.text_size -= size;
	memmove(port.text, port.text + size, port.text_size);
}

/* The answer ends with an empty line. What nobody asked for is not listened to. */
void control_port_hear(const char *bytes, size_t size)
{
	for (size_t i = 0; i < size && port.asked && !port.answered; i++) {
		if (bytes[i] == '\n' && (port.answer_size == 0 || port.answer[port.answer_size - 1] == '\n'))
			port.answered = true;
		else if (port.answer_size < ANSWER_MAX)
			port.answer[port.answer_size++] = bytes[i];
	}
}

void control_port_ask(void)
{
	port.asked = true;
	port.answered = false;
	port.answer_size = 0;
	port.asked_until = host_clock_ns() + PATIENCE_NS;
	if (port.open)
		tell("status\n");
}

static void print_links(FILE *out)
{
	fprintf(out, "node %s\n", port.config->name);
	for (unsigned i = 0; i < port.config->peers; i++) {
		const struct link_url *url = links_url(port.links, i);

		fprintf(out, "link %s %s%s\n", port.config->peer[i].name, url ? "up " : "down",
			url ? kind_names[url->kind] : "");
	}
}

char *control_port_answer(size_t *size)
{
	char *text = NULL;
	FILE *out;

	if (!port.answered && port.open && host_clock_ns() < port.asked_until)
		return NULL;
	out = open_memstream(&text, size);
	if (!out)
		return NULL;
	fputs(CONTROL_OK, out);
	print_links(out);
	if (port.answered)
		fwrite(port.answer, 1, port.answer_size, out);
	else
		fputs("its programs do not answer\n", out);
	port.asked = false;
	return fclose(out) == 0 ? text : NULL;
}
