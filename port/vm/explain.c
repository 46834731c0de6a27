/*
 * Who holds what: the sentences that follow a report on a thread, so that a person sees which capability it
 * used, what object is behind it, and who could bring the thread on.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "port/vm/internal.h"
#include "port/vm/trace.h"

#define HOLDERS_MOST 8 /* named in one sentence */
#define LINE_SIZE    512

struct line {
	char text[LINE_SIZE];
	size_t length;
};

static void say(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct line *line, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line->text + line->length, LINE_SIZE - line->length, format, args);
	va_end(args);
	line->length += (size_t)length;
	if (line->length >= LINE_SIZE)
		line->length = LINE_SIZE - 1;
}

/* --- where a slot is ------------------------------------------------------------------------------ */

static bool inside(kref ref, kref start, uint64_t size)
{
	return ref >= start && ref - start < size;
}

/* The thread's name, or where it is. */
static void say_thread(struct line *line, kref tcb)
{
	if (tcb_at(tcb)->name[0])
		say(line, "\"%.*s\"", TCB_NAME_SIZE - 1, tcb_at(tcb)->name);
	else
		say(line, "the thread at physical 0x%" PRIx64, isa_paddr(tcb));
}

bool node_slot_home(struct node *node, const struct slot *slot, struct slot_home *home)
{
	struct slot *head = &node->kernel->derivation;
	kref ref = machine_ref(slot);

	for (struct slot *at = slot_next(head); at != head; at = slot_next(at)) {
		kref object = cap_object(at->cap);

		if (cap_type(at->cap) == CAP_CNode &&
		    inside(ref, object, 1ull << (cap_cnode_radix(at->cap) + seL4_SlotBits))) {
			*home = (struct slot_home){.cnode = object, .index = (ref - object) >> seL4_SlotBits};
			return true;
		}
		if (cap_type(at->cap) == CAP_Thread && inside(ref, object, sizeof tcb_at(0)->slot)) {
			*home = (struct slot_home){.tcb = object, .index = (ref - object) >> seL4_SlotBits};
			return true;
		}
	}
	if (slot >= node->kernel->irq_slot && slot < node->kernel->irq_slot + MAX_IRQS) {
		*home = (struct slot_home){.irq = true, .index = (uint64_t)(slot - node->kernel->irq_slot)};
		return true;
	}
	return false;
}

/* A thread that looks capabilities up in the CNode. */
static kref cspace_user(struct node *node, kref cnode)
{
	struct slot *head = &node->kernel->derivation;

	for (struct slot *at = slot_next(head); at != head; at = slot_next(at)) {
		kref tcb = cap_object(at->cap);
		struct cap root = cap_null();

		if (cap_type(at->cap) == CAP_Thread)
			root = tcb_at(tcb)->slot[TCB_CSPACE].cap;
		if (cap_type(root) == CAP_CNode && cap_object(root) == cnode)
			return tcb;
	}
	return 0;
}

/* Who has this capability: as short as it can be said. */
static void say_holder(struct node *node, struct line *line, const struct slot *slot)
{
	static const char *const names[] = {"CSpace", "VSpace", "master reply", "reply", "IPC buffer"};
	struct slot_home home;
	kref user;

	if (!node_slot_home(node, slot, &home)) {
		say(line, "an unknown slot");
	} else if (home.irq) {
		say(line, "interrupt %" PRIu64, home.index);
	} else if (home.tcb) {
		say_thread(line, home.tcb);
		say(line, " (its %s slot)", home.index < TCB_SLOTS ? names[home.index] : "?");
	} else {
		user = cspace_user(node, home.cnode);
		if (user)
			say_thread(line, user);
		else
			say(line, "the CNode at physical 0x%" PRIx64, isa_paddr(home.cnode));
		say(line, " (slot 0x%" PRIx64 ")", home.index);
	}
}

/* --- the capability that was used ------------------------------------------------------------------- */

static void say_rights(struct line *line, struct cap cap)
{
	unsigned rights = cap_rights(cap);

	say(line, ", rights %s%s%s%s", rights & RIGHT_READ ? "R" : "", rights & RIGHT_WRITE ? "W" : "",
	    rights & RIGHT_GRANT ? "G" : "", rights & RIGHT_GRANT_REPLY ? "P" : "");
	if (cap_badge(cap))
		say(line, ", badge 0x%" PRIx64, cap_badge(cap));
}

