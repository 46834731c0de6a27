/* Running a program under test: its input, both outputs, its exit, with or without a terminal. */
#ifndef SKERRY_TEST_CLI_PROCESS_H
#define SKERRY_TEST_CLI_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROCESS_OUTPUT 65536

struct process {
	pid_t pid;
	int input, output, error;     /* our ends; with a terminal, input and output are its master */
	char text[2][PROCESS_OUTPUT]; /* what came from output and error so far, terminated */
	size_t size[2];
	int status; /* after process_end(): exit status, or -signal; 1000: had to be killed */
};

enum process_input { INPUT_NULL, INPUT_PIPE, INPUT_TERMINAL };
enum process_output { OUTPUT_PIPE, OUTPUT_CLOSED, OUTPUT_FULL, OUTPUT_NO_READER };

void process_start(struct process *process, char *const *argv, enum process_input input,
		   enum process_output output);
/* Reads until `text` has come from output or error; false after ten seconds. */
bool process_wait_for(struct process *process, const char *text);
void process_type(struct process *process, const char *keys);
void process_input_end(struct process *process);
/* Reads to the end and collects the status; kills after `seconds`. */
void process_end(struct process *process, unsigned seconds);
/* Is the terminal in its usual line mode? */
bool process_terminal_is_cooked(const struct process *process);

#endif
