/*
 * Looking into a run. A request is one line: "ps FORMAT", "caps FORMAT" or, of a node, "status", "trace start
 * FORMAT SIZE", "trace end TIME" and "trace stop", which has its trace, up to that time of the host's clock
 * or up to now, in a file beside the socket. The answer is a line that begins with "ok", and what was asked
 * for, or a line that says why not.
 */
#define _GNU_SOURCE
#include "cmd/control.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/control_port.h"
#include "cmd/options.h"
#include "cmd/serial.h"
#include "cmd/trace.h"
#include "host/host.h"
#include "port/vm/graph.h"
#include "port/vm/snapshot.h"
#include "port/vm/trace.h"

#define PATIENCE_S  30          /* a large graph takes long to print */
#define SLEEP_NS    50000000ull /* while nothing runs, this often it is looked whether somebody asks */
#define LOOK_NS     1000000ull
#define NOT_OURS    "its programs run on bare metal; only Skerry's own machine can be looked into\n"
#define NOT_TRACED  "it cannot be traced\n"
#define NOT_WRITTEN "its trace could not be written\n"
#define NOT_KNOWN   "this run does not know the request, or has no memory for the answer\n"

static struct host_control *control;
static const char *control_path;
static bool status_asked; /* somebody waits for the guest's answer */

static struct {
	uint64_t end_at; /* host_clock_ns() at which it ends; 0: nobody has said that */
	bool asked;      /* somebody waits for its end */
	bool lost;       /* it has ended, and could not be written */
} trace;

static const char *const formats[] = {
	[GRAPH_TEXT] = "text",
	[GRAPH_DOT] = "dot",
	[GRAPH_CAPDL] = "capdl",
	[GRAPH_JSON] = "json",
};
#define FORMATS (sizeof formats / sizeof formats[0])

/* --- the run's side --------------------------------------------------------------------------------- */

bool control_begin(const char *path)
{
	control_path = path;
	control = host_control_open(path);
	if (!control)
		complain("cannot make control socket %s: %s", path, host_error());
	return control;
}

void control_end(void)
{
	if (control)
		host_control_close(control);
	control = NULL;
}

uint64_t control_sleep(uint64_t wanted)
{
	return control && wanted > SLEEP_NS ? SLEEP_NS : wanted;
}

/* `what` is "ps" or "caps". False: it cannot be printed. */
static bool print(struct node *node, const char *what, const char *format, FILE *out)
{
	bool threads = strcmp(what, "ps") == 0;

	for (size_t i = 0; i < FORMATS; i++) {
		if (strcmp(format, formats[i]) != 0)
			continue;
		if (threads && (i == GRAPH_TEXT || i == GRAPH_JSON)) {
			node_print_threads(node, (enum graph_format)i, out);
			return true;
		}
		return !threads && node_print_capabilities(node, (enum graph_format)i, out);
	}
	return false;
}

/* The guest has been asked: passes on what it answers. */
static void status_turn(void)
{
	size_t size;
	char *bytes = control_port_answer(&size);

	if (!bytes)
		return;
	status_asked = false;
	host_control_answer(control, bytes, size);
}

/* Asking the system costs something, and a node that talks to others has many turns in a millisecond. */
static bool is_time_to_look(void)
{
	static uint64_t looked_ns;
	uint64_t now = control ? host_clock_ns() : 0;

	if (!control || now - looked_ns < LOOK_NS)
		return false;
	looked_ns = now;
	return true;
}

static void trace_stop(struct node *node)
{
	trace.end_at = 0;
	trace.lost |= !trace_end(node);
}

