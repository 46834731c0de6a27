/*
 * Going backwards under a debugger: by history.h to somewhere before, and from there forwards with
 * breakpoints, watchpoints or steps, to learn what was the last of them. What a debugger writes is in no
 * journal: after that the history must begin anew.
 */
#pragma once

#include "port/vm/debug.h"
#include "port/vm/history.h"

enum reverse {
	REVERSE_STOPPED, /* at what node_stopped() says */
	REVERSE_BEGIN,   /* at the beginning of the history: there was no such thing */
	REVERSE_LOST,    /* the node is of no more use */
};

/*
 * To the last moment before now at which a thread was at a breakpoint, or before an instruction that did what
 * a watchpoint waits for.
 */
enum reverse reverse_continue(struct node *node, struct history *history, struct journal *journal);

/* To the moment before the thread's last instruction or system call. */
enum reverse reverse_step(struct node *node, struct history *history, struct journal *journal, uint64_t tcb);
