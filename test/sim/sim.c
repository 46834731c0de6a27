/*
 * The simulator (cluster/sim) with nodes that count what comes (test/sim/guest/count.c): that a run is a
 * function of its seed, that each kind of fault does what it says and only then.
 *
 *   sim IMAGE
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim/config.h"
#include "test/tests.h"

#define MS        UINT64_C(1000000)
#define DELAY     50000u
#define TEXT_SIZE 65536

static struct image image;

static struct {
	char text[SIM_NODES][TEXT_SIZE];
	size_t length[SIM_NODES];
	char events[TEXT_SIZE];
	struct sim *sim;
	uint64_t passed[SIM_NODES][SIM_NODES]; /* pieces */
	/* Between these times: */
	uint64_t from, to;
	uint64_t within[SIM_NODES][SIM_NODES];
	unsigned overdue; /* pieces that come after their time */
} world;

/* --- runs ---------------------------------------------------------------------------------------------- */

static void output(void *context, unsigned node, const void *bytes, size_t size)
{
	(void)context;
	if (size > TEXT_SIZE - 1 - world.length[node])
		size = TEXT_SIZE - 1 - world.length[node];
	memcpy(world.text[node] + world.length[node], bytes, size);
	world.length[node] += size;
}

static void event(void *context, uint64_t time, const char *line)
{
	size_t length = strlen(world.events);

	(void)context;
	snprintf(world.events + length, sizeof world.events - length, "%" PRIu64 " %s\n", time / MS, line);
}

static void passed(void *context, uint64_t time, unsigned from, unsigned to)
{
	(void)context;
	world.passed[from][to]++;
	world.within[from][to] += time >= world.from && time < world.to;
	world.overdue += time < sim_time(world.sim);
}

struct result {
	uint64_t hash;
	enum sim_state state;
	struct sim_stats stats;
};

/* Runs nodes for `end` ns with these faults, in calls for `slice` ns; then they report. */
static struct result run_slices(unsigned nodes, uint64_t seed, uint64_t end, const struct sim_fault *faults,
				unsigned count, uint64_t slice)
{
	struct sim_config config = sim_test_config(&image, nodes, seed, end, faults, count);
	struct result result = {.state = SIM_FAILED};
	uint64_t from = world.from, to = world.to;
	char error[256];
	struct sim *sim;

	config.delay = config.jitter = DELAY;
	config.output = output;
	config.event = event;
	config.passed = passed;
	memset(&world, 0, sizeof world);
	world.from = from;
	world.to = to;
	sim = sim_create(&config, error, sizeof error);
	if (!sim) {
		snprintf(why, sizeof why, "%s", error);
		return result;
	}
	world.sim = sim;
	do
		result.state = sim_run(sim, slice);
	while (result.state == SIM_RAN);
	result.hash = sim_state_hash(sim);
	for (unsigned node = 0; node < nodes; node++)
		sim_tell(sim, node, "report\n");
	sim_set_end(sim, end + MS / 2);
	sim_run(sim, MS);
	sim_get_stats(sim, &result.stats);
	sim_destroy(sim);
	return result;
}

static struct result run(unsigned nodes, uint64_t end, const char *const *options)
{
	static const struct {
		const char *option;
		enum sim_kind kind;
	} kinds[] = {{"--partition ", SIM_PARTITION}, {"--cut ", SIM_CUT},
		     {"--crash ", SIM_CRASH},         {"--stop ", SIM_STOP},
		     {"--slow ", SIM_SLOW},           {"--clock-jump ", SIM_CLOCK},
		     {"--loss ", SIM_LOSS},           {"--duplicate ", SIM_DUPLICATE},
		     {"--reorder ", SIM_REORDER},     {"--corrupt ", SIM_CORRUPT}};
	struct sim_fault faults[8];
	unsigned count = 0;

	for (; *options; options++)
		for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
			size_t length = strlen(kinds[i].option);

			if (strncmp(*options, kinds[i].option, length) == 0)
				CHECK(sim_fault_parse(kinds[i].kind, *options + length, nodes,
						      &faults[count++], why, sizeof why));
		}
	return run_slices(nodes, 7, end, faults, count, 10 * MS);
}

