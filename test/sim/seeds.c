/*
 * Clusters under load (test/sim/guest/load.c) in bad weather, one seed after the other: what all nodes print
 * is held against what the cluster promises (doc/CLUSTER.md).
 *
 *   seeds IMAGE FIRST COUNT [--nodes=N] [--faults=N]     random faults, so many of each seed
 *   seeds IMAGE SEED 1 --loss=0.1@1s-2s ...              these faults
 *
 * The first of several is run twice, which must end in the same state. A seed that fails is run again with
 * ever fewer faults; those that are needed are printed, so that one can repeat it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim/config.h"

#define MS         UINT64_C(1000000)
#define DELAY      (1 * MS)
#define JITTER     (2 * MS)
#define FAULTS_MAX 64
#define CLIENTS    (2 * SIM_NODES + 4) /* numbers that a node's clients can have */

/* When faults are over, clients are told to stop, what is left is counted, and who leads is asked. */
#define QUIET_NS   (1600 * MS)
#define STOP_NS    (4400 * MS)
#define COUNT_NS   (6400 * MS)
#define WHO_NS     (6420 * MS)
#define END_NS     (6500 * MS)

static struct image image;
static unsigned nodes = 3;

/* --- what a run has shown ------------------------------------------------------------------------------ */

/* One call or message. */
struct call {
	uint64_t key[2]; /* 0, 0: no entry */
	unsigned executed;
	char outcome; /* as its line has it; 0: none yet */
	bool begun;
};

struct badge {
	unsigned node;
	uint64_t badge;
};

static struct {
	struct sim *sim;
	struct call *call;
	size_t calls, room; /* room: a power of two */
	struct badge revoked[4096];
	unsigned revocations;
	uint64_t last[SIM_NODES][SIM_NODES][CLIENTS]; /* at, from, client: number executed last */
	uint32_t last_epoch[SIM_NODES][SIM_NODES];
	unsigned done_late[SIM_NODES][SIM_NODES + 2]; /* by client, after faults are over */
	bool stopped[SIM_NODES], counted[SIM_NODES], rung_late[SIM_NODES];
	char leader[SIM_NODES]; /* as each node says */
	uint64_t hash;
	char line[SIM_NODES][256];
	size_t length[SIM_NODES];
	char why[512]; /* the first promise that was broken */
} run;

static struct {
	uint64_t calls, done, unknown, not_delivered, revoked, faults, crashes, revocations;
} sum;

static void broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void broken(const char *format, ...)
{
	va_list args;

	if (run.why[0])
		return;
	va_start(args, format);
	vsnprintf(run.why, sizeof run.why, format, args);
	va_end(args);
}

/* --- calls by their ID --------------------------------------------------------------------------------- */

static struct call *call_place(struct call *table, size_t room, const uint64_t key[2])
{
	size_t at = (key[0] * 0x9e3779b97f4a7c15ull + key[1] * 0xd6e8feb86659fd93ull) >> 20;

	while (table[at & (room - 1)].key[0] &&
	       (table[at & (room - 1)].key[0] != key[0] || table[at & (room - 1)].key[1] != key[1]))
		at++;
	return &table[at & (room - 1)];
}

static void calls_grow(void)
{
	size_t room = run.room ? 2 * run.room : 4096;
	struct call *table = calloc(room, sizeof *table);

	if (!table)
		abort();
	for (size_t i = 0; i < run.room; i++)
		if (run.call[i].key[0])
			*call_place(table, room, run.call[i].key) = run.call[i];
	free(run.call);
	run.call = table;
	run.room = room;
}

struct id {
	unsigned node, client;
	uint32_t epoch;
	uint64_t number;
};

static bool id_parse(const char *text, struct id *id, uint64_t *badge)
{
	char node;
	int parts = sscanf(text, "%c.%" SCNx32 ".%u.%" SCNu64 " %" SCNu64, &node, &id->epoch, &id->client,
			   &id->number, badge);

	id->node = (unsigned)(node - 'a');
	return parts >= 4 && id->node < nodes && id->client < CLIENTS;
}