/* A waiting thread's registers are still those of its call: the capability's address is in one. */
static void explain_used(struct node *node, const struct tcb *tcb, kref object, node_line_fn *print,
			 void *context)
{
	uint64_t cptr = isa_cptr(&tcb->context);
	struct lookup_failure failure;
	const struct slot *slot = lookup_cptr(tcb, cptr, &failure);
	struct line line = {.length = 0};
	struct slot_home home;

	if (!slot || (cap_type(slot->cap) != CAP_Endpoint && cap_type(slot->cap) != CAP_Notification) ||
	    (object && cap_object(slot->cap) != object)) {
		say(&line, "the capability that it used, at 0x%" PRIx64 ", is there no more", cptr);
	} else {
		say(&line, "by capability 0x%" PRIx64 " (%s at physical 0x%" PRIx64, cptr,
		    trace_capability_name(slot->cap.word[0]), isa_paddr(cap_object(slot->cap)));
		say_rights(&line, slot->cap);
		say(&line, ")");
		if (node_slot_home(node, slot, &home) && home.cnode)
			say(&line, " in slot 0x%" PRIx64 " of %s CNode at physical 0x%" PRIx64, home.index,
			    home.cnode == cap_object(tcb->slot[TCB_CSPACE].cap) ? "its CSpace, the" : "the",
			    isa_paddr(home.cnode));
	}
	print(context, line.text);
}

/* --- who could bring it on --------------------------------------------------------------------------- */

/* Names who else has the object with this right. */
static void explain_holders(struct node *node, const struct tcb *tcb, enum cap_type type, kref object,
			    unsigned right, const char *what, node_line_fn *print, void *context)
{
	struct slot *head = &node->kernel->derivation;
	struct lookup_failure failure;
	const struct slot *own = lookup_cptr(tcb, isa_cptr(&tcb->context), &failure);
	struct line line = {.length = 0};
	unsigned count = 0;

	for (struct slot *slot = slot_next(head); slot != head; slot = slot_next(slot)) {
		if (slot == own || cap_type(slot->cap) != type || cap_object(slot->cap) != object ||
		    !(cap_rights(slot->cap) & right))
			continue;
		if (count++ >= HOLDERS_MOST)
			continue;
		say(&line, "%s", count == 1 ? "" : ", ");
		say_holder(node, &line, slot);
	}
	if (count == 0)
		say(&line, "no other capability");
	if (count > HOLDERS_MOST)
		say(&line, " and %u more", count - HOLDERS_MOST);
	say(&line, " %s", what);
	print(context, line.text);
}

/* The one reply capability for a caller follows its master on the list. */
static void explain_reply(struct node *node, const struct tcb *tcb, node_line_fn *print, void *context)
{
	const struct slot *reply = slot_next(&tcb->slot[TCB_REPLY]);
	struct line line = {.length = 0};

	if (cap_type(reply->cap) != CAP_Reply || cap_object(reply->cap) != machine_ref(tcb))
		return;
	say(&line, "the reply is owed by ");
	say_holder(node, &line, reply);
	print(context, line.text);
}

void node_explain(struct node *node, uint64_t tcb_ref, node_line_fn *print, void *context)
{
	struct line line = {.length = 0};
	const struct tcb *tcb;
	bool faulted;

	node_select(node);
	tcb = tcb_at(tcb_ref);
	faulted = tcb->fault.type != FAULT_NONE;
	switch (tcb->state) {
	case THREAD_BLOCKED_ON_RECEIVE:
		explain_used(node, tcb, tcb->blocked_on, print, context);
		explain_holders(node, tcb, CAP_Endpoint, tcb->blocked_on, RIGHT_WRITE, "could send to it",
				print, context);
		break;
	case THREAD_BLOCKED_ON_SEND:
		if (!faulted)
			explain_used(node, tcb, tcb->blocked_on, print, context);
		explain_holders(node, tcb, CAP_Endpoint, tcb->blocked_on, RIGHT_READ, "could receive from it",
				print, context);
		break;
	case THREAD_BLOCKED_ON_NOTIFICATION:
		explain_used(node, tcb, tcb->blocked_on, print, context);
		explain_holders(node, tcb, CAP_Notification, tcb->blocked_on, RIGHT_WRITE, "could signal it",
				print, context);
		break;
	case THREAD_BLOCKED_ON_REPLY:
		if (!faulted)
			explain_used(node, tcb, 0, print, context);
		explain_reply(node, tcb, print, context);
		break;
	default:
		if (!faulted || tcb->fault.type != FAULT_CAP ||
		    cap_type(tcb->slot[TCB_CSPACE].cap) != CAP_CNode)
			break;
		say(&line, "its CSpace is the CNode at physical 0x%" PRIx64,
		    isa_paddr(cap_object(tcb->slot[TCB_CSPACE].cap)));
		print(context, line.text);
		break;
	}
}
