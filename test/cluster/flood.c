/*
 * A node that floods. Once its bridge has said its name, b takes the link device over and sends as fast as it
 * can what needs no credit: to a bytes that may begin a frame, each of them; to the others, in a session,
 * names. The others look each tenth of a second whether they still see each other, and end with status 0 if
 * they always did.
 */
#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/cluster.h>
#include <skerry/device.h>
#include <skerry/link_port.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/vspace.h>
#include "srv/bridge/session.h"

#define LINK_PADDR (SK_VIRTIO_PADDR + 5 * 0x1000)
#define LOOKS      10
#define LOOK_NS    100000000ul
#define CHUNKS     8 /* of garbage at once */

static struct link link;
static struct flood {
	struct session session;
	unsigned said;
	bool begun;
} floods[LINK_PORTS];

static uint64_t now(void)
{
	uint64_t time;

	__asm__ volatile("rdtime %0" : "=r"(time));
	return time * (1000000000 / SK_TIMEBASE_HZ);
}

/* --- the flooder -------------------------------------------------------------------------------------- */

static bool write_frame(void *context, const void *frame, size_t size)
{
	return link_write(&link, (unsigned)(uintptr_t)context, frame, size);
}

static void begin(struct flood *flood, unsigned port)
{
	struct session_config config = {.write = write_frame,
					.context = (void *)(uintptr_t)port,
					.epoch = 1,
					.secret = 12345 + port,
					.credits = {16, SESSION_WINDOW, 64}};

	strcpy(config.self, "b");
	strcpy(config.peer, link.port[port].name + strlen("link."));
	session_init(&flood->session, &config, now());
	session_link(&flood->session, now(), true);
	flood->begun = true;
}

static void say_names(struct flood *flood)
{
	char name[] = "n00";
	struct wire_message message = {.kind = WIRE_NAMED, .stamp = 5, .name = name};
	size_t size = wire_message_size(&message);
	void *payload;

	while ((payload = session_reserve(&flood->session, size))) {
		name[1] = (char)('0' + flood->said / 10 % 6);
		name[2] = (char)('0' + flood->said++ % 10);
		wire_encode(&message, payload);
		session_commit(&flood->session, now(), size);
	}
}

static void flood_with_names(unsigned port)
{
	static _Alignas(8) uint8_t bytes[4096];
	struct flood *flood = &floods[port];
	struct session_event event;
	struct session_input input = {.at = bytes};

	if (!flood->begun)
		begin(flood, port);
	session_ready(&flood->session, now());
	input.left = link_read(&link, port, bytes, sizeof bytes);
	while (session_next(&flood->session, now(), &input, &event))
		;
	say_names(flood);
}

static void flood_with_garbage(unsigned port)
{
	static uint8_t bytes[4096];

	memset(bytes, WIRE_MAGIC & 0xff, sizeof bytes);
	for (unsigned i = 0; i < CHUNKS; i++)
		link_write(&link, port, bytes, sizeof bytes);
}

static void link_take_over(void)
{
	static uint64_t paddr[LINK_PAGES(LINK_PORTS)];
	struct link_memory memory = {.paddr = paddr, .pages = LINK_PAGES(LINK_PORTS)};
	seL4_CPtr frames;

	sk_must(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, seL4_MaxPrio));
	memory.at = sk_pages_new(memory.pages, &frames);
	for (unsigned i = 0; i < memory.pages; i++)
		paddr[i] = seL4_RISCV_Page_GetAddress(frames + i).paddr;
	if (!link_begin(&link, sk_device_map(LINK_PADDR), &memory))
		sk_panic("no link device");
}

static void flood(void)
{
	link_take_over();
	for (;;) {
		link_interrupt(&link);
		for (unsigned port = 0; port < link.ports; port++) {
			if (strcmp(link.port[port].name, "link.a") == 0)
				flood_with_garbage(port);
			else if (strncmp(link.port[port].name, "link.", 5) == 0 && link.port[port].open)
				flood_with_names(port);
		}
	}
}

/* --- the others --------------------------------------------------------------------------------------- */

/* Those that do not flood and, if that is asked, b. */
static bool sees_others(bool flooder)
{
	struct cluster_member members[CLUSTER_NODES];
	unsigned count = cluster_members(members), seen = 0;

	for (unsigned i = 1; i < count; i++)
		seen += members[i].up || (strcmp(members[i].name, "b") == 0 && !flooder);
	return count > 2 && seen == count - 1;
}

/* Who says names only has a session in the end. */
static bool look(bool hears_names)
{
	uint64_t began = now();

	for (unsigned i = 0; i < LOOKS; i++) {
		if (cluster_sleep(LOOK_NS) || !sees_others(hears_names && i == LOOKS - 1))
			return false;
	}
	return now() - began < LOOKS * LOOK_NS * 3 / 2;
}

int main(void)
{
	struct cluster_member members[CLUSTER_NODES];

	if (cluster_start(NULL))
		return 1;
	cluster_members(members);
	if (strcmp(members[0].name, "b") == 0)
		flood();
	bool good = look(strcmp(members[0].name, "a") != 0);
	printf("%s\n", good ? "sees all others, in time" : "is held up");
	return !good;
}
