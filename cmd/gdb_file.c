/*
 * The programs that run, as files of the target: so the debugger finds the symbols of every process by
 * itself. There are only the ELF files inside the image, to be read, under the names they have there.
 */
#include <inttypes.h>
#include <string.h>

#include "cmd/gdb_internal.h"
#include "cmd/image.h"
#include "cmd/place.h"

/* Error numbers and the record of fstat as the protocol defines them ("File-I/O"). */
enum { FILE_ENOENT = 2, FILE_EBADF = 9, FILE_EINVAL = 22 };
#define MODE_REGULAR_READABLE 0100444

static void file_error(struct gdb *gdb, int number)
{
	gdb_text_clear(&gdb->reply);
	gdb_text_add(&gdb->reply, "F-1,%x", (unsigned)number);
}

void gdb_exec_file(struct gdb *gdb, int64_t pid, struct gdb_text *text)
{
	struct node_thread thread;
	struct image_member program;

	for (unsigned index = 0; gdb->image && gdb_thread_next(gdb, &index, &thread);) {
		if (gdb_pid(&thread) != pid ||
		    !place_program(gdb->image, gdb->node, &thread, thread.pc, &program))
			continue;
		gdb_text_add(text, "/%s", program.name);
		return;
	}
}

/* NAME as two digits for each byte, then what else there may be. */
static void file_open(struct gdb *gdb, const char *cursor)
{
	char path[256] = "";
	struct image_member program;
	unsigned file = 0;
	size_t size = 0;

	while (size < sizeof path - 1 && gdb_parse_bytes(&cursor, &path[size], 1))
		size++;
	path[size] = 0;
	while (gdb->image && place_program_at(gdb->image, file, &program) &&
	       (path[0] != '/' || strcmp(program.name, path + 1) != 0))
		file++;
	if (!gdb->image || !place_program_at(gdb->image, file, &program))
		file_error(gdb, FILE_ENOENT);
	else
		gdb_text_add(&gdb->reply, "F%x", file);
}

/* The number of an open file is that of the program. */
static bool file_of(struct gdb *gdb, const char **cursor, struct image_member *program)
{
	uint64_t file;

	if (gdb->image && gdb_parse_hex(cursor, &file) && file <= UINT32_MAX &&
	    place_program_at(gdb->image, (unsigned)file, program))
		return true;
	file_error(gdb, FILE_EBADF);
	return false;
}

static void file_read(struct gdb *gdb, const char *cursor)
{
	struct image_member program;
	uint64_t count, offset;

	if (!file_of(gdb, &cursor, &program))
		return;
	if (!gdb_skip(&cursor, ",") || !gdb_parse_hex(&cursor, &count) || !gdb_skip(&cursor, ",") ||
	    !gdb_parse_hex(&cursor, &offset)) {
		file_error(gdb, FILE_EINVAL);
		return;
	}
	if (offset > program.bytes.size)
		offset = program.bytes.size;
	if (count > GDB_BINARY_SIZE)
		count = GDB_BINARY_SIZE;
	if (count > program.bytes.size - offset)
		count = program.bytes.size - offset;
	gdb_text_add(&gdb->reply, "F%" PRIx64 ";", count);
	gdb_text_add_binary(&gdb->reply, program.bytes.data + offset, count);
}

static void file_status(struct gdb *gdb, const char *cursor)
{
	/* st_dev, ino, mode, nlink, uid, gid, rdev: 4 bytes each; size, blksize, blocks: 8; times: 4 */
	uint8_t status[64] = {0};
	const uint32_t mode = __builtin_bswap32(MODE_REGULAR_READABLE);
	struct image_member program;
	uint64_t size;

	if (!file_of(gdb, &cursor, &program))
		return;
	size = __builtin_bswap64(program.bytes.size);
	memcpy(status + 8, &mode, sizeof mode);
	memcpy(status + 28, &size, sizeof size);
	gdb_text_add(&gdb->reply, "F%zx;", sizeof status);
	gdb_text_add_binary(&gdb->reply, status, sizeof status);
}

void gdb_file(struct gdb *gdb, const char *cursor)
{
	if (gdb_skip(&cursor, "setfs:") || gdb_skip(&cursor, "close:"))
		gdb_text_add(&gdb->reply, "F0");
	else if (gdb_skip(&cursor, "open:"))
		file_open(gdb, cursor);
	else if (gdb_skip(&cursor, "pread:"))
		file_read(gdb, cursor);
	else if (gdb_skip(&cursor, "fstat:"))
		file_status(gdb, cursor);
}
