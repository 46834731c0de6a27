/*
 * The run's console: what the guest prints goes to standard output and past the texts that are looked
 * for; what is typed goes to the guest, but for the escape Ctrl-A.
 */
#ifndef SKERRY_CMD_CONSOLE_H
#define SKERRY_CMD_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_options;

/* Where what is typed goes. */
struct console_guest {
	void *context;
	/* Takes what fits, and says how much. */
	size_t (*take)(void *context, const void *bytes, size_t size);
	/* Does a guest program wait for input (by interrupt)? */
	bool (*listens)(void *context);
};

/* `wake`, unless it is NULL, is called when the output has decided the run. */
void console_open(const struct run_options *options, void (*wake)(void));

/* Output of the guest, as board_config.output. */
void console_output(void *context, unsigned console, const void *bytes, size_t size);
/* Hands what has been printed so far to the reader. */
void console_flush(void);
/* Ends the guest's unfinished line, so that a message starts at the left. */
void console_line_end(void);

/* Has the output decided the run? */
enum console_verdict {
	CONSOLE_UNDECIDED,
	CONSOLE_EXPECTED, /* every --expect text has been printed */
	CONSOLE_FAILED,   /* a --fail text has been: *text */
	CONSOLE_CLOSED,   /* nobody takes the output: *text says why */
};
enum console_verdict console_verdict(const char **text);
/* The next --expect text that has not been printed; NULL: all have. */
const char *console_missing(void);

/* Moves typed bytes to the guest; true if it took any. */
bool console_feed(const struct console_guest *guest);
/* Did the user end the run, by Ctrl-A x, or by Ctrl-C while no guest program listens? */
bool console_quit(int *status);
/* Could a byte still come that wakes the guest? */
bool console_input_possible(const struct console_guest *guest);
/* Is it of use to wait for input now? (Not while the guest has not taken what came.) */
bool console_input_open(void);
/* Is there input that the guest has not taken yet? */
bool console_input_waiting(void);
bool console_is_terminal(void);

#endif
