/*
 * The control port: lines from the node's host. `boot HEX` is a number that no other node knows, another one
 * at each start; `status` is answered with lines of text and an empty one.
 */
#include "srv/bridge/bridge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <skerry/cluster.h>

/* --- the answer, gathered to pieces of a port's size ---------------------------------------------- */

struct text {
	struct bridge *bridge;
	unsigned port;
	size_t size;
	char bytes[2048];
};

static void flush(struct text *text)
{
	const struct bridge_ports *ports = &text->bridge->ports;

	if (text->size)
		ports->send(ports->context, text->port, text->bytes, text->size);
	text->size = 0;
}

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
	va_list arguments;

	if (text->size > sizeof text->bytes - 256)
		flush(text);
	va_start(arguments, format);
	text->size += (size_t)vsnprintf(text->bytes + text->size, sizeof text->bytes - text->size, format,
					arguments);
	va_end(arguments);
}

static void say_peer(struct text *text, unsigned index)
{
	const struct bridge *b = text->bridge;
	const struct peer *peer = &b->peers[index];
	const struct session *session = &peer->session;
	const struct session_counters *counters = &session->counters;

	say(text, "peer %s: %s, epoch %llx, sessions %llu, last end: %s\n", b->names.node[index],
	    peer->number ? "up" : "down", (unsigned long long)session->peer_epoch,
	    (unsigned long long)counters->sessions, wire_reason_text(session->last_reason));
	if (peer->number)
		say(text, "  lease: %llu ms of %llu left\n",
		    (unsigned long long)((SESSION_LEASE_NS - (session->clock - session->heard_at)) /
					 SESSION_MS),
		    (unsigned long long)(SESSION_LEASE_NS / SESSION_MS));
	say(text, "  imports %u, exports %u, operations %u out, %u in, messages held %u\n",
	    b->imports.count[index], b->exports.count[index], peer->outstanding, peer->serving, peer->held);
	say(text,
	    "  frames %llu in, %llu out, %llu again, %llu strays, %llu duplicates; %llu bytes skipped\n",
	    (unsigned long long)counters->frames_in, (unsigned long long)counters->frames_out,
	    (unsigned long long)counters->resent, (unsigned long long)counters->strays,
	    (unsigned long long)counters->duplicates, (unsigned long long)counters->skipped);
}

static void say_names(struct text *text, unsigned node)
{
	const struct names *names = &text->bridge->names;

	for (int i = 0; i < NAMES_EACH; i++) {
		const struct claim *claim = &names->claims[node][i];
		if (claim->stamp)
			say(text, "name %s: %s, stamp %llu%s\n", claim->name, names->node[node],
			    (unsigned long long)claim->stamp,
			    names_winner(names, claim->name) == (int)node ? "" : ", not the winner");
	}
}

static void status(struct bridge *b, unsigned port)
{
	struct text text = {.bridge = b, .port = port};
	struct cluster_counts counts;

	counts_get(b, &counts);
	say(&text, "node %s: epoch %llx, %u workers\n", b->names.node[NAMES_SELF],
	    (unsigned long long)b->epoch, b->worker_count);
	say(&text,
	    "exports %llu, imports %llu, references %llu, operations %llu, replies %llu, workers busy %llu\n",
	    (unsigned long long)counts.exports, (unsigned long long)counts.imports,
	    (unsigned long long)counts.references, (unsigned long long)counts.calls_held,
	    (unsigned long long)counts.replies, (unsigned long long)counts.workers_busy);
	say(&text, "calls %llu, messages %llu, signals %llu, served %llu\n",
	    (unsigned long long)b->counters.calls, (unsigned long long)b->counters.messages,
	    (unsigned long long)b->counters.signals, (unsigned long long)b->counters.served);
	say(&text,
	    "not delivered %llu, unknown %llu, revoked %llu, capabilities absent %llu, endpoint closed "
	    "%llu\n",
	    (unsigned long long)b->counters.not_delivered, (unsigned long long)b->counters.unknown,
	    (unsigned long long)b->counters.revoked, (unsigned long long)b->counters.absent,
	    (unsigned long long)b->counters.closed);
	for (unsigned i = 0; i < b->peer_count; i++)
		say_peer(&text, i);
	for (unsigned node = 0; node < b->peer_count; node++)
		say_names(&text, node);
	say_names(&text, NAMES_SELF);
	say(&text, "\n");
	flush(&text);
}

/* --- questions ------------------------------------------------------------------------------------ */

static void line_in(struct bridge *b, unsigned port)
{
	if (strncmp(b->line, "boot ", 5) == 0 && !b->epoch) {
		b->key = strtoull(b->line + 5, NULL, 16);
		b->epoch = bridge_random(b) | 1;
		peers_boot(b);
	} else if (strcmp(b->line, "status") == 0) {
		status(b, port);
	}
}

RARE static void lines_in(struct bridge *b, unsigned port, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != '\n') {
			if (b->line_size < sizeof b->line - 1)
				b->line[b->line_size++] = bytes[i];
			continue;
		}
		b->line[b->line_size] = '\0';
		b->line_size = 0;
		line_in(b, port);
	}
}

void status_input(struct bridge *b, unsigned port)
{
	char bytes[64];
	size_t size;

	while ((size = b->ports.receive(b->ports.context, port, bytes, sizeof bytes)))
		lines_in(b, port, bytes, size);
}
