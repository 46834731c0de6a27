/* Parsing of `skerry run`'s options; every mistake is one line that says what would be right. */
#include "cmd/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/node_options.h"
#include "host/host.h"
#include "kernel/core/profile.h"
#include "port/vm/trace.h"

enum {
	OPT_TIME = 256,
	OPT_TIMEOUT,
	OPT_EXPECT,
	OPT_FAIL,
	OPT_ROOT_CNODE_BITS,
	OPT_DOMAINS,
	OPT_ABI,
	OPT_DISK,
	OPT_REGION,
	OPT_DTB,
	OPT_VIRTIO,
	OPT_STATS,
	OPT_TIER,
	OPT_PERF_MAP,
	OPT_CODE_CACHE,
	OPT_ON,
	OPT_SNAPSHOT,
	OPT_RESTORE,
	OPT_RECORD,
	OPT_TO,
	OPT_TRACE,
	OPT_TRACE_BUFFER,
	OPT_CONTROL,
	OPT_GDB,
};

static const struct option long_options[] = {
	{"memory", required_argument, NULL, 'm'},
	{"time", required_argument, NULL, OPT_TIME},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"expect", required_argument, NULL, OPT_EXPECT},
	{"fail", required_argument, NULL, OPT_FAIL},
	{"root-cnode-bits", required_argument, NULL, OPT_ROOT_CNODE_BITS},
	{"domains", required_argument, NULL, OPT_DOMAINS},
	{"abi", required_argument, NULL, OPT_ABI},
	{"disk", required_argument, NULL, OPT_DISK},
	{"region", required_argument, NULL, OPT_REGION},
	{"dtb", required_argument, NULL, OPT_DTB},
	{"virtio", required_argument, NULL, OPT_VIRTIO},
	{"stats", optional_argument, NULL, OPT_STATS},
	{"tier", required_argument, NULL, OPT_TIER},
	{"perf-map", no_argument, NULL, OPT_PERF_MAP},
	{"code-cache", required_argument, NULL, OPT_CODE_CACHE},
	{"on", required_argument, NULL, OPT_ON},
	{"snapshot", required_argument, NULL, OPT_SNAPSHOT},
	{"restore", required_argument, NULL, OPT_RESTORE},
	{"record", required_argument, NULL, OPT_RECORD},
	{"to", required_argument, NULL, OPT_TO},
	{"trace", required_argument, NULL, OPT_TRACE},
	{"trace-buffer", required_argument, NULL, OPT_TRACE_BUFFER},
	{"control", required_argument, NULL, OPT_CONTROL},
	{"gdb", required_argument, NULL, OPT_GDB},
	{"name", required_argument, NULL, NODE_OPTION_NAME},
	{"key", required_argument, NULL, NODE_OPTION_KEY},
	{"listen", required_argument, NULL, NODE_OPTION_LISTEN},
	{"join", required_argument, NULL, NODE_OPTION_JOIN},
	{"peer", required_argument, NULL, NODE_OPTION_PEER},
	{"spin", required_argument, NULL, NODE_OPTION_SPIN},
	{"ports", required_argument, NULL, NODE_OPTION_PORTS},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* The command whose help a mistake points to. */
static const char *command = "run";

bool mistake(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	complain("%s (see: skerry %s --help)", line, command);
	return false;
}

void options_of(const char *name)
{
	command = name;
}

/* A decimal number and the rest of the text behind it. */
static bool number_begin(const char *text, uint64_t *value, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	*rest = end;
	return errno == 0;
}

/* What a size may be, with how to say so. */
struct size_range {
	uint64_t low, high, step;
	const char *bounds, *steps, *example;
};

static const struct size_range memory_range = {RAM_MIN, RAM_MAX,     RAM_STEP, "a machine has 16M to 64G",
					       "2M",    "512M or 1G"};
