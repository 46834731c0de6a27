/*
 * Running an image on Skerry's own machine: builds a node from the options and turns it. The node never
 * blocks; all waiting is done here.
 *
 * In virtual time idle time is skipped, or slept through at a terminal. Input is offered to the guest
 * at fixed moments of guest time (the end of each step, and when it idles), so that with input from a
 * file two runs are the same.
 */
#include "cmd/code_cache.h"
#include "cmd/console.h"
#include "cmd/control.h"
#include "cmd/gdb_server.h"
#include "cmd/perf_map.h"
#include "cmd/ports.h"
#include "cmd/region.h"
#include "cmd/report.h"
#include "cmd/run.h"
#include "cmd/trace.h"
#include "port/vm/node.h"

#define STEP_NS          1000000ull             /* guest time between two looks at the outside */
#define VIRTUAL_EPOCH_NS 1767225600000000000ull /* VIRTUAL_EPOCH since 1970 */

static struct {
	struct node *node;
	struct journal *journal; /* NULL: none */
	struct board_disk disk;
	struct report_context report;
	uint64_t until;    /* guest time of the next thing to do when it idles */
	uint64_t boundary; /* guest time up to which the last step was to go */
	bool cut;          /* and it was cut short */
} vm;

/* For the signal handler. */
static struct node *volatile woken;

static void vm_wake(void)
{
	if (woken)
		node_interrupt(woken);
}

/*
 * A recording in real time has whole steps only, for each reading of the clock is in it; a step is a
 * millisecond then, so a signal is not late.
 */
static bool may_be_woken(const struct run *run)
{
	return !(run->saved.journal && run->options.real_time);
}

/* --- building the node -------------------------------------------------------------------------- */

static bool disk_read(void *context, uint64_t offset, void *buffer, size_t size)
{
	return host_disk_read(context, offset, buffer, size);
}

static bool disk_write(void *context, uint64_t offset, const void *buffer, size_t size)
{
	return host_disk_write(context, offset, buffer, size);
}

static bool disk_flush(void *context)
{
	return host_disk_flush(context);
}

static uint64_t clock_ns(void *context)
{
	(void)context;
	return host_clock_ns();
}

/* Real time as the node's clock has it, without being part of the run. */
static uint64_t trace_clock_ns(void)
{
	return vm.journal ? journal_clock_now(vm.journal) : host_clock_ns();
}

static bool vm_start(struct run *run)
{
	const struct run_options *options = &run->options;
	struct node_config config = {
		.ram_size = options->ram_size,
		.profile = options->abi,
		.root_cnode_bits = options->root_cnode_bits,
		.domains = options->domains,
		.tier = options->tier,
		.timed = options->stats != STATS_NONE,
		.code_made = options->perf_map ? perf_map_code : NULL,
		.real_time = options->real_time,
		.fdt = run->fdt,
		.fdt_size = run->fdt_size,
		.entry = run->image.entry,
		.segment = run->image.segment,
		.segments = run->image.segments,
		.board.output = console_output,
		.board.host_clock_ns = options->real_time ? clock_ns : NULL,
		.board.rtc_base_ns = options->real_time ? host_wall_ns() : VIRTUAL_EPOCH_NS,
		.board.virtio_console = true,
		.board.virtio_modern = options->virtio_modern,
		.board.disk = run->disk ? &vm.disk : NULL,
	};
	char error[512];

	if (options->perf_map && !perf_map_begin()) {
		run->status = STATUS_NO_BOOT;
		return false;
	}
	if (options->snapshot)
		host_request_catch();
	if (run->disk)
		vm.disk = (struct board_disk){
			.context = run->disk,
			.size = host_disk_size(run->disk),
			.read_only = host_disk_read_only(run->disk),
			.read = disk_read,
			.write = disk_write,
			.flush = disk_flush,
		};
	if (options->node && !ports_begin(run, &config.board))
		return false;
	if (options->region && !region_begin(run, &config.board))
		return false;
	if (!saved_attach(run, &config))
		return false;
	vm.node = run->saved.start ? node_create_restored(&config, run->saved.start, error, sizeof error)
				   : node_create(&config, error, sizeof error);
	if (!vm.node)
		return run_no_boot(run, error);
	if (options->node)
		ports_attach(vm.node);
	if (options->code_cache && !code_cache_begin(vm.node, &run->image, options->code_cache)) {
		run->status = STATUS_NO_BOOT;
		return false;
	}
	vm.report = (struct report_context){
		.image = &run->image,
		.node = vm.node,
		.recording = options->record ? options->record : options->replay,
		.real_time = options->real_time,
	};
	if (!saved_begin(run, vm.node, report_fault, &vm.report))
		return false;
	vm.journal = run->saved.journal;
	if (options->trace && !trace_begin(vm.node, options->trace, options->trace_buffer,
					   options->replay ? NULL : trace_clock_ns)) {
		run->status = STATUS_NO_BOOT;
		return false;
	}
	if (options->control && !control_begin(options->control)) {
		run->status = STATUS_NO_BOOT;
		return false;
	}
	if (may_be_woken(run))
		woken = vm.node;
	run_booted(run);
	saved_observe(run, vm.node);
	return !options->gdb_host || gdb_server_open(run, vm.node);
}

