/*
 * How long does the kernel keep an interrupt waiting? Bare metal under QEMU -icount shift=0 -rtc clock=vm, where
 * a nanosecond is an instruction, with a root CNode of 18 bits.
 *
 * A thread of the highest priority waits for the clock's alarm, which it sets again and again to a pseudo-random
 * moment, while the root server makes the kernel do its longest work. The latency is what the clock says
 * when the thread runs, minus the moment of the alarm. Prints a line for each kind of work:
 *
 *	latency NAME WORST COUNT      in instructions, of so many alarms
 *
 * The instructions `slti zero, zero, N` tell the counting plugin (test/bench/run/stretch.c) where it is: 1 begins
 * the next kind of work, 2 and 3 are around what is measured of it.
 */
#include <skerry/check.h>
#include <skerry/console.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/rtc.h>
#include <skerry/thread.h>
#include <skerry/vspace.h>
#include <stdio.h>

#define ROOT   seL4_CapInitThreadCNode
#define VSPACE seL4_CapInitThreadVSpace
#define DEPTH  SK_DEPTH
#define BATCH  seL4_UntypedRetypeMaxObjects

/* Slots of the root CNode beyond those that the library gives out. */
enum {
	STORE = 1 << 14,
	STORE_SIZE = 100000,
	THREADS = STORE + STORE_SIZE,
	THREAD_COUNT = 10000,
	NODE = THREADS + THREAD_COUNT,
	SLOTS_END = NODE + 20000,
};
enum { MAIN_PRIORITY = 100, WAITER_PRIORITY = 101 };
enum { NODE_BITS = 17, DEEP = 8000, BADGE = 5 };

#define MARK(n) __asm__ volatile("slti zero, zero, %0" ::"i"(n) : "memory")

/* --- the alarm ------------------------------------------------------------------------------------ */

static volatile uint32_t *rtc;
static seL4_CPtr alarm_note, alarm_irq;
static volatile bool armed;
static volatile uint32_t alarm_low, range;
static volatile uint32_t worst, rung;
static uint64_t random_state = 88172645463325252ull;

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state % limit);
}

static void arm(uint32_t least)
{
	uint64_t at = sk_rtc_now(rtc) + least + random_below(range);

	alarm_low = (uint32_t)at;
	sk_rtc_alarm(rtc, at);
}

/* What lies between setting the alarm and the return to the interrupted call. */
#define BACK_TO_WORK 2500

static void watch(void *unused)
{
	(void)unused;
	for (;;) {
		uint32_t late;

		seL4_Wait(alarm_note, NULL);
		late = rtc[SK_RTC_TIME_LOW] - alarm_low;
		rtc[SK_RTC_CLEAR_INTERRUPT] = 1;
		if (armed) {
			worst = late > worst ? late : worst;
			rung++;
		}
		seL4_IRQHandler_Ack(alarm_irq);
		if (armed)
			arm(BACK_TO_WORK);
	}
}

/* --- kinds of work ---------------------------------------------------------------------------------- */

struct work {
	const char *name;
	void (*prepare)(void);
	seL4_Error (*run)(void);
	unsigned times;
	uint32_t range; /* alarms come within so many instructions */
};

static seL4_CPtr endpoint, notification, memory, faults;

static seL4_Error revoke(seL4_CPtr cap)
{
	return seL4_CNode_Revoke(ROOT, cap, DEPTH);
}

static seL4_Error delete(seL4_CPtr cap)
{
	return seL4_CNode_Delete(ROOT, cap, DEPTH);
}

static void make(seL4_CPtr untyped, seL4_Word type, seL4_Word bits, seL4_CPtr first, seL4_Word count)
{
	for (seL4_Word made = 0; made < count; made += BATCH)
		sk_must(seL4_Untyped_Retype(untyped, type, bits, ROOT, 0, 0, first + made,
					    count - made < BATCH ? count - made : BATCH));
}

static void fill_store(void)
{
	for (seL4_Word i = 0; i < STORE_SIZE; i++)
		sk_must(seL4_CNode_Mint(ROOT, STORE + i, DEPTH, ROOT, endpoint, DEPTH, seL4_AllRights, 1 + i));
}

