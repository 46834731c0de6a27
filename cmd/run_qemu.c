/*
 * Running an image on bare metal as QEMU has it: makes the file that `skerry image` would, starts
 * qemu-system-riscv64 with it, and passes the console through. QEMU's UART and virtio console are joined to
 * one stream (a "mux" character device), so that what they print stays in order.
 *
 * What comes before METAL_START_MARK is the firmware's and is not shown; if the mark never comes, its last
 * line says why. METAL_STUCK_MARK comes when the guest has no thread and no interrupt left to go on. Input
 * goes where Skerry's own machine sends it: QEMU's monitor, asked through the control stream, knows what the
 * guest has set up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/console.h"
#include "cmd/metal_image.h"
#include "cmd/run.h"
#include "cmd/search.h"
#include "cmd/serial.h"
#include "kernel/core/kernel.h"
#include "port/metal-riscv64/config.h"

#define PROGRAM    "qemu-system-riscv64"
#define PACKAGES   "Debian has it in the packages qemu-system-misc and opensbi"
#define RAM_BASE   0x80000000ull
#define MUX_ESCAPE 1 /* in the stream to QEMU: before 'c' the other console is meant from here on */
#define REPLY_MS   1000

/* The two that share the stream; the one realized last has the input first. */
enum input { INPUT_UART, INPUT_VIRTIO };

static struct {
	struct host_program *program;
	struct search start_mark, stuck_mark;
	bool started, stuck; /* the mark has come */
	char line[256];      /* before it: the last line printed that is not empty */
	size_t line_size;

	enum input input;
	uint8_t out[1024]; /* on its way to QEMU */
	size_t out_size;

	bool negotiated;
	int guest_status;

	/* Of a node: the sockets of its ports. */
	char folder_name[32];
	const char *folder_path;
	struct host_folder *folder; /* NULL: none */
} qemu;

/* --- starting ---------------------------------------------------------------------------------------- */

static uint8_t *system_make(struct run *run, uint64_t *size)
{
	const struct run_options *options = &run->options;
	struct metal_choices choices = {
		.abi = options->abi,
		.root_cnode_bits = options->root_cnode_bits,
		.domains = options->domains,
		.fdt = run->fdt,
		.fdt_size = run->fdt_size,
		.ram_end = RAM_BASE + options->ram_size,
		.attended = true,
	};

	if (run->fdt_size <= FDT_CAPACITY)
		return metal_image_make(&run->image, &choices, size);
	run_no_boot(run, "the device tree is larger than 64 KiB");
	return NULL;
}

#define WORDS 96

struct command {
	const char *word[WORDS];
	unsigned words;
};

static void add(struct command *command, const char *option, const char *value)
{
	if (command->words + 2 >= WORDS)
		abort();
	command->word[command->words++] = option;
	command->word[command->words++] = value;
}

/* A virtio device in the slot in which Skerry's own machine has it. */
static void add_devices(struct command *command, const struct run *run, char *drive, size_t size)
{
	add(command, "-chardev", "stdio,id=console,mux=on,signal=off");
	add(command, "-serial", "chardev:console");
	add(command, "-device", "virtio-serial-device,id=virtio-console,bus=virtio-mmio-bus.6");
	add(command, "-device", "virtconsole,chardev=console");
	add(command, "-chardev", "socket,id=control,fd=3");
	add(command, "-mon", "chardev=control,mode=control");
	if (run->options.virtio_modern)
		add(command, "-global", "virtio-mmio.force-legacy=false");
	if (!run->disk)
		return;
	/* The lock is ours (host_disk_open()). */
	snprintf(drive, size, "if=none,id=disk,format=raw,file.locking=off,readonly=%s,file=%s",
		 host_disk_read_only(run->disk) ? "on" : "off", host_disk_path(run->disk));
	add(command, "-drive", drive);
	add(command, "-device", "virtio-blk-device,drive=disk,serial=skerry-disk,bus=virtio-mmio-bus.7");
}

