/*
 * Tests of the `skerry` program as a user meets it: exit statuses, messages, the console, signals and
 * the terminal. Usage: cli build/skerry and the guests in build/test/cli. Prints `ok NAME` or `not ok NAME:
 * why`.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/cli/check.h"
#include "test/cli/guest.h"

/* --- the command line ----------------------------------------------------------------------------- */

static void test_usage(void)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
		{"", "no command given"},
		{"frobnicate", "no command 'frobnicate'"},
		{"run", "no image given"},
		{"run good.elf other.elf", "only one image"},
		{"run good.elf --frobnicate", "unknown option '--frobnicate'"},
		{"run good.elf -q", "unknown option '-q'"},
		{"run good.elf -m", "'-m' needs a value"},
		{"run good.elf -m 0", "16M to 64G"},
		{"run good.elf -m 1T", "16M to 64G"},
		{"run good.elf -m 99999999999999999999G", "not a size"},
		{"run good.elf -m 18446744073709551615G", "16M to 64G"},
		{"run good.elf -m -5M", "not a size"},
		{"run good.elf -m lots", "not a size"},
		{"run good.elf -m 64Q", "unknown unit 'Q'"},
		{"run good.elf -m 33M", "multiple of 2M"},
		{"run good.elf --time slow", "choose virtual or real"},
		{"run good.elf --timeout soon", "not a time"},
		{"run good.elf --timeout 5x", "not a time"},
		{"run good.elf --timeout 0", "out of range"},
		{"run good.elf --timeout 0s", "out of range"},
		{"run good.elf --timeout 300000h", "out of range"},
		{"run good.elf --timeout 99999999999999999999s", "not a time"},
		{"run good.elf --expect=", "empty"},
		{"run good.elf --abi vintage", "no such profile"},
		{"run good.elf --domains 0", "not a number from 1"},
		{"run good.elf --root-cnode-bits 99", "not a number"},
		{"run good.elf --stats=xml", "json"},
		{"run good.elf --on xen", "choose vm or qemu"},
		{"run --stats good.elf --on qemu", "leave out --on qemu"},
		{"run good.elf --perf-map --on qemu", "leave out --on qemu"},
		{"run good.elf --code-cache cache --on qemu", "leave out --on qemu"},
		{"run good.elf --code-cache", "needs a value"},
		{"run good.elf --perf-map=x", "takes no value"},
		{"run good.elf --tier fast", "choose auto, interp or jit"},
		{"run good.elf --tier jit --on qemu", "leave out --on qemu"},
		{"run good.elf --on qemu --tier interp", "leave out --on qemu"},
		{"inspect --tier good.elf", "unknown option"},
		{"run good.elf --verbose=yes", "takes no value"},
		{"run good.elf --gdb 65536", "not a port"},
		{"run good.elf --gdb :1", "not a port"},
		{"run good.elf -S", "with --gdb PORT"},
		{"run good.elf --gdb 1 --on qemu", "leave out --on qemu"},
		{"doctor me", "no argument"},
		{"inspect", "no image given"},
		{"inspect --foo", "unknown option"},
		{"image -o out", "no image given"},
		{"disasm", "no image given"},
		{"disasm --foo", "unknown option '--foo'"},
		{"image good.elf", "no output given"},
		{"image good.elf -o out --domains 0x2", "not a number from 1 to 16 (see: skerry image"},
		{"image good.elf -o out --root-cnode-bits 4", "not a number from 5 to 24"},
		{"image good.elf -o out --abi vintage", "no such profile"},
		{"image good.elf other.elf -o out", "one image at a time"},
		{"help frobnicate", "no command"},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		run(cases[i].line);
		want_status(2);
		want_one_line(cases[i].text);
		if (complained()) {
			char line[128];

			snprintf(line, sizeof line, "usage-errors (%s)", cases[i].line);
			finish(line);
		}
	}
	finish("usage-errors");
}

static void test_help(void)
{
	static const char *const lines[] = {
		"--help",         "help",        "run --help",   "help run",       "--version",
		"inspect --help", "run -h",      "debug --help", "doctor --help",  "disasm --help",
		"node --help",    "link --help", "key --help",   "cluster --help", "cluster up --help"};

	for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		run(lines[i]);
		want_status(0);
		want(process.size[0] > 5 && process.size[1] == 0, "nothing printed");
	}
	start("--help", INPUT_NULL, OUTPUT_FULL);
	process_end(&process, 10);
	want_status(125);
	want_one_line("No space left");
	finish("help-and-version");
}

