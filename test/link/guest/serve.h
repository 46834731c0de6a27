/* Root servers that do nothing but drive the link device. */
#pragma once

#include <stdbool.h>
#include <skerry/link_port.h>

/*
 * Begins with the device in slot 5 and calls `turn` for each port whenever something may have happened, again
 * as long as one says that something moved. Comes back only if there is no such device: with 1, the program's
 * status.
 */
int link_serve(struct link *link, bool (*turn)(unsigned port));
