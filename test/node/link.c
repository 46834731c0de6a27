/*
 * Tests of the link layer (cluster/link): several nodes' links in one process, and others who connect to
 * them. Prints `ok NAME` or `not ok NAME: why`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/link/identity.h"
#include "cluster/link/link.h"
#include "cluster/link/ring.h"
#include "host/host.h"
#include "test/node/several.h"

#define STREAM 3000000 /* bytes of a long one */

/* --- links on this machine -------------------------------------------------------------------------------
 */

static void local_stream(const char *kind)
{
	pair(kind);
	stream(&node[0], 0, &node[1], STREAM);
	stream(&node[1], 0, &node[0], STREAM);
	need(node[0].lines + node[1].lines == 0, "something was said: %s%s", node[0].said, node[1].said);
}

/* One who takes little makes the other wait, and nothing is lost. */
static void slow_reader(const char *kind)
{
	static const uint8_t zeros[LINK_SEND_MAX];
	unsigned refused = 0;

	pair(kind);
	node[1].appetite = 0;
	for (unsigned i = 0; i < 1000 && refused < 20; i++) {
		refused += !links_send(node[0].links, 0, zeros, sizeof zeros);
		turn_all();
	}
	need(refused == 20, "the sender never has to wait");
	need(node[0].ready == 0, "and is told to go on");
	node[1].appetite = SIZE_MAX;
	until(node[0].ready == 1);
	stop(&node[0]);
	until(!node[1].open[0]);
	start(&node[0]);
	until(node[1].open[0]);
	node[1].appetite = 777;
	node[1].disorder = false;
	stream(&node[0], 0, &node[1], 500000);
}

static void unix_stream(void)
{
	local_stream("unix");
}

static void unix_spinning_stream(void)
{
	spin_for(50000);
	local_stream("unix");
}

static void shm_spinning_stream(void)
{
	spin_for(50000);
	local_stream("shm");
}

static void shm_stream(void)
{
	local_stream("shm");
}

static void unix_slow_reader(void)
{
	slow_reader("unix");
}

static void shm_slow_reader(void)
{
	slow_reader("shm");
}

static void comes_again(const char *kind)
{
	pair(kind);
	for (unsigned i = 1; i <= 5; i++) {
		stop(&node[i % 2]);
		until(!node[1 - i % 2].open[0]);
		need(links_send(node[1 - i % 2].links, 0, "x", 1), "what is for a closed link is not taken");
		start(&node[i % 2]);
		until(node[0].open[0] && node[1].open[0]);
		stream(&node[0], 0, &node[1], 1000);
	}
}

static void unix_comes_again(void)
{
	comes_again("unix");
}

static void shm_comes_again(void)
{
	comes_again("shm");
}

/* Each joins the other: one link remains, and stays. */
static void both_join(void)
{
	for (unsigned i = 0; i < 2; i++) {
		listen_at(&node[i], url(&node[i], "unix", i ? "b" : "a"));
		join(&node[i], url(&node[i], "unix", i ? "a" : "b"));
		join(&node[i], url(&node[i], "unix", i ? "a" : "b")); /* by two URLs */
	}
	start(&node[0]);
	start(&node[1]);
	until(node[0].open[0] && node[1].open[0]);
	run_for(300);
	need(node[0].ups[0] <= 2 && node[1].ups[0] <= 2, "it came up %u and %u times", node[0].ups[0],
	     node[1].ups[0]);
	stream(&node[0], 0, &node[1], 100000);
	stream(&node[1], 0, &node[0], 100000);
	need(node[0].lines + node[1].lines == 0, "something was said: %s%s", node[0].said, node[1].said);
	stop(&node[0]);
	until(!node[1].open[0]);
	start(&node[0]);
	until(node[0].open[0] && node[1].open[0]);
}

static void three(void)
{
	for (unsigned i = 0; i < 3; i++) {
		listen_at(&node[i], url(&node[i], "unix", i == 0 ? "a" : i == 1 ? "b" : "c"));
		for (unsigned k = 0; k < i; k++)
			join(&node[i], url(&node[i], "unix", k == 0 ? "a" : "b"));
		start(&node[i]);
	}
	for (unsigned i = 0; i < 3; i++)
		until(node[i].open[0] && node[i].open[1]);
	stream(&node[2], 0, &node[0], 100000);
	stream(&node[1], 1, &node[2], 100000);
}

/* --- over TCP ---------------------------------------------------------------------------------------------
 */

static struct identity *identity[NODES];

