/*
 * `skerry cluster up`: nodes of one cluster on this machine, each a process of its own (`skerry node`), whose
 * consoles are shown together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/link/link.h"
#include "cmd/cluster_trace.h"
#include "cmd/cluster_up.h"
#include "cmd/control.h"
#include "cmd/image.h"
#include "cmd/options.h"
#include "host/host.h"

#define NODES_MAX CLUSTER_UP_NODES
#define FOLDER    "skerry-cluster"
#define LOOK_NS   50000000ull /* between two looks at our control socket */
#define LINE      4096
#define ARGUMENTS 96
#define PATH      4096

static struct {
	const char *path; /* of the folder with the sockets */
	const char *image;
	const char *region; /* size */
	const char *metal;  /* the names of those under QEMU; NULL: none */
	const char *trace;  /* NULL: none */
	const char *kind;   /* of links: the beginning of a URL */
	struct host_folder *folder;
	struct host_control *control;
	unsigned nodes, running, options;
	char *option[ARGUMENTS / 2]; /* of skerry node, for all */
	int status;                  /* of the first that failed */
	bool hopeless;
	struct member {
		char name[2];
		struct host_program *program; /* NULL: it has ended */
		bool killed;                  /* because somebody asked for it */
		char line[LINE];
		size_t size;
	} member[NODES_MAX];
} cluster;

_Static_assert(NODES_MAX <= LINK_PEERS + 1, "each is joined to all others");

const char *cluster_up_folder(void)
{
	return host_folder_usual(FOLDER);
}

static int help_up(void)
{
	printf("Usage: skerry cluster up N IMAGE [--dir DIR] [--link shm|unix] [--region SIZE] [--metal "
	       "NAMES]\n"
	       "                         [OPTION]...\n"
	       "Starts N nodes on this machine, 1 to %u, that run IMAGE: a, b, c and so on, each joined to "
	       "all others.\n"
	       "What a node prints appears with its name in front. What is typed goes to a, or, from a line "
	       "on\n"
	       "that begins so, such as \"b| hello\", to the node named. It ends when all have ended, with "
	       "the\n"
	       "status of the first that failed, and Ctrl-C ends all.\n"
	       "\n"
	       "      --dir DIR          where their sockets are; nobody else may write to it [your own]\n"
	       "      --link shm         nodes are joined by shared memory [default]\n"
	       "      --link unix        by Unix sockets\n"
	       "      --region SIZE      the memory that all of them share, 4K to 1G [64M]\n"
	       "      --metal NAMES      these, such as a or b,c, run on the bare-metal kernel under QEMU, "
	       "which\n"
	       "                         has no region\n"
	       "      --trace FILE       one timeline of what happens in all nodes: see skerry cluster "
	       "trace\n"
	       "\n"
	       "Each OPTION is one of skerry node, for all nodes. In DIR each node NAME has a control "
	       "socket,\n"
	       "NAME.control, for skerry ps and skerry caps; they cannot look into bare metal. skerry "
	       "cluster kill\n"
	       "NAME kills one of them.\n",
	       NODES_MAX);
	return STATUS_OK;
}

bool cluster_asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

/* --- starting ------------------------------------------------------------------------------------------- */

struct command {
	const char *word[ARGUMENTS];
	unsigned words;
	char text[2 * NODES_MAX + 5][PATH];
	unsigned texts;
};

static void add(struct command *command, const char *option, const char *value)
{
	command->word[command->words++] = option;
	if (value)
		command->word[command->words++] = value;
}

static const char *text_of(struct command *command, const char *kind, char name, const char *suffix)
{
	char *text = command->text[command->texts++];

	snprintf(text, PATH, "%s%s/%c.%s", kind, cluster.path, name, suffix);
	return text;
}

#define REGION "region"

static const char *region_of(struct command *command, unsigned which)
{
	char *text = command->text[command->texts++];

	snprintf(text, PATH, "%s/" REGION "=%s,%u/%u", cluster.path, cluster.region, which, cluster.nodes);
	return text;
}

