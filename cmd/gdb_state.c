/* What the debugger reads and writes of the stopped machine: threads, registers, memory. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/gdb_internal.h"

#include <sel4/arch/constants.h>

/* --- threads --------------------------------------------------------------------------------------- */

int64_t gdb_pid(const struct node_thread *thread)
{
	return thread->root_paddr ? thread->asid : GDB_PID_NONE;
}

/* Kernel addresses are physical ones in a window of this size; TCBs are aligned to theirs. Never 0. */
#define WINDOW_MASK ((1ull << 38) - 1)

int64_t gdb_tid(const struct node_thread *thread)
{
	return (int64_t)(((thread->tcb & WINDOW_MASK) - BOARD_RAM_BASE) >> seL4_TCBBits);
}

bool gdb_pid_is(const uint8_t *set, int64_t pid)
{
	return set[pid / 8] >> (pid % 8) & 1;
}

void gdb_pid_add(uint8_t *set, int64_t pid)
{
	set[pid / 8] |= (uint8_t)(1u << (pid % 8));
}

/*
 * Not yet are those in an address space where nothing has run: the client hears of a process by its first
 * stop. One that has no address space is of interest only if it broke. When the run is over, what the client
 * has not heard of is not told any more.
 */
static bool is_visible(const struct gdb *gdb, const struct node_thread *thread)
{
	int64_t pid = gdb_pid(thread);

	bool known = thread->root_paddr && thread->pc != 0 && node_debug_knows(gdb->node, thread->asid);

	return (known || thread->faulted) && !gdb_pid_is(gdb->gone, pid) &&
	       (!(gdb->ended || gdb->killed) || gdb_pid_is(gdb->seen, pid));
}

static void table_add(void *context, const struct node_thread *thread)
{
	struct gdb *gdb = context;

	if (gdb->threads == gdb->thread_room) {
		unsigned room = gdb->thread_room ? 2 * gdb->thread_room : 64;
		struct node_thread *longer = realloc(gdb->thread, room * sizeof *longer);

		if (!longer)
			return; /* the client sees those that fit */
		gdb->thread = longer;
		gdb->thread_room = room;
	}
	gdb->thread[gdb->threads++] = *thread;
}

static int table_order(const void *a, const void *b)
{
	int64_t by_pid = gdb_pid(a) - gdb_pid(b), by_tid = gdb_tid(a) - gdb_tid(b);
	int64_t by = by_pid ? by_pid : by_tid;

	return by < 0 ? -1 : by > 0;
}

bool gdb_thread_next(struct gdb *gdb, unsigned *index, struct node_thread *thread)
{
	if (!gdb->table_made) {
		gdb->threads = 0;
		node_threads(gdb->node, table_add, gdb);
		if (gdb->threads > 0)
			qsort(gdb->thread, gdb->threads, sizeof *gdb->thread, table_order);
		gdb->table_made = true;
	}
	while (*index < gdb->threads) {
		*thread = gdb->thread[(*index)++];
		if (is_visible(gdb, thread))
			return true;
	}
	return false;
}

static bool may_mean(struct gdb_thread_id id, const struct node_thread *thread)
{
	return (id.pid <= 0 || id.pid == gdb_pid(thread)) && (id.tid <= 0 || id.tid == gdb_tid(thread));
}

bool gdb_thread_find(struct gdb *gdb, struct gdb_thread_id id, struct node_thread *thread)
{
	for (unsigned index = 0; gdb_thread_next(gdb, &index, thread);)
		if (may_mean(id, thread))
			return true;
	return false;
}

bool gdb_thread_by_tcb(struct gdb *gdb, uint64_t tcb, struct node_thread *thread)
{
	for (unsigned index = 0; gdb_thread_next(gdb, &index, thread);)
		if (thread->tcb == tcb)
			return true;
	return false;
}

void gdb_add_thread_id(struct gdb *gdb, struct gdb_text *text, struct gdb_thread_id id)
{
	if (gdb->multiprocess)
		gdb_text_add(text, "p%" PRIx64 ".", id.pid);
	gdb_text_add(text, "%" PRIx64, id.tid);
}

/* The thread that registers and memory are of; if there is none, that is the reply. */
static bool general_thread(struct gdb *gdb, struct node_thread *thread)
{
	if (gdb_thread_find(gdb, gdb->general, thread))
		return true;
	gdb_reply_error(gdb, GDB_ERROR_NO_THREAD);
	return false;
}

/* --- registers ------------------------------------------------------------------------------------- */

#define G_REGISTERS (NODE_REGISTER_PC + 1)

/* The floating-point status registers have 32 bits in the target description. */
static size_t register_size(unsigned number)
{
	return number >= NODE_REGISTER_FFLAGS && number <= NODE_REGISTER_FCSR ? 4 : 8;
}

void gdb_add_register(struct gdb *gdb, struct gdb_text *text, uint64_t tcb, unsigned number)
{
	uint64_t value = node_register(gdb->node, tcb, number);

	gdb_text_add_hex(text, &value, register_size(number));
}

/* g and G have what a processor without floating point has; the rest is asked for one by one. */
void gdb_read_registers(struct gdb *gdb)
{
	struct node_thread thread;

	if (!general_thread(gdb, &thread))
		return;
	for (unsigned number = 0; number < G_REGISTERS; number++)
		gdb_add_register(gdb, &gdb->reply, thread.tcb, number);
}

