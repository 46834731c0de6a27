/*
 * What users can see of an instruction set: which registers carry what, how faults are encoded, how
 * large the architecture's objects are and what their page tables look like. One folder per
 * instruction set implements it (port/isa-riscv64); both machine halves of an instruction set, bare
 * metal and soft, share it.
 *
 * The inline half (message registers, addresses) is in the port's own isa_inline.h, because IPC is
 * made of it.
 */
#pragma once

#include "kernel/core/types.h"

#include "isa_inline.h"
/*
 * isa_inline.h gives, all static inline:
 *   struct context                              the user registers of a thread
 *   kref isa_kref(paddr), paddr isa_paddr(ref)  the kernel's window of physical memory
 *   isa_syscall, isa_cptr, isa_info, isa_message  input registers of a system call
 *   isa_set_badge, isa_set_info, isa_set_message  output registers
 *   ISA_FAULT_WORDS                             of the longest fault message
 *   isa_advance(context)                        address after the trapping system call instruction
 *   isa_set_tls(context, address)
 * and isa_vspace.h, for the fast path:
 *   isa_switch_vspace(kernel, tcb)              isa_set_vspace(), inline
 */

struct call;
struct trap;
struct slot;
struct tcb;

/* --- registers ------------------------------------------------------------------------------- */

/* Word `index` of a seL4_UserContext (types.md §5). Writing sanitises where the architecture needs it. */
/* All registers of a new thread are zero: its memory is. */
uint64_t isa_register(const struct context *context, unsigned index);
void isa_set_register(struct context *context, unsigned index, uint64_t value);

/* --- faults ---------------------------------------------------------------------------------- */

/*
 * What an exception of user code means to the kernel: its cause as the processor numbers it, and the address
 * that goes with it. Page and access faults are one kind to seL4, told apart by what was tried.
 */
struct trap isa_exception_trap(uint64_t cause, uint64_t address);

/* Writes the message of any fault but a capability's (types.md §7); returns its length. */
unsigned isa_fault_words(const struct tcb *tcb, uint64_t words[ISA_FAULT_WORDS]);
/* A reply may set the first so many registers of the faulted thread; 0 for faults that ignore it. */
unsigned isa_fault_reply_length(const struct tcb *tcb);
void isa_fault_reply_word(struct tcb *tcb, unsigned index, uint64_t value);

/* --- objects --------------------------------------------------------------------------------- */

/* log2 of the size in bytes of an architecture object type (Untyped_Retype). */
unsigned isa_object_bits(unsigned type);
bool isa_object_is_frame(unsigned type);
/* The capability to a new object in zeroed memory. */
struct cap isa_object_cap(unsigned type, uint64_t paddr, bool device);

/* --- capabilities of architecture objects: see capabilities.md §3 to §6 ------------------------ */

struct cap isa_cap_mask_rights(struct cap cap, uint64_t rights);
/* False: the capability cannot be copied in its present state (IllegalOperation). */
bool isa_cap_derive(struct cap *cap);
bool isa_cap_same_region(struct cap parent, struct cap child);
bool isa_cap_same_object(struct cap a, struct cap b);
/* [*start, *start + *size) is the physical memory the capability stands for; false: none. */
bool isa_cap_memory(struct cap cap, uint64_t *start, uint64_t *size);
void isa_cap_finalise(struct cap cap, bool final);
/* Is this the capability of an address space that a thread can run in? */
bool isa_cap_is_vspace(struct cap cap);

/* Frames: log2 of the size; is it ordinary memory that its holder may read (or also write)? */
unsigned isa_frame_bits(struct cap cap);
bool isa_frame_gives(struct cap cap, bool write);
/* Is this a frame of ordinary memory, whatever access its holder has to it? */
bool isa_cap_may_be_buffer(struct cap cap);

/* Decodes an invocation of an architecture object. */
enum outcome isa_decode(struct call *call);
/* Issues an interrupt handler with a trigger: IRQControl's architecture method. */
enum outcome isa_decode_irq_control(struct call *call);

/* --- address spaces -------------------------------------------------------------------------- */

/* Makes the current core translate through the thread's address space, or none if it has no valid one. */
void isa_set_vspace(const struct tcb *tcb);
/* Has the thread a valid address space? (physical address of its root table, and ASID) */
bool isa_vspace(struct cap vspace, uint64_t *root_paddr, uint16_t *asid);

/* Boot (kernel/core/boot.c): number of table objects below the root that map [start, end); their making. */
unsigned isa_boot_tables(uint64_t start, uint64_t end);
struct cap isa_boot_vspace(uint64_t root_paddr, uint16_t asid);
/* The table that is `index`-th in boot order (upper levels first, ascending), placed at `paddr`. */
struct cap isa_boot_map_table(struct cap vspace, uint64_t start, uint64_t end, unsigned index,
			      uint64_t paddr);
struct cap isa_boot_map_frame(struct cap vspace, uint64_t vaddr, uint64_t paddr, bool executable);
struct cap isa_boot_asid_pool(uint64_t paddr);

/* --- checking (kernel_check) ------------------------------------------------------------------ */

/* NULL, or what is wrong with this architecture capability. */
const char *isa_check_cap(const struct slot *slot);