/* Does it run on the bare-metal kernel? */
static bool is_metal(const char *name)
{
	return cluster.metal && strchr(cluster.metal, *name);
}

/* Of a node, which listens, and joins those before it; valid until the next call. */
static struct command *command_of(unsigned which)
{
	static struct command command;
	static const char names[NODES_MAX][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
	struct member *member = &cluster.member[which];
	const char *kind = cluster.kind;

	command.words = command.texts = 0;
	memcpy(member->name, names[which], 2);
	add(&command, host_program_self(), "node");
	add(&command, cluster.image, NULL);
	add(&command, "--name", member->name);
	add(&command, "--control", text_of(&command, "", *member->name, "control"));
	if (is_metal(member->name)) {
		add(&command, "--on", "qemu");
		add(&command, "--ports", text_of(&command, "", *member->name, "ports"));
	} else {
		add(&command, "--region", region_of(&command, which));
	}
	if (cluster.trace)
		add(&command, "--trace", cluster_trace_part(*member->name));
	add(&command, "--listen", text_of(&command, kind, *member->name, "link"));
	for (unsigned i = 0; i < cluster.nodes; i++) {
		if (i != which)
			add(&command, "--peer", names[i]);
		if (i < which)
			add(&command, "--join", text_of(&command, kind, *names[i], "link"));
	}
	for (unsigned i = 0; i < cluster.options; i++)
		add(&command, cluster.option[i], NULL);
	command.word[command.words] = NULL;
	return &command;
}

static bool start(unsigned which)
{
	struct member *member = &cluster.member[which];

	member->program = host_program_start(command_of(which)->word);
	if (member->program)
		cluster.running++;
	else
		complain("cannot start node %s: %s", member->name, host_error());
	return member->program;
}

/* --- what they print ------------------------------------------------------------------------------------ */

static void line_end(struct member *member)
{
	if (member->size == 0)
		return;
	printf("%s| %.*s\n", member->name, (int)member->size, member->line);
	member->size = 0;
}

static void print(struct member *member, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\n' && member->size == 0)
			printf("%s|\n", member->name);
		else if (bytes[i] == '\n' || member->size == LINE)
			line_end(member);
		if (bytes[i] != '\n')
			member->line[member->size++] = bytes[i];
	}
}

static void complaints(struct member *member)
{
	const char *line;

	while ((line = host_program_complaint(member->program))) {
		fflush(stdout);
		fprintf(stderr, "%s| %s\n", member->name, line);
	}
}

static void ended(struct member *member)
{
	int status = host_program_status(member->program);

	complaints(member);
	line_end(member);
	host_program_close(member->program);
	member->program = NULL;
	cluster.running--;
	if (member->killed && status < 0) {
		complain("node %s has been killed, as skerry cluster kill asked", member->name);
		status = STATUS_OK;
	} else if (status < 0) {
		complain("node %s was ended by signal %d", member->name, -status);
		status = STATUS_SIGNAL - status;
	}
	if (status != STATUS_OK && cluster.status == STATUS_OK)
		cluster.status = status;
	/* The others would wait for it for ever. */
	cluster.hopeless |= status == STATUS_USAGE || status == STATUS_NO_BOOT;
}

static void turn(struct member *member)
{
	char bytes[16384];
	int got;

	if (!member->program)
		return;
	complaints(member);
	got = host_program_read(member->program, HOST_STREAM_CONSOLE, bytes, sizeof bytes, 0);
	if (got > 0)
		print(member, bytes, (size_t)got);
	else if (got == HOST_INPUT_END)
		ended(member);
}

/* --- while they run ------------------------------------------------------------------------------------- */

static struct {
	char bytes[1024];
	size_t size;
	unsigned to;  /* the node that it goes to */
	bool in_line; /* the next byte is not a line's first */
	bool ended;
} typed;

