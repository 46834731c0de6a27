/*
 * From the ring of events to a timeline. A thread's track has what it does, one slice after another:
 * "running" in user mode, a system call from its entry to its return, a fault from the instruction to where
 * it goes on; inside of them, as instants, the messages and signals that it sends and gets, which arrows
 * join. The track of the hart has who runs, and the interrupts. What passes the links of a node is on the
 * track of the thread that drives them, its bridge.
 *
 * Two passes, for a track must have its name and its process before anything is on it. Both meet the
 * threads in the same order: a thread is new where its number occurs first, and where it does after its
 * deletion.
 */
#include "cmd/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sel4/types.h>

#include "cmd/trace_file.h"
#include "cmd/trace_link.h"
#include "port/vm/node.h"
#include "port/vm/trace.h"

/* A thread as long as it exists, among the events kept. */
struct life {
	uint32_t thread, space;
	uint32_t track, process;
	bool deleted;
	uint64_t first, last; /* event numbers */
	size_t later;         /* the next life of the same number, an index + 1; 0: none */
	char name[64];

	/* The second pass. */
	unsigned depth;      /* open slices on its track */
	bool running;        /* the one that is open is "running" */
	bool method, answer; /* the one that is open: is it a method's? Does a message end it? */
};

/* Threads that ran in one address space, one beside or right after the other. */
struct process {
	uint32_t space, number;
	uint64_t last; /* event number */
	const struct life *oldest;
};

/* A signal that a notification keeps until a thread takes it. */
struct kept_signal {
	uint64_t notification;
	uint64_t number; /* first pass: of the event; second: of the arrow */
};

static struct {
	struct trace_file *file;
	struct node *node;
	bool member;     /* of a cluster */
	uint64_t offset; /* guest time 0 in the file */
	uint64_t events;
	uint32_t hart, machine; /* track and process of what is no thread's */

	struct life *lives;
	size_t life_count, life_room;
	struct process *processes;
	size_t process_count, process_room;
	struct kept_signal *kept;
	size_t kept_count, kept_room;

	/* Which life has a thread's number now: open addressing; 0 is empty, else an index + 1. */
	uint32_t *place;
	size_t places;
	uint8_t *taken; /* a bit for each event: a kept signal that is taken later */

	/* The thread that sends most frames, found by Boyer and Moore's vote in the first pass. */
	uint32_t bridge;
	uint64_t votes;

	const struct trace_event *entry; /* whose return is not yet shown */
	struct life *current;            /* on the hart; NULL: idle */
	bool hart_busy;                  /* a slice of `current` is open on its track */
} t;

static bool grow(void **items, size_t *room, size_t count, size_t size)
{
	size_t more = *room ? *room * 2 : 64;
	void *larger;

	if (count < *room)
		return true;
	larger = realloc(*items, more * size);
	if (!larger)
		return false;
	*items = larger;
	*room = more;
	return true;
}

/* --- first pass: who there is -------------------------------------------------------------------- */

static size_t place_of(uint32_t thread)
{
	size_t at = thread * 2654435761ull % t.places;

	while (t.place[at] && t.lives[t.place[at] - 1].thread != thread)
		at = (at + 1) % t.places;
	return at;
}

static bool meet(uint32_t thread, uint32_t space, uint64_t number)
{
	size_t place = place_of(thread);
	struct life *life = t.place[place] ? &t.lives[t.place[place] - 1] : NULL;

	if (thread == 0)
		return true;
	if (!life || life->deleted) {
		if (!grow((void **)&t.lives, &t.life_room, t.life_count, sizeof *t.lives))
			return false;
		life = &t.lives[t.life_count];
		*life = (struct life){.thread = thread, .first = number};
		t.place[place] = (uint32_t)++t.life_count;
	}
	life->last = number;
	if (life->space == 0)
		life->space = space;
	return true;
}

