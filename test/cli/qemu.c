/*
 * `skerry run --on qemu`: ends as on Skerry's own machine (ends.c, once more), says what is wrong with QEMU,
 * and leaves nothing behind.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/cli/check.h"
#include "test/cli/guest.h"

/* --- QEMU that is not there, or fails ------------------------------------------------------------- */

/* A shell script in QEMU's place. */
static void fake_qemu(const char *script)
{
	FILE *file;

	mkdir("bin", 0755);
	file = fopen("bin/qemu-system-riscv64", "w");
	if (!file || fprintf(file, "#!/bin/sh\n%s\n", script) < 0 || fclose(file) != 0 ||
	    chmod("bin/qemu-system-riscv64", 0755) != 0)
		complain("cannot write a script");
}

static void test_missing(const char *path)
{
	char search[4096];

	setenv("PATH", "/nowhere", 1);
	run("run words.elf");
	want_status(126);
	want_one_line(
		"cannot run qemu-system-riscv64: No such file or directory (Debian has it in the packages "
		"qemu-system-misc and opensbi)");
	finish("missing");

	snprintf(search, sizeof search, "bin:%s", path);
	setenv("PATH", search, 1);
	fake_qemu("echo 'qemu: warning: dust' >&2; echo 'qemu: no BIOS \"opensbi.bin\"' >&2; exit 1");
	run("run words.elf");
	want_status(126);
	want(strcmp(process.text[1],
		    "skerry: qemu: warning: dust\n"
		    "skerry: cannot boot words.elf: qemu: no BIOS \"opensbi.bin\" (Debian has it in "
		    "the packages qemu-system-misc and opensbi)\n") == 0,
	     "other messages");
	finish("without-firmware");

	fake_qemu("printf 'Firmware 9\\r\\nboot error\\r\\n\\r\\n'; exit 3");
	run("run words.elf");
	want_status(126);
	want_one_line("QEMU ended with status 3; the firmware's last line: boot error");
	finish("firmware-fails");

	fake_qemu("echo Firmware 9; sleep 100");
	run("run words.elf --timeout 300ms");
	want_status(124);
	want(strstr(process.text[1],
		    "timeout after 0.3 s\nskerry: the system had not booted yet; the firmware's "
		    "last line: Firmware 9\n"),
	     "does not say how far it came");
	want(process.size[0] == 0, "prints what the firmware said");
	finish("firmware-hangs");
	setenv("PATH", path, 1);
}

static void test_kernel_refuses(void)
{
	run("run words.elf --root-cnode-bits 24 -m 16M");
	want_status(126);
	want_one_line("cannot boot words.elf: the image does not fit into memory");
	finish("kernel-says-why");
}

/* --- what is left behind ---------------------------------------------------------------------------- */

static pid_t qemu_of(pid_t parent)
{
	char path[64];
	FILE *file;
	int child = 0;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%d", &child) != 1)
		complain("there is no QEMU");
	if (file)
		fclose(file);
	return child;
}

/* Is the process gone within two seconds? (We inherit it when its parent dies.) */
static bool goes(pid_t pid)
{
	for (unsigned i = 0; i < 100; i++) {
		waitpid(pid, NULL, WNOHANG);
		if (kill(pid, 0) != 0)
			return true;
		usleep(20000);
	}
	return false;
}

static unsigned entries(const char *folder)
{
	DIR *entries = opendir(folder);
	unsigned count = 0;

	while (entries && readdir(entries))
		count++;
	if (entries)
		closedir(entries);
	return count;
}

static void test_nothing_left(void)
{
	static const int signals[] = {SIGTERM, SIGKILL, SIGABRT};
	unsigned before;

	mkdir("temporary", 0755);
	setenv("TMPDIR", "temporary", 1);
	before = entries(".") + entries("temporary");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		pid_t qemu;

		start("run words.elf", INPUT_PIPE, OUTPUT_PIPE);
		want(process_wait_for(&process, "three"), "no output");
		qemu = qemu_of(process.pid);
		kill(process.pid, signals[i]);
		process_end(&process, 10);
		want_status(signals[i] == SIGTERM ? 143 : -signals[i]);
		if (qemu > 1)
			want(goes(qemu), "QEMU goes on");
	}
	want(entries(".") + entries("temporary") == before, "files are left");
	unsetenv("TMPDIR");
	finish("nothing-left-behind");

	start("run words.elf", INPUT_PIPE, OUTPUT_PIPE);
	want(process_wait_for(&process, "three"), "no output");
	kill(qemu_of(process.pid), SIGKILL);
	process_end(&process, 10);
	want_status(128 + SIGKILL);
	want_one_line("QEMU was ended by signal 9");
	finish("death-is-noticed");
}

/* A guest that waits for input which never comes goes on waiting. */
static void test_no_input(void)
{
	start("run echo.elf", INPUT_NULL, OUTPUT_PIPE);
	want(process_wait_for(&process, "ready"), "it is not ready");
	kill(process.pid, SIGTERM);
	process_end(&process, 10);
	want_status(143);
	finish("waits-without-input");
}

/* --- images ------------------------------------------------------------------------------------------ */

static void test_images(void)
{
	static struct code code;
	struct guest guest;

	run("run loader --expect booted --timeout 20s"); /* of cli.c */
	want_status(0);
	want(strcmp(process.text[0], "booted") == 0, "not 'booted'");
	finish("boots-loader-image");

	/* What the kernel would begin to tell us with, should it be stuck. */
	code_print(&code, "\001\001Skerry is \001Skerry is odd");
	code_loop(&code);
	guest = guest_create(&code);
	guest_write("stutter.elf", &guest, &code);
	run("run stutter.elf --expect odd --timeout 20s");
	want_status(0);
	want(strcmp(process.text[0], "\001\001Skerry is \001Skerry is odd") == 0, "output is not byte for byte");
	finish("beginnings-of-a-mark");

	run("run fault.elf --timeout 20s"); /* of ends.c */
	want_status(125);
	want_one_line("nothing can ever run again");
	want(strncmp(process.text[0], "skerry: thread \"", 16) == 0, "another first line");
	finish("fault-is-on-the-console");
}

void test_qemu(void)
{
	char *path = getenv("PATH");

	if (system("command -v qemu-system-riscv64 >/dev/null") != 0) {
		printf("skip skerry run --on qemu: there is no qemu-system-riscv64 here\n");
		return;
	}
	path = path ? strdup(path) : strdup("");
	on_qemu = true;
	test_ends();
	test_missing(path);
	test_kernel_refuses();
	test_nothing_left();
	test_no_input();
	test_images();
	free(path);
}
