/*
 * A node's time, and the loop that drives it. User mode runs in vm_run(); each trap is one call of the
 * kernel. A system call is made within vm_run(), which goes on with the thread that the kernel chose, unless
 * there is something to be done about devices, the clock or a debugger. Nothing here blocks.
 */
#include "port/vm/internal.h"

/* In real time the clock is looked at this often, in instructions. */
#define REAL_TIME_SLICE 200000
/* And at a system call, if so much has been done since the last look: to read it costs as much as a short
 * one. */
#define REAL_TIME_LOOK  5000

/* --- time ------------------------------------------------------------------------------------------ */

uint64_t node_time(const struct node *node)
{
	if (!node->config.real_time)
		return node_position(node);
	if (node->held)
		return node->held;
	return node->config.board.host_clock_ns(node->config.board.context) - node->host_start;
}

uint64_t node_position(const struct node *node)
{
	return node->clock_offset + node->hart->instret;
}

void node_skip_to(struct node *node, uint64_t time)
{
	uint64_t now = node_time(node);

	if (node->config.real_time || time <= now)
		return;
	node->clock_offset += time - now;
	node->attention = true;
}

/* --- running ------------------------------------------------------------------------------------------ */

static void resume(struct node *node, struct tcb *tcb)
{
	node->running = tcb;
	if (tcb)
		tcb->context.pc = tcb->next_pc;
	vm_hart_clear_reservation(node->hart);
}

static void enter(struct node *node, const struct trap *trap, uint64_t charge)
{
	if (node->running)
		node->trap_position = node_position(node);
	if (node->trace.on)
		trace_enter_trap(node, trap);
	node->clock_offset += charge;
	resume(node, kernel_enter(node->kernel, trap));
	if (node->trace.on)
		trace_leave(node);
}

/* The slow path does what the fast one does, in the same virtual time, and can be watched. */
static __attribute__((noinline)) void enter_traced_syscall(struct node *node)
{
	trace_enter_syscall(node);
	node->clock_offset += CHARGE_SYSCALL;
	resume(node, enter_slow_syscall(node->kernel, node->running));
	trace_leave(node);
}

static void enter_syscall(struct node *node)
{
	node->trap_position = node_position(node);
	if (node->trace.on) {
		enter_traced_syscall(node);
		return;
	}
	node->clock_offset += CHARGE_SYSCALL;
	resume(node, kernel_enter_syscall(node->kernel, node->running));
}

static bool is_halted(struct node *node)
{
	int status;

	if (node->off)
		return true;
	if (!board_halted(node->board, &status))
		return false;
	node->off = true;
	node->exit_status = status;
	return true;
}

/*
 * Does what devices and the timer have due, and finds out when something will be next. False: nothing, the
 * machine was off.
 */
static __attribute__((noinline)) bool attend(struct node *node)
{
	static const struct trap interrupt = {.kind = TRAP_INTERRUPT};

	if (is_halted(node))
		return false;
	node->attention = false;
	node_board_advance(node);
	while (!node->kernel->halted && node_pending_irq(node) != MACHINE_IRQ_NONE)
		enter(node, &interrupt, CHARGE_INTERRUPT);
	node->next_event = node->next_tick < board_next_event(node->board) ? node->next_tick
									   : board_next_event(node->board);
	return true;
}

/* Could the passing of domain time alone make a thread run? */
static bool other_domain_ready(const struct kernel *kernel)
{
	for (unsigned domain = 0; domain < kernel->profile.domains; domain++)
		if (ready_highest(&kernel->core[0], domain) >= 0)
			return true;
	return false;
}

/* Nobody runs: until when? */
static uint64_t idle_until(struct node *node)
{
	uint64_t until = board_next_event(node->board);

	if (other_domain_ready(node->kernel) && node->next_tick < until)
		until = node->next_tick;
	/* The schedule of domains goes on while all wait for a device. */
	if (node->kernel->profile.domains > 1 && until != NODE_FOREVER && node->next_tick < until)
		until = node->next_tick;
	return until;
}

/* When a step of this length ends that begins now, or the one that was cut short. */
static uint64_t step_end(struct node *node, uint64_t budget)
{
	uint64_t end = node->debug.end, now;

	node->debug.end = 0;
	if (end)
		return end;
	node->slice_end = node->hart->instret;
	node->step.look_at = 0;
	now = node_time(node);
	if (node->config.real_time)
		node->held = now; /* up to the first look, which is now */
	return now + budget;
}

/* Does the node's step go on with a thread? False: it ends, in step.state. */
static inline bool goes_on_with(struct node *node, uint64_t now)
{
	struct node_progress *step = &node->step;

	if (node->off || !node->running) {
		step->state = node->off ? NODE_HALTED : NODE_IDLE;
		return false;
	}
	step->state = NODE_RAN;
	if (now < step->end && !node->interrupted)
		return true;
	node->interrupted = false;
	return false;
}

