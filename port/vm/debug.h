/*
 * What a debugger does to a node (cmd/gdb.c). A node_step() that meets a breakpoint, a watchpoint, the end of
 * a single step or a fault that nobody handles returns NODE_STOPPED, between two instructions; the next one
 * goes on where it was, up to the moment that was this one's end. So in virtual time a run under a
 * debugger is, to the instruction, the run without.
 *
 * System calls and faults are one step: what the kernel does cannot be stopped inside.
 */
#pragma once

#include "port/vm/node.h"
#include "vm/vm.h"

enum node_stop {
	NODE_STOP_BREAKPOINT, /* the thread is before the instruction at its pc */
	NODE_STOP_WATCHPOINT, /* it is behind the access to `vaddr`, by a watchpoint of this kind */
	NODE_STOP_STEP,       /* it has executed an instruction, or made a system call */
	NODE_STOP_SPACE,      /* it is about to be the first to run in its address space */
	NODE_STOP_FAULT,      /* it did what `fault` says, and is stopped: nobody handles it */
};

enum node_fault {
	NODE_FAULT_MEMORY,
	NODE_FAULT_MISALIGNED,
	NODE_FAULT_ILLEGAL,
	NODE_FAULT_EBREAK,
	NODE_FAULT_SYSCALL, /* a call that does not exist, or a capability address that cannot be looked up */
};

struct node_stopped {
	enum node_stop why;
	uint64_t tcb;   /* the thread, as in struct node_thread */
	uint64_t began; /* of a step: position before it */
	uint64_t vaddr;
	enum vm_watch watch;
	enum node_fault fault;
};

/* Why the last node_step() returned NODE_STOPPED. */
const struct node_stopped *node_stopped(const struct node *node);

/*
 * Should the node stop for faults that nobody handles, and for address spaces that begin to be used? Off: all
 * breakpoints and watchpoints go, too. Turned on, spaces that have been in use count as known.
 */
void node_debug(struct node *node, bool on);
/* Has a thread run in this address space? */
bool node_debug_knows(const struct node *node, uint16_t asid);
/* From now on the node stops when this thread has executed an instruction; 0: no thread is stepped. */
void node_debug_step(struct node *node, uint64_t tcb);

/* The thread, which is at a breakpoint, goes on over it. */
void node_debug_pass(struct node *node, uint64_t tcb);

/* Breakpoints and watchpoints: see vm/vm.h. */
bool node_debug_break(struct node *node, uint16_t asid, uint64_t vaddr, bool set);
bool node_debug_watch(struct node *node, uint16_t asid, uint64_t vaddr, uint64_t size, enum vm_watch kind,
		      bool set);

/* The thread that runs, or 0 while the node is idle. */
uint64_t node_debug_running(const struct node *node);

/* A thread's registers; a thread that waits or may run is where it will go on. */
enum node_register {
	NODE_REGISTER_X = 0, /* x0 to x31; x0 is not written */
	NODE_REGISTER_PC = 32,
	NODE_REGISTER_F = 33, /* f0 to f31 */
	NODE_REGISTER_FFLAGS = 65,
	NODE_REGISTER_FRM,
	NODE_REGISTER_FCSR,
	NODE_REGISTER_CYCLE, /* the counters as the thread would read them now; not written */
	NODE_REGISTER_TIME,
	NODE_REGISTER_INSTRET,
	NODE_REGISTERS,
};
uint64_t node_register(struct node *node, uint64_t tcb, unsigned number);
/* False: it cannot be written. */
bool node_set_register(struct node *node, uint64_t tcb, unsigned number, uint64_t value);

/* As node_read_memory(): to ordinary memory, whatever rights the thread has there; bytes written. */
size_t node_write_memory(struct node *node, const struct node_thread *thread, uint64_t vaddr,
			 const void *buffer, size_t size);
