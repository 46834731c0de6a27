/* Several nodes' links in one process: what tests of the link layer are made of. */
#ifndef SKERRY_TEST_NODE_SEVERAL_H
#define SKERRY_TEST_NODE_SEVERAL_H

#include "cluster/link/link.h"
#include "test/node/check.h"

#define NODES      4
#define PATIENCE_S 20

/* Node i is named a, b, … and knows all others. */
extern struct node {
	struct links_config config;
	struct links *links;
	char text[8][128]; /* of URLs */
	unsigned texts;
	unsigned ups[LINK_PEERS], downs[LINK_PEERS], ready;
	bool open[LINK_PEERS];
	size_t got, appetite; /* bytes that came in order; how many are taken at once */
	bool disorder;
	char said[2048];
	unsigned lines;
} node[NODES];

/* A URL of that kind in the folder of this test, kept with the node. */
const char *url(struct node *self, const char *kind, const char *name);
void listen_at(struct node *self, const char *text);
void join(struct node *self, const char *text);
void spin_for(uint64_t spin_ns);
void start(struct node *self);
void stop(struct node *self);
/* Nodes a and b, of which b joins a. In a's list b is peer 0, and the other way round. */
void pair(const char *kind);

/* Each looks for input, waits a little, and does what can be done. */
void turn_all(void);
void run_for(unsigned ms);
/* Lets all nodes run until the condition holds. */
#define until(condition)                                                                                     \
	do {                                                                                                 \
		uint64_t end = host_clock_ns() + PATIENCE_S * 1000000000ull;                                 \
		while (!check_failed() && !(condition) && host_clock_ns() < end)                             \
			turn_all();                                                                          \
		need(condition, "never came true: %s", #condition);                                          \
	} while (0)

/* Sends a stream of so many bytes from one to another's peer, in pieces of odd sizes, and sees it arrive. */
void stream(struct node *from, unsigned peer, struct node *to, size_t size);
/* Does the text have this in it? */
bool has(const char *text, const char *part);

/* Prints a line for each test, named link-NAME, each with new nodes; `end`, which may be NULL, follows on
 * each. Returns main()'s status. */
int check_links(const struct check *tests, size_t count, void (*end)(void));

#endif
