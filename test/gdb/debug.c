/*
 * The debugger's side of a node, without a debugger:
 *	- a run with breakpoints, watchpoints and single steps at random places is, in virtual time, the run
 *	  without: two nodes run the same program and have the same state at the same guest time;
 *	- whatever packets come, nothing breaks.
 *
 *   debug IMAGE...
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/gdb.h"
#include "cmd/image.h"
#include "port/vm/debug.h"
#include "port/vm/journal.h"

#define RAM_SIZE    (16ull << 20)
#define END_NS      40000000ull
#define CHECKPOINTS 10
#define PACKETS     30000
#define PACKETS_BACK 4000 /* with a history, where a packet may mean to repeat all of it */
#define POINTS      24 /* breakpoints and watchpoints at a time */

static uint64_t random_state;
static struct journal *journal; /* NULL: there is no history */

static uint64_t rnd(uint64_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 30) % below;
}

static void output(void *context, unsigned console, const void *bytes, size_t size)
{
	(void)context, (void)console, (void)bytes, (void)size;
}

/* Each in another tier: nobody can tell. */
static struct node *create(const struct image *image, char *error, size_t error_size)
{
	static unsigned made;
	struct node_config config = {
		.ram_size = RAM_SIZE,
		.tier = (enum vm_tier)(made++ % 3),
		.entry = image->entry,
		.segment = image->segment,
		.segments = image->segments,
		.board = {.output = output},
	};

	if (journal)
		journal_attach(journal, &config);
	return node_create(&config, error, error_size);
}

/* --- debugging changes nothing ------------------------------------------------------------------- */

static struct point {
	bool used, watch;
	uint16_t asid;
	uint64_t vaddr, size;
	enum vm_watch kind;
} points[POINTS];

static unsigned stops[NODE_STOP_FAULT + 1];

static void point_change(struct node *node, struct point *point, bool set)
{
	if (point->watch)
		point->used = node_debug_watch(node, point->asid, point->vaddr, point->size, point->kind, set) && set;
	else
		point->used = node_debug_break(node, point->asid, point->vaddr, set) && set;
}

/* The debugger does something, anything: around where the thread is that runs. */
static void meddle(struct node *node)
{
	struct point *point = &points[rnd(POINTS)];
	struct node_thread thread;
	unsigned index = 0;

	while (node_thread(node, index, &thread) && thread.tcb != node_debug_running(node))
		index++;
	if (point->used)
		point_change(node, point, false);
	if (!node_debug_running(node))
		return;
	if (rnd(3) == 0)
		node_debug_step(node, thread.tcb);
	*point = (struct point){
		.watch = rnd(4) == 0,
		.asid = thread.asid,
		.vaddr = node_register(node, thread.tcb, NODE_REGISTER_PC) + 2 * rnd(20),
	};
	if (point->watch) {
		point->vaddr = thread.x[rnd(2) ? 2 : 15] + rnd(64) - 32;
		point->size = 1 + rnd(rnd(4) ? 16 : 10000);
		point->kind = (enum vm_watch)(1 + rnd(3));
	}
	point_change(node, point, true);
}

static bool spurious;

/* A breakpoint or watchpoint stops only threads of its own address space, at its own address. */
static void check_stop(struct node *node, const struct node_stopped *stop)
{
	struct node_thread thread;
	unsigned index = 0;
	bool explained = false;

	while (node_thread(node, index, &thread) && thread.tcb != stop->tcb)
		index++;
	for (unsigned i = 0; i < POINTS; i++) {
		const struct point *p = &points[i];

		if (!p->used || p->asid != thread.asid)
			continue;
		if (stop->why == NODE_STOP_BREAKPOINT)
			explained |= !p->watch && p->vaddr == node_register(node, stop->tcb, NODE_REGISTER_PC);
		else
			explained |= p->watch && stop->vaddr - p->vaddr < p->size && p->kind == stop->watch;
	}
	spurious |= !explained;
}

/* The debugger is told of a stop. At a breakpoint it must take that away to get on. */
static void stopped(struct node *node)
{
	const struct node_stopped *stop = node_stopped(node);

	stops[stop->why]++;
	if (stop->why == NODE_STOP_BREAKPOINT || stop->why == NODE_STOP_WATCHPOINT)
		check_stop(node, stop);
	node_debug_step(node, 0);
	for (unsigned i = 0; i < POINTS && stop->why == NODE_STOP_BREAKPOINT; i++)
		if (points[i].used && !points[i].watch &&
		    points[i].vaddr == node_register(node, stop->tcb, NODE_REGISTER_PC))
			point_change(node, &points[i], false);
	meddle(node);
}

static void run_to(struct node *node, uint64_t time, bool debugged)
{
	uint64_t until;
	bool over = false, cut = false;

	/* A step that was cut short has its end still before it, even if no time is left. */
	while (!over && (node_time(node) < time || cut)) {
		uint64_t left = time > node_time(node) ? time - node_time(node) : 1;
		enum node_state state = node_step(node, debugged ? 1 + rnd(left) : left, &until);

		cut = state == NODE_STOPPED;
		switch (state) {
		case NODE_RAN:
			if (debugged)
				meddle(node);
			break;
		case NODE_IDLE:
			node_skip_to(node, until < time ? until : time);
			over = until == NODE_FOREVER;
			break;
		case NODE_STOPPED:
			stopped(node);
			break;
		case NODE_HALTED:
			over = true;
			break;
		}
	}
}

