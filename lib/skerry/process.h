/*
 * Processes: a thread in an address space and a capability space of its own. The program is the one
 * that makes it: what is never written is shared, the data is a copy as it stands at that moment. It
 * runs one function; what it can do is what it is given.
 *
 * As in the root server, slot 1 holds its TCB, 2 its CNode and 3 its address space; from
 * SK_PROCESS_FIRST_FREE on the slots are free, but the last one if there is a fault endpoint.
 */
#pragma once

#include <stdbool.h>
#include <skerry/thread.h>

enum { SK_PROCESS_FIRST_FREE = 4, SK_PROCESS_CNODE_BITS = 8 };

struct sk_process {
	struct sk_thread thread;
	seL4_CPtr vspace;
	seL4_CPtr cnode; /* 2^cnode_bits slots, no guard: index with that depth */
	seL4_Word cnode_bits;
	seL4_CPtr fault_slot; /* in the process; 0: faults go nowhere */
};

/* fault_ep is a capability of ours; 0 for none. It becomes the process's last slot. */
void sk_process_new(struct sk_process *process, const char *name, seL4_Word priority, seL4_CPtr fault_ep);

/* The same with 2^cnode_bits slots instead of 2^SK_PROCESS_CNODE_BITS. */
void sk_process_new_sized(struct sk_process *process, const char *name, seL4_Word priority,
			  seL4_CPtr fault_ep, seL4_Word cnode_bits);

/* Mints a copy of our capability into the process's slot. */
void sk_process_give(struct sk_process *process, seL4_Word slot, seL4_CPtr cap, seL4_CapRights_t rights,
		     seL4_Word badge);

/* Copies our capability as it is, with its badge, into the process's slot. */
void sk_process_copy(struct sk_process *process, seL4_Word slot, seL4_CPtr cap);

/* Maps a copy of our frame at the process's address. */
void sk_process_map(struct sk_process *process, seL4_CPtr frame, seL4_Word vaddr, seL4_CapRights_t rights);

void sk_process_start(struct sk_process *process, void (*entry)(void *), void *argument);

/*
 * A further thread of the process, with the same fault endpoint; its TCB is given to the process in tcb_slot,
 * where the thread finds it when its function returns and it stops.
 */
void sk_process_thread_new(struct sk_process *process, struct sk_thread *thread, const char *name,
			   seL4_Word priority, seL4_Word tcb_slot);
void sk_process_thread_start(struct sk_thread *thread, void (*entry)(void *), void *argument,
			     seL4_Word tcb_slot);

/* Are we in such a process (and not in the root server)? */
bool sk_process_is_child(void);
