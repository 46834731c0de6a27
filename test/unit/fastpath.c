/*
 * The fast path does what the slow path does: each case of Call and ReplyRecv is run through both, from
 * the same state, and all of memory is compared. Whether the fast path was taken is checked against the
 * conditions as they are written down here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/core/message.h"
#include "test/unit/harness.h"

#define RAM_SIZE      (8ull << 20)
#define RANDOM_CASES  1200
#define CSPACE_BITS   4
#define NONE          (-1)

enum space {
	SPACE_FLAT,  /* one CNode that takes all 64 bits */
	SPACE_SHORT, /* one CNode that takes the first bits, the rest is ignored */
	SPACE_DEEP,  /* two CNodes */
};

enum target {
	TARGET_ENDPOINT,
	TARGET_EMPTY,
	TARGET_NOTIFICATION,
	TARGET_CNODE,
	TARGET_NOWHERE, /* the guard does not fit */
};

enum queue_kind {
	QUEUE_NORMAL, /* Call: the server waits; ReplyRecv: nobody is there */
	QUEUE_MORE_RECEIVERS,
	QUEUE_SENDERS,
	QUEUE_EMPTY,
};

/* What the message says its extra capabilities are, by slot. */
enum extra_kind {
	EXTRA_EMPTY,        /* an empty slot: transfer ends there */
	EXTRA_ENDPOINT,     /* the one that is called: unwrapped, if it is a Call */
	EXTRA_NOTIFICATION, /* copied, if there is where to */
	EXTRA_NOWHERE,      /* no slot at all: a fault of the caller (SPACE_SHORT has a slot for each address) */
};

enum receive_kind {
	RECEIVE_NONE,
	RECEIVE_EMPTY_SLOT,
	RECEIVE_FULL_SLOT,
};

/* One case: what differs from the ordinary. `self` makes the call: the client, or the server. */
struct scenario {
	bool reply_recv;
	unsigned length, extra, unwrapped;
	enum extra_kind extra_kind[seL4_MsgMaxExtraCaps];
	enum receive_kind receive;
	uint64_t label;
	unsigned rights;       /* of self's endpoint capability */
	unsigned other_rights; /* of the other side's */
	uint64_t badge;
	enum space space;
	enum target target;
	enum queue_kind queue;
	int self_priority, other_priority;
	int ready_priority; /* of a third thread that is ready, at most self's; NONE: there is none */
	bool other_domain;
	bool no_vspace; /* the other side has no valid address space */
	bool no_buffer; /* self has no IPC buffer */
	bool fpu_disabled; /* for the other side */
	bool bound_self, bound_active, bound_other; /* notifications */
	bool faulted;   /* ReplyRecv: the client waits with a fault */
	bool no_reply;  /* ReplyRecv: nobody called */
};

static const struct scenario ordinary = {
	.length = 0,
	.rights = RIGHTS_ALL,
	.other_rights = RIGHTS_ALL,
	.badge = 7,
	.self_priority = 100,
	.other_priority = 100,
	.ready_priority = NONE,
};

/* Root slots. */
static uint64_t memory, base;
#define AT(n) (base + (n))
enum { CLIENT, SERVER, THIRD, FOURTH, TCBS };
enum {
	SLOT_TCB = 0,
	SLOT_CSPACE = 8,
	SLOT_OUTER = 16,
	SLOT_FRAME = 24,
	SLOT_ENDPOINT = 32,
	SLOT_NOTIFICATION,
	SLOT_BADGED,
	SLOT_INNER,
};

static struct tcb *thread(unsigned which)
{
	return tcb_at(cap_object(root_slot(AT(SLOT_TCB + which))->cap));
}

static bool rights_allow_reply(unsigned rights)
{
	return rights & (RIGHT_GRANT | RIGHT_GRANT_REPLY);
}

/* --- setting the scene ------------------------------------------------------------------------------ */

static uint64_t address(enum space space, unsigned slot)
{
	switch (space) {
	case SPACE_FLAT:
		return slot;
	case SPACE_SHORT:
		return (uint64_t)slot << (64 - CSPACE_BITS) | 0x123456;
	default:
		return 1ull << (64 - CSPACE_BITS) | slot;
	}
}

