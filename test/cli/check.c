/* See check.h. */
#include "test/cli/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *skerry;
bool on_qemu;
struct process process;
unsigned failures;

static char why[4096];

#define WORDS 24

void start(const char *line, enum process_input input, enum process_output output)
{
	static char copy[1024];
	char *argv[WORDS] = {(char *)skerry};
	unsigned words = 1;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = strtok(copy, " "); word && words < WORDS - 1; word = strtok(NULL, " ")) {
		for (char *c = word; *c; c++)
			if (*c == '_')
				*c = ' ';
		argv[words++] = word;
		if (on_qemu && words == 2 && strcmp(word, "run") == 0) {
			argv[words++] = "--on";
			argv[words++] = "qemu";
		}
	}
	process_start(&process, argv, input, output);
}

void complain(const char *format, ...)
{
	va_list args;

	if (why[0])
		return;
	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	for (char *c = why; *c; c++)
		if (*c == '\n' || *c == '\r')
			*c = '|';
}

void want_status(int status)
{
	if (process.status != status)
		complain("status %d, not %d; error: %.300s; output: %.300s", process.status, status,
			 process.text[1], process.text[0]);
}

void want(bool condition, const char *what)
{
	if (!condition)
		complain("%s; status %d; error: %.600s; output: %.300s", what, process.status,
			 process.text[1], process.text[0]);
}

void want_one_line(const char *text)
{
	const char *error = process.text[1], *end = strchr(error, '\n');

	want(strncmp(error, "skerry: ", 8) == 0 && end && end[1] == 0, "not one line");
	if (!strstr(error, text))
		complain("no '%s' in: %.300s", text, error);
}

bool complained(void)
{
	return why[0] != 0;
}

void finish(const char *name)
{
	const char *prefix = on_qemu ? "qemu-" : "";

	if (complained()) {
		printf("not ok %s%s: %s\n", prefix, name, why);
		failures++;
	} else {
		printf("ok %s%s\n", prefix, name);
	}
	fflush(stdout);
	why[0] = 0;
}

void run(const char *line)
{
	start(line, INPUT_NULL, OUTPUT_PIPE);
	process_end(&process, 20);
}

unsigned long long figure(const char *name)
{
	char quoted[64];
	const char *place;

	snprintf(quoted, sizeof quoted, "\"%s\": ", name);
	place = strstr(process.text[1], quoted);
	want(place, name);
	return place ? strtoull(place + strlen(quoted), NULL, 10) : 0;
}
