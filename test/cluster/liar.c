/*
 * A peer that lies. Nodes a and b have bridges; node c is this program, with a session of its own over the
 * same pipes (pipes.h), by which it says what a bridge never would. Each time the session ends with the
 * reason that is stated in doc/CLUSTER.md, nothing is granted, and the node goes on.
 */
#include <skerry/cluster.h>
#include "cluster/wire/wire.h"
#include "pipes.h"
#include "srv/bridge/session.h"
#include "test/conform/conform.h"

enum { A, HONEST, LIAR, WORKERS = 16, EXPORTS = 512 }; /* each peer's share at a */

static struct session session;
static struct {
	bool up, ended, by_peer;
	unsigned reason, operations;
	struct wire_message last; /* the last message that came */
	uint64_t words[WIRE_WORDS];
	uint32_t asked[8], exports[8]; /* numbers of the bridge's operations and exports, lately */
	uint8_t objects[8];            /* what the exports are */
	unsigned asks, offers, ends;
} seen;

static seL4_CPtr service, note;

/* --- the session ---------------------------------------------------------------------------------- */

static bool write_frame(void *context, const void *frame, size_t size)
{
	(void)context;
	pipes_put(LIAR, A, frame, size);
	return true;
}

static void take_event(const struct session_event *event)
{
	if (event->kind == SESSION_UP) {
		seen.up = true;
	} else if (event->kind == SESSION_ENDED) {
		seen.up = false;
		seen.ended = true;
		seen.ends++;
		seen.reason = event->reason;
		seen.by_peer = event->by_peer;
	} else if (wire_decode(event->message, event->size, &seen.last)) {
		if (seen.last.words)
			memcpy(seen.words, seen.last.words, seen.last.word_count * sizeof *seen.words);
		seen.operations += seen.last.kind < WIRE_RESULT;
		if (seen.last.kind < WIRE_RESULT)
			seen.asked[seen.asks++ % 8] = seen.last.number;
		for (unsigned i = 0; i < seen.last.cap_count; i++) {
			if (seen.last.caps[i].kind != WIRE_MINE)
				continue;
			seen.objects[seen.offers % 8] = seen.last.caps[i].object;
			seen.exports[seen.offers++ % 8] = seen.last.caps[i].number;
		}
	}
}

/* Takes what the bridge has said. */
static void pump(void)
{
	static _Alignas(8) uint8_t bytes[4096];
	struct session_event event;
	struct session_input input;

	session_tick(&session, pipes_now());
	while ((input.left = pipes_take(A, LIAR, bytes, sizeof bytes))) {
		input.at = bytes;
		while (session_next(&session, pipes_now(), &input, &event))
			take_event(&event);
	}
	while (session_next(&session, pipes_now(), NULL, &event))
		take_event(&event);
}

static void wait(unsigned ms)
{
	for (unsigned i = 0; i < ms; i += 5) {
		pipes_wait_ms(5);
		pump();
	}
}

/* A new session, as soon as the bridge forgives. */
static void connect(void)
{
	for (unsigned i = 0; i < 100 && !seen.up; i++)
		wait(50);
	memset(&seen.last, 0, sizeof seen.last);
	seen.ended = false;
	seen.operations = seen.asks = seen.offers = 0;
}

static void say_bytes(const void *message, size_t size)
{
	void *payload = session_reserve(&session, size);

	if (payload) {
		memcpy(payload, message, size);
		session_commit(&session, pipes_now(), size);
	}
	pump();
}

static void say(struct wire_message message)
{
	_Alignas(8) uint8_t bytes[WIRE_PAYLOAD_MAX];

	wire_encode(&message, bytes);
	say_bytes(bytes, wire_message_size(&message));
}

static void release(uint32_t export, uint32_t count)
{
	uint64_t word = (uint64_t) export << 32 | count;

	say((struct wire_message){.kind = WIRE_RELEASE, .word_count = 1, .words = &word});
}

/* The number of the export that the bridge offers under the name. */
static uint32_t open_name(const char *name)
{
	say((struct wire_message){.kind = WIRE_OPEN, .number = 5, .name = name});
	return seen.last.kind == WIRE_RESULT && seen.last.cap_count == 1 ? seen.last.caps[0].number : 0;
}

/* --- cases ------------------------------------------------------------------------------------------ */

static struct cluster_counts counts(void)
{
	struct cluster_counts counts = {0};

	cluster_count(&counts);
	return counts;
}