/* The link device of a node; its numbers for ports begin at 1, so the guest goes by their names. */
static void add_ports(struct command *command, const struct run_options *options)
{
	static char chardev[SERIAL_PORTS][512], port[SERIAL_PORTS][96];
	char name[SERIAL_NAME];

	add(command, "-device", "virtio-serial-device,id=link,bus=virtio-mmio-bus.5");
	for (unsigned i = 0; serial_port(options, i, name); i++) {
		snprintf(chardev[i], sizeof chardev[i], "socket,id=port%u,path=%s/%s,server=on,wait=off", i,
			 qemu.folder_path, name);
		snprintf(port[i], sizeof port[i], "virtserialport,bus=link.0,chardev=port%u,name=%s", i,
			 name);
		add(command, "-chardev", chardev[i]);
		add(command, "-device", port[i]);
	}
}

/*
 * Virtual time as ours: an instruction takes a nanosecond, and idle time is skipped, or slept through at a
 * terminal. In real time, an alarm comes when it is due even if somebody sets the host's clock meanwhile.
 */
static void add_time(struct command *command, const struct run_options *options)
{
	if (options->real_time) {
		add(command, "-rtc", "clock=rt");
		return;
	}
	add(command, "-icount", console_is_terminal() ? "shift=0,sleep=on" : "shift=0,sleep=off");
	add(command, "-rtc", "base=" VIRTUAL_EPOCH ",clock=vm");
}

static struct host_program *start_program(const struct run *run, const char *kernel)
{
	struct command command = {.word = {PROGRAM, "-nodefaults", "-no-user-config", "-no-reboot"},
				  .words = 4};
	unsigned long long mib = run->options.ram_size >> 20;
	char memory[96], size[32], drive[256];

	snprintf(memory, sizeof memory, "memory-backend-ram,id=ram,reserve=off,size=%lluM", mib);
	snprintf(size, sizeof size, "%lluM", mib);
	add(&command, "-display", "none");
	add(&command, "-machine", "virt,memory-backend=ram");
	add(&command, "-object", memory);
	add(&command, "-m", size);
	add(&command, "-kernel", kernel);
	add_time(&command, &run->options);
	add_devices(&command, run, drive, sizeof drive);
	if (qemu.folder)
		add_ports(&command, &run->options);
	return host_program_start(command.word);
}

/* A folder for the sockets of the ports, and the links to which they are joined. */
static bool ports_prepare(struct run *run)
{
	uint64_t number;

	host_random(&number, sizeof number);
	snprintf(qemu.folder_name, sizeof qemu.folder_name, "skerry-%016llx", (unsigned long long)number);
	qemu.folder_path = run->options.ports ? run->options.ports : host_folder_usual(qemu.folder_name);
	qemu.folder = host_folder_open(qemu.folder_path);
	if (qemu.folder)
		return serial_begin(&run->options, qemu.folder_path);
	complain("cannot use %s for the sockets of QEMU's ports: %s", qemu.folder_path, host_error());
	return false;
}

static void ports_close(struct run *run)
{
	char name[SERIAL_NAME];

	if (!qemu.folder)
		return;
	if (!serial_end() && run->status == STATUS_OK)
		run->status = STATUS_STUCK;
	for (unsigned i = 0; serial_port(&run->options, i, name); i++)
		host_folder_delete(qemu.folder, name);
	host_folder_close(qemu.folder);
	if (!run->options.ports)
		host_folder_remove(host_folder_usual(qemu.folder_name));
}

static bool qemu_start(struct run *run)
{
	uint64_t size = 0;
	uint8_t *system = system_make(run, &size);
	const char *kernel = system ? host_nameless_file(system, size) : NULL;

	run->status = STATUS_NO_BOOT;
	free(system);
	if (!kernel) {
		if (system)
			complain("cannot keep the system for QEMU: %s", host_error());
		return false;
	}
	if (run->options.node && !ports_prepare(run))
		return false;
	qemu.start_mark = search_create(METAL_START_MARK);
	qemu.stuck_mark = search_create(METAL_STUCK_MARK);
	qemu.input = INPUT_VIRTIO;
	qemu.program = start_program(run, kernel);
	if (!qemu.program)
		complain("cannot run " PROGRAM ": %s (" PACKAGES ")", host_error());
	return qemu.program;
}

/* --- the monitor ------------------------------------------------------------------------------------ */

/* Reads up to an answer, past greeting and events; false if none comes. */
static bool answer_read(char *reply, size_t size)
{
	size_t used = 0;
	int got;

	do {
		got = host_program_read(qemu.program, HOST_STREAM_CONTROL, reply + used, size - 1 - used,
					REPLY_MS);
		if (got <= 0)
			return false;
		used += (size_t)got;
		reply[used] = 0;
	} while (!strstr(reply, "\"return\":") && !strstr(reply, "\"error\":"));
	return strstr(reply, "\"return\":");
}