static uint64_t target_address(const struct scenario *scene)
{
	static const unsigned slots[] = {1, 0, 2, 3, 1};
	uint64_t cptr = address(scene->space, slots[scene->target]);

	if (scene->target == TARGET_NOWHERE)
		cptr ^= scene->space == SPACE_SHORT ? 0 : 1ull << 20;
	return cptr;
}

static void make_thread(const struct scenario *scene, unsigned which, enum space space, unsigned rights,
			uint64_t badge, bool buffer)
{
	uint64_t cspace = AT(SLOT_CSPACE + which), outer = AT(SLOT_OUTER + which), root = cspace, guard;

	CHECK_OK(INVOKE(cspace, CNodeMint, ARGS(1, CSPACE_BITS, AT(SLOT_ENDPOINT), ROOT_DEPTH, rights, badge),
			CAPS(seL4_CapInitThreadCNode)));
	CHECK_OK(INVOKE(cspace, CNodeCopy, ARGS(2, CSPACE_BITS, AT(SLOT_NOTIFICATION), ROOT_DEPTH, RIGHTS_ALL),
			CAPS(seL4_CapInitThreadCNode)));
	CHECK_OK(INVOKE(cspace, CNodeCopy, ARGS(3, CSPACE_BITS, AT(SLOT_INNER), ROOT_DEPTH, RIGHTS_ALL),
			CAPS(seL4_CapInitThreadCNode)));
	if (space == SPACE_DEEP) {
		guard = 64 - 2 * CSPACE_BITS;
		CHECK_OK(INVOKE(outer, CNodeMint, ARGS(1, CSPACE_BITS, cspace, ROOT_DEPTH, RIGHTS_ALL, guard),
				CAPS(seL4_CapInitThreadCNode)));
		root = outer;
	}
	guard = space == SPACE_FLAT ? 64 - CSPACE_BITS : 0;
	CHECK_OK(INVOKE(AT(SLOT_TCB + which), TCBConfigure,
			ARGS(address(space, 1), guard, 0, buffer ? 0x10000 : 0),
			CAPS(root, seL4_CapInitThreadVSpace, AT(SLOT_FRAME + which))));
	(void)scene;
}

static void resume(unsigned which, int priority)
{
	CHECK_OK(INVOKE(AT(SLOT_TCB + which), TCBSetPriority, ARGS((uint64_t)priority),
			CAPS(seL4_CapInitThreadTCB)));
	/* Resumes, and is not asked again: the thread runs at once, for the root server has priority 1. */
	put_args(world_current(), TCBResume, &(struct args){0});
	world_syscall(seL4_SysCall, AT(SLOT_TCB + which), info_make(TCBResume, 0, 0, 0));
	world_current()->context.pc = 0x1000 * (which + 1);
	CHECK_THAT(world_current() == thread(which));
}

static void make_objects(const struct scenario *scene)
{
	unsigned bits;

	world_check = CHECK_NOTHING;
	world_boot(&(struct world_config){.ram_size = RAM_SIZE, .root_bits = 8, .domains = scene->other_domain ? 4 : 1});
	memory = largest_untyped(&bits);
	base = first_empty();
	CHECK_OK(retype(memory, seL4_TCBObject, 0, AT(SLOT_TCB), TCBS));
	CHECK_OK(retype(memory, seL4_CapTableObject, CSPACE_BITS, AT(SLOT_CSPACE), TCBS));
	CHECK_OK(retype(memory, seL4_CapTableObject, CSPACE_BITS, AT(SLOT_OUTER), TCBS));
	CHECK_OK(retype(memory, seL4_CapTableObject, CSPACE_BITS, AT(SLOT_INNER), 1));
	CHECK_OK(retype(memory, seL4_EndpointObject, 0, AT(SLOT_ENDPOINT), 1));
	CHECK_OK(retype(memory, seL4_NotificationObject, 0, AT(SLOT_NOTIFICATION), 1));
	CHECK_OK(retype(memory, seL4_RISCV_4K_Page, 0, AT(SLOT_FRAME), TCBS));
	CHECK_OK(INVOKE(AT(SLOT_INNER), CNodeCopy, ARGS(1, CSPACE_BITS, AT(SLOT_ENDPOINT), ROOT_DEPTH, RIGHTS_ALL),
			CAPS(seL4_CapInitThreadCNode)));
	CHECK_OK(INVOKE(seL4_CapInitThreadTCB, TCBSetPriority, ARGS(1), CAPS(seL4_CapInitThreadTCB)));
}

