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

static unsigned count(const char *text)
{
	unsigned found = 0;

	for (const char *at = process.text[0]; (at = strstr(at, text)); at++)
		found++;
	return found;
}

static void test_disasm(void)
{
	static const struct {
		const char *asked, *text;
	} wrong[] = {
		{"nonsense", "nonsense: neither an address, such as 0x400000, nor a function"},
		{"main+x", "main+x: what follows the + is no number"},
		{"nonsense+4", "nonsense+4: neither an address"},
		{"0x10", "0x10: nothing that could be executed is mapped there"},
		{"18446744073709551614", "18446744073709551614: nothing that could be executed"},
		{"main+1", "main+1: an odd address"},
	};
	char line[64];

	run("disasm tree.elf");
	want_status(0);
	want(strstr(process.text[0], "\n_start, 0x400000: ") && count("; code of ") == 1,
	     "not the block at the entry");
	want(strstr(process.text[0], "\n  400000  auipc gp,"), "no instruction of the guest");
	run("disasm tree.elf main 0x400000 memcpy+2");
	want_status(0);
	want(strstr(process.text[0], "\nmain, 0x") && strstr(process.text[0], "\nmain+0x"),
	     "not all of main");
	want(strstr(process.text[0], "\nmemcpy+0x2, 0x"), "not the block at an offset");
	want(count("; code of ") > 4 && count("  +0    ") == count("; code of "), "blocks without code");
	want(!strstr(process.text[0], " ?\n"), "code that is none");
	for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		snprintf(line, sizeof line, "disasm tree.elf %s 0x400000", wrong[i].asked);
		run(line);
		want_status(1);
		want_one_line(wrong[i].text);
		want(count("; code of ") == 1, "what was right is not printed");
	}
	run("disasm text");
	want_status(126);
	want_one_line("cannot boot text: ");
	finish("disasm");
}

void test_compiler(void)
{
	test_perf_map();
	test_disasm();
}

#else

void test_compiler(void)
{
	printf("skip perf-map: the compiler is for x86-64\nskip disasm: the compiler is for x86-64\n");
}

#endif
