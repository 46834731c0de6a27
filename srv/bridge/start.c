/* Making the bridge's process: see start.h. */
#include "srv/bridge/start.h"

#include <skerry/check.h>
#include <skerry/cluster.h>
#include <skerry/object.h>
#include <skerry/vspace.h>
#include "srv/bridge/bridge.h"

#define LARGE_BYTES  LIBSEL4_BIT(seL4_LargePageBits)
#define MEMORY_PAGES ((sizeof(struct bridge) + LARGE_BYTES - 1) / LARGE_BYTES)
#define SPARE_IRQ    80 /* and those after it: nothing on this board has them */

/* The bridge's memory, mapped there and, for the moment, here. */
static struct bridge *memory_make(struct sk_process *process, seL4_CPtr *window)
{
	seL4_Word pages_each = LARGE_BYTES / SK_PAGE_BYTES;
	seL4_Word address = (seL4_Word)sk_address_new((MEMORY_PAGES + 1) * pages_each);
	seL4_CPtr frames = sk_objects_new(seL4_RISCV_Mega_Page, 0, MEMORY_PAGES);

	address = (address + LARGE_BYTES - 1) & ~(LARGE_BYTES - 1);
	for (seL4_Word i = 0; i < MEMORY_PAGES; i++) {
		sk_process_map(process, frames + i, BRIDGE_ADDRESS + i * LARGE_BYTES, seL4_ReadWrite);
		sk_must(sk_map(seL4_CapInitThreadVSpace, frames + i, address + i * LARGE_BYTES,
			       seL4_ReadWrite, seL4_RISCV_ExecuteNever));
	}
	*window = frames;
	return (struct bridge *)address;
}

static void worker_make(struct bridge_handle *handle, struct worker *worker, unsigned index,
			seL4_Word priority)
{
	struct sk_process *process = &handle->process;
	struct sk_thread thread;

	sk_process_thread_new(process, &thread, "bridge worker", priority, SLOT_WORKER_TCB + index);
	worker->buffer = thread.ipc_buffer;
	worker->stack_top = thread.stack_top;
	worker->tls = thread.tls;
	sk_process_give(process, SLOT_WORKER_START + index, sk_notification_new(), seL4_AllRights, 0);
	sk_process_give(process, SLOT_WORKER_DONE + index, handle->notification, seL4_CanWrite,
			BRIDGE_BADGE_EVENT | UINT64_C(1) << index);
	sk_process_give(process, SLOT_WORKER_RETURN + index, handle->endpoint, seL4_CapRights_new(0, 1, 0, 1),
			BADGE_RETURN | index);
}

static seL4_CPtr spare_irq_new(void)
{
	static seL4_Word irq = SPARE_IRQ;
	seL4_CPtr handler = sk_slot_new();

	sk_must(seL4_IRQControl_Get(seL4_CapIRQControl, irq++, seL4_CapInitThreadCNode, handler, SK_DEPTH));
	return handler;
}

void bridge_make(struct bridge_handle *handle, const struct bridge_ports *ports, seL4_Word priority,
		 unsigned workers)
{
	struct sk_process *process = &handle->process;
	seL4_CPtr window;

	handle->endpoint = sk_endpoint_new();
	handle->notification = sk_notification_new();
	handle->clients = 0;
	sk_process_new_sized(process, "bridge", priority, 0, BRIDGE_CNODE_BITS);
	sk_process_give(process, SLOT_ENDPOINT, handle->endpoint, seL4_AllRights, 0);
	sk_process_give(process, SLOT_NOTIFICATION, handle->notification, seL4_AllRights, 0);
	sk_process_give(process, SLOT_SPARE_IRQ, spare_irq_new(), seL4_AllRights, 0);
	sk_must(seL4_TCB_BindNotification(process->thread.tcb, handle->notification));
	struct bridge *b = memory_make(process, &window);
	b->ports = *ports;
	/* Each peer has two at least: one for a call, one for what is answered at once. */
	b->worker_count = workers < 2 * TABLE_PEERS  ? 2 * TABLE_PEERS
			  : workers > BRIDGE_WORKERS ? BRIDGE_WORKERS
						     : workers;
	for (unsigned i = 0; i < b->worker_count; i++)
		worker_make(handle, &b->workers[i], i, priority + 1);
	for (seL4_Word i = 0; i < MEMORY_PAGES; i++)
		sk_must(seL4_RISCV_Page_Unmap(window + i));
}

void bridge_begin(struct bridge_handle *handle)
{
	sk_process_start(&handle->process, bridge_main, (void *)BRIDGE_ADDRESS);
}

seL4_CPtr bridge_event(const struct bridge_handle *handle, seL4_Word badge)
{
	return sk_cap_mint(handle->notification, seL4_CanWrite, BRIDGE_BADGE_EVENT | badge);
}

seL4_CPtr bridge_control(struct bridge_handle *handle)
{
	return sk_cap_mint(handle->endpoint, seL4_CapRights_new(1, 1, 0, 1), ++handle->clients);
}