static const char *compare(struct node *plain, struct node *debugged, char *error, size_t error_size)
{
	memset(points, 0, sizeof points);
	node_debug(debugged, true);
	for (unsigned i = 1; i <= CHECKPOINTS; i++) {
		uint64_t time = END_NS >> (CHECKPOINTS - i);

		run_to(plain, time, false);
		run_to(debugged, time, true);
		if (node_time(plain) != node_time(debugged) || node_state_hash(plain) != node_state_hash(debugged)) {
			snprintf(error, error_size, "at %" PRIu64 " ns, or %" PRIu64 ", the states differ", node_time(plain),
				 node_time(debugged));
			return error;
		}
	}
	return NULL;
}

/* --- any packets -------------------------------------------------------------------------------------- */

static uint64_t bytes_sent;
static char last_sent[64]; /* beginnings of what was sent last */

static void sent(void *context, const void *bytes, size_t size)
{
	(void)context;
	bytes_sent += size;
	memcpy(last_sent, bytes, size < sizeof last_sent ? size : sizeof last_sent);
}

static size_t number(char *text)
{
	static const uint64_t interesting[] = {
		0, 1, 2, 4, 8, 0x1000, 0x400000, 0x401000, 0x20000000, 0x3ffffff000, 0xffffffc080300000,
		0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX};
	uint64_t value = interesting[rnd(sizeof interesting / sizeof interesting[0])];

	if (rnd(3) == 0)
		value += rnd(1 << rnd(16));
	if (rnd(30) == 0)
		return (size_t)sprintf(text, "%s", rnd(2) ? "-1" : "123456789abcdef01234");
	return (size_t)sprintf(text, "%" PRIx64, value);
}

/* '%' in a template is a number, '@' a thread, '!' a few bytes as digits, '?' any byte. */
static size_t packet_make(char *text)
{
	static const char *const templates[] = {
		"?", "!", "qSupported:multiprocess+;", "qSupported", "QStartNoAckMode", "Hg@", "Hc@", "H?", "g", "G!", "p%",
		"P%=!", "m%,%", "M%,%:!", "M400000,2:!", "X%,%:????", "X20000000,2:??", "Z%,%,%", "z%,%,%", "Z0,%,%",
		"Z1,%,2", "Z2,%,%", "Z3,%,8", "Z4,%,8", "z2,%,8", "bs", "bc", "bs", "vCont?", "vCont;c", "vCont;s:@;c", "vCont;s:@",
		"vCont;r%,%:@;c", "vCont;C%:@", "vCont;?", "c", "s", "C05", "S05", "vAttach;%", "T@", "qC",
		"qfThreadInfo", "qsThreadInfo", "qThreadExtraInfo,@", "qXfer:threads:read::%,%", "qXfer:threads:read::0,ffff",
		"qXfer:features:read:target.xml:%,%", "qXfer:features:read:target.xml:0,ffff",
		"qXfer:exec-file:read:%:%,%", "qXfer:exec-file:read:1:0,ff", "qXfer:?", "vFile:open:2f7461726765742e656c66,0,0",
		"vFile:open:!,%,%", "vFile:pread:%,%,%", "vFile:pread:0,%,%", "vFile:fstat:%", "vFile:close:%",
		"vFile:setfs:%", "qAttached:%", "vKill;%", "D;%", "D", "k", "vRun;!", "?", "q", "v", "Z", "vFile:", "T", "P", "M"};
	const char *t = templates[rnd(sizeof templates / sizeof templates[0])];
	size_t size = 0;

	for (; *t; t++) {
		if (*t == '%') {
			size += number(text + size);
		} else if (*t == '@') {
			size += (size_t)sprintf(text + size, "p%s.", rnd(2) ? "1" : "-1");
			size += number(text + size);
		} else if (*t == '!') {
			for (unsigned i = (unsigned)rnd(rnd(10) ? 20 : 700); i > 0; i--)
				size += (size_t)sprintf(text + size, "%02x", (unsigned)rnd(256));
		} else {
			text[size++] = *t == '?' ? (char)rnd(256) : *t;
		}
	}
	return size;
}

