/* The options of `skerry node` and `skerry link` beyond those of `skerry run`. */
#ifndef SKERRY_CMD_NODE_OPTIONS_H
#define SKERRY_CMD_NODE_OPTIONS_H

#include "cmd/options.h"

enum {
	NODE_OPTION_NAME = 1024, /* above those of options.c */
	NODE_OPTION_KEY,
	NODE_OPTION_LISTEN,
	NODE_OPTION_JOIN,
	NODE_OPTION_PEER,
	NODE_OPTION_SPIN,
	NODE_OPTION_PORTS,
};

bool is_node_option(int option);
/* NULL, or what is wrong with it, valid until the next call. */
const char *node_option_parse(int option, const char *text, struct run_options *options);
/* When all are known. */
const char *node_options_agree(const struct run_options *options);

#endif