static bool ask(const char *request, char *reply, size_t size)
{
	size_t length = strlen(request);

	return host_program_write(qemu.program, HOST_STREAM_CONTROL, request, length) == length &&
	       answer_read(reply, size);
}

/* Asks a question whose answer has a number behind `name`; 0 if it cannot be had. */
static unsigned long long ask_number(const char *request, const char *name, int base)
{
	char reply[4096];
	const char *at;

	if (!qemu.negotiated)
		qemu.negotiated = ask("{\"execute\":\"qmp_capabilities\"}\n", reply, sizeof reply);
	at = qemu.negotiated && ask(request, reply, sizeof reply) ? strstr(reply, name) : NULL;
	return at ? strtoull(at + strlen(name), NULL, base) : 0;
}

/* Has the guest set up the virtio console's receive queue? */
static bool virtio_console_open(void)
{
	return ask_number("{\"execute\":\"x-query-virtio-queue-status\",\"arguments\":"
			  "{\"path\":\"/machine/peripheral/virtio-console\",\"queue\":0}}\n",
			  "\"vring-desc\": ", 10) != 0;
}

/* Has it enabled the UART's receive interrupt? (ns16550: bit 0 of IER) */
static bool uart_listens(void)
{
	return ask_number("{\"execute\":\"human-monitor-command\",\"arguments\":"
			  "{\"command-line\":\"xp /1xb 0x10000001\"}}\n",
			  "10000001: ", 16) &
	       1;
}

/* --- input ------------------------------------------------------------------------------------------ */

static void send_out(void)
{
	size_t sent = host_program_write(qemu.program, HOST_STREAM_CONSOLE, qemu.out, qemu.out_size);

	qemu.out_size -= sent;
	memmove(qemu.out, qemu.out + sent, qemu.out_size);
}

static void put_out(uint8_t byte)
{
	qemu.out[qemu.out_size++] = byte;
}

static size_t take(void *context, const void *bytes, size_t size)
{
	enum input input;

	(void)context;
	if (!qemu.started || qemu.out_size > 0)
		return 0;
	if (size > sizeof qemu.out / 2 - 2)
		size = sizeof qemu.out / 2 - 2;
	input = virtio_console_open() ? INPUT_VIRTIO : INPUT_UART;
	if (input != qemu.input) {
		put_out(MUX_ESCAPE);
		put_out('c');
		qemu.input = input;
	}
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = ((const uint8_t *)bytes)[i];

		if (byte == MUX_ESCAPE)
			put_out(MUX_ESCAPE);
		put_out(byte);
	}
	send_out();
	return size;
}

static bool listens(void *context)
{
	(void)context;
	return qemu.started && (uart_listens() || virtio_console_open());
}

static const struct console_guest guest = {.take = take, .listens = listens};

/* --- output ----------------------------------------------------------------------------------------- */

/* A byte of the firmware's, or of the kernel's if it cannot boot. */
static void before_start(char byte)
{
	static bool line_ended;

	if (byte == '\n') {
		line_ended = true;
	} else if (byte != '\r' && byte != MUX_ESCAPE) {
		if (line_ended)
			qemu.line_size = 0;
		line_ended = false;
		if (qemu.line_size < sizeof qemu.line - 1)
			qemu.line[qemu.line_size++] = byte;
		qemu.line[qemu.line_size] = 0;
	}
}

/* A byte of the guest's. What may be the beginning of the mark is kept until it is clear that it is not. */
static void after_start(char byte)
{
	size_t kept = qemu.stuck_mark.matched, keep;
	char bytes[sizeof METAL_STUCK_MARK];

	memcpy(bytes, METAL_STUCK_MARK, kept);
	bytes[kept++] = byte;
	if (search_step(&qemu.stuck_mark, byte)) {
		qemu.stuck = true;
		return;
	}
	keep = qemu.stuck_mark.matched;
	console_output(NULL, 0, bytes, kept - keep);
}