/* Nodes a and b at a port that nobody has; they know each other's keys. */
static void tcp_describe(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct link_peer *peer = &node[1 - i].config.peer[0];

		identity[i] = identity_new();
		node[i].config.identity = identity[i];
		identity_public(identity[i], peer->key);
		peer->has_key = true;
	}
	listen_at(&node[0], "tcp://127.0.0.1:0");
	start(&node[0]);
	snprintf(node[1].text[0], sizeof node[1].text[0], "tcp://127.0.0.1:%u", links_port(node[0].links, 0));
	join(&node[1], node[1].text[0]);
}

static void identities_free(void)
{
	for (unsigned i = 0; i < NODES; i++) {
		identity_free(identity[i]);
		identity[i] = NULL;
	}
}

static void tcp_stream(void)
{
	tcp_describe();
	start(&node[1]);
	until(node[0].open[0] && node[1].open[0]);
	stream(&node[0], 0, &node[1], STREAM);
	stream(&node[1], 0, &node[0], STREAM);
	need(node[0].lines + node[1].lines == 0, "something was said: %s%s", node[0].said, node[1].said);
	for (unsigned i = 0; i < 5; i++) {
		stop(&node[1]);
		until(!node[0].open[0]);
		start(&node[1]);
		until(node[0].open[0] && node[1].open[0]);
		stream(&node[i % 2], 0, &node[1 - i % 2], 10000);
	}
}

static void tcp_spinning_stream(void)
{
	spin_for(50000);
	tcp_stream();
}

static void tcp_slow_reader(void)
{
	static const uint8_t zeros[LINK_SEND_MAX];
	unsigned refused = 0;

	tcp_describe();
	start(&node[1]);
	until(node[0].open[0] && node[1].open[0]);
	node[1].appetite = 0;
	for (unsigned i = 0; i < 4000 && refused < 20; i++) {
		refused += !links_send(node[0].links, 0, zeros, sizeof zeros);
		turn_all();
	}
	need(refused == 20, "the sender never has to wait");
	node[1].appetite = 5000;
	until(node[0].ready == 1);
	run_for(100);
	stop(&node[1]);
	until(!node[0].open[0]);
	start(&node[1]);
	node[1].disorder = false;
	until(node[0].open[0] && node[1].open[0]);
	stream(&node[0], 0, &node[1], 300000);
}

static void tcp_strangers(void)
{
	tcp_describe();
	node[1].config.identity = identity[0]; /* a's own key, shown by somebody else */
	start(&node[1]);
	until(node[0].lines > 0 && node[1].lines > 0);
	run_for(200);
	need(node[0].lines == 1 && has(node[0].said, "is the key of no node that a knows"), "a says: %s",
	     node[0].said);
	need(node[1].lines == 1 && has(node[1].said, "refused: "), "it says: %s", node[1].said);
	need(node[0].ups[0] + node[1].ups[0] == 0, "and yet they are joined");
}

/* A key without --peer NAME=PUBKEY is nobody's. */
static void tcp_no_key(void)
{
	tcp_describe();
	node[1].config.peer[0].has_key = false;
	start(&node[1]);
	until(node[1].lines > 0);
	need(node[1].lines == 1 && has(node[1].said, "is the key of no node that b knows"), "b says: %s",
	     node[1].said);
}

static void tcp_nobody_there(void)
{
	tcp_describe();
	stop(&node[0]);
	start(&node[1]);
	until(node[1].lines > 0);
	need(has(node[1].said, ": Connection refused; trying again"), "b says: %s", node[1].said);
}

/* What is at the port speaks something else: it is said what is wrong. */
static void tcp_no_tls(void)
{
	struct host_socket *listener = host_socket_listen("127.0.0.1", 0), *client = NULL;
	uint64_t end = host_clock_ns() + PATIENCE_S * 1000000000ull;

	node[0].config.identity = identity[0] = identity_new();
	snprintf(node[0].text[0], sizeof node[0].text[0], "tcp://127.0.0.1:%u", host_socket_port(listener));
	join(&node[0], node[0].text[0]);
	start(&node[0]);
	while (node[0].lines == 0 && host_clock_ns() < end) {
		struct host_socket *next = host_socket_accept(listener);

		turn_all();
		if (!next)
			continue;
		if (client)
			host_socket_close(client);
		client = next;
		host_socket_write(client, "220 ready\r\n", 11);
	}
	need(has(node[0].said, ": wrong version number; trying again"), "it says: %s", node[0].said);
	if (client)
		host_socket_close(client);
	host_socket_close(listener);
}

static void unknown_host(void)
{
	node[0].config.identity = identity[0] = identity_new();
	join(&node[0], "tcp://no-such-host.invalid:1");
	start(&node[0]);
	until(node[0].lines > 0);
	need(has(node[0].said, ": no host is known by that name; trying again"), "it says: %s", node[0].said);
}

