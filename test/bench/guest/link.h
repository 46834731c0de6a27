/* The link device, set up for a root server that waits for its interrupt. */
#pragma once

#include <skerry/link_port.h>

/* Its interrupt signals *signal. Ends the program if there is none. */
struct link *bench_link_begin(seL4_CPtr *signal, seL4_CPtr *irq);
