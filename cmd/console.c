/*
 * See console.h. There is one console in a process, so its state is static.
 *
 * Output is collected and written at the end of each step of the guest (a millisecond of guest time)
 * and before every wait, so that a reader sees each line, and unfinished ones before the guest idles,
 * without a system call per byte.
 */
#include "cmd/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/options.h"
#include "cmd/search.h"
#include "host/host.h"

/* --- state -------------------------------------------------------------------------------------- */

#define ESCAPE_KEY    1 /* Ctrl-A */
#define CTRL_C        3 /* ends a run as SIGINT would, */
#define CTRL_C_STATUS (STATUS_SIGNAL + 2)

static struct {
	void (*wake)(void);

	struct search *expect, *fail;
	unsigned expects, fails, expected;
	enum console_verdict verdict;
	char verdict_text[128];

	char output[16384];
	size_t output_size;
	bool line_open; /* the last byte printed was not a line feed */

	uint8_t input[256];
	size_t input_size;
	bool input_ended, is_terminal, escaped, quit;
	int quit_status;
} console;

static void searches_free(void)
{
	for (unsigned i = 0; i < console.expects; i++)
		search_destroy(&console.expect[i]);
	for (unsigned i = 0; i < console.fails; i++)
		search_destroy(&console.fail[i]);
	free(console.expect);
	free(console.fail);
}

static struct search *searches_create(const char *const *texts, unsigned count)
{
	struct search *searches = calloc(count + 1, sizeof *searches);

	for (unsigned i = 0; searches && i < count; i++)
		searches[i] = search_create(texts[i]);
	return searches;
}

void console_open(const struct run_options *options, void (*wake)(void))
{
	console.wake = wake;
	console.expect = searches_create(options->expect, options->expects);
	console.fail = searches_create(options->fail, options->fails);
	if (!console.expect || !console.fail) {
		complain("out of memory");
		host_exit(STATUS_NO_BOOT);
	}
	console.expects = options->expects;
	console.fails = options->fails;
	atexit(searches_free);
	/* Under a debugger the terminal is its own. A replay reads nothing, and Ctrl-C is to end it. */
	console.input_ended = options->debug;
	console.is_terminal =
		!options->debug && !options->replay && host_console_is_terminal() && host_console_raw();
}

/* --- output ------------------------------------------------------------------------------------- */

/* The first verdict stands; the guest is stopped and prints nothing more. */
static void decide(enum console_verdict verdict, const char *text)
{
	if (console.verdict != CONSOLE_UNDECIDED)
		return;
	console.verdict = verdict;
	snprintf(console.verdict_text, sizeof console.verdict_text, "%s", text);
	if (console.wake)
		console.wake();
}

void console_flush(void)
{
	size_t size = console.output_size;

	console.output_size = 0;
	if (size == 0 || console.verdict == CONSOLE_CLOSED)
		return;
	if (!host_console_write(console.output, size) && !host_signal() && !host_alarm_rang()) {
		console.verdict = CONSOLE_UNDECIDED; /* whatever else was decided, nobody has seen it */
		decide(CONSOLE_CLOSED, host_error());
	}
}

static void put(char byte)
{
	if (console.output_size == sizeof console.output)
		console_flush();
	console.output[console.output_size++] = byte;
	console.line_open = byte != '\n';
	for (unsigned i = 0; i < console.fails; i++)
		if (search_step(&console.fail[i], byte))
			decide(CONSOLE_FAILED, console.fail[i].text);
	if (console.expected < console.expects && search_step(&console.expect[console.expected], byte) &&
	    ++console.expected == console.expects)
		decide(CONSOLE_EXPECTED, "");
}

void console_output(void *context, unsigned number, const void *bytes, size_t size)
{
	(void)context;
	(void)number; /* the UART and the virtio console share standard output */
	for (size_t i = 0; i < size && console.verdict == CONSOLE_UNDECIDED; i++)
		put(((const char *)bytes)[i]);
}

void console_line_end(void)
{
	console_flush();
	if (console.line_open && host_console_is_stderr())
		fputc('\n', stderr);
	console.line_open = false;
}

enum console_verdict console_verdict(const char **text)
{
	*text = console.verdict_text;
	return console.verdict;
}

const char *console_missing(void)
{
	return console.expected < console.expects ? console.expect[console.expected].text : NULL;
}

/* --- input -------------------------------------------------------------------------------------- */

static void quit(int status)
{
	console.quit = true;
	console.quit_status = status;
}

/* A key after Ctrl-A; true if it is meant for the guest. */
static bool escape_key(uint8_t key)
{
	switch (key) {
	case 'x':
	case 'X':
		quit(STATUS_OK);
		return false;
	case 'h':
	case 'H':
	case '?':
		complain("Ctrl-A x  quit    Ctrl-A a  send Ctrl-A    Ctrl-A h  this help");
		return false;
	default:
		return key == 'a' || key == ESCAPE_KEY;
	}
}

/* Keeps of `size` typed keys those for the guest. */
static size_t keys_filter(const struct console_guest *guest, uint8_t *keys, size_t size)
{
	size_t kept = 0;

	for (size_t i = 0; i < size; i++) {
		uint8_t key = keys[i];

		if (console.escaped) {
			console.escaped = false;
			if (escape_key(key))
				keys[kept++] = ESCAPE_KEY;
		} else if (key == ESCAPE_KEY) {
			console.escaped = true;
		} else if (key == CTRL_C && !guest->listens(guest->context)) {
			quit(CTRL_C_STATUS);
		} else {
			keys[kept++] = key;
		}
	}
	return kept;
}

/*
 * At a terminal keys are always read, for the escape; when there is no more room for them, what the
 * guest has not taken yet is dropped. Otherwise input stays where it is until the guest has taken what came
 * before.
 */
static void input_read(const struct console_guest *guest)
{
	uint8_t *end = console.input + console.input_size;
	size_t room = sizeof console.input - console.input_size;
	int got;

	if (console.input_ended || (console.input_size > 0 && !console.is_terminal))
		return;
	if (room == 0) {
		end = console.input;
		room = sizeof console.input;
		console.input_size = 0;
	}
	got = host_console_read(end, room);
	if (got == HOST_INPUT_END)
		console.input_ended = true;
	else if (console.is_terminal)
		console.input_size += keys_filter(guest, end, (size_t)got);
	else
		console.input_size += (size_t)got;
}

bool console_feed(const struct console_guest *guest)
{
	size_t taken = 0;

	input_read(guest);
	if (console.input_size > 0)
		taken = guest->take(guest->context, console.input, console.input_size);
	console.input_size -= taken;
	memmove(console.input, console.input + taken, console.input_size);
	return taken > 0;
}

bool console_quit(int *status)
{
	*status = console.quit_status;
	return console.quit;
}

bool console_input_open(void)
{
	return !console.input_ended && (console.input_size == 0 || console.is_terminal);
}

bool console_input_possible(const struct console_guest *guest)
{
	return guest->listens(guest->context) && !console.input_ended && console.input_size == 0;
}

bool console_input_waiting(void)
{
	return console.input_size > 0;
}

bool console_is_terminal(void)
{
	return console.is_terminal;
}
