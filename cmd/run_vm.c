/*
 * Running an image on Skerry's own machine: builds a node from the options and turns it. The node never
 * blocks; all waiting is done here.
 *
 * In virtual time idle time is skipped, or slept through at a terminal. Input is offered to the guest
 * at fixed moments of guest time (the end of each step, and when it idles), so that with input from a
 * file two runs are the same.
 */
#include "cmd/console.h"
#include "cmd/report.h"
#include "cmd/run.h"
#include "port/vm/node.h"

#define STEP_NS          1000000ull             /* guest time between two looks at the outside */
#define VIRTUAL_EPOCH_NS 1767225600000000000ull /* VIRTUAL_EPOCH since 1970 */

static struct {
	struct node *node;
	struct board_disk disk;
	struct report_context report;
	uint64_t until; /* guest time of the next thing to do when it idles */
} vm;

/* For the signal handler. */
static struct node *volatile woken;

static void vm_wake(void)
{
	if (woken)
		node_interrupt(woken);
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

static bool vm_start(struct run *run)
{
	const struct run_options *options = &run->options;
	struct node_config config = {
		.ram_size = options->ram_size,
		.profile = options->abi,
		.root_cnode_bits = options->root_cnode_bits,
		.domains = options->domains,
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

	if (run->disk)
		vm.disk = (struct board_disk){
			.context = run->disk,
			.size = host_disk_size(run->disk),
			.read_only = host_disk_read_only(run->disk),
			.read = disk_read,
			.write = disk_write,
			.flush = disk_flush,
		};
	vm.node = node_create(&config, error, sizeof error);
	if (!vm.node)
		return run_no_boot(run, error);
	vm.report = (struct report_context){.image = &run->image, .node = vm.node};
	node_set_report(vm.node, report_fault, &vm.report);
	woken = vm.node;
	run_booted(run);
	return true;
}

/* --- turning it --------------------------------------------------------------------------------- */

static size_t take(void *context, const void *bytes, size_t size)
{
	struct board *board = context;

	return board_input(board, board_input_console(board), bytes, size);
}

static bool listens(void *context)
{
	return board_wants_input(context);
}

static struct console_guest console_guest(void)
{
	return (struct console_guest){.context = node_board(vm.node), .take = take, .listens = listens};
}

static enum run_state vm_turn(struct run *run)
{
	struct console_guest guest = console_guest();
	enum node_state state = node_step(vm.node, STEP_NS, &vm.until);

	(void)run;
	console_flush();
	if (state == NODE_HALTED)
		return RUN_HALTED;
	return console_feed(&guest) || state != NODE_IDLE ? RUN_GOES_ON : RUN_IDLE;
}

/* The node has nothing to do before guest time vm.until. */
static bool vm_idle(struct run *run)
{
	uint64_t now = node_time(vm.node), until = vm.until, before = host_clock_ns(), slept;
	struct console_guest guest = console_guest();

	if (until == NODE_FOREVER && !console_input_possible(&guest) && run_stuck(run))
		return true;
	if (!run->options.real_time && !console_is_terminal() && until != NODE_FOREVER) {
		node_skip_to(vm.node, until);
		return false;
	}
	if (until <= now)
		return false;
	host_wait(console_input_open(), until == NODE_FOREVER ? UINT64_MAX : until - now);
	if (run->options.real_time)
		return false;
	slept = host_clock_ns() - before;
	node_skip_to(vm.node, until - now < slept ? until : now + slept);
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
	report_threads(&run->image, vm.node);
}

static void vm_report(const struct run *run)
{
	report_stats(vm.node, run->options.stats, host_clock_ns() - run->start_ns, run->boot_ns);
}

static void vm_close(struct run *run)
{
	(void)run;
	woken = NULL;
	if (vm.node)
		node_destroy(vm.node);
	vm.node = NULL;
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
