/*
 * What Skerry needs of the operating system it runs in, and all it uses of it: nothing outside host/
 * calls the system for memory, time, the console, files, signals or to end. One folder per system
 * implements this (host/linux).
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

/* --- memory ---------------------------------------------------------------------------------- */

/*
 * `size` bytes of zeroed, page-aligned memory; NULL if the host has none. Pages cost nothing until
 * they are touched.
 */
void *host_memory_reserve(uint64_t size);
void host_memory_release(void *memory, uint64_t size);

/* --- time ------------------------------------------------------------------------------------ */

uint64_t host_clock_ns(void); /* never goes back; from an arbitrary start */
uint64_t host_wall_ns(void);  /* since 1970, UTC */

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

/*
 * Sleeps for `timeout_ns` (UINT64_MAX: without end), until there is input (if `input`), or until a
 * signal or the alarm has come: whichever is first.
 */
void host_wait(bool input, uint64_t timeout_ns);

/* --- files ----------------------------------------------------------------------------------- */

/* The contents of a regular file in memory from malloc(); NULL on failure. */
void *host_file_load(const char *path, uint64_t *size);

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

/* --- signals and the end --------------------------------------------------------------------- */

/*
 * From here on a request to end (SIGINT, SIGTERM, SIGHUP) does not end the process: it is kept for
 * host_signal(), and `wake` is called from the signal handler. A second one ends the process at once.
 */
void host_signals_catch(void (*wake)(void));
int host_signal(void);                    /* the number of the signal that came, or 0 */
const char *host_signal_name(int number); /* "SIGTERM" */

/* An alarm after `timeout_ns`: `wake` is called as for a signal, and host_alarm_rang() turns true. */
void host_alarm(uint64_t timeout_ns);
bool host_alarm_rang(void);

/* Restores the terminal and ends the process. */
_Noreturn void host_exit(int status);

#endif
