/*
 * What Skerry needs of the operating system it runs in, and all it uses of it: nothing outside host/
 * calls the system for memory, time, the console, files, other programs, signals or to end. One folder per
 * system implements this (host/linux).
 *
 * Functions that can fail say so by their result and describe why through host_error(): a short text
 * such as "No such file or directory", valid until the next call.
 */
#ifndef SKERRY_HOST_HOST_H
#define SKERRY_HOST_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

const char *host_error(void);

/* Called before anything else here: sees to it that no file we open is taken for the console. */
void host_begin(void);

/* --- memory ---------------------------------------------------------------------------------- */

/*
 * `size` bytes of zeroed, page-aligned memory; NULL if the host has none. Pages cost nothing until
 * they are touched.
 */
void *host_memory_reserve(uint64_t size);
void host_memory_release(void *memory, uint64_t size);
/* As host_memory_reserve(); aligned to `size`, a multiple of 2 MiB and a power of two, for filling at once.
 */
void *host_memory_reserve_huge(uint64_t size);
/*
 * For each 4 KiB page of a reserved memory, sets touched[page] to 1 if it may hold anything but zeros, else
 * to 0.
 */
void host_memory_touched(void *memory, uint64_t size, uint8_t *touched);

/*
 * Notes which parts of a reserved memory are written from here on. Costs nothing but a page fault at the
 * first write to each part. System calls must not write to watched memory that was not written before:
 * host_watch_touch() first. NULL on failure.
 */
struct host_watch;
struct host_watch *host_watch_create(void *memory, uint64_t size);
void host_watch_destroy(struct host_watch *watch);
void host_watch_touch(struct host_watch *watch, uint64_t offset, uint64_t size);
/* Calls `visit` with each part that was written since the last collection, and starts anew. */
void host_watch_collect(struct host_watch *watch,
			void (*visit)(void *context, uint64_t offset, uint64_t size), void *context);

/*
 * Memory for code that we make: zeros, seen at two addresses, at one to be written and at the other to be
 * run, and never both at one. `size` is a multiple of the page size. False if the host does not let us.
 */
bool host_code_reserve(uint64_t size, void **write, void **run);
void host_code_release(uint64_t size, void *write, void *run);

/*
 * `size` bytes, a multiple of the page size, of memory that all have who name that file, to be released as
 * any. The file is made, with zeros, if it is not there; it must be ours alone, and have that size. NULL on
 * failure. Should the memory be gone one day (somebody has made the file shorter, or its disk is full), the
 * process ends, having written the line `lost` to standard error. Once in a process.
 */
void *host_memory_share(const char *path, uint64_t size, const char *lost);

/* --- threads --------------------------------------------------------------------------------- */

struct host_thread;
struct host_thread *host_thread_start(void (*run)(void *context), void *context); /* NULL on failure */
void host_thread_join(struct host_thread *thread);

/* For one who waits without sleeping, between two looks: lets the other thread of a core go on. */
void host_relax(void);
unsigned host_processors(void); /* of this machine */

/* --- time ------------------------------------------------------------------------------------ */

uint64_t host_clock_ns(void); /* never goes back; from an arbitrary start */
uint64_t host_wall_ns(void);  /* since 1970, UTC */

/* Bytes that nobody can guess. */
void host_random(void *bytes, size_t size);

/* --- the console: standard input and output --------------------------------------------------- */

/* Is standard input a terminal that belongs to us (not to a job in the foreground)? */
bool host_console_is_terminal(void);

/* Do standard output and standard error go to the same place? */
bool host_console_is_stderr(void);

/*
 * Raw mode: each key arrives at once and unprocessed, also Ctrl-C. Undone by host_console_restore(), by
 * host_exit(), and when a signal ends the process.
 */
bool host_console_raw(void);
void host_console_restore(void);

/*
 * Writes all of it, waiting for a slow reader; false when the other side is gone or full, or when a
 * signal or the alarm came while waiting.
 */
bool host_console_write(const void *bytes, size_t size);

enum { HOST_INPUT_NONE = 0, HOST_INPUT_END = -1 };
/* Bytes read (never waits), HOST_INPUT_NONE if there is nothing now, HOST_INPUT_END if there never will be.
 */
