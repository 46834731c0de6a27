/* What the compiler tells people: names for perf, and its code. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/cli/check.h"

#ifdef __x86_64__

/* The file of names of the process that ended last; NULL if there is none. Removes it. */
static char *names_take(void)
{
	static char text[1 << 16];
	char path[64];
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof path, "/tmp/perf-%ld.map", (long)process.pid);
	file = fopen(path, "r");
	if (!file)
		return NULL;
	size = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	unlink(path);
	text[size] = 0;
	return text;
}

static void test_perf_map(void)
{
	unsigned long long start, size;
	char *names, *line;

	run("run tree.elf --tier jit --timeout 20s");
	want_status(0);
	want(!names_take(), "writes names that nobody asked for");
	run("run tree.elf --tier jit --perf-map --timeout 20s");
	want_status(0);
	names = names_take();
	want(names, "no names");
	want(names && strstr(names, " skerry: between code and C\n"), "no name for what surrounds code");
	line = names ? strstr(names, " main+0x0\n") : NULL;
	want(line, "no name for main");
	while (line && line > names && line[-1] != '\n')
		line--;
	want(line && sscanf(line, "%llx %llx main", &start, &size) == 2 && size > 0 && size < 65536,
	     "another format");
	run("run words.elf --tier jit --perf-map --expect three --timeout 10s");
	want_status(0);
	names = names_take();
	want(names && strstr(names, " guest 0x10000\n"), "no address where there is no name");
	finish("perf-map");
}

#else

static void test_perf_map(void)
{
	printf("skip perf-map: the compiler is for x86-64\n");
}

#endif

void test_compiler(void)
{
	test_perf_map();
}
