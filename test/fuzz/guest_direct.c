/* What the director does itself: it changes what workers stand on, takes part in IPC, and starts races. See
 * guest.h. */
#include "test/fuzz/guest.h"

#include <skerry/check.h>

static void set_own_priority(seL4_Word priority)
{
	sk_must(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, priority));
}

/* --- changes -------------------------------------------------------------------------------------------- */

static void respawn(unsigned process)
{
	process_end(process);
	process_make(process);
	for (unsigned i = 0; i < CSPACES; i++)
		restore(i);
	for (unsigned i = 0; i < WORKERS; i++)
		if (is_avoiding() || (fuzz.worker[i].process == process && chance(90)))
			worker_configure(i);
}

void direct(void)
{
	unsigned worker = (unsigned)below(WORKERS), cspace = (unsigned)below(CSPACES);

	switch (below(10)) {
	case 8:
	case 9:
		say("interrupt");
		if (is_avoiding())
			set_own_priority(RACE_PRIO);
		interrupt();
		set_own_priority(DIRECTOR_PRIO);
		break;
	case 0:
		say("respawn a process");
		respawn((unsigned)below(PROCESSES));
		break;
	case 1:
		say("priority of worker %u", worker);
		worker_set_priority(worker, (unsigned)below(4));
		break;
	case 2:
	case 3:
		say("configure worker %u", worker);
		fuzz.worker[worker].process = (unsigned)below(PROCESSES);
		worker_configure(worker);
		break;
	case 4:
		say("look at registers");
		observe_registers();
		break;
	case 5:
		say("scan of CSpace %u", cspace);
		scan(cspace);
		break;
	default:
		say("something new for CSpace %u", cspace);
		restore(cspace);
		for (unsigned i = 0; i < 4; i++) {
			seL4_Word slot = pick(cspace, TYPE_Null);

			if (slot >= SLOT_FREE)
				refill(cspace, slot);
		}
		scan(cspace);
		break;
	}
}

/* --- messages ---------------------------------------------------------------------------------------------
 */

/* Random, also capabilities: the words, and how long it says that it is. */
static struct sel4_registers message(seL4_CPtr to)
{
	seL4_Word length = chance(70) ? below(5) : below(seL4_MsgMaxLength + 8),
		  caps = chance(50) ? 0 : below(4);
	struct sel4_registers regs = {.cap_or_badge = to};

	regs.info = seL4_MessageInfo_new(chance(70) ? 0 : below(4), below(8), caps, length).words[0];
	for (unsigned i = 0; i < SEL4_FAST_MRS; i++)
		regs.mr[i] = reply_word(i, strange_word());
	for (unsigned i = SEL4_FAST_MRS; i < length && i < seL4_MsgMaxLength; i++)
		seL4_SetMR((int)i, reply_word(i, data_word()));
	for (unsigned i = 0; i < caps; i++) {
		unsigned cspace = (unsigned)below(CSPACES);

		seL4_SetCap((int)i,
			    director_cptr(cspace, pick(cspace, chance(40) ? TYPE_Endpoint : TYPE_FULL)));
	}
	say("length %lu caps %lu", length, caps);
	return regs;
}

static void trace_registers(const struct sel4_registers *regs)
{
	trace(regs->cap_or_badge);
	trace(regs->info);
	for (unsigned i = 0; i < SEL4_FAST_MRS; i++)
		trace(regs->mr[i]);
	say(": %#lx %#lx %#lx %#lx %#lx %#lx", regs->cap_or_badge, regs->info, regs->mr[0], regs->mr[1],
	    regs->mr[2], regs->mr[3]);
}

/* Through a worker's capability, with its badge and rights. */
static void send(void)
{
	unsigned cspace = (unsigned)below(CSPACES);
	seL4_Word at = pick(cspace, chance(60) ? TYPE_Endpoint : TYPE_Notification);
	struct sel4_registers regs;

	say("send to %#lx of CSpace %u ", at, cspace);
	regs = message(director_cptr(cspace, at));
	sel4_trap(seL4_SysNBSend, &regs);
	trace_registers(&regs);
}

