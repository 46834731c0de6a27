/* Faults as options and back, and random ones. */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/sim/internal.h"

static const struct {
	const char *option, *form;
	bool nodes, pair, may_be_always;
} kinds[SIM_KINDS] = {
	[SIM_PARTITION] = {"--partition", "A/B[@FROM-TO]", true, true, true},
	[SIM_ONE_WAY] = {"--partition", "A>B[@FROM-TO]", true, true, true},
	[SIM_CUT] = {"--cut", "A/B[@FROM-TO]", true, true, true},
	[SIM_CRASH] = {"--crash", "NODE@TIME[-RESTART]", true, false, false},
	[SIM_STOP] = {"--stop", "NODE@FROM-TO", true, false, false},
	[SIM_SLOW] = {"--slow", "NODE*FACTOR[@FROM-TO]", true, false, true},
	[SIM_CLOCK] = {"--clock-jump", "NODE@TIME+BY or NODE@TIME-BY", true, false, false},
	[SIM_LOSS] = {"--loss", "P[@FROM-TO]", false, false, true},
	[SIM_DUPLICATE] = {"--duplicate", "P[@FROM-TO]", false, false, true},
	[SIM_REORDER] = {"--reorder", "P[@FROM-TO]", false, false, true},
	[SIM_CORRUPT] = {"--corrupt", "P[@FROM-TO]", false, false, true},
};

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};
#define UNITS (sizeof units / sizeof units[0])

const char *sim_fault_option(enum sim_kind kind)
{
	return kinds[kind].option;
}

const char *sim_fault_form(enum sim_kind kind)
{
	return kinds[kind].form;
}

/* --- parsing ----------------------------------------------------------------------------------------- */

/* Digits, and up to nine more behind a point, as millionths of a thousandth: *value is 10^9 times the number.
 */
static bool decimal(const char **text, uint64_t *value)
{
	uint64_t scale = 100000000, whole = 0;

	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); ++*text) {
		whole = whole * 10 + (uint64_t)(**text - '0');
		if (whole > 1000000000)
			return false;
	}
	*value = whole * 1000000000;
	if (**text != '.')
		return true;
	for (++*text; isdigit((unsigned char)**text); ++*text) {
		*value += (uint64_t)(**text - '0') * scale;
		scale /= 10;
	}
	return true;
}

static bool time_take(const char **text, uint64_t *ns)
{
	uint64_t value;

	if (!decimal(text, &value))
		return false;
	for (size_t i = 0; i < UNITS; i++) {
		size_t length = strlen(units[i].name);

		if (strncmp(*text, units[i].name, length) != 0 || isalpha((unsigned char)(*text)[length]))
			continue;
		*text += length;
		*ns = value / (1000000000 / units[i].ns);
		return true;
	}
	return false;
}

/* Names with commas between; `*`: all of them. */
static bool nodes_take(const char **text, unsigned nodes, uint16_t *set)
{
	*set = 0;
	if (**text == '*') {
		*set = (uint16_t)((1u << nodes) - 1);
		++*text;
		return true;
	}
	do {
		unsigned node = (unsigned)(**text - 'a');

		if (node >= nodes)
			return false;
		*set |= (uint16_t)(1u << node);
		++*text;
	} while (**text == ',' && *++*text);
	return true;
}

/* @FROM-TO; for some kinds TO may be missing, for others all of it. */
static bool span_take(const char **text, struct sim_fault *fault)
{
	if (!**text && kinds[fault->kind].may_be_always)
		return true;
	if (**text != '@')
		return false;
	++*text;
	if (!time_take(text, &fault->from))
		return false;
	if (!**text)
		return fault->kind != SIM_STOP;
	if (**text != '-')
		return false;
	++*text;
	return time_take(text, &fault->to) && fault->to > fault->from;
}

static bool jump_take(const char **text, struct sim_fault *fault)
{
	uint64_t by;
	bool back;

	if (*(*text)++ != '@' || !time_take(text, &fault->from) || (**text != '+' && **text != '-'))
		return false;
	back = *(*text)++ == '-';
	if (!time_take(text, &by) || by > INT64_MAX)
		return false;
	fault->shift = back ? -(int64_t)by : (int64_t)by;
	fault->to = fault->from + 1;
	return true;
}

static bool rest_take(const char **text, unsigned nodes, struct sim_fault *fault)
{
	uint64_t value;

	if (kinds[fault->kind].pair) {
		if (**text == '>' && fault->kind == SIM_PARTITION)
			fault->kind = SIM_ONE_WAY;
		else if (**text != '/')
			return false;
		++*text;
		if (!nodes_take(text, nodes, &fault->b))
			return false;
		/* The rest, against these. */
		if (fault->b == (1u << nodes) - 1)
			fault->b &= (uint16_t)~fault->a;
		if (fault->a & fault->b || fault->b == 0)
			return false;
	} else if (fault->kind == SIM_SLOW) {
		if (*(*text)++ != '*' || !decimal(text, &value) || value < 1000000000 ||
		    value % 1000000000 != 0)
			return false;
		fault->value = (uint32_t)(value / 1000000000);
	} else if (!kinds[fault->kind].nodes) {
		if (!decimal(text, &value) || value > 1000000000)
			return false;
		fault->value = (uint32_t)(value / 1000);
	}
	return fault->kind == SIM_CLOCK ? jump_take(text, fault) : span_take(text, fault);
}

