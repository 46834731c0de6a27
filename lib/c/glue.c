/*
 * What picolibc (the C library, Debian's package) asks of a system: standard streams and a way to
 * end. Memory for malloc is the heap of program.ld, which picolibc's own sbrk hands out.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sel4/assert.h>
#include <skerry/console.h>
#include <skerry/machine.h>

static int put(char c, FILE *stream)
{
	(void)stream;
	sk_console_put(c);
	return (unsigned char)c;
}

/* Nothing is read through stdio: a program that wants input drives the UART itself. */
static int get(FILE *stream)
{
	(void)stream;
	return EOF;
}

static FILE console = FDEV_SETUP_STREAM(put, get, NULL, _FDEV_SETUP_RW);
FILE *const stdin = &console;
FILE *const stdout = &console;
FILE *const stderr = &console;

void _exit(int status)
{
	sk_finish(status);
}

/* abort() and raise() come here: there are no other processes to send a signal to. */
int kill(pid_t process, int number)
{
	(void)process;
	printf("ended by signal %d\n", number);
	_exit(128 + number);
}

pid_t getpid(void)
{
	return 1;
}

void __assert_fail(const char *text, const char *file, int line, const char *function)
{
	printf("%s:%d: %s: assertion failed: %s\n", file, line, function, text);
	_exit(EXIT_FAILURE);
}

void __assert_func(const char *file, int line, const char *function, const char *text)
{
	__assert_fail(text, file, line, function ? function : "?");
}