/* Lets the sender wait on, perhaps for one who finds its reply capability. */
static void answer(seL4_MessageInfo_t info, seL4_Word pc)
{
	unsigned cspace = (unsigned)below(CSPACES);
	struct sel4_registers regs;

	if (chance(30)) {
		seL4_Word at = pick(cspace, TYPE_Null);

		say(", save the caller at %#lx of CSpace %u", at, cspace);
		trace(save_caller(cspace, at));
	} else if (chance(70)) {
		say(", reply ");
		regs = message(0);
		if (seL4_MessageInfo_get_label(info) == seL4_Fault_UserException && chance(70))
			regs.mr[0] = pc + 4;
		sel4_trap(seL4_SysReply, &regs);
		trace_registers(&regs);
	}
}

/* All of a message, if there is one. */
static bool receive(seL4_CPtr endpoint, bool may_answer)
{
	const seL4_Word nothing = seL4_MessageInfo_new(0x123456, 0, 0, 0).words[0];
	struct sel4_registers regs = {.cap_or_badge = endpoint, .info = nothing};
	seL4_MessageInfo_t info;

	director_receive_path();
	sel4_trap(seL4_SysNBRecv, &regs);
	if (regs.info == nothing)
		return false;
	say(" received");
	trace_registers(&regs);
	info.words[0] = regs.info;
	for (unsigned i = SEL4_FAST_MRS; i < seL4_MessageInfo_get_length(info); i++)
		trace(seL4_GetMR((int)i));
	for (unsigned i = 0; i < seL4_MessageInfo_get_extraCaps(info); i++)
		if (seL4_MessageInfo_get_capsUnwrapped(info) & 1ul << i)
			trace(seL4_GetBadge((int)i));
	if (may_answer)
		answer(info, regs.mr[0]);
	trace(director_received());
	return true;
}

/* Who goes on may have another fault, but not for ever. */
void take_faults(void)
{
	for (unsigned i = 0; receive(fault_endpoint(), i < WORKERS); i++)
		;
}

/* No waiting on a notification: that is a fault if somebody has bound it. */
void talk(void)
{
	if (chance(50))
		send();
	else
		trace(receive(director_endpoint((unsigned)below(ENDPOINTS)), true));
}

/* --- races ------------------------------------------------------------------------------------------------ */

/* Something that more than one may wait for, or that changes who is next. */
static void race_event(bool *is_endpoint)
{
	unsigned worker = (unsigned)below(WORKERS);
	struct sel4_registers regs;

	switch (below(avoid_unanswered(worker) ? 6 : 8)) {
	case 0:
		say("\n  delete");
		crowd_end();
		*is_endpoint = false;
		break;
	case 1:
		say("\n  cancel badged sends");
		trace(crowd_cancel((unsigned)below(CSPACES)));
		break;
	case 2:
	case 3:
		say("\n  send ");
		regs = message(crowd_cptr());
		sel4_trap(seL4_SysNBSend, &regs);
		regs.cap_or_badge -= crowd_cptr(); /* a slot after those that are full at boot */
		trace_registers(&regs);
		break;
	case 4:
		if (*is_endpoint)
			trace(receive(crowd_cptr(), true));
		break;
	case 5:
		say("\n  priority of worker %u", worker);
		worker_set_priority(worker, 0);
		break;
	case 6:
		say("\n  suspend worker %u", worker);
		sk_must(seL4_TCB_Suspend(worker_tcb(worker)));
		break;
	default:
		say("\n  resume worker %u", worker);
		fuzz.worker[worker].is_parked = false;
		sk_must(seL4_TCB_Resume(worker_tcb(worker)));
		break;
	}
}

/* Each at most once: while the director is above them they are made ready, then they run. */
static void race_round(bool *is_endpoint)
{
	unsigned first = (unsigned)below(WORKERS), runners = (unsigned)below(WORKERS + 1);

	set_own_priority(RACE_PRIO);
	for (unsigned i = 0; i < runners; i++) {
		say("\n  ");
		act((first + i) % WORKERS);
	}
	for (unsigned i = 0; i < 3 && chance(40); i++)
		race_event(is_endpoint);
	set_own_priority(DIRECTOR_PRIO);
	observe();
}

/*
 * The order of threads of one priority does not depend on time as long as no time slice is used up: all
 * threads are new, and none runs for as long as a tick's distance times the ticks of a slice. Many of them
 * want the same endpoint or notification.
 */
void race(void)
{
	bool is_endpoint = chance(70);

	say("race");
	fuzz.is_race = true;
	crowd_make(is_endpoint);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_renew(i);
	for (seL4_Word i = below(8) + 1; i; i--)
		race_round(&is_endpoint);
	fuzz.is_race = false;
	crowd_end();
	for (unsigned i = 0; i < WORKERS; i++)
		worker_set_priority(i, 0);
}
