/* `skerry cluster sim`: a cluster in one process, in virtual time, with the faults one asks for. */
#include "cmd/cluster_sim.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/sim/sim.h"
#include "cmd/image.h"
#include "cmd/options.h"
#include "cmd/report.h"
#include "cmd/sim_trace.h"
#include "host/host.h"
#include "kernel/core/kernel.h"

#define DEFAULT_END_NS   60000000000ull
#define DEFAULT_DELAY_NS 50000u
#define DEFAULT_RAM_SIZE (64 * MIB)
#define REGION_SIZE      (64 * MIB)
#define SLICE_NS         10000000ull   /* between two looks at signals */
#define ANSWER_NS        1000000000ull /* for the answers to --status */
#define FAULTS_MAX       512
#define LINE_SIZE        4096

struct simulation {
	const char *path, *trace; /* of the image; of the trace, NULL: none */
	uint64_t trace_buffer;
	struct image image;
	struct sim_config config;
	struct sim_fault fault[FAULTS_MAX];
	unsigned random_faults;
	bool verbose, status, stats;
	struct sim *sim;
	struct {
		char bytes[LINE_SIZE];
		size_t size;
	} line[SIM_NODES]; /* what a console has printed of its line */
	struct report_context report[SIM_NODES];
};

void help_cluster_sim(void)
{
	printf("Usage: skerry cluster sim [OPTION]... IMAGE\n"
	       "Runs a cluster of nodes a, b, c... in virtual time, all in this process, joined by a network "
	       "that a seed\n"
	       "decides. The last line is a digest of the state at the end: the same for the same options.\n"
	       "\n"
	       "      --nodes N          1 to 9 [3]\n"
	       "      --seed N           [1]\n"
	       "      --for TIME         how long, in the cluster's time [60s]\n"
	       "      --delay MIN[-MAX]  what passes a link takes so long, at least 20us [50us-100us]\n"
	       "      --faults N         so many faults of all kinds, from the seed, in the first four "
	       "fifths\n"
	       "\n"
	       "Faults, repeatable; without @FROM-TO all the time; P is a probability; nodes as a,b or *:\n");
	for (enum sim_kind kind = 0; kind < SIM_KINDS; kind++)
		printf("      %-13s %s\n", sim_fault_option(kind), sim_fault_form(kind));
	printf("\n"
	       "  -m, --memory SIZE      RAM of each node, such as 64M [64M, or what the image was made "
	       "for]\n"
	       "      --abi PROFILE      as of skerry run\n"
	       "      --region SIZE          the memory that all nodes share, 4K to 1G [64M]\n"
	       "      --virtio legacy|modern\n"
	       "      --tier auto|interp|jit\n"
	       "      --status           at the end, ask each node's bridge for its status\n"
	       "      --stats            at the end, print what the network did to standard error\n"
	       "      --trace FILE       one timeline of all nodes: see skerry cluster trace --help\n"
	       "      --trace-buffer SIZE  of each node, as of skerry run\n"
	       "  -v, --verbose          tell of faults as they happen\n"
	       "  -h, --help             show this\n"
	       "\n"
	       "Exit status: that of the first node that switched itself off with one that is not 0; 0; 2 "
	       "wrong "
	       "command\n"
	       "line; 125 nothing can ever run again; 126 the image cannot boot; 128 + N ended by signal "
	       "N.\n");
}

/* --- options ------------------------------------------------------------------------------------------- */

static bool delay_parse(const char *text, struct sim_config *config)
{
	const char *dash = strchr(text, '-');
	char low[32];
	uint64_t high;

	snprintf(low, sizeof low, "%.*s", dash ? (int)(dash - text) : (int)strlen(text), text);
	if (!time_parse(low, &config->delay) || config->delay < SIM_DELAY_MIN)
		return mistake("--delay %s: not a time of at least 20us", text);
	high = config->delay;
	if (dash && (!time_parse(dash + 1, &high) || high < config->delay))
		return mistake("--delay %s: write it as 20us or 50us-2ms", text);
	config->jitter = high - config->delay;
	return true;
}

