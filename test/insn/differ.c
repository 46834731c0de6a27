/*
 * The instruction set against QEMU: random programs (generate.c) run on qemu-riscv64 and on the VM, and
 * all registers, fcsr and memory they leave are compared. Then the same programs on the VM alone, with
 * budgets of many sizes: the same state and the same number of instructions every time.
 *
 *	differ [--seeds FIRST COUNT] [--sequences N] [--fresh] [--keep FILE]
 *
 * Prints a line for each seed; a difference is reported with the sequence's code. Without QEMU the
 * first part is skipped, and says so. `--fresh` adds one seed taken from the clock, which is printed.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/insn/generate.h"
#include "test/insn/machine.h"

#define QEMU     "qemu-riscv64"
#define QEMU_CPU "rv64,zba=false,zbb=false,zbc=false,zbs=false,h=false"

static unsigned failures;

static void result(bool good, const char *name, uint64_t seed, const char *why)
{
	printf("%s %s %s seed %" PRIu64 "%s%s\n", good ? "ok" : "not ok", machine_tier_name(), name, seed,
	       *why ? ": " : "", why);
	fflush(stdout);
	failures += !good;
}

/* --- under QEMU --- */

static void elf_write(const struct program *program, const char *path)
{
	Elf64_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_RISCV,
		.e_version = EV_CURRENT,
		.e_entry = PROGRAM_BASE + program->entry,
		.e_phoff = sizeof(header),
		.e_flags = 5 /* rvc, double */,
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
	};
	Elf64_Phdr segment = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W | PF_X,
		.p_vaddr = PROGRAM_BASE,
		.p_paddr = PROGRAM_BASE,
		.p_filesz = program->size,
		.p_memsz = program->size,
		.p_align = 4096,
	};
	FILE *file = fopen(path, "wb");

	memcpy(program->image, &header, sizeof(header));
	memcpy(program->image + sizeof(header), &segment, sizeof(segment));
	if (!file || fwrite(program->image, 1, program->size, file) != program->size || fclose(file)) {
		perror(path);
		exit(2);
	}
	chmod(path, 0700);
}

