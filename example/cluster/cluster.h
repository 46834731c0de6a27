/* The counter of the example: a service with a capability for each client. */
#pragma once

#include <string.h>
#include <sel4/sel4.h>
#include <skerry/cluster.h>

enum {
	COUNTER_OPEN = 16, /* answer: a capability of the client's own */
	COUNTER_ADD,       /* answer: the count, and which client this is */
	COUNTER_KEEP,      /* no answer, ever */
	COUNTER_STOP,      /* no answer: it ends */
};

/* Publishes a counter and serves it until somebody says COUNTER_STOP. */
void counter_serve(void);

extern const char *const outcome_names[];