enum {
	OPT_NODES = 256,
	OPT_SEED,
	OPT_FOR,
	OPT_DELAY,
	OPT_FAULTS,
	OPT_ABI,
	OPT_VIRTIO,
	OPT_TIER,
	OPT_REGION,
	OPT_STATUS,
	OPT_STATS,
	OPT_TRACE,
	OPT_TRACE_BUFFER,
	OPT_KIND
};

static const struct option *long_options(void)
{
	static const struct option fixed[] = {
		{"nodes", required_argument, NULL, OPT_NODES},
		{"seed", required_argument, NULL, OPT_SEED},
		{"for", required_argument, NULL, OPT_FOR},
		{"delay", required_argument, NULL, OPT_DELAY},
		{"faults", required_argument, NULL, OPT_FAULTS},
		{"abi", required_argument, NULL, OPT_ABI},
		{"virtio", required_argument, NULL, OPT_VIRTIO},
		{"tier", required_argument, NULL, OPT_TIER},
		{"region", required_argument, NULL, OPT_REGION},
		{"trace", required_argument, NULL, OPT_TRACE},
		{"trace-buffer", required_argument, NULL, OPT_TRACE_BUFFER},
		{"memory", required_argument, NULL, 'm'},
		{"status", no_argument, NULL, OPT_STATUS},
		{"stats", no_argument, NULL, OPT_STATS},
		{"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
	};
	static struct option all[sizeof fixed / sizeof *fixed + SIM_KINDS + 1];
	unsigned count = sizeof fixed / sizeof *fixed;

	memcpy(all, fixed, sizeof fixed);
	for (enum sim_kind kind = 0; kind < SIM_KINDS; kind++)
		if (kind != SIM_ONE_WAY)
			all[count++] = (struct option){sim_fault_option(kind) + 2, required_argument, NULL,
						       OPT_KIND + (int)kind};
	return all;
}

/* The number of nodes, which what the other options name depends on, is found first. */
static bool fault_parse(struct simulation *simulation, enum sim_kind kind, const char *text)
{
	struct sim_config *config = &simulation->config;
	char error[256];

	if (config->faults == FAULTS_MAX)
		return mistake("%s %s: there are too many faults", sim_fault_option(kind), text);
	if (!sim_fault_parse(kind, text, config->nodes, &simulation->fault[config->faults], error,
			     sizeof error))
		return mistake("%s", error);
	config->faults++;
	return true;
}

static bool option_parse(struct simulation *simulation, int option, char *text)
{
	struct sim_config *config = &simulation->config;

	switch (option) {
	case OPT_NODES:
		return true;
	case OPT_SEED:
		return number_parse("--seed", text, 0, UINT64_MAX, &config->seed);
	case OPT_FOR:
		return time_parse(text, &config->end) ||
		       mistake("--for %s: not a time, such as 60s or 1.5s", text);
	case OPT_DELAY:
		return delay_parse(text, config);
	case OPT_FAULTS:
		return unsigned_parse("--faults", text, 0, FAULTS_MAX / 2, &simulation->random_faults);
	case OPT_ABI:
		return abi_parse(text, &config->node.profile);
	case OPT_VIRTIO:
		return choice_parse("--virtio", text, "legacy", "modern", &config->node.board.virtio_modern);
	case OPT_TIER:
		return tier_parse(text, &config->node.tier);
	case OPT_REGION:
		return region_size_parse(text, &config->region_size);
	case OPT_STATUS:
		simulation->status = true;
		return true;
	case OPT_STATS:
		simulation->stats = true;
		return true;
	case OPT_TRACE:
		simulation->trace = text;
		return true;
	case OPT_TRACE_BUFFER:
		return trace_buffer_parse(text, &simulation->trace_buffer);
	case 'm':
		return memory_parse(text, &config->node.ram_size);
	case 'v':
		simulation->verbose = true;
		return true;
	default:
		return option >= OPT_KIND &&
		       fault_parse(simulation, (enum sim_kind)(option - OPT_KIND), text);
	}
}

static bool nodes_parse(int argc, char **argv, struct sim_config *config)
{
	int option;

	config->nodes = 3;
	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "m:vh", long_options(), NULL)) != -1)
		if (option == OPT_NODES && !unsigned_parse("--nodes", optarg, 1, SIM_NODES, &config->nodes))
			return false;
	return true;
}