/* Runs QEMU; the program's results go to `out`. False if it ended otherwise than by exit(0). */
static bool qemu_run(const struct program *program, const char *path, uint8_t *out, char *why)
{
	int ends[2], status;
	uint64_t got = 0;
	ssize_t n;
	pid_t child;

	if (pipe(ends))
		exit(2);
	child = fork();
	if (child == 0) {
		dup2(ends[1], 1);
		close(ends[0]);
		execlp(QEMU, QEMU, "-cpu", QEMU_CPU, path, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	while (got < program->results_size &&
	       ((n = read(ends[0], out + got, program->results_size - got)) > 0 || (n < 0 && errno == EINTR)))
		got += n > 0 ? (uint64_t)n : 0;
	close(ends[0]);
	waitpid(child, &status, 0);
	sprintf(why, "qemu: status %#x, %" PRIu64 " of %" PRIu64 " bytes", status, got,
		program->results_size);
	return status == 0 && got == program->results_size;
}

static bool qemu_there(void)
{
	return system(QEMU " --version > /dev/null 2>&1") == 0;
}

/* --- on the VM --- */

static struct machine *load(const struct program *program)
{
	struct machine *m = machine_create();
	uint64_t pages = (program->size + 4095) / 4096;
	uint64_t first = map_new(m, PROGRAM_BASE, 1);

	for (uint64_t i = 1; i < pages; i++)
		map_new(m, PROGRAM_BASE + i * 4096, 1);
	(void)first;
	poke(m, PROGRAM_BASE, program->image, program->size);
	m->regs.pc = PROGRAM_BASE + program->entry;
	return m;
}

enum pattern { HUGE_BUDGET, ONE, TWO, SEVEN, RANDOM_SMALL, RANDOM_LARGE, PATTERNS };

static uint64_t next_budget(enum pattern pattern, struct random *r)
{
	switch (pattern) {
	case ONE:
		return 1;
	case TWO:
		return 2;
	case SEVEN:
		return 7;
	case RANDOM_SMALL:
		return random_below(r, 20);
	case RANDOM_LARGE:
		return random_below(r, 5000);
	default:
		return 100000000;
	}
}

/* Runs to the exit() in pieces; false, with the reason, if something else happens. */
static bool run(struct machine *m, enum pattern pattern, uint64_t seed, char *why)
{
	struct random r = {seed};
	uint64_t steps = 0;

	while (steps++ < 10000000) {
		uint64_t budget = next_budget(pattern, &r), before = m->hart->instret;
		enum vm_stop stop = vm_run(m->hart, &m->regs, budget);
		uint64_t done = m->hart->instret - before;

		if (stop == VM_STOP_BUDGET && done == budget)
			continue;
		if (stop == VM_STOP_ECALL && done < budget + !budget) {
			if (m->regs.x[17] == 93)
				return true;
			m->regs.pc += 4;
			continue;
		}
		sprintf(why,
			"stop %d after %" PRIu64 " of %" PRIu64 ", pc %#" PRIx64 ", cause %" PRIu64
			", tval %#" PRIx64,
			stop, done, budget, m->regs.pc, m->hart->cause, m->hart->tval);
		return false;
	}
	strcpy(why, "does not end");
	return false;
}

/* --- comparing --- */

static void print_code(struct machine *m, const struct program *program, unsigned sequence)
{
	uint64_t at = program->starts[sequence] + 66 * 4, end = program->starts[sequence + 1] - 71 * 4;

	while (at < end) {
		uint32_t word;
		char text[64];

		memcpy(&word, program->image + at, 4);
		printf("#   %6" PRIx64 "  ", PROGRAM_BASE + at);
		at += vm_disassemble(PROGRAM_BASE + at, word, text, sizeof(text));
		printf("%s\n", text);
	}
	(void)m;
}

static bool compare(struct machine *m, const struct program *program, const uint8_t *theirs)
{
	uint8_t *ours = malloc(program->results_size);
	bool same;

	peek(m, PROGRAM_BASE + program->results, ours, program->results_size);
	same = memcmp(ours, theirs, program->results_size) == 0;
	for (uint64_t i = 0; !same && i < program->results_size / 8; i++) {
		uint64_t a, b, reg = i % STATE_WORDS, sequence = i / STATE_WORDS;

		memcpy(&a, ours + i * 8, 8);
		memcpy(&b, theirs + i * 8, 8);
		if (a == b)
			continue;
		if (sequence >= program->sequences) {
			printf("# data at %#" PRIx64 ": %#" PRIx64 ", qemu %#" PRIx64 "\n",
			       PROGRAM_BASE + program->results + i * 8, a, b);
			break;
		}
		printf("# sequence %" PRIu64 " %s%" PRIu64 ": %#" PRIx64 ", qemu %#" PRIx64 "\n", sequence,
		       reg == 64  ? "fcsr"
		       : reg < 32 ? "x"
				  : "f",
		       reg & 31, a, b);
		if (i + 1 == program->results_size / 8 || (i + 1) / STATE_WORDS != sequence) {
			print_code(m, program, (unsigned)sequence);
			break;
		}
		for (uint64_t k = i + 1; k / STATE_WORDS == sequence; k++) {
			memcpy(&a, ours + k * 8, 8);
			memcpy(&b, theirs + k * 8, 8);
			if (a != b)
				printf("# and %s%" PRIu64 ": %#" PRIx64 ", qemu %#" PRIx64 "\n",
				       k % STATE_WORDS == 64  ? "fcsr"
				       : k % STATE_WORDS < 32 ? "x"
							      : "f",
				       k % STATE_WORDS & 31, a, b);
		}
		print_code(m, program, (unsigned)sequence);
		break;
	}
	free(ours);
	return same;
}

static void against_qemu(const struct program *program, uint64_t seed, const char *path)
{
	uint8_t *theirs = malloc(program->results_size);
	struct machine *m;
	char why[200] = "";
	bool good;

	elf_write(program, path);
	good = qemu_run(program, path, theirs, why);
	if (good) {
		m = load(program);
		good = run(m, HUGE_BUDGET, 0, why);
		if (good) {
			good = compare(m, program, theirs);
			strcpy(why, good ? "" : "states differ");
		}
		machine_destroy(m);
	}
	free(theirs);
	result(good, "qemu", seed, good ? "" : why);
}

static void with_budgets(const struct program *program, uint64_t seed)
{
	uint64_t hash = 0, instret = 0;

	for (enum pattern pattern = HUGE_BUDGET; pattern < PATTERNS; pattern++) {
		struct machine *m = load(program);
		char why[200] = "";
		bool good = run(m, pattern, seed, why);

		if (good && pattern == HUGE_BUDGET) {
			hash = machine_hash(m);
			instret = m->hart->instret;
		} else if (good && (hash != machine_hash(m) || instret != m->hart->instret)) {
			good = false;
			sprintf(why, "pattern %d: instret %" PRIu64 ", was %" PRIu64, pattern,
				m->hart->instret, instret);
		}
		machine_destroy(m);
		if (!good) {
			result(false, "budgets", seed, why);
			return;
		}
	}
	result(true, "budgets", seed, "");
}

static void seed_run(uint64_t seed, unsigned sequences, bool qemu, const char *path)
{
	struct program program;

	if (qemu) {
		program_generate(&program, seed, sequences);
		against_qemu(&program, seed, path);
		program_free(&program);
	}
	program_generate(&program, seed, 20);
	with_budgets(&program, seed);
	program_free(&program);
}

static int usage(void)
{
	fprintf(stderr, "usage: differ [--tier TIER] [--seeds FIRST COUNT] [--sequences N] [--fresh] "
			"[--keep FILE]\n");
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t first = 1, count = 6;
	unsigned sequences = 300;
	bool fresh = false, qemu = qemu_there();
	char path[64];
	const char *keep = NULL, *missing[16];

	if (!machine_tier_take(&argc, argv))
		return usage();
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--seeds") && i + 2 < argc) {
			first = strtoull(argv[++i], NULL, 0);
			count = strtoull(argv[++i], NULL, 0);
		} else if (!strcmp(argv[i], "--sequences") && i + 1 < argc) {
			sequences = (unsigned)strtoul(argv[++i], NULL, 0);
		} else if (!strcmp(argv[i], "--fresh")) {
			fresh = true;
		} else if (!strcmp(argv[i], "--keep") && i + 1 < argc) {
			keep = argv[++i];
		} else {
			return usage();
		}
	}
	snprintf(path, sizeof(path), "/tmp/skerry-insn-%d.elf", (int)getpid());
	if (!qemu)
		printf("skip instructions against QEMU: " QEMU " is not installed\n");
	for (uint64_t seed = first; seed < first + count; seed++)
		seed_run(seed, sequences, qemu, keep ? keep : path);
	if (fresh)
		seed_run((uint64_t)time(NULL), sequences, qemu, keep ? keep : path);
	if (!keep)
		unlink(path);
	if (count >= 6 && qemu)
		for (unsigned n = program_missing(missing, 16); n--;)
			result(false, "coverage", first, missing[n]);
	return failures != 0;
}