int host_console_read(void *buffer, size_t size);

struct host_link;
/*
 * Sleeps for `timeout_ns` (UINT64_MAX: without end), until there is input (if `input`), until something
 * happens at `link` (NULL: none), or until a signal or the alarm has come: whichever is first.
 */
void host_wait(bool input, const struct host_link *link, uint64_t timeout_ns);

/* One of several things to wait for. */
enum host_source {
	HOST_SOURCE_INPUT,
	HOST_SOURCE_LINK,
	HOST_SOURCE_SOCKET,
	HOST_SOURCE_SHARED,
	HOST_SOURCE_PROGRAM,
};
struct host_event {
	enum host_source source; /* input is the console's */
	const void *of;          /* the link, socket, shared memory or program */
	bool read, write;        /* of a socket: what to wait for; of a program: room for its input, too */
	bool came;               /* the result */
};
#define HOST_EVENTS_MAX 128 /* in one call */
/* As host_wait(), until one of them comes. With a timeout of 0 it only looks. */
void host_wait_for(struct host_event *event, unsigned count, uint64_t timeout_ns);

/* --- files ----------------------------------------------------------------------------------- */

/* The contents of a regular file in memory from malloc(); NULL on failure. */
void *host_file_load(const char *path, uint64_t *size);
/* The same, but that nobody except its owner (and the administrator) may read it. */
void *host_file_load_private(const char *path, uint64_t *size);
/* A new file that only its owner can read or write; false also if something is there already. */
bool host_file_create_private(const char *path, const void *bytes, uint64_t size);
/* Do both name one regular file, there or yet to be made? */
bool host_file_is_same(const char *path, const char *other);
/* Writes a whole file; a regular one that could not be written in full is removed again. */
bool host_file_save(const char *path, const void *bytes, uint64_t size);

/*
 * A file being written from its beginning. Until host_output_finish() what was at `path` before stays; if
 * `visible`, the file is there at once and grows, for a log that is of use however we end.
 */
struct host_output;
struct host_output *host_output_create(const char *path, bool visible); /* NULL on failure */
/* Could one be created there now, as far as can be told without doing it? */
bool host_output_possible(const char *path);
bool host_output_write(struct host_output *output, const void *bytes, size_t size);
/* Overwrites bytes that were written. */
bool host_output_write_at(struct host_output *output, uint64_t offset, const void *bytes, size_t size);
bool host_output_finish(struct host_output *output); /* closes it in any case */
void host_output_abandon(struct host_output *output);
/*
 * The file, empty, in which this system's profiler looks for the names of code that we make, of which each
 * line has address, size and name; it stays when we end. NULL on failure.
 */
struct host_output *host_profile_create(void);

/*
 * A folder that nobody but us (and the administrator) may write to, made if it is not there; NULL: it is not
 * such a one, or cannot be. Its files likewise. Saving replaces a file at once or not at all.
 */
struct host_folder;
struct host_folder *host_folder_open(const char *path);
/* One process at a time can have it, until it closes the folder. */
bool host_folder_lock(struct host_folder *folder);
void host_folder_delete(struct host_folder *folder, const char *name);
/* Where such a folder of this user's can be, while the system runs; valid until the next call. */
const char *host_folder_usual(const char *name);
/* Goes if it is empty. */
void host_folder_remove(const char *path);
void host_folder_close(struct host_folder *folder);
bool host_folder_has(struct host_folder *folder, const char *name);
void *host_folder_load(struct host_folder *folder, const char *name, uint64_t *size); /* from malloc() */
bool host_folder_save(struct host_folder *folder, const char *name, const void *bytes, uint64_t size);

/* Which build of this program runs: another one has another. False: it does not say. */
struct host_build {
	uint8_t id[32];
};
bool host_build(struct host_build *build);

struct host_disk; /* a file or block device of fixed size */

/*
 * Opens it for writing too, or, where that is not permitted, for reading only. It is locked against
 * another writer until it is closed.
 */
struct host_disk *host_disk_open(const char *path);
bool host_disk_read_only(const struct host_disk *disk);
void host_disk_close(struct host_disk *disk);
uint64_t host_disk_size(const struct host_disk *disk);
bool host_disk_read(struct host_disk *disk, uint64_t offset, void *buffer, size_t size);
bool host_disk_write(struct host_disk *disk, uint64_t offset, const void *buffer, size_t size);
bool host_disk_flush(struct host_disk *disk);

