/* Running skerry and checking what it did; a test is some of these calls, closed by finish(). */
#ifndef SKERRY_TEST_CLI_CHECK_H
#define SKERRY_TEST_CLI_CHECK_H

#include "test/cli/process.h"

extern const char *skerry;     /* its path */
extern bool on_qemu;           /* "run" is "run --on qemu", and names of tests begin with "qemu-" */
extern struct process process; /* the run that was started last */
extern unsigned failures;

/* The groups of tests besides the command line and images (cli.c). */
void test_ends(void);
void test_qemu(void);
void test_compiler(void);

/* Starts skerry with the words of `line`; "_" in a word stands for a space. */
void start(const char *line, enum process_input input, enum process_output output);
/* A run to its end with no input. */
void run(const char *line);

/* What is wrong with a test; the first is kept. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void want(bool condition, const char *what);
void want_status(int status);
/* One line on standard error, from skerry, with this text in it. */
void want_one_line(const char *text);
bool complained(void);
/* A figure of --stats=json; 0 if it is not there. */
unsigned long long figure(const char *name);
void finish(const char *name);

#endif
