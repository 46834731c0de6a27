/* Scheduling: who runs next. Threads note a letter when they run. */
#include "conform.h"

static struct peer t[6];

/* Each runs, notes its letter and stops. */
static void note_and_stop(void *argument)
{
	log_letter(((struct peer *)argument)->letter);
}

static void note_twice(void *argument)
{
	log_letter(((struct peer *)argument)->letter);
	seL4_Yield();
	log_letter(((struct peer *)argument)->letter);
}

static void priority(unsigned i, seL4_Word value)
{
	sk_must(seL4_TCB_SetPriority(t[i].thread.tcb, SELF, value));
}

/* Ready at its priority without running: registers and resume in one call. */
static void begin(unsigned i, seL4_Word value, void (*entry)(void *))
{
	priority(i, value);
	peer_run(&t[i], entry, &t[i]);
}

static void all_priorities(seL4_Word value)
{
	for (unsigned i = 0; i < LENGTH_OF(t); i++) {
		seL4_TCB_Suspend(t[i].thread.tcb);
		priority(i, value);
	}
	log_clear();
}

/* Lets everything lower run until it is done. */
static void let_lower_run(void)
{
	seL4_CPtr done = sk_notification_new();
	struct peer last;

	peer_new(&last, 1, 0);
	peer_trap(&last, seL4_SysSend, done, INFO(0, 0, 0), 0, 0);
	seL4_Wait(done, NULL);
	sk_thread_delete(&last.thread);
	sk_cap_delete(done);
}

static void resuming(void)
{
	section("resume", "ipc.md §5");
	all_priorities(MAIN_PRIO);
	for (unsigned i = 0; i < 3; i++)
		begin(i, MAIN_PRIO, note_and_stop);
	check("of equal priority: the caller goes on", run_log[0] == 0);
	seL4_Yield();
	equal_text("measured: A, B, C resumed, the caller yields", run_log, "cba");

	all_priorities(MAIN_PRIO);
	begin(0, HIGH, note_and_stop);
	equal_text("a higher one runs at once", run_log, "a");
	begin(1, LOW, note_and_stop);
	seL4_Yield();
	equal_text("a lower one does not, not even on Yield", run_log, "a");
	begin(2, LOW + 1, note_and_stop);
	begin(3, LOW - 1, note_and_stop);
	let_lower_run();
	equal_text("lower ones in order of priority", run_log, "acbd");
	all_priorities(LOW);
	for (unsigned i = 0; i < 4; i++)
		begin(i, LOW, note_and_stop);
	let_lower_run();
	equal_text("lower ones of one priority: the last resumed first", run_log, "dcba");
	all_priorities(LOW);
	begin(0, LOW, note_and_stop);
	sk_must(seL4_TCB_Resume(t[0].thread.tcb));
	begin(1, LOW, note_and_stop);
	sk_must(seL4_TCB_Resume(t[0].thread.tcb));
	let_lower_run();
	equal_text("resume of one that is ready changes nothing", run_log, "ba");
}

static void yielding(void)
{
	section("yield", "ipc.md §5");
	all_priorities(LOW);
	for (unsigned i = 0; i < 3; i++)
		begin(i, LOW, note_twice);
	let_lower_run();
	equal_text("three in turn", run_log, "cbacba");
	all_priorities(LOW);
	begin(0, LOW, note_twice);
	begin(1, LOW - 1, note_twice);
	let_lower_run();
	equal_text("yield does not let lower ones run", run_log, "aabb");
}

/* One thread of a higher priority resumes a lower one in the middle: the preempted goes to the head. */
static void wake_high(void *argument)
{
	struct peer *self = argument;

	log_letter(self->letter);
	sk_must(seL4_TCB_Resume(t[5].thread.tcb));
	log_letter(self->letter);
}

static void preempted(void)
{
	section("preempted", "ipc.md §5");
	all_priorities(LOW);
	begin(5, LOW, note_and_stop);
	seL4_TCB_Suspend(t[5].thread.tcb);
	priority(5, LOW + 5);
	begin(0, LOW, note_and_stop);
	begin(1, LOW, wake_high);
	let_lower_run();
	equal_text("the preempted one is at the head of its queue", run_log, "bfba");
}