/* True to go on; else *status is the exit status. */
static bool parse(int argc, char **argv, struct simulation *simulation, int *status)
{
	int option;

	*status = STATUS_USAGE;
	if (!nodes_parse(argc, argv, &simulation->config))
		return false;
	optind = 0;
	while ((option = getopt_long(argc, argv, "m:vh", long_options(), NULL)) != -1) {
		if (option == 'h') {
			help_cluster_sim();
			*status = STATUS_OK;
			return false;
		}
		if (option == '?')
			return mistake("option %s: unknown, or its value is missing", argv[optind - 1]);
		if (!option_parse(simulation, option, optarg))
			return false;
	}
	if (optind + 1 != argc)
		return optind == argc ? mistake("which IMAGE?")
				      : mistake("%s: there is one IMAGE", argv[optind + 1]);
	simulation->path = argv[optind];
	return true;
}

/* --- what the cluster tells ---------------------------------------------------------------------------- */

static void line_end(struct simulation *simulation, unsigned node)
{
	printf("%s| %.*s\n", sim_node_name(node), (int)simulation->line[node].size,
	       simulation->line[node].bytes);
	simulation->line[node].size = 0;
}

static void output(void *context, unsigned node, const void *bytes, size_t size)
{
	struct simulation *simulation = context;
	const char *at = bytes;

	for (; size > 0; at++, size--) {
		if (*at == '\n' || simulation->line[node].size == LINE_SIZE)
			line_end(simulation, node);
		if (*at != '\n')
			simulation->line[node].bytes[simulation->line[node].size++] = *at;
	}
}

/* Whatever comes by the control port is an answer: nobody asks but for --status. */
static void control(void *context, unsigned node, const void *bytes, size_t size)
{
	struct simulation *simulation = context;

	if (simulation->status)
		output(context, node, bytes, size);
}

static void event(void *context, uint64_t time, const char *line)
{
	char text[32];

	(void)context;
	fflush(stdout);
	complain("%s: %s", time_text(time, text), line);
}

static void report(void *context, unsigned node, const struct node_thread *thread, const char *line)
{
	struct simulation *simulation = context;

	simulation->report[node].image = &simulation->image;
	simulation->report[node].node = sim_node(simulation->sim, node);
	simulation->report[node].name = sim_node_name(node);
	fflush(stdout);
	report_fault(&simulation->report[node], thread, line);
}

/* --- the run ------------------------------------------------------------------------------------------- */

static bool no_boot(const struct simulation *simulation, const char *why)
{
	complain("cannot boot %s: %s", simulation->path, why);
	return false;
}

static bool prepare(struct simulation *simulation)
{
	struct sim_config *config = &simulation->config;
	struct image *image = &simulation->image;
	uint64_t wanted;
	char error[512];

	if (!image_open(image, simulation->path, error, sizeof error))
		return no_boot(simulation, error);
	wanted = image_ram_size(image);
	if (!config->node.ram_size)
		config->node.ram_size = wanted >= RAM_MIN && wanted <= RAM_MAX && wanted % RAM_STEP == 0
						? wanted
						: DEFAULT_RAM_SIZE;
	if (!image_fits(image, config->node.ram_size, error, sizeof error))
		return no_boot(simulation, error);
	config->node.entry = image->entry;
	config->node.segment = image->segment;
	config->node.segments = image->segments;
	sim_faults_random(config->seed, config->nodes, config->end, simulation->fault + config->faults,
			  simulation->random_faults);
	config->faults += simulation->random_faults;
	config->fault = simulation->fault;
	config->context = simulation;
	config->output = output;
	config->control = control;
	config->report = report;
	config->event = simulation->verbose ? event : NULL;
	for (unsigned i = 0; i < config->faults && simulation->verbose; i++) {
		sim_fault_text(&config->fault[i], error, sizeof error);
		complain("fault: %s", error);
	}
	if (simulation->trace && !sim_trace_begin(config, simulation->trace, simulation->trace_buffer))
		return false;
	simulation->sim = sim_create(config, error, sizeof error);
	return simulation->sim || no_boot(simulation, error);
}