static struct kept_signal *kept_by(uint64_t notification)
{
	for (size_t i = 0; i < t.kept_count; i++)
		if (t.kept[i].notification == notification)
			return &t.kept[i];
	return NULL;
}

static bool keep_signal(uint64_t notification, uint64_t number)
{
	struct kept_signal *kept = kept_by(notification);

	if (!kept) {
		if (!grow((void **)&t.kept, &t.kept_room, t.kept_count, sizeof *t.kept))
			return false;
		kept = &t.kept[t.kept_count++];
	}
	*kept = (struct kept_signal){notification, number};
	return true;
}

static void drop_signal(struct kept_signal *kept)
{
	*kept = t.kept[--t.kept_count];
}

/* An arrow comes from the last of the signals that are taken together. */
static bool find_taken(const struct trace_event *event, uint64_t number)
{
	struct kept_signal *kept;

	if (event->kind == TRACE_SIGNAL && event->other == 0)
		return keep_signal(event->word[0], number);
	if (event->kind != TRACE_SIGNAL_TAKEN)
		return true;
	kept = kept_by(event->word[0]);
	if (kept) {
		t.taken[kept->number / 8] |= (uint8_t)(1u << kept->number % 8);
		drop_signal(kept);
	}
	return true;
}

static void find_bridge(const struct trace_event *event)
{
	if (event->kind != TRACE_FRAME_SENT || event->thread == 0)
		return;
	if (t.votes == 0)
		t.bridge = event->thread;
	t.votes += event->thread == t.bridge ? 1 : -1;
}

static bool collect(void)
{
	for (uint64_t i = 0; i < t.events; i++) {
		const struct trace_event *event = node_trace_event(t.node, i);
		bool deletes = event->kind == TRACE_DELETED;

		if (!meet(event->thread, deletes ? 0 : event->space, i) ||
		    !meet(event->other, deletes ? event->space : 0, i) || !find_taken(event, i))
			return false;
		find_bridge(event);
		if (deletes) {
			struct life *life = &t.lives[t.place[place_of(event->other)] - 1];

			life->deleted = true;
			memcpy(life->name, event->name, sizeof event->name);
		}
	}
	t.kept_count = 0;
	return true;
}

/* What still exists says itself what it is. Then each number means its first life again. */
static void finish_lives(void)
{
	for (size_t i = t.life_count; i-- > 0;) {
		struct life *life = &t.lives[i];
		size_t place = place_of(life->thread);
		uint32_t space;

		if (!life->deleted) {
			life->last = t.events;
			node_trace_thread(t.node, life->thread, life->name, &space);
			if (life->space == 0)
				life->space = space;
		}
		if (!life->name[0])
			snprintf(life->name, sizeof life->name, "tcb 0x%" PRIx64,
				 trace_thread_paddr(life->thread));
		if (t.place[place] != i + 1)
			life->later = t.place[place];
		t.place[place] = (uint32_t)i + 1;
	}
}

static struct process *process_of(const struct life *life)
{
	for (size_t i = t.process_count; i-- > 0;)
		if (t.processes[i].space == life->space &&
		    (t.processes[i].last >= life->first || life->space == 0))
			return &t.processes[i];
	return NULL;
}

static bool collect_processes(void)
{
	for (size_t i = 0; i < t.life_count; i++) {
		struct life *life = &t.lives[i];
		struct process *process = process_of(life);

		if (!process) {
			if (!grow((void **)&t.processes, &t.process_room, t.process_count,
				  sizeof *t.processes))
				return false;
			process = &t.processes[t.process_count++];
			*process = (struct process){
				.space = life->space, .number = trace_file_number(t.file), .oldest = life};
		}
		if (life->last > process->last)
			process->last = life->last;
		life->process = process->number;
		life->track = trace_file_number(t.file);
	}
	return true;
}

static void number_machine(void)
{
	t.hart = trace_file_number(t.file);
	t.machine = t.member ? trace_file_number(t.file) : 0;
}

