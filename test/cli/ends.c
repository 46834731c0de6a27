/* How runs end: by what is printed, by time, by signals, at a terminal; and the disk and both consoles. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libfdt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/cli/check.h"
#include "test/cli/guest.h"

static struct code code;
static struct guest guest;

static void test_expect(void)
{
	memset(&code, 0, sizeof code);
	code_print(&code, "one aab two three\n");
	code_loop(&code);
	guest = guest_create(&code);
	guest_write("words.elf", &guest, &code);

	run("run words.elf --expect one --expect ab_two --expect three --timeout 10s");
	want_status(0);
	run("run words.elf --expect two --expect one --timeout 1500ms");
	want_status(124);
	want_one_line("not printed so far: one");
	run("run words.elf --fail aab --expect three --timeout 10s");
	want_status(1);
	want_one_line("printed: aab");
	run("run words.elf --expect one --fail three --timeout 10s");
	want_status(0);
	run("run words.elf --timeout 1500ms");
	want_status(124);
	want_one_line("timeout after 1.5 s");
	want(strcmp(process.text[0], "one aab two three\n") == 0, "output is not byte for byte");
	finish("expect-fail-timeout");
}

static void test_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	static const char *const names[] = {"SIGINT", "SIGTERM", "SIGHUP"};

	for (unsigned i = 0; i < 3; i++) {
		start("run words.elf", INPUT_PIPE, OUTPUT_PIPE);
		want(process_wait_for(&process, "three\n"), "a pipe reader does not see the line");
		kill(process.pid, signals[i]);
		process_end(&process, 10);
		want_status(128 + signals[i]);
		want_one_line(names[i]);
	}
	finish("signals");
}

static void test_closed_console(void)
{
	static const enum process_output outputs[] = {OUTPUT_CLOSED, OUTPUT_FULL, OUTPUT_NO_READER};

	for (unsigned i = 0; i < 3; i++) {
		start("run words.elf --timeout 10s", INPUT_NULL, outputs[i]);
		process_end(&process, 20);
		want_status(125);
		want_one_line("console is closed");
	}
	finish("closed-console");

	if (system("rm -f disk; truncate -s 1024 disk; cp disk empty-disk") != 0)
		complain("cannot make a disk");
	start("run words.elf --disk disk --timeout 10s", INPUT_NULL, OUTPUT_CLOSED);
	process_end(&process, 20);
	want_status(125);
	want(system("cmp -s disk empty-disk") == 0, "the guest's words are on the disk");
	finish("closed-console-is-no-disk");
}

static void test_input_end(void)
{
	start("run words.elf --timeout 500ms", INPUT_PIPE, OUTPUT_PIPE);
	process_type(&process, "some input\n");
	process_input_end(&process);
	process_end(&process, 10);
	want_status(124);
	finish("end-of-input-is-no-end");
}

static void test_stuck(void)
{
	memset(&code, 0, sizeof code);
	code_print(&code, "no line end");
	code_suspend(&code);
	guest = guest_create(&code);
	guest_write("stuck.elf", &guest, &code);
	run("run stuck.elf --timeout 10s");
	want_status(125);
	want(strstr(process.text[1], "nothing can ever run again"), "does not say so");
	want(on_qemu || strstr(process.text[1], "    thread \""), "names no thread");
	want(strcmp(process.text[0], "no line end") == 0, "output is not byte for byte");
	run("run stuck.elf --time real --timeout 10s");
	want_status(125);
	finish("stuck");
}

static void test_fault(void)
{
	memset(&code, 0, sizeof code);
	code_read(&code, 0x18);
	guest = guest_create(&code);
	guest_write("fault.elf", &guest, &code);
	run("run fault.elf --timeout 10s");
	want_status(125);
	want(strstr(process.text[1], "read from address 0x18"), "does not say what it did");
	want(strstr(process.text[1], "skerry: thread \""), "does not name the thread");
	want(strstr(process.text[1], "pc   0000000000010000"), "no registers");
	memset(&code, 0, sizeof code);
	code_syscall(&code, -30);
	guest = guest_create(&code);
	guest_write("fault.elf", &guest, &code);
	run("run fault.elf --timeout 10s");
	want_status(125);
	want(strstr(process.text[1], "system call -30"), "does not name the call");
	finish("unhandled-fault");
}

/* Every instruction is retired in one of the two tiers, also after a start from a snapshot. */
static void test_stats_of_tiers(void)
{
	unsigned long long before;

	run("run words.elf --tier interp --expect three --snapshot stats.snap --stats=json --timeout 10s");
	want_status(0);
	before = figure("instructions");
	want(before == figure("instructions_interpreted"), "something else than the interpreter ran");
	want(figure("blocks_compiled") == 0, "the interpreter compiled");
	want(figure("time_in_code_ns") == 0, "time in code that there is none of");
	want(figure("time_interpreting_ns") > 0 && figure("time_interpreting_ns") < figure("wall_time_ns"),
	     "no time for what was interpreted");
	run("run words.elf --tier jit --expect three --stats=json --timeout 10s");
	want_status(0);
	want(figure("instructions") == figure("instructions_in_code") + figure("instructions_interpreted"),
	     "the tiers do not add up");
#ifdef __x86_64__
	want(figure("blocks_compiled") > 0 && figure("code_bytes") > 0 && figure("code_entries") > 0,
	     "no code");
	want(figure("instructions_in_code") > figure("instructions_interpreted"), "the compiler did not run");
	want(figure("compile_time_ns") > 0 && figure("time_in_code_ns") > 0, "no time");
	want(figure("compile_time_ns") + figure("time_in_code_ns") + figure("time_interpreting_ns") <
		     figure("wall_time_ns"),
	     "the times do not add up");
#endif
	run("run --restore stats.snap --tier jit --stats=json --timeout 200ms");
	want_status(124);
	want(figure("instructions") ==
		     before + figure("instructions_in_code") + figure("instructions_interpreted"),
	     "the tiers do not add up after a restart");
	finish("stats-of-tiers");
}

