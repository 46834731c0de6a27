/*
 * `skerry run`: builds a node from an image and the options, and turns it until something ends the run.
 * The node never blocks; all waiting is done here.
 *
 * In virtual time idle time is skipped, or slept through at a terminal. Input is offered to the guest
 * at fixed moments of guest time (the end of each step, and when it idles), so that with input from a
 * file two runs are the same.
 */
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/console.h"
#include "cmd/image.h"
#include "cmd/options.h"
#include "cmd/report.h"
#include "host/host.h"
#include "port/vm/node.h"

#define STEP_NS          1000000ull             /* guest time between two looks at the outside */
#define VIRTUAL_EPOCH_NS 1767225600000000000ull /* the RTC at power on in virtual time: 1 January 2026 */

struct run {
	struct run_options options;
	struct image image;
	struct host_disk *host_disk;
	struct board_disk disk;
	void *dtb; /* loaded from a file */
	struct node *node;
	struct report_context report;
	uint64_t start_ns, boot_ns;
	bool told_stuck;
	int status;
};

/* For the signal handler. */
static struct node *volatile woken;

static void wake(void)
{
	if (woken)
		node_interrupt(woken);
}

/* --- building the node -------------------------------------------------------------------------- */

static bool no_boot(struct run *run, const char *reason)
{
	complain("cannot boot %s: %s", run->options.image, reason);
	run->status = STATUS_NO_BOOT;
	return false;
}

/* The machine gets the memory that was asked for, else that the image was made for. */
static void choose_ram_size(struct run *run)
{
	uint64_t wanted = image_ram_size(&run->image);

	if (run->options.ram_size)
		return;
	run->options.ram_size = DEFAULT_RAM;
	if (wanted >= RAM_MIN && wanted <= RAM_MAX && wanted % RAM_STEP == 0)
		run->options.ram_size = wanted;
}

static bool image_prepare(struct run *run)
{
	const struct run_options *options = &run->options;
	char error[512];

	if (!image_open(&run->image, options->image, error, sizeof error))
		return no_boot(run, error);
	choose_ram_size(run);
	if (!image_fits(&run->image, options->ram_size, error, sizeof error))
		return no_boot(run, error);
	if (!run->image.wrong_profile)
		return true;
	snprintf(error, sizeof error, IMAGE_PROFILE_FORMAT, run->image.wrong_profile);
	if (!options->abi)
		return no_boot(run, error);
	complain("warning: %s: %s", options->image, error);
	return true;
}

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

static bool disk_prepare(struct run *run)
{
	const char *path = run->options.disk;

	run->status = STATUS_NO_BOOT;
	run->host_disk = host_disk_open(path);
	if (!run->host_disk) {
		complain("cannot open disk %s: %s", path, host_error());
		return false;
	}
	run->disk = (struct board_disk){
		.context = run->host_disk,
		.size = host_disk_size(run->host_disk),
		.read_only = host_disk_read_only(run->host_disk),
		.read = disk_read,
		.write = disk_write,
		.flush = disk_flush,
	};
	if (run->disk.size == 0 || run->disk.size % 512 != 0) {
		complain("cannot use disk %s: its size, %" PRIu64
			 " bytes, is not a multiple of 512 (make one with: truncate -s 64M FILE)",
			 path, run->disk.size);
		return false;
	}
	if (run->disk.read_only)
		complain("disk %s is not writable: the guest sees a read-only disk", path);
	return true;
}

static bool dtb_prepare(struct run *run, struct node_config *config)
{
	const char *from = run->options.dtb;
	uint64_t size;

	run->status = STATUS_NO_BOOT;
	if (strcmp(from, "image") == 0) {
		if (!run->image.device_tree) {
			complain("%s contains no device tree; leave out --dtb image", run->options.image);
			return false;
		}
		config->fdt = run->image.device_tree->bytes.data;
		size = run->image.device_tree->bytes.size;
	} else {
		config->fdt = run->dtb = host_file_load(from, &size);
		if (!run->dtb) {
			complain("cannot read device tree %s: %s", from, host_error());
			return false;
		}
	}
	config->fdt_size = size;
	if (fdt_check_full(config->fdt, size) != 0) {
		complain("%s is not a device tree blob (make one with: dtc -O dtb)", from);
		return false;
	}
	return true;
}

static uint64_t clock_ns(void *context)
{
	(void)context;
	return host_clock_ns();
}

static bool run_prepare(struct run *run)
{
	const struct run_options *options = &run->options;
	struct node_config config = {
		.profile = options->abi,
		.root_cnode_bits = options->root_cnode_bits,
		.domains = options->domains,
		.real_time = options->real_time,
		.board.output = console_output,
		.board.host_clock_ns = options->real_time ? clock_ns : NULL,
		.board.rtc_base_ns = options->real_time ? host_wall_ns() : VIRTUAL_EPOCH_NS,
		.board.virtio_console = true,
		.board.virtio_modern = options->virtio_modern,
	};
	char error[512];

	if (!image_prepare(run) || (options->disk && !disk_prepare(run)) ||
	    (options->dtb && !dtb_prepare(run, &config)))
		return false;
	config.ram_size = options->ram_size;
	config.entry = run->image.entry;
	config.segment = run->image.segment;
	config.segments = run->image.segments;
	config.board.disk = options->disk ? &run->disk : NULL;

	console_open(options, wake);
	run->node = node_create(&config, error, sizeof error);
	if (!run->node)
		return no_boot(run, error);
	run->report = (struct report_context){.image = &run->image, .node = run->node};
	node_set_report(run->node, report_fault, &run->report);
	return true;
}

