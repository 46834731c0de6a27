/*
 * The bridge, several times in one node (pipes.h): what programs see of it, and what a partition does to each
 * kind of object. This file: names and calls.
 */
#include "local.h"

#include <skerry/process.h>

seL4_CPtr service, service_at_b, service_at_c;

void at(unsigned node)
{
	cluster_use(pipes_control[node]);
}

seL4_CPtr lookup_at(unsigned node, const char *name)
{
	seL4_CPtr slot = sk_slot_new();

	at(node);
	enum cluster_error error = cluster_lookup(name, slot);
	if (error)
		sk_panic("lookup of %s at %u: %u", name, node, error);
	return slot;
}

void publish_at(unsigned node, const char *name, seL4_CPtr cap)
{
	at(node);
	enum cluster_error error = cluster_publish(name, cap);
	if (error)
		sk_panic("publish %s at %u: %u", name, node, error);
}

seL4_CPtr caller_save(void)
{
	seL4_CPtr slot = sk_slot_new();

	sk_must(seL4_CNode_SaveCaller(ROOT, slot, SK_DEPTH));
	return slot;
}

void answer(seL4_Word label, seL4_Word word)
{
	trap(seL4_SysReply, 0, INFO(label, 0, 1).words[0], word, 0);
}

void answer_to(seL4_CPtr caller, seL4_Word label, seL4_Word word)
{
	trap(seL4_SysSend, caller, INFO(label, 0, 1).words[0], word, 0);
}

enum cluster_outcome outcome_of(const struct peer *peer)
{
	seL4_SetMR(0, peer->out.mr[0]);
	return cluster_outcome((seL4_MessageInfo_t){{peer->out.info}});
}

struct cluster_counts counts_at(unsigned node)
{
	struct cluster_counts counts = {0};

	at(node);
	cluster_count(&counts);
	return counts;
}

seL4_MessageInfo_t receive_cap(seL4_CPtr endpoint, seL4_CPtr *slot)
{
	*slot = sk_slot_new();
	seL4_SetCapReceivePath(ROOT, *slot, SK_DEPTH);
	return seL4_NBRecv(endpoint, NULL);
}

bool leads_to(seL4_CPtr cap, seL4_CPtr endpoint, seL4_Word badge)
{
	struct peer sender;

	peer_new(&sender, HIGH, 0);
	peer_trap(&sender, seL4_SysSend, cap, INFO(4, 0, 1), 0x55, 0);
	struct received r = poll(endpoint);
	sk_thread_delete(&sender.thread);
	return r.came && r.badge == badge && r.mr[0] == 0x55;
}

/* What the thread of send_caps() is to do; it has begun before anybody else asks for something. */
static struct {
	seL4_CPtr target, caps[2];
	unsigned count;
	bool call;
} sending;

static void send_now(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < sending.count; i++)
		seL4_SetCap((int)i, sending.caps[i]);
	if (sending.call)
		seL4_Call(sending.target, INFO(1, sending.count, 0));
	else
		seL4_Send(sending.target, INFO(1, sending.count, 0));
}

void send_caps(struct peer *sender, bool call, seL4_CPtr target, unsigned count, seL4_CPtr cap0,
	       seL4_CPtr cap1)
{
	sending.target = target;
	sending.count = count;
	sending.call = call;
	sending.caps[0] = cap0;
	sending.caps[1] = cap1;
	peer_run(sender, send_now, NULL);
}

/* --- names and calls ------------------------------------------------------------------------------ */

static void members(void)
{
	struct cluster_member members[CLUSTER_NODES];

	section("members", "lib/skerry/cluster.h");
	at(B);
	equal("their number", cluster_members(members), 3);
	check("itself first", strcmp(members[0].name, "b") == 0 && members[0].here && members[0].up);
	check("the others", strcmp(members[1].name, "a") == 0 && strcmp(members[2].name, "c") == 0 &&
				    !members[1].here && members[1].up && members[2].up);
	seL4_Word epoch_of_a = members[1].epoch, own = members[0].epoch;
	at(A);
	equal("their number at another node", cluster_members(members), 3);
	check("their epochs", members[0].epoch == epoch_of_a && members[1].epoch == own && own != epoch_of_a);
	check("are not what the host said", epoch_of_a >> 16 && own >> 16);
}

