/*
 * The debugger's session: connection, resuming and stopping, breakpoints. See gdb.h.
 *
 * The machine has one processor, and what runs on it when is part of the run: so resuming one thread
 * resumes the machine, whatever threads the client believes to have left stopped, and a step ends when
 * the thread has executed its next instruction, whenever that is.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/gdb_internal.h"

#define CTRL_C 3

static bool text_create(struct gdb_text *text)
{
	text->data = calloc(1, GDB_PACKET_SIZE);
	text->room = GDB_PACKET_SIZE;
	return text->data;
}

struct gdb *gdb_create(struct node *node, const struct image *image, gdb_send_fn *send, void *context)
{
	struct gdb *gdb = calloc(1, sizeof *gdb);

	if (!gdb)
		return NULL;
	gdb->node = node;
	gdb->image = image;
	gdb->send = send;
	gdb->context = context;
	if (text_create(&gdb->reply) && text_create(&gdb->stop))
		return gdb;
	gdb_destroy(gdb);
	return NULL;
}

void gdb_destroy(struct gdb *gdb)
{
	if (!gdb)
		return;
	history_destroy(gdb->history);
	free(gdb->reply.data);
	free(gdb->stop.data);
	free(gdb->document.data);
	free(gdb->thread);
	free(gdb);
}

/* --- what the run asks ------------------------------------------------------------------------------ */

bool gdb_holds(const struct gdb *gdb)
{
	return gdb->connected && !gdb->running && !gdb->done;
}

bool gdb_is_connected(const struct gdb *gdb)
{
	return gdb->connected;
}

bool gdb_is_done(const struct gdb *gdb)
{
	return gdb->done;
}

bool gdb_is_killed(const struct gdb *gdb)
{
	return gdb->killed;
}

/* --- stops ------------------------------------------------------------------------------------------- */

static void stop_begin(struct gdb *gdb, enum gdb_signal signal)
{
	gdb_text_clear(&gdb->stop);
	gdb_text_add(&gdb->stop, "T%02x", (unsigned)signal);
}

/* Names the thread, with the registers that the client will ask for first. */
static void stop_thread(struct gdb *gdb, const struct node_thread *thread)
{
	gdb->stopped = (struct gdb_thread_id){gdb_pid(thread), gdb_tid(thread)};
	gdb->general = gdb->stopped;
	gdb_pid_add(gdb->seen, gdb->stopped.pid);
	gdb_text_add(&gdb->stop, "thread:");
	gdb_add_thread_id(gdb, &gdb->stop, gdb->stopped);
	gdb_text_add(&gdb->stop, ";%02x:", NODE_REGISTER_PC);
	gdb_add_register(gdb, &gdb->stop, thread->tcb, NODE_REGISTER_PC);
	gdb_text_add(&gdb->stop, ";02:");
	gdb_add_register(gdb, &gdb->stop, thread->tcb, 2);
	gdb_text_add(&gdb->stop, ";core:0;");
}

/* The client learns of the stop, if it waits for one. */
static void stop_end(struct gdb *gdb)
{
	node_debug_step(gdb->node, 0);
	gdb->range_start = gdb->range_end = 0;
	if (gdb->running)
		gdb_send_packet(gdb, &gdb->stop);
	gdb->running = false;
}

/*
 * The process is over: the client hears of one at a time, and asks for the next by resuming it. The machine
 * stays until the client leaves.
 */
static void stop_ended(struct gdb *gdb)
{
	struct node_thread thread;
	int64_t pid = 1;

	if (gdb_thread_find(gdb, (struct gdb_thread_id){0, 0}, &thread))
		pid = gdb_pid(&thread);
	gdb_text_clear(&gdb->stop);
	if (gdb->killed)
		gdb_text_add(&gdb->stop, "X%02x", GDB_SIGNAL_KILL);
	else
		gdb_text_add(&gdb->stop, "W%02x", (unsigned)gdb->status & 0xff);
	if (gdb->multiprocess)
		gdb_text_add(&gdb->stop, ";process:%" PRIx64, pid);
	gdb_pid_add(gdb->gone, pid);
	stop_end(gdb);
}

/*
 * A stop that is nobody's doing: of the thread that runs, else of the last one, else of any. `limit`: at this
 * end of what is known, which the client calls a replay log; else NULL.
 */