static void typed_drop(size_t count)
{
	typed.size -= count;
	memmove(typed.bytes, typed.bytes + count, typed.size);
}

/*
 * A line that begins as nodes' own lines are shown, "b| ", goes to that node, and so do those behind it.
 * False: whether it does is not known yet.
 */
static bool typed_address(void)
{
	unsigned node = (unsigned char)typed.bytes[0] - 'a';
	bool addressed = node < cluster.nodes;

	if (addressed && typed.size > 1)
		addressed = typed.bytes[1] == '|';
	if (addressed && typed.size < 3 && !typed.ended)
		return false;
	if (addressed && typed.size > 1) {
		typed.to = node;
		typed_drop(typed.size > 2 && typed.bytes[2] == ' ' ? 3 : 2);
	}
	typed.in_line = true;
	return true;
}

/* What a node does not take stays here, and the rest where it comes from; one that has ended gets nothing. */
static bool typed_line(void)
{
	struct host_program *node = cluster.member[typed.to].program;
	const char *end = memchr(typed.bytes, '\n', typed.size);
	size_t size = end ? (size_t)(end - typed.bytes) + 1 : typed.size;
	size_t sent = node ? host_program_write(node, HOST_STREAM_CONSOLE, typed.bytes, size) : size;

	typed.in_line = !end || sent < size;
	typed_drop(sent);
	return sent == size;
}

static bool wants_input(void)
{
	return !typed.ended && (typed.size == 0 || (!typed.in_line && typed.size < 3));
}

static void pass_input(bool came)
{
	if (came && wants_input()) {
		int got = host_console_read(typed.bytes + typed.size, sizeof typed.bytes - typed.size);

		typed.ended = got == HOST_INPUT_END;
		typed.size += got > 0 ? (size_t)got : 0;
	}
	while (typed.size > 0 && (typed.in_line || typed_address()) && typed_line())
		;
}

/* "kill NAME" */
static const char *kill_member(const char *line)
{
	struct member *member = &cluster.member[0], *end = member + cluster.nodes;

	if (strncmp(line, "kill ", 5) != 0)
		return "a cluster does not know the request\n";
	while (member < end && strcmp(member->name, line + 5) != 0)
		member++;
	if (member == end)
		return "there is no such node\n";
	if (!member->program)
		return "it has ended already\n";
	member->killed = true;
	host_program_kill(member->program);
	return CONTROL_OK;
}

static void control_look(void)
{
	const char *line = host_control_request(cluster.control);
	char *answer = line ? strdup(kill_member(line)) : NULL;

	if (answer)
		host_control_answer(cluster.control, answer, strlen(answer));
}

static void run(void)
{
	struct host_event event[NODES_MAX + 1];
	unsigned count;

	while (cluster.running > 0 && !host_signal() && !cluster.hopeless) {
		count = 0;
		event[0] = (struct host_event){.source = HOST_SOURCE_INPUT};
		if (wants_input())
			count = 1;
		for (unsigned i = 0; i < cluster.nodes; i++)
			if (cluster.member[i].program)
				event[count++] = (struct host_event){.source = HOST_SOURCE_PROGRAM,
								     .of = cluster.member[i].program};
		host_wait_for(event, count, typed.size > 0 && !wants_input() ? 10000000 : LOOK_NS);
		control_look();
		pass_input(event[0].source == HOST_SOURCE_INPUT && event[0].came);
		for (unsigned i = 0; i < cluster.nodes; i++)
			turn(&cluster.member[i]);
		if (fflush(stdout) != 0) {
			complain("the console is closed: %s", host_error());
			cluster.status = STATUS_STUCK;
			cluster.hopeless = true;
		}
	}
}

