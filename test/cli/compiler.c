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

/* --- --code-cache ---------------------------------------------------------------------------------- */

#define KEPT "cache/*.code"

/* A run of a guest that compiles a hundred blocks and more, with its code kept in ./cache; prints the same
 * always. */
static void run_kept(void)
{
	run("run tree.elf --tier jit --code-cache cache --stats=json --timeout 20s");
	want_status(0);
	want(strcmp(process.text[0], "model: riscv-virtio,qemu\n") == 0, "the guest prints something else");
}

/* The figures of that run: all was compiled, or nothing; and that anything was said of it. */
static void want_compiled(bool compiled, const char *said)
{
	want((figure("blocks_compiled") > 100) == compiled,
	     compiled ? "code was not compiled" : "code was compiled");
	want((figure("code_recalled") > 100) == !compiled,
	     compiled ? "code was recalled" : "code was not recalled");
	want(said ? strstr(process.text[1], said) != NULL : !strstr(process.text[1], "skerry:"),
	     said ? "it is not said why" : "something is said");
}

/* Changes the file of kept code, sees it refused with a reason, and replaced by one that is good. */
static void test_changed(const char *name, const char *change, const char *said)
{
	want(system(change) == 0, "cannot change the file");
	run_kept();
	want_compiled(true, said);
	run_kept();
	want_compiled(false, NULL);
	finish(name);
}

static void test_code_cache(void)
{
	unsigned long long instructions;

	run_kept();
	want_compiled(true, NULL);
	instructions = figure("instructions");
	want(system("test $(stat -c %a cache) = 700 && test $(stat -c %a " KEPT ") = 600") == 0,
	     "others can write it");
	run_kept();
	want_compiled(false, NULL);
	want(figure("instructions") == instructions, "another number of instructions");
	want(system("cp " KEPT " kept; test $(ls -A cache | wc -l) = 1") == 0, "other files are left");
	run_kept();
	want(system("cmp -s kept " KEPT) == 0, "the file changed though nothing was new");
	run("run tree.elf --tier interp --code-cache cache --stats=json --timeout 20s");
	want_status(0);
	want(figure("code_recalled") == 0, "the interpreter recalls code");
	want(system("cmp -s kept " KEPT) == 0, "the interpreter changed the file");
	finish("code-cache");

	test_changed("code-cache-damaged",
		     "printf x | dd of=$(ls " KEPT ") bs=1 seek=9000 conv=notrunc 2>/dev/null",
		     "is not used: it is damaged");
	test_changed("code-cache-cut-off", "truncate -s -8 " KEPT, "is not used: it is damaged");
	test_changed("code-cache-empty", "truncate -s 0 " KEPT, "is not used: it is no file of that kind");
	test_changed("code-cache-of-another-build",
		     "printf xyz | dd of=$(ls " KEPT ") bs=1 seek=20 conv=notrunc 2>/dev/null",
		     "is not used: it was made by another build of skerry");
	test_changed("code-cache-writable-file", "chmod g+w " KEPT, "is not used: Operation not permitted");
	test_changed("code-cache-link", "f=$(ls " KEPT ") && mv $f kept && ln -s ../kept $f",
		     "is not used: ");
}

#define MUTATIONS 30
#define FILE_MAX  (1u << 22)

/* Changes some bytes of the file, copies a piece over another, cuts it off, or makes it longer. */
static size_t mutate(unsigned char *bytes, size_t size, unsigned *dice)
{
	size_t from = (size_t)rand_r(dice) % size, to = (size_t)rand_r(dice) % size;
	size_t length = 1 + (size_t)rand_r(dice) % 300;

	switch (rand_r(dice) % 4) {
	case 0:
		for (unsigned i = (unsigned)rand_r(dice) % 8; i < 8; i++)
			bytes[(size_t)rand_r(dice) % (i & 1 ? size : 128)] ^=
				(unsigned char)(1 + rand_r(dice) % 255);
		return size;
	case 1:
		length = from + length < size && to + length < size ? length : 1;
		memmove(bytes + to, bytes + from, length);
		bytes[to] ^= 1;
		return size;
	case 2:
		return from;
	default:
		memset(bytes + size, rand_r(dice), length);
		return size + length;
	}
}

