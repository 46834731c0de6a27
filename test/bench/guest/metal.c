/*
 * Instructions per operation on bare metal: a root server that prints "name value" for each figure, which
 * bench.py reads. doc/BENCH.md says what each is.
 */
#include "metal.h"

#include <stdio.h>
#include <stdlib.h>
#include <skerry/check.h>
#include <skerry/console.h>
#include <skerry/object.h>
#include <skerry/vspace.h>

struct shared *shared;
static seL4_CPtr shared_frame;

static int ascending(const void *a, const void *b)
{
	seL4_Word left = *(const seL4_Word *)a, right = *(const seL4_Word *)b;

	return (left > right) - (left < right);
}

void report_batches(const char *name, seL4_Word samples[SAMPLES], seL4_Word operations)
{
	qsort(samples, SAMPLES, sizeof(seL4_Word), ascending);
	seL4_Word tenths = (samples[SAMPLES / 2] * 10 + operations / 2) / operations;
	printf("%s %lu.%lu\n", name, tenths / 10, tenths % 10);
}

void fpu_set(seL4_CPtr tcb, enum fpu fpu)
{
	seL4_Word flag = seL4_TCBFlag_fpuDisabled;

	sk_must(seL4_TCB_SetFlags(tcb, fpu == FPU_OWNED ? flag : 0, fpu == FPU_DISABLED ? flag : 0).error);
}

void peer_new(struct peer *peer, enum space space, enum fpu fpu, seL4_Word priority, seL4_CPtr fault_ep)
{
	*peer = (struct peer){.space = space};
	if (space == OTHER_SPACE) {
		sk_process_new(&peer->process, "peer", priority, fault_ep);
		sk_process_map(&peer->process, shared_frame, (seL4_Word)shared, seL4_ReadWrite);
	} else {
		sk_thread_new(&peer->process.thread, "peer", priority, fault_ep);
	}
	peer->tcb = peer->process.thread.tcb;
	peer->vspace = space == OTHER_SPACE ? peer->process.vspace : (seL4_CPtr)seL4_CapInitThreadVSpace;
	fpu_set(peer->tcb, fpu);
}

void peer_give(struct peer *peer, seL4_CPtr cap)
{
	seL4_Word slot = SK_PROCESS_FIRST_FREE + peer->given;

	if (peer->space == OTHER_SPACE)
		sk_process_give(&peer->process, slot, cap, seL4_AllRights, 0);
	shared->cap[peer->given++] = peer->space == OTHER_SPACE ? slot : cap;
}

void peer_start(struct peer *peer, void (*entry)(void *))
{
	if (peer->space == OTHER_SPACE)
		sk_process_start(&peer->process, entry, NULL);
	else
		sk_thread_start(&peer->process.thread, entry, NULL);
}

void peer_stop(struct peer *peer)
{
	sk_must(seL4_TCB_Suspend(peer->tcb));
}

int main(void)
{
	sk_console_detect();
	shared = sk_pages_new(1, &shared_frame);
	fpu_set(seL4_CapInitThreadTCB, FPU_DISABLED);
	sk_must(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, MIDDLE));
	metal_signals();
	metal_interrupts();
	metal_faults();
	metal_objects();
	metal_ipc();
	return 0;
}
