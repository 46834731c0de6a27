/*
 * The ports of a node that runs under QEMU, joined to links to its peers. QEMU's virtserialports are named
 * control.SELF and link.PEER; each has a socket of that name in a folder, where QEMU waits for us.
 */
#ifndef SKERRY_CMD_SERIAL_H
#define SKERRY_CMD_SERIAL_H

#include "cmd/options.h"
#include "host/host.h"

#define SERIAL_PORTS (LINK_PEERS + 1)
#define SERIAL_NAME  32

/* Makes the links; false: why has been said. `options` and `folder` must stay where they are. */
bool serial_begin(struct run_options *options, const char *folder);
void serial_end(void);

/* The name of the port, 0 being the control port; NULL: there are no more. */
const char *serial_port(const struct run_options *options, unsigned port, char name[SERIAL_NAME]);

/* As the functions of cluster/link/link.h of these names. */
unsigned serial_events(struct host_event *event, unsigned room);
uint64_t serial_deadline(void);
void serial_turn(void);

#endif
