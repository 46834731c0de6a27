/*
 * The cluster's load: on each node a service that the others call, and a client for each other node, which
 * calls, sends, gets capabilities that will be revoked, and passes them on. Every step that matters is a
 * line, so that whoever sees the lines of all nodes can say whether the cluster kept its word
 * (test/sim/seeds.c):
 *
 *	E EPOCH            the node's epoch
 *	X ID BADGE         the service executed that call or message, by a capability with that badge
 *	V BADGE            and revoked all capabilities with that badge: no X may follow
 *	B ID               a client begins a call
 *	D ID, N ID, U ID, R ID    what became of it: done, not delivered, unknown, revoked
 *	S ID               a client sends a message without an answer
 *	P PEER             a client has found the peer's service and its bell
 *	G                  the bell of this node was rung, a notification
 *	L, l               this node has the name "leader" now; it has lost it to another one
 *	W NODE             who has it
 *	! TEXT             something that must not be
 *	Q NODE             all clients have stopped and given back what they had
 *	C N N N N N N N N  what the bridge holds (struct cluster_counts) and should not
 *
 * An ID is NODE.EPOCH.CLIENT.NUMBER, and numbers rise. Letters typed at the UART: `q` stops the clients,
 * `c` counts, `w` asks who leads.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/cluster.h>
#include <skerry/console.h>
#include <skerry/device.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/thread.h>

#define PRIORITY    100 /* of all threads: a lock's holder is never kept from running */
#define LEASES      2   /* badges that are valid at a time */
#define LEASE_USES  2   /* requests for a capability before the oldest is revoked */
#define LEASE_CALLS 5   /* calls by one of them before it is revoked in the middle of the next */

enum { KIND_CALL = 100, KIND_SEND, KIND_LEASE, KIND_PASS, KIND_WHO };

enum { BADGE_SERVICE = 1, BADGE_LEADER }; /* of what is published; those of leases are higher */

/* What a message says: two words of it are the ID. */
struct id {
	uint32_t epoch;
	uint8_t node, client;
	uint32_t number;
};

static struct cluster_member members[CLUSTER_NODES];
static unsigned member_count;
static uint32_t epoch;
static char self;

static seL4_CPtr service;         /* the endpoint */
static volatile bool stop;        /* typed */
static volatile unsigned running; /* clients */
static volatile bool leads;       /* we have the name "leader", with this: */
static seL4_CPtr leader_cap;

/* --- lines --------------------------------------------------------------------------------------------- */

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	static bool locked;
	char line[128];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	while (__atomic_test_and_set(&locked, __ATOMIC_ACQUIRE))
		seL4_Yield();
	for (int i = 0; i < length; i++)
		sk_console_put(line[i]);
	sk_console_put('\n');
	__atomic_clear(&locked, __ATOMIC_RELEASE);
}

static void say_id(const char *what, struct id id, const char *rest)
{
	say("%s %c.%" PRIx32 ".%u.%" PRIu32 "%s", what, id.node, id.epoch, id.client, id.number, rest);
}

/* --- messages ------------------------------------------------------------------------------------------ */

/* `to`: the node that it is for, or 0 if that is not known. */
static void put_id(unsigned kind, char to, struct id id)
{
	seL4_SetMR(0, kind | (seL4_Word)to << 16);
	seL4_SetMR(1, (seL4_Word)id.epoch << 32 | (seL4_Word)id.node << 16 | id.client);
	seL4_SetMR(2, id.number);
}

static struct id get_id(void)
{
	seL4_Word word = seL4_GetMR(1);

	return (struct id){(uint32_t)(word >> 32), (uint8_t)(word >> 16), (uint8_t)word,
			   (uint32_t)seL4_GetMR(2)};
}

/* The rest of a message of `length` words, and the answer to it. */
static seL4_Word filler(struct id id, unsigned at)
{
	return ((seL4_Word)id.epoch * 31 + id.number) * 0x9e3779b97f4a7c15ull + at * 0x10001ull + id.client;
}