static void output(struct run *run, const char *bytes, size_t size)
{
	for (; size > 0; bytes++, size--) {
		if (qemu.started) {
			after_start(*bytes);
			continue;
		}
		before_start(*bytes);
		qemu.started = search_step(&qemu.start_mark, *bytes);
		if (qemu.started)
			run_booted(run);
	}
}

/* --- its end ---------------------------------------------------------------------------------------- */

static const char *firmware_says(void)
{
	static char text[300];

	if (*qemu.line)
		snprintf(text, sizeof text, "the firmware's last line: %.255s", qemu.line);
	return *qemu.line ? text : "the firmware has printed nothing";
}

/* QEMU has ended before the kernel had booted: QEMU, the kernel or the firmware says why. */
static enum run_state not_started(struct run *run, int status, const char *complaint)
{
	static const char kernel_says[] = "skerry: cannot boot: ";
	char reason[600];

	if (strncmp(qemu.line, kernel_says, strlen(kernel_says)) == 0)
		snprintf(reason, sizeof reason, "%.255s", qemu.line + strlen(kernel_says));
	else if (*complaint)
		snprintf(reason, sizeof reason, "%.400s%s", complaint,
			 strstr(complaint, "BIOS") ? " (" PACKAGES ")" : "");
	else
		snprintf(reason, sizeof reason, "QEMU ended with status %d; %s", status, firmware_says());
	run_no_boot(run, reason);
	return RUN_BROKEN;
}

static enum run_state program_ended(struct run *run, const char *complaint)
{
	qemu.guest_status = host_program_status(qemu.program);
	console_output(NULL, 0, METAL_STUCK_MARK, qemu.stuck_mark.matched); /* it was no mark */
	if (!qemu.started)
		return not_started(run, qemu.guest_status, complaint);
	if (qemu.guest_status >= 0)
		return RUN_HALTED;
	complain("QEMU was ended by signal %d", -qemu.guest_status);
	run->status = STATUS_SIGNAL - qemu.guest_status;
	return RUN_BROKEN;
}

/* Passes on what QEMU says, but for the last line, which is kept in `last`: it may be why QEMU ends. */
static void pass_complaints(char *last, size_t size)
{
	const char *line;

	while ((line = host_program_complaint(qemu.program))) {
		if (*last)
			complain("%s", last);
		snprintf(last, size, "%s", line);
	}
	if (*last && qemu.started) {
		complain("%s", last);
		*last = 0;
	}
}

/* --- struct target ---------------------------------------------------------------------------------- */

static enum run_state qemu_turn(struct run *run)
{
	static char complaint[512];
	char bytes[16384];
	int got = host_program_read(qemu.program, HOST_STREAM_CONSOLE, bytes, sizeof bytes, 0);
	bool fed;

	if (got > 0)
		output(run, bytes, (size_t)got);
	console_flush();
	pass_complaints(complaint, sizeof complaint);
	if (got == HOST_INPUT_END)
		return program_ended(run, complaint);
	send_out();
	fed = console_feed(&guest);
	return got > 0 || fed ? RUN_GOES_ON : RUN_IDLE;
}

static void wait_with_ports(void)
{
	struct host_event event[HOST_EVENTS_MAX];
	unsigned count = 0;

	event[count++] = (struct host_event){
		.source = HOST_SOURCE_PROGRAM, .of = qemu.program, .write = qemu.out_size > 0};
	if (console_input_open())
		event[count++] = (struct host_event){.source = HOST_SOURCE_INPUT};
	serial_wait(event, count);
}

static bool qemu_idle(struct run *run)
{
	if (qemu.stuck && !qemu.folder && run_stuck(run))
		return true;
	if (qemu.folder)
		wait_with_ports();
	else
		host_program_wait(qemu.program, console_input_open(), qemu.out_size > 0);
	return false;
}

static int qemu_guest_status(void)
{
	return qemu.guest_status;
}

static void qemu_close(struct run *run)
{
	if (qemu.program && !qemu.started && run->status != STATUS_NO_BOOT)
		complain("the system had not booted yet; %s", firmware_says());
	if (qemu.program)
		host_program_close(qemu.program);
	ports_close(run);
	search_destroy(&qemu.start_mark);
	search_destroy(&qemu.stuck_mark);
}

const struct target target_qemu = {
	.start = qemu_start,
	.turn = qemu_turn,
	.idle = qemu_idle,
	.guest_status = qemu_guest_status,
	.close = qemu_close,
};
