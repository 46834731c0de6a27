/*
 * Tests of the link layer (cluster/link): a node that looks for input before it sleeps. Which waits look is a
 * matter of what earlier ones found, not of time. Prints `ok NAME` or `not ok NAME: why`.
 */
#include <stdint.h>

#include "cluster/link/link.h"
#include "test/node/several.h"

/* How often a node does not look, before it looks and finds what is there. */
static unsigned waits_without_look(struct node *self)
{
	unsigned waits = 0;

	while (waits < 1000 && !links_spin(self->links, UINT64_MAX))
		waits++;
	return waits;
}

/* Node a sends b a byte, and b finds it without asking the system what has come: after how many waits? */
static unsigned finds(void)
{
	unsigned waits;

	node[1].got = 0;
	links_send(node[0].links, 0, "", 1);
	waits = waits_without_look(&node[1]);
	links_turn(node[1].links);
	need(node[1].got == 1, "what it finds does not come");
	return waits;
}

static void finds_nothing(unsigned waits)
{
	for (unsigned i = 0; i < waits; i++)
		need(!links_spin(node[1].links, UINT64_MAX), "it finds what is not there");
}

/* Looks in vain become rare, up to one of 256 waits, and are back as soon as they are of use. */
static void looks_if_useful(const char *kind)
{
	unsigned waits;

	spin_for(1);
	pair(kind);
	run_for(5);
	finds_nothing(3000);
	finds();
	finds_nothing(1);
	waits = finds();
	need(waits == 255, "it has looked in vain, and looks again after %u waits", waits);
	for (unsigned i = 0; i < 8; i++) {
		waits = finds();
		need(waits == 0, "what it looks for has come, and yet it does not look for %u waits", waits);
	}
	finds_nothing(1);
	waits = finds();
	need(waits == 1, "it has looked in vain once, and does not look for %u waits", waits);
}

/* What the guest does not take is no reason to go on looking. */
static void looks_not_if_full(const char *kind)
{
	spin_for(1);
	pair(kind);
	run_for(5);
	node[1].appetite = 0;
	links_send(node[0].links, 0, "", 1);
	need(waits_without_look(&node[1]) <= 255, "it does not look");
	links_turn(node[1].links);
	links_send(node[0].links, 0, "", 1);
	finds_nothing(3000);
	node[1].appetite = SIZE_MAX;
	node[1].got = 0;
	links_offer(node[1].links);
	need(node[1].got == 1 && waits_without_look(&node[1]) <= 255, "what came meanwhile is not found");
	links_turn(node[1].links);
	need(node[1].got == 2, "what came meanwhile does not come");
}

static void unix_looks_if_useful(void)
{
	looks_if_useful("unix");
}

static void shm_looks_if_useful(void)
{
	looks_if_useful("shm");
}

static void unix_looks_not_if_full(void)
{
	looks_not_if_full("unix");
}

static void shm_looks_not_if_full(void)
{
	looks_not_if_full("shm");
}

/* An end is found like input, once. */
static void looks_end(void)
{
	spin_for(1);
	pair("unix");
	run_for(5);
	stop(&node[0]);
	need(waits_without_look(&node[1]) <= 255, "the end is not found");
	links_turn(node[1].links);
	need(!node[1].open[0], "the link stays up");
	finds_nothing(3000);
}

int main(void)
{
	static const struct check tests[] = {
		{"unix-looks-if-useful", unix_looks_if_useful},
		{"shm-looks-if-useful", shm_looks_if_useful},
		{"unix-looks-not-if-full", unix_looks_not_if_full},
		{"shm-looks-not-if-full", shm_looks_not_if_full},
		{"looks-end", looks_end},
	};

	return check_links(tests, sizeof tests / sizeof tests[0], NULL);
}