static void put_filler(struct id id, unsigned from, unsigned length)
{
	for (unsigned i = from; i < length; i++)
		seL4_SetMR((int)i, filler(id, i));
}

static bool is_filler(struct id id, unsigned from, unsigned length)
{
	for (unsigned i = from; i < length; i++)
		if (seL4_GetMR((int)i) != filler(id, i))
			return false;
	return true;
}

/* --- the service --------------------------------------------------------------------------------------- */

/* Capabilities to the service with a badge of their own, of which clients get copies. */
static struct {
	seL4_CPtr slots[LEASES];
	seL4_Word badges[LEASES]; /* 0: not made yet */
	seL4_Word last;
	unsigned oldest, uses, calls;
} leases = {.last = 100};

/* A new badge for it; with the old one nobody comes any more. */
static void lease_renew(unsigned lease)
{
	seL4_CPtr slot = leases.slots[lease];

	if (leases.badges[lease]) {
		if (cluster_revoke(slot) != CLUSTER_OK)
			say("! cannot revoke");
		say("V %" PRIu64, (uint64_t)leases.badges[lease]);
		seL4_CNode_Delete(seL4_CapInitThreadCNode, slot, SK_DEPTH);
	}
	leases.badges[lease] = ++leases.last;
	if (seL4_CNode_Mint(seL4_CapInitThreadCNode, slot, SK_DEPTH, seL4_CapInitThreadCNode, service,
			    SK_DEPTH, seL4_AllRights, leases.last))
		say("! cannot mint");
}

static void leases_turn(void)
{
	lease_renew(leases.oldest);
	leases.oldest = (leases.oldest + 1) % LEASES;
}

/* Now and then one is revoked while a call by it is under way. */
static void lease_used(seL4_Word badge)
{
	for (unsigned i = 0; i < LEASES; i++)
		if (leases.badges[i] == badge && ++leases.calls % LEASE_CALLS == 0)
			lease_renew(i);
}

/* What was passed on to this node, for the thread that uses it. */
static struct {
	seL4_CPtr slot[2]; /* capabilities are received in the first, and used in the second */
	seL4_CPtr ready;   /* signalled when `full`: the second is in use */
	volatile bool full;
} passed;

static void take_passed(seL4_MessageInfo_t info)
{
	if (seL4_MessageInfo_get_extraCaps(info) == 0 || seL4_MessageInfo_get_capsUnwrapped(info))
		return;
	if (passed.full) {
		cluster_release(passed.slot[0]);
		return;
	}
	seL4_CNode_Move(seL4_CapInitThreadCNode, passed.slot[1], SK_DEPTH, seL4_CapInitThreadCNode,
			passed.slot[0], SK_DEPTH);
	passed.full = true;
	seL4_Signal(passed.ready);
}

static unsigned answer(struct id id, unsigned kind, unsigned length)
{
	if (kind == KIND_LEASE) {
		if (++leases.uses % LEASE_USES == 0)
			leases_turn();
		seL4_SetCap(0, leases.slots[(leases.oldest + LEASES - 1) % LEASES]);
		return 1;
	}
	if (kind == KIND_WHO)
		seL4_SetMR(0, (seL4_Word)self);
	else
		put_filler((struct id){id.epoch, id.node, (uint8_t)(id.client + 1), id.number}, 0, length);
	return 0;
}