/* The bridge ended the session for that reason, kept nothing of it, and nobody was called. */
static void ended(const char *name, unsigned reason)
{
	wait(20);
	struct cluster_counts left = counts();
	bool right = seen.ended && seen.by_peer && seen.reason == reason && !poll(service).came &&
		     left.exports + left.imports + left.references + left.workers_busy + left.calls_held == 0;

	if (!right)
		printf("# ended %d, by the bridge %d: %s; exports %lu, imports %lu, workers %lu, calls %lu\n",
		       seen.ended, seen.by_peer, wire_reason_text(seen.reason), left.exports, left.imports,
		       left.workers_busy, left.calls_held);
	check(name, right);
}

static void honest(void)
{
	section("an honest peer", "doc/CLUSTER.md");
	connect();
	check("is welcome", seen.up);
	uint32_t number = open_name("service");
	check("gets what it asks for", number != 0);
	say((struct wire_message){.kind = WIRE_CALL, .number = 6, .export = number, .label = 3});
	equal("calls", poll(service).label, 3);
	seL4_SetMR(0, 44);
	seL4_Reply(INFO(9, 0, 1));
	pump();
	check("and is answered", seen.last.kind == WIRE_RESULT && seen.last.number == 6 &&
					 seen.last.outcome == OUTCOME_DONE && seen.last.label == 9 &&
					 seen.words[0] == 44);
	say((struct wire_message){.kind = WIRE_CLAIM, .number = 7, .export = number, .ticket = 99});
	equal("a ticket that was never given is refused", seen.last.outcome, OUTCOME_REVOKED);
	say((struct wire_message){.kind = WIRE_GIVE, .number = 8, .export = number, .name = "nobody"});
	equal("to give to a node that is not there, too", seen.last.outcome, OUTCOME_NOT_DELIVERED);
	say((struct wire_message){.kind = WIRE_OPEN, .number = 9, .name = "nothing"});
	equal("and a name that is not there", seen.last.outcome, OUTCOME_NOT_DELIVERED);
	check("which is no reason to part", seen.up);
	release(number, 1);
	equal("it releases", counts().exports, 0);
	say((struct wire_message){.kind = WIRE_CALL, .number = 6, .export = number});
	equal("what it has released is refused", seen.last.outcome, OUTCOME_REVOKED);
}

static void exports(void)
{
	section("invented exports", "doc/CLUSTER.md");
	connect();
	say((struct wire_message){.kind = WIRE_CALL, .number = 1, .export = 1u << 20 | 5});
	ended("a call", WIRE_REASON_BAD_EXPORT);
	connect();
	say((struct wire_message){.kind = WIRE_SEND, .number = 1, .export = 3});
	ended("a message", WIRE_REASON_BAD_EXPORT);
	connect();
	say((struct wire_message){.kind = WIRE_GIVE, .number = 1, .export = 1u << 20, .name = "b"});
	ended("given on", WIRE_REASON_BAD_EXPORT);
	connect();
	release(1u << 20, 1);
	ended("released", WIRE_REASON_BAD_EXPORT);
	connect();
	uint32_t number = open_name("service");
	release(number, 2);
	ended("released more often than it was had", WIRE_REASON_BAD_COUNT);
	connect();
	release(open_name("service"), 0);
	ended("released no time", WIRE_REASON_BAD_COUNT);
	connect();
	say((struct wire_message){.kind = WIRE_RELEASE});
	ended("nothing released", WIRE_REASON_BAD_MESSAGE);
	connect();
	number = open_name("service");
	say((struct wire_message){
		.kind = WIRE_CALL,
		.number = 1,
		.export = number,
		.cap_count = 1,
		.caps = {{.kind = WIRE_YOURS, .object = WIRE_ENDPOINT, .number = 1u << 20}}});
	ended("sent home", WIRE_REASON_BAD_EXPORT);
	connect();
	number = open_name("service");
	say((struct wire_message){.kind = WIRE_SIGNAL, .number = 1, .export = number});
	ended("an endpoint that is signalled", WIRE_REASON_BAD_CAPABILITY);
	connect();
	number = open_name("note");
	say((struct wire_message){.kind = WIRE_CALL, .number = 1, .export = number});
	ended("a notification that is called", WIRE_REASON_BAD_CAPABILITY);
}