/* Client, server and whoever else is in the queue; the caller is the current thread at the end. */
static void set_scene(const struct scenario *scene)
{
	unsigned self = scene->reply_recv ? SERVER : CLIENT, other = scene->reply_recv ? CLIENT : SERVER;

	make_objects(scene);
	for (unsigned which = CLIENT; which < TCBS; which++)
		make_thread(scene, which, which == self ? scene->space : SPACE_FLAT,
			    which == self ? scene->rights : which == other ? scene->other_rights : RIGHTS_ALL,
			    which == self ? scene->badge : 9, which != self || !scene->no_buffer);
	if (scene->bound_self || scene->bound_other)
		CHECK_OK(INVOKE(AT(SLOT_TCB + (scene->bound_self ? self : other)), TCBBindNotification,
				CAPS(AT(SLOT_NOTIFICATION))));
	if (scene->fpu_disabled)
		CHECK_OK(INVOKE(AT(SLOT_TCB + other), TCBSetFlags, ARGS(0, 1)));
}

/* The server waits at the endpoint, or not; the client is about to call. */
static void set_call(const struct scenario *scene)
{
	if (scene->queue == QUEUE_NORMAL || scene->queue == QUEUE_MORE_RECEIVERS) {
		resume(SERVER, scene->other_priority);
		world_syscall(seL4_SysRecv, 1, 0);
	}
	if (scene->queue == QUEUE_MORE_RECEIVERS) {
		resume(THIRD, 90);
		world_syscall(seL4_SysRecv, 1, 0);
	} else if (scene->queue == QUEUE_SENDERS) {
		resume(THIRD, 90);
		world_syscall(seL4_SysSend, 1, 0);
	}
	resume(CLIENT, scene->self_priority);
}

/* The client has called (or faulted), the server is about to answer. */
static void set_reply(const struct scenario *scene)
{
	resume(SERVER, 200);
	/* Whatever the server's capability permits, it receives the first call. */
	endpoint_receive(machine_kernel(), thread(SERVER),
			 cap_endpoint(cap_object(root_slot(AT(SLOT_ENDPOINT))->cap), 0, scene->other_rights), true);
	thread(SERVER)->next_pc = thread(SERVER)->context.pc;
	schedule(machine_kernel());
	kernel_resume(machine_kernel());
	if (!scene->no_reply) {
		static const struct trap fault = {.kind = TRAP_EXCEPTION, .address = 2};

		resume(CLIENT, 100);
		if (scene->faulted)
			world_enter(&fault);
		else
			world_syscall(seL4_SysCall, 1, info_make(3, 0, 0, 2));
	}
	/* Nothing came: the server goes on all the same. */
	if (world_current() != thread(SERVER)) {
		thread_suspend(machine_kernel(), thread(CLIENT));
		schedule(machine_kernel());
		kernel_resume(machine_kernel());
		thread_resume(machine_kernel(), thread(SERVER));
		schedule(machine_kernel());
		kernel_resume(machine_kernel());
	}
	CHECK_THAT(world_current() == thread(SERVER));
	thread_set_priority(machine_kernel(), thread(CLIENT), (unsigned)scene->other_priority);
	thread_set_priority(machine_kernel(), thread(SERVER), (unsigned)scene->self_priority);
	schedule(machine_kernel());
	kernel_resume(machine_kernel());
	thread_resume(machine_kernel(), thread(THIRD));
	thread_suspend(machine_kernel(), thread(THIRD));
	schedule(machine_kernel());
	kernel_resume(machine_kernel());
	if (scene->queue == QUEUE_MORE_RECEIVERS)
		endpoint_receive(machine_kernel(), thread(THIRD), root_slot(AT(SLOT_ENDPOINT))->cap, true);
	else if (scene->queue == QUEUE_SENDERS)
		endpoint_send(machine_kernel(), thread(THIRD), endpoint_at(cap_object(root_slot(AT(SLOT_ENDPOINT))->cap)),
			      (struct send){.blocking = true});
}

