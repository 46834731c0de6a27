/* See node_options.h. */
#include "cmd/node_options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool is_node_option(int option)
{
	return option >= NODE_OPTION_NAME;
}

static const char *wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *wrong(const char *format, ...)
{
	static char line[400];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	return line;
}

static const char *url_parse(const char *option, const char *text, struct link_url *list, unsigned *count)
{
	const char *why;

	if (*count == LINK_URLS)
		return wrong("%s %s: there are %u already", option, text, LINK_URLS);
	why = link_url_parse(text, &list[*count]);
	if (why)
		return wrong("%s %s: %s", option, text, why);
	(*count)++;
	return NULL;
}

static const char *name_parse(const char *option, const char *text, size_t length, char name[LINK_NAME_SIZE])
{
	if (!link_name_valid(text, length))
		return wrong("%s %s: a name is up to 15 small letters, digits and hyphens, and begins with a "
			     "letter",
			     option, text);
	memcpy(name, text, length);
	name[length] = 0;
	return NULL;
}

/* NAME or NAME=PUBKEY */
static const char *peer_parse(const char *text, struct links_config *links)
{
	const char *equals = strchr(text, '='), *why;
	struct link_peer *peer = &links->peer[links->peers];

	if (links->peers == LINK_PEERS)
		return wrong("--peer %s: there are %u already", text, LINK_PEERS);
	why = name_parse("--peer", text, equals ? (size_t)(equals - text) : strlen(text), peer->name);
	if (why)
		return why;
	for (unsigned i = 0; i < links->peers; i++)
		if (strcmp(links->peer[i].name, peer->name) == 0)
			return wrong("--peer %s: %s is there already", text, peer->name);
	peer->has_key = equals;
	if (equals && !link_key_parse(equals + 1, peer->key))
		return wrong("--peer %s: a public key is 64 hexadecimal digits, as skerry key prints it",
			     text);
	links->peers++;
	return NULL;
}

const char *node_option_parse(int option, const char *text, struct run_options *options)
{
	struct links_config *links = &options->links;

	switch (option) {
	case NODE_OPTION_NAME:
		return name_parse("--name", text, strlen(text), links->name);
	case NODE_OPTION_KEY:
		options->key = text;
		return NULL;
	case NODE_OPTION_LISTEN:
		return url_parse("--listen", text, links->listen, &links->listens);
	case NODE_OPTION_JOIN:
		return url_parse("--join", text, links->join, &links->joins);
	case NODE_OPTION_PEER:
		return peer_parse(text, links);
	case NODE_OPTION_PORTS:
		options->ports = text;
		return NULL;
	default:
		return time_parse(text, &links->spin_ns)
			       ? NULL
			       : wrong("--spin %s: not a time; write it as 20us, or 0 not to wait so", text);
	}
}

const char *node_options_agree(const struct run_options *options)
{
	const struct links_config *links = &options->links;
	bool tcp = false;

	if (!*links->name)
		return "a node needs a name: --name NAME";
	if (options->link && !options->ports)
		return "link needs the folder with the sockets of QEMU's ports: --ports DIR";
	if (options->node && options->ports && !options->on_qemu)
		return "--ports: only QEMU has such ports; --on qemu is missing";
	for (unsigned i = 0; i < links->peers; i++)
		if (strcmp(links->peer[i].name, links->name) == 0)
			return wrong("--peer %s: that is the node itself", links->name);
	for (unsigned i = 0; i < links->listens; i++)
		tcp |= links->listen[i].kind == LINK_TCP;
	for (unsigned i = 0; i < links->joins; i++)
		tcp |= links->join[i].kind == LINK_TCP;
	return tcp && !options->key ? "over TCP a node needs a key: --key FILE, made by skerry key new FILE"
				    : NULL;
}