#define RUN(nodes, end, ...) run(nodes, end, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static bool said(unsigned node, const char *text)
{
	return strstr(world.text[node], text);
}

static bool happened(const char *text)
{
	return strstr(world.events, text);
}

/* What a node reported of one of its links, by name: 0 if nothing. */
static uint64_t reported(unsigned node, const char *peer, const char *what)
{
	const char *line = world.text[node], *next, *at;
	char begin[32];
	uint64_t value = 0;

	snprintf(begin, sizeof begin, "link.%s sent ", peer);
	for (; (line = strstr(line, begin)); line = next) {
		next = strchr(line, '\n');
		at = strstr(line, what);
		if (!next || !at || at > next)
			return 0;
		value = strtoull(at + strlen(what), NULL, 10);
	}
	return value;
}

/* --- tests --------------------------------------------------------------------------------------------- */

/* With all kinds of faults: the same seed, however one goes through it, and another one. */
static void test_determinism(void)
{
	struct sim_fault faults[40], others[40];
	struct result one, two, other;

	sim_faults_random(11, 4, 1500 * MS, faults, 40);
	sim_faults_random(12, 4, 1500 * MS, others, 40);
	CHECK(memcmp(faults, others, sizeof faults) != 0);
	one = run_slices(4, 5, 1500 * MS, faults, 40, 10 * MS);
	two = run_slices(4, 5, 1500 * MS, faults, 40, 7001);
	CHECK(one.state == SIM_END && one.hash == two.hash);
	CHECK(memcmp(&one.stats, &two.stats, sizeof one.stats) == 0);
	CHECK(one.stats.crashes > 0 && one.stats.lost > 0 && one.stats.blocked > 0 &&
	      one.stats.duplicated > 0 && one.stats.reordered > 0 && one.stats.corrupted > 0);
	other = run_slices(4, 6, 1500 * MS, faults, 40, 10 * MS);
	CHECK(other.hash != one.hash);
	other = run_slices(4, 5, 1500 * MS, faults, 39, 10 * MS);
	CHECK(other.hash != one.hash);
}

/* Without faults all arrives, once and in order, after the delay of a link. */
static void test_clean(void)
{
	struct result result = RUN(3, 500 * MS);

	CHECK(result.state == SIM_END && result.stats.sent > 6 * 400);
	CHECK(result.stats.lost + result.stats.blocked + result.stats.duplicated + result.stats.reordered +
		      result.stats.corrupted + result.stats.overflow ==
	      0);
	CHECK(reported(0, "b", "came ") > 400 && reported(0, "b", "highest ") == reported(0, "b", "came "));
	CHECK(reported(0, "b", "late ") == 0 && reported(2, "a", "damaged ") == 0);
	CHECK(world.overdue == 0);
	CHECK(said(0, "boot ") && said(1, "boot ") && strcmp(world.text[0], world.text[1]) != 0);
	CHECK(world.events[0] == 0);
}

static void test_partition(void)
{
	world.from = 100 * MS;
	world.to = 300 * MS;
	RUN(4, 500 * MS, "--partition a,b/c,d@100ms-300ms");
	for (unsigned from = 0; from < 4; from++)
		for (unsigned to = 0; to < 4; to++) {
			bool apart = from / 2 != to / 2;

			CHECK(from == to || (world.within[from][to] == 0) == apart);
			CHECK(from == to || world.passed[from][to] - world.within[from][to] > 250);
		}
	CHECK(world.events[0] == 0); /* nobody is told */
	/* Also what is under way when the cable is cut: it is, now and then. */
	for (world.from = 100 * MS; world.from < 130 * MS; world.from += MS + 20000) {
		char option[64];

		world.to = world.from + 10 * MS;
		snprintf(option, sizeof option, "--partition a,b/c,d@%" PRIu64 "ns-%" PRIu64 "ns", world.from,
			 world.to);
		RUN(4, 150 * MS, option);
		CHECK(world.within[0][2] + world.within[0][3] + world.within[1][2] + world.within[1][3] == 0);
		CHECK(world.within[2][0] + world.within[3][0] + world.within[2][1] + world.within[3][1] == 0);
	}
	world.from = 100 * MS;
	world.to = 300 * MS;
	RUN(3, 500 * MS, "--partition a>*@100ms-300ms");
	CHECK(world.within[0][1] == 0 && world.within[0][2] == 0);
	CHECK(world.within[1][0] > 150 && world.within[2][0] > 150 && world.within[1][2] > 150);
	CHECK(world.passed[0][1] > 250);
}