static void test_stats(void)
{
	run("run words.elf --expect three --stats");
	want_status(0);
	want(strstr(process.text[1], "instructions") && strstr(process.text[1], "tlb_misses_load"),
	     "no figures");
	run("run words.elf --expect three --stats=json");
	want_status(0);
	want(process.text[1][0] == '{' || strstr(process.text[1], "\n{"), "no json");
	want(strstr(process.text[1], "\"instructions\": "), "no instructions in json");
	finish("stats");
}

/* One run in each tier, from an image, a snapshot and a recording; none can be told from another. */
static void test_tiers(void)
{
	static const char *const tiers[] = {"interp", "jit", "auto"};

	run("run words.elf --expect three --snapshot tier.snap --record tier.rec --timeout 10s");
	want_status(0);
	for (unsigned i = 0; i < 3; i++) {
		char line[128];

		snprintf(line, sizeof line, "run words.elf --tier %s --expect three --timeout 10s", tiers[i]);
		run(line);
		want_status(0);
		want(strncmp(process.text[0], "one aab two three", 17) == 0, "prints something else");
		snprintf(line, sizeof line, "run --restore tier.snap --tier %s --timeout 300ms", tiers[i]);
		run(line);
		want_status(124);
		snprintf(line, sizeof line, "replay tier.rec --tier %s --timeout 10s", tiers[i]);
		run(line);
		want_status(0);
		want(strncmp(process.text[0], "one aab two three", 17) == 0, "replays something else");
	}
	finish("tiers");
}

/* --- disk and virtio console ------------------------------------------------------------------------- */

static void file_check(const char *path, size_t offset, const char *text)
{
	char bytes[1024] = "";
	FILE *file = fopen(path, "rb");

	want(file && fread(bytes, 1, sizeof bytes, file) == sizeof bytes, "the disk has another size");
	want(strcmp(bytes + offset, text) == 0, "the disk has other contents");
	if (file)
		fclose(file);
}

static void virtio_round(const char *transport)
{
	static const char expected[] = "read: status 0, \"first sector\"\n"
				       "id: status 0, \"skerry-disk\"\n"
				       "write: status 0\n"
				       "flush: status 0\n"
				       "behind the end: status 1\n";
	static const char confined[] = "into the kernel: status 1\n"
				       "into a frame that is gone: status 1\n"
				       "into a device: status 1\n";
	char line[256];
	FILE *file = fopen("disk", "wb");

	if (!file || fputs("first sector", file) < 0 || fclose(file) != 0 || truncate("disk", 1024) != 0)
		complain("cannot make a disk");
	snprintf(line, sizeof line, "run virtio.elf --disk disk --timeout 20s --virtio %s", transport);
	start(line, INPUT_PIPE, OUTPUT_PIPE);
	want(process_wait_for(&process, "hello from the virtio console\n"), "the console is silent");
	process_type(&process, "a line\n");
	process_end(&process, 30);
	want_status(0);
	want(strstr(process.text[0], expected), "the disk does something else");
	want(on_qemu || strstr(process.text[0], confined), "the disk writes where it must not");
	want(strstr(process.text[0], "typed: a line\n"), "input does not arrive");
	file_check("disk", 0, "first sector");
	file_check("disk", 512, "written by the guest");
}

static void test_virtio(void)
{
	virtio_round("legacy");
	finish("virtio-legacy");
	virtio_round("modern");
	finish("virtio-modern");
	if (on_qemu)
		return;

	start("run virtio.elf --disk disk", INPUT_PIPE, OUTPUT_PIPE);
	want(process_wait_for(&process, "hello from the virtio console\n"), "the console is silent");
	process_input_end(&process);
	process_end(&process, 10);
	want_status(125);
	want(strstr(process.text[1], "nothing can ever run again"), "does not say so");
	finish("stuck-without-input");
}

/* --- at a terminal ------------------------------------------------------------------------------------ */