/* "start json SIZE", "start trace SIZE", "end TIME" or "stop"; SIZE is of the buffer. NULL: not yet. */
static const char *trace_turn(struct node *node, const char *what)
{
	char path[4096], format[8] = "", more;
	uint64_t size;

	if (sscanf(what, "end %" SCNu64 "%c", &size, &more) == 1) {
		trace.end_at = size;
		return CONTROL_OK;
	}
	if (strcmp(what, "stop") == 0) {
		trace.asked = trace_is_on() && trace.end_at;
		if (!trace.asked)
			trace_stop(node);
		return trace.asked ? NULL : trace.lost ? NOT_WRITTEN : CONTROL_OK;
	}
	if (sscanf(what, "start %7s %" SCNu64 "%c", format, &size, &more) != 2 ||
	    (strcmp(format, "json") != 0 && strcmp(format, "trace") != 0) || size < TRACE_BUFFER_MIN ||
	    size > TRACE_BUFFER_MAX)
		return NOT_KNOWN;
	if (trace_is_on())
		return "it is being traced already\n";
	snprintf(path, sizeof path, "%s.%s", control_path, format);
	trace.end_at = 0;
	trace.lost = false;
	if (node)
		return trace_begin(node, path, size, host_clock_ns) ? CONTROL_OK : NOT_TRACED;
	return serial_trace_begin(path, size, false) ? CONTROL_OK TRACE_LINKS_ONLY "\n" : NOT_TRACED;
}

static void answer(const char *text)
{
	char *bytes = text ? strdup(text) : NULL;

	if (bytes)
		host_control_answer(control, bytes, strlen(bytes));
}

/* "ps FORMAT" or "caps FORMAT" */
static void show(struct node *node, const char *line)
{
	char what[8], format[8], *bytes = NULL;
	size_t size = 0;
	bool good;
	FILE *out = open_memstream(&bytes, &size);

	if (out) {
		fputs(CONTROL_OK, out);
		good = sscanf(line, "%7s %7s", what, format) == 2 &&
		       (strcmp(what, "ps") == 0 || strcmp(what, "caps") == 0) &&
		       print(node, what, format, out);
		if (fclose(out) == 0 && good) {
			host_control_answer(control, bytes, size);
			return;
		}
	}
	free(bytes);
	answer(NOT_KNOWN);
}

/* What somebody waits for, or what was said to be done at some time. */
static void go_on(struct node *node)
{
	if (status_asked)
		status_turn();
	if (!trace.end_at || host_clock_ns() < trace.end_at)
		return;
	trace_stop(node);
	answer(trace.asked ? trace.lost ? NOT_WRITTEN : CONTROL_OK : NULL);
	trace.asked = false;
}

void control_turn(struct node *node)
{
	bool looks = is_time_to_look();
	const char *line = looks ? host_control_request(control) : NULL;

	if (line)
		status_asked = trace.asked = false; /* who asked before has gone */
	if (looks)
		go_on(node);
	if (!line)
		return;
	if (control_port_is_there() && strcmp(line, "status") == 0) {
		control_port_ask();
		status_asked = true;
	} else if (control_port_is_there() && strncmp(line, "trace ", 6) == 0) {
		answer(trace_turn(node, line + 6));
	} else if (node) {
		show(node, line);
	} else {
		answer(NOT_OURS);
	}
}

/* --- the other side -------------------------------------------------------------------------------- */

const char *control_good(const char *answer, size_t size)
{
	size_t length = strlen(CONTROL_OK);

	return answer && size >= length && memcmp(answer, CONTROL_OK, length) == 0 ? answer + length : NULL;
}

static bool format_is_known(const char *command, const char *format)
{
	bool threads = strcmp(command, "ps") == 0;

	for (size_t i = 0; i < FORMATS; i++)
		if (strcmp(format, formats[i]) == 0 && (!threads || i == GRAPH_TEXT || i == GRAPH_JSON))
			return true;
	return false;
}

