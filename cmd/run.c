/*
 * `skerry run`: reads what is needed, has a machine made (Skerry's own, or QEMU), and turns it until
 * something ends the run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/console.h"
#include "cmd/run.h"

/* --- what the options name ------------------------------------------------------------------------ */

bool run_no_boot(struct run *run, const char *reason)
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

	if (options->restore || options->replay)
		return saved_prepare(run);
	if (!image_open(&run->image, options->image, error, sizeof error))
		return run_no_boot(run, error);
	choose_ram_size(run);
	if (!image_fits(&run->image, options->ram_size, error, sizeof error))
		return run_no_boot(run, error);
	if (!run->image.wrong_profile)
		return true;
	snprintf(error, sizeof error, IMAGE_PROFILE_FORMAT, run->image.wrong_profile);
	if (!options->abi)
		return run_no_boot(run, error);
	complain("warning: %s: %s", options->image, error);
	return true;
}

static bool disk_prepare(struct run *run)
{
	const char *path = run->options.disk;
	uint64_t size;

	run->status = STATUS_NO_BOOT;
	run->disk = host_disk_open(path);
	if (!run->disk) {
		complain("cannot open disk %s: %s", path, host_error());
		return false;
	}
	size = host_disk_size(run->disk);
	if (size == 0 || size % 512 != 0) {
		complain("cannot use disk %s: its size, %" PRIu64
			 " bytes, is not a multiple of 512 (make one with: truncate -s 64M FILE)",
			 path, size);
		return false;
	}
	if (host_disk_read_only(run->disk))
		complain("disk %s is not writable: the guest sees a read-only disk", path);
	return true;
}

static bool dtb_prepare(struct run *run)
{
	const char *from = run->options.dtb;
	uint64_t size;

	run->status = STATUS_NO_BOOT;
	if (strcmp(from, "image") == 0) {
		if (!run->image.device_tree) {
			complain("%s contains no device tree; leave out --dtb image", run->options.image);
			return false;
		}
		run->fdt = run->image.device_tree->bytes.data;
		size = run->image.device_tree->bytes.size;
	} else {
		run->fdt = run->fdt_loaded = host_file_load(from, &size);
		if (!run->fdt_loaded) {
			complain("cannot read device tree %s: %s", from, host_error());
			return false;
		}
	}
	run->fdt_size = size;
	if (!image_tree_valid((struct span){run->fdt, size})) {
		complain("%s is not a device tree blob (make one with: dtc -O dtb)", from);
		return false;
	}
	return true;
}

/* --- how it ends --------------------------------------------------------------------------------- */

static const struct target *target_of(const struct run *run)
{
	return run->options.on_qemu ? &target_qemu : &target_vm;
}

bool run_end(struct run *run, int status)
{
	const struct target *target = target_of(run);
	const char *hint = status && target->hint ? target->hint() : NULL;

	if (hint)
		complain("%s: %s", run->image.user_name, hint);
	run->status = status;
	return true;
}

static bool end_halted(struct run *run)
{
	run->ending = "the guest switched the machine off";
	int status = target_of(run)->guest_status();

	if (status == 0 && console_missing()) {
		complain("the guest ended well but never printed: %s", console_missing());
		return run_end(run, STATUS_FAIL);
	}
	if (status != 0 || run->options.verbose)
		complain("the guest switched the machine off with status %d", status);
	/* The system keeps eight bits of it; a failure stays one. */
	return run_end(run, status != 0 && (status & 0xff) == 0 ? STATUS_FAIL : status & 0xff);
}

static bool end_verdict(struct run *run, enum console_verdict verdict, const char *text)
{
	switch (verdict) {
	case CONSOLE_EXPECTED:
		run->ending = "all expected texts were printed";
		if (run->options.verbose)
			complain("all expected texts were printed");
		return run_end(run, STATUS_OK);
	case CONSOLE_FAILED:
		run->ending = "a text of --fail was printed";
		complain("the guest printed: %s", text);
		return run_end(run, STATUS_FAIL);
	default:
		run->ending = "the console was closed";
		complain("the console is closed: %s", text);
		return run_end(run, STATUS_STUCK);
	}
}