static const struct size_range trace_range = {
	TRACE_BUFFER_MIN, TRACE_BUFFER_MAX, TRACE_EVENT_SIZE, "a trace buffer has 64K to 4G", "64",
	"16M or 1G"};

static const struct size_range region_range = {REGION_STEP, REGION_MAX, REGION_STEP, "a region has 4K to 1G",
					       "4K",        "64M or 1G"};

static bool size_parse(const char *option, const char *text, const struct size_range *range, uint64_t *size)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} units[] = {
		{"", MIB},    {"K", 1024},         {"M", MIB},  {"G", 1024 * MIB},  {"KiB", 1024},
		{"MiB", MIB}, {"GiB", 1024 * MIB}, {"MB", MIB}, {"GB", 1024 * MIB}, {"T", 1024 * 1024 * MIB}};
	const char *rest;
	uint64_t value;

	if (!number_begin(text, &value, &rest))
		return mistake("%s %s: not a size; write it as %s", option, text, range->example);
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (strcasecmp(rest, units[i].name) != 0)
			continue;
		if (value > range->high / units[i].bytes || value * units[i].bytes < range->low)
			return mistake("%s %s: %s", option, text, range->bounds);
		*size = value * units[i].bytes;
		if (*size % range->step != 0)
			return mistake("%s %s: not a multiple of %s", option, text, range->steps);
		return true;
	}
	return mistake("%s %s: unknown unit '%s'; write it as %s", option, text, rest, range->example);
}

bool memory_parse(const char *text, uint64_t *size)
{
	return size_parse("-m", text, &memory_range, size);
}

bool trace_buffer_parse(const char *text, uint64_t *size)
{
	return size_parse("--trace-buffer", text, &trace_range, size);
}

bool region_size_parse(const char *text, uint64_t *size)
{
	return size_parse("--region", text, &region_range, size);
}

#define TIMEOUT_MAX_NS 1000000000000000000 /* 277777 hours and some */

static bool timeout_parse(const char *text, uint64_t *ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"", 1000000000},
		     {"s", 1000000000},
		     {"ms", 1000000},
		     {"m", 60000000000},
		     {"h", 3600000000000}};
	const char *rest;
	uint64_t value;

	if (number_begin(text, &value, &rest))
		for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
			if (strcmp(rest, units[i].name) == 0) {
				if (value == 0 || value > TIMEOUT_MAX_NS / units[i].ns)
					return mistake("--timeout %s: out of range; it is 1ms to 277777h",
						       text);
				*ns = value * units[i].ns;
				return true;
			}
	return mistake("--timeout %s: not a time; write it as 10s, 500ms, 2m or 1h", text);
}

