/* The queries: what this end can do, which threads there are, what registers a thread has. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/gdb_internal.h"

/* --- documents: handed out piece by piece ------------------------------------------------------------- */

#define DOCUMENT_ROOM (1u << 20) /* a few thousand threads */

static bool document_start(struct gdb *gdb)
{
	if (!gdb->document.data) {
		gdb->document.data = malloc(DOCUMENT_ROOM);
		gdb->document.room = DOCUMENT_ROOM;
	}
	if (gdb->document.data)
		gdb_text_clear(&gdb->document);
	return gdb->document.data;
}

static void document_register(struct gdb_text *text, const char *name, unsigned bits, const char *type,
			      unsigned number)
{
	gdb_text_add(text, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"/>\n", name, bits, type,
		     number);
}

/* Names and numbers are GDB's own. */
static void document_target(struct gdb_text *text)
{
	static const char *const integer[] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
					      "fp",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
					      "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
					      "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
	static const char *const floating[] = {"ft0", "ft1", "ft2",  "ft3",  "ft4", "ft5", "ft6",  "ft7",
					       "fs0", "fs1", "fa0",  "fa1",  "fa2", "fa3", "fa4",  "fa5",
					       "fa6", "fa7", "fs2",  "fs3",  "fs4", "fs5", "fs6",  "fs7",
					       "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};

	gdb_text_add(text, "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n"
			   "<architecture>riscv:rv64</architecture>\n<osabi>none</osabi>\n"
			   "<feature name=\"org.gnu.gdb.riscv.cpu\">\n");
	for (unsigned i = 0; i < 32; i++)
		document_register(text, integer[i], 64,
				  i == 1             ? "code_ptr"
				  : i >= 2 && i <= 4 ? "data_ptr"
						     : "int",
				  i);
	document_register(text, "pc", 64, "code_ptr", 32);
	gdb_text_add(text, "</feature>\n<feature name=\"org.gnu.gdb.riscv.fpu\">\n");
	for (unsigned i = 0; i < 32; i++)
		document_register(text, floating[i], 64, "ieee_double", 33 + i);
	document_register(text, "fflags", 32, "int", 66);
	document_register(text, "frm", 32, "int", 67);
	document_register(text, "fcsr", 32, "int", 68);
	gdb_text_add(text, "</feature>\n<feature name=\"org.gnu.gdb.riscv.csr\">\n");
	document_register(text, "cycle", 64, "int", 65 + 0xc00);
	document_register(text, "time", 64, "int", 65 + 0xc01);
	document_register(text, "instret", 64, "int", 65 + 0xc02);
	gdb_text_add(text, "</feature>\n</target>\n");
}

/* Names come from the guest: what XML does not take is shown as a question mark. */
static void document_name(struct gdb_text *text, const char *name)
{
	for (; *name; name++)
		gdb_text_add(text, "%c", *name < ' ' || *name > '~' || strchr("<>&\"'", *name) ? '?' : *name);
}

static void describe(struct gdb *gdb, const struct node_thread *thread, char *text, size_t size)
{
	if (thread->tcb == node_debug_running(gdb->node))
		snprintf(text, size, "running, priority %u", thread->priority);
	else
		snprintf(text, size, "%s, priority %u", thread->wait, thread->priority);
}

static void document_threads(struct gdb *gdb, struct gdb_text *text)
{
	struct node_thread thread;
	char state[160];

	gdb_text_add(text, "<?xml version=\"1.0\"?>\n<threads>\n");
	/* One that would not fit whole, with what closes the list, is left out. */
	for (unsigned index = 0; gdb_thread_next(gdb, &index, &thread) && text->size + 512 < text->room;) {
		gdb_pid_add(gdb->seen, gdb_pid(&thread));
		gdb_text_add(text, "<thread id=\"");
		gdb_add_thread_id(gdb, text, (struct gdb_thread_id){gdb_pid(&thread), gdb_tid(&thread)});
		gdb_text_add(text, "\" core=\"0\" name=\"");
		document_name(text, thread.name);
		describe(gdb, &thread, state, sizeof state);
		gdb_text_add(text, "\">%s</thread>\n", state);
	}
	gdb_text_add(text, "</threads>\n");
}

/* OBJECT:read:ANNEX:OFFSET,LENGTH; the document is made anew for its first piece. */
static void query_transfer(struct gdb *gdb, const char *cursor)
{
	bool target = gdb_skip(&cursor, "features:read:target.xml:");
	bool threads = !target && gdb_skip(&cursor, "threads:read::");
	bool exec_file = !target && !threads && gdb_skip(&cursor, "exec-file:read:");
	uint64_t offset, length, pid = 0;

	if (!target && !threads && !exec_file)
		return; /* no such document: the empty reply */
	if (exec_file && (!gdb_parse_hex(&cursor, &pid) || !gdb_skip(&cursor, ":"))) {
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
		return;
	}
	if (!gdb_parse_hex(&cursor, &offset) || !gdb_skip(&cursor, ",") || !gdb_parse_hex(&cursor, &length) ||
	    (offset == 0 && !document_start(gdb)) || offset > gdb->document.size) {
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
		return;
	}
	if (offset == 0 && target)
		document_target(&gdb->document);
	else if (offset == 0 && exec_file)
		gdb_exec_file(gdb, (int64_t)pid, &gdb->document);
	else if (offset == 0)
		document_threads(gdb, &gdb->document);
	if (exec_file && gdb->document.size == 0) {
		gdb_reply_error(gdb, GDB_ERROR_NO_THREAD);
		return;
	}
	if (length > GDB_BINARY_SIZE)
		length = GDB_BINARY_SIZE;
	if (length > gdb->document.size - offset)
		length = gdb->document.size - offset;
	gdb_text_add(&gdb->reply, "%c", offset + length < gdb->document.size ? 'm' : 'l');
	gdb_text_add_binary(&gdb->reply, gdb->document.data + offset, length);
}

/* --- threads ----------------------------------------------------------------------------------------- */

#define THREADS_IN_PACKET 256

/* The list of threads, so many at a time: `first` is the index of the first. */
static void query_thread_list(struct gdb *gdb, bool first)
{
	struct node_thread thread;
	unsigned count = 0;

	if (first)
		gdb->list_index = 0;
	while (count < THREADS_IN_PACKET && gdb_thread_next(gdb, &gdb->list_index, &thread)) {
		gdb_text_add(&gdb->reply, count++ == 0 ? "m" : ",");
		gdb_pid_add(gdb->seen, gdb_pid(&thread));
		gdb_add_thread_id(gdb, &gdb->reply,
				  (struct gdb_thread_id){gdb_pid(&thread), gdb_tid(&thread)});
	}
	if (count == 0)
		gdb_text_add(&gdb->reply, "l");
}

static void query_thread_extra(struct gdb *gdb, const char *cursor)
{
	struct gdb_thread_id id;
	struct node_thread thread;
	char text[160];

	if (!gdb_parse_thread(&cursor, &id) || !gdb_thread_find(gdb, id, &thread)) {
		gdb_reply_error(gdb, GDB_ERROR_NO_THREAD);
		return;
	}
	describe(gdb, &thread, text, sizeof text);
	gdb_text_add_hex(&gdb->reply, thread.name, strlen(thread.name));
	gdb_text_add_hex(&gdb->reply, ": ", 2);
	gdb_text_add_hex(&gdb->reply, text, strlen(text));
}

/* --- all queries ------------------------------------------------------------------------------------- */

static void query_supported(struct gdb *gdb, const char *cursor)
{
	gdb->multiprocess = strstr(cursor, "multiprocess+");
	gdb_text_add(&gdb->reply,
		     "PacketSize=%x;QStartNoAckMode+;multiprocess+;swbreak+;hwbreak+;vContSupported+;"
		     "qXfer:features:read+;qXfer:threads:read+;qXfer:exec-file:read+",
		     GDB_PACKET_SIZE - 8);
	if (gdb->history)
		gdb_text_add(&gdb->reply, ";ReverseStep+;ReverseContinue+");
}

void gdb_query(struct gdb *gdb, const char *cursor)
{
	if (gdb_skip(&cursor, "Supported"))
		query_supported(gdb, cursor);
	else if (gdb_skip(&cursor, "Xfer:"))
		query_transfer(gdb, cursor);
	else if (gdb_skip(&cursor, "fThreadInfo"))
		query_thread_list(gdb, true);
	else if (gdb_skip(&cursor, "sThreadInfo"))
		query_thread_list(gdb, false);
	else if (gdb_skip(&cursor, "ThreadExtraInfo,"))
		query_thread_extra(gdb, cursor);
	else if (gdb_skip(&cursor, "Attached"))
		gdb_text_add(&gdb->reply, "1"); /* so that leaving the debugger detaches */
	else if (strcmp(cursor, "C") == 0) {
		gdb_text_add(&gdb->reply, "QC");
		gdb_add_thread_id(gdb, &gdb->reply, gdb->stopped);
	}
}