static void messages(void)
{
	static const uint64_t nonsense[8] = {0xffffffffffffffff, 1, 2, 3};

	section("what no bridge says", "doc/CLUSTER.md");
	connect();
	say_bytes(nonsense, sizeof nonsense);
	ended("nonsense", WIRE_REASON_BAD_MESSAGE);
	connect();
	say((struct wire_message){.kind = WIRE_RESULT, .number = 77, .outcome = OUTCOME_DONE});
	ended("a result of nothing", WIRE_REASON_BAD_NUMBER);
	connect();
	say((struct wire_message){.kind = WIRE_NAMED, .stamp = 0, .name = "never"});
	ended("a claim without a stamp", WIRE_REASON_BAD_NAME);
	connect();
	for (char name[] = "xAA"; seen.up && name[1] < 'Z'; name[2]++) {
		if (name[2] > 'Z') {
			name[1]++;
			name[2] = 'A';
		}
		say((struct wire_message){.kind = WIRE_NAMED, .stamp = 9, .name = name});
	}
	ended("more names than are kept", WIRE_REASON_BAD_NAME);
	equal("which are forgotten", cluster_lookup("xAB", sk_slot_new()), CLUSTER_NOT_FOUND);
}

static void credit(void)
{
	section("more than was granted", "doc/CLUSTER.md");
	connect();
	uint32_t number = open_name("service");
	for (unsigned i = 0; i <= WORKERS; i++)
		say((struct wire_message){.kind = WIRE_CALL, .number = 10 + i, .export = number});
	ended("operations", WIRE_REASON_CREDIT);
	connect();
	number = open_name("service");
	unsigned sent = 0;
	for (; seen.up && sent < 2000; sent++) {
		say((struct wire_message){
			.kind = WIRE_SEND,
			.number = 10 + sent,
			.export = number,
			.cap_count = 1,
			.caps = {{.kind = WIRE_MINE, .object = WIRE_ENDPOINT, .number = 1 + sent}}});
		poll(service);
		pump();
	}
	ended("exports", WIRE_REASON_EXPORTS);
	equal("beyond its share", sent, EXPORTS + 1);
	connect();
	say((struct wire_message){.kind = WIRE_OPEN, .number = 1, .name = "service"});
	say((struct wire_message){.kind = WIRE_SEND,
				  .number = 2,
				  .export = seen.last.caps[0].number,
				  .cap_count = 2,
				  .caps = {{.kind = WIRE_MINE, .object = WIRE_ENDPOINT, .number = 9},
					   {.kind = WIRE_MINE, .object = WIRE_NOTIFICATION, .number = 9}}});
	ended("one that is two things", WIRE_REASON_BAD_CAPABILITY);
}

/* What the next session grants. */
static void grant(uint32_t operations, uint32_t exports)
{
	session_end(&session, pipes_now(), WIRE_REASON_CLOSED);
	pump();
	session.config.credits = (struct wire_credits){operations, SESSION_WINDOW, exports};
}

static void mean(void)
{
	section("a peer that grants nothing", "doc/CLUSTER.md");
	connect();
	grant(0, 4096);
	seen.ended = false;
	wait(200);
	ended("no operations", WIRE_REASON_CREDIT);
	grant(16, 0);
	connect();
	check("no exports: it is a peer", seen.up);
	say((struct wire_message){.kind = WIRE_OPEN, .number = 1, .name = "service"});
	check("that gets nothing", seen.last.outcome == OUTCOME_NOT_DELIVERED && seen.up);
	equal("and nothing is kept for it", counts().exports, 0);
	grant(16, 4096);
}

static void lookup(void *slot)
{
	cluster_lookup("fake", (seL4_CPtr)slot);
	log_letter('0' + (char)cluster_lookup("fake", (seL4_CPtr)slot));
}

static void lookup_once(void *slot)
{
	cluster_lookup("fake", (seL4_CPtr)slot);
}