static const struct {
	const char *name;
	uint64_t ns;
} time_units[] = {{"", 1000000000}, {"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};

bool time_parse(const char *text, uint64_t *ns)
{
	uint64_t value, fraction = 0, scale = 1;
	const char *rest;

	if (!number_begin(text, &value, &rest))
		return false;
	if (*rest == '.' && isdigit((unsigned char)rest[1])) {
		for (rest++; isdigit((unsigned char)*rest); rest++) {
			if (scale < 1000000000) {
				fraction = fraction * 10 + (uint64_t)(*rest - '0');
				scale *= 10;
			}
		}
	}
	for (size_t i = 0; i < sizeof time_units / sizeof time_units[0]; i++) {
		if (strcmp(rest, time_units[i].name) != 0)
			continue;
		if (value > TIMEOUT_MAX_NS / time_units[i].ns)
			return false;
		/* At most nine digits of at most a second: no overflow. */
		*ns = value * time_units[i].ns + fraction * time_units[i].ns / scale;
		return true;
	}
	return false;
}

const char *time_text(uint64_t ns, char text[32])
{
	snprintf(text, 32, "%" PRIu64 ".%09" PRIu64 " s", ns / 1000000000, ns % 1000000000);
	return text;
}

/* FILE or FILE@TIME. What follows the last @ is part of the name, if it does not even begin like a time. */
static bool snapshot_parse_option(const char *text, struct run_options *options)
{
	const char *at = strrchr(text, '@');
	static char path[4096];

	options->snapshot = text;
	options->snapshot_ns = TIME_END;
	if (at && time_parse(at + 1, &options->snapshot_ns)) {
		snprintf(path, sizeof path, "%.*s", (int)(at - text), text);
		options->snapshot = path;
	} else if (at && (isdigit((unsigned char)at[1]) || at[1] == '-') && !strchr(at, '/')) {
		return mistake("--snapshot %s: '%s' is not a time; write it as 1.5s, 200ms or 81234567ns",
			       text, at + 1);
	}
	return *options->snapshot || mistake("--snapshot %s: no file is named", text);
}

/* A time, or a position, such as 81234567i. */
static bool to_parse(const char *text, struct run_options *options)
{
	const char *rest;

	options->to_ns = options->to_position = TIME_END;
	if (number_begin(text, &options->to_position, &rest) && strcmp(rest, "i") == 0)
		return true;
	options->to_position = TIME_END;
	return time_parse(text, &options->to_ns) ||
	       mistake("--to %s: not a time; write it as 1.5s, 200ms or 81234567ns", text);
}

bool number_parse(const char *option, const char *text, uint64_t low, uint64_t high, uint64_t *value)
{
	const char *rest;

	if (!number_begin(text, value, &rest) || *rest || *value < low || *value > high)
		return mistake("%s %s: not a number from %" PRIu64 " to %" PRIu64, option, text, low, high);
	return true;
}

bool unsigned_parse(const char *option, const char *text, uint64_t low, uint64_t high, unsigned *value)
{
	uint64_t number = 0;

	if (!number_parse(option, text, low, high, &number))
		return false;
	*value = (unsigned)number;
	return true;
}

bool choice_parse(const char *option, const char *text, const char *no, const char *yes, bool *value)
{
	*value = strcmp(text, yes) == 0;
	if (*value || strcmp(text, no) == 0)
		return true;
	return mistake("%s %s: choose %s or %s", option, text, no, yes);
}

static bool text_add(const char *option, const char *text, const char ***list, unsigned *count)
{
	const char **longer;

	if (!*text)
		return mistake("%s: the text is empty", option);
	longer = realloc(*list, (*count + 1) * sizeof *longer);
	if (!longer)
		return mistake("out of memory");
	longer[(*count)++] = text;
	*list = longer;
	return true;
}

bool abi_parse(const char *text, const char **abi)
{
	char names[256] = "";
	size_t used = 0;

	for (unsigned i = 0; profile_name(i); i++) {
		if (strcmp(profile_name(i), text) == 0) {
			*abi = text;
			return true;
		}
		used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
					 profile_name(i));
	}
	return mistake("--abi %s: no such profile; there are %s", text, names);
}

static bool stats_parse(const char *text, enum stats_format *format)
{
	*format = text ? STATS_JSON : STATS_TEXT;
	return !text || strcmp(text, "json") == 0 || mistake("--stats=%s: the only format is json", text);
}

/* [HOST:]PORT */
static bool gdb_parse(char *text, struct run_options *options)
{
	char *colon = strrchr(text, ':');
	const char *port = colon ? colon + 1 : text, *rest;
	uint64_t number;

	if (!number_begin(port, &number, &rest) || *rest || number > 65535 || colon == text)
		return mistake("--gdb %s: not a port, such as 1234 or 127.0.0.1:1234", text);
	options->gdb_host = colon ? text : "127.0.0.1";
	options->gdb_port = (uint16_t)number;
	if (colon)
		*colon = 0;
	return true;
}

/* FILE=SIZE, or FILE=SIZE,I/N */
static bool region_parse(char *text, struct run_options *options)
{
	char *size = strrchr(text, '='), *comma = size ? strchr(size, ',') : NULL;
	uint64_t share = 0, shares = 1;
	const char *rest;

	if (!size || size == text)
		return mistake("--region %s: name a file and its size, such as /dev/shm/region=64M", text);
	if (comma && (!number_begin(comma + 1, &share, &rest) || *rest != '/' ||
		      !number_begin(rest + 1, &shares, &rest) || *rest || share >= shares))
		return mistake("--region %s: '%s' is not a share; the second of three is 1/3", text,
			       comma + 1);
	*size++ = 0;
	if (comma)
		*comma = 0;
	options->region = text;
	options->region_share = (unsigned)share;
	options->region_shares = (unsigned)shares;
	return region_size_parse(size, &options->region_size) &&
	       (shares <= options->region_size / REGION_STEP ||
		mistake("--region %s=%s: there are more shares than pages of 4 KiB", text, size));
}

bool tier_parse(const char *text, enum vm_tier *tier)
{
	static const char *const names[] = {"auto", "interp", "jit"};
	unsigned i = 0;

	while (i < 3 && strcmp(text, names[i]) != 0)
		i++;
	*tier = (enum vm_tier)i;
	return i < 3 || mistake("--tier %s: choose auto, interp or jit", text);
}

static bool option_parse(int option, char *text, struct run_options *options)
{
	const char *wrong = is_node_option(option) ? node_option_parse(option, text, options) : NULL;

	if (wrong)
		return mistake("%s", wrong);
	if (is_node_option(option))
		return true;
	switch (option) {
	case 'm':
		return memory_parse(text, &options->ram_size);
	case 'v':
		options->verbose = true;
		return true;
	case OPT_TIME:
		return choice_parse("--time", text, "virtual", "real", &options->real_time);
	case OPT_TIMEOUT:
		return timeout_parse(text, &options->timeout_ns);
	case OPT_EXPECT:
		return text_add("--expect", text, &options->expect, &options->expects);
	case OPT_FAIL:
		return text_add("--fail", text, &options->fail, &options->fails);
	case OPT_ROOT_CNODE_BITS:
		return unsigned_parse("--root-cnode-bits", text, 5, 24, &options->root_cnode_bits);
	case OPT_DOMAINS:
		return unsigned_parse("--domains", text, 1, 16, &options->domains);
	case OPT_ABI:
		return abi_parse(text, &options->abi);
	case OPT_DISK:
		options->disk = text;
		return true;
	case OPT_REGION:
		return region_parse(text, options);
	case OPT_TRACE:
		options->trace = text;
		return true;
	case OPT_CONTROL:
		options->control = text;
		return true;
	case OPT_TRACE_BUFFER:
		return trace_buffer_parse(text, &options->trace_buffer);
	case OPT_DTB:
		options->dtb = text;
		return true;
	case OPT_GDB:
		return gdb_parse(text, options);
	case 'S':
		options->gdb_wait = true;
		return true;
	case OPT_ON:
		return choice_parse("--on", text, "vm", "qemu", &options->on_qemu);
	case OPT_VIRTIO:
		return choice_parse("--virtio", text, "legacy", "modern", &options->virtio_modern);
	case OPT_SNAPSHOT:
		return snapshot_parse_option(text, options);
	case OPT_RESTORE:
		options->restore = text;
		return true;
	case OPT_RECORD:
		options->record = text;
		return true;
	case OPT_TIER:
		options->tier_given = true;
		return tier_parse(text, &options->tier);
	case OPT_CODE_CACHE:
		options->code_cache = text;
		return true;
	case OPT_PERF_MAP:
		options->perf_map = true;
		return true;
	case OPT_TO:
		return to_parse(text, options);
	default:
		return stats_parse(text, &options->stats);
	}
}

/* What getopt_long() did not like about `word`: optopt is 0 for a long option it does not know. */
static bool option_refuse(int reason, const char *word)
{
	if (reason == ':')
		return mistake("option '%s' needs a value", word);
	if (optopt == 0)
		return mistake("unknown option '%s'", word);
	if (strncmp(word, "--", 2) == 0)
		return mistake("option '%s' takes no value", word);
	return mistake("unknown option '-%c'", optopt);
}

static const char *option_name(int option)
{
	const struct option *entry = long_options;

	while (entry->name && entry->val != option)
		entry++;
	return entry->name;
}

/* Does the option say what machine there is? That is in a snapshot already. */
static bool is_of_machine(int option)
{
	return option == 'm' || option == OPT_TIME || option == OPT_ABI || option == OPT_ROOT_CNODE_BITS ||
	       option == OPT_DOMAINS || option == OPT_DTB || option == OPT_VIRTIO || option == OPT_REGION;
}

/* Does the command take it? */
static bool is_for(int option, const struct run_options *options)
{
	if (options->link)
		return is_node_option(option) || option == OPT_TIMEOUT || option == OPT_CONTROL ||
		       option == 'v';
	if (options->node) /* what comes from other nodes is neither recorded nor part of a snapshot */
		return option != OPT_TO && option != OPT_TIME && option != OPT_SNAPSHOT &&
		       option != OPT_RESTORE && option != OPT_RECORD;
	if (!options->replaying)
		return option != OPT_TO && !is_node_option(option);
	return option == OPT_TO || option == OPT_SNAPSHOT || option == OPT_TIMEOUT || option == OPT_STATS ||
	       option == OPT_TRACE || option == OPT_TRACE_BUFFER || option == OPT_GDB || option == OPT_TIER ||
	       option == OPT_PERF_MAP || option == OPT_CODE_CACHE || option == 'S' || option == 'v';
}

/* What is written must not take the place of what is read, or of something else that is written. */
static bool files_agree(const struct run_options *options)
{
	const struct {
		const char *name, *path;
	} written[] = {{"--trace", options->trace},
		       {"--record", options->record},
		       {"--snapshot", options->snapshot}},
	  read[] = {{"the image", options->replay || options->restore ? NULL : options->image},
		    {"the recording", options->replay},
		    {"--restore", options->restore},
		    {"--disk", options->disk},
		    {"--region", options->region},
		    {"--dtb", options->dtb}};

	for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
		if (!written[i].path)
			continue;
		for (size_t k = 0; k < i; k++)
			if (written[k].path && host_file_is_same(written[i].path, written[k].path))
				return mistake("%s %s: that file is for %s", written[i].name, written[i].path,
					       written[k].name);
		for (size_t k = 0; k < sizeof read / sizeof read[0]; k++)
			/* A snapshot may be taken anew: it is in memory by then. */
			if (read[k].path && host_file_is_same(written[i].path, read[k].path) &&
			    !(written[i].path == options->snapshot && read[k].path == options->restore))
				return mistake("%s %s: that file is %s", written[i].name, written[i].path,
					       read[k].name);
	}
	return true;
}