static struct call *call_of(const struct id *id)
{
	const uint64_t key[2] = {(uint64_t)id->epoch << 32 | id->node << 16 | id->client | 1u << 31,
				 id->number};
	struct call *call;

	if (2 * run.calls >= run.room)
		calls_grow();
	call = call_place(run.call, run.room, key);
	run.calls += call->key[0] == 0;
	memcpy(call->key, key, sizeof key);
	return call;
}

/* --- lines --------------------------------------------------------------------------------------------- */

static void executed(unsigned node, const struct id *id, uint64_t badge, const char *text)
{
	struct call *call = call_of(id);
	uint64_t *last = &run.last[node][id->node][id->client];

	if (call->executed++)
		broken("executed twice: %s", text);
	if (!call->begun)
		broken("executed, but nobody called: %s", text);
	for (unsigned i = 0; i < run.revocations; i++)
		if (run.revoked[i].node == node && run.revoked[i].badge == badge)
			broken("executed at %s with a revoked capability: %s", sim_node_name(node), text);
	if (badge != 1)
		return;
	if (run.last_epoch[node][id->node] != id->epoch)
		memset(run.last[node][id->node], 0, sizeof run.last[node][id->node]);
	run.last_epoch[node][id->node] = id->epoch;
	if (id->number < *last)
		broken("executed at %s out of order, after %" PRIu64 ": %s", sim_node_name(node), *last,
		       text);
	*last = id->number;
}

static void ended(unsigned node, char outcome, const struct id *id, const char *text)
{
	struct call *call = call_of(id);

	call->outcome = outcome;
	if (outcome == 'D' && !call->executed)
		broken("reported done, but not executed: %s", text);
	if (outcome == 'D' && sim_time(run.sim) > QUIET_NS)
		run.done_late[node][id->client / 2]++;
}

static void revoked(unsigned node, const char *text)
{
	if (run.revocations == sizeof run.revoked / sizeof *run.revoked)
		run.revocations--;
	run.revoked[run.revocations++] = (struct badge){node, strtoull(text, NULL, 10)};
}

/* A node that boots again begins its badges anew. */
static void booted(unsigned node)
{
	for (unsigned i = 0; i < run.revocations; i++)
		if (run.revoked[i].node == node)
			run.revoked[i].badge = 0;
}

static void counted(unsigned node, const char *text)
{
	run.counted[node] = true;
	for (const char *at = text; *at; at++)
		if (*at != '0' && *at != ' ')
			broken("%s holds something at the end: %s (exports, imports, references, operations, "
			       "messages, workers, "
			       "replies, slots)",
			       sim_node_name(node), text);
}

static void line_done(unsigned node, const char *line)
{
	struct id id;
	uint64_t badge = 0;

	if (getenv("SEEDS_VERBOSE"))
		fprintf(stderr, "%" PRIu64 " %s| %s\n", sim_time(run.sim) / 1000, sim_node_name(node), line);
	switch (line[0]) {
	case 'E':
		booted(node);
		return;
	case 'V':
		revoked(node, line + 2);
		return;
	case 'C':
		counted(node, line + 2);
		return;
	case 'Q':
		run.stopped[node] = true;
		return;
	case 'G':
		run.rung_late[node] |= sim_time(run.sim) > QUIET_NS;
		return;
	case 'W':
		run.leader[node] = line[2];
		return;
	case 'P':
	case 'L':
	case 'l':
		return;
	case 'B':
	case 'S':
	case 'X':
	case 'D':
	case 'N':
	case 'U':
	case 'R':
		if (id_parse(line + 2, &id, &badge))
			break;
		/* fall through */
	default:
		broken("%s says: %s", sim_node_name(node), line);
		return;
	}
	if (line[0] == 'B' || line[0] == 'S')
		call_of(&id)->begun = true;
	else if (line[0] == 'X')
		executed(node, &id, badge, line + 2);
	else
		ended(node, line[0], &id, line + 2);
}