static void write_tracks(void)
{
	if (t.machine)
		trace_file_process(t.file, t.machine, "machine");
	trace_file_track(t.file, t.hart, t.machine, "hart 0");
	for (size_t i = 0; i < t.process_count; i++) {
		const struct process *process = &t.processes[i];
		char name[128] = "threads without an address space";

		if (process->space)
			snprintf(name, sizeof name, "%s (address space 0x%" PRIx64 ")", process->oldest->name,
				 trace_space_paddr(process->space));
		trace_file_process(t.file, process->number, name);
	}
	for (size_t i = 0; i < t.life_count; i++)
		trace_file_track(t.file, t.lives[i].track, t.lives[i].process, t.lives[i].name);
}

/* --- second pass: what they do -------------------------------------------------------------------- */

/* The thread that has the number at this event; numbers of events must not go back. */
static struct life *life_at(uint32_t thread, uint64_t number)
{
	uint32_t *place = &t.place[place_of(thread)];

	if (thread == 0)
		return NULL;
	while (t.lives[*place - 1].last < number && t.lives[*place - 1].later)
		*place = (uint32_t)t.lives[*place - 1].later;
	return &t.lives[*place - 1];
}

static struct trace_point on_hart(uint64_t time)
{
	return (struct trace_point){t.offset + time, t.hart, t.machine};
}

static struct trace_point on(const struct life *life, uint64_t time)
{
	return (struct trace_point){t.offset + time, life->track, life->process};
}

static void open_slice(struct life *life, uint64_t time, const char *category, const char *name,
		       const struct trace_args *args)
{
	trace_file_begin(t.file, on(life, time), category, name, args);
	life->depth++;
}

/* `args` are for the outermost, which began first. */
static void close_slices(struct life *life, uint64_t time, const struct trace_args *args)
{
	for (; life->depth > 0; life->depth--)
		trace_file_end(t.file, on(life, time), life->depth == 1 ? args : NULL);
	life->running = life->method = life->answer = false;
}

static void hart_switch(struct life *life, uint64_t time)
{
	if (t.hart_busy)
		trace_file_end(t.file, on_hart(time), NULL);
	t.current = life;
	t.hart_busy = life;
	if (life)
		trace_file_begin(t.file, on_hart(time), "sched", life->name, NULL);
}

static uint64_t label_of(uint64_t info)
{
	return seL4_MessageInfo_get_label((seL4_MessageInfo_t){{info}});
}

static uint64_t length_of(uint64_t info)
{
	return seL4_MessageInfo_get_length((seL4_MessageInfo_t){{info}});
}

static uint64_t caps_of(uint64_t info)
{
	return seL4_MessageInfo_get_extraCaps((seL4_MessageInfo_t){{info}});
}

/* The thread goes on in user mode: its system call or fault is over. */
static void show_return(struct life *life, uint64_t time, uint64_t info)
{
	struct trace_args args = {.count = 0};

	if (life->method) {
		trace_arg_text(&args, "result", trace_error_name(label_of(info)));
	} else if (life->answer) {
		trace_arg_number(&args, "received label", label_of(info));
		trace_arg_number(&args, "received length", length_of(info));
	}
	close_slices(life, time, &args);
}

/* The entry is over, and what follows is event `number`, or NULL at the end. */
static void leave(const struct trace_event *next, uint64_t number)
{
	const struct trace_event *entry = t.entry;
	struct life *resumed, *before = t.current;
	uint64_t time;

	if (!entry)
		return;
	t.entry = NULL;
	time = entry->time + entry->lasted;
	resumed = life_at(entry->other, number);
	if (entry->kind == TRACE_INTERRUPT)
		trace_file_end(t.file, on_hart(time), NULL);
	if (resumed != before) {
		if (before && before->running)
			close_slices(before, time, NULL);
		hart_switch(resumed, time);
	}
	if (!resumed || resumed->running)
		return;
	show_return(resumed, time, entry->word[TRACE_SYSCALL_RETURNED]);
	/* A call that was preempted is made again at once. */
	if (next && next->time == time && next->thread == entry->other)
		return;
	open_slice(resumed, time, "sched", "running", NULL);
	resumed->running = true;
}