static void test_doctor(void)
{
	run("doctor");
	want_status(0); /* here it was built, after all */
	want(process.size[0] > 100 && process.size[1] == 0, "nothing printed");
	finish("doctor");
}

/* --- images that cannot boot ------------------------------------------------------------------------ */

static struct code code;
static struct guest guest;

/* A fresh good image in `guest`, made of `code`. */
static void fresh(void)
{
	memset(&code, 0, sizeof code);
	code_print(&code, "booted\n");
	code_loop(&code);
	guest = guest_create(&code);
}

static void refused(const char *name, const char *text)
{
	guest_write("bad.elf", &guest, &code);
	run("run bad.elf");
	want_status(126);
	want_one_line(text);
	run("inspect bad.elf");
	want_status(126);
	want_one_line(text);
	want(strstr(process.text[0], "boots:        no"), "inspect does not say no");
	finish(name);
	fresh();
}

static void test_refused_architectures(void)
{
	static const struct {
		const char *name, *text;
		uint16_t machine;
	} cases[] = {
		{"refuses-x86-64", "x86-64", EM_X86_64},
		{"refuses-aarch64", "AArch64", EM_AARCH64},
		{"refuses-arm", "32-bit Arm", EM_ARM},
		{"refuses-powerpc", "PowerPC", EM_PPC64},
		{"refuses-unknown-machine", "unknown machine", 0x7777},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		fresh();
		guest.header.e_machine = cases[i].machine;
		refused(cases[i].name, cases[i].text);
	}
	guest.header.e_ident[EI_CLASS] = ELFCLASS32;
	refused("refuses-riscv32", "32-bit RISC-V");
	guest.header.e_ident[EI_DATA] = ELFDATA2MSB;
	guest.header.e_machine = EM_RISCV << 8;
	refused("refuses-big-endian", "big-endian");
	guest.header.e_flags = 8;
	refused("refuses-rv64e", "RV64E");
}

static void test_refused_files(void)
{
	fresh();
	guest.file_size = 20;
	refused("refuses-truncated-header", "truncated");
	guest.file_size = 80;
	refused("refuses-truncated-headers", "truncated");
	guest.file_size = 0x1010;
	refused("refuses-truncated-segment", "truncated");
	guest.header.e_type = ET_DYN;
	refused("refuses-pie", "position-independent");
	guest.header.e_type = ET_REL;
	refused("refuses-object-file", "object file");
	guest_segment(&guest, PT_INTERP, 0, 16, 16);
	refused("refuses-dynamic", "dynamically linked");
	guest.header.e_phnum = 0;
	refused("refuses-no-headers", "nothing to load");
	guest.segment[0].p_type = PT_NOTE;
	refused("refuses-no-segment", "no segment to load");
	guest.header.e_phentsize = 12;
	refused("refuses-odd-headers", "program headers are 12 bytes");
	guest.header.e_phoff = UINT64_MAX - 8;
	refused("refuses-headers-nowhere", "truncated");
	guest.segment[0].p_offset = UINT64_MAX - 8;
	refused("refuses-segment-nowhere", "truncated");
}

static void test_refused_layouts(void)
{
	fresh();
	guest_segment(&guest, PT_LOAD, GUEST_BASE + 16, 64, 64);
	refused("refuses-overlap", "overlap");
	guest_segment(&guest, PT_LOAD, 0xffffffff80000000, 64, 64);
	refused("refuses-kernel-addresses", "outside user addresses");
	guest_segment(&guest, PT_LOAD, 0x20000, 64, UINT64_MAX - 0x100);
	refused("refuses-wrapping-segment", "outside user addresses");
	guest.segment[0].p_memsz = 4;
	refused("refuses-file-larger-than-memory", "more bytes in the file");
	guest.header.e_entry = 0x50000;
	refused("refuses-entry-outside", "entry point 0x50000");
	guest.header.e_entry = GUEST_BASE + 1;
	refused("refuses-odd-entry", "odd");

	guest_segment(&guest, PT_LOAD, 0x20000, 0, 600ull << 20);
	guest_write("bad.elf", &guest, &code);
	run("run bad.elf");
	want_status(126);
	want_one_line("-m");
	finish("refuses-too-large");
}