static void stop_anywhere(struct gdb *gdb, enum gdb_signal signal, const char *limit)
{
	struct node_thread thread;

	if (!gdb_thread_by_tcb(gdb, node_debug_running(gdb->node), &thread) &&
	    !gdb_thread_find(gdb, gdb->stopped, &thread) &&
	    !gdb_thread_find(gdb, (struct gdb_thread_id){0, 0}, &thread)) {
		stop_ended(gdb);
		return;
	}
	stop_begin(gdb, signal);
	if (limit)
		gdb_text_add(&gdb->stop, "replaylog:%s;", limit);
	stop_thread(gdb, &thread);
	stop_end(gdb);
}

void gdb_at_end(struct gdb *gdb)
{
	if (gdb->running)
		stop_anywhere(gdb, GDB_SIGNAL_TRAP, "end");
}

static enum gdb_signal fault_signal(enum node_fault fault)
{
	switch (fault) {
	case NODE_FAULT_MISALIGNED:
		return GDB_SIGNAL_BUS;
	case NODE_FAULT_ILLEGAL:
		return GDB_SIGNAL_ILL;
	case NODE_FAULT_EBREAK:
		return GDB_SIGNAL_TRAP;
	case NODE_FAULT_SYSCALL:
		return GDB_SIGNAL_SYS;
	default:
		return GDB_SIGNAL_SEGV;
	}
}

static enum gdb_signal stop_signal(const struct node_stopped *stopped)
{
	if (stopped->why == NODE_STOP_FAULT)
		return fault_signal(stopped->fault);
	return stopped->why == NODE_STOP_SPACE ? GDB_SIGNAL_CHLD : GDB_SIGNAL_TRAP;
}

static const char *watch_name(enum vm_watch kind)
{
	return kind == VM_WATCH_STORE ? "watch" : kind == VM_WATCH_LOAD ? "rwatch" : "awatch";
}

/* A step within the range of addresses that the client wants to see nothing of. */
static bool range_goes_on(const struct gdb *gdb, const struct node_stopped *stopped)
{
	uint64_t pc = node_register(gdb->node, stopped->tcb, NODE_REGISTER_PC);

	return stopped->why == NODE_STOP_STEP && pc >= gdb->range_start && pc < gdb->range_end;
}

void gdb_stopped(struct gdb *gdb)
{
	const struct node_stopped *stopped = node_stopped(gdb->node);
	struct node_thread thread;

	/* Nothing to tell if the thread is of a process that was detached, or has gone by its last step. */
	if (!gdb->running || range_goes_on(gdb, stopped))
		return;
	if (!gdb_thread_by_tcb(gdb, stopped->tcb, &thread)) {
		if (stopped->why == NODE_STOP_STEP)
			stop_anywhere(gdb, GDB_SIGNAL_TRAP, NULL);
		return;
	}
	stop_begin(gdb, stop_signal(stopped));
	if (stopped->why == NODE_STOP_BREAKPOINT)
		gdb_text_add(&gdb->stop, "swbreak:;");
	gdb->watched_tcb = stopped->why == NODE_STOP_WATCHPOINT ? stopped->tcb : 0;
	if (stopped->why == NODE_STOP_WATCHPOINT)
		gdb_text_add(&gdb->stop, "%s:%" PRIx64 ";", watch_name(stopped->watch), stopped->vaddr);
	stop_thread(gdb, &thread);
	stop_end(gdb);
}

void gdb_stuck(struct gdb *gdb)
{
	if (gdb->running)
		stop_anywhere(gdb, GDB_SIGNAL_NONE, NULL);
}

void gdb_ended(struct gdb *gdb, int status)
{
	gdb->ended = true;
	gdb->status = status;
	if (gdb->running)
		stop_ended(gdb);
}

/* --- connection -------------------------------------------------------------------------------------- */

void gdb_connected(struct gdb *gdb)
{
	gdb->connected = true;
	gdb->done = gdb->running = gdb->multiprocess = gdb->no_ack = false;
	gdb->framing = FRAMING_OUTSIDE;
	gdb->out_size = 0;
	gdb->general = gdb->control = gdb->stopped = (struct gdb_thread_id){0, 0};
	memset(gdb->gone, 0, sizeof gdb->gone);
	memset(gdb->seen, 0, sizeof gdb->seen);
	gdb->table_made = false;
	node_debug(gdb->node, true);
}

void gdb_disconnected(struct gdb *gdb)
{
	gdb->connected = gdb->running = false;
	node_debug(gdb->node, false);
}

/* --- resuming ---------------------------------------------------------------------------------------- */