static seL4_Error revoke_endpoint(void)
{
	return revoke(endpoint);
}

/* An untyped's children: with the memory that they took, it is begun anew afterwards. */
static void fill_memory(void)
{
	sk_must(revoke(memory));
	make(memory, seL4_NotificationObject, 0, STORE, STORE_SIZE);
}

static seL4_Error revoke_memory(void)
{
	return revoke(memory);
}

static void make_node(void)
{
	sk_must(revoke(memory));
	make(memory, seL4_CapTableObject, NODE_BITS, NODE, 1);
	for (seL4_Word i = 0; i < STORE_SIZE; i++)
		sk_must(seL4_CNode_Copy(NODE, i, NODE_BITS, ROOT, endpoint, DEPTH, seL4_AllRights));
}

static seL4_Error delete_node(void)
{
	return delete(NODE);
}

/* Node i + 1 lies in node i, and in nothing else. */
static void make_deep(void)
{
	sk_must(revoke(memory));
	make(memory, seL4_CapTableObject, 2, NODE, DEEP);
	for (seL4_Word i = DEEP - 1; i > 0; i--)
		sk_must(seL4_CNode_Move(NODE + i - 1, i % 4, 2, ROOT, NODE + i, DEPTH));
}

/* Threads that only exist. */
static void make_threads(void)
{
	sk_must(revoke(memory));
	make(memory, seL4_TCBObject, 0, THREADS, 1000);
	for (seL4_Word i = 0; i < 1000; i++) {
		sk_must(seL4_TCB_SetSpace(THREADS + i, 0, ROOT, 0, VSPACE, 0));
		sk_must(seL4_TCB_SetSchedParams(THREADS + i, seL4_CapInitThreadTCB, 0, MAIN_PRIORITY - 1));
		sk_must(seL4_TCB_Resume(THREADS + i));
	}
}

/* --- retype --- */

static void retype_clean(void)
{
	sk_must(revoke(memory));
	make(memory, seL4_UntypedObject, 4, NODE, 1); /* so that nothing is to be cleared */
	for (seL4_Word i = 0; i < BATCH; i++)
		sk_must(delete(STORE + i));
}

#define RETYPE(name, type, bits)                                                                             \
	static seL4_Error retype_##name(void)                                                                \
	{                                                                                                    \
		return seL4_Untyped_Retype(memory, type, bits, ROOT, 0, 0, STORE, BATCH);                    \
	}
RETYPE(tcbs, seL4_TCBObject, 0)
RETYPE(cnodes, seL4_CapTableObject, 4)
RETYPE(frames, seL4_RISCV_4K_Page, 0)
RETYPE(untypeds, seL4_UntypedObject, 8)

/* 16 MiB that were used. */
static void use_all(void)
{
	sk_must(revoke(memory));
	make(memory, seL4_RISCV_Mega_Page, 0, STORE, 8);
	sk_must(revoke(memory));
}

static seL4_Error retype_clearing(void)
{
	return retype_tcbs();
}

/* --- queues of 10,000 threads --- */

/* A thread's code: the call in its registers; if it comes back, wait for ever. */
static __attribute__((naked)) void waiter(void)
{
	__asm__ volatile("ecall\n\t"
			 "mv	a0, s0\n\t"
			 "li	a1, 0\n\t"
			 "li	a7, %0\n\t"
			 "ecall\n\t"
			 "1: j	1b" ::"i"(seL4_SysSend));
}

static void start_threads(seL4_Word number, seL4_CPtr (*object)(seL4_Word i))
{
	for (seL4_Word i = 0; i < THREAD_COUNT; i++) {
		seL4_UserContext regs = {.pc = (seL4_Word)waiter,
					 .a0 = object(i),
					 .a7 = number,
					 .s0 = faults};

		sk_must(seL4_TCB_SetSpace(THREADS + i, faults, ROOT, 0, VSPACE, 0));
		sk_must(seL4_TCB_SetSchedParams(THREADS + i, seL4_CapInitThreadTCB, 0, WAITER_PRIORITY));
		sk_must(seL4_TCB_WriteRegisters(THREADS + i, 1, 0, seL4_UserContextWords, &regs));
	}
}

