/* Shared by graph.c, which collects, and graph_print.c. */
#pragma once

#include "port/vm/graph.h"
#include "port/vm/internal.h"

struct graph_object {
	enum cap_type type; /* of a capability to it; Reply: never, that is to a thread */
	uint64_t address;   /* physical; an interrupt's number; 0 for what there is one of */
	unsigned bits;      /* log2 of its size in memory (CNode: of its slots) */
	struct cap cap;     /* one of the capabilities to it */
};

struct graph_cap {
	const struct slot *slot;
	struct slot_home home;
	uint64_t object; /* index */
	int64_t parent;  /* index of the capability it was derived from; -1: none */
};

struct graph {
	struct node *node;
	struct graph_object *object; /* in the order of types, then addresses */
	size_t objects;
	struct graph_cap *cap; /* by holder and slot */
	size_t caps;
};

bool graph_make(struct graph *graph, struct node *node);
void graph_free(struct graph *graph);

/* What a capability says beside its type and object: numbers by name. */
#define GRAPH_ATTRIBUTES 6
struct graph_attribute {
	const char *name;
	bool address; /* to be written in hexadecimal */
	uint64_t number;
	const char *text; /* not NULL: instead of the number */
};
unsigned graph_attributes(struct cap cap, struct graph_attribute attribute[GRAPH_ATTRIBUTES]);

/* "RWG" and so on, static. */
const char *graph_rights(unsigned rights);

#define GRAPH_NAME_SIZE 48
/* A name such as ep_9ffb8000, by which formats refer to the object. */
const char *graph_object_name(const struct graph_object *object, char name[GRAPH_NAME_SIZE]);
/* The object in which a capability lies: a CNode, TCB or interrupt. NULL: none is known. */
const struct graph_object *graph_holder(const struct graph *graph, const struct graph_cap *cap);
/* The thread's name, of plain characters. */
const char *graph_thread_name(const struct graph_object *tcb, char name[TCB_NAME_SIZE]);
extern const char *const graph_tcb_slots[TCB_SLOTS];