/* --- turning it --------------------------------------------------------------------------------- */

static size_t take(void *context, const void *bytes, size_t size)
{
	struct run *run = context;
	struct board *board = node_board(vm.node);

	if (vm.cut && run->options.real_time)
		return 0; /* a replay has it between two steps */
	if (run->saved.journal)
		return journal_input(run->saved.journal, bytes, size);
	return board_input(board, board_input_console(board), bytes, size);
}

static bool listens(void *context)
{
	(void)context;
	return board_wants_input(node_board(vm.node));
}

static struct console_guest console_guest(struct run *run)
{
	return (struct console_guest){.context = run, .take = take, .listens = listens};
}

/*
 * Up to the next whole millisecond of guest time, which is when the outside is looked at: so that it is the
 * same whether or not the run was stopped or began in between. One that a debugger cut short keeps its end.
 */
static enum node_state step(struct run *run)
{
	uint64_t now = node_time(vm.node), budget, stop = saved_next_stop(run);
	enum node_state state;

	if (!vm.cut)
		vm.boundary = (now / STEP_NS + 1) * STEP_NS;
	budget = vm.boundary > now ? vm.boundary - now : 1;
	if (stop > now && stop - now < budget)
		budget = stop - now;
	if (run->options.replay && run->options.real_time)
		budget = run->options.to_position - node_position(vm.node);
	state = run->saved.journal ? journal_step(run->saved.journal, budget, &vm.until)
				   : node_step(vm.node, budget, &vm.until);
	vm.cut = state == NODE_STOPPED;
	perf_map_turn(vm.node, &run->image);
	return state;
}

static enum run_state debugger_stop(void)
{
	console_flush();
	gdb_server_stopped();
	return RUN_GOES_ON;
}

static bool is_at_stop(const struct run *run)
{
	return node_time(vm.node) >= run->options.to_ns || node_position(vm.node) >= run->options.to_position;
}

/* A replay takes nothing from outside, and time passes in it by itself. */
static enum run_state replay_turn(struct run *run)
{
	enum node_state state = NODE_RAN;
	bool at_stop = is_at_stop(run);

	if (!at_stop)
		state = step(run);
	if (state == NODE_STOPPED)
		return debugger_stop();
	console_flush();
	saved_observe(run, vm.node);
	gdb_server_observe();
	at_stop = is_at_stop(run);
	if (state == NODE_RAN && !at_stop && !journal_diverged(run->saved.journal))
		return RUN_GOES_ON;
	if (!journal_diverged(run->saved.journal) && gdb_server_at_end())
		return RUN_GOES_ON;
	saved_replay_ended(run, vm.node, at_stop);
	if (run->status == STATUS_STUCK)
		report_threads(&vm.report);
	return RUN_BROKEN;
}

/*
 * What comes from the console and from other nodes; true if the guest got something. A guest that idles now
 * gets it from vm_idle(), which looks anyway.
 */
static bool outside(const struct console_guest *guest, bool idles)
{
	bool input = false, fed = ports_offer();

	if (!idles)
		fed |= ports_look(console_input_open(), NULL, 0, &input);
	return ((input || console_input_waiting()) && console_feed(guest)) || fed;
}

