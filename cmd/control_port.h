/*
 * What a node's host and its programs say to each other at its control port, by lines of text: which boot
 * this is, and the question for their state; whoever has the port carries the bytes (ports.c, serial.c).
 * There is one node in a process.
 */
#ifndef SKERRY_CMD_CONTROL_PORT_H
#define SKERRY_CMD_CONTROL_PORT_H

#include <stdbool.h>
#include <stddef.h>

#include "cluster/link/link.h"

/* The node has these links; both must stay where they are. */
void control_port_begin(const struct links_config *config, const struct links *links);
void control_port_end(void);
/* Is this process a node of a cluster? */
bool control_port_is_there(void);

/* A boot begins: it has another number than those before. */
void control_port_boot(void);
/* Does the guest have the port open, as far as one knows? Who opens it is told the boot. */
void control_port_set_open(bool open);

/* What there is to be sent to the guest; then: so much of it was taken. */
const char *control_port_text(size_t *size);
void control_port_taken(size_t size);
void control_port_hear(const char *bytes, size_t size);

/* Asks for the state of the node in its cluster. */
void control_port_ask(void);
/* The answer, from malloc(), once it is there; NULL: not yet. */
char *control_port_answer(size_t *size);

#endif
