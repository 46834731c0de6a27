/* Making a bridge, in the root server: cluster_start() does it with the link device, tests with what they
 * like. */
#pragma once

#include <skerry/process.h>
#include "srv/bridge/ports.h"

struct bridge_handle {
	struct sk_process process;
	seL4_CPtr endpoint;     /* whoever has it can make any badge: it is not to be given away */
	seL4_CPtr notification; /* unbadged */
	unsigned clients;
};

/* All but its start; what the ports need is then given to the process. */
void bridge_make(struct bridge_handle *handle, const struct bridge_ports *ports, seL4_Word priority,
		 unsigned workers);
void bridge_begin(struct bridge_handle *handle);

/* A copy of its notification that says `badge`, in a new slot. */
seL4_CPtr bridge_event(const struct bridge_handle *handle, seL4_Word badge);

/* A new control capability. */
seL4_CPtr bridge_control(struct bridge_handle *handle);
