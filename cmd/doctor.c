/* `skerry doctor`: what this system has of what one may need, and the command that brings the rest. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/options.h"
#include "host/host.h"

/* Something needed, found as a program or as a file (a path begins with a slash). */
struct part {
	const char *what, *find, *package;
};

#define PARTS_MAX 12 /* with an empty one at the end */

struct purpose {
	const char *name;
	bool needed; /* what everybody wants: decides the exit status */
	struct part part[PARTS_MAX];
};

static const struct purpose purposes[] = {
	{"build",
	 true,
	 {{"gcc", "gcc", "gcc"},
	  {"make", "make", "make"},
	  {"C library", "/usr/include/stdio.h", "libc6-dev"},
	  {"libelf", "/usr/include/libelf.h", "libelf-dev"},
	  {"libdw", "/usr/include/elfutils/libdw.h", "libdw-dev"},
	  {"libfdt", "/usr/include/libfdt.h", "libfdt-dev"},
	  {"Capstone", "/usr/include/capstone/capstone.h", "libcapstone-dev"},
	  {"OpenSSL", "/usr/include/openssl/ssl.h", "libssl-dev"},
	  {"gcc for riscv64", "riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf"},
	  {"picolibc", "/usr/lib/picolibc/riscv64-unknown-elf/picolibc.specs",
	   "picolibc-riscv64-unknown-elf"}}},
	{"run --on qemu",
	 false,
	 {{"QEMU", "qemu-system-riscv64", "qemu-system-misc"},
	  {"OpenSBI", "/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin", "opensbi"}}},
	{"debug", false, {{"GDB for riscv64", "gdb-multiarch", "gdb-multiarch"}}},
	{"test, bench",
	 false,
	 {{"Python", "python3", "python3"},
	  {"ip", "ip", "iproute2"},
	  {"QEMU for programs", "qemu-riscv64", "qemu-user"},
	  {"QEMU", "qemu-system-riscv64", "qemu-system-misc"},
	  {"OpenSBI", "/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin", "opensbi"},
	  {"GDB for riscv64", "gdb-multiarch", "gdb-multiarch"}}},
};
#define PURPOSES   (sizeof purposes / sizeof purposes[0])

#define RUN_MEMORY (64 * MIB) /* what a small system takes, with room to spare */

static char packages[1024];

void help_doctor(void)
{
	printf("Usage: skerry doctor\n"
	       "Says what this system has of what Skerry can use, what it lacks, and the command that mends "
	       "that.\n"
	       "\n"
	       "Exit status: 0 if all is there to run and to build; 1 if not.\n");
}

static bool part_is_there(const struct part *part)
{
	return part->find[0] == '/' ? host_file_exists(part->find) : host_program_exists(part->find);
}

static void package_add(const char *package)
{
	char word[80];
	size_t size = strlen(packages);

	snprintf(word, sizeof word, " %s ", package);
	snprintf(packages + size, sizeof packages - size, "%s", size ? "" : " ");
	if (!strstr(packages, word))
		snprintf(packages + strlen(packages), sizeof packages - strlen(packages), "%s ", package);
}

static void line_begin(const char *name, bool good)
{
	printf("%-14s %-4s", name, good ? "yes" : "no");
}

/* One line: all that is there, or all that is not. */
static bool purpose_check(const struct purpose *purpose)
{
	bool good = true;
	unsigned told = 0;

	for (const struct part *part = purpose->part; part->what; part++)
		good &= part_is_there(part);
	line_begin(purpose->name, good);
	for (const struct part *part = purpose->part; part->what; part++) {
		if (part_is_there(part) != good)
			continue;
		printf("%s%s", told++ ? ", " : good ? "" : "missing: ", part->what);
		if (!good)
			package_add(part->package);
	}
	printf("\n");
	return good;
}

static bool run_check(void)
{
	const char *processor = host_processor();
	uint64_t memory = host_memory_available();
	bool good = memory >= RUN_MEMORY;

	line_begin("run", good);
	printf("%s%s, %" PRIu64 " MiB of memory free%s\n", processor,
	       strcmp(processor, "x86_64") == 0 ? "" : " (the quick interpreter is for x86_64)", memory >> 20,
	       good ? "" : ": too little");
	return good;
}

static void terminal_check(void)
{
	bool terminal = host_console_is_terminal();

	line_begin("terminal", terminal);
	printf("%s\n", terminal ? "keys reach the guest as they are typed"
				: "standard input is none: the guest reads it as a file");
}

int command_doctor(int argc, char **argv)
{
	bool good;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		help_doctor();
		return STATUS_OK;
	}
	if (argc > 1) {
		complain("doctor takes no argument '%s' (see: skerry doctor --help)", argv[1]);
		return STATUS_USAGE;
	}
	good = run_check();
	for (unsigned i = 0; i < PURPOSES; i++)
		good &= purpose_check(&purposes[i]) || !purposes[i].needed;
	terminal_check();
	if (packages[0])
		printf("\nOn Debian, this brings what is missing:\n    %sapt-get install "
		       "--no-install-recommends%s\n",
		       host_is_administrator() ? "" : "sudo ", packages);
	return good ? STATUS_OK : STATUS_FAIL;
}
