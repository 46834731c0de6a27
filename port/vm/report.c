/* The kernel's state in words for people: what a thread does, and why one was stopped. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "port/vm/internal.h"

static const char *state_name(const struct tcb *tcb)
{
	switch (tcb->state) {
	case THREAD_INACTIVE:
		return "stopped";
	case THREAD_RUNNING:
	case THREAD_RESTART:
		return "runnable";
	case THREAD_BLOCKED_ON_RECEIVE:
		return "receiving";
	case THREAD_BLOCKED_ON_SEND:
		return tcb->fault.type == FAULT_NONE ? "sending" : "faulted";
	case THREAD_BLOCKED_ON_REPLY:
		return tcb->fault.type == FAULT_NONE ? "awaiting reply" : "faulted";
	case THREAD_BLOCKED_ON_NOTIFICATION:
		return "waiting";
	default:
		return "idle";
	}
}

static void describe_wait(const struct tcb *tcb, char *text, size_t size)
{
	switch (tcb->state) {
	case THREAD_BLOCKED_ON_RECEIVE:
		snprintf(text, size, "receives on the endpoint at physical 0x%" PRIx64,
			 isa_paddr(tcb->blocked_on));
		break;
	case THREAD_BLOCKED_ON_SEND:
		snprintf(text, size, "%s on the endpoint at physical 0x%" PRIx64 " (badge 0x%" PRIx64 ")",
			 tcb->fault.type != FAULT_NONE ? "waits for its fault handler"
			 : tcb->sender_is_call         ? "calls"
						       : "sends",
			 isa_paddr(tcb->blocked_on), tcb->sender_badge);
		break;
	case THREAD_BLOCKED_ON_REPLY:
		snprintf(text, size, "waits for the reply to %s",
			 tcb->fault.type != FAULT_NONE ? "its fault" : "its call");
		break;
	case THREAD_BLOCKED_ON_NOTIFICATION:
		snprintf(text, size, "waits for the notification at physical 0x%" PRIx64,
			 isa_paddr(tcb->blocked_on));
		break;
	case THREAD_INACTIVE:
		snprintf(text, size, "%s",
			 tcb->fault.type != FAULT_NONE ? "faulted, and nobody handled it"
						       : "was never started, or was suspended");
		break;
	default:
		snprintf(text, size, "could run");
		break;
	}
}

void node_describe_thread(const struct tcb *tcb, struct node_thread *thread)
{
	memset(thread, 0, sizeof *thread);
	memcpy(thread->name, tcb->name, TCB_NAME_SIZE - 1);
	snprintf(thread->state, sizeof thread->state, "%s", state_name(tcb));
	describe_wait(tcb, thread->wait, sizeof thread->wait);
	thread->tcb = machine_ref(tcb);
	thread->pc = tcb->context.pc;
	memcpy(thread->x, tcb->context.x, sizeof thread->x);
	thread->priority = tcb->priority;
	thread->faulted = tcb->fault.type != FAULT_NONE;
	if (!isa_vspace(tcb->slot[TCB_VSPACE].cap, &thread->root_paddr, &thread->asid))
		thread->root_paddr = 0;
}

/* The next TCB on the list of full slots, from behind *slot; NULL: there is no more. */
static const struct tcb *next_thread(struct node *node, struct slot **slot, kref *last)
{
	while ((*slot = slot_next(*slot)) != &node->kernel->derivation) {
		if (cap_type((*slot)->cap) != CAP_Thread || cap_object((*slot)->cap) == *last)
			continue;
		*last = cap_object((*slot)->cap);
		return tcb_at(*last);
	}
	return NULL;
}

void node_threads(struct node *node, void (*each)(void *context, const struct node_thread *thread),
		  void *context)
{
	struct slot *slot = &node->kernel->derivation;
	struct node_thread thread;
	const struct tcb *tcb;
	kref last = 0;

	node_select(node);
	while ((tcb = next_thread(node, &slot, &last))) {
		node_describe_thread(tcb, &thread);
		each(context, &thread);
	}
}

bool node_thread(struct node *node, unsigned index, struct node_thread *thread)
{
	struct slot *slot = &node->kernel->derivation;
	const struct tcb *tcb;
	kref last = 0;

	node_select(node);
	while ((tcb = next_thread(node, &slot, &last)) && index > 0)
		index--;
	if (tcb)
		node_describe_thread(tcb, thread);
	return tcb;
}

/*
 * Under MCS every debug call's number is three lower: what was meant as DebugPutChar arrives here as
 * DebugCapIdentify. A classic image identifies a few capabilities, and prints.
 */
#define MCS_IDENTIFIES 8

const char *node_profile_hint(const struct node *node)
{
	const struct kernel_stats *stats = &node->kernel->stats;

	if (stats->cap_identify >= MCS_IDENTIFIES && stats->put_char == 0)
		return "it made many calls -12, which would be DebugPutChar under MCS, and printed nothing: "
		       "is it "
		       "built for a kernel with MCS? This machine's has the classic interface";
	return NULL;
}