static void change_other(void *argument)
{
	struct peer *self = argument;

	log_letter(self->letter);
	sk_must(seL4_TCB_SetPriority(t[1].thread.tcb, SELF, LOW + 2));
	log_letter(self->letter);
}

static void lower_itself(void *argument)
{
	struct peer *self = argument;

	log_letter(self->letter);
	sk_must(seL4_TCB_SetPriority(self->thread.tcb, SELF, LOW - 5));
	log_letter(self->letter);
}

static void same_itself(void *argument)
{
	struct peer *self = argument;

	log_letter(self->letter);
	sk_must(seL4_TCB_SetPriority(self->thread.tcb, SELF, LOW));
	log_letter(self->letter);
}

static void priorities(void)
{
	section("priority changes", "ipc.md §5, invocations.md §5.1");
	all_priorities(LOW);
	begin(1, LOW, note_and_stop);
	begin(0, LOW, change_other);
	let_lower_run();
	equal_text("raised above the caller: runs at once", run_log, "aba");
	all_priorities(LOW);
	begin(1, LOW, note_and_stop);
	begin(0, LOW, lower_itself);
	let_lower_run();
	equal_text("the caller lowers itself below a ready one", run_log, "aba");
	all_priorities(LOW);
	begin(2, LOW - 5, note_and_stop);
	begin(0, LOW, lower_itself);
	let_lower_run();
	equal_text("it sits at the head of its new priority", run_log, "aac");
	all_priorities(LOW);
	begin(1, LOW, note_and_stop);
	begin(0, LOW, same_itself);
	let_lower_run();
	equal_text("and of its old one", run_log, "aab");
	all_priorities(LOW);
	begin(0, LOW, note_and_stop);
	begin(1, LOW, note_and_stop);
	begin(2, LOW, note_and_stop);
	priority(1, LOW - 10);
	priority(0, LOW + 10);
	let_lower_run();
	equal_text("ready ones change places", run_log, "acb");
	/* One that is not ready is not made so. */
	all_priorities(LOW);
	priority(3, HIGH);
	equal_text("a stopped one stays so", run_log, "");
}

static seL4_CPtr ep;

static void send_and_note(void *argument)
{
	struct peer *self = argument;

	log_letter(self->letter);
	seL4_Send(ep, INFO(0, 0, 0));
	log_letter(self->letter);
}

static void recv_and_note(void *argument)
{
	struct peer *self = argument;

	log_letter(self->letter);
	seL4_Recv(ep, NULL);
	log_letter(self->letter);
}

static void call_and_note(void *argument)
{
	struct peer *self = argument;

	log_letter(self->letter);
	seL4_Call(ep, INFO(0, 0, 0));
	log_letter(self->letter);
}

static void serve_and_note(void *argument)
{
	struct peer *self = argument;

	log_letter(self->letter);
	seL4_Recv(ep, NULL);
	log_letter(self->letter);
	seL4_ReplyRecv(ep, INFO(0, 0, 0), NULL);
	log_letter(self->letter);
}