static void make_waiters(void)
{
	sk_must(revoke(memory));
	make(memory, seL4_TCBObject, 0, THREADS, THREAD_COUNT);
	make(memory, seL4_EndpointObject, 0, NODE, 1);
	make(memory, seL4_NotificationObject, 0, NODE + 1, 1);
	sk_must(seL4_CNode_Mint(ROOT, NODE + 2, DEPTH, ROOT, NODE, DEPTH, seL4_AllRights, BADGE));
	sk_must(seL4_CNode_Mint(ROOT, NODE + 3, DEPTH, ROOT, NODE, DEPTH, seL4_AllRights, BADGE + 1));
}

static seL4_CPtr the_endpoint(seL4_Word i)
{
	(void)i;
	return NODE;
}

static seL4_CPtr the_notification(seL4_Word i)
{
	(void)i;
	return NODE + 1;
}

static seL4_CPtr one_of_two_badges(seL4_Word i)
{
	return NODE + 2 + i % 2;
}

static void make_senders(void)
{
	make_waiters();
	start_threads((seL4_Word)seL4_SysSend, the_endpoint);
	sk_must(revoke(NODE));
}

static void make_receivers(void)
{
	make_waiters();
	start_threads((seL4_Word)seL4_SysRecv, the_endpoint);
	sk_must(revoke(NODE));
}

static void make_notified(void)
{
	make_waiters();
	start_threads((seL4_Word)seL4_SysRecv, the_notification);
}

static void make_badged(void)
{
	make_waiters();
	start_threads((seL4_Word)seL4_SysSend, one_of_two_badges);
}

static seL4_Error delete_notification(void)
{
	return delete(NODE + 1);
}

static seL4_Error cancel_badged(void)
{
	return seL4_CNode_CancelBadgedSends(ROOT, NODE + 2, DEPTH);
}

/* --- address spaces --- */

enum { ASIDS = 1 << seL4_ASIDPoolIndexBits };

static void make_pool(void)
{
	sk_must(revoke(memory));
	make(memory, seL4_RISCV_PageTableObject, 0, STORE, ASIDS);
	make(memory, seL4_UntypedObject, seL4_ASIDPoolBits, NODE, 1);
	sk_must(seL4_RISCV_ASIDControl_MakePool(seL4_CapASIDControl, NODE, ROOT, NODE + 1, DEPTH));
}

static void fill_pool(void)
{
	make_pool();
	for (seL4_Word i = 0; i < ASIDS; i++)
		sk_must(seL4_RISCV_ASIDPool_Assign(NODE + 1, STORE + i));
}

static seL4_Error fill_pool_slowly(void)
{
	seL4_Error error = seL4_NoError;

	for (seL4_Word i = 0; i < ASIDS && error == seL4_NoError; i++)
		error = seL4_RISCV_ASIDPool_Assign(NODE + 1, STORE + i);
	return error;
}

static seL4_Error delete_pool(void)
{
	return delete(NODE + 1);
}

static void make_one_pool(void)
{
	sk_must(revoke(memory));
	make(memory, seL4_UntypedObject, seL4_ASIDPoolBits, NODE, 1);
}

static seL4_Error make_the_pool(void)
{
	return seL4_RISCV_ASIDControl_MakePool(seL4_CapASIDControl, NODE, ROOT, NODE + 1, DEPTH);
}

#define TABLE_VADDR 0x3000000000

static void map_table(void)
{
	sk_must(revoke(memory));
	make(memory, seL4_RISCV_PageTableObject, 0, NODE, 1);
	sk_must(seL4_RISCV_PageTable_Map(NODE, VSPACE, TABLE_VADDR, 0));
}

static seL4_Error unmap_table(void)
{
	return seL4_RISCV_PageTable_Unmap(NODE);
}

/* --- messages --- */

static seL4_CPtr message_slot;