static void output(void *context, unsigned node, const void *bytes, size_t size)
{
	const char *at = bytes;

	(void)context;
	for (; size > 0; at++, size--) {
		if (*at != '\n' && run.length[node] < sizeof run.line[node] - 1) {
			run.line[node][run.length[node]++] = *at;
			continue;
		}
		run.line[node][run.length[node]] = 0;
		run.length[node] = 0;
		line_done(node, run.line[node]);
	}
}

/* What a node that crashes had begun to print is not a line. */
static void event(void *context, uint64_t time, const char *line)
{
	(void)context;
	if (strstr(line, " crashes"))
		run.length[line[0] - 'a'] = 0;
	if (getenv("SEEDS_VERBOSE"))
		fprintf(stderr, "%" PRIu64 " %s\n", time / 1000, line);
}

static void report(void *context, unsigned node, const struct node_thread *thread, const char *line)
{
	(void)context;
	(void)thread;
	broken("%s: %s", sim_node_name(node), line);
}

/* --- a run --------------------------------------------------------------------------------------------- */

static void run_until(uint64_t time)
{
	enum sim_state state = SIM_RAN;

	while (state == SIM_RAN && sim_time(run.sim) < time)
		state = sim_run(run.sim, time - sim_time(run.sim));
	if (state != SIM_RAN && state != SIM_END)
		broken("the cluster came to an end (%d)", state);
}

static void type(char letter)
{
	for (unsigned node = 0; node < nodes; node++)
		if (!sim_type(run.sim, node, letter))
			broken("%s does not take what is typed", sim_node_name(node));
}

static void judge(void)
{
	for (size_t i = 0; i < run.room; i++) {
		const struct call *call = &run.call[i];

		if (call->executed && (call->outcome == 'N' || call->outcome == 'R'))
			broken("reported as %s, but executed: %s.%" PRIx64 ".%" PRIu64 ".%" PRIu64,
			       call->outcome == 'N' ? "not delivered" : "revoked",
			       sim_node_name(call->key[0] >> 16 & 15), call->key[0] >> 32,
			       call->key[0] & 0xff, call->key[1]);
		sum.done += call->outcome == 'D';
		sum.unknown += call->outcome == 'U';
		sum.not_delivered += call->outcome == 'N';
		sum.revoked += call->outcome == 'R';
	}
	for (unsigned node = 0; node < nodes; node++) {
		for (unsigned client = 1; client < nodes; client++)
			if (!run.done_late[node][client])
				broken("client %u of %s gets no answer any more", client,
				       sim_node_name(node));
		if (!run.stopped[node])
			broken("not all clients of %s came to an end", sim_node_name(node));
		if (!run.counted[node])
			broken("%s does not count", sim_node_name(node));
		if (!run.rung_late[node])
			broken("the bell of %s does not ring any more", sim_node_name(node));
		if (!run.leader[node] || run.leader[node] != run.leader[0])
			broken("%s says that the leader is %c, a that it is %c", sim_node_name(node),
			       run.leader[node], run.leader[0]);
	}
	sum.calls += run.calls;
	sum.revocations += run.revocations;
}

/* False: run.why. */
static bool run_one(uint64_t seed, const struct sim_fault *faults, unsigned count)
{
	struct sim_config config = sim_test_config(&image, nodes, seed, END_NS, faults, count);
	struct sim_stats stats;

	config.delay = DELAY;
	config.jitter = JITTER;
	config.output = output;
	config.report = report;
	config.event = event;
	free(run.call);
	memset(&run, 0, sizeof run);
	run.sim = sim_create(&config, run.why, sizeof run.why);
	if (!run.sim)
		return false;
	run_until(STOP_NS);
	type('q');
	run_until(COUNT_NS);
	type('c');
	run_until(WHO_NS);
	type('w');
	run_until(END_NS);
	run.hash = sim_state_hash(run.sim);
	judge();
	sim_get_stats(run.sim, &stats);
	sum.crashes += stats.crashes;
	sum.faults += count;
	sim_destroy(run.sim);
	return run.why[0] == 0;
}

