/* A node as a debugger sees it: see debug.h. */
#include "port/vm/debug.h"

#include <string.h>

#include "port/vm/internal.h"

const struct node_stopped *node_stopped(const struct node *node)
{
	return &node->debug.stopped;
}

bool node_debug_knows(const struct node *node, uint16_t asid)
{
	return node->debug.known[asid / 64] >> (asid % 64) & 1;
}

static void know(struct node *node, uint16_t asid)
{
	node->debug.known[asid / 64] |= 1ull << (asid % 64);
}

/* A thread that has a program counter has been given something to do. */
static void know_space(void *context, const struct node_thread *thread)
{
	if (thread->root_paddr && thread->pc != 0)
		know(context, thread->asid);
}

void node_debug(struct node *node, bool on)
{
	node->debug.on = on;
	if (on) {
		node_threads(node, know_space, node);
		return;
	}
	node->debug.step = 0;
	vm_debug_clear(node->vm);
}

void node_debug_step(struct node *node, uint64_t tcb)
{
	node->debug.step = tcb;
}

void node_debug_pass(struct node *node, uint64_t tcb)
{
	node->debug.pass = tcb;
}

bool node_debug_break(struct node *node, uint16_t asid, uint64_t vaddr, bool set)
{
	if (set)
		return vm_break_set(node->vm, asid, vaddr);
	vm_break_clear(node->vm, asid, vaddr);
	return true;
}

bool node_debug_watch(struct node *node, uint16_t asid, uint64_t vaddr, uint64_t size, enum vm_watch kind,
		      bool set)
{
	if (set)
		return vm_watch_set(node->vm, asid, vaddr, size, kind);
	vm_watch_clear(node->vm, asid, vaddr, size, kind);
	return true;
}

uint64_t node_debug_running(const struct node *node)
{
	return node->running ? machine_ref(node->running) : 0;
}

/* --- stopping ------------------------------------------------------------------------------------ */

static void stop(struct node *node, enum node_stop why, const struct tcb *tcb)
{
	node->debug.stopped.why = why;
	node->debug.stopped.tcb = machine_ref(tcb);
	node->debug.stop = true;
}

uint64_t node_debug_budget(struct node *node, const struct tcb *tcb, uint64_t budget)
{
	if (node->debug.pass && node->debug.pass == machine_ref(tcb)) {
		node->debug.pass = 0;
		vm_break_skip(node->hart);
		return 1;
	}
	return node_debug_steps(node, tcb) ? 1 : budget;
}

void node_debug_ran(struct node *node, const struct tcb *tcb, enum vm_stop why, uint64_t began)
{
	if (why == VM_STOP_BREAK) {
		if (node->debug.muted)
			node_debug_pass(node, machine_ref(tcb));
		else
			stop(node, NODE_STOP_BREAKPOINT, tcb);
		return;
	}
	if (why == VM_STOP_WATCH && !node->debug.muted) {
		node->debug.stopped.vaddr = node->hart->watched.vaddr;
		node->debug.stopped.watch = node->hart->watched.kind;
		stop(node, NODE_STOP_WATCHPOINT, tcb);
		return;
	}
	/* A call that was preempted is made again, later; what its end is, that is the step's. */
	if (node->debug.stop || !node_debug_steps(node, tcb) || why == VM_STOP_EXCEPTION ||
	    (why == VM_STOP_ECALL && tcb->state == THREAD_RESTART) ||
	    node->clock_offset + node->hart->instret == began)
		return;
	node->debug.stopped.began = began;
	stop(node, NODE_STOP_STEP, tcb);
}

bool node_debug_begins(struct node *node, const struct tcb *tcb)
{
	uint64_t root;
	uint16_t asid;

	if (!node->debug.on || node->debug.muted || !isa_vspace(tcb->slot[TCB_VSPACE].cap, &root, &asid) ||
	    node_debug_knows(node, asid))
		return false;
	know(node, asid);
	stop(node, NODE_STOP_SPACE, tcb);
	return true;
}

static enum node_fault fault_kind(const struct fault *fault)
{
	switch (fault->type) {
	case FAULT_CAP:
	case FAULT_UNKNOWN_SYSCALL:
		return NODE_FAULT_SYSCALL;
	case FAULT_USER_EXCEPTION:
		if (fault->address == VM_CAUSE_BREAKPOINT)
			return NODE_FAULT_EBREAK;
		return fault->address == VM_CAUSE_ILLEGAL ? NODE_FAULT_ILLEGAL : NODE_FAULT_MISALIGNED;
	default:
		return NODE_FAULT_MEMORY;
	}
}

void node_debug_fault(struct node *node, const struct tcb *tcb)
{
	if (!node->debug.on || node->debug.muted)
		return;
	node->debug.stopped.fault = fault_kind(&tcb->fault);
	stop(node, NODE_STOP_FAULT, tcb);
}