/* Of a node under QEMU that could not do so itself. */
static void ports_remove(const char *self)
{
	char path[PATH], name[32];
	struct host_folder *folder;

	snprintf(path, sizeof path, "%s/%s.ports", cluster.path, self);
	folder = host_folder_open(path);
	if (!folder)
		return;
	for (unsigned i = 0; i < cluster.nodes; i++) {
		snprintf(name, sizeof name, "%s.%c", *self == (char)('a' + i) ? "control" : "link", 'a' + i);
		host_folder_delete(folder, name);
	}
	host_folder_close(folder);
	host_folder_remove(path);
}

static void stop_tracing(void)
{
	char running[NODES_MAX + 1];
	unsigned count = 0;

	for (unsigned i = 0; i < cluster.nodes; i++)
		if (cluster.member[i].program)
			running[count++] = (char)('a' + i);
	running[count] = 0;
	cluster_trace_stop(running);
}

/* Each wrote its part when it ended; who was killed could not. */
static void write_trace(void)
{
	bool good = true;

	for (unsigned i = 0; i < cluster.nodes && !cluster.hopeless; i++)
		good &= cluster_trace_add((char)('a' + i)) || cluster.member[i].killed;
	good &= cluster_trace_close();
	if (!good && cluster.status == STATUS_OK)
		cluster.status = STATUS_STUCK;
}

/* Nothing of them stays. */
static void finish(void)
{
	char name[16];

	if (cluster.trace)
		stop_tracing();
	for (unsigned i = 0; i < cluster.nodes; i++)
		if (cluster.member[i].program) {
			line_end(&cluster.member[i]);
			host_program_close(cluster.member[i].program);
		}
	if (cluster.trace)
		write_trace();
	for (unsigned i = 0; i < cluster.nodes; i++) {
		snprintf(name, sizeof name, "%c.control", 'a' + i);
		host_folder_delete(cluster.folder, name);
		snprintf(name, sizeof name, "%c.link", 'a' + i);
		host_folder_delete(cluster.folder, name);
		if (is_metal(cluster.member[i].name))
			ports_remove(cluster.member[i].name);
	}
	host_folder_delete(cluster.folder, REGION);
	host_control_close(cluster.control);
	host_folder_close(cluster.folder);
	if (strcmp(cluster.path, cluster_up_folder()) == 0)
		host_folder_remove(cluster.path);
}

/* Parts of traces that nobody took. */
static void folder_clean(void)
{
	char name[24];

	for (unsigned i = 0; i < NODES_MAX; i++) {
		snprintf(name, sizeof name, "%c.control.json", 'a' + i);
		host_folder_delete(cluster.folder, name);
		snprintf(name, sizeof name, "%c.control.trace", 'a' + i);
		host_folder_delete(cluster.folder, name);
	}
}

static bool folder_open(void)
{
	cluster.folder = host_folder_open(cluster.path);
	if (cluster.folder && host_folder_lock(cluster.folder)) {
		host_folder_delete(cluster.folder, REGION); /* of a cluster that was killed */
		folder_clean();
		return true;
	}
	complain("cannot use %s for the sockets of a cluster: %s%s", cluster.path, host_error(),
		 cluster.folder ? "; another cluster needs another --dir" : "");
	if (cluster.folder)
		host_folder_close(cluster.folder);
	return false;
}

static bool control_open(void)
{
	static char path[PATH];

	snprintf(path, sizeof path, "%s/" CLUSTER_UP_CONTROL, cluster.path);
	cluster.control = host_control_open(path);
	if (!cluster.control)
		complain("cannot make control socket %s: %s", path, host_error());
	return cluster.control;
}

/* --- the command line ----------------------------------------------------------------------------------- */

static bool link_take(const char *word)
{
	cluster.kind = strcmp(word, "shm") == 0 ? "shm:" : strcmp(word, "unix") == 0 ? "unix:" : NULL;
	return cluster.kind || mistake("--link %s: choose shm or unix", word);
}

