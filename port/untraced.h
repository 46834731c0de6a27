/* The tracing hooks of a machine half on which nobody watches: see the end of port/machine.h. */
#pragma once

#include "kernel/core/types.h"

struct tcb;
struct slot;

static inline void machine_trace_invoke(const struct tcb *tcb, const struct slot *slot)
{
	(void)tcb;
	(void)slot;
}

static inline void machine_trace_fault(const struct tcb *tcb)
{
	(void)tcb;
}

static inline void machine_trace_message(const struct tcb *sender, const struct tcb *receiver, kref endpoint,
					 uint64_t badge)
{
	(void)sender;
	(void)receiver;
	(void)endpoint;
	(void)badge;
}

static inline void machine_trace_signal(kref notification, kref woken, uint64_t badge)
{
	(void)notification;
	(void)woken;
	(void)badge;
}

static inline void machine_trace_signal_taken(const struct tcb *tcb, kref notification, uint64_t badge)
{
	(void)tcb;
	(void)notification;
	(void)badge;
}

static inline void machine_trace_threads_created(const struct tcb *first, unsigned count)
{
	(void)first;
	(void)count;
}

static inline void machine_trace_thread_named(const struct tcb *tcb)
{
	(void)tcb;
}

static inline void machine_trace_thread_deleted(const struct tcb *tcb)
{
	(void)tcb;
}
