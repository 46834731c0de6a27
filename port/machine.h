/*
 * How an instruction set's machine is realised: on the bare metal, or as software in a process. The
 * kernel calls these and nothing else; a machine half (port/vm, port/metal-riscv64) implements every
 * one and adds none.
 *
 * The inline half is in the port's own machine_inline.h: turning kernel addresses into pointers is on
 * every path.
 */
#pragma once

#include "kernel/core/types.h"

struct kernel;
struct slot;
struct tcb;

#include "machine_inline.h"
/*
 * machine_inline.h gives, static inline:
 *   void *machine_pointer(kref ref)        a kernel address as a C pointer. Any ref whatever gives a
 *                                          pointer into (or within 64 KiB behind) the node's memory.
 *   kref machine_ref(const void *pointer)  the inverse, for pointers got from machine_pointer().
 *   struct kernel *machine_kernel(void)    the kernel of the node that this core runs.
 *   void machine_set_vspace(uint64_t space)
 *                                          this core translates through that address space from now on, in
 *                                          the form in which the processor's register has it (riscv64: satp);
 *                                          0: no user mapping at all
 *   void machine_set_fpu(struct tcb *tcb, bool enabled)
 *                                          the thread runs next, and may (or may not) use floating point
 *   MACHINE_COUNTS                         constant: does anybody look at kernel->stats?
 *   machine_trace_…                        see the end
 */

/* --- memory ---------------------------------------------------------------------------------- */

/* The kernel wrote user-visible memory: what is fetched as code from there must be the new bytes. */
void machine_memory_written(uint64_t paddr, uint64_t size);
/* Clears physical memory that no user can see any more. */
void machine_memory_clear(uint64_t paddr, uint64_t size);
/* Fills a new top-level table with what every address space needs to enter the kernel. */
void machine_vspace_init(uint64_t root_paddr);

/* --- translation ----------------------------------------------------------------------------- */

/* Forget translations: all of one leaf, 2^bits bytes at vaddr, whatever its size; a whole ASID; or all. */
void machine_flush_page(uint16_t asid, uint64_t vaddr, unsigned bits);
void machine_flush_asid(uint16_t asid);
void machine_flush_all(void);

/* --- floating point -------------------------------------------------------------------------- */

/* The thread is being deleted: no core holds its floating-point registers any more. */
void machine_fpu_release(struct tcb *tcb);

/* --- interrupts and time --------------------------------------------------------------------- */

#define MACHINE_IRQ_NONE 0

/* The highest interrupt number; the kernel's own timer has it. */
unsigned machine_irq_max(void);
/*
 * The interrupt to handle now, or MACHINE_IRQ_NONE. Claims it: on this platform that is also its end, so
 * the line can interrupt again at once, whether or not a driver has acknowledged it.
 */
unsigned machine_irq_claim(void);
/* Masked interrupts are not delivered; a level that is still high is, once it is unmasked. */
void machine_irq_set_masked(unsigned irq, bool masked);
/* The kernel has dealt with this interrupt (for the timer: the next tick is set up). */
void machine_irq_complete(unsigned irq);
/* One step of a long operation is done. True if an interrupt waits. In virtual time it has a price. */
bool machine_preempt_step(void);

/* --- console, end ---------------------------------------------------------------------------- */

void machine_console_putc(char c);
/*
 * A thread faulted (tcb->fault) and has no handler that could be told: it is stopped. Looking up its
 * handler's cptr gave `failure`; seL4_NoFailure means that there is a capability, but not an endpoint with
 * the rights it needs. For people; the kernel goes on.
 */
void machine_unhandled_fault(struct tcb *tcb, struct lookup_failure failure);
/* Switches the machine off, without success: the kernel cannot or must not go on. May return when hosted:
 * the core then runs nothing any more. */
void machine_halt(void);

/* --- tracing --------------------------------------------------------------------------------- */

/*
 * What the slow path does, told to whoever watches: nobody, where these are empty inlines. They change
 * nothing that the kernel can see. machine_inline.h has them: void machine_trace_invoke(const struct tcb
 * *tcb, const struct slot *slot) the current thread's system call names the capability in this slot void
 * machine_trace_fault(const struct tcb *tcb) the thread has this fault now (tcb->fault); whoever is told of
 * it comes next void machine_trace_message(const struct tcb *sender, const struct tcb *receiver, kref
 * endpoint, uint64_t badge) a message was moved, over an endpoint or (0) as a reply; of a fault, or the
 * answer to one, if the side concerned has one void machine_trace_signal(kref notification, kref woken,
 * uint64_t badge) the current thread, or an interrupt, signalled; 0: no thread waited, the signal is kept
 *   void machine_trace_signal_taken(const struct tcb *tcb, kref notification, uint64_t badge)
 *       the thread takes what was kept
 *   void machine_trace_threads_created(const struct tcb *first, unsigned count)
 *   void machine_trace_thread_named(const struct tcb *tcb), …_deleted
 *       deleted: its slots and its name are still there
 */