/* --- turning it --------------------------------------------------------------------------------- */

/* Ends the run: always true, for `return end(…)`. */
static bool end(struct run *run, int status)
{
	const char *hint = status ? node_profile_hint(run->node) : NULL;

	if (hint)
		complain("%s: %s", run->image.user_name, hint);
	run->status = status;
	return true;
}

static bool end_halted(struct run *run)
{
	int status = node_exit_status(run->node);

	if (status == 0 && console_missing()) {
		complain("the guest ended well but never printed: %s", console_missing());
		return end(run, STATUS_FAIL);
	}
	if (status != 0 || run->options.verbose)
		complain("the guest switched the machine off with status %d", status);
	/* The system keeps eight bits of it; a failure stays one. */
	return end(run, status != 0 && (status & 0xff) == 0 ? STATUS_FAIL : status & 0xff);
}

static bool end_verdict(struct run *run, enum console_verdict verdict, const char *text)
{
	switch (verdict) {
	case CONSOLE_EXPECTED:
		if (run->options.verbose)
			complain("all expected texts were printed");
		return end(run, STATUS_OK);
	case CONSOLE_FAILED:
		complain("the guest printed: %s", text);
		return end(run, STATUS_FAIL);
	default:
		complain("the console is closed: %s", text);
		return end(run, STATUS_STUCK);
	}
}

static bool end_timeout(struct run *run)
{
	const char *missing = console_missing();

	complain("timeout after %g s%s%s", (double)run->options.timeout_ns / 1e9,
		 missing ? "; not printed so far: " : "", missing ? missing : "");
	return end(run, STATUS_TIMEOUT);
}

/* Has something ended the run? */
static bool ended(struct run *run, enum node_state state)
{
	const char *text;
	enum console_verdict verdict = console_verdict(&text);
	int signal = host_signal(), status;

	if (verdict != CONSOLE_UNDECIDED)
		return end_verdict(run, verdict, text);
	if (state == NODE_HALTED)
		return end_halted(run);
	if (console_quit(&status))
		return end(run, status);
	if (signal) {
		complain("ended by %s", host_signal_name(signal));
		return end(run, STATUS_SIGNAL + signal);
	}
	return host_alarm_rang() && end_timeout(run);
}

/* Nothing can ever run again. At a terminal the user decides; true if the run ends here. */
static bool stuck(struct run *run)
{
	const char *missing = console_missing();

	if (run->told_stuck)
		return false;
	run->told_stuck = true;
	complain("nothing can ever run again: no thread is runnable, no timer is armed, no input is "
		 "possible%s%s",
		 missing ? "; never printed: " : "", missing ? missing : "");
	report_threads(&run->image, run->node);
	if (!console_is_terminal())
		return end(run, STATUS_STUCK);
	complain("Ctrl-A x quits");
	return false;
}

/* The node has nothing to do before guest time `until`; true if the run ends. */
static bool idle(struct run *run, uint64_t until)
{
	uint64_t now = node_time(run->node), before = host_clock_ns(), slept;

	if (until == NODE_FOREVER && !console_input_possible(node_board(run->node)) && stuck(run))
		return true;
	if (!run->options.real_time && !console_is_terminal() && until != NODE_FOREVER) {
		node_skip_to(run->node, until);
		return false;
	}
	if (until <= now)
		return false;
	host_wait(console_input_open(), until == NODE_FOREVER ? UINT64_MAX : until - now);
	if (run->options.real_time)
		return false;
	slept = host_clock_ns() - before;
	node_skip_to(run->node, until - now < slept ? until : now + slept);
	return false;
}

static void run_loop(struct run *run)
{
	struct board *board = node_board(run->node);
	uint64_t until = NODE_FOREVER;
	enum node_state state;
	bool fed;

	do {
		state = node_step(run->node, STEP_NS, &until);
		console_flush();
		fed = state != NODE_HALTED && console_feed(board);
	} while (!ended(run, state) && !(state == NODE_IDLE && !fed && idle(run, until)));
}

static void print_booted(const struct run *run)
{
	const struct image *image = &run->image;

	complain("booted %s: root server %s, %" PRIu64 " KiB at 0x%" PRIx64 ", in %.1f ms",
		 run->options.image, image->user_name, (image->end - image->start) / 1024, image->start,
		 (double)run->boot_ns / 1e6);
	complain("machine of %" PRIu64 " MiB, %s time, profile %s", run->options.ram_size >> 20,
		 run->options.real_time ? "real" : "virtual", run->options.abi ? run->options.abi : "debug");
}

static void run_close(struct run *run)
{
	woken = NULL;
	if (run->node)
		node_destroy(run->node);
	if (run->host_disk)
		host_disk_close(run->host_disk);
	free(run->dtb);
	image_close(&run->image);
	options_free(&run->options);
}

int command_run(int argc, char **argv)
{
	struct run run = {.start_ns = host_clock_ns()};

	if (options_parse(argc, argv, &run.options, &run.status)) {
		host_signals_catch(wake);
		if (run.options.timeout_ns)
			host_alarm(run.options.timeout_ns);
		if (run_prepare(&run)) {
			run.boot_ns = host_clock_ns() - run.start_ns;
			woken = run.node;
			if (run.options.verbose)
				print_booted(&run);
			run_loop(&run);
			if (console_is_terminal())
				console_line_end(); /* the shell's prompt starts at the left */
			if (run.options.stats != STATS_NONE)
				report_stats(run.node, run.options.stats, host_clock_ns() - run.start_ns,
					     run.boot_ns);
		}
	}
	run_close(&run);
	return run.status;
}