void gdb_write_registers(struct gdb *gdb, const char *cursor)
{
	uint64_t value[G_REGISTERS];
	struct node_thread thread;

	if (!general_thread(gdb, &thread))
		return;
	if (!gdb_parse_bytes(&cursor, value, sizeof value)) {
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
		return;
	}
	if (!gdb_may_write(gdb))
		return;
	for (unsigned number = 0; number < G_REGISTERS; number++)
		node_set_register(gdb->node, thread.tcb, number, value[number]);
	gdb_wrote(gdb);
}

/* The client's number of a register: GDB's own, so that it may also do without a target description. */
#define CLIENT_CSR 65 /* plus the CSR's number */

static bool parse_register(const char **cursor, unsigned *number)
{
	static const struct {
		uint16_t client;
		uint8_t number;
	} csr[] = {
		{CLIENT_CSR + 1, NODE_REGISTER_FFLAGS},   {CLIENT_CSR + 2, NODE_REGISTER_FRM},
		{CLIENT_CSR + 3, NODE_REGISTER_FCSR},     {CLIENT_CSR + 0xc00, NODE_REGISTER_CYCLE},
		{CLIENT_CSR + 0xc01, NODE_REGISTER_TIME}, {CLIENT_CSR + 0xc02, NODE_REGISTER_INSTRET},
	};
	uint64_t client;

	if (!gdb_parse_hex(cursor, &client))
		return false;
	*number = (unsigned)client;
	if (client < NODE_REGISTER_FFLAGS)
		return true;
	for (unsigned i = 0; i < sizeof csr / sizeof csr[0]; i++)
		if (csr[i].client == client) {
			*number = csr[i].number;
			return true;
		}
	return false;
}

void gdb_read_register(struct gdb *gdb, const char *cursor)
{
	struct node_thread thread;
	unsigned number;

	if (!parse_register(&cursor, &number))
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
	else if (general_thread(gdb, &thread))
		gdb_add_register(gdb, &gdb->reply, thread.tcb, number);
}

void gdb_write_register(struct gdb *gdb, const char *cursor)
{
	struct node_thread thread;
	uint64_t value = 0;
	unsigned number;

	if (!parse_register(&cursor, &number) || !gdb_skip(&cursor, "=") ||
	    !gdb_parse_bytes(&cursor, &value, register_size(number))) {
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
		return;
	}
	if (!general_thread(gdb, &thread) || !gdb_may_write(gdb))
		return;
	if (node_set_register(gdb->node, thread.tcb, number, value))
		gdb_wrote(gdb);
	else
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
}

/* --- memory ---------------------------------------------------------------------------------------- */

static bool parse_range(const char **cursor, uint64_t *address, uint64_t *size)
{
	return gdb_parse_hex(cursor, address) && gdb_skip(cursor, ",") && gdb_parse_hex(cursor, size);
}

void gdb_read_memory(struct gdb *gdb, const char *cursor)
{
	uint8_t bytes[GDB_PACKET_SIZE / 2 - 8];
	struct node_thread thread;
	uint64_t address, size;

	if (!parse_range(&cursor, &address, &size)) {
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
		return;
	}
	if (!general_thread(gdb, &thread))
		return;
	if (size > sizeof bytes)
		size = sizeof bytes;
	size = node_read_memory(gdb->node, &thread, address, bytes, size);
	if (size > 0)
		gdb_text_add_hex(&gdb->reply, bytes, size);
	else
		gdb_reply_error(gdb, GDB_ERROR_FAULT);
}

static void write_memory(struct gdb *gdb, uint64_t address, const void *bytes, size_t size)
{
	struct node_thread thread;

	if (!general_thread(gdb, &thread) || !gdb_may_write(gdb))
		return;
	if (node_write_memory(gdb->node, &thread, address, bytes, size) == size)
		gdb_wrote(gdb);
	else
		gdb_reply_error(gdb, GDB_ERROR_FAULT);
}

void gdb_write_memory(struct gdb *gdb, const char *cursor)
{
	uint8_t bytes[GDB_PACKET_SIZE / 2];
	uint64_t address, size;

	if (!parse_range(&cursor, &address, &size) || !gdb_skip(&cursor, ":") || size > sizeof bytes ||
	    !gdb_parse_bytes(&cursor, bytes, size))
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
	else
		write_memory(gdb, address, bytes, size);
}

/* The data may hold zeros: it ends where the packet does. */
void gdb_write_binary(struct gdb *gdb, const char *cursor)
{
	uint8_t bytes[GDB_PACKET_SIZE];
	const char *end = (const char *)gdb->in + gdb->in_size;
	uint64_t address, size;
	size_t count = 0;

	if (!parse_range(&cursor, &address, &size) || !gdb_skip(&cursor, ":")) {
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
		return;
	}
	for (; cursor < end; cursor++) {
		bool escaped = *cursor == '}' && cursor + 1 < end;

		cursor += escaped;
		bytes[count++] = (uint8_t)(escaped ? *cursor ^ 0x20 : *cursor);
	}
	if (count == size)
		write_memory(gdb, address, bytes, count);
	else
		gdb_reply_error(gdb, GDB_ERROR_INVALID);
}