static void serve(void *unused)
{
	(void)unused;
	leases_turn();
	for (;;) {
		seL4_Word badge;
		unsigned length, kind, caps;
		char to;
		seL4_MessageInfo_t info;
		struct id id;
		char rest[32];

		seL4_SetCapReceivePath(seL4_CapInitThreadCNode, passed.slot[0], SK_DEPTH);
		info = seL4_Recv(service, &badge);
		length = (unsigned)seL4_MessageInfo_get_length(info);
		kind = (unsigned)seL4_GetMR(0) & 0xffff;
		to = (char)(seL4_GetMR(0) >> 16);
		id = get_id();
		if (length < 3 || !is_filler(id, 3, length) || seL4_MessageInfo_get_label(info) != kind)
			say("! a message is spoiled");
		if (to && to != self)
			say("! a message for %c", to);
		take_passed(info);
		snprintf(rest, sizeof rest, " %" PRIu64, (uint64_t)badge);
		say_id("X", id, rest);
		if (kind == KIND_SEND)
			continue;
		lease_used(badge);
		caps = answer(id, kind, length);
		seL4_Reply(seL4_MessageInfo_new(kind, 0, caps, kind == KIND_LEASE ? 0 : length));
	}
}

/* --- clients ------------------------------------------------------------------------------------------- */

struct client {
	struct sk_thread thread;
	unsigned index; /* of the peer; a node's own index is that of the thread for what is passed on */
	struct id id;
	uint64_t random;
	seL4_CPtr proxy, bell, lease, news;
	bool found, leased;
	char who; /* answered last */
};

static struct client clients[CLUSTER_NODES], leader, asks;

static uint64_t dice(struct client *client, uint64_t below)
{
	client->random = client->random * 6364136223846793005ull + 1442695040888963407ull;
	return (client->random >> 33) % below;
}

/* Whose service the proxy is, or 0. */
static char home_of(seL4_CPtr proxy)
{
	for (unsigned i = 1; i < member_count; i++)
		if (clients[i].proxy == proxy)
			return members[i].name[0];
	return 0;
}

/* Makes a call and says what became of it. */
static enum cluster_outcome call(struct client *client, seL4_CPtr target, unsigned kind, unsigned length,
				 seL4_CPtr cap, seL4_CPtr receive)
{
	static const char *const letters[] = {"D", "N", "U", "R"};
	struct id id = client->id, expected = id;
	enum cluster_outcome outcome;
	seL4_MessageInfo_t info;

	id.number = expected.number = ++client->id.number;
	expected.client++;
	say_id("B", id, "");
	put_id(kind, home_of(target), id);
	put_filler(id, 3, length);
	if (cap)
		seL4_SetCap(0, cap);
	seL4_SetCapReceivePath(seL4_CapInitThreadCNode, receive, SK_DEPTH);
	info = seL4_Call(target, seL4_MessageInfo_new(kind, 0, cap ? 1 : 0, length));
	outcome = cluster_outcome(info);
	if (outcome == CLUSTER_DONE && kind == KIND_LEASE)
		client->leased = seL4_MessageInfo_get_extraCaps(info) == 1 &&
				 !seL4_MessageInfo_get_capsUnwrapped(info);
	else if (outcome == CLUSTER_DONE && kind == KIND_WHO)
		client->who = (char)seL4_GetMR(0);
	else if (outcome == CLUSTER_DONE &&
		 (seL4_MessageInfo_get_label(info) != kind || seL4_MessageInfo_get_length(info) != length ||
		  !is_filler(expected, 0, length)))
		say("! an answer is spoiled: label %" PRIu64 ", %" PRIu64 " words",
		    (uint64_t)seL4_MessageInfo_get_label(info), (uint64_t)seL4_MessageInfo_get_length(info));
	say_id(letters[outcome], id, "");
	return outcome;
}

static unsigned random_length(struct client *client)
{
	return 3 + (unsigned)(dice(client, 4) ? dice(client, 5) : dice(client, 118));
}

static void lease_end(struct client *client)
{
	if (client->leased)
		cluster_release(client->lease);
	client->leased = false;
}

static void proxy_end(struct client *client)
{
	lease_end(client);
	if (client->found) {
		cluster_release(client->proxy);
		cluster_release(client->bell);
	}
	client->found = false;
}