/* Leaves out one fault after the other, as long as it still fails. */
static unsigned shrink(uint64_t seed, struct sim_fault *faults, unsigned count)
{
	struct sim_fault fewer[FAULTS_MAX];

	for (unsigned i = count; i-- > 0;) {
		memcpy(fewer, faults, i * sizeof *faults);
		memcpy(fewer + i, faults + i + 1, (count - i - 1) * sizeof *faults);
		if (!run_one(seed, fewer, count - 1))
			memcpy(faults, fewer, --count * sizeof *faults);
	}
	return count;
}

/* The same once more. */
static bool repeats(uint64_t seed, const struct sim_fault *faults, unsigned count)
{
	uint64_t hash = run.hash;

	run_one(seed, faults, count);
	if (run.hash == hash)
		return true;
	printf("not ok sim-seed-%" PRIu64 "-repeats: the state is another one\n", seed);
	return false;
}

static bool test(uint64_t seed, struct sim_fault *faults, unsigned count, const char *image_name)
{
	char why[512], text[200];

	if (run_one(seed, faults, count))
		return true;
	snprintf(why, sizeof why, "%s", run.why);
	count = shrink(seed, faults, count);
	run_one(seed, faults, count);
	printf("not ok sim-seed-%" PRIu64 ": %s\n", seed, why);
	printf("# %s\n# with as few faults as that takes: seeds %s %" PRIu64 " 1 --nodes=%u", run.why,
	       image_name, seed, nodes);
	for (unsigned i = 0; i < count; i++) {
		sim_fault_text(&faults[i], text, sizeof text);
		*strchr(text, ' ') = '=';
		printf(" '%s'", text);
	}
	printf("\n");
	fflush(stdout);
	return false;
}

/* --- arguments ----------------------------------------------------------------------------------------- */

static bool argument_parse(const char *text, unsigned *random, struct sim_fault *faults, unsigned *count)
{
	char error[256];

	if (sscanf(text, "--nodes=%u", &nodes) == 1)
		return nodes >= 2 && nodes <= SIM_NODES;
	if (sscanf(text, "--faults=%u", random) == 1)
		return *random <= FAULTS_MAX;
	for (enum sim_kind kind = 0; kind < SIM_KINDS; kind++) {
		size_t length = strlen(sim_fault_option(kind));

		if (kind == SIM_ONE_WAY || strncmp(text, sim_fault_option(kind), length) != 0 ||
		    text[length] != '=')
			continue;
		*random = 0;
		return *count < FAULTS_MAX && sim_fault_parse(kind, text + length + 1, nodes,
							      &faults[(*count)++], error, sizeof error);
	}
	return false;
}

int main(int argc, char **argv)
{
	struct sim_fault faults[FAULTS_MAX];
	unsigned random = 12, given = 0;
	uint64_t first, count, bad = 0;
	char error[256] = "wrong arguments";
	bool good = argc >= 4 && image_open(&image, argv[1], error, sizeof error);

	for (int i = 4; i < argc && good; i++)
		good = argument_parse(argv[i], &random, faults, &given);
	if (!good) {
		printf("not ok sim-seeds: %s\n", error);
		return 1;
	}
	first = strtoull(argv[2], NULL, 10);
	count = strtoull(argv[3], NULL, 10);
	for (uint64_t seed = first; seed < first + count; seed++) {
		if (random)
			sim_faults_random(seed, nodes, QUIET_NS / 4 * 5, faults, random);
		if (!test(seed, faults, random ? random : given, argv[1]) ||
		    (seed == first && count > 1 && !repeats(seed, faults, random ? random : given)))
			bad++;
	}
	if (!bad && count)
		printf("ok sim-seeds-%" PRIu64 "-%" PRIu64 "\n", first, count);
	printf("# %" PRIu64 " calls, %" PRIu64 " done, %" PRIu64 " unknown, %" PRIu64
	       " not delivered, %" PRIu64 " revoked; %" PRIu64 " faults, %" PRIu64 " crashes, %" PRIu64
	       " revocations\n",
	       sum.calls, sum.done, sum.unknown, sum.not_delivered, sum.revoked, sum.faults, sum.crashes,
	       sum.revocations);
	image_close(&image);
	return bad != 0;
}