static void results(void)
{
	struct peer client;

	section("wrong results", "doc/CLUSTER.md");
	connect();
	say((struct wire_message){.kind = WIRE_NAMED, .stamp = 9, .name = "fake"});
	peer_new(&client, HIGH, 0);
	log_clear();
	peer_run(&client, lookup, (void *)sk_slot_new());
	pump();
	check("a lookup arrives", seen.last.kind == WIRE_OPEN);
	say((struct wire_message){.kind = WIRE_RESULT, .number = seen.last.number, .outcome = OUTCOME_DONE});
	ended("without the capability", WIRE_REASON_BAD_CAPABILITY);
	equal_text("and who asked is told", run_log, "2");
	connect();
	say((struct wire_message){.kind = WIRE_NAMED, .stamp = 9, .name = "fake"});
	seL4_CPtr slot = sk_slot_new();
	peer_run(&client, lookup, (void *)slot);
	pump();
	say((struct wire_message){.kind = WIRE_RESULT,
				  .number = seen.last.number,
				  .outcome = OUTCOME_DONE,
				  .cap_count = 1,
				  .caps = {{.kind = WIRE_MINE, .object = WIRE_ENDPOINT, .number = 1234}}});
	peer_trap(&client, seL4_SysCall, slot, INFO(1, 0, 0), 0, 0);
	pump();
	equal("a call arrives", seen.last.kind, WIRE_CALL);
	say((struct wire_message){
		.kind = WIRE_RESULT,
		.number = seen.last.number,
		.outcome = OUTCOME_DONE,
		.cap_count = 1,
		.caps = {{.kind = WIRE_YOURS, .object = WIRE_ENDPOINT, .number = 1u << 20}}});
	ended("an answer with an invented capability", WIRE_REASON_BAD_EXPORT);
	check("whose caller is told", client.done && peer_label(&client) == CLUSTER_LABEL);
	connect();
	say((struct wire_message){.kind = WIRE_NAMED, .stamp = 9, .name = "fake"});
	log_clear();
	peer_run(&client, lookup, (void *)sk_slot_new());
	wait(4500);
	check("no answer for a while", seen.up);
	wait(1500);
	ended("no answer", WIRE_REASON_UNANSWERED);
	equal_text("and who asked is told, again", run_log, "2");
	sk_thread_delete(&client.thread);
}

/* The client's lookup of "fake", answered; the number of the operation that it was. */
static uint32_t believe(struct peer *client, seL4_CPtr slot)
{
	say((struct wire_message){.kind = WIRE_NAMED, .stamp = 9, .name = "fake"});
	peer_run(client, lookup_once, (void *)slot);
	pump();
	uint32_t number = seen.last.number;
	say((struct wire_message){.kind = WIRE_RESULT,
				  .number = number,
				  .outcome = OUTCOME_DONE,
				  .cap_count = 1,
				  .caps = {{.kind = WIRE_MINE, .object = WIRE_ENDPOINT, .number = 1234}}});
	return number;
}

static bool is_blamed(void)
{
	wait(20);
	return seen.ended && seen.by_peer && seen.reason == WIRE_REASON_BAD_NUMBER;
}

/* A call to b, by the number that it has: the one after that of the last operation of its place. */
static void results_of_others(void)
{
	seL4_CPtr far = sk_endpoint_new(), slot = sk_slot_new(), reply = sk_slot_new();
	struct peer believer, client;

	section("a result of another node's operation", "doc/CLUSTER.md");
	connect();
	cluster_use(pipes_control[HONEST]);
	cluster_publish("far", far);
	cluster_use(pipes_control[A]);
	equal("another node has a name", cluster_lookup("far", slot), CLUSTER_OK);
	peer_new(&believer, HIGH, 0);
	peer_new(&client, HIGH, 0);
	uint32_t number = believe(&believer, sk_slot_new());
	peer_trap(&client, seL4_SysCall, slot, INFO(1, 0, 0), 0, 0);
	check("which is called", poll(far).came);
	sk_must(seL4_CNode_SaveCaller(ROOT, reply, SK_DEPTH));
	say((struct wire_message){
		.kind = WIRE_RESULT, .number = number + (1u << 10), .outcome = OUTCOME_DONE, .label = 9});
	check("the session ends", is_blamed());
	check("and the caller waits", !client.done);
	seL4_Send(reply, INFO(7, 0, 0));
	equal("for the right answer", peer_label(&client), 7);
	cluster_release(slot);
	cluster_use(pipes_control[HONEST]);
	cluster_withdraw("far");
	cluster_use(pipes_control[A]);
	wait(20);
	sk_thread_delete(&believer.thread);
	sk_thread_delete(&client.thread);
}