static void messages(void)
{
	section("messages", "ipc.md §5");
	ep = sk_endpoint_new();
	all_priorities(LOW);
	begin(1, LOW, send_and_note);
	begin(0, LOW, recv_and_note);
	let_lower_run();
	/* a waits; b sends: a becomes ready, equal priority: appended, b goes on. */
	equal_text("Send to a waiting equal: the sender goes on", run_log, "abba");
	all_priorities(LOW);
	begin(2, LOW, note_and_stop);
	begin(1, LOW, call_and_note);
	begin(0, LOW, serve_and_note);
	let_lower_run();
	/* a waits; b calls: blocked, so directly to a, ahead of c; a replies and waits: directly to b */
	equal_text("Call to a waiting equal: to it directly, and back", run_log, "ababc");
	all_priorities(LOW);
	begin(1, LOW, send_and_note);
	begin(0, LOW + 2, recv_and_note);
	let_lower_run();
	equal_text("Send to a waiting higher one: it runs at once", run_log, "abab");
	all_priorities(LOW);
	begin(1, LOW - 2, recv_and_note);
	begin(0, LOW, send_and_note);
	let_lower_run();
	equal_text("a lower receiver comes when the higher one is done", run_log, "abab");
	all_priorities(LOW);
	begin(0, LOW - 2, send_and_note);
	begin(1, LOW - 3, send_and_note);
	begin(2, LOW, serve_and_note);
	seL4_TCB_Suspend(t[2].thread.tcb);
	let_lower_run();
	log_clear();
	begin(2, LOW, serve_and_note);
	let_lower_run();
	/* both senders queued; c takes them one after the other, then they go on by priority */
	equal_text("a receiver takes queued messages and goes on", run_log, "cccab");
}

static seL4_CPtr gate;

static void gated_server(void *argument)
{
	struct peer *self = argument;

	seL4_Recv(ep, NULL);
	seL4_Wait(gate, NULL); /* does not touch the caller */
	seL4_ReplyRecv(ep, INFO(0, 0, 0), NULL);
	log_letter(self->letter);
}

static void open_gate(void *argument)
{
	(void)argument;
	seL4_Signal(gate);
}

/* One kernel entry that makes two threads ready: a reply, and a sender taken from the queue. */
static void two_at_once(seL4_Word caller, seL4_Word sender, seL4_Word server, const char *name,
			const char *want)
{
	all_priorities(LOW);
	begin(2, LOW + 9, gated_server); /* higher than all while they get into place */
	let_lower_run();
	begin(0, LOW, call_and_note);
	let_lower_run();
	begin(1, LOW, send_and_note);
	let_lower_run();
	log_clear();
	priority(0, caller);
	priority(1, sender);
	priority(2, server);
	begin(3, LOW + 20, open_gate);
	let_lower_run();
	equal_text(name, run_log, want);
}

static void two_candidates(void)
{
	section("two made ready at once", "ipc.md §5");
	gate = sk_notification_new();
	two_at_once(LOW, LOW, LOW + 5, "both lower than the server", "cba");
	two_at_once(LOW, LOW, LOW, "all equal", "cba");
	two_at_once(LOW + 2, LOW + 1, LOW, "both higher, the caller more", "abc");
	two_at_once(LOW + 1, LOW + 2, LOW, "both higher, the sender more", "bac");
}

static volatile unsigned long turns[2];
static volatile bool spin_stop;

static void spin(void *argument)
{
	volatile unsigned long *mine = argument;

	while (!spin_stop)
		(*mine)++;
}

/* Two that compute at one priority share the time, a third of a lower priority gets none. */
static void time_slices(void)
{
	static volatile unsigned long below;
	seL4_Word changes = 0, last = 0, began = 0;

	section("time slice", "ipc.md §5");
	all_priorities(MAIN_PRIO);
	peer_run(&t[0], spin, (void *)&turns[0]);
	priority(1, LOW);
	peer_run(&t[1], spin, (void *)&below);
	while (changes < 10) {
		seL4_Word now = turns[0];
		if (now != last) {
			changes++;
			last = now;
		}
		if (began++ > 200000000)
			break;
	}
	spin_stop = true;
	check("threads of one priority take turns", changes >= 10 || began <= 200000000);
	equal("lower ones wait", below, 0);
	seL4_TCB_Suspend(t[0].thread.tcb);
	seL4_TCB_Suspend(t[1].thread.tcb);
}

int main(void)
{
	conform_begin("sched");
	for (unsigned i = 0; i < LENGTH_OF(t); i++) {
		peer_new(&t[i], LOW, 0);
		t[i].letter = (char)('a' + i);
		sk_must(seL4_TCB_SetMCPriority(t[i].thread.tcb, SELF, 255));
	}
	resuming();
	yielding();
	preempted();
	priorities();
	messages();
	two_candidates();
	time_slices();
	return conform_end();
}