/* Names of nodes, with commas between. */
static bool metal_take(const char *names)
{
	unsigned count = 0;

	for (const char *at = names; *at; at++) {
		count += *at != ',';
		if (*at != ',' && (*at < 'a' || *at >= (char)('a' + cluster.nodes)))
			count = ARGUMENTS;
	}
	cluster.metal = names;
	return (count > 0 && count < ARGUMENTS) ||
	       mistake("--metal %s: write it as b or a,c, with nodes from a to %c", names,
		       'a' + cluster.nodes - 1);
}

static bool ours_take(const char *option, const char *value)
{
	if (!value)
		return mistake("option '%s' needs a value", option);
	if (strcmp(option, "--link") == 0)
		return link_take(value);
	if (strcmp(option, "--metal") == 0)
		return metal_take(value);
	if (strcmp(option, "--dir") == 0)
		cluster.path = value;
	else if (strcmp(option, "--region") == 0)
		cluster.region = value;
	else
		cluster.trace = value;
	return true;
}

static bool is_among(const char *const *options, const char *word)
{
	while (*options && strcmp(*options, word) != 0)
		options++;
	return *options;
}

/* What is not ours is the nodes'. */
static bool options_take(int argc, char **argv)
{
	static const char *const ours[] = {"--dir", "--link", "--region", "--metal", "--trace", NULL};
	static const char *const given[] = {"--name", "--control", "--ports", NULL};

	for (int i = 3; i < argc; i++) {
		if (is_among(ours, argv[i])) {
			if (!ours_take(argv[i], argv[i + 1]))
				return false;
			i++;
		} else if (is_among(given, argv[i])) {
			return mistake("%s: each node is given its own; leave it out", argv[i]);
		} else if (cluster.options < ARGUMENTS / 2) {
			cluster.option[cluster.options++] = argv[i];
		} else {
			return mistake("there are too many options");
		}
	}
	return true;
}

/* What is wrong for all nodes is said once, before there is one. */
static int check_command(void)
{
	struct command *command = command_of(0);
	struct run_options options;
	struct image image;
	char error[512];
	int status;
	bool good;

	if (!options_parse((int)command->words - 1, (char **)command->word + 1, &options, &status))
		return status;
	good = image_open(&image, options.image, error, sizeof error);
	if (!good)
		complain("cannot boot %s: %s", options.image, error);
	image_close(&image);
	options_free(&options);
	return good ? STATUS_OK : STATUS_NO_BOOT;
}

static bool parse(int argc, char **argv)
{
	options_of("cluster up");
	if (argc < 3)
		return mistake("cluster up needs a number of nodes and an image");
	cluster.image = argv[2];
	cluster.nodes = strlen(argv[1]) == 1 ? (unsigned)(argv[1][0] - '0') : 0;
	if (cluster.nodes == 0 || cluster.nodes > NODES_MAX)
		return mistake("%s: not a number of nodes, 1 to %u", argv[1], NODES_MAX);
	return options_take(argc, argv);
}

int command_cluster_up(int argc, char **argv)
{
	int status;

	if (cluster_asks_for_help(argc, argv))
		return help_up();
	cluster.path = cluster_up_folder();
	cluster.region = "64M";
	cluster.kind = "shm:";
	if (!parse(argc, argv))
		return STATUS_USAGE;
	cluster_trace_at(cluster.trace, cluster.path);
	status = check_command();
	if (status != STATUS_OK)
		return status;
	if (!folder_open())
		return STATUS_NO_BOOT;
	if ((cluster.trace && !cluster_trace_open()) || !control_open()) {
		host_folder_close(cluster.folder);
		return STATUS_NO_BOOT;
	}
	host_signals_catch(NULL);
	for (unsigned i = 0; i < cluster.nodes && !cluster.hopeless; i++)
		cluster.hopeless = !start(i);
	if (cluster.running < cluster.nodes)
		cluster.status = STATUS_NO_BOOT;
	run();
	finish();
	return host_signal() ? STATUS_SIGNAL + host_signal() : cluster.status;
}
