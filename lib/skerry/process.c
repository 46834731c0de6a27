/* Processes: see process.h. */
#include <skerry/process.h>

#include <string.h>
#include <crt/crt.h>
#include <skerry/check.h>
#include <skerry/object.h>
#include <skerry/vspace.h>

static bool is_child;

bool sk_process_is_child(void)
{
	return is_child;
}

static void process_main(void (*entry)(void *), void *argument, seL4_IPCBuffer *buffer, seL4_CPtr tcb)
{
	is_child = true; /* in the process's own copy of the data */
	seL4_SetIPCBuffer(buffer);
	entry(argument);
	for (;;)
		seL4_TCB_Suspend(tcb);
}

/* All 64 bits of an address in the process's capability space count: the guard is the rest, zero. */
static seL4_Word guard(const struct sk_process *process)
{
	return seL4_CNode_CapData_new(0, seL4_WordBits - process->cnode_bits).words[0];
}

void sk_process_map(struct sk_process *process, seL4_CPtr frame, seL4_Word vaddr, seL4_CapRights_t rights)
{
	sk_must(sk_map(process->vspace, sk_cap_copy(frame), vaddr, rights, seL4_RISCV_Default_VMAttributes));
}

void sk_process_give(struct sk_process *process, seL4_Word slot, seL4_CPtr cap, seL4_CapRights_t rights,
		     seL4_Word badge)
{
	sk_must(seL4_CNode_Mint(process->cnode, slot, (seL4_Uint8)process->cnode_bits,
				seL4_CapInitThreadCNode, cap, SK_DEPTH, rights, badge));
}

void sk_process_copy(struct sk_process *process, seL4_Word slot, seL4_CPtr cap)
{
	sk_must(seL4_CNode_Copy(process->cnode, slot, (seL4_Uint8)process->cnode_bits,
				seL4_CapInitThreadCNode, cap, SK_DEPTH, seL4_AllRights));
}

static bool is_zero(const void *page)
{
	const seL4_Word *word = page;

	for (unsigned i = 0; i < SK_PAGE_BYTES / sizeof *word; i++)
		if (word[i])
			return false;
	return true;
}

/*
 * A frame with the page's present content, mapped in the process. `window` is an address of ours. New frames
 * are zeros; those that stay so, as most of a heap, take no memory of the host's.
 */
static void page_copy(struct sk_process *process, char *page, void *window)
{
	seL4_CPtr frame = sk_frame_new();

	if (!is_zero(page)) {
		sk_must(sk_map(seL4_CapInitThreadVSpace, frame, (seL4_Word)window, seL4_ReadWrite,
			       seL4_RISCV_ExecuteNever));
		memcpy(window, page, SK_PAGE_BYTES);
		sk_must(seL4_RISCV_Page_Unmap(frame));
	}
	sk_must(sk_map(process->vspace, frame, (seL4_Word)page, seL4_ReadWrite,
		       seL4_RISCV_Default_VMAttributes));
}

static void image_map(struct sk_process *process)
{
	seL4_CPtr frame = seL4_GetBootInfo()->userImageFrames.start;
	void *window = sk_address_new(1);

	for (char *page = crt_image_start; page < crt_image_end; page += SK_PAGE_BYTES, frame++) {
		if (page < crt_data_start)
			sk_process_map(process, frame, (seL4_Word)page, seL4_CanRead);
		else
			page_copy(process, page, window);
	}
}

/* Stack, TLS and IPC buffer lie at the same addresses for the process as for us. */
static void thread_memory_map(struct sk_process *process, const struct sk_thread *thread)
{
	seL4_Word address = thread->stack_top - SK_THREAD_STACK_PAGES * SK_PAGE_BYTES;

	for (seL4_Word i = 0; i < SK_THREAD_PAGES; i++)
		sk_process_map(process, thread->frames + i, address + i * SK_PAGE_BYTES, seL4_ReadWrite);
}

void sk_process_thread_new(struct sk_process *process, struct sk_thread *thread, const char *name,
			   seL4_Word priority, seL4_Word tcb_slot)
{
	sk_thread_make(thread, name, priority);
	thread_memory_map(process, thread);
	sk_process_give(process, tcb_slot, thread->tcb, seL4_AllRights, 0);
	sk_must(seL4_TCB_Configure(thread->tcb, process->fault_slot, process->cnode, guard(process),
				   process->vspace, 0, (seL4_Word)thread->ipc_buffer, thread->ipc_frame));
}

void sk_process_new_sized(struct sk_process *process, const char *name, seL4_Word priority,
			  seL4_CPtr fault_ep, seL4_Word cnode_bits)
{
	process->vspace = sk_vspace_new();
	process->cnode = sk_object_new(seL4_CapTableObject, cnode_bits);
	process->cnode_bits = cnode_bits;
	process->fault_slot = fault_ep ? LIBSEL4_BIT(cnode_bits) - 1 : 0;
	image_map(process);
	sk_process_give(process, seL4_CapInitThreadCNode, process->cnode, seL4_AllRights, guard(process));
	sk_process_give(process, seL4_CapInitThreadVSpace, process->vspace, seL4_AllRights, 0);
	if (fault_ep)
		sk_process_copy(process, process->fault_slot, fault_ep);
	sk_process_thread_new(process, &process->thread, name, priority, seL4_CapInitThreadTCB);
}

void sk_process_new(struct sk_process *process, const char *name, seL4_Word priority, seL4_CPtr fault_ep)
{
	sk_process_new_sized(process, name, priority, fault_ep, SK_PROCESS_CNODE_BITS);
}

void sk_process_thread_start(struct sk_thread *thread, void (*entry)(void *), void *argument,
			     seL4_Word tcb_slot)
{
	sk_thread_run(thread, process_main, entry, argument, tcb_slot);
}

void sk_process_start(struct sk_process *process, void (*entry)(void *), void *argument)
{
	sk_process_thread_start(&process->thread, entry, argument, seL4_CapInitThreadTCB);
}
