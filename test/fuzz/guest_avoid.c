/*
 * What programs for upstream's kernel avoid, because it is known to differ there (doc/ABI.md) or to hang:
 *
 * - Nobody resumes a thread that may have a fault which its handler has not answered. So that the director knows,
 *   a worker does not suspend itself when an action has ended, but calls an endpoint, and the director takes the
 *   message. Who has not called may have faulted, and a new thread takes its place before it is resumed; once
 *   registers have been copied, none is believed until all are new. Faults
 *   go to one endpoint that is never deleted, through a capability with which CancelBadgedSends is refused.
 * - No worker changes its own address space (guest_call.c), nor has one without anybody noticing: a debug kernel
 *   stops with a failed assertion when a message goes to a thread whose address space is gone.
 * - No CNode or TCB that is deleted has the last capability for a CNode or TCB: only the director makes TCBs, and
 *   small CNodes are only in whole CSpaces, which last as long as a world (guest_call.c).
 * - No stack pointer lies in the kernel's half, of which 39 bits decide. When a fault cannot be delivered, the
 *   debug kernel prints what lies on the thread's stack, and hangs if that is where there is no memory.
 * - The one interrupt that comes always has a notification (guest_world.c).
 */
#include "test/fuzz/guest.h"

/* From the linker's command line. */
extern char fuzz_avoid[];

#define PARK_LABEL 0x5eed /* of no other message */

bool is_avoiding(void)
{
	return (seL4_Word)fuzz_avoid == 1; /* a compiler thinks that no address is 0 */
}

seL4_Word park_info(void)
{
	return (is_avoiding() ? seL4_MessageInfo_new(PARK_LABEL, 0, 0, 1) : seL4_MessageInfo_new(TCBSuspend, 0, 0, 0))
		.words[0];
}

seL4_Word stack_word(seL4_Word word)
{
	return is_avoiding() ? word & ~(1ul << 38) : word;
}

void avoid_trusting(void)
{
	fuzz.suspects = (1u << WORKERS) - 1;
}

/* The worker whose number is in the message has surely sent it: nobody else can have it for its own. */
static bool is_parked(unsigned index, seL4_MessageInfo_t info)
{
	return seL4_MessageInfo_get_label(info) == PARK_LABEL && seL4_GetMR(0) == fuzz.worker[index].page->number &&
	       !(fuzz.suspects & ~(1u << index));
}

/* Every capability for the endpoint that workers can have is badged: 0 is nobody. */
void avoid_collect(void)
{
	seL4_MessageInfo_t info;
	seL4_Word badge;

	while (is_avoiding()) {
		info = seL4_NBRecv(park_endpoint(), &badge);
		trace(badge);
		if (!badge)
			break;
		trace(info.words[0]);
		say(" (%#lx: %#lx, %#lx %#lx)", badge, info.words[0], seL4_GetMR(0), seL4_GetMR(1));
		for (unsigned i = 0; i < seL4_MessageInfo_get_length(info); i++)
			trace(seL4_GetMR((int)i));
		for (unsigned i = 0; i < WORKERS; i++)
			if (is_parked(i, info))
				fuzz.worker[i].is_parked = true;
	}
}

void avoid_before_act(unsigned index)
{
	if (is_avoiding() && !fuzz.worker[index].is_parked)
		worker_renew(index);
	fuzz.worker[index].is_parked = false;
}

void avoid_before_resuming(unsigned index)
{
	for (unsigned i = 0; i < WORKERS; i++)
		if (i != index)
			avoid_before_act(i);
}