static void resume(struct gdb *gdb)
{
	gdb->running = gdb->resumed = true;
	gdb->resumed_at = node_position(gdb->node);
	gdb->refused = gdb->refused_told = false;
	gdb->table_made = false;
	if (gdb->ended || gdb->killed)
		stop_ended(gdb);
	else if (gdb->step_done)
		stop_anywhere(gdb, GDB_SIGNAL_TRAP, NULL);
	gdb->step_done = false;
	gdb->watched_tcb = 0;
}

static void step(struct gdb *gdb, struct gdb_thread_id id)
{
	struct node_thread thread;

	if (id.tid <= 0)
		id = gdb->stopped;
	if (!gdb_thread_find(gdb, id, &thread))
		return;
	gdb->step_done = thread.tcb == gdb->watched_tcb;
	node_debug_step(gdb->node, thread.tcb);
}

/* c, Csignal, s, Ssignal: what older clients send. Signals mean nothing here. */
static void command_resume(struct gdb *gdb, char what)
{
	if (what == 's' || what == 'S')
		step(gdb, gdb->control);
	resume(gdb);
}

/* bs and bc. Nothing else happens meanwhile: the answer is the stop. */
static void command_back(struct gdb *gdb, const char *text)
{
	bool stepping = strcmp(text, "bs") == 0;
	struct node_thread thread;
	enum reverse reverse;

	if (!gdb->history || (!stepping && strcmp(text, "bc") != 0))
		return; /* not known: the empty reply */
	if (stepping && !gdb_thread_find(gdb, gdb->control.tid > 0 ? gdb->control : gdb->stopped, &thread)) {
		gdb_reply_error(gdb, GDB_ERROR_NO_THREAD);
		return;
	}
	gdb->running = gdb->resumed = true;
	if (stepping && thread.tcb == gdb->watched_tcb) {
		gdb->watched_tcb = 0;
		stop_anywhere(gdb, GDB_SIGNAL_TRAP, NULL);
		return;
	}
	gdb->table_made = false;
	gdb->ended = false;
	reverse = stepping ? reverse_step(gdb->node, gdb->history, gdb->journal, thread.tcb)
			   : reverse_continue(gdb->node, gdb->history, gdb->journal);
	if (reverse == REVERSE_STOPPED)
		gdb_stopped(gdb);
	else if (reverse == REVERSE_BEGIN)
		stop_anywhere(gdb, GDB_SIGNAL_TRAP, "begin");
	if (reverse != REVERSE_LOST)
		return;
	gdb->killed = true;
	stop_ended(gdb);
	gdb->done = true;
}

/* One action of vCont, such as ";s:p1.2"; false: it makes no sense. */
static bool parse_action(struct gdb *gdb, const char **cursor, char *what, struct gdb_thread_id *id)
{
	uint64_t signal;

	if (!gdb_skip(cursor, ";"))
		return false;
	*what = **cursor;
	*cursor += *what != 0;
	*id = (struct gdb_thread_id){0, -1};
	if ((*what == 'C' || *what == 'S') && !gdb_parse_hex(cursor, &signal))
		return false;
	if (*what == 'r' && (!gdb_parse_hex(cursor, &gdb->range_start) || !gdb_skip(cursor, ",") ||
			     !gdb_parse_hex(cursor, &gdb->range_end)))
		return false;
	if (!strchr("cCsSr", *what))
		return false;
	return !gdb_skip(cursor, ":") || gdb_parse_thread(cursor, id);
}

/* The first action that is a step decides; all other threads go on. */
static void command_vcont(struct gdb *gdb, const char *cursor)
{
	bool stepping = false;

	while (*cursor) {
		struct gdb_thread_id id;
		char what;

		if (!parse_action(gdb, &cursor, &what, &id)) {
			node_debug_step(gdb->node, 0);
			gdb_reply_error(gdb, GDB_ERROR_INVALID);
			return;
		}
		if (what != 'c' && what != 'C' && !stepping) {
			step(gdb, id);
			stepping = true;
		}
	}
	resume(gdb);
}

/* --- leaving ----------------------------------------------------------------------------------------- */

/* The process is no longer the client's; with the last one goes the connection. */
static void let_go(struct gdb *gdb, int64_t pid)
{
	struct node_thread thread;

	if (pid > 0 && pid < GDB_PID_COUNT)
		gdb_pid_add(gdb->gone, pid);
	gdb_reply_ok(gdb);
	gdb->done = pid <= 0 || !gdb_thread_find(gdb, (struct gdb_thread_id){0, 0}, &thread);
}