/* --- faults ---------------------------------------------------------------------------------------- */

static int describe_lookup(struct lookup_failure failure, char *text, size_t size)
{
	switch (failure.type) {
	case seL4_InvalidRoot:
		return snprintf(text, size, "the root of the look-up is no CNode");
	case seL4_MissingCapability:
		return snprintf(text, size, "no suitable capability there (%u bits left)", failure.bits_left);
	case seL4_DepthMismatch:
		return snprintf(text, size, "depth mismatch with %u bits left, where the CNode takes %u",
				failure.bits_left, failure.bits_found);
	case seL4_GuardMismatch:
		return snprintf(text, size,
				"guard mismatch with %u bits left: the CNode's guard is 0x%" PRIx64
				" of %u bits",
				failure.bits_left, failure.guard_found, failure.bits_found);
	default:
		return snprintf(text, size, "nothing failed");
	}
}

/* The calls that other profiles have under a number: a hint that the image wants another one. */
static const char *other_profiles_call(int64_t number)
{
	switch (number) {
#define CALL_NAME(name, value)                                                                               \
	case value:                                                                                          \
		return #name;
		SEL4_DEBUG_SYSCALLS(CALL_NAME)
#undef CALL_NAME
	default:
		return NULL;
	}
}

static int describe_unknown_syscall(const struct tcb *tcb, char *text, size_t size)
{
	const char *profile = current_node->kernel->profile.name;
	int64_t number = (int64_t)tcb->fault.address;
	const char *name = other_profiles_call(number);

	if (name)
		return snprintf(
			text, size,
			"made system call %" PRId64 " (%s in classic profiles), which the ABI "
			"profile \"%s\" does not have (another --abi may; an MCS image would also do this)",
			number, name, profile);
	return snprintf(text, size, "made system call %" PRId64 ", which does not exist%s", number,
			number < 0 && number >= -33 ? " in the classic interface (an MCS image would do this)"
						    : "");
}

static const char *exception_name(uint64_t number)
{
	switch (number) {
	case VM_CAUSE_FETCH_MISALIGNED:
		return "jumped to a misaligned address";
	case VM_CAUSE_ILLEGAL:
		return "executed an illegal instruction";
	case VM_CAUSE_BREAKPOINT:
		return "executed ebreak";
	case VM_CAUSE_LOAD_MISALIGNED:
		return "used lr on a misaligned address";
	case VM_CAUSE_STORE_MISALIGNED:
		return "used sc or an amo on a misaligned address";
	default:
		return "raised an exception";
	}
}

static int describe_fault(const struct tcb *tcb, char *text, size_t size)
{
	const struct fault *fault = &tcb->fault;
	int length;

	switch (fault->type) {
	case FAULT_CAP:
		length = snprintf(text, size, "%s with capability address 0x%" PRIx64 ": ",
				  fault->in_receive ? "received" : "sent", fault->address);
		return length + describe_lookup(fault->lookup, text + length, size - (size_t)length);
	case FAULT_UNKNOWN_SYSCALL:
		return describe_unknown_syscall(tcb, text, size);
	case FAULT_USER_EXCEPTION:
		return snprintf(text, size, "%s (scause %" PRIu64 ")", exception_name(fault->address),
				fault->address);
	default:
		return snprintf(text, size, "%s address 0x%" PRIx64 ", which is not mapped for that",
				fault->instruction ? "fetched an instruction from"
				: fault->code == 7 ? "wrote to"
						   : "read from",
				fault->address);
	}
}

/* Why nobody could be told of the fault. */
static void describe_handler(const struct tcb *tcb, struct lookup_failure failure, char *text, size_t size)
{
	int length;

	if (tcb->fault_handler == 0) {
		snprintf(text, size, "; it has no fault handler");
		return;
	}
	length = snprintf(text, size, "; its fault handler, capability address 0x%" PRIx64 ", ",
			  tcb->fault_handler);
	if (failure.type == seL4_NoFailure)
		snprintf(text + length, size - (size_t)length,
			 "is not an endpoint with the rights Write and Grant or GrantReply");
	else
		describe_lookup(failure, text + length, size - (size_t)length);
}

void machine_unhandled_fault(struct tcb *tcb, struct lookup_failure failure)
{
	struct node *node = current_node;
	struct node_thread thread;
	char line[512];
	size_t length;

	trace_unhandled(node, tcb);
	node_debug_fault(node, tcb);
	if (!node->report)
		return;
	length = (size_t)describe_fault(tcb, line, sizeof line);
	describe_handler(tcb, failure, line + length, sizeof line - length);
	node_describe_thread(tcb, &thread);
	node->report(node->report_context, &thread, line);
}