static enum sim_state turn(struct simulation *simulation)
{
	enum sim_state state;

	do
		state = sim_run(simulation->sim, SLICE_NS);
	while (state == SIM_RAN && !host_signal() && fflush(stdout) == 0);
	return state;
}

static void ask(struct simulation *simulation)
{
	for (unsigned node = 0; node < simulation->config.nodes; node++)
		sim_tell(simulation->sim, node, "status\n");
	sim_set_end(simulation->sim, sim_time(simulation->sim) + ANSWER_NS);
	turn(simulation);
}

static void print_stats(const struct simulation *simulation)
{
	struct sim_stats stats;
	char time[32];

	sim_get_stats(simulation->sim, &stats);
	fprintf(stderr,
		"time %s, %" PRIu64 " rounds, %" PRIu64 " instructions, %" PRIu64 " crashes\n"
		"sent %" PRIu64 ", delivered %" PRIu64 " (%" PRIu64 " bytes), lost %" PRIu64
		", blocked %" PRIu64 ", duplicated %" PRIu64 ", reordered %" PRIu64 ", corrupted %" PRIu64
		", no room %" PRIu64 "\n",
		time_text(sim_time(simulation->sim), time), stats.rounds, stats.instructions, stats.crashes,
		stats.sent, stats.delivered, stats.bytes, stats.lost, stats.blocked, stats.duplicated,
		stats.reordered, stats.corrupted, stats.overflow);
}

static int status_of(struct simulation *simulation, enum sim_state state)
{
	int status;

	if (host_signal())
		return STATUS_SIGNAL + host_signal();
	if (state == SIM_FAILED) {
		complain("the host has not enough memory");
		return STATUS_NO_BOOT;
	}
	for (unsigned node = 0; node < simulation->config.nodes; node++)
		if (sim_halted(simulation->sim, node, &status) && status) {
			complain("%s switched itself off with status %d", sim_node_name(node), status);
			return status & 0xff ? status & 0xff : STATUS_FAIL;
		}
	if (state != SIM_STUCK)
		return STATUS_OK;
	complain("nothing can ever run again");
	return STATUS_STUCK;
}

static int run(struct simulation *simulation)
{
	enum sim_state state;
	int status;

	host_signals_catch(NULL);
	state = turn(simulation);
	status = status_of(simulation, state);
	if (simulation->status && state == SIM_END)
		ask(simulation);
	for (unsigned node = 0; node < simulation->config.nodes; node++)
		if (simulation->line[node].size)
			line_end(simulation, node);
	if (simulation->stats) {
		fflush(stdout);
		print_stats(simulation);
	}
	printf("state hash %016" PRIx64 "\n", sim_state_hash(simulation->sim));
	return status;
}

int command_cluster_sim(int argc, char **argv)
{
	static struct simulation simulation;
	int status;

	simulation.config = (struct sim_config){
		.end = DEFAULT_END_NS,
		.seed = 1,
		.delay = DEFAULT_DELAY_NS,
		.jitter = DEFAULT_DELAY_NS,
		.region_size = REGION_SIZE,
	};
	options_of("cluster sim");
	if (!parse(argc, argv, &simulation, &status))
		return status;
	status = STATUS_NO_BOOT;
	if (prepare(&simulation)) {
		status = run(&simulation);
		sim_destroy(simulation.sim);
	}
	if (!sim_trace_end() && status == STATUS_OK)
		status = STATUS_STUCK;
	image_close(&simulation.image);
	return status;
}
