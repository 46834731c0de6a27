/* The reading half of trace.h: events in words, and the names of things in them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "port/vm/internal.h"
#include "kernel/core/message.h"
#include "port/vm/trace.h"

#define HISTORY_MOST 16

/* --- names -------------------------------------------------------------------------------------- */

const char *trace_syscall_name(int number)
{
	switch (number) {
#define NAME(name, value)                                                                                    \
	case value:                                                                                          \
		return #name;
		SEL4_SYSCALLS(NAME)
		SEL4_DEBUG_SYSCALLS(NAME)
#undef NAME
	default:
		return "unknown system call";
	}
}

const char *trace_capability_name(uint64_t word0)
{
	return cap_type_name(cap_type((struct cap){{word0, 0}}));
}

const char *trace_error_name(uint64_t number)
{
	switch (number) {
#define NAME(name, value)                                                                                    \
	case value:                                                                                          \
		return #name;
		SEL4_ERRORS(NAME)
#undef NAME
	default:
		return "?";
	}
}

const char *node_method_name(const struct node *node, uint64_t info)
{
	return label_name(profile_label(&node->kernel->profile, info_label(info)));
}

uint64_t trace_capability_object(uint64_t word0)
{
	struct cap cap = {{word0, 0}};

	switch (cap_type(cap)) {
	case CAP_Null:
	case CAP_IRQControl:
	case CAP_IRQHandler:
	case CAP_ASIDControl:
	case CAP_Domain:
		return 0;
	case CAP_Untyped:
	case CAP_Frame:
		return cap_paddr(cap);
	default:
		return isa_paddr(cap_object(cap));
	}
}

bool trace_capability_has_methods(uint64_t word0)
{
	switch (cap_type((struct cap){{word0, 0}})) {
	case CAP_Null:
	case CAP_Endpoint:
	case CAP_Notification:
	case CAP_Reply:
	case CAP_Zombie:
		return false;
	default:
		return true;
	}
}

/* --- a thread's events ---------------------------------------------------------------------------- */

static bool thread_exists(struct node *node, uint32_t thread)
{
	struct slot *head = &node->kernel->derivation;
	kref tcb = isa_kref(trace_thread_paddr(thread));

	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot))
		if (cap_type(slot->cap) == CAP_Thread && cap_object(slot->cap) == tcb)
			return true;
	return false;
}

/* A thread by its name, or where it is or was. What is written there now is a name only while it exists. */
static void name_thread(struct node *node, uint32_t thread, char *text, size_t size)
{
	char name[TCB_NAME_SIZE] = "";
	uint32_t space;

	if (thread_exists(node, thread))
		node_trace_thread(node, thread, name, &space);
	if (name[0])
		snprintf(text, size, "\"%s\"", name);
	else
		snprintf(text, size, "the thread at physical 0x%" PRIx64, trace_thread_paddr(thread));
}

static void describe_syscall(struct node *node, const struct trace_event *event, char *text, size_t size)
{
	int length = snprintf(text, size, "%s", trace_syscall_name(event->number));

	if (event->number < seL4_SysNBRecv || event->word[2] == 0)
		return;
	length += snprintf(text + length, size - (size_t)length, " on capability 0x%" PRIx64 " (%s",
			   event->word[0], trace_capability_name(event->word[2]));
	if (trace_capability_has_methods(event->word[2]))
		length += snprintf(text + length, size - (size_t)length, ": %s",
				   node_method_name(node, event->word[1]));
	snprintf(text + length, size - (size_t)length, ")");
}

const char *trace_message_name(int what)
{
	switch (what) {
	case TRACE_REPLIED:
		return "reply";
	case TRACE_FAULT_SENT:
		return "fault message";
	case TRACE_FAULT_REPLIED:
		return "answer to the fault";
	default:
		return "message";
	}
}

static void describe_message(struct node *node, const struct trace_event *event, bool sends, char *text,
			     size_t size)
{
	char other[96];
	int length;

	name_thread(node, sends ? event->other : event->thread, other, sizeof other);
	length = snprintf(text, size, "%s %s %s: label %" PRIu64 ", %u words",
			  trace_message_name(event->number), sends ? "to" : "from", other,
			  info_label(event->word[2]), info_length(event->word[2]));
	if (event->word[0])
		snprintf(text + length, size - (size_t)length,
			 ", over the endpoint at physical 0x%" PRIx64 ", badge 0x%" PRIx64, event->word[0],
			 event->word[1]);
}

static void describe_signal(struct node *node, const struct trace_event *event, bool does, char *text,
			    size_t size)
{
	char other[96] = "nobody who waits";

	if (does && event->other)
		name_thread(node, event->other, other, sizeof other);
	else if (!does && event->thread)
		name_thread(node, event->thread, other, sizeof other);
	else if (!does)
		snprintf(other, sizeof other, "an interrupt");
	snprintf(text, size, "signal %s %s, notification at physical 0x%" PRIx64 ", badge 0x%" PRIx64,
		 does ? "to" : "from", other, event->word[0], event->word[1]);
}

static void describe_fault(const struct trace_event *event, char *text, size_t size)
{
	static const char *const names[] = {
		[FAULT_CAP] = "capability fault, address",
		[FAULT_UNKNOWN_SYSCALL] = "unknown system call",
		[FAULT_USER_EXCEPTION] = "exception",
		[FAULT_VM] = "page fault at",
	};

	snprintf(text, size, "%s 0x%" PRIx64, names[event->number], event->word[0]);
}

/* The event as the thread sees it. False: it is nothing for a reader. */
static bool describe(struct node *node, const struct trace_event *event, uint32_t thread, char *text,
		     size_t size)
{
	bool does = event->thread == thread;

	switch ((enum trace_kind)event->kind) {
	case TRACE_SYSCALL:
		describe_syscall(node, event, text, size);
		return does;
	case TRACE_EXCEPTION:
	case TRACE_RAISED:
		describe_fault(event, text, size);
		return does;
	case TRACE_MESSAGE:
		describe_message(node, event, does, text, size);
		return true;
	case TRACE_SIGNAL:
		describe_signal(node, event, does, text, size);
		return true;
	case TRACE_SIGNAL_TAKEN:
		snprintf(text, size,
			 "takes the signals of the notification at physical 0x%" PRIx64 ": 0x%" PRIx64,
			 event->word[0], event->word[1]);
		return true;
	case TRACE_CREATED:
		snprintf(text, size, "is created");
		return !does;
	case TRACE_NAMED:
		snprintf(text, size, "is named \"%s\"", event->name);
		return event->other == thread;
	default:
		return false;
	}
}

void node_last_events(struct node *node, uint64_t tcb, unsigned most, node_line_fn *print, void *context)
{
	uint32_t thread = (uint32_t)(isa_paddr(tcb) >> seL4_TCBBits);
	const struct trace_event *found[HISTORY_MOST];
	char text[256], line[320];
	unsigned count = 0;
	uint64_t kept;

	node_select(node);
	node_trace_count(node, &kept);
	/* Backwards, to where the thread began. */
	while (kept > 0 && count < most && count < HISTORY_MOST) {
		const struct trace_event *event = node_trace_event(node, --kept);

		if (event->other == thread && event->kind == TRACE_DELETED)
			break;
		if ((event->thread == thread || event->other == thread) &&
		    describe(node, event, thread, text, sizeof text))
			found[count++] = event;
	}
	while (count-- > 0) {
		describe(node, found[count], thread, text, sizeof text);
		snprintf(line, sizeof line, "%15" PRIu64 " ns  %s", found[count]->time, text);
		print(context, line);
	}
}