static void show_syscall(struct life *life, const struct trace_event *event)
{
	const char *call = trace_syscall_name(event->number);
	bool proper = event->number >= seL4_SysNBRecv && event->number <= seL4_SysCall;
	bool method = proper && trace_capability_has_methods(event->word[2]);
	bool receives = event->number == seL4_SysRecv || event->number == seL4_SysReplyRecv ||
			event->number == seL4_SysNBRecv;
	struct trace_args args = {.count = 0};
	char name[80];

	snprintf(name, sizeof name, "%s", call);
	if (!proper && event->number != 0) {
		trace_arg_address(&args, "argument", event->word[0]);
	} else if (proper && event->number != seL4_SysYield) {
		if (event->number != seL4_SysReply)
			trace_arg_address(&args, "capability", event->word[0]);
		if (event->word[2]) {
			snprintf(name, sizeof name, "%s %s", call,
				 method ? node_method_name(t.node, event->word[1])
					: trace_capability_name(event->word[2]));
			trace_arg_text(&args, "type", trace_capability_name(event->word[2]));
			trace_arg_address(&args, "object", trace_capability_object(event->word[2]));
		}
		if (method)
			trace_arg_text(&args, "method", node_method_name(t.node, event->word[1]));
		if (event->number != seL4_SysRecv && event->number != seL4_SysNBRecv) {
			trace_arg_number(&args, "label", label_of(event->word[1]));
			trace_arg_number(&args, "length", length_of(event->word[1]));
			trace_arg_number(&args, "capabilities", caps_of(event->word[1]));
		}
	}
	open_slice(life, event->time, "syscall", name, &args);
	life->method = method && event->number == seL4_SysCall;
	life->answer = receives || (event->number == seL4_SysCall && !method);
}

/* A page fault's code is the processor's number of the access fault: 1, 5 or 7. */
static void show_exception(struct life *life, const struct trace_event *event)
{
	bool page = event->number == seL4_Fault_VMFault;
	struct trace_args args = {.count = 0};

	trace_arg_address(&args, page ? "address" : "number", event->word[0]);
	if (page)
		trace_arg_text(&args, "access",
			       event->word[1] == 1   ? "fetch"
			       : event->word[1] == 7 ? "write"
						     : "read");
	trace_arg_address(&args, "pc", event->word[2]);
	open_slice(life, event->time, "fault", page ? "page fault" : "exception", &args);
}

static void interrupt_name(int number, char *name, size_t size)
{
	if (number == BOARD_IRQ_MAX + 1)
		snprintf(name, size, "timer tick");
	else
		snprintf(name, size, "interrupt %d", number);
}

static void enter(const struct trace_event *event, uint64_t number)
{
	struct life *life = life_at(event->thread, number);
	char name[32];

	leave(event, number);
	/* Where older events are gone: who was running shows now. */
	if (life != t.current)
		hart_switch(life, event->time);
	t.entry = event;
	if (event->kind == TRACE_INTERRUPT) {
		interrupt_name(event->number, name, sizeof name);
		trace_file_begin(t.file, on_hart(event->time), "interrupt", name, NULL);
	}
	if (!life || event->kind == TRACE_INTERRUPT)
		return;
	close_slices(life, event->time, NULL);
	if (event->kind == TRACE_SYSCALL)
		show_syscall(life, event);
	else if (event->kind == TRACE_EXCEPTION)
		show_exception(life, event);
}