static int64_t parse_pid(const char *cursor)
{
	uint64_t pid;

	return gdb_skip(&cursor, ";") && gdb_parse_hex(&cursor, &pid) && pid < GDB_PID_COUNT ? (int64_t)pid
											     : 0;
}

/* No program of the machine can be killed from outside; the machine can. */
static void command_kill(struct gdb *gdb, int64_t pid)
{
	gdb->killed = true;
	let_go(gdb, pid);
}

static void command_attach(struct gdb *gdb, int64_t pid)
{
	struct node_thread thread;

	gdb->gone[pid / 8] &= (uint8_t) ~(1u << (pid % 8));
	if (pid == 0 || !gdb_thread_find(gdb, (struct gdb_thread_id){pid, -1}, &thread)) {
		gdb_reply_error(gdb, GDB_ERROR_NO_THREAD);
		return;
	}
	stop_begin(gdb, GDB_SIGNAL_NONE);
	stop_thread(gdb, &thread);
	gdb_text_add(&gdb->reply, "%s", gdb->stop.data);
}

/* --- breakpoints ------------------------------------------------------------------------------------- */

/* It need not exist now: in the past, some do not yet. */
static bool selected_space(struct gdb *gdb, uint16_t *asid)
{
	struct node_thread thread;
	int64_t pid = gdb->general.pid;

	if (pid <= 0 && gdb_thread_find(gdb, gdb->general, &thread))
		pid = gdb_pid(&thread);
	*asid = (uint16_t)pid;
	return pid > 0 && pid < GDB_PID_NONE;
}

/* TYPE,ADDRESS,KIND of the process that is selected; KIND is a watchpoint's size. */
static void command_point(struct gdb *gdb, const char *cursor, bool set)
{
	static const enum vm_watch kinds[] = {VM_WATCH_STORE, VM_WATCH_LOAD, VM_WATCH_ACCESS};
	uint64_t type, address, size;
	uint16_t asid;
	bool done;

	if (!gdb_parse_hex(&cursor, &type) || !gdb_skip(&cursor, ",") || !gdb_parse_hex(&cursor, &address) ||
	    !gdb_skip(&cursor, ",") || !gdb_parse_hex(&cursor, &size)) {
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
		return;
	}
	if (type > 4)
		return; /* not known: the empty reply */
	if (!selected_space(gdb, &asid)) {
		gdb_reply_error(gdb, GDB_ERROR_NO_THREAD);
		return;
	}
	if (type < 2)
		done = node_debug_break(gdb->node, asid, address, set);
	else
		done = node_debug_watch(gdb->node, asid, address, size, kinds[type - 2], set);
	if (done)
		gdb_reply_ok(gdb);
	else
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
}

/* --- all commands -------------------------------------------------------------------------------------- */

static void command_select(struct gdb *gdb, const char *cursor)
{
	struct gdb_thread_id *selected = *cursor == 'c' ? &gdb->control : &gdb->general, id;
	struct node_thread thread;
	char which = *cursor;

	cursor += which != 0;
	if ((which != 'c' && which != 'g') || !gdb_parse_thread(&cursor, &id)) {
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
		return;
	}
	if (which == 'g' && id.pid <= 0 && id.tid <= 0)
		id = gdb->stopped; /* any */
	*selected = id;
	if (which == 'g' && !gdb_thread_find(gdb, id, &thread))
		gdb_reply_error(gdb, GDB_ERROR_NO_THREAD);
	else
		gdb_reply_ok(gdb);
}

static void command_alive(struct gdb *gdb, const char *cursor)
{
	struct gdb_thread_id id;
	struct node_thread thread;

	if (gdb_parse_thread(&cursor, &id) && gdb_thread_find(gdb, id, &thread))
		gdb_reply_ok(gdb);
	else
		gdb_reply_error(gdb, GDB_ERROR_NO_THREAD);
}

static void command_long(struct gdb *gdb, const char *cursor)
{
	if (gdb_skip(&cursor, "Cont?"))
		gdb_text_add(&gdb->reply, "vCont;c;C;s;S;r");
	else if (gdb_skip(&cursor, "Cont"))
		command_vcont(gdb, cursor);
	else if (gdb_skip(&cursor, "File:"))
		gdb_file(gdb, cursor);
	else if (gdb_skip(&cursor, "Kill"))
		command_kill(gdb, parse_pid(cursor));
	else if (gdb_skip(&cursor, "Attach"))
		command_attach(gdb, parse_pid(cursor));
}