/* Words and capabilities in the buffer of the thread that calls, a slot to receive into in the other's. */
static void set_buffers(const struct scenario *scene)
{
	static const unsigned slots[] = {0, 1, 2, 0};
	uint64_t *from = lookup_buffer(thread(scene->reply_recv ? SERVER : CLIENT), true);
	uint64_t *to = lookup_buffer(thread(scene->reply_recv ? CLIENT : SERVER), true);

	for (unsigned i = 0; from && i < seL4_MsgMaxLength; i++)
		from[seL4_IPCBufferMsgWord + i] = 0x10001 * (i + 1);
	for (unsigned i = 0; from && i < seL4_MsgMaxExtraCaps; i++)
		from[seL4_IPCBufferCapsWord + i] =
			address(scene->space, slots[scene->extra_kind[i]]) ^
			(scene->extra_kind[i] == EXTRA_NOWHERE ? 1ull << 20 : 0);
	if (scene->receive == RECEIVE_NONE)
		return;
	to[seL4_IPCBufferReceiveCNodeWord] = 3; /* SLOT_INNER's CNode */
	to[seL4_IPCBufferReceiveIndexWord] = scene->receive == RECEIVE_FULL_SLOT;
	to[seL4_IPCBufferReceiveDepthWord] = CSPACE_BITS;
}

static void finish_scene(const struct scenario *scene)
{
	struct kernel *kernel = machine_kernel();
	unsigned other = scene->reply_recv ? CLIENT : SERVER;

	if (scene->bound_active && scene->bound_self)
		notification_signal(kernel, notification_at(cap_object(root_slot(AT(SLOT_NOTIFICATION))->cap)), 64);
	if (scene->ready_priority != NONE) {
		thread_resume(kernel, thread(FOURTH));
		thread_set_priority(kernel, thread(FOURTH), (unsigned)scene->ready_priority);
		schedule(kernel);
		kernel_resume(kernel);
	}
	if (scene->other_domain)
		thread_set_domain(kernel, thread(other), 1);
	if (scene->no_vspace)
		slot_delete_simple(&thread(other)->slot[TCB_VSPACE]);
	for (unsigned i = 0; i < ISA_MESSAGE_REGISTERS; i++)
		isa_set_message(&world_current()->context, i, 0x1111 * (i + 1));
	set_buffers(scene);
}

/* All up to the call. */
static void begin_scene(const struct scenario *scene)
{
	set_scene(scene);
	if (scene->reply_recv)
		set_reply(scene);
	else
		set_call(scene);
	finish_scene(scene);
}

/* Extra capabilities that take long to look up, or of which one is not there (a fault, if it is a Call). */
static bool extra_caps_slow(const struct scenario *scene)
{
	if (scene->no_buffer || scene->extra == 0)
		return false;
	if (scene->space != SPACE_FLAT)
		return true;
	for (unsigned i = 0; i < scene->extra; i++)
		if (scene->extra_kind[i] == EXTRA_NOWHERE)
			return !scene->reply_recv;
	return false;
}

/* --- what is expected -------------------------------------------------------------------------------------- */

static bool expect_fast(const struct scenario *scene)
{
	if (scene->other_domain || extra_caps_slow(scene))
		return false;
	if (scene->target != TARGET_ENDPOINT &&
	    !(scene->target == TARGET_NOWHERE && scene->space == SPACE_SHORT))
		return false;
	/* The other side runs next. Of equal priority with a third one, it goes first. */
	if (scene->other_priority < scene->self_priority && scene->other_priority < scene->ready_priority)
		return false;
	if (scene->other_priority < scene->self_priority && scene->other_priority < 1)
		return false; /* the root server is ready with priority 1 */
	if (!scene->reply_recv)
		return (scene->rights & RIGHT_WRITE) && rights_allow_reply(scene->rights) &&
		       (scene->other_rights & RIGHT_READ) &&
		       (scene->queue == QUEUE_NORMAL || scene->queue == QUEUE_MORE_RECEIVERS);
	return (scene->rights & RIGHT_READ) && !scene->no_reply && !scene->faulted &&
	       (scene->other_rights & RIGHT_WRITE) && rights_allow_reply(scene->other_rights) &&
	       scene->queue != QUEUE_SENDERS && !(scene->bound_self && scene->bound_active);
}

