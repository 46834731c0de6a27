/* `skerry link`: joins the ports of a QEMU that somebody else has started to links. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/options.h"
#include "cmd/serial.h"
#include "host/host.h"

static void serve(void)
{
	struct host_event event[HOST_EVENTS_MAX];

	while (!host_signal() && !host_alarm_rang())
		serial_wait(event, 0);
}

int command_link(int argc, char **argv)
{
	struct run_options options;
	int status;

	if (!options_parse(argc, argv, &options, &status))
		return status;
	host_signals_catch(NULL);
	if (options.timeout_ns)
		host_alarm(options.timeout_ns);
	status = STATUS_NO_BOOT;
	if (serial_begin(&options, options.ports)) {
		serve();
		status = host_signal() ? STATUS_SIGNAL + host_signal() : STATUS_TIMEOUT;
	}
	serial_end();
	options_free(&options);
	return status;
}
