/* The soft machine's half of port/machine.h. */
#include <string.h>

#include "isa_vspace.h"
#include "port/vm/internal.h"

_Thread_local struct machine_window machine_window;
_Thread_local struct node *current_node;

/* --- memory ------------------------------------------------------------------------------------- */

void machine_memory_written(uint64_t paddr, uint64_t size)
{
	vm_written(current_node->vm, paddr, size);
}

void machine_memory_clear(uint64_t paddr, uint64_t size)
{
	memset(machine_pointer(isa_kref(paddr)), 0, size);
	node_forget_frames(current_node);
	vm_written(current_node->vm, paddr, size);
}

void machine_vspace_init(uint64_t root_paddr)
{
	/* The kernel does not run in guest address spaces: there is nothing of its own to map. */
	(void)root_paddr;
}

/* --- translation -------------------------------------------------------------------------------- */

void machine_set_vspace(uint64_t space)
{
	vm_hart_set_space(current_node->hart, satp_root(space), satp_asid(space));
}

void machine_flush_page(uint16_t asid, uint64_t vaddr, unsigned bits)
{
	/* The VM keeps translations in pages of 4 KiB, however large the leaf is that they come from. */
	if (bits == seL4_PageBits)
		vm_flush_page(current_node->vm, asid, vaddr);
	else
		vm_flush_asid(current_node->vm, asid);
}

void machine_flush_asid(uint16_t asid)
{
	vm_flush_asid(current_node->vm, asid);
}

void machine_flush_all(void)
{
	vm_flush_all(current_node->vm);
}

/* --- floating point: the registers live in the TCB, nobody owns a unit ------------------------ */

void machine_set_fpu(struct tcb *tcb, bool enabled)
{
	(void)tcb;
	vm_hart_set_fpu(current_node->hart, enabled);
}

void machine_fpu_release(struct tcb *tcb)
{
	(void)tcb;
}

/* --- interrupts and time ---------------------------------------------------------------------- */

unsigned machine_irq_max(void)
{
	return IRQ_MAX;
}

unsigned node_pending_irq(const struct node *node)
{
	const uint64_t *raised = board_irq_pending(node->board);

	for (unsigned word = 0; word < 2; word++) {
		uint64_t pending = raised[word] & ~node->masked[word];

		if (pending)
			return word * 64 + (unsigned)__builtin_ctzll(pending);
	}
	return node_time(node) >= node->next_tick ? IRQ_MAX : MACHINE_IRQ_NONE;
}

unsigned machine_irq_claim(void)
{
	unsigned irq = node_pending_irq(current_node);

	if (irq == MACHINE_IRQ_NONE)
		return irq;
	if (irq != IRQ_MAX)
		board_irq_claim(current_node->board, irq);
	trace_claimed(current_node, irq);
	return irq;
}

void machine_irq_set_masked(unsigned irq, bool masked)
{
	struct node *node = current_node;
	uint64_t bit = 1ull << (irq % 64);

	if (masked)
		node->masked[irq / 64] |= bit;
	else
		node->masked[irq / 64] &= ~bit;
	node->attention = true;
}

void machine_irq_complete(unsigned irq)
{
	struct node *node = current_node;
	uint64_t now = node_time(node);

	node->attention = true;
	node->trace.interrupt = false;
	if (irq != IRQ_MAX)
		return;
	/* Ticks that were missed (the machine was idle, or the host slow) are not made up for. */
	node->next_tick += TICK_NS;
	if (node->next_tick <= now)
		node->next_tick = now - now % TICK_NS + TICK_NS;
}

bool machine_preempt_step(void)
{
	struct node *node = current_node;

	node->clock_offset += CHARGE_PREEMPT_STEP;
	if (node_time(node) >= node->next_event)
		node_board_advance(node);
	return node_pending_irq(node) != MACHINE_IRQ_NONE;
}

/* --- console, end ----------------------------------------------------------------------------- */

void machine_console_putc(char c)
{
	const struct board_config *board = &current_node->config.board;

	board->output(board->context, 0, &c, 1);
}

void machine_halt(void)
{
	current_node->off = true;
	current_node->exit_status = 1;
	current_node->attention = true;
	vm_hart_stop(current_node->hart);
}