static void test_refused_paths(void)
{
	fresh();
	guest_write("good.elf", &guest, &code);
	run("run missing.elf");
	want_status(126);
	want_one_line("No such file");
	run("run .");
	want_status(126);
	want_one_line("directory");
	run("run /dev/null");
	want_status(126);
	want_one_line("not a regular file");
	close(open("empty", O_CREAT | O_WRONLY, 0644));
	run("run empty");
	want_status(126);
	want_one_line("empty");
	run("run /bin/sh");
	want_status(126);
	want_one_line("it is for");
	run("run text");
	want_status(126);
	want_one_line("neither");
	if (geteuid() != 0) {
		chmod("empty", 0);
		run("run empty");
		want_status(126);
		want_one_line("Permission denied");
	}
	finish("refuses-paths");

	run("run good.elf --disk missing");
	want_status(126);
	want_one_line("cannot open disk missing: No such file");
	run("run good.elf --disk .");
	want_status(126);
	want_one_line("directory");
	run("run good.elf --disk text");
	want_status(126);
	want_one_line("multiple of 512");
	run("run good.elf --dtb image");
	want_status(126);
	want_one_line("no device tree");
	run("run good.elf --dtb text");
	want_status(126);
	want_one_line("not a device tree");
	run("run good.elf --dtb missing");
	want_status(126);
	want_one_line("No such file");
	finish("refuses-disk-and-dtb");
}

/* What `skerry image` makes is for firmware. */
static void test_metal_image(void)
{
	fresh();
	guest_write("good.elf", &guest, &code);
	run("image good.elf -o metal.elf");
	want_status(0);
	run("run metal.elf");
	want_status(126);
	want_one_line("cannot boot metal.elf: it is a bare-metal system made by skerry image");
	run("inspect metal.elf");
	want_status(126);
	want_one_line("it is a bare-metal system made by skerry image");
	want(strstr(process.text[0], "kind:         bare-metal system\n"), "inspect names another kind");
	finish("refuses-bare-metal-system");

	run("image good.elf --dtb good.elf -o metal.elf");
	want_status(126);
	want_one_line("good.elf is not a device tree");
	run("image good.elf --dtb missing -o metal.elf");
	want_status(126);
	want_one_line("cannot read device tree missing: No such file");
	finish("image-refuses-dtb");

	run("image /bin/sh -o metal.elf");
	want_status(126);
	want_one_line("cannot boot /bin/sh: it is for");
	finish("image-errors-name-the-file");

	/* Only a file of ours goes again when it could not be written. */
	want(symlink("/dev/full", "full") == 0, "no link");
	run("image good.elf -o full");
	want_status(126);
	want_one_line("cannot write full: No space left on device");
	want(access("full", F_OK) == 0, "the device's link is gone");
	finish("image-removes-no-device");
}

static void test_inspect(void)
{
	run("inspect /bin/sh");
	want_status(126);
	want(strstr(process.text[0], "kind:         ELF program\n") &&
		     strstr(process.text[0], "program:      sh") && !strstr(process.text[0], "root"),
	     "takes a program of the host for a root server");
	run("inspect good.elf");
	want_status(0);
	want(strstr(process.text[0], "kind:         root-server ELF\n"), "does not know a root server");
	run("inspect missing.elf");
	want_status(126);
	want_one_line("No such file");
	want(process.size[0] == 0, "says something of a file that is not there");
	finish("inspect-kinds");
}

static void test_wrong_profile(void)
{
	static const char name[] = "\0schedcontrol";

	fresh();
	memcpy(code.word + code.words, name, sizeof name);
	code.words += sizeof name / 4 + 1;
	guest = guest_create(&code);
	guest_write("mcs.elf", &guest, &code);
	run("run mcs.elf");
	want_status(126);
	want_one_line("MCS");
	run("run mcs.elf --abi debug --expect booted");
	want_status(0);
	finish("wrong-profile-is-named");
}

