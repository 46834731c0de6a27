/*
 * GDB's remote protocol: a debugger's view of a node, whatever the bytes travel over (gdb_server.c has the
 * socket). Each address space is a process, its number the ASID; threads are numbered by where their TCB
 * lies. Bytes from the client are hostile.
 */
#ifndef SKERRY_CMD_GDB_H
#define SKERRY_CMD_GDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node;
struct image;
struct journal;
struct history;
struct gdb;

typedef void gdb_send_fn(void *context, const void *bytes, size_t size);

/* NULL: out of memory. Nobody is connected yet. `image` may be NULL: then no program has a name. */
struct gdb *gdb_create(struct node *node, const struct image *image, gdb_send_fn *send, void *context);
/* Of a run with a journal: from here on the client can go back in time. */
void gdb_keep_history(struct gdb *gdb, struct journal *journal);
/* Between two steps. */
void gdb_observe(struct gdb *gdb);
void gdb_destroy(struct gdb *gdb);

/* A client has come: the node is stopped for it. It has gone: the node runs on, without breakpoints. */
void gdb_connected(struct gdb *gdb);
void gdb_disconnected(struct gdb *gdb);
/* The client sent this. */
void gdb_receive(struct gdb *gdb, const void *bytes, size_t size);

/* Must the node stand still now? */
bool gdb_holds(const struct gdb *gdb);
bool gdb_is_connected(const struct gdb *gdb);
/* Has the client had enough of the connection? */
bool gdb_is_done(const struct gdb *gdb);
/* Did it ask to end the run? */
bool gdb_is_killed(const struct gdb *gdb);

/* node_step() returned NODE_STOPPED. */
void gdb_stopped(struct gdb *gdb);
/* Nothing can ever run again. */
void gdb_stuck(struct gdb *gdb);
/* What was recorded is at its end. */
void gdb_at_end(struct gdb *gdb);
/* What was repeated after going back is at its end: from here on the run goes on. */
void gdb_at_present(struct gdb *gdb);
/* Has the client been refused to change the past? True once until it resumes. */
bool gdb_was_refused(struct gdb *gdb);
/* Forward again to the latest moment, from wherever the client went back to. */
void gdb_return(struct gdb *gdb);
/* The run is over, with this exit status. */
void gdb_ended(struct gdb *gdb, int status);

#endif