/* The terminal is restored within two seconds. */
static void want_cooked(void)
{
	for (unsigned wait = 0; wait < 100 && !process_terminal_is_cooked(&process); wait++)
		usleep(20000);
	want(process_terminal_is_cooked(&process), "terminal not restored");
}

static void test_terminal(void)
{
	start("run words.elf", INPUT_TERMINAL, OUTPUT_PIPE);
	want(process_wait_for(&process, "three"), "no output");
	want(!process_terminal_is_cooked(&process), "not in raw mode");
	process_type(&process, "\001h");
	want(process_wait_for(&process, "Ctrl-A x"), "no help");
	process_type(&process, "\001x");
	want_cooked();
	process_end(&process, 10);
	want_status(0);
	finish("terminal-escape");

	start("run words.elf", INPUT_TERMINAL, OUTPUT_PIPE);
	want(process_wait_for(&process, "three"), "no output");
	process_type(&process, "\003");
	process_end(&process, 10);
	want_status(130);
	finish("terminal-control-c");
}

static void test_terminal_signals(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGABRT};

	for (unsigned i = 0; i < 4; i++) {
		start("run words.elf", INPUT_TERMINAL, OUTPUT_PIPE);
		want(process_wait_for(&process, "three"), "no output");
		want(!process_terminal_is_cooked(&process), "not in raw mode");
		kill(process.pid, signals[i]);
		want_cooked();
		process_end(&process, 10);
		want_status(signals[i] == SIGABRT ? -SIGABRT : 128 + signals[i]);
	}
	finish("terminal-restored-on-signals");
}

/* --- the device tree ---------------------------------------------------------------------------------- */

static void tree_write(const char *path, int capacity)
{
	char *tree = calloc(1, (size_t)capacity);
	FILE *file = fopen(path, "wb");

	if (!tree || !file || fdt_create_empty_tree(tree, capacity) != 0 ||
	    fdt_setprop_string(tree, 0, "model", "abacus") != 0 ||
	    fwrite(tree, 1, (size_t)capacity, file) != (size_t)capacity || fclose(file) != 0)
		complain("cannot write a tree");
	free(tree);
}

static void test_tree(void)
{
	run("run tree.elf --timeout 20s");
	want_status(0);
	want(strcmp(process.text[0], "model: riscv-virtio,qemu\n") == 0, "another tree");
	tree_write("tree.dtb", 4096);
	run("run tree.elf --dtb tree.dtb --timeout 20s");
	want_status(0);
	want(strcmp(process.text[0], "model: abacus\n") == 0, "another tree");
	tree_write("tree.dtb", 0x10004);
	run("run tree.elf --dtb tree.dtb --timeout 20s");
	want_status(126);
	want_one_line("cannot boot tree.elf: the device tree is larger than 64 KiB");
	finish("device-tree");
}

/* --- the UART ----------------------------------------------------------------------------------------- */

#define BULK 5000

/* Every byte but the end's, several times what any buffer holds. */
static void test_input(void)
{
	static char bytes[BULK + 1], expected[BULK + 16];

	for (unsigned i = 0; i < BULK; i++)
		bytes[i] = (char)(i % 251 == 4 || i % 251 == 0 ? '.' : i % 251);
	snprintf(expected, sizeof expected, "ready\n%s", bytes);
	start("run echo.elf --timeout 20s", INPUT_PIPE, OUTPUT_PIPE);
	want(process_wait_for(&process, "ready"), "it is not ready");
	process_type(&process, bytes);
	process_type(&process, "\004");
	process_end(&process, 30);
	want_status(7);
	want_one_line("the guest switched the machine off with status 7");
	want(strcmp(process.text[0], expected) == 0, "what was typed is not what came");
	finish("input-and-guest-status");
}

/* Ctrl-C is the guest's while it listens. */
static void test_terminal_keys(void)
{
	start("run echo.elf", INPUT_TERMINAL, OUTPUT_PIPE);
	want(process_wait_for(&process, "ready"), "it is not ready");
	process_type(&process, "[\003\001a]");
	want(process_wait_for(&process, "[\003\001]"), "the keys do not arrive");
	process_type(&process, "\004");
	process_end(&process, 10);
	want_status(7);
	finish("terminal-keys");
}

/* A bare container may have no pseudo terminals. */
static bool have_terminals(void)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY);

	if (terminal < 0 || ptsname(terminal) == NULL || access(ptsname(terminal), F_OK) != 0) {
		printf("skip terminal tests: there are no pseudo terminals here (/dev/pts)\n");
		if (terminal >= 0)
			close(terminal);
		return false;
	}
	close(terminal);
	return true;
}

void test_ends(void)
{
	test_expect();
	test_signals();
	test_closed_console();
	test_input_end();
	test_stuck();
	if (!on_qemu) {
		test_fault();
		test_stats();
		test_stats_of_tiers();
		test_tiers();
	}
	test_virtio();
	test_tree();
	test_input();
	if (have_terminals()) {
		test_terminal();
		test_terminal_signals();
		test_terminal_keys();
	}
}