static void show_raised(struct life *life, const struct trace_event *event)
{
	struct trace_args args = {.count = 0};

	if (event->number == seL4_Fault_CapFault) {
		trace_arg_address(&args, "capability", event->word[0]);
		trace_arg_text(&args, "while", event->word[1] ? "receiving" : "sending");
		open_slice(life, event->time, "fault", "capability fault", &args);
	} else {
		trace_arg_address(&args, "number", event->word[0]);
		open_slice(life, event->time, "fault", "unknown system call", &args);
	}
}

static void show_message(const struct trace_event *event, uint64_t number)
{
	struct life *from = life_at(event->thread, number), *to = life_at(event->other, number);
	const char *name = trace_message_name(event->number);
	uint64_t sent = event->word[2], received = event->word[3], flow;
	uint64_t unwrapped = seL4_MessageInfo_get_capsUnwrapped((seL4_MessageInfo_t){{received}});
	struct trace_args args = {.count = 0};

	if (!from || !to)
		return;
	flow = trace_file_flow(t.file);
	trace_arg_text(&args, "from", from->name);
	trace_arg_text(&args, "to", to->name);
	if (event->word[0]) {
		trace_arg_address(&args, "endpoint", event->word[0]);
		trace_arg_address(&args, "badge", event->word[1]);
	}
	trace_arg_number(&args, "label", label_of(sent));
	trace_arg_number(&args, "length", length_of(sent));
	if (event->number == TRACE_SENT || event->number == TRACE_REPLIED)
		trace_arg_number(&args, "capabilities moved",
				 caps_of(received) - (uint64_t)__builtin_popcountll(unwrapped));
	trace_file_instant(t.file, on(from, event->time), "message", name, &args, TRACE_FLOW_BEGINS, flow);
	trace_file_instant(t.file, on(to, event->time), "message", name, &args, TRACE_FLOW_ENDS, flow);
}

static void show_signal(const struct trace_event *event, uint64_t number)
{
	struct life *from = life_at(event->thread, number), *to = life_at(event->other, number);
	struct trace_point source = from ? on(from, event->time) : on_hart(event->time);
	bool taken = t.taken[number / 8] >> number % 8 & 1;
	uint64_t flow = to || taken ? trace_file_flow(t.file) : 0;
	struct trace_args args = {.count = 0};

	trace_arg_address(&args, "notification", event->word[0]);
	trace_arg_address(&args, "badge", event->word[1]);
	if (to)
		trace_arg_text(&args, "wakes", to->name);
	trace_file_instant(t.file, source, "signal", "signal", &args,
			   flow ? TRACE_FLOW_BEGINS : TRACE_FLOW_NONE, flow);
	if (to)
		trace_file_instant(t.file, on(to, event->time), "signal", "signalled", &args, TRACE_FLOW_ENDS,
				   flow);
	else if (taken)
		keep_signal(event->word[0], flow);
}

static void show_taken(const struct trace_event *event, uint64_t number)
{
	struct life *life = life_at(event->thread, number);
	struct kept_signal *kept = kept_by(event->word[0]);
	struct trace_args args = {.count = 0};

	if (!life)
		return;
	trace_arg_address(&args, "notification", event->word[0]);
	trace_arg_address(&args, "signals", event->word[1]);
	trace_file_instant(t.file, on(life, event->time), "signal", "signals taken", &args,
			   kept ? TRACE_FLOW_ENDS : TRACE_FLOW_NONE, kept ? kept->number : 0);
	if (kept)
		drop_signal(kept);
}

static void show_life(const struct trace_event *event, uint64_t number)
{
	struct life *life = life_at(event->thread, number), *other = life_at(event->other, number);
	const char *what = event->kind == TRACE_CREATED ? "creates thread"
			   : event->kind == TRACE_NAMED ? "names thread"
							: "deletes thread";
	struct trace_args args = {.count = 0};

	if (!other)
		return;
	trace_arg_text(&args, "thread", other->name);
	trace_arg_address(&args, "tcb", trace_thread_paddr(event->other));
	trace_file_instant(t.file, life ? on(life, event->time) : on_hart(event->time), "thread", what, &args,
			   TRACE_FLOW_NONE, 0);
	if (event->kind == TRACE_DELETED)
		close_slices(other, event->time, NULL);
}