/* --- registers and memory -------------------------------------------------------------------------- */

/* Where a thread goes on, if nobody interferes. One that faulted is at the instruction that did. */
static uint64_t goes_on_at(const struct node *node, const struct tcb *tcb)
{
	bool at_instruction =
		tcb == node->running || tcb->state == THREAD_RESTART || tcb->fault.type != FAULT_NONE;

	return at_instruction ? tcb->context.pc : tcb->next_pc;
}

uint64_t node_register(struct node *node, uint64_t ref, unsigned number)
{
	const struct tcb *tcb;

	node_select(node);
	tcb = tcb_at(ref);
	if (number < NODE_REGISTER_PC)
		return tcb->context.x[number];
	if (number == NODE_REGISTER_PC)
		return goes_on_at(node, tcb);
	if (number < NODE_REGISTER_FFLAGS)
		return tcb->context.f[number - NODE_REGISTER_F];
	switch (number) {
	case NODE_REGISTER_FFLAGS:
		return tcb->context.fcsr & 31;
	case NODE_REGISTER_FRM:
		return tcb->context.fcsr >> 5;
	case NODE_REGISTER_FCSR:
		return tcb->context.fcsr;
	case NODE_REGISTER_CYCLE:
	case NODE_REGISTER_TIME:
	case NODE_REGISTER_INSTRET:
		return node_counter(node, (enum vm_counter)(number - NODE_REGISTER_CYCLE));
	default:
		return 0;
	}
}

bool node_set_register(struct node *node, uint64_t ref, unsigned number, uint64_t value)
{
	struct context *context;

	node_select(node);
	context = &tcb_at(ref)->context;
	if (number == 0 || number >= NODE_REGISTER_CYCLE)
		return false;
	if (number < NODE_REGISTER_PC)
		context->x[number] = value;
	else if (number == NODE_REGISTER_PC)
		context->pc = tcb_at(ref)->next_pc = value & ~1ull;
	else if (number < NODE_REGISTER_FFLAGS)
		context->f[number - NODE_REGISTER_F] = value;
	else if (number == NODE_REGISTER_FFLAGS)
		context->fcsr = (context->fcsr & ~31ull) | (value & 31);
	else if (number == NODE_REGISTER_FRM)
		context->fcsr = (context->fcsr & 31) | (value & 7) << 5;
	else
		context->fcsr = value & 255;
	return true;
}

/* The bytes of RAM at `vaddr`, up to the end of the page, and how many of `size` these are; NULL: none. */
bool node_code_at(struct node *node, uint64_t pc, struct vm_code *code)
{
	node_select(node);
	return vm_code_at(node->hart, pc, code);
}

bool node_code_keep(struct node *node, void *bytes, uint64_t size)
{
	return vm_code_keep(node->vm, bytes, size);
}

bool node_code_kept(const struct node *node, struct vm_kept_code *kept)
{
	return vm_code_kept(node->vm, kept);
}

const char *node_code_name(const struct node *node, const uint8_t *host)
{
	return vm_code_name(node->vm, host);
}

static void *piece_of(struct node *node, const struct node_thread *thread, uint64_t vaddr, size_t size,
		      uint64_t *paddr, size_t *piece)
{
	uint64_t region_size = node->config.board.region ? node->config.board.region_size : 0;

	if (!thread->root_paddr || !vm_translate(node->vm, thread->root_paddr, vaddr, paddr))
		return NULL;
	*piece = NODE_PAGE_SIZE - (size_t)(*paddr % NODE_PAGE_SIZE);
	if (*piece > size)
		*piece = size;
	if (*paddr - BOARD_REGION_BASE < region_size)
		return (uint8_t *)node->config.board.region + (*paddr - BOARD_REGION_BASE);
	if (*paddr < MACHINE_RAM_BASE || *paddr + *piece > node->kernel->ram_end)
		return NULL;
	return machine_pointer(isa_kref(*paddr));
}

size_t node_read_memory(struct node *node, const struct node_thread *thread, uint64_t vaddr, void *buffer,
			size_t size)
{
	size_t done = 0, piece;
	uint64_t paddr;
	const void *from;

	node_select(node);
	while (done < size && (from = piece_of(node, thread, vaddr + done, size - done, &paddr, &piece))) {
		memcpy((uint8_t *)buffer + done, from, piece);
		done += piece;
	}
	return done;
}

size_t node_write_memory(struct node *node, const struct node_thread *thread, uint64_t vaddr,
			 const void *buffer, size_t size)
{
	size_t done = 0, piece;
	uint64_t paddr;
	void *to;

	node_select(node);
	while (done < size && (to = piece_of(node, thread, vaddr + done, size - done, &paddr, &piece))) {
		memcpy(to, (const uint8_t *)buffer + done, piece);
		vm_written(node->vm, paddr, piece);
		done += piece;
	}
	return done;
}