/* --- both paths ------------------------------------------------------------------------------------------------ */

static uint8_t *saved, *fast_result;

static uint64_t fastpaths(void)
{
	const struct kernel_stats *stats = &machine_kernel()->stats;

	return stats->fastpath_call + stats->fastpath_reply_recv;
}

static void call_once(const struct scenario *scene, bool slow)
{
	world_slow_path = slow;
	world_syscall(scene->reply_recv ? seL4_SysReplyRecv : seL4_SysCall, target_address(scene),
		      info_make(scene->label, scene->unwrapped, scene->extra, scene->length));
	world_slow_path = false;
	machine_kernel()->stats.fastpath_call = 0;
	machine_kernel()->stats.fastpath_reply_recv = 0;
}

static void compare(const char *name)
{
	uint64_t at;

	if (memcmp(stub_window.ram, fast_result, RAM_SIZE) == 0)
		return;
	for (at = 0; stub_window.ram[at] == fast_result[at]; at++)
		;
	test_fail("%s: memory differs at %#llx (thread at %#llx, offset %#llx; slow %02x, fast %02x)", name,
		  (unsigned long long)(STUB_RAM_BASE + at),
		  (unsigned long long)((STUB_RAM_BASE + at) & ~0x7ffull), (unsigned long long)(at & 0x7ff),
		  stub_window.ram[at], fast_result[at]);
}

static void run_scene(const struct scenario *scene, const char *name)
{
	struct stub before, after_fast;
	bool was_fast;

	begin_scene(scene);
	if (world_current() != thread(scene->reply_recv ? SERVER : CLIENT))
		test_fail("%s: the scene is not set", name);
	world_check = CHECK_AUDIT;
	world_interrupt(0);

	machine_kernel()->stats.fastpath_call = 0;
	machine_kernel()->stats.fastpath_reply_recv = 0;
	memcpy(saved, stub_window.ram, RAM_SIZE);
	before = stub;
	world_slow_path = false;
	world_syscall(scene->reply_recv ? seL4_SysReplyRecv : seL4_SysCall, target_address(scene),
		      info_make(scene->label, scene->unwrapped, scene->extra, scene->length));
	was_fast = fastpaths() > 0;
	memcpy(stub_window.ram, saved, RAM_SIZE);
	stub = before;
	call_once(scene, false);
	memcpy(fast_result, stub_window.ram, RAM_SIZE);
	after_fast = stub;

	memcpy(stub_window.ram, saved, RAM_SIZE);
	stub = before;
	call_once(scene, true);
	compare(name);
	if (after_fast.root_paddr != stub.root_paddr || (stub.root_paddr && after_fast.asid != stub.asid))
		test_fail("%s: another address space after the fast path", name);
	if (after_fast.fpu != stub.fpu)
		test_fail("%s: another state of floating point after the fast path", name);
	if (was_fast != expect_fast(scene))
		test_fail("%s: the fast path was %staken", name, was_fast ? "" : "not ");
}

/* --- cases -------------------------------------------------------------------------------------------------------- */

static void describe(const struct scenario *scene, char *text, size_t size)
{
	snprintf(text, size,
		 "%s length %u extra %u (%u %u %u to %u) label %#llx rights %u/%u badge %llu space %d target %d queue %d "
		 "priorities %d %d %d%s%s%s%s%s%s%s%s%s",
		 scene->reply_recv ? "ReplyRecv" : "Call", scene->length, scene->extra,
		 scene->extra_kind[0], scene->extra_kind[1], scene->extra_kind[2], scene->receive,
		 (unsigned long long)scene->label, scene->rights, scene->other_rights,
		 (unsigned long long)scene->badge, scene->space, scene->target, scene->queue,
		 scene->self_priority, scene->other_priority, scene->ready_priority,
		 scene->other_domain ? " other-domain" : "", scene->no_vspace ? " no-vspace" : "",
		 scene->no_buffer ? " no-buffer" : "", scene->fpu_disabled ? " no-fpu" : "",
		 scene->bound_self ? " bound-self" : "", scene->bound_active ? " active" : "",
		 scene->bound_other ? " bound-other" : "", scene->faulted ? " faulted" : "",
		 scene->no_reply ? " no-reply" : "");
}

