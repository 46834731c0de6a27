/*
 * The bridge's tables without a bridge: exports, imports, names. What a peer may and may not say of them.
 */
#include <stdio.h>
#include <string.h>

#include "srv/bridge/names.h"
#include "srv/bridge/table.h"

static struct exports exports;
static struct imports imports;
static struct names names;
static const char *why;

static void expect(bool good, const char *what)
{
	if (!good && !why)
		why = what;
}

static enum table_look look(unsigned peer, uint32_t number)
{
	struct export *found;

	return export_look(&exports, peer, number, &found);
}

static struct export *export_of(uint32_t number)
{
	return &exports.places[table_place(number)];
}

static void test_exports(void)
{
	uint32_t number = export_add(&exports, 1, 1);

	expect(look(1, number) == TABLE_LIVE, "it is not there");
	expect(look(0, number) == TABLE_NEVER, "it is another's, too");
	expect(look(1, number + TABLE_PLACES) == TABLE_NEVER, "one that has not been made yet is there");
	expect(look(1, table_place(number)) == TABLE_NEVER && look(1, 0) == TABLE_NEVER,
	       "there is a number 0");
	export_remove(&exports, export_of(number));
	expect(look(1, number) == TABLE_GONE, "it is not gone");
}

/* A number never comes again, and when a place has no more of them, it is not used. */
static void test_numbers(void)
{
	static uint32_t last[TABLE_PLACES];

	for (unsigned i = 0; i < 10 * TABLE_PLACES; i++) {
		uint32_t number = export_add(&exports, i % 2, 1);

		expect(number > last[table_place(number)], "a number came again");
		expect(!last[table_place(number)] || look(i % 2, last[table_place(number)]) == TABLE_GONE,
		       "an old number is that of the new one");
		last[table_place(number)] = number;
		export_remove(&exports, export_of(number));
	}
	export_of(5)->use = TABLE_LAST_USE - 1;
	for (unsigned i = 0; i < 3 * TABLE_PLACES; i++) {
		uint32_t number = export_add(&exports, 0, 1);

		expect(number != 0, "there is no place");
		expect(table_place(number) != 5 || number >> TABLE_PLACE_BITS == TABLE_LAST_USE,
		       "a place began again");
		export_remove(&exports, export_of(number));
	}
}

static void test_limits(void)
{
	unsigned count = 0;

	while (export_add(&exports, 0, 1))
		count++;
	expect(count == 500, "not as many as the peer takes");
	while (export_add(&exports, 1, 1))
		count++;
	expect(count == 1000, "the limits are not each peer's own");
}

/* Until it is claimed, by the right one with the right ticket, it is nobody's. */
static void test_claims(void)
{
	uint32_t number = export_give(&exports, 1, 1, 99, 0), plain = export_add(&exports, 1, 1);

	expect(look(1, number) == TABLE_NEVER, "it is there before it is claimed");
	expect(!export_claim(&exports, 1, number, 98) && !export_claim(&exports, 1, number, 0),
	       "by another ticket");
	expect(!export_claim(&exports, 0, number, 99), "by another peer");
	expect(!export_claim(&exports, 1, number + TABLE_PLACES, 99), "by another number");
	expect(!export_claim(&exports, 1, plain, 0), "what nobody gave was claimed");
	expect(export_claim(&exports, 1, number, 99) == export_of(number), "it cannot be claimed");
	expect(look(1, number) == TABLE_LIVE, "it is not there after it is claimed");
	expect(!export_claim(&exports, 1, number, 99), "it was claimed twice");
	number = export_give(&exports, 1, 1, 7, 0);
	export_of(number)->revoked = true;
	expect(!export_claim(&exports, 1, number, 7), "it was claimed after it was revoked");
}

/* What others give to a peer leaves room for its own. */
static void test_unclaimed(void)
{
	uint32_t number = 0, last, count = 0;

	while ((last = export_give(&exports, 1, 1, 5, 0))) {
		number = last;
		count++;
	}
	expect(count == 125, "not a quarter");
	expect(export_add(&exports, 1, 1) != 0, "there is no room for others");
	expect(export_claim(&exports, 1, number, 5) && export_give(&exports, 1, 1, 5, 0),
	       "claimed, it still counts");
	expect(!export_give(&exports, 1, 1, 5, 0), "claimed, it counts twice");
	export_remove(&exports, export_of(number));
	expect(!export_give(&exports, 1, 1, 5, 0), "a claimed one that is gone counts again");
	export_remove(&exports, export_of(number - 1));
	expect(export_give(&exports, 1, 1, 5, 0), "one that is gone still counts");
}