/* False: it is all said and done, with *status. */
static bool parse(int argc, char **argv, const char **path, const char **format, void (*help)(void),
		  int *status)
{
	static const struct option options[] = {{"format", required_argument, NULL, 'f'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	int option;

	*status = STATUS_USAGE;
	*path = NULL;
	*format = formats[GRAPH_TEXT];
	options_of(argv[0]);
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":f:h", options, NULL)) != -1) {
		if (option == 'h') {
			help();
			*status = STATUS_OK;
			return false;
		}
		if (option != 'f')
			return mistake("wrong option %s", argv[optind - 1]);
		*format = optarg;
	}
	if (!format_is_known(argv[0], *format))
		return mistake("no such format: %s", *format);
	if (optind + 1 != argc)
		return mistake("%s", optind == argc ? "no file given" : "only one file can be looked into");
	*path = argv[optind];
	return true;
}

/* A snapshot's disk is not there, and nobody reads it. */
static bool no_disk(void *context, uint64_t offset, void *buffer, size_t size)
{
	(void)context;
	(void)offset;
	memset(buffer, 0, size);
	return true;
}

static uint64_t no_clock(void *context)
{
	(void)context;
	return 0;
}

static void no_output(void *context, unsigned console, const void *bytes, size_t size)
{
	(void)context;
	(void)console;
	(void)bytes;
	(void)size;
}

static int look_at_snapshot(const char *command, const char *path, const char *format)
{
	struct board_disk disk = {.read = no_disk, .read_only = true};
	struct node_config config = {.board.output = no_output, .board.host_clock_ns = no_clock};
	struct snapshot_image image = {.bytes = NULL};
	struct node *node = NULL;
	struct snapshot *snapshot;
	char error[512];

	snapshot = snapshot_read(path, &image, error, sizeof error);
	if (snapshot) {
		disk.size = snapshot->machine.disk_size;
		config.board.disk = snapshot->machine.disk ? &disk : NULL;
		node = node_create_restored(&config, snapshot, error, sizeof error);
		snapshot_release(snapshot);
		snapshot_image_free(&image);
	}
	if (!node) {
		complain("cannot look into %s: %s", path, error);
		return STATUS_NO_BOOT;
	}
	print(node, command, format, stdout);
	node_destroy(node);
	return STATUS_OK;
}

static int ask(const char *command, const char *path, const char *format)
{
	char line[32], *answer, *end;
	size_t size;
	int status = STATUS_NO_BOOT;

	if (!host_is_control(path))
		return look_at_snapshot(command, path, format);
	snprintf(line, sizeof line, "%s %s", command, format);
	answer = host_control_ask(path, line, PATIENCE_S, &size);
	if (!answer) {
		complain("cannot ask the run at %s: %s", path, host_error());
		return status;
	}
	const char *text = control_good(answer, size);
	if (text) {
		fwrite(text, 1, size - (size_t)(text - answer), stdout);
		status = STATUS_OK;
	} else {
		end = memchr(answer, '\n', size);
		complain("%s: %.*s", path, end ? (int)(end - answer) : 0, answer);
	}
	free(answer);
	return status;
}

static int look(int argc, char **argv, void (*help)(void))
{
	const char *path, *format;
	int status;

	return parse(argc, argv, &path, &format, help, &status) ? ask(argv[0], path, format) : status;
}

void help_ps(void)
{
	printf("Usage: skerry ps FILE [--format text|json]\n"
	       "Lists the threads of a run with what they wait for. FILE is the socket that the run made, "
	       "with\n"
	       "its option --control FILE, or a snapshot.\n");
}

void help_caps(void)
{
	printf("Usage: skerry caps FILE [--format text|dot|capdl|json]\n"
	       "Prints who holds which capability to what in a run. FILE is the socket that the run made, "
	       "with\n"
	       "its option --control FILE, or a snapshot. For a picture: skerry caps FILE --format dot | dot "
	       "-Tsvg -o FILE.svg\n");
}

int command_ps(int argc, char **argv)
{
	return look(argc, argv, help_ps);
}

int command_caps(int argc, char **argv)
{
	return look(argc, argv, help_caps);
}
