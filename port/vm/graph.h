/*
 * What is in a node, for people and programs: its threads, and who holds which capability to what. Needs a
 * struct node and nothing of how it came to be.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct node;

enum graph_format {
	GRAPH_TEXT,
	GRAPH_DOT,   /* Graphviz */
	GRAPH_CAPDL, /* the capability distribution language */
	GRAPH_JSON,
};

/* One line for each thread; GRAPH_TEXT or GRAPH_JSON. */
void node_print_threads(struct node *node, enum graph_format format, FILE *out);
/* False: the host has not enough memory. */
bool node_print_capabilities(struct node *node, enum graph_format format, FILE *out);