/*
 * Paths under which a program that we start can open such a disk, or a file with these bytes that has no
 * name and goes when we end. Valid until the next call of the same function.
 */
const char *host_disk_path(const struct host_disk *disk);
const char *host_nameless_file(const void *bytes, uint64_t size); /* NULL on failure */

/* --- a control socket -------------------------------------------------------------------------- */

/*
 * Others on this machine, of the same user, can ask a run for something: one line, and the answer ends the
 * talk. One client at a time is served, for three seconds at most. Nothing here waits.
 */
struct host_control;
struct host_control *host_control_open(const char *path); /* NULL on failure */
void host_control_close(struct host_control *control);    /* and removes it */
/* What a client asks, without the line's end; NULL: nothing now. It has to be answered. */
const char *host_control_request(struct host_control *control);
/* `bytes` are from malloc(), and freed here when they are sent. */
void host_control_answer(struct host_control *control, char *bytes, size_t size);

/* Asks: waits for the whole answer, from malloc() and with a zero behind it, and so long at most for each
 * piece. NULL on failure. */
char *host_control_ask(const char *path, const char *line, unsigned patience_s, size_t *size);
bool host_is_control(const char *path); /* is a socket there? */

/* --- a client over the network ------------------------------------------------------------------ */

/* Waits for a client at a TCP port of this machine, and serves one at a time; others are turned away. */
struct host_link *host_link_open(const char *address, uint16_t port); /* port 0: any; NULL on failure */
void host_link_close(struct host_link *link);
uint16_t host_link_port(const struct host_link *link);
/* Takes in the client that waits, if there is one and none is there yet: true if that is so. */
bool host_link_accept(struct host_link *link);
/* What the client has sent; results as of host_console_read(), HOST_INPUT_END once it has gone. */
int host_link_read(struct host_link *link, void *buffer, size_t size);
/* Sends all of it. A client that does not take it within seconds is as good as gone: false. */
bool host_link_write(struct host_link *link, const void *bytes, size_t size);
void host_link_hang_up(struct host_link *link);

/* --- connections to other nodes --------------------------------------------------------------------- */

/*
 * A stream to another process, perhaps on another host, or what others may connect to. Nothing here waits:
 * what cannot be done now can be when host_wait_for() says so.
 */
struct host_socket;

/* Where others of this machine can connect: a file, which goes when the socket is closed. NULL on failure. */
struct host_socket *host_socket_listen_local(const char *path);
/* A TCP port of this machine; 0: any. */
struct host_socket *host_socket_listen(const char *host, uint16_t port);
uint16_t host_socket_port(const struct host_socket *socket);
struct host_socket *host_socket_accept(struct host_socket *listener); /* NULL: nobody has come */

/* Begins to connect. NULL on failure. */
struct host_socket *host_socket_dial_local(const char *path);
struct host_socket *host_socket_dial(const char *host, uint16_t port);
/* 1: it is connected; 0: not yet; -1: it failed. While the name of the host is looked up, host_wait_for()
 * does not know of it: look again after HOST_DIAL_AGAIN_NS. */
int host_socket_dialed(struct host_socket *socket);
#define HOST_DIAL_AGAIN_NS 20000000ull

void host_socket_close(struct host_socket *socket);
/* Results as of host_console_read(). */
int host_socket_read(struct host_socket *socket, void *buffer, size_t size);
/* Would host_socket_read() return something else than HOST_INPUT_NONE? */
bool host_socket_waits(const struct host_socket *socket);
/* How much of it was sent; HOST_INPUT_NONE: nothing fits now; HOST_INPUT_END: nothing ever will. */
int host_socket_write(struct host_socket *socket, const void *bytes, size_t size);
/*
 * Memory that is shared with the process at the other side of a local socket: made here and sent along with
 * some bytes (all of them, or false), or got along with bytes that are read. It cannot shrink under either.
 */