static enum run_state vm_turn(struct run *run)
{
	struct console_guest guest = console_guest(run);
	enum run_state debugged = gdb_server_turn(run);
	bool at_boundary, fed, past = run->saved.journal && journal_repeats(run->saved.journal);
	enum node_state state;

	if (debugged != RUN_IDLE) {
		saved_observe(run, vm.node);
		if (console_is_terminal() && !run->options.replay)
			console_feed(&guest); /* for the keys that are ours */
		return debugged;
	}
	if (run->options.replay)
		return replay_turn(run);
	state = step(run);
	if (state == NODE_STOPPED)
		return debugger_stop();
	/* A stop for a snapshot is no moment for input: the run would be another. */
	at_boundary = state != NODE_RAN || run->options.real_time || node_time(vm.node) >= vm.boundary;
	console_flush();
	saved_observe(run, vm.node);
	control_turn(vm.node);
	gdb_server_observe();
	if (past && !journal_repeats(run->saved.journal))
		gdb_server_at_present();
	if (state == NODE_HALTED)
		return gdb_server_halted(node_exit_status(vm.node)) ? RUN_GOES_ON : RUN_HALTED;
	if (ports_are_there())
		fed = outside(&guest, state == NODE_IDLE);
	else
		fed = at_boundary && console_feed(&guest);
	saved_flush(run, false);
	return fed || state != NODE_IDLE ? RUN_GOES_ON : RUN_IDLE;
}

/* `chosen`: by how long we slept, not by what the guest waits for. */
static void skip_to(struct run *run, uint64_t time, bool chosen)
{
	if (run->saved.journal)
		journal_skip(run->saved.journal, time, chosen);
	else
		node_skip_to(vm.node, time);
}

/* The node has nothing to do before guest time vm.until. */
static bool vm_idle(struct run *run)
{
	uint64_t now = node_time(vm.node), until = vm.until, before, sleep, slept;
	struct console_guest guest = console_guest(run);
	bool input;

	if (until == NODE_FOREVER && !console_input_possible(&guest) &&
	    !(ports_are_there() && ports_wanted())) {
		if (gdb_server_stuck(run))
			return false;
		if (run_stuck(run))
			return true;
	}
	if (!run->options.real_time && !console_is_terminal() && until != NODE_FOREVER) {
		skip_to(run, until, false);
		saved_observe(run, vm.node);
		return false;
	}
	if (until <= now)
		return false;
	saved_flush(run, true);
	sleep = control_sleep(until == NODE_FOREVER ? UINT64_MAX : until - now);
	if (ports_are_there()) {
		ports_look(console_input_open(), gdb_server_link(), sleep, &input);
		if (input)
			console_feed(&guest);
		return false;
	}
	before = host_clock_ns();
	host_wait(console_input_open(), gdb_server_link(), sleep);
	if (run->options.real_time)
		return false;
	slept = host_clock_ns() - before;
	skip_to(run, until - now < slept ? until : now + slept, true);
	saved_observe(run, vm.node);
	return false;
}

/* --- the rest of struct target -------------------------------------------------------------------- */

static int vm_guest_status(void)
{
	return node_exit_status(vm.node);
}

static const char *vm_hint(void)
{
	return node_profile_hint(vm.node);
}

static void vm_threads(const struct run *run)
{
	(void)run;
	report_threads(&vm.report);
}

static void vm_report(const struct run *run)
{
	report_stats(vm.node, run->options.stats, host_clock_ns() - run->start_ns, run->boot_ns);
}

static void vm_close(struct run *run)
{
	gdb_server_close(run);
	woken = NULL;
	if (vm.node && run->booted)
		saved_end(run, vm.node);
	code_cache_end(vm.node);
	if (vm.node) {
		if (!trace_end(vm.node) && run->status == STATUS_OK)
			run->status = STATUS_STUCK;
		node_destroy(vm.node);
	}
	control_end(); /* whoever sees that the socket is gone finds the trace whole */
	vm.node = NULL;
	ports_end();
	region_end();
	code_cache_free();
	perf_map_end();
}

const struct target target_vm = {
	.start = vm_start,
	.turn = vm_turn,
	.idle = vm_idle,
	.guest_status = vm_guest_status,
	.hint = vm_hint,
	.threads = vm_threads,
	.wake = vm_wake,
	.report = vm_report,
	.close = vm_close,
};