/* Real time: too little has happened since the last look for another one. */
static inline bool looked_just_now(struct node *node)
{
	struct node_progress *step = &node->step;

	if (node->attention || node->interrupted || !node->running || node->off ||
	    node_position(node) >= step->look_at || node->hart->instret >= step->run_to)
		return false;
	step->left = step->run_to - node->hart->instret;
	return true;
}

/* Looks at what clock and outside have brought: for how long the thread may run now. False: the step ends,
   and in real time the time is held. */
static inline bool look_around(struct node *node)
{
	struct node_progress *step = &node->step;
	uint64_t now;

	if (looked_just_now(node))
		return true;
	now = node_time(node);
	if (node->config.real_time)
		node->held = now;
	if ((node->attention || now >= node->next_event) && attend(node))
		now = node_time(node);
	if (!goes_on_with(node, now))
		return false;
	step->left = (node->next_event < step->end ? node->next_event : step->end) - now;
	if (node->config.real_time) {
		node->held = 0;
		node->trace.seen = now;
		step->left = step->left < REAL_TIME_SLICE ? step->left : REAL_TIME_SLICE;
		step->look_at = node_position(node) + REAL_TIME_LOOK;
		step->run_to = node->hart->instret + step->left;
	}
	return true;
}

struct vm_regs *node_ecall(void *context, uint64_t *budget)
{
	struct node *node = context;

	enter_syscall(node);
	if (node->step.debugged)
		return NULL;
	node->step.over = !look_around(node);
	if (node->step.over)
		return NULL;
	*budget = node->step.left;
	return (struct vm_regs *)&node->running->context;
}

/*
 * True: the slice goes on. In real time, when the clock is read is part of the run, so a debugger's stop ends
 * no slice.
 */
static bool run_user(struct node *node)
{
	struct tcb *tcb = node->running;
	bool debugged = node->step.debugged, goes_on = false;
	uint64_t began = debugged ? node_position(node) : 0, budget = node->step.left;
	enum vm_stop stop;
	struct trap trap;

	if (debugged)
		budget = node_debug_budget(node, tcb, budget);
	stop = vm_run(node->hart, (struct vm_regs *)&tcb->context, budget);
	switch (stop) {
	case VM_STOP_EXCEPTION:
		trap = isa_exception_trap(node->hart->cause, node->hart->tval);
		enter(node, &trap, CHARGE_FAULT);
		break;
	case VM_STOP_BUDGET:
	case VM_STOP_BREAK:
	case VM_STOP_WATCH:
		goes_on = debugged && node->hart->instret < node->slice_end;
		break;
	case VM_STOP_ECALL: /* node_ecall() has done it */
	case VM_STOP_REQUEST:
		break;
	}
	if (debugged)
		node_debug_ran(node, tcb, stop, began);
	return goes_on;
}

/* The slice may be cut short: notes its end, or finds what is left of it, until the pause. False: that is
 * here. */
static bool keep_slice(struct node *node, bool goes_on)
{
	uint64_t position = node_position(node), *left = &node->step.left;

	if (goes_on)
		*left = node->slice_end - node->hart->instret;
	else
		node->slice_end = node->hart->instret + *left;
	if (node->pause == 0)
		return true;
	if (position < node->pause && node->pause - position < *left)
		*left = node->pause - position;
	return position < node->pause;
}

/* The step is not over, and goes on with the next one; so does its slice. */
static enum node_state cut_short(struct node *node, bool goes_on, enum node_state state)
{
	if (!goes_on)
		node->slice_end = node->hart->instret;
	node->debug.stop = false;
	node->debug.end = node->step.end;
	return state;
}

enum node_state node_step(struct node *node, uint64_t budget, uint64_t *until)
{
	struct node_progress *step = &node->step;
	bool debugged, goes_on;

	node_select(node);
	step->end = step_end(node, budget);
	step->over = false;
	goes_on = node->hart->instret < node->slice_end;
	debugged = goes_on || node->debug.on || node->debug.step || node->debug.pass || node->pause;
	step->debugged = debugged;
	while (goes_on || (!step->over && look_around(node))) {
		if (debugged && !keep_slice(node, goes_on))
			return cut_short(node, true, NODE_RAN);
		goes_on = (debugged && node_debug_begins(node, node->running)) || run_user(node);
		if (debugged && node->debug.stop)
			return cut_short(node, goes_on, NODE_STOPPED);
	}
	/* In real time, so that what enters between two steps has a position of its own. */
	if (node->config.real_time)
		node->clock_offset++;
	if (step->state == NODE_IDLE)
		*until = idle_until(node);
	node->held = 0;
	return step->state;
}
