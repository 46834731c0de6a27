/*
 * The debug system calls (debug-and-benchmark.md). Which of them there are is the profile's matter; what
 * it lacks is an unknown system call, like any number that nobody gave a meaning.
 */
#include <string.h>

#include "kernel/core/kernel.h"

static void print(const char *text)
{
	while (*text)
		machine_console_putc(*text++);
}

static void print_number(uint64_t value, unsigned base, unsigned width)
{
	char digits[20];
	unsigned count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	for (unsigned i = count; i < width; i++)
		machine_console_putc(' ');
	while (count)
		machine_console_putc(digits[--count]);
}

static void print_padded(const char *text, unsigned width)
{
	size_t length = strlen(text);

	print(text);
	for (size_t i = length; i < width; i++)
		machine_console_putc(' ');
}

static const char *state_name(const struct tcb *tcb)
{
	static const char *const names[] = {
		[THREAD_INACTIVE] = "inactive",
		[THREAD_RUNNING] = "running",
		[THREAD_RESTART] = "restart",
		[THREAD_BLOCKED_ON_RECEIVE] = "blocked on recv",
		[THREAD_BLOCKED_ON_SEND] = "blocked on send",
		[THREAD_BLOCKED_ON_REPLY] = "blocked on reply",
		[THREAD_BLOCKED_ON_NOTIFICATION] = "blocked on ntfn",
		[THREAD_IDLE] = "idle",
	};

	return tcb->state < sizeof names / sizeof names[0] ? names[tcb->state] : "?";
}

/* Every thread has a capability, so every thread is met on the derivation list. */
static void dump_scheduler(struct kernel *kernel)
{
	kref last = 0;

	print("Name                                State             IP                 Prio\r\n");
	for (struct slot *slot = slot_next(&kernel->derivation); slot != &kernel->derivation;
	     slot = slot_next(slot)) {
		const struct tcb *tcb;

		if (cap_type(slot->cap) != CAP_Thread || cap_object(slot->cap) == last)
			continue;
		last = cap_object(slot->cap);
		tcb = tcb_at(last);
		print_padded(tcb->name, 36);
		print_padded(state_name(tcb), 18);
		print("0x");
		print_number(tcb->context.pc, 16, 0);
		print_number(tcb->priority, 10, 20);
		print("\r\n");
	}
}

const char *cap_type_name(enum cap_type type)
{
	switch (type) {
#define CAP_NAME(name, number)                                                                               \
	case CAP_##name:                                                                                     \
		return #name;
		SEL4_CAP_TYPES(CAP_NAME)
#undef CAP_NAME
	}
	return "?";
}

/* One line for each capability, in the order of the derivation tree. */
static void snapshot(struct kernel *kernel)
{
	print("-- capabilities: slot type object\r\n");
	for (struct slot *slot = slot_next(&kernel->derivation); slot != &kernel->derivation;
	     slot = slot_next(slot)) {
		uint64_t start, size;

		print_number(machine_ref(slot), 16, 16);
		print(" ");
		print_padded(cap_type_name(cap_type(slot->cap)), 13);
		if (cap_memory(slot->cap, &start, &size)) {
			print(" 0x");
			print_number(start, 16, 0);
			print(" +0x");
			print_number(size, 16, 0);
		}
		print("\r\n");
	}
	print("-- end\r\n");
}

static void halt(struct kernel *kernel, const char *why)
{
	print(why);
	print("\r\n");
	kernel->halted = true;
	machine_halt();
}

static void name_thread(struct kernel *kernel, struct tcb *caller)
{
	struct lookup_failure failure;
	struct slot *slot = lookup_cptr(caller, isa_cptr(&caller->context), &failure);
	const uint64_t *buffer = lookup_buffer(caller, false);
	const char *name;
	size_t length, limit = seL4_MsgMaxLength * sizeof *buffer;
	struct tcb *tcb;

	if (!slot || cap_type(slot->cap) != CAP_Thread) {
		halt(kernel, "DebugNameThread: the capability is not of a TCB, halting");
		return;
	}
	if (!buffer) {
		halt(kernel, "DebugNameThread: the caller has no IPC buffer, halting");
		return;
	}
	name = (const char *)&buffer[seL4_IPCBufferMsgWord];
	length = strnlen(name, limit);
	if (length == limit) {
		halt(kernel, "DebugNameThread: the name has no end, halting");
		return;
	}
	tcb = tcb_at(cap_object(slot->cap));
	if (length >= TCB_NAME_SIZE)
		length = TCB_NAME_SIZE - 1;
	memset(tcb->name, 0, TCB_NAME_SIZE);
	memcpy(tcb->name, name, length);
	machine_trace_thread_named(tcb);
}

static void cap_identify(struct tcb *caller)
{
	struct lookup_failure failure;
	const struct slot *slot = lookup_cptr(caller, isa_cptr(&caller->context), &failure);

	isa_set_badge(&caller->context, slot ? cap_type(slot->cap) : CAP_Null);
}

bool debug_syscall(struct kernel *kernel, struct tcb *caller, int64_t number)
{
	const struct profile *profile = &kernel->profile;

	switch (number) {
	case seL4_SysDebugPutChar:
		if (!profile->printing)
			return false;
		COUNT(kernel->stats.put_char);
		machine_console_putc((char)isa_cptr(&caller->context));
		return true;
	case seL4_SysDebugDumpScheduler:
		if (!profile->printing)
			return false;
		if (profile->debug)
			dump_scheduler(kernel);
		return true;
	case seL4_SysDebugHalt:
		if (!profile->debug)
			return false;
		print("DebugHalt by ");
		halt(kernel, caller->name);
		return true;
	case seL4_SysDebugCapIdentify:
		if (!profile->debug)
			return false;
		COUNT(kernel->stats.cap_identify);
		cap_identify(caller);
		return true;
	case seL4_SysDebugSnapshot:
		if (!profile->debug)
			return false;
		snapshot(kernel);
		return true;
	case seL4_SysDebugNameThread:
		if (!profile->debug)
			return false;
		name_thread(kernel, caller);
		return true;
	case seL4_SysBenchmarkFlushCaches:
	case seL4_SysBenchmarkNullSyscall:
		return profile->benchmark;
	case seL4_SysBenchmarkResetLog:
		if (!profile->benchmark)
			return false;
		isa_set_badge(&caller->context, seL4_NoError);
		return true;
	case seL4_SysBenchmarkFinalizeLog:
		if (!profile->benchmark)
			return false;
		isa_set_badge(&caller->context, 0);
		return true;
	default:
		return false;
	}
}