static bool end_timeout(struct run *run)
{
	const char *missing = console_missing();

	complain("timeout after %g s%s%s", (double)run->options.timeout_ns / 1e9,
		 missing ? "; not printed so far: " : "", missing ? missing : "");
	run->ending = "the timeout";
	return run_end(run, STATUS_TIMEOUT);
}

/* Has something ended the run? */
static bool ended(struct run *run, enum run_state state)
{
	const char *text;
	enum console_verdict verdict = console_verdict(&text);
	int signal = host_signal(), status;

	if (verdict != CONSOLE_UNDECIDED)
		return end_verdict(run, verdict, text);
	if (state == RUN_BROKEN)
		return true;
	if (state == RUN_HALTED)
		return end_halted(run);
	run->ending = signal ? host_signal_name(signal) : "the user";
	if (console_quit(&status))
		return run_end(run, status);
	if (signal) {
		complain("ended by %s", host_signal_name(signal));
		return run_end(run, STATUS_SIGNAL + signal);
	}
	return host_alarm_rang() && end_timeout(run);
}

void run_tell_stuck(struct run *run)
{
	const char *missing = console_missing();

	complain("nothing can ever run again: no thread is runnable, no timer is armed, no input is "
		 "possible%s%s",
		 missing ? "; never printed: " : "", missing ? missing : "");
	if (target_of(run)->threads)
		target_of(run)->threads(run);
}

bool run_stuck(struct run *run)
{
	if (run->told_stuck)
		return false;
	run->told_stuck = true;
	run->ending = "nothing could ever run again";
	run_tell_stuck(run);
	if (!console_is_terminal())
		return run_end(run, STATUS_STUCK);
	complain("Ctrl-A x quits");
	return false;
}

void run_booted(struct run *run)
{
	const struct run_options *options = &run->options;
	const struct image *image = &run->image;

	run->booted = true;
	run->boot_ns = host_clock_ns() - run->start_ns;
	if (!options->verbose)
		return;
	complain("booted %s: root server %s, %" PRIu64 " KiB at 0x%" PRIx64 ", in %.1f ms", options->image,
		 image->user_name, (image->end - image->start) / 1024, image->start,
		 (double)run->boot_ns / 1e6);
	complain("%s of %" PRIu64 " MiB, %s time, profile %s", options->on_qemu ? "QEMU" : "machine",
		 options->ram_size >> 20, options->real_time ? "real" : "virtual",
		 options->abi ? options->abi : "debug");
}

static void run_loop(struct run *run, const struct target *target)
{
	enum run_state state;

	do
		state = target->turn(run);
	while (!ended(run, state) && !(state == RUN_IDLE && target->idle(run)));
	if (console_is_terminal())
		console_line_end(); /* the shell's prompt starts at the left */
	if (run->options.stats != STATS_NONE)
		target->report(run);
}

static bool run_prepare(struct run *run)
{
	return image_prepare(run) && (!run->options.disk || disk_prepare(run)) &&
	       (!run->options.dtb || dtb_prepare(run));
}

static void run_close(struct run *run)
{
	if (run->disk)
		host_disk_close(run->disk);
	saved_close(run);
	free(run->fdt_loaded);
	image_close(&run->image);
	options_free(&run->options);
}

/* With the options parsed. */
static void run_image(struct run *run)
{
	const struct target *target = target_of(run);

	host_signals_catch(target->wake);
	if (run->options.timeout_ns)
		host_alarm(run->options.timeout_ns);
	if (run_prepare(run)) {
		console_open(&run->options, target->wake);
		if (target->start(run))
			run_loop(run, target);
		target->close(run);
	}
}

int command_run(int argc, char **argv)
{
	struct run run = {.start_ns = host_clock_ns()};

	if (options_parse(argc, argv, &run.options, &run.status))
		run_image(&run);
	run_close(&run);
	return run.status;
}

int run_debugged(int argc, char **argv, char *const *arguments)
{
	struct run run = {.start_ns = host_clock_ns()};

	if (options_parse(argc, argv, &run.options, &run.status) &&
	    options_debug(&run.options, arguments, &run.status))
		run_image(&run);
	run_close(&run);
	return run.status;
}
