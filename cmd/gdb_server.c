/* See gdb_server.h. There is one run in a process, so its state is static. */
#include "cmd/gdb_server.h"

#include <inttypes.h>

#include "cmd/console.h"
#include "cmd/gdb.h"

#define FOREGROUND_LOOK_NS 100000000ull /* is the debugger still there, that has not yet connected? */

static struct {
	struct host_link *link;
	struct gdb *gdb;
	bool waits; /* for the first client, before the first instruction */
	bool debug; /* the client is GDB in the foreground, with which the run ends */
	bool replay;
	bool told_stuck;
} server;

static void send_bytes(void *context, const void *bytes, size_t size)
{
	(void)context;
	if (!host_link_write(server.link, bytes, size))
		host_link_hang_up(server.link); /* which shows at the next read */
}

bool gdb_server_open(struct run *run, struct node *node)
{
	const struct run_options *options = &run->options;

	server.waits = options->gdb_wait;
	server.debug = options->debug;
	server.replay = options->replay;
	server.gdb = gdb_create(node, &run->image, send_bytes, NULL);
	server.link = server.gdb ? host_link_open(options->gdb_host, options->gdb_port) : NULL;
	if (!server.link) {
		complain("cannot wait for a debugger at %s:%u: %s", options->gdb_host, options->gdb_port,
			 host_error());
		run->status = STATUS_NO_BOOT;
		return false;
	}
	if (options_go_back(options) && run->saved.journal)
		gdb_keep_history(server.gdb, run->saved.journal);
	if (server.debug) {
		run->status = STATUS_NO_BOOT;
		return debug_start(run, host_link_port(server.link));
	}
	complain("GDB: target extended-remote %s:%u%s", options->gdb_host, host_link_port(server.link),
		 server.waits ? " (waiting for it before the first instruction)" : "");
	return true;
}

void gdb_server_close(struct run *run)
{
	if (server.link && gdb_is_connected(server.gdb))
		gdb_ended(server.gdb, run->status);
	if (server.gdb && run->options.trace)
		gdb_return(server.gdb); /* the trace names the threads as they are at its end */
	if (server.link)
		host_link_close(server.link);
	gdb_destroy(server.gdb);
	if (server.debug)
		host_foreground_end();
	server.link = NULL;
	server.gdb = NULL;
}

const struct host_link *gdb_server_link(void)
{
	return server.link;
}

/* --- serving ------------------------------------------------------------------------------------------ */

static void hang_up(void)
{
	host_link_hang_up(server.link);
	gdb_disconnected(server.gdb);
}

/* Hands over what the client has sent; the machine stands still while there is more. */
static void receive(void)
{
	char bytes[4096];
	int got;

	while (gdb_is_connected(server.gdb)) {
		got = host_link_read(server.link, bytes, sizeof bytes);
		if (got == HOST_INPUT_NONE)
			return;
		if (got == HOST_INPUT_END)
			hang_up();
		else
			gdb_receive(server.gdb, bytes, (size_t)got);
		if (gdb_was_refused(server.gdb))
			complain("GDB: nothing can be written to memory or registers in the past%s",
				 server.replay ? ", and a replay is nothing but past"
					       : "; continue to where the run was, and write there");
		if (gdb_is_done(server.gdb))
			hang_up();
	}
}

/* One that has gone makes room for the next. */
static void serve(void)
{
	receive();
	if (!host_link_accept(server.link))
		return;
	server.waits = false;
	gdb_connected(server.gdb);
	receive();
}

static bool machine_stands(void)
{
	return server.waits || gdb_holds(server.gdb);
}

enum run_state gdb_server_turn(struct run *run)
{
	bool was_connected;

	if (!server.link)
		return RUN_IDLE;
	if (machine_stands())
		host_wait(console_is_terminal() && console_input_open(), server.link,
			  server.debug && server.waits ? FOREGROUND_LOOK_NS : UINT64_MAX);
	was_connected = gdb_is_connected(server.gdb);
	serve();
	if (gdb_is_connected(server.gdb))
		return machine_stands() ? RUN_GOES_ON : RUN_IDLE;
	if (gdb_is_killed(server.gdb) || (server.debug && (was_connected || !host_foreground_runs()))) {
		if (run->options.verbose)
			complain("the debugger ended the run");
		run->status = server.debug ? STATUS_OK : STATUS_KILLED;
		return RUN_BROKEN;
	}
	return machine_stands() ? RUN_GOES_ON : RUN_IDLE;
}

void gdb_server_observe(void)
{
	if (server.gdb)
		gdb_observe(server.gdb);
}

bool gdb_server_at_end(void)
{
	if (!server.link || !gdb_is_connected(server.gdb))
		return false;
	gdb_at_end(server.gdb);
	return true;
}

void gdb_server_at_present(void)
{
	gdb_at_present(server.gdb);
}

void gdb_server_stopped(void)
{
	gdb_stopped(server.gdb);
}

bool gdb_server_stuck(struct run *run)
{
	if (!server.link || !gdb_is_connected(server.gdb))
		return false;
	if (!server.told_stuck)
		run_tell_stuck(run);
	server.told_stuck = true;
	gdb_stuck(server.gdb);
	return true;
}

bool gdb_server_halted(int status)
{
	if (!server.link || !gdb_is_connected(server.gdb))
		return false;
	gdb_ended(server.gdb, status);
	return true;
}