/* --- those who are not wanted --------------------------------------------------------------------------- */

static void unknown_node(void)
{
	listen_at(&node[0], url(&node[0], "unix", "a"));
	join(&node[1], url(&node[1], "unix", "a"));
	memcpy(node[1].config.name, "mallory", 8);
	start(&node[0]);
	start(&node[1]);
	until(node[0].lines > 0 && node[1].lines > 0);
	run_for(200);
	need(node[0].lines == 1 && has(node[0].said, "a knows no node mallory"), "a says: %s", node[0].said);
	need(node[1].lines == 1 && has(node[1].said, "refused: a knows no node mallory"), "it says: %s",
	     node[1].said);
	need(node[0].ups[0] + node[1].ups[0] == 0, "and yet they are joined");
}

static void same_name(void)
{
	listen_at(&node[0], url(&node[0], "unix", "a"));
	join(&node[1], url(&node[1], "unix", "a"));
	memcpy(node[1].config.name, "a", 2);
	start(&node[0]);
	start(&node[1]);
	until(node[1].lines > 0);
	need(has(node[1].said, "both nodes are named a"), "it says: %s", node[1].said);
}

static struct host_socket *stranger(void)
{
	struct host_socket *socket = host_socket_dial_local(strchr(node[0].text[0], '/'));

	need(socket, "cannot connect: %s", host_error());
	return socket;
}

/* Sends it, and reads up to the end: false if there is none. */
static bool is_sent_away(struct host_socket *socket, const void *bytes, size_t size, char *answer,
			 size_t room)
{
	uint64_t end = host_clock_ns() + PATIENCE_S * 1000000000ull;
	size_t used = 0;
	int got = HOST_INPUT_NONE;

	host_socket_write(socket, bytes, size);
	while (got != HOST_INPUT_END && host_clock_ns() < end) {
		turn_all();
		got = host_socket_read(socket, answer + used, room - 1 - used);
		used += got > 0 ? (size_t)got : 0;
	}
	answer[used] = 0;
	host_socket_close(socket);
	return got == HOST_INPUT_END;
}

/* --- shared memory -------------------------------------------------------------------------------------- */

/* Would the node sleep now? Then `event` is what would wake it. */
static bool sleeps(struct node *self, struct host_event event[8], unsigned *count)
{
	*count = links_events(self->links, event, 8);
	return links_deadline(self->links) != 0;
}

static bool is_woken(struct host_event event[8], unsigned count)
{
	bool woken = false;

	host_wait_for(event, count, 0);
	for (unsigned i = 0; i < count; i++)
		woken |= event[i].came;
	return woken;
}

/* Whoever sleeps is woken: by input, and by room. */
static void shm_bells(void)
{
	static const uint8_t zeros[LINK_SEND_MAX];
	struct host_event event[8];
	unsigned count;

	pair("shm");
	for (unsigned i = 0; i < 3; i++) {
		run_for(5);
		need(sleeps(&node[1], event, &count), "the reader finds something to do");
		need(!is_woken(event, count), "it is woken by nothing");
		node[1].got = 0;
		links_send(node[0].links, 0, "", 1);
		need(is_woken(event, count), "input does not wake");
		links_turn(node[1].links);
		need(node[1].got == 1, "the input does not come");
	}
	while (links_send(node[0].links, 0, zeros, sizeof zeros))
		;
	need(sleeps(&node[0], event, &count), "the writer finds something to do");
	need(!is_woken(event, count), "it is woken by nothing");
	links_turn(node[0].links);
	need(sleeps(&node[0], event, &count), "the writer finds something to do");
	links_turn(node[1].links);
	need(is_woken(event, count), "room does not wake");
	links_turn(node[0].links);
	until(node[0].ready == 1);
}

static void shm_no_memory(void)
{
	static const char *const words[] = {"skerry 1 shm b\nok\n", "skerry 1 unix b\nok\n"};
	static const char *const why[] = {"no it brings no memory", "no it speaks another kind"};
	char answer[1024];

	listen_at(&node[0], url(&node[0], "shm", "a"));
	start(&node[0]);
	for (unsigned i = 0; i < 2; i++)
		need(is_sent_away(stranger(), words[i], strlen(words[i]), answer, sizeof answer) &&
			     has(answer, why[i]),
		     "it says: %s", answer);
	need(node[0].ups[0] == 0, "and yet they are joined");
}

/* What comes in one piece with the last word before it is a link. */
static void early(void)
{
	static const char words[] = "skerry 1 unix b\nok\nabcde";
	struct host_socket *socket;

	listen_at(&node[0], url(&node[0], "unix", "a"));
	start(&node[0]);
	socket = stranger();
	host_socket_write(socket, words, strlen(words));
	until(node[0].open[0]);
	until(node[0].got == 5);
	host_socket_close(socket);
	until(!node[0].open[0]);
}