static void test_cut(void)
{
	world.from = 100 * MS;
	world.to = 300 * MS;
	RUN(3, 500 * MS, "--cut a/b@100ms-300ms");
	CHECK(world.within[0][1] == 0 && world.within[1][0] == 0 && world.within[0][2] > 150);
	CHECK(happened("100 a: the link to b is closed\n") && happened("100 b: the link to a is closed\n"));
	CHECK(happened("300 a: the link to b is open\n"));
	CHECK(reported(0, "b", "sent ") > 250 &&
	      reported(0, "b", "sent ") < 360); /* not into a closed port */
	CHECK(reported(0, "c", "sent ") > 450);
}

/* How often it happens is what was asked for, within four standard deviations or so of some 8,000 pieces. */
static void test_rates(void)
{
	struct result result = RUN(5, 400 * MS, "--loss 0.1");
	uint64_t sent = result.stats.sent;

	CHECK(sent > 7000 && result.stats.lost > sent * 86 / 1000 && result.stats.lost < sent * 114 / 1000);
	CHECK(result.stats.delivered + result.stats.lost <= sent && result.stats.duplicated == 0);
	result = RUN(5, 400 * MS, "--duplicate 0.25@100ms-200ms");
	CHECK(result.stats.duplicated > sent / 16 * 85 / 100 &&
	      result.stats.duplicated < sent / 16 * 115 / 100);
	CHECK(reported(0, "b", "twice ") > 0 && reported(0, "b", "damaged ") == 0);
	result = RUN(5, 400 * MS, "--reorder 0.5");
	CHECK(result.stats.reordered > sent * 47 / 100 && reported(0, "b", "late ") > 50);
	CHECK(reported(0, "b", "twice ") == 0 && result.stats.lost == 0);
	result = RUN(5, 400 * MS, "--corrupt 1@100ms-110ms");
	CHECK(result.stats.corrupted > sent / 50 && result.stats.corrupted < sent / 30);
	CHECK(reported(0, "b", "damaged ") > 0);
}

static void test_crash(void)
{
	const char *first, *second;
	struct result result;

	world.from = 100 * MS;
	world.to = 300 * MS;
	result = RUN(3, 500 * MS, "--crash b@100ms-300ms");
	CHECK(result.stats.crashes == 1 && happened("100 b crashes\n") && happened("300 b boots\n"));
	CHECK(world.within[0][1] == 0 && world.within[2][1] == 0 && world.within[0][2] > 150);
	CHECK(world.within[1][0] <= 1); /* one that was under way */
	CHECK(reported(1, "a", "sent ") > 150 && reported(1, "a", "sent ") < 250);
	/* It begins as another one. */
	first = strstr(world.text[1], "boot ");
	second = first ? strstr(first + 1, "boot ") : NULL;
	CHECK(second && strncmp(first, second, 21) != 0);
	/* Both others see a new connection, whether or not they saw the old one end. */
	CHECK(happened("a: the link to b is closed\n") && happened("300 a: the link to b is open\n"));
	CHECK(happened("c: the link to b is closed\n") && happened("300 c: the link to b is open\n"));
	result = RUN(2, 300 * MS, "--crash b@100ms");
	CHECK(result.state == SIM_END && !happened("boots"));
}

