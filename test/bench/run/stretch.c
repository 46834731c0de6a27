/*
 * A plugin of QEMU (7.2, plugin interface 1) that counts how long the kernel runs with interrupts off: the most
 * instructions, in any mode, between two moments at which an interrupt can get through. These are
 * a trap's first instruction, each read of `sip` (a preemption point, or the claim), wfi, and sret. Writes
 * to the file that its argument out= names a line for each kind of work that the guest marks
 * (test/bench/guest/latency.c):
 *
 *	NUMBER MOST FROM TO    the addresses of the instructions at both ends
 *
 * The declarations say what is used of the interface; QEMU is not needed to compile this.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum { CB_NO_REGISTERS = 0, INLINE_ADD_U64 = 0, INTERFACE = 1 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*cb)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned, void *),
					    int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int operation, void *counter,
						uint64_t addend);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*cb)(plugin_id, void *), void *data);

int qemu_plugin_version = INTERFACE;

#define WORKS_MAX 64
#define KERNEL    0xffffffff00000000ull

static uint64_t executed;
static bool in_kernel, measuring;
static uint64_t begin, begin_at;
static unsigned work;
static struct {
	uint64_t most, from, to;
} stretch[WORKS_MAX];

static void end_stretch(uint64_t at)
{
	if (in_kernel && measuring && executed - begin > stretch[work].most) {
		stretch[work].most = executed - begin;
		stretch[work].from = begin_at;
		stretch[work].to = at;
	}
}

static void on_look(unsigned hart, void *at)
{
	(void)hart;
	end_stretch((uint64_t)at);
	in_kernel = true;
	begin = executed;
	begin_at = (uint64_t)at;
}

static void on_return(unsigned hart, void *at)
{
	(void)hart;
	end_stretch((uint64_t)at);
	in_kernel = false;
}

static void on_mark(unsigned hart, void *number)
{
	(void)hart;
	if ((uint64_t)number == 1 && work + 1 < WORKS_MAX)
		work++;
	measuring = (uint64_t)number == 2;
}

/* Encodings: the RISC-V ISA manuals. trap_entry begins with csrrw sp, sscratch, sp. */
static void translate(plugin_id id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t at = qemu_plugin_insn_vaddr(insn);
		uint32_t word = 0;

		memcpy(&word, qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn) == 4 ? 4 : 2);
		qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &executed, 1);
		if (at < KERNEL && (word & 0xfffff) == 0x00002013)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, CB_NO_REGISTERS,
							       (void *)(uint64_t)(word >> 20));
		else if (at >= KERNEL && word == 0x10200073)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_return, CB_NO_REGISTERS, (void *)at);
		else if (at >= KERNEL &&
			 (word == 0x14011173 || word == 0x10500073 || (word & 0xfffff07f) == 0x14402073))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_look, CB_NO_REGISTERS, (void *)at);
	}
}

static void report(plugin_id id, void *path)
{
	FILE *file = fopen(path, "w");

	(void)id;
	if (!file) {
		perror(path);
		return;
	}
	for (unsigned i = 1; i <= work; i++)
		fprintf(file, "%u %" PRIu64 " %" PRIx64 " %" PRIx64 "\n", i, stretch[i].most, stretch[i].from,
			stretch[i].to);
	fclose(file);
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	static char path[4096];

	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4) != 0)
		return 1;
	snprintf(path, sizeof path, "%s", argv[0] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, report, path);
	return 0;
}