/* "link.b" */
static const char *peer_name(unsigned port)
{
	const char *name = node_trace_port_name(t.node, port), *dot = name ? strchr(name, '.') : NULL;

	return dot ? dot + 1 : "?";
}

static void show_frame(const struct trace_event *event, uint64_t number)
{
	struct life *bridge = life_at(t.bridge, number);
	struct trace_frame frame;

	/* A device can do something in the middle of a long system call. */
	if (t.entry && t.entry->time + t.entry->lasted <= event->time)
		leave(NULL, number);
	memcpy(&frame, event->word, sizeof frame);
	trace_frame_write(t.file, bridge ? on(bridge, event->time) : on_hart(event->time), &frame,
			  event->kind == TRACE_FRAME_SENT, peer_name((unsigned)event->number));
}

static void show(const struct trace_event *event, uint64_t number)
{
	struct life *life = life_at(event->thread, number);
	char name[32];

	switch ((enum trace_kind)event->kind) {
	case TRACE_SYSCALL:
	case TRACE_EXCEPTION:
	case TRACE_INTERRUPT:
	case TRACE_START:
		enter(event, number);
		break;
	case TRACE_CLAIMED:
		interrupt_name(event->number, name, sizeof name);
		trace_file_instant(t.file, on_hart(event->time), "interrupt", name, NULL, TRACE_FLOW_NONE, 0);
		break;
	case TRACE_RAISED:
		if (life)
			show_raised(life, event);
		break;
	case TRACE_UNHANDLED:
		if (life)
			trace_file_instant(t.file, on(life, event->time), "fault", "nobody handles the fault",
					   NULL, TRACE_FLOW_NONE, 0);
		break;
	case TRACE_MESSAGE:
		show_message(event, number);
		break;
	case TRACE_SIGNAL:
		show_signal(event, number);
		break;
	case TRACE_SIGNAL_TAKEN:
		show_taken(event, number);
		break;
	case TRACE_CREATED:
	case TRACE_NAMED:
	case TRACE_DELETED:
		show_life(event, number);
		break;
	case TRACE_FRAME_SENT:
	case TRACE_FRAME_CAME:
		show_frame(event, number);
		break;
	}
}

static void write_events(uint64_t dropped)
{
	uint64_t end = node_trace_time(t.node);

	if (dropped > 0)
		trace_file_dropped(t.file, on_hart(node_trace_event(t.node, 0)->time), dropped);
	for (uint64_t i = 0; i < t.events; i++)
		show(node_trace_event(t.node, i), i);
	leave(NULL, t.events);
	for (size_t i = 0; i < t.life_count; i++)
		close_slices(&t.lives[i], end, NULL);
	hart_switch(NULL, end);
}

/* --- the whole ------------------------------------------------------------------------------------ */

static bool convert(uint64_t dropped)
{
	t.places = t.events * 4 + 64; /* an event has two threads, so there is always room */
	t.place = calloc(t.places, sizeof *t.place);
	t.taken = calloc(t.events / 8 + 1, 1);
	if (!t.place || !t.taken || !collect())
		return false;
	finish_lives();
	number_machine();
	if (!collect_processes())
		return false;
	write_tracks();
	write_events(dropped);
	return true;
}

bool trace_write(struct trace_file *file, struct node *node, uint64_t offset)
{
	uint64_t count;
	bool good;

	t.file = file;
	t.node = node;
	t.offset = offset;
	t.member = node_trace_port_name(node, 0);
	count = node_trace_count(node, &t.events);
	good = convert(count - t.events);
	free(t.lives);
	free(t.processes);
	free(t.kept);
	free(t.place);
	free(t.taken);
	memset(&t, 0, sizeof t);
	return good;
}