/* What can only be said when all options are known; `of_machine`: the last of those that was given, or 0. */
static bool options_agree(const struct run_options *options, int of_machine)
{
	const char *wrong;

	if (options->restore && of_machine)
		return mistake("--%s: the machine is the snapshot's; leave it out", option_name(of_machine));
	if (options->trace_buffer && !options->trace)
		return mistake("--trace-buffer: without --trace FILE nothing is traced");
	if (options->gdb_wait && !options->gdb_host)
		return mistake("-S waits for a debugger: say where, with --gdb PORT");
	if (options->region && (options->snapshot || options->record))
		return mistake("--%s: what other nodes do to a region cannot be kept; leave out --region",
			       options->snapshot ? "snapshot" : "record");
	if (!files_agree(options))
		return false;
	wrong = options->node || options->link ? node_options_agree(options) : NULL;
	if (wrong)
		return mistake("%s", wrong);
	if (!options->on_qemu)
		return true;
	if (options->trace && !options->node)
		return mistake("--trace: only Skerry's own machine is traced; leave out --on qemu");
	if (options->region)
		return mistake("--region: only Skerry's own machine has one; leave out --on qemu");
	if (options->control && !options->node)
		return mistake(
			"--control: only Skerry's own machine can be looked into; leave out --on qemu");
	if (options->tier_given || options->perf_map || options->code_cache)
		return mistake("--%s: only Skerry's own machine has a compiler of ours; leave out --on qemu",
			       options->perf_map     ? "perf-map"
			       : options->code_cache ? "code-cache"
						     : "tier");
	if (options->stats != STATS_NONE)
		return mistake("--stats: only Skerry's own machine counts; leave out --on qemu");
	if (options->snapshot || options->restore)
		return mistake("--%s: only Skerry's own machine has snapshots; leave out --on qemu",
			       options->snapshot ? "snapshot" : "restore");
	if (options->gdb_host)
		return mistake("--gdb: only Skerry's own machine knows the threads; leave out --on qemu");
	if (options->record)
		return mistake("--record: only Skerry's own machine can be recorded; leave out --on qemu");
	return true;
}