static void serve(void *unused)
{
	seL4_MessageInfo_t info;

	(void)unused;
	seL4_SetCapReceivePath(ROOT, message_slot, DEPTH);
	info = seL4_Recv(endpoint, NULL);
	for (;;) {
		seL4_SetCap(0, endpoint);
		seL4_SetCap(1, endpoint);
		seL4_SetCap(2, notification);
		(void)info;
		info = seL4_ReplyRecv(endpoint, seL4_MessageInfo_new(0, 0, 3, seL4_MsgMaxLength), NULL);
	}
}

static void make_server(void)
{
	static struct sk_thread server;

	if (!server.tcb) {
		message_slot = sk_slot_new();
		sk_thread_new(&server, "server", WAITER_PRIORITY, 0);
		sk_thread_start(&server, serve, NULL);
	}
}

/* Two capabilities to the endpoint itself (unwrapped), and one that is copied. */
static seL4_Error exchange(void)
{
	seL4_SetCap(0, endpoint);
	seL4_SetCap(1, endpoint);
	seL4_SetCap(2, notification);
	seL4_Call(endpoint, seL4_MessageInfo_new(0, 0, 3, seL4_MsgMaxLength));
	return delete(message_slot);
}

/* --- messages of threads whose capability spaces are as deep as can be: each look-up takes 64 steps --- */

enum { LEVELS = seL4_WordBits, SERVER_PRIORITY = 50, CLIENT_PRIORITY = 102 };
/* Addresses in that space. */
enum { DEEP_ENDPOINT = 0, DEEP_GO = 1, DEEP_ROOT = 2, DEEP_RECEIVE = 3, DEEP_DONE = 4 };

static volatile unsigned finished; /* calls: of two signals, one may be all that is seen */
static seL4_CPtr deep, go, done; /* deep: the first of LEVELS + 1 CNodes of two slots */

static void deep_caps(void)
{
	seL4_SetCapReceivePath(DEEP_ROOT, DEEP_RECEIVE, LEVELS);
	seL4_SetCap(0, DEEP_ENDPOINT);
	seL4_SetCap(1, DEEP_ENDPOINT);
	seL4_SetCap(2, DEEP_GO);
}

static void serve_deep(void *unused)
{
	(void)unused;
	deep_caps();
	seL4_Recv(DEEP_ENDPOINT, NULL);
	for (;;) {
		deep_caps();
		seL4_ReplyRecv(DEEP_ENDPOINT, seL4_MessageInfo_new(0, 0, 3, seL4_MsgMaxLength), NULL);
	}
}

static void call_deep(void *unused)
{
	(void)unused;
	for (;;) {
		seL4_Wait(DEEP_GO, NULL);
		deep_caps();
		seL4_Call(DEEP_ENDPOINT, seL4_MessageInfo_new(0, 0, 3, seL4_MsgMaxLength));
		finished++;
		seL4_Signal(DEEP_DONE);
	}
}

static void deep_thread(struct sk_thread *thread, const char *name, seL4_Word priority, void (*entry)(void *))
{
	sk_thread_new(thread, name, priority, 0);
	sk_must(seL4_TCB_SetSpace(thread->tcb, 0, deep, 0, VSPACE, 0));
	sk_thread_start(thread, entry, NULL);
}

static void deep_put(seL4_Word node, seL4_Word slot, seL4_CPtr cap)
{
	sk_must(seL4_CNode_Copy(deep + node, slot, 1, ROOT, cap, DEPTH, seL4_AllRights));
}

static void make_deep_space(void)
{
	static struct sk_thread server, client[2];

	if (deep)
		return;
	deep = sk_objects_new(seL4_CapTableObject, 1, LEVELS + 1);
	go = sk_notification_new();
	done = sk_notification_new();
	for (seL4_Word i = 0; i < LEVELS - 1; i++)
		deep_put(i, 0, deep + i + 1);
	deep_put(LEVELS - 1, DEEP_ENDPOINT, endpoint);
	deep_put(LEVELS - 1, DEEP_GO, go);
	deep_put(LEVELS - 2, 1, deep + LEVELS); /* its slots are the next two addresses */
	deep_put(LEVELS, 0, deep);
	deep_put(LEVELS - 3, 1, done);
	deep_thread(&server, "deep server", SERVER_PRIORITY, serve_deep);
	deep_thread(&client[0], "deep client", CLIENT_PRIORITY, call_deep);
	deep_thread(&client[1], "deep client", CLIENT_PRIORITY, call_deep);
	sk_must(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, SERVER_PRIORITY - 1));
	sk_must(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, MAIN_PRIORITY));
}