/* Mutates the file of kept code; false: it cannot be done. */
static bool mutate_kept(unsigned *dice)
{
	static unsigned char bytes[FILE_MAX + 300];
	FILE *file = system("cp " KEPT " mutated") == 0 ? fopen("mutated", "r+") : NULL;
	size_t size = file ? fread(bytes, 1, FILE_MAX, file) : 0;
	bool good;

	if (!size)
		return false;
	size = mutate(bytes, size, dice);
	rewind(file);
	good = fwrite(bytes, 1, size, file) == size && fflush(file) == 0 &&
	       ftruncate(fileno(file), (off_t)size) == 0;
	return fclose(file) == 0 && good && system("mv mutated $(ls " KEPT ")") == 0;
}

/* However the file was changed, it is refused with a reason, what runs is the same, and the file is good
 * again. */
static void test_code_cache_mutations(void)
{
	unsigned dice = 1;

	run_kept();
	for (unsigned i = 0; i < MUTATIONS && !complained(); i++) {
		want(mutate_kept(&dice), "cannot change the file");
		run_kept();
		want_compiled(true, " is not used: ");
	}
	run_kept();
	want_compiled(false, NULL);
	finish("code-cache-mutations");
}

/* Two runs that keep their code in one place at one time. */
static void test_code_cache_of_two(void)
{
	char line[2048];

	snprintf(line, sizeof line,
		 "rm -rf cache; for i in 1 2; do %s run tree.elf --tier jit --code-cache cache --timeout 20s "
		 ">out$i 2>&1 & "
		 "done; wait; cmp out1 out2 && test $(ls -A cache | wc -l) = 1",
		 skerry);
	for (unsigned i = 0; i < 5; i++) {
		want(system(line) == 0, "two runs at one time differ, or leave files");
		run_kept();
		want_compiled(false, NULL);
	}
	finish("code-cache-of-two");
}

/* What a run that was killed while it wrote has left goes with the next file; that of a run that goes on
 * stays. */
static void test_code_cache_left(void)
{
	char line[256];

	run_kept();
	snprintf(line, sizeof line,
		 "cd cache && f=$(ls *.code) && touch .$f.%ld .$f.%ld .$f.x .other.code.%ld && rm $f",
		 (long)process.pid, (long)getpid(), (long)process.pid);
	want(system(line) == 0, "cannot make the files");
	snprintf(line, sizeof line,
		 "cd cache && f=$(ls *.code) && test ! -e .$f.%ld && rm .$f.%ld .$f.x .other.code.%ld",
		 (long)process.pid, (long)getpid(), (long)process.pid);
	run_kept();
	want(system(line) == 0, "what a dead process wrote is left, or another file is gone");
	finish("code-cache-left");
}

static void test_code_cache_folder(void)
{
	want(system("mkdir open && chmod 777 open") == 0, "no folder");
	run("run tree.elf --tier jit --code-cache open --timeout 20s");
	want_status(126);
	want_one_line(
		"--code-cache open: it is another user's, or others can write to it (chmod go-w); it must be a folder that only you can write to");
	run("run tree.elf --tier jit --code-cache text --timeout 20s");
	want_status(126);
	want_one_line("--code-cache text: Not a directory");
	run("run tree.elf --tier jit --code-cache none/there --timeout 20s");
	want_status(126);
	want_one_line("--code-cache none/there: No such file or directory");
	finish("code-cache-folder");
}

void test_compiler(void)
{
	test_perf_map();
	test_disasm();
	test_code_cache();
	test_code_cache_mutations();
	test_code_cache_of_two();
	test_code_cache_left();
	test_code_cache_folder();
}

#else

void test_compiler(void)
{
	printf("skip perf-map: the compiler is for x86-64\nskip disasm: the compiler is for x86-64\n");
}

#endif