static void test_imports(void)
{
	static struct import *all[300];

	for (uint32_t i = 0; i < 300; i++) /* many of one hash */
		all[i] = import_add(&imports, i % 3, 7 + i / 3 * (TABLE_PLACES + 1) % 9999, 1);
	for (uint32_t i = 0; i < 300; i++)
		expect(all[i] && import_find(&imports, i % 3, all[i]->number) == all[i], "it is not found");
	for (uint32_t i = 0; i < 300; i += 2) {
		uint32_t name = import_name(&imports, all[i]), number = all[i]->number;

		import_end(&imports, all[i]);
		expect(!import_find(&imports, i % 3, number) && !import_by_name(&imports, name),
		       "it is found after its end");
		import_remove(&imports, all[i]);
		expect(!import_by_name(&imports, name), "it is found after it was removed");
	}
	for (uint32_t i = 1; i < 300; i += 2) {
		expect(import_find(&imports, i % 3, all[i]->number) == all[i],
		       "another one is not found any more");
		import_remove(&imports, all[i]);
	}
	expect(imports.count[0] + imports.count[1] + imports.count[2] == 0, "some are still counted");
	for (uint32_t i = 0; i < 3 * TABLE_PLACES; i++) {
		static uint32_t last[TABLE_PLACES];
		struct import *import = import_add(&imports, 0, i + 1, 1);
		uint32_t *before = &last[import_place(&imports, import)];

		expect(import_name(&imports, import) > *before, "a name came again");
		*before = import_name(&imports, import);
		import_remove(&imports, import);
	}
}

static void test_names(void)
{
	int place = NAMES_NOBODY, other;

	expect(names_publish(&names, "x", &place) == NAMES_OK && names_winner(&names, "x") == NAMES_SELF,
	       "not ours");
	expect(names_publish(&names, "x", &other) == NAMES_EXISTS, "published twice");
	expect(names_heard(&names, 0, "x", 1, &other) == NAMES_LOST && other == place,
	       "the name first in order lost");
	expect(names_winner(&names, "x") == 0, "and is not the winner");
	expect(names_publish(&names, "y", &place) == NAMES_OK, "cannot publish another");
	expect(names_heard(&names, 1, "y", 1, &other) == NAMES_OK, "an older claim won");
	expect(names_heard(&names, 1, "y", 3, &other) == NAMES_LOST, "a later claim lost");
	expect(names_unheard(&names, 1, "y") && names_winner(&names, "y") == NAMES_NOBODY,
	       "withdrawn, it is there");
	names_forget(&names, 0);
	expect(names_winner(&names, "x") == NAMES_NOBODY, "a node that is gone has it");
}

static void test_stamps(void)
{
	int place;

	expect(names_heard(&names, 0, "x", 0, &place) == NAMES_ABSURD, "no stamp");
	expect(names_heard(&names, 0, "x", NAMES_STRIDE, &place) == NAMES_OK, "a high stamp is refused");
	expect(names_heard(&names, 0, "x", 1, &place) == NAMES_OK, "a low one later is refused");
	expect(names_publish(&names, "y", &place) == NAMES_OK &&
		       names.claims[NAMES_SELF][place].stamp > NAMES_STRIDE,
	       "one's own stamp is not the highest");
}

/* Lies about stamps: whoever was told them is still believed by others, and counts on. */
static void test_lies(void)
{
	static struct names other; /* node c, which the liar a does not talk to */
	int place;

	other = names;
	strcpy(other.node[NAMES_SELF], "c");
	strcpy(other.node[1], "b");
	for (uint64_t i = 1; i < 9; i++)
		expect(names_heard(&names, 0, "x", i * NAMES_STRIDE, &place) == NAMES_OK,
		       "a step is refused");
	names_publish(&names, "y", &place);
	expect(names_heard(&other, 1, "y", names.claims[NAMES_SELF][place].stamp, &place) == NAMES_OK,
	       "who believed a lie is taken for a liar");
	expect(names_heard(&names, 0, "z", UINT64_MAX, &place) == NAMES_OK &&
		       names_winner(&names, "z") == 0 && names.clock < 10 * NAMES_STRIDE,
	       "the last stamp leaves none for others");
	names.clock = UINT64_MAX;
	expect(names_publish(&names, "w", &place) == NAMES_OK && names_winner(&names, "w") == NAMES_SELF,
	       "after the last stamp nothing can be published");
}