/* The second call waits until the first is answered: that ReplyRecv has two messages to move. */
static seL4_Error exchange_deep(void)
{
	finished = 0;
	seL4_Signal(go);
	seL4_Signal(go);
	while (finished < 2)
		seL4_Wait(done, NULL);
	return seL4_CNode_Delete(deep + LEVELS, 1, 1);
}

static const struct work works[] = {
	{"revoke-100000", fill_store, revoke_endpoint, 1, 4000},
	{"revoke-memory-100000", fill_memory, revoke_memory, 1, 4000},
	{"delete-cnode-131072", make_node, delete_node, 1, 4000},
	{"delete-deep-cnodes", make_deep, delete_node, 1, 4000},
	{"delete-threads", make_threads, revoke_memory, 1, 4000},
	{"retype-256-tcbs", retype_clean, retype_tcbs, 100, 8000},
	{"retype-256-cnodes", retype_clean, retype_cnodes, 100, 8000},
	{"retype-256-frames", retype_clean, retype_frames, 100, 8000},
	{"retype-256-untypeds", retype_clean, retype_untypeds, 100, 8000},
	{"retype-clear-16MiB", use_all, retype_clearing, 1, 4000},
	{"delete-endpoint-10000-senders", make_senders, delete_node, 1, 4000},
	{"delete-endpoint-10000-receivers", make_receivers, delete_node, 1, 4000},
	{"delete-notification-10000", make_notified, delete_notification, 1, 4000},
	{"cancel-badged-10000", make_badged, cancel_badged, 1, 4000},
	{"asid-pool-make", make_one_pool, make_the_pool, 100, 6000},
	{"asid-pool-fill", make_pool, fill_pool_slowly, 1, 4000},
	{"asid-pool-delete", fill_pool, delete_pool, 20, 1000},
	{"page-table-unmap", map_table, unmap_table, 100, 6000},
	{"message-120-words-3-caps", make_server, exchange, 300, 8000},
	{"message-deep-spaces", make_deep_space, exchange_deep, 300, 40000},
};

static void measure(const struct work *work)
{
	worst = rung = 0;
	range = work->range;
	MARK(1);
	for (unsigned i = 0; i < work->times; i++) {
		seL4_Error error;

		work->prepare();
		armed = true;
		arm(0);
		MARK(2);
		error = work->run();
		MARK(3);
		armed = false;
		rtc[SK_RTC_CLEAR_ALARM] = 1;
		if (error != seL4_NoError)
			sk_panic("%s: %s", work->name, sk_error_name(error));
	}
	printf("latency %s %u %u\n", work->name, (unsigned)worst, (unsigned)rung);
}

int main(void)
{
	struct sk_thread watcher;

	sk_console_detect();
	if (seL4_GetBootInfo()->empty.end < SLOTS_END)
		sk_panic("the root CNode is too small");
	rtc = sk_device_map(SK_RTC_PADDR);
	alarm_note = sk_notification_new();
	alarm_irq = sk_irq_new(SK_RTC_IRQ, alarm_note);
	rtc[SK_RTC_INTERRUPT_ENABLED] = 1;
	endpoint = sk_endpoint_new();
	notification = sk_notification_new();
	faults = sk_endpoint_new();
	memory = sk_untyped_new(25);
	sk_must(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, MAIN_PRIORITY));
	sk_thread_new(&watcher, "watcher", seL4_MaxPrio, 0);
	sk_thread_start(&watcher, watch, NULL);
	for (unsigned i = 0; i < sizeof works / sizeof *works; i++)
		measure(&works[i]);
	return 0;
}