static bool image_take(int argc, char **argv, struct run_options *options)
{
	bool replay = options->replaying;
	const char *what = replay ? "recording" : "image";

	if (options->link)
		return optind == argc || mistake("link takes no image, '%s' is one too many", argv[optind]);
	if (options->restore) {
		options->image = options->restore;
		return optind == argc ||
		       mistake("--restore: the snapshot is run; leave out '%s'", argv[optind]);
	}
	if (optind == argc)
		return mistake("no %s given", what);
	options->image = argv[optind++];
	if (replay)
		options->replay = options->image;
	if (optind < argc)
		return mistake("only one %s can be run, '%s' is a second", what, argv[optind]);
	return true;
}

static void (*help_of(const struct run_options *options))(void)
{
	return options->replaying ? help_replay
	       : options->node    ? help_node
	       : options->link    ? help_link
				  : help_run;
}

bool options_parse(int argc, char **argv, struct run_options *options, int *status)
{
	int option, of_machine = 0;

	memset(options, 0, sizeof *options);
	options->to_ns = options->to_position = TIME_END;
	options->replaying = strcmp(argv[0], "replay") == 0;
	options->node = options->real_time = strcmp(argv[0], "node") == 0;
	options->link = strcmp(argv[0], "link") == 0;
	options->links.spin_ns = SPIN_NS;
	command = argv[0];
	*status = STATUS_USAGE;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":m:vhS", long_options, NULL)) != -1) {
		if (option == 'h') {
			help_of(options)();
			*status = STATUS_OK;
			return false;
		}
		if (option == '?' || option == ':')
			return option_refuse(option, argv[optind - 1]);
		if (!is_for(option, options))
			return mistake("--%s is not an option of %s", option_name(option), command);
		if (!option_parse(option, optarg, options))
			return false;
		if (is_of_machine(option))
			of_machine = option;
	}
	return image_take(argc, argv, options) && options_agree(options, of_machine);
}

bool options_go_back(const struct run_options *options)
{
	return options->gdb_host && !options->region && (!options->real_time || options->replay);
}

bool options_debug(struct run_options *options, char *const *arguments, int *status)
{
	*status = STATUS_USAGE;
	if (options->on_qemu)
		return mistake("debug: only Skerry's own machine knows the threads; leave out --on qemu");
	if (options->gdb_host)
		return mistake("debug: chooses the debugger's port itself; leave out --gdb");
	options->gdb_host = "127.0.0.1";
	options->gdb_wait = true;
	options->debug = arguments;
	return true;
}

void options_free(struct run_options *options)
{
	free(options->expect);
	free(options->fail);
}