/* Gets a capability from the peer, uses it a few times, perhaps passes it on. */
static bool borrow(struct client *client)
{
	unsigned uses = (unsigned)dice(client, 6), other = (unsigned)dice(client, member_count);
	enum cluster_outcome outcome;

	outcome = call(client, client->proxy, KIND_LEASE, 3, 0, client->lease);
	if (outcome != CLUSTER_DONE)
		return false;
	for (unsigned i = 0; i < uses && client->leased && outcome == CLUSTER_DONE; i++)
		outcome = call(client, client->lease, KIND_CALL, random_length(client), 0, 0);
	if (client->leased && clients[other].found)
		call(client, clients[other].proxy, KIND_PASS, 3, client->lease, 0);
	lease_end(client);
	return true;
}

static void send(struct client *client)
{
	struct id id = client->id;
	unsigned length = random_length(client);

	id.number = ++client->id.number;
	say_id("S", id, "");
	put_id(KIND_SEND, home_of(client->proxy), id);
	put_filler(id, 3, length);
	seL4_Send(client->proxy, seL4_MessageInfo_new(KIND_SEND, 0, 0, length));
}

static void act(struct client *client)
{
	bool good = true;

	switch (dice(client, 8)) {
	case 0:
		good = borrow(client);
		break;
	case 1:
		send(client);
		break;
	case 2:
		seL4_Signal(client->bell);
		break;
	default:
		good = call(client, client->proxy, KIND_CALL, random_length(client), 0, 0) == CLUSTER_DONE;
		break;
	}
	if (!good)
		proxy_end(client);
}

static enum cluster_error lookup(const char *kind, const char *node, seL4_CPtr slot)
{
	char name[CLUSTER_NAME_BYTES];
	enum cluster_error error;

	snprintf(name, sizeof name, "%s.%.20s", kind, node);
	error = cluster_lookup(name, slot);
	if (error && error != CLUSTER_NOT_FOUND && error != CLUSTER_LOST)
		say("! lookup of %s: %u", name, error);
	return error;
}

static void find(struct client *client)
{
	const char *peer = members[client->index].name;

	if (lookup("service", peer, client->proxy) == CLUSTER_OK) {
		client->found = lookup("bell", peer, client->bell) == CLUSTER_OK;
		if (client->found) {
			say("P %s", peer);
			return;
		}
		cluster_release(client->proxy);
	}
	seL4_Wait(client->news, NULL);
}

static void client_run(void *argument)
{
	struct client *client = argument;

	while (!stop) {
		if (client->found)
			act(client);
		else
			find(client);
	}
	proxy_end(client);
	__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
	seL4_Signal(clients[0].news); /* main waits there */
}

/* Uses once what another node's client passed on to this node's service. */
static void use_passed(void *argument)
{
	struct client *client = argument;

	for (;;) {
		seL4_Wait(passed.ready, NULL);
		call(client, passed.slot[1], KIND_CALL, 3, 0, 0);
		cluster_release(passed.slot[1]);
		passed.full = false;
	}
}

/* --- bell and leader ----------------------------------------------------------------------------------- */

static void listen(void *bell)
{
	for (;;) {
		seL4_Wait((seL4_CPtr)bell, NULL);
		say("G");
	}
}

/* Asks who has the name; 0: nobody, as far as one can see. */
static char ask_leader(struct client *client)
{
	client->who = 0;
	if (cluster_lookup("leader", client->proxy) != CLUSTER_OK)
		return 0;
	call(client, client->proxy, KIND_WHO, 3, 0, 0);
	cluster_release(client->proxy);
	return client->who;
}

/* Each node takes the name when nobody has it; of two that have it one loses it. */
static void lead(void *argument)
{
	struct client *client = argument;

	for (;;) {
		char who = ask_leader(client);

		if (!who && cluster_publish("leader", leader_cap) == CLUSTER_OK) {
			leads = true;
			say("L");
		} else if (who && who != self && leads) {
			leads = false;
			say("l");
		}
		seL4_Wait(client->news, NULL);
	}
}

/* --- main ---------------------------------------------------------------------------------------------- */

