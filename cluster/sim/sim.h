/*
 * A cluster of whole nodes in one process and in virtual time, joined by a network that a seed decides: what
 * is delayed, lost, doubled, damaged; which links are cut and which nodes crash. A run is a function of the
 * image and of struct sim_config: the same seed, the same state.
 *
 * Nodes are named a, b, c…; each has the port "control.NAME" and one "link.PEER" for each other node
 * (vm/device/board.h). Time is that of the cluster, in ns since its beginning.
 */
#pragma once

#include "port/vm/node.h"

#define SIM_NODES     9
#define SIM_FOREVER   UINT64_MAX
#define SIM_DELAY_MIN 20000u   /* ns: the least that a link may have */
#define SIM_WHOLE     1000000u /* probabilities are in millionths */

enum sim_kind {
	SIM_PARTITION, /* nothing passes between nodes of `a` and nodes of `b` */
	SIM_ONE_WAY,   /* nothing passes from `a` to `b` */
	SIM_CUT,       /* the same, and both ends are told: their ports close */
	SIM_CRASH,     /* nodes of `a` are gone, with all that they had, and boot again at the end */
	SIM_STOP,      /* nodes of `a` do nothing */
	SIM_SLOW,      /* they execute one of `value` instructions */
	SIM_CLOCK,     /* their wall clocks jump by `shift`, at the beginning */
	SIM_LOSS,      /* `value`: the probability, for each piece that is sent; of several the highest */
	SIM_DUPLICATE,
	SIM_REORDER,
	SIM_CORRUPT,
	SIM_KINDS
};

struct sim_fault {
	enum sim_kind kind;
	uint64_t from, to; /* the first time at which it is over */
	uint16_t a, b;     /* sets of nodes, a bit for each */
	uint32_t value;
	int64_t shift; /* ns */
};

struct sim_config {
	struct node_config node; /* but for what is in .board: only .board.virtio_modern counts */
	unsigned nodes;          /* 1 to SIM_NODES */
	uint64_t seed;
	uint64_t end;         /* when sim_run() ends */
	uint64_t region_size; /* of the memory that all nodes share, each with a share of its own; 0: none */
	uint64_t delay, jitter;        /* of each link: at least SIM_DELAY_MIN, and at most so much more */
	const struct sim_fault *fault; /* must stay where they are */
	unsigned faults;

	/* What is told; each may be NULL. `node` is its number. */
	void *context;
	void (*output)(void *context, unsigned node, const void *bytes, size_t size);  /* the consoles */
	void (*control)(void *context, unsigned node, const void *bytes, size_t size); /* the control port */
	void (*report)(void *context, unsigned node, const struct node_thread *thread, const char *line);
	/* Nodes that crash or boot, clocks that jump, ports that close. */
	void (*event)(void *context, uint64_t time, const char *line);
	/* A piece that is about to be delivered. */
	void (*passed)(void *context, uint64_t time, unsigned from, unsigned to);
	/* A piece that a node sends, and bytes that one takes, in the order in which it does. */
	void (*sent)(void *context, unsigned from, unsigned to, const void *bytes, size_t size);
	void (*taken)(void *context, unsigned from, unsigned to, const void *bytes, size_t size);
	/* A node that has been made at `time` and has not run yet; one that is about to be destroyed. */
	void (*comes)(void *context, unsigned node, struct node *made, uint64_t time);
	void (*goes)(void *context, unsigned node);
};

struct sim;

/* NULL on failure, with one line in `error`. */
struct sim *sim_create(const struct sim_config *config, char *error, size_t error_size);
void sim_destroy(struct sim *sim);

enum sim_state {
	SIM_RAN,    /* more to do */
	SIM_END,    /* the end is reached */
	SIM_HALTED, /* all nodes have switched themselves off */
	SIM_STUCK,  /* nothing can ever happen again */
	SIM_FAILED, /* the host has not enough memory */
};
/*
 * Runs for `time` ns or a little more: always for whole rounds, so what happens does not depend on how often
 * this is called.
 */
enum sim_state sim_run(struct sim *sim, uint64_t time);

uint64_t sim_time(const struct sim *sim);
/* A digest of all that determines the run from here on. */
uint64_t sim_state_hash(struct sim *sim);
/* Puts off the end. */
void sim_set_end(struct sim *sim, uint64_t end);
/* Sends text to the node's control port. */
void sim_tell(struct sim *sim, unsigned node, const char *text);
/* Types a letter at the node's UART; false: it has not taken the one before, or is down. */
bool sim_type(struct sim *sim, unsigned node, char letter);

struct node *sim_node(struct sim *sim, unsigned node); /* NULL: it is down */
/* Has the node switched itself off? */
bool sim_halted(const struct sim *sim, unsigned node, int *status);

struct sim_stats {
	uint64_t sent, delivered, lost, duplicated, reordered, corrupted;
	uint64_t blocked;  /* by partitions and closed ports */
	uint64_t overflow; /* no room at the receiver */
	uint64_t bytes;    /* delivered */
	uint64_t rounds, crashes;
	uint64_t instructions; /* of the nodes that are up */
};
void sim_get_stats(const struct sim *sim, struct sim_stats *stats);

/* --- faults in words (fault.c) ----------------------------------------------------------------------- */

/* The option for a kind, "--loss", and its value's form, "P[@FROM-TO]". */
const char *sim_fault_option(enum sim_kind kind);
const char *sim_fault_form(enum sim_kind kind);
/* Parses an option's value for a cluster of so many nodes; false with a line in `error`. */
bool sim_fault_parse(enum sim_kind kind, const char *text, unsigned nodes, struct sim_fault *fault,
		     char *error, size_t error_size);
/* Writes it as an option with value, such as "--partition a,b/c@1.5s-2s". */
void sim_fault_text(const struct sim_fault *fault, char *text, size_t size);
/* Random faults, all over before four fifths of the run: the rest shows whether things work again. */
void sim_faults_random(uint64_t seed, unsigned nodes, uint64_t end, struct sim_fault *fault, unsigned faults);

static inline const char *sim_node_name(unsigned node)
{
	static const char names[SIM_NODES][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};

	return names[node];
}