static void command_why(struct gdb *gdb)
{
	if (gdb->stopped.tid == 0)
		stop_anywhere(gdb, GDB_SIGNAL_TRAP, NULL);
	gdb_text_add(&gdb->reply, "%s", gdb->stop.data);
}

/* What is not known gets the empty reply. */
static void command(struct gdb *gdb, const char *text)
{
	switch (*text) {
	case '?':
		command_why(gdb);
		return;
	case '!':
		gdb_reply_ok(gdb);
		return;
	case 'b':
		command_back(gdb, text);
		return;
	case 'c':
	case 'C':
	case 's':
	case 'S':
		command_resume(gdb, *text);
		return;
	case 'D':
		let_go(gdb, parse_pid(text + 1));
		return;
	case 'g':
		gdb_read_registers(gdb);
		return;
	case 'G':
		gdb_write_registers(gdb, text + 1);
		return;
	case 'H':
		command_select(gdb, text + 1);
		return;
	case 'k':
		command_kill(gdb, 0);
		return;
	case 'm':
		gdb_read_memory(gdb, text + 1);
		return;
	case 'M':
		gdb_write_memory(gdb, text + 1);
		return;
	case 'p':
		gdb_read_register(gdb, text + 1);
		return;
	case 'P':
		gdb_write_register(gdb, text + 1);
		return;
	case 'q':
		gdb_query(gdb, text + 1);
		return;
	case 'T':
		command_alive(gdb, text + 1);
		return;
	case 'v':
		command_long(gdb, text + 1);
		return;
	case 'X':
		gdb_write_binary(gdb, text + 1);
		return;
	case 'z':
	case 'Z':
		command_point(gdb, text + 1, *text == 'Z');
		return;
	}
}

/* The packet in gdb->in is whole. While the machine runs the client has nothing to say but Ctrl-C. */
static void packet(struct gdb *gdb)
{
	const char *text = (const char *)gdb->in;
	bool silence = strcmp(text, "QStartNoAckMode") == 0;

	if (gdb->running)
		return;
	gdb->resumed = false;
	gdb_text_clear(&gdb->reply);
	if (gdb->too_long)
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
	else if (silence)
		gdb_reply_ok(gdb);
	else
		command(gdb, text);
	if (!gdb->resumed)
		gdb_send_packet(gdb, &gdb->reply);
	gdb->no_ack |= silence;
}

/* --- framing ------------------------------------------------------------------------------------------- */

static void outside(struct gdb *gdb, uint8_t byte)
{
	if (byte == '$') {
		gdb->framing = FRAMING_CONTENTS;
		gdb->in_size = gdb->sum = 0;
		gdb->too_long = false;
	} else if (byte == '-' && gdb->out_size > 0 && !gdb->no_ack) {
		gdb->send(gdb->context, gdb->out, gdb->out_size);
	} else if (byte == CTRL_C && gdb->running) {
		stop_anywhere(gdb, GDB_SIGNAL_INT, NULL);
	}
}

static void inside(struct gdb *gdb, uint8_t byte)
{
	if (byte == '#') {
		gdb->framing = FRAMING_SUM_HIGH;
		gdb->in[gdb->in_size] = 0;
		return;
	}
	gdb->sum += byte;
	gdb->too_long |= gdb->in_size == GDB_PACKET_SIZE;
	if (!gdb->too_long)
		gdb->in[gdb->in_size++] = byte;
}

static void checked(struct gdb *gdb, bool good)
{
	gdb->framing = FRAMING_OUTSIDE;
	if (!gdb->no_ack)
		gdb->send(gdb->context, good ? "+" : "-", 1);
	if (good || gdb->no_ack)
		packet(gdb);
}

void gdb_receive(struct gdb *gdb, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size && !gdb->done; i++) {
		uint8_t byte = ((const uint8_t *)bytes)[i];

		switch (gdb->framing) {
		case FRAMING_OUTSIDE:
			outside(gdb, byte);
			break;
		case FRAMING_CONTENTS:
			inside(gdb, byte);
			break;
		case FRAMING_SUM_HIGH:
			gdb->sum_sent[0] = (char)byte;
			gdb->framing = FRAMING_SUM_LOW;
			break;
		case FRAMING_SUM_LOW: {
			const char *cursor = gdb->sum_sent;
			uint8_t sum;

			gdb->sum_sent[1] = (char)byte;
			checked(gdb, gdb_parse_bytes(&cursor, &sum, 1) && sum == gdb->sum);
			break;
		}
		}
	}
}