static void test_stop_and_slow(void)
{
	world.from = 100 * MS;
	world.to = 300 * MS;
	RUN(3, 500 * MS, "--stop b@100ms-300ms");
	CHECK(world.within[1][0] <= 1 && world.within[0][2] > 150);
	CHECK(said(1, "the clock jumped by 19") || said(1, "the clock jumped by 200 ms"));
	CHECK(reported(1, "a", "came ") > 450 && reported(1, "a", "late ") == 0);
	/* It comes to one in so many ticks only. */
	RUN(3, 500 * MS, "--slow b*600@100ms-300ms");
	CHECK(world.within[1][0] > 5 && world.within[1][0] < 150 && world.within[0][2] > 150);
	CHECK(reported(0, "b", "came ") > 200 && reported(0, "b", "damaged ") == 0);
}

static void test_clock_jump(void)
{
	RUN(2, 500 * MS, "--clock-jump a@100ms+5s", "--clock-jump b@100ms-250ms");
	CHECK(said(0, "the clock jumped by 499") || said(0, "the clock jumped by 5000 ms"));
	CHECK(said(1, "the clock jumped back by 25"));
	CHECK(reported(0, "b", "sent ") > 450);
}

static bool same(const struct sim_fault *a, const struct sim_fault *b)
{
	return a->kind == b->kind && a->from == b->from && a->to == b->to && a->a == b->a && a->b == b->b &&
	       a->value == b->value && a->shift == b->shift;
}

/* Any fault can be written as an option that means the same. */
static void test_fault_texts(void)
{
	static const char *const wrong[] = {"",        "a/",        "a",      "a/a", "a/b@",
					    "a/b@1s-", "a/b@2s-1s", "a/b@1x", "a/z", "a/b@1s-2sx",
					    "/b",      "a,/b@1",    "a>b>c"};
	struct sim_fault faults[500], fault;
	char text[200], error[200];

	for (uint64_t seed = 0; seed < 8; seed++) {
		unsigned nodes = 2 + (unsigned)seed;

		sim_faults_random(seed, nodes, 10000 * MS, faults, 500);
		for (unsigned i = 0; i < 500; i++) {
			const char *option = sim_fault_option(faults[i].kind);

			sim_fault_text(&faults[i], text, sizeof text);
			CHECK(strncmp(text, option, strlen(option)) == 0 && faults[i].from < 8000 * MS &&
			      faults[i].to <= 8000 * MS);
			CHECK(sim_fault_parse(faults[i].kind == SIM_ONE_WAY ? SIM_PARTITION : faults[i].kind,
					      text + strlen(option) + 1, nodes, &fault, error, sizeof error));
			CHECK(same(&fault, &faults[i]));
		}
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		CHECK(!sim_fault_parse(SIM_PARTITION, wrong[i], 3, &fault, error, sizeof error));
	CHECK(!sim_fault_parse(SIM_LOSS, "1.1", 3, &fault, error, sizeof error));
	CHECK(!sim_fault_parse(SIM_STOP, "a@1s", 3, &fault, error, sizeof error));
	CHECK(!sim_fault_parse(SIM_CRASH, "a", 3, &fault, error, sizeof error));
	CHECK(!sim_fault_parse(SIM_SLOW, "a*0.5", 3, &fault, error, sizeof error));
	CHECK(!sim_fault_parse(SIM_CLOCK, "a@1s", 3, &fault, error, sizeof error));
	CHECK(sim_fault_parse(SIM_SLOW, "*", 3, &fault, error, sizeof error) == false);
	CHECK(sim_fault_parse(SIM_PARTITION, "b/*", 3, &fault, error, sizeof error) && fault.b == 5);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{"sim-determinism", test_determinism},
		{"sim-clean", test_clean},
		{"sim-partition", test_partition},
		{"sim-cut", test_cut},
		{"sim-rates", test_rates},
		{"sim-crash", test_crash},
		{"sim-stop-and-slow", test_stop_and_slow},
		{"sim-clock-jump", test_clock_jump},
		{"sim-fault-texts", test_fault_texts},
	};
	char error[256];
	unsigned failures;

	if (argc != 2 || !image_open(&image, argv[1], error, sizeof error)) {
		printf("not ok sim: %s\n", argc == 2 ? error : "which image?");
		return 1;
	}
	failures = tests_run(tests, sizeof tests / sizeof *tests);
	image_close(&image);
	return failures != 0;
}
