/* What the files of the debugger's protocol share: gdb.c, gdb_packet.c, gdb_query.c, gdb_state.c. */
#ifndef SKERRY_CMD_GDB_INTERNAL_H
#define SKERRY_CMD_GDB_INTERNAL_H

#include "cmd/gdb.h"
#include "port/vm/reverse.h"

#define GDB_PACKET_SIZE 16384                      /* of a packet's contents, either way */
#define GDB_BINARY_SIZE (GDB_PACKET_SIZE / 2 - 32) /* of binary data in one: each byte may be escaped */

/* The signals that stops are known by, in GDB's own numbering. */
enum gdb_signal {
	GDB_SIGNAL_NONE = 0,
	GDB_SIGNAL_INT = 2,
	GDB_SIGNAL_ILL = 4,
	GDB_SIGNAL_TRAP = 5,
	GDB_SIGNAL_KILL = 9,
	GDB_SIGNAL_BUS = 10,
	GDB_SIGNAL_SEGV = 11,
	GDB_SIGNAL_SYS = 12,
	GDB_SIGNAL_CHLD = 20, /* a process begins: unless told otherwise, GDB looks at it and goes on */
};

/* Threads without an address space belong to this process; the others to that of their ASID. */
#define GDB_PID_NONE  0x10000
#define GDB_PID_COUNT (GDB_PID_NONE + 1)

/* As in packets: 0 stands for any, -1 for all. */
struct gdb_thread_id {
	int64_t pid, tid;
};

/* A reply under construction; what does not fit is left out. */
struct gdb_text {
	char *data;
	size_t size, room;
};

enum gdb_framing { FRAMING_OUTSIDE, FRAMING_CONTENTS, FRAMING_SUM_HIGH, FRAMING_SUM_LOW };

struct gdb {
	struct node *node;
	const struct image *image; /* where the programs are, or NULL */
	gdb_send_fn *send;
	void *context;

	/* The connection. */
	bool connected, done;
	bool running;      /* the client waits for a stop */
	bool resumed;      /* by the packet being worked on: its reply is the stop */
	bool multiprocess; /* the client knows processes */
	bool no_ack;
	enum gdb_framing framing;
	uint8_t in[GDB_PACKET_SIZE + 1]; /* contents of the packet that is coming in, then terminated */
	size_t in_size;
	bool too_long;
	uint8_t sum;
	char sum_sent[2];
	char out[GDB_PACKET_SIZE + 8]; /* the last packet sent, framed */
	size_t out_size;
	struct gdb_text reply;

	/* The session. */
	struct gdb_thread_id general, control; /* threads that packets without a thread mean */
	struct gdb_thread_id stopped;          /* the thread of the last stop */
	struct gdb_text stop;                  /* the last stop, as a packet */
	struct gdb_text document;              /* what qXfer hands out piece by piece */
	unsigned list_index;                   /* of the thread that qsThreadInfo continues with */
	uint64_t range_start, range_end;       /* stepping goes on while pc is in here */
	/*
	 * GDB takes a watchpoint of riscv to stop before the access, and steps the thread over it (or back
	 * over it) before it shows anything. Ours stops behind it (in reverse, before it), so that step is
	 * done already.
	 */
	uint64_t watched_tcb;
	bool step_done;
	bool killed, ended;
	int status;
	/* Sets of processes: that were detached, or are over and the client knows; that it has heard of. */
	uint8_t gone[GDB_PID_COUNT / 8 + 1], seen[GDB_PID_COUNT / 8 + 1];

	/* To go back in time; NULL: that is not possible. */
	struct journal *journal;
	struct history *history;
	uint64_t resumed_at;        /* position */
	bool refused, refused_told; /* to change the past; since the client resumed last */

	/* All threads as they are while the machine stands still. */
	bool table_made;
	struct node_thread *thread;
	unsigned threads, thread_room;
};

/* --- gdb_packet.c: frames, hexadecimal digits, replies --- */
void gdb_text_clear(struct gdb_text *text);
void gdb_text_add(struct gdb_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gdb_text_add_hex(struct gdb_text *text, const void *bytes, size_t size);
/* Binary data, with the bytes that mean something to the protocol escaped. */
void gdb_text_add_binary(struct gdb_text *text, const void *bytes, size_t size);
void gdb_send_packet(struct gdb *gdb, const struct gdb_text *contents);
/* Hexadecimal digits at *cursor, moved behind them; false: none, or more than fit. */
bool gdb_parse_hex(const char **cursor, uint64_t *value);
/* Reads `size` bytes given as two digits each. */
bool gdb_parse_bytes(const char **cursor, void *bytes, size_t size);
bool gdb_parse_thread(const char **cursor, struct gdb_thread_id *id);
bool gdb_skip(const char **cursor, const char *text);

/* --- gdb_state.c: threads, registers, memory --- */
int64_t gdb_pid(const struct node_thread *thread);
int64_t gdb_tid(const struct node_thread *thread);
bool gdb_pid_is(const uint8_t *set, int64_t pid);
void gdb_pid_add(uint8_t *set, int64_t pid);
/* The index-th thread that the client may see. *index moves on to the next. */
bool gdb_thread_next(struct gdb *gdb, unsigned *index, struct node_thread *thread);
/* The first thread that `id` could mean. */
bool gdb_thread_find(struct gdb *gdb, struct gdb_thread_id id, struct node_thread *thread);
bool gdb_thread_by_tcb(struct gdb *gdb, uint64_t tcb, struct node_thread *thread);
void gdb_add_thread_id(struct gdb *gdb, struct gdb_text *text, struct gdb_thread_id id);
void gdb_add_register(struct gdb *gdb, struct gdb_text *text, uint64_t tcb, unsigned number);
void gdb_read_registers(struct gdb *gdb);
void gdb_write_registers(struct gdb *gdb, const char *cursor);
void gdb_read_register(struct gdb *gdb, const char *cursor);
void gdb_write_register(struct gdb *gdb, const char *cursor);
void gdb_read_memory(struct gdb *gdb, const char *cursor);
void gdb_write_memory(struct gdb *gdb, const char *cursor);
void gdb_write_binary(struct gdb *gdb, const char *cursor);

/* --- gdb_reverse.c --- */
/* May the client change the machine? In the past it may not: that is the reply. */
bool gdb_may_write(struct gdb *gdb);
void gdb_wrote(struct gdb *gdb);

/* --- gdb_query.c --- */
void gdb_query(struct gdb *gdb, const char *cursor);

/* --- gdb_file.c --- */
void gdb_file(struct gdb *gdb, const char *cursor);
/* The path of the program that the process runs, if it is known. */
void gdb_exec_file(struct gdb *gdb, int64_t pid, struct gdb_text *text);

/* A reply that says what went wrong, by an error number of Unix. */
enum { GDB_ERROR_NO_THREAD = 3, GDB_ERROR_FAULT = 14, GDB_ERROR_INVALID = 22 };
void gdb_reply_error(struct gdb *gdb, int number);
void gdb_reply_ok(struct gdb *gdb);

#endif