/* --- names of several nodes that hear each other now and then ------------------------------------- */

enum { NODES = 4, SPOKEN = 64 };

/* What one node has said to another and that has not heard yet: a claim, or its end (stamp 0). */
static struct pair {
	bool up; /* their session, as the first sees it */
	struct claim said[SPOKEN];
	unsigned first, count;
} pairs[NODES][NODES];
static struct names nodes[NODES];
static const char *const some_names[] = {"x", "y", "z"};
static uint64_t state;

static unsigned dice(unsigned below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % below;
}

/* A node's number for another, as in a bridge: peers come in order, itself is not among them. */
static unsigned peer_of(unsigned node, unsigned other)
{
	return other < node ? other : other - 1;
}

static void tell(unsigned node, unsigned other, const char *name, uint64_t stamp)
{
	struct pair *pair = &pairs[node][other];

	if (!pair->up)
		return;
	expect(pair->count < SPOKEN, "(the test has no room)");
	struct claim *claim = &pair->said[(pair->first + pair->count++) % SPOKEN];
	*claim = (struct claim){.stamp = stamp};
	strcpy(claim->name, name);
}

static void tell_all(unsigned node, const char *name, uint64_t stamp)
{
	for (unsigned other = 0; other < NODES; other++)
		if (other != node)
			tell(node, other, name, stamp);
}

/* Hears one message, if there is one. */
static bool hear(unsigned node, unsigned from)
{
	struct pair *pair = &pairs[from][node];
	struct claim claim;
	int place;

	if (!pair->count || !pairs[node][from].up)
		return false;
	claim = pair->said[pair->first];
	pair->first = (pair->first + 1) % SPOKEN;
	pair->count--;
	if (!claim.stamp)
		names_unheard(&nodes[node], peer_of(node, from), claim.name);
	else if (names_heard(&nodes[node], peer_of(node, from), claim.name, claim.stamp, &place) ==
		 NAMES_LOST)
		tell_all(node, claim.name, 0);
	return true;
}

/* Each sees the end when it does; what was said is lost. */
static void session_end(unsigned node, unsigned other)
{
	if (pairs[node][other].up)
		names_forget(&nodes[node], peer_of(node, other));
	pairs[node][other].up = false;
	pairs[node][other].count = 0;
}

static void session_begin(unsigned node, unsigned other)
{
	session_end(node, other);
	session_end(other, node);
	pairs[node][other].up = pairs[other][node].up = true;
	for (unsigned i = 0; i < 2; i++) {
		unsigned from = i ? node : other, to = i ? other : node;
		for (int place = 0; place < NAMES_EACH; place++) {
			const struct claim *claim = &nodes[from].claims[NAMES_SELF][place];
			if (claim->stamp)
				tell(from, to, claim->name, claim->stamp);
		}
	}
}

static void something_happens(void)
{
	unsigned node = dice(NODES), other = (node + 1 + dice(NODES - 1)) % NODES;
	const char *name = some_names[dice(3)];
	int place;

	switch (dice(10)) {
	case 0:
		session_end(node, other);
		break;
	case 1:
		session_begin(node, other);
		break;
	case 2:
	case 3:
		if (names_publish(&nodes[node], name, &place) == NAMES_OK)
			tell_all(node, name, nodes[node].claims[NAMES_SELF][place].stamp);
		break;
	case 4:
		place = names_place(&nodes[node], NAMES_SELF, name);
		if (place != NAMES_NOBODY && dice(3) == 0) {
			names_withdraw(&nodes[node], place);
			tell_all(node, name, 0);
		}
		break;
	default:
		hear(node, other);
	}
}

/* Whose claim to the name is the best, among those who claim it themselves. */
static int best_claim(const char *name)
{
	int best = NAMES_NOBODY;
	uint64_t stamp = 0;

	for (int node = 0; node < NODES; node++) {
		int place = names_place(&nodes[node], NAMES_SELF, name);
		if (place != NAMES_NOBODY && nodes[node].claims[NAMES_SELF][place].stamp > stamp) {
			stamp = nodes[node].claims[NAMES_SELF][place].stamp;
			best = node;
		}
	}
	return best;
}

