/*
 * Tests of what links are made of, each alone: URLs, keys, greetings, rings in shared memory. Prints `ok
 * NAME` or `not ok NAME: why`.
 */
#include <stdlib.h>
#include <string.h>

#include "cluster/link/greeting.h"
#include "cluster/link/ring.h"
#include "test/node/check.h"

static void urls(void)
{
	static const struct {
		const char *text, *host;
		unsigned port;
	} good[] = {{"tcp://h:1", "h", 1},
		    {"tcp://[::1]:65535", "::1", 65535},
		    {"tcp://0.0.0.0:0", "0.0.0.0", 0}};
	static const char *const bad[] = {"",           "tcp:/h:1",  "tcp://h",       "tcp://:1",
					  "tcp://h:",   "tcp://h:x", "tcp://h:65536", "tcp://::1:80",
					  "unix:",      "shm:",      "udp://h:1",     "tcp://h:1 ",
					  "tcp://h:-1", "tcp://[]:1"};
	struct link_url parsed;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		need(!link_url_parse(good[i].text, &parsed) && strcmp(parsed.host, good[i].host) == 0 &&
			     parsed.port == good[i].port,
		     "%s", good[i].text);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		need(link_url_parse(bad[i], &parsed), "%s was taken", bad[i]);
	need(!link_url_parse("shm:/x", &parsed) && parsed.kind == LINK_SHM && strcmp(parsed.path, "/x") == 0,
	     "shm");
}

static void keys(void)
{
	uint8_t key[LINK_KEY_SIZE], again[LINK_KEY_SIZE];
	char text[LINK_KEY_TEXT];

	for (unsigned i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)(i * 37);
	link_key_text(key, text);
	need(link_key_parse(text, again) && memcmp(key, again, sizeof key) == 0, "another key: %s", text);
	text[63] = 'g';
	need(!link_key_parse(text, again), "a g");
	text[63] = 0;
	need(!link_key_parse(text, again), "too short");
	need(!link_key_parse("", again), "nothing");
}

static void greetings(void)
{
	static const char *const bad[] = {"",
					  "skerry",
					  "skerry 1 unix ",
					  "skerry 2 unix a",
					  "skerry 1 tcp a",
					  "skerry 1 unix A",
					  "skerry 1 unix a b",
					  "SKERRY 1 unix a",
					  "skerry 1 unix 1",
					  "skerry 1 unix abcdefghijklmnop"};
	char line[GREETING_LINE], name[LINK_NAME_SIZE], reason[GREETING_LINE];
	size_t size = greeting_make(LINK_UNIX, "node-1", line);

	need(line[size - 1] == '\n' && !greeting_parse(line, size - 1, LINK_UNIX, name) &&
		     strcmp(name, "node-1") == 0,
	     "our own: %s", line);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		need(greeting_parse(bad[i], strlen(bad[i]), LINK_UNIX, name), "'%s' was taken", bad[i]);
	need(greeting_answer("ok", 2, reason), "ok");
	need(!greeting_answer("no \x1b[2J", 7, reason) && strcmp(reason, "?[2J") == 0, "printed as it is: %s",
	     reason);
	need(!greeting_answer("okay", 4, reason), "okay");
}

/* The other side of a ring writes what it likes. */
static void ring_liar(void)
{
	struct ring_memory *memory = calloc(1, sizeof *memory);
	struct ring ring, other;
	uint8_t bytes[1000];

	ring_begin(&ring, memory, true);
	ring_begin(&other, memory, false);
	need(ring_write(&other, "abc", 3) == 3 && ring_read(&ring, bytes, sizeof bytes) == 3,
	     "not what was written");
	for (uint64_t lie = RING_SIZE + 1; lie < 1ull << 32; lie = lie * 3 + 1) {
		ring.in->written = ring.read + (uint32_t)lie;
		ring.out->read = ring.written - (uint32_t)lie;
		need(ring_read(&ring, bytes, sizeof bytes) == -1, "it is believed: %llu waits",
		     (unsigned long long)lie);
		need(ring_write(&ring, bytes, sizeof bytes) == -1, "it is believed: %llu is read",
		     (unsigned long long)lie);
	}
	ring.in->written = ring.read + RING_SIZE;
	need(ring_read(&ring, bytes, sizeof bytes) == sizeof bytes, "a full ring is no lie");
	/* The reader takes back what it has read: at most the whole ring is written again. */
	ring.out->read = ring.written;
	for (unsigned i = 0; i < 2 * RING_SIZE / sizeof bytes; i++)
		need(ring_write(&ring, bytes, sizeof bytes) >= 0, "what is free");
	free(memory);
}

int main(void)
{
	static const struct check tests[] = {
		{"urls", urls},
		{"keys", keys},
		{"greetings", greetings},
		{"ring-liar", ring_liar},
	};

	return !check_all("link", tests, sizeof tests / sizeof tests[0], NULL, NULL);
}