/* As many calls as one export may have at a time, and one more, which nobody has used the place of. */
static void results_too_early(void)
{
	struct peer believer, clients[5];
	seL4_CPtr slot = sk_slot_new();

	section("a result of what was not sent", "doc/CLUSTER.md");
	connect();
	peer_new(&believer, HIGH, 0);
	believe(&believer, slot);
	for (unsigned i = 0; i < LENGTH_OF(clients); i++) {
		peer_new(&clients[i], HIGH, 0);
		peer_trap(&clients[i], seL4_SysCall, slot, INFO(1, 0, 0), 0, 0);
	}
	pump();
	equal("so many calls come", seen.operations, 1 + 4);
	say((struct wire_message){.kind = WIRE_RESULT,
				  .number = 1u << 10 | ((seen.last.number & 1023) + 1),
				  .outcome = OUTCOME_DONE,
				  .label = 9});
	check("the session ends", is_blamed());
	equal("and that call is not delivered", clients[4].out.mr[0], CLUSTER_NOT_DELIVERED);
	for (unsigned i = 0; i < LENGTH_OF(clients); i++)
		sk_thread_delete(&clients[i].thread);
	sk_thread_delete(&believer.thread);
	ended("nothing is left", WIRE_REASON_BAD_NUMBER);
}

/* --- lies at random ----------------------------------------------------------------------------------- */

extern char number_of_lies[]; /* the linker's (build.mk) */
#define LIES ((unsigned)(uintptr_t)number_of_lies)

static uint64_t dice_state = 1;

static uint32_t dice(uint32_t below)
{
	dice_state = dice_state * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(dice_state >> 33) % below;
}

static uint32_t some_export(void)
{
	return seen.offers && dice(12) ? seen.exports[dice(seen.offers < 8 ? seen.offers : 8)]
				       : 1 + dice(dice(2) ? 5000 : 0x7fffffff);
}

static const char *some_name(unsigned count)
{
	static const char *const names[] = {"fake", "fake2", "a", "b", "c", "nothing", "service", "note"};

	return names[dice(count)];
}

static struct wire_cap some_cap(void)
{
	struct wire_cap cap = {.kind = (uint8_t)dice(WIRE_CAP_KINDS)};

	if (cap.kind == WIRE_ABSENT)
		return cap;
	cap.object = (uint8_t)(1 + dice(2));
	cap.number = cap.kind == WIRE_MINE ? 2 * (1 + dice(40)) + cap.object : some_export();
	if (cap.kind == WIRE_THIRD) {
		cap.ticket = dice(9);
		cap.node = some_name(8);
	}
	return cap;
}

/* What decodes; seldom what would be right. */
static struct wire_message some_lie(void)
{
	static const uint8_t often[] = {WIRE_CALL,   WIRE_CALL,   WIRE_SEND,  WIRE_OPEN,
					WIRE_RESULT, WIRE_RESULT, WIRE_RESULT};
	static uint64_t words[WIRE_WORDS];
	static uint32_t number;
	unsigned which = dice(seen.offers && seen.offers < 8 ? seen.offers : 8);
	struct wire_message m = {.kind = (uint8_t)(dice(2) ? often[dice(7)] : 1 + dice(WIRE_KINDS - 1))};

	m.words = words;
	if (m.kind == WIRE_RESULT && !seen.asks)
		m.kind = dice(20) ? WIRE_OPEN : WIRE_REVOKED;
	if (m.kind <= WIRE_SIGNAL && which < seen.offers && dice(20))
		m.kind = seen.objects[which] == WIRE_NOTIFICATION ? WIRE_SIGNAL
			 : dice(3)                                ? WIRE_CALL
								  : WIRE_SEND;
	if (m.kind < WIRE_RESULT)
		m.number = dice(20) ? ++number : 1 + dice(100);
	if (m.kind == WIRE_RESULT) {
		m.number = dice(30) ? seen.asked[--seen.asks % 8] : 1 + dice(5000);
		m.outcome = (uint8_t)(1 + (dice(3) ? 0 : dice(4)));
	}
	if ((m.kind < WIRE_RESULT && m.kind != WIRE_OPEN) || m.kind == WIRE_REVOKED)
		m.export = m.kind <= WIRE_SIGNAL && which < seen.offers && dice(20) ? seen.exports[which]
										    : some_export();
	for (; m.kind == WIRE_RELEASE && m.word_count < 1 + dice(3); m.word_count++)
		words[m.word_count] = (uint64_t)some_export() << 32 | (1 + dice(dice(4) ? 1 : 1000));
	if (m.kind == WIRE_NAMED || m.kind == WIRE_UNNAMED)
		m.stamp = dice(20) ? dice(100) : 1ull << 60;
	if (m.kind == WIRE_CLAIM)
		m.ticket = dice(9);
	if (m.kind == WIRE_OPEN || m.kind == WIRE_GIVE || m.kind == WIRE_NAMED || m.kind == WIRE_UNNAMED)
		m.name = some_name(m.kind == WIRE_OPEN ? 8 : 6); /* a later claim would win */
	if (m.kind == WIRE_CALL || m.kind == WIRE_SEND || m.outcome == OUTCOME_DONE) {
		m.label = dice(4) ? dice(20) : CLUSTER_LABEL;
		m.word_count = (uint8_t)(dice(4) ? dice(6) : dice(WIRE_WORDS + 1));
		m.cap_count = (uint8_t)(dice(2) ? dice(WIRE_CAPS + 1) : m.kind == WIRE_RESULT);
	}
	for (unsigned i = 0; i < m.cap_count; i++)
		m.caps[i] = some_cap();
	if (m.kind == WIRE_RESULT && m.outcome == OUTCOME_DONE && dice(6)) {
		m.cap_count = 1;
		m.caps[0] = (struct wire_cap){
			.kind = WIRE_MINE, .object = WIRE_ENDPOINT, .number = 2 * dice(20) + 3};
	}
	return m;
}