static void names(void)
{
	seL4_CPtr slot = sk_slot_new();

	section("names", "lib/skerry/cluster.h");
	publish_at(A, "service", sk_cap_mint(service, seL4_AllRights, 77));
	equal("again", cluster_publish("service", service), CLUSTER_EXISTS);
	equal("without a capability", cluster_publish("nothing", slot), CLUSTER_INVALID);
	equal("a CNode", cluster_publish("cnode", ROOT), CLUSTER_INVALID);
	equal("an empty name", cluster_publish("", service), CLUSTER_INVALID);
	equal("32 bytes", cluster_publish("0123456789abcdef0123456789abcdef", service), CLUSTER_INVALID);
	equal("withdraw what is not there", cluster_withdraw("nothing"), CLUSTER_NOT_FOUND);
	at(B);
	equal("what another node has", cluster_publish("service", service), CLUSTER_EXISTS);
	equal("nobody else may withdraw it", cluster_withdraw("service"), CLUSTER_NOT_FOUND);
	equal("lookup of nothing", cluster_lookup("nothing", slot), CLUSTER_NOT_FOUND);
	service_at_b = lookup_at(B, "service");
	service_at_c = lookup_at(C, "service");
	at(B);
	seL4_Word before = counts_at(B).references;
	equal("into a slot that is not empty", cluster_lookup("service", service_at_b), CLUSTER_INVALID);
	equal("into one that is not there", cluster_lookup("service", 1ul << 40), CLUSTER_INVALID);
	equal("which takes nothing", counts_at(B).references, before);
	at(C);
	is("looked up, an endpoint", service_at_b, TYPE_ENDPOINT);
	equal("a proxy is not published", cluster_publish("proxy", service_at_c), CLUSTER_INVALID);
}

static void at_home(void)
{
	seL4_CPtr slot = lookup_at(A, "service");

	section("at home", "lib/skerry/cluster.h");
	trap(seL4_SysNBSend, slot, INFO(1, 0, 0).words[0], 0, 0);
	equal("nobody waits: nothing", poll(service).came, false);
	struct peer client;
	peer_new(&client, HIGH, 0);
	peer_trap(&client, seL4_SysSend, slot, INFO(3, 0, 1), 9, 0);
	struct received r = poll(service);
	check("the capability itself", r.came && r.label == 3 && r.badge == 77 && r.mr[0] == 9);
	sk_thread_delete(&client.thread);
}

static void calls(void)
{
	struct peer client;

	section("calls", "doc/CLUSTER.md");
	peer_new(&client, HIGH, 0);
	peer_trap(&client, seL4_SysCall, service_at_b, INFO(5, 0, 4), 10, 11);
	struct received r = poll(service);
	check("the message", r.came && r.label == 5 && r.length == 4 && r.mr[0] == 10 && r.mr[3] == 0x444);
	equal("the badge of the capability at home", r.badge, 77);
	check("not answered yet", !client.done);
	answer(6, 46);
	check("the answer", client.done && peer_label(&client) == 6 && client.out.mr[0] == 46);
	equal("done", outcome_of(&client), CLUSTER_DONE);
	sk_thread_delete(&client.thread);
}

static void words_caller(void *unused)
{
	(void)unused;
	for (int i = 0; i < 120; i++)
		seL4_SetMR(i, (seL4_Word)i * 3);
	seL4_Call(service_at_b, INFO(7, 0, 120));
	seL4_Word sum = 0;
	for (int i = 0; i < 120; i++)
		sum += seL4_GetMR(i);
	log_letter(sum == 120 * 119 ? 'y' : 'n');
}