/* What an interrupt leaves behind by itself. */
static void forget_interrupt(const struct scenario *scene)
{
	machine_kernel()->stats = (struct kernel_stats){0};
	thread(scene->reply_recv ? SERVER : CLIENT)->time_slice = 0;
	/* Who is not ready has links of no meaning. */
	for (unsigned which = CLIENT; which < TCBS; which++)
		if (!thread(which)->queued)
			thread(which)->ready_prev = thread(which)->ready_next = 0;
}

/*
 * An interrupt at the nth look for one, while the message's capabilities are looked up: the call is made again,
 * and all is as if nothing had happened.
 */
static void run_interrupted(const struct scenario *scene, unsigned nth, unsigned *interrupted)
{
	struct tcb *self;
	uint64_t pc;

	begin_scene(scene);
	self = world_current();
	pc = self->context.pc;
	memcpy(saved, stub_window.ram, RAM_SIZE);
	call_once(scene, true);
	forget_interrupt(scene);
	memcpy(fast_result, stub_window.ram, RAM_SIZE);

	memcpy(stub_window.ram, saved, RAM_SIZE);
	stub.preempt_steps = 0;
	stub.tick_from = nth;
	stub.tick_every_step = true;
	call_once(scene, true);
	stub.tick_every_step = false;
	if (world_current() == self && self->context.pc == pc) {
		++*interrupted;
		call_once(scene, true);
	}
	forget_interrupt(scene);
	compare("interrupted");
}

static void test_interrupted(void)
{
	unsigned interrupted = 0;

	for (unsigned kind = 0; kind < 2; kind++)
		for (unsigned i = 0; i < 4 * 4 * 3 * 4; i++) {
			struct scenario scene = ordinary;

			scene.reply_recv = kind;
			scene.length = 7;
			scene.space = SPACE_DEEP;
			scene.extra = 3;
			scene.extra_kind[0] = (enum extra_kind)(i % 4);
			scene.extra_kind[1] = (enum extra_kind)(i / 4 % 4);
			scene.receive = (enum receive_kind)(i / 16 % 3);
			run_interrupted(&scene, i / 48, &interrupted);
		}
	CHECK_THAT(interrupted > 100);
}

static void run_described(const struct scenario *scene)
{
	char text[400];

	describe(scene, text, sizeof text);
	run_scene(scene, text);
}

#define VARY(field, ...)                                                            \
	do {                                                                        \
		static const int64_t values[] = {__VA_ARGS__};                      \
		for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {   \
			struct scenario scene = ordinary;                           \
			scene.reply_recv = reply_recv;                              \
			scene.field = values[i];                                    \
			run_described(&scene);                                      \
		}                                                                   \
	} while (0)