/* Until nothing is left that was said, in any order. */
static void hear_all(void)
{
	for (unsigned idle = 0; idle < 1000; idle++)
		if (hear(dice(NODES), dice(NODES)))
			idle = 0;
}

/* All hear each other: whatever the order, the best claim is left, and all know it. */
static void heal(void)
{
	int best[3];

	hear_all(); /* who has heard of a claim that is withdrawn since may have given up its own */
	for (unsigned i = 0; i < 3; i++)
		best[i] = best_claim(some_names[i]);
	for (unsigned node = 0; node < NODES; node++)
		for (unsigned other = 0; other < node; other++)
			if (!pairs[node][other].up || !pairs[other][node].up)
				session_begin(node, other);
	hear_all();
	for (unsigned i = 0; i < 3; i++)
		for (unsigned node = 0; node < NODES; node++) {
			int winner = names_winner(&nodes[node], some_names[i]);
			int is = best[i] == (int)node ? NAMES_SELF
				 : best[i] < 0        ? NAMES_NOBODY
						      : (int)peer_of(node, (unsigned)best[i]);
			expect(winner == is, "not all agree on the best claim");
			expect((names_place(&nodes[node], NAMES_SELF, some_names[i]) != NAMES_NOBODY) ==
				       (winner == NAMES_SELF),
			       "one that lost is still claimed");
		}
}

static void test_settle(void)
{
	for (state = 1; state < 3000 && !why; state++) {
		uint64_t seed = state;

		memset(pairs, 0, sizeof pairs);
		memset(nodes, 0, sizeof nodes);
		for (unsigned node = 0; node < NODES; node++) {
			nodes[node].node[NAMES_SELF][0] = (char)('a' + node);
			for (unsigned other = 0; other < NODES; other++)
				if (other != node)
					nodes[node].node[peer_of(node, other)][0] = (char)('a' + other);
		}
		for (unsigned steps = 20 + dice(200); steps; steps--)
			something_happens();
		heal();
		if (why)
			printf("# seed %lu\n", seed);
		state = seed;
	}
}

static void test_full(void)
{
	char name[NAMES_BYTES] = "n00";
	int place;

	for (int i = 0; i < NAMES_EACH; i++) {
		name[1] = (char)('0' + i / 10);
		name[2] = (char)('0' + i % 10);
		expect(names_heard(&names, 0, name, 5, &place) == NAMES_OK, "a peer has fewer names");
		name[0] = 'm';
		expect(names_publish(&names, name, &place) == NAMES_OK, "we have fewer names");
		name[0] = 'n';
	}
	expect(names_heard(&names, 0, "more", 5, &place) == NAMES_FULL, "a peer has more names");
	expect(names_publish(&names, "mine", &place) == NAMES_FULL, "we have more names");
	expect(names_heard(&names, 1, "more", 5, &place) == NAMES_OK, "another peer has fewer");
	names_withdraw(&names, 3);
	names.busy = 8;
	expect(names_publish(&names, "mine", &place) == NAMES_FULL, "a busy place was used");
	names.busy = 0;
	expect(names_publish(&names, "mine", &place) == NAMES_OK && place == 3, "a free place was not used");
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		{"exports", test_exports}, {"numbers", test_numbers},     {"limits", test_limits},
		{"claims", test_claims},   {"unclaimed", test_unclaimed}, {"imports", test_imports},
		{"names", test_names},     {"stamps", test_stamps},       {"full", test_full},
		{"lies", test_lies},       {"settle", test_settle},
	};
	bool all_good = true;

	for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++) {
		why = NULL;
		exports_init(&exports);
		imports_init(&imports);
		memset(&names, 0, sizeof names);
		exports.limit[0] = exports.limit[1] = 500;
		strcpy(names.node[NAMES_SELF], "b");
		strcpy(names.node[0], "a");
		strcpy(names.node[1], "c");
		tests[i].run();
		printf(why ? "not ok tables-%s: %s\n" : "ok tables-%s\n", tests[i].name, why);
		all_good = all_good && !why;
	}
	return !all_good;
}