/* Most packets are framed well, and in pieces of any size; some are spoilt, some are noise. */
static void packet_send(struct gdb *gdb)
{
	static char text[40000], frame[40010];
	size_t size = packet_make(text), at = 0;
	uint8_t sum = 0;

	if (rnd(200) == 0)
		for (size = sizeof text; at < size; at++)
			text[at] = "ab,:;0123456789"[rnd(15)];
	if (rnd(20) == 0 && size > 0)
		text[rnd(size)] = (char)rnd(256);
	if (journal && (text[0] == 'k' || memcmp(text, "vKill", 5) == 0))
		text[0] = '?'; /* with a history, being killed means that it was lost */
	for (size_t i = 0; i < size; i++)
		sum += (uint8_t)text[i];
	memcpy(frame + 1, text, size);
	frame[0] = '$';
	size += 1 + (size_t)sprintf(frame + 1 + size, "#%02x", rnd(30) ? sum : (uint8_t)rnd(256));
	if (rnd(30) == 0)
		size = rnd(size + 1);
	for (at = 0; at < size;) {
		size_t piece = 1 + rnd(size - at);

		gdb_receive(gdb, frame + at, piece);
		at += piece;
	}
	if (rnd(10) == 0)
		gdb_receive(gdb, &"+-\3$#x"[rnd(6)], 1);
}

static void machine_turn(struct node *node, struct gdb *gdb)
{
	uint64_t until;
	enum node_state state = journal ? journal_step(journal, 1 + rnd(20000), &until)
					: node_step(node, 1 + rnd(100000), &until);

	if (state != NODE_STOPPED)
		gdb_observe(gdb);
	switch (state) {
	case NODE_STOPPED:
		gdb_stopped(gdb);
		break;
	case NODE_IDLE:
		if (until == NODE_FOREVER)
			gdb_stuck(gdb);
		else if (journal)
			journal_skip(journal, until, false);
		else
			node_skip_to(node, until);
		break;
	case NODE_HALTED:
		gdb_ended(gdb, node_exit_status(node));
		break;
	case NODE_RAN:
		break;
	}
}

/* After all that, does the session still answer? */
static const char *still_answers(struct gdb *gdb)
{
	static const char question[] = "$?#3f";

	gdb_disconnected(gdb);
	gdb_connected(gdb);
	memset(last_sent, 0, sizeof last_sent);
	gdb_receive(gdb, question, sizeof question - 1);
	return last_sent[0] == '$' && strchr("TWX", last_sent[1]) ? NULL : "it does not say any more why it stopped";
}

static const char *any_packets(const struct image *image, struct node *node)
{
	unsigned packets = journal ? PACKETS_BACK : PACKETS;
	struct gdb *gdb = gdb_create(node, image, sent, NULL);
	const char *why = gdb ? NULL : "out of memory";

	bytes_sent = 0;
	if (gdb && journal)
		gdb_keep_history(gdb, journal);
	for (unsigned i = 0; gdb && !(journal && gdb_is_killed(gdb)) && i < packets; i++) {
		if (!gdb_is_connected(gdb))
			gdb_connected(gdb);
		packet_send(gdb);
		for (unsigned turn = 0; turn < 3 && !gdb_holds(gdb); turn++)
			machine_turn(node, gdb);
		if (gdb_is_done(gdb) || rnd(300) == 0)
			gdb_disconnected(gdb);
	}
	if (gdb)
		why = still_answers(gdb);
	if (!why && journal && gdb_is_killed(gdb))
		why = journal_diverged(journal) ? journal_diverged(journal) : "history was lost";
	if (!why && bytes_sent < packets)
		why = "hardly anything was answered";
	gdb_destroy(gdb);
	return why;
}

/* --- tests ------------------------------------------------------------------------------------------ */

static bool say(const char *name, const char *file, const char *why)
{
	printf(why ? "not ok gdb-%s-%s: %s\n" : "ok gdb-%s-%s\n", name, file, why);
	return !why;
}

static bool any_packets_back(const struct image *image, const char *name, char *error, size_t error_size)
{
	struct node *node;
	bool good;

	journal = journal_create(true);
	node = create(image, error, error_size);
	if (!node)
		return say("start", name, error);
	journal_begin(journal, node, NULL, NULL);
	good = say("any-packets-back", name, any_packets(image, node));
	node_destroy(node);
	journal_destroy(journal);
	journal = NULL;
	return good;
}

static bool test(const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	char error[512];
	struct image image;
	struct node *node[2] = {NULL, NULL};
	bool good;

	if (!image_open(&image, path, error, sizeof error) || !(node[0] = create(&image, error, sizeof error)) ||
	    !(node[1] = create(&image, error, sizeof error)))
		return say("start", name, error);
	good = say("changes-nothing", name, compare(node[0], node[1], error, sizeof error));
	node_destroy(node[0]);
	node_destroy(node[1]);
	node[0] = create(&image, error, sizeof error);
	good &= say("any-packets", name, any_packets(&image, node[0]));
	node_destroy(node[0]);
	good &= any_packets_back(&image, name, error, sizeof error);
	image_close(&image);
	return good;
}

int main(int argc, char **argv)
{
	bool good = true;
	const char *why = NULL;

	random_state = 1;
	for (int i = 1; i < argc; i++)
		good &= test(argv[i]);
	for (unsigned i = 0; i <= NODE_STOP_FAULT; i++)
		if (stops[i] < (i < NODE_STOP_SPACE ? 100 : 1))
			why = "one of the kinds of stops hardly ever came";
	good &= say("changes-nothing", "stops", why);
	good &= say("stops", "explained", spurious ? "a stop at no breakpoint or watchpoint of the address space" : NULL);
	return !good;
}