bool sim_fault_parse(enum sim_kind kind, const char *text, unsigned nodes, struct sim_fault *fault,
		     char *error, size_t error_size)
{
	const char *rest = text;
	char what[32];

	*fault = (struct sim_fault){.kind = kind, .to = SIM_FOREVER};
	if ((!kinds[kind].nodes || nodes_take(&rest, nodes, &fault->a)) && rest_take(&rest, nodes, fault) &&
	    !*rest)
		return true;
	snprintf(what, sizeof what, kinds[kind].nodes ? "nodes from a to %s" : "P from 0 to 1",
		 sim_node_name(nodes - 1));
	snprintf(error, error_size, "%s %s: write it as %s%s, with %s,%s times such as 1.5s",
		 kinds[kind].option, text, kinds[kind].form, kind == SIM_PARTITION ? " or A>B[@FROM-TO]" : "",
		 what, kind == SIM_SLOW ? " a whole FACTOR," : "");
	return false;
}

/* --- printing ---------------------------------------------------------------------------------------- */

struct text {
	char *at;
	size_t left;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text->at, text->left, format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= text->left)
		length = text->left ? (int)text->left - 1 : 0;
	text->at += length;
	text->left -= (size_t)length;
}

/* In the largest unit in which it is a whole number. */
static void add_time(struct text *text, uint64_t ns)
{
	size_t unit = 0;

	while (ns % units[unit].ns != 0)
		unit++;
	add(text, "%" PRIu64 "%s", ns / units[unit].ns, units[unit].name);
}

static void add_nodes(struct text *text, uint16_t set)
{
	const char *comma = "";

	for (unsigned node = 0; node < SIM_NODES; node++)
		if (set >> node & 1) {
			add(text, "%s%s", comma, sim_node_name(node));
			comma = ",";
		}
}

void sim_fault_text(const struct sim_fault *fault, char *bytes, size_t size)
{
	struct text text = {bytes, size};

	add(&text, "%s ", kinds[fault->kind].option);
	if (kinds[fault->kind].nodes)
		add_nodes(&text, fault->a);
	if (kinds[fault->kind].pair) {
		add(&text, fault->kind == SIM_ONE_WAY ? ">" : "/");
		add_nodes(&text, fault->b);
	} else if (fault->kind == SIM_SLOW) {
		add(&text, "*%" PRIu32, fault->value);
	} else if (!kinds[fault->kind].nodes) {
		add(&text, "%" PRIu32 ".%06" PRIu32, fault->value / SIM_WHOLE, fault->value % SIM_WHOLE);
	}
	if (fault->from == 0 && fault->to == SIM_FOREVER)
		return;
	add(&text, "@");
	add_time(&text, fault->from);
	if (fault->kind == SIM_CLOCK) {
		add(&text, fault->shift < 0 ? "-" : "+");
		add_time(&text, (uint64_t)llabs(fault->shift));
	} else if (fault->to != SIM_FOREVER) {
		add(&text, "-");
		add_time(&text, fault->to);
	}
}

/* --- random ones ------------------------------------------------------------------------------------- */

/* Whole microseconds, so that they read well. */
static uint64_t between(uint64_t *random, uint64_t low, uint64_t high)
{
	return (low + sim_random(random) % (high - low + 1)) / 1000 * 1000;
}

/* From 5 ms to 1.3 s, each order of magnitude as often as another. */
static uint64_t duration(uint64_t *random)
{
	uint64_t least = between(random, 5000000, 10000000);

	return least << sim_random(random) % 8;
}

static uint16_t random_set(uint64_t *random, unsigned nodes)
{
	return (uint16_t)(1 + sim_random(random) % ((1u << nodes) - 2));
}

static void random_fault(uint64_t *random, unsigned nodes, uint64_t quiet, struct sim_fault *fault)
{
	/* What hurts most comes most often. */
	static const enum sim_kind choice[] = {SIM_PARTITION, SIM_PARTITION, SIM_ONE_WAY, SIM_ONE_WAY,
					       SIM_CRASH,     SIM_CRASH,     SIM_CUT,     SIM_CUT,
					       SIM_STOP,      SIM_SLOW,      SIM_CLOCK,   SIM_LOSS,
					       SIM_LOSS,      SIM_DUPLICATE, SIM_REORDER, SIM_CORRUPT};
	uint16_t all = (uint16_t)((1u << nodes) - 1);
	int64_t shift;

	do
		*fault = (struct sim_fault){
			.kind = choice[sim_random(random) % (sizeof choice / sizeof *choice)]};
	while (nodes < 2 && kinds[fault->kind].pair);
	fault->from = between(random, 0, quiet);
	fault->to = fault->from + duration(random);
	fault->to = fault->to > quiet ? quiet : fault->to;
	if (kinds[fault->kind].pair) {
		fault->a = random_set(random, nodes);
		fault->b = all & (uint16_t)~fault->a;
		/* Half of them between two nodes only. */
		if (sim_random(random) % 2) {
			fault->a &= (uint16_t)-fault->a;
			fault->b &= (uint16_t)-fault->b;
		}
	} else if (kinds[fault->kind].nodes) {
		fault->a = (uint16_t)(1u << sim_random(random) % nodes);
		fault->value = fault->kind == SIM_SLOW ? 2u << sim_random(random) % 8 : 0;
	} else {
		fault->value = (uint32_t)(1000 + sim_random(random) % (SIM_WHOLE / 2));
	}
	if (fault->kind == SIM_CLOCK) {
		shift = (int64_t)duration(random) * 2;
		fault->shift = sim_random(random) % 2 ? shift : -shift;
		fault->to = fault->from + 1;
	}
}

void sim_faults_random(uint64_t seed, unsigned nodes, uint64_t end, struct sim_fault *fault, unsigned faults)
{
	uint64_t random = sim_stream(seed, 1);

	for (unsigned i = 0; i < faults; i++)
		random_fault(&random, nodes, end / 5 * 4, &fault[i]);
}