/* Nothing in the file says so, but it prints as programs for an MCS kernel do. */
static void test_mcs_calls(void)
{
	memset(&code, 0, sizeof code);
	for (unsigned i = 0; i < 20; i++)
		code_syscall(&code, -12);
	code_suspend(&code);
	guest = guest_create(&code);
	guest_write("mcs.elf", &guest, &code);
	run("run mcs.elf --timeout 10s");
	want_status(125);
	want(strstr(process.text[1], "MCS"), "does not say that it may be an MCS image");
	finish("mcs-image-is-known-by-its-calls");
}

/* --- images that boot ------------------------------------------------------------------------------ */

static void boots(const char *name)
{
	guest_write("good.elf", &guest, &code);
	run("run good.elf --expect booted --timeout 10s");
	want_status(0);
	want(strcmp(process.text[0], "booted") == 0, "not 'booted'");
	run("inspect good.elf");
	want_status(0);
	finish(name);
	fresh();
}

static void test_accepted_layouts(void)
{
	fresh();
	boots("boots-plain");
	guest.segment[0].p_align = 0;
	boots("boots-alignment-0");
	guest.segment[0].p_align = 3;
	boots("boots-alignment-3");
	guest_segment(&guest, PT_LOAD, GUEST_BASE + 0x800, 64, 0x300);
	boots("boots-segments-sharing-a-page");
	guest_segment(&guest, PT_LOAD, 0x40000, 0, 0x12345);
	guest_segment(&guest, PT_TLS, 0x40000, 0, 16);
	guest_segment(&guest, PT_GNU_RELRO, 0x40000, 0, 16);
	guest_segment(&guest, PT_GNU_STACK, 0, 0, 0);
	guest_segment(&guest, 0x6ffffff0, 0x40000, 0, 16);
	boots("boots-other-segments");
	guest_segment(&guest, PT_LOAD, 0x8000, 16, 16);
	boots("boots-segments-out-of-order");
	guest_segment(&guest, PT_LOAD, 0, 0, 0);
	boots("boots-empty-segment");
}

static void test_loader_image(void)
{
	static const char *const names[] = {"kernel.elf", "kernel.dtb", "some-server"};
	static const char *const files[] = {"good.elf", "text", "good.elf"};

	fresh();
	guest_write("good.elf", &guest, &code);
	loader_write("loader", names, files, 3);
	run("run loader --expect booted --timeout 10s");
	want_status(0);
	run("inspect loader");
	want_status(0);
	want(strstr(process.text[0], "root server:  some-server") && strstr(process.text[0], "kernel.dtb"),
	     "inspect does not name the members");
	loader_write("bare-loader", names, files, 1);
	run("run bare-loader");
	want_status(126);
	want_one_line("no root server");
	finish("boots-loader-image");
}

/* The guests, NAME.elf each, as files of the folder we are in. */
static bool link_guests(char **paths, unsigned count, const char *folder)
{
	for (unsigned i = 0; i < count; i++) {
		char *path = realpath(paths[i], NULL), link[256];
		bool good = path;

		snprintf(link, sizeof link, "%s/%s", folder, path ? strrchr(path, '/') + 1 : "");
		good = good && symlink(path, link) == 0;
		free(path);
		if (!good)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/skerry-cli-XXXXXX", *path = argc > 2 ? realpath(argv[1], NULL) : NULL;
	char remove[64];

	if (!path || !mkdtemp(folder) || !link_guests(argv + 2, (unsigned)argc - 2, folder) ||
	    chdir(folder) != 0) {
		fprintf(stderr, "usage: cli SKERRY GUEST.ELF...\n");
		return 2;
	}
	skerry = path;
	signal(SIGPIPE, SIG_IGN); /* a program that ended too early is a failed test, not our end */
	if (system("echo hello > text") != 0)
		return 2;
	test_refused_paths();
	test_usage();
	test_help();
	test_doctor();
	test_refused_architectures();
	test_refused_files();
	test_refused_layouts();
	test_accepted_layouts();
	test_loader_image();
	test_metal_image();
	test_inspect();
	test_wrong_profile();
	test_mcs_calls();
	test_ends();
	test_compiler();
	test_qemu();
	snprintf(remove, sizeof remove, "rm -rf %s", folder);
	free(path);
	return system(remove) != 0 || failures != 0;
}
