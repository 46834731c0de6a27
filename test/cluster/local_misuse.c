/* A program that asks the bridge for anything, by any capability, with anything, and does not always wait for
   the answer; a server that answers anything. The bridge goes on, and nothing is left. See local.h. */
#include "local.h"

#define ACTS 3000

enum how { CALL, SEND, NB_SEND, HOWS };

static struct {
	enum how how;
	seL4_CPtr target, caps[3];
	seL4_Word label, length, caps_count;
	seL4_Word words[120];
	volatile bool done;
} act;

static uint64_t dice_state = 7;

static unsigned dice(unsigned below)
{
	dice_state = dice_state * 6364136223846793005 + 1442695040888963407;
	return (unsigned)(dice_state >> 33) % below;
}

static void do_it(void *receive)
{
	seL4_MessageInfo_t info = INFO(act.label, act.caps_count, act.length);

	for (unsigned i = 0; i < act.length; i++)
		seL4_SetMR((int)i, act.words[i]);
	for (unsigned i = 0; i < act.caps_count; i++)
		seL4_SetCap((int)i, act.caps[i]);
	seL4_SetCapReceivePath(ROOT, (seL4_CPtr)receive, SK_DEPTH);
	if (act.how == CALL)
		seL4_Call(act.target, info);
	else if (act.how == SEND)
		seL4_Send(act.target, info);
	else
		seL4_NBSend(act.target, info);
	act.done = true;
}

/* Of a few names, so that they are there at times; else nonsense. */
static void some_words(void)
{
	static const char names[][8] = {"n0", "n1", "n2", "service", "note", "\1\2\3"};

	for (unsigned i = 0; i < LENGTH_OF(act.words); i++)
		act.words[i] = dice(3) ? 0 : (uint64_t)dice(1u << 31) << 32 | dice(1u << 31);
	memcpy(act.words, names[dice(LENGTH_OF(names))], sizeof names[0]);
	if (dice(4))
		memset(act.words + 1, 0, 3 * sizeof *act.words);
}

static void some_act(const seL4_CPtr *targets, const seL4_CPtr *caps, unsigned count)
{
	some_words();
	act.how = (enum how)dice(HOWS);
	act.target = targets[dice(8)];
	act.label = dice(4) ? dice(12) : (seL4_Word)dice(1u << 31) << 20;
	act.length = dice(4) ? 4 + dice(3) : dice(121);
	act.caps_count = dice(4);
	for (unsigned i = 0; i < 3; i++)
		act.caps[i] = caps[dice(count)];
}

static void answer_with_anything(seL4_CPtr cap)
{
	static const seL4_Word labels[] = {0, 1, 2, CLUSTER_LABEL, 0xfffffffffffff};

	seL4_SetCap(0, cap);
	seL4_Reply(INFO(labels[dice(5)], dice(2), dice(121)));
}

void misuse(void)
{
	seL4_CPtr own = sk_endpoint_new(), note = sk_notification_new(), receive = sk_slot_new();
	seL4_CPtr empty = sk_slot_new(), passed = sk_slot_new();
	unsigned waited = 0, served = 0;
	struct peer client;

	section("misuse at random", "doc/CLUSTER.md");
	publish_at(A, "note", note);
	seL4_CPtr note_at_b = lookup_at(B, "note"), untyped = sk_untyped_new(12);
	peer_new(&client, HIGH, 0);
	for (unsigned i = 0; i < ACTS; i++) {
		const seL4_CPtr targets[] = {
			pipes_control[B], pipes_control[B], pipes_control[B], service_at_b,
			service_at_b,     note_at_b,        note_at_b,        empty};
		const seL4_CPtr caps[] = {service_at_b, note_at_b, own, note,  ROOT,    VSPACE,
					  untyped,      SELF,      own, empty, receive, pipes_control[A]};

		some_act(targets, caps, LENGTH_OF(caps));
		cap_delete(receive);
		act.done = false;
		peer_run(&client, do_it, (void *)receive);
		cap_delete(passed);
		seL4_SetCapReceivePath(ROOT, passed, SK_DEPTH);
		while (poll(service).came) {
			served++;
			answer_with_anything(caps[dice(LENGTH_OF(caps))]);
		}
		if (!act.done) {
			waited++;
			sk_thread_delete(&client.thread);
			peer_new(&client, HIGH, 0);
		}
		if (seL4_DebugCapIdentify(service_at_b) == TYPE_NULL)
			service_at_b = lookup_at(B, "service");
		if (seL4_DebugCapIdentify(note_at_b) == TYPE_NULL)
			note_at_b = lookup_at(B, "note");
	}
	sk_thread_delete(&client.thread);
	printf("# %u acts, of which %u were given up, %u messages\n", ACTS, waited, served);
	check("much of it reaches the service", served > ACTS / 20 && waited > ACTS / 200);
	part(true);
	pipes_wait_ms(1100);
	part(false);
	pipes_wait_ms(1500);
	at(B);
	for (char name[] = "n0"; name[1] < '3'; name[1]++)
		cluster_withdraw(name);
	struct cluster_counts left = counts_at(B);
	equal("nothing is left of it",
	      left.exports + left.imports + left.references + left.calls_held + left.messages_held +
		      left.workers_busy,
	      0);
	equal("but those who sleep", left.slots - left.replies, 0);
	service_at_b = lookup_at(B, "service");
	service_at_c = lookup_at(C, "service");
	peer_new(&client, HIGH, 0);
	peer_trap(&client, seL4_SysCall, service_at_b, INFO(5, 0, 0), 0, 0);
	check("and the service is there", poll(service).came);
	answer(3, 0);
	check("and answers", client.done && outcome_of(&client) == CLUSTER_DONE);
	sk_thread_delete(&client.thread);
	at(A);
	cluster_withdraw("note");
}