/* Each condition by itself. */
static void vary_each(bool reply_recv)
{
	VARY(length, 0, 1, 2, 3, 4, 5, 120, 127);
	VARY(extra, 0, 1, 2, 3);
	VARY(unwrapped, 0, 1, 7);
	VARY(label, 0, 1, (1ll << 52) - 1);
	VARY(rights, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	VARY(other_rights, 2, 3, 6, 7, 10, 11, 14, 15);
	VARY(badge, 0, 1, -1);
	VARY(space, SPACE_FLAT, SPACE_SHORT, SPACE_DEEP);
	VARY(target, TARGET_EMPTY, TARGET_NOTIFICATION, TARGET_CNODE, TARGET_NOWHERE);
	VARY(queue, QUEUE_NORMAL, QUEUE_MORE_RECEIVERS, QUEUE_SENDERS, QUEUE_EMPTY);
	VARY(self_priority, 99, 100, 101);
	VARY(other_priority, 99, 100, 101, 2);
	VARY(ready_priority, NONE, 99, 100);
	VARY(other_domain, true);
	VARY(no_vspace, true);
	VARY(no_buffer, true);
	VARY(fpu_disabled, true);
	VARY(bound_self, true);
	VARY(bound_other, true);
	VARY(faulted, true);
	VARY(no_reply, true);
}

static void test_call(void)
{
	vary_each(false);
}

static void test_reply_recv(void)
{
	struct scenario scene = ordinary;

	vary_each(true);
	scene.reply_recv = scene.bound_self = scene.bound_active = true;
	run_described(&scene);
}

/* Every combination of up to two extra capabilities and places for them, with and without the right to grant. */
static void test_capabilities(void)
{
	for (unsigned kind = 0; kind < 2; kind++)
		for (unsigned i = 0; i < 4 * 4 * 3 * 2 * 3; i++) {
			struct scenario scene = ordinary;

			scene.reply_recv = kind;
			scene.length = 5;
			scene.extra = 1 + i % 2;
			scene.extra_kind[0] = (enum extra_kind)(i / 2 % 4);
			scene.extra_kind[1] = (enum extra_kind)(i / 8 % 4);
			scene.receive = (enum receive_kind)(i / 32 % 3);
			scene.space = (enum space)(i / 96 % 3);
			run_described(&scene);
			scene.rights = scene.other_rights = RIGHTS_ALL & ~RIGHT_GRANT;
			run_described(&scene);
		}
}

/* A lower priority of the other side against ready threads. */
static void test_priorities(void)
{
	static const int others[] = {98, 99, 100, 101}, readies[] = {NONE, 97, 98, 99, 100};

	for (unsigned kind = 0; kind < 2; kind++)
		for (unsigned i = 0; i < 4; i++)
			for (unsigned j = 0; j < 5; j++) {
				struct scenario scene = ordinary;

				scene.reply_recv = kind;
				scene.other_priority = others[i];
				scene.ready_priority = readies[j];
				run_described(&scene);
			}
}

static bool seldom(struct random *random)
{
	return random_chance(random, 10);
}

static void test_random(void)
{
	struct random random = {.state = 42};

	for (unsigned i = 0; i < RANDOM_CASES; i++) {
		struct scenario scene = ordinary;

		scene.reply_recv = random_chance(&random, 50);
		scene.length = (unsigned)random_below(&random, seldom(&random) ? 128 : 5);
		scene.extra = seldom(&random) ? (unsigned)random_below(&random, 4) : 0;
		for (unsigned c = 0; c < seL4_MsgMaxExtraCaps; c++)
			scene.extra_kind[c] = (enum extra_kind)random_below(&random, 4);
		scene.receive = (enum receive_kind)random_below(&random, 3);
		scene.unwrapped = (unsigned)random_below(&random, 8);
		scene.label = random_word(&random) >> 12;
		scene.rights = seldom(&random) ? (unsigned)random_below(&random, 16) : RIGHTS_ALL;
		scene.other_rights = seldom(&random) ? (unsigned)random_below(&random, 16) | 2 : RIGHTS_ALL;
		scene.badge = random_below(&random, 3);
		scene.space = (enum space)random_below(&random, 3);
		scene.target = seldom(&random) ? (enum target)random_below(&random, 5) : TARGET_ENDPOINT;
		scene.queue = random_chance(&random, 30) ? (enum queue_kind)random_below(&random, 4) : QUEUE_NORMAL;
		scene.self_priority = 98 + (int)random_below(&random, 4);
		scene.other_priority = 98 + (int)random_below(&random, 4);
		if (random_chance(&random, 50))
			scene.ready_priority = scene.self_priority - (int)random_below(&random, 3);
		scene.other_domain = seldom(&random);
		scene.no_vspace = seldom(&random);
		scene.no_buffer = seldom(&random);
		scene.fpu_disabled = seldom(&random);
		scene.bound_self = seldom(&random);
		scene.bound_active = random_chance(&random, 50);
		scene.bound_other = !scene.bound_self && seldom(&random);
		scene.faulted = seldom(&random);
		scene.no_reply = seldom(&random);
		run_described(&scene);
	}
}

int main(int argc, char **argv)
{
	test_only = argc > 1 ? argv[1] : NULL;
	saved = malloc(RAM_SIZE);
	fast_result = malloc(RAM_SIZE);
	if (!saved || !fast_result)
		return 1;
	test_run("fastpath-call", test_call);
	test_run("fastpath-reply-recv", test_reply_recv);
	test_run("fastpath-capabilities", test_capabilities);
	test_run("message-interrupted-looking-up", test_interrupted);
	test_run("fastpath-priorities", test_priorities);
	test_run("fastpath-random", test_random);
	free(saved);
	free(fast_result);
	return test_end();
}