static void say_lie(void)
{
	_Alignas(8) uint8_t bytes[WIRE_PAYLOAD_MAX];
	struct wire_message lie = some_lie();
	size_t size = wire_message_size(&lie);

	wire_encode(&lie, bytes);
	if (dice(30) == 0)
		bytes[dice((uint32_t)size)] ^= (uint8_t)(1 + dice(255));
	say_bytes(bytes, size);
}

/* A program of the node that calls what the liar offers. */
static void believer(void *argument)
{
	seL4_CPtr slot = (seL4_CPtr)argument;

	for (unsigned i = 0;; i++) {
		if (cluster_lookup(i % 2 ? "fake" : "fake2", slot) == CLUSTER_OK) {
			seL4_SetCap(0, i % 3 ? service : note);
			seL4_Call(slot, INFO(i, i % 2, i % 8));
			cluster_release(slot);
		} else {
			cluster_sleep(20000000);
		}
	}
}

static void random_lies(void)
{
	struct peer clients[3];
	unsigned served = 0, ends = seen.ends;

	section("lies at random", "doc/CLUSTER.md");
	for (unsigned i = 0; i < 3; i++) {
		peer_new(&clients[i], HIGH, 0);
		peer_run(&clients[i], believer, (void *)sk_slot_new());
	}
	for (unsigned i = 0; i < LIES; i++) {
		if (!seen.up) {
			connect();
			open_name(dice(2) ? "service" : "note");
		}
		say_lie();
		if (dice(2) && poll(service).came) {
			served++;
			seL4_SetCap(0, dice(2) ? service : note);
			seL4_Reply(INFO(dice(20), dice(2), dice(5)));
		}
		if (dice(10) == 0)
			wait(5);
	}
	for (unsigned i = 0; i < 3; i++)
		sk_thread_delete(&clients[i].thread);
	session_end(&session, pipes_now(), WIRE_REASON_CLOSED);
	pump();
	printf("# %u lies: %u sessions, %u messages received\n", LIES, seen.ends - ends, served);
	check("are told in many sessions", seen.ends - ends > LIES / 40 && served > LIES / 40);
	while (poll(service).came)
		;
	wait(5600); /* what was given to b, who does not claim it, is forgotten */
	struct cluster_counts left = counts();
	equal("and nothing is left of them",
	      left.exports + left.imports + left.references + left.workers_busy, 0);
	equal("nor of those who believed them", left.calls_held + left.messages_held + left.replies, 0);
}

int main(void)
{
	struct session_config config = {
		.write = write_frame, .epoch = 0x2222, .credits = {16, SESSION_WINDOW, 4096}};

	conform_begin("liar");
	service = sk_endpoint_new();
	note = sk_notification_new();
	pipes_start(3, 2, 2 * WORKERS);
	cluster_use(pipes_control[A]);
	cluster_publish("service", service);
	cluster_publish("note", note);
	strcpy(config.self, "c");
	strcpy(config.peer, "a");
	session_init(&session, &config, pipes_now());
	session_link(&session, pipes_now(), true);
	honest();
	exports();
	messages();
	credit();
	mean();
	results();
	results_of_others();
	results_too_early();
	random_lies();
	honest();
	return conform_end();
}
