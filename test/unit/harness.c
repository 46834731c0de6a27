/* Booting, calling and judging: see test/unit/harness.h. */
#include "test/unit/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/core/message.h"

enum check world_check = CHECK_AUDIT;

/* --- the world ---------------------------------------------------------------------------------- */

struct kernel *world_kernel(void)
{
	return machine_kernel();
}

struct tcb *world_current(void)
{
	struct core *core = this_core(machine_kernel());

	return core->current == core->idle ? NULL : tcb_at(core->current);
}

static void verify(void)
{
	const char *why = NULL;
	kref where = 0;

	if (world_check >= CHECK_KERNEL)
		why = kernel_check(machine_kernel(), &where);
	if (!why && world_check >= CHECK_AUDIT)
		why = audit(&where);
	if (!why && world_check >= CHECK_MEMORY)
		why = audit_memory(&where);
	if (why)
		test_fail("state: %s (at %#llx)", why, (unsigned long long)where);
}

void world_boot(const struct world_config *config)
{
	struct boot boot = {
		.ram = {KERNEL_PADDR, STUB_RAM_BASE + config->ram_size},
		.image = {IMAGE_PADDR, IMAGE_PADDR + 0x1000},
		.image_vaddr = IMAGE_VADDR,
		.entry = IMAGE_VADDR,
		.memory_is_clear = true,
	};
	const char *why;

	if (!stub_create(config->ram_size))
		test_fail("the host has not enough memory");
	if (!profile_find("debug", &boot.profile))
		test_fail("no such profile");
	boot.profile.root_cnode_bits = (uint8_t)config->root_bits;
	boot.profile.domains = (uint8_t)(config->domains ? config->domains : 1);
	why = kernel_boot(machine_kernel(), &boot);
	if (why)
		test_fail("boot: %s", why);
	kernel_resume(machine_kernel());
	verify();
}

bool world_slow_path;

void world_enter(const struct trap *trap)
{
	struct tcb *before = world_current(), *next;

	if (world_slow_path && trap->kind == TRAP_SYSCALL)
		next = enter_slow_syscall(machine_kernel(), before);
	else
		next = kernel_enter(machine_kernel(), trap);
	if (before)
		before->context.x[32] = 0;
	if (next)
		next->context.pc = next->next_pc;
	if (!machine_kernel()->halted && next != world_current())
		test_fail("kernel_enter() returned another thread than the current one");
	verify();
}

void world_syscall(int64_t number, uint64_t cptr, uint64_t info)
{
	static const struct trap trap = {.kind = TRAP_SYSCALL};
	struct tcb *tcb = world_current();

	tcb->context.x[REG_A7] = (uint64_t)number;
	tcb->context.x[REG_A0] = cptr;
	tcb->context.x[REG_A1] = info;
	world_enter(&trap);
}

void world_interrupt(unsigned irq)
{
	static const struct trap trap = {.kind = TRAP_INTERRUPT};

	if (irq)
		stub_raise(irq);
	world_enter(&trap);
}

/* --- invocations --------------------------------------------------------------------------------- */

uint64_t put_args(struct tcb *tcb, unsigned label, const struct args *args)
{
	uint64_t *buffer = lookup_buffer(tcb, true);

	for (unsigned i = 0; i < args->words; i++) {
		if (i < ISA_MESSAGE_REGISTERS)
			isa_set_message(&tcb->context, i, args->word[i]);
		else if (buffer)
			buffer[seL4_IPCBufferMsgWord + i] = args->word[i];
	}
	for (unsigned i = 0; i < args->caps && buffer; i++)
		buffer[seL4_IPCBufferCapsWord + i] = args->cap[i];
	return info_make(label, 0, args->caps, args->words);
}

bool call_ended(struct tcb *tcb, uint64_t pc, seL4_Error *error)
{
	if (world_current() != tcb)
		test_fail("the caller does not run any more");
	if (tcb->context.pc == pc)
		return false;
	tcb->context.pc = pc;
	*error = (seL4_Error)info_label(isa_info(&tcb->context));
	return true;
}

bool invoke_once(uint64_t cptr, unsigned label, const struct args *args, seL4_Error *error)
{
	struct tcb *tcb = world_current();
	uint64_t pc = tcb->context.pc;

	world_syscall(seL4_SysCall, cptr, put_args(tcb, label, args));
	return call_ended(tcb, pc, error);
}