static void words(void)
{
	struct peer client;
	seL4_Word sum = 0;

	section("120 words", "doc/CLUSTER.md");
	peer_new(&client, HIGH, 0);
	log_clear();
	peer_run(&client, words_caller, NULL);
	seL4_MessageInfo_t info = seL4_NBRecv(service, NULL);
	for (int i = 0; i < 120; i++)
		sum += seL4_GetMR(i);
	check("of the call", seL4_MessageInfo_get_length(info) == 120 && sum == 3 * 119 * 60);
	for (int i = 0; i < 120; i++)
		seL4_SetMR(i, (seL4_Word)i * 2);
	seL4_Reply(INFO(0, 0, 120));
	equal_text("of the answer", run_log, "y");
	sk_thread_delete(&client.thread);
}

static void sleeper(void *ms)
{
	cluster_sleep((seL4_Word)ms * 1000000);
	log_letter(ms == (void *)30 ? 'l' : 's');
}

static void sleeps(void)
{
	struct peer longer, shorter;

	section("sleep", "lib/skerry/cluster.h");
	peer_new(&longer, HIGH, 0);
	peer_new(&shorter, HIGH, 0);
	log_clear();
	at(B);
	peer_run(&longer, sleeper, (void *)30);
	peer_run(&shorter, sleeper, (void *)10);
	equal_text("not at once", run_log, "");
	pipes_wait_ms(20);
	equal_text("who wanted less is first", run_log, "s");
	pipes_wait_ms(20);
	equal_text("then the other", run_log, "sl");
	equal("nothing is left", counts_at(B).replies, 0);
	sk_thread_delete(&longer.thread);
	sk_thread_delete(&shorter.thread);
}

enum { CHILD_CONTROL = SK_PROCESS_FIRST_FREE, CHILD_PROXY, CHILD_REPORT };

static void child(void *unused)
{
	(void)unused;
	cluster_use(CHILD_CONTROL);
	enum cluster_error error = cluster_lookup("service", CHILD_PROXY);
	seL4_SetMR(0, 21);
	seL4_MessageInfo_t info = seL4_Call(CHILD_PROXY, INFO(4, 0, 1));
	seL4_Word word = seL4_GetMR(0);
	seL4_SetMR(0, error);
	seL4_SetMR(1, cluster_outcome(info));
	seL4_SetMR(2, word);
	seL4_SetMR(3, cluster_release(CHILD_PROXY));
	seL4_Send(CHILD_REPORT, INFO(0, 0, 4));
}

static void process(void)
{
	static struct sk_process program;
	seL4_CPtr report = sk_endpoint_new();

	section("a process", "lib/skerry/cluster.h");
	sk_process_new(&program, "child", HIGH, 0);
	sk_process_copy(&program, CHILD_CONTROL, pipes_control_new(B));
	sk_process_give(&program, CHILD_REPORT, report, seL4_AllRights, 0);
	sk_process_start(&program, child, NULL);
	struct received r = poll(service);
	check("calls by a proxy in a slot of its own", r.came && r.label == 4 && r.mr[0] == 21);
	answer(0, 42);
	r = poll(report);
	check("with the control capability that it was given", r.came && r.mr[0] == CLUSTER_OK);
	check("is answered", r.mr[1] == CLUSTER_DONE && r.mr[2] == 42);
	equal("and gives it back", r.mr[3], CLUSTER_OK);
	sk_must(seL4_TCB_Suspend(program.thread.tcb));
}

int main(void)
{
	conform_begin("cluster");
	service = sk_endpoint_new();
	pipes_start(3, 3, 16);
	members();
	names();
	at_home();
	calls();
	words();
	process();
	sleeps();
	messages();
	capabilities();
	misuse();
	leftovers();
	thirds();
	revocation();
	partitions();
	return conform_end();
}