struct host_shared;
struct host_shared *host_shared_create(uint64_t size); /* zeros; NULL on failure */
void *host_shared_memory(const struct host_shared *shared);
/* Wakes the other side, if it waits for the shared memory; and forgets that we were woken. */
void host_shared_wake(struct host_shared *shared);
void host_shared_woken(struct host_shared *shared);
void host_shared_release(struct host_shared *shared);
bool host_socket_write_shared(struct host_socket *socket, const void *bytes, size_t size,
			      const struct host_shared *shared);
/* As host_socket_read(). *shared: NULL, or what came along, if it has that size. */
int host_socket_read_shared(struct host_socket *socket, void *buffer, size_t size, uint64_t shared_size,
			    struct host_shared **shared);

/* Is the other side, on this machine, a process of the same user (or the administrator's)? */
bool host_socket_is_ours(const struct host_socket *socket);
/* Who is at the other side, for messages: "127.0.0.1:40112"; empty on this machine. */
const char *host_socket_name(struct host_socket *socket);

/* --- another program -------------------------------------------------------------------------- */

/*
 * A program that runs beside us. Its standard input and output are a stream to us, its descriptor 3 is
 * another, and what it says on standard error is kept, line by line. It has a session of its own, so what
 * the user's terminal sends reaches only us, and it never outlives us, however we end.
 */
struct host_program;
enum host_stream { HOST_STREAM_CONSOLE, HOST_STREAM_CONTROL };

const char *host_program_self(void); /* a path of the program that runs */

/* argv[0] is found as a shell finds it; argv ends with NULL. NULL if it cannot be started. */
struct host_program *host_program_start(const char *const *argv);

/*
 * What it has sent, after waiting for it for at most `timeout_ms`; results as of host_console_read(),
 * HOST_INPUT_END when it has ended.
 */
int host_program_read(struct host_program *program, enum host_stream stream, void *buffer, size_t size,
		      unsigned timeout_ms);
/* Sends it what it takes now (never waits) and returns how much that was. */
size_t host_program_write(struct host_program *program, enum host_stream stream, const void *bytes,
			  size_t size);

/*
 * Sleeps until it has sent or said something or has ended, until there is console input (if `input`) or
 * room to send to its console (if `room`), or until a signal or the alarm has come.
 */
void host_program_wait(struct host_program *program, bool input, bool room);

/* The next line it said on standard error, valid until the next call; NULL if there is none now. */
const char *host_program_complaint(struct host_program *program);
/* Waits until it has ended: its exit status, or -N if signal N ended it. */
int host_program_status(struct host_program *program);
/* Kills it without asking; it ends soon. */
void host_program_kill(struct host_program *program);
/* Ends it, if it runs: asked first, then forced. */
void host_program_close(struct host_program *program);

/*
 * A program that has our terminal, standard input and output, while we go on without them: what its user
 * types, also Ctrl-C, is for it alone. One at a time. argv as above.
 */
bool host_foreground_start(const char *const *argv);
bool host_foreground_runs(void);
/* Waits until it has ended: its exit status, as a shell has it. */
int host_foreground_end(void);

/* --- what there is ---------------------------------------------------------------------------- */

bool host_file_exists(const char *path);
bool host_program_exists(const char *name); /* where a shell would find it */
uint64_t host_memory_available(void);       /* bytes; 0: not known */
const char *host_processor(void);           /* such as "x86_64" */
bool host_is_administrator(void);

/* --- signals and the end --------------------------------------------------------------------- */

/*
 * From here on a request to end (SIGINT, SIGTERM, SIGHUP) does not end the process: it is kept for
 * host_signal(), and `wake`, unless it is NULL, is called from the signal handler. A second one ends the
 * process at once.
 */
void host_signals_catch(void (*wake)(void));
int host_signal(void);                    /* the number of the signal that came, or 0 */
const char *host_signal_name(int number); /* "SIGTERM" */

/* SIGUSR1 from here on is kept for host_request_came(), which is true once for it; it ends host_wait(), too.
 */
void host_request_catch(void);
bool host_request_came(void);

/* An alarm after `timeout_ns`: `wake` is called as for a signal, and host_alarm_rang() turns true. */
void host_alarm(uint64_t timeout_ns);
bool host_alarm_rang(void);

/* Restores the terminal and ends the process. */
_Noreturn void host_exit(int status);

#endif