seL4_Error invoke(uint64_t cptr, unsigned label, const struct args *args, uint64_t *result)
{
	seL4_Error error;

	while (!invoke_once(cptr, label, args, &error))
		;
	if (result)
		*result = isa_message(&world_current()->context, 0);
	return error;
}

seL4_Error retype(uint64_t untyped, unsigned type, unsigned bits, uint64_t first_slot, unsigned count)
{
	return INVOKE(untyped, UntypedRetype, ARGS(type, bits, 0, 0, first_slot, count),
		      CAPS(seL4_CapInitThreadCNode));
}

seL4_Error cnode_delete(uint64_t slot)
{
	return INVOKE(seL4_CapInitThreadCNode, CNodeDelete, ARGS(slot, ROOT_DEPTH));
}

seL4_Error cnode_revoke(uint64_t slot)
{
	return INVOKE(seL4_CapInitThreadCNode, CNodeRevoke, ARGS(slot, ROOT_DEPTH));
}

seL4_Error cnode_copy(uint64_t to, uint64_t from, uint64_t rights)
{
	return INVOKE(seL4_CapInitThreadCNode, CNodeCopy, ARGS(to, ROOT_DEPTH, from, ROOT_DEPTH, rights),
		      CAPS(seL4_CapInitThreadCNode));
}

seL4_Error cnode_mint(uint64_t to, uint64_t from, uint64_t rights, uint64_t data)
{
	return INVOKE(seL4_CapInitThreadCNode, CNodeMint,
		      ARGS(to, ROOT_DEPTH, from, ROOT_DEPTH, rights, data), CAPS(seL4_CapInitThreadCNode));
}

seL4_Error copy_into(uint64_t node, unsigned radix, uint64_t to, uint64_t from)
{
	return INVOKE(node, CNodeCopy, ARGS(to, radix, from, ROOT_DEPTH, RIGHTS_ALL),
		      CAPS(seL4_CapInitThreadCNode));
}

seL4_Error move_into(uint64_t node, unsigned radix, uint64_t to, uint64_t from)
{
	return INVOKE(node, CNodeMove, ARGS(to, radix, from, ROOT_DEPTH), CAPS(seL4_CapInitThreadCNode));
}

struct slot *root_slot(uint64_t index)
{
	struct slot *head = &machine_kernel()->derivation;

	/* The root server's TCB was the first object to be named: its CSpace is the root CNode. */
	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot))
		if (cap_type(slot->cap) == CAP_CNode &&
		    cap_cnode_radix(slot->cap) == machine_kernel()->profile.root_cnode_bits)
			return slot_at(cap_object(slot->cap) + (index << seL4_SlotBits));
	test_fail("there is no root CNode");
}

uint64_t largest_untyped(unsigned *bits)
{
	uint64_t best = 0, slots = 1ull << machine_kernel()->profile.root_cnode_bits;
	struct slot *root = root_slot(0);

	*bits = 0;
	for (uint64_t i = 0; i < slots; i++) {
		struct cap cap = root[i].cap;

		if (cap_type(cap) == CAP_Untyped && !cap_untyped_device(cap) && cap_untyped_bits(cap) > *bits) {
			best = i;
			*bits = cap_untyped_bits(cap);
		}
	}
	return best;
}

uint64_t first_empty(void)
{
	uint64_t index = 1ull << machine_kernel()->profile.root_cnode_bits;
	struct slot *root = root_slot(0);

	while (index > 0 && slot_is_empty(&root[index - 1]))
		index--;
	return index;
}

/* --- tests ---------------------------------------------------------------------------------------- */

const char *test_only;
void (*test_on_failure)(void);
static unsigned failures;
static const char *current_name;
static jmp_buf escape;

void test_fail(const char *format, ...)
{
	va_list args;

	printf("not ok %s: ", current_name ? current_name : "?");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (test_on_failure)
		test_on_failure();
	fflush(stdout);
	failures++;
	if (!current_name)
		exit(1);
	longjmp(escape, 1);
}

static void run(const char *name, void (*test)(void), bool quiet)
{
	if (test_only && !strstr(name, test_only))
		return;
	current_name = name;
	if (setjmp(escape) == 0) {
		test();
		if (!quiet)
			printf("ok %s\n", name);
		fflush(stdout);
	}
	current_name = NULL;
}

void test_run(const char *name, void (*test)(void))
{
	run(name, test, false);
}

void test_run_quiet(const char *name, void (*test)(void))
{
	run(name, test, true);
}

int test_end(void)
{
	stub_destroy();
	return failures != 0;
}
