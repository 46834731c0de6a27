/*
 * The ports of a node in a cluster: between the link device of its board and the links to its peers. Port 0
 * is for the node's own host, port i + 1 for peer i.
 */
#ifndef SKERRY_CMD_PORTS_H
#define SKERRY_CMD_PORTS_H

#include "cmd/run.h"
#include "port/vm/node.h"

/* Makes the links and tells the board of its ports; false: why has been said, and run->status is set. */
bool ports_begin(struct run *run, struct board_config *board);
/* The node is there now. */
void ports_attach(struct node *node);
void ports_end(void);
bool ports_are_there(void);

/* Offers the guest what it had no room for; true if it took something. */
bool ports_offer(void);
/*
 * Waits for so long (0: not at all) for what comes from outside, and passes it on. True if the guest got
 * something; *input: there is something on the console.
 */
bool ports_look(bool with_input, const struct host_link *link, uint64_t timeout_ns, bool *input);
/* Could something from a peer wake the guest? */
bool ports_wanted(void);

#endif
