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

/* Makes the links, and the control socket if one is wanted; false: why has been said. `options` and `folder`
 * must stay where they are. */
bool serial_begin(struct run_options *options, const char *folder);
/* False: the trace, if there is one, could not be written. */
bool serial_end(void);
/* As trace_begin_links(). */
bool serial_trace_begin(const char *path, uint64_t buffer_size, bool begins);

/* The name of the port, 0 being the control port; NULL: there are no more. */
const char *serial_port(const struct run_options *options, unsigned port, char name[SERIAL_NAME]);

/*
 * Waits for one of `count` events, or for what concerns the ports, the links or the control socket, and does
 * what is to be done for these. `event` has room for HOST_EVENTS_MAX.
 */
void serial_wait(struct host_event *event, unsigned count);

#endif
