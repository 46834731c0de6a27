/* See several.h. */
#include "test/node/several.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/host.h"

static char folder[] = "/tmp/skerry-link-XXXXXX";

struct node node[NODES];

/* What a stream consists of. */
static uint8_t byte_at(size_t position)
{
	return (uint8_t)(position * 31 + position / 251);
}

static void on_open(void *context, unsigned peer, bool open)
{
	struct node *self = context;

	need(self->open[peer] != open, "node %s: link %u is open twice or closed twice", self->config.name,
	     peer);
	self->open[peer] = open;
	if (open)
		self->ups[peer]++;
	else
		self->downs[peer]++;
	if (open)
		self->got = 0;
}

static size_t on_input(void *context, unsigned peer, const void *bytes, size_t size)
{
	struct node *self = context;

	need(self->open[peer], "node %s: input from a link that is closed", self->config.name);
	if (size > self->appetite)
		size = self->appetite;
	for (size_t i = 0; i < size; i++)
		self->disorder |= ((const uint8_t *)bytes)[i] != byte_at(self->got++);
	return size;
}

static void on_ready(void *context, unsigned peer)
{
	(void)peer;
	((struct node *)context)->ready++;
}

static void on_say(void *context, const char *line)
{
	struct node *self = context;
	size_t used = strlen(self->said);

	snprintf(self->said + used, sizeof self->said - used, "%s\n", line);
	self->lines++;
}

const char *url(struct node *self, const char *kind, const char *name)
{
	char *text = self->text[self->texts++];

	snprintf(text, sizeof self->text[0], "%s:%s/%s", kind, folder, name);
	return text;
}

static void describe(unsigned i)
{
	struct node *self = &node[i];

	memset(self, 0, sizeof *self);
	self->appetite = SIZE_MAX;
	self->config = (struct links_config){
		.context = self, .open = on_open, .input = on_input, .ready = on_ready, .say = on_say};
	self->config.name[0] = (char)('a' + i);
	for (unsigned k = 0; k < NODES; k++)
		if (k != i)
			self->config.peer[self->config.peers++].name[0] = (char)('a' + k);
}

void listen_at(struct node *self, const char *text)
{
	need(!link_url_parse(text, &self->config.listen[self->config.listens++]), "%s", text);
}

void join(struct node *self, const char *text)
{
	need(!link_url_parse(text, &self->config.join[self->config.joins++]), "%s", text);
}

void start(struct node *self)
{
	char error[256] = "";

	self->links = links_create(&self->config, error, sizeof error);
	need(self->links, "node %s: %s", self->config.name, error);
}

void stop(struct node *self)
{
	if (self->links)
		links_destroy(self->links);
	self->links = NULL;
	memset(self->open, 0, sizeof self->open);
}

void turn_all(void)
{
	struct host_event event[HOST_EVENTS_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < NODES; i++)
		if (node[i].links && links_spin(node[i].links, UINT64_MAX))
			links_turn(node[i].links);
	for (unsigned i = 0; i < NODES; i++)
		if (node[i].links)
			count += links_events(node[i].links, event + count, HOST_EVENTS_MAX - count);
	host_wait_for(event, count, 2000000);
	for (unsigned i = 0; i < NODES; i++)
		if (node[i].links)
			links_turn(node[i].links);
}

void run_for(unsigned ms)
{
	uint64_t end = host_clock_ns() + ms * 1000000ull;

	while (host_clock_ns() < end)
		turn_all();
}

bool has(const char *text, const char *part)
{
	return strstr(text, part);
}

void stream(struct node *from, unsigned peer, struct node *to, size_t size)
{
	static uint8_t piece[LINK_SEND_MAX];
	size_t sent = 0, part;
	uint64_t end = host_clock_ns() + PATIENCE_S * 1000000000ull;

	to->got = 0;
	while (to->got < size && !check_failed() && host_clock_ns() < end) {
		part = (sent * 7919 + 1) % (sizeof piece) + 1;
		if (part > size - sent)
			part = size - sent;
		for (size_t i = 0; i < part; i++)
			piece[i] = byte_at(sent + i);
		if (part > 0 && links_send(from->links, peer, piece, part))
			sent += part;
		turn_all();
	}
	need(to->got == size && !to->disorder, "%zu of %zu bytes came, %s", to->got, size,
	     to->disorder ? "in disorder" : "in order");
}

void pair(const char *kind)
{
	listen_at(&node[0], url(&node[0], kind, "a"));
	join(&node[1], url(&node[1], kind, "a"));
	start(&node[0]);
	start(&node[1]);
	until(node[0].open[0] && node[1].open[0]);
}

void spin_for(uint64_t spin_ns)
{
	for (unsigned i = 0; i < NODES; i++)
		node[i].config.spin_ns = spin_ns;
}

static void begin(void)
{
	for (unsigned i = 0; i < NODES; i++)
		describe(i);
}

static void (*end_of_test)(void);

static void end(void)
{
	for (unsigned i = 0; i < NODES; i++)
		stop(&node[i]);
	if (end_of_test)
		end_of_test();
}

int check_links(const struct check *tests, size_t count, void (*end_too)(void))
{
	bool good;

	if (!mkdtemp(folder))
		return 1;
	end_of_test = end_too;
	good = check_all("link", tests, count, begin, end);
	rmdir(folder);
	return !good;
}