static void client_new(struct client *client, unsigned index, void (*run)(void *))
{
	client->index = index;
	client->id = (struct id){epoch, (uint8_t)self, (uint8_t)(2 * index), 0};
	client->random = (uint64_t)epoch << 8 | index;
	client->proxy = sk_slot_new();
	client->bell = sk_slot_new();
	client->lease = sk_slot_new();
	client->news = sk_notification_new();
	if (index && cluster_watch(client->news))
		sk_panic("no room to watch");
	sk_thread_new(&client->thread, "client", PRIORITY, 0);
	if (run)
		sk_thread_start(&client->thread, run, client);
}

/* The epoch is known as soon as the host has said it. */
static void members_wait(void)
{
	seL4_CPtr news = sk_notification_new();

	cluster_watch(news);
	do {
		member_count = cluster_members(members);
		epoch = (uint32_t)members[0].epoch;
		if (!epoch)
			seL4_Yield();
	} while (!epoch);
	self = members[0].name[0];
}

/* Less what there always is: the names that are published. */
static void count(void)
{
	struct cluster_counts counts;

	cluster_count(&counts);
	say("C %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
	    counts.exports, counts.imports, counts.references, counts.calls_held, counts.messages_held,
	    counts.workers_busy, counts.replies, counts.slots - 2 - leads);
}

static void stop_clients(void)
{
	stop = true;
	for (unsigned i = 1; i < member_count; i++)
		seL4_Signal(clients[i].news);
	while (running)
		seL4_Wait(clients[0].news, NULL);
	say("Q %c", self);
}

/* What is typed at the UART. */
static void obey(void)
{
	volatile uint8_t *uart = sk_device_map(SK_UART_PADDR);
	seL4_CPtr typed = sk_notification_new(), irq = sk_irq_new(SK_UART_IRQ, typed);

	uart[1] = 1; /* the receive interrupt */
	for (;;) {
		seL4_Wait(typed, NULL);
		while (uart[5] & 1) {
			switch (uart[0]) {
			case 'q':
				stop_clients();
				break;
			case 'c':
				count();
				break;
			case 'w':
				say("W %c", ask_leader(&asks));
				break;
			default:
				break;
			}
		}
		sk_must(seL4_IRQHandler_Ack(irq));
	}
}

static void publish(const char *kind, seL4_CPtr cap)
{
	char name[CLUSTER_NAME_BYTES];

	snprintf(name, sizeof name, "%s.%.20s", kind, members[0].name);
	if (cluster_publish(name, cap))
		say("! cannot publish %s", name);
}

int main(void)
{
	static struct sk_thread server, listener;
	seL4_CPtr bell = sk_notification_new();

	sk_must(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, PRIORITY));
	if (cluster_start(NULL))
		return 1;
	if (cluster_start(NULL) != CLUSTER_EXISTS)
		sk_panic("the bridge was started twice");
	members_wait();
	say("E %" PRIx32, epoch);
	service = sk_endpoint_new();
	for (unsigned i = 0; i < LEASES; i++)
		leases.slots[i] = sk_slot_new(); /* here: no other thread may make anything */
	passed.slot[0] = sk_slot_new();
	passed.slot[1] = sk_slot_new();
	passed.ready = sk_notification_new();
	sk_thread_new(&server, "service", PRIORITY, 0);
	sk_thread_start(&server, serve, NULL);
	sk_thread_new(&listener, "bell", PRIORITY, 0);
	sk_thread_start(&listener, listen, (void *)bell);
	publish("service", sk_cap_mint(service, seL4_AllRights, BADGE_SERVICE));
	publish("bell", bell);
	leader_cap = sk_cap_mint(service, seL4_AllRights, BADGE_LEADER);
	client_new(&clients[0], 0, use_passed);
	client_new(&leader, member_count, lead);
	client_new(&asks, member_count + 1, NULL);
	running = member_count - 1;
	for (unsigned i = 1; i < member_count; i++)
		client_new(&clients[i], i, client_run);
	obey();
}