static void garbage(void)
{
	static const char *const greeting[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
					       "skerry 1 unix zoe\nok\n",
					       "skerry 1 unix b\nno thanks\n",
					       "skerry 1 unix b\nwhat\n",
					       "\n",
					       "no \n"};
	char answer[1024], flood[4096];

	pair("unix");
	for (size_t i = 0; i < sizeof greeting / sizeof greeting[0]; i++)
		need(is_sent_away(stranger(), greeting[i], strlen(greeting[i]), answer, sizeof answer) &&
			     has(answer, "skerry 1 unix a\n"),
		     "after %zu: %s", i, answer);
	memset(flood, 'x', sizeof flood);
	need(is_sent_away(stranger(), flood, sizeof flood, answer, sizeof answer) &&
		     has(answer, "no it is no node"),
	     "a line without end: %s", answer);
	until(node[0].open[0] && node[1].open[0]);
	stream(&node[1], 0, &node[0], 1000);
}

/* Who says nothing is sent away after a while, and meanwhile harms nobody. */
static void silence(void)
{
	char answer[64];
	struct host_socket *many[40];
	uint64_t began;

	pair("unix");
	for (unsigned i = 0; i < 40; i++)
		many[i] = host_socket_dial_local(strchr(node[0].text[0], '/'));
	run_for(50);
	stream(&node[1], 0, &node[0], 1000);
	need(is_sent_away(stranger(), "", 0, answer, sizeof answer), "who says nothing stays");
	stop(&node[1]);
	until(!node[0].open[0]);
	for (unsigned i = 0; i < 40; i++) {
		if (many[i])
			host_socket_close(many[i]);
		many[i] = host_socket_dial_local(strchr(node[0].text[0], '/'));
		turn_all();
	}
	began = host_clock_ns();
	start(&node[1]);
	until(node[0].open[0] && node[1].open[0]);
	need(host_clock_ns() - began < 1000000000, "they keep others out");
	for (unsigned i = 0; i < 40; i++)
		if (many[i])
			host_socket_close(many[i]);
}

static void nobody_there(void)
{
	join(&node[0], url(&node[0], "unix", "nobody"));
	start(&node[0]);
	run_for(1000);
	need(node[0].lines == 0, "complains too early: %s", node[0].said);
	until(node[0].lines > 0);
	need(has(node[0].said, "nobody: No such file or directory; trying again"), "it says: %s",
	     node[0].said);
	run_for(1000);
	need(node[0].lines == 1, "and again: %s", node[0].said);
	listen_at(&node[1], url(&node[1], "unix", "nobody"));
	start(&node[1]);
	until(node[0].open[0]);
}

static void in_use(void)
{
	char error[256];

	pair("unix");
	need(!links_create(&node[0].config, error, sizeof error) && has(error, "Address already in use"),
	     "%s", error);
	stop(&node[0]);
	need(access(strchr(node[0].text[0], '/'), F_OK) != 0, "the socket is left behind");
	listen_at(&node[2], "unix:/nowhere/at/all");
	need(!links_create(&node[2].config, error, sizeof error) && has(error, "No such file"), "%s", error);
}

int main(void)
{
	static const struct check tests[] = {
		{"unix-stream", unix_stream},
		{"unix-spinning-stream", unix_spinning_stream},
		{"shm-spinning-stream", shm_spinning_stream},
		{"unix-slow-reader", unix_slow_reader},
		{"unix-comes-again", unix_comes_again},
		{"shm-stream", shm_stream},
		{"shm-slow-reader", shm_slow_reader},
		{"shm-comes-again", shm_comes_again},
		{"shm-bells", shm_bells},
		{"shm-no-memory", shm_no_memory},
		{"both-join", both_join},
		{"three", three},
		{"tcp-stream", tcp_stream},
		{"tcp-spinning-stream", tcp_spinning_stream},
		{"tcp-slow-reader", tcp_slow_reader},
		{"tcp-strangers", tcp_strangers},
		{"tcp-no-key", tcp_no_key},
		{"tcp-nobody-there", tcp_nobody_there},
		{"tcp-no-tls", tcp_no_tls},
		{"unknown-host", unknown_host},
		{"unknown-node", unknown_node},
		{"same-name", same_name},
		{"early", early},
		{"garbage", garbage},
		{"silence", silence},
		{"nobody-there", nobody_there},
		{"in-use", in_use},
	};

	return check_links(tests, sizeof tests / sizeof tests[0], identities_free);
}
